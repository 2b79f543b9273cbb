/*
 * Saving and loading a machine: see machine_state.h.
 *
 * What a machine consists of is listed once, in loading order (struct part); saving walks the list,
 * loading first finds and checks the section of every part, then takes them over. Memory comes
 * first; then the clock, since timers are set against it; vCPUs before devices, since a local
 * APIC's post_load raises interrupts.
 */
#include "core/device/machine_state.h"

#include <stdlib.h>
#include <string.h>

#include "core/chardev/chardev.h"
#include "core/cpu/cpu.h"
#include "core/cpu/arch.h"
#include "core/device/machine.h"
#include "core/device/ram_state.h"
#include "core/memory/internal.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/log.h"
#include "core/util/range.h"
#include "core/util/size.h"

/* ---- sections of the core -------------------------------------------------------------------- */

struct machine_section {
    uint64_t ram_size;
    uint32_t vcpus;
    int64_t virtual_ns;
};
static const struct state_field machine_fields[] = {
    STATE_INT(struct machine_section, ram_size),
    STATE_INT(struct machine_section, vcpus),
    STATE_INT(struct machine_section, virtual_ns, .max = INT64_MAX),
    STATE_FIELDS_END,
};

struct vcpu_section {
    uint32_t interrupt;
    bool halted, wait_for_sipi;
    uint8_t sipi_vector;
};
static const struct state_field vcpu_fields[] = {
    STATE_INT(struct vcpu_section, interrupt, .max = (CPU_INT_START << 1) - 1),
    STATE_FLAG(struct vcpu_section, halted),
    STATE_FLAG(struct vcpu_section, wait_for_sipi),
    STATE_INT(struct vcpu_section, sipi_vector),
    STATE_FIELDS_END,
};

enum { MACHINE_VERSION = 1, VCPU_VERSION = 1 };

struct part {
    enum { PART_MACHINE, PART_RAM, PART_VCPU, PART_REGS, PART_DEVICE, PART_CHARDEV } kind;
    const char *name;
    uint32_t instance;
    union {
        struct ram_block *ram;
        struct vcpu *cpu;
        struct device *dev;
        struct chardev *chr;
    };
    struct state_section section; /* loading: data NULL until found */
};

static struct part *add_part(struct part **next, int kind, const char *name, uint32_t instance)
{
    struct part *part = (*next)++;

    part->kind = kind;
    part->name = name;
    part->instance = instance;
    return part;
}

/* What is shown of the guest's output belongs to how a machine is used and not to what it is: where
 * a stream has none or one too many, the rest of it is no worse. */
#define CHARDEV_SECTION "console"

static void add_chardevs(struct part **next, struct vemu_machine *m)
{
    uint32_t version, instance = 0;
    void *obj;

    for (struct chardev *chr = NULL; (chr = chardev_next(m, chr));) {
        if (chardev_state(chr, &version, &obj))
            add_part(next, PART_CHARDEV, CHARDEV_SECTION, instance++)->chr = chr;
    }
}

/* All parts in loading order. */
static struct part *list_parts(struct vemu_machine *m, size_t *count)
{
    size_t max = 1 + 2 * (size_t)m->vcpu_count;
    struct part *parts, *next;

    list_for_each(block, &m->rams.blocks, struct ram_block, node)
    {
        max++;
    }
    list_for_each(dev, &m->devices, struct device, node)
    {
        max++;
    }
    for (struct chardev *chr = NULL; (chr = chardev_next(m, chr));)
        max++;
    parts = next = calloc(max, sizeof *parts);
    if (!parts)
        return NULL;
    list_for_each(block, &m->rams.blocks, struct ram_block, node)
    {
        add_part(&next, PART_RAM, "ram", block->id)->ram = block;
    }
    add_part(&next, PART_MACHINE, "machine", 0);
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        add_part(&next, PART_REGS, cpu_arch_ops(m->vcpus[i])->state_name, i)->cpu = m->vcpus[i];
        add_part(&next, PART_VCPU, "vcpu", i)->cpu = m->vcpus[i];
    }
    list_for_each(dev, &m->devices, struct device, node)
    {
        if (dev->realized && dev->cls->state)
            add_part(&next, PART_DEVICE, dev->cls->name, dev->instance)->dev = dev;
    }
    add_chardevs(&next, m);
    *count = (size_t)(next - parts);
    return parts;
}

/* ---- save ------------------------------------------------------------------------------------ */

static bool save_machine(struct vemu_machine *m, struct state_writer *w)
{
    struct machine_section s = {
        .ram_size = m->ram_size,
        .vcpus = m->vcpu_count,
        .virtual_ns = clock_now(m->clocks, VCLOCK_VIRTUAL),
    };

    return state_save_section(w, "machine", 0, MACHINE_VERSION, machine_fields, &s);
}

