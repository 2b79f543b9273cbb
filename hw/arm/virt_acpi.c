/*
 * ACPI tables of `virt`: what the device tree says, for firmware that hands tables on. ACPI
 * Specification 6.x, chapters "ACPI Software Programming Model" and "ACPI-Defined Devices"; Arm
 * DEN 0049 (IORT); "Serial Port Console Redirection Table"; "Debug Port Table 2". Interrupt numbers
 * are INTIDs.
 */
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/acpi/block.h"
#include "hw/acpi/dsdt_parts.h"
#include "hw/acpi/loader.h"
#include "hw/arm/virt.h"
#include "hw/firmware/fw_cfg.h"

enum { SPI_FIRST = 32, TABLES_MAX = 1 << 16 };

/* ---- the definition block -------------------------------------------------------------------- */

static void add_uart(struct aml *a, const char *name, unsigned uid, enum virt_region region,
                     unsigned spi)
{
    uint32_t gsi = SPI_FIRST + spi;
    aml_device(a, name);
    aml_name(a, "_HID");
    aml_string(a, "ARMH0011");
    aml_name_int(a, "_UID", uid);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_memory32(a, (uint32_t)virt_map[region].base, (uint32_t)virt_map[region].size, true);
    aml_res_interrupts(a, &gsi, 1, false);
    aml_resources_end(a);
    aml_end(a);
}

static void add_fw_cfg(struct aml *a)
{
    const struct virt_place *p = &virt_map[VIRT_FW_CFG];
    aml_device(a, "FWCF");
    aml_name(a, "_HID");
    aml_string(a, "QEMU0002");
    aml_name_int(a, "_STA", 0x0b); /* present, decoding, working; not shown to users */
    aml_name_int(a, "_CCA", 1);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_memory32(a, (uint32_t)p->base, (uint32_t)p->size, true);
    aml_resources_end(a);
    aml_end(a);
}

/* The four pins of every slot, straight to their SPIs. */
static void add_pci_routing(struct aml *a)
{
    enum { SLOTS = 32, PINS = 4 };
    aml_name(a, "_PRT");
    aml_package(a, SLOTS * PINS);
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        for (unsigned pin = 0; pin < PINS; pin++) {
            aml_package(a, 4);
            aml_int(a, (uint64_t)slot << 16 | 0xffff);
            aml_int(a, pin);
            aml_int(a, 0);
            aml_int(a, SPI_FIRST + VIRT_SPI_PCIE + (slot + pin) % GENERIC_PCI_LINES);
            aml_end(a);
        }
    }
    aml_end(a);
}

static void dword_field(struct aml *a, unsigned offset, const char *name)
{
    aml_op(a, AML_CREATE_DWORD_FIELD);
    aml_op(a, AML_ARG3);
    aml_int(a, offset);
    aml_path(a, name);
}

/* a = a & or | n */
static void change(struct aml *a, enum aml_op op, const char *name, unsigned n)
{
    aml_op(a, op);
    aml_path(a, name);
    aml_int(a, n);
    aml_path(a, name);
}

/* What the system may do itself: hot-plug by the ports' registers. "PCI Firmware Specification",
 * chapter "_OSC Interface for PCI Host Bridge Devices". */
static void add_pci_control(struct aml *a)
{
    /* 33DB4D5B-1FF7-401C-9657-7441C03DD766 */
    static const uint8_t uuid[] = {0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40,
                                   0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66};
    enum { UNKNOWN_UUID = 4, MASKED = 16, HOTPLUG = 1, CAPABILITY = 16 };

    aml_method(a, "_OSC", 4, true);
    dword_field(a, 0, "CDW1");
    aml_if(a);
    aml_op(a, AML_LEQUAL);
    aml_op(a, AML_ARG0);
    aml_buffer(a, uuid, sizeof uuid);
    dword_field(a, 8, "CDW3");
    aml_op(a, AML_AND);
    aml_path(a, "CDW3");
    aml_int(a, HOTPLUG | CAPABILITY);
    aml_op(a, AML_LOCAL0);
    aml_if(a);
    aml_op(a, AML_LEQUAL);
    aml_op(a, AML_LOCAL0);
    aml_path(a, "CDW3");
    aml_end(a);
    aml_else(a);
    change(a, AML_OR, "CDW1", MASKED);
    aml_end(a);
    aml_op(a, AML_STORE);
    aml_op(a, AML_LOCAL0);
    aml_path(a, "CDW3");
    aml_end(a);
    aml_else(a);
    change(a, AML_OR, "CDW1", UNKNOWN_UUID);
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_op(a, AML_ARG3);
    aml_end(a);
}

