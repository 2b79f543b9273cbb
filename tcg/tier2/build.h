/* Translating a planned region and putting it in place of the block it is planned around. */
#ifndef TCG_TIER2_BUILD_H
#define TCG_TIER2_BUILD_H

#include "tcg/tier2/plan.h"
#include "tcg/tier2/tier2.h"

/* A builder's own memory: one region at a time. */
struct tier2_build {
    struct tcg_machine *tm;
    struct ir_region region;
    struct ir_insn insns[IR_MAX_INSNS];
    struct plan plan;
    struct tcg_exit_site exits[IR_MAX_INSNS / 8];
    struct tcg_guard guards[TCG_MAX_GUARDS];
};

/* Make a region around the block, which was alive while `era` was the cache's flush_count; pcb:
 * where its page is mapped. Takes code_lock. false: *why tells. */
bool tier2_build(struct tier2_build *b, struct tcg_cpu *tc, struct tcg_block *head, uint64_t era,
                 uint64_t pcb, enum tier2_refusal *why);

#endif
