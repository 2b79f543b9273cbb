/*
 * Arithmetic flags: x86 guests' are the host's own. An IR_FL value exists either in EFLAGS
 * (host_flags names the insn) or packed in a general register, as LAHF and SETO leave it in AX.
 * Moves do not change EFLAGS, so values can be moved about while flags are live there.
 */
#include "tcg/host/x86_64/cg.h"

static unsigned width_of(enum ir_type t)
{
    return t == IR_I32 ? IR_W32 : IR_W64;
}

static bool same(const struct cg *g, ir_ref a, ir_ref b)
{
    return a && b && g->id[a] == g->id[b];
}

static bool const_is(const struct cg *g, ir_ref v, uint64_t want, enum ir_type t)
{
    uint64_t c;
    if (!ir_is_const(g->r, v, &c))
        return false;
    return t == IR_I32 ? (uint32_t)c == (uint32_t)want : c == want;
}

static bool partners(const struct cg *g, const struct ir_insn *i, ir_ref n, const struct ir_insn *f)
{
    uint64_t c, k;
    if (f->aux != width_of(i->type))
        return false;
    switch (i->op) {
    case IR_ADD:
        if (f->op == IR_FL_ADD)
            return (same(g, f->a, i->a) && same(g, f->b, i->b)) ||
                   (same(g, f->a, i->b) && same(g, f->b, i->a));
        if (f->op == IR_FL_INC)
            return same(g, f->a, i->a) && const_is(g, i->b, 1, i->type);
        if (f->op == IR_FL_DEC)
            return same(g, f->a, i->a) && const_is(g, i->b, ~UINT64_C(0), i->type);
        /* subtraction of a constant was folded into an addition */
        if (f->op == IR_FL_SUB && same(g, f->a, i->a) && ir_is_const(g->r, i->b, &c) &&
            ir_is_const(g->r, f->b, &k)) {
            int32_t imm;
            return (i->type == IR_I32 ? (uint32_t)(c + k) == 0 : c + k == 0) &&
                   cg_imm32(g, f->b, &imm);
        }
        return false;
    case IR_SUB:
        return f->op == IR_FL_SUB && same(g, f->a, i->a) && same(g, f->b, i->b);
    case IR_ADC:
        return f->op == IR_FL_ADC && same(g, f->a, i->a) && same(g, f->b, i->b) &&
               same(g, f->c, i->c);
    case IR_SBB:
        return f->op == IR_FL_SBB && same(g, f->a, i->a) && same(g, f->b, i->b) &&
               same(g, f->c, i->c);
    case IR_AND:
    case IR_OR:
    case IR_XOR:
        return f->op == IR_FL_LOGIC && g->id[f->a] == n;
    case IR_SHL:
        return f->op == IR_FL_SHL && same(g, f->a, i->a) && same(g, f->b, i->b);
    case IR_SHR:
        return f->op == IR_FL_SHR && same(g, f->a, i->a) && same(g, f->b, i->b);
    case IR_SAR:
        return f->op == IR_FL_SAR && same(g, f->a, i->a) && same(g, f->b, i->b);
    default:
        return false;
    }
}

bool fl_constant_shift(const struct cg *g, const struct ir_insn *f, unsigned *count)
{
    uint64_t c;
    if ((f->op != IR_FL_SHL && f->op != IR_FL_SHR && f->op != IR_FL_SAR) ||
        !ir_is_const(g->r, f->b, &c) || !(c & 63))
        return false;
    *count = (unsigned)c & 63;
    return true;
}

/* Insn f, which comes with n, takes CF from flags in. */
static void fl_need_carry(struct cg *g, const struct ir_insn *f, ir_ref in, uint32_t n)
{
    ir_ref lone = fl_lone_carry(g, f, in);
    cg_need(g, lone ? lone : g->id[in], n);
}

void fl_find_fused(struct cg *g, uint32_t n)
{
    unsigned count;
    const struct ir_insn *i = &g->r->insns[n];
    for (uint32_t m = n + 1; m < g->r->count && m < n + 6; m++) {
        const struct ir_insn *f = &g->r->insns[m];
        if (f->type == IR_FL && f->op != IR_GET) {
            if (partners(g, i, (ir_ref)n, f)) {
                g->fused[m] = (uint16_t)n;
                g->partner[n] = (uint8_t)(m - n);
                /* old flags that go in are wanted when the integer insn is computed */
                if (f->op == IR_FL_INC || f->op == IR_FL_DEC)
                    fl_need_carry(g, f, f->b, n);
                else if ((f->op == IR_FL_SHL || f->op == IR_FL_SHR || f->op == IR_FL_SAR) &&
                         !fl_constant_shift(g, f, &count))
                    cg_need(g, g->id[f->c], n);
            }
            return;
        }
        /* only what emits no code may stand between */
        if (f->op != IR_NOP && f->op != IR_PUT && f->op != IR_CONST && f->op != IR_TRUNC &&
            f->op != IR_GET && !(f->op == IR_ZEXT && cg_is_alias(g->r, m)))
            return;
        if (f->op == IR_GET && g->cur[f->aux])
            g->id[m] = g->cur[f->aux];
        else if (f->op != IR_NOP)
            cg_assign_id(g, m);
    }
}

