/*
 * Between the files of the NVMe controller. Names and numbers: NVM Express Base Specification 1.4.
 * Private to hw/block/nvme*.c.
 *
 *   nvme.c           registers, doorbells, interrupts, wiring
 *   nvme_queue.c     commands taken from submission queues, entries put into completion queues
 *   nvme_data.c      where a command's data is: PRPs and SGLs
 *   nvme_admin.c     admin commands: queues, Abort
 *   nvme_features.c  features and events
 *   nvme_identify.c  Identify's structures
 *   nvme_log.c       log pages
 *   nvme_io.c        I/O commands
 *
 * A command is taken only when its completion queue has a free entry for it, which it then owes:
 * so completions never wait, and a driver that does not take them stops its own queues only.
 *
 * A command that failed and is to be repeated (werror=stop) stays in its slot, which is part of the
 * saved state: the driver may have reused its place in the queue. Otherwise nothing is under way
 * while the machine is paused.
 */
#ifndef HW_BLOCK_NVME_INTERNAL_H
#define HW_BLOCK_NVME_INTERNAL_H

#include "core/block/drive.h"
#include "core/device/boot_target.h"
#include "core/clock/clock.h"
#include "core/memory/dma_list.h"
#include "core/memory/memory.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci.h"

enum {
    NVME_PAGE_MIN = 4096,
    NVME_SQE_SIZE = 64,
    NVME_CQE_SIZE = 16,
    NVME_ENTRIES_MAX = 2048,
    NVME_QUEUES_MAX = PCI_MSIX_VECTORS_MAX, /* pairs, the admin queue's among them */
    NVME_SLOTS = 256,                       /* I/O commands under way */
    NVME_AERS_MAX = 16,
    NVME_ERRORS = 8, /* entries of the error log */
    NVME_NSID = 1,
    NVME_TEMPERATURE = 273 + 40, /* kelvins */
    NVME_TEMPERATURE_WARNING = 273 + 70,
    NVME_TEMPERATURE_CRITICAL = 273 + 100,
};

#define NVME_NSID_ALL UINT32_MAX
#define NVME_VERSION UINT32_C(0x00010400)
#define NVME_FIRMWARE "1.0     "

/* Status of a completion: the code, and from bit 8 on its type. */
enum nvme_status {
    NVME_SUCCESS = 0,
    NVME_INVALID_OPCODE = 0x01,
    NVME_INVALID_FIELD = 0x02,
    NVME_DATA_TRANSFER_ERROR = 0x04,
    NVME_INTERNAL_ERROR = 0x06,
    NVME_ABORT_REQUESTED = 0x07,
    NVME_ABORTED_SQ_DELETION = 0x08,
    NVME_INVALID_NAMESPACE = 0x0b,
    NVME_COMMAND_SEQUENCE_ERROR = 0x0c,
    NVME_INVALID_SGL_SEGMENT = 0x0d,
    NVME_INVALID_SGL_COUNT = 0x0e,
    NVME_INVALID_SGL_LENGTH = 0x0f,
    NVME_INVALID_SGL_TYPE = 0x11,
    NVME_INVALID_PRP_OFFSET = 0x13,
    NVME_WRITE_PROTECTED = 0x20,
    NVME_LBA_OUT_OF_RANGE = 0x80,
    NVME_CAPACITY_EXCEEDED = 0x81,
    NVME_INVALID_CQ = 0x100,
    NVME_INVALID_QUEUE_ID = 0x101,
    NVME_INVALID_QUEUE_SIZE = 0x102,
    NVME_AER_LIMIT_EXCEEDED = 0x105,
    NVME_INVALID_VECTOR = 0x108,
    NVME_INVALID_LOG_PAGE = 0x109,
    NVME_INVALID_QUEUE_DELETION = 0x10c,
    NVME_NOT_SAVEABLE = 0x10d,
    NVME_WRITE_FAULT = 0x280,
    NVME_UNRECOVERED_READ = 0x281,
    NVME_COMPARE_FAILURE = 0x285,
    NVME_MORE = 0x2000, /* the error log tells more */
    NVME_DNR = 0x4000,  /* do not retry */
    /* Not of the specification: the command completes later. */
    NVME_UNDER_WAY = 0x8000,
};

/* Types of asynchronous events, and what is told with them. */
enum { NVME_EVENT_ERROR, NVME_EVENT_SMART, NVME_EVENT_NOTICE, NVME_EVENT_TYPES };
enum {
    NVME_ERROR_INVALID_REGISTER = 0,
    NVME_ERROR_INVALID_VALUE = 1,
    NVME_SMART_TEMPERATURE = 1,
    NVME_NOTICE_NAMESPACE = 0
};

