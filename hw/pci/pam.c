/* Programmable attribute map; see pam.h. */
#include "hw/pci/pam.h"

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"

enum { READ_ENABLE = 1, WRITE_ENABLE = 2 };
/* Over what the PCI bus shows, which is below everything else. */
enum { PRIORITY = 1 };
/* In the space `sides`: the bus at 0, RAM here. */
#define RAM_SIDE (UINT64_C(1) << 32)

/* Writes go to RAM while reads come from the bus: what firmware uses to copy itself. */
static uint64_t split_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pam_segment *s = opaque;
    uint8_t bytes[8] = {0};
    dma_read(s->pam->sides, NULL, s->first + offset, bytes, size);
    return load_le(bytes, size);
}

static void split_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pam_segment *s = opaque;
    uint8_t bytes[8];
    store_le(bytes, value, size);
    dma_write(s->pam->sides, NULL, RAM_SIDE + s->first + offset, bytes, size);
}

static const struct mem_ops split_ops = {
    .read = split_read, .write = split_write, .min_size = 1, .max_size = 8};

bool pam_init(struct pam *pam, struct vemu_machine *m, struct ram_block *block,
              struct mem_region *pci, struct vemu_error **errp)
{
    pam->m = m;
    pam->sides = mem_space_new_beside("pam", m->memory, errp);
    if (!pam->sides)
        return false;
    mem_space_set_listener(pam->sides, NULL, NULL); /* no vCPU looks at it */
    mem_region_init_alias(&pam->bus_side, "pam-bus", pci, 0, RAM_SIDE);
    mem_region_add(mem_space_root(pam->sides), 0, &pam->bus_side, 0);
    mem_region_init_ram(&pam->ram_side, "pam-ram-side", block, 0, MIN(block->size, RAM_SIDE));
    mem_region_add(mem_space_root(pam->sides), RAM_SIDE, &pam->ram_side, 0);

    struct mem_region *root = mem_space_root(m->memory);
    mem_transaction_begin(m->memory);
    for (unsigned n = 0; n < PAM_SEGMENTS; n++) {
        struct pam_segment *s = &pam->segment[n];
        s->pam = pam;
        s->first = n ? 0xc0000 + (n - 1) * 0x4000 : 0xf0000;
        s->size = n ? 0x4000 : 0x10000;
        mem_region_init_ram(&s->ram, "pam-ram", block, s->first, s->size);
        mem_region_init_rom(&s->rom, "pam-rom", block, s->first, s->size);
        mem_region_init_io(&s->split, "pam-split", s->size, &split_ops, s, NULL);
        struct mem_region *regions[] = {&s->ram, &s->rom, &s->split};
        for (unsigned i = 0; i < ARRAY_SIZE(regions); i++) {
            mem_region_set_enabled(regions[i], false);
            mem_region_add(root, s->first, regions[i], PRIORITY);
        }
    }
    mem_transaction_commit(m->memory);
    return true;
}

void pam_exit(struct pam *pam)
{
    if (!pam->sides)
        return;
    for (unsigned n = 0; n < PAM_SEGMENTS; n++) {
        mem_region_remove(&pam->segment[n].ram);
        mem_region_remove(&pam->segment[n].rom);
        mem_region_remove(&pam->segment[n].split);
    }
    mem_region_remove(&pam->bus_side);
    mem_region_remove(&pam->ram_side);
    mem_space_free(pam->sides);
    pam->sides = NULL;
}

void pam_update(struct pam *pam, const uint8_t reg[PAM_REGISTERS])
{
    mem_transaction_begin(pam->m->memory);
    for (unsigned n = 0; n < PAM_SEGMENTS; n++) {
        struct pam_segment *s = &pam->segment[n];
        /* The high nibble of the first register, then low and high of the others. */
        unsigned bits = reg[(n + 1) / 2] >> (n & 1 ? 0 : 4) & (READ_ENABLE | WRITE_ENABLE);
        mem_region_set_enabled(&s->ram, bits == (READ_ENABLE | WRITE_ENABLE));
        mem_region_set_enabled(&s->rom, bits == READ_ENABLE);
        mem_region_set_enabled(&s->split, bits == WRITE_ENABLE);
    }
    mem_transaction_commit(pam->m->memory);
}
