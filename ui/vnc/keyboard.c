/* Keysyms, keys and what is held down: see keyboard.h. */
#include "ui/vnc/keyboard.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/range.h"

/* ---- keys whose meaning no layout changes ---------------------------------------------------- */

static const struct {
    uint32_t keysym;
    uint16_t code;
} fixed_keys[] = {
    {0xff08, KEY_BACKSPACE},
    {0xff09, KEY_TAB},
    {0xfe20, KEY_TAB}, /* ISO_Left_Tab: with shift */
    {0xff0d, KEY_ENTER},
    {0xff13, KEY_PAUSE},
    {0xff6b, KEY_PAUSE}, /* Break */
    {0xff14, KEY_SCROLLLOCK},
    {0xff15, KEY_SYSRQ}, /* Sys_Req */
    {0xff61, KEY_SYSRQ}, /* Print */
    {0xff1b, KEY_ESC},
    {0xffff, KEY_DELETE},
    {0xff50, KEY_HOME},
    {0xff51, KEY_LEFT},
    {0xff52, KEY_UP},
    {0xff53, KEY_RIGHT},
    {0xff54, KEY_DOWN},
    {0xff55, KEY_PAGEUP},
    {0xff56, KEY_PAGEDOWN},
    {0xff57, KEY_END},
    {0xff63, KEY_INSERT},
    {0xff67, KEY_COMPOSE}, /* Menu */
    {0xff7f, KEY_NUMLOCK},
    {0xff8d, KEY_KPENTER},
    {0xff95, KEY_KP7},
    {0xff96, KEY_KP4},
    {0xff97, KEY_KP8},
    {0xff98, KEY_KP6},
    {0xff99, KEY_KP2},
    {0xff9a, KEY_KP9},
    {0xff9b, KEY_KP3},
    {0xff9c, KEY_KP1},
    {0xff9d, KEY_KP5},
    {0xff9e, KEY_KP0},
    {0xff9f, KEY_KPDOT},
    {0xffaa, KEY_KPASTERISK},
    {0xffab, KEY_KPPLUS},
    {0xffac, KEY_KPDOT}, /* KP_Separator */
    {0xffad, KEY_KPMINUS},
    {0xffae, KEY_KPDOT},
    {0xffaf, KEY_KPSLASH},
    {0xffb0, KEY_KP0},
    {0xffb1, KEY_KP1},
    {0xffb2, KEY_KP2},
    {0xffb3, KEY_KP3},
    {0xffb4, KEY_KP4},
    {0xffb5, KEY_KP5},
    {0xffb6, KEY_KP6},
    {0xffb7, KEY_KP7},
    {0xffb8, KEY_KP8},
    {0xffb9, KEY_KP9},
    {0xffbd, KEY_KPEQUAL},
    {0xffbe, KEY_F1},
    {0xffbf, KEY_F2},
    {0xffc0, KEY_F3},
    {0xffc1, KEY_F4},
    {0xffc2, KEY_F5},
    {0xffc3, KEY_F6},
    {0xffc4, KEY_F7},
    {0xffc5, KEY_F8},
    {0xffc6, KEY_F9},
    {0xffc7, KEY_F10},
    {0xffc8, KEY_F11},
    {0xffc9, KEY_F12},
    {0xffe1, KEY_LEFTSHIFT},
    {0xffe2, KEY_RIGHTSHIFT},
    {0xffe3, KEY_LEFTCTRL},
    {0xffe4, KEY_RIGHTCTRL},
    {0xffe5, KEY_CAPSLOCK},
    {0xffe7, KEY_LEFTALT}, /* Meta */
    {0xffe8, KEY_RIGHTALT},
    {0xffe9, KEY_LEFTALT},
    {0xffea, KEY_RIGHTALT},
    {0xffeb, KEY_LEFTMETA}, /* Super */
    {0xffec, KEY_RIGHTMETA},
    {0xfe03, KEY_RIGHTALT}, /* ISO_Level3_Shift */
    {0xff7e, KEY_RIGHTALT}, /* Mode_switch */
    {0xff20, KEY_COMPOSE},  /* Multi_key */
    {0xff21, KEY_MUHENKAN},
    {0xff23, KEY_HENKAN},
    {0xff27, KEY_KATAKANAHIRAGANA},
    {0xff2a, KEY_ZENKAKUHANKAKU},
    {0xff31, KEY_HANGEUL},
    {0xff34, KEY_HANJA},
};

/* ---- en-us ----------------------------------------------------------------------------------- */

/* Rows of the keyboard, whose codes count up. */
static const struct {
    const char *plain, *shifted;
    uint16_t first;
} us_rows[] = {
    {"1234567890-=", "!@#$%^&*()_+", KEY_1},
    {"qwertyuiop[]", "QWERTYUIOP{}", KEY_Q},
    {"asdfghjkl;'`", "ASDFGHJKL:\"~", KEY_A},
    {"\\zxcvbnm,./", "|ZXCVBNM<>?", KEY_BACKSLASH},
    {" ", " ", KEY_SPACE},
};

