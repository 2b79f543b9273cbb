/*
 * Firmware configuration device ("fw_cfg"): named and numbered byte strings that firmware and
 * guests read through ports 0x510 (selector), 0x511 (data) and 0x514 (DMA address, big-endian), or
 * in memory through data (up to 8 bytes at once), selector and DMA address (both big-endian) at 0,
 * 8 and 16. Interface: "QEMU Firmware Configuration (fw_cfg) Device", the published description
 * that firmware is written against. Machine lock held.
 */
#ifndef HW_FIRMWARE_FW_CFG_H
#define HW_FIRMWARE_FW_CFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/device/device.h"

enum fw_cfg_key {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_FILE_SLOTS = 64,
    FW_CFG_KEYS = FW_CFG_FILE_FIRST + FW_CFG_FILE_SLOTS,
    FW_CFG_ARCH_FIRST = 0x8000, /* keys of the architecture: E820, ACPI, ... */
    FW_CFG_ARCH_KEYS = 8,
};
enum { FW_CFG_FILE_NAME = 56, FW_CFG_MMIO_SIZE = 24 };

struct fw_cfg_config {
    uint64_t base; /* port 0x510, or an address */
    bool mmio;     /* in system memory rather than port space */
};

extern const struct device_class fw_cfg_class;

struct device *fw_cfg_create(struct vemu_machine *m, const struct fw_cfg_config *cfg,
                             struct vemu_error **errp);
/* The value of a key; data is copied. Before the machine runs. */
bool fw_cfg_set(struct device *dev, uint16_t key, const void *data, size_t len,
                struct vemu_error **errp);
/* The same without a copy: data must outlive the device. */
bool fw_cfg_set_static(struct device *dev, uint16_t key, const void *data, size_t len,
                       struct vemu_error **errp);
bool fw_cfg_set_u16(struct device *dev, uint16_t key, uint16_t value, struct vemu_error **errp);
bool fw_cfg_set_u32(struct device *dev, uint16_t key, uint32_t value, struct vemu_error **errp);
bool fw_cfg_set_u64(struct device *dev, uint16_t key, uint64_t value, struct vemu_error **errp);
/* A named file in the directory ("etc/..."); data is copied. Fails when the name is too long or
 * taken, or the directory is full. */
bool fw_cfg_add_file(struct device *dev, const char *name, const void *data, size_t len,
                     struct vemu_error **errp);
/* The same, or other content for the file of that name. For a reset: guests that know the old
 * length are not told. */
bool fw_cfg_put_file(struct device *dev, const char *name, const void *data, size_t len,
                     struct vemu_error **errp);
bool fw_cfg_has_file(struct device *dev, const char *name);
/* The same as fw_cfg_add_file for data that changes, but not in length: update is called when the
 * guest selects it. data must outlive the device. */
bool fw_cfg_add_live_file(struct device *dev, const char *name, const void *data, size_t len,
                          void (*update)(void *opaque), void *opaque, struct vemu_error **errp);
/* A file that the guest may write, by DMA: data, which must outlive the device, is there when
 * written is called. */
bool fw_cfg_add_writable_file(struct device *dev, const char *name, void *data, size_t len,
                              void (*written)(void *opaque), void *opaque,
                              struct vemu_error **errp);
/* The machine's, or NULL. */
struct device *fw_cfg_find(struct vemu_machine *m);

#endif
