/* The machine's side of KVM, and the accelerator's table: see kvm.h. */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "accel/kvm/internal.h"
#include "core/memory/memory.h"
#include "core/util/log.h"
#include "core/util/range.h"

#define KVM_PATH "/dev/kvm"
enum { API_VERSION = 12 }; /* section 4.1: the only one there is */
enum { KICK_DEFAULT = 6 /* after SIGRTMIN */ };

int kvm_extension(const struct kvm_vm *vm, int capability)
{
    int r = kvm_ioctl(vm, vm->fd >= 0 ? vm->fd : vm->kvm_fd, KVM_CHECK_EXTENSION,
                      (uintptr_t)capability);
    return r > 0 ? r : 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool open_error(int err, struct vemu_error **errp)
{
    switch (err) {
    case ENOENT:
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "kvm: there is no " KVM_PATH ": load the module kvm_intel or kvm_amd, "
                         "switch virtualization on in the host's firmware, or use -accel tcg");
    case EACCES:
    case EPERM:
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "kvm: " KVM_PATH " may not be opened: add this user to its group (\"kvm\" "
                         "in Debian), or use -accel tcg");
    case ENODEV:
    case ENXIO:
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "kvm: " KVM_PATH " has no kernel module behind it: the processor has no "
                         "virtualization, or the host's firmware keeps it off; use -accel tcg");
    default:
        return error_set_errno(errp, err, "kvm: cannot open " KVM_PATH);
    }
}

static int open_kvm(const struct kvm_host *host, struct vemu_error **errp)
{
    int fd = host->open(host->opaque, KVM_PATH);

    if (fd < 0) {
        open_error(-fd, errp);
        return -1;
    }
    int version = host->ioctl(host->opaque, fd, KVM_GET_API_VERSION, 0);
    if (version == API_VERSION)
        return fd;
    host->close(host->opaque, fd);
    error_set(errp, VEMU_ERROR_UNSUPPORTED,
              version < 0 ? "kvm: " KVM_PATH " is not KVM; use -accel tcg"
                          : "kvm: this kernel's KVM has API version %d, and %d is needed",
              version, API_VERSION);
    return -1;
}

bool kvm_probe(const struct kvm_host *host, struct vemu_error **errp)
{
    int fd = open_kvm(host, errp);

    if (fd >= 0)
        host->close(host->opaque, fd);
    return fd >= 0;
}

/* ---- the machine ----------------------------------------------------------------------------- */

/* A signal that is ignored would be thrown away instead of ending KVM_RUN. (Asking sigaction would
 * do as well, but this library is to have nothing with which it could change a handler.) */
static bool is_ignored(int signal)
{
    char line[128];
    unsigned long long ignored = 0;
    FILE *f = fopen("/proc/self/status", "re");

    if (!f)
        return false;
    while (fgets(line, sizeof line, f) && sscanf(line, "SigIgn: %llx", &ignored) != 1)
        ;
    fclose(f);
    return ignored >> (signal - 1) & 1;
}

static bool check_kick_signal(const struct kvm_vm *vm, struct vemu_error **errp)
{
    return !is_ignored(vm->kick_signal) ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "kvm: signal %d, which gets vCPUs out of the kernel, is ignored in this "
                     "process: leave it at its default, or name another with "
                     "-accel kvm,kick-signal=N",
                     vm->kick_signal);
}

static bool need(const struct kvm_vm *vm, int capability, const char *name,
                 struct vemu_error **errp)
{
    return kvm_extension(vm, capability) ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "kvm: this kernel's KVM lacks %s, without which no machine can be run; use "
                     "-accel tcg",
                     name);
}

void kvm_lacks(const struct kvm_vm *vm, bool has, const char *name, const char *lost)
{
    if (!has)
        log_msg(&vm->m->log, LOG_WARN, "kvm: this kernel lacks %s: %s", name, lost);
}

