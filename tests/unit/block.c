/* core/block: requests, files, locks, qcow2 in detail, and images that are damaged. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/block/block.h"
#include "core/block/qcow2.h"
#include "core/block/sg.h"
#include "core/clock/clock.h"
#include "core/loop/loop.h"
#include "core/util/endian.h"

static char dir[] = "/tmp/vemu-block-XXXXXX";
static struct vemu_block_context *ctx;
static struct vemu_error *err;

static const char *path(const char *name)
{
    static char paths[4][128];
    static unsigned n;

    n = (n + 1) % 4;
    snprintf(paths[n], sizeof paths[n], "%s/%s", dir, name);
    return paths[n];
}

static void set_up(void)
{
    cr_assert(mkdtemp(dir));
    ctx = vemu_block_context_new(NULL, NULL);
    cr_assert(ctx);
}

static void tear_down(void)
{
    char command[64];

    vemu_block_context_free(ctx);
    vemu_error_free(err);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(block, .init = set_up, .fini = tear_down);

static void create(const char *name, const char *format, uint64_t size, const char *options)
{
    struct vemu_block_create_options o = {
        .size = sizeof o, .format = format, .virtual_size = size, .options = options};

    cr_assert(vemu_block_create(ctx, path(name), &o, &err), "%s", vemu_error_message(err));
}

static struct vemu_block *open_as(const char *name, unsigned writable, unsigned flags)
{
    struct vemu_block_options o = {.size = sizeof o, .writable = writable, .flags = flags};

    return vemu_block_open(ctx, path(name), &o, &err);
}

static struct vemu_block *open_rw(const char *name)
{
    struct vemu_block *b = open_as(name, 1, 0);

    cr_assert(b, "%s", vemu_error_message(err));
    return b;
}

static void close_ok(struct vemu_block *b)
{
    cr_assert(vemu_block_close(b, &err), "%s", vemu_error_message(err));
}

static void expect_error(const char *text)
{
    cr_assert(err && strstr(vemu_error_message(err), text), "'%s' is not in '%s'", text,
              vemu_error_message(err));
    vemu_error_free(err);
    err = NULL;
}

static void poke(const char *name, uint64_t offset, const void *bytes, size_t len)
{
    int fd = open(path(name), O_WRONLY);

    cr_assert_eq(pwrite(fd, bytes, len, (off_t)offset), (ssize_t)len);
    close(fd);
}

static void poke64(const char *name, uint64_t offset, uint64_t value)
{
    uint8_t be[8];

    store_be64(be, value);
    poke(name, offset, be, 8);
}

static void poke32(const char *name, uint64_t offset, uint32_t value)
{
    uint8_t be[4];

    store_be32(be, value);
    poke(name, offset, be, 4);
}

static uint64_t peek64(const char *name, uint64_t offset)
{
    uint8_t be[8];
    int fd = open(path(name), O_RDONLY);

    cr_assert_eq(pread(fd, be, 8, (off_t)offset), 8);
    close(fd);
    return load_be64(be);
}

static void write_bytes(struct vemu_block *b, uint64_t offset, int value, size_t bytes,
                        unsigned flags)
{
    uint8_t *buf = malloc(bytes);

    memset(buf, value, bytes);
    cr_assert(vemu_block_write(b, offset, buf, bytes, flags, &err), "%s", vemu_error_message(err));
    free(buf);
}

static void expect_bytes(struct vemu_block *b, uint64_t offset, int value, size_t bytes)
{
    uint8_t *buf = malloc(bytes);

    cr_assert(vemu_block_read(b, offset, buf, bytes, &err), "%s", vemu_error_message(err));
    for (size_t i = 0; i < bytes; i++)
        cr_assert_eq(buf[i], (uint8_t)value, "byte %zu is %02x", i, buf[i]);
    free(buf);
}

static struct vemu_block_check check(struct vemu_block *b, enum vemu_block_repair repair)
{
    struct vemu_block_check c = {.finding = NULL};

    cr_assert(vemu_block_check(b, repair, &c, &err), "%s", vemu_error_message(err));
    return c;
}

static void expect_clean(struct vemu_block *b)
{
    struct vemu_block_check c = check(b, VEMU_BLOCK_REPAIR_NONE);

    cr_assert_eq(c.corruptions, 0);
    cr_assert_eq(c.leaks, 0);
}

/* ---- scatter-gather -------------------------------------------------------------------------- */

