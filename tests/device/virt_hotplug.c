/* Slots of root ports with registers of their own, on `virt`: a device comes and says so, is asked
 * for by the button and goes when the lamp does. */
#include <criterion/criterion.h>
#include <string.h>
#include "core/device/event.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "hw/arm/boards.h"
#include "hw/arm/virt.h"
#include "hw/misc/debug_exit.h"
#include "hw/pci/pci_testdev.h"
#include "hw/pci/root_port.h"
#include "tests/device/board_machine.h"
#include "tests/device/device_test.h"

#define MIB (UINT64_C(1) << 20)
enum {
    PORT_SLOT = 4,
    BUTTON = 1 << 0,
    PRESENCE = 1 << 3,
    INTERRUPT = 1 << 5,
    PRESENT = 1 << 6,
    LINK = 1 << 8,
    LAMP_ON = 1 << 8,
    LAMP_BLINKS = 2 << 8,
    LAMP_OFF = 3 << 8,
    LINK_ENABLE = 1 << 12,
    ACTIVE = 1 << 13,
    ENABLE = BUTTON | PRESENCE | INTERRUPT | LINK_ENABLE,
};

static struct vemu_machine m;
static struct device *port;
static unsigned exp_cap;

static uint64_t config(unsigned bus, unsigned slot, unsigned reg)
{
    return virt_map[VIRT_PCIE_ECAM_HIGH].base + (bus << 20 | slot << 15 | reg);
}

static unsigned control(void)
{
    return read32(&m, config(0, PORT_SLOT, exp_cap + 0x18)) & 0xffff;
}
static unsigned status(void)
{
    return read32(&m, config(0, PORT_SLOT, exp_cap + 0x18)) >> 16;
}
static void set_control(unsigned value)
{
    write32(&m, config(0, PORT_SLOT, exp_cap + 0x18), value);
}
/* And nothing else. */
static void clear(unsigned events)
{
    write32(&m, config(0, PORT_SLOT, exp_cap + 0x18), control() | events << 16);
}
static bool link_is_active(void)
{
    return read32(&m, config(0, PORT_SLOT, exp_cap + 0x10)) >> 16 & ACTIVE;
}
static int interrupt(void)
{
    return ((struct pci_device *)port)->intx_level;
}
static bool is_there(void)
{
    return read32(&m, config(2, 0, 0)) != UINT32_MAX;
}

/* A port in slot 4 of the root bus. */
static struct device *board_with_port(struct vemu_machine *machine)
{
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1};
    struct vemu_error *err = NULL;
    board_machine(machine, &virt_board_class, &cfg);
    machine_lock(machine);
    struct device *dev = device_new(machine, &pcie_root_port_class, "rp", &err);
    cr_assert(device_set_prop(dev, "addr", "4", &err));
    cr_assert(virt_board_class.plug(machine, dev, &err), "%s", err ? vemu_error_message(err) : "");
    cr_assert(machine_reset(machine, &err));
    machine_unlock(machine);
    return dev;
}

/* Its slot is bus 2. */
static void set_up(void)
{
    port = board_with_port(&m);
    write32(&m, config(0, PORT_SLOT, 0x18), 0x00020200);
    exp_cap = read32(&m, config(0, PORT_SLOT, 0x34)) & 0xff;
    while ((read32(&m, config(0, PORT_SLOT, exp_cap)) & 0xff) != 0x10)
        exp_cap = read32(&m, config(0, PORT_SLOT, exp_cap)) >> 8 & 0xff;
}
static void tear_down(void)
{
    machine_destroy(&m);
}
TestSuite(virt_hotplug, .init = set_up, .fini = tear_down);

static struct device *add(const struct device_class *cls, const char *bus, struct vemu_error **err)
{
    machine_lock(&m);
    struct device *dev = device_new(&m, cls, bus ? "t" : NULL, err);
    bool ok = dev && (!bus || device_set_prop(dev, "bus", bus, err)) &&
              virt_board_class.hotplug(&m, dev, err);
    if (dev && !ok)
        device_free(dev);
    machine_unlock(&m);
    return ok ? dev : NULL;
}
static struct device *added(void)
{
    struct vemu_error *err = NULL;
    struct device *dev = add(&pci_testdev_class, "rp", &err);
    cr_assert(dev, "%s", err ? vemu_error_message(err) : "");
    return dev;
}

/* Whether it may be asked for. */
static bool ask_for(struct device *dev)
{
    struct vemu_error *err = NULL;
    machine_lock(&m);
    bool ok = virt_board_class.unplug(&m, dev, &err);
    machine_unlock(&m);
    cr_expect(ok || strstr(vemu_error_message(err), "is being removed already"));
    vemu_error_free(err);
    return ok;
}

/* What the owner of the machine does between two rounds of its loop. */
static void expect_gone(void)
{
    cr_expect(!is_there());
    cr_expect(machine_take_requests(&m) & 1u << MACHINE_REQUEST_UNPLUG);
    machine_lock(&m);
    machine_free_unplugged(&m);
    machine_unlock(&m);
    struct machine_event *e = machine_take_event(&m);
    cr_assert_not_null(e);
    cr_expect_str_eq(e->name, "DEVICE_DELETED");
    machine_event_free(e);
}

