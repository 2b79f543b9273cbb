/*
 * x87 instructions in software, on the same image that FRSTOR and FNSAVE exchange with a processor:
 * for hosts that have no x87. Results, flags, condition codes and stack faults are the processor's
 * (tests/unit/x87_soft.c compares them); transcendental functions may differ in the last bit.
 * SDM vol. 1, chapter "Programming with the x87 FPU".
 */
#include <string.h>

#include "core/cpu/x86.h"
#include "core/util/range.h"
#include "tcg/x86/float80.h"

enum { CC_ALL = FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3 };

/* The FPU while an instruction runs; registers by physical number. */
struct soft {
    struct f80 reg[8];
    unsigned used; /* bit by physical number */
    unsigned top, cc;
    struct f80_env env;
    uint64_t flags; /* EFLAGS */
};

static unsigned phys(const struct soft *s, unsigned i)
{
    return (s->top + i) & 7;
}
static bool full(const struct soft *s, unsigned i)
{
    return s->used >> phys(s, i) & 1;
}
static struct f80 get(const struct soft *s, unsigned i)
{
    return s->reg[phys(s, i)];
}
static void put(struct soft *s, unsigned i, struct f80 v)
{
    s->reg[phys(s, i)] = v;
    s->used |= 1u << phys(s, i);
}
static void pop(struct soft *s)
{
    s->used &= ~(1u << phys(s, 0));
    s->top = (s->top + 1) & 7;
}
static void push(struct soft *s, struct f80 v)
{
    s->top = (s->top - 1) & 7;
    put(s, 0, v);
}

/* Stack underflow or overflow; true: masked, so the default NaN takes the result's place. */
static bool stack_fault(struct soft *s, bool over)
{
    s->env.flags |= FSW_IE | FSW_SF;
    s->env.up = over;
    return !(s->env.unmasked & FSW_IE);
}

/* Are ST(0) and ST(i) there? */
static bool both(const struct soft *s, unsigned i)
{
    return full(s, 0) && full(s, i);
}

/* ---- arithmetic */

static struct f80 arith(struct f80_env *env, unsigned kind, struct f80 a, struct f80 b)
{
    switch (kind) {
    case 0:
        return f80_add(env, a, b);
    case 1:
        return f80_mul(env, a, b);
    case 4:
        return f80_sub(env, a, b);
    case 5:
        return f80_sub(env, b, a);
    case 6:
        return f80_div(env, a, b);
    default:
        return f80_div(env, b, a);
    }
}

static void set_relation(struct soft *s, enum f80_relation r)
{
    static const uint16_t codes[] = {
        [F80_LESS] = FSW_C0,
        [F80_EQUAL] = FSW_C3,
        [F80_GREATER] = 0,
        [F80_UNORDERED] = FSW_C0 | FSW_C2 | FSW_C3,
    };
    s->cc = codes[r];
}

/* Compare ST(0) with b (which is not there if missing), pop so often. */
static void compare(struct soft *s, struct f80 b, bool missing, bool quiet, unsigned pops)
{
    if (missing || !full(s, 0)) {
        stack_fault(s, false);
        set_relation(s, F80_UNORDERED);
    } else {
        set_relation(s, f80_compare(&s->env, get(s, 0), b, !quiet));
    }
    while (pops-- && !f80_stopped(&s->env))
        pop(s);
}

/* FCOMI and its kin: into EFLAGS. */
static void compare_flags(struct soft *s, unsigned i, bool quiet, bool pops)
{
    static const uint16_t flags[] = {
        [F80_LESS] = X86_FLAG_CF,
        [F80_EQUAL] = X86_FLAG_ZF,
        [F80_GREATER] = 0,
        [F80_UNORDERED] = X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_ZF,
    };
    enum f80_relation r = F80_UNORDERED;
    if (both(s, i)) {
        r = f80_compare(&s->env, get(s, 0), get(s, i), !quiet);
    } else {
        s->cc &= ~(unsigned)FSW_C1;
        stack_fault(s, false);
    }
    s->flags = (s->flags & ~(uint64_t)X86_FLAGS_ARITH) | flags[r];
    if (pops && !f80_stopped(&s->env))
        pop(s);
}

