/* virtio-serial: queues, control messages, configuration. See virtio_serial_internal.h. */
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/char/virtio_serial_internal.h"

enum { QUEUE_SIZE = 128, CLASS_COMMUNICATION = 0x078000, CHUNK = 4096 };
enum { ELEMENT_MAX = 16 << 20 /* bytes; no driver sends so many at once */ };
enum { CONFIG_MAX_NR_PORTS = 4, CONFIG_EMERG_WR = 8, CONFIG_SIZE = 12 };
/* struct virtio_console_control: id, event, value; a name follows. */
enum { CONTROL_ID = 0, CONTROL_EVENT = 4, CONTROL_VALUE = 6, CONTROL_SIZE = 8 };
enum {
    DEVICE_READY = 0,
    DEVICE_ADD = 1,
    DEVICE_REMOVE = 2,
    PORT_READY = 3,
    CONSOLE_PORT = 4,
    PORT_OPEN = 6,
    PORT_NAME = 7,
};

static struct virtio_serial *from_virtio(struct virtio *v)
{
    return container_of(v, struct virtio_serial, v);
}

static bool is_multiport(const struct virtio_serial *s)
{
    return virtio_has(&s->v, SERIAL_F_MULTIPORT);
}

/* Of port n: the receive queue; the transmit queue follows. The control queues are between those of
 * the first port and the others'. */
static struct virtq *port_queue(struct virtio_serial *s, unsigned n)
{
    return &s->v.queues[n ? 2 * n + 2 : 0];
}

/* ---- control messages to the driver ---------------------------------------------------------- */

/* False: there is no buffer for it yet. */
static bool send(struct virtio_serial *s, unsigned id, unsigned event, unsigned value,
                 const char *text)
{
    struct virtq *q = &s->v.queues[SERIAL_QUEUE_CONTROL_RX];
    uint8_t message[CONTROL_SIZE + SERIAL_NAME_MAX];
    uint32_t len = CONTROL_SIZE;
    struct virtq_element e;

    if (virtq_pop_or_ask(q, &e) != VIRTQ_POPPED)
        return false;
    store_le32(message + CONTROL_ID, id);
    store_le16(message + CONTROL_EVENT, (uint16_t)event);
    store_le16(message + CONTROL_VALUE, (uint16_t)value);
    if (text) {
        size_t n = strnlen(text, SERIAL_NAME_MAX);
        memcpy(message + CONTROL_SIZE, text, n);
        len += (uint32_t)n;
    }
    len = (uint32_t)MIN(len, e.in_bytes);
    virtq_scatter(&s->v, e.buffers + e.out, e.in, 0, message, len);
    virtq_push(q, e.head, len);
    return true;
}

static bool send_pending(struct virtio_serial *s, struct serial_port *p)
{
    static const uint8_t events[SERIAL_SENDS] = {DEVICE_ADD, CONSOLE_PORT, PORT_NAME, PORT_OPEN};

    for (unsigned n = 0; n < SERIAL_SENDS; n++) {
        bool named = n == SERIAL_SEND_NAME;
        bool open = p->host_open || p->console; /* consoles always are */
        unsigned value = n == SERIAL_SEND_OPEN ? open : 1;
        if (!(p->pending >> n & 1))
            continue;
        if (!send(s, p->number, events[n], value, named ? p->name : NULL))
            return false;
        if (n == SERIAL_SEND_OPEN)
            p->host_open_told = open;
        p->pending &= (uint8_t) ~(1u << n);
    }
    return true;
}

/* All that there are buffers for. */
static void send_all(struct virtio_serial *s)
{
    bool room = s->ready;

    for (unsigned n = 0; n < s->max_ports && room; n++) {
        if (s->removed >> n & 1) {
            room = send(s, n, DEVICE_REMOVE, 1, NULL);
            if (room)
                s->removed &= ~(UINT32_C(1) << n);
        }
        if (room && s->ports[n])
            room = send_pending(s, s->ports[n]);
    }
    virtq_signal(&s->v.queues[SERIAL_QUEUE_CONTROL_RX]);
}

void serial_send(struct serial_port *p, unsigned bits)
{
    struct virtio_serial *s = p->s;

    /* Who has not asked for messages is told everything when it does. */
    if (!s->ready || !is_multiport(s))
        return;
    p->pending |= (uint8_t)bits;
    send_all(s);
}

