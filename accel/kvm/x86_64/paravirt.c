/*
 * What a guest is told of the hypervisor: KVM's own features (Documentation/virt/kvm/x86/cpuid.rst)
 * and Hyper-V's (section 4.118 KVM_GET_SUPPORTED_HV_CPUID; Hypervisor Top Level Functional
 * Specification, chapter "Feature and Interface Discovery"). With Hyper-V's at 40000000H, KVM's
 * leaves are 100H above. Of both only what this kernel offers.
 */
#include <errno.h>
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/cpu/x86.h"
#include "core/util/log.h"
#include "core/util/range.h"

enum { BASE = 0x40000000, NEXT = 0x100, HV_ENTRIES = 32 };

/* ---- KVM's own --------------------------------------------------------------------------------
 */

/* Those that need no asking, as far as their state is kept here; and those that are the kernel's
 * local APIC's. */
#define USUAL                                                                                      \
    (X86_KVM_NOP_IO_DELAY | X86_KVM_CLOCK2 | X86_KVM_STEAL_TIME | X86_KVM_PV_EOI |                 \
     X86_KVM_POLL_CONTROL | X86_KVM_CLOCK_STABLE)
#define OF_LAPIC                                                                                   \
    (X86_KVM_ASYNC_PF | X86_KVM_PV_EOI | X86_KVM_PV_UNHALT | X86_KVM_ASYNC_PF_VMEXIT |             \
     X86_KVM_PV_IPI | X86_KVM_POLL_CONTROL | X86_KVM_ASYNC_PF_INT)
#define OF_CLOCK (X86_KVM_CLOCK | X86_KVM_CLOCK2 | X86_KVM_CLOCK_STABLE)

static uint32_t kvm_offered(const struct kvm_vm *vm)
{
    const struct kvm_cpuid_entry2 *f = kvm_x86_supported(vm, BASE + 1, 0);
    uint32_t bits = kvm_x86_supported(vm, BASE, 0) && f ? f->eax : 0;

    if (vm->m->irqchip == IRQCHIP_OFF)
        bits &= ~(uint32_t)OF_LAPIC;
    if (!vm->has_clock)
        bits &= ~(uint32_t)OF_CLOCK;
    return bits;
}

static bool check_kvm(const struct kvm_vm *vm, const struct x86_paravirt *pv,
                      struct vemu_error **errp)
{
    uint32_t offered = kvm_offered(vm), missing = pv->kvm_on & ~offered;

    /* One of the two clocks is enough. */
    if (offered & X86_KVM_CLOCK2)
        missing &= ~(uint32_t)X86_KVM_CLOCK;
    if (!missing)
        return true;
    missing &= -missing;
    return error_set(errp, VEMU_ERROR_UNSUPPORTED, "-cpu: %s: %s", x86_kvm_feature_name(missing),
                     missing & OF_LAPIC && vm->m->irqchip == IRQCHIP_OFF
                         ? "this is for the kernel's local APICs: use kernel-irqchip=on or split"
                         : "this kernel's KVM does not offer it");
}

static struct kvm_cpuid_entry2 leaf(uint32_t function, uint32_t eax, uint32_t ebx, uint32_t ecx,
                                    uint32_t edx)
{
    return (struct kvm_cpuid_entry2){
        .function = function, .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx};
}

/* Nothing without the signature in what the kernel offers. */
static unsigned add_kvm(struct kvm_cpuid_entry2 *e, const struct kvm_vm *vm,
                        const struct x86_paravirt *pv, uint32_t base)
{
    const struct kvm_cpuid_entry2 *sign = kvm_x86_supported(vm, BASE, 0);

    if (!sign || !kvm_x86_supported(vm, BASE + 1, 0))
        return 0;
    e[0] = leaf(base, base + 1, sign->ebx, sign->ecx, sign->edx);
    e[1] = leaf(base + 1, kvm_offered(vm) & (USUAL | pv->kvm_on) & ~pv->kvm_off, 0, 0,
                pv->kvm_dedicated);
    return 2;
}

