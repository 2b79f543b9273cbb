/* SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS, IRET between levels and into compatibility mode. */
#include "lib/guest.h"

LABEL(user_syscall_ret);
CODE(user_syscall, "syscall\n.globl user_syscall_ret\nuser_syscall_ret: nop");
/* Kernel entries: stop at once with the state as it arrived. */
CODE(entry_stop, "");
CODE(entry_sysret, "sysretq");
CODE(entry_sysretl, "sysretl");
CODE(kernel_sysexit, "sysexitq");
CODE(kernel_sysexitl, "sysexitl");
CODE(user_sysenter, "sysenter");
CODE(code_swapgs, "swapgs");
CODE(user_done, "");
/* The entry must not run on the user's stack when it stops: IST 1 carries the INT. */
asm(".pushsection .text.snippets, \"ax\"\n.code32\n"
    ".globl compat_code\ncompat_code: mov $0x12345678,%eax\n push %eax\n pop %ecx\n inc %ecx\n"
    " mov %esp,%edx\n int $0x40\n"
    ".globl compat_syscall\ncompat_syscall: syscall\n int $0x40\n"
    ".globl compat_fault\ncompat_fault: mov $0x10000000,%ebx\n mov %gs:(%ebx),%eax\n int $0x40\n"
    ".globl compat_inc\ncompat_inc: .byte 0x40\n .byte 0x48\n int $0x40\n"
    ".code64\n.popsection");
LABEL(compat_code);
LABEL(compat_syscall);
LABEL(compat_fault);
LABEL(compat_inc);

static void syscalls(void)
{
    struct regs r, w;
    wrmsr(MSR_STAR, (u64)0x2b << 48 | (u64)SEL_CODE << 32);
    wrmsr(MSR_LSTAR, (ul)entry_stop);
    wrmsr(MSR_FMASK, FLAG_IF | FLAG_DF | FLAG_CF | FLAG_OF);
    regs_init(&r, user_syscall, 3);
    r.rflags |= FLAG_CF | FLAG_ZF | FLAG_DF | FLAG_OF | FLAG_IF;
    w = r;
    run_expect(&r, VEC_DONE);
    equal("rcx", r.rcx, USER(user_syscall_ret));
    equal("r11", r.r11, w.rflags);
    equal("flags", r.rflags, FLAG_FIXED | FLAG_ZF);
    equal("cs", r.cs, SEL_CODE);
    equal("ss", r.ss, SEL_DATA);
    equal("rsp", r.rsp, w.rsp);
    equal("rip", r.rip, (ul)entry_stop + 2);
    check("SYSCALL loads RCX, R11, RIP, CS, SS and masks the flags");

    wrmsr(MSR_LSTAR, (ul)entry_sysret);
    regs_init(&r, user_syscall, 3);
    r.rflags |= FLAG_CF | FLAG_DF;
    w = r;
    run_expect(&r, VEC_DONE);
    equal("cs", r.cs, SEL_UCODE);
    equal("ss", r.ss, SEL_UDATA);
    equal("flags", r.rflags, w.rflags);
    equal("rip", r.rip, USER(user_syscall_ret) + 3);
    check("SYSCALL and SYSRET and back with the user's flags");

    /* RF and VM in R11 are not taken. */
    regs_init(&r, entry_sysret, 0);
    r.rcx = USER(user_done), r.r11 = FLAG_RF | FLAG_VM | FLAG_IOPL | FLAG_ZF | 0x28;
    r.rsp += USER_BASE;
    run_expect(&r, VEC_DONE);
    equal("flags", r.rflags, FLAG_FIXED | FLAG_IOPL | FLAG_ZF);
    equal("cs", r.cs, SEL_UCODE);
    check("SYSRET takes the flags from R11 but for RF, VM and the reserved ones");

    regs_init(&r, entry_sysret, 0);
    r.rcx = 0x800000000000, r.r11 = 2;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    equal("cs", r.cs, is_amd() ? SEL_UCODE : SEL_CODE);
    equal("rip", r.rip, is_amd() ? 0x800000000000 : (ul)entry_sysret);
    check("SYSRET to a non-canonical address is #GP(0) (Intel: at level 0)");

    regs_init(&r, entry_sysret, 3);
    run_expect(&r, VEC_GP);
    check("SYSRET at level 3 is #GP(0)");
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(u64)EFER_SCE);
    regs_init(&r, user_syscall, 3);
    run_expect(&r, VEC_UD);
    equal("rip", r.rip, USER(user_syscall));
    regs_init(&r, entry_sysret, 0);
    r.rcx = USER(user_done), r.r11 = 2;
    run_expect(&r, VEC_UD);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
    check("without EFER.SCE both are #UD");
    equal("LSTAR", (u64)wrmsr_safe(MSR_LSTAR, 0x800000000000), VEC_GP);
    equal("LSTAR kept", rdmsr(MSR_LSTAR), (ul)entry_sysret);
    equal("KERNEL_GS_BASE", (u64)wrmsr_safe(MSR_KERNEL_GS_BASE, 0x8000000000000000), VEC_GP);
    check("WRMSR refuses non-canonical addresses");
}