/* ---- control messages from the driver -------------------------------------------------------- */

static void port_ready(struct serial_port *p)
{
    unsigned bits = 0;

    if (p->console)
        bits |= 1u << SERIAL_SEND_CONSOLE;
    if (p->name)
        bits |= 1u << SERIAL_SEND_NAME;
    if (p->host_open || p->console)
        bits |= 1u << SERIAL_SEND_OPEN;
    serial_send(p, bits);
}

static void take_control(struct virtio_serial *s, const uint8_t *message)
{
    uint32_t id = load_le32(message + CONTROL_ID);
    uint16_t event = load_le16(message + CONTROL_EVENT), value = load_le16(message + CONTROL_VALUE);
    struct serial_port *p = id < s->max_ports ? s->ports[id] : NULL;

    if (event == DEVICE_READY) {
        s->ready = value;
        for (unsigned n = 0; n < s->max_ports && value; n++) {
            if (s->ports[n])
                serial_send(s->ports[n], 1u << SERIAL_SEND_ADD);
        }
        return;
    }
    if (!p) {
        log_msg(device_log(s->v.dev), LOG_GUEST_ERROR, "virtio-serial: there is no port %u", id);
        return;
    }
    switch (event) {
    case PORT_READY:
        if (value)
            port_ready(p);
        break;
    case PORT_OPEN:
        serial_set_guest_open(p, value);
        if (p->chr && value)
            chardev_accept_input(p->chr);
        break;
    default:
        log_msg(device_log(s->v.dev), LOG_GUEST_ERROR, "virtio-serial: control message %u", event);
    }
}

static void control_received(struct virtio_serial *s, struct virtq *q)
{
    uint8_t message[CONTROL_SIZE];
    struct virtq_element e;

    while (virtq_pop_or_ask(q, &e) == VIRTQ_POPPED) {
        bool ok = virtq_gather(&s->v, e.buffers, e.out, 0, message, sizeof message);
        virtq_push(q, e.head, 0);
        if (ok)
            take_control(s, message);
    }
    virtq_signal(q);
}

/* ---- data ------------------------------------------------------------------------------------ */

static bool takes_data(const struct virtio_serial *s, const struct serial_port *p)
{
    return is_multiport(s) ? p->guest_open : !p->number;
}

/* Of the first buffer: the back end asks again. */
size_t serial_room(struct serial_port *p)
{
    struct virtio_serial *s = p->s;
    struct virtq *q = s ? port_queue(s, p->number) : NULL;
    struct virtq_element e;

    if (!s || !takes_data(s, p) || virtq_pop_or_ask(q, &e) != VIRTQ_POPPED)
        return 0;
    virtq_unpop(q, 1);
    return (size_t)MIN(e.in_bytes, CHUNK);
}

void serial_receive(struct serial_port *p, const uint8_t *data, size_t len)
{
    struct virtio_serial *s = p->s;
    struct virtq *q = s ? port_queue(s, p->number) : NULL;
    struct virtq_element e;

    while (s && len && virtq_pop_or_ask(q, &e) == VIRTQ_POPPED) {
        uint32_t n = (uint32_t)MIN(len, e.in_bytes);
        virtq_scatter(&s->v, e.buffers + e.out, e.in, 0, data, n);
        virtq_push(q, e.head, n);
        data += n;
        len -= n;
    }
    if (s)
        virtq_signal(q);
}

/* Hands the rest of an element to the back end; false: it did not take all. */
static bool transmit_element(struct serial_port *p, const struct virtq_element *e)
{
    uint64_t all = MIN(e->out_bytes, ELEMENT_MAX);
    uint8_t bytes[CHUNK];

    while (p->taken < all) {
        uint32_t n = (uint32_t)MIN(all - p->taken, CHUNK);
        size_t done = n;
        if (!virtq_gather(&p->s->v, e->buffers, e->out, p->taken, bytes, n))
            return true; /* what is not in memory is nothing to send */
        if (p->chr)
            done = chardev_write(p->chr, bytes, n);
        p->taken += (uint32_t)done;
        if (done < n)
            return false;
    }
    return true;
}

