/*
 * GICs that an accelerator keeps: what the device models put to it and fetch again. The accelerator
 * here is a store of registers which behave as Documentation/virt/kvm/devices/arm-vgic.rst,
 * arm-vgic-v3.rst and arm-vgic-its.rst say of KVM's; it has no interrupts.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "core/cpu/irqchip.h"
#include "core/util/range.h"
#include "hw/intc/gicv2_internal.h"
#include "hw/intc/gicv3_its_internal.h"
#include "tests/device/device_test.h"
#include "tests/device/gic_cpus.h"
#include "tests/still_accel.h"

#define DIST UINT64_C(0x08000000)
#define CPU UINT64_C(0x08010000)
#define ITS UINT64_C(0x08080000)
#define REDIST UINT64_C(0x080a0000)
enum { CPUS = 3, SPIS = 64, REGS = 8192, IIDR = 0x1200143b, ICC_FIXED = 0x400, ICC_CTLR = 0xc664 };

/* ---- the accelerator's ------------------------------------------------------------------------
 */

static struct {
    struct irqchip_gic_config cfg;
    bool refuse, confirmed;
    unsigned makes, lines, messages, saves, restores, failures;
    int last_spi, last_ppi, last_level;
    uint32_t device, data;
    struct reg {
        unsigned group, cpu;
        uint32_t where;
        uint64_t value;
    } reg[REGS];
    unsigned count;
} k;

static uint64_t *at(unsigned group, unsigned cpu, uint32_t where)
{
    for (unsigned i = 0; i < k.count; i++)
        if (k.reg[i].group == group && k.reg[i].cpu == cpu && k.reg[i].where == where)
            return &k.reg[i].value;
    cr_assert_lt(k.count, (unsigned)REGS);
    k.reg[k.count] = (struct reg){.group = group, .cpu = cpu, .where = where};
    return &k.reg[k.count++].value;
}

static bool make(struct vemu_machine *m, const struct irqchip_gic_config *cfg)
{
    if (k.refuse)
        return false;
    k.cfg = *cfg;
    k.makes++;
    m->irqchip = IRQCHIP_ON;
    return true;
}
static void set_spi(struct vemu_machine *m, unsigned spi, int level)
{
    (void)m;
    k.lines++;
    k.last_spi = (int)spi;
    k.last_level = level;
}
static void set_ppi(struct vcpu *cpu, unsigned ppi, int level)
{
    k.lines++;
    k.last_ppi = (int)(100 * cpu->index + ppi);
    k.last_level = level;
}
static bool send_msi(struct vemu_machine *m, uint32_t device, uint64_t addr, uint32_t data)
{
    (void)m, (void)addr;
    k.messages++;
    k.device = device;
    k.data = data;
    return true;
}

/* A register that sets bits, or the one that clears them, of a pair 80H apart. */
static bool is_pair(uint32_t offset, uint32_t *sets)
{
    *sets = offset & ~0x80u;
    return offset >= 0x100 && offset < 0x400;
}

/* arm-vgic.rst: as on hardware from that vCPU; banked are the first words of each block. */
static unsigned whose(enum irqchip_gic_group g, const struct vcpu *cpu, uint32_t where)
{
    bool shared = g == IRQCHIP_GIC_DIST &&
                  (k.cfg.version == 3 ||
                   !((where >= 0xf10 && where < 0xf30) || (where & 0x7f) == 0 ||
                     (where >= 0x400 && where < 0x420) || (where >= 0xc00 && where < 0xc08)));
    return !cpu || shared ? 0 : cpu->index;
}

static bool get_reg(struct vemu_machine *m, enum irqchip_gic_group g, const struct vcpu *cpu,
                    uint64_t mpidr, uint32_t where, uint64_t *value)
{
    uint32_t offset = where & 0xffff, sets;
    (void)m, (void)mpidr;
    unsigned who = whose(g, cpu, where);
    if (g == IRQCHIP_GIC_DIST && where == 8)
        *value = IIDR;
    else if (g == IRQCHIP_GIC_ICC && where == ICC_CTLR)
        *value = ICC_FIXED | *at(g, who, where);
    else if ((g == IRQCHIP_GIC_DIST || g == IRQCHIP_GIC_REDIST) && is_pair(offset, &sets))
        *value = *at(g, who, (where & ~0xffffu) | sets);
    else if (g == IRQCHIP_GIC_DIST && k.cfg.version == 2 && where >= 0xf10 && where < 0xf30)
        *value = *at(g, who, 0xf20 | (where & 0xf));
    else
        *value = *at(g, who, where);
    return true;
}

