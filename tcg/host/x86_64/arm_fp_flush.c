/*
 * Arm's flush-to-zero mode on the host's instructions. The host would say that a flushed result is
 * inexact, which Arm does not, and keep quiet about a flushed operand: so what is tiny, or may give
 * something tiny, goes the exact way before anything is computed. Operands that are zeros or
 * between 2^-30 and 2^30 (binary64: 2^-120 and 2^120) give nothing tiny: not in sums, products and
 * quotients, nor in the last place of a product that an addend cancels, nor as a narrower format.
 */
#include "tcg/host/x86_64/arm_fp.h"

enum {
    V_PAND = 0xdb | MAP_0F | PP_66,
    V_POR = 0xeb | MAP_0F | PP_66,
    V_PSUBD = 0xfa | MAP_0F | PP_66,
    V_PMINUD = 0x3b | MAP_0F38 | PP_66,
    V_PCMPEQD = 0x76 | MAP_0F | PP_66,
    V_PCMPEQQ = 0x29 | MAP_0F38 | PP_66,
    V_MOVMSKPS = 0x50 | MAP_0F,
};

/* Temporaries: a value, a mask, the mask of all operands so far, zeros. */
enum { VALUE, MASK, ALL, ZEROS, TEMPS = ARM_FP_FLUSH_XMM };

/* Masks of what is in range, by dwords: of a binary64 its upper one tells. zeros: they are, too. */
static void mask_operand(struct emit *e, const int *t, bool wide, int v, bool first, bool zeros)
{
    emit_vex_rm(e, V_PAND, t[VALUE], v, arm_fp_constant(wide ? HOST_ABS64 : HOST_ABS32));
    if (zeros) {
        emit_vex_rr(e, V_PXOR, t[ZEROS], t[ZEROS], t[ZEROS]);
        emit_vex_rr(e, wide ? V_PCMPEQQ : V_PCMPEQD, t[ZEROS], t[VALUE], t[ZEROS]);
    }
    emit_vex_rm(e, V_PSUBD, t[VALUE], t[VALUE], arm_fp_constant(wide ? HOST_LOW64 : HOST_LOW32));
    emit_vex_rm(e, V_PMINUD, t[MASK], t[VALUE], arm_fp_constant(wide ? HOST_SPAN64 : HOST_SPAN32));
    emit_vex_rr(e, V_PCMPEQD, first ? t[ALL] : t[MASK], t[MASK], t[VALUE]);
    if (zeros)
        emit_vex_rr(e, V_POR, first ? t[ALL] : t[MASK], first ? t[ALL] : t[MASK], t[ZEROS]);
    if (!first)
        emit_vex_rr(e, V_PAND, t[ALL], t[ALL], t[MASK]);
}

/* The jump that is taken when the lanes that count are (not) all in range. */
static uint8_t *jump_if(struct emit *e, const int *t, int gpr, const struct ir_insn *i, bool scalar,
                        bool in_range)
{
    emit_vex_rr(e, V_MOVMSKPS, gpr, NO_REG, t[ALL]);
    if (scalar) {
        emit_rr(e, 0xf7, 0, gpr); /* test */
        emit_u32(e, i->aux == IR_W64 ? 2 : 1);
        return emit_jcc(e, in_range ? CC_NE : CC_E);
    }
    /* a conversion to a wider format has its operands in the low half */
    bool low = i->op == IR_VA_1 && ir_afp_op(i->imm) == IR_AFP_CVT && ir_afp_to(i->imm) > i->aux;
    if (low)
        emit_alu_imm(e, 4, G_OR, gpr, 12);
    emit_alu_imm(e, 4, G_CMP, gpr, 15);
    return emit_jcc(e, in_range ? CC_E : CC_NE);
}

void arm_fp_check_operands(struct arm_fp *f)
{
    struct cg *g = f->g;
    int t[TEMPS], gpr;
    if (!(f->i->imm & IR_AFP_FZ))
        return;
    for (unsigned k = 0; k < TEMPS; k++)
        t[k] = arm_fp_xmm(f);
    gpr = arm_fp_gpr(f);
    for (unsigned k = 0; k < 3 && f->slow[k] != NO_REG; k++)
        mask_operand(&g->e, t, f->i->aux == IR_W64, f->slow[k], k == 0, false);
    struct stub *s = arm_fp_slow(f, jump_if(&g->e, t, gpr, f->i, f->scalar, false));
    s->fp_again = AGAIN_RANGE;
    s->fp_temp = (int8_t)t[0];
    for (unsigned k = 1; k < TEMPS; k++)
        s->fp_temps[k - 1] = (int8_t)t[k];
    s->fp_gpr = (int8_t)gpr;
    s->fp_scalar = f->scalar;
}

/* Zeros are not between the limits. */
void arm_fp_check_operands_again(struct cg *g, const struct stub *s)
{
    const struct ir_insn *i = &g->r->insns[s->insn];
    const int t[TEMPS] = {s->fp_temp, s->fp_temps[0], s->fp_temps[1], s->fp_temps[2]};
    for (unsigned k = 0; k < 3 && s->fp_args[k] != NO_REG; k++)
        mask_operand(&g->e, t, i->aux == IR_W64, s->fp_args[k], k == 0, true);
    emit_patch(jump_if(&g->e, t, s->fp_gpr, i, s->fp_scalar, true), s->found);
}
