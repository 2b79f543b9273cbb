/* LPIs and the ITS: commands, tables in memory, messages. */
#include <criterion/criterion.h>
#include <string.h>
#include "core/util/endian.h"
#include "hw/intc/gicv3.h"
#include "hw/intc/gicv3_its.h"
#include "hw/intc/gicv3_regs.h"
#include "tests/device/device_test.h"
#include "tests/device/gic_cpus.h"

#define DIST UINT64_C(0x08000000)
#define ITS UINT64_C(0x08080000)
#define REDIST UINT64_C(0x080a0000)
#define RAM UINT64_C(0x40000000)
#define VALID (UINT64_C(1) << 63)
#define PTZ (UINT64_C(1) << 62)
enum {
    RAM_SIZE = 2 << 20,
    CPUS = 4,
    NONE = 1023,
    /* in RAM */
    CONFIG = 0x0,
    PENDING = 0x10000, /* each vCPU's takes 64 KiB */
    DEVICES = 0x60000,
    COLLECTIONS = 0x70000,
    ITT = 0x80000,
    QUEUE = 0x90000,
    QUEUE_SIZE = 4096,
    LEVEL2 = 0xa0000,
    /* registers */
    GITS_CBASER = 0x80,
    GITS_CWRITER = 0x88,
    GITS_CREADR = 0x90,
    GITS_BASER0 = 0x100,
    GITS_BASER1 = 0x108,
    GICR_PROPBASER = 0x70,
    GICR_PENDBASER = 0x78,
    DEVICE = 0x18, /* 00:03.0 */
    LPI = 8192,
};

struct fixture {
    struct vemu_machine m;
    struct gic_cpus cpus;
    struct device *gic, *its;
    struct ram_block *ram;
    struct mem_region ram_region;
    unsigned tail; /* of the queue */
};
static struct fixture f, other;

static void create(struct fixture *t)
{
    struct vemu_error *err = NULL;
    memset(t, 0, sizeof *t);
    test_machine_init(&t->m);
    gic_cpus_init(&t->cpus, &t->m);
    t->ram = ram_block_new(&t->m.rams, "ram", RAM_SIZE, false, &err);
    cr_assert(t->ram);
    mem_region_init_ram(&t->ram_region, "ram", t->ram, 0, RAM_SIZE);
    machine_lock(&t->m);
    mem_region_add(mem_space_root(t->m.memory), RAM, &t->ram_region, 0);
    machine_unlock(&t->m);
    struct gicv3_config cfg = {.cpus = t->cpus.cpu,
                               .affinity = t->cpus.affinity,
                               .cpu_count = CPUS,
                               .spis = 32,
                               .dist_base = DIST,
                               .redist = {{REDIST, CPUS}},
                               .lpis = true};
    t->gic = made(gicv3_create(&t->m, &cfg, &err), err);
    struct gicv3_its_config its = {.gic = t->gic, .base = ITS};
    t->its = made(gicv3_its_create(&t->m, &its, &err), err);
}
static void destroy(struct fixture *t)
{
    machine_lock(&t->m);
    mem_region_remove(&t->ram_region);
    machine_unlock(&t->m);
    machine_destroy(&t->m);
}

static uint64_t redist(unsigned cpu)
{
    return REDIST + cpu * UINT64_C(0x20000);
}
static void wr(unsigned reg, uint64_t v)
{
    write64(&f.m, ITS + reg, v);
}
static uint64_t rd(unsigned reg)
{
    return read64(&f.m, ITS + reg);
}
static void enable_lpis(unsigned cpu, uint64_t pending_flags)
{
    write64(&f.m, redist(cpu) + GICR_PROPBASER, RAM + CONFIG + 15);
    write64(&f.m, redist(cpu) + GICR_PENDBASER, RAM + PENDING + cpu * 0x10000u + pending_flags);
    write32(&f.m, redist(cpu), 1);
}
static void configure(unsigned intid, uint8_t value)
{
    f.ram->host[CONFIG + intid - LPI] = value;
}

