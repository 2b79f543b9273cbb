/*
 * Decoded instructions and rows as text: the log's fallback where no disassembler knows an
 * instruction, and the coverage tables. Intel operand order.
 */
#include "tcg/x86/decode.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "core/util/range.h"

struct text {
    char *buf;
    size_t len, pos;
};

static void put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    if (t->pos >= t->len)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(t->buf + t->pos, t->len - t->pos, fmt, ap);
    va_end(ap);
    if (n > 0)
        t->pos += (size_t)n;
}

static const char *const cc_names[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                         "s", "ns", "p", "np", "l", "ge", "le", "g"};
static const char *const seg_names[8] = {"es", "cs", "ss", "ds", "fs", "gs", "?6", "?7"};

static void put_name(struct text *t, const struct x86_row *row, unsigned cc)
{
    for (const char *p = row->name; *p; p++)
        if (*p == '@')
            put(t, "%s", cc_names[cc & 15]);
        else
            put(t, "%c", *p);
}

void x86_insn_name(const struct x86_insn *i, char *buf, size_t len)
{
    struct text t = {buf, len, 0};
    if (len)
        buf[0] = 0;
    put_name(&t, i->row, i->cc);
}

/* ---- operands ------------------------------------------------------------------------------- */

static void put_reg(struct text *t, const struct x86_insn *i, unsigned reg, unsigned w)
{
    static const char *const names[8] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    static const char *const low[8] = {"al", "cl", "dl", "bl", "ah", "ch", "dh", "bh"};
    if (reg >= 8)
        put(t, "r%u%s", reg, w == IR_W8 ? "b" : w == IR_W16 ? "w" : w == IR_W32 ? "d" : "");
    else if (w != IR_W8)
        put(t, "%s%s", w == IR_W64 ? "r" : w == IR_W32 ? "e" : "", names[reg]);
    else if (i->rex && reg >= 4)
        put(t, "%sl", names[reg]);
    else
        put(t, "%s", low[reg]);
}

static void put_vec(struct text *t, bool wide, unsigned reg)
{
    put(t, "%cmm%u", wide ? 'y' : 'x', reg);
}

static void put_mem(struct text *t, const struct x86_insn *i, uint64_t next)
{
    const char *sep = "";
    if (i->seg_override != X86_NO_SEG)
        put(t, "%s:", seg_names[i->seg_override & 7]);
    put(t, "[");
    if (i->base == X86_BASE_RIP) {
        put(t, "0x%" PRIx64 "]", next + (uint64_t)i->disp);
        return;
    }
    if (i->base != X86_NO_REG) {
        put_reg(t, i, i->base, i->addrsize);
        sep = "+";
    }
    bool vindex = i->row->ops[1] == OP_Mi;
    if (i->index != X86_NO_REG || vindex) {
        put(t, "%s", sep);
        if (vindex)
            put_vec(t, i->vexl, i->vindex);
        else
            put_reg(t, i, i->index, i->addrsize);
        if (i->addrsize != IR_W16)
            put(t, "*%u", 1u << i->scale);
        sep = "+";
    }
    if (!*sep)
        put(t, "0x%" PRIx64, (uint64_t)i->disp & mask_bits(8u << i->addrsize));
    else if (i->disp)
        put(t, "%c0x%" PRIx64, i->disp < 0 ? '-' : '+',
            i->disp < 0 ? 0 - (uint64_t)i->disp : (uint64_t)i->disp);
    put(t, "]");
}

static void put_rm(struct text *t, const struct x86_insn *i, uint64_t next, unsigned w)
{
    if (i->mem)
        put_mem(t, i, next);
    else
        put_reg(t, i, i->rm, w);
}

static unsigned y_width(const struct x86_insn *i)
{
    return i->row->flags & I_W64 ? i->opsize : i->rex & 8 ? IR_W64 : IR_W32;
}

