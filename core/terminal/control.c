/* What control functions do: ECMA-48's, DEC's and a few of xterm's. */
#include "core/terminal/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/util/bitmap.h"
#include "core/util/range.h"

static void say(struct terminal *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct terminal *t, const char *fmt, ...)
{
    char text[48];
    va_list ap;

    va_start(ap, fmt);
    const int len = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    t->reply(t->opaque, (const uint8_t *)text, (size_t)len);
}

/* Parameter n; 0 and what is missing stand for `fallback`. */
static unsigned param(const struct terminal *t, unsigned n, unsigned fallback)
{
    const struct parser *p = &t->parser;

    return n < p->count && p->params[n] ? p->params[n] : fallback;
}

void control_reset(struct terminal *t)
{
    t->utf8 = t->autowrap = true;
    t->insert = t->newline = t->app_cursor = t->app_keypad = t->hide_cursor = t->reverse =
        t->paste = false;
    t->last = 0;
    screen_reset(t);
}

/* DECSTR: modes alone. */
static void soft_reset(struct terminal *t)
{
    t->autowrap = true;
    t->insert = t->app_cursor = t->app_keypad = t->hide_cursor = false;
    t->top = 0;
    t->bottom = t->rows - 1;
    t->cursor =
        (struct cursor){.x = t->cursor.x, .y = t->cursor.y, .fg = COLOUR_FG, .bg = COLOUR_BG};
    t->saved[t->screen] = (struct cursor){.fg = COLOUR_FG, .bg = COLOUR_BG};
}

/* ---- colours and attributes ------------------------------------------------------------------ */

/* The nearest of the cube of 6x6x6 colours, from 16 on. */
static uint8_t nearest(unsigned r, unsigned g, unsigned b)
{
    const unsigned rgb[3] = {MIN(r, 255u), MIN(g, 255u), MIN(b, 255u)};
    unsigned index = 0;

    for (unsigned n = 0; n < 3; n++) /* its levels are 0, 95, 135, 175, 215, 255 */
        index = index * 6 + (rgb[n] < 48 ? 0 : rgb[n] < 115 ? 1 : (rgb[n] - 35) / 40);
    return (uint8_t)(16 + index);
}

/* 38 or 48 at n: "5;N" or "2;R;G;B", with colons as well, where there may be a number more before
 * R. Returns the last parameter that belongs to it. */
static unsigned extended(const struct terminal *t, unsigned n, uint8_t *colour)
{
    const struct parser *p = &t->parser;
    unsigned end = n + 1;

    if (p->colons >> end & 1) {
        while (end + 1 < p->count && p->colons >> (end + 1) & 1)
            end++;
    } else {
        end = n + (param(t, n + 1, 0) == 2 ? 4 : param(t, n + 1, 0) == 5 ? 2 : 1);
    }
    if (end >= p->count)
        return end; /* a part of it is missing */
    if (param(t, n + 1, 0) == 5 && n + 2 <= end)
        *colour = (uint8_t)MIN(param(t, n + 2, 0), 255u);
    else if (param(t, n + 1, 0) == 2 && n + 4 <= end)
        *colour = nearest(param(t, end - 2, 0), param(t, end - 1, 0), param(t, end, 0));
    return end;
}

static const struct {
    uint8_t code, set, clear;
} attributes[] = {
    {1, ATTR_BOLD, 0},
    {2, ATTR_DIM, 0},
    {3, ATTR_ITALIC, 0},
    {4, ATTR_UNDERLINE, 0},
    {5, ATTR_BLINK, 0},
    {6, ATTR_BLINK, 0},
    {7, ATTR_REVERSE, 0},
    {8, ATTR_HIDDEN, 0},
    {9, ATTR_STRIKE, 0},
    {21, ATTR_UNDERLINE, 0},
    {22, 0, ATTR_BOLD | ATTR_DIM},
    {23, 0, ATTR_ITALIC},
    {24, 0, ATTR_UNDERLINE},
    {25, 0, ATTR_BLINK},
    {27, 0, ATTR_REVERSE},
    {28, 0, ATTR_HIDDEN},
    {29, 0, ATTR_STRIKE},
};

static void attribute(struct cursor *c, unsigned code)
{
    for (unsigned n = 0; n < ARRAY_SIZE(attributes); n++) {
        if (attributes[n].code == code)
            c->flags = (uint16_t)((c->flags & ~attributes[n].clear) | attributes[n].set);
    }
}

