/* A32 and T32 loads and stores: single, double, multiple, exclusive. */
#include "tcg/arm/translate32.h"

/* ---- single ------------------------------------------------------------------------------------
 */

/* Where an access goes and what becomes of the base. */
struct place {
    ir_ref addr;  /* i64 */
    ir_ref after; /* the base afterwards, i32; 0: as it was */
};

/* offset: an i32. index: before the access (P); wback: the base is written. */
static struct place place_of(struct a64_trans *x, unsigned rn, ir_ref offset, bool add, bool index,
                             bool wback)
{
    ir_ref base = a32_reg(x, rn);
    if (rn == A32_PC) /* literals: of the aligned PC */
        base = ir_trunc(x->ir, a64_pc(x, a32_pc_rel(x) & ~INT64_C(3)));
    ir_ref sum = a32_op2(x, add ? IR_ADD : IR_SUB, base, offset);
    return (struct place){.addr = a32_address(x, index ? sum : base), .after = wback ? sum : 0};
}

static struct place place_imm(struct a64_trans *x, unsigned rn, unsigned imm, bool add, bool index,
                              bool wback)
{
    const int64_t off = add ? (int64_t)imm : -(int64_t)imm;
    ir_ref base = rn == A32_PC ? 0 : a32_reg(x, rn);
    ir_ref sum = rn == A32_PC ? ir_trunc(x->ir, a64_pc(x, (a32_pc_rel(x) & ~INT64_C(3)) + off))
                              : a64_add_imm(x, IR_I32, base, off);
    return (struct place){.addr = a32_address(x, index || !base ? sum : base),
                          .after = wback ? sum : 0};
}

static void put_after(struct a64_trans *x, unsigned rn, const struct place *p)
{
    if (p->after)
        a32_put(x, rn, p->after);
}

/* often: loads of PC that change the set as often as not. */
static bool load(struct a64_trans *x, unsigned rt, unsigned rn, const struct place *p,
                 unsigned size, unsigned attr, bool often)
{
    if (rt != A32_PC) {
        a32_load_register(x, rt, p->addr, size, attr, rn, p->after);
        return true;
    }
    a32_must(x);
    ir_ref v = a32_load(x, p->addr, size, attr | IR_MEM_ALIGN);
    a32_check_set(x, v, often);
    put_after(x, rn, p);
    if (rn == A32_SP && p->after)
        x->t->ends = TCG_ENDS_RETURN;
    a32_jump_interworking(x, v, often);
    return true;
}

static bool store(struct a64_trans *x, unsigned rt, unsigned rn, const struct place *p,
                  unsigned size, unsigned attr)
{
    a32_store(x, p->addr, a32_reg(x, rt), size, attr);
    put_after(x, rn, p);
    return true;
}

/* Words and bytes of A32. P 0, W 1: unprivileged. */
static bool word_or_byte(struct a64_trans *x, const struct a32_insn *i, const struct place *p)
{
    const unsigned size = i->B ? 0 : 2, attr = !i->P && i->W ? ARM_MEM_USER : 0;
    if (p->after && (i->Rn == A32_PC || (i->L && i->Rn == i->Rt)))
        return false;
    if (i->Rt == A32_PC && (i->B || attr))
        return false;
    /* A jump through a table with a base that moves on is how calls into libraries are made, whose
     * functions are T32's as a rule. */
    return i->L ? load(x, i->Rt, i->Rn, p, size, attr, p->after && i->Rn != A32_SP)
                : store(x, i->Rt, i->Rn, p, size, attr);
}

bool a32_ldst_imm(struct a64_trans *x, const struct a32_insn *i)
{
    const struct place p = place_imm(x, i->Rn, i->imm12, i->U, i->P, !i->P || i->W);
    return word_or_byte(x, i, &p);
}

bool a32_ldst_reg(struct a64_trans *x, const struct a32_insn *i)
{
    ir_ref carry, offset = a32_shift_imm(x, a32_reg(x, i->Rm), i->type, i->imm5, &carry);
    const struct place p = place_of(x, i->Rn, offset, i->U, i->P, !i->P || i->W);
    return i->Rm != A32_PC && word_or_byte(x, i, &p);
}

/* ---- halves, signed bytes and pairs of A32 -----------------------------------------------------
 */

