/*
 * Real-time clock and CMOS RAM.
 *
 * Specification: Motorola MC146818A data sheet; century byte, memory size bytes and the 0x70/0x71
 * port pair as PC firmware and the ICH data sheets have them. The time registers are computed from
 * the host's wall clock plus an offset while the clock runs, and stand in `ram` while it does not
 * (SET, or the divider held in reset).
 */
#include "hw/timer/mc146818.h"

#include "core/clock/clock.h"
#include "core/memory/memory.h"
#include "core/memory/posted.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/isa_port.h"
#include "hw/timer/rtc_start.h"

enum { RAM_SIZE = 128, INDEX_MASK = 0x7f };
enum {
    REG_SECONDS = 0,
    REG_SECONDS_ALARM = 1,
    REG_MINUTES = 2,
    REG_MINUTES_ALARM = 3,
    REG_HOURS = 4,
    REG_HOURS_ALARM = 5,
    REG_WEEKDAY = 6,
    REG_DAY = 7,
    REG_MONTH = 8,
    REG_YEAR = 9,
    REG_A = 10,
    REG_B = 11,
    REG_C = 12,
    REG_D = 13,
};
enum {
    A_UIP = 1 << 7,
    A_DV_SHIFT = 4,
    A_DV = 7 << A_DV_SHIFT,
    A_RS = 15,
    A_DV_32KHZ = 2,
    A_DV_RESET = 6, /* and 7 */
    B_SET = 1 << 7,
    B_BINARY = 1 << 2,
    B_24_HOUR = 1 << 1,
    B_SQWE = 1 << 3,
    C_IRQF = 1 << 7,
    D_VRT = 1 << 7,
};
/* Interrupt enables of B and flags of C share their bits. */
enum { INT_UPDATE = 1 << 4, INT_ALARM = 1 << 5, INT_PERIODIC = 1 << 6, INT_ALL = 7 << 4 };
enum { ALARM_ANY = 0xc0, HOUR_PM = 0x80 };

#define NS_PER_SECOND INT64_C(1000000000)
#define CRYSTAL_HZ 32768
/* UIP rises 244 us before the update, which takes 1984 us. */
#define UIP_NS 2228000

struct mc146818 {
    struct device dev;
    struct mc146818_config cfg;
    int base;   /* property: enum mc146818_base */
    int source; /* property: which clock drives it */
    uint8_t index;
    uint8_t ram[RAM_SIZE]; /* A-D without UIP; the time registers while the clock stands */
    int64_t offset_ns;     /* calendar time = driving clock + offset */
    int64_t frozen_ns;     /* part of the second that had passed when the clock was stopped */
    int64_t last_second;   /* up to which update and alarm flags were worked out */
    int64_t last_period;   /* the same for periodic ticks, in crystal ticks */
    uint8_t weekday_skew;  /* the chip counts weekdays by itself: what was written against what the
                              date says */
    struct timer timer;    /* update, alarm and periodic interrupts */
    struct mem_region region;
};

static enum clock_type driving_clock(const struct mc146818 *s)
{
    return rtc_driving_clock(s->source);
}
static int64_t clock_ns(struct mc146818 *s)
{
    return clock_now(device_clocks(&s->dev), driving_clock(s));
}
static int64_t calendar_ns(struct mc146818 *s)
{
    return clock_ns(s) + s->offset_ns;
}
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* ---- calendar -------------------------------------------------------------------------------- */

/* Days since 1970-01-01 of a proleptic Gregorian date; any month and day is taken arithmetically.
 */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    month -= 1;
    year += floor_div(month, 12);
    month -= floor_div(month, 12) * 12;
    /* Count years from March, so that the leap day is the last. */
    int64_t y = month < 2 ? year - 1 : year, m = (month + 10) % 12;
    int64_t leap = floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400);
    return y * 365 + leap + (m * 306 + 5) / 10 + day - 1 - 719468;
}

struct date {
    int year, month, day, hour, minute, second, weekday; /* weekday 1: Sunday */
};

static struct date date_from_seconds(int64_t seconds)
{
    int64_t days = floor_div(seconds, 86400), rest = seconds - days * 86400;
    int64_t d = days + 719468, era = floor_div(d, 146097), doe = d - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;
    int64_t weekday = (days + 4) % 7;

    return (struct date){
        .year = (int)(yoe + era * 400 + (month <= 2)),
        .month = (int)month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
        .weekday = (int)(weekday < 0 ? weekday + 7 : weekday) + 1,
    };
}