/* SGR */
static void select_graphics(struct terminal *t)
{
    const struct parser *p = &t->parser;
    struct cursor *c = &t->cursor;

    for (unsigned n = 0; n < p->count; n++) {
        const unsigned code = p->params[n];
        if (code == 0) {
            c->flags = 0;
            c->fg = COLOUR_FG;
            c->bg = COLOUR_BG;
        } else if (code >= 30 && code <= 37) {
            c->fg = (uint8_t)(code - 30);
        } else if (code >= 40 && code <= 47) {
            c->bg = (uint8_t)(code - 40);
        } else if (code >= 90 && code <= 97) {
            c->fg = (uint8_t)(code - 90 + 8);
        } else if (code >= 100 && code <= 107) {
            c->bg = (uint8_t)(code - 100 + 8);
        } else if (code == 38 || code == 48) {
            n = extended(t, n, code == 38 ? &c->fg : &c->bg);
        } else if (code == 39) {
            c->fg = COLOUR_FG;
        } else if (code == 49) {
            c->bg = COLOUR_BG;
        } else if (code == 4 && p->colons >> (n + 1) & 1) { /* a kind of underline; 0: none */
            attribute(c, p->params[++n] ? 4 : 24);
        } else {
            attribute(c, code);
        }
        while (n + 1 < p->count && p->colons >> (n + 1) & 1)
            n++; /* what belongs to one that is not known */
    }
}

/* ---- modes ----------------------------------------------------------------------------------- */

static bool *ansi_mode(struct terminal *t, unsigned mode)
{
    return mode == 4 ? &t->insert : mode == 20 ? &t->newline : NULL;
}

static void alternate(struct terminal *t, unsigned mode, bool on)
{
    if (on == t->screen)
        return;
    if (mode == 1049 && on)
        screen_save_cursor(t);
    if (mode == 1047 && !on)
        screen_erase_rows(t, 0, t->rows);
    screen_switch(t, on);
    if (mode == 1049 && on)
        screen_erase_rows(t, 0, t->rows);
    else if (mode == 1049)
        screen_restore_cursor(t);
}

static void dec_mode(struct terminal *t, unsigned mode, bool on)
{
    switch (mode) {
    case 1:
        t->app_cursor = on;
        break;
    case 5:
        t->reverse = on;
        break;
    case 6:
        t->cursor.origin = on;
        screen_move_to(t, 0, 0);
        break;
    case 7:
        t->autowrap = on;
        t->cursor.wrap &= on;
        break;
    case 25:
        t->hide_cursor = !on;
        break;
    case 66:
        t->app_keypad = on;
        break;
    case 47:
    case 1047:
    case 1049:
        alternate(t, mode, on);
        break;
    case 1048:
        if (on)
            screen_save_cursor(t);
        else
            screen_restore_cursor(t);
        break;
    case 2004:
        t->paste = on;
        break;
    }
}

static void set_modes(struct terminal *t, bool on)
{
    const struct parser *p = &t->parser;

    for (unsigned n = 0; n < p->count; n++) {
        if (p->marker == '?') {
            dec_mode(t, p->params[n], on);
        } else {
            bool *mode = ansi_mode(t, p->params[n]);
            if (mode)
                *mode = on;
        }
    }
}

/* ---- erasing --------------------------------------------------------------------------------- */

static void erase_display(struct terminal *t)
{
    const unsigned x = t->cursor.x, y = t->cursor.y;

    switch (t->parser.params[0]) {
    case 0:
        screen_erase(t, y, x, t->cols);
        screen_erase_rows(t, y + 1, t->rows);
        break;
    case 1:
        screen_erase_rows(t, 0, y);
        screen_erase(t, y, 0, x + 1);
        break;
    case 2:
        screen_erase_rows(t, 0, t->rows);
        break;
    case 3:
        t->history_count = t->view = 0;
        break;
    }
    t->cursor.wrap = false;
}

static void erase_line(struct terminal *t)
{
    const unsigned x = t->cursor.x, y = t->cursor.y, how = t->parser.params[0];

    if (how == 0)
        screen_erase(t, y, x, t->cols);
    else if (how <= 2)
        screen_erase(t, y, 0, how == 1 ? x + 1 : t->cols);
    t->cursor.wrap = false;
}

/* ---- moving ---------------------------------------------------------------------------------- */

