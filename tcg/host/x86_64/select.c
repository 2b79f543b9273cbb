/* Instruction selection: integer operations, calls and control. */
#include "tcg/host/x86_64/access.h"

#include "core/util/range.h"

static bool is_wide(const struct ir_insn *i)
{
    return i->type == IR_I64;
}

struct stub *cg_stub(struct cg *g, enum stub_kind kind, uint8_t *jump)
{
    if (g->stub_count >= CG_MAX_STUBS) {
        cg_fail(g, __func__);
        g->stub_count = 0;
    }
    struct stub *s = &g->stubs[g->stub_count++];
    memset(s, 0, sizeof *s);
    s->kind = kind;
    s->jump = jump;
    s->pc = g->pc;
    s->rest = g->rest;
    s->x87 = (uint16_t)x87_record(g);
    return s;
}

/* ---- arithmetic
 * -------------------------------------------------------------------------------------------- */

/* dst := a op b for a two-operand host instruction. */
static void two_operand(struct cg *g, const struct ir_insn *i, uint32_t op, int group,
                        bool commutes, ir_ref partner)
{
    unsigned size = is_wide(i) ? 8 : 4;
    struct host_mem m;
    int32_t imm;
    int a = cg_gpr(g, i->a), dst;
    if (cg_imm32(g, i->b, &imm)) {
        dst = cg_dst(g, 1u << a);
        emit_mov(&g->e, size == 8, dst, a);
        emit_alu_imm(&g->e, size, group, dst, imm);
    } else if (size == 8 && cg_in_memory(g, i->b, &m)) {
        dst = cg_dst(g, 1u << a);
        emit_mov(&g->e, true, dst, a);
        emit_rm(&g->e, op | OPC_W, dst, m);
    } else {
        int b = cg_gpr(g, i->b);
        dst = cg_dst(g, 1u << a | (commutes ? 1u << b : 0));
        if (dst == b && dst != a) {
            emit_alu(&g->e, size, op, dst, a);
        } else {
            emit_mov(&g->e, size == 8, dst, a);
            emit_alu(&g->e, size, op, dst, b);
        }
    }
    fl_clobber(g);
    g->host_flags = partner;
}

/* INC and DEC keep CF: it is put into EFLAGS first. */
static void inc_dec(struct cg *g, const struct ir_insn *i, ir_ref partner)
{
    const struct ir_insn *f = &g->r->insns[partner];
    fl_carry_operand(g, f, f->b);
    int a = cg_gpr(g, i->a), dst = cg_dst(g, 1u << a);
    emit_mov(&g->e, is_wide(i), dst, a);
    fl_carry(g, f, f->b);
    emit_rr(&g->e, 0xff | w_bit(is_wide(i)), f->op == IR_FL_INC ? 0 : 1, dst);
    g->host_flags = partner;
}

static void add(struct cg *g, const struct ir_insn *i)
{
    ir_ref partner = fl_partner(g, g->n);
    int32_t imm, sub;
    if (partner) {
        const struct ir_insn *f = &g->r->insns[partner];
        if (f->op == IR_FL_INC || f->op == IR_FL_DEC) {
            inc_dec(g, i, partner);
        } else if (f->op == IR_FL_SUB && cg_imm32(g, f->b, &sub)) {
            int a = cg_gpr(g, i->a), dst = cg_dst(g, 1u << a);
            emit_mov(&g->e, is_wide(i), dst, a);
            emit_alu_imm(&g->e, is_wide(i) ? 8 : 4, G_SUB, dst, sub);
            g->host_flags = partner;
        } else {
            two_operand(g, i, X_ADD, G_ADD, true, partner);
        }
        return;
    }
    int a = cg_gpr(g, i->a);
    if (cg_imm32(g, i->b, &imm)) {
        int dst = cg_dst(g, 1u << a);
        emit_rm(&g->e, X_LEA | w_bit(is_wide(i)), dst, mem_at(a, imm));
    } else {
        int b = cg_gpr(g, i->b), dst = cg_dst(g, 1u << a | 1u << b);
        emit_rm(&g->e, X_LEA | w_bit(is_wide(i)), dst, mem_index(a, b, 0, 0));
    }
}

static void lea(struct cg *g, const struct ir_insn *i)
{
    int a = cg_gpr(g, i->a), b = i->b ? cg_gpr(g, i->b) : NO_REG;
    int dst = cg_dst(g, 1u << a | (i->b ? 1u << b : 0));
    emit_rm(&g->e, X_LEA | w_bit(is_wide(i)), dst, mem_index(a, b, i->aux, (int32_t)i->imm));
}

