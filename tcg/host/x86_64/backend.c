/*
 * The x86-64 back end: code memory (mapped twice: written in one place, executed in another),
 * compiling a region, linking, and running.
 *
 * Block layout: `call DEAD` | entry (aligned) ... code ... stubs. Killing a block overwrites the
 * first two bytes at its entry with a short jump back to that call, in one store.
 */
#include <cpuid.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "tcg/host/x86_64/access.h"
#include "tcg/host_x87.h"
#include "tcg/interp/softfp.h"
#include "tcg/interp/vector.h"
#include "tcg/ir/eval.h"
#include "tcg/disas.h"
#include "tcg/icount.h"
#include "tcg/mmu/refill.h"
#include "tcg/perfmap.h"

enum {
    WRITE_STEP = 1 << 20,
    TIER2_SHARE = 4, /* of the code memory: 1/4 */
};

static bool supported(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX) ||
        !(c & bit_POPCNT))
        return false;
    unsigned xcr0, high;
    __asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
    if ((xcr0 & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return false;
    return (b & bit_AVX2) && (b & bit_BMI) && (b & bit_BMI2);
}

static unsigned host_features(void)
{
    unsigned a, b, c, d, host = 0;
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        host |= c & bit_FMA ? HOST_FMA : 0;
        host |= c & bit_F16C ? HOST_F16C : 0;
        host |= c & bit_AES ? HOST_AES : 0;
        host |= c & bit_PCLMUL ? HOST_PCLMUL : 0;
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        host |= c & bit_VAES ? HOST_VAES : 0;
        host |= c & bit_VPCLMULQDQ ? HOST_VPCLMUL : 0;
        host |= c & bit_GFNI ? HOST_GFNI : 0;
        host |= b & bit_SHA ? HOST_SHA : 0;
    }
    return host;
}

static void destroy(struct tcg_machine *tm)
{
    struct x86_backend *be = tm->backend_data;
    if (!be)
        return;
    if (be->write)
        munmap(be->write, be->size);
    if (be->exec)
        munmap(be->exec, be->size);
    for (unsigned k = 0; k < ARRAY_SIZE(be->area); k++) {
        free(be->area[k].index);
        free(be->area[k].cg);
    }
    free(be);
    tm->backend_data = NULL;
}

static bool map_code(struct x86_backend *be, struct vemu_error **errp)
{
    int fd = memfd_create("vemu-code", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)be->size) < 0) {
        if (fd >= 0)
            close(fd);
        return error_set(errp, VEMU_ERROR_NO_MEMORY,
                         "no memory for translated code (%" PRIu64 " MiB)", be->size >> 20);
    }
    be->write = mmap(NULL, be->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    be->exec = mmap(NULL, be->size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_NORESERVE, fd, 0);
    close(fd);
    if (be->write == MAP_FAILED || be->exec == MAP_FAILED) {
        if (be->write != MAP_FAILED)
            munmap(be->write, be->size);
        if (be->exec != MAP_FAILED)
            munmap(be->exec, be->size);
        be->write = be->exec = NULL;
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "the host does not allow executable memory for translated code; use "
                         "-accel tcg,backend=interp");
    }
    return true;
}

static bool init(struct tcg_machine *tm, struct vemu_error **errp)
{
    struct x86_backend *be = calloc(1, sizeof *be);
    if (!be)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the translator");
    tm->backend_data = be;
    be->size = tm->cache_size;
    be->host = host_features();
    be->area[0].cg = malloc(sizeof *be->area[0].cg);
    if (!be->area[0].cg || !map_code(be, errp)) {
        destroy(tm);
        return errp && *errp
                   ? false
                   : error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the translator");
    }
    cg_init(be->area[0].cg, tm);
    if (!thunks_emit(tm, be))
        return false;
    be->area[1].end = be->size;
    be->area[1].start = be->area[1].used = align_down(be->size - be->size / TIER2_SHARE, 64);
    be->area[0].end = be->area[1].start;
    be->area[0].start = be->area[0].used = be->thunks_end;
    routine_flush(be);
    perfmap_add(tm, be->exec, be->thunks_end, "vemu_thunks");
    return true;
}

