/* Parallel NOR flash; see pflash.h. */
#include "hw/firmware/pflash.h"

#include <stdlib.h>
#include <string.h>
#include <vemu/block.h>

#include "core/device/machine.h"
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/create.h"

enum {
    CMD_READ_ARRAY = 0xff,
    CMD_PROGRAM = 0x40,
    CMD_PROGRAM_ALT = 0x10,
    CMD_ERASE = 0x20,
    CMD_CONFIRM = 0xd0,
    CMD_CLEAR_STATUS = 0x50,
    CMD_LOCK = 0x60,
    CMD_READ_STATUS = 0x70,
    CMD_READ_ID = 0x90,
    CMD_QUERY = 0x98,
    CMD_WRITE_BUFFER = 0xe8,
};
enum { STATUS_READY = 1 << 7, STATUS_ERASE_ERROR = 1 << 5, STATUS_PROGRAM_ERROR = 1 << 4 };
enum {
    BUFFER_SIZE = 32,
    WIDE_BUFFER_SIZE = 128, /* of both chips */
    BLOCK = 4096,
    WIDE_BLOCK = 256 << 10,
    WIDE_CHIPS = 2,
    WIDTH = 4, /* bytes of a word of two chips */
    CHUNK = 64 << 10,
    ID_MANUFACTURER = 0x89,
    ID_DEVICE = 0x18,
    QUERY_FIRST = 0x10,
    QUERY_LEN = 0x22
};
/* What the writes after a command mean. */
enum phase { PHASE_COMMAND, PHASE_SECOND, PHASE_COUNT, PHASE_DATA, PHASE_CONFIRM };

struct pflash {
    struct device dev;
    struct pflash_config cfg;
    struct ram_block *ram;
    struct mem_region array;    /* read as memory */
    struct mem_region commands; /* over it, while reads give something else */
    /* The memory by itself: what is programmed there is seen by translated code. */
    struct mem_space *inside;
    struct mem_region inside_array;

    uint8_t command, status;
    uint8_t phase;
    uint16_t count;        /* words of the buffer that are still to come */
    uint32_t buffer_first; /* offset of the first, and what came */
    uint16_t buffer_len;
    uint8_t buffer[WIDE_BUFFER_SIZE];
    uint32_t dirty_first, dirty_end; /* not yet in the image; empty when equal */
    uint32_t kept;                   /* bytes that the image has; without one all */
};

/* ---- contents -------------------------------------------------------------------------------- */

static uint32_t size_of(const struct pflash *s)
{
    return (uint32_t)s->array.size;
}

static uint32_t block_size(const struct pflash *s)
{
    return s->cfg.wide ? WIDE_BLOCK : BLOCK;
}

static uint32_t buffer_size(const struct pflash *s)
{
    return s->cfg.wide ? WIDE_BUFFER_SIZE : BUFFER_SIZE;
}

/* What there is no place for in the image cannot be changed. */
static bool may_change(const struct pflash *s, uint32_t offset, uint32_t len)
{
    return !s->cfg.read_only && range_fits(offset, len, s->kept);
}

static void change(struct pflash *s, uint32_t offset, const void *data, uint32_t len)
{
    mem_write_rom(s->inside, offset, data, len);
    if (s->dirty_first == s->dirty_end) {
        s->dirty_first = offset;
        s->dirty_end = offset + len;
    } else {
        s->dirty_first = MIN(s->dirty_first, offset);
        s->dirty_end = MAX(s->dirty_end, offset + len);
    }
}

static void write_back(struct pflash *s)
{
    uint32_t first = s->dirty_first, len = s->dirty_end - first;
    struct vemu_error *err = NULL;
    s->dirty_first = s->dirty_end = 0;
    if (!len || s->cfg.read_only || !s->cfg.block)
        return;
    if (!vemu_block_write(s->cfg.block, first, s->ram->host + first, len, 0, &err) ||
        !vemu_block_flush(s->cfg.block, &err)) {
        log_msg(device_log(&s->dev), LOG_WARN, "%s: flash contents could not be written: %s",
                s->cfg.origin, vemu_error_message(err));
        vemu_error_free(err);
    }
}

