/*
 * Memory slots that follow the flat view (section 4.35, KVM_SET_USER_MEMORY_REGION).
 *
 * What a view shows as RAM is a slot; ROM is a read-only one, whose writes come as MMIO exits, and
 * so does everything in pages that are shared with something else, or for which there are no slots
 * left: the accesses go through core/memory, which knows RAM as well, only slower. Slots whose
 * place and memory stay are not touched.
 */
#include "accel/kvm/internal.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory/dirty.h"
#include "core/memory/memory.h"
#include "core/util/log.h"

/* The part of a range that can be a slot. False: none. */
static bool slot_of(const struct kvm_vm *vm, const struct mem_range *range, struct kvm_slot *slot)
{
    const struct mem_region *r = range->region;
    const uint64_t mask = MEM_PAGE_SIZE - 1;

    if ((r->kind != MEM_RAM && r->kind != MEM_ROM) || !r->ram)
        return false;
    bool rom = r->kind == MEM_ROM || r->ram->read_only;
    if (rom && !vm->has_readonly)
        return false;
    uint64_t offset = r->ram_offset + range->region_offset;
    if ((offset ^ range->start) & mask)
        return false;
    uint64_t skip = -range->start & mask;
    if (range->size <= skip)
        return false;
    slot->start = range->start + skip;
    slot->size = (range->size - skip) & ~mask;
    slot->host = r->ram->host + offset + skip;
    slot->block = r->ram;
    slot->offset = offset + skip;
    slot->flags = rom ? KVM_MEM_READONLY : ram_block_logged(r->ram) ? KVM_MEM_LOG_DIRTY_PAGES : 0;
    return slot->size != 0;
}

static int set_slot(const struct kvm_vm *vm, const struct kvm_slot *slot, uint64_t size)
{
    struct kvm_userspace_memory_region region = {
        .slot = slot->id,
        .flags = slot->flags,
        .guest_phys_addr = slot->start,
        .memory_size = size,
        .userspace_addr = (uintptr_t)slot->host,
    };
    return kvm_ioctl(vm, vm->fd, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&region);
}

static bool same(const struct kvm_slot *a, const struct kvm_slot *b)
{
    return a->start == b->start && a->size == b->size && a->host == b->host && a->flags == b->flags;
}

static bool take_id(struct kvm_vm *vm, uint32_t *id)
{
    for (uint32_t word = 0; word * 64 < vm->max_slots; word++) {
        if (vm->slot_ids[word] == UINT64_MAX)
            continue;
        *id = word * 64 + (uint32_t)__builtin_ctzll(~vm->slot_ids[word]);
        if (*id >= vm->max_slots)
            return false;
        vm->slot_ids[word] |= UINT64_C(1) << *id % 64;
        return true;
    }
    return false;
}

void kvm_slot_log(const struct kvm_vm *vm, struct kvm_slot *slot)
{
    uint32_t was = slot->flags;

    if (slot->flags & KVM_MEM_READONLY)
        return;
    slot->flags = ram_block_logged(slot->block) ? KVM_MEM_LOG_DIRTY_PAGES : 0;
    if (slot->flags != was && set_slot(vm, slot, slot->size) < 0)
        slot->flags = was;
}

/* Nobody is in KVM_RUN, so what is in its log is all that there is. */
static void drop(struct kvm_vm *vm, const struct kvm_slot *slot)
{
    if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
        kvm_dirty_collect(vm, slot);
    set_slot(vm, slot, 0);
    vm->slot_ids[slot->id / 64] &= ~(UINT64_C(1) << slot->id % 64);
}

/* The slots that the view asks for, by address; *count of them. NULL: memory is short, or there are
 * none. */
static struct kvm_slot *wanted(const struct kvm_vm *vm, const struct mem_view *view,
                               unsigned *count)
{
    struct kvm_slot *list = calloc(view->count ? view->count : 1, sizeof *list);

    *count = 0;
    for (uint32_t i = 0; list && i < view->count; i++)
        if (slot_of(vm, &view->ranges[i], &list[*count]))
            (*count)++;
    return list;
}

static void say_short(struct kvm_vm *vm, const char *what)
{
    if (!vm->slots_short)
        log_msg(&vm->m->log, LOG_WARN, "kvm: %s: some of the guest's memory is slow now", what);
    vm->slots_short = true;
}

/* Marks the new slots that are there already, and the old ones that stay. True: all of both. */
static bool match(struct kvm_vm *vm, struct kvm_slot *now, unsigned count)
{
    unsigned kept = 0, i = 0;

    for (unsigned n = 0; n < vm->slot_count; n++)
        vm->slots[n].keep = false;
    for (unsigned n = 0; n < count; n++) {
        while (i < vm->slot_count && vm->slots[i].start < now[n].start)
            i++;
        if (i < vm->slot_count && same(&vm->slots[i], &now[n])) {
            vm->slots[i].keep = now[n].keep = true;
            now[n].id = vm->slots[i].id;
            kept++;
        }
    }
    return kept == count && kept == vm->slot_count;
}

void kvm_slots_changed(void *opaque, struct mem_space *space)
{
    struct kvm_vm *vm = opaque;
    unsigned token, count, made = 0;
    struct kvm_slot *now = wanted(vm, mem_view_enter(space, &token), &count);

    mem_view_leave(space, token);
    if (!now) {
        say_short(vm, "out of memory");
        return;
    }
    if (match(vm, now, count)) {
        free(now);
        return;
    }
    kvm_gate_close(vm);
    for (unsigned i = 0; i < vm->slot_count; i++)
        if (!vm->slots[i].keep)
            drop(vm, &vm->slots[i]);
    for (unsigned i = 0; i < count; i++) {
        if (!now[i].keep) {
            if (!take_id(vm, &now[i].id)) {
                say_short(vm, "this kernel has no more memory slots");
                continue;
            }
            if (set_slot(vm, &now[i], now[i].size) < 0) {
                vm->slot_ids[now[i].id / 64] &= ~(UINT64_C(1) << now[i].id % 64);
                say_short(vm, "this kernel does not take a memory slot");
                continue;
            }
        }
        now[made++] = now[i];
    }
    kvm_gate_open(vm);
    free(vm->slots);
    vm->slots = now;
    vm->slot_count = made;
}

void kvm_slots_free(struct kvm_vm *vm)
{
    free(vm->slots);
    free(vm->slot_ids);
    vm->slots = NULL;
    vm->slot_ids = NULL;
    vm->slot_count = 0;
}
