/*
 * nvme: registers, doorbells, interrupts, wiring. NVM Express Base Specification 1.4, chapter
 * "Controller Registers".
 *
 *   BAR 0  0x0000 registers, 0x1000 doorbells, 0x2000 MSI-X table and pending bits
 */
#include "hw/block/nvme.h"

#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/block/disk_props.h"
#include "hw/block/nvme_internal.h"
#include "hw/pci/pci_boot.h"

enum {
    REG_CAP = 0x00,
    REG_VS = 0x08,
    REG_INTMS = 0x0c,
    REG_INTMC = 0x10,
    REG_CC = 0x14,
    REG_CSTS = 0x1c,
    REG_AQA = 0x24,
    REG_ASQ = 0x28,
    REG_ACQ = 0x30,
    REG_DOORBELLS = 0x1000,
    REGISTERS_SIZE = 0x2000,
    BAR_MSIX = 0x2000,
    BAR_SIZE = 0x4000,
    DOORBELL_SIZE = 4,
};
enum { PAGE_SIZES = 4 /* of 4 KiB to 64 KiB: CAP.MPSMAX */, TIMEOUT = 15 /* units of 500 ms */ };
enum {
    CC_EN = 1 << 0,
    CC_CSS_SHIFT = 4,
    CC_MPS_SHIFT = 7,
    CC_AMS_SHIFT = 11,
    CC_SHN_SHIFT = 14,
    CC_WRITABLE = 0x00fffff1,
    SHN_NORMAL = 1,
};
enum { CSTS_RDY = 1 << 0, CSTS_CFS = 1 << 1, CSTS_SHST = 3 << 2 };
enum { SHST_UNDER_WAY = 1 << 2, SHST_COMPLETE = 2 << 2 };
enum {
    DEVICE_ID = 0x0010,
    DEVICE_ID_INTEL = 0x5845,
    CLASS_NVME = 0x010802,
    REVISION = 2,
    SERIAL_MAX = 20,
    MSI_VECTORS = 32,
};

bool nvme_running(const struct nvme *s)
{
    return (s->csts & (CSTS_RDY | CSTS_CFS)) == CSTS_RDY &&
           (s->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER);
}

