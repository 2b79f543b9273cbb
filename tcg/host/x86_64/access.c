/*
 * Loads and stores. A small block calls a shared routine for each (routine.c): 5 bytes where the
 * access in line, its check of the TLB and its way into C take 80. Code that runs often is better
 * off with the check in line (the second tier), and so is an access for which there is no routine.
 */
#include "tcg/host/x86_64/access.h"

enum { CC_ALWAYS = 16 }; /* beyond the host's */

/* ---- parts of both forms
 * ------------------------------------------------------------------------------------------ */

static unsigned access_width(const struct access *a)
{
    return a->attr & IR_MEM_SIZE;
}

bool access_slow_only(const struct access *a)
{
    return (a->attr & IR_MEM_IDX) != 0;
}

static struct span access_span(const struct access *a)
{
    return (struct span){.hi = 1 << access_width(a), .write = a->store || (a->attr & IR_MEM_RMW)};
}

uint8_t *access_tlb_check(struct emit *e, const struct access *a, int t, int u)
{
    struct span s = access_span(a);
    return access_tlb_check_span(e, a->addr, &s, t, u);
}

/* to := addr + disp, a linear address */
static void linear_address(struct emit *e, const struct span *s, int to, int addr, int32_t disp)
{
    if (disp)
        emit_rm(e, X_LEA | w_bit(!s->narrow), to, mem_at(addr, disp));
    else
        emit_mov(e, true, to, addr);
}

/* t := addend of entry t of those from `first` on, if it is of page u. Returns the jump if not. */
static uint8_t *probe(struct emit *e, bool write, unsigned first, int t, int u)
{
    size_t table = (write ? offsetof(struct tcg_ctx, wr) : offsetof(struct tcg_ctx, rd)) +
                   first * sizeof(struct tlb_fast);
    emit_rm(e, X_CMP | OPC_W, u, mem_index(CTX, t, 0, (int32_t)table));
    uint8_t *slow = emit_jcc(e, CC_NE);
    emit_load(e, true, t,
              mem_index(CTX, t, 0, (int32_t)(table + offsetof(struct tlb_fast, addend))));
    return slow;
}

/* t, u: as the probe of the table left them when it missed. */
static uint8_t *probe_victims(struct emit *e, bool write, int t, int u)
{
    emit_alu_imm(e, 4, G_AND, t, (TLB_VICTIMS - 1) * (int)sizeof(struct tlb_fast));
    return probe(e, write, TLB_L1_SIZE, t, u);
}

uint8_t *access_tlb_check_span(struct emit *e, int addr, const struct span *s, int t, int u)
{
    if (s->lo)
        linear_address(e, s, t, addr, s->lo);
    emit_vex_rr(e, V_RORX | OPC_W, t, NO_REG, s->lo ? t : addr); /* index: bits 12 up, times 16 */
    emit_u8(e, MEM_PAGE_BITS - 4);
    linear_address(e, s, u, addr, s->hi - 1);
    emit_alu_imm(e, 4, G_AND, t, (TLB_L1_SIZE - 1) * (int)sizeof(struct tlb_fast));
    emit_alu_imm(e, 8, G_AND, u, -(int32_t)MEM_PAGE_SIZE);
    return probe(e, s->write, 0, t, u);
}

/* Likewise, and among the victims. */
static uint8_t *check_everywhere(struct emit *e, int addr, const struct span *s, int t, int u)
{
    uint8_t *missed = access_tlb_check_span(e, addr, s, t, u), *found = emit_jmp(e);
    emit_patch(missed, e->p);
    missed = probe_victims(e, s->write, t, u);
    emit_patch(found, e->p);
    return missed;
}

uint8_t *access_victim_check(struct emit *e, const struct access *a, int t, int u)
{
    return probe_victims(e, access_span(a).write, t, u);
}

uint8_t *access_alignment_check(struct emit *e, const struct access *a)
{
    emit_rr(e, 0xf6 | OPC_BYTE, 0, a->addr); /* test addr8, size-1 */
    emit_u8(e, (1u << access_width(a)) - 1);
    return emit_jcc(e, CC_NE);
}

static bool sign_extends(const struct access *a)
{
    unsigned width = access_width(a);
    return (a->attr & IR_MEM_SIGN) && (width < IR_W32 || (width == IR_W32 && a->wide));
}

