#ifndef TCG_X86_HELPERS_SYS_H
#define TCG_X86_HELPERS_SYS_H

/* X(name, result, flags, reads, writes) */
#define X86_HELPERS_SYS(X)

#endif
