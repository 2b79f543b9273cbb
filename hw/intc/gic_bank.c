/* See gic_bank.h. */
#include "hw/intc/gic_bank.h"

#include <stdatomic.h>

#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/misc/primecell.h"

const struct state_field gic_bank_state[] = {
    STATE_INT(struct gic_bank, line),
    STATE_INT(struct gic_bank, latch),
    STATE_INT(struct gic_bank, enabled),
    STATE_INT(struct gic_bank, active),
    STATE_INT(struct gic_bank, edge),
    STATE_INT(struct gic_bank, group),
    STATE_INT(struct gic_bank, grpmod),
    STATE_INT_ARRAY(struct gic_bank, priority),
    STATE_FIELDS_END,
};

void gic_bank_sanitize(struct gic_bank *b, bool first)
{
    if (first) {
        b->edge |= 0xffff; /* SGIs are edges */
        b->line &= 0xffff0000;
    }
    for (unsigned n = 0; n < GIC_BANK; n++)
        b->priority[n] &= GIC_PRIORITY_MASK;
}

void gic_bank_set_line(struct gic_bank *b, unsigned n, int level)
{
    uint32_t bit = UINT32_C(1) << n;

    if (level && !(b->line & bit))
        b->latch |= b->edge & bit;
    b->line = level ? b->line | bit : b->line & ~bit;
}

void gic_bank_acknowledge(struct gic_bank *b, unsigned n)
{
    uint32_t bit = UINT32_C(1) << n;

    b->latch &= ~bit;
    b->active |= bit;
}

/* ---- registers ------------------------------------------------------------------------------- */

/* Where each block ends, in order; the words a bank has in it. */
static const struct {
    uint16_t block, end;
    uint8_t words;
} blocks[] = {
    {GICD_IGROUPR, GICD_ISENABLER, 1},        {GICD_ISENABLER, GICD_ICENABLER, 1},
    {GICD_ICENABLER, GICD_ISPENDR, 1},        {GICD_ISPENDR, GICD_ICPENDR, 1},
    {GICD_ICPENDR, GICD_ISACTIVER, 1},        {GICD_ISACTIVER, GICD_ICACTIVER, 1},
    {GICD_ICACTIVER, GICD_IPRIORITYR, 1},     {GICD_IPRIORITYR, GICD_ITARGETSR, 8},
    {GICD_ITARGETSR, GICD_ICFGR, 8},          {GICD_ICFGR, GICD_IGRPMODR, 2},
    {GICD_IGRPMODR, GICD_IGRPMODR + 0x80, 1},
};

bool gic_place(uint32_t offset, struct gic_place *place)
{
    for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++) {
        if (offset < blocks[i].block || offset >= blocks[i].end)
            continue;
        unsigned word = (offset - blocks[i].block) / 4;
        *place = (struct gic_place){.block = blocks[i].block,
                                    .bank = (uint8_t)(word / blocks[i].words),
                                    .word = (uint8_t)(word % blocks[i].words)};
        return true;
    }
    return false;
}

uint8_t gic_priority_read(const struct gic_bank *b, struct gic_view view, unsigned n)
{
    if (!(view.mask >> n & 1))
        return 0;
    return view.nonsecure ? gic_priority_to_ns(b->priority[n]) : b->priority[n];
}

void gic_priority_write(struct gic_bank *b, struct gic_view view, unsigned n, uint8_t value)
{
    if (!(view.mask >> n & 1))
        return;
    if (view.nonsecure)
        value = gic_priority_from_ns(value);
    b->priority[n] = value & GIC_PRIORITY_MASK;
}

/* Two bits for each of sixteen interrupts, the upper one tells. */
static uint32_t read_config(uint32_t edge, unsigned word)
{
    uint32_t value = 0;

    for (unsigned n = 0; n < 16; n++)
        value |= (edge >> (word * 16 + n) & 1) << (2 * n + 1);
    return value;
}

static void write_config(struct gic_bank *b, uint32_t mask, unsigned word, uint32_t value)
{
    for (unsigned n = 0; n < 16; n++) {
        uint32_t bit = UINT32_C(1) << (word * 16 + n);
        if (mask & bit)
            b->edge = value >> (2 * n + 1) & 1 ? b->edge | bit : b->edge & ~bit;
    }
}

uint32_t gic_bank_read(const struct gic_bank *b, struct gic_view view, unsigned block,
                       unsigned word)
{
    uint8_t bytes[4];

    switch (block) {
    case GICD_IGROUPR:
        return view.nonsecure ? 0 : b->group & view.mask;
    case GICD_IGRPMODR:
        return view.nonsecure ? 0 : b->grpmod & view.mask;
    case GICD_ISENABLER:
    case GICD_ICENABLER:
        return b->enabled & view.mask;
    case GICD_ISPENDR:
    case GICD_ICPENDR:
        return gic_bank_pending(b) & view.mask;
    case GICD_ISACTIVER:
    case GICD_ICACTIVER:
        return b->active & view.mask;
    case GICD_IPRIORITYR:
        for (unsigned i = 0; i < 4; i++)
            bytes[i] = gic_priority_read(b, view, word * 4 + i);
        return load_le32(bytes);
    case GICD_ICFGR:
        return read_config(b->edge & view.mask, word);
    }
    return 0;
}

void gic_bank_write(struct gic_bank *b, struct gic_view view, unsigned block, unsigned word,
                    uint32_t value)
{
    uint32_t bits = value & view.mask;

    switch (block) {
    case GICD_IGROUPR:
        if (!view.nonsecure)
            b->group = (b->group & ~view.mask) | bits;
        break;
    case GICD_IGRPMODR:
        if (!view.nonsecure)
            b->grpmod = (b->grpmod & ~view.mask) | bits;
        break;
    case GICD_ISENABLER:
        b->enabled |= bits;
        break;
    case GICD_ICENABLER:
        b->enabled &= ~bits;
        break;
    case GICD_ISPENDR:
        b->latch |= bits;
        break;
    case GICD_ICPENDR:
        b->latch &= ~bits;
        break;
    case GICD_ISACTIVER:
        b->active |= bits;
        break;
    case GICD_ICACTIVER:
        b->active &= ~bits;
        break;
    case GICD_IPRIORITYR:
        for (unsigned i = 0; i < 4; i++)
            gic_priority_write(b, view, word * 4 + i, (uint8_t)(value >> 8 * i));
        break;
    case GICD_ICFGR:
        write_config(b, view.mask, word, value);
        break;
    }
}

/* Arm's own parts (JEP106 code 0x43b). */
uint32_t gic_id_register(uint32_t offset, unsigned part, unsigned revision)
{
    enum { PIDR4 = 0xfd0, JEP106_CONTINUATION = 0x44 };
    uint32_t periphid = (part & 0xfff) | 0xb000 | 0xb << 16 | revision << 20;

    offset &= 0xfff;
    return offset == PIDR4 ? JEP106_CONTINUATION : primecell_id(offset, periphid);
}

/* ---- the output ------------------------------------------------------------------------------ */

/* The vCPU's word is looked at, since a reset of the vCPU clears it. */
void gic_output(struct vcpu *cpu, uint32_t all, uint32_t raised)
{
    uint32_t now = atomic_load(&cpu->interrupt) & all;

    if (now & ~raised)
        cpu_clear_interrupt(cpu, now & ~raised);
    if (raised & ~now)
        cpu_interrupt(cpu, raised & ~now);
}

bool gic_access_is_secure(void)
{
    const struct vcpu *cpu = vcpu_current();

    return cpu && cpu->arch == ARCH_ARM && ((const struct arm_regs *)cpu->regs)->secure;
}
