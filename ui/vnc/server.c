/*
 * A server's thread, and what others ask of the server: see server.h.
 *
 * The thread runs a loop of the server's own, whose callbacks hold the server's lock, and between
 * two rounds does what has come up: it takes the mail, runs errands with the machine lock and
 * without its own, takes the display's news, hands them to viewers, and starts their updates.
 */
#include "ui/vnc/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "core/block/codec.h"
#include "core/util/cpus.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "ui/vnc/internal.h"
#include "ui/vnc/transport/tls.h"

enum { POOL_THREADS_MAX = 4 };
/* What viewers of a machine without a display are shown. */
enum { BLANK_WIDTH = 640, BLANK_HEIGHT = 480 };

void server_wake(struct vnc_server *s)
{
    loop_wake(s->loop);
}

/* ---- mail: machine lock held ----------------------------------------------------------------- */

static struct vnc_server *by_watcher(struct display_watcher *w)
{
    return (struct vnc_server *)((char *)w - offsetof(struct vnc_server, watcher));
}

static void display_ready(struct display_watcher *w)
{
    struct vnc_server *s = by_watcher(w);

    pthread_mutex_lock(&s->mail.lock);
    s->mail.ready = true;
    pthread_mutex_unlock(&s->mail.lock);
    server_wake(s);
}

static void display_gone(struct display_watcher *w)
{
    struct vnc_server *s = by_watcher(w);

    pthread_mutex_lock(&s->display_lock);
    s->display = NULL;
    pthread_mutex_unlock(&s->display_lock);
    pthread_mutex_lock(&s->mail.lock);
    s->mail.gone = true;
    pthread_mutex_unlock(&s->mail.lock);
    server_wake(s);
}

static const struct display_watcher_ops watcher_ops = {.ready = display_ready,
                                                       .gone = display_gone};

static void input_changed(struct input_watcher *w)
{
    struct vnc_server *s =
        (struct vnc_server *)((char *)w - offsetof(struct vnc_server, input_watcher));

    pthread_mutex_lock(&s->mail.lock);
    s->mail.input_changed = true;
    pthread_mutex_unlock(&s->mail.lock);
    server_wake(s);
}

static struct vnc_mail take_mail(struct vnc_server *s)
{
    struct vnc_mail mail;

    pthread_mutex_lock(&s->mail.lock);
    mail = s->mail;
    s->mail.ready = s->mail.gone = s->mail.input_changed = false;
    s->mail.clip_grabbed = s->mail.clip_released = s->mail.clip_wanted = false;
    s->mail.clip_answered = false;
    s->mail.clip_text = NULL;
    s->mail.clip_len = 0;
    pthread_mutex_unlock(&s->mail.lock);
    return mail;
}

/* ---- with the machine lock, without the server's --------------------------------------------- */

/* Somebody is there to be shown something. */
static void join_machine(struct vnc_server *s)
{
    struct display *d = display_find(s->m, s->display_id, s->head, NULL);

    if (d) {
        s->watcher = (struct display_watcher){.ops = &watcher_ops};
        display_watch(d, &s->watcher);
    }
    pthread_mutex_lock(&s->display_lock);
    s->display = d;
    pthread_mutex_unlock(&s->display_lock);
    s->watching = d != NULL;
    s->wanting = false;
    s->input_watcher.changed = input_changed;
    input_watch(s->m, &s->input_watcher);
    s->clipboard.ops = &vnc_clipboard_ops;
    clipboard_join(s->m, &s->clipboard);
    s->joined = true;
}

static void leave_machine(struct vnc_server *s)
{
    if (!s->joined)
        return;
    if (s->watching)
        display_unwatch(&s->watcher);
    pthread_mutex_lock(&s->display_lock);
    s->display = NULL;
    pthread_mutex_unlock(&s->display_lock);
    input_unwatch(&s->input_watcher);
    clipboard_leave(&s->clipboard);
    s->joined = s->watching = s->wanting = false;
}

/* False: nothing of this needs the machine lock. */
static bool has_errands(const struct vnc_server *s, const struct vnc_errands *e, bool viewers)
{
    return viewers != s->joined || e->show || e->typed_count || e->resize || e->clip_grab ||
           e->clip_release || e->clip_request || e->clip_answer;
}

