/* The text protocol of device tests: lines in, accesses, lines out. See qtest.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/qtest/qtest.h"
#include "core/chardev/chardev.h"
#include "core/device/irq_tap.h"
#include "core/device/machine.h"
#include "core/util/buffer.h"
#include "core/util/error.h"
#include "core/util/hex.h"
#include "core/util/range.h"
#include "core/util/size.h"

enum { WORDS_MAX = 5, OUTPUT_PAUSE = 64 << 10, OUTPUT_MOST = 8 << 20 };

/* The machine lock guards all of it. */
struct qtest_server {
    struct vemu_machine *m;
    struct chardev *chr;
    struct buffer in, out;
    size_t looked; /* no line ends before that */
    bool work, connected;
    const struct device *watched; /* whose inputs are told about */
};

/* ---- bytes ----------------------------------------------------------------------------------- */

static void flush(struct qtest_server *s)
{
    if (s->out.len)
        buffer_consume(&s->out, chardev_write(s->chr, s->out.data, s->out.len));
    if (s->out.len < OUTPUT_PAUSE && s->in.len)
        s->work = true;
}

/* A peer that lets so much pile up reads no answers: the rest is not kept for it. */
static void put(struct qtest_server *s, const void *data, size_t len)
{
    if (s->connected && len <= OUTPUT_MOST - s->out.len)
        buffer_put(&s->out, data, len);
}

static void say(struct qtest_server *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct qtest_server *s, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put(s, text, strlen(text));
}

/* ---- commands -------------------------------------------------------------------------------- */

struct words {
    char *word[WORDS_MAX];
    uint64_t number[WORDS_MAX]; /* of those that are numbers */
    unsigned count;
    const char *name; /* the command's */
};

static void memory_access(struct qtest_server *s, const struct words *w);

/* outb, inl, writeq, readb, ...: the last letter is the size. */
static unsigned size_of(const char *name)
{
    switch (name[strlen(name) - 1]) {
    case 'b':
        return 1;
    case 'w':
        return 2;
    case 'l':
        return 4;
    default:
        return 8;
    }
}

/* As a CPU makes them: they take the lock that the region wants. */
static void port_access(struct qtest_server *s, const struct words *w)
{
    uint64_t value = 0;

    if (!s->m->io) {
        say(s, "FAIL this machine has no ports\n");
    } else if (w->name[0] == 'o') {
        machine_unlock(s->m);
        mem_write(s->m->io, w->number[1] & 0xffff, size_of(w->name), w->number[2]);
        machine_lock(s->m);
        say(s, "OK\n");
    } else {
        machine_unlock(s->m);
        mem_read(s->m->io, w->number[1] & 0xffff, size_of(w->name), &value);
        machine_lock(s->m);
        say(s, "OK 0x%04" PRIx64 "\n", value);
    }
}

static void memory_access(struct qtest_server *s, const struct words *w)
{
    uint64_t value = 0;

    machine_unlock(s->m);
    if (w->name[0] == 'w')
        mem_write(s->m->memory, w->number[1], size_of(w->name), w->number[2]);
    else
        mem_read(s->m->memory, w->number[1], size_of(w->name), &value);
    machine_lock(s->m);
    if (w->name[0] == 'w')
        say(s, "OK\n");
    else
        say(s, "OK 0x%016" PRIx64 "\n", value);
}

/* The block that a command names; NULL after an answer. Freed by the caller. */
static uint8_t *block_of(struct qtest_server *s, const struct words *w)
{
    uint8_t *data;

    if (!w->number[2] || w->number[2] > QTEST_SIZE_MAX) {
        say(s, "FAIL the size must be 1 to %d bytes\n", QTEST_SIZE_MAX);
        return NULL;
    }
    data = calloc(1, w->number[2]);
    if (!data)
        say(s, "FAIL out of memory\n");
    return data;
}

