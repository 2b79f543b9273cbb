/* Helpers of AVX: masked loads and stores, gathers. See helpers_sse.h. */
#include "tcg/x86/helpers.h"

#include <string.h>
#include "core/util/range.h"
#include "tcg/x86/raise.h"
#include "tcg/x86/sys.h"

struct elements {
    uint8_t data[32], mask[32], out[32];
    unsigned size, count;
};

static void get_elements(const struct tcg_cpu *tc, struct elements *e, unsigned width,
                         unsigned count)
{
    memcpy(e->data, &tc->scratch[0], sizeof e->data);
    memcpy(e->mask, &tc->scratch[4], sizeof e->mask);
    memset(e->out, 0, sizeof e->out);
    e->size = 1u << width;
    e->count = count;
}

static bool selected(const struct elements *e, unsigned n)
{
    return e->mask[(n + 1) * e->size - 1] & 0x80;
}

/* tcg_load's value into element n; false: it faulted. */
static bool load_element(struct tcg_cpu *tc, struct elements *e, unsigned n, uint64_t addr)
{
    uint64_t v = tcg_load(tc, addr, e->size, 0);
    memcpy(e->out + n * e->size, &v, e->size);
    return !tcg_faulted(tc);
}

uint64_t x86_helper_maskload(void *env, uint64_t addr, uint64_t what, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct elements e;
    UNUSED(c, d);
    get_elements(tc, &e, what >> 8 & 3, (unsigned)(what & 0xff) >> (what >> 8 & 3));
    for (unsigned n = 0; n < e.count; n++)
        if (selected(&e, n) && !load_element(tc, &e, n, addr + n * e.size))
            return 0;
    memcpy(&tc->scratch[12], e.out, sizeof e.out);
    return 0;
}

uint64_t x86_helper_maskstore(void *env, uint64_t addr, uint64_t what, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct elements e;
    UNUSED(c, d);
    get_elements(tc, &e, what >> 8 & 3, (unsigned)(what & 0xff) >> (what >> 8 & 3));
    /* Nothing is written unless all of it can be. */
    for (unsigned n = 0; n < e.count; n++)
        if (selected(&e, n) && !tcg_probe(tc, addr + n * e.size, e.size, TCG_WRITE, 0))
            return 0;
    for (unsigned n = 0; n < e.count && !tcg_faulted(tc); n++) {
        uint64_t v = 0;
        memcpy(&v, e.data + n * e.size, e.size);
        if (selected(&e, n))
            tcg_store(tc, addr + n * e.size, e.size, v, 0);
    }
    return 0;
}

/* Linear address of an element; false: a segment's limit is in the way. */
static bool element_address(struct tcg_cpu *tc, uint64_t what, unsigned size, uint64_t *addr)
{
    struct x86_regs *r = x86_regs_of(tc);
    unsigned seg = what >> 16 & 7;
    if ((what >> 20 & 3) == IR_W32)
        *addr &= 0xffffffff;
    if (tc->mode & MODE_CODE64)
        *addr += seg >= X86_FS ? r->seg[seg].base : 0;
    else
        *addr = x86_helper_seg_check(r, seg, *addr, size, 0);
    return !tcg_faulted(tc);
}

/*
 * When an element faults the instruction starts over with the first one: nothing of it is kept.
 */
uint64_t x86_helper_gather(void *env, uint64_t base, uint64_t what, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct elements e;
    uint8_t indices[32];
    UNUSED(c, d);
    get_elements(tc, &e, what & 3, what >> 8 & 15);
    memcpy(indices, &tc->scratch[8], sizeof indices);
    memcpy(e.out, e.data, e.size * e.count);
    for (unsigned n = 0; n < e.count; n++) {
        int64_t index;
        if (!selected(&e, n))
            continue;
        if ((what >> 4 & 3) == IR_W64) {
            memcpy(&index, indices + 8 * n, 8);
        } else {
            int32_t narrow;
            memcpy(&narrow, indices + 4 * n, 4);
            index = narrow;
        }
        uint64_t addr = base + ((uint64_t)index << (what >> 12 & 3));
        if (!element_address(tc, what, e.size, &addr) || !load_element(tc, &e, n, addr))
            return 0;
    }
    memcpy(&tc->scratch[12], e.out, sizeof e.out);
    return 0;
}
