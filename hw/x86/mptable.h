/*
 * MultiProcessor Specification 1.4 tables, for kernels that run without ACPI. A pure function of
 * the config.
 */
#ifndef HW_X86_MPTABLE_H
#define HW_X86_MPTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MPTABLE_ROOM = 8192 };

struct mptable_config {
    unsigned cpus;
    const uint32_t *apic_ids;
    uint32_t cpu_signature, cpu_features; /* CPUID leaf 1 EAX and EDX */
    uint32_t lapic_base, ioapic_base;
    uint8_t ioapic_id;
    bool pci; /* bus 0 is PCI, ISA is bus 1 */
    /* I/O APIC input of INTA-INTD of a slot. */
    unsigned (*pci_pin)(unsigned slot, unsigned pin);
    uint16_t level_irqs; /* ISA lines that are level triggered */
    uint16_t pci_irqs;   /* ISA lines that belong to PCI interrupts */
};

/* The floating pointer structure and, 16 bytes on, the configuration table, for guest address
 * `address` (16-byte aligned). Returns the length, at most MPTABLE_ROOM. */
size_t mptable_build(uint8_t out[MPTABLE_ROOM], const struct mptable_config *cfg, uint32_t address);

#endif
