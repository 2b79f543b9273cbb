/*
 * What firmware learns through fw_cfg: memory map, ACPI tables with the script that places them,
 * SMBIOS structures, boot choices. Machine lock held.
 */
#ifndef HW_X86_FIRMWARE_FILES_H
#define HW_X86_FIRMWARE_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include "hw/acpi/loader.h"
#include "hw/acpi/tables.h"

struct board_config;
struct vemu_error;
struct x86_board;

/* The ACPI files. They are made when firmware asks for them: where it put the chipset's registers
 * is in the tables. */
struct x86_acpi_files {
    struct x86_board *board;
    struct acpi_config config; /* but for what firmware decides */
    uint8_t *tables;           /* of a length that does not change */
    uint32_t tables_len;
    uint8_t rsdp[36];
    uint8_t script[ACPI_LOADER_LEN];
};

/* acpi NULL: no ACPI. */
bool x86_publish_firmware_files(struct x86_board *b, const struct board_config *cfg,
                                const struct acpi_config *acpi, struct vemu_error **errp);
void x86_free_firmware_files(struct x86_acpi_files *files);

#endif
