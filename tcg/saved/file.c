/* Reading a file of translations. See file.h; writing one: update.c. */
#include "tcg/saved/file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/range.h"

enum { READ_STEP = 1 << 16, FOLLOWED = 8 };

uint64_t saved_hash(uint64_t seed, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t h = (seed ^ len) * 0x9e3779b97f4a7c15u;
    for (; len; p += 8) {
        size_t n = MIN(len, (size_t)8);
        uint64_t word = n == 8 ? load_le64(p) : 0;
        if (n < 8)
            memcpy(&word, p, n);
        h = (h ^ word) * 0xd6e8feb86659fd93u; /* odd: each step can be undone */
        h ^= h >> 32;
        len -= n;
    }
    return h;
}

/* ---- directory ------------------------------------------------------------------------------ */

static bool make_directories(const char *path)
{
    char part[4096];
    size_t len = strlen(path);
    if (len >= sizeof part)
        return false;
    for (size_t n = 1; n <= len; n++) {
        if (path[n] && path[n] != '/')
            continue;
        memcpy(part, path, n);
        part[n] = 0;
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return false;
    }
    return true;
}

int saved_dir_open(const char *path, bool make, char why[SAVED_WHY])
{
    struct stat st;
    why[0] = 0;
    if (make && !make_directories(path)) {
        snprintf(why, SAVED_WHY, "%.100s can not be made: %s", path, strerror(errno));
        return -1;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        if (errno != ENOENT)
            snprintf(why, SAVED_WHY, "%.100s can not be opened: %s", path, strerror(errno));
        return -1;
    }
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 022)) {
        snprintf(why, SAVED_WHY, "%.100s is not a directory that only this user can write to",
                 path);
        close(fd);
        return -1;
    }
    return fd;
}

void saved_file_name(const struct saved_context *context, char name[SAVED_NAME])
{
    snprintf(name, SAVED_NAME, SAVED_PREFIX "%016llx",
             (unsigned long long)saved_hash(SAVED_VERSION, context->bytes, context->len));
}

/* ---- open ----------------------------------------------------------------------------------- */

/* Bytes [at, at+len) are in memory. */
static bool available(struct saved_file *f, uint64_t at, uint64_t len)
{
    for (uint64_t p = align_down(at, READ_STEP); p < at + len; p += READ_STEP) {
        uint8_t *done = &f->steps[p / READ_STEP];
        size_t want = (size_t)MIN(f->size - p, (uint64_t)READ_STEP), got = 0;
        while (!*done && got < want) {
            ssize_t n = pread(f->fd, f->data + p + got, want - got, (off_t)(p + got));
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                return false;
            got += (size_t)n;
        }
        *done = 1;
    }
    return true;
}

static enum saved_open open_plain(int dir, const char *name, struct saved_file *f,
                                  char why[SAVED_WHY])
{
    struct stat st;
    f->fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0) {
        if (errno == ENOENT)
            return SAVED_MISSING;
        snprintf(why, SAVED_WHY, "%s can not be opened: %s", name, strerror(errno));
        return SAVED_REFUSED;
    }
    if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & 077)) {
        snprintf(why, SAVED_WHY, "%s is not a file that only this user has access to", name);
        return SAVED_REFUSED;
    }
    if (st.st_size < SAVED_HEADER || st.st_size > SAVED_FILE_MAX)
        return SAVED_DAMAGED;
    f->size = (uint64_t)st.st_size;
    void *room = mmap(NULL, f->size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    f->data = room == MAP_FAILED ? NULL : room;
    if (f->data)
        madvise(f->data, f->size, MADV_HUGEPAGE);
    f->steps = calloc(f->size / READ_STEP + 1, 1);
    return f->data && f->steps ? SAVED_OPEN : SAVED_FAILED;
}

static enum saved_open check_header(struct saved_file *f, const struct saved_context *context)
{
    const uint8_t *h = f->data;
    if (!available(f, 0, SAVED_HEADER))
        return SAVED_DAMAGED;
    uint32_t context_len = load_le32(h + HEADER_CONTEXT);
    uint64_t index = load_le64(h + HEADER_INDEX), count = load_le32(h + HEADER_COUNT);
    if (memcmp(h, SAVED_MAGIC, 8) != 0)
        return SAVED_DAMAGED;
    if (load_le32(h + HEADER_VERSION) != SAVED_VERSION)
        return SAVED_MISSING;
    if (context_len > SAVED_CONTEXT_MAX || context_len > f->size - SAVED_HEADER ||
        load_le64(h + HEADER_SIZE) != f->size || !available(f, SAVED_HEADER, context_len) ||
        load_le64(h + HEADER_SUM) != saved_header_sum(h, h + SAVED_HEADER, context_len))
        return SAVED_DAMAGED;
    if (context_len != context->len || memcmp(h + SAVED_HEADER, context->bytes, context_len) != 0)
        return SAVED_MISSING;
    f->start = SAVED_HEADER + context_len;
    if (index < f->start || index > f->size || (f->size - index) / INDEX_SIZE != count ||
        (f->size - index) % INDEX_SIZE || !available(f, index, f->size - index) ||
        saved_hash(0, h + index, f->size - index) != load_le64(h + HEADER_INDEX_SUM))
        return SAVED_DAMAGED;
    f->index = index;
    f->count = (uint32_t)count;
    return SAVED_OPEN;
}

