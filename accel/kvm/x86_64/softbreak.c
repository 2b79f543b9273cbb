/*
 * Breakpoints for which there are no debug registers left: INT3 in the guest's memory (section
 * 4.87, KVM_GUESTDBG_USE_SW_BP), there while vCPUs run and at no other time, so that nobody else
 * sees it: a debugger, a saved state. An INT3 of the guest's own comes as the same exit and is
 * given back to it.
 */
#include <stdlib.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/cpu/debug.h"
#include "core/memory/memory.h"
#include "core/util/log.h"

enum { INT3 = 0xcc };

struct kvm_x86_soft {
    uint64_t paddr; /* page tables may change until it is taken out */
    uint8_t was;
};

/* As vCPU 0 sees memory: what a kernel has at an address it has there for all. */
static struct vcpu *viewer(const struct kvm_vm *vm)
{
    return vm->m->vcpu_count ? vm->m->vcpus[0] : NULL;
}

static bool read_byte(struct vcpu *cpu, uint64_t paddr, uint8_t *byte)
{
    return dma_read(vcpu_memory(cpu), NULL, paddr, byte, 1) == MEM_OK;
}

bool kvm_x86_soft_possible(const struct kvm_vm *vm, uint64_t addr)
{
    struct vcpu *cpu = viewer(vm);
    /* The set of flags; a kernel that cannot be asked has this one. */
    int flags = kvm_extension(vm, KVM_CAP_SET_GUEST_DEBUG2);
    uint64_t paddr;
    uint8_t byte;

    return cpu && (!flags || flags & KVM_GUESTDBG_USE_SW_BP) &&
           cpu_debug_translate(cpu, addr, &paddr) && read_byte(cpu, paddr, &byte);
}

static bool insert(struct vcpu *cpu, uint64_t addr, struct kvm_x86_soft *s)
{
    static const uint8_t int3 = INT3;

    return cpu_debug_translate(cpu, addr, &s->paddr) && read_byte(cpu, s->paddr, &s->was) &&
           cpu_debug_write_physical(cpu, s->paddr, &int3, 1);
}

void kvm_x86_soft_insert(struct kvm_vm *vm)
{
    struct kvm_x86 *x = kvm_x86_of(vm);
    struct vcpu *cpu = viewer(vm);

    if (!cpu || x->soft_count)
        return;
    free(x->soft);
    x->soft = calloc(cpu->breakpoint_count + 1, sizeof *x->soft);
    for (unsigned i = 0; x->soft && i < cpu->breakpoint_count; i++) {
        if (!kvm_x86_is_soft(cpu, i))
            continue;
        if (insert(cpu, cpu->breakpoints[i].addr, &x->soft[x->soft_count]))
            x->soft_count++;
        else
            log_msg(&vm->m->log, LOG_WARN,
                    "kvm: no breakpoint at 0x%llx, where there is no memory at present",
                    (unsigned long long)cpu->breakpoints[i].addr);
    }
}

/* The last one first, should two be at one place. What the guest has written over one stays. */
void kvm_x86_soft_remove(struct kvm_vm *vm)
{
    struct kvm_x86 *x = kvm_x86_of(vm);
    struct vcpu *cpu = viewer(vm);

    while (cpu && x->soft_count) {
        const struct kvm_x86_soft *s = &x->soft[--x->soft_count];
        uint8_t is;
        if (read_byte(cpu, s->paddr, &is) && is == INT3)
            cpu_debug_write_physical(cpu, s->paddr, &s->was, 1);
    }
}
