/* core/device: properties, the life of devices and machines, saved machines. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/chardev/chardev.h"
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/device/machine.h"
#include "core/device/machine_state.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"

enum { LOG_SIZE = 256 };

struct sensor {
    struct device dev;
    bool on;
    uint8_t small;
    uint16_t port;
    uint32_t word;
    uint64_t big, memory;
    char *label;
    struct chardev *chr;
    int mode;
    bool refuse;
    /* state */
    uint32_t level;
    struct timer timer;
    char *events; /* shared log of the test */
};

static const char *const modes[] = {"fast", "slow", NULL};
static const struct prop_desc sensor_props[] = {
    PROP(PROP_BOOL, struct sensor, on, "on", "on", ""),
    PROP(PROP_U8, struct sensor, small, "small", NULL, ""),
    PROP(PROP_U16, struct sensor, port, "port", "0x3f8", "", .min = 1, .max = 0x1000),
    PROP(PROP_U32, struct sensor, word, "word", NULL, ""),
    PROP(PROP_U64, struct sensor, big, "big", NULL, ""),
    PROP(PROP_SIZE, struct sensor, memory, "memory", "16M", "", .min = 1 << 20, .max = 1 << 30),
    PROP(PROP_STRING, struct sensor, label, "label", "none", ""),
    PROP(PROP_CHARDEV, struct sensor, chr, "chardev", NULL, ""),
    PROP(PROP_ENUM, struct sensor, mode, "mode", "slow", "", .enum_names = modes),
    PROP(PROP_BOOL, struct sensor, refuse, "refuse", NULL, ""),
    {0},
};
static const struct state_field sensor_state[] = {
    STATE_INT(struct sensor, level, .max = 1000),
    STATE_DEADLINE(struct sensor, timer),
    STATE_FIELDS_END,
};

static void note(struct sensor *s, const char *what)
{
    if (s->events)
        strcat(strcat(s->events, what), s->dev.id ? s->dev.id : "?");
}
static void timer_fired(void *opaque)
{
    (void)opaque;
}
static bool sensor_realize(struct device *dev, struct vemu_error **errp)
{
    struct sensor *s = (struct sensor *)dev;

    if (s->refuse)
        return error_set(errp, VEMU_ERROR_INVALID, "refused");
    timer_init(&s->timer, device_clocks(dev), VCLOCK_VIRTUAL, timer_fired, s);
    note(s, " realize:");
    return true;
}
static void sensor_unrealize(struct device *dev)
{
    struct sensor *s = (struct sensor *)dev;

    timer_cancel(&s->timer);
    note(s, " unrealize:");
}
static void sensor_reset(struct device *dev)
{
    struct sensor *s = (struct sensor *)dev;

    s->level = 0;
    timer_cancel(&s->timer);
    note(s, " reset:");
}
static bool sensor_post_load(struct device *dev, struct vemu_error **errp)
{
    struct sensor *s = (struct sensor *)dev;

    return s->level != 666 || error_set(errp, VEMU_ERROR_FORMAT, "a level nobody has");
}
static const struct device_class sensor_class = {
    .name = "sensor",
    .size = sizeof(struct sensor),
    .props = sensor_props,
    .state = sensor_state,
    .state_version = 4,
    .realize = sensor_realize,
    .unrealize = sensor_unrealize,
    .reset = sensor_reset,
    .post_load = sensor_post_load,
};

/* An accelerator that runs nothing. */
static bool fake_vcpu_init(struct vcpu *cpu, struct vemu_error **errp)
{
    (void)errp;
    cpu->regs = aligned_alloc(16, sizeof(struct x86_regs));
    return cpu->regs != NULL;
}
static void fake_vcpu_destroy(struct vcpu *cpu)
{
    free(cpu->regs);
}
static unsigned puts_seen;
static void fake_put_state(struct vcpu *cpu)
{
    (void)cpu;
    puts_seen++;
}
static const struct accel fake_accel = {
    .name = "fake",
    .vcpu_init = fake_vcpu_init,
    .vcpu_destroy = fake_vcpu_destroy,
    .put_state = fake_put_state,
};

static struct vemu_machine machine;
static struct vemu_error *err;

static void set_up(void)
{
    cr_assert(machine_init(&machine, NULL));
    machine.accel = &fake_accel;
    err = NULL;
}
static void tear_down(void)
{
    machine_destroy(&machine);
    machine_destroy(&machine);
    vemu_error_free(err);
}
TestSuite(device, .init = set_up, .fini = tear_down);
TestSuite(machine, .init = set_up, .fini = tear_down);

