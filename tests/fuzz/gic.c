/*
 * Hostile guests at the Arm interrupt controllers: registers in memory and of the system, tables of
 * LPIs and of the ITS in RAM, lines and messages, from several vCPUs of either security state. No
 * input may crash or hang.
 *
 *   byte 0: bit 0 GICv2 with GICv2m, else GICv3 with an ITS; bit 1 two security states; bit 2 after
 *   reset all is non-secure
 *   then operations as device.h describes; OWN is followed by a byte that says which:
 *     0 SPI line: number u8, level u8        1 private line: vCPU u8, number u8, level u8
 *     2 system register write: what u8, access u8, value u64        3 and read: what u8, access u8
 *     4 message: device u8, event u16        5 state damaged and loaded
 *     6 reset                                7 another vCPU: number u8, secure u8
 */
#include "core/cpu/arm.h"
#include "hw/intc/gicv2.h"
#include "hw/intc/gicv3.h"
#include "hw/intc/gicv3_its.h"
#include "hw/intc/gicv3_regs.h"
#include "hw/pci/pci_testdev.h"
#include "tests/fuzz/device.h"

#define DIST UINT64_C(0x08000000)
#define CPU UINT64_C(0x08010000)
#define FRAME UINT64_C(0x08020000)
#define HYP UINT64_C(0x08030000)
#define GUEST UINT64_C(0x08040000)
#define ITS UINT64_C(0x08080000)
#define REDIST UINT64_C(0x080a0000)
#define REDIST2 UINT64_C(0x09000000)
enum { CPUS = 3 };

static const struct fuzz_window gicv2_windows[] = {
    {.base = DIST, .size = GICV2_DIST_SIZE},
    {.base = CPU, .size = GICV2_CPU_SIZE},
    {.base = CPU, .size = 0x30},
    {.base = FRAME, .size = GICV2M_SIZE},
    {.base = HYP, .size = 0x110},
    {.base = GUEST, .size = 0x30},
    {.base = GUEST, .size = GICV2_CPU_SIZE},
};
static const struct fuzz_window gicv3_windows[] = {
    {.base = DIST, .size = 0x1000},     {.base = DIST + 0x6000, .size = 0x2000},
    {.base = REDIST, .size = 0x80},     {.base = REDIST + 0x10000, .size = 0xd80},
    {.base = REDIST2, .size = 0x80},    {.base = REDIST + 0x20000, .size = 0x80},
    {.base = ITS, .size = 0x120},       {.base = ITS + 0x10040, .size = 8},
    {.base = ITS + 0x80, .size = 0x18},
};
static const uint32_t registers[] = {
    ICC_PMR_EL1,     ICC_IAR0_EL1,      ICC_EOIR0_EL1, ICC_HPPIR0_EL1,  ICC_BPR0_EL1,
    ICC_AP0R0_EL1,   ICC_AP1R0_EL1,     ICC_DIR_EL1,   ICC_RPR_EL1,     ICC_SGI1R_EL1,
    ICC_ASGI1R_EL1,  ICC_SGI0R_EL1,     ICC_IAR1_EL1,  ICC_EOIR1_EL1,   ICC_HPPIR1_EL1,
    ICC_BPR1_EL1,    ICC_CTLR_EL1,      ICC_SRE_EL1,   ICC_IGRPEN0_EL1, ICC_IGRPEN1_EL1,
    ICC_SRE_EL2,     ICC_CTLR_EL3,      ICC_SRE_EL3,   ICC_IGRPEN1_EL3, ICH_AP0R0_EL2,
    ICH_AP1R0_EL2,   ICH_HCR_EL2,       ICH_VTR_EL2,   ICH_MISR_EL2,    ICH_EISR_EL2,
    ICH_ELRSR_EL2,   ICH_VMCR_EL2,      ICH_LR0_EL2,   ICH_LR0_EL2 + 1, ICH_LR0_EL2 + 3,
    ICH_LR0_EL2 + 4, ICC_AP0R0_EL1 + 1,
};

struct target {
    struct fuzz_machine f;
    bool v2;
    struct device *gic, *other; /* the frame or the ITS */
    struct vcpu vcpu[CPUS], *cpus[CPUS];
    struct arm_regs regs[CPUS];
};

static void make_cpus(struct target *t)
{
    for (unsigned i = 0; i < CPUS; i++) {
        struct vcpu *cpu = &t->vcpu[i];
        cpu->machine = &t->f.m;
        cpu->index = i;
        cpu->arch = ARCH_ARM;
        cpu->regs = &t->regs[i];
        pthread_mutex_init(&cpu->run_lock, NULL);
        pthread_cond_init(&cpu->run_cond, NULL);
        t->cpus[i] = cpu;
    }
}

static void make_gicv2(struct target *t, uint8_t flags)
{
    struct gicv2_config cfg = {.cpus = t->cpus,
                               .cpu_count = CPUS,
                               .spis = 64,
                               .dist_base = DIST,
                               .cpu_base = CPU,
                               .security = flags & 2,
                               .reset_nonsecure = flags & 4,
                               .virtualization = true,
                               .hyp_base = HYP,
                               .guest_base = GUEST,
                               .maintenance = 25};
    t->gic = gicv2_create(&t->f.m, &cfg, NULL);
    struct gicv2m_config frame = {.base = FRAME, .gic = t->gic, .first_spi = 32, .spis = 32};
    t->other = t->gic ? gicv2m_create(&t->f.m, &frame, NULL) : NULL;
    t->f.windows = gicv2_windows;
    t->f.window_count = ARRAY_SIZE(gicv2_windows);
}

