/*
 * The host's floating-point control around calls that leave the guest's: devices run with the
 * host's, whatever the guest has set. Only compiled code puts the guest's into the processor.
 * On the vCPU's thread.
 */
#ifndef TCG_HOST_FP_H
#define TCG_HOST_FP_H

#include "config.h"
#include "tcg/cpu.h"
#include "tcg/host_x87.h"

#if CONFIG_HOST_X86_64
#include <xmmintrin.h>

static inline void host_fp_leave_guest(struct tcg_cpu *tc)
{
    if (tc->guest_fp) {
        tc->guest_mxcsr = _mm_getcsr();
        _mm_setcsr(tc->host_mxcsr);
    }
}

static inline void host_fp_enter_guest(struct tcg_cpu *tc)
{
    if (tc->guest_fp)
        _mm_setcsr(tc->guest_mxcsr);
}
#else
static inline void host_fp_leave_guest(struct tcg_cpu *tc)
{
    (void)tc;
}
static inline void host_fp_enter_guest(struct tcg_cpu *tc)
{
    (void)tc;
}
#endif

/* Around calls of devices: the x87 too. */
static inline void host_fp_leave_code(struct tcg_cpu *tc)
{
    host_fp_leave_guest(tc);
    if (tc->guest_fp)
        tc->x87_io = host_x87_leave(tc);
}
static inline void host_fp_enter_code(struct tcg_cpu *tc)
{
    host_fp_enter_guest(tc);
    if (tc->guest_fp && tc->x87_io)
        host_x87_load(tc);
}

#endif
