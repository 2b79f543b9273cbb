/*
 * Text console back end: a terminal (core/terminal) on a display of its own, which windows, viewers
 * and pictures show as they do a graphics device's. What is typed while it is shown is input: text
 * and keys from who knows the layout (display_type), or keys alone through the input router, by the
 * layout of the United States.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chardev/backend.h"
#include "core/device/machine.h"
#include "core/display/display.h"
#include "core/input/input.h"
#include "core/input/keys.h"
#include "core/terminal/terminal.h"
#include "core/util/range.h"

enum { DEFAULT_COLS = 80, DEFAULT_ROWS = 25, WHEEL_LINES = 3, ASCII_KEYS = 128 };

struct vc {
    struct chardev *chr;
    struct terminal *terminal;
    struct display *display;
    struct input_sink sink;
    unsigned mods; /* DISPLAY_*: of the sink's keys */
    bool caps;
    char chars[2][ASCII_KEYS]; /* by key, without and with Shift */
};

_Static_assert((int)DISPLAY_SHIFT == (int)TERMINAL_SHIFT && (int)DISPLAY_ALT == (int)TERMINAL_ALT &&
                   (int)DISPLAY_CTRL == (int)TERMINAL_CTRL,
               "a display's modifiers are the terminal's");

/* ---- the display's side ---------------------------------------------------------------------- */

static void drawn(void *opaque, unsigned x, unsigned y, unsigned width, unsigned height)
{
    display_damage(opaque, x, y, width, height);
}

static void refresh(void *opaque, bool all)
{
    struct vc *vc = opaque;

    display_lock(vc->display);
    terminal_draw(vc->terminal, display_pixels(vc->display),
                  display_stride(vc->display) / sizeof(uint32_t), all, drawn, vc->display);
    display_unlock(vc->display);
}

static size_t text(void *opaque, char *buf, size_t len)
{
    struct vc *vc = opaque;

    return terminal_text(vc->terminal, buf, len);
}

static void look_back(struct vc *vc, int lines)
{
    terminal_scroll(vc->terminal, lines);
    display_hurry(vc->display);
}

/* With Shift: not the guest's, but for looking back. */
static bool looks_back(struct vc *vc, uint16_t key)
{
    const int page = (int)terminal_rows(vc->terminal) / 2;
    const int lines = key == KEY_PAGEUP     ? page
                      : key == KEY_PAGEDOWN ? -page
                      : key == KEY_UP       ? 1
                      : key == KEY_DOWN     ? -1
                                            : 0;

    if (lines)
        look_back(vc, lines);
    return lines;
}

static void type(void *opaque, const struct display_typed *typed)
{
    struct vc *vc = opaque;
    uint8_t bytes[TERMINAL_KEY_MAX];
    size_t len = 0;

    if (typed->key && typed->mods == DISPLAY_SHIFT && looks_back(vc, typed->key))
        return;
    if (typed->key)
        len = terminal_key_bytes(vc->terminal, typed->key, typed->mods, bytes);
    else if (typed->len == 1 && typed->mods & (DISPLAY_CTRL | DISPLAY_ALT))
        len = terminal_char_bytes(*typed->text, typed->mods, bytes);
    if (len)
        chardev_inject(vc->chr, bytes, len);
    else if (!typed->key)
        chardev_inject(vc->chr, (const uint8_t *)typed->text, typed->len);
    else
        return;
    terminal_scroll(vc->terminal, -TERMINAL_HISTORY);
}

static const struct display_ops display_ops = {.refresh = refresh, .text = text, .type = type};

/* ---- keys of the router ---------------------------------------------------------------------- */

static unsigned modifier(uint16_t key)
{
    switch (key) {
    case KEY_LEFTSHIFT:
    case KEY_RIGHTSHIFT:
        return DISPLAY_SHIFT;
    case KEY_LEFTALT:
    case KEY_RIGHTALT:
        return DISPLAY_ALT;
    case KEY_LEFTCTRL:
    case KEY_RIGHTCTRL:
        return DISPLAY_CTRL;
    default:
        return 0;
    }
}

