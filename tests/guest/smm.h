/*
 * System management mode on the `pc` machine: SMRAM opened and filled, SMIs by the APM control port
 * and by the local APIC, what the handler sees and changes, the way back. Included by smm.c
 * (64-bit, the save map of processors with long mode) and smm32.c (the map of those without).
 */
#include "lib/guest.h"

enum { SMRAM = 0xa0000, DEFAULT_SMBASE = 0x30000, ENTRY = 0x8000, RESULT = 0x50000 };
enum { PCI_I440FX = 0, PCI_PIIX4_PM = 1 << 11 | 3 << 8 };

static inline void outl(u16 port, u32 v)
{
    asm volatile("outl %0,%1" ::"a"(v), "Nd"(port));
}
static inline u32 inl(u16 port)
{
    u32 v;
    asm volatile("inl %1,%0" : "=a"(v) : "Nd"(port));
    return v;
}
static u32 config_read(unsigned function, unsigned reg)
{
    outl(0xcf8, 0x80000000u | function | (reg & 0xfc));
    return inl(0xcfc);
}
static void config_write8(unsigned function, unsigned reg, u8 value)
{
    outl(0xcf8, 0x80000000u | function | (reg & 0xfc));
    outb((u16)(0xcfc + (reg & 3)), value);
}
static void config_write(unsigned function, unsigned reg, u32 value)
{
    outl(0xcf8, 0x80000000u | function | reg);
    outl(0xcfc, value);
}

/* What the handler leaves: see below. */
struct result {
    u32 runs, cs, cr0, revision, saved_ip, saved_ax, eflags, smbase, halt;
};
static volatile struct result *const result = (volatile struct result *)(ul)RESULT;

/* 16-bit code at SMBASE + 8000H: looks, adds one to the saved RAX, moves SMBASE to A0000H. */
extern const char handler[], handler_end[];
asm(".pushsection .text.snippets, \"ax\"\n"
    ".code16\n"
    "handler:\n"
    "        movl $0x60000, %esp\n"
    "        pushfl\n"
    "        popl %eax\n"
    "        movl $0x50000, %ebx\n"
    "        movl %eax, %ds:24(%ebx)\n"
    "        incl %ds:(%ebx)\n"
    "        xorl %eax, %eax\n"
    "        movw %cs, %ax\n"
    "        movl %eax, %ds:4(%ebx)\n"
    "        movl %cr0, %eax\n"
    "        movl %eax, %ds:8(%ebx)\n"
    "        movl %cs:0xfefc, %eax\n"
    "        movl %eax, %ds:12(%ebx)\n"
    "        movl %cs:" SAVED_IP ", %eax\n"
    "        movl %eax, %ds:16(%ebx)\n"
    "        movl %cs:" SAVED_AX ", %eax\n"
    "        movl %eax, %ds:20(%ebx)\n"
    "        incl %cs:" SAVED_AX "\n"
    "        movl %cs:" SAVED_SMBASE ", %eax\n"
    "        movl %eax, %ds:28(%ebx)\n"
    "        movzbl %cs:" SAVED_HALT ", %eax\n"
    "        movl %eax, %ds:32(%ebx)\n"
    "        movb $0, %cs:" SAVED_HALT "\n" /* do not halt again */
    "        movl $0xa0000, %cs:" SAVED_SMBASE "\n"
    "        rsm\n"
    "handler_end:\n"
    "        .code" WIDTH "\n"
    ".popsection");

CODE(code_smi, "mov $0x33, %eax\n outb %al, $0xb2\n inc %ebx");
CODE(code_rsm, "rsm");
CODE(code_halt, "hlt\n inc %ebx");

static void put_handler(ul smbase)
{
    memcpy((void *)(smbase + ENTRY), handler, (size_t)(handler_end - handler));
}

static void set_up(void)
{
    config_write8(PCI_I440FX, 0x72, 0x4a); /* D_OPEN, G_SMRAME */
    put_handler(DEFAULT_SMBASE);
    put_handler(SMRAM);
    config_write8(PCI_I440FX, 0x72, 0x0a);
    u32 base = config_read(PCI_PIIX4_PM, 0x40) & 0xffc0;
    config_write(PCI_PIIX4_PM, 0x58, config_read(PCI_PIIX4_PM, 0x58) | 1 << 25); /* APMC_EN */
    outl((u16)(base + 0x28), inl((u16)(base + 0x28)) | 1);                       /* SMI_EN */
}

static void smi(struct regs *r)
{
    regs_init(r, code_smi, 0);
    run(r);
}

void test_main(void)
{
    struct regs r, s;
    memset((void *)result, 0, sizeof *result);
    set_up();

    smi(&r);
    ok(result->runs == 1, "a write to the APM port enters the handler (%u runs)", result->runs);
    equal("revision", result->revision, REVISION);
    equal("eflags", result->eflags, FLAG_FIXED);
    equal("cr0", result->cr0 & (CR0_PE | CR0_EM | CR0_TS | 0x80000000u), 0);
    equal("cs", result->cs, result->smbase >> 4);
    check("the handler's registers and the save map's revision");
    regs_init(&s, code_smi, 0);
    equal("saved ip", result->saved_ip, (u32)(ul)code_smi + 7);
    equal("saved ax", result->saved_ax, 0x33);
    equal("ax", r.rax, 0x34);
    equal("bx", r.rbx, s.rbx + 1);
    equal("cx", r.rcx, s.rcx);
    equal("bp", r.rbp, s.rbp);
    equal("cs", r.cs, s.cs);
    equal("vec", r.vec, VEC_DONE);
    check("RSM returns to the next instruction with what the handler wrote");

    u32 before = result->smbase;
    smi(&r);
    equal("runs", result->runs, 2);
    equal("smbase", result->smbase, SMRAM);
    equal("cs", result->cs, SMRAM >> 4);
    check("the next SMI uses the new SMBASE (before: %x)", before);

    ok(memcmp((void *)(ul)(SMRAM + ENTRY), handler, (size_t)(handler_end - handler)) != 0,
       "closed SMRAM is not what other code sees there");
    regs_init(&r, code_rsm, 0);
    ok(run_expect(&r, VEC_UD), "RSM outside system management mode is #UD");

    /* An SMI that comes later: the PIT's interrupt, which LINT0 turns into one. */
    apic_enable();
    pic_init((u16)~1);
    apic_write(APIC_LVT_LINT0, 0x200);
    regs_init(&r, code_halt, 0);
    r.rflags &= ~(ul)FLAG_IF;
    pit_program(0, 0, 60000); /* 50 ms */
    run(&r);
    equal("runs", result->runs, 3);
    equal("halt", result->halt, 1);
    equal("vec", r.vec, VEC_DONE);
    check("an SMI by the local APIC ends a halt when the handler says so");
}
