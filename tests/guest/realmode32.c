/*
 * Real mode: down from protected mode and up again; segments, the interrupt table, unreal limits,
 * 16-bit arithmetic and strings, faults in real mode. And the A20 gate.
 */
#include "lib/guest.h"

#define LOW(a) ((volatile u8 *)(a))
enum { BASE = 0x7000, RESULT = 0x6000 };

/*
 * Copied to BASE. Enters real mode, runs `body` with DS = ES = SS = 0, SP = 0x6ff0, comes back.
 * Symbols are used relative to rm_start.
 */
LABEL(rm_start);
LABEL(rm_end);
LABEL(rm_entry);
asm(".pushsection .text.snippets, \"ax\"\n"
    ".set R, 0x7000\n"
    "rm_start:\n"
    /* interrupt handler: notes IP, CS, FLAGS, steps over 2 bytes */
    ".code16\n"
    "rm_handler: push %bp\n mov %sp,%bp\n push %ax\n incw 0x6000\n mov 2(%bp),%ax\n mov "
    "%ax,0x6002\n"
    " mov 4(%bp),%ax\n mov %ax,0x6004\n mov 6(%bp),%ax\n mov %ax,0x6006\n addw $2,2(%bp)\n"
    " pop %ax\n pop %bp\n iret\n"
    /* the body */
    "rm_body:\n"
    " pushf\n pop %ax\n mov %ax,0x6010\n"
    " int $0x21\n nop\n nop\n" /* software interrupt: returns over the NOPs */
    " xor %cx,%cx\n div %cx\n" /* #DE: 2 bytes */
    " ud2\n"                   /* #UD */
    " mov $0x1000,%ax\n mov %ax,%ds\n movw $0xbeef,0x20\n mov 0x20,%bx\n xor %ax,%ax\n mov "
    "%ax,%ds\n"
    " mov %bx,0x6012\n"
    " mov $0xffff,%ax\n mov %ax,%es\n mov %es:0x6110,%bx\n mov %bx,0x6014\n" /* FFFF:6110 */
    " xor %ax,%ax\n mov %ax,%es\n"
    " mov $0x6100,%si\n mov $0x6200,%di\n mov $8,%cx\n cld\n rep movsw\n mov %si,0x6016\n"
    " mov %di,0x6018\n"
    " mov $0xfff0,%ax\n add $0x20,%ax\n pushf\n pop %bx\n mov %ax,0x601a\n mov %bx,0x601c\n"
    " mov $0x12345678,%eax\n shr $4,%eax\n mov %eax,0x6020\n"
    " mov $0x00200000,%ebx\n addr32 mov (%ebx),%al\n mov %al,0x6024\n" /* beyond 64 KiB: unreal or
                                                                          #GP */
    " smsw %ax\n mov %ax,0x6026\n"
    " mov %sp,0x6028\n"
    " mov $0xffff,%di\n mov (%di),%ax\n" /* word at FFFF: #GP, 2 bytes */
    " call rm_sub\n mov %ax,0x602a\n"
    " lcall $0x0,$(0x7000 + rm_far - rm_start)\n mov %ax,0x602c\n"
    " jmp rm_up\n"
    "rm_sub: mov $0x1357,%ax\n ret\n"
    "rm_far: mov %cs,%ax\n add $0x11,%ax\n lret\n"
    "rm_up: lgdtl 0x5ff0\n mov %cr0,%eax\n or $1,%eax\n mov %eax,%cr0\n ljmpl $8,$rm_back32\n"
    ".code32\n"
    /* 16-bit protected code: limits of 64 KiB, then off */
    "rm_entry:\n"
    " mov %ebx,0x5fe0\n mov %ebp,0x5fe4\n mov %esi,0x5fe8\n mov %edi,0x5fec\n mov %esp,0x5fdc\n"
    " sidt 0x5fc0\n lidt 0x5fd0\n"
    " ljmp $0x60,$(0x7000 + rm_16 - rm_start)\n"
    ".code16\n"
    "rm_16: mov %bx,%ax\n mov %ax,%ds\n mov %ax,%es\n mov %ax,%ss\n mov %ax,%fs\n mov %ax,%gs\n"
    " mov %cr0,%eax\n and $0xfe,%al\n mov %eax,%cr0\n ljmp $0,$(0x7000 + rm_real - rm_start)\n"
    "rm_real: xor %ax,%ax\n mov %ax,%ds\n mov %ax,%es\n mov %ax,%ss\n mov $0x6ff0,%sp\n jmp "
    "rm_body\n"
    ".code32\n"
    "rm_end:\n"
    "rm_back32: mov $0x10,%eax\n mov %eax,%ds\n mov %eax,%es\n mov %eax,%ss\n mov %eax,%fs\n"
    " mov %eax,%gs\n mov 0x5fe0,%ebx\n mov 0x5fe4,%ebp\n mov 0x5fe8,%esi\n mov 0x5fec,%edi\n"
    " mov 0x5fdc,%esp\n lidt 0x5fc0\n ret\n"
    ".popsection");

