/*
 * Segmentation in protected mode: limits of data, code and stack, up and down, types and levels at
 * loads, 16-bit segments, call gates, conforming code, LDT, LAR and friends.
 */
#include "lib/guest.h"

#define SEL(n) (SEL_TEST + 8 * (n))
static u8 *data;

CODE(load_ds, "mov %eax,%ds");
CODE(load_ss, "mov %eax,%ss\n nop");
CODE(ds_read1, "mov %eax,%ds\n mov (%ebx),%cl");
CODE(ds_read2, "mov %eax,%ds\n mov (%ebx),%cx");
CODE(ds_read4, "mov %eax,%ds\n mov (%ebx),%ecx");
CODE(ds_write1, "mov %eax,%ds\n movb $0x5a,(%ebx)");
CODE(es_stos, "mov %eax,%es\n mov %ebx,%edi\n mov $16,%ecx\n rep stosb");
CODE(fs_read, "mov %eax,%fs\n mov %fs:(%ebx),%cl");
CODE(ss_read, "mov %eax,%ss\n mov %ebx,%ebp\n mov (%ebp),%cl");
CODE(ss_push, "mov %eax,%ss\n mov %ebx,%esp\n push %ecx\n mov %esp,%edx");
CODE(jump_far, "push %eax\n push %ebx\n lret");
CODE(cs_read, "mov %cs:(%ebx),%cl");

static void load_types(void)
{
    /* access byte, good for DS, good for SS (all at level 3), vector otherwise */
    static const struct {
        const char *name;
        u16 access;
        int ds, ss;
        u8 rpl;
    } t[] = {
        {"data, writable", SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW, -1, -1, 3},
        {"data, read-only", SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RO, -1, VEC_GP, 3},
        {"data, expand-down", SEG_PRESENT | SEG_DPL(3) | SEG_DATA_DOWN, -1, -1, 3},
        {"code, readable", SEG_PRESENT | SEG_DPL(3) | SEG_CODE_RX, -1, VEC_GP, 3},
        {"code, execute-only", SEG_PRESENT | SEG_DPL(3) | SEG_CODE_X, VEC_GP, VEC_GP, 3},
        {"code, conforming, level 0", SEG_PRESENT | SEG_CODE_CONFORM, -1, VEC_GP, 3},
        {"data of level 0", SEG_PRESENT | SEG_DATA_RW, VEC_GP, VEC_GP, 3},
        {"data of level 0 with RPL 0", SEG_PRESENT | SEG_DATA_RW, VEC_GP, VEC_GP, 0},
        {"data, RPL 0 at level 3", SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW, -1, VEC_GP, 0},
        {"data, absent", SEG_DPL(3) | SEG_DATA_RW, VEC_NP, VEC_SS, 3},
        {"a TSS", SEG_PRESENT | SEG_DPL(3) | SEG_TSS, VEC_GP, VEC_GP, 3},
        {"an LDT", SEG_PRESENT | SEG_LDT, VEC_GP, VEC_GP, 3},
    };
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        struct regs r;
        for (int ss = 0; ss < 2; ss++) {
            int want = ss ? t[i].ss : t[i].ds;
            gdt_set(SEL(0), 0, 0xfffff, t[i].access | SEG_G | SEG_DB);
            regs_init(&r, ss ? load_ss : load_ds, 3);
            r.eax = SEL(0) | t[i].rpl;
            run(&r);
            int got = r.vec == VEC_DONE ? -1 : (int)r.vec;
            if (got != want || (want >= 0 && r.err != SEL(0)))
                complain("%s: vector %d error %lx, expected %d", ss ? "SS" : "DS", got, r.err,
                         want);
            bool accessed = *gdt_entry(SEL(0)) >> 40 & 1;
            if (want < 0 && !accessed)
                complain("accessed bit not set");
        }
        check("loading DS and SS with %s", t[i].name);
    }
    struct regs r;
    regs_init(&r, load_ds, 3);
    r.eax = 3;
    run_expect(&r, VEC_DONE);
    regs_init(&r, ds_read1, 3);
    r.eax = 0, r.ebx = (ul)data;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    regs_init(&r, load_ss, 3);
    r.eax = 0;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    check("null selectors: DS loads and faults when used, SS faults");
    regs_init(&r, load_ds, 3);
    r.eax = 0xfff8 | 3;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0xfff8);
    regs_init(&r, load_ds, 3);
    r.eax = 0xf | 0x20;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0x2c);
    check("selectors beyond the GDT and into an LDT that is not there");
}

