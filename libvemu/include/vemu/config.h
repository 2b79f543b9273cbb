/*
 * Configuration: the tree that describes one machine before it exists.
 *
 * There is one way in. `vemu run ...`, the vemu-system-ARCH argument vector and the strings given
 * to vemu_config_parse() go through the same option table; vemu_config_set() and vemu_config_add()
 * write the same tree by key. vemu_machine_create() turns the tree into a machine.
 *
 * Keys (what `vemu_config_key_help()` lists):
 *   machine     board, then its properties:  "q35,hpet=off"
 *   cpu         model and features:          "max", "x86-64-v2,-popcnt"
 *   smp         number of vCPUs:             "4" or "cpus=4,sockets=1,cores=2,threads=2"
 *   memory      bytes, with K, M, G or T; a number alone counts MiB: "512M"
 *   accel       list, the first that works:  "tcg,thread=multi"
 *   kernel, initrd, append, dtb, bios        files (append: the kernel's command line)
 *   serial      list: one back end a port:   "stdio", "ringbuf,size=64K", "none", "chardev:ID"
 *   chardev     list: "stdio,id=ID", "unix,id=ID,path=...", ...
 *   device      list: "CLASS,property=value,..."
 *   disk        list: "FILE,size=20G" (made if it is not there), a virtio-blk disk
 *   drive       list: "file=FILE,if=none,id=ID,format=raw|qcow2,cache=none,..."
 *   blockdev    list: "qcow2,node-name=NAME,file.driver=file,file.filename=FILE", or JSON
 *   reboot, shutdown, start, defaults        "on" or "off"
 *   rtc         "base=utc|localtime|YYYY-MM-DDTHH:MM:SS"
 *   control     unix socket that speaks QMP:  "vm1.sock", "none"
 *   qmp, mon    lists: QMP on a back end:    "unix:vm1.qmp,server=on,wait=off", "chardev=ID,..."
 *   display     how the screen is shown:     "none", "vnc", "vnc=127.0.0.1:1,password=on"
 *   vnc         list: VNC servers:           "127.0.0.1:0,to=9", "unix:vm1.vnc", "none"
 *   clipboard   text to and from the guest's spice-vdagent: "on", "off", "auto" (with a screen)
 *   name, uuid, gdb, log, logfile, pidfile, daemonize (the last three are for the program),
 *   boot, keyboard, monitor, parallel, vga, nic
 *
 * Errors name the option as it was written, the value seen and what would be right.
 * Thread contract: a configuration belongs to one thread at a time; no shared state.
 */
#ifndef VEMU_CONFIG_H
#define VEMU_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vemu_config;

/* How options are named in help texts. Both spellings, with one dash or two, are always parsed. */
enum vemu_config_style {
    VEMU_CONFIG_RUN = 0,    /* vemu run --kernel K --memory 512M */
    VEMU_CONFIG_SYSTEM = 1, /* vemu-system-ARCH -kernel K -m 512M */
};

/* An empty configuration, or NULL when memory is short. Free with vemu_config_free(). */
struct vemu_config *vemu_config_new(void);
/* A deep copy, or NULL when memory is short. */
struct vemu_config *vemu_config_clone(const struct vemu_config *config);
void vemu_config_free(struct vemu_config *config); /* NULL is allowed */

/*
 * Set `key` to `value`; value is text as in the table above. A key with a dot names one property:
 * "machine.hpet", "smp.cores". Setting again replaces (properties not mentioned stay). A list key
 * is emptied first; use vemu_config_add() to append. Strings are copied.
 * Errors: VEMU_ERROR_INVALID for an unknown key (the closest known one is named) or a malformed
 * value.
 */
bool vemu_config_set(struct vemu_config *config, const char *key, const char *value,
                     struct vemu_error **errp);
/* Append to a list key: "device", "chardev", "serial", "disk", "drive", "blockdev". */
bool vemu_config_add(struct vemu_config *config, const char *key, const char *value,
                     struct vemu_error **errp);
/*
 * The value of a key or of one property ("machine.hpet"), or NULL when it is not set or is a list.
 * Valid until the configuration changes.
 */
const char *vemu_config_get(const struct vemu_config *config, const char *key);

/* How many entries a list key has; 0 or 1 for other keys. */
unsigned vemu_config_count(const struct vemu_config *config, const char *key);

/*
 * Options as on the command line, in one string: "-M q35 -m 512M -kernel /boot/vmlinuz". Words are
 * separated by blanks or newlines; '...' and "..." quote; a backslash outside '...' takes the next
 * character as it is; # at the start of a word begins a comment up to the end of the line.
 */
bool vemu_config_parse(struct vemu_config *config, const char *text, struct vemu_error **errp);
/*
 * The same for an argument vector without the program's name. On an error the configuration may
 * hold the options before the bad one.
 */
bool vemu_config_parse_args(struct vemu_config *config, int argc, const char *const *argv,
                            struct vemu_error **errp);
/*
 * When an option asked a question ("-device help", "-machine help", "--help", "--version"), the
 * answer as text with newlines; the caller prints it instead of making a machine. NULL when nothing
 * was asked. Valid until the configuration is freed. `style` names the options in a general help.
 */
const char *vemu_config_answer(struct vemu_config *config, enum vemu_config_style style);

/* The options with one line of help each. Freed with vemu_string_free(); NULL: no memory. */
char *vemu_config_option_help(enum vemu_config_style style);
/* The keys with one line of help each; freed likewise. */
char *vemu_config_key_help(void);

/* Frees a string this library returned as the caller's; NULL is allowed. */
void vemu_string_free(char *string);

#ifdef __cplusplus
}
#endif
#endif