void access_store_const(struct emit *e, unsigned size, int32_t imm, struct host_mem m)
{
    if (size == 1) {
        emit_rm(e, 0xc6, 0, m);
        emit_u8(e, (uint8_t)imm);
    } else if (size == 2) {
        emit_rm(e, 0xc7 | PP_66, 0, m);
        emit_u8(e, (uint8_t)imm);
        emit_u8(e, (uint8_t)(imm >> 8));
    } else {
        emit_store_imm(e, size == 8, m, imm);
    }
}

static uint32_t vec_load(unsigned width)
{
    static const uint32_t ops[] = {[IR_W32] = V_MOVD_LOAD,
                                   [IR_W64] = V_MOVQ_LOAD,
                                   [IR_W128] = V_MOVDQU_LOAD,
                                   [IR_W256] = V_MOVDQU_LOAD | OPC_L};
    return ops[width];
}

uint32_t access_vec_store(unsigned width)
{
    static const uint32_t ops[] = {[IR_W32] = V_MOVD_STORE,
                                   [IR_W64] = V_MOVQ_STORE,
                                   [IR_W128] = V_MOVDQU_STORE,
                                   [IR_W256] = V_MOVDQU_STORE | OPC_L};
    return ops[width];
}

void access_move(struct emit *e, const struct access *a, struct host_mem m)
{
    static const uint32_t zero[4] = {X_MOVZX8, X_MOVZX16, X_MOV_LOAD, X_MOV_LOAD | OPC_W};
    static const uint32_t sign[4] = {X_MOVSX8, X_MOVSX16, X_MOVSXD, X_MOV_LOAD | OPC_W};
    unsigned width = access_width(a);
    if (a->vec && a->store)
        emit_vex_rm(e, access_vec_store(width), a->data, NO_REG, m);
    else if (a->vec)
        emit_vex_rm(e, vec_load(width), a->data, NO_REG, m);
    else if (a->store && a->data == NO_REG)
        access_store_const(e, 1u << width, a->imm, m);
    else if (a->store)
        emit_store(e, 1u << width, a->data, m);
    else
        emit_rm(e, sign_extends(a) ? sign[width] | w_bit(a->wide) : zero[width], a->data, m);
}

/* A vector is passed whole, also where less of it is accessed. */
static uint32_t scratch_width(const struct access *a)
{
    return access_width(a) == IR_W256 ? OPC_L : 0;
}

void access_slow_arguments(struct emit *e, const struct access *a)
{
    emit_store(e, 8, a->addr, cg_arg_mem(0));
    emit_store_imm(e, false, cg_attr_mem(), a->attr);
    if (!a->store)
        return;
    if (a->vec)
        emit_vex_rm(e, V_MOVDQU_STORE | scratch_width(a), a->data, NO_REG, cg_scratch_mem(0));
    else if (a->data == NO_REG)
        emit_store_imm(e, true, cg_arg_mem(1), a->imm);
    else
        emit_store(e, 8, a->data, cg_arg_mem(1));
}

enum c_entry access_c_entry(const struct access *a)
{
    if (a->store)
        return a->vec ? C_STORE_VEC : C_STORE;
    return a->vec ? C_LOAD_VEC : C_LOAD;
}

void access_slow_result(struct emit *e, const struct access *a)
{
    unsigned width = access_width(a);
    if (a->store)
        return;
    if (a->vec)
        emit_vex_rm(e, V_MOVDQU_LOAD | scratch_width(a), a->data, NO_REG, cg_scratch_mem(0));
    else if (!sign_extends(a))
        emit_load(e, width == IR_W64, a->data, cg_arg_mem(0));
    else if (width == IR_W32)
        emit_rm(e, X_MOVSXD | OPC_W, a->data, cg_arg_mem(0));
    else
        emit_rm(e, (width == IR_W8 ? X_MOVSX8 : X_MOVSX16) | w_bit(a->wide), a->data,
                cg_arg_mem(0));
}

/* ---- in line
 * ------------------------------------------------------------------------------------------------
 */