/* ---- C side of the thunks
 * ---------------------------------------------------------------------------------- */

/* Whatever C does, a region looks its pages up again afterwards. */
static void forget_pages(struct tcg_cpu *tc)
{
    /* In small pieces, which the compiler makes plain stores: of the whole it makes a REP STOS, and
     * that takes longer to start than most of what C is called for. */
    enum { PIECE = TCG_PAGE_SLOTS / 4 };
    memset(&tc->page_limit[0], 0, PIECE * sizeof tc->page_limit[0]);
    memset(&tc->page_limit[PIECE], 0, PIECE * sizeof tc->page_limit[0]);
    memset(&tc->page_limit[2 * PIECE], 0, PIECE * sizeof tc->page_limit[0]);
    memset(&tc->page_limit[3 * PIECE], 0, PIECE * sizeof tc->page_limit[0]);
    memset(tc->page_kept, 0, sizeof tc->page_kept);
}

/*
 * A page that is only missing in the fast table. What regions know of others stays: nothing is
 * waited for, and no mapping changes.
 */
static void *refill(struct tcg_cpu *tc, enum tcg_access access)
{
    const unsigned attr = tc->call_attr, size = 1u << (attr & IR_MEM_SIZE);
    const bool odd = attr & IR_MEM_ALIGN && tc->call_arg[0] & (size - 1);
    if (tc->tm->inject || odd) /* the general access does that */
        return NULL;
    return tlb_refill(tc, tcg_ctx_for_attr(tc, attr), tc->call_arg[0], size, access);
}

static uint64_t c_load(void *env)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const unsigned size = 1u << (tc->call_attr & IR_MEM_SIZE);
    const void *host = refill(tc, tc->call_attr & IR_MEM_RMW ? TCG_WRITE : TCG_READ);
    if (host)
        return ram_load(host, size);
    forget_pages(tc);
    return tcg_load(tc, tc->call_arg[0], size, tc->call_attr);
}

static uint64_t c_store(void *env)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const unsigned size = 1u << (tc->call_attr & IR_MEM_SIZE);
    void *host = refill(tc, TCG_WRITE);
    if (host) {
        ram_store(host, &tc->call_arg[1], size);
        return 0;
    }
    forget_pages(tc);
    tcg_store(tc, tc->call_arg[0], size, tc->call_arg[1] & mask_bits(8 * size), tc->call_attr);
    return 0;
}

static uint64_t c_load_vec(void *env)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    forget_pages(tc);
    memset(tc->scratch, 0, 32);
    tcg_load_bytes(tc, tc->call_arg[0], tc->scratch, 1u << (tc->call_attr & IR_MEM_SIZE),
                   tc->call_attr);
    return 0;
}

static uint64_t c_store_vec(void *env)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    forget_pages(tc);
    tcg_store_bytes(tc, tc->call_arg[0], tc->scratch, 1u << (tc->call_attr & IR_MEM_SIZE),
                    tc->call_attr);
    return 0;
}

static uint64_t c_atomic(void *env)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    forget_pages(tc);
    unsigned size = 1u << (tc->call_attr & IR_MEM_SIZE);
    return tcg_atomic(tc, tc->call_arg[0], size, (enum tcg_atomic)(tc->call_attr >> 16),
                      tc->call_arg[1] & mask_bits(8 * size), tc->call_arg[2] & mask_bits(8 * size),
                      tc->call_attr & 0xffff);
}

static uint64_t c_call(void *env)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    forget_pages(tc);
    const struct ir_helper *h = &tc->arch->helpers[tc->call_attr];
    tc->counters.helper_calls++;
    if (h->flags & HELPER_CLOCK && tc->tm->icount)
        icount_show(tc);
    const bool sse = h->flags & HELPER_FP, x87 = h->flags & (HELPER_FP | HELPER_X87);
    if (x87)
        host_x87_leave(tc);
    if (sse) {
        tc->guest_mxcsr = _mm_getcsr();
        _mm_setcsr(tc->host_mxcsr);
        tc->guest_fp = false;
    }
    uint64_t r = h->fn(env, tc->call_arg[0], tc->call_arg[1], tc->call_arg[2], tc->call_arg[3]);
    if (sse) {
        tc->guest_fp = true;
        _mm_setcsr(tc->guest_mxcsr);
    }
    return r;
}

