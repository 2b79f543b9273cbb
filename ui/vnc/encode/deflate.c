/* Finding matches in pictures: see deflate.h; huffman.c makes bits of them. */
#include "ui/vnc/encode/deflate.h"

#include <stdlib.h>
#include "core/util/range.h"
#include "ui/vnc/encode/huffman.h"

enum {
    WINDOW = 32768,
    HASH_BITS = 14,
    READ_SLACK = 8, /* bytes past the input that may be read */
    /* A match of three bytes from further away is not worth it: of pixels, of what a prediction
     * left over. */
    FAR_FOR_SHORT = 4096,
    FAR_FOR_RESIDUAL = 128,
    INPUT_MIN = 16384,
    MISSES_SHIFT = 5, /* after 2^5 literals in a row every second pixel is tried, and so on */
    ZLIB_HEADER = 0x7801,
    /* What things cost, about, in bits. */
    LITERAL_BITS = 6,
    EXPECTED_BITS = 3, /* a match at a distance that comes often */
    MATCH_BITS = 3,    /* one at another, and the bits of the distance */
    LAZY_GAIN = 2,     /* by how much a match must be better to be waited for */
};

struct vnc_deflate {
    uint8_t *data; /* history, then input, then slack */
    size_t room;   /* of data without the slack */
    size_t block;  /* where the open block begins */
    size_t end;    /* of what was added */
    struct bit_writer bits;
    uint16_t base; /* position of data[0] in the stream, as far as tables tell */
    bool begun;    /* the header is out */
    unsigned last; /* the distance of the last match; 0: none yet */
    /* Positions, their low 16 bits: the last of each hash, and of each the one before. What they
     * name is compared before it is believed, so that stale ones do no harm. */
    uint16_t head[1 << HASH_BITS];
    uint16_t prev[WINDOW];
};

struct vnc_deflate_work {
    struct deflate_block block;
};

/* What a level is ready to do for a match. */
static const struct effort {
    unsigned depth; /* candidates of a hash that are looked at */
    unsigned nice;  /* bytes: a match that long is taken as it is */
    bool lazy;      /* is the match at the next byte better? */
    bool skip;      /* where nothing matches, look less often */
} efforts[VNC_DEFLATE_LEVEL_MAX + 1] = {
    [1] = {1, 16, false, true},   [2] = {2, 24, false, false},  [3] = {4, 32, true, false},
    [4] = {6, 48, true, false},   [5] = {10, 64, true, false},  [6] = {16, 96, true, false},
    [7] = {32, 128, true, false}, [8] = {48, 192, true, false}, [9] = {64, 258, true, false},
};

/* What holds for one piece of input. */
struct search {
    struct vnc_deflate_how how;
    const struct effort *effort;
    unsigned hash_shift; /* a pixel of three bytes is hashed alone, others by four bytes */
    unsigned far_for_short;
    size_t end;
};

struct match {
    unsigned length, dist;
    int gain; /* bits */
};

/* ---- life ------------------------------------------------------------------------------------ */

struct vnc_deflate_work *vnc_deflate_work_new(void)
{
    return malloc(sizeof(struct vnc_deflate_work));
}

void vnc_deflate_work_free(struct vnc_deflate_work *work)
{
    free(work);
}

struct vnc_deflate *vnc_deflate_new(void)
{
    return calloc(1, sizeof(struct vnc_deflate));
}

void vnc_deflate_free(struct vnc_deflate *d)
{
    if (!d)
        return;
    free(d->data);
    free(d);
}

void vnc_deflate_restart(struct vnc_deflate *d)
{
    d->begun = false;
    d->block = d->end = 0;
    d->last = 0;
}

uint8_t *vnc_deflate_input(struct vnc_deflate *d, size_t n)
{
    size_t want = d->end + n, room;

    if (want > d->room) {
        uint8_t *data;

        room = MAX(want, MAX(d->room + d->room / 2, (size_t)(WINDOW + INPUT_MIN)));
        data = realloc(d->data, room + READ_SLACK);
        if (!data)
            return NULL;
        memset(data + d->room, 0, room - d->room + READ_SLACK);
        d->data = data;
        d->room = room;
    }
    return d->data + d->end;
}

/* ---- matches --------------------------------------------------------------------------------- */

static inline unsigned hash(const struct search *s, const uint8_t *p)
{
    return (load_le32(p) << s->hash_shift) * UINT32_C(0x9e3779b1) >> (32 - HASH_BITS);
}

static inline void insert(struct vnc_deflate *d, const struct search *s, size_t i)
{
    uint16_t pos = (uint16_t)(d->base + i);
    uint16_t *head = &d->head[hash(s, d->data + i)];

    d->prev[pos % WINDOW] = *head;
    *head = pos;
}

