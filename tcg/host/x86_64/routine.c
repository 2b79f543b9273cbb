/*
 * Shared routines for loads and stores, one for each combination of size, extension and registers
 * that blocks were seen to use; for accesses in line their slow way alone. They are made on demand,
 * at the upper end of the code memory and downwards, and go when it is flushed.
 *
 * A routine is called by a block with the stack aligned to 16, gives every register back as it was
 * except its result and its scratch registers, and clobbers EFLAGS. Its slow way calls C by a thunk
 * that looks one level up for the return address in the block, which finds the snapshot.
 */
#include "tcg/host/x86_64/access.h"

#include "core/util/range.h"
#include "tcg/perfmap.h"

enum { ROUTINE_ROOM = 512 /* bytes: more than any routine has */, ROUTINE_ALIGN = 16 };

/* Scratch registers are temporaries (target.h), the result's own, or absent. */
static uint32_t scratch_code(const struct access *a, int reg)
{
    _Static_assert(RAX == 0 && RCX == 1 && RDX == 2, "temporaries are coded in two bits");
    if (reg == NO_REG)
        return 3;
    return !a->vec && !a->store && reg == a->data ? 4 : (uint32_t)reg;
}

/* Everything the code depends on; never 0. A constant that is stored is 0 (select_store,
 * access_stub_code). */
static uint32_t access_key(const struct access *a, enum routine_kind kind)
{
    uint32_t attr = (a->attr & 0x3fu) | (uint32_t)(a->attr >> IR_MEM_IDX_SHIFT & 3) << 6;
    return attr | (uint32_t)a->addr << 8 | (uint32_t)(a->data & 15) << 12 |
           scratch_code(a, a->scratch[0]) << 16 | scratch_code(a, a->scratch[1]) << 19 |
           (uint32_t)a->store << 22 | (uint32_t)a->vec << 23 | (uint32_t)a->wide << 24 |
           (uint32_t)a->vec_live << 25 | (uint32_t)(a->data == NO_REG) << 27 |
           (uint32_t)kind << 28 | 1u << 31;
}

/* A register to work in that is not one of the access's and not `other`. */
static int borrow(const struct access *a, int other)
{
    static const int8_t candidates[] = {RAX, RCX, RDX, RBX};
    unsigned k = 0;
    while (candidates[k] == a->addr || (!a->vec && candidates[k] == a->data) ||
           candidates[k] == other)
        k++;
    return candidates[k];
}

/* What is borrowed waits below the stack pointer, in the red zone of the ABI. */
static void move_borrowed(struct emit *e, const struct access *a, const int work[2], bool load)
{
    for (unsigned k = 0; k < 2; k++) {
        struct host_mem m = mem_at(RSP, -8 * (int)(k + 1));
        if (a->scratch[k] != NO_REG)
            continue;
        if (load)
            emit_load(e, true, work[k], m);
        else
            emit_store(e, 8, work[k], m);
    }
}

/* The page was found: work[0] is its addend. */
static void finish(struct emit *e, const struct access *a, const int work[2])
{
    access_move(e, a, mem_index(work[0], a->addr, 0, 0));
    move_borrowed(e, a, work, true);
    emit_ret(e);
}

static void emit_routine(struct emit *e, const struct access *a, enum routine_kind kind,
                         const struct x86_backend *be)
{
    static const uint16_t ways[] = {THUNK_ROUTINE, THUNK_ROUTINE_XMM, THUNK_ROUTINE_YMM};
    enum thunk slow_way = (enum thunk)(ways[a->vec_live] + access_c_entry(a));
    if (kind != ROUTINE_SLOW_WAY) {
        uint8_t *odd = NULL, *missed;
        int work[2];
        work[0] = a->scratch[0] != NO_REG ? a->scratch[0] : borrow(a, a->scratch[1]);
        work[1] = a->scratch[1] != NO_REG ? a->scratch[1] : borrow(a, work[0]);
        move_borrowed(e, a, work, false);
        if (a->attr & IR_MEM_ALIGN)
            odd = access_alignment_check(e, a);
        missed = access_tlb_check(e, a, work[0], work[1]);
        finish(e, a, work);
        emit_patch(missed, e->p);
        if (kind == ROUTINE_VICTIMS) {
            missed = access_victim_check(e, a, work[0], work[1]);
            finish(e, a, work);
            emit_patch(missed, e->p);
        }
        if (odd)
            emit_patch(odd, e->p);
        move_borrowed(e, a, work, true);
    }
    access_slow_arguments(e, a);
    emit_call_to(e, be->thunk[slow_way] - be->exec + be->write);
    access_slow_result(e, a);
    if (kind == ROUTINE_VICTIMS)
        emit_alu(e, 8, X_TEST, RSP, RSP);
    emit_ret(e);
}