void serial_transmit(struct serial_port *p)
{
    struct virtq *q = port_queue(p->s, p->number) + 1;
    struct virtq_element e;

    while (virtq_pop_or_ask(q, &e) == VIRTQ_POPPED) {
        if (!transmit_element(p, &e)) {
            virtq_unpop(q, 1); /* until the back end has room */
            break;
        }
        p->taken = 0;
        virtq_push(q, e.head, 0);
    }
    virtq_signal(q);
}

/* To where there is no port. */
static void discard(struct virtq *q)
{
    struct virtq_element e;

    while (virtq_pop_or_ask(q, &e) == VIRTQ_POPPED)
        virtq_push(q, e.head, 0);
    virtq_signal(q);
}

static void queue_notified(struct virtio *v, struct virtq *q)
{
    struct virtio_serial *s = from_virtio(v);
    unsigned pair = q->index / 2, n = pair ? pair - 1 : 0;
    struct serial_port *p = s->ports[n];

    if (q->index == SERIAL_QUEUE_CONTROL_RX)
        send_all(s);
    else if (q->index == SERIAL_QUEUE_CONTROL_TX)
        control_received(s, q);
    else if (q->index % 2 && p)
        serial_transmit(p);
    else if (q->index % 2)
        discard(q);
    else if (p && p->chr)
        chardev_accept_input(p->chr);
}

/* ---- ports ----------------------------------------------------------------------------------- */

static const struct virtio_class serial_virtio_class;

struct virtio_serial *serial_find(struct device *port, const char *bus, struct vemu_error **errp)
{
    /* "ID.0", as buses are called; the number is always 0. */
    size_t len = bus ? strcspn(bus, ".") : 0;

    list_for_each(dev, &port->machine->devices, struct device, node)
    {
        struct virtio *v = virtio_device_of(dev);
        if (v && v->cls == &serial_virtio_class && dev->realized &&
            (!bus || (dev->id && strlen(dev->id) == len && !strncmp(dev->id, bus, len))))
            return from_virtio(v);
    }
    error_set(errp, VEMU_ERROR_NOT_FOUND,
              bus ? "device %s: there is no virtio-serial device with the bus '%.80s'"
                  : "device %s needs a -device virtio-serial-pci before it%.0s",
              port->cls->name, bus ? bus : "");
    return NULL;
}

bool serial_add_port(struct virtio_serial *s, struct serial_port *p, struct vemu_error **errp)
{
    uint32_t n = p->number;

    if (n == UINT32_MAX) {
        /* Port 0 is a console for drivers that know only one. */
        for (n = p->console ? 0 : 1; n < s->max_ports && s->ports[n];)
            n++;
        if (n >= s->max_ports)
            return error_set(errp, VEMU_ERROR_INVALID, "device %s: all %u ports are taken",
                             p->dev.cls->name, s->max_ports);
    } else if (n >= s->max_ports || s->ports[n]) {
        return error_set(errp, VEMU_ERROR_INVALID,
                         "device %s: nr=%u must be a free port number below max_ports=%u",
                         p->dev.cls->name, n, s->max_ports);
    } else if (!n && !p->console) {
        return error_set(errp, VEMU_ERROR_INVALID,
                         "device %s: nr=0 is for a virtconsole; use another number",
                         p->dev.cls->name);
    }
    p->number = n;
    p->s = s;
    s->ports[n] = p;
    s->removed &= ~(UINT32_C(1) << n);
    serial_send(p, 1u << SERIAL_SEND_ADD);
    return true;
}