static void put_pair(uint64_t *reg, uint32_t offset, uint64_t value)
{
    bool clears = offset & 0x80, pending = (offset & ~0x80u) / 0x100 == 2;
    if (k.cfg.version == 3 && pending) /* arm-vgic-v3.rst: the latches; ICPENDR is RAZ/WI */
        *reg = clears ? *reg : value;
    else
        *reg = clears ? *reg & ~value : *reg | value;
}

static bool put_reg(struct vemu_machine *m, enum irqchip_gic_group g, const struct vcpu *cpu,
                    uint64_t mpidr, uint32_t where, uint64_t value)
{
    uint32_t offset = where & 0xffff, sets;
    (void)m, (void)mpidr;
    unsigned who = whose(g, cpu, where);
    bool frame = g == IRQCHIP_GIC_DIST || g == IRQCHIP_GIC_REDIST;
    if (g == IRQCHIP_GIC_DIST && where == 8) {
        k.confirmed = value == IIDR;
        return true;
    }
    /* Unless GICD_IIDR was set, groups cannot be. */
    if (k.cfg.version == 2 && g == IRQCHIP_GIC_DIST && where >= 0x80 && where < 0x100 &&
        !k.confirmed)
        return true;
    if (g == IRQCHIP_GIC_ICC && where == ICC_CTLR) {
        if ((value & ~UINT64_C(3)) != ICC_FIXED)
            return k.failures++, false;
        value &= 3;
    }
    if (g == IRQCHIP_GIC_ITS && where == 0x80)
        *at(g, 0, 0x90) = 0; /* a write to CBASER resets CREADR */
    if (frame && is_pair(offset, &sets))
        put_pair(at(g, who, (where & ~0xffffu) | sets), offset, value);
    else if (g == IRQCHIP_GIC_DIST && k.cfg.version == 2 && where >= 0xf10 && where < 0xf30)
        *at(g, who, 0xf20 | (where & 0xf)) = where < 0xf20
                                                 ? *at(g, who, 0xf20 | (where & 0xf)) & ~value
                                                 : *at(g, who, where) | value;
    else
        *at(g, who, where) = value;
    return true;
}
static bool save_tables(struct vemu_machine *m)
{
    (void)m;
    k.saves++;
    return true;
}
static bool restore_tables(struct vemu_machine *m)
{
    (void)m;
    cr_expect_eq(*at(IRQCHIP_GIC_ITS, 0, 0), 0, "not while it is enabled");
    k.restores++;
    return true;
}
static const struct irqchip_gic_ops ops = {.make = make,
                                           .set_spi = set_spi,
                                           .set_ppi = set_ppi,
                                           .send_msi = send_msi,
                                           .get_reg = get_reg,
                                           .put_reg = put_reg,
                                           .save_tables = save_tables,
                                           .restore_tables = restore_tables};
static struct accel accel;

/* ---- machines ---------------------------------------------------------------------------------
 */

struct machine {
    struct vemu_machine m;
    struct gic_cpus cpus;
    struct mem_region ram;
    struct device *gic, *its;
};
static struct machine kernel, here, back;

static void begin(struct machine *t, bool in_kernel)
{
    struct vemu_error *err = NULL;
    test_machine_init(&t->m);
    gic_cpus_init(&t->cpus, &t->m);
    if (in_kernel)
        t->m.accel = &accel;
    struct ram_block *ram = ram_block_new(&t->m.rams, "ram", 4 << 20, false, &err);
    cr_assert(ram);
    mem_region_init_ram(&t->ram, "ram", ram, 0, 4 << 20);
    machine_lock(&t->m);
    mem_region_add(mem_space_root(t->m.memory), 0x40000000, &t->ram, 0);
    machine_unlock(&t->m);
}

