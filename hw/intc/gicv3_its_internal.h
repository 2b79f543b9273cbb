/* Between gicv3_its.c (registers, life), gicv3_its_table.c (tables in the guest's memory) and
 * gicv3_its_command.c. Machine lock held. */
#ifndef HW_INTC_GICV3_ITS_INTERNAL_H
#define HW_INTC_GICV3_ITS_INTERNAL_H

#include "core/memory/memory.h"
#include "hw/intc/gicv3_internal.h"
#include "hw/intc/gicv3_its.h"

enum {
    ITS_DEVICE_BITS = 16,
    ITS_EVENT_BITS = 16,
    ITS_COLLECTION_BITS = 16,
    ITS_ENTRY = 8, /* bytes of an entry of any table */
};
enum its_table { ITS_DEVICES, ITS_COLLECTIONS, ITS_TABLES };

#define ITS_CTLR_ENABLED UINT32_C(1)
#define ITS_VALID                                                                                  \
    (UINT64_C(1) << 63) /* of tables, their entries, commands' operands, the queue                 \
                         */
#define ITS_BASER_INDIRECT (UINT64_C(1) << 62)

struct gicv3_its {
    struct device dev;
    struct gicv3_its_config cfg;
    struct gicv3 *gic;
    uint32_t ctlr;
    uint64_t cbaser, cwriter, creadr; /* the latter two: byte offsets, bit 0 of creadr: stalled */
    uint64_t baser[ITS_TABLES];
    bool kernel_tables; /* those in the guest's memory are in the accelerator's form */
    struct mem_region region;
};

/* Entries as they are in memory, in a form of our own. */
struct its_device { /* ITS_VALID, 51-8 address, 4-0 event ID bits less one */
    uint64_t itt;
    uint32_t events; /* how many event IDs there are */
};
struct its_event { /* ITS_VALID, 31-16 collection, 15-0 INTID */
    uint16_t intid, collection;
};
#define ITS_ITT_ADDRESS UINT64_C(0xfffffffffff00)

/* False: there is no such entry, or none in memory, or it is not valid or not in range. */
bool its_read_device(struct gicv3_its *s, uint32_t id, struct its_device *device);
bool its_read_event(struct gicv3_its *s, const struct its_device *device, uint32_t id,
                    struct its_event *event);
struct gicv3_cpu *its_read_collection(struct gicv3_its *s, uint32_t id);
/* False: no room for it, or not in memory. */
bool its_write_entry(struct gicv3_its *s, enum its_table table, uint32_t id, uint64_t entry);
bool its_write_event(struct gicv3_its *s, const struct its_device *device, uint32_t id,
                     uint64_t entry);

/* Takes the commands up to CWRITER. */
void its_run_commands(struct gicv3_its *s);
/* A message: the LPI that it stands for becomes pending. False: it stands for none. */
bool its_translate(struct gicv3_its *s, uint32_t device, uint32_t event, bool pending);

/* gicv3_its_kernel.c: one that the accelerator keeps. vCPUs paused. */
void its_get_from_kernel(struct gicv3_its *s);
void its_put_to_kernel(struct gicv3_its *s);

#endif
