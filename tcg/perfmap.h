/*
 * Names of translated code for profilers: /tmp/perf-PID.map, a line "START SIZE NAME" for each
 * block, as `perf report` reads it. Only on request: the library writes no file unasked. Machines
 * of one process share the file; the first to open it empties what an earlier process left. Thread
 * contract: lines are added under code_lock.
 */
#ifndef TCG_PERFMAP_H
#define TCG_PERFMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct perfmap;
struct tcg_block;
struct tcg_machine;
struct vemu_error;

bool perfmap_open(struct tcg_machine *tm, struct vemu_error **errp);
void perfmap_close(struct tcg_machine *tm);
/* The block's host code, named after its guest PC: guest_0x..., or region_0x... for the second
 * tier. */
void perfmap_block(struct tcg_machine *tm, const struct tcg_block *b, uint64_t pc);
/* Host code that belongs to no block. Nothing without a map. */
void perfmap_add(struct tcg_machine *tm, const void *code, size_t size, const char *name);

#endif
