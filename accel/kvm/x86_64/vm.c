/* A machine of x86 vCPUs: what KVM wants once, and the state as a whole. */
#include <stdlib.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/routes.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/cpu/x86.h"

/* Four pages below firmware and above every device, for processors that cannot run real mode by
 * themselves (sections 4.36 and 4.40). */
#define IDENTITY_MAP UINT64_C(0xfeffc000)
#define TSS_ADDRESS (IDENTITY_MAP + 0x1000)

struct kvm_x86 *kvm_x86_of(const struct kvm_vm *vm)
{
    return vm->arch;
}

unsigned long kvm_arch_vm_type(const struct kvm_vm *vm)
{
    (void)vm;
    return 0;
}

bool kvm_arch_vm_init(struct kvm_vm *vm, struct vemu_error **errp)
{
    uint64_t identity = IDENTITY_MAP;

    vm->arch = calloc(1, sizeof(struct kvm_x86));
    if (!vm->arch)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    if (kvm_extension(vm, KVM_CAP_SET_IDENTITY_MAP_ADDR))
        kvm_ioctl(vm, vm->fd, KVM_SET_IDENTITY_MAP_ADDR, (uintptr_t)&identity);
    if (kvm_extension(vm, KVM_CAP_SET_TSS_ADDR))
        kvm_ioctl(vm, vm->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS);
    vm->has_events = kvm_extension(vm, KVM_CAP_VCPU_EVENTS);
    vm->has_debugregs = kvm_extension(vm, KVM_CAP_DEBUGREGS);
    vm->has_xsave = kvm_extension(vm, KVM_CAP_XSAVE);
    vm->has_xcrs = kvm_extension(vm, KVM_CAP_XCRS);
    vm->has_tsc_khz = kvm_extension(vm, KVM_CAP_GET_TSC_KHZ);
    vm->has_clock = kvm_extension(vm, KVM_CAP_ADJUST_CLOCK);
    vm->has_clock_ctrl = kvm_extension(vm, KVM_CAP_KVMCLOCK_CTRL);
    vm->has_nmi = kvm_extension(vm, KVM_CAP_USER_NMI);
    /* Of its own use are memory and events alone that are kept with it. */
    vm->has_smm = vm->has_events && kvm_extension(vm, KVM_CAP_X86_SMM) &&
                  kvm_extension(vm, KVM_CAP_MULTI_ADDRESS_SPACE) >= KVM_SPACES;
    kvm_lacks(vm, vm->has_events, "KVM_CAP_VCPU_EVENTS",
              "a machine that is paused may lose an event that is being delivered");
    kvm_lacks(vm, vm->has_clock, "KVM_CAP_ADJUST_CLOCK", "guests are not offered its clock");
    kvm_x86_list_msrs(vm);
    return kvm_x86_cpuid_read(vm, errp);
}

void kvm_arch_vm_destroy(struct kvm_vm *vm)
{
    struct kvm_x86 *x = vm->arch;

    kvm_routes_free(vm);
    free(x->supported);
    free(x->soft);
    free(x);
    vm->arch = NULL;
}

bool kvm_arch_vcpu_init(struct kvm_cpu *k, struct vemu_error **errp)
{
    struct x86_regs *r = aligned_alloc(64, (sizeof *r + 63) / 64 * 64);

    if (!r)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "vCPU %u: out of memory", k->cpu->index);
    *r = (struct x86_regs){0};
    k->cpu->regs = r;
    return kvm_x86_cpuid_write(k, errp);
}

void kvm_arch_vcpu_destroy(struct kvm_cpu *k)
{
    free(k->cpu->regs);
    k->cpu->regs = NULL;
}

/* KVM's clock belongs to the machine and goes on while it is paused (sections 4.29 KVM_GET_CLOCK,
 * 4.30): it is kept against the virtual clock, which does not, with the first vCPU's registers. */
static void get_clock(struct kvm_cpu *k, struct x86_regs *r)
{
    struct kvm_clock_data now;

    if (k->cpu->index == 0 && k->vm->has_clock &&
        kvm_ioctl(k->vm, k->vm->fd, KVM_GET_CLOCK, (uintptr_t)&now) >= 0)
        r->kvm_clock_offset =
            (int64_t)(now.clock - (uint64_t)clock_now(k->vm->m->clocks, VCLOCK_VIRTUAL));
}

void kvm_arch_after_pause(struct kvm_vm *vm)
{
    kvm_x86_soft_remove(vm);
    kvm_x86_pause_pit(vm);
}

void kvm_arch_before_resume(struct kvm_vm *vm)
{
    struct vemu_machine *m = vm->m;
    kvm_x86_soft_insert(vm);
    kvm_x86_resume_pit(vm);
    const struct x86_regs *r = m->vcpu_count ? m->vcpus[0]->regs : NULL;

    if (!vm->has_clock || !r || !kvm_cpu_of(m->vcpus[0])->synced)
        return;
    struct kvm_clock_data at = {.clock = (uint64_t)clock_now(m->clocks, VCLOCK_VIRTUAL) +
                                         (uint64_t)r->kvm_clock_offset};
    kvm_ioctl(vm, vm->fd, KVM_SET_CLOCK, (uintptr_t)&at);
    /* The guest's watchdog is told that it stood still (section 4.70); one that has no such clock
     * cannot be, which is an error of the call and none here. */
    for (unsigned i = 0; vm->has_clock_ctrl && i < m->vcpu_count; i++)
        kvm_vcpu_ioctl(kvm_cpu_of(m->vcpus[i]), KVM_KVMCLOCK_CTRL, NULL);
}

bool kvm_arch_get(struct kvm_cpu *k)
{
    struct x86_regs *r = k->cpu->regs;

    r->halted = k->halted;
    get_clock(k, r);
    if (kvm_lapic_in_kernel(k) && !kvm_x86_get_mp_state(k, r))
        return false;
    return kvm_x86_get_general(k, r) && kvm_x86_get_fpu(k, r) && kvm_x86_get_msrs(k, r) &&
           kvm_x86_get_events(k, r);
}

/* General registers first: the kernel looks at MSRs and events by the mode that they make. */
bool kvm_arch_put(struct kvm_cpu *k)
{
    struct x86_regs *r = k->cpu->regs;

    k->halted = r->halted;
    if (!kvm_x86_put_general(k, r) || !kvm_x86_put_fpu(k, r) || !kvm_x86_put_msrs(k, r) ||
        !kvm_x86_put_events(k, r))
        return false;
    if (!kvm_lapic_in_kernel(k))
        return true;
    k->halted = false; /* the kernel waits */
    kvm_x86_put_deadline(k);
    return kvm_x86_put_mp_state(k, r);
}
