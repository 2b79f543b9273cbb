/* Advanced SIMD of A32 and T32: VLD1 to VLD4, VST1 to VST4, by A64's words of the same form on
 * temporaries, which the registers are brought to and back from. */
#include "tcg/arm/translate32_vec.h"

static struct a32_operand dword(unsigned n)
{
    return (struct a32_operand){A32_D, (uint8_t)n};
}

/* The address is a multiple of so many bytes, or the access faults. */
static void check(struct a64_trans *x, ir_ref base, unsigned bytes, bool write)
{
    if (bytes < 2)
        return;
    const unsigned size = bytes > 16 ? 4 : (unsigned)__builtin_ctz(bytes);
    const unsigned attr = a64_mem(x, size) | IR_MEM_ALIGN | (write ? (unsigned)IR_MEM_RMW : 0);
    ir_ld(x->ir, size == 4 ? IR_V128 : size == 3 ? IR_I64 : IR_I32, base, attr);
}

static void write_back(struct a64_trans *x, const struct a32_insn *i, unsigned bytes)
{
    if (i->Rm == A32_PC)
        return;
    ir_ref base = a32_reg(x, i->Rn);
    a32_put(x, i->Rn,
            i->Rm == A32_SP ? a64_add_imm(x, IR_I32, base, bytes)
                            : a32_op2(x, IR_ADD, base, a32_reg(x, i->Rm)));
}

/* Register k of `n`, `step` apart; two in one temporary with `pairs`. */
struct registers {
    unsigned d, n, step;
    bool pairs;
};

static unsigned temp_of(const struct registers *l, unsigned k)
{
    return l->pairs ? k / 2 : k;
}

static void bring(struct a64_trans *x, const struct registers *l)
{
    for (unsigned k = 0; k < l->n; k++) {
        ir_ref v = a32_vec_get(x, dword(l->d + k * l->step)), *to = &x->temp[temp_of(l, k)];
        *to = l->pairs && k & 1 ? ir_emit(x->ir, IR_V_UNPKL, IR_V128, IR_W64, *to, v, 0, 0, 0) : v;
    }
}

static void take_back(struct a64_trans *x, const struct registers *l)
{
    for (unsigned k = 0; k < l->n; k++) {
        ir_ref v = x->temp[temp_of(l, k)];
        if (l->pairs && k & 1)
            v = ir_emit(x->ir, IR_V_SHRB, IR_V128, 0, v, 0, 0, 0, 8);
        a32_vec_put(x, dword(l->d + k * l->step), v);
    }
}

static bool begin(struct a64_trans *x)
{
    a32_may_fault(x);
    return a32_vec_begin(x);
}

static bool transfer(struct a64_trans *x, const struct a32_insn *i, const struct registers *l,
                     uint32_t word, unsigned align)
{
    const bool in = word >> 22 & 1;
    check(x, ir_get(x->ir, SLOT_X + i->Rn), align, !in);
    bring(x, l);
    if (!a32_as_a64(x, word | (uint32_t)i->Rn << 5 | A64_TEMP))
        return false;
    if (in)
        take_back(x, l);
    return true;
}

/* ---- multiple structures -----------------------------------------------------------------------
 */

/* Types are A64's opcodes, but for bit 0: registers two apart; and VLD2 of four registers, two
 * pairs, is A64's of two Q registers. */
