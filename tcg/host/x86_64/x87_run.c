/*
 * The C side of x87 ops: the guest's state to the host's x87 and back, and what compiled code
 * calls. See x87_cg.h.
 */
#include "tcg/host/x86_64/x87_cg.h"

#include <string.h>

#include "tcg/host_x87.h"
#include "tcg/x86/fpu.h"

/* ---- the state ----------------------------------------------------------------------------- */

/* All exceptions are masked, so that none can be pending. */
static void to_image(struct tcg_cpu *tc, struct x87_image *image)
{
    const struct x86_regs *r = tcg_env(tc);
    memset(image, 0, sizeof *image);
    image->cw = tc->x87_cw;
    image->sw = r->fsw;
    for (unsigned n = 0; n < 8; n++) {
        image->tw |= r->ftw >> n & 1 ? 0 : 3u << (2 * n);
        memcpy(image->st[n], &r->fpr[fpu_phys(r, n)], 10);
    }
}

void host_x87_load(struct tcg_cpu *tc)
{
    struct x87_image image;
    to_image(tc, &image);
    __asm__ volatile("frstor %0" : : "m"(image));
    tc->x87_live = true;
}

void host_x87_store(struct tcg_cpu *tc)
{
    struct x86_regs *r = tcg_env(tc);
    struct x87_image image;
    __asm__ volatile("fnsave %0" : "=m"(image)); /* leaves the host's as the C side has it */
    tc->x87_live = false;
    r->fsw = (uint16_t)image.sw;
    r->ftw = 0;
    for (unsigned n = 0; n < 8; n++) {
        r->ftw |= (uint8_t)((image.tw >> (2 * n) & 3) != 3 ? 1u << n : 0);
        memcpy(&r->fpr[fpu_phys(r, n)], image.st[n], 10);
    }
}

/* ---- accesses ------------------------------------------------------------------------------ */

/* The value goes to memory while the state is that before the instruction, which follows with
 * scratch memory as its operand. */
static void slow_store(struct tcg_cpu *tc, unsigned opcode, unsigned bytes)
{
    struct x87_image image;
    uint8_t out[16] = {0};
    host_x87_store(tc);
    to_image(tc, &image);
    x87_host_full(&image, x87_stub_mem[(opcode >> 8) << 3 | (opcode >> 3 & 7)], out, X86_FLAG_1);
    tcg_store_bytes(tc, tc->call_arg[0], out, bytes, 0);
    if (!tcg_faulted(tc))
        host_x87_load(tc);
}

uint64_t x87_access(void *env)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const unsigned bytes = tc->call_attr & 0xff;
    if (tc->call_attr & X87_ACCESS_READ)
        tcg_load_bytes(tc, tc->call_arg[0], tc->scratch, bytes, 0);
    else if (tc->call_attr & X87_ACCESS_WRITE)
        slow_store(tc, tc->call_attr >> X87_ACCESS_OP_SHIFT, bytes);
    else if (tc->call_attr & X87_ACCESS_LOAD_STATE)
        host_x87_load(tc);
    else
        host_x87_store(tc);
    return 0;
}

/* ---- snapshots ----------------------------------------------------------------------------- */

static uint16_t *word_at(struct tcg_cpu *tc, int32_t offset)
{
    return (uint16_t *)(void *)((uint8_t *)tcg_env(tc) + offset);
}

void x87_restore(struct tcg_cpu *tc, const struct x87_state *s)
{
    const struct tcg_x87_layout *l = tc->arch->x87;
    uint64_t ip = tc->pcb + (uint64_t)(int64_t)s->pc;
    if (!s->wide)
        ip = (uint32_t)ip;
    memcpy(word_at(tc, l->ip), &ip, sizeof ip);
    if (s->selectors)
        *word_at(tc, l->cs) = s->wide ? 0 : *word_at(tc, l->selector[l->code_segment]);
    if (!s->data)
        return;
    *word_at(tc, l->op) = s->opcode;
    if (s->ran_mem && s->selectors)
        *word_at(tc, l->ds) = s->wide ? 0 : *word_at(tc, l->selector[s->segment]);
}
