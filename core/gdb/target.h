/*
 * How gdb sees a vCPU: the target description (XML) and the registers on the wire, in the order of
 * the description. gdb knows the features org.gnu.gdb.i386.{core,sse,segments,avx} and
 * org.gnu.gdb.aarch64.{core,fpu} and org.gnu.gdb.arm.{core,vfp}; what it has no feature for
 * (control registers, descriptor tables) stands in one of ours and is shown as it is. Const data;
 * vCPUs are paused and the machine lock is held for reads and writes.
 */
#ifndef CORE_GDB_TARGET_H
#define CORE_GDB_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct vcpu;
struct vemu_error;

struct gdb_register {
    const char *name;   /* for gdb */
    const char *source; /* core/cpu/debug.h */
    const char *type;   /* in the description */
    unsigned char size; /* bytes on the wire: the source is cut, or zero-extended */
};

struct gdb_target {
    const char *architecture;
    const struct gdb_register *registers; /* ended by a NULL name; a NULL source starts a feature */
    void (*print_types)(FILE *out, const char *feature); /* that registers of the feature have */
};

/* By what the vCPU can do and does now. */
const struct gdb_target *gdb_target_of(struct vcpu *cpu);
const struct gdb_target *gdb_target_x86(struct vcpu *cpu); /* target_x86.c */
const struct gdb_target *gdb_target_arm(struct vcpu *cpu); /* target_arm.c */
/* Registers on the wire, features not counted. NULL past the last. */
const struct gdb_register *gdb_target_register(const struct gdb_target *t, unsigned n);
/* The description; malloc'd, NULL: no memory. */
char *gdb_target_xml(const struct gdb_target *t);
void gdb_register_read(struct vcpu *cpu, const struct gdb_register *reg, void *wire);
bool gdb_register_write(struct vcpu *cpu, const struct gdb_register *reg, const void *wire);

#endif
