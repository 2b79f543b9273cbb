/*
 * The portable back end and the oracle: executes the IR itself.
 *
 * A block's program (program.h) is its IR with codes that leave nothing to decide, run by computed
 * jumps. Flags are evaluated when somebody looks: a PUT of FLAGS only remembers which insn made
 * them, and what a block leaves behind stays unevaluated until then. State is exact at any fault
 * because PUTs write the register file at once, after the last fault of their instruction.
 *
 * Thread contract: run on the vCPU's thread; compile under code_lock.
 */
#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "tcg/icount.h"
#include "tcg/interp/program.h"
#include "tcg/interp/vector.h"
#include "tcg/ir/eval.h"
#include "tcg/machine.h"
#include "tcg/mmu/tlb.h"

/* Flags whose PUT was executed and that nobody looked at yet: what ir_eval_flags takes. op 0:
 * tc->fl holds them. */
struct lazy_flags {
    uint8_t op, width;
    uint64_t a, b;
};

/* Per vCPU: the values of the running block. */
struct interp_vcpu {
    const struct tcg_block *running;
    struct lazy_flags lazy; /* outlives a block */
    uint64_t v[IR_MAX_INSNS];
    struct x86_vec256 vv[IR_MAX_INSNS];
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
    tc->backend = calloc(1, sizeof(struct interp_vcpu));
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
    struct interp_program *p = interp_translate(tm, r);
    if (!p)
        return TCG_CODE_FULL;
    b->code = p;
    b->code_size = (uint32_t)(p->count * sizeof(struct ir_insn));
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

/* ---- flags
 * ------------------------------------------------------------------------------------------- */

static void settle_flags(struct tcg_cpu *tc, struct lazy_flags *lazy)
{
    if (!lazy->op)
        return;
    tc->fl = ir_eval_flags(lazy->op, lazy->width, lazy->a, lazy->b, 0, 0) & IR_FL_MASK;
    lazy->op = 0;
}

/* The block ends and `ref` made the flags: kept unevaluated where the operands tell all. */
static void keep_flags(const struct interp_frame *f, struct lazy_flags *lazy, ir_ref ref)
{
    const struct ir_insn *i = &f->insns[ref];
    if (i->op == IR_FL_CMC) { /* no integers among its operands */
        f->tc->fl = interp_flags(f, ref) & IR_FL_MASK;
        lazy->op = 0;
        return;
    }
    uint64_t a = interp_value(f, i->a), b = interp_value(f, i->b);
    bool shift = i->op == IR_FL_SHL || i->op == IR_FL_SHR || i->op == IR_FL_SAR;
    if (i->op == IR_FL_SUB || i->op == IR_FL_LOGIC || i->op == IR_FL_ADD || (shift && (b & 63))) {
        *lazy = (struct lazy_flags){.op = i->op, .width = i->aux, .a = a, .b = b};
        return;
    }
    f->tc->fl = interp_flags(f, ref) & IR_FL_MASK;
    lazy->op = 0;
}

/* tc->fl becomes what the guest's flags are. */
static void flush_flags(const struct interp_frame *f, struct lazy_flags *lazy, ir_ref *pending)
{
    if (*pending) {
        f->tc->fl = interp_flags(f, *pending) & IR_FL_MASK;
        lazy->op = 0;
        *pending = 0;
    } else {
        settle_flags(f->tc, lazy);
    }
}

/* ---- insns that are more than a line
 * ------------------------------------------------------------------------------------------- */

static void atomic_op(const struct interp_frame *f, const struct ir_insn *i)
{
    static const uint8_t ops[IR_OP_COUNT] = {
        [IR_XCHG] = TCG_XCHG,   [IR_FETCH_ADD] = TCG_ADD, [IR_FETCH_AND] = TCG_AND,
        [IR_FETCH_OR] = TCG_OR, [IR_FETCH_XOR] = TCG_XOR, [IR_CMPXCHG] = TCG_CMPXCHG,
    };
    unsigned size = 1u << (i->imm & IR_MEM_SIZE);
    uint64_t expected = 0, value = f->v[i->b];
    if (i->op == IR_CMPXCHG) {
        expected = value;
        value = f->v[i->c];
    }
    uint64_t old =
        tcg_atomic(f->tc, f->v[i->a], size, ops[i->op], value, expected, (unsigned)i->imm);
    f->v[i->d] = old & mask_bits(8 * size);
}

static void load_any(const struct interp_frame *f, const struct ir_insn *i)
{
    unsigned size = 1u << (i->imm & IR_MEM_SIZE);
    uint64_t v = tcg_load(f->tc, f->v[i->a], size, (unsigned)i->imm);
    if (i->imm & IR_MEM_SIGN)
        v = interp_sign_extend(v, 8 * size);
    f->v[i->d] = interp_truncate(i->type, v);
}

static void load_vector(const struct interp_frame *f, const struct ir_insn *i)
{
    struct x86_vec256 v = {0};
    tcg_load_bytes(f->tc, f->v[i->a], &v, 1u << (i->imm & IR_MEM_SIZE), (unsigned)i->imm);
    f->vv[i->d] = v;
}

static void vector_op(const struct interp_frame *f, const struct ir_insn *i)
{
    uint64_t x = f->v[i->op == IR_V_FROM || i->op == IR_VA_FROMI ? i->a : i->b];
    if (i->op == IR_V_FROM && i->aux == IR_W32)
        x = (uint32_t)x;
    f->vv[i->d].half[0] = interp_vector(i, f->vv[i->a].half[0], f->vv[i->b].half[0],
                                        f->vv[i->c].half[0], x, &f->tc->guest_mxcsr);
}

static void wide_vector_op(const struct interp_frame *f, const struct ir_insn *i, bool wide_args)
{
    const struct x86_vec256 args[3] = {f->vv[i->a], f->vv[i->b], f->vv[i->c]};
    interp_vector_any(i, wide_args, args, 0, &f->tc->guest_mxcsr, &f->vv[i->d]);
}

static uint64_t wide_vector_to_int(const struct interp_frame *f, const struct ir_insn *i)
{
    const struct x86_vec256 args[2] = {f->vv[i->a], f->vv[i->b]};
    return interp_vector_any_to_int(i, args, &f->tc->guest_mxcsr);
}

static void call_helper(const struct interp_frame *f, const struct ir_insn *i, uint64_t pc)
{
    const struct ir_helper *h = &f->tc->arch->helpers[(uint32_t)i->imm];
    if (h->flags & HELPER_FAULT) /* exact PC for the exception */
        f->tc->arch->set_pc(f->tc, pc);
    f->tc->counters.helper_calls++;
    if (h->flags & HELPER_CLOCK && f->tc->tm->icount)
        icount_show(f->tc);
    f->v[i->imm >> 32] = interp_truncate(
        i->type, h->fn(tcg_env(f->tc), f->v[i->a], f->v[i->b], f->v[i->c], f->v[i->d]));
}

/* An x87 instruction by its helper, whose arguments are {opcode and segment, with bits 79-64 of an
 * 80-bit operand above, ...}. */
static void x87_op(const struct interp_frame *f, const struct ir_insn *i, uint64_t pc)
{
    const struct ir_helper *h = &f->tc->arch->helpers[ir_x87_helper(i->imm)];
    const unsigned bytes = ir_x87_bytes(i->imm);
    uint64_t desc = ir_x87_desc(i->imm), a = pc, b = 0, c = 0, value[2] = {0, 0};
    f->tc->arch->set_pc(f->tc, pc);
    switch (i->op) {
    case IR_X87_CMOV:
        b = interp_flags(f, i->a);
        break;
    case IR_X87_LD:
        tcg_load_bytes(f->tc, f->v[i->a], value, bytes, 0);
        if (tcg_faulted(f->tc))
            return;
        desc |= value[1] << 16;
        a = value[0];
        b = f->v[i->b];
        c = pc;
        break;
    case IR_X87_ST:
        a = f->v[i->a];
        b = f->v[i->b];
        c = pc;
        break;
    default:
        break;
    }
    f->tc->counters.helper_calls++;
    uint64_t result = h->fn(tcg_env(f->tc), desc, a, b, c);
    if (i->op == IR_X87_COMI)
        f->v[i->d] = result;
}

/* ---- control
 * ------------------------------------------------------------------------------------------- */

/* Does somebody want this vCPU out of its code? */
static bool poll(struct tcg_cpu *tc)
{
    tc->unpolled = 0;
    return __atomic_load_n(&tc->exit_request, __ATOMIC_RELAXED) != 0;
}

/* count=on: the block is entered. */
static void count_block(struct tcg_cpu *tc, const struct tcg_block *b)
{
    tc->counters.exec_insns += b->guest_insns;
    tc->unpolled += b->guest_insns; /* too many when a branch in the middle is taken */
    tc->counters.poll_distance = MAX(tc->counters.poll_distance, tc->unpolled);
}

/* Counted: what the block will execute comes off the budget. false: it does not cover it. Single
 * instructions, and what is made for one use, come from the run loop, which has looked. */
static bool charge_block(struct tcg_cpu *tc, const struct tcg_block *b)
{
    if (tc->budget < b->longest && b->page && !(b->mode & TCG_MODE_SINGLE))
        return false;
    tc->budget -= b->guest_insns;
    return true;
}

/* The block that a direct exit is linked to, when the link holds in this context. */
static struct tcg_block *follow(struct tcg_cpu *tc, const struct tcg_exit_site *site)
{
    struct tcg_block *to = cache_linked(&tc->tm->cache, site);
    if (!to || __atomic_load_n(&to->dead, __ATOMIC_ACQUIRE) ||
        (site->crossing && !link_holds(tc->ctx, exit_crossing(site)->link_id)) ||
        !block_guards_hold(to, tc->ctx))
        return NULL;
    tc->pcb += (uint64_t)site->target - to->offset;
    return to;
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
    if (__atomic_load_n(&b->dead, __ATOMIC_ACQUIRE) || (b->mode & ~TCG_MODE_ALIAS) != tc->mode ||
        !block_guards_hold(b, tc->ctx))
        return NULL;
    tc->pcb = pc - b->offset;
    return b;
}

/* Loads and stores of plain RAM; what level 1 of the TLB does not know goes the slow way. */
#define LOAD(type_, extend_)                                                                       \
    do {                                                                                           \
        uint64_t addr = v[i->a];                                                                   \
        const struct tlb_fast *t = &tc->ctx->rd[tlb_index(addr)];                                  \
        type_ value;                                                                               \
        if (t->tag != ((addr + sizeof value - 1) & ~(MEM_PAGE_SIZE - 1))) {                        \
            load_any(&f, i);                                                                       \
            goto check;                                                                            \
        }                                                                                          \
        memcpy(&value, (void *)(uintptr_t)(addr + t->addend), sizeof value); /* NOLINT */          \
        v[i->d] = extend_;                                                                         \
        NEXT;                                                                                      \
    } while (0)
#define STORE(type_)                                                                               \
    do {                                                                                           \
        uint64_t addr = v[i->a];                                                                   \
        const struct tlb_fast *t = &tc->ctx->wr[tlb_index(addr)];                                  \
        type_ value = (type_)v[i->b];                                                              \
        if (t->tag != ((addr + sizeof value - 1) & ~(MEM_PAGE_SIZE - 1))) {                        \
            tcg_store(tc, addr, sizeof value, value, (unsigned)i->imm);                            \
            goto check;                                                                            \
        }                                                                                          \
        memcpy((void *)(uintptr_t)(addr + t->addend), &value, sizeof value); /* NOLINT */          \
        NEXT;                                                                                      \
    } while (0)
#define NEXT                                                                                       \
    do {                                                                                           \
        i++;                                                                                       \
        goto *steps[i->uses];                                                                      \
    } while (0)
#define ENV(type_) (*(type_ *)(env + (int64_t)i->imm))

static struct tcg_exit interp_run(struct tcg_cpu *tc, struct tcg_block *b)
{
    static const void *const steps[INTERP_CODE_COUNT] = {
#define X(name) &&do_##name,
        INTERP_CODES(X)
#undef X
#define X(name, wide, narrow)                                                                      \
    &&do_##name##64R, &&do_##name##64I, &&do_##name##32R, &&do_##name##32I,
            INTERP_BINARY(X)
#undef X
#define X(cc, test) &&do_BRSUB_##cc##_R, &&do_BRSUB_##cc##_I,
                INTERP_SUB_CONDITIONS(X)
#undef X
#define X(cc, test) &&do_BRLOGIC_##cc,
                    INTERP_LOGIC_CONDITIONS(X)
#undef X
    };
    struct interp_vcpu *cpu = tc->backend;
    char *const env = tcg_env(tc);
    uint64_t *const v = cpu->v;
    struct x86_vec256 *const vv = cpu->vv;
    struct interp_frame f = {.tc = tc, .v = v, .vv = vv};
    const struct interp_program *p;
    const struct ir_insn *i;
    const struct tcg_exit_site *site;
    struct tcg_block *next;
    struct tcg_exit out;
    ir_ref pending; /* the insn whose flags the last PUT of flags gave the guest */

