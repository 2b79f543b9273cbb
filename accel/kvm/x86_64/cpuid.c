/*
 * CPU models under KVM: what a guest's processor can be is what the kernel offers (sections 4.46
 * KVM_GET_SUPPORTED_CPUID, 4.20 KVM_SET_CPUID2), and how fast its TSC runs (sections 4.55, 4.56).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/cpu/x86.h"
#include "core/util/log.h"

enum { SUPPORTED_FIRST = 100, SUPPORTED_MOST = 4096 };
enum { X2APIC = 1 << 21, TSC_DEADLINE = 1 << 24, HYPERVISOR = 1 << 31 };

static const struct {
    uint32_t leaf, subleaf;
    uint8_t reg; /* EAX, EBX, ECX, EDX */
} words_of[X86_FEAT_WORDS] = {
    [X86_FEAT_1_EDX] = {1, 0, 3},
    [X86_FEAT_1_ECX] = {1, 0, 2},
    [X86_FEAT_7_EBX] = {7, 0, 1},
    [X86_FEAT_7_ECX] = {7, 0, 2},
    [X86_FEAT_7_EDX] = {7, 0, 3},
    [X86_FEAT_7_1_EAX] = {7, 1, 0},
    [X86_FEAT_D_1_EAX] = {0xd, 1, 0},
    [X86_FEAT_8000_0001_EDX] = {0x80000001, 0, 3},
    [X86_FEAT_8000_0001_ECX] = {0x80000001, 0, 2},
    [X86_FEAT_8000_0007_EDX] = {0x80000007, 0, 3},
    [X86_FEAT_8000_0008_EBX] = {0x80000008, 0, 1},
    [X86_FEAT_6_EAX] = {6, 0, 0},
};

/* ---- what there is --------------------------------------------------------------------------- */

bool kvm_x86_cpuid_read(struct kvm_vm *vm, struct vemu_error **errp)
{
    struct kvm_x86 *x = kvm_x86_of(vm);
    int r = -E2BIG;

    for (uint32_t n = SUPPORTED_FIRST; r == -E2BIG && n <= SUPPORTED_MOST; n *= 2) {
        free(x->supported);
        x->supported = calloc(1, sizeof *x->supported + n * sizeof x->supported->entries[0]);
        if (!x->supported)
            return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        x->supported->nent = n;
        r = kvm_ioctl(vm, vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, (uintptr_t)x->supported);
    }
    return r >= 0 || error_set_errno(errp, -r, "kvm: this kernel does not tell its CPUID");
}

static const struct kvm_cpuid_entry2 *find(const struct kvm_x86 *x, uint32_t leaf, uint32_t sub)
{
    for (uint32_t i = 0; i < x->supported->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &x->supported->entries[i];
        if (e->function == leaf && e->index == sub)
            return e;
    }
    return NULL;
}

const struct kvm_cpuid_entry2 *kvm_x86_supported(const struct kvm_vm *vm, uint32_t leaf,
                                                 uint32_t subleaf)
{
    return find(kvm_x86_of(vm), leaf, subleaf);
}

static uint32_t supported_register(const struct kvm_x86 *x, unsigned word)
{
    const struct kvm_cpuid_entry2 *e = find(x, words_of[word].leaf, words_of[word].subleaf);

    if (!e)
        return 0;
    const uint32_t regs[4] = {e->eax, e->ebx, e->ecx, e->edx};
    return regs[words_of[word].reg];
}

void kvm_x86_features(struct vemu_machine *m, uint32_t *words)
{
    const struct kvm_x86 *x = kvm_x86_of(kvm_vm_of(m));

    for (unsigned w = 0; w < X86_FEAT_WORDS; w++)
        words[w] = supported_register(x, w);
    /* A local APIC in this process has neither its registers as MSRs nor a deadline timer; what the
     * kernel's has of the latter is told apart (section 4.46). The guest is told that it is one in
     * any case. */
    words[X86_FEAT_1_ECX] &= ~(uint32_t)TSC_DEADLINE;
    if (m->irqchip == IRQCHIP_OFF)
        words[X86_FEAT_1_ECX] &= ~(uint32_t)X2APIC;
    else if (kvm_extension(kvm_vm_of(m), KVM_CAP_TSC_DEADLINE_TIMER))
        words[X86_FEAT_1_ECX] |= TSC_DEADLINE;
    words[X86_FEAT_1_ECX] |= (uint32_t)HYPERVISOR;
}

