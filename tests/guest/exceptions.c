/*
 * Exceptions in the middle of straight code: registers and flags are exactly those before the
 * instruction (faults) or after it (traps), for work before, in and after the instruction.
 */
#include "lib/guest.h"

#define VA 0x500000000000ul

/* Each: some work, then label NAME_at with an instruction that faults, then work that must not
 * show. */
#define FAULT(name, text)                                                                          \
    LABEL(name##_at);                                                                              \
    CODE(name, "add %r8,%rax\n lea 3(%rcx,%rcx),%rcx\n xor %r9d,%edx\n sub %r10,%rbx\n"            \
               ".globl " #name "_at\n" #name "_at: " text "\n"                                     \
               "xor %eax,%eax\n mov %eax,%ecx\n mov $7,%edx\n mov $8,%r11\n stc")

FAULT(f_load, "mov (%rsi),%r11");
FAULT(f_store, "mov %r12,(%rsi)");
FAULT(f_rmw, "add %r12,(%rsi)");
FAULT(f_adc, "adc (%rsi),%r12");
FAULT(f_xchg, "xchg %r12,(%rsi)");
FAULT(f_xadd, "lock xadd %r12,(%rsi)");
FAULT(f_inc, "incl (%rsi)");
FAULT(f_shl, "shll $3,(%rsi)");
FAULT(f_neg, "negq (%rsi)");
FAULT(f_push, "pushq (%rsi)");
FAULT(f_call, "call *(%rsi)");
FAULT(f_jmp, "jmp *(%rsi)");
FAULT(f_cmov, "cmovz (%rsi),%r12");
FAULT(f_cmov_false, "cmovnz (%rsi),%r12");
FAULT(f_imul, "imul (%rsi),%r12");
FAULT(f_mul, "mulq (%rsi)");
FAULT(f_bt, "btsq $3,(%rsi)");
FAULT(f_cmpxchg8b, "lock cmpxchg8b (%rsi)");
FAULT(f_cmpxchg16b, "lock cmpxchg16b (%rsi)");
FAULT(f_movaps, "movaps (%rsi),%xmm0");
FAULT(f_movups_store, "movups %xmm0,(%rsi)");
FAULT(f_fld, "fldl (%rsi)");
FAULT(f_fstp, "fstpl (%rsi)");
FAULT(f_enter, "movzwl (%rsi),%r12d");
FAULT(f_ud, "ud2");
FAULT(f_de, "div %rsi");
FAULT(f_hlt, "hlt");
FAULT(f_cli, "cli");
FAULT(f_in, "in $0x21,%al");
FAULT(f_int_gate, "int $0x33");
FAULT(f_rdmsr, "rdmsr");
FAULT(f_movcr, "mov %cr0,%r11");
FAULT(f_lgdt, "lgdt (%rsi)");
FAULT(f_movds, "mov %si,%ds");

struct fault {
    const char *name, *code, *at;
    unsigned vec;
    ul err, rsi;
    bool skip_first; /* the instruction at the label is another, the faulting one follows */
};
#define PAGE(n, e)                                                                                 \
    {                                                                                              \
#n, f_##n, f_##n##_at, VEC_PF, (e) | PF_U, VA, false                                       \
    }
#define OTHER(n, v, e, s)                                                                          \
    {                                                                                              \
#n, f_##n, f_##n##_at, v, e, s, false                                                      \
    }

static const struct fault faults[] = {
    PAGE(load, 0),
    PAGE(store, PF_W),
    PAGE(rmw, PF_W),
    PAGE(adc, 0),
    PAGE(xchg, PF_W),
    PAGE(xadd, PF_W),
    PAGE(inc, PF_W),
    PAGE(shl, PF_W),
    PAGE(neg, PF_W),
    PAGE(push, 0),
    PAGE(call, 0),
    PAGE(jmp, 0),
    PAGE(cmov, 0),
    PAGE(cmov_false, 0),
    PAGE(imul, 0),
    PAGE(mul, 0),
    PAGE(bt, PF_W),
    PAGE(cmpxchg8b, PF_W),
    PAGE(cmpxchg16b, PF_W),
    PAGE(movaps, 0),
    PAGE(movups_store, PF_W),
    PAGE(fld, 0),
    PAGE(fstp, PF_W),
    PAGE(enter, 0),
    OTHER(ud, VEC_UD, 0, 0),
    OTHER(de, VEC_DE, 0, 0),
    OTHER(hlt, VEC_GP, 0, 0),
    OTHER(cli, VEC_GP, 0, 0),
    OTHER(in, VEC_GP, 0, 0),
    OTHER(int_gate, VEC_GP, 0x33 * 8 + 2, 0),
    OTHER(rdmsr, VEC_GP, 0, 0),
    OTHER(movcr, VEC_GP, 0, 0),
    OTHER(lgdt, VEC_GP, 0, 0),
    OTHER(movds, VEC_GP, 0x1230, 0x1233),
};

static unsigned rf_missing;

static void compare(const struct regs *r, const struct regs *want)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                        "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                        "r12", "r13", "r14", "r15", "rip", "rflags"};
    const ul *a = (const ul *)r, *b = (const ul *)want;
    for (unsigned i = 0; i < 18; i++) {
        /* RF has a test of its own. */
        ul mask = i == 17 ? ~(ul)FLAG_RF : ~0ul;
        equal(names[i], a[i] & mask, b[i] & mask);
    }
}

