/* core/memory: accesses of CPUs and DMA, and what devices see of them. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/device/device.h"
#include "core/memory/dirty.h"
#include "core/memory/memory.h"
#include "core/util/endian.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mem_space *space;
static struct ram_list rams;
static struct ram_block *block, *rom_block;
static struct mem_region ram, rom;

/* What the device saw: "r4@8 w1@3=5a ". */
static char seen[1024];

/* Register n reads as n in every byte: a byte's address shows in its value. */
static uint64_t probe_read(void *opaque, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    (void)opaque;
    sprintf(seen + strlen(seen), "r%u@%llx ", size, (unsigned long long)offset);
    for (unsigned i = 0; i < size; i++)
        value |= ((offset + i) & 0xff) << (i * 8);
    return size == 8 ? value : value | UINT64_C(0xdead) << 48;
}

static void probe_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)opaque;
    sprintf(seen + strlen(seen), "w%u@%llx=%llx ", size, (unsigned long long)offset,
            (unsigned long long)value);
}

static const struct mem_ops default_ops = {.read = probe_read, .write = probe_write};
static const struct mem_ops only32_ops = {
    .read = probe_read, .write = probe_write, .min_size = 4, .max_size = 4};
static const struct mem_ops byte_ops = {.read = probe_read, .write = probe_write, .max_size = 1};
static const struct mem_ops free_ops = {
    .read = probe_read, .write = probe_write, .max_size = 8, .unaligned = true};

static void set_up(void)
{
    space = mem_space_new("test", UINT64_C(1) << 52, &lock, NULL);
    ram_list_init(&rams);
    block = ram_block_new(&rams, "ram", 0x10000, false, NULL);
    rom_block = ram_block_new(&rams, "rom", 0x1000, true, NULL);
    mem_region_init_ram(&ram, "ram", block, 0, block->size);
    mem_region_init_rom(&rom, "rom", rom_block, 0, rom_block->size);
    mem_region_add(mem_space_root(space), 0, &ram, 0);
    mem_region_add(mem_space_root(space), 0x10000, &rom, 0);
    seen[0] = 0;
}

static void tear_down(void)
{
    mem_space_free(space);
    ram_block_free(&rams, block);
    ram_block_free(&rams, rom_block);
}

TestSuite(memory_access, .init = set_up, .fini = tear_down);

static struct mem_region *map_at(struct mem_region *r, uint64_t addr, uint64_t size,
                                 const struct mem_ops *ops)
{
    mem_region_init_io(r, "probe", size, ops, NULL, NULL);
    mem_region_add(mem_space_root(space), addr, r, 1);
    return r;
}

#define READ(addr, size, want_result, want_value, want_seen)                                       \
    do {                                                                                           \
        uint64_t v_ = 0x5555;                                                                      \
        seen[0] = 0;                                                                               \
        cr_assert_eq(mem_read(space, (addr), (size), &v_), (want_result));                         \
        cr_assert_eq(v_, UINT64_C(want_value), "0x%llx", (unsigned long long)v_);                  \
        cr_assert_str_eq(seen, (want_seen));                                                       \
    } while (0)
#define WRITE(addr, size, value, want_result, want_seen)                                           \
    do {                                                                                           \
        seen[0] = 0;                                                                               \
        cr_assert_eq(mem_write(space, (addr), (size), (value)), (want_result));                    \
        cr_assert_str_eq(seen, (want_seen));                                                       \
    } while (0)

/* ---- normalisation --------------------------------------------------------------------------- */

Test(memory_access, wide_access_is_split_to_what_the_region_takes)
{
    struct mem_region r;

    map_at(&r, 0x100000, 0x100, &default_ops);
    READ(0x100008, 8, MEM_OK, 0x0f0e0d0c0b0a0908, "r4@8 r4@c ");
    WRITE(0x100008, 8, UINT64_C(0x1122334455667788), MEM_OK, "w4@8=55667788 w4@c=11223344 ");
    mem_region_remove(&r);
    map_at(&r, 0x100000, 0x100, &byte_ops);
    READ(0x100004, 4, MEM_OK, 0x07060504, "r1@4 r1@5 r1@6 r1@7 ");
    WRITE(0x100004, 2, 0x1234, MEM_OK, "w1@4=34 w1@5=12 ");
    mem_region_remove(&r);
}

