/* x87 and SSE state: device-not-available, unmasked exceptions, save formats. */
#include "lib/guest.h"

static u8 *area; /* 64-byte aligned */

CODE(x87_op, "fld1");
CODE(mmx_op, "paddb %mm0,%mm1");
CODE(sse_op, "addps %xmm0,%xmm1");
CODE(fwait_op, "fwait");
CODE(fxsave_op, "fxsave (%rsi)");
CODE(div0_x87, "fninit\n fldcw (%rsi)\n fld1\n fldz\n fdivrp\n fwait");
CODE(div0_late, "fninit\n fldcw (%rsi)\n fld1\n fldz\n fdivrp\n nop\n nop\n fld1");
CODE(div0_quiet,
     "fninit\n fldcw (%rsi)\n fld1\n fldz\n fdivrp\n fnstsw %ax\n fnclex\n fwait\n fninit");
LABEL(div0_sse_at);
CODE(div0_sse, "ldmxcsr (%rsi)\n mov $1,%eax\n cvtsi2ss %eax,%xmm0\n xorps %xmm1,%xmm1\n"
               ".globl div0_sse_at\ndiv0_sse_at: divss %xmm1,%xmm0\n inc %rbx");
CODE(sse_masked, "ldmxcsr (%rsi)\n mov $1,%eax\n cvtsi2ss %eax,%xmm0\n xorps %xmm1,%xmm1\n"
                 "divss %xmm1,%xmm0\n movd %xmm0,%eax\n stmxcsr 4(%rsi)\n mov 4(%rsi),%ecx");
CODE(ldmxcsr_op, "ldmxcsr (%rsi)");
CODE(fxrstor_op, "fxrstor64 (%rsi)");

static void not_available(void)
{
    static const struct {
        ul set, clear;
        const char *name;
        int x87, mmx, sse, wait; /* vectors, -1: runs */
    } t[] = {
        {CR0_TS | CR0_MP, CR0_EM, "TS and MP", VEC_NM, VEC_NM, VEC_NM, VEC_NM},
        {CR0_TS, CR0_EM | CR0_MP, "TS", VEC_NM, VEC_NM, VEC_NM, -1},
        {CR0_EM, CR0_TS, "EM", VEC_NM, VEC_UD, VEC_UD, -1},
        {CR0_EM | CR0_TS | CR0_MP, 0, "EM, TS and MP", VEC_NM, VEC_UD, VEC_UD, VEC_NM},
        {CR0_MP, CR0_EM | CR0_TS, "MP", -1, -1, -1, -1},
    };
    ul cr0 = read_cr0();
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        const char *const code[] = {x87_op, mmx_op, sse_op, fwait_op};
        const int want[] = {t[i].x87, t[i].mmx, t[i].sse, t[i].wait};
        for (unsigned k = 0; k < 4; k++) {
            struct regs r;
            asm volatile("fninit");
            write_cr0((cr0 & ~t[i].clear) | t[i].set);
            regs_init(&r, code[k], 3);
            run(&r);
            write_cr0(cr0 & ~(ul)(CR0_TS | CR0_EM));
            int got = r.vec == VEC_DONE ? -1 : (int)r.vec;
            if (got != want[k])
                complain("%s: vector %d, expected %d",
                         k == 0   ? "x87"
                         : k == 1 ? "MMX"
                         : k == 2 ? "SSE"
                                  : "FWAIT",
                         got, want[k]);
        }
        check("CR0 %s: x87, MMX, SSE, FWAIT", t[i].name);
    }
    struct regs r;
    write_cr4(read_cr4() & ~(ul)CR4_OSFXSR);
    regs_init(&r, sse_op, 3);
    run_expect(&r, VEC_UD);
    write_cr4(read_cr4() | CR4_OSFXSR);
    check("SSE without CR4.OSFXSR is #UD");
    write_cr0(read_cr0() | CR0_TS);
    asm volatile("clts");
    equal("TS", read_cr0() & CR0_TS, 0);
    check("CLTS");
}

