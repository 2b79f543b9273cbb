/*
 * Hostile output of a guest to its text console. The first two bytes choose the size; of the rest,
 * 0xff draws what there is by then, 0xfe looks back, and everything else is written. Nothing may be
 * touched outside of the cells and pixels, and what is saved loads into a terminal of another size.
 */
#include <stdlib.h>

#include "core/state/state.h"
#include "core/terminal/terminal.h"
#include "tests/fuzz/fuzz.h"

enum { COLS_MOST = 100, ROWS_MOST = 40, REPLY_MOST = 48 };

static void reply(void *opaque, const uint8_t *data, size_t len)
{
    (void)opaque, (void)data;
    if (len > REPLY_MOST)
        fuzz_fail("an answer is too long");
}

struct picture {
    struct terminal *t;
    uint32_t *pixels; /* exactly as many as there are */
    unsigned width, height;
};

static void drawn(void *opaque, unsigned x, unsigned y, unsigned width, unsigned height)
{
    const struct picture *p = opaque;

    if (!width || !height || x + width > p->width || y + height > p->height)
        fuzz_fail("a part outside was drawn");
}

static void look(struct picture *p, bool all)
{
    char text[512];
    unsigned x, y;

    terminal_draw(p->t, p->pixels, p->width, all, drawn, p);
    terminal_text(p->t, text, sizeof text);
    terminal_cursor(p->t, &x, &y);
    if (x >= terminal_cols(p->t) || y >= terminal_rows(p->t))
        fuzz_fail("the cursor is outside");
}

static struct picture make(unsigned cols, unsigned rows)
{
    struct picture p = {.t = terminal_new(cols, rows, reply, NULL),
                        .width = cols * TERMINAL_CELL_WIDTH,
                        .height = rows * TERMINAL_CELL_HEIGHT};

    p.pixels = calloc((size_t)p.width * p.height, sizeof *p.pixels);
    if (!p.t || !p.pixels)
        fuzz_fail("no memory");
    return p;
}

static void done(struct picture *p)
{
    terminal_free(p->t);
    free(p->pixels);
}

/* Saves it into one of another size. */
static void carry(const struct picture *from, unsigned cols, unsigned rows)
{
    struct picture to = make(cols, rows);
    struct state_writer *w = state_writer_new();
    struct state_section s;
    const void *data;
    size_t len;

    if (!state_save_section(w, "console", 0, TERMINAL_STATE_VERSION, terminal_state, from->t) ||
        !state_writer_finish(w, &data, &len))
        fuzz_fail("it cannot be saved");
    struct state_reader *r = state_reader_new(data, len, NULL);
    if (!state_reader_next(r, &s, NULL) ||
        !state_load_section(&s, TERMINAL_STATE_VERSION, terminal_state, to.t, NULL))
        fuzz_fail("what was saved does not load");
    terminal_loaded(to.t);
    look(&to, true);
    terminal_write(to.t, (const uint8_t *)"x\r\n\033[M\033[L", 9);
    look(&to, false);
    state_reader_free(r);
    state_writer_free(w);
    done(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    const unsigned cols = TERMINAL_COLS_MIN + data[0] % COLS_MOST;
    const unsigned rows = TERMINAL_ROWS_MIN + data[1] % ROWS_MOST;
    struct picture p = make(cols, rows);

    for (size_t at = 2; at < len;) {
        size_t end = at;
        while (end < len && data[end] < 0xfe)
            end++;
        terminal_write(p.t, data + at, end - at);
        if (end < len && data[end] == 0xfe)
            terminal_scroll(p.t, 3);
        else
            look(&p, false);
        at = end + 1;
    }
    look(&p, true);
    carry(&p, TERMINAL_COLS_MIN + data[1] % COLS_MOST, TERMINAL_ROWS_MIN + data[0] % ROWS_MOST);
    done(&p);
    return 0;
}
