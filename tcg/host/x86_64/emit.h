/*
 * x86-64 instruction encoder. Knows encodings only: what to emit is decided elsewhere. Only VEX
 * forms of vector instructions exist here, since mixing legacy SSE with VEX is slow on current
 * hosts.
 *
 * Opcodes are constants made of the opcode byte, map, mandatory prefix and W (OPC). Writing past
 * the end is not possible: the buffer has a margin and `full` is set (checked by the caller between
 * instructions).
 */
#ifndef TCG_HOST_X86_64_EMIT_H
#define TCG_HOST_X86_64_EMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum host_reg {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    NO_REG = -1,
};

/* The same numbering as enum ir_cc. */
enum host_cc {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G
};

enum {
    MAP_0F = 1 << 8,
    MAP_0F38 = 2 << 8,
    MAP_0F3A = 3 << 8,
    MAP_MASK = 3 << 8,
    PP_66 = 1 << 10,
    PP_F3 = 2 << 10,
    PP_F2 = 3 << 10,
    PP_MASK = 3 << 10,
    OPC_W = 1 << 12,    /* REX.W or VEX.W */
    OPC_L = 1 << 14,    /* VEX.L: 256 bits */
    OPC_BYTE = 1 << 13, /* 8-bit registers: REX needed for SPL..DIL */
};

struct emit {
    uint8_t *p;     /* writable view, next byte */
    uint8_t *start; /* of this block */
    uint8_t *end;   /* soft limit, a margin below the real end */
    /* Behind the last jump or call; what was emitted since is right anywhere. */
    const uint8_t *branch;
};

/* [base + index*scale + disp]; index NO_REG: none. */
struct host_mem {
    int base, index, scale; /* scale: log2 */
    int32_t disp;
};
static inline struct host_mem mem_at(int base, int32_t disp)
{
    return (struct host_mem){base, NO_REG, 0, disp};
}
static inline struct host_mem mem_index(int base, int index, int scale, int32_t disp)
{
    return (struct host_mem){base, index, scale, disp};
}

static inline bool emit_full(const struct emit *e)
{
    return e->p >= e->end;
}
static inline void emit_u8(struct emit *e, unsigned v)
{
    *e->p++ = (uint8_t)v;
}
static inline void emit_u32(struct emit *e, uint32_t v)
{
    memcpy(e->p, &v, 4);
    e->p += 4;
}
static inline void emit_u64(struct emit *e, uint64_t v)
{
    memcpy(e->p, &v, 8);
    e->p += 8;
}

static inline void emit_opcode(struct emit *e, uint32_t op, int reg, int index, int base,
                               bool byte_reg)
{
    unsigned rex = (op & OPC_W ? 8 : 0) | (reg & 8 ? 4 : 0) |
                   (index != NO_REG && (index & 8) ? 2 : 0) |
                   (base != NO_REG && (base & 8) ? 1 : 0);
    static const uint8_t prefixes[4] = {0, 0x66, 0xf3, 0xf2};
    if (op & PP_MASK)
        emit_u8(e, prefixes[(op & PP_MASK) >> 10]);
    if (rex || byte_reg)
        emit_u8(e, 0x40 | rex);
    if (op & MAP_MASK)
        emit_u8(e, 0x0f);
    if ((op & MAP_MASK) == MAP_0F38)
        emit_u8(e, 0x38);
    if ((op & MAP_MASK) == MAP_0F3A)
        emit_u8(e, 0x3a);
    emit_u8(e, op & 0xff);
}

