/*
 * Counted execution (-icount): virtual time is the number of instructions executed, one vCPU runs
 * at a time, and everything the guest can see is a function of that number alone.
 *
 * A vCPU runs on a budget (tcg_cpu.budget): instructions up to the next event, which is the next
 * deadline of the virtual clock, the end of its turn or the next sample of the hash. Code takes
 * what it will execute off the budget before it does, block by block (in regions of the second
 * tier, segment by segment), and is only entered while the budget covers it; what is left when a
 * block is too long is run in shorter ones. So the run loop stands exactly at the index where the
 * event is due. An instruction that faults gives back what it took. Devices and clocks are only
 * reached by the last instruction of a block, when the count is exact.
 *
 * What counts as one instruction: an instruction, an iteration of a repeated string instruction,
 * the delivery of an exception (so that time passes where nothing else does).
 *
 * vCPUs take turns of a fixed number of instructions, less when they halt or PAUSE. When all are
 * halted, time moves on to the next deadline.
 *
 * Thread contract: the vCPU's thread where nothing else is said. `struct icount` has a leaf lock.
 */
#ifndef TCG_ICOUNT_H
#define TCG_ICOUNT_H

#include "tcg/machine.h"

struct icount;

bool icount_start(struct tcg_machine *tm, unsigned shift, bool sleep, struct vemu_error **errp);
void icount_stop(struct tcg_machine *tm);
/* icount-hash=FILE, icount-hash-lines=N: a line each N samples. */
bool icount_hash_open(struct tcg_machine *tm, const char *path, struct vemu_error **errp);
void icount_hash_lines(struct tcg_machine *tm, uint64_t samples);

bool icount_vcpu_init(struct tcg_cpu *tc, struct vemu_error **errp);
/* Wait for the vCPU's turn, outside code. false: it shall stop. */
bool icount_enter(struct tcg_cpu *tc);
/* At a poll, in code: account, run what is due, change turns, make a new budget. false: the vCPU
 * shall stop. Between two calls others may have run: what was looked up is void. */
bool icount_poll(struct tcg_cpu *tc);
/* The vCPU has nothing to do until it is interrupted; afterwards poll again. false: it shall stop.
 */
bool icount_halt(struct tcg_cpu *tc);
/* The present instruction, its block's last, says that the vCPU waits for another: its turn ends.
 */
void icount_yield(struct tcg_cpu *tc);
/* An interrupt was delivered: it goes into the hash. */
void icount_interrupted(struct tcg_cpu *tc);
/* The vCPU was reset or loaded: it is no longer known to be idle. Paused. */
void icount_reset(struct tcg_cpu *tc);
/* The clocks show the present instruction's time. */
void icount_show(struct tcg_cpu *tc);
/* Somebody wants the vCPU to look: any thread, any locks. */
void icount_kick(struct tcg_machine *tm);
/* What RDRAND gives. */
uint64_t icount_random(struct tcg_machine *tm);

#endif
