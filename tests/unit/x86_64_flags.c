/* Which flags the x86-64 back end leaves to be computed later, by the rare one who looks. */
#if defined(__x86_64__)
#include <criterion/criterion.h>

#include "tcg/host/x86_64/cg.h"

#include <stdlib.h>
#include <string.h>

/* Flags that operation op gives, of operands 2 and 3; imm is not 0, as that of a call is. */
static bool has_recipe(struct cg *g, enum ir_op op)
{
    uint32_t operands[3];
    bool from_result;
    g->r->insns[4] = (struct ir_insn){
        .op = (uint8_t)op, .type = IR_FL, .aux = IR_W64, .a = 2, .b = 3, .imm = 0x48};
    fl_recipe_operands(g, 4, operands, &from_result);
    return operands[0] != 0;
}

Test(x86_64_flags, only_what_can_be_done_twice_has_a_recipe)
{
    struct ir_insn insns[8] = {{0}};
    struct ir_region r = {.insns = insns, .count = 5};
    struct cg *g = calloc(1, sizeof *g);
    cr_assert(g);
    g->r = &r;
    for (unsigned n = 1; n < r.count; n++)
        g->id[n] = (ir_ref)n;
    cr_expect(has_recipe(g, IR_FL_SUB), "a comparison, which a label may name by its imm");
    cr_expect_not(has_recipe(g, IR_CALL), "what a helper returned");
    cr_expect_not(has_recipe(g, IR_GET), "what was there before");
    cr_expect_not(has_recipe(g, IR_LDENV), "what a field held");
    cr_expect_not(has_recipe(g, IR_FL_COMIS), "a comparison that sets sticky flags");
    cr_expect_not(has_recipe(g, IR_X87_COMI),
                  "a comparison on the x87's stack, which has moved on");
    free(g);
}

/* A slot's value at the start of a segment has a number beyond all insns: what stands there in
 * memory is of nobody, or of a region before. */
Test(x86_64_flags, a_carry_that_a_slot_holds_is_looked_at)
{
    enum { VALUE = IR_MAX_INSNS + 7 };
    uint8_t code[64] = {0};
    struct ir_insn *insns = calloc(IR_MAX_INSNS + IR_MAX_SLOTS, sizeof *insns);
    struct ir_region r = {.insns = insns, .count = 4};
    struct cg *g = calloc(1, sizeof *g);
    cr_assert(g && insns);
    g->r = &r;
    g->e = (struct emit){.p = code, .start = code, .end = code + sizeof code};
    insns[1] = (struct ir_insn){.op = IR_GET, .type = IR_I64};
    insns[2] = (struct ir_insn){.op = IR_FL_CO, .type = IR_FL, .a = 1};
    insns[3] = (struct ir_insn){.op = IR_ADC, .type = IR_I32, .a = 1, .b = 1, .c = 2};
    insns[VALUE] = (struct ir_insn){.op = IR_CONST, .type = IR_I32};
    g->id[1] = VALUE;
    g->id[2] = 2;
    g->id[3] = 3;
    g->reg[VALUE] = RBX;
    g->n = 3;
    fl_carry(g, &insns[3], 2);
    cr_expect(!memcmp(code, "\x0f\xba\xe3\x00", 4), "bt ebx, 0, not %02x", code[0]);
    free(insns);
    free(g);
}
#endif