enum cg_live cg_vec_live(const struct cg *g)
{
    enum cg_live live = LIVE_NONE;
    for (uint32_t m = g->xmm_used; m; m &= m - 1) {
        uint32_t v = g->xmm[__builtin_ctz(m)];
        if (g->last[v] < g->n)
            continue;
        /* Where homes hold both halves, a v128 at home tells the upper one, too: zero. */
        if (g->wide_homes || cg_is_wide(g, v))
            return LIVE_256;
        live = LIVE_128;
    }
    return live;
}

enum thunk cg_call_thunk(enum cg_live live, enum c_entry entry)
{
    static const uint16_t first[] = {THUNK_C, THUNK_C_XMM, THUNK_C_YMM};
    return (enum thunk)(first[live] + entry);
}

static struct stub *access_stub(struct cg *g, const struct access *a, uint8_t *slow, uint16_t first,
                                uint16_t count)
{
    struct stub *s = cg_stub(g, a->store ? STUB_STORE : STUB_LOAD, slow);
    s->access = *a;
    s->access.vec_live = (uint8_t)cg_vec_live(g);
    s->first = first;
    s->count = count;
    share_known(g, &s->known, &s->known_spills);
    return s;
}

/* ---- page slots: an access in a loop that stays in a page finds it without the TLB. The page is
 * that of its last time; the address does not wait for the look-up. */

static struct host_mem page_mem(size_t array, unsigned page)
{
    return mem_at(ENV, (int32_t)(array + 8 * page) - (int32_t)sizeof(struct tcg_cpu));
}

void access_page_slots(struct cg *g)
{
    unsigned count[8] = {0}, depth = 0, sum = 0;
    g->page_depth = g->page_count = g->depth = 0;
    g->loaded = 0;
    for (uint32_t n = 1; n < g->r->count; n++) {
        const struct ir_insn *i = &g->r->insns[n];
        if (i->op == IR_LABEL)
            depth = i->b < 7 ? i->b : 7;
        count[depth] += i->op == IR_LD || i->op == IR_ST;
        if (i->op == IR_PUT && g->r->insns[i->a].op == IR_LD)
            g->loaded |= UINT64_C(1) << i->aux;
        if (i->op == IR_EXPECT) /* calls taken in: often entered, and for few rounds */
            return;
    }
    for (unsigned d = 7; d; d--) {
        sum += count[d];
        if (sum > TCG_PAGE_SLOTS && g->page_depth)
            break;
        if (count[d])
            g->page_depth = d;
    }
    if (!g->page_depth)
        return;
    /* Another region's slots are for other accesses: they go. */
    const uint32_t owner = (uint32_t)(g->e.start - g->be->write);
    const struct host_mem field = mem_at(ENV, TCG_ENV_OFFSET(page_owner));
    emit_rm(&g->e, 0x81, 7, field); /* cmp */
    emit_u32(&g->e, owner);
    cg_reloc(g, g->e.p - 4, RELOC_THUNK, RELOC_OWNER);
    uint8_t *mine = emit_jcc(&g->e, CC_E);
    emit_store_imm(&g->e, false, field, (int32_t)owner);
    cg_reloc(g, g->e.p - 4, RELOC_THUNK, RELOC_OWNER);
    emit_vex_rr(&g->e, 0xef | MAP_0F | PP_66, SCRATCH_XMM, SCRATCH_XMM, SCRATCH_XMM); /* vpxor */
    for (unsigned k = 0; k < TCG_PAGE_SLOTS && k < sum; k += 2)
        emit_vex_rm(&g->e, V_MOVDQU_STORE, SCRATCH_XMM, NO_REG,
                    page_mem(offsetof(struct tcg_cpu, page_limit), k));
    emit_patch(mine, g->e.p);
}

/* ---- kept checks: the slot that the address is relative to has pointed into one page for a while.
 * */

/* t := the addend. Returns the jump for when it is not known. */
static uint8_t *kept_check(struct cg *g, unsigned number, int t)
{
    emit_load(&g->e, true, t, keep_mem(number));
    emit_alu(&g->e, 8, X_TEST, t, t);
    return emit_jcc(&g->e, CC_E);
}

/* The bytes around the pointer are in two pages, say: those that the segment accesses may be in
 * one.
 */
