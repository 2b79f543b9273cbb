/* What device tests share; see device_test.h. */
#include "tests/device/device_test.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "core/state/state.h"
#include "core/util/error.h"
#include "tests/still_accel.h"

void test_machine_init(struct vemu_machine *m)
{
    struct vemu_error *err = NULL;
    cr_assert(machine_init(m, &err), "%s", err ? vemu_error_message(err) : "");
    m->io = mem_space_new("io", 0x10000, &m->lock, &err);
    cr_assert(m->io, "%s", err ? vemu_error_message(err) : "");
    m->accel = &still_accel;
    clock_set_manual(m->clocks, true);
    clock_set_running(m->clocks, true);
}

static void probe_input(void *opaque, unsigned n, int level)
{
    struct line_probe *p = opaque;
    (void)n;
    if (level && !p->level)
        p->rises++;
    if (!level && p->level)
        p->falls++;
    p->level = level;
}

struct irq line_probe(struct line_probe *probe)
{
    return (struct irq){.fn = probe_input, .opaque = probe};
}

void test_cpu_init(struct test_cpu *t, struct vemu_machine *m, unsigned index)
{
    memset(t, 0, sizeof *t);
    t->cpu.machine = m;
    t->cpu.index = t->cpu.apic_id = index;
    t->cpu.arch = ARCH_X86;
    t->cpu.regs = &t->regs;
    t->cpu.model = &t->model;
    t->model.tsc_hz = UINT64_C(2000000000);
    t->model.phys_bits = 40;
    t->model.features[X86_FEAT_1_ECX] = 1u << 21 | 1u << 24; /* x2APIC, TSC-deadline */
    pthread_mutex_init(&t->cpu.run_lock, NULL);
    pthread_cond_init(&t->cpu.run_cond, NULL);
}

static uint64_t in(struct vemu_machine *m, uint16_t port, unsigned size)
{
    uint64_t v = 0;
    mem_read(m->io, port, size, &v);
    return v;
}
uint8_t in8(struct vemu_machine *m, uint16_t port)
{
    return (uint8_t)in(m, port, 1);
}
uint16_t in16(struct vemu_machine *m, uint16_t port)
{
    return (uint16_t)in(m, port, 2);
}
uint32_t in32(struct vemu_machine *m, uint16_t port)
{
    return (uint32_t)in(m, port, 4);
}
void out8(struct vemu_machine *m, uint16_t port, uint8_t value)
{
    mem_write(m->io, port, 1, value);
}
void out16(struct vemu_machine *m, uint16_t port, uint16_t value)
{
    mem_write(m->io, port, 2, value);
}
void out32(struct vemu_machine *m, uint16_t port, uint32_t value)
{
    mem_write(m->io, port, 4, value);
}
uint32_t read32(struct vemu_machine *m, uint64_t addr)
{
    uint64_t v = 0;
    mem_read(m->memory, addr, 4, &v);
    return (uint32_t)v;
}
uint64_t read64(struct vemu_machine *m, uint64_t addr)
{
    uint64_t v = 0;
    mem_read(m->memory, addr, 8, &v);
    return v;
}
void write32(struct vemu_machine *m, uint64_t addr, uint32_t value)
{
    mem_write(m->memory, addr, 4, value);
}
void write64(struct vemu_machine *m, uint64_t addr, uint64_t value)
{
    mem_write(m->memory, addr, 8, value);
}
void step(struct vemu_machine *m, int64_t ns)
{
    clock_step(m->clocks, ns);
}

struct device *made(struct device *dev, struct vemu_error *err)
{
    cr_assert(dev, "%s", err ? vemu_error_message(err) : "no error was set");
    return dev;
}

/* ---- state ----------------------------------------------------------------------------------- */

static struct state_writer *save(struct device *dev, const void **data, size_t *len)
{
    const struct device_class *cls = dev->cls;
    struct state_writer *w = state_writer_new();
    cr_assert(w);
    if (cls->pre_save)
        cls->pre_save(dev);
    cr_assert(state_save_section(w, cls->name, 0, cls->state_version, cls->state, dev));
    cr_assert(state_writer_finish(w, data, len));
    return w;
}

/* Loads the section body; false when the device refuses it. */
static bool load(struct device *dev, const struct state_section *s, struct vemu_error **errp)
{
    const struct device_class *cls = dev->cls;
    return state_load_section(s, cls->state_version, cls->state, dev, errp) &&
           (!cls->post_load || cls->post_load(dev, errp));
}

bool load_copy(struct device *dev, struct device *other, struct vemu_error **errp)
{
    const void *data;
    size_t len;
    struct state_section section;

    struct state_writer *w = save(dev, &data, &len);
    struct state_reader *r = state_reader_new(data, len, errp);
    clock_set_virtual(other->machine->clocks, clock_now(dev->machine->clocks, VCLOCK_VIRTUAL));
    bool ok = r && state_reader_next(r, &section, errp) && load(other, &section, errp);
    state_reader_free(r);
    state_writer_free(w);
    return ok;
}

void assert_round_trip(struct device *dev, struct device *fresh)
{
    const void *first, *second;
    size_t first_len, second_len;
    struct vemu_error *err = NULL;

    cr_assert(load_copy(dev, fresh, &err), "%s", err ? vemu_error_message(err) : "load failed");
    struct state_writer *w1 = save(dev, &first, &first_len);
    struct state_writer *w2 = save(fresh, &second, &second_len);
    cr_assert_eq(first_len, second_len);
    cr_assert_arr_eq(first, second, first_len);
    state_writer_free(w1);
    state_writer_free(w2);
}

void fuzz_state(struct device *dev, struct device *victim, unsigned rounds,
                void (*poke)(struct vemu_machine *m))
{
    const void *data;
    size_t len;
    struct state_section section;
    uint64_t seed = 0x9e3779b97f4a7c15;

    struct state_writer *w = save(dev, &data, &len);
    struct state_reader *r = state_reader_new(data, len, NULL);
    cr_assert(r && state_reader_next(r, &section, NULL));
    uint8_t *copy = malloc(section.len);
    cr_assert(copy);
    for (unsigned i = 0; i < rounds; i++) {
        struct vemu_error *err = NULL;
        memcpy(copy, section.data, section.len);
        for (unsigned n = 0; n <= i % 4; n++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            size_t at = seed % section.len;
            copy[at] = i & 4 ? 0xff : (uint8_t)(seed >> 32);
            /* Half of the damage hits a whole 64-bit value. */
            for (unsigned k = 1; i & 8 && k < 8 && at + k < section.len; k++)
                copy[at + k] = (uint8_t)(seed >> k * 7);
        }
        struct state_section damaged = section;
        damaged.data = copy;
        if (load(victim, &damaged, &err))
            poke(victim->machine);
        vemu_error_free(err);
    }
    free(copy);
    state_reader_free(r);
    state_writer_free(w);
}
