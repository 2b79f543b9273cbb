/*
 * The machine's clipboard, text alone: who copies something says so (grab), who pastes asks for it
 * (request), and the text goes over then (answer). Peers are the viewers of a VNC server, a window,
 * the agent in the guest. The text stays with its owner; only what was asked for is handed round.
 *
 * Text is UTF-8 without NUL bytes, lines end with LF, and no longer than CLIPBOARD_MAX bytes.
 *
 * Everything with the machine lock held, callbacks as well. A callback may call anything here but
 * clipboard_leave. Peers are owned by who embeds them.
 */
#ifndef CORE_DISPLAY_CLIPBOARD_H
#define CORE_DISPLAY_CLIPBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include "core/util/list.h"

struct clipboard_peer;
struct vemu_machine;

enum { CLIPBOARD_MAX = 1 << 20 };

struct clipboard_ops {
    /* Another peer has new text: ask for it now, later or never. */
    void (*grabbed)(struct clipboard_peer *p);
    /* Nobody has text any more. */
    void (*released)(struct clipboard_peer *p);
    /* This peer's text is wanted: clipboard_answer, now or later. */
    void (*wanted)(struct clipboard_peer *p);
    /* What it asked for; len 0: there is none. */
    void (*data)(struct clipboard_peer *p, const char *text, size_t len);
};

/* Zeroed but for ops before clipboard_join; the rest is core/display's. */
struct clipboard_peer {
    const struct clipboard_ops *ops;
    struct vemu_machine *m;
    struct list node;
    bool wants; /* asked, and has no answer yet */
};

/* A peer that joins while somebody has text is told so (grabbed). */
void clipboard_join(struct vemu_machine *m, struct clipboard_peer *p);
/* Its text goes with it. A peer that never joined: nothing happens. */
void clipboard_leave(struct clipboard_peer *p);
void clipboard_grab(struct clipboard_peer *p);
/* The owner's text is gone; of a peer that is not the owner: nothing happens. */
void clipboard_release(struct clipboard_peer *p);
/* One answer follows (data), perhaps before this returns. */
void clipboard_request(struct clipboard_peer *p);
/* The owner's text for all who wait; from a peer that has lost its place meanwhile it is dropped.
 * What is longer than CLIPBOARD_MAX or no text goes as none. */
void clipboard_answer(struct clipboard_peer *p, const char *text, size_t len);

/* Well-formed UTF-8 without NUL bytes? */
bool clipboard_is_text(const char *text, size_t len);
/* Lines that end with CR LF, as some have them, in place; returns the new length. */
size_t clipboard_from_crlf(char *text, size_t len);
/* And back; out has room for 2 * len bytes. Returns how many it took. */
size_t clipboard_to_crlf(const char *text, size_t len, char *out);

#endif
