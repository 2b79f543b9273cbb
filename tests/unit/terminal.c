/* The terminal of text consoles: what each sequence does, keys, pictures, saved state; its font. */
#include <criterion/criterion.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/state/state.h"
#include "core/terminal/font.h"
#include "core/terminal/terminal.h"
#include "core/util/error.h"

static char said[256];

static void reply(void *opaque, const uint8_t *data, size_t len)
{
    (void)opaque;
    strncat(said, (const char *)data, len);
}

static struct terminal *made(unsigned cols, unsigned rows)
{
    struct terminal *t = terminal_new(cols, rows, reply, NULL);

    cr_assert_not_null(t);
    said[0] = 0;
    return t;
}

static void put(struct terminal *t, const char *text)
{
    terminal_write(t, (const uint8_t *)text, strlen(text));
}

/* Without the empty lines at the end. */
static void shows(struct terminal *t, const char *wanted)
{
    char text[4096];
    size_t len = terminal_text(t, text, sizeof text);

    while (len && text[len - 1] == '\n')
        text[--len] = 0;
    cr_expect_str_eq(text, wanted);
}

static void cursor_is(struct terminal *t, unsigned x, unsigned y)
{
    unsigned at_x, at_y;

    terminal_cursor(t, &at_x, &at_y);
    cr_expect(at_x == x && at_y == y, "the cursor is at %u, %u, not %u, %u", at_x, at_y, x, y);
}

/* What a terminal of 10 by 4 shows of the text. */
static void becomes(const char *text, const char *wanted)
{
    struct terminal *t = made(10, 4);

    put(t, text);
    char seen[4096];
    size_t len = terminal_text(t, seen, sizeof seen);
    while (len && seen[len - 1] == '\n')
        seen[--len] = 0;
    cr_expect_str_eq(seen, wanted, "of '%s': '%s', not '%s'", text, seen, wanted);
    terminal_free(t);
}

/* ---- characters ------------------------------------------------------------------------------ */

Test(terminal, text_wraps_and_scrolls)
{
    becomes("one\r\ntwo", "one\ntwo");
    becomes("one\ntwo", "one\n   two");
    becomes("0123456789", "0123456789");
    becomes("0123456789a", "0123456789\na");
    becomes("0123456789\r\nb", "0123456789\nb");
    becomes("a\r\nb\r\nc\r\nd\r\ne", "b\nc\nd\ne");
    becomes("\033[?7l0123456789abc", "012345678c");
    becomes("ab\b\bX", "Xb");
    becomes("a\tb", "a       b");
    becomes("a\vb\fc", "a\n b\n  c");
    becomes("\033[20ha\nb", "a\nb");
}

Test(terminal, utf8_is_read_and_what_is_broken_is_shown_as_such)
{
    becomes("\303\244\342\202\254\360\237\230\200x", "\303\244\342\202\254\360\237\230\200x");
    becomes("a\303z", "a\357\277\275z");
    becomes("a\377z", "a\357\277\275z");
    becomes("a\200z", "a\357\277\275z");
    becomes("\300\257", "\357\277\275");          /* a slash made longer */
    becomes("\355\240\200", "\357\277\275");      /* a surrogate */
    becomes("\342\202\033[1mx", "\357\277\275x"); /* broken off by a sequence */
    becomes("e\314\201f", "ef");                  /* a mark takes no cell */
    becomes("\302\233"
            "1mx",
            "1mx");                                          /* no control of eight bits */
    becomes("\033%@\344\033%G\303\266", "\303\244\303\266"); /* Latin-1 and back */
}

Test(terminal, wide_characters_take_two_cells)
{
    becomes("\346\227\245x", "\346\227\245x");
    struct terminal *t = made(10, 4);
    put(t, "\346\227\245\346\234\254");
    cursor_is(t, 4, 0);
    put(t, "\033[1;2Hx"); /* over a right half */
    shows(t, " x\346\234\254");
    put(t, "\033[1;3H\033[K");
    shows(t, " x");
    terminal_free(t);
    becomes("012345678\346\227\245", "012345678\n\346\227\245");
    becomes("ab\346\227\245c\033[1;4H\033[P", "ab c");
    becomes("ab\346\227\245c\033[1;4H\033[@", "ab   c");
}