/* Two registers; the second address follows the first. */
static bool load_pair(struct a64_trans *x, unsigned rt, unsigned rt2, unsigned rn,
                      const struct place *p)
{
    ir_ref a = a32_load(x, p->addr, 2, IR_MEM_ALIGN),
           b = a32_load(x, a32_address(x, a64_add_imm(x, IR_I32, ir_trunc(x->ir, p->addr), 4)), 2,
                        IR_MEM_ALIGN);
    put_after(x, rn, p);
    a32_put(x, rt, a);
    a32_put(x, rt2, b);
    return true;
}

static bool store_pair(struct a64_trans *x, unsigned rt, unsigned rt2, unsigned rn,
                       const struct place *p)
{
    ir_ref a = a32_reg(x, rt), b = a32_reg(x, rt2);
    ir_ref next = a32_address(x, a64_add_imm(x, IR_I32, ir_trunc(x->ir, p->addr), 4));
    a32_store(x, p->addr, a, 2, IR_MEM_ALIGN);
    a32_store(x, next, b, 2, IR_MEM_ALIGN);
    put_after(x, rn, p);
    return true;
}

static bool half_or_pair(struct a64_trans *x, const struct a32_insn *i, const struct place *p)
{
    enum { HALF = 1, SIGNED_BYTE, SIGNED_HALF }; /* without L the last two are pairs */
    const unsigned attr = !i->P && i->W ? ARM_MEM_USER : 0;
    if (p->after && (i->Rn == A32_PC || (i->L && i->Rn == i->Rt)))
        return false;
    if (!i->L && i->op2 != HALF) {
        if (i->Rt & 1 || i->Rt == A32_LR || attr)
            return false;
        return i->op2 == SIGNED_BYTE ? load_pair(x, i->Rt, i->Rt + 1u, i->Rn, p)
                                     : store_pair(x, i->Rt, i->Rt + 1u, i->Rn, p);
    }
    if (i->Rt == A32_PC)
        return false;
    if (!i->L)
        return store(x, i->Rt, i->Rn, p, 1, attr);
    return load(x, i->Rt, i->Rn, p, i->op2 == SIGNED_BYTE ? 0 : 1,
                attr | (i->op2 == HALF ? 0u : (unsigned)IR_MEM_SIGN), false);
}

bool a32_ldst_half_imm(struct a64_trans *x, const struct a32_insn *i)
{
    const struct place p =
        place_imm(x, i->Rn, (unsigned)(i->immH << 4 | i->immL), i->U, i->P, !i->P || i->W);
    return half_or_pair(x, i, &p);
}

bool a32_ldst_half_reg(struct a64_trans *x, const struct a32_insn *i)
{
    const struct place p = place_of(x, i->Rn, a32_reg(x, i->Rm), i->U, i->P, !i->P || i->W);
    return i->Rm != A32_PC && half_or_pair(x, i, &p);
}

/* ---- single, T32 --------------------------------------------------------------------------------
 */

bool a32_t_ldr_lit(struct a64_trans *x, const struct a32_insn *i)
{
    const struct place p = place_imm(x, A32_PC, i->imm8 * 4u, true, true, false);
    return load(x, i->Rt, A32_PC, &p, 2, 0, false);
}

bool a32_t_ldst_reg(struct a64_trans *x, const struct a32_insn *i)
{
    /* STR STRH STRB LDRSB LDR LDRH LDRB LDRSH */
    static const uint8_t sizes[8] = {2, 1, 0, 0, 2, 1, 0, 1};
    const struct place p = place_of(x, i->Rn, a32_reg(x, i->Rm), true, true, false);
    if (i->op < 3)
        return store(x, i->Rt, i->Rn, &p, sizes[i->op], 0);
    return load(x, i->Rt, i->Rn, &p, sizes[i->op], i->op == 3 || i->op == 7 ? IR_MEM_SIGN : 0,
                false);
}

bool a32_t_ldst_imm(struct a64_trans *x, const struct a32_insn *i)
{
    const unsigned size = i->op < 0x0e ? 2 : i->op < 0x10 ? 0 : 1;
    const struct place p = place_imm(x, i->Rn, (unsigned)i->imm5 << size, true, true, false);
    return i->op & 1 ? load(x, i->Rt, i->Rn, &p, size, 0, false)
                     : store(x, i->Rt, i->Rn, &p, size, 0);
}

