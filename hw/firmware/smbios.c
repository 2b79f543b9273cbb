/* SMBIOS structures; see smbios.h. */
#include "hw/firmware/smbios.h"

#include <string.h>

#include "core/util/endian.h"
#include "core/util/range.h"

enum {
    TYPE_SYSTEM = 1,
    TYPE_CHASSIS = 3,
    TYPE_PROCESSOR = 4,
    TYPE_MEMORY_ARRAY = 16,
    TYPE_MEMORY_DEVICE = 17,
    TYPE_MEMORY_MAPPED = 19,
    TYPE_BOOT_STATUS = 32,
    TYPE_END = 127,
};
/* Handles: by type, and counted where there are several. */
#define HANDLE(type, n) ((uint16_t)((type) << 8 | (n)))
#define UNKNOWN_HANDLE 0xfffe
#define DEVICE_MAX (UINT64_C(16) << 30) /* a DIMM's size */

/* One structure: a formatted part, then its strings. */
struct writer {
    struct smbios *out;
    uint8_t *start; /* NULL: no room any more */
    uint8_t strings[256];
    size_t strings_len;
    uint8_t string_count;
    uint16_t count, largest;
};

static void begin(struct writer *w, uint8_t type, uint8_t len, uint16_t handle)
{
    bool room = w->out->len + len + sizeof w->strings + 2 <= SMBIOS_ROOM;
    w->start = room ? w->out->tables + w->out->len : NULL;
    w->strings_len = w->string_count = 0;
    if (!w->start)
        return;
    memset(w->start, 0, len);
    w->start[0] = type;
    w->start[1] = len;
    store_le16(w->start + 2, handle);
}

static void put8(struct writer *w, unsigned offset, uint8_t value)
{
    if (w->start)
        w->start[offset] = value;
}
static void put16(struct writer *w, unsigned offset, uint16_t value)
{
    if (w->start)
        store_le16(w->start + offset, value);
}
static void put32(struct writer *w, unsigned offset, uint32_t value)
{
    if (w->start)
        store_le32(w->start + offset, value);
}

static void put_string(struct writer *w, unsigned offset, const char *text)
{
    size_t len = strlen(text) + 1;
    if (len == 1 || w->strings_len + len > sizeof w->strings)
        return;
    memcpy(w->strings + w->strings_len, text, len);
    w->strings_len += len;
    put8(w, offset, ++w->string_count);
}

static void end(struct writer *w)
{
    if (!w->start)
        return;
    uint8_t *at = w->start + w->start[1];
    memcpy(at, w->strings, w->strings_len);
    at += w->strings_len;
    *at++ = 0; /* ends the set of strings; without strings two of them do */
    if (!w->strings_len)
        *at++ = 0;
    uint16_t size = (uint16_t)(at - w->start);
    w->out->len += size;
    w->largest = MAX(w->largest, size);
    w->count++;
}

static void system_information(struct writer *w, const struct smbios_config *cfg)
{
    begin(w, TYPE_SYSTEM, 27, HANDLE(TYPE_SYSTEM, 0));
    put_string(w, 4, "vemu");
    put_string(w, 5, "Virtual PC");
    put_string(w, 6, cfg->machine);
    if (cfg->uuid && w->start) {
        /* The first three fields are little-endian here. */
        static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
        for (unsigned n = 0; n < 16; n++)
            w->start[8 + n] = cfg->uuid[order[n]];
    }
    put8(w, 24, 6); /* woken by the power switch */
    end(w);

    begin(w, TYPE_CHASSIS, 22, HANDLE(TYPE_CHASSIS, 0));
    put_string(w, 4, "vemu");
    put8(w, 5, 1); /* other */
    put_string(w, 6, cfg->machine);
    put8(w, 9, 3); /* boot-up, power supply and thermal states: safe */
    put8(w, 10, 3);
    put8(w, 11, 3);
    put8(w, 12, 2); /* security: unknown */
    end(w);
}

