/*
 * The file that translations are saved in: entries found by a hash, each with a checksum.
 *
 * A file belongs to one context (what made the translations, as bytes; another has another file
 * name) and is never changed: a new one takes its place, with what the old one had and what is new,
 * the longest unused left out. So a reader keeps what it opened. It is opened without following
 * links, must be the user's own and no one else's to read or write, and is read into memory, never
 * mapped: entry by entry as they are wanted, each checked when it is first read. What is damaged is
 * as good as not there.
 *
 * Layout, little-endian. Header: magic, version, length of the context, size of the file, place and
 * count of the index, checksums of index and header; the context. Entries, the first four bytes of
 * each being the length of its identity (from its start): of entries with the same, one is kept.
 * Index: hash, place, size, age in updates since it was last used, checksum.
 *
 * Thread contract: one thread at a time for each struct; several processes may share a directory.
 */
#ifndef TCG_SAVED_FILE_H
#define TCG_SAVED_FILE_H

#include <stdint.h>

#include "tcg/saved/bytes.h"

enum {
    SAVED_CONTEXT_MAX = 512,
    SAVED_FILE_MAX = 64 << 20,
    SAVED_DIR_MAX = 256 << 20, /* all files of all contexts */
    SAVED_ENTRY_MAX = 1 << 20,
    SAVED_AGE_MAX = 200, /* updates that an entry survives unused */
    SAVED_WHY = 200,     /* room for a sentence */
};

struct saved_context {
    uint8_t bytes[SAVED_CONTEXT_MAX];
    size_t len;
};

enum saved_open {
    SAVED_OPEN,
    SAVED_MISSING, /* no file, or one of another version */
    SAVED_REFUSED, /* not a plain file of this user that others can not touch */
    SAVED_DAMAGED,
    SAVED_FAILED, /* memory, or reading it */
};

struct saved_file;

/* The directory, made if `make`; its descriptor, or -1 with why. -1 and no text: there is none. */
int saved_dir_open(const char *path, bool make, char why[SAVED_WHY]);
/* why: for SAVED_REFUSED, SAVED_DAMAGED and SAVED_FAILED. */
enum saved_open saved_file_open(int dir, const struct saved_context *context,
                                struct saved_file **out, char why[SAVED_WHY]);
void saved_file_close(struct saved_file *f);
unsigned saved_file_count(const struct saved_file *f);
/* Entries under the hash: the first (after: -1), or that after another; -1: none. */
int saved_file_find(const struct saved_file *f, uint64_t hash, int after);
/* One of the few entries behind `last` with one of the hashes; -1: none. What is wanted in the
 * order that it was saved in is found so, without a look where memory is cold. */
int saved_file_follow(const struct saved_file *f, int last, const uint64_t *hashes, unsigned count);
/* The bytes of an entry, NULL: damaged. Valid until the file is closed. */
const uint8_t *saved_file_entry(struct saved_file *f, int n, uint32_t *size);
/* It was of use: the next update keeps it. */
void saved_file_use(struct saved_file *f, int n);
/* The file was of use, and needs no update. */
void saved_file_touch(const struct saved_file *f);

/* Entries to be added. */
struct saved_fresh {
    struct bytes data;
    struct bytes items; /* of struct saved_item */
};
struct saved_item {
    uint64_t hash;
    size_t at, size; /* in data */
};
/* The entry is what was put into f->data from `at` on. false: out of memory. */
bool saved_fresh_add(struct saved_fresh *f, uint64_t hash, size_t at);
void saved_fresh_free(struct saved_fresh *f);

/* Put a new file in place of the present one: what `seen` (NULL: nothing) has used, what is fresh,
 * and the rest of what there is now, up to `limit` bytes (at most SAVED_FILE_MAX). false: not done,
 * why. Waits for other processes, not for long. */
bool saved_file_update(int dir, const struct saved_context *context, const struct saved_file *seen,
                       const struct saved_fresh *fresh, uint64_t limit, char why[SAVED_WHY]);

/* Mixes bytes so that no change within eight of them goes unnoticed. */
uint64_t saved_hash(uint64_t seed, const void *data, size_t len);

#endif