static void put_hex(struct qtest_server *s, const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        const char pair[2] = {digits[data[i] >> 4], digits[data[i] & 15]};
        put(s, pair, 2);
    }
}

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(struct qtest_server *s, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t n = MIN(len - i, 3u);
        unsigned bits = (unsigned)data[i] << 16 | (n > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                        (n > 2 ? data[i + 2] : 0u);
        char four[4];
        for (unsigned k = 0; k < 4; k++)
            four[k] = k <= n ? base64[bits >> (18 - 6 * k) & 63] : '=';
        put(s, four, 4);
    }
}

/* Both stop at the end of the text; what is missing of the block stays zero. */
static bool get_hex(const char *text, uint8_t *data, size_t len)
{
    if (text[0] != '0' || text[1] != 'x')
        return false;
    text += 2;
    for (size_t i = 0; i < len && *text; i++, text += 2) {
        int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        data[i] = (uint8_t)(high << 4 | low);
    }
    return !*text;
}

static bool get_base64(const char *text, uint8_t *data, size_t len)
{
    unsigned bits = 0, have = 0;
    size_t n = 0;

    for (; *text && *text != '='; text++) {
        const char *at = strchr(base64, *text);
        if (!at)
            return false;
        bits = bits << 6 | (unsigned)(at - base64);
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        if (n == len)
            return false;
        data[n++] = (uint8_t)(bits >> have);
    }
    return strspn(text, "=") == strlen(text) && n == len;
}

static void read_block(struct qtest_server *s, const struct words *w)
{
    uint8_t *data = block_of(s, w);
    bool as_base64 = w->name[0] == 'b';

    if (!data)
        return;
    dma_read(s->m->memory, NULL, w->number[1], data, w->number[2]);
    put(s, as_base64 ? "OK " : "OK 0x", as_base64 ? 3 : 5);
    if (as_base64)
        put_base64(s, data, w->number[2]);
    else
        put_hex(s, data, w->number[2]);
    put(s, "\n", 1);
    free(data);
}

static void write_block(struct qtest_server *s, const struct words *w)
{
    uint8_t *data = block_of(s, w);
    bool ok;

    if (!data)
        return;
    ok = w->name[0] == 'b' ? get_base64(w->word[3], data, w->number[2])
                           : get_hex(w->word[3], data, w->number[2]);
    if (ok)
        dma_write(s->m->memory, NULL, w->number[1], data, w->number[2]);
    say(s, "%s\n", ok ? "OK" : "FAIL the data is not what its size says");
    free(data);
}

static void fill_block(struct qtest_server *s, const struct words *w)
{
    if (w->number[2] > s->m->ram_size)
        return say(s, "FAIL the size must be that of the memory at most\n");
    dma_fill(s->m->memory, NULL, w->number[1], (uint8_t)w->number[3], w->number[2]);
    say(s, "OK\n");
}

static void step_clock(struct qtest_server *s, const struct words *w)
{
    int64_t now = clock_now(s->m->clocks, VCLOCK_VIRTUAL), ns = 0;

    if (strcmp(w->name, "clock_set") == 0 || w->count > 1) {
        if (w->number[1] > INT64_MAX)
            return say(s, "FAIL the time is too large\n");
        ns = (int64_t)w->number[1] - (w->name[6] == 's' && w->name[7] == 'e' ? now : 0);
    } else {
        int64_t deadline = clock_count_deadline(s->m->clocks);
        ns = deadline > now ? deadline - now : 0;
    }
    clock_step(s->m->clocks, MAX(ns, 0));
    say(s, "OK %" PRId64 "\n", clock_now(s->m->clocks, VCLOCK_VIRTUAL));
}

static void tell_endianness(struct qtest_server *s, const struct words *w)
{
    (void)w;
    say(s, "OK little\n");
}

/* By its id or its class; of a path the last part counts. */
static struct device *find_device(struct qtest_server *s, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    list_for_each(dev, &s->m->devices, struct device, node)
    {
        if ((dev->id && strcmp(dev->id, name) == 0) || strcmp(dev->cls->name, name) == 0)
            return dev;
    }
    say(s, "FAIL Unknown device '%.80s'\n", name);
    return NULL;
}

