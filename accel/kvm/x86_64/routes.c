/*
 * The table from interrupt numbers (GSIs) to what they raise (section 4.52, KVM_SET_GSI_ROUTING):
 * the pins of the kernel's interrupt controllers, or the messages of an I/O APIC's pins. The kernel
 * takes it as a whole. Devices' messages need no routes: KVM_SIGNAL_MSI takes them as they are.
 *
 * Any thread, with any locks.
 */
#include "accel/kvm/internal.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/log.h"
#include "core/util/range.h"

enum { ROUTES_MAX = 1024 }; /* the kernel's 4096 would be more than any machine has vectors */

struct kvm_routes {
    pthread_mutex_t lock; /* a leaf */
    uint32_t max;
    bool said;
    struct kvm_irq_routing head; /* followed by its entries */
    struct kvm_irq_routing_entry entries[ROUTES_MAX];
};

bool kvm_routes_init(struct kvm_vm *vm)
{
    int max = kvm_extension(vm, KVM_CAP_IRQ_ROUTING);

    vm->routes = calloc(1, sizeof *vm->routes);
    if (!vm->routes)
        return false;
    vm->routes->max = MIN((uint32_t)max, (uint32_t)ROUTES_MAX);
    pthread_mutex_init(&vm->routes->lock, NULL);
    return true;
}

void kvm_routes_free(struct kvm_vm *vm)
{
    if (vm->routes)
        pthread_mutex_destroy(&vm->routes->lock);
    free(vm->routes);
    vm->routes = NULL;
}

static bool apply(struct kvm_vm *vm)
{
    struct kvm_routes *r = vm->routes;
    int err = kvm_ioctl(vm, vm->fd, KVM_SET_GSI_ROUTING, (uintptr_t)&r->head);

    if (err < 0 && !r->said) {
        log_msg(&vm->m->log, LOG_WARN, "kvm: interrupts are lost: the kernel refuses %u routes: %s",
                r->head.nr, strerrordesc_np(-err));
        r->said = true;
    }
    return err >= 0;
}

static struct kvm_irq_routing_entry *find(struct kvm_routes *r, uint32_t gsi)
{
    for (uint32_t i = 0; i < r->head.nr; i++)
        if (r->entries[i].gsi == gsi)
            return &r->entries[i];
    return NULL;
}

static struct kvm_irq_routing_entry *add(struct kvm_routes *r, uint32_t gsi)
{
    if (r->head.nr == r->max)
        return NULL;
    struct kvm_irq_routing_entry *e = &r->entries[r->head.nr++];
    *e = (struct kvm_irq_routing_entry){.gsi = gsi};
    return e;
}

static void set_pin(struct kvm_irq_routing_entry *e, unsigned chip, unsigned pin)
{
    e->type = KVM_IRQ_ROUTING_IRQCHIP;
    e->u.irqchip.irqchip = chip;
    e->u.irqchip.pin = pin;
}

static void set_message(struct kvm_irq_routing_entry *e, uint64_t addr, uint32_t data)
{
    e->type = KVM_IRQ_ROUTING_MSI;
    memset(&e->u, 0, sizeof e->u);
    e->u.msi.address_lo = (uint32_t)addr;
    e->u.msi.address_hi = (uint32_t)(addr >> 32);
    e->u.msi.data = data;
}

bool kvm_route_pins(struct kvm_vm *vm)
{
    enum { PIC_LINES = 2 * IRQCHIP_PIC_LINES };
    struct kvm_routes *r = vm->routes;
    bool ok = true;

    pthread_mutex_lock(&r->lock);
    for (unsigned n = 0; n < IRQCHIP_IOAPIC_PINS + PIC_LINES && ok; n++) {
        struct kvm_irq_routing_entry *e = add(r, n);
        ok = e != NULL;
        if (!ok)
            break;
        bool ioapic = n < IRQCHIP_GSI_PIC;
        unsigned line = n - IRQCHIP_GSI_PIC;
        set_pin(e,
                ioapic                     ? KVM_IRQCHIP_IOAPIC
                : line < IRQCHIP_PIC_LINES ? KVM_IRQCHIP_PIC_MASTER
                                           : KVM_IRQCHIP_PIC_SLAVE,
                ioapic ? n : line % IRQCHIP_PIC_LINES);
    }
    ok = ok && apply(vm);
    pthread_mutex_unlock(&r->lock);
    return ok;
}

/* At the end of the table: the kernel tells the PIT of an end of interrupt by the last GSI that
 * names the pin, and other drivers of the line have GSIs of their own. */
bool kvm_route_pit(struct kvm_vm *vm)
{
    enum { PIT_GSI = 0, IOAPIC_PIN = 2, PIC_LINE = 0 };
    struct kvm_routes *r = vm->routes;

    pthread_mutex_lock(&r->lock);
    struct kvm_irq_routing_entry *e = find(r, PIT_GSI);
    bool ok = e && r->head.nr < r->max;
    if (ok) {
        *e = r->entries[--r->head.nr];
        set_pin(add(r, PIT_GSI), KVM_IRQCHIP_PIC_MASTER, PIC_LINE);
        set_pin(add(r, PIT_GSI), KVM_IRQCHIP_IOAPIC, IOAPIC_PIN);
        ok = apply(vm);
    }
    pthread_mutex_unlock(&r->lock);
    return ok;
}

bool kvm_route_message(struct kvm_vm *vm, uint32_t gsi, uint64_t addr, uint32_t data)
{
    struct kvm_routes *r = vm->routes;
    bool ok = true;

    pthread_mutex_lock(&r->lock);
    struct kvm_irq_routing_entry *e = find(r, gsi), was = {0};
    if (e)
        was = *e;
    else
        e = add(r, gsi);
    if (!e) {
        ok = false;
    } else {
        set_message(e, addr, data);
        /* Guests write entries again and again with what is in them. */
        ok = memcmp(e, &was, sizeof was) == 0 || apply(vm);
    }
    pthread_mutex_unlock(&r->lock);
    return ok;
}
