/* -boot; see boot.h. */
#include "libvemu/boot.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/opts.h"
#include "core/util/range.h"
#include "core/util/size.h"
#include "hw/board.h"
#include "libvemu/config.h"

enum { QUOTE_MAX = 80, MS_MAX = 0xffff };
static const char letters[] = "abcdn";

const char *const boot_props[] = {"order",       "once",           "menu",   "splash",
                                  "splash-time", "reboot-timeout", "strict", NULL};

static bool check_letters(const char *origin, const char *key, const char *text,
                          struct vemu_error **errp)
{
    size_t len = strlen(text);

    if (!len || strspn(text, letters) != len)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: %s '%.*s' does not name devices; use letters of a and b (floppies), "
                         "c (disk), d (CD-ROM) and n (network), such as %s=dc",
                         origin, key, QUOTE_MAX, text, key);
    for (size_t i = 0; i < len; i++) {
        if (strchr(text + i + 1, text[i]))
            return error_set(errp, VEMU_ERROR_INVALID, "%s: %s '%.*s' has %c twice", origin, key,
                             QUOTE_MAX, text, text[i]);
    }
    return true;
}

static bool check_flag(const char *origin, struct opts *props, const char *key,
                       struct vemu_error **errp)
{
    const char *text = opts_get(props, key);
    bool on;

    return !text || bool_parse(text, &on) ||
           error_set(errp, VEMU_ERROR_INVALID, "%s: %s '%.*s' is neither on nor off", origin, key,
                     QUOTE_MAX, text);
}

static bool check_ms(const char *origin, struct opts *props, const char *key, bool never,
                     struct vemu_error **errp)
{
    const char *text = opts_get(props, key);
    uint64_t v;

    if (!text || (never && strcmp(text, "-1") == 0) || (number_parse(text, &v) && v <= MS_MAX))
        return true;
    return error_set(errp, VEMU_ERROR_INVALID,
                     "%s: %s is '%.*s', but must be a number of milliseconds up to %d%s", origin,
                     key, QUOTE_MAX, text, MS_MAX, never ? ", or -1 for never" : "");
}

bool boot_check(const char *origin, const char *text, struct opts *props, struct vemu_error **errp)
{
    const char *order = opts_get(props, "order"), *once = opts_get(props, "once");

    (void)text;
    if (opts_get(props, "splash"))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s: splash= is not available yet: there is no display", origin);
    return (!order || check_letters(origin, "order", order, errp)) &&
           (!once || check_letters(origin, "once", once, errp)) &&
           check_flag(origin, props, "menu", errp) && check_flag(origin, props, "strict", errp) &&
           check_ms(origin, props, "splash-time", false, errp) &&
           check_ms(origin, props, "reboot-timeout", true, errp);
}

static bool get_flag(const struct vemu_config *c, const char *path)
{
    bool on = false;

    return bool_parse(config_value(c, path, "off"), &on) && on;
}

void boot_describe(const struct vemu_config *c, struct board_config *cfg)
{
    cfg->boot_order = config_value(c, "boot.order", NULL);
    cfg->boot_once = config_value(c, "boot.once", NULL);
    cfg->boot_menu = get_flag(c, "boot.menu");
    cfg->boot_strict = get_flag(c, "boot.strict");
    cfg->splash_time_ms = (uint16_t)strtoul(config_value(c, "boot.splash-time", "0"), NULL, 0);
    cfg->reboot_timeout_ms =
        (uint32_t)strtol(config_value(c, "boot.reboot-timeout", "-1"), NULL, 0);
}
