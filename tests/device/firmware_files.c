/* What firmware reads through fw_cfg: the table loader's script carried out as firmware does,
 * SMBIOS structures, the memory map, boot choices. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/util/endian.h"
#include "hw/firmware/smbios.h"
#include "hw/x86/boards.h"
#include "tests/device/board_machine.h"
#include "tests/device/device_test.h"

#define MIB (UINT64_C(1) << 20)

struct fixture {
    struct vemu_machine m;
    char *rom;
};

static void set_up(struct fixture *f, const struct board_class *cls, uint64_t ram)
{
    static uint8_t rom[65536];
    f->rom = temp_file(rom, sizeof rom);
    struct board_config cfg = {.ram_size = ram,
                               .cpus = 3,
                               .bios = f->rom,
                               .has_uuid = true,
                               .uuid = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4},
                               .boot_menu = true,
                               .splash_time_ms = 4660,
                               .reboot_timeout_ms = UINT32_MAX};
    board_machine(&f->m, cls, &cfg);
}

static void tear_down(struct fixture *f)
{
    machine_destroy(&f->m);
    unlink(f->rom);
    free(f->rom);
}

/* A named file as firmware finds it; NULL: there is none. */
static uint8_t *read_file(struct vemu_machine *m, const char *name, size_t *len)
{
    uint8_t entry[64], count[4];
    out16(m, 0x510, 0x19);
    for (unsigned i = 0; i < 4; i++)
        count[i] = in8(m, 0x511);
    for (unsigned n = 0; n < load_be32(count); n++) {
        for (unsigned i = 0; i < 64; i++)
            entry[i] = in8(m, 0x511);
        if (strcmp((char *)entry + 8, name))
            continue;
        *len = load_be32(entry);
        uint8_t *data = malloc(*len + 1);
        out16(m, 0x510, load_be16(entry + 4));
        for (size_t i = 0; i < *len; i++)
            data[i] = in8(m, 0x511);
        return data;
    }
    return NULL;
}

/* The script, carried out with the files at these addresses. */
enum { TABLES_AT = 0x03f00000, RSDP_AT = 0xf5000 };
struct loaded {
    uint8_t *tables, *rsdp;
    size_t tables_len, rsdp_len;
};

static void load(struct vemu_machine *m, struct loaded *l)
{
    size_t len;
    uint8_t *script = read_file(m, "etc/table-loader", &len);
    l->tables = read_file(m, "etc/acpi/tables", &l->tables_len);
    l->rsdp = read_file(m, "etc/acpi/rsdp", &l->rsdp_len);
    cr_assert(script && l->tables && l->rsdp);
    cr_assert_eq(len % 128, 0);
    unsigned allocated = 0;
    for (const uint8_t *e = script; e < script + len; e += 128) {
        bool tables = !strcmp((const char *)e + 4, "etc/acpi/tables");
        uint8_t *file = tables ? l->tables : l->rsdp;
        size_t room = tables ? l->tables_len : l->rsdp_len;
        cr_assert(!load_le32(e) || tables || !strcmp((const char *)e + 4, "etc/acpi/rsdp"));
        switch (load_le32(e)) {
        case 0: /* nothing */
            continue;
        case 1:
            cr_expect_eq(load_le32(e + 60) & (load_le32(e + 60) - 1), 0);
            allocated++;
            break;
        case 2: {
            uint32_t at = load_le32(e + 116), size = e[120];
            cr_assert_eq(allocated, 2, "allocated first");
            cr_assert_str_eq((const char *)e + 60, "etc/acpi/tables");
            cr_assert(at + size <= room);
            cr_expect(load_le(file + at, size) < l->tables_len);
            store_le(file + at, load_le(file + at, size) + TABLES_AT, size);
            break;
        }
        case 3: {
            uint32_t at = load_le32(e + 60), start = load_le32(e + 64), n = load_le32(e + 68);
            uint8_t sum = 0;
            cr_assert(start + n <= room && at >= start && at < start + n);
            /* As OVMF does: what is in the field counts. */
            for (uint32_t i = start; i < start + n; i++)
                sum = (uint8_t)(sum + file[i]);
            file[at] = (uint8_t)-sum;
            break;
        }
        default:
            cr_assert(false, "command %u", load_le32(e));
        }
    }
    free(script);
}

