/*
 * Runs a fuzz target without libFuzzer: over its corpus, tests/fuzz/corpus/NAME, and over mutations
 * of it by fixed seeds. NAME is the program's. Prints TAP; a crash ends it, which the runner
 * reports, and leaves the input as fuzz-NAME.input in the build directory.
 *
 * VEMU_TEST_MUTATIONS: how many of each file (default 20).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { INPUT_MOST = 1 << 20, CHANGES_MOST = 8 };

static uint64_t rng;
static char crash_file[256];

static uint64_t next(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

/* The input is in a file while it runs: what is left there broke something. */
static void run(const uint8_t *data, size_t size)
{
    int fd = open(crash_file, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        fuzz_fail("the input cannot be written down");
    close(fd);
    LLVMFuzzerTestOneInput(data, size);
    unlink(crash_file);
}

static void mutate(uint8_t *data, size_t size)
{
    static const uint64_t values[] = {0, 1, UINT64_MAX, 1ull << 63, 0x7fffffff, 0x200, 0x10000};
    unsigned changes = 1 + (unsigned)(next() % CHANGES_MOST);

    while (changes--) {
        size_t at = next() % size;
        uint64_t v = values[next() % (sizeof values / sizeof values[0])];
        switch (next() % 4) {
        case 0:
            data[at] ^= (uint8_t)(1u << next() % 8);
            break;
        case 1:
            data[at] = (uint8_t)next();
            break;
        case 2: /* an aligned field, big-endian as in most formats here */
            at &= ~(size_t)7;
            for (unsigned i = 0; i < 8 && at + i < size; i++)
                data[at + i] = (uint8_t)(v >> (56 - 8 * i));
            break;
        case 3: { /* something from elsewhere */
            size_t from = next() % size, n = 1 + next() % 64;
            n = n > size - at ? size - at : n;
            n = n > size - from ? size - from : n;
            memmove(data + at, data + from, n);
            break;
        }
        }
    }
}

static size_t load(const char *dir, const char *name, uint8_t *data)
{
    char path[512];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_RDONLY);
    n = fd < 0 ? -1 : read(fd, data, INPUT_MOST);
    if (fd >= 0)
        close(fd);
    return n > 0 ? (size_t)n : 0;
}

int main(int argc, char **argv)
{
    const char *src = getenv("VEMU_SRC"), *count = getenv("VEMU_TEST_MUTATIONS");
    const char *name = argc && strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : "none";
    unsigned mutations = count ? (unsigned)strtoul(count, NULL, 10) : 20, tests = 0;
    uint8_t *seed = malloc(INPUT_MOST), *data = malloc(INPUT_MOST);
    struct dirent **files;
    char dir[400];
    int n;

    snprintf(crash_file, sizeof crash_file, "fuzz-%s.input", name);
    if (argc > 1) { /* a file to look into */
        size_t size = load(".", argv[1], data);
        LLVMFuzzerTestOneInput(data, size);
        free(seed);
        free(data);
        return 0;
    }
    snprintf(dir, sizeof dir, "%s/tests/fuzz/corpus/%s", src ? src : ".", name);
    n = scandir(dir, &files, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        size_t size = files[i]->d_name[0] == '.' ? 0 : load(dir, files[i]->d_name, seed);
        if (size) {
            run(seed, size);
            for (unsigned m = 0; m < mutations; m++) {
                rng = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15u + m + 1;
                memcpy(data, seed, size);
                mutate(data, size);
                run(data, size);
            }
            printf("ok %u - %s %s, %u mutations\n", ++tests, name, files[i]->d_name, mutations);
            fflush(stdout);
        }
        free(files[i]);
    }
    if (n >= 0)
        free(files);
    if (!tests) {
        tests = 1;
        printf("not ok 1 - there is a corpus in %s\n", dir);
    }
    printf("1..%u\n", tests);
    free(seed);
    free(data);
    return 0;
}