/* ---- Hyper-V's --------------------------------------------------------------------------------
 */

enum { FEATURES = BASE + 3, HINTS = BASE + 4, LIMITS = BASE + 5 };
enum { EAX, EDX };
enum { HYPERCALL_MSRS = 1 << 5, VCPUS_LEAST = 64 };
/* The version that is told: of a system that knows all of these. */
enum { VERSION_BUILD = 14393, VERSION_MAJOR = 10 };

/* The bits that an enlightenment is; the kernel must have all of them. */
struct bits {
    uint32_t leaf;
    uint8_t reg;
    uint32_t mask;
};
static const struct enlightenment {
    struct bits bits[2];
    uint32_t needs; /* others, a bit each */
} enlightenments[X86_HV_COUNT] = {
    [X86_HV_RELAXED] = {{{HINTS, EAX, 1 << 5}}, 0},
    [X86_HV_VAPIC] = {{{FEATURES, EAX, 1 << 4}, {HINTS, EAX, 1 << 3}}, 0},
    [X86_HV_SPINLOCKS] = {{{0}}, 0},
    [X86_HV_VPINDEX] = {{{FEATURES, EAX, 1 << 6}}, 0},
    [X86_HV_RUNTIME] = {{{FEATURES, EAX, 1 << 0}}, 0},
    [X86_HV_CRASH] = {{{FEATURES, EDX, 1 << 10}}, 0},
    [X86_HV_RESET] = {{{FEATURES, EAX, 1 << 7}}, 0},
    [X86_HV_TIME] = {{{FEATURES, EAX, 1 << 1 | 1 << 9}}, 0},
    [X86_HV_SYNIC] = {{{FEATURES, EAX, 1 << 2}}, 1u << X86_HV_VPINDEX},
    [X86_HV_STIMER] = {{{FEATURES, EAX, 1 << 3}}, 1u << X86_HV_SYNIC | 1u << X86_HV_TIME},
    [X86_HV_STIMER_DIRECT] = {{{FEATURES, EDX, 1 << 19}}, 1u << X86_HV_STIMER},
    [X86_HV_FREQUENCIES] = {{{FEATURES, EAX, 1 << 11}, {FEATURES, EDX, 1 << 8}}, 0},
    [X86_HV_REENLIGHTENMENT] = {{{FEATURES, EAX, 1 << 13}}, 0},
    [X86_HV_TLBFLUSH] = {{{HINTS, EAX, 1 << 2 | 1 << 11}}, 1u << X86_HV_VPINDEX},
    [X86_HV_TLBFLUSH_EXT] = {{{FEATURES, EDX, 1 << 14}}, 1u << X86_HV_TLBFLUSH},
    [X86_HV_IPI] = {{{HINTS, EAX, 1 << 10 | 1 << 11}}, 1u << X86_HV_VPINDEX},
    [X86_HV_AVIC] = {{{HINTS, EAX, 1 << 9}}, 0},
    [X86_HV_XMM_INPUT] = {{{FEATURES, EDX, 1 << 4}}, 0},
};

struct hv_buffer {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[HV_ENTRIES];
};

/* Of the kernel as a whole where it can be asked, else of a vCPU. */
static bool read_hv(struct kvm_vm *vm, struct hv_buffer *b)
{
    int fd = kvm_extension(vm, KVM_CAP_SYS_HYPERV_CPUID) ? vm->kvm_fd
             : kvm_extension(vm, KVM_CAP_HYPERV_CPUID)   ? vm->first_vcpu
                                                         : -1;

    *b = (struct hv_buffer){.head.nent = HV_ENTRIES};
    if (fd < 0 || kvm_ioctl(vm, fd, KVM_GET_SUPPORTED_HV_CPUID, (uintptr_t)b) < 0) {
        b->head.nent = 0;
        return false;
    }
    b->head.nent = MIN(b->head.nent, (uint32_t)HV_ENTRIES);
    return true;
}

