/* Ports of virtio-serial: their devices and back ends. See virtio_serial_internal.h. */
#include <string.h>
#include "core/device/event.h"
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/char/virtio_serial_internal.h"

static struct serial_port *from_dev(struct device *dev)
{
    return container_of(dev, struct serial_port, dev);
}

/* ---- the back end ---------------------------------------------------------------------------- */

static size_t can_receive(void *opaque)
{
    return serial_room(opaque);
}

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    serial_receive(opaque, data, len);
}

static void writable(void *opaque)
{
    struct serial_port *p = opaque;

    if (p->s)
        serial_transmit(p);
}

static void event(void *opaque, enum chardev_event what)
{
    struct serial_port *p = opaque;

    if (what == CHARDEV_BREAK || p->host_open == (what == CHARDEV_OPENED))
        return;
    p->host_open = what == CHARDEV_OPENED;
    if (p->s && !p->console)
        serial_send(p, 1u << SERIAL_SEND_OPEN);
}

static const struct chardev_frontend frontend = {
    .can_receive = can_receive,
    .receive = receive,
    .writable = writable,
    .event = event,
    .tells_listening = true,
};

/* Management programs know by the event that an agent of theirs is there. */
void serial_set_guest_open(struct serial_port *p, bool open)
{
    const struct event_item items[] = {EVENT_TEXT("id", p->dev.id), EVENT_FLAG("open", open)};

    if (p->guest_open != open && p->dev.id)
        machine_event(p->dev.machine, "VSERPORT_CHANGE", items, ARRAY_SIZE(items));
    p->guest_open = open;
    if (p->chr)
        chardev_set_listening(p->chr, open);
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool port_realize(struct device *dev, struct vemu_error **errp)
{
    struct serial_port *p = from_dev(dev);
    struct virtio_serial *s = serial_find(dev, p->bus, errp);

    p->console = dev->cls == &virtconsole_class;
    if (!s)
        return false;
    if (p->name && strlen(p->name) > SERIAL_NAME_MAX)
        return error_set(errp, VEMU_ERROR_INVALID, "device %s: name=%.80s is longer than %d bytes",
                         dev->cls->name, p->name, SERIAL_NAME_MAX);
    if (p->chr && !chardev_attach(p->chr, &frontend, p, errp))
        return false;
    if (serial_add_port(s, p, errp))
        return true;
    if (p->chr)
        chardev_attach(p->chr, NULL, NULL, NULL);
    return false;
}

static void port_unrealize(struct device *dev)
{
    struct serial_port *p = from_dev(dev);

    serial_remove_port(p);
    if (p->chr)
        chardev_attach(p->chr, NULL, NULL, NULL);
}

static void port_reset(struct device *dev)
{
    struct serial_port *p = from_dev(dev);

    serial_set_guest_open(p, false);
    p->host_open_told = false;
    p->pending = 0;
    p->taken = 0;
}

static bool port_post_load(struct device *dev, struct vemu_error **errp)
{
    struct serial_port *p = from_dev(dev);

    (void)errp;
    serial_set_guest_open(p, p->guest_open);
    if (p->chr)
        chardev_accept_input(p->chr);
    /* Who was at the other end then may be gone, or somebody may have come. */
    if (p->s && p->host_open != p->host_open_told)
        p->pending |= 1u << SERIAL_SEND_OPEN;
    return true;
}

/* The back end's part of what is said with a program of the guest. */
static uint64_t talk_size(const void *obj)
{
    const struct chardev *chr = *(struct chardev *const *)obj;

    return chr ? chardev_talk_size(chr) : 0;
}

static void talk_save(const void *obj, uint8_t *out)
{
    const struct chardev *chr = *(struct chardev *const *)obj;

    if (chr)
        chardev_talk_save(chr, out);
}

static bool talk_load(void *obj, const uint8_t *in, uint64_t len, struct vemu_error **errp)
{
    struct chardev *chr = obj ? *(struct chardev **)obj : NULL;

    /* Only the back end knows what it reads: it may be another one than it was. */
    return !chr || chardev_talk_load(chr, in, len, errp);
}

static const struct state_tail talk = {.size = talk_size, .save = talk_save, .load = talk_load};

static const struct prop_desc port_props[] = {
    PROP(PROP_STRING, struct serial_port, bus, "bus", NULL,
         "the virtio-serial device, as ID.0; none: the first one"),
    PROP(PROP_CHARDEV, struct serial_port, chr, "chardev", NULL, "its back end"),
    PROP(PROP_STRING, struct serial_port, name, "name", NULL,
         "name that the guest finds it by, such as org.qemu.guest_agent.0"),
    PROP(PROP_U32, struct serial_port, number, "nr", "4294967295",
         "port number; 4294967295: the first that is free"),
    {0},
};
static const struct state_field port_state[] = {
    STATE_FLAG(struct serial_port, guest_open),
    STATE_INT(struct serial_port, pending, .max = (1 << SERIAL_SENDS) - 1),
    STATE_INT(struct serial_port, taken, .max = 16 << 20),
    STATE_FLAG(struct serial_port, host_open_told),
    STATE_REST(struct serial_port, chr, talk),
    STATE_FIELDS_END,
};

#define PORT_CLASS(name_, help_)                                                                   \
    {                                                                                              \
        .name = (name_), .help = (help_), .size = sizeof(struct serial_port),                      \
        .user_creatable = true, .props = port_props, .state = port_state, .state_version = 2,      \
        .realize = port_realize, .unrealize = port_unrealize, .reset = port_reset,                 \
        .post_load = port_post_load                                                                \
    }
const struct device_class virtconsole_class =
    PORT_CLASS("virtconsole", "console on a virtio-serial device");
const struct device_class virtserialport_class =
    PORT_CLASS("virtserialport", "named channel on a virtio-serial device");
