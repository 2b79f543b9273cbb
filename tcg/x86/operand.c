/* Operands of instructions as IR values: general registers, effective addresses, memory, the stack.
 * See translate.h. */
#include "tcg/x86/translate.h"
#include "tcg/x86/translate_int.h"

/* ---- general registers ---------------------------------------------------------------------- */

/* AH CH DH BH: without any REX prefix, byte registers 4-7 are bits 15:8 of the first four. */
static bool is_high_byte(const struct x86_insn *i, unsigned reg, unsigned w)
{
    return w == IR_W8 && !i->rex && reg >= 4;
}

ir_ref x86_get_reg(struct x86_trans *x, const struct x86_insn *i, unsigned reg, unsigned w)
{
    if (is_high_byte(i, reg, w))
        return ir_emit(x->ir, IR_EXTRACT, IR_I32, 0, ir_get(x->ir, SLOT_GPR + reg - 4), 0, 0, 0,
                       8 | 8 << 8);
    ir_ref v = ir_get(x->ir, SLOT_GPR + reg);
    return w == IR_W64 ? v : ir_trunc(x->ir, v);
}

ir_ref x86_merge_reg(struct x86_trans *x, unsigned reg, unsigned w, ir_ref v)
{
    switch (w) {
    case IR_W64:
        return v;
    case IR_W32:
        return ir_zext(x->ir, IR_I64, v, IR_W32);
    default:
        return ir_emit(x->ir, IR_DEPOSIT, IR_I64, 0, ir_get(x->ir, SLOT_GPR + reg), v, 0, 0,
                       (uint64_t)x86_bits(w) << 8);
    }
}

void x86_put_reg(struct x86_trans *x, const struct x86_insn *i, unsigned reg, unsigned w, ir_ref v)
{
    if (is_high_byte(i, reg, w)) {
        ir_ref old = ir_get(x->ir, SLOT_GPR + reg - 4);
        ir_put(x->ir, SLOT_GPR + reg - 4,
               ir_emit(x->ir, IR_DEPOSIT, IR_I64, 0, old, v, 0, 0, 8 | 8 << 8));
        return;
    }
    ir_put(x->ir, SLOT_GPR + reg, x86_merge_reg(x, reg, w, v));
}

ir_ref x86_get_gpr(struct x86_trans *x, unsigned reg, unsigned w)
{
    ir_ref v = ir_get(x->ir, SLOT_GPR + reg);
    return w == IR_W64 ? v : ir_trunc(x->ir, v);
}

void x86_put_gpr(struct x86_trans *x, unsigned reg, unsigned w, ir_ref v)
{
    ir_put(x->ir, SLOT_GPR + reg, x86_merge_reg(x, reg, w, v));
}

/* ---- addresses ------------------------------------------------------------------------------ */

ir_ref x86_add_imm(struct x86_trans *x, enum ir_type t, ir_ref a, int64_t n)
{
    return n ? ir_op2(x->ir, IR_ADD, t, a, ir_const(x->ir, t, (uint64_t)n)) : a;
}

ir_ref x86_wrap(struct x86_trans *x, unsigned w, ir_ref v)
{
    return w == IR_W64 ? v : ir_zext(x->ir, IR_I64, v, w);
}

ir_ref x86_ea_offset(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    enum ir_type t = x86_type(i->addrsize);
    ir_ref v;

    if (i->base == X86_BASE_RIP) {
        v = x86_add_imm(x, IR_I64, ir_get(r, SLOT_PCB), x->next + i->disp);
        return x86_wrap(x, i->addrsize, v);
    }
    ir_ref index = i->index == X86_NO_REG ? 0 : x86_get_gpr(x, i->index, i->addrsize);
    if (i->base == X86_NO_REG) {
        if (!index)
            return x86_wrap(x, i->addrsize, ir_i64(r, (uint64_t)i->disp));
        v = i->scale ? ir_op2(r, IR_SHL, t, index, ir_i32(r, i->scale)) : index;
        v = x86_add_imm(x, t, v, i->disp);
    } else {
        v = x86_get_gpr(x, i->base, i->addrsize);
        if (i->disp == (int32_t)i->disp)
            v = ir_emit(r, IR_LEA, t, i->scale, v, index, 0, 0, (uint64_t)i->disp);
        else
            v = x86_add_imm(x, t, ir_emit(r, IR_LEA, t, i->scale, v, index, 0, 0, 0), i->disp);
    }
    return x86_wrap(x, i->addrsize, v);
}

