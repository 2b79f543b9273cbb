/*
 * The machine `virt` for Arm guests: what its parts share. virt.c makes the devices, virt_memory.c
 * knows where they are, virt_dt.c describes them in a device tree, boot.c starts a kernel.
 *
 * The memory map, interrupt numbers and the nodes of the tree are those that firmware and systems
 * know from QEMU's machine of that name. struct virt_board hangs off m->board and is freed by
 * m->board_free after all devices. Machine lock held throughout, vCPUs paused or not yet running,
 * but for what the vCPUs call (arm_board_ops).
 */
#ifndef HW_ARM_VIRT_H
#define HW_ARM_VIRT_H

#include <stdbool.h>
#include <stdint.h>
#include "core/cpu/arm.h"
#include "core/memory/memory.h"
#include "hw/arm/boot.h"
#include "hw/board.h"
#include "hw/intc/gicv2.h"
#include "hw/intc/gicv3.h"
#include "hw/pci/host_generic.h"
#include "hw/virtio/virtio_mmio.h"

/* Places in the map that do not move. */
#define VIRT_RAM_BASE UINT64_C(0x40000000)
#define VIRT_RAM_MAX (UINT64_C(255) << 30)
#define VIRT_4G (UINT64_C(1) << 32)

enum virt_region {
    VIRT_FLASH,
    VIRT_GIC_DIST,
    VIRT_GIC_CPU,
    VIRT_GIC_V2M,
    VIRT_GIC_HYP,
    VIRT_GIC_GUEST,
    VIRT_GIC_ITS,
    VIRT_GIC_REDIST,
    VIRT_UART,
    VIRT_RTC,
    VIRT_FW_CFG,
    VIRT_GPIO,
    VIRT_UART2,
    VIRT_GED,
    VIRT_VIRTIO,
    VIRT_SECURE_RAM,
    VIRT_PCIE_MMIO,
    VIRT_PCIE_PIO,
    VIRT_PCIE_ECAM,
    VIRT_PCIE_ECAM_HIGH,
    VIRT_PCIE_MMIO_HIGH,
    VIRT_REGIONS,
};
struct virt_place {
    uint64_t base, size;
};
extern const struct virt_place virt_map[VIRT_REGIONS];

/* Shared interrupts, from 0 (INTID 32) on. */
enum {
    VIRT_SPI_UART = 1,
    VIRT_SPI_RTC = 2,
    VIRT_SPI_PCIE = 3, /* four */
    VIRT_SPI_GPIO = 7,
    VIRT_SPI_UART2 = 8,
    VIRT_SPI_GED = 9,
    VIRT_SPI_VIRTIO = 16, /* one each */
    VIRT_SPI_V2M = 48,
    VIRT_SPIS_V2M = 64,
    VIRT_SPIS = 224,
};
/* Private ones, by INTID. */
enum {
    VIRT_PPI_PMU = 23,
    VIRT_PPI_MAINTENANCE = 25,
    VIRT_PPI_TIMER_HYP = 26,
    VIRT_PPI_TIMER_VIRT = 27,
    VIRT_PPI_TIMER_HYP_VIRT = 28,
    VIRT_PPI_TIMER_SEC = 29,
    VIRT_PPI_TIMER_PHYS = 30,
};
enum {
    VIRT_CPUS_MAX = 64,
    VIRT_VIRTIO_SLOTS = 32,
    VIRT_UARTS = 2,
    VIRT_FLASHES = 2,
    VIRT_POWER_KEY_LINE = 3
};

enum virt_gic { VIRT_GIC_AUTO, VIRT_GIC_2, VIRT_GIC_3, VIRT_GIC_MAX };

struct virt_options {
    int gic; /* enum virt_gic */
    bool its, secure, virtualization, highmem, acpi, randomness;
};

struct virt_board {
    struct vemu_machine *m;
    const struct board_class *cls;
    struct virt_options options;
    struct arm_cpu_model model;
    unsigned cpus;
    bool gicv3;
    bool firmware; /* in flash: starts at the reset vector */

    struct ram_block *ram, *secure_ram;
    struct mem_region ram_region, secure_ram_region;
    uint64_t ram_size;

    struct device *flash[VIRT_FLASHES];
    struct device *gic, *v2m, *its, *timer, *fw_cfg, *power_key, *ged, *pci_host;
    struct device *uarts[VIRT_UARTS];
    struct pci_bus *pci;
    struct pci_generic_config pci_config;
    struct virtio_mmio_slots virtio_mmio;
    struct arm_board_ops ops;

    struct arm_boot boot; /* of a kernel without firmware */
};

/* The size of addresses that the processor can name, and that -M highmem= allows. */
unsigned virt_address_bits(const struct virt_board *b);
/* Does the whole of the region have addresses that the processor can name, and that -M highmem=
 * allows? */
bool virt_has_place(const struct virt_board *b, enum virt_region region);

/* While the machine runs; see struct board_class. */
bool virt_hotplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp);
bool virt_unplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp);

/* Makes the tree for what there is; *dtb is malloc()ed. */
bool virt_make_dtb(const struct virt_board *b, uint8_t **dtb, uint32_t *len,
                   struct vemu_error **errp);

struct acpi_tables;
/* For a block at that address. */
bool virt_build_acpi(const struct virt_board *b, struct acpi_tables *out, uint64_t address,
                     struct vemu_error **errp);
/* The tables, and the script that places them, for firmware. */
bool virt_publish_acpi(const struct virt_board *b, struct vemu_error **errp);

#endif
