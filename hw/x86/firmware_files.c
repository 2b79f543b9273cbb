/* What firmware learns through fw_cfg; see firmware_files.h. */
#include "hw/x86/firmware_files.h"

#include <stdlib.h>
#include <string.h>

#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/acpi/pm.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/smbios.h"
#include "hw/pci/host_x86.h"
#include "hw/x86/x86_common.h"

/* Keys of the architecture. */
enum { KEY_IRQ0_OVERRIDE = FW_CFG_ARCH_FIRST + 2 };
enum { TABLES_SLACK = 32768, TABLES_MAX = 1 << 20 };
enum { MIB_SHIFT = 20 };

/* ---- ACPI ------------------------------------------------------------------------------------ */

/* BARs may be anywhere between the end of RAM and the fixed windows, but for the configuration
 * window. */
static void find_windows(const struct x86_board *b, struct acpi_config *acpi)
{
    uint64_t first = align_up(b->below_4g, UINT64_C(1) << MIB_SHIFT), last = X86_PCI_MEM_LAST;
    uint64_t ecam = pci_host_ecam(b->pci_host);
    acpi->ecam_base = ecam;
    acpi->pci_mem2_first = acpi->pci_mem2_last = 0;
    if (ecam >= first && ecam < last) {
        acpi->pci_mem_first = ecam + Q35_ECAM_SIZE;
        acpi->pci_mem_last = last;
        if (ecam > first) {
            acpi->pci_mem2_first = first;
            acpi->pci_mem2_last = ecam - 1;
        }
    } else {
        acpi->pci_mem_first = first;
        acpi->pci_mem_last = last;
    }
    /* Firmware chooses a place above RAM: all that a processor can address there. AMD processors
     * leave the last 12 GiB below 1 TiB to HyperTransport. */
    if (acpi->pci_mem64_first)
        acpi->pci_mem64_last = MIN(mask_bits(b->model.phys_bits), UINT64_C(0xfcffffffff));
}

static bool build(struct x86_acpi_files *files, struct acpi_tables *t, struct vemu_error **errp)
{
    struct x86_board *b = files->board;
    struct acpi_config acpi = files->config;
    find_windows(b, &acpi);
    if (b->pm->region.parent) {
        acpi.pm_base = (uint16_t)b->pm->region.addr;
        acpi.gpe_base = (uint16_t)(acpi.pm_base + b->pm->cfg.gpe_offset);
    }
    return acpi_tables_build(t, &acpi, 0, TABLES_MAX, errp);
}

/* Firmware is about to read one of the files. */
static void update(void *opaque)
{
    struct x86_acpi_files *files = opaque;
    struct acpi_tables t = {0};
    if (!build(files, &t, NULL))
        return; /* no memory: the last ones stay */
    if (t.len <= files->tables_len) {
        acpi_loader_script(&t, files->script);
        memset(files->tables, 0, files->tables_len);
        memcpy(files->tables, t.data, t.len);
        memcpy(files->rsdp, t.rsdp, sizeof files->rsdp);
    }
    acpi_tables_free(&t);
}

static bool publish_acpi(struct x86_board *b, const struct acpi_config *acpi,
                         struct vemu_error **errp)
{
    struct x86_acpi_files *files = &b->acpi_files;
    struct acpi_tables t = {0};
    files->board = b;
    files->config = *acpi;
    if (!build(files, &t, errp))
        return false;
    /* Other addresses are other numbers, of other lengths in AML, and root ports come later. */
    files->tables_len = (uint32_t)align_up(t.len + TABLES_SLACK, 4096);
    acpi_tables_free(&t);
    files->tables = calloc(1, files->tables_len);
    if (!files->tables)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the ACPI tables");
    update(files);
    return fw_cfg_add_live_file(b->fw_cfg, ACPI_LOADER_TABLES, files->tables, files->tables_len,
                                update, files, errp) &&
           fw_cfg_add_live_file(b->fw_cfg, ACPI_LOADER_RSDP, files->rsdp, sizeof files->rsdp,
                                update, files, errp) &&
           fw_cfg_add_live_file(b->fw_cfg, ACPI_LOADER_SCRIPT, files->script, sizeof files->script,
                                update, files, errp);
}

