/*
 * The x86-64 code generator's state while one block is compiled. Private to tcg/host/x86_64.
 *
 *   target.h   which register is what          alloc.c   where each value is
 *   select.c   integer ops, memory, control    vector.c  vector ops
 *   x87_cg.c   x87 ops
 *   flags.c    host flags <-> IR_FL values     exit.c    snapshots and transitions to the
 * block-boundary convention thunk.c    shared code                     backend.c code memory,
 * linking, entry
 *   access.c   loads and stores                routine.c the same, shared by blocks
 *   share.c    one check for several of them   labels.c  places in a region that are branched to
 *   keep.c     checks that hold across labels
 */
#ifndef TCG_HOST_X86_64_CG_H
#define TCG_HOST_X86_64_CG_H

#include "tcg/host/x86_64/emit.h"
#include "tcg/host/x86_64/target.h"
#include "tcg/host/x86_64/x87_cg.h"
#include "tcg/machine.h"
#include "tcg/mmu/tlb.h"

_Static_assert(IR_MAX_SLOTS <= 64, "slots fit a mask");

enum {
    CG_SHARES = 32, /* in a segment: see share.c */
    /* insns, the home values slots start with, what shared checks find */
    CG_VALUES = IR_MAX_INSNS + IR_MAX_SLOTS + CG_SHARES,
    CG_SPILLS = 40, /* places in tcg_cpu.spills */
    CG_MAX_STUBS = 1024,
    CG_MAX_PLACES = 16384,
    CG_MAX_X87 = CG_MAX_STUBS, /* x87 states of snapshots and exits */
    CG_MAX_RELOCS = 4096,
};

/* Where a slot's value is, when not where the convention has it. */
enum place_kind {
    PLACE_GPR,
    PLACE_XMM,    /* low half, PLACE_UPPER_ZERO in index: the high half is zero */
    PLACE_XMM_HI, /* high half */
    PLACE_SPILL,
    PLACE_SPILL_HI,
    PLACE_CONST,
    PLACE_SLOT /* memory of another slot */,
    PLACE_FLAGS /* to be computed: index is op and width << 8; operands are the next places */
};
struct place {
    uint8_t slot;
    uint8_t kind;
    uint16_t index; /* register, spill place, constant number in the side table, slot */
};

enum {
    PLACE_OPERAND = 0xff /* place.slot of an operand of PLACE_FLAGS */,
    PLACE_UPPER_ZERO = 1 << 8,
    PLACE_FROM_RESULT = 1 << 11,
    /* PLACE_FLAGS: only when label_flags[index >> PLACE_MARK_SHIFT] - 1 is 0, else that says */
    PLACE_MARK_SHIFT = 12
};

/* Found by host return address when an access, trap or helper leaves the block. */
struct snapshot {
    int32_t pc;                     /* of the instruction, minus PCB */
    uint32_t ret : 20;              /* return address minus block->code */
    uint32_t x87 : 12;              /* number of the x87 state, 0: in the register file */
    uint32_t first : 15, count : 7; /* places */
    uint32_t rest : 10; /* counted: instructions that the budget was charged for and that are not
                           executed */
};
_Static_assert(sizeof(struct snapshot) == 12, "there are several to a block");
enum {
    SNAPSHOT_MAX_RET = (1 << 20) - 1,
    SNAPSHOT_MAX_PLACES = (1 << 7) - 1,
    SNAPSHOT_MAX_REST = (1 << 10) - 1
};
_Static_assert(CG_MAX_PLACES < 1 << 15 && CG_MAX_X87 < 1 << 12 &&
                   IR_MAX_SLOTS + 3 <= SNAPSHOT_MAX_PLACES,
               "snapshots tell them");

/*
 * A place in a block's code that is right for one machine and one place in its code memory only:
 * what saving the block must know (saved.c). where: of the first of its bytes, minus block->code.
 */
enum reloc_kind {
    RELOC_THUNK,   /* 32 bits, relative: the thunk `arg`; RELOC_OWNER: the block's code offset */
    RELOC_ROUTINE, /* 32 bits, relative: the routine in slot `arg` of x86_backend.routines */
    RELOC_LINK,    /* place in tcg_ctx.links and link id, 32 bits each, of exit `arg`, from
                      RELOC_GUARD on of a guard */
};
struct reloc {
    uint32_t where : 18, kind : 2;
    uint16_t arg; /* a routine's slot, or up to RELOC_MAX_ARG */
};
enum {
    RELOC_MAX_WHERE = (1 << 18) - 1,
    RELOC_MAX_ARG = (1 << 12) - 1,
    RELOC_OWNER = RELOC_MAX_ARG,
    RELOC_GUARD = RELOC_MAX_ARG + 1 - TCG_MAX_GUARDS,
};

