/*
 * The translator's per-vCPU state and the interface between a guest front end and the rest of tcg/.
 *
 * Memory layout of a vCPU: [struct tcg_cpu][architectural register file]. Compiled code keeps a
 * pointer to the register file pinned ("env"); everything in struct tcg_cpu is at a negative offset
 * from it, the hot fields last so that they are within a signed byte. struct tcg_cpu is never
 * saved.
 *
 * Thread contract: owned by the vCPU's thread, except exit_request and the fields said to be
 * shared.
 */
#ifndef TCG_CPU_H
#define TCG_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/clock/clock.h"
#include "core/cpu/cpu.h"
#include "core/memory/memory.h"
#include "tcg/ir/ir.h"
#include "tcg/spin.h"

struct tcg_machine; /* tcg/machine.h: code cache, blocks, safe points */
struct tcg_ctx;   /* tcg/mmu/tlb.h: one cached address space: level 1 TLB, jump cache, link table */
struct tcg_block; /* tcg/cache/block.h */
struct tcg_translation;

enum tcg_access { TCG_READ, TCG_WRITE, TCG_FETCH };

/* struct tcg_cpu.status: why a helper or slow path wants to leave the block. 0: go on. */
enum tcg_status {
    TCG_OK = 0,
    TCG_EXCEPTION, /* the architecture's pending exception was set by its raise function */
    TCG_REEXECUTE, /* leave with the state before this instruction and run it alone (3.2) */
    TCG_LEAVE,     /* stop, debug event or internal error: state before this instruction */
};

struct tcg_counters {
    uint64_t blocks, guest_insns, guest_bytes, ir_insns, host_bytes; /* translated */
    uint64_t translate_ns;
    uint64_t lookups, jump_cache_fills, links, link_breaks, invalidations, cache_flushes;
    uint64_t tlb_fills, tlb_slow, tlb_refills, ctx_switches, ctx_recycled, tlb_flushes;
    uint64_t exceptions, interrupts, exits, reexecutions, io_accesses, helper_calls;
    uint64_t state_loads,
        state_stores; /* static counts weighted by executions when counting is on */
    uint64_t exec_insns, exec_state_loads, exec_state_stores; /* with -accel tcg,count=on */
    uint64_t exec_tier2; /* of exec_insns: in regions of the second tier */
    /* The most guest instructions between two looks at exit_request; count=on with the interpreter.
     * A maximum, not a sum: the last field. */
    uint64_t poll_distance;
};

enum { TCG_PAGE_SLOTS = 16, TCG_KEPT_PAGES = 8, TCG_HOST_CONSTS = 13 };

struct tcg_cpu {
    struct vcpu *vcpu;
    struct tcg_machine *tm;
    const struct tcg_arch *arch;
    struct tcg_mmu *mmu;      /* tcg/mmu: cached contexts, what misses go by */
    struct mem_space *memory; /* what physical addresses are of: see tcg_mmu_set_memory() */
    void *backend;            /* the back end's own per-vCPU data */
    void *arch_data;          /* the front end's own, between arch->init and arch->destroy */
    struct tcg_counters counters;
    struct tcg_spin spin;

    /* An exception raised by a helper or slow path, until the architecture delivers it. */
    uint8_t exc_vector;
    bool exc_has_error;
    uint32_t exc_error;
    uint64_t exc_addr; /* faulting linear address (CR2 / FAR), or the DR6 bits of a #DB */
    uint64_t
        exc_next_rip_delta; /* software exceptions are traps: added to the PC at delivery; else 0 */

