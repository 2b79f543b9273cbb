/*
 * Events: what waits in the kernel (section 4.31, KVM_GET_VCPU_EVENTS), and what is delivered from
 * here, with the interrupt controllers in this process (sections 4.16 KVM_INTERRUPT and 4.64
 * KVM_NMI; section 5 for request_interrupt_window, ready_for_interrupt_injection, cr8, apic_base).
 */
#include <stdio.h>
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/cpu/debug.h"
#include "core/cpu/x86.h"
#include "core/memory/memory.h"
#include "core/util/hex.h"
#include "core/util/log.h"
#include "core/util/range.h"

enum { EXTERNAL_FIRST = 32 };

/* ---- both ways ------------------------------------------------------------------------------- */

bool kvm_x86_get_events(struct kvm_cpu *k, struct x86_regs *r)
{
    struct kvm_vcpu_events e;

    r->pending_valid = 0;
    if (!k->vm->has_events)
        return true;
    if (kvm_vcpu_ioctl(k, KVM_GET_VCPU_EVENTS, &e) < 0)
        return false;
    if (e.exception.injected || e.exception.pending) {
        r->pending_valid = 1;
        r->pending_vector = e.exception.nr;
        r->pending_has_error = !!e.exception.has_error_code;
        r->pending_error = e.exception.error_code;
    } else if (e.nmi.injected) {
        r->pending_valid = 1;
        r->pending_vector = X86_NMI;
        r->pending_has_error = 0;
    } else if (e.interrupt.injected && !e.interrupt.soft) {
        r->pending_valid = 1;
        r->pending_vector = e.interrupt.nr;
        r->pending_has_error = 0;
    }
    r->sti_shadow = e.interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS ? 2
                    : e.interrupt.shadow & KVM_X86_SHADOW_INT_STI  ? 1
                                                                   : 0;
    r->nmi_masked = !!e.nmi.masked;
    if (e.nmi.pending)
        atomic_fetch_or(&k->cpu->interrupt, CPU_INT_NMI);
    if (!k->vm->has_smm)
        return true;
    r->smm = !!e.smi.smm;
    r->smm_inside_nmi = !!e.smi.smm_inside_nmi;
    if (e.smi.pending)
        atomic_fetch_or(&k->cpu->interrupt, CPU_INT_SMI);
    if (e.smi.latched_init) /* until RSM */
        atomic_fetch_or(&k->cpu->interrupt, CPU_INT_INIT);
    return true;
}

bool kvm_x86_put_events(struct kvm_cpu *k, struct x86_regs *r)
{
    struct kvm_vcpu_events e = {0};

    if (!k->vm->has_events)
        return true;
    /* A pending NMI is one of ours (cpu->interrupt). */
    e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
    if (r->pending_valid && r->pending_vector == X86_NMI) {
        e.nmi.injected = 1;
    } else if (r->pending_valid && r->pending_vector >= EXTERNAL_FIRST) {
        e.interrupt.injected = 1;
        e.interrupt.nr = r->pending_vector;
    } else if (r->pending_valid) {
        e.exception.injected = 1;
        e.exception.nr = r->pending_vector;
        e.exception.has_error_code = r->pending_has_error;
        e.exception.error_code = r->pending_error;
    }
    e.interrupt.shadow = r->sti_shadow == 2   ? KVM_X86_SHADOW_INT_MOV_SS
                         : r->sti_shadow == 1 ? KVM_X86_SHADOW_INT_STI
                                              : 0;
    e.nmi.masked = r->nmi_masked;
    if (k->vm->has_smm) { /* a pending SMI is one of ours, too */
        e.flags |= KVM_VCPUEVENT_VALID_SMM;
        e.smi.smm = r->smm;
        e.smi.smm_inside_nmi = r->smm && r->smm_inside_nmi;
        e.smi.latched_init =
            r->smm && kvm_lapic_in_kernel(k) && atomic_load(&k->cpu->interrupt) & CPU_INT_INIT;
        if (e.smi.latched_init)
            cpu_clear_interrupt(k->cpu, CPU_INT_INIT);
    }
    if (kvm_vcpu_ioctl(k, KVM_SET_VCPU_EVENTS, &e) < 0)
        return false;
    /* The shared page tells about the last run; before the first one it is made to agree. */
    k->run->if_flag = !!(r->rflags & X86_FLAG_IF);
    k->run->ready_for_interrupt_injection = k->run->if_flag && !r->sti_shadow && !r->pending_valid;
    return true;
}

