/* Overflow-safe ranges and small integer helpers. */
#ifndef CORE_UTIL_RANGE_H
#define CORE_UTIL_RANGE_H

#include <stdbool.h>
#include <stdint.h>

/* Does [start, start+len) lie inside [0, limit)? Safe for every value. */
static inline bool range_fits(uint64_t start, uint64_t len, uint64_t limit)
{
    return len <= limit && start <= limit - len;
}
/* Do [a, a+alen) and [b, b+blen) overlap? Empty ranges never do; ends may touch 2^64. */
static inline bool range_overlaps(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
    return alen && blen && (a <= b ? b - a < alen : a - b < blen);
}
static inline bool range_contains(uint64_t start, uint64_t len, uint64_t addr)
{
    return addr - start < len && addr >= start;
}
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
    return v & ~(align - 1);
}
static inline uint64_t align_up(uint64_t v, uint64_t align)
{
    return (v + align - 1) & ~(align - 1);
}
static inline bool is_power_of_two(uint64_t v)
{
    return v && !(v & (v - 1));
}
static inline uint64_t mask_bits(unsigned bits)
{
    return bits >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << bits) - 1;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
