/*
 * Translation of x87, FXSAVE and XSAVE instructions: IR_X87 ops where all exceptions are masked,
 * else helpers (helpers_fpu.h).
 */
#include "tcg/x86/translate_x87.h"

#include "tcg/x86/translate_sse.h"
#include "tcg/x86/fpu.h"

/* Low bits of the descriptor of helpers_fpu.h. */
static uint32_t descriptor(const struct x86_insn *i)
{
    uint32_t desc = (i->op & 7u) << 8 | i->modrm;
    if (i->mem)
        desc |= X87_DESC_MEM | (uint32_t)i->seg << X87_DESC_SEG_SHIFT;
    return desc;
}

bool x87_inline(const struct x86_trans *x)
{
    return !x86_one_by_one(x) && !(x->mode & MODE_X87_UNMASKED);
}

void x87_end(struct x86_trans *x)
{
    if (x87_inline(x))
        ir_emit(x->ir, IR_X87_END, IR_VOID, 0, 0, 0, 0, 0, 0);
}

/* The instruction may be an X87 op. */
static bool begin(struct x86_trans *x)
{
    const struct x86_cpu_model *model = x->t->tc && x->t->tc->vcpu ? x->t->tc->vcpu->model : NULL;
    if (!x87_inline(x))
        return false;
    if (x->x87_begin <= x->ir->last_label)
        x->x87_begin = ir_emit(x->ir, IR_X87_BEGIN, IR_VOID, 0, 0, 0, 0, 0,
                               (x86_code64(x) ? IR_X87_WIDE : 0u) |
                                   (fpu_zero_selectors(model) ? 0u : IR_X87_SELECTORS) |
                                   (fpu_data_on_exceptions(model) ? 0u : IR_X87_DATA));
    return true;
}

static unsigned opcode_of(const struct x86_insn *i)
{
    return (i->op & 7u) << 8 | i->modrm;
}

/* The register form that only the row's name distinguishes; arg: helper. */
void tr_x87_reg(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    const unsigned helper = i->row->arg;
    const bool cmov = helper == HELPER_ID(x87_cmov), comi = helper == HELPER_ID(x87_comi);
    const uint64_t imm = ir_x87_imm(opcode_of(i), helper, 0);
    if (begin(x)) {
        enum ir_op op = cmov ? IR_X87_CMOV : comi ? IR_X87_COMI : IR_X87_REG;
        ir_ref v = ir_emit(r, op, IR_VOID, 0, cmov ? x86_get_flags(x) : 0, 0, 0, 0, imm);
        if (comi)
            x86_put_flags(x, v);
        return;
    }
    ir_ref flags =
        cmov || comi ? ir_emit(r, IR_FL_PACK, IR_I32, 0, x86_get_flags(x), 0, 0, 0, 0) : 0;
    ir_ref v = x86_call(x, helper, ir_i32(r, descriptor(i)), x86_this_rip(x), flags, 0);
    if (comi)
        x86_put_flags(x, v);
}

/* Memory operand as a value; arg: helper, arg2: its width, IR_W128 for 80 bits. */
void tr_x87_mem(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    const unsigned w = i->row->arg2, bytes = w == IR_W128 ? 10 : 1u << w;
    ir_ref value;
    if (begin(x)) {
        ir_emit(r, IR_X87_LD, IR_VOID, 0, x86_ea(x, i, bytes, false), x86_ea_offset(x, i), 0, 0,
                ir_x87_imm(descriptor(i), i->row->arg, bytes));
        return;
    }
    mmx_begin(x); /* a pending exception comes before one of the operand's */
    ir_ref desc = ir_i32(r, descriptor(i));
    if (w == IR_W128) {
        ir_ref addr = x86_ea(x, i, bytes, false);
        value = ir_ld(r, IR_I64, addr, IR_W64);
        ir_ref high = ir_ld(r, IR_I32, x86_add_imm(x, IR_I64, addr, 8), IR_W16);
        desc = ir_op2(r, IR_OR, IR_I32, desc,
                      ir_op2(r, IR_SHL, IR_I32, high, ir_i32(r, X87_DESC_HIGH_SHIFT)));
    } else {
        value = x86_load_mem(x, i, w, 0);
    }
    x86_call(x, i->row->arg, desc, value, x86_ea_offset(x, i), x86_this_rip(x));
}

