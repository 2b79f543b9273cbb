/*
 * A machine that was stopped under one accelerator goes on under the other, with the interrupt
 * controllers in the kernel, half in it, and here: what is saved there again is what was loaded,
 * and the guest (continued_guest.c) finds everything as it left it. Prints TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel/kvm/internal.h"
#include "core/cpu/x86.h"
#include "core/device/device.h"
#include "core/device/machine.h"
#include "core/device/machine_state.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "tests/boot/guest.h"

static int count, failed;
static char title[128];

static bool tap(bool ok, const char *what)
{
    printf("%sok %d - continued, %s: %s\n", ok ? "" : "not ", ++count, title, what);
    failed += !ok;
    fflush(stdout);
    return ok;
}

/* ---- machines -------------------------------------------------------------------------------- */

static const char *image;

static struct vemu_machine *make(const char *options, const char *cpu)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;
    struct vemu_machine *m = NULL;

    guest_forget();
    if (vemu_config_parse(cfg, "-m 16M -smp 2 -nodefaults -serial ringbuf", &err) &&
        vemu_config_parse(cfg, options, &err) && vemu_config_set(cfg, "cpu", cpu, &err) &&
        vemu_config_set(cfg, "kernel", image, &err))
        m = vemu_machine_create(cfg, NULL, &err);
    vemu_config_free(cfg);
    if (m && vemu_machine_realize(m, &err))
        return m;
    printf("# %s: %s\n", options, vemu_error_message(err));
    vemu_error_free(err);
    vemu_machine_destroy(m);
    return NULL;
}

static struct x86_regs *regs(struct vemu_machine *m)
{
    return m->vcpus[0]->regs;
}

/* What was changed or loaded, as the kernel has it. */
static bool through_kernel(struct vemu_machine *m)
{
    if (strcmp(m->accel->name, "kvm") != 0)
        return true;
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        struct kvm_cpu *k = kvm_cpu_of(m->vcpus[i]);
        if (!kvm_arch_put(k) || !kvm_arch_get(k))
            return false;
    }
    return true;
}

/* Whether this KVM sets a TSC at all: one that emulates everything may not. */
static bool takes_tsc(void)
{
    const int64_t ahead = INT64_C(1) << 50;
    struct vemu_machine *m = make("-accel kvm", "qemu64");
    int64_t was = 0, is = 0;

    if (m && through_kernel(m)) {
        was = regs(m)->tsc_offset;
        regs(m)->tsc_offset += ahead;
        if (through_kernel(m))
            is = regs(m)->tsc_offset;
    }
    vemu_machine_destroy(m);
    return is - was > ahead / 2;
}

/* ---- states ---------------------------------------------------------------------------------- */

struct saved {
    struct state_writer *writer;
    const void *data;
    size_t len;
};

static bool save(struct vemu_machine *m, struct saved *s)
{
    s->writer = state_writer_new();
    machine_lock(m);
    bool ok = machine_save(m, s->writer, NULL);
    machine_unlock(m);
    return ok && state_writer_finish(s->writer, &s->data, &s->len);
}

/* What two saves of a machine at rest may differ in, each with by how much: time that the kernel's
 * timer goes on for, and roundings of clocks. */
static const struct {
    const char *section, *field;
    uint64_t by;
    bool first; /* of an array */
} tolerated[] = {
    {"PIIX4_PM", "overflow_seen", UINT64_MAX, false},
    /* IRQ 0: a PIT in the kernel drives its pins from there */
    {"hpet", "legacy_level", 1, true},
    {"isa-irq-router", "level", 1, true},
    {"ioapic", "lines", 4, false},
    {"i8259", "lines", 1, false},
    {"lapic", "lint", 1, false}, /* not driven by the kernel's 8259, and after a load by ours */
    {"lapic", "timer_start", 200000000, false},
    {"lapic", "timer_due", 200000000, false},
    {"x86-regs", "saved_tsc", 2000000000, false},
    {"x86-regs", "saved_tsc_hz", UINT64_MAX, false},
    {"x86-regs", "tsc_offset", UINT64_MAX, false},
    {"x86-regs", "kvm_clock_offset", UINT64_MAX, false},
};

static bool tsc_is_set; /* by this KVM */

static bool may_differ(const char *section, const char *field, uint32_t n, uint64_t a, uint64_t b)
{
    if (!tsc_is_set && strcmp(field, "saved_tsc") == 0)
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(tolerated); i++)
        if (strcmp(section, tolerated[i].section) == 0 && strcmp(field, tolerated[i].field) == 0 &&
            !(n && tolerated[i].first))
            return (a > b ? a - b : b - a) <= tolerated[i].by;
    return false;
}

static unsigned width(const struct state_field *f)
{
    static const uint8_t bytes[] = {
        [STATE_U8] = 1,   [STATE_U16] = 2,   [STATE_U32] = 4,   [STATE_U64] = 8,
        [STATE_BOOL] = 1, [STATE_BYTES] = 1, [STATE_TIMER] = 8, [STATE_STRUCT] = 0};
    return bytes[f->kind];
}