static struct sensor *new_sensor(const char *id)
{
    return (struct sensor *)device_new(&machine, &sensor_class, id, NULL);
}

/* ---- properties ------------------------------------------------------------------------------ */

Test(device, defaults_are_set_and_read_back_as_text)
{
    struct sensor *s = new_sensor(NULL);
    char text[64];
    static const struct {
        const char *name, *value;
    } want[] = {{"on", "on"},      {"small", "0"},  {"port", "1016"}, {"memory", "16M"},
                {"label", "none"}, {"chardev", ""}, {"mode", "slow"}};

    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        cr_assert(device_get_prop(&s->dev, want[i].name, text, sizeof text, NULL));
        cr_assert_str_eq(text, want[i].value);
    }
    cr_assert_eq(s->port, 0x3f8);
    cr_assert_eq(s->mode, 1);
}

Test(device, values_of_every_type_are_taken)
{
    struct sensor *s = new_sensor(NULL);

    cr_assert(device_set_prop(&s->dev, "on", "off", NULL) && !s->on);
    cr_assert(device_set_prop(&s->dev, "small", "255", NULL) && s->small == 255);
    cr_assert(device_set_prop(&s->dev, "word", "0xffffffff", NULL) && s->word == UINT32_MAX);
    cr_assert(device_set_prop(&s->dev, "big", "18446744073709551615", NULL) &&
              s->big == UINT64_MAX);
    cr_assert(device_set_prop(&s->dev, "memory", "0.5G", NULL) && s->memory == 1 << 29);
    cr_assert(device_set_prop(&s->dev, "label", "a", NULL));
    cr_assert(device_set_prop(&s->dev, "label", "b", NULL));
    cr_assert_str_eq(s->label, "b");
    cr_assert(device_set_prop(&s->dev, "mode", "fast", NULL) && s->mode == 0);
}

Test(device, bad_values_get_a_sentence_with_name_value_and_range)
{
    static const struct {
        const char *name, *value, *says;
    } bad[] = {
        {"on", "maybe", "sensor: property 'on' is 'maybe' but must be on or off"},
        {"small", "256",
         "sensor: property 'small' is '256' but must be a number from 0 to 255 "
         "(0xff)"},
        {"port", "0",
         "sensor: property 'port' is '0' but must be a number from 1 to 4096 "
         "(0x1000)"},
        {"word", "-1",
         "sensor: property 'word' is '-1' but must be a number from 0 to 4294967295 "
         "(0xffffffff)"},
        {"memory", "2G", "sensor: property 'memory' is '2G' but must be a size from 1M to 1G"},
        {"mode", "idle", "sensor: property 'mode' is 'idle' but must be one of fast, slow"},
        {"chardev", "c9",
         "sensor: property 'chardev' is 'c9' but must be the id of a character "
         "device of this machine"},
        {"colour", "red",
         "sensor has no property 'colour': it has on, small, port, word, big, "
         "memory, label, chardev, mode, refuse"},
    };
    struct sensor *s = new_sensor(NULL);

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        cr_assert(!device_set_prop(&s->dev, bad[i].name, bad[i].value, &err));
        cr_assert_str_eq(vemu_error_message(err), bad[i].says);
        vemu_error_free(err);
        err = NULL;
    }
}

Test(device, realized_device_keeps_its_properties)
{
    struct sensor *s = new_sensor(NULL);

    cr_assert(device_realize(&s->dev, NULL));
    cr_assert(!device_set_prop(&s->dev, "small", "1", &err));
    cr_assert_eq(vemu_error_code(err), VEMU_ERROR_STATE);
    cr_assert(!device_realize(&s->dev, NULL));
}

/* ---- devices and machines -------------------------------------------------------------------- */

Test(device, ids_are_unique_and_well_formed)
{
    cr_assert_not_null(new_sensor("s0"));
    cr_assert_null(device_new(&machine, &sensor_class, "s0", &err));
    cr_assert_str_eq(vemu_error_message(err),
                     "device id 's0' is taken by another sensor: ids must differ");
    cr_assert_null(new_sensor("0s"));
    cr_assert_null(new_sensor("a b"));
    cr_assert_null(new_sensor(""));
}