static void access(const char *code, u32 off, int want, const char *what, u32 limit, u16 attr)
{
    struct regs r;
    gdt_set(SEL(1), (u32)data, limit, attr | SEG_PRESENT | SEG_DPL(3));
    regs_init(&r, code, 3);
    r.eax = SEL(1) | 3, r.ebx = off;
    run(&r);
    int got = r.vec == VEC_DONE ? -1 : (int)r.vec;
    if (got != want || (want >= 0 && r.err))
        complain("%s at %x: vector %d error %lx, expected %d", what, off, got, r.err, want);
}

static void limits(void)
{
    for (unsigned size = 1; size <= 4; size *= 2) {
        const char *code = size == 1 ? ds_read1 : size == 2 ? ds_read2 : ds_read4;
        for (u32 off = 0xff8; off < 0x1004; off++)
            access(code, off, off + size - 1 <= 0xfff ? -1 : VEC_GP, "read", 0xfff,
                   SEG_DATA_RW | SEG_DB);
        access(code, 0xffffffff, size == 1 ? VEC_GP : VEC_GP, "read", 0xfff, SEG_DATA_RW | SEG_DB);
        access(code, 0x2fff, size == 1 ? -1 : VEC_GP, "read, pages", 2,
               SEG_DATA_RW | SEG_DB | SEG_G);
        access(code, 0x3000, VEC_GP, "read, pages", 2, SEG_DATA_RW | SEG_DB | SEG_G);
    }
    check("byte and page limits of data segments");
    /* Expand-down: valid above the limit up to FFFF or FFFFFFFF. */
    for (unsigned size = 1; size <= 4; size *= 2) {
        const char *code = size == 1 ? ds_read1 : size == 2 ? ds_read2 : ds_read4;
        access(code, 0xfff, VEC_GP, "expand-down", 0xfff, SEG_DATA_DOWN);
        access(code, 0x1000, -1, "expand-down", 0xfff, SEG_DATA_DOWN);
        access(code, 0x10000 - size, -1, "expand-down 16", 0xfff, SEG_DATA_DOWN);
        access(code, 0x10001 - size, VEC_GP, "expand-down 16", 0xfff, SEG_DATA_DOWN);
        access(code, 0x10000, -1, "expand-down 32", 0xfff, SEG_DATA_DOWN | SEG_DB);
        access(code, 0xffe, VEC_GP, "expand-down 32", 0xfff, SEG_DATA_DOWN | SEG_DB);
    }
    check("expand-down segments of 16 and 32 bits");
    access(ds_write1, 0, VEC_GP, "write", 0xfff, SEG_DATA_RO | SEG_DB);
    access(ds_read1, 0, -1, "read", 0xfff, SEG_DATA_RO | SEG_DB);
    access(ds_write1, 0, VEC_GP, "write", 0xfff, SEG_CODE_RX | SEG_DB);
    access(fs_read, 0x1000, VEC_GP, "read by FS", 0xfff, SEG_DATA_RW | SEG_DB);
    access(fs_read, 0xfff, -1, "read by FS", 0xfff, SEG_DATA_RW | SEG_DB);
    check("writing to read-only and code segments, limits of FS");
    struct regs r;
    gdt_set(SEL(1), (u32)data, 0xfff, SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW | SEG_DB);
    regs_init(&r, es_stos, 3);
    r.eax = SEL(1) | 3, r.ebx = 0xff8;
    run_expect(&r, VEC_GP);
    equal("ecx", r.ecx, 8);
    equal("edi", r.edi, 0x1000);
    check("REP STOS stops at the limit");
    /* Stack segment: #SS */
    access(ss_read, 0xfff, -1, "SS read", 0xfff, SEG_DATA_RW | SEG_DB);
    access(ss_read, 0x1000, VEC_SS, "SS read", 0xfff, SEG_DATA_RW | SEG_DB);
    access(ss_push, 0x1000, -1, "push", 0xfff, SEG_DATA_RW | SEG_DB);
    access(ss_push, 0x1001, VEC_SS, "push", 0xfff, SEG_DATA_RW | SEG_DB);
    access(ss_push, 0x1004, VEC_SS, "push", 0xfff, SEG_DATA_RW | SEG_DB);
    access(ss_push, 2, VEC_SS, "push below 0", 0xfff, SEG_DATA_RW | SEG_DB);
    check("the stack segment's limit gives #SS(0)");
    /* 16-bit stack: only SP counts and wraps, the upper half of ESP stays. */
    gdt_set(SEL(1), (u32)data, 0xffff, SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW);
    regs_init(&r, ss_push, 3);
    r.eax = SEL(1) | 3, r.ebx = 0x12340004, r.ecx = 0xfeedbeef;
    run_expect(&r, VEC_DONE);
    equal("esp", r.edx, 0x12340000);
    equal("pushed", *(u32 *)data, 0xfeedbeef);
    regs_init(&r, ss_push, 3);
    r.eax = SEL(1) | 3, r.ebx = 0x12340000, r.ecx = 0xfeedbeef;
    run_expect(&r, VEC_DONE);
    equal("esp", r.edx, 0x1234fffc);
    equal("pushed", *(u32 *)(data + 0xfffc), 0xfeedbeef);
    check("a 16-bit stack wraps at 64 KiB and keeps the upper half of ESP");
}