static inline void emit_modrm_mem(struct emit *e, int reg, struct host_mem m)
{
    bool disp8 = m.disp == (int8_t)m.disp;
    bool no_disp = m.disp == 0 && (m.base & 7) != RBP;
    unsigned mod = no_disp ? 0 : disp8 ? 1 : 2;
    if (m.index != NO_REG || (m.base & 7) == RSP) {
        emit_u8(e, mod << 6 | (unsigned)(reg & 7) << 3 | 4);
        emit_u8(e, (unsigned)m.scale << 6 | (unsigned)(m.index == NO_REG ? 4 : m.index & 7) << 3 |
                       (unsigned)(m.base & 7));
    } else {
        emit_u8(e, mod << 6 | (unsigned)(reg & 7) << 3 | (unsigned)(m.base & 7));
    }
    if (mod == 1)
        emit_u8(e, (uint8_t)m.disp);
    else if (mod == 2)
        emit_u32(e, (uint32_t)m.disp);
}

/* op reg, rm */
static inline void emit_rr(struct emit *e, uint32_t op, int reg, int rm)
{
    emit_opcode(e, op, reg, NO_REG, rm, (op & OPC_BYTE) && (reg >= 4 || rm >= 4));
    emit_u8(e, 0xc0 | (unsigned)(reg & 7) << 3 | (unsigned)(rm & 7));
}
static inline void emit_rm(struct emit *e, uint32_t op, int reg, struct host_mem m)
{
    emit_opcode(e, op, reg, m.index, m.base, (op & OPC_BYTE) && reg >= 4);
    emit_modrm_mem(e, reg, m);
}

/* VEX: reg, vvvv (NO_REG: none), rm. */
static inline void emit_vex_prefix(struct emit *e, uint32_t op, int reg, int vvvv, int index,
                                   int base)
{
    unsigned l256 = op & OPC_L ? 1 : 0;
    unsigned r = !(reg & 8), x = !(index != NO_REG && (index & 8)),
             b = !(base != NO_REG && (base & 8));
    unsigned v = (unsigned)~(vvvv == NO_REG ? 0 : vvvv) & 15, pp = (op & PP_MASK) >> 10;
    unsigned map = (op & MAP_MASK) >> 8, w = op & OPC_W ? 1 : 0;
    if (x && b && !w && map == 1) {
        emit_u8(e, 0xc5);
        emit_u8(e, r << 7 | v << 3 | l256 << 2 | pp);
    } else {
        emit_u8(e, 0xc4);
        emit_u8(e, r << 7 | x << 6 | b << 5 | map);
        emit_u8(e, w << 7 | v << 3 | l256 << 2 | pp);
    }
    emit_u8(e, op & 0xff);
}
static inline void emit_vex_rr(struct emit *e, uint32_t op, int reg, int vvvv, int rm)
{
    emit_vex_prefix(e, op, reg, vvvv, NO_REG, rm);
    emit_u8(e, 0xc0 | (unsigned)(reg & 7) << 3 | (unsigned)(rm & 7));
}
static inline void emit_vex_rm(struct emit *e, uint32_t op, int reg, int vvvv, struct host_mem m)
{
    emit_vex_prefix(e, op, reg, vvvv, m.index, m.base);
    emit_modrm_mem(e, reg, m);
}

/* ---- opcodes by name
 * ---------------------------------------------------------------------------------- */

