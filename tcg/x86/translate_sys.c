/*
 * System instructions other than those of segmentation: control registers, MSRs, ports, flags with
 * privileges, fast system calls. The work is done by helpers (helpers_sys.h says how each is called
 * and how the region goes on after).
 */
#include "core/cpu/x86_tsc.h"
#include "tcg/x86/translate_int.h"

static ir_ref bytes_of(struct x86_trans *x, unsigned w)
{
    return ir_i32(x->ir, x86_bytes(w));
}

static ir_ref call(struct x86_trans *x, const struct x86_insn *i)
{
    return x86_call(x, i->row->arg, 0, 0, 0, 0);
}

/* ---- helpers without operands: the row's arg is the helper ----------------------------------- */

void tr_helper(struct x86_trans *x, const struct x86_insn *i)
{
    call(x, i);
}

void tr_helper_dyn(struct x86_trans *x, const struct x86_insn *i)
{
    call(x, i);
    x86_end_dyn(x, false);
}

void tr_helper_dyn1(struct x86_trans *x, const struct x86_insn *i)
{
    call(x, i);
    x86_end_dyn(x, true);
}

/* helper(next) that sets RIP */
void tr_helper_next_dyn1(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, i->row->arg, x86_next_rip(x), 0, 0, 0);
    x86_end_dyn_rip_set(x, true);
}

static ir_ref and64(struct x86_trans *x, ir_ref a, uint64_t mask)
{
    return ir_op2(x->ir, IR_AND, IR_I64, a, ir_i64(x->ir, mask));
}

/* STAC, CLAC at level 0. With CR4.SMAP, AC is in the mode word and decides on the MMU index; that
 * CR4.SMAP is clear is not expected where AC gets set. */
static void set_ac(struct x86_trans *x, bool on)
{
    struct ir_region *r = x->ir;
    const bool was = x->mode & MODE_SMAP_OFF;
    ir_ref flags = ir_get(r, SLOT_RFLAGS);
    if (on && !was) {
        ir_ref smap = and64(x, x86_field(x, IR_I64, offsetof(struct x86_regs, cr4)), X86_CR4_SMAP);
        x86_alone_if(x, ir_op2(r, IR_XOR, IR_I64, smap, ir_i64(r, X86_CR4_SMAP)));
    }
    ir_put(r, SLOT_RFLAGS,
           on ? ir_op2(r, IR_OR, IR_I64, flags, ir_i64(r, X86_FLAG_AC))
              : and64(x, flags, ~(uint64_t)X86_FLAG_AC));
    if (on == was)
        return;
    ir_put(r, SLOT_RIP, x86_next_rip(x));
    ir_emit(r, IR_EXIT_MODE, IR_VOID, (on ? X86_MMU_KERNEL_NOSMAP : X86_MMU_KERNEL) << 1, 0, 0, 0,
            0, x->mode ^ MODE_SMAP_OFF);
    x->done = true;
}

/* Instructions that are undefined, not just privileged, outside CPL 0: MONITOR, MWAIT, CLAC, STAC.
 */
void tr_helper_ud_cpl(struct x86_trans *x, const struct x86_insn *i)
{
    if (x->mode & MODE_CPL) {
        x86_tr_raise(x, X86_UD);
        return;
    }
    unsigned helper = i->row->arg;
    if ((helper == HELPER_ID(stac) || helper == HELPER_ID(clac)) && x86_common_form(x))
        set_ac(x, helper == HELPER_ID(stac));
    else if (helper == HELPER_ID(mwait))
        tr_helper_next_dyn1(x, i);
    else if (helper == HELPER_ID(monitor))
        tr_helper(x, i);
    else
        tr_helper_dyn(x, i);
}

/* XGETBV, XSETBV */
void tr_xcr(struct x86_trans *x, const struct x86_insn *i)
{
    if (!(x->mode & MODE_CR4_OSXSAVE))
        x86_tr_raise(x, X86_UD);
    else if (i->row->arg == HELPER_ID(xsetbv))
        tr_helper_dyn(x, i);
    else
        tr_helper(x, i);
}

