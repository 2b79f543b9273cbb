/*
 * Interrupt controllers that an accelerator keeps itself (the kernel's, with KVM).
 *
 * The device models stay: they own reset values, saved state and input lines, and what the
 * accelerator runs is put to it after a reset or a load and fetched before a save, in the structs
 * below. So a machine's saved state is the same whoever ran it. An accelerator that keeps none
 * leaves struct accel.irqchip NULL and vemu_machine.irqchip at IRQCHIP_OFF.
 *
 * set_line, send_msi and set_pin_message: any thread, with any locks. The rest: machine lock held,
 * vCPUs paused. False: the accelerator refused; it has said so in the log.
 */
#ifndef CORE_CPU_IRQCHIP_H
#define CORE_CPU_IRQCHIP_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;
struct vemu_machine;

/* What of the interrupt controllers the accelerator keeps. */
enum irqchip_mode {
    IRQCHIP_OFF,   /* nothing */
    IRQCHIP_SPLIT, /* local APICs; 8259 and I/O APIC are the device models' */
    IRQCHIP_ON,    /* all of them */
};

enum { IRQCHIP_PIC_LINES = 8, IRQCHIP_IOAPIC_PINS = 24, IRQCHIP_LAPIC_REGS = 64 };

/* Input lines of IRQCHIP_ON: I/O APIC pins, and behind them those of the 8259 pair. */
enum { IRQCHIP_GSI_IOAPIC = 0, IRQCHIP_GSI_PIC = IRQCHIP_GSI_IOAPIC + IRQCHIP_IOAPIC_PINS };

/* One 8259, in the terms of its data sheet. */
struct irqchip_pic {
    uint8_t lines, irr, isr, imr, elcr;
    uint8_t lowest; /* the input with the lowest priority */
    uint8_t vector_base;
    uint8_t next_icw; /* the initialisation word that is waited for: 2 to 4; 0: none */
    bool icw4_follows, auto_eoi, rotate_auto_eoi, fully_nested, special_mask, read_isr, poll;
};

struct irqchip_ioapic {
    uint8_t select, id;
    uint32_t lines; /* levels of the inputs */
    uint64_t entry[IRQCHIP_IOAPIC_PINS];
};

/* reg[n]: the register at offset 16 * n of the APIC's page (SDM vol. 3), the ID as in xAPIC mode.
 */
struct irqchip_lapic {
    uint64_t base; /* IA32_APIC_BASE */
    uint64_t tsc_deadline;
    uint32_t reg[IRQCHIP_LAPIC_REGS];
};

/* One counter of an 8254. */
struct irqchip_pit_counter {
    bool programmed; /* a control word was written; else it stands still */
    uint8_t mode;    /* 0 to 5 */
    uint8_t rw;      /* 1: low byte, 2: high byte, 3: both */
    bool bcd, gate;
    uint32_t count;  /* 1 to 0x10000 */
    int64_t elapsed; /* ns since it was loaded */
    bool write_msb_next, read_msb_next;
    uint8_t write_lsb;
    uint16_t latch;
    uint8_t latch_bytes; /* not yet read, 0 to 2 */
    uint8_t status;
    bool status_latched;
};
struct irqchip_pit {
    struct irqchip_pit_counter counter[3];
    bool speaker; /* port 61h, bit 1 */
};

struct irqchip_ops {
    void (*set_line)(struct vemu_machine *m, unsigned gsi, int level);
    /* False: no local APIC took it. */
    bool (*send_msi)(struct vemu_machine *m, uint64_t addr, uint32_t data);
    /* IRQCHIP_SPLIT: what an I/O APIC pin sends from now on, so that the end of a level-triggered
     * vector is told (cpu_intc_ops.end_of_interrupt). */
    void (*set_pin_message)(struct vemu_machine *m, unsigned pin, uint64_t addr, uint32_t data);
    /* which: 0 master, 1 slave */
    bool (*get_pic)(struct vemu_machine *m, unsigned which, struct irqchip_pic *pic);
    bool (*put_pic)(struct vemu_machine *m, unsigned which, const struct irqchip_pic *pic);
    bool (*get_ioapic)(struct vemu_machine *m, struct irqchip_ioapic *ioapic);
    bool (*put_ioapic)(struct vemu_machine *m, const struct irqchip_ioapic *ioapic);
    /* IRQCHIP_ON: a PIT with the speaker's port, at the PC's addresses; its channel 0 drives IRQ 0
     * by itself. False, or NULL: there is none, and nothing was done. */
    bool (*make_pit)(struct vemu_machine *m);
    bool (*get_pit)(struct vemu_machine *m, struct irqchip_pit *pit);
    bool (*put_pit)(struct vemu_machine *m, const struct irqchip_pit *pit);
    /* Any time: channel 0 raises nothing from now on, or does again. */
    void (*block_pit)(struct vemu_machine *m, bool block);
    bool (*get_lapic)(struct vcpu *cpu, struct irqchip_lapic *lapic);
    bool (*put_lapic)(struct vcpu *cpu, const struct irqchip_lapic *lapic);
};

