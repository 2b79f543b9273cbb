/* The xHCI host controller without a vCPU: registers, rings, contexts, ports, interrupts, and
 * drivers that mean no good. */
#include <criterion/criterion.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/input/input.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "hw/usb/hid.h"
#include "hw/usb/hub.h"
#include "tests/device/xhci_driver.h"

enum { PORTSC_CSC = 1 << 17, PORTSC_PRC = 1 << 21, PORTSC_PLC = 1 << 22, PORTSC_LWS = 1 << 16 };

static void key(struct xt *x, uint16_t code, bool down)
{
    input_send_key(&x->t.m, code, down);
    loop_iterate(x->t.m.loop, 0);
}

/* A keyboard in port 1, configured; its slot. */
static unsigned keyboard(struct xt *x, const char *props)
{
    xt_plug(x, props);
    xt_usb(x, &usb_kbd_class, NULL);
    xt_start(x);
    unsigned slot = xt_address(x, 1, 0);
    xt_configure(x, slot, 8);
    while (xt_event(x))
        ;
    return slot;
}

static uint64_t put_report(struct xt *x, unsigned slot, uint32_t flags)
{
    return xt_put(x, slot, 3, XT_DATA + 0x100, 8, TRB_NORMAL << 10 | flags);
}

static uint32_t endpoint_state(struct xt *x, unsigned slot, unsigned dci)
{
    return read32(&x->t.m, XT_CONTEXT(slot) + 32 * dci) & 7;
}

/* ---- registers ------------------------------------------------------------------------------- */

Test(xhci, registers_tell_what_the_controller_can)
{
    struct xt x;
    xt_plug(&x, "p2=3,p3=2,intrs=4,slots=9");
    cr_expect_eq(vt_config_read(&x.t, 0), 0x000d1b36);
    cr_expect_eq(vt_config_read(&x.t, 8) >> 8, 0x0c0330);
    cr_expect_eq(vt_config_read(&x.t, 0x60) & 0xffff, 0x2030);
    cr_expect_eq(xt_read(&x, 0), 0x01100040);
    cr_expect_eq(read8(&x.t.m, XT_BAR), 0x40, "a byte of it");
    cr_expect_eq(read16(&x.t.m, XT_BAR + 2), 0x0110);
    cr_expect_eq(xt_read(&x, 4), 9 | 4 << 8 | 5u << 24);
    cr_expect_eq(xt_read(&x, 0x10) & 1, 1, "64-bit addresses");
    cr_expect_eq(xt_read(&x, 0x14), XT_DOORBELLS);
    cr_expect_eq(xt_read(&x, 0x18), XT_MFINDEX);
    cr_expect_eq(xt_read(&x, 0x48), 1, "pages of 4 KiB");
    /* Extended capabilities: who owns it, ports of USB 2, ports of USB 3. */
    uint32_t at = xt_read(&x, 0x10) >> 16 << 2;
    cr_expect_eq(xt_read(&x, at) & 0xff, 1);
    xt_write(&x, at, 1 << 24);
    cr_expect_eq(xt_read(&x, at) >> 16, 1 << 8, "the system owns it");
    at += (xt_read(&x, at) >> 8 & 0xff) * 4;
    cr_expect_eq(xt_read(&x, at) & 0xff0000ff, 0x02000002);
    cr_expect_eq(xt_read(&x, at + 4), 0x20425355);
    cr_expect_eq(xt_read(&x, at + 8), 1 | 3 << 8);
    at += (xt_read(&x, at) >> 8 & 0xff) * 4;
    cr_expect_eq(xt_read(&x, at) & 0xffffffff, 0x03000002, "the last one");
    cr_expect_eq(xt_read(&x, at + 8), 4 | 2 << 8);
    for (unsigned n = 1; n <= 5; n++)
        cr_expect_eq(xt_read(&x, XT_PORTSC(n)), 0x2a0, "an empty port");
    cr_expect_eq(xt_read(&x, XT_PORTSC(6)), 0);
    xt_free(&x);
}

Test(xhci, microframes_are_counted_and_wrap)
{
    struct xt x;
    xt_plug(&x, "");
    xt_start(&x);
    uint32_t first = xt_read(&x, XT_MFINDEX);
    step(&x.t.m, 1000000);
    cr_expect_eq(xt_read(&x, XT_MFINDEX) - first, 8);
    step(&x.t.m, 2048000000);
    cr_expect_eq(xt_read(&x, XT_MFINDEX) - first, 8, "14 bits");
    xt_no_event(&x);
    xt_write(&x, XT_USBCMD, USBCMD_RS | USBCMD_EWE);
    step(&x.t.m, 2048000000);
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_type(&x), TRB_MFINDEX_WRAP);
    xt_no_event(&x);
    xt_free(&x);
}

Test(xhci, accesses_nowhere_do_nothing)
{
    struct xt x;
    xt_plug(&x, "");
    xt_start(&x);
    for (uint32_t reg = 0; reg < 0x4000; reg += 4) {
        uint64_t v;
        if (reg == XT_USBCMD || reg >= 0x3000)
            continue;
        mem_read(x.t.m.memory, XT_BAR + reg, 4, &v);
        mem_read(x.t.m.memory, XT_BAR + reg + 1, 8, &v);
        if (reg < 0x440 && reg != XT_CRCR)
            continue;
        xt_write(&x, reg, 0);
    }
    xt_free(&x);
}

Test(xhci, what_a_controller_lost_while_it_slept_it_says)
{
    struct xt x;
    xt_plug(&x, "");
    xt_start(&x);
    xt_write(&x, XT_USBCMD, 0);
    cr_expect_eq(xt_read(&x, XT_USBSTS) & USBSTS_HCH, USBSTS_HCH);
    xt_write(&x, XT_USBCMD, USBCMD_CSS);
    cr_expect_eq(xt_read(&x, XT_USBSTS) & ~(uint32_t)USBSTS_PCD, USBSTS_HCH);
    xt_write(&x, XT_USBCMD, USBCMD_CRS);
    cr_expect(xt_read(&x, XT_USBSTS) & USBSTS_SRE);
    xt_write(&x, XT_USBSTS, USBSTS_SRE);
    cr_expect(!(xt_read(&x, XT_USBSTS) & USBSTS_SRE));
    xt_free(&x);
}

/* ---- ports ----------------------------------------------------------------------------------- */

