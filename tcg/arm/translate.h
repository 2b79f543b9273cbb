/*
 * Translation of A64 instructions to IR: the context a translate function gets and the accessors
 * for its operands.
 *
 * The instruction tables are the .def files in tcg/arm/a64 (one a subject; tcg/arm/decode.h has
 * their form), of which the build makes gen/a64.h: struct a64_insn with every field by its name,
 * and declarations of the translate functions, bool a64_NAME(x, i). Such a function emits the IR of
 * one instruction; the loop (translate.c) has already emitted IR_INSN and checked that the row's
 * feature is there. It returns false for UNDEFINED, before it put anything; when it does not set
 * x->done the next instruction follows. Rules: every ir_put() after the last operation that may
 * fault; a register's value is i64, one of 32 bits i32.
 *
 * FP and SIMD instructions begin with `if (!a64_check_fp(x)) return true;`.
 *
 * Data addresses go to IR_LD and the like as they are: the MMU's entries are for an address with
 * its top byte, the walk ignores it where TCR_ELx.TBI says so, and what invalidates a page does so
 * for every tag.
 *
 * Thread contract: the vCPU's own thread; everything is on its stack.
 */
#ifndef TCG_ARM_TRANSLATE_H
#define TCG_ARM_TRANSLATE_H

#include "core/cpu/arm.h"
#include "gen/a64.h"
#include "tcg/arm/decode.h"
#include "tcg/arm/helpers.h"
#include "tcg/arm/slots.h"
#include "tcg/cpu.h"
#include "tcg/ir/ir.h"

enum { A64_TEMP = 16, A64_TEMPS = 16 };

struct a64_trans {
    struct tcg_translation *t;
    struct ir_region *ir;
    const struct arm_cpu_model *model; /* NULL: one with every feature */
    uint64_t mode;
    int64_t start; /* PC of this instruction minus PCB */
    int64_t next;  /* PC of the next one minus PCB */
    bool done;     /* the region ends with this instruction (an EXIT was emitted) */
    bool clock;    /* the instruction reads clocks or reaches devices (HELPER_CLOCK) */
    ir_ref reversed, reversed_from; /* the last RBIT's result and operand */
    /* A32 and T32 (translate32.h) */
    bool aarch32, t32;
    bool conditional;       /* whether the instruction's condition holds is not known yet */
    uint8_t cond;           /* 14: always */
    uint8_t it, it_next;    /* PSTATE.IT of this instruction and of the next one */
    uint8_t it_stored;      /* what arm_regs.pstate has of it */
    uint32_t seen;          /* end of what was looked at beyond the instructions, in the page */
    uint8_t it_noted;       /* what tcg_cpu.insn_it has of it */
    bool set_checked;       /* a32_check_set() was called */
    ir_ref temp[A64_TEMPS]; /* in AArch32 state: what V16 to V31 name (translate32_vec.h) */
};

static inline unsigned a64_el(const struct a64_trans *x)
{
    return (unsigned)(x->mode & MODE_EL);
}
static inline bool a64_has(const struct a64_trans *x, enum arm_feature feature)
{
    return !x->model || arm_has(x->model, feature);
}
static inline enum ir_type a64_type(bool sf)
{
    return sf ? IR_I64 : IR_I32;
}
static inline enum ir_width a64_width(bool sf)
{
    return sf ? IR_W64 : IR_W32;
}

/* ---- general registers ---------------------------------------------------------------------- */

/* Register n as i64 (sf) or i32; 31 is 0. */
static inline ir_ref a64_reg(struct a64_trans *x, unsigned n, bool sf)
{
    if (n == 31)
        return ir_const(x->ir, a64_type(sf), 0);
    ir_ref v = ir_get(x->ir, SLOT_X + n);
    return sf ? v : ir_trunc(x->ir, v);
}
/* 31 is SP. */
static inline ir_ref a64_reg_sp(struct a64_trans *x, unsigned n, bool sf)
{
    ir_ref v = ir_get(x->ir, SLOT_X + n); /* SLOT_SP is the 31st */
    return sf ? v : ir_trunc(x->ir, v);
}
/* A value of 32 bits (sf false) clears the upper half; 31 is nowhere. */
static inline void a64_put(struct a64_trans *x, unsigned n, bool sf, ir_ref v)
{
    if (n != 31)
        ir_put(x->ir, SLOT_X + n, sf ? v : ir_zext(x->ir, IR_I64, v, IR_W32));
}
static inline void a64_put_sp(struct a64_trans *x, unsigned n, bool sf, ir_ref v)
{
    ir_put(x->ir, SLOT_X + n, sf ? v : ir_zext(x->ir, IR_I64, v, IR_W32));
}