/* The result of an instruction that has read all its operands; true: it was written. */
static bool deliver(struct soft *s, unsigned i, struct f80 v)
{
    if (f80_stopped(&s->env))
        return false;
    put(s, i, v);
    return true;
}

/* kind of ST(0) and ST(i) into ST(dest) */
static void arith_reg(struct soft *s, unsigned kind, unsigned i, unsigned dest, bool pops)
{
    struct f80 r = f80_default_nan();
    if (both(s, i))
        r = arith(&s->env, kind, get(s, 0), get(s, i));
    else
        stack_fault(s, false);
    if (deliver(s, dest, r) && pops)
        pop(s);
}

/* ---- loads and stores */

static void load(struct soft *s, struct f80 v)
{
    if (full(s, 7)) {
        s->env.flags = 0;
        v = f80_default_nan();
        stack_fault(s, true);
    }
    if (!(s->env.flags & s->env.unmasked & FSW_IE)) /* a denormal is loaded in any case */
        push(s, v);
}

static void load_float(struct soft *s, uint64_t bits, unsigned width)
{
    struct f80 v = f80_from_float(&s->env, bits, width);
    if (f80_unpack(v).class >= F80_QNAN)
        v = f80_nan1(&s->env, v);
    if (s->env.denormal)
        s->env.flags |= FSW_DE;
    load(s, v);
}

static struct f80 read80(const uint8_t *mem)
{
    struct f80 v;
    memcpy(&v.m, mem, 8);
    memcpy(&v.se, mem + 8, 2);
    return v;
}

static void write80(uint8_t *mem, struct f80 v)
{
    memcpy(mem, &v.m, 8);
    memcpy(mem + 8, &v.se, 2);
}

enum { STORE_FLOAT, STORE_INT, STORE_TRUNCATED, STORE_80, STORE_BCD };

static void store(struct soft *s, uint8_t *mem, unsigned kind, unsigned bits, bool pops)
{
    struct f80 v = f80_default_nan();
    uint8_t out[10];
    uint64_t low = 0;
    if (full(s, 0))
        v = get(s, 0);
    else
        stack_fault(s, false);
    switch (kind) {
    case STORE_FLOAT:
        low = f80_to_float(&s->env, v, bits);
        break;
    case STORE_INT:
    case STORE_TRUNCATED:
        low = (uint64_t)f80_to_int(&s->env, v, bits, kind == STORE_TRUNCATED);
        break;
    case STORE_BCD:
        f80_to_bcd(&s->env, v, out);
        break;
    default:
        write80(out, v);
        break;
    }
    if (kind <= STORE_TRUNCATED)
        memcpy(out, &low, 8);
    if (s->env.flags & s->env.unmasked & (FSW_IE | FSW_OE | FSW_UE))
        return;
    memcpy(mem, out, bits / 8);
    if (pops)
        pop(s);
}

