/* tcg/ir: folding of vector operations while a region is built. */
#include <criterion/criterion.h>

#include "core/util/range.h"
#include "tcg/ir/ir.h"

enum { SLOT_A, SLOT_B, SLOT_KEY, SLOTS };

struct region {
    struct ir_region r;
    struct ir_insn storage[64];
    ir_ref a, b, key, zero;
};

static void begin(struct region *t)
{
    static const struct ir_slot slots[SLOTS] = {
        {"a", 0, IR_V128, 0, 0}, {"b", 16, IR_V128, 1, 0}, {"key", 32, IR_V128, 2, 0}};
    ir_region_init(&t->r, t->storage, slots, SLOTS, NULL, 0);
    t->a = ir_get(&t->r, SLOT_A);
    t->b = ir_get(&t->r, SLOT_B);
    t->key = ir_get(&t->r, SLOT_KEY);
    t->zero = ir_emit(&t->r, IR_VCONST, IR_V128, 0, 0, 0, 0, 0, 0);
}

static ir_ref op(struct region *t, enum ir_op o, ir_ref a, ir_ref b)
{
    return ir_emit(&t->r, o, IR_V128, 0, a, b, 0, 0, 0);
}
static ir_ref low(struct region *t, enum ir_width w, ir_ref a)
{
    return ir_emit(&t->r, IR_V_LOW, IR_V128, w, a, 0, 0, 0, 0);
}
static ir_ref shufps(struct region *t, ir_ref a, ir_ref b, unsigned imm)
{
    return ir_emit(&t->r, IR_V_SHUFPS, IR_V128, IR_W32, a, b, 0, 0, imm);
}

static void expect(const struct region *t, ir_ref v, enum ir_op o, ir_ref a, ir_ref b)
{
    const struct ir_insn *i = &t->r.insns[v];
    cr_expect(i->op == o && i->a == a && i->b == b, "%s of %u and %u, not %s of %u and %u",
              ir_ops[i->op].name, i->a, i->b, ir_ops[o].name, a, b);
}

Test(ir_fold, a_low_lane_of_what_is_no_wider_is_the_same)
{
    struct region t;
    begin(&t);
    ir_ref narrow = low(&t, IR_W32, t.a), address = ir_i64(&t.r, 0x1000);
    ir_ref loaded = ir_ld(&t.r, IR_V128, address, IR_W64);
    cr_expect_eq(low(&t, IR_W64, narrow), narrow);
    cr_expect_eq(low(&t, IR_W64, loaded), loaded);
    cr_expect_eq(low(&t, IR_W64, t.zero), t.zero);
    expect(&t, low(&t, IR_W32, loaded), IR_V_LOW, loaded, 0);
    expect(&t, low(&t, IR_W16, narrow), IR_V_LOW, t.a, 0);
}

Test(ir_fold, steps_of_aes_rounds_become_rounds)
{
    struct region t;
    begin(&t);
    /* AESE and AESMC; the next one's key */
    ir_ref e = op(&t, IR_V_AESENCLAST, t.a, t.zero);
    ir_ref mixed = op(&t, IR_V_AESENC, op(&t, IR_V_AESDECLAST, e, t.zero), t.zero);
    expect(&t, mixed, IR_V_AESENC, t.a, t.zero);
    expect(&t, op(&t, IR_V_XOR, mixed, t.key), IR_V_AESENC, t.a, t.key);
    expect(&t, op(&t, IR_V_XOR, t.key, e), IR_V_AESENCLAST, t.a, t.key);
    /* AESD and AESIMC */
    ir_ref d = op(&t, IR_V_AESDECLAST, t.b, t.zero);
    expect(&t, op(&t, IR_V_AESIMC, d, 0), IR_V_AESDEC, t.b, t.zero);
}

Test(ir_fold, aes_rounds_with_keys_of_their_own_stay)
{
    struct region t;
    begin(&t);
    ir_ref e = op(&t, IR_V_AESENCLAST, t.a, t.key), d = op(&t, IR_V_AESDECLAST, t.b, t.key);
    expect(&t, op(&t, IR_V_AESDECLAST, e, t.zero), IR_V_AESDECLAST, e, t.zero);
    expect(&t, op(&t, IR_V_AESIMC, d, 0), IR_V_AESIMC, d, 0);
    expect(&t, op(&t, IR_V_XOR, e, t.b), IR_V_XOR, e, t.b);
}

Test(ir_fold, shuffles_that_undo_each_other_go_away)
{
    struct region t;
    begin(&t);
    ir_ref reversed = ir_emit(&t.r, IR_V_SHUFD, IR_V128, 0, t.a, 0, 0, 0, 0x1b);
    cr_expect_eq(ir_emit(&t.r, IR_V_SHUFD, IR_V128, 0, reversed, 0, 0, 0, 0x1b), t.a);
    ir_ref rotated = ir_emit(&t.r, IR_V_SHUFD, IR_V128, 0, reversed, 0, 0, 0, 0x39);
    expect(&t, rotated, IR_V_SHUFD, t.a, 0);
    cr_expect_eq(t.r.insns[rotated].imm, 0xc6); /* lanes 2, 1, 0, 3 */
    /* efgh and abcd of cdgh and abef, and these again */
    ir_ref x = shufps(&t, t.a, t.b, 0x11), y = shufps(&t, t.a, t.b, 0xbb);
    cr_expect_eq(shufps(&t, x, y, 0x11), t.a);
    cr_expect_eq(shufps(&t, x, y, 0xbb), t.b);
    expect(&t, shufps(&t, x, y, 0x1b), IR_V_SHUFPS, x, y);
    expect(&t, shufps(&t, y, x, 0x11), IR_V_SHUFPS, y, x);
}
