/*
 * arm_oracle [-n N] [-s SEED]     what CI runs
 * arm_oracle --make N SEED        random sequences for tests/oracle/arm/runner.c, on standard
 * output arm_oracle --pack JOBS RESULTS  a corpus of them and of what came out, on standard output
 * arm_oracle --compare JOBS RESULTS
 *
 * Sequences of A64 instructions, of which the interpreter and compiled code must make the same: of
 * a corpus what another implementation of the architecture made of them (arm/corpus.bin; recorded
 * by arm/record.sh), and random ones. Prints TAP.
 */
#include "tests/oracle/arm/guest.h"
#include "tests/oracle/arm/sequence.h"

enum { BACKENDS = 4, CORPUS_MAX = 8 << 20, MAX_SHOWN = 20 };
static const char *const backend_names[BACKENDS] = {"interp", "jit", "tier2", "parallel"};

/* ---- comparison -------------------------------------------------------------------------------
 */

static void print_difference(const struct arm_result *want, const struct arm_result *got)
{
    const uint64_t *a = (const uint64_t *)want, *b = (const uint64_t *)got;
    for (unsigned k = 0; k < sizeof *want / 8; k++) {
        char name[16];
        if (a[k] == b[k])
            continue;
        if (k < 31)
            snprintf(name, sizeof name, "x%u", k);
        else if (k < 35)
            snprintf(name, sizeof name, "%s",
                     (const char *const[]){"sp", "nzcv", "fpcr", "fpsr"}[k - 31]);
        else if (k < 99)
            snprintf(name, sizeof name, "v%u.%s", (k - 35) / 2, (k - 35) & 1 ? "high" : "low");
        else
            snprintf(name, sizeof name, "data");
        printf("#   %-8s want %016llx, is %016llx\n", name, (unsigned long long)a[k],
               (unsigned long long)b[k]);
    }
}

static void print_sequence(const struct arm_job *job, const uint32_t *words)
{
    char text[128];
    printf("# seed %u:\n", job->seed);
    for (unsigned k = 0; k < job->count; k++) {
        arm_format(&a64_set, words[k], text, sizeof text);
        printf("#   %2u %08x %s\n", k, words[k], text);
    }
}

/* 0: as wanted. */
static unsigned check(struct guest *g, const struct arm_job *job, const uint32_t *words,
                      const struct arm_result *want, unsigned shown)
{
    struct arm_result got;
    guest_load_code(g, words, job->count);
    const bool ended = guest_execute(g, job->seed, &got);
    if (ended && !memcmp(&got, want, sizeof got))
        return 0;
    if (shown < MAX_SHOWN) {
        printf("# %s: ", g->backend);
        if (ended)
            printf("another result\n");
        else
            printf("stopped at word %d, class 0x%x %s\n",
                   (int)((int64_t)(g->a.r->pc - ARM_CODE_AT) / 4), g->a.tc->exc_error >> 26,
                   g->a.cpu->error);
        print_sequence(job, words);
        print_difference(want, &got);
    }
    return 1;
}

/* ---- random sequences ---------------------------------------------------------------------------
 */

/* The next that the interpreter takes to its end. */
static void next_sequence(struct guest *g, struct sequence *s, struct arm_job *job,
                          struct arm_result *want)
{
    do {
        generate(s);
        *job = (struct arm_job){(uint32_t)arm_random(&s->random), s->count};
        guest_load_code(g, s->words, s->count);
    } while (!guest_execute(g, job->seed, want));
}

static bool compare_random(struct guest *g, uint64_t seed, unsigned n)
{
    struct sequence s = {.random = seed};
    struct arm_result want;
    struct arm_job job;
    unsigned wrong = 0;
    for (unsigned k = 0; k < n; k++) {
        next_sequence(&g[0], &s, &job, &want);
        for (unsigned b = 1; b < BACKENDS; b++)
            wrong += check(&g[b], &job, s.words, &want, wrong);
    }
    printf("%sok 2 - arm_oracle: compiled code does as the interpreter, %u random sequences\n",
           wrong ? "not " : "", n);
    return !wrong;
}

