/*
 * Hardware tasks: switches by jump, call, IRET, task gate and exception; what is saved and loaded;
 * the busy bit, NT, the back link, CR0.TS, errors; double faults through a task gate.
 */
#include "lib/guest.h"

#define SEL(n) (SEL_TEST + 8 * (n))
enum { TASK_A = SEL(0), TASK_B = SEL(1), GATE_B = SEL(2), TASK_DF = SEL(3), TASK16 = SEL(4) };

static struct tss32 a __attribute__((aligned(128))), b __attribute__((aligned(128))),
    df __attribute__((aligned(128)));
static u8 stack_b[4096] __attribute__((aligned(16))), stack_df[4096] __attribute__((aligned(16)));
static volatile u32 seen[16];

LABEL(task_b);
LABEL(task_b_again);
/* Task B notes what it sees and goes back by IRET; entered again it goes on after that. */
asm(".pushsection .text.snippets, \"ax\"\n.globl task_b, task_b_again\n"
    "task_b: mov %eax,seen\n mov %esp,seen+4\n pushf\n pop seen+8\n mov %cr0,%eax\n mov "
    "%eax,seen+12\n"
    "str %ax\n movzwl %ax,%eax\n mov %eax,seen+16\n mov %ecx,seen+20\n mov %ds,seen+24\n"
    "clts\n mov $0xb0b0,%edx\n iret\n"
    "task_b_again: incl seen+28\n mov %edx,seen+32\n iret\n jmp task_b_again\n"
    ".popsection");

static void setup(void)
{
    memset(&b, 0, sizeof b);
    memset((void *)seen, 0, sizeof seen);
    b.eip = (u32)task_b, b.eflags = 2 | FLAG_CF, b.esp = (u32)stack_b + sizeof stack_b;
    b.cs = SEL_CODE, b.ss = b.ds = b.es = b.fs = b.gs = SEL_DATA;
    b.eax = 0xaaaa, b.ecx = 0xcccc;
    b.iomap = sizeof b;
    gdt_set(TASK_A, (u32)&a, sizeof a - 1, SEG_PRESENT | SEG_TSS);
    gdt_set(TASK_B, (u32)&b, sizeof b - 1, SEG_PRESENT | SEG_TSS);
    gdt_set_gate(GATE_B, TASK_B, 0, SEG_PRESENT | SEG_DPL(3) | SEG_TASK_GATE, 0);
}

static unsigned type(unsigned sel)
{
    return *gdt_entry(sel) >> 40 & 15;
}

#define CALL_TASK(sel)                                                                             \
    ({                                                                                             \
        u32 d_ = 0xd00d;                                                                           \
        asm volatile("lcall %1,$0" : "+d"(d_) : "i"(sel) : "memory", "cc");                        \
        d_;                                                                                        \
    })

