/*
 * Looking into the guest: memory and registers.
 *
 * Memory may be read and written at any time; while the machine runs, the bytes may change under
 * the read. Virtual addresses and registers need a machine that is not running (VEMU_ERROR_STATE
 * otherwise). Addresses and lengths are in bytes. Thread contract: as vemu/machine.h.
 */
#ifndef VEMU_GUEST_H
#define VEMU_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vemu_machine;

/* Physical memory as a bus master sees it, devices included. VEMU_ERROR_INVALID: some byte is
 * neither memory nor device. Writes also reach ROM. */
bool vemu_memory_read(struct vemu_machine *m, uint64_t addr, void *buf, size_t len,
                      struct vemu_error **errp);
bool vemu_memory_write(struct vemu_machine *m, uint64_t addr, const void *buf, size_t len,
                       struct vemu_error **errp);

/*
 * What a text screen shows, as lines of UTF-8 without the spaces at their ends, ended by a NUL in
 * buf[len]. Returns the bytes wanted without the NUL, as snprintf; 0: there is no screen, or it
 * does not show text. Any thread, whether the machine runs or not.
 */
size_t vemu_screen_text(struct vemu_machine *m, char *buf, size_t len);

/* vCPUs are numbered from 0 (the bootstrap processor). */
unsigned vemu_cpu_count(struct vemu_machine *m);
/* Memory by linear address through the vCPU's present page tables, whatever its privilege level;
 * accessed and dirty bits do not change. */
bool vemu_cpu_read_memory(struct vemu_machine *m, unsigned cpu, uint64_t addr, void *buf,
                          size_t len, struct vemu_error **errp);
bool vemu_cpu_write_memory(struct vemu_machine *m, unsigned cpu, uint64_t addr, const void *buf,
                           size_t len, struct vemu_error **errp);

/*
 * A register by its name in the manuals, lower case: "rax", "rip", "eflags", "cs", "cr3", "efer",
 * "st0", "xmm0", "mxcsr", ... Little-endian bytes; *size in: room in buf, out: the register's bytes
 * (2, 4, 8, 10 or 16). Errors: VEMU_ERROR_NOT_FOUND no such vCPU or register, VEMU_ERROR_INVALID
 * wrong size.
 */
bool vemu_cpu_read_register(struct vemu_machine *m, unsigned cpu, const char *name, void *buf,
                            size_t *size, struct vemu_error **errp);
bool vemu_cpu_write_register(struct vemu_machine *m, unsigned cpu, const char *name,
                             const void *buf, size_t size, struct vemu_error **errp);
/* The n-th register's name, or NULL past the last; static. */
const char *vemu_cpu_register_name(struct vemu_machine *m, unsigned n);

#ifdef __cplusplus
}
#endif
#endif