static struct routine *slot_of(struct x86_backend *be, uint32_t key)
{
    unsigned h = (key * 0x9e3779b1u) >> (32 - ROUTINE_BITS);
    while (be->routines[h].key && be->routines[h].key != key)
        h = (h + 1) & (ROUTINE_SLOTS - 1);
    return &be->routines[h];
}

/* code_lock held; code is written up to `used` */
static const struct routine *find_or_make(struct tcg_machine *tm, const struct access *a,
                                          enum routine_kind kind, const uint8_t *used)
{
    struct x86_backend *be = tm->backend_data;
    struct code_area *area = &be->area[0];
    uint32_t key = access_key(a, kind);
    struct routine *r = slot_of(be, key);
    if (r->key)
        return r;

    uint64_t top = be->area[1].start, lowest = top - top / 4;
    if (be->routine_count >= ROUTINE_SLOTS / 4 * 3 || area->end < lowest + ROUTINE_ROOM ||
        used + 2 * CODE_MARGIN > be->write + area->end)
        return NULL;
    /* Twice: the first time tells how long it is. */
    struct emit e = {.p = be->write + area->end - ROUTINE_ROOM};
    const uint8_t *from = e.p;
    emit_routine(&e, a, kind, be);
    uint64_t start = align_down(area->end - (uint64_t)(e.p - from), ROUTINE_ALIGN);
    e.p = be->write + start;
    emit_routine(&e, a, kind, be);
    perfmap_add(tm, be->exec + start, (size_t)(area->end - start), "vemu_access");
    area->end = start;
    be->routine_count++;
    *r = (struct routine){key, (uint32_t)start};
    return r;
}

bool routine_call(struct cg *g, const struct access *a, enum routine_kind kind)
{
    struct x86_backend *be = g->be;
    const struct routine *r;
    if (g->second_tier) {
        pthread_mutex_lock(&g->tm->code_lock);
        r = find_or_make(g->tm, a, kind, be->write + be->area[0].used);
        pthread_mutex_unlock(&g->tm->code_lock);
    } else { /* has the lock, and fills the area that routines grow into */
        r = find_or_make(g->tm, a, kind, g->e.p);
        g->e.end = be->write + be->area[0].end - CODE_MARGIN;
    }
    if (!r)
        return false;
    emit_call_to(&g->e, be->write + r->offset);
    cg_reloc(g, g->e.p - 4, RELOC_ROUTINE, (unsigned)(r - be->routines));
    return true;
}

static int8_t scratch_register(const struct access *a, uint32_t code)
{
    return code == 3 ? NO_REG : code == 4 ? a->data : (int8_t)code;
}

/* The reverse of access_key(). */
static struct access access_of_key(uint32_t key)
{
    struct access a = {.attr = (uint16_t)((key & 0x3f) | (key >> 6 & 3) << IR_MEM_IDX_SHIFT),
                       .store = key >> 22 & 1,
                       .vec = key >> 23 & 1,
                       .wide = key >> 24 & 1,
                       .vec_live = key >> 25 & 3,
                       .addr = (int8_t)(key >> 8 & 15),
                       .data = key >> 27 & 1 ? NO_REG : (int8_t)(key >> 12 & 15)};
    /* 3 is none, 4 the result's (scratch_code) */
    a.scratch[0] = scratch_register(&a, key >> 16 & 7);
    a.scratch[1] = scratch_register(&a, key >> 19 & 7);
    return a;
}

const struct routine *routine_with_key(struct tcg_machine *tm, uint32_t key, const uint8_t *used)
{
    struct access a = access_of_key(key);
    enum routine_kind kind = (enum routine_kind)(key >> 28 & 3);
    if (access_key(&a, kind) != key || (key >> 16 & 7) > 4 || (key >> 19 & 7) > 4 ||
        kind > ROUTINE_VICTIMS || a.vec_live > LIVE_256 || a.addr == RSP ||
        (!a.store && a.data == NO_REG) || (a.attr & IR_MEM_SIZE) > (a.vec ? IR_W256 : IR_W64))
        return NULL;
    return find_or_make(tm, &a, kind, used);
}

void routine_flush(struct x86_backend *be)
{
    memset(be->routines, 0, sizeof be->routines);
    be->routine_count = 0;
    be->area[0].end = be->area[1].start;
}