static void gicv2(struct machine *t, bool in_kernel)
{
    struct vemu_error *err = NULL;
    begin(t, in_kernel);
    struct gicv2_config cfg = {
        .cpus = t->cpus.cpu, .cpu_count = CPUS, .spis = SPIS, .dist_base = DIST, .cpu_base = CPU};
    t->gic = made(gicv2_create(&t->m, &cfg, &err), err);
}

static void gicv3(struct machine *t, bool in_kernel, bool its)
{
    struct vemu_error *err = NULL;
    begin(t, in_kernel);
    struct gicv3_config cfg = {.cpus = t->cpus.cpu,
                               .affinity = t->cpus.affinity,
                               .cpu_count = CPUS,
                               .spis = SPIS,
                               .dist_base = DIST,
                               .redist = {{REDIST, CPUS}},
                               .lpis = its,
                               .its_base = ITS};
    t->gic = made(gicv3_create(&t->m, &cfg, &err), err);
    struct gicv3_its_config of = {.base = ITS, .gic = t->gic};
    if (its)
        t->its = made(gicv3_its_create(&t->m, &of, &err), err);
}

static void start(void)
{
    memset(&k, 0, sizeof k);
    accel = still_accel;
    accel.gic = &ops;
}

TestSuite(gic_kernel, .init = start);

static void load(struct device *from, struct device *to)
{
    struct vemu_error *err = NULL;
    cr_assert(load_copy(from, to, &err), "%s", err ? vemu_error_message(err) : "");
}

/* Bits of all kinds; levels of inputs are the board's. */
static void fill(struct gic_bank *b, unsigned seed, bool first)
{
    b->enabled = 0x12345678 + seed;
    b->latch = 0x0f0f0000 << seed % 3;
    b->active = 0x00ff0110 + seed;
    b->edge = 0xaaaa0000 | (first ? 0xffff : seed);
    b->group = 0xcccccccc;
    for (unsigned n = 0; n < GIC_BANK; n++)
        b->priority[n] = (uint8_t)(8 * (n + seed));
}

static void expect_bank(const struct gic_bank *a, const struct gic_bank *b)
{
    cr_expect_eq(a->enabled, b->enabled);
    cr_expect_eq(a->latch, b->latch, "%x %x", a->latch, b->latch);
    cr_expect_eq(a->active, b->active);
    cr_expect_eq(a->edge, b->edge);
    cr_expect_eq(a->group, b->group);
    cr_expect_eq(memcmp(a->priority, b->priority, sizeof a->priority), 0);
}

/* ---- version 2 --------------------------------------------------------------------------------
 */

static struct gicv2 *v2(struct machine *t)
{
    return container_of(t->gic, struct gicv2, dev);
}

Test(gic_kernel, a_gicv2_is_made_there_and_has_no_registers_here)
{
    uint64_t value;
    gicv2(&kernel, true);
    cr_expect_eq(k.makes, 1);
    cr_expect_eq(k.cfg.version, 2);
    cr_expect_eq(k.cfg.spis, SPIS);
    cr_expect_eq(k.cfg.dist, DIST);
    cr_expect_eq(k.cfg.cpu, CPU);
    cr_expect_neq(mem_read(kernel.m.memory, DIST, 4, &value), MEM_OK);
    machine_destroy(&kernel.m);
}

Test(gic_kernel, a_gicv2_that_is_not_made_there_is_one_here)
{
    uint64_t value;
    k.refuse = true;
    gicv2(&kernel, true);
    cr_expect_eq(mem_read(kernel.m.memory, DIST, 4, &value), MEM_OK);
    cr_expect_eq(k.count, 0);
    machine_destroy(&kernel.m);
}

