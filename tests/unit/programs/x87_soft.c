/* Prints TAP. tcg/x86/x87_soft.c against the host's x87: every opcode, operands half of them
 * boundaries, random control words, masked and unmasked exceptions, full and empty stacks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcg/x86/fpu.h"

#if defined(__x86_64__)

static uint64_t seed = 0x2545f4914f6cdd1d;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x9e3779b97f4a7c15);
}

static void random_operand(uint8_t *out)
{
    static const uint16_t exponents[] = {
        0,           0x7fff, 0x3fff, 1,      0x7ffe, 0x3fff + 63, 0x3fff + 31, 0x4000,
        0x3fff + 15, 0x3f80, 0x407e, 0x3c01, 0x43fe, 0x3ffe,      2,           0x3fff + 62};
    uint64_t m = rnd();
    uint16_t e = (uint16_t)(rnd() >> 20);
    switch (rnd() >> 33 & 3) {
    case 0:
        e = (uint16_t)(exponents[rnd() >> 40 & 15] | (e & 0x8000));
        break;
    case 1:
        e = (uint16_t)(0x3fff - 70 + (rnd() >> 33) % 140) | (e & 0x8000);
        break;
    default:
        break;
    }
    switch (rnd() >> 33 & 7) {
    case 0:
        m = UINT64_C(1) << 63;
        break;
    case 1:
        m = e & 0x7fff ? UINT64_C(3) << 62 : 0;
        break;
    case 2:
        m = ~UINT64_C(0);
        break;
    case 3: /* short: results that are exact, or lie half way */
        m &= UINT64_C(0xffffff) << 40;
        break;
    case 4:
        m &= UINT64_C(0x7ffffff) << 37 | UINT64_C(1) << (rnd() >> 58);
        break;
    case 5:
        m >>= rnd() >> 58;
        break;
    default:
        break;
    }
    if (e & 0x7fff && rnd() >> 33 & 15)
        m |= UINT64_C(1) << 63;
    memcpy(out, &m, 8);
    memcpy(out + 8, &e, 2);
}

static void random_memory(unsigned op, uint8_t mem[16])
{
    static const uint32_t floats[] = {0,        0x80000000, 1,          0x7fffff,
                                      0x800000, 0x7f800000, 0x7f800001, 0x7fc00000};
    uint64_t v = rnd();
    random_operand(mem);
    if (op == 7 && rnd() >> 63)
        for (unsigned n = 0; n < 9; n++)
            mem[n] = (uint8_t)((rnd() >> 33) % 10 | (rnd() >> 33) % 10 << 4);
    if (op == 3 || op == 7)
        return;
    if (rnd() >> 62 == 0)
        v = op & 4 ? (uint64_t)floats[rnd() >> 61] << 32 | (rnd() >> 63) : floats[rnd() >> 61];
    memcpy(mem, &v, 8);
}

static void random_image(struct x87_image *image, bool masked)
{
    memset(image, 0, sizeof *image);
    image->cw = 0x7f | (rnd() >> 20 & 0xf00);
    if ((image->cw & 0x300) == 0x100)
        image->cw |= 0x300;
    if (!masked)
        image->cw &= ~(uint32_t)(rnd() >> 30 & 0x3f);
    image->sw = rnd() >> 30 & 0x7f00;
    image->sw |= rnd() >> 30 & image->cw & 0x3f;
    for (unsigned n = 0; n < 8; n++)
        random_operand(image->st[n]);
    const unsigned seventh = ((image->sw >> 11) + 7) & 7;
    if (rnd() >> 62)
        image->tw = 3u << (2 * seventh);
    else
        for (unsigned n = 0; n < 8; n++)
            image->tw |= rnd() >> 62 ? 0 : 3u << (2 * n);
}

static bool transcendental(const uint8_t *insn)
{
    return insn[0] == 0xd9 &&
           (insn[1] == 0xf0 || insn[1] == 0xf1 || insn[1] == 0xf2 || insn[1] == 0xf3 ||
            insn[1] == 0xf9 || insn[1] == 0xfb || insn[1] == 0xfe || insn[1] == 0xff);
}

/* What differs: registers and status; of a transcendental function the last place, and so C1 and
 * whether it was rounded, may. */
static const char *difference(const uint8_t *insn, const struct x87_image *a,
                              const struct x87_image *b)
{
    const bool loose = transcendental(insn);
    if ((a->sw ^ b->sw) & (loose ? 0xfdffu : 0xffffu))
        return "status";
    for (unsigned n = 0; n < 8; n++) {
        uint64_t ma, mb;
        uint16_t ea, eb;
        if (((a->tw >> (2 * n) & 3) == 3) != ((b->tw >> (2 * n) & 3) == 3))
            return "tags";
        memcpy(&ma, a->st[n], 8);
        memcpy(&mb, b->st[n], 8);
        memcpy(&ea, a->st[n] + 8, 2);
        memcpy(&eb, b->st[n] + 8, 2);
        const uint64_t last_places = ma - mb + ((uint64_t)(ea - eb) << 63);
        if (loose && (ea & 0x7fff) != 0x7fff && last_places + 1 <= 2)
            continue;
        if (ma != mb || ea != eb)
            return "registers";
    }
    return NULL;
}

