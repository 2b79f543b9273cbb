/* The kernel's PIT behind accel/kvm, on a kernel made for the test (kvm_fake.h). */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "accel/kvm/kvm.h"
#include "core/cpu/irqchip.h"
#include "core/util/error.h"
#include "tests/unit/kvm_fake.h"

TestSuite(kvm_pit, .init = fake_start, .fini = fake_stop);

enum { MODE_NONE = 0xff, GSI_IRQ0 = 0, IOAPIC_PIN = 2, SECOND = 1000000000 };

static const struct irqchip_ops *ops(void)
{
    return kvm_accel()->irqchip;
}

static struct vcpu *make(const char *mode)
{
    struct vemu_error *err = NULL;
    fake_make_vm();
    cr_assert(kvm_set_option(&m, "kernel-irqchip", mode, &err));
    cr_assert(kvm_machine_ready(&m, &err));
    return fake_make_vcpu();
}

static int64_t monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

Test(kvm_pit, is_made_with_the_speakers_port_and_raises_irq_0)
{
    make("on");
    cr_assert(ops()->make_pit(&m));
    cr_expect_eq(kernel.pit_config, KVM_PIT_SPEAKER_DUMMY);
    /* One GSI on both, the last that names either pin. */
    cr_assert_eq(kernel.routing.nr, 24 + 16 - 1 + 2);
    const struct kvm_irq_routing_entry *e = &kernel.routes[kernel.routing.nr - 2];
    cr_expect(e[0].gsi == GSI_IRQ0 && e[1].gsi == GSI_IRQ0);
    cr_expect(e[0].u.irqchip.irqchip == KVM_IRQCHIP_PIC_MASTER && e[0].u.irqchip.pin == 0);
    cr_expect(e[1].u.irqchip.irqchip == KVM_IRQCHIP_IOAPIC && e[1].u.irqchip.pin == IOAPIC_PIN);
    for (unsigned i = 0; i + 2 < kernel.routing.nr; i++)
        cr_expect_neq(kernel.routes[i].gsi, GSI_IRQ0);
    cr_expect(!ops()->make_pit(&m), "once");
}

Test(kvm_pit, is_not_made_where_controllers_are_not_all_in_the_kernel)
{
    static const char *const modes[] = {"split", "off"};
    for (unsigned i = 0; i < 2; i++) {
        make(modes[i]);
        cr_expect(!ops()->make_pit(&m));
        cr_expect(!kernel.pit_made);
        vcpus_free(&m);
        kvm_accel()->machine_destroy(&m);
        kernel.irqchip = 0;
        kernel.vcpu_made = false;
    }
    cr_expect(!said[0], "%s", said);
}

Test(kvm_pit, is_left_here_when_that_is_asked_for)
{
    struct vemu_error *err = NULL;
    make("on");
    cr_assert(kvm_set_option(&m, "kernel-pit", "off", &err));
    cr_expect(!ops()->make_pit(&m) && !kernel.pit_made);
    cr_assert(!kvm_set_option(NULL, "kernel-pit", "perhaps", &err));
    cr_expect(strstr(vemu_error_message(err), "'perhaps' should be on or off"));
    vemu_error_free(err);
}

Test(kvm_pit, a_kernel_without_one_leaves_it_here_and_says_so)
{
    kernel.missing = KVM_CAP_PIT_STATE2;
    make("on");
    cr_expect(!ops()->make_pit(&m) && !kernel.pit_made);
    cr_expect(strstr(said, "KVM_CAP_PIT_STATE2"), "%s", said);
}

static bool same(const struct irqchip_pit_counter *a, const struct irqchip_pit_counter *b)
{
    int64_t late = a->elapsed - b->elapsed;
    return a->programmed == b->programmed && a->mode == b->mode && a->rw == b->rw &&
           a->bcd == b->bcd && a->gate == b->gate && a->count == b->count &&
           (late < 0 ? -late : late) < SECOND && a->write_msb_next == b->write_msb_next &&
           a->read_msb_next == b->read_msb_next && a->write_lsb == b->write_lsb &&
           a->latch == b->latch && a->latch_bytes == b->latch_bytes && a->status == b->status &&
           a->status_latched == b->status_latched;
}

Test(kvm_pit, each_field_goes_both_ways)
{
    struct irqchip_pit put = {.speaker = true,
                              .counter = {{.programmed = true,
                                           .mode = 2,
                                           .rw = 3,
                                           .gate = true,
                                           .count = 0x1234,
                                           .elapsed = INT64_C(50) * SECOND,
                                           .write_msb_next = true,
                                           .write_lsb = 0x5a},
                                          {.programmed = true,
                                           .mode = 5,
                                           .rw = 2,
                                           .bcd = true,
                                           .gate = true,
                                           .count = 9999,
                                           .latch = 0xabcd,
                                           .latch_bytes = 1,
                                           .status = 0x6b,
                                           .status_latched = true},
                                          {.programmed = true,
                                           .mode = 3,
                                           .rw = 3,
                                           .count = 0x10000,
                                           .latch = 0x7788,
                                           .latch_bytes = 1,
                                           .read_msb_next = true}}},
                       got;
    make("on");
    cr_assert(ops()->make_pit(&m));
    for (unsigned round = 0; round < 5; round++) {
        cr_assert(ops()->put_pit(&m, &put));
        kvm_accel()->before_resume(&m);
        cr_expect_eq(kernel.pit.channels[0].count, put.counter[0].count);
        cr_expect_eq(kernel.pit.channels[1].bcd, 1);
        cr_expect_eq(!!(kernel.pit.flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON), put.speaker);
        memset(&got, 0xee, sizeof got);
        cr_assert(ops()->get_pit(&m, &got));
        for (unsigned n = 0; n < 3; n++)
            cr_expect(same(&got.counter[n], &put.counter[n]), "round %u, counter %u", round, n);
        cr_expect_eq(got.speaker, put.speaker);
        /* What is left of latches, and which byte comes next. */
        put.speaker = !put.speaker;
        put.counter[0].latch_bytes = round % 3;
        put.counter[0].read_msb_next = round == 1;
        put.counter[2].latch_bytes = 0;
        put.counter[2].read_msb_next = round & 1;
        put.counter[1].programmed = false;
        put.counter[1].mode = 0;
    }
}