/* RDPKRU, WRPKRU: keys count for data only, so the block goes on. */
void tr_pkru(struct x86_trans *x, const struct x86_insn *i)
{
    tr_helper(x, i);
}

void tr_rdpid(struct x86_trans *x, const struct x86_insn *i)
{
    x86_put_gpr(x, i->rm, IR_W32, x86_field(x, IR_I32, offsetof(struct x86_regs, tsc_aux)));
}

/* RDTSC, RDTSCP: the virtual clock scaled (core/cpu/x86_tsc.h). A frequency that is no whole number
 * of GHz, and the check of a privilege that may be wanting, are the helper's. */
void tr_rdtsc(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    const bool p = i->row->arg == HELPER_ID(rdtscp);
    const uint64_t hz = x->t->tc ? x86_tsc_hz(x->t->tc->vcpu) : X86_NS_PER_SECOND;
    if (hz % X86_NS_PER_SECOND || (x->mode & MODE_CR4_TSD && x->mode & MODE_CPL) ||
        x->mode & MODE_ICOUNT) {
        tr_helper(x, i);
        return;
    }
    ir_ref aux = p ? x86_field(x, IR_I32, offsetof(struct x86_regs, tsc_aux)) : 0;
    /* RDTSCP waits for what stands before it, as LFENCE makes RDTSC do. */
    if (p || x->lfence)
        ir_emit(r, IR_FENCE, IR_VOID, 1, 0, 0, 0, 0, 0);
    x->lfence = false;
    ir_ref v = ir_emit(r, IR_CLOCK, IR_I64, 0, 0, 0, 0, 0, 0);
    v = ir_op2(r, IR_MUL, IR_I64, v, ir_i64(r, hz / X86_NS_PER_SECOND));
    v = ir_op2(r, IR_ADD, IR_I64, v, x86_field(x, IR_I64, offsetof(struct x86_regs, tsc_offset)));
    x86_put_gpr(x, X86_RAX, IR_W32, ir_trunc(r, v));
    ir_put(r, SLOT_GPR + X86_RDX, ir_op2(r, IR_SHR, IR_I64, v, ir_i32(r, 32)));
    if (p)
        x86_put_gpr(x, X86_RCX, IR_W32, aux);
}

/* RDRAND, RDSEED: there is always a number, so CF is set. */
void tr_rdrand(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref v = x86_call(x, HELPER_ID(random), 0, 0, 0, 0);
    x86_put_gpr(x, i->rm, i->opsize, i->opsize == IR_W64 ? v : ir_trunc(r, v));
    x86_put_flags(x, ir_op1(r, IR_FL_FROM, IR_FL, ir_i32(r, IR_FL_CF)));
}

/* ---- control and debug registers ------------------------------------------------------------- */

static unsigned native_width(const struct x86_trans *x)
{
    return x86_code64(x) ? IR_W64 : IR_W32;
}

void tr_mov_from_cr(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    static const uint32_t offset[] = {
        offsetof(struct x86_regs, cr0), 0, offsetof(struct x86_regs, cr2),
        offsetof(struct x86_regs, cr3), offsetof(struct x86_regs, cr4)};
    unsigned n = i->reg, w = native_width(x);
    ir_ref v = n < 8 ? ir_emit(r, IR_LDENV, IR_I64, 0, 0, 0, 0, 0, offset[n])
                     : x86_call(x, HELPER_ID(mov_from_cr), ir_i32(r, n), 0, 0, 0);
    x86_put_gpr(x, i->rm, w, w == IR_W64 ? v : ir_trunc(r, v));
}

void tr_mov_to_cr(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, HELPER_ID(mov_to_cr), ir_i32(x->ir, i->reg), x86_get_gpr(x, i->rm, native_width(x)),
             0, 0);
    x86_end_dyn(x, true);
}

void tr_mov_from_dr(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = native_width(x);
    ir_ref v = x86_call(x, HELPER_ID(mov_from_dr), ir_i32(x->ir, i->reg), 0, 0, 0);
    x86_put_gpr(x, i->rm, w, w == IR_W64 ? v : ir_trunc(x->ir, v));
}

