/*
 * Segment registers, descriptor tables, far transfers and software interrupts. Descriptors are read
 * and checked by helpers; here are the operands.
 */
#include "tcg/x86/translate_int.h"

static ir_ref bytes_of(struct x86_trans *x, unsigned w)
{
    return ir_i32(x->ir, x86_bytes(w));
}

static ir_ref selector_at(struct x86_trans *x, uint32_t offset)
{
    return ir_zext(x->ir, IR_I32, ir_emit(x->ir, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, offset), IR_W16);
}

static ir_ref get_selector(struct x86_trans *x, unsigned seg)
{
    return selector_at(x, (uint32_t)(offsetof(struct x86_regs, seg) +
                                     seg * sizeof(struct x86_segment) +
                                     offsetof(struct x86_segment, selector)));
}

/* Selectors go to memory as 16 bits and to a register zero-extended. */
static void store_selector(struct x86_trans *x, const struct x86_insn *i, ir_ref v)
{
    unsigned w = i->mem ? IR_W16 : i->opsize;
    x86_store_rm(x, i, w, w == IR_W64 ? ir_zext(x->ir, IR_I64, v, IR_W32) : v);
}

/* User-mode instruction prevention: SGDT, SIDT, SLDT, STR, SMSW outside CPL 0. */
bool x86_umip_fault(struct x86_trans *x)
{
    if (!(x->mode & MODE_CR4_UMIP) || !(x->mode & MODE_CPL))
        return false;
    x86_tr_raise_error(x, X86_GP, 0);
    return true;
}

/* ---- segment registers ------------------------------------------------------------------------
 */

void tr_mov_from_sreg(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned seg = i->reg & 7;
    if (seg >= X86_SEG_COUNT)
        x86_tr_raise(x, X86_UD);
    else
        store_selector(x, i, get_selector(x, seg));
}

static void load_seg(struct x86_trans *x, unsigned seg, ir_ref selector, bool mov_or_pop)
{
    /* of several instructions in a row that hold interrupts off only the first does */
    x86_call(x, HELPER_ID(load_seg), ir_i32(x->ir, seg), selector,
             ir_i32(x->ir, mov_or_pop && !x->after_sti), 0);
}

/* In 64-bit code FS and GS take part in no mode bit: the region may go on. */
static void end_after_load(struct x86_trans *x, unsigned seg)
{
    if (seg < X86_FS || !x86_code64(x))
        x86_end_dyn(x, false);
}

/*
 * Loads of data segments by a 32-bit system's kernel: FS and GS become null or a writable segment
 * of 4 GiB anywhere, DS and ES, which are flat, a flat one, as it is already. Everything else, and
 * what faults, is the helper's.
 */
static bool common_load(const struct x86_trans *x, unsigned seg)
{
    if (!x86_common_form(x) || x->mode & (MODE_LONG | MODE_CPL | MODE_SMAP_OFF))
        return false;
    return seg >= X86_FS || (seg != X86_SS && x->mode & MODE_FLAT_DATA);
}

static ir_ref op64(struct x86_trans *x, enum ir_op op, ir_ref a, uint64_t b)
{
    return ir_op2(x->ir, op, IR_I64, a, ir_i64(x->ir, b));
}
static ir_ref shift64(struct x86_trans *x, enum ir_op op, ir_ref a, unsigned n)
{
    return ir_op2(x->ir, op, IR_I64, a, ir_i32(x->ir, n));
}

/* Not 0: the selector names no descriptor of the GDT. */
static ir_ref outside_gdt(struct x86_trans *x, ir_ref selector)
{
    struct ir_region *r = x->ir;
    ir_ref limit = ir_zext(
        r, IR_I64,
        ir_emit(r, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, offsetof(struct x86_regs, gdtr.limit)), IR_W16);
    ir_ref beyond =
        ir_emit(r, IR_SETC, IR_I32, IR_CC_A, op64(x, IR_OR, selector, 7), limit, 0, 0, IR_I64);
    return ir_op2(r, IR_OR, IR_I64, op64(x, IR_AND, selector, 4),
                  ir_zext(r, IR_I64, beyond, IR_W32));
}

/* Not 0: the descriptor is not accessed, present, writable data of 4 GiB that the selector's RPL
 * may use, at address 0 if `flat`. */
