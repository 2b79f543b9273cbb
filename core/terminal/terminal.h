/*
 * A terminal: a screen of characters that a serial port, or whatever writes bytes, is shown on. It
 * understands what the Linux console and programs for a VT220 or xterm send: ECMA-48 with DEC's
 * additions, UTF-8, 256 colours, an alternate screen; looks back over TERMINAL_HISTORY lines; and
 * makes bytes of keys. What it is written is hostile: every number is bounded, nothing grows.
 *
 * It knows neither displays nor back ends: core/chardev/vc.c puts one on a display. One thread at a
 * time; no locks.
 */
#ifndef CORE_TERMINAL_TERMINAL_H
#define CORE_TERMINAL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/state/state.h"

struct terminal;
struct vemu_error;

enum {
    TERMINAL_COLS_MIN = 8,
    TERMINAL_COLS_MAX = 400,
    TERMINAL_ROWS_MIN = 2,
    TERMINAL_ROWS_MAX = 200,
    TERMINAL_HISTORY = 512, /* lines that have left the screen by its upper edge */
    TERMINAL_CELL_WIDTH = 8,
    TERMINAL_CELL_HEIGHT = 16, /* pixels */
};

/* Sizes within the limits. reply: what the terminal has to say to who writes to it, a few bytes
 * inside of terminal_write. NULL: no memory. */
struct terminal *terminal_new(unsigned cols, unsigned rows,
                              void (*reply)(void *opaque, const uint8_t *data, size_t len),
                              void *opaque);
void terminal_free(struct terminal *t);
unsigned terminal_cols(const struct terminal *t);
unsigned terminal_rows(const struct terminal *t);
void terminal_write(struct terminal *t, const uint8_t *data, size_t len);

/* ---- looking --------------------------------------------------------------------------------- */

/* Draws what changed since the last call, or everything, into pixels (0x00rrggbb, `stride` of them
 * a row) of a picture of all the cells, and calls drawn with each part, in pixels. */
void terminal_draw(struct terminal *t, uint32_t *pixels, size_t stride, bool all,
                   void (*drawn)(void *opaque, unsigned x, unsigned y, unsigned width,
                                 unsigned height),
                   void *opaque);
/* Looks further back (lines > 0) or forward again. */
void terminal_scroll(struct terminal *t, int lines);
/* What is seen as lines of UTF-8 without the blanks at their ends, as snprintf. */
size_t terminal_text(const struct terminal *t, char *buf, size_t len);
bool terminal_cursor(const struct terminal *t, unsigned *x, unsigned *y); /* false: hidden */

/* ---- typing ---------------------------------------------------------------------------------- */

enum { TERMINAL_SHIFT = 1, TERMINAL_ALT = 2, TERMINAL_CTRL = 4, TERMINAL_KEY_MAX = 16 };

/* The bytes of a key that is no text (KEY_*), or of a character with Ctrl or Alt; 0: it has none.
 */
size_t terminal_key_bytes(const struct terminal *t, uint16_t key, unsigned mods,
                          uint8_t out[TERMINAL_KEY_MAX]);
size_t terminal_char_bytes(char c, unsigned mods, uint8_t out[TERMINAL_KEY_MAX]);

/* ---- state ----------------------------------------------------------------------------------- */

enum { TERMINAL_STATE_VERSION = 1 };
/* The screens, but not the lines that have left them; obj is a struct terminal. */
extern const struct state_field terminal_state[];
/* After loading: puts right what does not fit this terminal's size. */
void terminal_loaded(struct terminal *t);

#endif
