/*
 * What the files behind apic_bus.h, lapic.h and ioapic.h share. Every function here is called with
 * the bus lock held.
 */
#ifndef HW_INTC_APIC_INTERNAL_H
#define HW_INTC_APIC_INTERNAL_H

#include <pthread.h>
#include "core/memory/memory.h"
#include "hw/intc/apic_bus.h"

struct lapic;
struct ioapic;
struct vcpu;

/* Delivery modes of interrupt messages, ICR, LVT and redirection entries. */
enum apic_delivery {
    APIC_FIXED = 0,
    APIC_LOWEST = 1,
    APIC_SMI = 2,
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_STARTUP = 6,
    APIC_EXTINT = 7,
};

/* Vectors below 16 are the processor's. */
enum { APIC_FIRST_VECTOR = 16 };

struct apic_message {
    uint32_t dest;
    bool logical;
    bool wide; /* dest has 32 bits (x2APIC); else 8, and 0xff is everybody */
    bool level;
    uint8_t mode; /* enum apic_delivery */
    uint8_t vector;
};

struct apic_bus {
    struct device dev;
    struct apic_bus_config cfg;
    pthread_mutex_t lock;
    struct lapic *lapics[APIC_BUS_MAX_LAPICS];
    unsigned lapic_count;
    struct ioapic *ioapics[APIC_BUS_MAX_IOAPICS];
    unsigned ioapic_count;
    uint32_t arbitration; /* where the search for the lowest priority starts: rotates */
    int (*extint_acknowledge)(void *opaque);
    void *extint_opaque;
    struct mem_region window;
};

static inline struct apic_bus *apic_bus_from(struct device *dev)
{
    return (struct apic_bus *)((char *)dev - offsetof(struct apic_bus, dev));
}

/* apic_bus.c. As a message-signalled interrupt that is the same. */
void apic_bus_as_msi(const struct apic_bus *bus, const struct apic_message *msg, uint64_t *addr,
                     uint32_t *data);
/* False: nobody accepted it. */
bool apic_bus_deliver(struct apic_bus *bus, const struct apic_message *msg);
/* Tells the I/O APICs that a level-triggered vector is done. */
void apic_bus_eoi(struct apic_bus *bus, uint8_t vector);

/* lapic.c */
bool lapic_matches(const struct lapic *l, const struct apic_message *msg);
bool lapic_accepts_vectors(const struct lapic *l); /* enabled by hardware and software */
uint8_t lapic_priority(const struct lapic *l);     /* for lowest-priority arbitration */
void lapic_accept(struct lapic *l, const struct apic_message *msg);
/* Registers at byte offset of the page, when this APIC is mapped at base in xAPIC mode: false when
 * it is not. */
bool lapic_mmio_read(struct lapic *l, uint64_t base, uint32_t offset, uint32_t *value);
bool lapic_mmio_write(struct lapic *l, uint64_t base, uint32_t offset, uint32_t value);
/* The local APIC of the vCPU that makes this access; the first one for other threads. */
struct lapic *lapic_current(struct apic_bus *bus);

/* ioapic.c */
void ioapic_eoi(struct ioapic *io, uint8_t vector);

#endif
