/*
 * What kvm.py measures: accesses that leave the guest, doorbells, and requests to a device. Each
 * loop is run in many units, short enough that one or the other is not disturbed; the fastest is
 * printed, in ticks of the TSC.
 */
#include "lib/virtio.h"

enum {
    POST_PORT = 0x80,
    PCI_ADDRESS = 0xcf8,
    PIT_COUNTER = 0x40,
    VGA_TEXT = 0xb8000,
    COMMON_SELECT = 0, /* device_feature_select */
    COMMON_QUEUES = 18,
    VECTOR = 0x60,
    UNITS = 200,
    ACCESSES = 200,
    REQUESTS = 40,
};

static struct virtio rng;
static u8 buffer[64];

static void port_write(void)
{
    outb(POST_PORT, 0);
}

static void port_read(void)
{
    u32 v;
    asm volatile("inl %1,%0" : "=a"(v) : "Nd"((u16)PCI_ADDRESS));
}

static void mmio_write(void)
{
    *(volatile u32 *)(rng.common + COMMON_SELECT) = 0;
}

static void mmio_read(void)
{
    (void)*(volatile u16 *)(rng.common + COMMON_QUEUES);
}

/* Of text mode: no memory of the guest's, where odd and even bytes are of different planes. */
static void vga_write(void)
{
    *(volatile u8 *)VGA_TEXT = ' ';
}

static void pit_byte(void)
{
    inb(PIT_COUNTER);
}

static void doorbell(void)
{
    virtio_ring_doorbell(&rng);
}

static void request_polled(void)
{
    virtio_send(&rng, buffer, sizeof buffer);
    virtio_ring_doorbell(&rng);
    while (virtio_answered(&rng) != rng.sent)
        ;
}

static void request_halted(void)
{
    u32 before = irq_count[VECTOR];
    virtio_send(&rng, buffer, sizeof buffer);
    virtio_ring_doorbell(&rng);
    while (irq_count[VECTOR] == before)
        asm volatile("sti; hlt; cli" ::: "memory");
}

static void measure(const char *name, void (*fn)(void), unsigned count)
{
    u64 best = UINT64_MAX;

    for (unsigned unit = 0; unit < UNITS; unit++) {
        u64 begun = rdtsc();
        for (unsigned n = 0; n < count; n++)
            fn();
        u64 took = rdtsc() - begun;
        best = took < best ? took : best;
    }
    print("%s %u times: %lu ticks\n", name, count, (ul)best);
}

void test_main(void)
{
    if (!virtio_find(&rng, VIRTIO_RNG_PCI))
        bail("no virtio-rng-pci");
    if (!virtio_start(&rng, 0))
        bail("virtio-rng does not start");
    print("begin %lx\n", (ul)rdtsc());
    measure("port_write", port_write, ACCESSES);
    measure("port_read", port_read, ACCESSES);
    measure("mmio_write", mmio_write, ACCESSES);
    measure("mmio_read", mmio_read, ACCESSES);
    measure("vga_write", vga_write, ACCESSES);
    measure("pit_read", pit_byte, ACCESSES);
    measure("doorbell", doorbell, ACCESSES);
    measure("request_polled", request_polled, REQUESTS);
    apic_enable();
    set_handler(VECTOR, count_irq);
    if (!virtio_start(&rng, VECTOR))
        bail("virtio-rng does not start with messages");
    measure("request_halted", request_halted, REQUESTS);
    virtio_stop(&rng);
    print("end %lx\n", (ul)rdtsc());
}
