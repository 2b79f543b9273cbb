/* DATA SET MANAGEMENT with TRIM: the ranges in the buffer, one discard after the other. */
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/ata/ata_internal.h"

enum { COUNT_SHIFT = 48 };

void ata_trim_step(struct ata_device *d)
{
    while (d->pos + ATA_TRIM_RANGE <= d->len) {
        uint64_t range = load_le64(d->buf + d->pos), lba = range & mask_bits(COUNT_SHIFT);
        uint64_t count = range >> COUNT_SHIFT;

        if (count && !range_fits(lba, count, d->sectors)) {
            d->lba = lba;
            ata_set_lba48(&d->regs.tf, lba);
            ata_complete(d, ATA_ERROR_IDNF, true);
            return;
        }
        /* A hint that nobody wants to hear is done with. */
        if (!count || !d->p.drive->discard) {
            d->pos += ATA_TRIM_RANGE;
            continue;
        }
        d->lba = lba;
        ata_submit(d, VEMU_BLOCK_DISCARD, lba * ATA_SECTOR, count * ATA_SECTOR, 0);
        return;
    }
    ata_complete(d, 0, true);
}
