/*
 * Messages of a client that is in (RFB specification, chapter 7.5, and its registry's extensions).
 * A message is looked at when all of it is there, or as soon as its length is out of bounds; one
 * that changes how pixels are made waits for the update that is being made. See internal.h.
 */
#include <string.h>

#include "core/input/keys.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "ui/vnc/internal.h"

enum {
    SET_PIXEL_FORMAT = 0,
    SET_ENCODINGS = 2,
    FRAMEBUFFER_UPDATE_REQUEST = 3,
    KEY_EVENT = 4,
    POINTER_EVENT = 5,
    CLIENT_CUT_TEXT = 6,
    ENABLE_CONTINUOUS_UPDATES = 150,
    CLIENT_FENCE = 248,
    XVP_MESSAGE = 250,
    SET_DESKTOP_SIZE = 251,
    QEMU_CLIENT_MESSAGE = 255,
};
/* The server's. */
enum { END_OF_CONTINUOUS_UPDATES = 150, SERVER_FENCE = 248 };
enum { QEMU_EXTENDED_KEY = 0 };
/* Power control, by the registry's xvp extension: version 1, and what is asked for or answered. */
enum { XVP_VERSION = 1, XVP_FAIL = 0, XVP_INIT, XVP_SHUTDOWN, XVP_REBOOT, XVP_RESET };
enum { FENCE_REQUEST = 1u << 31, FENCE_KNOWN = 7, FENCE_DATA_MAX = 64 };
enum { ENCODINGS_MAX = 4096 };
enum { SIZE_BY_CLIENT = 1 };
enum { SIZE_PROHIBITED = 1, SIZE_INVALID = 3, SIZE_FORWARDED = 4 };

/* ---- pixels ---------------------------------------------------------------------------------- */

static ssize_t set_pixel_format(struct vnc_client *c, const uint8_t *data, size_t len)
{
    struct vnc_pixel_format format;
    uint8_t map[VNC_COLOUR_MAP_MAX];

    if (len < 4 + VNC_PIXEL_FORMAT_SIZE)
        return INPUT_MORE;
    if (c->working)
        return INPUT_BLOCKED;
    if (!vnc_pixel_format_parse(&format, data + 4)) {
        client_drop(c, "it asks for pixels that cannot be made");
        return 4 + VNC_PIXEL_FORMAT_SIZE;
    }
    c->format = format;
    vnc_encoder_set_format(c->encoder, &format);
    client_send(c, map, vnc_colour_map_message(&format, map));
    c->news |= NEWS_CURSOR;
    return 4 + VNC_PIXEL_FORMAT_SIZE;
}

static const struct {
    int32_t encoding;
    unsigned feature;
    unsigned news; /* to be told when it is first listed */
} features[] = {
    {VNC_DESKTOP_SIZE, FEATURE_DESKTOP_SIZE, 0},
    {VNC_EXTENDED_DESKTOP_SIZE, FEATURE_EXTENDED_DESKTOP_SIZE, NEWS_SIZE},
    {VNC_RICH_CURSOR, FEATURE_RICH_CURSOR, NEWS_CURSOR},
    {VNC_CURSOR_WITH_ALPHA, FEATURE_ALPHA_CURSOR, NEWS_CURSOR},
    {VNC_POINTER_POS, FEATURE_POINTER_POS, 0},
    {VNC_POINTER_MOTION_CHANGE, FEATURE_POINTER_MOTION_CHANGE, NEWS_POINTER_MODE},
    {VNC_EXTENDED_KEY_EVENT, FEATURE_EXTENDED_KEY_EVENT, NEWS_KEYS},
    {VNC_LED_STATE, FEATURE_LED_STATE, NEWS_LED},
    {VNC_VMWARE_LED_STATE, FEATURE_VMWARE_LED_STATE, NEWS_LED},
    {VNC_DESKTOP_NAME, FEATURE_DESKTOP_NAME, NEWS_NAME},
    {VNC_XVP, FEATURE_XVP, 0},
    {VNC_FENCE, FEATURE_FENCE, 0},
    {VNC_CONTINUOUS_UPDATES, FEATURE_CONTINUOUS_UPDATES, 0},
    {VNC_EXTENDED_CLIPBOARD, FEATURE_EXTENDED_CLIPBOARD, 0},
    {VNC_LAST_RECT, FEATURE_LAST_RECT, 0},
};

