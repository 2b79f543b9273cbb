/* Blocks of RFC 1951: see huffman.h. */
#include "ui/vnc/encode/huffman.h"

#include "core/util/range.h"

enum {
    CODE_BITS_MAX = 15,
    PRECODE_BITS_MAX = 7,
    PRECODE_SYMBOLS = 19,
    END_OF_BLOCK = 256,
    FIXED_LITLEN_SYMBOLS = 288, /* the last two take part in the code and never occur */
    STORED_MAX = 65535,
    BLOCK_STORED = 0,
    BLOCK_FIXED = 1,
    BLOCK_DYNAMIC = 2,
    BLOCK_HEADER_BITS = 3,
};

struct code {
    uint16_t bits; /* as they are sent: the first lowest */
    uint8_t length;
};

/* ---- building codes -------------------------------------------------------------------------- */

/* What is sorted: how often above which symbol. */
enum { SYMBOL_BITS = 9 };

/* Those in use, the rarest first: two passes over the bytes of a count. */
static unsigned sort_symbols(const uint16_t *freq, unsigned n, uint32_t *sorted)
{
    uint32_t other[DEFLATE_LITLEN_SYMBOLS];
    unsigned used = 0;

    for (unsigned i = 0; i < n; i++) {
        if (freq[i])
            sorted[used++] = (uint32_t)freq[i] << SYMBOL_BITS | i;
    }
    for (unsigned pass = 0; pass < 2; pass++) {
        uint32_t *from = pass ? other : sorted, *to = pass ? sorted : other;
        unsigned shift = SYMBOL_BITS + pass * 8, at[256] = {0}, sum = 0;

        for (unsigned i = 0; i < used; i++)
            at[from[i] >> shift & 255]++;
        for (unsigned i = 0; i < 256; i++) {
            unsigned count = at[i];

            at[i] = sum;
            sum += count;
        }
        for (unsigned i = 0; i < used; i++)
            to[at[from[i] >> shift & 255]++] = from[i];
    }
    return used;
}

/*
 * Code lengths for counts in rising order, in place: the method of Moffat and Katajainen ("In-place
 * calculation of minimum-redundancy codes"): pairs of the smallest become parents, then depths
 * follow from the root down.
 */
static void code_depths(uint32_t *a, unsigned n)
{
    unsigned leaf = 0, root = 0, avail, used, depth;
    int next;

    for (unsigned i = 0; i + 1 < n; i++) {
        uint32_t sum = 0;

        for (unsigned k = 0; k < 2; k++) {
            if (leaf >= n || (root < i && a[root] < a[leaf])) {
                sum += a[root];
                a[root++] = i;
            } else {
                sum += a[leaf++];
            }
        }
        a[i] = sum;
    }
    a[n - 2] = 0;
    for (int i = (int)n - 3; i >= 0; i--)
        a[i] = a[a[i]] + 1;
    avail = 1;
    used = depth = 0;
    root = n - 2;
    next = (int)n - 1;
    for (int r = (int)root; avail > 0; depth++) {
        for (; r >= 0 && a[r] == depth; r--)
            used++;
        for (; avail > used; avail--)
            a[next--] = depth;
        avail = 2 * used;
        used = 0;
    }
}

/* Makes lengths of at most max bits again a complete code; count[] is symbols of each length. */
static void limit_depths(unsigned *count, unsigned deepest, unsigned max)
{
    uint32_t sum = 0;

    for (unsigned d = max + 1; d <= deepest; d++) {
        count[max] += count[d];
        count[d] = 0;
    }
    for (unsigned d = 1; d <= max; d++)
        sum += count[d] << (max - d);
    /* Too full: a code of the deepest level goes, and a shorter one makes room for two. */
    for (; sum > 1u << max; sum--) {
        unsigned d = max - 1;

        while (!count[d])
            d--;
        count[max]--;
        count[d]--;
        count[d + 1] += 2;
    }
}

static uint16_t reversed(uint32_t bits, unsigned n)
{
    uint32_t r = 0;

    for (unsigned i = 0; i < n; i++)
        r |= (bits >> i & 1) << (n - 1 - i);
    return (uint16_t)r;
}

/* Canonical codes for these lengths (RFC 1951, 3.2.2). */
static void assign_codes(struct code *codes, unsigned n)
{
    unsigned count[CODE_BITS_MAX + 1] = {0}, next[CODE_BITS_MAX + 1], code = 0;

    for (unsigned i = 0; i < n; i++)
        count[codes[i].length]++;
    count[0] = 0;
    for (unsigned d = 1; d <= CODE_BITS_MAX; d++) {
        code = (code + count[d - 1]) << 1;
        next[d] = code;
    }
    for (unsigned i = 0; i < n; i++) {
        if (codes[i].length)
            codes[i].bits = reversed(next[codes[i].length]++, codes[i].length);
    }
}

