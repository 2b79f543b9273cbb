/*
 * Registers that change places within a stretch of straight code: at each jump, and at each fault,
 * every one of them has the value that was moved there, however little room the translator has.
 */
#include "lib/guest.h"

/* Every register without memory gets another's old value, while all that have been read are still
 * needed; then a jump with the flags of a comparison. */
CODE(rotate, "lea -1(%r15),%rax\n mov %r8,0x38(%rsp)\n mov %rax,8(%rsp)\n mov %r12,0x40(%rsp)\n"
             "mov %rbp,%r12\n mov %rsi,%rbp\n mov %rbx,0x48(%rsp)\n mov %r10,%rbx\n"
             "mov %r13,0x50(%rsp)\n mov %r14,%r13\n mov %r15,%r14\n movabs $0x8000000000,%rax\n"
             "mov 8(%rsp),%rsi\n mov 0x40(%rsp),%rdx\n movabs $0xffffff8000000000,%r9\n"
             "add %rbx,%rax\n and %rax,%r9\n lea -1(%r9),%rax\n cmp %rsi,%rax\n"
             "cmovae %r14,%r9\n test $-0x61,%rdx\n jz 1f\n nop\n 1:");
/* The same with a fault in the middle. */
CODE(rotate_fault, "mov %rbp,%r12\n mov %rsi,%rbp\n mov %r10,%rbx\n mov %r14,%r13\n"
                   "mov %r15,%r14\n mov %r9,%r15\n mov %r11,%r9\n mov %r8,%r11\n"
                   "mov (%rsp),%rdx\n mov %rdx,%rcx\n ud2");
CODE(swap_round,
     "xchg %r9,%r10\n xchg %r11,%r12\n xchg %r13,%r14\n xchg %r10,%r11\n"
     "xchg %r12,%r13\n xchg %r15,%r9\n xchg %r14,%r15\n add %rax,%rcx\n jc 1f\n nop\n 1:");

static void start(struct regs *r, struct regs *s, const char *code)
{
    regs_init(r, code, 0);
    r->rsp -= 256;
    r->rax = 0x1000, r->rbx = 0xb0b, r->rcx = ~0xfffull, r->rdx = 0xd0d, r->rsi = 0x51;
    r->rdi = 0xd1, r->rbp = 0xbb, r->r8 = 0x88, r->r9 = 0x99, r->r10 = 0x101010101010;
    r->r11 = 0x1111, r->r12 = 0x1212, r->r13 = 0x1313, r->r14 = 0x1414, r->r15 = 0x1515;
    *s = *r;
}

void test_main(void)
{
    struct regs r, s;
    for (unsigned taken = 0; taken < 2; taken++) {
        start(&r, &s, rotate);
        r.r12 = s.r12 = taken ? 0x40 : 0x1212;
        run_expect(&r, VEC_DONE);
        equal("rbx", r.rbx, s.r10);
        equal("rcx", r.rcx, s.rcx);
        equal("rdx", r.rdx, s.r12);
        equal("rsi", r.rsi, s.r15 - 1);
        equal("rdi", r.rdi, s.rdi);
        equal("rbp", r.rbp, s.rsi);
        equal("r8", r.r8, s.r8);
        equal("r9", r.r9, s.r15);
        equal("r10", r.r10, s.r10);
        equal("r12", r.r12, s.rbp);
        equal("r13", r.r13, s.r14);
        equal("r14", r.r14, s.r15);
        equal("r15", r.r15, s.r15);
        check(taken ? "moved registers at a jump" : "moved registers where no jump is taken");
    }
    start(&r, &s, rotate_fault);
    *(ul *)r.rsp = 0x7777;
    run_expect(&r, VEC_UD);
    equal("rcx", r.rcx, 0x7777);
    equal("rdx", r.rdx, 0x7777);
    equal("rbx", r.rbx, s.r10);
    equal("rbp", r.rbp, s.rsi);
    equal("r9", r.r9, s.r11);
    equal("r11", r.r11, s.r8);
    equal("r12", r.r12, s.rbp);
    equal("r13", r.r13, s.r14);
    equal("r14", r.r14, s.r15);
    equal("r15", r.r15, s.r9);
    check("moved registers at a fault");
    start(&r, &s, swap_round);
    run_expect(&r, VEC_DONE);
    equal("rcx", r.rcx, 0);
    equal("r9", r.r9, s.r15);
    equal("r10", r.r10, s.r12);
    equal("r11", r.r11, s.r9);
    equal("r12", r.r12, s.r14);
    equal("r13", r.r13, s.r11);
    equal("r14", r.r14, s.r10);
    equal("r15", r.r15, s.r13);
    check("registers that change places in rounds");
}
