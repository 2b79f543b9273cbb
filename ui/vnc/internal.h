/*
 * Between the parts of the VNC server. Everything here belongs to the server's thread and its lock,
 * but what says otherwise.
 */
#ifndef UI_VNC_INTERNAL_H
#define UI_VNC_INTERNAL_H

#include <pixman.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include "core/clock/clock.h"
#include "core/device/machine.h"
#include "core/display/clipboard.h"
#include "core/display/display.h"
#include "core/input/input.h"
#include "core/loop/loop.h"
#include "core/util/buffer.h"
#include "core/util/list.h"
#include "core/util/unix_listen.h"
#include "ui/vnc/encode/adapt.h"
#include "ui/vnc/encode/encode.h"
#include "ui/vnc/guesses.h"
#include "ui/vnc/keyboard.h"
#include "ui/vnc/pool.h"
#include "ui/vnc/screen.h"
#include "ui/vnc/server.h"
#include "ui/vnc/transport/auth.h"
#include "ui/vnc/transport/secrets.h"
#include "ui/vnc/transport/stream.h"
#include "ui/vnc/transport/web.h"

enum {
    /* Of peers that have not shown who they are: this many, this long. */
    VNC_STRANGERS_MAX = 32,
    VNC_HANDSHAKE_MS = 30000,
    /* A message of a viewer; of a stranger. */
    VNC_MESSAGE_MAX = (1 << 20) + 64,
    VNC_STRANGER_MESSAGE_MAX = 4096,
    /* A viewer with more than that to read is not read from. */
    VNC_CONTROL_PAUSE = 64 << 10,
    /* The next update is made when no more than this of the last one is left. */
    VNC_OUTPUT_NEXT = 32 << 10,
    /* What a viewer has not seen is in no more pieces, lest it makes its region one of pixels. */
    VNC_DAMAGE_RECTS = 1024,
    /* Of a screen larger than that, parts go one after the other. */
    VNC_UPDATE_PIXELS_MAX = 4 << 20,
};

/* Pseudo-encodings, as in the RFB specification and its registry. */
enum {
    VNC_DESKTOP_SIZE = -223,
    VNC_LAST_RECT = -224,
    VNC_POINTER_POS = -232,
    VNC_RICH_CURSOR = -239,
    VNC_POINTER_MOTION_CHANGE = -257,
    VNC_EXTENDED_KEY_EVENT = -258,
    VNC_LED_STATE = -261,
    VNC_DESKTOP_NAME = -307,
    VNC_EXTENDED_DESKTOP_SIZE = -308,
    VNC_XVP = -309,
    VNC_FENCE = -312,
    VNC_CONTINUOUS_UPDATES = -313,
    VNC_CURSOR_WITH_ALPHA = -314,
    VNC_EXTENDED_CLIPBOARD = (int)0xc0a1e5ce,
    VNC_VMWARE_LED_STATE = 0x574d5668,
};

/* What a client understands besides pixels. */
enum vnc_feature {
    FEATURE_DESKTOP_SIZE = 1u << 0,
    FEATURE_EXTENDED_DESKTOP_SIZE = 1u << 1,
    FEATURE_RICH_CURSOR = 1u << 2,
    FEATURE_ALPHA_CURSOR = 1u << 3,
    FEATURE_POINTER_POS = 1u << 4,
    FEATURE_POINTER_MOTION_CHANGE = 1u << 5,
    FEATURE_EXTENDED_KEY_EVENT = 1u << 6,
    FEATURE_LED_STATE = 1u << 7,
    FEATURE_VMWARE_LED_STATE = 1u << 8,
    FEATURE_DESKTOP_NAME = 1u << 9,
    FEATURE_FENCE = 1u << 10,
    FEATURE_CONTINUOUS_UPDATES = 1u << 11,
    FEATURE_EXTENDED_CLIPBOARD = 1u << 12,
    FEATURE_LAST_RECT = 1u << 13,
    FEATURE_XVP = 1u << 14,
};

/* What is to be told with the next update. */
enum vnc_news {
    NEWS_SIZE = 1u << 0,
    NEWS_CURSOR = 1u << 1,
    NEWS_POINTER_POS = 1u << 2,
    NEWS_POINTER_MODE = 1u << 3,
    NEWS_LED = 1u << 4,
    NEWS_NAME = 1u << 5,
    NEWS_KEYS = 1u << 6, /* extended key events are understood */
};

/* Bytes on their way to a client. */
struct vnc_chunk {
    struct list node;
    struct buffer buf;
    size_t sent;
    bool control; /* not an update */
};