/* A vector operation that the host has no instruction for, or whose rare case it does otherwise;
 * call_arg[0] is made by select_vector_call(). An integer operand is in scratch[0], an integer
 * result returned. */
static uint64_t c_vector(void *env)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    uint64_t what = tc->call_arg[0];
    struct ir_insn i = {.op = (uint8_t)what,
                        .type = (uint8_t)(what >> 8),
                        .aux = (uint8_t)(what >> 16),
                        .imm = what >> 32};
    struct x86_vec256 v[3], r;
    uint32_t mxcsr = _mm_getcsr();
    uint64_t n = 0;
    memcpy(v, tc->scratch, sizeof v);
    if (i.op == IR_VA_TOI || i.op == IR_FL_FCMP) {
        n = interp_vector_to_int(&i, v[0].half[0], v[1].half[0], &mxcsr);
    } else {
        interp_vector_any(&i, what >> 24 & 1, v, tc->scratch[0], &mxcsr, &r);
        memcpy(&tc->scratch[12], &r, sizeof r);
    }
    tc->fp_flags |= mxcsr & SOFTFP_ID;
    _mm_setcsr(mxcsr & ~(uint32_t)SOFTFP_ID);
    return n;
}

static uint64_t c_clock(void *env)
{
    return (uint64_t)clock_now(tcg_cpu_of(env)->vcpu->machine->clocks, VCLOCK_VIRTUAL);
}

static uint64_t c_trap(void *env)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    tc->arch->raise_trap(tc, tc->call_arg[0]);
    return 0;
}

static bool vcpu_init(struct tcg_cpu *tc, struct vemu_error **errp)
{
    static uint64_t (*const entries[C_ENTRIES])(void *env) = {
        [C_LOAD] = c_load,           [C_STORE] = c_store,   [C_LOAD_VEC] = c_load_vec,
        [C_STORE_VEC] = c_store_vec, [C_ATOMIC] = c_atomic, [C_CALL] = c_call,
        [C_TRAP] = c_trap,           [C_X87] = x87_access,  [C_VECTOR] = c_vector,
        [C_CLOCK] = c_clock,
    };
    (void)errp;
    for (unsigned k = 0; k < C_ENTRIES; k++)
        tc->thunk_fn[k] = entries[k];
    memcpy(tc->host_const, arm_fp_constants, sizeof arm_fp_constants);
    return true;
}

static void vcpu_destroy(struct tcg_cpu *tc)
{
    (void)tc;
}

/* ---- compiling
 * ------------------------------------------------------------------------------------------------
 */

static uint8_t *put(uint8_t *to, const void *from, size_t size)
{
    if (size)
        memcpy(to, from, size);
    return to + size;
}

static bool keep_side_table(struct tcg_machine *tm, struct cg *g)
{
    size_t consts = g->const_count * sizeof g->consts[0];
    size_t snapshots = g->snapshot_count * sizeof g->snapshots[0];
    size_t places = g->place_count * sizeof g->places[0];
    size_t x87 = g->x87_count * sizeof g->x87_states[0];
    size_t home = g->second_tier ? sizeof g->home : 0;
    struct side_table *t = NULL;

    if (snapshots && !(t = cache_alloc(tm, sizeof *t + consts + snapshots + places + x87 + home)))
        return false;
    g->block->side = record_ref(&tm->cache.records, t);
    if (!t)
        return true;
    t->const_count = (uint16_t)g->const_count;
    t->snapshot_count = (uint16_t)g->snapshot_count;
    t->place_count = (uint16_t)g->place_count;
    t->x87_count = g->x87_count & 0x7fff;
    t->has_home = home != 0;
    uint8_t *p = put((uint8_t *)t->data, g->consts, consts);
    p = put(p, g->snapshots, snapshots);
    p = put(p, g->places, places);
    p = put(p, g->x87_states, x87);
    put(p, g->home, home);
    return true;
}