static void make_gicv3(struct target *t, uint8_t flags)
{
    static const uint64_t affinity[CPUS] = {0, 1, 0x100};
    struct gicv3_config cfg = {.cpus = t->cpus,
                               .affinity = affinity,
                               .cpu_count = CPUS,
                               .spis = 64,
                               .dist_base = DIST,
                               .redist = {{REDIST, 2}, {REDIST2, 1}},
                               .security = flags & 2,
                               .reset_nonsecure = flags & 4,
                               .virtualization = true,
                               .lpis = true,
                               .maintenance = 25};
    t->gic = gicv3_create(&t->f.m, &cfg, NULL);
    struct gicv3_its_config its = {.gic = t->gic, .base = ITS};
    t->other = t->gic ? gicv3_its_create(&t->f.m, &its, NULL) : NULL;
    t->f.windows = gicv3_windows;
    t->f.window_count = ARRAY_SIZE(gicv3_windows);
}

static void line(struct target *t, struct fuzz_input *in, bool private)
{
    unsigned cpu = private ? (unsigned)fuzz_take(in, 1) % CPUS : 0;
    unsigned n = (unsigned)fuzz_take(in, 1), level = fuzz_take(in, 1) & 1;
    struct irq irq;

    if (private)
        irq = t->v2 ? gicv2_ppi(t->gic, cpu, n & 31) : gicv3_ppi(t->gic, cpu, n & 31);
    else
        irq = t->v2 ? gicv2_spi(t->gic, n) : gicv3_spi(t->gic, n);
    machine_lock(&t->f.m);
    irq_set(&irq, (int)level);
    machine_unlock(&t->f.m);
}

static void system_register(struct fuzz_input *in, bool write)
{
    uint32_t reg = registers[fuzz_take(in, 1) % ARRAY_SIZE(registers)];
    uint8_t how = (uint8_t)fuzz_take(in, 1);
    struct vcpu *cpu = vcpu_current();
    /* 1-0 exception level, 2 secure, 4-3 FMO and IMO, 7-5 SCR */
    struct arm_intc_access a = {
        .el = how & 3, .secure = how >> 2 & 1, .hcr = how & 0x18, .scr = how >> 5};
    uint64_t value = write ? fuzz_take(in, 8) : 0;

    if (!cpu->arm_intc_ops)
        return;
    if (write)
        cpu->arm_intc_ops->write(cpu->intc, reg, &a, value);
    else
        cpu->arm_intc_ops->read(cpu->intc, reg, &a, &value);
}

static void message(struct target *t, struct fuzz_input *in)
{
    uint16_t device = (uint16_t)fuzz_take(in, 1);
    uint32_t event = (uint32_t)fuzz_take(in, 2);
    uint8_t word[4];

    machine_lock(&t->f.m);
    store_le32(word, event);
    if (t->v2)
        dma_write(t->f.m.memory, NULL, FRAME + 0x40, word, sizeof word);
    else
        gicv3_its_send_msi(t->other, device, ITS + 0x10040, event);
    machine_unlock(&t->f.m);
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct target *t = container_of(f, struct target, f);
    uint8_t what = fuzz_take(in, 1) & 7;

    switch (what) {
    case 0:
    case 1:
        line(t, in, what == 1);
        break;
    case 2:
    case 3:
        system_register(in, what == 2);
        break;
    case 4:
        message(t, in);
        break;
    case 5:
        fuzz_reload(f, fuzz_take(in, 1) & 1 && !t->v2 ? t->other : t->gic, in);
        break;
    case 6:
        machine_lock(&f->m);
        machine_reset(&f->m, NULL);
        machine_unlock(&f->m);
        break;
    default: {
        unsigned n = (unsigned)fuzz_take(in, 1) % CPUS;
        t->regs[n].secure = fuzz_take(in, 1) & 1;
        vcpu_set_current(&t->vcpu[n]);
        if (t->vcpu[n].arm_intc_ops)
            t->vcpu[n].arm_intc_ops->state_changed(t->vcpu[n].intc, 1, t->regs[n].secure);
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct target t;
    struct fuzz_input in = {.data = data, .size = size, .at = 1};

    if (!size)
        return 0;
    memset(&t, 0, sizeof t);
    fuzz_machine_init(&t.f);
    make_cpus(&t);
    t.v2 = data[0] & 1;
    machine_lock(&t.f.m);
    if (t.v2)
        make_gicv2(&t, data[0]);
    else
        make_gicv3(&t, data[0]);
    if (!t.gic || !t.other)
        fuzz_fail("no interrupt controller");
    fuzz_plug(&t.f, &pci_testdev_class, NULL, NULL);
    t.f.own = own;
    machine_reset(&t.f.m, NULL);
    machine_unlock(&t.f.m);
    vcpu_set_current(&t.vcpu[0]);
    fuzz_run(&t.f, &in);
    vcpu_set_current(NULL);
    machine_lock(&t.f.m);
    mem_region_remove(&t.f.ram_region);
    machine_unlock(&t.f.m);
    machine_destroy(&t.f.m);
    return 0;
}
