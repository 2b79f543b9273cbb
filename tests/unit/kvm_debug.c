/* Breakpoints, watchpoints and steps under KVM, on a kernel made for the test (kvm_fake.h). */
#include <criterion/criterion.h>
#include <string.h>

#include "accel/kvm/kvm.h"
#include "core/memory/memory.h"
#include "tests/unit/kvm_fake.h"

static void end(void)
{
    for (unsigned i = 0; i < m.vcpu_count; i++) {
        m.vcpus[i]->breakpoints = NULL; /* the test's own */
        m.vcpus[i]->breakpoint_count = 0;
    }
    fake_stop();
}

TestSuite(kvm_debug, .init = fake_start, .fini = end);

static struct vcpu *with(struct cpu_breakpoint *list, unsigned count)
{
    struct vcpu *cpu = fake_make_vcpu();
    cpu->breakpoints = list;
    cpu->breakpoint_count = count;
    kvm_accel()->debug_changed(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    return cpu;
}

/* DR7 by SDM vol. 3: Gn at 2n + 1, R/Wn at 16 + 4n, LENn behind it (00 1, 01 2, 11 4, 10 8 bytes).
 */
Test(kvm_debug, each_kind_and_length_is_a_register)
{
    struct cpu_breakpoint list[] = {{0x2000, 8, CPU_BP_WRITE},
                                    {0x3004, 4, CPU_BP_ACCESS},
                                    {0x4002, 2, CPU_BP_WRITE},
                                    {0x1000, 1, CPU_BP_EXEC}};
    with(list, 4);
    const struct kvm_guest_debug *d = &kernel.debug;
    cr_assert_eq(d->control, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP);
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(d->arch.debugreg[i], list[i].addr);
    cr_assert_eq(d->arch.debugreg[7], 0x05f906aa, "%llx", d->arch.debugreg[7]);
}

Test(kvm_debug, a_watchpoint_that_is_not_aligned_takes_several)
{
    struct cpu_breakpoint list[] = {{0x1003, 7, CPU_BP_WRITE}};
    with(list, 1);
    const struct kvm_guest_debug *d = &kernel.debug;
    cr_assert_eq(d->arch.debugreg[0], 0x1003);
    cr_assert_eq(d->arch.debugreg[1], 0x1004);
    cr_assert_eq(d->arch.debugreg[2], 0x1008);
    cr_assert_eq(d->arch.debugreg[7] & 0xff, 0x2a);
    cr_assert_eq(d->arch.debugreg[7] >> 16, 0x5d1, "1, 4 and 2 bytes");
}

static int stop_at_second(struct kernel *k, struct kvm_run *run)
{
    (void)k;
    run->exit_reason = KVM_EXIT_DEBUG;
    run->debug.arch.pc = 0x7c0f;
    run->debug.arch.dr6 = 0xffff0ff2; /* B1 */
    return 0;
}

Test(kvm_debug, a_stop_names_the_watchpoint_it_is_part_of)
{
    struct cpu_breakpoint list[] = {{0x7000, 1, CPU_BP_EXEC}, {0x1004, 12, CPU_BP_ACCESS}};
    struct vcpu *cpu = with(list, 2);
    kernel.run = stop_at_second;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_DEBUG);
    cr_assert_eq(cpu->debug_hit, &list[1]);
    cr_assert_eq(cpu->debug_addr, 0x1008, "the 8 bytes behind the first 4");
}

static int stepped(struct kernel *k, struct kvm_run *run)
{
    /* As kernels have it: a step is armed by the registers as they are at KVM_SET_GUEST_DEBUG, and
     * registers that are set later disarm it. */
    if (!k->step_armed)
        return fake_shut_down(k, run);
    run->exit_reason = KVM_EXIT_DEBUG;
    run->debug.arch.pc = ++k->regs.rip;
    run->debug.arch.dr6 = 0xffff4ff0; /* BS */
    return 0;
}

Test(kvm_debug, a_step_goes_from_registers_that_were_written)
{
    struct vcpu *cpu = fake_make_vcpu();
    struct x86_regs *r = cpu->regs;
    kernel.run = stepped;
    cpu->single_step = true;
    kvm_accel()->debug_changed(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_DEBUG);
    cr_assert_null(cpu->debug_hit);
    for (unsigned i = 0; i < 3; i++) {
        kvm_accel()->get_state(cpu);
        r->rip = 0x7c00 + 16 * i;
        kvm_accel()->put_state(cpu);
        cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_DEBUG, "step %u runs away", i);
        cr_assert_eq(cpu->debug_addr, 0x7c01 + 16 * i);
    }
    cpu->single_step = false;
    kvm_accel()->debug_changed(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
}

/* 64 KiB of memory at 0, in which the vCPU runs without paging. */
static struct mem_region ram;
static uint8_t *memory(void)
{
    struct vemu_error *err = NULL;
    struct ram_block *block = ram_block_new(&m.rams, "ram", 0x10000, false, &err);
    cr_assert(block);
    mem_region_init_ram(&ram, "ram", block, 0, 0x10000);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.memory), 0, &ram, 0);
    machine_unlock(&m);
    memset(block->host, 0x90, 0x10000);
    return block->host;
}

static void forget_memory(void)
{
    machine_lock(&m);
    mem_region_remove(&ram);
    machine_unlock(&m);
}

static void set(struct vcpu *cpu, struct cpu_breakpoint *list, unsigned count)
{
    cpu->breakpoints = list;
    cpu->breakpoint_count = count;
    kvm_accel()->debug_changed(cpu);
}