/* ---- wires --------------------------------------------------------------------------------------
 * An interrupt that a write to an eventfd raises: for who cannot call, a device in another process
 * or in the kernel. What is written while it is not connected waits in the descriptor. Machine lock
 * held; vemu_machine.has_wires says whether there are any. */

struct irqchip_wire {
    int fd;          /* the caller's, as the next */
    int resample_fd; /* of a level: written when software is done with it; -1: it is a message */
    uint64_t addr;
    uint32_t data;
    uint16_t requester; /* who sends it, for an ITS */
    /* Of a level, IRQCHIP_ON: the I/O APIC's pin, and below 16 the 8259s' line of that number. It
     * falls when software is done. */
    uint8_t pin;
    bool connected;
    uint32_t gsi; /* the accelerator's; 0: none */
};

struct irqchip_wire_ops {
    /* They raise what they say from now on, also those that raised something else; in one change
     * of what the accelerator keeps. One that it has no room for is not connected. */
    void (*connect)(struct vemu_machine *m, struct irqchip_wire *const *wires, unsigned count);
    /* Nothing is under way any more. */
    void (*disconnect)(struct vemu_machine *m, struct irqchip_wire *wire);
    /* And the accelerator forgets it; idempotent. */
    void (*forget)(struct vemu_machine *m, struct irqchip_wire *wire);
};

/* ---- Arm ----------------------------------------------------------------------------------------
 * A GIC that the accelerator keeps, by its registers: offsets and encodings are the architecture's,
 * so that a device model puts and fetches what it has in any case. */

struct irqchip_gic_config {
    unsigned version;   /* 2 or 3 */
    unsigned spis;      /* how many shared interrupts */
    uint64_t dist, cpu; /* distributor; CPU interface, of version 3 the first redistributor */
    uint64_t its;       /* 0: none */
};

enum irqchip_gic_group {
    IRQCHIP_GIC_DIST,
    IRQCHIP_GIC_CPU,    /* version 2: the CPU interface */
    IRQCHIP_GIC_REDIST, /* version 3 */
    IRQCHIP_GIC_ICC,    /* version 3: ARM_SYSREG() encodings */
    IRQCHIP_GIC_LEVELS, /* version 3: levels of 32 inputs from the INTID on that `where` is */
    IRQCHIP_GIC_ITS,
};

struct irqchip_gic_ops {
    /* Once all vCPUs are there. False: there is none; the log says why if it should have been. */
    bool (*make)(struct vemu_machine *m, const struct irqchip_gic_config *cfg);
    void (*set_spi)(struct vemu_machine *m, unsigned spi, int level);
    void (*set_ppi)(struct vcpu *cpu, unsigned ppi, int level);
    /* device: the ITS's DeviceID. False: nobody took it. */
    bool (*send_msi)(struct vemu_machine *m, uint32_t device, uint64_t addr, uint32_t data);
    /* cpu and its affinity (MPIDR): whose register it is; NULL: of all. */
    bool (*get_reg)(struct vemu_machine *m, enum irqchip_gic_group group, const struct vcpu *cpu,
                    uint64_t mpidr, uint32_t where, uint64_t *value);
    bool (*put_reg)(struct vemu_machine *m, enum irqchip_gic_group group, const struct vcpu *cpu,
                    uint64_t mpidr, uint32_t where, uint64_t value);
    /* Pending interrupts and translations to the guest's tables before a save, and back after the
     * ITS's registers were put. */
    bool (*save_tables)(struct vemu_machine *m);
    bool (*restore_tables)(struct vemu_machine *m);
};

#endif
