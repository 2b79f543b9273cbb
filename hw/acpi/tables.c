/* ACPI tables; see tables.h. */
#include "hw/acpi/tables.h"

#include <stdlib.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "hw/acpi/aml.h"
#include "hw/acpi/ged.h"
#include "hw/acpi/pm.h"
#include "hw/misc/apm.h"
#include "hw/timer/hpet.h"

enum { HEADER_LEN = 36, HEADER_LENGTH = 4, HEADER_CHECKSUM = 9, FACS_LEN = 64, FADT_LEN = 268 };
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
enum { GAS_MEMORY = 0, GAS_IO = 1 };

/* The block under construction, as one growing buffer (an AML builder without packages). */
struct builder {
    struct aml buf;
    uint64_t address;
    struct acpi_tables *out;
};

static void note_pointer(struct builder *b, size_t offset, uint8_t size)
{
    struct acpi_tables *out = b->out;
    if (out->pointer_count == ACPI_MAX_POINTERS) {
        b->buf.failed = true;
        return;
    }
    out->pointers[out->pointer_count].offset = (uint32_t)offset;
    out->pointers[out->pointer_count++].size = size;
}

static void put(struct builder *b, uint64_t v, unsigned size)
{
    uint8_t bytes[8];
    store_le64(bytes, v);
    aml_bytes(&b->buf, bytes, size);
}

static void zeros(struct builder *b, size_t len)
{
    static const uint8_t zero[64];
    for (; len; len -= MIN(len, sizeof zero))
        aml_bytes(&b->buf, zero, MIN(len, sizeof zero));
}

static void align(struct builder *b, size_t to)
{
    zeros(b, (size_t)align_up(b->buf.len, to) - b->buf.len);
}

static uint8_t checksum(const uint8_t *data, size_t len)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + data[i]);
    return (uint8_t)-sum;
}

/* Opens a table: returns its offset in the block. */
static size_t table_begin(struct builder *b, const char *signature, unsigned revision)
{
    align(b, 16);
    size_t at = b->buf.len;
    aml_bytes(&b->buf, signature, 4);
    put(b, 0, 4); /* length */
    put(b, revision, 1);
    put(b, 0, 1); /* checksum */
    aml_bytes(&b->buf, "VEMU  ", 6);
    aml_bytes(&b->buf, "VEMUBRD ", 8);
    put(b, 1, 4);
    aml_bytes(&b->buf, "VEMU", 4);
    put(b, 1, 4);
    return at;
}

static void table_end(struct builder *b, size_t at)
{
    if (b->buf.failed)
        return;
    uint8_t *t = b->buf.data + at;
    size_t len = b->buf.len - at;
    store_le32(t + HEADER_LENGTH, (uint32_t)len);
    t[HEADER_CHECKSUM] = 0;
    t[HEADER_CHECKSUM] = checksum(t, len);
    struct acpi_tables *out = b->out;
    if (out->table_count == ACPI_MAX_TABLES) {
        b->buf.failed = true;
        return;
    }
    out->tables[out->table_count].offset = (uint32_t)at;
    out->tables[out->table_count++].len = (uint32_t)len;
}

/* Generic address structure. */
static void gas(uint8_t *p, unsigned space, unsigned bits, uint64_t address)
{
    p[0] = (uint8_t)space;
    p[1] = (uint8_t)bits;
    p[2] = 0;
    p[3] = bits == 8 ? 1 : bits == 16 ? 2 : 3;
    store_le64(p + 4, address);
}

