/*
 * A block's code and side table as bytes that are right for every machine of the same context
 * (tcg/saved), and back. Calls of thunks and routines, link ids and the like are noted while code
 * is emitted; saved code has zeros there, its exits unlinked, so that the same block is the same
 * bytes wherever it was.
 *
 * What comes back was verified by its checksum only: everything that is an index, a length or a
 * place is checked before it is believed.
 */
#include "tcg/host/x86_64/access.h"

#include "core/util/range.h"
#include "tcg/saved/bytes.h"

size_t cg_describe(const struct tcg_machine *tm, uint8_t *out)
{
    const struct x86_backend *be = tm->backend_data;
    store_le32(out, be->host);
    out[4] = tm->baseline;
    out[5] = tm->count;
    return 6;
}

/* ---- noting ---------------------------------------------------------------------------------- */

void cg_reloc(struct cg *g, const uint8_t *where, enum reloc_kind kind, unsigned arg)
{
    uint64_t at = (uint64_t)(where - g->e.start);
    if (!g->keeps_relocs)
        return;
    if (at > RELOC_MAX_WHERE || (kind != RELOC_ROUTINE && arg > RELOC_MAX_ARG) ||
        g->reloc_count == CG_MAX_RELOCS) {
        g->keeps_relocs = false;
        return;
    }
    g->relocs[g->reloc_count++] =
        (struct reloc){.where = (uint32_t)at & RELOC_MAX_WHERE, .kind = kind, .arg = (uint16_t)arg};
}

void cg_call(struct cg *g, enum thunk t)
{
    emit_call_to(&g->e, thunk_written(g->be, t));
    cg_reloc(g, g->e.p - 4, RELOC_THUNK, t);
}

void cg_jump(struct cg *g, enum thunk t)
{
    emit_jmp_to(&g->e, thunk_written(g->be, t));
    cg_reloc(g, g->e.p - 4, RELOC_THUNK, t);
}

/* tcg_origin.code */
struct kept {
    uint8_t entry[2]; /* killing the block overwrites them */
    uint16_t count;
    struct reloc relocs[];
};

bool cg_keep_relocs(struct tcg_machine *tm, const struct cg *g, struct tcg_block *b)
{
    struct kept *k;
    struct tcg_origin *origin = cache_origin_of(&tm->cache, b);
    if (!origin || !g->keeps_relocs)
        return true;
    k = cache_alloc(tm, sizeof *k + g->reloc_count * sizeof *g->relocs);
    if (!k)
        return false;
    memcpy(k->entry, g->e.start, sizeof k->entry);
    k->count = (uint16_t)g->reloc_count;
    memcpy(k->relocs, g->relocs, g->reloc_count * sizeof *g->relocs);
    origin->code = k;
    return true;
}

/* ---- saving ---------------------------------------------------------------------------------- */

enum { X87_IN_HOST, X87_IN_MEMORY, X87_WIDE, X87_SELECTORS, X87_DATA, X87_RAN, X87_RAN_MEM };

static void save_side(const struct side_table *t, struct bytes *out)
{
    bytes_put_le(out, t->const_count, 2);
    bytes_put_le(out, t->snapshot_count, 2);
    bytes_put_le(out, t->place_count, 2);
    bytes_put_le(out, t->x87_count, 2);
    bytes_put_le(out, t->has_home, 1);
    bytes_put(out, side_consts(t), t->const_count * sizeof(uint64_t));
    for (unsigned n = 0; n < t->snapshot_count; n++) {
        const struct snapshot *s = &side_snapshots(t)[n];
        bytes_put_le(out, s->ret, 4);
        bytes_put_le(out, (uint32_t)s->pc, 4);
        bytes_put_le(out, s->first, 2);
        bytes_put_le(out, s->count, 2);
        bytes_put_le(out, s->x87, 2);
        bytes_put_le(out, s->rest, 2);
    }
    for (unsigned n = 0; n < t->place_count; n++) {
        const struct place *p = &side_places(t)[n];
        bytes_put_le(out, p->slot, 1);
        bytes_put_le(out, p->kind, 1);
        bytes_put_le(out, p->index, 2);
    }
    for (unsigned n = 0; n < t->x87_count; n++) {
        const struct x87_state *s = &side_x87(t)[n];
        unsigned flags = (unsigned)s->in_host << X87_IN_HOST |
                         (unsigned)s->in_memory << X87_IN_MEMORY | (unsigned)s->wide << X87_WIDE |
                         (unsigned)s->selectors << X87_SELECTORS | (unsigned)s->data << X87_DATA |
                         (unsigned)s->ran << X87_RAN | (unsigned)s->ran_mem << X87_RAN_MEM;
        bytes_put_le(out, flags, 1);
        bytes_put_le(out, s->segment, 1);
        bytes_put_le(out, s->opcode, 2);
        bytes_put_le(out, (uint32_t)s->pc, 4);
    }
    if (t->has_home)
        bytes_put(out, side_home(t), IR_MAX_SLOTS);
}

