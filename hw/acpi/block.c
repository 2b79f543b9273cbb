/* A block of ACPI tables; see block.h. */
#include "hw/acpi/block.h"

#include <stdlib.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"

enum { HEADER_LENGTH = 4, HEADER_CHECKSUM = 9 };

void acpi_block_init(struct acpi_block *b, struct acpi_tables *out, uint64_t address)
{
    *out = (struct acpi_tables){0};
    *b = (struct acpi_block){.address = address, .out = out};
    aml_init(&b->buf);
}

void acpi_note_pointer(struct acpi_block *b, size_t offset, uint8_t size)
{
    struct acpi_tables *out = b->out;
    if (out->pointer_count == ACPI_MAX_POINTERS) {
        b->buf.failed = true;
        return;
    }
    out->pointers[out->pointer_count].offset = (uint32_t)offset;
    out->pointers[out->pointer_count++].size = size;
}

void acpi_put(struct acpi_block *b, uint64_t v, unsigned size)
{
    uint8_t bytes[8];
    store_le64(bytes, v);
    aml_bytes(&b->buf, bytes, size);
}

void acpi_zeros(struct acpi_block *b, size_t len)
{
    static const uint8_t zero[64];
    for (; len; len -= MIN(len, sizeof zero))
        aml_bytes(&b->buf, zero, MIN(len, sizeof zero));
}

static void align(struct acpi_block *b, size_t to)
{
    acpi_zeros(b, (size_t)align_up(b->buf.len, to) - b->buf.len);
}

static uint8_t checksum(const uint8_t *data, size_t len)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + data[i]);
    return (uint8_t)-sum;
}

/* Opens a table: returns its offset in the block. */
size_t acpi_table_begin(struct acpi_block *b, const char *signature, unsigned revision)
{
    align(b, 16);
    size_t at = b->buf.len;
    aml_bytes(&b->buf, signature, 4);
    acpi_put(b, 0, 4); /* length */
    acpi_put(b, revision, 1);
    acpi_put(b, 0, 1); /* checksum */
    aml_bytes(&b->buf, "VEMU  ", 6);
    aml_bytes(&b->buf, "VEMUBRD ", 8);
    acpi_put(b, 1, 4);
    aml_bytes(&b->buf, "VEMU", 4);
    acpi_put(b, 1, 4);
    return at;
}

void acpi_table_end(struct acpi_block *b, size_t at)
{
    if (b->buf.failed)
        return;
    uint8_t *t = b->buf.data + at;
    size_t len = b->buf.len - at;
    store_le32(t + HEADER_LENGTH, (uint32_t)len);
    t[HEADER_CHECKSUM] = 0;
    t[HEADER_CHECKSUM] = checksum(t, len);
    struct acpi_tables *out = b->out;
    if (out->table_count == ACPI_MAX_TABLES) {
        b->buf.failed = true;
        return;
    }
    out->tables[out->table_count].offset = (uint32_t)at;
    out->tables[out->table_count++].len = (uint32_t)len;
}

/* Generic address structure. */
void acpi_gas(uint8_t *p, enum acpi_gas_space space, unsigned bits, uint64_t address)
{
    p[0] = (uint8_t)space;
    p[1] = (uint8_t)bits;
    p[2] = 0;
    p[3] = bits == 8 ? 1 : bits == 16 ? 2 : 3;
    store_le64(p + 4, address);
}

void acpi_list(struct acpi_block *b, size_t table)
{
    if (b->listed_count == ACPI_MAX_TABLES)
        b->buf.failed = true;
    else
        b->listed[b->listed_count++] = table;
}

size_t acpi_add_dsdt(struct acpi_block *b, struct aml *code)
{
    size_t at = acpi_table_begin(b, "DSDT", 2);
    if (aml_ok(code))
        aml_bytes(&b->buf, code->data, code->len);
    else
        b->buf.failed = true;
    aml_free(code);
    acpi_table_end(b, at);
    return at;
}

size_t acpi_build_mcfg(struct acpi_block *b, uint64_t ecam, unsigned buses)
{
    size_t at = acpi_table_begin(b, "MCFG", 1);
    acpi_put(b, 0, 8);
    acpi_put(b, ecam, 8);
    acpi_put(b, 0, 2);         /* segment */
    acpi_put(b, 0, 1);         /* first bus */
    acpi_put(b, buses - 1, 1); /* last bus */
    acpi_put(b, 0, 4);
    acpi_table_end(b, at);
    return at;
}

/* ---- the end --------------------------------------------------------------------------------- */

static size_t build_root(struct acpi_block *b, const char *signature, uint8_t size)
{
    size_t at = acpi_table_begin(b, signature, 1);
    for (unsigned i = 0; i < b->listed_count; i++) {
        acpi_note_pointer(b, b->buf.len, size);
        acpi_put(b, b->address + b->listed[i], size);
    }
    acpi_table_end(b, at);
    return at;
}

static void build_rsdp(uint8_t rsdp[36], uint64_t rsdt, uint64_t xsdt)
{
    memset(rsdp, 0, 36);
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "VEMU  ", 6);
    rsdp[15] = 2;
    store_le32(rsdp + 16, (uint32_t)rsdt);
    store_le32(rsdp + 20, 36);
    store_le64(rsdp + 24, xsdt);
    rsdp[8] = checksum(rsdp, 20);
    rsdp[32] = checksum(rsdp, 36);
}

bool acpi_block_finish(struct acpi_block *b, size_t max, struct vemu_error **errp)
{
    struct acpi_tables *out = b->out;
    size_t rsdt = build_root(b, "RSDT", 4), xsdt = build_root(b, "XSDT", 8), len = b->buf.len;
    bool ok = aml_ok(&b->buf);

    if (ok && len <= max) {
        build_rsdp(out->rsdp, b->address + rsdt, b->address + xsdt);
        out->data = b->buf.data;
        out->len = len;
        return true;
    }
    aml_free(&b->buf);
    *out = (struct acpi_tables){0};
    return ok ? error_set(errp, VEMU_ERROR_INVALID,
                          "ACPI tables of %zu bytes do not fit in the %zu set aside for them", len,
                          max)
              : error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory to build the ACPI tables");
}

void acpi_tables_free(struct acpi_tables *t)
{
    free(t->data);
    *t = (struct acpi_tables){0};
}
