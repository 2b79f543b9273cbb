/*
 * The monitor for people (-monitor, -mon mode=readline, human-monitor-command): a line in, a text
 * out. What a line does is done by commands of the control protocol (libvemu/qmp), whose values it
 * turns into text; the few that look into the machine themselves say so. Commands run as those do:
 * on the loop's thread, `control` held, machine lock not.
 */
#ifndef LIBVEMU_HMP_HMP_H
#define LIBVEMU_HMP_HMP_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "core/monitor/qmp.h"
#include "core/monitor/schema.h"
#include "libvemu/text.h"

struct lib_machine;
struct vcpu;

/* A command that runs. Lines of `out` are ended by LF here. */
struct hmp {
    struct lib_machine *lm;
    struct text out;
    const char *name; /* of the command */
};

struct hmp_command {
    const char *name, *alias; /* alias NULL: none */
    const char *args;         /* as help shows them */
    const char *help;         /* one line */
    void (*run)(struct hmp *h, char *args);
};

/* hmp.c. opaque: struct lib_machine. Returns what there is to say, ended by CR and LF; freed by the
 * caller; NULL: nothing. */
char *hmp_run(void *opaque, const char *line);
extern const struct qmp_human_ops hmp_monitor;

#define hmp_say(h, ...) text_add(&(h)->out, __VA_ARGS__)
/* "Error: ..." and the end of the line. */
void hmp_error(struct hmp *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "Error: usage: ..." */
void hmp_usage(struct hmp *h);
/* The next word of *args, which goes on behind it; "..." holds blanks, \ what comes after it. NULL:
 * there is none. */
char *hmp_word(char **args);
/* -X before the next word; it is taken. */
bool hmp_flag(char **args, char letter);
/* The command of the control protocol; takes args. NULL: the error is said. */
json_t *hmp_call(struct hmp *h, const char *command, json_t *args);
/* The same where the value says nothing. */
void hmp_do(struct hmp *h, const char *command, json_t *args);
/* Members of a value, as text and numbers; "" and 0: not there. */
const char *hmp_text(const json_t *value, const char *key);
long long hmp_number(const json_t *value, const char *key);
bool hmp_is(const json_t *value, const char *key);

/* expression.c: numbers (0x, 0, decimal), $REGISTER, + - * / % & | ^ ~ ( ). False: the error is
 * said. */
bool hmp_number_of(struct hmp *h, const char *text, uint64_t *value);
/* The vCPU that `cpu N` chose, standing still until hmp_let_go; *ran is for that. */
struct vcpu *hmp_hold(struct hmp *h, bool *ran);
void hmp_let_go(struct hmp *h, bool ran);

/* The tables; each is ended by a NULL name. */
extern const struct hmp_command hmp_running[], hmp_looking[], hmp_parts[], hmp_info[];
/* running.c and hmp.c */
void hmp_help(struct hmp *h, char *args);
void hmp_info_run(struct hmp *h, char *args);

#endif
