/* accel/kvm on a kernel made for the test (kvm_fake.h). */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/kvm/kvm.h"
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/device/machine.h"
#include "core/memory/memory.h"
#include "core/util/error.h"
#include "core/util/log.h"
#include "tests/unit/kvm_fake.h"

TestSuite(kvm, .init = fake_start, .fini = fake_stop);

/* ---- what is not there ------------------------------------------------------------------------
 */

static void refused(const char *what)
{
    struct vemu_error *err = NULL;
    cr_assert(!kvm_machine_init(&m, &kernel.host, &err));
    cr_assert(strstr(vemu_error_message(err), what), "%s", vemu_error_message(err));
    vemu_error_free(err);
}

Test(kvm, says_what_is_in_the_way)
{
    kernel.open_error = ENOENT;
    refused("there is no /dev/kvm");
    kernel.open_error = EACCES;
    refused("add this user to its group");
    kernel.open_error = ENODEV;
    refused("no kernel module behind it");
    kernel.open_error = 0;
    kernel.api = 11;
    refused("API version 11, and 12 is needed");
    kernel.api = -ENOTTY;
    refused("is not KVM");
}

Test(kvm, cannot_do_without_memory_slots)
{
    kernel.missing = KVM_CAP_USER_MEMORY;
    refused("KVM_CAP_USER_MEMORY");
}

