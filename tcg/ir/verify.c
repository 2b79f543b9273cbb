/* The verifier: types, argument kinds, definitions before uses, and the rule that PUTs follow the
 * last fault. */
#include "tcg/ir/ir.h"

#include <stdio.h>

static bool kind_ok(const struct ir_region *r, const struct ir_insn *i, char kind, ir_ref v)
{
    enum ir_type t = r->insns[v].type;
    switch (kind) {
    case 'i':
        return t == i->type;
    case 'w':
        return t == IR_I32;
    case 'q':
        return t == IR_I64;
    case 'x':
        return t == IR_I32 || t == IR_I64;
    case 'f':
        return t == IR_FL;
    case 'v':
        return t == i->type && (t == IR_V128 || t == IR_V256);
    case 'h':
        return t == IR_V128;
    case 'y':
        return t == IR_V256;
    case 'u':
        return t == IR_V128 || t == IR_V256;
    case 'r':
    case '*':
        return true;
    default:
        return false;
    }
}

static bool arg_optional(const struct ir_insn *i, unsigned k)
{
    return (i->op == IR_LEA && k == 1) || i->op == IR_CALL || (i->op == IR_ST && k == 2) ||
           i->op == IR_EXIT_MODE;
}

static bool check_insn(const struct ir_region *r, uint32_t n, uint32_t label, char *buf, size_t len)
{
    const struct ir_insn *i = &r->insns[n];
    const struct ir_op_info *info = &ir_ops[i->op];
    const ir_ref args[4] = {i->a, i->b, i->c, i->d};
    for (unsigned k = 0; k < 4; k++) {
        char kind = info->args[k];
        if (kind == '-')
            continue;
        if (!args[k]) {
            if (arg_optional(i, k))
                continue;
            snprintf(buf, len, "%%%u %s: argument %u is missing", n, info->name, k);
            return false;
        }
        if (args[k] >= n) {
            snprintf(buf, len, "%%%u %s: argument %u is defined later (%%%u)", n, info->name, k,
                     args[k]);
            return false;
        }
        if (args[k] < label) {
            snprintf(buf, len, "%%%u %s: argument %u (%%%u) is from before a label", n, info->name,
                     k, args[k]);
            return false;
        }
        if (r->insns[args[k]].op == IR_NOP || !kind_ok(r, i, kind, args[k])) {
            snprintf(buf, len, "%%%u %s: argument %u (%%%u %s) has the wrong type", n, info->name,
                     k, args[k], ir_ops[r->insns[args[k]].op].name);
            return false;
        }
    }
    if (info->result == 'T' && i->type != IR_I32 && i->type != IR_I64) {
        snprintf(buf, len, "%%%u %s: result must be i32 or i64", n, info->name);
        return false;
    }
    if (info->result == 'V' && i->type != IR_V128 && i->type != IR_V256) {
        snprintf(buf, len, "%%%u %s: result must be v128 or v256", n, info->name);
        return false;
    }
    if (i->op == IR_PUT && r->insns[i->a].type != r->slots[i->aux].type) {
        snprintf(buf, len, "%%%u PUT %s: wrong type", n, r->slots[i->aux].name);
        return false;
    }
    if (i->op == IR_HI) {
        uint8_t p = r->insns[i->a].op;
        if (i->a != n - 1 || (p != IR_UMULX && p != IR_SMULX && p != IR_UDIVX && p != IR_SDIVX)) {
            snprintf(buf, len, "%%%u HI must directly follow its producer", n);
            return false;
        }
    }
    const bool conditional = i->op == IR_LDCC || i->op == IR_STCC;
    if ((conditional || i->op == IR_LD || i->op == IR_ST) &&
        (i->imm & IR_MEM_SIZE) > (conditional ? IR_W64 : IR_W256)) {
        snprintf(buf, len, "%%%u %s: size", n, info->name);
        return false;
    }
    return true;
}

bool ir_verify(const struct ir_region *r, char *buf, size_t len)
{
    bool put_seen = false, ended = false;
    uint32_t label = 0;
    for (uint32_t n = 1; n < r->count; n++) {
        const struct ir_insn *i = &r->insns[n];
        if (i->op == IR_NOP)
            continue;
        if (i->op == IR_LABEL) {
            if (!ended && n > 1) {
                snprintf(buf, len, "%%%u LABEL: runs into it without a JMP", n);
                return false;
            }
            ended = put_seen = false;
            label = n;
        }
        if (ended) {
            snprintf(buf, len, "%%%u %s: after the end of the region", n, ir_ops[i->op].name);
            return false;
        }
        if (!check_insn(r, n, label, buf, len))
            return false;
        if (i->op == IR_INSN)
            put_seen = false;
        else if (i->op == IR_PUT)
            put_seen = true;
        else if (put_seen && ir_may_fault(i, r)) {
            snprintf(buf, len, "%%%u %s: may fault after a PUT of the same instruction", n,
                     ir_ops[i->op].name);
            return false;
        }
        if (ir_ends(i))
            ended = true;
    }
    if (!ended) {
        snprintf(buf, len, "the region has no exit");
        return false;
    }
    return true;
}
