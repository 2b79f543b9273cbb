/* The machine of tests/x86_machine.h as unit tests use it: failures are the test's, the interpreter
 * unless the test asks for something else. */
#ifndef TESTS_UNIT_X86_MACHINE_H
#define TESTS_UNIT_X86_MACHINE_H

#include <criterion/criterion.h>

#include "tests/x86_machine.h"

enum { TEST_RAM = 32 << 20 };

/* options: of -accel tcg, key and value in turn, then NULL. */
static inline void x86_machine_init_with(struct x86_machine *t, const char *spec,
                                         const char *const *options)
{
    const struct x86_machine_config config = {.ram = TEST_RAM, .model = spec, .options = options};
    struct vemu_error *err = NULL;
    cr_assert(x86_machine_create(t, &config, &err), "%s", err ? vemu_error_message(err) : "");
}

static inline void x86_machine_init(struct x86_machine *t, const char *spec)
{
    static const char *const options[] = {"backend", "interp", NULL};
    x86_machine_init_with(t, spec, options);
}

static inline uint8_t *x86_at(struct x86_machine *t, uint64_t addr)
{
    return t->ram->host + addr;
}

/* After the registers were changed by hand. */
static inline void x86_machine_changed(struct x86_machine *t)
{
    t->tc->arch->reset(t->tc);
}

#endif
