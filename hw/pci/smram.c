/* System management RAM; see smram.h. */
#include "hw/pci/smram.h"

#include "core/device/machine.h"

#define LOW_BASE UINT64_C(0xa0000)
#define LOW_SIZE UINT64_C(0x20000)

static uint64_t hole_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque;
    (void)offset;
    (void)size;
    return UINT64_MAX;
}
static void hole_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)opaque;
    (void)offset;
    (void)value;
    (void)size;
}
static const struct mem_ops hole_ops = {
    .read = hole_read, .write = hole_write, .min_size = 1, .max_size = 8, .unlocked = true};

bool smram_init(struct smram *s, struct vemu_machine *m, struct ram_block *block, uint64_t low_end,
                struct vemu_error **errp)
{
    s->m = m;
    s->block = block;
    s->low_end = low_end;
    m->smm_memory = mem_space_new_beside("smm", m->memory, errp);
    if (!m->smm_memory)
        return false;
    struct mem_region *all = mem_space_root(m->memory), *root = mem_space_root(m->smm_memory);
    mem_region_init_alias(&s->system, "smm-system", all, 0, all->size);
    mem_region_init_ram(&s->low_smm, "smram", block, LOW_BASE, LOW_SIZE);
    mem_region_init_ram(&s->low_open, "smram-open", block, LOW_BASE, LOW_SIZE);
    mem_region_set_enabled(&s->low_smm, false);
    mem_region_set_enabled(&s->low_open, false);
    mem_region_add(root, 0, &s->system, 0);
    mem_region_add(root, LOW_BASE, &s->low_smm, 1);
    mem_region_add(all, LOW_BASE, &s->low_open, 1);
    return true;
}

void smram_exit(struct smram *s)
{
    if (!s->m || !s->m->smm_memory)
        return;
    mem_region_remove(&s->tseg);
    mem_region_remove(&s->hole);
    mem_region_remove(&s->low_open);
    mem_region_remove(&s->low_smm);
    mem_region_remove(&s->system);
}

static void place_tseg(struct smram *s, uint64_t bytes)
{
    if (s->hole.parent && s->hole.size == bytes)
        return;
    mem_region_remove(&s->tseg);
    mem_region_remove(&s->hole);
    if (!bytes || bytes >= s->low_end - (UINT64_C(1) << 20))
        return;
    uint64_t at = s->low_end - bytes;
    mem_region_init_ram(&s->tseg, "tseg", s->block, at, bytes);
    mem_region_init_io(&s->hole, "tseg-hole", bytes, &hole_ops, NULL, NULL);
    mem_region_add(mem_space_root(s->m->smm_memory), at, &s->tseg, 1);
    mem_region_add(mem_space_root(s->m->memory), at, &s->hole, 1);
}

/* D_CLS, which sends data accesses of SMM code to the VGA window, is not followed: code and data of
 * a processor are one view here, and what is known to set it only does so around such an access. */
void smram_update(struct smram *s, uint8_t smram, uint64_t tseg_bytes)
{
    mem_transaction_begin(s->m->memory);
    mem_transaction_begin(s->m->smm_memory);
    mem_region_set_enabled(&s->low_smm, smram & SMRAM_G_ENABLE);
    mem_region_set_enabled(&s->low_open, (smram & SMRAM_OPEN) && !(smram & SMRAM_LOCK));
    place_tseg(s, smram & SMRAM_G_ENABLE ? tseg_bytes : 0);
    mem_transaction_commit(s->m->smm_memory);
    mem_transaction_commit(s->m->memory);
}