void fl_recipe_operands(const struct cg *g, uint32_t n, uint32_t out[3], bool *from_result)
{
    const struct ir_insn *f = &g->r->insns[n];
    const bool label = f->imm != 0; /* says what holds at a label, with operands of its own */
    unsigned count;
    out[0] = out[1] = out[2] = 0;
    *from_result = false;
    switch (f->op) {
    case IR_FL_LOGIC:
        out[0] = g->id[f->a];
        break;
    case IR_FL_SHL:
    case IR_FL_SHR:
    case IR_FL_SAR:
        if (!label && !fl_constant_shift(g, f, &count)) {
            if (g->r->insns[f->b].op == IR_CONST)
                return;           /* by 0 */
            out[2] = g->id[f->c]; /* a count of 0 leaves the old flags */
        }
        out[0] = g->id[f->a];
        out[1] = g->id[f->b];
        break;
    case IR_FL_CMC: { /* of an addition; a logical operation's are those of adding 0 */
        const struct ir_insn *x = &g->r->insns[f->a];
        if (label || (x->op != IR_FL_ADD && x->op != IR_FL_LOGIC) || x->aux != f->aux)
            return;
        *from_result = x->op == IR_FL_ADD && g->fused[f->a];
        out[0] = *from_result ? g->id[g->fused[f->a]] : g->id[x->a];
        out[1] = x->op == IR_FL_ADD ? g->id[x->b] : 0;
        return;
    }
    case IR_FL_SUB:
    case IR_FL_ADD:
        /* the result tells the first operand, which has often been overwritten by it */
        *from_result = g->fused[n] != 0;
        out[0] = *from_result ? g->id[g->fused[n]] : g->id[f->a];
        out[1] = g->id[f->b];
        break;
    case IR_FL_INC:
    case IR_FL_DEC:
        *from_result = true;
        out[0] = g->fused[n];
        out[2] = g->id[f->b];
        break;
    case IR_FL_SETCO:
        out[0] = g->id[f->a];
        out[1] = g->id[f->b];
        out[2] = g->id[f->c];
        break;
    default: /* cannot be computed later; imm is for something else */
        return;
    }
    if (label) {
        *from_result = (f->imm & FL_LABEL_FROM_RESULT) != 0;
        out[0] = g->id[f->a];
        out[1] = f->b ? g->id[f->b] : 0;
        out[2] = 0;
    }
}

/* Is the operand of a recipe there until then? The second tier keeps it for that. */
static bool available(struct cg *g, uint32_t v, uint32_t until, bool keep)
{
    if (keep)
        cg_need(g, v, until);
    return (v < IR_MAX_INSNS && g->r->insns[v].op == IR_CONST) || g->last[v] >= until;
}

bool fl_recipe(struct cg *g, uint32_t n, uint32_t until)
{
    const struct ir_insn *f = &g->r->insns[n];
    uint32_t v[3];
    bool from_result;
    int32_t imm;
    fl_recipe_operands(g, n, v, &from_result);
    if (!v[0] || (from_result && f->aux < IR_W32))
        return false;
    if (v[1] && v[1] < IR_MAX_INSNS && g->r->insns[v[1]].op == IR_CONST && f->aux == IR_W64 &&
        !cg_imm32(g, (ir_ref)v[1], &imm))
        return false; /* transitions compute with it as an immediate */
    if (v[2] && v[2] < IR_MAX_INSNS && g->r->insns[v[2]].op == IR_CONST)
        return false;
    /* Two carries cost less to keep than to put among the flags. */
    bool keep = g->second_tier || f->op == IR_FL_SETCO;
    if (!available(g, v[0], until, keep) || (v[1] && !available(g, v[1], until, keep)))
        return false;
    if (v[2]) { /* old flags: in packed form, which nothing else wants the register of */
        if (v[2] < IR_MAX_INSNS && !g->packed[v[2]])
            return false;
        cg_need(g, v[2], until);
    }
    return true;
}

