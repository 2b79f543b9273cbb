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

enum { AS_SHIFT = 16, ID_MASK = 0xffff };

static bool take_id(const struct kvm_vm *vm, struct kvm_slots *s, uint32_t *id)
{
    for (uint32_t word = 0; word * 64 < vm->max_slots; word++) {
        if (s->ids[word] == UINT64_MAX)
            continue;
        uint32_t n = word * 64 + (uint32_t)__builtin_ctzll(~s->ids[word]);
        if (n >= vm->max_slots)
            return false;
        s->ids[word] |= UINT64_C(1) << n % 64;
        *id = s->as << AS_SHIFT | n;
        return true;
    }
    return false;
}

static void give_id(struct kvm_slots *s, uint32_t id)
{
    s->ids[(id & ID_MASK) / 64] &= ~(UINT64_C(1) << id % 64);
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
static void drop(struct kvm_vm *vm, struct kvm_slots *s, const struct kvm_slot *slot)
{
    if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
        kvm_dirty_collect(vm, slot);
    set_slot(vm, slot, 0);
    give_id(s, slot->id);
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
static bool match(struct kvm_slots *s, struct kvm_slot *now, unsigned count)
{
    unsigned kept = 0, i = 0;

    for (unsigned n = 0; n < s->count; n++)
        s->list[n].keep = false;
    for (unsigned n = 0; n < count; n++) {
        while (i < s->count && s->list[i].start < now[n].start)
            i++;
        if (i < s->count && same(&s->list[i], &now[n])) {
            s->list[i].keep = now[n].keep = true;
            now[n].id = s->list[i].id;
            kept++;
        }
    }
    return kept == count && kept == s->count;
}

void kvm_slots_changed(void *opaque, struct mem_space *space)
{
    struct kvm_vm *vm = opaque;
    bool smm = space == vm->m->smm_memory;
    struct kvm_slots *s = &vm->slots[smm ? KVM_SPACE_SMM : KVM_SPACE_USUAL];
    unsigned token, count, made = 0;

    if (smm && !vm->has_smm)
        return;
    struct kvm_slot *now = wanted(vm, mem_view_enter(space, &token), &count);

    mem_view_leave(space, token);
    if (!now) {
        say_short(vm, "out of memory");
        return;
    }
    if (match(s, now, count)) {
        free(now);
        return;
    }
    kvm_gate_close(vm);
    for (unsigned i = 0; i < s->count; i++)
        if (!s->list[i].keep)
            drop(vm, s, &s->list[i]);
    for (unsigned i = 0; i < count; i++) {
        if (!now[i].keep) {
            if (!take_id(vm, s, &now[i].id)) {
                say_short(vm, "this kernel has no more memory slots");
                continue;
            }
            if (set_slot(vm, &now[i], now[i].size) < 0) {
                give_id(s, now[i].id);
                say_short(vm, "this kernel does not take a memory slot");
                continue;
            }
        }
        now[made++] = now[i];
    }
    kvm_gate_open(vm);
    free(s->list);
    s->list = now;
    s->count = made;
}

bool kvm_slots_init(struct kvm_vm *vm)
{
    bool ok = true;

    for (unsigned as = 0; as < KVM_SPACES; as++) {
        vm->slots[as].as = as;
        vm->slots[as].ids = calloc((vm->max_slots + 63) / 64, sizeof(uint64_t));
        ok = ok && vm->slots[as].ids;
    }
    return ok;
}

void kvm_slots_free(struct kvm_vm *vm)
{
    for (unsigned as = 0; as < KVM_SPACES; as++) {
        free(vm->slots[as].list);
        free(vm->slots[as].ids);
        vm->slots[as] = (struct kvm_slots){0};
    }
}