/* ---- vector registers ----------------------------------------------------------------------- */

static inline ir_ref a64_vec(struct a64_trans *x, unsigned n)
{
    if (x->aarch32 && n >= A64_TEMP)
        return x->temp[n - A64_TEMP];
    int slot = arm_slot_v(n);
    if (slot >= 0)
        return ir_get(x->ir, (unsigned)slot);
    return ir_emit(x->ir, IR_LDENV, IR_V128, 0, 0, 0, 0, 0, offsetof(struct arm_regs, v[n]));
}
static inline void a64_put_vec(struct a64_trans *x, unsigned n, ir_ref v)
{
    int slot = arm_slot_v(n);
    if (x->aarch32 && n >= A64_TEMP)
        x->temp[n - A64_TEMP] = v;
    else if (slot >= 0)
        ir_put(x->ir, (unsigned)slot, v);
    else
        ir_emit(x->ir, IR_STENV, IR_VOID, IR_W128, v, 0, 0, 0, offsetof(struct arm_regs, v[n]));
}
/* May FP and SIMD registers be used? false: the trap was raised, the instruction is done. */
bool a64_check_fp(struct a64_trans *x);

/* ---- flags ---------------------------------------------------------------------------------- */

/* See SLOT_FLAGS: CF is the inverse of C. */
static inline ir_ref a64_flags(struct a64_trans *x)
{
    return ir_get(x->ir, SLOT_FLAGS);
}
static inline void a64_put_flags(struct a64_trans *x, ir_ref fl)
{
    ir_put(x->ir, SLOT_FLAGS, fl);
}
/* NZCV as PSTATE has it: bits 31:28 of an i32. */
ir_ref a64_nzcv(struct a64_trans *x);
void a64_put_nzcv(struct a64_trans *x, ir_ref v);
/* A condition field's IR_CC over the flags; not for AL and NV (14, 15). */
enum ir_cc a64_cc(unsigned cond);

/* ---- constants and arithmetic ---------------------------------------------------------------- */

static inline ir_ref a64_const(struct a64_trans *x, bool sf, uint64_t v)
{
    return ir_const(x->ir, a64_type(sf), v);
}
/* Register n extended as `option` of ADD (extended register) and of addresses says. */
ir_ref a64_extended(struct a64_trans *x, unsigned n, bool sf, unsigned option);
/* a + n */
ir_ref a64_add_imm(struct a64_trans *x, enum ir_type type, ir_ref a, int64_t n);
/* PCB + rel as i64: of this instruction (x->start), the next one (x->next), a target. */
ir_ref a64_pc(struct a64_trans *x, int64_t rel);

/* ---- memory ----------------------------------------------------------------------------------
 */

/* Register n, or SP with its alignment checked, as the base of an access. */
ir_ref a64_base(struct a64_trans *x, unsigned n);
/* enum ir_mem of an access of 1 << size bytes: size, and what the mode says of alignment. Accesses
 * of a big-endian mode go through a64_load() and a64_store(). */
unsigned a64_mem(const struct a64_trans *x, unsigned size);
/* An integer of 1 << size bytes (size 0-3) as `type`, zero-extended, or by IR_MEM_SIGN in attr. */
ir_ref a64_load(struct a64_trans *x, enum ir_type type, ir_ref addr, unsigned size, unsigned attr);
void a64_store(struct a64_trans *x, ir_ref addr, ir_ref v, unsigned size, unsigned attr);
/* The low 1 << size bytes of v the other way round, zero-extended. */
ir_ref a64_swap(struct a64_trans *x, enum ir_type type, ir_ref v, unsigned size);
/* What stands before is to be seen before what follows, where a store's release does not say so. */
void a64_release(struct a64_trans *x);
/* A vector register's low 1 << size bytes (size 0-4), the rest 0. */
ir_ref a64_load_vec(struct a64_trans *x, ir_ref addr, unsigned size);
void a64_store_vec(struct a64_trans *x, ir_ref addr, ir_ref v, unsigned size);

