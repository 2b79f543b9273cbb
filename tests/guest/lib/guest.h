/*
 * The library of the bare-metal guest tests: printing TAP, running code at any privilege level with
 * given registers and catching how it ended, page tables, local APIC, processor start-up.
 *
 * A test is one file with a test_main(). It is linked with this library into a multiboot image that
 * starts in 32-bit protected mode; compiled with -m64 it runs in long mode with 4 GiB mapped one to
 * one for the supervisor (and again at USER_BASE for the user), with -m32 in flat protected mode
 * without paging.
 *
 * The core is run(): it loads all registers from a struct regs, enters the code by IRET and returns
 * when the code ends in an exception or interrupt that nobody handles, with all registers as they
 * were then and vec, err, cr2 telling why. Code that ends well does `int $VEC_DONE`.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned long ul; /* as wide as a register */

enum {
    VEC_DE,
    VEC_DB,
    VEC_NMI,
    VEC_BP,
    VEC_OF,
    VEC_BR,
    VEC_UD,
    VEC_NM,
    VEC_DF,
    VEC_TS = 10,
    VEC_NP,
    VEC_SS,
    VEC_GP,
    VEC_PF,
    VEC_MF = 16,
    VEC_AC,
    VEC_MC,
    VEC_XM,
    VEC_PIC = 0x20, /* IRQ 0-15 of the 8259 pair */
    VEC_DONE = 0x40,
    VEC_IPI = 0x50,
    VEC_TIMER = 0x51,
    VEC_SPURIOUS = 0xff,
};

enum {
    FLAG_CF = 1 << 0,
    FLAG_FIXED = 1 << 1,
    FLAG_PF = 1 << 2,
    FLAG_AF = 1 << 4,
    FLAG_ZF = 1 << 6,
    FLAG_SF = 1 << 7,
    FLAG_TF = 1 << 8,
    FLAG_IF = 1 << 9,
    FLAG_DF = 1 << 10,
    FLAG_OF = 1 << 11,
    FLAG_IOPL = 3 << 12,
    FLAG_NT = 1 << 14,
    FLAG_RF = 1 << 16,
    FLAG_VM = 1 << 17,
    FLAG_AC = 1 << 18,
    FLAG_VIF = 1 << 19,
    FLAG_VIP = 1 << 20,
    FLAG_ID = 1 << 21,
    FLAG_ARITH = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF,
};

enum {
    CR0_PE = 1 << 0,
    CR0_MP = 1 << 1,
    CR0_EM = 1 << 2,
    CR0_TS = 1 << 3,
    CR0_NE = 1 << 5,
    CR0_WP = 1 << 16,
    CR0_AM = 1 << 18,
    CR4_VME = 1 << 0,
    CR4_TSD = 1 << 2,
    CR4_DE = 1 << 3,
    CR4_PSE = 1 << 4,
    CR4_PAE = 1 << 5,
    CR4_PGE = 1 << 7,
    CR4_OSFXSR = 1 << 9,
    CR4_OSXMMEXCPT = 1 << 10,
    CR4_FSGSBASE = 1 << 16,
    CR4_PCIDE = 1 << 17,
    CR4_OSXSAVE = 1 << 18,
    CR4_SMEP = 1 << 20,
    CR4_SMAP = 1 << 21,
};
#define CR0_PG (1ul << 31)

enum {
    MSR_TSC = 0x10,
    MSR_APIC_BASE = 0x1b,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP,
    MSR_SYSENTER_EIP,
    MSR_TSC_DEADLINE = 0x6e0,
};
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_FMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u
enum { EFER_SCE = 1, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11 };

/* Page table entries and page fault error codes. */
#define PTE_P 1ull
#define PTE_W 2ull
#define PTE_U 4ull
#define PTE_PWT 8ull
#define PTE_PCD 0x10ull
#define PTE_A 0x20ull
#define PTE_D 0x40ull
#define PTE_PS 0x80ull
#define PTE_G 0x100ull
#define PTE_NX (1ull << 63)
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };

/* ---- descriptors -------------------------------------------------------------------------- */

enum {
#ifdef __x86_64__
    SEL_CODE32 = 0x08,
    SEL_DATA32 = 0x10,
    SEL_CODE = 0x18,
    SEL_DATA = 0x20,
    SEL_UCODE32 = 0x28 | 3, /* the order that SYSRET expects */
    SEL_UDATA = 0x30 | 3,
    SEL_UCODE = 0x38 | 3,
    SEL_SYSEXIT_SS = 0x40 | 3,
#else
    SEL_CODE = 0x08,
    SEL_DATA = 0x10,
    SEL_UCODE = 0x18 | 3,
    SEL_UDATA = 0x20 | 3,
#endif
    SEL_TSS = 0x50,
    SEL_TEST = 0x60, /* from here on to 0xff8 free for tests */
};
enum { GDT_ENTRIES = 512 };

