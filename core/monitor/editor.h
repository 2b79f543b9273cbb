/*
 * A line that somebody edits at a terminal: characters, the cursor, what was said before, words
 * completed. It knows bytes in and bytes out, and no command. Lines, history and what a byte may
 * cause are bounded. One owner at a time; no shared state.
 *
 * Keys: Left, Right, Home, End, Delete, Backspace, Up, Down, Tab, and Ctrl with A, B, C, D, E, F,
 * K, L, N, P, U, W as shells have them.
 */
#ifndef CORE_MONITOR_EDITOR_H
#define CORE_MONITOR_EDITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EDITOR_LINE_MAX = 4095, EDITOR_HISTORY = 64, EDITOR_WORD_MAX = 128 };

struct editor_ops {
    void (*put)(void *opaque, const char *text, size_t len);
    /* The nth of the words that may follow `before` (whole words and blanks), or begin with what is
     * half typed there; NULL: there are no more. */
    const char *(*candidate)(void *opaque, const char *before, unsigned n);
};

struct editor {
    const struct editor_ops *ops;
    void *opaque;
    const char *prompt;
    char line[EDITOR_LINE_MAX + 1]; /* ended by 0 */
    size_t len, at;                 /* bytes; the cursor */
    char *history[EDITOR_HISTORY];  /* the oldest first */
    unsigned history_count, shown;  /* shown: history_count for the line that is new */
    char *draft;                    /* the new line while an old one is shown */
    enum { EDITOR_TEXT, EDITOR_ESCAPE, EDITOR_SEQUENCE } state;
    unsigned param;
    uint8_t last;
};

/* The strings and ops stay the caller's. */
void editor_init(struct editor *e, const char *prompt, const struct editor_ops *ops, void *opaque);
void editor_free(struct editor *e);
/* Shows the prompt and what was typed so far, on a line of its own. */
void editor_show(struct editor *e);
/* One byte of input. True: `line` is complete; editor_next comes before the next byte. */
bool editor_byte(struct editor *e, uint8_t byte);
/* Remembers the line, and begins an empty one; nothing is shown. */
void editor_next(struct editor *e);
/* Another person came: the line is empty, what was said before is kept. */
void editor_reset(struct editor *e);

#endif
