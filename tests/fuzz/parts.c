/*
 * Hostile guests at parts that no other target reaches whole: virtio over MMIO with three kinds of
 * devices in its slots, the generic event device, the DMA controllers with a device that moves data
 * by them, FERR#, PIRQ routing with a function that has interrupts, and isa-debug-exit. Programs as
 * in device.h. The own operation: what happens outside of the guest, as its first byte says.
 */
#include "core/device/rng.h"
#include "hw/acpi/ged.h"
#include "hw/char/virtio_serial.h"
#include "hw/create.h"
#include "hw/misc/debug_exit.h"
#include "hw/misc/ferr.h"
#include "hw/misc/i8237.h"
#include "hw/misc/virtio_rng.h"
#include "hw/pci/piix.h"
#include "hw/virtio/virtio_balloon.h"
#include "hw/virtio/virtio_device.h"
#include "hw/virtio/virtio_mmio.h"
#include "tests/fuzz/device.h"

#define GED_BASE UINT64_C(0xfea00000)
#define MMIO_BASE UINT64_C(0xfeb00000)
enum { MMIO_SLOTS = 8 };
enum { KINDS = 3, DMA_MOST = 600 };
enum { DMA, REQUEST, FERR, INTX, POWER, RELOAD, RESET, OWN_COUNT };

static const struct fuzz_window windows[] = {{false, MMIO_BASE, KINDS *VIRTIO_MMIO_SIZE},
                                             {false, MMIO_BASE, 0x120},
                                             {false, GED_BASE, GED_SIZE},
                                             {true, 0x00, 0x10},
                                             {true, 0x80, 0x10},
                                             {true, 0xc0, 0x20},
                                             {true, 0xf0, 1},
                                             {true, 0x501, 2},
                                             {false, MMIO_BASE, VIRTIO_MMIO_SIZE *MMIO_SLOTS}};

/* A function whose interrupt the input raises. */
static bool function_realize(struct device *dev, struct vemu_error **errp)
{
    static const struct pci_ident ident = {.vendor = 0x1b36, .device = 5, .interrupt_pin = 1};
    return pci_device_init((struct pci_device *)dev, &ident, errp);
}
static void function_unrealize(struct device *dev)
{
    pci_device_exit((struct pci_device *)dev);
}
static void function_reset(struct device *dev)
{
    pci_device_reset((struct pci_device *)dev);
}
struct function {
    struct pci_device pci;
};
static const struct prop_desc function_props[] = {PCI_PROPS(struct function, pci), {0}};

struct target {
    struct fuzz_machine f;
    struct virtio_mmio_slots slots;
    struct device *dma, *ferr, *ged, *mmio[KINDS];
    struct pci_device *function;
};

static void dma(struct target *t, struct fuzz_input *in)
{
    static uint8_t buf[DMA_MOST];
    unsigned channel = (unsigned)fuzz_take(in, 1) & 7;
    bool to_memory = fuzz_take(in, 1) & 1, terminal;
    uint32_t len = (uint32_t)fuzz_take(in, 2) % DMA_MOST, n;

    if (channel >= 4)
        len &= ~1u;
    n = i8237_transfer(t->dma, channel, to_memory, buf, len, &terminal);
    if (n > len || (n < len && n && !terminal))
        fuzz_fail("a transfer ends where it should not");
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct target *t = container_of(f, struct target, f);
    unsigned op = (unsigned)fuzz_take(in, 1) % OWN_COUNT, arg;

    if (op == RELOAD) {
        struct device *const all[] = {t->dma, t->ferr, t->ged, t->mmio[0], t->mmio[1], t->mmio[2]};
        fuzz_reload(f, all[fuzz_take(in, 1) % ARRAY_SIZE(all)], in);
        return;
    }
    if (op == FERR) { /* on a vCPU's thread, without the lock */
        ferr_set(t->ferr, fuzz_take(in, 1) & 1);
        return;
    }
    machine_lock(&f->m);
    switch (op) {
    case DMA:
        dma(t, in);
        break;
    case REQUEST:
        arg = (unsigned)fuzz_take(in, 1);
        i8237_set_request(t->dma, arg & 7, arg & 8);
        break;
    case INTX:
        pci_set_intx(t->function, fuzz_take(in, 1) & 1);
        break;
    case POWER:
        ged_power_button(t->ged);
        break;
    case RESET:
        machine_reset(&f->m, NULL);
        break;
    }
    machine_unlock(&f->m);
}

static struct device *make(struct target *t, const struct device_class *cls,
                           const char *const *props)
{
    struct device *dev = device_new(&t->f.m, cls, NULL, NULL);
    if (!dev)
        fuzz_fail("no device");
    for (; props && *props; props += 2) {
        if (!device_set_prop(dev, props[0], props[1], NULL))
            fuzz_fail("a property cannot be set");
    }
    if (!strcmp(cls->bus ? cls->bus : "", "virtio-mmio"))
        ((struct virtio_mmio *)dev)->slots = &t->slots;
    if (!device_realize(dev, NULL))
        fuzz_fail("the device is not realized");
    return dev;
}

static void make_pirq(struct target *t)
{
    static const struct device_class function_class = {.name = "function",
                                                       .size = sizeof(struct function),
                                                       .bus = "pci",
                                                       .props = function_props,
                                                       .realize = function_realize,
                                                       .unrealize = function_unrealize,
                                                       .reset = function_reset};
    struct piix3_config cfg = {.host = t->f.host, .routed = true};
    struct device *bridge = piix3_create(&t->f.m, &cfg, NULL);
    if (!bridge)
        fuzz_fail("no bridge");
    t->function = fuzz_plug_with(&t->f, &function_class, (const char *const[]){NULL});
    t->f.pci = (struct pci_device *)bridge; /* whose registers are poked */
}

static void make_all(struct target *t)
{
    struct vemu_machine *m = &t->f.m;
    struct ged_config ged = {.base = GED_BASE};
    struct ferr_config ferr = {.port = 0xf0};

    machine_lock(m);
    t->dma = i8237_create(m, NULL);
    t->ferr = ferr_create(m, &ferr, NULL);
    t->ged = ged_create(m, &ged, NULL);
    if (!t->dma || !t->ferr || !t->ged)
        fuzz_fail("no parts");
    make(t, &debug_exit_class, NULL);
    make_pirq(t);
    virtio_mmio_slots_init(&t->slots, mem_space_root(m->memory), MMIO_BASE, MMIO_SLOTS);
    t->mmio[0] = make(t, &virtio_rng_device_class.device, (const char *const[]){"rng", "r", NULL});
    t->mmio[1] = make(t, &virtio_balloon_device_class.device, NULL);
    t->mmio[2] = make(t, &virtio_serial_device_class.device, NULL);
    machine_reset(m, NULL);
    machine_unlock(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {.data = data, .size = size};
    static struct target t;

    memset(&t, 0, sizeof t);
    fuzz_machine_init(&t.f);
    t.f.windows = windows;
    t.f.window_count = ARRAY_SIZE(windows);
    t.f.own = own;
    if (!rng_new(&t.f.m, "r", NULL, NULL))
        fuzz_fail("no random numbers");
    make_all(&t);
    fuzz_run(&t.f, &in);
    machine_lock(&t.f.m);
    virtio_mmio_slots_exit(&t.slots);
    machine_unlock(&t.f.m);
    machine_destroy(&t.f.m);
    return 0;
}
