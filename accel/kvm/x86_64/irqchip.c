/*
 * The kernel's interrupt controllers (sections 4.24 to 4.27, 4.71 KVM_SIGNAL_MSI, 7.5
 * KVM_CAP_SPLIT_IRQCHIP), as core/cpu/irqchip.h has them.
 */
#include <stdlib.h>
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/routes.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/util/log.h"
#include "core/util/range.h"

/* ---- making them ----------------------------------------------------------------------------- */

/* What they cannot do without, with the loss named; true: all is there. */
static bool offered(const struct kvm_vm *vm, enum irqchip_mode mode, const char **missing)
{
    static const struct {
        int capability;
        const char *name;
    } needed[] = {
        {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
        {KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING"},
        {KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI"},
        {KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE"},
    };

    *missing = NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(needed) && !*missing; i++)
        if (!kvm_extension(vm, needed[i].capability))
            *missing = needed[i].name;
    if (!*missing && mode == IRQCHIP_SPLIT && !kvm_extension(vm, KVM_CAP_SPLIT_IRQCHIP))
        *missing = "KVM_CAP_SPLIT_IRQCHIP";
    return !*missing;
}

static int make(struct kvm_vm *vm, enum irqchip_mode mode)
{
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args[0] = IRQCHIP_IOAPIC_PINS};

    return mode == IRQCHIP_SPLIT ? kvm_ioctl(vm, vm->fd, KVM_ENABLE_CAP, (uintptr_t)&split)
                                 : kvm_ioctl(vm, vm->fd, KVM_CREATE_IRQCHIP, 0);
}

bool kvm_arch_make_irqchip(struct kvm_vm *vm, enum irqchip_mode mode, bool asked,
                           struct vemu_error **errp)
{
    const char *missing;

    if (mode == IRQCHIP_OFF)
        return true;
    if (!offered(vm, mode, &missing)) {
        if (asked)
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             "kvm: kernel-irqchip=%s needs %s, which this kernel lacks; use "
                             "kernel-irqchip=off",
                             mode == IRQCHIP_SPLIT ? "split" : "on", missing);
        log_msg(&vm->m->log, LOG_WARN,
                "kvm: this kernel lacks %s: interrupt controllers are in this process, and slower",
                missing);
        return true;
    }
    if (!kvm_routes_init(vm))
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    int r = make(vm, mode);
    if (r < 0)
        return error_set_errno(errp, -r, "kvm: the kernel does not make interrupt controllers");
    vm->m->irqchip = mode;
    if (mode == IRQCHIP_ON && !kvm_x86_route_pins(vm))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "kvm: the kernel does not connect its interrupt controllers; use "
                         "kernel-irqchip=off");
    kvm_wires_init(vm);
    return true;
}

/* ---- lines and messages ---------------------------------------------------------------------- */

static void set_line(struct vemu_machine *m, unsigned gsi, int level)
{
    const struct kvm_vm *vm = kvm_vm_of(m);
    struct kvm_irq_level line = {.irq = gsi, .level = (uint32_t)level};

    kvm_ioctl(vm, vm->fd, KVM_IRQ_LINE, (uintptr_t)&line);
}

static struct kvm_msi message(uint64_t addr, uint32_t data)
{
    return (struct kvm_msi){
        .address_lo = (uint32_t)addr, .address_hi = (uint32_t)(addr >> 32), .data = data};
}

struct kvm_msi kvm_arch_message(const struct kvm_vm *vm, const struct irqchip_wire *w)
{
    (void)vm;
    return message(w->addr, w->data);
}

static bool send_msi(struct vemu_machine *m, uint64_t addr, uint32_t data)
{
    const struct kvm_vm *vm = kvm_vm_of(m);
    struct kvm_msi msi = message(addr, data);

    return kvm_ioctl(vm, vm->fd, KVM_SIGNAL_MSI, (uintptr_t)&msi) > 0;
}

/* The kernel looks at the messages of the first 24 GSIs to know which vectors end at an I/O APIC.
 */
static void set_pin_message(struct vemu_machine *m, unsigned pin, uint64_t addr, uint32_t data)
{
    struct kvm_vm *vm = kvm_vm_of(m);
    struct kvm_msi msi = message(addr, data);

    if (kvm_route_message(vm, pin, &msi))
        kvm_routes_commit(vm);
}

/* ---- state ----------------------------------------------------------------------------------- */