Test(xhci, ports_show_what_is_plugged_in)
{
    struct xt x;
    xt_plug(&x, "");
    xt_start(&x);
    struct usb_device *d = xt_usb(&x, &usb_mouse_class, "2");
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_type(&x), TRB_PORT_STATUS_CHANGE);
    cr_expect_eq(x.parameter, 2 << 24);
    cr_expect_eq(xt_read(&x, XT_PORTSC(2)), 0x200 | 3 << 10 | 7 << 5 | 1 | PORTSC_CSC);
    xt_no_event(&x);
    xt_write(&x, XT_PORTSC(2), 0x200 | 1 << 4);
    cr_expect_eq(xt_read(&x, XT_PORTSC(2)), 0x200 | 3 << 10 | 3 | PORTSC_CSC | PORTSC_PRC);
    xt_no_event(&x); /* the first change was not acknowledged */
    xt_write(&x, XT_PORTSC(2), 0x200 | PORTSC_CSC | PORTSC_PRC);
    cr_expect_eq(xt_read(&x, XT_PORTSC(2)), 0x200 | 3 << 10 | 3);
    xt_write(&x, XT_PORTSC(2), 0x200 | 2);
    cr_expect_eq(xt_read(&x, XT_PORTSC(2)), 0x200 | 3 << 10 | 7 << 5 | 1, "disabled");
    machine_lock(&x.t.m);
    usb_unplug(d);
    machine_unlock(&x.t.m);
    cr_assert(xt_event(&x));
    cr_expect_eq(x.parameter, 2 << 24);
    cr_expect_eq(xt_read(&x, XT_PORTSC(2)), 0x2a0 | PORTSC_CSC);
    machine_lock(&x.t.m);
    machine_free_unplugged(&x.t.m);
    machine_unlock(&x.t.m);
    xt_free(&x);
}

Test(xhci, what_was_there_before_it_ran_is_told_when_it_runs)
{
    struct xt x;
    xt_plug(&x, "");
    xt_usb(&x, &usb_kbd_class, NULL);
    cr_expect_eq(xt_read(&x, XT_PORTSC(1)) & 1, 1);
    xt_start(&x);
    xt_no_event(&x); /* the driver looks at ports when it starts */
    cr_expect(xt_read(&x, XT_PORTSC(1)) & PORTSC_CSC);
    xt_write(&x, XT_PORTSC(1), 0x200 | PORTSC_CSC);
    xt_write(&x, XT_USBCMD, 0);
    xt_usb(&x, &usb_kbd_class, NULL);
    xt_no_event(&x);
    xt_write(&x, XT_USBCMD, USBCMD_RS);
    cr_assert(xt_event(&x));
    cr_expect_eq(x.parameter, 2 << 24);
    xt_free(&x);
}

Test(xhci, ports_sleep_and_are_woken_up_by_keys)
{
    struct xt x;
    unsigned slot = keyboard(&x, "");
    xt_write(&x, XT_PORTSC(1), 0x200 | PORTSC_CSC | PORTSC_PRC);
    xt_write(&x, XT_PORTSC(1), 0x200 | PORTSC_LWS | 3 << 5);
    cr_expect_eq(xt_read(&x, XT_PORTSC(1)) >> 5 & 15, 3);
    key(&x, KEY_A, true);
    cr_expect_eq(xt_read(&x, XT_PORTSC(1)) >> 5 & 15, 3, "not allowed to");
    xt_no_event(&x);
    xt_write(&x, XT_PORTSC(1), 0x200 | PORTSC_LWS | 15 << 5);
    xt_write(&x, XT_PORTSC(1), 0x200 | PORTSC_LWS | 0 << 5);
    cr_expect_eq(xt_read(&x, XT_PORTSC(1)) & (15 << 5 | PORTSC_PLC), PORTSC_PLC);
    xt_write(&x, XT_PORTSC(1), 0x200 | PORTSC_PLC);
    while (xt_event(&x))
        ;
    cr_assert_eq(xt_control(&x, slot, 0, USB_REQ_SET_FEATURE, 1, 0, 0), CC_SUCCESS);
    xt_write(&x, XT_PORTSC(1), 0x200 | PORTSC_LWS | 3 << 5);
    key(&x, KEY_A, false);
    cr_expect_eq(xt_read(&x, XT_PORTSC(1)) & (15 << 5 | PORTSC_PLC), 15 << 5 | PORTSC_PLC);
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_type(&x), TRB_PORT_STATUS_CHANGE);
    xt_free(&x);
}

/* ---- slots and contexts ---------------------------------------------------------------------- */

Test(xhci, devices_are_addressed_and_describe_themselves)
{
    struct xt x;
    xt_plug(&x, "");
    struct usb_device *d = xt_usb(&x, &usb_kbd_class, NULL);
    xt_start(&x);
    unsigned slot = xt_address(&x, 1, 0);
    cr_expect_eq(slot, 1);
    cr_expect_eq(d->address, 1);
    cr_expect_eq(read32(&x.t.m, XT_CONTEXT(1) + 12), 2u << 27 | 1, "addressed");
    cr_expect_eq(endpoint_state(&x, 1, 1), ENDPOINT_RUNNING);
    cr_assert_eq(xt_control(&x, slot, 0x80, USB_REQ_GET_DESCRIPTOR, 1 << 8, 0, 64), CC_SUCCESS);
    cr_expect_eq(read32(&x.t.m, XT_DATA), 0x02000112);
    cr_expect_eq(read32(&x.t.m, XT_DATA + 8), 0x00010627);
    xt_configure(&x, slot, 8);
    cr_expect_eq(d->configuration, 1);
    cr_expect_eq(read32(&x.t.m, XT_CONTEXT(1) + 12), 3u << 27 | 1, "configured");
    cr_expect_eq(endpoint_state(&x, 1, 3), ENDPOINT_RUNNING);
    /* Out of it again. */
    cr_expect_eq(
        xt_command(&x, 0, 0, xt_slot_command(TRB_CONFIGURE_ENDPOINT, 1, 0) | TRB_DECONFIGURE),
        CC_SUCCESS);
    cr_expect_eq(endpoint_state(&x, 1, 3), ENDPOINT_DISABLED);
    cr_expect_eq(read32(&x.t.m, XT_CONTEXT(1) + 12) >> 27, 2);
    cr_expect_eq(xt_command(&x, 0, 0, xt_slot_command(TRB_RESET_DEVICE, 1, 0)), CC_SUCCESS);
    cr_expect_eq(read32(&x.t.m, XT_CONTEXT(1) + 12), 1u << 27);
    cr_expect_eq(xt_command(&x, 0, 0, xt_slot_command(TRB_RESET_DEVICE, 1, 0)),
                 CC_CONTEXT_STATE_ERROR);
    cr_expect_eq(xt_command(&x, 0, 0, xt_slot_command(TRB_DISABLE_SLOT, 1, 0)), CC_SUCCESS);
    cr_expect_eq(xt_command(&x, 0, 0, xt_slot_command(TRB_DISABLE_SLOT, 1, 0)),
                 CC_SLOT_NOT_ENABLED);
    xt_free(&x);
}

