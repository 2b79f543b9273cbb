/* What the files of core/terminal share; see terminal.h. */
#ifndef CORE_TERMINAL_INTERNAL_H
#define CORE_TERMINAL_INTERNAL_H

#include "core/terminal/terminal.h"

enum {
    ATTR_BOLD = 1 << 0,
    ATTR_DIM = 1 << 1,
    ATTR_ITALIC = 1 << 2, /* kept, not drawn */
    ATTR_UNDERLINE = 1 << 3,
    ATTR_BLINK = 1 << 4, /* kept, not drawn */
    ATTR_REVERSE = 1 << 5,
    ATTR_HIDDEN = 1 << 6,
    ATTR_STRIKE = 1 << 7,
    ATTR_ALL = (1 << 8) - 1,
    CELL_WIDE = 1 << 8,   /* the left half of a character two cells wide */
    CELL_TAIL = 1 << 9,   /* its right half */
    CELL_CURSOR = 1 << 10 /* of what is drawn alone */
};
enum { COLOUR_FG = 7, COLOUR_BG = 0 };

struct cell {
    uint32_t code;  /* Unicode */
    uint8_t fg, bg; /* of 256 */
    uint16_t flags;
};

enum charset { CHARSET_ASCII, CHARSET_UK, CHARSET_DEC_GRAPHICS };

struct cursor {
    uint16_t x, y;
    uint8_t fg, bg;
    uint16_t flags;             /* ATTR_* */
    uint8_t charsets[2], shift; /* G0 and G1, and which of them it is */
    bool origin;                /* positions count from the scroll region */
    bool wrap;                  /* the last column is written: the next character wraps */
};

enum parse_state {
    PARSE_GROUND,
    PARSE_ESCAPE,
    PARSE_CSI,
    PARSE_STRING,
    PARSE_STRING_END,
    PARSE_PALETTE
};
enum { PARAMS_MAX = 16, PARAM_LIMIT = 9999, TAB_WORDS = (TERMINAL_COLS_MAX + 63) / 64 };

struct parser {
    uint8_t state, marker, intermediate, count; /* count: of params, from 1 */
    uint8_t palette_left;                       /* digits of ESC ] P */
    bool first;                                 /* of a string's bytes */
    uint16_t params[PARAMS_MAX], colons;        /* colons: bit n: params[n] came after ':' */
    uint8_t utf8_left, utf8_least;              /* bytes to come; index of the least code */
    uint32_t utf8_code;
};

struct terminal {
    void (*reply)(void *opaque, const uint8_t *data, size_t len);
    void *opaque;
    uint16_t cols, rows;

    struct parser parser;
    struct cursor cursor, saved[2]; /* saved: by screen */
    uint16_t top, bottom;           /* of the scroll region, both inside */
    uint8_t screen;                 /* 1: the alternate one */
    bool utf8, autowrap, insert, newline, app_cursor, app_keypad, hide_cursor, reverse, paste;
    uint32_t last; /* for REP; 0: none */
    uint64_t tabs[TAB_WORDS];

    struct cell *cells[2];                      /* rows * cols each */
    struct cell *history;                       /* a ring of TERMINAL_HISTORY lines */
    unsigned history_next, history_count, view; /* view: lines that are looked back */
    struct cell *drawn;                         /* what terminal_draw drew */
};

/* ---- screen.c -------------------------------------------------------------------------------- */

struct cell *screen_row(struct terminal *t, unsigned y);
void screen_reset(struct terminal *t);
void screen_put(struct terminal *t, uint32_t code);
void screen_linefeed(struct terminal *t);
void screen_reverse_linefeed(struct terminal *t);
/* Blanks of the colour that is set. */
void screen_erase(struct terminal *t, unsigned y, unsigned x, unsigned count);
void screen_erase_rows(struct terminal *t, unsigned y, unsigned count);
/* Lines top to bottom, both included, go up or down by n. */
void screen_scroll_up(struct terminal *t, unsigned top, unsigned bottom, unsigned n);
void screen_scroll_down(struct terminal *t, unsigned top, unsigned bottom, unsigned n);
void screen_insert_chars(struct terminal *t, unsigned n);
void screen_delete_chars(struct terminal *t, unsigned n);
void screen_move_to(struct terminal *t, unsigned x, unsigned y);
void screen_tab(struct terminal *t, int n); /* n < 0: back */
void screen_switch(struct terminal *t, unsigned screen);
void screen_save_cursor(struct terminal *t);
void screen_restore_cursor(struct terminal *t);
/* The row that is seen at y. */
const struct cell *screen_seen(const struct terminal *t, unsigned y);

/* ---- control.c ------------------------------------------------------------------------------- */

/* A control sequence is whole. */
void control_sequence(struct terminal *t, uint8_t final);
void control_escape(struct terminal *t, uint8_t final);
void control_reset(struct terminal *t);

/* ---- width.c --------------------------------------------------------------------------------- */

/* Cells that a character takes: 0, 1 or 2. */
unsigned character_width(uint32_t code);

#endif
