/* GICv2: distributor, CPU interfaces, GICv2m. */
#include <criterion/criterion.h>
#include "hw/intc/gicv2.h"
#include "tests/device/device_test.h"
#include "tests/device/gic_cpus.h"

#define DIST UINT64_C(0x08000000)
#define CPU UINT64_C(0x08010000)
#define FRAME UINT64_C(0x08020000)
enum {
    CTLR = 0,
    PMR = 4,
    BPR = 8,
    IAR = 0xc,
    EOIR = 0x10,
    RPR = 0x14,
    HPPIR = 0x18,
    ABPR = 0x1c,
    AIAR = 0x20,
    AEOIR = 0x24,
    DIR = 0x1000,
    IGROUPR = 0x80,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    ISACTIVER = 0x300,
    IPRIORITYR = 0x400,
    ITARGETSR = 0x800,
    ICFGR = 0xc00,
    SGIR = 0xf00,
};
enum { NONE = 1023, SPIS = 96, UART = 33 };

static struct vemu_machine m;
static struct gic_cpus cpus;
static struct device *gic;

static struct device *create(struct vemu_machine *machine, struct gic_cpus *c, bool security)
{
    struct vemu_error *err = NULL;
    struct gicv2_config cfg = {.cpus = c->cpu,
                               .cpu_count = 4,
                               .spis = SPIS,
                               .dist_base = DIST,
                               .cpu_base = CPU,
                               .security = security};
    gic_cpus_init(c, machine);
    return made(gicv2_create(machine, &cfg, &err), err);
}
static void setup(void)
{
    test_machine_init(&m);
    gic = create(&m, &cpus, false);
    write32(&m, DIST + CTLR, 1);
    for (unsigned i = 4; i-- > 0;) {
        gic_as(&cpus, i, false);
        write32(&m, CPU + CTLR, 1);
        write32(&m, CPU + PMR, 0xf0);
    }
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(gicv2, .init = setup, .fini = teardown);

static uint32_t rd(unsigned reg)
{
    return read32(&m, DIST + reg);
}
static void wr(unsigned reg, uint32_t v)
{
    write32(&m, DIST + reg, v);
}
static void wr8(unsigned reg, uint8_t v)
{
    cr_assert_eq(mem_write(m.memory, DIST + reg, 1, v), MEM_OK);
}
static uint32_t ack(void)
{
    return read32(&m, CPU + IAR);
}
static void eoi(uint32_t v)
{
    write32(&m, CPU + EOIR, v);
}
static void line(unsigned intid, int level)
{
    struct irq irq = gicv2_spi(gic, intid - 32);
    irq_set(&irq, level);
}
static void enable(unsigned intid, uint8_t priority, uint8_t targets)
{
    wr8(IPRIORITYR + intid, priority);
    wr8(ITARGETSR + intid, targets);
    wr(ISENABLER + intid / 32 * 4, 1u << intid % 32);
}
static void make_edge(unsigned intid)
{
    wr(ICFGR + intid / 16 * 4, rd(ICFGR + intid / 16 * 4) | 2u << intid % 16 * 2);
}
static bool irq(unsigned cpu)
{
    return gic_asks(&cpus, cpu, CPU_INT_IRQ);
}

Test(gicv2, identification)
{
    cr_expect_eq(rd(4), 3 | 3 << 5);
    cr_expect_eq(rd(0xfe8) & 0xf0, 0x20);
    cr_expect_eq(rd(8) & 0xfff, 0x43b);
    cr_expect_eq(read32(&m, CPU + 0xfc) & 0xf0fff, 0x2043b);
    cr_expect_eq(rd(ISENABLER), 0xffff, "SGIs are always enabled");
    cr_expect_eq(rd(ICFGR), 0xaaaaaaaa);
}

Test(gicv2, level_input_is_pending_while_it_is_up)
{
    enable(UART, 0xa0, 1);
    line(UART, 1);
    cr_expect(irq(0));
    line(UART, 0);
    cr_expect_not(irq(0));
    cr_expect_eq(ack(), NONE);
    line(UART, 1);
    cr_expect_eq(ack(), UART);
    cr_expect_not(irq(0), "active and pending");
    cr_expect_eq(rd(ISPENDR + 4), 2);
    eoi(UART);
    cr_expect(irq(0), "still up");
    cr_expect_eq(ack(), UART);
    line(UART, 0);
    eoi(UART);
    cr_expect_not(irq(0));
}

Test(gicv2, edge_is_latched_once)
{
    make_edge(UART);
    enable(UART, 0xa0, 1);
    line(UART, 1);
    line(UART, 0);
    cr_expect(irq(0));
    cr_expect_eq(ack(), UART);
    eoi(UART);
    cr_expect_not(irq(0));
    line(UART, 1);
    wr(ICPENDR + 4, 2);
    cr_expect_not(irq(0), "the latch is cleared though the line is up");
}

Test(gicv2, edge_that_comes_while_active_is_signalled_after_the_end)
{
    make_edge(UART);
    enable(UART, 0xa0, 1);
    line(UART, 1);
    cr_expect_eq(ack(), UART);
    line(UART, 0);
    line(UART, 1);
    cr_expect_not(irq(0));
    eoi(UART);
    cr_expect_eq(ack(), UART);
}

Test(gicv2, highest_priority_comes_first_and_preempts)
{
    enable(40, 0xa0, 1);
    enable(41, 0x80, 1);
    line(40, 1);
    cr_expect_eq(ack(), 40);
    cr_expect_eq(read32(&m, CPU + RPR), 0xa0);
    line(41, 1);
    cr_expect(irq(0));
    cr_expect_eq(read32(&m, CPU + HPPIR), 41);
    cr_expect_eq(ack(), 41);
    cr_expect_eq(read32(&m, CPU + RPR), 0x80);
    line(41, 0);
    eoi(41);
    cr_expect_eq(read32(&m, CPU + RPR), 0xa0);
    line(40, 0);
    eoi(40);
    cr_expect_eq(read32(&m, CPU + RPR), 0xff);
}

Test(gicv2, binary_point_keeps_subpriorities_from_preempting)
{
    write32(&m, CPU + BPR, 5); /* group priority: bits 7 and 6 */
    enable(40, 0xa0, 1);
    enable(41, 0x80, 1);
    line(40, 1);
    cr_expect_eq(ack(), 40);
    line(41, 1);
    cr_expect_not(irq(0));
    cr_expect_eq(ack(), NONE);
    write32(&m, CPU + BPR, 0);
    cr_expect_eq(read32(&m, CPU + BPR), 2, "the smallest there is");
}

Test(gicv2, priority_mask_holds_interrupts_back)
{
    enable(UART, 0xa0, 1);
    line(UART, 1);
    write32(&m, CPU + PMR, 0xa0);
    cr_expect_not(irq(0));
    cr_expect_eq(read32(&m, CPU + HPPIR), UART, "pending all the same");
    write32(&m, CPU + PMR, 0xa8);
    cr_expect(irq(0));
}

Test(gicv2, unimplemented_priority_bits_read_as_zero)
{
    wr8(IPRIORITYR + UART, 0xff);
    cr_expect_eq(rd(IPRIORITYR + 32), 0xf800);
}

Test(gicv2, target_list_says_who_is_asked)
{
    enable(UART, 0xa0, 6);
    line(UART, 1);
    cr_expect(irq(1) && irq(2) && !irq(0) && !irq(3));
    gic_as(&cpus, 2, false);
    cr_expect_eq(ack(), UART);
    cr_expect_not(irq(1), "one has taken it");
    cr_expect_eq(rd(ITARGETSR), 0x04040404, "own number");
    wr8(ITARGETSR + UART, 0xff);
    cr_expect_eq(rd(ITARGETSR + 32) >> 8 & 0xff, 0x0f);
}

Test(gicv2, private_interrupts_are_banked)
{
    struct irq timer = gicv2_ppi(gic, 1, 27);
    gic_as(&cpus, 1, false);
    wr8(IPRIORITYR + 27, 0x80);
    wr(ISENABLER, 1u << 27);
    irq_set(&timer, 1);
    cr_expect(irq(1) && !irq(0));
    cr_expect_eq(ack(), 27);
    gic_as(&cpus, 0, false);
    cr_expect_eq(rd(ISENABLER), 0xffff);
    cr_expect_eq(rd(ISPENDR), 0);
}

Test(gicv2, sgi_tells_its_sender_and_comes_once_for_each)
{
    gic_as(&cpus, 1, false);
    wr(SGIR, 1 << 16 | 5);
    gic_as(&cpus, 3, false);
    wr(SGIR, 1 << 16 | 5);
    gic_as(&cpus, 0, false);
    cr_expect_eq(ack(), 5 | 1 << 10);
    eoi(5 | 1 << 10);
    cr_expect(irq(0));
    cr_expect_eq(ack(), 5 | 3 << 10);
    eoi(5 | 3 << 10);
    cr_expect_not(irq(0));
}

Test(gicv2, sgi_target_filters)
{
    wr(SGIR, 1 << 24 | 2);
    cr_expect(!irq(0) && irq(1) && irq(2) && irq(3));
    wr(SGIR, 2 << 24 | 3);
    cr_expect(irq(0));
    cr_expect_eq(ack(), 3);
    wr(SGIR, 3 << 24 | 0xff << 16 | 4);
    cr_expect_eq(read32(&m, CPU + HPPIR), NONE, "reserved");
}

Test(gicv2, sgi_pending_registers_have_the_senders)
{
    wr8(0xf20 + 7, 0xff);
    cr_expect_eq(rd(0xf20 + 4), 0x0f000000);
    cr_expect_eq(ack(), 7);
    cr_expect_eq(rd(0xf10 + 4), 0x0e000000);
    wr8(0xf10 + 7, 0x0e);
    cr_expect_eq(rd(ISPENDR), 0);
    wr(ISPENDR, 1 << 7);
    cr_expect_eq(rd(ISPENDR), 0, "not by this register");
}

Test(gicv2, eoi_mode_separates_drop_from_deactivation)
{
    write32(&m, CPU + CTLR, 1 | 1 << 9);
    enable(UART, 0xa0, 1);
    line(UART, 1);
    cr_expect_eq(ack(), UART);
    eoi(UART);
    cr_expect_eq(read32(&m, CPU + RPR), 0xff);
    cr_expect_eq(rd(ISACTIVER + 4), 2);
    cr_expect_not(irq(0));
    write32(&m, CPU + DIR, UART);
    cr_expect_eq(rd(ISACTIVER + 4), 0);
    cr_expect(irq(0));
}

Test(gicv2, groups_choose_the_output)
{
    wr(IGROUPR + 4, 2);
    enable(UART, 0xa0, 1);
    line(UART, 1);
    cr_expect_not(irq(0), "group 1 is off");
    wr(CTLR, 3);
    write32(&m, CPU + CTLR, 3 | 1 << 3);
    cr_expect(irq(0) && !gic_asks(&cpus, 0, CPU_INT_FIQ));
    cr_expect_eq(ack(), 1022, "the other group's");
    cr_expect_eq(read32(&m, CPU + AIAR), UART);
    write32(&m, CPU + AEOIR, UART);
    wr(IGROUPR + 4, 0);
    cr_expect(!irq(0) && gic_asks(&cpus, 0, CPU_INT_FIQ));
    cr_expect_eq(ack(), UART);
}

Test(gicv2, disabled_distributor_forwards_nothing)
{
    enable(UART, 0xa0, 1);
    line(UART, 1);
    wr(CTLR, 0);
    cr_expect_not(irq(0));
    wr(CTLR, 1);
    cr_expect(irq(0));
    wr(ICENABLER + 4, 2);
    cr_expect_not(irq(0));
}

Test(gicv2, registers_beyond_its_interrupts_are_zero)
{
    wr(ISENABLER + 16, ~0u);
    cr_expect_eq(rd(ISENABLER + 16), 0);
    wr8(IPRIORITYR + 128, 0xff);
    cr_expect_eq(rd(IPRIORITYR + 128), 0);
    wr8(ITARGETSR + 1020, 0xff);
    cr_expect_eq(rd(ITARGETSR + 1020), 0);
    eoi(1000);
    write32(&m, CPU + DIR, 1000);
    cr_expect_null(gicv2_spi(gic, SPIS).fn);
    cr_expect_null(gicv2_ppi(gic, 0, 3).fn);
}

Test(gicv2, active_state_can_be_written)
{
    enable(UART, 0xa0, 1);
    line(UART, 1);
    wr(ISACTIVER + 4, 2);
    cr_expect_not(irq(0));
    cr_expect_eq(rd(0x384), 2);
    wr(0x384, 2);
    cr_expect(irq(0));
    wr(ISACTIVER, 1 << 3);
    cr_expect_eq(rd(ISACTIVER), 1 << 3, "of an SGI, too");
}

Test(gicv2, active_priorities_can_be_restored)
{
    enable(UART, 0xa0, 1);
    line(UART, 1);
    write32(&m, CPU + 0xd0, 1u << 16);
    cr_expect_eq(read32(&m, CPU + RPR), 0x80);
    cr_expect_not(irq(0));
    write32(&m, CPU + 0xd0, 0);
    write32(&m, CPU + 0xe0, 1u << 20);
    cr_expect_eq(read32(&m, CPU + 0xe0), 1u << 20);
    cr_expect_not(irq(0), "group 1's count as well");
    write32(&m, CPU + 0xe0, 1u << 21);
    cr_expect(irq(0));
}

Test(gicv2, uniprocessor_has_no_target_lists)
{
    struct vemu_error *err = NULL;
    struct gicv2_config cfg = {.cpus = cpus.cpu,
                               .cpu_count = 1,
                               .spis = 32,
                               .dist_base = DIST + 0x100000,
                               .cpu_base = CPU + 0x100000};
    struct device *one = made(gicv2_create(&m, &cfg, &err), err);
    struct irq uart = gicv2_spi(one, 1);
    uint64_t dist = cfg.dist_base, cpu = cfg.cpu_base;
    write32(&m, dist + ITARGETSR + 32, ~0u);
    cr_expect_eq(read32(&m, dist + ITARGETSR + 32), 0);
    cr_expect_eq(read32(&m, dist + ITARGETSR), 0);
    write32(&m, dist, 1);
    write32(&m, dist + ISENABLER + 4, 2);
    write32(&m, cpu, 1);
    write32(&m, cpu + PMR, 0xf0);
    irq_set(&uart, 1);
    cr_expect(irq(0));
}

/* ---- two security states --------------------------------------------------------------------- */

static void setup_secure(void)
{
    test_machine_init(&m);
    gic = create(&m, &cpus, true);
    gic_as(&cpus, 0, true);
    write32(&m, DIST + CTLR, 3);
    write32(&m, CPU + CTLR, 3 | 1 << 3);
    write32(&m, CPU + PMR, 0xf8);
    write32(&m, DIST + IGROUPR + 4, 2);
}
TestSuite(gicv2_secure, .init = setup_secure, .fini = teardown);

Test(gicv2_secure, nonsecure_software_sees_its_own_half)
{
    cr_expect_eq(rd(4) >> 10 & 1, 1);
    enable(34, 0x40, 1);
    enable(UART, 0xc0, 1);
    gic_as(&cpus, 0, false);
    cr_expect_eq(rd(CTLR), 1);
    cr_expect_eq(rd(ISENABLER + 4), 2);
    cr_expect_eq(rd(IGROUPR + 4), 0);
    cr_expect_eq(rd(IPRIORITYR + 32), 0x8000, "shifted");
    wr8(IPRIORITYR + UART, 0x20);
    wr8(IPRIORITYR + 34, 0xff);
    wr(ICENABLER + 4, ~0u);
    gic_as(&cpus, 0, true);
    cr_expect_eq(rd(IPRIORITYR + 32), 0x00409000);
    cr_expect_eq(rd(ISENABLER + 4), 4);
}

Test(gicv2_secure, group_0_is_a_fiq_that_nonsecure_software_cannot_take)
{
    enable(34, 0x40, 1);
    line(34, 1);
    cr_expect(gic_asks(&cpus, 0, CPU_INT_FIQ) && !irq(0));
    gic_as(&cpus, 0, false);
    cr_expect_eq(ack(), NONE);
    gic_as(&cpus, 0, true);
    cr_expect_eq(ack(), 34);
    gic_as(&cpus, 0, false);
    cr_expect_eq(read32(&m, CPU + RPR), 0);
    eoi(34);
    gic_as(&cpus, 0, true);
    cr_expect_eq(read32(&m, CPU + RPR), 0x40, "nor end it");
}

Test(gicv2_secure, nonsecure_priority_mask_is_the_lower_half)
{
    gic_as(&cpus, 0, false);
    write32(&m, CPU + PMR, 0x40);
    cr_expect_eq(read32(&m, CPU + PMR), 0x40);
    gic_as(&cpus, 0, true);
    cr_expect_eq(read32(&m, CPU + PMR), 0xa0);
    write32(&m, CPU + PMR, 0x40);
    gic_as(&cpus, 0, false);
    cr_expect_eq(read32(&m, CPU + PMR), 0);
    write32(&m, CPU + PMR, 0xf0);
    gic_as(&cpus, 0, true);
    cr_expect_eq(read32(&m, CPU + PMR), 0x40);
}

Test(gicv2_secure, control_register_has_two_views)
{
    write32(&m, CPU + CTLR, 0x7ff);
    gic_as(&cpus, 0, false);
    cr_expect_eq(read32(&m, CPU + CTLR), 1 | 3 << 5 | 1 << 9);
    write32(&m, CPU + CTLR, 0);
    wr(CTLR, 0);
    gic_as(&cpus, 0, true);
    cr_expect_eq(read32(&m, CPU + CTLR), 0x7ff & ~(2 | 3 << 7 | 1 << 10));
    cr_expect_eq(rd(CTLR), 1, "the distributor's, too");
}

Test(gicv2_secure, binary_points_are_banked)
{
    write32(&m, CPU + BPR, 4);
    write32(&m, CPU + ABPR, 6);
    gic_as(&cpus, 0, false);
    cr_expect_eq(read32(&m, CPU + BPR), 6);
    cr_expect_eq(read32(&m, CPU + ABPR), 0, "secure software's");
    write32(&m, CPU + BPR, 0);
    gic_as(&cpus, 0, true);
    cr_expect_eq(read32(&m, CPU + ABPR), 3);
    write32(&m, CPU + CTLR, 3 | 1 << 4);
    gic_as(&cpus, 0, false);
    cr_expect_eq(read32(&m, CPU + BPR), 5, "the common one, as group 1 has it");
    write32(&m, CPU + BPR, 7);
    gic_as(&cpus, 0, true);
    cr_expect_eq(read32(&m, CPU + BPR), 4);
    cr_expect_eq(read32(&m, CPU + ABPR), 3);
}

Test(gicv2_secure, without_firmware_all_is_nonsecure_after_reset)
{
    struct vemu_error *err = NULL;
    struct gicv2_config cfg = {.cpus = cpus.cpu,
                               .cpu_count = 2,
                               .spis = 32,
                               .dist_base = DIST + 0x100000,
                               .cpu_base = CPU + 0x100000,
                               .security = true,
                               .reset_nonsecure = true};
    struct device *open = made(gicv2_create(&m, &cfg, &err), err);
    struct irq uart = gicv2_spi(open, 1);
    gic_as(&cpus, 0, false);
    write32(&m, cfg.dist_base, 1);
    write32(&m, cfg.dist_base + ISENABLER + 4, 2);
    write32(&m, cfg.dist_base + ITARGETSR + 32, 1 << 8);
    write32(&m, cfg.cpu_base, 1);
    write32(&m, cfg.cpu_base + PMR, 0xf0);
    cr_expect_eq(read32(&m, cfg.cpu_base + PMR), 0xf0);
    irq_set(&uart, 1);
    cr_expect(irq(0));
    cr_expect_eq(read32(&m, cfg.cpu_base + IAR), UART);
}

Test(gicv2_secure, sgi_goes_to_the_group_that_is_meant)
{
    wr(IGROUPR, 1 << 8);
    wr(SGIR, 1 << 16 | 8);
    cr_expect_eq(rd(ISPENDR), 0);
    wr(SGIR, 1 << 16 | 1 << 15 | 8);
    cr_expect_eq(rd(ISPENDR), 1 << 8);
    gic_as(&cpus, 0, false);
    wr(SGIR, 1 << 16 | 9);
    gic_as(&cpus, 0, true);
    cr_expect_eq(rd(ISPENDR), 1 << 8);
}

/* ---- GICv2m ---------------------------------------------------------------------------------- */

static void setup_frame(void)
{
    struct vemu_error *err = NULL;
    setup();
    struct gicv2m_config cfg = {.base = FRAME, .gic = gic, .first_spi = 32, .spis = 16};
    made(gicv2m_create(&m, &cfg, &err), err);
}
TestSuite(gicv2m, .init = setup_frame, .fini = teardown);

Test(gicv2m, message_makes_its_spi_pending)
{
    cr_expect_eq(read32(&m, FRAME + 8), 64 << 16 | 16);
    make_edge(70);
    enable(70, 0xa0, 2);
    write32(&m, FRAME + 0x40, 70);
    cr_expect(irq(1));
    gic_as(&cpus, 1, false);
    cr_expect_eq(ack(), 70);
    eoi(70);
    cr_expect_not(irq(1));
}

Test(gicv2m, message_of_a_device_is_a_memory_write)
{
    uint8_t word[4] = {65};
    make_edge(65);
    enable(65, 0xa0, 1);
    machine_lock(&m);
    cr_expect_eq(dma_write(m.memory, NULL, FRAME + 0x40, word, sizeof word), MEM_OK);
    machine_unlock(&m);
    cr_expect_eq(ack(), 65);
}

Test(gicv2m, other_spis_are_out_of_reach)
{
    make_edge(63);
    enable(63, 0xa0, 1);
    write32(&m, FRAME + 0x40, 63);
    write32(&m, FRAME + 0x40, 80);
    write32(&m, FRAME + 0x40, 0);
    write32(&m, FRAME + 0x44, 64);
    cr_expect_eq(rd(ISPENDR + 4), 0);
    cr_expect_eq(rd(ISPENDR + 8), 0);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void busy(void)
{
    enable(UART, 0xa0, 3);
    make_edge(40);
    enable(40, 0x60, 1);
    line(UART, 1);
    line(40, 1);
    gic_as(&cpus, 1, false);
    wr(SGIR, 1 << 16 | 5);
    gic_as(&cpus, 0, false);
    ack();
}

Test(gicv2, saved_state_has_it_all)
{
    struct vemu_machine other;
    struct gic_cpus others;
    test_machine_init(&other);
    struct device *fresh = create(&other, &others, false);
    busy();
    assert_round_trip(gic, fresh);
    cr_expect_eq(gic_asks(&others, 0, CPU_INT_IRQ), irq(0));
    cr_expect(gic_asks(&others, 1, CPU_INT_IRQ));
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t intid = read32(machine, CPU + IAR);
        write32(machine, CPU + EOIR, intid);
        write32(machine, DIST + SGIR, 2 << 24 | i);
        read32(machine, CPU + RPR);
    }
}

Test(gicv2, damaged_state_does_no_harm)
{
    struct vemu_machine other;
    struct gic_cpus others;
    test_machine_init(&other);
    struct device *victim = create(&other, &others, false);
    busy();
    fuzz_state(gic, victim, 300, poke);
    machine_destroy(&other);
}

Test(gicv2, reset_lowers_its_outputs)
{
    busy();
    cr_expect(irq(1));
    machine_lock(&m);
    gic->cls->reset(gic);
    machine_unlock(&m);
    cr_expect(!irq(0) && !irq(1));
    cr_expect_eq(rd(CTLR), 0);
    cr_expect_eq(read32(&m, CPU + RPR), 0xff);
    write32(&m, DIST + CTLR, 1);
    cr_expect_eq(rd(ISPENDR + 4) & 2, 2, "the line is still up");
}

Test(gicv2, configuration_is_checked)
{
    struct vemu_error *err = NULL;
    struct gicv2_config cfg = {.cpus = cpus.cpu, .cpu_count = 9, .spis = 32};
    cr_expect_null(gicv2_create(&m, &cfg, &err));
    cr_expect(err);
    vemu_error_free(err);
    err = NULL;
    cfg.cpu_count = 1;
    cfg.spis = 989;
    cr_expect_null(gicv2_create(&m, &cfg, &err));
    cr_expect(err);
    vemu_error_free(err);
}
