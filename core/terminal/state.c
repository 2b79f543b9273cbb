/* A terminal's state in one table: its modes and cursor, and the cells of both screens. */
#include "core/terminal/internal.h"

#include <string.h>

#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"

enum { CELL_SIZE = 8, HEAD_SIZE = 4 };

/* The member that the table names, `cells`, is followed back to the terminal. */
static struct terminal *from_cells(const void *cells)
{
    return (struct terminal *)((char *)cells - offsetof(struct terminal, cells));
}

static uint64_t cells_size(const void *obj)
{
    const struct terminal *t = from_cells(obj);

    return HEAD_SIZE + 2 * (uint64_t)t->cols * t->rows * CELL_SIZE;
}

static void cells_save(const void *obj, uint8_t *out)
{
    const struct terminal *t = from_cells(obj);

    store_le16(out, t->cols);
    store_le16(out + 2, t->rows);
    out += HEAD_SIZE;
    for (unsigned s = 0; s < 2; s++) {
        for (unsigned n = 0; n < (unsigned)t->cols * t->rows; n++, out += CELL_SIZE) {
            const struct cell *c = &t->cells[s][n];
            store_le32(out, c->code);
            out[4] = c->fg;
            out[5] = c->bg;
            store_le16(out + 6, c->flags);
        }
    }
}

static void load_cell(struct cell *c, const uint8_t *in)
{
    c->code = load_le32(in);
    if (c->code > 0x10ffff || c->code < ' ')
        c->code = ' ';
    c->fg = in[4];
    c->bg = in[5];
    c->flags = load_le16(in + 6) & (ATTR_ALL | CELL_WIDE | CELL_TAIL);
}

/* A terminal of another size takes what it has room for. */
static bool cells_load(void *obj, const uint8_t *in, uint64_t len, struct vemu_error **errp)
{
    struct terminal *t = obj ? from_cells(obj) : NULL;
    const unsigned cols = len >= HEAD_SIZE ? load_le16(in) : 0;
    const unsigned rows = len >= HEAD_SIZE ? load_le16(in + 2) : 0;

    if (cols < TERMINAL_COLS_MIN || cols > TERMINAL_COLS_MAX || rows < TERMINAL_ROWS_MIN ||
        rows > TERMINAL_ROWS_MAX || len != HEAD_SIZE + 2 * (uint64_t)cols * rows * CELL_SIZE)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state: a terminal of %u by %u characters does not have %llu bytes",
                         cols, rows, (unsigned long long)len);
    in += HEAD_SIZE;
    for (unsigned s = 0; t && s < 2; s++) {
        for (unsigned y = 0; y < MIN(rows, (unsigned)t->rows); y++) {
            for (unsigned x = 0; x < MIN(cols, (unsigned)t->cols); x++)
                load_cell(&t->cells[s][(size_t)y * t->cols + x],
                          in + ((size_t)(s * rows + y) * cols + x) * CELL_SIZE);
        }
    }
    return true;
}

static const struct state_tail cells_tail = {
    .size = cells_size, .save = cells_save, .load = cells_load};

static const struct state_field cursor_fields[] = {
    STATE_INT(struct cursor, x),
    STATE_INT(struct cursor, y),
    STATE_INT(struct cursor, fg),
    STATE_INT(struct cursor, bg),
    STATE_INT(struct cursor, flags, .max = ATTR_ALL),
    STATE_INT_ARRAY(struct cursor, charsets, .max = CHARSET_DEC_GRAPHICS),
    STATE_INT(struct cursor, shift, .max = 1),
    STATE_FLAG(struct cursor, origin),
    STATE_FLAG(struct cursor, wrap),
    STATE_FIELDS_END,
};

static const struct state_field parser_fields[] = {
    STATE_INT(struct parser, state, .max = PARSE_PALETTE),
    STATE_INT(struct parser, marker),
    STATE_INT(struct parser, intermediate),
    STATE_INT(struct parser, count, .max = PARAMS_MAX),
    STATE_INT(struct parser, palette_left, .max = 7),
    STATE_FLAG(struct parser, first),
    STATE_INT_ARRAY(struct parser, params, .max = PARAM_LIMIT),
    STATE_INT(struct parser, colons),
    STATE_INT(struct parser, utf8_left, .max = 3),
    STATE_INT(struct parser, utf8_least, .max = 3),
    STATE_INT(struct parser, utf8_code, .max = 0x1fffff),
    STATE_FIELDS_END,
};

const struct state_field terminal_state[] = {
    STATE_NESTED(struct terminal, parser, parser_fields),
    STATE_NESTED(struct terminal, cursor, cursor_fields),
    STATE_ARRAY_OF(struct terminal, saved, cursor_fields),
    STATE_INT(struct terminal, top),
    STATE_INT(struct terminal, bottom),
    STATE_INT(struct terminal, screen, .max = 1),
    STATE_FLAG(struct terminal, utf8),
    STATE_FLAG(struct terminal, autowrap),
    STATE_FLAG(struct terminal, insert),
    STATE_FLAG(struct terminal, newline),
    STATE_FLAG(struct terminal, app_cursor),
    STATE_FLAG(struct terminal, app_keypad),
    STATE_FLAG(struct terminal, hide_cursor),
    STATE_FLAG(struct terminal, reverse),
    STATE_FLAG(struct terminal, paste),
    STATE_INT(struct terminal, last, .max = 0x10ffff),
    STATE_INT_ARRAY(struct terminal, tabs),
    STATE_REST(struct terminal, cells, cells_tail),
    STATE_FIELDS_END,
};

static void fit_cursor(const struct terminal *t, struct cursor *c)
{
    c->x = (uint16_t)MIN(c->x, t->cols - 1);
    c->y = (uint16_t)MIN(c->y, t->rows - 1);
    c->wrap &= c->x == t->cols - 1;
}

void terminal_loaded(struct terminal *t)
{
    struct parser *p = &t->parser;

    fit_cursor(t, &t->cursor);
    fit_cursor(t, &t->saved[0]);
    fit_cursor(t, &t->saved[1]);
    if (t->top >= t->bottom || t->bottom >= t->rows) {
        t->top = 0;
        t->bottom = t->rows - 1;
    }
    p->count = MAX(p->count, 1);
    if (p->state == PARSE_PALETTE && !p->palette_left)
        p->state = PARSE_GROUND;
    t->view = t->history_count = 0;
    /* Halves without the other one are letters. */
    for (unsigned s = 0; s < 2; s++) {
        for (unsigned n = 0; n < (unsigned)t->cols * t->rows; n++) {
            struct cell *c = &t->cells[s][n];
            const bool wide = c->flags & CELL_WIDE && n % t->cols + 1 < t->cols &&
                              c[1].flags & CELL_TAIL && !(c[1].flags & CELL_WIDE) &&
                              !(c->flags & CELL_TAIL);
            const bool tail = n % t->cols && c[-1].flags & CELL_WIDE && c->flags & CELL_TAIL &&
                              !(c->flags & CELL_WIDE);
            if (!wide && !tail)
                c->flags &= ATTR_ALL;
        }
    }
}
