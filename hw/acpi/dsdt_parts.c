/* Devices of definition blocks; see dsdt_parts.h. */
#include "hw/acpi/dsdt_parts.h"

#include <stdio.h>
#include "hw/acpi/aml.h"
#include "hw/acpi/ged.h"
#include "hw/virtio/virtio_mmio.h"

void acpi_add_processors(struct aml *a, unsigned cpus)
{
    for (unsigned i = 0; i < cpus; i++) {
        char name[5];
        snprintf(name, sizeof name, "C%03X", i & 0xfff);
        aml_device(a, name);
        aml_name(a, "_HID");
        aml_string(a, "ACPI0007");
        aml_name_int(a, "_UID", i);
        aml_end(a);
    }
}

void acpi_add_event_device(struct aml *a, uint64_t base, uint32_t gsi)
{
    aml_device(a, "PWRB");
    aml_name_eisaid(a, "_HID", "PNP0C0C");
    aml_name_int(a, "_UID", 0);
    aml_end(a);

    aml_device(a, "GED");
    aml_name(a, "_HID");
    aml_string(a, "ACPI0013");
    aml_name_int(a, "_UID", 0);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_interrupts(a, &gsi, 1, false);
    aml_resources_end(a);
    aml_op_region(a, "EREG", AML_SYSTEM_MEMORY, base + GED_EVENTS, 4);
    aml_field(a, "EREG", AML_DWORD_ACC);
    aml_field_unit(a, "ESEL", 32);
    aml_end(a);
    aml_method(a, "_EVT", 1, true);
    aml_op(a, AML_STORE);
    aml_path(a, "ESEL");
    aml_op(a, AML_LOCAL0);
    aml_if(a);
    aml_op(a, AML_AND);
    aml_op(a, AML_LOCAL0);
    aml_int(a, GED_EVENT_POWER_BUTTON);
    aml_op(a, AML_ZERO);
    aml_op(a, AML_NOTIFY);
    aml_path(a, "\\_SB.PWRB");
    aml_int(a, 0x80);
    aml_end(a);
    aml_end(a);
    aml_end(a);
}

/* Every slot, also those that are empty: drivers look at the device ID. */
void acpi_add_virtio_mmio(struct aml *a, uint32_t base, uint32_t first_gsi, unsigned slots)
{
    for (unsigned n = 0; n < slots; n++) {
        uint32_t gsi = first_gsi + n;
        char name[5];
        snprintf(name, sizeof name, "VR%02X", n & 0xff);
        aml_device(a, name);
        aml_name(a, "_HID");
        aml_string(a, "LNRO0005");
        aml_name_int(a, "_UID", n);
        aml_name(a, "_CRS");
        aml_resources(a);
        aml_res_memory32(a, base + n * VIRTIO_MMIO_SIZE, VIRTIO_MMIO_SIZE, true);
        aml_res_interrupts(a, &gsi, 1, false);
        aml_resources_end(a);
        aml_end(a);
    }
}