/* The four instructions before the label, done here. */
static void before(struct regs *r)
{
    r->rax += r->r8;
    r->rcx = r->rcx * 2 + 3;
    r->rdx = (u32)(r->rdx ^ r->r9);
    ul a = r->rbx, b = r->r10, res = a - b;
    r->rbx = res;
    ul f = 0;
    f |= a < b ? FLAG_CF : 0;
    f |= __builtin_parity((unsigned)res & 0xff) ? 0 : FLAG_PF;
    f |= (a ^ b ^ res) & 0x10;
    f |= res ? 0 : FLAG_ZF;
    f |= res >> 63 ? FLAG_SF : 0;
    f |= ((a ^ b) & (a ^ res)) >> 63 ? FLAG_OF : 0;
    r->rflags = (r->rflags & ~(ul)FLAG_ARITH) | f;
}

static void run_fault(const struct fault *f, bool pretouch)
{
    struct regs r, want;
    regs_init(&r, f->code, 3);
    r.rsi = f->rsi;
    if (f->vec == VEC_DE)
        r.rdx = r.r9; /* after the XOR it is 0 */
    want = r;
    before(&want);
    want.rip = USER(f->at);
    if (pretouch) {
        /* The same code without the fault first: the translation exists then. */
        *pte_at(VA, 1) = (u64)page_alloc() | PTE_P | PTE_W | PTE_U;
        invlpg(VA);
        struct regs t = r;
        run(&t);
        *pte_at(VA, 1) = 0;
        invlpg(VA);
    }
    if (!run_expect(&r, f->vec))
        return;
    equal("error", r.err, f->err);
    if (f->vec == VEC_PF)
        equal("cr2", r.cr2, f->rsi);
    compare(&r, &want);
    rf_missing += !(r.rflags & FLAG_RF);
}

LABEL(t_int3_after);
LABEL(t_into_after);
LABEL(t_int_after);
CODE(t_int3, "add %r8,%rax\n int3\n.globl t_int3_after\nt_int3_after: inc %rax");
CODE(t_int, "add %r8,%rax\n int $0x40\n.globl t_int_after\nt_int_after: inc %rax");

static void traps(void)
{
    struct regs r, w;
    regs_init(&r, t_int3, 3);
    w = r;
    run_expect(&r, VEC_BP);
    equal("rax", r.rax, w.rax + w.r8);
    equal("rip", r.rip, USER(t_int3_after));
    check("INT3 reports the next instruction");
    regs_init(&r, t_int, 3);
    w = r;
    run_expect(&r, 0x40);
    equal("rip", r.rip, USER(t_int_after));
    equal("rax", r.rax, w.rax + w.r8);
    check("INT n reports the next instruction");
}

CODE(p_pop, "add %r8,%rax\n pop (%rsi)\n inc %rcx");
CODE(p_push, "mov %rsi,%rsp\n push %rax\n inc %rcx");
CODE(p_call, "mov %rsi,%rsp\n call 1f\n1: inc %rcx");
CODE(p_enter, "mov %rsi,%rsp\n enter $16,$0\n inc %rcx");
CODE(p_leave, "mov %rsi,%rbp\n leave\n inc %rcx");
CODE(p_pusha_seq, "mov %rsi,%rsp\n push %rax\n push %rbx\n push %rcx\n inc %rcx");
CODE(p_ret, "mov %rsi,%rsp\n ret");
CODE(p_iret, "mov %rsi,%rsp\n iretq");