/* An update in the making: filled in by the server's thread, worked on by one of the pool's. */
struct vnc_job {
    struct pool_job base;
    struct vnc_client *c;
    unsigned generation;     /* of the screen's size */
    bool refines;            /* as it is, whatever the client takes */
    pixman_region32_t lossy; /* what became JPEG */
    bool copy, soft_cursor;
    struct screen_copy copied;
    pixman_region32_t region;
    unsigned rects;    /* in out already */
    struct buffer out; /* begins with the update's header */
    /* The screen's sequence when its pixels were copied, 0: not yet. A scroll that came later may
     * be told as such. */
    atomic_uint seen;
    /* the outcome */
    bool failed, stale;
    struct vnc_encoded encoded;
    int64_t took_ns;
};

/* refine.c: what the client has as JPEG, by how long it has not changed */
struct vnc_refine {
    pixman_region32_t fresh, aged, due;
    struct timer timer;
};

enum vnc_phase {
    PHASE_VERSION,
    PHASE_SECURITY,
    PHASE_AUTH,
    PHASE_INIT,
    PHASE_RUNNING,
    PHASE_COUNT,
};

struct vnc_client {
    struct list node;
    struct vnc_server *s;
    struct vnc_stream *stream;
    int fd;
    enum vnc_phase phase;
    unsigned minor; /* of RFB 3.x: 3, 7 or 8 */
    bool stranger, skip_auth, websocket, secure, shared, initialized;
    bool leaving;          /* goes once its output is sent */
    bool more;             /* there may be input that no poll tells of */
    bool dead;             /* closed; goes once its job is done */
    bool blocked;          /* input waits for the job or for the screen */
    struct vnc_auth *auth; /* PHASE_AUTH */
    char x509_dname[256];  /* its certificate's subject; empty: it showed none */
    struct timer deadline; /* of the handshake, then of leaving */
    struct timer verdict;  /* PHASE_AUTH: who it is is known, and told then */
    bool right;            /* the verdict */

    struct buffer in;
    struct list out; /* struct vnc_chunk.node */
    size_t out_len, control_len;

    /* what it understands and wants */
    struct vnc_encoder *encoder; /* the job's while there is one */
    struct vnc_pixel_format format;
    unsigned features, news; /* enum vnc_feature, enum vnc_news */
    uint32_t width, height;  /* of its framebuffer */
    bool requested;          /* an update of `area` is due */
    bool continuous;
    struct pixman_box32 area, continuous_area;
    pixman_region32_t damage;
    bool copy; /* comes before damage */
    struct screen_copy copied;
    bool soft_cursor;  /* the pointer is drawn into its pixels */
    bool cursor_sent;  /* it has a shape that is not its own */
    unsigned size_why; /* reason and status of NEWS_SIZE */
    unsigned size_status;
    bool working;
    bool fresh; /* the display had news since the last update was begun */
    struct vnc_job job;
    struct vnc_refine refine;
    struct vnc_adapt adapt;
    size_t measured; /* bytes of the update whose answer is waited for; 0: none */
    int64_t measured_since;

    struct vnc_keys keys;
    unsigned console_mods; /* DISPLAY_*: what is held while a console is shown */
    unsigned buttons;      /* as in its last PointerEvent */
    bool has_position;
    int32_t last_x, last_y;

    /* clipboard.c */
    bool clip_wants; /* the machine's text is on its way to it */
};

struct vnc_listener {
    int fd;         /* -1: none */
    bool websocket; /* browsers alone */
    struct unix_listener path;
    struct vnc_address address;
    struct vnc_server *s;
};

/* From other threads to the server's; `lock` is a leaf. */
struct vnc_mail {
    pthread_mutex_t lock;
    bool ready, gone, input_changed;
    bool clip_grabbed, clip_released, clip_wanted, clip_answered;
    char *clip_text; /* with clip_answered */
    size_t clip_len;
};

/* Typed at a console; see console.c. */
enum { VNC_TYPED_MAX = 64 };
struct vnc_typed {
    char text[4]; /* UTF-8 */
    uint8_t len;
    uint8_t mods; /* DISPLAY_* */
    uint16_t key; /* KEY_*; 0: text */
};

/* What needs the machine lock; done without the server's (server.c). */
struct vnc_errands {
    unsigned show; /* the machine's nth display, from 1; 0: the one that is shown */
    unsigned typed_count;
    struct vnc_typed typed[VNC_TYPED_MAX];
    bool resize;
    uint32_t width, height;
    bool clip_grab, clip_release, clip_request, clip_answer;
    char *clip_text; /* with clip_answer */
    size_t clip_len;
};

