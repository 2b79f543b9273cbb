/* The desktop's clipboard as a peer of the machine's. */
#include <config.h>
#if CONFIG_SDL2
#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/range.h"
#include "ui/sdl/internal.h"

static struct sdl *from_peer(struct clipboard_peer *p)
{
    return container_of(p, struct sdl, clipboard.peer);
}

/* The desktop cannot be told that there is text without giving it. */
static void grabbed(struct clipboard_peer *p)
{
    clipboard_request(p);
}

static void released(struct clipboard_peer *p)
{
    (void)p; /* what was copied may still be pasted */
}

static void wanted(struct clipboard_peer *p)
{
    struct sdl *s = from_peer(p);

    pthread_mutex_lock(&s->clipboard.lock);
    s->clipboard.wanted = true;
    pthread_mutex_unlock(&s->clipboard.lock);
    sdl_wake(s, WAKE_CLIPBOARD, 0);
}

static void data(struct clipboard_peer *p, const char *text, size_t len)
{
    struct sdl *s = from_peer(p);
    char *copy = len ? strndup(text, len) : NULL;

    if (!copy)
        return;
    pthread_mutex_lock(&s->clipboard.lock);
    free(s->clipboard.text);
    s->clipboard.text = copy;
    pthread_mutex_unlock(&s->clipboard.lock);
    sdl_wake(s, WAKE_CLIPBOARD, 0);
}

static void answer(struct sdl *s)
{
    char *text = s->lib.GetClipboardText();
    const size_t len = text ? strlen(text) : 0;

    machine_lock(s->m);
    clipboard_answer(&s->clipboard.peer, text ? text : "", len);
    machine_unlock(s->m);
    s->lib.free(text);
}

void sdl_clipboard_work(struct sdl *s)
{
    struct sdl_clipboard *c = &s->clipboard;

    pthread_mutex_lock(&c->lock);
    char *text = c->text;
    const bool asked = c->wanted;
    c->text = NULL;
    c->wanted = false;
    pthread_mutex_unlock(&c->lock);
    if (text) {
        free(c->set);
        c->set = text;
        s->lib.SetClipboardText(text);
    }
    if (asked)
        answer(s);
}

void sdl_clipboard_changed(struct sdl *s)
{
    char *text = s->lib.GetClipboardText();
    const bool own = text && s->clipboard.set && !strcmp(text, s->clipboard.set);

    if (text && *text && !own) {
        machine_lock(s->m);
        clipboard_grab(&s->clipboard.peer);
        machine_unlock(s->m);
    }
    s->lib.free(text);
}

void sdl_clipboard_start(struct sdl *s)
{
    static const struct clipboard_ops ops = {
        .grabbed = grabbed, .released = released, .wanted = wanted, .data = data};

    pthread_mutex_init(&s->clipboard.lock, NULL);
    s->clipboard.peer.ops = &ops;
    machine_lock(s->m);
    clipboard_join(s->m, &s->clipboard.peer);
    machine_unlock(s->m);
}

void sdl_clipboard_stop(struct sdl *s)
{
    machine_lock(s->m);
    clipboard_leave(&s->clipboard.peer);
    machine_unlock(s->m);
    pthread_mutex_destroy(&s->clipboard.lock);
    free(s->clipboard.text);
    free(s->clipboard.set);
}
#endif
