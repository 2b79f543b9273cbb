/* tcg/saved: the file of saved translations, whole, damaged, not the user's, and shared. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcg/saved/file.h"

static char path[] = "/tmp/vemu-saved-XXXXXX";
static int dir = -1;
static struct saved_context context = {.bytes = "a build", .len = 7};
static char why[SAVED_WHY];
static uint64_t limit = SAVED_FILE_MAX;

static void start(void)
{
    cr_assert_not_null(mkdtemp(path));
    dir = saved_dir_open(path, true, why);
    cr_assert_geq(dir, 0, "%s", why);
}

static void end(void)
{
    char command[64];
    close(dir);
    snprintf(command, sizeof command, "rm -rf %s", path);
    cr_assert_eq(system(command), 0);
}

TestSuite(saved_file, .init = start, .fini = end);

/* ---- what is put there ----------------------------------------------------------------------- */

enum { BODY = 24 };

/* An entry whose bytes follow from its number; `variant` is not part of its identity. */
static size_t entry_bytes(unsigned number, unsigned variant, unsigned size, uint8_t *out)
{
    store_le32(out, 8);
    store_le32(out + 4, number);
    for (unsigned k = 0; k < size; k++)
        out[8 + k] = (uint8_t)(number * 31 + variant * 7 + k);
    return 8 + size;
}

static uint64_t entry_hash(unsigned number)
{
    return saved_hash(1, &number, sizeof number);
}

static void add(struct saved_fresh *f, unsigned number, unsigned variant, unsigned size)
{
    uint8_t *bytes = malloc(size + 8);
    size_t at = f->data.len;
    bytes_put(&f->data, bytes, entry_bytes(number, variant, size, bytes));
    cr_assert(saved_fresh_add(f, entry_hash(number), at));
    free(bytes);
}

static void save(unsigned first, unsigned count, unsigned variant, unsigned size,
                 const struct saved_file *seen)
{
    struct saved_fresh f = {0};
    for (unsigned k = 0; k < count; k++)
        add(&f, first + k, variant, size);
    cr_assert(saved_file_update(dir, &context, seen, &f, limit, why), "%s", why);
    saved_fresh_free(&f);
}

static struct saved_file *open_file(void)
{
    struct saved_file *f;
    cr_assert_eq(saved_file_open(dir, &context, &f, why), SAVED_OPEN, "%s", why);
    return f;
}

/* The variant of the entry, -1: it is not there. Whatever is there is as it was put. */
static int variant_of(struct saved_file *f, unsigned number, unsigned size)
{
    uint8_t *want = malloc(size + 8);
    int found = -1;
    for (int n = saved_file_find(f, entry_hash(number), -1); n >= 0;
         n = saved_file_find(f, entry_hash(number), n)) {
        uint32_t got = 0;
        const uint8_t *data = saved_file_entry(f, n, &got);
        for (int v = 0; data && v < 4 && found < 0; v++)
            if (got == entry_bytes(number, (unsigned)v, size, want) && !memcmp(data, want, got))
                found = v;
    }
    free(want);
    return found;
}

static void file_path(char out[128])
{
    DIR *d = opendir(path);
    out[0] = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (!strncmp(e->d_name, "translations-", 13))
            snprintf(out, 128, "%s/%.60s", path, e->d_name);
    closedir(d);
    cr_assert(out[0]);
}

static void write_file(const char *name, const uint8_t *data, size_t len)
{
    unlink(name); /* writing over a file may wait for the disk */
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    cr_assert(fd >= 0 && write(fd, data, len) == (ssize_t)len);
    close(fd);
}

static size_t read_file(const char *name, uint8_t *data, size_t room)
{
    int fd = open(name, O_RDONLY);
    ssize_t len = read(fd, data, room);
    cr_assert(len > 0 && len < (ssize_t)room);
    close(fd);
    return (size_t)len;
}

Test(saved_file, entries_are_found_as_they_were_saved)
{
    save(0, 1000, 1, BODY, NULL);
    struct saved_file *f = open_file();
    cr_assert_eq(saved_file_count(f), 1000);
    for (unsigned k = 0; k < 1000; k++)
        cr_assert_eq(variant_of(f, k, BODY), 1);
    cr_assert_eq(variant_of(f, 1000, BODY), -1);
    uint64_t next[2] = {entry_hash(5000), entry_hash(7)};
    cr_assert_eq(saved_file_follow(f, 5, next, 2), saved_file_find(f, next[1], -1));
    cr_assert_eq(saved_file_follow(f, 7, next, 2), -1, "behind it there is another");
    saved_file_close(f);
}

