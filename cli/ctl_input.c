/* `vemu ctl NAME type TEXT` and `send-key KEYS`. */
#include <config.h>
#if CONFIG_JANSSON
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <vemu/input.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "cli/ctl_parts.h"

enum { TYPE_MS = 20, PAUSE_MS = 6, AHEAD = 256, NAME_MOST = 40 };

static json_t *key_value(const char *key)
{
    return json_pack("{s:s,s:s}", "type", "qcode", "data", key);
}

static bool press(struct control *c, json_t *keys, int hold_ms)
{
    json_t *value =
        control_ask(c, "send-key",
                    hold_ms < 0 ? json_pack("{s:o}", "keys", keys)
                                : json_pack("{s:o,s:i}", "keys", keys, "hold-time", hold_ms));
    const bool ok = value;
    json_decref(value);
    return ok;
}

/* ctrl-alt-delete */
int ctl_send_key(struct control *c, const char *name, int argc, const char *const *argv)
{
    json_t *keys = json_array();
    const char *at = argv[0];

    (void)argc;
    for (;;) {
        const int len = (int)strcspn(at, "-");
        char key[NAME_MOST];
        snprintf(key, sizeof key, "%.*s", len, at);
        if (!vemu_key_from_name(key)) {
            json_decref(keys);
            return cli_fail("'%.40s' is not the name of a key; names are those of docs/qmp.md, as "
                            "in ctrl-alt-delete, shift-a, ret, spc, minus",
                            key);
        }
        json_array_append_new(keys, key_value(key));
        if (!at[len])
            break;
        at += len + 1;
    }
    return press(c, keys, -1) ? 0 : cli_fail("machine '%s': %s", name, c->why);
}

/* The machine keeps a bounded number of presses, so a long text is sent at the pace of typing. */
int ctl_type(struct control *c, const char *name, int argc, const char *const *argv)
{
    const char *text = argv[0];

    (void)argc;
    for (size_t n = 0; text[n]; n++) {
        uint16_t key;
        bool shift;
        if (!vemu_key_from_char(text[n], &key, &shift))
            return cli_fail("there is no key for character %zu of the text: it is ASCII, and typed "
                            "as on a keyboard of the United States",
                            n + 1);
    }
    for (size_t n = 0; text[n]; n++) {
        json_t *keys = json_array();
        uint16_t key;
        bool shift;
        vemu_key_from_char(text[n], &key, &shift);
        if (shift)
            json_array_append_new(keys, key_value("shift"));
        json_array_append_new(keys, key_value(vemu_key_name(key)));
        if (!press(c, keys, TYPE_MS))
            return cli_fail("machine '%s': %s", name, c->why);
        if (n >= AHEAD)
            nanosleep(&(struct timespec){.tv_nsec = (TYPE_MS + PAUSE_MS) * 1000000L}, NULL);
    }
    return 0;
}
#endif
