/* The parts that x86 boards share; see x86_common.h. */
#include "hw/x86/x86_common.h"

#include <stdlib.h>
#include <string.h>
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/device/prop.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/acpi/ged.h"
#include "hw/acpi/pm.h"
#include "hw/ata/ata.h"
#include "hw/ata/piix_ide.h"
#include "hw/char/uart16550.h"
#include "hw/create.h"
#include "hw/display/vga_pci.h"
#include "hw/display/virtio_vga.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/pflash.h"
#include "hw/input/i8042.h"
#include "hw/intc/apic_bus.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/intc/lapic.h"
#include "hw/misc/i8237.h"
#include "hw/misc/pc_testdev.h"
#include "hw/misc/ferr.h"
#include "hw/misc/port92.h"
#include "hw/misc/post_port.h"
#include "hw/pci/root_port.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818.h"
#include "hw/usb/usb.h"
#include "hw/x86/hotplug.h"
#include "hw/x86/kernel_rom.h"

enum { ELCR_BASE = 0x4d0, CPUID_EDX_LM = 1 << 29 };
#define VGA_START UINT64_C(0xa0000)
#define SHADOW_START UINT64_C(0xc0000)
#define RSDP_ADDRESS UINT64_C(0xf0000)
#define MPTABLE_ADDRESS UINT64_C(0xf1000)
#define ISA_ROM_MAX (UINT64_C(128) << 10)
#define ROM_MAX (UINT64_C(16) << 20)
enum { RESET_FROM_END = 16 };