/* tcg_block.side */
struct side_table {
    uint16_t const_count, snapshot_count, place_count;
    uint16_t x87_count : 15;
    uint16_t has_home : 1;
    /* constants, snapshots by rising ret, places, states of the x87, homes: in this order */
    uint64_t data[];
};
static inline const uint64_t *side_consts(const struct side_table *t)
{
    return t->data;
}
static inline const struct snapshot *side_snapshots(const struct side_table *t)
{
    return (const struct snapshot *)(const void *)(t->data + t->const_count);
}
static inline const struct place *side_places(const struct side_table *t)
{
    return (const struct place *)(const void *)(side_snapshots(t) + t->snapshot_count);
}
static inline const struct x87_state *side_x87(const struct side_table *t)
{
    return (const struct x87_state *)(const void *)(side_places(t) + t->place_count);
}
/* Where slots are that no place lists; NULL: as target_home() says. */
static inline const int8_t *side_home(const struct side_table *t)
{
    return t->has_home ? (const int8_t *)(side_x87(t) + t->x87_count) : NULL;
}

/* A vector register that no value lives in across labels: scratch of transitions. */
enum { SCRATCH_XMM = 15 };

/* imm of an FL insn behind a label that is what the flags are unless the mark says otherwise. */
#define FL_LABEL_MARK(imm) ((imm)&15)
enum { FL_LABEL_FROM_RESULT = 1 << 4, FL_LABEL = 1 << 5 /* in every such imm */ };

/* What a call has to save of the vector registers. */
enum cg_live { LIVE_NONE, LIVE_128, LIVE_256 };

/* The bytes that a check is for: from lo up to before hi, from an address in a register on. */
struct span {
    int32_t lo, hi;
    bool write;
    bool narrow; /* addresses have 32 bits */
};

/* A load or store: all that its code depends on (access.h). */
struct access {
    uint16_t attr; /* enum ir_mem */
    bool store, vec;
    bool wide;         /* load: the result is an i64 */
    uint8_t vec_live;  /* enum cg_live: values that the slow way must keep */
    int8_t addr, data; /* registers; data of a store NO_REG: the constant imm */
    int8_t scratch[2]; /* registers that a routine may use, or NO_REG */
    int32_t imm;
    int32_t disp; /* the address is addr + disp, where the check is shared; else 0 */
};

enum stub_kind {
    STUB_LOAD,
    STUB_STORE,
    STUB_TRAP,
    STUB_EXIT,
    STUB_EDGE, /* site: label */
    STUB_POLL, /* of a label */
    STUB_EXPECT,
    STUB_X87,    /* slow access of an x87 op */
    STUB_ARM_FP, /* what the host's instruction does not do as Arm has it: arm_fp.c */
};

struct stub {
    enum stub_kind kind;
    uint8_t *jump; /* displacement of the jump to the stub; NULL: the one before leads to it */
    uint8_t *back; /* where to go on */
    struct access access;  /* STUB_LOAD, STUB_STORE */
    int8_t target;         /* STUB_EXPECT: register with the PC */
    uint16_t first, count; /* places: of the snapshot, or of an exit's transition */
    uint64_t imm;
    int64_t pc;    /* of the guest instruction, minus PCB */
    uint16_t rest; /* see struct snapshot */
    uint16_t site;
    uint16_t x87;  /* x87_record() */
    uint16_t insn; /* STUB_X87, STUB_ARM_FP */
    /* STUB_ARM_FP: registers of operands (or NO_REG), result and scratch; a second look */
    int8_t fp_args[3], fp_dst, fp_temp, fp_temps[3], fp_gpr;
    uint8_t fp_again, fp_live;
    bool fp_scalar;
    /* an access with a check in line: what that works in, where a hit goes on; the number of its
     * page slot and 1 */
    uint8_t page;
    int8_t page_t, page_u;
    uint8_t *page_hit, *found; /* found: right behind the check */
    struct span span;
    bool checks; /* it has a check of the TLB in line, its own or a shared one */
    bool chains; /* goes on with the next stub, behind a copy of so many bytes: see access.c */
    uint8_t copied;
    uint32_t relocs; /* noted so far */
    /* an access: what shared checks know goes once C was called: where it is. share: its own. */
    uint8_t share;
    uint16_t known;
    uint64_t known_spills;
    uint8_t kept;    /* an access that asks for a kept check: its number and 1 */
    struct span own; /* what this segment needs of a kept check; hi == lo: all that it is for */
    uint8_t stale;   /* kept checks that become unknown on this way */
};

