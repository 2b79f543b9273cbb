/* Editing a line: see editor.h. What changes at the end of the line is echoed, so that it looks the
 * same where nobody moves a cursor; for the rest the line is written anew. */
#include "core/monitor/editor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/range.h"

#define CTRL(c) ((c)&0x1f)
enum { BACKSPACE = 8, TAB = 9, ESCAPE = 27, DELETE = 127, CANDIDATES_MAX = 1024, COLUMNS = 78 };

/* ---- showing --------------------------------------------------------------------------------- */

static void put(struct editor *e, const char *text, size_t len)
{
    if (len)
        e->ops->put(e->opaque, text, len);
}

static void put_text(struct editor *e, const char *text)
{
    put(e, text, strlen(text));
}

static bool continues(char c)
{
    return (c & 0xc0) == 0x80; /* inside a character of UTF-8 */
}

static unsigned columns(const char *text, size_t len)
{
    unsigned n = 0;

    for (size_t i = 0; i < len; i++)
        n += !continues(text[i]);
    return n;
}

static void put_back(struct editor *e)
{
    char text[24];
    unsigned n = columns(e->line + e->at, e->len - e->at);

    if (n)
        put(e, text, (size_t)snprintf(text, sizeof text, "\033[%uD", n));
}

static void show_line(struct editor *e)
{
    put_text(e, e->prompt);
    put(e, e->line, e->len);
    put_back(e);
}

static void redraw(struct editor *e)
{
    put_text(e, "\r");
    put_text(e, e->prompt);
    put(e, e->line, e->len);
    put_text(e, "\033[K");
    put_back(e);
}

void editor_show(struct editor *e)
{
    show_line(e);
}

/* ---- changing -------------------------------------------------------------------------------- */

static void insert(struct editor *e, const char *text, size_t len)
{
    const bool at_end = e->at == e->len;

    len = MIN(len, (size_t)EDITOR_LINE_MAX - e->len);
    memmove(e->line + e->at + len, e->line + e->at, e->len - e->at + 1);
    memcpy(e->line + e->at, text, len);
    e->at += len;
    e->len += len;
    if (at_end)
        put(e, text, len);
    else if (len && (e->at == e->len || !continues(e->line[e->at])))
        redraw(e);
}

static void cut(struct editor *e, size_t from, size_t to)
{
    if (from == to)
        return;
    memmove(e->line + from, e->line + to, e->len - to + 1);
    e->len -= to - from;
    e->at = from;
    redraw(e);
}

static size_t before(const struct editor *e, size_t at)
{
    if (at)
        at--;
    while (at && continues(e->line[at]))
        at--;
    return at;
}

static size_t after(const struct editor *e, size_t at)
{
    if (at < e->len)
        at++;
    while (at < e->len && continues(e->line[at]))
        at++;
    return at;
}

static size_t word_before(const struct editor *e)
{
    size_t at = e->at;

    while (at && e->line[at - 1] == ' ')
        at--;
    while (at && e->line[at - 1] != ' ')
        at--;
    return at;
}

static void move(struct editor *e, size_t to)
{
    char text[24];
    unsigned n =
        to < e->at ? columns(e->line + to, e->at - to) : columns(e->line + e->at, to - e->at);

    if (n)
        put(e, text, (size_t)snprintf(text, sizeof text, "\033[%u%c", n, to < e->at ? 'D' : 'C'));
    e->at = to;
}

static void set_line(struct editor *e, const char *text)
{
    e->len = e->at = MIN(strlen(text), (size_t)EDITOR_LINE_MAX);
    memcpy(e->line, text, e->len);
    e->line[e->len] = 0;
    redraw(e);
}

/* ---- what was said before -------------------------------------------------------------------- */

static void remember(struct editor *e)
{
    const unsigned n = e->history_count;
    char *copy;

    if (!e->len || (n && strcmp(e->history[n - 1], e->line) == 0) || !(copy = strdup(e->line)))
        return;
    if (n == EDITOR_HISTORY) {
        free(e->history[0]);
        memmove(e->history, e->history + 1, (EDITOR_HISTORY - 1) * sizeof e->history[0]);
        e->history_count--;
    }
    e->history[e->history_count++] = copy;
}

static void recall(struct editor *e, unsigned which)
{
    if (e->shown == e->history_count && which != e->shown) {
        free(e->draft);
        e->draft = strdup(e->line);
    }
    e->shown = which;
    set_line(e, which < e->history_count ? e->history[which] : e->draft ? e->draft : "");
}

/* ---- completing ------------------------------------------------------------------------------ */

struct found {
    unsigned count;
    char common[EDITOR_WORD_MAX]; /* what all of them begin with */
};

static void look(struct editor *e, const char *typed, struct found *f, bool list)
{
    unsigned column = 0;
    const char *word;

    *f = (struct found){.count = 0};
    for (unsigned n = 0; n < CANDIDATES_MAX && (word = e->ops->candidate(e->opaque, typed, n));
         n++) {
        size_t same = 0;
        if (!f->count++)
            snprintf(f->common, sizeof f->common, "%s", word);
        while (f->common[same] && f->common[same] == word[same])
            same++;
        f->common[same] = 0;
        if (!list)
            continue;
        put_text(e, column ? " " : "\r\n");
        put_text(e, word);
        column += (unsigned)strlen(word) + 1;
        column = column > COLUMNS ? 0 : column;
    }
}

