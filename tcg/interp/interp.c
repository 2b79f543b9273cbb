/*
 * The portable back end and the oracle: executes the IR itself.
 *
 * A block's program is a copy of its IR without dead insns. Values live in an array indexed by
 * insn; flags are evaluated when somebody looks (a PUT of FLAGS only remembers which insn made
 * them). State is exact at any fault because PUTs write the register file at once, after the last
 * fault of their instruction.
 *
 * Thread contract: run on the vCPU's thread; compile under code_lock.
 */
#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "tcg/interp/vector.h"
#include "tcg/ir/eval.h"
#include "tcg/ir/fold.h"
#include "tcg/machine.h"
#include "tcg/mmu/tlb.h"

struct interp_program {
    uint32_t count;
    struct ir_insn insns[];
};

union interp_value {
    uint64_t u;
    struct x86_vec v;
};

/* Per vCPU: the values of the running block, and what leaving needs. */
struct interp_vcpu {
    union interp_value values[IR_MAX_INSNS];
};

struct frame {
    struct tcg_cpu *tc;
    uint8_t *env;
    union interp_value *v;
    const struct ir_insn *insns;
    ir_ref pending_flags; /* insn whose flags are to be in tc->fl */
    int64_t pc;           /* of the present instruction, minus PCB */
};

static bool interp_supported(void)
{
    return true;
}

static bool interp_init(struct tcg_machine *tm, struct vemu_error **errp)
{
    tm->backend_data = calloc(1, 1);
    return tm->backend_data ||
           error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the interpreter");
}

static void interp_destroy(struct tcg_machine *tm)
{
    free(tm->backend_data);
    tm->backend_data = NULL;
}

static bool interp_vcpu_init(struct tcg_cpu *tc, struct vemu_error **errp)
{
    tc->backend = malloc(sizeof(struct interp_vcpu));
    return tc->backend || error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the interpreter");
}

static void interp_vcpu_destroy(struct tcg_cpu *tc)
{
    free(tc->backend);
    tc->backend = NULL;
}

static enum tcg_compiled interp_compile(struct tcg_machine *tm, struct tcg_block *b,
                                        struct ir_region *r)
{
    struct interp_program *p;
    ir_ref *map = malloc(r->count * sizeof *map);
    size_t size = sizeof *p + r->count * sizeof(struct ir_insn);
    if (!map)
        return TCG_CODE_FULL;
    if (tm->cache.arena_bytes + size > tm->cache_size || !(p = cache_alloc(tm, size))) {
        free(map);
        return TCG_CODE_FULL;
    }
    p->count = 1;
    memset(&p->insns[0], 0, sizeof p->insns[0]);
    map[0] = 0;
    for (uint32_t n = 1, exits = 0; n < r->count; n++) {
        struct ir_insn i = r->insns[n];
        if (i.op == IR_NOP)
            continue;
        bool branch = i.op == IR_BRCC || i.op == IR_BRNZ || i.op == IR_EXIT;
        const char *kinds = ir_ops[i.op].args;
        if (kinds[0] != '-')
            i.a = map[i.a];
        if (kinds[1] != '-')
            i.b = map[i.b];
        if (kinds[2] != '-')
            i.c = map[i.c];
        if (kinds[3] != '-')
            i.d = map[i.d];
        if (branch)
            i.d = (ir_ref)exits++;
        map[n] = (ir_ref)p->count;
        p->insns[p->count++] = i;
    }
    free(map);
    b->code = p;
    b->code_size = (uint32_t)(p->count * sizeof(struct ir_insn));
    tm->cache.arena_bytes += size;
    return TCG_COMPILED;
}

static void interp_link(struct tcg_machine *tm, struct tcg_block *from, unsigned number,
                        struct tcg_block *to)
{
    (void)tm;
    (void)from;
    (void)number;
    (void)to; /* site->to is the link */
}

static void interp_kill(struct tcg_machine *tm, struct tcg_block *b)
{
    (void)tm;
    (void)b; /* block->dead is looked at */
}

static void *interp_jump_target(struct tcg_block *b)
{
    return b;
}

static void interp_flush(struct tcg_machine *tm)
{
    tm->cache.arena_bytes = 0;
}

/* ---- values
 * ------------------------------------------------------------------------------------------- */