/* Access byte and flags of a descriptor as gdt_set() takes them: bits 40-47 and 52-55. */
enum {
    SEG_DATA_RO = 0x10,
    SEG_DATA_RW = 0x12,
    SEG_DATA_DOWN = 0x16, /* expand-down, writable */
    SEG_CODE_X = 0x18,
    SEG_CODE_RX = 0x1a,
    SEG_CODE_CONFORM = 0x1e,
    SEG_LDT = 0x02,
    SEG_TSS16 = 0x01,
    SEG_CALL16 = 0x04,
    SEG_TASK_GATE = 0x05,
    SEG_INT16 = 0x06,
    SEG_TRAP16 = 0x07,
    SEG_TSS = 0x09,
    SEG_TSS_BUSY = 0x0b,
    SEG_CALL = 0x0c,
    SEG_INT = 0x0e,
    SEG_TRAP = 0x0f,
    SEG_PRESENT = 0x80,
    SEG_L = 0x2000,
    SEG_DB = 0x4000,
    SEG_G = 0x8000,
};
#define SEG_DPL(n) ((n) << 5)

struct tss32 {
    u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
    u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;
    u32 es, cs, ss, ds, fs, gs, ldt;
    u16 trap, iomap;
} __attribute__((packed));

struct tss64 {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3, iomap;
} __attribute__((packed));

#ifdef __x86_64__
typedef struct tss64 tss;
#else
typedef struct tss32 tss;
#endif

void gdt_set(unsigned sel, u32 base, u32 limit, unsigned access);
void gdt_set_gate(unsigned sel, unsigned target_sel, ul offset, unsigned access, unsigned params);
u64 *gdt_entry(unsigned sel);
/* A gate of the present CPU's IDT; type as SEG_*, with SEG_PRESENT and DPL. */
void idt_set(unsigned vec, unsigned sel, ul offset, unsigned access, unsigned ist);
void idt_reset(void); /* all gates as they were at the start */

/* ---- running code ------------------------------------------------------------------------- */

struct regs {
#ifdef __x86_64__
    ul rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
    ul rip, rflags;
#else
    union {
        ul eax, rax;
    };
    union {
        ul ecx, rcx;
    };
    union {
        ul edx, rdx;
    };
    union {
        ul ebx, rbx;
    };
    union {
        ul esp, rsp;
    };
    union {
        ul ebp, rbp;
    };
    union {
        ul esi, rsi;
    };
    union {
        ul edi, rdi;
    };
    union {
        ul eip, rip;
    };
    union {
        ul eflags, rflags;
    };
#endif
    ul cs, ss, ds, es, fs, gs;
    /* how it ended */
    ul vec, err, cr2;
};

/* Registers for code at that privilege level: selectors, a stack, flags; counting up in the rest.
 */
void regs_init(struct regs *r, const void *code, int cpl);
void run(struct regs *r);
/* run() and say whether it ended with that vector; prints how it ended when not. */
bool run_expect(struct regs *r, unsigned vec);

/* The frame of an exception or interrupt. */
struct frame {
#ifdef __x86_64__
    ul r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    ul vec, err, rip, cs, rflags, rsp, ss;
#else
    ul gs, fs, es, ds;
    ul rdi, rsi, rbp, esp_unused, rbx, rdx, rcx, rax;
    ul vec, err, rip, cs, rflags;
    ul rsp, ss; /* these two only from another level */
    ul v86_es, v86_ds, v86_fs, v86_gs;
#endif
};
/* Handlers see exceptions and interrupts of run() code and of C code; true: go on with the frame as
 * it is now, false: not handled. NULL takes a handler away. */
typedef bool handler_fn(struct frame *f);
void set_handler(unsigned vec, handler_fn *fn);

/*
 * Code for run(): CODE(name, "insns\n" ...) defines the bytes; the closing INT is added. Labels in
 * it are declared with LABEL(). Data of the code's own follows the closing INT after ".data_here".
 */
#define CODE(name, text)                                                                           \
    extern const char name[];                                                                      \
    asm(".pushsection .text.snippets, \"ax\"\n.balign 16\n.globl " #name "\n" #name ":\n" text     \
        "\n int $0x40\n.popsection")
#define LABEL(name) extern const char name[]

#ifdef __x86_64__
#define USER_BASE 0x400000000000ul
#else
#define USER_BASE 0ul
#endif
/* Where user code sees something of the image or of page_alloc(). */
#define USER(p) ((ul)(p) + USER_BASE)

/* ---- results ------------------------------------------------------------------------------ */