static void own_check(struct cg *g, const struct stub *s, int u, bool restore)
{
    struct emit *e = &g->e;
    if (s->own.hi == s->own.lo)
        return;
    uint8_t *slow = check_everywhere(e, s->access.addr, &s->own, s->page_t, u);
    if (restore)
        emit_load(e, true, u, cg_scratch_mem(0));
    emit_jmp_to(e, s->page_hit);
    emit_patch(slow, e->p);
}

/* Out of line: look in the TLB and note the addend. A miss there goes on behind this code. */
static void kept_refill(struct cg *g, const struct stub *s)
{
    static const int8_t temporaries[] = {RDX, RAX, RCX};
    struct emit *e = &g->e;
    unsigned k = 0;
    while (temporaries[k] == s->page_t || temporaries[k] == s->access.addr)
        k++;
    const int u = temporaries[k]; /* whatever it holds is kept */
    emit_store(e, 8, u, cg_scratch_mem(0));
    uint8_t *slow = check_everywhere(e, s->access.addr, &s->span, s->page_t, u);
    emit_load(e, true, u, cg_scratch_mem(0));
    emit_store(e, 8, s->page_t, keep_mem(s->kept - 1u));
    emit_jmp_to(e, s->page_hit);
    emit_patch(slow, e->p);
    own_check(g, s, u, true);
    emit_load(e, true, u, cg_scratch_mem(0));
}

/* Returns the jump of a miss. */
static uint8_t *page_check(struct cg *g, const struct access *a, const struct span *span,
                           unsigned page, int t)
{
    struct emit *e = &g->e;
    linear_address(e, span, t, a->addr, span->lo);
    emit_rm(e, X_SUB | OPC_W, t, page_mem(offsetof(struct tcg_cpu, page_address), page));
    emit_rm(e, X_CMP | OPC_W, t, page_mem(offsetof(struct tcg_cpu, page_limit), page));
    uint8_t *miss = emit_jcc(e, CC_AE);
    emit_load(e, true, t, page_mem(offsetof(struct tcg_cpu, page_addend), page));
    return miss;
}

/* Out of line: look in the TLB and note the page. Returns the jump of a miss there. */
static uint8_t *page_refill(struct cg *g, const struct stub *s)
{
    struct emit *e = &g->e;
    unsigned page = s->page - 1u;
    uint8_t *slow = check_everywhere(e, s->access.addr, &s->span, s->page_t, s->page_u);
    emit_store(e, 8, s->page_t, page_mem(offsetof(struct tcg_cpu, page_addend), page));
    emit_store(e, 8, s->page_u, page_mem(offsetof(struct tcg_cpu, page_address), page));
    emit_store_imm(e, true, page_mem(offsetof(struct tcg_cpu, page_limit), page),
                   (int32_t)MEM_PAGE_SIZE - (s->span.hi - s->span.lo) + 1);
    emit_jmp_to(e, s->page_hit);
    return slow;
}

/* An address that was itself loaded leads anywhere: it has more to lose by a jump that is not
 * foreseen than to gain. */
static bool wants_page_slot(const struct cg *g)
{
    const struct ir_insn *insns = g->r->insns, *p = &insns[insns[g->n].a];
    if (!g->page_depth || g->depth < g->page_depth || g->page_count == TCG_PAGE_SLOTS)
        return false;
    if (p->op == IR_ADD || p->op == IR_LEA)
        p = &insns[p->a];
    return p->op != IR_LD && !(p->op == IR_GET && g->loaded >> p->aux & 1);
}

/* The bytes that the check of the present access is for. */
static struct span span_of(const struct cg *g, const struct access *a)
{
    struct span s = access_span(a);
    if (g->share_of[g->n]) {
        const struct cg_share *share = &g->shares[g->share_of[g->n] - 1];
        int32_t addr = share->disp - a->disp; /* what the register is beyond the base */
        s = (struct span){share->lo - addr, share->hi - addr, share->write, share->narrow};
    }
    return s;
}

/* The bytes that the present access and those that share its kept check are for. */
static struct span own_span(const struct cg *g, const struct access *a)
{
    const struct cg_share *s = &g->shares[g->share_of[g->n] - 1];
    const int32_t addr = s->disp - a->disp;
    if (s->own_lo == s->lo && s->own_hi == s->hi && s->own_write == s->write)
        return (struct span){0};
    return (struct span){s->own_lo - addr, s->own_hi - addr, s->own_write, s->narrow};
}