/* The AND of a TEST is not computed: its flags are, when they are defined. */
static bool defer_and(struct cg *g, const struct ir_insn *i)
{
    if (i->uses != 1)
        return false;
    for (uint32_t m = g->n + 1, looked = 0; m < g->r->count && looked < 4; m++, looked++) {
        const struct ir_insn *f = &g->r->insns[m];
        if (f->op == IR_FL_LOGIC && g->id[f->a] == g->n) {
            if ((!g->packed[m] && !g->direct[m]) || g->last[g->n] > m)
                return false; /* a recipe for them, or for their complement, wants the result */
            g->deferred[g->n] = 1;
            ir_ref args[2] = {g->id[i->a], g->id[i->b]};
            for (unsigned k = 0; k < 2; k++)
                if (g->last[args[k]] < m)
                    g->last[args[k]] = (uint16_t)m;
            return true;
        }
        if (f->op != IR_NOP && f->op != IR_PUT && f->op != IR_CONST)
            return false;
    }
    return false;
}

static void carry_arith(struct cg *g, const struct ir_insn *i)
{
    ir_ref partner = fl_partner(g, g->n);
    unsigned size = is_wide(i) ? 8 : 4;
    int32_t imm;
    bool has_imm = cg_imm32(g, i->b, &imm);
    int a = cg_gpr(g, i->a), b = has_imm ? 0 : cg_gpr(g, i->b);
    fl_carry_operand(g, i, i->c);
    int dst = cg_dst(g, 1u << a);
    emit_mov(&g->e, size == 8, dst, a);
    fl_carry(g, i, i->c);
    if (has_imm)
        emit_alu_imm(&g->e, size, i->op == IR_ADC ? G_ADC : G_SBB, dst, imm);
    else
        emit_alu(&g->e, size, i->op == IR_ADC ? X_ADC : X_SBB, dst, b);
    g->host_flags = partner;
}

static void multiply(struct cg *g, const struct ir_insn *i)
{
    int32_t imm;
    int a = cg_gpr(g, i->a);
    if (cg_imm32(g, i->b, &imm)) {
        int dst = cg_dst(g, 1u << a);
        emit_rr(&g->e, 0x69 | w_bit(is_wide(i)), dst, a);
        emit_u32(&g->e, (uint32_t)imm);
    } else {
        int b = cg_gpr(g, i->b), dst = cg_dst(g, 1u << a | 1u << b);
        if (dst == b && dst != a)
            b = a;
        else
            emit_mov(&g->e, is_wide(i), dst, a);
        emit_rr(&g->e, X_IMUL | w_bit(is_wide(i)), dst, b);
    }
    fl_clobber(g);
}

/* Does the second result go to the IR_HI that follows? */
static bool has_high(const struct cg *g)
{
    return g->n + 1 < g->r->count && g->r->insns[g->n + 1].op == IR_HI;
}

static void bind_pair(struct cg *g)
{
    cg_bind(g, g->n, RAX);
    if (has_high(g))
        cg_bind(g, g->n + 1, RDX);
    fl_clobber(g);
}

/* MULX: both halves go where they are wanted, and EFLAGS stay. */
static void unsigned_multiply(struct cg *g, const struct ir_insn *i)
{
    if (!has_high(g)) {
        multiply(g, i);
        return;
    }
    int a = cg_gpr(g, i->a), b = cg_gpr(g, i->b);
    if (a == RDX) {
        a = b;
        b = RDX;
    }
    if (b != RDX) {
        cg_take(g, RDX);
        emit_mov(&g->e, true, RDX, b);
    }
    int low = cg_dst(g, 1u << a | 1u << b);
    g->n++; /* the high half's register */
    int high = cg_dst(g, 0);
    g->n--;
    emit_vex_rr(&g->e, V_MULX | w_bit(is_wide(i)), high, low, a);
}

static void wide_multiply(struct cg *g, const struct ir_insn *i)
{
    cg_take(g, RAX);
    cg_take(g, RDX);
    int a = cg_gpr(g, i->a), b = cg_gpr(g, i->b);
    emit_mov(&g->e, true, RAX, a);
    emit_rr(&g->e, 0xf7 | w_bit(is_wide(i)), 5, b);
    bind_pair(g);
}

static void read_clock(struct cg *g)
{
    cg_take(g, RAX);
    cg_take(g, RCX);
    cg_take(g, RDX);
    cg_call(g, (enum thunk)(THUNK_CLOCK + cg_vec_live(g)));
    cg_bind(g, g->n, RAX);
    fl_clobber(g);
}

static void divide(struct cg *g, const struct ir_insn *i)
{
    cg_take(g, RAX);
    cg_take(g, RDX);
    int a = cg_gpr(g, i->a), b = cg_gpr(g, i->b), d = cg_gpr(g, i->c);
    emit_mov(&g->e, true, RAX, a);
    emit_mov(&g->e, true, RDX, b);
    emit_rr(&g->e, 0xf7 | w_bit(is_wide(i)), i->op == IR_UDIVX ? 6 : 7, d);
    bind_pair(g);
}