    uint64_t mode_control; /* architecture: the part of the mode word that control registers and the
                              debugger decide, as last computed */
    uint64_t inject_state; /* of tcg/inject.c's random numbers */
    uint64_t inject_looks; /* at the run loop, with injections */
    bool sample;          /* shared: the second tier wants to know where this vCPU is (tcg/tier2) */
    uint8_t step_pending; /* x86: #DB conditions of the running instruction (tcg/x86/sys.h) */
    uint8_t insn_it;      /* AArch32: not 0: PSTATE.IT of the running instruction */
    uint32_t barrier;     /* Arm: a broadcast of TLBI is under way, which DSB waits for */
    uint32_t root_later;  /* Arm: TTBRs were written: the root changes at the next context
                             synchronisation, so that not each step on the way to it makes one */
    uint32_t halt_seq;    /* interrupt_seq before the last look at events (tcg/icount.h) */
    int32_t granted;      /* what the budget was when it was last accounted for */
    bool in_block;        /* a block is being run, by either back end */
    bool single_insn;     /* the block being run is one re-executed instruction: its slow accesses
                             complete */
    bool exclusive_insn;  /* likewise, and every other vCPU is stopped */
    bool want_exclusive;  /* TCG_REEXECUTE: the instruction must run alone */
    bool guest_fp;        /* compiled code runs: the host's FP control register holds the guest's */
    bool x87_io;          /* a device access took the state from the host's x87 */
    struct tcg_watch *watch_hit;      /* a watchpoint was hit by the completed instruction */
    _Atomic uint32_t requests;        /* shared: TCG_REQUEST_*, taken up at polls */
    _Atomic uint64_t dirty_ticket;    /* shared: of the last TCG_REQUEST_REARM that was taken up */
    _Atomic uint64_t asked, answered; /* shared: tcg_wait_requests() */
    bool inside; /* between tcg_enter_code and tcg_leave_code; exclusive_lock */

    /* the compiled back end's call interface: what its thunks save, arguments, C entry points */
    uint64_t host_gpr[16];
    uint64_t host_vec[16][4] __attribute__((aligned(32)));
    uint64_t spills[40][4] __attribute__((aligned(32)));
    /*
     * Pages that single accesses of a region found in the TLB the last time: offsets below limit
     * from page are at address + addend. Good until C is called: then limit is 0. The slots are the
     * region's whose code offset is page_owner.
     */
    uint64_t page_limit[TCG_PAGE_SLOTS] __attribute__((aligned(16)));
    uint64_t page_address[TCG_PAGE_SLOTS], page_addend[TCG_PAGE_SLOTS];
    uint32_t page_owner;
    /* Addends of pages that a region's slots point into (keep.c), or 0: until C is called. */
    uint64_t page_kept[TCG_KEPT_PAGES];
    /* Packed flags with bit 31 set where a label was reached the uncommon way, else 0. */
    uint32_t label_flags[16];
    uint64_t call_arg[4];
    uint32_t call_attr;  /* access: size and enum ir_mem; call: helper number; trap: unused */
    uint32_t leave_kind; /* enum tcg_exit_kind, set by the leaving thunk */
    uint64_t (*thunk_fn[10])(void *env);
    const struct clock_reading *clock; /* the virtual clock */

    uint64_t unpolled;     /* guest instructions since the last poll, for counters.poll_distance */
    uint64_t fetch_second; /* physical address of what fetch_buffer holds */
    uint8_t fetch_buffer[16]; /* code bytes read from the bus, when code is not in RAM or ROM */
    uint8_t fetch_page[MEM_PAGE_SIZE];
    uint64_t scratch[16]
        __attribute__((aligned(32))); /* vector temporaries for helpers, STENV/LDENV */
    /* the back end's vector constants: enum host_constant */
    uint64_t host_const[TCG_HOST_CONSTS][2] __attribute__((aligned(16)));
    uint32_t fp_flags; /* sticky exceptions that are none of guest_mxcsr: SOFTFP_ID */
    /* Arm: not 0: an instruction has saturated. FPSR.QC is that or what fpsr says; who reads the
     * register or synchronises it adds it there, who writes FPSR clears it. */
    uint64_t arm_saturated[2] __attribute__((aligned(16)));
    /* Arm: PSTATE.BTYPE as enum arm_btype, and the address that says whether it holds (bti.c). */
    uint64_t arm_branch;
    uint32_t arm_btype;

