/* Unaligned little- and big-endian access to byte buffers. Hosts are 64-bit little-endian. */
#ifndef CORE_UTIL_ENDIAN_H
#define CORE_UTIL_ENDIAN_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(void *) == 8,
               "vemu needs a 64-bit little-endian host");

#define ENDIAN_LOAD(name, type, swap)                                                              \
    static inline type name(const void *p)                                                         \
    {                                                                                              \
        type v;                                                                                    \
        memcpy(&v, p, sizeof v);                                                                   \
        return swap(v);                                                                            \
    }
#define ENDIAN_STORE(name, type, swap)                                                             \
    static inline void name(void *p, type v)                                                       \
    {                                                                                              \
        v = swap(v);                                                                               \
        memcpy(p, &v, sizeof v);                                                                   \
    }
ENDIAN_LOAD(load_le16, uint16_t, )
ENDIAN_LOAD(load_le32, uint32_t, )
ENDIAN_LOAD(load_le64, uint64_t, )
ENDIAN_LOAD(load_be16, uint16_t, __builtin_bswap16)
ENDIAN_LOAD(load_be32, uint32_t, __builtin_bswap32)
ENDIAN_LOAD(load_be64, uint64_t, __builtin_bswap64)
ENDIAN_STORE(store_le16, uint16_t, )
ENDIAN_STORE(store_le32, uint32_t, )
ENDIAN_STORE(store_le64, uint64_t, )
ENDIAN_STORE(store_be16, uint16_t, __builtin_bswap16)
ENDIAN_STORE(store_be32, uint32_t, __builtin_bswap32)
ENDIAN_STORE(store_be64, uint64_t, __builtin_bswap64)
#undef ENDIAN_LOAD
#undef ENDIAN_STORE

/* Load/store of 1, 2, 4 or 8 bytes, for device register files that take any access size. */
static inline uint64_t load_le(const void *p, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, p, size);
    return v;
}
static inline void store_le(void *p, uint64_t v, unsigned size)
{
    memcpy(p, &v, size);
}

#endif