/* Bits can be cleared one by one; only erasing a block sets them. */
static void program(struct pflash *s, uint32_t offset, const uint8_t *data, uint32_t len)
{
    uint8_t bytes[WIDE_BUFFER_SIZE];
    if (!may_change(s, offset, len)) {
        s->status |= STATUS_PROGRAM_ERROR;
        return;
    }
    for (uint32_t n = 0; n < len; n++)
        bytes[n] = data[n] & s->ram->host[offset + n];
    change(s, offset, bytes, len);
}

static void erase(struct pflash *s, uint32_t offset)
{
    uint8_t blank[BLOCK];
    uint32_t len = block_size(s), first = (uint32_t)align_down(offset, len);
    if (!may_change(s, first, len)) {
        s->status |= STATUS_ERASE_ERROR;
        return;
    }
    memset(blank, 0xff, sizeof blank);
    for (uint32_t done = 0; done < len; done += BLOCK)
        change(s, first + done, blank, BLOCK);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void set_command(struct pflash *s, uint8_t command, enum phase phase)
{
    s->command = command;
    s->phase = (uint8_t)phase;
    if (command == CMD_READ_ARRAY)
        write_back(s);
    mem_region_set_enabled(&s->commands, command != CMD_READ_ARRAY);
}

static void start_command(struct pflash *s, uint8_t value)
{
    switch (value) {
    case CMD_PROGRAM:
    case CMD_PROGRAM_ALT:
    case CMD_ERASE:
    case CMD_LOCK:
        set_command(s, value, PHASE_SECOND);
        break;
    case CMD_WRITE_BUFFER:
        s->buffer_len = 0;
        s->status |= STATUS_READY; /* there is a buffer */
        set_command(s, value, PHASE_COUNT);
        break;
    case CMD_CLEAR_STATUS:
        /* All of it, until the next operation is done: UEFI firmware tells flash from ROM by that.
         */
        s->status = 0;
        set_command(s, CMD_READ_ARRAY, PHASE_COMMAND);
        break;
    case CMD_READ_STATUS:
    case CMD_READ_ID:
    case CMD_QUERY:
        set_command(s, value, PHASE_COMMAND);
        break;
    default: /* READ_ARRAY; and what is no command does not keep the array away */
        set_command(s, CMD_READ_ARRAY, PHASE_COMMAND);
        break;
    }
}

static void operation_done(struct pflash *s)
{
    s->status |= STATUS_READY;
    set_command(s, CMD_READ_STATUS, PHASE_COMMAND);
}

static void second_write(struct pflash *s, uint32_t offset, const uint8_t *word, uint32_t len)
{
    switch (s->command) {
    case CMD_PROGRAM:
    case CMD_PROGRAM_ALT:
        program(s, offset, word, len);
        break;
    case CMD_ERASE:
        if (*word == CMD_CONFIRM)
            erase(s, offset);
        else
            s->status |= STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR; /* a command sequence error */
        break;
    default:
        break; /* blocks have no lock bits that hold */
    }
    operation_done(s);
}

static void buffer_write(struct pflash *s, uint32_t offset, const uint8_t *word, uint32_t len)
{
    if (!s->buffer_len)
        s->buffer_first = offset;
    /* Within the span that one buffer can program; else the sequence fails when confirmed. */
    uint32_t at = offset - s->buffer_first;
    if (at == s->buffer_len && range_fits(at, len, buffer_size(s))) {
        memcpy(s->buffer + at, word, len);
        s->buffer_len += (uint16_t)len;
    } else {
        s->status |= STATUS_PROGRAM_ERROR;
    }
    if (!--s->count)
        s->phase = PHASE_CONFIRM;
}

/* len bytes that are a byte of the one chip, or a word of the two: a command is what the first
 * gets. */
static void write_word(struct pflash *s, uint32_t offset, const uint8_t *word, uint32_t len)
{
    switch (s->phase) {
    case PHASE_COMMAND:
        start_command(s, *word);
        break;
    case PHASE_SECOND:
        second_write(s, offset, word, len);
        break;
    case PHASE_COUNT: /* words less one */
        s->count = (uint16_t)(*word + 1);
        s->phase = PHASE_DATA;
        break;
    case PHASE_DATA:
        buffer_write(s, offset, word, len);
        break;
    default:
        if (*word != CMD_CONFIRM)
            s->status |= STATUS_PROGRAM_ERROR;
        else if (!(s->status & STATUS_PROGRAM_ERROR))
            program(s, s->buffer_first, s->buffer, s->buffer_len);
        operation_done(s);
        break;
    }
}

/* The CFI table of a chip, from 10H on. */
static uint8_t query(const struct pflash *s, uint32_t offset)
{
    const bool wide = s->cfg.wide;
    uint32_t blocks = size_of(s) / block_size(s) - 1, chips = wide ? WIDE_CHIPS : 1;
    uint32_t size = size_of(s) / chips, block = block_size(s) / chips,
             buffer = buffer_size(s) / chips;
    const uint8_t table[QUERY_LEN] = {
        'Q',
        'R',
        'Y', /* 10H */
        0x01,
        0x00, /* command set: Intel */
        0x31,
        0x00,
        0x00,
        0x00,
        0x00,
        0x00,
        0x45,
        0x55,
        0x00,
        0x00, /* 1BH: voltages */
        0x07,
        0x07,
        0x0a,
        0x00, /* 1FH: typical times */
        0x04,
        0x04,
        0x04,
        0x00,                                    /* 23H: the longest ones */
        (uint8_t)(32 - __builtin_clz(size - 1)), /* 27H: size */
        wide,                                    /* 8 or 16 bits */
        0x00,
        (uint8_t)(31 - __builtin_clz(buffer)), /* 2AH: buffer */
        0x00,
        0x01, /* one region */
        (uint8_t)blocks,
        (uint8_t)(blocks >> 8),
        (uint8_t)(block >> 8),
        (uint8_t)(block >> 16),
        0x00,
    };
    return offset >= QUERY_FIRST && offset - QUERY_FIRST < QUERY_LEN ? table[offset - QUERY_FIRST]
                                                                     : 0;
}

/* What a chip shows at its address `at` while it does not show the array. */
static uint8_t read_chip(const struct pflash *s, uint32_t at)
{
    switch (s->command) {
    case CMD_READ_ID:
        return (at & 0xff) == 0 ? ID_MANUFACTURER : (at & 0xff) == 1 ? ID_DEVICE : 0;
    case CMD_QUERY:
        return query(s, at & 0xff);
    default:
        return s->status;
    }
}

/* Two chips: each has a byte of its 16 bits, at the same address. */
static uint8_t read_byte(const struct pflash *s, uint32_t offset)
{
    if (s->command == CMD_READ_ARRAY)
        return s->ram->host[offset];
    if (!s->cfg.wide)
        return read_chip(s, offset);
    return offset % (WIDTH / WIDE_CHIPS) ? 0 : read_chip(s, offset / WIDTH);
}

static uint64_t commands_read(void *opaque, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)read_byte(opaque, (uint32_t)offset + i) << 8 * i;
    return value;
}