Test(device, instances_count_devices_of_a_class)
{
    struct sensor *a = new_sensor(NULL), *b = new_sensor(NULL), *c;

    cr_assert_eq(a->dev.instance, 0u);
    cr_assert_eq(b->dev.instance, 1u);
    device_free(&a->dev);
    c = new_sensor(NULL);
    cr_assert_eq(c->dev.instance, 2u);
}

Test(device, failed_realize_names_the_device_and_unrealize_is_not_called)
{
    char events[LOG_SIZE] = "";
    struct sensor *s = new_sensor("s1");

    s->events = events;
    s->refuse = true;
    cr_assert(!device_realize(&s->dev, &err));
    cr_assert_str_eq(vemu_error_message(err), "device sensor 's1': refused");
    device_free(&s->dev);
    cr_assert_str_eq(events, "");
}

Test(machine, devices_reset_in_creation_order_and_go_in_reverse)
{
    char events[LOG_SIZE] = "";
    struct sensor *a = new_sensor("a"), *b = new_sensor("b"), *c = new_sensor("c");

    a->events = b->events = c->events = events;
    cr_assert(device_realize(&b->dev, NULL));
    cr_assert(device_realize(&a->dev, NULL));
    machine_lock(&machine);
    machine_reset(&machine, NULL);
    machine_unlock(&machine);
    machine_destroy(&machine);
    cr_assert_str_eq(events, " realize:b realize:a reset:a reset:b unrealize:b unrealize:a");
}

Test(machine, requests_are_taken_once_and_the_first_exit_status_counts)
{
    struct sensor *s = new_sensor(NULL);

    device_request(&s->dev, MACHINE_REQUEST_EXIT, 33);
    device_request(&s->dev, MACHINE_REQUEST_EXIT, 44);
    machine_request(&machine, MACHINE_REQUEST_RESET, 0);
    cr_assert_eq(machine_take_requests(&machine),
                 1u << MACHINE_REQUEST_EXIT | 1u << MACHINE_REQUEST_RESET);
    cr_assert_eq(machine.exit_status, 33);
    cr_assert_eq(machine_take_requests(&machine), 0u);
}

Test(machine, destroys_what_a_failed_creation_left)
{
    struct vemu_machine half;

    cr_assert(machine_init(&half, NULL));
    cr_assert_not_null(ram_block_new(&half.rams, "ram", 1 << 20, false, NULL));
    half.io = mem_space_new("io", 65536, &half.lock, NULL);
    cr_assert_not_null(device_new(&half, &sensor_class, NULL, NULL));
    machine_destroy(&half);
    memset(&half, 0, sizeof half);
    machine_destroy(&half);
}

/* ---- saved machines ---------------------------------------------------------------------------
 */

static struct mem_region ram_region;
static struct ram_block *block;

static struct sensor *make_machine(void)
{
    struct sensor *s;

    machine.ram_size = 64 << 20;
    block = ram_block_new(&machine.rams, "ram", machine.ram_size, false, NULL);
    mem_region_init_ram(&ram_region, "ram", block, 0, block->size);
    mem_region_add(mem_space_root(machine.memory), 0, &ram_region, 0);
    cr_assert_not_null(vcpu_new(&machine, ARCH_X86, 0, NULL, NULL));
    cr_assert_not_null(vcpu_new(&machine, ARCH_X86, 1, NULL, NULL));
    s = new_sensor(NULL);
    cr_assert(device_realize(&s->dev, NULL));
    return s;
}

static uint8_t *save(size_t *len)
{
    struct state_writer *w = state_writer_new();
    const void *data;
    uint8_t *copy;

    cr_assert(machine_save(&machine, w, &err), "%s", vemu_error_message(err));
    cr_assert(state_writer_finish(w, &data, len));
    copy = malloc(*len);
    memcpy(copy, data, *len);
    state_writer_free(w);
    return copy;
}

static struct x86_regs *regs_of(unsigned n)
{
    return machine.vcpus[n]->regs;
}