static bool index_add(struct code_area *area, uint32_t offset, tcg_ref block)
{
    if (area->index_count == area->index_room) {
        uint32_t room = area->index_room ? 2 * area->index_room : 4096;
        struct code_index *bigger = realloc(area->index, room * sizeof *bigger);
        if (!bigger)
            return false;
        area->index = bigger;
        area->index_room = room;
    }
    area->index[area->index_count++] = (struct code_index){offset, block};
    return true;
}

static void count_block(struct cg *g)
{
    /* add qword [counters], imm32 at the entry; the loads and stores of state are known only at the
     * end */
    struct {
        size_t field;
        uint32_t n;
    } add[3] = {
        {offsetof(struct tcg_cpu, counters.exec_insns), g->r->guest_insns},
        {offsetof(struct tcg_cpu, counters.exec_state_loads), 0},
        {offsetof(struct tcg_cpu, counters.exec_state_stores), 0},
    };
    for (unsigned k = 0; k < 3; k++) {
        emit_rm(&g->e, 0x81 | OPC_W, 0,
                mem_at(ENV, (int32_t)add[k].field - (int32_t)sizeof(struct tcg_cpu)));
        emit_u32(&g->e, add[k].n);
    }
}

/* count=on in the second tier, where control may leave at any branch: behind what changes control,
 * the guest instructions up to the next such place are counted. Changes EFLAGS. */
static void count_segment(struct cg *g)
{
    const struct ir_insn *i = &g->r->insns[g->n];
    if (i->op != IR_LABEL && i->op != IR_BRCC && i->op != IR_BRNZ && i->op != IR_EXPECT)
        return;
    uint32_t insns = budget_segment_insns(g, g->n + 1);
    static const size_t fields[] = {offsetof(struct tcg_cpu, counters.exec_insns),
                                    offsetof(struct tcg_cpu, counters.exec_tier2)};
    for (unsigned k = 0; insns && k < ARRAY_SIZE(fields); k++) {
        emit_rm(&g->e, 0x81 | OPC_W, 0,
                mem_at(ENV, (int32_t)fields[k] - (int32_t)sizeof(struct tcg_cpu)));
        emit_u32(&g->e, insns);
    }
    fl_clobber(g);
}

/* Code is seldom written again: with every step that is filled, the pages before it leave the
 * writable view, so that they are resident once. Linking brings back those it needs. */
static void forget_written(struct x86_backend *be, const struct code_area *area, uint64_t to)
{
    uint64_t from = align_down(area->start, MEM_PAGE_SIZE), end = align_down(to, WRITE_STEP);
    if (area->used / WRITE_STEP != to / WRITE_STEP)
        madvise(be->write + from, end - from, MADV_DONTNEED);
}

/* false: the code memory is full. */
static bool emit_insns(struct cg *g)
{
    const struct ir_region *r = g->r;
    const bool count = g->second_tier && g->tm->count, budget = g->second_tier && g->tm->icount;
    g->segment_end = 1;
    for (uint32_t n = 1; n < r->count && !g->failed; n++) {
        const struct ir_insn *i = &r->insns[n];
        if (n == g->segment_end) {
            g->n = n;
            cg_prepare(g, n, labels_segment_end(g, n));
            cg_start(g, false);
        }
        if (i->op == IR_NOP || i->op == IR_CONST)
            continue;
        g->n = n;
        cg_unlock_all(g);
        if (!select_insn(g, i)) {
            cg_fail(g, ir_ops[i->op].name);
            break;
        }
        if (emit_full(&g->e))
            return false;
        if (count)
            count_segment(g);
        if (budget)
            budget_behind(g, i);
    }
    return true;
}

/* Code for the region into the area's free memory; b->code and sizes say where. Nothing is kept
 * yet. */
