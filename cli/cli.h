/* The parts of the command. The command is a program: unlike the library it owns the process'
 * signals and terminal, and the state for that is global because signal handlers need it. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <vemu/vemu.h>

/* "vemu: SENTENCE" on standard error. Returns 1, the exit status of mistakes. */
int cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* run.c: `vemu run` and vemu-system-ARCH; returns the exit status. */
int cli_run(enum vemu_config_style style, int argc, const char *const *argv);

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
