/* Target descriptions of x86 vCPUs: see target.h. */
#include "core/gdb/target.h"

#include <stdio.h>
#include <string.h>

#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"

#define CPUID_LONG_MODE (1u << 29)
#define CPUID_AVX (1u << 28)

#define FEATURE(name_)                                                                             \
    {                                                                                              \
        name_, NULL, NULL, 0                                                                       \
    }
#define SEG32(n)                                                                                   \
    {                                                                                              \
        n, n, "int32", 4                                                                           \
    }
#define ST(n)                                                                                      \
    {                                                                                              \
        "st" #n, "st" #n, "i387_ext", 10                                                           \
    }
#define FPU(n)                                                                                     \
    {                                                                                              \
        n, n, "int", 4                                                                             \
    }
#define XMM(n)                                                                                     \
    {                                                                                              \
        "xmm" #n, "xmm" #n, "vec128", 16                                                           \
    }
/* Upper halves: gdb makes ymmN of both. */
#define YMMH(n)                                                                                    \
    {                                                                                              \
        "ymm" #n "h", "ymm" #n "h", "uint128", 16                                                  \
    }

#define FPU_REGISTERS                                                                              \
    ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7), FPU("fctrl"), FPU("fstat"),            \
        FPU("ftag"), FPU("fiseg"), FPU("fioff"), FPU("foseg"), FPU("fooff"), FPU("fop")

#define LONG(n)                                                                                    \
    {                                                                                              \
        n, n, "long", 8                                                                            \
    }
#define GPR(name_, n)                                                                              \
    {                                                                                              \
        name_, name_, (n) == X86_RSP || (n) == X86_RBP ? "data_ptr" : "long", 8                    \
    }
#define SYSTEM(n)                                                                                  \
    {                                                                                              \
        n, n, "long", 8                                                                            \
    }
#define SYSTEM32(n)                                                                                \
    {                                                                                              \
        n, n, "int32", 4                                                                           \
    }

#define AMD64_REGISTERS                                                                            \
    FEATURE("org.gnu.gdb.i386.core"), X86_GPRS(GPR), {"rip", "rip", "code_ptr", 8},                \
        {"eflags", "eflags", "i386_eflags", 4}, SEG32("cs"), SEG32("ss"), SEG32("ds"),             \
        SEG32("es"), SEG32("fs"), SEG32("gs"), FPU_REGISTERS, FEATURE("org.gnu.gdb.i386.sse"),     \
        X86_VECTORS(XMM), {"mxcsr", "mxcsr", "i386_mxcsr", 4},                                     \
        FEATURE("org.gnu.gdb.i386.segments"), LONG("fs_base"), LONG("gs_base"),                    \
        FEATURE("org.vemu.x86.system"), SYSTEM("k_gs_base"), SYSTEM("cr0"), SYSTEM("cr2"),         \
        SYSTEM("cr3"), SYSTEM("cr4"), SYSTEM("cr8"), SYSTEM("efer"), SYSTEM("gdtr_base"),          \
        SYSTEM("idtr_base"), SYSTEM("tr_base"), SYSTEM("dr0"), SYSTEM("dr1"), SYSTEM("dr2"),       \
        SYSTEM("dr3"), SYSTEM("dr6"), SYSTEM("dr7")

static const struct gdb_register amd64_registers[] = {
    AMD64_REGISTERS,
    {NULL, NULL, NULL, 0},
};
static const struct gdb_register amd64_avx_registers[] = {
    AMD64_REGISTERS,
    FEATURE("org.gnu.gdb.i386.avx"),
    X86_VECTORS(YMMH),
    {NULL, NULL, NULL, 0},
};

#define R32(n, source)                                                                             \
    {                                                                                              \
        n, source, "int32", 4                                                                      \
    }

#define I386_REGISTERS                                                                             \
    FEATURE("org.gnu.gdb.i386.core"), R32("eax", "rax"), R32("ecx", "rcx"), R32("edx", "rdx"),     \
        R32("ebx", "rbx"), {"esp", "rsp", "data_ptr", 4}, {"ebp", "rbp", "data_ptr", 4},           \
        R32("esi", "rsi"), R32("edi", "rdi"), {"eip", "rip", "code_ptr", 4},                       \
        {"eflags", "eflags", "i386_eflags", 4}, SEG32("cs"), SEG32("ss"), SEG32("ds"),             \
        SEG32("es"), SEG32("fs"), SEG32("gs"), FPU_REGISTERS, FEATURE("org.gnu.gdb.i386.sse"),     \
        X86_VECTORS_LOW(XMM), {"mxcsr", "mxcsr", "i386_mxcsr", 4}, FEATURE("org.vemu.x86.system"), \
        SYSTEM32("fs_base"), SYSTEM32("gs_base"), SYSTEM32("cr0"), SYSTEM32("cr2"),                \
        SYSTEM32("cr3"), SYSTEM32("cr4"), SYSTEM32("efer"), SYSTEM32("gdtr_base"),                 \
        SYSTEM32("idtr_base"), SYSTEM32("tr_base"), SYSTEM32("dr0"), SYSTEM32("dr1"),              \
        SYSTEM32("dr2"), SYSTEM32("dr3"), SYSTEM32("dr6"), SYSTEM32("dr7")

