/* MSI-X vectors that are raised by descriptors (hw/pci/msi.h): what a virtio function has connected
 * when, on an accelerator that notes it. Who writes a descriptor is somebody else. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/eventfd.h>
#include "core/cpu/irqchip.h"
#include "core/util/range.h"
#include "hw/misc/virtio_rng.h"
#include "hw/virtio/virtio_device.h"
#include "tests/device/virtio_driver.h"
#include "tests/still_accel.h"

#define V1 VIRTIO_BIT(VIRTIO_F_VERSION_1)
enum {
    QUEUE_VECTOR = 1, /* of queue 0, as vt_start has it */
    ENTRY_DATA = 8,
    ENTRY_CONTROL = 12,
    PBA = 0x800,
    MSIX_ENABLE = 1u << 31,
    MSIX_FUNCTION_MASK = 1u << 30,
};

static struct vt t;
static struct accel accel;
static struct {
    unsigned connects, most, disconnects, forgets;
    uint32_t data; /* of the one connected last */
    bool refuse;
} seen;

static void connect(struct vemu_machine *m, struct irqchip_wire *const *wires, unsigned count)
{
    (void)m;
    seen.connects++;
    seen.most = MAX(seen.most, count);
    for (unsigned n = 0; n < count && !seen.refuse; n++) {
        wires[n]->connected = true;
        seen.data = wires[n]->data;
    }
}
static void disconnect(struct vemu_machine *m, struct irqchip_wire *wire)
{
    (void)m;
    seen.disconnects += wire->connected;
    wire->connected = false;
}
static void forget(struct vemu_machine *m, struct irqchip_wire *wire)
{
    disconnect(m, wire);
    seen.forgets++;
}
static const struct irqchip_wire_ops wire_ops = {
    .connect = connect, .disconnect = disconnect, .forget = forget};

static void set_up(const char *props)
{
    memset(&seen, 0, sizeof seen);
    accel = still_accel;
    accel.wires = &wire_ops;
    vt_machine(&t, NULL, 0);
    t.m.accel = &accel;
    t.m.has_wires = true;
    vt_plug(&t, &virtio_rng_pci_class.device, props);
    cr_assert(vt_start(&t, V1, 1, true));
}

static struct pci_msix *msix(void)
{
    return t.pci->msix;
}

/* How often the vector's descriptor was written. */
static unsigned raised(unsigned vector)
{
    eventfd_t times = 0;
    cr_assert(pci_msix_fd(msix(), vector) >= 0);
    return eventfd_read(pci_msix_fd(msix(), vector), &times) == 0 ? (unsigned)times : 0;
}

static void request(void)
{
    vt_desc(&t, 0, 0, VT_BUFFERS, 64, VT_WRITE, 0);
    vt_avail(&t, 0, 0);
    vt_kick(&t, 0);
}

static void set_entry(unsigned vector, unsigned field, uint32_t value)
{
    write32(&t.m, VT_MSIX + 16 * vector + field, value);
}

static uint8_t pending(void)
{
    return read8(&t.m, VT_MSIX + PBA);
}

Test(msix_wires, vectors_are_connected_at_once_when_they_are_switched_on)
{
    set_up("irqfd=on");
    cr_expect_eq(seen.most, 2, "all that the function has, together");
    cr_expect(msix()->wires[QUEUE_VECTOR].connected);
    request();
    cr_expect_eq(raised(QUEUE_VECTOR), 1);
    cr_expect_eq(t.messages, 0, "nothing is sent besides");
    vt_free(&t);
}

Test(msix_wires, is_none_unless_it_is_wanted)
{
    set_up("");
    cr_expect_eq(seen.connects, 0);
    cr_expect_eq(pci_msix_fd(msix(), QUEUE_VECTOR), -1);
    request();
    cr_expect_eq(t.messages, 1);
    vt_free(&t);
}

