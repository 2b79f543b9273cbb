/*
 * x87 instructions. Two ways to run one, both on the host's x87 (without one there is only the
 * second, in software):
 * - the fast one, when all exceptions are masked, none is pending and no register is empty or
 * overwritten that should not be: only the operands are loaded;
 * - the full one for everything else: the whole state is loaded, the instruction runs as on the
 * bare machine, the whole state is stored. Stack faults, unmasked exceptions and rare instructions
 * come out as the hardware has them. SDM vol. 1, chapter "Programming with the x87 FPU".
 */
#include "tcg/machine.h"
#include "tcg/x86/fpu.h"

#include <string.h>

static uint8_t *st(struct x86_regs *r, unsigned i)
{
    return (uint8_t *)&r->fpr[fpu_phys(r, i)];
}
static bool in_use(const struct x86_regs *r, unsigned i)
{
    return r->ftw >> fpu_phys(r, i) & 1;
}
static void pop(struct x86_regs *r)
{
    r->ftw &= (uint8_t) ~(1u << fpu_phys(r, 0));
    fpu_set_top(r, fpu_top(r) + 1);
}
static void push(struct x86_regs *r, const uint8_t value[10])
{
    fpu_set_top(r, fpu_top(r) - 1);
    r->ftw |= (uint8_t)(1u << fpu_phys(r, 0));
    memcpy(st(r, 0), value, 10);
}

/* ---- exceptions and pointers
 * ------------------------------------------------------------------------------------ */

bool fpu_check_pending(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (!(r->fsw & FSW_ES))
        return true;
    if (r->cr0 & X86_CR0_NE) {
        x86_raise(tc, X86_MF);
        return false;
    }
    /* FERR#: the board's interrupt 13; the handler writes port F0, until then hardware would wait
     */
    if (!tc->vcpu->ferr)
        return true;
    /* Counted: where the interrupt is taken must not depend on the block's length. */
    if (tc->tm->icount && tc->in_block && !tc->single_insn) {
        tc->status = TCG_REEXECUTE;
        return false;
    }
    tc->vcpu->ferr(tc->vcpu->ferr_opaque, true);
    return true;
}

/* FNCLEX, FNINIT, FNSAVE: before what was pending goes. */
void fpu_end_pending(struct tcg_cpu *tc)
{
    const struct x86_regs *r = x86_regs_of(tc);
    if ((r->fsw & FSW_ES) && !(r->cr0 & X86_CR0_NE) && tc->vcpu->ferr)
        tc->vcpu->ferr(tc->vcpu->ferr_opaque, false);
}

static void note_pointers(struct tcg_cpu *tc, uint64_t desc, uint64_t offset, uint64_t rip)
{
    struct x86_regs *r = x86_regs_of(tc);
    const struct x86_cpu_model *model = x86_model_of(tc);
    const bool wide = tc->mode & MODE_CODE64;
    const bool no_selectors = wide || fpu_zero_selectors(model);
    r->fip = wide ? rip : (uint32_t)rip;
    r->fcs = no_selectors ? 0 : r->seg[X86_CS].selector;
    if (fpu_data_on_exceptions(model) && !(r->fsw & FSW_ES))
        return;
    r->fop = desc & 0x7ff;
    if (!(desc & X87_DESC_MEM))
        return;
    r->fdp = offset;
    r->fds = no_selectors ? 0 : r->seg[desc >> X87_DESC_SEG_SHIFT & 7].selector;
}

unsigned fpu_full_tag(const struct x86_regs *r, unsigned n)
{
    uint64_t mantissa;
    uint16_t sign_exponent;
    if (!(r->ftw >> n & 1))
        return 3;
    memcpy(&mantissa, &r->fpr[n], 8);
    memcpy(&sign_exponent, (const uint8_t *)&r->fpr[n] + 8, 2);
    unsigned exponent = sign_exponent & 0x7fff;
    if (exponent == 0)
        return mantissa == 0 ? 1 : 2;
    return exponent == 0x7fff || !(mantissa >> 63) ? 2 : 0;
}

