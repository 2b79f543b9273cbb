/*
 * What the parts of virtio-gpu share.
 *
 *   virtio_gpu.c           the device: queues, commands, what outputs there are
 *   virtio_gpu_resource.c  resources: pixmaps, and the guest memory that they are filled from
 *   virtio_gpu_output.c    what of them is on the screen, and the pointer
 *   virtio_gpu_state.c     resources and pointers in saved states
 *
 * Commands are done when their queue is looked at, so that a fence is reached with the answer. What
 * is drawn waits: a flush only notes which pixels of an output are new, and they are copied into
 * the display's surface when somebody wants to see them. Machine lock held.
 */
#ifndef HW_DISPLAY_VIRTIO_GPU_INTERNAL_H
#define HW_DISPLAY_VIRTIO_GPU_INTERNAL_H

#include <pixman.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/clock/clock.h"
#include "core/display/display.h"
#include "core/util/hashmap.h"
#include "core/util/list.h"
#include "hw/virtio/virtio_device.h"

enum { GPU_CONTROL_QUEUE = 0, GPU_CURSOR_QUEUE = 1, GPU_QUEUES };
/* enum virtio_gpu_ctrl_type */
enum {
    GPU_CMD_GET_DISPLAY_INFO = 0x0100,
    GPU_CMD_RESOURCE_CREATE_2D = 0x0101,
    GPU_CMD_RESOURCE_UNREF = 0x0102,
    GPU_CMD_SET_SCANOUT = 0x0103,
    GPU_CMD_RESOURCE_FLUSH = 0x0104,
    GPU_CMD_TRANSFER_TO_HOST_2D = 0x0105,
    GPU_CMD_RESOURCE_ATTACH_BACKING = 0x0106,
    GPU_CMD_RESOURCE_DETACH_BACKING = 0x0107,
    GPU_CMD_GET_CAPSET_INFO = 0x0108,
    GPU_CMD_GET_CAPSET = 0x0109,
    GPU_CMD_GET_EDID = 0x010a,
    GPU_CMD_UPDATE_CURSOR = 0x0300,
    GPU_CMD_MOVE_CURSOR = 0x0301,
    GPU_RESP_OK_NODATA = 0x1100,
    GPU_RESP_OK_DISPLAY_INFO = 0x1101,
    GPU_RESP_OK_EDID = 0x1104,
    GPU_RESP_ERR_UNSPEC = 0x1200,
    GPU_RESP_ERR_OUT_OF_MEMORY = 0x1201,
    GPU_RESP_ERR_INVALID_SCANOUT_ID = 0x1202,
    GPU_RESP_ERR_INVALID_RESOURCE_ID = 0x1203,
    GPU_RESP_ERR_INVALID_PARAMETER = 0x1205,
};
enum {
    GPU_HEADER = 24, /* bytes of struct virtio_gpu_ctrl_hdr */
    GPU_CMD_MAX = 64,
    GPU_ENTRY = 16,                        /* of struct virtio_gpu_mem_entry */
    GPU_OUTPUTS_MAX = 16,                  /* VIRTIO_GPU_MAX_SCANOUTS */
    GPU_MODE = 24,                         /* of struct virtio_gpu_display_one */
    GPU_RESP_EDID = GPU_HEADER + 8 + 1024, /* of struct virtio_gpu_resp_edid */
    GPU_RESP_MAX = GPU_RESP_EDID,
    GPU_CURSOR_SIZE = 64, /* pixels, either way */
    GPU_CURSOR_PIXELS = GPU_CURSOR_SIZE * GPU_CURSOR_SIZE,
    GPU_PIXEL = 4,            /* bytes, in every format */
    GPU_RESOURCE_MAX = 16384, /* pixels, either way */
    GPU_ENTRIES_MAX = 65536,  /* of a backing */
};

/* A piece of guest memory: bytes [start, start + len) of a backing. */
struct gpu_entry {
    uint64_t addr, start, len;
};

struct gpu_backing {
    struct gpu_entry *entries; /* NULL: there is none */
    uint32_t count;
    uint64_t bytes;
};

struct gpu_resource {
    struct list node; /* in order of making */
    uint32_t id, format, width, height;
    uint8_t *pixels; /* rows without gaps */
    struct gpu_backing backing;
};

struct virtio_gpu;

struct gpu_output {
    struct virtio_gpu *gpu;
    struct display *display;
    uint32_t want_width, want_height; /* what a viewer would like; 0: off */

    uint32_t resource_id; /* 0: off */
    struct gpu_resource *resource;
    uint32_t x, y, width, height; /* of it */
    pixman_region32_t dirty;      /* flushed, but not drawn; in pixels of the output */

    uint32_t *cursor; /* its shape, as display_cursor has it; NULL: none */
    uint32_t hot_x, hot_y;
    int32_t cursor_x, cursor_y; /* of its left upper corner */
};

struct virtio_gpu {
    struct virtio v;
    /* properties */
    uint32_t max_outputs, xres, yres;
    uint64_t max_hostmem;
    bool edid;