static void send_fence(struct vnc_client *c, uint32_t flags, const uint8_t *data, uint8_t len)
{
    uint8_t head[9] = {SERVER_FENCE};

    store_be32(head + 4, flags);
    head[8] = len;
    client_send(c, head, sizeof head);
    client_send(c, data, len);
}

static void send_xvp(struct vnc_client *c, uint8_t what)
{
    const uint8_t message[] = {XVP_MESSAGE, 0, XVP_VERSION, what};

    client_send(c, message, sizeof message);
}

/* What is new to the client is offered by showing it. */
static void new_features(struct vnc_client *c, unsigned added)
{
    static const uint8_t end = END_OF_CONTINUOUS_UPDATES;

    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        if (added & features[i].feature)
            c->news |= features[i].news;
    }
    if (added & FEATURE_FENCE)
        send_fence(c, FENCE_REQUEST, NULL, 0);
    if (added & FEATURE_CONTINUOUS_UPDATES)
        client_send(c, &end, 1);
    if (added & FEATURE_EXTENDED_CLIPBOARD)
        clip_send_caps(c);
    if (added & FEATURE_XVP && c->s->power)
        send_xvp(c, XVP_INIT);
}

static ssize_t set_encodings(struct vnc_client *c, const uint8_t *data, size_t len)
{
    int32_t list[ENCODINGS_MAX];
    unsigned before = c->features;
    size_t n;

    if (len < 4)
        return INPUT_MORE;
    n = load_be16(data + 2);
    if (n > ENCODINGS_MAX) {
        client_drop(c, "it lists %zu encodings, but %d are enough", n, ENCODINGS_MAX);
        return 4;
    }
    if (len < 4 + 4 * n)
        return INPUT_MORE;
    if (c->working)
        return INPUT_BLOCKED;
    c->features = 0;
    for (size_t i = 0; i < n; i++) {
        list[i] = (int32_t)load_be32(data + 4 + 4 * i);
        for (unsigned k = 0; k < ARRAY_SIZE(features); k++) {
            if (features[k].encoding == list[i])
                c->features |= features[k].feature;
        }
    }
    vnc_encoder_set_encodings(c->encoder, list, n);
    new_features(c, c->features & ~before);
    if (c->features != before)
        update_cursor_changed(c);
    return (ssize_t)(4 + 4 * n);
}

static struct pixman_box32 box_at(const uint8_t *data)
{
    struct pixman_box32 box = {.x1 = load_be16(data), .y1 = load_be16(data + 2)};

    box.x2 = box.x1 + load_be16(data + 4);
    box.y2 = box.y1 + load_be16(data + 6);
    return box;
}

static ssize_t update_request_message(struct vnc_client *c, const uint8_t *data, size_t len)
{
    struct pixman_box32 box;

    if (len < 10)
        return INPUT_MORE;
    box = box_at(data + 2);
    update_request(c, &box, data[1] != 0);
    return 10;
}

static ssize_t enable_continuous_updates(struct vnc_client *c, const uint8_t *data, size_t len)
{
    static const uint8_t end = END_OF_CONTINUOUS_UPDATES;

    if (len < 10)
        return INPUT_MORE;
    /* The end is told behind the update that is under way. */
    if (!data[1] && c->working)
        return INPUT_BLOCKED;
    c->continuous_area = box_at(data + 2);
    if (c->continuous && !data[1])
        client_send(c, &end, 1);
    c->continuous = data[1] != 0;
    update_try(c);
    return 10;
}