Test(memory_access, narrow_read_is_widened_and_narrow_write_refused)
{
    struct mem_region r;

    map_at(&r, 0x100000, 0x102, &only32_ops);
    READ(0x100006, 1, MEM_OK, 0x06, "r4@4 ");
    READ(0x100006, 2, MEM_OK, 0x0706, "r4@4 ");
    READ(0x100004, 4, MEM_OK, 0x07060504, "r4@4 ");
    READ(0x100005, 2, MEM_OK, 0x0605, "r4@4 r4@4 ");
    WRITE(0x100006, 1, 1, MEM_ERROR, "");
    WRITE(0x100006, 2, 1, MEM_ERROR, "");
    WRITE(0x100008, 4, 0xcafe, MEM_OK, "w4@8=cafe ");
    /* The wide register around it would reach out of the region. */
    READ(0x100100, 1, MEM_ERROR, 0xff, "");
    mem_region_remove(&r);
}

Test(memory_access, unaligned_access_is_split_to_bytes_unless_the_region_takes_it)
{
    struct mem_region r;

    map_at(&r, 0x100000, 0x100, &default_ops);
    READ(0x100003, 2, MEM_OK, 0x0403, "r1@3 r1@4 ");
    WRITE(0x100001, 4, 0x44332211, MEM_OK, "w1@1=11 w1@2=22 w1@3=33 w1@4=44 ");
    mem_region_remove(&r);
    map_at(&r, 0x100000, 0x100, &free_ops);
    READ(0x100003, 4, MEM_OK, 0x06050403, "r4@3 ");
    WRITE(0x100001, 8, 5, MEM_OK, "w8@1=5 ");
    mem_region_remove(&r);
}

Test(memory_access, value_is_cut_to_the_access)
{
    struct mem_region r;

    map_at(&r, 0x100000, 0x100, &default_ops);
    WRITE(0x100000, 1, UINT64_C(0xffffffffffffff12), MEM_OK, "w1@0=12 ");
    READ(0x100001, 1, MEM_OK, 0x01, "r1@1 ");
    mem_region_remove(&r);
}

Test(memory_access, access_belongs_to_the_region_of_its_first_byte)
{
    struct mem_region address, reset;

    /* As the PCI address port with the reset control port over its second byte. */
    map_at(&address, 0x200cf8, 4, &default_ops);
    map_at(&reset, 0x200cf9, 1, &byte_ops);
    WRITE(0x200cf8, 4, 0x80000000, MEM_OK, "w4@0=80000000 ");
    WRITE(0x200cf9, 1, 6, MEM_OK, "w1@0=6 ");
    /* A word over two one-byte devices goes to both. */
    WRITE(0x200cf9, 2, 0x0706, MEM_OK, "w1@0=6 w1@2=7 ");
    mem_region_remove(&address);
    mem_region_remove(&reset);
}

Test(memory_access, nothing_there_reads_all_ones_and_tells)
{
    READ(0x40000000, 4, MEM_ERROR, 0xffffffff, "");
    READ(0x40000000, 8, MEM_ERROR, 0xffffffffffffffff, "");
    WRITE(0x40000000, 4, 1, MEM_ERROR, "");
    READ(UINT64_MAX - 1, 4, MEM_ERROR, 0xffffffff, "");
    READ(0, 3, MEM_ERROR, 0xffffff, "");
    READ(0, 16, MEM_ERROR, 0xffffffffffffffff, "");
}

Test(memory_access, ram_and_rom_keep_their_rules_over_their_border)
{
    uint64_t value;

    memset(rom_block->host, 0xaa, rom_block->size);
    WRITE(0xfffe, 4, 0x44332211, MEM_OK, "");
    cr_assert_eq(load_le16(block->host + 0xfffe), 0x2211);
    READ(0xfffe, 4, MEM_OK, 0xaaaa2211, "");
    WRITE(0x10000, 4, 0, MEM_OK, "");
    READ(0x10000, 4, MEM_OK, 0xaaaaaaaa, "");
    READ(0x10ffe, 4, MEM_ERROR, 0xffffaaaa, "");
    cr_assert_eq(mem_region_read(&rom, 0xffe, 4, &value), MEM_ERROR);
    cr_assert_eq(mem_region_read(&ram, 0xfffe, 2, &value), MEM_OK);
    cr_assert_eq(value, UINT64_C(0x2211));
}

