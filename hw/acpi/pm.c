/* ACPI fixed hardware; see pm.h. Register layout: ACPI Specification, chapter "ACPI Hardware
 * Specification", fixed hardware registers. */
#include "hw/acpi/pm.h"

#include <string.h>
#include "core/util/log.h"
#include "core/util/range.h"

enum {
    PM1_TMR_STS = 1 << 0,
    PM1_BM_STS = 1 << 4,
    PM1_GBL_STS = 1 << 5,
    PM1_PWRBTN_STS = 1 << 8,
    PM1_SLPBTN_STS = 1 << 9,
    PM1_RTC_STS = 1 << 10,
    PM1_WAK_STS = 1 << 15,
    PM1_STS_MASK = PM1_TMR_STS | PM1_BM_STS | PM1_GBL_STS | PM1_PWRBTN_STS | PM1_SLPBTN_STS |
                   PM1_RTC_STS | PM1_WAK_STS,
    PM1_EN_MASK = PM1_TMR_STS | PM1_GBL_STS | PM1_PWRBTN_STS | PM1_SLPBTN_STS | PM1_RTC_STS,
    PM1_SCI_EN = 1 << 0,
    PM1_BM_RLD = 1 << 1,
    PM1_SLP_TYP_SHIFT = 10,
    PM1_SLP_TYP = 7 << PM1_SLP_TYP_SHIFT,
    PM1_SLP_EN = 1 << 13,
};
#define NS_PER_S UINT64_C(1000000000)

const struct state_field acpi_pm_state[] = {
    STATE_INT(struct acpi_pm, pm1_status),
    STATE_INT(struct acpi_pm, pm1_enable),
    STATE_INT(struct acpi_pm, pm1_control),
    STATE_BUFFER(struct acpi_pm, gpe_status),
    STATE_BUFFER(struct acpi_pm, gpe_enable),
    STATE_INT(struct acpi_pm, overflow_seen, .max = INT64_MAX),
    STATE_FIELDS_END,
};

static int64_t now_ns(struct acpi_pm *pm)
{
    return clock_now(device_clocks(pm->cfg.dev), VCLOCK_VIRTUAL);
}

static uint64_t ticks_at(int64_t ns)
{
    return muldiv64((uint64_t)ns, ACPI_PM_TIMER_HZ, NS_PER_S);
}

/* TMR_STS is set whenever the most significant bit of the 24-bit timer toggles. */
static void catch_up(struct acpi_pm *pm)
{
    int64_t now = now_ns(pm);
    if (ticks_at(now) >> 23 != ticks_at(pm->overflow_seen) >> 23)
        pm->pm1_status |= PM1_TMR_STS;
    pm->overflow_seen = now;
}

static void update_sci(struct acpi_pm *pm)
{
    catch_up(pm);
    bool level = (pm->pm1_status & pm->pm1_enable & PM1_EN_MASK) != 0;
    for (unsigned i = 0; i < pm->cfg.gpe_bytes; i++)
        level |= (pm->gpe_status[i] & pm->gpe_enable[i]) != 0;
    /* With SCI_EN clear the events would be SMIs, which only firmware could take. */
    irq_set(&pm->cfg.sci, level && (pm->pm1_control & PM1_SCI_EN));

    if ((pm->pm1_enable & PM1_TMR_STS) && !(pm->pm1_status & PM1_TMR_STS)) {
        uint64_t next = ((ticks_at(now_ns(pm)) >> 23) + 1) << 23;
        timer_set(&pm->timer, (int64_t)muldiv64(next, NS_PER_S, ACPI_PM_TIMER_HZ) + 1);
    } else {
        timer_cancel(&pm->timer);
    }
}

static void timer_expired(void *opaque)
{
    update_sci(opaque);
}

static void sleep_now(struct acpi_pm *pm)
{
    unsigned type = (pm->pm1_control & PM1_SLP_TYP) >> PM1_SLP_TYP_SHIFT;
    if (type == pm->cfg.s5_type)
        device_request(pm->cfg.dev, MACHINE_REQUEST_SHUTDOWN, 0);
    else
        log_msg(device_log(pm->cfg.dev), LOG_GUEST_ERROR,
                "acpi: sleep type %u is not offered by this machine", type);
}

/* Offset in the enable/status halves of the GPE block; -1: not in it. */
static int gpe_index(const struct acpi_pm *pm, uint64_t offset)
{
    if (offset < pm->cfg.gpe_offset || offset - pm->cfg.gpe_offset >= 2u * pm->cfg.gpe_bytes)
        return -1;
    return (int)(offset - pm->cfg.gpe_offset);
}

static uint8_t read_byte(struct acpi_pm *pm, uint64_t offset)
{
    int gpe = gpe_index(pm, offset);
    if (gpe >= 0)
        return gpe < pm->cfg.gpe_bytes ? pm->gpe_status[gpe]
                                       : pm->gpe_enable[gpe - pm->cfg.gpe_bytes];
    switch (offset) {
    case ACPI_PM1_EVT:
    case ACPI_PM1_EVT + 1:
        return (uint8_t)(pm->pm1_status >> 8 * (offset & 1));
    case ACPI_PM1_EVT + 2:
    case ACPI_PM1_EVT + 3:
        return (uint8_t)(pm->pm1_enable >> 8 * (offset & 1));
    case ACPI_PM1_CNT:
    case ACPI_PM1_CNT + 1:
        return (uint8_t)(pm->pm1_control >> 8 * (offset & 1));
    default:
        return pm->cfg.read_other ? pm->cfg.read_other(pm->cfg.opaque, offset) : 0;
    }
}

