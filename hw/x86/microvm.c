/* The microvm board: no PCI, as few legacy devices as one asks for, hardware-reduced ACPI. */
#include "core/device/machine.h"
#include "hw/acpi/ged.h"
#include "hw/intc/ioapic.h"
#include "hw/x86/boards.h"
#include "hw/x86/x86_common.h"

#define MICROVM_GED_BASE UINT64_C(0xfea00000)
#define MICROVM_VIRTIO_BASE UINT64_C(0xfeb00000)
enum { MICROVM_GED_IRQ = 9, MICROVM_VIRTIO_GSI = 16, MICROVM_VIRTIO_SLOTS = 8 };

struct microvm_options {
    bool acpi, pic, pit, rtc;
};

static const struct prop_desc microvm_props[] = {
    PROP(PROP_BOOL, struct microvm_options, acpi, "acpi", "on",
         "hardware-reduced ACPI; off: MP tables only"),
    PROP(PROP_BOOL, struct microvm_options, pic, "pic", "on", "8259 interrupt controllers"),
    PROP(PROP_BOOL, struct microvm_options, pit, "pit", "on", "8254 timer"),
    PROP(PROP_BOOL, struct microvm_options, rtc, "rtc", "on", "real-time clock with CMOS RAM"),
    {0},
};

static bool microvm_create(struct vemu_machine *m, const struct board_class *cls,
                           const struct board_config *cfg, struct vemu_error **errp)
{
    struct x86_board *b = x86_board_new(m, cls, cfg, sizeof(struct microvm_options), errp);
    if (!b)
        return false;
    const struct microvm_options *opt = b->options;
    struct x86_memory_layout layout = {.low_end = UINT64_C(0xc0000000)};
    b->hole_first = layout.low_end;
    if (!x86_create_memory(b, cfg, &layout, errp) || !x86_create_cpus(b, cls, cfg, opt->pic, errp))
        return false;

    struct acpi_config acpi = {.platform = ACPI_MICROVM,
                               .rtc = opt->rtc,
                               .ged_base = MICROVM_GED_BASE,
                               .ged_gsi = MICROVM_GED_IRQ,
                               .virtio_mmio_base = MICROVM_VIRTIO_BASE,
                               .virtio_mmio_gsi = MICROVM_VIRTIO_GSI,
                               .virtio_mmio_slots = MICROVM_VIRTIO_SLOTS};
    virtio_mmio_slots_init(&b->virtio_mmio, mem_space_root(m->memory), MICROVM_VIRTIO_BASE,
                           MICROVM_VIRTIO_SLOTS);
    for (unsigned n = 0; n < MICROVM_VIRTIO_SLOTS; n++)
        b->virtio_mmio.irqs[n] = ioapic_input(b->ioapic, MICROVM_VIRTIO_GSI + n);
    if (opt->acpi) {
        struct ged_config ged = {.base = MICROVM_GED_BASE,
                                 .irq = x86_isa_irq(b, X86_IRQ_SCI, MICROVM_GED_IRQ)};
        b->ged = ged_create(m, &ged, errp);
        if (!b->ged)
            return false;
        b->level_irqs = 1 << MICROVM_GED_IRQ;
    }
    struct x86_legacy_config legacy = {.pit = opt->pit, .rtc = opt->rtc};
    if (!x86_create_legacy(b, cfg, &legacy, errp) || !x86_create_fw_cfg(b, cfg, errp))
        return false;
    for (unsigned i = 0; i < BOARD_MAX_SERIAL; i++)
        acpi.serial_mask |= (uint8_t)(cfg->serial[i] ? 1u << i : 0);
    acpi.overrides[acpi.override_count++] = (struct acpi_override){0, 2, false};
    acpi.overrides[acpi.override_count++] =
        (struct acpi_override){MICROVM_GED_IRQ, MICROVM_GED_IRQ, true};
    struct mptable_config mp = {.level_irqs = b->level_irqs};
    return x86_finish(b, cfg, opt->acpi ? &acpi : NULL, &mp, errp);
}

const struct board_class microvm_board_class = {
    .name = "microvm",
    .help = "minimal machine without PCI, for direct kernel boot",
    .arch = ARCH_X86,
    .max_cpus = X86_MAX_CPUS,
    .min_ram = UINT64_C(2) << 20,
    .max_ram = UINT64_C(512) << 30,
    .default_cpu = "qemu64",
    .has_serial = true,
    .virtio_blk = "virtio-blk-device",
    .nic = "virtio-net-device",
    .virtio_net = "virtio-net-device",
    .virtio_serial = "virtio-serial-device",
    .props = microvm_props,
    .create = microvm_create,
    .plug = x86_plug,
    .power_button = x86_power_button,
};
