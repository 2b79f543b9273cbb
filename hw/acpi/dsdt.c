/*
 * The differentiated definition block of the x86 boards, in AML. ACPI Specification 6.x, chapters
 * "Device Configuration", "ACPI-Defined Devices and Device-Specific Objects"; PCI Firmware
 * Specification for _PRT of routing through link devices.
 */
#include <stdio.h>
#include "hw/acpi/aml.h"
#include "hw/acpi/dsdt_parts.h"
#include "hw/acpi/ged.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/acpi/tables.h"

static void sleep_states(struct aml *a, unsigned s5_type)
{
    aml_name(a, "\\_S5");
    aml_package(a, 4);
    aml_int(a, s5_type);
    aml_int(a, s5_type);
    aml_int(a, 0);
    aml_int(a, 0);
    aml_end(a);
}

/* ---- ISA devices ----------------------------------------------------------------------------- */

static void isa_device(struct aml *a, const char *name, const char *hid, uint16_t base, uint8_t len,
                       int irq)
{
    aml_device(a, name);
    aml_name_eisaid(a, "_HID", hid);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_io(a, base, len);
    if (irq >= 0)
        aml_res_irq(a, (unsigned)irq);
    aml_resources_end(a);
    aml_end(a);
}

static void isa_devices(struct aml *a, const struct acpi_config *cfg)
{
    static const struct {
        uint16_t base;
        uint8_t irq;
    } com[4] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

    if (cfg->rtc)
        isa_device(a, "RTC", "PNP0B00", 0x70, 8, 8);
    if (cfg->i8042) {
        aml_device(a, "KBD");
        aml_name_eisaid(a, "_HID", "PNP0303");
        aml_name(a, "_CRS");
        aml_resources(a);
        aml_res_io(a, 0x60, 1);
        aml_res_io(a, 0x64, 1);
        aml_res_irq(a, 1);
        aml_resources_end(a);
        aml_end(a);
        aml_device(a, "MOU");
        aml_name_eisaid(a, "_HID", "PNP0F13");
        aml_name(a, "_CRS");
        aml_resources(a);
        aml_res_irq(a, 12);
        aml_resources_end(a);
        aml_end(a);
    }
    for (unsigned i = 0; i < 4; i++) {
        char name[5];
        if (!(cfg->serial_mask >> i & 1))
            continue;
        snprintf(name, sizeof name, "COM%u", i + 1);
        aml_device(a, name);
        aml_name_eisaid(a, "_HID", "PNP0501");
        aml_name_int(a, "_UID", i + 1);
        aml_name(a, "_CRS");
        aml_resources(a);
        aml_res_io(a, com[i].base, 8);
        aml_res_irq(a, com[i].irq);
        aml_resources_end(a);
        aml_end(a);
    }
}

/* ---- PCI interrupt routing ------------------------------------------------------------------- */

/* Link device for one PIRQ register: _CRS reads it, _SRS writes it. */
static void link_device(struct aml *a, unsigned line)
{
    static const uint32_t choices[] = {5, 10, 11}, none = 0;
    char name[5], reg[24];
    snprintf(name, sizeof name, "LNK%c", 'A' + line);
    snprintf(reg, sizeof reg, "\\_SB.PCI0.ISA.PRQ%c", 'A' + line);

    aml_device(a, name);
    aml_name_eisaid(a, "_HID", "PNP0C0F");
    aml_name_int(a, "_UID", line + 1);
    aml_name(a, "_PRS");
    aml_resources(a);
    aml_res_interrupts(a, choices, 3, true);
    aml_resources_end(a);

    aml_method(a, "_STA", 0, false);
    aml_if(a);
    aml_op(a, AML_AND);
    aml_path(a, reg);
    aml_int(a, 0x80);
    aml_op(a, AML_ZERO);
    aml_op(a, AML_RETURN);
    aml_int(a, 0x09); /* present, disabled */
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_int(a, 0x0b);
    aml_end(a);

    aml_method(a, "_DIS", 0, false);
    aml_op(a, AML_OR);
    aml_path(a, reg);
    aml_int(a, 0x80);
    aml_path(a, reg);
    aml_end(a);

    aml_name(a, "BUFA");
    aml_resources(a);
    aml_res_interrupts(a, &none, 1, true);
    aml_resources_end(a);
    aml_method(a, "_CRS", 0, true);
    aml_op(a, AML_CREATE_DWORD_FIELD);
    aml_path(a, "BUFA");
    aml_int(a, 5); /* the interrupt number in the descriptor */
    aml_path(a, "IRQW");
    aml_if(a);
    aml_op(a, AML_LEQUAL);
    aml_op(a, AML_AND);
    aml_path(a, reg);
    aml_int(a, 0x80);
    aml_op(a, AML_ZERO);
    aml_int(a, 0);
    aml_op(a, AML_STORE);
    aml_path(a, reg);
    aml_path(a, "IRQW");
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_path(a, "BUFA");
    aml_end(a);

    aml_method(a, "_SRS", 1, true);
    aml_op(a, AML_CREATE_DWORD_FIELD);
    aml_op(a, AML_ARG0);
    aml_int(a, 5);
    aml_path(a, "IRQS");
    aml_op(a, AML_STORE);
    aml_path(a, "IRQS");
    aml_path(a, reg);
    aml_end(a);
    aml_end(a);
}

