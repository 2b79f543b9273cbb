/*
 * Wires (core/cpu/irqchip.h) as irqfds (section 4.75, KVM_IRQFD): the kernel raises a GSI when a
 * descriptor is written, and what the GSI raises stands in the table of routes. Pins of levels have
 * GSIs of their own behind those of the inputs, each one for all that share the pin: the kernel
 * tells of an end of interrupt by the last GSI of its table that names the pin. Behind them come
 * messages, each with a GSI of its own. Machine lock held.
 */
#include <errno.h>
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/routes.h"
#include "core/util/log.h"

enum {
    GSI_LEVEL = IRQCHIP_GSI_PIC + 2 * IRQCHIP_PIC_LINES,
    GSI_MESSAGE = GSI_LEVEL + IRQCHIP_IOAPIC_PINS,
};

void kvm_wires_init(struct kvm_vm *vm)
{
    vm->m->has_wires = vm->routes && kvm_extension(vm, KVM_CAP_IRQFD);
}

static int assign(const struct kvm_vm *vm, const struct irqchip_wire *w, bool on)
{
    bool level = w->resample_fd >= 0;
    struct kvm_irqfd f = {
        .fd = (uint32_t)w->fd,
        .gsi = w->gsi,
        .flags = !on     ? KVM_IRQFD_FLAG_DEASSIGN
                 : level ? KVM_IRQFD_FLAG_RESAMPLE
                         : 0,
        .resamplefd = on && level ? (uint32_t)w->resample_fd : 0,
    };

    return kvm_ioctl(vm, vm->fd, KVM_IRQFD, (uintptr_t)&f);
}

static void disconnect(struct vemu_machine *m, struct irqchip_wire *w)
{
    if (w->connected && kvm_vm_of(m))
        assign(kvm_vm_of(m), w, false);
    w->connected = false;
}

static void forget(struct vemu_machine *m, struct irqchip_wire *w)
{
    disconnect(m, w);
    if (w->gsi && w->resample_fd < 0 && kvm_vm_of(m))
        kvm_route_remove(kvm_vm_of(m), w->gsi);
    w->gsi = 0;
}

/* What it raises, to the table; false: it has no room. */
static bool route(struct kvm_vm *vm, struct irqchip_wire *w)
{
    if (w->resample_fd >= 0) {
        uint32_t gsi = GSI_LEVEL + w->pin, unused;
        if (w->gsi != gsi)
            disconnect(vm->m, w);
        w->gsi = gsi;
        bool known = !kvm_route_free_gsi(vm, gsi, &unused) || unused != gsi;
        return known || kvm_arch_route_level(vm, gsi, w->pin);
    }
    struct kvm_msi msi = kvm_arch_message(vm, w);
    return (w->gsi || kvm_route_free_gsi(vm, GSI_MESSAGE, &w->gsi)) &&
           kvm_route_message(vm, w->gsi, &msi);
}

static void fail(struct kvm_vm *vm, struct irqchip_wire *w, const char *why)
{
    forget(vm->m, w);
    if (!vm->wires_short)
        log_msg(&vm->m->log, LOG_WARN,
                "kvm: an interrupt of a device comes not by its descriptor: %s", why);
    vm->wires_short = true;
}

static void connect(struct vemu_machine *m, struct irqchip_wire *const *wires, unsigned count)
{
    struct kvm_vm *vm = kvm_vm_of(m);

    if (!m->has_wires)
        return;
    for (unsigned n = 0; n < count; n++)
        if (!route(vm, wires[n]))
            fail(vm, wires[n], "the table of routes is full");
    bool taken = kvm_routes_commit(vm);
    for (unsigned n = 0; n < count; n++) {
        struct irqchip_wire *w = wires[n];
        if (!w->gsi || (taken && w->connected))
            continue;
        int r = taken ? assign(vm, w, true) : -EINVAL;
        if (r < 0)
            fail(vm, w, strerrordesc_np(-r));
        else
            w->connected = true;
    }
}

const struct irqchip_wire_ops kvm_wire_ops = {
    .connect = connect, .disconnect = disconnect, .forget = forget};
