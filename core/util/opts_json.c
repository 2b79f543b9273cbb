/*
 * Options written as a JSON object: {"driver": "qcow2", "file": {"filename": "a"}} gives the same
 * items as driver=qcow2,file.filename=a. true and false become on and off, null the empty value,
 * array elements are numbered: a.0, a.1. RFC 8259.
 */
#include "core/util/opts.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/hex.h"

enum { JSON_DEPTH_MAX = 16, KEY_MAX = 256, QUOTE_MAX = 80, ITEMS_MAX = 1024 };

struct json {
    struct opts *opts;
    const char *option;
    const char *text, *p;
    char key[KEY_MAX]; /* of the value that is parsed, with dots */
    struct vemu_error **errp;
};

static bool fail(struct json *j, const char *expected)
{
    return error_set(j->errp, VEMU_ERROR_INVALID, "%s: in '%.*s' %s is expected at '%.20s'",
                     j->option, QUOTE_MAX, j->text, expected, j->p);
}

static void skip_blanks(struct json *j)
{
    j->p += strspn(j->p, " \t\r\n");
}

static bool take(struct json *j, char c)
{
    skip_blanks(j);
    if (*j->p != c)
        return false;
    j->p++;
    return true;
}

/* ---- strings --------------------------------------------------------------------------------- */

static bool hex4(struct json *j, unsigned *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, j->p++) {
        int digit = hex_digit(*j->p);
        if (digit < 0)
            return fail(j, "four hexadecimal digits");
        *value = *value << 4 | (unsigned)digit;
    }
    return true;
}

static char *put_utf8(char *out, unsigned c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* Behind "\u"; with the second half of a surrogate pair. */
static bool unicode(struct json *j, char **out)
{
    unsigned c, low;

    if (!hex4(j, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (j->p[0] != '\\' || j->p[1] != 'u')
            return fail(j, "the second half of a surrogate pair");
        j->p += 2;
        if (!hex4(j, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return fail(j, "the second half of a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (!c || (c >= 0xdc00 && c < 0xe000)) {
        return fail(j, "a character");
    }
    *out = put_utf8(*out, c);
    return true;
}

/* A string, malloc()ed; NULL: error set. */
static char *string(struct json *j)
{
    static const char escapes[] = "\"\\/bfnrt", stand_for[] = "\"\\/\b\f\n\r\t";
    char *value, *out;

    if (!take(j, '"')) {
        fail(j, "a string");
        return NULL;
    }
    value = out = malloc(strlen(j->p) + 1); /* escapes are longer than what they stand for */
    if (!value) {
        error_set(j->errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    while (*j->p != '"') {
        const char *escape;
        if ((unsigned char)*j->p < 0x20) {
            fail(j, "the end of a string");
            goto bad;
        }
        if (*j->p != '\\') {
            *out++ = *j->p++;
            continue;
        }
        j->p++;
        escape = *j->p ? strchr(escapes, *j->p) : NULL;
        if (escape) {
            *out++ = stand_for[escape - escapes];
            j->p++;
        } else if (*j->p == 'u') {
            j->p++;
            if (!unicode(j, &out))
                goto bad;
        } else {
            fail(j, "an escape sequence");
            goto bad;
        }
    }
    j->p++;
    *out = 0;
    return value;
bad:
    free(value);
    return NULL;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool value(struct json *j, unsigned depth);

static bool add(struct json *j, char *text)
{
    struct opts *opts = j->opts;
    struct opt *items = NULL;
    char *key = text ? strdup(j->key) : NULL;

    if (key && opts->count < ITEMS_MAX)
        items = realloc(opts->items, (opts->count + 1) * sizeof *items);
    if (!items) {
        free(key);
        free(text);
        return error_set(j->errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory, or more than %d items",
                         j->option, ITEMS_MAX);
    }
    opts->items = items;
    items[opts->count++] = (struct opt){.key = key, .value = text};
    return true;
}

static bool scalar(struct json *j)
{
    static const struct {
        const char *word, *value;
    } words[] = {{"true", "on"}, {"false", "off"}, {"null", ""}};
    size_t n;

    if (*j->p == '"') {
        char *text = string(j);
        return text && add(j, text);
    }
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        n = strlen(words[i].word);
        if (strncmp(j->p, words[i].word, n) == 0) {
            j->p += n;
            return add(j, strdup(words[i].value));
        }
    }
    n = strspn(j->p, "+-.0123456789eE");
    if (!n)
        return fail(j, "a value");
    j->p += n;
    return add(j, strndup(j->p - n, n));
}

/* The value of one more key below the present one. */
static bool below(struct json *j, const char *name, unsigned depth)
{
    size_t len = strlen(j->key);
    bool ok;

    if (len + strlen(name) + 2 > KEY_MAX)
        return fail(j, "a shorter name");
    if (len)
        strcat(j->key, ".");
    strcat(j->key, name);
    ok = value(j, depth);
    j->key[len] = 0;
    return ok;
}

static bool object(struct json *j, unsigned depth)
{
    if (take(j, '}'))
        return true;
    do {
        char *name = string(j);
        bool ok = name && (*name || fail(j, "a name")) && (take(j, ':') || fail(j, "':'")) &&
                  below(j, name, depth);
        free(name);
        if (!ok)
            return false;
    } while (take(j, ','));
    return take(j, '}') || fail(j, "',' or '}'");
}

static bool array(struct json *j, unsigned depth)
{
    unsigned n = 0;

    if (take(j, ']'))
        return true;
    do {
        char name[16] = "", digits[16];
        unsigned at = 0, v = n++;
        do
            digits[at++] = (char)('0' + v % 10);
        while (v /= 10);
        for (unsigned i = 0; at; i++)
            name[i] = digits[--at], name[i + 1] = 0;
        if (!below(j, name, depth))
            return false;
    } while (take(j, ','));
    return take(j, ']') || fail(j, "',' or ']'");
}

static bool value(struct json *j, unsigned depth)
{
    if (depth > JSON_DEPTH_MAX)
        return fail(j, "less depth");
    if (take(j, '{'))
        return object(j, depth + 1);
    if (take(j, '['))
        return array(j, depth + 1);
    return scalar(j);
}

bool opts_parse_json(struct opts *opts, const char *option, const char *text,
                     struct vemu_error **errp)
{
    struct json j = {.opts = opts, .option = option, .text = text, .p = text, .errp = errp};

    memset(opts, 0, sizeof *opts);
    if (take(&j, '{') ? object(&j, 1) : fail(&j, "'{'")) {
        skip_blanks(&j);
        if (!*j.p || fail(&j, "the end"))
            return true;
    }
    opts_free(opts);
    return false;
}
