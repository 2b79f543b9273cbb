/* The device virtio-gpu: queues, commands, what outputs there are; see virtio_gpu_internal.h. */
#include "hw/display/virtio_gpu.h"

#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/display/edid.h"
#include "hw/display/virtio_gpu_internal.h"

enum { CONTROL_SIZE = 256, CURSOR_SIZE = 16, CLASS_DISPLAY = 0x038000 };
enum { FLAG_FENCE = 1, F_EDID = 1 /* feature */ };
/* struct virtio_gpu_config */
enum {
    CONFIG_EVENTS_READ = 0,
    CONFIG_EVENTS_CLEAR = 4,
    CONFIG_NUM_SCANOUTS = 8,
    CONFIG_NUM_CAPSETS = 12,
    CONFIG_SIZE = 16,
    EVENT_DISPLAY = 1,
};
/* What is done in one go, about as many bytes copied; then others get the machine lock. */
enum { ROUND_WORK = 64 << 20, COMMAND_WORK = 4096 };

static struct virtio_gpu *from_virtio(struct virtio *v)
{
    return container_of(v, struct virtio_gpu, v);
}

/* ---- outputs --------------------------------------------------------------------------------- */

void gpu_show_events(struct virtio_gpu *s)
{
    store_le32(s->v.config + CONFIG_EVENTS_READ, s->events);
}

void gpu_display_event(struct virtio_gpu *s)
{
    s->events |= EVENT_DISPLAY;
    gpu_show_events(s);
    if (s->v.status & VIRTIO_STATUS_DRIVER_OK)
        virtio_config_changed(&s->v);
}

static void config_written(struct virtio *v, uint32_t offset, uint32_t value, unsigned size)
{
    struct virtio_gpu *s = from_virtio(v);

    if (offset == CONFIG_EVENTS_CLEAR && size == 4) {
        s->events &= ~value;
        gpu_show_events(s);
    }
}

/* Outputs stand side by side. */
static uint32_t get_display_info(struct virtio_gpu *s, struct gpu_request *r)
{
    uint32_t x = 0;

    r->resp_len = GPU_HEADER + GPU_OUTPUTS_MAX * GPU_MODE;
    for (unsigned n = 0; n < s->max_outputs; n++) {
        const struct gpu_output *o = &s->outputs[n];
        uint8_t *p = r->resp + GPU_HEADER + n * GPU_MODE;
        if (!o->want_width)
            continue;
        store_le32(p, x);
        store_le32(p + 8, o->want_width);
        store_le32(p + 12, o->want_height);
        store_le32(p + 16, 1); /* enabled */
        x += o->want_width;
    }
    return GPU_RESP_OK_DISPLAY_INFO;
}

