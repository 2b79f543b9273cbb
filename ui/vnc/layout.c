/* Keyboard layouts from the host's xkb data, through libxkbcommon, which is opened when the first
 * one is asked for. See keyboard.h. */
#include <config.h>
#include <string.h>

#include "core/input/keys.h"
#include "core/util/error.h"
#include "core/util/library.h"
#include "core/util/range.h"
#include "ui/vnc/keyboard.h"

#if CONFIG_XKBCOMMON
#include <xkbcommon/xkbcommon.h>

/* xkb's numbers of keys are those of evdev, moved up. */
enum { XKB_EVDEV_OFFSET = 8, LEVELS_MAX = 4, NAME_MAX_LEN = 32 };

struct xkb_library {
    void *handle;
    struct xkb_context *(*context_new)(enum xkb_context_flags flags);
    void (*context_unref)(struct xkb_context *context);
    void (*set_log_level)(struct xkb_context *context, enum xkb_log_level level);
    struct xkb_keymap *(*keymap_new)(struct xkb_context *context,
                                     const struct xkb_rule_names *names,
                                     enum xkb_keymap_compile_flags flags);
    void (*keymap_unref)(struct xkb_keymap *keymap);
    xkb_keycode_t (*min_keycode)(struct xkb_keymap *keymap);
    xkb_keycode_t (*max_keycode)(struct xkb_keymap *keymap);
    xkb_level_index_t (*num_levels)(struct xkb_keymap *keymap, xkb_keycode_t key,
                                    xkb_layout_index_t layout);
    int (*get_syms)(struct xkb_keymap *keymap, xkb_keycode_t key, xkb_layout_index_t layout,
                    xkb_level_index_t level, const xkb_keysym_t **syms);
    xkb_keysym_t (*to_upper)(xkb_keysym_t keysym);
    uint32_t (*to_utf32)(xkb_keysym_t keysym);
};

static bool open_library(struct xkb_library *lib, const char *origin, struct vemu_error **errp)
{
    const struct {
        const char *name;
        void *function;
    } symbols[] = {
        {"xkb_context_new", &lib->context_new},
        {"xkb_context_unref", &lib->context_unref},
        {"xkb_context_set_log_level", &lib->set_log_level},
        {"xkb_keymap_new_from_names", &lib->keymap_new},
        {"xkb_keymap_unref", &lib->keymap_unref},
        {"xkb_keymap_min_keycode", &lib->min_keycode},
        {"xkb_keymap_max_keycode", &lib->max_keycode},
        {"xkb_keymap_num_levels_for_key", &lib->num_levels},
        {"xkb_keymap_key_get_syms_by_level", &lib->get_syms},
        {"xkb_keysym_to_upper", &lib->to_upper},
        {"xkb_keysym_to_utf32", &lib->to_utf32},
    };

    lib->handle = dlopen(CONFIG_XKBCOMMON_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!lib->handle)
        return error_set(
            errp, VEMU_ERROR_UNSUPPORTED,
            "%s: keyboard layouts other than en-us need the library " CONFIG_XKBCOMMON_SONAME
            " (package libxkbcommon0)",
            origin);
    for (unsigned i = 0; i < ARRAY_SIZE(symbols); i++) {
        if (!library_symbol(lib->handle, symbols[i].name, symbols[i].function)) {
            dlclose(lib->handle);
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             "%s: " CONFIG_XKBCOMMON_SONAME " has no function %s", origin,
                             symbols[i].name);
        }
    }
    return true;
}

/* What people call layouts that xkb calls otherwise. */
static const char *const names[][3] = {
    {"ar", "ara", ""},     {"bepo", "fr", "bepo"}, {"da", "dk", ""},    {"de-ch", "ch", ""},
    {"en-gb", "gb", ""},   {"et", "ee", ""},       {"fr-be", "be", ""}, {"fr-ca", "ca", ""},
    {"fr-ch", "ch", "fr"}, {"ja", "jp", ""},       {"nl-be", "be", ""}, {"pt-br", "br", ""},
    {"sl", "si", ""},      {"sv", "se", ""},
};

