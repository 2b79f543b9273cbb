/* The machine `virt`: devices in order, and the wiring; see virt.h. */
#include "hw/arm/virt.h"

#include <stdlib.h>
#include <string.h>
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/device/prop.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/arm/boards.h"
#include "hw/acpi/ged.h"
#include "hw/arm/psci.h"
#include "hw/ata/ata.h"
#include "hw/char/pl011.h"
#include "hw/create.h"
#include "hw/display/virtio_gpu.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/pflash.h"
#include "hw/gpio/gpio_key.h"
#include "hw/gpio/pl061.h"
#include "hw/intc/gicv3_its.h"
#include "hw/pci/root_port.h"
#include "hw/timer/arm_timer.h"
#include "hw/timer/pl031.h"
#include "hw/usb/usb.h"

static const char *const gic_names[] = {"auto", "2", "3", "max", NULL};
static const struct prop_desc virt_props[] = {
    PROP(PROP_ENUM, struct virt_options, gic, "gic-version", "auto",
         "interrupt controller; auto: 2 for up to eight vCPUs, 3 for more",
         .enum_names = gic_names),
    PROP(PROP_BOOL, struct virt_options, its, "its", "on",
         "messages as interrupts by an ITS, where there is a GICv3"),
    PROP(PROP_BOOL, struct virt_options, virtualization, "virtualization", "off",
         "processors have EL2, and a kernel starts there"),
    PROP(PROP_BOOL, struct virt_options, secure, "secure", "off", "processors have EL3"),
    PROP(PROP_BOOL, struct virt_options, highmem, "highmem", "on",
         "memory and PCI windows beyond 4 GiB"),
    PROP(PROP_BOOL, struct virt_options, acpi, "acpi", "on", "ACPI tables for firmware"),
    PROP(PROP_BOOL, struct virt_options, randomness, "dtb-randomness", "on",
         "random seeds in the device tree"),
    {0},
};

static struct virt_board *board_of(struct vemu_machine *m)
{
    return m->board;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void board_free(struct vemu_machine *m)
{
    struct virt_board *b = board_of(m);
    struct mem_region *regions[] = {&b->ram_region, &b->secure_ram_region};
    for (unsigned n = 0; n < ARRAY_SIZE(regions); n++)
        if (regions[n]->parent)
            mem_region_remove(regions[n]);
    virtio_mmio_slots_exit(&b->virtio_mmio);
    arm_boot_free(&b->boot);
    free(b);
    m->board = NULL;
    m->board_free = NULL;
    m->board_reset = NULL;
}

static bool board_reset(struct vemu_machine *m, struct vemu_error **errp)
{
    struct virt_board *b = board_of(m);
    return !b->boot.dtb || arm_boot_apply(&b->boot, m->vcpus[0], b->options.randomness, errp);
}

static struct virt_board *board_new(struct vemu_machine *m, const struct board_class *cls,
                                    const struct board_config *cfg, struct vemu_error **errp)
{
    struct virt_board *b = calloc(1, sizeof *b);
    if (!b) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for board %s", cls->name);
        return NULL;
    }
    b->m = m;
    b->cls = cls;
    b->cpus = cfg->cpus;
    b->ram_size = cfg->ram_size;
    b->firmware = cfg->bios || cfg->pflash[0].block;
    m->starts_firmware = b->firmware;
    m->board = b;
    m->board_free = board_free;
    m->board_reset = board_reset;
    arm_boot_init(&b->boot, VIRT_RAM_BASE, b->ram_size);
    if (!board_set_options(cls, m, &b->options, cfg, errp))
        return NULL;
    return b;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool create_memory(struct virt_board *b, struct vemu_error **errp)
{
    struct mem_region *root = mem_space_root(b->m->memory);
    unsigned bits = virt_address_bits(b);
    uint64_t room = (UINT64_C(1) << bits) - VIRT_RAM_BASE;

    if (b->ram_size > room)
        return error_set(
            errp, VEMU_ERROR_INVALID,
            "-m: %llu MiB of memory do not fit below the %u bits of physical addresses "
            "of %s%s; there is room for %llu",
            (unsigned long long)(b->ram_size >> 20), bits, b->model.name,
            b->options.highmem ? "" : " with highmem=off", (unsigned long long)(room >> 20));
    b->ram = ram_block_new(&b->m->rams, "ram", b->ram_size, false, errp);
    if (!b->ram)
        return false;
    mem_region_init_ram(&b->ram_region, "ram", b->ram, 0, b->ram_size);
    mem_region_add(root, VIRT_RAM_BASE, &b->ram_region, 0);
    if (!b->options.secure)
        return true;
    const struct virt_place *place = &virt_map[VIRT_SECURE_RAM];
    b->secure_ram = ram_block_new(&b->m->rams, "secure-ram", place->size, false, errp);
    if (!b->secure_ram)
        return false;
    mem_region_init_ram(&b->secure_ram_region, "secure-ram", b->secure_ram, 0, place->size);
    mem_region_add(root, place->base, &b->secure_ram_region, 0);
    return true;
}

/* -bios: the first flash has it, as if it had been programmed. */
static bool load_bios(struct virt_board *b, const char *path, struct vemu_error **errp)
{
    uint8_t *data;
    size_t len;
    if (!boot_file_read("-bios", path, virt_map[VIRT_FLASH].size / VIRT_FLASHES, &data, &len, errp))
        return false;
    memcpy(pflash_memory(b->flash[0])->host, data, len);
    free(data);
    return true;
}

/* A 64-bit processor begins with what the first flash has first, where zero is no instruction. */
static bool check_firmware(const struct virt_board *b, const struct board_config *cfg,
                           struct vemu_error **errp)
{
    const uint8_t *code = pflash_memory(b->flash[0])->host;
    if (!b->firmware || !b->model.aarch64 || load_le32(code))
        return true;
    return error_set(errp, VEMU_ERROR_FORMAT,
                     "%s %s is not firmware for Arm processors: it has no code at its start; "
                     "QEMU_EFI.fd and AAVMF_CODE.fd, of the package qemu-efi-aarch64, are",
                     cfg->bios ? "-bios" : cfg->pflash[0].origin,
                     cfg->bios ? cfg->bios : "(unit 0)");
}

/* There are two in any case; without an image one is empty, and forgets. */
static bool create_flash(struct virt_board *b, const struct board_config *cfg,
                         struct vemu_error **errp)
{
    const struct virt_place *place = &virt_map[VIRT_FLASH];
    uint64_t size = place->size / VIRT_FLASHES;

