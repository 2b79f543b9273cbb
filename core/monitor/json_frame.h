/*
 * Where one JSON text ends and the next one starts in a stream of bytes, without building anything:
 * how deep a peer may nest and how long it may be is decided before a parser sees it. Whether the
 * text is JSON is for the parser. One owner at a time; no shared state.
 */
#ifndef CORE_MONITOR_JSON_FRAME_H
#define CORE_MONITOR_JSON_FRAME_H

#include <stdbool.h>
#include <stddef.h>

enum { JSON_DEPTH_MAX = 64 };

enum json_frame_result {
    JSON_FRAME_MORE, /* the bytes end before a text does */
    JSON_FRAME_TEXT, /* [start, end) is one */
    JSON_FRAME_BAD,  /* nested too deeply, or brackets that do not match: skip to `end` */
};

struct json_frame {
    size_t start, at; /* of the text; how far was looked */
    unsigned depth;
    bool started, in_string, escaped, bare;
    unsigned char kinds[JSON_DEPTH_MAX]; /* what each level is closed by */
};

/* A zeroed struct is at the start of a stream. data is the same each time, with more behind it;
 * after TEXT and BAD the caller drops `*end` bytes and zeroes the struct. */
enum json_frame_result json_frame_scan(struct json_frame *f, const char *data, size_t len,
                                       size_t *end);

#endif