ir_ref fl_partner(struct cg *g, uint32_t n)
{
    const uint32_t m = g->partner[n] ? n + g->partner[n] : 0;
    return g->packed[m] || g->direct[m] ? (ir_ref)m : 0;
}

/* EFLAGS -> packed form in the register of insn n. */
static void pack(struct cg *g)
{
    cg_take(g, RAX);
    emit_rr(&g->e, X_SETCC | CC_O, 0, RAX);
    emit_u8(&g->e, 0x9f); /* lahf */
    g->gpr_locked &= ~(1u << RAX);
    int dst = cg_dst(g, 1u << RAX);
    emit_mov(&g->e, false, dst, RAX);
    g->host_flags = (uint16_t)g->n;
}

void fl_emit_unpack(struct emit *e)
{
    emit_u8(e, 0x04); /* add al, 0x7f: OF from bit 0 */
    emit_u8(e, 0x7f);
    emit_u8(e, 0x9e); /* sahf */
}

void fl_to_host(struct cg *g, ir_ref f)
{
    f = cg_id(g, f);
    if (g->host_flags == f && f)
        return;
    cg_take(g, RAX);
    int r = cg_gpr(g, f);
    emit_mov(&g->e, false, RAX, r);
    fl_emit_unpack(&g->e);
    g->host_flags = f;
}

ir_ref fl_lone_carry(const struct cg *g, const struct ir_insn *i, ir_ref f)
{
    const struct ir_insn *x = &g->r->insns[f];
    switch (i->op) {
    case IR_ADC:
    case IR_SBB:
    case IR_FL_ADC:
    case IR_FL_SBB:
    case IR_FL_INC:
    case IR_FL_DEC:
        return x->op == IR_FL_CO ? g->id[x->a] : 0;
    default:
        return 0;
    }
}

/* Is CF what value v, a carry by itself, was made from? A slot's value at home has no insn. */
static bool carry_in_host(const struct cg *g, ir_ref v)
{
    if (v >= IR_MAX_INSNS)
        return false;
    const struct ir_insn *i = &g->r->insns[v];
    return i->op == IR_SETCC && i->aux == IR_CC_B && g->host_flags && g->id[i->a] == g->host_flags;
}

void fl_carry_operand(struct cg *g, const struct ir_insn *i, ir_ref f)
{
    ir_ref lone = fl_lone_carry(g, i, f);
    int32_t c;
    if (g->host_flags == cg_id(g, f) || (lone && (cg_imm32(g, lone, &c) || carry_in_host(g, lone))))
        return;
    cg_gpr(g, lone ? lone : f);
}

void fl_carry(struct cg *g, const struct ir_insn *i, ir_ref f)
{
    ir_ref lone = fl_lone_carry(g, i, f);
    int32_t c;
    if (g->host_flags == cg_id(g, f) || (lone && carry_in_host(g, lone)))
        return;
    if (lone && cg_imm32(g, lone, &c)) {
        emit_u8(&g->e, 0xf8 | (c & 1)); /* clc, stc */
    } else {
        int r = cg_gpr(g, lone ? lone : f);
        emit_rr(&g->e, 0xba | MAP_0F, 4, r); /* bt */
        emit_u8(&g->e, lone ? 0 : 8);
    }
    fl_clobber(g);
}

unsigned fl_condition(struct cg *g, ir_ref f, unsigned cc)
{
    static const uint16_t bits[8] = {IR_FL_OF, IR_FL_CF, IR_FL_ZF, IR_FL_CF | IR_FL_ZF,
                                     IR_FL_SF, IR_FL_PF, 0,        0};
    unsigned host;
    f = cg_id(g, f);
    if (g->host_flags == f)
        return cc;
    if (arm_fp_condition(g, f, cc, &host))
        return host;
    if (!bits[cc >> 1]) {
        fl_to_host(g, f);
        return cc;
    }
    int r = cg_gpr(g, f);
    emit_rr(&g->e, 0xf7, 0, r); /* test r32, imm32 */
    emit_u32(&g->e, bits[cc >> 1]);
    fl_clobber(g);
    return cc & 1 ? CC_E : CC_NE;
}

/* A copy of v in a scratch register. */
static int copy(struct cg *g, ir_ref v)
{
    int r = cg_gpr(g, v), t = cg_temp(g);
    emit_mov(&g->e, true, t, r);
    return t;
}

static void alu_operand(struct cg *g, unsigned size, uint32_t op, int group, int dst, ir_ref b)
{
    int32_t imm;
    if (cg_imm32(g, b, &imm))
        emit_alu_imm(&g->e, size, group, dst,
                     size == 1   ? (int8_t)imm
                     : size == 2 ? (int16_t)imm
                                 : imm);
    else
        emit_alu(&g->e, size, op, dst, cg_gpr(g, b));
}

