/* What there is to know, mostly what the control protocol answers, for people. */
#include "libvemu/hmp/hmp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu/cpu.h"
#include "core/cpu/debug.h"
#include "core/net/net.h"
#include "core/net/backend.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "libvemu/config.h"
#include "libvemu/hmp/trees.h"
#include "libvemu/machine.h"

/* ---- the machine ----------------------------------------------------------------------------- */

static void info_status(struct hmp *h, char *args)
{
    json_t *value = hmp_call(h, "query-status", NULL);
    const char *status = hmp_text(value, "status");

    (void)args;
    if (hmp_is(value, "running"))
        hmp_say(h, "VM status: running\n");
    else if (strcmp(status, "paused") == 0)
        hmp_say(h, "VM status: paused\n");
    else
        hmp_say(h, "VM status: paused (%s)\n", status);
    json_decref(value);
}

static void info_version(struct hmp *h, char *args)
{
    json_t *value = hmp_call(h, "query-version", NULL), *q = json_object_get(value, "qemu");

    (void)args;
    hmp_say(h, "%lld.%lld.%lld (%s)\n", hmp_number(q, "major"), hmp_number(q, "minor"),
            hmp_number(q, "micro"), hmp_text(value, "package"));
    json_decref(value);
}

static void info_name(struct hmp *h, char *args)
{
    (void)args;
    hmp_say(h, "%s\n", config_value(h->lm->config, "name.guest", ""));
}

static void info_uuid(struct hmp *h, char *args)
{
    (void)args;
    hmp_say(h, "%s\n", config_value(h->lm->config, "uuid", "00000000-0000-0000-0000-000000000000"));
}

static void info_kvm(struct hmp *h, char *args)
{
    json_t *value = hmp_call(h, "query-kvm", NULL);

    (void)args;
    hmp_say(h, "kvm support: %s\n", hmp_is(value, "enabled") ? "enabled" : "disabled");
    json_decref(value);
}

static void info_jit(struct hmp *h, char *args)
{
    json_t *value = hmp_call(h, "x-query-jit", NULL);

    (void)args;
    hmp_say(h, "%s", hmp_text(value, "human-readable-text"));
    json_decref(value);
}

static void info_memory(struct hmp *h, char *args)
{
    json_t *value = hmp_call(h, "query-memory-size-summary", NULL);

    (void)args;
    hmp_say(h, "base memory: %lld\n", hmp_number(value, "base-memory"));
    json_decref(value);
}

static void info_balloon(struct hmp *h, char *args)
{
    json_t *value = hmp_call(h, "query-balloon", NULL);

    (void)args;
    if (value)
        hmp_say(h, "balloon: actual=%lld\n", hmp_number(value, "actual") >> 20);
    json_decref(value);
}

/* ---- vCPUs ----------------------------------------------------------------------------------- */

static void info_cpus(struct hmp *h, char *args)
{
    json_t *list = hmp_call(h, "query-cpus-fast", NULL), *cpu;
    size_t i;

    (void)args;
    json_array_foreach(list, i, cpu)
    {
        hmp_say(h, "%c CPU #%lld: thread_id=%lld\n", i == h->lm->hmp_cpu ? '*' : ' ',
                hmp_number(cpu, "cpu-index"), hmp_number(cpu, "thread-id"));
    }
    json_decref(list);
}

