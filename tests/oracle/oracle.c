/*
 * Random sequences of user-mode instructions on the host CPU and on the translator's back ends:
 * every register, defined flag and byte of memory must be equal, also at a fault.
 *
 *   oracle [-n COUNT] [-s SEED] [-f FIRST] [-b interp,jit,tier2,baseline] [-i SEED] [-d LOG] [-l]
 *          [-v] [-x]
 *
 * Sequence k of a seed is always the same: -f K -n 1 runs it alone, -d ir,out_asm shows what was
 * made of it. What fails is made shorter and printed as bytes and text; -x ends at the first one
 * instead. -i takes translations away at random meanwhile (-accel tcg,inject=SEED). -l lists the
 * rows of the decode tables with how often each ran: without a memory operand, with one, with one
 * across a page boundary. Rows that a run of 20,000 did not reach are listed always.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include "tests/oracle/oracle_guest.h"
#include "tests/oracle/oracle_host.h"
#include "tests/oracle/oracle_sequence.h"

enum {
    BACKENDS = 4,
    FAILURES = 10,
    SAVED_COUNT = 1500, /* sequences whose translations are saved and taken again */
    SAVED_SKIPPED = 100,
};

struct oracle {
    uint64_t seed, first, count;
    bool list, verbose, first_only;
    const char *backends, *inject, *log;
    struct rows rows;
    unsigned guests;
    struct guest guest[BACKENDS];
    struct cpu_state start, host, got[BACKENDS];
    struct memory mem_start, mem_host, mem_got[BACKENDS];
    unsigned long faults, insns, failed;
};

/* ---- comparison --------------------------------------------------------------------------------
 */

/* Flags that count where a run ended. */
static uint64_t flags_compared(const struct sequence *s, uint64_t rip)
{
    uint64_t at = rip - s->start;
    unsigned k = 0;
    while (k < s->count && s->at[k + 1] <= at)
        k++;
    return FLAGS_COMPARED & ~(uint64_t)s->undefined[at < s->len ? k : s->count];
}

static void differs(char *why, size_t len, const char *what, unsigned n, const void *a,
                    const void *b, unsigned size)
{
    size_t at = strlen(why);
    const uint8_t *bytes[] = {a, b};
    if (at + 180 > len)
        return;
    at += (size_t)snprintf(why + at, len - at, "#   %s%u: host ", what, n);
    for (unsigned w = 0; w < 2; w++) {
        for (unsigned k = size; k-- > 0;)
            at += (size_t)snprintf(why + at, len - at, "%02x", bytes[w][k]);
        at += (size_t)snprintf(why + at, len - at, "%s", w ? "\n" : " vemu ");
    }
}

/* The translate function of the instruction at rip, NULL: none. */
static x86_translate_fn *function_at(const struct oracle *o, const struct sequence *s, uint64_t rip,
                                     enum x86_check *check)
{
    struct x86_insn d;
    uint64_t at = rip - s->start;
    if (at >= s->len ||
        x86_decode(&d, s->code + at, s->len - at, MODE, o->rows.features) != X86_DECODE_OK)
        return NULL;
    *check = d.row->check;
    return d.row->fn;
}

static bool same_state(const struct oracle *o, const struct sequence *s, const struct cpu_state *h,
                       const struct cpu_state *g, char *why, size_t len)
{
    bool same = true;
    enum x86_check check = CHECK_NONE;
    x86_translate_fn *const fn = function_at(o, s, h->rip, &check);
    /* An MMX instruction that faults: processors leave its x87 state (TOP 0, all in use) or do not,
     * as the fault came late or early. */
    const bool mmx = check == CHECK_MMX || fn == tr_cvt_to_mmx || fn == tr_cvt_from_mmx;
    /* Which part of an x87 environment is loaded first. */
    const uint64_t exact = fn == tr_x87_env ? ~(uint64_t)(PAGE - 1) : ~UINT64_C(0);
    *why = 0;
    /* Of others than Intel's a page fault comes before what an x87 store finds wrong with its
     * value, and leaves flags of the rounds before. */
    if (!host_is_intel() && h->vector == X86_PF &&
        (check == CHECK_X87 || fn == tr_scas || fn == tr_cmps))
        return true;
#define CHECK(what, n, a, b)                                                                       \
    if (memcmp(&(a), &(b), sizeof(a))) {                                                           \
        same = false;                                                                              \
        differs(why, len, what, n, &(a), &(b), sizeof(a));                                         \
    }
    CHECK("rip ", 0, h->rip, g->rip)
    CHECK("vector ", 0, h->vector, g->vector)
    if (h->vector == g->vector && h->vector == X86_PF) {
        uint64_t ha = h->addr & exact, ga = g->addr & exact;
        CHECK("page fault address ", 0, ha, ga)
        /* Linux does not tell user programs whether a kernel page is present. */
        unsigned mask = h->addr >= 0x7ffffffff000 ? ~1u : ~0u, he = h->error & mask,
                 ge = g->error & mask;
        CHECK("page fault error ", 0, he, ge)
    }
    for (unsigned k = 0; k < 16; k++)
        CHECK("gpr ", k, h->gpr[k], g->gpr[k])
    uint64_t mask = flags_compared(s, h->rip), hf = h->flags & mask, gf = g->flags & mask;
    CHECK("flags ", 0, hf, gf)
    CHECK("gs base ", 0, h->gs_base, g->gs_base)
    CHECK("mxcsr ", 0, h->mxcsr, g->mxcsr)
    CHECK("fcw ", 0, h->fcw, g->fcw)
    if (!mmx) {
        CHECK("fsw ", 0, h->fsw, g->fsw)
        CHECK("ftw ", 0, h->ftw, g->ftw)
    }
    if (host_keeps_x87_pointers()) {
        CHECK("fip ", 0, h->fip, g->fip)
        CHECK("fdp ", 0, h->fdp, g->fdp)
        CHECK("fop ", 0, h->fop, g->fop)
    }
    for (unsigned k = 0; k < 8; k++)
        CHECK("fpr ", k, h->fpr[k], g->fpr[k])
    for (unsigned k = 0; k < 16; k++)
        CHECK("ymm ", k, h->ymm[k], g->ymm[k])
#undef CHECK
    return same;
}

