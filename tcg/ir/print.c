/* The printer, for `-d ir`. */
#include "tcg/ir/ir.h"

#include <inttypes.h>
#include <stdio.h>

void ir_print(const struct ir_region *r, void (*line)(void *opaque, const char *text), void *opaque)
{
    static const char *const types[IR_TYPE_COUNT] = {"", "i32", "i64", "fl", "v128", "v256"};
    for (uint32_t n = 1; n < r->count; n++) {
        const struct ir_insn *i = &r->insns[n];
        char buf[200];
        int k;
        if (i->op == IR_NOP)
            continue;
        if (i->op == IR_INSN) {
            snprintf(buf, sizeof buf, "---- pcb%+" PRId64 " len %u", (int64_t)i->imm, i->aux);
            line(opaque, buf);
            continue;
        }
        if (i->type)
            k = snprintf(buf, sizeof buf, "%%%-4u = %s.%s", n, ir_ops[i->op].name, types[i->type]);
        else
            k = snprintf(buf, sizeof buf, "        %s", ir_ops[i->op].name);
        if (i->op == IR_GET || i->op == IR_PUT)
            k += snprintf(buf + k, sizeof buf - (size_t)k, " %s", r->slots[i->aux].name);
        else if (i->op == IR_CALL)
            k += snprintf(buf + k, sizeof buf - (size_t)k, " %s", r->helpers[i->imm].name);
        else if (i->aux)
            k += snprintf(buf + k, sizeof buf - (size_t)k, ".%u", i->aux);
        ir_ref args[4];
        unsigned count = ir_args(i, args);
        for (unsigned a = 0; a < count; a++)
            k += snprintf(buf + k, sizeof buf - (size_t)k, " %%%u", args[a]);
        if (i->imm && i->op != IR_CALL)
            k += snprintf(buf + k, sizeof buf - (size_t)k, " #0x%" PRIx64, i->imm);
        if (i->type)
            snprintf(buf + k, sizeof buf - (size_t)k, "   ; uses %u", i->uses);
        line(opaque, buf);
    }
}
