/*
 * Direct boot of Arm kernels: arm64 Image (also compressed with gzip, and as an EFI application
 * that decompresses itself), 32-bit zImage and raw code, ELF; with initrd, command line and device
 * tree. What the first instruction finds is the boot protocol of Linux: the address of the tree in
 * X0, or R2.
 *
 * The tree is given, or the board's; either gets the command line, the place of the initrd and the
 * memory.
 */
#ifndef HW_ARM_BOOT_H
#define HW_ARM_BOOT_H

#include <stdbool.h>
#include <stdint.h>
#include "hw/boot/image.h"

struct arm_cpu_model;
struct vcpu;

struct arm_boot {
    struct boot_image image;
    uint64_t ram_base, ram_size;
    bool aarch64; /* the kernel */
    uint64_t entry, dtb_address;
    uint8_t *dtb;  /* the blob's; NULL: nothing was loaded */
    bool firmware; /* starts at the reset vector */
};

struct arm_boot_config {
    const char *kernel; /* NULL: firmware starts, and finds the tree at the bottom of memory */
    const char *initrd, *append;
    const char *dtb; /* a file, or NULL: the board's tree, */
    uint8_t *tree;   /* malloc()ed; taken over, also on failure */
    const struct arm_cpu_model *model;
};

/* 64: an arm64 Image; 32: a zImage; 0: neither. */
unsigned arm_kernel_bits(const uint8_t *data, size_t len);

void arm_boot_init(struct arm_boot *boot, uint64_t ram_base, uint64_t ram_size);
void arm_boot_free(struct arm_boot *boot);
bool arm_boot_load(struct arm_boot *boot, const struct arm_boot_config *cfg,
                   struct vemu_error **errp);
/* Writes memory and sets up the registers of the vCPU that starts it. randomness: the tree gets new
 * seeds. */
bool arm_boot_apply(struct arm_boot *boot, struct vcpu *cpu, bool randomness,
                    struct vemu_error **errp);

#endif
