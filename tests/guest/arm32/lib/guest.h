/* Bare-metal test programs of 32-bit Arm processors: output, TAP lines, exceptions that are
 * expected, USR mode. */
#ifndef GUEST_ARM32_H
#define GUEST_ARM32_H

typedef unsigned char u8;
typedef unsigned u32;
typedef _Bool bool;
#define true 1
#define false 0

#define STRING_(x) #x
#define STRING(x) STRING_(x)
/* "p15, 0", then "c1, c0, 0" */
#define cp_read(op, reg)                                                                           \
    ({                                                                                             \
        u32 v_;                                                                                    \
        asm volatile("mrc " op ", %0, " reg : "=r"(v_)::"memory");                                 \
        v_;                                                                                        \
    })
#define cp_write(op, reg, value)                                                                   \
    asm volatile("mcr " op ", %0, " reg "\n isb" ::"r"(value) : "memory")
#define psr_read(name)                                                                             \
    ({                                                                                             \
        u32 v_;                                                                                    \
        asm volatile("mrs %0, " STRING(name) : "=r"(v_)::"memory");                                \
        v_;                                                                                        \
    })
#define psr_write(name, value)                                                                     \
    asm volatile("msr " STRING(name) ", %0" ::"r"(value) : "memory", "cc")

enum { USR = 0x10, FIQ, IRQ, SVC, ABT = 0x17, UND = 0x1b, SYS = 0x1f };
enum { PSR_T = 1 << 5, PSR_F = 1 << 6, PSR_I = 1 << 7, PSR_A = 1 << 8, PSR_E = 1 << 9 };
enum { VEC_UND = 1, VEC_SVC, VEC_PABT, VEC_DABT, VEC_IRQ = 6, VEC_FIQ };

/* IT as a status register has it, in two parts; and back. */
static inline u32 it_of(u32 psr)
{
    return (psr >> 8 & 0xfc) | (psr >> 25 & 3);
}
static inline u32 with_it(u32 psr, u32 it)
{
    return (psr & ~0x0600fc00u) | (it & 0xfc) << 8 | (it & 3) << 25;
}

void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One test; says what was seen when it fails. */
void ok(bool passed, const char *name);
void is(u32 seen, u32 want, const char *name);
void done(void); /* the plan, and the end of the machine */
void test_main(u32 cpsr_at_reset);

/* ---- exceptions: lib/boot.S builds it ---- */
struct frame {
    u32 r[13], lr, pc, spsr;
};
/* The last one that was expected. */
struct trap {
    u32 vector, lr, spsr, cpsr, dfsr, ifsr, dfar, ifar, count;
};
extern struct trap caught;
/* The next one is expected: execution goes on behind the instruction (of `bytes` bytes). */
void expect_trap(u32 bytes);
void trap_over(void);
#define traps_bytes(bytes, ...)                                                                    \
    ({                                                                                             \
        caught.count = 0;                                                                          \
        expect_trap(bytes);                                                                        \
        asm volatile(__VA_ARGS__);                                                                 \
        trap_over();                                                                               \
        caught.count == 1;                                                                         \
    })
/* Executes `insn`; is an exception taken from it? */
#define traps(insn) traps_bytes(4, insn ::: "memory", "r0", "r1", "r2", "r3", "cc")

/* fn in USR mode. */
void user(void (*fn)(void));

#endif
