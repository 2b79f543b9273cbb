/* What the files of the 8254 share. */
#ifndef HW_TIMER_I8254_INTERNAL_H
#define HW_TIMER_I8254_INTERNAL_H

#include "core/clock/clock.h"
#include "core/memory/memory.h"
#include "hw/timer/i8254.h"

enum { CHANNELS = 3, SPEAKER_CHANNEL = 2 };
enum { MAX_COUNT = 0x10000, MAX_COUNT_BCD = 10000 };
/* RW of the control word. */
enum { RW_LATCH = 0, RW_LSB = 1, RW_MSB = 2, RW_WORD = 3 };
enum mode {
    MODE_TERMINAL_COUNT,
    MODE_ONE_SHOT,
    MODE_RATE,
    MODE_SQUARE,
    MODE_SOFT_STROBE,
    MODE_HARD_STROBE,
};
/* Port 0x61. */
enum {
    PORT_B_GATE2 = 1 << 0,
    PORT_B_SPEAKER = 1 << 1,
    PORT_B_WRITABLE = 0x0f, /* and the parity and I/O check enables, which only read back */
    PORT_B_REFRESH = 1 << 4,
    PORT_B_OUT2 = 1 << 5,
};

struct counter {
    uint8_t mode, rw;
    bool bcd, gate;
    bool running;       /* a count was loaded, and for modes 1 and 5 triggered */
    bool loaded;        /* a count was written since the control word */
    bool rose_at_start; /* the cycle began with a rising edge: it followed another */
    uint32_t count;     /* of the present cycle, 1 to 0x10000 */
    uint32_t reload;    /* the count register: what the next cycle loads */
    int64_t start;      /* tick at which the present cycle began */
    int64_t held;       /* elapsed ticks while the gate suspends counting */
    int64_t reload_at;  /* tick at which a rewritten count takes over; -1: none pending */
    uint8_t write_lsb;
    bool write_msb_next, read_msb_next;
    uint16_t latch;
    uint8_t latch_bytes; /* latched count bytes not yet read: 0 to 2 */
    uint8_t status;
    bool status_latched;
};

struct i8254 {
    struct device dev;
    struct i8254_config cfg;
    struct counter counter[CHANNELS];
    uint8_t port_b;
    int64_t seen_rise; /* tick of the last rising edge of OUT 0 that was delivered */
    uint32_t owed;     /* rises before it that were not (late_ticks.h) */
    bool irq_level;
    bool in_kernel, blocked; /* blocked: channel 0 raises nothing (HPET legacy replacement) */
    struct timer timer;
    struct mem_region region, port_b_region;
};

/* The machine's present tick of virtual time. */
int64_t i8254_ticks(const struct i8254 *s);
int64_t i8254_ticks_in(int64_t ns); /* negative ones, too */
int64_t i8254_tick_ns(int64_t tick);
void counter_sync(struct counter *c, int64_t now);
bool counter_periodic(const struct counter *c);
bool counter_suspended(const struct counter *c);
int64_t counter_elapsed(const struct counter *c, int64_t now);
bool counter_out(const struct counter *c, int64_t now);
int64_t counter_last_rise(const struct counter *c, int64_t now);
/* The timer to the interrupt output's next event. */
void i8254_arm(struct i8254 *s);

/* i8254_kernel.c: with the counters in the accelerator (core/cpu/irqchip.h). */
void i8254_put_to_kernel(struct i8254 *s);
void i8254_get_from_kernel(struct i8254 *s);
void i8254_block(void *opaque, unsigned n, int level);

#endif