static bool sums_to_zero(const uint8_t *p, size_t len)
{
    uint8_t sum = 0;
    while (len--)
        sum = (uint8_t)(sum + *p++);
    return !sum;
}

static const uint8_t *table_at(struct loaded *l, uint64_t address)
{
    cr_assert(address >= TABLES_AT && address - TABLES_AT < l->tables_len, "%llx",
              (unsigned long long)address);
    return l->tables + (address - TABLES_AT);
}

static const uint8_t *find_table(struct loaded *l, const char *signature)
{
    const uint8_t *xsdt = table_at(l, load_le64(l->rsdp + 24));
    cr_assert(!memcmp(xsdt, "XSDT", 4));
    for (uint32_t at = 36; at < load_le32(xsdt + 4); at += 8) {
        const uint8_t *t = table_at(l, load_le64(xsdt + at));
        cr_expect(sums_to_zero(t, load_le32(t + 4)), "%.4s", t);
        if (!memcmp(t, signature, 4))
            return t;
    }
    return NULL;
}

static void free_loaded(struct loaded *l)
{
    free(l->tables);
    free(l->rsdp);
}

static void set_config32(struct vemu_machine *m, unsigned function, unsigned reg, uint32_t value)
{
    out32(m, 0xcf8, 0x80000000u | function | reg);
    out32(m, 0xcfc, value);
}

Test(firmware_files, the_script_makes_tables_whose_pointers_and_sums_are_right)
{
    const struct board_class *const boards[] = {&pc_board_class, &q35_board_class};
    for (unsigned n = 0; n < 2; n++) {
        struct fixture f;
        struct loaded l;
        set_up(&f, boards[n], 5120 * MIB);
        load(&f.m, &l);
        cr_expect(sums_to_zero(l.rsdp, 20) && sums_to_zero(l.rsdp, 36));
        const uint8_t *rsdt = table_at(&l, load_le32(l.rsdp + 16));
        cr_expect(sums_to_zero(rsdt, load_le32(rsdt + 4)));
        const uint8_t *fadt = find_table(&l, "FACP");
        const uint8_t *dsdt = table_at(&l, load_le64(fadt + 140));
        cr_expect_eq(load_le64(fadt + 140), load_le32(fadt + 40));
        cr_expect(!memcmp(dsdt, "DSDT", 4) && sums_to_zero(dsdt, load_le32(dsdt + 4)));
        cr_expect(!memcmp(table_at(&l, load_le32(fadt + 36)), "FACS", 4));
        cr_expect_eq(load_le32(fadt + 48), 0xb2, "SMI_CMD");
        cr_expect_eq(find_table(&l, "MCFG") != NULL, false, "ECAM is off");
        cr_expect(find_table(&l, "APIC"));
        free_loaded(&l);
        tear_down(&f);
    }
}

Test(firmware_files, tables_follow_where_firmware_put_the_registers)
{
    struct fixture f;
    struct loaded l;
    set_up(&f, &q35_board_class, 512 * MIB);
    set_config32(&f.m, 0x1f << 11, 0x40, 0xb001);
    set_config32(&f.m, 0x1f << 11, 0x44, 0x80);
    set_config32(&f.m, 0, 0x60, 0xe0000001);
    load(&f.m, &l);
    const uint8_t *fadt = find_table(&l, "FACP"), *mcfg = find_table(&l, "MCFG");
    cr_expect_eq(load_le32(fadt + 56), 0xb000);
    cr_expect_eq(load_le32(fadt + 64), 0xb004);
    cr_expect_eq(load_le32(fadt + 80), 0xb020);
    cr_assert(mcfg);
    cr_expect_eq(load_le64(mcfg + 44), 0xe0000000);
    free_loaded(&l);
    tear_down(&f);
}