static bool same_memory(const struct memory *h, const struct memory *g, char *why, size_t len)
{
    const uint8_t *a = (const uint8_t *)h, *b = (const uint8_t *)g;
    if (!memcmp(h, g, sizeof *h))
        return true;
    for (unsigned k = 0, shown = 0; k < sizeof *h && shown < 8; k++)
        if (a[k] != b[k]) {
            differs(why, len, "memory ", k, a + k, b + k, 1);
            shown++;
        }
    return false;
}

/* Runs the sequence everywhere. -1: all agree; else the number of the guest that does not. */
static int run_once(struct oracle *o, const struct sequence *s, char *why, size_t len)
{
    o->host = o->start;
    o->host.rip = s->start;
    o->mem_host = o->mem_start;
    host_load_code(s->code, s->start, s->len);
    host_execute(&o->host, &o->mem_host);
    for (unsigned n = 0; n < o->guests; n++) {
        struct guest *g = &o->guest[n];
        struct cpu_state *got = &o->got[n];
        *got = o->start;
        got->rip = s->start;
        o->mem_got[n] = o->mem_start;
        guest_load_code(g, s->code, s->start, s->len);
        bool ended = guest_execute(g, got, &o->mem_got[n]);
        bool same = same_state(o, s, &o->host, got, why, len);
        same &= same_memory(&o->mem_host, &o->mem_got[n], why, len);
        if (!ended) {
            size_t at = strlen(why);
            snprintf(why + at, len - at, "#   the run did not end: %s\n", g->x.cpu->error);
        }
        if (!same || !ended)
            return (int)n;
    }
    return -1;
}

/* ---- failures ----------------------------------------------------------------------------------
 */

static void minimise(struct oracle *o, struct sequence *s, char *why, size_t len)
{
    char other[4096];
    for (bool progress = true; progress;) {
        progress = false;
        for (unsigned k = s->count; k-- > 0;) {
            if (s->items[k].off)
                continue;
            s->items[k].off = true;
            if (sequence_emit(s) && run_once(o, s, other, sizeof other) >= 0) {
                progress = true;
                snprintf(why, len, "%s", other);
            } else {
                s->items[k].off = false;
            }
        }
    }
    sequence_emit(s);
}

static void print_sequence(struct oracle *o, const struct sequence *s)
{
    for (unsigned at = 0; at < s->len;) {
        struct x86_insn d;
        char text[128] = "?";
        if (x86_decode(&d, s->code + at, s->len - at, MODE, o->rows.features) == X86_DECODE_OK)
            x86_insn_format(&d, s->start + at, text, sizeof text);
        else
            d.len = 1;
        printf("#   %08llx ", (unsigned long long)(s->start + at));
        for (unsigned k = 0; k < d.len; k++)
            printf("%02x", s->code[at + k]);
        printf("  %s\n", text);
        at += d.len;
    }
}

static void print_start(const struct oracle *o)
{
    const struct cpu_state *c = &o->start;
    for (unsigned k = 0; k < 16; k++)
        printf("%s r%u=%llx", k % 4 ? "" : k ? "\n#  " : "#  ", k, (unsigned long long)c->gpr[k]);
    printf("\n#   flags=%llx mxcsr=%x fcw=%x fsw=%x ftw=%x\n", (unsigned long long)c->flags,
           c->mxcsr, c->fcw, c->fsw, c->ftw);
}

