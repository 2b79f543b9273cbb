/*
 * Consoles: the guest's serial ports and other character devices as bytes.
 *
 * `chardev` is the id of a character device; NULL means the first serial port, which is a ring
 * buffer unless the configuration says otherwise. Reading works for ring buffers ("ringbuf"),
 * writing for every back end. Thread contract: as vemu/machine.h; callbacks say their own.
 */
#ifndef VEMU_CONSOLE_H
#define VEMU_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vemu_machine;

/*
 * Take out up to len bytes that the guest wrote. When there are none, waits until some come, the
 * guest is done, or timeout_ms passed (-1: no limit, 0: do not wait). Returns how many bytes; 0:
 * done, timed out, or no such ring buffer.
 */
size_t vemu_console_read(struct vemu_machine *m, const char *chardev, void *buf, size_t len,
                         int timeout_ms);
/* Give bytes to the guest as if typed. Returns how many the guest's device had room for. */
size_t vemu_console_write(struct vemu_machine *m, const char *chardev, const void *buf, size_t len);
/* fn is called when the guest wrote to the ring buffer: on some thread of the machine, with its
 * lock held, so it must only wake somebody. One callback a machine and ring buffer; NULL: none. */
bool vemu_console_set_notify(struct vemu_machine *m, const char *chardev, void (*fn)(void *opaque),
                             void *opaque, struct vemu_error **errp);
/* For a machine with the terminal ("stdio"), realized: fn gets the key typed after Ctrl-A (Ctrl-A
 * Ctrl-A sends one Ctrl-A to the guest, Ctrl-A b a break). Called on the main loop's thread; only
 * vemu_machine_quit() is allowed in it. Without a terminal it is never called. */
void vemu_console_set_escape(struct vemu_machine *m, void (*fn)(void *opaque, int key),
                             void *opaque);

#ifdef __cplusplus
}
#endif
#endif