    /* ---- within -128 .. -1 of env: keep this last and in this order ---- */
    uint64_t mode
        __attribute__((aligned(128))); /* the mode word (tcg/x86/mode.h), part of the block key */
    struct tcg_ctx *ctx; /* current address space context; the back end keeps it pinned */
    uint64_t pcb;        /* PC base: PC minus its offset in the page of the running block */
    uint32_t fl;         /* packed arithmetic flags (ir.h), authoritative for the flags in RFLAGS */
    uint32_t status;     /* enum tcg_status */
    uint32_t exit_request; /* shared: non-zero makes the next poll leave */
    uint32_t host_mxcsr;   /* FP control of the C side and of guest code (x86 hosts) */
    uint32_t guest_mxcsr;
    uint16_t x87_cw; /* control word of guest code: the guest's rounding, all exceptions masked */
    uint16_t pad0;
    uint64_t
        ret_addr; /* host return address of the access or helper that leaves: finds the snapshot */
    uint64_t temp[5];  /* architecture scratch: helper results beyond the first, LDENV/STENV */
    uint32_t x87_live; /* the host's x87 has the guest's state (tcg/host_x87.h) */
    int32_t budget;    /* instructions that may still be executed (tcg/icount.h) */
};
_Static_assert(sizeof(struct tcg_cpu) % 128 == 0, "the register file follows, aligned");

enum { X87_CW_HOST = 0x37f }; /* of the C side */

/* tcg_cpu.requests */
enum {
    TCG_REQUEST_FLUSH = 1 << 0, /* the flat view changed: every translation is void */
    TCG_REQUEST_REARM = 1 << 1, /* write entries of clean pages are void (tcg/mmu/dirty.h) */
    TCG_REQUEST_ARCH = 1 << 2,  /* arch->take_request() */
};

static inline void *tcg_env(struct tcg_cpu *tc)
{
    return tc + 1;
}
static inline struct tcg_cpu *tcg_cpu_of(void *env)
{
    return (struct tcg_cpu *)env - 1;
}
/* Offset of a private field as ir_slot.offset and LDENV/STENV take it. */
#define TCG_ENV_OFFSET(field)                                                                      \
    ((int32_t)offsetof(struct tcg_cpu, field) - (int32_t)sizeof(struct tcg_cpu))

static inline bool tcg_faulted(const struct tcg_cpu *tc)
{
    return tc->status != TCG_OK;
}

/* ---- guest memory for helpers and the interpreter (tcg/mmu/access.c)
 * --------------------------------- */

/*
 * size in bytes (1, 2, 4, 8); attr: enum ir_mem bits (IR_MEM_SIZE is ignored, size counts). On a
 * fault status is set and 0 returned: check tcg_faulted() before any further effect. Unaligned and
 * page-crossing accesses are right: a page-crossing store faults before it writes anything.
 */
uint64_t tcg_load(struct tcg_cpu *tc, uint64_t addr, unsigned size, unsigned attr);
void tcg_store(struct tcg_cpu *tc, uint64_t addr, unsigned size, uint64_t value, unsigned attr);
void tcg_load_bytes(struct tcg_cpu *tc, uint64_t addr, void *buf, unsigned len, unsigned attr);
void tcg_store_bytes(struct tcg_cpu *tc, uint64_t addr, const void *buf, unsigned len,
                     unsigned attr);
/* Would an access fault? Sets status when it would (write: for stores of several parts). */
bool tcg_probe(struct tcg_cpu *tc, uint64_t addr, unsigned len, enum tcg_access access,
               unsigned attr);
/* Host pointer to plain RAM for up to the rest of the page, or NULL (MMIO, code page, watched,
 * fault: status tells the last). Valid until the next poll. For bulk string operations. */
void *tcg_host_ptr(struct tcg_cpu *tc, uint64_t addr, enum tcg_access access, unsigned attr);
/* The same for len bytes of one page, without a walk: NULL also when the fast table does not know
 * the page. Nothing changes, and no status is set. */
void *tcg_known_ptr(struct tcg_cpu *tc, uint64_t addr, unsigned len, bool write, unsigned attr);
enum tcg_atomic {
    TCG_XCHG,
    TCG_ADD,
    TCG_AND,
    TCG_OR,
    TCG_XOR,
    TCG_CMPXCHG,
    TCG_ADC,
    TCG_SBB,
    TCG_NEG
};
/* Atomic read-modify-write, returns the old value. CMPXCHG: value is new, expected in `expected`.
 * ADC/SBB: value plus carry in bit 0 of expected; NEG ignores both. */
uint64_t tcg_atomic(struct tcg_cpu *tc, uint64_t addr, unsigned size, enum tcg_atomic op,
                    uint64_t value, uint64_t expected, unsigned attr);
