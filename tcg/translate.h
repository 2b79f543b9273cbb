/* From the PC of a vCPU to a block: code fetch, translation, lookup. Thread contract: the vCPU's
 * thread, in code. */
#ifndef TCG_TRANSLATE_H
#define TCG_TRANSLATE_H

#include "tcg/machine.h"

/*
 * The block for the present PC and mode, translated if need be; sets pcb. kind: 0, TCG_MODE_SINGLE
 * (exactly one instruction, never linked to) or TCG_MODE_EXACT. NULL: fetching faulted (status set)
 * or an internal error (TCG_LEAVE).
 */
struct tcg_block *tcg_lookup(struct tcg_cpu *tc, uint64_t kind);

/* Drop all translations, in an exclusive section; the caller, in code, holds no lock. */
void tcg_flush_code(struct tcg_cpu *tc);
/* Where a page of code was found. */
struct code_place {
    struct ram_block *ram; /* NULL: not RAM or ROM, never cached */
    uint64_t offset;       /* of the byte in ram */
    uint64_t paddr;        /* in RAM and ROM only its place in the page counts */
};

/* The code at a linear address; false: it faults, status is set. */
bool tcg_find_code(struct tcg_cpu *tc, uint64_t vaddr, struct code_place *out);
/* Make the page code: no vCPU may store to it without a check any more. Drops and retakes
 * code_lock. NULL: no memory. */
struct tcg_page *tcg_protect_page(struct tcg_cpu *tc, const struct code_place *place);

/* For counters, code_lock held: this thread's CPU time, and how much went by since, without what it
 * takes to ask. */
uint64_t tcg_thread_ns(void);
uint64_t tcg_ns_since(struct tcg_machine *tm, uint64_t from);

/* -d ir: the region made of the code at pc. */
void tcg_log_region(struct tcg_machine *tm, const struct ir_region *r, uint64_t pc);

#endif