static void unary(struct cg *g, const struct ir_insn *i)
{
    int a = cg_gpr(g, i->a);
    uint32_t w = w_bit(is_wide(i));
    int dst = cg_dst(g, 1u << a);
    switch (i->op) {
    case IR_NOT:
    case IR_NEG:
        emit_mov(&g->e, is_wide(i), dst, a);
        emit_rr(&g->e, 0xf7 | w, i->op == IR_NOT ? 2 : 3, dst);
        break;
    case IR_BSWAP:
        emit_mov(&g->e, is_wide(i), dst, a);
        emit_opcode(&g->e, (0xc8 | (unsigned)(dst & 7)) | MAP_0F | w, 0, NO_REG, dst, false);
        break;
    case IR_CLZ:
        emit_rr(&g->e, X_LZCNT | w, dst, a);
        break;
    case IR_CTZ:
        emit_rr(&g->e, X_TZCNT | w, dst, a);
        break;
    default:
        emit_rr(&g->e, X_POPCNT | w, dst, a);
        break;
    }
    if (i->op != IR_NOT && i->op != IR_BSWAP)
        fl_clobber(g);
}

/* ---- shifts and bit fields
 * ---------------------------------------------------------------------------------- */

static int shift_group(unsigned op)
{
    return op == IR_SHL   ? G_SHL
           : op == IR_SHR ? G_SHR
           : op == IR_SAR ? G_SAR
           : op == IR_ROL ? G_ROL
                          : G_ROR;
}

static void shift(struct cg *g, const struct ir_insn *i)
{
    bool wide = is_wide(i);
    unsigned size = wide ? 8 : 4, bits = size * 8;
    uint64_t c;
    ir_ref partner = fl_partner(g, g->n);
    if (ir_is_const(g->r, i->b, &c)) {
        int a = cg_gpr(g, i->a), dst = cg_dst(g, 1u << a);
        c &= bits - 1;
        if ((i->op == IR_ROL || i->op == IR_ROR) && dst != a) {
            emit_vex_rr(&g->e, V_RORX | w_bit(wide), dst, NO_REG, a);
            emit_u8(&g->e, (unsigned)(i->op == IR_ROL ? (bits - c) & (bits - 1) : c));
            return;
        }
        emit_mov(&g->e, wide, dst, a);
        emit_shift_imm(&g->e, size, shift_group(i->op), dst, (unsigned)c);
        fl_clobber(g);
        g->host_flags = c ? partner : 0;
        return;
    }
    if (partner) { /* a count of 0 leaves the old flags: they are in EFLAGS when the shift comes */
        ir_ref old = g->r->insns[partner].c;
        cg_take(g, RCX);
        cg_take(g, RAX);
        int rc = cg_gpr(g, i->b), a = cg_gpr(g, i->a);
        cg_gpr(g, old);
        emit_mov(&g->e, false, RCX, rc);
        int dst = cg_dst(g, 1u << a);
        emit_mov(&g->e, wide, dst, a);
        fl_to_host(g, old);
        emit_shift_cl(&g->e, size, shift_group(i->op), dst);
        g->host_flags = partner;
        return;
    }
    if (i->op == IR_ROL || i->op == IR_ROR) {
        cg_take(g, RCX);
        int rc = cg_gpr(g, i->b), a = cg_gpr(g, i->a);
        emit_mov(&g->e, false, RCX, rc);
        int dst = cg_dst(g, 1u << a);
        emit_mov(&g->e, wide, dst, a);
        emit_shift_cl(&g->e, size, shift_group(i->op), dst);
        fl_clobber(g);
        return;
    }
    int a = cg_gpr(g, i->a), b = cg_gpr(g, i->b), dst = cg_dst(g, 1u << a | 1u << b);
    uint32_t op = i->op == IR_SHL ? V_SHLX : i->op == IR_SHR ? V_SHRX : V_SARX;
    emit_vex_rr(&g->e, op | w_bit(wide), dst, b, a);
}

static void funnel(struct cg *g, const struct ir_insn *i)
{
    cg_take(g, RCX);
    int rc = cg_gpr(g, i->c), a = cg_gpr(g, i->a), b = cg_gpr(g, i->b);
    emit_mov(&g->e, false, RCX, rc);
    int dst = cg_dst(g, 1u << a);
    emit_mov(&g->e, is_wide(i), dst, a);
    emit_rr(&g->e, (i->op == IR_FSHL ? X_SHLD : X_SHRD) | w_bit(is_wide(i)), b, dst);
    fl_clobber(g);
}

static void rotate_narrow(struct cg *g, const struct ir_insn *i)
{
    cg_take(g, RCX);
    int rc = cg_gpr(g, i->b), a = cg_gpr(g, i->a);
    emit_mov(&g->e, false, RCX, rc);
    int dst = cg_dst(g, 1u << a);
    emit_mov(&g->e, false, dst, a);
    emit_shift_cl(&g->e, 1u << i->aux, G_ROL, dst);
    emit_rr(&g->e, i->aux == IR_W8 ? X_MOVZX8 | OPC_BYTE : X_MOVZX16, dst, dst);
    fl_clobber(g);
}

static void extend(struct cg *g, const struct ir_insn *i)
{
    int a = cg_gpr(g, i->a), dst = cg_dst(g, 1u << a);
    if (i->op == IR_ZEXT) {
        if (i->aux == IR_W32)
            emit_rr(&g->e, X_MOV_LOAD, dst, a);
        else
            emit_rr(&g->e, i->aux == IR_W8 ? X_MOVZX8 | OPC_BYTE : X_MOVZX16, dst, a);
    } else if (i->aux == IR_W32) {
        emit_rr(&g->e, X_MOVSXD | w_bit(is_wide(i)), dst, a);
    } else {
        emit_rr(&g->e, (i->aux == IR_W8 ? X_MOVSX8 | OPC_BYTE : X_MOVSX16) | w_bit(is_wide(i)), dst,
                a);
    }
}

