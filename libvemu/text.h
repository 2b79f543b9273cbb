/* Small text helpers of the configuration: closest spellings and growing text. No shared state. */
#ifndef LIBVEMU_TEXT_H
#define LIBVEMU_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* How many letters must be inserted, removed, changed or swapped to turn a into b; at most 99. */
unsigned text_distance(const char *a, const char *b);

/* The best of several spellings for a word that is not known. */
struct text_closest {
    const char *word;
    const char *best; /* NULL while none is near enough */
    unsigned distance;
};
void text_closest_init(struct text_closest *c, const char *word);
void text_closest_try(struct text_closest *c, const char *candidate);

/* Text that grows; `failed` is set once memory ran out, and data is then NULL. */
struct text {
    char *data;
    size_t len, room;
    bool failed;
};
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