static bool look_at_extensions(struct kvm_vm *vm, struct vemu_error **errp)
{
    if (!need(vm, KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", errp) ||
        !need(vm, KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "KVM_CAP_DESTROY_MEMORY_REGION_WORKS", errp))
        return false;
    vm->has_readonly = kvm_extension(vm, KVM_CAP_READONLY_MEM);
    vm->has_immediate_exit = kvm_extension(vm, KVM_CAP_IMMEDIATE_EXIT);
    vm->has_guest_debug = kvm_extension(vm, KVM_CAP_SET_GUEST_DEBUG);
    kvm_lacks(vm, vm->has_readonly, "KVM_CAP_READONLY_MEM",
              "firmware runs from memory that exits, slowly or not at all");
    kvm_lacks(vm, vm->has_guest_debug, "KVM_CAP_SET_GUEST_DEBUG",
              "a debugger can look, and neither stop nor step");
    kvm_lacks(vm, vm->has_immediate_exit, "KVM_CAP_IMMEDIATE_EXIT",
              "a machine that is paused in the middle of an access may repeat it");
    vm->max_slots = (uint32_t)kvm_extension(vm, KVM_CAP_NR_MEMSLOTS);
    if (!vm->max_slots)
        vm->max_slots = 32; /* section 4.35: what there was before it could be asked */
    vm->max_slots = MIN(vm->max_slots, (uint32_t)4096);
    return kvm_slots_init(vm) || error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
}

static bool make_vm(struct kvm_vm *vm, struct vemu_error **errp)
{
    vm->kvm_fd = open_kvm(vm->host, errp);
    if (vm->kvm_fd < 0)
        return false;
    int size = kvm_ioctl(vm, vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < (int)sizeof(struct kvm_run))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "kvm: this kernel shares %d bytes for a vCPU, too few to run one", size);
    vm->run_size = (size_t)size;
    /* Interrupted by a signal at a bad moment it is to be tried again. */
    do
        vm->fd = kvm_ioctl(vm, vm->kvm_fd, KVM_CREATE_VM, kvm_arch_vm_type(vm));
    while (vm->fd == -EINTR);
    if (vm->fd < 0)
        return error_set_errno(errp, -vm->fd, "kvm: cannot make a machine");
    return look_at_extensions(vm, errp) && kvm_arch_vm_init(vm, errp);
}

static void vm_free(struct kvm_vm *vm)
{
    if (vm->arch)
        kvm_arch_vm_destroy(vm);
    if (vm->first_vcpu >= 0)
        vm->host->close(vm->host->opaque, vm->first_vcpu);
    if (vm->fd >= 0)
        vm->host->close(vm->host->opaque, vm->fd);
    if (vm->kvm_fd >= 0)
        vm->host->close(vm->host->opaque, vm->kvm_fd);
    kvm_slots_free(vm);
    kvm_doorbells_free(vm);
    kvm_posted_free(vm);
    vm->m->irqchip = IRQCHIP_OFF;
    vm->m->has_wires = false;
    pthread_cond_destroy(&vm->gate_moved);
    pthread_mutex_destroy(&vm->gate_lock);
    free(vm);
}

static void memory_changed(void *opaque, struct mem_space *space)
{
    kvm_slots_changed(opaque, space);
    kvm_doorbells_changed(opaque, space);
    kvm_posted_changed(opaque, space);
}

static void ports_changed(void *opaque, struct mem_space *space)
{
    kvm_doorbells_changed(opaque, space);
    kvm_posted_changed(opaque, space);
}

