/*
 * What the x86 boards share: memory layout, vCPUs with their local APICs, interrupt controllers,
 * the legacy devices, and direct boot or a firmware ROM. A board (pc.c, microvm.c) calls the steps
 * in order and adds its own chipset between them.
 *
 * struct x86_board hangs off m->board and is freed by m->board_free after all devices. Machine lock
 * held throughout, vCPUs paused or not yet running.
 */
#ifndef HW_X86_X86_COMMON_H
#define HW_X86_X86_COMMON_H

#include <stdbool.h>
#include <stdint.h>
#include "core/cpu/x86.h"
#include "core/memory/memory.h"
#include "hw/acpi/tables.h"
#include "hw/board.h"
#include "hw/x86/boot/boot.h"
#include "hw/x86/boot_order.h"
#include "hw/x86/firmware_files.h"
#include "hw/x86/irq_router.h"
#include "hw/x86/mptable.h"
#include "hw/virtio/virtio_mmio.h"
#include "hw/x86/pci_setup.h"

#define X86_IOAPIC_BASE UINT64_C(0xfec00000)
#define X86_HPET_BASE UINT64_C(0xfed00000)
#define X86_PCI_MEM_LAST UINT64_C(0xfebfffff)
#define X86_ACPI_ROOM (UINT64_C(128) << 10) /* below the end of low RAM, for ACPI tables */
enum { X86_MAX_CPUS = 64, X86_IOAPIC_ID = 0, X86_SCI_IRQ = 9 };

struct acpi_pm;

struct x86_board {
    struct vemu_machine *m;
    const char *name; /* the class' */
    struct x86_cpu_model model;
    uint32_t apic_ids[X86_MAX_CPUS];
    unsigned cpus;
    bool firmware;    /* -bios: starts at the reset vector */
    bool direct_boot; /* -kernel without -bios */

    /* memory */
    uint64_t below_4g, above_4g; /* bytes of RAM */
    uint64_t hole_first;         /* first address of the PCI window below 4 GiB */
    struct ram_block *ram, *rom;
    struct mem_region ram_base, ram_shadow, ram_low, ram_high, rom_high, rom_isa;

    /* devices */
    struct device *apic_bus, *ioapic, *pic, *irqs, *hpet, *rtc, *fw_cfg, *ged;
    struct device *lapics[X86_MAX_CPUS];
    struct device *pci_host;
    struct device *pci_hotplug; /* NULL: none */
    struct acpi_hotplug hotplug;
    struct pci_bus *pci;                  /* NULL: none */
    struct virtio_mmio_slots virtio_mmio; /* base 0: none */
    struct device *vga;                   /* NULL: none */
    struct acpi_pm *pm;                   /* fixed ACPI hardware; NULL: none */
    struct pci_setup_config pci_setup;
    uint16_t level_irqs; /* for the ELCR, as firmware leaves it */

    /* direct boot */
    struct x86_boot boot;
    struct acpi_config acpi_config; /* direct boot builds its tables when all devices are there */
    struct acpi_tables acpi;
    uint64_t acpi_address; /* 0: no ACPI */
    uint8_t mptable[MPTABLE_ROOM];
    size_t mptable_len;

    struct x86_acpi_files acpi_files; /* for firmware */
    struct x86_boot_order boot_order;

    void *options; /* the board's property values */
    const struct prop_desc *props;
};

struct x86_memory_layout {
    uint64_t low_end; /* RAM below 4 GiB ends here at most */
    bool pam;         /* the host bridge shows what lies between 768 KiB and 1 MiB */
};

/* Allocates m->board with its options (options_size bytes filled from the class' props) and the
 * port space. On failure, here and in all steps below, machine_destroy cleans up. */
struct x86_board *x86_board_new(struct vemu_machine *m, const struct board_class *cls,
                                const struct board_config *cfg, size_t options_size,
                                struct vemu_error **errp);
bool x86_create_memory(struct x86_board *b, const struct board_config *cfg,
                       const struct x86_memory_layout *layout, struct vemu_error **errp);
/* vCPUs, local APICs, I/O APIC and, with pic, the 8259 pair; then the ISA lines. */
bool x86_create_cpus(struct x86_board *b, const struct board_class *cls,
                     const struct board_config *cfg, bool pic, struct vemu_error **errp);
/* ISA interrupt line n (0-15). */
struct irq x86_isa_irq(struct x86_board *b, enum x86_irq_source source, unsigned n);

struct x86_legacy_config {
    bool pit, rtc, hpet, i8042, dma; /* which devices there are */
    uint32_t hpet_routes;
};
bool x86_create_legacy(struct x86_board *b, const struct board_config *cfg,
                       const struct x86_legacy_config *legacy, struct vemu_error **errp);
/* The VGA that the configuration wants, if any, at that place. */
bool x86_create_vga(struct x86_board *b, const struct board_config *cfg, uint16_t devfn,
                    struct vemu_error **errp);
bool x86_create_fw_cfg(struct x86_board *b, const struct board_config *cfg,
                       struct vemu_error **errp);

/* -kernel, with ACPI tables when acpi is not NULL (address, lapic and CPUs are filled in here), MP
 * tables, and the reset hook. The last step of a board. */
bool x86_finish(struct x86_board *b, const struct board_config *cfg, struct acpi_config *acpi,
                const struct mptable_config *mp, struct vemu_error **errp);

/* board_class.plug of all x86 boards. */
bool x86_plug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp);

/* Address line 20 for all vCPUs. */
void x86_set_a20(struct vemu_machine *m, bool on);
/* The user presses the power button; false: the machine has none. Machine lock held. */
bool x86_power_button(struct vemu_machine *m);

#endif
