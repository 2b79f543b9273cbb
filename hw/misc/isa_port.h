/*
 * Claiming x86 ports: what every device in port space does in its realize.
 * Machine lock held, or before the machine runs.
 */
#ifndef HW_MISC_ISA_PORT_H
#define HW_MISC_ISA_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"
#include "core/memory/memory.h"

/* Initialises r as count ports from base, served by ops(opaque), and adds it to the machine's port
 * space. The owner removes it with mem_region_remove in unrealize. Fails when the machine has no
 * ports or the range does not fit. */
bool isa_port_add(struct device *dev, struct mem_region *r, const char *name, uint64_t base,
                  uint64_t count, const struct mem_ops *ops, void *opaque,
                  struct vemu_error **errp);
/* The same for devices made by -device: above whatever the board has at these ports. */
bool isa_port_add_overlay(struct device *dev, struct mem_region *r, const char *name, uint64_t base,
                          uint64_t count, const struct mem_ops *ops, void *opaque,
                          struct vemu_error **errp);

#endif