static void report(const uint8_t *insn, const char *what, const struct x87_image *in,
                   const struct x87_image *host, const struct x87_image *soft, const uint8_t *mem)
{
    uint64_t m;
    uint16_t e;
    char text[2000];
    int at = snprintf(text, sizeof text, "%02x %02x: %s; cw %04x sw %04x tw %04x\n", insn[0],
                      insn[1], what, in->cw, in->sw, in->tw);
    const struct x87_image *all[] = {in, host, soft};
    for (unsigned k = 0; k < 3; k++) {
        at += snprintf(text + at, sizeof text - (size_t)at, "  sw %04x tw %04x",
                       all[k]->sw & 0xffff, all[k]->tw & 0xffff);
        for (unsigned n = 0; n < 8; n++) {
            memcpy(&m, all[k]->st[n], 8);
            memcpy(&e, all[k]->st[n] + 8, 2);
            if (n < 2 || n == 7 || n == (insn[1] & 7u))
                at += snprintf(text + at, sizeof text - (size_t)at, " %u:%04x.%016lx", n, e,
                               (unsigned long)m);
        }
        at += snprintf(text + at, sizeof text - (size_t)at, "\n");
    }
    memcpy(&m, mem, 8);
    fprintf(stderr, "%s  memory %016lx\n", text, (unsigned long)m);
}

/* Does the decode table have it? Environment and control words are not executed by stubs. */
static bool wanted_reg(unsigned op, unsigned n)
{
    const unsigned reg = n >> 3;
    switch (op) {
    case 1:
        return reg < 2 || reg == 3 ||
               (n >= 0x20 && n != 0x22 && n != 0x23 && n != 0x26 && n != 0x27 && n != 0x2f);
    case 2:
        return reg < 4 || n == 0x29;
    case 3:
        return reg < 4 || reg == 5 || reg == 6;
    case 5:
        return reg < 6;
    case 6:
        return reg != 3 || n == 0x19;
    case 7:
        return reg != 4 && reg != 7;
    default:
        return true;
    }
}

static bool wanted_mem(unsigned op, unsigned reg)
{
    switch (op) {
    case 1:
        return reg == 0 || reg == 2 || reg == 3;
    case 3:
        return reg != 4 && reg != 6;
    case 5:
        return reg < 4;
    default:
        return true;
    }
}

/* F2XM1 and FYL2XP1 are defined for small operands only. */
static bool defined(const uint8_t *insn, const struct x87_image *in)
{
    uint16_t e;
    memcpy(&e, in->st[0] + 8, 2);
    e &= 0x7fff;
    if (insn[0] != 0xd9 || e == 0x7fff)
        return true;
    return insn[1] == 0xf0 ? e < 0x3fff : insn[1] == 0xf9 ? e < 0x3ffd : true;
}

static unsigned compare(const uint8_t *insn, unsigned rounds, bool masked)
{
    unsigned bad = 0;
    for (unsigned n = 0; n < rounds; n++) {
        struct x87_image in, host, soft;
        uint8_t mem[16] = {0}, host_mem[16], soft_mem[16];
        random_image(&in, masked);
        random_memory(insn[0] & 7, mem);
        const uint64_t flags = (rnd() & 0x8d5) | 2;
        host = soft = in;
        memcpy(host_mem, mem, 16);
        memcpy(soft_mem, mem, 16);
        const uint64_t host_flags = x87_host_full(&host, insn, host_mem, flags) & 0x8d5;
        const uint64_t soft_flags = x87_soft_full(&soft, insn, soft_mem, flags) & 0x8d5;
        if (!defined(insn, &in))
            continue;
        const char *what = difference(insn, &host, &soft);
        if (!what && host_flags != soft_flags)
            what = "EFLAGS";
        if (!what && memcmp(host_mem, soft_mem, 16))
            what = "memory";
        if (what && ++bad <= 2)
            report(insn, what, &in, &host, &soft, mem);
    }
    return bad;
}

/* x87_soft [ROUNDS]: prints TAP. */
int main(int argc, char **argv)
{
    unsigned bad = 0;
    const unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 400;
    for (unsigned k = 0; k < 512; k++)
        if (wanted_reg(k >> 6, k & 63))
            bad += compare(x87_stub_reg[k], count / 4, true) +
                   compare(x87_stub_reg[k], count / 4, false);
    for (unsigned k = 0; k < 64; k++)
        if (wanted_mem(k >> 3, k & 7))
            bad += compare(x87_stub_mem[k], count, true) + compare(x87_stub_mem[k], count, false);
    printf("1..1\n%sok 1 - x87_soft: every instruction agrees with the processor\n",
           bad ? "not " : "");
    return bad != 0;
}

#else

int main(void)
{
    printf("1..0 # SKIP needs the x87 of an x86-64 host\n");
    return 77;
}

#endif