static void commands_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pflash *s = opaque;
    const unsigned step = s->cfg.wide ? size : 1;
    uint8_t bytes[8];

    store_le64(bytes, value);
    for (unsigned i = 0; i < size; i += step)
        write_word(s, (uint32_t)offset + i, bytes + i, step);
}

static const struct mem_ops commands_ops = {
    .read = commands_read, .write = commands_write, .min_size = 1, .max_size = 4};

/* ---- life ------------------------------------------------------------------------------------ */

static void pflash_unrealize(struct device *dev)
{
    struct pflash *s = (struct pflash *)dev;
    write_back(s);
    mem_region_remove(&s->commands);
    mem_region_remove(&s->array);
    mem_region_remove(&s->inside_array);
    mem_space_free(s->inside);
    if (s->ram)
        ram_block_free(&dev->machine->rams, s->ram);
    s->inside = NULL;
    s->ram = NULL;
}

static bool check_size(struct pflash *s, uint64_t image, struct vemu_error **errp)
{
    uint64_t most = s->cfg.size ? s->cfg.size : PFLASH_MAX;
    if ((image || !s->cfg.block) && image <= most && !(image % BLOCK) && image <= s->cfg.end)
        return true;
    return error_set(errp, VEMU_ERROR_FORMAT,
                     "%s: the flash image has %llu bytes; a multiple of 4096, of at most %llu MiB, "
                     "is expected",
                     s->cfg.origin, (unsigned long long)image, (unsigned long long)most >> 20);
}

