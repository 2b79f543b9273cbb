/* VEX outside 64-bit code: it shares its bytes with LES and LDS, and there are eight registers. */
#include "lib/guest.h"

CODE(les, "les (%esi),%eax");
CODE(lds, ".byte 0xc5,0x06\n push %ss\n pop %ds"); /* lds (%esi),%eax */
CODE(andn, "andn %eax,%ebx,%ecx");
CODE(andn_w, ".byte 0xc4,0xe2,0xe0,0xf2,0xc8"); /* andn with W: 32 bits all the same */
CODE(set, "mov $0x3f800000,%eax\n vmovd %eax,%xmm0\n vmovd %eax,%xmm1\n vmovd %eax,%xmm7\n"
          ".byte 0xc4,0xc1,0x30,0x58,0xd0\n vmovd %xmm2,%eax");
CODE(xsetbv_op, "xsetbv");
CODE(upper, "vpcmpeqd %ymm6,%ymm6,%ymm6\n vzeroupper\n vextracti128 $1,%ymm6,%xmm0\n"
            "vmovd %xmm0,%eax\n vmovd %xmm6,%ebx");

static u16 far_pointer[4];

void test_main(void)
{
    struct regs r;
    far_pointer[0] = 0x5678;
    far_pointer[1] = 0x1234;
    far_pointer[2] = SEL_UDATA;
    regs_init(&r, les, 3);
    r.rsi = USER(far_pointer);
    run_expect(&r, VEC_DONE);
    equal("EAX", r.rax, 0x12345678);
    equal("ES", r.es, SEL_UDATA);
    regs_init(&r, lds, 3);
    r.rsi = USER(far_pointer);
    run_expect(&r, VEC_DONE);
    equal("EAX", r.rax, 0x12345678);
    check("C4 and C5 with a memory operand are LES and LDS");
    if (!(cpuid(1, 0).c >> 28 & 1) || !(cpuid(7, 0).b >> 5 & 1)) {
        skip("AVX", "not in CPUID");
        return;
    }
    static const char *const forms[] = {andn, andn_w};
    for (unsigned n = 0; n < 2; n++) {
        regs_init(&r, forms[n], 3);
        r.rax = 0xff00ff00;
        r.rbx = 0x0ff00ff0;
        run_expect(&r, VEC_DONE);
        equal("ECX", r.rcx, 0xf000f000);
    }
    check("C4 with what would be a register operand is VEX; W does not count");
    write_cr4(read_cr4() | CR4_OSXSAVE);
    regs_init(&r, xsetbv_op, 0);
    r.rcx = r.rdx = 0;
    r.rax = 7;
    run_expect(&r, VEC_DONE);
    regs_init(&r, set, 3);
    run_expect(&r, VEC_DONE);
    equal("1.0 + 1.0", r.rax, 0x40000000);
    check("there are eight vector registers: the high bits do not count");
    regs_init(&r, upper, 3);
    run_expect(&r, VEC_DONE);
    equal("upper half", r.rax, 0);
    equal("lower half", r.rbx, 0xffffffff);
    check("VZEROUPPER");
}
