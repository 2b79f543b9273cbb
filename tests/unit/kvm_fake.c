/* See kvm_fake.h. */
#define _GNU_SOURCE
#include "tests/unit/kvm_fake.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/kvm/kvm.h"
#include "core/memory/memory.h"
#include "core/util/error.h"
#include "core/util/log.h"

struct kernel kernel;
struct vemu_machine m;
char said[LOG_BYTES];

static void log_line(void *opaque, enum log_category category, const char *line)
{
    (void)opaque, (void)category;
    size_t used = strlen(said);
    snprintf(said + used, sizeof said - used, "%s\n", line);
}

/* ---- the kernel -------------------------------------------------------------------------------
 */

static int fake_open(void *opaque, const char *path)
{
    struct kernel *k = opaque;
    cr_assert_str_eq(path, "/dev/kvm");
    if (k->open_error)
        return -k->open_error;
    k->open_fds++;
    return FD_KVM;
}

static void fake_close(void *opaque, int fd)
{
    (void)fd;
    ((struct kernel *)opaque)->open_fds--;
}

/* 8.29: the ring of written pages at an offset of its own. */
static void *fake_map(void *opaque, int fd, size_t offset, size_t len)
{
    struct kernel *k = opaque;
    if (offset) {
        cr_assert(offset == KVM_DIRTY_LOG_PAGE_OFFSET * 4096 && len == k->ring_bytes);
        return k->ring;
    }
    cr_assert(fd >= FD_VCPU && len == RUN_BYTES);
    return k->page;
}

static void fake_unmap(void *opaque, void *at, size_t len)
{
    (void)opaque, (void)at, (void)len;
}

/* 4.4 KVM_CHECK_EXTENSION: 0 when it is not there, else 1 or a number that means something. */
static int extension(const struct kernel *k, int capability)
{
    if (capability == k->missing ||
        (k->no_dirty_ring &&
         (capability == KVM_CAP_DIRTY_LOG_RING || capability == KVM_CAP_DIRTY_LOG_RING_ACQ_REL)))
        return 0;
    return capability == KVM_CAP_NR_MEMSLOTS              ? SLOTS
           : capability == KVM_CAP_IRQ_ROUTING            ? ROUTES
           : capability == KVM_CAP_SET_GUEST_DEBUG2       ? k->debug_flags
           : capability == KVM_CAP_MULTI_ADDRESS_SPACE    ? 2
           : capability == KVM_CAP_TSC_CONTROL            ? k->tsc_scales
           : capability == KVM_CAP_DIRTY_LOG_RING         ? (int)sizeof k->ring
           : capability == KVM_CAP_DIRTY_LOG_RING_ACQ_REL ? (int)sizeof k->ring
           : capability == KVM_CAP_COALESCED_MMIO         ? KVM_COALESCED_MMIO_PAGE_OFFSET
           : capability == KVM_CAP_X86_SMM                ? k->has_smm
                                                          : 1;
}

/* 4.35 KVM_SET_USER_MEMORY_REGION: size 0 deletes; slots never overlap; addresses are of pages; the
 * address space is in the upper half of the number. */
static int set_region(struct kernel *k, const struct kvm_userspace_memory_region *r)
{
    struct kvm_userspace_memory_region *slots = r->slot >> 16 ? k->smm_slots : k->slots;
    uint32_t id = r->slot & 0xffff;
    k->slot_calls++;
    k->slots_while_run |= k->in_run;
    if (r->slot >> 16 > k->has_smm || id >= SLOTS ||
        (r->guest_phys_addr | r->memory_size | r->userspace_addr) & 4095)
        return -EINVAL;
    for (unsigned i = 0; r->memory_size && i < SLOTS; i++) {
        const struct kvm_userspace_memory_region *o = &slots[i];
        if (i != id && o->memory_size && o->guest_phys_addr < r->guest_phys_addr + r->memory_size &&
            r->guest_phys_addr < o->guest_phys_addr + o->memory_size)
            return -EEXIST;
    }
    slots[id] = *r;
    return 0;
}