static void code_segments(void)
{
    struct regs r;
    static u8 *code;
    code = pages_alloc(4);
    /* inc eax; inc eax; int 0x40 at the end of the limit */
    memcpy(code + 0xff0, "\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\xcd\x40",
           18);
    gdt_set(SEL(2), (u32)code, 0xffb, SEG_PRESENT | SEG_DPL(3) | SEG_CODE_RX | SEG_DB);
    regs_init(&r, NULL, 3);
    r.eip = 0xff0, r.cs = SEL(2) | 3, r.eax = 0;
    run_expect(&r, VEC_GP);
    equal("eax", r.eax, 12);
    equal("eip", r.eip, 0xffc);
    equal("error", r.err, 0);
    check("running over the code segment's limit is #GP(0) at the first instruction beyond");
    memcpy(code + 0xffa, "\xb8\x01\x00\x00\x00", 5); /* mov $1,%eax: its 3rd byte is beyond */
    regs_init(&r, NULL, 3);
    r.eip = 0xff8, r.cs = SEL(2) | 3, r.eax = 0;
    run_expect(&r, VEC_GP);
    equal("eax", r.eax, 2);
    equal("eip", r.eip, 0xffa);
    check("an instruction across the limit is #GP(0) and does nothing");
    memcpy(code + 0x2003, "\xcd\x40", 2); /* where an emulator without limits arrives */
    memcpy(code, "\xeb\x02\x90\x90\xe9\xf6\x1f\x00\x00", 9);
    regs_init(&r, NULL, 3);
    r.eip = 0, r.cs = SEL(2) | 3;
    run_expect(&r, VEC_GP);
    equal("eip", r.eip, 4);
    check("a jump beyond the limit faults at the jump");
    /* 16-bit code: mov $imm16,%ax; inc %ax; mov (%bx,%si),%cl; int 0x40 */
    memcpy(code + 0x100, "\xb8\xff\x12\x40\x8a\x08\x66\xba\x78\x56\x34\x12\xcd\x40", 14);
    gdt_set(SEL(2), (u32)code, 0xffff, SEG_PRESENT | SEG_DPL(3) | SEG_CODE_RX);
    code[0x234] = 0x99;
    gdt_set(SEL(1), (u32)code, 0xffff, SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW);
    regs_init(&r, NULL, 3);
    r.eip = 0x100, r.cs = SEL(2) | 3, r.ds = SEL(1) | 3;
    r.eax = 0xaaaa0000, r.ebx = 0xbbbb0200, r.esi = 0xcccc0034, r.ecx = 0, r.edx = 0;
    run_expect(&r, VEC_DONE);
    equal("eax", r.eax, 0xaaaa1300);
    equal("ecx", r.ecx, 0x99);
    equal("edx", r.edx, 0x12345678);
    equal("eip", r.eip, 0x10e);
    check("16-bit code: operand and address sizes");
    /* IP wraps? A 16-bit near jump truncates IP. */
    memcpy(code + 0x200, "\xe9\xfd\xfe", 3); /* jmp to 0x100 */
    regs_init(&r, NULL, 3);
    r.eip = 0x200, r.cs = SEL(2) | 3, r.ds = SEL(1) | 3, r.ebx = r.esi = 0;
    run_expect(&r, VEC_DONE);
    equal("eip", r.eip, 0x10e);
    check("a 16-bit near jump");
    gdt_set(SEL(2), 0, 0xfffff, SEG_PRESENT | SEG_DPL(3) | SEG_CODE_X | SEG_DB | SEG_G);
    regs_init(&r, cs_read, 3);
    r.cs = SEL(2) | 3, r.ebx = (ul)data;
    run_expect(&r, VEC_GP);
    check("reading through an execute-only code segment");
}

