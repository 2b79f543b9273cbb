/* Between the parts of core/monitor: a session, what carries it, and the set of them. The machine
 * lock guards every member but those of who holds it alone. */
#ifndef CORE_MONITOR_INTERNAL_H
#define CORE_MONITOR_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "core/monitor/json_frame.h"
#include "core/monitor/qmp.h"
#include "core/monitor/schema.h"
#include "core/util/list.h"
#include "core/util/unix_listen.h"

/* Output: a peer that has more than PAUSE to read gets no command run, one with more than MOST is
 * given up. */
enum { QMP_OUTPUT_PAUSE = 64 << 10, QMP_OUTPUT_MOST = 8 << 20 };

/* Descriptors that came with messages and that no command took yet. */
enum { SESSION_FDS_MAX = 16 };

struct qmp_session;

struct qmp_transport {
    /* Takes what it can, never blocks. */
    size_t (*write)(struct qmp_session *s, const char *data, size_t len);
    /* No command is left that can run now; there may be room for input again. May free s. */
    void (*idle)(struct qmp_session *s);
    /* The peer does not read: get rid of it, from the loop's thread, later. */
    void (*give_up)(struct qmp_session *s);
};

struct qmp_session {
    struct list node; /* in qmp.sessions */
    struct qmp *qmp;
    const struct qmp_transport *transport;
    struct chardev *chr; /* of a session on a back end */
    int fd;              /* of a client of the listening socket; -1: none */
    bool pretty, connected, negotiated, given_up;
    bool ended; /* a client that sends no more */

    char *in;
    size_t in_start, in_len, in_room;
    struct json_frame frame; /* at in + in_start */
    bool skip_line;          /* the message was too large: the rest of it is thrown away */

    char *out;
    size_t out_len, out_room;

    int fds[SESSION_FDS_MAX]; /* the oldest first */
    unsigned fd_count;
};

struct qmp {
    struct vemu_machine *m;
    const struct qmp_schema *schema;
    void *opaque;
    struct list sessions, humans;
    struct qmp_session *current; /* whose command runs; NULL: none */
    struct list named_fds;       /* loop's thread alone */
    unsigned named_count;
    bool work; /* a session may have a message; loop's thread */
    struct unix_listener listener;
    unsigned clients;
};

/* session.c; machine lock held but for run */
struct qmp_session *session_new(struct qmp *q, const struct qmp_transport *transport);
void session_free(struct qmp_session *s);
/* A peer came: forget the last one and greet. */
void session_open(struct qmp_session *s);
void session_close(struct qmp_session *s);
size_t session_room(const struct qmp_session *s);
void session_receive(struct qmp_session *s, const char *data, size_t len);
void session_flush(struct qmp_session *s);
void session_send_text(struct qmp_session *s, const char *text, size_t len);
/* May a command run now? */
bool session_ready(const struct qmp_session *s);
enum session_take { SESSION_NOTHING, SESSION_MESSAGE, SESSION_REFUSED };
/* The next message, a copy in *text (freed by the caller), or a sentence of what was wrong. */
enum session_take session_take(struct qmp_session *s, char **text, size_t *len, const char **wrong);
/* Without the machine lock. Takes the reference. */
void session_reply(struct qmp_session *s, json_t *reply);
void session_run(struct qmp_session *s, const char *text, size_t len);
void session_refuse(struct qmp_session *s, const char *wrong);
/* One line of JSON for the wire, ended by CR and LF; freed by the caller. */
char *session_format(const json_t *value, bool pretty, size_t *len);

/* fds.c */
void session_add_fd(struct qmp_session *s, int fd);
void session_close_fds(struct qmp_session *s);
void fds_free_named(struct qmp *q);

/* human.c */
struct qmp_human; /* begins with its node in qmp.humans */
/* Without the machine lock: runs the lines that are complete, some of them; true: there are more.
 */
bool human_process(struct qmp_human *h);
/* With it. */
void human_free(struct qmp_human *h);

/* listen.c */
void listen_free_clients(struct qmp *q);

#endif