Test(gic_kernel, lines_go_there_when_they_move)
{
    gicv2(&kernel, true);
    struct irq spi = gicv2_spi(kernel.gic, 5), ppi = gicv2_ppi(kernel.gic, 2, 27);
    k.lines = 0;
    irq_set(&spi, 1);
    irq_set(&spi, 1);
    cr_expect_eq(k.lines, 1);
    cr_expect(k.last_spi == 5 && k.last_level == 1);
    irq_set(&ppi, 1);
    cr_expect_eq(k.last_ppi, 211, "PPI 11 of vCPU 2");
    irq_set(&spi, 0);
    cr_expect(k.lines == 3 && k.last_level == 0);
    cr_expect_not(gic_asks(&kernel.cpus, 2, CPU_INT_IRQ), "nobody is interrupted from here");
    machine_destroy(&kernel.m);
}

Test(gic_kernel, gicv2_state_goes_there_and_comes_back)
{
    gicv2(&here, false);
    gicv2(&kernel, true);
    gicv2(&back, false);
    struct gicv2 *s = v2(&here);
    s->ctlr = 3;
    for (unsigned i = 0; i < SPIS / GIC_BANK; i++) {
        fill(&s->spi[i], i, false);
        for (unsigned n = 0; n < GIC_BANK; n++)
            s->targets[i][n] = (n + i) % 8;
    }
    for (unsigned c = 0; c < CPUS; c++) {
        fill(&s->cpu[c].bank, 16 + c, true);
        s->cpu[c].bank.enabled |= 0xffff;                        /* SGIs always are */
        s->cpu[c].bank.latch = 0xa5000000 & s->cpu[c].bank.edge; /* of private levels: none */
        for (unsigned n = 0; n < GIC_SGIS; n += 3) {
            s->cpu[c].sgi_source[n] = (uint8_t)(1u << c);
            s->cpu[c].bank.latch |= 1u << n;
        }
        s->cpu[c].ctlr = 3;
        s->cpu[c].pmr = (uint8_t)(0xf0 - 8 * c);
        s->cpu[c].bpr[0] = (uint8_t)(2 + c);
        s->cpu[c].bpr[1] = (uint8_t)(3 + c);
        s->cpu[c].apr[GICV2_GROUP1] = 0x10 << c;
    }
    load(here.gic, kernel.gic);
    /* Whatever the model has of it meanwhile is of no importance. */
    memset(v2(&kernel)->spi, 0xff, sizeof v2(&kernel)->spi);
    memset(v2(&kernel)->targets, 0, sizeof v2(&kernel)->targets);
    memset(v2(&kernel)->cpu, 0, sizeof v2(&kernel)->cpu);
    for (unsigned i = 0; i < GIC_SPI_BANKS; i++)
        v2(&kernel)->spi[i].line = 0;
    v2(&kernel)->ctlr = 0;
    load(kernel.gic, back.gic);
    const struct gicv2 *r = v2(&back);
    cr_expect_eq(r->ctlr, 3);
    for (unsigned i = 0; i < SPIS / GIC_BANK; i++) {
        expect_bank(&r->spi[i], &s->spi[i]);
        cr_expect_eq(memcmp(r->targets[i], v2(&here)->targets[i], GIC_BANK), 0);
    }
    for (unsigned c = 0; c < CPUS; c++) {
        const struct gicv2_cpu *a = &r->cpu[c], *b = &s->cpu[c];
        expect_bank(&a->bank, &b->bank);
        cr_expect_eq(memcmp(a->sgi_source, b->sgi_source, sizeof a->sgi_source), 0);
        cr_expect(a->ctlr == b->ctlr && a->pmr == b->pmr);
        cr_expect(a->bpr[0] == b->bpr[0] && a->bpr[1] == b->bpr[1]);
        cr_expect_eq(a->apr[0] | a->apr[1], b->apr[1]);
    }
    cr_expect_eq(*at(IRQCHIP_GIC_CPU, 1, 4), 0xe8 >> 3, "the mask in its historical form");
    machine_destroy(&here.m);
    machine_destroy(&kernel.m);
    machine_destroy(&back.m);
}

/* ---- version 3 --------------------------------------------------------------------------------
 */

static struct gicv3 *v3(struct machine *t)
{
    return gicv3_from(t->gic);
}