static void say_register(struct hmp *h, const char *name, const uint8_t *bytes, unsigned size)
{
    for (; *name; name++)
        hmp_say(h, "%c", *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
    hmp_say(h, "=");
    while (size--)
        hmp_say(h, "%02x", bytes[size]);
}

/* Registers of a line are all as wide as a number, or all wider. */
static void say_registers(struct hmp *h, struct vcpu *cpu)
{
    const struct cpu_register *reg;
    unsigned column = 0;

    for (unsigned n = 0; (reg = cpu_register_at(cpu->arch, n)); n++) {
        uint8_t bytes[CPU_REGISTER_MAX];
        const unsigned width = 1 + (unsigned)strlen(reg->name) + 1 + 2 * reg->size;
        cpu_register_read(cpu, reg, bytes);
        if (column && column + width > 88) {
            hmp_say(h, "\n");
            column = 0;
        }
        hmp_say(h, "%s", column ? " " : "");
        say_register(h, reg->name, bytes, reg->size);
        column += width;
    }
    hmp_say(h, "\n");
}

static void info_registers(struct hmp *h, char *args)
{
    const bool all = hmp_flag(&args, 'a');
    bool ran;
    struct vcpu *cpu = hmp_hold(h, &ran);

    if (!cpu)
        return;
    machine_lock(&h->lm->m);
    for (unsigned n = 0; n < h->lm->m.vcpu_count; n++) {
        if (!all && h->lm->m.vcpus[n] != cpu)
            continue;
        hmp_say(h, "\nCPU#%u\n", n);
        say_registers(h, h->lm->m.vcpus[n]);
    }
    machine_unlock(&h->lm->m);
    hmp_let_go(h, ran);
}

/* ---- disks ----------------------------------------------------------------------------------- */

/* A drive that was not made by -drive is called as its device is. */
static const char *drive_name(const json_t *entry)
{
    const char *device = hmp_text(entry, "device");

    return *device ? device : hmp_text(entry, "qdev");
}

static void say_drive(struct hmp *h, const json_t *entry)
{
    const json_t *in = json_object_get(entry, "inserted"), *cache = json_object_get(in, "cache");

    hmp_say(h, "%s", drive_name(entry));
    if (in)
        hmp_say(h, " (%s): %s (%s%s)\n", hmp_text(in, "node-name"), hmp_text(in, "file"),
                hmp_text(in, "drv"), hmp_is(in, "ro") ? ", read-only" : "");
    else
        hmp_say(h, ": [not inserted]\n");
    if (*hmp_text(entry, "qdev"))
        hmp_say(h, "    Attached to:      %s\n", hmp_text(entry, "qdev"));
    if (hmp_is(entry, "removable"))
        hmp_say(h, "    Removable device: %slocked, tray %s\n",
                hmp_is(entry, "locked") ? "" : "not ",
                hmp_is(entry, "tray_open") ? "open" : "closed");
    if (in)
        hmp_say(h, "    Cache mode:       %s%s%s\n",
                hmp_is(cache, "writeback") ? "writeback" : "writethrough",
                hmp_is(cache, "direct") ? ", direct" : "",
                hmp_is(cache, "no-flush") ? ", ignore flushes" : "");
    if (*hmp_text(in, "backing_file"))
        hmp_say(h, "    Backing file:     %s (chain depth: %lld)\n", hmp_text(in, "backing_file"),
                hmp_number(in, "backing_file_depth"));
}

static void info_block(struct hmp *h, char *args)
{
    json_t *list = hmp_call(h, "query-block", NULL), *entry;
    const char *which = hmp_word(&args);
    bool any = false;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        if (which && strcmp(drive_name(entry), which) != 0)
            continue;
        hmp_say(h, "%s", any ? "\n" : "");
        say_drive(h, entry);
        any = true;
    }
    json_decref(list);
    if (which && !any)
        hmp_error(h, "there is no drive '%.80s'", which);
}

static void info_blockstats(struct hmp *h, char *args)
{
    json_t *list = hmp_call(h, "query-blockstats", NULL), *entry, *value;
    const char *key;
    size_t i;

    (void)args;
    json_array_foreach(list, i, entry)
    {
        const char *device = hmp_text(entry, "device");
        hmp_say(h, "%s:", *device ? device : hmp_text(entry, "node-name"));
        json_object_foreach(json_object_get(entry, "stats"), key, value)
        {
            hmp_say(h, " %s=%lld", key, (long long)json_integer_value(value));
        }
        hmp_say(h, "\n");
    }
    json_decref(list);
}

