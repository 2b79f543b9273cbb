/*
 * From the configuration tree to the machine: accelerator, character back ends, disk images, board,
 * devices, debugger. The order is that of rising side effects, so that most mistakes are found
 * before a socket exists; what was made when a step fails goes with machine_destroy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <config.h>
#include "accel/kvm/kvm.h"
#include "accel/qtest/qtest.h"
#include "core/chardev/chardev.h"
#include "core/cpu/cpu.h"
#include "core/device/prop.h"
#include "core/gdb/gdb.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "hw/board.h"
#include "libvemu/agent.h"
#include "libvemu/arch.h"
#include "libvemu/boot.h"
#include "libvemu/config.h"
#include "libvemu/disks.h"
#include "libvemu/flash.h"
#include "libvemu/machine.h"
#include "libvemu/networks.h"
#include "libvemu/objects.h"
#include "libvemu/usb.h"
#include "tcg/tcg.h"

/* 2026-01-01 00:00:00 UTC: what the real-time clock shows at the start with -icount. */
enum { ICOUNT_RTC_START = 1767225600 };

/* ---- accelerator ----------------------------------------------------------------------------- */

#if CONFIG_KVM
static bool set_up_kvm(struct lib_machine *lm, struct vemu_error **errp)
{
    const struct config_node *machine = config_find(lm->config, "machine");
    struct vemu_machine *m = &lm->m;

    if (machine) {
        list_for_each(opt, &machine->children, struct config_node, sibling)
        {
            if (check_is_irqchip(opt->key) &&
                !kvm_set_option(m, "kernel-irqchip", opt->value, errp))
                return false;
        }
    }
    list_for_each(opt, &lm->accel_node->children, struct config_node, sibling)
    {
        if (strcmp(opt->key, "accel") != 0 && !kvm_set_option(m, opt->key, opt->value, errp))
            return false;
    }
    return kvm_machine_ready(m, errp);
}
#endif

static bool build_accel(struct lib_machine *lm, struct vemu_error **errp)
{
    struct vemu_machine *m = &lm->m;

    m->accel = lm->accel;
    if (m->accel->machine_init && !m->accel->machine_init(m, errp)) {
        m->accel = NULL;
        return false;
    }
#if CONFIG_KVM
    if (m->accel == kvm_accel())
        return set_up_kvm(lm, errp);
#endif
    /* What follows is about translating. */
    if (m->accel != tcg_accel())
        return true;
    static const char *const keys[] = {"jit-cache-dir", "jit-cache"};
    for (unsigned k = 0; k < ARRAY_SIZE(keys); k++) {
        const char *value = config_value(lm->config, keys[k], NULL);
        if (value && !tcg_set_option(m, keys[k], value, errp))
            return false;
    }
    if (config_find(lm->config, "icount") &&
        !tcg_set_icount(m,
                        (unsigned)strtoul(config_value(lm->config, "icount.shift", "0"), NULL, 0),
                        strcmp(config_value(lm->config, "icount.sleep", "on"), "on") == 0, errp))
        return false;
    if (lm->accel_node) {
        list_for_each(opt, &lm->accel_node->children, struct config_node, sibling)
        {
            if (strcmp(opt->key, "accel") != 0 && !tcg_set_option(m, opt->key, opt->value, errp))
                return false;
        }
    }
    return !config_flag(lm->config, "perfmap", false) || tcg_set_option(m, "perfmap", "on", errp);
}

/* ---- character back ends --------------------------------------------------------------------- */

static bool make_chardev(struct lib_machine *lm, const char *id, const char *spec,
                         const char *origin, struct chardev **out, struct vemu_error **errp)
{
    struct chardev *chr = chardev_new(&lm->m, id, spec, errp);

    if (!chr) {
        error_prefix(errp, "%s: ", origin);
        return false;
    }
    if (out)
        *out = chr;
    return console_watch(lm, chr, errp);
}

static bool build_chardevs(struct lib_machine *lm, struct vemu_error **errp)
{
    config_for_each(node, lm->config, "chardev")
    {
        static const char *const skip[] = {"id", NULL};
        char *spec = config_node_text(node, "backend", skip);
        bool ok =
            spec ? make_chardev(lm, config_child_value(node, "id"), spec, node->origin, NULL, errp)
                 : error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        free(spec);
        if (!ok)
            return false;
    }
    return true;
}

/* mon:BACKEND: the port shares the back end with a monitor for people, which control.c puts there.
 */
static bool build_shared_serial(struct lib_machine *lm, unsigned n, const char *spec,
                                const char *origin, struct chardev **chr, struct vemu_error **errp)
{
    char id[32], *text;
    struct chardev *base;
    /* As elsewhere, the guest then gets Ctrl-C. */
    bool ok =
        asprintf(&text, "%s%s,mux=on", spec, strcmp(spec, "stdio") == 0 ? ",signal=off" : "") >= 0;

    if (!ok)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    snprintf(id, sizeof id, BUILD_SHARED_SERIAL, n);
    ok = make_chardev(lm, id, text, origin, &base, errp);
    free(text);
    if (!ok)
        return false;
    snprintf(id, sizeof id, "serial%u", n);
    *chr = chardev_port(base, id, errp);
    return *chr && console_watch(lm, *chr, errp);
}

