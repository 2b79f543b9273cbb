/*
 * Injected invalidations, a debugging aid (-accel tcg,inject=SEED): at pseudo-random looks of the
 * run loop and slow accesses, what translations depend on is taken away: blocks, regions, links,
 * jump caches, TLBs, the whole code cache; code is translated in pieces of random length. None of
 * it may change what a guest sees, so tests run with it as they do without.
 *
 * Everything injected is something that another vCPU, a device's DMA or a full code cache could do
 * at that very place.
 *
 * Thread contract: the vCPU's thread, in code, with no lock held; inject_nodes under build_lock.
 */
#ifndef TCG_INJECT_H
#define TCG_INJECT_H

#include "tcg/machine.h"

void inject_vcpu_init(struct tcg_cpu *tc);
/* Between two blocks: *out is how the last one was left. */
void inject_at_lookup(struct tcg_cpu *tc, struct tcg_exit *out);
/* Before an access that does not find its page in level 1 of the TLB looks further. */
void inject_at_access(struct tcg_cpu *tc);
/* Instructions for the next block, nodes for the next region: at most max. */
unsigned inject_insns(struct tcg_cpu *tc, unsigned max);
unsigned inject_nodes(struct tcg_machine *tm, unsigned max);
/* Text for the counters. */
size_t inject_info(const struct tcg_machine *tm, char *buf, size_t len);

#endif