/* ---- INIT and start-up messages -------------------------------------------------------------- */

/* They are rare: the state is fetched, changed and put back. */
static bool take_init(struct kvm_cpu *k)
{
    struct vcpu *cpu = k->cpu;
    struct x86_regs *r = cpu->regs;

    cpu_clear_interrupt(cpu, CPU_INT_INIT);
    if (!kvm_arch_get(k))
        return false;
    x86_regs_reset(r, true);
    if (cpu->intc_ops)
        cpu->intc_ops->init(cpu->intc);
    r->halted = 0;
    cpu->wait_for_sipi = cpu->index != 0;
    return kvm_arch_put(k);
}

static bool take_sipi(struct kvm_cpu *k)
{
    struct vcpu *cpu = k->cpu;
    struct x86_regs *r = cpu->regs;

    cpu_clear_interrupt(cpu, CPU_INT_SIPI);
    cpu->wait_for_sipi = false;
    if (!kvm_arch_get(k))
        return false;
    r->halted = 0;
    r->seg[X86_CS].selector = (uint16_t)(cpu->sipi_vector << 8);
    r->seg[X86_CS].base = (uint64_t)cpu->sipi_vector << 12;
    r->rip = 0;
    return kvm_arch_put(k);
}

/* ---- between two runs ------------------------------------------------------------------------ */

static void take_interrupt(struct kvm_cpu *k)
{
    struct vcpu *cpu = k->cpu;

    machine_lock(k->vm->m);
    int vector = cpu->intc_ops->acknowledge(cpu->intc);
    machine_unlock(k->vm->m);
    if (vector < 0)
        return;
    struct kvm_interrupt irq = {.irq = (uint32_t)vector};
    kvm_vcpu_ioctl(k, KVM_INTERRUPT, &irq);
    k->run->ready_for_interrupt_injection = 0;
    k->halted = false;
}

static void take_smi(struct kvm_cpu *k)
{
    cpu_clear_interrupt(k->cpu, CPU_INT_SMI);
    if (k->vm->has_smm) /* where there is none, it finds nobody */
        kvm_vcpu_ioctl(k, KVM_SMI, NULL);
    k->halted = k->halted && !k->vm->has_smm;
}

static void take_nmi(struct kvm_cpu *k)
{
    cpu_clear_interrupt(k->cpu, CPU_INT_NMI);
    if (k->vm->has_nmi)
        kvm_vcpu_ioctl(k, KVM_NMI, NULL);
    k->halted = false;
}

bool kvm_arch_events(struct kvm_cpu *k)
{
    struct vcpu *cpu = k->cpu;
    struct kvm_run *run = k->run;
    uint32_t bits = atomic_load(&cpu->interrupt);
    bool waits_here = !kvm_lapic_in_kernel(k); /* for an end of a halt, or a start-up message */

    if (waits_here && bits & CPU_INT_INIT) {
        take_init(k);
        bits = atomic_load(&cpu->interrupt);
    }
    if (waits_here && cpu->wait_for_sipi) {
        if (!(bits & CPU_INT_SIPI))
            return false;
        take_sipi(k);
    }
    bits &= CPU_INT_SIPI | CPU_INT_POLL | CPU_INT_SMI | CPU_INT_NMI | CPU_INT_HARD;
    cpu_clear_interrupt(cpu, bits & (CPU_INT_SIPI | CPU_INT_POLL));
    if (bits & CPU_INT_SMI)
        take_smi(k);
    if (bits & CPU_INT_NMI)
        take_nmi(k);
    run->request_interrupt_window = 0;
    if (bits & (CPU_INT_HARD | CPU_INT_POLL) && cpu->intc_ops) {
        if (run->ready_for_interrupt_injection && run->if_flag)
            take_interrupt(k);
        else if (!k->halted && bits & CPU_INT_HARD)
            run->request_interrupt_window = 1;
    }
    return !k->halted;
}

