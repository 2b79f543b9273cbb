/* Hash map with linear probing; removal closes the gap, so there are no tombstones. */
#include "core/util/hashmap.h"

#include <stdlib.h>
#include <string.h>

enum { HASHMAP_FIRST_CAPACITY = 16 };

void hashmap_destroy(struct hashmap *map)
{
    free(map->entries);
    memset(map, 0, sizeof *map);
}

void hashmap_clear(struct hashmap *map)
{
    if (map->capacity)
        memset(map->entries, 0, map->capacity * sizeof *map->entries);
    map->count = 0;
}

/* The slot that holds key, or the free one where it would go. There is always a free slot. */
static size_t find_slot(const struct hashmap *map, uint64_t key)
{
    size_t mask = map->capacity - 1, i = (size_t)hash_u64(key) & mask;

    while (map->entries[i].value && map->entries[i].key != key)
        i = (i + 1) & mask;
    return i;
}

void *hashmap_get(const struct hashmap *map, uint64_t key)
{
    return map->count ? map->entries[find_slot(map, key)].value : NULL;
}

static bool grow(struct hashmap *map)
{
    struct hashmap bigger = {.capacity =
                                 map->capacity ? map->capacity * 2 : HASHMAP_FIRST_CAPACITY};

    bigger.entries = calloc(bigger.capacity, sizeof *bigger.entries);
    if (!bigger.entries)
        return false;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].value)
            bigger.entries[find_slot(&bigger, map->entries[i].key)] = map->entries[i];
    }
    bigger.count = map->count;
    free(map->entries);
    *map = bigger;
    return true;
}

bool hashmap_put(struct hashmap *map, uint64_t key, void *value)
{
    size_t i;

    if (map->count >= map->capacity - map->capacity / 4 && !grow(map))
        return false;
    i = find_slot(map, key);
    if (!map->entries[i].value)
        map->count++;
    map->entries[i].key = key;
    map->entries[i].value = value;
    return true;
}

void *hashmap_remove(struct hashmap *map, uint64_t key)
{
    size_t mask = map->capacity - 1, hole, i;
    void *value;

    if (!map->count)
        return NULL;
    hole = find_slot(map, key);
    value = map->entries[hole].value;
    if (!value)
        return NULL;
    /* Move up every entry of the cluster whose home is not after the hole. */
    for (i = (hole + 1) & mask; map->entries[i].value; i = (i + 1) & mask) {
        size_t home = (size_t)hash_u64(map->entries[i].key) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    map->entries[hole].value = NULL;
    map->count--;
    return value;
}

bool hashmap_next(const struct hashmap *map, size_t *cursor, uint64_t *key, void **value)
{
    while (*cursor < map->capacity) {
        const struct hashmap_entry *e = &map->entries[(*cursor)++];
        if (e->value) {
            *key = e->key;
            *value = e->value;
            return true;
        }
    }
    return false;
}
