/* Bounded caches of metadata clusters. See qcow2.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/block/qcow2.h"

void table_cache_init(struct table_cache *c, unsigned limit)
{
    memset(c, 0, sizeof *c);
    list_init(&c->lru);
    c->limit = limit;
}

static void unlink_table(struct qcow2 *s, struct table_cache *c, struct table *t)
{
    hashmap_remove(&c->tables, qcow2_cluster_of(s, t->offset));
    list_remove(&t->lru);
    c->count--;
    c->dirty -= t->dirty;
}

static void free_table(struct table *t)
{
    free(t->data);
    free(t);
}

void table_cache_free(struct table_cache *c)
{
    list_for_each_safe(t, &c->lru, struct table, lru) free_table(t);
    hashmap_destroy(&c->tables);
    list_init(&c->lru);
    c->count = c->dirty = 0;
}

void table_dirty(struct table_cache *c, struct table *t)
{
    c->dirty += !t->dirty;
    t->dirty = true;
}

struct table *table_peek(struct table_cache *c, const struct qcow2 *s, uint64_t offset)
{
    struct table *t = hashmap_get(&c->tables, qcow2_cluster_of(s, offset));

    if (t) {
        list_remove(&t->lru);
        list_add_tail(&c->lru, &t->lru);
    }
    return t;
}

static int write_table(struct qcow2 *s, struct table_cache *c, struct table *t)
{
    int err;

    if (s->broken)
        return EIO;
    err = block_pwrite(s->block->file, t->offset, t->data, s->cluster_size);
    if (!err) {
        c->dirty -= t->dirty;
        t->dirty = false;
    }
    return err;
}

/* A table to use anew: the least recently used one once the cache is full. */
static int make_room(struct qcow2 *s, struct table_cache *c, struct table **table)
{
    struct table *t;

    if (c->count >= c->limit) {
        t = list_entry(c->lru.next, struct table, lru);
        if (t->dirty) {
            /* Its clusters' refcounts first. They are written as a whole: this is rare. */
            bool wrote = false;
            int err = c == &s->l2_tables && !s->lazy ? refcount_flush(s, &wrote) : 0;
            if (!err)
                err = write_table(s, c, t);
            if (err)
                return err;
        }
        unlink_table(s, c, t);
    } else {
        t = calloc(1, sizeof *t);
        /* Aligned, so that it can go to the file by O_DIRECT as it is. */
        if (!t || posix_memalign((void **)&t->data, 4096, s->cluster_size) != 0) {
            free(t);
            return ENOMEM;
        }
    }
    t->dirty = false;
    *table = t;
    return 0;
}

static int insert(struct qcow2 *s, struct table_cache *c, uint64_t offset, struct table *t)
{
    t->offset = offset;
    if (!hashmap_put(&c->tables, qcow2_cluster_of(s, offset), t)) {
        free_table(t);
        return ENOMEM;
    }
    list_add_tail(&c->lru, &t->lru);
    c->count++;
    return 0;
}

int table_get(struct qcow2 *s, struct table_cache *c, uint64_t offset, struct table **table)
{
    int err;

    *table = table_peek(c, s, offset);
    if (*table)
        return 0;
    err = make_room(s, c, table);
    if (err)
        return err;
    err = block_pread(s->block->file, offset, (*table)->data, s->cluster_size);
    if (err) {
        free_table(*table);
        return err;
    }
    return insert(s, c, offset, *table);
}

int table_new(struct qcow2 *s, struct table_cache *c, uint64_t offset, struct table **table)
{
    int err;

    *table = table_peek(c, s, offset);
    if (!*table) {
        err = make_room(s, c, table);
        if (!err)
            err = insert(s, c, offset, *table);
        if (err)
            return err;
    }
    memset((*table)->data, 0, s->cluster_size);
    table_dirty(c, *table);
    return 0;
}

void table_forget(struct qcow2 *s, struct table_cache *c, uint64_t offset)
{
    struct table *t = hashmap_get(&c->tables, qcow2_cluster_of(s, offset));

    if (t) {
        unlink_table(s, c, t);
        free_table(t);
    }
}

int table_write_all(struct qcow2 *s, struct table_cache *c)
{
    int err = 0;

    if (!c->dirty)
        return 0;
    list_for_each(t, &c->lru, struct table, lru)
    {
        if (t->dirty && (err = write_table(s, c, t)))
            break;
    }
    return err;
}