static void put_immediate(struct text *t, const struct x86_insn *i, unsigned k, uint64_t pc)
{
    uint64_t v = (uint64_t)i->imm, next = pc + i->len;
    switch (i->row->ops[k]) {
    case OP_Jb:
    case OP_Jz:
        put(t, "0x%" PRIx64, (next + v) & mask_bits(8u << i->opsize));
        break;
    case OP_Ap:
        put(t, "0x%" PRIx32 ":0x%" PRIx64, i->imm2, v);
        break;
    case OP_I1:
        put(t, "1");
        break;
    default:
        if (k && i->row->ops[0] == OP_Iw)
            v = i->imm2;
        put(t, "0x%" PRIx64, v & mask_bits(8u << i->opsize));
        break;
    }
}

static void put_operand(struct text *t, const struct x86_insn *i, unsigned k, uint64_t pc)
{
    uint64_t next = pc + i->len;
    switch (i->row->ops[k]) {
    case OP_Eb:
        put_rm(t, i, next, IR_W8);
        break;
    case OP_Ew:
        put_rm(t, i, next, IR_W16);
        break;
    case OP_Ed:
    case OP_Rd:
        put_rm(t, i, next, IR_W32);
        break;
    case OP_Eq:
    case OP_Rq:
        put_rm(t, i, next, IR_W64);
        break;
    case OP_Ey:
        put_rm(t, i, next, y_width(i));
        break;
    case OP_Gb:
        put_reg(t, i, i->reg, IR_W8);
        break;
    case OP_Gw:
        put_reg(t, i, i->reg, IR_W16);
        break;
    case OP_Gd:
        put_reg(t, i, i->reg, IR_W32);
        break;
    case OP_Gq:
        put_reg(t, i, i->reg, IR_W64);
        break;
    case OP_Gy:
        put_reg(t, i, i->reg, y_width(i));
        break;
    case OP_By:
        put_reg(t, i, i->vvvv, y_width(i));
        break;
    case OP_Gv:
        put_reg(t, i, i->reg, i->opsize);
        break;
    case OP_Zb:
    case OP_Zv:
        put_reg(t, i, i->opreg, i->opsize);
        break;
    case OP_AL:
    case OP_AX:
    case OP_rAX:
    case OP_eAX:
        put_reg(t, i, X86_RAX, i->opsize);
        break;
    case OP_CL:
        put(t, "cl");
        break;
    case OP_DX:
        put(t, "dx");
        break;
    case OP_Sw:
        put(t, "%s", seg_names[i->reg & 7]);
        break;
    case OP_Cr:
        put(t, "cr%u", i->reg);
        break;
    case OP_Dr:
        put(t, "dr%u", i->reg);
        break;
    case OP_ES:
    case OP_CS:
    case OP_SS:
    case OP_DS:
    case OP_FS:
    case OP_GS:
        put(t, "%s", seg_names[i->row->ops[k] - OP_ES]);
        break;
    case OP_Ob:
    case OP_Ov:
        put(t, "%s:[0x%" PRIx64 "]", seg_names[i->seg & 7], (uint64_t)i->disp);
        break;
    case OP_Xb:
    case OP_Xv:
        put(t, "%s:[", seg_names[i->seg & 7]);
        put_reg(t, i, X86_RSI, i->addrsize);
        put(t, "]");
        break;
    case OP_Yb:
    case OP_Yv:
        put(t, "es:[");
        put_reg(t, i, X86_RDI, i->addrsize);
        put(t, "]");
        break;
    case OP_ST0:
        put(t, "st");
        break;
    case OP_STi:
        put(t, "st(%u)", i->modrm & 7);
        break;
    case OP_Pq:
        put(t, "mm%u", i->reg & 7);
        break;
    case OP_Vx:
        put_vec(t, i->vexl, i->reg);
        break;
    case OP_Vdq:
        put_vec(t, false, i->reg);
        break;
    case OP_Hx:
        put_vec(t, i->vexl, i->vvvv);
        break;
    case OP_Hdq:
        put_vec(t, false, i->vvvv);
        break;
    case OP_Lx:
        put_vec(t, i->vexl, (unsigned)i->imm >> 4 & 15);
        break;
    case OP_Ldq:
        put_vec(t, false, (unsigned)i->imm >> 4 & 15);
        break;
    case OP_XMM0:
        put(t, "xmm0");
        break;
    case OP_Qq:
    case OP_Qd:
    case OP_Nq:
        if (i->mem)
            put_mem(t, i, next);
        else
            put(t, "mm%u", i->rm & 7);
        break;
    case OP_Wx:
    case OP_Ux:
        if (i->mem)
            put_mem(t, i, next);
        else
            put_vec(t, i->vexl, i->rm);
        break;
    case OP_Mi:
        put_mem(t, i, next);
        break;
    case OP_Wdq:
    case OP_Udq:
    case OP_Wb:
    case OP_Wh:
    case OP_Wf:
    case OP_We:
    case OP_Wq:
    case OP_Wd:
    case OP_Ww:
        if (i->mem)
            put_mem(t, i, next);
        else
            put_vec(t, false, i->rm);
        break;
    case OP_Ib:
    case OP_Ibs:
    case OP_Iw:
    case OP_Iz:
    case OP_Iv:
    case OP_I1:
    case OP_Jb:
    case OP_Jz:
    case OP_Ap:
        put_immediate(t, i, k, pc);
        break;
    default: /* the memory forms */
        put_rm(t, i, next, i->opsize);
        break;
    }
}