void nvme_fatal(struct nvme *s, const char *what, unsigned value)
{
    guest_error(&s->pci, "nvme: %s %u; the controller stops", what, value);
    s->csts |= CSTS_CFS;
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static bool masked(const struct nvme *s, unsigned vector)
{
    return vector < 32 && (s->intms >> vector & 1);
}

/* INTx is asserted as long as there are entries that the driver has not taken. */
static void update_intx(struct nvme *s)
{
    bool level = false;

    if (pci_msix_enabled(&s->pci) || pci_msi_enabled(&s->pci))
        return;
    for (unsigned n = 0; n < NVME_QUEUES_MAX; n++) {
        const struct nvme_cq *cq = &s->cq[n];
        level |= cq->size && cq->interrupts && cq->head != cq->tail && !masked(s, cq->vector);
    }
    pci_set_intx(&s->pci, level);
}

static void send_message(struct nvme *s, const struct nvme_cq *cq)
{
    if (!cq->size || !cq->interrupts)
        return;
    if (pci_msix_enabled(&s->pci))
        pci_msix_notify(&s->pci, cq->vector);
    else if (!masked(s, cq->vector))
        pci_msi_notify(&s->pci, cq->vector); /* nothing happens if that is off, too */
}

void nvme_signal(struct nvme *s)
{
    for (unsigned i = 0; i < ARRAY_SIZE(s->to_signal); i++) {
        uint64_t queues = s->to_signal[i];
        s->to_signal[i] = 0;
        for (; queues; queues &= queues - 1)
            send_message(s, &s->cq[64 * i + (unsigned)__builtin_ctzll(queues)]);
    }
    update_intx(s);
}

static void set_mask(struct nvme *s, uint32_t mask)
{
    uint32_t unmasked = s->intms & ~mask;

    s->intms = mask;
    /* Messages that were held back. */
    for (unsigned n = 0; n < NVME_QUEUES_MAX && !pci_msix_enabled(&s->pci); n++) {
        const struct nvme_cq *cq = &s->cq[n];
        if (cq->head != cq->tail && cq->vector < 32 && (unmasked >> cq->vector & 1))
            send_message(s, cq);
    }
    update_intx(s);
}

/* ---- the controller's life ------------------------------------------------------------------- */

static void forget_commands(struct nvme *s)
{
    /* From here on nothing is taken any more, and completions tell nobody. */
    s->csts = 0;
    s->resetting = true;
    if (s->in_flight)
        vemu_block_drain(s->props.drive->block);
    for (unsigned n = 0; n < NVME_SLOTS; n++) {
        if (s->slots[n].state != NVME_SLOT_FREE)
            nvme_slot_done(&s->slots[n], NVME_SUCCESS);
    }
    s->resetting = false;
}

/* Admin queue addresses stay. */
static void reset_controller(struct nvme *s)
{
    forget_commands(s);
    memset(s->sq, 0, sizeof s->sq);
    memset(s->cq, 0, sizeof s->cq);
    memset(s->to_signal, 0, sizeof s->to_signal);
    memset(s->aers, 0, sizeof s->aers);
    memset(s->event_results, 0, sizeof s->event_results);
    s->aer_count = s->events = s->events_told = 0;
    s->namespace_changed = false;
    s->intms = 0;
    s->next_sq = 0;
    s->starved = false;
    nvme_features_reset(s);
    update_intx(s);
}

static void enable(struct nvme *s)
{
    uint32_t sqs = (s->aqa & 0xfff) + 1, cqs = (s->aqa >> 16 & 0xfff) + 1;
    unsigned mps = s->cc >> CC_MPS_SHIFT & 15;

    if (mps > PAGE_SIZES || (s->cc >> CC_CSS_SHIFT & 7) || (s->cc >> CC_AMS_SHIFT & 7) || sqs < 2 ||
        cqs < 2 || ((s->asq | s->acq) & (nvme_page_size(s) - 1))) {
        nvme_fatal(s, "it cannot be enabled with CC", s->cc);
        return;
    }
    s->sq[0] = (struct nvme_sq){.base = s->asq, .size = sqs};
    s->cq[0] = (struct nvme_cq){.base = s->acq, .size = cqs, .phase = true, .interrupts = true};
    s->csts = CSTS_RDY;
}

static void shutdown_done(struct vemu_block_request *req)
{
    struct nvme *s = container_of(req, struct nvme, shutdown);

    s->in_flight--;
    if (!s->resetting)
        s->csts = (s->csts & ~(uint32_t)CSTS_SHST) | SHST_COMPLETE;
}

static void shut_down(struct nvme *s, unsigned how)
{
    unsigned now = s->csts & CSTS_SHST;

    if (how == 0 || now == SHST_UNDER_WAY) {
        if (now == SHST_COMPLETE)
            s->csts &= ~(uint32_t)CSTS_SHST;
    } else if (how == SHN_NORMAL && now != SHST_COMPLETE) {
        s->csts |= SHST_UNDER_WAY;
        s->shutdown = (struct vemu_block_request){.op = VEMU_BLOCK_FLUSH, .done = shutdown_done};
        s->in_flight++;
        vemu_block_submit(s->props.drive->block, &s->shutdown);
    } else {
        s->csts |= SHST_COMPLETE;
    }
}

static void write_cc(struct nvme *s, uint32_t value)
{
    uint32_t old = s->cc;

    s->cc = value & CC_WRITABLE;
    if (~old & value & CC_EN)
        enable(s);
    else if (old & ~value & CC_EN)
        reset_controller(s);
    shut_down(s, value >> CC_SHN_SHIFT & 3);
}

/* ---- doorbells ------------------------------------------------------------------------------- */

static void bad_doorbell(struct nvme *s, unsigned info, const char *kind, unsigned id,
                         uint32_t value)
{
    guest_error(&s->pci, "nvme: %s %u: a doorbell write of %u", kind, id, value);
    nvme_event(s, NVME_EVENT_ERROR, info, NVME_LOG_ERROR);
    nvme_signal(s);
}

static void ring_sq(struct nvme *s, unsigned id, uint32_t tail)
{
    struct nvme_sq *sq = &s->sq[id];

    if (!sq->size || tail >= sq->size) {
        bad_doorbell(s, sq->size ? NVME_ERROR_INVALID_VALUE : NVME_ERROR_INVALID_REGISTER,
                     "submission queue", id, tail);
        return;
    }
    sq->tail = (uint16_t)tail;
    nvme_sq_moved(s, id);
}

static void ring_cq(struct nvme *s, unsigned id, uint32_t head)
{
    struct nvme_cq *cq = &s->cq[id];
    uint32_t taken = head >= cq->head ? head - cq->head : cq->size - cq->head + head;

    /* No more can be taken than there are. */
    if (!cq->size || head >= cq->size || taken > nvme_cq_used(cq)) {
        bad_doorbell(s, cq->size ? NVME_ERROR_INVALID_VALUE : NVME_ERROR_INVALID_REGISTER,
                     "completion queue", id, head);
        return;
    }
    cq->head = (uint16_t)head;
    nvme_cq_moved(s, id);
}

static void ring(struct nvme *s, uint32_t n, uint32_t value)
{
    if (!nvme_running(s))
        return;
    if (n / 2 >= NVME_QUEUES_MAX)
        bad_doorbell(s, NVME_ERROR_INVALID_REGISTER, "queue", n / 2, value);
    else if (n % 2)
        ring_cq(s, n / 2, value);
    else
        ring_sq(s, n / 2, value);
}

/* ---- registers ------------------------------------------------------------------------------- */

static uint64_t capabilities(void)
{
    return (uint64_t)(NVME_ENTRIES_MAX - 1) | 1u << 16 /* contiguous queues */ |
           (uint64_t)TIMEOUT << 24 | UINT64_C(1) << 37 /* NVM command set */ |
           (uint64_t)PAGE_SIZES << 52;
}

static uint64_t register_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct nvme *s = opaque;

    (void)size;
    switch (offset) {
    case REG_CAP:
        return (uint32_t)capabilities();
    case REG_CAP + 4:
        return capabilities() >> 32;
    case REG_VS:
        return NVME_VERSION;
    case REG_INTMS:
    case REG_INTMC:
        return s->intms;
    case REG_CC:
        return s->cc;
    case REG_CSTS:
        return s->csts;
    case REG_AQA:
        return s->aqa;
    case REG_ASQ:
        return (uint32_t)s->asq;
    case REG_ASQ + 4:
        return s->asq >> 32;
    case REG_ACQ:
        return (uint32_t)s->acq;
    case REG_ACQ + 4:
        return s->acq >> 32;
    default:
        return 0;
    }
}