static void extract(struct cg *g, const struct ir_insn *i)
{
    unsigned pos = i->imm & 0xff, len = i->imm >> 8 & 0xff;
    bool wide = g->r->insns[i->a].type == IR_I64;
    int a = cg_gpr(g, i->a), dst = cg_dst(g, 1u << a);
    if (pos == 8 && len == 8 && a < 4) { /* AH, CH, DH, BH: no REX */
        emit_u8(&g->e, 0x0f);
        emit_u8(&g->e, 0xb6);
        if (dst >= 8) { /* a REX prefix would mean another register */
            g->e.p -= 2;
        } else {
            emit_u8(&g->e, 0xc0 | (unsigned)dst << 3 | (unsigned)(a + 4));
            return;
        }
    }
    emit_mov(&g->e, wide, dst, a);
    emit_shift_imm(&g->e, wide ? 8 : 4, G_SHR, dst, pos);
    if (len == 8 || len == 16)
        emit_rr(&g->e, len == 8 ? X_MOVZX8 | OPC_BYTE : X_MOVZX16, dst, dst);
    else if (len < 32)
        emit_alu_imm(&g->e, 4, G_AND, dst, (int32_t)mask_bits(len));
    else if (len < 64 && pos + len < 64) {
        emit_shift_imm(&g->e, 8, G_SHL, dst, 64 - len);
        emit_shift_imm(&g->e, 8, G_SHR, dst, 64 - len);
    }
    fl_clobber(g);
}

static void deposit(struct cg *g, const struct ir_insn *i)
{
    unsigned pos = i->imm & 0xff, len = i->imm >> 8 & 0xff;
    bool wide = is_wide(i);
    int a = cg_gpr(g, i->a), b = cg_gpr(g, i->b);
    if (pos == 0 && (len == 8 || len == 16)) {
        int dst = cg_dst(g, 1u << a);
        emit_mov(&g->e, true, dst, a);
        if (len == 8)
            emit_rr(&g->e, 0x8a | OPC_BYTE, dst, b);
        else
            emit_rr(&g->e, X_MOV_LOAD | PP_66, dst, b);
        return;
    }
    int t = cg_temp(g), m = cg_temp(g);
    emit_mov(&g->e, true, t, b);
    emit_mov_imm(&g->e, m, mask_bits(len));
    emit_alu(&g->e, 8, X_AND, t, m);
    if (pos) {
        emit_shift_imm(&g->e, 8, G_SHL, t, pos);
        emit_shift_imm(&g->e, 8, G_SHL, m, pos);
    }
    int dst = cg_dst(g, 1u << a);
    emit_vex_rr(&g->e, V_ANDN | w_bit(wide), dst, m, a); /* ~m & a */
    emit_alu(&g->e, wide ? 8 : 4, X_OR, dst, t);
    fl_clobber(g);
}

static void crc32c(struct cg *g, const struct ir_insn *i)
{
    int a = cg_gpr(g, i->a), b = cg_gpr(g, i->b), dst = cg_dst(g, 1u << a);
    emit_mov(&g->e, false, dst, a);
    if (i->aux == IR_W8)
        emit_rr(&g->e, X_CRC32_8, dst, b);
    else if (i->aux == IR_W16) {
        emit_u8(&g->e, 0x66);
        emit_rr(&g->e, X_CRC32, dst, b);
    } else
        emit_rr(&g->e, X_CRC32 | w_bit(i->aux == IR_W64), dst, b);
}

static void vex_binary(struct cg *g, const struct ir_insn *i)
{
    int a = cg_gpr(g, i->a), b = cg_gpr(g, i->b), dst = cg_dst(g, 1u << a | 1u << b);
    uint32_t op = i->op == IR_ANDN ? V_ANDN : i->op == IR_PDEP ? V_PDEP : V_PEXT;
    emit_vex_rr(&g->e, op | w_bit(is_wide(i)), dst, a, b);
    if (i->op == IR_ANDN)
        fl_clobber(g);
}

/* ---- conditions
 * -----------------------------------------------------------------------------------------------
 */

static void set_bool(struct cg *g, unsigned cc)
{
    int dst = cg_dst(g, 0);
    emit_rr(&g->e, X_SETCC | cc, 0, dst);
    emit_rr(&g->e, X_MOVZX8 | OPC_BYTE, dst, dst);
}

static void compare(struct cg *g, const struct ir_insn *i)
{
    unsigned size = i->imm == IR_I64 ? 8 : 4;
    int32_t imm;
    int a = cg_gpr(g, i->a);
    if (cg_imm32(g, i->b, &imm))
        emit_alu_imm(&g->e, size, G_CMP, a, imm);
    else
        emit_alu(&g->e, size, X_CMP, a, cg_gpr(g, i->b));
    fl_clobber(g);
    set_bool(g, i->aux);
}

