/*
 * The state stream and the walk over state tables: see state.h.
 *
 * Layout, all little-endian: "VEMUSTAT", u32 stream version, u32 zero; then sections {u8 name
 * length, name, u32 instance, u32 version, u64 length, bytes}; the last one is "end", whose 8 bytes
 * are the checksum of everything before them. Integers have the size of their kind, a BOOL is one
 * byte 0 or 1, a TIMER is its deadline in 8 bytes (-1: not armed), arrays and structs follow each
 * other without padding.
 */
#include "core/state/state.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock/clock.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"

static const char state_magic[8] = {'V', 'E', 'M', 'U', 'S', 'T', 'A', 'T'};
static const char end_name[] = "end";
enum {
    STATE_STREAM_VERSION = 1,
    STATE_HEADER_SIZE = 16,
    STATE_NAME_MAX = sizeof((struct state_section *)0)->name - 1,
    STATE_DEPTH_MAX = 8,
};

/* A word-wise multiply-and-rotate hash in the manner of FNV: each step is a bijection of both its
 * inputs, so a change within one word always changes the result. */
uint64_t state_checksum(const void *data, size_t len)
{
    const uint64_t prime = UINT64_C(0x100000001b3);
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ len;
    const uint8_t *p = data;

    for (; len >= 8; len -= 8, p += 8) {
        h = (h ^ load_le64(p)) * prime;
        h = h << 29 | h >> 35;
    }
    if (len)
        h = (h ^ load_le(p, (unsigned)len)) * prime;
    h ^= h >> 32;
    h *= prime;
    return h ^ h >> 29;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* Bytes of one element in the stream, without a tail. */
static uint64_t fields_size(const struct state_field *fields, unsigned depth);

static uint64_t element_size(const struct state_field *f, unsigned depth)
{
    switch (f->kind) {
    case STATE_U8:
    case STATE_BOOL:
    case STATE_BYTES:
        return 1;
    case STATE_U16:
        return 2;
    case STATE_U32:
        return 4;
    case STATE_STRUCT:
        return fields_size(f->fields, depth + 1);
    default:
        return 8;
    }
}

/* Distance of array elements in the object. */
static size_t element_stride(const struct state_field *f)
{
    if (f->kind == STATE_STRUCT)
        return f->elem_size;
    if (f->kind == STATE_TIMER)
        return f->elem_size ? f->elem_size : sizeof(struct timer);
    if (f->kind == STATE_BOOL)
        return sizeof(bool);
    return element_size(f, 0);
}

static uint64_t fields_size(const struct state_field *fields, unsigned depth)
{
    uint64_t size = 0;

    for (const struct state_field *f = fields;
         f && f->kind < STATE_TAIL && depth <= STATE_DEPTH_MAX; f++)
        size += f->count * element_size(f, depth);
    return size;
}

enum walk_op { WALK_SAVE, WALK_CHECK, WALK_LOAD };

/* One walk for all directions: `stream` holds fields_size() bytes, written by SAVE. `path` of a bad
 * value goes into the error. */
struct walk {
    enum walk_op op;
    uint8_t *out;      /* SAVE */
    const uint8_t *in; /* CHECK, LOAD */
    const struct state_section *section;
    struct vemu_error **errp;
};

/* The tail of a table; NULL: it has none. */
static const struct state_field *find_tail(const struct state_field *fields)
{
    while (fields && fields->kind < STATE_TAIL)
        fields++;
    return fields && fields->kind == STATE_TAIL ? fields : NULL;
}

/* All but saving: there the room is not known beforehand. */
static bool walk_tail(struct walk *w, const struct state_field *f, uint8_t *member)
{
    uint64_t len = w->section->len - (uint64_t)(w->in - w->section->data);

    if (f->tail->load(w->op == WALK_LOAD ? member : NULL, w->in, len, w->errp))
        return true;
    error_prefix(w->errp, "saved state: section '%s' instance %u: %s: ", w->section->name,
                 w->section->instance, f->name);
    return false;
}

static bool bad_value(struct walk *w, const struct state_field *f, uint32_t index, uint64_t value,
                      const char *right, uint64_t limit)
{
    return error_set(w->errp, VEMU_ERROR_FORMAT,
                     "saved state: section '%s' instance %u: %s[%u] is 0x%llx, but %s%llx",
                     w->section->name, w->section->instance, f->name, index,
                     (unsigned long long)value, right, (unsigned long long)limit);
}

static bool walk_element(struct walk *w, const struct state_field *f, uint32_t index, uint8_t *obj,
                         uint64_t size)
{
    struct timer *timer = (struct timer *)(void *)obj;
    uint64_t value;

    if (w->op == WALK_SAVE) {
        if (f->kind == STATE_TIMER)
            value = (uint64_t)timer_deadline(timer);
        else if (f->kind == STATE_BOOL)
            value = *(const bool *)obj;
        else
            value = load_le(obj, (unsigned)size);
        store_le(w->out, value, (unsigned)size);
        w->out += size;
        return true;
    }
    value = load_le(w->in, (unsigned)size);
    w->in += size;
    if (w->op == WALK_CHECK) {
        if (f->kind == STATE_BOOL && value > 1)
            return bad_value(w, f, index, value, "a flag is 0 or ", 1);
        if (f->kind == STATE_TIMER && (int64_t)value < -1)
            return bad_value(w, f, index, value, "a deadline is at most 0x", INT64_MAX);
        if (f->kind < STATE_BOOL && f->max && value > f->max)
            return bad_value(w, f, index, value, "it may be at most 0x", f->max);
        return true;
    }
    if (f->kind == STATE_TIMER) {
        if ((int64_t)value < 0)
            timer_cancel(timer);
        else
            timer_set(timer, (int64_t)value);
    } else if (f->kind == STATE_BOOL) {
        *(bool *)obj = value != 0;
    } else {
        store_le(obj, value, (unsigned)size);
    }
    return true;
}

/* obj is not touched by CHECK and may be NULL there. */
static bool walk_fields(struct walk *w, const struct state_field *fields, uint8_t *obj,
                        unsigned depth)
{
    if (depth > STATE_DEPTH_MAX)
        return true;
    for (const struct state_field *f = fields; f && f->kind != STATE_END; f++) {
        uint8_t *member = obj ? obj + f->offset : NULL;

        if (f->kind == STATE_TAIL)
            return w->op == WALK_SAVE || depth || walk_tail(w, f, member);
        if (f->kind == STATE_BYTES) {
            if (w->op == WALK_SAVE) {
                memcpy(w->out, member, f->count);
                w->out += f->count;
            } else {
                if (w->op == WALK_LOAD)
                    memcpy(member, w->in, f->count);
                w->in += f->count;
            }
            continue;
        }
        for (uint32_t i = 0; i < f->count; i++) {
            uint8_t *element = member ? member + i * element_stride(f) : NULL;
            bool ok = f->kind == STATE_STRUCT
                          ? walk_fields(w, f->fields, element, depth + 1)
                          : walk_element(w, f, i, element, element_size(f, depth));
            if (!ok)
                return false;
        }
    }
    return true;
}

/* ---- writer ---------------------------------------------------------------------------------- */

struct state_writer {
    uint8_t *data;
    size_t len, capacity;
    size_t section; /* where the open section's data starts; 0: none */
    bool failed, finished;
};

/* Room for len more bytes, or NULL; the failure is remembered. */
static uint8_t *grow(struct state_writer *w, uint64_t len)
{
    if (w->failed)
        return NULL;
    if (len > w->capacity - w->len) {
        size_t wanted, capacity;
        uint8_t *data = NULL;

        if (!__builtin_add_overflow(w->len, len, &wanted) && wanted <= SIZE_MAX / 4) {
            capacity = MAX(w->capacity * 2, wanted + 4096);
            data = realloc(w->data, capacity);
        }
        if (!data) {
            w->failed = true;
            return NULL;
        }
        w->data = data;
        w->capacity = capacity;
    }
    w->len += len;
    return w->data + w->len - len;
}

struct state_writer *state_writer_new(void)
{
    struct state_writer *w = calloc(1, sizeof *w);
    uint8_t *p = w ? grow(w, STATE_HEADER_SIZE) : NULL;

    if (!p) {
        free(w);
        return NULL;
    }
    memcpy(p, state_magic, sizeof state_magic);
    store_le32(p + 8, STATE_STREAM_VERSION);
    store_le32(p + 12, 0);
    return w;
}

void state_writer_free(struct state_writer *w)
{
    if (w)
        free(w->data);
    free(w);
}

void state_begin_section(struct state_writer *w, const char *name, uint32_t instance,
                         uint32_t version)
{
    size_t len = strlen(name);
    uint8_t *p;

    if (!len || len > STATE_NAME_MAX || w->section || w->finished)
        w->failed = true;
    p = grow(w, 1 + len + 16);
    if (!p)
        return;
    *p = (uint8_t)len;
    memcpy(p + 1, name, len);
    store_le32(p + 1 + len, instance);
    store_le32(p + 5 + len, version);
    store_le64(p + 9 + len, 0);
    w->section = w->len;
}

void state_append(struct state_writer *w, const void *data, uint64_t len)
{
    uint8_t *p = w->section ? grow(w, len) : NULL;

    if (!p)
        w->failed = true;
    else if (len)
        memcpy(p, data, len);
}

bool state_end_section(struct state_writer *w)
{
    if (!w->section)
        w->failed = true;
    if (!w->failed)
        store_le64(w->data + w->section - 8, w->len - w->section);
    w->section = 0;
    return !w->failed;
}

bool state_save_section(struct state_writer *w, const char *name, uint32_t instance,
                        uint32_t version, const struct state_field *fields, const void *obj)
{
    const struct state_field *tail = find_tail(fields);
    const uint8_t *rest = tail ? (const uint8_t *)obj + tail->offset : NULL;
    struct walk walk = {.op = WALK_SAVE};

    state_begin_section(w, name, instance, version);
    walk.out = grow(w, fields_size(fields, 0) + (tail ? tail->tail->size(rest) : 0));
    if (walk.out)
        walk_fields(&walk, fields, (uint8_t *)obj, 0);
    if (walk.out && tail)
        tail->tail->save(rest, walk.out);
    return state_end_section(w);
}

bool state_save_blob(struct state_writer *w, const char *name, uint32_t instance, uint32_t version,
                     const void *data, uint64_t len)
{
    state_begin_section(w, name, instance, version);
    state_append(w, data, len);
    return state_end_section(w);
}

bool state_writer_finish(struct state_writer *w, const void **data, size_t *len)
{
    uint8_t sum[8] = {0};

    if (!w->finished) {
        if (!state_save_blob(w, end_name, 0, STATE_STREAM_VERSION, sum, sizeof sum))
            return false;
        store_le64(w->data + w->len - 8, state_checksum(w->data, w->len - 8));
        w->finished = true;
    }
    *data = w->data;
    *len = w->len;
    return !w->failed;
}

/* ---- reader ---------------------------------------------------------------------------------- */

struct state_reader {
    const uint8_t *data;
    size_t len, pos;
    bool ended;
};

static bool malformed(struct vemu_error **errp, size_t pos, const char *why)
{
    return error_set(errp, VEMU_ERROR_FORMAT, "saved state is damaged at byte %zu: %s", pos, why);
}

static bool is_end(const struct state_section *s)
{
    return strcmp(s->name, end_name) == 0;
}

/* The section at pos, which is moved past it. */
static bool parse_section(const struct state_reader *r, size_t *pos, struct state_section *s,
                          struct vemu_error **errp)
{
    size_t start = *pos, left = r->len - start, name_len;
    const uint8_t *p = r->data + start;

    if (left < 1 || !p[0] || p[0] > STATE_NAME_MAX || left < 1u + p[0] + 16)
        return malformed(errp, start, "a section header was expected");
    name_len = p[0];
    memset(s, 0, sizeof *s);
    memcpy(s->name, p + 1, name_len);
    for (size_t i = 0; i < name_len; i++) {
        if (s->name[i] < 0x20 || s->name[i] > 0x7e)
            return malformed(errp, start, "a section name is not text");
    }
    p += 1 + name_len;
    left -= 1 + name_len + 16;
    s->instance = load_le32(p);
    s->version = load_le32(p + 4);
    s->len = load_le64(p + 8);
    if (s->len > left)
        return malformed(errp, start, "a section is longer than the rest of the file");
    s->data = p + 16;
    *pos = (size_t)(s->data - r->data) + s->len;
    return true;
}

/* Walk over all sections to the end section. */
static bool check_stream(struct state_reader *r, struct vemu_error **errp)
{
    size_t pos = STATE_HEADER_SIZE;
    struct state_section s;

    do {
        if (pos == r->len)
            return malformed(errp, pos, "the end section is missing");
        if (!parse_section(r, &pos, &s, errp))
            return false;
    } while (!is_end(&s));
    if (s.len != 8 || s.instance || s.version != STATE_STREAM_VERSION || pos != r->len)
        return malformed(errp, pos, "the end section is not at the end");
    if (load_le64(s.data) != state_checksum(r->data, r->len - 8))
        return malformed(errp, pos, "the checksum does not match");
    return true;
}

struct state_reader *state_reader_new(const void *data, size_t len, struct vemu_error **errp)
{
    struct state_reader *r;
    const uint8_t *p = data;

    if (len < STATE_HEADER_SIZE || memcmp(data, state_magic, sizeof state_magic) != 0) {
        error_set(errp, VEMU_ERROR_FORMAT,
                  "this is no saved state: it does not start with VEMUSTAT");
        return NULL;
    }
    if (load_le32(p + 8) != STATE_STREAM_VERSION || load_le32(p + 12) != 0) {
        error_set(errp, VEMU_ERROR_FORMAT,
                  "saved state has stream version %u: this build reads version %d",
                  load_le32(p + 8), STATE_STREAM_VERSION);
        return NULL;
    }
    r = calloc(1, sizeof *r);
    if (!r) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    r->data = data;
    r->len = len;
    r->pos = STATE_HEADER_SIZE;
    if (!check_stream(r, errp)) {
        free(r);
        return NULL;
    }
    return r;
}

void state_reader_free(struct state_reader *r)
{
    free(r);
}

bool state_reader_next(struct state_reader *r, struct state_section *s, struct vemu_error **errp)
{
    if (r->ended || !parse_section(r, &r->pos, s, errp))
        return false;
    r->ended = is_end(s);
    return !r->ended;
}

bool state_check_section(const struct state_section *s, uint32_t version,
                         const struct state_field *fields, struct vemu_error **errp)
{
    struct walk walk = {.op = WALK_CHECK, .in = s->data, .section = s, .errp = errp};
    uint64_t size = fields_size(fields, 0);

    if (s->version != version) {
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state: section '%s' instance %u has version %u: this build reads "
                         "version %u",
                         s->name, s->instance, s->version, version);
    }
    if (find_tail(fields) ? s->len < size : s->len != size) {
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state: section '%s' instance %u has %llu bytes instead of %llu%s",
                         s->name, s->instance, (unsigned long long)s->len, (unsigned long long)size,
                         find_tail(fields) ? " or more" : "");
    }
    return walk_fields(&walk, fields, NULL, 0);
}

bool state_load_section(const struct state_section *s, uint32_t version,
                        const struct state_field *fields, void *obj, struct vemu_error **errp)
{
    struct walk walk = {.op = WALK_LOAD, .in = s->data, .section = s, .errp = errp};

    return state_check_section(s, version, fields, errp) && walk_fields(&walk, fields, obj, 0);
}
