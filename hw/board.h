/*
 * Boards: what creates the devices of a machine in order and wires them. The creating line shows
 * the wiring. A board is chosen by -M; its properties (-M pc,hpet=off) are declared in its table.
 *
 * libvemu fills board_config from the config tree, sets m->accel and m->ram_size, and calls create
 * once with the machine lock held. On failure everything made so far is freed by machine_destroy.
 */
#ifndef HW_BOARD_H
#define HW_BOARD_H

#include <stdbool.h>
#include <stdint.h>
#include "core/cpu/cpu.h"
#include "core/device/device.h"

struct chardev;
struct vemu_block;

enum { BOARD_MAX_SERIAL = 4 };

/* Flash with firmware in it. */
struct board_pflash {
    struct vemu_block *block; /* NULL: none; open until the machine is destroyed */
    bool read_only;
    const char *origin; /* the option, for sentences */
};
enum { BOARD_PFLASH = 2 };

struct board_option {
    const char *key, *value;
};

enum board_vga { BOARD_VGA_NONE, BOARD_VGA_STD, BOARD_VGA_VIRTIO };

struct board_config {
    uint64_t ram_size; /* bytes, checked against the class' limits by libvemu */
    unsigned cpus;
    const char *cpu_model;                      /* NULL: the board's default */
    unsigned cpu_bits;                          /* that its processors may have at most */
    const char *kernel, *initrd, *append, *dtb; /* direct boot; NULL when not given */
    const char *bios; /* file mapped as ROM that ends at 4 GiB (x86), or in the first flash (Arm);
                         NULL: no firmware */
    /* Instead of bios: code and variables. x86: the first ends at 4 GiB, the second below it. */
    struct board_pflash pflash[BOARD_PFLASH];
    struct chardev *serial[BOARD_MAX_SERIAL]; /* NULL: no such port */
    bool serial_console;                      /* firmware's screen goes to the first serial port */
    enum board_vga vga;                       /* where the board has a place for one */
    bool has_uuid;
    uint8_t uuid[16]; /* as RFC 4122 has it */
    /* -boot: device letters or NULL, milliseconds (0: the default), UINT32_MAX: never */
    const char *boot_order, *boot_once;
    bool boot_menu, boot_strict;
    uint16_t splash_time_ms;
    uint32_t reboot_timeout_ms;
    bool rtc_localtime; /* -rtc base=localtime */
    bool rtc_virtual;   /* it runs with virtual time */
    int64_t rtc_start;  /* -rtc base=DATE: Unix time at machine start; 0: the host's time */
    const struct board_option *options; /* board properties, ended by a NULL key */
};

struct board_class {
    const char *name; /* "pc" */
    /* Another name of it that stays what it is when this one comes to mean something newer, as
     * management programs write it down; NULL: none. */
    const char *versioned;
    const char *help;
    enum cpu_arch arch;
    unsigned max_cpus;
    uint64_t min_ram, max_ram; /* bytes */
    const char *default_cpu;   /* NULL: it has no vCPUs */
    const char *default_cpu32; /* where processors have 32 bits at most; NULL: the same */
    bool empty;                /* there is nothing to start in it */
    bool has_serial;
    bool needs_keyboard;       /* it has none of its own */
    const char *virtio_blk;    /* the class of a disk that names none */
    const char *nic;           /* the class of a network device that names none */
    const char *virtio_net;    /* the class of one that is to be virtio's */
    const char *virtio_serial; /* the class of what has ports of virtio's; NULL: it has no place */
    unsigned ide_units;   /* devices on each channel ide.N of its own; 0: it has no IDE or SATA */
    const char *firmware; /* file that is started when there is no kernel; NULL: none */
    bool has_flash;       /* for firmware and its variables */
    const struct prop_desc
        *props; /* ended by a NULL name; offsets are into the board's options struct */
    bool (*create)(struct vemu_machine *m, const struct board_class *cls,
                   const struct board_config *cfg, struct vemu_error **errp);
    /* Add a device from the command line after create; finds bus and lines by class. NULL: dev is
     * realized as is. */
    bool (*plug)(struct vemu_machine *m, struct device *dev, struct vemu_error **errp);
    /* The same while the machine runs: the device is reset, and the guest told. On failure the
     * caller frees it. NULL: nothing can be added. */
    bool (*hotplug)(struct vemu_machine *m, struct device *dev, struct vemu_error **errp);
    /* Asks the guest to let a device go, which then calls device_unplug. NULL as well. */
    bool (*unplug)(struct vemu_machine *m, struct device *dev, struct vemu_error **errp);
    /* Press the power button; false: the machine has none. Machine lock held. */
    bool (*power_button)(struct vemu_machine *m);
};

/* The class' properties: their defaults, then what the configuration says. */
bool board_set_options(const struct board_class *cls, struct vemu_machine *m, void *options,
                       const struct board_config *cfg, struct vemu_error **errp);

/* The explicit tables (hw/tables.c); ended by NULL. */
extern const struct board_class *const board_classes[];
extern const struct device_class *const device_classes[];

#endif