/* Pages of zeros stay untouched: images are mostly that. */
static bool read_image(struct pflash *s, struct vemu_error **errp)
{
    static const uint8_t zeros[CHUNK];
    uint8_t *chunk = malloc(CHUNK);
    bool ok = chunk != NULL;

    if (!ok)
        error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: no memory to read it", s->cfg.origin);
    for (uint32_t at = 0; ok && at < s->kept; at += CHUNK) {
        uint32_t len = MIN(s->kept - at, (uint32_t)CHUNK);
        ok = vemu_block_read(s->cfg.block, at, chunk, len, errp);
        if (ok && memcmp(chunk, zeros, len) != 0)
            memcpy(s->ram->host + at, chunk, len);
    }
    free(chunk);
    return ok;
}

static bool pflash_realize(struct device *dev, struct vemu_error **errp)
{
    struct pflash *s = (struct pflash *)dev;
    struct vemu_machine *m = dev->machine;
    struct mem_region *root = mem_space_root(m->memory);
    uint64_t image = s->cfg.block ? vemu_block_size(s->cfg.block) : 0;
    if (!check_size(s, image, errp))
        return false;
    uint64_t size = s->cfg.size ? s->cfg.size : image;
    s->kept = (uint32_t)(s->cfg.block ? image : size);
    s->ram = ram_block_new(&m->rams, s->cfg.name, size, true, errp);
    s->inside = s->ram ? mem_space_new_beside("pflash", m->memory, errp) : NULL;
    if (!s->inside || (s->cfg.block && !read_image(s, errp))) {
        pflash_unrealize(dev);
        return false;
    }
    mem_space_set_listener(s->inside, NULL, NULL);
    mem_region_init_rom(&s->inside_array, "pflash", s->ram, 0, size);
    mem_region_add(mem_space_root(s->inside), 0, &s->inside_array, 0);
    mem_region_init_rom(&s->array, "pflash", s->ram, 0, size);
    s->array.ops = &commands_ops; /* writes are commands */
    s->array.opaque = s;
    s->array.owner = dev;
    mem_region_init_io(&s->commands, "pflash-commands", size, &commands_ops, s, dev);
    mem_region_set_enabled(&s->commands, false);
    mem_region_add(root, s->cfg.end - size, &s->array, 0);
    mem_region_add(root, s->cfg.end - size, &s->commands, 1);
    return true;
}

static void pflash_reset(struct device *dev)
{
    struct pflash *s = (struct pflash *)dev;
    s->status = STATUS_READY;
    s->count = s->buffer_len = 0;
    s->buffer_first = 0;
    set_command(s, CMD_READ_ARRAY, PHASE_COMMAND);
}

static void pflash_pre_save(struct device *dev)
{
    write_back((struct pflash *)dev);
}

static bool pflash_post_load(struct device *dev, struct vemu_error **errp)
{
    struct pflash *s = (struct pflash *)dev;
    (void)errp;
    if (s->phase == PHASE_DATA && !s->count)
        s->phase = PHASE_CONFIRM;
    mem_region_set_enabled(&s->commands, s->command != CMD_READ_ARRAY);
    /* The contents came with the state. */
    s->dirty_first = 0;
    s->dirty_end = s->kept;
    write_back(s);
    return true;
}

static const struct state_field pflash_state[] = {
    STATE_INT(struct pflash, command),
    STATE_INT(struct pflash, status),
    STATE_INT(struct pflash, phase, .max = PHASE_CONFIRM),
    STATE_INT(struct pflash, count, .max = 256),
    STATE_INT(struct pflash, buffer_first),
    STATE_INT(struct pflash, buffer_len, .max = WIDE_BUFFER_SIZE),
    STATE_BUFFER(struct pflash, buffer),
    STATE_FIELDS_END,
};

const struct device_class pflash_class = {
    .name = "pflash",
    .help = "parallel flash of firmware",
    .size = sizeof(struct pflash),
    .state = pflash_state,
    .state_version = 2,
    .realize = pflash_realize,
    .unrealize = pflash_unrealize,
    .reset = pflash_reset,
    .pre_save = pflash_pre_save,
    .post_load = pflash_post_load,
};

struct device *pflash_create(struct vemu_machine *m, const struct pflash_config *cfg,
                             struct vemu_error **errp)
{
    struct device *dev = device_new(m, &pflash_class, NULL, errp);
    if (!dev)
        return NULL;
    ((struct pflash *)dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}

struct ram_block *pflash_memory(struct device *dev)
{
    return ((struct pflash *)dev)->ram;
}
