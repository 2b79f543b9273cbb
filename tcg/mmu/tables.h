/*
 * Watching translation tables. Operating systems without address-space tags (x86: PCID) reload the
 * root on every switch, with page-table isolation on every entry to and return from the kernel, and
 * each load drops all that is cached and not global. What was cached is still what the walks would
 * find when the tables were not written meanwhile. So a root that is reloaded often has its tables
 * watched: each page of them is guarded as code pages are, stores to it are logged, and a reload
 * drops only what the log says.
 *
 * With several vCPUs nothing is watched: guarding a page would take an exclusive section each time,
 * and so would every atomic update of an entry.
 *
 * Thread contract: roots belong to their vCPU's thread. The log is written under code_lock (a DMA
 * may hit a table); its count may be read without: who then finds it changed takes the lock.
 */
#ifndef TCG_MMU_TABLES_H
#define TCG_MMU_TABLES_H

#include <stdbool.h>
#include <stdint.h>

struct ram_block;
struct tcg_cpu;
struct tcg_machine;
struct tcg_page;
struct tcg_walk;

enum {
    TABLE_LOG_SIZE = 2048,
    TABLE_HOT = 256, /* writes after which a page is no longer watched: what it maps is dropped */
    TABLE_WRITE = 4, /* as how many one counts that something may be cached of */
    TABLE_RELOADS = 64,   /* reloads of cached roots after which tables are watched */
    TABLE_DROPS = 32,     /* ranges dropped one by one; more: everything */
    TABLE_PAGES = 8,      /* pages of one table dropped one by one; more: all that the table maps */
    ROOT_TABLES = 96,     /* tables of a root; more: it is not watched */
    ROOT_TABLE_LEVELS = 5 /* of a walk */
};

struct tcg_table_log {
    uint64_t count; /* writes so far; writes[n % TABLE_LOG_SIZE] is the n-th */
    struct table_write {
        struct ram_block *ram; /* an identity: never followed */
        uint64_t offset, len;
    } writes[TABLE_LOG_SIZE];
};

struct root_tables {
    bool watched;  /* all tables that cached translations came through are listed */
    uint64_t seen; /* of the log */
    unsigned count;
    uint8_t last[ROOT_TABLE_LEVELS]; /* the one found last by each level of a walk */
    struct root_table {
        struct ram_block *ram; /* an identity: never followed */
        uint64_t offset;       /* of the table in ram; it ends at the end of its page */
        uint64_t base;         /* first address it maps */
        uint8_t size, shift;   /* of an entry, in bytes; log2 of what it maps */
    } list[ROOT_TABLES];
};

/* Everything of the root was dropped: watch its tables from now on, or do not. */
void tables_start(struct tcg_machine *tm, struct root_tables *t, bool watch);
/* A walk for vaddr through a watched root's tables. true: some were not guarded yet: walk again,
 * what was read may have changed unseen. */
bool tables_note(struct tcg_cpu *tc, struct root_tables *t, uint64_t vaddr,
                 const struct tcg_walk *w);
/* A page of 4 KiB, or what a table or an entry one level up maps: 2 MiB or 4 MiB. */
struct table_drop {
    uint64_t base;
    unsigned shift;
};

/* What the writes since the last call concern. false: too much, or the tables are not watched:
 * everything. */
bool tables_changed(struct tcg_machine *tm, struct root_tables *t,
                    struct table_drop drops[TABLE_DROPS], unsigned *count);
/* Bytes of a watched page are about to be written; code_lock held. */
void tables_written(struct tcg_machine *tm, struct tcg_page *page, uint64_t offset, uint64_t len);
/* The same for what a device or the debugger wrote anywhere. */
void tables_written_range(struct tcg_machine *tm, struct ram_block *ram, uint64_t offset,
                          uint64_t len);

#endif