static void report(struct oracle *o, struct sequence *s, uint64_t number)
{
    char why[4096] = "";
    int which = run_once(o, s, why, sizeof why);
    printf("# sequence %llu of seed %llu differs on %s\n", (unsigned long long)number,
           (unsigned long long)o->seed, which < 0 ? "(not again)" : o->guest[which].backend);
    if (which >= 0)
        minimise(o, s, why, sizeof why);
    print_sequence(o, s);
    print_start(o);
    printf("%s", why);
    fflush(stdout);
}

/* ---- what was reached --------------------------------------------------------------------------
 */

static void count_rows(struct oracle *o, const struct sequence *s)
{
    uint64_t end = o->host.rip - s->start;
    for (unsigned at = 0; at <= end && at < s->len - 2;) {
        struct x86_insn d;
        if (x86_decode(&d, s->code + at, s->len - at, MODE, o->rows.features) != X86_DECODE_OK)
            break;
        struct reach *r = rows_reach(&o->rows, d.row);
        if (r)
            *(d.mem ? &r->mem : &r->reg) += 1;
        o->insns++;
        at += d.len;
    }
    for (unsigned k = 0; k < s->count; k++) {
        const struct item *i = &s->items[k];
        unsigned at = s->at[k] + i->insn_at;
        struct x86_insn d;
        if (i->crossing && !i->off && at <= end &&
            x86_decode(&d, s->code + at, s->len - at, MODE, o->rows.features) == X86_DECODE_OK)
            rows_reach(&o->rows, d.row)->crossing++;
    }
}

static bool print_rows(struct oracle *o)
{
    unsigned wanted = 0, reached = 0, mem = 0, crossing = 0;
    for (unsigned k = 0; k < o->rows.count; k++) {
        const struct reach *r = &o->rows.reach[k];
        char text[128];
        x86_row_format(o->rows.row[k], text, sizeof text);
        bool hit = r->reg || r->mem;
        wanted += r->wanted;
        reached += r->wanted && hit;
        mem += r->wanted && r->mem;
        crossing += r->wanted && r->crossing;
        if (o->list && r->wanted)
            printf("# row %8lu reg %8lu mem %6lu across  %s\n", r->reg, r->mem, r->crossing, text);
        else if (r->wanted && !hit && o->count >= 20000)
            printf("# not reached: %s\n", text);
        else if (!r->wanted && o->list)
            printf("# not compared: %s\n", text);
    }
    printf(
        "# %u of %u user-mode rows reached, %u with a memory operand, %u with one across pages\n",
        reached, wanted, mem, crossing);
    return reached == wanted;
}

/* ---- main --------------------------------------------------------------------------------------
 */

static void run_all(struct oracle *o)
{
    static struct sequence s;
    static char why[4096];
    for (uint64_t k = o->first; k < o->first + o->count && o->failed < FAILURES; k++) {
        struct random r = {o->seed * UINT64_C(0x9e3779b97f4a7c15) ^
                           k * UINT64_C(0xd1342543de82ef95)};
        struct maker m = {.r = &r, .rows = &o->rows};
        m.next_row = (unsigned)(rnd(&r) % o->rows.count);
        sequence_make(&m, &s);
        rnd_state(&r, &o->start, &o->mem_start);
        for (unsigned reg = 12; reg < 16; reg++)
            if (m.pointers >> reg & 1)
                o->start.gpr[reg] = rnd_pointer(&r);
        if (o->verbose) {
            printf("# sequence %llu\n", (unsigned long long)k);
            print_sequence(o, &s);
            print_start(o);
            fflush(stdout);
        }
        if (run_once(o, &s, why, sizeof why) >= 0) {
            o->failed++;
            if (o->first_only)
                return;
            report(o, &s, k);
        }
        count_rows(o, &s);
        o->faults += o->host.rip != s.start + s.len - 2;
    }
}

static void print_log(void *opaque, enum log_category category, const char *line)
{
    (void)opaque;
    (void)category;
    printf("# %s\n", line);
}

static void set_log(struct oracle *o)
{
    uint32_t mask;
    if (!log_parse_mask(o->log, &mask, NULL)) {
        fprintf(stderr, "oracle: -d %s: expected names as vemu -d takes them\n", o->log);
        exit(1);
    }
    for (unsigned k = 0; k < o->guests; k++) {
        o->guest[k].x.m.log.sink = print_log;
        o->guest[k].x.m.log.mask = mask;
    }
}

/* ---- saved translations ------------------------------------------------------------------------
 */

/* Blocks and regions that the guest's machine took. */
static void count_taken(struct guest *g, unsigned taken[2])
{
    char text[4096];
    const char *line;
    g->x.m.accel->info_text(&g->x.m, text, sizeof text);
    taken[0] = taken[1] = 0;
    if ((line = strstr(text, "saved translations")))
        sscanf(line, "saved translations %u blocks and %u regions", &taken[0], &taken[1]);
}