/* The back end of serial port n; *chr stays NULL for "none". */
static bool build_serial(struct lib_machine *lm, unsigned n, const char *text, const char *origin,
                         struct chardev **chr, struct vemu_error **errp)
{
    const char *spec = text;
    char id[16];

    if (strcmp(spec, "none") == 0)
        return true;
    if (strncmp(spec, "chardev:", 8) == 0) {
        *chr = chardev_find(&lm->m, spec + 8);
        if (!*chr)
            return error_set(errp, VEMU_ERROR_NOT_FOUND,
                             "%s: there is no -chardev with id=%s for '%s'", origin, spec + 8,
                             spec);
        *chr = chardev_port(*chr, NULL, errp);
        return *chr != NULL;
    }
    if (strncmp(spec, "mon:", 4) == 0) {
        spec += 4;
        if (CONFIG_JANSSON) /* without it there are no monitors */
            return build_shared_serial(lm, n, spec, origin, chr, errp);
    }
    if (strcmp(spec, "stdio") == 0 &&
        (spec != text || strstr(config_origin(lm->config, "display"), "nographic")))
        spec = "stdio,signal=off";
    snprintf(id, sizeof id, "serial%u", n);
    return make_chardev(lm, id, spec, origin, chr, errp);
}

static bool build_serials(struct lib_machine *lm, struct board_config *cfg,
                          struct vemu_error **errp)
{
    unsigned n = 0;

    config_for_each(node, lm->config, "serial")
    {
        if (n < BOARD_MAX_SERIAL &&
            !build_serial(lm, n, node->value, node->origin, &cfg->serial[n], errp))
            return false;
        n++;
    }
    if (!n && config_flag(lm->config, "defaults", true))
        return build_serial(lm, 0, "ringbuf", "serial", &cfg->serial[0], errp);
    return true;
}

/* ---- board and devices ----------------------------------------------------------------------- */

/* -M TYPE,key=value: what the board declares; the rest was found harmless by check.c. */
static struct board_option *board_options(const struct lib_machine *lm)
{
    const struct config_node *node = config_find(lm->config, "machine");
    struct board_option *options;
    unsigned n = 0;

    if (node) {
        list_for_each(opt, &node->children, struct config_node, sibling) n++;
    }
    options = calloc(n + 1, sizeof *options);
    if (!options || !node)
        return options;
    n = 0;
    list_for_each(opt, &node->children, struct config_node, sibling)
    {
        if (prop_find(lm->board->props, opt->key))
            options[n++] = (struct board_option){.key = opt->key, .value = opt->value};
    }
    return options;
}

static void parse_uuid(const char *text, uint8_t uuid[16])
{
    for (unsigned n = 0; n < 16; text++) {
        char byte[3] = {text[0], text[1], 0};
        if (*text == '-')
            continue;
        uuid[n++] = (uint8_t)strtoul(byte, NULL, 16);
        text++;
    }
}

/* Of interest to firmware only. Where it starts there is a VGA, unless there is to be nothing but
 * what was asked for; its screen goes to the serial port as long as nobody asked for a display. */
static void build_firmware_choices(const struct lib_machine *lm, struct board_config *cfg)
{
    const struct vemu_config *c = lm->config;
    const char *vga = config_value(c, "vga", NULL), *uuid = config_value(c, "uuid", NULL);
    const struct config_node *display = config_find(c, "display");

    cfg->serial_console =
        display ? strstr(config_origin(c, "display"), "nographic") != NULL : !screens_wanted(c);
    bool usual =
        (lm->bios || flash_wanted(c) || screens_wanted(c)) && config_flag(c, "defaults", true);
    if (vga ? strcmp(vga, "std") == 0 : usual)
        cfg->vga = BOARD_VGA_STD;
    else if (vga && strcmp(vga, "virtio") == 0)
        cfg->vga = BOARD_VGA_VIRTIO;
    cfg->has_uuid = uuid != NULL;
    if (uuid)
        parse_uuid(uuid, cfg->uuid);
    boot_describe(c, cfg);
}

static bool build_board(struct lib_machine *lm, struct board_config *cfg, struct vemu_error **errp)
{
    const struct vemu_config *c = lm->config;
    const char *base = config_value(c, "rtc.base", "utc");
    struct board_option *options = board_options(lm);
    long long start = 0;
    bool ok;

    if (!options)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    config_rtc_parse(base, &cfg->rtc_localtime, &start);
    cfg->rtc_start = start;
    cfg->rtc_virtual = strcmp(config_value(c, "rtc.clock", "host"), "vm") == 0;
    if (config_find(c, "icount")) { /* nothing of the host's time: a date that was given, or this */
        cfg->rtc_virtual = true;
        cfg->rtc_start = start ? start : ICOUNT_RTC_START;
    }
    cfg->ram_size = lm->m.ram_size;
    cfg->cpus = lm->cpus;
    cfg->cpu_model = config_value(c, "cpu", arch_default_cpu(arch_of(c), lm->board));
    cfg->cpu_bits = arch_of(c)->bits;
    cfg->kernel = config_value(c, "kernel", NULL);
    cfg->initrd = config_value(c, "initrd", NULL);
    cfg->append = config_value(c, "append", NULL);
    cfg->dtb = config_value(c, "dtb", NULL);
    cfg->bios = lm->bios;
    cfg->options = options;
    build_firmware_choices(lm, cfg);
    machine_lock(&lm->m);
    ok = lm->board->create(&lm->m, lm->board, cfg, errp);
    machine_unlock(&lm->m);
    free(options);
    return ok;
}

