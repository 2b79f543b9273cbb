/*
 * A connection that has just come in, until it is known to be a viewer's: browsers are answered
 * here, too (transport/entry.h). The server's lock is held throughout.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "ui/vnc/internal.h"
#include "ui/vnc/transport/entry.h"

#define MS INT64_C(1000000)
/* How much longer a silent connection may be a browser's: browsers open some before they have
 * something to ask; one that was greeted as a viewer by mistake is tried again by its user; where
 * CPUs are short, they do not come to ask in time. */
static const int64_t after_browser = 1000 * MS, after_mistake = 10000 * MS, while_short = 50 * MS,
                     short_latest = 500 * MS;

struct vnc_arrival {
    struct list node;
    struct vnc_server *s;
    struct vnc_entry *entry;
    int fd;
    struct timer deadline;
    int64_t came;
};

/* The clock of the timers is the one that entries measure their time with. */
static int64_t now_of(const struct vnc_server *s)
{
    return clock_now(s->clocks, VCLOCK_HOST);
}

static void arrival_free(struct vnc_arrival *a)
{
    timer_cancel(&a->deadline);
    loop_fd_remove(a->s->loop, a->fd);
    vnc_entry_free(a->entry);
    list_remove(&a->node);
    a->s->stranger_count--;
    free(a);
}

static void arrived(struct vnc_arrival *a)
{
    struct vnc_server *s = a->s;
    bool websocket, secure;

    struct vnc_stream *stream = vnc_entry_take(a->entry, &websocket, &secure);
    a->entry = NULL;
    arrival_free(a); /* before the client wants the loop to watch the same descriptor */
    struct vnc_client *c = client_new(s, stream, false, websocket, secure);
    if (!c)
        vnc_stream_close(stream);
}

static void ready(void *opaque, int fd, unsigned events);

/* Browsers are expected of that host. */
static void expect(struct vnc_server *s, const char *host, int64_t until)
{
    if (strcmp(host, s->browser_host) != 0 || until > s->browser_until)
        s->browser_until = until;
    snprintf(s->browser_host, sizeof s->browser_host, "%s", host);
}

void arrival_was_browser(struct vnc_server *s, const struct vnc_stream *stream)
{
    expect(s, vnc_stream_peer(stream)->host, now_of(s) + after_mistake);
}

static void give_time(struct vnc_arrival *a, const char *host, int64_t now)
{
    struct vnc_server *s = a->s;

    if (s->browser_until > now && strcmp(host, s->browser_host) == 0)
        vnc_entry_expect_browser(a->entry, s->browser_until);
    else if (now >= vnc_entry_deadline(a->entry) && now < a->came + short_latest &&
             s->cpus_are_short())
        vnc_entry_expect_browser(a->entry, now + while_short);
}

static void step(struct vnc_arrival *a)
{
    struct vnc_server *s = a->s;
    const struct vnc_stream *stream = vnc_entry_stream(a->entry);
    const char *host = vnc_stream_peer(stream)->host;
    const int64_t now = now_of(s);

    give_time(a, host, now);
    enum vnc_entry_result result = vnc_entry_step(a->entry, now);
    if (vnc_entry_is_browser(a->entry))
        expect(s, host, now + after_browser);
    /* The stream may have layers by now. */
    stream = vnc_entry_stream(a->entry);
    const char *problem = vnc_entry_take_problem(a->entry);

    if (problem)
        server_log(s, stream, problem, "");
    if (result == VNC_ENTRY_READY) {
        arrived(a);
        return;
    }
    if (result == VNC_ENTRY_OVER) {
        const char *reason = vnc_entry_reason(a->entry);
        if (reason)
            server_log(s, stream, reason, "; its connection is closed");
        arrival_free(a);
        return;
    }
    timer_set(&a->deadline, vnc_entry_deadline(a->entry));
    loop_fd_set(s->loop, a->fd, loop_events(vnc_entry_events(a->entry)), ready, a, NULL);
}

static void ready(void *opaque, int fd, unsigned events)
{
    (void)fd, (void)events;
    step(opaque);
}

static void deadline_passed(void *opaque)
{
    step(opaque);
}

bool arrival_new(struct vnc_server *s, struct vnc_stream *stream, bool browsers, bool viewers,
                 struct vemu_error **errp)
{
    struct vnc_arrival *a = calloc(1, sizeof *a);

    if (!a)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    a->s = s;
    a->fd = vnc_stream_fd(stream);
    a->came = now_of(s);
    a->entry = vnc_entry_new(stream, browsers ? s->web : NULL, !viewers, a->came, errp);
    if (!a->entry) {
        free(a);
        return false;
    }
    timer_init(&a->deadline, s->clocks, VCLOCK_HOST, deadline_passed, a);
    list_add_tail(&s->arrivals, &a->node);
    s->stranger_count++;
    step(a);
    return true;
}

void arrivals_free(struct vnc_server *s)
{
    list_for_each_safe(a, &s->arrivals, struct vnc_arrival, node) arrival_free(a);
}