    uint32_t events;
    uint64_t hostmem; /* bytes that the guest's resources take of this process */
    struct list resources;
    struct hashmap by_id;
    struct gpu_output outputs[GPU_OUTPUTS_MAX];
    uint64_t work;     /* of this round: bytes copied, and as much for a command */
    struct timer more; /* looks at the queues again */

    /* Wiring: who shows something on the first output until a driver does; NULL: nobody. */
    const struct display_ops *console;
    void *console_opaque;
    bool driven;      /* a driver does */
    bool console_all; /* the surface is another one than the console has drawn */
};

struct gpu_request {
    const struct virtq_element *e;
    uint8_t cmd[GPU_CMD_MAX]; /* its beginning; zeros behind its end */
    uint8_t resp[GPU_RESP_MAX];
    uint32_t resp_len;
};

/* ---- resources; commands return the type of the answer --------------------------------------- */

struct gpu_resource *gpu_find_resource(const struct virtio_gpu *s, uint32_t id);
/* 0: it is none of a resource's. */
pixman_format_code_t gpu_format(uint32_t format);
/* A resource of zeros, which is counted; NULL: *resp says why not. */
struct gpu_resource *gpu_make_resource(struct virtio_gpu *s, uint32_t id, uint32_t format,
                                       uint32_t width, uint32_t height, uint32_t *resp);
/* `room` entries to be filled by gpu_backing_add, the counted ones among them; false: too many. */
bool gpu_backing_begin(struct virtio_gpu *s, struct gpu_resource *r, uint32_t room);
void gpu_backing_add(struct gpu_resource *r, uint64_t addr, uint64_t len);
void gpu_backing_end(struct virtio_gpu *s, struct gpu_resource *r, uint32_t room);
void gpu_free_resources(struct virtio_gpu *s);
uint32_t gpu_cmd_create_2d(struct virtio_gpu *s, struct gpu_request *r);
uint32_t gpu_cmd_unref(struct virtio_gpu *s, struct gpu_request *r);
uint32_t gpu_cmd_attach_backing(struct virtio_gpu *s, struct gpu_request *r);
uint32_t gpu_cmd_detach_backing(struct virtio_gpu *s, struct gpu_request *r);
uint32_t gpu_cmd_transfer(struct virtio_gpu *s, struct gpu_request *r);

/* ---- outputs --------------------------------------------------------------------------------- */

extern const struct display_ops gpu_display_ops; /* opaque: the output */
/* The output shows what its fields say, all of it new; false: there is no memory. */
bool gpu_output_show(struct gpu_output *o);
void gpu_output_off(struct gpu_output *o);
void gpu_output_show_cursor(struct gpu_output *o);
void gpu_output_reset(struct gpu_output *o);
uint32_t gpu_cmd_set_scanout(struct virtio_gpu *s, struct gpu_request *r);
uint32_t gpu_cmd_flush(struct virtio_gpu *s, struct gpu_request *r);
uint32_t gpu_cmd_update_cursor(struct virtio_gpu *s, struct gpu_request *r);
uint32_t gpu_cmd_move_cursor(struct virtio_gpu *s, struct gpu_request *r);
/* The driver is to ask for the outputs' sizes again. */
void gpu_display_event(struct virtio_gpu *s);
/* The events that there are, as configuration space shows them. */
void gpu_show_events(struct virtio_gpu *s);

/* ---- state ----------------------------------------------------------------------------------- */

extern const struct state_tail gpu_contents;
extern const struct state_field gpu_output_state[];
bool gpu_post_load(struct virtio *v, struct vemu_error **errp);

/* Struct virtio_gpu is the member gpu of the device's struct. */
#define GPU_PROPS(type_)                                                                           \
    VIRTIO_PROPS(type_, gpu.v),                                                                    \
        PROP(PROP_U32, type_, gpu.max_outputs, "max_outputs", "1", "outputs", .min = 1,            \
             .max = GPU_OUTPUTS_MAX),                                                              \
        PROP(PROP_U32, type_, gpu.xres, "xres", "1280", "width that the first output begins with", \
             .min = 1, .max = DISPLAY_SIZE_MAX),                                                   \
        PROP(PROP_U32, type_, gpu.yres, "yres", "800", "height that the first output begins with", \
             .min = 1, .max = DISPLAY_SIZE_MAX),                                                   \
        PROP(PROP_BOOL, type_, gpu.edid, "edid", "on", "describe the monitors by EDID"),           \
        PROP(PROP_SIZE, type_, gpu.max_hostmem, "max_hostmem", "256M",                             \
             "memory of the host that a guest's pixmaps may take")
#define GPU_STATE(type_)                                                                           \
    STATE_VIRTIO(type_, gpu.v), STATE_INT(type_, gpu.events, .max = 1),                            \
        STATE_FLAG(type_, gpu.driven), STATE_ARRAY_OF(type_, gpu.outputs, gpu_output_state),       \
        STATE_REST(type_, gpu, gpu_contents)

extern const struct virtio_kind gpu_kind;
bool gpu_init(struct virtio *v, struct device *dev, struct vemu_error **errp);
void gpu_exit(struct virtio *v);

#endif
