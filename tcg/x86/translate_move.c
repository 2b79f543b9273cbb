/* Data movement between registers, memory and flags. */
#include "tcg/x86/translate_int.h"

void tr_mov(struct x86_trans *x, const struct x86_insn *i)
{
    x86_store_operand(x, i, 0, i->opsize, x86_load_operand(x, i, 1, i->opsize));
}

/* MOV with an absolute offset (A0-A3); arg 1: store. */
void tr_mov_offset(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    bool store = i->row->arg;
    ir_ref addr = x86_linear(x, i->seg, ir_i64(x->ir, (uint64_t)i->disp), x86_bytes(w), store);
    if (store)
        ir_st(x->ir, addr, x86_get_gpr(x, X86_RAX, w), 0, w);
    else
        x86_put_gpr(x, X86_RAX, w, ir_ld(x->ir, x86_type(w), addr, w));
}

/* arg: width of the source */
static void extend_move(struct x86_trans *x, const struct x86_insn *i, bool sign)
{
    /* MOVSXD with a 16-bit operand reads no more than it writes */
    unsigned w = i->opsize, from = i->row->arg < w ? i->row->arg : w;
    enum ir_type t = x86_type(w);
    ir_ref v;
    if (i->mem) {
        ir_ref addr = x86_ea(x, i, x86_bytes(from), false);
        v = ir_ld(x->ir, t, addr, from | (sign ? (unsigned)IR_MEM_SIGN : 0u));
    } else {
        v = x86_get_reg(x, i, i->rm, from);
        /* MOVSXD without REX.W is a plain move */
        if (from < w || from < IR_W32)
            v = sign ? ir_sext(x->ir, t, v, from) : ir_zext(x->ir, t, v, from);
    }
    x86_put_reg(x, i, i->reg, w, v);
}

void tr_movzx(struct x86_trans *x, const struct x86_insn *i)
{
    extend_move(x, i, false);
}

void tr_movsx(struct x86_trans *x, const struct x86_insn *i)
{
    extend_move(x, i, true);
}

static ir_ref byte_swap(struct x86_trans *x, unsigned w, ir_ref v)
{
    if (w == IR_W16)
        return ir_emit(x->ir, IR_ROLW, IR_I32, IR_W16, v, ir_i32(x->ir, 8), 0, 0, 0);
    return ir_op1(x->ir, IR_BSWAP, x86_type(w), v);
}

void tr_movbe(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    x86_store_operand(x, i, 0, w, byte_swap(x, w, x86_load_operand(x, i, 1, w)));
}

/* BSWAP of 16 bits is undefined; processors give 0. */
void tr_bswap(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    ir_ref v = w == IR_W16 ? ir_i32(x->ir, 0) : byte_swap(x, w, x86_get_gpr(x, i->opreg, w));
    x86_put_gpr(x, i->opreg, w, v);
}

void tr_lea(struct x86_trans *x, const struct x86_insn *i)
{
    struct x86_insn narrow = *i;
    if (i->opsize < IR_W64 && i->addrsize == IR_W64)
        narrow.addrsize = IR_W32; /* the rest of the sum is not wanted */
    ir_ref v = x86_ea_offset(x, &narrow);
    x86_put_reg(x, i, i->reg, i->opsize, i->opsize == IR_W64 ? v : ir_trunc(x->ir, v));
}

void tr_xlat(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned aw = i->addrsize;
    enum ir_type t = x86_type(aw);
    ir_ref al = ir_zext(x->ir, t, ir_get(x->ir, SLOT_GPR + X86_RAX), IR_W8);
    ir_ref off = x86_wrap(x, aw, ir_op2(x->ir, IR_ADD, t, x86_get_gpr(x, X86_RBX, aw), al));
    ir_ref v = ir_ld(x->ir, IR_I32, x86_linear(x, i->seg, off, 1, false), IR_W8);
    x86_put_gpr(x, X86_RAX, IR_W8, v);
}

/* The memory operand is read and a 32-bit destination zero-extended whatever the condition. */
void tr_cmov(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    ir_ref a = x86_load_rm(x, i, w), old = x86_get_gpr(x, i->reg, w);
    x86_put_reg(x, i, i->reg, w,
                ir_emit(x->ir, IR_SELCC, x86_type(w), i->cc, a, old, x86_get_flags(x), 0, 0));
}

void tr_setcc(struct x86_trans *x, const struct x86_insn *i)
{
    x86_store_rm(x, i, IR_W8,
                 ir_emit(x->ir, IR_SETCC, IR_I32, i->cc, x86_get_flags(x), 0, 0, 0, 0));
}

/* ---- flags ---------------------------------------------------------------------------------- */

/* LAHF's AH is bits 15:8 of the packed form, with bit 1 set and the unused bits clear. */
enum { LAHF_FLAGS = IR_FL_CF | IR_FL_PF | IR_FL_AF | IR_FL_ZF | IR_FL_SF };

