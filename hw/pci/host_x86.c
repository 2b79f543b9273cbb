/*
 * Host bridges of PC machines. Configuration mechanism #1: PCI Local Bus Specification 3.0, section
 * 3.2.2.3.2. Register names: Intel 82441FX and 3 Series chipset data sheets.
 */
#include "hw/pci/host_x86.h"

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/pci/ecam.h"
#include "hw/pci/pam.h"
#include "hw/pci/smram.h"

enum {
    CONFIG_ADDRESS = 0,
    RESET_CONTROL = 1, /* 0xcf9, a byte register inside CONFIG_ADDRESS */
    CONFIG_DATA = 4,
    RST_SYS = 1 << 1,
    RST_CPU = 1 << 2,
};
#define CONFIG_ENABLE 0x80000000u
enum { I440FX_PAM0 = 0x59, I440FX_SMRAM = 0x72 };
enum {
    MCH_EXT_TSEG_MBYTES = 0x50, /* not in the data sheet: see ext_tseg_written() */
    MCH_PCIEXBAR = 0x60,        /* base of the enhanced configuration window */
    PCIEXBAR_ENABLE = 1,
    MCH_PAM0 = 0x90,
    MCH_SMRAM = 0x9d,
    MCH_ESMRAMC = 0x9e,
    MCH_GBSM = 0xa4,   /* graphics memory */
    MCH_BGSM = 0xa8,   /* its translation table */
    MCH_TSEGMB = 0xac, /* TSEG */
    MCH_TOLUD = 0xb0,  /* end of RAM below 4 GiB, 16 bits */
};
/* Where firmware says that the map has what; in MiB, and 64 KiB. */
#define MCH_BASE_WMASK UINT32_C(0xfff00000)
#define MCH_TOLUD_WMASK 0xfff0
#define ISA_ROM_END UINT64_C(0x100000)
#define ISA_ROM_MAX UINT64_C(0x20000)
enum { EXT_TSEG_MBYTES = 16, EXT_TSEG_QUERY = 0xffff };

struct pci_host {
    struct device dev;
    struct pci_bus bus;
    struct mem_region mem, io, ports, ecam, rom;
    uint32_t config_address;
    uint8_t reset_control;
    struct pci_host_config cfg;
    struct pam pam;
    struct smram smram;
};

struct host_function {
    struct pci_device pci;
    struct pci_host *host;
};

/* ---- ports ----------------------------------------------------------------------------------- */

/* The bus that CONFIG_ADDRESS names; NULL: none, or it is not enabled. */
static struct pci_bus *addressed_bus(struct pci_host *host)
{
    if (!(host->config_address & CONFIG_ENABLE))
        return NULL;
    return pci_bus_find(&host->bus, host->config_address >> 16 & 0xff);
}

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_host *host = opaque;
    if (offset >= CONFIG_DATA) {
        struct pci_bus *bus = addressed_bus(host);
        if (!bus)
            return mask_bits(8 * size);
        return pci_bus_config_read(bus, (uint16_t)(host->config_address >> 8 & 0xff),
                                   (host->config_address & 0xfc) + (uint32_t)(offset & 3), size);
    }
    if (offset == RESET_CONTROL && size == 1)
        return host->reset_control;
    /* CONFIG_ADDRESS is a dword register: narrower accesses are ordinary port cycles. */
    return offset == CONFIG_ADDRESS && size == 4 ? host->config_address : mask_bits(8 * size);
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pci_host *host = opaque;
    if (offset >= CONFIG_DATA) {
        struct pci_bus *bus = addressed_bus(host);
        if (bus)
            pci_bus_config_write(bus, (uint16_t)(host->config_address >> 8 & 0xff),
                                 (host->config_address & 0xfc) + (uint32_t)(offset & 3),
                                 (uint32_t)value, size);
    } else if (offset == RESET_CONTROL && size == 1) {
        host->reset_control = value & RST_SYS;
        if (value & RST_CPU)
            device_request(&host->dev, MACHINE_REQUEST_RESET, 0);
    } else if (offset == CONFIG_ADDRESS && size == 4) {
        host->config_address = (uint32_t)value & ~3u;
    }
}

static const struct mem_ops ports_ops = {
    .read = ports_read, .write = ports_write, .min_size = 1, .max_size = 4};