static void test_nonzero(struct cg *g, ir_ref v)
{
    int r = cg_gpr(g, v);
    emit_alu(&g->e, g->r->insns[v].type == IR_I64 ? 8 : 4, X_TEST, r, r);
    fl_clobber(g);
}

static void select_value(struct cg *g, const struct ir_insn *i)
{
    unsigned cc = CC_NE;
    /* The condition first: it may move a value out of RAX. What follows is moves, which keep it. */
    if (i->op == IR_SELCC)
        cc = fl_condition(g, i->c, i->aux);
    else
        test_nonzero(g, i->c);
    int a = cg_gpr(g, i->a), b = cg_gpr(g, i->b);
    int dst = cg_dst(g, 1u << b);
    if (dst == a) { /* a == b or the wanted register was a's: the opposite move */
        emit_rr(&g->e, X_CMOV | (cc ^ 1) | w_bit(is_wide(i)), dst, b);
        return;
    }
    emit_mov(&g->e, is_wide(i), dst, b);
    emit_rr(&g->e, X_CMOV | cc | w_bit(is_wide(i)), dst, a);
}

static void trap(struct cg *g, const struct ir_insn *i)
{
    unsigned cc = CC_NE;
    uint16_t first, count;
    if (i->op == IR_TRAPCC)
        cc = fl_condition(g, i->a, i->aux);
    else
        test_nonzero(g, i->a);
    exit_places(g, g->home, &first, &count); /* moves only: flags live through it */
    struct stub *s = cg_stub(g, STUB_TRAP, emit_jcc(&g->e, cc));
    s->imm = i->imm;
    s->first = first;
    s->count = count;
}

/* ---- calls into C
 * ------------------------------------------------------------------------------------------------------
 */

void select_thunk_call(struct cg *g, enum thunk t, const struct stub *s)
{
    cg_call(g, t);
    exit_snapshot(g, s->first, s->count, s->pc, s->rest, s->x87);
}

/* In line: call of a thunk, there is one each `stride` for what vector registers hold, with a
 * snapshot of the present state; result from call_arg[0]. */
static void inline_call(struct cg *g, unsigned thunk, unsigned stride)
{
    struct stub s = {.pc = g->pc, .rest = g->rest};
    exit_leave_slot_memory(g, g->home); /* helpers write slots */
    exit_places(g, g->home, &s.first, &s.count);
    select_thunk_call(g, (enum thunk)(thunk + cg_vec_live(g) * stride), &s);
    fl_clobber(g);
}

void select_vector_call(struct cg *g, uint64_t what, enum cg_live live)
{
    emit_store_imm(&g->e, false, cg_arg_mem(0), (int32_t)(uint32_t)what);
    emit_store_imm(&g->e, false, mem_at(ENV, cg_arg_mem(0).disp + 4), (int32_t)(what >> 32));
    cg_call(g, cg_call_thunk(live, C_VECTOR));
    fl_clobber(g);
}

static void store_arg(struct cg *g, unsigned k, ir_ref v)
{
    int32_t imm;
    if (cg_imm32(g, v, &imm) && (g->r->insns[g->id[v]].type == IR_I64 || imm >= 0))
        emit_store_imm(&g->e, true, cg_arg_mem(k), imm);
    else {
        int r = cg_gpr(g, v);
        emit_store(&g->e, 8, r, cg_arg_mem(k));
        if (g->r->insns[v].type == IR_I32 && g->r->insns[v].op == IR_TRUNC) /* upper half: zero */
            emit_store_imm(&g->e, false, mem_at(ENV, cg_arg_mem(k).disp + 4), 0);
        cg_unlock_all(g);
    }
}

static void atomic(struct cg *g, const struct ir_insn *i)
{
    static const uint8_t ops[IR_OP_COUNT] = {
        [IR_XCHG] = TCG_XCHG,   [IR_FETCH_ADD] = TCG_ADD, [IR_FETCH_AND] = TCG_AND,
        [IR_FETCH_OR] = TCG_OR, [IR_FETCH_XOR] = TCG_XOR, [IR_CMPXCHG] = TCG_CMPXCHG,
    };
    store_arg(g, 0, i->a);
    store_arg(g, 1, i->op == IR_CMPXCHG ? i->c : i->b);
    if (i->op == IR_CMPXCHG)
        store_arg(g, 2, i->b);
    emit_store_imm(&g->e, false, cg_attr_mem(), (int32_t)(i->imm | (uint64_t)ops[i->op] << 16));
    x87_call(g, false);
    if (i->imm & IR_MEM_IDX) /* not in the TLB of the mode */
        inline_call(g, THUNK_C + C_ATOMIC, C_ENTRIES);
    else
        inline_call(g, THUNK_ATOMIC + (i->op - IR_XCHG) * ATOMIC_WIDTHS + (i->imm & IR_MEM_SIZE),
                    ATOMICS);
    int dst = cg_dst(g, 0);
    emit_load(&g->e, is_wide(i), dst, cg_arg_mem(0));
}