Test(memory_access, writes_to_rom_with_ops_reach_the_device)
{
    mem_region_remove(&rom);
    rom.ops = &default_ops;
    mem_region_add(mem_space_root(space), 0x10000, &rom, 0);
    WRITE(0x10010, 1, 0x20, MEM_OK, "w1@10=20 ");
    READ(0x10010, 1, MEM_OK, 0x00, "");
}

/* ---- the machine lock ------------------------------------------------------------------------ */

static bool locked_inside;
static uint64_t lock_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque;
    (void)offset;
    (void)size;
    locked_inside = pthread_mutex_trylock(&lock) != 0;
    if (!locked_inside)
        pthread_mutex_unlock(&lock);
    return 0;
}

Test(memory_access, callbacks_run_with_the_machine_lock_unless_the_region_has_its_own)
{
    static const struct mem_ops locked = {.read = lock_read};
    static const struct mem_ops unlocked = {.read = lock_read, .unlocked = true};
    struct mem_region r;
    uint64_t value;

    map_at(&r, 0x100000, 0x100, &locked);
    cr_assert_eq(mem_read(space, 0x100000, 4, &value), MEM_OK);
    cr_assert(locked_inside);
    cr_assert_eq(mem_region_read(&r, 0, 4, &value), MEM_OK);
    cr_assert(locked_inside);
    mem_region_remove(&r);
    map_at(&r, 0x100000, 0x100, &unlocked);
    cr_assert_eq(mem_read(space, 0x100000, 4, &value), MEM_OK);
    cr_assert(!locked_inside);
    mem_region_remove(&r);
    cr_assert_eq(pthread_mutex_trylock(&lock), 0);
    pthread_mutex_unlock(&lock);
}

static void *read_unmapped(void *opaque)
{
    uint64_t *value = opaque;

    mem_read(space, 0x100000, 4, value);
    return NULL;
}

Test(memory_access, region_unmapped_while_the_cpu_waited_is_not_entered)
{
    struct mem_region r;
    pthread_t thread;
    uint64_t value = 0;

    map_at(&r, 0x100000, 0x100, &default_ops);
    pthread_mutex_lock(&lock);
    pthread_create(&thread, NULL, read_unmapped, &value);
    usleep(20000);
    mem_region_remove(&r);
    memset(&r, 0x5a, sizeof r);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    cr_assert_eq(value, UINT64_C(0xffffffff));
    cr_assert_str_eq(seen, "");
}

/* ---- DMA ------------------------------------------------------------------------------------- */

Test(memory_access, dma_crosses_ranges_and_reports_holes)
{
    uint8_t out[0x40], in[0x40];

    for (unsigned i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i + 1);
    memset(rom_block->host, 0xaa, 16);
    cr_assert_eq(dma_write(space, NULL, 0xffe0, in, sizeof in), MEM_OK);
    cr_assert_eq(dma_read(space, NULL, 0xffe0, out, sizeof out), MEM_OK);
    cr_assert_arr_eq(out, in, 0x20);
    cr_assert_eq(out[0x20], 0xaa);

    memset(out, 0, sizeof out);
    cr_assert_eq(dma_read(space, NULL, 0x10fe0, out, sizeof out), MEM_ERROR);
    cr_assert_eq(out[0], 0);
    cr_assert_eq(out[0x20], 0xff);
    cr_assert_eq(out[0x3f], 0xff);
    cr_assert_eq(dma_read(space, NULL, UINT64_MAX - 3, out, sizeof out), MEM_ERROR);
    cr_assert_eq(dma_write(space, NULL, UINT64_MAX - 3, in, sizeof in), MEM_ERROR);
    cr_assert_eq(dma_read(space, NULL, 0, out, 0), MEM_OK);
}

Test(memory_access, dma_of_any_guest_given_length_ends)
{
    struct mem_region r;

    map_at(&r, UINT64_C(1) << 40, UINT64_C(1) << 40, &(struct mem_ops){0});
    cr_assert_eq(dma_fill(space, NULL, 0, 0x77, UINT64_MAX), MEM_ERROR);
    cr_assert_eq(block->host[0xffff], 0x77);
    cr_assert_eq(rom_block->host[0], 0);
    mem_region_remove(&r);
}

