/* Code for the X87 ops: see x87_cg.h. */
#include "tcg/host/x86_64/x87_cg.h"

#include "tcg/host/x86_64/access.h"

enum { D8 = 0xd8, D9, DA, DB, DC, DD, DE, DF };
#define ENV_MEM(field) mem_at(ENV, TCG_ENV_OFFSET(field))

static const struct tcg_x87_layout *layout(const struct cg *g)
{
    return g->tm->arch->x87;
}

static void mem_form(struct cg *g, unsigned op, unsigned n, struct host_mem m)
{
    emit_rm(&g->e, op, (int)n, m);
}

/* ---- where the state is -------------------------------------------------------------------- */

static struct stub *x87_jump(struct cg *g, uint8_t *jump)
{
    struct stub *s = cg_stub(g, STUB_X87, jump);
    s->insn = (uint16_t)g->n;
    s->access.data = NO_REG;
    s->access.vec_live = (uint8_t)cg_vec_live(g);
    return s;
}

static void compare_live(struct cg *g)
{
    emit_rm(&g->e, 0x83, 7, ENV_MEM(x87_live)); /* cmp */
    emit_u8(&g->e, 0);
    fl_clobber(g);
}

/* Before anything that the host's x87 does. */
static void need_host(struct cg *g)
{
    if (g->x87.in_host)
        return;
    compare_live(g);
    struct stub *s = x87_jump(g, emit_jcc(&g->e, CC_E));
    s->imm = 0;
    s->back = g->e.p;
    g->x87.in_host = true;
    g->x87.in_memory = false;
}

/* The guest's state is looked at in the register file. */
static void need_memory(struct cg *g)
{
    if (g->x87.in_memory)
        return;
    compare_live(g);
    struct stub *s = x87_jump(g, emit_jcc(&g->e, CC_NE));
    s->imm = 1;
    s->back = g->e.p;
    g->x87.in_memory = true;
    g->x87.in_host = false;
}

/* ---- pointers ------------------------------------------------------------------------------ */

static void note(struct cg *g, const struct ir_insn *i)
{
    struct x87_state *s = &g->x87;
    s->ran = true;
    s->pc = (int32_t)g->pc;
    s->opcode = (uint16_t)ir_x87_opcode(i->imm);
    if (i->op == IR_X87_LD || i->op == IR_X87_ST) {
        s->ran_mem = true;
        s->segment = ir_x87_desc(i->imm) >> 11 & 7;
    }
}

static void store_word_imm(struct cg *g, int32_t offset, unsigned v)
{
    emit_rm(&g->e, 0xc7 | PP_66, 0, mem_at(ENV, offset));
    emit_u8(&g->e, v & 0xff);
    emit_u8(&g->e, v >> 8);
}

static void store_selector(struct cg *g, const struct x87_state *s, int32_t offset, unsigned seg,
                           int t)
{
    if (!s->selectors)
        return;
    if (s->wide) {
        store_word_imm(g, offset, 0);
        return;
    }
    emit_rm(&g->e, X_MOVZX16, t, mem_at(ENV, layout(g)->selector[seg]));
    emit_store(&g->e, 2, t, mem_at(ENV, offset));
}

static void store_pointers(struct cg *g, const struct x87_state *s, int t)
{
    const struct tcg_x87_layout *l = layout(g);
    emit_load(&g->e, s->wide, t, ENV_MEM(pcb));
    emit_alu_imm(&g->e, s->wide ? 8 : 4, G_ADD, t, s->pc);
    emit_store(&g->e, 8, t, mem_at(ENV, l->ip));
    store_selector(g, s, l->cs, l->code_segment, t);
    if (!s->data)
        return;
    store_word_imm(g, l->op, s->opcode);
    if (s->ran_mem)
        store_selector(g, s, l->ds, s->segment, t);
}

bool x87_pending(const struct x87_state *s)
{
    return s->ran;
}

static void flush_pointers(struct cg *g)
{
    if (!g->x87.ran)
        return;
    int t = cg_temp(g);
    store_pointers(g, &g->x87, t);
    g->gpr_locked &= ~(1u << t);
    fl_clobber(g);
    g->x87.ran = g->x87.ran_mem = false;
}

void x87_call(struct cg *g, bool lost)
{
    flush_pointers(g);
    if (lost)
        g->x87.in_host = false;
}

void x87_leave(struct cg *g, unsigned record)
{
    if (record)
        store_pointers(g, &g->x87_states[record - 1], RCX);
}

unsigned x87_record(struct cg *g)
{
    if (!g->x87.ran)
        return 0;
    const uint32_t n = g->x87_count;
    if (n && !memcmp(&g->x87_states[n - 1], &g->x87, sizeof g->x87))
        return n;
    if (n == CG_MAX_X87) {
        cg_fail(g, __func__);
        return 0;
    }
    g->x87_states[g->x87_count++] = g->x87;
    return n + 1;
}

