/* The PC boards: `pc` (i440FX host bridge, PIIX3 and PIIX4) and `q35` (Q35 host bridge with ECAM,
 * ICH9). */
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/ata/ahci.h"
#include "hw/ata/piix_ide.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/ich9.h"
#include "hw/pci/ich9_smbus.h"
#include "hw/pci/piix.h"
#include "hw/intc/apic_bus.h"
#include "hw/intc/ioapic.h"
#include "hw/x86/boards.h"
#include "hw/x86/hotplug.h"
#include "hw/x86/x86_common.h"

enum { PC_HPET_ROUTES = 1 << 2, Q35_HPET_ROUTES = 1 << 2 | 1 << 8, PCI_FIRST_IO = 0xc000 };
enum { PC_VGA = PCI_DEVFN(2, 0), Q35_VGA = PCI_DEVFN(1, 0) };
/* PIRQA-D as the PIIX3 is set up for boots without firmware. */
static const uint8_t pc_line_irq[4] = {10, 10, 11, 11};

struct pc_options {
    bool hpet, acpi, i8042;
};

static const struct prop_desc pc_props[] = {
    PROP(PROP_BOOL, struct pc_options, hpet, "hpet", "on", "high precision event timer"),
    PROP(PROP_BOOL, struct pc_options, acpi, "acpi", "on",
         "ACPI tables for direct kernel boot; off: MP tables only"),
    PROP(PROP_BOOL, struct pc_options, i8042, "i8042", "on",
         "keyboard controller and the A20 gates"),
    {0},
};

static unsigned pc_pci_pin(unsigned slot, unsigned pin)
{
    return pc_line_irq[(pin + slot - 1) & 3];
}

static unsigned q35_pci_pin(unsigned slot, unsigned pin)
{
    return 16 + (slot >= 25 ? pin : 4 + ((pin + slot) & 3));
}

static void connect_pirqs(struct x86_board *b, struct irq isa[16])
{
    for (unsigned n = 0; n < 16; n++)
        isa[n] = x86_isa_irq(b, X86_IRQ_PIRQ, n);
}

/* The chipset's SMI# pulses. It reaches the processor whose access caused it: firmware moves the
 * SMM memory of one processor after the other, and must not find the others in it. */
static void raise_smi(void *opaque, unsigned n, int level)
{
    struct vemu_machine *m = opaque;
    struct vcpu *cpu = vcpu_current();
    (void)n;
    if (level)
        cpu_interrupt(cpu && cpu->machine == m ? cpu : m->vcpus[0], CPU_INT_SMI);
}

static bool has_smm(struct vemu_machine *m)
{
    return !m->accel->has_smm || m->accel->has_smm(m);
}

static bool create_piix(struct x86_board *b, struct device *host, struct acpi_config *acpi,
                        struct vemu_error **errp)
{
    struct piix3_config piix3 = {.host = host, .routed = !b->firmware};
    connect_pirqs(b, piix3.isa);
    if (!piix3_create(b->m, &piix3, errp))
        return false;
    const struct irq ide[PIIX_IDE_CHANNELS] = {x86_isa_irq(b, X86_IRQ_ISA, 14),
                                               x86_isa_irq(b, X86_IRQ_ISA, 15)};
    if (!piix3_ide_create(b->m, b->pci, PCI_DEVFN(1, 1), ide, errp))
        return false;
    struct piix4_pm_config pm = {.host = host,
                                 .sci = x86_isa_irq(b, X86_IRQ_SCI, X86_SCI_IRQ),
                                 .smi = {.fn = raise_smi, .opaque = b->m},
                                 .no_smm = !has_smm(b->m),
                                 .smbus = x86_isa_irq(b, X86_IRQ_SMBUS, X86_SCI_IRQ),
                                 .enabled = !b->firmware};
    struct device *dev = piix4_pm_create(b->m, &pm, errp);
    if (!dev)
        return false;
    b->pm = piix4_pm_acpi(dev);
    for (unsigned line = 0; line < 4; line++)
        b->pci_setup.line_irq[line] = pc_line_irq[line];
    b->level_irqs = 1 << X86_SCI_IRQ | 1 << 10 | 1 << 11;

    acpi->platform = ACPI_PC;
    acpi->pm_base = PIIX4_PM_BASE;
    acpi->pm_size = PIIX4_PM_SIZE;
    acpi->gpe_base = PIIX4_PM_BASE + PIIX4_GPE_OFFSET;
    acpi->gpe_len = 2 * PIIX4_GPE_BYTES;
    acpi->s5_type = PIIX4_S5_TYPE;
    return true;
}