Test(firmware_files, smbios_describes_processors_and_memory)
{
    struct fixture f;
    size_t anchor_len, len;
    set_up(&f, &pc_board_class, 5120 * MIB);
    uint8_t *anchor = read_file(&f.m, "etc/smbios/smbios-anchor", &anchor_len);
    uint8_t *tables = read_file(&f.m, "etc/smbios/smbios-tables", &len);
    cr_assert(anchor && tables);
    cr_expect_eq(anchor_len, 31);
    cr_expect(!memcmp(anchor, "_SM_", 4) && sums_to_zero(anchor, 31) &&
              sums_to_zero(anchor + 16, 15));
    cr_expect_eq(load_le16(anchor + 22), len);
    unsigned seen[128] = {0}, structures = 0;
    size_t at = 0;
    while (at + 4 <= len) {
        const uint8_t *s = tables + at;
        cr_assert(s[0] < 128 && s[1] >= 4);
        seen[s[0]]++;
        structures++;
        if (s[0] == 1)
            cr_expect_eq(load_le32(s + 8), 0x12345678, "UUID, little-endian fields");
        if (s[0] == 4)
            cr_expect_eq(s[35], 3);
        if (s[0] == 17)
            cr_expect_eq(load_le16(s + 12), 5120);
        at += s[1];
        while (at + 1 < len && (tables[at] || tables[at + 1]))
            at++;
        at += 2;
    }
    cr_expect_eq(at, len);
    cr_expect_eq(structures, load_le16(anchor + 28));
    cr_expect(seen[1] == 1 && seen[3] == 1 && seen[4] == 1 && seen[16] == 1 && seen[17] == 1);
    cr_expect(seen[19] == 2 && seen[32] == 1 && seen[127] == 1);
    free(anchor);
    free(tables);
    tear_down(&f);
}

Test(firmware_files, smbios_of_large_machines_has_few_modules)
{
    struct smbios *s = malloc(sizeof *s);
    struct smbios_config cfg = {.machine = "pc",
                                .below_4g = UINT64_C(3) << 30,
                                .above_4g = UINT64_C(509) << 30,
                                .cpus = 64,
                                .cpu_vendor = "v",
                                .cpu_brand = ""};
    smbios_build(s, &cfg);
    cr_expect(s->len < SMBIOS_ROOM / 2);
    cr_expect_eq(load_le16(s->anchor + 28), 6 + 4 + 2 - 0);
    free(s);
}

Test(firmware_files, memory_map_and_how_firmware_waits)
{
    struct fixture f;
    size_t len;
    set_up(&f, &pc_board_class, 5120 * MIB);
    uint8_t *map = read_file(&f.m, "etc/e820", &len);
    cr_assert_eq(len, 40);
    cr_expect_eq(load_le64(map), 0);
    cr_expect_eq(load_le64(map + 8), 3072 * MIB);
    cr_expect_eq(load_le64(map + 20), UINT64_C(1) << 32);
    cr_expect_eq(load_le64(map + 28), 2048 * MIB);
    free(map);
    uint8_t *wait = read_file(&f.m, "etc/boot-fail-wait", &len);
    cr_expect(wait && load_le32(wait) == UINT32_MAX);
    free(wait);
    /* OVMF takes it with two bytes only. */
    wait = read_file(&f.m, "etc/boot-menu-wait", &len);
    cr_expect(wait && len == 2 && load_le16(wait) == 4660);
    free(wait);
    out16(&f.m, 0x510, 0x0e);
    cr_expect_eq(in8(&f.m, 0x511), 1, "the menu is wanted");
    tear_down(&f);
}
