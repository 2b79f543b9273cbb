/*
 * Prints the host code that the translator makes of the guest code in code.S: of each instruction
 * with a jump behind it, of each idiom block by block, and of the region that the second tier makes
 * around its hot block. The settings are those of production, but that the host has every
 * instruction the back end looks for, so that the text is the same on every host that it supports.
 *
 * Nothing of it runs: blocks are translated where a direct branch leads to, and linked as if
 * control had gone there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcg/exec.h"
#include "tcg/tier2/build.h"
#include "tcg/translate.h"
#include "tests/golden/insn.h"
#include "tests/golden/listing.h"
#include "tests/x86_machine.h"

enum { RECORD_MODE, RECORD_INSN, RECORD_IDIOM, RECORD_HOT, RECORD_ALSO, RECORD_END };

/* As the macro `record` of code.S makes them, in the order of the code. */
struct record {
    const char *name;
    const uint8_t *code;
    uint32_t kind, bits, cpl, parallel;
};
extern const struct record golden_records[];

enum {
    RAM = 8 << 20,
    PML4 = 0x1000,
    PDPT = 0x2000,
    PD = 0x3000,
    CODE_PAGE = 0x200000,
    CODE_OFFSET = 0x100, /* of an entry in its page: there is room for jumps backwards */
    CODE_MAX = 0x400,
    BLOCKS_MAX = 32,
};

struct golden {
    struct x86_machine x;
    struct tier2_build build;
    struct listing *listing;
    const struct record *mode;
    /* the entry at hand */
    uint32_t len;
    uint32_t at[BLOCKS_MAX]; /* offsets of its blocks in the page */
    unsigned blocks;
};

static void fail(const char *what, const struct vemu_error *err)
{
    fprintf(stderr, "golden: %s%s%s\n", what, err ? ": " : "", err ? vemu_error_message(err) : "");
    exit(1);
}

static void init(struct golden *g, unsigned vcpus, struct listing *listing)
{
    /* no thread beside this one: regions are asked for below */
    static const char *const options[] = {"tier2", "off", "tb-size", "16", "verify", "on", NULL};
    const struct x86_machine_config config = {
        .ram = RAM, .model = "max", .vcpus = vcpus, .options = options};
    struct vemu_error *err = NULL;
    if (!x86_machine_create(&g->x, &config, &err))
        fail("no machine", err);
    if (tcg_machine_of(&g->x.m)->backend != &tcg_backend_x86_64)
        exit(77);
    tcg_enter_code(g->x.tc); /* this thread acts as the last of them */
    g->build.tm = g->x.tc->tm;
    g->listing = listing;
    ((struct x86_backend *)g->x.tc->tm->backend_data)->host = HOST_FMA | HOST_F16C | HOST_AES |
                                                              HOST_VAES | HOST_PCLMUL |
                                                              HOST_VPCLMUL | HOST_GFNI | HOST_SHA;
    store_le64(g->x.ram->host + PML4, PDPT | 0x67);
    store_le64(g->x.ram->host + PDPT, PD | 0x67);
    store_le64(g->x.ram->host + PD + 8, CODE_PAGE | 0xe7);
}

/* The processor as an operating system of that kind has it. */
static void set_mode(struct golden *g, const struct record *mode)
{
    struct x86_regs *r = g->x.cpu->regs;
    const bool wide = mode->bits == 64;
    const uint16_t dpl = (uint16_t)(mode->cpl << X86_SEG_DPL_SHIFT);
    struct x86_segment data = {.limit = UINT32_MAX, .selector = 0x28, .attr = 0xc093};
    data.attr |= dpl;
    for (unsigned k = 0; k < X86_SEG_COUNT; k++)
        r->seg[k] = data;
    r->seg[X86_CS].attr = (uint16_t)((wide ? 0xa09b : 0xc09b) | dpl);
    r->tr = (struct x86_segment){.attr = 0x8b, .selector = 0x40};
    r->cr0 = X86_CR0_WP | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP | X86_CR0_PE;
    r->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_FSGSBASE | X86_CR4_OSXSAVE;
    r->cr0 |= wide ? X86_CR0_PG : 0;
    r->efer = wide ? X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE : 0;
    r->cr3 = PML4;
    r->xcr0 = 7;
    r->rflags = X86_FLAG_1 | X86_FLAG_IF;
    r->fcw = 0x37f;
    r->mxcsr = 0x1f80;
    g->x.tc->arch->reset(g->x.tc);
    g->mode = mode;
}

static void load(struct golden *g, const uint8_t *code, uint32_t len)
{
    struct tcg_machine *tm = g->x.tc->tm;
    uint8_t page[MEM_PAGE_SIZE];
    if (len > CODE_MAX)
        fail("an entry of code.S is too long", NULL);
    memset(page, 0xf4, sizeof page);
    memcpy(page + CODE_OFFSET, code, len);
    machine_lock(&g->x.m);
    dma_write(g->x.m.memory, NULL, CODE_PAGE, page, sizeof page);
    machine_unlock(&g->x.m);
    /* Each entry begins with empty code memory and the first link. */
    pthread_mutex_lock(&tm->code_lock);
    cache_flush(tm);
    pthread_mutex_unlock(&tm->code_lock);
    g->len = len;
    g->blocks = 0;
}

static struct tcg_block *block_at(struct golden *g, uint32_t offset)
{
    struct x86_regs *r = g->x.cpu->regs;
    r->rip = CODE_PAGE + offset;
    struct tcg_block *b = tcg_lookup(g->x.tc, 0);
    if (!b)
        fail("no translation", NULL);
    return b;
}

