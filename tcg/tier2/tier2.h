/*
 * The second tier: what is found to run often is translated again, as a region of several blocks
 * that branch to each other, with registers of its own choice.
 *
 * How it is found costs running code nothing: a thread asks each vCPU four times a millisecond,
 * through the poll that loops make anyway, where it is, and that place is hot. The region is what
 * is linked to it within limits (plan.c), translated from copies of its pages on that thread
 * (build.c), and takes the place of the hot block if none of the blocks it was planned from has
 * been removed meanwhile. With mode=sync everything happens on the vCPU's thread and blocks are hot
 * by the number of their lookups, so that tests run the same way each time.
 *
 * Thread contract: tier2_note on vCPU threads between blocks, without locks held.
 */
#ifndef TCG_TIER2_TIER2_H
#define TCG_TIER2_TIER2_H

#include "tcg/machine.h"

enum tier2_mode { TIER2_OFF, TIER2_ASYNC, TIER2_SYNC };

/* Why a hot place got no region, counted. */
enum tier2_refusal {
    TIER2_BUSY,      /* too many hot places wait */
    TIER2_GONE,      /* a block it was planned from was removed meanwhile */
    TIER2_WRITTEN,   /* its page is written to too often */
    TIER2_TOO_BIG,   /* over a limit of the IR or the back end */
    TIER2_CONTROL,   /* a node leaves otherwise than its block did */
    TIER2_NO_MEMORY, /* of code or anything else */
    TIER2_REFUSALS
};

bool tier2_start(struct tcg_machine *tm, struct vemu_error **errp);
void tier2_stop(struct tcg_machine *tm);
/* From when it can run to before it is freed: no region is planned from its state afterwards. */
bool tier2_add_vcpu(struct tcg_cpu *tc, struct vemu_error **errp);
void tier2_remove_vcpu(struct tcg_cpu *tc);
/* The thread sleeps while no vCPU runs for more than a moment. Where the vCPU enters code: when
 * that is, if it matters; and where it polls, so that one that goes on running wakes the thread. */
int64_t tier2_at_entry(const struct tcg_cpu *tc);
void tier2_at_poll(struct tcg_cpu *tc, int64_t entered);
/* The vCPU is about to run b; *out is how it left the block before. true: look again, a region has
 * taken its place. */
bool tier2_note(struct tcg_cpu *tc, struct tcg_block *b, const struct tcg_exit *out);
/* Text for the counters. */
size_t tier2_info(const struct tcg_machine *tm, char *buf, size_t len);

#endif
