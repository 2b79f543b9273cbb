/*
 * 16550A UART. Device class "isa-serial": created by a board, or by -device with the properties
 * iobase, irq and chardev. Everything here with the machine lock held.
 */
#ifndef HW_CHAR_UART16550_H
#define HW_CHAR_UART16550_H

#include <stdint.h>
#include "core/device/device.h"

struct chardev;

struct uart16550_config {
    uint64_t base;       /* port, 0x3f8; or memory address when mmio */
    bool mmio;           /* in system memory rather than port space */
    uint8_t shift;       /* registers are 1 << shift bytes apart; 0 on a PC */
    struct irq irq;      /* level: high while an interrupt is pending */
    struct chardev *chr; /* NULL: nothing connected; output vanishes */
};

extern const struct device_class uart16550_class;

struct device *uart16550_create(struct vemu_machine *m, const struct uart16550_config *cfg,
                                struct vemu_error **errp);
/* For board_class.plug, before realize: the ISA interrupt the `irq` property asks for (by number),
 * and its line. */
unsigned uart16550_irq_number(const struct device *dev);
void uart16550_connect_irq(struct device *dev, struct irq irq);

#endif