static void memory(struct soft *s, unsigned op, unsigned reg, uint8_t *mem)
{
    uint64_t v;
    memcpy(&v, mem, 8);
    if (op == 0 || op == 2 || op == 4 ||
        op == 6) { /* arithmetic with float, int32, double, int16 */
        struct f80_env *env = &s->env;
        const bool empty = !full(s, 0);
        struct f80 b = f80_zero(false);
        if (!empty)
            b = op == 0   ? f80_from_float(env, (uint32_t)v, 32)
                : op == 2 ? f80_from_int((int32_t)v)
                : op == 4 ? f80_from_float(env, v, 64)
                          : f80_from_int((int16_t)v);
        if (reg == 2 || reg == 3) {
            compare(s, b, empty, false, reg - 2);
            return;
        }
        struct f80 r = f80_default_nan();
        if (empty)
            stack_fault(s, false);
        else
            r = arith(env, reg, get(s, 0), b);
        deliver(s, 0, r);
        return;
    }
    switch (op << 3 | reg) {
    case 1 << 3 | 0:
        load_float(s, (uint32_t)v, 32);
        return;
    case 5 << 3 | 0:
        load_float(s, v, 64);
        return;
    case 3 << 3 | 0:
        load(s, f80_from_int((int32_t)v));
        return;
    case 7 << 3 | 0:
        load(s, f80_from_int((int16_t)v));
        return;
    case 7 << 3 | 5:
        load(s, f80_from_int((int64_t)v));
        return;
    case 3 << 3 | 5:
        load(s, read80(mem));
        return;
    case 7 << 3 | 4:
        load(s, f80_from_bcd(mem));
        return;
    case 1 << 3 | 2:
    case 1 << 3 | 3:
        store(s, mem, STORE_FLOAT, 32, reg == 3);
        return;
    case 5 << 3 | 2:
    case 5 << 3 | 3:
        store(s, mem, STORE_FLOAT, 64, reg == 3);
        return;
    case 3 << 3 | 1:
        store(s, mem, STORE_TRUNCATED, 32, true);
        return;
    case 5 << 3 | 1:
        store(s, mem, STORE_TRUNCATED, 64, true);
        return;
    case 7 << 3 | 1:
        store(s, mem, STORE_TRUNCATED, 16, true);
        return;
    case 3 << 3 | 2:
    case 3 << 3 | 3:
        store(s, mem, STORE_INT, 32, reg == 3);
        return;
    case 7 << 3 | 2:
    case 7 << 3 | 3:
        store(s, mem, STORE_INT, 16, reg == 3);
        return;
    case 7 << 3 | 7:
        store(s, mem, STORE_INT, 64, true);
        return;
    case 3 << 3 | 7:
        store(s, mem, STORE_80, 80, true);
        return;
    case 7 << 3 | 6:
        store(s, mem, STORE_BCD, 80, true);
        return;
    default: /* environment and control words are not executed this way */
        return;
    }
}

/* ---- D9 C0 to FF */

static void load_constant(struct soft *s, unsigned n)
{
    /* the bits behind the 64th: below or above half of it; 0 and 1 are exact */
    static const struct {
        uint64_t m;
        uint16_t se;
        int8_t rest;
    } constants[7] = {
        {F80_INTEGER, 0x3fff, 0},
        {UINT64_C(0xd49a784bcd1b8afe), 0x4000, -1}, /* log2 10 */
        {UINT64_C(0xb8aa3b295c17f0bb), 0x3fff, 1},  /* log2 e */
        {UINT64_C(0xc90fdaa22168c234), 0x4000, 1},  /* pi */
        {UINT64_C(0x9a209a84fbcff798), 0x3ffd, 1},  /* log10 2 */
        {UINT64_C(0xb17217f7d1cf79ab), 0x3ffe, 1},  /* ln 2 */
        {0, 0, 0},
    };
    const bool up = s->env.rounding == F80_NEAREST ? constants[n].rest > 0
                                                   : s->env.rounding == F80_UP && constants[n].rest;
    load(s, (struct f80){constants[n].m + up, constants[n].se});
}

static void exchange(struct soft *s, unsigned i)
{
    if (!both(s, i) && !stack_fault(s, false))
        return;
    const struct f80 a = full(s, 0) ? get(s, 0) : f80_default_nan();
    put(s, 0, full(s, i) ? get(s, i) : f80_default_nan());
    put(s, i, a);
}

static void examine(struct soft *s)
{
    static const uint16_t codes[] = {
        [F80_ZERO_CLASS] = FSW_C3, [F80_FINITE] = FSW_C2, [F80_INF] = FSW_C2 | FSW_C0,
        [F80_QNAN] = FSW_C0,       [F80_SNAN] = FSW_C0,   [F80_UNSUPPORTED] = 0,
    };
    const struct f80_parts p = f80_unpack(get(s, 0));
    s->cc = !full(s, 0) ? FSW_C3 | FSW_C0 : p.denormal ? FSW_C3 | FSW_C2 : codes[p.class];
    s->cc |= p.sign ? FSW_C1 : 0u;
    s->env.up = p.sign;
}