/* Another display in place of the one that is shown. */
static void show(struct vnc_server *s, unsigned n)
{
    struct display *d = display_nth(s->m, n);

    if (!d)
        return;
    if (s->watching)
        display_unwatch(&s->watcher);
    s->watcher = (struct display_watcher){.ops = &watcher_ops};
    display_watch(d, &s->watcher);
    pthread_mutex_lock(&s->display_lock);
    s->display = d;
    pthread_mutex_unlock(&s->display_lock);
    s->watching = true;
    s->wanting = false;
}

static unsigned count_displays(struct vemu_machine *m)
{
    unsigned n = 0;

    while (display_nth(m, n))
        n++;
    return n;
}

/* What the others have to know of the display that is shown then. */
struct shown {
    bool console;
    unsigned displays;
};

static struct shown run_errands(struct vnc_server *s, struct vnc_errands *e, bool viewers)
{
    struct shown shown;

    machine_lock(s->m);
    if (viewers && !s->joined)
        join_machine(s);
    clip_errands(s, e);
    console_errands(s, e);
    if (e->show && s->joined)
        show(s, e->show - 1);
    if (s->watching && s->display && e->resize)
        display_resize(s->display, e->width, e->height);
    if (!viewers)
        leave_machine(s);
    const bool any = s->watching && s->display;
    shown = (struct shown){.console = any && display_is_console(s->display),
                           .displays = count_displays(s->m)};
    machine_unlock(s->m);
    return shown;
}

