/*
 * The blocks of RFC 1951: tokens (literals and matches) to bits, by whichever of a stored, a fixed
 * or a dynamic block is smallest. Private to ui/vnc/encode. Thread contract: no shared state.
 */
#ifndef UI_VNC_ENCODE_HUFFMAN_H
#define UI_VNC_ENCODE_HUFFMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/util/endian.h"

enum {
    DEFLATE_MATCH_MIN = 3,
    DEFLATE_MATCH_MAX = 258,
    DEFLATE_LITLEN_SYMBOLS = 286,
    DEFLATE_DIST_SYMBOLS = 30,
    DEFLATE_BLOCK_TOKENS = 16384, /* in one block, at most */
    DEFLATE_BLOCK_SLACK = 64,     /* bytes that a block may need past the size of its input */
};

/* Bits go out lowest first. The room is the caller's affair. */
struct bit_writer {
    uint8_t *p;
    uint64_t bits;
    unsigned count;
};

/* count of at most 56 bits together with what is pending. */
static inline void put_bits(struct bit_writer *w, uint64_t bits, unsigned count)
{
    w->bits |= bits << w->count;
    w->count += count;
}
/* Writes 8 bytes and keeps less than one. */
static inline void flush_bits(struct bit_writer *w)
{
    store_le64(w->p, w->bits);
    w->p += w->count >> 3;
    w->bits >>= w->count & ~7u;
    w->count &= 7;
}

struct deflate_block {
    uint32_t tokens[DEFLATE_BLOCK_TOKENS];
    unsigned n_tokens;
    uint16_t litlen[DEFLATE_LITLEN_SYMBOLS], dist[DEFLATE_DIST_SYMBOLS]; /* how often */
    uint64_t extra_bits;                                                 /* of all matches */
};

static inline unsigned highest_bit(uint32_t v) /* v > 0 */
{
    return 31u - (unsigned)__builtin_clz(v);
}
static inline unsigned length_extra(unsigned length) /* bits */
{
    unsigned l = length - DEFLATE_MATCH_MIN;

    return l < 8 || length == DEFLATE_MATCH_MAX ? 0 : highest_bit(l) - 2;
}
static inline unsigned length_symbol(unsigned length)
{
    unsigned l = length - DEFLATE_MATCH_MIN, extra = length_extra(length);

    return length == DEFLATE_MATCH_MAX ? 285 : 257 + (extra << 2) + (l >> extra);
}
static inline unsigned dist_extra(unsigned dist)
{
    return dist <= 2 ? 0 : highest_bit(dist - 1) - 1;
}
static inline unsigned dist_symbol(unsigned dist)
{
    unsigned extra = dist_extra(dist);

    return (extra << 1) + ((dist - 1) >> extra);
}

static inline void block_clear(struct deflate_block *b)
{
    memset(b->litlen, 0, sizeof b->litlen);
    memset(b->dist, 0, sizeof b->dist);
    b->n_tokens = 0;
    b->extra_bits = 0;
}
static inline void block_literal(struct deflate_block *b, uint8_t v)
{
    b->tokens[b->n_tokens++] = v;
    b->litlen[v]++;
}
/* Matches have the top bit, length - 3 from bit 16 and distance - 1 from bit 0. */
static inline void block_match(struct deflate_block *b, unsigned length, unsigned dist)
{
    b->tokens[b->n_tokens++] =
        UINT32_C(1) << 31 | (uint32_t)(length - DEFLATE_MATCH_MIN) << 16 | (dist - 1);
    b->litlen[length_symbol(length)]++;
    b->dist[dist_symbol(dist)]++;
    b->extra_bits += length_extra(length) + dist_extra(dist);
}

/* Writes the block: its tokens stand for the n bytes at raw. The counts are used up. */
void block_write(struct deflate_block *b, struct bit_writer *w, const uint8_t *raw, size_t n,
                 bool last);
/* Writes stored blocks; n may be 0, which brings the writer to a byte boundary. */
void block_write_stored(struct bit_writer *w, const uint8_t *raw, size_t n, bool last);

#endif