Test(kvm, works_without_each_other_extension)
{
    static const struct {
        int capability;
        const char *warning; /* NULL: nothing is lost */
    } cases[] = {
        {KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM"},
        {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
        {KVM_CAP_SET_GUEST_DEBUG, "KVM_CAP_SET_GUEST_DEBUG"},
        {KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS"},
        {KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
        {KVM_CAP_COALESCED_MMIO, "KVM_CAP_COALESCED_MMIO"},
        {KVM_CAP_COALESCED_PIO, NULL},
        {KVM_CAP_ADJUST_CLOCK, "KVM_CAP_ADJUST_CLOCK"},
        {KVM_CAP_KVMCLOCK_CTRL, NULL},
        {KVM_CAP_NR_MEMSLOTS, NULL},
        {KVM_CAP_DEBUGREGS, NULL},
        {KVM_CAP_XSAVE, NULL},
        {KVM_CAP_XCRS, NULL},
        {KVM_CAP_SET_TSS_ADDR, NULL},
        {KVM_CAP_SET_IDENTITY_MAP_ADDR, NULL},
        {KVM_CAP_USER_NMI, NULL},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        kernel.missing = cases[i].capability;
        said[0] = 0;
        struct vcpu *cpu = fake_make_vcpu();
        cr_assert_eq(kvm_accel()->vcpu_run(cpu), VCPU_EXIT_STOP, "it was made stopped");
        atomic_store(&cpu->stop_request, false);
        cr_assert_eq(kvm_accel()->vcpu_run(cpu), VCPU_EXIT_SHUTDOWN, "case %u", i);
        cr_assert(cases[i].warning ? strstr(said, cases[i].warning) != NULL : !said[0],
                  "case %u: \"%s\"", i, said);
        vcpus_free(&m);
        kvm_accel()->machine_destroy(&m);
    }
}

Test(kvm, refuses_an_ignored_kick_signal)
{
    struct vemu_error *err = NULL;
    signal(SIGRTMIN + 6, SIG_IGN);
    cr_assert(kvm_machine_init(&m, &kernel.host, &err));
    cr_assert(!vcpu_new(&m, ARCH_X86, 0, NULL, &err));
    cr_assert(strstr(vemu_error_message(err), "kick-signal"));
    vemu_error_free(err);
    signal(SIGRTMIN + 6, SIG_DFL);
}

/* ---- memory -----------------------------------------------------------------------------------
 */

static const struct kvm_userspace_memory_region *slot_at(uint64_t start)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (kernel.slots[i].memory_size && kernel.slots[i].guest_phys_addr == start)
            return &kernel.slots[i];
    return NULL;
}

Test(kvm, slots_follow_the_view)
{
    struct vemu_error *err = NULL;
    struct mem_region ram, rom, odd;
    fake_make_vcpu();
    struct ram_block *a = ram_block_new(&m.rams, "a", 1 << 20, false, &err);
    struct ram_block *b = ram_block_new(&m.rams, "b", 64 << 10, true, &err);
    mem_region_init_ram(&ram, "ram", a, 0, 1 << 20);
    mem_region_init_rom(&rom, "rom", b, 0, 64 << 10);
    mem_region_init_ram(&odd, "odd", a, 0x100, 0x1000);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.memory), 0, &ram, 0);
    cr_assert_eq(slot_at(0)->memory_size, 1 << 20);
    cr_assert_eq(slot_at(0)->userspace_addr, (uintptr_t)a->host);
    mem_region_add(mem_space_root(m.memory), 0x80000, &rom, 1);
    cr_assert_eq(slot_at(0)->memory_size, 0x80000);
    cr_assert_eq(slot_at(0x80000)->flags, KVM_MEM_READONLY);
    cr_assert_eq(slot_at(0x90000)->userspace_addr, (uintptr_t)a->host + 0x90000);

    unsigned calls = kernel.slot_calls;
    mem_region_add(mem_space_root(m.memory), 0x200000, &odd, 0);
    cr_assert_eq(kernel.slot_calls, calls, "pages that do not lie as pages are no slot");
    mem_region_remove(&rom);
    cr_assert_eq(slot_at(0)->memory_size, 1 << 20);
    cr_assert(!slot_at(0x80000) && !slot_at(0x90000));
    mem_region_remove(&odd);
    mem_region_remove(&ram);
    cr_assert(!slot_at(0));
    machine_unlock(&m);
    ram_block_free(&m.rams, a);
    ram_block_free(&m.rams, b);
}

static int run_until_kicked(struct kernel *k, struct kvm_run *run)
{
    (void)run;
    /* 4.21 KVM_SET_SIGNAL_MASK: the signal is open in here, and ends the call with EINTR. */
    sigset_t pending;
    while (!atomic_load(&k->stop)) {
        sigpending(&pending);
        if (sigismember(&pending, SIGRTMIN + 6))
            return -EINTR;
        usleep(100);
    }
    return -EINTR;
}

Test(kvm, slots_change_while_nobody_runs)
{
    struct vemu_error *err = NULL;
    struct mem_region ram;
    struct vcpu *cpu = fake_make_vcpu();
    struct ram_block *a = ram_block_new(&m.rams, "a", 1 << 20, false, &err);
    mem_region_init_ram(&ram, "ram", a, 0, 1 << 20);
    kernel.run = run_until_kicked;
    cr_assert(vcpu_start_thread(cpu, &err));
    vcpus_resume(&m);
    for (unsigned i = 0; i < 20; i++) {
        machine_lock(&m);
        if (i & 1)
            mem_region_remove(&ram);
        else
            mem_region_add(mem_space_root(m.memory), 0, &ram, 0);
        machine_unlock(&m);
        usleep(500);
    }
    vcpus_pause(&m);
    cr_assert(kernel.runs > 1, "%d runs: %s", kernel.runs, said);
    cr_assert(!kernel.slots_while_run);
    atomic_store(&kernel.stop, true);
    vcpus_free(&m);
    ram_block_free(&m.rams, a);
}

/* ---- exits ------------------------------------------------------------------------------------
 */

static struct vcpu *stop_me;
static uint64_t port_value;

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)size;
    return 0x40 + offset;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    port_value = port_value << 8 | value;
    if (stop_me)
        atomic_store(&stop_me->stop_request, true);
}

static const struct mem_ops port_ops = {.read = port_read, .write = port_write, .max_size = 1};

/* Section 5, KVM_EXIT_IO: count values of size bytes each at data_offset. */
static int string_out(struct kernel *k, struct kvm_run *run)
{
    if (k->runs > 1)
        return fake_shut_down(k, run);
    run->exit_reason = KVM_EXIT_IO;
    run->io.direction = KVM_EXIT_IO_OUT;
    run->io.size = 1;
    run->io.count = 3;
    run->io.port = 0x80;
    run->io.data_offset = 4096;
    memcpy(k->page + 4096, "\1\2\3", 3);
    return 0;
}

