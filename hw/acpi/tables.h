/*
 * ACPI tables of the x86 boards: RSDP, RSDT, XSDT, FADT, FACS, DSDT, MADT, HPET and MCFG, laid out
 * as one block for a given guest address. ACPI Specification 6.x, chapter "ACPI Software
 * Programming Model".
 *
 * A pure function of the config: no machine needed. The caller owns the result.
 */
#ifndef HW_ACPI_TABLES_H
#define HW_ACPI_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vemu_error;

enum acpi_platform { ACPI_PC, ACPI_Q35, ACPI_MICROVM };
enum { ACPI_MAX_CPUS = 256, ACPI_MAX_OVERRIDES = 16 };

struct acpi_override {
    uint8_t irq; /* ISA interrupt */
    uint32_t gsi;
    bool level; /* level triggered, active high; else as the ISA bus has it */
};

/* Slots that can be filled and emptied while the machine runs (pci_hotplug.h). */
enum { ACPI_HOTPLUG_PORTS = 240 };
struct acpi_hotplug {
    uint16_t base;  /* of the registers */
    uint32_t slots; /* of the root bus, whose number is 0 */
    unsigned port_count;
    uint8_t ports[ACPI_HOTPLUG_PORTS]; /* devfn on the root bus; number n + 1 */
};

struct acpi_config {
    enum acpi_platform platform;
    unsigned cpus;
    const uint32_t *apic_ids;
    uint64_t lapic_base, ioapic_base;
    uint8_t ioapic_id;
    struct acpi_override overrides[ACPI_MAX_OVERRIDES];
    unsigned override_count;
    bool pic; /* an 8259 pair is there too */
    bool i8042, rtc;
    uint8_t serial_mask; /* bit n: COMn+1 */
    uint64_t hpet_base;  /* 0: none */
    uint64_t ecam_base;  /* 0: none; 256 MiB */
    /* fixed hardware (pc, q35) */
    uint16_t pm_base, pm_size, gpe_base;
    uint8_t gpe_len, sci_irq, s5_type;
    /* hardware-reduced (microvm) */
    uint64_t ged_base;
    uint32_t ged_gsi;
    uint64_t virtio_mmio_base; /* 0: none; slots with a GSI of its own each */
    unsigned virtio_mmio_slots;
    uint32_t virtio_mmio_gsi;
    /* PCI windows, inclusive; mem64 empty when first is 0 */
    uint64_t pci_mem_first, pci_mem_last, pci_mem64_first, pci_mem64_last;
    uint64_t pci_mem2_first, pci_mem2_last; /* another one below 4 GiB; empty when last is 0 */
    const struct acpi_hotplug *hotplug;     /* NULL: none */
    bool vga;
    bool smi_command; /* ACPI mode is entered through the APM ports; else it is always on */
};

enum { ACPI_MAX_TABLES = 12, ACPI_MAX_POINTERS = 32 };

struct acpi_tables {
    uint8_t *data; /* to be placed at the address given to acpi_tables_build */
    size_t len;
    /* For who places them elsewhere: each table with a checksum, each field that is an address in
     * the block. The RSDP's two pointers are not among them. */
    struct {
        uint32_t offset, len;
    } tables[ACPI_MAX_TABLES];
    struct {
        uint32_t offset;
        uint8_t size;
    } pointers[ACPI_MAX_POINTERS];
    unsigned table_count, pointer_count;
    uint8_t rsdp[36]; /* anywhere; 16-byte aligned in 0xe0000-0xfffff for guests that scan */
};

/* address: 64-byte aligned, below 4 GiB. max: bytes there is room for. */
bool acpi_tables_build(struct acpi_tables *out, const struct acpi_config *cfg, uint64_t address,
                       size_t max, struct vemu_error **errp);
void acpi_tables_free(struct acpi_tables *t);

/* dsdt.c: the definition block's AML, without the table header. */
struct aml;
void acpi_build_dsdt(struct aml *a, const struct acpi_config *cfg);
/* dsdt_hotplug.c: a part of it. */
void acpi_build_pci_hotplug(struct aml *a, const struct acpi_hotplug *h);

#endif
