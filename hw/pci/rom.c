/* Expansion ROMs; see rom.h. */
#include "hw/pci/rom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/firmware.h"
#include "core/util/range.h"
#include "hw/boot/image.h"

#define ROM_MAX (UINT64_C(16) << 20)
#define ROM_MIN UINT64_C(2048) /* what the BAR can say */

enum { SIGNATURE = 0xaa55, HEADER_CHECKSUM = 6, HEADER_DATA = 0x18, HEADER_SIZE = 0x1a };
enum { DATA_IDS = 4, DATA_CODE_TYPE = 0x14, DATA_SIZE = 0x18 };

static char *find(struct pci_device *pci, const char *name, struct vemu_error **errp)
{
    return firmware_find("romfile", name, (const char *const *)pci->dev.machine->firmware_dirs,
                         errp);
}

/*
 * One file serves functions with several device IDs (virtio's modern and transitional ones), and
 * firmware runs an image only where its IDs are the function's. PCI Firmware Specification, "PCI
 * Expansion ROM Contents": the header's word 18h points to "PCIR", vendor, device. The image's
 * bytes sum up to zero; byte 6, behind the jump to its start, makes up for the change.
 */
static void patch_ids(uint8_t *rom, size_t len, const uint8_t *ids)
{
    uint16_t at = len >= HEADER_SIZE ? load_le16(rom + HEADER_DATA) : 0;

    if (len < HEADER_SIZE || load_le16(rom) != SIGNATURE || !range_fits(at, DATA_SIZE, len) ||
        at < HEADER_SIZE || memcmp(rom + at, "PCIR", 4) != 0 || rom[at + DATA_CODE_TYPE] != 0)
        return;
    for (unsigned i = 0; i < 4; i++) {
        rom[HEADER_CHECKSUM] += (uint8_t)(rom[at + DATA_IDS + i] - ids[i]);
        rom[at + DATA_IDS + i] = ids[i];
    }
}

static bool load(struct pci_device *pci, struct pci_rom *rom, const char *path, bool usual,
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
    if (usual)
        patch_ids(data, len, pci->config + PCI_VENDOR_ID);
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
    bool ok = path && load(pci, rom, path, false, errp);
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
    bool ok = !path || load(pci, rom, path, true, errp);
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