CODE(far_target, "mov %esp,%edx\n mov %ss,%ebx\n mov %cs,%esi");
CODE(call_gate, "push $0x11\n push $0x22\n lcall *(%ebp)");
CODE(gate_return, "mov %cs,%esi\n mov 8(%esp),%edx\n mov 12(%esp),%edi\n lret $8");
CODE(call_and_back, "push $0x11\n push $0x22\n lcall *(%ebp)\n mov %cs,%ecx");

static void gates(void)
{
    struct regs r;
    struct {
        u32 off;
        u16 sel;
    } __attribute__((packed)) ptr;
    gdt_set_gate(SEL(4), SEL_CODE, (ul)far_target, SEG_PRESENT | SEG_DPL(3) | SEG_CALL, 2);
    ptr.off = 0xdeadbeef, ptr.sel = SEL(4) | 3;
    regs_init(&r, call_gate, 3);
    ul sp = r.esp;
    r.ebp = (ul)&ptr;
    run_expect(&r, VEC_DONE);
    equal("cs", r.esi & 0xffff, SEL_CODE);
    equal("ss", r.ebx & 0xffff, SEL_DATA);
    u32 *st = (u32 *)r.edx;
    equal("return address", st[0], (u32)call_gate + 4 + 3);
    equal("return CS", st[1] & 0xffff, SEL_UCODE);
    equal("parameter", st[2], 0x22);
    equal("parameter", st[3], 0x11);
    equal("old ESP", st[4], sp - 8);
    equal("old SS", st[5] & 0xffff, SEL_UDATA);
    check("a call gate to level 0 switches stacks and copies its parameters");
    gdt_set_gate(SEL(4), SEL_CODE, (ul)gate_return, SEG_PRESENT | SEG_DPL(3) | SEG_CALL, 2);
    regs_init(&r, call_and_back, 3);
    r.ebp = (ul)&ptr;
    sp = r.esp;
    run_expect(&r, VEC_DONE);
    equal("level inside", r.esi & 0xffff, SEL_CODE);
    equal("parameter", r.edx, 0x22);
    equal("parameter", r.edi, 0x11);
    equal("cs", r.ecx & 0xffff, SEL_UCODE);
    equal("esp", r.esp, sp);
    check("RET n from the gate drops the parameters from both stacks");
    static const struct {
        const char *name;
        u16 access, target;
        int vec;
        u32 err;
    } bad[] = {
        {"DPL below CPL", SEG_PRESENT | SEG_CALL, SEL_CODE, VEC_GP, SEL(4)},
        {"absent", SEG_DPL(3) | SEG_CALL, SEL_CODE, VEC_NP, SEL(4)},
        {"null target", SEG_PRESENT | SEG_DPL(3) | SEG_CALL, 0, VEC_GP, 0},
        {"target a data segment", SEG_PRESENT | SEG_DPL(3) | SEG_CALL, SEL_DATA, VEC_GP, SEL_DATA},
        {"an interrupt gate", SEG_PRESENT | SEG_DPL(3) | SEG_INT, SEL_CODE, VEC_GP, SEL(4)},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        gdt_set_gate(SEL(4), bad[i].target, (ul)far_target, bad[i].access, 0);
        regs_init(&r, call_gate, 3);
        r.ebp = (ul)&ptr;
        sp = r.esp;
        run_expect(&r, (unsigned)bad[i].vec);
        equal("error", r.err, bad[i].err);
        equal("eip", r.eip, (u32)call_gate + 4);
        equal("esp", r.esp, sp - 8);
        check("call gate: %s", bad[i].name);
    }
    /* Conforming code keeps the level. */
    gdt_set(SEL(2), 0, 0xfffff, SEG_PRESENT | SEG_CODE_CONFORM | SEG_DB | SEG_G);
    regs_init(&r, jump_far, 3);
    r.eax = SEL(2) | 3, r.ebx = (ul)far_target;
    run_expect(&r, VEC_DONE);
    equal("cs", r.esi & 0xffff, SEL(2) | 3);
    check("a conforming segment of level 0 runs at level 3");
    regs_init(&r, jump_far, 3);
    r.eax = SEL_CODE, r.ebx = (ul)far_target;
    run_expect(&r, VEC_GP);
    equal("error", r.err, SEL_CODE);
    check("a far return to an inner level is #GP");
    gdt_set(SEL(2), 0, 0xfffff, SEG_DPL(3) | SEG_CODE_RX | SEG_DB | SEG_G);
    regs_init(&r, jump_far, 3);
    r.eax = SEL(2) | 3, r.ebx = (ul)far_target;
    run_expect(&r, VEC_NP);
    equal("error", r.err, SEL(2));
    check("a far return to absent code is #NP");
    /* A 16-bit call gate pushes words and has offsets of 16 bits: its target is copied low. */
    memcpy((void *)0x7000, "\x89\xe2\xcd\x40", 4); /* mov %esp,%edx; int $0x40 */
    gdt_set_gate(SEL(4), SEL_CODE, 0x7000, SEG_PRESENT | SEG_DPL(3) | SEG_CALL16, 1);
    regs_init(&r, call_gate, 3);
    r.ebp = (ul)&ptr;
    sp = r.esp;
    run_expect(&r, VEC_DONE);
    u16 *w = (u16 *)r.edx;
    equal("return IP", w[0], (u16)((u32)call_gate + 7));
    equal("return CS", w[1], SEL_UCODE);
    equal("parameter", w[2], 0x22);
    equal("old SP", w[3], (u16)(sp - 8));
    equal("old SS", w[4], SEL_UDATA);
    check("a 16-bit call gate pushes words");
}