/* An integer as memory has it, when data are big-endian. */
ir_ref a64_in_order(struct a64_trans *x, ir_ref v, unsigned size);
/* 1 << size bytes (size 0-3) at an aligned address marked and read, i64; stored when they are still
 * marked and what they were: 0 (i32), else 1. Values are as memory has them. */
ir_ref a64_load_exclusive(struct a64_trans *x, ir_ref addr, unsigned size);
ir_ref a64_store_exclusive(struct a64_trans *x, ir_ref addr, ir_ref v, unsigned size);
void a64_forget_exclusive(struct a64_trans *x);
/* Invalidations that other vCPUs take part in are complete behind it. */
void a64_wait_for_others(struct a64_trans *x);
/* The bits the other way round. */
ir_ref a64_bits_reversed(struct a64_trans *x, bool sf, ir_ref v);

/* ---- pointer authentication -------------------------------------------------------------------
 */

/* In the order of arm_regs.pauth. */
enum arm_key { ARM_KEY_IA, ARM_KEY_IB, ARM_KEY_DA, ARM_KEY_DB, ARM_KEY_GA };
/* The pointer authenticated with the key, or as it is while SCTLR_ELx has the key off. */
ir_ref a64_authenticate(struct a64_trans *x, ir_ref pointer, ir_ref modifier, enum arm_key key);

/* ---- helper calls, control ------------------------------------------------------------------- */

static inline ir_ref a64_call_helper(struct a64_trans *x, unsigned helper, ir_ref a, ir_ref b,
                                     ir_ref c, ir_ref d)
{
    x->clock |= (x->ir->helpers[helper].flags & HELPER_CLOCK) != 0;
    return ir_call(x->ir, helper, a, b, c, d);
}
/* Raise an exception known at translation time; ends the region. trap: ARM_TRAP(). */
void a64_raise(struct a64_trans *x, uint64_t trap);
void a64_undefined(struct a64_trans *x);
/* ... when the integer is not 0. */
void a64_raise_if(struct a64_trans *x, ir_ref nonzero, uint64_t trap);
/* End the region: continue at the next instruction through the outer loop, since mode, mappings or
 * the deliverability of interrupts may have changed. poll: look at interrupts first. */
void a64_end_dyn(struct a64_trans *x, bool poll);
/* The helper set PC itself. */
void a64_end_dyn_pc_set(struct a64_trans *x, bool poll);
/* End the region with a plain jump to the next instruction. */
void a64_end_next(struct a64_trans *x);
/* The same, with a look at interrupts on the way when exit_request asks for it. */
void a64_end_poll(struct a64_trans *x);
/* Go on at PCB + rel; at the address in target. */
void a64_jump_rel(struct a64_trans *x, int64_t rel);
void a64_jump_to(struct a64_trans *x, ir_ref target);
void a64_return_to(struct a64_trans *x, ir_ref target);
/* Go on at PCB + rel when cc over fl holds or, fl being 0, `nonzero` is not 0; else behind this
 * instruction. */
void a64_branch_if(struct a64_trans *x, ir_ref fl, enum ir_cc cc, ir_ref nonzero, int64_t rel);

/* The same as a way out only: what follows is for when it does not hold. */
void a64_leave_if(struct a64_trans *x, ir_ref fl, enum ir_cc cc, int64_t rel);
/* What stands before each instruction's own IR: single steps, breakpoints. */
void a64_before_insn(struct a64_trans *x);

/* Every instruction goes back to the run loop: re-execution, single step. */
bool a64_one_by_one(const struct a64_trans *x);

/* tcg_arch.translate in AArch64 state */
void a64_translate(struct tcg_translation *t);

#endif
