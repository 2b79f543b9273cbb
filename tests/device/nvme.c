/* nvme without a vCPU: registers, queues, admin and I/O commands, interrupts, hostile drivers,
 * errors of the host. */
#include <criterion/criterion.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/block/nvme.h"
#include "hw/block/nvme_internal.h"
#include "hw/pci/host_x86.h"
#include "tests/device/nvme_driver.h"

#define MIB (UINT64_C(1) << 20)
enum { DATA = VT_BUFFERS, BACK = VT_BUFFERS + 0x100000 };
enum { IDENTIFY = 6, GET_LOG = 2, SET_FEATURES = 9, GET_FEATURES = 10, ASYNC_EVENT = 12 };

static void fill(struct nt *n, uint64_t at, uint32_t len, uint32_t seed)
{
    for (uint32_t i = 0; i < len; i += 4)
        write32(&n->t.m, at + i, seed + i * 2654435761u);
}
static void expect_filled(struct nt *n, uint64_t at, uint32_t len, uint32_t seed)
{
    for (uint32_t i = 0; i < len; i += 4)
        cr_assert_eq(read32(&n->t.m, at + i), seed + i * 2654435761u, "at %u", i);
}

static struct nt_cmd blocks(uint64_t lba, uint32_t count, uint64_t prp1, uint64_t prp2)
{
    return (struct nt_cmd){.nsid = 1,
                           .prp1 = prp1,
                           .prp2 = prp2,
                           .cdw10 = (uint32_t)lba,
                           .cdw11 = (uint32_t)(lba >> 32),
                           .cdw12 = count - 1};
}
static int identify(struct nt *n, uint32_t cns, uint32_t nsid)
{
    return nt_do(n, 0, IDENTIFY, (struct nt_cmd){.nsid = nsid, .prp1 = NT_PAGE, .cdw10 = cns});
}
static int get_log(struct nt *n, uint32_t page, uint32_t dwords, uint32_t flags, uint32_t offset)
{
    return nt_do(n, 0, GET_LOG,
                 (struct nt_cmd){.nsid = UINT32_MAX,
                                 .prp1 = NT_PAGE,
                                 .cdw10 = page | flags | (dwords - 1) << 16,
                                 .cdw12 = offset});
}
static int set_feature(struct nt *n, uint32_t id, uint32_t value)
{
    return nt_do(n, 0, SET_FEATURES, (struct nt_cmd){.cdw10 = id, .cdw11 = value});
}
static int get_feature(struct nt *n, uint32_t id, uint32_t value)
{
    return nt_do(n, 0, GET_FEATURES, (struct nt_cmd){.cdw10 = id, .cdw11 = value});
}

/* ---- registers ------------------------------------------------------------------------------- */

Test(nvme, registers_tell_what_the_controller_can)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    cr_expect_eq(vt_config_read(&n.t, 0), 0x00101b36);
    cr_expect_eq(vt_config_read(&n.t, 8) >> 8, 0x010802);
    cr_expect_eq(read64(&n.t.m, NT_BAR), UINT64_C(0x004000200f0107ff));
    cr_expect_eq(nt_read(&n, 8), 0x00010400);
    cr_expect_eq(nt_read(&n, NT_CSTS), 0);
    write64(&n.t.m, NT_BAR + 0x28, UINT64_C(0x123456789));
    cr_expect_eq(read64(&n.t.m, NT_BAR + 0x28), UINT64_C(0x123456000));
    nt_write(&n, 0, 0xffffffff);
    nt_write(&n, NT_CSTS, 0xffffffff);
    cr_expect_eq(nt_read(&n, NT_CSTS), 0);
    write8(&n.t.m, NT_BAR + NT_CC, 1);
    cr_expect_eq(nt_read(&n, NT_CC), 0, "registers are written as words");
    nt_write(&n, 0x0c, 5);
    nt_write(&n, 0x10, 4);
    cr_expect_eq(nt_read(&n, 0x0c), 1);
    nt_free(&n);
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s,use-intel-id=on");
    cr_expect_eq(vt_config_read(&n.t, 0), 0x58458086);
    nt_free(&n);
}

Test(nvme, what_cannot_be_enabled_is_a_fatal_state_until_the_reset)
{
    static const struct {
        uint32_t aqa, asq, acq, cc;
    } bad[] = {
        {0, NT_SQ(0), NT_CQ(0), NT_ENABLED},
        {7, NT_SQ(0), NT_CQ(0), NT_ENABLED},
        {7 << 16, NT_SQ(0), NT_CQ(0), NT_ENABLED},
        {0x70007, NT_SQ(0), NT_CQ(0), NT_ENABLED | 5 << 7},
        {0x70007, NT_SQ(0), NT_CQ(0), NT_ENABLED | 15 << 7},
        {0x70007, NT_SQ(0), NT_CQ(0) + 0x1000, NT_ENABLED | 1 << 7},
        {0x70007, NT_SQ(0), NT_CQ(0), NT_ENABLED | 1 << 4},
        {0x70007, NT_SQ(0), NT_CQ(0), NT_ENABLED | 1 << 11},
    };
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        nt_write(&n, 0x24, bad[i].aqa);
        nt_write(&n, 0x28, bad[i].asq);
        nt_write(&n, 0x30, bad[i].acq);
        nt_write(&n, NT_CC, bad[i].cc);
        cr_expect_eq(nt_read(&n, NT_CSTS), 2, "case %u", i);
        nt_write(&n, 0x1000, 1);
        nt_write(&n, NT_CC, 0);
        cr_expect_eq(nt_read(&n, NT_CSTS), 0);
    }
    nt_enable(&n, 2);
    cr_expect_eq(identify(&n, 1, 0), 0);
    nt_free(&n);
}

Test(nvme, a_shutdown_is_told_when_it_is_complete)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_start(&n);
    for (unsigned how = 1; how <= 2; how++) {
        nt_write(&n, NT_CC, NT_ENABLED | how << 14);
        vt_wait(&n.t);
        cr_expect_eq(nt_read(&n, NT_CSTS), 9, "ready, shutdown complete");
        nt_write(&n, NT_CC, NT_ENABLED);
        cr_expect_eq(nt_read(&n, NT_CSTS), 1);
    }
    nt_write(&n, NT_CC, NT_ENABLED | 1 << 14);
    nt_write(&n, NT_CC, 0);
    vt_wait(&n.t);
    cr_expect_eq(nt_read(&n, NT_CSTS), 0, "a reset ends it");
    nt_free(&n);
}

/* ---- Identify -------------------------------------------------------------------------------- */

