/* CPUID says what works, and what it does not say does not. */
#include "lib/guest.h"

static bool works(const char *code, unsigned len, unsigned *vec)
{
    static u8 *buf;
    if (!buf)
        buf = page_alloc();
    struct regs r;
    memcpy(buf, code, len);
    memcpy(buf + len, "\xcd\x40", 2);
    regs_init(&r, buf, 3);
    static u64 data[64] __attribute__((aligned(64)));
    r.rsi = r.rdi = USER(data);
    r.rax = r.rdx = r.rcx = 0;
    r.rbp = r.rsp;
    run(&r);
    *vec = (unsigned)r.vec;
    return r.vec == VEC_DONE;
}

/* leaf, subleaf, register (0-3), bit, name, bytes */
static const struct {
    u32 leaf, sub;
    u8 reg, bit;
    const char *name, *code;
    u8 len;
} insns[] = {
    {1, 0, 3, 4, "tsc", "\x0f\x31", 2},
    {1, 0, 3, 8, "cx8", "\x0f\xc7\x0e", 3},
    {1, 0, 3, 15, "cmov", "\x0f\x44\xc1", 3},
    {1, 0, 3, 19, "clflush", "\x0f\xae\x3e", 3},
    {1, 0, 3, 23, "mmx", "\x0f\xfd\xc1", 3},
    {1, 0, 3, 24, "fxsr", "\x0f\xae\x06", 3},
    {1, 0, 3, 25, "sse", "\x0f\x58\xc1", 3},
    {1, 0, 3, 26, "sse2", "\x66\x0f\x58\xc1", 4},
    {1, 0, 2, 0, "sse3", "\x66\x0f\x7c\xc1", 4},
    {1, 0, 2, 1, "pclmulqdq", "\x66\x0f\x3a\x44\xc1\x00", 6},
    {1, 0, 2, 9, "ssse3", "\x66\x0f\x38\x00\xc1", 5},
    {1, 0, 2, 13, "cx16", "\x48\x0f\xc7\x0e", 4},
    {1, 0, 2, 19, "sse4_1", "\x66\x0f\x38\x10\xc1", 5},
    {1, 0, 2, 20, "sse4_2", "\xf2\x0f\x38\xf1\xc1", 5},
    {1, 0, 2, 22, "movbe", "\x0f\x38\xf0\x06", 4},
    {1, 0, 2, 23, "popcnt", "\xf3\x0f\xb8\xc1", 4},
    {1, 0, 2, 25, "aes", "\x66\x0f\x38\xdc\xc1", 5},
    {1, 0, 2, 30, "rdrand", "\x0f\xc7\xf0", 3},
    {7, 0, 1, 3, "bmi1 (andn)", "\xc4\xe2\x78\xf2\xc1", 5},
    {7, 0, 1, 8, "bmi2 (shlx)", "\xc4\xe2\x79\xf7\xc1", 5},
    {7, 0, 1, 18, "rdseed", "\x0f\xc7\xf8", 3},
    {7, 0, 1, 19, "adx", "\x66\x0f\x38\xf6\xc1", 5},
    {7, 0, 1, 29, "sha", "\x0f\x38\xc8\xc1", 4},
    {7, 0, 2, 8, "gfni", "\x66\x0f\x38\xcf\xc1", 5},
    {7, 0, 2, 22, "rdpid", "\xf3\x0f\xc7\xf8", 4},
    {0x80000001, 0, 2, 0, "lahf", "\x9f", 1},
    {0x80000001, 0, 3, 27, "rdtscp", "\x0f\x01\xf9", 3},
};

static void features(void)
{
    for (unsigned i = 0; i < sizeof insns / sizeof *insns; i++) {
        struct cpuid c = cpuid(insns[i].leaf, insns[i].sub);
        u32 v = ((u32 *)&c)[insns[i].reg];
        bool said = v >> insns[i].bit & 1;
        unsigned vec;
        bool does = works(insns[i].code, insns[i].len, &vec);
        if (said != does || (!does && vec != VEC_UD))
            complain("bit %d, vector %u", said, vec);
        check("%s: executes exactly if CPUID says so, else #UD", insns[i].name);
    }
    /* Older meanings where the feature is missing. */
    CODE(tzcnt0, "xor %eax,%eax\n mov $5,%ecx\n xor %ebx,%ebx\n tzcnt %ebx,%ecx");
    CODE(lzcnt1, "mov $1,%ebx\n lzcnt %ebx,%ecx");
    struct regs r;
    regs_init(&r, tzcnt0, 3);
    run_expect(&r, VEC_DONE);
    if (cpuid(7, 0).b >> 3 & 1)
        equal("tzcnt of 0", (u32)r.rcx, 32);
    check("TZCNT, or BSF where BMI1 is missing");
    regs_init(&r, lzcnt1, 3);
    run_expect(&r, VEC_DONE);
    equal("lzcnt of 1", (u32)r.rcx, cpuid(0x80000001, 0).c >> 5 & 1 ? 31 : 0);
    check("LZCNT, or BSR where it is missing");
}