Test(xhci, slots_run_out)
{
    struct xt x;
    xt_plug(&x, "slots=3");
    xt_start(&x);
    for (unsigned n = 1; n <= 3; n++) {
        cr_assert_eq(xt_command(&x, 0, 0, TRB_ENABLE_SLOT << 10), CC_SUCCESS);
        cr_expect_eq(x.control >> 24, n);
    }
    cr_expect_eq(xt_command(&x, 0, 0, TRB_ENABLE_SLOT << 10), CC_NO_SLOTS);
    for (unsigned slot = 0; slot < 256; slot += slot == 1 ? 3 : 1)
        cr_expect_eq(xt_command(&x, 0, 0, xt_slot_command(TRB_STOP_ENDPOINT, slot, 1)),
                     slot >= 1 && slot <= 3 ? CC_ENDPOINT_NOT_ENABLED : CC_SLOT_NOT_ENABLED);
    xt_free(&x);
}

Test(xhci, contexts_that_make_no_sense_are_refused)
{
    struct xt x;
    xt_plug(&x, "");
    xt_usb(&x, &usb_kbd_class, NULL);
    xt_start(&x);
    cr_assert_eq(xt_command(&x, 0, 0, TRB_ENABLE_SLOT << 10), CC_SUCCESS);
    uint32_t address = xt_slot_command(TRB_ADDRESS_DEVICE, 1, 0);
    static const struct {
        uint32_t drop, add, port, route, type, max_packet;
        int code;
    } bad[] = {
        {0, 1, 1, 0, 4, 64, CC_PARAMETER_ERROR},         {4, 3, 1, 0, 4, 64, CC_PARAMETER_ERROR},
        {0, 3, 0, 0, 4, 64, CC_PARAMETER_ERROR},         {0, 3, 9, 0, 4, 64, CC_PARAMETER_ERROR},
        {0, 3, 255, 0, 4, 64, CC_PARAMETER_ERROR},       {0, 3, 2, 0, 4, 64, CC_TRANSACTION_ERROR},
        {0, 3, 1, 0x1, 4, 64, CC_TRANSACTION_ERROR},     {0, 3, 5, 0, 4, 64, CC_TRANSACTION_ERROR},
        {0, 3, 1, 0xfffff, 4, 64, CC_TRANSACTION_ERROR}, {0, 3, 1, 0, 7, 64, CC_PARAMETER_ERROR},
        {0, 3, 1, 0, 4, 0, CC_PARAMETER_ERROR},          {0, 3, 1, 0, 4, 1025, CC_PARAMETER_ERROR},
    };
    for (unsigned n = 0; n < ARRAY_SIZE(bad); n++) {
        xt_input(&x, bad[n].drop, bad[n].add);
        xt_input_slot(&x, bad[n].port, bad[n].route, 1);
        xt_input_endpoint(&x, 1, 1, bad[n].type, bad[n].max_packet);
        cr_expect_eq(xt_command(&x, XT_INPUT, 0, address), bad[n].code, "%u", n);
    }
    cr_expect_eq(xt_command(&x, XT_INPUT, 0, xt_slot_command(TRB_CONFIGURE_ENDPOINT, 1, 0)),
                 CC_CONTEXT_STATE_ERROR);
    cr_expect_eq(xt_command(&x, XT_INPUT, 0, xt_slot_command(TRB_EVALUATE_CONTEXT, 1, 0)),
                 CC_CONTEXT_STATE_ERROR);
    /* Without SET_ADDRESS first, then with it. */
    xt_input(&x, 0, 3);
    xt_input_slot(&x, 1, 0, 1);
    xt_input_endpoint(&x, 1, 1, 4, 8);
    cr_expect_eq(xt_command(&x, XT_INPUT, 0, address | TRB_BSR), CC_SUCCESS);
    cr_expect_eq(read32(&x.t.m, XT_CONTEXT(1) + 12), 1u << 27);
    cr_expect_eq(xt_command(&x, XT_INPUT, 0, address | TRB_BSR), CC_CONTEXT_STATE_ERROR);
    cr_expect_eq(xt_command(&x, XT_INPUT, 0, address), CC_SUCCESS);
    cr_expect_eq(xt_command(&x, XT_INPUT, 0, address), CC_CONTEXT_STATE_ERROR);

    uint32_t configure = xt_slot_command(TRB_CONFIGURE_ENDPOINT, 1, 0);
    static const struct {
        uint32_t drop, add;
        unsigned dci, type, max_packet;
        int code;
    } endpoints[] = {
        {0, 1 | 1 << 3, 3, 3, 8, CC_PARAMETER_ERROR}, {0, 1 | 1 << 4, 4, 7, 8, CC_PARAMETER_ERROR},
        {0, 1 | 1 << 3, 3, 0, 8, CC_PARAMETER_ERROR}, {0, 1 | 1 << 3, 3, 4, 8, CC_PARAMETER_ERROR},
        {0, 1 | 1 << 3, 3, 5, 8, CC_BANDWIDTH_ERROR}, {0, 1 | 1 << 2, 2, 1, 8, CC_BANDWIDTH_ERROR},
        {0, 1 | 1 << 3, 3, 7, 0, CC_PARAMETER_ERROR}, {0, 1 << 3, 3, 7, 8, CC_PARAMETER_ERROR},
        {0, 3 | 1 << 3, 3, 7, 8, CC_PARAMETER_ERROR}, {1, 1 | 1 << 3, 3, 7, 8, CC_PARAMETER_ERROR},
        {2, 1 | 1 << 3, 3, 7, 8, CC_PARAMETER_ERROR}, {0, 1u | 1u << 31, 31, 7, 8, CC_SUCCESS},
        {1u << 31, 1, 31, 7, 8, CC_SUCCESS},          {0, 1u | 1u << 30, 30, 2, 1024, CC_SUCCESS},
    };
    for (unsigned n = 0; n < ARRAY_SIZE(endpoints); n++) {
        xt_input(&x, endpoints[n].drop, endpoints[n].add);
        xt_input_slot(&x, 1, 0, 3);
        xt_input_endpoint(&x, 1, endpoints[n].dci, endpoints[n].type, endpoints[n].max_packet);
        cr_expect_eq(xt_command(&x, XT_INPUT, 0, configure), endpoints[n].code, "%u", n);
    }
    xt_input(&x, 0, 1 | 1 << 3);
    xt_input_endpoint(&x, 1, 3, 7, 8);
    write32(&x.t.m, XT_INPUT + 32 + 32 * 3, 1 << 10);
    cr_expect_eq(xt_command(&x, XT_INPUT, 0, configure), CC_PARAMETER_ERROR, "streams");
    xt_input(&x, 0, 2);
    xt_input_endpoint(&x, 1, 1, 4, 32);
    cr_expect_eq(xt_command(&x, XT_INPUT, 0, xt_slot_command(TRB_EVALUATE_CONTEXT, 1, 0)),
                 CC_SUCCESS);
    cr_expect_eq(read32(&x.t.m, XT_CONTEXT(1) + 32 + 4) >> 16, 32);
    xt_input(&x, 0, 8);
    cr_expect_eq(xt_command(&x, XT_INPUT, 0, xt_slot_command(TRB_EVALUATE_CONTEXT, 1, 0)),
                 CC_PARAMETER_ERROR);
    xt_free(&x);
}

