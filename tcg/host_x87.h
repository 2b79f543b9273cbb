/*
 * The guest's x87 state in the host's x87, where compiled code has it (tcg_cpu.x87_live). C code
 * that may use the x87 gets it empty, with its own control word. On the vCPU's thread.
 */
#ifndef TCG_HOST_X87_H
#define TCG_HOST_X87_H

#include "tcg/cpu.h"

#ifdef __x86_64__
/* tcg/host/x86_64/x87_run.c: from the register file, and back. */
void host_x87_load(struct tcg_cpu *tc);
void host_x87_store(struct tcg_cpu *tc);
#else
static inline void host_x87_load(struct tcg_cpu *tc)
{
    (void)tc;
}
static inline void host_x87_store(struct tcg_cpu *tc)
{
    (void)tc;
}
#endif

/* Returns whether it was there: for who brings it back. */
static inline bool host_x87_leave(struct tcg_cpu *tc)
{
    const bool live = tc->x87_live;
    if (live)
        host_x87_store(tc);
    return live;
}

#endif
