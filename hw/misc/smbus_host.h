/*
 * The SMBus host controller of the PIIX4 and the ICH: commands to devices on the board's management
 * bus. No board here has a device on that bus, so every command ends with the error that tells its
 * driver so. Intel 82371AB data sheet, "SMBus I/O Space Registers"; Intel I/O Controller Hub 9 data
 * sheet, chapter "SMBus I/O and Memory Mapped I/O Registers".
 *
 * Embedded in the chipset function that places its registers. Machine lock held.
 */
#ifndef HW_MISC_SMBUS_HOST_H
#define HW_MISC_SMBUS_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"
#include "core/memory/memory.h"
#include "core/state/state.h"

enum { SMBUS_PIIX4_PORTS = 16, SMBUS_ICH_PORTS = 32, SMBUS_BLOCK_MAX = 32 };

struct smbus_host {
    struct mem_region region; /* initialised here, placed by the function */
    bool ich;                 /* the ICH's further registers are there */
    void (*interrupt)(void *opaque, int level);
    void *opaque;
    uint8_t reg[SMBUS_ICH_PORTS];
    uint8_t block[SMBUS_BLOCK_MAX],
        block_at; /* data of block commands, and the next byte's index */
    bool interrupting;
};

extern const struct state_field smbus_host_state[];
#define STATE_SMBUS_HOST(type_, member_)                                                           \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(type_, member_), .count = 1,    \
        .elem_size = sizeof(struct smbus_host), .fields = smbus_host_state                         \
    }

/* interrupt: the controller's interrupt condition changed. */
void smbus_host_init(struct smbus_host *s, struct device *dev, bool ich,
                     void (*interrupt)(void *opaque, int level), void *opaque);
void smbus_host_exit(struct smbus_host *s);
void smbus_host_reset(struct smbus_host *s);

#endif
