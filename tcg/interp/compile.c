/*
 * Region -> program: chooses each insn's code, leaves out what needs no step, renumbers.
 *
 * 32-bit values are kept zero-extended, so widening one is another name for it, and so is the low
 * half of a register that was read for that alone.
 */
#include <stdlib.h>
#include <string.h>

#include "tcg/interp/program.h"
#include "tcg/machine.h"

/* What was decided about an insn of the region. */
struct plan {
    ir_ref same;  /* the insn whose value it is: itself, or another */
    ir_ref index; /* in the program */
    uint8_t code;
    bool silent;   /* no step of its own */
    bool needed;   /* a constant that some step wants as a value */
    bool constant; /* its operand b is in imm */
};

struct builder {
    struct tcg_machine *tm;
    const struct ir_region *r;
    struct plan *plan;
};

static bool is_const(const struct builder *b, ir_ref ref)
{
    return b->r->insns[ref].op == IR_CONST;
}

static uint64_t const_value(const struct builder *b, ir_ref ref)
{
    return interp_truncate(b->r->insns[ref].type, b->r->insns[ref].imm);
}

/* Flags that are evaluated from their operands when somebody looks. */
static bool is_lazy_flags(const struct ir_insn *i)
{
    return i->type == IR_FL && i->op != IR_GET && i->op != IR_LDENV && i->op != IR_CALL &&
           i->op != IR_FL_COMIS && i->op != IR_FL_FCMP && i->op != IR_FL_PTEST &&
           i->op != IR_X87_COMI;
}

static enum interp_code load_code(const struct ir_insn *i)
{
    static const uint8_t plain[] = {INTERP_LD8, INTERP_LD16, INTERP_LD32, INTERP_LD64};
    static const uint8_t sign[] = {INTERP_LDS8, INTERP_LDS16, INTERP_LDS32, INTERP_LD64};
    unsigned width = i->imm & IR_MEM_SIZE;
    if (i->type >= IR_V128)
        return INTERP_LDV;
    if ((i->imm & (IR_MEM_RMW | IR_MEM_ALIGN | IR_MEM_IDX)) || width > IR_W64)
        return INTERP_LD;
    return i->imm & IR_MEM_SIGN ? sign[width] : plain[width];
}

static enum interp_code store_code(const struct builder *b, const struct ir_insn *i)
{
    static const uint8_t plain[] = {INTERP_ST8, INTERP_ST16, INTERP_ST32, INTERP_ST64};
    unsigned width = i->imm & IR_MEM_SIZE;
    if (b->r->insns[i->b].type >= IR_V128)
        return INTERP_STV;
    return (i->imm & (IR_MEM_ALIGN | IR_MEM_IDX)) || width > IR_W64 ? INTERP_ST : plain[width];
}

static enum interp_code slot_code(const struct builder *b, const struct ir_insn *i)
{
    bool put = i->op == IR_PUT;
    switch (b->r->slots[i->aux].type) {
    case IR_I64:
        return put ? INTERP_PUT64 : INTERP_GET64;
    case IR_I32:
        return put ? INTERP_PUT32 : INTERP_GET32;
    case IR_FL:
        return put ? INTERP_PUTFL : INTERP_GETFL;
    default:
        return put ? INTERP_PUTV : INTERP_GETV;
    }
}

static enum interp_code branch_code(const struct builder *b, const struct ir_insn *i)
{
    static const uint8_t sub_r[16] = {
#define X(cc, test) [IR_CC_##cc] = INTERP_BRSUB_##cc##_R,
        INTERP_SUB_CONDITIONS(X)
#undef X
    };
    static const uint8_t logic[16] = {
#define X(cc, test) [IR_CC_##cc] = INTERP_BRLOGIC_##cc,
        INTERP_LOGIC_CONDITIONS(X)
#undef X
    };
    const struct ir_insn *flags = &b->r->insns[i->a];
    unsigned code = 0;
    if (flags->op == IR_FL_SUB)
        code = sub_r[i->aux] ? sub_r[i->aux] + (is_const(b, flags->b) ? 1u : 0) : 0;
    else if (flags->op == IR_FL_LOGIC)
        code = logic[i->aux];
    return code ? code : INTERP_BRCC;
}

