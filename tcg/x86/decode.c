/*
 * The decoder: prefixes, opcode, ModRM/SIB/displacement, row, immediates, legality. Intel SDM vol.
 * 2, chapter "Instruction Format". See decode.h.
 */
#include "tcg/x86/decode.h"

#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "tcg/x86/slots.h"

const struct x86_row_table *const x86_tables[] = {&x86_table_int,
                                                  &x86_table_sys,
                                                  &x86_table_x87,
                                                  &x86_table_sse,
                                                  &x86_table_bmi,
                                                  &x86_table_avx,
                                                  NULL};

/* Which opcodes of the one-byte and the 0F map have a ModRM byte: bit n of word op >> 5. Kept apart
 * from the rows because an undefined opcode, too, has a length. Maps 0F38 and 0F3A: all do. */
#define BITS(first, last) (((UINT32_C(0xffffffff) >> (31 - ((last) - (first)))) << (first)))
#define BIT(n) (UINT32_C(1) << ((n)&31))
static const uint32_t has_modrm[2][8] = {
    [MAP_1] =
        {
            [0] = BITS(0x00, 0x03) | BITS(0x08, 0x0b) | BITS(0x10, 0x13) | BITS(0x18, 0x1b),
            [1] = BITS(0x00, 0x03) | BITS(0x08, 0x0b) | BITS(0x10, 0x13) | BITS(0x18, 0x1b),
            [3] = BITS(0x02, 0x03) | BITS(0x09, 0x09) | BITS(0x0b, 0x0b),
            [4] = BITS(0x00, 0x0f),
            [6] = BITS(0x00, 0x01) | BITS(0x04, 0x07) | BITS(0x10, 0x13) | BITS(0x18, 0x1f),
            [7] = BITS(0x16, 0x17) | BITS(0x1e, 0x1f),
        },
    [MAP_0F] =
        {
            [0] = BITS(0x00, 0x03) | BITS(0x0d, 0x0d) | BITS(0x0f, 0x1f),
            [1] = BITS(0x00, 0x0f),
            [2] = BITS(0x00, 0x1f),
            [3] = BITS(0x00, 0x16) | BITS(0x18, 0x1f),
            [4] = BITS(0x10, 0x1f),
            [5] = BITS(0x03, 0x05) | BITS(0x0b, 0x1f),
            [6] = BITS(0x00, 0x07) | BITS(0x10, 0x1f),
            [7] = BITS(0x00, 0x1f),
        },
};

/* Cursor over the bytes; reading past the end sets `status` and gives 0, then and from then on.
 * What has a cursor is inline, so that it can be in registers. */
struct cursor {
    const uint8_t *buf;
    unsigned limit, pos;
    enum x86_decode_status status;
};
#define INLINE static inline __attribute__((always_inline))

/* The position before the next `size` bytes is passed over; false: they are not there. */
INLINE bool pass(struct cursor *c, unsigned size)
{
    unsigned end = c->pos + size;
    if (__builtin_expect(end <= c->limit, 1)) {
        c->pos = end;
        return true;
    }
    if (c->status == X86_DECODE_OK)
        c->status = end > X86_INSN_MAX ? X86_DECODE_TOO_LONG : X86_DECODE_MORE;
    c->limit = 0;
    return false;
}

INLINE uint8_t take_byte(struct cursor *c)
{
    return pass(c, 1) ? c->buf[c->pos - 1] : 0;
}

INLINE int64_t take_signed(struct cursor *c, unsigned size)
{
    if (!pass(c, size))
        return 0;
    const uint8_t *at = c->buf + c->pos - size;
    switch (size) {
    case 1:
        return (int8_t)*at;
    case 2:
        return (int16_t)load_le16(at);
    case 4:
        return (int32_t)load_le32(at);
    default:
        return (int64_t)load_le64(at);
    }
}

INLINE uint64_t take(struct cursor *c, unsigned size)
{
    return (uint64_t)take_signed(c, size) & mask_bits(8 * size);
}

/* ---- prefixes ------------------------------------------------------------------------------- */

/* Legacy prefixes, as has_modrm[]. */
static const uint32_t is_prefix[8] = {
    [1] = BIT(0x26) | BIT(0x2e) | BIT(0x36) | BIT(0x3e),
    [3] = BIT(0x64) | BIT(0x65) | BIT(0x66) | BIT(0x67),
    [7] = BIT(0xf0) | BIT(0xf2) | BIT(0xf3),
};

