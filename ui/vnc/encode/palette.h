/* The colours of a piece of a picture, while they are few. Thread contract: no shared state. */
#ifndef UI_VNC_ENCODE_PALETTE_H
#define UI_VNC_ENCODE_PALETTE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { VNC_PALETTE_MAX = 256, VNC_PALETTE_SLOTS = 1024 };

struct vnc_palette {
    unsigned n;
    uint32_t colours[VNC_PALETTE_MAX];
    uint16_t slots[VNC_PALETTE_SLOTS]; /* by hash: number of a colour, from 1 on; 0: free */
};

static inline void vnc_palette_clear(struct vnc_palette *p)
{
    p->n = 0;
    memset(p->slots, 0, sizeof p->slots);
}
static inline unsigned vnc_palette_slot(const struct vnc_palette *p, uint32_t colour)
{
    unsigned slot = colour * UINT32_C(0x9e3779b1) >> 22;

    while (p->slots[slot] && p->colours[p->slots[slot] - 1] != colour)
        slot = (slot + 1) % VNC_PALETTE_SLOTS;
    return slot;
}
/* The number of a colour that is in it. */
static inline unsigned vnc_palette_index(const struct vnc_palette *p, uint32_t colour)
{
    return p->slots[vnc_palette_slot(p, colour)] - 1u;
}
/* False: there are `limit` (at most VNC_PALETTE_MAX) others already. */
static inline bool vnc_palette_add(struct vnc_palette *p, uint32_t colour, unsigned limit)
{
    unsigned slot = vnc_palette_slot(p, colour);

    if (p->slots[slot])
        return true;
    if (p->n >= limit)
        return false;
    p->colours[p->n++] = colour;
    p->slots[slot] = (uint16_t)p->n;
    return true;
}

#endif
