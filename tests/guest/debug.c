/* Debug registers and single step: which instruction reports, in which order, with which bits. */
#include "lib/guest.h"

enum { DR6_FIXED = 0xffff0ff0, DR6_B0 = 1, DR6_B1 = 2, DR6_BD = 1 << 13, DR6_BS = 1 << 14 };
enum { DR7_FIXED = 0x400, DR7_L0 = 1, DR7_G0 = 2, DR7_L1 = 4, DR7_GD = 1 << 13 };
enum { RW_EXEC, RW_WRITE, RW_IO, RW_ACCESS };
#define DR7_RWLEN(n, rw, len) ((ul)((rw) | ((len)-1) << 2) << (16 + 4 * (n)))

static unsigned steps;
static ul skip_at;
static ul step_at[64], step_dr6[64];

static bool on_db(struct frame *f)
{
    if (steps < 64) {
        step_at[steps] = f->rip;
        step_dr6[steps] = read_dr6();
    }
    steps++;
    if (f->rip == skip_at) /* what a handler of an instruction breakpoint has to do */
        f->rflags |= FLAG_RF;
    write_dr6(DR6_FIXED);
    if (steps > 50) { /* no way out by itself */
        f->rflags &= ~(ul)FLAG_TF;
        write_dr7(DR7_FIXED);
    }
    return true;
}

/* Runs with #DB handled; the offsets where they came are in step_at. */
static void traced(struct regs *r, const char *code, int cpl, ul flags, bool init)
{
    if (init)
        regs_init(r, code, cpl);
    r->rflags |= flags;
    steps = 0;
    write_dr6(DR6_FIXED);
    set_handler(VEC_DB, on_db);
    run_expect(r, VEC_DONE);
    set_handler(VEC_DB, NULL);
    ul base = cpl ? USER(code) : (ul)code;
    for (unsigned i = 0; i < steps && i < 64; i++)
        step_at[i] -= base;
}

static void expect_steps(unsigned n, const unsigned *at, ul dr6)
{
    equal("number of #DB", steps, n);
    for (unsigned i = 0; i < n && i < steps; i++) {
        equal("#DB at", step_at[i], at[i]);
        equal("DR6", step_dr6[i], DR6_FIXED | dr6);
    }
}

CODE(three, "nop\n inc %eax\n add $1,%rbx");
CODE(jumps, "jmp 1f\n nop\n 1: xor %ecx,%ecx\n loop 2f\n nop\n 2: nop");
CODE(rep_code, "rep stosb\n nop");
CODE(popf_tf,
     "pushfq\n orl $0x100,(%rsp)\n popfq\n nop\n nop\n pushfq\n andl $~0x100,(%rsp)\n popfq\n nop");
CODE(movss_tf, "mov %ss,%eax\n mov %eax,%ss\n nop\n nop");
CODE(pushf_tf, "pushfq\n pop %rax\n nop");
CODE(write4, "movl $1,(%rsi)\n nop\n nop");
CODE(read4, "mov (%rsi),%eax\n nop\n nop");
CODE(write_other, "movl $1,4(%rsi)\n nop\n nop");
CODE(rep_write, "rep stosl\n nop");
CODE(write_dr, "mov %rax,%dr0\n nop");
CODE(read_dr4, "mov %dr4,%rax\n nop");
CODE(ud_tf, "nop\n ud2");
CODE(icebp, "nop\n .byte 0xf1\n nop");
CODE(sys_tf, "syscall\n nop\n nop");
CODE(sysret_code, "sysretq");

