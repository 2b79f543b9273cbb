/*
 * The keys of the configuration tree and what is refused by looking at the text alone. What needs
 * the tables of boards and devices, or the host, is checked in check.c.
 */
#include "libvemu/agent.h"
#include "libvemu/arch.h"
#include "libvemu/config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/util/error.h"
#include "core/util/opts.h"
#include "core/util/range.h"
#include "core/util/size.h"
#include "libvemu/boot.h"
#include "libvemu/disks.h"
#include "libvemu/screens.h"
#include "libvemu/usb.h"

enum { QUOTE_MAX = 80, CPUS_MAX = 64 };

/* ---- memory ---------------------------------------------------------------------------------- */

bool config_memory_parse(const char *text, unsigned long long *bytes)
{
    uint64_t v;

    if (!size_parse(text, UINT64_C(1) << 20, &v))
        return false;
    *bytes = v;
    return true;
}

static bool check_memory(const char *origin, const char *text, struct opts *props,
                         struct vemu_error **errp)
{
    const char *size = props ? opts_get(props, "size") : text;
    unsigned long long bytes;

    if (props && (opts_get(props, "slots") || opts_get(props, "maxmem")))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s: adding memory to a running machine is not available yet; give the "
                         "size alone, such as 512M",
                         origin);
    if (!size || !config_memory_parse(size, &bytes))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: '%.*s' is not a memory size; use a number with K, M, G or T, such as "
                         "512M (a number alone counts MiB)",
                         origin, QUOTE_MAX, size ? size : text);
    if (!bytes)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: a machine needs more memory than '%.*s', such as 512M", origin,
                         QUOTE_MAX, size);
    return true;
}

/* ---- smp ------------------------------------------------------------------------------------- */

struct smp_counts {
    unsigned cpus, maxcpus, sockets, cores, threads, one; /* 0: not given */
};

static bool smp_number(const char *origin, struct opts *props, const char *key, unsigned *value,
                       struct vemu_error **errp)
{
    const char *text = opts_get(props, key);
    uint64_t v;

    if (!text)
        return true;
    if (!number_parse(text, &v) || v < 1 || v > CPUS_MAX)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: %s is '%.*s', but must be a number from 1 to %d", origin, key,
                         QUOTE_MAX, text, CPUS_MAX);
    *value = (unsigned)v;
    return true;
}

static bool check_smp(const char *origin, const char *text, struct opts *props,
                      struct vemu_error **errp)
{
    static const char *const ones[] = {"drawers", "books", "dies", "clusters", "modules"};
    struct smp_counts n = {0};
    unsigned given;

    (void)text;
    if (!smp_number(origin, props, "cpus", &n.cpus, errp) ||
        !smp_number(origin, props, "maxcpus", &n.maxcpus, errp) ||
        !smp_number(origin, props, "sockets", &n.sockets, errp) ||
        !smp_number(origin, props, "cores", &n.cores, errp) ||
        !smp_number(origin, props, "threads", &n.threads, errp))
        return false;
    for (unsigned i = 0; i < ARRAY_SIZE(ones); i++) {
        if (!smp_number(origin, props, ones[i], &n.one, errp))
            return false;
        if (n.one > 1)
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             "%s: %s=%u is not available yet; use sockets, cores and threads",
                             origin, ones[i], n.one);
    }
    given = (n.sockets ? n.sockets : 1) * (n.cores ? n.cores : 1) * (n.threads ? n.threads : 1);
    if (!n.cpus)
        n.cpus = n.maxcpus ? n.maxcpus : given;
    if (n.cpus > CPUS_MAX)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: sockets, cores and threads make %u vCPUs, but %d is the most", origin,
                         n.cpus, CPUS_MAX);
    if (n.maxcpus && n.maxcpus < n.cpus)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: maxcpus=%u is below cpus=%u; it must not be smaller", origin,
                         n.maxcpus, n.cpus);
    if (n.maxcpus > n.cpus)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s: maxcpus=%u above cpus=%u: adding vCPUs to a running machine is not "
                         "available yet; use maxcpus=%u",
                         origin, n.maxcpus, n.cpus, n.cpus);
    if (n.sockets && n.cores && n.threads ? given != n.cpus : n.cpus % given != 0)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: sockets, cores and threads make %u vCPUs, which does not fit cpus=%u",
                         origin, given, n.cpus);
    return true;
}

