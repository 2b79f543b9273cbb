/* The library itself: code runs at both levels and every register arrives and comes back. */
#include "lib/guest.h"

CODE(code_nothing, "");
CODE(code_swap, "xchg %rax,%r15\n xchg %rbx,%rsi\n lea 1(%rdi),%rdi");
CODE(code_ud, "inc %rcx\n ud2");

void test_main(void)
{
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        struct regs r, s;
        regs_init(&r, code_nothing, cpl);
        s = r;
        ok(run_expect(&r, VEC_DONE), "code runs to its end at level %d", cpl);
        equal("rip", r.rip, s.rip + 2);
        equal("cs", r.cs, s.cs);
        equal("ss", r.ss, s.ss);
        equal("flags", r.rflags, s.rflags);
        check("the interrupt frame at level %d", cpl);
        const ul *a = (ul *)&r, *b = (ul *)&s;
        for (unsigned i = 0; i < 16; i++)
            equal("a register", a[i], b[i]);
        check("registers arrive and come back at level %d", cpl);
        regs_init(&r, code_swap, cpl);
        s = r;
        run(&r);
        equal("rax", r.rax, s.r15);
        equal("r15", r.r15, s.rax);
        equal("rbx", r.rbx, s.rsi);
        equal("rdi", r.rdi, s.rdi + 1);
        check("registers are written at level %d", cpl);
        regs_init(&r, code_ud, cpl);
        s = r;
        run_expect(&r, VEC_UD);
        equal("rcx", r.rcx, s.rcx + 1);
        equal("rip", r.rip, s.rip + 3);
        check("#UD points at the instruction, level %d", cpl);
    }
}
