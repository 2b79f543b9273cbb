/* Texts for people: the translator's counters, and the few of them that scripts ask a monitor for.
 */
#include "libvemu/qmp/commands.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/range.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"
#include "libvemu/text.h"

QMP_COMMAND(qmp_x_query_jit)
{
    struct lib_machine *lm = opaque;
    char *text = vemu_machine_jit_info(&lm->m);
    json_t *value = json_pack("{s:s}", "human-readable-text", text ? text : "");

    (void)args, (void)err;
    vemu_string_free(text);
    return value;
}

/* ---- human-monitor-command ------------------------------------------------------------------- */

static void info_status(struct lib_machine *lm, struct text *t)
{
    enum run_state state = run_state(lm);

    if (state == RUN_STATE_RUNNING)
        text_add(t, "VM status: running\r\n");
    else
        text_add(t, "VM status: paused (%s)\r\n", qmp_run_states[state]);
}

static void info_jit(struct lib_machine *lm, struct text *t)
{
    char *text = vemu_machine_jit_info(&lm->m);

    for (char *line = text, *rest; line && *line; line = rest) {
        rest = line + strcspn(line, "\n");
        text_add(t, "%.*s\r\n", (int)(rest - line), line);
        rest += *rest == '\n';
    }
    vemu_string_free(text);
}

static void info_name(struct lib_machine *lm, struct text *t)
{
    text_add(t, "%s\r\n", config_value(lm->config, "name.guest", ""));
}

static void info_uuid(struct lib_machine *lm, struct text *t)
{
    text_add(t, "%s\r\n", config_value(lm->config, "uuid", "00000000-0000-0000-0000-000000000000"));
}

static void info_version(struct lib_machine *lm, struct text *t)
{
    (void)lm;
    text_add(t, "%u.%u.%u (%s)\r\n", qmp_schema.major, qmp_schema.minor, qmp_schema.micro,
             qmp_schema.package);
}

static const struct {
    const char *line;
    void (*say)(struct lib_machine *lm, struct text *t);
} texts[] = {
    {"info jit", info_jit},   {"info name", info_name},       {"info status", info_status},
    {"info uuid", info_uuid}, {"info version", info_version},
};

QMP_COMMAND(qmp_human_monitor_command)
{
    const char *line = json_string_value(json_object_get(args, "command-line"));
    struct lib_machine *lm = opaque;
    struct text t = {0};
    json_t *value;
    unsigned i = 0;

    (void)err;
    while (i < ARRAY_SIZE(texts) && strcmp(texts[i].line, line) != 0)
        i++;
    if (i < ARRAY_SIZE(texts)) {
        texts[i].say(lm, &t);
    } else {
        if (strcmp(line, "help") != 0)
            text_add(&t, "there is no command '%.80s'; there are:\r\n", line);
        for (i = 0; i < ARRAY_SIZE(texts); i++)
            text_add(&t, "%s\r\n", texts[i].line);
    }
    value = qmp_string(t.data ? t.data : "");
    free(t.data);
    return value;
}
