/* A virtio-gpu driver by hand, on virtio_driver.h: one command at a time. */
#ifndef TESTS_DEVICE_VIRTIO_GPU_DRIVER_H
#define TESTS_DEVICE_VIRTIO_GPU_DRIVER_H

#include "tests/device/virtio_driver.h"

enum {
    GPU_COMMAND = VT_BUFFERS,
    GPU_ANSWER = VT_BUFFERS + 0x1000,
    GPU_LIST = VT_BUFFERS + 0x2000,
    GPU_FRAME = VT_BUFFERS + 0x10000,
    GPU_B8G8R8X8 = 2,
    GPU_OK = 0x1100,
    GPU_ERR_UNSPEC = 0x1200,
    GPU_ERR_MEMORY = 0x1201,
    GPU_ERR_SCANOUT = 0x1202,
    GPU_ERR_RESOURCE = 0x1203,
    GPU_ERR_PARAMETER = 0x1205,
};

/* Both queues. */
bool gpu_start(struct vt *t);
/* A header of that type, no fence, and `count` words (uint32_t) behind it, at GPU_COMMAND. */
void gpu_header(struct vt *t, uint32_t type, unsigned count, ...);
/* What is there, `len` bytes, and perhaps a second buffer; returns the answer's type. */
uint32_t gpu_submit(struct vt *t, uint32_t len, uint64_t more, uint32_t more_len);
uint32_t gpu_command(struct vt *t, uint32_t type, unsigned count, ...);

uint32_t gpu_create(struct vt *t, uint32_t id, uint32_t format, uint32_t width, uint32_t height);
uint32_t gpu_attach(struct vt *t, uint32_t id, uint64_t addr, uint32_t len);
uint32_t gpu_attach_list(struct vt *t, uint32_t id, uint32_t count, const uint64_t *addrs,
                         const uint32_t *lens);
uint32_t gpu_scanout(struct vt *t, uint32_t output, uint32_t id, uint32_t x, uint32_t y,
                     uint32_t width, uint32_t height);
uint32_t gpu_transfer(struct vt *t, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
                      uint32_t height, uint64_t offset);
uint32_t gpu_flush(struct vt *t, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
                   uint32_t height);
/* On the cursor queue. */
uint32_t gpu_cursor(struct vt *t, uint32_t type, uint32_t output, uint32_t x, uint32_t y,
                    uint32_t id, uint32_t hot_x, uint32_t hot_y);

#endif
