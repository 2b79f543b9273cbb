/* Translating a planned region and putting it in place of the block it is planned around. */
#ifndef TCG_TIER2_BUILD_H
#define TCG_TIER2_BUILD_H

#include "tcg/tier2/plan.h"
#include "tcg/tier2/tier2.h"

enum { BUILD_MAX_EXITS = IR_MAX_INSNS / 8 };

/* A builder's own memory: one region at a time. */
struct tier2_build {
    struct tcg_machine *tm;
    struct ir_region region;
    struct ir_insn insns[IR_MAX_INSNS];
    struct plan plan;
    /* The block as far as the back end needs it while it emits, with what belongs to it. */
    uint64_t made[(sizeof(struct tcg_block) +
                   BUILD_MAX_EXITS * (sizeof(struct tcg_exit_site) + sizeof(struct tcg_crossing)) +
                   TCG_MAX_GUARDS * sizeof(struct tcg_guard)) /
                  sizeof(uint64_t)];
};

/* Make a region around the block, which was alive while `era` was the cache's flush_count; pcb:
 * where its page is mapped. Takes code_lock. false: *why tells. */
bool tier2_build(struct tier2_build *b, struct tcg_cpu *tc, struct tcg_block *head, uint64_t era,
                 uint64_t pcb, enum tier2_refusal *why);

#endif
