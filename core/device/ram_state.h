/*
 * Sections "ram" of the state stream: the contents of one memory block. Pages that are zero are
 * left out, and memory that the guest never touched is not read. Machine lock held, vCPUs paused.
 */
#ifndef CORE_DEVICE_RAM_STATE_H
#define CORE_DEVICE_RAM_STATE_H

#include <stdbool.h>

struct ram_block;
struct state_section;
struct state_writer;
struct vemu_error;

enum { RAM_STATE_VERSION = 1 };

/* Contents of one section: u8 name length, name, u64 size in bytes, then runs {u64 first page, u64
 * pages, bytes} in rising order. */
bool ram_state_save(struct state_writer *w, const struct ram_block *block);
/* Is the section well formed and made for this block? */
bool ram_state_check(const struct state_section *s, const struct ram_block *block,
                     struct vemu_error **errp);
/* Fills the block from a section that was checked. */
bool ram_state_load(const struct state_section *s, struct ram_block *block,
                    struct vemu_error **errp);

#endif