Test(terminal, the_line_drawing_set_is_drawn_with)
{
    becomes("\033(0lqk\033(Blqk", "\342\224\214\342\224\200\342\224\220lqk");
    becomes("\033)0a\016x\017x", "a\342\224\202x");
    becomes("\033(A#\033(B#", "\302\243#");
}

/* ---- the cursor ------------------------------------------------------------------------------ */

Test(terminal, the_cursor_is_moved)
{
    becomes("\033[2;3Hx", "\n  x");
    becomes("\033[2;3fx", "\n  x");
    becomes("\033[99;99Hx", "\n\n\n         x");
    becomes("\033[3;3H\033[Ax", "\n  x");
    becomes("\033[B\033[2Cx", "\n  x");
    becomes("abc\033[2Dx", "axc");
    becomes("abc\033[Ex", "abc\nx");
    becomes("\033[3;3H\033[2Fx", "x");
    becomes("abc\033[2Gx\033[3`y", "axy");
    becomes("abc\033[3dx", "abc\n\n   x");
    becomes("\033[2ax\033[1ey", "  x\n   y");
    becomes("\033[Ix\033[Zy", "        y");
    becomes("ab\033[sX\r\033[uY", "abY");
    becomes("ab\0337\033[3;1H\0338Y", "abY");
    becomes("a\033Db\033Ec\033[1;1H\033Md", "d\na\n b\nc");
}

Test(terminal, tabs_are_set_and_cleared)
{
    becomes("\033[3g\033[1;4H\033H\r\tx", "   x");
    becomes("\033[1;9H\033[g\r\tx", "         x");
}

Test(terminal, the_cursor_is_hidden)
{
    struct terminal *t = made(10, 4);
    unsigned x, y;

    put(t, "\033[?25l");
    cr_expect_not(terminal_cursor(t, &x, &y));
    put(t, "\033[?25h");
    cr_expect(terminal_cursor(t, &x, &y));
    terminal_free(t);
}

/* ---- areas ----------------------------------------------------------------------------------- */

#define FULL "aaaa\r\nbbbb\r\ncccc\r\ndddd"

Test(terminal, parts_are_erased)
{
    becomes(FULL "\033[2;3H\033[J", "aaaa\nbb");
    becomes(FULL "\033[2;3H\033[1J", "\n   b\ncccc\ndddd");
    becomes(FULL "\033[2J", "");
    becomes(FULL "\033[2;3H\033[K", "aaaa\nbb\ncccc\ndddd");
    becomes(FULL "\033[2;3H\033[1K", "aaaa\n   b\ncccc\ndddd");
    becomes(FULL "\033[2;3H\033[2K", "aaaa\n\ncccc\ndddd");
    becomes(FULL "\033[2;2H\033[2X", "aaaa\nb  b\ncccc\ndddd");
    becomes("\033#8", "EEEEEEEEEE\nEEEEEEEEEE\nEEEEEEEEEE\nEEEEEEEEEE");
}

Test(terminal, characters_and_lines_are_inserted_and_deleted)
{
    becomes("abcd\033[1;2H\033[2@X", "aX bcd");
    becomes("abcd\033[1;2H\033[2P", "ad");
    becomes("abcd\033[1;2H\033[4hXY\033[4lZ", "aXYZcd");
    becomes(FULL "\033[2;3H\033[LX", "aaaa\nX\nbbbb\ncccc");
    becomes(FULL "\033[2;3H\033[2MX", "aaaa\nXddd");
    becomes("ab\033[3b", "abbbb");
}

Test(terminal, a_region_scrolls_by_itself)
{
    becomes(FULL "\033[2;3r\033[3;1H\nX", "aaaa\ncccc\nX\ndddd");
    becomes(FULL "\033[2;3r\033[2;1H\033MX", "aaaa\nX\nbbbb\ndddd");
    becomes(FULL "\033[2;3r\033[S", "aaaa\ncccc\n\ndddd");
    becomes(FULL "\033[2;3r\033[T", "aaaa\n\nbbbb\ndddd");
    becomes(FULL "\033[2;3r\033[4;1H\nX", "aaaa\nbbbb\ncccc\nXddd");
    becomes(FULL "\033[2;3r\033[?6h\033[1;1HX\033[9;1HY", "aaaa\nXbbb\nYccc\ndddd");
    becomes(FULL "\033[2;3r\033[4;1H\033[LX", "aaaa\nbbbb\ncccc\nXddd");
    becomes(FULL "\033[3;2rX", "aaaa\nbbbb\ncccc\nddddX"); /* none */
    becomes(FULL "\033[2;3r\033[3;1H\033[9AX", "aaaa\nXbbb\ncccc\ndddd");
}

