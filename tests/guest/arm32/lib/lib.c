/* See guest.h. PSCI is where the machine virt has it. */
#include "lib/guest.h"

void at_user(void (*fn)(void), u32 sp);
u32 call_firmware(u32 a, u32 b, u32 c, u32 d);
void trap(struct frame *f, u32 vector);
void start(u32 cpsr);
extern u8 user_returned[];

static u8 user_stack[8192] __attribute__((aligned(8)));

/* ---- output ---- */

static unsigned tests;

void ok(bool passed, const char *name)
{
    print("%sok %u - %s\n", passed ? "" : "not ", ++tests, name);
}

void is(u32 seen, u32 want, const char *name)
{
    ok(seen == want, name);
    if (seen != want)
        print("# seen %x, not %x\n", seen, want);
}

void done(void)
{
    print("1..%u\n", tests);
    call_firmware(0x84000008, 0, 0, 0); /* SYSTEM_OFF */
    for (;;)
        asm volatile("wfi");
}

/* ---- exceptions ---- */

struct trap caught;
static u32 skip;

void expect_trap(u32 bytes)
{
    skip = bytes;
}

void trap_over(void)
{
    skip = 0;
}

void trap(struct frame *f, u32 vector)
{
    /* Of the instruction, or behind it: SVC, and the interrupts, which return to where they were.
     */
    const u32 t32 = f->spsr & PSR_T;
    const u32 at = vector == VEC_UND    ? f->pc - (t32 ? 2 : 4)
                   : vector == VEC_PABT ? f->pc - 4
                   : vector == VEC_DABT ? f->pc - 8
                                        : f->pc;
    if (vector == VEC_SVC && !t32 && *(u32 *)(f->pc - 4) == 0xef00dead) {
        f->pc = (u32)user_returned;
        f->spsr = (f->spsr & ~0x3fu) | SVC;
        return;
    }
    caught.vector = vector;
    caught.lr = f->pc;
    caught.spsr = f->spsr;
    caught.cpsr = psr_read(cpsr);
    caught.dfsr = cp_read("p15, 0", "c5, c0, 0");
    caught.ifsr = cp_read("p15, 0", "c5, c0, 1");
    caught.dfar = cp_read("p15, 0", "c6, c0, 0");
    caught.ifar = cp_read("p15, 0", "c6, c0, 2");
    caught.count++;
    if (!skip || caught.count > 20) {
        print("Bail out! exception %u at %x, cpsr %x dfsr %x dfar %x ifsr %x ifar %x\n", vector,
              f->pc, f->spsr, caught.dfsr, caught.dfar, caught.ifsr, caught.ifar);
        done();
    }
    if (vector == VEC_IRQ || vector == VEC_FIQ) {
        f->spsr |= PSR_I; /* once */
        f->pc -= 4;
    } else if (vector == VEC_SVC) {
        f->pc = at;
    } else {
        const u32 it = it_of(f->spsr);
        f->pc = at + skip;
        f->spsr = with_it(f->spsr, it & 7 ? (it & 0xe0) | (it << 1 & 0x1f) : 0);
    }
}

void user(void (*fn)(void))
{
    at_user(fn, (u32)(user_stack + sizeof user_stack));
}

void start(u32 cpsr)
{
    test_main(cpsr);
    done();
}
