/*
 * A hostile NVMe driver, and an image that fails now and then. The target's own operations, chosen
 * by their low nibble; the high nibble is an argument:
 *
 *   0      enable the controller, with an admin queue of 2 to 17 entries
 *   1      create a pair of I/O queues
 *   2, 3   a command: queue by the argument, opcode u8, then what it takes
 *   4      ring a doorbell as it should be; 5: with any value u16
 *   6      take what has completed
 *   7      wait for what is under way; 8: and repeat what failed
 *   9      the image is cut, or whole again
 *   10     save, damage, load
 *   11     reset the machine
 */
#define _GNU_SOURCE
#include "hw/block/nvme.h"
#include "tests/fuzz/disk.h"

#define BAR UINT64_C(0xe0000000)
enum { QUEUES = 4, LISTS = 0x20000, DATA = 0x40000 };

struct target {
    struct fuzz_machine f;
    int fd;
    uint32_t size[QUEUES];
    uint16_t tail[QUEUES], head[QUEUES];
    bool phase[QUEUES];
    uint16_t cid;
};

static uint32_t sq_at(unsigned q)
{
    return 0x2000 * (q + 1);
}
static uint32_t cq_at(unsigned q)
{
    return 0x2000 * (q + 1) + 0x1000;
}

static void put(struct target *t, uint64_t addr, uint64_t value, unsigned size)
{
    mem_write(t->f.m.memory, addr, size, value);
}

static void begin(struct target *t, unsigned q, uint32_t entries)
{
    t->size[q] = entries;
    t->tail[q] = t->head[q] = 0;
    t->phase[q] = true;
    memset(t->f.ram->host + cq_at(q), 0, 0x1000);
}

static void enable(struct target *t, unsigned arg)
{
    put(t, BAR + 0x14, 0, 4);
    put(t, BAR + 0x24, (arg + 1) | (arg + 1) << 16, 4);
    put(t, BAR + 0x28, sq_at(0), 8);
    put(t, BAR + 0x30, cq_at(0), 8);
    begin(t, 0, arg + 2);
    put(t, BAR + 0x14, 0x00460001, 4);
}

static void command(struct target *t, unsigned q, uint32_t dword0, const uint64_t prp[2],
                    const uint32_t cdw[4])
{
    uint8_t *sqe = t->f.ram->host + sq_at(q) + 64 * (t->tail[q] % 64);

    memset(sqe, 0, 64);
    store_le32(sqe, (dword0 & 0xffff) | (uint32_t)++t->cid << 16);
    store_le32(sqe + 4, dword0 >> 16);
    store_le64(sqe + 24, prp[0]);
    store_le64(sqe + 32, prp[1]);
    for (unsigned i = 0; i < 4; i++)
        store_le32(sqe + 40 + 4 * i, cdw[i]);
    if (t->size[q])
        t->tail[q] = (uint16_t)((t->tail[q] + 1) % t->size[q]);
}

static void ring(struct target *t, unsigned q)
{
    put(t, BAR + 0x1000 + 8 * q, t->tail[q], 4);
}

static void create(struct target *t, unsigned arg)
{
    unsigned q = 1 + arg % (QUEUES - 1);
    uint32_t entries = 2u << (arg >> 2 & 3), size = q | (entries - 1) << 16;

    command(t, 0, 5, (const uint64_t[]){cq_at(q), 0}, (const uint32_t[]){size, 3 | q << 16, 0, 0});
    command(t, 0, 1, (const uint64_t[]){sq_at(q), 0}, (const uint32_t[]){size, 1 | q << 16, 0, 0});
    begin(t, q, entries);
    ring(t, 0);
}

/* Mostly memory, sometimes registers or nowhere. */
static uint64_t address(struct fuzz_input *in)
{
    uint16_t v = (uint16_t)fuzz_take(in, 2);

    switch (v >> 12) {
    case 0:
        return BAR + (v & 0xfff) * 4u;
    case 1:
        return FUZZ_RAM - 0x800 + (v & 0xfff);
    case 2:
        return UINT64_MAX - (v & 0xfff);
    case 3:
        return 0x2000 + (v & 0xfff) * 8u; /* the queues */
    case 4:
        return LISTS + (v & 0xfff) * 8u;
    case 5:
        return DATA + (v & 0xfff) * 4u;
    default:
        return DATA + (v & 0x7f) * 0x1000u;
    }
}

/* PRP list or SGL segment, from what the input says. */
static void make_list(struct target *t, struct fuzz_input *in, bool sgl)
{
    uint8_t *p = t->f.ram->host + LISTS;
    unsigned count = (unsigned)fuzz_take(in, 1) % 32;

    for (unsigned i = 0; i < count; i++, p += sgl ? 16 : 8) {
        store_le64(p, address(in));
        if (sgl)
            store_le64(p + 8, (fuzz_take(in, 2) << 4) | fuzz_take(in, 1) << 56);
    }
}