static void single_step(void)
{
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        struct regs r;
        traced(&r, three, cpl, FLAG_TF, true);
        expect_steps(3, (unsigned[]){1, 3, 7}, DR6_BS);
        check("TF: #DB after each instruction, not after INT, at level %d", cpl);
        traced(&r, jumps, cpl, FLAG_TF, true);
        expect_steps(4, (unsigned[]){3, 5, 8, 9}, DR6_BS);
        check("TF over jumps, level %d", cpl);
        u8 *buf = page_alloc();
        regs_init(&r, rep_code, cpl);
        r.rcx = 5, r.rdi = cpl ? USER(buf) : (ul)buf;
        traced(&r, rep_code, cpl, FLAG_TF, false);
        expect_steps(6, (unsigned[]){0, 0, 0, 0, 2, 3}, DR6_BS);
        check("TF: REP STOSB steps by iteration, level %d", cpl);
        traced(&r, pushf_tf, cpl, FLAG_TF, true);
        equal("TF in the pushed flags", r.rax & FLAG_TF, FLAG_TF);
        check("PUSHF shows TF, level %d", cpl);
    }
    struct regs r;
    traced(&r, popf_tf, 3, 0, true);
    /* offsets: pushfq 0, orl 1 (7 bytes), popfq 8, nop 9, nop 10, pushfq 11, andl 12 (7), popfq 19
     */
    expect_steps(5, (unsigned[]){10, 11, 12, 19, 20}, DR6_BS);
    check("POPF sets TF from the instruction after it and clears it with a last #DB");
    traced(&r, movss_tf, 0, FLAG_TF, true);
    expect_steps(3, (unsigned[]){2, 5, 6}, DR6_BS);
    check("MOV SS holds the single-step #DB off for one instruction");
    regs_init(&r, ud_tf, 3);
    r.rflags |= FLAG_TF;
    run_expect(&r, VEC_DB);
    equal("rip", r.rip, USER(ud_tf) + 1);
    equal("TF saved", r.rflags & FLAG_TF, FLAG_TF);
    write_dr6(DR6_FIXED);
    r.rflags |= FLAG_RF;
    run_expect(&r, VEC_UD);
    equal("DR6 after #UD", read_dr6(), DR6_FIXED);
    check("an instruction that faults gives no single-step #DB");
    traced(&r, icebp, 3, 0, true);
    equal("number", steps, 1);
    equal("at", step_at[0], 2);
    equal("DR6", step_dr6[0], DR6_FIXED);
    check("F1 is a #DB without a bit in DR6");
    wrmsr(MSR_STAR, (u64)0x2b << 48 | (u64)SEL_CODE << 32);
    wrmsr(MSR_LSTAR, (ul)sysret_code);
    wrmsr(MSR_FMASK, FLAG_TF | FLAG_IF);
    traced(&r, sys_tf, 3, FLAG_TF, true);
    equal("number", steps, 3);
    equal("first", step_at[0], 2);
    equal("second", step_at[1], 3);
    check("TF over SYSCALL and SYSRET: #DB when back");
}

static void breakpoints(void)
{
    struct regs r;
    write_dr0((ul)three + 1);
    write_dr7(DR7_FIXED | DR7_L0);
    skip_at = (ul)three + 1;
    traced(&r, three, 0, 0, true);
    skip_at = 0;
    equal("number of #DB", steps, 1);
    check("a handler of an instruction breakpoint that sets RF goes on");
    write_dr7(DR7_FIXED | DR7_L0);
    regs_init(&r, three, 0);
    run_expect(&r, VEC_DB);
    equal("rip", r.rip, (ul)three + 1);
    equal("RF", r.rflags & FLAG_RF, 0); /* unlike with every other fault */
    equal("DR6", read_dr6(), DR6_FIXED | DR6_B0);
    write_dr6(DR6_FIXED);
    r.rflags |= FLAG_RF;
    run_expect(&r, VEC_DONE);
    equal("RF after one instruction", r.rflags & FLAG_RF, 0);
    check("an instruction breakpoint is a fault before it; RF passes it");
    write_dr0(USER(three) + 1);
    regs_init(&r, three, 3);
    run_expect(&r, VEC_DB);
    equal("rip", r.rip, USER(three) + 1);
    write_dr6(DR6_FIXED);
    write_dr7(DR7_FIXED);
    check("an instruction breakpoint at level 3");

    static u32 cell[4] __attribute__((aligned(16)));
    write_dr1((ul)cell);
    write_dr7(DR7_FIXED | DR7_L1 | DR7_RWLEN(1, RW_WRITE, 4));
    static const struct {
        const char *name, *code;
        ul offset;
        bool hit;
    } t[] = {{"a write", write4, 0, true},
             {"a read", read4, 0, false},
             {"a write beside it", write_other, 0, false},
             {"a write over its end", write4, 2, true},
             {"a write over its start", write4, -2, true},
             {"a write before it", write4, -4, false}};
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        regs_init(&r, t[i].code, 0);
        r.rsi = (ul)cell + t[i].offset;
        traced(&r, t[i].code, 0, 0, false);
        equal("number of #DB", steps, t[i].hit);
        if (t[i].hit && steps) {
            equal("at", step_at[0], 6);
            equal("DR6", step_dr6[0], DR6_FIXED | DR6_B1);
        }
        check("write watchpoint of 4 bytes: %s", t[i].name);
    }
    write_dr7(DR7_FIXED | DR7_L1 | DR7_RWLEN(1, RW_ACCESS, 4));
    regs_init(&r, read4, 0);
    r.rsi = (ul)cell;
    traced(&r, read4, 0, 0, false);
    equal("number of #DB", steps, 1);
    equal("at", step_at[0], 2);
    check("access watchpoint: a read");
    write_dr7(DR7_FIXED | DR7_L1 | DR7_RWLEN(1, RW_WRITE, 4));
    regs_init(&r, rep_write, 0);
    r.rdi = (ul)cell - 8, r.rcx = 5;
    traced(&r, rep_write, 0, 0, false);
    equal("number of #DB", steps, 1);
    if (steps)
        equal("at", step_at[0] <= 2, 1);
    equal("all stored", r.rcx, 0);
    check("a watchpoint hit by REP STOS");
    write_dr1(USER(cell));
    regs_init(&r, write4, 3);
    r.rsi = USER(cell);
    traced(&r, write4, 3, 0, false);
    equal("number of #DB", steps, 1);
    check("watchpoint at level 3");
    write_dr7(DR7_FIXED);
    traced(&r, write4, 3, 0, false);
    equal("number of #DB", steps, 0);
    check("a disabled watchpoint is silent");
}