bool kvm_machine_init(struct vemu_machine *m, const struct kvm_host *host, struct vemu_error **errp)
{
    struct kvm_vm *vm = calloc(1, sizeof *vm);

    if (!vm)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    vm->m = m;
    vm->host = host;
    vm->kvm_fd = vm->fd = vm->first_vcpu = -1;
    vm->kick_signal = SIGRTMIN + KICK_DEFAULT;
    vm->irqchip = IRQCHIP_ON;
    vm->pit_wanted = true;
    pthread_mutex_init(&vm->gate_lock, NULL);
    pthread_cond_init(&vm->gate_moved, NULL);
    if (!make_vm(vm, errp)) {
        vm_free(vm);
        return false;
    }
    m->accel_state = vm;
    m->rams.opaque = vm;
    m->rams.dirty_ops = &kvm_dirty_ops;
    m->rings_doorbells = kvm_extension(vm, KVM_CAP_IOEVENTFD);
    kvm_lacks(vm, m->rings_doorbells, "KVM_CAP_IOEVENTFD",
              "devices wait for a vCPU to leave the guest");
    kvm_posted_init(vm);
    kvm_lacks(vm, vm->ring_entries, "KVM_CAP_COALESCED_MMIO",
              "each write to a VGA's memory window ends the guest's run");
    mem_space_set_listener(m->memory, memory_changed, vm);
    return true;
}

bool kvm_accel_machine_init(struct vemu_machine *m, struct vemu_error **errp)
{
    return kvm_machine_init(m, kvm_linux_host(), errp);
}

void kvm_accel_machine_destroy(struct vemu_machine *m)
{
    struct kvm_vm *vm = kvm_vm_of(m);

    if (!vm)
        return;
    mem_space_set_listener(m->memory, NULL, NULL);
    if (m->smm_memory)
        mem_space_set_listener(m->smm_memory, NULL, NULL);
    if (m->io)
        mem_space_set_listener(m->io, NULL, NULL);
    m->rings_doorbells = false;
    m->rams.dirty_ops = NULL;
    m->accel_state = NULL;
    vm_free(vm);
}

bool kvm_machine_ready(struct vemu_machine *m, struct vemu_error **errp)
{
    struct kvm_vm *vm = kvm_vm_of(m);

    return kvm_dirty_ring_init(vm, errp) &&
           kvm_arch_make_irqchip(vm, vm->irqchip, vm->irqchip_asked, errp);
}

/* ---- vCPUs ----------------------------------------------------------------------------------- */

bool kvm_accel_vcpu_init(struct vcpu *cpu, struct vemu_error **errp)
{
    struct vemu_machine *m = cpu->machine;

    if (cpu->arch != ARCH_X86)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "vCPU %u: KVM runs the host's architecture, and that is x86", cpu->index);
    if (!check_kick_signal(kvm_vm_of(m), errp) || !kvm_vcpu_init(cpu, errp))
        return false;
    /* The board has made the port space by now. */
    if (m->io)
        mem_space_set_listener(m->io, ports_changed, kvm_vm_of(m));
    return true;
}

void kvm_accel_outside_change(struct vcpu *cpu)
{
    struct kvm_cpu *k = kvm_cpu_of(cpu);

    k->synced = true;
    k->halted = cpu->halted;
}

void kvm_accel_get_state(struct vcpu *cpu)
{
    struct kvm_cpu *k = kvm_cpu_of(cpu);

    /* Whichever vCPU stopped first, and whether it had run at all. */
    machine_lock(cpu->machine);
    kvm_posted_flush(cpu->machine);
    kvm_arch_after_pause(k->vm);
    machine_unlock(cpu->machine);
    if (k->synced)
        return;
    if (!kvm_arch_get(k))
        log_msg(&cpu->machine->log, LOG_WARN, "vCPU %u: kvm does not give its state", cpu->index);
    k->synced = true;
}

void kvm_accel_before_resume(struct vemu_machine *m)
{
    machine_lock(m);
    kvm_arch_before_resume(kvm_vm_of(m));
    machine_unlock(m);
}

void kvm_accel_debug_changed(struct vcpu *cpu)
{
    kvm_cpu_of(cpu)->debug_changed = true;
}

enum cpu_debug_room kvm_accel_debug_room(struct vemu_machine *m, const struct cpu_breakpoint *list,
                                         unsigned count)
{
    return kvm_arch_debug_room(kvm_vm_of(m), list, count);
}

const struct accel *kvm_accel(void)
{
    return &kvm_arch_accel;
}
