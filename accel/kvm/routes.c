/*
 * The table from interrupt numbers (GSIs) to what they raise (section 4.52, KVM_SET_GSI_ROUTING):
 * pins of the kernel's interrupt controllers, messages of an I/O APIC's pins, and those that a
 * descriptor sends (irqfd.c). What a device in this process sends needs no route: KVM_SIGNAL_MSI
 * takes it as it is. The kernel takes the table as a whole and looks at all that hangs on it, so
 * changes are gathered until somebody needs one of them, and none is made that changes nothing.
 *
 * Any thread, with any locks.
 */
#include "accel/kvm/routes.h"

#include <stdlib.h>
#include <string.h>

#include "accel/kvm/internal.h"
#include "core/util/log.h"
#include "core/util/range.h"

enum { ROUTES_MAX = 1024 }; /* the kernel's 4096 would be more than any machine has vectors */

struct kvm_routes {
    pthread_mutex_t lock; /* a leaf */
    uint32_t max;
    bool changed, said;
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
    r->changed = true;
    return e;
}

bool kvm_route_pin(struct kvm_vm *vm, uint32_t gsi, uint32_t chip, uint32_t pin)
{
    struct kvm_routes *r = vm->routes;

    pthread_mutex_lock(&r->lock);
    struct kvm_irq_routing_entry *e = add(r, gsi);
    if (e) {
        e->type = KVM_IRQ_ROUTING_IRQCHIP;
        e->u.irqchip.irqchip = chip;
        e->u.irqchip.pin = pin;
    }
    pthread_mutex_unlock(&r->lock);
    return e != NULL;
}

bool kvm_route_message(struct kvm_vm *vm, uint32_t gsi, const struct kvm_msi *msi)
{
    struct kvm_routes *r = vm->routes;

    pthread_mutex_lock(&r->lock);
    struct kvm_irq_routing_entry *e = find(r, gsi);
    if (!e)
        e = add(r, gsi);
    if (e) {
        struct kvm_irq_routing_entry now = {.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI};
        now.flags = msi->flags; /* KVM_MSI_VALID_DEVID */
        now.u.msi.address_lo = msi->address_lo;
        now.u.msi.address_hi = msi->address_hi;
        now.u.msi.data = msi->data;
        now.u.msi.devid = msi->devid;
        /* Guests write entries again and again with what is in them. */
        r->changed |= memcmp(e, &now, sizeof now) != 0;
        *e = now;
    }
    pthread_mutex_unlock(&r->lock);
    return e != NULL;
}

void kvm_route_remove(struct kvm_vm *vm, uint32_t gsi)
{
    struct kvm_routes *r = vm->routes;
    uint32_t kept = 0;

    pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < r->head.nr; i++)
        if (r->entries[i].gsi != gsi)
            r->entries[kept++] = r->entries[i];
    r->changed |= kept != r->head.nr;
    r->head.nr = kept;
    pthread_mutex_unlock(&r->lock);
}

bool kvm_route_free_gsi(struct kvm_vm *vm, uint32_t first, uint32_t *gsi)
{
    struct kvm_routes *r = vm->routes;

    pthread_mutex_lock(&r->lock);
    /* The kernel takes as many numbers as entries. */
    while (first < r->max && find(r, first))
        first++;
    *gsi = first < r->max ? first : 0;
    pthread_mutex_unlock(&r->lock);
    return *gsi != 0;
}

bool kvm_routes_commit(struct kvm_vm *vm)
{
    struct kvm_routes *r = vm->routes;
    int err = 0;

    pthread_mutex_lock(&r->lock);
    if (r->changed)
        err = kvm_ioctl(vm, vm->fd, KVM_SET_GSI_ROUTING, (uintptr_t)&r->head);
    if (err >= 0)
        r->changed = false;
    if (err < 0 && !r->said) {
        log_msg(&vm->m->log, LOG_WARN, "kvm: interrupts are lost: the kernel refuses %u routes: %s",
                r->head.nr, strerrordesc_np(-err));
        r->said = true;
    }
    pthread_mutex_unlock(&r->lock);
    return err >= 0;
}
