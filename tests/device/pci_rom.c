/* Expansion ROMs: what firmware finds of a file. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/util/endian.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/rom.h"
#include "tests/device/device_test.h"

enum { ROM_SIZE = 2048, IMAGE = 1024, DATA = 0x40, VENDOR = 0x1af4, DEVICE = 0x1000 };

struct function {
    struct pci_device pci;
    struct pci_rom rom;
    const char *missing;
    char *romfile;
};

static bool function_realize(struct device *dev, struct vemu_error **errp)
{
    static const struct pci_ident ident = {.vendor = VENDOR, .device = DEVICE};
    struct function *s = (struct function *)dev;

    return pci_device_init(&s->pci, &ident, errp) &&
           pci_rom_add_usual(&s->pci, &s->rom, s->romfile, "usual.rom", &s->missing, errp);
}
static void function_unrealize(struct device *dev)
{
    struct function *s = (struct function *)dev;

    pci_device_exit(&s->pci);
    pci_rom_free(&s->pci, &s->rom);
}
static void function_reset(struct device *dev)
{
    pci_device_reset((struct pci_device *)dev);
}
static const struct prop_desc function_props[] = {
    PCI_PROPS(struct function, pci),
    PROP(PROP_STRING, struct function, romfile, "romfile", NULL, "boot ROM"),
    {0}};
static const struct device_class function_class = {.name = "function",
                                                   .size = sizeof(struct function),
                                                   .bus = "pci",
                                                   .props = function_props,
                                                   .realize = function_realize,
                                                   .unrealize = function_unrealize,
                                                   .reset = function_reset};

/* An image of another device ID, whose bytes sum up to zero. */
static void make_image(uint8_t *rom)
{
    uint8_t sum = 0;

    memset(rom, 0, ROM_SIZE);
    store_le16(rom, 0xaa55);
    rom[2] = IMAGE / 512;
    rom[3] = 0xe9;
    store_le16(rom + 0x18, DATA);
    memcpy(rom + DATA, "PCIR", 4);
    store_le16(rom + DATA + 4, VENDOR);
    store_le16(rom + DATA + 6, 0x1041);
    rom[DATA + 0x15] = 0x80; /* the last image */
    memset(rom + IMAGE, 0x5a, ROM_SIZE - IMAGE);
    for (unsigned i = 0; i < IMAGE; i++)
        sum += rom[i];
    rom[IMAGE - 1] -= sum;
}

/* What the function shows of the file `data`, as its usual ROM or as the one it was told to have.
 */
static void shown(uint8_t *data, bool usual)
{
    struct vemu_error *err = NULL;
    struct vemu_machine m;
    struct pci_host_config cfg = {0};
    char dir[] = "/tmp/vemu-rom-XXXXXX", path[64];

    test_machine_init(&m);
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/%s", dir, usual ? "usual.rom" : "other.rom");
    FILE *f = fopen(path, "w");
    cr_assert(f && fwrite(data, ROM_SIZE, 1, f) == 1 && fclose(f) == 0);
    m.starts_firmware = true;
    m.firmware_dirs = calloc(2, sizeof *m.firmware_dirs);
    m.firmware_dirs[0] = strdup(dir);
    struct device *host = made(pci_host_create(&m, &cfg, &err), err);
    struct device *dev = made(device_new(&m, &function_class, NULL, &err), err);
    struct function *s = (struct function *)dev;
    s->pci.bus = pci_host_bus(host);
    s->pci.devfn = PCI_DEVFN(2, 0);
    if (!usual)
        cr_assert(device_set_prop(dev, "romfile", path, &err));
    cr_assert(device_realize(dev, &err), "%s", err ? vemu_error_message(err) : "");
    cr_assert_null(s->missing);
    machine_lock(&m);
    machine_reset(&m, NULL);
    pci_config_write(&s->pci, PCI_ROM_ADDRESS, 0xfebe0001, 4);
    pci_config_write(&s->pci, PCI_COMMAND, 2, 2);
    machine_unlock(&m);
    for (unsigned i = 0; i < ROM_SIZE; i += 4)
        store_le32(data + i, read32(&m, 0xfebe0000 + i));
    machine_destroy(&m);
    unlink(path);
    rmdir(dir);
}

Test(pci_rom, the_usual_one_is_told_the_functions_ids)
{
    uint8_t rom[ROM_SIZE], was[ROM_SIZE], sum = 0;

    make_image(was);
    memcpy(rom, was, sizeof rom);
    shown(rom, true);
    cr_expect_eq(load_le16(rom + DATA + 4), VENDOR);
    cr_expect_eq(load_le16(rom + DATA + 6), DEVICE);
    for (unsigned i = 0; i < IMAGE; i++)
        sum += rom[i];
    cr_expect_eq(sum, 0);
    rom[6] = 0;
    memcpy(rom + DATA + 6, was + DATA + 6, 2);
    cr_expect_arr_eq(rom, was, sizeof rom, "nothing else changes");
}

Test(pci_rom, the_one_that_a_user_named_stays_as_it_is)
{
    uint8_t rom[ROM_SIZE], was[ROM_SIZE];

    make_image(was);
    memcpy(rom, was, sizeof rom);
    shown(rom, false);
    cr_expect_arr_eq(rom, was, sizeof rom);
}

Test(pci_rom, what_is_no_image_for_this_processor_stays_as_it_is)
{
    static const struct {
        unsigned at;
        uint8_t value;
        const char *what;
    } cases[] = {{0, 0, "no signature"},
                 {0x19, 0x08, "its data begin behind the end"},
                 {0x18, 0xf0, "no PCIR there"},
                 {0x18, 0, "its data are in the header"},
                 {DATA + 0x14, 3, "EFI"}};

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t rom[ROM_SIZE], was[ROM_SIZE];
        make_image(was);
        was[cases[i].at] = cases[i].value;
        memcpy(rom, was, sizeof rom);
        shown(rom, true);
        cr_expect_arr_eq(rom, was, sizeof rom, "%s", cases[i].what);
    }
}
