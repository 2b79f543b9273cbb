/* Who has text and who wants it: see clipboard.h. */
#include "core/display/clipboard.h"

#include <stdint.h>

#include "core/device/machine.h"

bool clipboard_is_text(const char *text, size_t len)
{
    const uint8_t *p = (const uint8_t *)text;

    for (size_t i = 0; i < len;) {
        unsigned more = p[i] < 0x80 ? 0 : p[i] >= 0xf0 ? 3 : p[i] >= 0xe0 ? 2 : 1;
        uint32_t c = more ? p[i] & (0x3fu >> more) : p[i];
        static const uint32_t least[] = {1, 0x80, 0x800, 0x10000};

        if ((p[i] >= 0x80 && p[i] < 0xc2) || p[i] > 0xf4 || more >= len - i)
            return false;
        for (unsigned k = 1; k <= more; k++) {
            if ((p[i + k] & 0xc0) != 0x80)
                return false;
            c = c << 6 | (p[i + k] & 0x3f);
        }
        if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return false;
        i += more + 1;
    }
    return true;
}

static void give(struct clipboard_peer *p, const char *text, size_t len)
{
    p->wants = false;
    p->ops->data(p, text, len);
}

void clipboard_join(struct vemu_machine *m, struct clipboard_peer *p)
{
    p->m = m;
    p->wants = false;
    list_add_tail(&m->clipboard_peers, &p->node);
    if (m->clipboard_owner)
        p->ops->grabbed(p);
}

void clipboard_leave(struct clipboard_peer *p)
{
    if (!p->m)
        return;
    clipboard_release(p);
    list_remove(&p->node);
    p->m = NULL;
}

void clipboard_grab(struct clipboard_peer *p)
{
    struct vemu_machine *m = p->m;
    bool wanted = false;

    m->clipboard_owner = p;
    p->wants = false;
    list_for_each(other, &m->clipboard_peers, struct clipboard_peer, node)
    {
        /* Who waits for the last owner's answer gets this one's. */
        wanted |= other->wants;
        if (other != p)
            other->ops->grabbed(other);
    }
    if (wanted && m->clipboard_owner == p)
        p->ops->wanted(p);
}

void clipboard_release(struct clipboard_peer *p)
{
    struct vemu_machine *m = p->m;

    if (m->clipboard_owner != p)
        return;
    m->clipboard_owner = NULL;
    list_for_each(other, &m->clipboard_peers, struct clipboard_peer, node)
    {
        if (other->wants)
            give(other, NULL, 0);
        if (other != p)
            other->ops->released(other);
    }
}

void clipboard_request(struct clipboard_peer *p)
{
    struct clipboard_peer *owner = p->m->clipboard_owner;

    if (!owner || owner == p) {
        give(p, NULL, 0);
        return;
    }
    if (p->wants)
        return;
    p->wants = true;
    owner->ops->wanted(owner);
}

void clipboard_answer(struct clipboard_peer *p, const char *text, size_t len)
{
    struct vemu_machine *m = p->m;

    if (m->clipboard_owner != p)
        return;
    if (len > CLIPBOARD_MAX || !clipboard_is_text(text, len))
        len = 0;
    list_for_each(other, &m->clipboard_peers, struct clipboard_peer, node)
    {
        if (other->wants)
            give(other, text, len);
    }
}

size_t clipboard_from_crlf(char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (!(text[i] == '\r' && i + 1 < len && text[i + 1] == '\n'))
            text[n++] = text[i];
    }
    return n;
}

size_t clipboard_to_crlf(const char *text, size_t len, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            out[n++] = '\r';
        out[n++] = text[i];
    }
    return n;
}
