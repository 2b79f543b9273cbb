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

static char *find(struct pci_device *pci, const char *name, struct vemu_error **errp)
{
    return firmware_find("romfile", name, (const char *const *)pci->dev.machine->firmware_dirs,
                         errp);
}

static bool load(struct pci_device *pci, struct pci_rom *rom, const char *path,
                 struct vemu_error **errp)
{
    struct ram_list *rams = &pci->dev.machine->rams;
    char name[64];
    uint8_t *data;
    size_t len;

    if (!boot_file_read("romfile", path, ROM_MAX, &data, &len, errp))
        return false;
    uint64_t size = ROM_MIN;
    while (size < len)
        size *= 2;
    snprintf(name, sizeof name, "%s.%.24s%02x.rom", pci->dev.cls->name,
             pci->bus->bridge && pci->bus->name ? pci->bus->name : "", pci->devfn);
    rom->block = ram_block_new(rams, name, size, true, errp);
    if (rom->block) {
        memset(rom->block->host, 0xff, size);
        memcpy(rom->block->host, data, len);
        mem_region_init_rom(&rom->region, "pci-rom", rom->block, 0, size);
        pci_bar_add(pci, PCI_ROM_BAR, PCI_BAR_MEM32, &rom->region);
    }
    free(data);
    return rom->block != NULL;
}

bool pci_rom_add(struct pci_device *pci, struct pci_rom *rom, const char *name,
                 struct vemu_error **errp)
{
    if (!name || !*name)
        return true;
    char *path = find(pci, name, errp);
    bool ok = path && load(pci, rom, path, errp);
    free(path);
    return ok;
}

bool pci_rom_add_usual(struct pci_device *pci, struct pci_rom *rom, const char *name,
                       const char *usual, const char **missing, struct vemu_error **errp)
{
    *missing = NULL;
    if (name)
        return pci_rom_add(pci, rom, name, errp);
    if (!pci->dev.machine->starts_firmware)
        return true;
    char *path = find(pci, usual, NULL);
    bool ok = !path || load(pci, rom, path, errp);
    *missing = path ? NULL : usual;
    free(path);
    return ok;
}

void pci_rom_free(struct pci_device *pci, struct pci_rom *rom)
{
    if (rom->block)
        ram_block_free(&pci->dev.machine->rams, rom->block);
    rom->block = NULL;
}
