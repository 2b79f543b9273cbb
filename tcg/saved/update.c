/* Writing a file of translations: a new one takes the place of the present one. See file.h. */
#include "tcg/saved/file_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/util/range.h"

#define SAVED_LOCK "lock"
#define SAVED_NEW ".new"

enum { LOCK_TRIES = 200, LOCK_PAUSE_NS = 10000000, MAX_OTHERS = 64 };

/* ---- what is fresh -------------------------------------------------------------------------- */

bool saved_fresh_add(struct saved_fresh *f, uint64_t hash, size_t at)
{
    struct saved_item i = {.hash = hash, .at = at, .size = f->data.len - at};
    bytes_put(&f->items, &i, sizeof i);
    return !f->data.failed && !f->items.failed;
}

void saved_fresh_free(struct saved_fresh *f)
{
    free(f->data.data);
    free(f->items.data);
    memset(f, 0, sizeof *f);
}

/* ---- which entries -------------------------------------------------------------------------- */

struct candidate {
    const uint8_t *data;
    uint64_t hash, sum;
    uint32_t size, age;
};

struct selection {
    struct candidate *list;
    uint32_t count, room;
    uint32_t *slots; /* by identity, index + 1 */
    uint32_t slot_mask;
    uint64_t size, limit; /* of the file so far; that it may have */
};

static bool same_identity(const struct candidate *a, const struct candidate *b)
{
    uint32_t len = load_le32(a->data);
    return a->hash == b->hash && load_le32(b->data) == len && !memcmp(a->data, b->data, len);
}

/* Taken unless there is one of the same identity already, or no room. */
static void select_entry(struct selection *s, const struct candidate *c)
{
    uint32_t slot = (uint32_t)(c->hash >> 20) & s->slot_mask;
    if (s->count == s->room || s->size + c->size + INDEX_SIZE > s->limit)
        return;
    for (; s->slots[slot]; slot = (slot + 1) & s->slot_mask)
        if (same_identity(&s->list[s->slots[slot] - 1], c))
            return;
    s->list[s->count++] = *c;
    s->slots[slot] = s->count;
    s->size += c->size + INDEX_SIZE;
}

static int by_age(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->age != y->age)
        return x->age < y->age ? -1 : 1;
    return x->data < y->data ? -1 : x->data > y->data; /* as they were */
}

/* Was the entry one that `seen` had a use for? Both may be of different files. */
static bool was_used(const struct saved_file *seen, const struct candidate *c)
{
    for (int n = seen ? saved_file_find(seen, c->hash, -1) : -1; n >= 0;
         n = saved_file_find(seen, c->hash, n)) {
        struct saved_index i = saved_index(seen, (uint32_t)n);
        if (i.sum == c->sum && i.size == c->size)
            return seen->state[n] & ENTRY_USED;
    }
    return false;
}

/* What the present file has, an update older. */
static uint32_t list_present(struct saved_file *now, const struct saved_file *seen,
                             struct candidate *out)
{
    uint32_t count = 0;
    for (uint32_t n = 0; now && n < now->count; n++) {
        struct saved_index i = saved_index(now, n);
        struct candidate c = {.hash = i.hash, .sum = i.sum, .age = i.age};
        c.data = saved_file_entry(now, (int)n, &c.size);
        if (!c.data)
            continue;
        c.age = was_used(seen, &c) ? 0 : c.age + 1;
        if (c.age <= SAVED_AGE_MAX)
            out[count++] = c;
    }
    qsort(out, count, sizeof *out, by_age);
    return count;
}