void fpu_init(struct x86_regs *r)
{
    r->fcw = FCW_DEFAULT;
    r->fsw = 0;
    r->ftw = 0;
    r->fop = r->fcs = r->fds = 0;
    r->fip = r->fdp = 0;
}

/* ---- the full way
 * ---------------------------------------------------------------------------------------------------
 */

/* What was pending while CR0.NE is off must not trap on the host. */
static void to_image(const struct x86_regs *r, struct x87_image *image)
{
    memset(image, 0, sizeof *image);
    image->cw = r->fcw;
    image->sw = r->fsw & ~(unsigned)(FSW_ES | FSW_B);
    if (r->fsw & FSW_ES)
        image->sw &= ~(~(unsigned)r->fcw & FSW_EXCEPTIONS);
    for (unsigned n = 0; n < 8; n++) {
        image->tw |= r->ftw >> n & 1 ? 0 : 3u << (2 * n);
        memcpy(image->st[n], &r->fpr[fpu_phys(r, n)], 10);
    }
}

static void from_image(struct x86_regs *r, const struct x87_image *image)
{
    r->fsw = (uint16_t)(image->sw | (r->fsw & FSW_EXCEPTIONS & ~r->fcw));
    r->ftw = 0;
    for (unsigned n = 0; n < 8; n++) {
        r->ftw |= (uint8_t)((image->tw >> (2 * n) & 3) != 3 ? 1u << n : 0);
        memcpy(&r->fpr[fpu_phys(r, n)], image->st[n], 10);
    }
    fpu_update_es(r);
}

static const void *reg_stub(uint64_t desc)
{
    return x87_stub_reg[(desc >> 8 & 7) << 6 | (desc & 63)];
}
static const void *mem_stub(uint64_t desc)
{
    return x87_stub_mem[(desc >> 8 & 7) << 3 | (desc >> 3 & 7)];
}

static uint64_t run_full(struct x86_regs *r, const void *stub, void *mem, uint64_t flags)
{
    struct x87_image image;
    to_image(r, &image);
    flags = x87_host_full(&image, stub, mem, flags);
    from_image(r, &image);
    return flags;
}

/* ---- the fast way
 * ------------------------------------------------------------------------------------------------------
 */

/* A host without an x87 has the full way only: a constant, so that the fast one is left out. */
#define all_masked(r) (CONFIG_HOST_X87 && none_unmasked(r))

static bool none_unmasked(const struct x86_regs *r)
{
    return (r->fcw & FCW_MASKS) == FCW_MASKS && !(r->fsw & FSW_ES);
}

/* Precision and rounding other than the host's default? */
static bool own_control(const struct x86_regs *r)
{
    return (r->fcw & 0xf00) != (FCW_DEFAULT & 0xf00);
}

/* The host's flags are sticky too: clear them only where one is set that the guest does not have.
 */
static void begin(const struct x86_regs *r)
{
    if (x87_host_status() & ~r->fsw & FSW_EXCEPTIONS)
        x87_host_clear();
    if (own_control(r))
        x87_host_control((uint16_t)((r->fcw & 0xf00) | (FCW_DEFAULT & 0xff)));
}

/* Take over the flags and the condition codes in cc. */
static void finish(struct x86_regs *r, uint16_t sw, unsigned cc)
{
    if (own_control(r))
        x87_host_control(FCW_DEFAULT);
    r->fsw = (uint16_t)((r->fsw & ~cc) | (sw & (cc | FSW_EXCEPTIONS)));
}
enum { CC_ALL = FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3 };

/* ST0 and ST(i) through a stub for ST(1); results stay in both. */
static bool fast_binary(struct x86_regs *r, unsigned i, const void *stub, unsigned cc)
{
    if (!all_masked(r) || i == 0 || !in_use(r, 0) || !in_use(r, i))
        return false;
    begin(r);
    finish(r, x87_host_binary(st(r, 0), st(r, i), stub), cc);
    return true;
}

static bool fast_unary(struct x86_regs *r, const void *stub, const void *mem, unsigned cc)
{
    if (!all_masked(r) || !in_use(r, 0))
        return false;
    begin(r);
    finish(r, x87_host_unary(st(r, 0), stub, mem), cc);
    return true;
}