/* The addresses of the admin queue, which is where it was while the controller is enabled. */
static void write_admin_queue(struct nvme *s, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case REG_AQA:
        s->aqa = value & 0x0fff0fff;
        break;
    case REG_ASQ:
        s->asq = (s->asq & ~UINT64_C(0xffffffff)) | (value & ~UINT32_C(0xfff));
        break;
    case REG_ASQ + 4:
        s->asq = (uint32_t)s->asq | (uint64_t)value << 32;
        break;
    case REG_ACQ:
        s->acq = (s->acq & ~UINT64_C(0xffffffff)) | (value & ~UINT32_C(0xfff));
        break;
    case REG_ACQ + 4:
        s->acq = (uint32_t)s->acq | (uint64_t)value << 32;
        break;
    default:
        guest_error(&s->pci, "nvme: write to register 0x%x, which is read-only", (unsigned)offset);
    }
}

static void register_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct nvme *s = opaque;

    (void)size;
    if (offset >= REG_DOORBELLS) {
        ring(s, (uint32_t)(offset - REG_DOORBELLS) / DOORBELL_SIZE, (uint32_t)value);
        return;
    }
    switch (offset) {
    case REG_INTMS:
        set_mask(s, s->intms | (uint32_t)value);
        break;
    case REG_INTMC:
        set_mask(s, s->intms & ~(uint32_t)value);
        break;
    case REG_CC:
        write_cc(s, (uint32_t)value);
        break;
    default:
        write_admin_queue(s, offset, (uint32_t)value);
    }
}

/* Wider accesses, to the 64-bit registers, come in two halves. */
static const struct mem_ops register_ops = {
    .read = register_read, .write = register_write, .min_size = 4, .max_size = 4};

/* ---- life ------------------------------------------------------------------------------------ */

static struct nvme *from_dev(struct device *dev)
{
    return container_of(dev, struct nvme, pci.dev);
}

