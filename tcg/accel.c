/* The translator as an accelerator: machine and vCPU life, options, hooks into core, counters as
 * text. */
#include "config.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "core/util/size.h"
#include "tcg/disas.h"
#include "tcg/exec.h"
#include "tcg/icount.h"
#include "tcg/inject.h"
#include "tcg/mmu/tables.h"
#include "tcg/mmu/tlb.h"
#include "tcg/perfmap.h"
#include "tcg/saved/saved.h"
#include "tcg/tcg.h"
#include "tcg/tier2/tier2.h"

enum { REGION_MAX_INSNS = 64 };
static const uint64_t default_cache_size = UINT64_C(256) << 20;

static const struct tcg_backend *best_backend(void)
{
#ifdef __x86_64__
    if (tcg_backend_x86_64.supported())
        return &tcg_backend_x86_64;
#endif
    return &tcg_backend_interp;
}

/* ---- hooks
 * ---------------------------------------------------------------------------------------- */

void tcg_request(struct tcg_machine *tm, uint32_t request)
{
    for (unsigned n = 0; n < tm->m->vcpu_count; n++) {
        struct tcg_cpu *tc = tm->m->vcpus[n] ? tm->m->vcpus[n]->accel_data : NULL;
        if (!tc)
            continue;
        atomic_fetch_or(&tc->requests, request);
        __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
    }
}

/* The flat view changed; machine lock held. */
static void memory_changed(void *opaque, struct mem_space *space)
{
    (void)space;
    tcg_request(opaque, TCG_REQUEST_FLUSH);
}

/* A device or the debugger wrote RAM. */
static void ram_written(void *opaque, struct ram_block *ram, uint64_t offset, uint64_t len)
{
    struct tcg_machine *tm = opaque;
    /* Not "is a block there": one may be in the making from the bytes that were there before. What
     * turns into code after this look is read after the write. */
    if (!cache_has_code(ram, offset, len))
        return;
    pthread_mutex_lock(&tm->code_lock);
    cache_invalidate(tm, ram, offset, len);
    tables_written_range(tm, ram, offset, len);
    pthread_mutex_unlock(&tm->code_lock);
}

static void ram_freed(void *opaque, struct ram_block *ram)
{
    huge_ram_freed(opaque, ram);
    tcg_dirty_ram_freed(opaque, ram);
    cache_ram_freed(opaque, ram);
}

/* ---- machine
 * ---------------------------------------------------------------------------------------- */

/* ---- counters ---- */

static void add_counters(struct tcg_counters *to, const struct tcg_counters *from)
{
    uint64_t *t = (uint64_t *)to;
    const uint64_t *f = (const uint64_t *)from;
    uint64_t poll_distance = MAX(to->poll_distance, from->poll_distance);
    for (size_t k = 0; k < sizeof *to / sizeof *t; k++)
        t[k] += f[k];
    to->poll_distance = poll_distance;
}

