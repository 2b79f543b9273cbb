/* What of a configuration can be wrong without making anything: boards, sizes, files, devices. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <config.h>
#include "accel/kvm/host.h"
#include "accel/kvm/kvm.h"
#include "accel/qtest/qtest.h"
#include "core/cpu/cpu.h"
#include "core/device/prop.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "core/util/size.h"
#include "hw/board.h"
#include "libvemu/arch.h"
#include "libvemu/config.h"
#include "libvemu/flash.h"
#include "libvemu/machine.h"
#include "libvemu/networks.h"
#include "libvemu/objects.h"
#include "libvemu/text.h"
#include "libvemu/windows.h"
#include "tcg/tcg.h"

enum { QUOTE_MAX = 80 };
#define DEFAULT_RAM (UINT64_C(128) << 20)

/* ---- machine --------------------------------------------------------------------------------- */

/* A machine type that is another architecture's. */
static bool wrong_arch(const char *origin, const struct arch_desc *arch,
                       const struct board_class *board, struct vemu_error **errp)
{
    const struct arch_desc *other = archs;

    while (!arch_has_board(other, board))
        other++;
    return error_set(errp, VEMU_ERROR_INVALID,
                     "%s: '%s' is a machine type for %s guests, and this is for %s; use --arch %s "
                     "or vemu-system-%s",
                     origin, board->name, other->name, arch->name, other->name, other->name);
}

static bool check_board(struct lib_machine *lm, struct vemu_error **errp)
{
    const struct arch_desc *arch = arch_of(lm->config);
    const char *name = config_value(lm->config, "machine.type", arch->machine);
    const char *origin = config_origin(lm->config, "machine.type");
    struct text_closest closest;

    text_closest_init(&closest, name);
    arch_for_each_board(b, arch, board_classes)
    {
        if (strcmp((*b)->name, name) == 0 ||
            ((*b)->versioned && strcmp((*b)->versioned, name) == 0)) {
            lm->board = *b;
            return true;
        }
        text_closest_try(&closest, (*b)->name);
    }
    for (const struct board_class *const *b = board_classes; *b; b++) {
        if (strcmp((*b)->name, name) == 0)
            return wrong_arch(origin, arch, *b, errp);
    }
    if (closest.best)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: '%.*s' is not a machine type; did you mean '%s'?", origin, QUOTE_MAX,
                         name, closest.best);
    return error_set(errp, VEMU_ERROR_INVALID,
                     "%s: '%.*s' is not a machine type; %s help lists them", origin, QUOTE_MAX,
                     name, origin);
}

/* Settings of every machine type elsewhere that ask for what is the case here anyway. */
static bool is_harmless(const char *key, const char *value)
{
    static const char *const off[] = {"graphics", "vmport", "nvdimm", "hmat"};

    if (strcmp(key, "usb") == 0)
        return strcmp(value, "on") == 0 || strcmp(value, "off") == 0;
    if (strcmp(key, "dump-guest-core") == 0 || strcmp(key, "mem-merge") == 0)
        return true;
    for (unsigned i = 0; i < ARRAY_SIZE(off); i++) {
        if (strcmp(key, off[i]) == 0)
            return strcmp(value, "off") == 0 || strcmp(value, "auto") == 0;
    }
    return false;
}

bool check_is_irqchip(const char *key)
{
    return strcmp(key, "kernel-irqchip") == 0 || strcmp(key, "kernel_irqchip") == 0;
}

/* Of the machine for the user, of the accelerator in fact; without kvm it means nothing. */
static bool check_irqchip(const struct config_node *opt, struct vemu_error **errp)
{
    static const char *const values[] = {"on", "split", "off"};

    for (unsigned i = 0; i < ARRAY_SIZE(values); i++)
        if (strcmp(opt->value, values[i]) == 0)
            return true;
    return error_set(errp, VEMU_ERROR_INVALID, "%s: %s='%.*s' should be on, split or off",
                     opt->origin, opt->key, QUOTE_MAX, opt->value);
}

