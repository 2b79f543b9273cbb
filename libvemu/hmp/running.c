/* Running, resetting, keys, and the screen. */
#include "libvemu/hmp/hmp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/input/input.h"
#include "libvemu/machine.h"

enum { KEY_MAX_LEN = 32 };

static void run_quit(struct hmp *h, char *args)
{
    (void)args;
    hmp_do(h, "quit", NULL);
}

static void run_stop(struct hmp *h, char *args)
{
    (void)args;
    hmp_do(h, "stop", NULL);
}

static void run_cont(struct hmp *h, char *args)
{
    (void)args;
    hmp_do(h, "cont", NULL);
}

static void run_system_reset(struct hmp *h, char *args)
{
    (void)args;
    hmp_do(h, "system_reset", NULL);
}

static void run_system_powerdown(struct hmp *h, char *args)
{
    (void)args;
    hmp_do(h, "system_powerdown", NULL);
}

static void run_nmi(struct hmp *h, char *args)
{
    (void)args;
    hmp_do(h, "inject-nmi", NULL);
}

/* ---- keys and the pointer -------------------------------------------------------------------- */

/* ctrl-alt-delete; 0x1e is a key by its number. */
static void run_sendkey(struct hmp *h, char *args)
{
    const char *keys = hmp_word(&args), *hold = hmp_word(&args);
    json_t *list = json_array(), *call;
    char key[KEY_MAX_LEN];
    uint64_t ms;

    if (!keys) {
        json_decref(list);
        hmp_usage(h);
        return;
    }
    for (size_t len; *keys; keys += len + (keys[len] == '-')) {
        len = strcspn(keys, "-");
        if (!len) /* "ctrl--" is Ctrl and the minus sign */
            len = 1;
        snprintf(key, sizeof key, "%.*s", (int)len, keys);
        if (strncmp(key, "0x", 2) == 0)
            json_array_append_new(list, json_pack("{s:s,s:I}", "type", "number", "data",
                                                  (json_int_t)strtoul(key, NULL, 16)));
        else
            json_array_append_new(list, json_pack("{s:s,s:s}", "type", "qcode", "data",
                                                  key[0] == '-' ? "minus" : key));
    }
    call = json_pack("{s:o}", "keys", list);
    if (hold && hmp_number_of(h, hold, &ms))
        json_object_set_new(call, "hold-time", json_integer((json_int_t)ms));
    hmp_do(h, "send-key", call);
}

static void run_mouse_move(struct hmp *h, char *args)
{
    static const uint16_t axes[] = {REL_X, REL_Y, REL_WHEEL};
    struct input_event e[3];
    const char *word;
    unsigned n = 0;

    while (n < 3 && (word = hmp_word(&args))) {
        e[n] = (struct input_event){EV_REL, axes[n], (int32_t)strtol(word, NULL, 0)};
        n++;
    }
    if (n < 2)
        hmp_usage(h);
    else
        input_send(&h->lm->m, NULL, e, n);
}

static void run_mouse_button(struct hmp *h, char *args)
{
    static const uint16_t buttons[] = {BTN_LEFT, BTN_MIDDLE, BTN_RIGHT};
    const char *word = hmp_word(&args);
    uint64_t bits;

    if (!word) {
        hmp_usage(h);
        return;
    }
    if (!hmp_number_of(h, word, &bits))
        return;
    for (unsigned n = 0; n < 3; n++)
        input_send_key(&h->lm->m, buttons[n], bits >> n & 1);
}

/* ---- the screen ------------------------------------------------------------------------------ */

static void run_screendump(struct hmp *h, char *args)
{
    const char *format = hmp_flag(&args, 'f') ? hmp_word(&args) : NULL;
    const char *file = hmp_word(&args), *device, *head;
    uint64_t n;

    if (!format && hmp_flag(&args, 'f'))
        format = hmp_word(&args);
    device = hmp_word(&args);
    head = hmp_word(&args);
    if (!file) {
        hmp_usage(h);
        return;
    }
    json_t *call = json_pack("{s:s}", "filename", file);
    if (format)
        json_object_set_new(call, "format", json_string(format));
    if (device)
        json_object_set_new(call, "device", json_string(device));
    if (head && hmp_number_of(h, head, &n))
        json_object_set_new(call, "head", json_integer((json_int_t)n));
    hmp_do(h, "screendump", call);
}

static void run_screen_text(struct hmp *h, char *args)
{
    json_t *value = hmp_call(h, "x-screen-text", NULL);

    (void)args;
    hmp_say(h, "%s", hmp_text(value, "human-readable-text"));
    json_decref(value);
}

/* PROTOCOL PASSWORD [-d DISPLAY] [ACTION] */
static void run_set_password(struct hmp *h, char *args)
{
    const char *protocol = hmp_word(&args), *password = hmp_word(&args);
    const char *display = hmp_flag(&args, 'd') ? hmp_word(&args) : NULL, *action = hmp_word(&args);

    if (!password) {
        hmp_usage(h);
        return;
    }
    json_t *call = json_pack("{s:s,s:s}", "protocol", protocol, "password", password);
    if (display)
        json_object_set_new(call, "display", json_string(display));
    if (action)
        json_object_set_new(call, "connected", json_string(action));
    hmp_do(h, "set_password", call);
}

static void run_expire_password(struct hmp *h, char *args)
{
    const char *protocol = hmp_word(&args), *time = hmp_word(&args);
    const char *display = hmp_flag(&args, 'd') ? hmp_word(&args) : NULL;

    if (!time) {
        hmp_usage(h);
        return;
    }
    json_t *call = json_pack("{s:s,s:s}", "protocol", protocol, "time", time);
    if (display)
        json_object_set_new(call, "display", json_string(display));
    hmp_do(h, "expire_password", call);
}

const struct hmp_command hmp_running[] = {
    {"quit", "q", NULL, "end the machine at once", run_quit},
    {"stop", "s", NULL, "stop the vCPUs", run_stop},
    {"cont", "c", NULL, "go on", run_cont},
    {"system_reset", NULL, NULL, "press reset", run_system_reset},
    {"system_powerdown", NULL, NULL, "press the power button", run_system_powerdown},
    {"nmi", NULL, NULL, "an NMI on every vCPU", run_nmi},
    {"sendkey", NULL, "KEY[-KEY...] [MS]", "press keys together, as in ctrl-alt-delete",
     run_sendkey},
    {"mouse_move", NULL, "DX DY [DZ]", "move the pointer", run_mouse_move},
    {"mouse_button", NULL, "STATE", "buttons that are down: 1 left, 2 middle, 4 right",
     run_mouse_button},
    {"screendump", NULL, "FILE [-f ppm|png] [DEVICE [HEAD]]", "a picture of the screen",
     run_screendump},
    {"screen_text", NULL, NULL, "what a text screen shows", run_screen_text},
    {"set_password", NULL, "vnc PASSWORD [-d ID] [keep|fail|disconnect]",
     "the password of a VNC server with password=on", run_set_password},
    {"expire_password", NULL, "vnc TIME [-d ID]", "from when it is of no use", run_expire_password},
    {.name = NULL},
};