void tr_mov_to_dr(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, HELPER_ID(mov_to_dr), ir_i32(x->ir, i->reg), x86_get_gpr(x, i->rm, native_width(x)),
             0, 0);
    x86_end_dyn(x, false);
}

/* SMSW stores 16 bits to memory; a register gets as much of CR0 as the operand size has. */
void tr_smsw(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->mem ? IR_W16 : i->opsize;
    if (x86_umip_fault(x))
        return;
    ir_ref v = ir_emit(r, IR_LDENV, IR_I64, 0, 0, 0, 0, 0, offsetof(struct x86_regs, cr0));
    x86_store_rm(x, i, w, w == IR_W64 ? v : ir_trunc(r, v));
}

void tr_lmsw(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, HELPER_ID(lmsw), x86_load_rm(x, i, IR_W16), 0, 0, 0);
    x86_end_dyn(x, false);
}

/* The image that PUSHF pushes outside V86 mode: RFLAGS without VM and RF. */
static ir_ref flags_image(struct x86_trans *x)
{
    struct ir_region *r = x->ir;
    const uint64_t low = X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_AF | X86_FLAG_ZF | X86_FLAG_SF;
    ir_ref pk = ir_zext(r, IR_I64, ir_op1(r, IR_FL_PACK, IR_I32, x86_get_flags(x)), IR_W32);
    ir_ref v = ir_op2(r, IR_AND, IR_I64, ir_get(r, SLOT_RFLAGS),
                      ir_i64(r, ~(uint64_t)(X86_FLAGS_ARITH | X86_FLAG_VM | X86_FLAG_RF)));
    v = ir_op2(r, IR_OR, IR_I64, v, ir_i64(r, X86_FLAG_1));
    v = ir_op2(
        r, IR_OR, IR_I64, v,
        ir_op2(r, IR_AND, IR_I64, ir_op2(r, IR_SHR, IR_I64, pk, ir_i32(r, 8)), ir_i64(r, low)));
    return ir_op2(r, IR_OR, IR_I64, v,
                  ir_op2(r, IR_SHL, IR_I64, ir_op2(r, IR_AND, IR_I64, pk, ir_i64(r, IR_FL_OF)),
                         ir_i32(r, 11)));
}

/* ---- fast system calls ----------------------------------------------------------------------- */

static const uint64_t uncommon_modes =
    MODE_TF | MODE_STEP | MODE_STI_SHADOW | MODE_BREAKPOINTS | MODE_V86;

/* Of an instruction that looks at events, and so may stand behind STI. */
static bool common_form_polls(const struct x86_trans *x)
{
    return (x->mode & MODE_FLAT_CS) && (x->mode & MODE_PROTECTED) && !(x->mode & uncommon_modes) &&
           !x->t->single;
}

bool x86_common_form(const struct x86_trans *x)
{
    return common_form_polls(x) && !x->after_sti;
}

enum { MODE_FLAGS = X86_FLAG_TF | X86_FLAG_IOPL | X86_FLAG_VM | X86_FLAG_AC };

void x86_alone_if(struct x86_trans *x, ir_ref nonzero)
{
    ir_emit(x->ir, IR_TRAPNZ, IR_VOID, 0, nonzero, 0, 0, 0, X86_TRAP_ALONE);
}

/* Not 0 when EFER.SCE is clear or one of those flags is set. */
static ir_ref uncommon(struct x86_trans *x, ir_ref flags)
{
    struct ir_region *r = x->ir;
    ir_ref efer = x86_field(x, IR_I64, offsetof(struct x86_regs, efer));
    ir_ref sce = ir_op2(r, IR_AND, IR_I64, efer, ir_i64(r, X86_EFER_SCE));
    return ir_op2(r, IR_OR, IR_I64, ir_op2(r, IR_AND, IR_I64, flags, ir_i64(r, MODE_FLAGS)),
                  ir_op2(r, IR_XOR, IR_I64, sce, ir_i64(r, X86_EFER_SCE)));
}

static ir_ref shift64(struct x86_trans *x, enum ir_op op, ir_ref a, unsigned n)
{
    return ir_op2(x->ir, op, IR_I64, a, ir_i32(x->ir, n));
}