/* ---- the command ring ------------------------------------------------------------------------ */

Test(xhci, commands_that_there_are_not_are_told)
{
    struct xt x;
    xt_plug(&x, "");
    xt_start(&x);
    for (unsigned type = 0; type < 64; type++) {
        bool slot = type >= TRB_DISABLE_SLOT && type <= TRB_RESET_DEVICE;
        bool good = type == TRB_ENABLE_SLOT || type == TRB_NO_OP_COMMAND;
        if (type == TRB_LINK || type == TRB_GET_PORT_BANDWIDTH)
            continue;
        cr_expect_eq(xt_command(&x, 0, 0, type << 10 | 200u << 24),
                     good   ? CC_SUCCESS
                     : slot ? CC_SLOT_NOT_ENABLED
                            : CC_TRB_ERROR,
                     "%u", type);
    }
    cr_expect_eq(xt_command(&x, XT_DATA, 0, TRB_GET_PORT_BANDWIDTH << 10), CC_SUCCESS);
    cr_expect_eq(read64(&x.t.m, XT_DATA), UINT64_C(0x5a5a5a5a5a5a5a00));
    xt_free(&x);
}

Test(xhci, command_ring_stops_and_goes_on)
{
    struct xt x;
    xt_plug(&x, "");
    xt_start(&x);
    cr_expect_eq(xt_read(&x, XT_CRCR), 0);
    cr_expect_eq(xt_command(&x, 0, 0, TRB_NO_OP_COMMAND << 10), CC_SUCCESS);
    cr_expect_eq(xt_read(&x, XT_CRCR), CRCR_CRR);
    xt_write64(&x, XT_CRCR, XT_DATA);
    xt_write(&x, XT_CRCR, CRCR_CS);
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_code(&x), CC_COMMAND_RING_STOPPED);
    cr_expect_eq(x.parameter, XT_COMMANDS + 16);
    cr_expect_eq(xt_read(&x, XT_CRCR), 0);
    cr_expect_eq(xt_command(&x, 0, 0, TRB_NO_OP_COMMAND << 10), CC_SUCCESS, "it is where it was");
    xt_free(&x);
}

Test(xhci, command_rings_without_an_end_end)
{
    struct xt x;
    xt_plug(&x, "");
    xt_start(&x);
    /* A link to itself, without and with the toggle. */
    for (unsigned toggle = 0; toggle < 2; toggle++) {
        xt_trb(&x, XT_COMMANDS, XT_COMMANDS, 0, TRB_LINK << 10 | toggle << 1 | 1);
        xt_ring(&x, 0, 0);
        cr_expect_eq(!!(xt_read(&x, XT_USBSTS) & USBSTS_HCE), !toggle);
        xt_start(&x);
    }
    /* A command and a link back to it: as many events as there is room for. */
    xt_trb(&x, XT_COMMANDS, 0, 0, TRB_NO_OP_COMMAND << 10 | 1);
    xt_trb(&x, XT_COMMANDS + 16, XT_COMMANDS, 0, TRB_LINK << 10 | 1);
    xt_ring(&x, 0, 0);
    cr_expect_eq(read32(&x.t.m, XT_EVENTS + 16 * (XT_RING - 3) + 12) & 1, 1);
    cr_expect_eq(read32(&x.t.m, XT_EVENTS + 16 * (XT_RING - 1) + 12) & 1, 0);
    xt_write(&x, XT_USBCMD, 0);
    /* In its own registers, and nowhere. */
    static const uint64_t places[] = {XT_BAR, XT_BAR + 0x2000, UINT64_C(0xfffffffffffff000),
                                      0xd0000000};
    for (unsigned n = 0; n < ARRAY_SIZE(places); n++) {
        xt_start(&x);
        xt_write64(&x, XT_CRCR, places[n] | CRCR_RCS);
        xt_ring(&x, 0, 0);
        cr_expect(xt_read(&x, XT_USBSTS) & (USBSTS_HSE | USBSTS_HCE), "%u", n);
        cr_expect(xt_read(&x, XT_USBSTS) & USBSTS_HCH);
    }
    xt_start(&x);
    cr_expect_eq(xt_command(&x, 0, 0, TRB_NO_OP_COMMAND << 10), CC_SUCCESS, "a reset mends it");
    xt_free(&x);
}

/* ---- event rings and interrupts -------------------------------------------------------------- */

Test(xhci, what_has_no_room_for_events_waits)
{
    struct xt x;
    xt_plug(&x, "");
    xt_start(&x);
    unsigned done = 0, count = 3 * XT_RING;
    for (unsigned n = 0; n < count; n++)
        xt_trb(&x, XT_DATA + 16 * n, n, 0, TRB_NO_OP_COMMAND << 10 | 1);
    xt_write64(&x, XT_CRCR, XT_DATA | CRCR_RCS);
    xt_ring(&x, 0, 0);
    while (xt_event(&x)) {
        cr_expect_eq(x.parameter, XT_DATA + 16 * done);
        done++;
    }
    cr_expect_eq(done, count, "%u", done);
    xt_free(&x);
}

Test(xhci, event_rings_have_segments)
{
    struct xt x;
    xt_plug(&x, "");
    xt_start(&x);
    xt_write(&x, XT_USBCMD, 0);
    for (unsigned n = 0; n < 3; n++) {
        write64(&x.t.m, XT_ERST + 16 * n, XT_DATA + 0x10000 * n);
        write64(&x.t.m, XT_ERST + 16 * n + 8, 16 + n);
    }
    xt_write(&x, XT_ERSTSZ, 3);
    xt_write64(&x, XT_ERDP, XT_DATA);
    xt_write64(&x, XT_ERSTBA, XT_ERST);
    xt_write(&x, XT_USBCMD, USBCMD_RS);
    for (unsigned n = 0; n < 60; n++)
        xt_trb(&x, XT_COMMANDS + 16 * n, 0, 0, TRB_NO_OP_COMMAND << 10 | 1);
    xt_ring(&x, 0, 0);
    /* 51 places, one of which stays free; commands ask for two. */
    cr_expect_eq(read32(&x.t.m, XT_DATA + 16 * 15 + 12) & 1, 1);
    cr_expect_eq(read32(&x.t.m, XT_DATA + 0x10000 + 16 * 16 + 12) & 1, 1);
    cr_expect_eq(read32(&x.t.m, XT_DATA + 0x20000 + 16 * 15 + 12) & 1, 1);
    cr_expect_eq(read32(&x.t.m, XT_DATA + 0x20000 + 16 * 17 + 12) & 1, 0);
    xt_write64(&x, XT_ERDP, XT_DATA + 0x20000);
    cr_expect_eq(read32(&x.t.m, XT_DATA + 0x20000 + 16 * 17 + 12) & 1, 1, "the last one");
    cr_expect_eq(read32(&x.t.m, XT_DATA + 12) & 1, 0, "the other cycle");
    cr_expect_eq(read64(&x.t.m, XT_DATA), XT_COMMANDS + 16 * 51);
    xt_free(&x);
}