static ir_ref unusual(struct x86_trans *x, ir_ref desc, ir_ref selector, bool flat)
{
    struct ir_region *r = x->ir;
    const uint64_t base = UINT64_C(0xff0000ffffff0000), mask = UINT64_C(0x008f9f000000ffff),
                   want = UINT64_C(0x008f93000000ffff);
    ir_ref differs = op64(x, IR_XOR, op64(x, IR_AND, desc, flat ? mask | base : mask), want);
    ir_ref dpl = op64(x, IR_AND, shift64(x, IR_SHR, desc, 45), 3);
    ir_ref low =
        ir_emit(r, IR_SETC, IR_I32, IR_CC_A, op64(x, IR_AND, selector, 3), dpl, 0, 0, IR_I64);
    return ir_op2(r, IR_OR, IR_I64, differs, ir_zext(r, IR_I64, low, IR_W32));
}

/* readable: a linear address from which the selector came; 0: it is known not to be null. Returns
 * what end_common() takes. */
static ir_ref load_common(struct x86_trans *x, unsigned seg, ir_ref selector, ir_ref readable)
{
    struct ir_region *r = x->ir;
    const bool may_be_null = seg >= X86_FS;
    ir_ref zero = ir_i64(r, 0);
    ir_ref some = op64(x, IR_AND, selector, 0xfffc), bad = outside_gdt(x, selector);
    ir_ref addr = ir_emit(r, IR_LDENV, IR_I64, 0, 0, 0, 0, 0, offsetof(struct x86_regs, gdtr.base));
    addr = x86_wrap(x, IR_W32, ir_op2(r, IR_ADD, IR_I64, addr, op64(x, IR_AND, selector, 0xfff8)));
    if (may_be_null) {
        /* a null selector reads no descriptor, so it reads where it may */
        bad = ir_op3(r, IR_SELNZ, IR_I64, bad, zero, some);
        if (readable)
            addr = ir_op3(r, IR_SELNZ, IR_I64, addr, op64(x, IR_AND, readable, ~UINT64_C(7)), some);
    } else {
        bad = ir_op3(r, IR_SELNZ, IR_I64, bad, ir_i64(r, 1), some);
    }
    x86_alone_if(x, bad);
    ir_ref desc = ir_ld(r, IR_I64, addr, IR_W64);
    bad = unusual(x, desc, selector, !may_be_null);
    if (may_be_null)
        bad = ir_op3(r, IR_SELNZ, IR_I64, bad, zero, some);
    x86_alone_if(x, bad);

    ir_ref word = shift64(x, IR_SHL, op64(x, IR_AND, shift64(x, IR_SHR, desc, 40), 0xf0ff), 48);
    word = op64(x, IR_OR, word, 0xffffffff);
    ir_ref base = ir_op2(r, IR_OR, IR_I64, op64(x, IR_AND, shift64(x, IR_SHR, desc, 16), 0xffffff),
                         op64(x, IR_AND, shift64(x, IR_SHR, desc, 32), 0xff000000));
    if (may_be_null) {
        word = ir_op3(r, IR_SELNZ, IR_I64, word, zero, some);
        base = ir_op3(r, IR_SELNZ, IR_I64, base, zero, some);
    } else {
        base = zero;
    }
    word = ir_op2(r, IR_OR, IR_I64, word, shift64(x, IR_SHL, selector, 32));
    x86_put_segment(x, (enum x86_seg)seg, word, base);
    return some;
}

/* The mode says whether FS and GS are wide or null; the region goes on where it stays. */
static void end_common(struct x86_trans *x, unsigned seg, ir_ref some)
{
    struct ir_region *r = x->ir;
    if (seg < X86_FS)
        return;
    const uint64_t wide = seg == X86_FS ? MODE_WIDE_FS : MODE_WIDE_GS;
    ir_ref mode =
        ir_op3(r, IR_SELNZ, IR_I64, ir_i64(r, x->mode | wide), ir_i64(r, x->mode & ~wide), some);
    uint64_t value;
    if (ir_is_const(r, mode, &value) && value == x->mode)
        return;
    ir_put(r, SLOT_RIP, x86_next_rip(x));
    ir_emit(r, IR_EXIT_MODE, IR_VOID, X86_MMU_KERNEL << 1, mode, 0, 0, 0, 0);
    x->done = true;
}

/* A register's selector that was put there just before, and is not null. */
static bool selector_is_known(struct x86_trans *x, const struct x86_insn *i)
{
    uint64_t value;
    return ir_is_const(x->ir, x86_load_rm(x, i, IR_W16), &value) && value & 0xfffc;
}

/* A selector in memory at a linear address, read with w. */
static ir_ref selector_in_memory(struct x86_trans *x, ir_ref addr, unsigned w)
{
    return ir_zext(x->ir, IR_I64, ir_ld(x->ir, IR_I32, addr, w), IR_W16);
}

