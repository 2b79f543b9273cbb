/* Expansion ROMs; see rom.h. */
#include "hw/pci/rom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/util/firmware.h"
#include "core/util/range.h"
#include "hw/x86/boot/boot.h"

#define ROM_MAX (UINT64_C(16) << 20)
#define ROM_MIN UINT64_C(2048) /* what the BAR can say */

bool pci_rom_add(struct pci_device *pci, struct pci_rom *rom, const char *name,
                 struct vemu_error **errp)
{
    struct vemu_machine *m = pci->dev.machine;
    char origin[64];
    uint8_t *data;
    size_t len;

    if (!name || !*name)
        return true;
    snprintf(origin, sizeof origin, "device %s: romfile", pci->dev.cls->name);
    char *path = firmware_find(origin, name, (const char *const *)m->firmware_dirs, errp);
    bool ok = path && boot_file_read(origin, path, ROM_MAX, &data, &len, errp);
    free(path);
    if (!ok)
        return false;
    uint64_t size = ROM_MIN;
    while (size < len)
        size *= 2;
    char block[64];
    snprintf(block, sizeof block, "%s.%02x.rom", pci->dev.cls->name, pci->devfn);
    rom->block = ram_block_new(&m->rams, block, size, true, errp);
    if (rom->block) {
        memset(rom->block->host, 0xff, size);
        memcpy(rom->block->host, data, len);
        mem_region_init_rom(&rom->region, "pci-rom", rom->block, 0, size);
        pci_bar_add(pci, PCI_ROM_BAR, PCI_BAR_MEM32, &rom->region);
    }
    free(data);
    return rom->block != NULL;
}

void pci_rom_free(struct pci_device *pci, struct pci_rom *rom)
{
    if (rom->block)
        ram_block_free(&pci->dev.machine->rams, rom->block);
    rom->block = NULL;
}