    for (unsigned n = 0; n < VIRT_FLASHES; n++) {
        const struct board_pflash *image = &cfg->pflash[n];
        struct pflash_config config = {.name = n ? "pflash1" : "pflash0",
                                       .end = place->base + (n + 1) * size,
                                       .size = size,
                                       .wide = true,
                                       .block = image->block,
                                       .read_only = image->read_only,
                                       .origin = image->origin ? image->origin : "-pflash"};
        b->flash[n] = pflash_create(b->m, &config, errp);
        if (!b->flash[n])
            return false;
    }
    return (!cfg->bios || load_bios(b, cfg->bios, errp)) && check_firmware(b, cfg, errp);
}

/* ---- vCPUs ----------------------------------------------------------------------------------- */

static void timer_changed(struct vcpu *cpu, enum arm_timer which, void *opaque)
{
    struct virt_board *b = opaque;
    if (b->timer)
        arm_timer_update(b->timer, cpu->index, which);
}

static bool firmware_call(struct vcpu *cpu, uint64_t x[18], void *opaque)
{
    (void)opaque;
    return psci_call(cpu, x);
}

/* An accelerator of the host's processor has guests of that one alone, and nothing above EL1. */
static bool choose_host(struct virt_board *b, const char *spec, struct vemu_error **errp)
{
    const struct accel *accel = b->m->accel;

    if (strcmp(spec, "host") != 0 && strcmp(spec, "max") != 0)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "-cpu %s: with %s guests have the host's processor: use -cpu host", spec,
                         accel->name);
    if (b->options.virtualization || b->options.secure)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "-machine %s=on: with %s guests have EL1 and EL0; use -accel tcg",
                         b->options.secure ? "secure" : "virtualization", accel->name);
    return accel->arm_host(b->m, &b->model, errp);
}