/* At least two symbols get a code, which all decoders are content with. */
static void build_codes(uint16_t *freq, unsigned n, unsigned max, struct code *codes)
{
    uint32_t sorted[DEFLATE_LITLEN_SYMBOLS], depths[DEFLATE_LITLEN_SYMBOLS];
    unsigned used, count[DEFLATE_LITLEN_SYMBOLS] = {0}, depth;

    memset(codes, 0, n * sizeof *codes);
    used = 0;
    for (unsigned i = 0; i < n; i++)
        used += freq[i] != 0;
    for (unsigned i = 0; used < 2; i++) {
        if (!freq[i]) {
            freq[i] = 1;
            used++;
        }
    }
    used = sort_symbols(freq, n, sorted);
    for (unsigned i = 0; i < used; i++)
        depths[i] = sorted[i] >> SYMBOL_BITS;
    code_depths(depths, used);
    for (unsigned i = 0; i < used; i++)
        count[depths[i]]++;
    if (depths[0] > max)
        limit_depths(count, depths[0], max);
    /* The rarest get the longest. */
    depth = MIN(depths[0], max);
    for (unsigned i = 0; i < used; i++) {
        while (!count[depth])
            depth--;
        count[depth]--;
        codes[sorted[i] & ((1u << SYMBOL_BITS) - 1)].length = (uint8_t)depth;
    }
    assign_codes(codes, n);
}

/* ---- dynamic blocks: the code lengths, themselves coded (3.2.7) ------------------------------ */

struct header {
    unsigned litlens, dists, precodes; /* HLIT + 257, HDIST + 1, HCLEN + 4 */
    uint16_t items[DEFLATE_LITLEN_SYMBOLS + DEFLATE_DIST_SYMBOLS]; /* symbol | extra << 5 */
    unsigned n_items;
    struct code precode[PRECODE_SYMBOLS];
    size_t bits;
};

static const uint8_t precode_order[PRECODE_SYMBOLS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                       11, 4,  12, 3, 13, 2, 14, 1, 15};

static unsigned precode_extra(unsigned symbol)
{
    return symbol == 16 ? 2 : symbol == 17 ? 3 : symbol == 18 ? 7 : 0;
}

static void header_item(struct header *h, uint16_t *freq, unsigned symbol, unsigned extra)
{
    h->items[h->n_items++] = (uint16_t)(symbol | extra << 5);
    freq[symbol]++;
    h->bits += precode_extra(symbol);
}

/* Runs of equal lengths: 16 repeats the last 3 to 6 times, 17 and 18 are 3 to 138 zeroes. */
static void header_runs(struct header *h, uint16_t *freq, const uint8_t *lengths, unsigned n)
{
    for (unsigned i = 0; i < n;) {
        unsigned run = 1, left;

        while (i + run < n && lengths[i + run] == lengths[i])
            run++;
        left = run;
        if (lengths[i] == 0) {
            for (; left >= 3; left -= MIN(left, 138u)) {
                unsigned k = MIN(left, 138u);

                header_item(h, freq, k < 11 ? 17 : 18, k - (k < 11 ? 3 : 11));
            }
        } else {
            header_item(h, freq, lengths[i], 0);
            left--;
            for (; left >= 3; left -= MIN(left, 6u))
                header_item(h, freq, 16, MIN(left, 6u) - 3);
        }
        for (; left; left--)
            header_item(h, freq, lengths[i], 0);
        i += run;
    }
}

static void header_build(struct header *h, const struct code *litlen, const struct code *dist)
{
    uint8_t lengths[DEFLATE_LITLEN_SYMBOLS + DEFLATE_DIST_SYMBOLS];
    uint16_t freq[PRECODE_SYMBOLS] = {0}, freq_used[PRECODE_SYMBOLS];

    h->n_items = 0;
    h->bits = 5 + 5 + 4;
    for (h->litlens = DEFLATE_LITLEN_SYMBOLS; !litlen[h->litlens - 1].length;)
        h->litlens--;
    for (h->dists = DEFLATE_DIST_SYMBOLS; h->dists > 1 && !dist[h->dists - 1].length;)
        h->dists--;
    for (unsigned i = 0; i < h->litlens; i++)
        lengths[i] = litlen[i].length;
    for (unsigned i = 0; i < h->dists; i++)
        lengths[h->litlens + i] = dist[i].length;
    header_runs(h, freq, lengths, h->litlens + h->dists);
    memcpy(freq_used, freq, sizeof freq);
    build_codes(freq_used, PRECODE_SYMBOLS, PRECODE_BITS_MAX, h->precode);
    for (h->precodes = PRECODE_SYMBOLS; !h->precode[precode_order[h->precodes - 1]].length;)
        h->precodes--;
    h->precodes = MAX(h->precodes, 4u);
    h->bits += 3 * h->precodes;
    for (unsigned i = 0; i < PRECODE_SYMBOLS; i++)
        h->bits += (size_t)freq[i] * h->precode[i].length;
}