static uint64_t truncate_to(enum ir_type t, uint64_t v)
{
    return t == IR_I32 ? (uint32_t)v : v;
}

static uint32_t flags_of(struct frame *f, ir_ref ref)
{
    const struct ir_insn *i = &f->insns[ref];
    union interp_value *v = f->v;
    switch (i->op) {
    case IR_GET:
    case IR_LDENV:
    case IR_CALL:
    case IR_FL_COMIS:
    case IR_FL_PTEST:
        return (uint32_t)v[ref].u;
    case IR_FL_ADC:
    case IR_FL_SBB:
    case IR_FL_SHL:
    case IR_FL_SHR:
    case IR_FL_SAR:
    case IR_FL_ROL:
    case IR_FL_ROR:
        return ir_eval_flags(i->op, i->aux, v[i->a].u, v[i->b].u, flags_of(f, i->c), 0);
    case IR_FL_INC:
    case IR_FL_DEC:
    case IR_FL_SETCF:
        return ir_eval_flags(i->op, i->aux, v[i->a].u, 0, flags_of(f, i->b), 0);
    case IR_FL_SHLD:
    case IR_FL_SHRD:
        return ir_eval_flags(i->op, i->aux, v[i->a].u, v[i->b].u, flags_of(f, i->d),
                             (unsigned)v[i->c].u);
    default:
        return ir_eval_flags(i->op, i->aux, v[i->a].u, i->b ? v[i->b].u : 0, 0, 0);
    }
}

static void flush_flags(struct frame *f)
{
    if (f->pending_flags) {
        f->tc->fl = flags_of(f, f->pending_flags) & IR_FL_MASK;
        f->pending_flags = 0;
    }
}

static void set_pc(struct frame *f, int64_t delta)
{
    f->tc->arch->set_pc(f->tc, f->tc->pcb + (uint64_t)delta);
}

static void put_slot(struct frame *f, const struct ir_insn *i)
{
    const struct ir_slot *s = &f->tc->arch->slots[i->aux];
    switch (s->type) {
    case IR_I64:
        memcpy(f->env + s->offset, &f->v[i->a].u, 8);
        break;
    case IR_I32:
        memcpy(f->env + s->offset, &f->v[i->a].u, 4);
        break;
    case IR_FL:
        f->pending_flags = i->a;
        break;
    default:
        memcpy(f->env + s->offset, &f->v[i->a].v, 16);
        break;
    }
}

static void get_slot(struct frame *f, const struct ir_insn *i, union interp_value *out)
{
    const struct ir_slot *s = &f->tc->arch->slots[i->aux];
    switch (s->type) {
    case IR_I64:
        memcpy(&out->u, f->env + s->offset, 8);
        break;
    case IR_V128:
        memcpy(&out->v, f->env + s->offset, 16);
        break;
    default:
        out->u = 0;
        memcpy(&out->u, f->env + s->offset, 4);
        break;
    }
}

static uint64_t sign_extend(uint64_t v, unsigned bits)
{
    return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
}

static void load(struct frame *f, const struct ir_insn *i, union interp_value *out)
{
    unsigned width = i->imm & IR_MEM_SIZE, size = 1u << width;
    uint64_t addr = f->v[i->a].u;
    if (i->type == IR_V128) {
        struct x86_vec v = {{0, 0}};
        tcg_load_bytes(f->tc, addr, &v, size, (unsigned)i->imm);
        out->v = v;
        return;
    }
    uint64_t v = tcg_load(f->tc, addr, size, (unsigned)i->imm);
    if (i->imm & IR_MEM_SIGN)
        v = sign_extend(v, 8 * size);
    out->u = truncate_to(i->type, v);
}

static void store(struct frame *f, const struct ir_insn *i)
{
    unsigned size = 1u << (i->imm & IR_MEM_SIZE);
    if (f->insns[i->b].type == IR_V128)
        tcg_store_bytes(f->tc, f->v[i->a].u, &f->v[i->b].v, size, (unsigned)i->imm);
    else
        tcg_store(f->tc, f->v[i->a].u, size, f->v[i->b].u & mask_bits(8 * size), (unsigned)i->imm);
}