static void call_and_iret(void)
{
    setup();
    u32 d = CALL_TASK(TASK_B);
    equal("EDX of this task kept", d, 0xd00d);
    equal("EAX of B", seen[0], 0xaaaa);
    equal("ECX of B", seen[5], 0xcccc);
    equal("ESP of B", seen[1], (u32)stack_b + sizeof stack_b);
    equal("NT and CF in B", seen[2] & (FLAG_NT | FLAG_CF), FLAG_NT | FLAG_CF);
    equal("TS in B", seen[3] & CR0_TS, CR0_TS);
    equal("TR in B", seen[4], TASK_B);
    equal("DS in B", seen[6] & 0xffff, SEL_DATA);
    check("CALL to a TSS switches and loads all registers, sets NT and CR0.TS");
    equal("back link", b.link & 0xffff, SEL_TSS);
    equal("EIP saved by IRET", b.eip, (u32)task_b_again);
    equal("EDX saved", b.edx, 0xb0b0);
    equal("NT in the saved flags", b.eflags & FLAG_NT, 0);
    equal("B not busy", type(TASK_B), SEG_TSS);
    equal("A busy", type(SEL_TSS), SEG_TSS_BUSY);
    u16 tr;
    asm volatile("str %0" : "=r"(tr));
    equal("TR", tr, SEL_TSS);
    equal("TS", read_cr0() & CR0_TS, CR0_TS);
    asm volatile("clts");
    check("IRET with NT goes back: state saved, busy bits, TR");
    CALL_TASK(TASK_B);
    equal("went on after the IRET", seen[7], 1);
    equal("EDX of B", seen[8], 0xb0b0);
    asm volatile("clts");
    check("a second call goes on where the task left");
    setup();
    d = CALL_TASK(GATE_B);
    equal("EDX", d, 0xd00d);
    equal("EAX of B", seen[0], 0xaaaa);
    asm volatile("clts");
    check("CALL through a task gate");
    setup();
    idt_set(0x60, TASK_B, 0, SEG_PRESENT | SEG_TASK_GATE, 0);
    asm volatile("int $0x60" ::: "memory");
    equal("EAX of B", seen[0], 0xaaaa);
    equal("NT in B", seen[2] & FLAG_NT, FLAG_NT);
    asm volatile("clts");
    check("INT through a task gate");
}

LABEL(task_err);
/* A task that handles an exception: takes the error code, steps over the instruction, goes back. */
asm(".pushsection .text.snippets, \"ax\"\n.globl task_err\n"
    "task_err: pop seen\n mov %esp,seen+4\n mov seen+8,%eax\n addl $2,32(%eax)\n iret\n"
    ".popsection");

static void exception_gate(void)
{
    setup();
    b.eip = (u32)task_err;
    tss *old =
        (tss *)(ul)((*gdt_entry(SEL_TSS) >> 16 & 0xffffff) | (*gdt_entry(SEL_TSS) >> 56 << 24));
    seen[2] = (u32)old;
    idt_set(VEC_GP, TASK_B, 0, SEG_PRESENT | SEG_TASK_GATE, 0);
    u32 sel = 0xfff8;
    asm volatile("mov %0,%%fs" ::"r"(sel) : "memory"); /* 2 bytes */
    asm volatile("clts");
    idt_reset();
    equal("error code on the new stack", seen[0], 0xfff8);
    equal("ESP of the task after it", seen[1], (u32)stack_b + sizeof stack_b);
    check("an exception through a task gate pushes its error code on the new stack");
}

static void jumps(void)
{
    /* JMP does not nest: no back link, no NT, the old task becomes free. */
    setup();
    a = (struct tss32){0};
    LABEL(jump_back);
    asm(".pushsection .text.snippets, \"ax\"\n.globl jump_back\n"
        "jump_back: pushf\n pop seen+8\n mov %eax,seen\n ljmp $0x50,$0\n.popsection");
    b.eip = (u32)jump_back;
    asm volatile("ljmp %0,$0" ::"i"(TASK_B) : "memory", "cc");
    asm volatile("clts");
    equal("EAX", seen[0], 0xaaaa);
    equal("NT", seen[2] & FLAG_NT, 0);
    equal("B free", type(TASK_B), SEG_TSS);
    equal("A busy", type(SEL_TSS), SEG_TSS_BUSY);
    equal("no back link", b.link, 0);
    check("JMP to a TSS and back: not nested");
}

CODE(call_b, "lcall $0x68,$0");
CODE(call_gate_b, "lcall $0x70,$0");
CODE(jmp_self, "ljmp $0x50,$0");
CODE(iret_nt, "pushf\n orl $0x4000,(%esp)\n popf\n iret");