/* arg2: bytes stored */
void tr_x87_store(struct x86_trans *x, const struct x86_insn *i)
{
    const bool inline_op = begin(x);
    ir_ref addr = x86_ea(x, i, i->row->arg2, true), offset = x86_ea_offset(x, i);
    if (inline_op)
        ir_emit(x->ir, IR_X87_ST, IR_VOID, 0, addr, offset, 0, 0,
                ir_x87_imm(descriptor(i), HELPER_ID(x87_store), i->row->arg2));
    else
        x86_call(x, HELPER_ID(x87_store), ir_i32(x->ir, descriptor(i)), addr, offset,
                 x86_this_rip(x));
}

/* FNSTCW, FNSTSW: arg is the field's offset; both stand together, so four bytes are there to read.
 */
void tr_x87_store_word(struct x86_trans *x, const struct x86_insn *i)
{
    bool status = i->row->arg == offsetof(struct x86_regs, fsw) && x87_inline(x);
    ir_ref v = ir_emit(x->ir, status ? IR_X87_STSW : IR_LDENV, IR_I32, 0, 0, 0, 0, 0, i->row->arg);
    if (i->mem)
        x86_store_mem(x, i, IR_W16, v, 0);
    else
        x86_put_gpr(x, X86_RAX, IR_W16, v);
}

/* Compilers write around each conversion to an integer: inline as long as it leaves all exceptions
 * masked. */
static void fldcw_inline(struct x86_trans *x, ir_ref value)
{
    struct ir_region *r = x->ir;
    ir_ref masks = ir_op2(r, IR_AND, IR_I32, value, ir_i32(r, 0x3f));
    ir_emit(r, IR_TRAPNZ, IR_VOID, 0, ir_op2(r, IR_XOR, IR_I32, masks, ir_i32(r, 0x3f)), 0, 0, 0,
            X86_TRAP_ALONE);
    ir_ref fcw = ir_op2(r, IR_AND, IR_I32, value, ir_i32(r, 0x1f3f));
    ir_emit(r, IR_STENV, IR_VOID, IR_W16, ir_op2(r, IR_OR, IR_I32, fcw, ir_i32(r, 0x40)), 0, 0, 0,
            offsetof(struct x86_regs, fcw));
    ir_ref control = ir_op2(r, IR_AND, IR_I32, value, ir_i32(r, 0xf00));
    ir_emit(r, IR_X87_LDCW, IR_VOID, 0, ir_op2(r, IR_OR, IR_I32, control, ir_i32(r, 0x7f)), 0, 0, 0,
            0);
}

void tr_fldcw(struct x86_trans *x, const struct x86_insn *i)
{
    if (x87_inline(x)) {
        fldcw_inline(x, x86_load_mem(x, i, IR_W16, 0));
        return;
    }
    mmx_begin(x);
    x86_call(x, HELPER_ID(fldcw), x86_load_mem(x, i, IR_W16, 0), 0, 0, 0);
    x86_end_dyn(x, false); /* the masks decide about the mode */
}

void tr_x87_plain(struct x86_trans *x, const struct x86_insn *i)
{
    const unsigned helper = i->row->arg;
    if (helper == HELPER_ID(fwait) && x87_inline(x))
        return; /* nothing can be pending */
    x86_call(x, helper, 0, 0, 0, 0);
    if (helper == HELPER_ID(fninit) && x->mode & MODE_X87_UNMASKED)
        x86_end_dyn(x, false);
}