INLINE uint8_t read_prefixes(struct x86_insn *n, struct cursor *c, bool code64)
{
    for (;;) {
        uint8_t b = take_byte(c);
        if (c->status != X86_DECODE_OK)
            return 0;
        if (!(is_prefix[b >> 5] >> (b & 31) & 1)) {
            if (!code64 || (b & 0xf0) != 0x40)
                return b;
            n->rex = b; /* counts only right before the opcode */
            continue;
        }
        switch (b) {
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
            if (!code64) /* ignored in 64-bit mode */
                n->seg_override = X86_ES + (b >> 3 & 3);
            break;
        case 0x64:
            n->seg_override = X86_FS;
            break;
        case 0x65:
            n->seg_override = X86_GS;
            break;
        case 0x66:
            n->prefixes |= X86_PFX_66;
            break;
        case 0x67:
            n->prefixes |= X86_PFX_67;
            break;
        case 0xf0:
            n->prefixes |= X86_PFX_LOCK;
            n->lock = true;
            break;
        case 0xf2:
            n->prefixes |= X86_PFX_F2;
            n->rep = b;
            break;
        case 0xf3:
            n->prefixes |= X86_PFX_F3;
            n->rep = b;
            break;
        default:
            break;
        }
        n->rex = 0;
    }
}

static void read_sizes(struct x86_insn *n, uint64_t mode)
{
    bool p66 = n->prefixes & X86_PFX_66, p67 = n->prefixes & X86_PFX_67;
    if (mode & MODE_CODE64) {
        n->opsize = n->rex & 8 ? IR_W64 : p66 ? IR_W16 : IR_W32;
        n->addrsize = p67 ? IR_W32 : IR_W64;
    } else {
        bool code32 = mode & MODE_CODE32;
        n->opsize = code32 != p66 ? IR_W32 : IR_W16;
        n->addrsize = code32 != p67 ? IR_W32 : IR_W16;
    }
    n->mandatory = n->rep == 0xf2 ? 3 : n->rep == 0xf3 ? 2 : p66 ? 1 : 0;
}

/* C4 and C5 outside 64-bit code are LDS and LES but for the forms that those do not have; in real
 * and V86 mode there is no VEX. */
INLINE bool is_vex(const struct cursor *c, uint8_t b, uint64_t mode)
{
    if (b != 0xc4 && b != 0xc5)
        return false;
    if (mode & MODE_CODE64)
        return true;
    return mode & MODE_PROTECTED && !(mode & MODE_V86) && c->pos < c->limit &&
           c->buf[c->pos] >= 0xc0;
}

/* The bytes behind C4 or C5; false: undefined. */
INLINE bool read_vex(struct x86_insn *n, struct cursor *c, uint8_t b, uint64_t mode)
{
    bool code64 = mode & MODE_CODE64, before = n->prefixes & ~X86_PFX_67 || n->rex;
    unsigned map = 1, p = take_byte(c), rxb = p >> 5 | 3;
    if (b == 0xc4) {
        map = p & 31;
        rxb = p >> 5;
        p = take_byte(c);
    } else {
        p &= 0x7f;
    }
    n->vex = true;
    n->rex = (uint8_t)(0x40 | (p & 0x80 ? 8 : 0) | (code64 ? ~rxb & 7 : 0));
    n->vexl = p >> 2 & 1;
    n->vvvv = ~p >> 3 & 15;
    n->mandatory = p & 3;
    n->map = (uint8_t)(MAP_V0F + map - 1);
    n->op = take_byte(c);
    return !before && map >= 1 && map <= 3;
}

/* ---- ModRM ---------------------------------------------------------------------------------- */

INLINE void read_ea16(struct x86_insn *n, struct cursor *c)
{
    static const uint8_t base[8] = {X86_RBX,    X86_RBX,    X86_RBP, X86_RBP,
                                    X86_NO_REG, X86_NO_REG, X86_RBP, X86_RBX};
    static const uint8_t index[8] = {X86_RSI, X86_RDI, X86_RSI,    X86_RDI,
                                     X86_RSI, X86_RDI, X86_NO_REG, X86_NO_REG};
    unsigned rm = n->modrm & 7;
    n->base = base[rm];
    n->index = index[rm];
    if (n->mod == 0 && rm == 6) {
        n->base = X86_NO_REG;
        n->disp = take_signed(c, 2);
    } else if (n->mod) {
        n->disp = take_signed(c, n->mod == 1 ? 1 : 2);
    }
    n->seg = n->base == X86_RBP ? X86_SS : X86_DS;
}

