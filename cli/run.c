/* Makes a machine from the command line, runs it on this terminal, and says how it ended. */
#include <config.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static int fail_with(struct vemu_error *err)
{
    int status = cli_fail("%s", vemu_error_message(err));

    vemu_error_free(err);
    return status;
}

/* ---- before the machine ---------------------------------------------------------------------- */

/* Where translated code is saved unless -jit-cache-dir says: in the user's cache directory. */
static bool cache_directory(struct vemu_config *cfg, struct vemu_error **errp)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool xdg = cache && cache[0] == '/';
    char path[4096];
    int len = snprintf(path, sizeof path, "%s%s",
                       xdg    ? cache
                       : home ? home
                              : "",
                       xdg ? "/vemu" : "/.cache/vemu");

    if (vemu_config_get(cfg, "jit-cache-dir") || (!xdg && (!home || home[0] != '/')) ||
        len >= (int)sizeof path)
        return true;
    return vemu_config_set(cfg, "jit-cache-dir", path, errp);
}

/* The file that a machine without a name is called after; NULL: there is none. */
static const char *started_from(const struct vemu_config *cfg)
{
    static const char *const keys[] = {"kernel", "disk.file", "drive.file", "hda", "cdrom"};
    const char *file = NULL;

    for (size_t i = 0; !file && i < sizeof keys / sizeof *keys; i++)
        file = vemu_config_get(cfg, keys[i]);
    return file;
}

/* `vemu run` makes a machine that `vemu list` and `vemu ctl` find, unless --control says otherwise.
 * That this is not possible is no reason not to start it. */
static int control_socket(struct vemu_config *cfg, struct rundir_place *place)
{
    const char *given = vemu_config_get(cfg, "name.guest");
    struct vemu_error *err = NULL;

    if (vemu_config_get(cfg, "control") || !CONFIG_JANSSON)
        return 0;
    if (!rundir_claim(place, given, started_from(cfg))) {
        if (place->taken)
            return cli_fail("--name: %s", place->why);
        fprintf(stderr, "vemu: `vemu ctl` will not find this machine: %s\n", place->why);
        return 0;
    }
    return vemu_config_set(cfg, "control", place->path, &err) ? 0 : fail_with(err);
}

static bool is_on(const struct vemu_config *cfg, const char *key)
{
    const char *value = vemu_config_get(cfg, key);

    return value && strcmp(value, "on") == 0;
}

/* An installed system needs more than the library's default, which a kernel with an initrd of its
 * own does with; what the guest does not touch costs nothing. */
#define RUN_MEMORY "1G"

/* The terminal is the serial port's, and a monitor's; unless a monitor has it, or is elsewhere. */
static const char *serial_here(const struct vemu_config *cfg)
{
    const char *monitor = vemu_config_get(cfg, "monitor");

    if (!monitor)
        return "mon:stdio";
    if (strncmp(monitor, "stdio", 5) == 0)
        return vemu_config_count(cfg, "vnc") ? "vc" : "null";
    return "stdio,signal=off";
}

/* What only a command, and not the library, supplies or asks for. */
static int complete(struct vemu_config *cfg, enum vemu_config_style style)
{
    const char *defaults = vemu_config_get(cfg, "defaults");
    const char *display = vemu_config_get(cfg, "display.type");
    bool bare = defaults && strcmp(defaults, "off") == 0;
    /* Where there is a window, the serial port is a key away in it, and a monitor another one. */
    const char *serial = display && strcmp(display, "sdl") == 0 ? "vc"
                         : is_on(cfg, "daemonize")              ? "null"
                                                                : serial_here(cfg);
    struct vemu_error *err = NULL;

    if (vemu_config_count(cfg, "serial") == 0 && !bare &&
        !vemu_config_add(cfg, "serial", serial, &err))
        return fail_with(err);
    if (!bare && strcmp(serial, "vc") == 0 && !vemu_config_get(cfg, "monitor") &&
        !vemu_config_set(cfg, "monitor", "auto", &err))
        return fail_with(err);
    if (style == VEMU_CONFIG_RUN && !vemu_config_get(cfg, "memory") &&
        !vemu_config_get(cfg, "kernel") && !vemu_config_set(cfg, "memory", RUN_MEMORY, &err))
        return fail_with(err);
    if (style == VEMU_CONFIG_RUN && !bare && !vemu_config_count(cfg, "usbdevice") &&
        !vemu_config_get(cfg, "usb") && !vemu_config_add(cfg, "usbdevice", "auto", &err))
        return fail_with(err);
    if (style == VEMU_CONFIG_RUN && !vemu_config_get(cfg, "clipboard") &&
        !vemu_config_set(cfg, "clipboard", "auto", &err))
        return fail_with(err);
    if (!cache_directory(cfg, &err))
        return fail_with(err);
    return 0;
}

/* ---- while it runs --------------------------------------------------------------------------- */

