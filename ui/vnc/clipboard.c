/*
 * Text between viewers and the machine's clipboard: plain cut text in Latin-1, and the extended
 * clipboard (RFB registry), where text is UTF-8, compressed, and goes over when it is asked for.
 *
 * The server is one peer of the machine's clipboard for all of its viewers. What the machine's side
 * says comes by the mail; what is said to it goes as an errand. See internal.h.
 */
#include <stdlib.h>
#include <string.h>

#include "core/block/codec.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "ui/vnc/internal.h"

enum { SERVER_CUT_TEXT = 3 };
enum {
    FORMAT_TEXT = 1u << 0,
    ACTION_CAPS = 1u << 24,
    ACTION_REQUEST = 1u << 25,
    ACTION_PEEK = 1u << 26,
    ACTION_NOTIFY = 1u << 27,
    ACTION_PROVIDE = 1u << 28,
    ACTIONS = 0x1fu << 24,
    FORMATS = 0xffffu,
};
/* A zlib stream around deflate (RFC 1950): its header, its checksum. */
enum { ZLIB_HEADER_SIZE = 2, ZLIB_CHECK_SIZE = 4, ADLER_BASE = 65521, ADLER_BATCH = 5552 };
enum { SIZE_SIZE = 4 }; /* in front of a text in such a stream */

/* ---- the machine's side: machine lock held, on any thread ------------------------------------ */

static struct vnc_server *server_of(struct clipboard_peer *p)
{
    return (struct vnc_server *)((char *)p - offsetof(struct vnc_server, clipboard));
}

static void post(struct clipboard_peer *p, size_t flag)
{
    struct vnc_server *s = server_of(p);

    pthread_mutex_lock(&s->mail.lock);
    *(bool *)((char *)&s->mail + flag) = true;
    pthread_mutex_unlock(&s->mail.lock);
    server_wake(s);
}

static void grabbed(struct clipboard_peer *p)
{
    post(p, offsetof(struct vnc_mail, clip_grabbed));
}

static void released(struct clipboard_peer *p)
{
    post(p, offsetof(struct vnc_mail, clip_released));
}

static void wanted(struct clipboard_peer *p)
{
    post(p, offsetof(struct vnc_mail, clip_wanted));
}

static void answered(struct clipboard_peer *p, const char *text, size_t len)
{
    struct vnc_server *s = server_of(p);
    char *copy = malloc(len + 1);

    pthread_mutex_lock(&s->mail.lock);
    free(s->mail.clip_text);
    s->mail.clip_text = copy;
    s->mail.clip_len = copy ? len : 0;
    if (copy && len)
        memcpy(copy, text, len);
    pthread_mutex_unlock(&s->mail.lock);
    post(p, offsetof(struct vnc_mail, clip_answered));
}

const struct clipboard_ops vnc_clipboard_ops = {
    .grabbed = grabbed, .released = released, .wanted = wanted, .data = answered};

void clip_errands(struct vnc_server *s, struct vnc_errands *e)
{
    if (s->clipboard.m && e->clip_grab)
        clipboard_grab(&s->clipboard);
    if (s->clipboard.m && e->clip_release)
        clipboard_release(&s->clipboard);
    if (s->clipboard.m && e->clip_answer)
        clipboard_answer(&s->clipboard, e->clip_text, e->clip_len);
    if (s->clipboard.m && e->clip_request)
        clipboard_request(&s->clipboard);
    free(e->clip_text);
}

/* ---- errands --------------------------------------------------------------------------------- */

/* Takes the text's memory. */
static void answer(struct vnc_server *s, char *text, size_t len)
{
    free(s->errands.clip_text);
    s->errands.clip_answer = true;
    s->errands.clip_text = text;
    s->errands.clip_len = text ? len : 0;
}

static void grab(struct vnc_server *s, struct vnc_client *c, char *text, size_t len)
{
    free(s->clip_text);
    s->clip_text = text;
    s->clip_text_len = len;
    s->clip_client = c;
    s->errands.clip_grab = true;
    s->errands.clip_release = false;
}

static void ungrab(struct vnc_server *s)
{
    grab(s, NULL, NULL, 0);
    s->errands.clip_grab = false;
    s->errands.clip_release = true;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* UTF-8 of Latin-1, without NUL bytes and carriage returns; NULL: no memory. */
static char *from_latin1(const uint8_t *data, size_t len, size_t *out_len)
{
    char *text = malloc(2 * len + 1);
    size_t n = 0;

    for (size_t i = 0; text && i < len; i++) {
        if (!data[i] || data[i] == '\r')
            continue;
        if (data[i] < 0x80) {
            text[n++] = (char)data[i];
        } else {
            text[n++] = (char)(0xc0 | data[i] >> 6);
            text[n++] = (char)(0x80 | (data[i] & 0x3f));
        }
    }
    *out_len = n;
    return text;
}

/* Well-formed UTF-8 to Latin-1, in place; what it does not have becomes a question mark. */
static size_t to_latin1(char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; n++) {
        uint8_t b = (uint8_t)text[i];
        size_t size = b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
        if (size == 1)
            text[n] = text[i];
        else
            text[n] = b <= 0xc3 ? (char)(b << 6 | (text[i + 1] & 0x3f)) : '?';
        i += size;
    }
    return n;
}