enum {
    X_ADD = 0x03,
    X_OR = 0x0b,
    X_ADC = 0x13,
    X_SBB = 0x1b,
    X_AND = 0x23,
    X_SUB = 0x2b,
    X_XOR = 0x33,
    X_CMP = 0x3b,
    X_TEST = 0x85,
    X_MOV_LOAD = 0x8b,
    X_MOV_STORE = 0x89,
    X_MOV_STORE8 = 0x88 | OPC_BYTE,
    X_LEA = 0x8d,
    X_IMUL = 0xaf | MAP_0F,
    X_MOVZX8 = 0xb6 | MAP_0F,
    X_MOVZX16 = 0xb7 | MAP_0F,
    X_MOVSX8 = 0xbe | MAP_0F,
    X_MOVSX16 = 0xbf | MAP_0F,
    X_MOVSXD = 0x63,
    X_CMOV = 0x40 | MAP_0F,
    X_SETCC = 0x90 | MAP_0F | OPC_BYTE,
    X_POPCNT = 0xb8 | MAP_0F | PP_F3,
    X_LZCNT = 0xbd | MAP_0F | PP_F3,
    X_TZCNT = 0xbc | MAP_0F | PP_F3,
    X_CRC32 = 0xf1 | MAP_0F38 | PP_F2,
    X_CRC32_8 = 0xf0 | MAP_0F38 | PP_F2 | OPC_BYTE,
    X_SHLD = 0xa5 | MAP_0F,
    X_SHRD = 0xad | MAP_0F,
    V_ANDN = 0xf2 | MAP_0F38,
    V_PDEP = 0xf5 | MAP_0F38 | PP_F2,
    V_PEXT = 0xf5 | MAP_0F38 | PP_F3,
    V_SHLX = 0xf7 | MAP_0F38 | PP_66,
    V_SHRX = 0xf7 | MAP_0F38 | PP_F2,
    V_SARX = 0xf7 | MAP_0F38 | PP_F3,
    V_RORX = 0xf0 | MAP_0F3A | PP_F2,
    V_MULX = 0xf6 | MAP_0F38 | PP_F2,
    V_MOVDQU_LOAD = 0x6f | MAP_0F | PP_F3,
    V_MOVDQU_STORE = 0x7f | MAP_0F | PP_F3,
    V_MOVAPS = 0x28 | MAP_0F,
    V_EXTRACT128 = 0x39 | MAP_0F3A | PP_66 | OPC_L,
    V_BLEND32 = 0x02 | MAP_0F3A | PP_66,
    V_INSERT128 = 0x38 | MAP_0F3A | PP_66 | OPC_L,
    V_MXCSR = 0xae | MAP_0F, /* /2: load, /3: store */
    V_PXOR = 0xef | MAP_0F | PP_66,
    V_MOVD_LOAD = 0x6e | MAP_0F | PP_66,
    V_MOVD_STORE = 0x7e | MAP_0F | PP_66,
    V_MOVQ_LOAD = 0x7e | MAP_0F | PP_F3,
    V_MOVQ_STORE = 0xd6 | MAP_0F | PP_66,
};
/* Group 1 and shift group numbers for immediates. */
enum { G_ADD, G_OR, G_ADC, G_SBB, G_AND, G_SUB, G_XOR, G_CMP };
enum { G_ROL, G_ROR, G_RCL, G_RCR, G_SHL, G_SHR, G_SAR = 7 };

static inline void emit_vzeroupper(struct emit *e)
{
    emit_u8(e, 0xc5);
    emit_u8(e, 0xf8);
    emit_u8(e, 0x77);
}