Test(machine, state_round_trip_restores_everything)
{
    struct sensor *s = make_machine();
    uint8_t *data;
    size_t len;

    s->level = 77;
    timer_set(&s->timer, 123456);
    clock_set_virtual(machine.clocks, 5000);
    memset(block->host + 0x3000, 0xab, 0x2000);
    block->host[0x2ffffff] = 1;
    regs_of(1)->gpr[X86_RBX] = 99;
    machine.vcpus[1]->halted = true;
    machine.vcpus[0]->interrupt = CPU_INT_NMI;
    data = save(&len);
    /* Three pages have content; the rest is not in the stream. */
    cr_assert(len < 3 * 4096 + 32768, "%zu", len);

    s->level = 1;
    timer_cancel(&s->timer);
    clock_set_virtual(machine.clocks, 0);
    memset(block->host, 0x11, 1 << 20);
    block->host[0x2ffffff] = 0;
    regs_of(1)->gpr[X86_RBX] = 0;
    machine.vcpus[1]->halted = false;
    machine.vcpus[0]->interrupt = 0;
    puts_seen = 0;
    cr_assert(machine_load(&machine, data, len, &err), "%s", vemu_error_message(err));
    cr_assert_eq(s->level, 77u);
    cr_assert_eq(timer_deadline(&s->timer), 123456);
    cr_assert_eq(clock_now(machine.clocks, VCLOCK_VIRTUAL), 5000);
    cr_assert_eq(block->host[0x2fff], 0);
    cr_assert_eq(block->host[0x3000], 0xab);
    cr_assert_eq(block->host[0x4fff], 0xab);
    cr_assert_eq(block->host[0x5000], 0);
    cr_assert_eq(block->host[0x2ffffff], 1);
    cr_assert_eq(regs_of(1)->gpr[X86_RBX], UINT64_C(99));
    cr_assert(machine.vcpus[1]->halted);
    cr_assert_eq(machine.vcpus[0]->interrupt, (uint32_t)CPU_INT_NMI);
    cr_assert_eq(puts_seen, 2u);
    free(data);
}

static void refused(const uint8_t *data, size_t len, const char *says)
{
    struct sensor *s = list_entry(machine.devices.next, struct sensor, dev.node);

    s->level = 5;
    cr_assert(!machine_load(&machine, data, len, &err));
    cr_assert(strstr(vemu_error_message(err), says), "%s", vemu_error_message(err));
    cr_assert_eq(s->level, 0u, "the machine was not reset");
    vemu_error_free(err);
    err = NULL;
}

Test(machine, state_that_does_not_fit_is_refused_and_the_machine_reset)
{
    struct sensor *s = make_machine(), *more;
    uint8_t *data, *other;
    size_t len, other_len;

    data = save(&len);
    more = new_sensor(NULL);
    cr_assert(device_realize(&more->dev, NULL));
    refused(data, len, "lacks section 'sensor' instance 1");
    other = save(&other_len);
    device_free(&more->dev);
    refused(other, other_len, "has section 'sensor' instance 1, which this machine has not");
    free(other);

    machine.ram_size = 32 << 20;
    refused(data, len, "a machine with 64M of memory, this one has 32M");
    machine.ram_size = 64 << 20;
    s->level = 1001;
    other = save(&other_len);
    refused(other, other_len, "level[0] is 0x3e9, but it may be at most 0x3e8");
    free(other);
    s->level = 666;
    other = save(&other_len);
    refused(other, other_len, "saved state: section 'sensor' instance 0: a level nobody has");
    free(other);
    regs_of(0)->cr0 |= X86_CR0_PG;
    other = save(&other_len);
    regs_of(0)->cr0 &= ~(uint64_t)X86_CR0_PG;
    refused(other, other_len, "vCPU 0: CR0");
    free(other);
    data[len - 1] ^= 1;
    refused(data, len, "checksum");
    free(data);
}

Test(machine, random_damage_to_a_saved_machine_never_does_harm)
{
    struct sensor *s = make_machine();
    uint64_t seed = 3;
    uint8_t *data, *copy;
    size_t len;
    unsigned loaded = 0;

    memset(block->host + 0x1000, 1, 0x1000);
    data = save(&len);
    copy = malloc(len);
    for (unsigned i = 0; i < 3000; i++) {
        memcpy(copy, data, len);
        for (unsigned n = 0; n < 3; n++) {
            seed = seed * UINT64_C(6364136223846793005) + 12345;
            /* The page itself is dull: damage what is around it. */
            copy[(seed >> 33) % 2 ? (seed >> 34) % 64 : len - 1 - (seed >> 34) % 4600] =
                (uint8_t)(seed >> 56);
        }
        store_le64(copy + len - 8, state_checksum(copy, len - 8));
        loaded += machine_load(&machine, copy, len, NULL);
        cr_assert(s->level <= 1000);
    }
    cr_assert(loaded > 10, "%u", loaded);
    free(copy);
    free(data);
}