/* Lines that end with CR LF, and a NUL byte, as the extended clipboard has them. */
static uint8_t *to_wire(const char *text, size_t len, size_t *out_len)
{
    uint8_t *wire = malloc(SIZE_SIZE + 2 * len + 1);

    if (!wire)
        return NULL;
    size_t n = SIZE_SIZE + clipboard_to_crlf(text, len, (char *)wire + SIZE_SIZE);
    wire[n++] = 0;
    store_be32(wire, (uint32_t)(n - SIZE_SIZE));
    *out_len = n;
    return wire;
}

/* ---- compressed ------------------------------------------------------------------------------ */

static struct codec *codec(struct vnc_server *s)
{
    if (!s->codec)
        s->codec = codec_new();
    return s->codec && codec_available(s->codec, CODEC_DEFLATE, NULL) == 0 ? s->codec : NULL;
}

static uint32_t adler32(const uint8_t *data, size_t len)
{
    uint32_t a = 1, b = 0;

    while (len) {
        size_t part = MIN(len, (size_t)ADLER_BATCH);
        len -= part;
        while (part--)
            b += a += *data++;
        a %= ADLER_BASE;
        b %= ADLER_BASE;
    }
    return b << 16 | a;
}

static void send_head(struct vnc_client *c, uint32_t flags, size_t body)
{
    uint8_t head[12] = {SERVER_CUT_TEXT};

    store_be32(head + 4, (uint32_t) - (int32_t)(4 + body));
    store_be32(head + 8, flags);
    client_send(c, head, sizeof head);
}

static void send_provide(struct vnc_client *c, const char *text, size_t len)
{
    struct codec *z = codec(c->s);
    size_t wire_len = 0, room, n;
    uint8_t *wire = z ? to_wire(text, len, &wire_len) : NULL, *out;

    room = wire_len + wire_len / 8 + 64;
    out = wire ? malloc(ZLIB_HEADER_SIZE + room + ZLIB_CHECK_SIZE) : NULL;
    n = room;
    if (out && codec_compress(z, CODEC_DEFLATE, wire, wire_len, out + ZLIB_HEADER_SIZE, &n) == 0) {
        out[0] = 0x78;
        out[1] = 0x01;
        store_be32(out + ZLIB_HEADER_SIZE + n, adler32(wire, wire_len));
        n += ZLIB_HEADER_SIZE + ZLIB_CHECK_SIZE;
        send_head(c, ACTION_PROVIDE | FORMAT_TEXT, n);
        client_send(c, out, n);
    }
    free(wire);
    free(out);
}

/* The text of a Provide; NULL: malformed or too large. */
static char *read_provide(struct vnc_server *s, const uint8_t *data, size_t len, size_t *out_len)
{
    struct codec *z = codec(s);
    uint8_t size_bytes[SIZE_SIZE];
    uint32_t size;
    char *text;

    if (!z || len < ZLIB_HEADER_SIZE)
        return NULL;
    data += ZLIB_HEADER_SIZE;
    len -= ZLIB_HEADER_SIZE;
    /* The size first: how much becomes of it is known before there is memory for it. */
    if (codec_decompress(z, CODEC_DEFLATE, data, len, size_bytes, sizeof size_bytes) != 0)
        return NULL;
    size = load_be32(size_bytes);
    if (size > CLIPBOARD_MAX + 1)
        return NULL;
    text = malloc(SIZE_SIZE + (size_t)size + 1);
    if (!text || codec_decompress(z, CODEC_DEFLATE, data, len, text, SIZE_SIZE + size) != 0) {
        free(text);
        return NULL;
    }
    memmove(text, text + SIZE_SIZE, size);
    *out_len = clipboard_from_crlf(text, strnlen(text, size));
    return text;
}

/* ---- viewers --------------------------------------------------------------------------------- */

static bool extended(const struct vnc_client *c)
{
    return c->features & FEATURE_EXTENDED_CLIPBOARD;
}