/* 0: it has no character. */
static char character(const struct vc *vc, uint16_t key)
{
    bool shift = vc->mods & DISPLAY_SHIFT;

    if (key >= ASCII_KEYS)
        return 0;
    if (vc->caps && vc->chars[0][key] >= 'a' && vc->chars[0][key] <= 'z')
        shift = !shift;
    return vc->chars[shift][key];
}

static void event(void *opaque, const struct input_event *e)
{
    struct vc *vc = opaque;

    if (e->type == EV_REL && e->code == REL_WHEEL)
        look_back(vc,
                  MAX(-TERMINAL_HISTORY, MIN(e->value, (int32_t)TERMINAL_HISTORY)) * WHEEL_LINES);
    if (e->type != EV_KEY)
        return;
    const unsigned mod = modifier(e->code);
    vc->mods = e->value ? vc->mods | mod : vc->mods & ~mod;
    if (!e->value || mod)
        return;
    if (e->code == KEY_CAPSLOCK)
        vc->caps = !vc->caps;
    const char c = character(vc, e->code);
    const struct display_typed typed = {
        .text = &c, .len = c != 0, .key = c ? 0 : e->code, .mods = vc->mods};
    type(vc, &typed);
}

static void sync_events(void *opaque)
{
    (void)opaque;
}

/* Only what printable characters there are: Enter, Tab and the like are the terminal's. */
static void learn_layout(struct vc *vc)
{
    static const struct {
        uint8_t key;
        char c;
    } keypad[] = {{KEY_KP0, '0'},     {KEY_KP1, '1'},        {KEY_KP2, '2'},    {KEY_KP3, '3'},
                  {KEY_KP4, '4'},     {KEY_KP5, '5'},        {KEY_KP6, '6'},    {KEY_KP7, '7'},
                  {KEY_KP8, '8'},     {KEY_KP9, '9'},        {KEY_KPDOT, '.'},  {KEY_KPPLUS, '+'},
                  {KEY_KPMINUS, '-'}, {KEY_KPASTERISK, '*'}, {KEY_KPSLASH, '/'}};

    for (char c = ' '; c <= '~'; c++) {
        uint16_t key;
        bool shift;
        if (key_from_char(c, &key, &shift) && key < ASCII_KEYS)
            vc->chars[shift][key] = c;
    }
    vc->chars[1][KEY_SPACE] = ' ';
    for (unsigned n = 0; n < ARRAY_SIZE(keypad); n++)
        vc->chars[0][keypad[n].key] = vc->chars[1][keypad[n].key] = keypad[n].c;
}

/* ---- options --------------------------------------------------------------------------------- */

/* "800x600" in pixels, "80Cx25C" in characters. */
static bool parse_size(const char *spec, const char *what, uint64_t size[2],
                       struct vemu_error **errp)
{
    unsigned long width, height;
    char cols[2] = "", rows[2] = "";
    int end = 0;

    if ((sscanf(spec, "%4lux%4lu%n", &width, &height, &end) < 2 || spec[end]) &&
        (sscanf(spec, "%4lu%1[C]x%4lu%1[C]%n", &width, cols, &height, rows, &end) < 4 || spec[end]))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: '%.40s' is not a size, such as 800x600 (pixels) or 80Cx25C "
                         "(characters)",
                         what, spec);
    size[0] = *cols ? width : width / TERMINAL_CELL_WIDTH;
    size[1] = *rows ? height : height / TERMINAL_CELL_HEIGHT;
    return true;
}

