/*
 * Triple fault: the machine is reset and boots again; memory is kept.
 * guest-reboots
 */
#include "lib/guest.h"

static const u32 magic = 0x3f417100;

void test_main(void)
{
    volatile u32 *state = (volatile u32 *)0x3000000; /* far above the image */
    if ((state[0] & ~0xffu) != magic) {
        struct {
            u16 limit;
            u32 base;
        } __attribute__((packed)) none = {0, 0};
        state[0] = magic | 1;
        asm volatile("lidt %0; ud2" ::"m"(none));
    }
    if (state[0] == (magic | 1)) {
        state[0] = magic | 2;
        outb(0xcf9, 2);
        outb(0xcf9, 6);
        delay_us(100000);
        state[0] = magic | 3; /* no such register: the keyboard controller's pulse below */
        outb(0x64, 0xfe);
        delay_us(1000000);
        bail("no reset happened");
    }
    u32 way = state[0] & 0xff;
    state[0] = 0;
    ok(way >= 2, "a triple fault resets the machine, which boots again");
    if (way == 2)
        ok(true, "so does the reset control register at CF9");
    else
        ok(true, "so does the keyboard controller's pulse");
    equal("CR0.WP after reset", read_cr0() & CR0_WP, 0);
    equal("EFER", rdmsr(MSR_EFER) & EFER_SCE, 0);
    check("control registers are as at the start");
}
