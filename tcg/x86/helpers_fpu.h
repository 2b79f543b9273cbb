#ifndef TCG_X86_HELPERS_FPU_H
#define TCG_X86_HELPERS_FPU_H

/* X(name, result, flags, reads, writes) */
#define X86_HELPERS_FPU(X)

#endif