static bool check_board_props(struct lib_machine *lm, struct vemu_error **errp)
{
    const struct config_node *node = config_find(lm->config, "machine");

    if (!node)
        return true;
    list_for_each(opt, &node->children, struct config_node, sibling)
    {
        struct text_closest closest;

        if (check_is_irqchip(opt->key)) {
            if (!check_irqchip(opt, errp))
                return false;
            continue;
        }
        if (strcmp(opt->key, "type") == 0 || is_harmless(opt->key, opt->value) ||
            (lm->board->has_flash && flash_is_unit(opt->key)) ||
            strcmp(opt->key, "memory-backend") == 0 || prop_find(lm->board->props, opt->key))
            continue;
        text_closest_init(&closest, opt->key);
        for (const struct prop_desc *p = lm->board->props; p && p->name; p++)
            text_closest_try(&closest, p->name);
        if (closest.best)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "%s: machine type '%s' has no property '%.*s'; did you mean '%s'?",
                             opt->origin, lm->board->name, QUOTE_MAX, opt->key, closest.best);
        return error_set(
            errp, VEMU_ERROR_INVALID,
            "%s: machine type '%s' has no property '%.*s'; -machine %s,help lists them",
            opt->origin, lm->board->name, QUOTE_MAX, opt->key, lm->board->name);
    }
    return true;
}

static bool check_cpus(struct lib_machine *lm, struct vemu_error **errp)
{
    lm->cpus = config_smp_cpus(config_find(lm->config, "smp"));
    if (lm->cpus >= 1 && lm->cpus <= lm->board->max_cpus)
        return true;
    return error_set(
        errp, VEMU_ERROR_INVALID, "%s: %u vCPUs do not fit machine type '%s', which takes 1 to %u",
        config_origin(lm->config, "smp"), lm->cpus, lm->board->name, lm->board->max_cpus);
}

static bool check_memory(struct lib_machine *lm, struct vemu_error **errp)
{
    const char *text = config_value(lm->config, "memory.size", NULL);
    const char *origin = config_origin(lm->config, "memory.size");
    unsigned long long size = DEFAULT_RAM, backend = 0;
    char seen[SIZE_TEXT], limit[SIZE_TEXT];
    struct sysinfo host;

    if (text && !config_memory_parse(text, &size))
        return error_set(errp, VEMU_ERROR_INVALID, "%s: '%s' is not a memory size", origin, text);
    if (!objects_memory(lm->config, &backend, errp))
        return false;
    if (backend && text && backend != size)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: '%s' is not the size of the memory backend, which has %llu bytes",
                         origin, text, backend);
    if (backend)
        size = backend;
    size_format(size, seen);
    if (size < lm->board->min_ram) {
        size_format(lm->board->min_ram, limit);
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: %s is too little memory for machine type '%s', which needs %s",
                         origin, seen, lm->board->name, limit);
    }
    if (size > lm->board->max_ram) {
        size_format(lm->board->max_ram, limit);
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: %s is more memory than machine type '%s' can address, which is %s",
                         origin, seen, lm->board->name, limit);
    }
    /* Guest memory is populated when touched, so a size that the host could never back would end
     * the process in the middle of the guest's work. */
    if (sysinfo(&host) == 0) {
        uint64_t have = ((uint64_t)host.totalram + host.totalswap) * host.mem_unit;
        if (size > have) {
            size_format(align_down(have, UINT64_C(1) << 20), limit);
            return error_set(errp, VEMU_ERROR_NO_MEMORY,
                             "%s: %s is more memory than this host has, which is %s", origin, seen,
                             limit);
        }
    }
    lm->m.ram_size = align_up(size, MEM_PAGE_SIZE);
    return true;
}

/* ---- accelerator ----------------------------------------------------------------------------- */

/* For device tests: nothing runs, and time is theirs. */
static bool check_qtest(struct lib_machine *lm, const struct config_node *node,
                        struct vemu_error **errp)
{
    lm->accel = qtest_accel();
    list_for_each(opt, &node->children, struct config_node, sibling)
    {
        if (strcmp(opt->key, "accel") != 0)
            return error_set(errp, VEMU_ERROR_INVALID, "%s: qtest has no option '%.*s'",
                             node->origin, QUOTE_MAX, opt->key);
    }
    return !config_find(lm->config, "icount") ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "%s: with the qtest accelerator no instruction runs that could be counted",
                     config_origin(lm->config, "icount"));
}

#if CONFIG_KVM
/* KVM on this host: *found is its accelerator, or NULL. If not, and nothing else is asked for, that
 * is the error; its options are wrong in any case. */