Test(nvme, identify_describes_controller_and_namespace)
{
    struct nt n;
    struct vemu_machine *m = &n.t.m;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=abc,physical_block_size=4096,mdts=5");
    nt_start(&n);
    cr_expect_eq(identify(&n, 1, 0), 0);
    cr_expect_eq(read32(m, NT_PAGE + 4), 0x20636261, "serial number, padded with blanks");
    cr_expect_eq(read8(m, NT_PAGE + 77), 5);
    cr_expect_eq(read32(m, NT_PAGE + 80), 0x00010400);
    cr_expect_eq(read16(m, NT_PAGE + 512), 0x4466);
    cr_expect_eq(read32(m, NT_PAGE + 516), 1);
    cr_expect_eq(read32(m, NT_PAGE + 768), 0x2e6e716e, "nqn.");
    cr_expect_eq(identify(&n, 0, 1), 0);
    cr_expect_eq(read64(m, NT_PAGE), MIB / 512);
    cr_expect_eq(read32(m, NT_PAGE + 128), 9 << 16);
    cr_expect_eq(read16(m, NT_PAGE + 64), 7, "a preferred write has eight blocks");
    uint64_t eui = read64(m, NT_PAGE + 120);
    cr_expect_eq(eui & 3, 2, "locally administered");
    cr_expect_eq(identify(&n, 3, 1), 0);
    cr_expect_eq(read32(m, NT_PAGE), 0x0801);
    cr_expect_eq(read64(m, NT_PAGE + 4), eui);
    cr_expect_eq(identify(&n, 2, 0), 0);
    cr_expect_eq(read64(m, NT_PAGE), 1);
    cr_expect_eq(identify(&n, 2, 1), 0);
    cr_expect_eq(read64(m, NT_PAGE), 0);
    cr_expect_eq(identify(&n, 0x13, 0), 0);
    cr_expect_eq(read32(m, NT_PAGE), 1, "one controller, 0");
    cr_expect_eq(identify(&n, 6, 0), 0);
    cr_expect_eq(identify(&n, 0, UINT32_MAX), 0);
    cr_expect_eq(read64(m, NT_PAGE), 0);
    cr_expect_eq(identify(&n, 0, 2), 0x0b);
    cr_expect_eq(identify(&n, 0, 0), 0x0b);
    cr_expect_eq(identify(&n, 3, 0), 0x0b);
    cr_expect_eq(identify(&n, 2, UINT32_MAX), 0x0b);
    cr_expect_eq(identify(&n, 0x77, 1), 0x02);
    cr_expect_eq(nt_do(&n, 0, IDENTIFY, (struct nt_cmd){.prp1 = VT_RAM, .cdw10 = 1}), 0x04);
    nt_free(&n);
}

/* ---- queues ---------------------------------------------------------------------------------- */

Test(nvme, queues_that_cannot_be_are_refused)
{
    static const struct {
        uint8_t opcode;
        uint32_t cdw10, cdw11;
        uint64_t prp1;
        int status;
    } bad[] = {
        {5, 0x000f0000, 1, NT_CQ(2), 0x101},
        {5, 0x000f0001, 1, NT_CQ(2), 0x101},
        {5, 0x000f0005, 1, NT_CQ(2), 0x101},
        {5, 0x000fffff, 1, NT_CQ(2), 0x101},
        {5, 0x00000002, 1, NT_CQ(2), 0x102},
        {5, 0x08000002, 1, NT_CQ(2), 0x102},
        {5, 0x000f0002, 0, NT_CQ(2), 0x02},
        {5, 0x000f0002, 1, NT_CQ(2) + 8, 0x13},
        {5, 0x000f0002, 0x30001, NT_CQ(2), 0x108},
        {1, 0x000f0000, 0x10001, NT_SQ(2), 0x101},
        {1, 0x000f0001, 0x10001, NT_SQ(2), 0x101},
        {1, 0x000f0002, 0x00001, NT_SQ(2), 0x100},
        {1, 0x000f0002, 0x20001, NT_SQ(2), 0x100},
        {1, 0x000f0002, 0xffff0001u, NT_SQ(2), 0x100},
        {1, 0x00000002, 0x10001, NT_SQ(2), 0x102},
        {1, 0x000f0002, 0x10000, NT_SQ(2), 0x02},
        {1, 0x000f0002, 0x10001, NT_SQ(2) + 2, 0x13},
        {0, 0, 0, 0, 0x101},
        {0, 2, 0, 0, 0x101},
        {0, 0xffff, 0, 0, 0x101},
        {4, 0, 0, 0, 0x101},
        {4, 2, 0, 0, 0x101},
        {4, 1, 0, 0, 0x10c},
    };
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s,max_ioqpairs=4,msix_qsize=3");
    nt_start(&n);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        cr_expect_eq(nt_do(&n, 0, bad[i].opcode,
                           (struct nt_cmd){
                               .prp1 = bad[i].prp1, .cdw10 = bad[i].cdw10, .cdw11 = bad[i].cdw11}),
                     bad[i].status, "case %u", i);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 1, DATA, 0)), 0, "the others still work");
    cr_expect_eq(nt_do(&n, 0, 0, (struct nt_cmd){.cdw10 = 1}), 0);
    cr_expect_eq(nt_do(&n, 0, 4, (struct nt_cmd){.cdw10 = 1}), 0);
    nt_create(&n, 1, 8, 0);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 1, DATA, 0)), 0);
    nt_free(&n);
}

Test(nvme, queues_wrap_and_their_phase_changes)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_enable(&n, 3);
    nt_create(&n, 1, 5, 1);
    for (unsigned i = 0; i < 50; i++) {
        cr_assert_eq(nt_do(&n, 1, NVME_READ, blocks(i, 1, DATA, 0)), 0);
        cr_expect_eq(n.sq_head, (i + 1) % 5);
        cr_assert_eq(identify(&n, 1, 0), 0);
    }
    nt_free(&n);
}

Test(nvme, a_full_completion_queue_holds_commands_back)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_start(&n);
    nt_create(&n, 2, 4, 2); /* but with the longer queue's commands: */
    cr_assert_eq(nt_do(&n, 0, 0, (struct nt_cmd){.cdw10 = 2}), 0);
    cr_assert_eq(
        nt_do(&n, 0, 1, (struct nt_cmd){.prp1 = NT_SQ(2), .cdw10 = 2 | 15 << 16, .cdw11 = 0x20001}),
        0);
    for (unsigned i = 0; i < 15; i++) {
        n.size[2] = 16;
        nt_put(&n, 2, NVME_READ, blocks(i, 1, DATA + 0x1000 * i, 0));
    }
    nt_ring(&n, 2);
    n.size[2] = 4;
    for (unsigned i = 0; i < 3; i++)
        cr_expect_eq(read32(&n.t.m, NT_CQ(2) + 16 * i + 12) >> 16, 1, "entry %u", i);
    cr_expect_eq(read32(&n.t.m, NT_CQ(2) + 16 * 3 + 12), 0, "the last one stays free");
    for (unsigned i = 0; i < 15; i++)
        cr_assert_eq(nt_poll(&n, 2), 0, "command %u", i);
    cr_expect_eq(nt_poll(&n, 2), NT_NONE);
    nt_free(&n);
}

Test(nvme, more_commands_than_slots_wait_for_one)
{
    struct nt n;
    unsigned done = 0;
    nt_plug(&n, "qcow2", MIB, "drive=disk,serial=s");
    nt_enable(&n, 16);
    nt_create(&n, 1, 1024, 1);
    nt_create(&n, 2, 512, 2);
    for (unsigned i = 0; i < 1000; i++)
        nt_put(&n, 1, i % 2 ? NVME_READ : NVME_WRITE, blocks(i, 1, DATA + 0x200 * i, 0));
    for (unsigned i = 0; i < 500; i++)
        nt_put(&n, 2, NVME_READ, blocks(i, 1, BACK + 0x200 * i, 0));
    nt_ring(&n, 1);
    nt_ring(&n, 2);
    while (nt_poll(&n, 1) == 0)
        done++;
    cr_expect_eq(done, 1000);
    for (done = 0; nt_poll(&n, 2) == 0;)
        done++;
    cr_expect_eq(done, 500);
    nt_free(&n);
}