static bool create_ich9(struct x86_board *b, struct device *host, struct acpi_config *acpi,
                        struct vemu_error **errp)
{
    struct ich9_lpc_config lpc = {.host = host,
                                  .sci = x86_isa_irq(b, X86_IRQ_SCI, X86_SCI_IRQ),
                                  .smi = {.fn = raise_smi, .opaque = b->m},
                                  .no_smm = !has_smm(b->m),
                                  .enabled = !b->firmware};
    connect_pirqs(b, lpc.isa);
    for (unsigned n = 0; n < 8; n++)
        lpc.ioapic[n] = ioapic_input(b->ioapic, 16 + n);
    struct device *dev = ich9_lpc_create(b->m, &lpc, errp);
    if (!dev)
        return false;
    b->pm = ich9_lpc_acpi(dev);
    if (!ich9_ahci_create(b->m, b->pci, PCI_DEVFN(0x1f, 2), errp) ||
        !ich9_smbus_create(b->m, b->pci, !b->firmware, errp))
        return false;
    b->level_irqs = 1 << X86_SCI_IRQ;

    acpi->platform = ACPI_Q35;
    acpi->pm_base = ICH9_PM_BASE;
    acpi->pm_size = ICH9_PM_SIZE;
    acpi->gpe_base = ICH9_PM_BASE + ICH9_GPE_OFFSET;
    acpi->gpe_len = 2 * ICH9_GPE_BYTES;
    acpi->s5_type = ICH9_S5_TYPE;
    acpi->ecam_base = Q35_ECAM_BASE;
    return true;
}

static bool send_msi(void *opaque, uint16_t requester, uint64_t addr, uint32_t data)
{
    (void)requester;
    return apic_bus_msi(opaque, addr, data);
}

static void describe(struct x86_board *b, const struct board_config *cfg,
                     const struct pc_options *opt, bool q35, struct acpi_config *acpi)
{
    /* Below the ECAM window, when there is one, RAM ends at its base: BARs go above it. */
    b->hole_first = q35 ? Q35_ECAM_BASE : UINT64_C(0xc0000000);
    b->pci_setup.mem_first = q35 ? Q35_ECAM_BASE + Q35_ECAM_SIZE : b->hole_first;
    b->pci_setup.mem_last = X86_PCI_MEM_LAST;
    b->pci_setup.io_first = PCI_FIRST_IO;
    b->pci_setup.mem64_first = align_up(BOOT_4G + b->above_4g, UINT64_C(1) << 30);
    b->pci_setup.mem64_last = b->pci_setup.mem64_first + (UINT64_C(32) << 30) - 1;

    acpi->pci_mem_first = b->pci_setup.mem_first;
    acpi->pci_mem_last = b->pci_setup.mem_last;
    /* A guest whose physical addresses end below must not see the window. */
    if (b->pci_setup.mem64_last <= mask_bits(b->model.phys_bits)) {
        acpi->pci_mem64_first = b->pci_setup.mem64_first;
        acpi->pci_mem64_last = b->pci_setup.mem64_last;
    } else {
        b->pci_setup.mem64_first = b->pci_setup.mem64_last = 0;
    }
    acpi->hpet_base = opt->hpet ? X86_HPET_BASE : 0;
    acpi->sci_irq = X86_SCI_IRQ;
    acpi->smi_command = b->firmware;
    acpi->i8042 = opt->i8042;
    acpi->rtc = true;
    for (unsigned i = 0; i < BOARD_MAX_SERIAL; i++)
        acpi->serial_mask |= (uint8_t)(cfg->serial[i] ? 1u << i : 0);
    acpi->overrides[acpi->override_count++] = (struct acpi_override){0, 2, false};
    for (unsigned irq = 1; irq < 16; irq++) {
        /* Link devices can choose 5 as well. */
        if (b->level_irqs >> irq & 1 || irq == 5)
            acpi->overrides[acpi->override_count++] =
                (struct acpi_override){(uint8_t)irq, irq, true};
    }
}