static void note(struct golden *g, int64_t offset)
{
    unsigned k = 0;
    if (offset < CODE_OFFSET || offset >= CODE_OFFSET + (int64_t)g->len)
        return;
    while (k < g->blocks && g->at[k] != offset)
        k++;
    if (k == BLOCKS_MAX)
        fail("an idiom has too many blocks", NULL);
    g->at[k] = (uint32_t)offset;
    g->blocks += k == g->blocks;
}

static int by_offset(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Translates what can be reached from the blocks noted so far, and links it. */
static void translate_all(struct golden *g)
{
    struct tcg_machine *tm = g->x.tc->tm;
    for (unsigned k = 0; k < g->blocks; k++) {
        const struct tcg_block *b = block_at(g, g->at[k]);
        for (unsigned x = 0; x < b->exit_count; x++)
            note(g, block_exit(b, x)->target);
        if (b->ends == TCG_ENDS_CALL)
            note(g, b->offset + b->len);
    }
    for (unsigned k = 0; k < g->blocks; k++) {
        struct tcg_block *b = block_at(g, g->at[k]);
        for (unsigned x = 0; x < b->exit_count; x++) {
            int64_t target = block_exit(b, x)->target;
            if (target < CODE_OFFSET || target >= CODE_OFFSET + (int64_t)g->len)
                continue;
            struct tcg_block *to = block_at(g, (uint32_t)target);
            pthread_mutex_lock(&tm->code_lock);
            cache_link(tm, block_exit(b, x), to);
            pthread_mutex_unlock(&tm->code_lock);
        }
    }
    qsort(g->at, g->blocks, sizeof *g->at, by_offset);
}

static void print_guest(const uint8_t *page, const struct tcg_block *b)
{
    for (uint32_t at = 0; at < b->len;) {
        struct insn d;
        if (!insn_decode(&d, page + b->offset + at, b->len - at, b->mode,
                         b->offset + at - CODE_OFFSET))
            fail("guest code is not decoded", NULL);
        printf("    %03x  %s\n", b->offset + at - CODE_OFFSET, d.text);
        at += d.len;
    }
}

static void print_mode(const struct record *m)
{
    printf(" (%u-bit%s%s)", m->bits, m->cpl ? "" : ", kernel",
           m->parallel ? ", several vCPUs" : "");
}

static void do_insn(struct golden *g, const struct record *r)
{
    load(g, r->code, (uint32_t)(r[1].code - r->code));
    struct host_size size = {0};
    const struct tcg_block *b = block_at(g, CODE_OFFSET);
    char *text = listing_text(g->listing, g->x.tc, b, &size);
    printf("\n== %s", r->name);
    print_mode(g->mode);
    printf(": %u instructions, %u bytes\n%s", size.insns, size.bytes, text);
    free(text);
}

static void do_idiom(struct golden *g, const struct record *r)
{
    const uint8_t *page = g->x.ram->host + CODE_PAGE;
    struct host_size all = {0};
    const struct record *end = r + 1;
    uint32_t hot = 0;
    char *text[BLOCKS_MAX];

    while (end->kind == RECORD_HOT || end->kind == RECORD_ALSO)
        end++;
    load(g, r->code, (uint32_t)(end->code - r->code));
    note(g, CODE_OFFSET);
    for (const struct record *k = r + 1; k < end; k++) {
        uint32_t offset = CODE_OFFSET + (uint32_t)(k->code - r->code);
        note(g, offset);
        if (k->kind == RECORD_HOT)
            hot = offset;
    }
    translate_all(g);
    for (unsigned k = 0; k < g->blocks; k++)
        text[k] = listing_text(g->listing, g->x.tc, block_at(g, g->at[k]), &all);
    printf("\n== \"%s\"", r->name);
    print_mode(g->mode);
    printf(": %u instructions, %u bytes\n", all.insns, all.bytes);
    for (unsigned k = 0; k < g->blocks; k++) {
        printf("  block %03x\n", g->at[k] - CODE_OFFSET);
        print_guest(page, block_at(g, g->at[k]));
        printf("%s", text[k]);
        free(text[k]);
    }
    if (!hot)
        return;

    enum tier2_refusal why;
    struct host_size size = {0};
    if (!tier2_build(&g->build, g->x.tc, block_at(g, hot), g->x.tc->tm->cache.flush_count,
                     CODE_PAGE, &why))
        fail("no region of the second tier", NULL);
    char *region = listing_text(g->listing, g->x.tc, block_at(g, hot), &size);
    printf("\n== \"%s\", second tier at %03x", r->name, hot - CODE_OFFSET);
    print_mode(g->mode);
    printf(": %u instructions, %u bytes\n%s", size.insns, size.bytes, region);
    free(region);
}

int main(void)
{
    static struct golden machines[2]; /* one vCPU; two */
    struct golden *g = machines;
    struct listing listing = {0};
    init(&machines[0], 1, &listing);
    init(&machines[1], 2, &listing);
    printf(
        "Host code of the guest code in code.S, written by `make golden`. rbp is the register\n"
        "file, r15 the TLB context; jumps lead to labels, to other blocks (in brackets, by the\n"
        "place of their guest code) and to thunks, calls to thunks and to shared routines, which\n"
        "are listed at the end.\n");
    for (const struct record *r = golden_records; r->kind != RECORD_END; r++) {
        if (r->kind == RECORD_MODE) {
            g = &machines[r->parallel];
            set_mode(g, r);
        } else if (r->kind == RECORD_INSN) {
            do_insn(g, r);
        } else if (r->kind == RECORD_IDIOM) {
            do_idiom(g, r);
        }
    }
    listing_print_routines(&listing);
    listing_free(&listing);
    for (unsigned k = 0; k < 2; k++) {
        tcg_leave_code(machines[k].x.tc);
        x86_machine_free(&machines[k].x);
    }
    return 0;
}
