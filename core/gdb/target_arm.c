/* Target descriptions of Arm vCPUs: see target.h. */
#include "core/gdb/target.h"

#include <string.h>

#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"

#define FEATURE(name_)                                                                             \
    {                                                                                              \
        name_, NULL, NULL, 0                                                                       \
    }
#define X(n)                                                                                       \
    {                                                                                              \
        "x" #n, "x" #n, "long", 8                                                                  \
    }
#define V(n)                                                                                       \
    {                                                                                              \
        "v" #n, "v" #n, "aarch64v", 16                                                             \
    }
#define SYSTEM_AS(name_, source)                                                                   \
    {                                                                                              \
        name_, source, "long", 8                                                                   \
    }
#define SYSTEM(n) SYSTEM_AS(n, n)

static const struct gdb_register aarch64_registers[] = {
    FEATURE("org.gnu.gdb.aarch64.core"),
    ARM_GPRS(X),
    {"sp", "sp", "data_ptr", 8},
    {"pc", "pc", "code_ptr", 8},
    {"cpsr", "cpsr", "cpsr_flags", 4},
    FEATURE("org.gnu.gdb.aarch64.fpu"),
    ARM_VECTORS(V),
    {"fpsr", "fpsr", "int", 4},
    {"fpcr", "fpcr", "int", 4},
    FEATURE("org.vemu.arm.system"),
    SYSTEM("sp_el0"),
    SYSTEM("sp_el1"),
    SYSTEM("sp_el2"),
    SYSTEM("sp_el3"),
    SYSTEM("elr_el1"),
    SYSTEM("elr_el2"),
    SYSTEM("elr_el3"),
    SYSTEM("spsr_el1"),
    SYSTEM("spsr_el2"),
    SYSTEM("spsr_el3"),
    SYSTEM("esr_el1"),
    SYSTEM("esr_el2"),
    SYSTEM("esr_el3"),
    SYSTEM("far_el1"),
    SYSTEM("far_el2"),
    SYSTEM("far_el3"),
    SYSTEM("vbar_el1"),
    SYSTEM("vbar_el2"),
    SYSTEM("vbar_el3"),
    SYSTEM("sctlr_el1"),
    SYSTEM("sctlr_el2"),
    SYSTEM("sctlr_el3"),
    SYSTEM("tcr_el1"),
    SYSTEM("tcr_el2"),
    SYSTEM("tcr_el3"),
    SYSTEM("ttbr0_el1"),
    SYSTEM("ttbr0_el2"),
    SYSTEM("ttbr0_el3"),
    SYSTEM("ttbr1_el1"),
    SYSTEM("mair_el1"),
    SYSTEM("contextidr_el1"),
    SYSTEM("tpidr_el0"),
    SYSTEM("tpidrro_el0"),
    SYSTEM("tpidr_el1"),
    SYSTEM("cpacr_el1"),
    SYSTEM("cptr_el2"),
    SYSTEM("hcr_el2"),
    SYSTEM("hpfar_el2"),
    SYSTEM("vttbr_el2"),
    SYSTEM("vtcr_el2"),
    SYSTEM("scr_el3"),
    SYSTEM("par_el1"),
    SYSTEM("mdscr_el1"),
    SYSTEM("cntkctl_el1"),
    SYSTEM("cntv_ctl_el0"),
    SYSTEM("cntv_cval_el0"),
    SYSTEM("midr_el1"),
    {NULL, NULL, NULL, 0},
};

/* A processor without AArch64. */
#define R(n)                                                                                       \
    {                                                                                              \
        "r" #n, "x" #n, "uint32", 4                                                                \
    }
#define D(n)                                                                                       \
    {                                                                                              \
        "d" #n, "d" #n, "ieee_double", 8                                                           \
    }
#define WORD(name_, source)                                                                        \
    {                                                                                              \
        name_, source, "uint32", 4                                                                 \
    }
#define BANKED(mode) WORD("sp_" mode, "sp_" mode), WORD("lr_" mode, "lr_" mode)
#define BANKED_SPSR(mode) BANKED(mode), WORD("spsr_" mode, "spsr_" mode)

