/*
 * ramfb: a frame buffer in the guest's own RAM, for firmware and early boot. The guest says where
 * and how large by writing the fw_cfg file "etc/ramfb", 28 bytes, all big-endian:
 *
 *      u64 address, u32 fourcc, u32 flags, u32 width, u32 height, u32 stride
 *
 * fourcc is a pixel format as DRM names them; stride 0 means lines without gaps; flags are not
 * used.
 */
#ifndef HW_DISPLAY_RAMFB_H
#define HW_DISPLAY_RAMFB_H

#include "core/device/device.h"

extern const struct device_class ramfb_class;

#endif
