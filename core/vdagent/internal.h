/* Between the files of core/vdagent; see vdagent.h. The numbers of the protocol are here, too. */
#ifndef CORE_VDAGENT_INTERNAL_H
#define CORE_VDAGENT_INTERNAL_H

#include "core/display/clipboard.h"
#include "core/display/display.h"
#include "core/input/input.h"
#include "core/util/buffer.h"
#include "core/vdagent/vdagent.h"

/* ---- the protocol ---------------------------------------------------------------------------- */

/* VDIChunkHeader: port, size; all numbers are little-endian. */
enum { VD_CHUNK_HEADER = 8, VD_CHUNK_MAX = 2048 /* bytes in one that we send */ };
enum { VDP_CLIENT_PORT = 1, VDP_SERVER_PORT = 2 };
/* VDAgentMessage: protocol, type, opaque (64 bits), size; then its data. */
enum { VD_MESSAGE_TYPE = 4, VD_MESSAGE_SIZE = 16, VD_MESSAGE_HEADER = 20, VD_AGENT_PROTOCOL = 1 };
enum {
    VD_AGENT_MOUSE_STATE = 1,
    VD_AGENT_MONITORS_CONFIG = 2,
    VD_AGENT_REPLY = 3,
    VD_AGENT_CLIPBOARD = 4,
    VD_AGENT_ANNOUNCE_CAPABILITIES = 6,
    VD_AGENT_CLIPBOARD_GRAB = 7,
    VD_AGENT_CLIPBOARD_REQUEST = 8,
    VD_AGENT_CLIPBOARD_RELEASE = 9,
    VD_AGENT_MAX_CLIPBOARD = 14,
};
enum {
    VD_AGENT_CAP_MOUSE_STATE = 1u << 0,
    VD_AGENT_CAP_MONITORS_CONFIG = 1u << 1,
    VD_AGENT_CAP_REPLY = 1u << 2,
    VD_AGENT_CAP_CLIPBOARD_BY_DEMAND = 1u << 5,
    VD_AGENT_CAP_CLIPBOARD_SELECTION = 1u << 6,
    VD_AGENT_CAP_SPARSE_MONITORS_CONFIG = 1u << 7,
    VD_AGENT_CAP_GUEST_LINEEND_CRLF = 1u << 9,
    VD_AGENT_CAP_MAX_CLIPBOARD = 1u << 10,
    VD_AGENT_CAP_MONITORS_CONFIG_POSITION = 1u << 12,
    VD_AGENT_CAP_CLIPBOARD_NO_RELEASE_ON_REGRAB = 1u << 16,
    VD_AGENT_CAP_CLIPBOARD_GRAB_SERIAL = 1u << 17,
};
enum { VD_AGENT_CLIPBOARD_NONE = 0, VD_AGENT_CLIPBOARD_UTF8_TEXT = 1 };
enum { VD_SELECTION_CLIPBOARD, VD_SELECTIONS = 3 };
enum { VD_MONITOR_SIZE = 20, VD_MONITORS_USE_POS = 1 };
enum {
    VD_BUTTON_LEFT = 1 << 1,
    VD_BUTTON_MIDDLE = 1 << 2,
    VD_BUTTON_RIGHT = 1 << 3,
    VD_BUTTON_UP = 1 << 4,
    VD_BUTTON_DOWN = 1 << 5,
    VD_BUTTON_SIDE = 1 << 6,
    VD_BUTTON_EXTRA = 1 << 7,
    VD_BUTTONS = VD_BUTTON_LEFT | VD_BUTTON_MIDDLE | VD_BUTTON_RIGHT | VD_BUTTON_SIDE |
                 VD_BUTTON_EXTRA, /* the others are a wheel's */
};

/* ---- one agent ------------------------------------------------------------------------------- */

/* Text with CR LF may be twice as long; before it there are selection and type. */
enum { TEXT_MAX = 2 * CLIPBOARD_MAX, CLIPBOARD_HEADER = 8 };
/* A text with its headers, and the headers of its chunks. */
enum { SENDER_MAX = TEXT_MAX + TEXT_MAX / VD_CHUNK_MAX * VD_CHUNK_HEADER + 256 };
enum { HEADS_MAX = 16, MOUSE_STATES = 64 };