Test(virt_hotplug, a_slot_tells_what_came)
{
    cr_expect_eq(status(), 0);
    set_control(ENABLE | LAMP_OFF);
    cr_expect(!link_is_active());
    added();
    cr_expect_eq(status(), PRESENT | PRESENCE | LINK);
    cr_expect_eq(interrupt(), 1);
    cr_expect(link_is_active());
    cr_expect(is_there());
    clear(PRESENCE);
    cr_expect_eq(status(), PRESENT | LINK);
    cr_expect_eq(interrupt(), 1);
    clear(LINK);
    cr_expect_eq(status(), PRESENT);
    cr_expect_eq(interrupt(), 0);
}

Test(virt_hotplug, interrupts_are_those_that_are_enabled)
{
    static const unsigned enabled[] = {0, INTERRUPT, PRESENCE, INTERRUPT | BUTTON};
    added();
    for (unsigned n = 0; n < sizeof enabled / sizeof *enabled; n++) {
        set_control(enabled[n]);
        cr_expect_eq(interrupt(), 0, "control %x", enabled[n]);
    }
    set_control(INTERRUPT | PRESENCE);
    cr_expect_eq(interrupt(), 1);
    clear(PRESENCE);
    cr_expect_eq(interrupt(), 0);
    set_control(INTERRUPT | LINK_ENABLE);
    cr_expect_eq(interrupt(), 1);
}

Test(virt_hotplug, the_button_asks_and_the_lamp_lets_go)
{
    struct device *dev = added();
    clear(PRESENCE | LINK);
    set_control(ENABLE | LAMP_ON);
    cr_expect(ask_for(dev));
    cr_expect_eq(status(), PRESENT | BUTTON);
    cr_expect_eq(interrupt(), 1);
    clear(BUTTON);
    set_control(ENABLE | LAMP_BLINKS);
    cr_expect(!ask_for(dev));
    cr_expect_eq(status(), PRESENT, "another press would mean no");
    cr_expect(is_there());
    set_control(ENABLE | LAMP_OFF);
    expect_gone();
    cr_expect_eq(status() & PRESENT, 0);
    cr_expect(!link_is_active());
    added(); /* and the next one comes */
    cr_expect(status() & PRESENT);
}

Test(virt_hotplug, a_lamp_that_is_lit_again_says_no)
{
    struct device *dev = added();
    set_control(ENABLE | LAMP_ON);
    cr_expect(ask_for(dev));
    clear(BUTTON);
    set_control(ENABLE | LAMP_BLINKS);
    set_control(ENABLE | LAMP_ON);
    set_control(ENABLE | LAMP_OFF);
    cr_expect(status() & PRESENT, "nobody asks for it any more");
    cr_expect(ask_for(dev), "nobody uses it: it goes at once");
    expect_gone();
}

Test(virt_hotplug, a_reset_takes_what_was_asked_for)
{
    struct vemu_error *err = NULL;
    struct device *dev = added();
    cr_expect(ask_for(dev));
    machine_lock(&m);
    cr_expect(machine_reset(&m, &err));
    machine_unlock(&m);
    cr_expect_eq(status(), 0, "%x", status());
    cr_expect_eq(interrupt(), 0);
    write32(&m, config(0, PORT_SLOT, 0x18), 0x00020200);
    expect_gone();
}

Test(virt_hotplug, a_request_is_part_of_the_state)
{
    static struct vemu_machine before;
    struct device *asked = board_with_port(&before);
    machine_lock(&before);
    struct device *dev = device_new(&before, &pci_testdev_class, "t", NULL);
    cr_assert(virt_board_class.hotplug(&before, dev, NULL));
    cr_assert(virt_board_class.unplug(&before, dev, NULL));
    machine_unlock(&before);
    added();
    assert_round_trip(asked, port);
    machine_destroy(&before);
    write32(&m, config(0, PORT_SLOT, 0x18), 0x00020200);
    cr_expect_eq(status(), PRESENT | PRESENCE | LINK | BUTTON);
    set_control(ENABLE | LAMP_OFF);
    expect_gone();
}

Test(virt_hotplug, what_is_refused_leaves_nothing)
{
    static const struct {
        const struct device_class *cls;
        const char *bus, *said;
    } tries[] = {
        {&pci_testdev_class, "pcie.0", "use a root port's"},
        {&pci_testdev_class, "nowhere", "no such PCI bus"},
        {&debug_exit_class, NULL, "only PCI devices"},
        {&pcie_root_port_class, "rp", "must be on the root bus"},
    };
    for (unsigned i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct vemu_error *err = NULL;
        cr_expect_null(add(tries[i].cls, tries[i].bus, &err));
        cr_assert(err, "try %u", i);
        cr_expect(strstr(vemu_error_message(err), tries[i].said), "try %u: %s", i,
                  vemu_error_message(err));
        vemu_error_free(err);
        cr_expect_eq(status(), 0);
    }
    struct vemu_error *err = NULL;
    added();
    cr_expect_null(add(&pci_testdev_class, NULL, &err));
    cr_expect(err && strstr(vemu_error_message(err), "no free slot"), "%s",
              err ? vemu_error_message(err) : "");
    vemu_error_free(err);
}