static void call(struct cg *g, const struct ir_insn *i)
{
    const struct ir_helper *h = &g->r->helpers[i->imm];
    const ir_ref args[4] = {i->a, i->b, i->c, i->d};
    uint64_t writes = cg_slots(g, h->writes);
    cg_for_each_slot(s, cg_slots(g, h->reads))
    {
        cg_store_slot(g, s);
        cg_unlock_all(g);
    }
    for (unsigned k = 0; k < 4; k++)
        if (args[k])
            store_arg(g, k, args[k]);
    emit_store_imm(&g->e, false, cg_attr_mem(), (int32_t)i->imm);
    /* A value that is needed later must not live in slot memory that the helper writes. */
    cg_for_each_slot(s, writes)
    {
        uint32_t v = g->slot_owner[s];
        if (!v || g->mem[v] != (int)s || g->last[v] <= g->n || g->reg[v] != NO_REG ||
            g->spill[v] >= 0)
            continue;
        if (cg_is_xmm(g, v))
            cg_xmm(g, (ir_ref)v);
        else
            cg_gpr(g, (ir_ref)v);
        cg_unlock_all(g);
    }
    x87_call(g, h->flags & (HELPER_FP | HELPER_X87));
    inline_call(g, THUNK_C + C_CALL, C_ENTRIES);
    cg_for_each_slot(s, writes)
    {
        uint32_t v = g->slot_owner[s];
        if (v && g->mem[v] == (int)s)
            g->mem[v] = -1;
        g->slot_owner[s] = 0;
        g->cur[s] = 0;
    }
    g->touched |= writes;
    keep_lose(g, writes);
    if (i->type != IR_VOID && g->last[g->n]) {
        int dst = cg_dst(g, 0);
        emit_load(&g->e, is_wide(i), dst, cg_arg_mem(0));
    }
}

static void get(struct cg *g, const struct ir_insn *i)
{
    unsigned s = i->aux;
    if (g->id[g->n] != g->n)
        return; /* the home value, or what was PUT */
    uint32_t owner = g->slot_owner[s];
    if (owner && g->mem[owner] == (int)s && owner != g->n)
        g->mem[owner] = -1; /* cannot be: a GET of a known value is an alias */
    g->mem[g->n] = (int16_t)s;
    g->slot_owner[s] = (uint16_t)g->n;
    g->cur[s] = (uint16_t)g->n;
    g->touched |= UINT64_C(1) << s;
}

static void env_access(struct cg *g, const struct ir_insn *i)
{
    struct host_mem m = mem_at(ENV, (int32_t)(int64_t)i->imm);
    int32_t imm;
    if (i->op == IR_LDENV) {
        if (i->type >= IR_V128)
            emit_vex_rm(&g->e, V_MOVDQU_LOAD | (i->type == IR_V256 ? OPC_L : 0u), cg_xmm_dst(g, 0),
                        NO_REG, m);
        else
            emit_load(&g->e, is_wide(i), cg_dst(g, 0), m);
    } else if (g->r->insns[i->a].type >= IR_V128) {
        emit_vex_rm(&g->e, access_vec_store(i->aux), cg_xmm(g, i->a), NO_REG, m);
    } else if (i->aux != IR_W16 && cg_imm32(g, i->a, &imm)) { /* a prefix of 16 bits stalls */
        access_store_const(&g->e, 1u << i->aux, imm, m);
    } else {
        emit_store(&g->e, 1u << i->aux, cg_gpr(g, i->a), m);
    }
}

static struct host_mem pc_mem(const struct cg *g)
{
    return cg_slot_mem(g, g->tm->arch->slot_pc);
}

/* ---- control
 * ------------------------------------------------------------------------------------------------------
 */

/* Bring everything to where a block boundary has it. */
static void leave(struct cg *g, ir_ref target)
{
    uint16_t first, count;
    exit_places_with_flags(g, g->outer_home, &first, &count);
    bool busy = exit_computes_flags(g, first, count);
    if (target) { /* to RAX: around the computation of flags, through the PC's memory */
        int a = cg_gpr(g, target);
        if (busy)
            emit_store(&g->e, 8, a, pc_mem(g));
        else
            emit_mov(&g->e, true, RAX, a);
    }
    exit_transition(g, g->outer_home, first, count, x87_record(g));
    if (target && busy)
        emit_load(&g->e, true, RAX, pc_mem(g));
}

static void exit_insn(struct cg *g, unsigned site)
{
    leave(g, 0);
    if (g->r->single) {
        struct tcg_exit_site *x = block_exit(g->block, site);
        cg_call(g, THUNK_LINK);
        if (!x->ret)
            x->ret = (uint32_t)(g->e.p - g->e.start);
        return;
    }
    exit_direct(g, site);
}