Test(sg, copies_across_vectors_and_from_the_middle)
{
    char a[4], b[3], out[8] = {0};
    struct iovec v[] = {{a, 4}, {NULL, 0}, {b, 3}};
    struct sg sg = {v, 3, 0};
    struct iovec parts[4];
    uint64_t covered;

    sg_write(sg, "abcdefg", 7);
    sg_advance(&sg, 2);
    sg_read(sg, out, 5);
    cr_assert_str_eq(out, "cdefg");
    cr_assert_eq(sg_vectors(sg, 4, parts, 4, &covered), 2);
    cr_assert_eq(covered, 4);
    cr_assert_eq(parts[1].iov_len, 2);
    sg_zero(sg, 3);
    cr_assert_eq(memcmp(a, "ab\0\0", 4), 0);
    cr_assert_eq(memcmp(b, "\0fg", 3), 0);
    cr_assert_eq(sg_bytes(sg, 100), 5);
}

/* ---- requests -------------------------------------------------------------------------------- */

struct waiter {
    unsigned done;
    int error;
};

static void count_done(struct vemu_block_request *req)
{
    struct waiter *w = req->opaque;

    w->done++;
    w->error = req->error;
}

Test(block, submit_never_completes_by_itself)
{
    struct waiter w = {0};
    uint8_t buf[512];
    struct iovec v = {buf, sizeof buf};
    struct vemu_block_request req = {.op = VEMU_BLOCK_READ,
                                     .bytes = 512,
                                     .iov = &v,
                                     .iov_count = 1,
                                     .done = count_done,
                                     .opaque = &w};
    struct vemu_block *b;

    create("a", "qcow2", 1 << 20, NULL);
    b = open_rw("a");
    vemu_block_submit(b, &req);
    cr_assert_eq(w.done, 0);
    vemu_block_drain(b);
    cr_assert_eq(w.done, 1);
    cr_assert_eq(w.error, 0);
    close_ok(b);
}

Test(block, requests_beyond_the_end_or_without_room_are_refused)
{
    struct vemu_block *b;
    uint8_t buf[1024];
    struct waiter w = {0};
    struct iovec v = {buf, 100};
    struct vemu_block_request req = {.op = VEMU_BLOCK_READ,
                                     .bytes = 512,
                                     .iov = &v,
                                     .iov_count = 1,
                                     .done = count_done,
                                     .opaque = &w};

    create("a", "raw", 1 << 20, NULL);
    b = open_as("a", 0, 0);
    cr_assert(!vemu_block_read(b, (1 << 20) - 512, buf, 1024, &err));
    expect_error("Invalid argument");
    cr_assert(!vemu_block_read(b, UINT64_MAX - 100, buf, 1024, &err));
    expect_error("Invalid argument");
    cr_assert(!vemu_block_write(b, 0, buf, 512, 0, &err));
    expect_error("Read-only");
    vemu_block_submit(b, &req);
    vemu_block_drain(b);
    cr_assert_eq(w.error, EINVAL);
    close_ok(b);
}

/* A worker that is held up shows that a queued request can be taken back, and a running one not. */
Test(block, a_queued_request_can_be_cancelled)
{
    struct vemu_block_context_options co = {
        .size = sizeof co, .aio = VEMU_BLOCK_AIO_THREADS, .workers = 1};
    struct vemu_block_context *one = vemu_block_context_new(&co, NULL);
    struct vemu_block_options o = {.size = sizeof o, .writable = 1};
    struct waiter w[2] = {{0}};
    uint8_t *buf = calloc(1, 4 << 20);
    struct iovec v = {buf, 4 << 20};
    struct vemu_block_request req[2];
    struct vemu_block *b;

    create("a", "qcow2", 8 << 20, NULL);
    b = vemu_block_open(one, path("a"), &o, NULL);
    pthread_mutex_lock(&qcow2_of(b)->lock);
    for (int i = 0; i < 2; i++) {
        req[i] = (struct vemu_block_request){.op = VEMU_BLOCK_WRITE,
                                             .bytes = 4 << 20,
                                             .iov = &v,
                                             .iov_count = 1,
                                             .done = count_done,
                                             .opaque = &w[i]};
        vemu_block_submit(b, &req[i]);
    }
    cr_assert(vemu_block_cancel(&req[1]));
    pthread_mutex_unlock(&qcow2_of(b)->lock);
    vemu_block_drain(b);
    cr_assert_eq(w[0].done, 1);
    cr_assert_eq(w[0].error, 0);
    cr_assert_eq(w[1].done, 1);
    cr_assert_eq(w[1].error, ECANCELED);
    cr_assert(!vemu_block_cancel(&req[0]));
    close_ok(b);
    vemu_block_context_free(one);
    free(buf);
}