void serial_remove_port(struct serial_port *p)
{
    struct virtio_serial *s = p->s;

    if (!s)
        return;
    s->ports[p->number] = NULL;
    p->s = NULL;
    if (!s->ready || !is_multiport(s))
        return;
    s->removed |= UINT32_C(1) << p->number;
    send_all(s);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* A character of a driver that can do nothing else yet goes to the first console. */
static void config_written(struct virtio *v, uint32_t offset, uint32_t value, unsigned size)
{
    struct virtio_serial *s = from_virtio(v);
    uint8_t byte = (uint8_t)value;

    if (offset != CONFIG_EMERG_WR || size != 4 || !s->emergency_write)
        return;
    for (unsigned n = 0; n < s->max_ports; n++) {
        if (s->ports[n] && s->ports[n]->console && s->ports[n]->chr) {
            chardev_write(s->ports[n]->chr, &byte, 1);
            return;
        }
    }
}

static void reset(struct virtio *v)
{
    struct virtio_serial *s = from_virtio(v);

    s->ready = false;
    s->removed = 0;
    for (unsigned n = 0; n < SERIAL_PORTS_MAX; n++) {
        if (!s->ports[n])
            continue;
        serial_set_guest_open(s->ports[n], false);
        s->ports[n]->host_open_told = false;
        s->ports[n]->pending = 0;
        s->ports[n]->taken = 0;
    }
}

static const struct virtio_class serial_virtio_class = {
    .id = VIRTIO_ID_CONSOLE,
    .queue_notified = queue_notified,
    .config_written = config_written,
    .reset = reset,
};

static bool serial_init(struct virtio *v, struct device *dev, struct vemu_error **errp)
{
    struct virtio_serial *s = from_virtio(v);

    if (!virtio_init(v, &serial_virtio_class, dev, 2 * (s->max_ports + 1), QUEUE_SIZE, CONFIG_SIZE,
                     errp))
        return false;
    v->host_features |= VIRTIO_BIT(SERIAL_F_MULTIPORT);
    if (s->emergency_write)
        v->host_features |= VIRTIO_BIT(SERIAL_F_EMERG_WRITE);
    store_le32(v->config + CONFIG_MAX_NR_PORTS, s->max_ports);
    return true;
}

static void serial_exit(struct virtio *v)
{
    struct virtio_serial *s = from_virtio(v);

    virtio_exit(v);
    for (unsigned n = 0; n < SERIAL_PORTS_MAX; n++) {
        if (s->ports[n])
            s->ports[n]->s = NULL;
    }
}

static const struct virtio_kind serial_kind = {
    .init = serial_init,
    .exit = serial_exit,
    .pci = {.legacy_device = 0x1003, .class_code = CLASS_COMMUNICATION},
};

#define SERIAL_PROPS(type_)                                                                        \
    VIRTIO_PROPS(type_, serial.v),                                                                 \
        PROP(PROP_U32, type_, serial.max_ports, "max_ports", "31", "ports there may be", .min = 1, \
             .max = SERIAL_PORTS_MAX),                                                             \
        PROP(PROP_BOOL, type_, serial.emergency_write, "emergency-write", "on",                    \
             "a driver may write single characters to the first console early")
#define SERIAL_STATE(type_)                                                                        \
    STATE_VIRTIO(type_, serial.v), STATE_FLAG(type_, serial.ready),                                \
        STATE_INT(type_, serial.removed, .max = INT32_MAX)

struct serial_pci {
    struct virtio_pci pci;
    struct virtio_serial serial;
};
static const struct prop_desc pci_props[] = {
    VIRTIO_PCI_PROPS(struct serial_pci, pci), SERIAL_PROPS(struct serial_pci), {0}};
static const struct state_field pci_state[] = {STATE_VIRTIO_PCI(struct serial_pci, pci),
                                               SERIAL_STATE(struct serial_pci), STATE_FIELDS_END};
const struct virtio_device_class virtio_serial_pci_class = {
    VIRTIO_PCI_DEVICE("virtio-serial-pci", "consoles and named channels by virtio",
                      struct serial_pci, serial, &serial_kind, pci_props, pci_state)};
const struct virtio_device_class virtio_serial_pci_transitional_class = {
    VIRTIO_PCI_DEVICE_TRANSITIONAL("virtio-serial-pci", struct serial_pci, serial, &serial_kind,
                                   pci_props, pci_state)};
const struct virtio_device_class virtio_serial_pci_non_transitional_class = {
    VIRTIO_PCI_DEVICE_NON_TRANSITIONAL("virtio-serial-pci", struct serial_pci, serial, &serial_kind,
                                       pci_props, pci_state)};

struct serial_mmio {
    struct virtio_mmio mmio;
    struct virtio_serial serial;
};
static const struct prop_desc mmio_props[] = {SERIAL_PROPS(struct serial_mmio), {0}};
static const struct state_field mmio_state[] = {STATE_VIRTIO_MMIO(struct serial_mmio, mmio),
                                                SERIAL_STATE(struct serial_mmio), STATE_FIELDS_END};
const struct virtio_device_class virtio_serial_device_class = {VIRTIO_MMIO_DEVICE(
    "virtio-serial-device", "consoles and named channels by virtio, on a machine without PCI",
    struct serial_mmio, serial, &serial_kind, mmio_props, mmio_state)};
