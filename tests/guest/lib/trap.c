/* Descriptor tables, exceptions and run(). */
#include "lib/internal.h"

struct cpu cpus[MAX_CPUS];
static handler_fn *handlers[256];
volatile u32 irq_count[256];

extern char trap_stubs[];
void run_asm(struct regs *r, ul *saved_sp);
void run_return(ul saved_sp) __attribute__((noreturn));
void trap(struct frame *f);

unsigned cpu_index(void)
{
    /* APIC ids count up from 0 in both emulators; CPUID works at every level. */
    return (cpuid(1, 0).b >> 24) & (MAX_CPUS - 1);
}

struct cpu *this_cpu(void)
{
    return &cpus[cpu_index()];
}

u64 *gdt_entry(unsigned sel)
{
    return &this_cpu()->gdt[sel >> 3];
}

void gdt_set(unsigned sel, u32 base, u32 limit, unsigned access)
{
    *gdt_entry(sel) = (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(access & 0xff) << 40 |
                      (u64)(limit >> 16 & 15) << 48 | (u64)(access >> 12 & 15) << 52 |
                      (u64)(base >> 24) << 56;
}

static void gate(u64 *e, unsigned sel, ul offset, unsigned access, unsigned params)
{
    e[0] = (offset & 0xffff) | (u64)sel << 16 | (u64)params << 32 | (u64)access << 40 |
           (u64)(offset >> 16 & 0xffff) << 48;
#ifdef __x86_64__
    e[1] = offset >> 32;
#endif
}

void gdt_set_gate(unsigned sel, unsigned target_sel, ul offset, unsigned access, unsigned params)
{
    gate(gdt_entry(sel), target_sel, offset, access, params);
}

void idt_set(unsigned vec, unsigned sel, ul offset, unsigned access, unsigned ist)
{
    struct cpu *c = this_cpu();
    gate(&c->idt[vec * (sizeof(ul) / 4)], sel, offset, access, ist);
}

void idt_reset(void)
{
    for (unsigned v = 0; v < 256; v++) {
        bool user = v == VEC_BP || v == VEC_OF || v == VEC_DONE;
        unsigned ist = sizeof(ul) == 4 ? 0 : v == VEC_DF ? 2 : v == VEC_NMI ? 3 : 1;
        idt_set(v, SEL_CODE, (ul)trap_stubs + v * 16,
                SEG_PRESENT | SEG_INT | (user ? SEG_DPL(3) : 0), ist);
    }
}

void cpu_tables(struct cpu *c)
{
    struct {
        u16 limit;
        ul base;
    } __attribute__((packed)) ptr;

#ifdef __x86_64__
    gdt_set(SEL_CODE32, 0, 0xfffff, SEG_PRESENT | SEG_CODE_RX | SEG_DB | SEG_G);
    gdt_set(SEL_DATA32, 0, 0xfffff, SEG_PRESENT | SEG_DATA_RW | SEG_DB | SEG_G);
    gdt_set(SEL_CODE, 0, 0xfffff, SEG_PRESENT | SEG_CODE_RX | SEG_L | SEG_G);
    gdt_set(SEL_DATA, 0, 0xfffff, SEG_PRESENT | SEG_DATA_RW | SEG_DB | SEG_G);
    gdt_set(SEL_UCODE32, 0, 0xfffff, SEG_PRESENT | SEG_DPL(3) | SEG_CODE_RX | SEG_DB | SEG_G);
    gdt_set(SEL_UDATA, 0, 0xfffff, SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW | SEG_DB | SEG_G);
    gdt_set(SEL_UCODE, 0, 0xfffff, SEG_PRESENT | SEG_DPL(3) | SEG_CODE_RX | SEG_L | SEG_G);
    gdt_set(SEL_SYSEXIT_SS, 0, 0xfffff, SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW | SEG_DB | SEG_G);
    gdt_entry(SEL_TSS)[1] = (ul)&c->tss >> 32;
    c->tss.rsp[0] = (ul)c->stack[0] + sizeof c->stack[0];
    for (int i = 0; i < 3; i++)
        c->tss.ist[i] = (ul)c->stack[i + 1] + sizeof c->stack[0];
#else
    gdt_set(SEL_CODE, 0, 0xfffff, SEG_PRESENT | SEG_CODE_RX | SEG_DB | SEG_G);
    gdt_set(SEL_DATA, 0, 0xfffff, SEG_PRESENT | SEG_DATA_RW | SEG_DB | SEG_G);
    gdt_set(SEL_UCODE, 0, 0xfffff, SEG_PRESENT | SEG_DPL(3) | SEG_CODE_RX | SEG_DB | SEG_G);
    gdt_set(SEL_UDATA, 0, 0xfffff, SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW | SEG_DB | SEG_G);
    c->tss.ss0 = SEL_DATA;
    c->tss.esp0 = (ul)c->stack[0] + sizeof c->stack[0];
#endif
    c->tss.iomap = sizeof c->tss;
    gdt_set(SEL_TSS, (u32)(ul)&c->tss, sizeof c->tss - 1, SEG_PRESENT | SEG_TSS);
    idt_reset();
    ptr.limit = sizeof c->gdt - 1;
    ptr.base = (ul)c->gdt;
    asm volatile("lgdt %0" ::"m"(ptr));
    ptr.limit = sizeof c->idt - 1;
    ptr.base = (ul)c->idt;
    asm volatile("lidt %0" ::"m"(ptr));
    asm volatile("ltr %w0" ::"r"(SEL_TSS));
}

void set_handler(unsigned vec, handler_fn *fn)
{
    handlers[vec] = fn;
}

bool count_irq(struct frame *f)
{
    __atomic_fetch_add(&irq_count[f->vec], 1, __ATOMIC_RELAXED);
    if (f->vec >= VEC_PIC && f->vec < VEC_PIC + 16)
        pic_eoi((unsigned)f->vec - VEC_PIC);
    else if (f->vec >= 0x30 && f->vec != VEC_SPURIOUS)
        apic_eoi();
    return true;
}

static void save(struct regs *r, const struct frame *f)
{
    r->rax = f->rax, r->rcx = f->rcx, r->rdx = f->rdx, r->rbx = f->rbx;
    r->rbp = f->rbp, r->rsi = f->rsi, r->rdi = f->rdi;
    r->rip = f->rip, r->cs = f->cs, r->rflags = f->rflags;
    r->vec = f->vec, r->err = f->err, r->cr2 = read_cr2();
#ifdef __x86_64__
    r->r8 = f->r8, r->r9 = f->r9, r->r10 = f->r10, r->r11 = f->r11;
    r->r12 = f->r12, r->r13 = f->r13, r->r14 = f->r14, r->r15 = f->r15;
    r->rsp = f->rsp, r->ss = f->ss;
    asm volatile("mov %%ds,%0" : "=r"(r->ds));
    asm volatile("mov %%es,%0" : "=r"(r->es));
    asm volatile("mov %%fs,%0" : "=r"(r->fs));
    asm volatile("mov %%gs,%0" : "=r"(r->gs));
    asm volatile("mov %0,%%ds; mov %0,%%es" ::"r"(SEL_DATA));
#else
    if (f->rflags & FLAG_VM) {
        r->ds = f->v86_ds, r->es = f->v86_es, r->fs = f->v86_fs, r->gs = f->v86_gs;
    } else {
        r->ds = f->ds & 0xffff, r->es = f->es & 0xffff;
        r->fs = f->fs & 0xffff, r->gs = f->gs & 0xffff;
    }
    if ((f->rflags & FLAG_VM) || (f->cs & 3)) {
        r->rsp = f->rsp, r->ss = f->ss & 0xffff;
    } else {
        r->rsp = (ul)&f->rsp;
        asm volatile("mov %%ss,%0" : "=r"(r->ss));
    }
    r->cs &= 0xffff;
#endif
}

void trap(struct frame *f)
{
    struct cpu *c = this_cpu();
    if (handlers[f->vec & 0xff] && handlers[f->vec & 0xff](f))
        return;
    if (!c->running)
        bail("exception %lu error %lx at %lx, cr2 %lx", f->vec, f->err, f->rip, read_cr2());
    struct regs *r = c->running;
    c->running = NULL;
    save(r, f);
    run_return(c->saved_sp);
}

void regs_init(struct regs *r, const void *code, int cpl)
{
    ul *p = (ul *)r;
    for (unsigned i = 0; i < sizeof *r / sizeof *p; i++)
        p[i] = 0x1111 * (i + 1);
    struct cpu *c = this_cpu();
    ul stack = (ul)c->stack[4] + sizeof c->stack[4] - 256;
    r->rip = cpl ? USER(code) : (ul)code;
    r->rsp = cpl ? USER(stack) : stack;
    r->rflags = FLAG_FIXED;
    r->cs = cpl ? SEL_UCODE : SEL_CODE;
    r->ss = r->ds = r->es = cpl ? SEL_UDATA : SEL_DATA;
    r->fs = r->gs = 0;
}

void run(struct regs *r)
{
    struct cpu *c = this_cpu();
    c->running = r;
    run_asm(r, &c->saved_sp);
}

bool run_expect(struct regs *r, unsigned vec)
{
    run(r);
    if (r->vec == vec)
        return true;
    complain("ended with vector %lu (error %lx, ip %lx, cr2 %lx), expected %u", r->vec, r->err,
             r->rip, r->cr2, vec);
    return false;
}

CODE(code_wrmsr, "wrmsr");
CODE(code_rdmsr, "rdmsr");

static int outcome(const struct regs *r)
{
    return r->vec == VEC_DONE ? -1 : (int)r->vec;
}

int wrmsr_safe(u32 msr, u64 v)
{
    struct regs r;
    regs_init(&r, code_wrmsr, 0);
    r.rcx = msr, r.rax = (u32)v, r.rdx = (u32)(v >> 32);
    run(&r);
    return outcome(&r);
}

int rdmsr_safe(u32 msr, u64 *v)
{
    struct regs r;
    regs_init(&r, code_rdmsr, 0);
    r.rcx = msr;
    run(&r);
    *v = (u32)r.rax | (u64)r.rdx << 32;
    return outcome(&r);
}

#ifdef __x86_64__
CODE(code_wcr0, "mov %rax,%cr0");
CODE(code_wcr3, "mov %rax,%cr3");
CODE(code_wcr4, "mov %rax,%cr4");
CODE(code_wcr8, "mov %rax,%cr8");
#else
CODE(code_wcr0, "mov %eax,%cr0");
CODE(code_wcr3, "mov %eax,%cr3");
CODE(code_wcr4, "mov %eax,%cr4");
#endif

int write_cr_safe(int cr, ul v)
{
    struct regs r;
#ifdef __x86_64__
    const char *code = cr == 8 ? code_wcr8 : cr == 4 ? code_wcr4 : cr == 3 ? code_wcr3 : code_wcr0;
#else
    const char *code = cr == 4 ? code_wcr4 : cr == 3 ? code_wcr3 : code_wcr0;
#endif
    regs_init(&r, code, 0);
    r.rax = v;
    run(&r);
    return outcome(&r);
}