static unsigned reloc_bytes(const struct reloc *r)
{
    return r->kind == RELOC_LINK ? 8 : 4;
}

void cg_save(struct tcg_machine *tm, const struct tcg_block *b, struct bytes *out)
{
    const struct x86_backend *be = tm->backend_data;
    const struct kept *k = cache_origin_of(&tm->cache, b)->code;

    const struct side_table *side = record_at(&tm->cache.records, b->side);
    bytes_put_le(out, side != NULL, 1);
    if (side)
        save_side(side, out);
    for (unsigned n = 0; n < b->exit_count; n++) {
        const struct tcg_exit_site *x = block_exit(b, n);
        bytes_put_le(out, x->ret, 4);
        bytes_put_le(out, exit_unlinked(x), 4);
        bytes_put_le(out, x->patch, 4);
    }
    bytes_put_le(out, k->count, 2);
    for (unsigned n = 0; n < k->count; n++) {
        const struct reloc *r = &k->relocs[n];
        const bool routine = r->kind == RELOC_ROUTINE; /* told by its key */
        bytes_put_le(out, r->where | r->kind << 18 | (routine ? 0 : (uint32_t)r->arg << 20), 4);
        if (routine)
            bytes_put_le(out, be->routines[r->arg].key, 4);
    }
    bytes_put_le(out, b->code_size, 4);
    uint8_t *code = bytes_add(out, b->code_size);
    if (!code)
        return;
    memcpy(code, b->code, b->code_size);
    memcpy(code, k->entry, sizeof k->entry);
    for (unsigned n = 0; n < k->count; n++)
        memset(code + k->relocs[n].where, 0, reloc_bytes(&k->relocs[n]));
    for (unsigned n = 0; n < b->exit_count; n++) {
        const struct tcg_exit_site *x = block_exit(b, n);
        if (x->patch)
            store_le32(code + x->patch, exit_unlinked(x) - x->patch - 4);
    }
}

/* ---- loading --------------------------------------------------------------------------------- */

static bool place_ok(const struct tcg_arch *arch, const struct side_table *t, const struct place *p)
{
    switch (p->kind) {
    case PLACE_GPR:
    case PLACE_XMM_HI:
        return p->index < 16;
    case PLACE_XMM:
        return (p->index & ~PLACE_UPPER_ZERO) < 16;
    case PLACE_SPILL:
    case PLACE_SPILL_HI:
        return p->index < CG_SPILLS;
    case PLACE_CONST:
        return p->index < t->const_count;
    case PLACE_SLOT:
        return p->index < arch->slot_count && arch->slots[p->index].name;
    default:
        return false;
    }
}

/* A snapshot's places are restored one after the other; flags have three operands behind them. */
static bool snapshot_ok(const struct tcg_arch *arch, const struct side_table *t,
                        const struct snapshot *s)
{
    const struct place *p = side_places(t) + s->first;
    unsigned operands = 0;
    if (s->first > t->place_count || s->count > t->place_count - s->first ||
        s->count > IR_MAX_SLOTS + 3 || s->x87 > t->x87_count)
        return false;
    for (unsigned n = 0; n < s->count; n++) {
        bool operand = p[n].slot == PLACE_OPERAND, flags = p[n].kind == PLACE_FLAGS;
        if (operand != (operands > 0) || (flags && (p[n].index >> 8 & 7) > IR_W64) ||
            (!flags && !place_ok(arch, t, &p[n])) ||
            (!operand && (p[n].slot >= arch->slot_count || !arch->slots[p[n].slot].name)))
            return false;
        operands = flags ? 3 : operands - operand;
    }
    return !operands;
}