static struct x86_board *board_of(struct vemu_machine *m)
{
    return m->board;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void board_free(struct vemu_machine *m)
{
    struct x86_board *b = board_of(m);
    struct mem_region *regions[] = {&b->ram_base, &b->ram_shadow, &b->ram_low,
                                    &b->ram_high, &b->rom_high,   &b->rom_isa};
    for (unsigned i = 0; i < ARRAY_SIZE(regions); i++)
        if (regions[i]->space || regions[i]->parent)
            mem_region_remove(regions[i]);
    virtio_mmio_slots_exit(&b->virtio_mmio);
    x86_boot_free(&b->boot);
    acpi_tables_free(&b->acpi);
    x86_free_firmware_files(&b->acpi_files);
    if (b->options)
        prop_free_values(b->props, b->options);
    free(b->options);
    free(b);
    m->board = NULL;
    m->board_free = NULL;
    m->board_reset = NULL;
}

struct x86_board *x86_board_new(struct vemu_machine *m, const struct board_class *cls,
                                const struct board_config *cfg, size_t options_size,
                                struct vemu_error **errp)
{
    struct x86_board *b = calloc(1, sizeof *b);
    void *options = calloc(1, options_size);
    if (!b || !options) {
        free(b);
        free(options);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for board %s", cls->name);
        return NULL;
    }
    b->m = m;
    b->name = cls->name;
    b->options = options;
    b->props = cls->props;
    b->cpus = cfg->cpus;
    b->firmware = cfg->bios || cfg->pflash[0].block;
    b->direct_boot = cfg->kernel && !b->firmware;
    m->starts_firmware = b->firmware;
    x86_boot_init(&b->boot);
    x86_boot_order_init(b, cfg);
    m->board = b;
    m->board_free = board_free;
    if (!cfg->cpus || cfg->cpus > cls->max_cpus) {
        error_set(errp, VEMU_ERROR_INVALID, "-smp %u: machine %s takes 1 to %u vCPUs", cfg->cpus,
                  cls->name, cls->max_cpus);
        return NULL;
    }
    if (!board_set_options(cls, m, b->options, cfg, errp))
        return NULL;
    if (!m->io)
        m->io = mem_space_new("io", 0x10000, &m->lock, errp);
    return m->io ? b : NULL;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool load_rom(struct x86_board *b, const char *path, struct vemu_error **errp)
{
    struct mem_region *root = mem_space_root(b->m->memory);
    uint8_t *data;
    size_t len;
    if (!boot_file_read("-bios", path, ROM_MAX, &data, &len, errp))
        return false;
    if (len % MEM_PAGE_SIZE) {
        free(data);
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-bios %s has %zu bytes; a multiple of 4096 is expected", path, len);
    }
    b->rom = ram_block_new(&b->m->rams, "bios", len, true, errp);
    if (b->rom)
        memcpy(b->rom->host, data, len);
    free(data);
    if (!b->rom)
        return false;
    mem_region_init_rom(&b->rom_high, "bios", b->rom, 0, len);
    mem_region_add(root, BOOT_4G - len, &b->rom_high, 0);
    return true;
}

static bool create_pflash(struct x86_board *b, const struct board_config *cfg,
                          struct vemu_error **errp)
{
    uint64_t end = BOOT_4G;
    for (unsigned n = 0; n < BOARD_PFLASH && cfg->pflash[n].block; n++) {
        struct pflash_config config = {.name = n ? "pflash1" : "pflash0",
                                       .end = end,
                                       .block = cfg->pflash[n].block,
                                       .read_only = cfg->pflash[n].read_only,
                                       .origin = cfg->pflash[n].origin};
        struct device *dev = pflash_create(b->m, &config, errp);
        if (!dev)
            return false;
        end -= pflash_memory(dev)->size;
        if (!n)
            b->rom = pflash_memory(dev);
    }
    return true;
}

/* Processors begin 16 bytes before its end, where erased flash, which is all ones, is no start. */
static bool check_firmware(const struct x86_board *b, const struct board_config *cfg,
                           struct vemu_error **errp)
{
    const uint8_t *end = (const uint8_t *)b->rom->host + b->rom->size;
    if (load_le32(end - RESET_FROM_END) != UINT32_MAX)
        return true;
    return error_set(
        errp, VEMU_ERROR_FORMAT,
        "%s %s is not firmware for x86 processors: it has no code at its end, where they "
        "begin; SeaBIOS (package seabios) and OVMF (package ovmf) are",
        cfg->bios ? "-bios" : cfg->pflash[0].origin, cfg->bios ? cfg->bios : "(unit 0)");
}

/* The end of the ROM is below 1 MiB, too, where nothing can be switched over to RAM. */
static void map_isa_rom(struct x86_board *b)
{
    uint64_t size = MIN(b->rom->size, ISA_ROM_MAX);
    mem_region_init_rom(&b->rom_isa, "bios-isa", b->rom, b->rom->size - size, size);
    mem_region_add(mem_space_root(b->m->memory), BOOT_HIGH_START - size, &b->rom_isa, 1);
}

bool x86_create_memory(struct x86_board *b, const struct board_config *cfg,
                       const struct x86_memory_layout *layout, struct vemu_error **errp)
{
    struct mem_region *root = mem_space_root(b->m->memory);
    b->below_4g = MIN(cfg->ram_size, layout->low_end);
    b->above_4g = cfg->ram_size - b->below_4g;
    if (b->below_4g < (UINT64_C(2) << 20))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-m: %llu bytes of memory; an x86 machine needs at least 2M",
                         (unsigned long long)cfg->ram_size);
    b->ram = ram_block_new(&b->m->rams, "ram", cfg->ram_size, false, errp);
    if (!b->ram)
        return false;
    mem_region_init_ram(&b->ram_base, "ram-base", b->ram, 0, VGA_START);
    mem_region_add(root, 0, &b->ram_base, 0);
    if (!layout->pam) {
        mem_region_init_ram(&b->ram_shadow, "ram-shadow", b->ram, SHADOW_START,
                            BOOT_HIGH_START - SHADOW_START);
        mem_region_add(root, SHADOW_START, &b->ram_shadow, 0);
    }
    mem_region_init_ram(&b->ram_low, "ram-low", b->ram, BOOT_HIGH_START,
                        b->below_4g - BOOT_HIGH_START);
    mem_region_add(root, BOOT_HIGH_START, &b->ram_low, 0);
    if (b->above_4g) {
        mem_region_init_ram(&b->ram_high, "ram-high", b->ram, b->below_4g, b->above_4g);
        mem_region_add(root, BOOT_4G, &b->ram_high, 0);
    }
    if (cfg->bios ? !load_rom(b, cfg->bios, errp) : !create_pflash(b, cfg, errp))
        return false;
    if (b->rom && !check_firmware(b, cfg, errp))
        return false;
    if (b->rom && !layout->pam)
        map_isa_rom(b);
    return true;
}

/* ---- vCPUs and interrupt controllers --------------------------------------------------------- */

static bool create_vcpus(struct x86_board *b, const char *spec, struct vemu_error **errp)
{
    uint32_t supported[X86_FEAT_WORDS] = {0};
    b->m->accel->x86_features(b->m, supported);
    if (!x86_cpu_model_parse(&b->model, spec, supported, errp))
        return false;
    if (strcmp(b->model.name, "host") == 0 && !b->m->accel->x86_model)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "-cpu host: this guest's processor is not the host's; use -accel kvm, or "
                         "-cpu max");
    const char *lacks = x86_model_level_lacks(&b->model);
    if (lacks)
        log_msg(&b->m->log, LOG_WARN, "-cpu %s: the guest gets less: there is no %s here",
                b->model.name, lacks);
    if (x86_paravirt_asked(&b->model.paravirt) && !b->m->accel->x86_model)
        log_msg(&b->m->log, LOG_WARN,
                "-cpu: hv-* and kvm-*: only -accel kvm has them; the guest is told of none");
    b->model.smp_total = b->cpus;
    if (b->m->accel->x86_model && !b->m->accel->x86_model(b->m, &b->model, errp))
        return false;
    struct apic_bus_config bus = {0};
    b->apic_bus = apic_bus_create(b->m, &bus, errp);
    if (!b->apic_bus)
        return false;
    for (unsigned i = 0; i < b->cpus; i++) {
        b->apic_ids[i] = i;
        struct vcpu *cpu = vcpu_new(b->m, ARCH_X86, i, &b->model, errp);
        if (!cpu)
            return false;
        struct lapic_config lapic = {.bus = b->apic_bus, .cpu = cpu};
        b->lapics[i] = lapic_create(b->m, &lapic, errp);
        if (!b->lapics[i])
            return false;
    }
    return true;
}