/* A feature without whose place in the area its state could not be kept. */
static void drop_features(struct x86_cpu_model *model, unsigned component)
{
    enum { PKU = 1 << 3 };
    static const uint32_t avx512_ebx = 0xd0230000, avx512_ecx = 0x5842;

    if (component == 9) {
        model->features[X86_FEAT_7_ECX] &= ~(uint32_t)PKU;
        return;
    }
    model->features[X86_FEAT_7_EBX] &= ~avx512_ebx;
    model->features[X86_FEAT_7_ECX] &= ~avx512_ecx;
    model->features[X86_FEAT_7_EDX] &= ~(uint32_t)(1 << 8 | 1 << 23);
    model->features[X86_FEAT_7_1_EAX] &= ~(uint32_t)(1 << 5);
}

/* Where the host's processor has components of the XSAVE area, which the guest's XSAVE is. */
static void place_xsave(struct kvm_x86 *x, struct x86_cpu_model *model)
{
    enum { FIRST = 5, AREA_SIZE = sizeof(struct kvm_xsave) };

    memset(x->xsave_offset, 0, sizeof x->xsave_offset);
    for (unsigned n = FIRST; n < X86_XSAVE_COMPONENTS; n++) {
        const struct kvm_cpuid_entry2 *e = find(x, 0xd, n);
        unsigned size = x86_xsave_size(n);
        if (!size)
            continue;
        if (e && e->eax == size && e->ebx >= X86_XSAVE_HEADER_END && e->ebx <= AREA_SIZE - size)
            model->xsave_offset[n] = x->xsave_offset[n] = (uint16_t)e->ebx;
        else
            drop_features(model, n);
    }
}

/* The TSC's own speed unless -cpu names one (tsc-frequency), which the host must then be able to
 * make. */
bool kvm_x86_model(struct vemu_machine *m, struct x86_cpu_model *model, struct vemu_error **errp)
{
    struct kvm_vm *vm = kvm_vm_of(m);

    place_xsave(kvm_x86_of(vm), model);
    if (vm->first_vcpu < 0)
        vm->first_vcpu = kvm_ioctl(vm, vm->fd, KVM_CREATE_VCPU, 0);
    if (vm->first_vcpu < 0)
        return error_set_errno(errp, -vm->first_vcpu, "vCPU 0: kvm cannot make it");
    int khz = vm->has_tsc_khz ? kvm_ioctl(vm, vm->first_vcpu, KVM_GET_TSC_KHZ, 0) : 0;
    if (khz > 0 && !model->tsc_asked)
        model->tsc_hz = (uint64_t)khz * 1000;
    return kvm_x86_paravirt_check(vm, model, errp);
}

/* ---- what a vCPU gets ------------------------------------------------------------------------ */

struct cpuid_buffer {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[KVM_X86_CPUID_MAX];
};

static bool add(struct cpuid_buffer *b, const struct vcpu *cpu, uint32_t leaf, uint32_t sub,
                bool indexed, uint32_t out[4])
{
    x86_cpuid(cpu->model, cpu->regs, cpu->apic_id, leaf, sub, out);
    if (b->head.nent == KVM_X86_CPUID_MAX)
        return false;
    b->entries[b->head.nent++] =
        (struct kvm_cpuid_entry2){.function = leaf,
                                  .index = sub,
                                  .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
                                  .eax = out[0],
                                  .ebx = out[1],
                                  .ecx = out[2],
                                  .edx = out[3]};
    return true;
}