struct cg {
    struct tcg_machine *tm;
    struct tcg_block *block;
    struct ir_region *r;
    struct x86_backend *be;
    struct emit e;
    uint32_t n; /* insn being compiled */
    int64_t pc; /* of the guest instruction, minus PCB */
    /* counted: what a snapshot here says, and the most instructions from each label on until the
     * budget is looked at again */
    uint16_t rest;
    bool charge_label; /* a label's segment is to be charged for at its first instruction */
    uint16_t longest[IR_MAX_LABELS];
    const char *failed; /* where the first limit was hit, NULL: none */

    /* values */
    ir_ref id[IR_MAX_INSNS];      /* the value an insn stands for (aliases resolved) */
    uint16_t last[CG_VALUES];     /* last insn that needs it */
    int8_t reg[CG_VALUES];        /* GPR or XMM by type; NO_REG */
    int8_t spill[CG_VALUES];      /* -1: none */
    int16_t mem[CG_VALUES];       /* slot whose memory holds it; -1 */
    int8_t hint[CG_VALUES];       /* register it is wanted in */
    uint8_t packed[IR_MAX_INSNS]; /* FL: must exist in packed form */
    uint8_t direct[IR_MAX_INSNS]; /* FL: is tested in EFLAGS, right where it was computed */
    uint16_t soft[IR_MAX_INSNS];  /* FL: last point where only a fault would look at it; 0: none */
    uint8_t recipe[IR_MAX_INSNS]; /* FL: snapshots say how to compute it */
    uint16_t
        fused[IR_MAX_INSNS]; /* FL: the integer insn whose host instruction sets these flags too */
    uint8_t partner[IR_MAX_INSNS];  /* the reverse, how far behind it the FL is; 0: there is none */
    uint8_t deferred[IR_MAX_INSNS]; /* value not computed: folded into its only user */

    uint16_t gpr[16], xmm[16]; /* value in a register; 0: free */
    /* What a block of the first tier starts with, where homes are always the same. */
    struct {
        uint16_t gpr[16], cur[IR_MAX_SLOTS];
        int8_t reg[IR_MAX_SLOTS];
    } block_start;
    uint32_t gpr_locked, xmm_locked;
    uint16_t cur[IR_MAX_SLOTS];        /* slot's present value; 0: in memory */
    uint16_t slot_owner[IR_MAX_SLOTS]; /* value whose mem[] is this slot */
    uint64_t touched;           /* slots that may be elsewhere than the convention has them */
    uint32_t xmm_used;          /* vector registers that hold a value */
    uint64_t homed;             /* slots with a home register */
    uint64_t group_slots[64];   /* slots of a helper group */
    int8_t upper[IR_MAX_SLOTS]; /* slot that is the upper half of a v256 with this one, or -1 */
    int8_t lower[IR_MAX_SLOTS]; /* the reverse */
    /* Home register of a slot, general or vector by the slot's type, or NO_REG: within the region
     * (at its labels), and at block boundaries. The two differ in regions of the second tier. */
    int8_t home[IR_MAX_SLOTS], outer_home[IR_MAX_SLOTS];
    int8_t home_slot[16], xmm_home_slot[16]; /* slot whose home a register is, or -1 */
    uint64_t wide_homes;                     /* slots whose home holds their upper half, too */
    uint64_t differ;                         /* slots whose homes differ */
    uint64_t unwanted; /* slots that nobody looks at where the present transition leads */
    uint64_t clean;    /* slots that the region never changes: their memory stays right */
    bool second_tier;
    bool inline_access;   /* loads and stores check the TLB in line, instead of calling routines */
    uint32_t segment_end; /* the insn behind the last of the present segment */
    uint64_t spill_used;
    uint16_t spill_owner[CG_SPILLS];
    uint16_t host_flags; /* FL insn whose flags are in EFLAGS; 0: none */
    unsigned exits_seen;
    uint8_t poll_label; /* whose poll is to come */

    struct stub stubs[CG_MAX_STUBS];
    uint32_t stub_count;
    struct snapshot snapshots[CG_MAX_STUBS * 2];
    uint32_t snapshot_count;
    struct place places[CG_MAX_PLACES];
    uint32_t place_count, last_places; /* the list recorded last */
    uint64_t consts[1024];
    uint32_t const_count;
    uint32_t state_loads, state_stores;
    struct x87_state x87;
    bool uppers_zero; /* VZEROUPPER was emitted, and nothing since has an upper half */
    struct x87_state x87_states[CG_MAX_X87];
    uint32_t x87_count;

