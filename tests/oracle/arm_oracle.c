/*
 * arm_oracle [-n N] [-s SEED]         what CI runs
 * arm_oracle --make SET N SEED [PART]  random sequences for tests/oracle/arm/runner.c (SET a64) or
 *                                     runner32.c (a32, t32), on standard output
 * arm_oracle --pack SET JOBS RESULTS  a corpus of them and of what came out, on standard output
 * arm_oracle --compare SET JOBS RESULTS
 *
 * Sequences of A64, A32 and T32 instructions, of which the interpreter and compiled code must make
 * the same: of a corpus what another implementation of the architecture made of them
 * (arm/SET.bin; recorded by arm/record.sh), and random ones. Prints TAP.
 */
#include "tests/oracle/arm/guest.h"
#include "tests/oracle/arm/sequence.h"
#include "tests/oracle/arm/sequence32.h"

enum { BACKENDS = 4, CORPUS_MAX = 8 << 20, MAX_SHOWN = 20 };
static const char *const backend_names[BACKENDS] = {"interp", "jit", "tier2", "parallel"};

/* ---- instruction sets ---------------------------------------------------------------------------
 */

struct isa {
    const char *name;
    const struct arm_set *set;
    uint32_t undefined; /* the word behind a sequence */
    bool aarch32, t32;
};
static const struct isa isas[] = {
    {.name = "a64", .set = &a64_set},
    {.name = "a32", .set = &a32_set, .undefined = 0xe7f000f0, .aarch32 = true},
    {.name = "t32", .set = &t32_set, .undefined = 0xde00de00, .aarch32 = true, .t32 = true},
};

static const struct isa *isa_by_name(const char *name)
{
    for (unsigned k = 0; k < sizeof isas / sizeof isas[0]; k++)
        if (!strcmp(isas[k].name, name))
            return &isas[k];
    return NULL;
}

static void first_state(const struct isa *isa, struct arm_state *state, uint32_t seed)
{
    (isa->aarch32 ? arm_state_init32 : arm_state_init)(state, seed);
}

/* Where sequences come from. */
struct source {
    const struct isa *isa;
    struct sequence wide;
    struct sequence32 narrow;
};

static struct source source_of(const struct isa *isa, uint64_t seed, bool recorded)
{
    return (struct source){.isa = isa,
                           .wide = {.random = seed, .recorded = recorded},
                           .narrow = {.set = isa->set, .random = seed}};
}

/* The next one's words, and a seed for what it runs on; returns how many. */
static uint32_t next_words(struct source *s, uint32_t *words, uint32_t *seed)
{
    if (!s->isa->aarch32) {
        generate(&s->wide);
        memcpy(words, s->wide.words, sizeof s->wide.words);
        *seed = (uint32_t)arm_random(&s->wide.random);
        return s->wide.count;
    }
    generate32(&s->narrow, s->isa->t32);
    memcpy(words, s->narrow.halves, sizeof s->narrow.halves);
    *seed = random32(&s->narrow);
    return s->narrow.count / 2;
}

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

static void print_sequence(const struct isa *isa, const struct arm_job *job, const uint32_t *words)
{
    const uint16_t *half = (const uint16_t *)words;
    char text[128];
    printf("# %s, seed %u:\n", isa->name, job->seed);
    for (unsigned k = 0; k < 2 * job->count;) {
        const bool narrow = isa->t32 && half[k] >> 11 < 0x1d;
        uint32_t word = isa->t32 ? (uint32_t)half[k] << 16 : words[k / 2];
        if (isa->t32 && !narrow && k + 1 < 2 * job->count)
            word |= half[k + 1];
        arm_format(isa->set, word, text, sizeof text);
        printf("#   %2u %0*x %s\n", k / 2, narrow ? 4 : 8, narrow ? word >> 16 : word, text);
        k += narrow ? 1 : 2;
    }
}

/* 0: as wanted. */
static unsigned check(struct guest *g, const struct isa *isa, const struct arm_job *job,
                      const uint32_t *words, const struct arm_result *want, unsigned shown)
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
        print_sequence(isa, job, words);
        print_difference(want, &got);
    }
    return 1;
}

/* ---- random sequences ---------------------------------------------------------------------------
 */

/* The next that the interpreter takes to its end. */
static void next_sequence(struct guest *g, struct source *s, struct arm_job *job, uint32_t *words,
                          struct arm_result *want)
{
    do {
        job->count = next_words(s, words, &job->seed);
        guest_load_code(g, words, job->count);
    } while (!job->count || !guest_execute(g, job->seed, want));
}