/* ---- with faults
 * ----------------------------------------------------------------------------------- */

/* Sequences that go over the end of the data, are not aligned where that is asked for, or have data
 * the other way round: the state at the fault is the interpreter's. */
static bool compare_faults(struct guest *g, uint64_t seed, unsigned n)
{
    struct sequence s = {.random = seed};
    unsigned wrong = 0, faults = 0;
    for (unsigned k = 0; k < n; k++) {
        const uint64_t r = arm_random(&s.random);
        const struct guest_how how = {
            .sctlr = (r & 1 ? SCTLR_ALIGN : 0) | (r & 2 ? SCTLR_BIG : 0),
            .moving =
                r & 4 ? ARM_DATA_AT + (r & 8 ? ARM_DATA_SIZE - (r >> 8 & 255) : r >> 8 & 63) : 0};
        struct arm_result want, got;
        struct guest_end end, at;
        generate(&s);
        const struct arm_job job = {(uint32_t)arm_random(&s.random), s.count};
        for (unsigned b = 0; b < BACKENDS; b++) {
            guest_load_code(&g[b], s.words, s.count);
            const bool ran = guest_run(&g[b], job.seed, &how, &got, &at);
            if (b == 0) {
                want = got;
                end = at;
                faults += at.pc != ARM_CODE_AT + 4 * s.count;
            }
            if (ran && at.pc == end.pc && at.far == end.far && at.syndrome == end.syndrome &&
                !memcmp(&got, &want, sizeof got))
                continue;
            if (wrong++ < MAX_SHOWN) {
                printf("# %s: ends at 0x%llx, syndrome 0x%x, address 0x%llx; want 0x%llx, 0x%x, "
                       "0x%llx; sctlr 0x%llx %s\n",
                       g[b].backend, (unsigned long long)at.pc, at.syndrome,
                       (unsigned long long)at.far, (unsigned long long)end.pc, end.syndrome,
                       (unsigned long long)end.far, (unsigned long long)how.sctlr,
                       g[b].a.cpu->error);
                print_sequence(&job, s.words);
                print_difference(&want, &got);
            }
        }
    }
    const bool good = !wrong && faults > n / 8;
    printf("%sok 3 - arm_oracle: the state at faults is the same, %u random sequences, %u faults\n",
           good ? "" : "not ", n, faults);
    return good;
}

static int make(struct guest *g, unsigned n, uint64_t seed, const char *section)
{
    struct sequence s = {.random = seed, .recorded = true, .section = section};
    struct arm_result want;
    struct arm_job job;
    for (unsigned k = 0; k < n; k++) {
        next_sequence(g, &s, &job, &want);
        fwrite(&job, sizeof job, 1, stdout);
        fwrite(s.words, 4, job.count, stdout);
    }
    return fflush(stdout) != 0;
}

/* ---- the corpus
 * ----------------------------------------------------------------------------------
 *
 * For each sequence: struct arm_job; the words; a byte: how many words of struct arm_state are
 * others at its end; for each a byte, which one, and the word; the hash of the data. */

struct corpus {
    uint8_t *bytes;
    size_t size, at;
};

static bool take(struct corpus *c, void *to, size_t n)
{
    if (n > c->size - c->at)
        return false;
    memcpy(to, c->bytes + c->at, n);
    c->at += n;
    return true;
}

static bool next_of_corpus(struct corpus *c, struct arm_job *job, uint32_t *words,
                           struct arm_result *want)
{
    uint8_t changed, which;
    if (!take(c, job, sizeof *job) || job->count > ARM_MAX_WORDS ||
        !take(c, words, 4 * job->count) || !take(c, &changed, 1))
        return false;
    arm_state_init(&want->state, job->seed);
    while (changed--) {
        if (!take(c, &which, 1) || which >= sizeof want->state / 8 ||
            !take(c, (uint64_t *)&want->state + which, 8))
            return false;
    }
    return take(c, &want->data, 8);
}