static bool add_us(struct keyboard_layout *layout)
{
    bool ok = true;

    for (unsigned r = 0; r < ARRAY_SIZE(us_rows); r++) {
        for (unsigned i = 0; us_rows[r].plain[i]; i++) {
            char plain = us_rows[r].plain[i], shifted = us_rows[r].shifted[i];
            struct keyboard_key key = {
                .code = us_rows[r].first + i,
                .any_level = plain == shifted,
                .alphabetical = plain >= 'a' && plain <= 'z',
            };
            ok = ok && keyboard_add(layout, (uint8_t)plain, key);
            key.level = KEYBOARD_SHIFT;
            ok = ok && keyboard_add(layout, (uint8_t)shifted, key);
        }
    }
    return ok;
}

/* ---- layouts --------------------------------------------------------------------------------- */

bool keyboard_add(struct keyboard_layout *layout, uint32_t keysym, struct keyboard_key key)
{
    if (layout->count == layout->room) {
        size_t room = MAX(2 * layout->room, 256);
        struct keyboard_entry *entries = realloc(layout->entries, room * sizeof *entries);
        if (!entries)
            return false;
        layout->entries = entries;
        layout->room = room;
    }
    layout->entries[layout->count++] = (struct keyboard_entry){keysym, key};
    return true;
}

/* A stable order: what was added first counts, but fewer modifiers count more. */
static void sort_entries(struct keyboard_layout *layout)
{
    for (size_t i = 1; i < layout->count; i++) {
        struct keyboard_entry e = layout->entries[i];
        size_t at = i;
        while (at && (layout->entries[at - 1].keysym > e.keysym ||
                      (layout->entries[at - 1].keysym == e.keysym &&
                       layout->entries[at - 1].key.level > e.key.level))) {
            layout->entries[at] = layout->entries[at - 1];
            at--;
        }
        layout->entries[at] = e;
    }
}