/* I/O commands. */
enum {
    NVME_FLUSH = 0x00,
    NVME_WRITE = 0x01,
    NVME_READ = 0x02,
    NVME_COMPARE = 0x05,
    NVME_WRITE_ZEROES = 0x08,
    NVME_DATASET_MANAGEMENT = 0x09,
};

/* Log pages. */
enum {
    NVME_LOG_ERROR = 0x01,
    NVME_LOG_SMART = 0x02,
    NVME_LOG_FIRMWARE = 0x03,
    NVME_LOG_CHANGED_NAMESPACES = 0x04,
    NVME_LOG_EFFECTS = 0x05,
};

struct nvme_sq {
    uint64_t base;
    uint32_t size; /* entries; 0: there is no such queue */
    uint16_t cqid, head, tail;
};

struct nvme_cq {
    uint64_t base;
    uint32_t size; /* entries; 0: there is no such queue */
    uint16_t head, tail, vector;
    bool phase, interrupts;
    /* derived */
    uint32_t owed; /* entries for commands that are under way */
    bool blocked;  /* some submission queue waits for room */
};

struct nvme_cmd {
    uint8_t opcode, flags;
    uint16_t cid, sqid;
    uint32_t nsid;
    uint64_t dptr[2]; /* PRP 1 and 2, or an SGL descriptor */
    uint32_t cdw[6];  /* dwords 10 to 15 */
};

enum nvme_slot_state { NVME_SLOT_FREE, NVME_SLOT_AGAIN, NVME_SLOT_UNDER_WAY };

struct nvme;

struct nvme_slot {
    struct vemu_block_request req;
    struct nvme *s;
    uint8_t state;
    bool aborted; /* an Abort took it back before anybody worked on it */
    uint16_t sqid;
    uint8_t sqe[NVME_SQE_SIZE]; /* what is saved of it */
    struct nvme_cmd cmd;
    struct dma_list data;
    uint8_t *buf;      /* Compare: what the disk has; Dataset Management: the ranges */
    struct iovec disk; /* Compare: buf */
    unsigned range, ranges;
    uint16_t next_free;
};

struct nvme_props {
    struct drive *drive;
    char *serial;
    uint16_t max_ioqpairs, msix_qsize;
    uint8_t mdts, aerl;
    bool use_intel_id;
    int rerror, werror;
    uint32_t logical_block_size, physical_block_size;
    struct boot_target boot;
};

struct nvme_features {
    uint32_t arbitration, power, error_recovery, coalescing, write_atomicity, async_events;
    uint32_t queues; /* as granted, counted from 0 */
    bool write_cache;
    uint16_t over_temperature, under_temperature;
    uint64_t timestamp, timestamp_ns; /* ms that were set, and the virtual time then */
    bool timestamp_set;
    uint8_t no_coalescing[NVME_QUEUES_MAX / 8]; /* by vector */
};

struct nvme_counters {
    uint64_t sectors_read, sectors_written; /* of 512 bytes */
    uint64_t reads, writes;                 /* commands */
    uint64_t media_errors, errors;          /* errors: entries ever made in the log */
};

struct nvme_error_entry {
    uint64_t count, lba;
    uint16_t sqid, cid, status;
    uint32_t nsid;
};

struct nvme {
    struct pci_device pci;
    struct nvme_props props;
    struct mem_region bar, registers;
    struct pci_msix msix;

    uint32_t intms, cc, csts, aqa;
    uint64_t asq, acq;
    struct nvme_sq sq[NVME_QUEUES_MAX];
    struct nvme_cq cq[NVME_QUEUES_MAX];
    struct nvme_features features;
    struct nvme_counters counters;
    struct nvme_error_entry
        error_log[NVME_ERRORS]; /* the newest is at (errors - 1) % NVME_ERRORS */

    /* Commands that wait for an event, oldest first; what there is to be told, by type. */
    uint16_t aers[NVME_AERS_MAX];
    uint8_t aer_count;
    uint8_t events, events_told; /* bits by type; told: not again before its log page is read */
    uint32_t event_results[NVME_EVENT_TYPES];
    bool namespace_changed; /* since its log page was read */

    struct nvme_slot slots[NVME_SLOTS];
    struct vemu_block_request shutdown;

