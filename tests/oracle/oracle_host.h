/*
 * Runs a sequence on the host CPU: a signal handler exchanges the interrupted state for the wanted
 * one, and back when the sequence ends with a fault (it always does: UD2 stands behind it).
 * One thread.
 */
#ifndef TESTS_ORACLE_HOST_H
#define TESTS_ORACLE_HOST_H

#include <asm/prctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/oracle/oracle_state.h"
#include "tests/oracle/oracle_vendor.h"

enum host_phase { HOST_IDLE, HOST_START, HOST_RUN };

static const uint8_t host_gregs[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                       REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                       REG_R12, REG_R13, REG_R14, REG_R15};
/* FXSAVE image: offsets of what counts. SDM vol. 1, "FXSAVE area". */
enum {
    FX_FCW = 0,
    FX_FSW = 2,
    FX_FTW = 4,
    FX_FOP = 6,
    FX_FIP = 8,
    FX_FDP = 16,
    FX_MXCSR = 24,
    FX_ST = 32,
    FX_XMM = 160,
    FX_HEADER = 512,
    FX_YMM = 576, /* the frame has an XSAVE area in standard form */
    FX_YMM_END = 832
};

static struct host_run {
    volatile enum host_phase phase;
    struct cpu_state *state;
    greg_t gregs[NGREG]; /* of the interrupted C code */
    uint8_t fx[FX_YMM_END];
} host_run;

static void host_put(const struct cpu_state *s, ucontext_t *uc)
{
    uint8_t *fx = (uint8_t *)uc->uc_mcontext.fpregs;
    for (unsigned k = 0; k < 16; k++)
        uc->uc_mcontext.gregs[host_gregs[k]] = (greg_t)s->gpr[k];
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)s->rip;
    uc->uc_mcontext.gregs[REG_EFL] = (greg_t)s->flags;
    memcpy(fx + FX_FCW, &s->fcw, 2);
    memcpy(fx + FX_FSW, &s->fsw, 2);
    fx[FX_FTW] = s->ftw;
    memcpy(fx + FX_FIP, &s->fip, 8);
    memcpy(fx + FX_FDP, &s->fdp, 8);
    memcpy(fx + FX_FOP, &s->fop, 2);
    memcpy(fx + FX_MXCSR, &s->mxcsr, 4);
    for (unsigned k = 0; k < 8; k++)
        memcpy(fx + FX_ST + 16 * k, s->fpr[((s->fsw >> 11) + k) & 7], 10);
    for (unsigned k = 0; k < 16; k++) {
        memcpy(fx + FX_XMM + 16 * k, &s->ymm[k].half[0], 16);
        memcpy(fx + FX_YMM + 16 * k, &s->ymm[k].half[1], 16);
    }
}

static void host_get(struct cpu_state *s, const ucontext_t *uc)
{
    const uint8_t *fx = (const uint8_t *)uc->uc_mcontext.fpregs;
    for (unsigned k = 0; k < 16; k++)
        s->gpr[k] = (uint64_t)uc->uc_mcontext.gregs[host_gregs[k]];
    s->rip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
    s->flags = (uint64_t)uc->uc_mcontext.gregs[REG_EFL];
    memcpy(&s->fcw, fx + FX_FCW, 2);
    memcpy(&s->fsw, fx + FX_FSW, 2);
    s->ftw = fx[FX_FTW];
    memcpy(&s->fip, fx + FX_FIP, 8);
    memcpy(&s->fdp, fx + FX_FDP, 8);
    memcpy(&s->fop, fx + FX_FOP, 2);
    memcpy(&s->mxcsr, fx + FX_MXCSR, 4);
    for (unsigned k = 0; k < 8; k++)
        memcpy(s->fpr[((s->fsw >> 11) + k) & 7], fx + FX_ST + 16 * k, 10);
    bool uppers = fx[FX_HEADER] & 4;
    for (unsigned k = 0; k < 16; k++) {
        memcpy(&s->ymm[k].half[0], fx + FX_XMM + 16 * k, 16);
        memset(&s->ymm[k].half[1], 0, 16);
        if (uppers)
            memcpy(&s->ymm[k].half[1], fx + FX_YMM + 16 * k, 16);
    }
    s->vector = (unsigned)uc->uc_mcontext.gregs[REG_TRAPNO];
    s->error = (unsigned)uc->uc_mcontext.gregs[REG_ERR];
    s->addr = (uint64_t)uc->uc_mcontext.gregs[REG_CR2];
}