static void exceptions(void)
{
    struct regs r;
    u16 *cw = (u16 *)area;
    u32 *mxcsr = (u32 *)area;
    *cw = 0x037f & ~4; /* zero divide unmasked */
    regs_init(&r, div0_x87, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_MF);
    equal("rip", r.rip - USER(div0_x87), 11 - 1);
    check("an unmasked x87 exception is #MF at the next waiting instruction");
    regs_init(&r, div0_late, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_MF);
    equal("rip", r.rip - USER(div0_late), 12);
    check("not before it");
    regs_init(&r, div0_quiet, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_DONE);
    equal("status", r.rax & 0x84, 0x84);
    check("FNSTSW shows it, FNCLEX clears it");
    asm volatile("fninit");
    *mxcsr = 0x1f80 & ~0x200;
    regs_init(&r, div0_sse, 3);
    r.rsi = USER(area);
    ul rbx = r.rbx;
    run_expect(&r, VEC_XM);
    equal("rip", r.rip, USER(div0_sse_at));
    equal("rbx", r.rbx, rbx);
    u32 now;
    asm volatile("stmxcsr %0" : "=m"(now));
    equal("MXCSR", now, (0x1f80 & ~0x200) | 4);
    check("an unmasked SSE exception is #XM at the instruction, with its flag set");
    write_cr4(read_cr4() & ~(ul)CR4_OSXMMEXCPT);
    *mxcsr = 0x1f80 & ~0x200;
    regs_init(&r, div0_sse, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_UD);
    write_cr4(read_cr4() | CR4_OSXMMEXCPT);
    check("without CR4.OSXMMEXCPT it is #UD");
    *mxcsr = 0x1f80;
    regs_init(&r, sse_masked, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_DONE);
    equal("1 / 0", (u32)r.rax, 0x7f800000);
    equal("MXCSR", (u32)r.rcx, 0x1f84);
    check("a masked one gives infinity and the flag");
    *mxcsr = 0x10000;
    regs_init(&r, ldmxcsr_op, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_GP);
    check("LDMXCSR with a reserved bit is #GP(0)");
}

/* In: rsi an MXCSR, that of the round rcx == r8, and room, rcx rounds. Out: 1 / 3 as it was rounded
 * before and after the new MXCSR, and what MXCSR was then. */
CODE(rounding,
     "mov $1,%eax\n cvtsi2ss %eax,%xmm0\n mov $3,%eax\n cvtsi2ss %eax,%xmm1\n"
     "1: movl $0x1f80,8(%rsi)\n ldmxcsr 8(%rsi)\n movaps %xmm0,%xmm2\n divss %xmm1,%xmm2\n"
     "stmxcsr 8(%rsi)\n mov 8(%rsi),%r9d\n mov (%rsi),%eax\n"
     "cmp %r8,%rcx\n jne 2f\n mov 4(%rsi),%eax\n"
     "2: mov %eax,8(%rsi)\n ldmxcsr 8(%rsi)\n"
     "stmxcsr 8(%rsi)\n mov 8(%rsi),%r10d\n"
     "movaps %xmm0,%xmm3\n divss %xmm1,%xmm3\n"
     "stmxcsr 8(%rsi)\n mov 8(%rsi),%r11d\n dec %rcx\n jnz 1b\n"
     "movd %xmm2,%eax\n movd %xmm3,%edx");

/* In one of the last rounds this MXCSR, which ends it so. */
static void changes_at_last(u32 value, u32 vector)
{
    struct regs r;
    u32 *mxcsr = (u32 *)area;
    mxcsr[0] = 0x7f80;
    mxcsr[1] = value;
    regs_init(&r, rounding, 3);
    r.rsi = USER(area);
    r.rcx = 20000;
    r.r8 = 7;
    run_expect(&r, vector);
    equal("rounds left", r.rcx, 7);
    equal("MXCSR before", (u32)r.r9, 0x1fa0);
}

/* Libraries set the rounding around a function, so this has to be fast, and is no mode of its own
 * as long as nothing is unmasked. */
static void changes(void)
{
    struct regs r;
    u32 *mxcsr = (u32 *)area;
    for (unsigned k = 0; k < 6; k++) {
        mxcsr[0] = mxcsr[1] = k % 2 ? 0x5f81 : 0x7f80; /* up, with a flag; to zero */
        regs_init(&r, rounding, 3);
        r.rsi = USER(area);
        r.rcx = 20000;
        run_expect(&r, VEC_DONE);
        equal("to nearest", (u32)r.rax, 0x3eaaaaab);
        equal("otherwise", (u32)r.rdx, k % 2 ? 0x3eaaaaab : 0x3eaaaaaa);
        equal("MXCSR before", (u32)r.r9, 0x1fa0);
        equal("MXCSR as set", (u32)r.r10, mxcsr[0]);
        equal("MXCSR after", (u32)r.r11, mxcsr[0] | 0x20);
    }
    check("LDMXCSR between equal divisions: each is rounded and sets flags by what holds then");
    changes_at_last(0x1f80 & ~0x1000, VEC_XM); /* inexact results */
    check("LDMXCSR that unmasks an exception, after many rounds");
    changes_at_last(0x7f80 | 0x20000, VEC_GP);
    check("LDMXCSR with a reserved bit, after many rounds");
}