/* Messages to one of the two ports come in chunks, which may be mixed. */
struct vdagent_incoming {
    uint8_t header[VD_MESSAGE_HEADER];
    uint32_t header_len;
    uint32_t left;      /* bytes of the message still to come */
    struct buffer body; /* its beginning, as much of it as is of use */
};

struct vdagent_receiver {
    uint8_t chunk[VD_CHUNK_HEADER];
    uint32_t chunk_len;  /* bytes of the header */
    uint32_t chunk_left; /* bytes of the chunk still to come */
    struct vdagent_incoming port[2];
};

/* The message being fetched, in chunks. */
struct vdagent_sender {
    struct buffer out;
    size_t taken;
    uint32_t to_come;    /* bytes of the message that are in no chunk yet */
    uint32_t chunk_room; /* bytes that the last chunk still takes */
    uint32_t port;
};

struct vdagent_mouse_state {
    uint32_t x, y; /* pixels */
    uint8_t buttons, head;
};
struct vdagent_head {
    struct vdagent *v;
    struct input_sink sink;
    bool pointing;       /* the sink is added */
    int32_t position[2]; /* 0 to INPUT_ABS_MAX */
    bool asked;          /* a viewer wants this size, in pixels; 0, 0: off */
    uint32_t width, height;
};

struct vdagent {
    struct vemu_machine *m;
    struct vdagent_config cfg;
    struct vdagent_receiver in;
    struct vdagent_sender out;

    bool open;
    bool loaded;         /* open next: the streams go on */
    bool answer_awaited; /* we asked for its capabilities */
    bool ready;          /* both sides know the other's capabilities */
    uint32_t caps;       /* the guest's */

    /* To be said: */
    bool announce, announce_request;
    bool limit;              /* MAX_CLIPBOARD */
    bool grab, release, ask; /* CLIPBOARD_GRAB, _RELEASE, _REQUEST */
    uint8_t no_text;         /* for selections, a bit each */
    bool monitors;
    char *text; /* what the guest pastes; NULL: nothing to be said of it */
    size_t text_len;

    struct clipboard_peer peer;
    bool joined;     /* the machine's clipboard */
    bool told_grab;  /* the guest thinks that we have text */
    bool had_text;   /* before a load, the guest had */
    uint32_t serial; /* of the next grab, whosever it is */

    struct display_helper helper;
    struct vdagent_head heads[HEADS_MAX];
    uint8_t buttons, pressed; /* of the pointer: as they are, as the guest was last told */
    struct vdagent_mouse_state mouse[MOUSE_STATES]; /* to be told, oldest first */
    unsigned mouse_count;
};

static inline bool vdagent_can(const struct vdagent *v, uint32_t cap)
{
    return v->caps & cap;
}

/* vdagent.c */
/* Something became sendable. */
void vdagent_news(struct vdagent *v);
void vdagent_announced(struct vdagent *v, bool request, uint32_t caps);

/* receive.c */
/* How many bytes of a message with this header are of use. */
size_t receiver_limit(const uint8_t header[VD_MESSAGE_HEADER]);
void receiver_reset(struct vdagent_receiver *in);

/* send.c */
/* Of the message that follows: where it goes, what it is, and how many bytes it has. */
void sender_begin(struct vdagent_sender *out, uint32_t port, uint32_t type, size_t size);
void sender_put(struct vdagent_sender *out, const void *data, size_t len);
void sender_put_u32(struct vdagent_sender *out, uint32_t value);
void sender_reset(struct vdagent_sender *out);

/* clipboard.c */
void vdagent_clipboard_start(struct vdagent *v);
void vdagent_clipboard_stop(struct vdagent *v);
/* Messages; len may be less than size when the rest was of no use. */
void vdagent_take_grab(struct vdagent *v, const uint8_t *body, size_t len);
void vdagent_take_request(struct vdagent *v, const uint8_t *body, size_t len);
void vdagent_take_release(struct vdagent *v, const uint8_t *body, size_t len);
void vdagent_take_clipboard(struct vdagent *v, uint8_t *body, size_t len, bool whole);
/* Makes the next message about the clipboard; false: there is none. */
bool vdagent_send_clipboard(struct vdagent *v);

/* screen.c */
void vdagent_screen_start(struct vdagent *v);
void vdagent_screen_stop(struct vdagent *v);
bool vdagent_send_screen(struct vdagent *v);

#endif