static void stack_faults(void)
{
    /* Two pages: VA absent, VA + 0x1000 present. */
    *pte_at(VA, 1) = 0;
    u8 *page = page_alloc();
    *pte_at(VA + 0x1000, 1) = (u64)page | PTE_P | PTE_W | PTE_U;
    invlpg(VA);
    invlpg(VA + 0x1000);
    static const struct {
        const char *name, *code;
        ul rsp; /* before the instruction */
        ul cr2, err;
        unsigned before; /* its offset in the code */
    } t[] = {
        {"push", p_push, VA + 0x1000, VA + 0xff8, PF_W | PF_U, 3},
        {"call", p_call, VA + 0x1000, VA + 0xff8, PF_W | PF_U, 3},
        {"enter", p_enter, VA + 0x1000, VA + 0xff8, PF_W | PF_U, 3},
        {"ret", p_ret, VA + 0xff8, VA + 0xff8, PF_U, 3},
        {"iret", p_iret, VA + 0xff8, VA + 0xff8, PF_U, 3},
    };
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        struct regs r, w;
        regs_init(&r, t[i].code, 3);
        r.rsi = t[i].rsp;
        w = r;
        run_expect(&r, VEC_PF);
        equal("rsp", r.rsp, t[i].rsp);
        equal("rbp", r.rbp, w.rbp);
        equal("rcx", r.rcx, w.rcx);
        equal("cr2", r.cr2, t[i].cr2);
        equal("error", r.err, t[i].err);
        equal("rip", r.rip, USER(t[i].code) + t[i].before);
        check("%s with its stack absent keeps RSP", t[i].name);
    }
    struct regs r, w;
    regs_init(&r, p_leave, 3);
    r.rsi = VA;
    w = r;
    run_expect(&r, VEC_PF);
    equal("rbp", r.rbp, VA);
    equal("rsp", r.rsp, w.rsp);
    check("LEAVE with its frame absent keeps RSP");

    regs_init(&r, p_pop, 3);
    r.rsi = VA;
    w = r;
    run_expect(&r, VEC_PF);
    equal("rsp", r.rsp, w.rsp);
    equal("error", r.err, PF_W | PF_U);
    check("POP to absent memory keeps RSP");

    CODE(p_pop_rsp_rel, "movabs $0x500000001000,%rsi\n mov %rsi,%rsp\n pop -8(%rsp)\n inc %rcx");
    *(u64 *)page = 0x1234567890abcdef;
    *(u64 *)(page + 8) = 0;
    regs_init(&r, p_pop_rsp_rel, 3);
    run_expect(&r, VEC_DONE);
    equal("stored where the new RSP says", *(u64 *)page, 0x1234567890abcdef);
    equal("rsp", r.rsp, VA + 0x1008);
    check("POP with an RSP-relative operand uses RSP after the pop");

    regs_init(&r, p_pusha_seq, 3);
    r.rsi = VA + 0x1010;
    w = r;
    run_expect(&r, VEC_PF);
    equal("rsp", r.rsp, VA + 0x1000);
    equal("first", *(u64 *)(page + 8), w.rax);
    equal("second", *(u64 *)page, w.rbx);
    check("the third of three pushes faults, two are done");
}

CODE(d_div8, "div %bl");
CODE(d_idiv64, "idiv %rbx");
CODE(d_div32, "div %ebx");

static void divide(void)
{
    struct regs r, w;
    static const struct {
        const char *code;
        ul rax, rdx, rbx;
        bool fault;
    } t[] = {
        {d_div8, 0xff00, 0, 0xff, true},
        {d_div8, 0xfeff, 0, 0xff, false},
        {d_div32, 0, 5, 5, true},
        {d_div32, 0xffffffff, 4, 5, false},
        {d_idiv64, 0x8000000000000000, ~0ul, ~0ul, true},
        {d_idiv64, 0x8000000000000001, ~0ul, ~0ul, false},
        {d_idiv64, 0, 1, 2, true},
        {d_idiv64, 7, 0, 0, true},
    };
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        regs_init(&r, t[i].code, 3);
        r.rax = t[i].rax, r.rdx = t[i].rdx, r.rbx = t[i].rbx;
        w = r;
        run_expect(&r, t[i].fault ? VEC_DE : VEC_DONE);
        if (t[i].fault) {
            equal("rax", r.rax, w.rax);
            equal("rdx", r.rdx, w.rdx);
            equal("rip", r.rip, w.rip);
        }
    }
    check("division overflow faults exactly at its bounds");
}

/* A loop that faults on its third turn: flags and counters belong to that turn. */
LABEL(l_at);
CODE(l_loop, "1: add $0x1000,%rsi\n inc %rcx\n cmp %rcx,%rdx\n.globl l_at\nl_at: mov (%rsi),%al\n"
             "adc $0,%rbx\n jmp 1b");

static void loops(void)
{
    for (unsigned n = 1; n <= 40; n += 13) {
        struct regs r;
        for (unsigned i = 0; i < 64; i++) {
            *pte_at(VA + i * 4096ul, 1) =
                i < n ? ((u64)0x1000000 | PTE_P | PTE_U) : 0; /* page_alloc()'s first */
            invlpg(VA + i * 4096ul);
        }
        regs_init(&r, l_loop, 3);
        r.rsi = VA - 4096, r.rcx = 0, r.rdx = 5, r.rbx = 0;
        run_expect(&r, VEC_PF);
        equal("rip", r.rip, USER(l_at));
        equal("cr2", r.cr2, VA + n * 4096ul);
        equal("rcx", r.rcx, n + 1);
        equal("rsi", r.rsi, VA + n * 4096ul);
        equal("CF", r.rflags & FLAG_CF, 5 < n + 1 ? FLAG_CF : 0);
        equal("ZF", r.rflags & FLAG_ZF, 5 == n + 1 ? FLAG_ZF : 0);
        equal("rbx", r.rbx, n > 5 ? n - 5 : 0);
    }
    check("a fault in a later turn of a loop has that turn's state");
}

void test_main(void)
{
    *pte_at(VA, 1) = 0;
    for (int pre = 0; pre < 2; pre++)
        for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
            run_fault(&faults[i], pre);
            check("%s: exact state at the fault%s", faults[i].name,
                  pre ? ", translated before" : "");
        }
    equal("faults without RF", rf_missing, 0);
    check("the flags that a fault saves have RF set");
    traps();
    stack_faults();
    divide();
    loops();
}
