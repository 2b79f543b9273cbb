/* See insn.h. */
#include "tests/golden/insn.h"

#include <string.h>

#include "tcg/x86/decode.h"
#include "tcg/x86/slots.h"

/* What a memory operand has when no register tells. */
static unsigned width(const struct x86_insn *d)
{
    static const uint8_t by_operand[X86_OPERAND_COUNT] = {
        [OP_Mf32] = 32, [OP_Mf64] = 64, [OP_Mf80] = 80, [OP_Mbcd] = 80,
        [OP_Mi16] = 16, [OP_Mi32] = 32, [OP_Mi64] = 64,
    };
    unsigned first = d->row->ops[0], second = d->row->ops[1];
    if (!d->mem || d->row->flags & I_NO_MEM_ACCESS)
        return 0;
    if (second == OP_Eb || second == OP_Ew) /* extensions */
        return second == OP_Eb ? 8 : 16;
    if (second == OP_NONE && by_operand[first])
        return by_operand[first];
    bool told = second != OP_NONE && second != OP_Ib && second != OP_Ibs && second != OP_Iz &&
                second != OP_Iv;
    return !told && !d->row->check && d->opsize <= IR_W64 ? 8u << d->opsize : 0;
}

bool insn_decode(struct insn *out, const uint8_t *code, size_t len, uint64_t mode, uint64_t pc)
{
    struct x86_insn d;
    memset(out, 0, sizeof *out);
    if (x86_decode(&d, code, len, mode, NULL) != X86_DECODE_OK) {
        out->len = 1;
        return false;
    }
    x86_insn_format(&d, pc, out->text, sizeof out->text);
    out->len = d.len;
    out->relative = d.row->ops[0] == OP_Jb || d.row->ops[0] == OP_Jz;
    out->jump = out->relative && d.row->name[0] == 'j';
    out->ret = !strcmp(d.row->name, "ret");
    out->mem = d.mem;
    out->accesses = d.mem && !(d.row->flags & I_NO_MEM_ACCESS);
    out->base = d.base >= X86_BASE_RIP ? -1 : d.base;
    out->index = d.index == X86_NO_REG ? -1 : d.index;
    out->disp = d.disp;
    out->imm = d.imm;
    out->width = width(&d);
    return true;
}

bool insn_decode_host(struct insn *out, const uint8_t *code, size_t len, uint64_t pc)
{
    return insn_decode(out, code, len, MODE_CODE64 | MODE_LONG | MODE_PROTECTED, pc);
}
