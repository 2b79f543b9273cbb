/* Lines as people edit them: core/monitor/editor, seen as a terminal shows them. */
#include <config.h>
#if CONFIG_JANSSON
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/monitor/editor.h"
#include "core/util/range.h"

/* The line of a terminal that the cursor is in, without wrapping. */
static struct {
    char text[16384];
    size_t len, at;
    unsigned param;
    int sequence; /* 0: text, 1: after ESC, 2: after CSI */
} screen;
static struct editor e;
static char done[EDITOR_LINE_MAX + 1];

static void show(char c)
{
    if (screen.at == screen.len)
        screen.len++;
    screen.text[screen.at++] = c;
    screen.text[screen.len] = 0;
}

static void end_sequence(char c)
{
    const unsigned n = screen.param ? screen.param : 1;

    screen.sequence = 0;
    if (c == 'D') {
        cr_assert_leq(n, screen.at);
        screen.at -= n;
    } else if (c == 'C') {
        screen.at += n;
        cr_assert_leq(screen.at, screen.len);
    } else if (c == 'K') {
        screen.text[screen.len = screen.at] = 0;
    } else {
        cr_assert(c == 'H' || c == 'J', "%c", c);
        screen.text[screen.len = screen.at = 0] = 0;
    }
}

static void put(void *opaque, const char *text, size_t len)
{
    (void)opaque;
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        if (screen.sequence == 2 && c >= '0' && c <= '9')
            screen.param = screen.param * 10 + (unsigned)(c - '0');
        else if (screen.sequence == 2)
            end_sequence(c);
        else if (screen.sequence == 1)
            screen.sequence = 2, screen.param = 0;
        else if (c == 27)
            screen.sequence = 1;
        else if (c == '\r')
            screen.at = 0;
        else if (c == '\n')
            screen.text[screen.len = screen.at = 0] = 0;
        else if (c == '\b')
            screen.at--;
        else
            show(c);
    }
}

static const char *candidate(void *opaque, const char *typed, unsigned n)
{
    static const char *const words[] = {"system_powerdown", "system_reset", "stop", "screendump"};
    const char *last = strrchr(typed, ' ');

    (void)opaque;
    last = last ? last + 1 : typed;
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (strncmp(words[i], last, strlen(last)) == 0 && !n--)
            return words[i];
    }
    return NULL;
}

static void set_up(void)
{
    static const struct editor_ops ops = {.put = put, .candidate = candidate};

    memset(&screen, 0, sizeof screen);
    editor_init(&e, "> ", &ops, NULL);
    editor_show(&e);
}

static void tear_down(void)
{
    editor_free(&e);
}

TestSuite(editor, .init = set_up, .fini = tear_down);

static void type(const char *keys)
{
    for (; *keys; keys++) {
        if (editor_byte(&e, (uint8_t)*keys)) {
            snprintf(done, sizeof done, "%s", e.line);
            editor_next(&e);
            editor_show(&e);
        }
    }
}

static void expect(const char *line, size_t at)
{
    char want[256];

    snprintf(want, sizeof want, "> %s", line);
    cr_expect_str_eq(screen.text, want);
    cr_expect_str_eq(e.line, line);
    cr_expect_eq(screen.at, at + 2, "the cursor is at %zu", screen.at - 2);
}

Test(editor, what_is_typed_is_shown_and_ended_by_enter)
{
    type("stop");
    expect("stop", 4);
    type("\r");
    cr_expect_str_eq(done, "stop");
    expect("", 0);
    type("cont\n");
    cr_expect_str_eq(done, "cont");
    type("one\r\ntwo\r\n"); /* one line's end each */
    cr_expect_str_eq(done, "two");
    cr_expect_eq(e.history_count, 4u);
}

Test(editor, keys_move_and_cut)
{
    type("one two three");
    type("\033[D\033[D");
    expect("one two three", 11);
    type("X");
    expect("one two thrXee", 12);
    type("\x7f");
    expect("one two three", 11);
    type("\x01"); /* Ctrl-A */
    expect("one two three", 0);
    type("\033[3~\033[3~"); /* Delete */
    expect("e two three", 0);
    type("\033[C\033OC\x04");
    expect("e wo three", 2);
    type("\x05\x17"); /* Ctrl-E, Ctrl-W */
    expect("e wo ", 5);
    type("\x17");
    expect("e ", 2);
    type("abc\033[H\x0b"); /* Home, Ctrl-K */
    expect("", 0);
    type("abc def\033[D\033[D\x15"); /* Ctrl-U */
    expect("ef", 0);
    type("\x02\x08\033[D"); /* nothing is before */
    expect("ef", 0);
    type("\033[F\x06\x04\033[C"); /* nor behind */
    expect("ef", 2);
    type("\x03"); /* Ctrl-C */
    expect("", 0);
}

Test(editor, characters_of_several_bytes_are_one)
{
    type("\xc3\xa4\xe2\x82\xac");
    cr_expect_eq(e.len, 5u);
    type("\033[D");
    cr_expect_eq(e.at, 2u);
    type("\x7f");
    cr_expect_str_eq(e.line, "\xe2\x82\xac");
    type("\033[C\x7f");
    cr_expect_str_eq(e.line, "");
}

Test(editor, what_was_said_before_comes_back)
{
    type("first\rsecond\rsecond\rhalf");
    type("\033[A");
    expect("second", 6);
    type("\033[A");
    expect("first", 5);
    type("\033[A"); /* there is none before */
    expect("first", 5);
    type("\x0e\x0e"); /* Ctrl-N */
    expect("half", 4);
    type("\x10\x10!\r"); /* Ctrl-P: changed, it is a new one */
    cr_expect_str_eq(done, "first!");
    type("\033[A\033[A\033[A");
    expect("first", 5);
}

Test(editor, history_and_lines_are_bounded)
{
    char word[32];

    for (unsigned n = 0; n < 3 * EDITOR_HISTORY; n++) {
        snprintf(word, sizeof word, "line %u\r", n);
        type(word);
    }
    cr_expect_eq(e.history_count, (unsigned)EDITOR_HISTORY);
    for (unsigned n = 0; n < 2 * EDITOR_LINE_MAX; n++)
        cr_assert_not(editor_byte(&e, 'a'));
    cr_expect_eq(e.len, (size_t)EDITOR_LINE_MAX);
    type("\x01\xc3\xa4\033[1000000000000;9~\033[99~");
    cr_expect_eq(e.len, (size_t)EDITOR_LINE_MAX);
    type("\r");
    cr_expect_eq(strlen(done), (size_t)EDITOR_LINE_MAX);
}

Test(editor, tab_completes_as_far_as_it_is_clear)
{
    type("sy\t");
    expect("system_", 7);
    type("\t");
    expect("system_", 7);
    type("r\t");
    expect("system_reset ", 13);
    type("\x15nothing\t\t");
    expect("nothing", 7);
    type("\x15 sc\tx");
    expect(" screendump x", 13);
    type("\033[D\033[D\t"); /* in the middle of the line, behind a whole word */
    expect(" screendump  x", 12);
}
#endif