static void access_rules(void)
{
    struct regs r;
    regs_init(&r, write_dr, 3);
    run_expect(&r, VEC_GP);
    check("MOV to DR0 at level 3 is #GP(0)");
    write_dr7(DR7_FIXED | DR7_GD);
    regs_init(&r, write_dr, 0);
    run_expect(&r, VEC_DB);
    equal("rip", r.rip, (ul)write_dr);
    equal("GD cleared", read_dr7(), DR7_FIXED);
    equal("DR6", read_dr6(), DR6_FIXED | DR6_BD);
    write_dr6(DR6_FIXED);
    check("DR7.GD: #DB before the access, GD cleared, DR6.BD");
    write_cr4(read_cr4() | CR4_DE);
    regs_init(&r, read_dr4, 0);
    run_expect(&r, VEC_UD);
    write_cr4(read_cr4() & ~(ul)CR4_DE);
    regs_init(&r, read_dr4, 0);
    run_expect(&r, VEC_DONE);
    equal("DR4 is DR6", r.rax, read_dr6());
    check("DR4: #UD with CR4.DE, else DR6");
    write_dr6(0);
    equal("DR6", read_dr6(), DR6_FIXED);
    write_dr6(0xffffffff);
    equal("DR6 top", read_dr6() >> 32, 0);
    write_dr6(DR6_FIXED);
    write_dr7(0);
    equal("DR7", read_dr7(), DR7_FIXED);
    check("fixed bits of DR6 and DR7");
    regs_init(&r, NULL, 0);
    CODE(dr7_high, "mov %rax,%dr7");
    regs_init(&r, dr7_high, 0);
    r.rax = 1ul << 32;
    run_expect(&r, VEC_GP);
    check("a value beyond 32 bits for DR7 is #GP(0)");
    write_dr3(0x123456789abcdef0);
    equal("DR3", read_dr3(), 0x123456789abcdef0);
    write_dr3(0);
    check("DR3 holds 64 bits");
}

static void both(void)
{
    static u32 cell;
    struct regs r;
    write_dr1((ul)&cell);
    write_dr7(DR7_FIXED | DR7_L1 | DR7_RWLEN(1, RW_WRITE, 4));
    regs_init(&r, write4, 0);
    r.rsi = (ul)&cell;
    traced(&r, write4, 0, FLAG_TF, false);
    equal("first #DB", step_dr6[0], DR6_FIXED | DR6_B1 | DR6_BS);
    write_dr7(DR7_FIXED);
    check("watchpoint and single step report together");
}

void test_main(void)
{
    single_step();
    breakpoints();
    access_rules();
    both();
}