/* What is at the output: a monitor of the size that is wanted there. */
static uint32_t get_edid(struct virtio_gpu *s, struct gpu_request *r)
{
    uint32_t n = load_le32(r->cmd + GPU_HEADER);

    if (!virtio_has(&s->v, F_EDID))
        return GPU_RESP_ERR_UNSPEC;
    if (n >= s->max_outputs)
        return GPU_RESP_ERR_INVALID_SCANOUT_ID;
    const struct gpu_output *o = &s->outputs[n];
    const struct edid_config edid = {.width = o->want_width ? o->want_width : s->xres,
                                     .height = o->want_height ? o->want_height : s->yres,
                                     .serial = n + 1};
    store_le32(r->resp + GPU_HEADER, (uint32_t)edid_make(&edid, r->resp + GPU_HEADER + 8));
    r->resp_len = GPU_RESP_EDID;
    return GPU_RESP_OK_EDID;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* num_capsets is 0: there is none to be asked for. */
static uint32_t no_capset(struct virtio_gpu *s, struct gpu_request *r)
{
    (void)s;
    (void)r;
    return GPU_RESP_ERR_INVALID_PARAMETER;
}

struct command {
    uint32_t type;
    uint32_t size; /* bytes that it has at least */
    uint32_t (*run)(struct virtio_gpu *s, struct gpu_request *r);
};

static const struct command control_commands[] = {
    {GPU_CMD_GET_DISPLAY_INFO, GPU_HEADER, get_display_info},
    {GPU_CMD_RESOURCE_CREATE_2D, 40, gpu_cmd_create_2d},
    {GPU_CMD_RESOURCE_UNREF, 32, gpu_cmd_unref},
    {GPU_CMD_SET_SCANOUT, 48, gpu_cmd_set_scanout},
    {GPU_CMD_RESOURCE_FLUSH, 48, gpu_cmd_flush},
    {GPU_CMD_TRANSFER_TO_HOST_2D, 56, gpu_cmd_transfer},
    {GPU_CMD_RESOURCE_ATTACH_BACKING, 32, gpu_cmd_attach_backing},
    {GPU_CMD_RESOURCE_DETACH_BACKING, 32, gpu_cmd_detach_backing},
    {GPU_CMD_GET_CAPSET_INFO, 32, no_capset},
    {GPU_CMD_GET_CAPSET, 32, no_capset},
    {GPU_CMD_GET_EDID, 32, get_edid},
    {0},
};
static const struct command cursor_commands[] = {
    {GPU_CMD_UPDATE_CURSOR, 56, gpu_cmd_update_cursor},
    {GPU_CMD_MOVE_CURSOR, 56, gpu_cmd_move_cursor},
    {0},
};

static uint32_t run(struct virtio_gpu *s, const struct command *commands, struct gpu_request *r)
{
    uint32_t type = load_le32(r->cmd), resp = GPU_RESP_ERR_UNSPEC;
    const struct command *c = commands;

    while (c->run && c->type != type)
        c++;
    if (c->run && r->e->out_bytes >= c->size)
        resp = c->run(s, r);
    if (resp >= GPU_RESP_ERR_UNSPEC)
        log_msg(device_log(s->v.dev), LOG_GUEST_ERROR, "%s: command 0x%x fails with 0x%x",
                s->v.dev->cls->name, type, resp);
    return resp;
}

/* The bytes of the answer. */
static uint32_t answer(struct virtio_gpu *s, struct gpu_request *r, uint32_t type)
{
    uint32_t flags = load_le32(r->cmd + 4);
    uint32_t len = type < GPU_RESP_ERR_UNSPEC ? r->resp_len : GPU_HEADER;

    if (len > r->e->in_bytes) {
        /* A cursor's command has no room for one, as a rule. */
        len = GPU_HEADER;
        type = type == GPU_RESP_OK_NODATA ? type : GPU_RESP_ERR_UNSPEC;
    }
    if (len > r->e->in_bytes)
        return 0;
    store_le32(r->resp, type);
    if (flags & FLAG_FENCE) {
        store_le32(r->resp + 4, FLAG_FENCE);
        memcpy(r->resp + 8, r->cmd + 8, 12); /* the fence's number, and the context's */
    }
    return virtq_scatter(&s->v, r->e->buffers + r->e->out, r->e->in, 0, r->resp, len) ? len : 0;
}

static void serve(struct virtio_gpu *s, struct virtq *q, const struct command *commands)
{
    struct virtq_element e;

    while (s->work < ROUND_WORK && virtq_pop_or_ask(q, &e) == VIRTQ_POPPED) {
        struct gpu_request r = {.e = &e, .resp_len = GPU_HEADER};
        uint32_t len = (uint32_t)MIN(e.out_bytes, sizeof r.cmd), type = GPU_RESP_ERR_UNSPEC;
        s->work += COMMAND_WORK;
        if (virtq_gather(&s->v, e.buffers, e.out, 0, r.cmd, len))
            type = run(s, commands, &r);
        virtq_push(q, e.head, answer(s, &r, type));
    }
    virtq_signal(q);
    if (s->work >= ROUND_WORK)
        timer_set(&s->more, 0);
    s->work = 0;
}

static void queue_notified(struct virtio *v, struct virtq *q)
{
    serve(from_virtio(v), q, q->index == GPU_CONTROL_QUEUE ? control_commands : cursor_commands);
}

static void look_again(void *opaque)
{
    struct virtio_gpu *s = opaque;

    for (unsigned n = 0; n < GPU_QUEUES; n++)
        virtio_notify_queue(&s->v, n);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void reset(struct virtio *v)
{
    struct virtio_gpu *s = from_virtio(v);

    timer_cancel(&s->more);
    s->driven = false;
    s->console_all = true;
    gpu_free_resources(s);
    for (unsigned n = 0; n < s->max_outputs; n++)
        gpu_output_reset(&s->outputs[n]);
    s->events = 0;
    gpu_show_events(s);
}

static const struct virtio_class gpu_virtio_class = {
    .id = VIRTIO_ID_GPU,
    .queue_notified = queue_notified,
    .config_written = config_written,
    .reset = reset,
};

static void free_outputs(struct virtio_gpu *s)
{
    for (unsigned n = 0; n < GPU_OUTPUTS_MAX; n++) {
        display_free(s->outputs[n].display);
        s->outputs[n].display = NULL;
        pixman_region32_fini(&s->outputs[n].dirty);
    }
}

bool gpu_init(struct virtio *v, struct device *dev, struct vemu_error **errp)
{
    struct virtio_gpu *s = from_virtio(v);
    bool ok = true;

    list_init(&s->resources);
    timer_init(&s->more, device_clocks(dev), VCLOCK_VIRTUAL, look_again, s);
    s->outputs[0].want_width = s->xres;
    s->outputs[0].want_height = s->yres;
    for (unsigned n = 0; n < GPU_OUTPUTS_MAX; n++) {
        s->outputs[n].gpu = s;
        pixman_region32_init(&s->outputs[n].dirty);
    }
    for (unsigned n = 0; ok && n < s->max_outputs; n++) {
        struct gpu_output *o = &s->outputs[n];
        o->display = display_new(dev->machine, dev, n, &gpu_display_ops, o, errp);
        ok = o->display;
    }
    if (!ok ||
        !virtio_init(v, &gpu_virtio_class, dev, GPU_QUEUES, CONTROL_SIZE, CONFIG_SIZE, errp)) {
        free_outputs(s);
        return false;
    }
    v->queues[GPU_CURSOR_QUEUE].size_max = CURSOR_SIZE;
    virtq_reset(&v->queues[GPU_CURSOR_QUEUE]);
    if (s->edid)
        v->host_features |= VIRTIO_BIT(F_EDID);
    store_le32(v->config + CONFIG_NUM_SCANOUTS, s->max_outputs);
    store_le32(v->config + CONFIG_NUM_CAPSETS, 0);
    return true;
}

void gpu_exit(struct virtio *v)
{
    virtio_exit(v); /* frees what the guest made, by the reset */
    free_outputs(from_virtio(v));
}

const struct virtio_kind gpu_kind = {
    .init = gpu_init,
    .exit = gpu_exit,
    .post_load = gpu_post_load,
    .pci = {.class_code = CLASS_DISPLAY},
};

struct gpu_pci {
    struct virtio_pci pci;
    struct virtio_gpu gpu;
};
static const struct prop_desc pci_props[] = {
    VIRTIO_PCI_PROPS(struct gpu_pci, pci), GPU_PROPS(struct gpu_pci), {0}};
static const struct state_field pci_state[] = {STATE_VIRTIO_PCI(struct gpu_pci, pci),
                                               GPU_STATE(struct gpu_pci), STATE_FIELDS_END};
const struct virtio_device_class virtio_gpu_pci_class = {
    VIRTIO_PCI_DEVICE_OF("virtio-gpu-pci", "graphics by virtio", struct gpu_pci, gpu, &gpu_kind,
                         pci_props, pci_state, VIRTIO_PCI_ON)};

struct gpu_mmio {
    struct virtio_mmio mmio;
    struct virtio_gpu gpu;
};
static const struct prop_desc mmio_props[] = {GPU_PROPS(struct gpu_mmio), {0}};
static const struct state_field mmio_state[] = {STATE_VIRTIO_MMIO(struct gpu_mmio, mmio),
                                                GPU_STATE(struct gpu_mmio), STATE_FIELDS_END};
const struct virtio_device_class virtio_gpu_device_class = {
    VIRTIO_MMIO_DEVICE("virtio-gpu-device", "graphics by virtio, on a machine without PCI",
                       struct gpu_mmio, gpu, &gpu_kind, mmio_props, mmio_state)};
