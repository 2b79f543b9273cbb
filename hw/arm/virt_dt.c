/* The device tree of `virt`; see virt.h. Node names, properties and their order of cells are those
 * of the bindings that Linux documents for each compatible string. */
#include <stdio.h>
#include <string.h>
#include "core/util/error.h"
#include "core/util/range.h"
#include "hw/arm/dt.h"
#include "hw/arm/virt.h"
#include "hw/char/pl011.h"

enum { PHANDLE_CLOCK = 0x8000, PHANDLE_GIC, PHANDLE_MESSAGES, PHANDLE_GPIO, PHANDLE_CPU };
/* The cells of an interrupt: kind, number, flags. */
enum { GIC_SPI = 0, GIC_PPI = 1, EDGE_RISING = 1, LEVEL_HIGH = 4, PPI_CPUS_SHIFT = 8 };
enum { KEY_POWER = 116, SEED_SIZE = 32 };

static void interrupt_spi(struct dt *dt, unsigned spi, unsigned flags)
{
    DT_CELLS(dt, "interrupts", GIC_SPI, spi, flags);
}

/* A GICv2 wants to know which vCPUs a private interrupt goes to. */
static uint32_t ppi_flags(const struct virt_board *b)
{
    return LEVEL_HIGH | (b->gicv3 ? 0 : ((1u << b->cpus) - 1) << PPI_CPUS_SHIFT);
}

/* PPIs are counted from INTID 16. */
#define PPI_CELLS(b_, intid_) GIC_PPI, (intid_)-16, ppi_flags(b_)

static void add_chosen(struct dt *dt, const struct virt_board *b)
{
    static const uint8_t seed[SEED_SIZE]; /* filled in at each start */
    char console[32];

    snprintf(console, sizeof console, "/pl011@%llx", (unsigned long long)virt_map[VIRT_UART].base);
    dt_begin(dt, "chosen");
    dt_string(dt, "stdout-path", console);
    if (b->options.randomness) {
        dt_bytes(dt, "rng-seed", seed, SEED_SIZE);
        dt_bytes(dt, "kaslr-seed", seed, 8);
    }
    dt_end(dt);
}

static void add_psci(struct dt *dt, const struct virt_board *b)
{
    const uint32_t form = b->model.aarch64 ? 0xc4000000 : 0x84000000;
    if (b->ops.conduit == ARM_CONDUIT_NONE)
        return;
    dt_begin(dt, "psci");
    dt_strings(dt, "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci");
    dt_string(dt, "method", b->ops.conduit == ARM_CONDUIT_SMC ? "smc" : "hvc");
    dt_u32(dt, "cpu_suspend", form | 1);
    dt_u32(dt, "cpu_off", 0x84000002);
    dt_u32(dt, "cpu_on", form | 3);
    dt_u32(dt, "migrate", form | 5);
    dt_end(dt);
}

/* ---- processors ------------------------------------------------------------------------------ */

static const char *cpu_compatible(const struct virt_board *b, char *text, size_t len)
{
    static const char *const known[] = {"cortex-a", "neoverse-"};
    for (unsigned n = 0; n < ARRAY_SIZE(known); n++) {
        if (strncmp(b->model.name, known[n], strlen(known[n])) == 0) {
            snprintf(text, len, "arm,%s", b->model.name);
            return text;
        }
    }
    return "arm,armv8";
}

static void add_cpus(struct dt *dt, const struct virt_board *b)
{
    char text[64];

    dt_begin(dt, "cpus");
    dt_u32(dt, "#address-cells", 1);
    dt_u32(dt, "#size-cells", 0);
    for (unsigned n = 0; n < b->cpus; n++) {
        uint32_t affinity = (uint32_t)arm_mpidr(&b->model, n) & 0xffffff;
        dt_begin_at(dt, "cpu", affinity);
        dt_string(dt, "device_type", "cpu");
        dt_string(dt, "compatible", cpu_compatible(b, text, sizeof text));
        dt_u32(dt, "reg", affinity);
        if (b->cpus > 1 && b->ops.conduit != ARM_CONDUIT_NONE)
            dt_string(dt, "enable-method", "psci");
        dt_u32(dt, "phandle", PHANDLE_CPU + n);
        dt_end(dt);
    }
    dt_begin(dt, "cpu-map");
    dt_begin(dt, "socket0");
    dt_begin(dt, "cluster0");
    for (unsigned n = 0; n < b->cpus; n++) {
        snprintf(text, sizeof text, "core%u", n);
        dt_begin(dt, text);
        dt_u32(dt, "cpu", PHANDLE_CPU + n);
        dt_end(dt);
    }
    dt_end(dt);
    dt_end(dt);
    dt_end(dt);
    dt_end(dt);
}