Test(kvm, string_output_reaches_the_port_byte_by_byte)
{
    struct mem_region ports;
    struct vcpu *cpu = fake_make_vcpu();
    mem_region_init_io(&ports, "ports", 4, &port_ops, NULL, NULL);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.io), 0x80, &ports, 0);
    machine_unlock(&m);
    kernel.run = string_out;
    port_value = 0;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_assert_eq(port_value, 0x010203);

    /* Stopped in the middle: the kernel completes the instruction before its state is read. */
    kernel.runs = 0;
    stop_me = cpu;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_STOP);
    cr_assert(kernel.completed);
    stop_me = NULL;
    machine_lock(&m);
    mem_region_remove(&ports);
    machine_unlock(&m);
}

/* Section 5, KVM_EXIT_MMIO: up to 8 bytes. */
static int mmio_of_6(struct kernel *k, struct kvm_run *run)
{
    if (k->runs > 1)
        return fake_shut_down(k, run);
    run->exit_reason = KVM_EXIT_MMIO;
    run->mmio.phys_addr = 0x1000;
    run->mmio.len = 6;
    run->mmio.is_write = 0;
    return 0;
}

Test(kvm, odd_sizes_of_mmio_are_split)
{
    struct mem_region ports;
    struct vcpu *cpu = fake_make_vcpu();
    mem_region_init_io(&ports, "registers", 16, &port_ops, NULL, NULL);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.memory), 0x1000, &ports, 0);
    machine_unlock(&m);
    kernel.run = mmio_of_6;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_assert(!memcmp(((struct kvm_run *)kernel.page)->mmio.data, "\x40\x41\x42\x43\x44\x45", 6));
    machine_lock(&m);
    mem_region_remove(&ports);
    machine_unlock(&m);
}

static int internal_error(struct kernel *k, struct kvm_run *run)
{
    k->regs.rip = 0x1234;
    run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
    run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
    return 0;
}

static int fail_entry(struct kernel *k, struct kvm_run *run)
{
    (void)k;
    run->exit_reason = KVM_EXIT_FAIL_ENTRY;
    run->fail_entry.hardware_entry_failure_reason = 0x80000021;
    return 0;
}

static int strange_exit(struct kernel *k, struct kvm_run *run)
{
    (void)k;
    run->exit_reason = 999;
    return 0;
}

static int bad_run(struct kernel *k, struct kvm_run *run)
{
    (void)k, (void)run;
    return -EFAULT;
}

Test(kvm, failures_are_told_with_registers)
{
    static const struct {
        int (*run)(struct kernel *k, struct kvm_run *run);
        const char *error;
    } cases[] = {
        {internal_error, "internal error 1: an instruction could not be emulated"},
        {fail_entry, "does not enter the guest: hardware's reason 0x80000021"},
        {strange_exit, "exit reason 999 is not known"},
        {bad_run, "KVM_RUN fails: Bad address"},
    };
    struct vcpu *cpu = fake_make_vcpu();
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        kernel.run = cases[i].run;
        said[0] = 0;
        cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_ERROR);
        cr_assert(strstr(cpu->error, cases[i].error), "%s", cpu->error);
        cr_assert(strstr(said, "cs:rip") && strstr(said, "code at rip"), "%s", said);
        if (i == 0)
            cr_assert(strstr(said, "0000000000001234"), "%s", said);
    }
}

/* ---- interrupts -------------------------------------------------------------------------------
 */

static int vector;
static int acknowledge(void *opaque)
{
    (void)opaque;
    int v = vector;
    vector = -1;
    return v;
}
static uint8_t get_tpr(void *opaque)
{
    (void)opaque;
    return 0x20;
}
static uint8_t tpr_set;
static void set_tpr(void *opaque, uint8_t tpr)
{
    (void)opaque;
    tpr_set = tpr;
}
static bool no_read(void *opaque, uint32_t msr, uint64_t *value)
{
    (void)opaque, (void)msr, (void)value;
    return false;
}
static bool no_write(void *opaque, uint32_t msr, uint64_t value)
{
    (void)opaque, (void)msr, (void)value;
    return false;
}
static const struct cpu_intc_ops intc = {.acknowledge = acknowledge,
                                         .get_tpr = get_tpr,
                                         .set_tpr = set_tpr,
                                         .read_msr = no_read,
                                         .write_msr = no_write};

/* Section 5: request_interrupt_window makes the run end once an interrupt can be taken. */
static int window(struct kernel *k, struct kvm_run *run)
{
    if (k->runs > 1)
        return fake_shut_down(k, run);
    cr_assert(run->request_interrupt_window);
    cr_assert_eq(run->cr8, 2);
    run->cr8 = 5; /* the guest wrote it meanwhile */
    run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
    run->ready_for_interrupt_injection = run->if_flag = 1;
    return 0;
}

