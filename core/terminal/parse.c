/*
 * From bytes to characters and control functions: UTF-8, and the syntax of ECMA-48's escape and
 * control sequences. What a sequence does is control.c's.
 */
#include "core/terminal/internal.h"

#include "core/util/range.h"

enum { ESC = 0x1b, CAN = 0x18, SUB = 0x1a, BEL = 0x07, DEL = 0x7f, REPLACEMENT = 0xfffd };

/* ---- characters ------------------------------------------------------------------------------ */

/* DEC's line drawing set, from 0x5f on. */
static const uint16_t dec_graphics[] = {
    0x00a0, 0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1, 0x2424, 0x240b,
    0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba, 0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c,
    0x2524, 0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7,
};

static void put_ascii(struct terminal *t, uint8_t byte)
{
    uint32_t code = byte;

    switch (t->cursor.charsets[t->cursor.shift]) {
    case CHARSET_DEC_GRAPHICS:
        if (byte >= 0x5f && byte < 0x5f + ARRAY_SIZE(dec_graphics))
            code = dec_graphics[byte - 0x5f];
        break;
    case CHARSET_UK:
        if (byte == '#')
            code = 0xa3;
        break;
    }
    screen_put(t, code);
}

static void put_code(struct terminal *t, uint32_t code)
{
    if (code >= 0xa0) /* below are controls, of which terminals in UTF-8 know none */
        screen_put(t, code);
}

/* What there was of a character before it broke off. */
static void end_utf8(struct terminal *t)
{
    if (t->parser.utf8_left)
        screen_put(t, REPLACEMENT);
    t->parser.utf8_left = 0;
}

static void put_high(struct terminal *t, uint8_t byte)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    struct parser *p = &t->parser;

    if (!t->utf8) {
        put_code(t, byte);
    } else if (byte >= 0xc0) {
        end_utf8(t);
        p->utf8_left = byte >= 0xf8 ? 0 : byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
        p->utf8_least = p->utf8_left;
        p->utf8_code = byte & (0x3fu >> p->utf8_left);
        if (!p->utf8_left)
            screen_put(t, REPLACEMENT);
    } else if (!p->utf8_left) {
        screen_put(t, REPLACEMENT);
    } else {
        p->utf8_code = p->utf8_code << 6 | (byte & 0x3f);
        if (--p->utf8_left)
            return;
        const uint32_t code = p->utf8_code;
        const bool bad =
            code < least[p->utf8_least] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff);
        put_code(t, bad ? REPLACEMENT : code);
    }
}

/* ---- control characters ---------------------------------------------------------------------- */

/* Work in the middle of sequences as well. */
static void control_character(struct terminal *t, uint8_t byte)
{
    switch (byte) {
    case '\b':
        t->cursor.wrap = false;
        if (t->cursor.x)
            t->cursor.x--;
        break;
    case '\t':
        screen_tab(t, 1);
        break;
    case '\n':
    case '\v':
    case '\f':
        screen_linefeed(t);
        if (t->newline)
            t->cursor.x = 0;
        break;
    case '\r':
        t->cursor.x = 0;
        t->cursor.wrap = false;
        break;
    case 0x0e:
        t->cursor.shift = 1;
        break;
    case 0x0f:
        t->cursor.shift = 0;
        break;
    }
}

/* ---- sequences ------------------------------------------------------------------------------- */

static void begin(struct terminal *t, enum parse_state state)
{
    struct parser *p = &t->parser;

    p->state = (uint8_t)state;
    p->marker = p->intermediate = 0;
    p->count = 1;
    p->params[0] = 0;
    p->colons = 0;
    p->first = true;
}

static void in_escape(struct terminal *t, uint8_t byte)
{
    struct parser *p = &t->parser;

    if (byte < 0x30) {
        /* One is enough to tell what is known from what is not. */
        p->intermediate = p->intermediate ? 0xff : byte;
        return;
    }
    p->state = PARSE_GROUND;
    if (p->intermediate) {
        control_escape(t, byte);
        return;
    }
    switch (byte) {
    case '[':
        begin(t, PARSE_CSI);
        break;
    case ']': /* OSC */
        begin(t, PARSE_STRING);
        p->marker = ']';
        break;
    case 'P': /* DCS */
    case 'X': /* SOS */
    case '^': /* PM */
    case '_': /* APC */
        begin(t, PARSE_STRING);
        break;
    default:
        control_escape(t, byte);
    }
}

static void in_control(struct terminal *t, uint8_t byte)
{
    struct parser *p = &t->parser;

    if (byte >= '0' && byte <= '9') {
        uint16_t *param = &p->params[p->count - 1];
        *param = (uint16_t)MIN(*param * 10 + (byte - '0'), PARAM_LIMIT);
    } else if (byte == ';' || byte == ':') {
        if (p->count == PARAMS_MAX) {
            p->intermediate = 0xff; /* more than anything takes: none of what is known */
            return;
        }
        if (byte == ':')
            p->colons |= (uint16_t)(1u << p->count);
        p->params[p->count++] = 0;
    } else if (byte >= 0x3c && byte <= 0x3f) {
        p->marker = p->marker || p->count > 1 || p->params[0] ? 0xff : byte;
    } else if (byte < 0x30) {
        p->intermediate = p->intermediate ? 0xff : byte;
    } else {
        p->state = PARSE_GROUND;
        control_sequence(t, byte);
    }
}

/* Titles, palettes and programs for terminals of other kinds: passed over. */
static void in_string(struct terminal *t, uint8_t byte)
{
    struct parser *p = &t->parser;

    if (byte == BEL) {
        p->state = PARSE_GROUND;
    } else if (p->first && p->marker == ']' && byte == 'R') {
        p->state = PARSE_GROUND; /* the Linux console's, without an end */
    } else if (p->first && p->marker == ']' && byte == 'P') {
        p->state = PARSE_PALETTE; /* likewise */
        p->palette_left = 7;
    }
    p->first = false;
}

static void take(struct terminal *t, uint8_t byte)
{
    struct parser *p = &t->parser;

    if (byte == ESC) {
        end_utf8(t);
        if (p->state == PARSE_STRING) {
            p->state = PARSE_STRING_END; /* of "ESC \", or of a string that was given up */
            return;
        }
        begin(t, PARSE_ESCAPE);
        return;
    }
    if (p->state == PARSE_STRING_END) {
        begin(t, PARSE_ESCAPE);
        if (byte == '\\') {
            p->state = PARSE_GROUND;
            return;
        }
    }
    if (byte == CAN || byte == SUB) {
        p->state = PARSE_GROUND;
    } else if (p->state == PARSE_STRING) {
        in_string(t, byte);
    } else if (byte < 0x20) {
        end_utf8(t);
        control_character(t, byte);
    } else if (p->state == PARSE_GROUND) {
        if (byte >= 0x80) {
            put_high(t, byte);
        } else if (byte != DEL) {
            end_utf8(t);
            put_ascii(t, byte);
        }
    } else if (byte >= DEL) {
        return; /* nothing that a sequence has */
    } else if (p->state == PARSE_ESCAPE) {
        in_escape(t, byte);
    } else if (p->state == PARSE_CSI) {
        in_control(t, byte);
    } else if (--p->palette_left == 0) {
        p->state = PARSE_GROUND;
    }
}

void terminal_write(struct terminal *t, const uint8_t *data, size_t len)
{
    for (size_t n = 0; n < len; n++)
        take(t, data[n]);
}