/* Bus mastering may be on again, or messages off. */
static void config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct nvme *s = container_of(pci, struct nvme, pci);

    if (size > 4) /* a reset or a load, which do what there is to be done */
        return;
    update_intx(s);
    if (range_overlaps(offset, size, PCI_COMMAND, 2) && nvme_running(s))
        nvme_run_all(s);
}

/* Whole blocks only. */
static void measure(struct nvme *s)
{
    s->blocks = vemu_block_size(s->props.drive->block) / s->props.logical_block_size;
}

static void resized(void *opaque)
{
    struct nvme *s = opaque;

    measure(s);
    nvme_namespace_changed(s);
    nvme_signal(s);
}

static const struct drive_ops drive_ops = {.resume = nvme_resume, .resized = resized};

static bool check_props(struct nvme_props *p, struct vemu_error **errp)
{
    if (!disk_has_drive(p->drive, errp))
        return false;
    if (!p->serial || !*p->serial || strlen(p->serial) > SERIAL_MAX)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "serial=%.80s: a serial number of 1 to %d characters is needed, as in "
                         "serial=disk0",
                         p->serial ? p->serial : "", SERIAL_MAX);
    return disk_check_blocks(p->logical_block_size, &p->physical_block_size, errp);
}

static bool add_pci_parts(struct nvme *s, struct vemu_error **errp)
{
    struct device *dev = &s->pci.dev;

    mem_region_init_container(&s->bar, "nvme", BAR_SIZE);
    mem_region_init_io(&s->registers, "nvme-registers", REGISTERS_SIZE, &register_ops, s, dev);
    mem_region_add(&s->bar, 0, &s->registers, 0);
    if (s->props.msix_qsize) {
        if (!pci_msix_add(&s->pci, &s->msix, s->props.msix_qsize, 0, BAR_MSIX))
            return error_set(errp, VEMU_ERROR_INVALID, "nvme: no room for MSI-X");
        mem_region_add(&s->bar, BAR_MSIX, &s->msix.region, 0);
    }
    if (!pci_msi_add(&s->pci, MSI_VECTORS, false))
        return error_set(errp, VEMU_ERROR_INVALID, "nvme: no room for MSI");
    pci_bar_add(&s->pci, 0, PCI_BAR_MEM64, &s->bar);
    s->pci.config_written = config_written;
    return true;
}

static void nvme_unrealize(struct device *dev)
{
    struct nvme *s = from_dev(dev);

    boot_target_remove(&s->props.boot);
    forget_commands(s);
    drive_detach(s->props.drive);
    pci_device_exit(&s->pci);
}

static bool nvme_realize(struct device *dev, struct vemu_error **errp)
{
    struct nvme *s = from_dev(dev);
    struct pci_ident ident = {
        .vendor = s->props.use_intel_id ? PCI_VENDOR_INTEL : PCI_VENDOR_REDHAT,
        .device = s->props.use_intel_id ? DEVICE_ID_INTEL : DEVICE_ID,
        .subsystem_vendor = PCI_VENDOR_VIRTIO,
        .subsystem = 0x1100,
        .class_code = CLASS_NVME,
        .revision = REVISION,
        .interrupt_pin = 1,
    };

    if (!check_props(&s->props, errp) || !pci_device_init(&s->pci, &ident, errp))
        return false;
    if (!add_pci_parts(s, errp) || !drive_attach(s->props.drive, dev, &drive_ops, s, errp)) {
        pci_device_exit(&s->pci);
        return false;
    }
    measure(s);
    nvme_slots_init(s);
    if (pci_boot_target_add(&s->props.boot, dev, &s->pci, BOOT_DISK, "/namespace@1,0", errp))
        return true;
    nvme_unrealize(dev);
    return false;
}

static void nvme_reset(struct device *dev)
{
    struct nvme *s = from_dev(dev);

    reset_controller(s);
    s->cc = s->aqa = 0;
    s->asq = s->acq = 0;
    memset(&s->counters, 0, sizeof s->counters);
    memset(s->error_log, 0, sizeof s->error_log);
    pci_device_reset(&s->pci);
}

/* ---- state ----------------------------------------------------------------------------------- */

