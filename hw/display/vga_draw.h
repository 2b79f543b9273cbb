/*
 * From VGA registers and memory to pixels. vga_mode() reads the registers once, into a description
 * of what is shown; vga_draw() makes the screen's lines of it, compares them with what the surface
 * has, and tells what it changed. Whatever registers and memory hold, only memory of the card is
 * read.
 *
 * A surface has a pixel for each dot and scan line of a monitor: modes of half the dot clock, 256
 * colours or double scan have each of theirs more than once.
 */
#ifndef HW_DISPLAY_VGA_DRAW_H
#define HW_DISPLAY_VGA_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hw/display/lines.h"
#include "hw/display/vga.h"

enum vga_kind {
    VGA_OFF,    /* nothing was ever set up */
    VGA_BLANK,  /* black */
    VGA_TEXT,   /* characters */
    VGA_PLANAR, /* a bit from each plane */
    VGA_PAIRS,  /* two bits from a plane, as CGA had them */
    VGA_BYTES,  /* 256 colours */
    VGA_LINEAR  /* the display interface's, a byte and more */
};

struct vga_mode {
    enum vga_kind kind;
    uint32_t width, height; /* of the surface */
    uint32_t start, pitch;  /* linear: bytes; else dwords, one from each plane's byte */
    uint32_t wrap;          /* a mask for dwords */
    unsigned bits;          /* linear: of a pixel */
    unsigned columns;       /* characters or dwords in a line */
    unsigned dots;          /* of a character: 8 or 9 */
    bool wide;              /* a dot is two pixels */
    unsigned max_scan, first_scan, lines_per_scan;
    uint32_t line_compare; /* the line after which the screen starts anew at 0 */
    unsigned pan;          /* dots that the screen is shifted to the left */
    bool pan_ends;         /* at line compare */
    uint8_t crtc_mode, plane_mask;
    bool blinks; /* text: characters may; else: dots of plane 3 do */
    /* text */
    uint32_t font[2]; /* where they start in plane 2: by bit 3 of the attribute */
    bool line_graphics, cursor;
    uint32_t cursor_at; /* dword */
    unsigned cursor_first, cursor_last, underline;
    uint32_t palette[256];
};

void vga_mode(const struct vga *v, struct vga_mode *mode);

/* One line of the screen into out, which has room for width + 64: those of the memory at `row`
 * (linear: a byte, else a dword), line `scan` of it. hidden: what blinks is not seen just now. */
void vga_line_text(const struct vga *v, const struct vga_mode *m, uint32_t row, unsigned scan,
                   bool hidden, uint32_t *out);
void vga_line_planes(const struct vga *v, const struct vga_mode *m, uint32_t row, unsigned scan,
                     uint32_t *out);
void vga_line_linear(const struct vga *v, const struct vga_mode *m, uint32_t row, uint32_t *out);

/* The pages of the memory that the mode shows, or more. */
void vga_pages(const struct vga *v, const struct vga_mode *m, uint32_t *first, uint32_t *count);

/* What blinks is seen or not. */
struct vga_phase {
    bool cursor_off, hidden;
};
struct vga_phase vga_phase(int64_t now); /* nanoseconds */
int64_t vga_phase_left(int64_t now);     /* until it is another one */

/* Which lines are drawn. Bitmaps have a bit for each page of the memory. */
struct vga_part {
    const uint64_t *dirty; /* those of these pages; NULL: all lines */
    bool cursor;           /* text: those of the cursor's row, too */
    uint64_t *changed;     /* gets the pages of lines that were not on the surface; may be NULL */
};
/* The surface has the mode's size. True: something changed. */
bool vga_draw(const struct vga *v, const struct vga_mode *m, struct vga_phase phase,
              const struct lines_target *target, const struct vga_part *part);

#endif