Test(saved_file, of_one_identity_one_is_kept)
{
    save(0, 10, 1, BODY, NULL);
    save(5, 10, 2, BODY, NULL);
    struct saved_file *f = open_file();
    cr_assert_eq(saved_file_count(f), 15);
    cr_assert_eq(variant_of(f, 3, BODY), 1);
    cr_assert_eq(variant_of(f, 7, BODY), 2, "the one that nobody used goes");
    saved_file_use(f, saved_file_find(f, entry_hash(7), -1));
    save(7, 1, 3, BODY, f);
    saved_file_close(f);
    f = open_file();
    cr_assert_eq(variant_of(f, 7, BODY), 2, "the one that was used stays");
    saved_file_close(f);
}

Test(saved_file, the_longest_unused_goes_first)
{
    enum { LARGE = 1000, ALL = 60 };
    limit = ALL * (LARGE + 8 + 32) + 56 + context.len; /* and not a byte more */
    save(0, ALL, 0, LARGE, NULL);
    struct saved_file *f = open_file();
    cr_assert_eq(saved_file_count(f), ALL);
    for (unsigned k = 0; k < ALL; k++)
        if (k != 3 && k != 9)
            saved_file_use(f, saved_file_find(f, entry_hash(k), -1));
    save(ALL, 1, 0, LARGE, f); /* 9 gives way, the later of the two */
    saved_file_close(f);
    f = open_file();
    cr_assert_eq(saved_file_count(f), ALL);
    cr_assert_eq(variant_of(f, ALL, LARGE), 0);
    cr_assert_eq(variant_of(f, 3, LARGE), 0);
    cr_assert_eq(variant_of(f, 9, LARGE), -1);
    saved_file_close(f);
}

