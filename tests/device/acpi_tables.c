/* ACPI tables: checksums, links between tables, and AML that iasl takes apart without complaint. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/util/endian.h"
#include "core/util/error.h"
#include "hw/acpi/tables.h"

enum { BASE = 0x7fe0000, ROOM = 0x20000 };

static uint32_t apic_ids[64];
static const struct acpi_hotplug pc_slots = {.base = 0xae00, .slots = 0xfffffff8};
static const struct acpi_hotplug q35_slots = {
    .base = 0xcc0, .port_count = 3, .ports = {0x10, 0x11, 0x80}};

static struct acpi_config config_for(enum acpi_platform platform)
{
    struct acpi_config cfg = {.platform = platform,
                              .cpus = 4,
                              .apic_ids = apic_ids,
                              .lapic_base = 0xfee00000,
                              .ioapic_base = 0xfec00000,
                              .overrides = {{0, 2, false}, {9, 9, true}},
                              .override_count = 2,
                              .pic = true,
                              .rtc = true,
                              .serial_mask = 1};
    for (unsigned i = 0; i < 64; i++)
        apic_ids[i] = i;
    if (platform == ACPI_MICROVM) {
        cfg.ged_base = 0xfea00000;
        cfg.ged_gsi = 9;
        return cfg;
    }
    cfg.i8042 = true;
    cfg.hpet_base = 0xfed00000;
    cfg.pm_base = 0x600;
    cfg.pm_size = 64;
    cfg.gpe_base = 0x60c;
    cfg.gpe_len = 4;
    cfg.sci_irq = 9;
    cfg.pci_mem_first = 0xc0000000;
    cfg.pci_mem_last = 0xfebfffff;
    cfg.pci_mem64_first = UINT64_C(0x100000000);
    cfg.pci_mem64_last = UINT64_C(0x8ffffffff);
    if (platform == ACPI_Q35)
        cfg.ecam_base = 0xb0000000;
    cfg.hotplug = platform == ACPI_Q35 ? &q35_slots : &pc_slots;
    return cfg;
}

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;
    while (len--)
        s = (uint8_t)(s + *p++);
    return s;
}

static const uint8_t *find(const struct acpi_tables *t, const char *signature)
{
    uint64_t xsdt = load_le64(t->rsdp + 24) - BASE;
    uint32_t len = load_le32(t->data + xsdt + 4);
    for (uint32_t i = 36; i < len; i += 8) {
        const uint8_t *table = t->data + (load_le64(t->data + xsdt + i) - BASE);
        if (!memcmp(table, signature, 4))
            return table;
    }
    return NULL;
}

static void build(struct acpi_tables *t, enum acpi_platform platform)
{
    struct acpi_config cfg = config_for(platform);
    struct vemu_error *err = NULL;
    cr_assert(acpi_tables_build(t, &cfg, BASE, ROOM, &err));
}

Test(acpi_tables, every_table_sums_to_zero_and_both_root_tables_agree)
{
    for (int platform = ACPI_PC; platform <= ACPI_MICROVM; platform++) {
        struct acpi_tables t;
        build(&t, platform);
        cr_expect_eq(sum(t.rsdp, 20), 0);
        cr_expect_eq(sum(t.rsdp, 36), 0);
        const uint8_t *rsdt = t.data + (load_le32(t.rsdp + 16) - BASE);
        const uint8_t *xsdt = t.data + (load_le64(t.rsdp + 24) - BASE);
        cr_expect_eq(sum(rsdt, load_le32(rsdt + 4)), 0);
        cr_expect_eq(sum(xsdt, load_le32(xsdt + 4)), 0);
        cr_assert_eq((load_le32(rsdt + 4) - 36) / 4, (load_le32(xsdt + 4) - 36) / 8);
        for (uint32_t i = 0; i < (load_le32(rsdt + 4) - 36) / 4; i++) {
            cr_expect_eq(load_le32(rsdt + 36 + 4 * i), load_le64(xsdt + 36 + 8 * i));
            const uint8_t *table = t.data + (load_le32(rsdt + 36 + 4 * i) - BASE);
            cr_expect_eq(sum(table, load_le32(table + 4)), 0, "%.4s", (const char *)table);
        }
        const uint8_t *fadt = find(&t, "FACP");
        cr_assert(fadt);
        const uint8_t *dsdt = t.data + (load_le32(fadt + 40) - BASE);
        cr_expect(!memcmp(dsdt, "DSDT", 4));
        cr_expect_eq(sum(dsdt, load_le32(dsdt + 4)), 0);
        acpi_tables_free(&t);
    }
}

Test(acpi_tables, facs_is_aligned_and_absent_on_hardware_reduced_platforms)
{
    struct acpi_tables t;
    build(&t, ACPI_PC);
    cr_expect_eq(load_le32(find(&t, "FACP") + 36) % 64, 0);
    cr_expect(!memcmp(t.data + (load_le32(find(&t, "FACP") + 36) - BASE), "FACS", 4));
    acpi_tables_free(&t);
    build(&t, ACPI_MICROVM);
    cr_expect_eq(load_le32(find(&t, "FACP") + 36), 0);
    cr_expect(load_le32(find(&t, "FACP") + 112) >> 20 & 1);
    acpi_tables_free(&t);
}

Test(acpi_tables, madt_lists_every_cpu_and_the_timer_override)
{
    struct acpi_tables t;
    build(&t, ACPI_Q35);
    const uint8_t *madt = find(&t, "APIC");
    unsigned cpus = 0, overrides = 0;
    for (uint32_t i = 44; i < load_le32(madt + 4); i += madt[i + 1]) {
        cpus += madt[i] == 0;
        overrides += madt[i] == 2 && madt[i + 3] == 0 && load_le32(madt + i + 4) == 2;
    }
    cr_expect_eq(cpus, 4);
    cr_expect_eq(overrides, 1);
    cr_expect(find(&t, "MCFG"));
    acpi_tables_free(&t);
}

Test(acpi_tables, too_little_room_is_an_error)
{
    struct acpi_config cfg = config_for(ACPI_PC);
    struct acpi_tables t;
    struct vemu_error *err = NULL;
    cr_assert_not(acpi_tables_build(&t, &cfg, BASE, 512, &err));
    cr_assert(err);
    vemu_error_free(err);
}

Test(acpi_tables, iasl_disassembles_and_reassembles_the_dsdt)
{
    if (system("command -v iasl >/dev/null 2>&1"))
        cr_skip_test("iasl (package acpica-tools) is not installed");
    for (int platform = ACPI_PC; platform <= ACPI_MICROVM; platform++) {
        struct acpi_tables t;
        build(&t, platform);
        const uint8_t *dsdt = t.data + (load_le32(find(&t, "FACP") + 40) - BASE);
        char dir[] = "/tmp/vemu-acpi-XXXXXX", path[64], command[512];
        cr_assert(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/dsdt.aml", dir);
        FILE *f = fopen(path, "w");
        cr_assert(f);
        fwrite(dsdt, 1, load_le32(dsdt + 4), f);
        fclose(f);
        /* Reassembly finds what disassembly lets pass: unresolved names, bad lengths. */
        snprintf(command, sizeof command,
                 "cd %s && iasl -d dsdt.aml >log 2>&1 && iasl -p out dsdt.dsl >>log 2>&1 && "
                 "grep -q ' 0 Errors, 0 Warnings' log",
                 dir);
        int status = system(command);
        cr_expect_eq(status, 0, "platform %d: see %s", platform, dir);
        snprintf(command, sizeof command, "rm -rf %s", dir);
        if (!status)
            cr_expect_eq(system(command), 0);
        acpi_tables_free(&t);
    }
}