static void extract(struct soft *s)
{
    struct f80 exponent, significand;
    if (!full(s, 0) || full(s, 7)) {
        stack_fault(s, full(s, 0));
        exponent = significand = f80_default_nan();
    } else {
        const struct f80 a = get(s, 0);
        const struct f80_parts p = f80_unpack(a);
        exponent = significand = a;
        if (p.class >= F80_QNAN) {
            exponent = significand = f80_nan1(&s->env, a);
        } else if (p.class == F80_INF) {
            exponent = f80_inf(false);
        } else if (p.class == F80_ZERO_CLASS) {
            s->env.flags |= FSW_ZE;
            exponent = f80_inf(true);
        } else {
            s->env.flags |= p.denormal ? FSW_DE : 0u;
            exponent = f80_from_int(p.exp);
            significand = f80_make(p.sign, F80_BIAS, p.m);
        }
    }
    if (deliver(s, 0, exponent))
        push(s, significand);
}

/* FPTAN and FSINCOS: one result in place of ST(0), another on top. */
static void circular_two(struct soft *s, bool tangent)
{
    struct f80 first = f80_default_nan(), second = first;
    s->cc &= ~(unsigned)FSW_C2;
    if (!full(s, 0) || full(s, 7)) {
        stack_fault(s, full(s, 0));
    } else if (tangent) {
        if (!f80_tan(&s->env, get(s, 0), &first)) {
            s->cc |= FSW_C2;
            return;
        }
        second = f80_unpack(first).class >= F80_QNAN ? first : f80_one();
    } else if (!f80_sincos(&s->env, get(s, 0), &first, &second)) {
        s->cc |= FSW_C2;
        return;
    }
    if (deliver(s, 0, first))
        push(s, second);
}

static void circular_one(struct soft *s, bool cosine)
{
    struct f80 r = f80_default_nan();
    s->cc &= ~(unsigned)FSW_C2;
    if (!full(s, 0)) {
        stack_fault(s, false);
    } else if (!f80_sincos(&s->env, get(s, 0), cosine ? NULL : &r, cosine ? &r : NULL)) {
        s->cc |= FSW_C2;
        return;
    }
    deliver(s, 0, r);
}

typedef struct f80 unary_fn(struct f80_env *env, struct f80 a);
typedef struct f80 binary_fn(struct f80_env *env, struct f80 x, struct f80 y);

static void unary(struct soft *s, unary_fn *fn)
{
    struct f80 r = f80_default_nan();
    if (full(s, 0))
        r = fn(&s->env, get(s, 0));
    else
        stack_fault(s, false);
    deliver(s, 0, r);
}

/* Of ST(0) and ST(1); into ST(1) with a pop, or into ST(0). */
static void binary(struct soft *s, binary_fn *fn, bool pops)
{
    struct f80 r = f80_default_nan();
    if (both(s, 1))
        r = fn(&s->env, get(s, 0), get(s, 1));
    else
        stack_fault(s, false);
    if (deliver(s, pops, r) && pops)
        pop(s);
}

static void remainder_of(struct soft *s, bool nearest)
{
    struct f80 r = f80_default_nan();
    unsigned cc = s->cc;
    if (both(s, 1))
        r = f80_rem(&s->env, get(s, 0), get(s, 1), nearest, &cc);
    else
        stack_fault(s, false);
    if (deliver(s, 0, r) && !(s->env.flags & FSW_SF)) {
        s->cc = cc;
        s->env.up = cc & FSW_C1;
    } else {
        s->cc &= FSW_C0 | FSW_C3;
    }
}