static bool side_ok(const struct tcg_machine *tm, const struct side_table *t)
{
    for (unsigned n = 0; n < t->snapshot_count; n++)
        if (!snapshot_ok(tm->arch, t, &side_snapshots(t)[n]) ||
            (n && side_snapshots(t)[n].ret <= side_snapshots(t)[n - 1].ret))
            return false;
    if (t->x87_count && !tm->arch->x87)
        return false;
    for (unsigned n = 0; n < t->x87_count; n++)
        if (side_x87(t)[n].segment >= ARRAY_SIZE(tm->arch->x87->selector))
            return false;
    for (unsigned n = 0; t->has_home && n < IR_MAX_SLOTS; n++)
        if (side_home(t)[n] < NO_REG || side_home(t)[n] > 15)
            return false;
    return true;
}

static bool load_side(struct tcg_machine *tm, struct tcg_block *b, struct bytes_reader *in,
                      bool *full)
{
    struct side_table head;
    head.const_count = (uint16_t)bytes_get_le(in, 2);
    head.snapshot_count = (uint16_t)bytes_get_le(in, 2);
    head.place_count = (uint16_t)bytes_get_le(in, 2);
    head.x87_count = (uint16_t)bytes_get_le(in, 2) & 0x7fff;
    head.has_home = bytes_get_le(in, 1) & 1;
    size_t consts = head.const_count * sizeof(uint64_t);
    const uint8_t *p = bytes_get(in, consts);
    struct side_table *t =
        cache_alloc(tm, sizeof *t + consts + head.snapshot_count * sizeof(struct snapshot) +
                            head.place_count * sizeof(struct place) +
                            head.x87_count * sizeof(struct x87_state) +
                            (head.has_home ? (size_t)IR_MAX_SLOTS : 0));
    *full = !t;
    if (!t || !p)
        return false;
    *t = head;
    memcpy(t->data, p, consts);
    struct snapshot *s = (struct snapshot *)(void *)(t->data + t->const_count);
    for (unsigned n = 0; n < t->snapshot_count; n++, s++) {
        uint32_t ret = (uint32_t)bytes_get_le(in, 4), pc = (uint32_t)bytes_get_le(in, 4);
        unsigned first = (unsigned)bytes_get_le(in, 2), count = (unsigned)bytes_get_le(in, 2),
                 x87 = (unsigned)bytes_get_le(in, 2), rest = (unsigned)bytes_get_le(in, 2);
        *s = (struct snapshot){.pc = (int32_t)pc,
                               .ret = ret & SNAPSHOT_MAX_RET,
                               .x87 = x87 & 0xfff,
                               .first = first & 0x7fff,
                               .count = count & SNAPSHOT_MAX_PLACES,
                               .rest = rest & SNAPSHOT_MAX_REST};
        if (s->ret != ret || s->x87 != x87 || s->first != first || s->count != count ||
            s->rest != rest)
            return false;
    }
    struct place *to = (struct place *)(void *)s;
    for (unsigned n = 0; n < t->place_count; n++, to++) {
        to->slot = (uint8_t)bytes_get_le(in, 1);
        to->kind = (uint8_t)bytes_get_le(in, 1);
        to->index = (uint16_t)bytes_get_le(in, 2);
    }
    struct x87_state *x = (struct x87_state *)(void *)to;
    for (unsigned n = 0; n < t->x87_count; n++, x++) {
        unsigned flags = (unsigned)bytes_get_le(in, 1);
        *x = (struct x87_state){.in_host = flags >> X87_IN_HOST & 1,
                                .in_memory = flags >> X87_IN_MEMORY & 1,
                                .wide = flags >> X87_WIDE & 1,
                                .selectors = flags >> X87_SELECTORS & 1,
                                .data = flags >> X87_DATA & 1,
                                .ran = flags >> X87_RAN & 1,
                                .ran_mem = flags >> X87_RAN_MEM & 1};
        x->segment = (uint8_t)bytes_get_le(in, 1);
        x->opcode = (uint16_t)bytes_get_le(in, 2);
        x->pc = (int32_t)bytes_get_le(in, 4);
    }
    const uint8_t *home = t->has_home ? bytes_get(in, IR_MAX_SLOTS) : NULL;
    if (home)
        memcpy(x, home, IR_MAX_SLOTS);
    b->side = record_ref(&tm->cache.records, t);
    return !in->bad && side_ok(tm, t);
}

static bool exit_ok(const struct tcg_exit_site *x, uint32_t size)
{
    return x->ret <= size &&
           (!x->patch || (x->patch % 4 == 0 && x->patch <= size - 4 && exit_unlinked(x) < size));
}