/* ---- data ------------------------------------------------------------------------------------ */

static void write_and_read(const char *format)
{
    struct nt n;
    nt_plug(&n, format, 4 * MIB, "drive=disk,serial=s");
    nt_start(&n);
    fill(&n, DATA, 8192, 7);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(10, 16, DATA, DATA + 4096)), 0);
    cr_expect_eq(n.t.messages, 0, "MSI-X is off");
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(10, 16, BACK, BACK + 4096)), 0);
    expect_filled(&n, BACK, 8192, 7);
    /* From the middle of a page on. */
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(10, 8, BACK + 0x8004, BACK + 0x9000)), 0);
    expect_filled(&n, BACK + 0x8004, 4096, 7);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(10, 1, BACK + 0xaffc, BACK + 0xb000)), 0);
    expect_filled(&n, BACK + 0xaffc, 512, 7);
    cr_expect_eq(nt_do(&n, 1, NVME_FLUSH, (struct nt_cmd){.nsid = 1}), 0);
    cr_expect_eq(nt_do(&n, 1, NVME_FLUSH, (struct nt_cmd){.nsid = UINT32_MAX}), 0);
    nt_free(&n);
}
Test(nvme, what_was_written_is_read_raw)
{
    write_and_read("raw");
}
Test(nvme, what_was_written_is_read_qcow2)
{
    write_and_read("qcow2");
}

/* Pages from 0 on, as a list at `at` that goes on elsewhere where its page ends. */
static void prp_list(struct nt *n, uint64_t at, uint64_t next, uint64_t first, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++, at += 8) {
        if ((at & 0xfff) == 0xff8 && i + 1 < pages) {
            write64(&n->t.m, at, next);
            at = next;
        }
        write64(&n->t.m, at, first + 0x1000 * (uint64_t)i);
    }
}

Test(nvme, prp_lists_are_followed_over_pages)
{
    struct nt n;
    nt_plug(&n, "raw", 4 * MIB, "drive=disk,serial=s,mdts=9");
    nt_start(&n);
    fill(&n, DATA, 0x40000, 3);
    prp_list(&n, NT_LISTS, 0, DATA + 0x1000, 63);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(100, 512, DATA, NT_LISTS)), 0);
    /* The list begins two entries before its page ends. */
    prp_list(&n, NT_LISTS + 0xff0, NT_LISTS + 0x2000, BACK + 0x1000, 63);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(100, 512, BACK, NT_LISTS + 0xff0)), 0);
    expect_filled(&n, BACK, 0x40000, 3);
    /* And with the last one, which then leads on. */
    fill(&n, BACK, 0x40000, 4);
    prp_list(&n, NT_LISTS + 0xff8, NT_LISTS + 0x2000, BACK + 0x1000, 63);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(100, 512, BACK, NT_LISTS + 0xff8)), 0);
    expect_filled(&n, BACK, 0x40000, 3);
    /* Two pages, of which the last is one's own and not a list. */
    write64(&n.t.m, NT_LISTS + 0xff8, BACK + 0x1000);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(100, 1, BACK + 0xffc, NT_LISTS)), 0);
    cr_expect_eq(read32(&n.t.m, BACK + 0xffc), 3);
    /* A list that leads to itself is walked only as far as there is data. */
    for (unsigned i = 0; i < 512; i++)
        write64(&n.t.m, NT_LISTS + 8 * i, NT_LISTS);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(100, 2048, DATA, NT_LISTS)), 0);
    nt_free(&n);
}

Test(nvme, bad_prps_are_refused)
{
    struct nt n;
    nt_plug(&n, "raw", 4 * MIB, "drive=disk,serial=s");
    nt_start(&n);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 1, DATA + 2, 0)), 0x13);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 16, DATA, DATA + 8)), 0x13);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 24, DATA, NT_LISTS + 4)), 0x13);
    prp_list(&n, NT_LISTS, 0, BACK + 8, 63);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 24, DATA, NT_LISTS)), 0x13);
    prp_list(&n, NT_LISTS + 0xff8, NT_LISTS + 0x2008, BACK, 63);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 24, DATA, NT_LISTS + 0xff8)), 0x13,
                 "the next list begins with its page");
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 24, DATA, UINT64_C(0xfffffffffffff000))), 0x04);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 24, DATA, NT_BAR)), 0x04,
                 "a list in the own registers");
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(0, 1, VT_RAM - 256, VT_RAM)), 0x04);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(0, 1, UINT64_C(0xfffffffffffffffc), 0)), 0x04);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 1, VT_RAM - 256, VT_RAM)), 0x04);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 1, DATA, 0)), 0);
    nt_free(&n);
}

Test(nvme, larger_memory_pages_count_for_prps)
{
    struct nt n;
    nt_plug(&n, "raw", 4 * MIB, "drive=disk,serial=s");
    nt_enable(&n, 16);
    nt_write(&n, NT_CC, 0);
    nt_write(&n, NT_CC, NT_ENABLED | 2 << 7); /* 16 KiB */
    cr_assert_eq(nt_read(&n, NT_CSTS), 1);
    n.tail[0] = n.head[0] = 0;
    n.phase[0] = true;
    for (unsigned i = 0; i < 32; i++)
        write64(&n.t.m, NT_CQ(0) + 8 * i, 0);
    nt_create(&n, 1, 16, 1);
    fill(&n, DATA, 0x8000, 5);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(0, 64, DATA, DATA + 0x4000)), 0);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 64, BACK, BACK + 0x4000)), 0);
    expect_filled(&n, BACK, 0x8000, 5);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 64, BACK, BACK + 0x1000)), 0x13);
    nt_free(&n);
}

/* ---- SGLs ------------------------------------------------------------------------------------ */

enum { SGL = 0x40, SGL_DATA = 0, SGL_BUCKET = 1, SGL_SEGMENT = 2, SGL_LAST = 3 };

static void descriptor(struct nt *n, unsigned i, uint64_t addr, uint32_t len, unsigned type)
{
    write64(&n->t.m, NT_LISTS + 16 * i, addr);
    write64(&n->t.m, NT_LISTS + 16 * i + 8, len | (uint64_t)type << 60);
}
static int by_sgl(struct nt *n, uint8_t opcode, uint32_t count, uint64_t addr, uint32_t len,
                  unsigned type)
{
    struct nt_cmd cmd = blocks(0, count, addr, len | (uint64_t)type << 60);
    cmd.flags = SGL;
    return nt_do(n, 1, opcode, cmd);
}

