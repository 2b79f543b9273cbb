/* The second tier as it finds things by itself, on its own thread. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "core/util/endian.h"
#include "tests/unit/x86_machine.h"

#if defined(__x86_64__)

enum { CODE = 0x10000, ROUNDS = 50, CALLS = 100000 };

static struct x86_machine t;

struct executed {
    double insns, tier2;
};

static struct executed executed(void)
{
    static char text[8192];
    struct executed e = {0};
    double percent = 0;
    t.m.accel->info_text(&t.m, text, sizeof text);
    const char *p = strstr(text, "executed (count=on)");
    cr_assert_not_null(p);
    p += strlen("executed (count=on)");
    cr_assert_eq(sscanf(p, "%lf instructions, %*f state loads and %*f state stores each; %lf%%",
                        &e.insns, &percent),
                 2, "%s", p);
    e.tier2 = e.insns * percent / 100;
    return e;
}

/* Flat protected mode from CODE to the first HLT. */
static void run_code(void)
{
    vcpu_reset(t.cpu);
    t.r->cr0 |= X86_CR0_PE;
    for (unsigned n = 0; n < 6; n++)
        t.r->seg[n] =
            (struct x86_segment){.limit = 0xffffffff,
                                 .selector = n == X86_CS ? 8 : 16,
                                 .attr = (uint16_t)(X86_SEG_P | X86_SEG_S | X86_SEG_DB | X86_SEG_G |
                                                    (n == X86_CS ? 0xb : 0x3))};
    t.r->rip = CODE;
    t.r->gpr[4] = CODE;
    x86_machine_changed(&t);
    t.cpu->stop_request = false; /* nobody starts it by a thread */
    enum vcpu_exit why = t.m.accel->vcpu_run(t.cpu);
    cr_assert_eq(why, VCPU_EXIT_HALT, "%d %s at 0x%" PRIx64, why, t.cpu->error, t.r->rip);
    t.m.accel->get_state(t.cpu);
}

/* mov ecx, CALLS; 1: call FUNCTION; dec ecx; jnz 1b; hlt. The function, in a page of its own, is
 * ten times as long as a region can be, and of what is in it only the ways out of regions look at
 * events. Where the second tier's thread gets no CPU, a round does not tell. */
Test(tier2, what_is_much_longer_than_a_region_becomes_several)
{
    enum { FUNCTION = CODE + 4096, INCS = 4000 };
    static const char *const options[] = {"backend", "jit", "count", "on", NULL};
    x86_machine_init_with(&t, "max", options);
    uint8_t *code = x86_at(&t, CODE);
    code[0] = 0xb9;
    store_le32(code + 1, CALLS);
    code[5] = 0xe8;
    store_le32(code + 6, FUNCTION - CODE - 10);
    memcpy(code + 10, "\x49\x75\xf8\xf4", 4);
    memset(x86_at(&t, FUNCTION), 0x40, INCS); /* inc eax */
    *x86_at(&t, FUNCTION + INCS) = 0xc3;
    double share = 0;
    for (unsigned n = 0; n < ROUNDS && share < 0.9; n++) {
        const struct executed before = executed();
        run_code();
        cr_assert_eq(t.r->gpr[0], (uint32_t)((uint64_t)CALLS * INCS));
        const struct executed after = executed();
        share = (after.tier2 - before.tier2) / (after.insns - before.insns);
    }
    cr_assert_geq(share, 0.9, "%.1f %% of the last round", 100 * share);
    x86_machine_free(&t);
}

/* How often a vCPU woke the thread; -1: it sleeps. */
static double times_woken(void)
{
    static char text[8192];
    double samples, woken;
    char asleep[16] = "";
    t.m.accel->info_text(&t.m, text, sizeof text);
    const char *p = strstr(text, "samples ");
    cr_assert_not_null(p);
    p += strlen("samples ");
    cr_assert_geq(sscanf(p, "%lf; %lf times woken by a vCPU, %15s", &samples, &woken, asleep), 2);
    return *asleep ? -1 : woken;
}

/* Interrupts that nobody takes, as a running guest has ticks, until the thread was woken. */
static void *tick_until_woken(void *opaque)
{
    volatile uint8_t *enough = opaque;
    while (times_woken() <= 0) {
        cpu_interrupt(t.cpu, CPU_INT_POLL);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    *enough = 1;
    return NULL;
}

/* 1: cmp byte [FLAG], 0; je 1b; hlt: it ends when the thread has been woken, and was asleep before.
 */
Test(tier2, the_thread_sleeps_until_a_vcpu_runs_for_a_while)
{
    enum { FLAG = 0x20000 };
    static const char *const options[] = {"backend", "jit", NULL};
    pthread_t ticks;
    x86_machine_init_with(&t, "max", options);
    memcpy(x86_at(&t, CODE), "\x80\x3d\x00\x00\x02\x00\x00\x74\xf7\xf4", 10);
    while (times_woken() >= 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    cr_assert_eq(pthread_create(&ticks, NULL, tick_until_woken, x86_at(&t, FLAG)), 0);
    run_code();
    pthread_join(ticks, NULL);
    x86_machine_free(&t);
}

/* 1: mov eax, edx; cmp esi, edi; shl eax, cl; lea ecx, [ecx - step]; jecxz 2f; jmp 1b; 2: hlt,
 * which is the first to look at flags. Returns RFLAGS there. */
static uint32_t flags_behind_shifts(uint32_t count, uint8_t step)
{
    static const uint8_t loop[] = {0x89, 0xd0, 0x39, 0xfe, 0xd3, 0xe0, 0x8d,
                                   0x49, 0,    0xe3, 0x02, 0xeb, 0xf3, 0xf4};
    static const struct {
        uint8_t opcode;
        uint32_t value;
    } start[] = {{0xba, 0x80000001}, {0xbe, 1}, {0xbf, 2}}; /* mov edx, esi, edi */
    uint8_t *code = x86_at(&t, CODE);
    for (unsigned n = 0; n < 3; n++, code += 5) {
        code[0] = start[n].opcode;
        store_le32(code + 1, start[n].value);
    }
    code[0] = 0xb9; /* mov ecx */
    store_le32(code + 1, count);
    memcpy(code + 5, loop, sizeof loop);
    code[5 + 8] = (uint8_t)-step;
    for (unsigned n = 0; n < 2; n++)
        run_code();
    return (uint32_t)t.r->rflags &
           (X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_ZF | X86_FLAG_SF | X86_FLAG_OF);
}

Test(tier2, flags_of_a_shift_by_a_register_are_there_for_who_looks_behind_the_region)
{
    static const char *const options[] = {"backend", "jit", "tier2", "sync", "count", "on", NULL};
    static const struct {
        uint32_t count, flags;
        uint8_t step;
        const char *of;
    } cases[] = {
        {3000, X86_FLAG_CF | X86_FLAG_OF, 1, "the last shift, by 1"},
        {3000 * 32, X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_SF, 32,
         "the comparison, which a shift by 0 leaves"},
    };
    for (unsigned n = 0; n < 2; n++) {
        x86_machine_init_with(&t, "max", options);
        cr_expect_eq(flags_behind_shifts(cases[n].count, cases[n].step), cases[n].flags, "of %s",
                     cases[n].of);
        const struct executed e = executed();
        cr_expect_geq(e.tier2, 0.9 * e.insns, "%.1f %%", 100 * e.tier2 / e.insns);
        x86_machine_free(&t);
    }
}

#endif
