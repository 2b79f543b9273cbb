/* The cells of a terminal and where its cursor is: see terminal.h. */
#include "core/terminal/internal.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/bitmap.h"
#include "core/util/range.h"

/* ---- life ------------------------------------------------------------------------------------ */

static struct cell *new_cells(unsigned cols, unsigned rows)
{
    return calloc((size_t)cols * rows, sizeof(struct cell));
}

struct terminal *terminal_new(unsigned cols, unsigned rows,
                              void (*reply)(void *opaque, const uint8_t *data, size_t len),
                              void *opaque)
{
    struct terminal *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->reply = reply;
    t->opaque = opaque;
    t->cols = (uint16_t)cols;
    t->rows = (uint16_t)rows;
    t->cells[0] = new_cells(cols, rows);
    t->cells[1] = new_cells(cols, rows);
    t->history = new_cells(cols, TERMINAL_HISTORY);
    t->drawn = new_cells(cols, rows);
    if (!t->cells[0] || !t->cells[1] || !t->history || !t->drawn) {
        terminal_free(t);
        return NULL;
    }
    control_reset(t);
    return t;
}

void terminal_free(struct terminal *t)
{
    if (!t)
        return;
    free(t->cells[0]);
    free(t->cells[1]);
    free(t->history);
    free(t->drawn);
    free(t);
}

unsigned terminal_cols(const struct terminal *t)
{
    return t->cols;
}

unsigned terminal_rows(const struct terminal *t)
{
    return t->rows;
}

/* ---- cells ----------------------------------------------------------------------------------- */

struct cell *screen_row(struct terminal *t, unsigned y)
{
    return t->cells[t->screen] + (size_t)y * t->cols;
}

static void blank(const struct terminal *t, struct cell *cells, unsigned count)
{
    const struct cell c = {.code = ' ', .fg = COLOUR_FG, .bg = t->cursor.bg};

    for (unsigned n = 0; n < count; n++)
        cells[n] = c;
}

/* What is left of a wide character when one of its halves at `edge` is written over. */
static void cut(struct terminal *t, unsigned y, unsigned edge)
{
    struct cell *row = screen_row(t, y);

    if (edge < t->cols && row[edge].flags & CELL_TAIL) {
        row[edge].code = ' ';
        row[edge].flags &= (uint16_t)~CELL_TAIL;
        if (edge) {
            row[edge - 1].code = ' ';
            row[edge - 1].flags &= (uint16_t)~CELL_WIDE;
        }
    }
}

void screen_erase(struct terminal *t, unsigned y, unsigned x, unsigned count)
{
    if (x >= t->cols || y >= t->rows)
        return;
    count = MIN(count, t->cols - x);
    cut(t, y, x);
    cut(t, y, x + count);
    blank(t, screen_row(t, y) + x, count);
}

void screen_erase_rows(struct terminal *t, unsigned y, unsigned count)
{
    for (; count && y < t->rows; count--, y++)
        blank(t, screen_row(t, y), t->cols);
}

void screen_insert_chars(struct terminal *t, unsigned n)
{
    const unsigned x = t->cursor.x, y = t->cursor.y, room = t->cols - x;
    struct cell *row = screen_row(t, y);

    n = MIN(n, room);
    cut(t, y, x);
    memmove(row + x + n, row + x, (room - n) * sizeof *row);
    blank(t, row + x, n);
    if (row[t->cols - 1].flags & CELL_WIDE)
        blank(t, row + t->cols - 1, 1);
}

void screen_delete_chars(struct terminal *t, unsigned n)
{
    const unsigned x = t->cursor.x, y = t->cursor.y, room = t->cols - x;
    struct cell *row = screen_row(t, y);

    n = MIN(n, room);
    cut(t, y, x);
    cut(t, y, x + n);
    memmove(row + x, row + x + n, (room - n) * sizeof *row);
    blank(t, row + t->cols - n, n);
}

/* ---- scrolling ------------------------------------------------------------------------------- */

static void remember(struct terminal *t, const struct cell *row)
{
    memcpy(t->history + (size_t)t->history_next * t->cols, row, t->cols * sizeof *row);
    t->history_next = (t->history_next + 1) % TERMINAL_HISTORY;
    t->history_count = MIN(t->history_count + 1, (unsigned)TERMINAL_HISTORY);
    if (t->view) /* who looks back goes on seeing the same */
        t->view = MIN(t->view + 1, t->history_count);
}

void screen_scroll_up(struct terminal *t, unsigned top, unsigned bottom, unsigned n)
{
    const unsigned lines = bottom + 1 - top;

    n = MIN(n, lines);
    if (!top && !t->screen) {
        for (unsigned y = 0; y < n; y++)
            remember(t, screen_row(t, y));
    }
    memmove(screen_row(t, top), screen_row(t, top + n),
            (size_t)(lines - n) * t->cols * sizeof(struct cell));
    screen_erase_rows(t, bottom + 1 - n, n);
}

void screen_scroll_down(struct terminal *t, unsigned top, unsigned bottom, unsigned n)
{
    const unsigned lines = bottom + 1 - top;

    n = MIN(n, lines);
    memmove(screen_row(t, top + n), screen_row(t, top),
            (size_t)(lines - n) * t->cols * sizeof(struct cell));
    screen_erase_rows(t, top, n);
}

void terminal_scroll(struct terminal *t, int lines)
{
    const int64_t view = (int64_t)t->view + lines;

    if (!t->screen) /* what left the other one by its edge is no history of this one */
        t->view = (unsigned)MAX(0, MIN(view, (int64_t)t->history_count));
}