/* ---- function 0:0.0 -------------------------------------------------------------------------- */

/* D_LCK freezes the registers and closes the window, until reset. */
static void update_smram(struct pci_device *pci, uint32_t reg, uint64_t tseg_bytes)
{
    struct pci_host *host = ((struct host_function *)pci)->host;
    uint8_t *smram = &pci->config[reg];
    bool locked = *smram & SMRAM_LOCK;
    if (locked)
        *smram &= (uint8_t)~SMRAM_OPEN;
    pci->wmask[reg] = locked ? 0 : SMRAM_WMASK;
    smram_update(&host->smram, *smram, tseg_bytes);
}

static void i440fx_config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct pci_host *host = ((struct host_function *)pci)->host;
    if (!host->cfg.ram)
        return;
    if (range_overlaps(offset, size, I440FX_PAM0, PAM_REGISTERS))
        pam_update(&host->pam, &pci->config[I440FX_PAM0]);
    if (range_overlaps(offset, size, I440FX_SMRAM, 1))
        update_smram(pci, I440FX_SMRAM, 0);
}

/* The chipset has 1, 2 and 8 MiB of TSEG; the fourth size is more than that, and this register says
 * how much to who writes FFFFH and reads: firmware that needs it asks so. */
static void ext_tseg_written(struct pci_device *pci)
{
    uint8_t *reg = pci->config + MCH_EXT_TSEG_MBYTES;
    if (load_le16(reg) == EXT_TSEG_QUERY)
        store_le16(reg, EXT_TSEG_MBYTES);
}

static uint64_t tseg_bytes(const struct pci_device *pci)
{
    static const uint8_t mib[] = {1, 2, 8, EXT_TSEG_MBYTES};
    uint8_t esmramc = pci->config[MCH_ESMRAMC];
    if (!(esmramc & ESMRAM_T_ENABLE))
        return 0;
    return (uint64_t)mib[(esmramc & ESMRAM_TSEG_SIZE) >> ESMRAM_TSEG_SIZE_SHIFT] << 20;
}

/* RAM and TSEG are where this machine has them; firmware keeps its notes of it here, and reads
 * TSEG's place from them. D_LCK locks them. */
static void set_base_masks(struct pci_device *pci, bool locked)
{
    static const uint8_t regs[] = {MCH_GBSM, MCH_BGSM, MCH_TSEGMB};
    for (unsigned i = 0; i < ARRAY_SIZE(regs); i++)
        store_le32(pci->wmask + regs[i], locked ? 0 : MCH_BASE_WMASK);
    store_le16(pci->wmask + MCH_TOLUD, locked ? 0 : MCH_TOLUD_WMASK);
}

static void q35_smram_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct pci_host *host = ((struct host_function *)pci)->host;
    if (!host->cfg.ram)
        return;
    if (range_overlaps(offset, size, MCH_PAM0, PAM_REGISTERS))
        pam_update(&host->pam, &pci->config[MCH_PAM0]);
    if (range_overlaps(offset, size, MCH_EXT_TSEG_MBYTES, 2))
        ext_tseg_written(pci);
    if (range_overlaps(offset, size, MCH_SMRAM, 2)) {
        update_smram(pci, MCH_SMRAM, tseg_bytes(pci));
        bool locked = pci->config[MCH_SMRAM] & SMRAM_LOCK;
        pci->wmask[MCH_ESMRAMC] = locked ? 0 : ESMRAM_WMASK;
        store_le16(pci->wmask + MCH_EXT_TSEG_MBYTES, locked ? 0 : 0xffff);
        set_base_masks(pci, locked);
    }
}

static void q35_config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct pci_host *host = ((struct host_function *)pci)->host;
    q35_smram_written(pci, offset, size);
    if (!range_overlaps(offset, size, MCH_PCIEXBAR, 8))
        return;
    /* Length field (bits 1 and 2): 256, 128 or 64 MiB. The window keeps its full size; software
     * that asks for less does not look beyond. */
    uint64_t reg = load_le64(pci->config + MCH_PCIEXBAR), base = reg & UINT64_C(0xff0000000);
    mem_region_remove(&host->ecam);
    if (reg & PCIEXBAR_ENABLE)
        mem_region_add(mem_space_root(host->dev.machine->memory), base, &host->ecam, 0);
}