static bool choose_model(struct virt_board *b, const struct board_config *cfg,
                         struct vemu_error **errp)
{
    bool host = b->m->accel && b->m->accel->arm_host;
    const char *spec = cfg->cpu_model ? cfg->cpu_model : host ? "host" : b->cls->default_cpu;
    const unsigned bits = cfg->cpu_bits ? cfg->cpu_bits : 64;
    if (host ? !choose_host(b, spec, errp) : !arm_cpu_model_parse(&b->model, spec, bits, errp))
        return false;
    if (cfg->cpu_bits == 32 && b->model.aarch64)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-cpu %s: this machine is for 32-bit guests; use cortex-a15, or "
                         "--arch aarch64 (vemu-system-aarch64)",
                         spec);
    if (!b->model.aarch64 && (b->options.virtualization || b->options.secure))
        return error_set(
            errp, VEMU_ERROR_UNSUPPORTED,
            "-M virt,%s=on: processors of 32 bits such as %s have EL1 and EL0 alone here",
            b->options.secure ? "secure" : "virtualization", b->model.name);
    b->gicv3 =
        b->options.gic == VIRT_GIC_AUTO ? b->cpus > GICV2_CPUS_MAX : b->options.gic != VIRT_GIC_2;
    b->model.gic_sysregs = b->gicv3;
    if (!b->options.virtualization)
        arm_cpu_model_set(&b->model, ARM_FEAT_EL2, false);
    if (!b->options.secure)
        arm_cpu_model_set(&b->model, ARM_FEAT_EL3, false);
    arm_cpu_model_ids(&b->model);
    return true;
}

static bool create_vcpus(struct virt_board *b, struct vemu_error **errp)
{
    /* Who has EL3 runs its firmware there; an operating system alone is served from outside. */
    bool own_el3 = b->options.secure && b->firmware;
    b->ops = (struct arm_board_ops){
        .timer_changed = timer_changed,
        .firmware_call = firmware_call,
        .conduit = own_el3                     ? ARM_CONDUIT_NONE
                   : b->options.virtualization ? ARM_CONDUIT_SMC
                                               : ARM_CONDUIT_HVC,
    };
    for (unsigned n = 0; n < b->cpus; n++) {
        struct vcpu *cpu = vcpu_new(b->m, ARCH_ARM, n, &b->model, errp);
        if (!cpu)
            return false;
        cpu->arm_board_ops = &b->ops;
        cpu->arm_board = b;
    }
    return true;
}

/* ---- interrupt controller -------------------------------------------------------------------- */

static struct irq spi(struct virt_board *b, unsigned n)
{
    return b->gicv3 ? gicv3_spi(b->gic, n) : gicv2_spi(b->gic, n);
}

static struct irq ppi(struct virt_board *b, unsigned cpu, unsigned intid)
{
    return b->gicv3 ? gicv3_ppi(b->gic, cpu, intid) : gicv2_ppi(b->gic, cpu, intid);
}

static bool create_gicv3(struct virt_board *b, struct vemu_error **errp)
{
    uint64_t affinity[VIRT_CPUS_MAX];
    struct gicv3_config cfg = {
        .cpus = b->m->vcpus,
        .affinity = affinity,
        .cpu_count = b->cpus,
        .spis = VIRT_SPIS,
        .dist_base = virt_map[VIRT_GIC_DIST].base,
        .redist = {{virt_map[VIRT_GIC_REDIST].base, b->cpus}},
        .security = b->options.secure,
        .reset_nonsecure = !b->firmware,
        .virtualization = b->options.virtualization,
        .lpis = b->options.its,
        .its_base = virt_map[VIRT_GIC_ITS].base,
        .maintenance = VIRT_PPI_MAINTENANCE,
    };
    for (unsigned n = 0; n < b->cpus; n++)
        affinity[n] = arm_mpidr(&b->model, n);
    b->gic = gicv3_create(b->m, &cfg, errp);
    return b->gic != NULL;
}

static bool create_gicv2(struct virt_board *b, struct vemu_error **errp)
{
    struct gicv2_config cfg = {
        .cpus = b->m->vcpus,
        .cpu_count = b->cpus,
        .spis = VIRT_SPIS,
        .dist_base = virt_map[VIRT_GIC_DIST].base,
        .cpu_base = virt_map[VIRT_GIC_CPU].base,
        .security = b->options.secure,
        .reset_nonsecure = !b->firmware,
        .virtualization = b->options.virtualization,
        .hyp_base = virt_map[VIRT_GIC_HYP].base,
        .guest_base = virt_map[VIRT_GIC_GUEST].base,
        .maintenance = VIRT_PPI_MAINTENANCE,
    };
    if (b->cpus > GICV2_CPUS_MAX)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-smp %u: a GICv2 has %d vCPUs at most; use gic-version=3", b->cpus,
                         GICV2_CPUS_MAX);
    b->gic = gicv2_create(b->m, &cfg, errp);
    return b->gic != NULL;
}