static void on_escape(void *opaque, int key)
{
    switch (key) {
    case 'x':
        fprintf(stderr, "\nvemu: left with Ctrl-A x\n");
        vemu_machine_quit(opaque);
        break;
    case 'h':
    case '?':
        fprintf(stderr, "\nCtrl-A x    leave\n"
                        "Ctrl-A b    send a break to the guest\n"
                        "Ctrl-A c    go to the monitor, and back to the guest\n"
                        "Ctrl-A h    this list\n"
                        "Ctrl-A Ctrl-A    send one Ctrl-A to the guest\n");
        break;
    default:
        break;
    }
}

static int exit_status(struct vemu_machine *m, enum vemu_exit_reason why, struct vemu_error *err)
{
    switch (why) {
    case VEMU_EXIT_STATUS:
        return vemu_machine_exit_status(m) & 0xff;
    case VEMU_EXIT_PANICKED:
        return cli_fail("the guest reported a panic");
    case VEMU_EXIT_FAILED:
        return fail_with(err);
    default:
        return 0;
    }
}

static int run(struct vemu_machine *m, enum vemu_config_style style)
{
    struct vemu_error *err = NULL;
    enum vemu_exit_reason why;

    vemu_console_set_escape(m, on_escape, m);
    if (terminal_note_mode() && style == VEMU_CONFIG_RUN)
        fprintf(stderr, "vemu: Ctrl-A x leaves, Ctrl-A h shows other keys\n");
    why = vemu_machine_run(m, &err);
    return exit_status(m, why, err);
}

/* What belongs to this run besides the machine. */
struct session {
    struct logfile *log;
    struct rundir_place place;
    int tell; /* who waits for a background machine; -1: nobody */
    bool made;
};

/* Which port it took is not known before. */
static void tell_display(const struct vemu_config *cfg, struct vemu_machine *m)
{
    char *address = vemu_config_count(cfg, "display") ? vemu_machine_vnc_address(m) : NULL;

    if (address)
        fprintf(stderr, "vemu: the screen is shown by VNC at %s\n", address);
    vemu_string_free(address);
}

/* The machine is there, with its sockets: whoever waits for that may go on. */
static int run_made(const struct vemu_config *cfg, struct vemu_machine *m,
                    enum vemu_config_style style, struct session *s)
{
    const char *path = vemu_config_get(cfg, "pidfile");
    char *pidfile = path ? pidfile_write(path) : NULL;
    int status;

    rundir_release(&s->place);
    if (path && !pidfile)
        return 1;
    tell_display(cfg, m);
    if (s->tell >= 0)
        daemon_ready(s->tell);
    status = run(m, style);
    pidfile_remove(pidfile);
    return status;
}

static int make_and_run(const struct vemu_config *cfg, enum vemu_config_style style,
                        struct session *s)
{
    struct vemu_machine_options options = VEMU_MACHINE_OPTIONS_INIT;
    struct vemu_error *err = NULL;
    struct vemu_machine *m;
    int status;

    options.log = logfile_line;
    options.log_opaque = s->log;
    m = vemu_machine_create(cfg, &options, &err);
    if (!m)
        return fail_with(err);
    terminal_set_machine(m);
    s->made = vemu_machine_realize(m, &err);
    if (s->made)
        status = run_made(cfg, m, style, s);
    else if (terminal_signal())
        vemu_error_free(err), status = 1;
    else
        status = fail_with(err);
    terminal_set_machine(NULL);
    vemu_machine_destroy(m);
    terminal_restore();
    return status;
}

/* In the process that runs the machine, be it this one or one in the background. */
static int start(struct vemu_config *cfg, enum vemu_config_style style)
{
    struct session s = {.place.lock = -1, .tell = -1};
    int status;

    if (is_on(cfg, "daemonize") && !daemon_start(&s.tell, &status))
        return status;
    if (style == VEMU_CONFIG_RUN && (status = control_socket(cfg, &s.place)) != 0)
        return status;
    s.log = logfile_open(vemu_config_get(cfg, "logfile"));
    if (!s.log)
        return cli_fail("-D: cannot write '%s': %s", vemu_config_get(cfg, "logfile"),
                        strerror(errno));
    terminal_init();
    status = make_and_run(cfg, style, &s);
    rundir_release(&s.place);
    logfile_close(s.log, !s.made);
    return status;
}

int cli_run(enum vemu_config_style style, const char *arch, int argc, const char *const *argv)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;
    const char *answer;
    int status;

    if (!cfg)
        return cli_fail("out of memory");
    if ((arch && !vemu_config_set(cfg, "arch", arch, &err)) ||
        !vemu_config_parse_args(cfg, argc, argv, &err)) {
        vemu_config_free(cfg);
        return fail_with(err);
    }
    answer = vemu_config_answer(cfg, style);
    if (answer) {
        fputs(answer, stdout);
        vemu_config_free(cfg);
        return 0;
    }
    status = complete(cfg, style);
    if (status == 0)
        status = start(cfg, style);
    vemu_config_free(cfg);
    if (terminal_signal())
        terminal_die(terminal_signal());
    return status;
}
