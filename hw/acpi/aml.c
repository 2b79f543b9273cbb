/* AML builder; see aml.h. */
#include "hw/acpi/aml.h"

#include <stdlib.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/hex.h"

enum {
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_DUAL_NAME = 0x2e,
    OP_MULTI_NAME = 0x2f,
    OP_EXT = 0x5b,
    OP_IF = 0xa0,
    OP_ELSE = 0xa1,
    EXT_MUTEX = 0x01,
    EXT_ACQUIRE = 0x23,
    EXT_RELEASE = 0x27,
    EXT_OP_REGION = 0x80,
    EXT_FIELD = 0x81,
    EXT_DEVICE = 0x82,
};

void aml_init(struct aml *a)
{
    *a = (struct aml){0};
}

void aml_free(struct aml *a)
{
    free(a->data);
    aml_init(a);
}

bool aml_ok(const struct aml *a)
{
    return !a->failed && !a->depth;
}

static bool reserve(struct aml *a, size_t len)
{
    if (a->failed)
        return false;
    if (a->cap - a->len >= len)
        return true;
    size_t cap = a->cap ? a->cap : 4096;
    while (cap - a->len < len)
        cap *= 2;
    uint8_t *data = realloc(a->data, cap);
    if (!data) {
        a->failed = true;
        return false;
    }
    a->data = data;
    a->cap = cap;
    return true;
}

void aml_bytes(struct aml *a, const void *data, size_t len)
{
    if (!reserve(a, len))
        return;
    memcpy(a->data + a->len, data, len);
    a->len += len;
}

static void put8(struct aml *a, unsigned v)
{
    uint8_t b = (uint8_t)v;
    aml_bytes(a, &b, 1);
}

static void put_le(struct aml *a, uint64_t v, unsigned size)
{
    uint8_t b[8];
    store_le64(b, v);
    aml_bytes(a, b, size);
}

void aml_op(struct aml *a, enum aml_op op)
{
    put8(a, op);
}

/* ---- lengths --------------------------------------------------------------------------------- */

static void open_package(struct aml *a)
{
    if (a->depth == AML_MAX_DEPTH)
        a->failed = true;
    else
        a->open[a->depth++] = a->len;
}

/* PkgLength counts itself; its size depends on its value, so it is put in when the content is
 * known. */
void aml_end(struct aml *a)
{
    if (!a->depth) {
        a->failed = true;
        return;
    }
    size_t at = a->open[--a->depth], content = a->len - at;
    uint8_t enc[4];
    unsigned n = content + 1 < 0x40 ? 1 : content + 2 < 0x1000 ? 2 : content + 3 < 0x100000 ? 3 : 4;
    uint32_t value = (uint32_t)(content + n);

    if (a->failed || !reserve(a, n))
        return;
    if (n == 1) {
        enc[0] = (uint8_t)value;
    } else {
        enc[0] = (uint8_t)((n - 1) << 6 | (value & 15));
        for (unsigned i = 1; i < n; i++)
            enc[i] = (uint8_t)(value >> (4 + 8 * (i - 1)));
    }
    memmove(a->data + at + n, a->data + at, content);
    memcpy(a->data + at, enc, n);
    a->len += n;
}

/* ---- terms ----------------------------------------------------------------------------------- */

void aml_path(struct aml *a, const char *path)
{
    unsigned segments = 1;
    if (*path == '\\')
        put8(a, (uint8_t)*path++);
    while (*path == '^')
        put8(a, (uint8_t)*path++);
    for (const char *p = path; *p; p++)
        segments += *p == '.';
    if (!*path) {
        put8(a, 0);
        return;
    }
    if (segments == 2) {
        put8(a, OP_DUAL_NAME);
    } else if (segments > 2) {
        put8(a, OP_MULTI_NAME);
        put8(a, segments);
    }
    while (*path) {
        for (unsigned i = 0; i < 4; i++)
            put8(a, *path && *path != '.' ? (uint8_t)*path++ : '_');
        if (*path == '.')
            path++;
        else if (*path)
            a->failed = true; /* a segment of more than four characters */
        if (a->failed)
            return;
    }
}

