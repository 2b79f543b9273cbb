/*
 * What a guest says while it waits in a loop: PAUSE, YIELD, and WFE where its event would come
 * soon.
 *
 * It waits for another vCPU, whose thread may need this host processor, or for time to pass. A loop
 * of the first kind, for a lock whose holder does not run, lasts as long as a turn of the host's
 * scheduler; one of the second kind mostly microseconds, and on a busy host to yield at once made
 * each of them a turn of everybody else's (a driver that delays between the bits of an EEPROM took
 * half a minute). So the thread yields when the loop has gone on for a while.
 *
 * Thread contract: the vCPU's thread.
 */
#ifndef TCG_SPIN_H
#define TCG_SPIN_H

#include <stdbool.h>
#include <stdint.h>

struct tcg_cpu;

/* Of a vCPU; zeros are a fresh one. */
struct tcg_spin {
    int64_t since, last; /* CLOCK_MONOTONIC, ns: the loop's first hint and its last */
};

/* The guest gave such a hint, by its block's last instruction. With counted time its turn ends. */
void tcg_spin(struct tcg_cpu *tc);
/* What went on so far was no wait for another vCPU: the guest turned to a device. */
static inline void tcg_spin_ends(struct tcg_spin *s)
{
    s->last = 0;
}

/* Shall a loop yield that gives a hint at the time now? (For tcg_spin and its test.) */
bool tcg_spin_yields(struct tcg_spin *s, int64_t now);

#endif
