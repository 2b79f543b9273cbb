/*
 * The architectures of guests, by the names that programs are called after: vemu-system-NAME,
 * vemu run --arch NAME. Each has machine types, processors and a machine that is the usual one.
 */
#ifndef LIBVEMU_ARCH_H
#define LIBVEMU_ARCH_H

#include <stdbool.h>
#include "core/cpu/cpu.h"

struct board_class;
struct vemu_config;

struct arch_desc {
    const char *name;  /* "aarch64" */
    const char *alias; /* as distributions call it; NULL: they call it so, too */
    enum cpu_arch arch;
    unsigned bits;       /* of the processors that its machines take at most */
    const char *machine; /* the type that is meant when none is given */
    const char *const *(*cpu_models)(void);
    const char *cpu_suffix; /* types of processors are MODEL-SUFFIX */
};

extern const struct arch_desc archs[]; /* ended by a NULL name; the first is the default */

/* By name or alias; NULL: there is no such. */
const struct arch_desc *arch_find(const char *name);
/* The configuration's; an unknown name was refused when it was set. */
const struct arch_desc *arch_of(const struct vemu_config *cfg);
/* Is it one of its machine types? */
bool arch_has_board(const struct arch_desc *arch, const struct board_class *board);
/* The first machine type from *cls on that is; NULL at the end. */
const struct board_class *const *arch_boards(const struct arch_desc *arch,
                                             const struct board_class *const *cls);
#define arch_for_each_board(b, arch, all)                                                          \
    for (const struct board_class *const *b = arch_boards((arch), (all)); *b;                      \
         b = arch_boards((arch), b + 1))
/* The firmware that a machine starts when it is given nothing; NULL: none. */
const char *arch_default_firmware(const struct arch_desc *arch, const struct board_class *board);
/* The model of a processor when none is given; NULL: the machine has no processors. */
const char *arch_default_cpu(const struct arch_desc *arch, const struct board_class *board);

#endif
