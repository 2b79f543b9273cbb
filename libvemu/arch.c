/* See arch.h. */
#include "libvemu/arch.h"

#include <string.h>

#include "core/cpu/arm.h"
#include "core/cpu/x86.h"
#include "hw/board.h"
#include "libvemu/config.h"

/* The x86 ones differ in nothing but their name: an x86-64 processor runs 32-bit kernels. */
const struct arch_desc archs[] = {
    {.name = "x86_64",
     .alias = "amd64",
     .arch = ARCH_X86,
     .bits = 64,
     .machine = "pc",
     .cpu_models = x86_cpu_model_names,
     .cpu_suffix = "x86_64-cpu"},
    {.name = "i386",
     .arch = ARCH_X86,
     .bits = 64,
     .machine = "pc",
     .cpu_models = x86_cpu_model_names,
     .cpu_suffix = "i386-cpu"},
    {.name = "aarch64",
     .alias = "arm64",
     .arch = ARCH_ARM,
     .bits = 64,
     .machine = "virt",
     .cpu_models = arm_cpu_model_names,
     .cpu_suffix = "arm-cpu"},
    {.name = "arm",
     .alias = "armhf",
     .arch = ARCH_ARM,
     .bits = 32,
     .machine = "virt",
     .cpu_models = arm_cpu_model_names,
     .cpu_suffix = "arm-cpu"},
    {.name = NULL},
};

const struct arch_desc *arch_find(const char *name)
{
    for (const struct arch_desc *a = archs; a->name; a++) {
        if (strcmp(name, a->name) == 0 || (a->alias && strcmp(name, a->alias) == 0))
            return a;
    }
    return NULL;
}

const struct arch_desc *arch_of(const struct vemu_config *cfg)
{
    const struct arch_desc *arch = arch_find(config_value(cfg, "arch", archs->name));
    return arch ? arch : archs;
}

bool arch_has_board(const struct arch_desc *arch, const struct board_class *board)
{
    return board->empty || board->arch == arch->arch;
}

const struct board_class *const *arch_boards(const struct arch_desc *arch,
                                             const struct board_class *const *cls)
{
    while (*cls && !arch_has_board(arch, *cls))
        cls++;
    return cls;
}

const char *arch_default_cpu(const struct arch_desc *arch, const struct board_class *board)
{
    return arch->bits == 32 && board->default_cpu32 ? board->default_cpu32 : board->default_cpu;
}

/* Where there are processors of 32 bits of their own, firmware for the others is of no use. */
const char *arch_default_firmware(const struct arch_desc *arch, const struct board_class *board)
{
    return arch->bits == 32 && board->default_cpu32 ? NULL : board->firmware;
}
