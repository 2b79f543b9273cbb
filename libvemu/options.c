/* The option table and the parser of argument vectors and option strings: see options.h. */
#include "libvemu/options.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/opts.h"
#include "libvemu/config.h"
#include "libvemu/text.h"

enum { QUOTE_MAX = 80, SPELLING_MAX = 48 };

#define GROUP(title)                                                                               \
    {                                                                                              \
        .action = OPTION_GROUP, .help = (title)                                                    \
    }

const struct option_desc option_table[] = {
    GROUP("Machine"),
    {.run = "arch", .key = "arch"},
    {.run = "machine", .system = "M", .aliases = "M|machine", .key = "machine"},
    {.run = "cpu", .system = "cpu", .key = "cpu"},
    {.run = "cpus", .system = "smp", .aliases = "smp|cpus", .key = "smp"},
    {.run = "memory", .system = "m", .aliases = "m|memory", .key = "memory"},
    {.run = "accel", .system = "accel", .key = "accel"},
    {.system = "enable-kvm",
     .action = OPTION_FIXED,
     .key = "accel",
     .value = "kvm",
     .help = "the same as -accel kvm"},
    {.run = "icount", .system = "icount", .key = "icount"},
    {.run = "name", .system = "name", .key = "name"},
    {.run = "uuid", .system = "uuid", .key = "uuid"},
    {.run = "rtc", .system = "rtc", .key = "rtc"},
    GROUP("What to start"),
    {.run = "kernel", .system = "kernel", .key = "kernel"},
    {.run = "initrd", .system = "initrd", .key = "initrd"},
    {.run = "append", .system = "append", .key = "append", .metavar = "TEXT"},
    {.run = "bios", .system = "bios", .key = "bios"},
    {.run = "pflash", .system = "pflash", .key = "pflash"},
    {.run = "firmware-dir", .system = "L", .aliases = "L", .key = "firmware-dir"},
    {.run = NULL, .system = NULL, .aliases = "dtb", .key = "dtb"},
    {.run = "boot", .system = "boot", .key = "boot"},
    GROUP("Disks"),
    {.run = "disk", .system = "disk", .key = "disk"},
    {.run = "drive", .system = "drive", .key = "drive"},
    {.run = "cdrom", .system = "cdrom", .key = "cdrom"},
    {.run = "hda", .system = "hda", .key = "hda"},
    {.run = "hdb", .system = "hdb", .key = "hdb"},
    {.run = "hdc", .system = "hdc", .key = "hdc"},
    {.run = "hdd", .system = "hdd", .key = "hdd"},
    {.run = "blockdev", .system = "blockdev", .key = "blockdev"},
    GROUP("Devices and consoles"),
    {.run = "device", .system = "device", .key = "device"},
    {.run = "chardev", .system = "chardev", .key = "chardev"},
    {.run = "serial", .system = "serial", .key = "serial"},
    {.run = "no-defaults",
     .system = "nodefaults",
     .aliases = "no-defaults",
     .action = OPTION_FIXED,
     .key = "defaults",
     .value = "off",
     .help = "no devices and back ends but those asked for"},
    {.system = "nographic",
     .action = OPTION_FIXED,
     .key = "display",
     .value = "none",
     .help = "no display; the first serial port is this terminal"},
    {.run = "display", .system = "display", .key = "display"},
    {.run = "full-screen",
     .system = "full-screen",
     .action = OPTION_FIXED,
     .key = "display.full-screen",
     .value = "on",
     .help = "the same as -display sdl,full-screen=on"},
    {.aliases = "sdl",
     .action = OPTION_FIXED,
     .key = "display.type",
     .value = "sdl",
     .help = "the same as -display sdl"},
    {.aliases = "no-quit",
     .action = OPTION_FIXED,
     .key = "display.window-close",
     .value = "off",
     .help = "the same as -display sdl,window-close=off"},
    {.aliases = "alt-grab",
     .action = OPTION_FIXED,
     .key = "display.grab-mod",
     .value = "lshift-lctrl-lalt",
     .help = "the same as -display sdl,grab-mod=lshift-lctrl-lalt"},
    {.aliases = "ctrl-grab",
     .action = OPTION_FIXED,
     .key = "display.grab-mod",
     .value = "rctrl",
     .help = "the same as -display sdl,grab-mod=rctrl"},
    {.run = "vnc", .system = "vnc", .key = "vnc"},
    {.run = "clipboard", .key = "clipboard"},
    {.system = "vga", .key = "vga"},
    {.run = "netdev", .system = "netdev", .key = "netdev"},
    {.run = "net", .key = "nic", .value = "model=virtio"},
    {.system = "nic", .key = "nic"},
    {.run = "object", .system = "object", .key = "object"},
    {.run = "usb",
     .system = "usb",
     .action = OPTION_FIXED,
     .key = "usb",
     .value = "on",
     .help = "a USB controller, unless a device is one"},
    {.run = "usbdevice", .system = "usbdevice", .key = "usbdevice"},
    {.system = "parallel", .key = "parallel"},
    {.system = "audio", .key = "audio"},
    {.system = "audiodev", .key = "audiodev"},
    {.system = "no-hpet",
     .action = OPTION_FIXED,
     .key = "machine.hpet",
     .value = "off",
     .help = "the same as -machine hpet=off"},
    {.system = "no-acpi",
     .action = OPTION_FIXED,
     .key = "machine.acpi",
     .value = "off",
     .help = "the same as -machine acpi=off"},
    {.run = "keyboard", .system = "k", .key = "keyboard"},
    {.aliases = "no-user-config|nouserconfig", .action = OPTION_IGNORE, .help = ""},
    GROUP("Running"),
    {.run = "no-reboot",
     .system = "no-reboot",
     .action = OPTION_FIXED,
     .key = "reboot",
     .value = "off",
     .help = "leave when the guest resets instead of starting it again"},
    {.run = "no-shutdown",
     .system = "no-shutdown",
     .action = OPTION_FIXED,
     .key = "shutdown",
     .value = "off",
     .help = "stay, stopped, when the guest powers off"},
    {.run = "control", .system = "control", .key = "control"},
    {.run = "monitor", .system = "monitor", .key = "monitor"},
    {.run = "qmp", .system = "qmp", .key = "qmp"},
    {.system = "qtest", .key = "qtest"},
    {.system = "qtest-log", .key = "qtest-log"},
    {.system = "qmp-pretty", .key = "qmp-pretty"},
    {.system = "mon", .key = "mon"},
    {.system = "msg", .key = "msg"},
    {.system = "sandbox", .key = "sandbox"},
    {.system = "overcommit", .key = "overcommit"},
    {.run = "pidfile", .system = "pidfile", .key = "pidfile"},
    {.run = "daemonize",
     .system = "daemonize",
     .action = OPTION_FIXED,
     .key = "daemonize",
     .value = "on",
     .help = "go to the background once the machine is made"},
    {.run = "jit-cache", .system = "jit-cache", .key = "jit-cache"},
    {.run = "jit-cache-dir", .system = "jit-cache-dir", .key = "jit-cache-dir"},
    GROUP("Debugging"),
    {.run = "wait-gdb",
     .system = "S",
     .aliases = "S|wait-gdb",
     .action = OPTION_FIXED,
     .key = "start",
     .value = "off",
     .help = "do not start before a debugger says so"},
    {.run = "gdb", .system = "gdb", .key = "gdb"},
    {.run = NULL,
     .system = "s",
     .aliases = "s",
     .action = OPTION_FIXED,
     .key = "gdb",
     .value = "tcp::1234",
     .help = "the same as -gdb tcp::1234"},
    {.run = "d", .system = "d", .aliases = "log", .key = "log"},
    {.run = "D", .system = "D", .aliases = "logfile", .key = "logfile"},
    {.run = "perfmap",
     .system = "perfmap",
     .action = OPTION_FIXED,
     .key = "perfmap",
     .value = "on",
     .help = "name translated code for perf in /tmp/perf-PID.map"},
    GROUP("Help"),
    {.run = "help",
     .system = "h",
     .aliases = "h|help",
     .action = OPTION_HELP,
     .help = "this list; `help` as the value of an option lists its values"},
    {.run = "version",
     .system = "version",
     .action = OPTION_VERSION,
     .help = "the version of vemu"},
    {.run = NULL},
};