static bool check_kvm(struct lib_machine *lm, const struct config_node *node,
                      const struct accel **found, struct vemu_error **errp)
{
    list_for_each(opt, &node->children, struct config_node, sibling)
    {
        if (strcmp(opt->key, "accel") != 0 && !kvm_set_option(NULL, opt->key, opt->value, errp))
            return false;
    }
    if (lm->board->arch != kvm_guest_arch() && !lm->board->empty) {
        error_set(errp, VEMU_ERROR_UNSUPPORTED,
                  "%s: kvm runs guests of the host's own architecture, and this is for %s guests; "
                  "use tcg",
                  node->origin, arch_of(lm->config)->name);
        return true;
    }
    if (config_find(lm->config, "icount"))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: instructions can be counted with -accel tcg alone",
                         config_origin(lm->config, "icount"));
    *found = kvm_probe(kvm_linux_host(), errp) ? kvm_accel() : NULL;
    return true;
}
#else
static bool check_kvm(struct lib_machine *lm, const struct config_node *node,
                      const struct accel **found, struct vemu_error **errp)
{
    (void)lm;
    *found = NULL;
    error_set(errp, VEMU_ERROR_UNSUPPORTED,
              "%s: kvm is not known on hosts of this architecture; use tcg", node->origin);
    return true;
}
#endif

static bool check_accel(struct lib_machine *lm, struct vemu_error **errp)
{
    struct vemu_error *missing = NULL; /* why kvm, asked for first, is not used */

    lm->accel = tcg_accel();
    config_for_each(node, lm->config, "accel")
    {
        const char *name = config_child_value(node, "accel");
        if (name && strcmp(name, "tcg") == 0) {
            lm->accel_node = node;
            if (missing)
                log_msg(&lm->m.log, LOG_WARN, "%s; using tcg", vemu_error_message(missing));
            vemu_error_free(missing);
            return true;
        }
        if (name && strcmp(name, "qtest") == 0) {
            vemu_error_free(missing);
            return check_qtest(lm, node, errp);
        }
        if (!name || strcmp(name, "kvm") != 0) {
            vemu_error_free(missing);
            return error_set(
                errp, VEMU_ERROR_INVALID,
                "%s: '%.*s' is not an accelerator; use tcg, kvm, or qtest for device tests",
                node->origin, QUOTE_MAX, name ? name : "");
        }
        const struct accel *kvm = NULL;
        if (missing)
            continue;
        if (!check_kvm(lm, node, &kvm, &missing))
            break;
        if (kvm) {
            lm->accel = kvm;
            lm->accel_node = node;
            return true;
        }
    }
    if (!missing)
        return true;
    if (errp)
        *errp = missing;
    else
        vemu_error_free(missing);
    return false;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool check_file(struct lib_machine *lm, const char *key, const char *path,
                       struct vemu_error **errp)
{
    const char *origin = config_origin(lm->config, key);
    struct stat st;

    if (!path)
        return true;
    if (stat(path, &st) != 0 || access(path, R_OK) != 0)
        return error_set_errno(errp, errno, "%s: cannot read '%s'", origin, path);
    if (S_ISDIR(st.st_mode))
        return error_set(errp, VEMU_ERROR_INVALID, "%s: '%s' is a directory, but must be a file",
                         origin, path);
    return true;
}

static bool check_boot(struct lib_machine *lm, struct vemu_error **errp)
{
    static const char *const needs_kernel[] = {"initrd", "append", "dtb"};
    static const char *const files[] = {"kernel", "initrd", "dtb"};
    struct stat st;

    for (unsigned i = 0; i < ARRAY_SIZE(needs_kernel); i++) {
        if (config_value(lm->config, needs_kernel[i], NULL) &&
            !config_value(lm->config, "kernel", NULL))
            return error_set(errp, VEMU_ERROR_INVALID,
                             "%s is for a kernel that is started directly; give that one with "
                             "kernel=FILE or -kernel FILE",
                             config_origin(lm->config, needs_kernel[i]));
    }
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        if (!check_file(lm, files[i], config_value(lm->config, files[i], NULL), errp))
            return false;
    }
    if (!check_firmware(lm, errp) || !check_file(lm, "bios", lm->bios, errp))
        return false;
    if (config_value(lm->config, "initrd", NULL) &&
        stat(config_value(lm->config, "initrd", NULL), &st) == 0 && S_ISREG(st.st_mode) &&
        (uint64_t)st.st_size >= lm->m.ram_size) {
        char size[SIZE_TEXT];
        size_format(lm->m.ram_size, size);
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: '%s' has %llu bytes and does not fit the guest's memory of %s; use a "
                         "larger -m or a smaller file",
                         config_origin(lm->config, "initrd"),
                         config_value(lm->config, "initrd", NULL), (unsigned long long)st.st_size,
                         size);
    }
    return true;
}

/* ---- devices and back ends ------------------------------------------------------------------- */

static const struct device_class *find_class(const char *name, struct text_closest *closest)
{
    text_closest_init(closest, name);
    for (const struct device_class *const *c = device_classes; *c; c++) {
        if (strcmp((*c)->name, name) == 0)
            return *c;
        if ((*c)->user_creatable)
            text_closest_try(closest, (*c)->name);
    }
    return NULL;
}

