/*
 * x87 instructions on the host's x87.
 *
 * While tcg_cpu.x87_live is set, the host's x87 has the guest's state, all of it: registers, top,
 * tags, condition codes and flags; the control word differs in that it masks every exception. So an
 * X87 op is the guest's instruction itself, and what an empty or a full stack does to it is the
 * host's business. The state goes to the host with the first op that finds it elsewhere, and back
 * when compiled code is left or C code is called that may use the x87 (HELPER_X87, HELPER_FP,
 * devices). Only the pointers to the last instruction are the block's to keep.
 *
 * Thread contract: as cg.h.
 */
#ifndef TCG_HOST_X86_64_X87_CG_H
#define TCG_HOST_X86_64_X87_CG_H

#include "tcg/cpu.h"

struct cg;
struct stub;

/* What is known where the code has got to. */
struct x87_state {
    bool in_host;         /* x87_live is set */
    bool in_memory;       /* it is not */
    bool wide;            /* instruction pointers have 64 bits and selectors are 0 */
    bool selectors, data; /* of pointers are kept; pointers to data and opcodes are */
    bool ran, ran_mem;    /* pointers to the last instruction, and to the last memory operand */
    uint16_t opcode;
    uint8_t segment;
    int32_t pc; /* minus PCB */
};

/* tcg_cpu.call_attr of x87_access: bytes, and these. */
enum {
    X87_ACCESS_READ = 1 << 8,
    X87_ACCESS_WRITE = 1 << 9,
    X87_ACCESS_LOAD_STATE = 1 << 10,
    X87_ACCESS_STORE_STATE = 1 << 11,
    X87_ACCESS_OP_SHIFT = 16 /* ir_x87_opcode() */
};

/* An X87 op but X87_COMI; false: another op. */
bool x87_insn(struct cg *g);
/* FCOMI and the like: sets EFLAGS. */
void x87_compare_flags(struct cg *g);
/* A call of a helper: pointers go to the register file before it. lost: it takes the state from the
 * host. */
void x87_call(struct cg *g, bool lost);
/* In a transition, for a recorded state: pointers; RCX is free. */
void x87_leave(struct cg *g, unsigned record);
/* Is anything to be brought to the register file at an exit? */
bool x87_pending(const struct x87_state *s);
/* Number of the present state in the side table, 0: nothing is pending. */
unsigned x87_record(struct cg *g);
void x87_stub(struct cg *g, struct stub *s);

/* C side (x87_run.c). The pointers of a snapshot go to the register file. */
void x87_restore(struct tcg_cpu *tc, const struct x87_state *s);
/* What x87_stub calls: the state to the host, or a slow access. */
uint64_t x87_access(void *env);

#endif