const struct option_missing option_missing_table[] = {
    {"fda|fdb|no-fd-bootchk", "there is no floppy drive so far"},
    {"sd|mtdblock|snapshot", "use -drive file=FILE"},
    {"net-bridge|smb|tftp|redir", "see -netdev help for what replaces it"},
    {"show-cursor", "use -display sdl,show-cursor=on"},
    {"spice|gtk|curses|g|no-frame|rotate|portrait|win2k-hack", "use -display vnc or -display sdl"},
    {"soundhw", "there is no sound so far"},
    {"watchdog|watchdog-action", "there is no watchdog so far"},
    {"singlestep|one-insn-per-tb|tb-size", "see -accel tcg,one-insn= and tb-size="},
    {"incoming|loadvm|only-migratable|dump-vmstate",
     "a program saves and loads a machine through libvemu"},
    {"numa|mem-path|mem-prealloc", "give the memory's size alone, such as -m 512M"},
    {"virtfs|fsdev|tpmdev|iscsi|secret|run-with|runas|chroot", NULL},
    {"acpitable|smbios|option-rom|fw_cfg|prom-env|global|set|readconfig|writeconfig|add-fd|compat",
     NULL},
    {"acpi", "the machine's properties are listed by -machine help"},
    {"trace|plugin|jitdump|dfilter|seed|preconfig|semihosting|semihosting-config|"
     "realtime|echr|virtioconsole|bt|balloon|clock|localtime|startdate|xen-domid|xen-attach|"
     "xen-domid-restrict|enable-sync-profile|enable-fips|action|no-kvm|tdf|hax",
     NULL},
    {NULL, NULL},
};