static size_t find_first(const struct keyboard_layout *layout, uint32_t keysym)
{
    size_t low = 0, high = layout->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (layout->entries[mid].keysym < keysym)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Of a layout without Latin letters those of en-us stand in, for what programs call keys by. */
static bool add_missing_us(struct keyboard_layout *layout)
{
    struct keyboard_layout us = {0};
    bool ok = add_us(&us);
    size_t had = layout->count;

    for (size_t i = 0; ok && i < us.count; i++) {
        struct keyboard_layout before = {layout->entries, had, had};
        size_t at = find_first(&before, us.entries[i].keysym);
        if (at == had || before.entries[at].keysym != us.entries[i].keysym)
            ok = keyboard_add(layout, us.entries[i].keysym, us.entries[i].key);
    }
    free(us.entries);
    return ok;
}

struct keyboard_layout *keyboard_layout_new(const char *name, const char *origin,
                                            struct vemu_error **errp)
{
    struct keyboard_layout *layout = calloc(1, sizeof *layout);
    bool built_in = !name || strcmp(name, "en-us") == 0 || strcmp(name, "us") == 0;

    if (layout && !built_in && !keyboard_add_host(layout, name, origin, errp)) {
        keyboard_layout_free(layout);
        return NULL;
    }
    if (layout)
        sort_entries(layout);
    if (!layout || !(built_in ? add_us(layout) : add_missing_us(layout))) {
        keyboard_layout_free(layout);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    sort_entries(layout);
    return layout;
}

void keyboard_layout_free(struct keyboard_layout *layout)
{
    if (layout)
        free(layout->entries);
    free(layout);
}

bool keyboard_find(const struct keyboard_layout *layout, uint32_t keysym, struct keyboard_key *key)
{
    size_t at;

    for (unsigned i = 0; i < ARRAY_SIZE(fixed_keys); i++) {
        if (fixed_keys[i].keysym == keysym) {
            *key = (struct keyboard_key){.code = fixed_keys[i].code, .any_level = true};
            return true;
        }
    }
    /* Unicode's first page has keysyms of the same value. */
    if (keysym >= 0x1000020 && keysym <= 0x10000ff)
        keysym &= 0xff;
    at = find_first(layout, keysym);
    if (at == layout->count || layout->entries[at].keysym != keysym)
        return false;
    *key = layout->entries[at].key;
    return true;
}

/* ---- what is held down ----------------------------------------------------------------------- */

static bool is_down(const struct vnc_keys *keys, uint16_t code)
{
    return keys->down[code / 8] >> code % 8 & 1;
}

static void send_key(struct vemu_machine *m, const struct vnc_keys *keys, uint16_t code, int value)
{
    const struct input_event e = {.type = EV_KEY, .code = code, .value = value};

    input_send_paced(m, NULL, &e, 1, keys->pause_ns);
}

void keys_code(struct vemu_machine *m, struct vnc_keys *keys, uint16_t code, bool down)
{
    if (!code || code > KEY_MAX || (!down && !is_down(keys, code)))
        return;
    /* A key that goes down again without having come up repeats. */
    const int value = !down ? 0 : is_down(keys, code) ? 2 : 1;
    if (down)
        keys->down[code / 8] |= (uint8_t)(1 << code % 8);
    else
        keys->down[code / 8] &= (uint8_t) ~(1 << code % 8);
    send_key(m, keys, code, value);
}

/* Modifiers as the guest would need to have them, without a trace in what is held. */
struct adjust {
    uint16_t code;
    bool down; /* for the time of the key */
};

static unsigned add_shift(const struct vnc_keys *keys, bool want, struct adjust *list)
{
    bool left = is_down(keys, KEY_LEFTSHIFT), right = is_down(keys, KEY_RIGHTSHIFT);
    unsigned n = 0;

    if (want && !left && !right)
        list[n++] = (struct adjust){KEY_LEFTSHIFT, true};
    if (!want && left)
        list[n++] = (struct adjust){KEY_LEFTSHIFT, false};
    if (!want && right)
        list[n++] = (struct adjust){KEY_RIGHTSHIFT, false};
    return n;
}

static unsigned adjustments(struct vemu_machine *m, const struct vnc_keys *keys,
                            const struct keyboard_key *key, struct adjust *list)
{
    bool shift = key->level & KEYBOARD_SHIFT, altgr = key->level & KEYBOARD_ALTGR;
    unsigned n = 0;

    /* With those it is a command, and the keys are meant as they are. */
    if (key->any_level || is_down(keys, KEY_LEFTCTRL) || is_down(keys, KEY_RIGHTCTRL) ||
        is_down(keys, KEY_LEFTALT) || is_down(keys, KEY_LEFTMETA) || is_down(keys, KEY_RIGHTMETA))
        return 0;
    if (key->alphabetical && input_leds(m) & INPUT_LED_CAPS)
        shift = !shift;
    n += add_shift(keys, shift, list);
    if (altgr != is_down(keys, KEY_RIGHTALT))
        list[n++] = (struct adjust){KEY_RIGHTALT, altgr};
    return n;
}

static void press(struct vemu_machine *m, struct vnc_keys *keys, const struct keyboard_key *key)
{
    struct adjust list[4];
    unsigned n = adjustments(m, keys, key, list);

    for (unsigned i = 0; i < n; i++)
        send_key(m, keys, list[i].code, list[i].down);
    keys_code(m, keys, key->code, true);
    while (n--)
        send_key(m, keys, list[n].code, !list[n].down);
}

bool keys_symbol(struct vemu_machine *m, const struct keyboard_layout *layout,
                 struct vnc_keys *keys, uint32_t keysym, bool down)
{
    struct keyboard_key key;
    unsigned i = 0;

    while (i < keys->held_count && keys->held[i].keysym != keysym)
        i++;
    if (!down) {
        if (i == keys->held_count)
            return true;
        keys_code(m, keys, keys->held[i].code, false);
        keys->held[i] = keys->held[--keys->held_count];
        return true;
    }
    if (!keyboard_find(layout, keysym, &key))
        return false;
    if (i == keys->held_count) {
        if (i == VNC_KEYS_HELD_MAX)
            return true;
        keys->held[keys->held_count].keysym = keysym;
        keys->held[keys->held_count++].code = key.code;
    }
    press(m, keys, &key);
    return true;
}

/* What the keysym says of Num Lock and Caps Lock; 0: nothing. */
static unsigned says_of(const struct vnc_keys *keys, uint32_t keysym, bool caps, bool *on)
{
    const bool upper = keysym >= 'A' && keysym <= 'Z', lower = keysym >= 'a' && keysym <= 'z';

    if (keysym >= 0xff95 && keysym <= 0xff9f) { /* KP_Home to KP_Delete */
        *on = false;
        return INPUT_LED_NUM;
    }
    if (keysym >= 0xffae && keysym <= 0xffb9 && keysym != 0xffaf) { /* KP_Decimal, KP_0 to 9 */
        *on = true;
        return INPUT_LED_NUM;
    }
    if (caps && (upper || lower)) {
        *on = upper != (is_down(keys, KEY_LEFTSHIFT) || is_down(keys, KEY_RIGHTSHIFT));
        return INPUT_LED_CAPS;
    }
    return 0;
}

void keys_sync_locks(struct vemu_machine *m, struct vnc_keys *keys, uint32_t keysym, bool caps)
{
    const unsigned leds = input_leds(m);
    bool on = false;
    const unsigned lamp = says_of(keys, keysym, caps, &on);
    const uint16_t code = lamp == INPUT_LED_NUM ? KEY_NUMLOCK : KEY_CAPSLOCK;

    /* Lamps that moved are the guest's answer. */
    keys->locked &= ~(leds ^ keys->lamps);
    keys->lamps = leds;
    if (!lamp || on == ((leds & lamp) != 0) || keys->locked & lamp || is_down(keys, code))
        return;
    keys->locked |= lamp;
    send_key(m, keys, code, 1);
    send_key(m, keys, code, 0);
}

void keys_release(struct vemu_machine *m, struct vnc_keys *keys)
{
    for (uint16_t code = 1; code <= KEY_MAX; code++)
        keys_code(m, keys, code, false);
    keys->held_count = 0;
}
