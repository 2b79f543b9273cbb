/* AVX and the other VEX instructions: what enables them, #UD and #NM, alignment, upper halves of
 * registers, their state in XSAVE areas, masked accesses and gathers. */
#include "lib/guest.h"

static u8 *area; /* 64-byte aligned, one page */

/* ---- what must hold ------------------------------------------------------------------------ */

CODE(avx_op, "vaddps %xmm0,%xmm1,%xmm2");
CODE(avx2_op, "vpaddd %ymm0,%ymm1,%ymm2");
CODE(fma_op, "vfmadd231pd %ymm0,%ymm1,%ymm2");
CODE(bmi_op, "andn %rax,%rbx,%rcx");
CODE(rorx_op, "rorx $3,%rax,%rcx");
CODE(xsetbv_op, "xsetbv");
CODE(vldmxcsr_op, "vldmxcsr (%rsi)");

static int vector_of(const char *code)
{
    struct regs r;
    regs_init(&r, code, 3);
    r.rsi = USER(area);
    run(&r);
    return r.vec == VEC_DONE ? -1 : (int)r.vec;
}

static void expect(const char *what, const char *code, int want)
{
    int got = vector_of(code);
    if (got != want)
        complain("%s: vector %d, expected %d", what, got, want);
}

static bool set_xcr0(u32 value)
{
    struct regs r;
    regs_init(&r, xsetbv_op, 0);
    r.rcx = r.rdx = 0;
    r.rax = value;
    run(&r);
    return r.vec == VEC_DONE;
}

static void enabling(void)
{
    ul cr0 = read_cr0(), cr4 = read_cr4();
    expect("AVX", avx_op, VEC_UD);
    expect("FMA", fma_op, VEC_UD);
    expect("BMI1", bmi_op, -1);
    expect("BMI2", rorx_op, -1);
    check("without CR4.OSXSAVE, AVX is #UD and BMI is not");
    write_cr4(cr4 | CR4_OSXSAVE);
    equal("XCR0 = 3", set_xcr0(3), 1);
    expect("AVX", avx_op, VEC_UD);
    expect("AVX2", avx2_op, VEC_UD);
    check("without XCR0.AVX, AVX is #UD");
    equal("XCR0 = 5", set_xcr0(5), 0);
    equal("XCR0 = 4", set_xcr0(4), 0);
    equal("XCR0 = 6", set_xcr0(6), 0);
    equal("XCR0 = 0xf", set_xcr0(0xf), 0);
    equal("XCR0 = 7", set_xcr0(7), 1);
    expect("AVX", avx_op, -1);
    expect("AVX2", avx2_op, -1);
    expect("FMA", fma_op, -1);
    check("XCR0.AVX needs x87 and SSE, and enables AVX");
    write_cr0(cr0 | CR0_TS);
    expect("AVX", avx_op, VEC_NM);
    expect("BMI1", bmi_op, -1);
    write_cr4(read_cr4() & ~(ul)CR4_OSXSAVE);
    expect("AVX without OSXSAVE", avx_op, VEC_UD);
    write_cr4(cr4 | CR4_OSXSAVE);
    write_cr0((cr0 & ~(ul)CR0_TS) | CR0_EM);
    expect("AVX with EM", avx_op, -1);
    write_cr0(cr0);
    check("CR0.TS is #NM, behind #UD; CR0.EM does not count");
    *(u32 *)area = 0x10000;
    expect("VLDMXCSR", vldmxcsr_op, VEC_GP);
    *(u32 *)area = 0x1f80;
    expect("VLDMXCSR", vldmxcsr_op, -1);
    check("VLDMXCSR of reserved bits is #GP(0)");
}

/* ---- undefined forms ----------------------------------------------------------------------- */

CODE(ud_66, ".byte 0x66,0xc5,0xf0,0x58,0xd0");
CODE(ud_f2, ".byte 0xf2,0xc5,0xf0,0x58,0xd0");
CODE(ud_f3, ".byte 0xf3,0xc5,0xf0,0x58,0xd0");
CODE(ud_lock, ".byte 0xf0,0xc5,0xf0,0x58,0x16");
CODE(ud_rex, ".byte 0x40,0xc5,0xf0,0x58,0xd0");
CODE(ud_vvvv, ".byte 0xc5,0xf0,0x28,0xd0");            /* vmovaps with VEX.vvvv */
CODE(ud_l_movd, ".byte 0xc5,0xfd,0x6e,0xc0");          /* vmovd with VEX.L */
CODE(ud_l_andn, ".byte 0xc4,0xe2,0x74,0xf2,0xc0");     /* andn with VEX.L */
CODE(ud_l_insert, ".byte 0xc4,0xe3,0x71,0x38,0xd0,1"); /* vinserti128 without VEX.L */
CODE(ud_w_permd, ".byte 0xc4,0xe2,0xf5,0x36,0xd0");    /* vpermd with VEX.W */
CODE(ud_w_permq, ".byte 0xc4,0xe3,0x7d,0x00,0xd0,1");  /* vpermq without VEX.W */
CODE(ud_map, ".byte 0xc4,0xe4,0x71,0x58,0xd0");        /* map 4 */
CODE(ud_reg_mask, ".byte 0xc4,0xe2,0x71,0x2c,0xd0");   /* vmaskmovps from a register */
CODE(ud_gather, "vpgatherdd %xmm1,(%rsi,%xmm1,1),%xmm2");
CODE(ok_lig, ".byte 0xc5,0xf6,0x58,0xd0"); /* vaddss ignores VEX.L */
CODE(ok_segment, ".byte 0x2e,0xc5,0xf0,0x58,0xd0");