/* Updates are megabytes, and where they were lie holes that the C library keeps. */
static void give_back_memory(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static bool has_viewers(const struct vnc_server *s)
{
    list_for_each(c, &s->clients, struct vnc_client, node)
    {
        if (!c->dead && c->phase >= PHASE_INIT)
            return true;
    }
    return false;
}

static bool start_pool(struct vnc_server *s)
{
    if (!s->pool) {
        long cpus = sysconf(_SC_NPROCESSORS_ONLN); /* reads a file */
        s->pool = pool_new((unsigned)MIN(MAX(cpus / 2, 1), (long)POOL_THREADS_MAX),
                           (void (*)(void *))server_wake, s, NULL);
    }
    return s->pool != NULL;
}

static void finish_jobs(struct vnc_server *s)
{
    struct pool_job *job;

    while (s->pool && (job = pool_take_done(s->pool)))
        update_done(((struct vnc_job *)job)->c);
}

bool server_can_resize(struct vnc_server *s)
{
    pthread_mutex_lock(&s->display_lock);
    const bool can = s->display && display_can_resize(s->display);
    pthread_mutex_unlock(&s->display_lock);
    return can;
}

/* Takes the display's news; returns whether there are any. Without the server's lock. */
static bool take_news(struct vnc_server *s, struct screen_changes *changes)
{
    bool any = false;

    pthread_mutex_lock(&s->display_lock);
    if (s->display)
        any = screen_capture(&s->screen, s->display, &s->watcher, changes);
    pthread_mutex_unlock(&s->display_lock);
    return any;
}

static void input_news(struct vnc_server *s)
{
    unsigned leds = input_leds(s->m);
    bool absolute = input_is_absolute(s->m);

    list_for_each(c, &s->clients, struct vnc_client, node)
    {
        if (c->dead || c->phase != PHASE_RUNNING)
            continue;
        if (leds != s->leds)
            c->news |= NEWS_LED;
        if (absolute != s->absolute)
            c->news |= NEWS_POINTER_MODE;
    }
    s->leds = leds;
    s->absolute = absolute;
}

static void serve(struct vnc_server *s)
{
    list_for_each(c, &s->clients, struct vnc_client, node)
    {
        if (c->dead)
            continue;
        if (c->more || (c->blocked && !c->working && (c->phase != PHASE_INIT || s->screen.valid)))
            client_process(c);
        if (!c->dead)
            update_try(c);
    }
}

/* The display looks for news as long as somebody can make use of them. */
static void want_news(struct vnc_server *s)
{
    bool wants = false;

    list_for_each(c, &s->clients, struct vnc_client, node) wants |= update_wants(c);
    /* The first picture is wanted before anybody can ask for it. */
    wants |= s->watching && !s->screen.valid;
    if (!wants || s->wanting || !s->watching)
        return;
    s->wanting = true;
    pthread_mutex_lock(&s->display_lock);
    if (s->display)
        display_want(&s->watcher);
    pthread_mutex_unlock(&s->display_lock);
}

static void blank(struct vnc_server *s)
{
    const struct screen_changes changes = {.resized = true};

    screen_blank(&s->screen, BLANK_WIDTH, BLANK_HEIGHT);
    list_for_each(c, &s->clients, struct vnc_client, node)
    {
        if (!c->dead && c->phase == PHASE_RUNNING)
            update_screen_changed(c, &changes);
    }
}

/* Returns whether there is more to do at once. */
static bool round_once(struct vnc_server *s)
{
    struct vnc_mail mail = take_mail(s);
    struct screen_changes changes;
    struct vnc_errands errands;
    bool viewers, news = false, more, joins;

    pthread_mutex_lock(&s->lock);
    errands = s->errands;
    memset(&s->errands, 0, sizeof s->errands);
    viewers = has_viewers(s) && start_pool(s);
    pthread_mutex_unlock(&s->lock);

    joins = viewers && !s->joined;
    if (mail.gone)
        s->watching = false;
    if (has_errands(s, &errands, viewers)) {
        const struct shown shown = run_errands(s, &errands, viewers);
        pthread_mutex_lock(&s->lock);
        s->console = shown.console;
        s->displays = shown.displays;
        pthread_mutex_unlock(&s->lock);
    }
    if (mail.ready)
        s->wanting = false;
    screen_changes_init(&changes);
    if (mail.ready && s->watching)
        news = take_news(s, &changes);

    pthread_mutex_lock(&s->lock);
    if (!viewers && s->screen.valid) {
        screen_forget(&s->screen);
        give_back_memory();
    }
    finish_jobs(s);
    if (joins || mail.input_changed)
        input_news(s);
    if (mail.gone || (viewers && !s->watching && !s->screen.valid))
        blank(s);
    if (news) {
        list_for_each(c, &s->clients, struct vnc_client, node)
        {
            if (!c->dead && c->phase == PHASE_RUNNING)
                update_screen_changed(c, &changes);
        }
    }
    clip_mail(s, &mail);
    s->more = false;
    serve(s);
    clients_reap(s);
    want_news(s);
    more = s->more || s->errands.clip_grab || s->errands.clip_release || s->errands.clip_request ||
           s->errands.clip_answer || s->errands.resize || s->errands.show || s->errands.typed_count;
    pthread_mutex_unlock(&s->lock);
    screen_changes_free(&changes);
    free(mail.clip_text);
    return more;
}

static void *run(void *opaque)
{
    struct vnc_server *s = opaque;
    bool more = false;

    pthread_setname_np(pthread_self(), "vnc-server");
    while (!atomic_load(&s->quit)) {
        loop_iterate(s->loop, more ? 0 : -1);
        more = round_once(s);
    }
    return NULL;
}

static bool start_thread(struct vnc_server *s, struct vemu_error **errp)
{
    sigset_t all, old;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    s->thread_valid = !err;
    return !err || error_set_errno(errp, err, "%s: cannot start a thread", s->origin);
}

/* ---- making and ending ----------------------------------------------------------------------- */

static bool copy_config(struct vnc_server *s, const struct vnc_config *cfg)
{
    s->id = strdup(cfg->id);
    s->origin = strdup(cfg->origin);
    s->display_id = cfg->display ? strdup(cfg->display) : NULL;
    s->head = cfg->head;
    s->share = cfg->share;
    s->to = cfg->to;
    s->lossless = cfg->lossless;
    s->fixed = cfg->fixed;
    s->lock_key_sync = cfg->lock_key_sync;
    s->key_pause_ns = cfg->key_delay_ms * INT64_C(1000000);
    s->power = cfg->power;
    s->power_opaque = cfg->power_opaque;
    s->connections = cfg->connections ? cfg->connections : VNC_CLIENTS_MAX;
    s->handshake_ms = cfg->handshake_ms ? cfg->handshake_ms : VNC_HANDSHAKE_MS;
    s->policy.creds = vnc_tls_creds_ref(cfg->creds);
    snprintf(s->name, sizeof s->name, "%s", cfg->name ? cfg->name : "vemu");
    return s->id && s->origin && !(cfg->display && !s->display_id);
}

/* Browsers are served on the same port where what that takes is here; viewers are in any case. */
static bool open_web(struct vnc_server *s, const struct vnc_config *cfg, struct vemu_error **errp)
{
    const char *colon = strrchr(cfg->address, ':');
    char name[VNC_NAME_MAX];
    struct vnc_web_config web = {
        .what = s->origin, .any_name = cfg->password, .creds = s->policy.creds};
    struct vemu_error *err = NULL;

    if (cfg->reverse)
        return true;
    if (!cfg->websocket &&
        (strcmp(cfg->address, "none") == 0 || strncmp(cfg->address, "unix:", 5) == 0))
        return true;
    if (colon && colon > cfg->address && (size_t)(colon - cfg->address) < sizeof name) {
        snprintf(name, sizeof name, "%.*s", (int)(colon - cfg->address), cfg->address);
        web.name = name;
    }
    s->web = vnc_web_new(&web, cfg->websocket ? errp : &err);
    if (!s->web && !cfg->websocket)
        log_msg(&s->m->log, LOG_WARN, "%s; browsers are not served", vemu_error_message(err));
    vemu_error_free(err);
    return s->web || !cfg->websocket;
}

/* Until the thread is there, nobody else is. */
static bool open_addresses(struct vnc_server *s, const struct vnc_config *cfg,
                           struct vemu_error **errp)
{
    bool ok;

    if (!cfg->reverse)
        return listen_open(s, &cfg->address, 1, cfg->websocket, errp);
    pthread_mutex_lock(&s->lock);
    ok = listen_reverse(s, cfg->address, errp);
    pthread_mutex_unlock(&s->lock);
    return ok;
}

struct vnc_server *vnc_server_new(struct vemu_machine *m, const struct vnc_config *cfg,
                                  struct vemu_error **errp)
{
    struct vnc_server *s = calloc(1, sizeof *s);

    if (!s) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    s->m = m;
    list_init(&s->clients);
    list_init(&s->arrivals);
    s->cpus_are_short = cpus_are_short;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->mail.lock, NULL);
    pthread_mutex_init(&s->display_lock, NULL);
    screen_init(&s->screen);
    if (!copy_config(s, cfg) || !(s->clocks = clock_set_new()) ||
        !(s->libraries = vnc_libraries_new())) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        vnc_server_free(s);
        return NULL;
    }
    s->loop = loop_new(s->clocks, &s->lock, errp);
    if (s->loop)
        s->layout = keyboard_layout_new(cfg->layout, cfg->layout_origin, errp);
    if (s->layout && cfg->password)
        s->policy.secrets = s->secrets = vnc_secrets_new(s->origin, cfg->username, errp);
    if (!s->layout || (cfg->password && !s->secrets) || !open_web(s, cfg, errp) ||
        !open_addresses(s, cfg, errp) || !start_thread(s, errp)) {
        vnc_server_free(s);
        return NULL;
    }
    return s;
}

