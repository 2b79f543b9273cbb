/* Closest spellings and growing text: see text.h. */
#include "libvemu/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/range.h"

enum { WORD_MAX = 40 };

unsigned text_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    unsigned char row[3][WORD_MAX + 1];

    if (la > WORD_MAX || lb > WORD_MAX)
        return 99;
    for (size_t j = 0; j <= lb; j++)
        row[0][j] = (unsigned char)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned char *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = (unsigned char)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned best = up[j - 1] + (a[i - 1] != b[j - 1]);
            best = MIN(best, up[j] + 1u);
            best = MIN(best, now[j - 1] + 1u);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = MIN(best, up2[j - 2] + 1u);
            now[j] = (unsigned char)best;
        }
    }
    return row[la % 3][lb];
}

void text_closest_init(struct text_closest *c, const char *word)
{
    /* One slip in a short word, one in three letters of a longer one: further away is a guess. */
    *c = (struct text_closest){.word = word, .distance = (unsigned)strlen(word) / 3 + 1};
}

void text_closest_try(struct text_closest *c, const char *candidate)
{
    unsigned d = text_distance(c->word, candidate);

    if (d < c->distance || (d == c->distance && !c->best && d < strlen(c->word))) {
        c->best = candidate;
        c->distance = d;
    }
}

void text_add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (t->failed)
        return;
    for (;;) {
        va_start(ap, fmt);
        n = vsnprintf(t->data ? t->data + t->len : NULL, t->room - t->len, fmt, ap);
        va_end(ap);
        if (n < 0)
            break;
        if (t->data && (size_t)n < t->room - t->len) {
            t->len += (size_t)n;
            return;
        }
        size_t room = (t->room + (size_t)n + 1) * 2;
        char *data = realloc(t->data, room);
        if (!data)
            break;
        t->data = data;
        t->room = room;
    }
    free(t->data);
    *t = (struct text){.failed = true};
}