static void add_timer(struct dt *dt, const struct virt_board *b)
{
    dt_begin(dt, "timer");
    if (b->model.aarch64)
        dt_strings(dt, "compatible", "arm,armv8-timer\0arm,armv7-timer");
    else
        dt_string(dt, "compatible", "arm,armv7-timer");
    dt_empty(dt, "always-on");
    DT_CELLS(dt, "interrupts", PPI_CELLS(b, VIRT_PPI_TIMER_SEC), PPI_CELLS(b, VIRT_PPI_TIMER_PHYS),
             PPI_CELLS(b, VIRT_PPI_TIMER_VIRT), PPI_CELLS(b, VIRT_PPI_TIMER_HYP));
    dt_end(dt);
    if (b->model.aarch64 && arm_has(&b->model, ARM_FEAT_PMUV3)) {
        dt_begin(dt, "pmu");
        dt_string(dt, "compatible", "arm,armv8-pmuv3");
        DT_CELLS(dt, "interrupts", PPI_CELLS(b, VIRT_PPI_PMU));
        dt_end(dt);
    }
}

/* ---- interrupt controller -------------------------------------------------------------------- */

static void add_gic_properties(struct dt *dt)
{
    dt_u32(dt, "#interrupt-cells", 3);
    dt_empty(dt, "interrupt-controller");
    dt_u32(dt, "#address-cells", 2);
    dt_u32(dt, "#size-cells", 2);
    dt_empty(dt, "ranges");
    dt_u32(dt, "phandle", PHANDLE_GIC);
}

static void add_gicv3(struct dt *dt, const struct virt_board *b)
{
    const struct virt_place *dist = &virt_map[VIRT_GIC_DIST], *redist = &virt_map[VIRT_GIC_REDIST],
                            *its = &virt_map[VIRT_GIC_ITS];
    dt_begin_at(dt, "intc", dist->base);
    dt_string(dt, "compatible", "arm,gic-v3");
    add_gic_properties(dt);
    dt_u32(dt, "#redistributor-regions", 1);
    DT_CELLS(dt, "reg", DT_CELLS64(dist->base), DT_CELLS64(dist->size), DT_CELLS64(redist->base),
             DT_CELLS64(redist->size));
    if (b->options.virtualization)
        DT_CELLS(dt, "interrupts", GIC_PPI, VIRT_PPI_MAINTENANCE - 16, LEVEL_HIGH);
    if (b->its) {
        dt_begin_at(dt, "its", its->base);
        dt_string(dt, "compatible", "arm,gic-v3-its");
        dt_empty(dt, "msi-controller");
        dt_u32(dt, "#msi-cells", 1);
        dt_reg(dt, its->base, its->size);
        dt_u32(dt, "phandle", PHANDLE_MESSAGES);
        dt_end(dt);
    }
    dt_end(dt);
}

static void add_gicv2(struct dt *dt, const struct virt_board *b)
{
    const struct virt_place *dist = &virt_map[VIRT_GIC_DIST], *cpu = &virt_map[VIRT_GIC_CPU],
                            *hyp = &virt_map[VIRT_GIC_HYP], *guest = &virt_map[VIRT_GIC_GUEST],
                            *v2m = &virt_map[VIRT_GIC_V2M];
    const uint32_t reg[] = {DT_CELLS64(dist->base),  DT_CELLS64(dist->size), DT_CELLS64(cpu->base),
                            DT_CELLS64(cpu->size),   DT_CELLS64(hyp->base),  DT_CELLS64(hyp->size),
                            DT_CELLS64(guest->base), DT_CELLS64(guest->size)};
    dt_begin_at(dt, "intc", dist->base);
    dt_string(dt, "compatible", "arm,cortex-a15-gic");
    add_gic_properties(dt);
    dt_cells(dt, "reg", reg, ARRAY_SIZE(reg) / (b->options.virtualization ? 1 : 2));
    if (b->options.virtualization)
        DT_CELLS(dt, "interrupts", PPI_CELLS(b, VIRT_PPI_MAINTENANCE));
    dt_begin_at(dt, "v2m", v2m->base);
    dt_string(dt, "compatible", "arm,gic-v2m-frame");
    dt_empty(dt, "msi-controller");
    dt_reg(dt, v2m->base, v2m->size);
    dt_u32(dt, "phandle", PHANDLE_MESSAGES);
    dt_end(dt);
    dt_end(dt);
}

