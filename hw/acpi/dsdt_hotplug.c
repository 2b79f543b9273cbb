/*
 * The part of the DSDT that fills and empties PCI slots by the registers of pci_hotplug.h. ACPI
 * Specification 6.x, chapter "Device Configuration" (_EJ0, _SUN), "ACPI-Defined Devices"
 * (notification values), "ACPI Hardware Specification" (_Exx methods).
 */
#include <stdio.h>
#include "hw/acpi/aml.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/acpi/tables.h"

enum { NOTIFY_DEVICE_CHECK = 1, NOTIFY_EJECT_REQUEST = 3, SLOTS = 32, NAME_SIZE = 24 };

/* Number 0 is the root bus, n + 1 is behind root port n. */
static bool has_slot(const struct acpi_hotplug *h, unsigned number, unsigned slot)
{
    return number ? slot == 0 : h->slots >> slot & 1;
}

/* The device object of a slot. A name of several parts is not searched for upwards. */
static void slot_path(const struct acpi_hotplug *h, unsigned number, unsigned slot,
                      char name[NAME_SIZE])
{
    if (number)
        snprintf(name, NAME_SIZE, "\\_SB.PCI0.P%02X.S00", h->ports[number - 1]);
    else
        snprintf(name, NAME_SIZE, "S%02X", slot & 0x1f);
}

static void slot_device(struct aml *a, const char *name, unsigned sun, unsigned number,
                        unsigned slot)
{
    aml_device(a, name);
    aml_name_int(a, "_ADR", (uint64_t)slot << 16);
    aml_name_int(a, "_SUN", sun);
    aml_method(a, "_EJ0", 1, true);
    aml_path(a, "\\_SB.PCI0.PCEJ");
    aml_int(a, number);
    aml_int(a, UINT64_C(1) << slot);
    aml_end(a);
    aml_end(a);
}

static void slot_devices(struct aml *a, const struct acpi_hotplug *h)
{
    char name[NAME_SIZE];

    for (unsigned slot = 0; slot < SLOTS; slot++) {
        if (!has_slot(h, 0, slot))
            continue;
        slot_path(h, 0, slot, name);
        slot_device(a, name, slot, 0, slot);
    }
    for (unsigned n = 1; n <= h->port_count; n++) {
        unsigned devfn = h->ports[n - 1];
        snprintf(name, sizeof name, "P%02X", devfn & 0xff);
        aml_device(a, name);
        aml_name_int(a, "_ADR", (uint64_t)(devfn >> 3) << 16 | (devfn & 7));
        slot_device(a, "S00", n, n, 0);
        aml_end(a);
    }
}

/* Store (from, to), for names; a NULL source is the number. */
static void store(struct aml *a, const char *from, unsigned number, const char *to,
                  enum aml_op local)
{
    aml_op(a, AML_STORE);
    if (from)
        aml_path(a, from);
    else
        aml_int(a, number);
    if (to)
        aml_path(a, to);
    else
        aml_op(a, local);
}

static void notify_if(struct aml *a, enum aml_op local, unsigned slot, const char *device,
                      unsigned what)
{
    aml_if(a);
    aml_op(a, AML_AND);
    aml_op(a, local);
    aml_int(a, UINT64_C(1) << slot);
    aml_op(a, AML_ZERO);
    aml_op(a, AML_NOTIFY);
    aml_path(a, device);
    aml_int(a, what);
    aml_end(a);
}

/* Tells the system what the registers say. Reading UP clears it, so each is read once a bus. */
static void notify_method(struct aml *a, const struct acpi_hotplug *h)
{
    char name[NAME_SIZE];

    aml_method(a, "PCNT", 0, true);
    for (unsigned n = h->slots ? 0 : 1; n <= h->port_count; n++) {
        store(a, NULL, n, "BNUM", AML_ZERO);
        store(a, "PCIU", 0, NULL, AML_LOCAL0);
        store(a, "PCID", 0, NULL, AML_LOCAL1);
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            if (!has_slot(h, n, slot))
                continue;
            slot_path(h, n, slot, name);
            notify_if(a, AML_LOCAL0, slot, name, NOTIFY_DEVICE_CHECK);
            notify_if(a, AML_LOCAL1, slot, name, NOTIFY_EJECT_REQUEST);
        }
    }
    aml_end(a);
}

void acpi_build_pci_hotplug(struct aml *a, const struct acpi_hotplug *h)
{
    aml_scope(a, "\\_SB.PCI0");
    aml_op_region(a, "PCST", AML_SYSTEM_IO, h->base, ACPI_HOTPLUG_SIZE);
    aml_field(a, "PCST", AML_DWORD_ACC);
    aml_field_unit(a, "PCIU", 32);
    aml_field_unit(a, "PCID", 32);
    aml_field_unit(a, "B0EJ", 32);
    aml_field_unit(a, NULL, 32);
    aml_field_unit(a, "BNUM", 32);
    aml_end(a);
    /* The bus is chosen and used by one at a time: _EJ0 and the event's method. */
    aml_mutex(a, "BLCK");

    aml_method(a, "PCEJ", 2, true);
    aml_acquire(a, "BLCK");
    aml_op(a, AML_STORE);
    aml_op(a, AML_ARG0);
    aml_path(a, "BNUM");
    aml_op(a, AML_STORE);
    aml_op(a, AML_ARG1);
    aml_path(a, "B0EJ");
    aml_release(a, "BLCK");
    aml_end(a);

    slot_devices(a, h);
    notify_method(a, h);
    aml_end(a);

    aml_scope(a, "\\_GPE");
    aml_method(a, "_E01", 0, true);
    aml_acquire(a, "\\_SB.PCI0.BLCK");
    aml_path(a, "\\_SB.PCI0.PCNT");
    aml_release(a, "\\_SB.PCI0.BLCK");
    aml_end(a);
    aml_end(a);
}