Test(msix_wires, a_vector_that_is_not_connected_is_a_message)
{
    set_up("irqfd=on");
    set_entry(QUEUE_VECTOR, ENTRY_CONTROL, 1);
    seen.refuse = true;
    set_entry(QUEUE_VECTOR, ENTRY_CONTROL, 0);
    request();
    cr_expect_eq(t.messages, 1);
    cr_expect_eq(raised(QUEUE_VECTOR), 0);
    vt_free(&t);
}

Test(msix_wires, a_masked_vector_waits_and_comes_when_it_is_unmasked)
{
    set_up("irqfd=on");
    set_entry(QUEUE_VECTOR, ENTRY_CONTROL, 1);
    cr_expect_not(msix()->wires[QUEUE_VECTOR].connected);
    request();
    cr_expect_eq(pending(), 1u << QUEUE_VECTOR);
    cr_expect_eq(raised(QUEUE_VECTOR), 0);
    set_entry(QUEUE_VECTOR, ENTRY_DATA, 0x77);
    cr_expect_eq(seen.data, 0x41, "what a masked vector would send is nobody's business");
    set_entry(QUEUE_VECTOR, ENTRY_CONTROL, 0);
    cr_expect_eq(seen.data, 0x77);
    cr_expect_eq(raised(QUEUE_VECTOR), 1);
    cr_expect_eq(pending(), 0);
    vt_free(&t);
}

Test(msix_wires, what_somebody_else_raises_meanwhile_is_pending)
{
    set_up("irqfd=on");
    set_entry(QUEUE_VECTOR, ENTRY_CONTROL, 1);
    cr_assert_eq(eventfd_write(pci_msix_fd(msix(), QUEUE_VECTOR), 1), 0);
    cr_expect_eq(pending(), 1u << QUEUE_VECTOR);
    set_entry(QUEUE_VECTOR, ENTRY_CONTROL, 0);
    cr_expect_eq(raised(QUEUE_VECTOR), 1, "once, by its descriptor");
    vt_free(&t);
}

Test(msix_wires, the_function_mask_and_bus_mastering_disconnect)
{
    set_up("irqfd=on");
    uint32_t control = vt_config_read(&t, t.pci->msix_cap);
    vt_config_write(&t, t.pci->msix_cap, control | MSIX_FUNCTION_MASK);
    cr_expect_not(msix()->wires[QUEUE_VECTOR].connected);
    vt_config_write(&t, t.pci->msix_cap, control);
    cr_expect(msix()->wires[QUEUE_VECTOR].connected);
    vt_config_write(&t, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
    cr_expect_not(msix()->wires[QUEUE_VECTOR].connected);
    vt_config_write(&t, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    cr_expect(msix()->wires[QUEUE_VECTOR].connected);
    seen.forgets = 0;
    vt_config_write(&t, t.pci->msix_cap, control & ~MSIX_ENABLE);
    cr_expect_eq(seen.forgets, 2, "numbers are for who uses them");
    vt_free(&t);
}

Test(msix_wires, a_reset_forgets_and_a_load_connects_again)
{
    set_up("irqfd=on");
    uint8_t table[64], config[PCI_EXP_CONFIG_SIZE];
    memcpy(table, msix()->table, sizeof table);
    memcpy(config, t.pci->config, sizeof config);
    cr_assert_eq(eventfd_write(pci_msix_fd(msix(), QUEUE_VECTOR), 1), 0);
    machine_lock(&t.m);
    cr_assert(machine_reset(&t.m, NULL));
    machine_unlock(&t.m);
    cr_expect_not(msix()->wires[QUEUE_VECTOR].connected);
    cr_expect_eq(raised(QUEUE_VECTOR), 0, "what was raised before is gone");
    memcpy(msix()->table, table, sizeof table);
    memcpy(t.pci->config, config, sizeof config);
    machine_lock(&t.m);
    cr_assert(pci_device_post_load(t.pci, NULL));
    machine_unlock(&t.m);
    cr_expect(msix()->wires[QUEUE_VECTOR].connected);
    vt_free(&t);
    cr_expect_eq(seen.disconnects, 2 * 2, "and it is taken back with its device");
}
