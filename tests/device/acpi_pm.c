/* ACPI fixed hardware behind PIIX4 and ICH9, and the generic event device. */
#include <criterion/criterion.h>
#include "hw/acpi/ged.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/ich9.h"
#include "hw/pci/piix.h"
#include "tests/device/device_test.h"

struct fixture {
    struct vemu_machine m;
    struct device *dev;
    struct line_probe sci;
    struct acpi_pm *pm;
};

static void set_up(struct fixture *f, bool ich9, bool enabled)
{
    struct vemu_error *err = NULL;
    test_machine_init(&f->m);
    f->sci = (struct line_probe){0};
    struct pci_host_config host_config = {.q35 = ich9, .ecam_enabled = ich9};
    struct device *host = made(pci_host_create(&f->m, &host_config, &err), err);
    if (ich9) {
        struct ich9_lpc_config cfg = {.host = host, .sci = line_probe(&f->sci), .enabled = enabled};
        f->dev = made(ich9_lpc_create(&f->m, &cfg, &err), err);
        f->pm = ich9_lpc_acpi(f->dev);
    } else {
        struct piix4_pm_config cfg = {.host = host, .sci = line_probe(&f->sci), .enabled = enabled};
        f->dev = made(piix4_pm_create(&f->m, &cfg, &err), err);
        f->pm = piix4_pm_acpi(f->dev);
    }
    machine_lock(&f->m);
    machine_reset(&f->m, NULL);
    machine_unlock(&f->m);
}

Test(acpi_pm, timer_counts_3579545_a_second_in_24_bits)
{
    struct fixture f;
    set_up(&f, false, true);
    cr_expect_eq(in32(&f.m, 0x608), 0);
    step(&f.m, 1000000000);
    cr_expect_eq(in32(&f.m, 0x608), 3579545);
    step(&f.m, INT64_C(4000000000));
    cr_expect_eq(in32(&f.m, 0x608), 5u * 3579545 & 0xffffff);
    machine_destroy(&f.m);
}

Test(acpi_pm, timer_carry_raises_the_sci_only_while_enabled)
{
    struct fixture f;
    set_up(&f, true, true);
    step(&f.m, INT64_C(2400000000)); /* bit 23 toggles every 2.34 s */
    cr_expect_eq(in16(&f.m, 0x600), 1);
    cr_expect_eq(f.sci.level, 0);
    out16(&f.m, 0x600, 1);
    cr_expect_eq(in16(&f.m, 0x600), 0);
    out16(&f.m, 0x602, 1);
    step(&f.m, INT64_C(2400000000));
    cr_expect_eq(f.sci.level, 1);
    out16(&f.m, 0x600, 1);
    cr_expect_eq(f.sci.level, 0);
    machine_destroy(&f.m);
}

Test(acpi_pm, a_carry_that_nobody_asked_about_is_saved)
{
    struct fixture f;
    for (unsigned ich9 = 0; ich9 < 2; ich9++) {
        set_up(&f, ich9, true);
        step(&f.m, INT64_C(2400000000));
        cr_assert(f.dev->cls->pre_save);
        f.dev->cls->pre_save(f.dev);
        cr_expect_eq(f.pm->pm1_status, 1);
        machine_destroy(&f.m);
    }
}

Test(acpi_pm, soft_off_type_shuts_down_and_others_do_not)
{
    struct fixture f;
    set_up(&f, true, true);
    cr_expect_eq(in16(&f.m, 0x604) & 1, 1); /* ACPI mode from the start */
    out16(&f.m, 0x604, 5 << 10 | 1 << 13);
    cr_expect_eq(f.m.pending_requests, 0);
    out16(&f.m, 0x604, ICH9_S5_TYPE << 10);
    cr_expect_eq(f.m.pending_requests, 0);
    out16(&f.m, 0x604, ICH9_S5_TYPE << 10 | 1 << 13);
    cr_expect(f.m.pending_requests & 1u << MACHINE_REQUEST_SHUTDOWN);
    machine_destroy(&f.m);
}

Test(acpi_pm, power_button_and_gpe_raise_the_sci)
{
    struct fixture f;
    set_up(&f, false, true);
    acpi_pm_power_button(f.pm);
    cr_expect_eq(f.sci.level, 0);
    out16(&f.m, 0x602, 1 << 8);
    cr_expect_eq(f.sci.level, 1);
    out16(&f.m, 0x600, 1 << 8);
    cr_expect_eq(f.sci.level, 0);
    out8(&f.m, 0x60e, 4);
    acpi_pm_gpe(f.pm, 2);
    cr_expect_eq(f.sci.level, 1);
    cr_expect_eq(in8(&f.m, 0x60c), 4);
    out8(&f.m, 0x60c, 4);
    cr_expect_eq(f.sci.level, 0);
    acpi_pm_gpe(f.pm, 1000);
    machine_destroy(&f.m);
}

Test(acpi_pm, registers_move_with_pmbase)
{
    struct fixture f;
    set_up(&f, false, false);
    cr_expect_eq(in16(&f.m, 0x604), 0xffff);
    out32(&f.m, 0xcf8, 0x80000b40); /* 1.3 */
    out32(&f.m, 0xcfc, 0xb001);
    out32(&f.m, 0xcf8, 0x80000b80);
    out8(&f.m, 0xcfc, 1);
    cr_expect_eq(in16(&f.m, 0xb004), 0); /* SMI mode: firmware has yet to turn ACPI on */
    out16(&f.m, 0xb004, 1);
    cr_expect_eq(in16(&f.m, 0xb004), 1);
    machine_destroy(&f.m);
}

static void poke(struct vemu_machine *m)
{
    for (uint16_t port = 0x600; port < 0x640; port++)
        out8(m, port, in8(m, port));
    step(m, INT64_C(3000000000));
}

Test(acpi_pm, state_round_trip)
{
    struct fixture f, g;
    set_up(&f, false, true);
    set_up(&g, false, true);
    out16(&f.m, 0x602, 0x101);
    acpi_pm_power_button(f.pm);
    assert_round_trip(f.dev, g.dev);
    cr_expect_eq(g.sci.level, 1);
    fuzz_state(f.dev, g.dev, 200, poke);
    machine_destroy(&f.m);
    machine_destroy(&g.m);
}

Test(acpi_ged, power_button_sleep_and_reset)
{
    struct vemu_machine m;
    struct vemu_error *err = NULL;
    struct line_probe line = {0};
    test_machine_init(&m);
    struct ged_config cfg = {.base = 0xfea00000, .irq = line_probe(&line)};
    struct device *dev = made(ged_create(&m, &cfg, &err), err);
    ged_power_button(dev);
    cr_expect_eq(line.level, 1);
    cr_expect_eq(read32(&m, 0xfea00000), 1);
    cr_expect_eq(line.level, 0);
    cr_expect_eq(read32(&m, 0xfea00000), 0);
    mem_write(m.memory, 0xfea00000 + GED_SLEEP_CONTROL, 1, GED_S5_TYPE << 2 | 1 << 5);
    cr_expect(m.pending_requests & 1u << MACHINE_REQUEST_SHUTDOWN);
    mem_write(m.memory, 0xfea00000 + GED_RESET, 1, GED_RESET_VALUE);
    cr_expect(m.pending_requests & 1u << MACHINE_REQUEST_RESET);
    machine_destroy(&m);
}