static void undefined(void)
{
    static const struct {
        const char *name, *code;
    } t[] = {
        {"66", ud_66},
        {"F2", ud_f2},
        {"F3", ud_f3},
        {"LOCK", ud_lock},
        {"REX", ud_rex},
        {"vvvv", ud_vvvv},
        {"VMOVD L", ud_l_movd},
        {"ANDN L", ud_l_andn},
        {"VINSERTI128 L0", ud_l_insert},
        {"VPERMD W", ud_w_permd},
        {"VPERMQ W0", ud_w_permq},
        {"map 4", ud_map},
        {"VMASKMOVPS of a register", ud_reg_mask},
        {"VPGATHERDD with index and mask alike", ud_gather},
    };
    for (unsigned n = 0; n < sizeof t / sizeof *t; n++)
        expect(t[n].name, t[n].code, VEC_UD);
    check("undefined prefixes and fields are #UD");
    expect("VADDSS with VEX.L", ok_lig, -1);
    expect("a segment prefix", ok_segment, -1);
    check("scalars ignore VEX.L, segment prefixes may come first");
}

/* ---- alignment ----------------------------------------------------------------------------- */

CODE(movaps32, "vmovaps 16(%rsi),%ymm0");
CODE(movaps16, "vmovaps 16(%rsi),%xmm0");
CODE(movntps32, "vmovntps %ymm0,16(%rsi)");
CODE(addps_odd, "vaddps 1(%rsi),%ymm0,%ymm1");
CODE(movups_odd, "vmovups %ymm0,3(%rsi)");

/* In the round of number r8 the address moves by 16 bytes. */
CODE(aligned_loop, "1: vmovaps (%rsi,%rdx),%xmm0\n vmovaps (%rdx,%rsi),%ymm1\n"
                   "cmp %r8,%rcx\n jne 2f\n add $16,%rdx\n"
                   "2: dec %rcx\n jnz 1b");

static void alignment(void)
{
    memset(area, 0, 4096);
    expect("VMOVAPS ymm", movaps32, VEC_GP);
    expect("VMOVAPS xmm", movaps16, -1);
    expect("VMOVNTPS ymm", movntps32, VEC_GP);
    expect("VADDPS", addps_odd, -1);
    expect("VMOVUPS", movups_odd, -1);
    check("aligned moves want 32 bytes for 256 bits, other operands nothing");
    for (unsigned k = 0; k < 8; k++) {
        struct regs r;
        regs_init(&r, aligned_loop, 3);
        r.rsi = USER(area);
        r.rdx = 0;
        r.rcx = 100000;
        r.r8 = k % 2 ? 7 : 0;
        run_expect(&r, r.r8 ? VEC_GP : VEC_DONE);
        equal("rounds left", r.rcx, r.r8 ? r.r8 - 1 : 0);
    }
    check("16 bytes aligned for 128 bits are not 32 for 256, after many rounds");
}

/* ---- upper halves -------------------------------------------------------------------------- */

#define ONES "vpcmpeqd %ymm0,%ymm0,%ymm0\n vmovdqa %ymm0,%ymm1\n vmovdqa %ymm0,%ymm15\n"
/* rax, rbx: low quadword and the one at bit 128 of ymm1; rdx: the latter of ymm15. */
#define LOOK                                                                                       \
    "\n vmovq %xmm1,%rax\n vextracti128 $1,%ymm1,%xmm3\n vmovq %xmm3,%rbx\n"                       \
    "vextracti128 $1,%ymm15,%xmm3\n vmovq %xmm3,%rdx"
CODE(legacy_keeps, ONES "pxor %xmm1,%xmm1" LOOK);
CODE(vex_clears, ONES "vpxor %xmm2,%xmm2,%xmm2\n vpor %xmm2,%xmm1,%xmm1" LOOK);
CODE(load_clears, ONES "vmovdqu (%rsi),%xmm1" LOOK);
CODE(zeroupper, ONES "vzeroupper" LOOK);
CODE(zeroall, ONES "vzeroall" LOOK);
CODE(legacy_load_keeps, ONES "movq (%rsi),%xmm1" LOOK);