static size_t build_fadt(struct builder *b, const struct acpi_config *cfg, uint64_t facs,
                         uint64_t dsdt)
{
    bool reduced = cfg->platform == ACPI_MICROVM;
    size_t at = table_begin(b, "FACP", reduced ? 5 : 4);
    size_t len = reduced ? FADT_LEN : FADT_SLEEP_CONTROL;
    zeros(b, len - HEADER_LEN);
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
        note_pointer(b, at + FADT_FACS, 4);
    note_pointer(b, at + FADT_DSDT, 4);
    note_pointer(b, at + FADT_X_DSDT, 8);
    store_le16(t + FADT_P_LVL2_LAT, 0xfff); /* C2 and C3 are not supported */
    store_le16(t + FADT_P_LVL3_LAT, 0xfff);
    t[FADT_CENTURY] = cfg->rtc ? 0x32 : 0;
    if (cfg->i8042)
        boot |= BOOT_8042;
    if (!cfg->rtc)
        boot |= BOOT_NO_RTC;
    if (reduced) {
        flags |= FADT_HW_REDUCED | FADT_PWR_BUTTON_CM;
        gas(t + FADT_RESET_REG, GAS_MEMORY, 8, cfg->ged_base + GED_RESET);
        t[FADT_RESET_VALUE] = GED_RESET_VALUE;
        gas(t + FADT_SLEEP_CONTROL, GAS_MEMORY, 8, cfg->ged_base + GED_SLEEP_CONTROL);
        gas(t + FADT_SLEEP_STATUS, GAS_MEMORY, 8, cfg->ged_base + GED_SLEEP_STATUS);
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
        gas(t + FADT_X_PM1A_EVT, GAS_IO, 32, cfg->pm_base + ACPI_PM1_EVT);
        gas(t + FADT_X_PM1A_CNT, GAS_IO, 16, cfg->pm_base + ACPI_PM1_CNT);
        gas(t + FADT_X_PM_TMR, GAS_IO, 32, cfg->pm_base + ACPI_PM_TMR);
        gas(t + FADT_X_GPE0, GAS_IO, 8, cfg->gpe_base);
        t[FADT_X_GPE0 + 1] = (uint8_t)(8u * cfg->gpe_len);
        gas(t + FADT_RESET_REG, GAS_IO, 8, 0xcf9);
        t[FADT_RESET_VALUE] = 0x06;
    }
    store_le16(t + FADT_BOOT_ARCH, boot);
    store_le32(t + FADT_FLAGS, flags);
    table_end(b, at);
    return at;
}

static size_t build_madt(struct builder *b, const struct acpi_config *cfg)
{
    size_t at = table_begin(b, "APIC", 3);
    put(b, cfg->lapic_base, 4);
    put(b, cfg->pic, 4); /* PCAT_COMPAT */
    for (unsigned i = 0; i < cfg->cpus; i++) {
        if (cfg->apic_ids[i] < 255 && i < 255) { /* processor local APIC */
            put(b, 0, 1);
            put(b, 8, 1);
            put(b, i, 1);
            put(b, cfg->apic_ids[i], 1);
            put(b, 1, 4);
        } else { /* processor local x2APIC */
            put(b, 9, 1);
            put(b, 16, 1);
            put(b, 0, 2);
            put(b, cfg->apic_ids[i], 4);
            put(b, 1, 4);
            put(b, i, 4);
        }
    }
    put(b, 1, 1); /* I/O APIC */
    put(b, 12, 1);
    put(b, cfg->ioapic_id, 1);
    put(b, 0, 1);
    put(b, cfg->ioapic_base, 4);
    put(b, 0, 4); /* first GSI */
    for (unsigned i = 0; i < cfg->override_count; i++) {
        put(b, 2, 1); /* interrupt source override */
        put(b, 10, 1);
        put(b, 0, 1); /* ISA */
        put(b, cfg->overrides[i].irq, 1);
        put(b, cfg->overrides[i].gsi, 4);
        put(b, cfg->overrides[i].level ? 0x0d : 0, 2);
    }
    put(b, 4, 1); /* local APIC NMI: LINT1 of every processor */
    put(b, 6, 1);
    put(b, 0xff, 1);
    put(b, 0, 2);
    put(b, 1, 1);
    table_end(b, at);
    return at;
}

static size_t build_hpet(struct builder *b, const struct acpi_config *cfg)
{
    uint8_t address[12];
    size_t at = table_begin(b, "HPET", 1);
    put(b, hpet_block_id(), 4);
    gas(address, GAS_MEMORY, 64, cfg->hpet_base);
    address[1] = address[3] = 0;
    aml_bytes(&b->buf, address, sizeof address);
    put(b, 0, 1);   /* number */
    put(b, 100, 2); /* minimum tick of periodic mode */
    put(b, 0, 1);
    table_end(b, at);
    return at;
}

