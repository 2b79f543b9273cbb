/* ACPI tables of `virt`: sums, links, what they say of the machine, and iasl's opinion of each. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/util/endian.h"
#include "core/util/error.h"
#include "hw/acpi/tables.h"
#include "hw/arm/boards.h"
#include "hw/arm/virt.h"
#include "tests/device/board_machine.h"

enum { BASE = 0x47f00000 };

static const struct board_option gic2[] = {{"gic-version", "2"}, {NULL, NULL}},
                                 gic3[] = {{"gic-version", "3"}, {NULL, NULL}};

static void build(struct acpi_tables *t, const struct board_option *options, unsigned cpus)
{
    struct vemu_machine m;
    struct vemu_error *err = NULL;
    struct board_config cfg = {.ram_size = 128 << 20, .cpus = cpus, .options = options};
    board_machine(&m, &virt_board_class, &cfg);
    cr_assert(virt_build_acpi(m.board, t, BASE, &err), "%s", err ? vemu_error_message(err) : "");
    machine_destroy(&m);
}

static const uint8_t *find(const struct acpi_tables *t, const char *signature)
{
    for (unsigned n = 0; n < t->table_count; n++)
        if (!memcmp(t->data + t->tables[n].offset, signature, 4))
            return t->data + t->tables[n].offset;
    return NULL;
}

Test(arm_acpi, every_table_sums_to_zero_and_the_root_leads_to_them)
{
    struct acpi_tables t;
    build(&t, gic3, 4);
    for (unsigned n = 0; n < t.table_count; n++) {
        uint8_t sum = 0;
        for (uint32_t i = 0; i < t.tables[n].len; i++)
            sum = (uint8_t)(sum + t.data[t.tables[n].offset + i]);
        cr_expect_eq(sum, 0, "%.4s", (const char *)t.data + t.tables[n].offset);
    }
    const uint8_t *xsdt = find(&t, "XSDT"), *fadt = find(&t, "FACP");
    cr_expect_eq(load_le64(t.rsdp + 24), BASE + (uint64_t)(xsdt - t.data));
    cr_expect_eq(load_le64(xsdt + 36), BASE + (uint64_t)(fadt - t.data));
    cr_expect_eq(load_le64(fadt + 140), BASE + (uint64_t)(find(&t, "DSDT") - t.data));
    cr_expect_eq(load_le32(fadt + 112), 1 << 20, "hardware-reduced");
    cr_expect_eq(load_le16(fadt + 129), 3, "PSCI by HVC");
    acpi_tables_free(&t);
}

/* Counts the structures of a type; *first: the first of them. */
static unsigned madt_count(const struct acpi_tables *t, uint8_t type, const uint8_t **first)
{
    const uint8_t *madt = find(t, "APIC");
    unsigned count = 0;
    for (uint32_t at = 44; at < load_le32(madt + 4); at += madt[at + 1]) {
        cr_assert_gt(madt[at + 1], 1);
        if (madt[at] == type && !count++)
            *first = madt + at;
    }
    return count;
}

Test(arm_acpi, madt_tells_of_processors_and_controller)
{
    struct acpi_tables t;
    const uint8_t *p;
    build(&t, gic2, 3);
    cr_expect_eq(madt_count(&t, 0x0b, &p), 3);
    cr_expect_eq(load_le64(p + 32), virt_map[VIRT_GIC_CPU].base);
    cr_expect_eq(madt_count(&t, 0x0c, &p), 1);
    cr_expect_eq(p[20], 2);
    cr_expect_eq(madt_count(&t, 0x0d, &p), 1, "a frame for messages");
    cr_expect_eq(load_le16(p + 22), 32 + VIRT_SPI_V2M);
    cr_expect_eq(madt_count(&t, 0x0e, &p), 0);
    acpi_tables_free(&t);

    build(&t, gic3, 20);
    cr_expect_eq(madt_count(&t, 0x0b, &p), 20);
    cr_expect_eq(load_le64(p + 32), 0);
    cr_expect_eq(madt_count(&t, 0x0c, &p), 1);
    cr_expect_eq(p[20], 3);
    cr_expect_eq(madt_count(&t, 0x0e, &p), 1);
    cr_expect_eq(load_le64(p + 4), virt_map[VIRT_GIC_REDIST].base);
    cr_expect_eq(madt_count(&t, 0x0f, &p), 1, "an ITS");
    cr_expect_eq(load_le64(p + 8), virt_map[VIRT_GIC_ITS].base);
    cr_expect(find(&t, "IORT"));
    acpi_tables_free(&t);
}

