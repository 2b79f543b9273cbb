/* Memory blocks in the state stream: see ram_state.h. */
#define _GNU_SOURCE
#include "core/device/ram_state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"

enum { NAME_MAX_BYTES = 255, RUN_HEADER = 16 };

static bool page_is_zero(const uint8_t *page)
{
    /* All bytes equal the one before them, and the first is zero. */
    return page[0] == 0 && memcmp(page, page + 1, MEM_PAGE_SIZE - 1) == 0;
}

static void save_run(struct state_writer *w, const struct ram_block *block, uint64_t first,
                     uint64_t end)
{
    uint8_t header[RUN_HEADER];

    store_le64(header, first);
    store_le64(header + 8, end - first);
    state_append(w, header, sizeof header);
    state_append(w, block->host + (first << MEM_PAGE_BITS), (end - first) << MEM_PAGE_BITS);
}

/* The pages of [page, end) that are not zero, as runs. */
static void save_extent(struct state_writer *w, const struct ram_block *block, uint64_t page,
                        uint64_t end)
{
    while (page < end) {
        uint64_t first;

        while (page < end && page_is_zero(block->host + (page << MEM_PAGE_BITS)))
            page++;
        first = page;
        while (page < end && !page_is_zero(block->host + (page << MEM_PAGE_BITS)))
            page++;
        if (first < page)
            save_run(w, block, first, page);
    }
}

bool ram_state_save(struct state_writer *w, const struct ram_block *block)
{
    size_t name_len = MIN(strlen(block->name), (size_t)NAME_MAX_BYTES);
    uint8_t byte = (uint8_t)name_len, size[8];
    off_t pos = 0;

    state_begin_section(w, "ram", block->id, RAM_STATE_VERSION);
    state_append(w, &byte, 1);
    state_append(w, block->name, name_len);
    store_le64(size, block->size);
    state_append(w, size, sizeof size);
    /* Reading a hole of the memfd would allocate it: ask the file where its data is. */
    while ((uint64_t)pos < block->size) {
        off_t data = lseek(block->fd, pos, SEEK_DATA), hole;

        if (data < 0 && errno == ENXIO)
            break;
        if (data < 0)
            data = pos;
        hole = lseek(block->fd, data, SEEK_HOLE);
        if (hole <= data)
            hole = (off_t)block->size;
        save_extent(w, block, (uint64_t)data >> MEM_PAGE_BITS,
                    MIN(align_up((uint64_t)hole, MEM_PAGE_SIZE), block->size) >> MEM_PAGE_BITS);
        pos = hole;
    }
    return state_end_section(w);
}

/* Where the runs start, or 0 when the section does not belong to the block. */
static uint64_t check_header(const struct state_section *s, const struct ram_block *block)
{
    size_t name_len = MIN(strlen(block->name), (size_t)NAME_MAX_BYTES);

    if (s->len < 1 + name_len + 8 || s->data[0] != name_len ||
        memcmp(s->data + 1, block->name, name_len) != 0 ||
        load_le64(s->data + 1 + name_len) != block->size)
        return 0;
    return 1 + name_len + 8;
}

bool ram_state_check(const struct state_section *s, const struct ram_block *block,
                     struct vemu_error **errp)
{
    uint64_t pos, next = 0, pages = block->size >> MEM_PAGE_BITS;

    if (s->version != RAM_STATE_VERSION)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state: section 'ram' has version %u: this build reads version %d",
                         s->version, RAM_STATE_VERSION);
    pos = check_header(s, block);
    if (!pos)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state: memory %u is not '%s' of %llu bytes as in this machine",
                         s->instance, block->name, (unsigned long long)block->size);
    while (pos < s->len) {
        uint64_t first, count;

        if (!range_fits(pos, RUN_HEADER, s->len))
            break;
        first = load_le64(s->data + pos);
        count = load_le64(s->data + pos + 8);
        pos += RUN_HEADER;
        if (!count || first < next || !range_fits(first, count, pages) ||
            !range_fits(pos, count << MEM_PAGE_BITS, s->len))
            break;
        next = first + count;
        pos += count << MEM_PAGE_BITS;
        if (pos == s->len)
            return true;
    }
    return pos == s->len ||
           error_set(errp, VEMU_ERROR_FORMAT, "saved state: the pages of memory '%s' are damaged",
                     block->name);
}

bool ram_state_load(const struct state_section *s, struct ram_block *block,
                    struct vemu_error **errp)
{
    uint64_t pos = check_header(s, block);

    if (fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)block->size) !=
        0)
        return error_set_errno(errp, errno, "cannot clear memory '%s'", block->name);
    while (pos < s->len) {
        uint64_t first = load_le64(s->data + pos), count = load_le64(s->data + pos + 8);

        pos += RUN_HEADER;
        memcpy(block->host + (first << MEM_PAGE_BITS), s->data + pos, count << MEM_PAGE_BITS);
        pos += count << MEM_PAGE_BITS;
    }
    return true;
}
