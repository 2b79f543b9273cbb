/* Helpers of the base instructions. Their list and what they take: helpers_int.h. */
#include <stdatomic.h>

#include "core/cpu/arm.h"
#include "tcg/arm/sys.h"
#include "tcg/cpu.h"

uint64_t arm_helper_crc32(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    /* Four bits a step: what a nibble that leaves adds to the rest. */
    static const uint32_t steps[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = (uint32_t)a;
    (void)env, (void)d;
    for (unsigned n = 0; n < 2 * c; n++, b >>= 4)
        crc = crc >> 4 ^ steps[(crc ^ b) & 15];
    return crc;
}

uint64_t arm_helper_stxp(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct arm_regs *r = env;
    uint64_t old[2] = {r->excl_value[0], r->excl_value[1]};
    const bool marked = r->excl_size == 16 && r->excl_addr == a;
    /* What is not marked is stored back as it is, so that it faults as a store does. */
    const uint64_t desired[2] = {marked ? b : old[0], marked ? c : old[1]};
    (void)d;
    bool stored = tcg_cmpxchg16(tc, a, old, desired, IR_MEM_ALIGN) && marked;
    if (tcg_faulted(tc))
        return 0;
    r->excl_size = 0;
    return !stored;
}

uint64_t arm_helper_casp(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const uint64_t desired[2] = {b, c};
    (void)d;
    tcg_cmpxchg16(tc, a, tc->temp, desired, IR_MEM_ALIGN);
    return tc->temp[0];
}

/* ---- LDADD and its like that the host has no operation for
 * --------------------------------------- */

enum { AT_ADD, AT_CLR, AT_EOR, AT_SET, AT_SMAX, AT_SMIN, AT_UMAX, AT_UMIN };

static uint64_t swapped(uint64_t v, unsigned size)
{
    return __builtin_bswap64(v) >> (64 - (8u << size));
}

/* Comparisons are of the top `8 << size` bits. */
static uint64_t combine(unsigned opc, uint64_t old, uint64_t v, unsigned size)
{
    const unsigned up = 64 - (8u << size);
    const uint64_t a = old << up, b = v << up;
    switch (opc) {
    case AT_ADD:
        return old + v;
    case AT_SMAX:
        return (int64_t)a > (int64_t)b ? old : v;
    case AT_SMIN:
        return (int64_t)a < (int64_t)b ? old : v;
    case AT_UMAX:
        return a > b ? old : v;
    default:
        return a < b ? old : v;
    }
}

uint64_t arm_helper_atomic(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const unsigned opc = c & 7, size = c >> 4 & 3, bytes = 1u << size;
    const bool big = c >> 8 & 1 && size;
    (void)d;
    /* Any value to begin with: a wrong one is stored back where it is right. */
    uint64_t old = 0;
    for (;;) {
        uint64_t now = combine(opc, big ? swapped(old, size) : old, b, size);
        uint64_t found = tcg_atomic(tc, a, bytes, TCG_CMPXCHG, big ? swapped(now, size) : now, old,
                                    size ? IR_MEM_ALIGN : 0);
        if (bytes < 8)
            found &= (UINT64_C(1) << 8 * bytes) - 1;
        if (tcg_faulted(tc) || found == old)
            return found;
        old = found;
    }
}

uint64_t arm_helper_unmask(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    (void)a, (void)b, (void)c, (void)d;
    arm_look_at_events(tc);
    return 0;
}