static void processor(struct writer *w, const struct smbios_config *cfg)
{
    begin(w, TYPE_PROCESSOR, 42, HANDLE(TYPE_PROCESSOR, 0));
    put_string(w, 4, "CPU 0");
    put8(w, 5, 3); /* central processor */
    put8(w, 6, 1); /* family: other */
    put_string(w, 7, cfg->cpu_vendor);
    put32(w, 8, cfg->cpu_signature);
    put32(w, 12, cfg->cpu_features);
    put_string(w, 16, cfg->cpu_brand);
    put16(w, 20, 2000); /* MHz: the most, and at present */
    put16(w, 22, 2000);
    put8(w, 24, 0x41); /* populated, enabled */
    put8(w, 25, 1);    /* upgrade: other */
    put16(w, 26, 0xffff);
    put16(w, 28, 0xffff);
    put16(w, 30, 0xffff); /* caches: not provided */
    uint8_t cores = (uint8_t)MIN(cfg->cpus, 255u);
    put8(w, 35, cores);
    put8(w, 36, cores);
    put8(w, 37, cores);
    put16(w, 38, 2); /* characteristics: unknown */
    put16(w, 40, 1);
    end(w);
}

static void mapped(struct writer *w, unsigned n, uint64_t start, uint64_t size)
{
    if (!size)
        return;
    begin(w, TYPE_MEMORY_MAPPED, 31, HANDLE(TYPE_MEMORY_MAPPED, n));
    put32(w, 4, (uint32_t)(start >> 10));
    put32(w, 8, (uint32_t)((start + size - 1) >> 10));
    put16(w, 12, HANDLE(TYPE_MEMORY_ARRAY, 0));
    put8(w, 14, 1);
    end(w);
}

static void memory(struct writer *w, const struct smbios_config *cfg)
{
    uint64_t size = cfg->below_4g + cfg->above_4g;
    /* Large machines have larger modules, of which there is still a moderate number. */
    uint64_t module = DEVICE_MAX;
    while (size / module >= 8)
        module *= 2;
    unsigned devices = (unsigned)((size + module - 1) / module);

    begin(w, TYPE_MEMORY_ARRAY, 23, HANDLE(TYPE_MEMORY_ARRAY, 0));
    put8(w, 4, 1);            /* location: other */
    put8(w, 5, 3);            /* system memory */
    put8(w, 6, 6);            /* multi-bit ECC */
    put32(w, 7, 0x80000000u); /* the capacity is at 15 */
    put16(w, 11, UNKNOWN_HANDLE);
    put16(w, 13, (uint16_t)devices);
    put32(w, 15, (uint32_t)size);
    put32(w, 19, (uint32_t)(size >> 32));
    end(w);
    for (unsigned n = 0; n < devices; n++) {
        uint64_t mib = MIN(module, size - n * module) >> 20;
        begin(w, TYPE_MEMORY_DEVICE, 40, HANDLE(TYPE_MEMORY_DEVICE, n));
        put16(w, 4, HANDLE(TYPE_MEMORY_ARRAY, 0));
        put16(w, 6, UNKNOWN_HANDLE);
        put16(w, 8, 0xffff); /* widths: unknown */
        put16(w, 10, 0xffff);
        put16(w, 12, mib < 0x7fff ? (uint16_t)mib : 0x7fff);
        put8(w, 14, 9); /* DIMM */
        put_string(w, 16, "DIMM");
        put8(w, 18, 7); /* RAM */
        put16(w, 19, 2);
        put32(w, 28, mib < 0x7fff ? 0 : (uint32_t)mib);
        end(w);
    }
    mapped(w, 0, 0, cfg->below_4g);
    mapped(w, 1, UINT64_C(1) << 32, cfg->above_4g);
}

static uint8_t checksum(const uint8_t *data, size_t len)
{
    uint8_t sum = 0;
    while (len--)
        sum = (uint8_t)(sum + *data++);
    return (uint8_t)-sum;
}

static void build_anchor(struct smbios *out, const struct writer *w)
{
    uint8_t *a = out->anchor;
    memset(a, 0, SMBIOS_ANCHOR);
    memcpy(a, "_SM_", 4);
    a[5] = SMBIOS_ANCHOR;
    a[6] = 2;
    a[7] = 8;
    store_le16(a + 8, w->largest);
    memcpy(a + 16, "_DMI_", 5);
    store_le16(a + 22, (uint16_t)out->len);
    store_le16(a + 28, w->count);
    a[30] = 0x28;
    a[21] = checksum(a + 16, 15);
    a[4] = checksum(a, SMBIOS_ANCHOR);
}

void smbios_build(struct smbios *out, const struct smbios_config *cfg)
{
    struct writer w = {.out = out};
    out->len = 0;
    system_information(&w, cfg);
    processor(&w, cfg);
    memory(&w, cfg);
    begin(&w, TYPE_BOOT_STATUS, 11, HANDLE(TYPE_BOOT_STATUS, 0));
    end(&w);
    begin(&w, TYPE_END, 4, HANDLE(TYPE_END, 0));
    end(&w);
    build_anchor(out, &w);
}