Test(kvm_pit, stands_still_while_vcpus_are_paused)
{
    struct vcpu *cpu = make("on");
    cr_assert(ops()->make_pit(&m));
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    int64_t loaded = monotonic() - SECOND;
    kernel.pit.channels[0] = (struct kvm_pit_channel_state){
        .count = 1193, .mode = 2, .rw_mode = 3, .gate = 1, .count_load_time = loaded};
    kvm_accel()->get_state(cpu);
    cr_expect_eq(kernel.pit.channels[0].mode, MODE_NONE, "it ticks no more");
    int64_t stood = monotonic();
    struct timespec while_paused = {.tv_nsec = 3000000};
    nanosleep(&while_paused, NULL);
    kvm_accel()->before_resume(&m);
    stood = monotonic() - stood;
    cr_expect_eq(kernel.pit.channels[0].mode, 2);
    cr_expect_eq(kernel.pit.channels[0].count, 1193);
    int64_t moved = kernel.pit.channels[0].count_load_time - loaded;
    cr_expect(moved >= 3000000 && moved <= stood + SECOND, "moved by %lld", (long long)moved);
    unsigned sets = kernel.pit_sets;
    kvm_accel()->before_resume(&m);
    cr_expect_eq(kernel.pit_sets, sets, "it runs already");
    /* Paused again before the vCPU came to run. */
    kvm_accel()->put_state(cpu);
    kvm_accel()->get_state(cpu);
    cr_expect_eq(kernel.pit.channels[0].mode, MODE_NONE);
}

/* Channel 0 is loaded anew when it is put (4.73), and its time with it. */
static void load(uint32_t count, int64_t ago, unsigned mode)
{
    kernel.pit.channels[0] = (struct kvm_pit_channel_state){.count = count,
                                                            .mode = (uint8_t)mode,
                                                            .rw_mode = 3,
                                                            .gate = 1,
                                                            .count_load_time = monotonic() - ago};
}

Test(kvm_pit, a_count_that_ran_out_does_not_run_out_again)
{
    struct vcpu *cpu = make("on");
    struct irqchip_pit was, is;
    cr_assert(ops()->make_pit(&m));
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    load(1193, SECOND, 0);
    cr_assert(ops()->get_pit(&m, &was));
    cr_expect_eq(was.counter[0].count, 1193);
    for (unsigned round = 0; round < 3; round++) {
        kvm_accel()->before_resume(&m);
        cr_expect(kernel.pit.channels[0].count >= 0xfffe0000, "%x", kernel.pit.channels[0].count);
        cr_expect_eq(kernel.pit.channels[0].mode, 0, "and a new count is one of that mode");
        kernel.pit.channels[0].count_load_time = monotonic();
        if (round == 1)
            ops()->block_pit(&m, true);
        cr_assert(ops()->get_pit(&m, &is));
        cr_expect_eq(is.counter[0].count, 1193);
        cr_expect(is.counter[0].elapsed >= was.counter[0].elapsed);
    }
}

Test(kvm_pit, a_count_that_has_not_run_out_goes_on_with_the_rest)
{
    struct vcpu *cpu = make("on");
    cr_assert(ops()->make_pit(&m));
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    load(0, 10000000, 4); /* 10 ms of 55 are gone: 11932 ticks */
    kvm_accel()->get_state(cpu);
    kvm_accel()->before_resume(&m);
    uint32_t left = kernel.pit.channels[0].count;
    cr_expect(left > 0 && left <= 0x10000 - 11931, "%u", left);
}

Test(kvm_pit, an_hpet_takes_its_line_while_it_runs_and_while_it_is_held)
{
    struct vcpu *cpu = make("on");
    cr_assert(ops()->make_pit(&m));
    ops()->block_pit(&m, true);
    cr_expect_eq(kernel.pit.flags, KVM_PIT_FLAGS_HPET_LEGACY);
    ops()->block_pit(&m, false);
    cr_expect_eq(kernel.pit.flags, 0);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    kvm_accel()->get_state(cpu);
    ops()->block_pit(&m, true);
    kvm_accel()->before_resume(&m);
    cr_expect_eq(kernel.pit.flags, KVM_PIT_FLAGS_HPET_LEGACY);
}