/* 8.29: entries that were taken are free again; how many is returned. */
static int reset_rings(struct kernel *k)
{
    int n = 0;
    k->ring_resets++;
    for (unsigned i = 0; i < DIRTY_ENTRIES; i++) {
        if (!(k->ring[i].flags & KVM_DIRTY_GFN_F_RESET))
            continue;
        k->ring[i].flags = 0;
        n++;
    }
    return n;
}

/* 4.8 KVM_GET_DIRTY_LOG: a bit for each page of a slot that is logged, written since the last call.
 */
static int get_dirty(struct kernel *k, const struct kvm_dirty_log *log)
{
    if (k->ring_bytes) /* 8.29: one excludes the other */
        return -ENXIO;
    if (k->dirty_error)
        return -k->dirty_error;
    if (log->slot >= SLOTS || !(k->slots[log->slot].flags & KVM_MEM_LOG_DIRTY_PAGES))
        return -ENOENT;
    uint64_t pages = k->slots[log->slot].memory_size >> 12;
    memset(log->dirty_bitmap, 0, (pages + 63) / 64 * 8);
    memcpy(log->dirty_bitmap, &k->dirty[log->slot], 8);
    k->dirty[log->slot] = 0;
    return 0;
}

/* 4.18, 4.19: the number of MSRs done, which ends before the first that is refused. */
static int do_msrs(struct kernel *k, struct kvm_msrs *list, bool set)
{
    for (uint32_t i = 0; i < list->nmsrs; i++) {
        struct kvm_msr_entry *e = &list->entries[i];
        if (e->index == k->refused_msr)
            return (int)i;
        unsigned n = 0;
        while (n < k->msrs && k->msr_number[n] != e->index)
            n++;
        if (n == k->msrs && n < 128 && set)
            k->msr_number[k->msrs++] = e->index;
        if (n < k->msrs && set)
            k->msr[n] = e->data;
        else if (n < k->msrs)
            e->data = k->msr[n];
    }
    return (int)list->nmsrs;
}

static int run_vcpu(struct kernel *k)
{
    struct kvm_run *run = (struct kvm_run *)k->page;
    k->runs++;
    /* 4.10: EINTR when an unmasked signal is pending, which the kick is by 4.21. */
    sigset_t pending;
    sigpending(&pending);
    if (sigismember(&pending, SIGRTMIN + 6)) {
        if (k->due_vector)
            k->lapic.regs[0x200 + k->due_vector / 32 * 16 + k->due_vector % 32 / 8] |=
                (char)(1 << k->due_vector % 8);
        k->due_vector = 0;
        return -EINTR;
    }
    if (run->immediate_exit) { /* section 5: the access is completed, no instruction runs */
        k->completed = true;
        return -EINTR;
    }
    k->in_run = true;
    int r = k->run(k, run);
    k->in_run = false;
    return r;
}

/* 4.24 KVM_CREATE_IRQCHIP, 7.5 KVM_CAP_SPLIT_IRQCHIP: once, and before there is a vCPU. */
static int make_irqchip(struct kernel *k, int which)
{
    if (k->irqchip || k->vcpu_made)
        return -EEXIST;
    k->irqchip = which;
    return 0;
}

/* 4.26, 4.27: those of KVM_CREATE_IRQCHIP alone. */
static int do_irqchip(struct kernel *k, struct kvm_irqchip *chip, bool set)
{
    if (k->irqchip != 1)
        return -ENXIO;
    if (chip->chip_id > KVM_IRQCHIP_IOAPIC)
        return -EINVAL;
    if (set)
        k->chips[chip->chip_id] = *chip;
    else
        *chip = k->chips[chip->chip_id];
    return 0;
}

