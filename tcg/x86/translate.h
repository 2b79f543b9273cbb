/*
 * Translation of decoded x86 instructions to IR: the context a translate function gets and the
 * accessors for its operands.
 *
 * A translate function emits the IR of one instruction. The loop (translate.c) has already emitted
 * IR_INSN and made the row's checks (#UD, #NM, privilege). When it does not set x->done the next
 * instruction follows. Rules: every ir_put() after the last operation that may fault; 8- and 16-bit
 * values are i32 with unspecified upper bits; the flags value goes through x86_put_flags().
 *
 * Thread contract: the vCPU's own thread; everything is on its stack.
 */
#ifndef TCG_X86_TRANSLATE_H
#define TCG_X86_TRANSLATE_H

#include "core/cpu/x86.h"
#include "tcg/cpu.h"
#include "tcg/ir/ir.h"
#include "tcg/x86/decode.h"
#include "tcg/x86/helpers.h"
#include "tcg/x86/raise.h"
#include "tcg/x86/slots.h"

struct x86_trans {
    struct tcg_translation *t;
    struct ir_region *ir;
    uint64_t mode;
    int64_t start;  /* PC of this instruction minus PCB */
    int64_t next;   /* PC of the next one minus PCB */
    bool done;      /* the region ends with this instruction (an EXIT was emitted) */
    bool clock;     /* the instruction reads clocks or reaches devices (HELPER_CLOCK) */
    bool after_sti; /* this instruction follows an STI and is the region's last: interrupts are
                       looked at behind it, not before */
    bool lfence; /* an LFENCE stands before this instruction: RDTSC waits for what is before it */
    /* this instruction's memory operand, once computed */
    ir_ref ea;        /* linear address */
    ir_ref loaded;    /* the IR_LD of x86_load_rm_rmw() */
    ir_ref x87_begin; /* the last IR_X87_BEGIN, 0: none */
};

/* Type of a value of width w: IR_I32 up to 32 bits, then IR_I64. */
static inline enum ir_type x86_type(unsigned w)
{
    return w == IR_W64 ? IR_I64 : IR_I32;
}
static inline unsigned x86_bytes(unsigned w)
{
    return 1u << w;
}
static inline unsigned x86_bits(unsigned w)
{
    return 8u << w;
}
static inline bool x86_code64(const struct x86_trans *x)
{
    return (x->mode & MODE_CODE64) != 0;
}

/* ---- general registers
 * ---------------------------------------------------------------------------------- */

/* Register `reg` as a value of width w. 8-bit naming (AH.. or SPL..) follows the instruction's REX.
 */
ir_ref x86_get_reg(struct x86_trans *x, const struct x86_insn *i, unsigned reg, unsigned w);
/* Writes as the architecture does: 32 bits clear the upper half, 8 and 16 keep the rest. */
void x86_put_reg(struct x86_trans *x, const struct x86_insn *i, unsigned reg, unsigned w, ir_ref v);

/* ---- memory operands
 * ------------------------------------------------------------------------------------ */

/*
 * Linear address of the ModRM memory operand, segment base added and checked for an access of
 * `bytes` bytes. Computed once an instruction: later calls give the same value (and make no second
 * check).
 */
ir_ref x86_ea(struct x86_trans *x, const struct x86_insn *i, unsigned bytes, bool write);
/* The offset within the segment only (LEA), i32 or i64 by address size, wrapped to it, no check. As
 * i64. */
ir_ref x86_ea_offset(struct x86_trans *x, const struct x86_insn *i);
/* Any other access: offset (i64, already wrapped to the address size) in segment seg -> linear
 * address. */
ir_ref x86_linear(struct x86_trans *x, unsigned seg, ir_ref offset, unsigned bytes, bool write);
/* The stack's offset mask: width of SP in this mode (IR_W16/32/64). */
unsigned x86_stack_width(const struct x86_trans *x);