Test(terminal, the_alternate_screen_leaves_the_first_alone)
{
    struct terminal *t = made(10, 4);

    put(t, "main\033[?1049hother");
    shows(t, "    other");
    put(t, "\033[?1049l!");
    shows(t, "main!");
    put(t, "\033[?47h\033[2JX\033[?47l");
    shows(t, "main!");
    terminal_free(t);
}

Test(terminal, a_reset_is_whole)
{
    becomes(FULL "\033[2;3r\033[?6h\033[4h\033(0\033[1m\033cq", "q");
    becomes("\033[4h\033[?7l\033[!pabc\rX", "Xbc");
}

/* ---- sequences that are none ----------------------------------------------------------------- */

Test(terminal, what_is_not_known_is_passed_over)
{
    becomes("\033]0;a title\007x", "x");
    becomes("\033]0;a title\033\\x", "x");
    becomes("\033Pq#1;2;3\033\\x", "x");
    becomes("\033_program\033\\\033^more\033\\x", "x");
    becomes("\033]P1aabbccx\033]Ry", "xy");
    becomes("\033[?1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18hx", "x");
    becomes("\033[>4;1mx\033[=1cy\033[2 qz", "xyz");
    becomes("\033[12\030x", "x");
    becomes("\033[1\r\nBx", "\n\nx"); /* control characters work inside */
    becomes("\033[99999999999999999999Cx", "         x");
    becomes("\033[1;\033[2;2Hx", "\n x");
    becomes("\033*0\033+Bx", "x");
    becomes("\177x", "x");
}

/* ---- reports --------------------------------------------------------------------------------- */

static void says(const char *text, const char *wanted)
{
    struct terminal *t = made(80, 25);

    put(t, text);
    cr_expect_str_eq(said, wanted, "to '%s': '%s'", text, said);
    terminal_free(t);
}

Test(terminal, questions_are_answered)
{
    says("\033[5n", "\033[0n");
    says("abc\033[6n", "\033[1;4R");
    says("\033[999;999H\033[6n", "\033[25;80R");
    says("\033[5;9r\033[?6h\033[2;3H\033[6n", "\033[2;3R");
    says("\033[?6n", "\033[?1;1R");
    says("\033[c", "\033[?62;22c");
    says("\033[0c\033Z", "\033[?62;22c\033[?62;22c");
    says("\033[>c", "\033[>1;10;0c");
    says("\033[18t", "\033[8;25;80t");
    says("\033[?7$p\033[?9999$p\033[4$p", "\033[?7;1$y\033[?9999;0$y\033[4;2$y");
}

/* ---- looking back ---------------------------------------------------------------------------- */

Test(terminal, lines_that_left_are_looked_back_at)
{
    struct terminal *t = made(10, 4);

    for (char c = 'a'; c <= 'h'; c++) {
        const char line[] = {c, '\r', '\n', 0};
        put(t, line);
    }
    shows(t, "f\ng\nh");
    terminal_scroll(t, 2);
    shows(t, "d\ne\nf\ng");
    put(t, "more\r\n"); /* does not move what is looked at */
    shows(t, "d\ne\nf\ng");
    terminal_scroll(t, 1000);
    shows(t, "a\nb\nc\nd");
    terminal_scroll(t, -1000);
    shows(t, "g\nh\nmore");
    put(t, "\033[3J");
    terminal_scroll(t, 1);
    shows(t, "g\nh\nmore");
    for (unsigned n = 0; n < 3 * TERMINAL_HISTORY; n++)
        put(t, "x\r\n");
    terminal_scroll(t, 100000);
    shows(t, "x\nx\nx\nx");
    terminal_free(t);
}

/* ---- pictures -------------------------------------------------------------------------------- */

enum { WIDTH = 10 * TERMINAL_CELL_WIDTH, HEIGHT = 4 * TERMINAL_CELL_HEIGHT };
static uint32_t pixels[WIDTH * HEIGHT];
static unsigned parts, part[4];

static void drawn(void *opaque, unsigned x, unsigned y, unsigned width, unsigned height)
{
    (void)opaque;
    parts++;
    part[0] = x;
    part[1] = y;
    part[2] = width;
    part[3] = height;
}