static void choose(struct guest *g, const struct isa *isa)
{
    g->aarch32 = isa->aarch32;
    g->t32 = isa->t32;
    g->undefined = isa->undefined;
}

static bool compare_random(struct guest *g, const struct isa *isa, uint64_t seed, unsigned n)
{
    struct source s = source_of(isa, seed, false);
    struct arm_result want;
    struct arm_job job;
    uint32_t words[2 * ARM_MAX_WORDS];
    unsigned wrong = 0;
    for (unsigned k = 0; k < n; k++) {
        next_sequence(&g[0], &s, &job, words, &want);
        for (unsigned b = 1; b < BACKENDS; b++)
            wrong += check(&g[b], isa, &job, words, &want, wrong);
    }
    printf("%sok - arm_oracle: compiled %s code does as the interpreter, %u random sequences\n",
           wrong ? "not " : "", isa->name, n);
    return !wrong;
}

/* ---- with faults
 * ----------------------------------------------------------------------------------- */

/* Sequences that go over the end of the data, are not aligned where that is asked for, or have data
 * the other way round: the state at the fault is the interpreter's. */
static bool compare_faults(struct guest *g, const struct isa *isa, uint64_t seed, unsigned n)
{
    struct source s = source_of(isa, seed, false);
    uint32_t words[2 * ARM_MAX_WORDS];
    unsigned wrong = 0, faults = 0;
    for (unsigned k = 0; k < n; k++) {
        const uint64_t r = arm_random(&s.wide.random);
        const struct guest_how how = {
            .sctlr = (r & 1 ? SCTLR_ALIGN : 0) | (r & 2 ? SCTLR_BIG : 0),
            .moving =
                r & 4 ? ARM_DATA_AT + (r & 8 ? ARM_DATA_SIZE - (r >> 8 & 255) : r >> 8 & 63) : 0};
        struct arm_result want, got;
        struct guest_end end, at;
        struct arm_job job;
        job.count = next_words(&s, words, &job.seed);
        for (unsigned b = 0; b < BACKENDS; b++) {
            guest_load_code(&g[b], words, job.count);
            const bool ran = guest_run(&g[b], job.seed, &how, &got, &at);
            if (b == 0) {
                want = got;
                end = at;
                faults += at.pc != ARM_CODE_AT + 4 * job.count;
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
                print_sequence(isa, &job, words);
                print_difference(&want, &got);
            }
        }
    }
    const bool good = !wrong && faults > n / 8;
    printf("%sok - arm_oracle: the state at faults of %s is the same, %u random sequences, %u "
           "faults\n",
           good ? "" : "not ", isa->name, n, faults);
    return good;
}

/* A store to its own block runs alone, and the rest of its IT block as it says:
 *     movw r1, #0xbf00;  movt r1, #0xbf00;  cmp r0, r0
 *     itete eq;  streq r1, [moving];  movne r3, #170;  moveq r4, #187;  movne r6, #204;  nop;  nop
 */
static bool check_it_block(struct guest *g)
{
    enum { NOPS = 20 };
    const uint16_t code[] = {
        0xf64b, 0x7100, 0xf6cb, 0x7100, 0x4280, 0xbf0b, 0x6001 | ARM32_REG_MOVING << 3,
        0x23aa, 0x24bb, 0x26cc, 0xbf00, 0xbf00};
    const struct guest_how how = {.moving = ARM_DATA_AT + NOPS};
    uint32_t words[sizeof code / 4];
    struct arm_state first;
    bool good = true;
    memcpy(words, code, sizeof words);
    arm_state_init32(&first, 1);
    for (unsigned b = 0; b < BACKENDS; b++) {
        const uint64_t alone = g[b].a.tc->counters.reexecutions;
        struct arm_result got;
        struct guest_end end;
        store_le64(g[b].a.ram->host + GUEST_L3 + GUEST_PAGE, GUEST_CODE | DESC_PAGE | DESC_UXN);
        guest_load_code(&g[b], words, sizeof words / 4);
        good &= guest_run(&g[b], 1, &how, &got, &end) && end.pc == ARM_CODE_AT + sizeof code &&
                got.state.x[3] == (uint32_t)first.x[3] && got.state.x[4] == 187 &&
                got.state.x[6] == (uint32_t)first.x[6] && g[b].a.tc->counters.reexecutions > alone;
        guest_tables(&g[b]);
    }
    printf("%sok - arm_oracle: an IT block goes on as it says behind a store that ran alone\n",
           good ? "" : "not ");
    return good;
}

