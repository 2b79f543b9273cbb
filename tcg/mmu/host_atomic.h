/*
 * Compare-and-exchange on guest RAM by the host's own instructions. What a host cannot do in one
 * (host_atomic_covers) the instruction does alone, in an exclusive section.
 */
#ifndef TCG_MMU_HOST_ATOMIC_H
#define TCG_MMU_HOST_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

#if CONFIG_HOST_X86_64

/* Any alignment: the host's lock covers a split line too. */
static inline bool host_atomic_covers(const void *host, unsigned size)
{
    (void)host, (void)size;
    return true;
}

static inline bool host_cmpxchg(void *host, unsigned size, uint64_t *old, uint64_t new)
{
    bool ok;
    switch (size) {
    case 1:
        __asm__ volatile("lock cmpxchgb %3, %1"
                         : "=@ccz"(ok), "+m"(*(uint8_t *)host), "+a"(*(uint8_t *)old)
                         : "q"((uint8_t) new)
                         : "memory");
        break;
    case 2:
        __asm__ volatile("lock cmpxchgw %3, %1"
                         : "=@ccz"(ok), "+m"(*(uint16_t *)host), "+a"(*(uint16_t *)old)
                         : "r"((uint16_t) new)
                         : "memory");
        break;
    case 4:
        __asm__ volatile("lock cmpxchgl %3, %1"
                         : "=@ccz"(ok), "+m"(*(uint32_t *)host), "+a"(*(uint32_t *)old)
                         : "r"((uint32_t) new)
                         : "memory");
        break;
    default:
        __asm__ volatile("lock cmpxchgq %3, %1"
                         : "=@ccz"(ok), "+m"(*(uint64_t *)host), "+a"(*old)
                         : "r"(new)
                         : "memory");
        break;
    }
    return ok;
}

static inline bool host_cmpxchg16(void *host, uint64_t old[2], const uint64_t new[2])
{
    bool ok;
    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(ok), "+m"(*(unsigned __int128 *)host), "+a"(old[0]), "+d"(old[1])
                     : "b"(new[0]), "c"(new[1])
                     : "memory");
    return ok;
}

#else

static inline bool host_atomic_covers(const void *host, unsigned size)
{
    return size <= 8 && ((uintptr_t)host & (size - 1)) == 0;
}

#define HOST_CMPXCHG(type)                                                                         \
    {                                                                                              \
        type expected = (type)*old;                                                                \
        ok = __atomic_compare_exchange_n((type *)host, &expected, (type) new, false,               \
                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                      \
        *old = expected;                                                                           \
    }

static inline bool host_cmpxchg(void *host, unsigned size, uint64_t *old, uint64_t new)
{
    bool ok;
    switch (size) {
    case 1:
        HOST_CMPXCHG(uint8_t)
        break;
    case 2:
        HOST_CMPXCHG(uint16_t)
        break;
    case 4:
        HOST_CMPXCHG(uint32_t)
        break;
    default:
        HOST_CMPXCHG(uint64_t)
        break;
    }
    return ok;
}
#undef HOST_CMPXCHG

/* Nothing of 16 bytes is covered. */
static inline bool host_cmpxchg16(void *host, uint64_t old[2], const uint64_t new[2])
{
    (void)host, (void)old, (void)new;
    __builtin_unreachable();
}

#endif

#endif