/* The user's code and the kernel's, each many times: both are translated and found again. */
CODE(user_loop, "mov $1000,%ebx\n 1: xor %eax,%eax\n syscall\n add %rax,%rbp\n dec %ebx\n"
                " jnz 1b");
CODE(entry_count, "inc %r12\n mov %r12,%rax\n sysretq");
CODE(user_misaligned, "syscall\n push %rax\n mov 1(%rsp),%eax\n");
LABEL(user_misaligned_at);
asm(".pushsection .text.snippets, \"ax\"\n.globl user_misaligned_at\n"
    ".set user_misaligned_at, user_misaligned + 3\n.popsection");

static void repeated(void)
{
    static const struct {
        const char *what;
        ul flags;
    } with[] = {
        {"no other flag", 0},
        {"IOPL 3", FLAG_IOPL},
        {"IOPL 1", 0x1000},
        {"AC", FLAG_AC},
        {"AC and IOPL", FLAG_AC | FLAG_IOPL},
        {"NT, ID and DF", FLAG_NT | FLAG_ID | FLAG_DF},
        {"IF and all arithmetic flags", FLAG_IF | FLAG_ARITH},
    };
    struct regs r, w;
    wrmsr(MSR_STAR, (u64)0x2b << 48 | (u64)SEL_CODE << 32);
    for (unsigned masked = 0; masked < 2; masked++) {
        wrmsr(MSR_FMASK, masked ? 0x47700 | FLAG_ARITH : 0);
        for (unsigned i = 0; i < sizeof with / sizeof *with; i++) {
            wrmsr(MSR_LSTAR, (ul)entry_sysret);
            regs_init(&r, user_syscall, 3);
            r.rflags |= with[i].flags;
            w = r;
            run_expect(&r, VEC_DONE);
            equal("flags behind SYSRET", r.rflags, w.rflags);
            equal("r11", r.r11, w.rflags);
            equal("cs", r.cs, SEL_UCODE);
            equal("ss", r.ss, SEL_UDATA);
            wrmsr(MSR_LSTAR, (ul)entry_stop);
            r = w;
            run_expect(&r, VEC_DONE);
            equal("flags behind SYSCALL", r.rflags,
                  w.rflags & ~(masked ? 0x47700ul | FLAG_ARITH : 0ul));
            equal("cs", r.cs, SEL_CODE);
            wrmsr(MSR_LSTAR, (ul)entry_count);
            regs_init(&r, user_loop, 3);
            r.rflags |= with[i].flags;
            r.rbp = r.r12 = 0;
            run_expect(&r, VEC_DONE);
            equal("calls", r.r12, 1000);
            equal("sum of what they returned", r.rbp, 500500);
            equal("flags that arithmetic leaves alone", r.rflags & ~(ul)FLAG_ARITH,
                  FLAG_FIXED | (with[i].flags & ~(ul)FLAG_ARITH));
        }
        check("SYSCALL and SYSRET with flags of all kinds, %s",
              masked ? "masked" : "all let through");
    }
    /* Alignment checks are on again behind SYSRET, not in the kernel. */
    wrmsr(MSR_LSTAR, (ul)entry_sysret);
    wrmsr(MSR_FMASK, FLAG_AC);
    write_cr0(read_cr0() | CR0_AM);
    regs_init(&r, user_misaligned, 3);
    r.rflags |= FLAG_AC;
    run_expect(&r, VEC_AC);
    equal("rip", r.rip, USER(user_misaligned_at));
    equal("error", r.err, 0);
    regs_init(&r, user_misaligned, 3);
    run_expect(&r, VEC_DONE);
    write_cr0(read_cr0() & ~(ul)CR0_AM);
    check("SYSRET switches alignment checks on");
    /* Other selectors, of all sixteen bits. */
    wrmsr(MSR_STAR, (u64)0x2b << 48 | (u64)(SEL_CODE | 3) << 32 | 0xffffffff);
    regs_init(&r, user_syscall, 3);
    run_expect(&r, VEC_DONE);
    equal("cs", r.cs, SEL_UCODE);
    wrmsr(MSR_LSTAR, (ul)entry_stop);
    regs_init(&r, user_syscall, 3);
    run_expect(&r, VEC_DONE);
    equal("cs", r.cs, SEL_CODE);
    equal("ss", r.ss, SEL_DATA);
    check("the low two bits of SYSCALL's selector do not count");
    wrmsr(MSR_STAR, (u64)0x2b << 48 | (u64)SEL_CODE << 32);
}

