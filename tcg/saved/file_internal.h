/* What reading and writing the file share. Private to tcg/saved/file.c and update.c. */
#ifndef TCG_SAVED_FILE_INTERNAL_H
#define TCG_SAVED_FILE_INTERNAL_H

#include "tcg/saved/file.h"

#define SAVED_MAGIC "vemu-jit"
#define SAVED_PREFIX "translations-"

enum {
    SAVED_VERSION = 1,
    SAVED_NAME = 48,
    /* places in the header */
    HEADER_VERSION = 8,
    HEADER_CONTEXT = 12, /* its length */
    HEADER_SIZE = 16,    /* of the file */
    HEADER_INDEX = 24,
    HEADER_COUNT = 32,
    HEADER_INDEX_SUM = 40,
    HEADER_SUM = 48,
    SAVED_HEADER = 56, /* the context follows */
    INDEX_SIZE = 32,
};

enum { FILTER_BITS = 19 };
enum { ENTRY_GOOD = 1, ENTRY_BAD = 2, ENTRY_USED = 4 };

struct saved_file {
    int fd;
    uint8_t *data; /* room for all of it; what `steps` says has been read */
    uint8_t *steps;
    uint64_t size, start, index; /* of the file; places of the entries and of the index */
    uint32_t count;
    unsigned bucket_bits;
    uint8_t
        filter[1 << (FILTER_BITS - 3)]; /* by hash: bit clear: there is none; stays in a cache */
    int32_t *bucket;                    /* entry, or -1 */
    struct saved_link {
        int32_t next; /* entry in the same bucket, or -1 */
        uint32_t tag; /* low half of the hash */
    } * links;
    uint8_t *state; /* of the entries: ENTRY_* */
};

struct saved_index {
    uint64_t hash, at, sum;
    uint32_t size, age;
};
struct saved_index saved_index(const struct saved_file *f, uint32_t n);
void saved_file_name(const struct saved_context *context, char name[SAVED_NAME]);
uint64_t saved_header_sum(const uint8_t *header, const uint8_t *context, size_t context_len);

#endif