static void put_rflags(struct x86_trans *x, ir_ref v)
{
    struct ir_region *r = x->ir;
    const uint64_t low = X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_AF | X86_FLAG_ZF | X86_FLAG_SF;
    ir_put(r, SLOT_RFLAGS, ir_op2(r, IR_OR, IR_I64, v, ir_i64(r, X86_FLAG_1)));
    ir_ref packed = ir_op2(r, IR_OR, IR_I64, shift64(x, IR_SHL, and64(x, v, low), 8),
                           and64(x, shift64(x, IR_SHR, v, 11), IR_FL_OF));
    x86_put_flags(x, ir_op1(r, IR_FL_FROM, IR_FL, ir_trunc(r, packed)));
}

void x86_put_segment(struct x86_trans *x, enum x86_seg seg, ir_ref word, ir_ref base)
{
    _Static_assert(
        offsetof(struct x86_segment, selector) == offsetof(struct x86_segment, limit) + 4 &&
            offsetof(struct x86_segment, attr) == offsetof(struct x86_segment, limit) + 6,
        "one store");
    ir_emit(x->ir, IR_STENV, IR_VOID, IR_W64, word, 0, 0, 0,
            offsetof(struct x86_regs, seg) + seg * sizeof(struct x86_segment) +
                offsetof(struct x86_segment, limit));
    ir_put(x->ir, SLOT_SEG_BASE + seg, base);
}

/* A flat segment: base 0, limit 4 GiB - 1. */
static void put_flat(struct x86_trans *x, enum x86_seg seg, ir_ref selector, unsigned attr)
{
    struct ir_region *r = x->ir;
    ir_ref v = ir_op2(r, IR_OR, IR_I64, shift64(x, IR_SHL, and64(x, selector, 0xffff), 32),
                      ir_i64(r, (uint64_t)attr << 48 | 0xffffffff));
    x86_put_segment(x, seg, v, ir_i64(r, 0));
}

static ir_ref plus(struct x86_trans *x, ir_ref a, unsigned n)
{
    return x86_add_imm(x, IR_I64, a, n);
}

/* CPL, CS and SS become those of the level; on to RIP. */
static void enter_level64(struct x86_trans *x, ir_ref cs, ir_ref ss, unsigned cpl, bool poll)
{
    const uint64_t mode = (x->mode & ~MODE_LEVEL) | MODE_FLAT64 | cpl;
    const unsigned index = cpl == 3 ? X86_MMU_USER : X86_MMU_KERNEL;
    put_flat(x, X86_CS, cs, X86_FLAT_CODE64 | cpl << X86_SEG_DPL_SHIFT);
    put_flat(x, X86_SS, ss, X86_FLAT_DATA32 | cpl << X86_SEG_DPL_SHIFT);
    ir_emit(x->ir, IR_EXIT_MODE, IR_VOID, index << 1 | poll, 0, 0, 0, 0, mode);
    x->done = true;
}

static void syscall64(struct x86_trans *x)
{
    struct ir_region *r = x->ir;
    ir_ref old = flags_image(x);
    ir_ref mask = x86_field(x, IR_I64, offsetof(struct x86_regs, sfmask));
    ir_ref flags = ir_op2(r, IR_ANDN, IR_I64, mask, old);
    x86_alone_if(x, uncommon(x, flags));
    ir_ref star = x86_field(x, IR_I64, offsetof(struct x86_regs, star));
    ir_ref cs = and64(x, shift64(x, IR_SHR, star, 32), 0xfffc);
    ir_put(r, SLOT_GPR + X86_RCX, x86_next_rip(x));
    ir_put(r, SLOT_GPR + 11, old);
    put_rflags(x, flags);
    ir_put(r, SLOT_RIP, x86_field(x, IR_I64, offsetof(struct x86_regs, lstar)));
    enter_level64(x, cs, plus(x, cs, 8), 0, false);
}

/* To level 3: there CR4.PVI counts, too, and RIP must be canonical (of 48 bits: the helper knows
 * about 57). */
