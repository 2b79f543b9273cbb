/*
 * The one hash map: 64-bit key -> pointer, open addressing. Values are not owned and not NULL (NULL
 * is "absent"). A zeroed struct is an empty map. Thread contract: the owner's lock.
 */
#ifndef CORE_UTIL_HASHMAP_H
#define CORE_UTIL_HASHMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hashmap_entry {
    uint64_t key;
    void *value; /* NULL: free slot */
};

struct hashmap {
    struct hashmap_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void hashmap_destroy(struct hashmap *map); /* frees the table; the struct is an empty map again */
void *hashmap_get(const struct hashmap *map, uint64_t key);
/* Adds or replaces; false when memory is short (the map is unchanged). value is not NULL. */
bool hashmap_put(struct hashmap *map, uint64_t key, void *value);
/* Returns what was there, or NULL. */
void *hashmap_remove(struct hashmap *map, uint64_t key);
void hashmap_clear(struct hashmap *map); /* keeps the table's memory */
/* Walk: start with *cursor 0; returns false after the last entry. The map must not change
 * meanwhile. */
bool hashmap_next(const struct hashmap *map, size_t *cursor, uint64_t *key, void **value);

/* Spreads all bits of a key; also for other tables that need a hash. */
static inline uint64_t hash_u64(uint64_t key)
{
    key ^= key >> 32;
    key *= UINT64_C(0x9e3779b97f4a7c15);
    key ^= key >> 29;
    key *= UINT64_C(0xbf58476d1ce4e5b9);
    return key ^ key >> 32;
}

#endif