INLINE void read_ea32(struct x86_insn *n, struct cursor *c, bool code64)
{
    unsigned rm = n->modrm & 7, rex_b = (n->rex & 1) << 3, rex_x = (n->rex & 2) << 2;
    bool no_base = n->mod == 0 && rm == 5;
    n->base = (uint8_t)(rm | rex_b);
    if (rm == 4) {
        uint8_t sib = take_byte(c);
        n->scale = sib >> 6;
        n->vindex = n->index = (uint8_t)((sib >> 3 & 7) | rex_x);
        if (n->index == 4)
            n->index = X86_NO_REG;
        n->base = (uint8_t)((sib & 7) | rex_b);
        no_base = n->mod == 0 && (sib & 7) == 5;
    }
    if (no_base) {
        n->base = code64 && rm == 5 ? X86_BASE_RIP : X86_NO_REG;
        n->disp = take_signed(c, 4);
    } else if (n->mod) {
        n->disp = take_signed(c, n->mod == 1 ? 1 : 4);
    }
    n->seg = n->base == X86_RSP || n->base == X86_RBP ? X86_SS : X86_DS;
}

/* MOV to and from control and debug registers. */
INLINE bool is_control_move(const struct x86_insn *n)
{
    return n->map == MAP_0F && (n->op & 0xfc) == 0x20;
}