static const struct gdb_register i386_registers[] = {
    I386_REGISTERS,
    {NULL, NULL, NULL, 0},
};
static const struct gdb_register i386_avx_registers[] = {
    I386_REGISTERS,
    FEATURE("org.gnu.gdb.i386.avx"),
    X86_VECTORS_LOW(YMMH),
    {NULL, NULL, NULL, 0},
};

/* ---- types ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned char bit;
} eflags_fields[] =
    {
        {"CF", 0},  {"PF", 2},   {"AF", 4},   {"ZF", 6},  {"SF", 7},  {"TF", 8},
        {"IF", 9},  {"DF", 10},  {"OF", 11},  {"NT", 14}, {"RF", 16}, {"VM", 17},
        {"AC", 18}, {"VIF", 19}, {"VIP", 20}, {"ID", 21},
},
  mxcsr_fields[] = {
      {"IE", 0}, {"DE", 1}, {"ZE", 2}, {"OE", 3},  {"UE", 4},  {"PE", 5},  {"DAZ", 6},
      {"IM", 7}, {"DM", 8}, {"ZM", 9}, {"OM", 10}, {"UM", 11}, {"PM", 12}, {"FZ", 15},
};

static void print_types(FILE *out, const char *feature)
{
    if (strcmp(feature, "org.gnu.gdb.i386.core") == 0) {
        fprintf(out, "<flags id=\"i386_eflags\" size=\"4\">");
        for (size_t i = 0; i < sizeof eflags_fields / sizeof *eflags_fields; i++)
            fprintf(out, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", eflags_fields[i].name,
                    eflags_fields[i].bit, eflags_fields[i].bit);
        fprintf(out, "</flags>");
    } else if (strcmp(feature, "org.gnu.gdb.i386.sse") == 0) {
        fprintf(out, "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
                     "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
                     "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
                     "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
                     "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
                     "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
                     "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
                     "<field name=\"v2_double\" type=\"v2d\"/>"
                     "<field name=\"v16_int8\" type=\"v16i8\"/>"
                     "<field name=\"v8_int16\" type=\"v8i16\"/>"
                     "<field name=\"v4_int32\" type=\"v4i32\"/>"
                     "<field name=\"v2_int64\" type=\"v2i64\"/>"
                     "<field name=\"uint128\" type=\"uint128\"/></union>"
                     "<flags id=\"i386_mxcsr\" size=\"4\">");
        for (size_t i = 0; i < sizeof mxcsr_fields / sizeof *mxcsr_fields; i++)
            fprintf(out, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", mxcsr_fields[i].name,
                    mxcsr_fields[i].bit, mxcsr_fields[i].bit);
        fprintf(out, "</flags>");
    }
}

/* By [AVX]. */
static const struct gdb_target amd64_targets[] = {{"i386:x86-64", amd64_registers, print_types},
                                                  {"i386:x86-64", amd64_avx_registers,
                                                   print_types}},
                               i386_targets[] = {{"i386", i386_registers, print_types},
                                                 {"i386", i386_avx_registers, print_types}};

const struct gdb_target *gdb_target_x86(struct vcpu *cpu)
{
    const struct x86_regs *r = cpu->regs;
    const struct x86_cpu_model *model = cpu->model;

    const bool avx = !model || x86_has(model, X86_FEAT_1_ECX, CPUID_AVX);

    if (model && !x86_has(model, X86_FEAT_8000_0001_EDX, CPUID_LONG_MODE))
        return &i386_targets[avx];
    /* A kernel that pages without long mode is a 32-bit one and will stay so; before paging, the
     * wider description fits whatever comes. */
    if ((r->cr0 & X86_CR0_PG) && !(r->efer & X86_EFER_LMA))
        return &i386_targets[avx];
    return &amd64_targets[avx];
}