/* Shift, rotate and double shift flags when the value was not computed alongside. */
static void shift_flags(struct cg *g, const struct ir_insn *i, unsigned size)
{
    static const uint8_t groups[] = {
        [IR_FL_SHL - IR_FL_SHL] = G_SHL, [IR_FL_SHR - IR_FL_SHL] = G_SHR,
        [IR_FL_SAR - IR_FL_SHL] = G_SAR, [IR_FL_ROL - IR_FL_SHL] = G_ROL,
        [IR_FL_ROR - IR_FL_SHL] = G_ROR,
    };
    bool twin = i->op == IR_FL_SHLD || i->op == IR_FL_SHRD;
    ir_ref count = twin ? i->c : i->b, old = twin ? i->d : i->c;
    unsigned constant;
    if (fl_constant_shift(g, i, &constant)) {
        emit_shift_imm(&g->e, size, groups[i->op - IR_FL_SHL], copy(g, i->a), constant);
        return;
    }
    cg_take(g, RCX);
    cg_take(g, RAX);
    int rc = cg_gpr(g, count);
    emit_mov(&g->e, false, RCX, rc);
    int t = copy(g, i->a), b = twin ? cg_gpr(g, i->b) : 0;
    fl_to_host(g, old);
    if (twin)
        emit_rr(&g->e, (i->op == IR_FL_SHLD ? X_SHLD : X_SHRD) | w_bit(size == 8), b, t);
    else
        emit_shift_cl(&g->e, size, groups[i->op - IR_FL_SHL], t);
}

/* Flags that are plain bit arithmetic on the packed form. */
static bool define_packed(struct cg *g, const struct ir_insn *i)
{
    struct emit *e = &g->e;
    if (i->op == IR_FL_FROM) {
        int a = cg_gpr(g, i->a), dst = cg_dst(g, 1u << a);
        emit_mov(e, false, dst, a);
        emit_alu_imm(e, 4, G_AND, dst, IR_FL_MASK);
    } else if (i->op == IR_FL_SETCF) {
        int old = cg_gpr(g, i->b), t = copy(g, i->a);
        int dst = cg_dst(g, 1u << old);
        emit_mov(e, false, dst, old);
        emit_alu_imm(e, 4, G_AND, t, 1);
        emit_alu_imm(e, 4, G_AND, dst, (int32_t) ~(uint32_t)IR_FL_CF);
        emit_shift_imm(e, 4, G_SHL, t, 8);
        emit_alu(e, 4, X_OR, dst, t);
    } else if (i->op == IR_FL_SETCO) {
        int rest = cg_gpr(g, i->c), of = cg_gpr(g, i->b), t = copy(g, i->a);
        int dst = cg_dst(g, 1u << rest);
        emit_shift_imm(e, 4, G_SHL, t, 8);
        emit_alu(e, 4, X_OR, t, of);
        emit_mov(e, false, dst, rest);
        emit_alu_imm(e, 4, G_AND, dst, (int32_t) ~(uint32_t)(IR_FL_CF | IR_FL_OF));
        emit_alu(e, 4, X_OR, dst, t);
    } else if (i->op == IR_FL_CO) {
        int a = cg_gpr(g, i->a), dst = cg_dst(g, 1u << a);
        emit_mov(e, false, dst, a);
        emit_alu_imm(e, 4, G_AND, dst, 1);
        emit_rr(e, 0x69, dst, dst); /* imul: bit 0 and bit 8 */
        emit_u32(e, 0x101);
    } else {
        return false;
    }
    fl_clobber(g);
    return true;
}

/* A comparison, or flags that are a constant, by a condition over others. Guests branch by it, so
 * a branch here is as well predicted as theirs, and cheaper than to choose between packed flags. */
static void conditional_compare(struct cg *g, const struct ir_insn *i, unsigned size)
{
    struct emit *e = &g->e;
    int32_t imm;
    cg_take(g, RAX);
    int a = cg_gpr(g, i->a), b = cg_imm32(g, i->b, &imm) ? NO_REG : cg_gpr(g, i->b);
    unsigned cc = fl_condition(g, i->c, i->imm & 15);
    uint8_t *other = emit_jcc(e, cc ^ 1u);
    if (b == NO_REG)
        emit_alu_imm(e, size, G_CMP, a, imm);
    else
        emit_alu(e, size, X_CMP, a, b);
    uint8_t *end = emit_jmp(e);
    emit_patch(other, e->p);
    emit_mov_imm(e, RAX, i->imm >> 8);
    fl_emit_unpack(e);
    emit_patch(end, e->p);
}

