/* System registers of the GICv3's CPU interface by their encodings: Arm ARM, chapter on system
 * registers of the GIC. */
#ifndef HW_INTC_GICV3_REGS_H
#define HW_INTC_GICV3_REGS_H

#include "core/cpu/arm_intc.h"

#define ICC_PMR_EL1 ARM_SYSREG(3, 0, 4, 6, 0)
#define ICC_IAR0_EL1 ARM_SYSREG(3, 0, 12, 8, 0)
#define ICC_EOIR0_EL1 ARM_SYSREG(3, 0, 12, 8, 1)
#define ICC_HPPIR0_EL1 ARM_SYSREG(3, 0, 12, 8, 2)
#define ICC_BPR0_EL1 ARM_SYSREG(3, 0, 12, 8, 3)
#define ICC_AP0R0_EL1 ARM_SYSREG(3, 0, 12, 8, 4)
#define ICC_AP1R0_EL1 ARM_SYSREG(3, 0, 12, 9, 0)
#define ICC_DIR_EL1 ARM_SYSREG(3, 0, 12, 11, 1)
#define ICC_RPR_EL1 ARM_SYSREG(3, 0, 12, 11, 3)
#define ICC_SGI1R_EL1 ARM_SYSREG(3, 0, 12, 11, 5)
#define ICC_ASGI1R_EL1 ARM_SYSREG(3, 0, 12, 11, 6)
#define ICC_SGI0R_EL1 ARM_SYSREG(3, 0, 12, 11, 7)
#define ICC_IAR1_EL1 ARM_SYSREG(3, 0, 12, 12, 0)
#define ICC_EOIR1_EL1 ARM_SYSREG(3, 0, 12, 12, 1)
#define ICC_HPPIR1_EL1 ARM_SYSREG(3, 0, 12, 12, 2)
#define ICC_BPR1_EL1 ARM_SYSREG(3, 0, 12, 12, 3)
#define ICC_CTLR_EL1 ARM_SYSREG(3, 0, 12, 12, 4)
#define ICC_SRE_EL1 ARM_SYSREG(3, 0, 12, 12, 5)
#define ICC_IGRPEN0_EL1 ARM_SYSREG(3, 0, 12, 12, 6)
#define ICC_IGRPEN1_EL1 ARM_SYSREG(3, 0, 12, 12, 7)
#define ICC_SRE_EL2 ARM_SYSREG(3, 4, 12, 9, 5)
#define ICC_CTLR_EL3 ARM_SYSREG(3, 6, 12, 12, 4)
#define ICC_SRE_EL3 ARM_SYSREG(3, 6, 12, 12, 5)
#define ICC_IGRPEN1_EL3 ARM_SYSREG(3, 6, 12, 12, 7)

#define ICH_AP0R0_EL2 ARM_SYSREG(3, 4, 12, 8, 0)
#define ICH_AP1R0_EL2 ARM_SYSREG(3, 4, 12, 9, 0)
#define ICH_HCR_EL2 ARM_SYSREG(3, 4, 12, 11, 0)
#define ICH_VTR_EL2 ARM_SYSREG(3, 4, 12, 11, 1)
#define ICH_MISR_EL2 ARM_SYSREG(3, 4, 12, 11, 2)
#define ICH_EISR_EL2 ARM_SYSREG(3, 4, 12, 11, 3)
#define ICH_ELRSR_EL2 ARM_SYSREG(3, 4, 12, 11, 5)
#define ICH_VMCR_EL2 ARM_SYSREG(3, 4, 12, 11, 7)
#define ICH_LR0_EL2 ARM_SYSREG(3, 4, 12, 12, 0) /* LRn: the encodings follow each other */

/* Traps of ICH_HCR_EL2; its other bits are in gic_virt.h. */
enum {
    ICH_HCR_TC = 1 << 10,
    ICH_HCR_TALL0 = 1 << 11,
    ICH_HCR_TALL1 = 1 << 12,
    ICH_HCR_TDIR = 1 << 14,
};

#endif