/* R for 64 bits, then I, then the same for 32. */
static enum interp_code binary_code(const struct builder *b, const struct ir_insn *i,
                                    struct plan *p, enum interp_code first)
{
    p->constant = is_const(b, i->b);
    return first + (p->constant ? 1 : 0) + (i->type == IR_I64 ? 0 : 2);
}

static enum interp_code simple_code(const struct builder *b, const struct ir_insn *i,
                                    struct plan *p)
{
    bool wide = i->type == IR_I64;
    switch (i->op) {
#define X(name, w, n)                                                                              \
    case IR_##name:                                                                                \
        return binary_code(b, i, p, INTERP_##name##64R);
        INTERP_BINARY(X)
#undef X
    case IR_LEA:
        return i->b ? (wide ? INTERP_LEA64 : INTERP_LEA32) : (wide ? INTERP_LEAI64 : INTERP_LEAI32);
    case IR_ZEXT:
        return i->aux == IR_W8 ? INTERP_ZEXT8 : i->aux == IR_W16 ? INTERP_ZEXT16 : INTERP_MOV32;
    case IR_TRUNC:
        return INTERP_MOV32;
    case IR_SEXT:
        return INTERP_SEXT;
    case IR_NOT:
        return wide ? INTERP_NOT64 : INTERP_NOT32;
    case IR_NEG:
        return wide ? INTERP_NEG64 : INTERP_NEG32;
    case IR_SETCC:
        return INTERP_SETCC;
    case IR_SELCC:
        return INTERP_SELCC;
    default:
        break;
    }
    bool wide_args = b->r->insns[i->a].type == IR_V256;
    if (wide_args && i->type < IR_V128)
        return INTERP_WIDE_INT;
    if (wide_args || i->type == IR_V256)
        return wide_args ? INTERP_WIDE_ARGS : INTERP_WIDE;
    if (i->type == IR_V128)
        return INTERP_VECTOR;
    if (i->op == IR_V_LANE || i->op == IR_V_MOVMSK || i->op == IR_V_PCMPISTR ||
        i->op == IR_VF_STOI || i->op == IR_VA_TOI || i->op == IR_FL_COMIS || i->op == IR_FL_FCMP ||
        i->op == IR_FL_PTEST)
        return INTERP_VECTOR_INT;
    return INTERP_INT;
}

static enum interp_code choose(const struct builder *b, const struct ir_insn *i, struct plan *p)
{
    const struct tcg_arch *arch = b->tm->arch;
    switch (i->op) {
    case IR_CONST:
        return INTERP_CONST;
    case IR_VCONST:
        return INTERP_VCONST;
    case IR_GET:
    case IR_PUT:
        return slot_code(b, i);
    case IR_LDENV:
        return i->type == IR_V128   ? INTERP_LDENVV
               : i->type == IR_V256 ? INTERP_LDENVW
               : i->type == IR_I64  ? INTERP_LDENV64
                                    : INTERP_LDENV32;
    case IR_STENV:
        return b->r->insns[i->a].type >= IR_V128 ? INTERP_STENVV : INTERP_STENV;
    case IR_UMULX:
    case IR_SMULX:
        return INTERP_MULX;
    case IR_UDIVX:
    case IR_SDIVX:
        return INTERP_DIVX;
    case IR_HI:
        return INTERP_HI;
    case IR_LD:
        return load_code(i);
    case IR_ST:
        return store_code(b, i);
    case IR_LDCC:
        return INTERP_LDCC;
    case IR_STCC:
        return INTERP_STCC;
    case IR_XCHG:
    case IR_FETCH_ADD:
    case IR_FETCH_AND:
    case IR_FETCH_OR:
    case IR_FETCH_XOR:
    case IR_CMPXCHG:
        return INTERP_ATOMIC;
    case IR_FENCE:
        return INTERP_FENCE;
    case IR_CLOCK:
        return INTERP_CLOCK;
    case IR_CALL: {
        const struct ir_helper *h = &arch->helpers[i->imm];
        unsigned group = arch->slots[arch->slot_flags].group;
        return (h->reads | h->writes) >> group & 1 ? INTERP_CALL_FLAGS : INTERP_CALL;
    }
    case IR_TRAPNZ:
        return INTERP_TRAPNZ;
    case IR_TRAPCC:
        return INTERP_TRAPCC;
    case IR_BRCC:
        return branch_code(b, i);
    case IR_BRNZ:
        return INTERP_BRNZ;
    case IR_EXIT:
        return INTERP_EXIT;
    case IR_EXIT_IND:
        return INTERP_EXIT_IND;
    case IR_EXIT_MODE:
        return INTERP_EXIT_MODE;
    case IR_EXIT_DYN:
        return INTERP_EXIT_DYN;
    case IR_X87_REG:
    case IR_X87_CMOV:
    case IR_X87_COMI:
    case IR_X87_LD:
    case IR_X87_ST:
        return INTERP_X87;
    case IR_X87_STSW:
        return INTERP_LDENV32;
    default:
        return simple_code(b, i, p);
    }
}

/* Another name for a value that exists, or 0. */
static ir_ref find_same(struct builder *b, const struct ir_insn *i)
{
    const struct ir_insn *from = &b->r->insns[i->a];
    if (i->op == IR_ZEXT && i->aux == IR_W32 && from->type == IR_I32)
        return b->plan[i->a].same;
    if (i->op != IR_TRUNC)
        return 0;
    ir_ref real = b->plan[i->a].same;
    if (real != i->a && b->r->insns[real].type == IR_I32)
        return real;
    if (from->op == IR_GET && from->uses == 1 && b->plan[i->a].code == INTERP_GET64) {
        b->plan[i->a].code = INTERP_GET32;
        return i->a;
    }
    return 0;
}

static void need_args(struct builder *b, const struct ir_insn *i, const struct plan *p)
{
    const char *kinds = ir_ops[i->op].args;
    const ir_ref args[4] = {i->a, i->b, i->c, i->d};
    if (p->code >= INTERP_BRSUB_B_R) { /* the operands of the flags' insn */
        const struct ir_insn *flags = &b->r->insns[i->a];
        b->plan[flags->a].needed = true;
        return;
    }
    for (unsigned k = 0; k < 4; k++)
        if (kinds[k] != '-' && kinds[k] != 'f' && !(k == 1 && p->constant))
            b->plan[args[k]].needed = true;
}

/* First pass, forwards. */
static void decide(struct builder *b)
{
    for (uint32_t n = 1; n < b->r->count; n++) {
        const struct ir_insn *i = &b->r->insns[n];
        struct plan *p = &b->plan[n];
        ir_ref same;
        p->same = (ir_ref)n;
        /* helpers look at the x87 stack and set its control themselves */
        bool x87_state = i->op == IR_X87_BEGIN || i->op == IR_X87_END || i->op == IR_X87_LDCW;
        if (i->op == IR_NOP || i->op == IR_INSN || i->op == IR_FPSYNC || x87_state ||
            is_lazy_flags(i)) {
            p->silent = true;
            continue;
        }
        if ((same = find_same(b, i))) {
            p->same = same;
            p->silent = true;
            continue;
        }
        p->code = choose(b, i, p);
        p->silent = i->op == IR_CONST; /* until needed */
        if (i->op != IR_CONST)
            need_args(b, i, p);
    }
}

/* Indices: first what is executed, then flags and constants that are looked at. */
static uint32_t number(struct builder *b)
{
    uint32_t count = 1;
    for (uint32_t n = 1; n < b->r->count; n++) {
        if (b->plan[n].silent && b->plan[n].needed && is_const(b, (ir_ref)n))
            b->plan[n].silent = false;
        if (!b->plan[n].silent)
            b->plan[n].index = (ir_ref)count++;
    }
    for (uint32_t n = 1; n < b->r->count; n++)
        if (b->plan[n].silent && (is_lazy_flags(&b->r->insns[n]) || is_const(b, (ir_ref)n)))
            b->plan[n].index = (ir_ref)count++;
    return count;
}

static ir_ref new_ref(const struct builder *b, ir_ref ref)
{
    return b->plan[b->plan[ref].same].index;
}

static void finish_insn(const struct builder *b, const struct plan *p, struct ir_insn *i)
{
    const struct ir_insn *flags = &b->r->insns[i->a]; /* of a branch on flags */
    const char *kinds = ir_ops[i->op].args;
    i->uses = p->code;
    if (i->op == IR_CONST)
        i->imm = interp_truncate(i->type, i->imm);
    if (i->op == IR_GET || i->op == IR_PUT)
        i->imm = (uint64_t)(int64_t)b->r->slots[i->aux].offset;
    if (p->constant)
        i->imm = const_value(b, i->b);
    if (p->code >= INTERP_BRSUB_B_R) {
        i->type = (uint8_t)(64 - (8u << flags->aux)); /* puts the operands' top bits on top */
        i->imm = flags->b && is_const(b, flags->b) ? const_value(b, flags->b) << i->type : 0;
        i->a = new_ref(b, flags->a);
        i->b = flags->b ? new_ref(b, flags->b) : 0;
        return;
    }
    if (kinds[0] != '-')
        i->a = new_ref(b, i->a);
    if (kinds[1] != '-')
        i->b = new_ref(b, i->b);
    if (kinds[2] != '-')
        i->c = new_ref(b, i->c);
    if (kinds[3] != '-')
        i->d = new_ref(b, i->d);
}

struct interp_program *interp_translate(struct tcg_machine *tm, const struct ir_region *r)
{
    struct builder b = {.tm = tm, .r = r, .plan = calloc(r->count, sizeof(struct plan))};
    if (!b.plan)
        return NULL;
    decide(&b);
    uint32_t count = number(&b);
    struct interp_program *p = NULL;
    size_t insns = sizeof *p + count * sizeof p->insns[0],
           size = insns + count * (sizeof(int32_t) + sizeof(uint16_t));
    if (tm->cache.arena_bytes + size > tm->cache_size || !(p = cache_alloc(tm, size))) {
        free(b.plan);
        return NULL;
    }
    int32_t *pcs = (int32_t *)((char *)p + insns), pc = 0;
    uint16_t *rests = (uint16_t *)(pcs + count), rest = (uint16_t)(r->guest_insns + 1);
    ir_ref exits = 0;
    p->count = count;
    p->pcs = pcs;
    p->rests = rests;
    memset(&p->insns[0], 0, sizeof p->insns[0]);
    pcs[0] = 0;
    for (uint32_t n = 1; n < r->count; n++) {
        const struct ir_insn *from = &r->insns[n];
        bool branch = ir_exits(from);
        ir_ref index = b.plan[n].index;
        if (from->op == IR_INSN) {
            pc = (int32_t)from->imm;
            rest--;
        }
        if (!index)
            continue;
        struct ir_insn *i = &p->insns[index];
        *i = *from;
        finish_insn(&b, &b.plan[n], i);
        if (branch)
            i->d = exits++;
        else if (i->op == IR_CALL)
            i->imm = interp_call_imm(i->imm, index);
        else if (!b.plan[n].silent)
            i->d = index;
        pcs[index] = pc;
        rests[index] = rest;
    }
    tm->cache.arena_bytes += size;
    free(b.plan);
    return p;
}
