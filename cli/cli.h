/* The parts of the command. The command is a program: unlike the library it owns the process'
 * signals and terminal, and the state for that is global because signal handlers need it. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <vemu/vemu.h>

/* "vemu: SENTENCE" on standard error. Returns 1, the exit status of mistakes. */
int cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* run.c: `vemu run` and vemu-system-ARCH; returns the exit status. arch: as the program's name has
 * it, or NULL. */
int cli_run(enum vemu_config_style style, const char *arch, int argc, const char *const *argv);

/* list.c, ctl.c: running machines; return the exit status. */
int cli_list(int argc, const char *const *argv);
int cli_ctl(int argc, const char *const *argv);

/* rundir.c: where running machines are found. A directory is only used when it is the user's own
 * and closed to others. */
enum { RUNDIR_PATH = 256, RUNDIR_NAME = 64 };
bool rundir_find(char path[RUNDIR_PATH]);
/* The socket of a name; false: it is too long for one. */
bool rundir_socket(char path[RUNDIR_PATH], const char *dir, const char *name);
bool rundir_alive(const char *path);
/* The names of running machines, sorted; returns how many. */
int rundir_names(const char *dir, char ***names);
void rundir_free_names(char **names, int count);
struct rundir_place {
    char path[RUNDIR_PATH]; /* for the socket */
    int lock;
    bool taken;    /* the name that was asked for is another machine's */
    char why[400]; /* when there is no place */
};
/* A place for a new machine, called as asked for or else like what it starts from; makes the
 * directory and removes what dead machines left in it. Nobody else is given a place before
 * rundir_release(), which comes when the socket is there. */
bool rundir_claim(struct rundir_place *place, const char *given, const char *image);
void rundir_release(struct rundir_place *place);

/* daemon.c */
/* Goes to the background; *tell is for daemon_ready. False in the process that was started, which
 * ends with *status. */
bool daemon_start(int *tell, int *status);
/* The machine is made: lets go of the terminal, and of who waits. */
void daemon_ready(int tell);
/* Its absolute name, for pidfile_remove; NULL after a sentence. */
char *pidfile_write(const char *path);
void pidfile_remove(char *path);

/* terminal.c: remembers the terminal's mode and arranges that it is put back however the process
 * ends; a signal that ends it makes `machine` quit first. */
void terminal_init(void);
void terminal_set_machine(struct vemu_machine *machine); /* NULL: none */
/* The mode the machine works in from now on, for when the process is stopped and continued.
 * Returns whether it is another than at the start: the terminal is the guest's. */
bool terminal_note_mode(void);
void terminal_restore(void);
/* The signal that asked for the end, or 0. */
int terminal_signal(void);
/* End by that signal, so that who started us sees it. */
void terminal_die(int signal);

/* logfile.c: the log callback's end. */
struct logfile;
/* path NULL: standard error. NULL, with errno set, on failure. The file is made at once, so that a
 * bad name is found early; it is emptied with the first line. */
struct logfile *logfile_open(const char *path);
void logfile_line(void *opaque, enum vemu_log_category category, const char *line);
/* discard: the machine was never made; a file that did not exist before goes again. */
void logfile_close(struct logfile *log, bool discard);

#endif