/* Real and V86 mode: data segments are readable, writable and expand up, so the limit is all there
 * is to check. */
static ir_ref linear_real(struct x86_trans *x, unsigned seg, ir_ref offset, unsigned bytes)
{
    struct ir_region *r = x->ir;
    ir_ref limit = ir_emit(r, IR_LDENV, IR_I32, 0, 0, 0, 0, 0,
                           offsetof(struct x86_regs, seg) + seg * sizeof(struct x86_segment) +
                               offsetof(struct x86_segment, limit));
    ir_ref beyond = ir_emit(r, IR_SETC, IR_I32, IR_CC_A, x86_add_imm(x, IR_I64, offset, bytes - 1),
                            ir_zext(r, IR_I64, limit, IR_W32), 0, 0, IR_I64);
    ir_emit(r, IR_TRAPNZ, IR_VOID, 0, beyond, 0, 0, 0,
            X86_TRAP_ERROR(seg == X86_SS ? X86_SS_FAULT : X86_GP, 0));
    return ir_zext(r, IR_I64, ir_op2(r, IR_ADD, IR_I64, ir_get(r, SLOT_SEG_BASE + seg), offset),
                   IR_W32);
}

ir_ref x86_linear(struct x86_trans *x, unsigned seg, ir_ref offset, unsigned bytes, bool write)
{
    struct ir_region *r = x->ir;
    ir_ref v;
    if (x86_code64(x))
        v = seg >= X86_FS ? ir_op2(r, IR_ADD, IR_I64, ir_get(r, SLOT_SEG_BASE + seg), offset)
                          : offset;
    else if (x->mode & MODE_FLAT_DATA && (seg == X86_DS || seg == X86_ES || seg == X86_SS))
        v = offset;
    else if ((seg == X86_FS && (x->mode & MODE_WIDE_FS)) ||
             (seg == X86_GS && (x->mode & MODE_WIDE_GS)))
        v = ir_zext(r, IR_I64, ir_op2(r, IR_ADD, IR_I64, ir_get(r, SLOT_SEG_BASE + seg), offset),
                    IR_W32);
    else if (!(x->mode & MODE_PROTECTED) || x->mode & MODE_V86)
        v = linear_real(x, seg, offset, bytes);
    else
        v = x86_call(x, HELPER_ID(seg_check), ir_i32(r, seg), offset, ir_i32(r, bytes),
                     ir_i32(r, write));
    if (x->mode & MODE_AC && bytes > 1 && bytes <= 8)
        x86_call(x, HELPER_ID(ac_check), v, ir_i32(r, bytes), 0, 0);
    return v;
}

ir_ref x86_ea(struct x86_trans *x, const struct x86_insn *i, unsigned bytes, bool write)
{
    if (!x->ea)
        x->ea = x86_linear(x, i->seg, x86_ea_offset(x, i), bytes, write);
    return x->ea;
}

/* ---- memory --------------------------------------------------------------------------------- */

ir_ref x86_load_mem(struct x86_trans *x, const struct x86_insn *i, unsigned w, unsigned attr)
{
    return ir_ld(x->ir, x86_type(w), x86_ea(x, i, x86_bytes(w), attr & IR_MEM_RMW), w | attr);
}

void x86_store_mem(struct x86_trans *x, const struct x86_insn *i, unsigned w, ir_ref v,
                   unsigned attr)
{
    ir_st(x->ir, x86_ea(x, i, x86_bytes(w), true), v, 0, w | attr);
}

ir_ref x86_load_vec_mem(struct x86_trans *x, const struct x86_insn *i, unsigned w, unsigned attr)
{
    return ir_ld(x->ir, IR_V128, x86_ea(x, i, x86_bytes(w), false), w | attr);
}

void x86_store_vec_mem(struct x86_trans *x, const struct x86_insn *i, unsigned w, ir_ref v,
                       unsigned attr)
{
    x86_store_mem(x, i, w, v, attr);
}

ir_ref x86_load_w(struct x86_trans *x, const struct x86_insn *i, unsigned w, bool aligned)
{
    if (!i->mem)
        return x86_get_xmm(x, i->rm);
    return x86_load_vec_mem(x, i, w, aligned ? IR_MEM_ALIGN : 0);
}

ir_ref x86_load_rm(struct x86_trans *x, const struct x86_insn *i, unsigned w)
{
    return i->mem ? x86_load_mem(x, i, w, 0) : x86_get_reg(x, i, i->rm, w);
}