void kvm_arch_before_run(struct kvm_cpu *k)
{
    const struct vcpu *cpu = k->cpu;

    if (cpu->intc_ops && !kvm_lapic_in_kernel(k))
        k->run->cr8 = cpu->intc_ops->get_tpr(cpu->intc) >> 4;
}

void kvm_arch_after_run(struct kvm_cpu *k)
{
    struct vcpu *cpu = k->cpu;
    const struct kvm_run *run = k->run;
    uint64_t base;

    /* Which memory an access is of (vcpu_memory). */
    if (k->vm->has_smm)
        ((struct x86_regs *)cpu->regs)->smm = !!(run->flags & KVM_RUN_X86_SMM);
    if (!cpu->intc_ops || kvm_lapic_in_kernel(k))
        return;
    if (run->cr8 != (uint64_t)cpu->intc_ops->get_tpr(cpu->intc) >> 4)
        cpu->intc_ops->set_tpr(cpu->intc, (uint8_t)(run->cr8 << 4));
    if (cpu->intc_ops->read_msr(cpu->intc, MSR_APIC_BASE, &base) && base != run->apic_base)
        cpu->intc_ops->write_msr(cpu->intc, MSR_APIC_BASE, run->apic_base);
}

/* System events (section 5, KVM_EXIT_SYSTEM_EVENT) are of paravirtual guests. */
bool kvm_arch_exit(struct kvm_cpu *k, enum vcpu_exit *why, bool *leave)
{
    switch (k->run->exit_reason) {
    case KVM_EXIT_SET_TPR:
    case KVM_EXIT_NMI:
        return true;
    case KVM_EXIT_IOAPIC_EOI:
        if (k->cpu->intc_ops && k->cpu->intc_ops->end_of_interrupt)
            k->cpu->intc_ops->end_of_interrupt(k->cpu->intc, k->run->eoi.vector);
        return true;
    case KVM_EXIT_HYPERV:
        kvm_x86_hyperv_exit(k);
        k->io_open = true;
        return true;
    case KVM_EXIT_SYSTEM_EVENT:
        if (k->run->system_event.type == KVM_SYSTEM_EVENT_CRASH) {
            log_msg(&k->vm->m->log, LOG_WARN, "vCPU %u: the guest's system says that it crashed",
                    k->cpu->index);
            return true;
        }
        *leave = true;
        *why = VCPU_EXIT_SHUTDOWN;
        return true;
    default:
        return false;
    }
}

/* ---- a failure ------------------------------------------------------------------------------- */

void kvm_arch_describe(struct kvm_cpu *k)
{
    struct log *log = &k->vm->m->log;
    const struct x86_regs *r = k->cpu->regs;
    uint8_t code[16];
    char text[3 * sizeof code + 1];

    if (!kvm_arch_get(k))
        return;
    k->synced = true;
    for (unsigned n = 0; n < 16; n += 4)
        log_msg(log, LOG_WARN, "vCPU %u: r%u-r%u %016llx %016llx %016llx %016llx", k->cpu->index, n,
                n + 3, (unsigned long long)r->gpr[n], (unsigned long long)r->gpr[n + 1],
                (unsigned long long)r->gpr[n + 2], (unsigned long long)r->gpr[n + 3]);
    log_msg(log, LOG_WARN,
            "vCPU %u: cs:rip %04x:%016llx rflags %08llx cr0 %08llx cr2 %016llx cr3 %016llx cr4 "
            "%08llx efer %llx",
            k->cpu->index, r->seg[X86_CS].selector, (unsigned long long)r->rip,
            (unsigned long long)r->rflags, (unsigned long long)r->cr0, (unsigned long long)r->cr2,
            (unsigned long long)r->cr3, (unsigned long long)r->cr4, (unsigned long long)r->efer);
    unsigned got = 0;
    for (uint64_t paddr; got < sizeof code; got++)
        if (!cpu_debug_translate(k->cpu, r->seg[X86_CS].base + r->rip + got, &paddr) ||
            dma_read(vcpu_memory(k->cpu), NULL, paddr, &code[got], 1) != MEM_OK)
            break;
    for (unsigned i = 0; i < got; i++)
        snprintf(text + 3 * i, 4, " %02x", code[i]);
    text[3 * got] = 0;
    log_msg(log, LOG_WARN, "vCPU %u: code at rip:%s", k->cpu->index, got ? text : " not mapped");
}
