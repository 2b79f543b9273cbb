/* vemu-img: the commands, help, and how errors are told. */
#include "cli/img/img.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const struct img_command img_commands[] = {
    {"check", img_check, "[-q] [-f FMT] [--output human|json] [-r leaks|all] [-T CACHE] [-U] FILE",
     "look for damage, and repair it"},
    {"commit", img_commit, "[-q] [-f FMT] [-t CACHE] [-b BASE] [-d] [-p] FILE",
     "write an image's changes into its backing file"},
    {"compare", img_compare, "[-f FMT] [-F FMT] [-T CACHE] [-p] [-q] [-s] [-U] FILE1 FILE2",
     "do two images have the same content?"},
    {"convert", img_convert,
     "[-c] [-p] [-q] [-n] [-U] [-W] [-f FMT] [-O FMT] [-t CACHE] [-T CACHE]\n"
     "           [-B BACKING [-F FMT]] [-o OPTIONS] [-l SNAPSHOT] [-S SIZE] [-m N]\n"
     "           [--target-is-zero] [--salvage] FILE... OUTPUT",
     "copy an image, into another format if asked"},
    {"create", img_create, "[-q] [-f FMT] [-b BACKING [-F FMT]] [-u] [-o OPTIONS] FILE [SIZE]",
     "make an image"},
    {"info", img_info, "[-f FMT] [--output human|json] [--backing-chain] [-U] FILE",
     "tell about an image"},
    {"map", img_map,
     "[-f FMT] [--start-offset OFFSET] [--max-length LENGTH] [--output human|json] [-U] FILE",
     "tell what of an image lies where"},
    {"rebase", img_rebase,
     "[-q] [-f FMT] [-t CACHE] [-T CACHE] [-p] [-u] [-U] -b BACKING [-F FMT] FILE",
     "give an image another backing file"},
    {"resize", img_resize, "[-q] [-f FMT] [--preallocation MODE] [--shrink] FILE [+|-]SIZE",
     "make an image longer or shorter"},
    {"snapshot", img_snapshot, "[-q] [-f FMT] [-U] [-l | -c NAME | -a NAME | -d NAME] FILE",
     "list, take, go back to, delete internal snapshots"},
    {NULL, NULL, NULL, NULL},
};

int img_fail(const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    va_start(ap, fmt);
    fputs("vemu-img: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return 1;
}

int img_error(struct vemu_error *err, int status)
{
    img_fail("%s", vemu_error_message(err));
    vemu_error_free(err);
    return status;
}

static const struct img_command *find(const char *name)
{
    for (const struct img_command *c = img_commands; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

int img_help(const char *command)
{
    const struct img_command *c = find(command);

    printf("usage: vemu-img %s %s\n\nIt is there to %s; vemu-img(1) tells about the options.\n",
           c->name, c->usage, c->what);
    return 0;
}

int img_bad_option(const char *command, char **argv)
{
    const char *word = optind > 0 ? argv[optind - 1] : "";

    return img_fail("%s: '%s' is no option of this command, or its value is missing; \"vemu-img %s "
                    "--help\" lists them",
                    command, word, command);
}

static void usage(FILE *out)
{
    fputs("usage: vemu-img COMMAND [option...] FILE...\n\n", out);
    for (const struct img_command *c = img_commands; c->name; c++)
        fprintf(out, "  %-10s %s\n", c->name, c->what);
    fputs("\nFormats are qcow2 and raw. \"vemu-img COMMAND --help\" lists a command's options.\n",
          out);
}

int main(int argc, char **argv)
{
    const struct img_command *c;
    int status;

    if (argc < 2) {
        usage(stderr);
        return 1;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("vemu-img %s\n", vemu_version());
        return 0;
    }
    c = find(argv[1]);
    if (!c)
        return img_fail("'%s' is not a command; there are check, commit, compare, convert, create, "
                        "info, map, rebase, resize and snapshot",
                        argv[1]);
    opterr = 0;
    status = c->run(argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout))
        return img_fail("the output could not be written");
    return status;
}
