/*
 * The kernel's dirty log behind core/memory/dirty.h (sections 4.8 KVM_GET_DIRTY_LOG, and 4.35 for
 * KVM_MEM_LOG_DIRTY_PAGES). Reading it makes the pages clean there, so that the next store to each
 * is noted anew: nothing has to be armed. Machine lock held.
 */
#include "accel/kvm/internal.h"

#include <stdlib.h>

#include "core/memory/dirty.h"
#include "core/util/range.h"

void kvm_dirty_collect(const struct kvm_vm *vm, const struct kvm_slot *slot)
{
    if (vm->dirty_entries) {
        kvm_dirty_ring_collect(vm);
        return;
    }
    uint64_t pages = slot->size >> MEM_PAGE_BITS;
    uint64_t *map = calloc((pages + 63) / 64, sizeof *map);
    struct kvm_dirty_log log = {.slot = slot->id, .dirty_bitmap = map};

    if (!map || kvm_ioctl(vm, vm->fd, KVM_GET_DIRTY_LOG, (uintptr_t)&log) < 0) {
        /* What is not known may be anything. */
        ram_block_mark_dirty(slot->block, slot->offset, slot->size);
        free(map);
        return;
    }
    for (uint64_t n = 0; n < pages; n++) {
        if (!map[n / 64]) {
            n |= 63;
            continue;
        }
        if (map[n / 64] >> n % 64 & 1)
            ram_block_mark_dirty(slot->block, slot->offset + (n << MEM_PAGE_BITS), MEM_PAGE_SIZE);
    }
    free(map);
}

static void sync(void *opaque, struct ram_block *block, uint64_t first, uint64_t count)
{
    const struct kvm_vm *vm = opaque;

    if (vm->dirty_entries) {
        kvm_dirty_ring_collect(vm);
        return;
    }
    for (unsigned as = 0; as < KVM_SPACES; as++) {
        for (unsigned n = 0; n < vm->slots[as].count; n++) {
            const struct kvm_slot *slot = &vm->slots[as].list[n];
            if (slot->block == block && slot->flags & KVM_MEM_LOG_DIRTY_PAGES &&
                range_overlaps(slot->offset, slot->size, first << MEM_PAGE_BITS,
                               count << MEM_PAGE_BITS))
                kvm_dirty_collect(vm, slot);
        }
    }
}

static void changed(void *opaque, struct ram_block *block)
{
    struct kvm_vm *vm = opaque;

    for (unsigned as = 0; as < KVM_SPACES; as++)
        for (unsigned n = 0; n < vm->slots[as].count; n++)
            if (vm->slots[as].list[n].block == block)
                kvm_slot_log(vm, &vm->slots[as].list[n]);
}

const struct ram_dirty_ops kvm_dirty_ops = {.changed = changed, .sync = sync};
