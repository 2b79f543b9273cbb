/* Answers to questions: lists of options, machines, devices and the like, from their tables. */
#include <stdio.h>
#include <string.h>
#include <vemu/version.h>

#include "core/device/device.h"
#include "core/util/range.h"
#include "core/util/size.h"
#include "hw/board.h"
#include "libvemu/arch.h"
#include "libvemu/config.h"
#include "libvemu/options.h"
#include "libvemu/text.h"

enum { COLUMN = 34 };

/* "  left            right", the right part on a line of its own when the left one is long. */
static void add_row(struct text *t, const char *left, const char *right)
{
    if (strlen(left) + 4 > COLUMN)
        text_add(t, "  %s\n%*s%s\n", left, COLUMN, "", right);
    else
        text_add(t, "  %-*s%s\n", COLUMN - 2, left, right);
}

static void add_options(struct text *t, enum vemu_config_style style)
{
    const char *dashes = style == VEMU_CONFIG_RUN ? "--" : "-";

    for (const struct option_desc *o = option_table; o->help || o->key; o++) {
        const char *name = style == VEMU_CONFIG_RUN ? o->run : o->system;
        const struct config_key *k = o->key ? config_key_find(o->key) : NULL;
        const char *help = o->help ? o->help : k ? k->help : "", *metavar = "";
        char left[80];

        if (o->action == OPTION_GROUP) {
            text_add(t, "\n%s\n", o->help);
            continue;
        }
        if (!name)
            continue;
        if (o->action == OPTION_SET)
            metavar = o->metavar ? o->metavar : k->metavar;
        snprintf(left, sizeof left, "%s%s%s%s", strlen(name) == 1 ? "-" : dashes, name,
                 *metavar ? " " : "", metavar);
        add_row(t, left, help);
    }
}

static void add_general(struct text *t, enum vemu_config_style style)
{
    if (style == VEMU_CONFIG_RUN)
        text_add(t, "Usage: vemu run [IMAGE...] [option...]\n\n"
                    "Starts a machine and connects its first serial port to this terminal.\n"
                    "Ctrl-A x leaves, Ctrl-A h shows the other keys.\n");
    else
        text_add(t, "Usage: vemu-system-ARCH [option...] [IMAGE]\n\n"
                    "Starts a machine with the options that users of other emulators know.\n"
                    "Ctrl-A x leaves, Ctrl-A h shows the other keys.\n");
    add_options(t, style);
    text_add(t, "\nOptions may be written with one dash or two.\n");
}

static void add_machines(struct text *t, const struct arch_desc *arch)
{
    text_add(t, "Machine types:\n");
    arch_for_each_board(b, arch, board_classes) add_row(t, (*b)->name, (*b)->help);
    arch_for_each_board(b, arch, board_classes)
    {
        if ((*b)->versioned)
            text_add(t, "%s is %s by a name that stays.\n", (*b)->versioned, (*b)->name);
    }
    text_add(t, "The default is %s. -machine TYPE,help lists a type's properties.\n",
             arch->machine);
}

static const char *const prop_metavars[] = {
    [PROP_BOOL] = "on|off", [PROP_U8] = "N",      [PROP_U16] = "N",       [PROP_U32] = "N",
    [PROP_U64] = "N",       [PROP_SIZE] = "SIZE", [PROP_STRING] = "TEXT", [PROP_CHARDEV] = "ID",
    [PROP_DRIVE] = "ID",    [PROP_NETDEV] = "ID", [PROP_MAC] = "ADDRESS", [PROP_ENUM] = "NAME",
};

static void add_props(struct text *t, const struct prop_desc *props)
{
    for (const struct prop_desc *p = props; p && p->name; p++) {
        char left[80], right[160];

        snprintf(left, sizeof left, "%s=%s", p->name, prop_metavars[p->type]);
        if (p->default_value)
            snprintf(right, sizeof right, "%s (%s)", p->help ? p->help : "", p->default_value);
        else
            snprintf(right, sizeof right, "%s", p->help ? p->help : "");
        add_row(t, left, right);
        if (p->type != PROP_ENUM || !p->enum_names)
            continue;
        text_add(t, "%*sone of:", COLUMN, "");
        for (const char *const *name = p->enum_names; *name; name++)
            text_add(t, " %s", *name);
        text_add(t, "\n");
    }
}