bool a32_vldst_structures(struct a64_trans *x, const struct a32_insn *i)
{
    enum { ONE_OF_4 = 2, TWO_OF_4 = 3, ONE_OF_3 = 6, ONE_OF_1 = 7, ONE_OF_2 = 10 };
    static const uint8_t counts[16] = {4, 4, 4, 4, 3, 3, 3, 1, 2, 2, 2};
    struct registers l = {
        .d = a32_number(A32_D, i->Vd, i->D), .n = counts[i->type & 15], .step = 1};
    const bool plain =
        i->type == ONE_OF_4 || i->type == ONE_OF_3 || i->type == ONE_OF_1 || i->type == ONE_OF_2;
    unsigned opcode = i->type;
    if (i->type == TWO_OF_4) {
        l.pairs = true;
        opcode = 8;
    } else if (!plain) {
        l.step += i->type & 1;
        opcode &= ~1u;
    }
    if ((l.n & 1 && i->align & 2) || (l.n == 2 && i->align == 3) || i->Rn == A32_PC ||
        l.d + (l.n - 1) * l.step > 31)
        return false;
    if (!begin(x))
        return true;
    const uint32_t word = 0x0c000000 | (uint32_t)l.pairs << 30 | (uint32_t)i->L << 22 |
                          (uint32_t)opcode << 12 | (uint32_t)i->size << 10;
    if (!transfer(x, i, &l, word, i->align ? 4u << i->align : 0))
        return false;
    write_back(x, i, 8 * l.n);
    return true;
}

/* ---- single structures -------------------------------------------------------------------------
 */

/* index_align of VLD1 to VLD4: the lane, the registers' distance, bytes of alignment; false: no
 * such one. */
static bool lane_of(const struct a32_insn *i, unsigned n, unsigned *lane, unsigned *step,
                    unsigned *align)
{
    const unsigned field = i->align, size = i->size, low = size == 2 ? field & 3 : field & 1;
    *lane = field >> (size + 1);
    *step = 1 + (size ? field >> size & 1 : 0);
    *align = low ? n << size : 0;
    switch (n) {
    case 1:
        return *step == 1 && (size == 0 ? !low : size == 1 || low == 0 || low == 3);
    case 2:
        return size < 2 || !(low & 2);
    case 3:
        return !low;
    default:
        if (size == 2)
            *align = low ? 4u << low : 0;
        return size < 2 || low != 3;
    }
}

static uint32_t single_word(unsigned n, bool in, unsigned opcode, unsigned rest)
{
    return 0x0d000000 | (uint32_t)in << 22 | (uint32_t)((n - 1) & 1) << 21 |
           (uint32_t)(opcode << 1 | (n - 1) >> 1) << 13 | (uint32_t)rest << 10;
}

bool a32_vldst_lane(struct a64_trans *x, const struct a32_insn *i)
{
    const unsigned n = i->nn + 1u;
    struct registers l = {.d = a32_number(A32_D, i->Vd, i->D), .n = n};
    unsigned lane, align;
    if (!lane_of(i, n, &lane, &l.step, &align) || i->Rn == A32_PC || l.d + (n - 1) * l.step > 31)
        return false;
    if (!begin(x))
        return true;
    if (!transfer(x, i, &l, single_word(n, i->L, i->size, lane << i->size), align))
        return false;
    write_back(x, i, n << i->size);
    return true;
}

/* To all lanes; VLD1 to one register or to two alike (T), others one or two apart. */
bool a32_vldst_all(struct a64_trans *x, const struct a32_insn *i)
{
    const unsigned n = i->nn + 1u, width = i->size == 3 ? 2 : i->size;
    struct registers l = {.d = a32_number(A32_D, i->Vd, i->D), .n = n, .step = 1u + i->T};
    const unsigned last = n == 1 ? i->T : (n - 1) * l.step;
    unsigned align = i->a ? n << width : 0;
    if ((i->size == 3 && (n != 4 || !i->a)) || (n == 1 && i->a && !i->size) || (n == 3 && i->a) ||
        i->Rn == A32_PC || l.d + last > 31)
        return false;
    if (n == 4 && i->a && i->size == 2)
        align = 8;
    if (!begin(x))
        return true;
    if (!transfer(x, i, &l, single_word(n, true, 3, width), align))
        return false;
    if (n == 1 && i->T)
        a32_vec_put(x, dword(l.d + 1), x->temp[0]);
    write_back(x, i, n << width);
    return true;
}
