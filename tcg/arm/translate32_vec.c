/* FP and SIMD registers of A32 and T32, and instructions of A64 that stand for theirs. See
 * translate32_vec.h. */
#include "tcg/arm/translate32_vec.h"

bool a32_vec_begin(struct a64_trans *x)
{
    if (x->mode & MODE_FP_TRAP)
        a32_may_fault(x);
    else
        a32_must(x);
    return a64_check_fp(x);
}

ir_ref a32_vec_get(struct a64_trans *x, struct a32_operand o)
{
    const unsigned per_q = o.kind == A32_S ? 4 : 2, lane = o.n % per_q;
    ir_ref v = a64_vec(x, o.n / per_q);
    if (o.kind == A32_Q)
        return a64_vec(x, o.n / 2);
    return lane ? ir_emit(x->ir, IR_V_SHRB, IR_V128, 0, v, 0, 0, 0, lane * (16 / per_q)) : v;
}

void a32_vec_put(struct a64_trans *x, struct a32_operand o, ir_ref v)
{
    struct ir_region *r = x->ir;
    if (o.kind == A32_S) {
        v = ir_emit(r, IR_V_INSERTPS, IR_V128, 0, a64_vec(x, o.n / 4), v, 0, 0, (o.n & 3u) << 4);
        a64_put_vec(x, o.n / 4, v);
        return;
    }
    ir_ref old = a64_vec(x, o.n / 2);
    if (o.kind == A32_D && o.n & 1)
        v = ir_emit(r, IR_V_UNPKL, IR_V128, IR_W64, old, v, 0, 0, 0);
    else if (o.kind == A32_D)
        v = ir_emit(r, IR_V_SHUFPS, IR_V128, IR_W64, v, old, 0, 0, 2);
    a64_put_vec(x, o.n / 2, v);
}

unsigned a32_vec_in(struct a64_trans *x, struct a32_operand o, unsigned temp)
{
    if (o.kind == A32_NONE)
        return 0;
    if (o.kind == A32_Q)
        return o.n / 2;
    x->temp[temp] = a32_vec_get(x, o);
    return A64_TEMP + temp;
}

void a32_vec_out(struct a64_trans *x, struct a32_operand o, unsigned temp)
{
    if (o.kind == A32_S || o.kind == A32_D)
        a32_vec_put(x, o, x->temp[temp]);
}

bool a32_as_a64(struct a64_trans *x, uint32_t word)
{
    struct a64_insn i;
    return a64_decode(word, &i) && a64_has(x, (enum arm_feature)a64_set.rows[i.row].feature) &&
           a64_call(x, &i);
}

uint32_t a32_vec_fields(struct a64_trans *x, const struct a32_vec *v)
{
    const unsigned d = a32_vec_in(x, v->d, 0), n = a32_vec_in(x, v->n, 1),
                   m = a32_vec_in(x, v->m, 2);
    return d | n << 5 | m << 16;
}

static bool odd(struct a32_operand o)
{
    return o.kind == A32_Q && o.n & 1;
}

bool a32_vec_run(struct a64_trans *x, const struct a32_vec *v, uint32_t word)
{
    if (odd(v->d) || odd(v->n) || odd(v->m))
        return false;
    if (!a32_vec_begin(x))
        return true;
    const uint64_t mode = v->standard ? a32_standard_begin(x) : 0;
    const bool known = a32_as_a64(x, word | a32_vec_fields(x, v));
    if (v->standard)
        a32_standard_end(x, mode);
    if (known)
        a32_vec_out(x, v->d, 0);
    return known;
}

/* Flush-to-zero, default NaNs, and rounding to nearest, which is seldom not what it is anyway. */
uint64_t a32_standard_begin(struct a64_trans *x)
{
    const uint64_t mode = x->mode;
    if (mode & MODE_FP_ROUNDED)
        a64_call_helper(x, HELPER_ID(fp_standard), ir_i32(x->ir, 1), 0, 0, 0);
    x->mode |= (uint64_t)(IR_AFP_DN | IR_AFP_FZ) >> IR_AFP_MODES_SHIFT << MODE_FP_SHIFT;
    return mode;
}

void a32_standard_end(struct a64_trans *x, uint64_t mode)
{
    x->mode = mode;
    if (mode & MODE_FP_ROUNDED)
        a64_call_helper(x, HELPER_ID(fp_standard), ir_i32(x->ir, 0), 0, 0, 0);
}
