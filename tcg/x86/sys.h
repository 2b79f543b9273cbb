/*
 * What the files of the x86 system side share: events, descriptors, segment loads, stacks, tasks.
 * Private to tcg/x86. All functions run on the vCPU's thread, inside a helper or between blocks.
 *
 * Convention: a function that can fault returns false with the exception set in struct tcg_cpu;
 * nothing architectural was changed by then.
 */
#ifndef TCG_X86_SYS_H
#define TCG_X86_SYS_H

#include "core/device/machine.h"
#include "tcg/x86/helpers.h"
#include "tcg/x86/raise.h"

/* Helper arguments that a helper has no use for. */
#define UNUSED(...) ((void)sizeof((uint64_t[]){__VA_ARGS__}))

static inline const struct x86_cpu_model *x86_model_of(const struct tcg_cpu *tc)
{
    return tc->vcpu->model;
}
static inline bool x86_is_v86(const struct x86_regs *r)
{
    return (r->rflags & X86_FLAG_VM) != 0;
}
/* Protected mode without V86: selectors are descriptors. */
static inline bool x86_is_protected(const struct x86_regs *r)
{
    return (r->cr0 & X86_CR0_PE) && !x86_is_v86(r);
}
static inline bool x86_is_long(const struct x86_regs *r)
{
    return (r->efer & X86_EFER_LMA) != 0;
}
static inline bool x86_is_code64(const struct x86_regs *r)
{
    return x86_is_long(r) && (r->seg[X86_CS].attr & X86_SEG_L);
}
static inline unsigned x86_iopl(const struct x86_regs *r)
{
    return (unsigned)(r->rflags >> 12) & 3;
}
static inline bool x86_canonical(const struct x86_regs *r, uint64_t addr)
{
    unsigned shift = r->cr4 & X86_CR4_LA57 ? 7 : 16;
    return (uint64_t)((int64_t)(addr << shift) >> shift) == addr;
}
/* Mask of the instruction pointer for an operand or code size in bytes. */
static inline uint64_t x86_size_mask(unsigned size)
{
    return size == 2 ? 0xffff : size == 4 ? 0xffffffff : ~UINT64_C(0);
}
static inline uint64_t x86_stack_mask(const struct x86_regs *r)
{
    if (x86_is_code64(r))
        return ~UINT64_C(0);
    return r->seg[X86_SS].attr & X86_SEG_DB ? 0xffffffff : 0xffff;
}
static inline void x86_set_sp(struct x86_regs *r, uint64_t value, uint64_t mask)
{
    /* 16-bit stacks keep the upper part; 32-bit ones clear it */
    if (mask == 0xffff)
        r->gpr[X86_RSP] = (r->gpr[X86_RSP] & ~UINT64_C(0xffff)) | (value & 0xffff);
    else
        r->gpr[X86_RSP] = value & mask;
}
/* #GP(0) unless CPL is 0. */
static inline bool x86_need_cpl0(struct tcg_cpu *tc)
{
    if (x86_cpl(x86_regs_of(tc)) == 0)
        return true;
    x86_raise_error(tc, X86_GP, 0);
    return false;
}
/* IR_MEM_IDX bits for explicit accesses at a privilege level. */
unsigned x86_mem_attr(struct tcg_cpu *tc, unsigned cpl);
/* What mmu_root_tag() says of the roots of a process-context identifier. */
uint64_t x86_pcid_tag(const struct x86_regs *r, uint64_t pcid);

/* ---- descriptors (seg.c)
 * --------------------------------------------------------------------------- */

struct x86_desc {
    uint32_t lo, hi;
    uint64_t addr; /* linear address of the descriptor; 0: none */
};
enum x86_desc_result {
    X86_DESC_OK,
    X86_DESC_LIMIT, /* outside the table: nothing is raised yet */
    X86_DESC_FAULT, /* the read faulted: raised */
};
enum x86_desc_result x86_read_desc(struct tcg_cpu *tc, uint16_t selector, struct x86_desc *d);
/* The same, and #vector(selector) when outside the table. */
bool x86_need_desc(struct tcg_cpu *tc, uint16_t selector, struct x86_desc *d,
                   enum x86_vector vector, unsigned ext);