Test(xhci, event_rings_that_are_none_take_nothing)
{
    struct xt x;
    xt_plug(&x, "");
    static const struct {
        uint64_t table, base, dequeue;
        uint32_t size, segments;
        bool fails;
    } bad[] = {
        {XT_ERST, XT_EVENTS, XT_EVENTS, 15, 1, false},
        {XT_ERST, XT_EVENTS, XT_EVENTS, 4097, 1, false},
        {XT_ERST, XT_EVENTS, XT_EVENTS, 64, 0, false},
        {XT_ERST, XT_EVENTS, XT_DATA, 64, 1, false},
        {XT_ERST, XT_BAR + 0x40, XT_BAR + 0x40, 64, 1, true},
        {XT_ERST, UINT64_C(0xffffffffffffff00), UINT64_C(0xffffffffffffff00), 64, 1, true},
        {XT_BAR, XT_EVENTS, XT_EVENTS, 64, 1, true},
    };
    for (unsigned n = 0; n < ARRAY_SIZE(bad); n++) {
        xt_start(&x);
        xt_write(&x, XT_USBCMD, 0);
        write64(&x.t.m, XT_ERST, bad[n].base);
        write64(&x.t.m, XT_ERST + 8, bad[n].size);
        xt_write(&x, XT_ERSTSZ, bad[n].segments);
        xt_write64(&x, XT_ERDP, bad[n].dequeue);
        xt_write64(&x, XT_ERSTBA, bad[n].table);
        xt_write(&x, XT_USBCMD, USBCMD_RS);
        for (unsigned k = 0; k < 4; k++)
            xt_trb(&x, XT_COMMANDS + 16 * k, 0, 0, TRB_NO_OP_COMMAND << 10 | 1);
        xt_ring(&x, 0, 0);
        cr_expect_eq(read32(&x.t.m, XT_EVENTS + 12), 0, "%u", n);
        cr_expect_eq(!!(xt_read(&x, XT_USBSTS) & USBSTS_HSE), bad[n].fails, "%u", n);
    }
    xt_free(&x);
}

Test(xhci, interrupts_by_the_pin_follow_the_pending_bit)
{
    struct xt x;
    xt_plug(&x, "");
    xt_start(&x);
    unsigned line = 0;
    cr_expect_eq(xt_command(&x, 0, 0, TRB_NO_OP_COMMAND << 10), CC_SUCCESS);
    for (unsigned n = 0; n < 16; n++)
        line += (unsigned)x.t.isa[n].level;
    cr_expect_eq(line, 1);
    cr_expect_eq(xt_read(&x, XT_IMAN), IMAN_IP | IMAN_IE);
    cr_expect(xt_read(&x, XT_USBSTS) & USBSTS_EINT);
    xt_write(&x, XT_USBSTS, USBSTS_EINT);
    xt_write(&x, XT_IMAN, IMAN_IP | IMAN_IE);
    line = 0;
    for (unsigned n = 0; n < 16; n++)
        line += (unsigned)x.t.isa[n].level;
    cr_expect_eq(line, 0);
    cr_expect_eq(xt_read(&x, XT_IMAN), IMAN_IE);
    xt_free(&x);
}

Test(xhci, messages_are_moderated)
{
    struct xt x;
    xt_plug(&x, "");
    uint8_t cap = x.t.pci->msix_cap;
    vt_config_write(&x.t, cap, vt_config_read(&x.t, cap) | 1u << 31);
    xt_start(&x);
    x.t.messages = 0;
    xt_write(&x, XT_IMOD, 4000); /* 1 ms */
    cr_expect_eq(xt_command(&x, 0, 0, TRB_NO_OP_COMMAND << 10), CC_SUCCESS);
    cr_expect_eq(x.t.messages, 1);
    cr_expect_eq(x.t.last_data, 0x40);
    cr_expect_eq(xt_read(&x, XT_IMAN), IMAN_IE, "the message took it");
    cr_expect_eq(xt_read(&x, XT_IMOD) >> 16, 4000);
    for (unsigned n = 0; n < 5; n++)
        cr_expect_eq(xt_command(&x, 0, 0, TRB_NO_OP_COMMAND << 10), CC_SUCCESS);
    cr_expect_eq(x.t.messages, 1);
    step(&x.t.m, 500000);
    cr_expect_eq(x.t.messages, 1);
    cr_expect_eq(xt_read(&x, XT_IMOD) >> 16, 2000);
    /* All events were taken: there is nothing to tell. */
    step(&x.t.m, 600000);
    cr_expect_eq(x.t.messages, 1);
    cr_expect_eq(xt_command(&x, 0, 0, TRB_NO_OP_COMMAND << 10), CC_SUCCESS);
    cr_expect_eq(x.t.messages, 2);
    xt_trb(&x, XT_COMMANDS + 16 * x.commands.at, 0, 0, TRB_NO_OP_COMMAND << 10 | 1);
    xt_ring(&x, 0, 0); /* not taken */
    cr_expect_eq(x.t.messages, 2);
    step(&x.t.m, 1100000);
    cr_expect_eq(x.t.messages, 3);
    /* Nobody is told again before the driver says that it has seen them. */
    xt_trb(&x, XT_COMMANDS + 16 * (x.commands.at + 1), 0, 0, TRB_NO_OP_COMMAND << 10 | 1);
    xt_ring(&x, 0, 0);
    step(&x.t.m, 5000000);
    cr_expect_eq(x.t.messages, 3);
    xt_write64(&x, XT_ERDP, (XT_EVENTS + 16 * (x.event + 1)) | ERDP_EHB);
    cr_expect_eq(x.t.messages, 4, "there is one left");
    xt_free(&x);
}

Test(xhci, interrupters_have_rings_of_their_own)
{
    struct xt x;
    unsigned slot = keyboard(&x, "");
    uint8_t cap = x.t.pci->msix_cap;
    vt_config_write(&x.t, cap, vt_config_read(&x.t, cap) | 1u << 31);
    uint32_t second = 2 * 32;
    write64(&x.t.m, XT_ERST + 64, XT_DATA + 0x1000);
    write64(&x.t.m, XT_ERST + 72, 16);
    xt_write(&x, XT_ERSTSZ + second, 1);
    xt_write64(&x, XT_ERDP + second, XT_DATA + 0x1000);
    xt_write64(&x, XT_ERSTBA + second, XT_ERST + 64);
    xt_write(&x, XT_IMAN + second, IMAN_IE);
    x.t.messages = 0;
    uint64_t at = xt_put(&x, slot, 3, XT_DATA, 8 | 2 << 22, TRB_NORMAL << 10 | TRB_IOC);
    xt_ring(&x, slot, 3);
    key(&x, KEY_A, true);
    xt_no_event(&x);
    cr_expect_eq(read64(&x.t.m, XT_DATA + 0x1000), at);
    cr_expect_eq(x.t.messages, 1);
    cr_expect_eq(x.t.last_data, 0x42);
    /* One that there is not: the first. */
    xt_put(&x, slot, 3, XT_DATA, 8 | 999u << 22, TRB_NORMAL << 10 | TRB_IOC);
    xt_ring(&x, slot, 3);
    key(&x, KEY_A, false);
    cr_assert(xt_event(&x));
    xt_free(&x);
}