const struct cell *screen_seen(const struct terminal *t, unsigned y)
{
    if (y >= t->view)
        return t->cells[t->screen] + (size_t)(y - t->view) * t->cols;
    const unsigned line = (t->history_next + TERMINAL_HISTORY - (t->view - y)) % TERMINAL_HISTORY;
    return t->history + (size_t)line * t->cols;
}

/* ---- the cursor ------------------------------------------------------------------------------ */

void screen_linefeed(struct terminal *t)
{
    t->cursor.wrap = false;
    if (t->cursor.y == t->bottom)
        screen_scroll_up(t, t->top, t->bottom, 1);
    else if (t->cursor.y < t->rows - 1)
        t->cursor.y++;
}

void screen_reverse_linefeed(struct terminal *t)
{
    t->cursor.wrap = false;
    if (t->cursor.y == t->top)
        screen_scroll_down(t, t->top, t->bottom, 1);
    else if (t->cursor.y)
        t->cursor.y--;
}

void screen_move_to(struct terminal *t, unsigned x, unsigned y)
{
    const unsigned first = t->cursor.origin ? t->top : 0;
    const unsigned last = t->cursor.origin ? t->bottom : t->rows - 1u;

    t->cursor.x = (uint16_t)MIN(x, t->cols - 1u);
    t->cursor.y = (uint16_t)MIN(first + y, last);
    t->cursor.wrap = false;
}

void screen_tab(struct terminal *t, int n)
{
    t->cursor.wrap = false;
    for (; n > 0 && t->cursor.x < t->cols - 1; n--) {
        do
            t->cursor.x++;
        while (t->cursor.x < t->cols - 1 && !bitmap_test(t->tabs, t->cursor.x));
    }
    for (; n < 0 && t->cursor.x; n++) {
        do
            t->cursor.x--;
        while (t->cursor.x && !bitmap_test(t->tabs, t->cursor.x));
    }
}

void screen_save_cursor(struct terminal *t)
{
    t->saved[t->screen] = t->cursor;
}

void screen_restore_cursor(struct terminal *t)
{
    t->cursor = t->saved[t->screen];
}

void screen_switch(struct terminal *t, unsigned screen)
{
    t->screen = (uint8_t)screen;
    t->view = 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_cell(struct terminal *t, unsigned x, uint32_t code, unsigned flags)
{
    struct cell *c = screen_row(t, t->cursor.y) + x;

    cut(t, t->cursor.y, x);
    cut(t, t->cursor.y, x + 1);
    c->code = code;
    c->fg = t->cursor.fg;
    c->bg = t->cursor.bg;
    c->flags = (uint16_t)(t->cursor.flags | flags);
}

void screen_put(struct terminal *t, uint32_t code)
{
    const unsigned width = character_width(code);
    struct cursor *c = &t->cursor;

    if (!width)
        return; /* marks over letters are not shown */
    if (c->wrap || (width > 1 && c->x == t->cols - 1)) {
        if (!t->autowrap && width > 1)
            return;
        if (t->autowrap) {
            c->x = 0;
            screen_linefeed(t);
        }
    }
    if (t->insert)
        screen_insert_chars(t, width);
    if (width > 1) {
        put_cell(t, c->x + 1, code, 0); /* cuts what is beyond */
        put_cell(t, c->x, code, CELL_WIDE);
        screen_row(t, c->y)[c->x + 1].flags |= CELL_TAIL;
    } else {
        put_cell(t, c->x, code, 0);
    }
    c->wrap = c->x + width >= t->cols;
    c->x = (uint16_t)MIN(c->x + width, t->cols - 1u);
    t->last = code;
}

void screen_reset(struct terminal *t)
{
    t->cursor = (struct cursor){.fg = COLOUR_FG, .bg = COLOUR_BG};
    t->saved[0] = t->saved[1] = t->cursor;
    t->top = 0;
    t->bottom = t->rows - 1;
    t->view = 0;
    for (t->screen = 2; t->screen-- > 0;)
        screen_erase_rows(t, 0, t->rows);
    t->screen = 0;
    memset(t->tabs, 0, sizeof t->tabs);
    for (unsigned x = 8; x < t->cols; x += 8)
        bitmap_set(t->tabs, x);
}

/* ---- reading --------------------------------------------------------------------------------- */

static size_t put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    const unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    for (unsigned n = more; n; n--, code >>= 6)
        to[n] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)((0xf0 << (3 - more) & 0xff) | code);
    return more + 1;
}

size_t terminal_text(const struct terminal *t, char *buf, size_t len)
{
    size_t at = 0, written = 0;

    for (unsigned y = 0; y < t->rows; y++) {
        const struct cell *row = screen_seen(t, y);
        unsigned end = t->cols;
        while (end && row[end - 1].code == ' ')
            end--;
        for (unsigned x = 0; x <= end; x++) {
            char bytes[4];
            if (x < end && row[x].flags & CELL_TAIL)
                continue;
            const size_t n = put_utf8(bytes, x < end ? row[x].code : '\n');
            if (at == written && at + n < len) {
                memcpy(buf + at, bytes, n);
                written += n;
            }
            at += n;
        }
    }
    if (len)
        buf[written] = 0;
    return at;
}

bool terminal_cursor(const struct terminal *t, unsigned *x, unsigned *y)
{
    *x = t->cursor.x;
    *y = t->cursor.y;
    return !t->hide_cursor;
}
