/* `vemu ctl NAME COMMAND`: one command to a running machine. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#if CONFIG_JANSSON
#include "cli/control.h"
#include "cli/ctl_parts.h"

enum { PATIENCE_MS = 30000 };

static int fail_of(const char *name, const struct control *c)
{
    return cli_fail("machine '%s': %s", name, c->why);
}

/* ---- commands -------------------------------------------------------------------------------- */

static int run_status(struct control *c, const char *name, int argc, const char *const *argv)
{
    json_t *status = control_ask(c, "query-status", NULL);
    const char *text = json_string_value(json_object_get(status, "status"));

    (void)argc, (void)argv;
    if (!text)
        return fail_of(name, c);
    printf("%s\n", text);
    json_decref(status);
    return 0;
}

static int run_plain(struct control *c, const char *name, const char *command)
{
    json_t *value = control_ask(c, command, NULL);

    if (!value)
        return fail_of(name, c);
    json_decref(value);
    return 0;
}

static int run_stop(struct control *c, const char *name, int argc, const char *const *argv)
{
    (void)argc, (void)argv;
    return run_plain(c, name, "stop");
}

static int run_cont(struct control *c, const char *name, int argc, const char *const *argv)
{
    (void)argc, (void)argv;
    return run_plain(c, name, "cont");
}

static int run_reset(struct control *c, const char *name, int argc, const char *const *argv)
{
    (void)argc, (void)argv;
    return run_plain(c, name, "system_reset");
}

static int run_powerdown(struct control *c, const char *name, int argc, const char *const *argv)
{
    (void)argc, (void)argv;
    return run_plain(c, name, "system_powerdown");
}

/* Returns when the machine is gone: its name is free then, and its files are closed. */
static int run_quit(struct control *c, const char *name, int argc, const char *const *argv)
{
    int status = run_plain(c, name, "quit");

    (void)argc, (void)argv;
    return status || control_wait_end(c) ? status : fail_of(name, c);
}

/* PNG, unless the name ends otherwise. The machine writes the file: it has another working
 * directory.
 */
static int run_screenshot(struct control *c, const char *name, int argc, const char *const *argv)
{
    const char *end = strrchr(argv[0], '.');
    char dir[4096] = "", path[8192];
    json_t *value;

    (void)argc;
    if (argv[0][0] != '/' && !getcwd(dir, sizeof dir))
        return cli_fail("cannot tell the working directory: give '%s' with its whole path",
                        argv[0]);
    snprintf(path, sizeof path, "%s%s%s", dir, *dir ? "/" : "", argv[0]);
    value = control_ask(c, "screendump",
                        json_pack("{s:s,s:s}", "filename", path, "format",
                                  end && strcmp(end, ".ppm") == 0 ? "ppm" : "png"));
    if (!value)
        return fail_of(name, c);
    json_decref(value);
    return 0;
}

static int run_screen_text(struct control *c, const char *name, int argc, const char *const *argv)
{
    json_t *value = control_ask(c, "x-screen-text", NULL);
    const char *text = json_string_value(json_object_get(value, "human-readable-text"));

    (void)argc, (void)argv;
    if (!text)
        return fail_of(name, c);
    int status = *text ? 0 : cli_fail("machine '%s': its screen shows no text", name);
    fputs(text, stdout);
    json_decref(value);
    return status;
}

static json_t *parse(const char *what, const char *text)
{
    json_error_t where;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &where);

    if (!value || !json_is_object(value)) {
        cli_fail("%s is not a JSON object: %s", what, value ? "it is another value" : where.text);
        json_decref(value);
        return NULL;
    }
    return value;
}

/* A whole message, or the name of a command and its arguments. */
static int run_qmp(struct control *c, const char *name, int argc, const char *const *argv)
{
    json_t *message, *reply, *value, *args = NULL;
    int status = 0;

    if (argv[0][0] == '{') {
        message = argc == 1 ? parse("the message", argv[0]) : NULL;
        if (argc > 1)
            cli_fail("a whole message has its arguments inside: '%s' is too much", argv[1]);
    } else {
        args = argc == 2 ? parse("the second word", argv[1]) : NULL;
        message = argc == 1 || args ? json_pack("{s:s}", "execute", argv[0]) : NULL;
        if (args)
            json_object_set_new(message, "arguments", args);
    }
    if (!message)
        return 1;
    reply = control_send(c, message);
    json_decref(message);
    if (!reply)
        return fail_of(name, c);
    value = json_object_get(reply, "return");
    if (value) {
        json_dumpf(value, stdout, JSON_INDENT(4) | JSON_ENCODE_ANY);
        putchar('\n');
    } else {
        value = json_object_get(json_object_get(reply, "error"), "desc");
        status = cli_fail("machine '%s': %s", name, json_string_value(value));
    }
    json_decref(reply);
    return status;
}

