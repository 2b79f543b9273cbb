/*
 * The dirty log as a ring for each vCPU (section 8.29, KVM_CAP_DIRTY_LOG_RING): the kernel puts the
 * number of each page that the vCPU is the first to store to; what was taken is given back, and
 * KVM_RESET_DIRTY_RINGS has stores to those pages noted anew, before anybody reads what is in them.
 * It takes the place of the log by bitmaps. Machine lock held.
 */
#include "accel/kvm/internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/memory/dirty.h"
#include "core/util/range.h"

/* With the options set, and before there is a vCPU. */
bool kvm_dirty_ring_init(struct kvm_vm *vm, struct vemu_error **errp)
{
    size_t bytes = vm->dirty_entries * sizeof(struct kvm_dirty_gfn);
    struct kvm_enable_cap cap = {.cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL, .args[0] = bytes};

    if (!vm->dirty_entries)
        return true;
    int most = kvm_extension(vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL);
    if (!most) {
        cap.cap = KVM_CAP_DIRTY_LOG_RING;
        most = kvm_extension(vm, KVM_CAP_DIRTY_LOG_RING);
    }
    kvm_lacks(vm, most, "KVM_CAP_DIRTY_LOG_RING",
              "dirty-ring-size= is without effect, and written pages are found by bitmaps");
    if (!most) {
        vm->dirty_entries = 0;
        return true;
    }
    if (bytes > (size_t)most)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "-accel kvm: dirty-ring-size=%u is more than this kernel's %zu",
                         vm->dirty_entries, (size_t)most / sizeof(struct kvm_dirty_gfn));
    int r = kvm_ioctl(vm, vm->fd, KVM_ENABLE_CAP, (uintptr_t)&cap);
    return r >= 0 || error_set_errno(errp, -r, "-accel kvm: dirty-ring-size=%u is refused",
                                     vm->dirty_entries);
}

bool kvm_dirty_ring_map(struct kvm_cpu *k)
{
    const struct kvm_vm *vm = k->vm;

    if (!vm->dirty_entries)
        return true;
    k->dirty = vm->host->map(vm->host->opaque, k->fd,
                             (size_t)KVM_DIRTY_LOG_PAGE_OFFSET * (size_t)sysconf(_SC_PAGESIZE),
                             vm->dirty_entries * sizeof *k->dirty);
    return k->dirty != NULL;
}

void kvm_dirty_ring_unmap(struct kvm_cpu *k)
{
    const struct kvm_vm *vm = k->vm;

    if (k->dirty)
        vm->host->unmap(vm->host->opaque, k->dirty, vm->dirty_entries * sizeof *k->dirty);
    k->dirty = NULL;
}

static void mark(const struct kvm_vm *vm, uint32_t id, uint64_t page)
{
    for (unsigned as = 0; as < KVM_SPACES; as++) {
        for (unsigned n = 0; n < vm->slots[as].count; n++) {
            const struct kvm_slot *slot = &vm->slots[as].list[n];
            if (slot->id == id && page < slot->size >> MEM_PAGE_BITS)
                ram_block_mark_dirty(slot->block, slot->offset + (page << MEM_PAGE_BITS),
                                     MEM_PAGE_SIZE);
        }
    }
}

/* The entries of one ring, in order. */
static unsigned collect(struct kvm_cpu *k)
{
    const struct kvm_vm *vm = k->vm;
    unsigned taken = 0;

    while (k->dirty && taken < vm->dirty_entries) {
        struct kvm_dirty_gfn *e = &k->dirty[k->dirty_next % vm->dirty_entries];
        if (!(__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY))
            break;
        mark(vm, e->slot, e->offset);
        __atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
        k->dirty_next++;
        taken++;
    }
    return taken;
}

void kvm_dirty_ring_collect(const struct kvm_vm *vm)
{
    const struct vemu_machine *m = vm->m;
    unsigned taken = 0;

    for (unsigned i = 0; i < m->vcpu_count; i++)
        taken += kvm_cpu_of(m->vcpus[i]) ? collect(kvm_cpu_of(m->vcpus[i])) : 0;
    if (taken)
        kvm_ioctl(vm, vm->fd, KVM_RESET_DIRTY_RINGS, 0);
}