void aml_int(struct aml *a, uint64_t value)
{
    if (value <= 1) {
        put8(a, (unsigned)value);
    } else if (value <= UINT8_MAX) {
        put8(a, OP_BYTE);
        put_le(a, value, 1);
    } else if (value <= UINT16_MAX) {
        put8(a, OP_WORD);
        put_le(a, value, 2);
    } else if (value <= UINT32_MAX) {
        put8(a, OP_DWORD);
        put_le(a, value, 4);
    } else {
        put8(a, OP_QWORD);
        put_le(a, value, 8);
    }
}

void aml_string(struct aml *a, const char *text)
{
    put8(a, OP_STRING);
    aml_bytes(a, text, strlen(text) + 1);
}

/* Three letters of five bits and four hexadecimal digits, big-endian. */
void aml_eisaid(struct aml *a, const char *id)
{
    if (strlen(id) != 7) {
        a->failed = true;
        return;
    }
    uint32_t v = (uint32_t)(id[0] - 0x40) << 26 | (uint32_t)(id[1] - 0x40) << 21 |
                 (uint32_t)(id[2] - 0x40) << 16;
    for (unsigned i = 0; i < 4; i++) {
        int digit = hex_digit(id[3 + i]);
        a->failed |= digit < 0;
        v |= (uint32_t)(digit & 15) << (12 - 4 * i);
    }
    put8(a, OP_DWORD);
    put_le(a, __builtin_bswap32(v), 4);
}

void aml_name(struct aml *a, const char *name)
{
    put8(a, OP_NAME);
    aml_path(a, name);
}

void aml_name_int(struct aml *a, const char *name, uint64_t value)
{
    aml_name(a, name);
    aml_int(a, value);
}

void aml_name_eisaid(struct aml *a, const char *name, const char *id)
{
    aml_name(a, name);
    aml_eisaid(a, id);
}

void aml_scope(struct aml *a, const char *path)
{
    put8(a, OP_SCOPE);
    open_package(a);
    aml_path(a, path);
}

void aml_device(struct aml *a, const char *name)
{
    put8(a, OP_EXT);
    put8(a, EXT_DEVICE);
    open_package(a);
    aml_path(a, name);
}

void aml_method(struct aml *a, const char *name, unsigned args, bool serialized)
{
    put8(a, OP_METHOD);
    open_package(a);
    aml_path(a, name);
    put8(a, (args & 7) | (serialized ? 8u : 0));
}

void aml_if(struct aml *a)
{
    put8(a, OP_IF);
    open_package(a);
}

void aml_else(struct aml *a)
{
    put8(a, OP_ELSE);
    open_package(a);
}

void aml_package(struct aml *a, uint8_t elements)
{
    put8(a, OP_PACKAGE);
    open_package(a);
    put8(a, elements);
}

void aml_mutex(struct aml *a, const char *name)
{
    put8(a, OP_EXT);
    put8(a, EXT_MUTEX);
    aml_path(a, name);
    put8(a, 0); /* SyncLevel */
}

void aml_acquire(struct aml *a, const char *name)
{
    put8(a, OP_EXT);
    put8(a, EXT_ACQUIRE);
    aml_path(a, name);
    put_le(a, UINT16_MAX, 2);
}

void aml_release(struct aml *a, const char *name)
{
    put8(a, OP_EXT);
    put8(a, EXT_RELEASE);
    aml_path(a, name);
}

void aml_op_region(struct aml *a, const char *name, enum aml_region_space space, uint64_t offset,
                   uint64_t len)
{
    put8(a, OP_EXT);
    put8(a, EXT_OP_REGION);
    aml_path(a, name);
    put8(a, space);
    aml_int(a, offset);
    aml_int(a, len);
}

