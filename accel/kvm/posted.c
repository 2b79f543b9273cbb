/*
 * Writes that the kernel gathers (section 4.116, KVM_(UN)REGISTER_COALESCED_MMIO): it puts them
 * into a ring, of all vCPUs one, and goes on with the guest. They reach their regions before
 * anything that a vCPU leaves the kernel for, and so in the guest's order. Machine lock held, but
 * for the look whether there are some.
 */
#include "accel/kvm/internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory/posted.h"
#include "core/util/range.h"

enum { ZONES_MAX = 32 };

void kvm_posted_init(struct kvm_vm *vm)
{
    int page = kvm_extension(vm, KVM_CAP_COALESCED_MMIO);
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);

    /* Whether the ring is in what a vCPU shares. */
    if (page <= 0 || (size_t)page >= vm->run_size / page_size)
        return;
    vm->ring_offset = (size_t)page * page_size;
    vm->ring_entries = (uint32_t)((page_size - sizeof(struct kvm_coalesced_mmio_ring)) /
                                  sizeof(struct kvm_coalesced_mmio));
    vm->posts_ports = kvm_extension(vm, KVM_CAP_COALESCED_PIO);
}

/* ---- where ------------------------------------------------------------------------------------
 */

static int zone_call(const struct kvm_vm *vm, const struct kvm_posted_zone *z, bool on)
{
    struct kvm_coalesced_mmio_zone zone = {
        .addr = z->addr, .size = (uint32_t)z->size, .pio = z->port};

    return kvm_ioctl(vm, vm->fd, on ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO,
                     (uintptr_t)&zone);
}

void kvm_posted_changed(void *opaque, struct mem_space *space)
{
    struct kvm_vm *vm = opaque;
    bool port = space == vm->m->io;
    struct mem_posted_place now[ZONES_MAX];
    unsigned kept = 0;

    if (!vm->ring_entries || space == vm->m->smm_memory || (port && !vm->posts_ports))
        return;
    unsigned count = MIN(mem_posted_find(space, now, ZONES_MAX), (unsigned)ZONES_MAX);
    if (!vm->zones && count)
        vm->zones = calloc(2 * ZONES_MAX, sizeof *vm->zones);
    for (unsigned i = 0; i < vm->zone_count; i++) {
        struct kvm_posted_zone *z = &vm->zones[i];
        bool keep = z->port != port;
        for (unsigned n = 0; n < count && !keep; n++) {
            keep = now[n].addr == z->addr && now[n].size == z->size;
            if (keep)
                now[n].size = 0; /* there already */
        }
        if (keep)
            vm->zones[kept++] = *z;
        else
            zone_call(vm, z, false);
    }
    vm->zone_count = kept;
    for (unsigned n = 0; vm->zones && n < count; n++) {
        struct kvm_posted_zone z = {.addr = now[n].addr, .size = now[n].size, .port = port};
        if (z.size && z.size <= UINT32_MAX && zone_call(vm, &z, true) >= 0)
            vm->zones[vm->zone_count++] = z;
    }
}

void kvm_posted_free(struct kvm_vm *vm)
{
    free(vm->zones);
    vm->zones = NULL;
    vm->zone_count = 0;
}

/* ---- what came --------------------------------------------------------------------------------
 */

static struct kvm_coalesced_mmio_ring *ring_of(const struct kvm_vm *vm, const struct kvm_cpu *k)
{
    return vm->ring_entries && k && k->run ? (void *)((uint8_t *)k->run + vm->ring_offset) : NULL;
}

bool kvm_posted_pending(const struct kvm_cpu *k)
{
    const struct kvm_coalesced_mmio_ring *ring = ring_of(k->vm, k);

    return ring && __atomic_load_n(&ring->first, __ATOMIC_RELAXED) !=
                       __atomic_load_n(&ring->last, __ATOMIC_RELAXED);
}

static void write_one(const struct kvm_vm *vm, const struct kvm_coalesced_mmio *e)
{
    struct mem_space *space = e->pio ? vm->m->io : vm->m->memory;
    unsigned len = MIN(e->len, (uint32_t)sizeof e->data);

    for (unsigned at = 0, size; at < len && space; at += size) {
        uint64_t value = 0;
        size = 8;
        while (size > len - at)
            size /= 2;
        memcpy(&value, e->data + at, size);
        mem_posted_write(space, e->phys_addr + at, size, value);
    }
}

void kvm_posted_flush(struct vemu_machine *m)
{
    const struct kvm_vm *vm = kvm_vm_of(m);
    struct kvm_coalesced_mmio_ring *ring =
        m->vcpu_count ? ring_of(vm, kvm_cpu_of(m->vcpus[0])) : NULL;

    while (ring) {
        uint32_t first = __atomic_load_n(&ring->first, __ATOMIC_RELAXED);
        if (first == __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE) || first >= vm->ring_entries)
            return;
        struct kvm_coalesced_mmio e = ring->coalesced_mmio[first];
        write_one(vm, &e);
        __atomic_store_n(&ring->first, (first + 1) % vm->ring_entries, __ATOMIC_RELEASE);
    }
}
