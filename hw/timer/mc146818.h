/*
 * MC146818 real-time clock with 128 bytes of CMOS RAM behind an index/data port pair. Everything
 * here with the machine lock held.
 */
#ifndef HW_TIMER_MC146818_H
#define HW_TIMER_MC146818_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"

enum mc146818_base { MC146818_UTC, MC146818_LOCALTIME };
/* CMOS RAM as PC firmware knows it. */
enum {
    CMOS_FLOPPY = 0x10,
    CMOS_HARD_DISKS = 0x12,       /* a nibble each: 0 none, 15 see CMOS_HARD_DISK_TYPE */
    CMOS_HARD_DISK_TYPE = 0x19,   /* 2 bytes: 47, geometry by the user */
    CMOS_HARD_DISK_0 = 0x1b,      /* 9 bytes of geometry; of disk 1 at 0x24 */
    CMOS_DISK_TRANSLATION = 0x39, /* 2 bits for each IDE disk */
    CMOS_EQUIPMENT = 0x14,
    CMOS_BASE_KB = 0x15,     /* 2 bytes: memory below 640K in KiB */
    CMOS_EXT_KB = 0x17,      /* 2 bytes: memory above 1 MiB in KiB, at most 63 MiB; again at 0x30 */
    CMOS_EXT_KB_COPY = 0x30, /* 2 bytes */
    CMOS_CENTURY = 0x32,
    CMOS_ABOVE_16M = 0x34, /* 2 bytes: memory between 16 MiB and 4 GiB in 64 KiB units */
    CMOS_BOOT_ORDER = 0x3d,
    CMOS_ABOVE_4G = 0x5b, /* 3 bytes: memory above 4 GiB in 64 KiB units */
    CMOS_CPUS = 0x5f,     /* vCPUs - 1 */
};

struct mc146818_config {
    uint16_t io_base;        /* 0x70 */
    struct irq irq;          /* IRQ 8, or the HPET's legacy input */
    enum mc146818_base base; /* -rtc base=; sets the property of that name */
    bool virtual_clock;      /* -rtc clock=vm: driven by the virtual clock, so it stops with it */
    int64_t start;           /* -rtc base=DATE: Unix time at machine start; 0: the host's time */
};

extern const struct device_class mc146818_class;

struct device *mc146818_create(struct vemu_machine *m, const struct mc146818_config *cfg,
                               struct vemu_error **errp);
/* CMOS bytes from CMOS_FLOPPY up (the clock's own registers and the century byte are not touched);
 * they survive reset. */
void mc146818_set_cmos(struct device *dev, uint8_t index, uint8_t value);
uint8_t mc146818_get_cmos(struct device *dev, uint8_t index);
/* The memory size fields: bytes of RAM below 4 GiB (counted from 0) and above. */
void mc146818_set_memory(struct device *dev, uint64_t below_4g, uint64_t above_4g);
void mc146818_set_cpus(struct device *dev, unsigned cpus);

#endif
