/* The command: `vemu SUBCOMMAND`, and `vemu-system-ARCH`, which is told by the program's name. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int cli_fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("vemu: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return 1;
}

static const char usage[] =
    "vemu runs whole machines.\n"
    "\n"
    "  vemu run --kernel FILE [option...]    start a machine on this terminal\n"
    "  vemu list [--output json]             the machines that run\n"
    "  vemu ctl NAME COMMAND                 stop, continue, reset, ... one of them\n"
    "  vemu system-ARCH [option...]          the same with the options of vemu-system-ARCH, which\n"
    "                                        is x86_64, i386, aarch64 or arm\n"
    "  vemu help [run|ctl|system-x86_64]     this text, or the options of a command\n"
    "  vemu version                          the version\n"
    "\n"
    "For example: vemu run --kernel /boot/vmlinuz --memory 512M --append console=ttyS0\n";

/* ARCH of vemu-system-ARCH; the library knows which there are. */
static int run_system(const char *arch, int argc, const char *const *argv)
{
    return cli_run(VEMU_CONFIG_SYSTEM, arch, argc, argv);
}

static int help(int argc, const char *const *argv)
{
    static const char *const question[] = {"--help"};

    if (argc == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (strcmp(argv[0], "run") == 0)
        return cli_run(VEMU_CONFIG_RUN, NULL, 1, question);
    if (strncmp(argv[0], "system-", 7) == 0)
        return run_system(argv[0] + 7, 1, question);
    if (strcmp(argv[0], "ctl") == 0)
        return cli_ctl(1, question);
    return cli_fail("there is no help on '%s'; there is on run, ctl and system-x86_64", argv[0]);
}

static bool is(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static int subcommand(int argc, const char *const *argv)
{
    const char *word = argc ? argv[0] : "";

    if (!argc) {
        fputs(usage, stderr);
        return 1;
    }
    if (strcmp(word, "run") == 0)
        return cli_run(VEMU_CONFIG_RUN, NULL, argc - 1, argv + 1);
    if (strncmp(word, "system-", 7) == 0)
        return run_system(word + 7, argc - 1, argv + 1);
    if (strcmp(word, "list") == 0)
        return cli_list(argc - 1, argv + 1);
    if (strcmp(word, "ctl") == 0)
        return cli_ctl(argc - 1, argv + 1);
    if (is(word, "help", "--help") || is(word, "-h", "-help"))
        return help(argc - 1, argv + 1);
    if (is(word, "version", "--version") || is(word, "-version", "-V")) {
        printf("vemu %s\n", vemu_version());
        return 0;
    }
    if (word[0] == '-')
        return cli_fail("'%s' comes after a command: vemu run %s ...", word, word);
    return cli_fail("'%s' is not a command; there are run, list, ctl, help, version and "
                    "system-x86_64",
                    word);
}

int main(int argc, char **argv)
{
    static const char prefix[] = "vemu-system-";
    const char *slash = argc ? strrchr(argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : argc ? argv[0] : "vemu";
    const char *const *rest = (const char *const *)argv + 1;
    int count = argc ? argc - 1 : 0;

    if (strncmp(name, prefix, sizeof prefix - 1) == 0)
        return run_system(name + sizeof prefix - 1, count, rest);
    return subcommand(count, rest);
}