static void input_moved(void *opaque, const struct irq_tap *tap, int level)
{
    struct qtest_server *s = opaque;

    if (tap->dev == s->watched) {
        say(s, "IRQ %s %u\n", level ? "raise" : "lower", tap->line.n);
        flush(s);
    }
}

static bool has_inputs(const struct qtest_server *s, const struct device *dev)
{
    if (!s->m->irq_taps)
        return false;
    list_for_each(tap, &s->m->irq_taps->list, struct irq_tap, node)
    {
        if (tap->dev == dev)
            return true;
    }
    return false;
}

static void intercept(struct qtest_server *s, const struct words *w)
{
    struct device *dev = find_device(s, w->word[1]);

    if (!dev)
        return;
    if (strcmp(w->name, "irq_intercept_out") == 0)
        return say(s, "FAIL outputs have no taps; watch the inputs that they are wired to\n");
    if (!has_inputs(s, dev))
        return say(s,
                   "FAIL %s has no inputs with taps; use -accel qtest and an interrupt "
                   "controller\n",
                   dev->cls->name);
    if (s->watched && s->watched != dev)
        return say(s, "FAIL IRQ intercept already enabled\n");
    s->watched = dev;
    s->m->irq_taps->moved = input_moved;
    s->m->irq_taps->opaque = s;
    say(s, "OK\n");
}

static void drive_input(struct qtest_server *s, const struct words *w)
{
    struct device *dev = find_device(s, w->word[1]);
    struct irq_tap *tap;

    if (!dev)
        return;
    tap = s->m->irq_taps && w->number[3] <= UINT32_MAX
              ? irq_tap_find(s->m->irq_taps, dev, (unsigned)w->number[3])
              : NULL;
    if (!tap)
        return say(s, "FAIL %s has no input %.20s\n", dev->cls->name, w->word[3]);
    struct irq line = irq_input(dev, tap->line.fn, tap->line.opaque, tap->line.n);
    irq_set(&line, w->number[4] != 0);
    say(s, "OK\n");
}

static const struct {
    const char *name;
    void (*run)(struct qtest_server *s, const struct words *w);
    unsigned least, most; /* words, with the command */
    unsigned numbers;     /* a bit for each word that is one */
} commands[] = {
    {"outb", port_access, 3, 3, 0x6},         {"outw", port_access, 3, 3, 0x6},
    {"outl", port_access, 3, 3, 0x6},         {"inb", port_access, 2, 2, 0x2},
    {"inw", port_access, 2, 2, 0x2},          {"inl", port_access, 2, 2, 0x2},
    {"writeb", memory_access, 3, 3, 0x6},     {"writew", memory_access, 3, 3, 0x6},
    {"writel", memory_access, 3, 3, 0x6},     {"writeq", memory_access, 3, 3, 0x6},
    {"readb", memory_access, 2, 2, 0x2},      {"readw", memory_access, 2, 2, 0x2},
    {"readl", memory_access, 2, 2, 0x2},      {"readq", memory_access, 2, 2, 0x2},
    {"read", read_block, 3, 3, 0x6},          {"b64read", read_block, 3, 3, 0x6},
    {"write", write_block, 4, 4, 0x6},        {"b64write", write_block, 4, 4, 0x6},
    {"memset", fill_block, 4, 4, 0xe},        {"clock_step", step_clock, 1, 2, 0x2},
    {"clock_set", step_clock, 2, 2, 0x2},     {"endianness", tell_endianness, 1, 1, 0},
    {"irq_intercept_in", intercept, 2, 2, 0}, {"irq_intercept_out", intercept, 2, 3, 0},
    {"set_irq_in", drive_input, 5, 5, 0x18},
};

/* ---- lines ----------------------------------------------------------------------------------- */

static bool split(struct words *w, char *line)
{
    char *save = NULL;

    for (char *word = strtok_r(line, " \t\r", &save); word; word = strtok_r(NULL, " \t\r", &save)) {
        if (w->count == WORDS_MAX)
            return false;
        w->word[w->count++] = word;
    }
    return w->count > 0;
}