static size_t build_mcfg(struct builder *b, const struct acpi_config *cfg)
{
    size_t at = table_begin(b, "MCFG", 1);
    put(b, 0, 8);
    put(b, cfg->ecam_base, 8);
    put(b, 0, 2);   /* segment */
    put(b, 0, 1);   /* first bus */
    put(b, 255, 1); /* last bus */
    put(b, 0, 4);
    table_end(b, at);
    return at;
}

/* FACS first: it alone asks for 64-byte alignment. */
static size_t build_facs(struct builder *b)
{
    size_t at = b->buf.len;
    aml_bytes(&b->buf, "FACS", 4);
    put(b, FACS_LEN, 4);
    zeros(b, FACS_LEN - 8);
    if (!b->buf.failed)
        b->buf.data[at + 32] = 2; /* version */
    return at;
}

static void build_rsdp(uint8_t rsdp[36], uint64_t rsdt, uint64_t xsdt)
{
    memset(rsdp, 0, 36);
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "VEMU  ", 6);
    rsdp[15] = 2;
    store_le32(rsdp + 16, (uint32_t)rsdt);
    store_le32(rsdp + 20, 36);
    store_le64(rsdp + 24, xsdt);
    rsdp[8] = checksum(rsdp, 20);
    rsdp[32] = checksum(rsdp, 36);
}

bool acpi_tables_build(struct acpi_tables *out, const struct acpi_config *cfg, uint64_t address,
                       size_t max, struct vemu_error **errp)
{
    struct builder b = {.address = address, .out = out};
    struct aml dsdt_code;
    size_t tables[8], at;
    unsigned count = 0;

    *out = (struct acpi_tables){0};
    aml_init(&dsdt_code);
    acpi_build_dsdt(&dsdt_code, cfg);
    aml_init(&b.buf);
    size_t facs = build_facs(&b);
    size_t dsdt = table_begin(&b, "DSDT", 2);
    aml_bytes(&b.buf, dsdt_code.data, aml_ok(&dsdt_code) ? dsdt_code.len : 0);
    table_end(&b, dsdt);
    /* A hardware-reduced platform has no FACS. */
    tables[count++] =
        build_fadt(&b, cfg, cfg->platform == ACPI_MICROVM ? 0 : address + facs, address + dsdt);
    tables[count++] = build_madt(&b, cfg);
    if (cfg->hpet_base)
        tables[count++] = build_hpet(&b, cfg);
    if (cfg->ecam_base)
        tables[count++] = build_mcfg(&b, cfg);

    size_t rsdt = at = table_begin(&b, "RSDT", 1);
    for (unsigned i = 0; i < count; i++) {
        note_pointer(&b, b.buf.len, 4);
        put(&b, address + tables[i], 4);
    }
    table_end(&b, at);
    size_t xsdt = at = table_begin(&b, "XSDT", 1);
    for (unsigned i = 0; i < count; i++) {
        note_pointer(&b, b.buf.len, 8);
        put(&b, address + tables[i], 8);
    }
    table_end(&b, at);

    bool ok = aml_ok(&dsdt_code) && aml_ok(&b.buf);
    aml_free(&dsdt_code);
    if (!ok || b.buf.len > max) {
        size_t len = b.buf.len;
        aml_free(&b.buf);
        return ok ? error_set(errp, VEMU_ERROR_INVALID,
                              "ACPI tables of %zu bytes do not fit in the %zu set aside for them",
                              len, max)
                  : error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory to build the ACPI tables");
    }
    build_rsdp(out->rsdp, address + rsdt, address + xsdt);
    out->data = b.buf.data;
    out->len = b.buf.len;
    return true;
}

void acpi_tables_free(struct acpi_tables *t)
{
    free(t->data);
    *t = (struct acpi_tables){0};
}
