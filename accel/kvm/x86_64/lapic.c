/*
 * Local APICs in the kernel: registers (sections 4.57 KVM_GET_LAPIC and 4.58), whether a vCPU runs,
 * is halted or waits for a start-up message (4.38 KVM_GET_MP_STATE and 4.39), and the two MSRs that
 * are the APIC's.
 */
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/cpu/x86.h"
#include "core/util/endian.h"
#include "core/util/log.h"

enum { MSR_TSC_DEADLINE = 0x6e0 };

static bool complain(const struct vcpu *cpu, bool ok)
{
    if (!ok)
        log_msg(&cpu->machine->log, LOG_WARN, "vCPU %u: kvm and its local APIC do not agree",
                cpu->index);
    return ok;
}

/* A count that ended while its vCPU was out of the kernel becomes a pending vector on its way in,
 * and is nothing but an end until then. */
static bool timer_ended(const struct irqchip_lapic *lapic)
{
    enum { LVT_TIMER = 0x32, INITIAL = 0x38, CURRENT = 0x39, MASKED = 1 << 16, PERIODIC = 1 << 17 };
    uint32_t lvt = lapic->reg[LVT_TIMER];

    return lapic->reg[INITIAL] && !(lvt & MASKED) && (lvt & PERIODIC || !lapic->reg[CURRENT]);
}

static bool read_page(const struct kvm_cpu *k, struct irqchip_lapic *lapic)
{
    struct kvm_lapic_state page;
    bool ok = kvm_vcpu_ioctl(k, KVM_GET_LAPIC, &page) >= 0;

    for (unsigned n = 0; ok && n < IRQCHIP_LAPIC_REGS; n++)
        lapic->reg[n] = load_le32((const uint8_t *)page.regs + 16 * n);
    return ok;
}

bool kvm_x86_get_lapic(struct vcpu *cpu, struct irqchip_lapic *lapic)
{
    struct kvm_cpu *k = kvm_cpu_of(cpu);

    *lapic = (struct irqchip_lapic){0};
    bool ok = kvm_x86_one_msr(k, KVM_GET_MSRS, MSR_APIC_BASE, &lapic->base) && read_page(k, lapic);
    if (ok && timer_ended(lapic)) {
        kvm_vcpu_touch(k);
        ok = read_page(k, lapic);
    }
    if (!complain(cpu, ok))
        return false;
    /* A processor without the mode has no such register: 0. */
    kvm_x86_one_msr(k, KVM_GET_MSRS, MSR_TSC_DEADLINE, &lapic->tsc_deadline);
    return true;
}

/* The base first, whose mode the registers are looked at in. The deadline waits for the TSC that it
 * is compared with. */
bool kvm_x86_put_lapic(struct vcpu *cpu, const struct irqchip_lapic *lapic)
{
    struct kvm_cpu *k = kvm_cpu_of(cpu);
    struct kvm_lapic_state page = {0};
    uint64_t base = lapic->base;

    for (unsigned n = 0; n < IRQCHIP_LAPIC_REGS; n++)
        store_le32((uint8_t *)page.regs + 16 * n, lapic->reg[n]);
    k->deadline = lapic->tsc_deadline;
    k->deadline_changed = true;
    return complain(cpu, kvm_x86_one_msr(k, KVM_SET_MSRS, MSR_APIC_BASE, &base) &&
                             kvm_vcpu_ioctl(k, KVM_SET_LAPIC, &page) >= 0);
}

/* The kernel's timer was set by the TSC as it was: it is set again now that this one moved. */
void kvm_x86_put_deadline(struct kvm_cpu *k)
{
    uint64_t now = 0;
    bool has = kvm_x86_one_msr(k, KVM_GET_MSRS, MSR_TSC_DEADLINE, &now);

    if (has && k->deadline_changed)
        now = k->deadline;
    if (has && (now || k->deadline_changed))
        kvm_x86_one_msr(k, KVM_SET_MSRS, MSR_TSC_DEADLINE, &now);
    k->deadline_changed = false;
}

bool kvm_x86_get_mp_state(struct kvm_cpu *k, struct x86_regs *r)
{
    struct kvm_mp_state s;

    if (kvm_vcpu_ioctl(k, KVM_GET_MP_STATE, &s) < 0)
        return false;
    r->halted = s.mp_state == KVM_MP_STATE_HALTED;
    k->cpu->wait_for_sipi =
        s.mp_state == KVM_MP_STATE_UNINITIALIZED || s.mp_state == KVM_MP_STATE_INIT_RECEIVED;
    k->cpu->halted = r->halted || k->cpu->wait_for_sipi;
    return true;
}

bool kvm_x86_put_mp_state(struct kvm_cpu *k, const struct x86_regs *r)
{
    struct kvm_mp_state s = {.mp_state = k->cpu->wait_for_sipi ? KVM_MP_STATE_INIT_RECEIVED
                                         : r->halted           ? KVM_MP_STATE_HALTED
                                                               : KVM_MP_STATE_RUNNABLE};

    return kvm_vcpu_ioctl(k, KVM_SET_MP_STATE, &s) >= 0;
}
