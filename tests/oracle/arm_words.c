/*
 * arm_words                         what CI runs
 * arm_words --make                  the jobs of every word for tests/oracle/arm/runner.c, on
 *                                   standard output
 * arm_words --pack JOBS RESULTS     arm/words.bin of them and of what came out, likewise
 *
 * Every A64 encoding that runs on by itself, a few words of each, from many states: what compiled
 * code and the interpreter leave has the hash that another implementation's state has (recorded by
 * arm/record.sh). Prints TAP: one test a section of the decoder's tables and back end.
 */
#include "core/util/range.h"
#include "tests/oracle/arm/guest.h"
#include "tests/oracle/arm/sequence.h"

enum { WORDS = 3, STATES = 12, MAX_RECORDS = 1 << 16, MAX_SHOWN = 20 };
static const char *const backend_names[] = {"interp", "jit", "baseline"};

struct record {
    uint32_t word, hash; /* of STATES results */
};

static uint32_t seed_of(uint32_t word, unsigned state)
{
    return word * 31 + state;
}

static uint64_t add_hash(uint64_t h, const struct arm_result *r)
{
    const uint64_t *words = (const uint64_t *)r;
    for (unsigned k = 0; k < sizeof *r / 8; k++) {
        h = (h ^ words[k]) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return h;
}
static uint32_t end_hash(uint64_t h)
{
    return (uint32_t)(h ^ h >> 32);
}

/* false: an instruction did not run on. */
static bool run(struct guest *g, uint32_t word, uint32_t *hash)
{
    struct arm_result result;
    uint64_t h = 0;
    guest_load_code(g, &word, 1);
    for (unsigned k = 0; k < STATES; k++) {
        if (!guest_execute(g, seed_of(word, k), &result))
            return false;
        h = add_hash(h, &result);
    }
    *hash = end_hash(h);
    return true;
}

/* ---- recording ---------------------------------------------------------------------------------
 */

/* Needs nothing before it, is there everywhere, and does not depend on what other threads do. */
static bool row_is_recorded(const struct arm_row *row)
{
    static const char *const stores[] = {"stxr", "stxp", NULL};
    return row_is_run(row) && row_may_be_recorded(row) && !strstr(row->function, "_lit") &&
           !one_of(row->function, stores);
}

static int make(void)
{
    static struct guest g;
    struct sequence s = {.random = 1};
    guest_init(&g, "interp");
    for (unsigned n = 0; n < a64_set.row_count; n++) {
        if (!row_is_recorded(&a64_set.rows[n]))
            continue;
        for (unsigned found = 0, tries = 0; found < WORDS && tries < 20 * WORDS; tries++) {
            uint32_t word, hash;
            if (!fill(&s, n, &word) || !run(&g, word, &hash))
                continue;
            for (unsigned k = 0; k < STATES; k++) {
                const struct arm_job job = {seed_of(word, k), 1};
                fwrite(&job, sizeof job, 1, stdout);
                fwrite(&word, 4, 1, stdout);
            }
            found++;
        }
    }
    return fflush(stdout) != 0;
}

static int pack(const char *jobs_path, const char *results_path)
{
    FILE *jobs = fopen(jobs_path, "rb"), *results = fopen(results_path, "rb");
    struct arm_result result;
    struct arm_job job;
    struct record r;
    if (!jobs || !results)
        return 1;
    for (;;) {
        uint64_t h = 0;
        for (unsigned k = 0; k < STATES; k++) {
            if (!fread(&job, sizeof job, 1, jobs))
                return fflush(stdout) != 0;
            if (!fread(&r.word, 4, 1, jobs) || !fread(&result, sizeof result, 1, results))
                return 1;
            h = add_hash(h, &result);
        }
        r.hash = end_hash(h);
        fwrite(&r, sizeof r, 1, stdout);
    }
}

/* ---- tests -------------------------------------------------------------------------------------
 */

static bool check_section(struct guest *g, const char *section, const struct record *records,
                          unsigned count, unsigned *words)
{
    unsigned wrong = 0;
    *words = 0;
    for (unsigned n = 0; n < count; n++) {
        const struct arm_row *row = &a64_set.rows[a64_set.find(records[n].word)];
        uint32_t hash = 0;
        if (strcmp(row->section, section))
            continue;
        ++*words;
        const bool ran = run(g, records[n].word, &hash);
        if (ran && hash == records[n].hash)
            continue;
        if (wrong++ < MAX_SHOWN)
            printf("# %08x %s: %s\n", (unsigned)records[n].word, row->name,
                   ran ? "another state" : "did not run on");
    }
    return !wrong;
}

/* All of them, or 0: a word is not in the tables, or the file is not there. */
static unsigned read_records(struct record *records)
{
    const char *src = getenv("VEMU_SRC");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/oracle/arm/words.bin", src ? src : ".");
    FILE *in = fopen(path, "rb");
    if (!in)
        return 0;
    const unsigned count = (unsigned)fread(records, sizeof *records, MAX_RECORDS, in);
    fclose(in);
    for (unsigned n = 0; n < count; n++)
        if (a64_set.find(records[n].word) >= a64_set.row_count)
            return 0;
    return count;
}

int main(int argc, char **argv)
{
    static struct record records[MAX_RECORDS];
    static const char *sections[32];
    unsigned section_count = 0, tests = 0, failed = 0;
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    if (argc == 2 && !strcmp(argv[1], "--make"))
        return make();
    if (argc == 4 && !strcmp(argv[1], "--pack"))
        return pack(argv[2], argv[3]);
    const unsigned count = read_records(records);
    for (unsigned n = 0; n < a64_set.row_count; n++)
        if (!section_count || strcmp(sections[section_count - 1], a64_set.rows[n].section))
            sections[section_count++ % ARRAY_SIZE(sections)] = a64_set.rows[n].section;
    for (size_t b = 0; b < ARRAY_SIZE(backend_names); b++) {
        static struct guest g;
        guest_init(&g, backend_names[b]);
        for (unsigned k = 0; k < section_count; k++) {
            unsigned words;
            const bool ok = check_section(&g, sections[k], records, count, &words);
            if (!words)
                continue;
            failed += !ok;
            printf("%sok %u - arm_words: %s, %s: %u words from %u states each\n", ok ? "" : "not ",
                   ++tests, g.backend, sections[k], words, STATES);
        }
        arm_machine_free(&g.a);
    }
    printf("1..%u\n", tests);
    return failed || !tests;
}