Test(arm_acpi, timers_console_and_configuration_space)
{
    struct acpi_tables t;
    build(&t, gic3, 1);
    const uint8_t *gtdt = find(&t, "GTDT"), *spcr = find(&t, "SPCR"), *mcfg = find(&t, "MCFG");
    cr_expect_eq(load_le32(gtdt + 4), 96);
    cr_expect_eq(load_le32(gtdt + 48), 29);
    cr_expect_eq(load_le32(gtdt + 56), 30);
    cr_expect_eq(load_le32(gtdt + 64), 27);
    cr_expect_eq(load_le32(spcr + 4), 80);
    cr_expect_eq(load_le64(spcr + 44), 0x09000000);
    cr_expect_eq(load_le32(spcr + 54), 33);
    cr_expect_eq(load_le64(mcfg + 44), virt_map[VIRT_PCIE_ECAM_HIGH].base);
    cr_expect_eq(mcfg[55], 255);
    acpi_tables_free(&t);
}

Test(arm_acpi, debuggers_find_the_first_serial_port)
{
    struct acpi_tables t;
    build(&t, gic3, 1);
    const uint8_t *dbg2 = find(&t, "DBG2");
    cr_assert(dbg2);
    cr_expect_eq(load_le32(dbg2 + 40), 1, "one device");
    const uint8_t *device = dbg2 + load_le32(dbg2 + 36);
    cr_expect_eq(device + load_le16(device + 1) - dbg2, load_le32(dbg2 + 4), "up to the end");
    cr_expect_eq(load_le16(device + 12), 0x8000, "a serial port");
    cr_expect_eq(load_le16(device + 14), 3, "a PL011");
    cr_expect_eq(load_le64(device + load_le16(device + 18) + 4), virt_map[VIRT_UART].base);
    cr_expect_eq(load_le32(device + load_le16(device + 20)), virt_map[VIRT_UART].size);
    cr_expect_str_eq((const char *)device + load_le16(device + 6), "\\_SB.COM0");
    acpi_tables_free(&t);
}

Test(arm_acpi, processors_are_cores_of_one_socket)
{
    struct acpi_tables t;
    build(&t, gic3, 3);
    const uint8_t *pptt = find(&t, "PPTT");
    cr_assert(pptt);
    cr_expect_eq(load_le32(pptt + 4), 36 + 4 * 20);
    cr_expect_eq(load_le32(pptt + 36 + 4) & 3, 1, "a socket without an id");
    for (unsigned n = 0; n < 3; n++) {
        const uint8_t *core = pptt + 36 + 20 * (n + 1);
        cr_expect_eq(load_le32(core + 4) & 11, 10, "a leaf that has an id");
        cr_expect_eq(load_le32(core + 8), 36, "in the socket");
        cr_expect_eq(load_le32(core + 12), n);
    }
    acpi_tables_free(&t);
}

Test(arm_acpi, iasl_takes_every_table_apart)
{
    const struct board_option *const options[] = {gic2, gic3};
    if (system("command -v iasl >/dev/null 2>&1"))
        cr_skip_test("iasl (package acpica-tools) is not installed");
    for (unsigned n = 0; n < 2; n++) {
        struct acpi_tables t;
        char dir[] = "/tmp/vemu-acpi-XXXXXX", path[128], command[512];
        cr_assert(mkdtemp(dir));
        build(&t, options[n], 8);
        for (unsigned i = 0; i < t.table_count; i++) {
            const uint8_t *table = t.data + t.tables[i].offset;
            if (!memcmp(table, "RSDT", 4) || !memcmp(table, "XSDT", 4))
                continue;
            snprintf(path, sizeof path, "%s/%.4s.aml", dir, (const char *)table);
            FILE *f = fopen(path, "w");
            cr_assert(f && fwrite(table, t.tables[i].len, 1, f) == 1);
            fclose(f);
            /* Taken apart without a complaint, and put together to as many bytes (but for code,
             * which is made shorter). */
            snprintf(
                command, sizeof command,
                "cd %s && iasl -d %s >log 2>&1 && ! grep -qiE 'invalid|error:|unknown|truncat' "
                "log *.dsl && iasl -p out *.dsl >log2 2>&1 && grep -q ' 0 Errors, 0 Warnings' "
                "log2 && { [ $(wc -c <out.aml) = %u ] || [ %.4s = DSDT ]; } && rm *.dsl || "
                "{ head -n 60 log log2 *.dsl; rm -f *.dsl; exit 1; }",
                dir, path, t.tables[i].len, (const char *)table);
            cr_expect_eq(system(command), 0, "%.4s", (const char *)table);
        }
        acpi_tables_free(&t);
        snprintf(command, sizeof command, "rm -rf %s", dir);
        cr_expect_eq(system(command), 0);
    }
}