static void sysret64(struct x86_trans *x)
{
    struct ir_region *r = x->ir;
    ir_ref rip = ir_get(r, SLOT_GPR + X86_RCX);
    ir_ref flags = and64(x, ir_get(r, SLOT_GPR + 11), 0x3c7fd5);
    ir_ref cr4 = x86_field(x, IR_I64, offsetof(struct x86_regs, cr4));
    ir_ref near = shift64(x, IR_SAR, shift64(x, IR_SHL, rip, 16), 16);
    ir_ref bad = ir_op2(r, IR_OR, IR_I64, uncommon(x, flags), and64(x, cr4, X86_CR4_PVI));
    x86_alone_if(x, ir_op2(r, IR_OR, IR_I64, bad, ir_op2(r, IR_XOR, IR_I64, near, rip)));
    ir_ref star = x86_field(x, IR_I64, offsetof(struct x86_regs, star));
    ir_ref selector = shift64(x, IR_SHR, star, 48), rpl = ir_i64(r, 3);
    ir_put(r, SLOT_RIP, rip);
    put_rflags(x, flags);
    enter_level64(x, ir_op2(r, IR_OR, IR_I64, plus(x, selector, 16), rpl),
                  ir_op2(r, IR_OR, IR_I64, plus(x, selector, 8), rpl), 3, true);
}

/* 32-bit code whose other segments are flat, too, so that the mode behind the instruction is
 * known. */
static bool flat32(const struct x86_trans *x)
{
    return !(x->mode & MODE_LONG) && (x->mode & MODE_FLAT_DATA);
}

static void enter_level32(struct x86_trans *x, ir_ref cs, ir_ref ss, unsigned cpl, bool poll)
{
    const uint64_t stays = MODE_FLAT_DATA | MODE_WIDE_FS | MODE_WIDE_GS | MODE_IOPL;
    const uint64_t mode =
        (x->mode & ~(MODE_LEVEL & ~stays)) | MODE_CODE32 | MODE_STACK32 | MODE_FLAT_CS | cpl;
    const unsigned index = cpl == 3 ? X86_MMU_USER : X86_MMU_KERNEL;
    put_flat(x, X86_CS, cs, X86_FLAT_CODE32 | cpl << X86_SEG_DPL_SHIFT);
    put_flat(x, X86_SS, ss, X86_FLAT_DATA32 | cpl << X86_SEG_DPL_SHIFT);
    ir_emit(x->ir, IR_EXIT_MODE, IR_VOID, index << 1 | poll, 0, 0, 0, 0, mode);
    x->done = true;
}

/* SYSENTER_CS & 0xfffc, which must not be 0; a flag that counts at the other level must not be set,
 * nor what else counts there. */
static ir_ref sysenter_selector(struct x86_trans *x, ir_ref also)
{
    struct ir_region *r = x->ir;
    ir_ref cs = and64(x, x86_field(x, IR_I64, offsetof(struct x86_regs, sysenter_cs)), 0xfffc);
    ir_ref none = ir_zext(
        r, IR_I64, ir_emit(r, IR_SETC, IR_I32, IR_CC_E, cs, ir_i64(r, 0), 0, 0, IR_I64), IR_W32);
    ir_ref bad = ir_op2(r, IR_OR, IR_I64, none, and64(x, ir_get(r, SLOT_RFLAGS), X86_FLAG_AC));
    x86_alone_if(x, also ? ir_op2(r, IR_OR, IR_I64, bad, also) : bad);
    return cs;
}

static void sysenter32(struct x86_trans *x)
{
    struct ir_region *r = x->ir;
    ir_ref cs = sysenter_selector(x, 0);
    ir_ref esp = x86_field(x, IR_I64, offsetof(struct x86_regs, sysenter_esp));
    ir_ref eip = x86_field(x, IR_I64, offsetof(struct x86_regs, sysenter_eip));
    ir_put(r, SLOT_RFLAGS,
           and64(x, ir_get(r, SLOT_RFLAGS), ~(uint64_t)(X86_FLAG_IF | X86_FLAG_RF)));
    ir_put(r, SLOT_GPR + X86_RSP, x86_wrap(x, IR_W32, esp));
    ir_put(r, SLOT_RIP, x86_wrap(x, IR_W32, eip));
    enter_level32(x, cs, plus(x, cs, 8), 0, false);
}