void x86_insn_format(const struct x86_insn *i, uint64_t pc, char *buf, size_t len)
{
    struct text t = {buf, len, 0};
    if (len)
        buf[0] = 0;
    if (i->lock)
        put(&t, "lock ");
    if (i->rep && i->row->flags & I_REP)
        put(&t, i->rep == 0xf2 ? "repnz " : "rep ");
    put_name(&t, i->row, i->cc);
    for (unsigned k = 0; k < 4 && i->row->ops[k]; k++) {
        put(&t, "%s", k ? "," : " ");
        put_operand(&t, i, k, pc);
    }
}

/* ---- rows ----------------------------------------------------------------------------------- */

static const char *const operand_names[X86_OPERAND_COUNT] = {
#define X(name) [OP_##name] = #name,
    X86_OPERANDS(X)
#undef X
};

const char *x86_feature_name(uint16_t feature)
{
    static const struct {
        uint16_t feature;
        const char *name;
    } names[] = {
        {FEAT_FPU, "FPU"},
        {FEAT_TSC, "TSC"},
        {FEAT_MSR, "MSR"},
        {FEAT_CX8, "CX8"},
        {FEAT_SEP, "SEP"},
        {FEAT_CMOV, "CMOV"},
        {FEAT_CLFLUSH, "CLFSH"},
        {FEAT_MMX, "MMX"},
        {FEAT_FXSR, "FXSR"},
        {FEAT_SSE, "SSE"},
        {FEAT_SSE2, "SSE2"},
        {FEAT_SSE3, "SSE3"},
        {FEAT_MONITOR, "MONITOR"},
        {FEAT_PCLMUL, "PCLMULQDQ"},
        {FEAT_SSSE3, "SSSE3"},
        {FEAT_FMA, "FMA"},
        {FEAT_CX16, "CMPXCHG16B"},
        {FEAT_SSE41, "SSE4.1"},
        {FEAT_SSE42, "SSE4.2"},
        {FEAT_MOVBE, "MOVBE"},
        {FEAT_POPCNT, "POPCNT"},
        {FEAT_AES, "AES"},
        {FEAT_XSAVE, "XSAVE"},
        {FEAT_AVX, "AVX"},
        {FEAT_F16C, "F16C"},
        {FEAT_RDRAND, "RDRAND"},
        {FEAT_FSGSBASE, "FSGSBASE"},
        {FEAT_BMI1, "BMI1"},
        {FEAT_AVX2, "AVX2"},
        {FEAT_BMI2, "BMI2"},
        {FEAT_INVPCID, "INVPCID"},
        {FEAT_RDSEED, "RDSEED"},
        {FEAT_ADX, "ADX"},
        {FEAT_SMAP, "SMAP"},
        {FEAT_SHA, "SHA"},
        {FEAT_PKU, "PKU"},
        {FEAT_GFNI, "GFNI"},
        {FEAT_VAES, "VAES"},
        {FEAT_VPCLMUL, "VPCLMULQDQ"},
        {FEAT_RDPID, "RDPID"},
        {FEAT_XSAVEOPT, "XSAVEOPT"},
        {FEAT_XSAVEC, "XSAVEC"},
        {FEAT_XGETBV1, "XGETBV1"},
        {FEAT_XSAVES, "XSAVES"},
        {FEAT_SYSCALL, "SYSCALL"},
        {FEAT_RDTSCP, "RDTSCP"},
        {FEAT_LM, "LM"},
        {FEAT_LAHF, "LAHF64"},
        {FEAT_ABM, "LZCNT"},
        {FEAT_PREFETCHW, "PREFETCHW"},
    };
    for (size_t n = 0; n < ARRAY_SIZE(names); n++)
        if (names[n].feature == feature)
            return names[n].name;
    return "";
}