static enum tcg_compiled emit_code(struct tcg_machine *tm, struct code_area *area,
                                   struct tcg_block *b, struct ir_region *r)
{
    struct x86_backend *be = tm->backend_data;
    struct cg *g = area->cg;
    uint64_t start = align_up(area->used + 5, g->second_tier ? ENTRY_ALIGN_HOT : ENTRY_ALIGN);
    uint8_t *counts = NULL;

    if (start + 2 * CODE_MARGIN > area->end)
        return TCG_CODE_FULL;
    g->be = be;
    g->block = b;
    g->r = r;
    g->failed = NULL;
    g->exits_seen = 0;
    g->stub_count = g->snapshot_count = g->place_count = g->const_count = 0;
    g->last_places = 0;
    g->inline_access = g->second_tier;
    g->fixup_count = g->x87_count = g->reloc_count = 0;
    g->kept_count = 0;
    g->kept_valid = 0;
    g->keeps_relocs = tm->keep_origins;
    g->state_loads = g->state_stores = 0;
    g->unwanted = 0;
    g->poll_site = 0;
    g->pc = b->offset;
    g->e.p = be->write + start - 5;
    g->e.start = be->write + start;
    g->e.end = be->write + area->end - CODE_MARGIN;
    emit_call_to(&g->e, thunk_written(be, THUNK_DEAD));
    if (tm->count && !g->second_tier) {
        counts = g->e.p;
        count_block(g);
    }
    for (unsigned n = 0; n < b->guard_count; n++) {
        uint32_t id = block_guard(b, n)->id;
        emit_rm(
            &g->e, 0x81, 7,
            mem_at(CTX, (int32_t)(offsetof(struct tcg_ctx, links) + 4 * (id % LINK_TABLE_SIZE))));
        emit_u32(&g->e, id);
        cg_reloc(g, g->e.p - 8, RELOC_LINK, RELOC_GUARD + n);
        emit_patch(emit_jcc(&g->e, CC_NE), g->e.start - 5);
    }
    if (g->second_tier) {
        cg_choose_homes(g);
        labels_plan(g);
        keep_plan(g);
    }
    budget_enter(g);
    if (g->second_tier)
        labels_prologue(g);
    if (!emit_insns(g))
        return TCG_CODE_FULL;
    for (uint32_t k = 0; k < g->stub_count && !g->failed; k++) {
        if (emit_full(&g->e))
            return TCG_CODE_FULL;
        select_stub(g, &g->stubs[k]);
    }
    if (!g->failed)
        labels_patch(g);
    if (g->failed)
        return TCG_TOO_BIG;
    if (counts) {
        memcpy(counts + 11 + 7, &g->state_loads, 4);
        memcpy(counts + 22 + 7, &g->state_stores, 4);
    }
    b->code = be->exec + start;
    b->code_size = (uint32_t)(g->e.p - g->e.start);
    return TCG_COMPILED;
}

bool code_keep(struct tcg_machine *tm, struct code_area *area, struct tcg_block *b)
{
    struct x86_backend *be = tm->backend_data;
    uint64_t start = (uint64_t)((uint8_t *)b->code - be->exec);
    if (!index_add(area, (uint32_t)start, record_ref(&tm->cache.records, b)))
        return false;
    forget_written(be, area, start + b->code_size);
    area->used = start + b->code_size;
    return true;
}

/* Keep what was emitted last, as the code of b. */
static bool keep_emitted(struct tcg_machine *tm, struct code_area *area, struct tcg_block *b)
{
    area->cg->block = b;
    return keep_side_table(tm, area->cg) && cg_keep_relocs(tm, area->cg, b) &&
           code_keep(tm, area, b);
}

static enum tcg_compiled compile(struct tcg_machine *tm, struct tcg_block *b, struct ir_region *r)
{
    struct x86_backend *be = tm->backend_data;
    enum tcg_compiled done = emit_code(tm, &be->area[0], b, r);
    if (done == TCG_TOO_BIG)
        tm->compile_limit = be->area[0].cg->failed;
    if (done == TCG_COMPILED && !keep_emitted(tm, &be->area[0], b))
        return TCG_CODE_FULL;
    return done;
}

