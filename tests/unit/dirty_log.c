/* A dirty log that is switched on and off while a vCPU stores. */
#include <pthread.h>
#include <sched.h>

#include "core/util/endian.h"
#include "tests/unit/x86_machine.h"

enum { CODE = 0x10000, DATA = 0x20000, PAGE = 4096 };

static struct x86_machine t;

static void *run(void *opaque)
{
    static const uint8_t code[] = {0xff, 0x06, 0x00, 0x80, 0xeb, 0xfa}; /* inc word [0x8000]; jmp */
    (void)opaque;
    memcpy(x86_at(&t, CODE), code, sizeof code);
    t.r->seg[X86_CS].base = CODE;
    t.r->seg[X86_DS].base = DATA - 0x8000;
    t.r->rip = 0;
    x86_machine_changed(&t);
    t.m.accel->vcpu_run(t.cpu);
    return NULL;
}

Test(dirty_log, switched_on_while_the_machine_runs_sees_the_next_store)
{
    pthread_t thread;
    x86_machine_init(&t, "max");
    struct ram_block *ram = t.ram;
    volatile uint16_t *counter = (volatile uint16_t *)x86_at(&t, DATA);
    t.cpu->stop_request = false;
    cr_assert_eq(pthread_create(&thread, NULL, run, NULL), 0);
    for (unsigned round = 0; round < 20; round++) {
        uint16_t seen = *counter;
        while (*counter == seen) /* the TLB has the page */
            sched_yield();
        cr_assert(ram_block_log_dirty(&t.m.rams, ram, MEM_DIRTY_DISPLAY, true, NULL));
        cr_assert(ram_block_take_dirty(ram, MEM_DIRTY_DISPLAY, 0, ram->size));
        seen = *counter;
        while (*counter == seen)
            sched_yield();
        /* the mark follows the store */
        bool marked = false;
        for (unsigned n = 0; n < 100000 && !marked; n++) {
            marked = ram_block_take_dirty(ram, MEM_DIRTY_DISPLAY, DATA, PAGE);
            sched_yield();
        }
        cr_assert(marked, "round %u", round);
        cr_assert(!ram_block_take_dirty(ram, MEM_DIRTY_DISPLAY, DATA + PAGE, PAGE));
        cr_assert(ram_block_log_dirty(&t.m.rams, ram, MEM_DIRTY_DISPLAY, false, NULL));
    }
    t.cpu->stop_request = true;
    t.m.accel->vcpu_kick(t.cpu);
    pthread_join(thread, NULL);
    x86_machine_free(&t);
}