/* Operand E: register or memory of width w (W8..W64); memory is zero-extended. */
ir_ref x86_load_rm(struct x86_trans *x, const struct x86_insn *i, unsigned w);
/* The same, when x86_store_rm() will follow (write permission is checked by the load). */
ir_ref x86_load_rm_rmw(struct x86_trans *x, const struct x86_insn *i, unsigned w);
void x86_store_rm(struct x86_trans *x, const struct x86_insn *i, unsigned w, ir_ref v);
/* Memory only, at the ModRM address: integers of width w, and vectors (W32, W64: upper lanes zero;
 * W128). */
ir_ref x86_load_mem(struct x86_trans *x, const struct x86_insn *i, unsigned w, unsigned attr);
void x86_store_mem(struct x86_trans *x, const struct x86_insn *i, unsigned w, ir_ref v,
                   unsigned attr);
ir_ref x86_load_vec_mem(struct x86_trans *x, const struct x86_insn *i, unsigned w, unsigned attr);
void x86_store_vec_mem(struct x86_trans *x, const struct x86_insn *i, unsigned w, ir_ref v,
                       unsigned attr);

/* ---- vector registers
 * ----------------------------------------------------------------------------------- */

static inline ir_ref x86_get_xmm(struct x86_trans *x, unsigned reg)
{
    return ir_get(x->ir, SLOT_XMM + (reg & 15));
}
static inline void x86_put_xmm(struct x86_trans *x, unsigned reg, ir_ref v)
{
    ir_put(x->ir, SLOT_XMM + (reg & 15), v);
}
/* Operand W as a vector: register, or w bytes of memory (W128: aligned as legacy SSE demands when
 * `aligned`). */
ir_ref x86_load_w(struct x86_trans *x, const struct x86_insn *i, unsigned w, bool aligned);

/* ---- flags, stack, immediates
 * --------------------------------------------------------------------------- */

static inline ir_ref x86_get_flags(struct x86_trans *x)
{
    return ir_get(x->ir, SLOT_FLAGS);
}
static inline void x86_put_flags(struct x86_trans *x, ir_ref fl)
{
    ir_put(x->ir, SLOT_FLAGS, fl);
}
static inline ir_ref x86_const(struct x86_trans *x, unsigned w, uint64_t v)
{
    return ir_const(x->ir, x86_type(w), w == IR_W64 ? v : v & 0xffffffffu);
}
/* Value of width w at [SP + disp] of the stack, checked. */
ir_ref x86_stack_load(struct x86_trans *x, unsigned w, int32_t disp);
void x86_push(struct x86_trans *x, unsigned w, ir_ref v);
/* SP += n, wrapped to the stack's width. Call after the last operation that may fault. */
void x86_add_sp(struct x86_trans *x, int64_t n);

/* ---- helper calls, control
 * ------------------------------------------------------------------------------ */

static inline ir_ref x86_call(struct x86_trans *x, unsigned helper, ir_ref a, ir_ref b, ir_ref c,
                              ir_ref d)
{
    x->clock |= (x->ir->helpers[helper].flags & HELPER_CLOCK) != 0;
    return ir_call(x->ir, helper, a, b, c, d);
}
/* RIP of the next instruction, as i64 wrapped to the code size. */
ir_ref x86_next_rip(struct x86_trans *x);
ir_ref x86_this_rip(struct x86_trans *x);
/* Raise an exception known at translation time; ends the region. */
void x86_tr_raise(struct x86_trans *x, enum x86_vector vector);
void x86_tr_raise_error(struct x86_trans *x, enum x86_vector vector, uint32_t error);
/* End the region: continue at the next instruction through the outer loop, since mode, mappings or
 * interrupt deliverability may have changed. poll: look at interrupts first. */
void x86_end_dyn(struct x86_trans *x, bool poll);
/* The helper set RIP itself. */
void x86_end_dyn_rip_set(struct x86_trans *x, bool poll);
/* End the region with a plain jump to the next instruction (e.g. after a long helper). */
void x86_end_next(struct x86_trans *x);
/* Stay at this instruction: leave, poll, run it again (a repeated string instruction with work
 * left). */
void x86_end_again_if(struct x86_trans *x, ir_ref nonzero);

/* Every instruction goes back to the run loop: re-execution, traps, interrupt shadow. */
bool x86_one_by_one(const struct x86_trans *x);

/* tcg_arch.translate */
void x86_translate(struct tcg_translation *t);

#endif
