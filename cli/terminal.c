/*
 * The terminal is put back however the process ends: by itself, by a signal that asks it to, or by
 * a crash. Handlers use async-signal-safe functions only.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"

static struct termios original, working;
static bool is_terminal;
static volatile sig_atomic_t has_working_mode, ending_signal;
static struct vemu_machine *_Atomic running_machine;

/* ---- modes ----------------------------------------------------------------------------------- */

static void set_mode(const struct termios *mode)
{
    sigset_t ttou, old;
    int saved = errno;

    /* From a background process tcsetattr would stop us. */
    sigemptyset(&ttou);
    sigaddset(&ttou, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &ttou, &old);
    tcsetattr(STDIN_FILENO, TCSADRAIN, mode);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = saved;
}

static bool in_foreground(void)
{
    return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

void terminal_restore(void)
{
    if (is_terminal && has_working_mode && in_foreground())
        set_mode(&original);
    has_working_mode = 0;
}

bool terminal_note_mode(void)
{
    if (!is_terminal || tcgetattr(STDIN_FILENO, &working) != 0)
        return false;
    has_working_mode = 1;
    return working.c_lflag != original.c_lflag || working.c_iflag != original.c_iflag;
}

/* ---- signals --------------------------------------------------------------------------------- */

static void by_default(int sig)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    sigaction(sig, &action, NULL);
}

static void raise_default(int sig)
{
    sigset_t one;

    by_default(sig);
    sigemptyset(&one);
    sigaddset(&one, sig);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    raise(sig);
}

/* The first asks the machine to quit; a second one does not wait for that. */
static void on_end(int sig)
{
    struct vemu_machine *m = atomic_load(&running_machine);
    int saved = errno;

    if (ending_signal && m) {
        terminal_restore();
        raise_default(sig);
    }
    ending_signal = sig;
    if (m)
        vemu_machine_quit(m);
    errno = saved;
}

static void on_crash(int sig)
{
    static const char sentence[] = "\nvemu: crashed; the terminal was put back\n";
    ssize_t n;

    if (is_terminal)
        set_mode(&original);
    n = write(STDERR_FILENO, sentence, sizeof sentence - 1);
    (void)n;
    raise_default(sig);
}

static void on_stop(int sig)
{
    int saved = errno;

    (void)sig;
    if (is_terminal && has_working_mode && in_foreground())
        set_mode(&original);
    raise(SIGSTOP);
    errno = saved;
}

static void on_continue(int sig)
{
    int saved = errno;

    (void)sig;
    if (is_terminal && has_working_mode && in_foreground())
        set_mode(&working);
    errno = saved;
}

static void handle(int sig, void (*fn)(int), int flags)
{
    struct sigaction action = {.sa_handler = fn, .sa_flags = flags}, old;

    sigemptyset(&action.sa_mask);
    /* What the starter ignores (nohup, a shell's background job) stays ignored. */
    if (sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
        return;
    sigaction(sig, &action, NULL);
}

void terminal_init(void)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    static char crash_stack[64 << 10];
    stack_t stack = {.ss_sp = crash_stack, .ss_size = sizeof crash_stack};

    is_terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &original) == 0;
    sigaltstack(&stack, NULL);
    for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
        handle(ends[i], on_end, 0); /* no SA_RESTART: waiting for a peer must end */
    for (unsigned i = 0; i < sizeof crashes / sizeof *crashes; i++)
        handle(crashes[i], on_crash, SA_ONSTACK);
    handle(SIGTSTP, on_stop, SA_RESTART);
    handle(SIGCONT, on_continue, SA_RESTART);
    signal(SIGPIPE, SIG_IGN); /* a reader that went is an error of that console alone */
}

void terminal_set_machine(struct vemu_machine *machine)
{
    atomic_store(&running_machine, machine);
    if (machine && ending_signal)
        vemu_machine_quit(machine);
}

int terminal_signal(void)
{
    return ending_signal;
}

void terminal_die(int sig)
{
    raise_default(sig);
}