/* ---- transfers ------------------------------------------------------------------------------- */

Test(xhci, reports_come_when_there_is_something_to_report)
{
    struct xt x;
    unsigned slot = keyboard(&x, "");
    uint64_t first = put_report(&x, slot, TRB_IOC), second = put_report(&x, slot, TRB_IOC);
    xt_ring(&x, slot, 3);
    xt_no_event(&x);
    key(&x, KEY_A, true);
    cr_assert(xt_event(&x));
    cr_expect_eq(x.parameter, first);
    cr_expect_eq(x.status, (uint32_t)CC_SUCCESS << 24);
    cr_expect_eq(x.control >> 16, slot << 8 | 3);
    cr_expect_eq(read64(&x.t.m, XT_DATA + 0x100), 4 << 16);
    xt_no_event(&x);
    key(&x, KEY_A, false);
    cr_assert(xt_event(&x));
    cr_expect_eq(x.parameter, second);
    cr_expect_eq(read64(&x.t.m, XT_DATA + 0x100), 0);
    /* Down and up while nobody asks: both are told. */
    key(&x, KEY_B, true);
    key(&x, KEY_B, false);
    put_report(&x, slot, TRB_IOC);
    xt_ring(&x, slot, 3);
    cr_expect_eq(read64(&x.t.m, XT_DATA + 0x100), 5 << 16);
    put_report(&x, slot, TRB_IOC);
    xt_ring(&x, slot, 3);
    cr_expect_eq(read64(&x.t.m, XT_DATA + 0x100), 0);
    xt_free(&x);
}

Test(xhci, transfers_may_be_scattered)
{
    struct xt x;
    unsigned slot = keyboard(&x, "");
    /* 3 + 0 + 5 bytes over a link in the middle. */
    while (x.transfers[slot][3].at < XT_RING - 3)
        xt_put(&x, slot, 3, 0, 0, TRB_NO_OP << 10);
    xt_ring(&x, slot, 3);
    xt_put(&x, slot, 3, XT_DATA + 0x100, 3, TRB_NORMAL << 10 | TRB_CHAIN);
    xt_put(&x, slot, 3, XT_DATA + 0x200, 0, TRB_NORMAL << 10 | TRB_CHAIN);
    uint64_t last = xt_put(&x, slot, 3, XT_DATA + 0x300, 5, TRB_NORMAL << 10 | TRB_IOC);
    xt_ring(&x, slot, 3);
    key(&x, KEY_LEFTSHIFT, true);
    cr_assert(xt_event(&x));
    cr_expect_eq(x.parameter, last);
    cr_expect_eq(xt_code(&x), CC_SUCCESS);
    cr_expect_eq(read32(&x.t.m, XT_DATA + 0x100), 2);
    cr_expect_eq(read32(&x.t.m, XT_DATA + 0x200), 0);
    key(&x, KEY_LEFTSHIFT, false);
    key(&x, KEY_C, true);
    put_report(&x, slot, 0);
    xt_put(&x, slot, 3, XT_DATA + 0x100, 2, TRB_NORMAL << 10 | TRB_CHAIN);
    xt_put(&x, slot, 3, XT_DATA + 0x300, 6, TRB_NORMAL << 10);
    xt_ring(&x, slot, 3);
    xt_no_event(&x); /* nobody asked */
    cr_expect_eq(read8(&x.t.m, XT_DATA + 0x300), 6);
    xt_free(&x);
}

Test(xhci, short_packets_are_told_once_and_event_data_counts)
{
    struct xt x;
    unsigned slot = keyboard(&x, "");
    /* The controller knows of larger packets than the device has. 8 of 20 bytes come; the middle
     * TRB is where it is short. */
    xt_input(&x, 1 << 3, 1 | 1 << 3);
    xt_input_slot(&x, 1, 0, 3);
    xt_input_endpoint(&x, slot, 3, 7, 64);
    cr_assert_eq(xt_command(&x, XT_INPUT, 0, xt_slot_command(TRB_CONFIGURE_ENDPOINT, slot, 0)),
                 CC_SUCCESS);
    xt_put(&x, slot, 3, XT_DATA + 0x100, 4, TRB_NORMAL << 10 | TRB_CHAIN | TRB_ISP);
    uint64_t here = xt_put(&x, slot, 3, XT_DATA + 0x200, 6, TRB_NORMAL << 10 | TRB_CHAIN | TRB_ISP);
    xt_put(&x, slot, 3, XT_DATA + 0x300, 10, TRB_NORMAL << 10 | TRB_CHAIN | TRB_IOC);
    xt_put(&x, slot, 3, UINT64_C(0x1122334455667788), 0, TRB_EVENT_DATA << 10 | TRB_IOC);
    xt_ring(&x, slot, 3);
    key(&x, KEY_A, true);
    cr_assert(xt_event(&x));
    cr_expect_eq(x.parameter, here);
    cr_expect_eq(x.status, (uint32_t)CC_SHORT_PACKET << 24 | 2);
    cr_assert(xt_event(&x));
    cr_expect_eq(x.parameter, UINT64_C(0x1122334455667788));
    cr_expect_eq(x.status, (uint32_t)CC_SHORT_PACKET << 24 | 8);
    cr_expect_eq(x.control & TRB_EVENT_IS_DATA, TRB_EVENT_IS_DATA);
    xt_no_event(&x);
    /* Without ISP the last one tells. */
    xt_put(&x, slot, 3, XT_DATA + 0x100, 4, TRB_NORMAL << 10 | TRB_CHAIN);
    xt_put(&x, slot, 3, XT_DATA + 0x200, 16, TRB_NORMAL << 10 | TRB_CHAIN);
    here = xt_put(&x, slot, 3, XT_DATA + 0x300, 10, TRB_NORMAL << 10 | TRB_IOC);
    xt_ring(&x, slot, 3);
    key(&x, KEY_A, false);
    cr_assert(xt_event(&x));
    cr_expect_eq(x.parameter, here);
    cr_expect_eq(x.status, (uint32_t)CC_SHORT_PACKET << 24 | 10);
    xt_no_event(&x);
    xt_free(&x);
}

Test(xhci, packets_that_do_not_fit_are_babble)
{
    struct xt x;
    unsigned slot = keyboard(&x, "");
    uint64_t at = xt_put(&x, slot, 3, XT_DATA + 0x100, 4, TRB_NORMAL << 10);
    xt_ring(&x, slot, 3);
    key(&x, KEY_A, true);
    cr_assert(xt_event(&x));
    cr_expect_eq(x.status, (uint32_t)CC_BABBLE << 24 | 4);
    cr_expect_eq(x.parameter, at);
    cr_expect_eq(endpoint_state(&x, slot, 3), ENDPOINT_HALTED);
    cr_expect_eq(read32(&x.t.m, XT_DATA + 0x100), 0);
    xt_free(&x);
}