static void add_pci(struct aml *a, const struct virt_board *b)
{
    const struct pci_generic_config *c = &b->pci_config;
    const struct pci_generic_window *high = &c->mmio_high;

    aml_device(a, "PCI0");
    aml_name_eisaid(a, "_HID", "PNP0A08");
    aml_name_eisaid(a, "_CID", "PNP0A03");
    aml_name_int(a, "_SEG", 0);
    aml_name_int(a, "_BBN", 0);
    aml_name_int(a, "_UID", 0);
    aml_name_int(a, "_CCA", 1);
    add_pci_routing(a);
    add_pci_control(a);
    aml_method(a, "_CBA", 0, false);
    aml_op(a, AML_RETURN);
    aml_int(a, c->ecam.base);
    aml_end(a);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_bus_range(a, 0, (uint16_t)((c->ecam.size >> 20) - 1));
    aml_res_memory_range(a, c->mmio.base, c->mmio.base + c->mmio.size - 1);
    aml_res_io_window(a, 0, 0xffff, (uint32_t)c->pio_base);
    if (high->size)
        aml_res_memory_range(a, high->base, high->base + high->size - 1);
    aml_resources_end(a);
    /* Nothing else is to be placed where configuration space is. */
    aml_device(a, "RES0");
    aml_name_eisaid(a, "_HID", "PNP0C02");
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_memory_range(a, c->ecam.base, c->ecam.base + c->ecam.size - 1);
    aml_resources_end(a);
    aml_end(a);
    aml_end(a);
}

static size_t build_dsdt(struct acpi_block *block, const struct virt_board *b)
{
    struct aml code, *a = &code;
    aml_init(a);
    aml_scope(a, "\\_SB");
    acpi_add_processors(a, b->cpus);
    add_uart(a, "COM0", 0, VIRT_UART, VIRT_SPI_UART);
    if (b->uarts[1])
        add_uart(a, "COM1", 1, VIRT_UART2, VIRT_SPI_UART2);
    add_fw_cfg(a);
    acpi_add_virtio_mmio(a, (uint32_t)virt_map[VIRT_VIRTIO].base, SPI_FIRST + VIRT_SPI_VIRTIO,
                         VIRT_VIRTIO_SLOTS);
    add_pci(a, b);
    acpi_add_event_device(a, virt_map[VIRT_GED].base, SPI_FIRST + VIRT_SPI_GED);
    aml_end(a);
    return acpi_add_dsdt(block, a);
}

/* ---- fixed tables ---------------------------------------------------------------------------- */

static size_t build_fadt(struct acpi_block *block, const struct virt_board *b, uint64_t dsdt)
{
    enum { LEN = 276, DSDT = 40, FLAGS = 112, ARM_BOOT = 129, MINOR = 131, X_DSDT = 140 };
    enum { HW_REDUCED = 1 << 20, PSCI = 1, PSCI_HVC = 2, REVISION = 6 };
    size_t at = acpi_table_begin(block, "FACP", REVISION);
    acpi_zeros(block, LEN - ACPI_HEADER_LEN);
    if (block->buf.failed)
        return at;
    uint8_t *t = block->buf.data + at;
    store_le32(t + DSDT, (uint32_t)dsdt);
    store_le64(t + X_DSDT, dsdt);
    acpi_note_pointer(block, at + DSDT, 4);
    acpi_note_pointer(block, at + X_DSDT, 8);
    store_le32(t + FLAGS, HW_REDUCED);
    if (b->ops.conduit != ARM_CONDUIT_NONE)
        store_le16(t + ARM_BOOT, b->ops.conduit == ARM_CONDUIT_HVC ? PSCI | PSCI_HVC : PSCI);
    t[MINOR] = 0;
    acpi_table_end(block, at);
    return at;
}