bool check_device(const struct config_node *node, struct vemu_error **errp)
{
    const char *name = config_child_value(node, "driver");
    struct text_closest closest;
    const struct device_class *cls;

    if (!name)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s needs a device class first, such as isa-debug-exit; -device help "
                         "lists them",
                         node->origin);
    cls = find_class(name, &closest);
    if (!cls && closest.best)
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "%s: '%.*s' is not a device; did you mean '%s'?", node->origin, QUOTE_MAX,
                         name, closest.best);
    if (!cls)
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "%s: '%.*s' is not a device; -device help lists them", node->origin,
                         QUOTE_MAX, name);
    if (!cls->user_creatable)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: '%s' is a fixed part of its machine and cannot be added",
                         node->origin, name);
    list_for_each(opt, &node->children, struct config_node, sibling)
    {
        if (strcmp(opt->key, "driver") == 0 || strcmp(opt->key, "id") == 0 ||
            device_class_prop(cls, opt->key))
            continue;
        text_closest_init(&closest, opt->key);
        for (const struct prop_desc *p = cls->props; p && p->name; p++)
            text_closest_try(&closest, p->name);
        if (closest.best)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "%s: device '%s' has no property '%.*s'; did you mean '%s'?",
                             node->origin, name, QUOTE_MAX, opt->key, closest.best);
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: device '%s' has no property '%.*s'; -device %s,help lists them",
                         node->origin, name, QUOTE_MAX, opt->key, name);
    }
    return true;
}

/* Ids name one thing each, per kind. */
static bool check_ids(const struct vemu_config *cfg, const char *key, struct vemu_error **errp)
{
    config_for_each(a, cfg, key)
    {
        const char *id = config_child_value(a, "id");
        if (!id)
            continue;
        config_for_each(b, cfg, key)
        {
            const char *other = config_child_value(b, "id");
            if (a == b)
                break;
            if (other && strcmp(other, id) == 0)
                return error_set(errp, VEMU_ERROR_INVALID,
                                 "%s: the id '%.*s' is taken; give each its own", a->origin,
                                 QUOTE_MAX, id);
        }
    }
    return true;
}

static bool check_devices(struct lib_machine *lm, struct vemu_error **errp)
{
    unsigned serials = config_count(lm->config, "serial");

    config_for_each(node, lm->config, "device")
    {
        if (!check_device(node, errp))
            return false;
    }
    config_for_each(node, lm->config, "chardev")
    {
        if (!config_child_value(node, "id"))
            return error_set(errp, VEMU_ERROR_INVALID,
                             "%s: '%.*s' has no id; add ,id=NAME so that a device can name it",
                             node->origin, QUOTE_MAX, config_child_value(node, "backend"));
    }
    if (serials > BOARD_MAX_SERIAL)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s is given %u times, but a machine has at most %d serial ports",
                         config_origin(lm->config, "serial"), serials, BOARD_MAX_SERIAL);
    return check_ids(lm->config, "device", errp) && check_ids(lm->config, "chardev", errp) &&
           check_ids(lm->config, "netdev", errp) && check_ids(lm->config, "object", errp) &&
           objects_check(lm->config, errp) && networks_check(lm->config, errp);
}

/* Counted time has nothing of the host's, not even the date. */
static bool check_icount(struct lib_machine *lm, struct vemu_error **errp)
{
    const char *base = config_value(lm->config, "rtc.base", NULL);
    if (!config_find(lm->config, "icount") || !base ||
        (strcmp(base, "utc") != 0 && strcmp(base, "localtime") != 0))
        return true;
    return error_set(
        errp, VEMU_ERROR_INVALID,
        "%s: base=%s is the host's time, which -icount keeps out; give a date, such as "
        "base=2026-01-01",
        config_origin(lm->config, "rtc"), base);
}

bool check_config(struct lib_machine *lm, struct vemu_error **errp)
{
    const char *log = config_value(lm->config, "log", NULL);
    uint32_t mask;

    if (log && !log_parse_mask(log, &mask, errp)) {
        error_prefix(errp, "%s: ", config_origin(lm->config, "log"));
        return false;
    }
    return check_board(lm, errp) && check_board_props(lm, errp) && check_cpus(lm, errp) &&
           check_memory(lm, errp) && check_accel(lm, errp) && check_icount(lm, errp) &&
           check_boot(lm, errp) && check_devices(lm, errp) &&
           windows_check_config(lm->config, errp);
}