/* To the PC in RAX, by the jump cache. */
static void indirect_jump(struct cg *g)
{
    struct emit *e = &g->e;
    uint64_t flat = g->tm->arch->flat_pc_mode;
    if (g->r->single || (g->block->mode & flat) != flat) {
        cg_jump(g, THUNK_INDIRECT_MISS);
        return;
    }
    emit_rm(e, 0x83, 7, mem_at(ENV, TCG_ENV_OFFSET(exit_request)));
    emit_u8(e, 0);
    uint8_t *polled = emit_jcc(e, CC_NE);
    uint8_t *missed = thunk_jump_probe(e);
    emit_patch(polled, e->p);
    emit_patch(missed, e->p);
    cg_jump(g, THUNK_INDIRECT_MISS);
}

static void exit_indirect(struct cg *g, const struct ir_insn *i)
{
    cg_take(g, RAX);
    cg_gpr(g, i->a);
    leave(g, i->a);
    indirect_jump(g);
}

/* Out of line: a return to somewhere else than the region expects. */
static void expect_stub(struct cg *g, struct stub *s)
{
    emit_patch(s->jump, g->e.p);
    emit_store(&g->e, 8, s->target, pc_mem(g));
    exit_transition(g, g->outer_home, s->first, s->count, s->x87);
    emit_load(&g->e, true, RAX, pc_mem(g));
    indirect_jump(g);
}

static void expect(struct cg *g, const struct ir_insn *i)
{
    uint16_t first, count;
    int a = cg_gpr(g, i->a), t = cg_temp(g);
    exit_places_with_flags(g, g->outer_home, &first, &count);
    emit_load(&g->e, true, t, mem_at(ENV, TCG_ENV_OFFSET(pcb)));
    if (i->imm)
        emit_alu_imm(&g->e, 8, G_ADD, t, (int32_t)(int64_t)i->imm);
    emit_alu(&g->e, 8, X_CMP, t, a);
    fl_clobber(g);
    struct stub *s = cg_stub(g, STUB_EXPECT, emit_jcc(&g->e, CC_NE));
    s->target = (int8_t)a;
    s->first = first;
    s->count = count;
}

static void exit_mode(struct cg *g, const struct ir_insn *i)
{
    const struct host_mem mode = mem_at(ENV, TCG_ENV_OFFSET(mode));
    if (i->a) /* past the transition by way of where it goes anyway */
        emit_store(&g->e, 8, cg_gpr(g, i->a), mode);
    leave(g, 0);
    if (i->a)
        emit_load(&g->e, true, RCX, mode);
    else
        emit_mov_imm(&g->e, RCX, i->imm);
    cg_jump(g, (enum thunk)(THUNK_MODE + i->aux));
}

static void exit_dynamic(struct cg *g, const struct ir_insn *i)
{
    leave(g, 0);
    cg_jump(g, g->r->single ? THUNK_RETURN : i->aux ? THUNK_EVENTS : THUNK_DYN);
}

static void branch(struct cg *g, const struct ir_insn *i)
{
    unsigned label, cc = CC_NE;
    bool internal = ir_branches(i, &label);
    if (i->op == IR_BRCC)
        cc = fl_condition(g, i->a, i->aux);
    else
        test_nonzero(g, i->a);
    cg_unlock_all(g);
    if (internal) {
        labels_branch(g, cc, label);
        return;
    }
    unsigned site = g->exits_seen++;
    if (g->r->single) {
        uint8_t *skip = emit_jcc(&g->e, cc ^ 1);
        exit_insn(g, site);
        emit_patch(skip, g->e.p);
        return;
    }
    exit_branch(g, cc, site);
}

