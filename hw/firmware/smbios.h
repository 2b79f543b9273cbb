/*
 * SMBIOS structures and entry point of the x86 boards. DMTF DSP0134 (SMBIOS Reference
 * Specification) 2.8. A pure function of the config; firmware reads both through fw_cfg and puts
 * them in memory.
 */
#ifndef HW_FIRMWARE_SMBIOS_H
#define HW_FIRMWARE_SMBIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smbios_config {
    const char *machine;         /* "pc": the product's version */
    const uint8_t *uuid;         /* 16 bytes as RFC 4122 has them; NULL: not present */
    uint64_t below_4g, above_4g; /* bytes of RAM */
    unsigned cpus;
    uint32_t cpu_signature, cpu_features; /* CPUID leaf 1, EAX and EDX */
    const char *cpu_vendor, *cpu_brand;
};

enum { SMBIOS_ANCHOR = 31, SMBIOS_ROOM = 4096 };

struct smbios {
    uint8_t anchor[SMBIOS_ANCHOR]; /* its table address is firmware's to fill in */
    uint8_t tables[SMBIOS_ROOM];
    size_t len;
};

void smbios_build(struct smbios *out, const struct smbios_config *cfg);

#endif