bool a32_t_str_sp(struct a64_trans *x, const struct a32_insn *i)
{
    const struct place p = place_imm(x, A32_SP, i->imm8 * 4u, true, true, false);
    return store(x, i->Rt, A32_SP, &p, 2, 0);
}

bool a32_t_ldr_sp(struct a64_trans *x, const struct a32_insn *i)
{
    const struct place p = place_imm(x, A32_SP, i->imm8 * 4u, true, true, false);
    return load(x, i->Rt, A32_SP, &p, 2, 0, false);
}

/* A load of T32 of 32 bits; bytes and halves into PC are hints about memory. */
static bool wide_load(struct a64_trans *x, const struct a32_insn *i, const struct place *p,
                      unsigned attr, bool often)
{
    if (i->Rt == A32_PC && i->wid < 2)
        return true;
    if (p->after && i->Rn == i->Rt)
        return false;
    return load(x, i->Rt, i->Rn, p, i->wid, attr | (i->sg ? (unsigned)IR_MEM_SIGN : 0u), often);
}

bool a32_t_ldr_literal(struct a64_trans *x, const struct a32_insn *i)
{
    const struct place p = place_imm(x, A32_PC, i->imm12, i->U, true, false);
    return wide_load(x, i, &p, 0, false);
}

bool a32_t_ldr_imm12(struct a64_trans *x, const struct a32_insn *i)
{
    const struct place p = place_imm(x, i->Rn, i->imm12, true, true, false);
    return wide_load(x, i, &p, 0, false);
}

/* P, U, W: 1 1 0 is unprivileged. */
static bool imm8_forms(const struct a32_insn *i, unsigned *attr)
{
    *attr = i->P && i->U && !i->W ? ARM_MEM_USER : 0;
    return i->P || i->W;
}

bool a32_t_ldr_imm8(struct a64_trans *x, const struct a32_insn *i)
{
    unsigned attr;
    if (!imm8_forms(i, &attr))
        return false;
    const struct place p = place_imm(x, i->Rn, i->imm8, i->U, i->P, i->W);
    return wide_load(x, i, &p, attr, i->Rn != A32_SP && i->W);
}

static bool scaled(struct a64_trans *x, const struct a32_insn *i, struct place *p)
{
    if (i->Rm == A32_PC || i->Rm == A32_SP)
        return false;
    *p = place_of(x, i->Rn, a32_shift(x, IR_SHL, a32_reg(x, i->Rm), i->imm2), true, true, false);
    return true;
}

bool a32_t_ldr_reg(struct a64_trans *x, const struct a32_insn *i)
{
    struct place p;
    return scaled(x, i, &p) && wide_load(x, i, &p, 0, false);
}

bool a32_t_str_imm12(struct a64_trans *x, const struct a32_insn *i)
{
    const struct place p = place_imm(x, i->Rn, i->imm12, true, true, false);
    return i->Rt != A32_PC && store(x, i->Rt, i->Rn, &p, i->wid, 0);
}

bool a32_t_str_imm8(struct a64_trans *x, const struct a32_insn *i)
{
    unsigned attr;
    if (!imm8_forms(i, &attr) || i->Rt == A32_PC || (i->W && i->Rn == i->Rt))
        return false;
    const struct place p = place_imm(x, i->Rn, i->imm8, i->U, i->P, i->W);
    return store(x, i->Rt, i->Rn, &p, i->wid, attr);
}

bool a32_t_str_reg(struct a64_trans *x, const struct a32_insn *i)
{
    struct place p;
    return i->Rt != A32_PC && scaled(x, i, &p) && store(x, i->Rt, i->Rn, &p, i->wid, 0);
}

static bool sp_or_pc(unsigned n)
{
    return n == A32_SP || n == A32_PC;
}

bool a32_t_ldrd(struct a64_trans *x, const struct a32_insn *i)
{
    if (sp_or_pc(i->Rt) || sp_or_pc(i->Rt2) || (i->W && i->Rn == A32_PC) ||
        (i->L && i->Rt == i->Rt2))
        return false;
    const struct place p = place_imm(x, i->Rn, i->imm8 * 4u, i->U, i->P, i->W);
    return i->L ? load_pair(x, i->Rt, i->Rt2, i->Rn, &p) : store_pair(x, i->Rt, i->Rt2, i->Rn, &p);
}