/* ---- devices --------------------------------------------------------------------------------- */

static void add_uart(struct dt *dt, enum virt_region region, unsigned irq)
{
    dt_begin_at(dt, "pl011", virt_map[region].base);
    dt_strings(dt, "compatible", "arm,pl011\0arm,primecell");
    dt_reg(dt, virt_map[region].base, virt_map[region].size);
    interrupt_spi(dt, irq, LEVEL_HIGH);
    DT_CELLS(dt, "clocks", PHANDLE_CLOCK, PHANDLE_CLOCK);
    dt_strings(dt, "clock-names", "uartclk\0apb_pclk");
    dt_end(dt);
}

static void add_gpio(struct dt *dt)
{
    const struct virt_place *gpio = &virt_map[VIRT_GPIO];
    dt_begin_at(dt, "pl061", gpio->base);
    dt_strings(dt, "compatible", "arm,pl061\0arm,primecell");
    dt_reg(dt, gpio->base, gpio->size);
    dt_u32(dt, "#gpio-cells", 2);
    dt_empty(dt, "gpio-controller");
    interrupt_spi(dt, VIRT_SPI_GPIO, LEVEL_HIGH);
    dt_u32(dt, "clocks", PHANDLE_CLOCK);
    dt_string(dt, "clock-names", "apb_pclk");
    dt_u32(dt, "phandle", PHANDLE_GPIO);
    dt_end(dt);

    dt_begin(dt, "gpio-keys");
    dt_string(dt, "compatible", "gpio-keys");
    dt_begin(dt, "poweroff");
    dt_string(dt, "label", "GPIO Key Poweroff");
    dt_u32(dt, "linux,code", KEY_POWER);
    DT_CELLS(dt, "gpios", PHANDLE_GPIO, VIRT_POWER_KEY_LINE, 0);
    dt_end(dt);
    dt_end(dt);
}

static void add_small_devices(struct dt *dt, const struct virt_board *b)
{
    const struct virt_place *flash = &virt_map[VIRT_FLASH], *rtc = &virt_map[VIRT_RTC],
                            *fw_cfg = &virt_map[VIRT_FW_CFG];
    uint64_t half = flash->size / VIRT_FLASHES;

    dt_begin_at(dt, "flash", flash->base);
    dt_string(dt, "compatible", "cfi-flash");
    DT_CELLS(dt, "reg", DT_CELLS64(flash->base), DT_CELLS64(half), DT_CELLS64(flash->base + half),
             DT_CELLS64(half));
    dt_u32(dt, "bank-width", 4);
    dt_end(dt);

    add_uart(dt, VIRT_UART, VIRT_SPI_UART);
    if (b->uarts[1])
        add_uart(dt, VIRT_UART2, VIRT_SPI_UART2);

    dt_begin_at(dt, "pl031", rtc->base);
    dt_strings(dt, "compatible", "arm,pl031\0arm,primecell");
    dt_reg(dt, rtc->base, rtc->size);
    interrupt_spi(dt, VIRT_SPI_RTC, LEVEL_HIGH);
    dt_u32(dt, "clocks", PHANDLE_CLOCK);
    dt_string(dt, "clock-names", "apb_pclk");
    dt_end(dt);

    dt_begin_at(dt, "fw-cfg", fw_cfg->base);
    dt_string(dt, "compatible", "qemu,fw-cfg-mmio");
    dt_reg(dt, fw_cfg->base, fw_cfg->size);
    dt_empty(dt, "dma-coherent");
    dt_end(dt);
    add_gpio(dt);
}

static void add_virtio(struct dt *dt, const struct virt_board *b)
{
    for (unsigned n = 0; n < b->virtio_mmio.count; n++) {
        uint64_t base = b->virtio_mmio.base + (uint64_t)n * VIRTIO_MMIO_SIZE;
        dt_begin_at(dt, "virtio_mmio", base);
        dt_string(dt, "compatible", "virtio,mmio");
        dt_reg(dt, base, VIRTIO_MMIO_SIZE);
        interrupt_spi(dt, VIRT_SPI_VIRTIO + n, EDGE_RISING);
        dt_empty(dt, "dma-coherent");
        dt_end(dt);
    }
}

/* ---- PCI ------------------------------------------------------------------------------------- */