static void op_d9(struct soft *s, unsigned n)
{
    switch (n) {
    case 0x20: /* FCHS, FABS */
    case 0x21:
        if (full(s, 0)) {
            struct f80 v = get(s, 0);
            v.se = (uint16_t)(n & 1 ? v.se & ~F80_SIGN : v.se ^ F80_SIGN);
            put(s, 0, v);
        } else if (stack_fault(s, false)) {
            put(s, 0, f80_default_nan());
        }
        return;
    case 0x24:
        compare(s, f80_zero(false), false, false, 0);
        return;
    case 0x25:
        examine(s);
        return;
    case 0x30:
        unary(s, f80_2xm1);
        return;
    case 0x31:
        binary(s, f80_yl2x, true);
        return;
    case 0x32:
        circular_two(s, true);
        return;
    case 0x33:
        binary(s, f80_patan, true);
        return;
    case 0x34:
        extract(s);
        return;
    case 0x35:
        remainder_of(s, true);
        return;
    case 0x36:
    case 0x37:
        s->top = (s->top + (n & 1 ? 1u : 7u)) & 7;
        return;
    case 0x38:
        remainder_of(s, false);
        return;
    case 0x39:
        binary(s, f80_yl2xp1, true);
        return;
    case 0x3a:
        unary(s, f80_sqrt);
        return;
    case 0x3b:
        circular_two(s, false);
        return;
    case 0x3c:
        unary(s, f80_rint);
        return;
    case 0x3d:
        binary(s, f80_scale, false);
        return;
    case 0x3e:
    case 0x3f:
        circular_one(s, n & 1);
        return;
    default:
        if (n >= 0x28 && n < 0x2f)
            load_constant(s, n - 0x28);
        return;
    }
}

/* ---- register forms */

static void store_reg(struct soft *s, unsigned i, bool pops)
{
    if (!full(s, 0) && !stack_fault(s, false))
        return;
    put(s, i, full(s, 0) ? get(s, 0) : f80_default_nan());
    if (pops)
        pop(s);
}

static void move_if(struct soft *s, unsigned i, bool condition)
{
    if (!both(s, i)) {
        s->cc &= ~(unsigned)FSW_C1;
        if (stack_fault(s, false))
            put(s, 0, f80_default_nan());
    } else if (condition) {
        put(s, 0, get(s, i));
    }
}

static void registers(struct soft *s, unsigned op, unsigned n)
{
    static const uint16_t conditions[] = {X86_FLAG_CF, X86_FLAG_ZF, X86_FLAG_CF | X86_FLAG_ZF,
                                          X86_FLAG_PF};
    const unsigned reg = n >> 3, i = n & 7;
    switch (op << 3 | reg) {
    case 1 << 3 | 0:
        if (full(s, i))
            load(s, get(s, i));
        else if (stack_fault(s, false))
            push(s, f80_default_nan());
        return;
    case 1 << 3 | 1:
    case 5 << 3 | 1:
    case 7 << 3 | 1:
        exchange(s, i);
        return;
    case 1 << 3 | 3: /* FSTP1, an alias that does not fault */
        if (full(s, 0))
            put(s, i, get(s, 0));
        pop(s);
        return;
    case 5 << 3 | 2:
    case 5 << 3 | 3:
    case 7 << 3 | 2:
    case 7 << 3 | 3:
        store_reg(s, i, op != 5 || reg == 3);
        return;
    case 2 << 3 | 0:
    case 2 << 3 | 1:
    case 2 << 3 | 2:
    case 2 << 3 | 3:
    case 3 << 3 | 0:
    case 3 << 3 | 1:
    case 3 << 3 | 2:
    case 3 << 3 | 3:
        move_if(s, i, ((s->flags & conditions[reg]) != 0) == (op == 2));
        return;
    case 2 << 3 | 5: /* FUCOMPP */
        compare(s, get(s, 1), !full(s, 1), true, 2);
        return;
    case 3 << 3 | 5:
    case 3 << 3 | 6:
    case 7 << 3 | 5:
    case 7 << 3 | 6:
        compare_flags(s, i, reg == 5, op == 7);
        return;
    case 5 << 3 | 0: /* FFREE, FFREEP */
    case 7 << 3 | 0:
        s->used &= ~(1u << phys(s, i));
        if (op == 7)
            pop(s);
        return;
    case 5 << 3 | 4:
    case 5 << 3 | 5:
        compare(s, get(s, i), !full(s, i), true, reg - 4);
        return;
    case 6 << 3 | 3: /* FCOMPP */
        compare(s, get(s, 1), !full(s, 1), false, 2);
        return;
    default:
        break;
    }
    if (op == 1)
        op_d9(s, n);
    else if (reg == 2 || reg == 3)
        compare(s, get(s, i), !full(s, i), false, op == 6 ? 1 : reg - 2);
    else
        arith_reg(s, reg, i, op == 0 ? 0 : i, op == 6);
}