Test(kvm, interrupts_wait_for_their_window)
{
    struct vcpu *cpu = fake_make_vcpu();
    cpu->intc_ops = &intc;
    vector = 0x31;
    kernel.injected = -1;
    kernel.run = window;
    cpu_interrupt(cpu, CPU_INT_HARD);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_assert_eq(kernel.injected, 0x31);
    cr_assert_eq(tpr_set, 0x50);
}

static int halt(struct kernel *k, struct kvm_run *run)
{
    if (k->runs > 1)
        return fake_shut_down(k, run);
    run->exit_reason = KVM_EXIT_HLT;
    run->ready_for_interrupt_injection = run->if_flag = 1;
    return 0;
}

Test(kvm, halts_until_something_can_be_taken)
{
    struct vcpu *cpu = fake_make_vcpu();
    cpu->intc_ops = &intc;
    vector = -1;
    kernel.run = halt;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_HALT);
    cpu_interrupt(cpu, CPU_INT_HARD);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_HALT, "there is no vector yet");
    vector = 0x40;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_assert_eq(kernel.injected, 0x40);
    kernel.runs = 0;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_HALT);
    cpu_interrupt(cpu, CPU_INT_NMI);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_assert_eq(kernel.nmis, 1);
}

/* ---- state ------------------------------------------------------------------------------------
 */

Test(kvm, state_goes_both_ways)
{
    struct vcpu *cpu = fake_make_vcpu();
    struct x86_regs *r = cpu->regs, before;
    for (unsigned i = 0; i < 16; i++) {
        r->gpr[i] = 0x1000 + i;
        r->vec[i].half[0].u64[0] = 0x2000 + i;
        r->vec[i].half[1].u64[1] = 0x3000 + i;
    }
    r->xcr0 = 7;
    r->fsw = 3 << 11; /* the top is in the middle */
    r->ftw = 0x0f;
    for (unsigned i = 0; i < 8; i++)
        r->fpr[i].u64[0] = 0x4000 + i;
    r->dr[7] = 0x401;
    r->sti_shadow = 2;
    r->nmi_masked = 1;
    r->pending_valid = 1;
    r->pending_vector = X86_PF;
    r->pending_has_error = 1;
    r->pending_error = 6;
    before = *r;
    kvm_accel()->put_state(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_assert_eq(kernel.regs.r9, 0x1009);
    cr_assert_eq(kernel.events.exception.nr, X86_PF);
    cr_assert_eq(kernel.events.interrupt.shadow, KVM_X86_SHADOW_INT_MOV_SS);
    memset(r, 0xee, sizeof *r);
    r->xcr0 = 7;
    kvm_accel()->get_state(cpu);
    cr_assert(!memcmp(r->gpr, before.gpr, sizeof r->gpr));
    cr_assert(!memcmp(r->seg, before.seg, sizeof r->seg));
    cr_assert(!memcmp(r->vec, before.vec, 16 * sizeof *r->vec));
    for (unsigned i = 0; i < 8; i++)
        cr_assert_eq(r->fpr[i].u64[0], before.fpr[i].u64[0]);
    cr_assert_eq(r->fsw, before.fsw);
    cr_assert_eq(r->ftw, before.ftw);
    cr_assert_eq(r->dr[7], before.dr[7]);
    cr_assert_eq(r->cr0, before.cr0);
    cr_assert_eq(r->sti_shadow, 2);
    cr_assert_eq(r->nmi_masked, 1);
    cr_assert_eq(r->pending_valid, 1);
    cr_assert_eq(r->pending_vector, X86_PF);
    cr_assert_eq(r->pending_error, 6);
}

Test(kvm, an_msr_that_is_refused_stops_no_other)
{
    struct vcpu *cpu = fake_make_vcpu();
    struct x86_regs *r = cpu->regs;
    kernel.refused_msr = 0x250;
    r->pat = 0x0007040600070406;
    r->mtrr_def_type = 0x806;
    kvm_accel()->put_state(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    r->mtrr_def_type = 0;
    kvm_accel()->get_state(cpu);
    cr_assert_eq(r->mtrr_def_type, 0x806);
}