void clip_send_caps(struct vnc_client *c)
{
    uint8_t size[4] = {0}; /* nothing unasked */

    if (!codec(c->s)) {
        c->features &= ~(unsigned)FEATURE_EXTENDED_CLIPBOARD;
        return;
    }
    send_head(c, ACTION_CAPS | ACTION_REQUEST | ACTION_NOTIFY | ACTION_PROVIDE | FORMAT_TEXT,
              sizeof size);
    client_send(c, size, sizeof size);
}

void clip_cut_text(struct vnc_client *c, const uint8_t *data, size_t len)
{
    char *text = from_latin1(data, len, &len);

    if (text)
        grab(c->s, NULL, text, len);
}

bool clip_extended(struct vnc_client *c, const uint8_t *data, size_t len)
{
    struct vnc_server *s = c->s;
    uint32_t flags;
    char *text;

    if (len < 4)
        return false;
    flags = load_be32(data);
    switch (flags & ACTIONS & ~(flags & ACTION_CAPS ? ~(uint32_t)ACTION_CAPS : 0)) {
    case ACTION_CAPS:
        /* A size for each format follows: what it takes unasked is not sent to it. */
        return len == 4 + 4 * (size_t)__builtin_popcount(flags & FORMATS);
    case ACTION_REQUEST:
        if (flags & FORMAT_TEXT) {
            c->clip_wants = true;
            s->errands.clip_request = true;
        }
        return true;
    case ACTION_PEEK:
        send_head(c, ACTION_NOTIFY | (s->machine_has_text ? FORMAT_TEXT : 0), 0);
        return true;
    case ACTION_NOTIFY:
        if (flags & FORMAT_TEXT)
            grab(s, c, NULL, 0);
        else if (s->clip_client == c)
            ungrab(s);
        return true;
    case ACTION_PROVIDE:
        if (!(flags & FORMAT_TEXT))
            return true;
        text = read_provide(s, data + 4, len - 4, &len);
        if (text && s->clip_client == c)
            answer(s, text, len);
        else
            free(text);
        return text != NULL;
    }
    return false;
}

void clip_client_gone(struct vnc_client *c)
{
    if (c->s->clip_client == c)
        ungrab(c->s);
}

/* The machine's side has text: who can ask for it is told, the others get it. */
static void announce(struct vnc_server *s)
{
    list_for_each(c, &s->clients, struct vnc_client, node)
    {
        if (c->dead || c->phase != PHASE_RUNNING)
            continue;
        if (extended(c)) {
            send_head(c, ACTION_NOTIFY | FORMAT_TEXT, 0);
        } else {
            c->clip_wants = true;
            s->errands.clip_request = true;
        }
    }
}

static void withdraw(struct vnc_server *s)
{
    list_for_each(c, &s->clients, struct vnc_client, node)
    {
        if (!c->dead && c->phase == PHASE_RUNNING && extended(c))
            send_head(c, ACTION_NOTIFY, 0);
    }
}

/* The guest pastes what a viewer has. */
static void ask_viewer(struct vnc_server *s)
{
    char *copy;

    if (s->clip_client) {
        send_head(s->clip_client, ACTION_REQUEST | FORMAT_TEXT, 0);
        return;
    }
    copy = s->clip_text ? malloc(s->clip_text_len + 1) : NULL;
    if (copy)
        memcpy(copy, s->clip_text, s->clip_text_len);
    answer(s, copy, s->clip_text_len);
}

static void send_plain(struct vnc_client *c, const char *text, size_t len)
{
    uint8_t head[8] = {SERVER_CUT_TEXT};
    char *copy = malloc(len + 1);

    if (!copy)
        return;
    memcpy(copy, text, len);
    len = to_latin1(copy, len);
    store_be32(head + 4, (uint32_t)len);
    client_send(c, head, sizeof head);
    client_send(c, copy, len);
    free(copy);
}

static void hand_out(struct vnc_server *s, const char *text, size_t len)
{
    list_for_each(c, &s->clients, struct vnc_client, node)
    {
        if (c->dead || c->phase != PHASE_RUNNING || !c->clip_wants)
            continue;
        c->clip_wants = false;
        /* One that does not read has enough to do. */
        if (c->control_len >= VNC_CONTROL_PAUSE)
            continue;
        if (extended(c))
            send_provide(c, text, len);
        else if (len)
            send_plain(c, text, len);
    }
}

void clip_mail(struct vnc_server *s, const struct vnc_mail *mail)
{
    if (mail->clip_grabbed) {
        s->machine_has_text = true;
        free(s->clip_text);
        s->clip_text = NULL;
        s->clip_client = NULL;
        announce(s);
    }
    if (mail->clip_released && s->machine_has_text) {
        s->machine_has_text = false;
        withdraw(s);
    }
    if (mail->clip_answered)
        hand_out(s, mail->clip_text, mail->clip_len);
    if (mail->clip_wanted)
        ask_viewer(s);
}
