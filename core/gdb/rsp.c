/* Framing and text of the remote serial protocol: see rsp.h. */
#include "core/gdb/rsp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "core/util/hex.h"

static const char digits[] = "0123456789abcdef";

/* ---- input ----------------------------------------------------------------------------------- */

void rsp_init(struct rsp *rsp)
{
    memset(rsp, 0, sizeof *rsp);
}

static void put(struct rsp *rsp, char c)
{
    if (rsp->len < RSP_PACKET_MAX)
        rsp->packet[rsp->len++] = c;
    else
        rsp->overflow = true;
}

static enum rsp_event between_packets(struct rsp *rsp, uint8_t c)
{
    switch (c) {
    case '$':
        rsp_init(rsp);
        rsp->state = RSP_BODY;
        return RSP_NOTHING;
    case '-':
        return RSP_NAK;
    case 3:
        return RSP_INTERRUPT;
    default: /* '+', and noise */
        return RSP_NOTHING;
    }
}

static enum rsp_event feed_byte(struct rsp *rsp, uint8_t c)
{
    int digit;

    switch (rsp->state) {
    case RSP_IDLE:
        return between_packets(rsp, c);
    case RSP_BODY:
        if (c == '#') {
            rsp->state = RSP_SUM1;
        } else if (c == '$') {
            /* The sender gave up a packet and began anew. */
            return between_packets(rsp, c);
        } else {
            rsp->sum += c;
            if (c == '}')
                rsp->state = RSP_ESCAPE;
            else
                put(rsp, (char)c);
        }
        return RSP_NOTHING;
    case RSP_ESCAPE:
        rsp->sum += c;
        put(rsp, (char)(c ^ 0x20));
        rsp->state = RSP_BODY;
        return RSP_NOTHING;
    case RSP_SUM1:
    case RSP_SUM2:
        digit = hex_digit((char)c);
        rsp->overflow |= digit < 0;
        rsp->want = (uint8_t)(rsp->want << 4 | (digit & 15));
        if (rsp->state == RSP_SUM1) {
            rsp->state = RSP_SUM2;
            return RSP_NOTHING;
        }
        rsp->state = RSP_IDLE;
        rsp->packet[rsp->len] = 0;
        return rsp->overflow || rsp->sum != rsp->want ? RSP_BAD : RSP_PACKET;
    }
    return RSP_NOTHING;
}

enum rsp_event rsp_feed(struct rsp *rsp, const uint8_t *data, size_t len, size_t *used)
{
    for (*used = 0; *used < len;) {
        enum rsp_event event = feed_byte(rsp, data[(*used)++]);
        if (event != RSP_NOTHING)
            return event;
    }
    return RSP_NOTHING;
}

/* ---- output ---------------------------------------------------------------------------------- */

void reply_text(struct rsp_reply *r, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(r->data + r->len, sizeof r->data - r->len, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof r->data - r->len)
        r->overflow = true;
    else
        r->len += (size_t)n;
}

void reply_hex(struct rsp_reply *r, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    if (len > (RSP_PACKET_MAX - r->len) / 2) {
        r->overflow = true;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        r->data[r->len++] = digits[p[i] >> 4];
        r->data[r->len++] = digits[p[i] & 15];
    }
    r->data[r->len] = 0;
}

void reply_binary(struct rsp_reply *r, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (r->len + 2 > RSP_PACKET_MAX) {
            r->overflow = true;
            return;
        }
        if (strchr("#$}*", bytes[i]) && bytes[i]) {
            r->data[r->len++] = '}';
            r->data[r->len++] = (char)(bytes[i] ^ 0x20);
        } else {
            r->data[r->len++] = bytes[i];
        }
    }
    r->data[r->len] = 0;
}

size_t rsp_frame(const char *data, size_t len, char *out)
{
    uint8_t sum = 0;
    size_t n = 0;

    out[n++] = '$';
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + (uint8_t)data[i]);
        out[n++] = data[i];
    }
    out[n++] = '#';
    out[n++] = digits[sum >> 4];
    out[n++] = digits[sum & 15];
    return n;
}

/* ---- reading text ---------------------------------------------------------------------------- */

bool hex_number(const char **p, uint64_t *value)
{
    uint64_t v = 0;
    unsigned n = 0;

    for (int d; (d = hex_digit((*p)[n])) >= 0; n++) {
        if (v >> 60)
            return false;
        v = v << 4 | (unsigned)d;
    }
    *p += n;
    *value = v;
    return n > 0;
}

bool hex_bytes(const char **p, void *bytes, size_t len)
{
    uint8_t *out = bytes;

    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(**p), low = high < 0 ? -1 : hex_digit((*p)[1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
        *p += 2;
    }
    return true;
}

bool take_char(const char **p, char c)
{
    if (**p != c)
        return false;
    ++*p;
    return true;
}