static inline unsigned match_length(const uint8_t *a, const uint8_t *b, unsigned max)
{
    unsigned n = 0;

    while (n + 8 <= max) {
        uint64_t differ = load_le64(a + n) ^ load_le64(b + n);

        if (differ)
            return n + (unsigned)__builtin_ctzll(differ) / 8;
        n += 8;
    }
    while (n < max && a[n] == b[n])
        n++;
    return n;
}

/* Is the match at this distance better? expected: it comes often and has a short code. */
static inline void try_dist(const struct search *s, const uint8_t *p, unsigned dist, size_t reach,
                            unsigned max, bool expected, struct match *best)
{
    unsigned length;
    int gain;

    if ((size_t)dist - 1 >= reach)
        return;
    length = match_length(p, p - dist, max);
    if (length < DEFLATE_MATCH_MIN ||
        (length == DEFLATE_MATCH_MIN && dist > s->far_for_short && !expected))
        return;
    gain = LITERAL_BITS * (int)length -
           (expected ? EXPECTED_BITS : MATCH_BITS + (int)highest_bit(dist));
    if (gain > best->gain)
        *best = (struct match){length, dist, gain};
}

/* The best match for what is at i. whole: that is where a pixel begins, and much is tried; in the
 * midst of one only what matched last. */
static inline void find_match(struct vnc_deflate *d, const struct search *s, size_t i, bool whole,
                              struct match *best)
{
    const uint8_t *p = d->data + i;
    unsigned max = (unsigned)MIN(s->end - i, (size_t)DEFLATE_MATCH_MAX);
    size_t reach = MIN(i, (size_t)WINDOW);
    uint16_t pos = (uint16_t)(d->base + i);
    unsigned delta, before = 0;

    *best = (struct match){0};
    if (whole) {
        try_dist(s, p, d->last, reach, max, true, best);
        if (best->length >= s->effort->nice)
            return;
        if (s->how.pixel != d->last)
            try_dist(s, p, s->how.pixel, reach, max, true, best);
        if (s->how.row != d->last)
            try_dist(s, p, s->how.row, reach, max, true, best);
        if (best->length >= s->effort->nice)
            return;
    }
    delta = (uint16_t)(pos - d->head[hash(s, p)]);
    for (unsigned depth = whole ? s->effort->depth : 1; depth && delta > before && delta <= reach;
         depth--) {
        const uint8_t *q = p - delta;

        if ((load_le32(q) ^ load_le32(p)) << s->hash_shift == 0 &&
            p[best->length] == q[best->length]) {
            try_dist(s, p, delta, reach, max, false, best);
            if (best->length >= s->effort->nice)
                return;
        }
        before = delta;
        delta = (uint16_t)(pos - d->prev[(uint16_t)(pos - delta) % WINDOW]);
    }
}

/* Literals for n bytes at i, as far as the block has room. */
static size_t add_literals(struct deflate_block *b, const uint8_t *p, size_t n)
{
    n = MIN(n, (size_t)DEFLATE_BLOCK_TOKENS - b->n_tokens);
    for (size_t k = 0; k < n; k++)
        block_literal(b, p[k]);
    return n;
}

/* Tokens for what is at i and after it, until the block is full or the end is reached; returns
 * where it stopped. Matches begin and end with pixels, where there is a choice. */
static size_t fill_block(struct vnc_deflate *d, struct deflate_block *b, const struct search *s,
                         size_t i)
{
    const struct effort *effort = s->effort;
    unsigned misses = 0 /* bytes, from the start of a pixel on */, pixel = s->how.pixel;
    /* Where hardly anything matches, as in photographs, parts of pixels do now and then. */
    bool bytewise = !effort->skip && !s->how.residual;
    struct match best, next = {0};

    while (i < s->end && b->n_tokens < DEFLATE_BLOCK_TOKENS) {
        if (next.length)
            best = next;
        else
            find_match(d, s, i, misses % pixel == 0, &best);
        next.length = 0;
        insert(d, s, i);
        if (!best.length) {
            size_t step = bytewise ? 1 : pixel;

            if (effort->skip)
                step *= 1 + (misses >> MISSES_SHIFT) / pixel;
            misses += bytewise ? 1 : pixel;
            i += add_literals(b, d->data + i, MIN(step, s->end - i));
            continue;
        }
        misses = 0;
        /* With several bytes to a pixel, waiting costs more than it brings. */
        if (effort->lazy && pixel == 1 && best.length < effort->nice && i + 1 < s->end) {
            find_match(d, s, i + 1, true, &next);
            if (next.length && next.gain > best.gain + LAZY_GAIN) {
                i += add_literals(b, d->data + i, 1);
                continue;
            }
            next.length = 0;
        }
        if (best.length - best.length % pixel >= DEFLATE_MATCH_MIN)
            best.length -= best.length % pixel;
        block_match(b, best.length, best.dist);
        d->last = best.dist;
        if (effort->depth > 1) {
            for (size_t k = pixel; k < best.length; k += pixel)
                insert(d, s, i + k);
        } else if (best.length > pixel) {
            insert(d, s, i + best.length - pixel);
        }
        i += best.length;
    }
    return i;
}