static bool create_messages(struct virt_board *b, struct vemu_error **errp)
{
    if (b->gicv3) {
        struct gicv3_its_config cfg = {.base = virt_map[VIRT_GIC_ITS].base, .gic = b->gic};
        if (b->options.its)
            b->its = gicv3_its_create(b->m, &cfg, errp);
        return b->its || !b->options.its;
    }
    struct gicv2m_config cfg = {.base = virt_map[VIRT_GIC_V2M].base,
                                .gic = b->gic,
                                .first_spi = VIRT_SPI_V2M,
                                .spis = VIRT_SPIS_V2M};
    b->v2m = gicv2m_create(b->m, &cfg, errp);
    return b->v2m != NULL;
}

static bool create_timer(struct virt_board *b, struct vemu_error **errp)
{
    static const uint8_t intids[ARM_OUTPUT_COUNT] = {
        [ARM_TIMER_PHYS] = VIRT_PPI_TIMER_PHYS, [ARM_TIMER_VIRT] = VIRT_PPI_TIMER_VIRT,
        [ARM_TIMER_HYP] = VIRT_PPI_TIMER_HYP,   [ARM_TIMER_HYP_VIRT] = VIRT_PPI_TIMER_HYP_VIRT,
        [ARM_TIMER_SEC] = VIRT_PPI_TIMER_SEC,   [ARM_OUTPUT_PMU] = VIRT_PPI_PMU,
    };
    b->timer = arm_timer_create(b->m, b->m->vcpus, b->cpus, errp);
    /* With the kernel's GIC the timers are its own, too. */
    for (unsigned n = 0; b->timer && n < b->cpus && b->m->irqchip == IRQCHIP_OFF; n++)
        for (unsigned t = 0; t < ARM_OUTPUT_COUNT; t++)
            arm_timer_connect(b->timer, n, (enum arm_timer)t, ppi(b, n, intids[t]));
    return b->timer != NULL;
}

/* ---- devices --------------------------------------------------------------------------------- */

static bool create_uart(struct virt_board *b, const struct board_config *cfg, unsigned n,
                        struct vemu_error **errp)
{
    struct pl011_config uart = {.base = virt_map[n ? VIRT_UART2 : VIRT_UART].base,
                                .irq = spi(b, n ? VIRT_SPI_UART2 : VIRT_SPI_UART),
                                .chr = cfg->serial[n]};
    b->uarts[n] = pl011_create(b->m, &uart, errp);
    return b->uarts[n] != NULL;
}

static bool create_power_key(struct virt_board *b, struct vemu_error **errp)
{
    struct pl061_config cfg = {.base = virt_map[VIRT_GPIO].base, .irq = spi(b, VIRT_SPI_GPIO)};
    struct device *gpio = pl061_create(b->m, &cfg, errp);
    if (gpio)
        b->power_key = gpio_key_create(b->m, pl061_input(gpio, VIRT_POWER_KEY_LINE), errp);
    return b->power_key != NULL;
}

/* Where systems that go by ACPI learn of the power button. */
static bool create_event_device(struct virt_board *b, struct vemu_error **errp)
{
    struct ged_config cfg = {.base = virt_map[VIRT_GED].base, .irq = spi(b, VIRT_SPI_GED)};
    if (b->options.acpi)
        b->ged = ged_create(b->m, &cfg, errp);
    return b->ged || !b->options.acpi;
}

static bool create_fw_cfg(struct virt_board *b, struct vemu_error **errp)
{
    struct fw_cfg_config cfg = {.base = virt_map[VIRT_FW_CFG].base, .mmio = true};
    b->fw_cfg = fw_cfg_create(b->m, &cfg, errp);
    return b->fw_cfg && fw_cfg_set_u16(b->fw_cfg, FW_CFG_NB_CPUS, (uint16_t)b->cpus, errp) &&
           fw_cfg_set_u16(b->fw_cfg, FW_CFG_MAX_CPUS, (uint16_t)b->cpus, errp) &&
           fw_cfg_set_u64(b->fw_cfg, FW_CFG_RAM_SIZE, b->ram_size, errp);
}