void x86_free_firmware_files(struct x86_acpi_files *files)
{
    free(files->tables);
    files->tables = NULL;
}

/* ---- SMBIOS ---------------------------------------------------------------------------------- */

static bool publish_smbios(struct x86_board *b, const struct board_config *cfg,
                           struct vemu_error **errp)
{
    struct smbios *smbios = malloc(sizeof *smbios);
    uint32_t leaf[4];
    if (!smbios)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the SMBIOS structures");
    x86_cpuid(&b->model, b->m->vcpus[0]->regs, 0, 1, 0, leaf);
    struct smbios_config config = {.machine = b->name,
                                   .uuid = cfg->has_uuid ? cfg->uuid : NULL,
                                   .below_4g = b->below_4g,
                                   .above_4g = b->above_4g,
                                   .cpus = b->cpus,
                                   .cpu_signature = leaf[0],
                                   .cpu_features = leaf[3],
                                   .cpu_vendor = b->model.vendor,
                                   .cpu_brand = b->model.brand};
    smbios_build(smbios, &config);
    bool ok =
        fw_cfg_add_file(b->fw_cfg, "etc/smbios/smbios-anchor", smbios->anchor,
                        sizeof smbios->anchor, errp) &&
        fw_cfg_add_file(b->fw_cfg, "etc/smbios/smbios-tables", smbios->tables, smbios->len, errp);
    free(smbios);
    return ok;
}

/* ---- memory map, boot choices ---------------------------------------------------------------- */

/* RAM as it is: firmware takes out what it uses. */
static bool publish_e820(struct x86_board *b, struct vemu_error **errp)
{
    uint8_t map[2 * 20];
    store_le64(map, 0);
    store_le64(map + 8, b->below_4g);
    store_le32(map + 16, E820_RAM);
    store_le64(map + 20, BOOT_4G);
    store_le64(map + 28, b->above_4g);
    store_le32(map + 36, E820_RAM);
    return fw_cfg_add_file(b->fw_cfg, "etc/e820", map, b->above_4g ? 40 : 20, errp);
}

static bool publish_boot(struct x86_board *b, const struct board_config *cfg,
                         struct vemu_error **errp)
{
    uint8_t wait[4];
    /* Milliseconds until it starts over when nothing boots; all ones: never. */
    store_le32(wait, cfg->reboot_timeout_ms);
    if (!fw_cfg_add_file(b->fw_cfg, "etc/boot-fail-wait", wait, sizeof wait, errp) ||
        !fw_cfg_set_u16(b->fw_cfg, FW_CFG_BOOT_MENU, cfg->boot_menu, errp))
        return false;
    /* How long it waits for a key that calls the menu. */
    store_le16(wait, cfg->splash_time_ms);
    return !cfg->splash_time_ms || fw_cfg_add_file(b->fw_cfg, "etc/boot-menu-wait", wait, 2, errp);
}

bool x86_publish_firmware_files(struct x86_board *b, const struct board_config *cfg,
                                const struct acpi_config *acpi, struct vemu_error **errp)
{
    static const uint8_t one = 1;
    return publish_e820(b, errp) && publish_smbios(b, cfg, errp) && publish_boot(b, cfg, errp) &&
           (!cfg->has_uuid || fw_cfg_set(b->fw_cfg, FW_CFG_UUID, cfg->uuid, 16, errp)) &&
           fw_cfg_set(b->fw_cfg, KEY_IRQ0_OVERRIDE, &one, 1, errp) &&
           (!acpi || publish_acpi(b, acpi, errp));
}