Test(nvme, scatter_gather_lists_are_followed)
{
    struct nt n;
    nt_plug(&n, "raw", 4 * MIB, "drive=disk,serial=s");
    nt_start(&n);
    fill(&n, DATA + 1, 4096, 9);
    cr_expect_eq(by_sgl(&n, NVME_WRITE, 8, DATA + 1, 4096, SGL_DATA), 0);
    /* Bytes here and there, and another segment. */
    descriptor(&n, 0, BACK, 1000, SGL_DATA);
    descriptor(&n, 1, BACK + 5000, 0, SGL_DATA);
    descriptor(&n, 2, NT_LISTS + 16 * 8, 32, SGL_LAST);
    descriptor(&n, 8, BACK + 1000, 96, SGL_DATA);
    descriptor(&n, 9, BACK + 1096, 5000, SGL_DATA); /* longer than the data */
    write32(&n.t.m, BACK + 4096, 0x12345678);
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, NT_LISTS, 48, SGL_SEGMENT), 0);
    expect_filled(&n, BACK, 4096, 9);
    cr_expect_eq(read32(&n.t.m, BACK + 4096), 0x12345678);
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, NT_LISTS + 16 * 8, 32, SGL_LAST), 0);
    nt_free(&n);
}

Test(nvme, bad_scatter_gather_lists_are_refused)
{
    struct nt n;
    nt_plug(&n, "raw", 4 * MIB, "drive=disk,serial=s");
    nt_start(&n);
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, DATA, 4095, SGL_DATA), 0x0f, "shorter than the data");
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, DATA, 4096, SGL_BUCKET), 0x11);
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, NT_LISTS, 40, SGL_LAST), 0x0d, "no multiple of 16");
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, NT_LISTS, 0, SGL_LAST), 0x0f);
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, NT_LISTS, 0xfffffff0, SGL_LAST), 0x0e);
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, VT_RAM, 32, SGL_LAST), 0x04);
    descriptor(&n, 0, DATA, 4096, SGL_DATA);
    descriptor(&n, 1, NT_LISTS, 32, SGL_SEGMENT);
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, NT_LISTS, 32, SGL_LAST), 0x0d, "a segment in the last");
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, NT_LISTS, 16, SGL_SEGMENT), 0x0d, "none follows");
    descriptor(&n, 0, NT_LISTS, 32, SGL_SEGMENT);
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, NT_LISTS, 32, SGL_SEGMENT), 0x0d, "not at the end");
    descriptor(&n, 0, DATA, 0, SGL_DATA);
    descriptor(&n, 1, NT_LISTS, 32, SGL_SEGMENT);
    cr_expect_eq(by_sgl(&n, NVME_READ, 8, NT_LISTS, 32, SGL_SEGMENT), 0x0e, "a ring");
    struct nt_cmd cmd = {.flags = SGL, .prp1 = NT_PAGE, .prp2 = 4096, .cdw10 = 1};
    cr_expect_eq(nt_do(&n, 0, IDENTIFY, cmd), 0x02, "not for admin commands");
    cmd = blocks(0, 1, DATA, 0);
    cmd.flags = 0xc0;
    cr_expect_eq(nt_do(&n, 1, NVME_READ, cmd), 0x02, "reserved");
    cmd.flags = 1;
    cr_expect_eq(nt_do(&n, 1, NVME_READ, cmd), 0x02, "fused");
    nt_free(&n);
}

/* ---- I/O commands ---------------------------------------------------------------------------- */

Test(nvme, what_the_disk_does_not_have_is_an_error)
{
    struct nt n;
    struct nt_cmd cmd;
    nt_plug(&n, "raw", MIB + 512, "drive=disk,serial=s,logical_block_size=4096,mdts=2");
    nt_start(&n);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(MIB / 4096, 1, DATA, 0)), 0x80, "half a block");
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(MIB / 4096 - 1, 2, DATA, DATA + 0x1000)), 0x80);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(UINT64_MAX, 1, DATA, 0)), 0x80);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(UINT64_MAX / 4096 + 1, 1, DATA, 0)), 0x80);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(MIB / 4096 - 1, 1, DATA, 0)), 0);
    prp_list(&n, NT_LISTS, 0, DATA + 0x1000, 4);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 4, DATA, NT_LISTS)), 0);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 5, DATA, NT_LISTS)), 0x02, "more than MDTS");
    cr_expect_eq(nt_do(&n, 1, NVME_COMPARE, blocks(0, 5, DATA, NT_LISTS)), 0x02);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE_ZEROES, blocks(0, 5, 0, 0)), 0, "no data, no limit");
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE_ZEROES, blocks(250, 7, 0, 0)), 0x80);
    cmd = blocks(0, 1, DATA, 0);
    cmd.nsid = 2;
    cr_expect_eq(nt_do(&n, 1, NVME_READ, cmd), 0x0b);
    cmd.nsid = UINT32_MAX;
    cr_expect_eq(nt_do(&n, 1, NVME_READ, cmd), 0x0b);
    cr_expect_eq(nt_do(&n, 1, 0x7f, blocks(0, 1, DATA, 0)), 0x01);
    cr_expect_eq(nt_do(&n, 0, 0x7f, blocks(0, 1, DATA, 0)), 0x01);
    nt_free(&n);
}

Test(nvme, zeros_are_written_and_ranges_given_back)
{
    struct nt n;
    struct nt_cmd cmd;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_start(&n);
    fill(&n, DATA, 4096, 5);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(0, 8, DATA, 0)), 0);
    cmd = blocks(1, 2, 0, 0);
    cmd.cdw12 |= 1 << 25 | 1 << 30;
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE_ZEROES, cmd), 0);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 8, BACK, 0)), 0);
    expect_filled(&n, BACK, 512, 5);
    for (unsigned i = 512; i < 1536; i += 4)
        cr_assert_eq(read32(&n.t.m, BACK + i), 0);
    cr_expect_eq(read32(&n.t.m, BACK + 1536), 5 + 1536 * 2654435761u);
    /* Three ranges, one empty; in a raw file what is given back reads as zeros. */
    static const uint32_t ranges[][2] = {{0, 1}, {5, 0}, {6, 2}};
    for (unsigned i = 0; i < 3; i++) {
        write32(&n.t.m, DATA + 16 * i, 0);
        write32(&n.t.m, DATA + 16 * i + 4, ranges[i][1]);
        write64(&n.t.m, DATA + 16 * i + 8, ranges[i][0]);
    }
    cmd = (struct nt_cmd){.nsid = 1, .prp1 = DATA, .cdw10 = 2};
    cr_expect_eq(nt_do(&n, 1, NVME_DATASET_MANAGEMENT, cmd), 0, "a hint only");
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 1, BACK, 0)), 0);
    cr_expect_eq(read32(&n.t.m, BACK), 5);
    cmd.cdw11 = 4;
    cr_expect_eq(nt_do(&n, 1, NVME_DATASET_MANAGEMENT, cmd), 0);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 8, BACK, 0)), 0);
    cr_expect_eq(read32(&n.t.m, BACK), 0);
    cr_expect_eq(read32(&n.t.m, BACK + 512 * 5), 5 + 512 * 5 * 2654435761u);
    cr_expect_eq(read32(&n.t.m, BACK + 512 * 7 + 4), 0);
    write32(&n.t.m, DATA + 36, 0xffffffff);
    cr_expect_eq(nt_do(&n, 1, NVME_DATASET_MANAGEMENT, cmd), 0x80);
    cmd.prp1 = VT_RAM;
    cr_expect_eq(nt_do(&n, 1, NVME_DATASET_MANAGEMENT, cmd), 0x04);
    nt_free(&n);
}

