/* A machine's control socket from the client's side. Needs libjansson. */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <jansson.h>

struct control {
    int fd;
    pid_t pid; /* of the process that listens; 0: not known */
    char *buf;
    size_t len;
    bool ended;    /* the machine hung up */
    char why[512]; /* what went wrong last, after "machine X: " */
};

/* Connects and negotiates. Every wait has this limit. On failure `why` is set; closed in any case.
 */
bool control_open(struct control *c, const char *path, int timeout_ms);
void control_close(struct control *c);
/* The whole reply to a message; NULL: none came. */
json_t *control_send(struct control *c, const json_t *message);
/* What a command returns; NULL with `why` set. Takes the reference to arguments, which may be NULL.
 */
json_t *control_ask(struct control *c, const char *command, json_t *arguments);
/* Waits for an event whose data has this text; false: it did not come within so many seconds, or
 * the machine hung up. */
bool control_wait_event(struct control *c, const char *event, const char *key, const char *text,
                        int seconds);
/* Waits until the machine hangs up; false: it does not. */
bool control_wait_end(struct control *c);

#endif