CODE(lar_op, "xor %ecx,%ecx\n lar %eax,%ecx\n setz %dl");
CODE(lsl_op, "xor %ecx,%ecx\n lsl %eax,%ecx\n setz %dl");
CODE(ver_op, "verr %ax\n setz %dl\n verw %ax\n setz %cl");
CODE(arpl_op, "arpl %bx,%ax\n setz %dl");

static void looks(void)
{
    static const struct {
        u16 access;
        bool lar, lsl, verr, verw;
    } t[] = {
        {SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW, true, true, true, true},
        {SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RO, true, true, true, false},
        {SEG_PRESENT | SEG_DPL(3) | SEG_CODE_X, true, true, false, false},
        {SEG_PRESENT | SEG_DPL(3) | SEG_CODE_RX, true, true, true, false},
        {SEG_PRESENT | SEG_DATA_RW, false, false, false, false},
        {SEG_PRESENT | SEG_CODE_CONFORM, true, true, true, false},
        {SEG_PRESENT | SEG_DPL(3) | SEG_TSS, true, true, false, false},
        {SEG_PRESENT | SEG_DPL(3) | SEG_CALL, true, false, false, false},
        {SEG_PRESENT | SEG_DPL(3) | SEG_INT, false, false, false, false},
        {SEG_DPL(3) | SEG_DATA_RW, true, true, true, true},
    };
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        struct regs r;
        gdt_set(SEL(5), 0x12345678, 0x54321, t[i].access | SEG_G | SEG_DB);
        regs_init(&r, lar_op, 3);
        r.eax = SEL(5) | 3;
        run_expect(&r, VEC_DONE);
        equal("LAR's ZF", r.edx & 0xff, t[i].lar);
        equal("LAR's result", r.ecx & 0xf0ffff,
              t[i].lar ? (t[i].access | 0xc000u) << 8 & 0xf0ff00 : 0);
        regs_init(&r, lsl_op, 3);
        r.eax = SEL(5) | 3;
        run_expect(&r, VEC_DONE);
        equal("LSL's ZF", r.edx & 0xff, t[i].lsl);
        equal("LSL's result", r.ecx, t[i].lsl ? 0x54321fff : 0);
        regs_init(&r, ver_op, 3);
        r.eax = SEL(5) | 3;
        run_expect(&r, VEC_DONE);
        equal("VERR", r.edx & 0xff, t[i].verr);
        equal("VERW", r.ecx & 0xff, t[i].verw);
        check("LAR, LSL, VERR, VERW of access byte %x", t[i].access);
    }
    struct regs r;
    regs_init(&r, arpl_op, 3);
    r.eax = 0x20, r.ebx = 3;
    run_expect(&r, VEC_DONE);
    equal("ZF", r.edx & 0xff, 1);
    equal("ax", r.eax & 0xffff, 0x23);
    check("ARPL");
    /* LDT */
    u64 *ldt = page_alloc();
    gdt_set(SEL(6), (u32)ldt, 31, SEG_PRESENT | SEG_LDT);
    asm volatile("lldt %w0" ::"r"(SEL(6)));
    ldt[1] = *gdt_entry(SEL_UDATA);
    regs_init(&r, ds_read1, 3);
    r.eax = 8 | 4 | 3, r.ebx = (ul)data;
    run_expect(&r, VEC_DONE);
    regs_init(&r, load_ds, 3);
    r.eax = 32 | 4 | 3;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 36);
    asm volatile("lldt %w0" ::"r"(0));
    check("segments in an LDT");
}

void test_main(void)
{
    data = pages_alloc(33);
    load_types();
    limits();
    code_segments();
    gates();
    looks();
}