void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One TAP line. */
bool ok(bool cond, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void skip(const char *name, const char *why);
/* A comment about a mismatch, counted until the next check(): for loops that give one line. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool equal(const char *what, u64 got, u64 want);                        /* complains when not */
bool check(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* ok when no complaint */
void finish(void) __attribute__((noreturn));
void bail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

void test_main(void);

/* ---- memory and paging -------------------------------------------------------------------- */

void *memset(void *p, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *page_alloc(void);        /* zeroed, below 64 MiB, never freed */
void *pages_alloc(unsigned n); /* contiguous */
#ifdef __x86_64__
/* The entry that maps va at a level (1: 4 KiB ... 4), tables above made as needed. */
u64 *pte_at(ul va, unsigned level);
#endif
static inline void invlpg(ul va)
{
    asm volatile("invlpg (%0)" ::"r"(va) : "memory");
}

/* ---- CPU ---------------------------------------------------------------------------------- */

#define READ_CR(n)                                                                                 \
    static inline ul read_cr##n(void)                                                              \
    {                                                                                              \
        ul v;                                                                                      \
        asm volatile("mov %%cr" #n ",%0" : "=r"(v));                                               \
        return v;                                                                                  \
    }                                                                                              \
    static inline void write_cr##n(ul v)                                                           \
    {                                                                                              \
        asm volatile("mov %0,%%cr" #n ::"r"(v) : "memory");                                        \
    }
READ_CR(0)
READ_CR(2)
READ_CR(3)
READ_CR(4)
#define READ_DR(n)                                                                                 \
    static inline ul read_dr##n(void)                                                              \
    {                                                                                              \
        ul v;                                                                                      \
        asm volatile("mov %%dr" #n ",%0" : "=r"(v));                                               \
        return v;                                                                                  \
    }                                                                                              \
    static inline void write_dr##n(ul v)                                                           \
    {                                                                                              \
        asm volatile("mov %0,%%dr" #n ::"r"(v) : "memory");                                        \
    }
READ_DR(0)
READ_DR(1)
READ_DR(2)
READ_DR(3)
READ_DR(6)
READ_DR(7)

struct cpuid {
    u32 a, b, c, d;
};
static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
    struct cpuid r;
    asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}
static inline u64 rdmsr(u32 msr)
{
    u32 lo, hi;
    asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return lo | (u64)hi << 32;
}
static inline void wrmsr(u32 msr, u64 v)
{
    asm volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
/* The manuals differ: AMD finds a non-canonical RIP at the target, and has no SYSENTER in long
 * mode. */
static inline bool is_amd(void)
{
    return cpuid(0, 0).b == 0x68747541;
}
/* Accesses that may fault: the vector, or -1 when it went well. */
int wrmsr_safe(u32 msr, u64 v);
int rdmsr_safe(u32 msr, u64 *v);
int write_cr_safe(int cr, ul v);
static inline u64 rdtsc(void)
{
    u32 lo, hi;
    asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return lo | (u64)hi << 32;
}
static inline void outb(u16 port, u8 v)
{
    asm volatile("outb %0,%1" ::"a"(v), "Nd"(port));
}
static inline void outw(u16 port, u16 v)
{
    asm volatile("outw %0,%1" ::"a"(v), "Nd"(port));
}
static inline u8 inb(u16 port)
{
    u8 v;
    asm volatile("inb %1,%0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline void sti(void)
{
    asm volatile("sti" ::: "memory");
}
static inline void cli(void)
{
    asm volatile("cli" ::: "memory");
}
static inline void barrier(void)
{
    asm volatile("" ::: "memory");
}
static inline ul read_flags(void)
{
    ul v;
    asm volatile("pushf; pop %0" : "=r"(v));
    return v;
}

/* ---- interrupt controllers, time, processors ---------------------------------------------- */

enum {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_PPR = 0xa0,
    APIC_EOI = 0xb0,
    APIC_SVR = 0xf0,
    APIC_ISR = 0x100,
    APIC_IRR = 0x200,
    APIC_ICR_LO = 0x300,
    APIC_ICR_HI = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_TIMER_INIT = 0x380,
    APIC_TIMER_NOW = 0x390,
    APIC_TIMER_DIV = 0x3e0,
};
static inline u32 apic_read(unsigned reg)
{
    return *(volatile u32 *)(0xfee00000ul + reg);
}
static inline void apic_write(unsigned reg, u32 v)
{
    *(volatile u32 *)(0xfee00000ul + reg) = v;
}
void apic_enable(void);
void apic_self_ipi(unsigned vec);
static inline void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}
void pic_init(u16 mask); /* remapped to VEC_PIC; mask: bit set = blocked */
void pic_eoi(unsigned irq);
void pit_program(unsigned channel, unsigned mode, u16 count);
u16 pit_read(unsigned channel);
void delay_us(unsigned us); /* by PIT channel 2 */
/* Handler that counts in irq_count[vec] and gives EOI to the local APIC (or PICs below 0x30). */
bool count_irq(struct frame *f);
extern volatile u32 irq_count[256];

enum { MAX_CPUS = 8 };
unsigned cpu_index(void);
/* Starts the other processors, waiting for as many as are expected in all; each waits for work.
 * Returns how many there are; later calls just return that. */
unsigned smp_start(unsigned expected);
/* Runs fn(index) on all processors at the same time, returns when all have. */
void smp_run(void (*fn)(unsigned cpu));
/* Starts fn on one other processor; smp_wait() waits for its end. */
void smp_start_on(unsigned cpu, void (*fn)(unsigned cpu));
void smp_wait(unsigned cpu);

#endif
