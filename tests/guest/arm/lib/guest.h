/* Bare-metal Arm test programs: output, TAP lines, traps that are expected, going down to lower
 * exception levels, pages, processors. */
#ifndef GUEST_ARM_H
#define GUEST_ARM_H

typedef unsigned char u8;
typedef unsigned u32;
typedef unsigned long u64;
typedef _Bool bool;
#define true 1
#define false 0

#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define sysreg_read(name)                                                                          \
    ({                                                                                             \
        u64 v_;                                                                                    \
        asm volatile("mrs %0, " STRING(name) : "=r"(v_)::"memory");                                \
        v_;                                                                                        \
    })
#define sysreg_write(name, value)                                                                  \
    asm volatile("msr " STRING(name) ", %0" ::"r"((u64)(value)) : "memory")
#define isb() asm volatile("isb" ::: "memory")
#define dsb() asm volatile("dsb sy" ::: "memory")

void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One test; says what was seen when it fails. */
void ok(bool passed, const char *name);
void is(u64 seen, u64 want, const char *name);
void done(void); /* the plan, and the end of the machine */
void test_main(void);

static inline unsigned current_level(void)
{
    return sysreg_read(currentel) >> 2 & 3;
}
extern unsigned top_level; /* where the program began */
bool has_level(unsigned el);

/* ---- traps: lib/boot.S builds it ---- */
struct frame {
    u64 x[31], elr, spsr, esr, far, kind; /* kind: number of the vector */
};
/* The last trap that was expected. */
struct trap {
    u64 esr, far, elr, spsr;
    unsigned kind, level, count;
};
extern struct trap caught;
extern u64 caught_x[31]; /* X0 to X30 then */
static inline unsigned caught_class(void)
{
    return caught.esr >> 26 & 63;
}
/* The next trap is expected: execution goes on behind the instruction; or by `resume`. */
void expect_trap(void);
void expect_trap_resume(void (*resume)(void));
/* Executes `insn`; is a trap taken from it? */
#define traps(insn)                                                                                \
    ({                                                                                             \
        caught.count = 0;                                                                          \
        expect_trap();                                                                             \
        asm volatile(insn ::: "memory", "x0", "x1", "x2");                                         \
        trap_over();                                                                               \
        caught.count == 1;                                                                         \
    })
void trap_over(void);

/* Run fn at a lower level, with SP_ELx (spsel 1) or SP_EL0. */
void at_level(unsigned el, bool spsel, void (*fn)(void));

/* Run code of AArch32 in a mode of EL1 or EL0; HCR_EL2.RW is 0. Back by HVC 0xdead. */
void at_aarch32(unsigned mode, const u32 *code);

/* ---- memory ---- */
void *pages(u64 bytes); /* zeroed, aligned to 64 KiB */
void invalidate_tlb(void);

/* ---- processors ---- */
unsigned start_cpus(void);   /* all that answer; each calls cpu_main(number) */
void cpu_main(unsigned cpu); /* empty unless the program has one */

#endif
