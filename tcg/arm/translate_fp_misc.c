/* A64 floating point: vectors of one operand. Arm ARM, chapter C7, the instruction named in fp.def.
 */
#include "tcg/arm/translate_fp.h"

/* What an instruction does, by U, a and opcode. */
enum kind { NONE, ROUND, TO_INT, FROM_INT, SIMPLE, COMPARE, ABSOLUTE, NEGATIVE };
struct misc {
    uint8_t kind;
    uint8_t what; /* a rounding, or an enum ir_afp_op */
    bool other;   /* unsigned; inexactness is flagged; the zero comes first */
};

static const struct misc *misc_of(const struct a64_insn *i)
{
    static const struct misc table[2][2][32] =
        {
            [0][0] =
                {
                    [0x18] = {ROUND, IR_AFP_NEAREST, false},
                    [0x19] = {ROUND, IR_AFP_DOWN, false},
                    [0x1a] = {TO_INT, IR_AFP_NEAREST, false},
                    [0x1b] = {TO_INT, IR_AFP_DOWN, false},
                    [0x1c] = {TO_INT, IR_AFP_AWAY, false},
                    [0x1d] = {FROM_INT, 0, false},
                },
            [0][1] =
                {
                    [0x0c] = {COMPARE, IR_AFP_CMPGT, false},
                    [0x0d] = {COMPARE, IR_AFP_CMPEQ, false},
                    [0x0e] = {COMPARE, IR_AFP_CMPGT, true},
                    [0x0f] = {ABSOLUTE, 0, false},
                    [0x18] = {ROUND, IR_AFP_UP, false},
                    [0x19] = {ROUND, IR_AFP_ZERO, false},
                    [0x1a] = {TO_INT, IR_AFP_UP, false},
                    [0x1b] = {TO_INT, IR_AFP_ZERO, false},
                    [0x1d] = {SIMPLE, IR_AFP_RECPE, false},
                    [0x1f] = {SIMPLE, IR_AFP_RECPX, false},
                },
            [1][0] =
                {
                    [0x18] = {ROUND, IR_AFP_AWAY, false},
                    [0x19] = {ROUND, IR_AFP_CURRENT, true},
                    [0x1a] = {TO_INT, IR_AFP_NEAREST, true},
                    [0x1b] = {TO_INT, IR_AFP_DOWN, true},
                    [0x1c] = {TO_INT, IR_AFP_AWAY, true},
                    [0x1d] = {FROM_INT, 0, true},
                },
            [1][1] =
                {
                    [0x0c] = {COMPARE, IR_AFP_CMPGE, false},
                    [0x0d] = {COMPARE, IR_AFP_CMPGE, true},
                    [0x0f] = {NEGATIVE, 0, false},
                    [0x19] = {ROUND, IR_AFP_CURRENT, false},
                    [0x1a] = {TO_INT, IR_AFP_UP, true},
                    [0x1b] = {TO_INT, IR_AFP_ZERO, true},
                    [0x1d] = {SIMPLE, IR_AFP_RSQRTE, false},
                    [0x1f] = {SIMPLE, IR_AFP_SQRT, false},
                },
        };
    return &table[i->U][i->a][i->opcode];
}

static bool misc(const struct fp *f, const struct a64_insn *i)
{
    const struct misc *m = misc_of(i);
    uint64_t sign = m->other ? (uint64_t)IR_AFP_UNSIGNED : 0;
    if (m->kind == NONE)
        return false;
    if (!a64_check_fp(f->x))
        return true;
    ir_ref v = a64_vec(f->x, i->Rn), zero = m->kind == COMPARE ? fp_zero(f) : 0;
    switch (m->kind) {
    case ROUND:
        v = fp_1(f,
                 ir_afp_rounded(IR_AFP_RINT, f->shape, m->what) |
                     (m->other ? (uint64_t)IR_AFP_EXACT : 0),
                 v);
        break;
    case TO_INT:
        v = fp_lanes_to_int(f, m->what, sign, v);
        break;
    case FROM_INT:
        v = fp_lanes_from_int(f, sign, v);
        break;
    case SIMPLE:
        v = fp_1(f, ir_afp(m->what, f->shape), v);
        break;
    case COMPARE:
        v = fp_2(f, m->what, m->other ? zero : v, m->other ? v : zero);
        break;
    case ABSOLUTE:
        v = fp_cut(f, fp_abs(f, v));
        break;
    default:
        v = fp_negate(f, v);
        break;
    }
    fp_put(f, i->Rd, v);
    return true;
}

bool a64_fp_v_misc(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    return fp_vector(x, &f, i->Q, i->sz) && misc(&f, i);
}
bool a64_fp_vh_misc(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, IR_W16, fp_shape(i->Q));
    return misc(&f, i);
}
bool a64_fp_s_misc(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, i->sz ? IR_W64 : IR_W32, IR_AFP_SCALAR);
    return misc(&f, i);
}
bool a64_fp_sh_misc(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, IR_W16, IR_AFP_SCALAR);
    return misc(&f, i);
}

/* FRINT32Z, FRINT64Z; U: in the current rounding mode. */
bool a64_fp_v_round_n(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!fp_vector(x, &f, i->Q, i->sz))
        return false;
    if (!a64_check_fp(x))
        return true;
    uint64_t imm = ir_afp_rounded(IR_AFP_RINTN, f.shape, i->U ? IR_AFP_CURRENT : IR_AFP_ZERO) |
                   (uint64_t)(i->opcode & 1 ? IR_W64 : IR_W32) << IR_AFP_TO_SHIFT;
    fp_put(&f, i->Rd, fp_1(&f, imm, a64_vec(x, i->Rn)));
    return true;
}