static void add_pam(struct host_function *f, uint32_t pam0)
{
    for (unsigned n = 0; n < PAM_REGISTERS; n++) {
        f->pci.wmask[pam0 + n] = PAM_WMASK(n);
        f->pci.config[pam0 + n] = f->host->cfg.shadow ? PAM_WMASK(n) : 0;
    }
}

static bool i440fx_realize(struct device *dev, struct vemu_error **errp)
{
    struct host_function *f = (struct host_function *)dev;
    static const struct pci_ident ident = {.vendor = PCI_VENDOR_INTEL,
                                           .device = 0x1237,
                                           .subsystem_vendor = PCI_VENDOR_VIRTIO,
                                           .subsystem = 0x1100,
                                           .class_code = 0x060000,
                                           .revision = 2};
    if (!pci_device_init(&f->pci, &ident, errp))
        return false;
    if (f->host->cfg.ram) {
        add_pam(f, I440FX_PAM0);
        f->pci.config[I440FX_SMRAM] = SMRAM_RESET;
        f->pci.wmask[I440FX_SMRAM] = SMRAM_WMASK;
    }
    f->pci.config_written = i440fx_config_written;
    return true;
}

static bool q35_realize(struct device *dev, struct vemu_error **errp)
{
    struct host_function *f = (struct host_function *)dev;
    static const struct pci_ident ident = {.vendor = PCI_VENDOR_INTEL,
                                           .device = 0x29c0,
                                           .subsystem_vendor = PCI_VENDOR_VIRTIO,
                                           .subsystem = 0x1100,
                                           .class_code = 0x060000,
                                           .revision = 2};
    if (!pci_device_init(&f->pci, &ident, errp))
        return false;
    store_le64(f->pci.wmask + MCH_PCIEXBAR, UINT64_C(0xff0000007));
    store_le64(f->pci.config + MCH_PCIEXBAR,
               Q35_ECAM_BASE | (f->host->cfg.ecam_enabled ? PCIEXBAR_ENABLE : 0));
    if (f->host->cfg.ram) {
        add_pam(f, MCH_PAM0);
        f->pci.config[MCH_SMRAM] = SMRAM_RESET;
        f->pci.wmask[MCH_SMRAM] = SMRAM_WMASK;
        f->pci.config[MCH_ESMRAMC] = ESMRAM_CACHE;
        f->pci.wmask[MCH_ESMRAMC] = ESMRAM_WMASK;
        store_le16(f->pci.wmask + MCH_EXT_TSEG_MBYTES, 0xffff);
        set_base_masks(&f->pci, false);
    }
    f->pci.config_written = q35_config_written;
    return true;
}

static void function_unrealize(struct device *dev)
{
    struct host_function *f = (struct host_function *)dev;
    mem_region_remove(&f->host->ecam);
    pci_device_exit(&f->pci);
}

static void function_reset(struct device *dev)
{
    pci_device_reset((struct pci_device *)dev);
}

static bool function_post_load(struct device *dev, struct vemu_error **errp)
{
    return pci_device_post_load((struct pci_device *)dev, errp);
}

static const struct state_field function_state[] = {
    STATE_PCI(struct host_function, pci),
    STATE_FIELDS_END,
};

const struct device_class pci_i440fx_class = {
    .name = "i440FX",
    .help = "82441FX host bridge function",
    .size = sizeof(struct host_function),
    .bus = "pci",
    .state = function_state,
    .state_version = 1,
    .realize = i440fx_realize,
    .unrealize = function_unrealize,
    .reset = function_reset,
    .post_load = function_post_load,
};

const struct device_class pci_q35_class = {
    .name = "mch",
    .help = "Q35 memory controller hub function",
    .size = sizeof(struct host_function),
    .bus = "pci",
    .state = function_state,
    .state_version = 1,
    .realize = q35_realize,
    .unrealize = function_unrealize,
    .reset = function_reset,
    .post_load = function_post_load,
};

/* ---- the host -------------------------------------------------------------------------------- */

