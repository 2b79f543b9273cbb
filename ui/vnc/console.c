/*
 * Text consoles by VNC: Ctrl-Alt-1 to 9 of a viewer show another of the machine's displays to all
 * viewers of the server, and what is typed while that is a console goes to it as text, since a
 * keysym says what a key stands for on the viewer's keyboard.
 */
#include <string.h>

#include "core/util/range.h"
#include "ui/vnc/internal.h"

enum { FIRST_SPECIAL = 0xfe00, UNICODE = 0x1000000, CTRL_ALT = DISPLAY_CTRL | DISPLAY_ALT };

static unsigned modifier(uint32_t keysym)
{
    switch (keysym) {
    case 0xffe1:
    case 0xffe2:
        return DISPLAY_SHIFT;
    case 0xffe3:
    case 0xffe4:
        return DISPLAY_CTRL;
    case 0xffe7: /* Meta */
    case 0xffe9:
        return DISPLAY_ALT;
    default:
        return 0;
    }
}

/* What the keypad types; 0: nothing. */
static char keypad(uint32_t keysym)
{
    static const char others[] = "*+,-./";

    if (keysym >= 0xffb0 && keysym <= 0xffb9)
        return (char)('0' + (keysym - 0xffb0));
    return keysym >= 0xffaa && keysym <= 0xffaf ? others[keysym - 0xffaa] : 0;
}

/* The character of a keysym: those of Latin-1 are the same, and Unicode's are told apart by a bit.
 */
static uint32_t character(uint32_t keysym)
{
    if (keysym == 0x20ac)
        return keysym;
    if (keysym > UNICODE && keysym <= UNICODE + 0x10ffff)
        keysym -= UNICODE;
    else if (keysym > 0xff)
        return (uint32_t)keypad(keysym);
    if (keysym < ' ' || (keysym >= 0x7f && keysym < 0xa0) || (keysym >= 0xd800 && keysym < 0xe000))
        return 0;
    return keysym;
}

static uint8_t put_utf8(char *to, uint32_t code)
{
    const unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

    for (unsigned n = more; n; n--, code >>= 6)
        to[n] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(more ? (0xf0 << (3 - more) & 0xff) | code : code);
    return (uint8_t)(more + 1);
}

static void type(struct vnc_client *c, uint32_t keysym)
{
    struct vnc_errands *e = &c->s->errands;
    struct vnc_typed typed = {.mods = (uint8_t)c->console_mods};
    const uint32_t code = character(keysym);
    struct keyboard_key key;

    if (code)
        typed.len = put_utf8(typed.text, code);
    else if (keysym >= FIRST_SPECIAL && keyboard_find(c->s->layout, keysym, &key))
        typed.key = key.code;
    else
        return;
    if (e->typed_count < VNC_TYPED_MAX) /* who types faster than the machine goes loses some */
        e->typed[e->typed_count++] = typed;
}

/* Ctrl-Alt and a digit. What viewers held down at the guest's keyboard does not stay so. */
static bool switches(struct vnc_client *c, unsigned mods, uint32_t keysym)
{
    struct vnc_server *s = c->s;

    if ((mods & CTRL_ALT) != CTRL_ALT || keysym < '1' || keysym > '9' ||
        keysym - '0' > s->displays || s->displays < 2)
        return false; /* with one display alone there is nothing to switch between */
    s->errands.show = keysym - '0';
    list_for_each(other, &s->clients, struct vnc_client, node)
    {
        keys_release(s->m, &other->keys);
        other->console_mods = 0;
    }
    c->console_mods = mods; /* they are still down */
    return true;
}

bool console_key(struct vnc_client *c, uint32_t keysym, uint16_t code, bool down)
{
    const unsigned mod = modifier(keysym);

    /* A digit's key is one whatever Alt makes of it. */
    if (code >= KEY_1 && code <= KEY_9 && (c->console_mods & CTRL_ALT) == CTRL_ALT)
        keysym = '1' + (uint32_t)(code - KEY_1);
    c->console_mods = down ? c->console_mods | mod : c->console_mods & ~mod;
    if (down && switches(c, c->console_mods, keysym))
        return true;
    if (!c->s->console)
        return false;
    if (down && !mod)
        type(c, keysym);
    return true;
}

void console_errands(struct vnc_server *s, const struct vnc_errands *e)
{
    for (unsigned n = 0; s->watching && s->display && n < e->typed_count; n++) {
        const struct vnc_typed *t = &e->typed[n];
        const struct display_typed typed = {
            .text = t->text, .len = t->len, .key = t->key, .mods = t->mods};
        display_type(s->display, &typed);
    }
}