static void errors(void)
{
    struct regs r;
    setup();
    regs_init(&r, call_b, 3);
    run_expect(&r, VEC_GP);
    equal("error", r.err, TASK_B);
    check("a TSS descriptor of level 0 cannot be called from level 3");
    setup();
    regs_init(&r, jmp_self, 0);
    run_expect(&r, VEC_GP);
    equal("error", r.err, SEL_TSS);
    check("jumping to a busy task is #GP");
    setup();
    gdt_set(TASK_B, (u32)&b, 0x66, SEG_PRESENT | SEG_TSS);
    regs_init(&r, call_b, 0);
    run_expect(&r, VEC_TS);
    equal("error", r.err, TASK_B);
    equal("eip", r.eip, (u32)call_b);
    check("a TSS that is too small is #TS in the old task");
    setup();
    gdt_set(TASK_B, (u32)&b, sizeof b - 1, SEG_TSS);
    regs_init(&r, call_b, 0);
    run_expect(&r, VEC_NP);
    equal("error", r.err, TASK_B);
    check("an absent TSS is #NP");
    setup();
    gdt_set_gate(GATE_B, TASK_B, 0, SEG_DPL(3) | SEG_TASK_GATE, 0);
    regs_init(&r, call_gate_b, 0);
    run_expect(&r, VEC_NP);
    equal("error", r.err, GATE_B);
    check("an absent task gate is #NP");
}

/* ---- double fault by task gate ---- */

LABEL(df_task);
asm(".pushsection .text.snippets, \"ax\"\n.globl df_task\n"
    "df_task: pop seen\n incl seen+4\n iret\n jmp df_task\n.popsection");

static void double_fault(void)
{
    setup();
    memset(&df, 0, sizeof df);
    df.eip = (u32)df_task, df.eflags = 2, df.esp = (u32)stack_df + sizeof stack_df;
    df.cs = SEL_CODE, df.ss = df.ds = df.es = df.fs = df.gs = SEL_DATA;
    gdt_set(TASK_DF, (u32)&df, sizeof df - 1, SEG_PRESENT | SEG_TSS);
    /* Level 3 code raises #GP whose gate is not present: #NP while delivering -> #DF. */
    idt_set(VEC_GP, SEL_CODE, 0, SEG_INT, 0);
    idt_set(VEC_NP, SEL_CODE, 0, SEG_INT, 0);
    CODE(raise_gp, "hlt");
    struct regs r;
    regs_init(&r, raise_gp, 3);
    run_expect(&r, VEC_DF);
    equal("error", r.err, 0);
    equal("cs", r.cs, SEL_UCODE);
    idt_reset();
    check("#NP while delivering #GP is a double fault with error code 0");
    /* #DE then #GP: contributory + contributory. */
    CODE(raise_de, "xor %ecx,%ecx\n div %ecx");
    idt_set(VEC_DE, 0, 0, SEG_PRESENT | SEG_INT, 0); /* null selector: #GP */
    regs_init(&r, raise_de, 3);
    run_expect(&r, VEC_DF);
    idt_reset();
    check("#GP while delivering #DE is a double fault");
    /* #UD (benign) then #NP: only the #NP, EXT set, the gate's vector in the code. */
    CODE(raise_ud, "ud2");
    idt_set(VEC_UD, SEL_CODE, 0, SEG_INT, 0);
    regs_init(&r, raise_ud, 3);
    run_expect(&r, VEC_NP);
    equal("error", r.err, VEC_UD * 8 + 2 + 1);
    idt_reset();
    check("#NP while delivering #UD is just #NP, with EXT and IDT in its code");
    CODE(int_absent, "int $0x61");
    idt_set(0x61, SEL_CODE, 0, SEG_DPL(3) | SEG_INT, 0);
    regs_init(&r, int_absent, 3);
    run_expect(&r, VEC_NP);
    equal("error", r.err, 0x61 * 8 + 2);
    equal("eip", r.eip, (u32)int_absent);
    idt_reset();
    check("INT n with an absent gate is #NP without EXT, at the INT");
}

void test_main(void)
{
    call_and_iret();
    exception_gate();
    jumps();
    errors();
    double_fault();
}