/* ---- multiple -----------------------------------------------------------------------------------
 */

struct multiple {
    unsigned rn, list;
    bool add,
        before; /* addresses go up from the base (else down to it); the base itself is not in */
    bool wback;
};

/* The lowest address, and in *after the base afterwards. */
static ir_ref lowest(struct a64_trans *x, const struct multiple *m, ir_ref *after)
{
    const int64_t bytes = 4 * __builtin_popcount(m->list);
    ir_ref base = a32_reg(x, m->rn);
    *after = a64_add_imm(x, IR_I32, base, m->add ? bytes : -bytes);
    int64_t from = m->add ? (m->before ? 4 : 0) : (m->before ? -bytes : 4 - bytes);
    return a64_add_imm(x, IR_I32, base, from);
}

static ir_ref word_address(struct a64_trans *x, ir_ref low, unsigned n)
{
    return a32_address(x, a64_add_imm(x, IR_I32, low, 4 * (int64_t)n));
}

static bool load_multiple(struct a64_trans *x, const struct multiple *m)
{
    ir_ref after, low, v[16];
    unsigned n = 0;
    if (!m->list || m->rn == A32_PC || (m->wback && m->list >> m->rn & 1))
        return false;
    a32_may_fault(x);
    low = lowest(x, m, &after);
    for (unsigned k = 0; k < 16; k++) {
        if (!(m->list >> k & 1))
            continue;
        v[k] = a32_load(x, word_address(x, low, n), 2, IR_MEM_ALIGN);
        n++;
    }
    if (m->list >> A32_PC & 1)
        a32_check_set(x, v[A32_PC], false);
    if (m->wback)
        a32_put(x, m->rn, after);
    for (unsigned k = 0; k < A32_PC; k++)
        if (m->list >> k & 1)
            a32_put(x, k, v[k]);
    if (m->list >> A32_PC & 1) {
        if (m->rn == A32_SP)
            x->t->ends = TCG_ENDS_RETURN;
        a32_jump_interworking(x, v[A32_PC], false);
    }
    return true;
}

static bool store_multiple(struct a64_trans *x, const struct multiple *m)
{
    ir_ref after, low;
    unsigned n = 0;
    if (!m->list || m->rn == A32_PC)
        return false;
    a32_may_fault(x);
    low = lowest(x, m, &after);
    /* A store that faults in the middle must find nothing changed that the restart would read:
     * words are stored again. */
    for (unsigned k = 0; k < 16; k++) {
        if (!(m->list >> k & 1))
            continue;
        a32_store(x, word_address(x, low, n), a32_reg(x, k), 2, IR_MEM_ALIGN);
        n++;
    }
    if (m->wback)
        a32_put(x, m->rn, after);
    return true;
}

static struct multiple of_a32(const struct a32_insn *i)
{
    return (struct multiple){
        .rn = i->Rn, .list = i->list, .add = i->U, .before = i->P, .wback = i->W};
}

bool a32_ldm(struct a64_trans *x, const struct a32_insn *i)
{
    const struct multiple m = of_a32(i);
    return load_multiple(x, &m);
}

bool a32_stm(struct a64_trans *x, const struct a32_insn *i)
{
    const struct multiple m = of_a32(i);
    return store_multiple(x, &m);
}

/* LDM and STM with "^": PC among the registers that are loaded makes it an exception return, else
 * the registers are USR's. */
static bool load_user(struct a64_trans *x, const struct multiple *m)
{
    ir_ref after, low, v[16];
    unsigned n = 0;
    a32_may_fault(x);
    low = lowest(x, m, &after);
    for (unsigned k = 0; k < 16; k++)
        if (m->list >> k & 1)
            v[k] = a32_load(x, word_address(x, low, n++), 2, IR_MEM_ALIGN);
    if (m->wback)
        a32_put(x, m->rn, after);
    const bool returns = m->list >> A32_PC & 1;
    for (unsigned k = 0; k < A32_PC; k++)
        if (m->list >> k & 1)
            returns ? a32_put(x, k, v[k]) : a32_put_user(x, k, v[k]);
    return !returns || a32_exception_return(x, v[A32_PC]);
}

