/* MSI and MSI-X: where messages go, masks, pending bits, INTx meanwhile. */
#include <criterion/criterion.h>
#include <string.h>
#include "core/util/endian.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci.h"
#include "hw/pci/piix.h"
#include "tests/device/device_test.h"

enum { VECTORS = 5, SLOT = PCI_DEVFN(6, 0), BAR = 0xe0000000, CAP_MSI = 0x40, CAP_MSIX = 0x58 };
#define APIC UINT64_C(0xfee01000)

struct msi_device {
    struct pci_device pci;
    struct pci_msix msix;
};

static bool msi_realize(struct device *dev, struct vemu_error **errp)
{
    struct msi_device *s = (struct msi_device *)dev;
    static const struct pci_ident ident = {
        .vendor = 0x1b36, .device = 0x1234, .class_code = 0xff0000, .interrupt_pin = 1};
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    cr_assert(pci_msi_add(&s->pci, 4, true));
    cr_assert(pci_msix_add(&s->pci, &s->msix, VECTORS, 1, 0));
    pci_bar_add(&s->pci, 1, PCI_BAR_MEM32, &s->msix.region);
    return true;
}
static void msi_unrealize(struct device *dev)
{
    pci_device_exit((struct pci_device *)dev);
}
static void msi_reset(struct device *dev)
{
    pci_device_reset((struct pci_device *)dev);
}
static bool msi_post_load(struct device *dev, struct vemu_error **errp)
{
    return pci_device_post_load((struct pci_device *)dev, errp);
}
static const struct prop_desc msi_props[] = {PCI_PROPS(struct msi_device, pci), {0}};
static const struct state_field msi_state[] = {
    STATE_PCI(struct msi_device, pci), STATE_MSIX(struct msi_device, msix), STATE_FIELDS_END};
static const struct device_class msi_class = {.name = "msi-probe",
                                              .size = sizeof(struct msi_device),
                                              .bus = "pci",
                                              .props = msi_props,
                                              .state = msi_state,
                                              .state_version = 1,
                                              .realize = msi_realize,
                                              .unrealize = msi_unrealize,
                                              .reset = msi_reset,
                                              .post_load = msi_post_load};

struct fixture {
    struct vemu_machine m;
    struct device *host;
    struct msi_device *dev;
    struct line_probe isa[16];
    struct mem_region ram_region;
    unsigned messages;
    uint16_t requester;
    uint64_t addr;
    uint32_t data;
};

static bool catch_message(void *opaque, uint16_t requester, uint64_t addr, uint32_t data)
{
    struct fixture *f = opaque;
    (void)requester;
    if (addr >> 20 != APIC >> 20)
        return false;
    f->messages++;
    f->requester = requester;
    f->addr = addr;
    f->data = data;
    return true;
}

static void config_write(struct fixture *f, unsigned reg, uint32_t value)
{
    out32(&f->m, 0xcf8, 0x80000000u | (unsigned)SLOT << 8 | (reg & 0xfc));
    out32(&f->m, 0xcfc, value);
}
static uint32_t config_read(struct fixture *f, unsigned reg)
{
    out32(&f->m, 0xcf8, 0x80000000u | (unsigned)SLOT << 8 | (reg & 0xfc));
    return in32(&f->m, 0xcfc);
}

