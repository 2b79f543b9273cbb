/* Interrupts by descriptors (core/cpu/irqchip.h, wires) behind accel/kvm: irqfds and the routes
 * that they need, on a kernel made for the test (kvm_fake.h). */
#include <criterion/criterion.h>
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/kvm.h"
#include "core/cpu/irqchip.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "tests/unit/kvm_fake.h"

TestSuite(kvm_wires, .init = fake_start, .fini = fake_stop);

static const struct irqchip_wire_ops *ops(void)
{
    return kvm_accel()->wires;
}

static void make(const char *mode)
{
    struct vemu_error *err = NULL;
    fake_make_vm();
    cr_assert(kvm_set_option(&m, "kernel-irqchip", mode, &err));
    cr_assert(kvm_machine_ready(&m, &err), "%s", err ? vemu_error_message(err) : "");
    fake_make_vcpu();
}

static const struct kvm_irq_routing_entry *route(uint32_t gsi)
{
    for (unsigned i = 0; i < kernel.routing.nr; i++)
        if (kernel.routes[i].gsi == gsi)
            return &kernel.routes[i];
    return NULL;
}

static struct irqchip_wire message(int fd, uint32_t data)
{
    return (struct irqchip_wire){.fd = fd, .resample_fd = -1, .addr = 0xfee01000, .data = data};
}

static void connect(struct irqchip_wire *wires, unsigned count)
{
    struct irqchip_wire *list[64];
    for (unsigned n = 0; n < count; n++)
        list[n] = &wires[n];
    ops()->connect(&m, list, count);
}

Test(kvm_wires, messages_are_connected_together_by_one_table)
{
    static const char *const modes[] = {"on", "split"};
    for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
        struct irqchip_wire w[3] = {message(50, 0x41), message(51, 0x42), message(52, 0x43)};
        make(modes[i]);
        cr_assert(m.has_wires);
        unsigned before = kernel.routings;
        connect(w, 3);
        cr_expect_eq(kernel.routings, before + 1, "one change of the table");
        cr_assert_eq(kernel.irqfd_count, 3);
        for (unsigned n = 0; n < 3; n++) {
            const struct kvm_irq_routing_entry *e = route(kernel.irqfds[n].gsi);
            cr_assert(e && w[n].connected);
            cr_expect_eq(kernel.irqfds[n].fd, (uint32_t)w[n].fd);
            cr_expect_eq(kernel.irqfds[n].flags, 0);
            cr_expect_eq(e->type, KVM_IRQ_ROUTING_MSI);
            cr_expect_eq(e->u.msi.address_lo, 0xfee01000);
            cr_expect_eq(e->u.msi.data, 0x41 + n);
            cr_expect_geq(e->gsi, 24u + 16, "no input's number");
        }
        fake_stop();
        fake_start();
    }
}

Test(kvm_wires, only_what_changed_is_told)
{
    struct irqchip_wire w = message(50, 0x41);
    make("on");
    connect(&w, 1);
    unsigned routings = kernel.routings, calls = kernel.irqfd_calls;
    connect(&w, 1);
    cr_expect_eq(kernel.routings, routings);
    cr_expect_eq(kernel.irqfd_calls, calls);
    /* Masked and unmasked with the same message */
    ops()->disconnect(&m, &w);
    cr_expect_eq(kernel.irqfd_count, 0);
    connect(&w, 1);
    cr_expect_eq(kernel.irqfd_count, 1);
    cr_expect_eq(kernel.routings, routings);
    /* another message, while it is connected */
    w.data = 0x51;
    calls = kernel.irqfd_calls;
    connect(&w, 1);
    cr_expect_eq(kernel.routings, routings + 1);
    cr_expect_eq(kernel.irqfd_calls, calls);
    cr_expect_eq(route(w.gsi)->u.msi.data, 0x51);
}

