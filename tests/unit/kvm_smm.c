/* System management mode under KVM, on a kernel made for the test (kvm_fake.h). */
#include <criterion/criterion.h>
#include <string.h>

#include "accel/kvm/kvm.h"
#include "core/cpu/irqchip.h"
#include "core/memory/memory.h"
#include "core/util/error.h"
#include "tests/unit/kvm_fake.h"

enum { LOW = 0xa0000, SIZE = 0x20000 };

static struct ram_block *ram;
static struct mem_region usual, system_seen, hidden, window;
static uint64_t window_read_value;

static uint64_t window_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return window_read_value;
}
static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)opaque, (void)offset, (void)value, (void)size;
}
static const struct mem_ops window_ops = {.read = window_read, .write = window_write};

/* As a chipset has it: a window of a device where memory is in system management mode. */
static void make_memory(void)
{
    struct vemu_error *err = NULL;
    struct mem_region *all = mem_space_root(m.memory);
    ram = ram_block_new(&m.rams, "ram", 1 << 20, false, &err);
    machine_lock(&m);
    mem_region_init_ram(&usual, "usual", ram, 0, 1 << 20);
    mem_region_init_io(&window, "window", SIZE, &window_ops, NULL, NULL);
    mem_region_add(all, 0, &usual, 0);
    mem_region_add(all, LOW, &window, 1);
    m.smm_memory = mem_space_new_beside("smm", m.memory, &err);
    mem_region_init_alias(&system_seen, "system", all, 0, all->size);
    mem_region_init_ram(&hidden, "hidden", ram, LOW, SIZE);
    mem_region_add(mem_space_root(m.smm_memory), 0, &system_seen, 0);
    mem_region_add(mem_space_root(m.smm_memory), LOW, &hidden, 1);
    machine_unlock(&m);
}

static void stop(void)
{
    machine_lock(&m);
    if (ram) {
        mem_region_remove(&hidden);
        mem_region_remove(&system_seen);
        mem_region_remove(&window);
        mem_region_remove(&usual);
    }
    machine_unlock(&m);
    if (ram)
        ram_block_free(&m.rams, ram);
    fake_stop();
}
TestSuite(kvm_smm, .init = fake_start, .fini = stop);

/* The slot that an address is in. */
static const struct kvm_userspace_memory_region *
slot_at(const struct kvm_userspace_memory_region *slots, uint64_t addr)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (addr >= slots[i].guest_phys_addr &&
            addr - slots[i].guest_phys_addr < slots[i].memory_size)
            return &slots[i];
    return NULL;
}

Test(kvm_smm, is_there_when_the_kernel_offers_it_and_its_memory)
{
    kernel.has_smm = true;
    fake_make_vm();
    cr_expect(kvm_accel()->has_smm(&m));
    cr_expect(!said[0], "%s", said);
}

Test(kvm_smm, a_kernel_without_it_says_what_is_lost)
{
    fake_make_vm();
    cr_expect(!kvm_accel()->has_smm(&m));
    cr_expect(strstr(said, "KVM_CAP_X86_SMM"), "%s", said);
}

Test(kvm_smm, is_none_without_a_second_address_space)
{
    kernel.has_smm = true;
    kernel.missing = KVM_CAP_MULTI_ADDRESS_SPACE;
    fake_make_vm();
    cr_expect(!kvm_accel()->has_smm(&m));
}

Test(kvm_smm, its_memory_is_an_address_space_of_its_own)
{
    kernel.has_smm = true;
    fake_make_vm();
    make_memory();
    cr_expect_null(slot_at(kernel.slots, LOW), "a device's window is no memory");
    const struct kvm_userspace_memory_region *s = slot_at(kernel.smm_slots, LOW);
    cr_assert(s);
    cr_expect_eq(s->slot >> 16, 1);
    cr_expect_eq(s->userspace_addr + (LOW - s->guest_phys_addr), (uintptr_t)ram->host + LOW);
    cr_expect(slot_at(kernel.slots, 0) && slot_at(kernel.smm_slots, 0));
    machine_lock(&m);
    mem_region_set_enabled(&hidden, false);
    machine_unlock(&m);
    cr_expect_null(slot_at(kernel.smm_slots, LOW));
}