static ssize_t fence(struct vnc_client *c, const uint8_t *data, size_t len)
{
    uint32_t flags;

    if (len < 9)
        return INPUT_MORE;
    if (data[8] > FENCE_DATA_MAX) {
        client_drop(c, "it sends a fence with %u bytes; want %d or fewer", data[8], FENCE_DATA_MAX);
        return 9;
    }
    if (len < 9u + data[8])
        return INPUT_MORE;
    flags = load_be32(data + 4);
    if (flags & FENCE_REQUEST) {
        /* The answer stays in order with updates. */
        if (c->working)
            return INPUT_BLOCKED;
        send_fence(c, flags & FENCE_KNOWN, data + 9, data[8]);
    }
    return 9 + data[8];
}

/* ---- input ----------------------------------------------------------------------------------- */

static void hurry(struct vnc_client *c)
{
    struct vnc_server *s = c->s;

    pthread_mutex_lock(&s->display_lock);
    if (s->display)
        display_hurry(s->display);
    pthread_mutex_unlock(&s->display_lock);
}

/* A viewer that is told of the guest's lamps sees to it itself. Where the server finds the key by
 * its symbol, Shift makes letters what they are. */
static void sync_locks(struct vnc_client *c, uint32_t keysym, bool down, bool caps)
{
    if (down && c->s->lock_key_sync &&
        !(c->features & (FEATURE_LED_STATE | FEATURE_VMWARE_LED_STATE)))
        keys_sync_locks(c->s->m, &c->keys, keysym, caps);
}

static ssize_t key_event(struct vnc_client *c, const uint8_t *data, size_t len)
{
    if (len < 8)
        return INPUT_MORE;
    if (!console_key(c, load_be32(data + 4), 0, data[1] != 0)) {
        sync_locks(c, load_be32(data + 4), data[1] != 0, false);
        keys_symbol(c->s->m, c->s->layout, &c->keys, load_be32(data + 4), data[1] != 0);
    }
    hurry(c);
    return 8;
}

static ssize_t extended_key_event(struct vnc_client *c, const uint8_t *data, size_t len)
{
    uint32_t number, keysym;
    uint16_t code;
    bool down;

    if (len < 12)
        return INPUT_MORE;
    down = load_be16(data + 2) != 0;
    keysym = load_be32(data + 4);
    number = load_be32(data + 8);
    code = number && number <= UINT16_MAX ? key_from_number((uint16_t)number) : 0;
    /* A viewer that does not know which key it was says 0. */
    if (console_key(c, keysym, code, down)) {
        hurry(c); /* nothing of it is the guest's */
        return 12;
    }
    sync_locks(c, keysym, down, code != 0);
    if (code)
        keys_code(c->s->m, &c->keys, code, down);
    else
        keys_symbol(c->s->m, c->s->layout, &c->keys, keysym, down);
    hurry(c);
    return 12;
}

static ssize_t qemu_message(struct vnc_client *c, const uint8_t *data, size_t len)
{
    if (len < 2)
        return INPUT_MORE;
    if (data[1] == QEMU_EXTENDED_KEY)
        return extended_key_event(c, data, len);
    client_drop(c, "it sends message 255 of kind %u, which was not offered", data[1]);
    return 2;
}

static ssize_t pointer_message(struct vnc_client *c, const uint8_t *data, size_t len)
{
    if (len < 6)
        return INPUT_MORE;
    pointer_event(c, data[1], load_be16(data + 2), load_be16(data + 4));
    hurry(c);
    return 6;
}