unsigned config_smp_cpus(const struct config_node *smp)
{
    static const char *const factors[] = {"sockets", "cores", "threads"};
    const char *cpus = config_child_value(smp, "cpus");
    unsigned product = 1;

    if (!smp)
        return 1;
    if (!cpus)
        cpus = config_child_value(smp, "maxcpus");
    if (cpus)
        return (unsigned)strtoul(cpus, NULL, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(factors); i++) {
        const char *v = config_child_value(smp, factors[i]);
        product *= v ? (unsigned)strtoul(v, NULL, 0) : 1;
    }
    return product;
}

/* ---- rtc, uuid, and options that know one value -----------------------------------------------
 */

bool config_rtc_parse(const char *base, bool *localtime, long long *start)
{
    struct tm tm = {0};
    const char *end;

    *localtime = strcmp(base, "localtime") == 0;
    *start = 0;
    if (*localtime || strcmp(base, "utc") == 0)
        return true;
    end = strptime(base, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end || *end) {
        memset(&tm, 0, sizeof tm);
        end = strptime(base, "%Y-%m-%d", &tm);
    }
    if (!end || *end || tm.tm_year < 70)
        return false;
    *start = timegm(&tm);
    return true;
}

static bool check_rtc(const char *origin, const char *text, struct opts *props,
                      struct vemu_error **errp)
{
    const char *base = opts_get(props, "base"), *clock = opts_get(props, "clock"),
               *fix = opts_get(props, "driftfix");
    long long start;
    bool local;

    (void)text;
    if (base && !config_rtc_parse(base, &local, &start))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: base '%.*s' is not a time; use utc, localtime or "
                         "YYYY-MM-DDTHH:MM:SS from 1970 on",
                         origin, QUOTE_MAX, base);
    if (clock && strcmp(clock, "host") != 0 && strcmp(clock, "rt") != 0 && strcmp(clock, "vm") != 0)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: clock '%.*s' is not known; use clock=host or clock=vm", origin,
                         QUOTE_MAX, clock);
    if (fix && strcmp(fix, "none") != 0)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s: driftfix '%.*s' is not available yet; use driftfix=none", origin,
                         QUOTE_MAX, fix);
    return true;
}

/* Spelled as users of other emulators know it; what is not there is named. */
static bool check_icount(const char *origin, const char *text, struct opts *props,
                         struct vemu_error **errp)
{
    enum { SHIFT_MAX = 10 };
    const char *shift = opts_get(props, "shift"), *sleep = opts_get(props, "sleep"),
               *align = opts_get(props, "align"), *rr = opts_get(props, "rr");
    uint64_t v;

    (void)text;
    if (shift && strcmp(shift, "auto") == 0)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s: shift=auto follows the host's speed and is not available; use a "
                         "number from 0 to %d",
                         origin, SHIFT_MAX);
    if (!shift || !number_parse(shift, &v) || v > SHIFT_MAX)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: shift is '%.*s', but must be a number from 0 to %d: an instruction "
                         "takes 2 to the power of it nanoseconds",
                         origin, QUOTE_MAX, shift ? shift : "", SHIFT_MAX);
    if (sleep && strcmp(sleep, "on") != 0 && strcmp(sleep, "off") != 0)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: sleep is '%.*s', but must be on or off",
                         origin, QUOTE_MAX, sleep);
    if (align && strcmp(align, "off") != 0)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s: align=%.*s is not available; use align=off", origin, QUOTE_MAX,
                         align);
    return !rr || error_set(errp, VEMU_ERROR_UNSUPPORTED,
                            "%s: recording and replaying (rr=%.*s) is not available", origin,
                            QUOTE_MAX, rr);
}