void tr_mov_to_sreg(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned seg = i->reg & 7;
    if (seg >= X86_SEG_COUNT || seg == X86_CS) {
        x86_tr_raise(x, X86_UD);
        return;
    }
    if (common_load(x, seg) && (i->mem || seg < X86_FS || selector_is_known(x, i))) {
        ir_ref addr = i->mem ? x86_ea(x, i, 2, false) : 0;
        ir_ref selector = i->mem ? selector_in_memory(x, addr, IR_W16)
                                 : ir_zext(x->ir, IR_I64, x86_load_rm(x, i, IR_W16), IR_W16);
        end_common(x, seg, load_common(x, seg, selector, addr));
        return;
    }
    load_seg(x, seg, ir_zext(x->ir, IR_I32, x86_load_rm(x, i, IR_W16), IR_W16), true);
    end_after_load(x, seg);
}

/* arg: the segment */
void tr_push_sreg(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref v = get_selector(x, i->row->arg);
    x86_push(x, i->opsize, i->opsize == IR_W64 ? ir_zext(x->ir, IR_I64, v, IR_W32) : v);
}

void tr_pop_sreg(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned seg = i->row->arg, w = i->opsize;
    if (common_load(x, seg)) {
        ir_ref addr = x86_stack_address(x, X86_RSP, 0, x86_bytes(w), false);
        ir_ref some = load_common(x, seg, selector_in_memory(x, addr, w), addr);
        x86_add_sp(x, x86_bytes(w));
        end_common(x, seg, some);
        return;
    }
    ir_ref v = x86_stack_load(x, w, 0);
    load_seg(x, seg, ir_zext(x->ir, IR_I32, v, IR_W16), true);
    x86_add_sp(x, x86_bytes(w));
    end_after_load(x, seg);
}

/* m16:16, m16:32, m16:64: the offset, then the selector */
static ir_ref load_far(struct x86_trans *x, const struct x86_insn *i, ir_ref *selector)
{
    unsigned w = i->opsize;
    ir_ref addr = x86_ea(x, i, x86_bytes(w) + 2, false);
    ir_ref offset = ir_ld(x->ir, x86_type(w), addr, w);
    *selector = ir_ld(x->ir, IR_I32, x86_add_imm(x, IR_I64, addr, x86_bytes(w)), IR_W16);
    return offset;
}

void tr_load_far_pointer(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned seg = i->row->arg;
    ir_ref selector, offset = load_far(x, i, &selector);
    load_seg(x, seg, selector, false);
    x86_put_reg(x, i, i->reg, i->opsize, offset);
    end_after_load(x, seg);
}

/* arg: segment; FSGSBASE must be on. */
void tr_rd_segbase(struct x86_trans *x, const struct x86_insn *i)
{
    if (!(x->mode & MODE_CR4_FSGSBASE)) {
        x86_tr_raise(x, X86_UD);
        return;
    }
    ir_ref v = ir_get(x->ir, SLOT_SEG_BASE + i->row->arg);
    x86_put_gpr(x, i->rm, i->opsize, i->opsize == IR_W64 ? v : ir_trunc(x->ir, v));
}

void tr_wr_segbase(struct x86_trans *x, const struct x86_insn *i)
{
    if (!(x->mode & MODE_CR4_FSGSBASE)) {
        x86_tr_raise(x, X86_UD);
        return;
    }
    x86_call(x, HELPER_ID(wrsegbase), ir_i32(x->ir, i->row->arg), x86_get_gpr(x, i->rm, i->opsize),
             bytes_of(x, i->opsize), 0);
}

void tr_swapgs(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    const uint32_t other = offsetof(struct x86_regs, kernel_gs_base);
    (void)i;
    ir_ref base = ir_get(r, SLOT_SEG_BASE + X86_GS);
    ir_ref kernel = ir_emit(r, IR_LDENV, IR_I64, 0, 0, 0, 0, 0, other);
    ir_emit(r, IR_STENV, IR_VOID, IR_W64, base, 0, 0, 0, other);
    ir_put(r, SLOT_SEG_BASE + X86_GS, kernel);
}

/* ---- descriptor tables and checks --------------------------------------------------------------
 */

void tr_lldt_ltr(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, i->row->arg, ir_zext(x->ir, IR_I32, x86_load_rm(x, i, IR_W16), IR_W16), 0, 0, 0);
}

/* arg: offset of the selector in the register file */
void tr_sldt_str(struct x86_trans *x, const struct x86_insn *i)
{
    if (!x86_umip_fault(x))
        store_selector(x, i, selector_at(x, i->row->arg));
}