/* Stub of a register form with ST(1) as its operand. */
static const void *st1_stub(unsigned op, unsigned reg)
{
    return x87_stub_reg[op << 6 | reg << 3 | 1];
}

/* ---- register forms
 * --------------------------------------------------------------------------------------------------------
 */

enum { D8, D9, DA, DB, DC, DD, DE, DF };
enum { ARITH_COM = 2, ARITH_COMP = 3 };

/* FADD ST0, ST(i) and its kin, with the forms that have ST(i) as destination and those that pop. */
static bool arith_reg(struct x86_regs *r, unsigned op, unsigned reg, unsigned i)
{
    if (op == D8 && (reg == ARITH_COM || reg == ARITH_COMP)) {
        if (!fast_binary(r, i, st1_stub(D8, ARITH_COM), CC_ALL))
            return false;
        if (reg == ARITH_COMP)
            pop(r);
        return true;
    }
    if (reg == ARITH_COM || reg == ARITH_COMP) /* FCOMPP and aliases */
        return false;
    if (!fast_binary(r, i, st1_stub(op == DE ? DC : op, reg), FSW_C1))
        return false;
    if (op == DE)
        pop(r);
    return true;
}

static bool d9_reg(struct x86_regs *r, unsigned reg, unsigned i)
{
    uint8_t tmp[10];
    switch (reg) {
    case 0: /* FLD ST(i) */
        if (!in_use(r, i) || in_use(r, 7))
            return false;
        memcpy(tmp, st(r, i), 10);
        push(r, tmp);
        break;
    case 1: /* FXCH */
        if (!in_use(r, 0) || !in_use(r, i))
            return false;
        memcpy(tmp, st(r, 0), 10);
        memcpy(st(r, 0), st(r, i), 10);
        memcpy(st(r, i), tmp, 10);
        break;
    case 2: /* FNOP */
        return i == 0;
    case 4:
        if (i > 1) /* FTST, FXAM */
            return fast_unary(r, reg_stub((uint64_t)D9 << 8 | 0xe0 | i), NULL, CC_ALL);
        if (!in_use(r, 0))
            return false;
        if (i == 0) /* FCHS */
            st(r, 0)[9] ^= 0x80;
        else /* FABS */
            st(r, 0)[9] &= 0x7f;
        break;
    case 5: /* constants: only RC matters */
        if (!all_masked(r) || in_use(r, 7) || i == 7)
            return false;
        begin(r);
        finish(r, x87_host_push(tmp, x87_stub_reg[D9 << 6 | 5 << 3 | i], NULL), FSW_C1);
        push(r, tmp);
        return true;
    case 7: /* FSQRT, FRNDINT */
        if (i == 2 || i == 4)
            return fast_unary(r, x87_stub_reg[D9 << 6 | 7 << 3 | i], NULL, FSW_C1);
        return false;
    default:
        return false;
    }
    r->fsw &= (uint16_t)~FSW_C1;
    return true;
}

static bool dd_reg(struct x86_regs *r, unsigned reg, unsigned i)
{
    switch (reg) {
    case 2: /* FST ST(i), FSTP ST(i) */
    case 3:
        if (!in_use(r, 0))
            return false;
        memmove(st(r, i), st(r, 0), 10);
        r->ftw |= (uint8_t)(1u << fpu_phys(r, i));
        r->fsw &= (uint16_t)~FSW_C1;
        if (reg == 3)
            pop(r);
        return true;
    case 4: /* FUCOM, FUCOMP */
    case 5:
        if (!fast_binary(r, i, st1_stub(DD, 4), CC_ALL))
            return false;
        if (reg == 5)
            pop(r);
        return true;
    default:
        return false;
    }
}

static bool compare_pop_twice(struct x86_regs *r, const void *stub)
{
    if (!fast_binary(r, 1, stub, CC_ALL))
        return false;
    pop(r);
    pop(r);
    return true;
}

