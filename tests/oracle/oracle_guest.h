/*
 * Runs a sequence in a vCPU: a machine with RAM, flat page tables and one vCPU in 64-bit user mode,
 * a back end of the translator. Exceptions are not delivered: the run ends with them.
 */
#ifndef TESTS_ORACLE_GUEST_H
#define TESTS_ORACLE_GUEST_H

#include <stdio.h>
#include <stdlib.h>

#include "tcg/exec.h"
#include "tests/oracle/oracle_state.h"
#include "tests/x86_machine.h"

enum {
    GUEST_RAM = 4 << 20,
    GUEST_PML4 = 0x1000,
    GUEST_PDPT = 0x2000,
    GUEST_PD = 0x3000, /* two */
    GUEST_PT = 0x5000, /* likewise */
    GUEST_PAGES = 0x100000,
    PTE_P = 1,
    PTE_W = 2,
    PTE_U = 4,
    PTE_AD = 0x60
};

struct guest {
    const char *backend;
    struct x86_machine x;
    struct tcg_arch arch; /* x86, but exceptions end the run */
    uint64_t code_phys;
};

static bool guest_exception(struct tcg_cpu *tc)
{
    /* Delivery would tell #SS from #GP only now. */
    if (tc->exc_vector == X86_GP && tc->exc_addr && x86_is_stack_access(tc, tc->exc_addr))
        tc->exc_vector = X86_SS_FAULT;
    return false;
}

/* Physical pages in falling order, so that what crosses a page does not find its rest behind it. */
static uint64_t guest_phys(uint64_t vaddr)
{
    unsigned page = (unsigned)(vaddr >> 12 & 0xff) + (vaddr >= CODE_AT ? 0x100 : 0);
    return GUEST_PAGES + (0x1ff - page) * (uint64_t)PAGE;
}

static void guest_map(struct guest *g, uint64_t at, unsigned pages, unsigned bits)
{
    for (unsigned k = 0; k < pages; k++) {
        uint64_t v = at + (uint64_t)k * PAGE;
        unsigned which = v >= CODE_AT ? 1 : 0;
        store_le64(g->x.ram->host + GUEST_PT + which * PAGE + 8 * (v >> 12 & 511),
                   guest_phys(v) | bits | PTE_P | PTE_U | PTE_AD);
    }
}

static void guest_tables(struct guest *g)
{
    unsigned all = PTE_P | PTE_W | PTE_U | 0x20;
    uint8_t *ram = g->x.ram->host;
    store_le64(ram + GUEST_PML4, GUEST_PDPT | all);
    store_le64(ram + GUEST_PDPT, GUEST_PD | all);
    store_le64(ram + GUEST_PDPT + 8, (GUEST_PD + PAGE) | all);
    store_le64(ram + GUEST_PD + 8 * (DATA_AT >> 21 & 511), GUEST_PT | all);
    store_le64(ram + GUEST_PD + PAGE + 8 * (CODE_AT >> 21 & 511), (GUEST_PT + PAGE) | all);
    guest_map(g, DATA_AT, DATA_RO, PTE_W);
    guest_map(g, DATA_AT + DATA_RO * PAGE, 1, 0);
    guest_map(g, CTRL_AT, CTRL_PAGES, PTE_W);
    guest_map(g, STACK_AT, STACK_PAGES, PTE_W);
    guest_map(g, CODE_AT, CODE_PAGES, 0);
    for (unsigned k = 0; k < CODE_PAGES; k++)
        memset(ram + guest_phys(CODE_AT + k * PAGE), 0xf4, PAGE);
}

static void guest_fail(struct vemu_error *err)
{
    printf("Bail out! %s\n", err ? vemu_error_message(err) : "no machine");
    exit(1);
}

/* backend: interp, jit (the first tier), tier2 (regions of the second at once) or baseline (the
 * first tier without host instructions that not every host has). The last two have another vCPU,
 * which never runs: what is locked is atomic. inject: NULL, or the seed of injected
 * invalidations. cache: NULL, or how it uses the saved translations in cache_dir */
static void guest_init(struct guest *g, const char *backend, const char *inject, const char *cache,
                       const char *cache_dir)
{
    bool interp = !strcmp(backend, "interp"), tier2 = !strcmp(backend, "tier2");
    bool baseline = !strcmp(backend, "baseline");
    const char *options[20] = {
        "backend",         interp ? "interp" : "jit",
        "baseline",        baseline ? "on" : "off",
        "tier2",           tier2 ? "sync" : "off",
        "tier2-threshold", "2",
        "tb-size",         "16",
        "verify",          "on",
    };
    unsigned n = 12;
    if (inject) {
        options[n++] = "inject";
        options[n++] = inject;
    }
    if (cache) {
        options[n++] = "jit-cache";
        options[n++] = cache;
        options[n++] = "jit-cache-dir";
        options[n++] = cache_dir;
    }
    const struct x86_machine_config config = {.ram = GUEST_RAM,
                                              .model = "max",
                                              .vcpus = tier2 || baseline ? 2 : 1,
                                              .options = options,
                                              .arch = &g->arch};
    struct vemu_error *err = NULL;
    memset(g, 0, sizeof *g);
    g->backend = backend;
    g->arch = tcg_arch_x86;
    g->arch.deliver_exception = guest_exception;
    if (!x86_machine_create(&g->x, &config, &err))
        guest_fail(err);
    g->x.cpu->wait_for_sipi = false;
    atomic_store(&g->x.cpu->stop_request, false); /* this thread acts as the vCPU */
    guest_tables(g);
}