static const struct {
    const char *name;
    int (*run)(struct control *c, const char *name, int argc, const char *const *argv);
    int least, most; /* further words */
    const char *usage, *help;
} commands[] = {
    {"status", run_status, 0, 0, "status", "running, paused, ..."},
    {"stop", run_stop, 0, 0, "stop", "stop it where it is"},
    {"cont", run_cont, 0, 0, "cont", "let it go on"},
    {"reset", run_reset, 0, 0, "reset", "start it anew, as by a reset button"},
    {"powerdown", run_powerdown, 0, 0, "powerdown", "press the power button"},
    {"quit", run_quit, 0, 0, "quit", "end it at once"},
    {"disk", ctl_disk, 1, 2, CTL_DISK_USAGE, "disks of the running machine"},
    {"net", ctl_net, 2, 2, CTL_NET_USAGE, "its network devices, and their cables"},
    {"eject", ctl_eject, 0, 2, CTL_EJECT_USAGE, "take the medium out of a CD-ROM drive"},
    {"change", ctl_change, 1, 3, CTL_CHANGE_USAGE, "put another one in"},
    {"screenshot", run_screenshot, 1, 1, "screenshot FILE.png|FILE.ppm", "a picture of its screen"},
    {"screen-text", run_screen_text, 0, 0, "screen-text", "what a text screen shows, as text"},
    {"type", ctl_type, 1, 1, "type TEXT", "type it on the guest's keyboard"},
    {"send-key", ctl_send_key, 1, 1, "send-key KEY[-KEY...]", "press keys, as in ctrl-alt-delete"},
    {"qmp", run_qmp, 1, 2, "qmp JSON|COMMAND [ARGUMENTS]", "any command of docs/qmp.md"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

/* ---- finding the machine --------------------------------------------------------------------- */

static int no_machine(const char *name, const char *dir)
{
    char **names = NULL, list[400] = "";
    int count = rundir_names(dir, &names);

    for (int i = 0; i < count; i++) {
        size_t len = strlen(list);
        snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", names[i]);
    }
    rundir_free_names(names, count);
    if (!count)
        return cli_fail("there is no machine '%s', and no other one runs", name);
    return cli_fail("there is no machine '%s'; these run: %s", name, list);
}

static int help(void)
{
    printf("Usage: vemu ctl NAME COMMAND\n\nNAME is one of `vemu list`, or the path of a control "
           "socket.\n\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-54s %s\n", commands[i].usage, commands[i].help);
    return 0;
}

int cli_ctl(int argc, const char *const *argv)
{
    char dir[RUNDIR_PATH], path[RUNDIR_PATH];
    const char *name = argc ? argv[0] : "", *word = argc > 1 ? argv[1] : "";
    struct control c;
    int i = 0, status;

    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0 || strcmp(word, "help") == 0)
        return help();
    if (argc < 2)
        return cli_fail("ctl needs a machine and a command: vemu ctl NAME status; `vemu list` has "
                        "the names, `vemu ctl help` the commands");
    while (i < COMMANDS && strcmp(commands[i].name, word) != 0)
        i++;
    if (i == COMMANDS)
        return cli_fail("'%s' is not a command of ctl; there are status, stop, cont, reset, "
                        "powerdown, quit, disk, net, eject, change, screenshot, screen-text, type, "
                        "send-key and qmp",
                        word);
    if (argc - 2 < commands[i].least || argc - 2 > commands[i].most)
        return cli_fail("use it as: vemu ctl %s %s", name, commands[i].usage);
    if (strchr(name, '/')) {
        snprintf(path, sizeof path, "%s", name);
    } else if (!rundir_find(dir) || !rundir_socket(path, dir, name) || !rundir_alive(path)) {
        return no_machine(name, dir);
    }
    status = control_open(&c, path, PATIENCE_MS) ? commands[i].run(&c, name, argc - 2, argv + 2)
                                                 : fail_of(name, &c);
    control_close(&c);
    return status;
}
#else
int cli_ctl(int argc, const char *const *argv)
{
    (void)argc, (void)argv;
    return cli_fail("ctl is not part of this build (configure found no libjansson-dev)");
}
#endif