struct relocation {
    const struct tcg_machine *tm;
    const struct tcg_block *block;
    uint8_t *code; /* writable */
};

/* false: of nothing that there is. */
static bool apply(const struct relocation *l, uint32_t where, enum reloc_kind kind, unsigned arg,
                  const uint8_t *routine)
{
    const struct x86_backend *be = l->tm->backend_data;
    const struct tcg_block *b = l->block;
    uint8_t *at = l->code + where;
    if (kind == RELOC_LINK) {
        uint32_t id = 0;
        if (arg >= RELOC_GUARD)
            id = arg - RELOC_GUARD < b->guard_count ? block_guard(b, arg - RELOC_GUARD)->id : 0;
        else if (arg < b->exit_count && block_exit(b, arg)->crossing)
            id = exit_crossing(block_exit(b, arg))->link_id;
        store_le32(at, (uint32_t)offsetof(struct tcg_ctx, links) +
                           4 * (id % (uint32_t)LINK_TABLE_SIZE));
        store_le32(at + 4, id);
        return id;
    }
    if (kind == RELOC_THUNK && arg == RELOC_OWNER) {
        store_le32(at, (uint32_t)(l->code - be->write));
        return true;
    }
    const uint8_t *to = routine;
    if (kind == RELOC_THUNK && arg < THUNK_COUNT)
        to = thunk_written(be, (enum thunk)arg);
    if (!to)
        return false;
    store_le32(at, (uint32_t)(int32_t)(to - (at + 4)));
    return true;
}

enum tcg_compiled cg_load(struct tcg_machine *tm, struct tcg_block *b, struct bytes_reader *in)
{
    struct x86_backend *be = tm->backend_data;
    struct code_area *area = &be->area[0];
    uint64_t start = align_up(area->used + 5, b->tier > 1 ? ENTRY_ALIGN_HOT : ENTRY_ALIGN);
    bool full = false;

    if (bytes_get_le(in, 1) & 1 && !load_side(tm, b, in, &full))
        return full ? TCG_CODE_FULL : TCG_TOO_BIG;
    for (unsigned n = 0; n < b->exit_count; n++) {
        struct tcg_exit_site *x = block_exit(b, n);
        x->ret = (uint32_t)bytes_get_le(in, 4);
        if (!exit_set_unlinked(x, (uint32_t)bytes_get_le(in, 4)))
            return TCG_TOO_BIG;
        x->patch = (uint32_t)bytes_get_le(in, 4);
    }
    unsigned relocs = (unsigned)bytes_get_le(in, 2);
    struct bytes_reader list = *in;
    for (unsigned n = 0; n < relocs; n++)
        if ((bytes_get_le(in, 4) >> 18 & 3) == RELOC_ROUTINE)
            bytes_get_le(in, 4);
    uint32_t size = (uint32_t)bytes_get_le(in, 4);
    const uint8_t *code = bytes_get(in, size);
    if (!code || in->p != in->end || size < 8)
        return TCG_TOO_BIG;
    for (unsigned n = 0; n < b->exit_count; n++)
        if (!exit_ok(block_exit(b, n), size))
            return TCG_TOO_BIG;
    if (start + size + CODE_MARGIN > area->end)
        return TCG_CODE_FULL;

    struct relocation l = {.tm = tm, .block = b, .code = be->write + start};
    memcpy(l.code, code, size);
    for (unsigned n = 0; n < relocs; n++) {
        uint32_t r = (uint32_t)bytes_get_le(&list, 4);
        struct reloc d = {
            .where = r & RELOC_MAX_WHERE, .kind = r >> 18 & 3, .arg = r >> 20 & RELOC_MAX_ARG};
        const uint8_t *routine = NULL;
        if (d.where > size - reloc_bytes(&d))
            return TCG_TOO_BIG;
        if (d.kind == RELOC_ROUTINE) {
            const struct routine *found =
                routine_with_key(tm, (uint32_t)bytes_get_le(&list, 4), l.code + size);
            if (!found)
                return TCG_CODE_FULL;
            routine = be->write + found->offset;
        }
        if (!apply(&l, d.where, d.kind, d.arg, routine))
            return TCG_TOO_BIG;
    }
    struct emit e = {.p = l.code - 5};
    emit_call_to(&e, thunk_written(be, THUNK_DEAD));
    b->code = be->exec + start;
    b->code_size = size;
    return code_keep(tm, area, b) ? TCG_COMPILED : TCG_CODE_FULL;
}
