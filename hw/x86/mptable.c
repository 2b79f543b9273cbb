/* MP tables. MultiProcessor Specification 1.4, chapter 4. */
#include "hw/x86/mptable.h"

#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"

enum { FLOATING_SIZE = 16, HEADER_SIZE = 44 };
enum { ENTRY_CPU, ENTRY_BUS, ENTRY_IOAPIC, ENTRY_IO_INT, ENTRY_LOCAL_INT };
enum { INT_NORMAL = 0, INT_NMI = 1, INT_EXTINT = 3 };
enum { CONFORMS = 0, LEVEL_HIGH = 0x0d, LEVEL_LOW = 0x0f };

struct writer {
    uint8_t *p;
    size_t len;
    unsigned entries;
};

static uint8_t *entry(struct writer *w, unsigned type, size_t size)
{
    if (w->len + size > MPTABLE_ROOM)
        return NULL;
    uint8_t *e = w->p + w->len;
    memset(e, 0, size);
    e[0] = (uint8_t)type;
    w->len += size;
    w->entries++;
    return e;
}

static void bus(struct writer *w, unsigned id, const char *type)
{
    uint8_t *e = entry(w, ENTRY_BUS, 8);
    if (!e)
        return;
    e[1] = (uint8_t)id;
    memcpy(e + 2, type, 6);
}

static void interrupt(struct writer *w, unsigned entry_type, unsigned type, unsigned flags,
                      unsigned bus_id, unsigned source, unsigned dest, unsigned pin)
{
    uint8_t *e = entry(w, entry_type, 8);
    if (!e)
        return;
    e[1] = (uint8_t)type;
    store_le16(e + 2, (uint16_t)flags);
    e[4] = (uint8_t)bus_id;
    e[5] = (uint8_t)source;
    e[6] = (uint8_t)dest;
    e[7] = (uint8_t)pin;
}

static uint8_t checksum(const uint8_t *p, size_t len)
{
    uint8_t sum = 0;
    while (len--)
        sum = (uint8_t)(sum + *p++);
    return (uint8_t)-sum;
}

size_t mptable_build(uint8_t out[MPTABLE_ROOM], const struct mptable_config *cfg, uint32_t address)
{
    struct writer w = {.p = out, .len = FLOATING_SIZE + HEADER_SIZE};
    unsigned isa = cfg->pci ? 1 : 0;
    uint8_t *table = out + FLOATING_SIZE, *e;

    memset(out, 0, FLOATING_SIZE + HEADER_SIZE);
    for (unsigned i = 0; i < cfg->cpus; i++) {
        /* Identifiers are 8 bits wide here; 255 means all. */
        if (cfg->apic_ids[i] > 254 || !(e = entry(&w, ENTRY_CPU, 20)))
            continue;
        e[1] = (uint8_t)cfg->apic_ids[i];
        e[2] = 0x14;              /* integrated APIC */
        e[3] = (i == 0) << 1 | 1; /* bootstrap, usable */
        store_le32(e + 4, cfg->cpu_signature);
        store_le32(e + 8, cfg->cpu_features);
    }
    if (cfg->pci)
        bus(&w, 0, "PCI   ");
    bus(&w, isa, "ISA   ");
    if ((e = entry(&w, ENTRY_IOAPIC, 8))) {
        e[1] = cfg->ioapic_id;
        e[2] = 0x11;
        e[3] = 1; /* usable */
        store_le32(e + 4, cfg->ioapic_base);
    }
    for (unsigned irq = 0; irq < 16; irq++) {
        /* 2 is the cascade; what PCI lines drive is described as such below. */
        if (irq == 2 || (cfg->pci_irqs >> irq & 1))
            continue;
        interrupt(&w, ENTRY_IO_INT, INT_NORMAL, cfg->level_irqs >> irq & 1 ? LEVEL_HIGH : CONFORMS,
                  isa, irq, cfg->ioapic_id, irq ? irq : 2);
    }
    for (unsigned slot = 1; cfg->pci && slot < 32; slot++)
        for (unsigned pin = 0; pin < 4; pin++)
            interrupt(&w, ENTRY_IO_INT, INT_NORMAL, LEVEL_LOW, 0, slot << 2 | pin, cfg->ioapic_id,
                      cfg->pci_pin(slot, pin));
    interrupt(&w, ENTRY_LOCAL_INT, INT_EXTINT, CONFORMS, isa, 0, 0xff, 0);
    interrupt(&w, ENTRY_LOCAL_INT, INT_NMI, CONFORMS, isa, 0, 0xff, 1);

    size_t table_len = w.len - FLOATING_SIZE;
    memcpy(table, "PCMP", 4);
    store_le16(table + 4, (uint16_t)table_len);
    table[6] = 4;
    memcpy(table + 8, "VEMU    ", 8);
    memcpy(table + 16, "VEMU PC     ", 12);
    store_le16(table + 34, (uint16_t)w.entries);
    store_le32(table + 36, cfg->lapic_base);
    table[7] = checksum(table, table_len);

    memcpy(out, "_MP_", 4);
    store_le32(out + 4, address + FLOATING_SIZE);
    out[8] = 1;
    out[9] = 4;
    out[10] = checksum(out, FLOATING_SIZE);
    return w.len;
}