static size_t info_text(struct vemu_machine *m, char *buf, size_t len)
{
    struct tcg_machine *tm = m->accel_state;
    const struct tcg_counters *t = &tm->counters;
    struct tcg_counters s = tm->ended;
    for (unsigned n = 0; n < m->vcpu_count; n++)
        if (m->vcpus[n] && m->vcpus[n]->accel_data)
            add_counters(&s, &tcg_cpu_of_vcpu(m->vcpus[n])->counters);
    double insns = t->guest_insns ? (double)t->guest_insns : 1,
           bytes = t->guest_bytes ? (double)t->guest_bytes : 1;
    size_t used = (size_t)snprintf(
        buf, len,
        "back end                 %s\n"
        "blocks translated        %" PRIu64 " (live %" PRIu64 ")\n"
        "guest instructions       %" PRIu64 " translated, %" PRIu64 " bytes\n"
        "translation              %.0f ns per guest instruction, %.1f ms in all\n"
        "code expansion           %.1fx (%.1f MB of host code)\n"
        "IR                       %.1f per guest instruction\n"
        "links                    %" PRIu64 " made, %" PRIu64 " broken\n"
        "invalidated blocks       %" PRIu64 "\n"
        "cache flushes            %" PRIu64 "\n"
        "exits to the run loop    %" PRIu64 "\n"
        "lookups                  %" PRIu64 " (%" PRIu64 " jump cache fills)\n"
        "re-executed alone        %" PRIu64 "\n"
        "exceptions               %" PRIu64 "\n"
        "interrupts               %" PRIu64 "\n"
        "TLB                      %" PRIu64 " slow accesses, %" PRIu64 " walks, %" PRIu64
        " flushes\n"
        "huge pages               %" PRIu64 " made, %" PRIu64 " times too little in use, %" PRIu64
        " times none to be had\n"
        "address-space switches   %" PRIu64 " (%" PRIu64 " without a cached context)\n"
        "device accesses          %" PRIu64 "\n"
        "helper calls             %" PRIu64 "\n"
        "executed (count=on)      %" PRIu64
        " instructions, %.3f state loads and %.3f state stores each; %.1f%% in the second tier\n"
        "poll distance (count=on) %" PRIu64 " instructions at most (interpreter)\n",
        tm->backend->name, t->blocks, tm->cache.block_count, t->guest_insns, t->guest_bytes,
        (double)t->translate_ns / insns, (double)t->translate_ns / 1e6,
        (double)t->host_bytes / bytes, (double)t->host_bytes / 1e6, (double)t->ir_insns / insns,
        t->links, t->link_breaks, t->invalidations, t->cache_flushes, s.exits, s.lookups,
        s.jump_cache_fills, s.reexecutions, s.exceptions, s.interrupts, s.tlb_slow + s.tlb_refills,
        s.tlb_fills, s.tlb_flushes, tm->huge.made, tm->huge.sparse, tm->huge.failed, s.ctx_switches,
        s.ctx_recycled, s.io_accesses, s.helper_calls, s.exec_insns,
        (double)s.exec_state_loads / (s.exec_insns ? (double)s.exec_insns : 1),
        (double)s.exec_state_stores / (s.exec_insns ? (double)s.exec_insns : 1),
        100.0 * (double)s.exec_tier2 / (s.exec_insns ? (double)s.exec_insns : 1), s.poll_distance);
    static size_t (*const more[])(const struct tcg_machine *, char *,
                                  size_t) = {tier2_info, saved_info, inject_info};
    for (unsigned n = 0; n < ARRAY_SIZE(more); n++) {
        const size_t room = used < len ? len - used : 0; /* 0: it is only measured */
        used += more[n](tm, room ? buf + used : NULL, room);
    }
    return used;
}

/* count=on: the counters go to the log when the machine ends. */
static void log_counters(struct vemu_machine *m)
{
    char text[4096];
    info_text(m, text, sizeof text);
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        if (!end)
            break;
        *end = 0;
        log_write(&m->log, LOG_WARN, "%s", line);
    }
}

static void machine_destroy_tcg(struct vemu_machine *m)
{
    struct tcg_machine *tm = m->accel_state;
    if (!tm)
        return;
    if (tm->count && tm->counters.blocks)
        log_counters(m);
    tier2_stop(tm);
    saved_stop(tm);
    icount_stop(tm);
    m->rams.block_freed = NULL;
    m->rams.dirty_ops = NULL;
    if (tm->backend_data)
        tm->backend->destroy(tm);
    cache_free(tm);
    disas_close(tm->disas);
    perfmap_close(tm);

    free(tm->saved_dir);
    free(tm->ir_storage);
    free(tm->region);
    pthread_mutex_destroy(&tm->code_lock);
    pthread_mutex_destroy(&tm->huge.lock);
    tcg_dirty_free(tm);
    pthread_mutex_destroy(&tm->exclusive_lock);
    pthread_cond_destroy(&tm->exclusive_cond);
    free(tm);
    m->accel_state = NULL;
}