Test(nvme, compare_finds_differences)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_start(&n);
    fill(&n, DATA, 8192, 5);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(0, 16, DATA, DATA + 0x1000)), 0);
    cr_expect_eq(nt_do(&n, 1, NVME_COMPARE, blocks(0, 16, DATA, DATA + 0x1000)), 0);
    cr_expect_eq(nt_do(&n, 1, NVME_COMPARE, blocks(1, 15, DATA + 512, DATA + 0x1000)), 0);
    write8(&n.t.m, DATA + 8191, 0xff ^ read8(&n.t.m, DATA + 8191));
    cr_expect_eq(nt_do(&n, 1, NVME_COMPARE, blocks(0, 16, DATA, DATA + 0x1000)), 0x285);
    cr_expect_eq(nt_do(&n, 1, NVME_COMPARE, blocks(0, 15, DATA, DATA + 0x1000)), 0);
    nt_free(&n);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

Test(nvme, msix_interrupts_by_the_vector_of_the_queue)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    vt_config_write(&n.t, n.t.pci->msix_cap, 1u << 31);
    nt_start(&n);
    nt_create(&n, 2, 8, 3);
    n.t.messages = 0;
    identify(&n, 1, 0);
    cr_expect_eq(n.t.last_data, 0x40);
    nt_do(&n, 1, NVME_READ, blocks(0, 1, DATA, 0));
    cr_expect_eq(n.t.last_data, 0x41);
    nt_do(&n, 2, NVME_READ, blocks(0, 1, DATA, 0));
    cr_expect_eq(n.t.last_data, 0x43);
    cr_expect_eq(n.t.messages, 3);
    for (unsigned i = 0; i < 5; i++)
        nt_put(&n, 1, NVME_READ, blocks(i, 1, DATA, 0));
    nt_ring(&n, 1);
    vt_wait(&n.t);
    cr_expect_geq(n.t.messages, 4);
    cr_expect_eq(n.t.isa[11].rises, 0);
    nt_free(&n);
}

Test(nvme, intx_stays_up_until_all_entries_are_taken)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_start(&n);
    cr_expect_eq(n.t.isa[11].level, 0);
    for (unsigned i = 0; i < 2; i++)
        nt_put(&n, 1, NVME_READ, blocks(i, 1, DATA, 0));
    nt_ring(&n, 1);
    vt_wait(&n.t);
    cr_expect_eq(n.t.isa[11].level, 1);
    nt_write(&n, 0x0c, 2); /* mask vector 1 */
    cr_expect_eq(n.t.isa[11].level, 0);
    nt_write(&n, 0x10, 2);
    cr_expect_eq(n.t.isa[11].level, 1);
    nt_poll(&n, 1);
    cr_expect_eq(n.t.isa[11].level, 1);
    nt_poll(&n, 1);
    cr_expect_eq(n.t.isa[11].level, 0);
    nt_free(&n);
}

Test(nvme, msi_is_there_without_msix)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s,msix_qsize=0");
    cr_expect_eq(n.t.pci->msix_cap, 0);
    uint8_t cap = n.t.pci->msi_cap;
    vt_config_write(&n.t, cap + 4, 0xfee00000);
    vt_config_write(&n.t, cap + 12, 0x60);
    vt_config_write(&n.t, cap, 1 << 16 | 2 << 20); /* four messages */
    nt_start(&n);
    nt_do(&n, 1, NVME_READ, blocks(0, 1, DATA, 0));
    cr_expect_eq(n.t.last_data, 0x61);
    cr_expect_eq(n.t.messages, 1);
    nt_write(&n, 0x0c, 2);
    nt_put(&n, 1, NVME_READ, blocks(0, 1, DATA, 0));
    nt_ring(&n, 1);
    vt_wait(&n.t);
    cr_expect_eq(n.t.messages, 1, "masked");
    nt_write(&n, 0x10, 2);
    cr_expect_eq(n.t.messages, 2, "and sent in the end");
    nt_free(&n);
}

/* ---- events, features, log pages ------------------------------------------------------------- */

Test(nvme, bad_doorbells_are_told_by_an_event)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s,aerl=1");
    nt_start(&n);
    cr_expect_eq(nt_do(&n, 0, ASYNC_EVENT, (struct nt_cmd){.cid = 0x77}), NT_NONE);
    nt_write(&n, 0x1000 + 8, 16); /* beyond the end */
    cr_expect_eq(nt_poll(&n, 0), 0);
    cr_expect_eq(n.last_cid, 0x77);
    cr_expect_eq(n.result, 0x10100);
    cr_expect_eq(nt_do(&n, 0, ASYNC_EVENT, (struct nt_cmd){.cid = 0x78}), NT_NONE);
    nt_write(&n, 0x1000 + 8 * 2, 1); /* no such queue */
    cr_expect_eq(nt_poll(&n, 0), NT_NONE, "not before the log is read");
    cr_expect_eq(get_log(&n, 1, 16, 1 << 15, 0), 0);
    cr_expect_eq(nt_poll(&n, 0), NT_NONE, "the event was retained");
    nt_put(&n, 0, GET_LOG,
           (struct nt_cmd){.nsid = UINT32_MAX, .prp1 = NT_PAGE, .cdw10 = 1 | 15 << 16});
    nt_ring(&n, 0);
    cr_expect_eq(nt_poll(&n, 0), 0);
    cr_expect_eq(n.last_cid, 0x78);
    cr_expect_eq(n.result, 0x10000);
    cr_expect_eq(nt_poll(&n, 0), 0, "the log page");
    /* More completions taken than there are, queues far out. */
    nt_write(&n, 0x1000 + 8 + 4, 1);
    nt_write(&n, 0x1000 + 8 + 4, 0xffffffff);
    nt_write(&n, 0x1000 + 8 * 300, 1);
    nt_write(&n, 0x1ffc, 1);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 1, DATA, 0)), 0);
    /* Requests that may wait are few. */
    get_log(&n, 1, 16, 0, 0);
    cr_expect_eq(nt_do(&n, 0, ASYNC_EVENT, (struct nt_cmd){.cid = 0x80}), 0, "what was held back");
    cr_expect_eq(nt_do(&n, 0, ASYNC_EVENT, (struct nt_cmd){.cid = 0x81}), NT_NONE);
    cr_expect_eq(nt_do(&n, 0, ASYNC_EVENT, (struct nt_cmd){.cid = 0x82}), NT_NONE);
    cr_expect_eq(nt_do(&n, 0, ASYNC_EVENT, (struct nt_cmd){.cid = 0x83}), 0x105);
    nt_put(&n, 0, 8, (struct nt_cmd){.cid = 0x84, .cdw10 = 0x82 << 16});
    nt_ring(&n, 0);
    cr_expect_eq(nt_poll(&n, 0), 0x07, "taken back");
    cr_expect_eq(n.last_cid, 0x82);
    cr_expect_eq(nt_poll(&n, 0), 0);
    cr_expect_eq(n.result, 0);
    cr_expect_eq(nt_do(&n, 0, 8, (struct nt_cmd){.cdw10 = 0x82 << 16}), 0);
    cr_expect_eq(n.result, 1, "it is not there any more");
    cr_expect_eq(nt_do(&n, 0, 8, (struct nt_cmd){.cdw10 = 1}), 0);
    cr_expect_eq(n.result, 1);
    nt_free(&n);
}

