/* Which flags the x86-64 back end leaves to be computed later, by the rare one who looks. */
#if defined(__x86_64__)
#include <criterion/criterion.h>

#include "tcg/host/x86_64/cg.h"

#include <stdlib.h>

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
#endif