static int make(struct guest *g, const struct isa *isa, unsigned n, uint64_t seed,
                const char *section)
{
    struct source s = source_of(isa, seed, true);
    s.wide.section = section;
    struct arm_result want;
    struct arm_job job;
    uint32_t words[2 * ARM_MAX_WORDS];
    for (unsigned k = 0; k < n; k++) {
        next_sequence(g, &s, &job, words, &want);
        fwrite(&job, sizeof job, 1, stdout);
        fwrite(words, 4, job.count, stdout);
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

static bool next_of_corpus(struct corpus *c, const struct isa *isa, struct arm_job *job,
                           uint32_t *words, struct arm_result *want)
{
    uint8_t changed, which;
    if (!take(c, job, sizeof *job) || job->count > ARM_MAX_WORDS ||
        !take(c, words, 4 * job->count) || !take(c, &changed, 1))
        return false;
    first_state(isa, &want->state, job->seed);
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

static bool compare_corpus(struct guest *g, const struct isa *isa, const char *path)
{
    struct corpus c;
    struct arm_result want;
    struct arm_job job;
    uint32_t words[ARM_MAX_WORDS];
    unsigned n = 0, wrong = 0;
    bool good = read_file(path, &c);
    for (; good && c.at < c.size; n++) {
        good = next_of_corpus(&c, isa, &job, words, &want);
        for (unsigned b = 0; good && b < BACKENDS; b++)
            wrong += check(&g[b], isa, &job, words, &want, wrong);
    }
    printf("%sok - arm_oracle: %u recorded sequences of %s\n", good && n && !wrong ? "" : "not ", n,
           isa->name);
    free(c.bytes);
    return good && n && !wrong;
}

/* ---- development
 * ----------------------------------------------------------------------------------- */

static int with_results(struct guest *g, const struct isa *isa, const char *jobs,
                        const char *results)
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
            wrong += check(&g[b], isa, &job, words, &want, wrong);
        n++;
        if (g)
            continue;
        struct arm_state before;
        const uint64_t *a = (const uint64_t *)&before, *z = (const uint64_t *)&want.state;
        uint8_t changed = 0;
        first_state(isa, &before, job.seed);
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

static bool compare(struct guest *g, const struct isa *isa, const char *src, uint64_t seed,
                    unsigned n)
{
    char path[4096];
    for (unsigned k = 0; k < BACKENDS; k++)
        choose(&g[k], isa);
    snprintf(path, sizeof path, "%s/tests/oracle/arm/%s.bin", src, isa->name);
    const bool good = compare_corpus(g, isa, path);
    return (compare_random(g, isa, seed, n) & compare_faults(g, isa, seed, n)) && good;
}

static int develop(struct guest *g, char **argv)
{
    const struct isa *isa = isa_by_name(argv[2]);
    if (!isa) {
        fprintf(stderr, "arm_oracle: \"%s\" is none of a64, a32, t32\n", argv[2]);
        return 2;
    }
    if (!strcmp(argv[1], "--pack"))
        return with_results(NULL, isa, argv[3], argv[4]);
    for (unsigned k = 0; k < BACKENDS; k++)
        choose(&g[k], isa);
    if (!strcmp(argv[1], "--make"))
        return make(&g[0], isa, (unsigned)atoi(argv[3]), strtoull(argv[4], NULL, 0), argv[5]);
    return with_results(g, isa, argv[3], argv[4]);
}

int main(int argc, char **argv)
{
    static struct guest g[BACKENDS];
    const char *src = getenv("VEMU_SRC");
    unsigned n = 1500;
    uint64_t seed = 1;
    bool good = true;

    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    for (unsigned k = 0; k < BACKENDS; k++)
        guest_init(&g[k], backend_names[k]);
    if (argc >= 5 && argv[1][0] == '-' && argv[1][1] == '-')
        return develop(g, argv);
    for (int k = 1; k + 1 < argc; k += 2) {
        if (!strcmp(argv[k], "-n"))
            n = (unsigned)atoi(argv[k + 1]);
        else if (!strcmp(argv[k], "-s"))
            seed = strtoull(argv[k + 1], NULL, 0);
    }
    printf("1..10\n");
    for (unsigned k = 0; k < sizeof isas / sizeof isas[0]; k++)
        good &= compare(g, &isas[k], src ? src : ".", seed, n);
    good &= check_it_block(g); /* they are T32's now */
    for (unsigned k = 0; k < BACKENDS; k++)
        arm_machine_free(&g[k].a);
    return !good;
}