static bool machine_init_tcg(struct vemu_machine *m, struct vemu_error **errp)
{
    struct tcg_machine *tm = calloc(1, sizeof *tm);
    if (!tm)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the translator");
    tm->m = m;
    tm->backend = best_backend();
    tm->cache_size = default_cache_size;
    tm->max_insns = REGION_MAX_INSNS;
    tm->tier2_mode = TIER2_ASYNC;
    tm->jump_cache = true;
    tm->verify = CONFIG_DEBUG;
    pthread_mutex_init(&tm->code_lock, NULL);
    pthread_mutex_init(&tm->huge.lock, NULL);
    tcg_dirty_init(tm);
    pthread_mutex_init(&tm->exclusive_lock, NULL);
    pthread_cond_init(&tm->exclusive_cond, NULL);
    m->accel_state = tm;
    tm->ir_storage = malloc(IR_MAX_INSNS * sizeof *tm->ir_storage);
    tm->region = malloc(sizeof *tm->region);
    if (!tm->ir_storage || !tm->region) {
        machine_destroy_tcg(m);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the translator");
    }
    mem_space_set_listener(m->memory, memory_changed, tm);
    mem_space_set_ram_written(m->memory, ram_written, tm);
    m->rams.block_freed = ram_freed;
    m->rams.dirty_ops = &tcg_dirty_ops;
    m->rams.stores_unseen = false;
    m->rams.opaque = tm;
    return true;
}

static bool set_bool(bool *out, const char *key, const char *value, struct vemu_error **errp)
{
    if (!strcmp(value, "on") || !strcmp(value, "off")) {
        *out = !strcmp(value, "on");
        return true;
    }
    return error_set(errp, VEMU_ERROR_INVALID, "-accel tcg: %s=%s: expected on or off", key, value);
}

static bool set_mode(unsigned *out, const char *const modes[3], const char *key, const char *value,
                     struct vemu_error **errp)
{
    for (unsigned k = 0; k < 3; k++) {
        if (strcmp(value, modes[k]))
            continue;
        *out = k;
        return true;
    }
    return error_set(errp, VEMU_ERROR_INVALID, "-accel tcg: %s=%s: expected %s, %s or %s", key,
                     value, modes[0], modes[1], modes[2]);
}

bool tcg_set_icount(struct vemu_machine *m, unsigned shift, bool sleep, struct vemu_error **errp)
{
    return icount_start(m->accel_state, shift, sleep, errp);
}

bool tcg_set_option(struct vemu_machine *m, const char *key, const char *value,
                    struct vemu_error **errp)
{
    struct tcg_machine *tm = m->accel_state;
    if (!strcmp(key, "backend")) {
        if (!strcmp(value, "interp")) {
            tm->backend = &tcg_backend_interp;
            return true;
        }
        if (strcmp(value, "jit"))
            return error_set(errp, VEMU_ERROR_INVALID,
                             "-accel tcg: backend=%s: expected jit or interp", value);
        tm->backend = best_backend();
        if (tm->backend == &tcg_backend_interp)
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             "-accel tcg: backend=jit needs an x86-64 host with AVX2 and BMI2; use "
                             "backend=interp");
        return true;
    }
    if (!strcmp(key, "thread")) {
        if (!strcmp(value, "multi"))
            return true;
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-accel tcg: thread=%s: expected multi (every vCPU has its own thread)",
                         value);
    }
    if (!strcmp(key, "tb-size")) { /* MiB, as users of other emulators know it */
        uint64_t mib;
        if (!number_parse(value, &mib) || mib < 1 || mib > 1024)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "-accel tcg: tb-size=%s: expected 1 to 1024 (MiB)", value);
        tm->cache_size = mib << 20;
        return true;
    }
    if (!strcmp(key, "count"))
        return set_bool(&tm->count, key, value, errp);
    if (!strcmp(key, "tier2")) {
        static const char *const modes[] = {"off", "on", "sync"};
        return set_mode(&tm->tier2_mode, modes, key, value, errp);
    }
    if (!strcmp(key, "jit-cache")) {
        static const char *const modes[] = {"off", "ro", "rw"};
        return set_mode(&tm->saved_mode, modes, key, value, errp);
    }
    if (!strcmp(key, "jit-cache-dir")) {
        free(tm->saved_dir);
        tm->saved_dir = strdup(value);
        return tm->saved_dir || error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    }
    if (!strcmp(key, "tier2-threshold")) {
        uint64_t n;
        if (!number_parse(value, &n) || n < 1 || n > 255)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "-accel tcg: tier2-threshold=%s: expected 1 to 255", value);
        tm->tier2_threshold = (unsigned)n;
        return true;
    }
    if (!strcmp(key, "icount-hash"))
        return icount_hash_open(tm, value, errp);
    if (!strcmp(key, "icount-hash-lines")) {
        uint64_t n;
        if (!number_parse(value, &n) || !n)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "-accel tcg: icount-hash-lines=%s: expected a number of samples, 1 or "
                             "more",
                             value);
        icount_hash_lines(tm, n);
        return true;
    }
    if (!strcmp(key, "inject")) {
        if (!number_parse(value, &tm->inject_seed))
            return error_set(errp, VEMU_ERROR_INVALID,
                             "-accel tcg: inject=%s: expected a number, the seed", value);
        tm->inject = true;
        tm->inject_state = tm->inject_seed;
        return true;
    }
    if (!strcmp(key, "one-insn"))
        return set_bool(&tm->one_insn, key, value, errp);
    if (!strcmp(key, "baseline"))
        return set_bool(&tm->baseline, key, value, errp);
    if (!strcmp(key, "verify"))
        return set_bool(&tm->verify, key, value, errp);
    if (!strcmp(key, "perfmap")) {
        bool on;
        if (!set_bool(&on, key, value, errp))
            return false;
        if (on && tm->backend == &tcg_backend_interp)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "perfmap=on names host code, and backend=interp makes none: use "
                             "backend=jit");
        if (on)
            return perfmap_open(tm, errp);
        perfmap_close(tm);
        return true;
    }
    return error_set(errp, VEMU_ERROR_INVALID,
                     "-accel tcg: unknown option \"%s\"; known are backend, thread, tb-size, "
                     "tier2, tier2-threshold, jit-cache, jit-cache-dir, count, icount-hash, "
                     "icount-hash-lines, inject, one-insn, "
                     "baseline, verify, perfmap",
                     key);
}