/* ---- finding an option ----------------------------------------------------------------------- */

/* Is name one of "a|b|c"? */
static bool listed(const char *names, const char *name)
{
    size_t len = strlen(name);

    while (names && *names) {
        size_t n = strcspn(names, "|");
        if (n == len && memcmp(names, name, n) == 0)
            return true;
        names += n + (names[n] == '|');
    }
    return false;
}

static const struct option_desc *find_option(const char *name)
{
    for (const struct option_desc *o = option_table; o->help || o->key; o++) {
        if (o->action == OPTION_GROUP)
            continue;
        if ((o->run && strcmp(o->run, name) == 0) || (o->system && strcmp(o->system, name) == 0) ||
            listed(o->aliases, name))
            return o;
    }
    return NULL;
}

static bool unknown_option(const char *written, const char *name, struct vemu_error **errp)
{
    const char *dashes = written[1] == '-' ? "--" : "-";
    struct text_closest closest;

    for (const struct option_missing *m = option_missing_table; m->names; m++) {
        if (!listed(m->names, name))
            continue;
        return m->hint ? error_set(errp, VEMU_ERROR_UNSUPPORTED, "%s%s is not available yet: %s",
                                   dashes, name, m->hint)
                       : error_set(errp, VEMU_ERROR_UNSUPPORTED, "%s%s is not available yet",
                                   dashes, name);
    }
    text_closest_init(&closest, name);
    for (const struct option_desc *o = option_table; o->help || o->key; o++) {
        if (o->run)
            text_closest_try(&closest, o->run);
        if (o->system)
            text_closest_try(&closest, o->system);
    }
    if (closest.best && strlen(closest.best) > 1)
        return error_set(errp, VEMU_ERROR_INVALID, "%s%.*s is not an option; did you mean %s%s?",
                         dashes, QUOTE_MAX, name, dashes, closest.best);
    return error_set(errp, VEMU_ERROR_INVALID,
                     "%s%.*s is not an option; %shelp lists what there is", dashes, QUOTE_MAX, name,
                     dashes);
}

/* ---- parsing --------------------------------------------------------------------------------- */

/* Sets a list's new node from an option's argument, with the property that this option adds. */
static bool set_with(struct vemu_config *cfg, const struct option_desc *o, const char *value,
                     const char *origin, struct vemu_error **errp)
{
    size_t name = strcspn(o->value, "=");
    struct text t = {0};
    struct opts opts;
    bool has = false, ok;

    if (!opts_parse(&opts, origin, "", value, errp))
        return false;
    for (unsigned i = 0; i < opts.count; i++)
        has |= strlen(opts.items[i].key) == name && !memcmp(opts.items[i].key, o->value, name);
    opts_free(&opts);
    if (has || strcmp(value, "help") == 0)
        return config_set(cfg, o->key, value, origin, true, errp);
    text_add(&t, "%s,%s", value, o->value);
    ok = t.data ? config_set(cfg, o->key, t.data, origin, true, errp)
                : error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    free(t.data);
    return ok;
}

static bool apply(struct vemu_config *cfg, const struct option_desc *o, const char *value,
                  const char *origin, struct vemu_error **errp)
{
    const struct config_key *k = o->key ? config_key_find(o->key) : NULL;

    switch (o->action) {
    case OPTION_HELP:
        config_ask(cfg, QUESTION_OPTIONS, NULL);
        return true;
    case OPTION_VERSION:
        config_ask(cfg, QUESTION_VERSION, NULL);
        return true;
    case OPTION_SET:
        if (o->value)
            return set_with(cfg, o, value, origin, errp);
        /* fall through */
    case OPTION_FIXED:
        return config_set(cfg, o->key, value, origin,
                          k && (k->shape == CONFIG_LIST || k->shape == CONFIG_PROPS_LIST), errp);
    case OPTION_GROUP:
    case OPTION_IGNORE:
        break;
    }
    return true;
}