static void draw(struct terminal *t, bool all)
{
    parts = 0;
    terminal_draw(t, pixels, WIDTH, all, drawn, NULL);
}

/* The colours that cell x of the first row has. */
static void colours_are(unsigned x, uint32_t fg, uint32_t bg)
{
    bool has_fg = false, has_bg = false;

    for (unsigned y = 0; y < TERMINAL_CELL_HEIGHT; y++) {
        for (unsigned n = 0; n < TERMINAL_CELL_WIDTH; n++) {
            const uint32_t p = pixels[y * WIDTH + x * TERMINAL_CELL_WIDTH + n];
            cr_expect(p == fg || p == bg, "cell %u has %06x", x, p);
            has_fg |= p == fg;
            has_bg |= p == bg;
        }
    }
    cr_expect(has_fg && has_bg, "cell %u lacks %06x or %06x", x, fg, bg);
}

static void coloured(const char *sequence, uint32_t fg, uint32_t bg)
{
    struct terminal *t = made(10, 4);

    put(t, sequence);
    put(t, "A\033[4;1H");
    draw(t, true);
    colours_are(0, fg, bg);
    terminal_free(t);
}

Test(terminal, colours_and_attributes_are_drawn)
{
    coloured("", 0xaaaaaa, 0);
    coloured("\033[31m", 0xaa0000, 0);
    coloured("\033[1;31m", 0xff5555, 0);
    coloured("\033[1m", 0xffffff, 0);
    coloured("\033[1;22;31m", 0xaa0000, 0);
    coloured("\033[93;104m", 0xffff55, 0x5555ff);
    coloured("\033[32;44m", 0x00aa00, 0x0000aa);
    coloured("\033[32;44;39;49m", 0xaaaaaa, 0);
    coloured("\033[32;44;7m", 0x0000aa, 0x00aa00);
    coloured("\033[32;44;7;27m", 0x00aa00, 0x0000aa);
    coloured("\033[32;44;0m", 0xaaaaaa, 0);
    coloured("\033[32m\033[m", 0xaaaaaa, 0);
    coloured("\033[2m", 0x555555, 0);
    coloured("\033[38;5;196m", 0xff0000, 0);
    coloured("\033[48;5;232m", 0xaaaaaa, 0x080808);
    coloured("\033[38;2;0;135;255m", 0x0087ff, 0);
    coloured("\033[38:2::0:135:255m", 0x0087ff, 0);
    coloured("\033[38:5:21;44m", 0x0000ff, 0x0000aa);
    coloured("\033[38;5m", 0xaaaaaa, 0);
    coloured("\033[4:3;32m", 0x00aa00, 0);
    coloured("\033[?5h", 0, 0xaaaaaa);
}

Test(terminal, hidden_text_is_not_seen)
{
    struct terminal *t = made(10, 4);

    put(t, "\033[8mA\033[0m\033[4;1H");
    draw(t, true);
    for (unsigned n = 0; n < TERMINAL_CELL_HEIGHT * WIDTH; n++)
        cr_assert_eq(pixels[n], 0);
    terminal_free(t);
}

Test(terminal, lines_are_drawn_under_and_through)
{
    struct terminal *t = made(10, 4);

    put(t, "\033[4m \033[0;9m \033[0m\033[4;1H");
    draw(t, true);
    cr_expect_eq(pixels[14 * WIDTH + 7], 0xaaaaaa);
    cr_expect_eq(pixels[8 * WIDTH + 8], 0xaaaaaa);
    cr_expect_eq(pixels[14 * WIDTH + 8], 0);
    terminal_free(t);
}

Test(terminal, erased_cells_have_the_colour_that_is_set)
{
    struct terminal *t = made(10, 4);

    put(t, "\033[44m\033[2J\033[4;1H");
    draw(t, true);
    cr_expect_eq(pixels[0], 0x0000aa);
    terminal_free(t);
}

Test(terminal, only_what_changed_is_drawn)
{
    struct terminal *t = made(10, 4);

    draw(t, true);
    cr_expect_eq(parts, 4);
    draw(t, false);
    cr_expect_eq(parts, 0);
    put(t, "ab");
    draw(t, false);
    cr_expect_eq(parts, 1);
    cr_expect(part[0] == 0 && part[1] == 0 && part[2] == 3 * 8 && part[3] == 16);
    put(t, "\033[3;5HX\033[1;3H");
    draw(t, false);
    cr_expect_eq(parts, 1);
    cr_expect(part[0] == 4 * 8 && part[1] == 2 * 16 && part[2] == 8 && part[3] == 16);
    terminal_free(t);
}

