/* The table loader's script; see loader.h. */
#include "hw/acpi/loader.h"

#include <string.h>

#include "core/util/endian.h"
#include "hw/acpi/tables.h"

enum { CMD_ALLOCATE = 1, CMD_ADD_POINTER = 2, CMD_ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };
enum { FILE_NAME = 56, TABLE_CHECKSUM = 9 };
/* RSDP: checksums of the first part and of all, and the pointers. */
enum { RSDP_CHECKSUM = 8, RSDP_V1_LEN = 20, RSDP_RSDT = 16, RSDP_XSDT = 24, RSDP_X_CHECKSUM = 32 };

struct script {
    uint8_t *out;
    size_t len;
};

static uint8_t *entry(struct script *s, uint32_t command, const char *file)
{
    uint8_t *e = s->out + s->len;
    if (s->len == ACPI_LOADER_LEN)
        e -= ACPI_LOADER_ENTRY; /* the tables have fewer pointers than there is room for */
    else
        s->len += ACPI_LOADER_ENTRY;
    memset(e, 0, ACPI_LOADER_ENTRY);
    store_le32(e, command);
    strncpy((char *)e + 4, file, FILE_NAME - 1);
    return e + 4 + FILE_NAME;
}

static void allocate(struct script *s, const char *file, uint32_t align, uint8_t zone)
{
    uint8_t *e = entry(s, CMD_ALLOCATE, file);
    store_le32(e, align);
    e[4] = zone;
}

/* The field holds an offset in the tables; their address is added to it. */
static void add_pointer(struct script *s, const char *file, uint32_t offset, uint8_t size)
{
    uint8_t *e = entry(s, CMD_ADD_POINTER, file);
    strncpy((char *)e, ACPI_LOADER_TABLES, FILE_NAME - 1);
    store_le32(e + FILE_NAME, offset);
    e[FILE_NAME + 4] = size;
}

static void add_checksum(struct script *s, const char *file, uint8_t *data, uint32_t at,
                         uint32_t start, uint32_t len)
{
    data[at] = 0;
    uint8_t *e = entry(s, CMD_ADD_CHECKSUM, file);
    store_le32(e, at);
    store_le32(e + 4, start);
    store_le32(e + 8, len);
}

void acpi_loader_script(struct acpi_tables *t, uint8_t out[ACPI_LOADER_LEN])
{
    struct script s = {.out = out};
    memset(out, 0, ACPI_LOADER_LEN);
    allocate(&s, ACPI_LOADER_RSDP, 16, ZONE_FSEG);
    allocate(&s, ACPI_LOADER_TABLES, 64, ZONE_HIGH);
    for (unsigned n = 0; n < t->pointer_count; n++)
        add_pointer(&s, ACPI_LOADER_TABLES, t->pointers[n].offset, t->pointers[n].size);
    for (unsigned n = 0; n < t->table_count; n++)
        add_checksum(&s, ACPI_LOADER_TABLES, t->data, t->tables[n].offset + TABLE_CHECKSUM,
                     t->tables[n].offset, t->tables[n].len);
    add_pointer(&s, ACPI_LOADER_RSDP, RSDP_RSDT, 4);
    add_pointer(&s, ACPI_LOADER_RSDP, RSDP_XSDT, 8);
    add_checksum(&s, ACPI_LOADER_RSDP, t->rsdp, RSDP_CHECKSUM, 0, RSDP_V1_LEN);
    add_checksum(&s, ACPI_LOADER_RSDP, t->rsdp, RSDP_X_CHECKSUM, 0, sizeof t->rsdp);
}