/* 16 bytes; io[0..1] expected in, old value out; returns whether it matched. */
bool tcg_cmpxchg16(struct tcg_cpu *tc, uint64_t addr, uint64_t io[2], const uint64_t desired[2],
                   unsigned attr);

/* Port I/O: takes the machine lock as needed, sets io_exit handling; never faults. */
uint64_t tcg_in(struct tcg_cpu *tc, uint16_t port, unsigned size);
void tcg_out(struct tcg_cpu *tc, uint16_t port, unsigned size, uint64_t value);

/* ---- what the front end tells the MMU
 * ------------------------------------------------------------------ */

/* All mappings may have changed (CR3 load without PCID tag match is tcg_mmu_set_root instead). */
void tcg_mmu_flush(struct tcg_cpu *tc, bool keep_global);
void tcg_mmu_flush_page(struct tcg_cpu *tc, uint64_t vaddr);
/* The same for the address spaces of one tag (mmu_root_tag), without their global pages. */
void tcg_mmu_flush_tag(struct tcg_cpu *tc, uint64_t tag);
void tcg_mmu_flush_page_tag(struct tcg_cpu *tc, uint64_t vaddr, uint64_t tag);
/* Rights that pages have by a key (tcg_walk.keyed) were taken away. */
void tcg_mmu_keys_changed(struct tcg_cpu *tc);
/* The translation root changed to `key` (a value naming the address space: CR3 | PCID and
 * paging-mode bits): a cached context for it is taken up; flush: its cached translations are void.
 * The mode word and the MMU index stay: who changed them too calls tcg_mode_changed() after. */
void tcg_mmu_set_root(struct tcg_cpu *tc, uint64_t key, bool flush);
/* Physical addresses are of this space from now on: the machine's memory, or what the processor
 * sees in a mode of its own (x86: system management mode). Roots of different spaces have different
 * keys; a call of tcg_mmu_set_root follows. */
void tcg_mmu_set_memory(struct tcg_cpu *tc, struct mem_space *space);
/* The mode word or MMU index may have changed: recompute both and select the context. Called by
 * helpers that change CPL, CRx, EFER, CS, RFLAGS.TF/AC ...; the block must end with IR_EXIT_DYN. */
void tcg_mode_changed(struct tcg_cpu *tc);
/* The same for an architecture that knows the result already. */
void tcg_mode_set(struct tcg_cpu *tc, uint64_t mode, unsigned mmu_index);

/* ---- the front end
 * -------------------------------------------------------------------------------------- */

/* An entry that a walk went through, for tcg/mmu/tables.h. */
struct tcg_walk_entry {
    struct ram_block *ram; /* NULL: not in writable RAM */
    uint64_t offset;       /* in ram */
    uint16_t index;        /* in its table */
    uint8_t size;          /* in bytes */
    uint8_t shift;         /* log2 of the address space it maps */
};

enum { TCG_WALK_LEVELS = 5 };

/*
 * How the last entry of a walk is read again without the levels above it, and for the pages that
 * its table maps besides: what processors keep in their paging-structure caches. An entry allows
 * the access that was walked for, and has the accessed and dirty bits that it would set, when
 * (entry & mask) == want. All else takes the walk.
 */
struct tcg_walk_last {
    const void
        *table; /* in the host's memory; a large page: its entry. NULL: there is no short way */
    uint64_t mask, want;
    uint64_t address; /* bits of an entry that are its page's address */
    uint64_t low;     /* bits of the linear address that go below: a large page's, not a page's */
    uint64_t global;  /* bit of an entry whose page is global */
    uint64_t local;   /* ... or is not: then `global` is the same bit */
    uint32_t index_mask; /* of the linear address's page number: the entry's index in table */
    uint32_t size;       /* of an entry: 4 or 8 bytes */
};

struct tcg_walk {
    struct tcg_walk_entry entries[TCG_WALK_LEVELS]; /* when tables_wanted was set */
    unsigned entry_count;
    bool tables_wanted;
    uint64_t paddr;    /* of the page's first byte... low 12 bits clear */
    uint8_t page_bits; /* size of the mapping, 12 when not a large page */
    bool readable, writable,
        executable; /* in the MMU index asked for, write also says dirty is set */
    bool global;
    bool keyed; /* what may be done there depends on a key's rights: tcg_mmu_keys_changed() */
    struct tcg_walk_last last;
};