Test(nvme, features_are_kept_until_the_reset)
{
    static const struct {
        uint32_t id, value, initial;
    } words[] = {{1, 0x04030205, 7}, {2, 0x40, 0},   {8, 0x0a05, 0}, {9, 0x10002, 2},
                 {10, 1, 0},         {11, 0x300, 0}, {6, 0, 1}};
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s,max_ioqpairs=4");
    nt_enable(&n, 16);
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        uint32_t which = words[i].id == 9 ? 2 : 0;
        cr_expect_eq(get_feature(&n, words[i].id, which), 0);
        cr_expect_eq(n.result, words[i].initial, "feature %u", words[i].id);
        cr_expect_eq(set_feature(&n, words[i].id, words[i].value), 0);
        get_feature(&n, words[i].id, which);
        cr_expect_eq(n.result, words[i].value, "feature %u", words[i].id);
        get_feature(&n, words[i].id | 1 << 8, which);
        cr_expect_eq(n.result, words[i].initial, "default of feature %u", words[i].id);
        get_feature(&n, words[i].id | 3 << 8, which);
        cr_expect_eq(n.result, 4, "changeable");
    }
    cr_expect_eq(set_feature(&n, 7, 0x00010000), 0);
    cr_expect_eq(n.result, 0x00010000);
    cr_expect_eq(set_feature(&n, 7, 0x00ff00ff), 0);
    cr_expect_eq(n.result, 0x00030003, "as many as there are");
    cr_expect_eq(set_feature(&n, 7, 0xffff), 0x02);
    nt_create(&n, 1, 16, 1);
    cr_expect_eq(set_feature(&n, 7, 0), 0x0c, "too late");
    cr_expect_eq(set_feature(&n, 1 | 1u << 31, 0), 0x10d, "nothing is saved");
    cr_expect_eq(set_feature(&n, 2, 1), 0x02, "there is one power state");
    cr_expect_eq(set_feature(&n, 9, 200), 0x02);
    cr_expect_eq(get_feature(&n, 9, 200), 0x02);
    cr_expect_eq(get_feature(&n, 1 | 4 << 8, 0), 0x02);
    cr_expect_eq(set_feature(&n, 0x55, 0), 0x02);
    cr_expect_eq(get_feature(&n, 0x55, 0), 0x02);
    cr_expect_eq(nt_do(&n, 0, SET_FEATURES, (struct nt_cmd){.nsid = 1, .cdw10 = 5, .cdw11 = 9}), 0);
    cr_expect_eq(nt_do(&n, 0, GET_FEATURES, (struct nt_cmd){.nsid = 1, .cdw10 = 5}), 0);
    cr_expect_eq(n.result, 9);
    cr_expect_eq(get_feature(&n, 5, 0), 0x0b);
    nt_enable(&n, 16);
    get_feature(&n, 1, 0);
    cr_expect_eq(n.result, 7);
    nt_free(&n);
}

Test(nvme, the_timestamp_goes_on)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_enable(&n, 16);
    struct nt_cmd cmd = {.prp1 = NT_PAGE, .cdw10 = 0x0e};
    cr_expect_eq(nt_do(&n, 0, GET_FEATURES, cmd), 0);
    cr_expect_eq(read64(&n.t.m, NT_PAGE), 0);
    write64(&n.t.m, NT_PAGE, UINT64_C(0x123456789abc));
    cr_expect_eq(nt_do(&n, 0, SET_FEATURES, cmd), 0);
    machine_lock(&n.t.m);
    step(&n.t.m, 5000000);
    machine_unlock(&n.t.m);
    cr_expect_eq(nt_do(&n, 0, GET_FEATURES, cmd), 0);
    cr_expect_eq(read64(&n.t.m, NT_PAGE), UINT64_C(0x0002123456789ac1), "5 ms later");
    cmd.prp1 = VT_RAM;
    cr_expect_eq(nt_do(&n, 0, SET_FEATURES, cmd), 0x04);
    nt_free(&n);
}

Test(nvme, the_temperature_warns)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_enable(&n, 16);
    cr_expect_eq(nt_do(&n, 0, ASYNC_EVENT, (struct nt_cmd){.cid = 0x77}), NT_NONE);
    cr_expect_eq(set_feature(&n, 11, 2), 0);
    cr_expect_eq(get_feature(&n, 4, 0), 0);
    cr_expect_eq(n.result, 343);
    get_log(&n, 2, 128, 0, 0);
    cr_expect_eq(read32(&n.t.m, NT_PAGE) & 0xffff00, 313 << 8);
    cr_expect_eq(read8(&n.t.m, NT_PAGE), 0);
    nt_put(&n, 0, SET_FEATURES, (struct nt_cmd){.cdw10 = 4, .cdw11 = 300});
    nt_ring(&n, 0);
    cr_expect_eq(nt_poll(&n, 0), 0);
    cr_expect_eq(n.last_cid, 0x77);
    cr_expect_eq(n.result, 0x20101);
    cr_expect_eq(nt_poll(&n, 0), 0);
    get_log(&n, 2, 128, 0, 0);
    cr_expect_eq(read8(&n.t.m, NT_PAGE), 2);
    cr_expect_eq(set_feature(&n, 4, 1 << 16), 0x02, "another sensor");
    cr_expect_eq(set_feature(&n, 4, 15 << 16 | 1 << 20), 0);
    nt_free(&n);
}

Test(nvme, log_pages_count_what_happened)
{
    struct nt n;
    struct vemu_machine *m = &n.t.m;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_start(&n);
    nt_do(&n, 1, NVME_WRITE, blocks(0, 8, DATA, 0));
    nt_do(&n, 1, NVME_READ, blocks(0, 8, DATA, 0));
    nt_do(&n, 1, NVME_READ, blocks(4096, 1, DATA, 0));
    cr_expect_eq(get_log(&n, 2, 128, 0, 0), 0);
    cr_expect_eq(read64(m, NT_PAGE + 32), 1, "thousands, rounded up");
    cr_expect_eq(read64(m, NT_PAGE + 48), 1);
    cr_expect_eq(read64(m, NT_PAGE + 64), 1);
    cr_expect_eq(read64(m, NT_PAGE + 176), 1, "one error");
    for (unsigned i = 0; i < 9; i++)
        nt_do(&n, 1, NVME_READ, blocks(5000 + i, 1, DATA, 0));
    uint16_t cid = n.last_cid;
    cr_expect_eq(get_log(&n, 1, 1024, 0, 0), 0);
    for (unsigned i = 0; i < 8; i++) {
        cr_expect_eq(read64(m, NT_PAGE + 64 * i), 10 - i, "the newest comes first");
        cr_expect_eq(read64(m, NT_PAGE + 64 * i + 16), 5008 - i);
    }
    cr_expect_eq(read32(m, NT_PAGE + 8), 1 | (uint32_t)cid << 16);
    cr_expect_eq(read16(m, NT_PAGE + 12) >> 1 & 0xff, 0x80);
    cr_expect_eq(get_log(&n, 5, 1024, 0, 0), 0);
    cr_expect_eq(read32(m, NT_PAGE + 4 * 6), 1, "Identify");
    cr_expect_eq(read32(m, NT_PAGE + 1024 + 4), 3, "Write changes content");
    cr_expect_eq(read32(m, NT_PAGE + 1024 + 4 * 0x7f), 0);
    cr_expect_eq(get_log(&n, 3, 128, 0, 0), 0);
    cr_expect_eq(read32(m, NT_PAGE + 8), 0x20302e31);
    cr_expect_eq(get_log(&n, 3, 1, 0, 8), 0);
    cr_expect_eq(read32(m, NT_PAGE), 0x20302e31, "from the middle on");
    cr_expect_eq(get_log(&n, 4, 1024, 0, 0), 0);
    cr_expect_eq(get_log(&n, 3, 1, 0, 516), 0x02);
    cr_expect_eq(get_log(&n, 3, 1, 0, 2), 0x02);
    cr_expect_eq(get_log(&n, 0x77, 1, 0, 0), 0x109);
    cr_expect_eq(nt_do(&n, 0, GET_LOG, (struct nt_cmd){.nsid = 7, .prp1 = NT_PAGE, .cdw10 = 2}),
                 0x0b);
    nt_free(&n);
}