/* Section 4.87 and KVM_EXIT_DEBUG: the exit names exception 3 and where the INT3 is. */
static const uint8_t *code;
static int int3_at_1400(struct kernel *k, struct kvm_run *run)
{
    (void)k;
    if (code[0x1400] != 0xcc)
        return fake_shut_down(k, run);
    run->exit_reason = KVM_EXIT_DEBUG;
    run->debug.arch.exception = 3;
    run->debug.arch.pc = 0x1400;
    return 0;
}

Test(kvm_debug, breakpoints_beyond_the_registers_are_in_memory_while_it_runs)
{
    struct cpu_breakpoint list[] = {{0x1000, 1, CPU_BP_EXEC}, {0x1100, 1, CPU_BP_EXEC},
                                    {0x1200, 1, CPU_BP_EXEC}, {0x1300, 1, CPU_BP_EXEC},
                                    {0x1400, 1, CPU_BP_EXEC}, {0x2000, 4, CPU_BP_WRITE}};
    struct vcpu *cpu = fake_make_vcpu();
    uint8_t *ram_host = memory();
    code = ram_host;
    set(cpu, list, 6);
    kernel.run = int3_at_1400;
    kvm_accel()->before_resume(&m);
    cr_expect_eq(ram_host[0x1400], 0xcc);
    cr_expect_eq(ram_host[0x1300], 0xcc, "the watchpoint has the fourth register");
    cr_expect_eq(ram_host[0x1200], 0x90);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_DEBUG);
    cr_expect_eq(kernel.debug.control,
                 KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_USE_SW_BP);
    cr_expect_eq(cpu->debug_hit, &list[4]);
    cr_expect_eq(cpu->debug_addr, 0x1400);
    ram_host[0x1300] = 0x55; /* the guest's own write */
    kvm_accel()->get_state(cpu);
    cr_expect_eq(ram_host[0x1400], 0x90, "nobody else sees it");
    cr_expect_eq(ram_host[0x1300], 0x55);
    set(cpu, list, 2);
    kvm_accel()->before_resume(&m);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(kernel.debug.control, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP);
    forget_memory();
}

/* 4.87, KVM_GUESTDBG_INJECT_BP: the guest gets the exception. */
static int its_own_int3(struct kernel *k, struct kvm_run *run)
{
    if (k->debug.control & KVM_GUESTDBG_INJECT_BP)
        return fake_shut_down(k, run);
    run->exit_reason = KVM_EXIT_DEBUG;
    run->debug.arch.exception = 3;
    run->debug.arch.pc = 0x3000;
    return 0;
}

Test(kvm_debug, an_int3_of_the_guests_own_is_given_back)
{
    struct cpu_breakpoint list[5] = {{0x1000, 1, CPU_BP_EXEC}};
    struct vcpu *cpu = fake_make_vcpu();
    memory();
    for (unsigned i = 0; i < 5; i++)
        list[i] = (struct cpu_breakpoint){0x1000 + i, 1, CPU_BP_EXEC};
    set(cpu, list, 5);
    kernel.run = its_own_int3;
    kvm_accel()->before_resume(&m);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(kernel.runs, 2, "and it goes on");
    kvm_accel()->get_state(cpu);
    forget_memory();
}

Test(kvm_debug, what_does_not_fit_is_told_before)
{
    struct cpu_breakpoint list[5] = {0};
    enum cpu_debug_room (*room)(struct vemu_machine * m, const struct cpu_breakpoint *list,
                                unsigned count) = kvm_accel()->debug_room;
    fake_make_vcpu();
    for (unsigned i = 0; i < 5; i++)
        list[i] = (struct cpu_breakpoint){0x1000 + i, 1, CPU_BP_EXEC};
    cr_assert_eq(room(&m, list, 4), CPU_DEBUG_FITS);
    cr_assert_eq(room(&m, list, 5), CPU_DEBUG_NO_ROOM, "there is no memory");
    memory();
    cr_assert_eq(room(&m, list, 5), CPU_DEBUG_FITS);
    kernel.debug_flags = KVM_GUESTDBG_USE_HW_BP;
    cr_assert_eq(room(&m, list, 5), CPU_DEBUG_NO_ROOM, "the kernel takes none");
    forget_memory();
    list[0] = (struct cpu_breakpoint){0x1000, 32, CPU_BP_WRITE};
    cr_assert_eq(room(&m, list, 1), CPU_DEBUG_FITS);
    list[0].addr++;
    cr_assert_eq(room(&m, list, 1), CPU_DEBUG_NO_ROOM);
    list[0] = (struct cpu_breakpoint){UINT64_MAX, 4096, CPU_BP_WRITE};
    cr_assert_eq(room(&m, list, 1), CPU_DEBUG_NO_ROOM);
    list[0].kind = CPU_BP_READ;
    cr_assert_eq(room(&m, list, 1), CPU_DEBUG_NO_KIND);
}

Test(kvm_debug, without_the_extension_nothing_fits)
{
    struct cpu_breakpoint b = {0x1000, 1, CPU_BP_EXEC};
    kernel.missing = KVM_CAP_SET_GUEST_DEBUG;
    with(&b, 1);
    cr_assert_eq(kvm_accel()->debug_room(&m, &b, 1), CPU_DEBUG_NO_ROOM);
    cr_assert_eq(kernel.debug.control, 0, "nothing is asked of the kernel");
    cr_assert(strstr(said, "KVM_CAP_SET_GUEST_DEBUG"));
}