static void header_write(const struct header *h, struct bit_writer *w)
{
    put_bits(w, h->litlens - 257, 5);
    put_bits(w, h->dists - 1, 5);
    put_bits(w, h->precodes - 4, 4);
    flush_bits(w);
    for (unsigned i = 0; i < h->precodes; i++) {
        put_bits(w, h->precode[precode_order[i]].length, 3);
        flush_bits(w);
    }
    for (unsigned i = 0; i < h->n_items; i++) {
        unsigned symbol = h->items[i] & 31;

        put_bits(w, h->precode[symbol].bits, h->precode[symbol].length);
        put_bits(w, h->items[i] >> 5, precode_extra(symbol));
        flush_bits(w);
    }
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void fixed_codes(struct code *litlen, struct code *dist)
{
    for (unsigned i = 0; i < FIXED_LITLEN_SYMBOLS; i++)
        litlen[i].length = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    for (unsigned i = 0; i < DEFLATE_DIST_SYMBOLS; i++)
        dist[i].length = 5;
}

static size_t coded_bits(const struct deflate_block *b, const struct code *litlen,
                         const struct code *dist)
{
    size_t bits = b->extra_bits;

    for (unsigned i = 0; i < DEFLATE_LITLEN_SYMBOLS; i++)
        bits += (size_t)b->litlen[i] * litlen[i].length;
    for (unsigned i = 0; i < DEFLATE_DIST_SYMBOLS; i++)
        bits += (size_t)b->dist[i] * dist[i].length;
    return bits;
}

static void write_tokens(const struct deflate_block *b, struct bit_writer *out,
                         const struct code *litlen, const struct code *dist)
{
    struct bit_writer w = *out;

    for (unsigned i = 0; i < b->n_tokens; i++) {
        uint32_t t = b->tokens[i];

        if (t >> 31) {
            unsigned length = (t >> 16 & 255) + DEFLATE_MATCH_MIN, d = (t & 0x7fff) + 1;
            const struct code *lc = &litlen[length_symbol(length)], *dc = &dist[dist_symbol(d)];
            unsigned lx = length_extra(length), dx = dist_extra(d);

            put_bits(&w, lc->bits, lc->length);
            put_bits(&w, (length - DEFLATE_MATCH_MIN) & ((1u << lx) - 1), lx);
            put_bits(&w, dc->bits, dc->length);
            put_bits(&w, (d - 1) & ((1u << dx) - 1), dx);
        } else {
            put_bits(&w, litlen[t].bits, litlen[t].length);
        }
        flush_bits(&w);
    }
    put_bits(&w, litlen[END_OF_BLOCK].bits, litlen[END_OF_BLOCK].length);
    flush_bits(&w);
    *out = w;
}

void block_write_stored(struct bit_writer *w, const uint8_t *raw, size_t n, bool last)
{
    do {
        size_t piece = MIN(n, (size_t)STORED_MAX);
        bool end = last && piece == n;

        put_bits(w, (end ? 1 : 0) | BLOCK_STORED << 1, BLOCK_HEADER_BITS);
        w->count = (w->count + 7) & ~7u;
        flush_bits(w);
        store_le16(w->p, (uint16_t)piece);
        store_le16(w->p + 2, (uint16_t)~piece);
        memcpy(w->p + 4, raw, piece);
        w->p += 4 + piece;
        raw += piece;
        n -= piece;
    } while (n);
}

void block_write(struct deflate_block *b, struct bit_writer *w, const uint8_t *raw, size_t n,
                 bool last)
{
    struct code litlen[DEFLATE_LITLEN_SYMBOLS], dist[DEFLATE_DIST_SYMBOLS];
    struct code fixed_litlen[FIXED_LITLEN_SYMBOLS], fixed_dist[DEFLATE_DIST_SYMBOLS];
    struct header header;
    size_t dynamic_bits, fixed_bits, stored_bits = (n + 4 * (n / STORED_MAX + 1)) * 8;

    b->litlen[END_OF_BLOCK]++;
    fixed_codes(fixed_litlen, fixed_dist);
    fixed_bits = coded_bits(b, fixed_litlen, fixed_dist);
    build_codes(b->litlen, DEFLATE_LITLEN_SYMBOLS, CODE_BITS_MAX, litlen);
    build_codes(b->dist, DEFLATE_DIST_SYMBOLS, CODE_BITS_MAX, dist);
    header_build(&header, litlen, dist);
    dynamic_bits = header.bits + coded_bits(b, litlen, dist);
    if (stored_bits <= MIN(dynamic_bits, fixed_bits)) {
        block_write_stored(w, raw, n, last);
        return;
    }
    if (fixed_bits <= dynamic_bits) {
        put_bits(w, (last ? 1 : 0) | BLOCK_FIXED << 1, BLOCK_HEADER_BITS);
        assign_codes(fixed_litlen, FIXED_LITLEN_SYMBOLS);
        assign_codes(fixed_dist, DEFLATE_DIST_SYMBOLS);
        write_tokens(b, w, fixed_litlen, fixed_dist);
    } else {
        put_bits(w, (last ? 1 : 0) | BLOCK_DYNAMIC << 1, BLOCK_HEADER_BITS);
        header_write(&header, w);
        write_tokens(b, w, litlen, dist);
    }
}
