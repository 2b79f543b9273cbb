/*
 * FL_FCMP: VUCOMIS or VCOMIS tells less (CF), equal (ZF) and unordered (both, and PF). Whoever
 * tests the flags right behind compares himself, the operands in the order in which one condition
 * says it; only where the flags are kept are they brought into the form that Arm's conditions look
 * at.
 */
#include "tcg/host/x86_64/arm_fp.h"

bool arm_fp_compares_in_host(const struct ir_insn *i)
{
    return !(i->imm & IR_AFP_FZ) && i->aux != IR_W16;
}

static void emit_compare(struct cg *g, const struct ir_insn *i, bool swapped)
{
    int a = cg_xmm(g, i->a), b = cg_xmm(g, i->b);
    emit_vex_rr(&g->e, (i->imm & 1 ? 0x2f : 0x2e) | MAP_0F | (i->aux == IR_W64 ? PP_66 : 0),
                swapped ? b : a, NO_REG, swapped ? a : b);
    fl_clobber(g);
}

/* EFLAGS of a comparison to the packed form: 0 for greater, and three others, by CF and ZF. t: a
 * scratch register. */
static void pack(struct emit *e, int dst, int t)
{
    static const uint64_t forms =
        (uint64_t)(IR_FL_SF | IR_FL_CF) << 16 | (uint64_t)IR_FL_ZF << 32 | (uint64_t)IR_FL_OF << 48;
    emit_rr(e, X_SETCC | CC_B, 0, dst);
    emit_rr(e, X_SETCC | CC_E, 0, t);
    emit_rr(e, X_MOVZX8 | OPC_BYTE, dst, dst);
    emit_rr(e, X_MOVZX8 | OPC_BYTE, t, t);
    emit_rm(e, X_LEA, t, mem_index(dst, t, 1, 0));
    emit_shift_imm(e, 4, G_SHL, t, 4);
    emit_mov_imm(e, dst, forms);
    emit_vex_rr(e, V_SHRX | OPC_W, dst, t, dst);
}

static void exact_compare(struct cg *g, const struct ir_insn *i)
{
    emit_vex_rm(&g->e, V_MOVDQU_STORE, cg_xmm(g, i->a), NO_REG, cg_scratch_mem(0));
    emit_vex_rm(&g->e, V_MOVDQU_STORE, cg_xmm(g, i->b), NO_REG, cg_scratch_mem(4));
    select_vector_call(g, arm_fp_what(i), cg_vec_live(g));
    if (g->packed[g->n])
        emit_load(&g->e, false, cg_dst(g, 0), cg_arg_mem(0));
}

void arm_fp_compare(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    if (i->aux == IR_W16) {
        exact_compare(g, i);
        return;
    }
    if (!g->packed[g->n] && arm_fp_compares_in_host(i)) {
        if (!g->direct[g->n]) /* it may be invalid */
            emit_compare(g, i, false);
        return;
    }
    f.scalar = true;
    f.half = false;
    arm_fp_operand(&f, 0, i->a);
    arm_fp_operand(&f, 1, i->b);
    f.dst = cg_dst(g, 0);
    arm_fp_reserve(&f, 0, 1);
    int t = arm_fp_gpr(&f);
    arm_fp_check_operands(&f);
    emit_compare(g, i, false);
    pack(&g->e, f.dst, t);
    arm_fp_join(&f);
}

enum { EQUAL_HOST = 0xff };

/* Conditions over the flags' form, by enum ir_cc. */
static const struct {
    bool swapped;
    uint8_t host;
} conditions[16] = {
    [IR_CC_O] = {false, CC_P},   [IR_CC_NO] = {false, CC_NP},     [IR_CC_B] = {true, CC_A},
    [IR_CC_AE] = {true, CC_BE},  [IR_CC_E] = {false, EQUAL_HOST}, [IR_CC_NE] = {false, EQUAL_HOST},
    [IR_CC_BE] = {true, CC_AE},  [IR_CC_A] = {true, CC_B},        [IR_CC_S] = {true, CC_A},
    [IR_CC_NS] = {true, CC_BE},  [IR_CC_P] = {false, CC_P}, /* PF is not one of Arm's */
    [IR_CC_NP] = {false, CC_NP}, [IR_CC_L] = {false, CC_B},       [IR_CC_GE] = {false, CC_AE},
    [IR_CC_LE] = {false, CC_BE}, [IR_CC_G] = {false, CC_A},
};

bool arm_fp_condition(struct cg *g, ir_ref f, unsigned cc, unsigned *host)
{
    const struct ir_insn *i = &g->r->insns[f < IR_MAX_INSNS ? f : 0];
    if (i->op != IR_FL_FCMP || !g->direct[f] || cg_id(g, i->a) == 0 ||
        g->last[cg_id(g, i->a)] < g->n || g->last[cg_id(g, i->b)] < g->n)
        return false;
    *host = conditions[cc].host;
    if (*host != EQUAL_HOST) {
        emit_compare(g, i, conditions[cc].swapped);
        return true;
    }
    int t = cg_temp(g), u = cg_temp(g); /* equal, and not unordered */
    emit_compare(g, i, false);
    emit_rr(&g->e, X_SETCC | CC_E, 0, t);
    emit_rr(&g->e, X_SETCC | CC_NP, 0, u);
    emit_alu(&g->e, 1, X_TEST, t, u);
    *host = cc == IR_CC_E ? CC_NE : CC_E;
    return true;
}