static uint8_t encode(const struct mc146818 *s, int v)
{
    v = v < 0 ? 0 : v % 100;
    return (uint8_t)(s->ram[REG_B] & B_BINARY ? v : v / 10 << 4 | v % 10);
}
static int decode(const struct mc146818 *s, uint8_t v)
{
    return s->ram[REG_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}
static uint8_t encode_hour(const struct mc146818 *s, int hour)
{
    if (s->ram[REG_B] & B_24_HOUR)
        return encode(s, hour);
    return encode(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}
static int decode_hour(const struct mc146818 *s, uint8_t v)
{
    if (s->ram[REG_B] & B_24_HOUR)
        return decode(s, v);
    return decode(s, v & (uint8_t)~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

static bool stands(const struct mc146818 *s)
{
    return s->ram[REG_B] & B_SET || (s->ram[REG_A] & A_DV) >> A_DV_SHIFT >= A_DV_RESET;
}

/* Write the calendar time into the time registers. */
static void registers_from_time(struct mc146818 *s)
{
    struct date d = date_from_seconds(floor_div(calendar_ns(s), NS_PER_SECOND));

    s->ram[REG_SECONDS] = encode(s, d.second);
    s->ram[REG_MINUTES] = encode(s, d.minute);
    s->ram[REG_HOURS] = encode_hour(s, d.hour);
    s->ram[REG_WEEKDAY] = encode(s, (d.weekday - 1 + s->weekday_skew) % 7 + 1);
    s->ram[REG_DAY] = encode(s, d.day);
    s->ram[REG_MONTH] = encode(s, d.month);
    s->ram[REG_YEAR] = encode(s, d.year % 100);
    s->ram[CMOS_CENTURY] = encode(s, d.year / 100);
}

/* Set the offset so that the calendar shows the registers plus fraction_ns. */
static void time_from_registers(struct mc146818 *s, int64_t fraction_ns)
{
    int year = decode(s, s->ram[CMOS_CENTURY]) * 100 + decode(s, s->ram[REG_YEAR]);
    int64_t days = days_from_date(year, decode(s, s->ram[REG_MONTH]), decode(s, s->ram[REG_DAY]));
    int64_t seconds = days * 86400 + decode_hour(s, s->ram[REG_HOURS]) * 3600 +
                      decode(s, s->ram[REG_MINUTES]) * 60 + decode(s, s->ram[REG_SECONDS]);

    seconds = MAX(-RTC_SECONDS_LIMIT, MIN(seconds, RTC_SECONDS_LIMIT));
    s->offset_ns = seconds * NS_PER_SECOND + fraction_ns - clock_ns(s);
    int weekday = decode(s, s->ram[REG_WEEKDAY]);
    s->weekday_skew = (uint8_t)((weekday + 7 - date_from_seconds(seconds).weekday) % 7);
    s->last_second = seconds;
}

/* ---- flags and interrupts -------------------------------------------------------------------- */

static bool alarm_field_matches(const struct mc146818 *s, unsigned reg, int value)
{
    uint8_t alarm = s->ram[reg];
    if ((alarm & ALARM_ANY) == ALARM_ANY)
        return true;
    return (reg == REG_HOURS_ALARM ? decode_hour(s, alarm) : decode(s, alarm)) == value;
}

/* The first second after `after` at which the alarm matches, or -1 when it never does. Skips whole
 * hours and minutes that do not match, so it takes at most 24 * 60 + 120 steps. */
static int64_t next_alarm(const struct mc146818 *s, int64_t after)
{
    uint8_t seconds = s->ram[REG_SECONDS_ALARM];
    if ((seconds & ALARM_ANY) != ALARM_ANY && decode(s, seconds) > 59)
        return -1;
    int64_t t = after + 1, day = floor_div(t, 86400) * 86400;

    for (int64_t end = t + 86400; t < end;) {
        int64_t rest = t - day;
        if (rest >= 86400) {
            day += 86400;
            rest -= 86400;
        }
        if (!alarm_field_matches(s, REG_HOURS_ALARM, (int)(rest / 3600)))
            t += 3600 - rest % 3600;
        else if (!alarm_field_matches(s, REG_MINUTES_ALARM, (int)(rest / 60 % 60)))
            t += 60 - rest % 60;
        else if (!alarm_field_matches(s, REG_SECONDS_ALARM, (int)(rest % 60)))
            t++;
        else
            return t;
    }
    return -1;
}

/* Crystal ticks between periodic interrupts; 0: none. */
static int64_t periodic_ticks(const struct mc146818 *s)
{
    unsigned rs = s->ram[REG_A] & A_RS;
    if (!rs || (s->ram[REG_A] & A_DV) >> A_DV_SHIFT != A_DV_32KHZ)
        return 0;
    return INT64_C(1) << ((rs <= 2 ? rs + 7 : rs) - 1);
}
static int64_t crystal_ticks(struct mc146818 *s)
{
    int64_t now = clock_ns(s);
    return now < 0 ? 0 : (int64_t)muldiv64((uint64_t)now, CRYSTAL_HZ, NS_PER_SECOND);
}

/* Bring the flags of C up to now. They are set whether or not their interrupts are enabled. */
static void sync_flags(struct mc146818 *s)
{
    int64_t tick = crystal_ticks(s), period = periodic_ticks(s);
    if (period && tick / period > s->last_period / period)
        s->ram[REG_C] |= INT_PERIODIC;
    s->last_period = tick;

    if (stands(s))
        return;
    int64_t second = floor_div(calendar_ns(s), NS_PER_SECOND);
    if (second > s->last_second) {
        s->ram[REG_C] |= INT_UPDATE;
        int64_t alarm = next_alarm(s, s->last_second);
        if (alarm >= 0 && alarm <= second)
            s->ram[REG_C] |= INT_ALARM;
    }
    s->last_second = second; /* also backwards, when the host's clock was set */
}

static void update_irq(struct mc146818 *s)
{
    bool irq = s->ram[REG_C] & s->ram[REG_B] & INT_ALL;
    s->ram[REG_C] = irq ? s->ram[REG_C] | C_IRQF : s->ram[REG_C] & (uint8_t)~C_IRQF;
    irq_set(&s->cfg.irq, irq);
}

/* Arm for the next enabled event. While the line is up nothing more can happen to it: reading C
 * arms again. That also keeps a guest that ignores its clock from costing anything. */
static void arm(struct mc146818 *s)
{
    int64_t at = INT64_MAX, period = periodic_ticks(s);
    uint8_t enabled = s->ram[REG_B] & INT_ALL;

    if (s->ram[REG_C] & C_IRQF || !enabled) {
        timer_cancel(&s->timer);
        return;
    }
    if (enabled & INT_PERIODIC && period) {
        int64_t next = (s->last_period / period + 1) * period;
        at = (int64_t)muldiv64((uint64_t)next, NS_PER_SECOND, CRYSTAL_HZ) + 1;
    }
    if (!stands(s)) {
        int64_t second = INT64_MAX, alarm;
        if (enabled & INT_UPDATE)
            second = s->last_second + 1;
        if (enabled & INT_ALARM && (alarm = next_alarm(s, s->last_second)) >= 0)
            second = MIN(second, alarm);
        int64_t due;
        if (second < INT64_MAX && !__builtin_mul_overflow(second, NS_PER_SECOND, &due) &&
            !__builtin_sub_overflow(due, s->offset_ns, &due))
            at = MIN(at, due);
    }
    if (at == INT64_MAX)
        timer_cancel(&s->timer);
    else
        timer_set(&s->timer, MAX(at, 0));
}

static void refresh(struct mc146818 *s)
{
    sync_flags(s);
    update_irq(s);
    arm(s);
}

static void timer_expired(void *opaque)
{
    refresh(opaque);
}

/* ---- registers ------------------------------------------------------------------------------- */

static bool is_time(unsigned reg)
{
    return reg == REG_SECONDS || reg == REG_MINUTES || reg == REG_HOURS ||
           (reg >= REG_WEEKDAY && reg <= REG_YEAR) || reg == CMOS_CENTURY;
}

static uint8_t read_register(struct mc146818 *s, unsigned reg)
{
    if (is_time(reg)) {
        if (!stands(s))
            registers_from_time(s);
        return s->ram[reg];
    }
    switch (reg) {
    case REG_A: {
        int64_t now = calendar_ns(s), part = now - floor_div(now, NS_PER_SECOND) * NS_PER_SECOND;
        return s->ram[REG_A] | (!stands(s) && part >= NS_PER_SECOND - UIP_NS ? A_UIP : 0);
    }
    case REG_C: {
        sync_flags(s);
        update_irq(s);
        uint8_t v = s->ram[REG_C];
        s->ram[REG_C] = 0;
        update_irq(s);
        arm(s);
        return v;
    }
    case REG_D:
        return D_VRT;
    default:
        return s->ram[reg];
    }
}

/* A or B decides whether the clock runs. Leaving the divider's reset starts half a second before
 * the next update; leaving SET goes on where the divider is. */
static void write_mode(struct mc146818 *s, unsigned reg, uint8_t value)
{
    bool stood = stands(s), was_reset = (s->ram[REG_A] & A_DV) >> A_DV_SHIFT >= A_DV_RESET;

    if (!stood) {
        registers_from_time(s);
        int64_t now = calendar_ns(s);
        s->frozen_ns = now - floor_div(now, NS_PER_SECOND) * NS_PER_SECOND;
    }
    s->ram[reg] = value;
    if (stood && !stands(s)) {
        time_from_registers(s, was_reset ? NS_PER_SECOND / 2 : s->frozen_ns);
    } else if (!stood && reg == REG_B && !stands(s)) {
        /* Only the format changed: the chip does not convert, but nobody relies on its garbage. */
        registers_from_time(s);
    }
}

static void write_register(struct mc146818 *s, unsigned reg, uint8_t value)
{
    if (is_time(reg)) {
        if (stands(s)) {
            s->ram[reg] = value;
            return;
        }
        registers_from_time(s);
        int64_t now = calendar_ns(s), part = now - floor_div(now, NS_PER_SECOND) * NS_PER_SECOND;
        s->ram[reg] = value;
        time_from_registers(s, part);
        refresh(s);
        return;
    }
    sync_flags(s);
    switch (reg) {
    case REG_A:
        write_mode(s, reg, value & (uint8_t)~A_UIP);
        break;
    case REG_B:
        /* SET clears the update interrupt's enable. */
        write_mode(s, reg, value & B_SET ? value & (uint8_t)~INT_UPDATE : value);
        break;
    case REG_C:
    case REG_D:
        return; /* read-only */
    default:
        s->ram[reg] = value;
    }
    refresh(s);
}

static uint64_t rtc_read(void *opaque, uint64_t offset, unsigned size)
{
    struct mc146818 *s = opaque;
    (void)size;
    return offset ? read_register(s, s->index) : 0xff; /* the index port is write-only */
}

static void rtc_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct mc146818 *s = opaque;
    (void)size;
    if (offset)
        write_register(s, s->index, (uint8_t)value);
    else
        s->index = value & INDEX_MASK; /* bit 7 masks NMI on a PC; nothing raises one here */
}

/* What the index is shows with the next access to the data alone. */
static const struct mem_posted index_posted[] = {{0, 1}, {0, 0}};
static const struct mem_ops rtc_ops = {
    .read = rtc_read, .write = rtc_write, .min_size = 1, .max_size = 1};

/* ---- what the board fills in ----------------------------------------------------------------- */

void mc146818_set_cmos(struct device *dev, uint8_t index, uint8_t value)
{
    struct mc146818 *s = container_of(dev, struct mc146818, dev);
    if (index >= CMOS_FLOPPY && index < RAM_SIZE && index != CMOS_CENTURY)
        s->ram[index] = value;
}

uint8_t mc146818_get_cmos(struct device *dev, uint8_t index)
{
    struct mc146818 *s = container_of(dev, struct mc146818, dev);
    return index < RAM_SIZE ? s->ram[index] : 0xff;
}

static void set_le(struct device *dev, uint8_t index, unsigned bytes, uint64_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        mc146818_set_cmos(dev, (uint8_t)(index + i), (uint8_t)(value >> 8 * i));
}

void mc146818_set_memory(struct device *dev, uint64_t below_4g, uint64_t above_4g)
{
    const uint64_t kib = 1024, mib = kib * kib;
    uint64_t base = MIN(below_4g / kib, 640);
    uint64_t ext = below_4g > mib ? MIN((below_4g - mib) / kib, 63 * kib) : 0;
    uint64_t above_16m = below_4g > 16 * mib ? MIN((below_4g - 16 * mib) / (64 * kib), 0xffff) : 0;

    set_le(dev, CMOS_BASE_KB, 2, base);
    set_le(dev, CMOS_EXT_KB, 2, ext);
    set_le(dev, CMOS_EXT_KB_COPY, 2, ext);
    set_le(dev, CMOS_ABOVE_16M, 2, above_16m);
    set_le(dev, CMOS_ABOVE_4G, 3, MIN(above_4g / (64 * kib), 0xffffff));
}

void mc146818_set_cpus(struct device *dev, unsigned cpus)
{
    mc146818_set_cmos(dev, CMOS_CPUS, (uint8_t)(cpus ? MIN(cpus - 1, 255) : 0));
}

/* ---- life ------------------------------------------------------------------------------------ */

/* The RESET pin: interrupt enables, flags and SQWE; time and RAM are on battery. */
static void mc146818_reset(struct device *dev)
{
    struct mc146818 *s = container_of(dev, struct mc146818, dev);

    sync_flags(s);
    s->ram[REG_B] &= (uint8_t) ~(INT_ALL | B_SQWE);
    s->ram[REG_C] = 0;
    s->index = 0;
    update_irq(s);
    arm(s);
}

static void mc146818_unrealize(struct device *dev)
{
    struct mc146818 *s = container_of(dev, struct mc146818, dev);
    timer_cancel(&s->timer);
    mem_region_remove(&s->region);
}

static bool mc146818_realize(struct device *dev, struct vemu_error **errp)
{
    struct mc146818 *s = container_of(dev, struct mc146818, dev);

    const struct rtc_start wanted = {.localtime = s->base == MC146818_LOCALTIME,
                                     .seconds = s->cfg.start};
    int64_t start;
    if (!rtc_start_ns(&wanted, device_clocks(dev), &start, errp))
        return false;
    timer_init(&s->timer, device_clocks(dev), driving_clock(s), timer_expired, s);
    s->offset_ns = start - clock_ns(s);
    s->ram[REG_A] = A_DV_32KHZ << A_DV_SHIFT | 6; /* 32 kHz, 1024 Hz: what PC firmware sets */
    s->ram[REG_B] = B_24_HOUR;
    s->ram[REG_D] = D_VRT;
    s->last_second = floor_div(start, NS_PER_SECOND);
    s->last_period = crystal_ticks(s);
    if (!isa_port_add(dev, &s->region, "rtc", s->cfg.io_base, 2, &rtc_ops, s, errp))
        return false;
    mem_region_set_posted(&s->region, index_posted);
    mc146818_reset(dev);
    return true;
}

static bool mc146818_post_load(struct device *dev, struct vemu_error **errp)
{
    struct mc146818 *s = container_of(dev, struct mc146818, dev);
    __int128 calendar = (__int128)clock_ns(s) + s->offset_ns;
    const int64_t limit = (RTC_SECONDS_LIMIT + RTC_SECONDS_LIMIT / 8) * NS_PER_SECOND;

    if (calendar > limit || calendar < -limit || s->frozen_ns < 0 ||
        s->frozen_ns >= NS_PER_SECOND || s->last_second > 2 * RTC_SECONDS_LIMIT ||
        s->last_second < -2 * RTC_SECONDS_LIMIT || s->last_period < 0)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state of the rtc is out of range: offset %lld ns, second %lld",
                         (long long)s->offset_ns, (long long)s->last_second);
    irq_set(&s->cfg.irq, s->ram[REG_C] & C_IRQF ? 1 : 0);
    return true;
}

static const char *const base_names[] = {"utc", "localtime", NULL};
static const char *const source_names[] = {"host", "vm", NULL};
static const struct prop_desc mc146818_props[] = {
    PROP(PROP_ENUM, struct mc146818, base, "base", "utc",
         "what the clock shows: the host's UTC or local time", .enum_names = base_names),
    PROP(PROP_ENUM, struct mc146818, source, "clock", "host",
         "what drives it: the host's clock, or the machine's virtual time",
         .enum_names = source_names),
    {0},
};

static const struct state_field mc146818_state[] = {
    STATE_INT(struct mc146818, index, .max = INDEX_MASK),
    STATE_BUFFER(struct mc146818, ram),
    STATE_INT(struct mc146818, offset_ns),
    STATE_INT(struct mc146818, frozen_ns),
    STATE_INT(struct mc146818, last_second),
    STATE_INT(struct mc146818, last_period),
    STATE_INT(struct mc146818, weekday_skew, .max = 6),
    STATE_DEADLINE(struct mc146818, timer),
    STATE_FIELDS_END,
};

const struct device_class mc146818_class = {
    .name = "mc146818rtc",
    .help = "MC146818 real-time clock with CMOS RAM",
    .size = sizeof(struct mc146818),
    .props = mc146818_props,
    .state = mc146818_state,
    .state_version = 1,
    .realize = mc146818_realize,
    .unrealize = mc146818_unrealize,
    .reset = mc146818_reset,
    .post_load = mc146818_post_load,
};

struct device *mc146818_create(struct vemu_machine *m, const struct mc146818_config *cfg,
                               struct vemu_error **errp)
{
    struct device *dev = device_new(m, &mc146818_class, NULL, errp);
    if (!dev)
        return NULL;
    struct mc146818 *s = container_of(dev, struct mc146818, dev);
    s->cfg = *cfg;
    s->base = cfg->base;
    s->source = cfg->virtual_clock;
    return device_realize_or_free(dev, errp);
}