static void complete(struct editor *e, bool again)
{
    char typed[EDITOR_LINE_MAX + 1];
    struct found f;
    size_t start = e->at, len;

    while (start && e->line[start - 1] != ' ')
        start--;
    len = e->at - start;
    memcpy(typed, e->line, e->at);
    typed[e->at] = 0;
    look(e, typed, &f, false);
    if (!f.count)
        return;
    if (strlen(f.common) > len)
        insert(e, f.common + len, strlen(f.common) - len);
    if (f.count == 1) {
        insert(e, " ", 1);
    } else if (again) {
        look(e, typed, &f, true);
        put_text(e, "\r\n");
        show_line(e);
    }
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void control(struct editor *e, uint8_t key)
{
    switch (key) {
    case CTRL('A'):
        move(e, 0);
        break;
    case CTRL('B'):
        move(e, before(e, e->at));
        break;
    case CTRL('C'):
        put_text(e, "^C\r\n");
        editor_reset(e);
        show_line(e);
        break;
    case CTRL('D'):
        cut(e, e->at, after(e, e->at));
        break;
    case CTRL('E'):
        move(e, e->len);
        break;
    case CTRL('F'):
        move(e, after(e, e->at));
        break;
    case CTRL('K'):
        cut(e, e->at, e->len);
        break;
    case CTRL('L'):
        put_text(e, "\033[H\033[2J");
        show_line(e);
        break;
    case CTRL('N'):
        if (e->shown < e->history_count)
            recall(e, e->shown + 1);
        break;
    case CTRL('P'):
        if (e->shown)
            recall(e, e->shown - 1);
        break;
    case CTRL('U'):
        cut(e, 0, e->at);
        break;
    case CTRL('W'):
        cut(e, word_before(e), e->at);
        break;
    case TAB:
        complete(e, e->last == TAB);
        break;
    case BACKSPACE:
    case DELETE:
        if (e->at && e->at == e->len) {
            e->len = e->at = before(e, e->at);
            e->line[e->len] = 0;
            put_text(e, "\b \b");
        } else {
            cut(e, before(e, e->at), e->at);
        }
        break;
    default:
        break;
    }
}

/* The end of a control sequence: what a terminal sends for keys that are no characters. */
static void sequence(struct editor *e, uint8_t last)
{
    static const uint8_t by_number[] = {
        [1] = CTRL('A'), [3] = CTRL('D'), [4] = CTRL('E'), [7] = CTRL('A'), [8] = CTRL('E')};

    switch (last) {
    case 'A':
        control(e, CTRL('P'));
        break;
    case 'B':
        control(e, CTRL('N'));
        break;
    case 'C':
        control(e, CTRL('F'));
        break;
    case 'D':
        control(e, CTRL('B'));
        break;
    case 'H':
        control(e, CTRL('A'));
        break;
    case 'F':
        control(e, CTRL('E'));
        break;
    case '~':
        if (e->param < ARRAY_SIZE(by_number))
            control(e, by_number[e->param]);
        break;
    default:
        break;
    }
}

static void in_sequence(struct editor *e, uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        e->param = MIN(e->param * 10 + byte - '0', 1000u);
    } else if (byte == ';') {
        e->param = 0;
    } else if (byte < 0x20 || byte >= 0x40) {
        e->state = EDITOR_TEXT;
        sequence(e, byte);
    }
}

bool editor_byte(struct editor *e, uint8_t byte)
{
    const char c = (char)byte;

    if (e->state == EDITOR_ESCAPE) {
        e->state = byte == '[' || byte == 'O' ? EDITOR_SEQUENCE : EDITOR_TEXT;
        e->param = 0;
    } else if (e->state == EDITOR_SEQUENCE) {
        in_sequence(e, byte);
    } else if (byte == ESCAPE) {
        e->state = EDITOR_ESCAPE;
    } else if (byte == '\r' || (byte == '\n' && e->last != '\r')) {
        e->last = byte;
        put_text(e, "\r\n");
        return true;
    } else if (byte >= ' ' && byte != DELETE) {
        insert(e, &c, 1);
    } else {
        control(e, byte);
    }
    e->last = byte;
    return false;
}

/* ---- life ------------------------------------------------------------------------------------ */

void editor_reset(struct editor *e)
{
    e->len = e->at = 0;
    e->line[0] = 0;
    e->shown = e->history_count;
    e->state = EDITOR_TEXT;
    free(e->draft);
    e->draft = NULL;
}

void editor_next(struct editor *e)
{
    remember(e);
    editor_reset(e);
}

void editor_init(struct editor *e, const char *prompt, const struct editor_ops *ops, void *opaque)
{
    memset(e, 0, sizeof *e);
    e->prompt = prompt;
    e->ops = ops;
    e->opaque = opaque;
}

void editor_free(struct editor *e)
{
    for (unsigned i = 0; i < e->history_count; i++)
        free(e->history[i]);
    free(e->draft);
}
