/*
 * A block of ACPI tables under construction: one growing buffer with tables, one after the other,
 * and at the end RSDT, XSDT and RSDP. ACPI Specification 6.x, chapter "ACPI Software Programming
 * Model". Failures stick and show at the end.
 */
#ifndef HW_ACPI_BLOCK_H
#define HW_ACPI_BLOCK_H

#include "hw/acpi/aml.h"
#include "hw/acpi/tables.h"

enum { ACPI_HEADER_LEN = 36 };
enum acpi_gas_space { ACPI_GAS_MEMORY = 0, ACPI_GAS_IO = 1 };

struct acpi_block {
    struct aml buf; /* without packages */
    uint64_t address;
    struct acpi_tables *out;
    size_t listed[ACPI_MAX_TABLES]; /* offsets of what RSDT and XSDT point to */
    unsigned listed_count;
};

/* address: of the block in guest memory, as in acpi_tables_build. */
void acpi_block_init(struct acpi_block *b, struct acpi_tables *out, uint64_t address);
void acpi_put(struct acpi_block *b, uint64_t v, unsigned size);
void acpi_zeros(struct acpi_block *b, size_t len);
/* There is an address in the block at that offset. */
void acpi_note_pointer(struct acpi_block *b, size_t offset, uint8_t size);
/* Opens a table: returns its offset in the block. */
size_t acpi_table_begin(struct acpi_block *b, const char *signature, unsigned revision);
void acpi_table_end(struct acpi_block *b, size_t at);
void acpi_list(struct acpi_block *b, size_t table);
/* A generic address structure of 12 bytes. */
void acpi_gas(uint8_t *p, enum acpi_gas_space space, unsigned bits, uint64_t address);
/* Whole tables: the code is freed; buses from 0 on. */
size_t acpi_add_dsdt(struct acpi_block *b, struct aml *code);
size_t acpi_build_mcfg(struct acpi_block *b, uint64_t ecam, unsigned buses);
/* Fills `out`; on failure it is empty. */
bool acpi_block_finish(struct acpi_block *b, size_t max, struct vemu_error **errp);

#endif
