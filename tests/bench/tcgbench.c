/*
 * How fast the translator translates, and what rewriting translated code costs. Prints figures and
 * judges none: tcgbench [-n ROUNDS] [-t] [FILE].
 *
 * Translating: compiled 64-bit code, this program's own or FILE's (raw bytes), from one end to the
 * other, block by block, into an empty code cache; best and first of ROUNDS. -t: nothing else, for
 * profilers.
 *
 * Rewriting: a loop in a guest that rewrites an instruction and runs it, less the same loop storing
 * elsewhere.
 */
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/util/range.h"
#include "tcg/exec.h"
#include "tcg/translate.h"
#include "tcg/x86/decode.h"
#include "tests/x86_machine.h"

enum {
    RAM = 64 << 20,
    PML4 = 0x1000,
    PDPT = 0x2000,
    PD = 0x3000,
    STACK = 0x8000,
    CODE = 16 << 20,
    CODE_MAX = RAM - CODE,
    LARGE_PAGE = 1 << 21,
    REWRITES = 200000,
};

struct bench {
    struct x86_machine x;
    struct tcg_machine *tm;
    uint32_t len; /* of the code at CODE */
};

static void fail(const char *what, struct vemu_error *err)
{
    fprintf(stderr, "tcgbench: %s\n", err ? vemu_error_message(err) : what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- a machine in 64-bit mode at CPL 0, RAM mapped one to one ---------------------------------
 */

static void init(struct bench *b)
{
    static const char *const options[] = {"tier2", "off", NULL};
    const struct x86_machine_config config = {.ram = RAM, .model = "max", .options = options};
    struct vemu_error *err = NULL;
    if (!x86_machine_create(&b->x, &config, &err))
        fail("no machine", err);
    b->tm = tcg_machine_of(&b->x.m);
    atomic_store(&b->x.cpu->stop_request, false); /* this thread acts as the vCPU */
    store_le64(b->x.ram->host + PML4, PDPT | 0x23);
    store_le64(b->x.ram->host + PDPT, PD | 0x23);
    for (unsigned k = 0; k < RAM / LARGE_PAGE; k++)
        store_le64(b->x.ram->host + PD + 8 * k, (uint64_t)k * LARGE_PAGE | 0xe3);
}

static void start_at(struct bench *b, uint64_t rip)
{
    struct x86_regs *r = b->x.cpu->regs;
    r->rip = rip;
    r->rflags = 2;
    r->halted = 0;
    b->x.cpu->halted = false;
    r->gpr[X86_RSP] = STACK;
    for (unsigned k = 0; k < X86_SEG_COUNT; k++)
        r->seg[k] = (struct x86_segment){0};
    r->seg[X86_CS] = (struct x86_segment){.limit = UINT32_MAX, .selector = 0x10, .attr = 0xa09b};
    r->seg[X86_SS] = (struct x86_segment){.limit = UINT32_MAX, .selector = 0x18, .attr = 0xc093};
    r->cr0 = X86_CR0_PG | X86_CR0_WP | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP | X86_CR0_PE;
    r->cr3 = PML4;
    r->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE;
    r->xcr0 = 7;
    r->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE;
    b->x.tc->arch->reset(b->x.tc);
}

/* ---- the code ----------------------------------------------------------------------------------
 */

static int own_text(struct dl_phdr_info *info, size_t size, void *opaque)
{
    struct bench *b = opaque;
    (void)size;
    for (unsigned k = 0; k < info->dlpi_phnum; k++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[k];
        if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
            continue;
        b->len = (uint32_t)MIN(p->p_memsz, (uint64_t)CODE_MAX);
        memcpy(b->x.ram->host + CODE, (const void *)(info->dlpi_addr + p->p_vaddr), b->len);
        return 1;
    }
    return 0;
}

static void read_code(struct bench *b, const char *name)
{
    FILE *f = name ? fopen(name, "rb") : NULL;
    if (!name) {
        dl_iterate_phdr(own_text, b);
    } else if (f) {
        b->len = (uint32_t)fread(b->x.ram->host + CODE, 1, CODE_MAX, f);
        fclose(f);
    }
    if (!b->len)
        fail(name ? strerror(errno) : "no code", NULL);
}

/* ---- translating --------------------------------------------------------------------------------
 */

static void empty_cache(struct bench *b)
{
    tcg_exclusive_begin(b->tm, NULL);
    pthread_mutex_lock(&b->tm->code_lock);
    cache_flush(b->tm);
    pthread_mutex_unlock(&b->tm->code_lock);
    tcg_exclusive_end(b->tm, NULL);
    memset(&b->tm->counters, 0, sizeof b->tm->counters);
}

static struct tcg_block *block_at(struct bench *b, uint64_t rip)
{
    ((struct x86_regs *)b->x.cpu->regs)->rip = rip;
    struct tcg_block *block = tcg_lookup(b->x.tc, false);
    if (!block)
        fail(b->x.cpu->error, NULL);
    return block;
}

/* Block by block; the ns it took. */
static double translate_all(struct bench *b)
{
    start_at(b, CODE);
    tcg_enter_code(b->x.tc);
    tcg_mode_changed(b->x.tc);
    double from = now();
    for (uint64_t at = CODE; at < CODE + b->len;)
        at += block_at(b, at)->len;
    double ns = now() - from;
    tcg_leave_code(b->x.tc);
    return ns;
}

/* Of all host code: the same code, or not. */
static uint64_t checksum(struct bench *b)
{
    uint64_t sum = 0;
    tcg_enter_code(b->x.tc);
    for (uint64_t at = CODE; at < CODE + b->len;) {
        const struct tcg_block *block = block_at(b, at);
        for (uint32_t k = 0; k < block->code_size; k++)
            sum = (sum ^ ((const uint8_t *)block->code)[k]) * UINT64_C(0x100000001b3);
        at += block->len;
    }
    tcg_leave_code(b->x.tc);
    return sum;
}

/* The same as far as the IR. */
static double front_end(struct bench *b)
{
    struct ir_region *region = b->tm->region;
    double from = now();
    for (uint32_t at = 0; at < b->len;) {
        struct tcg_translation t = {.tc = b->x.tc,
                                    .ir = region,
                                    .pc = CODE + at,
                                    .mode = b->x.tc->mode,
                                    .page_offset = at % MEM_PAGE_SIZE,
                                    .max_insns = b->tm->max_insns,
                                    .page = b->x.ram->host + CODE + align_down(at, MEM_PAGE_SIZE)};
        t.page2 = t.page + MEM_PAGE_SIZE;
        ir_region_init(region, b->tm->ir_storage, b->tm->arch->slots, b->tm->arch->slot_count,
                       b->tm->arch->helpers, b->tm->arch->helper_count);
        b->tm->arch->translate(&t);
        ir_finish(region);
        at += t.len;
    }
    return now() - from;
}

static double decode_all(struct bench *b)
{
    struct x86_insn i;
    double from = now();
    for (uint32_t at = 0; at < b->len; at += i.len)
        x86_decode(&i, b->x.ram->host + CODE + at, X86_INSN_MAX, b->x.tc->mode,
                   b->x.model.features);
    return now() - from;
}

static void bench_translation(struct bench *b, unsigned rounds)
{
    double first = 0, all = 0, ir = 0, decode = 0;
    const struct tcg_counters *c = &b->tm->counters;
    for (unsigned k = 0; k < rounds; k++) {
        empty_cache(b);
        double t = translate_all(b), f = front_end(b), d = decode_all(b);
        if (!k)
            first = t;
        all = k && all < t ? all : t;
        ir = k && ir < f ? ir : f;
        decode = k && decode < d ? decode : d;
    }
    double insns = (double)c->guest_insns;
    printf("code            %u bytes, %llu instructions, %llu blocks\n", b->len,
           (unsigned long long)c->guest_insns, (unsigned long long)c->blocks);
    printf("translation     %.0f ns an instruction (first round %.0f)\n", all / insns,
           first / insns);
    printf("  to IR         %.0f ns\n", ir / insns);
    printf("    decoding    %.0f ns\n", decode / insns);
    printf("code expansion  %.2f, checksum %016llx\n",
           (double)c->host_bytes / (double)c->guest_bytes, (unsigned long long)checksum(b));
    printf("IR              %.2f an instruction\n", (double)c->ir_insns / insns);
    fflush(stdout);
}

/* ---- rewriting ----------------------------------------------------------------------------------
 */

/*
 *      mov  ecx, REWRITES
 *   1: mov  [rdi], ecx           the operand of the first instruction at 2, or elsewhere
 *      call 2f
 *      dec  ecx
 *      jnz  1b
 *      hlt
 *   2: mov  eax, imm32
 *      ret
 */
static const uint8_t loop[] = {0xb9, 0,    0,    0,    0,    0x89, 0x0f,
                               0xff, 0xd6, 0xff, 0xc9, 0x75, 0xf8, 0xf4};
static const uint8_t callee[] = {0xb8, 0, 0, 0, 0, 0xc3};

static double run_loop(struct bench *b, uint32_t callee_at, uint64_t store_to)
{
    uint8_t *code = b->x.ram->host + CODE;
    struct x86_regs *r = b->x.cpu->regs;
    memcpy(code, loop, sizeof loop);
    store_le32(code + 1, REWRITES);
    memcpy(code + callee_at, callee, sizeof callee);
    empty_cache(b);
    start_at(b, CODE);
    r->gpr[X86_RDI] = store_to;
    r->gpr[X86_RSI] = CODE + callee_at;
    double from = now();
    if (tcg_vcpu_run(b->x.cpu) != VCPU_EXIT_HALT)
        fail(b->x.cpu->error[0] ? b->x.cpu->error : "the guest did not halt", NULL);
    return (now() - from) / REWRITES;
}

static double best_loop(struct bench *b, unsigned rounds, uint32_t callee_at, uint64_t store_to)
{
    double best = 0;
    for (unsigned k = 0; k < rounds; k++) {
        double t = run_loop(b, callee_at, store_to);
        best = k && best < t ? best : t;
    }
    return best;
}

static void bench_rewriting(struct bench *b, unsigned rounds)
{
    enum { PAGE = MEM_PAGE_SIZE };
    double plain = best_loop(b, rounds, PAGE, CODE + 4 * PAGE);
    double other = best_loop(b, rounds, PAGE, CODE + PAGE + 1);
    double same = best_loop(b, rounds, 256, CODE + 257);
    double data = best_loop(b, rounds, 256, CODE + 1024);
    printf("loop            %.0f ns a round\n", plain);
    printf("rewriting       %.0f ns more on another page, %.0f on the loop's own\n", other - plain,
           same - plain);
    printf("data in it      %.0f ns more\n", data - plain);
}

int main(int argc, char **argv)
{
    static struct bench b;
    const char *file = NULL;
    bool only_translation = false;
    unsigned rounds = 10;
    for (int k = 1; k < argc; k++) {
        if (!strcmp(argv[k], "-n") && k + 1 < argc)
            rounds = (unsigned)strtoul(argv[++k], NULL, 10);
        else if (!strcmp(argv[k], "-t"))
            only_translation = true;
        else
            file = argv[k];
    }
    rounds = MAX(rounds, 1u);
    init(&b);
    read_code(&b, file);
    bench_translation(&b, rounds);
    if (!only_translation)
        bench_rewriting(&b, rounds);
    x86_machine_free(&b.x);
    return 0;
}