Test(memory_access, dma_uses_the_sizes_of_the_device)
{
    struct mem_region r;
    uint8_t buf[16];

    map_at(&r, 0x100000, 0x100, &default_ops);
    cr_assert_eq(dma_read(space, NULL, 0x100001, buf, 10), MEM_OK);
    cr_assert_str_eq(seen, "r1@1 r2@2 r4@4 r2@8 r1@a ");
    cr_assert_eq(buf[0], 1);
    cr_assert_eq(buf[9], 10);
    seen[0] = 0;
    cr_assert_eq(dma_fill(space, NULL, 0x100000, 0x11, 6), MEM_OK);
    cr_assert_str_eq(seen, "w4@0=11111111 w2@4=1111 ");
    mem_region_remove(&r);
}

static uint64_t written_offset, written_len;
static void note_written(void *opaque, struct ram_block *b, uint64_t offset, uint64_t len)
{
    cr_assert_eq(b, *(struct ram_block **)opaque);
    written_offset = offset;
    written_len = len;
}

/* Was the page that holds an offset written since it was last asked for? */
static bool take_dirty(uint64_t offset)
{
    uint64_t pages[1];
    bool found = ram_block_fetch_dirty(&rams, block, MEM_DIRTY_DISPLAY, offset / 4096, 1, pages);
    ram_block_clean(&rams, block, MEM_DIRTY_DISPLAY, offset / 4096, 1, pages);
    if (found) /* what was made clean is fetched once more */
        ram_block_fetch_dirty(&rams, block, MEM_DIRTY_DISPLAY, offset / 4096, 1, pages);
    return found;
}

static void start_log(void)
{
    cr_assert(ram_block_log_dirty(&rams, block, MEM_DIRTY_DISPLAY, true, NULL));
    for (uint64_t at = 0; at < block->size; at += 4096) {
        cr_assert(take_dirty(at));
        cr_assert(!take_dirty(at));
    }
}

Test(memory_access, dma_writes_mark_dirty_and_tell_the_accelerator)
{
    uint8_t buf[0x2000] = {0};

    mem_space_set_ram_written(space, note_written, &block);
    start_log();
    dma_write(space, NULL, 0x1ffe, buf, 4);
    cr_assert_eq(written_offset, UINT64_C(0x1ffe));
    cr_assert_eq(written_len, UINT64_C(4));
    cr_assert(!take_dirty(0));
    cr_assert(take_dirty(0x1000));
    cr_assert(take_dirty(0x2fff));
    for (uint64_t at = 0; at < block->size; at += 4096)
        cr_assert(!take_dirty(at));
    mem_write(space, 0x5000, 1, 1);
    cr_assert(take_dirty(0x5000));
    cr_assert(ram_block_log_dirty(&rams, block, MEM_DIRTY_DISPLAY, false, NULL));
    cr_assert_null(block->dirty[MEM_DIRTY_DISPLAY]);
    dma_read(space, NULL, 0, buf, sizeof buf);
}

/* Pages of the block that take memory of the host. */
static unsigned resident(void)
{
    unsigned char used[16];
    unsigned n = 0;

    cr_assert_eq(mincore(block->host, block->size, used), 0);
    for (unsigned i = 0; i < block->size / 4096; i++)
        n += used[i] & 1;
    return n;
}

Test(memory_access, discarded_memory_goes_back_to_the_host)
{
    uint64_t value;

    if (sysconf(_SC_PAGESIZE) != 4096)
        cr_skip_test("pages of the host are larger");
    dma_fill(space, NULL, 0, 0x55, 0x10000);
    mem_write_rom(space, 0x10000, "rom", 4);
    cr_assert_eq(resident(), 16);
    mem_space_set_ram_written(space, note_written, &block);
    start_log();
    /* Whole pages only, */
    cr_assert_eq(dma_discard(space, 0x1fff, 0x2002), UINT64_C(0x2000));
    cr_assert_eq(resident(), 14);
    cr_assert_eq(mem_read(space, 0x1ff8, 8, &value), MEM_OK);
    cr_assert_eq(value, UINT64_C(0x5555555555555555));
    mem_read(space, 0x2000, 8, &value);
    cr_assert_eq(value, 0);
    mem_read(space, 0x4000, 1, &value);
    cr_assert_eq(value, 0x55);
    /* and whoever keeps track of contents is told. */
    cr_assert_leq(written_offset, UINT64_C(0x2000));
    cr_assert_geq(written_offset + written_len, UINT64_C(0x4000));
    cr_assert(take_dirty(0x2000));
    /* Nothing but RAM: registers, ROM, holes, the end of addresses. */
    struct mem_region r;
    map_at(&r, 0x8000, 0x1000, &default_ops);
    seen[0] = 0;
    cr_assert_eq(dma_discard(space, 0x7000, UINT64_MAX), UINT64_C(0x8000));
    cr_assert_str_eq(seen, "");
    mem_read(space, 0x10000, 4, &value);
    cr_assert_eq(value, 0x6d6f72);
    mem_region_remove(&r);
    mem_read(space, 0x8000, 1, &value);
    cr_assert_eq(value, 0x55);
    cr_assert_eq(dma_discard(space, UINT64_MAX, UINT64_MAX), 0);
    cr_assert_eq(dma_discard(space, 0x1000, 0), 0);
    cr_assert_eq(dma_discard(space, 0x1001, 0x1ffe), 0);
    cr_assert_eq(dma_discard(space, UINT64_C(1) << 40, 0x1000), 0);
    cr_assert_eq(ram_block_discard(rom_block, 0, 0x1000), 0);
    cr_assert_eq(ram_block_discard(block, 0xf000, 0x2000), 0);
}

