/*
 * What device tests share: a machine without vCPU threads whose clock is stepped by hand, probes on
 * interrupt lines, port and memory accesses, and the state round trip.
 */
#ifndef TESTS_DEVICE_DEVICE_TEST_H
#define TESTS_DEVICE_DEVICE_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/device/device.h"
#include "core/device/machine.h"

/* A machine with port space, its virtual clock at 0, running and stepped by hand. */
void test_machine_init(struct vemu_machine *m);

/* The far end of an interrupt line. */
struct line_probe {
    int level;
    unsigned rises, falls;
};
struct irq line_probe(struct line_probe *probe);

/* A vCPU that only collects interrupt conditions. */
struct test_cpu {
    struct vcpu cpu;
    struct x86_regs regs;
    struct x86_cpu_model model;
};
void test_cpu_init(struct test_cpu *t, struct vemu_machine *m, unsigned index);

uint8_t in8(struct vemu_machine *m, uint16_t port);
uint16_t in16(struct vemu_machine *m, uint16_t port);
uint32_t in32(struct vemu_machine *m, uint16_t port);
void out8(struct vemu_machine *m, uint16_t port, uint8_t value);
void out16(struct vemu_machine *m, uint16_t port, uint16_t value);
void out32(struct vemu_machine *m, uint16_t port, uint32_t value);
uint32_t read32(struct vemu_machine *m, uint64_t addr);
uint64_t read64(struct vemu_machine *m, uint64_t addr);
void write32(struct vemu_machine *m, uint64_t addr, uint32_t value);
void write64(struct vemu_machine *m, uint64_t addr, uint64_t value);
void step(struct vemu_machine *m, int64_t ns);

/* Asserts that dev is an object (create succeeded), showing the error if not. */
struct device *made(struct device *dev, struct vemu_error *err);

/* Loads dev's state into another device, at the same time of its clock; false: it is refused. */
bool load_copy(struct device *dev, struct device *other, struct vemu_error **errp);
/* Saves `dev`, loads that into `fresh` (same class, same wiring, another machine) and asserts that
 * `fresh` then saves the same bytes. */
void assert_round_trip(struct device *dev, struct device *fresh);
/* Loads `rounds` damaged copies of dev's state into `victim`, running `poke` after each that was
 * accepted. What is held: no crash and no sanitizer report. */
void fuzz_state(struct device *dev, struct device *victim, unsigned rounds,
                void (*poke)(struct vemu_machine *m));

#endif