/* ---- back ends ------------------------------------------------------------------------------- */

static void info_network(struct hmp *h, char *args)
{
    (void)args;
    machine_lock(&h->lm->m);
    list_for_each(nd, &h->lm->m.netdevs, struct netdev, node)
    {
        const struct net_counters *n = netdev_counters(nd);
        hmp_say(h,
                "%s: %slink %s, sent %" PRIu64 " frames (%" PRIu64 " bytes), received %" PRIu64
                " (%" PRIu64 "), dropped %" PRIu64 "\n",
                netdev_id(nd), netdev_in_use(nd) ? "" : "no device, ",
                netdev_link(nd) ? "up" : "down", n->sent, n->sent_bytes, n->received,
                n->received_bytes, n->dropped);
    }
    machine_unlock(&h->lm->m);
}

static void info_chardev(struct hmp *h, char *args)
{
    json_t *list = hmp_call(h, "query-chardev", NULL), *chr;
    size_t i;

    (void)args;
    json_array_foreach(list, i, chr)
    {
        hmp_say(h, "%s: filename=%s\n", hmp_text(chr, "label"), hmp_text(chr, "filename"));
    }
    json_decref(list);
}

static void info_vnc(struct hmp *h, char *args)
{
    json_t *list = hmp_call(h, "query-vnc-servers", NULL), *server, *place;
    size_t i, k;

    (void)args;
    if (!json_array_size(list))
        hmp_say(h, "None\n");
    json_array_foreach(list, i, server)
    {
        hmp_say(h, "%s:\n", hmp_text(server, "id"));
        json_array_foreach(json_object_get(server, "server"), k, place)
        {
            hmp_say(h, "  Server: %s:%s (%s%s)\n    Auth: %s\n", hmp_text(place, "host"),
                    hmp_text(place, "service"), hmp_text(place, "family"),
                    hmp_is(place, "websocket") ? ", websocket" : "", hmp_text(place, "auth"));
        }
        json_array_foreach(json_object_get(server, "clients"), k, place)
        {
            hmp_say(h, "  Client: %s:%s (%s%s)\n", hmp_text(place, "host"),
                    hmp_text(place, "service"), hmp_text(place, "family"),
                    hmp_is(place, "websocket") ? ", websocket" : "");
        }
    }
    json_decref(list);
}

const struct hmp_command hmp_info[] = {
    {"balloon", NULL, NULL, "how much memory the guest has", info_balloon},
    {"block", NULL, "[DRIVE]", "disks and media", info_block},
    {"blockstats", NULL, NULL, "what was done with them", info_blockstats},
    {"chardev", NULL, NULL, "character back ends", info_chardev},
    {"cpus", NULL, NULL, "vCPUs; * is the one that cpu N chose", info_cpus},
    {"jit", NULL, NULL, "the accelerator's counters", info_jit},
    {"kvm", NULL, NULL, "whether the host's processor runs the guest", info_kvm},
    {"memory_size_summary", NULL, NULL, "how much memory the machine has", info_memory},
    {"mtree", NULL, NULL, "what is where in memory and among ports", info_mtree},
    {"name", NULL, NULL, "the machine's name", info_name},
    {"network", NULL, NULL, "networks, and what went over them", info_network},
    {"pci", NULL, NULL, "PCI devices", info_pci},
    {"qtree", NULL, NULL, "all devices with their properties", info_qtree},
    {"registers", NULL, "[-a]", "of the vCPU, or of all", info_registers},
    {"status", NULL, NULL, "whether the machine runs", info_status},
    {"usb", NULL, NULL, "USB devices", info_usb},
    {"uuid", NULL, NULL, "the machine's UUID", info_uuid},
    {"version", NULL, NULL, "the version that clients compare, and ours", info_version},
    {"vnc", NULL, NULL, "VNC servers and viewers", info_vnc},
    {.name = NULL},
};
