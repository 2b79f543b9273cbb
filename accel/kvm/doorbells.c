/*
 * Writes that ring (core/memory/doorbell.h) as ioeventfds (section 4.59, KVM_IOEVENTFD): the kernel
 * signals a descriptor and goes on with the guest. One that the kernel does not take comes as an
 * exit and is answered by the region. Machine lock held.
 */
#include "accel/kvm/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/memory/doorbell.h"
#include "core/util/log.h"
#include "core/util/range.h"

enum { PLACES_MAX = 1000 }; /* more than that a kernel does not take in any case */

/* As the kernel has it. The descriptor is a copy: the device may have closed its own by the time
 * that it is named again. */
struct kvm_ioevent {
    uint64_t addr, value;
    const struct mem_doorbell *bell;
    int fd;
    uint8_t size;
    bool match, port;
};

static int assign(const struct kvm_vm *vm, const struct kvm_ioevent *e, bool on)
{
    struct kvm_ioeventfd io = {
        .datamatch = e->value,
        .addr = e->addr,
        .len = e->size,
        .fd = e->fd,
        .flags = (e->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) |
                 (e->port ? KVM_IOEVENTFD_FLAG_PIO : 0) | (on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
    };
    return kvm_ioctl(vm, vm->fd, KVM_IOEVENTFD, (uintptr_t)&io);
}

static bool same(const struct kvm_ioevent *e, const struct mem_doorbell_place *p, bool port)
{
    return e->port == port && e->bell == p->bell && e->addr == p->addr &&
           e->size == p->bell->size && e->match == p->bell->match && e->value == p->bell->value;
}

static void drop(const struct kvm_vm *vm, const struct kvm_ioevent *e)
{
    assign(vm, e, false);
    close(e->fd);
}

static void add(struct kvm_vm *vm, const struct mem_doorbell_place *p, bool port)
{
    struct kvm_ioevent e = {.addr = p->addr,
                            .value = p->bell->value,
                            .bell = p->bell,
                            .fd = fcntl(p->bell->fd, F_DUPFD_CLOEXEC, 0),
                            .size = p->bell->size,
                            .match = p->bell->match,
                            .port = port};

    if (e.fd < 0)
        return;
    if (assign(vm, &e, true) < 0)
        close(e.fd);
    else
        vm->ioevents[vm->ioevent_count++] = e;
}

void kvm_doorbells_changed(void *opaque, struct mem_space *space)
{
    struct kvm_vm *vm = opaque;
    bool port = space == vm->m->io;
    struct mem_doorbell_place *now = NULL;
    unsigned count = mem_doorbells_find(space, NULL, 0), kept = 0;

    if (count)
        now = calloc(count, sizeof *now);
    count = now ? MIN(mem_doorbells_find(space, now, count), count) : 0;
    for (unsigned i = 0; i < vm->ioevent_count; i++) {
        struct kvm_ioevent *e = &vm->ioevents[i];
        bool keep = e->port != port;
        for (unsigned n = 0; n < count && !keep; n++) {
            keep = now[n].bell && same(e, &now[n], port);
            if (keep)
                now[n].bell = NULL; /* there already */
        }
        if (keep)
            vm->ioevents[kept++] = *e;
        else
            drop(vm, e);
    }
    vm->ioevent_count = kept;
    struct kvm_ioevent *room = realloc(vm->ioevents, (kept + count + 1) * sizeof *room);
    if (room)
        vm->ioevents = room;
    for (unsigned n = 0; room && n < count && vm->ioevent_count < PLACES_MAX; n++)
        if (now[n].bell)
            add(vm, &now[n], port);
    free(now);
}

void kvm_doorbells_free(struct kvm_vm *vm)
{
    for (unsigned i = 0; i < vm->ioevent_count; i++)
        close(vm->ioevents[i].fd);
    free(vm->ioevents);
    vm->ioevents = NULL;
    vm->ioevent_count = 0;
}