bool x86_create_cpus(struct x86_board *b, const struct board_class *cls,
                     const struct board_config *cfg, bool pic, struct vemu_error **errp)
{
    struct irq_router_config lines = {0};
    if (!create_vcpus(b, cfg->cpu_model ? cfg->cpu_model : cls->default_cpu, errp))
        return false;
    struct ioapic_config ioapic = {
        .base = X86_IOAPIC_BASE, .bus = b->apic_bus, .id = X86_IOAPIC_ID};
    b->ioapic = ioapic_create(b->m, &ioapic, errp);
    if (!b->ioapic)
        return false;
    if (pic) {
        struct i8259_config i8259 = {.master_base = 0x20,
                                     .slave_base = 0xa0,
                                     .elcr_base = ELCR_BASE,
                                     .intr = lapic_lint(b->lapics[0], 0)};
        b->pic = i8259_create(b->m, &i8259, errp);
        if (!b->pic)
            return false;
        apic_bus_set_extint(b->apic_bus, i8259_acknowledge, b->pic);
    }
    for (unsigned n = 0; n < ISA_IRQS; n++) {
        if (n == 2) /* the cascade */
            continue;
        if (b->pic)
            lines.pic[n] = i8259_input(b->pic, n);
        lines.ioapic[n] = ioapic_input(b->ioapic, n ? n : 2);
    }
    b->irqs = irq_router_create(b->m, &lines, errp);
    return b->irqs != NULL;
}

struct irq x86_isa_irq(struct x86_board *b, enum x86_irq_source source, unsigned n)
{
    return irq_router_line(b->irqs, source, n);
}

/* ---- A20 ------------------------------------------------------------------------------------- */

void x86_set_a20(struct vemu_machine *m, bool on)
{
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        struct x86_regs *regs = m->vcpus[i]->regs;
        if (__atomic_exchange_n(&regs->a20_off, !on, __ATOMIC_SEQ_CST) != !on)
            cpu_interrupt(m->vcpus[i], CPU_INT_POLL);
    }
}

/* Port 92h and the keyboard controller both have a gate; the last one that is moved decides, which
 * is what software that only knows one of them expects. */
static void a20_moved(void *opaque, unsigned n, int level)
{
    (void)n;
    x86_set_a20(opaque, level != 0);
}

/* ---- legacy devices -------------------------------------------------------------------------- */