static bool create_small_devices(struct virt_board *b, const struct board_config *cfg,
                                 struct vemu_error **errp)
{
    struct pl031_config rtc = {.base = virt_map[VIRT_RTC].base,
                               .irq = spi(b, VIRT_SPI_RTC),
                               .start = {.localtime = cfg->rtc_localtime,
                                         .virtual_clock = cfg->rtc_virtual,
                                         .seconds = cfg->rtc_start}};
    for (unsigned n = VIRT_UARTS; n < BOARD_MAX_SERIAL; n++)
        if (cfg->serial[n])
            return error_set(errp, VEMU_ERROR_INVALID, "-serial: machine %s has %d serial ports",
                             b->cls->name, VIRT_UARTS);
    if (!create_uart(b, cfg, 0, errp) || (cfg->serial[1] && !create_uart(b, cfg, 1, errp)))
        return false;
    if (!pl031_create(b->m, &rtc, errp) || !create_power_key(b, errp) ||
        !create_event_device(b, errp) || !create_fw_cfg(b, errp))
        return false;
    virtio_mmio_slots_init(&b->virtio_mmio, mem_space_root(b->m->memory),
                           virt_map[VIRT_VIRTIO].base, VIRT_VIRTIO_SLOTS);
    b->virtio_mmio.from_last = true;
    for (unsigned n = 0; n < VIRT_VIRTIO_SLOTS; n++)
        b->virtio_mmio.irqs[n] = spi(b, VIRT_SPI_VIRTIO + n);
    return true;
}

static bool create_pci(struct virt_board *b, struct vemu_error **errp)
{
    bool high = virt_has_place(b, VIRT_PCIE_ECAM_HIGH);
    const struct virt_place *ecam = &virt_map[high ? VIRT_PCIE_ECAM_HIGH : VIRT_PCIE_ECAM],
                            *mmio = &virt_map[VIRT_PCIE_MMIO],
                            *wide = &virt_map[VIRT_PCIE_MMIO_HIGH];
    struct pci_generic_config *cfg = &b->pci_config;

    cfg->ecam = (struct pci_generic_window){ecam->base, ecam->size};
    cfg->mmio = (struct pci_generic_window){mmio->base, mmio->size};
    if (virt_has_place(b, VIRT_PCIE_MMIO_HIGH))
        cfg->mmio_high = (struct pci_generic_window){wide->base, wide->size};
    cfg->pio_base = virt_map[VIRT_PCIE_PIO].base;
    for (unsigned n = 0; n < GENERIC_PCI_LINES; n++)
        cfg->irqs[n] = spi(b, VIRT_SPI_PCIE + n);
    b->pci_host = pci_generic_host_create(b->m, cfg, errp);
    if (!b->pci_host)
        return false;
    b->pci = pci_generic_host_bus(b->pci_host);
    if (b->its)
        pci_bus_set_msi(b->pci, gicv3_its_send_msi, b->its);
    return true;
}

/* Where somebody looks, or -vga says so, there is something to be seen. */
static bool create_screen(struct virt_board *b, const struct board_config *cfg,
                          struct vemu_error **errp)
{
    if (cfg->vga == BOARD_VGA_NONE || (cfg->vga == BOARD_VGA_STD && cfg->serial_console))
        return true;
    struct device *dev = device_new(b->m, &virtio_gpu_pci_class.device, NULL, errp);
    if (!dev)
        return false;
    ((struct pci_device *)dev)->bus = b->pci;
    ((struct pci_device *)dev)->devfn = PCI_DEVFN_ANY;
    return device_realize_or_free(dev, errp) != NULL;
}

/* ---- making it ------------------------------------------------------------------------------- */

/* Firmware starts the kernel itself: it reads the pieces through fw_cfg. */
static bool publish_kernel(struct virt_board *b, const struct board_config *cfg,
                           struct vemu_error **errp)
{
    const char *append = cfg->append ? cfg->append : "";
    const struct {
        const char *option, *path;
        uint16_t size_key, data_key;
    } files[] = {{"-kernel", cfg->kernel, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA},
                 {"-initrd", cfg->initrd, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA}};
    for (unsigned n = 0; n < ARRAY_SIZE(files); n++) {
        if (!files[n].path)
            continue;
        uint8_t *data;
        size_t len;
        if (!boot_file_read(files[n].option, files[n].path, b->ram_size, &data, &len, errp))
            return false;
        bool ok = fw_cfg_set_u32(b->fw_cfg, files[n].size_key, (uint32_t)len, errp) &&
                  fw_cfg_set(b->fw_cfg, files[n].data_key, data, len, errp);
        free(data);
        if (!ok)
            return false;
    }
    return !*append ||
           (fw_cfg_set_u32(b->fw_cfg, FW_CFG_CMDLINE_SIZE, (uint32_t)strlen(append) + 1, errp) &&
            fw_cfg_set(b->fw_cfg, FW_CFG_CMDLINE_DATA, append, strlen(append) + 1, errp));
}

