/* See model.h. Encodings of the identification registers: Arm ARM (DDI 0487), chapter D19. */
#include "accel/kvm/arm64/model.h"

#include <string.h>

#include "accel/kvm/arm64/regs.h"
#include "core/cpu/arm.h"

static uint64_t read_reg(const struct kvm_arm_one_reg *one, uint64_t id)
{
    uint64_t value = 0;

    return one->get(one->opaque, id, &value) ? value : 0;
}

bool kvm_arm_read_model(const struct kvm_arm_one_reg *one, struct arm_cpu_model *m)
{
    enum { FIRST_ROW = 1, A64 = 15 };

    memset(m, 0, sizeof *m);
    m->midr = read_reg(one, KVM_ARM_SYS(3, 0, 0, 0, 0));
    m->revidr = read_reg(one, KVM_ARM_SYS(3, 0, 0, 0, 6));
    m->mpidr_flags = UINT64_C(1) << 31;
    m->ctr = read_reg(one, KVM_ARM_SYS(3, 3, 0, 0, 1));
    m->clidr = read_reg(one, KVM_ARM_SYS(3, 1, 0, 0, 1));
    for (unsigned row = FIRST_ROW; row < ARM_ID_ROWS; row++)
        for (unsigned n = 0; n < ARM_ID_COLUMNS; n++)
            m->id[row][n] = read_reg(one, KVM_ARM_SYS(3, 0, 0, row, n));
    arm_cpu_model_from_host(m);
    return m->id[4][0] & A64;
}