static uint64_t value(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = bytes; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* The number of fields that differ; *a and *b move past what the table describes. */
static unsigned compare_fields(const char *section, const struct state_field *f, const uint8_t **a,
                               const uint8_t **b)
{
    unsigned differ = 0;

    for (; f->kind != STATE_END && f->kind != STATE_TAIL; f++) {
        for (uint32_t i = 0; i < f->count; i++) {
            if (f->kind == STATE_STRUCT) {
                differ += compare_fields(section, f->fields, a, b);
                continue;
            }
            uint64_t va = value(*a, width(f)), vb = value(*b, width(f));
            *a += width(f);
            *b += width(f);
            if (va == vb || may_differ(section, f->name, i, va, vb))
                continue;
            printf("# %s.%s[%u]: %#" PRIx64 " was saved, and then %#" PRIx64 "\n", section, f->name,
                   i, va, vb);
            differ++;
        }
    }
    return differ;
}

static const struct state_field *fields_of(struct vemu_machine *m, const char *name)
{
    if (strcmp(name, "x86-regs") == 0)
        return x86_regs_state;
    list_for_each(dev, &m->devices, struct device, node)
    {
        if (strcmp(dev->cls->name, name) == 0)
            return dev->cls->state;
    }
    return NULL;
}

/* Its bits first, of which one is what lint says. */
static bool same_vcpu(const uint8_t *a, const uint8_t *b, uint64_t len)
{
    return !((load_le32(a) ^ load_le32(b)) & ~(uint32_t)CPU_INT_HARD) &&
           !memcmp(a + 4, b + 4, len - 4);
}

static bool same(struct vemu_machine *m, const struct saved *a, const struct saved *b)
{
    struct state_reader *ra = state_reader_new(a->data, a->len, NULL);
    struct state_reader *rb = state_reader_new(b->data, b->len, NULL);
    struct state_section sa, sb;
    unsigned differ = 0;

    while (ra && rb && state_reader_next(ra, &sa, NULL)) {
        const struct state_field *fields = fields_of(m, sa.name);
        const uint8_t *pa = sa.data, *pb;
        if (!state_reader_next(rb, &sb, NULL) || strcmp(sa.name, sb.name) != 0 ||
            sa.len != sb.len) {
            printf("# section %s differs in its length\n", sa.name);
            differ++;
            break;
        }
        pb = sb.data;
        if (!memcmp(pa, pb, sa.len) || (!strcmp(sa.name, "vcpu") && same_vcpu(pa, pb, sa.len)))
            continue;
        if (fields)
            differ += compare_fields(sa.name, fields, &pa, &pb);
        if (!fields || memcmp(pa, pb, sa.len - (size_t)(pa - sa.data))) {
            printf("# section %s.%u differs\n", sa.name, sa.instance);
            differ++;
        }
    }
    state_reader_free(ra);
    state_reader_free(rb);
    return ra && rb && !differ;
}

/* ---- cases ----------------------------------------------------------------------------------- */

enum { VEC_HELD = 0x60, GP_ERROR = 0x1230, LINES = 2500 }; /* as the guest has them */

static void enter_shadow(struct x86_regs *r)
{
    r->rip = r->gpr[X86_R12];
    r->rflags |= X86_FLAG_IF;
    r->sti_shadow = 1;
}

static void accept_interrupt(struct x86_regs *r)
{
    r->rip = r->gpr[X86_R12];
    r->rflags |= X86_FLAG_IF;
    r->pending_valid = 1;
    r->pending_vector = VEC_HELD;
}

static void raise_exception(struct x86_regs *r)
{
    r->rip = r->gpr[X86_R12];
    r->pending_valid = r->pending_has_error = 1;
    r->pending_vector = X86_GP;
    r->pending_error = GP_ERROR;
}

static const struct a_case {
    const char *letter, *name;
    void (*change)(struct x86_regs *r); /* to a state that cannot be stopped at from outside */
    bool held;                          /* until it is let go */
    unsigned stands_ms; /* before it is saved; controllers in the kernel go on meanwhile */
} cases[] = {
    {"r", "registers of every kind", NULL, true, 0},
    {"R", "registers without the TSC", NULL, true, 0},
    {"t", "a timer that runs", NULL, true, 0},
    {"t", "a timer that ends while nobody runs", NULL, true, 400},
    {"p", "a periodic timer", NULL, true, 0},
    {"d", "a TSC deadline", NULL, true, 0},
    {"i", "interrupts in IRRs", NULL, true, 0},
    {"s", "the instruction after STI", enter_shadow, true, 0},
    {"a", "an interrupt accepted", accept_interrupt, true, 0},
    {"e", "an exception raised", raise_exception, true, 0},
    {"h", "a processor that is halted", NULL, false, 0},
    {"o", "a string half out", NULL, false, 0},
    {"2", "two processors", NULL, true, 0},
    {"1", "a processor that waits for its start", NULL, true, 0},
};

/* Stops at the case's point with its output so far in *out. */
static bool stop(const struct a_case *c, struct vemu_machine *m, char *out, size_t room,
                 size_t *len)
{
    bool string = c->letter[0] == 'o';

    if (!vemu_machine_start(m, NULL) || !guest_until(m, "which?", 20) ||
        !guest_type(m, c->letter) || !guest_until(m, "holding", 20))
        return false;
    usleep(string ? 0 : 5000); /* from the word to where it holds */
    if (!vemu_machine_pause(m, NULL))
        return false;
    usleep(1000 * c->stands_ms);
    *len = guest_console.have - guest_console.seen;
    memcpy(out, guest_console.text + guest_console.seen, *len);
    *len += vemu_console_read(m, NULL, out + *len, room - *len, 0);
    if (string)
        return regs(m)->gpr[X86_RCX] > 0 && tap(true, "it is stopped in its middle");
    if (c->change) {
        c->change(regs(m));
        m->accel->put_state(m->vcpus[0]);
    }
    return true;
}

/* The digits of each line count up, and none is missing. */
static bool lines_in_order(const char *text)
{
    unsigned n = 0, v;

    text = strstr(text, "000000");
    for (; text && n < LINES; n++, text += 8)
        if (sscanf(text, "%6u\r\n", &v) != 1 || v != n || text[7] != '\n')
            break;
    if (n != LINES)
        printf("# line %u is: %.20s\n", n, text ? text : "");
    return n == LINES;
}

static void go_on(const struct a_case *c, struct vemu_machine *m, char *out, size_t room,
                  size_t len)
{
    const uint32_t one = 1;
    uint64_t go = regs(m)->gpr[X86_RBX];
    bool done = vemu_machine_start(m, NULL);

    if (c->held) {
        if (c->change)
            usleep(20000);
        done = done && vemu_memory_write(m, go, &one, sizeof one, NULL);
    }
    for (int silent = 0; done && silent < 100 && !strstr(out, "\nend");) {
        size_t n = vemu_console_read(m, NULL, out + len, room - 1 - len, 100);
        len += n;
        silent += !n;
        out[len] = 0;
    }
    bool good = strstr(out, "ok 1 - it went on") && !strstr(out, "not ok");
    if (!tap(good, "the guest finds everything as it was"))
        printf("# %s\n", len > 300 ? out + len - 300 : out);
    if (c->letter[0] == 'o')
        tap(lines_in_order(out), "each of its bytes comes once");
}

static void run(const struct a_case *c, const char *from, const char *to)
{
    static char out[1 << 17];
    struct saved first = {0}, second = {0};
    struct vemu_error *err = NULL;
    size_t len = 0;
    const char *cpu = c->letter[0] == 'd' ? "qemu64,+tsc-deadline" : "qemu64";

    memset(out, 0, sizeof out);
    snprintf(title, sizeof title, "%s, %s to %s", c->name, from, to);
    struct vemu_machine *m = make(from, cpu);
    bool ok = m && stop(c, m, out, sizeof out - 1, &len) && through_kernel(m) && save(m, &first);
    vemu_machine_destroy(m);
    if (!ok) {
        tap(false, "it stops where it should");
        state_writer_free(first.writer);
        return;
    }
    m = make(to, cpu);
    if (m) {
        machine_lock(m);
        ok = machine_load(m, first.data, first.len, &err);
        machine_unlock(m);
    }
    if (tap(m && ok && through_kernel(m) && save(m, &second) && same(m, &first, &second),
            "its state is what was saved"))
        go_on(c, m, out, sizeof out, len);
    if (err)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    vemu_machine_destroy(m);
    state_writer_free(first.writer);
    state_writer_free(second.writer);
}

int main(int argc, char **argv)
{
    static const char *const kvm[] = {"-accel kvm,kernel-irqchip=on",
                                      "-accel kvm,kernel-irqchip=split",
                                      "-accel kvm,kernel-irqchip=off"};
    const char *build = getenv("VEMU_BUILD"), *only = argc > 1 ? argv[1] : NULL;
    char path[4096];

    snprintf(path, sizeof path, "%s/tests/boot/continued.img", build ? build : ".");
    image = path;
    if (access("/dev/kvm", R_OK | W_OK) < 0) {
        printf("1..0 # SKIP no usable /dev/kvm\n");
        return 77;
    }
    bool tsc = tsc_is_set = takes_tsc();
    if (!tsc)
        printf("# this KVM sets no TSC\n");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(kvm) && (!only || strchr(only, cases[i].letter[0]));
             k++) {
            const struct a_case *c = &cases[i];
            bool by_tsc = c->letter[0] == 'r' || c->letter[0] == 'd';
            /* which a local APIC in this process has not, with KVM */
            if ((c->letter[0] == 'd' && strstr(kvm[k], "=off")) ||
                (c->letter[0] == 'r' ? !tsc : c->letter[0] == 'R' && tsc))
                continue;
            if (c->stands_ms && strstr(kvm[k], "=off"))
                continue;
            run(c, kvm[k], "-accel tcg");
            if (c->stands_ms)
                continue;
            if (tsc || !by_tsc)
                run(c, "-accel tcg", kvm[k]);
        }
    }
    printf("1..%d\n", count);
    fflush(stdout);
    return failed != 0;
}
