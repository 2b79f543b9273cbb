/* Routes to the pins of the kernel's 8259s and I/O APIC: accel/kvm/routes.c. */
#include "accel/kvm/internal.h"
#include "accel/kvm/routes.h"
#include "accel/kvm/x86_64/x86.h"

/* As core/cpu/irqchip.h numbers them. */
bool kvm_x86_route_pins(struct kvm_vm *vm)
{
    enum { PIC_LINES = 2 * IRQCHIP_PIC_LINES };
    bool ok = true;

    for (unsigned n = 0; n < IRQCHIP_GSI_PIC && ok; n++)
        ok = kvm_route_pin(vm, n, KVM_IRQCHIP_IOAPIC, n);
    for (unsigned n = 0; n < PIC_LINES && ok; n++)
        ok = kvm_route_pin(vm, IRQCHIP_GSI_PIC + n,
                           n < IRQCHIP_PIC_LINES ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
                           n % IRQCHIP_PIC_LINES);
    return ok && kvm_routes_commit(vm);
}

/* GSI 0 as the kernel's PIT raises it: what IRQ 0 is of a PC, and no pin 0. At the end of the
 * table: the kernel tells the PIT of an end of interrupt by the last GSI that names the pin, and
 * other drivers of the line have GSIs of their own. */
bool kvm_x86_route_pit(struct kvm_vm *vm)
{
    enum { PIT_GSI = 0, IOAPIC_PIN = 2, PIC_LINE = 0 };

    kvm_route_remove(vm, PIT_GSI);
    return kvm_route_pin(vm, PIT_GSI, KVM_IRQCHIP_PIC_MASTER, PIC_LINE) &&
           kvm_route_pin(vm, PIT_GSI, KVM_IRQCHIP_IOAPIC, IOAPIC_PIN) && kvm_routes_commit(vm);
}

bool kvm_arch_route_level(struct kvm_vm *vm, uint32_t gsi, unsigned pin)
{
    bool slave = pin >= IRQCHIP_PIC_LINES;

    if (vm->m->irqchip != IRQCHIP_ON)
        return false;
    return kvm_route_pin(vm, gsi, KVM_IRQCHIP_IOAPIC, pin) &&
           (pin >= 2 * IRQCHIP_PIC_LINES ||
            kvm_route_pin(vm, gsi, slave ? KVM_IRQCHIP_PIC_SLAVE : KVM_IRQCHIP_PIC_MASTER,
                          pin % IRQCHIP_PIC_LINES));
}
