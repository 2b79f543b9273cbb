#ifndef TCG_X86_HELPERS_SSE_H
#define TCG_X86_HELPERS_SSE_H

/* X(name, result, flags, reads, writes) */
#define X86_HELPERS_SSE(X)

#endif