/* ---- vCPUs
 * -------------------------------------------------------------------------------------------- */

static size_t cpu_bytes(const struct tcg_machine *tm)
{
    return (sizeof(struct tcg_cpu) + tm->arch->regs_size + 4095) & ~(size_t)4095;
}

static void vcpu_destroy_tcg(struct vcpu *cpu)
{
    struct tcg_cpu *tc = cpu->accel_data;
    if (!tc)
        return;
    struct tcg_machine *tm = tc->tm;
    tier2_remove_vcpu(tc);
    add_counters(&tm->ended, &tc->counters);
    if (tm->arch->destroy)
        tm->arch->destroy(tc);
    if (tm->backend_data)
        tm->backend->vcpu_destroy(tc);
    tlb_free(tc);
    munmap(tc, cpu_bytes(tm));
    cpu->accel_data = NULL;
    cpu->regs = NULL;
}

/* A machine's vCPUs are of one architecture, which the first decides. */
static bool choose_arch(struct tcg_machine *tm, const struct vcpu *cpu, struct vemu_error **errp)
{
    const struct tcg_arch *arch = cpu->arch == ARCH_ARM ? &tcg_arch_arm : &tcg_arch_x86;
    if (tm->arch && tm->arch->cpu != cpu->arch)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "vCPU %u: a machine's vCPUs are of one architecture, and the first is %s",
                         cpu->index, tm->arch->name);
    if (!tm->arch)
        tm->arch = arch;
    return true;
}

