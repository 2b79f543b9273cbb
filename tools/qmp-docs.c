/*
 * Writes docs/qmp.md from the tables of the control protocol.
 *
 *   tools/qmp-docs [FILE]    default: standard output
 */
#include <stdio.h>
#include <string.h>

#include "libvemu/qmp/commands.h"

enum { TYPES_MAX = 256 };

/* The types that are met, in that order, each once: they are described at the end. */
static const struct qmp_type *types[TYPES_MAX];
static unsigned type_count;

static void note(const struct qmp_type *type)
{
    if (type->kind == QMP_KIND_ARRAY)
        type = type->element;
    if (type->kind != QMP_KIND_OBJECT && type->kind != QMP_KIND_ENUM)
        return;
    for (unsigned i = 0; i < type_count; i++) {
        if (types[i] == type)
            return;
    }
    if (type_count < TYPES_MAX)
        types[type_count++] = type;
}

static void write_type_name(FILE *out, const struct qmp_type *type)
{
    const struct qmp_type *base = type->kind == QMP_KIND_ARRAY ? type->element : type;
    bool list = type->kind == QMP_KIND_ARRAY;

    note(type);
    if (base->kind != QMP_KIND_OBJECT && base->kind != QMP_KIND_ENUM) {
        fprintf(out, "%s%s", list ? "list of " : "", base->name);
        return;
    }
    fprintf(out, "%s[%s](#", list ? "list of " : "", base->name);
    for (const char *p = base->name; *p; p++)
        fputc(*p >= 'A' && *p <= 'Z' ? *p + 'a' - 'A' : *p, out);
    fputc(')', out);
}

static void write_members(FILE *out, const struct qmp_type *type)
{
    if (!type || !type->members || !type->members->name)
        return;
    fprintf(out, "\n| member | type | |\n|--------|------|-|\n");
    for (const struct qmp_member *m = type->members; m->name; m++) {
        fprintf(out, "| `%s` | ", m->name);
        write_type_name(out, m->type);
        fprintf(out, " | %s%s%s |\n", m->optional ? "optional" : "",
                m->optional && m->doc ? "; " : "", m->doc ? m->doc : "");
    }
}

static void write_command(FILE *out, const struct qmp_command *c)
{
    fprintf(out, "\n### %s\n", c->name);
    if (c->doc)
        fprintf(out, "\n%s\n", c->doc);
    write_members(out, c->arguments);
    if (c->returns) {
        fprintf(out, "\nReturns: ");
        write_type_name(out, c->returns);
        fprintf(out, "\n");
    }
}

static void write_type(FILE *out, const struct qmp_type *type)
{
    fprintf(out, "\n### %s\n", type->name);
    if (type->doc)
        fprintf(out, "\n%s\n", type->doc);
    if (type->kind == QMP_KIND_ENUM) {
        fprintf(out, "\nOne of");
        for (const char *const *v = type->values; *v; v++)
            fprintf(out, " `%s`", *v);
        fprintf(out, "\n");
    }
    write_members(out, type);
}

static void write_page(FILE *out)
{
    fprintf(out,
            "# The control protocol\n\n"
            "Written by `make docs-qmp` from `libvemu/qmp/schema.c`.\n\n"
            "A machine speaks QMP, the protocol that management programs for virtual machines "
            "know, on `-qmp BACKEND`,\n`-mon chardev=ID,mode=control`, and on the socket of "
            "`-control PATH`, which takes several clients. `vemu run`\nmakes such a socket for "
            "each machine; `vemu list` and `vemu ctl` use it.\n\n"
            "Messages are JSON objects; the machine ends each with CR and LF. It greets, waits "
            "for `qmp_capabilities`, and then\nanswers commands in order:\n\n"
            "    <- {\"QMP\": {\"version\": {...}, \"capabilities\": []}}\n"
            "    -> {\"execute\": \"qmp_capabilities\"}\n"
            "    <- {\"return\": {}}\n"
            "    -> {\"execute\": \"query-status\", \"id\": 1}\n"
            "    <- {\"return\": {\"running\": true, \"status\": \"running\"}, \"id\": 1}\n"
            "    -> {\"execute\": \"stop\"}\n"
            "    <- {\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": "
            "\"STOP\"}\n"
            "    <- {\"return\": {}}\n\n"
            "Errors are `{\"error\": {\"class\": CLASS, \"desc\": SENTENCE}}`; the class is "
            "CommandNotFound, DeviceNotFound,\nDeviceNotActive, KVMMissingCap or GenericError. "
            "A message has at most 1 MiB and 64 levels. A client that does\nnot read its replies "
            "gets no command run; one that lets 8 MiB of events pile up is let go. Out-of-band "
            "commands\nare not offered.\n");
    fprintf(out, "\n## Commands\n");
    for (const struct qmp_command *c = qmp_schema.commands; c->name; c++)
        write_command(out, c);
    fprintf(out, "\n## Events\n");
    for (const struct qmp_event *e = qmp_schema.events; e->name; e++) {
        fprintf(out, "\n### %s\n\n%s\n", e->name, e->doc);
        write_members(out, e->data);
    }
    fprintf(out, "\n## Types\n");
    for (unsigned i = 0; i < type_count; i++)
        write_type(out, types[i]);
}

int main(int argc, char **argv)
{
    FILE *out = argc > 1 ? fopen(argv[1], "w") : stdout;

    if (!out) {
        perror(argv[1]);
        return 1;
    }
    write_page(out);
    if (fclose(out) != 0) {
        perror("writing");
        return 1;
    }
    return 0;
}
