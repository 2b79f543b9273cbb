/* Where the parts of `virt` are; see virt.h. */
#include "hw/arm/virt.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

const struct virt_place virt_map[VIRT_REGIONS] = {
    [VIRT_FLASH] = {0, MIB(128)},
    [VIRT_GIC_DIST] = {0x08000000, 0x10000},
    [VIRT_GIC_CPU] = {0x08010000, 0x10000},
    [VIRT_GIC_V2M] = {0x08020000, 0x1000},
    [VIRT_GIC_HYP] = {0x08030000, 0x10000},
    [VIRT_GIC_GUEST] = {0x08040000, 0x10000},
    [VIRT_GIC_ITS] = {0x08080000, 0x20000},
    [VIRT_GIC_REDIST] = {0x080a0000, 0xf60000},
    [VIRT_UART] = {0x09000000, 0x1000},
    [VIRT_RTC] = {0x09010000, 0x1000},
    [VIRT_FW_CFG] = {0x09020000, 0x18},
    [VIRT_GPIO] = {0x09030000, 0x1000},
    [VIRT_UART2] = {0x09040000, 0x1000},
    [VIRT_GED] = {0x09080000, 0x20},
    [VIRT_VIRTIO] = {0x0a000000, VIRTIO_MMIO_SIZE},
    [VIRT_SECURE_RAM] = {0x0e000000, MIB(16)},
    [VIRT_PCIE_MMIO] = {0x10000000, 0x2eff0000},
    [VIRT_PCIE_PIO] = {0x3eff0000, 0x10000},
    [VIRT_PCIE_ECAM] = {0x3f000000, MIB(16)},
    [VIRT_PCIE_ECAM_HIGH] = {UINT64_C(0x4010000000), MIB(256)},
    [VIRT_PCIE_MMIO_HIGH] = {UINT64_C(0x8000000000), GIB(512)},
};

unsigned virt_address_bits(const struct virt_board *b)
{
    const bool wide = b->model.aarch64 || arm_has(&b->model, ARM_FEAT_A32_LPAE);
    return b->options.highmem && wide ? b->model.pa_bits : 32;
}

bool virt_has_place(const struct virt_board *b, enum virt_region region)
{
    const struct virt_place *p = &virt_map[region];
    unsigned bits = virt_address_bits(b);
    /* A 32-bit kernel without LPAE does not find configuration space beyond 4 GiB. */
    if (region == VIRT_PCIE_ECAM_HIGH && !b->model.aarch64)
        return false;
    return p->base + p->size <= UINT64_C(1) << bits;
}