static bool create_timers(struct x86_board *b, const struct board_config *cfg,
                          const struct x86_legacy_config *legacy, struct vemu_error **errp)
{
    struct vemu_machine *m = b->m;
    struct irq pit_irq = x86_isa_irq(b, X86_IRQ_ISA, 0), rtc_irq = x86_isa_irq(b, X86_IRQ_ISA, 8);
    if (legacy->hpet) {
        struct hpet_config hpet = {.base = X86_HPET_BASE,
                                   .route_mask = legacy->hpet_routes,
                                   .pit_irq = pit_irq,
                                   .rtc_irq = rtc_irq};
        for (unsigned n = 0; n < IOAPIC_PINS; n++)
            if (legacy->hpet_routes >> n & 1)
                hpet.gsi[n] = ioapic_input(b->ioapic, n);
        b->hpet = hpet_create(m, &hpet, errp);
        if (!b->hpet)
            return false;
        pit_irq = hpet_legacy_input(b->hpet, 0);
        rtc_irq = hpet_legacy_input(b->hpet, 1);
    }
    struct i8254_config cfg_pit = {
        .base = I8254_PC_BASE, .port_b = I8254_PC_PORT_B, .irq = pit_irq};
    struct device *pit = legacy->pit ? i8254_create(m, &cfg_pit, errp) : NULL;
    if (legacy->pit && !pit)
        return false;
    if (pit && b->hpet)
        hpet_connect_legacy(b->hpet, i8254_block_input(pit));
    if (legacy->rtc) {
        struct mc146818_config rtc = {.io_base = 0x70,
                                      .irq = rtc_irq,
                                      .base =
                                          cfg->rtc_localtime ? MC146818_LOCALTIME : MC146818_UTC,
                                      .virtual_clock = cfg->rtc_virtual,
                                      .start = cfg->rtc_start};
        b->rtc = mc146818_create(m, &rtc, errp);
        if (!b->rtc)
            return false;
        mc146818_set_memory(b->rtc, b->below_4g, b->above_4g);
        mc146818_set_cpus(b->rtc, b->cpus);
    }
    return true;
}

static bool create_serials(struct x86_board *b, const struct board_config *cfg,
                           struct vemu_error **errp)
{
    static const uint16_t base[BOARD_MAX_SERIAL] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
    static const uint8_t irq[BOARD_MAX_SERIAL] = {4, 3, 4, 3};
    for (unsigned i = 0; i < BOARD_MAX_SERIAL; i++) {
        if (!cfg->serial[i])
            continue;
        struct uart16550_config uart = {
            .base = base[i],
            .irq = x86_isa_irq(b, i < 2 ? X86_IRQ_ISA : X86_IRQ_ISA_SECOND, irq[i]),
            .chr = cfg->serial[i]};
        if (!uart16550_create(b->m, &uart, errp))
            return false;
    }
    return true;
}

bool x86_create_legacy(struct x86_board *b, const struct board_config *cfg,
                       const struct x86_legacy_config *legacy, struct vemu_error **errp)
{
    struct vemu_machine *m = b->m;
    struct irq a20 = {.fn = a20_moved, .opaque = m};
    struct post_port_config post = {.port = 0x80};
    if (!create_timers(b, cfg, legacy, errp) || !create_serials(b, cfg, errp) ||
        !post_port_create(m, &post, errp) || (legacy->dma && !i8237_create(m, errp)))
        return false;
    if (legacy->i8042) {
        struct i8042_config i8042 = {.data_port = 0x60,
                                     .command_port = 0x64,
                                     .board = true,
                                     .keyboard_irq = x86_isa_irq(b, X86_IRQ_ISA, 1),
                                     .aux_irq = x86_isa_irq(b, X86_IRQ_ISA, 12),
                                     .a20 = a20};
        struct port92_config port92 = {.port = 0x92, .a20 = a20};
        struct ferr_config ferr = {.port = 0xf0, .irq = x86_isa_irq(b, X86_IRQ_ISA, 13)};
        struct device *error;
        if (!i8042_create(m, &i8042, errp) || !port92_create(m, &port92, errp) ||
            !(error = ferr_create(m, &ferr, errp)))
            return false;
        for (unsigned n = 0; n < m->vcpu_count; n++) {
            m->vcpus[n]->ferr = ferr_set;
            m->vcpus[n]->ferr_opaque = error;
        }
    }
    return true;
}

