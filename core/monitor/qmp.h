/*
 * The control protocol of one machine: QMP's wire format over character back ends and over a
 * listening unix socket that takes several clients.
 *
 * A peer is hostile: a message has at most QMP_MESSAGE_MAX bytes and JSON_DEPTH_MAX levels; a
 * command runs only while the peer takes its replies, so an unread reply costs a bounded amount of
 * memory; only so many commands run between two rounds of the main loop; only so many clients are
 * served, and one that never negotiated makes room for another. What a peer may do once it is
 * connected is everything: the socket's file mode is the permission.
 *
 * Callbacks of the main loop collect bytes, with the machine lock held. Commands run in
 * qmp_process(), which the owner of the loop calls between two rounds without the machine lock:
 * they pause vCPUs, which must not be done under it.
 *
 * Thread contract: new, add, listen and free before and after the loop runs; pending and process on
 * the loop's thread; qmp_event on any thread, without the machine lock.
 */
#ifndef CORE_MONITOR_QMP_H
#define CORE_MONITOR_QMP_H

#include <stdbool.h>
#include <jansson.h>

struct vemu_machine;
struct vemu_error;
struct chardev;
struct qmp_schema;
struct qmp;

enum { QMP_MESSAGE_MAX = 1 << 20, QMP_CLIENTS_MAX = 16, QMP_NAMED_FDS_MAX = 64 };

/* opaque: what the schema's commands get. NULL: no memory. */
struct qmp *qmp_new(struct vemu_machine *m, const struct qmp_schema *schema, void *opaque);
/* One session on a back end that nothing else uses; it starts anew with each peer that connects.
 * pretty: replies over several lines. */
bool qmp_add_chardev(struct qmp *q, struct chardev *chr, bool pretty, struct vemu_error **errp);
/* A monitor for people on such a back end. */
struct qmp_human_ops {
    const char *greeting, *prompt;
    /* Runs a line, as qmp_process does commands; what there is to say (freed by the caller), lines
     * ended by CR and LF; NULL: nothing. opaque: the schema's. */
    char *(*run)(void *opaque, const char *line);
    /* For completion: see editor.h. */
    const char *(*candidate)(void *opaque, const char *typed, unsigned n);
};
bool qmp_add_human(struct qmp *q, struct chardev *chr, const struct qmp_human_ops *ops,
                   struct vemu_error **errp);
/* A unix socket (mode 0600); a session for each client. what: the option, for sentences. */
bool qmp_listen(struct qmp *q, const char *path, const char *what, struct vemu_error **errp);
/* Gives what was sent a moment to leave, closes, removes sockets. NULL is allowed. */
void qmp_free(struct qmp *q);

/* Is there something for qmp_process to do? */
bool qmp_pending(const struct qmp *q);
void qmp_process(struct qmp *q);
/* Tell every peer that has negotiated. Takes the reference to data, which may be NULL. */
void qmp_event(struct qmp *q, const char *name, json_t *data);

/* Descriptors, for commands alone. The oldest that came with the messages of the client whose
 * command runs, and that no command took yet; -1: there is none. */
int qmp_take_fd(struct qmp *q);
/* Keeps one under a name, in place of the one that was there; on failure it stays the caller's. */
bool qmp_name_fd(struct qmp *q, const char *name, int fd, struct vemu_error **errp);
/* Takes it from its name; -1: there is none of that name. */
int qmp_take_named_fd(struct qmp *q, const char *name);
bool qmp_close_fd(struct qmp *q, const char *name);

#endif