/* Other bits of the hash than those that say which bucket. */
static uint32_t filter_bit(uint64_t hash)
{
    return (uint32_t)hash & ((1u << FILTER_BITS) - 1);
}

static uint32_t bucket_of(const struct saved_file *f, uint64_t hash)
{
    return (uint32_t)(hash >> (64 - f->bucket_bits));
}

static enum saved_open read_index(struct saved_file *f)
{
    f->bucket_bits = 1;
    while (f->bucket_bits < 24 && UINT32_C(1) << f->bucket_bits < 2 * f->count)
        f->bucket_bits++;
    f->links = malloc((f->count + 1) * sizeof *f->links);
    f->state = calloc(f->count + 1, 1);
    f->bucket = malloc(sizeof *f->bucket << f->bucket_bits);
    if (!f->links || !f->state || !f->bucket)
        return SAVED_FAILED;
    memset(f->bucket, 0xff, sizeof *f->bucket << f->bucket_bits);
    for (uint32_t n = f->count; n-- > 0;) { /* those in front are the latest: found first */
        uint64_t hash = saved_index(f, n).hash;
        int32_t *head = &f->bucket[bucket_of(f, hash)];
        f->links[n] = (struct saved_link){.next = *head, .tag = (uint32_t)hash};
        *head = (int32_t)n;
        f->filter[filter_bit(hash) / 8] |= (uint8_t)(1u << filter_bit(hash) % 8);
    }
    return SAVED_OPEN;
}

struct saved_index saved_index(const struct saved_file *f, uint32_t n)
{
    const uint8_t *p = f->data + f->index + (uint64_t)n * INDEX_SIZE;
    return (struct saved_index){.hash = load_le64(p),
                                .at = load_le64(p + 8),
                                .size = load_le32(p + 16),
                                .age = load_le32(p + 20),
                                .sum = load_le64(p + 24)};
}

uint64_t saved_header_sum(const uint8_t *header, const uint8_t *context, size_t context_len)
{
    return saved_hash(saved_hash(0, header, HEADER_SUM), context, context_len);
}

enum saved_open saved_file_open(int dir, const struct saved_context *context,
                                struct saved_file **out, char why[SAVED_WHY])
{
    struct saved_file *f = calloc(1, sizeof *f);
    char name[SAVED_NAME];
    enum saved_open r = SAVED_FAILED;
    *out = NULL;
    why[0] = 0;
    saved_file_name(context, name);
    if (f) {
        r = open_plain(dir, name, f, why);
        if (r == SAVED_OPEN)
            r = check_header(f, context);
        if (r == SAVED_OPEN)
            r = read_index(f);
    }
    if (r == SAVED_OPEN) {
        *out = f;
        return r;
    }
    if (r == SAVED_DAMAGED)
        snprintf(why, SAVED_WHY, "%s is damaged", name);
    else if (r == SAVED_FAILED)
        snprintf(why, SAVED_WHY, "no memory for %s", name);
    saved_file_close(f);
    return r;
}

void saved_file_close(struct saved_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    if (f->data)
        munmap(f->data, f->size);
    free(f->steps);
    free(f->links);
    free(f->bucket);
    free(f->state);
    free(f);
}

/* ---- entries -------------------------------------------------------------------------------- */

unsigned saved_file_count(const struct saved_file *f)
{
    return f->count;
}

int saved_file_find(const struct saved_file *f, uint64_t hash, int after)
{
    if (after < 0 && !(f->filter[filter_bit(hash) / 8] >> filter_bit(hash) % 8 & 1))
        return -1;
    int32_t n = after < 0 ? f->bucket[bucket_of(f, hash)] : f->links[after].next;
    while (n >= 0 &&
           (f->links[n].tag != (uint32_t)hash || saved_index(f, (uint32_t)n).hash != hash))
        n = f->links[n].next;
    return n;
}

int saved_file_follow(const struct saved_file *f, int last, const uint64_t *hashes, unsigned count)
{
    for (uint32_t n = (uint32_t)(last + 1); n < f->count && n <= (uint32_t)(last + FOLLOWED); n++) {
        uint64_t hash = saved_index(f, n).hash;
        for (unsigned k = 0; k < count; k++)
            if (hashes[k] == hash)
                return (int)n;
    }
    return -1;
}

const uint8_t *saved_file_entry(struct saved_file *f, int n, uint32_t *size)
{
    struct saved_index i = saved_index(f, (uint32_t)n);
    uint8_t *state = &f->state[n];
    *size = i.size;
    if (!(*state & (ENTRY_GOOD | ENTRY_BAD))) {
        bool good = i.at >= f->start && i.at <= f->index && i.size <= f->index - i.at &&
                    i.size >= 4 && i.size <= SAVED_ENTRY_MAX && available(f, i.at, i.size) &&
                    saved_hash(i.hash, f->data + i.at, i.size) == i.sum &&
                    load_le32(f->data + i.at) >= 4 && load_le32(f->data + i.at) <= i.size;
        *state |= good ? ENTRY_GOOD : ENTRY_BAD;
    }
    return *state & ENTRY_GOOD ? f->data + i.at : NULL;
}

void saved_file_use(struct saved_file *f, int n)
{
    f->state[n] |= ENTRY_USED;
}

void saved_file_touch(const struct saved_file *f)
{
    (void)!futimens(f->fd, NULL); /* only which files are removed first depends on it */
}