bool x86_create_fw_cfg(struct x86_board *b, const struct board_config *cfg,
                       struct vemu_error **errp)
{
    struct fw_cfg_config config = {.base = 0x510};
    b->fw_cfg = fw_cfg_create(b->m, &config, errp);
    return b->fw_cfg && fw_cfg_set_u64(b->fw_cfg, FW_CFG_RAM_SIZE, cfg->ram_size, errp) &&
           fw_cfg_set_u16(b->fw_cfg, FW_CFG_NB_CPUS, (uint16_t)cfg->cpus, errp) &&
           fw_cfg_set_u16(b->fw_cfg, FW_CFG_MAX_CPUS, (uint16_t)cfg->cpus, errp) &&
           fw_cfg_set_u16(b->fw_cfg, FW_CFG_NOGRAPHIC, cfg->serial_console, errp);
}

/* ---- boot ------------------------------------------------------------------------------------ */

static void make_e820(struct x86_board *b, uint64_t ecam)
{
    struct x86_boot *boot = &b->boot;
    boot->low_top = b->acpi_address ? b->acpi_address : b->below_4g;
    boot->above_size = b->above_4g;
    x86_boot_add_e820(boot, 0, BOOT_EBDA, E820_RAM);
    x86_boot_add_e820(boot, BOOT_EBDA, VGA_START - BOOT_EBDA, E820_RESERVED);
    x86_boot_add_e820(boot, RSDP_ADDRESS, BOOT_HIGH_START - RSDP_ADDRESS, E820_RESERVED);
    x86_boot_add_e820(boot, BOOT_HIGH_START, boot->low_top - BOOT_HIGH_START, E820_RAM);
    x86_boot_add_e820(boot, boot->low_top, b->below_4g - boot->low_top, E820_ACPI);
    if (ecam)
        x86_boot_add_e820(boot, ecam, UINT64_C(256) << 20, E820_RESERVED);
    x86_boot_add_e820(boot, BOOT_4G, b->above_4g, E820_RAM);
}

static bool publish_e820(struct x86_board *b, struct vemu_error **errp)
{
    uint8_t map[E820_MAX * 20];
    for (unsigned i = 0; i < b->boot.e820_count; i++) {
        store_le64(map + 20 * i, b->boot.e820[i].addr);
        store_le64(map + 20 * i + 8, b->boot.e820[i].size);
        store_le32(map + 20 * i + 16, b->boot.e820[i].type);
    }
    return fw_cfg_add_file(b->fw_cfg, "etc/e820", map, 20 * b->boot.e820_count, errp);
}

/* A BIOS starts the kernel by an option ROM, before all else. */
static bool publish_kernel_rom(struct x86_board *b, size_t setup, const struct board_config *cfg,
                               struct vemu_error **errp)
{
    if (setup > KERNEL_ROM_SETUP_MAX)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s: its setup code has %zu bytes; %d is the most that firmware "
                         "can start",
                         cfg->kernel, setup, KERNEL_ROM_SETUP_MAX);
    b->boot_order.first = KERNEL_ROM_PATH;
    return kernel_rom_publish(b->fw_cfg, errp);
}