/*
 * One region being translated. The front end calls tcg_fetch() for instruction bytes, emits IR, and
 * returns.
 */
struct tcg_translation {
    struct tcg_cpu *tc; /* what is baked of it besides the mode must be in arch->describe() */
    struct ir_region *ir;
    uint64_t pc;          /* PC (RIP) of the first instruction */
    uint64_t mode;        /* mode word: everything that may be baked besides the code bytes */
    uint32_t page_offset; /* of the first instruction in its page: PC = pcb + page_offset */
    unsigned max_insns;   /* stop after so many */
    bool single;          /* exactly one instruction, then poll (re-execution, single step) */
    /* set by the front end: pages used */
    const uint8_t *page;  /* stable copy or view of the first page's bytes */
    const uint8_t *page2; /* of the next page, once tcg_fetch_next_page() succeeded */
    uint32_t len;         /* bytes of code used by the region */
    uint8_t ends;         /* enum tcg_ends: what kind of instruction the region ends with */
    /* A part of a region of several blocks: its pages' place in the region, and where its branches
     * go on within it. NULL: they all leave. */
    int64_t rel_base; /* PC of the page's first byte minus PCB */
    const struct tcg_node *node;
};

enum tcg_ends { TCG_ENDS_OTHER, TCG_ENDS_CALL, TCG_ENDS_RETURN };

/* Where a direct exit of a node goes on within the region. */
struct tcg_edge {
    int64_t rel;                                 /* PC minus PCB */
    enum { TCG_EDGE_NEXT, TCG_EDGE_LABEL } kind; /* the node translated next, without a label */
    uint8_t label;
};
struct tcg_node {
    struct tcg_edge edges[3];
    unsigned edge_count;
    bool returns; /* edges[0] is where its return instruction is expected to lead */
};
/* The edge to PCB + rel, or NULL: leave. */
static inline const struct tcg_edge *tcg_edge_to(const struct tcg_translation *t, int64_t rel)
{
    for (unsigned n = 0; t->node && n < t->node->edge_count; n++)
        if (t->node->edges[n].rel == rel)
            return &t->node->edges[n];
    return NULL;
}

/*
 * Makes the page after the first one available for an instruction that straddles. false: fetching
 * it faults; the front end then either ends the region before this instruction or, when it is the
 * first, raises the fault it is told by leaving the region empty (the caller delivers status).
 */
bool tcg_fetch_next_page(struct tcg_translation *t);

/* Where an architecture that emits IR_X87_* keeps the state: offsets in the register file.
 * Registers by physical number, 16 bytes apart; the top of stack is in bits 11-13 of the status
 * word. */
struct tcg_x87_layout {
    int32_t registers, sw, tags; /* tags: a byte, bit n: register n is in use */
    int32_t ip, cs, op, dp, ds;  /* of the last instruction */
    int32_t selector[8];         /* of the segments by number */
    uint8_t code_segment;
};

enum { TCG_HASH_WORDS = 160 };

struct tcg_arch {
    const char *name;
    enum cpu_arch cpu;
    size_t regs_size;
    const struct ir_slot *slots;
    unsigned slot_count;
    const struct ir_helper *helpers;
    unsigned helper_count;
    unsigned mmu_index_count;
    uint64_t
        transient_modes;  /* mode bits that last one instruction: never entered in jump caches */
    uint64_t event_modes; /* mode bits (low 32) under which IR_EXIT_DYN with aux 1 always returns to
                             the run loop */
    /* Slot numbers the core needs. */
    unsigned slot_pcb, slot_pc, slot_flags;
    uint64_t flat_pc_mode; /* mode bits that all being set say: PC and linear code address agree in
                              their page offset */
    const struct tcg_x87_layout *x87;
    /* The slots that deserve a host register across blocks, hottest first. */
    const uint8_t *home_slots;
    unsigned home_count;