    struct cg_label {
        uint32_t insn; /* IR_LABEL, 0: there is none of this number */
        uint32_t at;   /* code position minus e.start, once emitted */
        uint8_t flags; /* enum label_flags */
        uint8_t mark;  /* LABEL_FLAGS_RECIPE: number of the mark, from 1; 0: it needs none */
        ir_ref recipe; /* and the FL insn behind the label */
        uint8_t kept;  /* kept checks that are right, or unknown, here: see keep.c */
    } labels[IR_MAX_LABELS];
    struct {
        uint8_t *disp;
        uint8_t label;
    } fixups[4 * IR_MAX_LABELS];
    uint32_t fixup_count;
    unsigned depth;      /* of loops, where the code has got to */
    unsigned page_depth; /* accesses in loops at least so deep have page slots; 0: none */
    unsigned page_count; /* slots given */
    uint64_t loaded;     /* slots that are PUT values just loaded */
    /* checks shared by accesses of the segment */
    struct cg_share {
        uint32_t first; /* insn that makes it */
        int32_t disp;   /* of that one's address */
        int32_t lo, hi; /* the bytes that it is for, likewise */
        bool write, narrow;
        /* a kept check's: those of the segment's accesses */
        int32_t own_lo, own_hi;
        bool own_write;
        /* what was tested: that the address plus this is a multiple of 1 << aligned */
        int32_t aligned_disp;
        uint8_t aligned;
    } shares[CG_SHARES];
    unsigned share_count;
    uint8_t share_of[IR_MAX_INSNS]; /* LD, ST: number of its check and 1, 0: its own */
    /* checks that hold from one segment to the next */
    struct cg_kept {
        uint8_t slot;   /* of the pointer */
        struct span at; /* the bytes, from the pointer on */
    } kept[TCG_KEPT_PAGES];
    unsigned kept_count;
    uint8_t kept_valid;            /* those that are right, or unknown, where the code has got to */
    uint8_t kept_of[IR_MAX_INSNS]; /* LD, ST: number of its kept check and 1, 0: none */
    uint16_t poll_site; /* of a label just bound whose poll is to come, plus 1; 0: none */
    unsigned marks;     /* label_flags used */

    struct reloc relocs[CG_MAX_RELOCS];
    uint32_t reloc_count;
    bool keeps_relocs; /* the block may be saved; false, too, when there are too many */
};

/* The flags at a label. */
enum label_flags {
    LABEL_FLAGS_DEAD,   /* overwritten before anyone looks */
    LABEL_FLAGS_PACKED, /* in their home */
    LABEL_FLAGS_RECIPE, /* as the FL insn behind the label says, unless the mark holds them */
};

/* tcg_cpu.thunk_fn */
enum c_entry {
    C_LOAD,
    C_STORE,
    C_LOAD_VEC,
    C_STORE_VEC,
    C_ATOMIC,
    C_CALL,
    C_TRAP,
    C_X87,
    C_VECTOR,
    C_CLOCK,
    C_ENTRIES
};

enum thunk {
    THUNK_ENTER,
    THUNK_LEAVE,
    THUNK_LINK,
    THUNK_DEAD,
    THUNK_DYN,
    THUNK_EVENTS, /* as DYN, but to the run loop when an event is pending */
    THUNK_RETURN, /* to the run loop, to look at events */
    THUNK_INDIRECT_MISS,
    THUNK_MODE, /* + aux of IR_EXIT_MODE: as DYN or EVENTS, in the mode word RCX */
    THUNK_CLOCK =
        THUNK_MODE +
        2 * TLB_MAX_INDEX, /* + enum cg_live: RAX := the virtual clock; RCX and RDX are used */
    THUNK_C = THUNK_CLOCK + LIVE_256 +
              1, /* + enum c_entry: C function called with only general registers saved */
    THUNK_C_XMM = THUNK_C + C_ENTRIES, /* likewise, vector registers too */
    THUNK_C_YMM = THUNK_C_XMM + C_ENTRIES,
    THUNK_ROUTINE = THUNK_C_YMM + C_ENTRIES, /* + C_LOAD ... C_STORE_VEC, for shared routines */
    THUNK_ROUTINE_XMM = THUNK_ROUTINE + 4,
    THUNK_ROUTINE_YMM = THUNK_ROUTINE_XMM + 4,
    /* Atomic operation `op` (from IR_XCHG on) of a width: operands and result as C_ATOMIC has them,
     * which is called where the TLB does not know the page. + enum cg_live * ATOMICS */
    THUNK_ATOMIC = THUNK_ROUTINE_YMM + 4,
    ATOMIC_OPS = IR_CMPXCHG - IR_XCHG + 1,
    ATOMIC_WIDTHS = IR_W64 + 1,
    ATOMICS = ATOMIC_OPS * ATOMIC_WIDTHS,
    THUNK_COUNT = THUNK_ATOMIC + (LIVE_256 + 1) * ATOMICS,
};

static inline void cg_fail(struct cg *g, const char *where)
{
    if (!g->failed)
        g->failed = where;
}

/* ---- alloc.c
 * ------------------------------------------------------------------------------------------- */