Test(block, a_main_loop_delivers_completions)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct clock_set *clocks = clock_set_new();
    struct loop *loop = loop_new(clocks, &lock, NULL);
    struct waiter w = {0};
    struct vemu_block_request req = {.op = VEMU_BLOCK_FLUSH, .done = count_done, .opaque = &w};
    struct vemu_block *b;

    cr_assert(block_context_attach(ctx, loop, NULL));
    create("a", "raw", 1 << 20, NULL);
    b = open_rw("a");
    vemu_block_submit(b, &req);
    for (int i = 0; i < 1000 && !w.done; i++)
        loop_iterate(loop, 10000000);
    cr_assert_eq(w.done, 1);
    close_ok(b);
    block_context_detach(ctx, loop);
    loop_free(loop);
    clock_set_free(clocks);
}

/* ---- files and locks ------------------------------------------------------------------------- */

Test(block, raw_is_rounded_up_to_sectors_and_zero_behind_its_end)
{
    struct vemu_block *b;

    create("a", "raw", 0, NULL);
    poke("a", 0, "abc", 3);
    b = open_rw("a");
    cr_assert_eq(vemu_block_size(b), 512);
    expect_bytes(b, 3, 0, 509);
    write_bytes(b, 100, 4, 300, 0);
    expect_bytes(b, 100, 4, 300);
    close_ok(b);
}

Test(block, second_writer_is_refused_and_told_who)
{
    struct vemu_block *a, *b;
    char pid[32];

    create("a", "qcow2", 1 << 20, NULL);
    a = open_rw("a");
    b = open_as("a", 1, 0);
    cr_assert(!b);
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    expect_error(pid);
    cr_assert(!open_as("a", 0, 0));
    expect_error("in use");
    b = open_as("a", 0, VEMU_BLOCK_FORCE_SHARE);
    cr_assert(b);
    close_ok(b);
    close_ok(a);
    a = open_as("a", 0, 0);
    b = open_as("a", 0, 0);
    cr_assert(a && b, "readers share");
    close_ok(a);
    close_ok(b);
}

Test(block, direct_io_takes_any_offset_and_address)
{
    struct vemu_block_options o = {.size = sizeof o, .writable = 1, .cache = VEMU_BLOCK_NONE};
    struct vemu_block *b;

    create("a", "raw", 100 << 10, NULL);
    b = vemu_block_open(ctx, path("a"), &o, &err);
    if (!b) /* a file system without O_DIRECT */
        cr_skip_test("%s", vemu_error_message(err));
    write_bytes(b, 0, 1, 100 << 10, 0);
    write_bytes(b, 777, 2, 9001, 0);
    write_bytes(b, (100 << 10) - 3, 3, 3, 0);
    expect_bytes(b, 0, 1, 777);
    expect_bytes(b, 777, 2, 9001);
    expect_bytes(b, 777 + 9001, 1, 1000);
    expect_bytes(b, (100 << 10) - 3, 3, 3);
    close_ok(b);
}

/* ---- qcow2 ----------------------------------------------------------------------------------- */

Test(block, qcow2_zero_clusters_hide_the_backing_file)
{
    struct vemu_block_create_options o = {.size = sizeof o,
                                          .format = "qcow2",
                                          .virtual_size = VEMU_BLOCK_SIZE_OF_BACKING,
                                          .backing_filename = "base"};
    struct vemu_block *b;
    struct vemu_block_status st;

    create("base", "raw", 1 << 20, NULL);
    b = open_rw("base");
    write_bytes(b, 0, 7, 1 << 20, 0);
    close_ok(b);
    cr_assert(vemu_block_create(ctx, path("a"), &o, &err));
    b = open_rw("a");
    cr_assert_eq(vemu_block_size(b), 1 << 20);
    expect_bytes(b, 0, 7, 1 << 20);
    cr_assert(vemu_block_write_zeroes(b, 1000, 200000, VEMU_BLOCK_MAY_UNMAP, NULL));
    expect_bytes(b, 0, 7, 1000);
    expect_bytes(b, 1000, 0, 200000);
    expect_bytes(b, 201000, 7, 10000);
    cr_assert(vemu_block_status(b, 65536, 65536, 0, &st, NULL));
    cr_assert_eq(st.flags, VEMU_BLOCK_ZERO | VEMU_BLOCK_PRESENT);
    cr_assert(vemu_block_discard(b, 0, 1 << 20, NULL));
    expect_bytes(b, 0, 0, 1 << 20);
    expect_clean(b);
    close_ok(b);
}