/* -kernel for firmware that loads it: the pieces as its boot code asks for them. */
static bool publish_kernel(struct x86_board *b, const struct board_config *cfg,
                           struct vemu_error **errp)
{
    struct x86_boot *boot = &b->boot;
    struct device *fw = b->fw_cfg;
    uint64_t limit = b->below_4g - BOOT_HIGH_START;
    const struct boot_file *kernel =
        boot_file_open(&boot->image, "-kernel", cfg->kernel, limit, errp);
    if (!kernel)
        return false;
    size_t setup = 0, kernel_len = kernel->len;
    if (bzimage_is(kernel->data, kernel_len)) {
        setup = ((kernel->data[0x1f1] ? kernel->data[0x1f1] : 4) + 1u) * 512u;
        if (setup >= kernel_len)
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "-kernel %s is truncated: its header speaks of more than %zu bytes, "
                             "the file has %zu",
                             cfg->kernel, setup, kernel_len);
    }
    if (setup && b->pci && !publish_kernel_rom(b, setup, cfg, errp))
        return false;
    const char *append = cfg->append ? cfg->append : "";
    if (setup) /* in this machine's copy of the file */
        bzimage_set_video_mode(kernel->data, setup, append);
    if (!fw_cfg_set_u32(fw, FW_CFG_SETUP_ADDR, 0x10000, errp) ||
        !fw_cfg_set_u32(fw, FW_CFG_SETUP_SIZE, (uint32_t)setup, errp) ||
        !fw_cfg_set_static(fw, FW_CFG_SETUP_DATA, kernel->data, setup, errp) ||
        !fw_cfg_set_u32(fw, FW_CFG_KERNEL_ADDR, BOOT_HIGH_START, errp) ||
        !fw_cfg_set_u32(fw, FW_CFG_KERNEL_SIZE, (uint32_t)(kernel_len - setup), errp) ||
        !fw_cfg_set_static(fw, FW_CFG_KERNEL_DATA, kernel->data + setup, kernel_len - setup,
                           errp) ||
        !fw_cfg_set_u32(fw, FW_CFG_CMDLINE_ADDR, 0x20000, errp) ||
        !fw_cfg_set_u32(fw, FW_CFG_CMDLINE_SIZE, (uint32_t)strlen(append) + 1, errp) ||
        !fw_cfg_set(fw, FW_CFG_CMDLINE_DATA, append, strlen(append) + 1, errp))
        return false;
    if (!cfg->initrd)
        return true;
    const struct boot_file *initrd =
        boot_file_open(&boot->image, "-initrd", cfg->initrd, limit, errp);
    if (!initrd)
        return false;
    uint64_t at = align_down(b->below_4g - initrd->len, MEM_PAGE_SIZE);
    return fw_cfg_set_u32(fw, FW_CFG_INITRD_ADDR, (uint32_t)at, errp) &&
           fw_cfg_set_u32(fw, FW_CFG_INITRD_SIZE, (uint32_t)initrd->len, errp) &&
           fw_cfg_set_static(fw, FW_CFG_INITRD_DATA, initrd->data, initrd->len, errp);
}

static void complete_acpi(const struct x86_board *b, struct acpi_config *acpi)
{
    acpi->cpus = b->cpus;
    acpi->apic_ids = b->apic_ids;
    acpi->lapic_base = APIC_DEFAULT_BASE;
    acpi->ioapic_base = X86_IOAPIC_BASE;
    acpi->ioapic_id = X86_IOAPIC_ID;
    acpi->pic = b->pic != NULL;
    acpi->vga = b->vga != NULL;
    acpi->hotplug = b->pci_hotplug ? &b->hotplug : NULL;
}

/* A system that was never started by firmware still looks for what firmware leaves in low memory.
 */
static void write_firmware_data(struct x86_board *b)
{
    static const uint8_t com_ports[8] = {0xf8, 0x03, 0xf8, 0x02, 0xe8, 0x03, 0xe8, 0x02};
    struct mem_space *memory = b->m->memory;
    uint8_t word[2];
    dma_write(memory, NULL, 0x400, com_ports, sizeof com_ports);
    store_le16(word, BOOT_EBDA >> 4);
    dma_write(memory, NULL, 0x40e, word, 2);
    store_le16(word, BOOT_EBDA >> 10);
    dma_write(memory, NULL, 0x413, word, 2);
    dma_fill(memory, NULL, BOOT_EBDA, 0, VGA_START - BOOT_EBDA);
    dma_fill(memory, NULL, RSDP_ADDRESS, 0, BOOT_HIGH_START - RSDP_ADDRESS);
    if (b->mptable_len)
        dma_write(memory, NULL, MPTABLE_ADDRESS, b->mptable, b->mptable_len);
    if (b->acpi_address) {
        dma_write(memory, NULL, RSDP_ADDRESS, b->acpi.rsdp, sizeof b->acpi.rsdp);
        dma_write(memory, NULL, b->acpi_address, b->acpi.data, b->acpi.len);
    }
}

/* Memory types as firmware sets them: write-back by default, the PCI windows uncached. */
static void set_mtrrs(const struct x86_board *b, struct x86_regs *r)
{
    enum { DEF_ENABLE = 0xc00, WRITE_BACK = 6, VALID = 1 << 11 };
    const uint64_t wb = UINT64_C(0x0606060606060606), phys = mask_bits(b->model.phys_bits);
    if (!(b->model.features[X86_FEAT_1_EDX] & 1 << 12))
        return;
    r->mtrr_def_type = DEF_ENABLE | WRITE_BACK;
    for (unsigned i = 0; i < 11; i++)
        r->mtrr_fixed[i] = i == 2 ? 0 : wb; /* entry 2: 0xa0000-0xbffff, uncached */
    unsigned n = 0;
    /* The window ends at 4 GiB; each register holds a naturally aligned power of two. */
    for (uint64_t at = b->hole_first; at < BOOT_4G && n < X86_MTRR_VARIABLE; n++) {
        uint64_t size = at & -at;
        r->mtrr_base[n] = at;
        r->mtrr_mask[n] = (phys & ~(size - 1)) | VALID;
        at += size;
    }
}

