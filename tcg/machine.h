/*
 * The translator's per-machine state: back end, code cache, blocks, safe points.
 *
 * Lock order: exclusive section (below), then the machine lock, then code_lock. An instruction that
 * runs alone may access a device; DMA takes code_lock under the machine lock; nobody enters an
 * exclusive section with the machine lock held, and nothing under code_lock touches a device.
 */
#ifndef TCG_MACHINE_H
#define TCG_MACHINE_H

#include <pthread.h>
#include "core/device/machine.h"
#include "tcg/cache/block.h"
#include "tcg/cpu.h"
#include "tcg/mmu/dirty.h"
#include "tcg/mmu/huge.h"
#include "tcg/mmu/tables.h"

/* Why compiled code (or the interpreter) came back to the run loop. */
enum tcg_exit_kind {
    TCG_EXIT_LINK,   /* a direct exit without (valid) link: block and exit number told */
    TCG_EXIT_DYN,    /* look up the PC in the register file */
    TCG_EXIT_EVENTS, /* likewise, but look at events first (poll, IR_EXIT_DYN aux 1) */
    TCG_EXIT_MODE,   /* likewise, and the mode word is not known yet (IR_EXIT_MODE) */
    TCG_EXIT_STATUS, /* tc->status says; state is exact, PC is that of the instruction */
};
struct tcg_exit {
    enum tcg_exit_kind kind;
    struct tcg_block *block; /* TCG_EXIT_LINK */
    unsigned number;
};

enum tcg_compiled {
    TCG_COMPILED,
    TCG_CODE_FULL, /* out of code memory: flush, try again */
    TCG_TOO_BIG,   /* over a limit of the back end: try with fewer instructions */
};
struct bytes;
struct bytes_reader;
struct tcg_backend {
    const char *name;
    bool (*supported)(void);
    bool (*init)(struct tcg_machine *tm, struct vemu_error **errp);
    void (*destroy)(struct tcg_machine *tm);
    bool (*vcpu_init)(struct tcg_cpu *tc, struct vemu_error **errp);
    void (*vcpu_destroy)(struct tcg_cpu *tc);
    /* Make block->code from the region; false: out of code memory (flush and try again). code_lock
     * held. */
    enum tcg_compiled (*compile)(struct tcg_machine *tm, struct tcg_block *block,
                                 struct ir_region *r);
    /*
     * Second tier, NULL: there is none. compile_region emits code for a region with labels without
     * taking a lock, one at a time; keep_region, under code_lock, makes what was emitted last the
     * code of block, a copy of the one it was emitted for; else it is overwritten by the next.
     */
    enum tcg_compiled (*compile_region)(struct tcg_machine *tm, struct tcg_block *block,
                                        struct ir_region *r);
    bool (*keep_region)(struct tcg_machine *tm, struct tcg_block *block);
    /* Run from block on; on return every register is in the register file and PC is set. */
    struct tcg_exit (*run)(struct tcg_cpu *tc, struct tcg_block *block);
    /* Exit `number` of `from` jumps to `to`, or (NULL) back to the run loop. code_lock held. */
    void (*link)(struct tcg_machine *tm, struct tcg_block *from, unsigned number,
                 struct tcg_block *to);
    /* The block was removed: whoever still enters its code comes back to the run loop. code_lock
     * held. */
    void (*kill)(struct tcg_machine *tm, struct tcg_block *block);
    void (*flush)(struct tcg_machine *tm); /* all code memory is free again; exclusive */
    /* Did the access that the vCPU is making come from this block? */
    bool (*runs)(const struct tcg_cpu *tc, const struct tcg_block *block);
    /* What the jump cache holds for a block. */
    void *(*jump_target)(struct tcg_block *block);
    /* -d out_asm */
    void (*disassemble)(struct tcg_machine *tm, struct tcg_block *block);
    /*
     * Saved translations (tcg/saved), NULL: there are none. describe: what code depends on besides
     * the IR, up to 64 bytes, returns how many. save: the block's code, exits and side table, with
     * origin->code, in a form that load takes in another machine: there block has everything else,
     * and a failure is TCG_TOO_BIG (damaged) or TCG_CODE_FULL. code_lock held.
     */
    size_t (*describe)(const struct tcg_machine *tm, uint8_t *out);
    void (*save)(struct tcg_machine *tm, const struct tcg_block *block, struct bytes *out);
    enum tcg_compiled (*load)(struct tcg_machine *tm, struct tcg_block *block,
                              struct bytes_reader *in);
};
extern const struct tcg_backend tcg_backend_interp, tcg_backend_x86_64;