static bool save_vcpu(struct vcpu *cpu, struct state_writer *w)
{
    struct vcpu_section s = {
        .interrupt = cpu->interrupt,
        .halted = cpu->halted,
        .wait_for_sipi = cpu->wait_for_sipi,
        .sipi_vector = cpu->sipi_vector,
    };

    return state_save_section(w, "vcpu", cpu->index, VCPU_VERSION, vcpu_fields, &s);
}

/* The architectural part is current: vcpus_pause saw to it. */
static bool save_regs(const struct part *part, struct state_writer *w)
{
    const struct cpu_arch_ops *arch = cpu_arch_ops(part->cpu);

    if (arch->before_save)
        arch->before_save(part->cpu);
    return state_save_section(w, part->name, part->instance, arch->state_version, arch->state,
                              part->cpu->regs);
}

static bool save_chardev(const struct part *part, struct state_writer *w)
{
    uint32_t version;
    void *obj;
    const struct state_field *fields = chardev_state(part->chr, &version, &obj);

    return state_save_section(w, part->name, part->instance, version, fields, obj);
}

static bool save_part(struct vemu_machine *m, struct part *part, struct state_writer *w)
{
    struct device *dev = part->dev;

    switch (part->kind) {
    case PART_MACHINE:
        return save_machine(m, w);
    case PART_RAM:
        return ram_state_save(w, part->ram);
    case PART_VCPU:
        return save_vcpu(part->cpu, w);
    case PART_REGS:
        return save_regs(part, w);
    case PART_DEVICE:
        if (dev->cls->pre_save)
            dev->cls->pre_save(dev);
        return state_save_section(w, part->name, part->instance, dev->cls->state_version,
                                  dev->cls->state, dev);
    case PART_CHARDEV:
        return save_chardev(part, w);
    }
    return false;
}

bool machine_save(struct vemu_machine *m, struct state_writer *w, struct vemu_error **errp)
{
    size_t count;
    struct part *parts = list_parts(m, &count);
    bool ok = parts != NULL;

    for (size_t i = 0; ok && i < count; i++)
        ok = save_part(m, &parts[i], w);
    free(parts);
    return ok || error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the state of the machine");
}

/* ---- checks before loading ------------------------------------------------------------------- */

/* Gives each section of the stream to its part. */
static bool match_sections(struct state_reader *r, struct part *parts, size_t count,
                           struct vemu_error **errp)
{
    struct vemu_error *err = NULL;
    struct state_section s;

    while (state_reader_next(r, &s, &err)) {
        struct part *part = NULL;

        for (size_t i = 0; i < count && !part; i++) {
            if (parts[i].instance == s.instance && strcmp(parts[i].name, s.name) == 0)
                part = &parts[i];
        }
        if (!part && strcmp(s.name, CHARDEV_SECTION) == 0)
            continue;
        if (!part)
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "saved state has section '%s' instance %u, which this machine has "
                             "not: load it into a machine of the same configuration",
                             s.name, s.instance);
        if (part->section.data)
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "saved state has section '%s' instance %u twice", s.name, s.instance);
        part->section = s;
    }
    if (err) {
        if (errp && !*errp)
            *errp = err;
        else
            vemu_error_free(err);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!parts[i].section.data && parts[i].kind != PART_CHARDEV)
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "saved state lacks section '%s' instance %u: load it into a machine "
                             "of the same configuration",
                             parts[i].name, parts[i].instance);
    }
    return true;
}

static bool check_machine(struct vemu_machine *m, const struct state_section *section,
                          struct vemu_error **errp)
{
    char saved[SIZE_TEXT], present[SIZE_TEXT];
    struct machine_section s;

    if (!state_load_section(section, MACHINE_VERSION, machine_fields, &s, errp))
        return false;
    if (s.ram_size != m->ram_size) {
        size_format(s.ram_size, saved);
        size_format(m->ram_size, present);
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state is of a machine with %s of memory, this one has %s", saved,
                         present);
    }
    if (s.vcpus != m->vcpu_count)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state is of a machine with %u vCPUs, this one has %u", s.vcpus,
                         m->vcpu_count);
    return true;
}

static bool check_regs(const struct part *part, struct vemu_error **errp)
{
    const struct cpu_arch_ops *arch = cpu_arch_ops(part->cpu);
    void *regs = aligned_alloc(arch->regs_align, arch->regs_size);
    bool ok = false;

    if (!regs)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    memset(regs, 0, arch->regs_size);
    if (state_load_section(&part->section, arch->state_version, arch->state, regs, errp)) {
        ok = arch->check(part->cpu, regs, errp);
        if (!ok)
            error_prefix(errp, "saved state: vCPU %u: ", part->instance);
    }
    free(regs);
    return ok;
}

static bool check_chardev(const struct part *part, struct vemu_error **errp)
{
    uint32_t version;
    void *obj;
    const struct state_field *fields = chardev_state(part->chr, &version, &obj);

    return !part->section.data || state_check_section(&part->section, version, fields, errp);
}