static bool board_reset(struct vemu_machine *m, struct vemu_error **errp)
{
    struct x86_board *b = board_of(m);
    bool ok = true;
    if (b->acpi_address && !b->acpi.data &&
        !acpi_tables_build(&b->acpi, &b->acpi_config, b->acpi_address, X86_ACPI_ROOM, errp))
        return false;
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        struct vcpu *cpu = m->vcpus[i];
        ((struct x86_regs *)cpu->regs)->a20_off = 0;
        if (b->direct_boot)
            set_mtrrs(b, cpu->regs);
    }
    if (b->direct_boot) {
        write_firmware_data(b);
        if (b->pci)
            pci_setup_bus(b->pci, &b->pci_setup);
        if (b->pic)
            i8259_set_elcr(b->pic, b->level_irqs);
        lapic_enter_virtual_wire(b->lapics[0]);
        ok = x86_boot_apply(&b->boot, m, errp);
    } else if (b->firmware) {
        ok = x86_boot_order_write(b, errp);
    }
    for (unsigned i = 0; i < m->vcpu_count; i++)
        if (m->accel->put_state)
            m->accel->put_state(m->vcpus[i]);
    return ok;
}

bool x86_finish(struct x86_board *b, const struct board_config *cfg, struct acpi_config *acpi,
                const struct mptable_config *mp, struct vemu_error **errp)
{
    b->m->board_reset = board_reset;
    if (acpi && b->direct_boot)
        b->acpi_address = align_down(b->below_4g - X86_ACPI_ROOM, MEM_PAGE_SIZE);
    make_e820(b, acpi ? acpi->ecam_base : 0);
    if (acpi)
        complete_acpi(b, acpi);
    if (b->firmware && b->pci) {
        if (!x86_publish_firmware_files(b, cfg, acpi, errp))
            return false;
    } else if (!publish_e820(b, errp)) {
        return false;
    }
    if (b->firmware)
        return !cfg->kernel || publish_kernel(b, cfg, errp);
    if (!cfg->kernel) {
        if (cfg->initrd || cfg->append)
            return error_set(errp, VEMU_ERROR_INVALID, "%s needs -kernel",
                             cfg->initrd ? "-initrd" : "-append");
        return true;
    }
    if (mp) {
        struct mptable_config table = *mp;
        uint32_t leaf[4];
        x86_cpuid(&b->model, b->m->vcpus[0]->regs, 0, 1, 0, leaf);
        table.cpus = b->cpus;
        table.apic_ids = b->apic_ids;
        table.cpu_signature = leaf[0];
        table.cpu_features = leaf[3];
        table.lapic_base = (uint32_t)APIC_DEFAULT_BASE;
        table.ioapic_base = (uint32_t)X86_IOAPIC_BASE;
        table.ioapic_id = X86_IOAPIC_ID;
        b->mptable_len = mptable_build(b->mptable, &table, (uint32_t)MPTABLE_ADDRESS);
    }
    if (b->acpi_address) {
        b->acpi_config = *acpi;
        b->boot.rsdp = RSDP_ADDRESS;
        b->boot.rsdp_copy = b->acpi.rsdp;
    }
    b->boot.long_mode = x86_has(&b->model, X86_FEAT_8000_0001_EDX, CPUID_EDX_LM);
    return x86_boot_load(&b->boot, cfg->kernel, cfg->initrd, cfg->append, errp);
}

/* ---- plug and buttons ------------------------------------------------------------------------ */