    /* derived */
    uint64_t blocks;    /* of the namespace */
    uint16_t free_slot; /* first of the free ones; NVME_SLOTS: none */
    uint16_t next_sq;   /* whose turn it is when slots are scarce */
    unsigned in_flight; /* requests of the block layer */
    bool resetting;     /* completions tell nobody */
    bool starved;       /* some submission queue waits for a slot */
    unsigned plug_depth;
    uint64_t to_signal[NVME_QUEUES_MAX / 64]; /* completion queues with something new */
};

static inline uint32_t nvme_page_size(const struct nvme *s)
{
    return (uint32_t)NVME_PAGE_MIN << (s->cc >> 7 & 15);
}
static inline bool nvme_write_cache(const struct nvme *s)
{
    return s->props.drive->write_cache && s->features.write_cache;
}

static inline unsigned nvme_vectors(const struct nvme *s)
{
    return s->msix.vectors ? s->msix.vectors : PCI_MSI_VECTORS_MAX;
}
static inline bool nvme_temperature_warning(const struct nvme *s)
{
    return NVME_TEMPERATURE >= s->features.over_temperature ||
           NVME_TEMPERATURE <= s->features.under_temperature;
}

/* nvme.c */
bool nvme_running(const struct nvme *s);
/* Something cannot be carried on: nothing is done until the driver resets the controller. */
void nvme_fatal(struct nvme *s, const char *what, unsigned value);
/* Tells the driver of what is new in completion queues. */
void nvme_signal(struct nvme *s);

/* nvme_queue.c */
uint32_t nvme_cq_used(const struct nvme_cq *cq);
/* Room for an entry that nobody is owed. */
bool nvme_cq_room(const struct nvme_cq *cq);
/* The driver has put commands into submission queue id, or taken entries of completion queue id. */
void nvme_sq_moved(struct nvme *s, unsigned id);
void nvme_cq_moved(struct nvme *s, unsigned id);
/* Looks at all submission queues. */
void nvme_run_all(struct nvme *s);
/* Begins again what failed when the machine was to stop. */
void nvme_resume(void *opaque);
/* Puts a command's entry, with dword 0, into its completion queue. */
void nvme_complete(struct nvme *s, const struct nvme_cmd *cmd, unsigned status, uint32_t result);
/* Also after a load: what is not to be repeated is free. */
void nvme_slots_init(struct nvme *s);
/* Frees what a command holds. */
void nvme_slot_drop(struct nvme_slot *slot);
/* Its command is over. */
void nvme_slot_done(struct nvme_slot *slot, unsigned status);
/* A command has ended outside of a batch: what waited for its slot can go on. */
void nvme_go_on(struct nvme *s);

/* nvme_data.c. They return a status. */
unsigned nvme_map(struct nvme *s, const struct nvme_cmd *cmd, uint64_t len, struct dma_list *list);
unsigned nvme_to_host(struct nvme *s, const struct nvme_cmd *cmd, const void *buf, uint32_t len);
unsigned nvme_from_host(struct nvme *s, const struct nvme_cmd *cmd, void *buf, uint32_t len);

/* nvme_admin.c */
/* Carries a command out: its status, or NVME_UNDER_WAY. */
unsigned nvme_admin_command(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result);
bool nvme_admin_supports(uint8_t opcode);

/* nvme_features.c: features, and the events that they switch on. */
void nvme_features_reset(struct nvme *s);
unsigned nvme_get_features(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result);
unsigned nvme_set_features(struct nvme *s, const struct nvme_cmd *cmd, uint32_t *result);
unsigned nvme_event_request(struct nvme *s, const struct nvme_cmd *cmd);
/* Gives up a waiting request; false: there is none with this identifier. */
bool nvme_event_abort(struct nvme *s, uint16_t cid);
void nvme_event(struct nvme *s, unsigned type, unsigned info, unsigned log_page);
/* The log page was read: events of the type may be told again. */
void nvme_event_clear(struct nvme *s, unsigned type);
void nvme_events_post(struct nvme *s);
void nvme_namespace_changed(struct nvme *s);

/* nvme_identify.c. They return a status. */
unsigned nvme_identify(struct nvme *s, const struct nvme_cmd *cmd);
/* nvme_log.c */
unsigned nvme_get_log_page(struct nvme *s, const struct nvme_cmd *cmd);
void nvme_log_error(struct nvme *s, const struct nvme_cmd *cmd, unsigned status);

/* nvme_io.c */
/* Starts the command in the slot: NVME_UNDER_WAY, or its status. */
unsigned nvme_io_command(struct nvme *s, struct nvme_slot *slot);
bool nvme_io_supports(uint8_t opcode, bool *writes);

#endif