static void write_byte(struct acpi_pm *pm, uint64_t offset, uint8_t value)
{
    int gpe = gpe_index(pm, offset);
    unsigned shift = 8 * (offset & 1);
    uint16_t wide = (uint16_t)(value << shift), keep = (uint16_t) ~(0xff << shift);

    if (gpe >= 0) {
        if (gpe < pm->cfg.gpe_bytes)
            pm->gpe_status[gpe] &= (uint8_t)~value;
        else
            pm->gpe_enable[gpe - pm->cfg.gpe_bytes] = value;
        return;
    }
    switch (offset) {
    case ACPI_PM1_EVT:
    case ACPI_PM1_EVT + 1:
        pm->pm1_status &= (uint16_t)~wide;
        break;
    case ACPI_PM1_EVT + 2:
    case ACPI_PM1_EVT + 3:
        pm->pm1_enable = (uint16_t)(((pm->pm1_enable & keep) | wide) & PM1_EN_MASK);
        break;
    case ACPI_PM1_CNT:
    case ACPI_PM1_CNT + 1: {
        uint16_t control = (uint16_t)((pm->pm1_control & keep) | wide);
        /* SLP_EN is write-only. ACPI mode cannot be left where there is no firmware to take the
         * SMIs. */
        pm->pm1_control = control & (PM1_SCI_EN | PM1_BM_RLD | PM1_SLP_TYP);
        if (pm->cfg.sci_enabled)
            pm->pm1_control |= PM1_SCI_EN;
        if (wide & PM1_SLP_EN)
            sleep_now(pm);
        break;
    }
    default:
        if (pm->cfg.write_other)
            pm->cfg.write_other(pm->cfg.opaque, offset, value);
        break;
    }
}

static uint64_t pm_read(void *opaque, uint64_t offset, unsigned size)
{
    struct acpi_pm *pm = opaque;
    /* The timer must be read at one instant, whatever the width. */
    if (offset >= ACPI_PM_TMR && offset < ACPI_PM_TMR + 4) {
        uint32_t ticks = (uint32_t)ticks_at(now_ns(pm)) & 0xffffff;
        return (ticks >> 8 * (offset - ACPI_PM_TMR)) & mask_bits(8 * size);
    }
    if (offset < ACPI_PM1_EVT + 2)
        catch_up(pm);
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)read_byte(pm, offset + i) << 8 * i;
    return value;
}

static void pm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct acpi_pm *pm = opaque;
    if (offset < ACPI_PM1_EVT + 2)
        catch_up(pm);
    for (unsigned i = 0; i < size; i++)
        write_byte(pm, offset + i, (uint8_t)(value >> 8 * i));
    update_sci(pm);
}

static const struct mem_ops pm_ops = {
    .read = pm_read, .write = pm_write, .min_size = 1, .max_size = 4};

void acpi_pm_init(struct acpi_pm *pm, const struct acpi_pm_config *cfg)
{
    pm->cfg = *cfg;
    mem_region_init_io(&pm->region, "acpi-pm", cfg->size, &pm_ops, pm, cfg->dev);
    timer_init(&pm->timer, device_clocks(cfg->dev), VCLOCK_VIRTUAL, timer_expired, pm);
    pm->overflow_seen = now_ns(pm);
}

void acpi_pm_exit(struct acpi_pm *pm)
{
    timer_cancel(&pm->timer);
    mem_region_remove(&pm->region);
}

void acpi_pm_reset(struct acpi_pm *pm)
{
    pm->pm1_status = pm->pm1_enable = 0;
    pm->pm1_control = pm->cfg.sci_enabled ? PM1_SCI_EN : 0;
    memset(pm->gpe_status, 0, sizeof pm->gpe_status);
    memset(pm->gpe_enable, 0, sizeof pm->gpe_enable);
    pm->overflow_seen = now_ns(pm);
    update_sci(pm);
}

void acpi_pm_pre_save(struct acpi_pm *pm)
{
    catch_up(pm);
}

void acpi_pm_post_load(struct acpi_pm *pm)
{
    pm->pm1_status &= PM1_STS_MASK;
    pm->pm1_enable &= PM1_EN_MASK;
    pm->pm1_control &= PM1_SCI_EN | PM1_BM_RLD | PM1_SLP_TYP;
    update_sci(pm);
}

void acpi_pm_set_acpi_mode(struct acpi_pm *pm, bool on)
{
    if (on)
        pm->pm1_control |= PM1_SCI_EN;
    else if (!pm->cfg.sci_enabled)
        pm->pm1_control &= (uint16_t)~PM1_SCI_EN;
    update_sci(pm);
}

void acpi_pm_power_button(struct acpi_pm *pm)
{
    pm->pm1_status |= PM1_PWRBTN_STS;
    update_sci(pm);
}

void acpi_pm_gpe(struct acpi_pm *pm, unsigned n)
{
    if (n >= 8u * pm->cfg.gpe_bytes)
        return;
    pm->gpe_status[n / 8] |= (uint8_t)(1u << n % 8);
    update_sci(pm);
}