/* A processor's GIC interface. */
static void add_gicc(struct acpi_block *block, const struct virt_board *b, unsigned n)
{
    enum { TYPE = 0x0b, LEN = 80, ENABLED = 1 };
    acpi_put(block, TYPE, 1);
    acpi_put(block, LEN, 1);
    acpi_put(block, 0, 2);
    acpi_put(block, n, 4);
    acpi_put(block, n, 4); /* _UID */
    acpi_put(block, ENABLED, 4);
    acpi_put(block, 0, 4); /* parking protocol */
    acpi_put(block, arm_has(&b->model, ARM_FEAT_PMUV3) ? VIRT_PPI_PMU : 0, 4);
    acpi_put(block, 0, 8); /* parked address */
    acpi_put(block, b->gicv3 ? 0 : virt_map[VIRT_GIC_CPU].base, 8);
    bool frames = !b->gicv3 && b->options.virtualization;
    acpi_put(block, frames ? virt_map[VIRT_GIC_GUEST].base : 0, 8);
    acpi_put(block, frames ? virt_map[VIRT_GIC_HYP].base : 0, 8);
    acpi_put(block, b->options.virtualization ? VIRT_PPI_MAINTENANCE : 0, 4);
    acpi_put(block, 0, 8); /* GICR: in a range of all */
    acpi_put(block, arm_mpidr(&b->model, n) & UINT64_C(0xff00ffffff), 8);
    acpi_put(block, 0, 4);
}

static size_t build_madt(struct acpi_block *block, const struct virt_board *b)
{
    enum {
        GICD = 0x0c,
        GICD_LEN = 24,
        FRAME = 0x0d,
        FRAME_LEN = 24,
        GICR = 0x0e,
        GICR_LEN = 16,
        ITS = 0x0f,
        ITS_LEN = 20
    };
    size_t at = acpi_table_begin(block, "APIC", 4);
    acpi_put(block, 0, 8); /* no local APIC, no flags */
    acpi_put(block, GICD, 1);
    acpi_put(block, GICD_LEN, 1);
    acpi_put(block, 0, 2 + 4); /* id */
    acpi_put(block, virt_map[VIRT_GIC_DIST].base, 8);
    acpi_put(block, 0, 4);
    acpi_put(block, b->gicv3 ? 3 : 2, 1);
    acpi_put(block, 0, 3);
    for (unsigned n = 0; n < b->cpus; n++)
        add_gicc(block, b, n);
    if (b->gicv3) {
        acpi_put(block, GICR, 1);
        acpi_put(block, GICR_LEN, 1);
        acpi_put(block, 0, 2);
        acpi_put(block, virt_map[VIRT_GIC_REDIST].base, 8);
        acpi_put(block, virt_map[VIRT_GIC_REDIST].size, 4);
    }
    if (b->its) {
        acpi_put(block, ITS, 1);
        acpi_put(block, ITS_LEN, 1);
        acpi_put(block, 0, 2 + 4); /* id */
        acpi_put(block, virt_map[VIRT_GIC_ITS].base, 8);
        acpi_put(block, 0, 4);
    } else if (b->v2m) {
        acpi_put(block, FRAME, 1);
        acpi_put(block, FRAME_LEN, 1);
        acpi_put(block, 0, 2 + 4); /* id */
        acpi_put(block, virt_map[VIRT_GIC_V2M].base, 8);
        acpi_put(block, 1, 4); /* what follows counts, not the frame's register */
        acpi_put(block, VIRT_SPIS_V2M, 2);
        acpi_put(block, SPI_FIRST + VIRT_SPI_V2M, 2);
    }
    acpi_table_end(block, at);
    return at;
}