bool a32_ldm_user(struct a64_trans *x, const struct a32_insn *i)
{
    const struct multiple m = of_a32(i);
    const bool returns = m.list >> A32_PC & 1;
    if (!m.list || m.rn == A32_PC || !a32_has_user_bank(x) ||
        (m.wback && (!returns || m.list >> m.rn & 1)))
        return false;
    return load_user(x, &m);
}

bool a32_stm_user(struct a64_trans *x, const struct a32_insn *i)
{
    const struct multiple m = of_a32(i);
    ir_ref after, low;
    unsigned n = 0;
    if (!m.list || m.rn == A32_PC || m.wback || !a32_has_user_bank(x))
        return false;
    a32_may_fault(x);
    low = lowest(x, &m, &after);
    for (unsigned k = 0; k < 16; k++)
        if (m.list >> k & 1)
            a32_store(x, word_address(x, low, n++), a32_user_reg(x, k), 2, IR_MEM_ALIGN);
    return true;
}

static bool t_multiple(struct a64_trans *x, unsigned rn, unsigned list, bool add, bool wback,
                       bool is_load)
{
    const struct multiple m = {.rn = rn, .list = list, .add = add, .before = !add, .wback = wback};
    return is_load ? load_multiple(x, &m) : store_multiple(x, &m);
}

bool a32_t_push(struct a64_trans *x, const struct a32_insn *i)
{
    return t_multiple(x, A32_SP, (unsigned)(i->M << A32_LR | i->list), false, true, false);
}

bool a32_t_pop(struct a64_trans *x, const struct a32_insn *i)
{
    return t_multiple(x, A32_SP, (unsigned)(i->P << A32_PC | i->list), true, true, true);
}

bool a32_t_stm(struct a64_trans *x, const struct a32_insn *i)
{
    return t_multiple(x, i->Rn, i->list, true, true, false);
}

bool a32_t_ldm(struct a64_trans *x, const struct a32_insn *i)
{
    return t_multiple(x, i->Rn, i->list, true, !(i->list >> i->Rn & 1), true);
}

static bool t_wide_multiple(struct a64_trans *x, const struct a32_insn *i, bool add, bool is_load)
{
    if (i->list >> A32_SP & 1 || (!is_load && i->list >> A32_PC & 1) ||
        (is_load && (i->list >> A32_LR & 3) == 3))
        return false;
    return t_multiple(x, i->Rn, i->list, add, i->W, is_load);
}

bool a32_t_stm_ia(struct a64_trans *x, const struct a32_insn *i)
{
    return t_wide_multiple(x, i, true, false);
}

bool a32_t_ldm_ia(struct a64_trans *x, const struct a32_insn *i)
{
    return t_wide_multiple(x, i, true, true);
}

bool a32_t_stm_db(struct a64_trans *x, const struct a32_insn *i)
{
    return t_wide_multiple(x, i, false, false);
}

bool a32_t_ldm_db(struct a64_trans *x, const struct a32_insn *i)
{
    return t_wide_multiple(x, i, false, true);
}

/* ---- exclusive, acquire, release
 * ----------------------------------------------------------------- */

/* A32's and T32's sizes of 8, 16, 32 and 64 bits. */
static bool exclusive_load(struct a64_trans *x, unsigned rt, unsigned rt2, unsigned rn,
                           unsigned offset, unsigned size)
{
    if (rt == A32_PC || rt2 == A32_PC || rn == A32_PC)
        return false;
    a32_may_fault(x);
    ir_ref addr = a32_address(x, a64_add_imm(x, IR_I32, a32_reg(x, rn), offset));
    ir_ref v = a64_load_exclusive(x, addr, size);
    if (size < 3) {
        a32_put(x, rt, a64_in_order(x, ir_trunc(x->ir, v), size));
        return true;
    }
    /* Each word by itself is in the order of the data. */
    ir_ref high = ir_trunc(x->ir, ir_op2(x->ir, IR_SHR, IR_I64, v, a32_i32(x, 32)));
    a32_put(x, rt, a64_in_order(x, ir_trunc(x->ir, v), 2));
    a32_put(x, rt2, a64_in_order(x, high, 2));
    return true;
}