Test(gic_kernel, a_gicv3_is_there_or_nowhere)
{
    struct vemu_error *err = NULL;
    gicv3(&kernel, true, false);
    cr_expect_eq(k.cfg.version, 3);
    cr_expect_eq(k.cfg.cpu, REDIST);
    cr_expect_eq(k.cfg.its, 0);
    machine_destroy(&kernel.m);
    k.refuse = true;
    begin(&kernel, true);
    struct gicv3_config cfg = {.cpus = kernel.cpus.cpu,
                               .affinity = kernel.cpus.affinity,
                               .cpu_count = 1,
                               .spis = 32,
                               .redist = {{REDIST, 1}}};
    cr_expect_null(gicv3_create(&kernel.m, &cfg, &err));
    cr_expect(err && strstr(vemu_error_message(err), "kernel-irqchip=on"));
    vemu_error_free(err);
    machine_destroy(&kernel.m);
}

static void fill_cpu(struct gicv3_cpu *c, unsigned n)
{
    fill(&c->bank, 16 + n, true);
    c->waker = n == 2 ? GICR_WAKER_SLEEP | GICR_WAKER_ASLEEP : 0;
    c->pmr = (uint8_t)(0xf0 - 8 * n);
    c->bpr[GICV3_G0] = (uint8_t)(2 + n);
    c->bpr[GICV3_G1NS] = (uint8_t)(3 + n);
    c->icc_ctlr[0] = c->icc_ctlr[1] = n & 3;
    c->apr[GICV3_G0] = 4 << n;
    c->apr[GICV3_G1NS] = 0x100 << n;
    c->group_enable[GICV3_G1NS] = 1;
    c->group_enable[GICV3_G0] = n & 1;
}

Test(gic_kernel, gicv3_state_goes_there_and_comes_back)
{
    gicv3(&here, false, false);
    gicv3(&kernel, true, false);
    gicv3(&back, false, false);
    struct gicv3 *s = v3(&here);
    s->ctlr |= GICD_CTLR_GRP0 | GICD_CTLR_GRP1NS;
    for (unsigned i = 0; i < SPIS / GIC_BANK; i++) {
        fill(&s->spi[i], i, false);
        s->spi[i].line = 0x30 << i;
        for (unsigned n = 0; n < GIC_BANK; n++)
            s->router[GIC_BANK * i + n] = n % 5 ? n % CPUS : UINT64_C(1) << 31;
    }
    for (unsigned c = 0; c < CPUS; c++)
        fill_cpu(&s->cpu[c], c);
    load(here.gic, kernel.gic);
    cr_expect_eq(k.failures, 0);
    memset(v3(&kernel)->router, 0, sizeof v3(&kernel)->router);
    for (unsigned i = 0; i < SPIS / GIC_BANK; i++) {
        uint32_t line = v3(&kernel)->spi[i].line;
        v3(&kernel)->spi[i] = (struct gic_bank){.line = line};
    }
    for (unsigned c = 0; c < CPUS; c++) {
        struct gicv3_cpu *c3 = &v3(&kernel)->cpu[c];
        c3->bank = (struct gic_bank){0};
        c3->waker = c3->pmr = 0;
        memset(c3->bpr, 0, sizeof c3->bpr);
        memset(c3->apr, 0, sizeof c3->apr);
        memset(c3->group_enable, 0, sizeof c3->group_enable);
        memset(c3->icc_ctlr, 0, sizeof c3->icc_ctlr);
    }
    load(kernel.gic, back.gic);
    const struct gicv3 *r = v3(&back);
    cr_expect_eq(r->ctlr, s->ctlr);
    cr_expect_eq(memcmp(r->router, s->router, sizeof r->router), 0);
    for (unsigned i = 0; i < SPIS / GIC_BANK; i++) {
        expect_bank(&r->spi[i], &s->spi[i]);
        cr_expect_eq(r->spi[i].line, s->spi[i].line);
        cr_expect_eq(*at(IRQCHIP_GIC_LEVELS, 0, GIC_BANK * (i + 1)), s->spi[i].line);
    }
    for (unsigned c = 0; c < CPUS; c++) {
        const struct gicv3_cpu *a = &r->cpu[c], *b = &s->cpu[c];
        expect_bank(&a->bank, &b->bank);
        cr_expect(a->waker == b->waker && a->pmr == b->pmr);
        cr_expect_eq(memcmp(a->apr, b->apr, sizeof a->apr), 0);
        cr_expect(a->bpr[GICV3_G0] == b->bpr[GICV3_G0] && a->bpr[GICV3_G1NS] == b->bpr[GICV3_G1NS]);
        cr_expect_eq(memcmp(a->group_enable, b->group_enable, sizeof a->group_enable), 0);
        cr_expect_eq(a->icc_ctlr[1], b->icc_ctlr[1]);
    }
    machine_destroy(&here.m);
    machine_destroy(&kernel.m);
    machine_destroy(&back.m);
}