static inline unsigned x86_desc_type(const struct x86_desc *d)
{
    return d->hi >> 8 & 0xf;
}
static inline bool x86_desc_s(const struct x86_desc *d)
{
    return d->hi >> 12 & 1;
}
static inline unsigned x86_desc_dpl(const struct x86_desc *d)
{
    return d->hi >> 13 & 3;
}
static inline bool x86_desc_present(const struct x86_desc *d)
{
    return d->hi >> 15 & 1;
}
static inline bool x86_desc_code(const struct x86_desc *d)
{
    return (d->hi >> 11 & 3) == 3; /* S and executable */
}
static inline bool x86_desc_conforming(const struct x86_desc *d)
{
    return d->hi >> 10 & 1;
}
void x86_desc_to_segment(const struct x86_desc *d, uint16_t selector, struct x86_segment *s);
/* Sets the accessed bit in memory when it is clear. */
bool x86_desc_set_accessed(struct tcg_cpu *tc, struct x86_desc *d);

/* Checks and reads a data, stack or code-as-data descriptor for `seg`; *out is the new cache. The
 * vector and selector for faults other than "not present" are given (#GP for instructions, #TS for
 * task switches). */
bool x86_prepare_segment(struct tcg_cpu *tc, enum x86_seg seg, uint16_t selector, unsigned cpl,
                         enum x86_vector vector, unsigned ext, struct x86_segment *out);
/* Real or V86 form. */
void x86_set_real_segment(struct x86_regs *r, enum x86_seg seg, uint16_t selector);
/* Stack segment for an inner level, from the TSS: faults are #TS. */
bool x86_prepare_inner_ss(struct tcg_cpu *tc, uint16_t selector, unsigned cpl, unsigned ext,
                          struct x86_segment *out);
/* SS:ESP of level `cpl` from the present TSS (legacy form). */
bool x86_tss_stack(struct tcg_cpu *tc, unsigned cpl, unsigned ext, uint16_t *ss, uint32_t *esp);
/* RSP0-2 (n 0-2) or IST1-7 (n 4-10: the TSS field order) of the 64-bit TSS. */
bool x86_tss_rsp(struct tcg_cpu *tc, unsigned n, unsigned ext, uint64_t *rsp);
/* The loaded null segment after a return to an outer level: segments that the new level may not
 * see. */
void x86_drop_inner_segments(struct x86_regs *r, unsigned cpl);
void x86_set_null_segment(struct x86_regs *r, enum x86_seg seg, uint16_t selector);
/* CPL is SS.DPL in this register file; long-mode code with a null SS keeps it in the attributes. */
void x86_set_null_ss(struct x86_regs *r, uint16_t selector, unsigned cpl);
/* RFLAGS from a stack image: only the bits in mask change. Recomputing the mode is the caller's. */
void x86_load_flags(struct tcg_cpu *tc, uint64_t image, uint64_t mask);
/* Checks a code target for a far transfer: #GP(0) when offset is outside the limit or not
 * canonical. */
bool x86_check_code_offset(struct tcg_cpu *tc, const struct x86_segment *cs, uint64_t offset);
/* Commit CS with this CPL as RPL. */
void x86_commit_cs(struct x86_regs *r, const struct x86_segment *cs, unsigned cpl);

/* ---- stacks
 * ------------------------------------------------------------------------------------------ */

/* A stack being pushed to or popped from; the register is written by the caller when all went well.
 */
struct x86_stack {
    struct tcg_cpu *tc;
    uint64_t base, mask, sp;
    const struct x86_segment *seg; /* limit checks; NULL: none (64-bit) */
    uint32_t error;                /* of #SS */
    unsigned attr;
    /* 64-bit: what x86_stack_frame() found; frame_len 0: nothing */
    uint8_t *frame;
    uint64_t frame_at, frame_len;
};
void x86_stack_init(struct x86_stack *s, struct tcg_cpu *tc); /* the present stack */
void x86_stack_push(struct x86_stack *s, unsigned size, uint64_t value);
uint64_t x86_stack_pop(struct x86_stack *s, unsigned size);
/* A 64-bit stack: len bytes at `at` are about to be pushed or popped. Where they are plain memory
 * that is at hand, they are looked up together, here. */
void x86_stack_frame(struct x86_stack *s, uint64_t at, unsigned len, bool write);

/* ---- events (exception.c)
 * -------------------------------------------------------------------------- */

