/* vemu-img: one file a command, on top of vemu/block.h. */
#ifndef CLI_IMG_IMG_H
#define CLI_IMG_IMG_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <vemu/vemu.h>

struct img_command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the command; returns the exit status */
    const char *usage;                 /* behind "vemu-img NAME " */
    const char *what;
};
extern const struct img_command img_commands[]; /* up to one without a name */

/* ---- main.c ---------------------------------------------------------------------------------- */

/* "vemu-img: SENTENCE"; returns 1. */
int img_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same with an error, which is freed; `status` is returned. */
int img_error(struct vemu_error *err, int status);
/* What getopt_long did not know; returns 1. */
int img_bad_option(const char *command, char **argv);
/* The usage of a command, on standard output; returns 0. */
int img_help(const char *command);

/* ---- common.c -------------------------------------------------------------------------------- */

enum {
    OPT_OUTPUT = 256,
    OPT_BACKING_CHAIN,
    OPT_SHRINK,
    OPT_PREALLOCATION,
    OPT_START_OFFSET,
    OPT_MAX_LENGTH,
    OPT_TARGET_IS_ZERO,
    OPT_SALVAGE,
};

/* A context, or NULL after the error was shown. */
struct vemu_block_context *img_context(unsigned workers);
/* --output human|json; false after the error was shown. */
bool img_parse_output(const char *text, bool *json);
bool img_parse_size(const char *option, const char *text, uint64_t *bytes);
bool img_parse_count(const char *option, const char *text, uint64_t min, uint64_t max,
                     unsigned *value);
/* Exactly `count` arguments are left; false after a sentence that tells what is missing or too
 * much. */
bool img_arguments(const char *command, int argc, char **argv, int count, const char *names);
/* -t and -T; false after the error was shown. */
bool img_parse_cache(const char *option, const char *text, enum vemu_block_cache *cache);
/* "1.5 GiB" */
const char *img_size_text(uint64_t bytes, char text[32]);
/* -o may come several times: joined by commas. False: no memory. */
bool img_join_options(char **all, const char *more);
/* The table of snapshots, if there are any. */
void img_print_snapshots(const struct vemu_block_info *info);
bool img_is_zero(const void *buf, size_t bytes);

struct img_progress {
    bool on;
    uint64_t total, done;
    int shown; /* hundredths of a per cent */
};
void img_progress_add(struct img_progress *p, uint64_t bytes);
void img_progress_end(struct img_progress *p);

/* ---- json.c: values as they come, with commas and indentation -------------------------------- */

struct json {
    FILE *out;
    unsigned depth;
    bool first; /* of its object or array */
};
void json_open(struct json *j, const char *key, char bracket); /* key NULL: none */
void json_close(struct json *j, char bracket);
void json_string(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);

/* ---- commands -------------------------------------------------------------------------------- */

int img_check(int argc, char **argv);
int img_commit(int argc, char **argv);
int img_compare(int argc, char **argv);
int img_convert(int argc, char **argv);
int img_create(int argc, char **argv);
int img_info(int argc, char **argv);
int img_map(int argc, char **argv);
int img_rebase(int argc, char **argv);
int img_resize(int argc, char **argv);
int img_snapshot(int argc, char **argv);

#endif