struct device *build_new_device(struct lib_machine *lm, const char *name, const char *id,
                                struct vemu_error **errp)
{
    const struct device_class *const *cls = device_classes;

    while (*cls && strcmp((*cls)->name, name) != 0)
        cls++;
    if (*cls)
        return device_new(&lm->m, *cls, id, errp);
    error_set(errp, VEMU_ERROR_NOT_FOUND, "'%s' is not a device", name);
    return NULL;
}

bool build_plug(struct lib_machine *lm, struct device *dev, struct vemu_error **errp)
{
    return lm->board->plug ? lm->board->plug(&lm->m, dev, errp) : device_realize(dev, errp);
}

static bool plug_hot(struct lib_machine *lm, struct device *dev, struct vemu_error **errp)
{
    return lm->board->hotplug
               ? lm->board->hotplug(&lm->m, dev, errp)
               : error_set(errp, VEMU_ERROR_UNSUPPORTED,
                           "machine type '%s' takes and gives no devices while it runs",
                           lm->board->name);
}

bool build_described(struct lib_machine *lm, const struct config_node *node, bool hot,
                     struct vemu_error **errp)
{
    struct device *dev = build_new_device(lm, config_child_value(node, "driver"),
                                          config_child_value(node, "id"), errp);
    bool ok = true;

    if (!dev)
        return false;
    list_for_each(opt, &node->children, struct config_node, sibling)
    {
        if (ok && strcmp(opt->key, "driver") != 0 && strcmp(opt->key, "id") != 0)
            ok = device_set_prop(dev, opt->key, opt->value, errp);
    }
    ok = ok && (hot ? plug_hot(lm, dev, errp) : build_plug(lm, dev, errp));
    if (!ok)
        device_free(dev);
    return ok;
}

static bool build_devices(struct lib_machine *lm, struct vemu_error **errp)
{
    config_for_each(node, lm->config, "device")
    {
        bool ok;

        machine_lock(&lm->m);
        ok = build_described(lm, node, false, errp);
        machine_unlock(&lm->m);
        if (!ok) {
            error_prefix(errp, "%s: ", node->origin);
            return false;
        }
    }
    return true;
}

static bool build_gdb(struct lib_machine *lm, struct vemu_error **errp)
{
    const char *where = config_value(lm->config, "gdb", "none");

    if (strcmp(where, "none") == 0)
        return true;
    lm->gdb = gdb_server_new(&lm->m, where, &run_gdb_host, lm, errp);
    if (!lm->gdb)
        error_prefix(errp, "%s: ", config_origin(lm->config, "gdb"));
    return lm->gdb != NULL;
}

/* -qtest BACKEND */
static bool build_qtest(struct lib_machine *lm, struct vemu_error **errp)
{
    const char *spec = config_value(lm->config, "qtest", "none");
    struct chardev *chr;

    if (strcmp(spec, "none") == 0)
        return true;
    chr = chardev_new(&lm->m, "qtest", spec, errp);
    lm->qtest = chr ? qtest_server_new(&lm->m, chr, errp) : NULL;
    if (!lm->qtest)
        error_prefix(errp, "%s: ", config_origin(lm->config, "qtest"));
    return lm->qtest != NULL;
}

bool build_machine(struct lib_machine *lm, struct vemu_error **errp)
{
    struct board_config cfg = {0};
    const char *log = config_value(lm->config, "log", NULL);
    uint32_t mask = 0;

    if (log && !log_parse_mask(log, &mask, errp))
        return false;
    lm->m.log.mask |= mask;
    lm->m.no_reboot = !config_flag(lm->config, "reboot", true);
    lm->m.no_shutdown = !config_flag(lm->config, "shutdown", true);
    if (!build_accel(lm, errp) || !build_chardevs(lm, errp) || !build_serials(lm, &cfg, errp) ||
        !disks_build(lm, errp) || !networks_build(lm, errp) || !objects_build(lm, errp) ||
        !flash_open(lm, &cfg, errp) || !build_board(lm, &cfg, errp) || !disks_build_ide(lm, errp) ||
        !usb_build_controller(lm, errp) || !build_devices(lm, errp) ||
        !usb_build_devices(lm, errp) || !disks_build_devices(lm, errp) ||
        !networks_build_devices(lm, errp) || !agent_build(lm, errp) || !build_gdb(lm, errp) ||
        !build_qtest(lm, errp) || !control_build(lm, errp))
        return false;
    machine_lock(&lm->m);
    bool ok = machine_reset(&lm->m, errp);
    machine_unlock(&lm->m);
    return ok && screens_build(lm, errp);
}