void aml_field(struct aml *a, const char *region, enum aml_field_access access)
{
    put8(a, OP_EXT);
    put8(a, EXT_FIELD);
    open_package(a);
    aml_path(a, region);
    put8(a, access); /* no lock, preserve */
}

void aml_field_unit(struct aml *a, const char *name, unsigned bits)
{
    if (name)
        aml_path(a, name);
    else
        put8(a, 0);
    /* A PkgLength that does not count itself. */
    if (bits < 0x40) {
        put8(a, bits);
    } else {
        put8(a, 0x40 | (bits & 15));
        put8(a, bits >> 4);
    }
}

/* ---- resource descriptors -------------------------------------------------------------------- */

void aml_buffer(struct aml *a, const void *data, uint8_t len)
{
    put8(a, OP_BUFFER);
    open_package(a);
    aml_int(a, len);
    aml_bytes(a, data, len);
    aml_end(a);
}

void aml_resources(struct aml *a)
{
    put8(a, OP_BUFFER);
    open_package(a);
    put8(a, OP_WORD);
    a->resources = a->len;
    put_le(a, 0, 2);
}

void aml_resources_end(struct aml *a)
{
    static const uint8_t end_tag[2] = {0x79, 0}; /* checksum 0: not checked */
    aml_bytes(a, end_tag, sizeof end_tag);
    if (!a->failed)
        store_le16(a->data + a->resources, (uint16_t)(a->len - a->resources - 2));
    aml_end(a);
}

void aml_res_io(struct aml *a, uint16_t base, uint8_t len)
{
    put8(a, 0x47);
    put8(a, 1); /* decodes 16 bits */
    put_le(a, base, 2);
    put_le(a, base, 2);
    put8(a, 1);
    put8(a, len);
}

void aml_res_irq(struct aml *a, unsigned irq)
{
    put8(a, 0x22);
    put_le(a, UINT64_C(1) << irq, 2);
}

void aml_res_memory32(struct aml *a, uint32_t base, uint32_t len, bool writable)
{
    put8(a, 0x86);
    put_le(a, 9, 2);
    put8(a, writable);
    put_le(a, base, 4);
    put_le(a, len, 4);
}

void aml_res_interrupts(struct aml *a, const uint32_t *gsis, uint8_t count, bool shared)
{
    put8(a, 0x89);
    put_le(a, 2 + 4u * count, 2);
    put8(a, 1 | (shared ? 8u : 0)); /* consumer, level, active high */
    put8(a, count);
    for (unsigned i = 0; i < count; i++)
        put_le(a, gsis[i], 4);
}

/* Address space descriptor of width bytes: producer, minimum and maximum fixed. */
static void address_range(struct aml *a, unsigned width, unsigned type, unsigned type_flags,
                          uint64_t first, uint64_t last, uint64_t translation)
{
    put8(a, width == 2 ? 0x88 : width == 4 ? 0x87 : 0x8a);
    put_le(a, 3 + 5 * width, 2);
    put8(a, type);
    put8(a, 0x0c);
    put8(a, type_flags);
    put_le(a, 0, width); /* granularity */
    put_le(a, first, width);
    put_le(a, last, width);
    put_le(a, translation, width);
    put_le(a, last - first + 1, width);
}

void aml_res_bus_range(struct aml *a, uint16_t first, uint16_t last)
{
    address_range(a, 2, 2, 0, first, last, 0);
}

void aml_res_io_range(struct aml *a, uint16_t first, uint16_t last)
{
    address_range(a, 2, 1, 3 /* whole range */, first, last, 0);
}

void aml_res_io_window(struct aml *a, uint16_t first, uint16_t last, uint32_t address)
{
    address_range(a, 4, 1, 3, first, last, address);
}

void aml_res_memory_range(struct aml *a, uint64_t first, uint64_t last)
{
    address_range(a, last <= UINT32_MAX ? 4 : 8, 0, 1 /* read-write, not cacheable */, first, last,
                  0);
}