static uint32_t hv_register(const struct hv_buffer *b, uint32_t function, unsigned reg)
{
    for (uint32_t i = 0; i < b->head.nent; i++)
        if (b->entries[i].function == function)
            return reg == EAX ? b->entries[i].eax : b->entries[i].edx;
    return 0;
}

static bool hv_offered(const struct kvm_vm *vm, const struct hv_buffer *b, unsigned which)
{
    /* The synthetic interrupt controller is a local APIC's in the kernel. */
    if (which == X86_HV_SYNIC &&
        (vm->m->irqchip == IRQCHIP_OFF || !kvm_extension(vm, KVM_CAP_HYPERV_SYNIC2)))
        return false;
    if (which == X86_HV_VAPIC && vm->m->irqchip == IRQCHIP_OFF)
        return false;
    for (unsigned n = 0; n < ARRAY_SIZE(enlightenments[which].bits); n++) {
        const struct bits *bits = &enlightenments[which].bits[n];
        if (bits->mask & ~hv_register(b, bits->leaf, bits->reg))
            return false;
    }
    return true;
}

static bool has_all(uint32_t hv, unsigned which)
{
    return !(enlightenments[which].needs & ~hv);
}

/* What the model's list comes to: all that there is, or what was asked for by name. */
static bool choose_hv(struct kvm_vm *vm, struct x86_paravirt *pv, const struct hv_buffer *b,
                      struct vemu_error **errp)
{
    for (unsigned i = 0; i < X86_HV_COUNT && pv->hv_passthrough; i++)
        if (i != X86_HV_SPINLOCKS && hv_offered(vm, b, i))
            pv->hv |= 1u << i;
    for (unsigned i = 0; i < X86_HV_COUNT; i++) {
        if (!(pv->hv >> i & 1) || (hv_offered(vm, b, i) && has_all(pv->hv, i)))
            continue;
        if (pv->hv_passthrough) {
            pv->hv &= ~(1u << i); /* one that it needs is not there */
            continue;
        }
        if (!hv_offered(vm, b, i))
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             "-cpu: %s: this kernel's KVM does not offer it%s", x86_hv_name(i),
                             vm->m->irqchip == IRQCHIP_OFF ? " with kernel-irqchip=off" : "");
        uint32_t missing = enlightenments[i].needs & ~pv->hv;
        return error_set(errp, VEMU_ERROR_INVALID, "-cpu: %s needs %s", x86_hv_name(i),
                         x86_hv_name((unsigned)__builtin_ctz(missing)));
    }
    return true;
}

bool kvm_x86_paravirt_check(struct kvm_vm *vm, struct x86_cpu_model *model,
                            struct vemu_error **errp)
{
    struct x86_paravirt *pv = &model->paravirt;
    struct hv_buffer b;

    if (!check_kvm(vm, pv, errp))
        return false;
    if (!pv->hv && !pv->hv_passthrough)
        return true;
    if (!read_hv(vm, &b) && !pv->hv_passthrough)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "-cpu: hv-*: this kernel's KVM has nothing of Hyper-V "
                         "(KVM_CAP_HYPERV_CPUID)");
    return choose_hv(vm, pv, &b, errp);
}

/* The registers that the chosen ones are. */
static uint32_t chosen(const struct x86_paravirt *pv, uint32_t function, unsigned reg)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < X86_HV_COUNT; i++)
        for (unsigned n = 0; n < ARRAY_SIZE(enlightenments[i].bits) && pv->hv >> i & 1; n++)
            if (enlightenments[i].bits[n].leaf == function && enlightenments[i].bits[n].reg == reg)
                value |= enlightenments[i].bits[n].mask;
    return value;
}

