/*
 * GICv3's interrupt translation service: turns an interrupt message, which is a device's ID and the
 * event ID that it wrote to GITS_TRANSLATER, into an LPI at some vCPU. Software says how by a queue
 * of commands; the tables are in the guest's memory, are looked up with each message, and are as
 * hostile as all of it.
 *
 * Machine lock held throughout; the GIC's lock is taken inside where an LPI changes.
 */
#ifndef HW_INTC_GICV3_ITS_H
#define HW_INTC_GICV3_ITS_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"

enum { GICV3_ITS_SIZE = 0x20000 };

struct gicv3_its_config {
    struct device *gic; /* with .lpis */
    uint64_t base;
};

extern const struct device_class gicv3_its_class;
struct device *gicv3_its_create(struct vemu_machine *m, const struct gicv3_its_config *cfg,
                                struct vemu_error **errp);
/* For pci_bus_set_msi, with the ITS: an interrupt message of the function with that requester ID,
 * which is its device ID. False: addr is not GITS_TRANSLATER. */
bool gicv3_its_send_msi(void *its, uint16_t requester, uint64_t addr, uint32_t data);

#endif