static bool vcpu_init_tcg(struct vcpu *cpu, struct vemu_error **errp)
{
    struct tcg_machine *tm = tcg_machine_of(cpu->machine);
    if (!choose_arch(tm, cpu, errp))
        return false;
    if (tm->saved_mode != SAVED_OFF && !tm->saved_dir)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-accel tcg: jit-cache needs a directory: jit-cache-dir=DIR");
    /* The back end starts with the first vCPU: options are set by then. */
    if (!tm->cache.records.base && !cache_init(tm, errp))
        return false;
    if (!tm->backend_data && !tm->backend->init(tm, errp))
        return false;
    struct tcg_cpu *tc =
        mmap(NULL, cpu_bytes(tm), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (tc == MAP_FAILED)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for vCPU %u", cpu->index);
    tc->vcpu = cpu;
    tc->tm = tm;
    tc->arch = tm->arch;
    tc->memory = cpu->machine->memory;
    tc->host_mxcsr = 0x1f80;
    tc->clock = clock_virtual_reading(cpu->machine->clocks);
    inject_vcpu_init(tc);
    cpu->accel_data = tc;
    cpu->regs = tcg_env(tc);
    if ((tm->icount && !icount_vcpu_init(tc, errp)) || !tm->backend->vcpu_init(tc, errp) ||
        !tlb_init(tc, errp) || !tm->arch->init(tc, errp)) {
        vcpu_destroy_tcg(cpu);
        return false;
    }
    tm->parallel = cpu->index > 0;
    if (!cpu->index)
        saved_start(tm, tc);
    bool tier2 = tm->tier2_mode != TIER2_OFF && tm->backend->compile_region && !tm->one_insn;
    if (tier2 && ((!tm->tier2 && !tier2_start(tm, errp)) || !tier2_add_vcpu(tc, errp))) {
        vcpu_destroy_tcg(cpu);
        return false;
    }
    return true;
}

static void sync_watches(struct tcg_cpu *tc)
{
    struct vcpu *cpu = tc->vcpu;
    struct tcg_mmu *mmu = tc->mmu;
    unsigned kept = 0;
    for (unsigned n = 0; n < mmu->watch_count; n++)
        if (mmu->watches[n].guest_dr)
            mmu->watches[kept++] = mmu->watches[n];
    for (unsigned n = 0;
         n < cpu->breakpoint_count && kept < sizeof mmu->watches / sizeof *mmu->watches; n++) {
        const struct cpu_breakpoint *bp = &cpu->breakpoints[n];
        if (bp->kind == CPU_BP_EXEC)
            continue;
        mmu->watches[kept++] = (struct tcg_watch){.addr = bp->addr,
                                                  .len = bp->len,
                                                  .on_read = bp->kind != CPU_BP_WRITE,
                                                  .on_write = bp->kind != CPU_BP_READ};
    }
    mmu->watch_count = kept;
    tlb_flush_all(tc);
}

static void vcpu_put_state(struct vcpu *cpu)
{
    struct tcg_cpu *tc = cpu->accel_data;
    if (tc->tm->icount)
        icount_reset(tc);
    tlb_flush_all(tc);
    tc->arch->reset(tc);
    __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
}

static void vcpu_get_state(struct vcpu *cpu)
{
    struct tcg_cpu *tc = cpu->accel_data;
    tc->arch->sync(tc);
}

static void vcpu_kick_tcg(struct vcpu *cpu)
{
    struct tcg_cpu *tc = cpu->accel_data;
    if (!tc)
        return;
    __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
    if (tc->tm->icount)
        icount_kick(tc->tm);
}

static void vcpu_debug_changed(struct vcpu *cpu)
{
    struct tcg_cpu *tc = cpu->accel_data;
    sync_watches(tc);
    tcg_mode_changed(tc);
}

static bool vcpu_debug_translate(struct vcpu *cpu, uint64_t vaddr, uint64_t *paddr)
{
    struct tcg_cpu *tc = cpu->accel_data;
    struct tcg_walk w;
    if (!tc->arch->walk(tc, vaddr, TCG_READ, 0, true, &w))
        return false;
    *paddr = w.paddr | (vaddr & (MEM_PAGE_SIZE - 1));
    return true;
}

static void features_tcg(struct vemu_machine *m, uint32_t *words)
{
    (void)m;
    tcg_arch_x86.features(words);
}

static const struct accel tcg_accel_table = {
    .name = "tcg",
    .machine_init = machine_init_tcg,
    .machine_destroy = machine_destroy_tcg,
    .x86_features = features_tcg,
    .vcpu_init = vcpu_init_tcg,
    .vcpu_destroy = vcpu_destroy_tcg,
    .vcpu_reset = vcpu_put_state,
    .vcpu_run = tcg_vcpu_run,
    .vcpu_kick = vcpu_kick_tcg,
    .get_state = vcpu_get_state,
    .put_state = vcpu_put_state,
    .debug_changed = vcpu_debug_changed,
    .debug_translate = vcpu_debug_translate,
    .info_text = info_text,
};

const struct accel *tcg_accel(void)
{
    return &tcg_accel_table;
}
