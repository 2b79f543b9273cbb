/*
 * A GIC that the accelerator keeps (core/cpu/irqchip.h, irqchip_gic_ops): its registers against the
 * device models' own, which stay the owners of reset values, inputs and saved state. Registers as
 * Documentation/virt/kvm/devices/arm-vgic.rst and arm-vgic-v3.rst have them: one security state;
 * pending interrupts of version 3 are latches that are written as a whole, those of version 2 are
 * set and cleared as by a guest.
 *
 * Machine lock held, vCPUs paused.
 */
#ifndef HW_INTC_GIC_KERNEL_H
#define HW_INTC_GIC_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include "core/cpu/irqchip.h"
#include "hw/intc/gic_bank.h"

struct vemu_machine;

/* A frame of registers. After a failure, of which the accelerator has told, nothing more is done.
 */
struct gic_frame {
    struct vemu_machine *m;
    enum irqchip_gic_group group;
    const struct vcpu *cpu; /* and its affinity: whose it is; NULL: of all */
    uint64_t mpidr;
    uint32_t base;
    bool latches; /* version 3 */
    bool failed;
};

/* Has the accelerator made one? */
bool gic_kernel_make(struct vemu_machine *m, const struct irqchip_gic_config *cfg);
uint64_t gic_kernel_get(struct gic_frame *f, uint32_t offset);
void gic_kernel_put(struct gic_frame *f, uint32_t offset, uint64_t value);
/* 64 bits in two words. */
uint64_t gic_kernel_get_pair(struct gic_frame *f, uint32_t offset);
void gic_kernel_put_pair(struct gic_frame *f, uint32_t offset, uint64_t value);
/* The kernel's own identification, told to it first: it behaves then as it says. */
void gic_kernel_confirm(struct gic_frame *f, uint32_t iidr);
/* Bank n of the frame; all but the levels of inputs. */
void gic_kernel_get_bank(struct gic_frame *f, unsigned n, struct gic_bank *b);
void gic_kernel_put_bank(struct gic_frame *f, unsigned n, const struct gic_bank *b);

#endif