/* What a BIOS looks up of a hard disk on the board's own IDE channels. */
static void publish_disk(struct x86_board *b, struct device *dev)
{
    enum { USER_TYPE = 47, MANY_HEADS = 8, GEOMETRY_BYTES = 9 };
    const struct ata_slot *slot = ata_slot_of(dev);
    struct ata_geometry g;

    if (!b->rtc || slot->queues || slot->index > 3 || !ata_geometry(dev, &g))
        return;
    uint8_t translation = mc146818_get_cmos(b->rtc, CMOS_DISK_TRANSLATION);
    if (g.lba_translation)
        mc146818_set_cmos(b->rtc, CMOS_DISK_TRANSLATION,
                          (uint8_t)(translation | 1u << 2 * slot->index));
    if (slot->index > 1)
        return;
    uint8_t disks = mc146818_get_cmos(b->rtc, CMOS_HARD_DISKS);
    uint8_t control = (uint8_t)(0xc0 | (g.heads > MANY_HEADS ? 8 : 0));
    uint8_t bytes[GEOMETRY_BYTES] = {
        (uint8_t)g.cylinders, (uint8_t)(g.cylinders >> 8), (uint8_t)g.heads,  0xff, 0xff, control,
        (uint8_t)g.cylinders, (uint8_t)(g.cylinders >> 8), (uint8_t)g.sectors};
    mc146818_set_cmos(b->rtc, CMOS_HARD_DISKS, (uint8_t)(disks | (slot->index ? 0x0f : 0xf0)));
    mc146818_set_cmos(b->rtc, (uint8_t)(CMOS_HARD_DISK_TYPE + slot->index), USER_TYPE);
    for (unsigned i = 0; i < GEOMETRY_BYTES; i++)
        mc146818_set_cmos(b->rtc, (uint8_t)(CMOS_HARD_DISK_0 + GEOMETRY_BYTES * slot->index + i),
                          bytes[i]);
}

bool x86_plug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    struct x86_board *b = board_of(m);
    if (pci_is_device(dev)) {
        struct pci_device *pci = (struct pci_device *)dev;
        pci->bus = x86_find_pci_bus(b, pci->bus_name, errp);
        pci->devfn = PCI_DEVFN_ANY;
        if (!pci->bus && b->pci)
            return false;
        if (dev->cls == &piix3_ide_class || dev->cls == &piix4_ide_class) {
            const struct irq irq[PIIX_IDE_CHANNELS] = {x86_isa_irq(b, X86_IRQ_PLUGGED, 14),
                                                       x86_isa_irq(b, X86_IRQ_PLUGGED, 15)};
            piix_ide_connect(dev, irq);
        }
    } else if (ata_is_device(dev)) {
        if (!ata_plug(m, dev, errp))
            return false;
    } else if (usb_is_device(dev)) {
        if (!usb_plug(m, dev, errp))
            return false;
    } else if (dev->cls->bus && !strcmp(dev->cls->bus, "virtio-mmio")) {
        ((struct virtio_mmio *)dev)->slots = &b->virtio_mmio;
    } else if (dev->cls == &uart16550_class) {
        uart16550_connect_irq(dev, x86_isa_irq(b, X86_IRQ_PLUGGED, uart16550_irq_number(dev)));
    } else if (dev->cls == &pc_testdev_class) {
        for (unsigned n = 0; n < PC_TESTDEV_LINES; n++)
            pc_testdev_connect(dev, n,
                               n < ISA_IRQS ? x86_isa_irq(b, X86_IRQ_TEST, n)
                                            : ioapic_input(b->ioapic, n));
    }
    if (!device_realize(dev, errp))
        return false;
    if (ata_is_device(dev))
        publish_disk(b, dev);
    return dev->cls != &pcie_root_port_class || x86_add_root_port(b, dev, errp);
}

bool x86_create_vga(struct x86_board *b, const struct board_config *cfg, uint16_t devfn,
                    struct vemu_error **errp)
{
    static const struct device_class *const classes[] = {
        [BOARD_VGA_STD] = &vga_pci_class, [BOARD_VGA_VIRTIO] = &virtio_vga_class.device};
    if (cfg->vga == BOARD_VGA_NONE)
        return true;
    struct device *dev = device_new(b->m, classes[cfg->vga], NULL, errp);
    if (!dev)
        return false;
    ((struct pci_device *)dev)->bus = b->pci;
    ((struct pci_device *)dev)->devfn = devfn;
    b->vga = device_realize_or_free(dev, errp);
    return b->vga != NULL;
}

bool x86_power_button(struct vemu_machine *m)
{
    struct x86_board *b = board_of(m);
    if (b->pm)
        acpi_pm_power_button(b->pm);
    else if (b->ged)
        ged_power_button(b->ged);
    return b->pm || b->ged;
}