static bool needs_value(const struct option_desc *o, const char *origin, struct vemu_error **errp)
{
    const struct config_key *k = config_key_find(o->key);
    const char *metavar = o->metavar ? o->metavar : k->metavar;

    if (!k->example)
        return error_set(errp, VEMU_ERROR_INVALID, "%s needs a value: %s", origin, metavar);
    return error_set(errp, VEMU_ERROR_INVALID, "%s needs a value: %s, such as %s %s", origin,
                     metavar, origin, k->example);
}

/* A word that is no option is a disk image: disk file=WORD, commas and all. */
static bool add_image(struct vemu_config *cfg, const char *path, struct vemu_error **errp)
{
    struct text t = {0};
    bool ok;

    text_add(&t, "file=");
    for (const char *p = path; *p; p++)
        text_add(&t, *p == ',' ? ",," : "%c", *p);
    ok = t.data ? config_set(cfg, "disk", t.data, path, true, errp)
                : error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    free(t.data);
    return ok;
}

/* The option at argv[*i], with its value; *i is moved to the last word used. */
static bool parse_option(struct vemu_config *cfg, int argc, const char *const *argv, int *i,
                         struct vemu_error **errp)
{
    const char *written = argv[*i], *name = written + 1, *equals, *value = NULL;
    const struct option_desc *o;
    char spelling[SPELLING_MAX], origin[SPELLING_MAX + 2];

    if (written[0] != '-')
        return add_image(cfg, written, errp);
    if (!written[1])
        return error_set(errp, VEMU_ERROR_INVALID,
                         "'-' is neither an option nor a disk image: options begin with a dash and "
                         "have a name");
    if (*name == '-')
        name++;
    equals = written[1] == '-' ? strchr(name, '=') : NULL;
    if (equals && (size_t)(equals - name) < sizeof spelling) {
        memcpy(spelling, name, (size_t)(equals - name));
        spelling[equals - name] = 0;
        name = spelling;
        value = equals + 1;
    }
    o = find_option(name);
    if (!o)
        return unknown_option(written, name, errp);
    origin[0] = origin[1] = '-';
    strcpy(origin + (written[1] == '-' ? 2 : 1), name);
    if (o->action != OPTION_SET) {
        if (value)
            return error_set(errp, VEMU_ERROR_INVALID, "%s takes no value, but got '%.*s'", origin,
                             QUOTE_MAX, value);
        return apply(cfg, o, o->value, origin, errp);
    }
    if (!value) {
        if (*i + 1 >= argc)
            return needs_value(o, origin, errp);
        value = argv[++*i];
    }
    return apply(cfg, o, value, origin, errp);
}

bool vemu_config_parse_args(struct vemu_config *cfg, int argc, const char *const *argv,
                            struct vemu_error **errp)
{
    for (int i = 0; i < argc; i++) {
        if (!parse_option(cfg, argc, argv, &i, errp))
            return false;
    }
    return true;
}

/* ---- option strings -------------------------------------------------------------------------- */

/* Cut one word out of *text into out (room for all of it); false at the end. *bad: a quote is open.
 */
static bool next_word(const char **text, char *out, bool *bad)
{
    const char *p = *text;
    char quote = 0;

    for (;;) {
        p += strspn(p, " \t\r\n");
        if (*p != '#')
            break;
        p += strcspn(p, "\n");
    }
    *text = p;
    if (!*p)
        return false;
    for (; *p && (quote || !strchr(" \t\r\n", *p)); p++) {
        if (quote ? *p == quote : *p == '\'' || *p == '"')
            quote = quote ? 0 : *p;
        else if (*p == '\\' && quote != '\'' && p[1])
            *out++ = *++p;
        else
            *out++ = *p;
    }
    *out = 0;
    *text = p;
    *bad = quote != 0;
    return !*bad;
}

bool vemu_config_parse(struct vemu_config *cfg, const char *text, struct vemu_error **errp)
{
    size_t room = strlen(text) + 1;
    /* Every word takes its bytes and an end from the text's own bytes, so one buffer holds all. */
    char *words = malloc(room), *out = words;
    const char **argv = malloc((room / 2 + 1) * sizeof *argv);
    const char *p = text;
    int argc = 0;
    bool bad = false, ok;

    if (!words || !argv) {
        free(words);
        free(argv);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    }
    while (next_word(&p, out, &bad)) {
        argv[argc++] = out;
        out += strlen(out) + 1;
    }
    ok = bad ? error_set(errp, VEMU_ERROR_INVALID, "a quote is not closed in '%.*s'", QUOTE_MAX,
                         text)
             : vemu_config_parse_args(cfg, argc, argv, errp);
    free(words);
    free(argv);
    return ok;
}
