/*
 * A process that writes to a qcow2 image is killed, over and over. What it had flushed must be
 * there, the image must open, and a check must find nothing worse than leaked clusters.
 *
 * The child writes in batches: batch n fills a few slots of the disk, several requests at a time,
 * with sectors that say (slot, n); then it flushes and writes n to a pipe. The parent kills it at a
 * random moment, looks at the last number L that came, and repeats the choice of slots: each sector
 * has to be of the slot's last batch up to L, or of batch L + 1.
 *
 * VEMU_TEST_KILLS (20 for all kinds of images together) and VEMU_TEST_SEED choose another length.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vemu/block.h>

#include "core/util/endian.h"
#include "tests/unit/programs/tap.h"

enum { SECTOR = 512, SLOT_BYTES = 48 * SECTOR, SLOTS = 400, BATCH = 6, MOST_BATCHES = 1 << 20 };
/* Behind the slots: an area that is discarded and zeroed while all that goes on. */
enum { WILD_BYTES = 2 << 20, DISK_BYTES = SLOTS * SLOT_BYTES + WILD_BYTES };

struct kind {
    const char *name, *options;
    bool backed, lazy, snapshot;
};

static const struct kind kinds[] = {
    {"64K clusters", "", false, false, false},
    {"512-byte clusters", "cluster_size=512", false, false, false},
    {"4K clusters, backing file, snapshot", "cluster_size=4K", true, false, true},
    {"version 2", "compat=0.10,cluster_size=16K", false, false, false},
    {"lazy refcounts", "lazy_refcounts=on,cluster_size=8K", false, true, false},
};

static char dir[] = "/tmp/vemu-block-kill.XXXXXX", image[64], base[64];

static uint64_t mix(uint64_t v)
{
    v ^= v >> 33;
    v *= UINT64_C(0xff51afd7ed558ccd);
    v ^= v >> 33;
    v *= UINT64_C(0xc4ceb9fe1a85ec53);
    return v ^ v >> 33;
}

/* The slots of a batch, all different. */
static void choose(uint64_t seed, uint64_t batch, unsigned slots[BATCH])
{
    for (unsigned i = 0; i < BATCH; i++) {
        uint64_t salt = 0;
        bool again;
        do {
            slots[i] = (unsigned)(mix(seed + batch * 131 + i * 7919 + salt++ * 104729) % SLOTS);
            again = false;
            for (unsigned k = 0; k < i; k++)
                again |= slots[k] == slots[i];
        } while (again);
    }
}

static void fill(uint8_t *buf, uint64_t slot, uint64_t batch)
{
    for (unsigned s = 0; s < SLOT_BYTES / SECTOR; s++) {
        for (unsigned i = 0; i < SECTOR; i += 16) {
            store_le64(buf + s * SECTOR + i, slot);
            store_le64(buf + s * SECTOR + i + 8, batch);
        }
    }
}

