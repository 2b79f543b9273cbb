/* Devices that the definition blocks of several platforms have, each within an open scope. */
#ifndef HW_ACPI_DSDT_PARTS_H
#define HW_ACPI_DSDT_PARTS_H

#include <stdint.h>

struct aml;

void acpi_add_processors(struct aml *a, unsigned cpus);
/* A generic event device (hw/acpi/ged.h) and the power button that it tells of. */
void acpi_add_event_device(struct aml *a, uint64_t base, uint32_t gsi);
void acpi_add_virtio_mmio(struct aml *a, uint32_t base, uint32_t first_gsi, unsigned slots);

#endif
