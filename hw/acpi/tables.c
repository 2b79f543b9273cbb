/* ACPI tables; see tables.h. */
#include "hw/acpi/tables.h"

#include <stdlib.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "hw/acpi/aml.h"
#include "hw/acpi/block.h"
#include "hw/acpi/ged.h"
#include "hw/acpi/pm.h"
#include "hw/misc/apm.h"
#include "hw/timer/hpet.h"

enum { HEADER_LEN = ACPI_HEADER_LEN, FACS_LEN = 64, FADT_LEN = 268 };
/* Fixed ACPI Description Table offsets. */
enum {
    FADT_FACS = 36,
    FADT_DSDT = 40,
    FADT_PROFILE = 45,
    FADT_SCI_INT = 46,
    FADT_SMI_CMD = 48,
    FADT_ACPI_ENABLE = 52,
    FADT_ACPI_DISABLE = 53,
    FADT_PM1A_EVT = 56,
    FADT_PM1A_CNT = 64,
    FADT_PM_TMR = 76,
    FADT_GPE0 = 80,
    FADT_PM1_EVT_LEN = 88,
    FADT_PM1_CNT_LEN = 89,
    FADT_PM_TMR_LEN = 91,
    FADT_GPE0_LEN = 92,
    FADT_P_LVL2_LAT = 96,
    FADT_P_LVL3_LAT = 98,
    FADT_CENTURY = 108,
    FADT_BOOT_ARCH = 109,
    FADT_FLAGS = 112,
    FADT_RESET_REG = 116,
    FADT_RESET_VALUE = 128,
    FADT_MINOR = 131,
    FADT_X_FACS = 132,
    FADT_X_DSDT = 140,
    FADT_X_PM1A_EVT = 148,
    FADT_X_PM1A_CNT = 172,
    FADT_X_PM_TMR = 208,
    FADT_X_GPE0 = 220,
    FADT_SLEEP_CONTROL = 244,
    FADT_SLEEP_STATUS = 256,
};
enum {
    FADT_WBINVD = 1 << 0,
    FADT_PROC_C1 = 1 << 2,
    FADT_PWR_BUTTON_CM = 1 << 4, /* not a fixed feature but a control method device */
    FADT_SLP_BUTTON_CM = 1 << 5,
    FADT_RTC_NOT_FIXED = 1 << 6,
    FADT_RESET_REG_SUP = 1 << 10,
    FADT_HW_REDUCED = 1 << 20,
};
enum { BOOT_LEGACY = 1 << 0, BOOT_8042 = 1 << 1, BOOT_NO_VGA = 1 << 2, BOOT_NO_RTC = 1 << 5 };
static size_t build_fadt(struct acpi_block *b, const struct acpi_config *cfg, uint64_t facs,
                         uint64_t dsdt)
{
    bool reduced = cfg->platform == ACPI_MICROVM;
    size_t at = acpi_table_begin(b, "FACP", reduced ? 5 : 4);
    size_t len = reduced ? FADT_LEN : FADT_SLEEP_CONTROL;
    acpi_zeros(b, len - HEADER_LEN);
    if (b->buf.failed)
        return at;
    uint8_t *t = b->buf.data + at;
    uint32_t flags =
        FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON_CM | FADT_RTC_NOT_FIXED | FADT_RESET_REG_SUP;
    uint16_t boot = cfg->vga ? 0 : BOOT_NO_VGA;

    store_le32(t + FADT_FACS, (uint32_t)facs);
    store_le32(t + FADT_DSDT, (uint32_t)dsdt);
    store_le64(t + FADT_X_DSDT, dsdt);
    if (!reduced)
        acpi_note_pointer(b, at + FADT_FACS, 4);
    acpi_note_pointer(b, at + FADT_DSDT, 4);
    acpi_note_pointer(b, at + FADT_X_DSDT, 8);
    store_le16(t + FADT_P_LVL2_LAT, 0xfff); /* C2 and C3 are not supported */
    store_le16(t + FADT_P_LVL3_LAT, 0xfff);
    t[FADT_CENTURY] = cfg->rtc ? 0x32 : 0;
    if (cfg->i8042)
        boot |= BOOT_8042;
    if (!cfg->rtc)
        boot |= BOOT_NO_RTC;
    if (reduced) {
        flags |= FADT_HW_REDUCED | FADT_PWR_BUTTON_CM;
        acpi_gas(t + FADT_RESET_REG, ACPI_GAS_MEMORY, 8, cfg->ged_base + GED_RESET);
        t[FADT_RESET_VALUE] = GED_RESET_VALUE;
        acpi_gas(t + FADT_SLEEP_CONTROL, ACPI_GAS_MEMORY, 8, cfg->ged_base + GED_SLEEP_CONTROL);
        acpi_gas(t + FADT_SLEEP_STATUS, ACPI_GAS_MEMORY, 8, cfg->ged_base + GED_SLEEP_STATUS);
        t[FADT_MINOR] = 1;
    } else {
        boot |= BOOT_LEGACY;
        store_le16(t + FADT_SCI_INT, cfg->sci_irq);
        if (cfg->smi_command) {
            store_le32(t + FADT_SMI_CMD, APM_BASE);
            t[FADT_ACPI_ENABLE] = APM_ACPI_ENABLE;
            t[FADT_ACPI_DISABLE] = APM_ACPI_DISABLE;
        }
        store_le32(t + FADT_PM1A_EVT, cfg->pm_base + ACPI_PM1_EVT);
        store_le32(t + FADT_PM1A_CNT, cfg->pm_base + ACPI_PM1_CNT);
        store_le32(t + FADT_PM_TMR, cfg->pm_base + ACPI_PM_TMR);
        store_le32(t + FADT_GPE0, cfg->gpe_base);
        t[FADT_PM1_EVT_LEN] = 4;
        t[FADT_PM1_CNT_LEN] = 2;
        t[FADT_PM_TMR_LEN] = 4;
        t[FADT_GPE0_LEN] = cfg->gpe_len;
        acpi_gas(t + FADT_X_PM1A_EVT, ACPI_GAS_IO, 32, cfg->pm_base + ACPI_PM1_EVT);
        acpi_gas(t + FADT_X_PM1A_CNT, ACPI_GAS_IO, 16, cfg->pm_base + ACPI_PM1_CNT);
        acpi_gas(t + FADT_X_PM_TMR, ACPI_GAS_IO, 32, cfg->pm_base + ACPI_PM_TMR);
        acpi_gas(t + FADT_X_GPE0, ACPI_GAS_IO, 8, cfg->gpe_base);
        t[FADT_X_GPE0 + 1] = (uint8_t)(8u * cfg->gpe_len);
        acpi_gas(t + FADT_RESET_REG, ACPI_GAS_IO, 8, 0xcf9);
        t[FADT_RESET_VALUE] = 0x06;
    }
    store_le16(t + FADT_BOOT_ARCH, boot);
    store_le32(t + FADT_FLAGS, flags);
    acpi_table_end(b, at);
    return at;
}