/* ---- memory operands ----------------------------------------------------------------------- */

/* The state to the host or back; or a slow access: then go on with the instruction, and scratch
 * memory as its operand. */
void x87_stub(struct cg *g, struct stub *s)
{
    struct emit *e = &g->e;
    const struct ir_insn *i = &g->r->insns[s->insn];
    const bool access = s->access.data != NO_REG;
    uint32_t attr = s->imm ? X87_ACCESS_STORE_STATE : X87_ACCESS_LOAD_STATE;
    if (access) {
        uint8_t *missed = access_look_for_victim(g, s);
        emit_patch(missed, e->p);
        attr = ir_x87_bytes(i->imm) | (i->op == IR_X87_ST ? X87_ACCESS_WRITE : X87_ACCESS_READ) |
               ir_x87_opcode(i->imm) << X87_ACCESS_OP_SHIFT;
        emit_store(e, 8, s->access.addr, ENV_MEM(call_arg));
    }
    emit_store_imm(e, false, ENV_MEM(call_attr), (int32_t)attr);
    select_thunk_call(g, cg_call_thunk(s->access.vec_live, C_X87), s);
    if (access) {
        emit_rm(e, X_LEA | OPC_W, s->access.data, ENV_MEM(scratch));
        emit_alu(e, 8, X_SUB, s->access.data, s->access.addr);
    }
    emit_jmp_to(e, s->back);
}

static void memory_op(struct cg *g, const struct ir_insn *i)
{
    const unsigned opcode = ir_x87_opcode(i->imm);
    const struct span span = {.hi = (int32_t)ir_x87_bytes(i->imm), .write = i->op == IR_X87_ST};
    uint16_t first, count;
    need_host(g);
    int addr = cg_gpr(g, i->a), t, u;
    if (g->x87.data)
        cg_gpr(g, i->b);
    t = cg_temp(g);
    u = cg_temp(g);
    exit_places(g, g->home, &first, &count);
    fl_clobber(g);
    struct stub *s = x87_jump(g, access_tlb_check_span(&g->e, addr, &span, t, u));
    s->access.addr = (int8_t)addr;
    s->access.data = (int8_t)t;
    s->page_t = (int8_t)t;
    s->page_u = (int8_t)u;
    s->span = span;
    s->found = g->e.p;
    s->first = first;
    s->count = count;
    s->back = g->e.p;
    if (g->x87.data)
        emit_store(&g->e, 8, cg_gpr(g, i->b), mem_at(ENV, layout(g)->dp));
    mem_form(g, D8 + (opcode >> 8), opcode >> 3 & 7, mem_index(t, addr, 0, 0));
}

/* ---- register forms ------------------------------------------------------------------------ */

static void reg_op(struct cg *g, const struct ir_insn *i)
{
    const unsigned opcode = ir_x87_opcode(i->imm);
    emit_u8(&g->e, D8 + (opcode >> 8));
    emit_u8(&g->e, opcode & 0xff);
}

void x87_compare_flags(struct cg *g)
{
    const struct ir_insn *i = &g->r->insns[g->n];
    need_host(g);
    reg_op(g, i);
    note(g, i);
}

static void status_word(struct cg *g)
{
    need_host(g);
    cg_take(g, RAX);
    emit_u8(&g->e, DF); /* fnstsw ax */
    emit_u8(&g->e, 0xe0);
    emit_rr(&g->e, X_MOVZX16, RAX, RAX);
    cg_bind(g, g->n, RAX);
}

static void control_word(struct cg *g, const struct ir_insn *i)
{
    need_host(g);
    emit_store(&g->e, 2, cg_gpr(g, i->a), ENV_MEM(x87_cw));
    mem_form(g, D9, 5, ENV_MEM(x87_cw));
}

static void begin(struct cg *g, const struct ir_insn *i)
{
    g->x87.wide = (i->imm & IR_X87_WIDE) != 0;
    g->x87.selectors = (i->imm & IR_X87_SELECTORS) != 0;
    g->x87.data = (i->imm & IR_X87_DATA) != 0;
}

bool x87_insn(struct cg *g)
{
    const struct ir_insn *i = &g->r->insns[g->n];
    switch (i->op) {
    case IR_X87_BEGIN:
        begin(g, i);
        return true;
    case IR_X87_END:
        flush_pointers(g);
        need_memory(g);
        return true;
    case IR_X87_STSW:
        status_word(g);
        return true;
    case IR_X87_LDCW:
        control_word(g, i);
        return true;
    case IR_X87_REG:
        need_host(g);
        reg_op(g, i);
        break;
    case IR_X87_CMOV:
        need_host(g);
        fl_to_host(g, i->a);
        reg_op(g, i);
        break;
    case IR_X87_LD:
    case IR_X87_ST:
        memory_op(g, i);
        break;
    default:
        return false;
    }
    note(g, i);
    return true;
}