static enum tcg_compiled compile_region(struct tcg_machine *tm, struct tcg_block *b,
                                        struct ir_region *r)
{
    struct x86_backend *be = tm->backend_data;
    struct code_area *area = &be->area[1];
    if (!area->cg) {
        area->cg = malloc(sizeof *area->cg);
        if (!area->cg)
            return TCG_CODE_FULL;
        cg_init(area->cg, tm);
        area->cg->second_tier = true;
    }
    return emit_code(tm, area, b, r);
}

static bool keep_region(struct tcg_machine *tm, struct tcg_block *b)
{
    struct x86_backend *be = tm->backend_data;
    return keep_emitted(tm, &be->area[1], b);
}

/* ---- linking
 * --------------------------------------------------------------------------------------------------
 */

static uint8_t *writable(struct x86_backend *be, const struct tcg_block *b)
{
    return (uint8_t *)b->code - be->exec + be->write;
}

static void link_exit(struct tcg_machine *tm, struct tcg_block *from, unsigned number,
                      struct tcg_block *to)
{
    struct x86_backend *be = tm->backend_data;
    struct tcg_exit_site *x = block_exit(from, number);
    if (!x->patch)
        return;
    uint8_t *disp = writable(be, from) + x->patch;
    const uint8_t *target = to ? writable(be, to) : writable(be, from) + exit_unlinked(x);
    __atomic_store_n((int32_t *)(void *)disp, (int32_t)(target - (disp + 4)), __ATOMIC_RELEASE);
}

static void kill_block(struct tcg_machine *tm, struct tcg_block *b)
{
    struct x86_backend *be = tm->backend_data;
    /* EB F9: jmp to entry - 5, the call to DEAD */
    __atomic_store_n((uint16_t *)(void *)writable(be, b), 0xf9eb, __ATOMIC_RELEASE);
}

static void flush(struct tcg_machine *tm)
{
    struct x86_backend *be = tm->backend_data;
    for (unsigned k = 0; k < ARRAY_SIZE(be->area); k++) {
        be->area[k].used = be->area[k].start;
        be->area[k].index_count = 0;
    }
    routine_flush(be);
}

static bool runs(const struct tcg_cpu *tc, const struct tcg_block *b)
{
    return tc->ret_addr - (uint64_t)(uintptr_t)b->code <= b->code_size;
}

static void *jump_target(struct tcg_block *b)
{
    return b->code;
}

/* ---- running
 * --------------------------------------------------------------------------------------------------
 */

