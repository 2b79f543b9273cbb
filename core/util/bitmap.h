/*
 * The one bitmap: an array of 64-bit words, bit n in word n / 64. The caller allocates
 * bitmap_words(bits) zeroed words. Thread contract: the bitmap_atomic_* functions may race with
 * each other on the same words; the rest need the owner's lock.
 */
#ifndef CORE_UTIL_BITMAP_H
#define CORE_UTIL_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint64_t bitmap_words(uint64_t bits)
{
    return bits / 64 + (bits % 64 != 0);
}
static inline bool bitmap_test(const uint64_t *map, uint64_t bit)
{
    return map[bit / 64] >> (bit % 64) & 1;
}
static inline void bitmap_set(uint64_t *map, uint64_t bit)
{
    map[bit / 64] |= UINT64_C(1) << (bit % 64);
}
static inline void bitmap_clear(uint64_t *map, uint64_t bit)
{
    map[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

/* The bits of word `word` that lie in [start, end); start < end. */
static inline uint64_t bitmap_range_mask(uint64_t word, uint64_t start, uint64_t end)
{
    uint64_t mask = ~UINT64_C(0);

    if (start > word * 64)
        mask &= ~UINT64_C(0) << (start % 64);
    if (end - word * 64 < 64)
        mask &= ~(~UINT64_C(0) << (end % 64));
    return mask;
}
static inline void bitmap_set_range(uint64_t *map, uint64_t start, uint64_t count)
{
    for (uint64_t w = start / 64; count && w <= (start + count - 1) / 64; w++)
        map[w] |= bitmap_range_mask(w, start, start + count);
}
static inline void bitmap_clear_range(uint64_t *map, uint64_t start, uint64_t count)
{
    for (uint64_t w = start / 64; count && w <= (start + count - 1) / 64; w++)
        map[w] &= ~bitmap_range_mask(w, start, start + count);
}

/* First set bit in [start, end), or end. */
static inline uint64_t bitmap_find_next(const uint64_t *map, uint64_t end, uint64_t start)
{
    while (start < end) {
        uint64_t word = map[start / 64] & (~UINT64_C(0) << (start % 64));
        if (word) {
            uint64_t bit = start / 64 * 64 + (unsigned)__builtin_ctzll(word);
            return bit < end ? bit : end;
        }
        start = (start / 64 + 1) * 64;
    }
    return end;
}
/* First clear bit in [start, end), or end. */
static inline uint64_t bitmap_find_next_clear(const uint64_t *map, uint64_t end, uint64_t start)
{
    while (start < end) {
        uint64_t word = ~map[start / 64] & (~UINT64_C(0) << (start % 64));
        if (word) {
            uint64_t bit = start / 64 * 64 + (unsigned)__builtin_ctzll(word);
            return bit < end ? bit : end;
        }
        start = (start / 64 + 1) * 64;
    }
    return end;
}

static inline bool bitmap_atomic_test(const uint64_t *map, uint64_t bit)
{
    return __atomic_load_n(&map[bit / 64], __ATOMIC_RELAXED) >> (bit % 64) & 1;
}
/* Set bits; words that have them already are only read, so hot pages stay shared in the caches. The
 * fence orders the data written before with the test that skips the store. */
static inline void bitmap_atomic_set_range(uint64_t *map, uint64_t start, uint64_t count)
{
    for (uint64_t w = start / 64; count && w <= (start + count - 1) / 64; w++) {
        uint64_t mask = bitmap_range_mask(w, start, start + count);
        if ((__atomic_load_n(&map[w], __ATOMIC_SEQ_CST) & mask) != mask)
            __atomic_fetch_or(&map[w], mask, __ATOMIC_SEQ_CST);
    }
}
/* Clear bits and tell whether any was set. */
static inline bool bitmap_atomic_test_and_clear_range(uint64_t *map, uint64_t start, uint64_t count)
{
    bool any = false;

    for (uint64_t w = start / 64; count && w <= (start + count - 1) / 64; w++) {
        uint64_t mask = bitmap_range_mask(w, start, start + count);
        if (__atomic_load_n(&map[w], __ATOMIC_RELAXED) & mask)
            any |= (__atomic_fetch_and(&map[w], ~mask, __ATOMIC_SEQ_CST) & mask) != 0;
    }
    return any;
}

#endif
