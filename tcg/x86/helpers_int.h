#ifndef TCG_X86_HELPERS_INT_H
#define TCG_X86_HELPERS_INT_H

/* X(name, result, flags, reads, writes) */
#define X86_HELPERS_INT(X)

#endif