static bool check_uuid(const char *origin, const char *text, struct opts *props,
                       struct vemu_error **errp)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    bool ok = strlen(text) == sizeof shape - 1;

    (void)props;
    for (unsigned i = 0; ok && shape[i]; i++)
        ok = shape[i] == 'x' ? strchr("0123456789abcdefABCDEF", text[i]) != NULL
                             : text[i] == shape[i];
    return ok || error_set(errp, VEMU_ERROR_INVALID,
                           "%s: '%.*s' is not a UUID; use 32 hexadecimal digits grouped as "
                           "12345678-1234-1234-1234-123456789abc",
                           origin, QUOTE_MAX, text);
}

static bool check_jit_cache(const char *origin, const char *text, struct opts *props,
                            struct vemu_error **errp)
{
    (void)props;
    return strcmp(text, "off") == 0 || strcmp(text, "ro") == 0 || strcmp(text, "rw") == 0 ||
           error_set(errp, VEMU_ERROR_INVALID, "%s: '%.*s', expected off, ro or rw", origin,
                     QUOTE_MAX, text);
}

static bool check_none(const char *origin, const char *text, struct opts *props,
                       struct vemu_error **errp)
{
    (void)props;
    return strcmp(text, "none") == 0 ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "%s %.*s is not available yet; the only value so far is none", origin,
                     QUOTE_MAX, text);
}

static bool check_object(const char *origin, const char *text, struct opts *props,
                         struct vemu_error **errp)
{
    const char *len = opts_get(props, "maxlen");
    uint64_t v;

    (void)text;
    return !len || (number_parse(len, &v) && v >= 1 && v <= UINT32_MAX) ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "%s: maxlen is '%.*s', but must be a number of bytes", origin, QUOTE_MAX, len);
}

static const char *const overcommit_props[] = {"mem-lock", "cpu-pm", NULL};

/* Properties that are switches; those in `off` cannot be on. */
static bool check_switches(const char *origin, const struct opts *props, const char *const *off,
                           struct vemu_error **errp)
{
    for (unsigned i = 0; i < props->count; i++) {
        const struct opt *o = &props->items[i];
        bool on, refused = false;
        if (strcmp(o->key, "id") == 0 || strcmp(o->key, "driver") == 0)
            continue;
        if (!bool_parse(o->value, &on))
            return error_set(errp, VEMU_ERROR_INVALID, "%s: %s '%.*s' is neither on nor off",
                             origin, o->key, QUOTE_MAX, o->value);
        for (unsigned k = 0; off[k]; k++)
            refused |= on && strcmp(off[k], o->key) == 0;
        if (refused)
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             "%s: %s=on is not available yet; use off", origin, o->key);
    }
    return true;
}

static bool check_overcommit(const char *origin, const char *text, struct opts *props,
                             struct vemu_error **errp)
{
    (void)text;
    return check_switches(origin, props, overcommit_props, errp);
}

static bool check_msg(const char *origin, const char *text, struct opts *props,
                      struct vemu_error **errp)
{
    static const char *const none[] = {NULL};

    (void)text;
    return check_switches(origin, props, none, errp);
}

/* Who asks for protection and gets none should know. */
static bool check_sandbox(const char *origin, const char *text, struct opts *props,
                          struct vemu_error **errp)
{
    (void)props;
    return strcmp(text, "off") == 0 ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "%s %.*s is not available yet: system calls are not filtered; use off", origin,
                     QUOTE_MAX, text);
}

static bool check_audiodev(const char *origin, const char *text, struct opts *props,
                           struct vemu_error **errp)
{
    const char *driver = opts_get(props, "driver");

    (void)text;
    return (driver && strcmp(driver, "none") == 0) ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "%s: driver '%.*s' is not available yet; the only one so far is none", origin,
                     QUOTE_MAX, driver ? driver : "");
}

static bool check_vga(const char *origin, const char *text, struct opts *props,
                      struct vemu_error **errp)
{
    (void)props;
    return strcmp(text, "std") == 0 || strcmp(text, "virtio") == 0 || strcmp(text, "none") == 0 ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "%s %.*s is not available yet; use std, virtio or none", origin, QUOTE_MAX,
                     text);
}

static bool check_gdb(const char *origin, const char *text, struct opts *props,
                      struct vemu_error **errp)
{
    const char *port = strrchr(text, ':');
    size_t len = strcspn(text, ",");
    char number[8];
    uint64_t v;