static unsigned add_hv(struct kvm_cpuid_entry2 *e, const struct x86_cpu_model *model)
{
    const struct x86_paravirt *pv = &model->paravirt;
    uint32_t vendor[3] = {0};

    memcpy(vendor, pv->hv_vendor[0] ? pv->hv_vendor : "Microsoft Hv", 12);
    e[0] = leaf(BASE, LIMITS, vendor[0], vendor[1], vendor[2]);
    e[1] = leaf(BASE + 1, 0x31237648 /* "Hv#1" */, 0, 0, 0);
    e[2] = leaf(BASE + 2, VERSION_BUILD, VERSION_MAJOR << 16, 0, 0);
    e[3] =
        leaf(FEATURES, chosen(pv, FEATURES, EAX) | HYPERCALL_MSRS, 0, 0, chosen(pv, FEATURES, EDX));
    e[4] = leaf(HINTS, chosen(pv, HINTS, EAX),
                pv->hv >> X86_HV_SPINLOCKS & 1 ? pv->hv_retries : X86_HV_SPINLOCKS_NEVER, 0, 0);
    e[5] = leaf(LIMITS, MAX(model->smp_total, (uint32_t)VCPUS_LEAST), 0, 0, 0);
    return 6;
}

unsigned kvm_x86_paravirt_leaves(const struct kvm_cpu *k, struct kvm_cpuid_entry2 *e)
{
    const struct x86_cpu_model *model = k->cpu->model;
    unsigned n = model->paravirt.hv ? add_hv(e, model) : 0;

    if (!model->hide_accel)
        n += add_kvm(e + n, k->vm, &model->paravirt, n ? BASE + NEXT : BASE);
    return n;
}

/* ---- a vCPU -----------------------------------------------------------------------------------
 */

static bool enable(const struct kvm_cpu *k, uint32_t capability, uint64_t argument)
{
    struct kvm_enable_cap cap = {.cap = capability, .args[0] = argument};

    return kvm_vcpu_ioctl(k, KVM_ENABLE_CAP, &cap) >= 0;
}

static void cannot(const struct kvm_cpu *k, const char *name)
{
    if (k->cpu->index == 0)
        log_msg(&k->vm->m->log, LOG_WARN,
                "-cpu: %s: this kernel does not have it: what is not offered may work all the same",
                name);
}

bool kvm_x86_paravirt_enable(const struct kvm_cpu *k, struct vemu_error **errp)
{
    enum { VP_INDEX = 0x40000002 };
    const struct x86_paravirt *pv = &((const struct x86_cpu_model *)k->cpu->model)->paravirt;
    uint64_t index = k->cpu->index;

    if (pv->kvm_enforce && !enable(k, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1))
        cannot(k, "kvm-pv-enforce-cpuid");
    if (pv->hv_enforce && pv->hv && !enable(k, KVM_CAP_HYPERV_ENFORCE_CPUID, 1))
        cannot(k, "hv-enforce-cpuid");
    if (pv->hv >> X86_HV_SYNIC & 1 && !enable(k, KVM_CAP_HYPERV_SYNIC2, 0))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED, "vCPU %u: kvm does not switch hv-synic on",
                         k->cpu->index);
    /* A kernel that cannot be told counts from 0 as we do. */
    if (pv->hv >> X86_HV_VPINDEX & 1)
        kvm_x86_one_msr(k, KVM_SET_MSRS, VP_INDEX, &index);
    return true;
}

/* Messages and events for which nobody is here (section 5, KVM_EXIT_HYPERV). */
void kvm_x86_hyperv_exit(struct kvm_cpu *k)
{
    enum { STATUS_INVALID_HYPERCALL_CODE = 2 };

    if (k->run->hyperv.type == KVM_EXIT_HYPERV_HCALL)
        k->run->hyperv.u.hcall.result = STATUS_INVALID_HYPERCALL_CODE;
}