static void fxsave(void)
{
    struct regs r;
    memset(area, 0xcc, 512);
    CODE(make_state,
         "fninit\n fld1\n fldpi\n mov $0x11223344,%eax\n movd %eax,%xmm0\n movd %eax,%xmm15\n"
         "fxsave64 (%rsi)");
    u32 mx = 0x1f80;
    asm volatile("ldmxcsr %0" ::"m"(mx));
    regs_init(&r, make_state, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_DONE);
    equal("FCW", *(u16 *)area, 0x37f);
    equal("FSW", *(u16 *)(area + 2), 0x3000);
    equal("abridged tag word", area[4], 0xc0);
    equal("MXCSR", *(u32 *)(area + 24), 0x1f80);
    equal("ST0 (pi)", *(u64 *)(area + 32), 0xc90fdaa22168c235);
    equal("ST0 exponent", *(u16 *)(area + 40), 0x4000);
    equal("ST1 (1)", *(u64 *)(area + 48), 0x8000000000000000);
    equal("XMM0", *(u64 *)(area + 160), 0x11223344);
    equal("XMM15", *(u64 *)(area + 160 + 15 * 16), 0x11223344);
    equal("MXCSR mask", *(u32 *)(area + 28) & 0xffbf, 0xffbf);
    equal("software bytes untouched", *(u64 *)(area + 464), 0xcccccccccccccccc);
    check("FXSAVE's format");
    asm volatile("fninit");
    area[160] = 0x99;
    memset(area + 512, 0xcc, 512); /* reserved bytes may stay as they are */
    asm volatile("fxrstor64 %0; fxsave64 %1" ::"m"(*(u8(*)[512])area),
                 "m"(*(u8(*)[512])(area + 512))
                 : "memory");
    memset(area + 512 + 464, 0xcc, 48);
    equal("difference", (u64)memcmp(area, area + 512, 416), 0);
    check("FXRSTOR and FXSAVE give the same image");
    for (unsigned i = 1; i < 16; i += 7) {
        regs_init(&r, fxsave_op, 3);
        r.rsi = USER(area) + i;
        run_expect(&r, VEC_GP);
    }
    *(u32 *)(area + 24) = 0x10000;
    regs_init(&r, fxrstor_op, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_GP);
    *(u32 *)(area + 24) = 0x1f80;
    check("FXSAVE unaligned and FXRSTOR with a bad MXCSR are #GP(0)");
    CODE(mmx_tags,
         "fninit\n mov $0x55,%eax\n movd %eax,%mm3\n fxsave64 (%rsi)\n emms\n fxsave64 512(%rsi)");
    regs_init(&r, mmx_tags, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_DONE);
    equal("tags after MMX", area[4], 0xff);
    equal("FSW after MMX", *(u16 *)(area + 2) & 0x3800, 0);
    equal("MM3", *(u64 *)(area + 32 + 48), 0x55);
    equal("its exponent", *(u16 *)(area + 32 + 56), 0xffff);
    equal("tags after EMMS", area[512 + 4], 0);
    check("MMX in the x87 registers");
}