Test(terminal, the_cursor_is_a_block)
{
    struct terminal *t = made(10, 4);

    draw(t, true);
    cr_expect_eq(pixels[0], 0xaaaaaa);
    put(t, "\033[?25l");
    draw(t, false);
    cr_expect_eq(pixels[0], 0);
    terminal_free(t);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void key_makes(struct terminal *t, uint16_t key, unsigned mods, const char *wanted)
{
    uint8_t bytes[TERMINAL_KEY_MAX + 1] = {0};

    bytes[terminal_key_bytes(t, key, mods, bytes)] = 0;
    cr_expect_str_eq((char *)bytes, wanted, "key %u with %u: '%s'", key, mods, bytes);
}

Test(terminal, keys_make_what_a_vt220_sends)
{
    struct terminal *t = made(10, 4);

    key_makes(t, KEY_UP, 0, "\033[A");
    key_makes(t, KEY_LEFT, TERMINAL_CTRL, "\033[1;5D");
    key_makes(t, KEY_HOME, 0, "\033[1~");
    key_makes(t, KEY_DELETE, TERMINAL_SHIFT, "\033[3;2~");
    key_makes(t, KEY_F1, 0, "\033OP");
    key_makes(t, KEY_F5, 0, "\033[15~");
    key_makes(t, KEY_F12, TERMINAL_ALT, "\033[24;3~");
    key_makes(t, KEY_ENTER, 0, "\r");
    key_makes(t, KEY_KPENTER, TERMINAL_ALT, "\033\r");
    key_makes(t, KEY_BACKSPACE, 0, "\177");
    key_makes(t, KEY_TAB, TERMINAL_SHIFT, "\033[Z");
    key_makes(t, KEY_ESC, 0, "\033");
    key_makes(t, KEY_SYSRQ, 0, "");
    put(t, "\033[?1h\033[20h");
    key_makes(t, KEY_UP, 0, "\033OA");
    key_makes(t, KEY_UP, TERMINAL_SHIFT, "\033[1;2A");
    key_makes(t, KEY_ENTER, 0, "\r\n");
    terminal_free(t);
}

Test(terminal, control_characters_are_made_with_ctrl)
{
    static const char from[] = "aZ[\\]^_ 2368?/",
                      to[] = "\001\032\033\034\035\036\037\0\0\033\036\177\177\037";
    uint8_t bytes[TERMINAL_KEY_MAX];

    for (unsigned n = 0; from[n]; n++) {
        cr_expect_eq(terminal_char_bytes(from[n], TERMINAL_CTRL, bytes), 1);
        cr_expect_eq(bytes[0], (uint8_t)to[n], "Ctrl-%c is %u", from[n], bytes[0]);
    }
    cr_expect_eq(terminal_char_bytes('x', TERMINAL_ALT, bytes), 2);
    cr_expect(bytes[0] == 033 && bytes[1] == 'x');
}

/* ---- state ----------------------------------------------------------------------------------- */

/* What `from` is saved as, loaded into `to`. */
static bool carry(struct terminal *from, struct terminal *to, struct vemu_error **errp)
{
    struct state_writer *w = state_writer_new();
    const void *data;
    size_t len;
    struct state_section s;

    cr_assert(state_save_section(w, "console", 0, TERMINAL_STATE_VERSION, terminal_state, from));
    cr_assert(state_writer_finish(w, &data, &len));
    struct state_reader *r = state_reader_new(data, len, errp);
    cr_assert(r && state_reader_next(r, &s, errp));
    const bool ok = state_load_section(&s, TERMINAL_STATE_VERSION, terminal_state, to, errp);
    terminal_loaded(to);
    state_reader_free(r);
    state_writer_free(w);
    return ok;
}

Test(terminal, a_saved_state_goes_on_where_it_was)
{
    struct terminal *from = made(10, 4), *to = made(10, 4), *small = made(8, 2);

    put(from, "main\033[2;3r\033[?1049h\033[1;31;4halt \346\227\245\033[2;4");
    cr_assert(carry(from, to, NULL));
    put(to, "Hx");
    shows(to, "alt \346\227\245\n   x");
    put(to, "\033[?1049l\033[3;1H\n\n!");
    shows(to, "main\n\n!");
    cr_assert(carry(from, small, NULL));
    put(small, "Hx");
    shows(small, "alt \346\227\245\n   x");
    terminal_free(from);
    terminal_free(to);
    terminal_free(small);
}

/* ---- the font -------------------------------------------------------------------------------- */

Test(font, every_character_it_has_is_another_picture)
{
    static uint8_t seen[0x200][FONT_HEIGHT];
    unsigned count = 0;

    for (uint32_t code = ' '; code < 0x180; code++) {
        uint8_t rows[FONT_HEIGHT];
        /* U+00AD is a hyphen, and U+0110 has the looks of U+00D0. */
        if ((code >= 0x7f && code < 0xa1) || code == 0xad || code == 0x110 ||
            !font_glyph(code, rows))
            continue;
        for (unsigned n = 0; n < count; n++)
            cr_expect(memcmp(seen[n], rows, sizeof rows), "U+%04x looks like another", code);
        memcpy(seen[count++], rows, sizeof rows);
    }
    cr_expect(count > 95 + 94 + 100, "%u", count);
}

Test(font, ascii_latin_1_and_what_draws_lines_are_there)
{
    static const uint16_t others[] = {0x20ac, 0x25c6, 0x2409, 0x240c, 0x240d, 0x240a, 0x2424,
                                      0x240b, 0x23ba, 0x23bb, 0x23bc, 0x23bd, 0x2264, 0x2265,
                                      0x3c0,  0x2260, 0x2026, 0x2192, 0xfffd};
    uint8_t rows[FONT_HEIGHT];

    for (uint32_t code = ' '; code < 0x7f; code++)
        cr_expect(font_glyph(code, rows), "U+%04x", code);
    for (uint32_t code = 0xa0; code < 0x100; code++)
        cr_expect(font_glyph(code, rows), "U+%04x", code);
    for (uint32_t code = 0x2500; code < 0x25a0; code++)
        cr_expect(font_glyph(code, rows), "U+%04x", code);
    for (unsigned n = 0; n < sizeof others / sizeof *others; n++)
        cr_expect(font_glyph(others[n], rows), "U+%04x", others[n]);
    cr_expect_not(font_glyph(0x4e00, rows));
    cr_expect_not(font_glyph(0x10ffff, rows));
}

/* What of the cell's edge a picture touches: left, right, upper, lower. */
static unsigned edges(const uint8_t rows[FONT_HEIGHT])
{
    unsigned all = 0;

    for (unsigned y = 0; y < FONT_HEIGHT; y++)
        all |= rows[y];
    return (all & 0x80 ? 1 : 0) | (all & 1 ? 2 : 0) | (rows[0] ? 4 : 0) | (rows[15] ? 8 : 0);
}

Test(font, lines_meet_at_the_edges_of_cells)
{
    static const struct {
        uint16_t code;
        uint8_t edges;
    } lines[] = {{0x2500, 3},  {0x2502, 12}, {0x250c, 10}, {0x2510, 9}, {0x2514, 6},  {0x2518, 5},
                 {0x251c, 14}, {0x2524, 13}, {0x252c, 11}, {0x2534, 7}, {0x253c, 15}, {0x254b, 15},
                 {0x2550, 3},  {0x2551, 12}, {0x2554, 10}, {0x255d, 5}, {0x2560, 14}, {0x256c, 15},
                 {0x256a, 15}, {0x256d, 10}, {0x256f, 5},  {0x2574, 1}, {0x2577, 8},  {0x2588, 15}};
    uint8_t rows[FONT_HEIGHT];

    for (unsigned n = 0; n < sizeof lines / sizeof *lines; n++) {
        cr_assert(font_glyph(lines[n].code, rows));
        cr_expect_eq(edges(rows), lines[n].edges, "U+%04x touches %u", lines[n].code, edges(rows));
    }
}

Test(font, letters_leave_room_to_the_next_one)
{
    uint8_t rows[FONT_HEIGHT];

    for (uint32_t code = '!'; code < 0x100; code++) {
        if (code == '_' || code == 0xaf || (code >= 0x7f && code < 0xa0))
            continue;
        font_glyph(code, rows);
        cr_expect_not(edges(rows) & 1, "U+%04x", code);
    }
}