/* One _PRT element a slot and pin. `link`: through link devices, else I/O APIC input 16 + line. */
static void routing_table(struct aml *a, const struct acpi_config *cfg, const char *name, bool link)
{
    /* 31 slots of four pins: slot 0 is the host bridge, and a package holds at most 255. */
    enum { FIRST_SLOT = 1, SLOTS = 31 };
    aml_name(a, name);
    aml_package(a, SLOTS * 4);
    for (unsigned slot = FIRST_SLOT; slot < FIRST_SLOT + SLOTS; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            unsigned line;
            char path[5];
            if (cfg->platform == ACPI_PC)
                line = (pin + slot - 1) & 3;
            else
                line = slot >= 25 ? pin : 4 + ((pin + slot) & 3);
            aml_package(a, 4);
            aml_int(a, (uint64_t)slot << 16 | 0xffff);
            aml_int(a, pin);
            if (link) {
                snprintf(path, sizeof path, "LNK%c", 'A' + line);
                aml_path(a, path);
                aml_int(a, 0);
            } else {
                aml_int(a, 0);
                aml_int(a, 16 + line);
            }
            aml_end(a);
        }
    }
    aml_end(a);
}

static void pci_routing(struct aml *a, const struct acpi_config *cfg)
{
    unsigned lines = cfg->platform == ACPI_PC ? 4 : 8;
    aml_scope(a, "\\_SB");
    for (unsigned i = 0; i < lines; i++)
        link_device(a, i);
    aml_end(a);

    aml_scope(a, "\\_SB.PCI0");
    if (cfg->platform == ACPI_PC) {
        routing_table(a, cfg, "_PRT", true);
    } else {
        /* The system says by _PIC whether it uses the I/O APIC, whose inputs 16-23 the lines also
         * reach directly. */
        routing_table(a, cfg, "PRTP", true);
        routing_table(a, cfg, "PRTA", false);
        aml_method(a, "_PRT", 0, false);
        aml_if(a);
        aml_op(a, AML_LEQUAL);
        aml_path(a, "\\PICM");
        aml_int(a, 0);
        aml_op(a, AML_RETURN);
        aml_path(a, "PRTP");
        aml_end(a);
        aml_op(a, AML_RETURN);
        aml_path(a, "PRTA");
        aml_end(a);
    }
    aml_end(a);
}

/* ---- the PCI root ---------------------------------------------------------------------------- */

static void isa_bridge(struct aml *a, const struct acpi_config *cfg)
{
    bool pc = cfg->platform == ACPI_PC;
    aml_device(a, "ISA");
    aml_name_int(a, "_ADR", pc ? 0x00010000 : 0x001f0000);
    aml_op_region(a, "PIRQ", AML_PCI_CONFIG, 0x60, pc ? 4 : 12);
    aml_field(a, "PIRQ", AML_BYTE_ACC);
    for (unsigned i = 0; i < (pc ? 4u : 8u); i++) {
        char name[5];
        if (i == 4)
            aml_field_unit(a, NULL, 32); /* 0x64-0x67 are other registers */
        snprintf(name, sizeof name, "PRQ%c", 'A' + i);
        aml_field_unit(a, name, 8);
    }
    aml_end(a);
    isa_devices(a, cfg);
    aml_end(a);
}