/* "de", "fr-ch", "us(dvorak)" */
static bool split_name(const char *name, char layout[NAME_MAX_LEN], char variant[NAME_MAX_LEN])
{
    size_t n = strcspn(name, "("), rest = strlen(name + n);

    layout[0] = variant[0] = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i][0], name) == 0) {
            strcpy(layout, names[i][1]);
            strcpy(variant, names[i][2]);
            return true;
        }
    }
    if (!n || n >= NAME_MAX_LEN || rest > NAME_MAX_LEN || (rest && name[n + rest - 1] != ')') ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-()") !=
            n + rest)
        return false;
    memcpy(layout, name, n);
    layout[n] = 0;
    if (rest > 2) {
        memcpy(variant, name + n + 1, rest - 2);
        variant[rest - 2] = 0;
    }
    return true;
}

static bool add_key(const struct xkb_library *lib, struct xkb_keymap *map, xkb_keycode_t key,
                    struct keyboard_layout *layout)
{
    xkb_level_index_t levels = MIN(lib->num_levels(map, key, 0), (xkb_level_index_t)LEVELS_MAX);
    xkb_keysym_t sym[LEVELS_MAX] = {0};
    bool ok = true;

    for (xkb_level_index_t l = 0; l < levels; l++) {
        const xkb_keysym_t *syms;
        if (lib->get_syms(map, key, 0, l, &syms) == 1)
            sym[l] = syms[0];
    }
    for (xkb_level_index_t l = 0; ok && l < levels; l++) {
        const struct keyboard_key k = {
            .code = (uint16_t)(key - XKB_EVDEV_OFFSET),
            .level = (uint8_t)l,
            .any_level = levels == 1 || (levels == 2 && sym[0] == sym[1]),
            .alphabetical = levels >= 2 && sym[0] != sym[1] && lib->to_upper(sym[0]) == sym[1],
        };
        uint32_t utf32 = sym[l] ? lib->to_utf32(sym[l]) : 0;
        if (sym[l])
            ok = keyboard_add(layout, sym[l], k);
        if (utf32 > 0xff && (utf32 | 0x1000000) != sym[l])
            ok = ok && keyboard_add(layout, utf32 | 0x1000000, k);
    }
    return ok;
}

bool keyboard_add_host(struct keyboard_layout *layout, const char *name, const char *origin,
                       struct vemu_error **errp)
{
    struct xkb_library lib;
    char xkb_layout[NAME_MAX_LEN], variant[NAME_MAX_LEN];
    const struct xkb_rule_names rules = {"evdev", "pc105", xkb_layout, variant, ""};
    struct xkb_context *context;
    struct xkb_keymap *map = NULL;
    bool ok = true;

    if (!open_library(&lib, origin, errp))
        return false;
    context = lib.context_new(XKB_CONTEXT_NO_ENVIRONMENT_NAMES);
    if (context)
        lib.set_log_level(context, (enum xkb_log_level)0);
    if (context && split_name(name, xkb_layout, variant))
        map = lib.keymap_new(context, &rules, XKB_KEYMAP_COMPILE_NO_FLAGS);
    if (!map)
        ok = error_set(errp, VEMU_ERROR_NOT_FOUND,
                       "%s: there is no keyboard layout '%.40s'; such as de, fr-ch or us(dvorak), "
                       "from the package xkb-data",
                       origin, name);
    for (xkb_keycode_t key = map ? lib.min_keycode(map) : 1;
         map && ok && key <= MIN(lib.max_keycode(map), (xkb_keycode_t)KEY_MAX); key++) {
        /* Others than those of a PC keyboard no guest knows. */
        if (key > XKB_EVDEV_OFFSET && key_to_number((uint16_t)(key - XKB_EVDEV_OFFSET)) &&
            !add_key(&lib, map, key, layout))
            ok = error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    }
    if (map)
        lib.keymap_unref(map);
    if (context)
        lib.context_unref(context);
    dlclose(lib.handle);
    return ok;
}

#else

bool keyboard_add_host(struct keyboard_layout *layout, const char *name, const char *origin,
                       struct vemu_error **errp)
{
    (void)layout;
    return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "%s: keyboard layout '%.40s' is not part of this build (configure found no "
                     "libxkbcommon-dev); en-us is",
                     origin, name);
}

#endif