static void host_unrealize(struct device *dev)
{
    struct pci_host *host = (struct pci_host *)dev;
    smram_exit(&host->smram);
    pam_exit(&host->pam);
    mem_region_remove(&host->ecam);
    mem_region_remove(&host->rom);
    mem_region_remove(&host->ports);
    mem_region_remove(&host->io);
    mem_region_remove(&host->mem);
}

static bool host_realize(struct device *dev, struct vemu_error **errp)
{
    struct pci_host *host = (struct pci_host *)dev;
    struct vemu_machine *m = dev->machine;
    mem_region_init_container(&host->mem, "pci-memory", UINT64_C(1) << 52);
    mem_region_init_container(&host->io, "pci-io", 0x10000);
    mem_region_init_io(&host->ports, "pci-config", 8, &ports_ops, host, dev);
    pci_ecam_init(&host->ecam, &host->bus, Q35_ECAM_SIZE, dev);
    /* Below everything else: RAM and the chipset's fixed windows hide BARs placed over them. */
    mem_region_add(mem_space_root(m->memory), 0, &host->mem, -1);
    mem_region_add(mem_space_root(m->io), 0, &host->io, -1);
    mem_region_add(mem_space_root(m->io), 0xcf8, &host->ports, 0);
    if (host->cfg.rom) {
        uint64_t size = MIN(host->cfg.rom->size, ISA_ROM_MAX);
        mem_region_init_rom(&host->rom, "bios-isa", host->cfg.rom, host->cfg.rom->size - size,
                            size);
        mem_region_add(&host->mem, ISA_ROM_END - size, &host->rom, 0);
    }
    pci_bus_init(&host->bus, m, &host->mem, &host->io, NULL, NULL);
    host->bus.express = host->cfg.q35;
    host->bus.name = host->cfg.q35 ? "pcie.0" : "pci.0";
    if (host->cfg.ram && (!pam_init(&host->pam, m, host->cfg.ram, &host->mem, errp) ||
                          !smram_init(&host->smram, m, host->cfg.ram, host->cfg.low_end, errp))) {
        host_unrealize(dev);
        return false;
    }
    return true;
}

static void host_reset(struct device *dev)
{
    struct pci_host *host = (struct pci_host *)dev;
    host->config_address = 0;
    host->reset_control = 0;
}

static const struct state_field host_state[] = {
    STATE_INT(struct pci_host, config_address),
    STATE_INT(struct pci_host, reset_control),
    STATE_INT_ARRAY(struct pci_host, bus.line_level, .max = 1),
    STATE_FIELDS_END,
};

const struct device_class pci_host_class = {
    .name = "pci-host",
    .help = "PCI host of a PC: configuration ports, ECAM and bus 0",
    .size = sizeof(struct pci_host),
    .state = host_state,
    .state_version = 1,
    .realize = host_realize,
    .unrealize = host_unrealize,
    .reset = host_reset,
};

struct device *pci_host_create(struct vemu_machine *m, const struct pci_host_config *cfg,
                               struct vemu_error **errp)
{
    struct device *dev = device_new(m, &pci_host_class, NULL, errp);
    if (!dev)
        return NULL;
    struct pci_host *host = (struct pci_host *)dev;
    host->cfg = *cfg;
    if (!device_realize(dev, errp)) {
        device_free(dev);
        return NULL;
    }
    pci_host_set_ops(dev, cfg->ops, cfg->opaque);

    struct device *bridge =
        device_new(m, cfg->q35 ? &pci_q35_class : &pci_i440fx_class, NULL, errp);
    if (bridge) {
        struct host_function *f = (struct host_function *)bridge;
        f->host = host;
        f->pci.bus = &host->bus;
        f->pci.devfn = PCI_DEVFN(0, 0);
        if (device_realize(bridge, errp))
            return dev;
        device_free(bridge);
    }
    device_free(dev);
    return NULL;
}

struct pci_bus *pci_host_bus(struct device *dev)
{
    return &((struct pci_host *)dev)->bus;
}

void pci_host_set_ops(struct device *dev, const struct pci_bus_ops *ops, void *opaque)
{
    struct pci_host *host = (struct pci_host *)dev;
    host->bus.ops = ops;
    host->bus.opaque = opaque;
}

uint64_t pci_host_ecam(struct device *dev)
{
    const struct pci_host *host = (struct pci_host *)dev;
    return host->ecam.parent ? host->ecam.addr : 0;
}