struct vnc_server {
    struct vemu_machine *m;
    char *id, *origin, *display_id;
    unsigned head;
    char name[VNC_NAME_MAX];
    enum vnc_share share;
    unsigned to, connections;
    bool lossless, fixed, lock_key_sync;
    int64_t key_pause_ns;
    bool (*power)(void *opaque, enum vnc_power what);
    void *power_opaque;

    pthread_mutex_t lock;
    struct clock_set *clocks;
    struct loop *loop;
    pthread_t thread;
    bool thread_valid;
    atomic_bool quit;

    struct vnc_web *web;    /* what browsers get; NULL: there are none */
    struct list arrivals;   /* arrive.c */
    char browser_host[128]; /* of the last browser, and until when more of it is expected */
    int64_t browser_until;
    bool (*cpus_are_short)(void); /* core/util/cpus.h; the tests have their own */
    struct list clients;
    unsigned client_count, stranger_count;
    struct vnc_listener listeners[VNC_LISTENERS_MAX];
    unsigned listener_count;
    struct vnc_auth_policy policy;
    struct vnc_secrets *secrets; /* NULL: no password is asked for */
    struct vnc_guesses guesses;
    unsigned handshake_ms;

    struct pool *pool;           /* NULL: no viewer came yet */
    struct pool_scratch scratch; /* the server's thread's own, for what is not worth another one */
    struct vnc_libraries *libraries;
    struct keyboard_layout *layout;
    struct vnc_screen screen;

    struct vnc_mail mail;
    struct vnc_errands errands;
    /* the server's thread alone, without the lock */
    struct display_watcher watcher;
    struct input_watcher input_watcher;
    bool watching, joined;
    /* Held while the display is used, so that it does not go away meanwhile; only the display's own
     * locks are taken under it. */
    pthread_mutex_t display_lock;
    struct display *display; /* NULL: there is none */
    bool wanting;            /* display_want was said, and there was no answer yet */

    bool more;       /* of some client; guarded by the lock */
    unsigned logged; /* lines in this second */
    int64_t logged_second;
    bool console;      /* the display shown is one; likewise */
    unsigned displays; /* of the machine; likewise */
    bool absolute;     /* does the guest's pointer take positions? guarded by the lock */
    unsigned leds;

    struct clipboard_peer clipboard; /* machine lock */
    struct vnc_client *clip_client; /* whose text the guest may ask for; NULL: clip_text, or none */
    char *clip_text;                /* UTF-8, of a client that sent it unasked */
    size_t clip_text_len;
    bool machine_has_text;
    struct codec *codec; /* of the extended clipboard; NULL: not used yet */
};

/* What a stream or an entry wants to be polled for, in the loop's bits. */
static inline unsigned loop_events(unsigned poll_events)
{
    return (poll_events & POLLIN ? LOOP_READ : 0) | (poll_events & POLLOUT ? LOOP_WRITE : 0);
}

/* ---- client.c -------------------------------------------------------------------------------- */

/* Takes the stream, which came by WebSocket or TLS or neither. NULL: no memory. */
struct vnc_client *client_new(struct vnc_server *s, struct vnc_stream *stream, bool skip_auth,
                              bool websocket, bool secure);
/* Closes the connection, with a line in the log unless why is NULL; c stays until the round is
 * over. */
void client_drop(struct vnc_client *c, const char *why, ...) __attribute__((format(printf, 2, 3)));
/* A line about a peer; stream NULL: about the server. */
void server_log(struct vnc_server *s, const struct vnc_stream *stream, const char *text,
                const char *end);
void client_log(struct vnc_client *c, const char *what, ...) __attribute__((format(printf, 2, 3)));
/* The same as client_drop without a line, once what was written is sent. */
void client_leave(struct vnc_client *c);
/* Frees what was dropped and has no job any more. */
void clients_reap(struct vnc_server *s);
/* Control output; a client that cannot take it is dropped. */
void client_send(struct vnc_client *c, const void *data, size_t len);
/* An update; takes the buffer's memory. */
void client_send_update(struct vnc_client *c, struct buffer *buf);
/* Takes messages out of the input again, after it was blocked. */
void client_process(struct vnc_client *c);
/* It showed who it is. */
void client_known(struct vnc_client *c);
void client_flush(struct vnc_client *c);
/* Tells management programs. */
void client_event(struct vnc_client *c, const char *name);

/* What became of the bytes in front: that many are used, or: */
enum { INPUT_MORE = 0, INPUT_BAD = -1, INPUT_BLOCKED = -2 };
/* handshake.c: PHASE_VERSION to PHASE_INIT. How many bytes may be read: what follows belongs to
 * somebody else, such as TLS. */
