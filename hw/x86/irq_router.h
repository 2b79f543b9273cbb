/*
 * ISA interrupt lines of a PC: line n drives input n of the 8259 pair and of the I/O APIC (line 0
 * drives I/O APIC input 2). Several sources may share a line; it is high while any of them is.
 * A device of its own because who holds a line up is state that a snapshot needs. Machine lock
 * held.
 */
#ifndef HW_X86_IRQ_ROUTER_H
#define HW_X86_IRQ_ROUTER_H

#include "core/device/device.h"

enum { ISA_IRQS = 16 };
/* Everything that may share a line with another drives it as a source of its own. */
enum x86_irq_source {
    X86_IRQ_ISA,
    X86_IRQ_ISA_SECOND, /* COM3 and COM4 */
    X86_IRQ_PIRQ,
    X86_IRQ_SCI,
    X86_IRQ_SMBUS,
    X86_IRQ_PLUGGED, /* ISA devices of -device */
    X86_IRQ_TEST,    /* pc-testdev */
    X86_IRQ_SOURCES,
};

struct irq_router_config {
    struct irq pic[ISA_IRQS], ioapic[ISA_IRQS]; /* by ISA line; unconnected ones are fine */
};

extern const struct device_class irq_router_class;

struct device *irq_router_create(struct vemu_machine *m, const struct irq_router_config *cfg,
                                 struct vemu_error **errp);
struct irq irq_router_line(struct device *dev, enum x86_irq_source source, unsigned n);

#endif