static bool select_entries(struct selection *s, struct saved_file *now,
                           const struct saved_file *seen, const struct saved_fresh *fresh,
                           size_t context_len)
{
    uint32_t items = (uint32_t)(fresh->items.len / sizeof(struct saved_item)), slots = 64;
    uint32_t room = items + (now ? now->count : 0), k = 0;
    struct candidate *present = calloc(room + 1u, sizeof *present);

    while (slots < 2 * room)
        slots *= 2;
    s->list = calloc(room + 1u, sizeof *s->list);
    s->room = room;
    s->slots = calloc(slots, sizeof *s->slots);
    s->slot_mask = slots - 1;
    s->size = SAVED_HEADER + context_len;
    if (!present || !s->list || !s->slots) {
        free(present);
        return false;
    }
    uint32_t count = list_present(now, seen, present);
    for (; k < count && !present[k].age; k++)
        select_entry(s, &present[k]);
    for (uint32_t n = 0; n < items; n++) {
        struct saved_item i;
        memcpy(&i, fresh->items.data + n * sizeof i, sizeof i);
        struct candidate c = {
            .data = fresh->data.data + i.at, .hash = i.hash, .size = (uint32_t)i.size};
        if (i.size < 4 || i.size > SAVED_ENTRY_MAX)
            continue;
        c.sum = saved_hash(c.hash, c.data, c.size);
        select_entry(s, &c);
    }
    for (; k < count; k++)
        select_entry(s, &present[k]);
    free(present);
    return true;
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool write_all(int fd, const uint8_t *p, size_t len)
{
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static bool write_entries(int fd, const struct saved_context *context, const struct selection *s)
{
    struct bytes out = {0}, index = {0};
    uint64_t at = SAVED_HEADER + context->len;
    uint8_t *h = bytes_add(&out, SAVED_HEADER);
    bool ok;

    bytes_put(&out, context->bytes, context->len);
    for (uint32_t n = 0; n < s->count; n++) {
        const struct candidate *c = &s->list[n];
        bytes_put_le(&index, c->hash, 8);
        bytes_put_le(&index, at, 8);
        bytes_put_le(&index, c->size, 4);
        bytes_put_le(&index, c->age, 4);
        bytes_put_le(&index, c->sum, 8);
        at += c->size;
    }
    ok = h && !out.failed && !index.failed;
    if (ok) {
        h = out.data;
        memset(h, 0, SAVED_HEADER);
        memcpy(h, SAVED_MAGIC, 8);
        store_le32(h + HEADER_VERSION, SAVED_VERSION);
        store_le32(h + HEADER_CONTEXT, (uint32_t)context->len);
        store_le64(h + HEADER_SIZE, at + index.len);
        store_le64(h + HEADER_INDEX, at);
        store_le32(h + HEADER_COUNT, s->count);
        store_le64(h + HEADER_INDEX_SUM, saved_hash(0, index.data, index.len));
        store_le64(h + HEADER_SUM, saved_header_sum(h, context->bytes, context->len));
        for (uint32_t n = 0; ok && n < s->count; n++) {
            bytes_put(&out, s->list[n].data, s->list[n].size);
            if (out.failed || out.len >= 1 << 20) {
                ok = !out.failed && write_all(fd, out.data, out.len);
                out.len = 0;
            }
        }
        ok = ok && write_all(fd, out.data, out.len) && write_all(fd, index.data, index.len);
    }
    free(out.data);
    free(index.data);
    return ok;
}

static bool replace_file(int dir, const struct saved_context *context, const struct selection *s,
                         char why[SAVED_WHY])
{
    char name[SAVED_NAME], fresh[SAVED_NAME + sizeof SAVED_NEW];
    saved_file_name(context, name);
    snprintf(fresh, sizeof fresh, "%s" SAVED_NEW, name);
    unlinkat(dir, fresh, 0); /* of a process that was killed: nobody else is here now */
    int fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write_entries(fd, context, s);
    if (fd >= 0)
        ok = !close(fd) && ok;
    if (ok && !renameat(dir, fresh, dir, name))
        return true;
    snprintf(why, SAVED_WHY, "%s can not be written: %s", name, strerror(errno));
    if (fd >= 0)
        unlinkat(dir, fresh, 0);
    return false;
}

/* ---- the directory's size ------------------------------------------------------------------- */

struct other {
    char name[SAVED_NAME];
    int64_t used; /* seconds */
    int64_t size;
};

/* The files of this and other contexts, those longest unused go when there are too many. */
static void trim_directory(int dir, const struct saved_context *context)
{
    struct other list[MAX_OTHERS];
    unsigned count = 0;
    int64_t sum = 0;
    char mine[SAVED_NAME];
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct stat st;

    saved_file_name(context, mine);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d)) && count < MAX_OTHERS;) {
        if (strncmp(e->d_name, SAVED_PREFIX, sizeof SAVED_PREFIX - 1) != 0 ||
            strlen(e->d_name) >= SAVED_NAME ||
            fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        sum += st.st_size;
        if (!strcmp(e->d_name, mine))
            continue;
        strcpy(list[count].name, e->d_name);
        list[count].used = st.st_mtime;
        list[count++].size = st.st_size;
    }
    closedir(d);
    while (sum > SAVED_DIR_MAX && count) {
        unsigned oldest = 0;
        for (unsigned n = 1; n < count; n++)
            if (list[n].used < list[oldest].used)
                oldest = n;
        unlinkat(dir, list[oldest].name, 0);
        sum -= list[oldest].size;
        list[oldest] = list[--count];
    }
}

/* ---- update --------------------------------------------------------------------------------- */

/* One process at a time; a stopped one does not hold up others for long. */
static int lock_directory(int dir, char why[SAVED_WHY])
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    int fd = openat(dir, SAVED_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0) {
        snprintf(why, SAVED_WHY, SAVED_LOCK " can not be opened: %s", strerror(errno));
        return -1;
    }
    for (unsigned tries = 0; tries < LOCK_TRIES; tries++) {
        if (!flock(fd, LOCK_EX | LOCK_NB))
            return fd;
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        nanosleep(&pause, NULL);
    }
    snprintf(why, SAVED_WHY, SAVED_LOCK " is held by another process");
    close(fd);
    return -1;
}

bool saved_file_update(int dir, const struct saved_context *context, const struct saved_file *seen,
                       const struct saved_fresh *fresh, uint64_t limit, char why[SAVED_WHY])
{
    struct saved_file *now = NULL;
    struct selection s = {.limit = limit};
    int lock = lock_directory(dir, why);
    if (lock < 0)
        return false;
    bool ok = true;
    switch (saved_file_open(dir, context, &now, why)) {
    case SAVED_REFUSED: /* somebody put it there: it stays */
    case SAVED_FAILED:
        ok = false;
        break;
    default:
        break;
    }
    if (ok && !select_entries(&s, now, seen, fresh, context->len)) {
        snprintf(why, SAVED_WHY, "no memory for what is to be saved");
        ok = false;
    }
    ok = ok && replace_file(dir, context, &s, why);
    if (ok)
        trim_directory(dir, context);
    free(s.list);
    free(s.slots);
    saved_file_close(now);
    close(lock);
    return ok;
}
