/* What x87 instructions do to the stack, so that random sequences seldom overflow or underflow it.
 */
#ifndef ORACLE_X87_H
#define ORACLE_X87_H

#include <stdbool.h>
#include <stdint.h>

/* Registers by their number from the top before the instruction, writes: after its push. */
struct x87_effect {
    uint8_t reads;  /* must be in use */
    uint8_t writes; /* in use afterwards, whatever it was */
    uint8_t pops;
    bool pushes;
};

enum { D8, D9, DA, DB, DC, DD, DE, DF };

static bool reads(struct x87_effect *e, unsigned mask, unsigned pops)
{
    e->reads = (uint8_t)mask;
    e->pops = (uint8_t)pops;
    return true;
}

static bool pushes(struct x87_effect *e, unsigned mask)
{
    e->reads = (uint8_t)mask;
    e->pushes = true;
    return true;
}

/* D9 E0-FF: operations on the top and the one below. FPTAN and FSINCOS push or do not; FPREM and
 * FPREM1 keep condition codes or do not. */
static bool d9_effect(struct x87_effect *e, unsigned modrm)
{
    switch (modrm) {
    case 0xe0: /* FCHS FABS FTST FXAM */
    case 0xe1:
    case 0xe4:
    case 0xe5:
    case 0xf0: /* F2XM1 FSQRT FRNDINT FSIN FCOS */
    case 0xfa:
    case 0xfc:
    case 0xfe:
    case 0xff:
        return reads(e, 1, 0);
    case 0xfd: /* FSCALE */
        return reads(e, 3, 0);
    case 0xf1: /* FYL2X FPATAN FYL2XP1 */
    case 0xf3:
    case 0xf9:
        return reads(e, 3, 1);
    case 0xf4: /* FXTRACT */
        return pushes(e, 1);
    default: /* constants */
        return modrm >= 0xe8 && modrm <= 0xee && pushes(e, 0);
    }
}

static bool register_effect(struct x87_effect *e, unsigned op, unsigned modrm)
{
    const unsigned n = modrm >> 3 & 7, i = modrm & 7, both = 1u | 1u << i;
    switch (op) {
    case D8:
    case DC:
        return reads(e, both, n == 3);
    case D9:
        if (n == 0)
            return pushes(e, 1u << i);
        if (n == 2) /* FNOP */
            return reads(e, 0, 0);
        return n == 1 ? reads(e, both, 0) : n >= 4 && d9_effect(e, modrm);
    case DA:
        return n < 4 ? reads(e, both, 0) : modrm == 0xe9 && reads(e, 3, 2);
    case DB:
        return (n < 4 || n == 5 || n == 6) && reads(e, both, 0);
    case DD:
        if (n == 2 || n == 3)
            e->writes = (uint8_t)(1u << i);
        return n == 2 || n == 3 ? reads(e, 1, n == 3)
                                : (n == 4 || n == 5) && reads(e, both, n == 5);
    case DE:
        return n == 3 ? modrm == 0xd9 && reads(e, 3, 2) : reads(e, both, 1);
    default: /* FUCOMIP FCOMIP */
        return (n == 5 || n == 6) && reads(e, both, 1);
    }
}

static bool memory_effect(struct x87_effect *e, unsigned op, unsigned n)
{
    if (!(op & 1))
        return reads(e, 1, n == 3);
    if (op == DF && (n == 4 || n == 6)) /* BCD */
        return false;
    if (n == 0 || n == 5)
        return pushes(e, 0);
    return reads(e, 1, n != 2);
}

static bool x87_effect(struct x87_effect *e, unsigned opcode)
{
    const unsigned op = opcode >> 8 & 7, modrm = opcode & 0xff;
    *e = (struct x87_effect){0};
    return modrm >= 0xc0 ? register_effect(e, op, modrm) : memory_effect(e, op, modrm >> 3 & 7);
}

#endif