/* FLDENV, FNSTENV, FRSTOR, FNSAVE; arg: helper, arg2: enum x87_env_kind */
void tr_x87_env(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    bool wide = i->opsize != IR_W16;
    bool real = !(x->mode & MODE_PROTECTED) || (x->mode & MODE_V86);
    unsigned format = (wide ? X87_FORMAT_32 : 0) | (real ? X87_FORMAT_REAL : 0);
    unsigned bytes = (wide ? 28 : 14) + (i->row->arg2 == X87_STATE ? 80 : 0);
    const bool store = i->row->arg == HELPER_ID(fstenv);
    ir_ref addr = x86_ea(x, i, bytes, store);
    x86_call(x, i->row->arg, addr, ir_i32(r, format), ir_i32(r, i->row->arg2), 0);
    if (!store || x->mode & MODE_X87_UNMASKED) /* a store masks all exceptions */
        x86_end_dyn(x, false);
}

/* FXSAVE, FXRSTOR, XSAVE, XRSTOR; arg: helper, arg2: enum xsave_kind */
void tr_fx_state(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned helper = i->row->arg;
    bool xsave = helper == HELPER_ID(xsave) || helper == HELPER_ID(xrstor);
    bool load = helper == HELPER_ID(fxrstor) || helper == HELPER_ID(xrstor);
    if (xsave && !(x->mode & MODE_CR4_OSXSAVE)) {
        x86_tr_raise(x, X86_UD);
        return;
    }
    if (x->mode & MODE_CR0_TS) {
        x86_tr_raise(x, X86_NM);
        return;
    }
    ir_ref addr = x86_ea(x, i, xsave ? 576 : 512, !load);
    x86_call(x, helper, addr, ir_i32(r, (i->rex & 8) != 0), ir_i32(r, i->row->arg2), 0);
    if (load)
        x86_end_dyn(x, false); /* FCW and MXCSR decide about the mode */
}

/* ---- MXCSR. The flags are the host's while code runs, the rest of it the register file's. */

#define MXCSR_OFFSET ((int32_t)offsetof(struct x86_regs, mxcsr))

static ir_ref and32(struct x86_trans *x, ir_ref a, uint32_t mask)
{
    return ir_op2(x->ir, IR_AND, IR_I32, a, ir_i32(x->ir, mask));
}

/* Libraries set the rounding around a function. What changes no mode and has no reserved bits is
 * done in the region; the rest is the helper's. */
void tr_ldmxcsr(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref v = x86_load_mem(x, i, IR_W32, 0);
    if (!x86_common_form(x) || x->mode & MODE_XM_UNMASKED) {
        x86_call(x, HELPER_ID(ldmxcsr), v, 0, 0, 0);
        x86_end_dyn(x, false);
        return;
    }
    x86_alone_if(x, ir_op2(r, IR_XOR, IR_I32,
                           and32(x, v, ~(uint32_t)X86_MXCSR_VALID | X86_MXCSR_MASKS),
                           ir_i32(r, X86_MXCSR_MASKS)));
    ir_emit(r, IR_STENV, IR_VOID, IR_W32, v, 0, 0, 0, (uint64_t)MXCSR_OFFSET);
    ir_emit(r, IR_STENV, IR_VOID, IR_W32, v, 0, 0, 0,
            (uint64_t)(int64_t)TCG_ENV_OFFSET(guest_mxcsr));
    ir_fp_sync(r, true);
}

void tr_stmxcsr(struct x86_trans *x, const struct x86_insn *i)
{
    ir_fp_sync(x->ir, false);
    ir_ref flags = and32(x, x86_field(x, IR_I32, TCG_ENV_OFFSET(guest_mxcsr)), X86_MXCSR_FLAGS);
    ir_ref rest = and32(x, x86_field(x, IR_I32, MXCSR_OFFSET), ~(uint32_t)X86_MXCSR_FLAGS);
    x86_store_mem(x, i, IR_W32, ir_op2(x->ir, IR_OR, IR_I32, flags, rest), 0);
}