static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("# ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

/* ---- the child ------------------------------------------------------------------------------- */

static void note_error(struct vemu_block_request *req)
{
    if (req->error)
        _exit(2);
}

static void one_batch(struct vemu_block_context *ctx, struct vemu_block *b, uint64_t seed,
                      uint64_t batch, uint8_t *bufs)
{
    struct vemu_block_request req[BATCH + 1];
    struct iovec iov[BATCH];
    unsigned slots[BATCH];

    choose(seed, batch, slots);
    vemu_block_plug(ctx);
    for (unsigned i = 0; i < BATCH; i++) {
        fill(bufs + i * SLOT_BYTES, slots[i], batch);
        iov[i] = (struct iovec){bufs + i * SLOT_BYTES, SLOT_BYTES};
        req[i] = (struct vemu_block_request){.op = VEMU_BLOCK_WRITE,
                                             .offset = (uint64_t)slots[i] * SLOT_BYTES,
                                             .bytes = SLOT_BYTES,
                                             .iov = &iov[i],
                                             .iov_count = 1,
                                             .done = note_error};
        vemu_block_submit(b, &req[i]);
    }
    req[BATCH] = (struct vemu_block_request){
        .op = batch % 3   ? VEMU_BLOCK_WRITE
              : batch % 2 ? VEMU_BLOCK_DISCARD
                          : VEMU_BLOCK_WRITE_ZEROES,
        .flags = VEMU_BLOCK_MAY_UNMAP,
        .offset = SLOTS * SLOT_BYTES + mix(seed ^ batch) % (WILD_BYTES - SLOT_BYTES * BATCH),
        .bytes = batch % 3 ? SLOT_BYTES : SLOT_BYTES * BATCH,
        .iov = &iov[0],
        .iov_count = 1,
        .done = note_error};
    vemu_block_submit(b, &req[BATCH]);
    vemu_block_unplug(ctx);
    vemu_block_drain(b);
}

/* fast: nothing waits for the disk, so that more happens before the end; what was written in which
 * order is the same to the next process. */
static void child(int log, uint64_t seed, uint64_t first, bool fast)
{
    struct vemu_block_options o = {.size = sizeof o,
                                   .writable = 1,
                                   .l2_cache_bytes = 1,
                                   .cache = fast ? VEMU_BLOCK_UNSAFE : VEMU_BLOCK_WRITEBACK};
    uint8_t *bufs = malloc(BATCH * SLOT_BYTES);
    struct vemu_block_context *ctx = vemu_block_context_new(NULL, NULL);
    struct vemu_error *err = NULL;
    struct vemu_block *b = vemu_block_open(ctx, image, &o, &err);

    if (!b) {
        fail("%s", vemu_error_message(err));
        _exit(3);
    }
    for (uint64_t batch = first; batch < MOST_BATCHES; batch++) {
        one_batch(ctx, b, seed, batch, bufs);
        if (!vemu_block_flush(b, NULL) || write(log, &batch, sizeof batch) != sizeof batch)
            _exit(4);
    }
    _exit(5);
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* Starts the child, kills it, and returns the last batch that it had flushed; 0 when it failed. */
static uint64_t run_and_kill(uint64_t seed, uint64_t last, uint64_t delay_us, bool fast)
{
    int fds[2], status;
    uint64_t got;
    pid_t pid;

    if (pipe(fds) != 0)
        return 0;
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        child(fds[1], seed, last + 1, fast);
    }
    close(fds[1]);
    /* From its first flush on: opening may have repaired something before. */
    if (pid > 0 && read(fds[0], &got, sizeof got) == sizeof got) {
        last = got;
        usleep((useconds_t)delay_us);
    }
    kill(pid, SIGKILL);
    while (read(fds[0], &got, sizeof got) == sizeof got)
        last = got;
    close(fds[0]);
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status)) {
        fail("the child ended by itself, status %x", (unsigned)status);
        return 0;
    }
    return last;
}

static void show_finding(void *opaque, const char *line)
{
    (void)opaque;
    if (!strstr(line, "Leaked"))
        fail("%s", line);
}

static bool checked(const struct kind *k, struct vemu_block_context *ctx)
{
    struct vemu_block_options o = {.size = sizeof o, .flags = VEMU_BLOCK_AS_FOUND};
    struct vemu_block_check c = {.finding = show_finding};
    struct vemu_error *err = NULL;
    char command[160];
    struct vemu_block *b;
    bool ok;

    if (k->lazy) /* opening for writing counts anew */
        o.flags = 0, o.writable = 1;
    b = vemu_block_open(ctx, image, &o, &err);
    ok = b && vemu_block_check(b, VEMU_BLOCK_REPAIR_NONE, &c, &err) && !c.corruptions;
    if (err)
        fail("%s", vemu_error_message(err));
    vemu_error_free(err);
    vemu_block_close(b, NULL);
    if (!ok || system("command -v qemu-img >/dev/null") != 0)
        return ok;
    snprintf(command, sizeof command, "qemu-img check %s >%s.log 2>&1", image, image);
    int status = system(command);
    if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3) {
        fail("qemu-img check: status %d", WEXITSTATUS(status));
        return false;
    }
    return true;
}