/* A kernel, or firmware that finds the tree at the bottom of memory and starts the kernel; or
 * neither. */
static bool load_software(struct virt_board *b, const struct board_config *cfg,
                          struct vemu_error **errp)
{
    uint8_t *tree = NULL;
    uint32_t len;
    if (!cfg->kernel && !b->firmware)
        return true;
    if (!cfg->dtb && !virt_make_dtb(b, &tree, &len, errp))
        return false;
    struct arm_boot_config boot = {.kernel = b->firmware ? NULL : cfg->kernel,
                                   .initrd = cfg->initrd,
                                   .append = cfg->append,
                                   .dtb = cfg->dtb,
                                   .tree = tree,
                                   .model = &b->model};
    if (!arm_boot_load(&b->boot, &boot, errp))
        return false;
    return !b->firmware || ((!b->options.acpi || virt_publish_acpi(b, errp)) &&
                            (!cfg->kernel || publish_kernel(b, cfg, errp)));
}

static bool virt_create(struct vemu_machine *m, const struct board_class *cls,
                        const struct board_config *cfg, struct vemu_error **errp)
{
    struct virt_board *b = board_new(m, cls, cfg, errp);
    if (!b || !choose_model(b, cfg, errp) || !create_memory(b, errp) || !create_vcpus(b, errp))
        return false;
    if (!(b->gicv3 ? create_gicv3(b, errp) : create_gicv2(b, errp)) || !create_messages(b, errp) ||
        !create_timer(b, errp))
        return false;
    return create_flash(b, cfg, errp) && create_small_devices(b, cfg, errp) &&
           create_pci(b, errp) && create_screen(b, cfg, errp) && load_software(b, cfg, errp);
}

static bool virt_plug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    struct virt_board *b = board_of(m);
    const char *bus = dev->cls->bus;

    if (bus && strcmp(bus, "pci") == 0) {
        struct pci_device *pci = (struct pci_device *)dev;
        pci->bus = pcie_find_bus(b->pci, pci->bus_name, errp);
        pci->devfn = PCI_DEVFN_ANY;
        if (!pci->bus)
            return false;
        if (dev->cls == &pcie_root_port_class)
            pcie_root_port_set_native(dev);
    } else if (bus && strcmp(bus, "isa") == 0) {
        return error_set(errp, VEMU_ERROR_INVALID, "machine %s has no ISA bus for '%s'",
                         b->cls->name, dev->cls->name);
    } else if (ata_is_device(dev)) {
        if (!ata_plug(m, dev, errp))
            return false;
    } else if (usb_is_device(dev)) {
        if (!usb_plug(m, dev, errp))
            return false;
    } else if (bus && strcmp(bus, "virtio-mmio") == 0) {
        ((struct virtio_mmio *)dev)->slots = &b->virtio_mmio;
    }
    return device_realize(dev, errp);
}

static bool virt_power_button(struct vemu_machine *m)
{
    struct virt_board *b = board_of(m);
    gpio_key_press(b->power_key); /* by the device tree */
    if (b->ged)
        ged_power_button(b->ged);
    return true;
}

const struct board_class virt_board_class = {
    .name = "virt",
    .versioned = "virt-7.2",
    .help = "Arm machine with PCI Express and virtio, described by a device tree",
    .arch = ARCH_ARM,
    .max_cpus = VIRT_CPUS_MAX,
    .min_ram = UINT64_C(1) << 20,
    .max_ram = VIRT_RAM_MAX,
    .default_cpu = "cortex-a57",
    .default_cpu32 = "cortex-a15",
    .has_serial = true,
    .needs_keyboard = true,
    .firmware = "QEMU_EFI.fd",
    .has_flash = true,
    .virtio_blk = "virtio-blk-pci",
    .nic = "virtio-net-pci",
    .virtio_net = "virtio-net-pci",
    .virtio_serial = "virtio-serial-pci",
    .props = virt_props,
    .create = virt_create,
    .plug = virt_plug,
    .hotplug = virt_hotplug,
    .unplug = virt_unplug,
    .power_button = virt_power_button,
};