Test(saved_file, an_entry_that_is_never_used_goes_in_time)
{
    save(0, 2, 0, BODY, NULL);
    for (unsigned k = 0; k <= SAVED_AGE_MAX; k++) {
        struct saved_file *f = open_file();
        cr_assert_eq(variant_of(f, 0, BODY), 0);
        cr_assert_eq(variant_of(f, 1, BODY), 0, "after %u updates", k);
        saved_file_use(f, saved_file_find(f, entry_hash(0), -1));
        save(2, 1, 0, BODY, f);
        saved_file_close(f);
    }
    struct saved_file *f = open_file();
    cr_assert_eq(variant_of(f, 0, BODY), 0);
    cr_assert_eq(variant_of(f, 1, BODY), -1);
    saved_file_close(f);
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* Whatever is read of a damaged file is what was saved, or nothing. */
static unsigned intact(const char *name, const uint8_t *data, size_t len)
{
    struct saved_file *f;
    unsigned good = 0;
    write_file(name, data, len);
    if (saved_file_open(dir, &context, &f, why) != SAVED_OPEN) {
        cr_assert_null(f);
        return 0;
    }
    for (unsigned k = 0; k < 8; k++) {
        int v = variant_of(f, k, BODY);
        cr_assert(v == -1 || v == 1);
        good += v == 1;
    }
    for (int n = 0; n < (int)saved_file_count(f); n++) {
        uint32_t size;
        saved_file_entry(f, n, &size);
    }
    saved_file_close(f);
    return good;
}

static uint8_t whole[4096], bad[4096];

Test(saved_file, no_truncation_is_taken_for_the_file)
{
    char name[128];
    save(0, 8, 1, BODY, NULL);
    file_path(name);
    size_t len = read_file(name, whole, sizeof whole);
    cr_assert_eq(intact(name, whole, len), 8);
    for (size_t n = 0; n < len; n++)
        cr_assert_eq(intact(name, whole, n), 0, "%zu of %zu bytes", n, len);
    whole[len] = 0;
    cr_assert_eq(intact(name, whole, len + 1), 0, "a byte more");
}

Test(saved_file, a_flipped_bit_costs_no_more_than_what_it_is_in)
{
    char name[128];
    save(0, 8, 1, BODY, NULL);
    file_path(name);
    size_t len = read_file(name, whole, sizeof whole);
    for (size_t n = 0; n < 8 * len; n++) {
        memcpy(bad, whole, len);
        bad[n / 8] ^= (uint8_t)(1u << n % 8);
        unsigned good = intact(name, bad, len);
        cr_assert(good == 0 || good == 7, "bit %zu: %u entries", n, good);
    }
}

Test(saved_file, random_damage_is_survived)
{
    char name[128];
    uint32_t seed = 20261129;
    save(0, 8, 1, BODY, NULL);
    file_path(name);
    size_t len = read_file(name, whole, sizeof whole);
    for (unsigned round = 0; round < 3000; round++) {
        memcpy(bad, whole, len);
        for (unsigned k = 0; k < 1 + round % 20; k++) {
            seed = seed * 1664525 + 1013904223;
            bad[(seed >> 8) % len] = (uint8_t)(seed >> 24);
        }
        intact(name, bad, len);
    }
}

/* Sums that are right over an index that is not. */
Test(saved_file, an_index_that_points_anywhere_is_survived)
{
    char name[128];
    static const uint64_t places[] = {
        0, 1, 55, 4095, UINT64_MAX, UINT64_MAX - 3, UINT64_C(1) << 63};
    save(0, 8, 1, BODY, NULL);
    file_path(name);
    size_t len = read_file(name, whole, sizeof whole), index = load_le64(whole + 24);
    for (unsigned what = 0; what < 3; what++) /* place, size, age */
        for (unsigned k = 0; k < sizeof places / sizeof *places; k++) {
            memcpy(bad, whole, len);
            store_le(bad + index + (what ? 12 + 4 * what : 8u), places[k], what ? 4 : 8);
            store_le64(bad + 40, saved_hash(0, bad + index, len - index));
            store_le64(bad + 48, saved_hash(saved_hash(0, bad, 48), context.bytes, context.len));
            cr_assert_eq(intact(name, bad, len), what == 2 ? 8 : 7);
        }
}

Test(saved_file, a_damaged_file_is_replaced)
{
    char name[128];
    save(0, 8, 1, BODY, NULL);
    file_path(name);
    write_file(name, (const uint8_t *)"vemu-jit and then nothing that was ever a file of these",
               55);
    save(0, 1, 2, BODY, NULL);
    struct saved_file *f = open_file();
    cr_assert_eq(saved_file_count(f), 1);
    cr_assert_eq(variant_of(f, 0, BODY), 2);
    saved_file_close(f);
}

Test(saved_file, what_is_too_large_is_not_read)
{
    char name[128];
    struct saved_file *f;
    save(0, 8, 1, BODY, NULL);
    file_path(name);
    cr_assert_eq(truncate(name, (off_t)SAVED_FILE_MAX + 1), 0);
    cr_assert_eq(saved_file_open(dir, &context, &f, why), SAVED_DAMAGED);
}

/* ---- whose it is ----------------------------------------------------------------------------- */

static void refused(const char *what)
{
    struct saved_file *f;
    struct saved_fresh fresh = {0};
    cr_assert_eq(saved_file_open(dir, &context, &f, why), SAVED_REFUSED, "%s", what);
    cr_assert_null(f);
    cr_assert(why[0]);
    add(&fresh, 1, 1, BODY);
    cr_assert_not(saved_file_update(dir, &context, NULL, &fresh, SAVED_FILE_MAX, why),
                  "%s is replaced", what);
    saved_fresh_free(&fresh);
}

Test(saved_file, what_others_have_access_to_is_refused)
{
    char name[128];
    save(0, 1, 1, BODY, NULL);
    file_path(name);
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        chmod(name, 0600 | bit);
        refused("a bit of the mode");
    }
    chmod(name, 0600);
    saved_file_close(open_file());
}

Test(saved_file, links_and_special_files_are_refused)
{
    char name[128], other[160];
    save(0, 1, 1, BODY, NULL);
    file_path(name);
    snprintf(other, sizeof other, "%s/elsewhere", path);
    cr_assert_eq(rename(name, other), 0);
    cr_assert_eq(symlink(other, name), 0);
    refused("a symbolic link");
    unlink(name);
    cr_assert_eq(mkfifo(name, 0600), 0);
    refused("a fifo");
    unlink(name);
    cr_assert_eq(mkdir(name, 0700), 0);
    refused("a directory");
}

Test(saved_file, another_owners_file_is_refused)
{
    char name[128];
    if (geteuid())
        cr_skip_test("only root can give files away");
    save(0, 1, 1, BODY, NULL);
    file_path(name);
    cr_assert_eq(chown(name, 1, 1), 0);
    refused("another user's file");
}

Test(saved_file, a_directory_that_others_write_to_is_refused)
{
    char link[160];
    cr_assert_eq(chmod(path, 0720), 0);
    cr_assert_eq(saved_dir_open(path, true, why), -1);
    cr_assert(why[0]);
    chmod(path, 0700);
    snprintf(link, sizeof link, "%s/link", path);
    cr_assert_eq(symlink(path, link), 0);
    cr_assert_eq(saved_dir_open(link, true, why), -1, "a link");
    cr_assert(why[0]);
}