    (void)props;
    if (strcmp(text, "none") == 0 || (strncmp(text, "unix:", 5) == 0 && text[5]))
        return true;
    if (strncmp(text, "tcp:", 4) == 0 && port && port < text + len && port >= text + 4 &&
        (size_t)(text + len - port) <= sizeof number) {
        memcpy(number, port + 1, (size_t)(text + len - port) - 1);
        number[text + len - port - 1] = 0;
        if (number_parse(number, &v) && v <= 65535)
            return true;
    }
    return error_set(errp, VEMU_ERROR_INVALID,
                     "%s: '%.*s' is not a place to wait for gdb; use tcp:HOST:PORT, such as "
                     "tcp::1234, or unix:PATH",
                     origin, QUOTE_MAX, text);
}

static bool check_qtest_log(const char *origin, const char *text, struct opts *props,
                            struct vemu_error **errp)
{
    (void)props;
    return strcmp(text, "none") == 0 || strcmp(text, "/dev/null") == 0 ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "%s %.*s is not available: what a test does is not logged; use none", origin,
                     QUOTE_MAX, text);
}

static bool check_mon(const char *origin, const char *text, struct opts *props,
                      struct vemu_error **errp)
{
    const char *mode = opts_get(props, "mode"), *pretty = opts_get(props, "pretty");
    bool on;

    (void)text;
    if (!opts_get(props, "chardev"))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s needs the back end to talk on: chardev=ID,mode=control", origin);
    if (mode && strcmp(mode, "control") != 0 && strcmp(mode, "readline") != 0)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: mode '%.*s': want control (QMP) or readline (for people)", origin,
                         QUOTE_MAX, mode);
    return !pretty || bool_parse(pretty, &on) ||
           error_set(errp, VEMU_ERROR_INVALID, "%s: pretty '%.*s' is neither on nor off", origin,
                     QUOTE_MAX, pretty);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const char *const memory_props[] = {"size", "slots", "maxmem", NULL};
static const char *const smp_props[] = {"cpus",     "maxcpus", "sockets", "cores",
                                        "threads",  "drawers", "books",   "dies",
                                        "clusters", "modules", NULL};
static const char *const icount_props[] = {"shift",  "sleep",      "align", "rr",
                                           "rrfile", "rrsnapshot", NULL};
static const char *const netdev_repeated[] = {"hostfwd", "guestfwd", "dnssearch", NULL};
static const char *const object_props[] = {
    "qom-type", "id",       "netdev",      "file",     "maxlen",     "data", "format", "keyid",
    "iv",       "prealloc", "size",        "share",    "merge",      "dump", "seal",   "filename",
    "endpoint", "dir",      "verify-peer", "priority", "passwordid", NULL};
static const char *const msg_props[] = {"timestamp", "guest-name", NULL};
static const char *const audiodev_props[] = {"driver", "id", NULL};
static const char *const rtc_props[] = {"base", "clock", "driftfix", NULL};
static const char *const mon_props[] = {"chardev", "mode", "pretty", "id", NULL};
static const char *const pflash_props[] = {"file", "format", "readonly", "unit", NULL};
static const char *const name_props[] = {"guest", "process", "debug-threads", NULL};

#define NONE_KEY(name_, help_)                                                                     \
    {                                                                                              \
        .name = (name_), .shape = CONFIG_SCALAR, .metavar = "none", .example = "none",             \
        .check = check_none, .help = (help_)                                                       \
    }
/* A disk that needs nothing but its file. */
#define SHORT_DRIVE_KEY(name_, example_, help_)                                                    \
    {                                                                                              \
        .name = (name_), .shape = CONFIG_SCALAR, .metavar = "FILE", .example = (example_),         \
        .help = (help_)                                                                            \
    }

static bool check_arch(const char *origin, const char *text, struct opts *props,
                       struct vemu_error **errp)
{
    (void)props;
    return arch_find(text) ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "%s: '%.*s' is not an architecture of guests; there are x86_64, i386, aarch64 "
                     "and arm",
                     origin, QUOTE_MAX, text);
}

