/*
 * Runs a sequence of A64, A32 or T32 in a vCPU: a machine with RAM, page tables and one vCPU at
 * EL0, a back end of the translator. Exceptions are not delivered: the run ends with them, in
 * general that of the UDF behind the sequence.
 */
#ifndef TESTS_ORACLE_ARM_GUEST_H
#define TESTS_ORACLE_ARM_GUEST_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tcg/arm/sys.h"
#include "tcg/exec.h"
#include "tests/arm_machine.h"
#include "tests/oracle/arm/state.h"

enum {
    GUEST_PAGE = 4096,
    GUEST_RAM = 1 << 20,
    GUEST_L1 = 0x1000, /* addresses of 32 bits */
    GUEST_L2 = 0x2000,
    GUEST_L3 = 0x3000, /* two: of code, of data */
    GUEST_CODE = 0x40000,
    GUEST_DATA = 0x80000,
    DESC_TABLE = 3,
    DESC_PAGE = 3 | 1 << 10 | 3 << 8 | 1 << 6, /* accessed, shareable, for EL0 */
    DESC_RO = 1 << 7,
};
#define DESC_UXN (UINT64_C(1) << 54)

struct guest {
    const char *backend;
    struct arm_machine a;
    struct tcg_arch arch; /* Arm, but exceptions end the run */
    uint32_t count;       /* words that were put there last */
    uint32_t undefined;   /* the word behind them */
    bool aarch32, t32;
};

/* What a sequence is run with besides its seed. */
struct guest_how {
    uint64_t sctlr;  /* bits of SCTLR_EL1 besides the usual ones */
    uint64_t moving; /* ARM_REG_MOVING, 0: as the seed has it */
};
enum { SCTLR_ALIGN = 1 << 1, SCTLR_BIG = 1 << 24 };

/* How it ended. */
struct guest_end {
    uint64_t pc, far;
    uint32_t syndrome; /* 0: no exception */
};

static bool guest_exception(struct tcg_cpu *tc)
{
    /* Some are none. */
    return tc->exc_vector > ARM_EXC_SERROR && tcg_arch_arm.deliver_exception(tc);
}

static void guest_fail(struct vemu_error *err)
{
    printf("Bail out! %s\n", err ? vemu_error_message(err) : "no machine");
    exit(1);
}

/* Pages in falling order, so that what crosses a page does not find its rest behind it. */
static uint64_t guest_data_page(unsigned n)
{
    return GUEST_DATA + (uint64_t)(ARM_DATA_SIZE / GUEST_PAGE - 1 - n) * GUEST_PAGE;
}

static void guest_tables(struct guest *g)
{
    uint8_t *ram = g->a.ram->host;
    store_le64(ram + GUEST_L1, GUEST_L2 | DESC_TABLE);
    store_le64(ram + GUEST_L2 + 8 * (ARM_CODE_AT >> 21), GUEST_L3 | DESC_TABLE);
    store_le64(ram + GUEST_L2 + 8 * (ARM_DATA_AT >> 21), (GUEST_L3 + GUEST_PAGE) | DESC_TABLE);
    store_le64(ram + GUEST_L3, GUEST_CODE | DESC_PAGE | DESC_RO);
    for (unsigned k = 0; k < ARM_DATA_SIZE / GUEST_PAGE; k++)
        store_le64(ram + GUEST_L3 + GUEST_PAGE + 8 * k, guest_data_page(k) | DESC_PAGE | DESC_UXN);
}

/* backend: interp, jit (the first tier), tier2 (regions of the second at once), parallel (the first
 * tier with another vCPU, which never runs: atomics are the host's) or baseline (the first tier
 * without host instructions that not every host has). */
static void guest_init(struct guest *g, const char *backend)
{
    const bool interp = !strcmp(backend, "interp"), tier2 = !strcmp(backend, "tier2");
    const char *options[] = {
        "backend",
        interp ? "interp" : "jit",
        "tier2",
        tier2 ? "sync" : "off",
        "baseline",
        !strcmp(backend, "baseline") ? "on" : "off",
        "tier2-threshold",
        "2",
        "tb-size",
        "16",
        "verify",
        "on",
        NULL,
    };
    const struct arm_machine_config config = {.ram = GUEST_RAM,
                                              .model = "max",
                                              .vcpus = !strcmp(backend, "parallel") ? 2 : 1,
                                              .options = options,
                                              .arch = &g->arch};
    struct vemu_error *err = NULL;
    memset(g, 0, sizeof *g);
    g->backend = backend;
    g->arch = tcg_arch_arm;
    g->arch.deliver_exception = guest_exception;
    if (!arm_machine_create(&g->a, &config, &err))
        guest_fail(err);
    atomic_store(&g->a.cpu->stop_request, false); /* this thread acts as the vCPU */
    guest_tables(g);
}

