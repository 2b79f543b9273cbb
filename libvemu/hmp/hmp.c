/* Lines to commands, help, completion: see hmp.h. */
#include "libvemu/hmp/hmp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vemu/version.h>

#include "core/util/range.h"
#include "libvemu/machine.h"
#include "libvemu/qmp/commands.h"

enum { QUOTE_MAX = 80, WORD_MAX = 64, MATCHES = 2 };

static const struct hmp_command general[] = {
    {"help", "?", "[COMMAND]", "what there is", hmp_help},
    {"info", NULL, "[SUBJECT]", "what there is to know; info alone lists it", hmp_info_run},
    {.name = NULL},
};

static const struct hmp_command *const tables[] = {general, hmp_running, hmp_looking, hmp_parts};

/* ---- texts ----------------------------------------------------------------------------------- */

void hmp_error(struct hmp *h, const char *fmt, ...)
{
    char text[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    hmp_say(h, "Error: %s\n", text);
}

const char *hmp_text(const json_t *value, const char *key)
{
    const char *text = json_string_value(json_object_get(value, key));

    return text ? text : "";
}

long long hmp_number(const json_t *value, const char *key)
{
    return json_integer_value(json_object_get(value, key));
}

bool hmp_is(const json_t *value, const char *key)
{
    return json_is_true(json_object_get(value, key));
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

char *hmp_word(char **args)
{
    char *in = *args, *word, *out;
    bool quoted = false;

    while (is_blank(*in))
        in++;
    if (!*in)
        return NULL;
    for (word = out = in; *in && (quoted || !is_blank(*in)); in++) {
        if (*in == '"')
            quoted = !quoted;
        else if (*in == '\\' && in[1])
            *out++ = *++in;
        else
            *out++ = *in;
    }
    *args = *in ? in + 1 : in;
    *out = 0;
    return word;
}

bool hmp_flag(char **args, char letter)
{
    char *in = *args;

    while (is_blank(*in))
        in++;
    if (in[0] != '-' || in[1] != letter || (in[2] && !is_blank(in[2])))
        return false;
    *args = in + 2;
    return true;
}

/* ---- commands -------------------------------------------------------------------------------- */

json_t *hmp_call(struct hmp *h, const char *command, json_t *args)
{
    const struct qmp_command *c = qmp_command_find(&qmp_schema, command);
    struct qmp_error err = {.text = "out of memory"};
    json_t *value = NULL;

    if (!args)
        args = json_object();
    if (args && c && qmp_check(c->arguments, args, "argument", &err))
        value = c->run(h->lm, args, &err);
    json_decref(args);
    if (!value)
        hmp_error(h, "%s", err.text);
    return value;
}

void hmp_do(struct hmp *h, const char *command, json_t *args)
{
    json_decref(hmp_call(h, command, args));
}

static bool is_called(const struct hmp_command *c, const char *word)
{
    return strcmp(c->name, word) == 0 || (c->alias && strcmp(c->alias, word) == 0);
}

static const struct hmp_command *find_in(const struct hmp_command *table, const char *word)
{
    for (const struct hmp_command *c = table; c->name; c++) {
        if (is_called(c, word))
            return c;
    }
    return NULL;
}

/* "x/4xg" is x with /4xg. */
static const struct hmp_command *find(const char *word)
{
    const struct hmp_command *c = NULL;

    for (unsigned t = 0; t < ARRAY_SIZE(tables) && !c; t++)
        c = find_in(tables[t], word);
    return c;
}

static const struct hmp_command *look_up(struct hmp *h, const char *word)
{
    const struct hmp_command *c = find(word);
    struct text_closest closest;

    if (c)
        return c;
    text_closest_init(&closest, word);
    for (unsigned t = 0; t < ARRAY_SIZE(tables); t++) {
        for (c = tables[t]; c->name; c++)
            text_closest_try(&closest, c->name);
    }
    if (closest.best)
        hmp_error(h, "there is no command '%.*s'; is it '%s'?", QUOTE_MAX, word, closest.best);
    else
        hmp_error(h, "there is no command '%.*s'; help lists what there is", QUOTE_MAX, word);
    return NULL;
}

static void show_usage(struct hmp *h, const char *before, const struct hmp_command *c)
{
    hmp_say(h, "%s%s%s%s%s%s -- %s\n", before, c->name, c->alias ? "|" : "",
            c->alias ? c->alias : "", c->args ? " " : "", c->args ? c->args : "", c->help);
}

void hmp_usage(struct hmp *h)
{
    const struct hmp_command *c = find(h->name);

    hmp_error(h, "usage: %s %s", h->name, c && c->args ? c->args : "");
}

void hmp_help(struct hmp *h, char *args)
{
    const char *word = hmp_word(&args);
    const struct hmp_command *c;

    if (word && strcmp(word, "info") == 0) {
        for (c = hmp_info; c->name; c++)
            show_usage(h, "info ", c);
    } else if (word) {
        if ((c = look_up(h, word)))
            show_usage(h, "", c);
    } else {
        for (unsigned t = 0; t < ARRAY_SIZE(tables); t++) {
            for (c = tables[t]; c->name; c++)
                show_usage(h, "", c);
        }
    }
}

void hmp_info_run(struct hmp *h, char *args)
{
    const char *word = hmp_word(&args);
    const struct hmp_command *c = word ? find_in(hmp_info, word) : NULL;

    if (c)
        c->run(h, args);
    else if (!word)
        hmp_help(h, (char[]){"info"});
    else
        hmp_error(h, "there is nothing to know of '%.*s'; info lists what there is", QUOTE_MAX,
                  word);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static char *with_cr(struct text *t)
{
    struct text out = {0};

    for (char *line = t->data, *end; line && *line; line = end) {
        end = line + strcspn(line, "\n");
        text_add(&out, "%.*s\r\n", (int)(end - line), line);
        end += *end == '\n';
    }
    free(t->data);
    return out.data;
}

char *hmp_run(void *opaque, const char *line)
{
    struct hmp h = {.lm = opaque};
    char *copy = strdup(line), *args = copy, *word, name[WORD_MAX];
    const struct hmp_command *c;

    while (args && is_blank(*args))
        args++;
    /* A format belongs to the command: x/4xg 0. */
    size_t len = args ? strcspn(args, " \t/") : 0;
    if (args && args[len] == '/' && len && len < sizeof name) {
        snprintf(name, sizeof name, "%.*s", (int)len, args);
        word = name;
        args += len;
    } else {
        word = args ? hmp_word(&args) : NULL;
    }
    if (word && *word != '#' && (c = look_up(&h, word))) {
        h.name = c->name;
        c->run(&h, args);
    }
    free(copy);
    return with_cr(&h.out);
}

/* ---- completion ------------------------------------------------------------------------------ */

static const char *nth_match(const struct hmp_command *table, const char *begin, unsigned *n)
{
    for (const struct hmp_command *c = table; c->name; c++) {
        if (strncmp(c->name, begin, strlen(begin)) == 0 && !(*n)--)
            return c->name;
    }
    return NULL;
}

static const char *candidate(void *opaque, const char *typed, unsigned n)
{
    const char *last = strrchr(typed, ' '), *word = NULL;
    size_t first;

    (void)opaque;
    typed += strspn(typed, " ");
    first = strcspn(typed, " ");
    if (!typed[first]) {
        for (unsigned t = 0; t < ARRAY_SIZE(tables) && !word; t++)
            word = nth_match(tables[t], typed, &n);
        return word;
    }
    /* The second word of what takes a subject or a command. */
    if (last != typed + first + strspn(typed + first, " ") - 1)
        return NULL;
    if (first == 4 && strncmp(typed, "info", first) == 0)
        return nth_match(hmp_info, last + 1, &n);
    if (first == 4 && strncmp(typed, "help", first) == 0) {
        for (unsigned t = 0; t < ARRAY_SIZE(tables) && !word; t++)
            word = nth_match(tables[t], last + 1, &n);
    }
    return word;
}

const struct qmp_human_ops hmp_monitor = {
    .greeting = "vemu " VEMU_VERSION_STRING " monitor: help lists what there is",
    .prompt = "(vemu) ",
    .run = hmp_run,
    .candidate = candidate,
};