static void leaves(void)
{
    struct cpuid c = cpuid(0, 0);
    u32 max = c.a;
    if (max < 7 || max > 0x20)
        complain("highest leaf %x", max);
    char vendor[13] = {0};
    memcpy(vendor, &c.b, 4);
    memcpy(vendor + 4, &c.d, 4);
    memcpy(vendor + 8, &c.c, 4);
    print("# vendor %s, family/model/stepping %x\n", vendor, cpuid(1, 0).a);
    equal("highest extended leaf", cpuid(0x80000000, 0).a >= 0x80000008, 1);
    check("leaf ranges");
    struct cpuid beyond = cpuid(max + 1, 0), last = cpuid(max, 0);
    if (!is_amd())
        equal("a leaf beyond the highest is the highest one", memcmp(&beyond, &last, 4), 0);
    check("leaves beyond the range");
    struct cpuid f = cpuid(1, 0);
    equal("APIC id", f.b >> 24, 0);
    equal("OSXSAVE", f.c >> 27 & 1, 0);
    if (f.c >> 26 & 1) {
        write_cr4(read_cr4() | CR4_OSXSAVE);
        equal("OSXSAVE", cpuid(1, 0).c >> 27 & 1, 1);
        write_cr4(read_cr4() & ~(ul)CR4_OSXSAVE);
        equal("OSXSAVE", cpuid(1, 0).c >> 27 & 1, 0);
    }
    check("OSXSAVE mirrors CR4");
    unsigned pa = cpuid(0x80000008, 0).a & 0xff, la = cpuid(0x80000008, 0).a >> 8 & 0xff;
    equal("linear address bits", la, cpuid(7, 0).c >> 16 & 1 ? 57 : 48);
    if (pa < 36 || pa > 52)
        complain("physical address bits %u", pa);
    check("address sizes");
    CODE(id_flag,
         "pushfq\n pop %rax\n mov %rax,%rbx\n xor $0x200000,%rax\n push %rax\n popfq\n pushfq\n"
         "pop %rcx\n push %rbx\n popfq");
    struct regs r;
    regs_init(&r, id_flag, 3);
    run_expect(&r, VEC_DONE);
    equal("ID changed", (r.rbx ^ r.rcx) & FLAG_ID, FLAG_ID);
    check("EFLAGS.ID can be changed");
}

/* Last: processors may refuse to enable it again before the next reset. */
static void apic_bit(void)
{
    equal("APIC", cpuid(1, 0).d >> 9 & 1, 1);
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~0x800ull);
    equal("APIC off", cpuid(1, 0).d >> 9 & 1, 0);
    check("the APIC bit mirrors IA32_APIC_BASE");
}

/* Control register bits: those of missing features are reserved. */
static void control(void)
{
    static const struct {
        u8 bit;
        u32 leaf;
        u8 reg, fbit;
        const char *name;
    } bits[] = {{16, 7, 1, 0, "FSGSBASE"}, {17, 1, 2, 17, "PCIDE"}, {18, 1, 2, 26, "OSXSAVE"},
                {20, 7, 1, 7, "SMEP"},     {21, 7, 1, 20, "SMAP"},  {11, 7, 2, 2, "UMIP"},
                {22, 7, 2, 3, "PKE"},      {13, 1, 2, 5, "VMXE"},   {14, 1, 2, 6, "SMXE"},
                {24, 7, 2, 7, "PKS"},      {23, 7, 2, 7, "CET"}};
    ul cr4 = read_cr4();
    for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++) {
        struct cpuid c = cpuid(bits[i].leaf, 0);
        bool said = ((u32 *)&c)[bits[i].reg] >> bits[i].fbit & 1;
        if (bits[i].bit == 24 || bits[i].bit == 23)
            said = false; /* needs more than the bit: only that a missing feature faults */
        if ((bits[i].bit == 24 && cpuid(7, 0).c >> 31 & 1) ||
            (bits[i].bit == 23 && cpuid(7, 0).c >> 7 & 1))
            continue;
        int v = write_cr_safe(4, cr4 | 1ul << bits[i].bit);
        write_cr4(cr4);
        if (v != (said ? -1 : VEC_GP))
            complain("CR4.%s: CPUID bit %d, vector %d", bits[i].name, said, v);
    }
    check("CR4 bits are writable exactly where CPUID has the feature");
    equal("CR4 bit 31", (u64)write_cr_safe(4, cr4 | 1ul << 31), VEC_GP);
    equal("CR4 bit 40", (u64)write_cr_safe(4, cr4 | 1ul << 40), VEC_GP);
    equal("CR4.PAE cleared in long mode", (u64)write_cr_safe(4, cr4 & ~(ul)CR4_PAE), VEC_GP);
    check("reserved bits of CR4 and PAE in long mode");
    ul cr0 = read_cr0();
    equal("PG without PE", (u64)write_cr_safe(0, cr0 & ~1ul), VEC_GP);
    equal("NW without CD", (u64)write_cr_safe(0, cr0 | 1ul << 29), VEC_GP);
    equal("bit 32", (u64)write_cr_safe(0, cr0 | 1ul << 32), VEC_GP);
    check("invalid CR0 values");
    write_cr0(cr0 & ~0x10ul);
    equal("ET", read_cr0() & 0x10, 0x10);
    write_cr0(cr0);
    check("CR0.ET is always set");
    equal("CR8", (u64)write_cr_safe(8, 0x10), VEC_GP);
    equal("EFER reserved", (u64)wrmsr_safe(MSR_EFER, rdmsr(MSR_EFER) | 1 << 1), VEC_GP);
    equal("EFER.LME in long mode", (u64)wrmsr_safe(MSR_EFER, rdmsr(MSR_EFER) & ~(u64)EFER_LME),
          VEC_GP);
    u64 v;
    equal("RDMSR of nothing", (u64)rdmsr_safe(0x12345678, &v), VEC_GP);
    equal("WRMSR of nothing", (u64)wrmsr_safe(0x12345678, 0), VEC_GP);
    equal("a PAT value that is reserved", (u64)wrmsr_safe(0x277, 2), VEC_GP);
    check("invalid MSRs and values");
}

void test_main(void)
{
    write_cr4(read_cr4() | CR4_OSFXSR);
    leaves();
    features();
    apic_bit();
    control();
}
