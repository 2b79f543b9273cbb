/* The run loop. */
#ifndef TCG_EXEC_H
#define TCG_EXEC_H

#include "tcg/machine.h"

enum vcpu_exit tcg_vcpu_run(struct vcpu *cpu);

#endif