static uint64_t atomic_op(struct frame *f, const struct ir_insn *i)
{
    static const uint8_t ops[IR_OP_COUNT] = {
        [IR_XCHG] = TCG_XCHG,   [IR_FETCH_ADD] = TCG_ADD, [IR_FETCH_AND] = TCG_AND,
        [IR_FETCH_OR] = TCG_OR, [IR_FETCH_XOR] = TCG_XOR, [IR_CMPXCHG] = TCG_CMPXCHG,
    };
    unsigned size = 1u << (i->imm & IR_MEM_SIZE);
    uint64_t expected = 0, value = f->v[i->b].u;
    if (i->op == IR_CMPXCHG) {
        expected = value;
        value = f->v[i->c].u;
    }
    uint64_t old =
        tcg_atomic(f->tc, f->v[i->a].u, size, ops[i->op], value, expected, (unsigned)i->imm);
    return old & mask_bits(8 * size);
}

static uint64_t divide(const struct ir_insn *i, union interp_value *v, uint64_t *rem)
{
    uint64_t lo = v[i->a].u, hi = v[i->b].u, d = v[i->c].u;
    bool wide = i->type == IR_I64;
    if (i->op == IR_UDIVX) {
        unsigned __int128 n =
            wide ? (unsigned __int128)hi << 64 | lo : (unsigned __int128)(hi << 32 | (uint32_t)lo);
        uint64_t q = (uint64_t)(n / d);
        *rem = truncate_to(i->type, (uint64_t)(n % d));
        return truncate_to(i->type, q);
    }
    __int128 n = wide ? (__int128)((unsigned __int128)hi << 64 | lo)
                      : (__int128)(int64_t)(hi << 32 | (uint32_t)lo);
    __int128 sd = wide ? (__int128)(int64_t)d : (__int128)(int32_t)d;
    *rem = truncate_to(i->type, (uint64_t)(n % sd));
    return truncate_to(i->type, (uint64_t)(n / sd));
}

static uint64_t multiply(const struct ir_insn *i, union interp_value *v, uint64_t *high)
{
    uint64_t a = v[i->a].u, b = v[i->b].u;
    if (i->type == IR_I32) {
        uint64_t p = i->op == IR_UMULX ? (uint64_t)(uint32_t)a * (uint32_t)b
                                       : (uint64_t)((int64_t)(int32_t)a * (int32_t)b);
        *high = p >> 32;
        return (uint32_t)p;
    }
    unsigned __int128 p = i->op == IR_UMULX
                              ? (unsigned __int128)a * b
                              : (unsigned __int128)((__int128)(int64_t)a * (int64_t)b);
    *high = (uint64_t)(p >> 64);
    return (uint64_t)p;
}

static uint64_t bit_deposit(uint64_t a, uint64_t mask)
{
    uint64_t r = 0;
    for (; mask; mask &= mask - 1, a >>= 1)
        if (a & 1)
            r |= mask & -mask;
    return r;
}

static uint64_t bit_extract(uint64_t a, uint64_t mask)
{
    uint64_t r = 0;
    for (unsigned n = 0; mask; mask &= mask - 1, n++)
        if (a & mask & -mask)
            r |= UINT64_C(1) << n;
    return r;
}