Test(kvm_wires, a_number_is_free_again_once_it_is_forgotten)
{
    struct irqchip_wire a = message(50, 0x41), b = message(51, 0x42);
    make("on");
    connect(&a, 1);
    uint32_t gsi = a.gsi;
    unsigned routings = kernel.routings;
    ops()->forget(&m, &a);
    ops()->forget(&m, &a);
    cr_expect_eq(kernel.irqfd_count, 0);
    cr_expect_eq(kernel.routings, routings, "nobody needs the table to be changed");
    connect(&b, 1);
    cr_expect_eq(b.gsi, gsi);
    cr_expect_eq(route(gsi)->u.msi.data, 0x42);
}

Test(kvm_wires, what_there_is_no_room_for_is_told_and_not_connected)
{
    struct irqchip_wire w[40];
    unsigned connected = 0;
    make("on");
    for (unsigned n = 0; n < ARRAY_SIZE(w); n++)
        w[n] = message(100 + (int)n, n);
    connect(w, ARRAY_SIZE(w));
    for (unsigned n = 0; n < ARRAY_SIZE(w); n++)
        connected += w[n].connected;
    cr_expect_eq(connected, (unsigned)IRQFDS);
    cr_expect_eq(kernel.irqfd_count, (unsigned)IRQFDS);
    cr_expect(strstr(said, "comes not by its descriptor"), "%s", said);
    for (unsigned n = 0; n < ARRAY_SIZE(w); n++)
        ops()->forget(&m, &w[n]);
    cr_expect_eq(kernel.irqfd_count, 0);
}

Test(kvm_wires, a_level_goes_to_both_controllers_and_comes_back)
{
    struct irqchip_wire w = {.fd = 50, .resample_fd = 51, .pin = 11}, other = w, high = w;
    make("on");
    connect(&w, 1);
    cr_assert_eq(kernel.irqfd_count, 1);
    cr_expect_eq(kernel.irqfds[0].flags, KVM_IRQFD_FLAG_RESAMPLE);
    cr_expect_eq(kernel.irqfds[0].resamplefd, 51);
    const struct kvm_irq_routing_entry *e = &kernel.routes[kernel.routing.nr - 2];
    cr_expect_eq(e[0].u.irqchip.irqchip, KVM_IRQCHIP_IOAPIC);
    cr_expect_eq(e[0].u.irqchip.pin, 11);
    cr_expect_eq(e[1].u.irqchip.irqchip, KVM_IRQCHIP_PIC_SLAVE);
    cr_expect_eq(e[1].u.irqchip.pin, 3);
    cr_expect(e[0].gsi == w.gsi && e[1].gsi == w.gsi);
    /* The kernel tells one GSI of a pin. */
    unsigned routings = kernel.routings;
    other.fd = 60, other.resample_fd = 61;
    connect(&other, 1);
    cr_expect_eq(other.gsi, w.gsi);
    cr_expect_eq(kernel.routings, routings);
    /* which PCs have no line of an 8259 for */
    high.fd = 70, high.resample_fd = 71, high.pin = 20;
    connect(&high, 1);
    cr_expect_eq(kernel.routes[kernel.routing.nr - 1].u.irqchip.pin, 20);
    cr_expect_neq(kernel.routes[kernel.routing.nr - 2].gsi, high.gsi);
    /* at another pin from now on */
    w.pin = 10;
    connect(&w, 1);
    cr_expect_eq(kernel.irqfd_count, 3);
    cr_expect_neq(w.gsi, other.gsi);
    cr_expect(w.connected);
    ops()->disconnect(&m, &w);
    cr_expect_eq(kernel.irqfd_count, 2);
}

Test(kvm_wires, levels_are_none_of_a_kernel_without_their_end)
{
    struct irqchip_wire w = {.fd = 50, .resample_fd = 51, .pin = 11};
    kernel.missing = KVM_CAP_IRQFD_RESAMPLE;
    make("on");
    connect(&w, 1);
    cr_expect(!w.connected);
    cr_expect_eq(kernel.irqfd_count, 0);
}

Test(kvm_wires, there_are_none_without_controllers_or_the_extension)
{
    make("off");
    cr_expect(!m.has_wires);
    fake_stop();
    fake_start();
    kernel.missing = KVM_CAP_IRQFD;
    make("on");
    cr_expect(!m.has_wires);
}