static bool selects(const struct x86_row *row, uint32_t field, unsigned *value)
{
    unsigned shift = (unsigned)__builtin_ctz(field >> 16);
    if (!(row->select & field & 0xffff0000u))
        return false;
    *value = (row->select & field >> 16) >> shift;
    return true;
}

void x86_row_format(const struct x86_row *row, char *buf, size_t len)
{
    static const char *const maps[X86_MAP_COUNT] = {"",    "0F ",   "0F38 ", "0F3A ",
                                                    "0F ", "0F38 ", "0F3A "};
    bool vex = row->map >= MAP_V0F;
    static const char *const prefixes[] = {"NP ", "66 ", "F3 ", "F2 "};
    struct text t = {buf, len, 0};
    unsigned v;

    if (len)
        buf[0] = 0;
    if (vex)
        put(&t, "VEX%s ", !selects(row, VEX_L1, &v) ? "" : v ? ".L1" : ".L0");
    if (selects(row, SEL_FIELD(3, 0, 0), &v))
        put(&t, "%s", prefixes[v]);
    if (selects(row, REX_W1, &v) && (v || vex))
        put(&t, v ? vex ? "W1 " : "REX.W " : "W0 ");
    put(&t, "%s%02X", maps[row->map], row->op);
    if (row->last != row->op)
        put(&t, "-%02X", row->last);
    if (selects(row, REG_IS(7), &v))
        put(&t, " /%u", v);
    if (selects(row, RM_IS(7), &v))
        put(&t, " rm%u", v);
    if (selects(row, MOD_REG, &v))
        put(&t, v ? " reg" : " mem");
    if (selects(row, ONLY64, &v))
        put(&t, v ? " (64-bit mode)" : " (not in 64-bit mode)");
    put(&t, " %s", row->name);
    for (unsigned k = 0; k < 4 && row->ops[k]; k++)
        put(&t, "%s%s", k ? "," : " ", operand_names[row->ops[k]]);
}

void x86_print_tables(void (*line)(void *opaque, const char *text), void *opaque)
{
    for (const struct x86_row_table *const *t = x86_tables; *t; t++)
        for (unsigned n = 0; n < (*t)->count; n++) {
            const struct x86_row *row = &(*t)->rows[n];
            char text[128], buf[160];
            x86_row_format(row, text, sizeof text);
            snprintf(buf, sizeof buf, "%s\t%s", x86_feature_name(row->feature), text);
            line(opaque, buf);
        }
}