/* Both views tell the same listener of their changes. */
Test(kvm_smm, its_view_is_not_the_guests_where_the_kernel_has_none)
{
    fake_make_vm();
    make_memory();
    cr_expect_null(slot_at(kernel.slots, LOW), "a device's window is no memory");
    machine_lock(&m);
    mem_region_set_enabled(&hidden, false);
    mem_region_set_enabled(&hidden, true);
    machine_unlock(&m);
    cr_expect_null(slot_at(kernel.slots, LOW));
    cr_expect_null(slot_at(kernel.smm_slots, 0));
}

/* Section 5, KVM_RUN_X86_SMM: the vCPU is in system management mode. */
static int read_low(struct kernel *k, struct kvm_run *run)
{
    if (k->runs > 2)
        return fake_shut_down(k, run);
    if (k->runs == 2)
        window_read_value = run->mmio.data[0];
    run->flags = k->runs == 1 ? KVM_RUN_X86_SMM : 0;
    run->exit_reason = KVM_EXIT_MMIO;
    run->mmio.phys_addr = LOW + 0x10;
    run->mmio.len = 1;
    run->mmio.is_write = 0;
    return 0;
}

Test(kvm_smm, accesses_are_of_the_memory_of_their_mode)
{
    kernel.has_smm = true;
    struct vcpu *cpu = fake_make_vcpu();
    make_memory();
    ((uint8_t *)ram->host)[LOW + 0x10] = 0x5a;
    kernel.run = read_low;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(window_read_value, 0x5a, "what it read in the mode");
    cr_expect_eq(((struct kvm_run *)kernel.page)->mmio.data[0], 0x5a, "and outside, the window");
    cr_expect_eq(((struct x86_regs *)cpu->regs)->smm, 0);
}

Test(kvm_smm, management_interrupts_are_the_kernels)
{
    kernel.has_smm = true;
    struct vcpu *cpu = fake_make_vcpu();
    cpu_interrupt(cpu, CPU_INT_SMI);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(kernel.smis, 1);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(kernel.smis, 1, "once");
}

Test(kvm_smm, management_interrupts_find_nobody_without_it)
{
    struct vcpu *cpu = fake_make_vcpu();
    cpu_interrupt(cpu, CPU_INT_SMI);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(kernel.smis, 0);
    cr_expect(!(atomic_load(&cpu->interrupt) & CPU_INT_SMI));
    cr_expect(!(kernel.events.flags & KVM_VCPUEVENT_VALID_SMM));
}

Test(kvm_smm, its_state_goes_both_ways)
{
    struct vemu_error *err = NULL;
    kernel.has_smm = true;
    fake_make_vm();
    cr_assert(kvm_machine_ready(&m, &err));
    struct vcpu *cpu = fake_make_vcpu();
    struct x86_regs *r = cpu->regs;
    r->smm = r->smm_inside_nmi = 1;
    atomic_fetch_or(&cpu->interrupt, CPU_INT_INIT); /* held until RSM */
    kvm_accel()->put_state(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect(kernel.events.flags & KVM_VCPUEVENT_VALID_SMM);
    cr_expect(kernel.events.smi.smm && kernel.events.smi.smm_inside_nmi &&
              kernel.events.smi.latched_init);
    cr_expect(!(atomic_load(&cpu->interrupt) & CPU_INT_INIT), "the kernel holds it");
    r->smm = r->smm_inside_nmi = 0;
    kernel.events.smi.pending = 1;
    kvm_accel()->get_state(cpu);
    cr_expect(r->smm && r->smm_inside_nmi);
    cr_expect(atomic_load(&cpu->interrupt) & CPU_INT_SMI);
    cr_expect(atomic_load(&cpu->interrupt) & CPU_INT_INIT);
    kernel.events.smi.pending = 0;
    r->smm = 0;
    cpu_clear_interrupt(cpu, CPU_INT_SMI | CPU_INT_INIT);
    kvm_accel()->put_state(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect(!kernel.events.smi.smm && !kernel.events.smi.smm_inside_nmi &&
              !kernel.events.smi.latched_init);
}