static void guest_load_code(struct guest *g, const uint8_t *code, uint64_t at, unsigned len)
{
    machine_lock(&g->x.m);
    for (unsigned done = 0; done < len;) {
        unsigned n = PAGE - (unsigned)((at + done) & (PAGE - 1));
        n = n < len - done ? n : len - done;
        dma_write(g->x.m.memory, NULL, guest_phys(at + done) + ((at + done) & (PAGE - 1)),
                  code + done, n);
        /* Pages that are written often stay with the first tier, but these have new code. */
        struct tcg_page *page = cache_page(g->x.ram, guest_phys(at + done));
        if (page)
            page->writes = 0;
        done += n;
    }
    machine_unlock(&g->x.m);
}

static void guest_copy(struct guest *g, uint64_t at, uint8_t *buf, unsigned len, bool in)
{
    for (unsigned k = 0; k < len; k += PAGE) {
        uint8_t *ram = g->x.ram->host + guest_phys(at + k);
        memcpy(in ? ram : buf + k, in ? buf + k : ram, PAGE);
    }
}
static void guest_copy_all(struct guest *g, struct memory *m, bool in)
{
    guest_copy(g, DATA_AT, m->data, sizeof m->data, in);
    guest_copy(g, CTRL_AT, m->ctrl, sizeof m->ctrl, in);
    guest_copy(g, STACK_AT, m->stack, sizeof m->stack, in);
}

static void guest_put(struct guest *g, const struct cpu_state *s)
{
    struct x86_regs *r = g->x.cpu->regs;
    memcpy(r->gpr, s->gpr, sizeof r->gpr);
    r->rip = s->rip;
    r->rflags = s->flags;
    for (unsigned k = 0; k < X86_SEG_COUNT; k++)
        r->seg[k] = (struct x86_segment){0};
    r->seg[X86_CS] = (struct x86_segment){.limit = UINT32_MAX, .selector = 0x33, .attr = 0xa0fb};
    r->seg[X86_SS] = (struct x86_segment){.limit = UINT32_MAX, .selector = 0x2b, .attr = 0xc0f3};
    r->seg[X86_GS].base = s->gs_base;
    r->tr = (struct x86_segment){.attr = 0x8b, .selector = 0x40};
    r->cr0 = X86_CR0_PG | X86_CR0_WP | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP | X86_CR0_PE;
    r->cr3 = GUEST_PML4;
    r->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_FSGSBASE | X86_CR4_OSXSAVE;
    r->xcr0 = 7;
    r->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE;
    r->fcw = s->fcw;
    r->fsw = s->fsw;
    r->ftw = 0;
    for (unsigned k = 0; k < 8; k++)
        memcpy(&r->fpr[k], s->fpr[k], 10);
    r->ftw = s->ftw;
    r->fip = s->fip;
    r->fdp = s->fdp;
    r->fop = s->fop;
    r->mxcsr = s->mxcsr;
    memcpy(r->vec, s->ymm, sizeof s->ymm);
    tcg_cpu_of_vcpu(g->x.cpu)->arch->reset(tcg_cpu_of_vcpu(g->x.cpu));
}

static void guest_get(struct guest *g, struct cpu_state *s)
{
    const struct x86_regs *r = g->x.cpu->regs;
    const struct tcg_cpu *tc = tcg_cpu_of_vcpu(g->x.cpu);
    g->x.m.accel->get_state(g->x.cpu);
    memcpy(s->gpr, r->gpr, sizeof r->gpr);
    s->rip = r->rip;
    s->flags = r->rflags;
    s->gs_base = r->seg[X86_GS].base;
    s->fcw = r->fcw;
    s->fsw = r->fsw;
    s->ftw = r->ftw;
    s->fip = r->fip;
    s->fdp = r->fdp;
    s->fop = r->fop;
    s->mxcsr = r->mxcsr;
    for (unsigned k = 0; k < 8; k++)
        memcpy(s->fpr[k], &r->fpr[k], 10);
    memcpy(s->ymm, r->vec, sizeof s->ymm);
    s->vector = tc->exc_vector;
    s->error = tc->exc_has_error ? tc->exc_error : 0;
    s->addr = tc->exc_addr;
}

/* false: the translator gave up; a sentence is in g->x.cpu->error. */
static bool guest_execute(struct guest *g, struct cpu_state *s, struct memory *m)
{
    if (!strcmp(g->backend,
                "tier2")) { /* a first run links the blocks that the region is made of */
        guest_copy_all(g, m, true);
        guest_put(g, s);
        tcg_vcpu_run(g->x.cpu);
    }
    guest_copy_all(g, m, true);
    guest_put(g, s);
    enum vcpu_exit why = tcg_vcpu_run(g->x.cpu);
    guest_get(g, s);
    guest_copy_all(g, m, false);
    return why == VCPU_EXIT_SHUTDOWN;
}

static void guest_free(struct guest *g)
{
    x86_machine_free(&g->x);
}

#endif