static bool select_other(struct cg *g, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_NOP:
    case IR_CONST:
        return true;
    case IR_TRUNC:
    case IR_FL_PACK:
    case IR_V_LO:
        return true; /* aliases */
    case IR_V_HI:
        return true; /* taken out where it is used */
    case IR_HI:
        return true; /* bound with its producer */
    case IR_LABEL:
        labels_bind(g, i);
        return true;
    case IR_JMP:
        labels_jump(g, i->aux);
        return true;
    case IR_EXPECT:
        expect(g, i);
        return true;
    case IR_LDENV:
    case IR_STENV:
        env_access(g, i);
        return true;
    case IR_ADD:
        if (!g->deferred[g->n]) /* share.c: part of addresses */
            add(g, i);
        return true;
    case IR_SUB:
        two_operand(g, i, X_SUB, G_SUB, false, fl_partner(g, g->n));
        return true;
    case IR_ADC:
    case IR_SBB:
        carry_arith(g, i);
        return true;
    case IR_MUL:
        multiply(g, i);
        return true;
    case IR_UMULX:
        unsigned_multiply(g, i);
        return true;
    case IR_SMULX:
        wide_multiply(g, i);
        return true;
    case IR_UDIVX:
    case IR_SDIVX:
        divide(g, i);
        return true;
    case IR_AND:
        if (!defer_and(g, i))
            two_operand(g, i, X_AND, G_AND, true, fl_partner(g, g->n));
        return true;
    case IR_OR:
        two_operand(g, i, X_OR, G_OR, true, fl_partner(g, g->n));
        return true;
    case IR_XOR:
        two_operand(g, i, X_XOR, G_XOR, true, fl_partner(g, g->n));
        return true;
    case IR_ANDN:
    case IR_PDEP:
    case IR_PEXT:
        vex_binary(g, i);
        return true;
    case IR_NOT:
    case IR_NEG:
    case IR_BSWAP:
    case IR_CLZ:
    case IR_CTZ:
    case IR_POPCNT:
        unary(g, i);
        return true;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROL:
    case IR_ROR:
        shift(g, i);
        return true;
    case IR_ROLW:
        rotate_narrow(g, i);
        return true;
    case IR_FSHL:
    case IR_FSHR:
        funnel(g, i);
        return true;
    case IR_LEA:
        if (!g->deferred[g->n])
            lea(g, i);
        return true;
    case IR_ZEXT:
        if (g->id[g->n] != g->n)
            return true;
        extend(g, i);
        return true;
    case IR_SEXT:
        extend(g, i);
        return true;
    case IR_DEPOSIT:
        deposit(g, i);
        return true;
    case IR_EXTRACT:
        extract(g, i);
        return true;
    case IR_CRC32C:
        crc32c(g, i);
        return true;
    case IR_SETC:
        compare(g, i);
        return true;
    case IR_SETCC: {
        unsigned cc = fl_condition(g, i->a, i->aux);
        set_bool(g, cc);
        return true;
    }
    case IR_SELCC:
    case IR_SELNZ:
        select_value(g, i);
        return true;
    case IR_LD:
        select_load(g, i);
        return true;
    case IR_ST:
        select_store(g, i);
        return true;
    case IR_LDCC:
    case IR_STCC:
        select_conditional(g, i);
        return true;
    case IR_XCHG:
    case IR_FETCH_ADD:
    case IR_FETCH_AND:
    case IR_FETCH_OR:
    case IR_FETCH_XOR:
    case IR_CMPXCHG:
        atomic(g, i);
        return true;
    case IR_FENCE:
        emit_u8(&g->e, 0x0f);
        emit_u8(&g->e, 0xae);
        emit_u8(&g->e, i->aux ? 0xe8 : 0xf0); /* lfence, mfence */
        return true;
    case IR_FPSYNC:
        emit_vex_rm(&g->e, V_MXCSR, i->aux ? 2 : 3, NO_REG,
                    mem_at(ENV, TCG_ENV_OFFSET(guest_mxcsr)));
        return true;
    case IR_CLOCK:
        read_clock(g);
        return true;
    case IR_CALL:
        call(g, i);
        return true;
    case IR_TRAPNZ:
    case IR_TRAPCC:
        trap(g, i);
        return true;
    case IR_BRCC:
    case IR_BRNZ:
        branch(g, i);
        return true;
    case IR_EXIT:
        exit_insn(g, g->exits_seen++);
        return true;
    case IR_EXIT_IND:
        exit_indirect(g, i);
        return true;
    case IR_EXIT_MODE:
        exit_mode(g, i);
        return true;
    case IR_EXIT_DYN:
        exit_dynamic(g, i);
        return true;
    default:
        if (i->type == IR_FL) {
            fl_define(g);
            return true;
        }
        return x87_insn(g) || vector_insn(g);
    }
}

bool select_insn(struct cg *g, const struct ir_insn *i)
{
    switch (i->op) { /* what most are of, and emits nothing */
    case IR_INSN:
        g->pc = (int64_t)i->imm;
        if (g->poll_site)
            labels_poll(g);
        budget_insn(g);
        return true;
    case IR_GET:
        get(g, i);
        return true;
    case IR_PUT:
        if (g->cur[i->aux] != g->id[i->a])
            keep_lose(g, UINT64_C(1) << i->aux);
        g->cur[i->aux] = g->id[i->a];
        g->touched |= UINT64_C(1) << i->aux;
        return true;
    default:
        return select_other(g, i);
    }
}

void select_stub(struct cg *g, struct stub *s)
{
    switch (s->kind) {
    case STUB_LOAD:
    case STUB_STORE:
        access_stub_code(g, s);
        break;
    case STUB_X87:
        emit_patch(s->jump, g->e.p);
        x87_stub(g, s);
        break;
    case STUB_TRAP: {
        emit_patch(s->jump, g->e.p);
        const struct host_mem low = cg_arg_mem(0);
        if ((int32_t)s->imm == (int64_t)s->imm) {
            emit_store_imm(&g->e, true, low, (int32_t)s->imm);
        } else { /* no register is free */
            const struct host_mem high = mem_at(low.base, low.disp + 4);
            emit_store_imm(&g->e, false, low, (int32_t)s->imm);
            emit_store_imm(&g->e, false, high, (int32_t)(s->imm >> 32));
        }
        select_thunk_call(g, cg_call_thunk(LIVE_256, C_TRAP), s);
        break;
    }
    case STUB_ARM_FP:
        arm_fp_stub(g, s);
        break;
    case STUB_EDGE:
    case STUB_POLL:
        labels_stub(g, s);
        break;
    case STUB_EXPECT:
        expect_stub(g, s);
        break;
    default:
        exit_stub(g, s);
        break;
    }
}