enum x86_event_kind { X86_EVENT_EXCEPTION, X86_EVENT_SOFT, X86_EVENT_EXTERNAL, X86_EVENT_NMI };
struct x86_event {
    enum x86_event_kind kind;
    enum x86_soft_int soft; /* X86_EVENT_SOFT */
    uint8_t vector;
    bool has_error;
    uint32_t error;
    uint64_t return_rip;
    bool push_rf;
};
/* DR6 and DR7 effects of a #DB with these DR6 bits. */
void x86_note_debug(struct x86_regs *r, uint64_t dr6_bits);
/* tcg_cpu.step_pending: bit 0 single step, bit 1 task switch, bits 4-7 data breakpoint n was hit.
 */
enum { X86_PENDING_STEP = 1 << 0, X86_PENDING_TASK = 1 << 1, X86_PENDING_WATCH = 1 << 4 };

/* ---- tasks (task.c)
 * ---------------------------------------------------------------------------------- */

enum x86_task_reason { X86_TASK_JMP, X86_TASK_CALL, X86_TASK_IRET, X86_TASK_EVENT };
/* Switch to the task whose TSS descriptor is `selector`, checked by the caller for being an
 * available (IRET: busy) TSS with fitting privilege. next_rip is saved in the old TSS. has_error:
 * pushed on the new stack. */
bool x86_task_switch(struct tcg_cpu *tc, uint16_t selector, struct x86_desc *d,
                     enum x86_task_reason reason, uint64_t next_rip, bool has_error, uint32_t error,
                     unsigned ext);

/* ---- control registers (cr.c), debug registers (debug.c)
 * ------------------------------------------------ */

bool x86_set_cr0(struct tcg_cpu *tc, uint64_t value);
void x86_set_cr3_task(struct tcg_cpu *tc, uint64_t value);
/* tcg_mode_changed() where only segments, the privilege level, RFLAGS or the interrupt shadow
 * changed: quick, since every system call and interrupt does it several times. */
void x86_level_changed(struct tcg_cpu *tc);
/* All flags that RFLAGS.AC, TF, VM, IOPL may have changed: recompute the mode. */
static inline bool x86_mode_flags_differ(uint64_t a, uint64_t b)
{
    return ((a ^ b) & (X86_FLAG_TF | X86_FLAG_VM | X86_FLAG_AC | X86_FLAG_IOPL)) != 0;
}

/* DR7 or an address changed: DR7's data breakpoints go into the MMU's list, which reports hits. */
void x86_update_watches(struct tcg_cpu *tc);
void x86_watch_hit(struct tcg_cpu *tc, unsigned dr, uint64_t addr, bool write);
bool x86_exec_breakpoints(const struct x86_regs *r);
void x86_io_breakpoint(struct tcg_cpu *tc, uint16_t port, unsigned size);

/* #GP(0) unless the present privilege allows this port access (IOPL, TSS bitmap). */
bool x86_check_io(struct tcg_cpu *tc, uint16_t port, unsigned size);

/* Model-specific registers (msr.c): false: #GP, nothing changed. */
bool x86_read_msr(struct tcg_cpu *tc, uint32_t msr, uint64_t *value);
bool x86_write_msr(struct tcg_cpu *tc, uint32_t msr, uint64_t value);
/* PKRU, and what that takes away from the TLB. */
void x86_set_pkru(struct tcg_cpu *tc, uint32_t value);
uint64_t x86_xinuse(const struct x86_regs *regs); /* fpu_state.c */

bool x86_walk(struct tcg_cpu *tc, uint64_t vaddr, enum tcg_access access, unsigned mmu_index,
              bool quiet, struct tcg_walk *out);
/* Was the non-canonical address of the present instruction one of the stack segment?
 * (stack_fault.c) */
bool x86_is_stack_access(struct tcg_cpu *tc, uint64_t addr);
bool x86_deliver_exception(struct tcg_cpu *tc);
void x86_enter_smm(struct tcg_cpu *tc); /* smm.c */
enum tcg_event x86_take_events(struct tcg_cpu *tc);

/* MXCSR was written: guest_mxcsr and the mode follow. */
void x86_mxcsr_changed(struct tcg_cpu *tc);
/* The x87 control word was written: the host's and the mode follow. */
void x86_fcw_changed(struct tcg_cpu *tc);

#endif
