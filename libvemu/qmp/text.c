/* Texts for people: the translator's counters, and what the monitor for people says. */
#include "libvemu/qmp/commands.h"

#include <stdlib.h>

#include "libvemu/hmp/hmp.h"
#include "libvemu/machine.h"

QMP_COMMAND(qmp_x_query_jit)
{
    struct lib_machine *lm = opaque;
    char *text = vemu_machine_jit_info(&lm->m);
    json_t *value = json_pack("{s:s}", "human-readable-text", text ? text : "");

    (void)args, (void)err;
    vemu_string_free(text);
    return value;
}

/* A client has no vCPU of its own: cpu-index is whom it means this time. */
QMP_COMMAND(qmp_human_monitor_command)
{
    const json_t *index = json_object_get(args, "cpu-index");
    struct lib_machine *lm = opaque;
    const unsigned before = lm->hmp_cpu;
    json_t *value;
    char *text;

    if (index && (json_integer_value(index) < 0 || json_integer_value(index) >= lm->m.vcpu_count))
        return qmp_fail(err, QMP_GENERIC_ERROR, "there is no vCPU %lld; the machine has %u",
                        (long long)json_integer_value(index), lm->m.vcpu_count);
    if (index)
        lm->hmp_cpu = (unsigned)json_integer_value(index);
    text = hmp_run(lm, json_string_value(json_object_get(args, "command-line")));
    lm->hmp_cpu = before;
    value = qmp_string(text ? text : "");
    free(text);
    return value;
}