static void add_machine_props(struct text *t, const struct arch_desc *arch, const char *name)
{
    arch_for_each_board(b, arch, board_classes)
    {
        if (strcmp((*b)->name, name) != 0)
            continue;
        text_add(t, "Properties of machine type %s:\n", name);
        add_props(t, (*b)->props);
        return;
    }
    text_add(t, "'%s' is not a machine type.\n", name);
    add_machines(t, arch);
}

static void add_cpus(struct text *t, const struct arch_desc *arch)
{
    text_add(t, "CPU models (append ,+FEATURE or ,-FEATURE to change one):\n");
    for (const char *const *name = arch->cpu_models(); *name; name++)
        text_add(t, "  %s\n", *name);
}

static void add_devices(struct text *t)
{
    text_add(t, "Devices:\n");
    for (const struct device_class *const *c = device_classes; *c; c++) {
        if ((*c)->user_creatable)
            add_row(t, (*c)->name, (*c)->help ? (*c)->help : "");
    }
    text_add(t, "-device CLASS,help lists a device's properties.\n");
}

static void add_device_props(struct text *t, const char *name)
{
    for (const struct device_class *const *c = device_classes; *c; c++) {
        if (strcmp((*c)->name, name) != 0 || !(*c)->user_creatable)
            continue;
        text_add(t, "Properties of device %s:\n", name);
        add_row(t, "id=NAME", "name of this device");
        add_props(t, (*c)->props);
        return;
    }
    text_add(t, "'%s' is not a device.\n", name);
    add_devices(t);
}

static void add_pairs(struct text *t, const char *title, const char *const (*rows)[2], size_t n)
{
    text_add(t, "%s\n", title);
    for (size_t i = 0; i < n; i++)
        add_row(t, rows[i][0], rows[i][1]);
}

static const char *const accel_rows[][2] = {
    {"tcg", "translates guest code to host code"},
    {"  thread=multi", "a host thread for each vCPU"},
    {"  backend=jit|interp", "compile, or interpret the translated form"},
    {"  tb-size=N", "MiB for translated code"},
    {"  count=on|off", "count what runs; the counters end the log"},
    {"  one-insn=on|off", "translate each instruction by itself"},
    {"  baseline=on|off", "use no more of the host than every host of the back end has"},
    {"  verify=on|off", "check each translation's intermediate form"},
    {"  tier2=on|off|sync", "translate hot code again, better; sync: at once, for tests"},
    {"  tier2-threshold=N", "how often code is seen running before it is hot"},
    {"  jit-cache=off|ro|rw", "use what was translated before; rw: and save what was not"},
    {"  jit-cache-dir=DIR", "where it is saved"},
    {"  perfmap=on|off", "name translated code for perf in /tmp/perf-PID.map"},
    {"kvm", "the host's processor runs the guest; kvm:tcg (-machine accel=) translates without it"},
    {"  kernel-irqchip=on|split|off",
     "interrupt controllers in the kernel: all, local APICs, none"},
    {"  kernel-pit=on|off", "the PIT in the kernel, too, where all interrupt controllers are"},
    {"  dirty-ring-size=N", "written pages by rings of N entries, not by bitmaps"},
    {"  kick-signal=N", "the real-time signal that gets its threads out of the kernel"},
    {"qtest", "runs nothing and steps the clock: for device tests, with -qtest"},
};
static const char *const chardev_rows[][2] = {
    {"stdio", "this terminal; Ctrl-A x leaves"},
    {"file,path=FILE", "output into a file"},
    {"pty", "a pseudo terminal"},
    {"unix:PATH,server=on,wait=off", "a unix socket"},
    {"tcp:HOST:PORT,server=on,wait=off", "a TCP socket"},
    {"ringbuf,size=64K", "a buffer in memory, for programs"},
    {"vc,cols=80,rows=25", "a text console, shown in windows and by VNC; also vc:800x600"},
    {"null", "nothing: output is dropped"},
};
static const char *const netdev_rows[][2] = {
    {"user", "a network behind the host's sockets, with DHCP and DNS"},
    {"  net=10.0.2.0/24", "addresses; host=, dns=, dhcpstart= name single ones"},
    {"  ipv6=on|off, ipv4=on|off", "which of the two there is; ipv6-net=fec0::/64"},
    {"  hostfwd=tcp:[ADDR]:PORT-[ADDR]:PORT", "connections to a host's port go to the guest"},
    {"  guestfwd=tcp:ADDR:PORT-CHARDEV",
     "connections to an address go to a chardev, or cmd:COMMAND"},
    {"  restrict=on|off", "on: the guest reaches nothing outside"},
    {"  tftp=DIR,bootfile=FILE", "files for network boot"},
    {"  hostname=, domainname=, dnssearch=", "what DHCP tells"},
    {"tap", "an interface of the host"},
    {"  ifname=NAME,br=BRIDGE", "its name, and a bridge to put it into"},
    {"  fd=N", "a descriptor of one that is open"},
    {"stream", "frames over a socket"},
    {"  addr.type=unix,addr.path=PATH", "or inet with addr.host=, addr.port=; fd with addr.str="},
    {"  server=on|off", "waits for the other end, or connects to it"},
    {"socket", "the same in the older spelling: listen=:PORT, connect=HOST:PORT, fd=N"},
    {"none", "-nic none: no network at all"},
};
static const char *const log_rows[][2] = {
    {"in_asm", "guest code, as it is translated"},
    {"ir", "the translator's intermediate representation"},
    {"out_asm", "the host code made from it"},
    {"exec", "each translated block that runs (slow: blocks are not linked)"},
    {"int", "interrupts and exceptions that the guest takes"},
    {"mmu", "TLB fills and flushes, address-space switches"},
    {"guest_error", "what a correct guest would not do"},
    {"unimp", "what the guest asks for and vemu does not have yet"},
};