static bool check_queues(const struct nvme *s)
{
    for (unsigned n = 0; n < NVME_QUEUES_MAX; n++) {
        const struct nvme_sq *sq = &s->sq[n];
        const struct nvme_cq *cq = &s->cq[n];
        if ((n > s->props.max_ioqpairs && (sq->size || cq->size)) || sq->size == 1 || cq->size == 1)
            return false;
        if (sq->size && (sq->head >= sq->size || sq->tail >= sq->size || !s->cq[sq->cqid].size))
            return false;
        if (cq->size && (cq->head >= cq->size || cq->tail >= cq->size))
            return false;
        if (!cq->size && (cq->head || cq->tail))
            return false;
    }
    return true;
}

static bool nvme_post_load(struct device *dev, struct vemu_error **errp)
{
    struct nvme *s = from_dev(dev);
    bool ok = check_queues(s) && (s->cc >> CC_MPS_SHIFT & 15) <= PAGE_SIZES &&
              (s->csts & CSTS_SHST) != SHST_UNDER_WAY;

    for (unsigned n = 0; n < NVME_QUEUES_MAX; n++)
        s->cq[n].blocked = true; /* looked at when the driver takes entries */
    for (unsigned n = 0; n < NVME_SLOTS && ok; n++) {
        const struct nvme_slot *slot = &s->slots[n];
        if (slot->state == NVME_SLOT_AGAIN)
            ok = slot->sqid && s->sq[slot->sqid].size;
    }
    if (!ok) {
        memset(s->sq, 0, sizeof s->sq);
        memset(s->cq, 0, sizeof s->cq);
        for (unsigned n = 0; n < NVME_SLOTS; n++)
            s->slots[n].state = NVME_SLOT_FREE;
    }
    s->starved = false;
    nvme_slots_init(s);
    if (!ok)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state of nvme: its queues are not ones that this device can have");
    return pci_device_post_load(&s->pci, errp);
}

static const struct prop_desc nvme_props[] = {
    PCI_PROPS(struct nvme, pci),
    PROP(PROP_DRIVE, struct nvme, props.drive, "drive", NULL, "the disk's image"),
    PROP(PROP_STRING, struct nvme, props.serial, "serial", NULL,
         "serial number, up to 20 characters; there must be one"),
    PROP(PROP_U16, struct nvme, props.max_ioqpairs, "max_ioqpairs", "64", "pairs of I/O queues",
         .min = 1, .max = NVME_QUEUES_MAX - 1),
    PROP(PROP_U16, struct nvme, props.msix_qsize, "msix_qsize", "65", "MSI-X vectors; 0: no MSI-X",
         .max = PCI_MSIX_VECTORS_MAX),
    PROP(PROP_U8, struct nvme, props.mdts, "mdts", "7",
         "most data of a transfer: 4 KiB, doubled so many times", .min = 1, .max = 9),
    PROP(PROP_U8, struct nvme, props.aerl, "aerl", "3",
         "requests for events that may wait, less one", .max = NVME_AERS_MAX - 1),
    PROP(PROP_BOOL, struct nvme, props.use_intel_id, "use-intel-id", "off",
         "PCI identity of Intel, which old drivers know"),
    PROP(PROP_ENUM, struct nvme, props.rerror, "rerror", "auto", "what a failed read does",
         .enum_names = drive_on_error_names),
    PROP(PROP_ENUM, struct nvme, props.werror, "werror", "auto", "what a failed write does",
         .enum_names = drive_on_error_names),
    PROP(PROP_U32, struct nvme, props.logical_block_size, "logical_block_size", "512",
         "bytes of a block", .min = 512, .max = 32768),
    PROP(PROP_U32, struct nvme, props.physical_block_size, "physical_block_size", "0",
         "bytes that the disk writes at once; 0: as the logical size", .max = 32768),
    BOOT_PROPS(struct nvme, props.boot),
    {0},
};

