/* A guest's port for tests of back ends: what it received, as text. */
#ifndef TESTS_UNIT_PORT_H
#define TESTS_UNIT_PORT_H

#include <criterion/criterion.h>
#include <string.h>

#include "core/chardev/chardev.h"

struct port {
    char got[1024];
    size_t len;
};

static inline size_t port_can_receive(void *opaque)
{
    struct port *p = opaque;

    return sizeof p->got - 1 - p->len;
}

static inline void port_receive(void *opaque, const uint8_t *data, size_t len)
{
    struct port *p = opaque;

    memcpy(p->got + p->len, data, len);
    p->len += len;
    p->got[p->len] = 0;
}

static inline void port_attach(struct port *p, struct chardev *chr)
{
    static const struct chardev_frontend fe = {.can_receive = port_can_receive,
                                               .receive = port_receive};

    *p = (struct port){.len = 0};
    cr_assert(chardev_attach(chr, &fe, p, NULL));
}

/* Nothing was received. */
static inline void port_clear(struct port *p)
{
    p->len = 0;
    p->got[0] = 0;
}

#endif