/*
 * The access before this one has the same shared check, and nothing was in between that could ask C
 * for anything or lead elsewhere. So what the check found is as it was when the fast way of the one
 * before was taken; and its slow way, behind which nothing is known, goes on with a copy of what is
 * in between and the slow way of this one. So nothing is tested.
 */
static bool chain(struct cg *g, unsigned share, int t)
{
    enum { MAX_COPIED = 64 };
    struct stub *s = g->stub_count ? &g->stubs[g->stub_count - 1] : NULL;
    if (!s || (s->kind != STUB_LOAD && s->kind != STUB_STORE) || s->share != share ||
        s->page_t != t || g->e.branch > s->back || g->e.p - s->back > MAX_COPIED ||
        g->reloc_count != s->relocs)
        return false;
    s->chains = true;
    s->copied = (uint8_t)(g->e.p - s->back);
    return true;
}

/*
 * Registers first (allocation may emit moves), then the record of where everything is, then the
 * checks, whose jumps (TLB, alignment) lead to one stub. *base: the addend. condition: the access
 * is made when it holds of EFLAGS, and *skip the jump when it does not; else CC_ALWAYS.
 */
static struct stub *inline_check(struct cg *g, const struct access *a, int *base,
                                 unsigned condition, uint8_t **skip)
{
    bool slow_only = access_slow_only(a);
    unsigned share = g->share_of[g->n];
    bool known = share && g->shares[share - 1].first != g->n;
    unsigned kept = known ? 0 : g->kept_of[g->n];
    bool ask = kept && (g->kept_valid >> (kept - 1) & 1);
    struct span span = span_of(g, a);
    uint8_t *odd = NULL, *hit = NULL, *slow, noted = 0;
    uint16_t first, count;
    int t = NO_REG, u = NO_REG;

    if (known)
        t = cg_gpr(g, (ir_ref)cg_share_value(share));
    else if (!slow_only)
        t = cg_temp(g);
    if (!known && !slow_only && !ask)
        u = cg_temp(g);
    exit_places(g, g->home, &first, &count);
    if (condition != CC_ALWAYS)
        *skip = emit_jcc(&g->e, condition ^ 1u);
    fl_clobber(g);
    if (share_tests_alignment(g, a->attr))
        odd = access_alignment_check(&g->e, a);
    bool page = !known && !slow_only && !kept && condition == CC_ALWAYS && wants_page_slot(g);
    if (known && chain(g, share, t)) {
        slow = NULL;
    } else if (known) {
        emit_alu(&g->e, 8, X_TEST, t, t);
        slow = emit_jcc(&g->e, CC_E);
    } else if (slow_only) {
        slow = emit_jmp(&g->e);
    } else {
        slow = ask    ? kept_check(g, kept - 1, t)
               : page ? page_check(g, a, &span, g->page_count, t)
                      : access_tlb_check_span(&g->e, a->addr, &span, t, u);
        hit = g->e.p;
        if (kept && !ask && keep_wanted(g)) {
            emit_store(&g->e, 8, t, keep_mem(kept - 1));
            noted = (uint8_t)(1u << (kept - 1));
            g->kept_valid |= noted;
        }
        if (share)
            cg_bind(g, cg_share_value(share), t);
    }
    *base = t;
    struct stub *s = access_stub(g, a, slow, first, count);
    s->share = (uint8_t)share;
    s->relocs = g->reloc_count;
    s->page_t = (int8_t)t;
    s->page_u = (int8_t)u;
    s->found = hit;
    s->page_hit = g->e.p;
    s->span = span;
    s->checks = !known && !slow_only && !ask;
    if (page)
        s->page = (uint8_t)++g->page_count;
    s->kept = (uint8_t)(ask ? kept : 0);
    if (kept)
        s->own = own_span(g, a);
    s->stale = noted; /* what a slow access goes past */
    s->imm = odd ? (uint64_t)(uintptr_t)odd : 0;
    return s;
}

static void inline_load(struct cg *g, const struct access *a)
{
    int base;
    struct stub *s = inline_check(g, a, &base, CC_ALWAYS, NULL);
    if (base != NO_REG)
        access_move(&g->e, a, mem_index(base, a->addr, 0, a->disp));
    cg_bind(g, g->n, a->data);
    s->back = g->e.p;
}