static void pci_root(struct aml *a, const struct acpi_config *cfg)
{
    aml_scope(a, "\\_SB");
    aml_device(a, "PCI0");
    if (cfg->platform == ACPI_Q35) {
        aml_name_eisaid(a, "_HID", "PNP0A08");
        aml_name_eisaid(a, "_CID", "PNP0A03");
    } else {
        aml_name_eisaid(a, "_HID", "PNP0A03");
    }
    aml_name_int(a, "_UID", 0);
    aml_name_int(a, "_BBN", 0);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_bus_range(a, 0, 255);
    aml_res_io(a, 0xcf8, 8);
    aml_res_io_range(a, 0, 0xcf7);
    aml_res_io_range(a, 0xd00, 0xffff);
    aml_res_memory_range(a, 0xa0000, 0xbffff);
    aml_res_memory_range(a, cfg->pci_mem_first, cfg->pci_mem_last);
    if (cfg->pci_mem2_last)
        aml_res_memory_range(a, cfg->pci_mem2_first, cfg->pci_mem2_last);
    if (cfg->pci_mem64_first)
        aml_res_memory_range(a, cfg->pci_mem64_first, cfg->pci_mem64_last);
    aml_resources_end(a);
    isa_bridge(a, cfg);
    aml_end(a);

    /* What the chipset decodes for itself, so that nothing is placed there. */
    aml_device(a, "MBRD");
    aml_name_eisaid(a, "_HID", "PNP0C02");
    aml_name(a, "_CRS");
    aml_resources(a);
    if (cfg->pm_size)
        aml_res_io(a, cfg->pm_base, (uint8_t)cfg->pm_size);
    if (cfg->hotplug)
        aml_res_io(a, cfg->hotplug->base, ACPI_HOTPLUG_SIZE);
    if (cfg->ecam_base)
        aml_res_memory32(a, (uint32_t)cfg->ecam_base, UINT32_C(256) << 20, true);
    aml_resources_end(a);
    aml_end(a);
    aml_end(a);
    pci_routing(a, cfg);
}

static void hpet_device(struct aml *a, const struct acpi_config *cfg)
{
    aml_scope(a, "\\_SB");
    aml_device(a, "HPET");
    aml_name_eisaid(a, "_HID", "PNP0103");
    aml_name_int(a, "_UID", 0);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_memory32(a, (uint32_t)cfg->hpet_base, 0x400, false);
    aml_resources_end(a);
    aml_end(a);
    aml_end(a);
}

void acpi_build_dsdt(struct aml *a, const struct acpi_config *cfg)
{
    aml_scope(a, "\\_SB");
    acpi_add_processors(a, cfg->cpus);
    aml_end(a);
    if (cfg->platform == ACPI_MICROVM) {
        aml_scope(a, "\\_SB");
        isa_devices(a, cfg);
        if (cfg->virtio_mmio_base)
            acpi_add_virtio_mmio(a, (uint32_t)cfg->virtio_mmio_base, cfg->virtio_mmio_gsi,
                                 cfg->virtio_mmio_slots);
        acpi_add_event_device(a, cfg->ged_base, cfg->ged_gsi);
        aml_end(a);
        sleep_states(a, GED_S5_TYPE);
        return;
    }
    aml_name_int(a, "\\PICM", 0);
    aml_method(a, "\\_PIC", 1, false);
    aml_op(a, AML_STORE);
    aml_op(a, AML_ARG0);
    aml_path(a, "\\PICM");
    aml_end(a);
    pci_root(a, cfg);
    if (cfg->hotplug)
        acpi_build_pci_hotplug(a, cfg->hotplug);
    if (cfg->hpet_base)
        hpet_device(a, cfg);
    sleep_states(a, cfg->s5_type);
}
