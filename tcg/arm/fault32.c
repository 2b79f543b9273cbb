/* Faults as AArch32 reports them: DFSR and IFSR, in the format that TTBCR.EAE says. Arm ARM,
 * chapter G5, "Exception reporting in a VMSAv8-32 implementation". */
#include "tcg/arm/sys.h"

enum { WNR = 1 << 11, EXT = 1 << 12, CM = 1 << 13, LPAE = 1 << 9, ISS_WNR = 1 << 6 };
enum { ISS_CM = 1 << 8, ISS_EA = 1 << 9, ISS_FSC = 0x3f, DOMAIN_SHIFT = 4 };

/* Of the short descriptor format, FS[4:0], by the status that the long one has for it. */
static unsigned short_status(unsigned fsc)
{
    const unsigned level = fsc & 3;
    switch (fsc) {
    case 0x10: /* external, not on a walk */
        return 0x08;
    case 0x11: /* external, asynchronous */
        return 0x16;
    case 0x21:
        return 0x01;
    case 0x22:
        return 0x02;
    case 0x30: /* TLB conflict */
        return 0x10;
    case 0x34: /* lockdown */
        return 0x14;
    case 0x35: /* unsupported exclusive */
        return 0x15;
    case ARM_FSC_DOMAIN + 1:
        return 0x09;
    case ARM_FSC_DOMAIN + 2:
        return 0x0b;
    default:
        break;
    }
    switch (fsc >> 2) {
    case 0: /* address size: there is none; as a translation fault */
    case 1:
        return level < 2 ? 0x05 : 0x07;
    case 2:
        return level < 2 ? 0x03 : 0x06;
    case 3:
        return level < 2 ? 0x0d : 0x0f;
    default: /* external, on a walk */
        return level < 2 ? 0x0c : 0x0e;
    }
}

uint32_t arm_fault_status32(struct tcg_cpu *tc, uint32_t syndrome)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const bool data = syndrome >> 26 == ARM_EC_DABORT || syndrome >> 26 == ARM_EC_DABORT_LOWER ||
                      syndrome >> 26 == ARM_EC_WATCHPOINT ||
                      syndrome >> 26 == ARM_EC_WATCHPOINT_LOWER;
    const unsigned fsc = syndrome & ISS_FSC;
    uint32_t status = syndrome & ISS_EA ? EXT : 0;

    if (data)
        status |= (syndrome & ISS_WNR ? WNR : 0) | (syndrome & ISS_CM ? CM : 0);
    if (r->tcr[1] & ARM_TTBCR_EAE)
        return status | LPAE | fsc;
    const unsigned fs = short_status(fsc);
    if (data)
        status |= (uint32_t)arm_sys_of(tc)->domain << DOMAIN_SHIFT;
    return status | (fs & 0xf) | (fs >> 4) << 10;
}
