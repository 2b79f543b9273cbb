/*
 * All x86 helpers, in one numbered list made of one list a subject:
 *   X(name, result type, flags, groups read, groups written) -> x86_helper_NAME(), HELPER_ID(NAME)
 * See tcg/ir/ir.h for what a helper may do.
 */
#ifndef TCG_X86_HELPERS_H
#define TCG_X86_HELPERS_H

#include "tcg/ir/ir.h"
#include "tcg/x86/slots.h"
#include "tcg/x86/helpers_int.h"
#include "tcg/x86/helpers_sys.h"
#include "tcg/x86/helpers_fpu.h"
#include "tcg/x86/helpers_sse.h"

#define X86_HELPERS(X) X86_HELPERS_INT(X) X86_HELPERS_SYS(X) X86_HELPERS_FPU(X) X86_HELPERS_SSE(X)

enum x86_helper_id {
#define X(name, result, flags, reads, writes) X86_HELPER_##name,
    X86_HELPERS(X)
#undef X
        X86_HELPER_COUNT
};
#define HELPER_ID(name) X86_HELPER_##name

#define X(name, result, flags, reads, writes)                                                      \
    uint64_t x86_helper_##name(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
X86_HELPERS(X)
#undef X

extern const struct ir_helper x86_helpers[X86_HELPER_COUNT]; /* tcg/x86/arch.c */

#endif