/* ---- hostile drivers ------------------------------------------------------------------------- */

Test(nvme, dma_to_the_own_registers_is_refused)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_start(&n);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 8, NT_BAR, 0)), 0x04);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 8, NT_BAR + 0x1000, 0)), 0x04);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(0, 8, NT_BAR, 0)), 0x04);
    cr_expect_eq(nt_read(&n, NT_CSTS), 1);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 1, DATA, 0)), 0);
    nt_free(&n);
}

Test(nvme, queues_that_are_not_memory_are_fatal)
{
    static const uint64_t places[] = {NT_BAR, VT_RAM, UINT64_C(0xfffffffffffff000)};
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    for (unsigned i = 0; i < 2 * ARRAY_SIZE(places); i++) {
        nt_write(&n, NT_CC, 0);
        nt_write(&n, 0x24, 0x70007);
        write64(&n.t.m, NT_BAR + 0x28, i % 2 ? NT_SQ(0) : places[i / 2]);
        write64(&n.t.m, NT_BAR + 0x30, i % 2 ? places[i / 2] : NT_CQ(0));
        nt_write(&n, NT_CC, NT_ENABLED);
        cr_expect_eq(nt_read(&n, NT_CSTS), 1);
        nt_write(&n, 0x1000, 1);
        cr_expect_eq(nt_read(&n, NT_CSTS), 3, "case %u", i);
        nt_write(&n, 0x1000, 2);
        nt_write(&n, 0x1004, 1);
        cr_expect_eq(nt_read(&n, NT_CSTS), 3);
    }
    nt_start(&n);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 1, DATA, 0)), 0);
    nt_free(&n);
}

Test(nvme, data_may_overlap_the_queues)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_start(&n);
    /* Zeros over the submission queue, which then has Flush commands of no namespace. */
    nt_put(&n, 1, NVME_READ, blocks(0, 2, NT_SQ(1), 0));
    nt_put(&n, 1, NVME_READ, blocks(0, 1, DATA, 0));
    nt_ring(&n, 1);
    vt_wait(&n.t);
    nt_put(&n, 1, NVME_READ, blocks(0, 2, NT_CQ(1), 0));
    nt_ring(&n, 1);
    vt_wait(&n.t);
    cr_expect_eq(nt_read(&n, NT_CSTS), 1);
    nt_start(&n);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 1, DATA, 0)), 0);
    nt_free(&n);
}

Test(nvme, nothing_is_taken_while_bus_mastering_is_off)
{
    struct nt n;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_start(&n);
    nt_put(&n, 1, NVME_READ, blocks(0, 1, DATA, 0));
    nt_put(&n, 1, NVME_READ, blocks(0, 1, DATA, 0));
    nt_write(&n, 0x1000 + 8, 1);
    cr_expect_eq(nt_poll(&n, 1), 0);
    vt_config_write(&n.t, PCI_COMMAND, PCI_COMMAND_MEMORY);
    nt_ring(&n, 1);
    cr_expect_eq(nt_poll(&n, 1), NT_NONE);
    cr_expect_eq(nt_read(&n, NT_CSTS), 1);
    vt_config_write(&n.t, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    nt_ring(&n, 1);
    cr_expect_eq(nt_poll(&n, 1), 0);
    nt_free(&n);
}

Test(nvme, a_reset_waits_for_what_is_under_way_and_leaves_memory_alone)
{
    struct nt n;
    nt_plug(&n, "qcow2", MIB, "drive=disk,serial=s");
    for (unsigned i = 0; i < 50; i++) {
        nt_start(&n);
        for (unsigned k = 0; k < 8; k++)
            nt_put(&n, 1, k % 2 ? NVME_WRITE : NVME_READ, blocks(8 * i, 8, DATA + 0x1000 * k, 0));
        nt_ring(&n, 1);
        nt_write(&n, NT_CC, 0);
        cr_expect_eq(nt_read(&n, NT_CSTS), 0);
        write32(&n.t.m, DATA, 0x5a5a5a5a);
        uint64_t entry = read64(&n.t.m, NT_CQ(1));
        vt_wait(&n.t);
        cr_expect_eq(read32(&n.t.m, DATA), 0x5a5a5a5a);
        cr_expect_eq(read64(&n.t.m, NT_CQ(1)), entry);
    }
    nt_free(&n);
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* A controller whose write to block 4096 fails, and stops the machine. */
static void stop_at_write(struct nt *n)
{
    vt_limit_file_size(RLIM_INFINITY);
    nt_plug(n, "raw", 4 * MIB, "drive=disk,serial=s,werror=stop");
    nt_start(n);
    fill(n, DATA, 512, 9);
    vt_limit_file_size(MIB);
    nt_put(n, 1, NVME_WRITE, blocks(4096, 1, DATA, 0));
    nt_ring(n, 1);
    cr_expect_eq(nt_poll(n, 1), NT_NONE, "not answered");
    cr_expect(machine_take_requests(&n->t.m) & 1u << MACHINE_REQUEST_PAUSE);
}

Test(nvme, a_failed_write_is_reported_or_ignored)
{
    struct nt n;
    nt_plug(&n, "raw", 4 * MIB, "drive=disk,serial=s,werror=report");
    nt_start(&n);
    vt_limit_file_size(MIB);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(4096, 1, DATA, 0)), 0x280);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(0, 1, DATA, 0)), 0);
    get_log(&n, 2, 128, 0, 0);
    cr_expect_eq(read64(&n.t.m, NT_PAGE + 160), 1, "a media error");
    nt_free(&n);
    vt_limit_file_size(RLIM_INFINITY);
    nt_plug(&n, "raw", 4 * MIB, "drive=disk,serial=s,werror=ignore");
    nt_start(&n);
    vt_limit_file_size(MIB);
    cr_expect_eq(nt_do(&n, 1, NVME_WRITE, blocks(4096, 1, DATA, 0)), 0);
    nt_free(&n);
}

