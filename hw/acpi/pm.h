/*
 * ACPI fixed hardware: PM1 event and control blocks, power management timer, one general-purpose
 * event block, and the SCI they share. ACPI Specification 6.x, chapter "ACPI Hardware
 * Specification".
 *
 * Embedded in the chipset function that owns the registers (PIIX4 function 3, ICH9 LPC), which maps
 * the region and lists ACPI_PM_STATE in its state table. Machine lock held throughout.
 */
#ifndef HW_ACPI_PM_H
#define HW_ACPI_PM_H

#include <stdbool.h>
#include <stdint.h>
#include "core/clock/clock.h"
#include "core/device/device.h"
#include "core/memory/memory.h"
#include "core/state/state.h"

#define ACPI_PM_TIMER_HZ 3579545u
enum {
    ACPI_PM1_EVT = 0x0, /* status, enable: 2 bytes each */
    ACPI_PM1_CNT = 0x4,
    ACPI_PM_TMR = 0x8,
};
enum { ACPI_GPE_BYTES = 8 }; /* of status; as many of enable follow */

struct acpi_pm_config {
    struct device *dev; /* the function that owns the registers */
    struct irq sci;
    uint16_t size;       /* of the register block */
    uint16_t gpe_offset; /* in the block */
    uint8_t gpe_bytes;   /* of status, at most ACPI_GPE_BYTES */
    uint8_t s5_type;     /* SLP_TYP that means soft off, as in the _S5 object */
    bool sci_enabled;    /* ACPI mode from the start: boots without firmware */
    /* The chipset's own registers in the block; NULL: they read as zero. */
    uint8_t (*read_other)(void *opaque, uint64_t offset);
    void (*write_other)(void *opaque, uint64_t offset, uint8_t value);
    void *opaque;
};

struct acpi_pm {
    struct acpi_pm_config cfg;
    struct mem_region region; /* the board's function adds it to the port space */
    struct timer timer;       /* next carry out of timer bit 22, while it may raise the SCI */
    uint16_t pm1_status, pm1_enable, pm1_control;
    uint8_t gpe_status[ACPI_GPE_BYTES], gpe_enable[ACPI_GPE_BYTES];
    int64_t overflow_seen; /* virtual time up to which carries are in pm1_status */
};

extern const struct state_field acpi_pm_state[];
#define STATE_ACPI_PM(type_, member_)                                                              \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(type_, member_), .count = 1,    \
        .elem_size = sizeof(struct acpi_pm), .fields = acpi_pm_state                               \
    }

void acpi_pm_init(struct acpi_pm *pm, const struct acpi_pm_config *cfg);
void acpi_pm_exit(struct acpi_pm *pm);
void acpi_pm_reset(struct acpi_pm *pm);
void acpi_pm_pre_save(struct acpi_pm *pm);
void acpi_pm_post_load(struct acpi_pm *pm);
/* Enter or leave ACPI mode (SCI_EN), as firmware does when asked by the SMI command port. */
void acpi_pm_set_acpi_mode(struct acpi_pm *pm, bool on);
/* The user presses the power button. */
void acpi_pm_power_button(struct acpi_pm *pm);
/* Raise general-purpose event n (an edge: its status bit stays set until the guest clears it). */
void acpi_pm_gpe(struct acpi_pm *pm, unsigned n);

#endif