static void set_up(struct fixture *f)
{
    struct vemu_error *err = NULL;
    memset(f, 0, sizeof *f);
    test_machine_init(&f->m);
    struct ram_block *ram = ram_block_new(&f->m.rams, "ram", 1 << 20, false, &err);
    cr_assert(ram);
    mem_region_init_ram(&f->ram_region, "ram", ram, 0, 1 << 20);
    machine_lock(&f->m);
    mem_region_add(mem_space_root(f->m.memory), 0, &f->ram_region, 0);
    machine_unlock(&f->m);
    struct pci_host_config host = {0};
    f->host = made(pci_host_create(&f->m, &host, &err), err);
    struct piix3_config piix = {.host = f->host, .routed = true};
    for (unsigned i = 0; i < 16; i++)
        piix.isa[i] = line_probe(&f->isa[i]);
    made(piix3_create(&f->m, &piix, &err), err);
    pci_bus_set_msi(pci_host_bus(f->host), catch_message, f);
    f->dev = (struct msi_device *)made(device_new(&f->m, &msi_class, NULL, &err), err);
    f->dev->pci.bus = pci_host_bus(f->host);
    f->dev->pci.devfn = SLOT;
    cr_assert(device_realize(&f->dev->pci.dev, &err), "%s", err ? vemu_error_message(err) : "");
    machine_lock(&f->m);
    machine_reset(&f->m, NULL);
    machine_unlock(&f->m);
    config_write(f, PCI_BASE_ADDRESS_0 + 4, BAR);
    config_write(f, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void tear_down(struct fixture *f)
{
    machine_lock(&f->m);
    mem_region_remove(&f->ram_region);
    machine_unlock(&f->m);
    machine_destroy(&f->m);
}

static void set_entry(struct fixture *f, unsigned n, uint64_t addr, uint32_t data, uint32_t control)
{
    write64(&f->m, BAR + 16 * n, addr);
    write32(&f->m, BAR + 16 * n + 8, data);
    write32(&f->m, BAR + 16 * n + 12, control);
}
static void raise(struct fixture *f, unsigned vector)
{
    machine_lock(&f->m);
    pci_msix_notify(&f->dev->pci, vector);
    machine_unlock(&f->m);
}
static void raise_msi(struct fixture *f, unsigned vector)
{
    machine_lock(&f->m);
    pci_msi_notify(&f->dev->pci, vector);
    machine_unlock(&f->m);
}
enum { MSIX_ON = 1u << 31, MSIX_MASK = 1u << 30 };

Test(pci_msi, msix_capability_names_table_and_pending_bits)
{
    struct fixture f;
    set_up(&f);
    cr_expect_eq(config_read(&f, PCI_CAPABILITY_LIST) & 0xff, CAP_MSIX);
    cr_expect_eq(config_read(&f, CAP_MSIX), (VECTORS - 1) << 16 | CAP_MSI << 8 | 0x11);
    cr_expect_eq(config_read(&f, CAP_MSIX + 4), 1);
    cr_expect_eq(config_read(&f, CAP_MSIX + 8), PCI_MSIX_PBA | 1);
    config_write(&f, CAP_MSIX + 4, 0xffffffff);
    cr_expect_eq(config_read(&f, CAP_MSIX + 4), 1);
    for (unsigned n = 0; n < VECTORS; n++)
        cr_expect_eq(read32(&f.m, BAR + 16 * n + 12), 1, "vector %u is masked at reset", n);
    cr_expect_eq(read32(&f.m, BAR + 16 * VECTORS + 12), 0);
    tear_down(&f);
}

Test(pci_msi, an_unmasked_vector_sends_its_message_and_a_masked_one_waits)
{
    struct fixture f;
    set_up(&f);
    set_entry(&f, 1, APIC, 0x41, 0);
    set_entry(&f, 2, APIC + 0x1000, 0x42, 1);
    raise(&f, 1);
    cr_expect_eq(f.messages, 0, "MSI-X is off");
    config_write(&f, CAP_MSIX, MSIX_ON);
    cr_expect_eq(f.messages, 0, "what was raised while it was off is gone");
    raise(&f, 1);
    cr_expect_eq(f.messages, 1);
    cr_expect_eq(f.addr, APIC);
    cr_expect_eq(f.data, 0x41);
    raise(&f, 2);
    cr_expect_eq(f.messages, 1);
    cr_expect_eq(read32(&f.m, BAR + PCI_MSIX_PBA), 1 << 2);
    write32(&f.m, BAR + PCI_MSIX_PBA, 0);
    cr_expect_eq(read32(&f.m, BAR + PCI_MSIX_PBA), 1 << 2, "pending bits are read-only");
    write32(&f.m, BAR + 16 * 2 + 12, 0);
    cr_expect_eq(f.messages, 2);
    cr_expect_eq(f.data, 0x42);
    cr_expect_eq(read32(&f.m, BAR + PCI_MSIX_PBA), 0);
    raise(&f, VECTORS);
    raise(&f, 60000);
    cr_expect_eq(f.messages, 2, "there are no such vectors");
    tear_down(&f);
}

Test(pci_msi, the_function_mask_holds_all_and_lets_them_go_together)
{
    struct fixture f;
    set_up(&f);
    set_entry(&f, 0, APIC, 0x30, 0);
    set_entry(&f, 4, APIC, 0x34, 0);
    config_write(&f, CAP_MSIX, MSIX_ON | MSIX_MASK);
    raise(&f, 0);
    raise(&f, 0);
    raise(&f, 4);
    cr_expect_eq(f.messages, 0);
    cr_expect_eq(read32(&f.m, BAR + PCI_MSIX_PBA), 0x11);
    config_write(&f, CAP_MSIX, MSIX_ON);
    cr_expect_eq(f.messages, 2, "two raises of a vector are one message");
    tear_down(&f);
}

Test(pci_msi, a_message_outside_the_window_is_a_write_to_memory_and_needs_bus_mastering)
{
    struct fixture f;
    set_up(&f);
    set_entry(&f, 0, 0x2000, 0xcafe, 0);
    config_write(&f, CAP_MSIX, MSIX_ON);
    raise(&f, 0);
    cr_expect_eq(read32(&f.m, 0x2000), 0xcafe);
    write32(&f.m, 0x2000, 0);
    config_write(&f, PCI_COMMAND, PCI_COMMAND_MEMORY);
    raise(&f, 0);
    cr_expect_eq(read32(&f.m, 0x2000), 0);
    tear_down(&f);
}

Test(pci_msi, a_message_tells_who_sent_it_by_the_numbers_that_software_gave)
{
    struct fixture f;
    set_up(&f);
    set_entry(&f, 0, APIC, 0x30, 0);
    config_write(&f, CAP_MSIX, MSIX_ON);
    raise(&f, 0);
    cr_expect_eq(f.requester, SLOT);
    struct pci_device bridge = {0}, behind = {.devfn = 8};
    struct pci_bus bus = {.bridge = &bridge};
    behind.bus = &bus;
    bridge.config[PCI_SECONDARY_BUS] = 5;
    cr_expect_eq(pci_requester(&behind), 5 << 8 | 8);
    tear_down(&f);
}

Test(pci_msi, a_message_to_the_own_table_is_refused)
{
    struct fixture f;
    set_up(&f);
    set_entry(&f, 0, BAR + 16, 0x77, 0);
    config_write(&f, CAP_MSIX, MSIX_ON);
    raise(&f, 0);
    cr_expect_eq(read32(&f.m, BAR + 16), 0);
    tear_down(&f);
}

Test(pci_msi, intx_is_silent_while_messages_are_on)
{
    struct fixture f;
    set_up(&f);
    machine_lock(&f.m);
    pci_set_intx(&f.dev->pci, 1);
    machine_unlock(&f.m);
    cr_expect_eq(f.isa[10].level, 1);
    config_write(&f, CAP_MSIX, MSIX_ON);
    cr_expect_eq(f.isa[10].level, 0);
    config_write(&f, CAP_MSIX, 0);
    cr_expect_eq(f.isa[10].level, 1);
    config_write(&f, CAP_MSI, 1 << 16);
    cr_expect_eq(f.isa[10].level, 0);
    machine_lock(&f.m);
    machine_reset(&f.m, NULL);
    machine_unlock(&f.m);
    cr_expect_eq(f.isa[10].level, 0);
    cr_expect_not(pci_msi_enabled(&f.dev->pci));
    tear_down(&f);
}

Test(pci_msi, msi_puts_the_vector_into_the_low_bits_of_the_data)
{
    struct fixture f;
    set_up(&f);
    cr_expect_eq(config_read(&f, CAP_MSI) >> 16, 0x184, "4 vectors, 64 bits, maskable");
    config_write(&f, CAP_MSI + 4, (uint32_t)APIC | 3);
    cr_expect_eq(config_read(&f, CAP_MSI + 4), (uint32_t)APIC);
    config_write(&f, CAP_MSI + 12, 0x53);
    raise_msi(&f, 0);
    cr_expect_eq(f.messages, 0);
    config_write(&f, CAP_MSI, 1 << 16 | 2 << 20);
    raise_msi(&f, 2);
    cr_expect_eq(f.messages, 1);
    cr_expect_eq(f.data, 0x52);
    raise_msi(&f, 9);
    cr_expect_eq(f.data, 0x53, "the last vector stands for those beyond");
    config_write(&f, CAP_MSI, 1 << 16 | 7 << 20);
    raise_msi(&f, 9);
    cr_expect_eq(f.data, 0x53, "software cannot enable more than there are");
    config_write(&f, CAP_MSI + 16, 1 << 1);
    raise_msi(&f, 1);
    cr_expect_eq(f.messages, 3);
    cr_expect_eq(config_read(&f, CAP_MSI + 20), 1 << 1);
    config_write(&f, CAP_MSI + 16, 0);
    cr_expect_eq(f.messages, 4);
    cr_expect_eq(f.data, 0x51);
    cr_expect_eq(config_read(&f, CAP_MSI + 20), 0);
    tear_down(&f);
}

static void poke(struct vemu_machine *m)
{
    for (unsigned reg = 0x40; reg < 0x80; reg += 4) {
        out32(m, 0xcf8, 0x80000000u | (unsigned)SLOT << 8 | reg);
        out32(m, 0xcfc, ~in32(m, 0xcfc));
    }
    for (unsigned n = 0; n < 16 * VECTORS; n += 4)
        write32(m, BAR + n, ~read32(m, BAR + n));
}

Test(pci_msi, state_survives_a_round_trip_and_damage)
{
    struct fixture f, g;
    set_up(&f);
    set_up(&g);
    set_entry(&f, 3, APIC, 0x43, 1);
    config_write(&f, CAP_MSIX, MSIX_ON);
    raise(&f, 3);
    assert_round_trip(&f.dev->pci.dev, &g.dev->pci.dev);
    cr_expect_eq(read32(&g.m, BAR + PCI_MSIX_PBA), 1 << 3);
    write32(&g.m, BAR + 16 * 3 + 12, 0);
    cr_expect_eq(g.data, 0x43);
    fuzz_state(&f.dev->pci.dev, &g.dev->pci.dev, 300, poke);
    tear_down(&f);
    tear_down(&g);
}