/* Which line pin p of slot s is: slots take the four in turn, so the first four tell all. */
static void add_pci_interrupts(struct dt *dt)
{
    enum { SLOTS = 4, PINS = 4, ENTRY = 10, SLOT_SHIFT = 11 };
    uint32_t map[SLOTS * PINS * ENTRY], *p = map;

    for (unsigned slot = 0; slot < SLOTS; slot++) {
        for (unsigned pin = 0; pin < PINS; pin++, p += ENTRY) {
            const uint32_t entry[ENTRY] = {slot << SLOT_SHIFT,
                                           0,
                                           0,
                                           pin + 1,
                                           PHANDLE_GIC,
                                           0,
                                           0,
                                           GIC_SPI,
                                           VIRT_SPI_PCIE + (slot + pin) % GENERIC_PCI_LINES,
                                           LEVEL_HIGH};
            memcpy(p, entry, sizeof entry);
        }
    }
    dt_u32(dt, "#interrupt-cells", 1);
    dt_cells(dt, "interrupt-map", map, ARRAY_SIZE(map));
    DT_CELLS(dt, "interrupt-map-mask", (SLOTS - 1) << SLOT_SHIFT, 0, 0, 7);
}

static void add_pci(struct dt *dt, const struct virt_board *b)
{
    enum { SPACE_IO = 1 << 24, SPACE_MEM32 = 2 << 24, SPACE_MEM64 = 3 << 24, RANGE = 7 };
    const struct pci_generic_config *c = &b->pci_config;
    const uint32_t ranges[3 * RANGE] = {SPACE_IO,
                                        DT_CELLS64(0),
                                        DT_CELLS64(c->pio_base),
                                        DT_CELLS64(virt_map[VIRT_PCIE_PIO].size),
                                        SPACE_MEM32,
                                        DT_CELLS64(c->mmio.base),
                                        DT_CELLS64(c->mmio.base),
                                        DT_CELLS64(c->mmio.size),
                                        SPACE_MEM64,
                                        DT_CELLS64(c->mmio_high.base),
                                        DT_CELLS64(c->mmio_high.base),
                                        DT_CELLS64(c->mmio_high.size)};

    dt_begin_at(dt, "pcie", c->mmio.base);
    dt_string(dt, "compatible", "pci-host-ecam-generic");
    dt_string(dt, "device_type", "pci");
    dt_u32(dt, "#address-cells", 3);
    dt_u32(dt, "#size-cells", 2);
    dt_u32(dt, "linux,pci-domain", 0);
    DT_CELLS(dt, "bus-range", 0, (uint32_t)(c->ecam.size >> 20) - 1);
    dt_empty(dt, "dma-coherent");
    if (b->its)
        DT_CELLS(dt, "msi-map", 0, PHANDLE_MESSAGES, 0, 0x10000);
    else if (b->v2m)
        dt_u32(dt, "msi-parent", PHANDLE_MESSAGES);
    dt_reg(dt, c->ecam.base, c->ecam.size);
    dt_cells(dt, "ranges", ranges, c->mmio_high.size ? 3 * RANGE : 2 * RANGE);
    add_pci_interrupts(dt);
    dt_end(dt);
}

/* ---- all of it ------------------------------------------------------------------------------- */

bool virt_make_dtb(const struct virt_board *b, uint8_t **dtb, uint32_t *len,
                   struct vemu_error **errp)
{
    struct dt *dt = dt_new(errp);
    if (!dt)
        return false;
    dt_begin(dt, "");
    dt_string(dt, "compatible", "linux,dummy-virt");
    dt_string(dt, "model", "linux,dummy-virt");
    dt_u32(dt, "#address-cells", 2);
    dt_u32(dt, "#size-cells", 2);
    dt_u32(dt, "interrupt-parent", PHANDLE_GIC);
    dt_empty(dt, "dma-coherent");
    add_chosen(dt, b);
    dt_begin_at(dt, "memory", VIRT_RAM_BASE);
    dt_string(dt, "device_type", "memory");
    dt_reg(dt, VIRT_RAM_BASE, b->ram_size);
    dt_end(dt);
    add_psci(dt, b);
    add_cpus(dt, b);
    add_timer(dt, b);
    if (b->gicv3)
        add_gicv3(dt, b);
    else
        add_gicv2(dt, b);
    dt_begin(dt, "apb-pclk");
    dt_string(dt, "compatible", "fixed-clock");
    dt_u32(dt, "#clock-cells", 0);
    dt_u32(dt, "clock-frequency", PL011_CLOCK_HZ);
    dt_string(dt, "clock-output-names", "clk24mhz");
    dt_u32(dt, "phandle", PHANDLE_CLOCK);
    dt_end(dt);
    add_small_devices(dt, b);
    add_virtio(dt, b);
    add_pci(dt, b);
    dt_end(dt);
    return dt_finish(dt, dtb, len, errp);
}