void tr_lahf(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    (void)i;
    ir_ref pk = ir_op1(r, IR_FL_PACK, IR_I32, x86_get_flags(x));
    pk = ir_op2(r, IR_AND, IR_I32, pk, ir_i32(r, LAHF_FLAGS));
    ir_ref ah = ir_op2(r, IR_OR, IR_I32, ir_op2(r, IR_SHR, IR_I32, pk, ir_i32(r, 8)), ir_i32(r, 2));
    ir_put(r, SLOT_GPR + X86_RAX,
           ir_emit(r, IR_DEPOSIT, IR_I64, 0, ir_get(r, SLOT_GPR + X86_RAX), ah, 0, 0, 8 | 8 << 8));
}

void tr_sahf(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    (void)i;
    ir_ref pk = ir_op1(r, IR_FL_PACK, IR_I32, x86_get_flags(x));
    ir_ref ah = ir_op2(r, IR_AND, IR_I32, x86_get_gpr(x, X86_RAX, IR_W32), ir_i32(r, LAHF_FLAGS));
    pk = ir_op2(r, IR_AND, IR_I32, pk, ir_i32(r, IR_FL_OF));
    x86_put_flags(x, ir_op1(r, IR_FL_FROM, IR_FL, ir_op2(r, IR_OR, IR_I32, ah, pk)));
}

static void put_cf(struct x86_trans *x, ir_ref bit)
{
    x86_put_flags(x, ir_fl(x->ir, IR_FL_SETCF, IR_W32, bit, x86_get_flags(x), 0, 0));
}

void tr_clc(struct x86_trans *x, const struct x86_insn *i)
{
    (void)i;
    put_cf(x, ir_i32(x->ir, 0));
}

void tr_stc(struct x86_trans *x, const struct x86_insn *i)
{
    (void)i;
    put_cf(x, ir_i32(x->ir, 1));
}

void tr_cmc(struct x86_trans *x, const struct x86_insn *i)
{
    (void)i;
    put_cf(x, ir_emit(x->ir, IR_SETCC, IR_I32, IR_CC_AE, x86_get_flags(x), 0, 0, 0, 0));
}

/* SALC (D6, undocumented): AL = CF ? FF : 0 */
void tr_salc(struct x86_trans *x, const struct x86_insn *i)
{
    (void)i;
    ir_ref cf = ir_emit(x->ir, IR_SETCC, IR_I32, IR_CC_B, x86_get_flags(x), 0, 0, 0, 0);
    x86_put_gpr(x, X86_RAX, IR_W8, ir_op1(x->ir, IR_NEG, IR_I32, cf));
}

static void put_rflags_bit(struct x86_trans *x, uint64_t bit, bool set)
{
    struct ir_region *r = x->ir;
    ir_ref v = ir_get(r, SLOT_RFLAGS);
    ir_put(r, SLOT_RFLAGS, ir_op2(r, set ? IR_OR : IR_AND, IR_I64, v, ir_i64(r, set ? bit : ~bit)));
}

void tr_cld(struct x86_trans *x, const struct x86_insn *i)
{
    (void)i;
    put_rflags_bit(x, X86_FLAG_DF, false);
}

void tr_std(struct x86_trans *x, const struct x86_insn *i)
{
    (void)i;
    put_rflags_bit(x, X86_FLAG_DF, true);
}

/* May this code change IF itself? */
static bool owns_if(const struct x86_trans *x)
{
    unsigned iopl = (unsigned)(x->mode & MODE_IOPL) >> 23, cpl = x->mode & MODE_CPL;
    return !(x->mode & MODE_PROTECTED) || cpl <= iopl;
}

/* CLI where privilege suffices needs no helper: interrupts becoming less deliverable need no poll.
 */
void tr_cli(struct x86_trans *x, const struct x86_insn *i)
{
    (void)i;
    if (owns_if(x))
        put_rflags_bit(x, X86_FLAG_IF, false);
    else
        x86_call(x, HELPER_ID(cli), 0, 0, 0, 0);
}

/*
 * The instruction after STI runs before any interrupt: it is translated into the same region, which
 * it ends, with a look at events (its own fault ends the interrupt shadow). Where that cannot be,
 * the helper sets up the shadow as state, and the run loop takes the next instruction alone.
 */
void tr_sti(struct x86_trans *x, const struct x86_insn *i)
{
    bool alone =
        x->t->single || x->mode & (MODE_TF | MODE_STEP | MODE_STI_SHADOW | MODE_BREAKPOINTS);
    bool room = x->next - x->t->rel_base <= 4096 - X86_INSN_MAX && x->ir->count < IR_MAX_INSNS / 2;
    (void)i;
    if (owns_if(x) && !alone && room) {
        put_rflags_bit(x, X86_FLAG_IF, true);
        x->after_sti = true;
    } else {
        x86_call(x, HELPER_ID(sti), 0, 0, 0, 0);
        x86_end_dyn(x, true);
    }
}

void tr_nop(struct x86_trans *x, const struct x86_insn *i)
{
    (void)x;
    (void)i;
}