static bool exclusive_store(struct a64_trans *x, unsigned rd, unsigned rt, unsigned rt2,
                            unsigned rn, unsigned offset, unsigned size)
{
    if (rd == A32_PC || rt == A32_PC || rt2 == A32_PC || rn == A32_PC || rd == rn || rd == rt)
        return false;
    a32_may_fault(x);
    ir_ref addr = a32_address(x, a64_add_imm(x, IR_I32, a32_reg(x, rn), offset));
    ir_ref v = a64_in_order(x, a32_reg(x, rt), size < 2 ? size : 2);
    if (size < 2)
        v = ir_zext(x->ir, IR_I32, v, (enum ir_width)size);
    if (size == 3)
        v = ir_emit(x->ir, IR_DEPOSIT, IR_I64, 0, a32_zext64(x, v),
                    a64_in_order(x, a32_reg(x, rt2), 2), 0, 0, 32 | 32 << 8);
    a32_put(x, rd, a64_store_exclusive(x, addr, v, size));
    return true;
}

static const uint8_t a32_sizes[] = {2, 3, 0, 1};

bool a32_ldrex(struct a64_trans *x, const struct a32_insn *i)
{
    const unsigned size = a32_sizes[i->sz];
    return (size < 3 || !(i->Rt & 1)) &&
           exclusive_load(x, i->Rt, size == 3 ? i->Rt + 1u : 0, i->Rn, 0, size);
}

bool a32_strex(struct a64_trans *x, const struct a32_insn *i)
{
    const unsigned size = a32_sizes[i->sz];
    return (size < 3 || !(i->Rt & 1)) &&
           exclusive_store(x, i->Rd, i->Rt, size == 3 ? i->Rt + 1u : 0, i->Rn, 0, size);
}

bool a32_t_ldrex(struct a64_trans *x, const struct a32_insn *i)
{
    return exclusive_load(x, i->Rt, 0, i->Rn, i->imm8 * 4u, 2);
}

bool a32_t_strex(struct a64_trans *x, const struct a32_insn *i)
{
    return exclusive_store(x, i->Rd, i->Rt, 0, i->Rn, i->imm8 * 4u, 2);
}

bool a32_t_ldrex_wide(struct a64_trans *x, const struct a32_insn *i)
{
    return exclusive_load(x, i->Rt, i->wid == 3 ? i->Rt2 : 0, i->Rn, 0, i->wid);
}

bool a32_t_strex_wide(struct a64_trans *x, const struct a32_insn *i)
{
    return exclusive_store(x, i->Rd, i->Rt, i->wid == 3 ? i->Rt2 : 0, i->Rn, 0, i->wid);
}

bool a32_t_stlex_wide(struct a64_trans *x, const struct a32_insn *i)
{
    return a32_t_strex_wide(x, i);
}

static bool load_acquire(struct a64_trans *x, unsigned rt, unsigned rn, unsigned size)
{
    if (rt == A32_PC || rn == A32_PC)
        return false;
    a32_put(x, rt, a32_load(x, a32_address(x, a32_reg(x, rn)), size, IR_MEM_ALIGN));
    return true;
}

static bool store_release(struct a64_trans *x, unsigned rt, unsigned rn, unsigned size)
{
    if (rt == A32_PC || rn == A32_PC)
        return false;
    a32_store(x, a32_address(x, a32_reg(x, rn)), a32_reg(x, rt), size, IR_MEM_ALIGN);
    a64_release(x);
    return true;
}

bool a32_lda(struct a64_trans *x, const struct a32_insn *i)
{
    return load_acquire(x, i->Rt, i->Rn, a32_sizes[i->sz]);
}

bool a32_stl(struct a64_trans *x, const struct a32_insn *i)
{
    return store_release(x, i->Rt, i->Rn, a32_sizes[i->sz]);
}

bool a32_t_lda(struct a64_trans *x, const struct a32_insn *i)
{
    return load_acquire(x, i->Rt, i->Rn, i->wid);
}

bool a32_t_stl(struct a64_trans *x, const struct a32_insn *i)
{
    return store_release(x, i->Rt, i->Rn, i->wid);
}

bool a32_clrex(struct a64_trans *x, const struct a32_insn *i)
{
    (void)i;
    a32_must(x);
    a64_forget_exclusive(x);
    return true;
}