static const struct gdb_register arm_gdb_registers[] = {
    FEATURE("org.gnu.gdb.arm.core"),
    R(0),
    R(1),
    R(2),
    R(3),
    R(4),
    R(5),
    R(6),
    R(7),
    R(8),
    R(9),
    R(10),
    R(11),
    R(12),
    {"sp", "x13", "data_ptr", 4},
    {"lr", "x14", "uint32", 4},
    {"pc", "pc", "code_ptr", 4},
    {"cpsr", "cpsr", "uint32", 4},
    FEATURE("org.gnu.gdb.arm.vfp"),
    ARM_DWORDS(D),
    {"fpscr", "fpscr", "int", 4},
    FEATURE("org.gnu.gdb.arm.neon"), /* there are D16 to D31: gdb makes Q registers */
    FEATURE("org.vemu.arm.banked"),
    BANKED("usr"),
    BANKED_SPSR("svc"),
    BANKED_SPSR("abt"),
    BANKED_SPSR("und"),
    BANKED_SPSR("irq"),
    BANKED_SPSR("fiq"),
    FEATURE("org.vemu.arm.system32"),
    WORD("sctlr", "sctlr_el1"),
    SYSTEM_AS("ttbcr", "tcr_el1"), /* with TTBCR2 */
    SYSTEM_AS("ttbr0", "ttbr0_el1"),
    SYSTEM_AS("ttbr1", "ttbr1_el1"),
    WORD("dacr", "dacr"),
    WORD("vbar", "vbar_el1"),
    WORD("contextidr", "contextidr_el1"),
    WORD("dfsr", "esr_el1"),
    WORD("ifsr", "ifsr"),
    SYSTEM_AS("ifar_dfar", "far_el1"),
    WORD("cpacr", "cpacr_el1"),
    WORD("fpexc", "fpexc"),
    WORD("tpidrurw", "tpidr_el0"),
    WORD("tpidruro", "tpidrro_el0"),
    WORD("tpidrprw", "tpidr_el1"),
    {NULL, NULL, NULL, 0},
};

static const struct {
    const char *name;
    unsigned char start, end;
} cpsr_fields[] = {
    {"SP", 0, 0},   {"EL", 2, 3},    {"nRW", 4, 4},     {"F", 6, 6},      {"I", 7, 7},
    {"A", 8, 8},    {"D", 9, 9},     {"BTYPE", 10, 11}, {"SSBS", 12, 12}, {"IL", 20, 20},
    {"SS", 21, 21}, {"PAN", 22, 22}, {"UAO", 23, 23},   {"DIT", 24, 24},  {"TCO", 25, 25},
    {"V", 28, 28},  {"C", 29, 29},   {"Z", 30, 30},     {"N", 31, 31},
};

static void print_types(FILE *out, const char *feature)
{
    if (strcmp(feature, "org.gnu.gdb.aarch64.core") == 0) {
        fprintf(out, "<flags id=\"cpsr_flags\" size=\"4\">");
        for (size_t i = 0; i < sizeof cpsr_fields / sizeof *cpsr_fields; i++)
            fprintf(out, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", cpsr_fields[i].name,
                    cpsr_fields[i].start, cpsr_fields[i].end);
        fprintf(out, "</flags>");
    } else if (strcmp(feature, "org.gnu.gdb.aarch64.fpu") == 0) {
        fprintf(out, "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
                     "<vector id=\"v2u\" type=\"uint64\" count=\"2\"/>"
                     "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
                     "<vector id=\"v4u\" type=\"uint32\" count=\"4\"/>"
                     "<vector id=\"v8u\" type=\"uint16\" count=\"8\"/>"
                     "<vector id=\"v16u\" type=\"uint8\" count=\"16\"/>"
                     "<union id=\"vnd\"><field name=\"f\" type=\"v2d\"/>"
                     "<field name=\"u\" type=\"v2u\"/></union>"
                     "<union id=\"vns\"><field name=\"f\" type=\"v4f\"/>"
                     "<field name=\"u\" type=\"v4u\"/></union>"
                     "<union id=\"aarch64v\"><field name=\"d\" type=\"vnd\"/>"
                     "<field name=\"s\" type=\"vns\"/><field name=\"h\" type=\"v8u\"/>"
                     "<field name=\"b\" type=\"v16u\"/>"
                     "<field name=\"q\" type=\"uint128\"/></union>");
    }
}

static const struct gdb_target aarch64_target = {"aarch64", aarch64_registers, print_types};

static const struct gdb_target arm_target = {"arm", arm_gdb_registers, print_types};

const struct gdb_target *gdb_target_arm(struct vcpu *cpu)
{
    const struct arm_cpu_model *model = cpu->model;

    return !model || model->aarch64 ? &aarch64_target : &arm_target;
}
