/*
 * Between virtio_serial.c, which has the queues and the control messages, and virtio_serial_port.c,
 * which has the ports' devices and their back ends. Private to these.
 *
 * No element is held between calls: what a back end does not take stays in the ring, with a note of
 * how much of it was taken; what the guest has no buffers for stays with the back end; control
 * messages that there is no buffer for are bits of the port.
 */
#ifndef HW_CHAR_VIRTIO_SERIAL_INTERNAL_H
#define HW_CHAR_VIRTIO_SERIAL_INTERNAL_H

#include "core/chardev/chardev.h"
#include "hw/char/virtio_serial.h"

enum {
    SERIAL_PORTS_MAX = VIRTIO_QUEUES_MAX / 2 - 1, /* one pair of queues is for control */
    SERIAL_QUEUE_CONTROL_RX = 2,
    SERIAL_QUEUE_CONTROL_TX = 3,
    SERIAL_F_MULTIPORT = 1,
    SERIAL_F_EMERG_WRITE = 2,
    SERIAL_NAME_MAX = 64,
};

/* Control messages that a port still has to send, in the order in which they are sent. */
enum serial_pending {
    SERIAL_SEND_ADD,
    SERIAL_SEND_CONSOLE,
    SERIAL_SEND_NAME,
    SERIAL_SEND_OPEN, /* whether somebody is at the other end */
    SERIAL_SENDS,
};

struct serial_port {
    struct device dev;
    /* properties */
    char *bus, *name;
    struct chardev *chr;
    uint32_t number; /* UINT32_MAX: the first that is free */

    struct virtio_serial *s; /* NULL: it was taken away */
    bool console;
    bool host_open;      /* as the back end said last */
    bool host_open_told; /* to the driver */
    bool guest_open;     /* a program of the guest has it open */
    uint8_t pending;     /* bits of enum serial_pending */
    uint32_t taken;      /* bytes of the first element to transmit that the back end has */
};

struct virtio_serial {
    struct virtio v;
    /* properties */
    uint32_t max_ports;
    bool emergency_write;

    struct serial_port *ports[SERIAL_PORTS_MAX];
    bool ready;       /* the driver takes control messages */
    uint32_t removed; /* ports whose removal is still to be told, by number */
};

/* virtio_serial_port.c */
void serial_set_guest_open(struct serial_port *p, bool open);

/* virtio_serial.c */
/* The virtio-serial device that a port belongs to; NULL and the error when there is none. */
struct virtio_serial *serial_find(struct device *port, const char *bus, struct vemu_error **errp);
/* Gives the port its number; tells the driver. */
bool serial_add_port(struct virtio_serial *s, struct serial_port *p, struct vemu_error **errp);
void serial_remove_port(struct serial_port *p);
/* Has control messages sent as soon as there are buffers. */
void serial_send(struct serial_port *p, unsigned bits);
/* Bytes that the guest takes now, and their way there. */
size_t serial_room(struct serial_port *p);
void serial_receive(struct serial_port *p, const uint8_t *data, size_t len);
/* Has the back end take what the guest has put into the port's queue. */
void serial_transmit(struct serial_port *p);

#endif