static void go(unsigned data_sel)
{
    struct {
        u16 limit;
        u32 base;
    } __attribute__((packed)) *gdtr = (void *)0x5ff0, *ivt = (void *)0x5fd0;
    asm volatile("sgdt %0" : "=m"(*gdtr));
    ivt->limit = 0x3ff, ivt->base = 0;
    memcpy((void *)BASE, rm_start, (size_t)(rm_end - rm_start));
    memset((void *)RESULT, 0, 0x100);
    volatile u16 *table = (volatile u16 *)0;
    asm volatile("" : "+r"(table));
    for (unsigned v = 0; v < 256; v++)
        table[2 * v] = BASE, table[2 * v + 1] = 0;
    u32 entry = BASE + (u32)(rm_entry - rm_start), b = data_sel;
    asm volatile("push %%ebp; call *%1; pop %%ebp"
                 : "+b"(b)
                 : "a"(entry)
                 : "ecx", "edx", "esi", "edi", "memory", "cc");
}

static u16 result(unsigned off)
{
    return *(volatile u16 *)(RESULT + off);
}

static void real(void)
{
    gdt_set(SEL_TEST, 0, 0xffff, SEG_PRESENT | SEG_CODE_RX);
    gdt_set(SEL_TEST + 8, 0, 0xffff, SEG_PRESENT | SEG_DATA_RW);
    gdt_set(SEL_TEST + 16, 0, 0xfffff, SEG_PRESENT | SEG_DATA_RW | SEG_G);
    for (unsigned i = 0; i < 32; i++)
        LOW(0x6100)[i] = (u8)(i + 0x40);
    *(volatile u16 *)0x106100 = 0xfade; /* FFFF:6110 */
    LOW(0x200000)[0] = 0x5e;
    go(SEL_TEST + 8);
    check("down to real mode and back");
    equal("flags at entry", result(0x10) & FLAG_IF, 0);
    /* INT 21, #DE, #UD, #GP for the address beyond 64 KiB, #GP at FFFF */
    equal("exceptions and interrupts", result(0), 5);
    check("software interrupt and faults go through the table at 0");
    equal("DS:20", result(0x12), 0xbeef);
    equal("its address", *(volatile u16 *)0x10020, 0xbeef);
    check("segment bases are 16 times the selector");
    equal("FFFF:6110", result(0x14), 0xfade);
    check("addresses go above 1 MiB with A20 on");
    equal("si", result(0x16), 0x6110);
    equal("di", result(0x18), 0x6210);
    equal("moved", LOW(0x620f)[0], 0x4f);
    check("REP MOVSW");
    equal("sum", result(0x1a), 0x10);
    equal("CF", result(0x1c) & 1, 1);
    equal("shifted", *(volatile u32 *)(RESULT + 0x20), 0x1234567);
    check("16-bit and 32-bit arithmetic");
    equal("PE in SMSW", result(0x26) & 1, 0);
    equal("sp", result(0x28), 0x6ff0);
    equal("call", result(0x2a), 0x1357);
    equal("far call", result(0x2c), 0x11);
    check("near and far calls");
    equal("byte beyond 64 KiB", result(0x24) & 0xff, 0);
    equal("CS of the last fault", result(4), 0);
    check("an address beyond the 64 KiB limit is #GP (vector 13)");
    go(SEL_TEST + 16);
    equal("byte beyond 64 KiB", result(0x24) & 0xff, 0x5e);
    check("a limit of 4 GiB survives the switch to real mode");
}

static bool a20(bool on)
{
    u8 v = inb(0x92);
    outb(0x92, (u8)((v & ~3) | (on ? 2 : 0)));
    return (inb(0x92) & 2) != 0;
}

static void gate(void)
{
    volatile u32 *l = (volatile u32 *)0x1200000, *h = (volatile u32 *)0x1300000;
    *l = 0x11111111, *h = 0x22222222;
    equal("on", a20(true), 1);
    equal("apart", *h, 0x22222222);
    /* Code and stack here may lie in odd megabytes: the image starts at 1 MiB. A routine below
     * 1 MiB with its data in even megabytes does the test. */
    check("with A20 on the two megabytes are apart");
    LABEL(a20_code);
    LABEL(a20_code_end);
    asm(".pushsection .text.snippets, \"ax\"\n.globl a20_code\n"
        "a20_code: mov %esp,%ebp\n mov $0x6f00,%esp\n mov $0x92,%dx\n in %dx,%al\n mov %al,%bl\n"
        " and $0xfc,%al\n out %al,%dx\n"
        " mov 0x1300000,%ecx\n movl $0x33333333,0x1300000\n mov 0x1200000,%edi\n"
        " mov %bl,%al\n or $2,%al\n and $0xfe,%al\n out %al,%dx\n"
        " mov 0x1300000,%esi\n mov %ebp,%esp\n ret\n"
        ".globl a20_code_end\na20_code_end:\n.popsection");
    memcpy((void *)BASE, a20_code, (size_t)(a20_code_end - a20_code));
    for (unsigned i = 0; i < 20; i++) {
        u32 c, d, s;
        *l = 0x11111111, *h = 0x22222222;
        asm volatile("push %%ebp; push %%ebx; call *%3; pop %%ebx; pop %%ebp"
                     : "=c"(c), "=D"(d), "=S"(s)
                     : "a"(BASE)
                     : "edx", "memory", "cc");
        equal("read with the gate closed", c, 0x11111111);
        equal("written with the gate closed", d, 0x33333333);
        equal("the odd megabyte after opening", s, 0x22222222);
    }
    check("with A20 off bit 20 of every address is 0, at once and both ways");
}

void test_main(void)
{
    gate();
    real();
}
