/* What the files of the guest test library share. */
#ifndef GUEST_LIB_INTERNAL_H
#define GUEST_LIB_INTERNAL_H

#include "lib/guest.h"

struct cpu {
    u64 gdt[GDT_ENTRIES];
    u64 idt[256 * sizeof(ul) / 4];
    /* level 0 entry; IST 1-3; the stack of run() code */
    u8 stack[5][8192] __attribute__((aligned(16)));
    tss tss __attribute__((aligned(128)));
    struct regs *running;
    ul saved_sp;
    void (*volatile work)(unsigned cpu);
    volatile bool up;
};
extern struct cpu cpus[MAX_CPUS];

struct cpu *this_cpu(void);
void cpu_tables(struct cpu *c);
void smp_idle(unsigned cpu) __attribute__((noreturn));

#endif