enum { TCG_INJECTIONS = 9 };

struct tcg_machine {
    struct vemu_machine *m;
    const struct tcg_arch *arch;
    const struct tcg_backend *backend;
    void *backend_data;
    /* options */
    uint64_t cache_size;      /* bytes of code memory */
    unsigned max_insns;       /* longest region */
    bool count;               /* count executed instructions and state accesses */
    uint64_t reading_ns;      /* of the clock that translation is timed by; 0: not known */
    bool one_insn;            /* a region an instruction, for lockstep debugging */
    bool baseline;            /* no host instructions but those that every host has */
    bool jump_cache;          /* the back end takes code pointers from the jump cache */
    bool verify;              /* run the IR verifier on every region */
    bool parallel;            /* more than one vCPU */
    unsigned tier2_mode;      /* enum tier2_mode */
    unsigned tier2_threshold; /* samples (sync: lookups) that make a block hot; 0: 1 (sync: 2) */
    struct tier2 *tier2;      /* tcg/tier2; NULL: off */
    bool inject;              /* tcg/inject.h: take translations away at random */
    uint64_t inject_seed;
    struct icount *icount;   /* tcg/icount.h; NULL: time is the host's */
    struct perfmap *perfmap; /* tcg/perfmap.h; NULL: not asked for */
    unsigned saved_mode;     /* enum saved_mode */
    char *saved_dir;         /* where saved translations are, NULL: not said */
    struct saved *saved;     /* tcg/saved/saved.h; NULL: off */
    bool keep_origins;       /* blocks keep what saving them takes */

    pthread_mutex_t code_lock; /* insert, link, invalidate */
    struct tcg_cache cache;
    struct tcg_table_log tables; /* tcg/mmu/tables.h: writes to pages of translation tables */
    struct tcg_huge huge;
    struct tcg_dirty dirty;
    struct ir_insn *ir_storage; /* the region being built, under code_lock */
    struct ir_region *region;
    const char *compile_limit;    /* which limit the last TCG_TOO_BIG hit, for messages */
    struct disas *disas;          /* opened by the first log that wants it */
    struct tcg_counters counters; /* translation counters, under code_lock */
    struct tcg_counters ended;    /* of vCPUs that are gone */
    uint64_t inject_state;        /* random numbers for tier2's builder, under its build_lock */
    uint64_t injected[TCG_INJECTIONS];

    /* safe points: a vCPU is `in_code` while it may hold pointers into blocks or use its TLB */
    pthread_mutex_t exclusive_lock;
    pthread_cond_t exclusive_cond;
    unsigned in_code; /* vCPUs between tcg_enter_code and tcg_leave_code */
    bool exclusive;   /* an exclusive section is wanted or held */
    unsigned waiting; /* vCPUs in tcg_wait_requests() */
};

/* TCG_REQUEST_*: every vCPU takes it up at its next poll, or before it enters code again. */
void tcg_request(struct tcg_machine *tm, uint32_t request);
/* The same of one vCPU, by another one's thread, which may wait for it. */
void tcg_request_cpu(struct tcg_cpu *tc, uint32_t request);
/* Every vCPU has taken up what it was asked before, or is outside of code and will before it enters
 * it. The caller, a vCPU in code, counts as outside while it waits: look up again. */
void tcg_wait_requests(struct tcg_machine *tm, struct tcg_cpu *tc);
/* The vCPU's own: at a safe point. */
void tcg_take_requests(struct tcg_cpu *tc);

static inline struct tcg_machine *tcg_machine_of(struct vemu_machine *m)
{
    return m->accel_state;
}
static inline struct tcg_cpu *tcg_cpu_of_vcpu(struct vcpu *cpu)
{
    return cpu->accel_data;
}

/* ---- safe points (tcg/safepoint.c)
 * --------------------------------------------------------------------- */

/* The vCPU thread is about to use blocks and its TLB; waits while another is exclusive. */
void tcg_enter_code(struct tcg_cpu *tc);
void tcg_leave_code(struct tcg_cpu *tc);
/* Give way to a waiting exclusive section; at polls. */
void tcg_safe_point(struct tcg_cpu *tc);
/* Stop every other vCPU outside compiled code. tc: the caller when it is a vCPU in code (it keeps
 * being so), else NULL. Never with the machine lock held. One at a time; a vCPU that waits counts
 * as outside: after begin returns, blocks may have gone: look up again. */
void tcg_exclusive_begin(struct tcg_machine *tm, struct tcg_cpu *tc);
void tcg_exclusive_end(struct tcg_machine *tm, struct tcg_cpu *tc);

#endif