static ssize_t cut_text(struct vnc_client *c, const uint8_t *data, size_t len)
{
    int64_t size;
    bool extended;

    if (len < 8)
        return INPUT_MORE;
    /* A negative length marks the extended form. */
    size = (int32_t)load_be32(data + 4);
    extended = size < 0;
    size = extended ? -size : size;
    if (size > CLIPBOARD_MAX) {
        client_drop(c, "it copies %lld bytes; the clipboard takes %d", (long long)size,
                    CLIPBOARD_MAX);
        return 8;
    }
    if (len < 8 + (size_t)size)
        return INPUT_MORE;
    if (!extended)
        clip_cut_text(c, data + 8, (size_t)size);
    else if (!(c->features & FEATURE_EXTENDED_CLIPBOARD) ||
             !clip_extended(c, data + 8, (size_t)size))
        client_drop(c, "its clipboard message is malformed");
    return 8 + (ssize_t)size;
}

/* ---- power ----------------------------------------------------------------------------------- */

static ssize_t xvp_message(struct vnc_client *c, const uint8_t *data, size_t len)
{
    const struct vnc_server *s = c->s;
    bool ok;

    if (!s->power || !(c->features & FEATURE_XVP)) {
        client_drop(c, "it sends message %u, which was not offered", data[0]);
        return 1;
    }
    if (len < 4)
        return INPUT_MORE;
    switch (data[2] == XVP_VERSION ? data[3] : XVP_FAIL) {
    case XVP_SHUTDOWN:
        ok = s->power(s->power_opaque, VNC_POWER_BUTTON);
        break;
    case XVP_RESET:
        ok = s->power(s->power_opaque, VNC_POWER_RESET);
        break;
    default: /* nothing tells a guest to begin anew in good order */
        ok = false;
        break;
    }
    if (!ok)
        send_xvp(c, XVP_FAIL);
    return 4;
}

/* ---- size ------------------------------------------------------------------------------------ */

static ssize_t set_desktop_size(struct vnc_client *c, const uint8_t *data, size_t len)
{
    struct vnc_server *s = c->s;
    uint32_t width, height;
    size_t screens;

    if (len < 8)
        return INPUT_MORE;
    screens = data[6];
    if (len < 8 + 16 * screens)
        return INPUT_MORE;
    width = load_be16(data + 2);
    height = load_be16(data + 4);
    c->news |= NEWS_SIZE;
    c->size_why = SIZE_BY_CLIENT;
    if (!server_can_resize(s)) {
        c->size_status = SIZE_PROHIBITED;
    } else if (screens != 1 || !width || !height || width > DISPLAY_SIZE_MAX ||
               height > DISPLAY_SIZE_MAX) {
        c->size_status = SIZE_INVALID;
    } else {
        c->size_status = SIZE_FORWARDED;
        s->errands.resize = true;
        s->errands.width = width;
        s->errands.height = height;
    }
    update_try(c);
    return (ssize_t)(8 + 16 * screens);
}

/* ---------------------------------------------------------------------------------------------- */

ssize_t message_input(struct vnc_client *c, const uint8_t *data, size_t len)
{
    switch (data[0]) {
    case SET_PIXEL_FORMAT:
        return set_pixel_format(c, data, len);
    case SET_ENCODINGS:
        return set_encodings(c, data, len);
    case FRAMEBUFFER_UPDATE_REQUEST:
        return update_request_message(c, data, len);
    case KEY_EVENT:
        return key_event(c, data, len);
    case POINTER_EVENT:
        return pointer_message(c, data, len);
    case CLIENT_CUT_TEXT:
        return cut_text(c, data, len);
    case ENABLE_CONTINUOUS_UPDATES:
        return enable_continuous_updates(c, data, len);
    case CLIENT_FENCE:
        return fence(c, data, len);
    case XVP_MESSAGE:
        return xvp_message(c, data, len);
    case SET_DESKTOP_SIZE:
        return set_desktop_size(c, data, len);
    case QEMU_CLIENT_MESSAGE:
        return qemu_message(c, data, len);
    }
    client_drop(c, "it sends message %u, which is not known", data[0]);
    return INPUT_MORE;
}
