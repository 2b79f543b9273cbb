#include "tcg/spin.h"
#include <sched.h>
#include "core/clock/monotonic.h"
#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "tcg/cpu.h"
#include "tcg/icount.h"
#include "tcg/machine.h"

/* Hints further apart are of different loops. Drivers' delays in loops are shorter than patience
 * lasts, what waits for a lock whose holder does not run is longer: some 3 ms, a turn of the host's
 * scheduler. */
enum { GAP_NS = 20 * 1000, PATIENCE_NS = 100 * 1000 };

bool tcg_spin_yields(struct tcg_spin *s, int64_t now)
{
    if (now - s->last > GAP_NS)
        s->since = now;
    s->last = now;
    if (now - s->since < PATIENCE_NS)
        return false;
    s->since = s->last = 0;
    return true;
}

void tcg_spin(struct tcg_cpu *tc)
{
    if (tc->tm->icount) {
        icount_yield(tc);
    } else if (tc->vcpu->machine->vcpu_count > 1 && tcg_spin_yields(&tc->spin, monotonic_ns())) {
        sched_yield();
    }
}