Test(saved_file, directories_are_made_when_asked_to)
{
    char deep[160];
    struct stat st;
    snprintf(deep, sizeof deep, "%s/a/b/c", path);
    cr_assert_eq(saved_dir_open(deep, false, why), -1);
    cr_assert_str_empty(why, "nothing there is no reason to complain");
    int fd = saved_dir_open(deep, true, why);
    cr_assert_geq(fd, 0);
    cr_assert(!fstat(fd, &st) && (st.st_mode & 0777) == 0700);
    close(fd);
}

Test(saved_file, another_build_does_not_see_it)
{
    struct saved_file *f;
    struct saved_context other = {.bytes = "b build", .len = 7};
    char name[128], theirs[160];
    save(0, 1, 1, BODY, NULL);
    cr_assert_eq(saved_file_open(dir, &other, &f, why), SAVED_MISSING);
    /* Even when it has the name that the other's would have. */
    file_path(name);
    size_t len = read_file(name, whole, sizeof whole);
    unlink(name);
    struct saved_fresh fresh = {0};
    add(&fresh, 1, 1, BODY);
    cr_assert(saved_file_update(dir, &other, NULL, &fresh, SAVED_FILE_MAX, why));
    saved_fresh_free(&fresh);
    file_path(theirs);
    cr_assert_str_neq(name, theirs);
    write_file(theirs, whole, len);
    cr_assert_eq(saved_file_open(dir, &other, &f, why), SAVED_MISSING);
    cr_assert_null(f);
}

/* ---- several at once ------------------------------------------------------------------------- */

Test(saved_file, what_processes_add_at_once_is_all_there)
{
    enum { WRITERS = 6, ROUNDS = 8 };
    pid_t pid[WRITERS];
    for (unsigned w = 0; w < WRITERS; w++) {
        pid[w] = fork();
        cr_assert_geq(pid[w], 0);
        if (pid[w])
            continue;
        for (unsigned k = 0; k < ROUNDS; k++) {
            struct saved_fresh f = {0};
            struct saved_file *seen;
            saved_file_open(dir, &context, &seen, why);
            add(&f, 100 * w + k, 1, BODY);
            bool ok = saved_file_update(dir, &context, seen, &f, limit, why);
            saved_fresh_free(&f);
            saved_file_close(seen);
            if (!ok)
                _exit(1);
        }
        _exit(0);
    }
    for (unsigned w = 0; w < WRITERS; w++) {
        int status;
        cr_assert(waitpid(pid[w], &status, 0) == pid[w] && status == 0);
    }
    struct saved_file *f = open_file();
    cr_assert_eq(saved_file_count(f), WRITERS * ROUNDS);
    for (unsigned w = 0; w < WRITERS; w++)
        for (unsigned k = 0; k < ROUNDS; k++)
            cr_assert_eq(variant_of(f, 100 * w + k, BODY), 1);
    saved_file_close(f);
}

Test(saved_file, a_reader_keeps_the_file_that_it_opened)
{
    save(0, 500, 1, 1000, NULL);
    struct saved_file *f = open_file();
    save(1000, 500, 2, 1000, NULL);
    for (unsigned k = 0; k < 500; k++)
        cr_assert_eq(variant_of(f, k, 1000), 1);
    cr_assert_eq(variant_of(f, 1000, 1000), -1);
    saved_file_close(f);
}

Test(saved_file, files_of_other_contexts_go_when_there_are_too_many)
{
    enum { OTHERS = SAVED_DIR_MAX / SAVED_FILE_MAX + 2 };
    char name[OTHERS][128];
    for (unsigned k = 0; k < OTHERS; k++) {
        const struct timespec times[2] = {{.tv_sec = 1000 + (k * 3) % OTHERS},
                                          {.tv_sec = 1000 + (k * 3) % OTHERS}};
        snprintf(name[k], sizeof name[k], "%s/translations-%u", path, k);
        int fd = open(name[k], O_WRONLY | O_CREAT, 0600);
        cr_assert(fd >= 0 && !ftruncate(fd, SAVED_FILE_MAX) && !futimens(fd, times));
        close(fd);
    }
    save(0, 1, 1, BODY, NULL); /* room for all but a little of one file less than the rest */
    for (unsigned k = 0; k < OTHERS; k++)
        cr_assert_eq(!access(name[k], F_OK), (k * 3) % OTHERS >= 3, "file %u", k);
    saved_file_close(open_file());
}