/* Does it leave C1 alone unless there is a stack fault? FCMOVcc, FCOMI and their kin, FNOP */
static bool keeps_c1(unsigned op, unsigned n)
{
    const unsigned reg = n >> 3;
    return (op == 2 && reg < 4) || (op == 3 && (reg < 4 || reg == 5 || reg == 6)) ||
           (op == 7 && (reg == 5 || reg == 6)) || (op == 1 && reg == 2);
}

uint64_t x87_soft_full(struct x87_image *image, const uint8_t *insn, void *mem, uint64_t flags)
{
    const unsigned op = insn[0] & 7, modrm = insn[1];
    struct soft s = {
        .top = image->sw >> FSW_TOP_SHIFT & 7,
        .cc = image->sw & CC_ALL,
        .env = f80_env_of((uint16_t)image->cw),
        .flags = flags,
    };
    for (unsigned n = 0; n < 8; n++) {
        s.reg[phys(&s, n)] = read80(image->st[n]);
        s.used |= (image->tw >> (2 * n) & 3) != 3 ? 1u << n : 0;
    }
    if (modrm >= 0xc0)
        registers(&s, op, modrm & 63);
    else
        memory(&s, op, modrm >> 3 & 7, mem);
    if (f80_stopped(&s.env)) {
        s.env.flags &= FSW_IE | FSW_DE | FSW_ZE | FSW_SF;
        s.env.up = s.env.up && s.env.flags & FSW_SF;
    }
    if (modrm < 0xc0 || !keeps_c1(op, modrm & 63))
        s.cc = (s.cc & ~(unsigned)FSW_C1) | (s.env.up ? FSW_C1 : 0u);

    uint32_t sw =
        (image->sw & (FSW_EXCEPTIONS | FSW_SF)) | s.cc | s.env.flags | s.top << FSW_TOP_SHIFT;
    if (sw & s.env.unmasked)
        sw |= FSW_ES | FSW_B;
    image->sw = sw;
    image->tw = 0;
    for (unsigned n = 0; n < 8; n++) {
        write80(image->st[n], get(&s, n));
        image->tw |= s.used >> n & 1 ? 0 : 3u << (2 * n);
    }
    return s.flags;
}

#if !CONFIG_HOST_X87

/* What is executed are the bytes of the stubs that other hosts run. */
#define STUB(byte, modrm)                                                                          \
    {                                                                                              \
        byte, modrm, 0xc3, 0x90                                                                    \
    }
#define REG8(byte, n)                                                                              \
    STUB(byte, n), STUB(byte, (n) + 1), STUB(byte, (n) + 2), STUB(byte, (n) + 3),                  \
        STUB(byte, (n) + 4), STUB(byte, (n) + 5), STUB(byte, (n) + 6), STUB(byte, (n) + 7)
#define REG64(byte)                                                                                \
    REG8(byte, 0xc0), REG8(byte, 0xc8), REG8(byte, 0xd0), REG8(byte, 0xd8), REG8(byte, 0xe0),      \
        REG8(byte, 0xe8), REG8(byte, 0xf0), REG8(byte, 0xf8)
#define MEM8(byte)                                                                                 \
    STUB(byte, 0x07), STUB(byte, 0x0f), STUB(byte, 0x17), STUB(byte, 0x1f), STUB(byte, 0x27),      \
        STUB(byte, 0x2f), STUB(byte, 0x37), STUB(byte, 0x3f)

const uint8_t x87_stub_reg[512][4] = {REG64(0xd8), REG64(0xd9), REG64(0xda), REG64(0xdb),
                                      REG64(0xdc), REG64(0xdd), REG64(0xde), REG64(0xdf)};
const uint8_t x87_stub_mem[64][4] = {MEM8(0xd8), MEM8(0xd9), MEM8(0xda), MEM8(0xdb),
                                     MEM8(0xdc), MEM8(0xdd), MEM8(0xde), MEM8(0xdf)};

uint64_t x87_host_full(struct x87_image *image, const void *stub, void *mem, uint64_t flags)
{
    return x87_soft_full(image, stub, mem, flags);
}

#endif
