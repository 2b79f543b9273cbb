#include "tests/device/virtio_gpu_driver.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include "hw/virtio/virtio.h"

bool gpu_start(struct vt *t)
{
    return vt_start(t, VIRTIO_BIT(VIRTIO_F_VERSION_1), 2, true);
}

static void header(struct vt *t, uint32_t type, unsigned count, va_list ap)
{
    write32(&t->m, GPU_COMMAND, type);
    for (unsigned at = 4; at < 24; at += 4)
        write32(&t->m, GPU_COMMAND + at, 0);
    for (unsigned i = 0; i < count; i++)
        write32(&t->m, GPU_COMMAND + 24 + 4 * i, va_arg(ap, uint32_t));
}

void gpu_header(struct vt *t, uint32_t type, unsigned count, ...)
{
    va_list ap;
    va_start(ap, count);
    header(t, type, count, ap);
    va_end(ap);
}

static uint32_t submit(struct vt *t, unsigned q, uint32_t len, uint64_t more, uint32_t more_len)
{
    uint16_t before = vt_used_index(t, q);
    write32(&t->m, GPU_ANSWER, 0);
    vt_desc(t, q, 0, GPU_COMMAND, len, VT_NEXT, more_len ? 1 : 2);
    vt_desc(t, q, 1, more, more_len, VT_NEXT, 2);
    vt_desc(t, q, 2, GPU_ANSWER, 0x1000, VT_WRITE, 0);
    vt_avail(t, q, 0);
    vt_kick(t, q);
    cr_expect_eq((uint16_t)(vt_used_index(t, q) - before), 1, "the command is answered");
    return read32(&t->m, GPU_ANSWER);
}

uint32_t gpu_submit(struct vt *t, uint32_t len, uint64_t more, uint32_t more_len)
{
    return submit(t, 0, len, more, more_len);
}

uint32_t gpu_command(struct vt *t, uint32_t type, unsigned count, ...)
{
    va_list ap;
    va_start(ap, count);
    header(t, type, count, ap);
    va_end(ap);
    return submit(t, 0, 24 + 4 * count, 0, 0);
}

uint32_t gpu_create(struct vt *t, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
    return gpu_command(t, 0x101, 4, id, format, width, height);
}

uint32_t gpu_attach_list(struct vt *t, uint32_t id, uint32_t count, const uint64_t *addrs,
                         const uint32_t *lens)
{
    for (uint32_t i = 0; i < count; i++) {
        write64(&t->m, GPU_LIST + 16 * i, addrs[i]);
        write64(&t->m, GPU_LIST + 16 * i + 8, lens[i]);
    }
    gpu_header(t, 0x106, 2, id, count);
    return gpu_submit(t, 32, GPU_LIST, 16 * count);
}

uint32_t gpu_attach(struct vt *t, uint32_t id, uint64_t addr, uint32_t len)
{
    return gpu_attach_list(t, id, 1, &addr, &len);
}

uint32_t gpu_scanout(struct vt *t, uint32_t output, uint32_t id, uint32_t x, uint32_t y,
                     uint32_t width, uint32_t height)
{
    return gpu_command(t, 0x103, 6, x, y, width, height, output, id);
}

uint32_t gpu_transfer(struct vt *t, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
                      uint32_t height, uint64_t offset)
{
    return gpu_command(t, 0x105, 8, x, y, width, height, (uint32_t)offset, (uint32_t)(offset >> 32),
                       id, 0);
}

uint32_t gpu_flush(struct vt *t, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
                   uint32_t height)
{
    return gpu_command(t, 0x104, 6, x, y, width, height, id, 0);
}

uint32_t gpu_cursor(struct vt *t, uint32_t type, uint32_t output, uint32_t x, uint32_t y,
                    uint32_t id, uint32_t hot_x, uint32_t hot_y)
{
    gpu_header(t, type, 8, output, x, y, 0, id, hot_x, hot_y, 0);
    return submit(t, 1, 56, 0, 0);
}
