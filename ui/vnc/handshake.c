/* From the first byte to ServerInit (RFB specification, chapter 7.1 to 7.3). See internal.h. */
#include <stdio.h>
#include <string.h>

#include "core/util/endian.h"
#include "core/util/range.h"
#include "ui/vnc/internal.h"

enum { VERSION_SIZE = 12 };

void handshake_greet(struct vnc_client *c)
{
    client_send(c, "RFB 003.008\n", VERSION_SIZE);
}

const char *handshake_auth_name(const struct vnc_server *s)
{
    return vnc_auth_policy_name(&s->policy, false);
}

const char *handshake_browser_auth_name(const struct vnc_server *s)
{
    return vnc_auth_policy_name(&s->policy, s->policy.creds != NULL);
}

/* ---- saying no ------------------------------------------------------------------------------- */

static void send_reason(struct vnc_client *c, const char *text)
{
    uint8_t len[4];

    store_be32(len, (uint32_t)strlen(text));
    client_send(c, len, sizeof len);
    client_send(c, text, strlen(text));
}

/* Where a list of security types was expected. */
static void refuse(struct vnc_client *c, const char *text)
{
    static const uint8_t none[4];

    client_send(c, none, c->minor == 3 ? 4 : 1);
    send_reason(c, text);
    client_leave(c);
}

