/* From the PC of a vCPU to a block: code fetch, translation, lookup. Thread contract: the vCPU's
 * thread, in code. */
#ifndef TCG_TRANSLATE_H
#define TCG_TRANSLATE_H

#include "tcg/machine.h"

/*
 * The block for the present PC and mode, translated if need be; sets pcb. single: exactly one
 * instruction, never linked to. NULL: fetching faulted (status set) or an internal error
 * (TCG_LEAVE).
 */
struct tcg_block *tcg_lookup(struct tcg_cpu *tc, bool single);

/* Drop all translations, in an exclusive section; the caller, in code, holds no lock. */
void tcg_flush_code(struct tcg_cpu *tc);

/* -d ir: the region made of the code at pc. */
void tcg_log_region(struct tcg_machine *tm, const struct ir_region *r, uint64_t pc);

#endif