char *config_answer_text(const struct vemu_config *cfg, enum vemu_config_style style)
{
    struct text t = {0};

    switch (cfg->question) {
    case QUESTION_NONE:
        break;
    case QUESTION_OPTIONS:
        add_general(&t, style);
        break;
    case QUESTION_VERSION:
        text_add(&t, "vemu %s\n", vemu_version());
        break;
    case QUESTION_MACHINES:
        add_machines(&t, arch_of(cfg));
        break;
    case QUESTION_MACHINE_PROPS:
        add_machine_props(&t, arch_of(cfg),
                          cfg->question_arg
                              ? cfg->question_arg
                              : config_value(cfg, "machine.type", arch_of(cfg)->machine));
        break;
    case QUESTION_CPUS:
        add_cpus(&t, arch_of(cfg));
        break;
    case QUESTION_ACCELS:
        add_pairs(&t, "Accelerators and their options:", accel_rows, ARRAY_SIZE(accel_rows));
        break;
    case QUESTION_DEVICES:
        add_devices(&t);
        break;
    case QUESTION_DEVICE_PROPS:
        add_device_props(&t, cfg->question_arg ? cfg->question_arg : "");
        break;
    case QUESTION_CHARDEVS:
        add_pairs(&t, "Character back ends:", chardev_rows, ARRAY_SIZE(chardev_rows));
        break;
    case QUESTION_NETDEVS:
        add_pairs(&t, "Network back ends:", netdev_rows, ARRAY_SIZE(netdev_rows));
        break;
    case QUESTION_LOG_ITEMS:
        add_pairs(&t, "Log items, separated by commas:", log_rows, ARRAY_SIZE(log_rows));
        break;
    }
    return t.data;
}

char *vemu_config_option_help(enum vemu_config_style style)
{
    struct text t = {0};

    add_options(&t, style);
    return t.data;
}

char *vemu_config_key_help(void)
{
    struct text t = {0};

    for (const struct config_key *k = config_keys; k->name; k++) {
        char left[80];
        snprintf(left, sizeof left, "%s%s%s", k->name, k->metavar ? "=" : "",
                 k->metavar ? k->metavar : "");
        add_row(&t, left, k->help);
    }
    return t.data;
}