static bool transfer(struct vemu_machine *m, unsigned long request, struct kvm_irqchip *chip)
{
    const struct kvm_vm *vm = kvm_vm_of(m);
    int r = kvm_ioctl(vm, vm->fd, request, (uintptr_t)chip);

    if (r < 0)
        log_msg(&m->log, LOG_WARN, "kvm: the state of interrupt controller %u: %s", chip->chip_id,
                strerrordesc_np(-r));
    return r >= 0;
}

static bool get_pic(struct vemu_machine *m, unsigned which, struct irqchip_pic *pic)
{
    struct kvm_irqchip chip = {.chip_id = which};
    const struct kvm_pic_state *s = &chip.chip.pic;

    if (!transfer(m, KVM_GET_IRQCHIP, &chip))
        return false;
    *pic = (struct irqchip_pic){
        .lines = s->last_irr,
        .irr = s->irr,
        .isr = s->isr,
        .imr = s->imr,
        .elcr = s->elcr,
        .lowest = (s->priority_add - 1) & 7,
        .vector_base = s->irq_base & 0xf8,
        .next_icw = s->init_state ? (uint8_t)(MIN(s->init_state, 3) + 1) : 0,
        .icw4_follows = s->init4,
        .auto_eoi = s->auto_eoi,
        .rotate_auto_eoi = s->rotate_on_auto_eoi,
        .fully_nested = s->special_fully_nested_mode,
        .special_mask = s->special_mask,
        .read_isr = s->read_reg_select,
        .poll = s->poll,
    };
    return true;
}

static bool put_pic(struct vemu_machine *m, unsigned which, const struct irqchip_pic *pic)
{
    static const uint8_t elcr_writable[2] = {0xf8, 0xde}; /* as the PIIX3 has it */
    struct kvm_irqchip chip = {.chip_id = which};

    chip.chip.pic = (struct kvm_pic_state){
        .last_irr = pic->lines,
        .irr = pic->irr,
        .isr = pic->isr,
        .imr = pic->imr,
        .elcr = pic->elcr,
        .elcr_mask = elcr_writable[which & 1],
        .priority_add = (pic->lowest + 1) & 7,
        .irq_base = pic->vector_base,
        .init_state = pic->next_icw ? pic->next_icw - 1 : 0,
        .init4 = pic->icw4_follows,
        .auto_eoi = pic->auto_eoi,
        .rotate_on_auto_eoi = pic->rotate_auto_eoi,
        .special_fully_nested_mode = pic->fully_nested,
        .special_mask = pic->special_mask,
        .read_reg_select = pic->read_isr,
        .poll = pic->poll,
    };
    return transfer(m, KVM_SET_IRQCHIP, &chip);
}

static bool get_ioapic(struct vemu_machine *m, struct irqchip_ioapic *ioapic)
{
    struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};
    const struct kvm_ioapic_state *s = &chip.chip.ioapic;

    if (!transfer(m, KVM_GET_IRQCHIP, &chip))
        return false;
    ioapic->select = (uint8_t)s->ioregsel;
    ioapic->id = s->id & 0xf;
    ioapic->lines = s->irr;
    for (unsigned n = 0; n < IRQCHIP_IOAPIC_PINS; n++)
        ioapic->entry[n] = s->redirtbl[n].bits;
    return true;
}

static bool put_ioapic(struct vemu_machine *m, const struct irqchip_ioapic *ioapic)
{
    enum { LEVEL = 1 << 15 };
    struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};
    struct kvm_ioapic_state *s = &chip.chip.ioapic;

    s->base_address = KVM_X86_IOAPIC_BASE;
    s->ioregsel = ioapic->select;
    s->id = ioapic->id;
    for (unsigned n = 0; n < IRQCHIP_IOAPIC_PINS; n++) {
        s->redirtbl[n].bits = ioapic->entry[n];
        /* What is in irr is asked for at once: the level of a pin that is one, while the edge of
         * a high line was taken when it came. */
        if (ioapic->entry[n] & LEVEL)
            s->irr |= ioapic->lines & 1u << n;
    }
    return transfer(m, KVM_SET_IRQCHIP, &chip);
}

const struct irqchip_ops kvm_arch_irqchip = {
    .set_line = set_line,
    .send_msi = send_msi,
    .set_pin_message = set_pin_message,
    .get_pic = get_pic,
    .put_pic = put_pic,
    .get_ioapic = get_ioapic,
    .put_ioapic = put_ioapic,
    .make_pit = kvm_x86_make_pit,
    .get_pit = kvm_x86_get_pit,
    .put_pit = kvm_x86_put_pit,
    .block_pit = kvm_x86_block_pit,
    .get_lapic = kvm_x86_get_lapic,
    .put_lapic = kvm_x86_put_lapic,
};