/* Code below 4 GiB for compatibility mode: user pages at the low alias are not there, so map it. */
static ul low_code(const void *code)
{
    static u8 *page;
    if (!page) {
        page = pages_alloc(2);
        for (unsigned i = 0; i < 2; i++) {
            ul va =
                0xa0000000 + i * 0x1000; /* the identity map has 2 MiB pages here: replace one */
            if (!i) {
                u64 *pde = pte_at(va, 2);
                *pde = 0;
            }
            *pte_at(va, 1) = (u64)(page + i * 4096) | PTE_P | PTE_W | PTE_U;
            *pte_at(va, 2) |= PTE_U;
            *pte_at(va, 3) |= PTE_U;
            *pte_at(va, 4) |= PTE_U;
        }
        write_cr3(read_cr3());
    }
    memcpy(page, code, 64);
    return 0xa0000000;
}

static void compat(void)
{
    struct regs r;
    regs_init(&r, NULL, 3);
    r.rip = low_code(compat_code);
    r.cs = SEL_UCODE32;
    r.rsp = 0xa0002000;
    run_expect(&r, VEC_DONE);
    equal("rcx", r.rcx, 0x12345679);
    equal("rdx", r.rdx, 0xa0002000);
    equal("cs", r.cs, SEL_UCODE32);
    check("32-bit code in compatibility mode");

    regs_init(&r, NULL, 3);
    r.rip = low_code(compat_inc);
    r.cs = SEL_UCODE32;
    r.rsp = 0xa0002000;
    r.rax = 0xffffffff;
    run_expect(&r, VEC_DONE);
    equal("rax", r.rax, 0xffffffff);
    check("40-4F are INC and DEC there");

    regs_init(&r, NULL, 3);
    r.rip = low_code(compat_fault);
    r.cs = SEL_UCODE32;
    r.rsp = 0xa0002000;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    equal("rip", r.rip, 0xa0000005);
    check("a null segment faults in compatibility mode");

    wrmsr(MSR_CSTAR, (ul)entry_stop);
    wrmsr(MSR_LSTAR, (ul)entry_sysretl);
    /* SYSRET to 32-bit code. */
    regs_init(&r, entry_sysretl, 0);
    r.rcx = low_code(compat_code), r.r11 = 2;
    r.rsp = 0xa0002000;
    run_expect(&r, VEC_DONE);
    equal("rcx", r.rcx, 0x12345679);
    equal("cs", r.cs, SEL_UCODE32);
    equal("ss", r.ss, SEL_UDATA);
    check("SYSRET with 32-bit operand size enters compatibility mode");

    /* Far jumps between 64-bit and compatibility mode at level 0. */
    CODE(far_there, "push $0x08\n lea 1f(%rip),%rbx\n push %rbx\n lretq\n"
                    ".code32\n1: dec %eax\n inc %edx\n ljmp $0x18,$2f\n.code64\n2: inc %r8");
    regs_init(&r, far_there, 0);
    r.rax = 0x100000000, r.rdx = 1, r.r8 = 0xffffffff;
    run_expect(&r, VEC_DONE);
    equal("rdx", r.rdx, 2);
    equal("r8", r.r8, 0x100000000);
    equal("rax", r.rax, 0xffffffff);
    check("far return to 32-bit code and far jump back");
}