static bool size_of(struct opts *opts, const char *what, uint64_t size[2], struct vemu_error **errp)
{
    const char *spec = opts_get(opts, "size");
    uint64_t width = 0, height = 0;

    size[0] = DEFAULT_COLS;
    size[1] = DEFAULT_ROWS;
    if (spec && !parse_size(spec, what, size, errp))
        return false;
    if (!opts_get_number(opts, what, "width", 0, DISPLAY_SIZE_MAX, &width, errp) ||
        !opts_get_number(opts, what, "height", 0, DISPLAY_SIZE_MAX, &height, errp))
        return false;
    if (width)
        size[0] = width / TERMINAL_CELL_WIDTH;
    if (height)
        size[1] = height / TERMINAL_CELL_HEIGHT;
    if (!opts_get_number(opts, what, "cols", 0, DISPLAY_SIZE_MAX, &size[0], errp) ||
        !opts_get_number(opts, what, "rows", 0, DISPLAY_SIZE_MAX, &size[1], errp))
        return false;
    return (size[0] >= TERMINAL_COLS_MIN && size[0] <= TERMINAL_COLS_MAX &&
            size[1] >= TERMINAL_ROWS_MIN && size[1] <= TERMINAL_ROWS_MAX) ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "%s: a console has %d to %d columns and %d to %d rows of characters (%d by %d "
                     "pixels), not %llu by %llu",
                     what, TERMINAL_COLS_MIN, TERMINAL_COLS_MAX, TERMINAL_ROWS_MIN,
                     TERMINAL_ROWS_MAX, TERMINAL_CELL_WIDTH, TERMINAL_CELL_HEIGHT,
                     (unsigned long long)size[0], (unsigned long long)size[1]);
}

/* ---- the back end ---------------------------------------------------------------------------- */

/* What the terminal answers is input, while there is room: a guest that only asks gets no more. */
static void reply(void *opaque, const uint8_t *data, size_t len)
{
    struct vc *vc = opaque;

    if (chardev_input_room(vc->chr) >= len)
        chardev_inject(vc->chr, data, len);
}

static void vc_close(struct chardev *chr)
{
    struct vc *vc = chr->priv;

    input_sink_remove(&vc->sink);
    display_free(vc->display);
    terminal_free(vc->terminal);
    free(vc);
}

static bool vc_open(struct chardev *chr, struct opts *opts, const char *what,
                    struct vemu_error **errp)
{
    static const struct input_sink_ops sink_ops = {.event = event, .sync = sync_events};
    uint64_t size[2];

    if (!size_of(opts, what, size, errp))
        return false;
    struct vc *vc = calloc(1, sizeof *vc);
    if (!vc)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", what);
    chr->priv = vc;
    vc->chr = chr;
    vc->terminal = terminal_new((unsigned)size[0], (unsigned)size[1], reply, vc);
    vc->display = vc->terminal ? display_new(chr->machine, NULL, 0, &display_ops, vc, errp) : NULL;
    if (!vc->terminal || !vc->display || !display_set_id(vc->display, chr->id) ||
        !display_set_size(vc->display, (uint32_t)size[0] * TERMINAL_CELL_WIDTH,
                          (uint32_t)size[1] * TERMINAL_CELL_HEIGHT)) {
        if (!vc->terminal || vc->display)
            error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", what);
        vc_close(chr);
        return false;
    }
    learn_layout(vc);
    vc->sink = (struct input_sink){.ops = &sink_ops,
                                   .opaque = vc,
                                   .takes = INPUT_TAKES_KEYS | INPUT_TAKES_BUTTONS,
                                   .display = vc->display,
                                   .alone = true};
    input_sink_add(chr->machine, &vc->sink, errp);
    chr->opened = true;
    return true;
}

static size_t vc_write(struct chardev *chr, const uint8_t *data, size_t len)
{
    struct vc *vc = chr->priv;

    terminal_write(vc->terminal, data, len);
    display_hurry(vc->display);
    return len;
}

static void *vc_state(struct chardev *chr)
{
    struct vc *vc = chr->priv;

    return vc->terminal;
}

static void vc_loaded(struct chardev *chr)
{
    struct vc *vc = chr->priv;

    terminal_loaded(vc->terminal);
    display_hurry(vc->display);
}

const struct chardev_backend chardev_vc = {
    .open = vc_open,
    .close = vc_close,
    .write = vc_write,
    .fields = terminal_state,
    .state_version = TERMINAL_STATE_VERSION,
    .state = vc_state,
    .loaded = vc_loaded,
};
