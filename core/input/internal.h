/* What the files of core/input share. */
#ifndef CORE_INPUT_INTERNAL_H
#define CORE_INPUT_INTERNAL_H

#include <stdbool.h>
#include "core/clock/clock.h"
#include "core/util/list.h"

struct vemu_machine;

/* chord.c: keys that are pressed together for some time, one chord after the other. Machine lock.
 */
struct input_chords {
    struct vemu_machine *machine;
    struct list waiting; /* the first may be down */
    unsigned count;
    bool down;
    struct timer timer;
};
void input_chords_init(struct input_chords *c, struct vemu_machine *m);
void input_chords_free(struct input_chords *c);

/* router.c */
struct input_chords *input_chords_of(struct vemu_machine *m);

#endif
