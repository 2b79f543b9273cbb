/* Bytes that keys make, as a VT220 and xterm send them. */
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>

#include "core/terminal/internal.h"
#include "core/util/range.h"

/* ESC [ letter (ESC O letter in application mode), or ESC [ number ~. */
static const struct {
    uint16_t key;
    char letter;
    uint8_t number;
} keys[] = {
    {KEY_UP, 'A', 0},   {KEY_DOWN, 'B', 0},   {KEY_RIGHT, 'C', 0}, {KEY_LEFT, 'D', 0},
    {KEY_HOME, 0, 1},   {KEY_INSERT, 0, 2},   {KEY_DELETE, 0, 3},  {KEY_END, 0, 4},
    {KEY_PAGEUP, 0, 5}, {KEY_PAGEDOWN, 0, 6}, {KEY_F1, 'P', 0},    {KEY_F2, 'Q', 0},
    {KEY_F3, 'R', 0},   {KEY_F4, 'S', 0},     {KEY_F5, 0, 15},     {KEY_F6, 0, 17},
    {KEY_F7, 0, 18},    {KEY_F8, 0, 19},      {KEY_F9, 0, 20},     {KEY_F10, 0, 21},
    {KEY_F11, 0, 23},   {KEY_F12, 0, 24},
};

static size_t put(uint8_t *out, unsigned mods, const char *text)
{
    const size_t len = strlen(text);

    if (mods & TERMINAL_ALT)
        *out++ = 0x1b;
    memcpy(out, text, len);
    return len + (mods & TERMINAL_ALT ? 1 : 0);
}

size_t terminal_char_bytes(char c, unsigned mods, uint8_t out[TERMINAL_KEY_MAX])
{
    char text[2] = {c, 0};
    size_t len = 0;

    if (mods & TERMINAL_ALT)
        out[len++] = 0x1b;
    if (mods & TERMINAL_CTRL) {
        /* The column of the control characters; what else terminals have by tradition. */
        if (c >= '@' && c <= '~')
            text[0] = c & 0x1f;
        else if (c == ' ' || c == '2')
            text[0] = 0;
        else if (c >= '3' && c <= '7')
            text[0] = (char)(c - '3' + 0x1b);
        else if (c == '8' || c == '?')
            text[0] = 0x7f;
        else if (c == '/' || c == '-')
            text[0] = 0x1f;
    }
    out[len++] = (uint8_t)text[0];
    return len;
}

size_t terminal_key_bytes(const struct terminal *t, uint16_t key, unsigned mods,
                          uint8_t out[TERMINAL_KEY_MAX])
{
    char text[TERMINAL_KEY_MAX];

    switch (key) {
    case KEY_ENTER:
    case KEY_KPENTER:
        return put(out, mods, t->newline ? "\r\n" : "\r");
    case KEY_BACKSPACE:
        return put(out, mods, mods & TERMINAL_CTRL ? "\b" : "\177");
    case KEY_TAB:
        return put(out, mods, mods & TERMINAL_SHIFT ? "\033[Z" : "\t");
    case KEY_ESC:
        return put(out, mods, "\033");
    }
    for (unsigned n = 0; n < ARRAY_SIZE(keys); n++) {
        if (keys[n].key != key)
            continue;
        /* xterm's way of telling modifiers: one more than their bits. */
        if (!keys[n].letter && mods)
            snprintf(text, sizeof text, "\033[%u;%u~", keys[n].number, mods + 1);
        else if (!keys[n].letter)
            snprintf(text, sizeof text, "\033[%u~", keys[n].number);
        else if (mods)
            snprintf(text, sizeof text, "\033[1;%u%c", mods + 1, keys[n].letter);
        else
            snprintf(text, sizeof text, "\033%c%c",
                     t->app_cursor || keys[n].letter >= 'P' ? 'O' : '[', keys[n].letter);
        return put(out, 0, text);
    }
    return 0;
}