static size_t build_madt(struct acpi_block *b, const struct acpi_config *cfg)
{
    size_t at = acpi_table_begin(b, "APIC", 3);
    acpi_put(b, cfg->lapic_base, 4);
    acpi_put(b, cfg->pic, 4); /* PCAT_COMPAT */
    for (unsigned i = 0; i < cfg->cpus; i++) {
        if (cfg->apic_ids[i] < 255 && i < 255) { /* processor local APIC */
            acpi_put(b, 0, 1);
            acpi_put(b, 8, 1);
            acpi_put(b, i, 1);
            acpi_put(b, cfg->apic_ids[i], 1);
            acpi_put(b, 1, 4);
        } else { /* processor local x2APIC */
            acpi_put(b, 9, 1);
            acpi_put(b, 16, 1);
            acpi_put(b, 0, 2);
            acpi_put(b, cfg->apic_ids[i], 4);
            acpi_put(b, 1, 4);
            acpi_put(b, i, 4);
        }
    }
    acpi_put(b, 1, 1); /* I/O APIC */
    acpi_put(b, 12, 1);
    acpi_put(b, cfg->ioapic_id, 1);
    acpi_put(b, 0, 1);
    acpi_put(b, cfg->ioapic_base, 4);
    acpi_put(b, 0, 4); /* first GSI */
    for (unsigned i = 0; i < cfg->override_count; i++) {
        acpi_put(b, 2, 1); /* interrupt source override */
        acpi_put(b, 10, 1);
        acpi_put(b, 0, 1); /* ISA */
        acpi_put(b, cfg->overrides[i].irq, 1);
        acpi_put(b, cfg->overrides[i].gsi, 4);
        acpi_put(b, cfg->overrides[i].level ? 0x0d : 0, 2);
    }
    acpi_put(b, 4, 1); /* local APIC NMI: LINT1 of every processor */
    acpi_put(b, 6, 1);
    acpi_put(b, 0xff, 1);
    acpi_put(b, 0, 2);
    acpi_put(b, 1, 1);
    acpi_table_end(b, at);
    return at;
}

static size_t build_hpet(struct acpi_block *b, const struct acpi_config *cfg)
{
    uint8_t address[12];
    size_t at = acpi_table_begin(b, "HPET", 1);
    acpi_put(b, hpet_block_id(), 4);
    acpi_gas(address, ACPI_GAS_MEMORY, 64, cfg->hpet_base);
    address[1] = address[3] = 0;
    aml_bytes(&b->buf, address, sizeof address);
    acpi_put(b, 0, 1);   /* number */
    acpi_put(b, 100, 2); /* minimum tick of periodic mode */
    acpi_put(b, 0, 1);
    acpi_table_end(b, at);
    return at;
}

/* FACS first: it alone asks for 64-byte alignment. */
static size_t build_facs(struct acpi_block *b)
{
    size_t at = b->buf.len;
    aml_bytes(&b->buf, "FACS", 4);
    acpi_put(b, FACS_LEN, 4);
    acpi_zeros(b, FACS_LEN - 8);
    if (!b->buf.failed)
        b->buf.data[at + 32] = 2; /* version */
    return at;
}

bool acpi_tables_build(struct acpi_tables *out, const struct acpi_config *cfg, uint64_t address,
                       size_t max, struct vemu_error **errp)
{
    struct acpi_block b;
    struct aml dsdt_code;

    acpi_block_init(&b, out, address);
    size_t facs = build_facs(&b);
    aml_init(&dsdt_code);
    acpi_build_dsdt(&dsdt_code, cfg);
    size_t dsdt = acpi_add_dsdt(&b, &dsdt_code);
    /* A hardware-reduced platform has no FACS. */
    acpi_list(&b, build_fadt(&b, cfg, cfg->platform == ACPI_MICROVM ? 0 : address + facs,
                             address + dsdt));
    acpi_list(&b, build_madt(&b, cfg));
    if (cfg->hpet_base)
        acpi_list(&b, build_hpet(&b, cfg));
    if (cfg->ecam_base)
        acpi_list(&b, acpi_build_mcfg(&b, cfg->ecam_base, 256));
    return acpi_block_finish(&b, max, errp);
}
