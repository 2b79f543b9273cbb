/*
 * Option text of the well-known form "driver,key=value,flag,path=a,,b" as an ordered list of keys
 * and values. ",," stands for a comma in a value; a key without "=" is a flag and has the value
 * "on". A key given twice: the later one wins. No shared state.
 */
#ifndef CORE_UTIL_OPTS_H
#define CORE_UTIL_OPTS_H

#include <stdbool.h>
#include <stdint.h>

struct vemu_error;

struct opt {
    char *key, *value;
    bool flag; /* written without "=" */
    bool used; /* asked for by opts_get */
};

struct opts {
    struct opt *items;
    unsigned count;
};

/*
 * option: the name for error sentences ("-device"). implied: the key of a first item that has no
 * "=" (-device NAME is driver=NAME); NULL: none. On failure opts is empty and *errp is set.
 */
bool opts_parse(struct opts *opts, const char *option, const char *implied, const char *text,
                struct vemu_error **errp);
/* The same from a JSON object: nested names are joined by dots (opts_json.c). */
bool opts_parse_json(struct opts *opts, const char *option, const char *text,
                     struct vemu_error **errp);
void opts_free(struct opts *opts);

/* The value of key, or NULL; counts as used. */
const char *opts_get(struct opts *opts, const char *key);
/* Typed values. An absent key leaves *value as it is; a bad one sets the error. */
bool opts_get_bool(struct opts *opts, const char *option, const char *key, bool *value,
                   struct vemu_error **errp);
bool opts_get_number(struct opts *opts, const char *option, const char *key, uint64_t min,
                     uint64_t max, uint64_t *value, struct vemu_error **errp);
bool opts_get_size(struct opts *opts, const char *option, const char *key, uint64_t unit,
                   uint64_t *value, struct vemu_error **errp);
/* Refuses keys that nobody asked for; `known` is the sentence's list of what there is. */
bool opts_check_used(const struct opts *opts, const char *option, const char *known,
                     struct vemu_error **errp);

/* "on"/"off", "yes"/"no", "true"/"false", "1"/"0". */
bool bool_parse(const char *text, bool *value);

#endif
