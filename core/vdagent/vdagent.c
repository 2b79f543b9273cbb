/* One conversation after the other: their beginning and end. See vdagent.h and internal.h. */
#include <stdlib.h>

#include "core/vdagent/internal.h"

void vdagent_news(struct vdagent *v)
{
    if (v->open)
        v->cfg.news(v->cfg.opaque);
}

static void stop(struct vdagent *v)
{
    vdagent_clipboard_stop(v);
    vdagent_screen_stop(v);
    v->ready = false;
    v->caps = 0;
}

/*
 * Each side tells what it can do when it opens, and answers who asks. The agent counts grabs from
 * 0 again when it is asked, so nothing else is said before it answered; one that was started anew
 * behind the same port asks, and everything begins again.
 */
void vdagent_announced(struct vdagent *v, bool request, uint32_t caps)
{
    stop(v);
    v->caps = caps;
    if (request)
        v->announce = true;
    else
        v->answer_awaited = false;
    if (!v->answer_awaited) {
        v->ready = true;
        vdagent_clipboard_start(v);
        vdagent_screen_start(v);
        v->had_text = v->told_grab = false;
    }
    vdagent_news(v);
}

void vdagent_set_open(struct vdagent *v, bool open)
{
    if (open == v->open)
        return;
    if (!open)
        stop(v);
    if (!v->loaded) {
        receiver_reset(&v->in);
        sender_reset(&v->out);
        v->had_text = v->told_grab = false;
    }
    v->loaded = false;
    v->open = open;
    v->announce = v->announce_request = v->answer_awaited = open;
    vdagent_news(v);
}

struct vdagent *vdagent_new(struct vemu_machine *m, const struct vdagent_config *cfg)
{
    struct vdagent *v = calloc(1, sizeof *v);

    if (!v)
        return NULL;
    v->m = m;
    v->cfg = *cfg;
    sender_reset(&v->out);
    return v;
}

void vdagent_free(struct vdagent *v)
{
    if (!v)
        return;
    stop(v);
    receiver_reset(&v->in);
    sender_reset(&v->out);
    free(v);
}