static void run_line(struct qtest_server *s, char *line)
{
    struct words w = {.count = 0};
    unsigned i = 0;

    if (!split(&w, line))
        return say(s, "FAIL a command has 1 to %d words\n", WORDS_MAX);
    while (i < ARRAY_SIZE(commands) && strcmp(commands[i].name, w.word[0]) != 0)
        i++;
    if (i == ARRAY_SIZE(commands))
        return say(s, "FAIL Unknown command '%.80s'\n", w.word[0]);
    if (w.count < commands[i].least || w.count > commands[i].most)
        return say(s, "FAIL %s takes %u words\n", w.word[0], commands[i].most - 1);
    w.name = commands[i].name;
    for (unsigned n = 1; n < w.count; n++) {
        if (commands[i].numbers >> n & 1 && !number_parse(w.word[n], &w.number[n]))
            return say(s, "FAIL '%.80s' is not a number\n", w.word[n]);
    }
    commands[i].run(s, &w);
}

/* The first line of the input, cut out of it; NULL: none yet. Freed by the caller. */
static char *take_line(struct qtest_server *s)
{
    const uint8_t *end =
        s->in.len > s->looked ? memchr(s->in.data + s->looked, '\n', s->in.len - s->looked) : NULL;
    char *line;

    s->looked = s->in.len;
    if (!end)
        return NULL;
    line = strndup((const char *)s->in.data, (size_t)(end - s->in.data));
    buffer_consume(&s->in, (size_t)(end - s->in.data) + 1);
    s->looked = 0;
    return line;
}

void qtest_server_process(struct qtest_server *s)
{
    char *line = NULL;

    machine_lock(s->m);
    s->work = false;
    if (s->out.len < OUTPUT_PAUSE)
        line = take_line(s);
    if (line) {
        run_line(s, line);
        flush(s);
    } else if (s->in.len >= QTEST_LINE_MAX) {
        buffer_clear(&s->in);
        s->looked = 0;
        say(s, "FAIL the line is too long\n");
    }
    if (line && s->in.len) { /* what the command caused elsewhere comes first */
        s->work = true;
        loop_wake(s->m->loop);
    }
    chardev_accept_input(s->chr);
    machine_unlock(s->m);
    free(line);
}

bool qtest_server_pending(const struct qtest_server *s)
{
    return s->work;
}

/* ---- the back end's side; machine lock held -------------------------------------------------- */

static size_t can_receive(void *opaque)
{
    struct qtest_server *s = opaque;

    return QTEST_LINE_MAX - s->in.len;
}

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    struct qtest_server *s = opaque;

    buffer_put(&s->in, data, MIN(len, can_receive(s)));
    s->work = true;
}

static void writable(void *opaque)
{
    flush(opaque);
}

/* The next test finds nothing of the last one's watching. */
static void event(void *opaque, enum chardev_event what)
{
    struct qtest_server *s = opaque;

    if (what == CHARDEV_BREAK)
        return;
    s->connected = what == CHARDEV_OPENED;
    buffer_clear(&s->in);
    buffer_clear(&s->out);
    s->looked = 0;
    s->watched = NULL;
}

static const struct chardev_frontend frontend = {
    .can_receive = can_receive,
    .receive = receive,
    .writable = writable,
    .event = event,
};

struct qtest_server *qtest_server_new(struct vemu_machine *m, struct chardev *chr,
                                      struct vemu_error **errp)
{
    struct qtest_server *s = calloc(1, sizeof *s);
    bool ok;

    if (!s) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    s->m = m;
    s->chr = chr;
    s->in.limit = QTEST_LINE_MAX;
    s->out.limit = OUTPUT_MOST;
    machine_lock(m);
    ok = chardev_attach(chr, &frontend, s, errp);
    machine_unlock(m);
    if (ok)
        return s;
    free(s);
    return NULL;
}

void qtest_server_free(struct qtest_server *s)
{
    if (!s)
        return;
    machine_lock(s->m);
    flush(s);
    chardev_attach(s->chr, NULL, NULL, NULL);
    if (s->m->irq_taps)
        s->m->irq_taps->moved = NULL;
    machine_unlock(s->m);
    buffer_free(&s->in);
    buffer_free(&s->out);
    free(s);
}
