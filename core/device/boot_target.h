/*
 * What firmware can boot from: devices announce themselves when they are realized, the board tells
 * firmware which order the user wants (hw/x86/boot_order.h). Machine lock held.
 */
#ifndef CORE_DEVICE_BOOT_TARGET_H
#define CORE_DEVICE_BOOT_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"

enum boot_medium { BOOT_FLOPPY, BOOT_DISK, BOOT_CDROM, BOOT_NETWORK };
#define BOOT_INDEX_NONE UINT32_MAX /* the property's default */
enum { BOOT_PATH_SIZE = 128 };

/* Part of the device's struct. */
struct boot_target {
    uint32_t index; /* property: lower ones come first */
    enum boot_medium kind;
    const char *missing;      /* the firmware file that it cannot boot without; NULL: none */
    const struct device *dev; /* NULL: not announced */
    struct list node;         /* in the machine's list, in the order of announcement */
    char path[BOOT_PATH_SIZE];
};

#define BOOT_PROPS(type_, member_)                                                                 \
    PROP(PROP_U32, type_, member_.index, "bootindex", "4294967295",                                \
         "place in the boot order; 4294967295: none")

/* path: where firmware finds it, as an Open Firmware device path. Fails when another device has the
 * same index. */
bool boot_target_add(struct boot_target *t, struct device *dev, enum boot_medium kind,
                     const char *path, struct vemu_error **errp);
/* Allowed on one that was not announced. */
void boot_target_remove(struct boot_target *t);

#endif