Test(xhci, stalls_halt_until_the_driver_has_dealt_with_them)
{
    struct xt x;
    unsigned slot = keyboard(&x, "");
    cr_expect_eq(xt_control(&x, slot, 0x80, USB_REQ_GET_DESCRIPTOR, 0x5500, 0, 64), CC_STALL);
    cr_expect_eq(endpoint_state(&x, slot, 1), ENDPOINT_HALTED);
    xt_ring(&x, slot, 1);
    xt_no_event(&x);
    uint32_t reset = xt_slot_command(TRB_RESET_ENDPOINT, slot, 1);
    cr_expect_eq(xt_command(&x, XT_DATA, 0, xt_slot_command(TRB_SET_TR_DEQUEUE, slot, 1)),
                 CC_CONTEXT_STATE_ERROR);
    cr_expect_eq(xt_command(&x, 0, 0, xt_slot_command(TRB_STOP_ENDPOINT, slot, 1)),
                 CC_CONTEXT_STATE_ERROR);
    cr_expect_eq(xt_command(&x, 0, 0, reset), CC_SUCCESS);
    cr_expect_eq(endpoint_state(&x, slot, 1), ENDPOINT_STOPPED);
    cr_expect_eq(xt_command(&x, 0, 0, reset), CC_CONTEXT_STATE_ERROR);
    struct xt_ring *r = &x.transfers[slot][1];
    uint64_t next = XT_TRANSFERS(slot, 1) + 16 * r->at;
    cr_expect_eq(xt_command(&x, next | r->cycle, 0, xt_slot_command(TRB_SET_TR_DEQUEUE, slot, 1)),
                 CC_SUCCESS);
    cr_expect_eq(read64(&x.t.m, XT_CONTEXT(slot) + 32 + 8), next | r->cycle);
    cr_expect_eq(xt_control(&x, slot, 0x80, USB_REQ_GET_CONFIGURATION, 0, 0, 1), CC_SUCCESS);
    cr_expect_eq(read8(&x.t.m, XT_DATA), 1);
    /* A halted endpoint of the device. */
    cr_expect_eq(xt_control(&x, slot, 2, USB_REQ_SET_FEATURE, 0, 0x81, 0), CC_SUCCESS);
    put_report(&x, slot, 0);
    xt_ring(&x, slot, 3);
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_code(&x), CC_STALL);
    cr_expect_eq(x.status & 0xffffff, 8);
    xt_free(&x);
}

Test(xhci, stages_of_control_transfers_have_an_order)
{
    static const struct {
        uint64_t setup;
        uint32_t length, first, second;
    } bad[] = {
        {0x01000680, 8, TRB_SETUP << 10, 0},                        /* no immediate data */
        {0x01000680, 7, TRB_SETUP << 10 | TRB_IDT, 0},              /* a short setup */
        {0, 8, TRB_DATA << 10, 0},                                  /* data without setup */
        {0, 0, TRB_STATUS << 10, 0},                                /* status without setup */
        {0x01000680, 8, TRB_SETUP << 10 | TRB_IDT, TRB_DATA << 10}, /* the other direction */
        {0x01000680, 8, TRB_SETUP << 10 | TRB_IDT, TRB_NORMAL << 10},
        {0, 8, TRB_NORMAL << 10, 0},
        {0, 8, TRB_ISOCH << 10, 0},
        {0, 8, 0, 0},
        {0, 8, 63 << 10, 0},
    };
    struct xt x;
    unsigned slot = keyboard(&x, "");
    for (unsigned n = 0; n < ARRAY_SIZE(bad); n++) {
        struct xt_ring *r = &x.transfers[slot][1];
        xt_put(&x, slot, 1, bad[n].setup, bad[n].length, bad[n].first);
        if (bad[n].second)
            xt_put(&x, slot, 1, XT_DATA, 8, bad[n].second);
        xt_ring(&x, slot, 1);
        cr_assert(xt_event(&x), "%u", n);
        cr_expect_eq(xt_code(&x), CC_TRB_ERROR, "%u", n);
        cr_expect_eq(endpoint_state(&x, slot, 1), ENDPOINT_ERROR, "%u", n);
        xt_ring(&x, slot, 1);
        xt_no_event(&x);
        cr_assert_eq(xt_command(&x, (XT_TRANSFERS(slot, 1) + 16 * r->at) | r->cycle, 0,
                                xt_slot_command(TRB_SET_TR_DEQUEUE, slot, 1)),
                     CC_SUCCESS);
        cr_assert_eq(xt_control(&x, slot, 0x80, USB_REQ_GET_CONFIGURATION, 0, 0, 1), CC_SUCCESS);
    }
    /* Stages that come one at a time. */
    xt_put(&x, slot, 1, UINT64_C(0x0001000000000880), 8, TRB_SETUP << 10 | TRB_IDT);
    xt_ring(&x, slot, 1);
    xt_put(&x, slot, 1, XT_DATA, 1, TRB_DATA << 10 | TRB_DIR_IN | TRB_IOC);
    xt_ring(&x, slot, 1);
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_code(&x), CC_SUCCESS);
    xt_put(&x, slot, 1, 0, 0, TRB_STATUS << 10 | TRB_IOC);
    xt_ring(&x, slot, 1);
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_code(&x), CC_SUCCESS);
    xt_free(&x);
}

Test(xhci, endpoints_stop_in_the_middle_of_a_transfer)
{
    struct xt x;
    unsigned slot = keyboard(&x, "");
    uint32_t stop = xt_slot_command(TRB_STOP_ENDPOINT, slot, 3);
    uint64_t at = put_report(&x, slot, TRB_IOC);
    xt_ring(&x, slot, 3);
    xt_trb(&x, XT_COMMANDS + 16 * x.commands.at, 0, 0, stop | 1);
    x.commands.at++;
    xt_ring(&x, 0, 0);
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_type(&x), TRB_TRANSFER_EVENT);
    cr_expect_eq(x.status, (uint32_t)CC_STOPPED << 24 | 8);
    cr_expect_eq(x.parameter, at);
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_type(&x), TRB_COMMAND_COMPLETION);
    cr_expect_eq(xt_code(&x), CC_SUCCESS);
    cr_expect_eq(endpoint_state(&x, slot, 3), ENDPOINT_STOPPED);
    cr_expect_eq(read64(&x.t.m, XT_CONTEXT(slot) + 32 * 3 + 8), at | 1);
    key(&x, KEY_A, true);
    xt_no_event(&x);
    xt_ring(&x, slot, 3);
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_code(&x), CC_SUCCESS, "it goes on");
    cr_expect_eq(xt_command(&x, 0, 0, stop), CC_SUCCESS, "there is nothing to stop");
    cr_expect_eq(xt_command(&x, 0, 0, stop), CC_CONTEXT_STATE_ERROR);
    xt_free(&x);
}