static unsigned table_base_width(const struct x86_trans *x)
{
    return x86_code64(x) ? IR_W64 : IR_W32;
}

/* arg: offset of the struct x86_table in the register file */
void tr_sgdt_sidt(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = table_base_width(x), at = i->row->arg;
    if (x86_umip_fault(x))
        return;
    ir_ref addr = x86_ea(x, i, 2 + x86_bytes(w), true);
    ir_ref limit =
        ir_emit(r, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, at + offsetof(struct x86_table, limit));
    ir_ref base =
        ir_emit(r, IR_LDENV, IR_I64, 0, 0, 0, 0, 0, at + offsetof(struct x86_table, base));
    ir_st(r, addr, limit, 0, IR_W16);
    ir_st(r, x86_add_imm(x, IR_I64, addr, 2), w == IR_W64 ? base : ir_trunc(r, base), 0, w);
}

void tr_lgdt_lidt(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = table_base_width(x);
    ir_ref addr = x86_ea(x, i, 2 + x86_bytes(w), false);
    ir_ref limit = ir_ld(r, IR_I32, addr, IR_W16);
    ir_ref base = ir_ld(r, x86_type(w), x86_add_imm(x, IR_I64, addr, 2), w);
    if (w == IR_W32 && i->opsize == IR_W16)
        base = ir_op2(r, IR_AND, IR_I32, base, ir_i32(r, 0xffffff));
    x86_call(x, i->row->arg, limit, base, 0, 0);
}

/* ZF says whether the selector is good; the destination is written only then. */
void tr_lar_lsl(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    ir_ref selector = ir_zext(r, IR_I32, x86_load_rm(x, i, IR_W16), IR_W16);
    ir_ref v = x86_call(x, i->row->arg, selector, 0, 0, 0);
    ir_ref new = x86_merge_reg(x, i->reg, w, w == IR_W64 ? v : ir_trunc(r, v));
    ir_ref old = ir_get(r, SLOT_GPR + i->reg);
    ir_put(r, SLOT_GPR + i->reg,
           ir_emit(r, IR_SELCC, IR_I64, IR_CC_E, new, old, x86_get_flags(x), 0, 0));
}

void tr_verr_verw(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, i->row->arg, ir_zext(x->ir, IR_I32, x86_load_rm(x, i, IR_W16), IR_W16), 0, 0, 0);
}

void tr_arpl(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref a = x86_load_rm_rmw(x, i, IR_W16), b = x86_get_reg(x, i, i->reg, IR_W16);
    ir_ref v = x86_call(x, HELPER_ID(arpl), ir_zext(x->ir, IR_I32, a, IR_W16),
                        ir_zext(x->ir, IR_I32, b, IR_W16), 0, 0);
    x86_store_rm(x, i, IR_W16, ir_trunc(x->ir, v));
}

/* ---- far transfers -----------------------------------------------------------------------------
 */

/* arg: helper far_jmp or far_call */
static void far_transfer(struct x86_trans *x, const struct x86_insn *i, ir_ref selector,
                         ir_ref offset)
{
    x86_call(x, i->row->arg, selector, offset, bytes_of(x, i->opsize), x86_next_rip(x));
    x86_end_dyn_rip_set(x, false);
}

void tr_far_direct(struct x86_trans *x, const struct x86_insn *i)
{
    far_transfer(x, i, ir_i32(x->ir, i->imm2), ir_i32(x->ir, (uint32_t)i->imm));
}

void tr_far_indirect(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref selector, offset = load_far(x, i, &selector);
    far_transfer(x, i, selector, offset);
}

void tr_far_ret(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, HELPER_ID(far_ret), bytes_of(x, i->opsize),
             ir_i32(x->ir, (uint32_t)i->imm & 0xffff), x86_next_rip(x), 0);
    x86_end_dyn_rip_set(x, false);
}

void tr_iret(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, HELPER_ID(iret), bytes_of(x, i->opsize), x86_next_rip(x), 0, 0);
    x86_end_dyn_rip_set(x, true);
}

/* arg: enum x86_soft_int; arg2: the vector when it is no immediate */
void tr_int(struct x86_trans *x, const struct x86_insn *i)
{
    uint32_t vector = i->row->arg == X86_INT_N ? (uint32_t)i->imm : i->row->arg2;
    x86_call(x, HELPER_ID(int_sw), ir_i32(x->ir, vector), ir_i32(x->ir, i->len),
             ir_i32(x->ir, i->row->arg), 0);
    x86_end_dyn_rip_set(x, true);
}

void tr_into(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, HELPER_ID(into), ir_i32(x->ir, i->len), 0, 0, 0);
}