static void sysenter(void)
{
    struct regs r, w;
    if (is_amd()) {
        skip("SYSENTER and SYSEXIT", "AMD processors have none in long mode");
        return;
    }
    wrmsr(MSR_SYSENTER_CS, SEL_CODE);
    wrmsr(MSR_SYSENTER_ESP, 0x123456789ab8);
    wrmsr(MSR_SYSENTER_EIP, (ul)entry_stop);
    regs_init(&r, user_sysenter, 3);
    r.rflags |= FLAG_IF | FLAG_CF;
    w = r;
    run_expect(&r, VEC_DONE);
    equal("rsp", r.rsp, 0x123456789ab8);
    equal("cs", r.cs, SEL_CODE);
    equal("ss", r.ss, SEL_DATA);
    equal("flags", r.rflags, w.rflags & ~(ul)FLAG_IF);
    check("SYSENTER loads CS, SS, RSP, RIP and clears IF");
    regs_init(&r, kernel_sysexit, 0);
    r.rdx = USER(user_done);
    r.rcx = USER(r.rsp);
    ul sp = r.rcx;
    run_expect(&r, VEC_DONE);
    equal("cs", r.cs, SEL_UCODE);
    equal("ss", r.ss, SEL_SYSEXIT_SS);
    equal("rsp", r.rsp, sp);
    check("SYSEXIT to 64-bit code");
    regs_init(&r, kernel_sysexitl, 0);
    r.rdx = low_code(compat_code);
    r.rcx = 0xa0002000;
    run_expect(&r, VEC_DONE);
    equal("cs", r.cs, SEL_UCODE32);
    equal("ss", r.ss, SEL_UDATA);
    equal("rcx", r.rcx, 0x12345679);
    check("SYSEXIT to compatibility mode");
    wrmsr(MSR_SYSENTER_CS, 0);
    regs_init(&r, user_sysenter, 3);
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    regs_init(&r, kernel_sysexit, 3);
    run_expect(&r, VEC_GP);
    check("SYSENTER with a null selector and SYSEXIT at level 3 are #GP(0)");
}

CODE(iret_frame, "push %rax\n push %rbx\n push %rcx\n push %rdx\n push %rsi\n"
                 ".globl iret_at\niret_at: iretq");
LABEL(iret_at);