static struct tcg_block *block_at(struct tcg_machine *tm, uint64_t address)
{
    struct x86_backend *be = tm->backend_data;
    uint32_t offset = (uint32_t)(address - (uint64_t)(uintptr_t)be->exec), lo = 0;
    const struct code_area *area = &be->area[offset >= be->area[1].start];
    uint32_t hi = area->index_count;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (area->index[mid].offset <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? cache_block_at(&tm->cache, area->index[lo - 1].block) : NULL;
}

/* The block with the return address; mostly that which was entered, for what is new leaves at its
 * first exit. */
static struct tcg_block *left_block(struct tcg_machine *tm, struct tcg_block *entered,
                                    uint64_t address)
{
    if (address - (uint64_t)(uintptr_t)entered->code <= entered->code_size)
        return entered;
    pthread_mutex_lock(&tm->code_lock);
    struct tcg_block *b = block_at(tm, address);
    pthread_mutex_unlock(&tm->code_lock);
    return b;
}

static size_t slot_bytes(const struct ir_slot *s)
{
    return s->type == IR_V128 ? 16 : s->type == IR_I64 ? 8 : 4;
}

static uint64_t place_value(struct tcg_cpu *tc, const struct side_table *t, const struct place *p,
                            uint64_t out[2])
{
    const uint8_t *env = tcg_env(tc);
    out[1] = 0;
    switch (p->kind) {
    case PLACE_GPR:
        out[0] = tc->host_gpr[p->index];
        break;
    case PLACE_XMM:
        memcpy(out, tc->host_vec[p->index & 15], 16);
        break;
    case PLACE_XMM_HI:
        memcpy(out, &tc->host_vec[p->index][2], 16);
        break;
    case PLACE_SPILL_HI:
        memcpy(out, &tc->spills[p->index][2], 16);
        break;
    case PLACE_SPILL:
        memcpy(out, tc->spills[p->index], 16);
        break;
    case PLACE_CONST:
        out[0] = side_consts(t)[p->index];
        break;
    default: {
        const struct ir_slot *s = &tc->arch->slots[p->index];
        memcpy(out, env + s->offset, slot_bytes(s));
        break;
    }
    }
    return out[0];
}

/* Flags that were not computed, from the operands in the next three places. */
static uint32_t recipe_value(struct tcg_cpu *tc, const struct side_table *t, const struct place *p)
{
    enum ir_op op = (enum ir_op)(p->index & 0xff);
    enum ir_width width = (enum ir_width)(p->index >> 8 & 7);
    uint64_t v[3], scratch[2];
    uint32_t marked = tc->label_flags[p->index >> PLACE_MARK_SHIFT];
    if (p->index >> PLACE_MARK_SHIFT && marked)
        return marked & IR_FL_MASK;
    for (unsigned k = 0; k < 3; k++)
        v[k] = place_value(tc, t, &p[1 + k], scratch);
    const bool complement = op == IR_FL_CMC; /* of an addition */
    if (complement)
        op = IR_FL_ADD;
    if (p->index & PLACE_FROM_RESULT)
        v[0] = op == IR_FL_ADD   ? v[0] - v[1]
               : op == IR_FL_SUB ? v[0] + v[1]
               : op == IR_FL_INC ? v[0] - 1
                                 : v[0] + 1;
    return (ir_eval_flags(op, width, v[0], v[1], (uint32_t)v[2], 0) ^ (complement ? IR_FL_CF : 0)) &
           IR_FL_MASK;
}

/* Where the thunk saved the home of a vector slot: the upper half of a register when the lower half
 * is another slot's. */
static const uint64_t *home_vec(const struct tcg_cpu *tc, const int8_t *homes, unsigned n)
{
    const struct ir_slot *slots = tc->arch->slots;
    for (unsigned low = 0; homes && low < tc->arch->slot_count; low++)
        if (slots[low].upper == n && homes[low] == homes[n])
            return &tc->host_vec[homes[n]][2];
    return tc->host_vec[homes ? homes[n] : target_home(tc->arch, n)];
}

/* The state at an access that left the block: homes as saved, then what the snapshot lists. */
static void restore_state(struct tcg_cpu *tc, struct tcg_block *b)
{
    const struct tcg_arch *arch = tc->arch;
    const struct side_table *t = record_at(&tc->tm->cache.records, b->side);
    uint8_t *env = tcg_env(tc);
    uint32_t ret = (uint32_t)(tc->ret_addr - (uint64_t)(uintptr_t)b->code), lo = 0,
             hi = t ? t->snapshot_count : 0;
    const struct snapshot *snapshots = t ? side_snapshots(t) : NULL;
    uint64_t values[IR_MAX_SLOTS + 3][2]; /* every slot once, and the operands of a recipe */

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (snapshots[mid].ret < ret)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!t || lo == t->snapshot_count || snapshots[lo].ret != ret) {
        tcg_internal_error(tc, "no snapshot for an exit from translated code");
        return;
    }
    const struct snapshot *s = &snapshots[lo];
    const struct place *p = side_places(t) + s->first;
    const int8_t *homes = side_home(t);
    for (unsigned k = 0; k < s->count; k++) {
        if (p[k].kind == PLACE_FLAGS)
            values[k][0] = recipe_value(tc, t, &p[k]);
        else
            place_value(tc, t, &p[k], values[k]);
    }
    bool listed[IR_MAX_SLOTS] = {false};
    for (unsigned k = 0; k < s->count; k++)
        if (p[k].slot != PLACE_OPERAND)
            listed[p[k].slot] = true;
    for (unsigned n = 0; n < arch->slot_count; n++) {
        const struct ir_slot *slot = &arch->slots[n];
        int home = !slot->name ? NO_REG : homes ? homes[n] : target_home(arch, n);
        if (home != NO_REG && !listed[n])
            memcpy(env + slot->offset,
                   slot->type == IR_V128 ? (void *)home_vec(tc, homes, n) : &tc->host_gpr[home],
                   slot_bytes(slot));
    }
    for (unsigned k = 0; k < s->count; k++) {
        if (p[k].slot == PLACE_OPERAND)
            continue;
        const struct ir_slot *slot = &arch->slots[p[k].slot];
        memcpy(env + slot->offset, values[k], slot_bytes(slot));
    }
    if (tc->tm->icount)
        tc->budget += s->rest;
    if (s->x87)
        x87_restore(tc, &side_x87(t)[s->x87 - 1]);
    arch->set_pc(tc, tc->pcb + (uint64_t)(int64_t)s->pc);
}