static size_t build_gtdt(struct acpi_block *block)
{
    enum { REVISION = 2, ALWAYS_ON = 4, LEN = 96 };
    static const uint8_t intids[] = {VIRT_PPI_TIMER_SEC, VIRT_PPI_TIMER_PHYS, VIRT_PPI_TIMER_VIRT,
                                     VIRT_PPI_TIMER_HYP};
    size_t at = acpi_table_begin(block, "GTDT", REVISION);
    acpi_put(block, UINT64_MAX, 8); /* no counter in memory */
    acpi_put(block, 0, 4);
    for (unsigned n = 0; n < ARRAY_SIZE(intids); n++) {
        acpi_put(block, intids[n], 4);
        acpi_put(block, ALWAYS_ON, 4); /* level, active high */
    }
    acpi_put(block, UINT64_MAX, 8);
    acpi_put(block, 0, 4); /* platform timers */
    acpi_put(block, LEN, 4);
    acpi_table_end(block, at);
    return at;
}

static size_t build_spcr(struct acpi_block *block)
{
    enum { PL011 = 3, GIC = 1 << 3, BAUD_115200 = 7 };
    uint8_t address[12];
    size_t at = acpi_table_begin(block, "SPCR", 2);
    acpi_put(block, PL011, 4);
    acpi_gas(address, ACPI_GAS_MEMORY, 32, virt_map[VIRT_UART].base);
    aml_bytes(&block->buf, address, sizeof address);
    acpi_put(block, GIC, 1);
    acpi_put(block, 0, 1);
    acpi_put(block, SPI_FIRST + VIRT_SPI_UART, 4);
    acpi_put(block, BAUD_115200, 1);
    acpi_put(block, 0, 1);          /* no parity */
    acpi_put(block, 1, 1);          /* stop bit */
    acpi_put(block, 0, 1);          /* flow control */
    acpi_put(block, 3, 1);          /* ANSI */
    acpi_put(block, 0, 1);          /* language */
    acpi_put(block, UINT32_MAX, 4); /* no PCI device */
    acpi_put(block, 0, 3 + 4);      /* its place, flags */
    acpi_put(block, 0, 1 + 4);
    acpi_table_end(block, at);
    return at;
}

/* What debuggers of an operating system may talk through: the first serial port. */
static size_t build_dbg2(struct acpi_block *block)
{
    enum { DEVICE = 44, DEVICE_LEN = 22, GAS_LEN = 12, SERIAL = 0x8000, PL011 = 3 };
    static const char name[] = "\\_SB.COM0";
    enum { SIZE_AT = DEVICE_LEN + GAS_LEN, NAME_AT = SIZE_AT + 4, LEN = NAME_AT + sizeof name };
    uint8_t address[GAS_LEN];
    size_t at = acpi_table_begin(block, "DBG2", 0);
    acpi_put(block, DEVICE, 4);
    acpi_put(block, 1, 4); /* devices */

    acpi_put(block, 1, 1); /* revision */
    acpi_put(block, LEN, 2);
    acpi_put(block, 1, 1); /* addresses */
    acpi_put(block, sizeof name, 2);
    acpi_put(block, NAME_AT, 2);
    acpi_put(block, 0, 2 + 2); /* nothing of the vendor's own */
    acpi_put(block, SERIAL, 2);
    acpi_put(block, PL011, 2);
    acpi_put(block, 0, 2);
    acpi_put(block, DEVICE_LEN, 2);
    acpi_put(block, SIZE_AT, 2);
    acpi_gas(address, ACPI_GAS_MEMORY, 32, virt_map[VIRT_UART].base);
    aml_bytes(&block->buf, address, sizeof address);
    acpi_put(block, virt_map[VIRT_UART].size, 4);
    aml_bytes(&block->buf, name, sizeof name);
    acpi_table_end(block, at);
    return at;
}

static void add_hierarchy(struct acpi_block *block, unsigned flags, size_t parent, unsigned id)
{
    enum { HIERARCHY = 0, LEN = 20 };
    acpi_put(block, HIERARCHY, 1);
    acpi_put(block, LEN, 1);
    acpi_put(block, 0, 2);
    acpi_put(block, flags, 4);
    acpi_put(block, parent, 4);
    acpi_put(block, id, 4);
    acpi_put(block, 0, 4); /* caches */
}