    tc->unpolled = 0; /* the run loop has looked */
enter:
    cpu->running = b;
    p = b->code;
    i = f.insns = p->insns;
    pending = 0;
    if (tc->tm->count)
        count_block(tc, b);
    if (tc->tm->icount && !charge_block(tc, b)) {
        tc->arch->set_pc(tc, tc->pcb + b->offset);
        settle_flags(tc, &cpu->lazy);
        return (struct tcg_exit){.kind = TCG_EXIT_DYN};
    }
    NEXT;

do_CONST:
    v[i->d] = i->imm;
    NEXT;
do_VCONST:
    vv[i->d].half[0].u64[0] = vv[i->d].half[0].u64[1] = i->imm;
    vv[i->d].half[1] = vv[i->d].half[0];
    NEXT;
do_GET64:
do_LDENV64:
    v[i->d] = ENV(uint64_t);
    NEXT;
do_GET32:
do_LDENV32:
    v[i->d] = ENV(uint32_t);
    NEXT;
do_GETV:
do_LDENVV:
    memcpy(&vv[i->d], env + (int64_t)i->imm, 16);
    NEXT;
do_LDENVW:
    memcpy(&vv[i->d], env + (int64_t)i->imm, 32);
    NEXT;
do_GETFL:
    flush_flags(&f, &cpu->lazy, &pending);
    v[i->d] = ENV(uint32_t);
    NEXT;
do_PUT64:
    ENV(uint64_t) = v[i->a];
    NEXT;
do_PUT32:
    ENV(uint32_t) = (uint32_t)v[i->a];
    NEXT;
do_PUTV:
    memcpy(env + (int64_t)i->imm, &vv[i->a], 16);
    NEXT;
do_PUTFL:
    pending = i->a;
    NEXT;
do_STENV:
    memcpy(env + (int64_t)i->imm, &v[i->a], (size_t)1 << i->aux);
    NEXT;
do_STENVV:
    memcpy(env + (int64_t)i->imm, &vv[i->a], (size_t)1 << i->aux);
    NEXT;
do_MULX:
    v[i->d] = interp_multiply(i, v, &tc->temp[4]);
    NEXT;
do_DIVX:
    v[i->d] = interp_divide(i, v, &tc->temp[4]);
    NEXT;
do_HI:
    v[i->d] = tc->temp[4];
    NEXT;

do_LD8:
    LOAD(uint8_t, value);
do_LD16:
    LOAD(uint16_t, value);
do_LD32:
    LOAD(uint32_t, value);
do_LD64:
    LOAD(uint64_t, value);
do_LDS8:
    LOAD(uint8_t, interp_truncate(i->type, (uint64_t)(int64_t)(int8_t)value));
do_LDS16:
    LOAD(uint16_t, interp_truncate(i->type, (uint64_t)(int64_t)(int16_t)value));
do_LDS32:
    LOAD(uint32_t, interp_truncate(i->type, (uint64_t)(int64_t)(int32_t)value));
do_LD:
    load_any(&f, i);
    goto check;
do_LDV:
    load_vector(&f, i);
    goto check;
do_LDCC:
    if (ir_eval_cc(i->aux, interp_flags(&f, i->c))) {
        load_any(&f, i);
        goto check;
    }
    v[i->d] = interp_truncate(i->type, v[i->b]);
    NEXT;
do_STCC:
    if (ir_eval_cc(i->aux, interp_flags(&f, i->c)))
        goto do_ST;
    NEXT;
do_ST8:
    STORE(uint8_t);
do_ST16:
    STORE(uint16_t);
do_ST32:
    STORE(uint32_t);
do_ST64:
    STORE(uint64_t);
do_ST : {
    unsigned size = 1u << (i->imm & IR_MEM_SIZE);
    tcg_store(tc, v[i->a], size, v[i->b] & mask_bits(8 * size), (unsigned)i->imm);
    goto check;
}
do_STV:
    tcg_store_bytes(tc, v[i->a], &vv[i->b], 1u << (i->imm & IR_MEM_SIZE), (unsigned)i->imm);
    goto check;
do_ATOMIC:
    atomic_op(&f, i);
    goto check;
do_FENCE:
    __sync_synchronize();
    NEXT;
do_CLOCK:
    v[i->d] = (uint64_t)clock_now(tc->vcpu->machine->clocks, VCLOCK_VIRTUAL);
    NEXT;
do_CALL_FLAGS:
    flush_flags(&f, &cpu->lazy, &pending);
do_CALL:
    call_helper(&f, i, tc->pcb + (uint64_t)(int64_t)p->pcs[i - p->insns]);
check:
    if (tc->status)
        goto fault;
    NEXT;
do_X87:
    x87_op(&f, i, tc->pcb + (uint64_t)(int64_t)p->pcs[i - p->insns]);
    goto check;

do_TRAPNZ:
    if (!v[i->a])
        NEXT;
    tc->arch->raise_trap(tc, i->imm);
    goto fault;
do_TRAPCC:
    if (!ir_eval_cc(i->aux, interp_flags(&f, i->a)))
        NEXT;
    tc->arch->raise_trap(tc, i->imm);
    goto fault;
do_BRCC:
    if (ir_eval_cc(i->aux, interp_flags(&f, i->a)))
        goto direct;
    NEXT;
do_BRNZ:
    if (v[i->a])
        goto direct;
    NEXT;

do_MOV32:
    v[i->d] = (uint32_t)v[i->a];
    NEXT;
do_LEA64:
    v[i->d] = v[i->a] + (v[i->b] << i->aux) + i->imm;
    NEXT;
do_LEA32:
    v[i->d] = (uint32_t)(v[i->a] + (v[i->b] << i->aux) + i->imm);
    NEXT;
do_LEAI64:
    v[i->d] = v[i->a] + i->imm;
    NEXT;
do_LEAI32:
    v[i->d] = (uint32_t)(v[i->a] + i->imm);
    NEXT;
do_ZEXT8:
    v[i->d] = (uint8_t)v[i->a];
    NEXT;
do_ZEXT16:
    v[i->d] = (uint16_t)v[i->a];
    NEXT;
do_SEXT:
    v[i->d] = interp_truncate(i->type, interp_sign_extend(v[i->a], 8u << i->aux));
    NEXT;
do_NOT64:
    v[i->d] = ~v[i->a];
    NEXT;
do_NOT32:
    v[i->d] = (uint32_t)~v[i->a];
    NEXT;
do_NEG64:
    v[i->d] = 0 - v[i->a];
    NEXT;
do_NEG32:
    v[i->d] = (uint32_t)(0 - v[i->a]);
    NEXT;
do_SETCC:
    v[i->d] = ir_eval_cc(i->aux, interp_flags(&f, i->a));
    NEXT;
do_SELCC:
    v[i->d] = ir_eval_cc(i->aux, interp_flags(&f, i->c)) ? v[i->a] : v[i->b];
    NEXT;
do_INT:
    v[i->d] = interp_truncate(i->type, interp_integer(&f, i));
    NEXT;
do_VECTOR:
    vector_op(&f, i);
    NEXT;
do_VECTOR_INT:
    v[i->d] = interp_truncate(
        i->type, interp_vector_to_int(i, vv[i->a].half[0], vv[i->b].half[0], &tc->guest_mxcsr));
    NEXT;
do_WIDE:
    wide_vector_op(&f, i, false);
    NEXT;
do_WIDE_ARGS:
    wide_vector_op(&f, i, true);
    NEXT;
do_WIDE_INT:
    v[i->d] = wide_vector_to_int(&f, i);
    NEXT;

#define X(name, wide, narrow)                                                                      \
    do_##name##64R:                                                                                \
    {                                                                                              \
        uint64_t x = v[i->a], y = v[i->b];                                                         \
        v[i->d] = wide;                                                                            \
        NEXT;                                                                                      \
    }                                                                                              \
    do_##name##64I:                                                                                \
    {                                                                                              \
        uint64_t x = v[i->a], y = i->imm;                                                          \
        v[i->d] = wide;                                                                            \
        NEXT;                                                                                      \
    }                                                                                              \
    do_##name##32R:                                                                                \
    {                                                                                              \
        uint64_t x = v[i->a], y = v[i->b];                                                         \
        v[i->d] = (uint32_t)(narrow);                                                              \
        NEXT;                                                                                      \
    }                                                                                              \
    do_##name##32I:                                                                                \
    {                                                                                              \
        uint64_t x = v[i->a], y = i->imm;                                                          \
        v[i->d] = (uint32_t)(narrow);                                                              \
        NEXT;                                                                                      \
    }
    INTERP_BINARY(X)
#undef X
#define X(cc, test)                                                                                \
    do_BRSUB_##cc##_R:                                                                             \
    {                                                                                              \
        uint64_t x = v[i->a] << i->type, y = v[i->b] << i->type;                                   \
        if (test)                                                                                  \
            goto direct;                                                                           \
        NEXT;                                                                                      \
    }                                                                                              \
    do_BRSUB_##cc##_I:                                                                             \
    {                                                                                              \
        uint64_t x = v[i->a] << i->type, y = i->imm;                                               \
        if (test)                                                                                  \
            goto direct;                                                                           \
        NEXT;                                                                                      \
    }
    INTERP_SUB_CONDITIONS(X)
#undef X
#define X(cc, test)                                                                                \
    do_BRLOGIC_##cc:                                                                               \
    {                                                                                              \
        uint64_t x = v[i->a] << i->type;                                                           \
        if (test)                                                                                  \
            goto direct;                                                                           \
        NEXT;                                                                                      \
    }
    INTERP_LOGIC_CONDITIONS(X)
#undef X

do_EXIT:
direct:
    if (pending)
        keep_flags(&f, &cpu->lazy, pending);
    site = block_exit(b, i->d);
    out = (struct tcg_exit){.kind = TCG_EXIT_LINK, .block = b, .number = i->d};
    if ((b->mode & TCG_MODE_SINGLE) ||
        ((site->flags & (IR_EXIT_POLL | IR_EXIT_CROSS)) && poll(tc))) {
        out.kind = TCG_EXIT_EVENTS;
    } else if ((next = follow(tc, site))) {
        b = next;
        goto enter;
    }
    tc->arch->set_pc(tc, tc->pcb + (uint64_t)site->target);
    settle_flags(tc, &cpu->lazy);
    return out;
do_EXIT_IND:
    tc->arch->set_pc(tc, v[i->a]);
    goto dynamic;
do_EXIT_MODE:
    tcg_mode_set(tc, i->a ? v[i->a] : i->imm, i->aux >> 1);
do_EXIT_DYN:
dynamic:
    if (pending)
        keep_flags(&f, &cpu->lazy, pending);
    out = (struct tcg_exit){.kind = TCG_EXIT_DYN};
    if (((i->op == IR_EXIT_DYN || i->op == IR_EXIT_MODE) && i->aux & 1) ||
        (b->mode & TCG_MODE_SINGLE)) {
        out.kind = TCG_EXIT_EVENTS;
    } else if ((next = jump_to_pc(tc))) {
        b = next;
        goto enter;
    }
    settle_flags(tc, &cpu->lazy);
    return out;
fault:
    if (tc->tm->icount)
        tc->budget += p->rests[i - p->insns];
    flush_flags(&f, &cpu->lazy, &pending);
    tc->arch->set_pc(tc, tc->pcb + (uint64_t)(int64_t)p->pcs[i - p->insns]);
    return (struct tcg_exit){.kind = TCG_EXIT_STATUS};
}

static bool interp_runs(const struct tcg_cpu *tc, const struct tcg_block *b)
{
    return ((const struct interp_vcpu *)tc->backend)->running == b;
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
    .runs = interp_runs,
    .jump_target = interp_jump_target,
};