static void sysexit32(struct x86_trans *x)
{
    struct ir_region *r = x->ir;
    ir_ref pvi = and64(x, x86_field(x, IR_I64, offsetof(struct x86_regs, cr4)), X86_CR4_PVI);
    ir_ref cs = sysenter_selector(x, pvi), rpl = ir_i64(r, 3);
    ir_put(r, SLOT_RIP, x86_wrap(x, IR_W32, ir_get(r, SLOT_GPR + X86_RDX)));
    ir_put(r, SLOT_GPR + X86_RSP, x86_wrap(x, IR_W32, ir_get(r, SLOT_GPR + X86_RCX)));
    enter_level32(x, ir_op2(r, IR_OR, IR_I64, plus(x, cs, 16), rpl),
                  ir_op2(r, IR_OR, IR_I64, plus(x, cs, 24), rpl), 3, true);
}

/* SYSCALL, SYSENTER: helper(next) sets RIP. */
void tr_syscall(struct x86_trans *x, const struct x86_insn *i)
{
    if (i->row->arg == HELPER_ID(syscall) && x86_common_form(x) && x86_code64(x)) {
        syscall64(x);
        return;
    }
    if (i->row->arg == HELPER_ID(sysenter) && x86_common_form(x) && flat32(x)) {
        sysenter32(x);
        return;
    }
    x86_call(x, i->row->arg, x86_next_rip(x), 0, 0, 0);
    x86_end_dyn_rip_set(x, false);
}

/* SYSRET, SYSEXIT: helper(operand size) sets RIP. */
void tr_sysret(struct x86_trans *x, const struct x86_insn *i)
{
    if (i->row->arg == HELPER_ID(sysret) && common_form_polls(x) && x86_code64(x) &&
        !(x->mode & MODE_CPL) && i->opsize == IR_W64) {
        sysret64(x);
        return;
    }
    if (i->row->arg == HELPER_ID(sysexit) && common_form_polls(x) && flat32(x) &&
        !(x->mode & MODE_CPL)) {
        sysexit32(x);
        return;
    }
    x86_call(x, i->row->arg, bytes_of(x, i->opsize), 0, 0, 0);
    x86_end_dyn_rip_set(x, true);
}

void tr_rsm(struct x86_trans *x, const struct x86_insn *i)
{
    call(x, i);
    x86_end_dyn_rip_set(x, true);
}

/* ---- translations, caches, fences ------------------------------------------------------------ */

void tr_invlpg(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref addr = x86_ea_offset(x, i);
    if (!x86_code64(x) || i->seg >= X86_FS)
        addr = ir_op2(x->ir, IR_ADD, IR_I64, ir_get(x->ir, SLOT_SEG_BASE + i->seg), addr);
    x86_call(x, HELPER_ID(invlpg), x86_wrap(x, native_width(x), addr), 0, 0, 0);
    x86_end_dyn(x, false);
}

void tr_invpcid(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref addr = x86_ea(x, i, 16, false);
    ir_ref lo = ir_ld(x->ir, IR_I64, addr, IR_W64);
    ir_ref hi = ir_ld(x->ir, IR_I64, x86_add_imm(x, IR_I64, addr, 8), IR_W64);
    x86_call(x, HELPER_ID(invpcid), x86_get_gpr(x, i->reg, native_width(x)), lo, hi, 0);
    x86_end_dyn(x, false);
}

/* CLFLUSH faults as a load does and has no other effect here: the guest's caches are coherent. */
void tr_clflush(struct x86_trans *x, const struct x86_insn *i)
{
    x86_load_mem(x, i, IR_W8, 0);
}

/* Loads are in order as it is; what counts is the time read behind it. */
void tr_lfence(struct x86_trans *x, const struct x86_insn *i)
{
    (void)i;
    x->lfence = true;
}