/* The first sequences once more, saving what they are translated to, and then from that: without
 * the first few of them, so that everything is elsewhere. */
static bool run_saved(struct oracle *o)
{
    static const char *const backends[] = {"jit", "tier2"};
    static const char *const passes[] = {"rw", "ro"};
    char dir[] = "/tmp/vemu-oracle-XXXXXX", command[64];
    uint64_t first = o->first;
    unsigned taken[2][2];
    if (!mkdtemp(dir))
        return false;
    o->failed = 0;
    o->guests = ARRAY_SIZE(backends);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned k = 0; k < o->guests; k++)
            guest_init(&o->guest[k], backends[k], NULL, passes[pass], dir);
        if (o->log)
            set_log(o);
        o->first = first + (pass ? SAVED_SKIPPED : 0);
        o->count = SAVED_COUNT - (pass ? SAVED_SKIPPED : 0);
        run_all(o);
        for (unsigned k = 0; k < o->guests; k++) {
            count_taken(&o->guest[k], taken[k]);
            guest_free(&o->guest[k]);
        }
    }
    snprintf(command, sizeof command, "rm -rf %s", dir);
    if (system(command) != 0)
        return false;
    printf("# taken: %u blocks; %u blocks and %u regions\n", taken[0][0], taken[1][0], taken[1][1]);
    return !o->failed && taken[0][0] >= SAVED_COUNT && taken[1][0] >= SAVED_COUNT &&
           taken[1][1] >= SAVED_COUNT / 2;
}

static bool parse(struct oracle *o, int argc, char **argv)
{
    int opt;
    while ((opt = getopt(argc, argv, "n:s:f:b:i:d:lvx")) >= 0) {
        switch (opt) {
        case 'n':
            o->count = strtoull(optarg, NULL, 0);
            break;
        case 's':
            o->seed = strtoull(optarg, NULL, 0);
            break;
        case 'f':
            o->first = strtoull(optarg, NULL, 0);
            break;
        case 'b':
            o->backends = optarg;
            break;
        case 'i':
            o->inject = optarg;
            break;
        case 'd':
            o->log = optarg;
            break;
        case 'l':
            o->list = true;
            break;
        case 'x':
            o->first_only = true;
            break;
        case 'v':
            o->verbose = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static const char *const backends[] = {"interp", "jit", "tier2", "baseline"};
    static struct oracle o = {.seed = 1, .count = 20000, .backends = "interp,jit,tier2,baseline"};
    if (!parse(&o, argc, argv)) {
        fprintf(stderr,
                "usage: oracle [-n COUNT] [-s SEED] [-f FIRST] [-b interp,jit,tier2,baseline] "
                "[-i SEED] [-d LOG] [-l] [-v] [-x]\n");
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned k = 0; k < ARRAY_SIZE(backends); k++)
        if (strstr(o.backends, backends[k]))
            guest_init(&o.guest[o.guests++], backends[k], o.inject, NULL, NULL);
    if (!o.guests || !rows_init(&o.rows, o.guest[0].x.model.features)) {
        fprintf(stderr, "oracle: -b %s: expected some of interp, jit, tier2, baseline\n",
                o.backends);
        return 1;
    }
    host_init();
    printf("1..3\n");
    if (o.log)
        set_log(&o);
    run_all(&o);
    bool all = print_rows(&o);
    printf("# seed %llu: %llu sequences, %lu instructions, %lu ended in a fault of their own\n",
           (unsigned long long)o.seed, (unsigned long long)o.count, o.insns, o.faults);
    printf("%s 1 - oracle: %llu random sequences agree with the host CPU on %s%s%s\n",
           o.failed ? "not ok" : "ok", (unsigned long long)o.count, o.backends,
           o.inject ? ", injected invalidations, seed " : "", o.inject ? o.inject : "");
    if (o.count >= 20000)
        printf("%s 2 - oracle: every user-mode row of the decode tables is reached\n",
               all ? "ok" : "not ok");
    else
        printf("ok 2 - oracle: rows reached # SKIP fewer than 20000 sequences\n");
    fflush(stdout);
    for (unsigned k = 0; k < o.guests; k++)
        guest_free(&o.guest[k]);
    if (o.count >= SAVED_COUNT && strstr(o.backends, "jit") && strstr(o.backends, "tier2"))
        printf("%s 3 - oracle: %u of them agree when their translations were saved before\n",
               run_saved(&o) ? "ok" : "not ok", SAVED_COUNT);
    else
        printf("ok 3 - oracle: saved translations # SKIP fewer than %u sequences\n", SAVED_COUNT);
    return 0;
}
#else
int main(void)
{
    printf("1..0 # SKIP the host is not an x86-64 machine\n");
    return 77;
}
#endif