static bool fast_reg(struct x86_regs *r, uint64_t desc)
{
    const unsigned op = desc >> 8 & 7, reg = desc >> 3 & 7, i = desc & 7;
    switch (op) {
    case D8:
    case DC:
        return arith_reg(r, op, reg, i);
    case DE:
        if (reg == 3 && i == 1)
            return compare_pop_twice(r, st1_stub(D8, ARITH_COM));
        return arith_reg(r, op, reg, i);
    case D9:
        return d9_reg(r, reg, i);
    case DA:
        return reg == 5 && i == 1 && compare_pop_twice(r, st1_stub(DD, 4));
    case DD:
        return dd_reg(r, reg, i);
    default:
        return false;
    }
}

uint64_t x86_helper_x87_reg(void *env, uint64_t desc, uint64_t rip, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(c, d);
    if (!fpu_check_pending(tc))
        return 0;
    if (!fast_reg(r, desc))
        run_full(r, reg_stub(desc), NULL, X86_FLAG_1);
    note_pointers(tc, desc, 0, rip);
    return 0;
}

uint64_t x86_helper_x87_cmov(void *env, uint64_t desc, uint64_t rip, uint64_t packed, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(d);
    if (!fpu_check_pending(tc))
        return 0;
    const unsigned i = desc & 7;
    const uint64_t flags = x86_flags_of_packed((uint32_t)packed);
    if (in_use(r, 0) && in_use(r, i)) {
        static const uint16_t tests[] = {X86_FLAG_CF, X86_FLAG_ZF, X86_FLAG_CF | X86_FLAG_ZF,
                                         X86_FLAG_PF};
        bool wanted = (desc >> 8 & 7) == DA;
        if (((flags & tests[desc >> 3 & 3]) != 0) == wanted)
            memmove(st(r, 0), st(r, i), 10); /* C1 stays, as processors have it */
    } else {
        run_full(r, reg_stub(desc), NULL, flags | X86_FLAG_1);
    }
    note_pointers(tc, desc, 0, rip);
    return 0;
}

/* FCOMI, FUCOMI and their popping forms. */
uint64_t x86_helper_x87_comi(void *env, uint64_t desc, uint64_t rip, uint64_t packed, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    const unsigned i = desc & 7, reg = desc >> 3 & 7;
    uint64_t flags;
    UNUSED(d);
    if (!fpu_check_pending(tc))
        return packed;
    if (all_masked(r) && in_use(r, 0) && in_use(r, i)) {
        begin(r);
        uint64_t out = x87_host_comi(st(r, 0), st(r, i), st1_stub(DB, reg));
        finish(r, (uint16_t)out, 0); /* C1 stays, as processors have it */
        flags = out >> 32;
        if ((desc >> 8 & 7) == DF)
            pop(r);
    } else {
        flags =
            run_full(r, reg_stub(desc), NULL, x86_flags_of_packed((uint32_t)packed) | X86_FLAG_1);
    }
    note_pointers(tc, desc, 0, rip);
    return x86_packed_of_flags(flags);
}

/* ---- memory forms
 * ---------------------------------------------------------------------------------------------------------------
 */

uint64_t x86_helper_x87_load(void *env, uint64_t desc, uint64_t value, uint64_t offset,
                             uint64_t rip)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    uint8_t mem[16] = {0}, result[10];
    if (!fpu_check_pending(tc))
        return 0;
    const uint16_t high = (uint16_t)(desc >> X87_DESC_HIGH_SHIFT);
    memcpy(mem, &value, 8);
    memcpy(mem + 8, &high, 2);
    if (all_masked(r) && !in_use(r, 7)) {
        begin(r);
        finish(r, x87_host_push(result, mem_stub(desc), mem), FSW_C1);
        push(r, result);
    } else {
        run_full(r, mem_stub(desc), mem, X86_FLAG_1);
    }
    note_pointers(tc, desc, offset, rip);
    return 0;
}