Test(nvme, a_failed_write_is_repeated_when_the_machine_goes_on)
{
    struct nt n;
    stop_at_write(&n);
    vt_resume(&n.t);
    cr_expect_eq(nt_poll(&n, 1), NT_NONE, "it fails again");
    /* The driver may use its place in the queue for something else. */
    for (unsigned i = 0; i < 20; i++)
        cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(0, 1, DATA + 0x1000, 0)), 0);
    vt_limit_file_size(RLIM_INFINITY);
    vt_resume(&n.t);
    cr_expect_eq(nt_poll(&n, 1), 0);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(4096, 1, BACK, 0)), 0);
    expect_filled(&n, BACK, 512, 9);
    nt_free(&n);
}

Test(nvme, what_is_to_be_repeated_can_be_aborted_deleted_and_forgotten)
{
    struct nt n;
    stop_at_write(&n);
    cr_expect_eq(nt_do(&n, 0, 8, (struct nt_cmd){.cdw10 = 1 | (uint32_t)n.cid << 16}), 0);
    cr_expect_eq(n.result, 0);
    cr_expect_eq(nt_poll(&n, 1), 0x07);
    nt_free(&n);
    stop_at_write(&n);
    cr_expect_eq(nt_do(&n, 0, 0, (struct nt_cmd){.cdw10 = 1}), 0);
    cr_expect_eq(nt_poll(&n, 1), 0x08);
    nt_free(&n);
    stop_at_write(&n);
    nt_start(&n);
    vt_limit_file_size(RLIM_INFINITY);
    vt_resume(&n.t);
    cr_expect_eq(nt_poll(&n, 1), NT_NONE);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(4096, 1, BACK, 0)), 0);
    cr_expect_eq(read32(&n.t.m, BACK), 0, "it was not written");
    nt_free(&n);
}

Test(nvme, another_size_is_told)
{
    struct nt n;
    struct vemu_error *err = NULL;
    nt_plug(&n, "raw", MIB, "drive=disk,serial=s");
    nt_start(&n);
    cr_expect_eq(set_feature(&n, 11, 1 << 8), 0);
    cr_expect_eq(nt_do(&n, 0, ASYNC_EVENT, (struct nt_cmd){.cid = 0x77}), NT_NONE);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(2048, 1, DATA, 0)), 0x80);
    machine_lock(&n.t.m);
    cr_assert(drive_resize(drive_find(&n.t.m, "disk"), 2 * MIB, &err));
    machine_unlock(&n.t.m);
    cr_expect_eq(nt_poll(&n, 0), 0);
    cr_expect_eq(n.result, 0x40002);
    cr_expect_eq(get_log(&n, 4, 1024, 0, 0), 0);
    cr_expect_eq(read32(&n.t.m, NT_PAGE), 1);
    cr_expect_eq(get_log(&n, 4, 1024, 0, 0), 0);
    cr_expect_eq(read32(&n.t.m, NT_PAGE), 0);
    cr_expect_eq(nt_do(&n, 1, NVME_READ, blocks(2048, 1, DATA, 0)), 0);
    cr_expect_eq(identify(&n, 0, 1), 0);
    cr_expect_eq(read64(&n.t.m, NT_PAGE), 4096);
    nt_free(&n);
}

/* ---- configuration and state ----------------------------------------------------------------- */

Test(nvme, properties_that_cannot_be_are_one_sentence)
{
    static const char *const bad[][3] = {
        {"serial", "012345678901234567890", "1 to 20 characters"},
        {"serial", "", "is needed"},
        {"physical_block_size", "1000", "powers of two"},
        {"logical_block_size", "513", "powers of two"},
    };
    struct vt t;
    vt_machine(&t, "raw", MIB);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct vemu_error *err = NULL;
        machine_lock(&t.m);
        struct device *dev = made(device_new(&t.m, &nvme_class, NULL, &err), err);
        ((struct pci_device *)dev)->bus = pci_host_bus(t.host);
        cr_assert(device_set_prop(dev, "drive", "disk", &err));
        cr_assert(device_set_prop(dev, "serial", "s", &err));
        cr_assert(device_set_prop(dev, bad[i][0], bad[i][1], &err));
        cr_expect_not(device_realize(dev, &err), "%s=%s", bad[i][0], bad[i][1]);
        cr_expect(err && strstr(vemu_error_message(err), bad[i][2]), "%s",
                  err ? vemu_error_message(err) : "");
        vemu_error_free(err);
        device_free(dev);
        machine_unlock(&t.m);
    }
    struct vemu_error *err = NULL;
    machine_lock(&t.m);
    struct device *dev = made(device_new(&t.m, &nvme_class, NULL, &err), err);
    cr_expect_not(device_set_prop(dev, "mdts", "10", &err));
    vemu_error_free(err);
    err = NULL;
    cr_expect_not(device_realize(dev, &err));
    cr_expect(err && strstr(vemu_error_message(err), "'drive' is missing"));
    vemu_error_free(err);
    device_free(dev);
    machine_unlock(&t.m);
    vt_free(&t);
}

static void poke(struct vemu_machine *m)
{
    for (unsigned q = 0; q < 4; q++) {
        write32(m, NT_BAR + 0x1000 + 8 * q, 3);
        write32(m, NT_BAR + 0x1004 + 8 * q, 2);
    }
    machine_lock(m);
    drive_resume_all(m);
    drive_drain_all(m);
    machine_unlock(m);
    write32(m, NT_BAR + 0x0c, 0xff);
    write32(m, NT_BAR + 0x10, 0xff);
}

Test(nvme, state_survives_a_round_trip_and_damage)
{
    struct nt f, g;
    nt_plug(&g, "raw", 4 * MIB, "drive=disk,serial=s,werror=stop");
    stop_at_write(&f);
    set_feature(&f, 11, 2);
    nt_do(&f, 0, ASYNC_EVENT, (struct nt_cmd){.cid = 0x77});
    nt_put(&f, 1, NVME_READ, blocks(0, 1, DATA, 0)); /* not told yet */
    assert_round_trip(f.t.dev, g.t.dev);
    struct vt saved = g.t;
    g = f;
    g.t = saved;
    for (unsigned at = 0x10000; at < DATA + 0x2000; at += 8)
        write64(&g.t.m, at, read64(&f.t.m, at));
    vt_limit_file_size(RLIM_INFINITY);
    vt_resume(&g.t);
    cr_expect_eq(nt_poll(&g, 1), 0, "what had failed in the other machine");
    nt_ring(&g, 1);
    cr_expect_eq(nt_poll(&g, 1), 0);
    nt_write(&g, 0x1000 + 8, 16);
    cr_expect_eq(nt_poll(&g, 0), 0);
    cr_expect_eq(g.last_cid, 0x77, "the waiting request");
    cr_expect_eq(nt_do(&g, 1, NVME_READ, blocks(4096, 1, BACK, 0)), 0);
    expect_filled(&g, BACK, 512, 9);
    fuzz_state(f.t.dev, g.t.dev, 300, poke);
    nt_free(&f);
    nt_free(&g);
}