static void inline_store(struct cg *g, const struct access *a)
{
    int base;
    struct stub *s = inline_check(g, a, &base, CC_ALWAYS, NULL);
    if (base != NO_REG)
        access_move(&g->e, a, mem_index(base, a->addr, 0, a->disp));
    s->back = g->e.p;
}

uint8_t *access_look_for_victim(struct cg *g, const struct stub *s)
{
    uint8_t *slow = probe_victims(&g->e, s->span.write, s->page_t, s->page_u);
    emit_jmp_to(&g->e, s->found);
    return slow;
}

/* Nothing is known of the range, or it crosses a page: the routine checks for the access alone.
 * Returns whether it was one, which says in ZF that C was not called. */
static bool call_checking_routine(struct cg *g, const struct stub *s)
{
    struct access a = s->access;
    a.addr = s->page_t;
    emit_rm(&g->e, X_LEA | OPC_W, a.addr, mem_at(s->access.addr, a.disp));
    a.disp = 0;
    if (routine_call(g, &a, ROUTINE_VICTIMS)) {
        exit_snapshot(g, s->first, s->count, s->pc, s->rest, s->x87);
        return true;
    }
    access_slow_arguments(&g->e, &a);
    select_thunk_call(g, cg_call_thunk(a.vec_live, access_c_entry(&a)), s);
    access_slow_result(&g->e, &a);
    return false;
}

static void call_slow_way(struct cg *g, const struct stub *s)
{
    const struct access *a = &s->access;
    bool general = a->data != NO_REG || !a->imm;
    if (general && routine_call(g, a, ROUTINE_SLOW_WAY)) {
        exit_snapshot(g, s->first, s->count, s->pc, s->rest, s->x87);
        return;
    }
    access_slow_arguments(&g->e, a);
    select_thunk_call(g, cg_call_thunk(a->vec_live, access_c_entry(a)), s);
    access_slow_result(&g->e, a);
}

void access_stub_code(struct cg *g, struct stub *s)
{
    struct emit *e = &g->e;
    uint8_t *no_c = NULL;
    if (s->jump)
        emit_patch(s->jump, e->p);
    if (s->page) {
        uint8_t *slow = page_refill(g, s);
        emit_patch(slow, e->p);
    } else if (s->checks) {
        uint8_t *slow = access_look_for_victim(g, s);
        emit_patch(slow, e->p);
    }
    keep_forget(g, s->stale);
    if (s->kept)
        kept_refill(g, s);
    else
        own_check(g, s, s->page_u, false);
    if (s->imm) { /* the alignment jump */
        emit_patch((uint8_t *)(uintptr_t)s->imm, e->p);
        keep_forget(g, s->stale);
    }
    if (!s->share) {
        call_slow_way(g, s);
    } else if (call_checking_routine(g, s) && !s->checks) {
        emit_mov_imm(e, s->page_t, 0); /* it was worked in; moves keep EFLAGS */
        no_c = emit_jcc(e, CC_E);
    }
    for (uint32_t m = s->known; m; m &= m - 1)
        emit_mov_imm(e, __builtin_ctz(m), 0);
    for (uint64_t m = s->known_spills; m; m &= m - 1)
        emit_store_imm(e, true, cg_spill_mem(__builtin_ctzll(m)), 0);
    if (no_c)
        emit_patch(no_c, s->chains ? e->p : s->back);
    if (s->chains) {
        memcpy(e->p, s->back, s->copied);
        e->p += s->copied;
    } else {
        emit_jmp_to(e, s->back);
    }
}

/* ---- by a shared routine
 * ------------------------------------------------------------------------------------------ */