/* Up and down stop at the edges of the scroll region that they start inside of. */
static void move_by(struct terminal *t, int dx, int dy)
{
    struct cursor *c = &t->cursor;
    const int top = c->y >= t->top ? t->top : 0;
    const int bottom = c->y <= t->bottom ? t->bottom : t->rows - 1;

    c->x = (uint16_t)MAX(0, MIN(c->x + dx, t->cols - 1));
    if (dy)
        c->y = (uint16_t)MAX(top, MIN(c->y + dy, bottom));
    c->wrap = false;
}

static void set_region(struct terminal *t)
{
    const unsigned top = param(t, 0, 1), bottom = MIN(param(t, 1, t->rows), (unsigned)t->rows);

    if (top >= bottom)
        return;
    t->top = (uint16_t)(top - 1);
    t->bottom = (uint16_t)(bottom - 1);
    screen_move_to(t, 0, 0);
}

static void lines(struct terminal *t, bool insert, unsigned n)
{
    if (t->cursor.y < t->top || t->cursor.y > t->bottom)
        return;
    if (insert)
        screen_scroll_down(t, t->cursor.y, t->bottom, n);
    else
        screen_scroll_up(t, t->cursor.y, t->bottom, n);
    t->cursor.x = 0;
    t->cursor.wrap = false;
}

static void repeat(struct terminal *t, unsigned n)
{
    const uint32_t code = t->last;

    for (n = MIN(n, (unsigned)t->cols * t->rows); code && n; n--)
        screen_put(t, code);
}

static void clear_tabs(struct terminal *t)
{
    if (t->parser.params[0] == 0)
        bitmap_clear(t->tabs, t->cursor.x);
    else if (t->parser.params[0] == 3)
        memset(t->tabs, 0, sizeof t->tabs);
}

/* ---- reports --------------------------------------------------------------------------------- */

static void report_status(struct terminal *t)
{
    const char *marker = t->parser.marker == '?' ? "?" : "";
    const unsigned top = t->cursor.origin ? t->top : 0;

    if (t->parser.params[0] == 5 && !*marker)
        say(t, "\033[0n");
    else if (t->parser.params[0] == 6)
        say(t, "\033[%s%u;%uR", marker, t->cursor.y - top + 1, t->cursor.x + 1u);
}

/* DA: a VT220 without extras; secondary: of the same, in its first version. */
static void report_attributes(struct terminal *t)
{
    if (t->parser.params[0])
        return;
    if (!t->parser.marker)
        say(t, "\033[?62;22c");
    else if (t->parser.marker == '>')
        say(t, "\033[>1;10;0c");
}

/* DECRQM: 1 set, 2 reset, 0 not known. */
static void report_mode(struct terminal *t)
{
    const unsigned mode = t->parser.params[0];
    const struct {
        uint16_t mode;
        bool on;
    } modes[] = {{1, t->app_cursor},    {5, t->reverse}, {6, t->cursor.origin}, {7, t->autowrap},
                 {25, !t->hide_cursor}, {47, t->screen}, {66, t->app_keypad},   {1047, t->screen},
                 {1049, t->screen},     {2004, t->paste}};
    unsigned state = 0;

    if (t->parser.marker == '?') {
        for (unsigned n = 0; n < ARRAY_SIZE(modes); n++) {
            if (modes[n].mode == mode)
                state = modes[n].on ? 1 : 2;
        }
    } else if (ansi_mode(t, mode)) {
        state = *ansi_mode(t, mode) ? 1 : 2;
    }
    say(t, "\033[%s%u;%u$y", t->parser.marker == '?' ? "?" : "", mode, state);
}

/* ---- sequences ------------------------------------------------------------------------------- */

/* Those with a marker or an intermediate. False: none of them. */
static bool special_sequence(struct terminal *t, uint8_t final)
{
    const struct parser *p = &t->parser;

    if (p->intermediate == '$' && final == 'p' && (!p->marker || p->marker == '?'))
        report_mode(t);
    else if (p->intermediate == '!' && final == 'p')
        soft_reset(t);
    else if (p->intermediate)
        return true; /* shapes of the cursor and the like: not known */
    else if (final == 'c')
        report_attributes(t);
    else if (p->marker == '?' && (final == 'h' || final == 'l'))
        set_modes(t, final == 'h');
    else if (p->marker == '?' && final == 'n')
        report_status(t);
    else if (p->marker == '?' && final == 'J')
        erase_display(t);
    else if (p->marker == '?' && final == 'K')
        erase_line(t);
    else
        return p->marker != 0;
    return true;
}