static void guest_load_code(struct guest *g, const uint32_t *words, uint32_t count)
{
    uint32_t code[ARM_MAX_WORDS + 1];
    memcpy(code, words, 4 * count);
    code[count] = g->undefined;
    machine_lock(&g->a.m);
    dma_write(g->a.m.memory, NULL, GUEST_CODE, code, 4 * (count + 1));
    /* Pages that are written often stay with the first tier, but this one has new code. */
    struct tcg_page *page = cache_page(g->a.ram, GUEST_CODE);
    if (page)
        page->writes = 0;
    machine_unlock(&g->a.m);
    g->count = count;
}

static void guest_put(struct guest *g, const struct arm_state *s, const uint64_t *data,
                      const struct guest_how *how)
{
    enum { SCTLR = 1 << 0 | 1 << 2 | 1 << 4 | 1 << 12 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 18 };
    struct arm_regs *r = g->a.cpu->regs;
    for (unsigned k = 0; k < ARM_DATA_SIZE / GUEST_PAGE; k++)
        memcpy(g->a.ram->host + guest_data_page(k), data + k * (GUEST_PAGE / 8), GUEST_PAGE);
    memcpy(r->x, s->x, sizeof r->x);
    memcpy(r->v, s->v, sizeof s->v);
    r->sp = s->sp;
    r->fpcr = s->fpcr;
    r->fpsr = s->fpsr;
    r->pc = ARM_CODE_AT;
    r->pstate = s->nzcv; /* EL0 */
    if (g->aarch32) {
        for (unsigned k = 0; k < 15; k++)
            r->x[k] = (uint32_t)s->x[k];
        r->x[13] = s->sp;
        r->pstate |= ARM_AARCH32 | (g->t32 ? ARM_T : 0) | (how->sctlr & SCTLR_BIG ? ARM_E : 0);
    }
    if (how->moving)
        r->x[g->aarch32 ? ARM32_REG_MOVING : ARM_REG_MOVING] = how->moving;
    r->sctlr[1] = SCTLR | 1 << 26 | how->sctlr;
    r->tcr[1] = 32 | 1 << 23; /* no second range of addresses */
    r->mair[1] = 0xff;
    r->ttbr0[1] = GUEST_L1;
    r->cpacr = 3 << 20;
    r->scr = 1 | 1 << 10; /* NS, RW: below EL3 all may be AArch64 */
    r->hcr = UINT64_C(1) << 31;
    r->secure = 0;
    r->excl_size = 0;
    g->a.tc->arch->reset(g->a.tc);
}

static void guest_get(struct guest *g, struct arm_result *out)
{
    const struct arm_regs *r = g->a.cpu->regs;
    uint64_t data[ARM_DATA_SIZE / 8];
    g->a.m.accel->get_state(g->a.cpu);
    memcpy(out->state.x, r->x, sizeof r->x);
    memcpy(out->state.v, r->v, sizeof out->state.v);
    out->state.sp = r->sp;
    out->state.fpcr = r->fpcr;
    out->state.fpsr = r->fpsr;
    out->state.nzcv = r->pstate & 0xf0000000;
    if (g->aarch32) {
        out->state.nzcv = r->pstate & 0xf80f0000;
        out->state.sp = r->x[13];
    }
    for (unsigned k = 0; k < ARM_DATA_SIZE / GUEST_PAGE; k++)
        memcpy(data + k * (GUEST_PAGE / 8), g->a.ram->host + guest_data_page(k), GUEST_PAGE);
    out->data = arm_data_hash(data);
}

/* Its state, wherever it ended; false: the translator gave up (g->a.cpu->error). */
static bool guest_run(struct guest *g, uint32_t seed, const struct guest_how *how,
                      struct arm_result *out, struct guest_end *end)
{
    struct arm_state s;
    uint64_t data[ARM_DATA_SIZE / 8];
    (g->aarch32 ? arm_state_init32 : arm_state_init)(&s, seed);
    arm_data_init(data, seed);
    if (!strcmp(g->backend, "tier2")) { /* a first run links the blocks that regions are made of */
        guest_put(g, &s, data, how);
        tcg_vcpu_run(g->a.cpu);
    }
    guest_put(g, &s, data, how);
    g->a.tc->exc_error = 0;
    g->a.tc->exc_addr = 0;
    enum vcpu_exit why = tcg_vcpu_run(g->a.cpu);
    guest_get(g, out);
    *end = (struct guest_end){g->a.r->pc, g->a.tc->exc_addr, g->a.tc->exc_error};
    return why == VCPU_EXIT_SHUTDOWN;
}

/* false: it did not come to its end (g->a.r->pc says where it stopped). */
static bool guest_execute(struct guest *g, uint32_t seed, struct arm_result *out)
{
    const struct guest_how how = {0};
    struct guest_end end;
    return guest_run(g, seed, &how, out, &end) && end.pc == ARM_CODE_AT + 4 * g->count;
}

#endif
