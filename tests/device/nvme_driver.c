#include "tests/device/nvme_driver.h"

#include <criterion/criterion.h>
#include "core/device/machine.h"
#include "hw/block/nvme.h"

uint32_t nt_read(struct nt *n, uint32_t reg)
{
    return read32(&n->t.m, NT_BAR + reg);
}
void nt_write(struct nt *n, uint32_t reg, uint32_t value)
{
    write32(&n->t.m, NT_BAR + reg, value);
}

void nt_place(struct nt *n)
{
    vt_config_write(&n->t, 0x10, (uint32_t)NT_BAR);
    vt_config_write(&n->t, 0x14, 0);
    vt_config_write(&n->t, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    for (unsigned v = 0; v < 4 && n->t.pci->msix_cap; v++) {
        write64(&n->t.m, NT_BAR + NT_MSIX + 16 * v, 0xfee00000);
        write32(&n->t.m, NT_BAR + NT_MSIX + 16 * v + 8, 0x40 + v);
        write32(&n->t.m, NT_BAR + NT_MSIX + 16 * v + 12, 0);
    }
}

void nt_plug(struct nt *n, const char *format, uint64_t size, const char *props)
{
    vt_machine(&n->t, format, size);
    vt_plug(&n->t, &nvme_class, props);
    nt_place(n);
    n->cid = 0;
}

void nt_free(struct nt *n)
{
    vt_free(&n->t);
}

static void begin(struct nt *n, unsigned q, uint32_t entries)
{
    n->size[q] = entries;
    n->tail[q] = n->head[q] = 0;
    n->phase[q] = true;
    for (uint32_t at = 0; at < 16 * entries; at += 8)
        write64(&n->t.m, NT_CQ(q) + at, 0);
}

void nt_enable(struct nt *n, uint32_t entries)
{
    nt_write(n, NT_CC, 0);
    cr_assert_eq(nt_read(n, NT_CSTS), 0);
    nt_write(n, 0x24, (entries - 1) | (entries - 1) << 16);
    write64(&n->t.m, NT_BAR + 0x28, NT_SQ(0));
    write64(&n->t.m, NT_BAR + 0x30, NT_CQ(0));
    begin(n, 0, entries);
    nt_write(n, NT_CC, NT_ENABLED);
    cr_assert_eq(nt_read(n, NT_CSTS), 1);
}

void nt_create(struct nt *n, unsigned q, uint32_t entries, unsigned vector)
{
    begin(n, q, entries);
    cr_assert_eq(nt_do(n, 0, 5,
                       (struct nt_cmd){.prp1 = NT_CQ(q),
                                       .cdw10 = q | (entries - 1) << 16,
                                       .cdw11 = 3 | vector << 16}),
                 0);
    cr_assert_eq(nt_do(n, 0, 1,
                       (struct nt_cmd){.prp1 = NT_SQ(q),
                                       .cdw10 = q | (entries - 1) << 16,
                                       .cdw11 = 1 | q << 16}),
                 0);
}

void nt_start(struct nt *n)
{
    nt_enable(n, 16);
    nt_create(n, 1, 16, 1);
    n->t.messages = 0;
}

uint16_t nt_put(struct nt *n, unsigned q, uint8_t opcode, struct nt_cmd cmd)
{
    struct vemu_machine *m = &n->t.m;
    uint64_t at = NT_SQ(q) + 64 * (uint64_t)n->tail[q];
    uint16_t cid = cmd.cid ? cmd.cid : ++n->cid;

    write32(m, at, opcode | (uint32_t)cmd.flags << 8 | (uint32_t)cid << 16);
    write32(m, at + 4, cmd.nsid);
    write64(m, at + 8, 0);
    write64(m, at + 16, 0);
    write64(m, at + 24, cmd.prp1);
    write64(m, at + 32, cmd.prp2);
    write32(m, at + 40, cmd.cdw10);
    write32(m, at + 44, cmd.cdw11);
    write32(m, at + 48, cmd.cdw12);
    write32(m, at + 52, cmd.cdw13);
    write64(m, at + 56, 0);
    n->tail[q] = (uint16_t)((n->tail[q] + 1) % n->size[q]);
    return cid;
}

void nt_ring(struct nt *n, unsigned q)
{
    nt_write(n, 0x1000 + 8 * q, n->tail[q]);
}

int nt_poll(struct nt *n, unsigned q)
{
    struct vemu_machine *m = &n->t.m;
    uint64_t at = NT_CQ(q) + 16 * (uint64_t)n->head[q];

    vt_wait(&n->t);
    uint32_t last = read32(m, at + 12);
    if ((last >> 16 & 1) != n->phase[q])
        return NT_NONE;
    n->result = read32(m, at);
    n->sq_head = read16(m, at + 8);
    n->last_cid = (uint16_t)last;
    cr_expect_eq(read16(m, at + 10), q, "the submission queue");
    n->head[q] = (uint16_t)((n->head[q] + 1) % n->size[q]);
    if (!n->head[q])
        n->phase[q] = !n->phase[q];
    nt_write(n, 0x1000 + 8 * q + 4, n->head[q]);
    return last >> 17 & 0x7ff;
}

int nt_do(struct nt *n, unsigned q, uint8_t opcode, struct nt_cmd cmd)
{
    uint16_t cid = nt_put(n, q, opcode, cmd);
    int status;

    nt_ring(n, q);
    status = nt_poll(n, q);
    cr_expect(status == NT_NONE || n->last_cid == cid, "command %u, completion of %u", cid,
              n->last_cid);
    return status;
}