ir_ref x86_load_rm_rmw(struct x86_trans *x, const struct x86_insn *i, unsigned w)
{
    if (!i->mem)
        return x86_get_reg(x, i, i->rm, w);
    x->loaded = x86_load_mem(x, i, w, IR_MEM_RMW);
    return x->loaded;
}

void x86_store_rm(struct x86_trans *x, const struct x86_insn *i, unsigned w, ir_ref v)
{
    if (!i->mem)
        x86_put_reg(x, i, i->rm, w, v);
    else
        ir_st(x->ir, x86_ea(x, i, x86_bytes(w), true), v, x->loaded,
              w | (x->loaded ? (unsigned)IR_MEM_RMW : 0u));
}

/* ---- operands by their kind in the row ------------------------------------------------------ */

bool x86_operand_is_e(const struct x86_insn *i, unsigned n)
{
    unsigned k = i->row->ops[n];
    return k == OP_Eb || k == OP_Ew || k == OP_Ed || k == OP_Eq || k == OP_Ev || k == OP_Ey;
}

ir_ref x86_load_operand(struct x86_trans *x, const struct x86_insn *i, unsigned n, unsigned w)
{
    switch (i->row->ops[n]) {
    case OP_Gb:
    case OP_Gw:
    case OP_Gd:
    case OP_Gq:
    case OP_Gv:
    case OP_Gy:
        return x86_get_reg(x, i, i->reg, w);
    case OP_AL:
    case OP_AX:
    case OP_rAX:
    case OP_eAX:
        return x86_get_gpr(x, X86_RAX, w);
    case OP_CL:
        return x86_get_gpr(x, X86_RCX, w);
    case OP_DX:
        return x86_get_gpr(x, X86_RDX, w);
    case OP_Zb:
    case OP_Zv:
        return x86_get_reg(x, i, i->opreg, w);
    case OP_Ib:
    case OP_Ibs:
    case OP_Iw:
    case OP_Iz:
    case OP_Iv:
        return x86_const(x, w, (uint64_t)i->imm);
    case OP_I1:
        return x86_const(x, w, 1);
    default:
        return x86_load_rm(x, i, w);
    }
}

void x86_store_operand(struct x86_trans *x, const struct x86_insn *i, unsigned n, unsigned w,
                       ir_ref v)
{
    switch (i->row->ops[n]) {
    case OP_Gb:
    case OP_Gw:
    case OP_Gd:
    case OP_Gq:
    case OP_Gv:
    case OP_Gy:
        x86_put_reg(x, i, i->reg, w, v);
        break;
    case OP_AL:
    case OP_AX:
    case OP_rAX:
    case OP_eAX:
        x86_put_gpr(x, X86_RAX, w, v);
        break;
    case OP_Zb:
    case OP_Zv:
        x86_put_reg(x, i, i->opreg, w, v);
        break;
    default:
        x86_store_rm(x, i, w, v);
        break;
    }
}

/* ---- the stack ------------------------------------------------------------------------------ */

unsigned x86_stack_width(const struct x86_trans *x)
{
    return x86_code64(x) ? IR_W64 : x->mode & MODE_STACK32 ? IR_W32 : IR_W16;
}

ir_ref x86_stack_address(struct x86_trans *x, unsigned reg, int64_t disp, unsigned bytes,
                         bool write)
{
    unsigned sw = x86_stack_width(x);
    ir_ref off = x86_add_imm(x, x86_type(sw), x86_get_gpr(x, reg, sw), disp);
    return x86_linear(x, X86_SS, x86_wrap(x, sw, off), bytes, write);
}

ir_ref x86_stack_load(struct x86_trans *x, unsigned w, int32_t disp)
{
    return ir_ld(x->ir, x86_type(w), x86_stack_address(x, X86_RSP, disp, x86_bytes(w), false), w);
}

void x86_stack_store(struct x86_trans *x, unsigned w, int32_t disp, ir_ref v)
{
    ir_st(x->ir, x86_stack_address(x, X86_RSP, disp, x86_bytes(w), true), v, 0, w);
}

void x86_push(struct x86_trans *x, unsigned w, ir_ref v)
{
    x86_stack_store(x, w, -(int32_t)x86_bytes(w), v);
    x86_add_sp(x, -(int64_t)x86_bytes(w));
}

void x86_add_sp(struct x86_trans *x, int64_t n)
{
    unsigned sw = x86_stack_width(x);
    x86_put_gpr(x, X86_RSP, sw, x86_add_imm(x, x86_type(sw), x86_get_gpr(x, X86_RSP, sw), n));
}
