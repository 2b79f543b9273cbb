/* Properties that all disks have: see disk_props.h. */
#include "hw/block/disk_props.h"

#include "core/util/error.h"
#include "core/util/range.h"

bool disk_has_drive(const struct drive *drive, struct vemu_error **errp)
{
    return drive || error_set(errp, VEMU_ERROR_INVALID,
                              "property 'drive' is missing: give the id of a -drive or the node "
                              "name of a -blockdev, as in drive=disk0");
}

bool disk_check_blocks(uint32_t logical, uint32_t *physical, struct vemu_error **errp)
{
    if (!*physical)
        *physical = logical;
    return (is_power_of_two(logical) && is_power_of_two(*physical) && logical <= *physical) ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "logical_block_size=%u and physical_block_size=%u must be powers of two, and "
                     "the second not smaller",
                     logical, *physical);
}
