/* See json_frame.h. */
#include "core/monitor/json_frame.h"

#include <string.h>

/* Clients send this byte, which no JSON text has, to have what came before it thrown away. */
enum { RESYNC = 0xff };

static bool is_space(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum json_frame_result done(struct json_frame *f, size_t at, size_t *end)
{
    f->at = *end = at;
    return JSON_FRAME_TEXT;
}

/* After nonsense the rest of the line goes too; until it has come there is nothing to resume from,
 * so the line's end is not waited for. */
static enum json_frame_result bad(struct json_frame *f, const char *data, size_t len, size_t at,
                                  size_t *end)
{
    const char *line = memchr(data + at, '\n', len - at);

    f->at = *end = line ? (size_t)(line - data) + 1 : len;
    return JSON_FRAME_BAD;
}

static bool open_level(struct json_frame *f, unsigned char closed_by)
{
    if (f->depth == JSON_DEPTH_MAX)
        return false;
    f->kinds[f->depth++] = closed_by;
    return true;
}

static void start_text(struct json_frame *f, unsigned char c, size_t at)
{
    f->started = true;
    f->start = at;
    /* Neither object nor array: a text of one line, for the parser to complain about. */
    f->bare = c != '{' && c != '[';
}

enum json_frame_result json_frame_scan(struct json_frame *f, const char *data, size_t len,
                                       size_t *end)
{
    for (size_t at = f->at; at < len; at++) {
        unsigned char c = (unsigned char)data[at];

        if (c == RESYNC) {
            f->at = *end = at + 1;
            return JSON_FRAME_BAD;
        }
        if (!f->started) {
            if (is_space(c))
                continue;
            start_text(f, c, at);
        }
        if (f->bare) {
            if (c == '\n')
                return done(f, at, end);
        } else if (f->in_string) {
            if (f->escaped)
                f->escaped = false;
            else if (c == '\\')
                f->escaped = true;
            else if (c == '"')
                f->in_string = false;
        } else if (c == '"') {
            f->in_string = true;
        } else if (c == '{' || c == '[') {
            if (!open_level(f, c == '{' ? '}' : ']'))
                return bad(f, data, len, at, end);
        } else if (c == '}' || c == ']') {
            if (f->kinds[f->depth - 1] != c)
                return bad(f, data, len, at, end);
            if (--f->depth == 0)
                return done(f, at + 1, end);
        }
    }
    f->at = len;
    return JSON_FRAME_MORE;
}