uint64_t x86_helper_x87_arith(void *env, uint64_t desc, uint64_t value, uint64_t offset,
                              uint64_t rip)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    const unsigned op = desc >> 8 & 7, reg = desc >> 3 & 7;
    if (!fpu_check_pending(tc))
        return 0;
    if (reg == ARITH_COM || reg == ARITH_COMP) {
        if (!fast_unary(r, x87_stub_mem[op << 3 | ARITH_COM], &value, CC_ALL))
            run_full(r, mem_stub(desc), &value, X86_FLAG_1);
        else if (reg == ARITH_COMP)
            pop(r);
    } else if (!fast_unary(r, mem_stub(desc), &value, FSW_C1)) {
        run_full(r, mem_stub(desc), &value, X86_FLAG_1);
    }
    note_pointers(tc, desc, offset, rip);
    return 0;
}

/* Bytes that a storing form writes; whether it pops. */
static unsigned store_size(unsigned op, unsigned reg, bool *pops)
{
    *pops = reg != 2;
    switch (op) {
    case D9:
        return 4;
    case DB:
        return reg == 7 ? 10 : 4;
    case DD:
        return 8;
    default: /* DF */
        return reg == 7 ? 8 : reg == 6 ? 10 : 2;
    }
}

/* The value goes to memory before anything of the state changes: the store may fault. */
uint64_t x86_helper_x87_store(void *env, uint64_t desc, uint64_t addr, uint64_t offset,
                              uint64_t rip)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    uint8_t mem[16] = {0}, copy[16];
    bool pops;
    const unsigned size = store_size(desc >> 8 & 7, desc >> 3 & 7, &pops);
    if (!fpu_check_pending(tc))
        return 0;
    if (all_masked(r) && in_use(r, 0)) {
        uint16_t sw;
        memcpy(copy, st(r, 0), 10);
        begin(r);
        sw = pops ? x87_host_pop(copy, mem_stub(desc), mem)
                  : x87_host_unary(copy, mem_stub(desc), mem);
        uint16_t fsw = r->fsw;
        finish(r, sw, FSW_C1);
        if (size <= 8) {
            uint64_t value;
            memcpy(&value, mem, 8);
            tcg_store(tc, addr, size, value, 0);
        } else {
            tcg_store_bytes(tc, addr, mem, size, 0);
        }
        if (tcg_faulted(tc)) {
            r->fsw = fsw;
            return 0;
        }
        if (pops)
            pop(r);
    } else {
        struct x87_image image;
        to_image(r, &image);
        x87_host_full(&image, mem_stub(desc), mem, X86_FLAG_1);
        /* an unmasked exception other than precision stops the store */
        if (!(image.sw & ~image.cw & FSW_EXCEPTIONS & ~0x20u))
            tcg_store_bytes(tc, addr, mem, size, 0);
        if (tcg_faulted(tc))
            return 0;
        from_image(r, &image);
    }
    note_pointers(tc, desc, offset, rip);
    return 0;
}

/* ---- control
 * -------------------------------------------------------------------------------------------------------------------------
 */

uint64_t x86_helper_fldcw(void *env, uint64_t value, uint64_t b, uint64_t c, uint64_t d)
{
    struct x86_regs *r = env;
    UNUSED(b, c, d);
    if (!fpu_check_pending(tcg_cpu_of(env)))
        return 0;
    r->fcw = (uint16_t)((value & 0x1f3f) | 0x40);
    fpu_update_es(r);
    x86_fcw_changed(tcg_cpu_of(env));
    return 0;
}

uint64_t x86_helper_fnclex(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    fpu_end_pending(tcg_cpu_of(env));
    ((struct x86_regs *)env)->fsw &= (uint16_t) ~(FSW_EXCEPTIONS | FSW_SF | FSW_ES | FSW_B);
    return 0;
}

uint64_t x86_helper_fninit(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    fpu_end_pending(tcg_cpu_of(env));
    fpu_init(env);
    x86_fcw_changed(tcg_cpu_of(env));
    return 0;
}

uint64_t x86_helper_fwait(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    fpu_check_pending(tcg_cpu_of(env));
    return 0;
}

uint64_t x86_helper_emms(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct x86_regs *r = env;
    UNUSED(a, b, c, d);
    if (fpu_check_pending(tcg_cpu_of(env))) {
        fpu_set_top(r, 0);
        r->ftw = 0;
    }
    return 0;
}