static uint32_t crc32c(uint32_t crc, uint64_t data, unsigned bytes)
{
    for (unsigned n = 0; n < bytes; n++) {
        crc ^= (uint8_t)(data >> (8 * n));
        for (unsigned k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

/* Integer operations without side effects. */
static uint64_t integer_op(struct frame *f, const struct ir_insn *i)
{
    union interp_value *v = f->v;
    uint64_t a = v[i->a].u, b = v[i->b].u;
    bool wide = i->type == IR_I64;
    unsigned bits = wide ? 64 : 32, n = (unsigned)b & (bits - 1);
    switch (i->op) {
    case IR_ADD:
        return a + b;
    case IR_SUB:
        return a - b;
    case IR_ADC:
        return a + b + ((flags_of(f, i->c) & IR_FL_CF) != 0);
    case IR_SBB:
        return a - b - ((flags_of(f, i->c) & IR_FL_CF) != 0);
    case IR_MUL:
        return a * b;
    case IR_AND:
        return a & b;
    case IR_OR:
        return a | b;
    case IR_XOR:
        return a ^ b;
    case IR_ANDN:
        return ~a & b;
    case IR_NOT:
        return ~a;
    case IR_NEG:
        return 0 - a;
    case IR_SHL:
        return a << n;
    case IR_SHR:
        return wide ? a >> n : (uint32_t)a >> n;
    case IR_SAR:
        return wide ? (uint64_t)((int64_t)a >> n) : (uint64_t)(int64_t)((int32_t)a >> n);
    case IR_ROL:
        return wide ? (n ? a << n | a >> (64 - n) : a)
                    : (n ? (uint32_t)a << n | (uint32_t)a >> (32 - n) : a);
    case IR_ROR:
        return wide ? (n ? a >> n | a << (64 - n) : a)
                    : (n ? (uint32_t)a >> n | (uint32_t)a << (32 - n) : a);
    case IR_ROLW: {
        unsigned w = 8u << i->aux, k = (unsigned)b % w;
        a &= mask_bits(w);
        return k ? (a << k | a >> (w - k)) & mask_bits(w) : a;
    }
    case IR_FSHL:
        n = (unsigned)v[i->c].u & (bits - 1);
        return !n ? a : wide ? a << n | b >> (64 - n) : (uint32_t)a << n | (uint32_t)b >> (32 - n);
    case IR_FSHR:
        n = (unsigned)v[i->c].u & (bits - 1);
        return !n ? a : wide ? a >> n | b << (64 - n) : (uint32_t)a >> n | (uint32_t)b << (32 - n);
    case IR_LEA:
        return a + (i->b ? b << i->aux : 0) + i->imm;
    case IR_ZEXT:
        return a & mask_bits(8u << i->aux);
    case IR_SEXT:
        return sign_extend(a, 8u << i->aux);
    case IR_TRUNC:
        return a;
    case IR_DEPOSIT: {
        uint64_t m = mask_bits(i->imm >> 8 & 0xff) << (i->imm & 0xff);
        return (a & ~m) | (b << (i->imm & 0xff) & m);
    }
    case IR_EXTRACT:
        return a >> (i->imm & 0xff) & mask_bits(i->imm >> 8 & 0xff);
    case IR_BSWAP:
        return wide ? __builtin_bswap64(a) : __builtin_bswap32((uint32_t)a);
    case IR_CLZ:
        a = truncate_to(i->type, a);
        return a ? (unsigned)__builtin_clzll(a) - (64 - bits) : bits;
    case IR_CTZ:
        a = truncate_to(i->type, a);
        return a ? (unsigned)__builtin_ctzll(a) : bits;
    case IR_POPCNT:
        return (unsigned)__builtin_popcountll(truncate_to(i->type, a));
    case IR_PDEP:
        return bit_deposit(a, truncate_to(i->type, b));
    case IR_PEXT:
        return bit_extract(a, truncate_to(i->type, b));
    case IR_CRC32C:
        return crc32c((uint32_t)a, b, 1u << i->aux);
    case IR_SETC:
        return ir_eval_setc(i->aux, (enum ir_type)i->imm, a, b);
    case IR_SETCC:
        return ir_eval_cc(i->aux, flags_of(f, i->a));
    case IR_SELCC:
        return ir_eval_cc(i->aux, flags_of(f, i->c)) ? a : b;
    case IR_SELNZ:
        return truncate_to(f->insns[i->c].type, v[i->c].u) ? a : b;
    case IR_FL_PACK:
        return flags_of(f, i->a);
    default:
        return 0;
    }
}

static uint64_t call_helper(struct frame *f, const struct ir_insn *i)
{
    const struct ir_helper *h = &f->tc->arch->helpers[i->imm];
    union interp_value *v = f->v;
    flush_flags(f);
    if (h->flags & HELPER_FAULT) /* exact PC for the exception */
        set_pc(f, f->pc);
    f->tc->counters.helper_calls++;
    return h->fn(f->env, i->a ? v[i->a].u : 0, i->b ? v[i->b].u : 0, i->c ? v[i->c].u : 0,
                 i->d ? v[i->d].u : 0);
}

static struct tcg_exit leave_status(struct frame *f)
{
    flush_flags(f);
    set_pc(f, f->pc);
    return (struct tcg_exit){.kind = TCG_EXIT_STATUS};
}

/* A direct exit: stay here when it is linked. NULL in *next: leave. */
/* Does somebody want this vCPU out of its code? */
static bool poll(struct tcg_cpu *tc)
{
    tc->unpolled = 0;
    return __atomic_load_n(&tc->exit_request, __ATOMIC_RELAXED) != 0;
}

static struct tcg_exit direct_exit(struct frame *f, struct tcg_block *b, const struct ir_insn *i,
                                   struct tcg_block **next)
{
    struct tcg_cpu *tc = f->tc;
    struct tcg_exit_site *site = &b->exits[i->d];
    struct tcg_block *to = __atomic_load_n(&site->to, __ATOMIC_ACQUIRE);
    flush_flags(f);
    set_pc(f, site->target);
    *next = NULL;
    if (b->mode & TCG_MODE_SINGLE)
        return (struct tcg_exit){.kind = TCG_EXIT_EVENTS};
    if ((site->flags & (IR_EXIT_POLL | IR_EXIT_CROSS)) && poll(tc))
        return (struct tcg_exit){.kind = TCG_EXIT_EVENTS};
    if (to && !__atomic_load_n(&to->dead, __ATOMIC_ACQUIRE) &&
        (!site->link_id || tc->ctx->links[site->link_id % LINK_TABLE_SIZE] == site->link_id) &&
        (!to->page2 || tc->ctx->links[to->guard_id % LINK_TABLE_SIZE] == to->guard_id)) {
        tc->pcb = tc->arch->get_pc(tc) - to->offset;
        *next = to;
    }
    return (struct tcg_exit){.kind = TCG_EXIT_LINK, .block = b, .number = i->d};
}

/* The block for an indirect jump, from the jump cache; its `code` there is the program. */
static struct tcg_exit run_block(struct tcg_cpu *tc, struct tcg_block *b, struct tcg_block **next)
{
    const struct interp_program *p = b->code;
    struct frame f = {.tc = tc, .env = tcg_env(tc), .insns = p->insns};
    union interp_value *v = f.v = ((struct interp_vcpu *)tc->backend)->values;
    *next = NULL;
    if (tc->tm->count) {
        tc->counters.exec_insns += b->guest_insns;
        tc->unpolled += b->guest_insns; /* too many when a branch in the middle is taken */
        tc->counters.poll_distance = MAX(tc->counters.poll_distance, tc->unpolled);
    }
    for (uint32_t n = 1; n < p->count; n++) {
        const struct ir_insn *i = &p->insns[n];
        switch (i->op) {
        case IR_CONST:
            v[n].u = i->imm;
            break;
        case IR_VCONST:
            v[n].v.u64[0] = v[n].v.u64[1] = i->imm;
            break;
        case IR_GET:
            get_slot(&f, i, &v[n]);
            break;
        case IR_PUT:
            put_slot(&f, i);
            break;
        case IR_LDENV:
            if (i->type == IR_V128)
                memcpy(&v[n].v, f.env + (int64_t)i->imm, 16);
            else {
                v[n].u = 0;
                memcpy(&v[n].u, f.env + (int64_t)i->imm, i->type == IR_I32 ? 4 : 8);
            }
            break;
        case IR_STENV:
            memcpy(f.env + (int64_t)i->imm, &v[i->a], (size_t)1 << i->aux);
            break;
        case IR_INSN:
            f.pc = (int64_t)i->imm;
            break;
        case IR_UMULX:
        case IR_SMULX:
            v[n].u = multiply(i, v, &tc->temp[5]);
            break;
        case IR_UDIVX:
        case IR_SDIVX:
            v[n].u = divide(i, v, &tc->temp[5]);
            break;
        case IR_HI:
            v[n].u = tc->temp[5];
            break;
        case IR_LD:
            load(&f, i, &v[n]);
            if (tc->status)
                return leave_status(&f);
            break;
        case IR_ST:
            store(&f, i);
            if (tc->status)
                return leave_status(&f);
            break;
        case IR_XCHG:
        case IR_FETCH_ADD:
        case IR_FETCH_AND:
        case IR_FETCH_OR:
        case IR_FETCH_XOR:
        case IR_CMPXCHG:
            v[n].u = atomic_op(&f, i);
            if (tc->status)
                return leave_status(&f);
            break;
        case IR_FENCE:
            __sync_synchronize();
            break;
        case IR_CALL:
            v[n].u = call_helper(&f, i);
            if (tc->status)
                return leave_status(&f);
            v[n].u = truncate_to(i->type, v[n].u);
            break;
        case IR_TRAPNZ:
            if (truncate_to(f.insns[i->a].type, v[i->a].u)) {
                tc->arch->raise_trap(tc, i->imm);
                return leave_status(&f);
            }
            break;
        case IR_TRAPCC:
            if (ir_eval_cc(i->aux, flags_of(&f, i->a))) {
                tc->arch->raise_trap(tc, i->imm);
                return leave_status(&f);
            }
            break;
        case IR_BRCC:
            if (ir_eval_cc(i->aux, flags_of(&f, i->a)))
                return direct_exit(&f, b, i, next);
            break;
        case IR_BRNZ:
            if (truncate_to(f.insns[i->a].type, v[i->a].u))
                return direct_exit(&f, b, i, next);
            break;
        case IR_EXIT:
            return direct_exit(&f, b, i, next);
        case IR_EXIT_IND:
            flush_flags(&f);
            tc->arch->set_pc(tc, v[i->a].u);
            return (struct tcg_exit){.kind = b->mode & TCG_MODE_SINGLE ? TCG_EXIT_EVENTS
                                                                       : TCG_EXIT_DYN};
        case IR_EXIT_DYN:
            flush_flags(&f);
            return (struct tcg_exit){.kind = i->aux || (b->mode & TCG_MODE_SINGLE) ? TCG_EXIT_EVENTS
                                                                                   : TCG_EXIT_DYN};
        default:
            if (i->type == IR_FL) {
                if (i->op == IR_FL_COMIS || i->op == IR_FL_PTEST)
                    v[n].u = interp_vector_to_int(i, v[i->a].v, v[i->b].v, &tc->guest_mxcsr);
                break; /* the others are evaluated when looked at */
            }
            if (i->type == IR_V128) {
                uint64_t x = i->op == IR_V_FROM ? v[i->a].u : v[i->b].u;
                if (i->op == IR_V_FROM && i->aux == IR_W32)
                    x = (uint32_t)x;
                v[n].v = interp_vector(i, v[i->a].v, v[i->b].v, v[i->c].v, x, &tc->guest_mxcsr);
            } else if (i->op == IR_V_LANE || i->op == IR_V_MOVMSK || i->op == IR_V_PCMPISTR ||
                       i->op == IR_VF_STOI) {
                v[n].u = truncate_to(
                    i->type, interp_vector_to_int(i, v[i->a].v, v[i->b].v, &tc->guest_mxcsr));
            } else {
                v[n].u = truncate_to(i->type, integer_op(&f, i));
            }
            break;
        }
    }
    tcg_internal_error(tc, "a translated block has no exit");
    return (struct tcg_exit){.kind = TCG_EXIT_STATUS};
}

/* An indirect jump or a mode change: the jump cache of the present context. */
static struct tcg_block *jump_to_pc(struct tcg_cpu *tc)
{
    uint64_t pc = tc->arch->get_pc(tc);
    struct jump_entry *j = &tc->ctx->jumps[jump_hash(pc)];
    if (j->pc != pc || (tc->mode & tc->arch->transient_modes) || tc->ctx->jump_mode != tc->mode ||
        poll(tc))
        return NULL;
    struct tcg_block *b = j->code;
    if (__atomic_load_n(&b->dead, __ATOMIC_ACQUIRE) || b->mode != tc->mode ||
        (b->page2 && tc->ctx->links[b->guard_id % LINK_TABLE_SIZE] != b->guard_id))
        return NULL;
    tc->pcb = pc - b->offset;
    return b;
}

static struct tcg_exit interp_run(struct tcg_cpu *tc, struct tcg_block *b)
{
    struct tcg_block *next;
    struct tcg_exit out;
    tc->unpolled = 0; /* the run loop has looked */
    for (;;) {
        out = run_block(tc, b, &next);
        if (!next && out.kind == TCG_EXIT_DYN)
            next = jump_to_pc(tc);
        if (!next)
            return out;
        b = next;
    }
}

const struct tcg_backend tcg_backend_interp = {
    .name = "interp",
    .supported = interp_supported,
    .init = interp_init,
    .destroy = interp_destroy,
    .vcpu_init = interp_vcpu_init,
    .vcpu_destroy = interp_vcpu_destroy,
    .compile = interp_compile,
    .run = interp_run,
    .link = interp_link,
    .kill = interp_kill,
    .flush = interp_flush,
    .jump_target = interp_jump_target,
};
