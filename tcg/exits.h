/*
 * How translated instructions end a region, or go on within one of several blocks: what front ends
 * share. Places are relative to PCB (struct tcg_translation); `start` is the instruction's own.
 *
 * Thread contract: the vCPU's own thread; a translation belongs to it.
 */
#ifndef TCG_EXITS_H
#define TCG_EXITS_H

#include "tcg/cpu.h"

/* enum ir_exit_flags of an exit to rel. */
unsigned tcg_exit_flags(const struct tcg_translation *t, int64_t start, int64_t rel);
/* Go on at rel: out of the region, or within it. Nothing follows. */
void tcg_exit(struct tcg_translation *t, int64_t start, int64_t rel);
/* The region runs on at rel right behind this node, where there is no label. */
bool tcg_runs_on_to(const struct tcg_translation *t, int64_t rel);
/* Go on at rel when cc over fl holds or, fl being 0, when `nonzero` is not 0. rel is none that
 * tcg_runs_on_to(). */
void tcg_exit_if(struct tcg_translation *t, int64_t start, ir_ref fl, unsigned cc, ir_ref nonzero,
                 int64_t rel);
/* The same, and else go on at next. Nothing follows. */
void tcg_exit_either(struct tcg_translation *t, int64_t start, ir_ref fl, unsigned cc,
                     ir_ref nonzero, int64_t rel, int64_t next);
/* A return to the address in target goes on where the region has foreseen it. false: it has not,
 * the way out is an indirect jump. */
bool tcg_exit_return(struct tcg_translation *t, int64_t start, ir_ref target);

#endif