/* SecurityResult */
static void send_result(struct vnc_client *c, bool ok, const char *why)
{
    uint8_t word[4];

    store_be32(word, !ok);
    client_send(c, word, sizeof word);
    if (!ok && c->minor >= 8)
        send_reason(c, why);
    if (!ok)
        client_leave(c);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Is it known who it is, without a word? */
static unsigned security_of(const struct vnc_client *c)
{
    return c->skip_auth ? VNC_SECURITY_NONE : vnc_auth_security(&c->s->policy, c->secure);
}

static void begin_auth(struct vnc_client *c, unsigned type)
{
    if (type == VNC_SECURITY_NONE) {
        /* Only 3.8 confirms what needs no proof. */
        if (c->minor >= 8)
            send_result(c, true, NULL);
        client_known(c);
        c->phase = PHASE_INIT;
        return;
    }
    c->auth = vnc_auth_new(&c->s->policy, c->secure);
    c->phase = PHASE_AUTH;
    if (!c->auth)
        client_drop(c, "out of memory");
}

static void offer_security(struct vnc_client *c)
{
    unsigned type = security_of(c);
    uint8_t word[4], list[2] = {1, (uint8_t)type};

    if (c->minor == 3 && type == VNC_SECURITY_VENCRYPT) {
        refuse(c, "this server asks for TLS, which RFB 3.3 does not know");
    } else if (c->minor == 3) {
        store_be32(word, type);
        client_send(c, word, sizeof word);
        begin_auth(c, type);
    } else {
        client_send(c, list, sizeof list);
        c->phase = PHASE_SECURITY;
    }
}

void handshake_tell(struct vnc_client *c)
{
    if (c->right) {
        send_result(c, true, NULL);
        client_known(c);
        c->phase = PHASE_INIT;
    } else {
        client_log(c, "%s", vnc_auth_reason(c->auth));
        send_result(c, false, vnc_auth_reason(c->auth));
    }
    vnc_auth_free(c->auth);
    c->auth = NULL;
}

/* Now, or later when its host has been wrong. */
static void judge(struct vnc_client *c, bool right)
{
    int64_t now = clock_now(c->s->clocks, VCLOCK_HOST),
            when = vnc_guesses_tell(&c->s->guesses, vnc_stream_peer(c->stream), right, now);

    c->right = right;
    if (when > now)
        timer_set(&c->verdict, when);
    else
        handshake_tell(c);
}

void handshake_auth(struct vnc_client *c)
{
    /* What was written before goes first: the steps write for themselves. */
    client_flush(c);
    if (c->dead || c->out_len)
        return;
    switch (vnc_auth_step(c->auth, &c->stream)) {
    case VNC_AUTH_WAIT:
        return;
    case VNC_AUTH_PASSED:
        judge(c, true);
        return;
    case VNC_AUTH_REFUSED:
        judge(c, false);
        return;
    case VNC_AUTH_OVER:
        client_drop(c, "%s", vnc_auth_reason(c->auth));
        return;
    }
}

static ssize_t take_version(struct vnc_client *c, const uint8_t *data, size_t len)
{
    unsigned major = 0, minor = 0;

    if (memcmp(data, "RFB 003.008\n", MIN(len, (size_t)4)) != 0)
        return INPUT_BAD;
    if (len < VERSION_SIZE)
        return INPUT_MORE;
    for (unsigned i = 4; i < 11; i++) {
        if (i == 7 ? data[i] != '.' : data[i] < '0' || data[i] > '9')
            return INPUT_BAD;
        if (i != 7 && i < 7)
            major = major * 10 + data[i] - '0';
        else if (i > 7)
            minor = minor * 10 + data[i] - '0';
    }
    if (data[11] != '\n' || major < 3)
        return INPUT_BAD;
    /* Versions that were never published count as 3.3, as the specification says. */
    c->minor = major > 3 || minor >= 8 ? 8 : minor == 7 ? 7 : 3;
    if (c->s->client_count > c->s->connections)
        refuse(c, "there are too many viewers");
    else
        offer_security(c);
    return VERSION_SIZE;
}

static ssize_t take_type(struct vnc_client *c, const uint8_t *data)
{
    if (data[0] != security_of(c))
        return INPUT_BAD;
    begin_auth(c, data[0]);
    return 1;
}

/* ---- ClientInit ------------------------------------------------------------------------------ */

/* Who wants to be alone, who is. */
static bool admit(struct vnc_client *c, bool wants_shared)
{
    struct vnc_server *s = c->s;
    bool alone = false;

    c->shared = wants_shared || s->share == VNC_SHARE_IGNORE;
    if (c->shared && s->share == VNC_SHARE_ALLOW_EXCLUSIVE) {
        list_for_each(other, &s->clients, struct vnc_client, node) alone |=
            other != c && !other->dead && other->initialized && !other->shared;
    }
    if (alone) {
        client_drop(c, "another viewer wants to be alone");
        return false;
    }
    if (c->shared)
        return true;
    if (s->share == VNC_SHARE_FORCE_SHARED) {
        client_drop(c, "it wants to be alone, but share=force-shared");
        return false;
    }
    list_for_each(other, &s->clients, struct vnc_client, node)
    {
        if (other != c && !other->dead && other->initialized)
            client_drop(other, "a viewer came that wants to be alone");
    }
    return true;
}

static void send_server_init(struct vnc_client *c)
{
    const struct vnc_server *s = c->s;
    uint8_t init[4 + VNC_PIXEL_FORMAT_SIZE + 4];
    size_t len = strlen(s->name);

    c->width = s->screen.width;
    c->height = s->screen.height;
    store_be16(init, (uint16_t)c->width);
    store_be16(init + 2, (uint16_t)c->height);
    vnc_pixel_format_write(&c->format, init + 4);
    store_be32(init + 4 + VNC_PIXEL_FORMAT_SIZE, (uint32_t)len);
    client_send(c, init, sizeof init);
    client_send(c, s->name, len);
}

static ssize_t take_init(struct vnc_client *c, const uint8_t *data)
{
    struct vnc_server *s = c->s;

    /* The display is looked at once there is somebody to show it to. */
    if (!s->screen.valid)
        return INPUT_BLOCKED;
    if (!admit(c, data[0] != 0))
        return 1;
    c->phase = PHASE_RUNNING;
    c->initialized = true;
    timer_cancel(&c->deadline);
    send_server_init(c);
    update_screen_resized(c); /* it has seen nothing yet */
    update_cursor_changed(c);
    client_event(c, "VNC_INITIALIZED");
    return 1;
}

size_t handshake_room(const struct vnc_client *c)
{
    return c->phase == PHASE_VERSION ? VERSION_SIZE - c->in.len : 1;
}

ssize_t handshake_input(struct vnc_client *c, const uint8_t *data, size_t len)
{
    switch (c->phase) {
    case PHASE_VERSION:
        return take_version(c, data, len);
    case PHASE_SECURITY:
        return take_type(c, data);
    case PHASE_INIT:
        return take_init(c, data);
    case PHASE_AUTH:
    case PHASE_RUNNING:
    case PHASE_COUNT:
        break;
    }
    return INPUT_BAD;
}