const struct config_key config_keys[] = {
    {.name = "arch",
     .shape = CONFIG_SCALAR,
     .check = check_arch,
     .metavar = "ARCH",
     .example = "aarch64",
     .help = "whose guests: x86_64 (the default), i386, aarch64, arm"},
    {.name = "machine",
     .shape = CONFIG_PROPS,
     .implied = "type",
     .question = QUESTION_MACHINES,
     .metavar = "TYPE[,PROP=VALUE...]",
     .example = "q35",
     .help = "machine type and its properties"},
    {.name = "cpu",
     .shape = CONFIG_SCALAR,
     .question = QUESTION_CPUS,
     .metavar = "MODEL[,+FEATURE,-FEATURE...]",
     .example = "max",
     .help = "CPU model, with features added or taken away"},
    {.name = "smp",
     .shape = CONFIG_PROPS,
     .implied = "cpus",
     .props = smp_props,
     .check = check_smp,
     .metavar = "N[,sockets=S,cores=C,threads=T]",
     .example = "4",
     .help = "number of vCPUs (1)"},
    {.name = "memory",
     .shape = CONFIG_PROPS,
     .implied = "size",
     .props = memory_props,
     .check = check_memory,
     .metavar = "SIZE",
     .example = "512M",
     .help = "guest memory; a number alone counts MiB (128M; vemu run without a kernel: 1G)"},
    {.name = "accel",
     .shape = CONFIG_PROPS_LIST,
     .implied = "accel",
     .question = QUESTION_ACCELS,
     .metavar = "NAME[,OPTION=VALUE...]",
     .example = "tcg",
     .help = "accelerator; with several the first that works is taken"},
    {.name = "kernel",
     .shape = CONFIG_SCALAR,
     .metavar = "FILE",
     .example = "/boot/vmlinuz",
     .help = "kernel to start directly: bzImage, PVH or multiboot; for Arm Image, zImage or ELF"},
    {.name = "initrd",
     .shape = CONFIG_SCALAR,
     .metavar = "FILE",
     .example = "/boot/initrd.img",
     .help = "initial RAM disk for the kernel"},
    {.name = "append", .shape = CONFIG_SCALAR, .help = "command line for the kernel"},
    {.name = "dtb",
     .shape = CONFIG_SCALAR,
     .metavar = "FILE",
     .example = "board.dtb",
     .help = "device tree for the kernel"},
    {.name = "bios",
     .shape = CONFIG_SCALAR,
     .metavar = "FILE",
     .example = "bios.bin",
     .help =
         "firmware to start (without -kernel SeaBIOS, on Arm machines QEMU_EFI.fd); none: nothing"},
    {.name = "pflash",
     .shape = CONFIG_PROPS_LIST,
     .implied = "file",
     .props = pflash_props,
     .metavar = "FILE[,format=raw|qcow2][,readonly=on|off][,unit=N]",
     .example = "OVMF_VARS.fd",
     .help = "firmware in flash: unit 0 its code, unit 1 its variables"},
    {.name = "firmware-dir",
     .shape = CONFIG_LIST,
     .metavar = "DIR",
     .example = "/usr/local/share/firmware",
     .help = "look for firmware files there first"},
    {.name = "serial",
     .shape = CONFIG_LIST,
     .question = QUESTION_CHARDEVS,
     .metavar = "BACKEND",
     .example = "stdio",
     .help = "back end of the next serial port"},
    {.name = "chardev",
     .shape = CONFIG_PROPS_LIST,
     .implied = "backend",
     .question = QUESTION_CHARDEVS,
     .metavar = "BACKEND,id=ID[,KEY=VALUE...]",
     .example = "stdio,id=con",
     .help = "character back end for devices to refer to"},
    {.name = "device",
     .shape = CONFIG_PROPS_LIST,
     .implied = "driver",
     .question = QUESTION_DEVICES,
     .metavar = "CLASS[,PROP=VALUE...]",
     .example = "isa-debug-exit",
     .help = "add a device"},
    {.name = "disk",
     .shape = CONFIG_PROPS_LIST,
     .implied = "file",
     .props = disks_disk_props,
     .check = disks_check_disk,
     .metavar = "FILE[,size=SIZE][,KEY=VALUE...]",
     .example = "disk.qcow2,size=20G",
     .help = "disk; one that is not there yet is made when its size is given"},
    {.name = "drive",
     .shape = CONFIG_PROPS_LIST,
     .props = disks_drive_props,
     .check = disks_check_drive,
     .metavar = "file=FILE[,if=ide|virtio|none][,media=cdrom][,KEY=VALUE...]",
     .example = "file=disk.qcow2,if=virtio",
     .help = "disk image; with if=none for a device to refer to by id=ID"},
    SHORT_DRIVE_KEY("cdrom", "debian.iso", "image of a CD or DVD, in a drive with index 2"),
    SHORT_DRIVE_KEY("hda", "disk.qcow2", "disk with IDE or SATA, as -drive index=0"),
    SHORT_DRIVE_KEY("hdb", "disk.qcow2", "the same with index=1"),
    SHORT_DRIVE_KEY("hdc", "disk.qcow2", "the same with index=2"),
    SHORT_DRIVE_KEY("hdd", "disk.qcow2", "the same with index=3"),
    {.name = "blockdev",
     .shape = CONFIG_PROPS_LIST,
     .implied = "driver",
     .check = disks_check_blockdev,
     .metavar = "DRIVER,node-name=NAME[,KEY=VALUE...]",
     .example = "driver=qcow2,node-name=disk0,file.driver=file,file.filename=disk.qcow2",
     .help = "disk image for a device to refer to; also as a JSON object"},
    {.name = "netdev",
     .shape = CONFIG_PROPS_LIST,
     .implied = "type",
     .repeated = netdev_repeated,
     .question = QUESTION_NETDEVS,
     .metavar = "TYPE,id=ID[,KEY=VALUE...]",
     .example = "user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22",
     .help = "network back end for a device to refer to by netdev=ID"},
    {.name = "nic",
     .shape = CONFIG_PROPS_LIST,
     .implied = "type",
     .repeated = netdev_repeated,
     .question = QUESTION_NETDEVS,
     .metavar = "TYPE[,model=DEVICE][,mac=ADDRESS][,KEY=VALUE...]",
     .example = "user,hostfwd=tcp:127.0.0.1:2222-:22",
     .help = "network device and its back end in one; none: no network"},
    {.name = "object",
     .shape = CONFIG_PROPS_LIST,
     .implied = "qom-type",
     .props = object_props,
     .check = check_object,
     .metavar = "TYPE,id=ID[,KEY=VALUE...]",
     .example = "filter-dump,id=dump0,netdev=net0,file=net0.pcap",
     .help = "filter-dump: capture a network's frames into a pcap file; memory-backend-ram: memory "
             "for -machine memory-backend=; rng-random,filename=FILE and rng-builtin: random "
             "numbers for virtio-rng-pci,rng=ID; secret,file=FILE|data=TEXT: a password or key; "
             "tls-creds-x509,dir=DIR and tls-creds-anon: TLS for -vnc tls-creds=ID"},
    {.name = "overcommit",
     .shape = CONFIG_PROPS,
     .props = overcommit_props,
     .check = check_overcommit,
     .metavar = "mem-lock=off,cpu-pm=off",
     .example = "mem-lock=off",
     .help = "accepted: guest memory is not locked, and idle vCPUs sleep"},
    {.name = "sandbox",
     .shape = CONFIG_SCALAR,
     .check = check_sandbox,
     .metavar = "off",
     .example = "off",
     .help = "accepted: system calls are not filtered yet"},
    {.name = "msg",
     .shape = CONFIG_PROPS,
     .props = msg_props,
     .check = check_msg,
     .metavar = "timestamp=on|off",
     .example = "timestamp=on",
     .help = "accepted: sentences carry no time"},
    {.name = "audiodev",
     .shape = CONFIG_PROPS_LIST,
     .implied = "driver",
     .props = audiodev_props,
     .check = check_audiodev,
     .metavar = "none,id=ID",
     .example = "none,id=audio1",
     .help = "none: there is no sound yet"},
    {.name = "usb",
     .shape = CONFIG_FLAG,
     .metavar = "on|off",
     .example = "on",
     .help = "on: a USB controller, unless a device is one"},
    {.name = "usbdevice",
     .shape = CONFIG_LIST,
     .check = usb_check_device,
     .metavar = "keyboard|mouse|tablet|hub|auto",
     .example = "tablet",
     .help = "USB device, with a controller if there is none; auto: a tablet where a screen is "
             "shown"},
    {.name = "reboot",
     .shape = CONFIG_FLAG,
     .metavar = "on|off",
     .example = "off",
     .help = "off: a guest's reset ends the machine"},
    {.name = "shutdown",
     .shape = CONFIG_FLAG,
     .metavar = "on|off",
     .example = "off",
     .help = "off: keep a machine that powered off, stopped"},
    {.name = "start",
     .shape = CONFIG_FLAG,
     .metavar = "on|off",
     .example = "off",
     .help = "off: wait for a debugger or a resume before the first instruction"},
    {.name = "defaults",
     .shape = CONFIG_FLAG,
     .metavar = "on|off",
     .example = "off",
     .help = "off: no devices and back ends but those asked for"},
    {.name = "icount",
     .shape = CONFIG_PROPS,
     .implied = "shift",
     .props = icount_props,
     .check = check_icount,
     .metavar = "shift=N[,sleep=on|off]",
     .example = "shift=3,sleep=off",
     .help = "virtual time counts instructions, 2^N ns each; runs repeat exactly"},
    {.name = "rtc",
     .shape = CONFIG_PROPS,
     .props = rtc_props,
     .check = check_rtc,
     .metavar = "base=utc|localtime|DATETIME[,clock=host|vm]",
     .example = "base=utc",
     .help = "what the real-time clock shows at the start"},
    {.name = "name",
     .shape = CONFIG_PROPS,
     .implied = "guest",
     .props = name_props,
     .metavar = "NAME",
     .example = "web1",
     .help = "name of the guest"},
    {.name = "uuid",
     .shape = CONFIG_SCALAR,
     .check = check_uuid,
     .metavar = "UUID",
     .example = "12345678-1234-1234-1234-123456789abc",
     .help = "UUID of the guest"},
    {.name = "control",
     .shape = CONFIG_SCALAR,
     .metavar = "PATH|none",
     .example = "vm1.sock",
     .help = "unix socket that speaks QMP with several clients"},
    {.name = "qmp",
     .shape = CONFIG_LIST,
     .question = QUESTION_CHARDEVS,
     .metavar = "BACKEND",
     .example = "unix:vm1.qmp,server=on,wait=off",
     .help = "speak QMP on a back end of its own"},
    {.name = "qmp-pretty",
     .shape = CONFIG_LIST,
     .question = QUESTION_CHARDEVS,
     .metavar = "BACKEND",
     .example = "stdio",
     .help = "the same with replies for people to read"},
    {.name = "mon",
     .shape = CONFIG_PROPS_LIST,
     .implied = "chardev",
     .props = mon_props,
     .check = check_mon,
     .metavar = "chardev=ID[,mode=control|readline][,pretty=on]",
     .example = "chardev=ctl,mode=control",
     .help = "speak QMP on a chardev, or be a monitor for people there"},
    {.name = "qtest",
     .shape = CONFIG_SCALAR,
     .question = QUESTION_CHARDEVS,
     .metavar = "BACKEND",
     .example = "unix:test.sock",
     .help = "take the accesses of a device test from there; see -accel qtest"},
    {.name = "qtest-log",
     .shape = CONFIG_SCALAR,
     .check = check_qtest_log,
     .metavar = "none",
     .example = "none",
     .help = "accepted: what a test does is not logged"},
    {.name = "pidfile",
     .shape = CONFIG_SCALAR,
     .metavar = "FILE",
     .example = "vm1.pid",
     .help = "write the process' number there"},
    {.name = "daemonize",
     .shape = CONFIG_FLAG,
     .metavar = "on|off",
     .example = "on",
     .help = "on: go to the background once the machine is made"},
    {.name = "gdb",
     .shape = CONFIG_SCALAR,
     .check = check_gdb,
     .metavar = "tcp:HOST:PORT|unix:PATH",
     .example = "tcp::1234",
     .help = "wait for gdb there"},
    {.name = "log",
     .shape = CONFIG_SCALAR,
     .question = QUESTION_LOG_ITEMS,
     .metavar = "ITEM[,ITEM...]",
     .example = "in_asm,int",
     .help = "what to log"},
    {.name = "logfile",
     .shape = CONFIG_SCALAR,
     .metavar = "FILE",
     .example = "vemu.log",
     .help = "write the log there instead of to standard error"},
    {.name = "jit-cache",
     .shape = CONFIG_SCALAR,
     .check = check_jit_cache,
     .metavar = "off|ro|rw",
     .example = "rw",
     .help = "translated code from earlier runs: not, used, or used and saved (off)"},
    {.name = "jit-cache-dir",
     .shape = CONFIG_SCALAR,
     .metavar = "DIR",
     .example = "cache",
     .help = "where it is saved"},
    {.name = "perfmap",
     .shape = CONFIG_FLAG,
     .metavar = "on|off",
     .example = "on",
     .help = "on: name translated code for perf in /tmp/perf-PID.map"},
    {.name = "boot",
     .shape = CONFIG_PROPS,
     .implied = "order",
     .props = boot_props,
     .check = boot_check,
     .metavar = "[order=LETTERS][,once=LETTERS][,menu=on|off][,KEY=VALUE...]",
     .example = "order=dc,menu=on",
     .help = "what firmware starts: c disk, d CD-ROM, n network, a floppy; once: until a reset"},
    {.name = "keyboard",
     .shape = CONFIG_SCALAR,
     .metavar = "LAYOUT",
     .example = "en-us",
     .help = "layout of the guest's keyboard, for VNC viewers that send no scan codes: en-us, de, "
             "fr-ch, us(dvorak)"},
    {.name = "display",
     .shape = CONFIG_PROPS,
     .implied = "type",
     .check = screens_check_display,
     .metavar = "none|vnc[=ADDRESS]|sdl[,KEY=VALUE...]",
     .example = "vnc",
     .help = "how the screen is shown; vnc: on 127.0.0.1:5900 or the next free port; sdl: in a "
             "window, with full-screen, window-close, show-cursor=on|off, grab-mod=MOD, gl=off"},
    {.name = "vnc",
     .shape = CONFIG_PROPS_LIST,
     .implied = "address",
     .check = screens_check_vnc,
     .metavar = "HOST:N|unix:PATH|fd:N|none[,to=N][,password=on|off][,password-secret=ID]"
                "[,username=NAME][,tls-creds=ID][,websocket=on|PORT|HOST:PORT][,share=POLICY]"
                "[,KEY=VALUE...]",
     .example = "127.0.0.1:0",
     .help = "VNC server there, on port 5900 + N; password-secret, tls-creds: ids of -object; "
             "share: allow-exclusive, force-shared, ignore"},
    {.name = "clipboard",
     .shape = CONFIG_SCALAR,
     .check = agent_check,
     .metavar = "on|off|auto",
     .example = "off",
     .help = "copy text from and to the guest, by its spice-vdagent; auto: with a screen"},
    {.name = "vga",
     .shape = CONFIG_SCALAR,
     .check = check_vga,
     .metavar = "std|virtio|none",
     .example = "std",
     .help = "graphics adapter (std when firmware starts)"},
    {.name = "monitor",
     .shape = CONFIG_SCALAR,
     .question = QUESTION_CHARDEVS,
     .metavar = "BACKEND|chardev:ID|auto|none",
     .example = "vc",
     .help = "a monitor for people on a back end of its own; auto: vc; more by mon"},
    NONE_KEY("parallel", "none: there is no parallel port yet"),
    NONE_KEY("audio", "none: there is no sound yet"),
    {.name = NULL},
};

const struct config_key *config_key_find(const char *name)
{
    for (const struct config_key *k = config_keys; k->name; k++) {
        if (strcmp(k->name, name) == 0)
            return k;
    }
    return NULL;
}