static bool read_file(const char *path, struct corpus *c)
{
    FILE *in = fopen(path, "rb");
    *c = (struct corpus){.bytes = malloc(CORPUS_MAX)};
    if (!in || !c->bytes)
        return false;
    c->size = fread(c->bytes, 1, CORPUS_MAX, in);
    fclose(in);
    return true;
}

static bool compare_corpus(struct guest *g, const char *path)
{
    struct corpus c;
    struct arm_result want;
    struct arm_job job;
    uint32_t words[ARM_MAX_WORDS];
    unsigned n = 0, wrong = 0;
    bool good = read_file(path, &c);
    for (; good && c.at < c.size; n++) {
        good = next_of_corpus(&c, &job, words, &want);
        for (unsigned b = 0; good && b < BACKENDS; b++)
            wrong += check(&g[b], &job, words, &want, wrong);
    }
    printf("%sok 1 - arm_oracle: %u recorded sequences\n", good && n && !wrong ? "" : "not ", n);
    free(c.bytes);
    return good && n && !wrong;
}

/* ---- development
 * ----------------------------------------------------------------------------------- */

static int with_results(struct guest *g, const char *jobs, const char *results)
{
    struct corpus c, r;
    struct arm_result want;
    struct arm_job job;
    uint32_t words[ARM_MAX_WORDS];
    unsigned wrong = 0, n = 0;
    if (!read_file(jobs, &c) || !read_file(results, &r))
        return 1;
    while (take(&c, &job, sizeof job) && job.count <= ARM_MAX_WORDS &&
           take(&c, words, 4 * job.count) && take(&r, &want, sizeof want)) {
        for (unsigned b = 0; g && b < 2; b++)
            wrong += check(&g[b], &job, words, &want, wrong);
        n++;
        if (g)
            continue;
        struct arm_state before;
        const uint64_t *a = (const uint64_t *)&before, *z = (const uint64_t *)&want.state;
        uint8_t changed = 0;
        arm_state_init(&before, job.seed);
        for (unsigned k = 0; k < sizeof before / 8; k++)
            changed += a[k] != z[k];
        fwrite(&job, sizeof job, 1, stdout);
        fwrite(words, 4, job.count, stdout);
        fputc(changed, stdout);
        for (unsigned k = 0; k < sizeof before / 8; k++) {
            if (a[k] == z[k])
                continue;
            fputc((int)k, stdout);
            fwrite(&z[k], 8, 1, stdout);
        }
        fwrite(&want.data, 8, 1, stdout);
    }
    if (g)
        printf("# %u of %u sequences are wrong\n", wrong, 2 * n);
    return wrong || fflush(stdout) != 0;
}

int main(int argc, char **argv)
{
    static struct guest g[BACKENDS];
    const char *src = getenv("VEMU_SRC");
    unsigned n = 1500;
    uint64_t seed = 1;
    char path[4096];

    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    if (argc == 4 && !strcmp(argv[1], "--pack"))
        return with_results(NULL, argv[2], argv[3]);
    for (unsigned k = 0; k < BACKENDS; k++)
        guest_init(&g[k], backend_names[k]);
    if (argc >= 4 && !strcmp(argv[1], "--make"))
        return make(&g[0], (unsigned)atoi(argv[2]), strtoull(argv[3], NULL, 0), argv[4]);
    if (argc == 4 && !strcmp(argv[1], "--compare"))
        return with_results(g, argv[2], argv[3]);
    for (int k = 1; k + 1 < argc; k += 2) {
        if (!strcmp(argv[k], "-n"))
            n = (unsigned)atoi(argv[k + 1]);
        else if (!strcmp(argv[k], "-s"))
            seed = strtoull(argv[k + 1], NULL, 0);
    }
    snprintf(path, sizeof path, "%s/tests/oracle/arm/corpus.bin", src ? src : ".");
    printf("1..3\n");
    bool good = compare_corpus(g, path);
    good &= compare_random(g, seed, n);
    good &= compare_faults(g, seed, n);
    for (unsigned k = 0; k < BACKENDS; k++)
        arm_machine_free(&g[k].a);
    return !good;
}