static void xsave(void)
{
    if (!(cpuid(1, 0).c >> 26 & 1)) {
        skip("XSAVE", "not in CPUID");
        return;
    }
    struct regs r;
    CODE(xsave_op, "xsave64 (%rsi)");
    CODE(xrstor_op, "xrstor64 (%rsi)");
    CODE(xgetbv_op, "xgetbv");
    CODE(xsetbv_op, "xsetbv");
    regs_init(&r, xsave_op, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_UD);
    check("XSAVE without CR4.OSXSAVE is #UD");
    write_cr4(read_cr4() | CR4_OSXSAVE);
    regs_init(&r, xgetbv_op, 3);
    r.rcx = 0;
    run_expect(&r, VEC_DONE);
    equal("XCR0 at the start", r.rax & 1, 1);
    struct cpuid c = cpuid(0xd, 0);
    static const struct {
        ul value;
        bool good;
    } v[] = {{1, true}, {3, true}, {0, false}, {2, false}, {5, false}, {1ul << 63, false}};
    for (unsigned i = 0; i < 6; i++) {
        regs_init(&r, xsetbv_op, 0);
        r.rcx = 0, r.rax = (u32)v[i].value, r.rdx = v[i].value >> 32;
        run_expect(&r, v[i].good ? VEC_DONE : VEC_GP);
    }
    regs_init(&r, xsetbv_op, 3);
    r.rcx = 0, r.rax = 3, r.rdx = 0;
    run_expect(&r, VEC_GP);
    regs_init(&r, xsetbv_op, 0);
    r.rcx = 1, r.rax = 3, r.rdx = 0;
    run_expect(&r, VEC_GP);
    check("XSETBV takes valid values at level 0 only");
    regs_init(&r, xsetbv_op, 0);
    r.rcx = 0, r.rax = 3, r.rdx = 0;
    run_expect(&r, VEC_DONE);
    equal("size for x87 and SSE", cpuid(0xd, 0).b, 576);
    equal("XCR0 bits 0 and 1 supported", c.a & 3, 3);
    check("CPUID leaf 0D");
    memset(area, 0, 1024);
    memset(area + 416, 0xee, 96);
    asm volatile("fninit");
    CODE(xs_state,
         "fninit\n fld1\n pcmpeqb %xmm5,%xmm5\n mov $3,%eax\n xor %edx,%edx\n xsave64 (%rsi)");
    regs_init(&r, xs_state, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_DONE);
    equal("XSTATE_BV", *(u64 *)(area + 512), 3);
    equal("ST0", *(u64 *)(area + 32), 0x8000000000000000);
    equal("XMM5", *(u64 *)(area + 160 + 5 * 16), ~0ull);
    check("XSAVE's format");
    /* A component that is clear in XSTATE_BV goes to its initial state. */
    *(u64 *)(area + 512) = 1;
    CODE(xr_then_look,
         "mov $3,%eax\n xor %edx,%edx\n xrstor64 (%rsi)\n movq %xmm5,%rbx\n fnstsw %ax");
    regs_init(&r, xr_then_look, 3);
    r.rsi = USER(area);
    run_expect(&r, VEC_DONE);
    equal("XMM5", r.rbx, 0);
    equal("FSW", r.rax & 0x3800, 0x3800);
    check("XRSTOR initialises what XSTATE_BV leaves out");
    *(u64 *)(area + 512) = 8;
    regs_init(&r, xrstor_op, 3);
    r.rsi = USER(area), r.rax = 3, r.rdx = 0;
    run_expect(&r, VEC_GP);
    *(u64 *)(area + 512) = 3;
    area[530] = 1;
    regs_init(&r, xrstor_op, 3);
    r.rsi = USER(area), r.rax = 3, r.rdx = 0;
    run_expect(&r, VEC_GP);
    area[530] = 0;
    regs_init(&r, xsave_op, 3);
    r.rsi = USER(area) + 32;
    run_expect(&r, VEC_GP);
    check("XSAVE and XRSTOR check alignment and header");
    write_cr4(read_cr4() & ~(ul)CR4_OSXSAVE);
}

/* CR0.NE clear: IRQ 13 by the 8259s, once for each error; a write to port F0 ends it. */
static volatile unsigned ferr_irqs, ferr_fsw;
static bool on_ferr(struct frame *f)
{
    u16 fsw;
    (void)f;
    outb(0xf0, 0);
    /* IGNNE#: waiting instructions do not raise it again while the error is still there. */
    asm volatile("fwait; fnstsw %0; fnclex" : "=m"(fsw));
    ferr_irqs++;
    ferr_fsw = fsw;
    pic_eoi(13);
    return true;
}

static void external_errors(void)
{
    u16 cw = 0x37e; /* invalid operation is not masked */
    if (cpu_index() == 0)
        apic_enable();
    set_handler(VEC_PIC + 13, on_ferr);
    pic_init(0xdffb);
    apic_write(APIC_LVT_LINT0, 0x700);
    write_cr0(read_cr0() & ~(ul)CR0_NE);
    sti();
    for (unsigned round = 1; round <= 2; round++) {
        asm volatile("fninit; fldcw %0; fsqrt; fwait; nop; nop" : : "m"(cw));
        delay_us(100);
        equal("interrupts", ferr_irqs, round);
        equal("FSW", ferr_fsw & 0x80c1, 0x80c1);
    }
    asm volatile("fninit; fld1; fwait");
    delay_us(100);
    equal("interrupts without an error", ferr_irqs, 2);
    cli();
    write_cr0(read_cr0() | CR0_NE);
    asm volatile("fninit");
    apic_write(APIC_LVT_LINT0, 0x10700);
    pic_init(0xffff);
    set_handler(VEC_PIC + 13, NULL);
    check("with CR0.NE clear an x87 error is IRQ 13 until port F0 is written");
}

void test_main(void)
{
    area = page_alloc();
    not_available();
    exceptions();
    changes();
    fxsave();
    xsave();
    external_errors();
}