/* `of`: the last batch of each slot. */
static bool content_ok(struct vemu_block_context *ctx, const uint64_t of[SLOTS], uint64_t seed,
                       uint64_t last)
{
    struct vemu_error *err = NULL;
    struct vemu_block *b = vemu_block_open(ctx, image, NULL, &err);
    uint8_t buf[SLOT_BYTES], old[SLOT_BYTES], new[SLOT_BYTES];
    unsigned next[BATCH];
    bool ok = b != NULL;

    if (!b)
        fail("%s", vemu_error_message(err));
    vemu_error_free(err);
    choose(seed, last + 1, next);
    for (unsigned slot = 0; slot < SLOTS && ok; slot++) {
        bool may_be_new = false;
        for (unsigned i = 0; i < BATCH; i++)
            may_be_new |= next[i] == slot;
        memset(old, 0, sizeof old);
        if (of[slot])
            fill(old, slot, of[slot]);
        fill(new, slot, last + 1);
        ok = vemu_block_read(b, (uint64_t)slot * SLOT_BYTES, buf, SLOT_BYTES, NULL);
        for (unsigned s = 0; s < SLOT_BYTES && ok; s += SECTOR) {
            if (memcmp(buf + s, old + s, SECTOR) == 0 ||
                (may_be_new && memcmp(buf + s, new + s, SECTOR) == 0))
                continue;
            fail("slot %u, sector %u is %" PRIu64 "/%" PRIu64 ", not of batch %" PRIu64
                 " (last flushed %" PRIu64 ")",
                 slot, s / SECTOR, load_le64(buf + s), load_le64(buf + s + 8), of[slot], last);
            ok = false;
        }
    }
    vemu_block_close(b, NULL);
    return ok;
}

static bool make_image(struct vemu_block_context *ctx, const struct kind *k)
{
    struct vemu_block_create_options o = {
        .size = sizeof o, .format = "qcow2", .virtual_size = DISK_BYTES, .options = k->options};
    struct vemu_block_create_options raw = {
        .size = sizeof raw, .format = "raw", .virtual_size = DISK_BYTES};
    struct vemu_block_options oo = {.size = sizeof oo, .writable = 1};
    struct vemu_block *b;
    bool ok;

    if (k->backed) {
        o.backing_filename = base;
        o.backing_format = "raw";
        if (!vemu_block_create(ctx, base, &raw, NULL))
            return false;
    }
    ok = vemu_block_create(ctx, image, &o, NULL);
    if (!ok || !k->snapshot)
        return ok;
    /* Clusters that a snapshot shares, so that writes have to copy. */
    b = vemu_block_open(ctx, image, &oo, NULL);
    for (unsigned slot = 0; b && slot < SLOTS; slot += 2)
        vemu_block_write_zeroes(b, (uint64_t)slot * SLOT_BYTES, SLOT_BYTES, 0, NULL);
    ok = b && vemu_block_snapshot_create(b, "s", NULL);
    return vemu_block_close(b, NULL) && ok;
}

static bool run_kind(const struct kind *k, uint64_t seed, unsigned kills)
{
    uint64_t of[SLOTS] = {0}, last = 0, total = 0;
    bool ok = true;

    for (unsigned n = 0; n < kills && ok; n++) {
        /* A context has threads, so there is none while the child is forked. */
        struct vemu_block_context *ctx = vemu_block_context_new(NULL, NULL);
        uint64_t before = last;
        ok = n || make_image(ctx, k);
        vemu_block_context_free(ctx);
        last = ok ? run_and_kill(seed, last, mix(seed + n) % 40000, n % 2) : 0;
        if (!last)
            return false;
        for (uint64_t batch = before + 1; batch <= last; batch++) {
            unsigned slots[BATCH];
            choose(seed, batch, slots);
            for (unsigned i = 0; i < BATCH; i++)
                of[slots[i]] = batch;
        }
        total = last;
        ctx = vemu_block_context_new(NULL, NULL);
        ok = content_ok(ctx, of, seed, last) && checked(k, ctx);
        vemu_block_context_free(ctx);
        if (!ok)
            fail("kill %u, seed %" PRIu64 ": the image is %s", n, seed, image);
    }
    fprintf(stderr, "# %s: %u kills, %" PRIu64 " flushed batches\n", k->name, kills, total);
    return ok;
}

int main(void)
{
    const char *kills = getenv("VEMU_TEST_KILLS"), *seed = getenv("VEMU_TEST_SEED");
    unsigned n = kills ? (unsigned)strtoul(kills, NULL, 10) : 20;
    unsigned count = sizeof kinds / sizeof kinds[0];
    char what[128], command[64];
    bool all = true;

    if (!mkdtemp(dir))
        return 1;
    snprintf(image, sizeof image, "%s/image", dir);
    snprintf(base, sizeof base, "%s/base", dir);
    for (unsigned i = 0; i < count && all; i++) {
        snprintf(what, sizeof what, "killed while writing, %s", kinds[i].name);
        all &= tap(
            run_kind(&kinds[i], (seed ? strtoull(seed, NULL, 10) : 1) + i, (n + count - 1) / count),
            what);
    }
    snprintf(command, sizeof command, "rm -rf %s", dir);
    if (all && system(command) != 0)
        return 1;
    return tap_end();
}