static const struct state_field sq_state[] = {
    STATE_INT(struct nvme_sq, base),
    STATE_INT(struct nvme_sq, size, .max = 4096),
    STATE_INT(struct nvme_sq, cqid, .max = NVME_QUEUES_MAX - 1),
    STATE_INT(struct nvme_sq, head),
    STATE_INT(struct nvme_sq, tail),
    STATE_FIELDS_END,
};
static const struct state_field cq_state[] = {
    STATE_INT(struct nvme_cq, base),        STATE_INT(struct nvme_cq, size, .max = 4096),
    STATE_INT(struct nvme_cq, head),        STATE_INT(struct nvme_cq, tail),
    STATE_INT(struct nvme_cq, vector),      STATE_FLAG(struct nvme_cq, phase),
    STATE_FLAG(struct nvme_cq, interrupts), STATE_FIELDS_END,
};
static const struct state_field features_state[] = {
    STATE_INT(struct nvme_features, arbitration),
    STATE_INT(struct nvme_features, power),
    STATE_INT(struct nvme_features, error_recovery),
    STATE_INT(struct nvme_features, coalescing),
    STATE_INT(struct nvme_features, write_atomicity),
    STATE_INT(struct nvme_features, async_events),
    STATE_INT(struct nvme_features, queues),
    STATE_FLAG(struct nvme_features, write_cache),
    STATE_INT(struct nvme_features, over_temperature),
    STATE_INT(struct nvme_features, under_temperature),
    STATE_INT(struct nvme_features, timestamp),
    STATE_INT(struct nvme_features, timestamp_ns),
    STATE_FLAG(struct nvme_features, timestamp_set),
    STATE_BUFFER(struct nvme_features, no_coalescing),
    STATE_FIELDS_END,
};
static const struct state_field counters_state[] = {
    STATE_INT(struct nvme_counters, sectors_read),
    STATE_INT(struct nvme_counters, sectors_written),
    STATE_INT(struct nvme_counters, reads),
    STATE_INT(struct nvme_counters, writes),
    STATE_INT(struct nvme_counters, media_errors),
    STATE_INT(struct nvme_counters, errors),
    STATE_FIELDS_END,
};
static const struct state_field error_state[] = {
    STATE_INT(struct nvme_error_entry, count),
    STATE_INT(struct nvme_error_entry, lba),
    STATE_INT(struct nvme_error_entry, sqid),
    STATE_INT(struct nvme_error_entry, cid),
    STATE_INT(struct nvme_error_entry, status),
    STATE_INT(struct nvme_error_entry, nsid),
    STATE_FIELDS_END,
};
static const struct state_field slot_state[] = {
    STATE_INT(struct nvme_slot, state, .max = NVME_SLOT_AGAIN),
    STATE_INT(struct nvme_slot, sqid, .max = NVME_QUEUES_MAX - 1),
    STATE_BUFFER(struct nvme_slot, sqe),
    STATE_FIELDS_END,
};
static const struct state_field nvme_state[] = {
    STATE_PCI(struct nvme, pci),
    STATE_MSIX(struct nvme, msix),
    STATE_INT(struct nvme, intms),
    STATE_INT(struct nvme, cc, .max = CC_WRITABLE),
    STATE_INT(struct nvme, csts, .max = CSTS_RDY | CSTS_CFS | CSTS_SHST),
    STATE_INT(struct nvme, aqa, .max = 0x0fff0fff),
    STATE_INT(struct nvme, asq),
    STATE_INT(struct nvme, acq),
    STATE_ARRAY_OF(struct nvme, sq, sq_state),
    STATE_ARRAY_OF(struct nvme, cq, cq_state),
    STATE_NESTED(struct nvme, features, features_state),
    STATE_NESTED(struct nvme, counters, counters_state),
    STATE_ARRAY_OF(struct nvme, error_log, error_state),
    STATE_INT_ARRAY(struct nvme, aers),
    STATE_INT(struct nvme, aer_count, .max = NVME_AERS_MAX),
    STATE_INT(struct nvme, events, .max = 7),
    STATE_INT(struct nvme, events_told, .max = 7),
    STATE_INT_ARRAY(struct nvme, event_results),
    STATE_FLAG(struct nvme, namespace_changed),
    STATE_ARRAY_OF(struct nvme, slots, slot_state),
    STATE_FIELDS_END,
};

const struct device_class nvme_class = {
    .name = "nvme",
    .help = "NVM Express disk",
    .size = sizeof(struct nvme),
    .user_creatable = true,
    .bus = "pci",
    .props = nvme_props,
    .state = nvme_state,
    .state_version = 1,
    .realize = nvme_realize,
    .unrealize = nvme_unrealize,
    .reset = nvme_reset,
    .post_load = nvme_post_load,
};
