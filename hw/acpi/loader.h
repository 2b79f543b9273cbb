/*
 * The table loader's script: how firmware puts ACPI tables that it reads through fw_cfg into
 * memory, makes their pointers addresses and their checksums right. The commands are described in
 * "QEMU firmware/ACPI linker-loader" as firmware implements it. A pure function of the tables.
 */
#ifndef HW_ACPI_LOADER_H
#define HW_ACPI_LOADER_H

#include <stddef.h>
#include <stdint.h>

struct acpi_tables;

/* The fw_cfg files the script speaks of: tables built for address 0, and the RSDP. */
#define ACPI_LOADER_TABLES "etc/acpi/tables"
#define ACPI_LOADER_RSDP "etc/acpi/rsdp"
#define ACPI_LOADER_SCRIPT "etc/table-loader"
enum { ACPI_LOADER_ENTRY = 128, ACPI_LOADER_ENTRIES = 64 };

enum { ACPI_LOADER_LEN = ACPI_LOADER_ENTRIES * ACPI_LOADER_ENTRY };

/* Always of the same length: what is not used is zeros, a command that firmware skips. The
 * checksums in t become zero: some firmware sums up what is there when it computes them. */
void acpi_loader_script(struct acpi_tables *t, uint8_t out[ACPI_LOADER_LEN]);

#endif