void tr_fence(struct x86_trans *x, const struct x86_insn *i)
{
    (void)i;
    ir_emit(x->ir, IR_FENCE, IR_VOID, 0, 0, 0, 0, 0, 0);
}

/* ---- flags with privileges --------------------------------------------------------------------
 */

void tr_pushf(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    ir_ref v = x->mode & MODE_V86 ? x86_call(x, HELPER_ID(pushf), bytes_of(x, w), 0, 0, 0)
                                  : flags_image(x);
    x86_push(x, w, w == IR_W64 ? v : ir_trunc(x->ir, v));
}

/* At level 0 everything can be changed but VM, VIF and VIP; RF becomes 0. */
static void pop_flags0(struct x86_trans *x, ir_ref v)
{
    struct ir_region *r = x->ir;
    const uint64_t stay = X86_FLAG_VM | X86_FLAG_VIF | X86_FLAG_VIP;
    const uint64_t pop = X86_FLAGS_ARITH | X86_FLAG_TF | X86_FLAG_DF | X86_FLAG_NT | X86_FLAG_AC |
                         X86_FLAG_ID | X86_FLAG_IF | X86_FLAG_IOPL;
    ir_ref old = ir_get(r, SLOT_RFLAGS);
    x86_alone_if(x, and64(x, ir_op2(r, IR_XOR, IR_I64, old, v), MODE_FLAGS & ~stay));
    put_rflags(x, ir_op2(r, IR_OR, IR_I64, and64(x, old, stay), and64(x, v, pop)));
}

void tr_popf(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    ir_ref v = x86_stack_load(x, w, 0);
    if (x86_common_form(x) && !(x->mode & MODE_CPL) && w != IR_W16) {
        pop_flags0(x, w == IR_W64 ? v : ir_zext(x->ir, IR_I64, v, IR_W32));
        x86_add_sp(x, x86_bytes(w));
        x86_end_dyn(x, true);
        return;
    }
    x86_call(x, HELPER_ID(popf), v, bytes_of(x, w), 0, 0);
    x86_add_sp(x, x86_bytes(w));
    x86_end_dyn(x, true);
}

/* ---- port I/O ---------------------------------------------------------------------------------
 */

static unsigned io_width(const struct x86_insn *i)
{
    return i->opsize == IR_W64 ? IR_W32 : i->opsize; /* REX.W makes no 64-bit port access */
}

/* Operand n is the port: an immediate byte or DX. */
static ir_ref port(struct x86_trans *x, const struct x86_insn *i, unsigned n)
{
    if (i->row->ops[n] == OP_Ib)
        return ir_i32(x->ir, (uint32_t)i->imm);
    return ir_zext(x->ir, IR_I32, ir_get(x->ir, SLOT_GPR + X86_RDX), IR_W16);
}

void tr_in(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = io_width(i);
    ir_ref v = x86_call(x, HELPER_ID(in), port(x, i, 1), bytes_of(x, w), 0, 0);
    x86_put_gpr(x, X86_RAX, w, ir_trunc(x->ir, v));
}

void tr_out(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = io_width(i);
    x86_call(x, HELPER_ID(out), port(x, i, 0), bytes_of(x, w), x86_get_gpr(x, X86_RAX, w), 0);
    x86_end_dyn(x, true);
}

static void io_string(struct x86_trans *x, ir_ref left)
{
    ir_ref rip = ir_op3(x->ir, IR_SELNZ, IR_I64, x86_this_rip(x), x86_next_rip(x), left);
    x86_end_dyn_at(x, rip, true);
}

void tr_ins(struct x86_trans *x, const struct x86_insn *i)
{
    io_string(x, x86_call(x, HELPER_ID(ins), bytes_of(x, io_width(i)), bytes_of(x, i->addrsize),
                          ir_i32(x->ir, i->rep != 0), 0));
}

void tr_outs(struct x86_trans *x, const struct x86_insn *i)
{
    io_string(x, x86_call(x, HELPER_ID(outs), bytes_of(x, io_width(i)), bytes_of(x, i->addrsize),
                          ir_i32(x->ir, i->rep != 0), ir_i32(x->ir, i->seg)));
}