INLINE void read_modrm(struct x86_insn *n, struct cursor *c, bool code64)
{
    n->has_modrm = true;
    n->modrm = take_byte(c);
    n->mod = n->modrm >> 6;
    if (is_control_move(n))
        n->mod = 3; /* MOV to and from control and debug registers take no memory operand */
    n->reg = (uint8_t)((n->modrm >> 3 & 7) | (n->rex & 4) << 1);
    n->rm = (uint8_t)((n->modrm & 7) | (n->rex & 1) << 3);
    if (n->mod == 3)
        return;
    n->mem = true;
    if (n->addrsize == IR_W16)
        read_ea16(n, c);
    else
        read_ea32(n, c, code64);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static uint32_t selector_key(const struct x86_insn *n, uint64_t mode)
{
    return n->mandatory | (uint32_t)(n->mod == 3) << 2 | (uint32_t)(n->modrm >> 3 & 7) << 3 |
           (uint32_t)(n->modrm & 7) << 6 | (uint32_t)(n->rex >> 3 & 1) << 9 |
           (uint32_t)((mode & MODE_CODE64) != 0) << 10 | (uint32_t)n->opsize << 11 |
           (uint32_t)(n->rep == 0xf3) << 13 | (uint32_t)(n->rex & 1) << 14 |
           (uint32_t)n->vexl << 15;
}

static bool has_feature(const uint32_t *features, uint16_t feature)
{
    return !feature || !features || (features[(feature >> 5) - 1] >> (feature & 31) & 1);
}

static const struct x86_row *find_row(const struct x86_insn *n, uint64_t mode,
                                      const uint32_t *features)
{
    uint32_t key = 0; /* most rows do not ask for it */
    bool made = false;
    for (const struct x86_row_table *const *t = x86_tables; *t; t++) {
        unsigned at = (*t)->index[n->map << 8 | n->op];
        for (; at; at--) {
            const struct x86_row *row = &(*t)->rows[at - 1];
            if (row->map != n->map || n->op < row->op || n->op > row->last)
                break;
            if (row->select >> 16 && !made) {
                key = selector_key(n, mode);
                made = true;
            }
            if ((key ^ row->select) & row->select >> 16)
                continue;
            if (!(row->feature | row->feature2) ||
                (has_feature(features, row->feature) && has_feature(features, row->feature2)))
                return row;
            if (!(row->flags & I_ELSE))
                return NULL;
        }
    }
    return NULL;
}

/* ---- immediates ----------------------------------------------------------------------------- */

INLINE void read_immediates(struct x86_insn *n, struct cursor *c)
{
    bool have = false;
    unsigned z = n->opsize == IR_W16 ? 2 : 4;
    for (unsigned k = 0; k < 4 && n->row->ops[k]; k++) {
        int64_t v;
        switch (n->row->ops[k]) {
        case OP_Ib:
        case OP_Lx:
        case OP_Ldq:
            v = (int64_t)take(c, 1);
            break;
        case OP_Ibs:
        case OP_Jb:
            v = take_signed(c, 1);
            break;
        case OP_Iw:
            v = (int64_t)take(c, 2);
            break;
        case OP_Iz:
        case OP_Jz:
            v = take_signed(c, z);
            break;
        case OP_Iv:
            v = take_signed(c, n->opsize == IR_W64 ? 8 : z);
            break;
        case OP_Ap:
            v = (int64_t)take(c, z);
            n->imm2 = (uint32_t)take(c, 2);
            break;
        case OP_Ob:
        case OP_Ov:
            n->disp = (int64_t)take(c, 1u << n->addrsize);
            n->seg = X86_DS;
            continue;
        default:
            continue;
        }
        if (have)
            n->imm2 = (uint32_t)v;
        else
            n->imm = v;
        have = true;
    }
}

static void row_opsize(struct x86_insn *n, uint64_t mode)
{
    unsigned f = n->row->flags;
    if (!(f & (I_BYTE | I_W64 | I_LIG | I_FORCE64 | I_DEF64)))
        return;
    if (f & I_BYTE)
        n->opsize = IR_W8;
    if (f & I_W64)
        n->opsize = n->rex & 8 && mode & MODE_CODE64 ? IR_W64 : IR_W32;
    if (f & I_LIG)
        n->vexl = 0;
    if (!(mode & MODE_CODE64))
        return;
    if (f & I_FORCE64)
        n->opsize = IR_W64;
    if (f & I_DEF64)
        n->opsize = n->prefixes & X86_PFX_66 && !(n->rex & 8) ? IR_W16 : IR_W64;
}

/* An operand that VEX.vvvv names. */
static bool in_vvvv(unsigned kind)
{
    return kind == OP_Hx || kind == OP_Hdq || kind == OP_By;
}

/* VEX.vvvv names a register exactly where an operand is in it; outside 64-bit code there are eight.
 */
static bool vex_legal(struct x86_insn *n, uint64_t mode)
{
    const uint8_t *ops = n->row->ops;
    bool used = in_vvvv(ops[0]) || in_vvvv(ops[1]) || in_vvvv(ops[2]);
    if (!used)
        return !n->vvvv;
    if (!(mode & MODE_CODE64))
        n->vvvv &= 7;
    if (ops[1] == OP_Mi && (n->vindex == X86_NO_REG || n->addrsize == IR_W16))
        return false;
    return !(n->row->flags & I_DISTINCT) ||
           (n->reg != n->vindex && n->reg != n->vvvv && n->vvvv != n->vindex);
}

static bool legal(struct x86_insn *n, uint64_t mode)
{
    if (n->vex && !vex_legal(n, mode))
        return false;
    if (n->lock && (!(n->row->flags & I_LOCK) || !n->mem))
        return false;
    if (n->row->flags & I_PROT && (!(mode & MODE_PROTECTED) || mode & MODE_V86))
        return false;
    if (!is_control_move(n))
        return true;
    /* CR0, 2, 3, 4, 8 and DR0 to 7; the others are undefined at any privilege level. */
    if (n->row->ops[0] == OP_Cr || n->row->ops[1] == OP_Cr)
        return n->reg < 16 && (0x11du >> n->reg & 1);
    return n->reg < 8;
}

INLINE void read_opcode(struct x86_insn *n, struct cursor *c, uint8_t b)
{
    n->map = MAP_1;
    if (b == 0x0f) {
        b = take_byte(c);
        n->map = MAP_0F;
        if (b == 0x38 || b == 0x3a) {
            n->map = b == 0x38 ? MAP_0F38 : MAP_0F3A;
            b = take_byte(c);
        }
    }
    n->op = b;
    n->cc = b & 15;
    n->opreg = (uint8_t)((b & 7) | (n->rex & 1) << 3);
}

static bool takes_modrm(const struct x86_insn *n)
{
    if (n->map == MAP_V0F)
        return n->op != 0x77; /* VZEROUPPER */
    return n->map >= MAP_0F38 || has_modrm[n->map][n->op >> 5] >> (n->op & 31) & 1;
}

enum x86_decode_status x86_decode(struct x86_insn *n, const uint8_t *buf, size_t len, uint64_t mode,
                                  const uint32_t *features)
{
    struct cursor c = {
        .buf = buf, .limit = MIN((unsigned)len, (unsigned)X86_INSN_MAX), .status = X86_DECODE_OK};
    bool code64 = mode & MODE_CODE64;

    memset(n, 0, sizeof *n);
    n->base = n->index = n->vindex = X86_NO_REG;
    n->seg_override = X86_NO_SEG;
    n->seg = X86_DS;
    uint8_t b = read_prefixes(n, &c, code64);
    read_sizes(n, mode);
    bool known = true;
    if (is_vex(&c, b, mode))
        known = read_vex(n, &c, b, mode);
    else
        read_opcode(n, &c, b);
    if (c.status == X86_DECODE_OK && known && takes_modrm(n))
        read_modrm(n, &c, code64);
    if (c.status == X86_DECODE_OK && !known) {
        n->len = (uint8_t)c.pos;
        return X86_DECODE_UD;
    }
    if (c.status == X86_DECODE_OK) {
        n->row = find_row(n, mode, features);
        if (!n->row) {
            n->len = (uint8_t)c.pos;
            return X86_DECODE_UD;
        }
        row_opsize(n, mode);
        if (n->row->bytes)
            read_immediates(n, &c);
    }
    n->len = (uint8_t)c.pos;
    if (c.status != X86_DECODE_OK)
        return c.status;
    if (n->seg_override != X86_NO_SEG)
        n->seg = n->seg_override;
    return legal(n, mode) ? X86_DECODE_OK : X86_DECODE_UD;
}