Test(memory_access, loaders_write_rom_and_nothing_else_but_memory)
{
    uint8_t bytes[4] = {1, 2, 3, 4};
    struct mem_region r;

    map_at(&r, 0x100000, 0x100, &default_ops);
    cr_assert_eq(mem_write_rom(space, 0xfffe, bytes, 4), MEM_OK);
    cr_assert_eq(block->host[0xffff], 2);
    cr_assert_eq(rom_block->host[1], 4);
    cr_assert_eq(mem_write_rom(space, 0x100000, bytes, 4), MEM_ERROR);
    cr_assert_str_eq(seen, "");
    mem_region_remove(&r);
}

/* A device that masters the bus: a write of its register 0 starts DMA to where register 8 said. */
struct master {
    struct device dev;
    struct mem_region regs;
    uint64_t target;
    unsigned entered;
    enum mem_result result;
};

static void master_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct master *s = opaque;
    uint32_t word = 1;

    (void)size;
    s->entered++;
    if (offset == 8)
        s->target = value;
    else
        s->result = dma_write(space, &s->dev, s->target, &word, sizeof word);
}
static const struct mem_ops master_ops = {.write = master_write};

static void add_master(struct master *s, uint64_t addr)
{
    memset(s, 0, sizeof *s);
    mem_region_init_io(&s->regs, "master", 0x10, &master_ops, s, &s->dev);
    mem_region_add(mem_space_root(space), addr, &s->regs, 0);
}

Test(memory_access, dma_of_a_device_into_itself_is_refused)
{
    struct master a;

    add_master(&a, 0x300000);
    a.target = 0x300000;
    mem_write(space, 0x300000, 4, 1);
    cr_assert_eq(a.entered, 1u);
    cr_assert_eq(a.result, MEM_ERROR);
    cr_assert(!a.dev.dma_active);
    a.target = 0x100;
    mem_write(space, 0x300000, 4, 1);
    cr_assert_eq(a.result, MEM_OK);
    cr_assert_eq(block->host[0x100], 1);
    mem_region_remove(&a.regs);
}

Test(memory_access, dma_back_into_a_device_over_another_is_refused)
{
    struct master a, b;

    add_master(&a, 0x300000);
    add_master(&b, 0x300010);
    a.target = 0x300010;
    b.target = 0x300000;
    mem_write(space, 0x300000, 4, 1);
    cr_assert_eq(a.entered, 1u);
    cr_assert_eq(b.entered, 1u);
    cr_assert_eq(a.result, MEM_OK);
    cr_assert_eq(b.result, MEM_ERROR);
    mem_region_remove(&a.regs);
    mem_region_remove(&b.regs);
}

static uint64_t unmap_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)offset;
    (void)size;
    mem_region_remove(opaque);
    return 0;
}

Test(memory_access, dma_goes_on_in_the_map_that_a_callback_left)
{
    static const struct mem_ops ops = {.read = unmap_read};
    struct mem_region r;
    uint8_t buf[8];

    mem_region_init_io(&r, "unmaps", 0x100, &ops, &r, NULL);
    mem_region_add(mem_space_root(space), 0x1000, &r, 1);
    memset(block->host + 0x1000, 0x42, 8);
    cr_assert_eq(dma_read(space, NULL, 0x1000, buf, 8), MEM_OK);
    cr_assert_eq(buf[0], 0);
    cr_assert_eq(buf[4], 0x42);
}