/* 4.52: the whole table, no flags; 7.5: messages alone, when the I/O APIC is in user space. */
static int set_routing(struct kernel *k, const struct kvm_irq_routing *r)
{
    if (r->nr > ROUTES || r->flags)
        return -EINVAL;
    for (uint32_t i = 0; i < r->nr; i++) {
        const struct kvm_irq_routing_entry *e = &r->entries[i];
        if (e->flags || e->gsi >= ROUTES ||
            (e->type != KVM_IRQ_ROUTING_MSI &&
             (e->type != KVM_IRQ_ROUTING_IRQCHIP || k->irqchip != 1)))
            return -EINVAL;
        k->routes[i] = *e;
    }
    k->routing.nr = r->nr;
    k->routings++;
    return 0;
}

/* 4.75: one descriptor once at a time; taken back by descriptor and GSI; RESAMPLE with a second
 * descriptor, where the kernel has KVM_CAP_IRQFD_RESAMPLE. */
static int irqfd(struct kernel *k, const struct kvm_irqfd *f)
{
    unsigned n = 0;
    k->irqfd_calls++;
    if (!k->irqchip || f->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
        return -EINVAL;
    while (n < k->irqfd_count && k->irqfds[n].fd != f->fd)
        n++;
    if (f->flags & KVM_IRQFD_FLAG_DEASSIGN) {
        if (n < k->irqfd_count && k->irqfds[n].gsi == f->gsi)
            k->irqfds[n] = k->irqfds[--k->irqfd_count];
        return 0;
    }
    if (n < k->irqfd_count)
        return -EBUSY;
    if (f->flags && (f->resamplefd == f->fd || k->missing == KVM_CAP_IRQFD_RESAMPLE))
        return -EINVAL;
    if (k->irqfd_count == IRQFDS)
        return -ENOSPC;
    k->irqfds[k->irqfd_count++] = *f;
    return 0;
}

/* 4.25, 4.71: there must be somebody to take them. */
static int set_line(struct kernel *k, const struct kvm_irq_level *line)
{
    if (k->irqchip != 1 || line->irq >= ROUTES)
        return -ENXIO;
    k->lines[line->irq] = (int)line->level;
    k->line_calls++;
    return 0;
}

static int signal_msi(struct kernel *k, const struct kvm_msi *msi)
{
    if (!k->irqchip || msi->flags)
        return -EINVAL;
    k->msi = *msi;
    k->msis++;
    return k->msi_blocked ? 0 : 1;
}

/* 4.71: with the interrupt controllers in the kernel alone, and once; as after power-up then. */
static int create_pit(struct kernel *k, const struct kvm_pit_config *config)
{
    if (k->pit_made)
        return -EEXIST;
    if (k->irqchip != 1)
        return -ENOENT;
    k->pit_made = true;
    k->pit_config = config->flags;
    for (unsigned n = 0; n < 3; n++)
        k->pit.channels[n] =
            (struct kvm_pit_channel_state){.count = 0x10000, .mode = 0xff, .gate = n != 2};
    return 0;
}

/* 4.72, 4.73 */
static int do_pit(struct kernel *k, struct kvm_pit_state2 *state, bool set)
{
    if (!k->pit_made)
        return -ENXIO;
    if (set)
        k->pit = *state;
    else
        *state = k->pit;
    k->pit_sets += set;
    return 0;
}

/* 4.59: a write of len bytes to addr signals fd, and with DATAMATCH one of that value alone; one is
 * taken back by all of what it was made with. */
static int ioeventfd(struct kernel *k, const struct kvm_ioeventfd *e)
{
    const uint32_t kept = KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO;
    k->bell_calls++;
    if (e->len > 8 || e->len & (e->len - 1) || e->flags & ~KVM_IOEVENTFD_VALID_FLAG_MASK)
        return -EINVAL;
    unsigned n = 0;
    while (n < k->bell_count &&
           (k->bells[n].addr != e->addr || k->bells[n].len != e->len || k->bells[n].fd != e->fd ||
            (k->bells[n].flags ^ e->flags) & kept ||
            (e->flags & KVM_IOEVENTFD_FLAG_DATAMATCH && k->bells[n].datamatch != e->datamatch)))
        n++;
    if (e->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
        if (n == k->bell_count)
            return -ENOENT;
        k->bells[n] = k->bells[--k->bell_count];
        return 0;
    }
    if (k->bell_error)
        return -k->bell_error;
    if (n < k->bell_count)
        return -EEXIST;
    if (k->bell_count == BELLS)
        return -ENOSPC;
    k->bells[k->bell_count++] = *e;
    return 0;
}

/* 4.116: writes within the zone are gathered; one goes by its place and size. */
static int zone(struct kernel *k, const struct kvm_coalesced_mmio_zone *z, bool on)
{
    unsigned n = 0;
    if (on) {
        cr_assert_lt(k->zone_count, 8);
        k->zones[k->zone_count++] = *z;
        return 0;
    }
    while (n < k->zone_count && (k->zones[n].addr != z->addr || k->zones[n].size != z->size ||
                                 k->zones[n].pio != z->pio))
        n++;
    if (n < k->zone_count)
        k->zones[n] = k->zones[--k->zone_count];
    return 0;
}

/* 4.46, and the leaves of Documentation/virt/kvm/x86/cpuid.rst */
static int supported_cpuid(const struct kernel *k, struct kvm_cpuid2 *list)
{
    uint32_t room = list->nent;
    list->nent = 0;
    if (room < 2 + X86_XSAVE_COMPONENTS)
        return -E2BIG;
    for (uint32_t n = 0; n < X86_XSAVE_COMPONENTS; n++)
        if (k->xsave_offset[n])
            list->entries[list->nent++] =
                (struct kvm_cpuid_entry2){.function = 0xd,
                                          .index = n,
                                          .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
                                          .eax = x86_xsave_size(n),
                                          .ebx = k->xsave_offset[n]};
    if (!k->pv_features)
        return 0;
    struct kvm_cpuid_entry2 *e = &list->entries[list->nent];
    e[0] = (struct kvm_cpuid_entry2){.function = 0x40000000,
                                     .eax = 0x40000001,
                                     .ebx = 0x4b4d564b,
                                     .ecx = 0x564b4d56,
                                     .edx = 0x4d};
    e[1] = (struct kvm_cpuid_entry2){.function = 0x40000001, .eax = k->pv_features};
    list->nent += 2;
    return 0;
}

/* 4.118 */
static int hv_cpuid(const struct kernel *k, struct kvm_cpuid2 *list)
{
    if (list->nent < 2)
        return -E2BIG;
    list->entries[0] = (struct kvm_cpuid_entry2){
        .function = 0x40000003, .eax = k->hv_features[0], .edx = k->hv_features[1]};
    list->entries[1] = (struct kvm_cpuid_entry2){.function = 0x40000004, .eax = k->hv_hints};
    list->nent = 2;
    return 0;
}

/* 4.3: too small a list is told so, with how long it should be. */
static int msr_list(const struct kernel *k, struct kvm_msr_list *list)
{
    uint32_t room = list->nmsrs;
    list->nmsrs = k->lists_hv_msrs ? X86_HV_MSRS : 0;
    if (room < list->nmsrs)
        return -E2BIG;
    memcpy(list->indices, x86_hv_msrs, list->nmsrs * sizeof x86_hv_msrs[0]);
    return 0;
}

/* 4.37 KVM_ENABLE_CAP */
static int enable(struct kernel *k, const struct kvm_enable_cap *cap)
{
    if (cap->flags || cap->cap == (uint32_t)k->missing)
        return -EINVAL;
    k->enabled[cap->cap / 64] |= UINT64_C(1) << cap->cap % 64;
    if (cap->cap == KVM_CAP_DIRTY_LOG_RING || cap->cap == KVM_CAP_DIRTY_LOG_RING_ACQ_REL) {
        if (k->vcpu_made || cap->args[0] & (cap->args[0] - 1) || cap->args[0] > sizeof k->ring)
            return -EINVAL;
        k->ring_bytes = cap->args[0];
    }
    if (cap->cap != KVM_CAP_SPLIT_IRQCHIP)
        return 0;
    k->reserved_routes = (int)cap->args[0];
    return make_irqchip(k, 2);
}

#define COPY(request_get, request_set, member)                                                     \
    case request_get:                                                                              \
        memcpy(p, &k->member, sizeof k->member);                                                   \
        return 0;                                                                                  \
    case request_set:                                                                              \
        memcpy(&k->member, p, sizeof k->member);                                                   \
        return 0

static int fake_ioctl(void *opaque, int fd, unsigned long request, uintptr_t arg)
{
    struct kernel *k = opaque;
    void *p = (void *)arg;
    (void)fd;
    switch (request) {
    case KVM_GET_API_VERSION: /* 4.1 */
        return k->api;
    case KVM_CREATE_VM: /* 4.2 */
        k->open_fds++;
        return FD_VM;
    case KVM_CHECK_EXTENSION:
        return extension(k, (int)arg);
    case KVM_GET_VCPU_MMAP_SIZE: /* 4.5 */
        return RUN_BYTES;
    case KVM_CREATE_VCPU: /* 4.7 */
        k->open_fds++;
        k->vcpu_made = true;
        return FD_VCPU;
    case KVM_GET_MSR_INDEX_LIST:
        return msr_list(k, p);
    case KVM_GET_SUPPORTED_HV_CPUID:
        return hv_cpuid(k, p);
    case KVM_GET_SUPPORTED_CPUID:
        return supported_cpuid(k, p);
    case KVM_SET_CPUID2: /* 4.20 */
        k->cpuid.nent = ((struct kvm_cpuid2 *)p)->nent;
        cr_assert(k->cpuid.nent <= CPUID_ENTRIES);
        memcpy(k->cpuid_entries, ((struct kvm_cpuid2 *)p)->entries,
               k->cpuid.nent * sizeof k->cpuid_entries[0]);
        return 0;
    case KVM_GET_CLOCK: /* 4.29 */
        *(struct kvm_clock_data *)p = (struct kvm_clock_data){.clock = k->clock};
        return 0;
    case KVM_SET_CLOCK: /* 4.30 */
        k->clock = ((struct kvm_clock_data *)p)->clock;
        k->clock_sets++;
        return 0;
    case KVM_KVMCLOCK_CTRL: /* 4.70 */
        k->paused_told++;
        return 0;
    case KVM_SET_USER_MEMORY_REGION:
        return set_region(k, p);
    case KVM_RESET_DIRTY_RINGS:
        return reset_rings(k);
    case KVM_GET_DIRTY_LOG:
        return get_dirty(k, p);
    case KVM_GET_MSRS:
        return do_msrs(k, p, false);
    case KVM_SET_MSRS:
        return do_msrs(k, p, true);
    case KVM_SET_GUEST_DEBUG: /* 4.87 */
        k->debug = *(struct kvm_guest_debug *)p;
        k->step_armed = k->debug.control & KVM_GUESTDBG_SINGLESTEP;
        return 0;
    case KVM_SET_REGS: /* 4.12 */
        k->step_armed = false;
        k->regs = *(struct kvm_regs *)p;
        return 0;
    case KVM_GET_REGS: /* 4.11 */
        *(struct kvm_regs *)p = k->regs;
        return 0;
        COPY(KVM_GET_SREGS, KVM_SET_SREGS, sregs);              /* 4.13, 4.14 */
        COPY(KVM_GET_XSAVE, KVM_SET_XSAVE, xsave);              /* 4.42, 4.43 */
        COPY(KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, events); /* 4.31, 4.32 */
        COPY(KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, debugregs);  /* 4.33, 4.34 */
        COPY(KVM_GET_LAPIC, KVM_SET_LAPIC, lapic);              /* 4.57, 4.58 */
        COPY(KVM_GET_MP_STATE, KVM_SET_MP_STATE, mp_state);     /* 4.38, 4.39 */
    case KVM_ENABLE_CAP:
        return enable(k, p);
    case KVM_REGISTER_COALESCED_MMIO:
        return zone(k, p, true);
    case KVM_UNREGISTER_COALESCED_MMIO:
        return zone(k, p, false);
    case KVM_GET_TSC_KHZ: /* 4.56 */
        return k->tsc_khz;
    case KVM_SET_TSC_KHZ: /* 4.55: a speed that the processor cannot make is refused */
        if (!k->tsc_scales)
            return -EINVAL;
        k->tsc_khz = (int)arg;
        return 0;
    case KVM_IOEVENTFD:
        return ioeventfd(k, p);
    case KVM_CREATE_IRQCHIP:
        return make_irqchip(k, 1);
    case KVM_CREATE_PIT2:
        return create_pit(k, p);
    case KVM_GET_PIT2:
        return do_pit(k, p, false);
    case KVM_SET_PIT2:
        return do_pit(k, p, true);
    case KVM_GET_IRQCHIP:
        return do_irqchip(k, p, false);
    case KVM_SET_IRQCHIP:
        return do_irqchip(k, p, true);
    case KVM_SET_GSI_ROUTING:
        return set_routing(k, p);
    case KVM_IRQFD:
        return irqfd(k, p);
    case KVM_IRQ_LINE:
        return set_line(k, p);
    case KVM_SIGNAL_MSI:
        return signal_msi(k, p);
    case KVM_INTERRUPT: /* 4.16 */
        k->injected = (int)((struct kvm_interrupt *)p)->irq;
        return 0;
    case KVM_SMI: /* 4.96 */
        k->smis++;
        return 0;
    case KVM_NMI: /* 4.64 */
        k->nmis++;
        return 0;
    case KVM_RUN: /* 4.10 */
        return run_vcpu(k);
    default:
        return 0;
    }
}

int fake_shut_down(struct kernel *k, struct kvm_run *run)
{
    (void)k;
    run->exit_reason = KVM_EXIT_SHUTDOWN;
    return 0;
}

void fake_start(void)
{
    struct vemu_error *err = NULL;
    kernel = (struct kernel){.host = {.open = fake_open,
                                      .close = fake_close,
                                      .ioctl = fake_ioctl,
                                      .map = fake_map,
                                      .unmap = fake_unmap,
                                      .opaque = &kernel},
                             .api = 12,
                             .missing = -1,
                             .run = fake_shut_down};
    said[0] = 0;
    for (unsigned i = 0; i < ROUTES; i++)
        kernel.lines[i] = -1;
    cr_assert(machine_init(&m, &err));
    m.log.sink = log_line;
    m.accel = kvm_accel();
    m.io = mem_space_new("io", 0x10000, &m.lock, &err);
    cr_assert(m.io);
}

void fake_stop(void)
{
    vcpus_free(&m);
    if (m.accel_state)
        kvm_accel()->machine_destroy(&m);
    machine_destroy(&m);
    cr_assert_eq(kernel.open_fds, 0, "every descriptor is closed");
}

void fake_make_vm(void)
{
    struct vemu_error *err = NULL;
    cr_assert(kvm_machine_init(&m, &kernel.host, &err), "%s", err ? vemu_error_message(err) : "");
}

struct vcpu *fake_make_vcpu(void)
{
    return fake_make_vcpu_of(NULL);
}

struct vcpu *fake_make_vcpu_of(const struct x86_cpu_model *model)
{
    struct vemu_error *err = NULL;
    if (!m.accel_state)
        fake_make_vm();
    struct vcpu *cpu = vcpu_new(&m, ARCH_X86, 0, model, &err);
    cr_assert(cpu, "%s", err ? vemu_error_message(err) : "");
    return cpu;
}

enum vcpu_exit fake_run_once(struct vcpu *cpu)
{
    atomic_store(&cpu->stop_request, false);
    return kvm_accel()->vcpu_run(cpu);
}
