/*
 * What debuggers and the API look at: registers by name, and memory by linear address.
 *
 * Thread contract: the machine's vCPUs are paused (vcpus_pause), so their architectural part is
 * current; the machine lock is held for the memory functions and register writes.
 */
#ifndef CORE_CPU_DEBUG_H
#define CORE_CPU_DEBUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/cpu/cpu.h"

enum { CPU_REGISTER_MAX = 16 /* bytes */ };

struct cpu_register {
    const char *name; /* as the manuals and gdb call it, lower case */
    uint8_t size;     /* bytes, little-endian */
    uint8_t kind;     /* how it is read; private to the architecture */
    uint16_t where;   /* offset or number; private */
};

/* The n-th register, or NULL past the last; the order is stable. */
const struct cpu_register *cpu_register_at(enum cpu_arch arch, unsigned n);
const struct cpu_register *cpu_register_find(enum cpu_arch arch, const char *name);
/* Writes reg->size bytes to buf. */
void cpu_register_read(struct vcpu *cpu, const struct cpu_register *reg, void *buf);
/* Takes reg->size bytes. Bits that cannot be set are ignored as the processor would; a value that
 * no processor can hold is refused, and nothing has changed then. */
bool cpu_register_write(struct vcpu *cpu, const struct cpu_register *reg, const void *buf,
                        struct vemu_error **errp);

/* Linear to physical address by the vCPU's page tables; no permission checks, no side effects. */
bool cpu_debug_translate(struct vcpu *cpu, uint64_t vaddr, uint64_t *paddr);
/* Copy len bytes from or to linear addresses; writes also reach ROM. False when a page is not
 * mapped or leads nowhere; bytes before it are copied. */
bool cpu_debug_read(struct vcpu *cpu, uint64_t vaddr, void *buf, size_t len);
bool cpu_debug_write(struct vcpu *cpu, uint64_t vaddr, const void *buf, size_t len);

/* Likewise, within a page, and the vCPU may run. */
bool cpu_debug_write_physical(struct vcpu *cpu, uint64_t paddr, const void *buf, size_t len);

/* The program counter as a linear address (x86: CS base added). */
uint64_t cpu_debug_pc(struct vcpu *cpu);

/* The name of the register that has the PC as the debugger knows it. */
const char *cpu_pc_name(enum cpu_arch arch);

/* arm_debug.c */
bool arm_debug_translate(struct vcpu *cpu, uint64_t vaddr, uint64_t *paddr);
extern const struct cpu_register arm_registers[]; /* ended by a NULL name */
void arm_register_read(struct vcpu *cpu, const struct cpu_register *reg, void *buf);
bool arm_register_write(struct vcpu *cpu, const struct cpu_register *reg, const void *buf,
                        struct vemu_error **errp);

/* x86_debug.c */
bool x86_debug_translate(struct vcpu *cpu, uint64_t vaddr, uint64_t *paddr);
extern const struct cpu_register x86_registers[]; /* ended by a NULL name */
void x86_register_read(struct vcpu *cpu, const struct cpu_register *reg, void *buf);
bool x86_register_write(struct vcpu *cpu, const struct cpu_register *reg, const void *buf,
                        struct vemu_error **errp);

#endif