size_t handshake_room(const struct vnc_client *c);
/* PHASE_AUTH, which reads for itself. */
void handshake_auth(struct vnc_client *c);
/* The time to tell how that went has come. */
void handshake_tell(struct vnc_client *c);
void handshake_greet(struct vnc_client *c);
ssize_t handshake_input(struct vnc_client *c, const uint8_t *data, size_t len);
const char *handshake_auth_name(const struct vnc_server *s);
/* For who comes over TLS already. */
const char *handshake_browser_auth_name(const struct vnc_server *s);
/* message.c: PHASE_RUNNING */
ssize_t message_input(struct vnc_client *c, const uint8_t *data, size_t len);

/* ---- update.c -------------------------------------------------------------------------------- */

void update_request(struct vnc_client *c, const struct pixman_box32 *box, bool incremental);
/* Starts an update if one is due and possible. */
void update_try(struct vnc_client *c);
void update_done(struct vnc_client *c);
/* The client has what it was sent: it asked for more, or its socket took it. */
void update_answered(struct vnc_client *c);
/* What the screen's changes mean to a client. */
void update_screen_changed(struct vnc_client *c, const struct screen_changes *changes);
void update_screen_resized(struct vnc_client *c);
/* Who draws the pointer may have changed. */
void update_cursor_changed(struct vnc_client *c);
/* A region of the client's picture after the copy. */
void update_move(pixman_region32_t *region, const struct screen_copy *copy);
/* Can it make use of news? */
bool update_wants(const struct vnc_client *c);
struct pixman_box32 update_whole(const struct vnc_server *s);

/* ---- refine.c -------------------------------------------------------------------------------- */

void refine_init(struct vnc_client *c);
void refine_free(struct vnc_client *c);
/* All of its picture will be sent anew. */
void refine_forget(struct vnc_client *c);
/* It will copy. */
void refine_copied(struct vnc_client *c, const struct screen_copy *copy);
/* These are about to be sent. */
void refine_sending(struct vnc_client *c, pixman_region32_t *region);
/* The job's update went out. */
void refine_sent(struct vnc_client *c);
/* How many pixels may go at once. */
uint64_t refine_piece(const struct vnc_client *c);

/* ---- pointer.c ------------------------------------------------------------------------------- */

void pointer_event(struct vnc_client *c, unsigned mask, uint32_t x, uint32_t y);
void pointer_release(struct vnc_client *c);

/* ---- clipboard.c ----------------------------------------------------------------------------- */

extern const struct clipboard_ops vnc_clipboard_ops;
/* ClientCutText's body; len bytes of Latin-1. */
void clip_cut_text(struct vnc_client *c, const uint8_t *data, size_t len);
/* False: malformed. */
bool clip_extended(struct vnc_client *c, const uint8_t *data, size_t len);
/* After SetEncodings offered it. */
void clip_send_caps(struct vnc_client *c);
void clip_client_gone(struct vnc_client *c);
/* Takes up what the mail says. */
void clip_mail(struct vnc_server *s, const struct vnc_mail *mail);
/* Machine lock held, the server's not. */
void clip_errands(struct vnc_server *s, struct vnc_errands *e);

/* ---- console.c ------------------------------------------------------------------------------- */

/* A key of a viewer; code 0: it did not say which. True: it was not the guest's. */
bool console_key(struct vnc_client *c, uint32_t keysym, uint16_t code, bool down);
/* Machine lock held, the server's not. */
void console_errands(struct vnc_server *s, const struct vnc_errands *e);

/* ---- arrive.c -------------------------------------------------------------------------------- */

/* A socket that came in, where these are served; on failure it stays the caller's. */
bool arrival_new(struct vnc_server *s, struct vnc_stream *stream, bool browsers, bool viewers,
                 struct vemu_error **errp);
void arrivals_free(struct vnc_server *s);
/* A client was greeted as a viewer, and speaks like a browser. */
void arrival_was_browser(struct vnc_server *s, const struct vnc_stream *stream);

/* ---- listen.c -------------------------------------------------------------------------------- */

/* On success the new listeners take the place of the old ones, those for browsers alone only when
 * `websocket` is not NULL. */
bool listen_open(struct vnc_server *s, const char *const *addresses, unsigned count,
                 const char *websocket, struct vemu_error **errp);
void listen_close(struct vnc_server *s);
/* A connected socket; on failure it stays the caller's. */
bool listen_take(struct vnc_server *s, int fd, bool skip_auth, struct vemu_error **errp);
/* Connects to a viewer that waits there. */
bool listen_reverse(struct vnc_server *s, const char *address, struct vemu_error **errp);

/* server.c */
void server_wake(struct vnc_server *s);
/* Would the guest follow a viewer that asks for another size? */
bool server_can_resize(struct vnc_server *s);

#endif
