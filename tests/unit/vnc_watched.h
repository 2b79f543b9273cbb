/* How criterion tests of the VNC server begin and end; see tests/vnc_machine.h. */
#ifndef TESTS_UNIT_VNC_WATCHED_H
#define TESTS_UNIT_VNC_WATCHED_H

#include <criterion/criterion.h>

#include "tests/vnc_machine.h"

static inline void join(struct viewer *v, struct vnc_machine *vm)
{
    v_connect(v, vm);
    cr_assert(v_init(v, 8, true));
}

/* A test of a machine that one viewer, v, watches from its start. */
#define WATCHED(name)                                                                              \
    static void watched_##name(struct vnc_machine *vm, struct viewer *v);                          \
    Test(vnc, name)                                                                                \
    {                                                                                              \
        struct vnc_machine *vm = vm_new(NULL);                                                     \
        struct viewer v;                                                                           \
        join(&v, vm);                                                                              \
        watched_##name(vm, &v);                                                                    \
        v_close(&v);                                                                               \
        vm_free(vm);                                                                               \
    }                                                                                              \
    static void watched_##name(struct vnc_machine *vm __attribute__((unused)), struct viewer *v)

#endif
