/* Interrupt controllers, PIT, and the other processors. */
#include "lib/internal.h"

extern char ap_start[], ap_end[];
extern volatile u32 ap_counter;

void apic_enable(void)
{
    apic_write(APIC_TPR, 0);
    apic_write(APIC_SVR, 0x100 | VEC_SPURIOUS);
}

void apic_self_ipi(unsigned vec)
{
    apic_write(APIC_ICR_HI, 0);
    apic_write(APIC_ICR_LO, vec | 1 << 18 | 1 << 14);
}

void pic_init(u16 mask)
{
    outb(0x20, 0x11);
    outb(0xa0, 0x11);
    outb(0x21, VEC_PIC);
    outb(0xa1, VEC_PIC + 8);
    outb(0x21, 4);
    outb(0xa1, 2);
    outb(0x21, 1);
    outb(0xa1, 1);
    outb(0x21, (u8)mask);
    outb(0xa1, (u8)(mask >> 8));
}

void pic_eoi(unsigned irq)
{
    if (irq >= 8)
        outb(0xa0, 0x20);
    outb(0x20, 0x20);
}

void pit_program(unsigned channel, unsigned mode, u16 count)
{
    outb(0x43, (u8)(channel << 6 | 0x30 | mode << 1));
    outb((u16)(0x40 + channel), (u8)count);
    outb((u16)(0x40 + channel), (u8)(count >> 8));
}

u16 pit_read(unsigned channel)
{
    outb(0x43, (u8)(channel << 6));
    u8 lo = inb((u16)(0x40 + channel));
    return (u16)(lo | inb((u16)(0x40 + channel)) << 8);
}

void delay_us(unsigned us)
{
    while (us) {
        unsigned part = us > 50000 ? 50000 : us;
        us -= part;
        outb(0x61, (u8)((inb(0x61) & ~2) | 1)); /* gate on, speaker off */
        pit_program(2, 0, (u16)(part * 1193 / 1000 + 1));
        while (!(inb(0x61) & 0x20))
            ;
    }
}

/* ---- other processors ---- */

void smp_idle(unsigned cpu)
{
    struct cpu *c = &cpus[cpu];
    apic_enable();
    c->up = true;
    for (;;) {
        void (*fn)(unsigned) = c->work;
        if (fn) {
            fn(cpu);
            __atomic_store_n(&c->work, NULL, __ATOMIC_SEQ_CST);
        }
        asm volatile("pause");
    }
}

unsigned smp_start(unsigned expected)
{
    static unsigned count;
    if (count)
        return count;
    memcpy((void *)0x8000, ap_start, (size_t)(ap_end - ap_start));
    apic_enable();
    apic_write(APIC_ICR_LO, 0xc4500); /* INIT to all but self */
    delay_us(10000);
    apic_write(APIC_ICR_LO, 0xc4608); /* SIPI, vector 08; those that took it ignore the second */
    delay_us(1000);
    apic_write(APIC_ICR_LO, 0xc4608);
    /* Generous: the host may be busy. */
    for (unsigned n = 0; n < 10000 && ap_counter < expected; n++)
        delay_us(1000);
    count = ap_counter;
    for (unsigned i = 1; i < count && i < MAX_CPUS; i++)
        for (unsigned n = 0; !cpus[i].up; n++) {
            delay_us(1000);
            if (n > 10000)
                bail("CPU %u did not come up", i);
        }
    return count;
}

void smp_start_on(unsigned cpu, void (*fn)(unsigned cpu))
{
    __atomic_store_n(&cpus[cpu].work, fn, __ATOMIC_SEQ_CST);
}

void smp_wait(unsigned cpu)
{
    while (__atomic_load_n(&cpus[cpu].work, __ATOMIC_SEQ_CST))
        asm volatile("pause");
}

void smp_run(void (*fn)(unsigned cpu))
{
    unsigned n = smp_start(0);
    for (unsigned i = 1; i < n; i++)
        smp_start_on(i, fn);
    fn(0);
    for (unsigned i = 1; i < n; i++)
        smp_wait(i);
}
