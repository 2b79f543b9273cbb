/* Registers and linear memory for debuggers, independent of architecture: see debug.h. */
#include "core/cpu/debug.h"

#include <string.h>

#include "core/cpu/arch.h"
#include "core/device/machine.h"
#include "core/util/error.h"
#include "core/util/range.h"

const struct cpu_register *cpu_register_at(enum cpu_arch arch, unsigned n)
{
    const struct cpu_register *registers = cpu_arch_ops_of(arch)->registers;

    for (unsigned i = 0; registers[i].name; i++) {
        if (i == n)
            return &registers[i];
    }
    return NULL;
}

const struct cpu_register *cpu_register_find(enum cpu_arch arch, const char *name)
{
    const struct cpu_register *reg = cpu_register_at(arch, 0);

    for (; reg && reg->name; reg++) {
        if (strcmp(reg->name, name) == 0)
            return reg;
    }
    return NULL;
}

void cpu_register_read(struct vcpu *cpu, const struct cpu_register *reg, void *buf)
{
    cpu_arch_ops(cpu)->register_read(cpu, reg, buf);
}

bool cpu_register_write(struct vcpu *cpu, const struct cpu_register *reg, const void *buf,
                        struct vemu_error **errp)
{
    const struct accel *accel = cpu->machine->accel;

    if (!cpu_arch_ops(cpu)->register_write(cpu, reg, buf, errp))
        return false;
    if (accel && accel->put_state)
        accel->put_state(cpu);
    return true;
}

bool cpu_debug_translate(struct vcpu *cpu, uint64_t vaddr, uint64_t *paddr)
{
    const struct accel *accel = cpu->machine->accel;

    return accel && accel->debug_translate ? accel->debug_translate(cpu, vaddr, paddr)
                                           : cpu_arch_ops(cpu)->translate(cpu, vaddr, paddr);
}

bool cpu_debug_write_physical(struct vcpu *cpu, uint64_t paddr, const void *buf, size_t len)
{
    struct mem_space *space = vcpu_memory(cpu);

    return mem_write_rom(space, paddr, buf, len) == MEM_OK ||
           dma_write(space, NULL, paddr, buf, len) == MEM_OK;
}

/* One copy, page by page; exactly one of in and out is set. */
static bool copy(struct vcpu *cpu, uint64_t vaddr, void *out, const void *in, size_t len)
{
    struct mem_space *space = vcpu_memory(cpu);

    for (size_t done = 0; done < len;) {
        uint64_t room = MEM_PAGE_SIZE - ((vaddr + done) & (MEM_PAGE_SIZE - 1));
        uint64_t n = MIN(room, len - done), paddr;

        if (!cpu_debug_translate(cpu, vaddr + done, &paddr))
            return false;
        if (out && dma_read(space, NULL, paddr, (uint8_t *)out + done, n) != MEM_OK)
            return false;
        if (in && !cpu_debug_write_physical(cpu, paddr, (const uint8_t *)in + done, n))
            return false;
        done += n;
    }
    return true;
}

bool cpu_debug_read(struct vcpu *cpu, uint64_t vaddr, void *buf, size_t len)
{
    return copy(cpu, vaddr, buf, NULL, len);
}

bool cpu_debug_write(struct vcpu *cpu, uint64_t vaddr, const void *buf, size_t len)
{
    return copy(cpu, vaddr, NULL, buf, len);
}

uint64_t cpu_debug_pc(struct vcpu *cpu)
{
    return cpu_arch_ops(cpu)->pc(cpu);
}

const char *cpu_pc_name(enum cpu_arch arch)
{
    return cpu_arch_ops_of(arch)->pc_name;
}