void fl_define(struct cg *g)
{
    const struct ir_insn *i = &g->r->insns[g->n];
    unsigned size = 1u << i->aux;
    struct emit *e = &g->e;
    int t;

    if (i->op == IR_FL_FCMP) {
        arm_fp_compare(g, i);
        return;
    }
    bool sets_fp_flags = i->op == IR_FL_COMIS || i->op == IR_X87_COMI;
    if ((!g->packed[g->n] && !g->direct[g->n] && !sets_fp_flags) || define_packed(g, i))
        return;
    if (g->host_flags == g->n) {
        if (g->packed[g->n])
            pack(g);
        return;
    }
    switch (i->op) {
    case IR_FL_ADD:
        t = copy(g, i->a);
        alu_operand(g, size, X_ADD, G_ADD, t, i->b);
        break;
    case IR_FL_SUB:
        alu_operand(g, size, X_CMP, G_CMP, cg_gpr(g, i->a), i->b);
        break;
    case IR_FL_ADC:
    case IR_FL_SBB: {
        int32_t imm;
        t = copy(g, i->a);
        if (!cg_imm32(g, i->b, &imm))
            cg_gpr(g, i->b);
        fl_carry(g, i, i->c);
        alu_operand(g, size, i->op == IR_FL_ADC ? X_ADC : X_SBB, i->op == IR_FL_ADC ? G_ADC : G_SBB,
                    t, i->b);
        break;
    }
    case IR_FL_LOGIC: {
        ir_ref v = g->id[i->a];
        const struct ir_insn *x = &g->r->insns[v < IR_MAX_INSNS ? v : 0];
        int32_t imm;
        if (v < IR_MAX_INSNS && g->deferred[v]) { /* TEST: the AND is computed for its flags only */
            int a = cg_gpr(g, x->a);
            if (cg_imm32(g, x->b, &imm)) {
                if (size == 1) {
                    emit_rr(e, 0xf6 | OPC_BYTE, 0, a);
                    emit_u8(e, (uint8_t)imm);
                } else {
                    /* a 16-bit operand: the test at 32 bits would see more bits */
                    emit_rr(e, 0xf7 | (size == 2 ? PP_66 : w_bit(size == 8)), 0, a);
                    emit_u8(e, (uint8_t)imm);
                    emit_u8(e, (uint8_t)(imm >> 8));
                    if (size != 2) {
                        emit_u8(e, (uint8_t)(imm >> 16));
                        emit_u8(e, (uint8_t)(imm >> 24));
                    }
                }
            } else {
                emit_alu(e, size, X_TEST, cg_gpr(g, x->b), a);
            }
        } else {
            t = cg_gpr(g, i->a);
            emit_alu(e, size, X_TEST, t, t);
        }
        break;
    }
    case IR_FL_INC:
    case IR_FL_DEC:
        t = copy(g, i->a);
        fl_carry(g, i, i->b);
        emit_rr(e, size == 1 ? 0xfe | OPC_BYTE : 0xff | (size == 2 ? PP_66 : w_bit(size == 8)),
                i->op == IR_FL_INC ? 0 : 1, t);
        break;
    case IR_FL_CCMP:
        conditional_compare(g, i, size);
        break;
    case IR_FL_CMC:
        fl_to_host(g, i->a);
        emit_u8(e, 0xf5); /* cmc */
        break;
    case IR_FL_COMIS:
        emit_vex_rr(e, (i->imm ? 0x2e : 0x2f) | MAP_0F | (i->aux == IR_W64 ? PP_66 : 0),
                    cg_xmm(g, i->a), NO_REG, cg_xmm(g, i->b));
        break;
    case IR_X87_COMI:
        x87_compare_flags(g);
        break;
    case IR_FL_PTEST:
        emit_vex_rr(e, 0x17 | MAP_0F38 | PP_66 | (g->r->insns[i->a].type == IR_V256 ? OPC_L : 0u),
                    cg_xmm(g, i->a), NO_REG, cg_xmm(g, i->b));
        break;
    default:
        shift_flags(g, i, size);
        break;
    }
    g->host_flags = (uint16_t)g->n;
    if (g->packed[g->n])
        pack(g);
}

bool fl_in_host(const struct ir_insn *i)
{
    if (i->op == IR_FL_FCMP)
        return arm_fp_compares_in_host(i);
    return i->op != IR_FL_FROM && i->op != IR_FL_SETCF && i->op != IR_FL_SETCO &&
           i->op != IR_FL_CO &&
           (!i->imm || i->op == IR_FL_COMIS || i->op == IR_X87_COMI || i->op == IR_FL_CCMP);
}
