/*
 * The VGA register file with the Bochs extensions ("VBE DISPI"): sequencer, CRT controller,
 * graphics and attribute controllers, DAC, 256 KiB and more of memory in four planes, linear modes.
 * Written after the IBM VGA technical reference and the description of the Bochs VBE display
 * interface (version 0xb0c5), as firmware and drivers use them.
 *
 * Pure: it knows memory and time by what its owner (vga_pci.c) gives it, and maps nothing. What is
 * shown is asked for by vga_text() and vga_draw.h. Machine lock held throughout.
 *
 * Byte n of plane p is byte 4n + p of the memory, so the 32 bits that a planar access moves are one
 * dword.
 */
#ifndef HW_DISPLAY_VGA_H
#define HW_DISPLAY_VGA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/state/state.h"

enum {
    VGA_SEQ_REGS = 5,
    VGA_GFX_REGS = 9,
    VGA_CRTC_REGS = 25,
    VGA_ATTR_REGS = 21,
    VGA_DAC_BYTES = 768,
    VBE_REGS = 10,
};
enum {
    VGA_WINDOW_BASE = 0xa0000,
    VGA_WINDOW_SIZE = 0x20000,
    VGA_PORT_BASE = 0x3b0,
    VGA_PORTS = 0x30
};

struct vga {
    uint8_t *memory;
    uint32_t memory_size;         /* power of two, 256 KiB or more */
    bool linear_only;             /* a card that has the display interface and no VGA */
    int64_t (*now)(void *opaque); /* virtual nanoseconds */
    /* [offset, offset+len) of the memory was written. */
    void (*written)(void *opaque, uint32_t offset, uint32_t len);
    void *opaque;

    uint8_t misc, feature;
    uint8_t seq_index, seq[VGA_SEQ_REGS];
    uint8_t gfx_index, gfx[VGA_GFX_REGS];
    uint8_t crtc_index, crtc[VGA_CRTC_REGS];
    uint8_t attr_index, attr[VGA_ATTR_REGS];
    bool attr_data; /* the next write of 3C0H is data */
    uint8_t dac_mask, dac_read, dac_write, dac_sub;
    bool dac_reading;
    uint8_t dac_latch[3], dac[VGA_DAC_BYTES];
    uint32_t latch; /* what the last planar read loaded */
    uint16_t vbe_index, vbe[VBE_REGS];
};

extern const struct state_field vga_state[];
#define STATE_VGA(type_, member_)                                                                  \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(type_, member_), .count = 1,    \
        .elem_size = sizeof(struct vga), .fields = vga_state                                       \
    }

void vga_reset(struct vga *v);
/* After a state load: indexes are brought into range. */
void vga_post_load(struct vga *v);

/* Port 3B0H + n, a byte. */
uint8_t vga_port_read(struct vga *v, unsigned n);
void vga_port_write(struct vga *v, unsigned n, uint8_t value);
/* The display interface's index and data registers (ports 1CEH and 1CFH). */
uint16_t vbe_read(const struct vga *v, unsigned index);
void vbe_write(struct vga *v, unsigned index, uint16_t value);

/* vga_memory.c: byte n of the window at A0000H. */
uint8_t vga_window_read(struct vga *v, uint32_t n);
void vga_window_write(struct vga *v, uint32_t n, uint8_t value);

/* vga_text.c: the screen of a text mode as lines of UTF-8, spaces at the end of lines left out,
 * ended by a NUL; as snprintf: returns the length wanted. 0: it shows graphics or nothing. */
size_t vga_text(const struct vga *v, char *buf, size_t len);

#endif