/* As in the device tree: all processors are cores of one socket. */
static size_t build_pptt(struct acpi_block *block, unsigned cpus)
{
    enum { PACKAGE = 1, ID_VALID = 2, LEAF = 8, IDENTICAL = 16 };
    size_t at = acpi_table_begin(block, "PPTT", 2);
    add_hierarchy(block, PACKAGE | IDENTICAL, 0, 0);
    for (unsigned n = 0; n < cpus; n++)
        add_hierarchy(block, ID_VALID | LEAF, ACPI_HEADER_LEN, n);
    acpi_table_end(block, at);
    return at;
}

/* Messages of every function go to the ITS by their requester. */
static size_t build_iort(struct acpi_block *block)
{
    enum {
        NODES = 48,
        ITS_GROUP = 0,
        ITS_LEN = 24,
        ROOT = 2,
        ROOT_LEN = 56,
        ROOT_MAPS = 36,
        COHERENT = 1,
        COHERENT_FLAGS = 3,
        LIMIT_BITS = 64
    };
    size_t at = acpi_table_begin(block, "IORT", 0);
    acpi_put(block, 2, 4);
    acpi_put(block, NODES, 4);
    acpi_put(block, 0, 4);

    acpi_put(block, ITS_GROUP, 1);
    acpi_put(block, ITS_LEN, 2);
    acpi_put(block, 0, 1 + 4);
    acpi_put(block, 0, 8); /* no mappings */
    acpi_put(block, 1, 4); /* one ITS: number 0 */
    acpi_put(block, 0, 4);

    acpi_put(block, ROOT, 1);
    acpi_put(block, ROOT_LEN, 2);
    acpi_put(block, 1, 1);
    acpi_put(block, 0, 4);
    acpi_put(block, 1, 4);
    acpi_put(block, ROOT_MAPS, 4);
    acpi_put(block, COHERENT, 4);
    acpi_put(block, 0, 1 + 2);
    acpi_put(block, COHERENT_FLAGS, 1);
    acpi_put(block, 0, 4); /* no ATS */
    acpi_put(block, 0, 4); /* segment */
    acpi_put(block, LIMIT_BITS, 1);
    acpi_put(block, 0, 3);
    acpi_put(block, 0, 4); /* from 0 on */
    acpi_put(block, 0xffff, 4);
    acpi_put(block, 0, 4);
    acpi_put(block, NODES, 4);
    acpi_put(block, 0, 4);
    acpi_table_end(block, at);
    return at;
}

/* ---- all of them ----------------------------------------------------------------------------- */

bool virt_build_acpi(const struct virt_board *b, struct acpi_tables *out, uint64_t address,
                     struct vemu_error **errp)
{
    struct acpi_block block;
    acpi_block_init(&block, out, address);
    size_t dsdt = build_dsdt(&block, b);
    acpi_list(&block, build_fadt(&block, b, address + dsdt));
    acpi_list(&block, build_madt(&block, b));
    acpi_list(&block, build_gtdt(&block));
    acpi_list(&block, acpi_build_mcfg(&block, b->pci_config.ecam.base,
                                      (unsigned)(b->pci_config.ecam.size >> 20)));
    acpi_list(&block, build_pptt(&block, b->cpus));
    acpi_list(&block, build_spcr(&block));
    acpi_list(&block, build_dbg2(&block));
    if (b->its)
        acpi_list(&block, build_iort(&block));
    return acpi_block_finish(&block, TABLES_MAX, errp);
}

bool virt_publish_acpi(const struct virt_board *b, struct vemu_error **errp)
{
    struct acpi_tables t;
    uint8_t script[ACPI_LOADER_LEN];
    if (!virt_build_acpi(b, &t, 0, errp))
        return false;
    acpi_loader_script(&t, script);
    bool ok = fw_cfg_add_file(b->fw_cfg, ACPI_LOADER_TABLES, t.data, t.len, errp) &&
              fw_cfg_add_file(b->fw_cfg, ACPI_LOADER_RSDP, t.rsdp, sizeof t.rsdp, errp) &&
              fw_cfg_add_file(b->fw_cfg, ACPI_LOADER_SCRIPT, script, sizeof script, errp);
    acpi_tables_free(&t);
    return ok;
}