/* Once: what depends on the architecture only. */
void cg_init(struct cg *g, struct tcg_machine *tm);
/* Once a region: homes for the second tier. */
void cg_choose_homes(struct cg *g);
/* Insns [from, to): up to the next label. */
void cg_prepare(struct cg *g, uint32_t from, uint32_t to);
/* What a segment starts with: outer: as at a block boundary, else as at a label. */
void cg_start(struct cg *g, bool outer);
/* The value insn n stands for; its arguments' are known. */
void cg_assign_id(struct cg *g, uint32_t n);
/* A conversion that needs no code. */
bool cg_is_alias(const struct ir_region *r, uint32_t n);
/* Slots of the groups in a helper's mask. */
uint64_t cg_slots(const struct cg *g, uint64_t groups);
#define cg_for_each_slot(s, mask)                                                                  \
    for (uint64_t m_##s = (mask); m_##s; m_##s &= m_##s - 1)                                       \
        for (unsigned s = (unsigned)__builtin_ctzll(m_##s), once_##s = 1; once_##s; once_##s = 0)
static inline ir_ref cg_id(const struct cg *g, ir_ref v)
{
    return v < IR_MAX_INSNS ? g->id[v] : v;
}
/* The value that a slot's home holds at the start of a segment. */
static inline bool cg_is_home_value(uint32_t v)
{
    return v >= IR_MAX_INSNS && v < IR_MAX_INSNS + IR_MAX_SLOTS;
}
/* What shared check `number` (from 1) found: the addend, or 0. */
static inline uint32_t cg_share_value(unsigned number)
{
    return IR_MAX_INSNS + IR_MAX_SLOTS + number - 1;
}
static inline bool cg_is_xmm(const struct cg *g, uint32_t v)
{
    if (v < IR_MAX_INSNS)
        return g->r->insns[v].type >= IR_V128;
    return cg_is_home_value(v) && g->r->slots[v - IR_MAX_INSNS].type == IR_V128;
}
static inline bool cg_is_wide(const struct cg *g, uint32_t v)
{
    if (v < IR_MAX_INSNS)
        return g->r->insns[v].type == IR_V256;
    return cg_is_home_value(v) && (g->wide_homes >> (v - IR_MAX_INSNS) & 1);
}
/* The v256 that v is the high half of, 0: none. Such a value is taken out of it when somebody wants
 * it by itself; stored to memory it need not be. */
static inline uint32_t cg_high_of(const struct cg *g, uint32_t v)
{
    if (!g->r->has_wide && !g->wide_homes)
        return 0;
    if (v < IR_MAX_INSNS)
        return g->r->insns[v].op == IR_V_HI ? g->id[g->r->insns[v].a] : 0;
    int low = cg_is_home_value(v) ? g->lower[v - IR_MAX_INSNS] : -1;
    return low >= 0 && g->wide_homes >> low & 1 ? (uint32_t)(IR_MAX_INSNS + low) : 0;
}
/* The value is needed until insn `at`. */
static inline void cg_need(struct cg *g, uint32_t value, uint32_t at)
{
    uint32_t whole = cg_high_of(g, value);
    if (value && g->last[value] < at)
        g->last[value] = (uint16_t)at;
    if (whole && g->last[whole] < at)
        g->last[whole] = (uint16_t)at;
}
/* Zero vectors are made where they are used. */
static inline bool cg_is_zero_vec(const struct cg *g, uint32_t v)
{
    return v < IR_MAX_INSNS && g->r->insns[v].op == IR_VCONST && !g->r->insns[v].imm;
}
/* Is the slot's present value in its own memory? */
bool cg_slot_in_memory(const struct cg *g, unsigned s);
static inline bool cg_dies(const struct cg *g, uint32_t v)
{
    return g->last[v] <= g->n;
}
/* Value in a register, locked until cg_unlock_all. The register of a v128 value has a zero upper
 * half; a low half taken from a v256 is the v256's register. */
int cg_gpr(struct cg *g, ir_ref v);
int cg_xmm(struct cg *g, ir_ref v);
/* The constant behind v, when it fits a sign-extended imm32 (for the width of t). */
bool cg_imm32(const struct cg *g, ir_ref v, int32_t *imm);
/* A scratch register, locked. */
int cg_temp(struct cg *g);
int cg_xmm_temp(struct cg *g);
/* A temporary that holds nothing that is needed, locked; NO_REG: there is none. */
int cg_scratch(struct cg *g);
/* The values that are needed in vector registers, and the thunk that keeps them. */
enum cg_live cg_vec_live(const struct cg *g);
enum thunk cg_call_thunk(enum cg_live live, enum c_entry entry);
/* Make a particular register free and lock it. */
void cg_take(struct cg *g, int reg);
/* Register for the result of insn n, locked and bound to it. Arguments that die at n and are named
 * in `reuse` (bit mask of registers) may give theirs. */
int cg_dst(struct cg *g, uint32_t reuse);
int cg_xmm_dst(struct cg *g, uint32_t reuse);
/* The register alone, locked: nothing is bound yet, so that places can be recorded in between; then
 * cg_bind. */
int cg_pick_dst(struct cg *g, uint32_t reuse);
int cg_pick_xmm_dst(struct cg *g, uint32_t reuse);
void cg_bind(struct cg *g, uint32_t value, int reg);
static inline void cg_unlock_all(struct cg *g)
{
    g->gpr_locked = g->xmm_locked = 0;
}
/* The value that is a memory operand: [env+off] when not in a register but in its slot's memory or
 * spilled. */
bool cg_in_memory(const struct cg *g, ir_ref v, struct host_mem *m);
/* A value that is in a register gets a spill place as well. */
void cg_spill(struct cg *g, uint32_t v);
/* Write slot s's present value to its memory. */
void cg_store_slot(struct cg *g, unsigned s);
static inline struct host_mem cg_slot_mem(const struct cg *g, unsigned s)
{
    return mem_at(ENV, g->r->slots[s].offset);
}
/* Where C functions find their arguments and leave their results. */
static inline struct host_mem cg_arg_mem(unsigned k)
{
    return mem_at(ENV, TCG_ENV_OFFSET(call_arg) + 8 * (int)k);
}
static inline struct host_mem cg_attr_mem(void)
{
    return mem_at(ENV, TCG_ENV_OFFSET(call_attr));
}
static inline struct host_mem cg_scratch_mem(unsigned n)
{
    return mem_at(ENV, TCG_ENV_OFFSET(scratch) + 8 * (int)n);
}
static inline struct host_mem cg_spill_mem(int k)
{
    return mem_at(ENV, TCG_ENV_OFFSET(spills) + 32 * k);
}

/* ---- flags.c
 * ------------------------------------------------------------------------------------------- */

/* The FL insn that an integer insn n of this kind can set as it computes: its ref, when its flags
 * are wanted. */
ir_ref fl_partner(struct cg *g, uint32_t n);
/* While preparing: can snapshots up to insn `until` hold operands of FL insn n instead of its
 * value? */
bool fl_recipe(struct cg *g, uint32_t n, uint32_t until);
/* The operands of the recipe: a (or the result in its place), b, old flags; 0: none. */
void fl_recipe_operands(const struct cg *g, uint32_t n, uint32_t out[3], bool *from_result);
/* While preparing: note that an FL insn behind n will come with it. */
void fl_find_fused(struct cg *g, uint32_t n);
static inline void fl_fuse(struct cg *g, uint32_t n)
{
    if (g->r->insns[n].op >= IR_ADD && g->r->insns[n].op <= IR_SAR)
        fl_find_fused(g, n);
}
void fl_define(struct cg *g); /* an FL_* insn */
/* Flags of a shift by a constant that is not 0: the old ones do not go in. */
bool fl_constant_shift(const struct cg *g, const struct ir_insn *f, unsigned *count);
/* Does defining it leave it in EFLAGS? */
bool fl_in_host(const struct ir_insn *i);
/* EFLAGS := the packed form in RAX. */
void fl_emit_unpack(struct emit *e);
/* Host flags := value f (uses RAX when they must be unpacked). */
void fl_to_host(struct cg *g, ir_ref f);
/* Emit what makes cc testable over f; returns the host condition. */
unsigned fl_condition(struct cg *g, ir_ref f, unsigned cc);
/* CF := CF of flags f, an argument of i; the operand: what that needs in a register. */
void fl_carry(struct cg *g, const struct ir_insn *i, ir_ref f);
void fl_carry_operand(struct cg *g, const struct ir_insn *i, ir_ref f);
/* The value that is all of flags f, an argument of i, that i looks at: they are never made. 0:
 * none. */
ir_ref fl_lone_carry(const struct cg *g, const struct ir_insn *i, ir_ref f);
static inline void fl_clobber(struct cg *g)
{
    g->host_flags = 0;
}

/* ---- exit.c
 * -------------------------------------------------------------------------------------------- */

/* Link call of a site's stub: to the run loop. */
void exit_link_call(struct cg *g, struct tcg_exit_site *x, bool after_guard);
/* Record where everything is that is not where `home` (g->home, g->outer_home) has it. */
void exit_places(struct cg *g, const int8_t *home, uint16_t *first, uint16_t *count);
/* The memory of slots is about to change: values that are only in another slot's get registers. */
void exit_leave_slot_memory(struct cg *g, const int8_t *home);
/* Both for a transition: flags that are computed in it find RAX free. */
void exit_places_with_flags(struct cg *g, const int8_t *home, uint16_t *first, uint16_t *count);
/* A snapshot for a call whose return address is the present position. */
void exit_snapshot(struct cg *g, uint16_t first, uint16_t count, int64_t pc, unsigned rest,
                   unsigned x87);
/* Code that brings the recorded places home. */
void exit_transition(struct cg *g, const int8_t *homes, uint16_t first, uint16_t count,
                     unsigned x87);
/* Is there a recipe for flags among the places? It is computed in RAX. */
bool exit_computes_flags(const struct cg *g, uint16_t first, uint16_t count);
void exit_direct(struct cg *g, unsigned site); /* after a transition: poll, guard, jump */
void exit_branch(struct cg *g, unsigned host_cc, unsigned site);
void exit_stub(struct cg *g, struct stub *s);
/* Where the site's jump goes while it is not linked, minus code; its ret is known. false: too far.
 */
static inline bool exit_set_unlinked(struct tcg_exit_site *x, uint32_t at)
{
    x->unlinked = (int16_t)(at - x->ret);
    return x->ret + (uint32_t)x->unlinked == at;
}
static inline uint32_t exit_unlinked(const struct tcg_exit_site *x)
{
    return x->ret + (uint32_t)x->unlinked;
}
struct stub *cg_stub(struct cg *g, enum stub_kind kind, uint8_t *jump);

/* ---- budget.c
 * ------------------------------------------------------------------------------------------- */

/* Guest instructions from insn n to where control may leave the straight line. */
uint32_t budget_segment_insns(const struct cg *g, uint32_t n);
/* At the entry of a block, behind its guards; labels are planned. */
void budget_enter(struct cg *g);
/* The jump of a label's poll when the budget does not cover what comes; NULL: nothing counts. */
uint8_t *budget_poll(struct cg *g, unsigned label);
/* i was compiled; counted regions of the second tier. */
void budget_behind(struct cg *g, const struct ir_insn *i);
void budget_insn(struct cg *g); /* a guest instruction starts */

/* ---- labels.c
 * ------------------------------------------------------------------------------------------ */

/* Before anything is emitted: what is known of the flags at each label; homes must be chosen. */
void labels_plan(struct cg *g);
/* The end of the segment that starts at insn n: the next label. */
uint32_t labels_segment_end(const struct cg *g, uint32_t n);
/* The code that gets a region from a block boundary to its first label. */
void labels_prologue(struct cg *g);
void labels_bind(struct cg *g, const struct ir_insn *i); /* IR_LABEL */
void labels_poll(struct cg *g); /* the label's poll, at the guest instruction behind it */
void labels_branch(struct cg *g, unsigned host_cc, unsigned label);
void labels_jump(struct cg *g, unsigned label);
void labels_stub(struct cg *g, struct stub *s); /* STUB_EDGE, STUB_POLL */
void labels_patch(struct cg *g);                /* once all code is there */

/* ---- select.c, vector.c
 * -------------------------------------------------------------------------------- */

bool select_insn(struct cg *g, const struct ir_insn *i); /* i: insn g->n */
bool vector_insn(struct cg *g);                          /* false: not a vector op */
/* c_vector() on what is in tcg_cpu.scratch, which leaves no other trace; live: what vector
 * registers hold. */
void select_vector_call(struct cg *g, uint64_t what, enum cg_live live);
void select_stub(struct cg *g, struct stub *s);

/* arm_fp.c, arm_fp_flags.c: VA_* and FL_FCMP */
void arm_fp_insn(struct cg *g, const struct ir_insn *i);
void arm_fp_stub(struct cg *g, struct stub *s);
/* FL_FCMP: it is compared anew by each who tests it right behind it. */
void arm_fp_compare(struct cg *g, const struct ir_insn *i);
bool arm_fp_compares_in_host(const struct ir_insn *i);
/* Tests cc over FL_FCMP f as it is; false: by the packed flags. */
bool arm_fp_condition(struct cg *g, ir_ref f, unsigned cc, unsigned *host);
extern const uint64_t arm_fp_constants[TCG_HOST_CONSTS][2];

/* access.c */
void select_load(struct cg *g, const struct ir_insn *i);
void select_store(struct cg *g, const struct ir_insn *i);
void select_conditional(struct cg *g, const struct ir_insn *i);
void access_stub_code(struct cg *g, struct stub *s);
/* Which accesses of the region have page slots, and the code that empties those at its entry. */
void access_page_slots(struct cg *g);

/* share.c: which accesses of the segment share a check; uses of values are known. */
void share_plan(struct cg *g, uint32_t from, uint32_t to);
/* Must the present access, which has that attribute, test its alignment? Not where one with the
 * same base did. */
bool share_tests_alignment(struct cg *g, unsigned attr);
/* A linear address: base + (index << scale) + disp; index 0: none. narrow: the sum has 32 bits. */
struct address {
    uint32_t base, index;
    int32_t disp;
    uint8_t scale;
    bool narrow;
};
/* Without an index: a sum of registers is a base. */
struct address share_split(const struct cg *g, ir_ref v);

/* keep.c */
void keep_plan(struct cg *g); /* once a region; labels are planned */
/* Slots of the mask point elsewhere from here on. */
void keep_lose(struct cg *g, uint64_t slots);
/* Kept checks that the way to the label makes unknown; and the code, which keeps EFLAGS. */
uint8_t keep_stale(const struct cg *g, const struct cg_label *l);
void keep_forget(struct cg *g, uint8_t stale);
/* Does anyone behind the present access ask for its kept check before the slot changes? */
bool keep_wanted(const struct cg *g);
struct host_mem keep_mem(unsigned number);

/* The call in a stub to C: arguments are in tcg_cpu already; records the snapshot. */
void select_thunk_call(struct cg *g, enum thunk t, const struct stub *s);

/* ---- saved.c
 * ---------------------------------------------------------------------------------------------- */

/* Note a place, when the block may be saved. */
void cg_reloc(struct cg *g, const uint8_t *where, enum reloc_kind kind, unsigned arg);
/* Call or jump to a thunk. */
void cg_call(struct cg *g, enum thunk t);
void cg_jump(struct cg *g, enum thunk t);
/* What the block's origin keeps of the code just emitted. false: no memory. */
size_t cg_describe(const struct tcg_machine *tm, uint8_t *out);
void cg_save(struct tcg_machine *tm, const struct tcg_block *b, struct bytes *out);
enum tcg_compiled cg_load(struct tcg_machine *tm, struct tcg_block *b, struct bytes_reader *in);
bool cg_keep_relocs(struct tcg_machine *tm, const struct cg *g, struct tcg_block *b);

/* ---- backend.c, thunk.c
 * ---------------------------------------------------------------------------------- */

/* Instructions that the host has beyond what the back end demands (AVX2, BMI2). */
enum host_feature {
    HOST_FMA = 1 << 0,
    HOST_F16C = 1 << 1,
    HOST_AES = 1 << 2,
    HOST_VAES = 1 << 3,
    HOST_PCLMUL = 1 << 4,
    HOST_VPCLMUL = 1 << 5,
    HOST_GFNI = 1 << 6,
    HOST_SHA = 1 << 7,
};

enum {
    CODE_MARGIN = 4096, /* free bytes behind emit.end */
    ENTRY_ALIGN = 4,    /* two bytes lie in one cache line; more is for code that runs often */
    ENTRY_ALIGN_HOT = 16,
    /* What a booted system and its programs use is 3,000 to 5,000; who finds no room asks C. */
    ROUTINE_BITS = 14,
    ROUTINE_SLOTS = 1 << ROUTINE_BITS,
};
_Static_assert(ROUTINE_BITS <= 16, "reloc.arg tells a slot");

/* Code memory of one tier, filled by one thread at a time. */
struct code_area {
    uint64_t start, used, end;
    struct code_index {
        uint32_t offset;
        tcg_ref block;
    } * index; /* blocks by rising code offset */
    uint32_t index_count, index_room;
    struct cg *cg;
};

struct x86_backend {
    uint8_t *write, *exec; /* the two mappings of the code memory */
    uint64_t size, thunks_end;
    unsigned host; /* enum host_feature */
    /* Shared routines lie between the two areas and grow downwards: area[0].end. code_lock. */
    struct routine {
        uint32_t key, offset;
    } routines[ROUTINE_SLOTS]; /* hashed by key; 0: free */
    unsigned routine_count;
    const uint8_t *thunk[THUNK_COUNT]; /* in the executable view */
    struct code_area area[2];          /* of the first and the second tier */
};

bool thunks_emit(struct tcg_machine *tm, struct x86_backend *be);
/* The code of b is at the start of the area's free memory and complete. code_lock held. */
bool code_keep(struct tcg_machine *tm, struct code_area *area, struct tcg_block *b);
/* Jump to the block that the jump cache has for the PC in RAX (jump_hash), PCB set; uses RCX.
 * Returns the jump of a miss, with RAX as it was. */
uint8_t *thunk_jump_probe(struct emit *e);
static inline const uint8_t *cg_exec(const struct cg *g, const uint8_t *write_view)
{
    return write_view - g->be->write + g->be->exec;
}
/* Relative jumps are the same in both views; thunks are addressed in the writable one. */
static inline const uint8_t *thunk_written(const struct x86_backend *be, enum thunk t)
{
    return be->thunk[t] - be->exec + be->write;
}

#endif
