/* Option text into keys and values: see opts.h. */
#include "core/util/opts.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "core/util/size.h"

enum { OPTS_MAX_ITEMS = 1024, QUOTE_MAX = 80 };

bool bool_parse(const char *text, bool *value)
{
    static const char *const words[] = {"off", "on", "no", "yes", "false", "true", "0", "1"};

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *value = i & 1;
            return true;
        }
    }
    return false;
}

void opts_free(struct opts *opts)
{
    for (unsigned i = 0; i < opts->count; i++) {
        free(opts->items[i].key);
        free(opts->items[i].value);
    }
    free(opts->items);
    memset(opts, 0, sizeof *opts);
}

/* Copies one value, up to a lone comma or the end; ",," becomes ",". Moves *text past it; *more:
 * it ended at a comma. */
static char *take_value(const char **text, bool *more)
{
    const char *p = *text;
    char *value = malloc(strlen(p) + 1), *out = value;

    if (!value)
        return NULL;
    for (; *p; p++) {
        if (*p == ',') {
            if (p[1] != ',')
                break;
            p++;
        }
        *out++ = *p;
    }
    *out = 0;
    *more = *p != 0;
    *text = p + *more;
    return value;
}

static bool add_item(struct opts *opts, char *key, char *value, bool flag)
{
    struct opt *items = NULL;

    if (key && value)
        items = realloc(opts->items, (opts->count + 1) * sizeof *items);
    if (!items) {
        free(key);
        free(value);
        return false;
    }
    opts->items = items;
    items[opts->count++] = (struct opt){.key = key, .value = value, .flag = flag};
    return true;
}

/* One item at *text; *more: a comma followed it. */
static bool parse_item(struct opts *opts, const char *option, const char *implied,
                       const char **text, bool *more, struct vemu_error **errp)
{
    const char *p = *text;
    size_t len = strcspn(p, "=,");
    char *key, *value;
    bool flag = p[len] != '=', ok;

    if (opts->count >= OPTS_MAX_ITEMS)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: more than %d items", option,
                         OPTS_MAX_ITEMS);
    if (flag && implied) {
        /* The implied item is a value: it may hold doubled commas. */
        key = strdup(implied);
        value = take_value(text, more);
        ok = add_item(opts, key, value, false);
        if (ok && !*value)
            return error_set(errp, VEMU_ERROR_INVALID, "%s '%.*s' starts with no %s name", option,
                             QUOTE_MAX, p, implied);
    } else {
        if (!len)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "%s: '%.*s' has no name before '%c': items are key=value, separated "
                             "by commas (a comma in a value is written twice)",
                             option, QUOTE_MAX, p, p[0] ? p[0] : ',');
        key = strndup(p, len);
        *more = p[len] == ',';
        *text = p + len + (p[len] != 0);
        value = flag ? strdup("on") : take_value(text, more);
        ok = add_item(opts, key, value, flag);
    }
    return ok || error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
}

bool opts_parse(struct opts *opts, const char *option, const char *implied, const char *text,
                struct vemu_error **errp)
{
    const char *whole = text;
    bool more = *text != 0;

    memset(opts, 0, sizeof *opts);
    while (more) {
        bool ok = *text
                      ? parse_item(opts, option, text == whole ? implied : NULL, &text, &more, errp)
                      : error_set(errp, VEMU_ERROR_INVALID, "%s '%.*s' ends with a comma", option,
                                  QUOTE_MAX, whole);
        if (!ok) {
            opts_free(opts);
            return false;
        }
    }
    return true;
}

static struct opt *find(struct opts *opts, const char *key)
{
    struct opt *found = NULL;

    for (unsigned i = 0; i < opts->count; i++) {
        if (strcmp(opts->items[i].key, key) == 0) {
            found = &opts->items[i];
            found->used = true;
        }
    }
    return found;
}

const char *opts_get(struct opts *opts, const char *key)
{
    struct opt *opt = find(opts, key);

    return opt ? opt->value : NULL;
}

bool opts_get_bool(struct opts *opts, const char *option, const char *key, bool *value,
                   struct vemu_error **errp)
{
    const char *text = opts_get(opts, key);

    if (!text || bool_parse(text, value))
        return true;
    return error_set(errp, VEMU_ERROR_INVALID, "%s: %s='%.*s' is neither on nor off", option, key,
                     QUOTE_MAX, text);
}

bool opts_get_number(struct opts *opts, const char *option, const char *key, uint64_t min,
                     uint64_t max, uint64_t *value, struct vemu_error **errp)
{
    const char *text = opts_get(opts, key);
    uint64_t v;

    if (!text)
        return true;
    if (!number_parse(text, &v) || v < min || v > max) {
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: %s='%.*s' must be a number from %llu to %llu", option, key, QUOTE_MAX,
                         text, (unsigned long long)min, (unsigned long long)max);
    }
    *value = v;
    return true;
}

bool opts_get_size(struct opts *opts, const char *option, const char *key, uint64_t unit,
                   uint64_t *value, struct vemu_error **errp)
{
    const char *text = opts_get(opts, key);

    if (!text || size_parse(text, unit, value))
        return true;
    return error_set(errp, VEMU_ERROR_INVALID,
                     "%s: %s='%.*s' must be a size such as 512M or 8G below 16 EiB", option, key,
                     QUOTE_MAX, text);
}

bool opts_check_used(const struct opts *opts, const char *option, const char *known,
                     struct vemu_error **errp)
{
    for (unsigned i = 0; i < opts->count; i++) {
        if (!opts->items[i].used) {
            return error_set(errp, VEMU_ERROR_INVALID, "%s: '%.*s' is not known here: use %s",
                             option, QUOTE_MAX, opts->items[i].key, known);
        }
    }
    return true;
}