static inline uint32_t w_bit(bool wide)
{
    return wide ? OPC_W : 0;
}
static inline void emit_mov(struct emit *e, bool wide, int dst, int src)
{
    if (dst != src)
        emit_rr(e, X_MOV_LOAD | w_bit(wide), dst, src);
}
static inline void emit_mov_imm(struct emit *e, int dst, uint64_t v)
{
    if (v == (uint32_t)v) {
        emit_opcode(e, 0xb8 | (unsigned)(dst & 7), 0, NO_REG, dst, false);
        emit_u32(e, (uint32_t)v);
    } else if ((int64_t)v == (int32_t)v) {
        emit_rr(e, 0xc7 | OPC_W, 0, dst);
        emit_u32(e, (uint32_t)v);
    } else {
        emit_opcode(e, (0xb8 | (unsigned)(dst & 7)) | OPC_W, 0, NO_REG, dst, false);
        emit_u64(e, v);
    }
}
/* group 1 with immediate, width in bytes 1, 2, 4, 8 */
static inline void emit_alu_imm(struct emit *e, unsigned size, int group, int dst, int32_t imm)
{
    uint32_t pre = size == 2 ? PP_66 : size == 8 ? OPC_W : 0;
    if (size == 1) {
        emit_rr(e, 0x80 | OPC_BYTE, group, dst);
        emit_u8(e, (uint8_t)imm);
    } else if (imm == (int8_t)imm) {
        emit_rr(e, 0x83 | pre, group, dst);
        emit_u8(e, (uint8_t)imm);
    } else {
        emit_rr(e, 0x81 | pre, group, dst);
        if (size == 2) {
            emit_u8(e, (uint8_t)imm);
            emit_u8(e, (uint8_t)(imm >> 8));
        } else {
            emit_u32(e, (uint32_t)imm);
        }
    }
}
/* group 1 register form for a width: opcode X_ADD... */
static inline void emit_alu(struct emit *e, unsigned size, uint32_t op, int dst, int src)
{
    if (size == 1)
        emit_rr(e, (op - 1) | OPC_BYTE, dst, src);
    else
        emit_rr(e, op | (size == 2 ? PP_66 : size == 8 ? OPC_W : 0), dst, src);
}
static inline void emit_shift_imm(struct emit *e, unsigned size, int group, int dst, unsigned count)
{
    if (size == 1)
        emit_rr(e, 0xc0 | OPC_BYTE, group, dst);
    else
        emit_rr(e, 0xc1 | (size == 2 ? PP_66 : size == 8 ? OPC_W : 0), group, dst);
    emit_u8(e, count);
}
static inline void emit_shift_cl(struct emit *e, unsigned size, int group, int dst)
{
    if (size == 1)
        emit_rr(e, 0xd2 | OPC_BYTE, group, dst);
    else
        emit_rr(e, 0xd3 | (size == 2 ? PP_66 : size == 8 ? OPC_W : 0), group, dst);
}
static inline void emit_load(struct emit *e, bool wide, int dst, struct host_mem m)
{
    emit_rm(e, X_MOV_LOAD | w_bit(wide), dst, m);
}
static inline void emit_store(struct emit *e, unsigned size, int src, struct host_mem m)
{
    if (size == 1)
        emit_rm(e, X_MOV_STORE8, src, m);
    else
        emit_rm(e, X_MOV_STORE | (size == 2 ? PP_66 : size == 8 ? OPC_W : 0), src, m);
}
/* mov dword/qword [m], imm32 (sign-extended) */
static inline void emit_store_imm(struct emit *e, bool wide, struct host_mem m, int32_t imm)
{
    emit_rm(e, 0xc7 | w_bit(wide), 0, m);
    emit_u32(e, (uint32_t)imm);
}
static inline void emit_ret(struct emit *e)
{
    emit_u8(e, 0xc3);
}
/* One instruction that does nothing, 0 to 3 bytes. */
static inline void emit_nop(struct emit *e, unsigned bytes)
{
    if (bytes == 3) {
        emit_u8(e, 0x0f);
        emit_u8(e, 0x1f);
        emit_u8(e, 0x00);
    } else {
        if (bytes == 2)
            emit_u8(e, 0x66);
        if (bytes)
            emit_u8(e, 0x90);
    }
}
/* Jumps: the position of the displacement is returned for emit_patch_here/emit_patch. */
static inline uint8_t *emit_jcc(struct emit *e, unsigned cc)
{
    emit_u8(e, 0x0f);
    emit_u8(e, 0x80 | cc);
    emit_u32(e, 0);
    e->branch = e->p;
    return e->p - 4;
}
static inline uint8_t *emit_jmp(struct emit *e)
{
    emit_u8(e, 0xe9);
    emit_u32(e, 0);
    e->branch = e->p;
    return e->p - 4;
}
static inline void emit_patch(uint8_t *disp, const uint8_t *target)
{
    int32_t d = (int32_t)(target - (disp + 4));
    memcpy(disp, &d, 4);
}
static inline void emit_jmp_to(struct emit *e, const uint8_t *target)
{
    emit_patch(emit_jmp(e), target);
}
static inline void emit_call_to(struct emit *e, const uint8_t *target)
{
    emit_u8(e, 0xe8);
    emit_u32(e, 0);
    e->branch = e->p;
    emit_patch(e->p - 4, target);
}

#endif