/* All subleaves of a leaf that has them. */
static bool add_leaf(struct cpuid_buffer *b, const struct vcpu *cpu, uint32_t leaf)
{
    enum { XSAVE_COMPONENTS = 64, SUBLEAVES_MAX = 8 };
    uint32_t out[4];

    switch (leaf) {
    case 4:
    case 0xb:
        for (uint32_t sub = 0; sub < SUBLEAVES_MAX; sub++) {
            if (!add(b, cpu, leaf, sub, true, out))
                return false;
            if (leaf == 4 ? !(out[0] & 0x1f) : !(out[2] >> 8 & 0xff))
                break;
        }
        return true;
    case 7:
        return add(b, cpu, leaf, 0, true, out) && (!out[0] || add(b, cpu, leaf, 1, true, out));
    case 0xd:
        for (uint32_t sub = 0; sub < XSAVE_COMPONENTS; sub++) {
            if (!add(b, cpu, leaf, sub, true, out))
                return false;
            if (sub > 1 && !(out[0] | out[1] | out[2] | out[3]))
                b->head.nent--;
        }
        return true;
    default:
        return add(b, cpu, leaf, 0, false, out);
    }
}

static bool add_paravirtual(struct cpuid_buffer *b, const struct kvm_cpu *k)
{
    if (b->head.nent + KVM_X86_PARAVIRT_LEAVES > KVM_X86_CPUID_MAX)
        return false;
    b->head.nent += kvm_x86_paravirt_leaves(k, &b->entries[b->head.nent]);
    return true;
}

/* Sections 4.55 KVM_SET_TSC_KHZ and 4.56; a kernel that says KVM_CAP_TSC_CONTROL has the processor
 * scale it, others may only have guests catch up. */
bool kvm_x86_scale_tsc(struct vcpu *cpu, uint64_t hz)
{
    const struct kvm_cpu *k = kvm_cpu_of(cpu);

    return hz / 1000 <= INT32_MAX && kvm_extension(k->vm, KVM_CAP_TSC_CONTROL) &&
           kvm_ioctl(k->vm, k->fd, KVM_SET_TSC_KHZ, hz / 1000) >= 0;
}

static bool set_tsc(struct kvm_cpu *k, struct vemu_error **errp)
{
    const struct x86_cpu_model *model = k->cpu->model;
    uint64_t khz = model->tsc_hz / 1000;

    if (!model->tsc_asked)
        return true;
    int now = k->vm->has_tsc_khz ? kvm_vcpu_ioctl(k, KVM_GET_TSC_KHZ, NULL) : 0;
    if (now > 0 && (uint64_t)now == khz)
        return true;
    int r = kvm_ioctl(k->vm, k->fd, KVM_SET_TSC_KHZ, khz);
    return r >= 0 ||
           error_set(
               errp, VEMU_ERROR_UNSUPPORTED,
               "-cpu: tsc-frequency=%llu: this host's TSC runs at %d kHz and cannot be scaled",
               (unsigned long long)model->tsc_hz, now);
}

bool kvm_x86_cpuid_write(struct kvm_cpu *k, struct vemu_error **errp)
{
    const struct x86_cpu_model *model = k->cpu->model;
    struct cpuid_buffer b = {0};
    bool room = true;

    if (!model) /* a vCPU of a test */
        return true;
    for (uint32_t leaf = 0; leaf <= model->level; leaf++)
        room = room && add_leaf(&b, k->cpu, leaf);
    for (uint32_t leaf = 0x80000000; model->xlevel && leaf <= model->xlevel; leaf++)
        room = room && add_leaf(&b, k->cpu, leaf);
    room = room && add_paravirtual(&b, k);
    if (!room)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED, "vCPU %u: its CPUID has too many leaves",
                         k->cpu->index);
    int r = kvm_vcpu_ioctl(k, KVM_SET_CPUID2, &b);
    if (r < 0)
        return error_set_errno(errp, -r, "vCPU %u: kvm does not take its CPUID", k->cpu->index);
    return kvm_x86_paravirt_enable(k, errp) && set_tsc(k, errp);
}