void vnc_server_free(struct vnc_server *s)
{
    if (!s)
        return;
    if (s->thread_valid) {
        atomic_store(&s->quit, true);
        server_wake(s);
        pthread_join(s->thread, NULL);
    }
    machine_lock(s->m);
    leave_machine(s);
    machine_unlock(s->m);
    pool_free(s->pool);
    pthread_mutex_lock(&s->lock);
    list_for_each(c, &s->clients, struct vnc_client, node)
    {
        client_drop(c, NULL);
        c->working = false;
    }
    clients_reap(s);
    arrivals_free(s);
    if (s->loop)
        listen_close(s);
    pthread_mutex_unlock(&s->lock);
    loop_free(s->loop);
    if (s->clocks)
        clock_set_free(s->clocks);
    keyboard_layout_free(s->layout);
    vnc_libraries_free(s->libraries);
    vnc_secrets_free(s->secrets);
    vnc_web_free(s->web);
    vnc_tls_creds_free(s->policy.creds);
    codec_free(s->codec);
    screen_free(&s->screen);
    free(s->scratch.data);
    free(s->mail.clip_text);
    free(s->errands.clip_text);
    free(s->clip_text);
    free(s->display_id);
    free(s->origin);
    free(s->id);
    pthread_mutex_destroy(&s->display_lock);
    pthread_mutex_destroy(&s->mail.lock);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- what others ask ------------------------------------------------------------------------- */

const char *vnc_server_id(const struct vnc_server *s)
{
    return s->id;
}

bool vnc_server_set_password(struct vnc_server *s, const char *text, struct vemu_error **errp)
{
    if (!s->secrets)
        return error_set(errp, VEMU_ERROR_STATE,
                         "the VNC server asks for no password; start it with %s ...,password=on",
                         s->origin);
    return vnc_secrets_set_password(s->secrets, text, text ? strlen(text) : 0) ||
           error_set(errp, VEMU_ERROR_INVALID, "a VNC password has at most %d bytes",
                     VNC_SECRET_MAX);
}

void vnc_server_expire_password(struct vnc_server *s, int64_t until)
{
    if (s->secrets)
        vnc_secrets_set_expiry(s->secrets, until);
}

void vnc_server_disconnect(struct vnc_server *s)
{
    pthread_mutex_lock(&s->lock);
    list_for_each(c, &s->clients, struct vnc_client, node)
    {
        if (!c->dead)
            client_drop(c, "the password was changed");
    }
    pthread_mutex_unlock(&s->lock);
}

bool vnc_server_add_client(struct vnc_server *s, int fd, bool skip_auth, struct vemu_error **errp)
{
    bool ok;

    pthread_mutex_lock(&s->lock);
    ok = listen_take(s, fd, skip_auth, errp);
    pthread_mutex_unlock(&s->lock);
    server_wake(s);
    return ok;
}

bool vnc_server_listen(struct vnc_server *s, const char *const *addresses, unsigned count,
                       struct vemu_error **errp)
{
    bool ok;

    pthread_mutex_lock(&s->lock);
    ok = listen_open(s, addresses, count, NULL, errp);
    pthread_mutex_unlock(&s->lock);
    server_wake(s);
    return ok;
}

void vnc_server_set_creds(struct vnc_server *s, const struct vnc_tls_creds *creds)
{
    const struct vnc_tls_creds *old = NULL;

    pthread_mutex_lock(&s->lock);
    if (s->policy.creds) {
        old = s->policy.creds;
        s->policy.creds = vnc_tls_creds_ref(creds);
        if (s->web)
            vnc_web_set_creds(s->web, creds);
    }
    pthread_mutex_unlock(&s->lock);
    vnc_tls_creds_free(old);
}

void vnc_server_info(struct vnc_server *s, struct vnc_info *info)
{
    unsigned n = 0;

    *info = (struct vnc_info){.id = s->id, .display = s->display_id};
    pthread_mutex_lock(&s->lock);
    info->auth = handshake_auth_name(s);
    for (unsigned i = 0; i < s->listener_count; i++) {
        const struct vnc_listener *l = &s->listeners[i];
        info->listeners[info->listener_count++] = (struct vnc_listener_info){
            .address = l->address,
            .websocket = l->websocket,
            .auth = l->websocket ? handshake_browser_auth_name(s) : info->auth};
    }
    info->clients = calloc(MAX(s->client_count, 1), sizeof *info->clients);
    list_for_each(c, &s->clients, struct vnc_client, node)
    {
        if (c->dead || !info->clients || n == s->client_count)
            continue;
        info->clients[n++] = (struct vnc_client_info){
            .address = *vnc_stream_peer(c->stream), .websocket = c->websocket, .shared = c->shared};
        memcpy(info->clients[n - 1].x509_dname, c->x509_dname, sizeof c->x509_dname);
    }
    info->client_count = n;
    pthread_mutex_unlock(&s->lock);
}

bool vnc_server_address(struct vnc_server *s, char *text, unsigned room)
{
    bool any;

    pthread_mutex_lock(&s->lock);
    any = s->listener_count != 0;
    if (any) {
        const struct vnc_address *a = &s->listeners[0].address;
        bool v6 = strcmp(a->family, "ipv6") == 0;
        snprintf(text, room, "%s%s%s%s%s", v6 ? "[" : "", a->host, v6 ? "]" : "",
                 a->service[0] ? ":" : "", a->service);
    }
    pthread_mutex_unlock(&s->lock);
    return any;
}