static void host_signal(int sig, siginfo_t *info, void *opaque)
{
    ucontext_t *uc = opaque;
    uint8_t *fx = (uint8_t *)uc->uc_mcontext.fpregs;
    (void)info;
    if (host_run.phase == HOST_START) {
        memcpy(host_run.gregs, uc->uc_mcontext.gregs, sizeof host_run.gregs);
        memcpy(host_run.fx, fx, sizeof host_run.fx);
        host_run.gregs[REG_RIP] += 2;
        host_put(host_run.state, uc);
        host_run.phase = HOST_RUN;
    } else if (host_run.phase == HOST_RUN) {
        host_get(host_run.state, uc);
        memcpy(uc->uc_mcontext.gregs, host_run.gregs, sizeof host_run.gregs);
        memcpy(fx, host_run.fx, sizeof host_run.fx);
        host_run.phase = HOST_IDLE;
    } else {
        signal(sig, SIG_DFL); /* a fault of the oracle itself */
        return;
    }
    /* These components come from the image, also when they were in their initial state. */
    fx[FX_HEADER] |= 7;
}

static void *host_map(uintptr_t at, unsigned pages)
{
    void *p = mmap((void *)at, (size_t)pages * PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p == MAP_FAILED) {
        printf("Bail out! no memory at %#lx\n", (unsigned long)at);
        exit(1);
    }
    return p;
}

static void host_init(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    stack_t stack = {.ss_sp = malloc(1 << 17), .ss_size = 1 << 17};
    struct sigaction sa = {.sa_sigaction = host_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    host_map(DATA_AT, DATA_PAGES);
    host_map(CTRL_AT, CTRL_PAGES);
    host_map(STACK_AT, STACK_PAGES);
    memset(host_map(CODE_AT, CODE_PAGES), 0xf4, CODE_PAGES * PAGE); /* all present */
    sigaltstack(&stack, NULL);
    for (unsigned k = 0; k < sizeof signals / sizeof *signals; k++)
        sigaction(signals[k], &sa, NULL);
}

static void host_load_code(const uint8_t *code, uintptr_t at, unsigned len)
{
    mprotect((void *)(uintptr_t)CODE_AT, CODE_PAGES * PAGE, PROT_READ | PROT_WRITE);
    memcpy((void *)at, code, len);
    mprotect((void *)(uintptr_t)CODE_AT, CODE_PAGES * PAGE, PROT_READ | PROT_EXEC);
}

static void host_execute(struct cpu_state *s, struct memory *m)
{
    uint8_t *ro = (uint8_t *)(uintptr_t)DATA_AT + DATA_RO * PAGE;
    unsigned long gs = 0;
    mprotect(ro, PAGE, PROT_READ | PROT_WRITE);
    memcpy((void *)(uintptr_t)DATA_AT, m->data, sizeof m->data);
    memcpy((void *)(uintptr_t)CTRL_AT, m->ctrl, sizeof m->ctrl);
    memcpy((void *)(uintptr_t)STACK_AT, m->stack, sizeof m->stack);
    mprotect(ro, PAGE, PROT_READ);
    syscall(SYS_arch_prctl, ARCH_SET_GS, s->gs_base);
    host_run.state = s;
    host_run.phase = HOST_START;
    __asm__ volatile("ud2" ::: "memory", "cc");
    syscall(SYS_arch_prctl, ARCH_GET_GS, &gs);
    s->gs_base = gs;
    memcpy(m->data, (void *)(uintptr_t)DATA_AT, sizeof m->data);
    memcpy(m->ctrl, (void *)(uintptr_t)CTRL_AT, sizeof m->ctrl);
    memcpy(m->stack, (void *)(uintptr_t)STACK_AT, sizeof m->stack);
}

#endif