Test(gic_kernel, pending_lpis_go_by_the_guests_table)
{
    enum { LPI = 8192 + 77, PROP = 0x40100000, PEND = 0x40200000 };
    gicv3(&here, false, true);
    gicv3(&kernel, true, true);
    struct gicv3_cpu *c = &v3(&here)->cpu[1];
    c->propbaser = PROP | 15;
    c->pendbaser = PEND;
    gicv3_lpi_enable(c, true);
    gicv3_lpi_set(c, LPI, true);
    load(here.gic, kernel.gic);
    uint64_t byte = 0;
    cr_assert_eq(mem_read(kernel.m.memory, PEND + LPI / 8, 1, &byte), MEM_OK);
    cr_expect_eq(byte, 1u << LPI % 8);
    cr_expect_eq(*at(IRQCHIP_GIC_REDIST, 1, 0), GICR_CTLR_ENABLE_LPIS);
    /* and the other way: the kernel has one more written */
    cr_assert_eq(mem_write(kernel.m.memory, PEND + LPI / 8 + 1, 1, 1), MEM_OK);
    kernel.gic->cls->pre_save(kernel.gic);
    cr_expect_eq(k.saves, 1);
    c = &v3(&kernel)->cpu[1];
    unsigned n = LPI - 8192;
    cr_expect(c->lpi_pending[n / 64] >> n % 64 & 1);
    n = (n / 8 + 1) * 8;
    cr_expect(c->lpi_pending[n / 64] >> n % 64 & 1);
    machine_destroy(&here.m);
    machine_destroy(&kernel.m);
}

/* ---- ITS --------------------------------------------------------------------------------------
 */

static struct gicv3_its *its_of(struct machine *t)
{
    return container_of(t->its, struct gicv3_its, dev);
}

Test(gic_kernel, its_state_goes_there_in_order_and_comes_back)
{
    struct vemu_error *err = NULL;
    gicv3(&kernel, true, true);
    gicv3(&here, true, true);
    cr_expect_eq(k.cfg.its, ITS);
    struct gicv3_its *s = its_of(&kernel);
    *at(IRQCHIP_GIC_ITS, 0, 0x80) = ITS_VALID | 0x40000000;
    *at(IRQCHIP_GIC_ITS, 0, 0x88) = 0x60;
    *at(IRQCHIP_GIC_ITS, 0, 0x90) = 0x40;
    *at(IRQCHIP_GIC_ITS, 0, 0x100) |= ITS_VALID | 0x40010000;
    *at(IRQCHIP_GIC_ITS, 0, 0) = 1;
    load(kernel.its, here.its);
    cr_expect_eq(s->creadr, 0x40);
    cr_expect_eq(k.restores, 1);
    cr_expect_eq(*at(IRQCHIP_GIC_ITS, 0, 0x90), 0x40, "after CBASER, which resets it");
    cr_expect_eq(*at(IRQCHIP_GIC_ITS, 0, 0), 1);
    /* A message goes there, with who sent it. */
    cr_expect(gicv3_its_send_msi(here.its, 0x1234, ITS + 0x10040, 7));
    cr_expect(k.messages == 1 && k.device == 0x1234 && k.data == 7);
    /* Tables are in a form that the translator does not read. */
    gicv3(&back, false, true);
    cr_expect_not(load_copy(kernel.its, back.its, &err));
    cr_expect(err && strstr(vemu_error_message(err), "its=off"));
    vemu_error_free(err);
    machine_destroy(&here.m);
    machine_destroy(&kernel.m);
    machine_destroy(&back.m);
}