static void iret(void)
{
    struct regs r;
    static const struct {
        const char *name;
        ul ss, cs;
        unsigned vec;
        ul err;
    } bad[] = {
        {"null CS", SEL_UDATA, 0, VEC_GP, 0},
        {"CS a data segment", SEL_UDATA, SEL_UDATA, VEC_GP, SEL_UDATA & ~3},
        {"CS beyond the GDT", SEL_UDATA, 0xfffb, VEC_GP, 0xfff8},
        {"SS a code segment", SEL_UCODE, SEL_UCODE, VEC_GP, SEL_UCODE & ~3},
        {"SS of level 0 with CS of level 3", SEL_DATA, SEL_UCODE, VEC_GP, SEL_DATA},
        {"null SS with CS of level 3", 3, SEL_UCODE, VEC_GP, 0},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        regs_init(&r, iret_frame, 0);
        ul sp = r.rsp;
        r.rax = bad[i].ss, r.rbx = USER(sp), r.rcx = FLAG_FIXED, r.rdx = bad[i].cs,
        r.rsi = USER(user_done);
        run_expect(&r, bad[i].vec);
        equal("error", r.err, bad[i].err);
        equal("rip", r.rip, (ul)iret_at);
        equal("cs", r.cs, SEL_CODE);
        equal("rsp", r.rsp, sp - 40);
        check("IRET with %s", bad[i].name);
    }
    /* A null SS is fine for 64-bit code at level 0, RSP is always loaded. */
    regs_init(&r, iret_frame, 0);
    ul sp = r.rsp;
    r.rax = 0, r.rbx = sp - 64, r.rcx = FLAG_FIXED | FLAG_AF, r.rdx = SEL_CODE,
    r.rsi = (ul)user_done;
    run_expect(&r, VEC_DONE);
    equal("rsp", r.rsp, sp - 64);
    equal("ss", r.ss, 0);
    equal("flags", r.rflags, FLAG_FIXED | FLAG_AF);
    check("IRET to level 0 with a null SS");
    /* At level 3 IOPL and IF stay. */
    regs_init(&r, iret_frame, 3);
    sp = r.rsp;
    r.rax = SEL_UDATA, r.rbx = sp, r.rcx = FLAG_FIXED | FLAG_IF | FLAG_IOPL | FLAG_DF,
    r.rdx = SEL_UCODE, r.rsi = USER(user_done);
    run_expect(&r, VEC_DONE);
    equal("flags", r.rflags, FLAG_FIXED | FLAG_DF);
    check("IRET at level 3 leaves IF and IOPL");
    regs_init(&r, iret_frame, 0);
    sp = r.rsp;
    r.rax = SEL_DATA, r.rbx = sp, r.rcx = FLAG_FIXED | FLAG_NT, r.rdx = SEL_CODE,
    r.rsi = (ul)user_done;
    r.rflags |= FLAG_NT;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    check("IRET with NT set is #GP(0) in long mode");
    regs_init(&r, iret_frame, 0);
    r.rax = SEL_UDATA, r.rbx = USER(r.rsp), r.rcx = FLAG_FIXED, r.rdx = SEL_UCODE,
    r.rsi = 0x800000000000;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    check("IRET to a non-canonical address is #GP(0)");
}

static void gs(void)
{
    struct regs r;
    static u64 a = 0xaaaa, b = 0xbbbb;
    wrmsr(MSR_GS_BASE, (ul)&a);
    wrmsr(MSR_KERNEL_GS_BASE, (ul)&b);
    u64 v1, v2, v3;
    asm volatile("mov %%gs:0,%0; swapgs; mov %%gs:0,%1; swapgs; mov %%gs:0,%2"
                 : "=r"(v1), "=r"(v2), "=r"(v3));
    equal("before", v1, 0xaaaa);
    equal("swapped", v2, 0xbbbb);
    equal("swapped back", v3, 0xaaaa);
    regs_init(&r, code_swapgs, 3);
    run_expect(&r, VEC_GP);
    check("SWAPGS");
    wrmsr(MSR_FS_BASE, (ul)&b);
    asm volatile("mov %%fs:0,%0" : "=r"(v1));
    equal("FS base", v1, 0xbbbb);
    if (cpuid(7, 0).b & 1) {
        CODE(rdfs, "rdfsbase %rax\n wrfsbase %rbx\n rdfsbase %rcx\n rdgsbase %rdx");
        write_cr4(read_cr4() | CR4_FSGSBASE);
        regs_init(&r, rdfs, 3);
        r.rbx = 0x123456789abc;
        run_expect(&r, VEC_DONE);
        equal("rax", r.rax, (ul)&b);
        equal("rcx", r.rcx, 0x123456789abc);
        equal("rdx", r.rdx, (ul)&a);
        equal("MSR", rdmsr(MSR_FS_BASE), 0x123456789abc);
        regs_init(&r, rdfs, 3);
        r.rbx = 0x800000000000;
        run_expect(&r, VEC_GP);
        write_cr4(read_cr4() & ~(ul)CR4_FSGSBASE);
        regs_init(&r, rdfs, 0);
        run_expect(&r, VEC_UD);
    }
    check("FS and GS base by MSR and by RDFSBASE, WRFSBASE");
}

void test_main(void)
{
    syscalls();
    repeated();
    compat();
    sysenter();
    iret();
    gs();
}