static bool check_part(struct vemu_machine *m, const struct part *part, struct vemu_error **errp)
{
    switch (part->kind) {
    case PART_MACHINE:
        return check_machine(m, &part->section, errp);
    case PART_RAM:
        return ram_state_check(&part->section, part->ram, errp);
    case PART_VCPU:
        return state_check_section(&part->section, VCPU_VERSION, vcpu_fields, errp);
    case PART_REGS:
        return check_regs(part, errp);
    case PART_DEVICE:
        return state_check_section(&part->section, part->dev->cls->state_version,
                                   part->dev->cls->state, errp);
    case PART_CHARDEV:
        return check_chardev(part, errp);
    }
    return false;
}

/* ---- load ------------------------------------------------------------------------------------ */

static bool load_regs(const struct part *part, struct vemu_error **errp)
{
    struct vcpu *cpu = part->cpu;
    const struct cpu_arch_ops *arch = cpu_arch_ops(cpu);

    if (!state_load_section(&part->section, arch->state_version, arch->state, cpu->regs, errp))
        return false;
    if (arch->after_load)
        arch->after_load(cpu);
    return true;
}

static bool load_vcpu(struct vemu_machine *m, struct part *part, struct vemu_error **errp)
{
    struct vcpu *cpu = part->cpu;
    struct vcpu_section s;

    if (!state_load_section(&part->section, VCPU_VERSION, vcpu_fields, &s, errp))
        return false;
    cpu->interrupt = s.interrupt;
    cpu->halted = s.halted;
    cpu->wait_for_sipi = s.wait_for_sipi;
    cpu->sipi_vector = s.sipi_vector;
    if (m->accel && m->accel->put_state)
        m->accel->put_state(cpu);
    return true;
}

static bool load_ram(struct vemu_machine *m, struct part *part, struct vemu_error **errp)
{
    bool ok = ram_state_load(&part->section, part->ram, errp);

    /* Also after a failure: what was translated from it is void. */
    mem_space_ram_written(m->memory, part->ram, 0, part->ram->size);
    return ok;
}

static bool load_machine(struct vemu_machine *m, struct part *part, struct vemu_error **errp)
{
    struct machine_section s;

    if (!state_load_section(&part->section, MACHINE_VERSION, machine_fields, &s, errp))
        return false;
    clock_set_virtual(m->clocks, s.virtual_ns);
    return true;
}

static bool load_chardev(const struct part *part, struct vemu_error **errp)
{
    uint32_t version;
    void *obj;
    const struct state_field *fields = chardev_state(part->chr, &version, &obj);

    if (!part->section.data)
        return true;
    bool ok = state_load_section(&part->section, version, fields, obj, errp);
    chardev_state_loaded(part->chr); /* also after a failure, which may have left a part of it */
    return ok;
}

static bool load_part(struct vemu_machine *m, struct part *part, struct vemu_error **errp)
{
    const struct device_class *cls;

    switch (part->kind) {
    case PART_MACHINE:
        return load_machine(m, part, errp);
    case PART_RAM:
        return load_ram(m, part, errp);
    case PART_REGS:
        return load_regs(part, errp);
    case PART_VCPU:
        return load_vcpu(m, part, errp);
    case PART_DEVICE:
        cls = part->dev->cls;
        return state_load_section(&part->section, cls->state_version, cls->state, part->dev, errp);
    case PART_CHARDEV:
        return load_chardev(part, errp);
    }
    return false;
}

/* Every field is in place: now each device may look at the others, those without fields too. */
static bool post_load(struct vemu_machine *m, struct vemu_error **errp)
{
    list_for_each(dev, &m->devices, struct device, node)
    {
        if (!dev->realized || !dev->cls->post_load)
            continue;
        if (!dev->cls->post_load(dev, errp)) {
            error_set(errp, VEMU_ERROR_FORMAT, "its fields contradict each other");
            error_prefix(errp, "saved state: section '%s' instance %u: ", dev->cls->name,
                         dev->instance);
            return false;
        }
    }
    return true;
}

bool machine_load(struct vemu_machine *m, const void *data, size_t len, struct vemu_error **errp)
{
    struct state_reader *r = state_reader_new(data, len, errp);
    size_t count = 0;
    struct part *parts = list_parts(m, &count);
    bool ok = r != NULL;

    if (ok && !parts)
        ok = error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    ok = ok && match_sections(r, parts, count, errp);
    for (size_t i = 0; ok && i < count; i++)
        ok = check_part(m, &parts[i], errp);
    for (size_t i = 0; ok && i < count; i++)
        ok = load_part(m, &parts[i], errp);
    ok = ok && post_load(m, errp);
    if (!ok)
        machine_reset(m, NULL); /* what is said is why it can not be loaded */
    free(parts);
    state_reader_free(r);
    return ok;
}
