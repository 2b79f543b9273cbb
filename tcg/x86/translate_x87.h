/* Translate functions that table_x87.c names (translate_x87.c). */
#ifndef TCG_X86_TRANSLATE_X87_H
#define TCG_X86_TRANSLATE_X87_H

#include "tcg/x86/translate_int.h"

x86_translate_fn tr_x87_reg, tr_x87_mem, tr_x87_store, tr_x87_store_word, tr_fldcw, tr_x87_plain,
    tr_x87_env, tr_fx_state, tr_ldmxcsr, tr_stmxcsr;

/* X87 ops, not helpers: no exception can be pending or arise, and it is not one instruction a
 * block. */
bool x87_inline(const struct x86_trans *x);
/* Before anything else looks at the x87 state in the register file. */
void x87_end(struct x86_trans *x);

#endif