static void uppers(void)
{
    static const struct {
        const char *name, *code;
        u64 low, high, high15;
    } t[] = {
        {"legacy SSE keeps the upper half", legacy_keeps, 0, ~0ull, ~0ull},
        {"a legacy load keeps the upper half", legacy_load_keeps, 5, ~0ull, ~0ull},
        {"VEX.128 makes the upper half zero", vex_clears, ~0ull, 0, ~0ull},
        {"a VEX.128 load makes the upper half zero", load_clears, 5, 0, ~0ull},
        {"VZEROUPPER", zeroupper, ~0ull, 0, 0},
        {"VZEROALL", zeroall, 0, 0, 0},
    };
    memset(area, 0, 64);
    area[0] = 5;
    for (unsigned n = 0; n < sizeof t / sizeof *t; n++) {
        struct regs r;
        regs_init(&r, t[n].code, 3);
        r.rsi = USER(area);
        run_expect(&r, VEC_DONE);
        equal("low half", r.rax, t[n].low);
        equal("high half", r.rbx, t[n].high);
        equal("high half of ymm15", r.rdx, t[n].high15);
        check("%s", t[n].name);
    }
}

/* ---- XSAVE --------------------------------------------------------------------------------- */

#define SET_YMM9                                                                                   \
    "mov $0x1234,%eax\n vmovq %rax,%xmm8\n vinserti128 $1,%xmm8,%ymm8,%ymm9\n"                     \
    "mov $7,%eax\n xor %edx,%edx\n"
CODE(save_all, SET_YMM9 "xsave64 (%rsi)");
CODE(save_clean, "vzeroupper\n mov $7,%eax\n xor %edx,%edx\n xsave64 (%rsi)");
CODE(save_opt, SET_YMM9 "xsaveopt64 (%rsi)");
CODE(save_compact, SET_YMM9 "xsavec64 (%rsi)");
CODE(save_compact_clean, "vzeroupper\n mov $7,%eax\n xor %edx,%edx\n xsavec64 (%rsi)");
CODE(restore, "mov $7,%eax\n xor %edx,%edx\n xrstor64 (%rsi)\n vextracti128 $1,%ymm9,%xmm0\n"
              "vmovq %xmm0,%rbx\n vmovq %xmm9,%rcx");
CODE(restore_without, SET_YMM9 "mov $3,%eax\n xrstor64 (%rsi)\n vextracti128 $1,%ymm9,%xmm0\n"
                               "vmovq %xmm0,%rbx");
CODE(in_use, SET_YMM9 "mov $1,%ecx\n xgetbv\n mov %rax,%rbx\n vzeroupper\n xgetbv");

enum { XS_BV = 512, XS_COMP = 520, XS_YMM = 576 };

static u64 at(unsigned offset)
{
    return *(u64 *)(area + offset);
}

static void run_on_area(struct regs *r, const char *code)
{
    regs_init(r, code, 3);
    r->rsi = USER(area);
    run_expect(r, VEC_DONE);
}

static void xsave(void)
{
    struct regs r;
    equal("size of what XCR0 enables", cpuid(0xd, 0).b, 832);
    equal("size of all", cpuid(0xd, 0).c >= 832, 1);
    equal("components", cpuid(0xd, 0).a & 7, 7);
    equal("YMM_Hi128 size", cpuid(0xd, 2).a, 256);
    equal("YMM_Hi128 offset", cpuid(0xd, 2).b, 576);
    check("CPUID leaf 0D describes YMM_Hi128");
    memset(area, 0, 4096);
    memset(area + XS_YMM, 0xee, 256);
    run_on_area(&r, save_all);
    equal("XSTATE_BV", at(XS_BV), 7);
    equal("XMM8", at(160 + 8 * 16), 0x1234);
    equal("high half of YMM9", at(XS_YMM + 9 * 16), 0x1234);
    check("XSAVE's format");
    run_on_area(&r, restore);
    equal("high half", r.rbx, 0x1234);
    *(u64 *)(area + XS_BV) = 3;
    run_on_area(&r, restore);
    equal("low half", r.rcx, 0x1234);
    equal("high half, initial", r.rbx, 0);
    *(u64 *)(area + XS_BV) = 7;
    run_on_area(&r, restore_without);
    equal("high half, not asked for", r.rbx, 0x1234);
    check("XRSTOR loads, initialises or leaves the upper halves");
    memset(area, 0, 4096);
    memset(area + XS_YMM, 0xee, 256);
    run_on_area(&r, save_clean);
    equal("XSTATE_BV", at(XS_BV) & 4, 0);
    equal("high half of YMM9", at(XS_YMM + 9 * 16), 0);
    run_on_area(&r, save_opt);
    equal("XSTATE_BV", at(XS_BV), 7);
    equal("high half of YMM9", at(XS_YMM + 9 * 16), 0x1234);
    check("XSAVE after VZEROUPPER, XSAVEOPT");
    memset(area, 0, 4096);
    run_on_area(&r, save_compact);
    equal("XSTATE_BV", at(XS_BV), 7);
    equal("XCOMP_BV", at(XS_COMP), 7 | 1ull << 63);
    equal("high half of YMM9", at(XS_YMM + 9 * 16), 0x1234);
    run_on_area(&r, restore);
    equal("high half", r.rbx, 0x1234);
    memset(area + XS_YMM, 0xee, 256);
    run_on_area(&r, save_compact_clean);
    equal("XSTATE_BV", at(XS_BV) & 4, 0);
    equal("high half of YMM9", at(XS_YMM + 9 * 16), 0xeeeeeeeeeeeeeeee);
    check("XSAVEC's format, and what is initial is not written");
    run_on_area(&r, in_use);
    equal("in use", r.rbx & 4, 4);
    equal("in use after VZEROUPPER", r.rax & 4, 0);
    check("XGETBV(1) tells whether upper halves are in use");
}