static void setup(void)
{
    create(&f);
    write32(&f.m, DIST, 2);
    for (unsigned i = 0; i < 16; i++)
        configure(LPI + i, 0xa0 | 1);
    for (unsigned i = 0; i < CPUS; i++) {
        write32(&f.m, redist(i) + 0x14, 0);
        gic_msr(&f.cpus, i, ICC_PMR_EL1, 0xf0);
        gic_msr(&f.cpus, i, ICC_IGRPEN1_EL1, 1);
        enable_lpis(i, PTZ);
    }
    wr(GITS_BASER0, VALID | (RAM + DEVICES) | 0xf);
    wr(GITS_BASER1, VALID | (RAM + COLLECTIONS) | 0xf);
    wr(GITS_CBASER, VALID | (RAM + QUEUE));
    write32(&f.m, ITS, 1);
}
static void teardown(void)
{
    destroy(&f);
}
TestSuite(gicv3_its, .init = setup, .fini = teardown);

static void put(uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
{
    uint8_t *at = f.ram->host + QUEUE + f.tail;
    store_le64(at, w0);
    store_le64(at + 8, w1);
    store_le64(at + 16, w2);
    store_le64(at + 24, w3);
    f.tail = (f.tail + 32) % QUEUE_SIZE;
}
static void ring(void)
{
    wr(GITS_CWRITER, f.tail);
    cr_assert_eq(rd(GITS_CREADR), f.tail, "all were taken");
}
static void command(uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
{
    put(w0, w1, w2, w3);
    ring();
}
static void mapd(uint64_t device, unsigned bits, uint64_t itt)
{
    command(device << 32 | 0x08, bits - 1, VALID | itt, 0);
}
static void mapc(uint64_t collection, uint64_t cpu)
{
    command(0x09, 0, VALID | cpu << 16 | collection, 0);
}
static void mapti(uint64_t device, uint64_t event, uint64_t intid, uint64_t collection)
{
    command(device << 32 | 0x0a, intid << 32 | event, collection, 0);
}
static void simple(unsigned number, uint64_t device, uint64_t event)
{
    command(device << 32 | number, event, 0, 0);
}
static bool message(uint16_t device, uint32_t event)
{
    machine_lock(&f.m);
    bool taken = gicv3_its_send_msi(f.its, device, ITS + 0x10040, event);
    machine_unlock(&f.m);
    return taken;
}
static bool irq(unsigned cpu)
{
    return gic_asks(&f.cpus, cpu, CPU_INT_IRQ);
}
static uint64_t ack(unsigned cpu)
{
    return gic_mrs(&f.cpus, cpu, ICC_IAR1_EL1);
}
static void eoi(unsigned cpu, uint64_t intid)
{
    gic_msr(&f.cpus, cpu, ICC_EOIR1_EL1, intid);
}
/* Events 0 to 7 are LPIs 8192 to 8199, of collection 1, which is vCPU 2's. */
static void map_all(void)
{
    mapd(DEVICE, 4, RAM + ITT);
    mapc(1, 2);
    mapc(3, 0);
    for (unsigned i = 0; i < 8; i++)
        mapti(DEVICE, i, LPI + i, 1);
}

Test(gicv3_its, identification)
{
    cr_expect_eq(rd(8), 1 | 7 << 4 | 15 << 8 | 15 << 13);
    cr_expect_eq(read32(&f.m, ITS + 0xffe8) & 0xf0, 0x30);
    cr_expect_eq(read32(&f.m, ITS + 4) & 0xfff, 0x43b);
    cr_expect_eq(rd(GITS_BASER0) >> 48 & 0x71f, 1 << 8 | 7, "devices");
    cr_expect_eq(rd(GITS_BASER1) >> 48 & 0x71f, 4 << 8 | 7, "collections");
    cr_expect_eq(rd(GITS_BASER1 + 8), 0);
    cr_expect_eq(read32(&f.m, DIST + 4) >> 17 & 1, 1);
    cr_expect_eq(read32(&f.m, redist(0) + 8) & 1, 1);
    cr_expect_eq(read32(&f.m, ITS), 1);
    write32(&f.m, ITS, 0);
    cr_expect_eq(read32(&f.m, ITS), 1u << 31, "quiescent");
}

Test(gicv3_its, message_becomes_an_lpi_at_its_collections_processor)
{
    map_all();
    cr_expect(message(DEVICE, 5));
    cr_expect(irq(2) && !irq(0));
    cr_expect_eq(ack(2), LPI + 5);
    cr_expect_not(irq(2));
    cr_expect_eq(gic_mrs(&f.cpus, 2, ICC_RPR_EL1), 0xa0);
    message(DEVICE, 5);
    cr_expect_not(irq(2), "it is not active, but its priority is");
    eoi(2, LPI + 5);
    cr_expect(irq(2));
    cr_expect_eq(ack(2), LPI + 5);
}

Test(gicv3_its, message_for_nothing_is_dropped)
{
    map_all();
    cr_expect(message(DEVICE, 9), "it is the ITS's all the same");
    cr_expect(message(DEVICE, 16));
    cr_expect(message(DEVICE, ~0u));
    cr_expect(message(DEVICE + 1, 0));
    cr_expect(message(0xffff, 0));
    write32(&f.m, ITS + 0x10040, 0);
    machine_lock(&f.m);
    cr_expect_not(gicv3_its_send_msi(f.its, DEVICE, ITS + 0x10044, 0), "another address");
    machine_unlock(&f.m);
    for (unsigned i = 0; i < CPUS; i++)
        cr_expect_not(irq(i));
    write32(&f.m, ITS, 0);
    message(DEVICE, 0);
    cr_expect_not(irq(2), "it is off");
}

Test(gicv3_its, configuration_counts_once_it_is_invalidated)
{
    map_all();
    configure(LPI + 1, 0xa0);
    message(DEVICE, 1);
    cr_expect(irq(2), "not told yet");
    simple(0x0c, DEVICE, 1);
    cr_expect_not(irq(2));
    configure(LPI + 1, 0x41);
    message(DEVICE, 2);
    command(0x0d, 0, 1, 0);
    cr_expect_eq(ack(2), LPI + 1, "more urgent now");
    cr_expect_eq(gic_mrs(&f.cpus, 2, ICC_RPR_EL1), 0x40);
}

Test(gicv3_its, int_and_clear)
{
    map_all();
    simple(0x03, DEVICE, 3);
    cr_expect(irq(2));
    simple(0x04, DEVICE, 3);
    cr_expect_not(irq(2));
}

Test(gicv3_its, discard_forgets_the_event)
{
    map_all();
    message(DEVICE, 3);
    simple(0x0f, DEVICE, 3);
    cr_expect_not(irq(2));
    message(DEVICE, 3);
    cr_expect_not(irq(2));
}

Test(gicv3_its, mapi_takes_the_event_for_the_interrupt)
{
    mapd(DEVICE, 16, RAM + ITT);
    mapc(1, 2);
    command((uint64_t)DEVICE << 32 | 0x0b, LPI + 7, 1, 0);
    message(DEVICE, LPI + 7);
    cr_expect_eq(ack(2), LPI + 7);
}

Test(gicv3_its, movi_takes_what_is_pending_along)
{
    map_all();
    message(DEVICE, 3);
    command((uint64_t)DEVICE << 32 | 0x01, 3, 3, 0);
    cr_expect(irq(0) && !irq(2));
    cr_expect_eq(ack(0), LPI + 3);
    eoi(0, LPI + 3);
    message(DEVICE, 3);
    cr_expect(irq(0) && !irq(2));
}

Test(gicv3_its, movall_takes_all_that_is_pending)
{
    map_all();
    message(DEVICE, 3);
    message(DEVICE, 4);
    command(0x0e, 0, 2 << 16, 1 << 16);
    cr_expect(irq(1) && !irq(2));
    cr_expect_eq(ack(1), LPI + 3);
    eoi(1, LPI + 3);
    cr_expect_eq(ack(1), LPI + 4);
}

Test(gicv3_its, unmapping)
{
    map_all();
    command(0x09, 0, 1, 0);
    message(DEVICE, 3);
    cr_expect_not(irq(2), "no collection");
    mapc(1, 1);
    message(DEVICE, 3);
    cr_expect(irq(1));
    ack(1);
    eoi(1, LPI + 3);
    command((uint64_t)DEVICE << 32 | 0x08, 0, 0, 0);
    message(DEVICE, 3);
    cr_expect_not(irq(1), "no device");
}

Test(gicv3_its, device_table_of_two_levels)
{
    write32(&f.m, ITS, 0);
    wr(GITS_BASER0, VALID | PTZ | (RAM + DEVICES));
    write32(&f.m, ITS, 1);
    store_le64(f.ram->host + DEVICES + 2 * 8, VALID | (RAM + LEVEL2));
    mapc(1, 2);
    mapd(1025, 4, RAM + ITT); /* of 512 to a page */
    mapti(1025, 0, LPI, 1);
    cr_expect_neq(load_le64(f.ram->host + LEVEL2 + 8), 0);
    message(1025, 0);
    cr_expect(irq(2));
    mapd(512, 4, RAM + ITT);
    message(512, 0);
    store_le64(f.ram->host + DEVICES + 2 * 8, RAM + LEVEL2);
    ack(2);
    eoi(2, LPI);
    message(1025, 0);
    cr_expect_not(irq(2), "its page is not valid any more");
}

Test(gicv3_its, queue_wraps_around)
{
    map_all();
    for (unsigned i = 0; i < 300; i++) {
        simple(0x03, DEVICE, i % 8);
        cr_expect_eq(ack(2), LPI + i % 8);
        eoi(2, LPI + i % 8);
    }
}

Test(gicv3_its, hostile_commands_are_skipped)
{
    map_all();
    for (unsigned n = 0; n < 256; n++) {
        if (n != 0x0e)
            put(~UINT64_C(0xff) | n, ~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0));
        if (f.tail == QUEUE_SIZE - 32)
            ring();
    }
    mapd(DEVICE + 1, 4, UINT64_C(0xfffffffffff00)); /* no memory there */
    mapti(DEVICE + 1, 0, LPI, 1);
    message(DEVICE + 1, 0);
    mapd(DEVICE + 2, 4, ITS); /* its own registers */
    mapti(DEVICE + 2, 0, LPI, 1);
    message(DEVICE + 2, 0);
    mapd(DEVICE + 3, 4, redist(0)); /* somebody else's */
    mapti(DEVICE + 3, 0, LPI, 1);
    mapti(DEVICE, 16, LPI, 1);    /* no such event */
    mapti(DEVICE, 0, LPI - 1, 1); /* no LPI */
    mapti(DEVICE, 0, 0x12000, 1);
    mapc(7, 4); /* no such processor */
    mapti(DEVICE, 1, LPI + 1, 7);
    message(DEVICE, 1);
    for (unsigned i = 0; i < CPUS; i++)
        cr_expect_not(irq(i));
    message(DEVICE, 2);
    cr_expect(irq(2), "it goes on");
}

Test(gicv3_its, tables_may_hold_anything)
{
    map_all();
    for (unsigned i = 0; i < 4096; i++)
        f.ram->host[DEVICES + i] = f.ram->host[ITT + i] = f.ram->host[COLLECTIONS + i] =
            (uint8_t)(i * 197 + (i >> 3) * 31) | 0x80;
    for (unsigned i = 0; i < 64; i++)
        message((uint16_t)(i * 7), i);
    f.ram->host[COLLECTIONS + 8] = 63;
    simple(0x0c, DEVICE, 1);
    simple(0x0f, DEVICE, 1);
    cr_expect_eq(rd(GITS_CREADR), f.tail);
}

Test(gicv3_its, queue_outside_memory_stalls_until_a_retry)
{
    write32(&f.m, ITS, 0);
    wr(GITS_CBASER, VALID | 0x10000000);
    write32(&f.m, ITS, 1);
    wr(GITS_CWRITER, 64);
    cr_expect_eq(rd(GITS_CREADR), 1);
    wr(GITS_CWRITER, 0);
    cr_expect_eq(rd(GITS_CREADR), 1);
    wr(GITS_CWRITER, 1);
    cr_expect_eq(rd(GITS_CREADR), 0);
    wr(GITS_CWRITER, 0x20000);
    cr_expect_eq(rd(GITS_CREADR), 0, "beyond the queue");
}

Test(gicv3_its, tables_stand_still_while_it_is_enabled)
{
    uint64_t baser = rd(GITS_BASER0), cbaser = rd(GITS_CBASER);
    wr(GITS_BASER0, 0);
    wr(GITS_CBASER, 0);
    cr_expect_eq(rd(GITS_BASER0), baser);
    cr_expect_eq(rd(GITS_CBASER), cbaser);
    write32(&f.m, ITS, 0);
    wr(GITS_BASER1, ~UINT64_C(0));
    cr_expect_eq(rd(GITS_BASER1), UINT64_C(0xbce7ffffffffffff), "no second level");
    write32(&f.m, ITS + GITS_BASER0 + 4, 0);
    cr_expect_eq(rd(GITS_BASER0), (baser & UINT32_MAX) | UINT64_C(0x107) << 48);
}

/* ---- redistributors -------------------------------------------------------------------------- */

Test(gicv3_its, pending_table_is_read_and_written)
{
    uint8_t *table = f.ram->host + PENDING + 2 * 0x10000;
    map_all();
    message(DEVICE, 3);
    cr_expect_eq(table[LPI / 8], 0);
    write32(&f.m, redist(2), 0);
    cr_expect_not(irq(2));
    cr_expect_eq(table[LPI / 8], 1 << 3);
    message(DEVICE, 4);
    cr_expect_not(irq(2), "LPIs are off");
    table[LPI / 8] |= 1 << 6;
    write64(&f.m, redist(2) + GICR_PENDBASER, RAM + PENDING + 2 * 0x10000);
    write32(&f.m, redist(2), 1);
    cr_expect_eq(ack(2), LPI + 3);
    eoi(2, LPI + 3);
    cr_expect_eq(ack(2), LPI + 6);
    eoi(2, LPI + 6);
    cr_expect_eq(ack(2), NONE);
}

Test(gicv3_its, table_registers_stand_still_while_lpis_are_on)
{
    uint64_t prop = read64(&f.m, redist(1) + GICR_PROPBASER);
    cr_expect_eq(prop, RAM + CONFIG + 15);
    write64(&f.m, redist(1) + GICR_PROPBASER, 0);
    cr_expect_eq(read64(&f.m, redist(1) + GICR_PROPBASER), prop);
    cr_expect_eq(read64(&f.m, redist(1) + GICR_PENDBASER), RAM + PENDING + 0x10000, "without PTZ");
}

Test(gicv3_its, lpis_beyond_the_table_are_off)
{
    for (unsigned i = 0; i < CPUS; i++)
        write32(&f.m, redist(i), 0);
    for (unsigned i = 0; i < CPUS; i++) {
        write64(&f.m, redist(i) + GICR_PROPBASER, RAM + CONFIG + 12); /* 8192 INTIDs: no LPI */
        write32(&f.m, redist(i), 1);
    }
    map_all();
    message(DEVICE, 0);
    cr_expect_not(irq(2));
    for (unsigned i = 0; i < CPUS; i++)
        write32(&f.m, redist(i), 0);
    for (unsigned i = 0; i < CPUS; i++) {
        write64(&f.m, redist(i) + GICR_PROPBASER, UINT64_C(0xffffffff00000) + 15);
        write64(&f.m, redist(i) + GICR_PENDBASER, UINT64_C(0xffffffff00000));
        write32(&f.m, redist(i), 1);
    }
    message(DEVICE, 0);
    cr_expect_not(irq(2), "nor those of a table that is not in memory");
}

Test(gicv3_its, lpi_and_spi_compete_by_priority)
{
    map_all();
    cr_assert_eq(mem_write(f.m.memory, DIST + 0x400 + 40, 1, 0x80), MEM_OK);
    write32(&f.m, DIST + 0x84, ~0u);
    write64(&f.m, DIST + 0x6000 + 8 * 40, 2);
    write32(&f.m, DIST + 0x104, 1 << 8);
    message(DEVICE, 0);
    struct irq spi = gicv3_spi(f.gic, 8);
    irq_set(&spi, 1);
    cr_expect_eq(ack(2), 40);
    irq_set(&spi, 0);
    eoi(2, 40);
    cr_expect_eq(ack(2), LPI);
}

/* ---- life ------------------------------------------------------------------------------------ */

Test(gicv3_its, saved_state_has_it_all)
{
    create(&other);
    map_all();
    message(DEVICE, 3);
    message(DEVICE, 4);
    memcpy(other.ram->host, f.ram->host, RAM_SIZE);
    assert_round_trip(f.gic, other.gic);
    assert_round_trip(f.its, other.its);
    cr_expect(gic_asks(&other.cpus, 2, CPU_INT_IRQ));
    cr_expect_eq(gic_mrs(&other.cpus, 2, ICC_IAR1_EL1), LPI + 3);
    machine_lock(&other.m);
    cr_expect(gicv3_its_send_msi(other.its, DEVICE, ITS + 0x10040, 0));
    machine_unlock(&other.m);
    gic_msr(&other.cpus, 2, ICC_EOIR1_EL1, LPI + 3);
    cr_expect_eq(gic_mrs(&other.cpus, 2, ICC_IAR1_EL1), LPI);
    destroy(&other);
}

static void poke(struct vemu_machine *m)
{
    write64(m, ITS + GITS_CWRITER, read64(m, ITS + GITS_CREADR) + 64);
    machine_lock(m);
    gicv3_its_send_msi(other.its, DEVICE, ITS + 0x10040, 2);
    machine_unlock(m);
    for (unsigned i = 0; i < CPUS; i++) {
        gic_msr(&other.cpus, i, ICC_EOIR1_EL1, gic_mrs(&other.cpus, i, ICC_IAR1_EL1));
        write32(m, redist(i), ~read32(m, redist(i)));
    }
}

Test(gicv3_its, damaged_state_does_no_harm)
{
    create(&other);
    map_all();
    message(DEVICE, 3);
    memcpy(other.ram->host, f.ram->host, RAM_SIZE);
    fuzz_state(f.its, other.its, 200, poke);
    fuzz_state(f.gic, other.gic, 100, poke);
    destroy(&other);
}

Test(gicv3_its, lpi_that_cannot_be_is_refused_in_a_state)
{
    struct vemu_error *err = NULL;
    create(&other);
    destroy(&other);
    map_all();
    message(DEVICE, 3);
    /* A GIC without LPIs has none pending. */
    test_machine_init(&other.m);
    gic_cpus_init(&other.cpus, &other.m);
    struct gicv3_config cfg = {.cpus = other.cpus.cpu,
                               .affinity = other.cpus.affinity,
                               .cpu_count = CPUS,
                               .spis = 32,
                               .dist_base = DIST,
                               .redist = {{REDIST, CPUS}}};
    struct device *plain = made(gicv3_create(&other.m, &cfg, &err), err);
    cr_expect_not(load_copy(f.gic, plain, &err));
    cr_expect(err && strstr(vemu_error_message(err), "INTID 8195"));
    vemu_error_free(err);
    machine_destroy(&other.m);
}

Test(gicv3_its, needs_a_gic_that_has_lpis)
{
    struct vemu_error *err = NULL;
    cr_expect_null(gicv3_its_create(&f.m, &(struct gicv3_its_config){.base = 0}, &err));
    cr_expect(err);
    vemu_error_free(err);
}