Test(xhci, transfer_rings_without_an_end_take_turns_with_the_rest)
{
    struct xt x;
    unsigned slot = keyboard(&x, "");
    uint64_t ring = XT_TRANSFERS(slot, 3);
    /* No-operations for ever, of which nobody is told. */
    xt_trb(&x, ring, 0, 0, TRB_NO_OP << 10 | 1);
    xt_trb(&x, ring + 16, ring, 0, TRB_LINK << 10 | 1);
    xt_ring(&x, slot, 3);
    for (unsigned n = 0; n < 10; n++)
        step(&x.t.m, XHCI_MICROFRAME_NS);
    cr_expect_eq(xt_command(&x, 0, 0, TRB_NO_OP_COMMAND << 10), CC_SUCCESS);
    cr_expect_eq(xt_command(&x, 0, 0, xt_slot_command(TRB_STOP_ENDPOINT, slot, 3)), CC_SUCCESS);
    for (unsigned n = 0; n < 3; n++)
        step(&x.t.m, XHCI_MICROFRAME_NS);
    /* Links for ever; a chain for ever. */
    for (unsigned n = 0; n < 2; n++) {
        xt_trb(&x, ring, ring, 8, (n ? TRB_NORMAL << 10 | TRB_CHAIN : TRB_LINK << 10) | 1);
        cr_assert_eq(xt_command(&x, ring | 1, 0, xt_slot_command(TRB_SET_TR_DEQUEUE, slot, 3)),
                     CC_SUCCESS);
        xt_ring(&x, slot, 3);
        cr_assert(xt_event(&x));
        cr_expect_eq(xt_code(&x), CC_TRB_ERROR);
    }
    xt_free(&x);
}

Test(xhci, transfers_into_its_own_registers_stop_the_controller)
{
    static const uint64_t places[] = {XT_BAR + XT_DOORBELLS, XT_BAR + XT_USBCMD,
                                      UINT64_C(0xfffffffffffffffc), 0xd0000000};
    for (unsigned n = 0; n < ARRAY_SIZE(places); n++) {
        struct xt x;
        unsigned slot = keyboard(&x, "");
        xt_put(&x, slot, 3, places[n], 8, TRB_NORMAL << 10 | TRB_IOC);
        xt_ring(&x, slot, 3);
        key(&x, KEY_A, true);
        cr_expect(xt_read(&x, XT_USBSTS) & USBSTS_HSE, "%u", n);
        xt_free(&x);
    }
}

Test(xhci, nothing_is_done_without_bus_mastering)
{
    struct xt x;
    unsigned slot = keyboard(&x, "");
    put_report(&x, slot, TRB_IOC);
    xt_ring(&x, slot, 3);
    vt_config_write(&x.t, PCI_COMMAND, PCI_COMMAND_MEMORY);
    key(&x, KEY_A, true);
    xt_no_event(&x);
    cr_expect_eq(xt_read(&x, XT_USBSTS) & (USBSTS_HSE | USBSTS_HCH), 0);
    vt_config_write(&x.t, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_code(&x), CC_SUCCESS);
    xt_free(&x);
}

Test(xhci, device_that_is_pulled_out_answers_no_more)
{
    struct xt x;
    unsigned slot = keyboard(&x, "");
    struct usb_device *d = usb_find_bus(&x.t.m, 0)->ports[0].dev;
    put_report(&x, slot, TRB_IOC);
    xt_ring(&x, slot, 3);
    machine_lock(&x.t.m);
    usb_unplug(d);
    machine_free_unplugged(&x.t.m);
    machine_unlock(&x.t.m);
    xt_write(&x, XT_PORTSC(1), 0x200 | PORTSC_CSC | PORTSC_PRC);
    while (xt_event(&x))
        cr_expect_eq(xt_type(&x), TRB_PORT_STATUS_CHANGE);
    key(&x, KEY_A, true);
    xt_ring(&x, slot, 3);
    cr_assert(xt_event(&x));
    cr_expect_eq(xt_code(&x), CC_TRANSACTION_ERROR);
    /* Another one in the same port is not the slot's. */
    xt_usb(&x, &usb_kbd_class, "1");
    cr_expect_eq(xt_control(&x, slot, 0x80, USB_REQ_GET_STATUS, 0, 0, 2), CC_TRANSACTION_ERROR);
    cr_expect_eq(xt_command(&x, 0, 0, xt_slot_command(TRB_DISABLE_SLOT, slot, 0)), CC_SUCCESS);
    slot = xt_address(&x, 1, 0);
    cr_expect_eq(xt_control(&x, slot, 0x80, USB_REQ_GET_STATUS, 0, 0, 2), CC_SUCCESS);
    xt_free(&x);
}

/* ---- state ----------------------------------------------------------------------------------- */

static void poke(struct vemu_machine *m)
{
    for (unsigned reg = 0; reg < 0x4000; reg += 4)
        read32(m, XT_BAR + reg);
    write32(m, XT_BAR + XT_USBCMD, USBCMD_RS | USBCMD_INTE);
    write32(m, XT_BAR + XT_DOORBELLS, 0);
    write32(m, XT_BAR + XT_DOORBELLS + 4, 1);
    write32(m, XT_BAR + XT_DOORBELLS + 4, 3);
    input_send_key(m, KEY_A, true);
    input_send_key(m, KEY_A, false);
    loop_iterate(m->loop, 0);
    step(m, 1000000);
}

Test(xhci, state_is_saved_in_the_middle_of_a_transfer)
{
    struct xt x, fresh;
    unsigned slot = keyboard(&x, "");
    put_report(&x, slot, TRB_IOC);
    xt_ring(&x, slot, 3);
    step(&x.t.m, 3000000);
    xt_plug(&fresh, "");
    struct usb_device *d = xt_usb(&fresh, &usb_kbd_class, NULL);
    struct usb_device *old = usb_find_bus(&x.t.m, 0)->ports[0].dev;
    /* All of memory, then the devices. */
    for (uint64_t at = 0x10000; at < 0x80000; at += 8)
        write64(&fresh.t.m, at, read64(&x.t.m, at));
    assert_round_trip(x.t.dev, fresh.t.dev);
    assert_round_trip(&old->dev, &d->dev);
    fresh.event = x.event;
    fresh.event_cycle = x.event_cycle;
    xt_no_event(&fresh);
    key(&fresh, KEY_A, true);
    cr_assert(xt_event(&fresh));
    cr_expect_eq(xt_code(&fresh), CC_SUCCESS);
    cr_expect_eq(read64(&fresh.t.m, XT_DATA + 0x100), 4 << 16);
    fuzz_state(x.t.dev, fresh.t.dev, 400, poke);
    fuzz_state(&old->dev, &d->dev, 400, poke);
    xt_free(&x);
    xt_free(&fresh);
}