/* ---- masked accesses ----------------------------------------------------------------------- */

#define MASK(n) "mov $" #n ",%eax\n vmovd %eax,%xmm1\n vpmovsxbd %xmm1,%ymm1\n"
CODE(mask_load, MASK(0x0000ffff) "vmaskmovps (%rsi),%ymm1,%ymm2\n vmovq %xmm2,%rax\n"
                                 "vpextrq $1,%xmm2,%rbx");
CODE(mask_load_bad, "vpcmpeqd %ymm1,%ymm1,%ymm1\n vmaskmovps (%rsi),%ymm1,%ymm2");
CODE(mask_store, MASK(0x00ff00ff) "vpmaskmovd %ymm1,%ymm1,(%rsi)");
CODE(gather, "vpcmpeqd %xmm1,%xmm1,%xmm1\n vmovdqu (%rsi),%xmm2\n vpslldq $8,%xmm1,%xmm1\n"
             "vpxor %xmm3,%xmm3,%xmm3\n vpgatherdd %xmm1,(%rdi,%xmm2,4),%xmm3\n"
             "vmovq %xmm3,%rax\n vpextrq $1,%xmm3,%rbx\n vmovq %xmm1,%rcx\n vpextrq $1,%xmm1,%rdx");

/* A page of the user's with nothing behind it. */
#define VA 0x600000000000ul

static void masks(void)
{
    u8 *page = page_alloc(), *end = page + 4096 - 8;
    ul user_end = VA + 4096 - 8;
    struct regs r;
    *pte_at(VA, 1) = (u64)page | PTE_P | PTE_W | PTE_U;
    *(u32 *)end = 11;
    *(u32 *)(end + 4) = 22;
    regs_init(&r, mask_load, 3);
    r.rsi = user_end;
    run_expect(&r, VEC_DONE);
    equal("loaded", r.rax, 11 | 22ull << 32);
    equal("not loaded", r.rbx, 0);
    regs_init(&r, mask_store, 3);
    r.rsi = user_end;
    run_expect(&r, VEC_PF);
    equal("error code", r.err, PF_W | PF_U);
    equal("nothing stored", *(u32 *)end, 11);
    regs_init(&r, mask_load_bad, 3);
    r.rsi = user_end;
    run_expect(&r, VEC_PF);
    equal("page", r.cr2 & ~0xffful, VA + 4096);
    check("masked accesses fault only where the mask is set");
    *(u32 *)end = 11;
    *(u32 *)(end + 4) = 22;
    static const u32 index[4] = {1000000, 2000000, 1, 0};
    memcpy(area, index, sizeof index);
    regs_init(&r, gather, 3);
    r.rsi = USER(area);
    r.rdi = user_end;
    run_expect(&r, VEC_DONE);
    equal("not gathered", r.rax, 0);
    equal("gathered", r.rbx, 22 | 11ull << 32);
    equal("mask", r.rcx | r.rdx, 0);
    check("a gather loads where the mask is set, and makes it zero");
}

void test_main(void)
{
    area = page_alloc();
    if (!(cpuid(1, 0).c >> 28 & 1) || !(cpuid(7, 0).b >> 5 & 1)) {
        skip("AVX", "not in CPUID");
        return;
    }
    enabling();
    undefined();
    alignment();
    uppers();
    xsave();
    masks();
}