static struct tcg_exit run(struct tcg_cpu *tc, struct tcg_block *b)
{
    struct tcg_machine *tm = tc->tm;
    struct x86_backend *be = tm->backend_data;
    void (*enter)(void *env, const void *code);
    struct tcg_exit out;

    memcpy(&enter, &be->thunk[THUNK_ENTER], sizeof enter);
    tc->guest_fp = true;
    forget_pages(tc);
    enter(tcg_env(tc), b->code);
    host_x87_leave(tc);
    tc->guest_fp = false;
    out.kind = (enum tcg_exit_kind)tc->leave_kind;
    out.number = 0;
    out.block = NULL;
    if (tc->ret_addr && out.kind != TCG_EXIT_EVENTS)
        out.block = left_block(tm, b, tc->ret_addr);
    switch (out.kind) {
    case TCG_EXIT_STATUS:
        restore_state(tc, out.block);
        break;
    case TCG_EXIT_LINK: {
        uint32_t ret = (uint32_t)(tc->ret_addr - (uint64_t)(uintptr_t)out.block->code);
        while (out.number < out.block->exit_count && block_exit(out.block, out.number)->ret != ret)
            out.number++;
        tc->arch->set_pc(tc, tc->pcb + (uint64_t)block_exit(out.block, out.number)->target);
        if (out.block->mode & TCG_MODE_SINGLE)
            out.kind = TCG_EXIT_EVENTS;
        break;
    }
    case TCG_EXIT_DYN:
        if (tc->ret_addr) /* a dead block, or one whose second page must be checked */
            tc->arch->set_pc(tc, tc->pcb + out.block->offset);
        else if (b->mode & TCG_MODE_SINGLE)
            out.kind = TCG_EXIT_EVENTS;
        break;
    default:
        break;
    }
    return out;
}

static void disassemble(struct tcg_machine *tm, struct tcg_block *b)
{
    if (!tm->disas)
        tm->disas = disas_open();
    log_write(&tm->m->log, LOG_OUT_ASM, "OUT: %u bytes for %u of guest code", b->code_size, b->len);
    disas_code(tm->disas, &tm->m->log, LOG_OUT_ASM, ARCH_X86, 64, (uint64_t)(uintptr_t)b->code,
               b->code, b->code_size, NULL);
}

const struct tcg_backend tcg_backend_x86_64 = {
    .name = "x86_64",
    .supported = supported,
    .init = init,
    .destroy = destroy,
    .vcpu_init = vcpu_init,
    .vcpu_destroy = vcpu_destroy,
    .compile = compile,
    .compile_region = compile_region,
    .keep_region = keep_region,
    .run = run,
    .link = link_exit,
    .kill = kill_block,
    .flush = flush,
    .runs = runs,
    .jump_target = jump_target,
    .disassemble = disassemble,
    .describe = cg_describe,
    .save = cg_save,
    .load = cg_load,
};