static void any_command(struct target *t, struct fuzz_input *in, unsigned q)
{
    uint32_t opcode = (uint32_t)fuzz_take(in, 1), how = (uint32_t)fuzz_take(in, 1);
    uint64_t prp[2] = {address(in), address(in)};
    uint32_t cdw[4] = {(uint32_t)fuzz_take(in, 2), 0, (uint32_t)fuzz_take(in, 1), 0};

    /* Mostly those that there are. */
    if (opcode < 0xe0)
        opcode %= 13;
    if (how & 0x10)
        make_list(t, in, how & 0x20);
    if (how & 0x20) { /* a segment, or data */
        opcode |= 1 << 14;
        prp[1] = how & 0x10
                     ? (fuzz_take(in, 1) << 4) | UINT64_C(2) << 60 | (uint64_t)(how & 1) << 60
                     : fuzz_take(in, 2) << 4;
        if (how & 0x10)
            prp[0] = LISTS;
    } else if (how & 0x10) {
        prp[1] = LISTS + (how & 0x80 ? 0xff8 : 0);
    }
    if (how & 8)
        cdw[1] = (uint32_t)fuzz_take(in, 4);
    if (how & 4)
        cdw[0] |= (uint32_t)fuzz_take(in, 2) << 16;
    if (how & 0x40)
        cdw[2] |= (uint32_t)fuzz_take(in, 2) << 16;
    command(t, q, opcode | (uint32_t)((how & 3) != 3) << 16, prp, cdw);
    if (!(how & 0x80))
        ring(t, q);
}

static void take_completions(struct target *t, unsigned q)
{
    const uint8_t *cq = t->f.ram->host + cq_at(q);

    for (unsigned i = 0; t->size[q] && i < 300; i++) {
        if ((load_le16(cq + 16 * (t->head[q] % 256) + 14) & 1) != t->phase[q])
            break;
        t->head[q] = (uint16_t)((t->head[q] + 1) % t->size[q]);
        if (!t->head[q])
            t->phase[q] = !t->phase[q];
    }
    put(t, BAR + 0x1004 + 8 * q, t->head[q], 4);
}

static void place(struct target *t)
{
    machine_lock(&t->f.m);
    pci_config_write(t->f.pci, PCI_BASE_ADDRESS_0, (uint32_t)BAR, 4);
    pci_config_write(t->f.pci, PCI_BASE_ADDRESS_0 + 4, 0, 4);
    pci_config_write(t->f.pci, PCI_COMMAND, 6, 2);
    machine_unlock(&t->f.m);
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct target *t = (struct target *)f;
    unsigned op = (unsigned)fuzz_take(in, 1), arg = op >> 4, q = arg % QUEUES;

    switch (op & 15) {
    case 0:
        enable(t, arg);
        break;
    case 1:
        create(t, arg);
        break;
    case 2:
    case 3:
        any_command(t, in, q);
        break;
    case 4:
        ring(t, q);
        break;
    case 5:
        put(t, BAR + 0x1000 + 4 * arg, fuzz_take(in, 2), 4);
        break;
    case 6:
        take_completions(t, q);
        break;
    case 7:
    case 8:
        fuzz_disk_settle(f, (op & 15) == 8);
        break;
    case 9:
        fuzz_disk_cut(t->fd, !(arg & 1));
        break;
    case 10:
        fuzz_disk_reload(f, &f->pci->dev, in);
        place(t);
        break;
    case 11:
        machine_lock(&f->m);
        machine_reset(&f->m, NULL);
        machine_unlock(&f->m);
        place(t);
        break;
    default:
        loop_iterate(f->m.loop, 0);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_window windows[] = {{false, BAR, 0x40}, {false, BAR, 0x4000}};
    static const char *const props[4][7] = {
        {"drive", "disk", "serial", "s"},
        {"drive", "disk", "serial", "s", "msix_qsize", "0"},
        {"drive", "disk", "serial", "s", "logical_block_size", "4096"},
        {"drive", "disk", "serial", "s", "max_ioqpairs", "2"}};
    struct fuzz_input in = {data, size, 0};
    unsigned kind = (unsigned)fuzz_take(&in, 1);
    struct target t;

    memset(&t, 0, sizeof t);
    fuzz_machine_init(&t.f);
    machine_lock(&t.f.m);
    t.fd = fuzz_disk(&t.f, "disk", kind);
    fuzz_plug_with(&t.f, &nvme_class, props[kind >> 5 & 3]);
    machine_reset(&t.f.m, NULL);
    machine_unlock(&t.f.m);
    place(&t);
    if (kind & 0x80)
        enable(&t, 14);
    t.f.windows = windows;
    t.f.window_count = ARRAY_SIZE(windows);
    t.f.own = own;
    fuzz_run(&t.f, &in);
    fuzz_disk_settle(&t.f, false);
    machine_destroy(&t.f.m);
    close(t.fd);
    return 0;
}