Test(block, qcow2_refcount_table_grows)
{
    struct vemu_block *b;
    struct stat st;

    /* 512-byte clusters with 64-bit refcounts: a table cluster is enough for 2 MiB. */
    create("a", "qcow2", 16 << 20, "cluster_size=512,refcount_bits=64");
    b = open_rw("a");
    write_bytes(b, 0, 5, 12 << 20, 0);
    expect_bytes(b, 0, 5, 12 << 20);
    expect_clean(b);
    close_ok(b);
    b = open_rw("a");
    expect_bytes(b, 11 << 20, 5, 1 << 20);
    expect_clean(b);
    close_ok(b);
    cr_assert(stat(path("a"), &st) == 0 && st.st_size > 12 << 20);
}

Test(block, qcow2_lazy_refcounts_set_the_dirty_bit_until_closed)
{
    struct vemu_block *b;

    create("a", "qcow2", 1 << 20, "lazy_refcounts=on");
    b = open_rw("a");
    cr_assert_eq(peek64("a", QH_INCOMPATIBLE) & QCOW2_DIRTY, 0);
    write_bytes(b, 0, 1, 65536, 0);
    cr_assert_eq(peek64("a", QH_INCOMPATIBLE) & QCOW2_DIRTY, QCOW2_DIRTY);
    close_ok(b);
    cr_assert_eq(peek64("a", QH_INCOMPATIBLE) & QCOW2_DIRTY, 0);
}

Test(block, qcow2_left_dirty_is_repaired_when_opened_for_writing)
{
    struct vemu_block *b;
    uint64_t block;

    create("a", "qcow2", 1 << 20, "lazy_refcounts=on");
    b = open_rw("a");
    write_bytes(b, 0, 1, 200000, 0);
    close_ok(b);
    /* As after a crash: the refcounts of the data were never written. */
    block = peek64("a", peek64("a", QH_REFTABLE_OFFSET));
    poke64("a", block + 8, 0);
    poke64("a", QH_INCOMPATIBLE, QCOW2_DIRTY);
    b = open_rw("a");
    expect_clean(b);
    expect_bytes(b, 0, 1, 200000);
    close_ok(b);
    cr_assert_eq(peek64("a", QH_INCOMPATIBLE), 0);
}

Test(block, qcow2_snapshot_keeps_what_was_there)
{
    struct vemu_block_options o = {.size = sizeof o, .snapshot = "before"};
    struct vemu_block_info info;
    struct vemu_block *b;

    create("a", "qcow2", 1 << 20, NULL);
    b = open_rw("a");
    write_bytes(b, 0, 1, 300000, 0);
    cr_assert(vemu_block_snapshot_create(b, "before", &err), "%s", vemu_error_message(err));
    write_bytes(b, 70000, 2, 70000, 0);
    expect_clean(b);
    cr_assert(vemu_block_resize(b, 2 << 20, VEMU_BLOCK_PREALLOC_OFF, NULL));
    vemu_block_info(b, &info);
    cr_assert_eq(info.snapshot_count, 1);
    cr_assert_str_eq(info.snapshots[0].name, "before");
    cr_assert_eq(info.snapshots[0].disk_size, 1 << 20);
    close_ok(b);
    b = vemu_block_open(ctx, path("a"), &o, &err);
    cr_assert(b, "%s", vemu_error_message(err));
    cr_assert_eq(vemu_block_size(b), 1 << 20);
    expect_bytes(b, 70000, 1, 70000);
    close_ok(b);
    b = open_rw("a");
    cr_assert(vemu_block_snapshot_apply(b, "1", NULL), "by its ID");
    cr_assert_eq(vemu_block_size(b), 1 << 20);
    expect_bytes(b, 70000, 1, 70000);
    expect_clean(b);
    cr_assert(vemu_block_snapshot_delete(b, "before", NULL));
    cr_assert(!vemu_block_snapshot_delete(b, "before", &err));
    expect_error("no snapshot 'before'");
    expect_clean(b);
    close_ok(b);
}