static bool create(struct vemu_machine *m, const struct board_class *cls,
                   const struct board_config *cfg, bool q35, struct vemu_error **errp)
{
    struct x86_board *b = x86_board_new(m, cls, cfg, sizeof(struct pc_options), errp);
    if (!b)
        return false;
    const struct pc_options *opt = b->options;
    struct x86_memory_layout layout = {.low_end = q35 ? Q35_ECAM_BASE : UINT64_C(0xc0000000),
                                       .pam = true};
    if (!x86_create_memory(b, cfg, &layout, errp) || !x86_create_cpus(b, cls, cfg, true, errp))
        return false;

    struct acpi_config acpi = {0};
    struct pci_host_config host_config = {.q35 = q35,
                                          .ecam_enabled = !b->firmware,
                                          .shadow = !b->firmware,
                                          .ram = b->ram,
                                          .low_end = b->below_4g,
                                          .rom = b->rom};
    struct device *host = pci_host_create(m, &host_config, errp);
    if (!host)
        return false;
    b->pci_host = host;
    b->pci = pci_host_bus(host);
    pci_bus_set_msi(b->pci, send_msi, b->apic_bus);
    if (q35 ? !create_ich9(b, host, &acpi, errp) : !create_piix(b, host, &acpi, errp))
        return false;

    if (!x86_create_vga(b, cfg, q35 ? Q35_VGA : PC_VGA, errp))
        return false;
    struct x86_legacy_config legacy = {.pit = true,
                                       .rtc = true,
                                       .hpet = opt->hpet,
                                       .i8042 = opt->i8042,
                                       .dma = true,
                                       .hpet_routes = q35 ? Q35_HPET_ROUTES : PC_HPET_ROUTES};
    if (!x86_create_legacy(b, cfg, &legacy, errp) || !x86_create_fw_cfg(b, cfg, errp))
        return false;
    /* What is not a slot for cards: the host and south bridges, and the VGA. */
    uint32_t slots = q35 ? 0 : UINT32_MAX & ~(UINT32_C(3) | (b->vga ? 1u << (PC_VGA >> 3) : 0));
    if (opt->acpi &&
        !x86_create_hotplug(b, q35 ? ACPI_HOTPLUG_BASE_Q35 : ACPI_HOTPLUG_BASE_PC, slots, errp))
        return false;
    describe(b, cfg, opt, q35, &acpi);
    struct mptable_config mp = {.pci = true,
                                .pci_pin = q35 ? q35_pci_pin : pc_pci_pin,
                                .level_irqs = 1 << X86_SCI_IRQ,
                                .pci_irqs = q35 ? 0 : 1 << 10 | 1 << 11};
    return x86_finish(b, cfg, opt->acpi ? &acpi : NULL, &mp, errp);
}

static bool pc_create(struct vemu_machine *m, const struct board_class *cls,
                      const struct board_config *cfg, struct vemu_error **errp)
{
    return create(m, cls, cfg, false, errp);
}

static bool q35_create(struct vemu_machine *m, const struct board_class *cls,
                       const struct board_config *cfg, struct vemu_error **errp)
{
    return create(m, cls, cfg, true, errp);
}

const struct board_class pc_board_class = {
    .name = "pc",
    .versioned = "pc-i440fx-7.2",
    .help = "PC with i440FX and PIIX3",
    .arch = ARCH_X86,
    .max_cpus = X86_MAX_CPUS,
    .min_ram = UINT64_C(2) << 20,
    .max_ram = UINT64_C(512) << 30,
    .default_cpu = "qemu64",
    .has_serial = true,
    .virtio_blk = "virtio-blk-pci",
    .nic = "e1000",
    .virtio_net = "virtio-net-pci",
    .virtio_serial = "virtio-serial-pci",
    .ide_units = 2,
    .firmware = "bios-256k.bin",
    .has_flash = true,
    .props = pc_props,
    .create = pc_create,
    .plug = x86_plug,
    .hotplug = x86_hotplug,
    .unplug = x86_unplug,
    .power_button = x86_power_button,
};

const struct board_class q35_board_class = {
    .name = "q35",
    .versioned = "pc-q35-7.2",
    .help = "PC with Q35 and ICH9 (PCI Express)",
    .arch = ARCH_X86,
    .max_cpus = X86_MAX_CPUS,
    .min_ram = UINT64_C(2) << 20,
    .max_ram = UINT64_C(512) << 30,
    .default_cpu = "qemu64",
    .has_serial = true,
    .virtio_blk = "virtio-blk-pci",
    .nic = "e1000",
    .virtio_net = "virtio-net-pci",
    .virtio_serial = "virtio-serial-pci",
    .ide_units = 1,
    .firmware = "bios-256k.bin",
    .has_flash = true,
    .props = pc_props,
    .create = q35_create,
    .plug = x86_plug,
    .hotplug = x86_hotplug,
    .unplug = x86_unplug,
    .power_button = x86_power_button,
};