static bool moves(struct terminal *t, uint8_t final)
{
    const int n = (int)param(t, 0, 1);

    switch (final) {
    case 'A':
        move_by(t, 0, -n);
        break;
    case 'B':
    case 'e':
        move_by(t, 0, n);
        break;
    case 'C':
    case 'a':
        move_by(t, n, 0);
        break;
    case 'D':
        move_by(t, -n, 0);
        break;
    case 'E':
        move_by(t, -t->cols, n);
        break;
    case 'F':
        move_by(t, -t->cols, -n);
        break;
    case 'G':
    case '`':
        move_by(t, n - 1 - t->cursor.x, 0);
        break;
    case 'H':
    case 'f':
        screen_move_to(t, param(t, 1, 1) - 1, (unsigned)n - 1);
        break;
    case 'I':
        screen_tab(t, n);
        break;
    case 'Z':
        screen_tab(t, -n);
        break;
    case 'd':
        screen_move_to(t, t->cursor.x, (unsigned)n - 1);
        break;
    case 's':
        screen_save_cursor(t);
        break;
    case 'u':
        screen_restore_cursor(t);
        break;
    default:
        return false;
    }
    return true;
}

void control_sequence(struct terminal *t, uint8_t final)
{
    const unsigned n = param(t, 0, 1);

    if (special_sequence(t, final) || moves(t, final))
        return;
    switch (final) {
    case '@':
        screen_insert_chars(t, n);
        t->cursor.wrap = false;
        break;
    case 'J':
        erase_display(t);
        break;
    case 'K':
        erase_line(t);
        break;
    case 'L':
    case 'M':
        lines(t, final == 'L', n);
        break;
    case 'P':
        screen_delete_chars(t, n);
        t->cursor.wrap = false;
        break;
    case 'S':
        screen_scroll_up(t, t->top, t->bottom, n);
        break;
    case 'T':
        screen_scroll_down(t, t->top, t->bottom, n);
        break;
    case 'X':
        screen_erase(t, t->cursor.y, t->cursor.x, n);
        t->cursor.wrap = false;
        break;
    case 'b':
        repeat(t, n);
        break;
    case 'g':
        clear_tabs(t);
        break;
    case 'h':
    case 'l':
        set_modes(t, final == 'h');
        break;
    case 'm':
        select_graphics(t);
        break;
    case 'n':
        report_status(t);
        break;
    case 'r':
        set_region(t);
        break;
    case 't':
        if (t->parser.params[0] == 18)
            say(t, "\033[8;%u;%ut", t->rows, t->cols);
        break;
    }
}

/* DECALN: what people adjusted tubes by, and tests look for. */
static void fill_with_e(struct terminal *t)
{
    for (unsigned y = 0; y < t->rows; y++) {
        for (unsigned x = 0; x < t->cols; x++)
            screen_row(t, y)[x] = (struct cell){.code = 'E', .fg = COLOUR_FG, .bg = COLOUR_BG};
    }
    t->top = 0;
    t->bottom = t->rows - 1;
    t->cursor.origin = false;
    screen_move_to(t, 0, 0);
}

static void designate(struct terminal *t, unsigned which, uint8_t final)
{
    t->cursor.charsets[which] = final == '0'   ? CHARSET_DEC_GRAPHICS
                                : final == 'A' ? CHARSET_UK
                                               : CHARSET_ASCII;
}

void control_escape(struct terminal *t, uint8_t final)
{
    switch (t->parser.intermediate) {
    case 0:
        break;
    case '(':
    case ')':
        designate(t, t->parser.intermediate == ')', final);
        return;
    case '%':
        t->utf8 = final == '@' ? false : final == 'G' || final == '8' ? true : t->utf8;
        return;
    case '#':
        if (final == '8')
            fill_with_e(t);
        return;
    default:
        return;
    }
    switch (final) {
    case '7':
        screen_save_cursor(t);
        break;
    case '8':
        screen_restore_cursor(t);
        break;
    case '=':
    case '>':
        t->app_keypad = final == '=';
        break;
    case 'D':
    case 'E':
        screen_linefeed(t);
        if (final == 'E')
            t->cursor.x = 0;
        break;
    case 'H':
        bitmap_set(t->tabs, t->cursor.x);
        break;
    case 'M':
        screen_reverse_linefeed(t);
        break;
    case 'Z':
        t->parser.params[0] = 0;
        t->parser.marker = 0;
        report_attributes(t);
        break;
    case 'c':
        control_reset(t);
        break;
    }
}