/* false: there is none. */
static bool call_routine(struct cg *g, struct access *a)
{
    uint32_t locked = g->gpr_locked;
    uint16_t first, count;
    bool slow_only = access_slow_only(a);
    /* The result's register may be worked in, unless what is in it now is needed: as the address,
     * or where a fault finds it. */
    bool own =
        !a->store && !a->vec && !slow_only && (!g->gpr[a->data] || g->last[g->gpr[a->data]] < g->n);
    if (own)
        a->scratch[0] = a->data;
    for (unsigned k = own; k < 2 && !slow_only; k++)
        a->scratch[k] = (int8_t)cg_scratch(g);
    exit_places(g, g->home, &first, &count);
    a->vec_live = (uint8_t)cg_vec_live(g);
    if (!routine_call(g, a, slow_only ? ROUTINE_SLOW_WAY : ROUTINE_ACCESS)) {
        g->gpr_locked = locked;
        return false;
    }
    fl_clobber(g);
    exit_snapshot(g, first, count, g->pc, g->rest, x87_record(g));
    return true;
}

/* ---- selection
 * ------------------------------------------------------------------------------------------------
 */

/* The shared check's addend keeps its register while those of the access are picked. */
static void hold_known(struct cg *g)
{
    unsigned share = g->share_of[g->n];
    if (share && g->shares[share - 1].first != g->n)
        cg_gpr(g, (ir_ref)cg_share_value(share));
}

void select_load(struct cg *g, const struct ir_insn *i)
{
    struct access a = {.attr = (uint16_t)i->imm,
                       .vec = i->type >= IR_V128,
                       .wide = i->type == IR_I64,
                       .scratch = {NO_REG, NO_REG}};
    hold_known(g);
    int addr = share_address(g, i->a, &a.disp);
    int dst = a.vec ? cg_pick_xmm_dst(g, 0) : cg_pick_dst(g, 1u << addr);
    g->gpr_locked |= 1u << addr; /* stays readable even when the result gets its register */
    a.addr = (int8_t)addr;
    a.data = (int8_t)dst;
    if (!g->inline_access && call_routine(g, &a))
        cg_bind(g, g->n, dst);
    else
        inline_load(g, &a);
}

void select_store(struct cg *g, const struct ir_insn *i)
{
    struct access a = {.attr = (uint16_t)i->imm,
                       .store = true,
                       .vec = g->r->insns[i->b].type >= IR_V128,
                       .data = NO_REG,
                       .scratch = {NO_REG, NO_REG}};
    /* Routines store no constant but 0. */
    bool constant =
        !a.vec && cg_imm32(g, i->b, &a.imm) && (!a.imm || (g->inline_access && !g->share_of[g->n]));
    hold_known(g);
    a.addr = (int8_t)share_address(g, i->a, &a.disp);
    if (!constant) {
        a.imm = 0;
        a.data = (int8_t)(a.vec ? cg_xmm(g, i->b) : cg_gpr(g, i->b));
    }
    if (g->inline_access || !call_routine(g, &a))
        inline_store(g, &a);
}

/* The register of a conditional load's result, with what it is when there is no access. It is there
 * before the access may fault, so only a register that has this value anyway is taken over. */
static int conditional_result(struct cg *g, const struct ir_insn *i)
{
    const int old = cg_gpr(g, i->b);
    if (i->type == IR_I64 && cg_dies(g, g->id[i->b]))
        return old;
    const int dst = cg_temp(g);
    emit_mov(&g->e, i->type == IR_I64, dst, old);
    return dst;
}

/* Around the access by a jump: a guest that was made to choose by a branch would have one there,
 * too. The condition comes first, as it may move a value out of RAX; moves keep it. */
void select_conditional(struct cg *g, const struct ir_insn *i)
{
    const unsigned condition = fl_condition(g, i->c, i->aux);
    struct access a = {.attr = (uint16_t)i->imm,
                       .store = i->op == IR_STCC,
                       .wide = i->type == IR_I64,
                       .data = NO_REG,
                       .scratch = {NO_REG, NO_REG}};
    uint8_t *skip;
    int base;
    a.addr = (int8_t)cg_gpr(g, i->a);
    if (!a.store)
        a.data = (int8_t)conditional_result(g, i);
    else if (!cg_imm32(g, i->b, &a.imm))
        a.data = (int8_t)cg_gpr(g, i->b);
    struct stub *s = inline_check(g, &a, &base, condition, &skip);
    if (base != NO_REG)
        access_move(&g->e, &a, mem_index(base, a.addr, 0, 0));
    if (!a.store)
        cg_bind(g, g->n, a.data);
    s->back = g->e.p;
    emit_patch(skip, g->e.p);
}