    bool (*init)(struct tcg_cpu *tc, struct vemu_error **errp);
    void (*destroy)(struct tcg_cpu *tc); /* also after an init that failed; NULL: nothing to do */
    /* TCG_REQUEST_ARCH, at a safe point; NULL where nobody makes one. */
    void (*take_request)(struct tcg_cpu *tc);
    /* A guest data breakpoint fires: noted, or raised before the access is made. */
    void (*watch_hit)(struct tcg_cpu *tc, unsigned dr, uint64_t addr, bool write);
    void (*features)(uint32_t *words);
    /* What of the vCPU a translation depends on besides bytes and mode word, as bytes; returns how
     * many, 0: there is not room for them. */
    size_t (*describe)(const struct tcg_cpu *tc, uint8_t *out, size_t room);
    void (*reset)(struct tcg_cpu *
                      tc); /* the architectural part was reset or loaded: split flags, mode, root */
    void (*sync)(
        struct tcg_cpu *tc); /* canonicalise the architectural part (fold fl into rflags ...) */
    /* The registers that a hash of the execution takes in; returns how many words. */
    unsigned (*hash_words)(struct tcg_cpu *tc, uint64_t words[TCG_HASH_WORDS]);
    uint64_t (*get_pc)(struct tcg_cpu *tc);
    void (*set_pc)(struct tcg_cpu *tc, uint64_t pc);
    /* PC -> linear address of the code byte, with A20 not applied; and the linear base (PC 0). */
    uint64_t (*code_address)(struct tcg_cpu *tc, uint64_t pc);
    uint64_t (*code_mask)(struct tcg_cpu *tc); /* linear addresses of code wrap at this mask */
    uint64_t (*mode_word)(struct tcg_cpu *tc);
    unsigned (*mmu_index)(struct tcg_cpu *tc); /* for data accesses in the present mode */
    uint64_t (*mmu_root)(
        struct tcg_cpu *tc); /* the key for tcg_mmu_set_root in the present state */
    /* Bits of a root's key that say where its tables are: roots that differ in nothing else share
     * global pages. Roots with equal tags share what an untagged flush drops; 0: the processor tags
     * nothing, every load of the root drops all that is not global. */
    uint64_t mmu_root_base;
    /* Bits of a linear address that may be ignored where it is translated: what is known of a page
     * is known of all addresses that differ there only, and dropped for all of them. */
    uint64_t address_tag;
    uint64_t (*mmu_root_tag)(uint64_t key);
    /* Translate a linear address for an access; false: raises the page fault (sets exc_* and
     * status) unless `quiet`. Sets accessed and dirty bits. quiet (debugger): no side effects. */
    bool (*walk)(struct tcg_cpu *tc, uint64_t vaddr, enum tcg_access access, unsigned mmu_index,
                 bool quiet, struct tcg_walk *out);
    void (*raise_alignment)(struct tcg_cpu *tc, uint64_t addr,
                            bool write);                  /* IR_MEM_ALIGN violated */
    void (*raise_trap)(struct tcg_cpu *tc, uint64_t imm); /* IR_TRAPNZ / IR_TRAPCC with this imm */
    void (*translate)(struct tcg_translation *t);
    /* For the logs: 16, 32 or 64, the kind of code that a mode word says, and one instruction as
     * text by the front end's own tables; returns its length, 0 when there is none (tcg/disas.h).
     */
    unsigned (*code_bits)(uint64_t mode);
    unsigned (*format_insn)(const uint8_t *code, size_t len, unsigned bits, uint64_t address,
                            char *buf, size_t size);
    /* Deliver the exception in exc_*: may end in a double or triple fault (returns false:
     * shutdown). */
    bool (*deliver_exception)(struct tcg_cpu *tc);
    /* status was set within a block: what compiled code keeps elsewhere until then goes to the
     * register file. NULL: there is nothing. */
    void (*settle)(struct tcg_cpu *tc);
    /* Take pending events (vcpu->interrupt): INIT, SIPI, NMI, interrupts when deliverable. Returns
     * what the run loop does next. */
    enum tcg_event {
        TCG_EVENT_NONE,
        TCG_EVENT_DELIVERED,
        TCG_EVENT_HALT,
        TCG_EVENT_SHUTDOWN
    } (*take_events)(struct tcg_cpu *tc);
};

extern const struct tcg_arch tcg_arch_x86; /* tcg/x86/arch.c */
extern const struct tcg_arch tcg_arch_arm; /* tcg/arm/arch.c */

/* Leave with an internal error: a sentence in vcpu->error, status TCG_LEAVE. */
void tcg_internal_error(struct tcg_cpu *tc, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