Test(block, compressed_clusters_share_host_clusters)
{
    struct vemu_block *b;
    struct stat st;

    create("a", "qcow2", 4 << 20, NULL);
    b = open_rw("a");
    write_bytes(b, 0, 9, 4 << 20, VEMU_BLOCK_COMPRESSED);
    expect_bytes(b, 0, 9, 4 << 20);
    write_bytes(b, 100000, 8, 10, 0);
    expect_bytes(b, 65536, 9, 100000 - 65536);
    expect_bytes(b, 100000, 8, 10);
    expect_clean(b);
    close_ok(b);
    cr_assert(stat(path("a"), &st) == 0 && st.st_size < 1 << 20);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static uint64_t l2_of(const char *name)
{
    return peek64(name, peek64(name, QH_L1_OFFSET)) & QE_OFFSET;
}

static void make_damaged(const char *name)
{
    struct vemu_block *b;

    create(name, "qcow2", 1 << 20, NULL);
    b = open_rw(name);
    write_bytes(b, 0, 1, 300000, 0);
    close_ok(b);
}

Test(block, chain_that_bites_its_tail_is_refused)
{
    struct vemu_block *b;

    create("a", "qcow2", 1 << 20, NULL);
    b = open_rw("a");
    cr_assert(vemu_block_set_backing(b, "a", "qcow2", NULL));
    close_ok(b);
    cr_assert(!open_as("a", 0, 0));
    expect_error("loop");
}

Test(block, headers_that_make_no_sense_are_refused)
{
    static const struct {
        unsigned field, bytes;
        uint64_t value;
        const char *error;
    } cases[] = {
        {QH_VERSION, 4, 4, "version is 4"},
        {QH_CLUSTER_BITS, 4, 8, "cluster_bits is 8"},
        {QH_CLUSTER_BITS, 4, 63, "cluster_bits is 63"},
        {QH_L1_SIZE, 4, 0xffffffff, "L1 table's size"},
        {QH_L1_SIZE, 4, 0, "too little"},
        {QH_L1_OFFSET, 8, 12345, "L1 table's size"},
        {QH_SIZE, 8, UINT64_MAX, "size is"},
        {QH_REFTABLE_OFFSET, 8, 77, "refcount table"},
        {QH_REFTABLE_CLUSTERS, 4, 0xffffffff, "refcount table"},
        {QH_REFCOUNT_ORDER, 4, 7, "refcount order"},
        {QH_HEADER_LENGTH, 4, 100, "header length"},
        {QH_HEADER_LENGTH, 4, 0xfffffff8, "header length"},
        {QH_BACKING_OFFSET, 8, 65000, "backing file name"},
        {QH_INCOMPATIBLE, 8, 1ull << 40, "bit 40"},
        {QH_INCOMPATIBLE, 8, QCOW2_EXTENDED_L2, "extended L2 entries"},
        {QH_CRYPT_METHOD, 4, 2, "encrypted"},
        {QH_SNAPSHOT_COUNT, 4, 70000, "70000 snapshots"},
        {QH_SNAPSHOT_COUNT, 4, 3, "snapshots"},
        {QCOW2_OUR_HEADER + 4, 4, 0x7fffffff, "extension"},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        create("a", "qcow2", 1 << 20, NULL);
        if (cases[i].field == QH_BACKING_OFFSET)
            poke32("a", QH_BACKING_SIZE, 1000);
        if (cases[i].bytes == 8)
            poke64("a", cases[i].field, cases[i].value);
        else
            poke32("a", cases[i].field, (uint32_t)cases[i].value);
        cr_assert(!open_as("a", 0, 0), "case %u", i);
        expect_error(cases[i].error);
    }
}

Test(block, an_l2_table_over_other_metadata_is_not_written)
{
    uint64_t l1;

    make_damaged("a");
    l1 = peek64("a", QH_L1_OFFSET);
    poke64("a", l1, l1 | QE_COPIED);
    cr_assert(!open_as("a", 1, 0));
    expect_error("lies over other metadata");
}

Test(block, data_over_metadata_sets_the_corrupt_bit_instead_of_being_written)
{
    struct vemu_block *b;
    uint8_t byte = 3;

    make_damaged("a");
    poke64("a", l2_of("a"), peek64("a", QH_L1_OFFSET) | QE_COPIED);
    b = open_rw("a");
    cr_assert(!vemu_block_write(b, 5, &byte, 1, 0, &err));
    expect_error("Input/output error");
    cr_assert(!vemu_block_close(b, &err));
    expect_error("could not be written");
    cr_assert(peek64("a", QH_INCOMPATIBLE) & QCOW2_CORRUPT);
    cr_assert(!open_as("a", 1, 0));
    expect_error("corrupt");
    b = open_as("a", 0, 0);
    cr_assert(b, "it can still be read");
    expect_bytes(b, 70000, 1, 1000);
    close_ok(b);
}

Test(block, check_finds_and_mends_leaks)
{
    struct vemu_block_check c;
    struct vemu_block *b;

    make_damaged("a");
    poke64("a", l2_of("a") + 16, 0);
    b = open_as("a", 1, VEMU_BLOCK_AS_FOUND);
    c = check(b, VEMU_BLOCK_REPAIR_NONE);
    cr_assert_eq(c.corruptions, 0);
    cr_assert_eq(c.leaks, 1);
    c = check(b, VEMU_BLOCK_REPAIR_LEAKS);
    cr_assert_eq(c.leaks_fixed, 1);
    expect_clean(b);
    close_ok(b);
}

Test(block, check_finds_and_mends_all_else)
{
    struct vemu_block_check c;
    struct vemu_block *b;
    uint64_t l2, block;

    make_damaged("a");
    l2 = l2_of("a");
    block = peek64("a", peek64("a", QH_REFTABLE_OFFSET));
    poke64("a", l2, peek64("a", l2) & ~QE_COPIED); /* a flag */
    poke64("a", l2 + 8, 0x1234567 | QE_COPIED);    /* an entry */
    poke32("a", block + 8, 0);                     /* refcounts */
    b = open_as("a", 1, VEMU_BLOCK_AS_FOUND);
    c = check(b, VEMU_BLOCK_REPAIR_NONE);
    cr_assert_geq(c.corruptions, 3);
    check(b, VEMU_BLOCK_REPAIR_ALL);
    expect_clean(b);
    close_ok(b);
    b = open_rw("a");
    expect_bytes(b, 131072, 1, 100000);
    close_ok(b);
}

Test(block, check_makes_new_refcounts_when_the_old_are_lost)
{
    struct vemu_block *b;

    make_damaged("a");
    poke64("a", peek64("a", QH_REFTABLE_OFFSET), 0x10200); /* not aligned */
    b = open_as("a", 1, VEMU_BLOCK_AS_FOUND);
    cr_assert_geq(check(b, VEMU_BLOCK_REPAIR_NONE).corruptions, 1);
    check(b, VEMU_BLOCK_REPAIR_ALL);
    expect_clean(b);
    close_ok(b);
    b = open_rw("a");
    expect_bytes(b, 0, 1, 300000);
    write_bytes(b, 400000, 2, 300000, 0);
    expect_clean(b);
    close_ok(b);
}

/* Bytes turned over anywhere in the metadata: an error or data, never a crash, and a repaired image
 * has nothing left to repair. */
Test(block, images_with_random_damage_are_survived, .timeout = 120)
{
    uint64_t rng = 20261129;

    for (int round = 0; round < 60; round++) {
        uint8_t *buf = malloc(1 << 20);
        struct vemu_block *b;
        make_damaged("a");
        for (int n = 0; n < 4; n++) {
            static const uint64_t places[] = {0, 65536, 131072, 196608, 262144};
            uint8_t byte;
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            byte = (uint8_t)(rng >> 56);
            poke("a", places[(rng >> 40) % 5] + (rng >> 20) % 128, &byte, 1);
        }
        for (unsigned writable = 0; writable < 2; writable++) {
            b = open_as("a", writable, 0);
            if (b && vemu_block_size(b) >= 1 << 20) {
                vemu_block_read(b, 0, buf, 1 << 20, NULL);
                if (writable)
                    vemu_block_write(b, 1000, buf, 500000, 0, NULL);
            }
            vemu_block_close(b, NULL);
            vemu_error_free(err);
            err = NULL;
        }
        b = open_as("a", 1, VEMU_BLOCK_AS_FOUND | VEMU_BLOCK_NO_BACKING);
        if (b) {
            struct vemu_block_check c = {0}, again = {0};
            if (vemu_block_check(b, VEMU_BLOCK_REPAIR_ALL, &c, NULL) && !c.corruptions) {
                cr_assert(vemu_block_check(b, VEMU_BLOCK_REPAIR_NONE, &again, NULL));
                cr_assert_eq(again.corruptions + again.leaks, 0, "round %d", round);
            }
        }
        vemu_block_close(b, NULL);
        vemu_error_free(err);
        err = NULL;
        free(buf);
    }
}