/* ---- streams --------------------------------------------------------------------------------- */

/* Room for a block that stands for n bytes, and the bits that wait; NULL: out has failed. */
static bool writer_open(struct vnc_deflate *d, size_t n, struct buffer *out)
{
    d->bits.p = buffer_reserve(out, n + n / 1024 + DEFLATE_BLOCK_SLACK);
    return d->bits.p != NULL;
}

static void writer_close(struct vnc_deflate *d, struct buffer *out)
{
    buffer_add(out, (size_t)(d->bits.p - (out->data + out->len)));
}

static bool begin(struct vnc_deflate *d, struct vnc_deflate_work *work, struct buffer *out)
{
    if (d->begun)
        return true;
    d->begun = true;
    d->bits = (struct bit_writer){0};
    block_clear(&work->block);
    return buffer_put_be16(out, ZLIB_HEADER);
}

static bool end_block(struct vnc_deflate *d, struct vnc_deflate_work *work, size_t end, bool last,
                      struct buffer *out)
{
    if (!writer_open(d, end - d->block, out))
        return false;
    block_write(&work->block, &d->bits, d->data + d->block, end - d->block, last);
    writer_close(d, out);
    d->block = end;
    block_clear(&work->block);
    return true;
}

/* Stored blocks for n bytes from d->block on. */
static bool store(struct vnc_deflate *d, size_t n, bool last, struct buffer *out)
{
    if (!writer_open(d, n, out))
        return false;
    block_write_stored(&d->bits, d->data + d->block, n, last);
    writer_close(d, out);
    d->block += n;
    return true;
}

bool vnc_deflate_add(struct vnc_deflate *d, struct vnc_deflate_work *work,
                     const struct vnc_deflate_how *how, size_t n, struct buffer *out)
{
    struct search s = {
        .how = *how,
        .effort = &efforts[MIN(MAX(how->level, 0), VNC_DEFLATE_LEVEL_MAX)],
        .hash_shift = how->pixel == 3 ? 8 : 0,
        .far_for_short = how->residual ? FAR_FOR_RESIDUAL : FAR_FOR_SHORT,
        .end = d->end + n,
    };

    if (!begin(d, work, out))
        return false;
    if (!s.effort->depth) {
        if (work->block.n_tokens && !end_block(d, work, d->end, false, out))
            return false;
        d->end = s.end;
        return store(d, n, false, out);
    }
    while (d->end < s.end) {
        d->end = fill_block(d, &work->block, &s, d->end);
        if (work->block.n_tokens == DEFLATE_BLOCK_TOKENS && !end_block(d, work, d->end, false, out))
            return false;
    }
    return true;
}

bool vnc_deflate_flush(struct vnc_deflate *d, struct vnc_deflate_work *work, struct buffer *out)
{
    size_t keep;

    if (!begin(d, work, out) || (work->block.n_tokens && !end_block(d, work, d->end, false, out)) ||
        !store(d, 0, false, out))
        return false;
    keep = MIN(d->end, (size_t)WINDOW);
    memmove(d->data, d->data + d->end - keep, keep);
    d->base = (uint16_t)(d->base + (d->end - keep));
    d->block = d->end = keep;
    return true;
}

/* RFC 1950, chapter 8: two sums modulo 65521, which are taken before they can overflow. */
static uint32_t adler32(const uint8_t *p, size_t n)
{
    enum { MODULUS = 65521, PIECE = 5552 };
    uint32_t a = 1, b = 0;

    while (n) {
        size_t piece = MIN(n, (size_t)PIECE);

        n -= piece;
        for (; piece; piece--) {
            a += *p++;
            b += a;
        }
        a %= MODULUS;
        b %= MODULUS;
    }
    return b << 16 | a;
}

bool vnc_deflate_finish(struct vnc_deflate *d, struct vnc_deflate_work *work, struct buffer *out)
{
    if (!begin(d, work, out) || !end_block(d, work, d->end, true, out))
        return false;
    if (!writer_open(d, 0, out))
        return false;
    d->bits.count = (d->bits.count + 7) & ~7u;
    flush_bits(&d->bits);
    writer_close(d, out);
    return buffer_put_be32(out, adler32(d->data, d->end));
}
