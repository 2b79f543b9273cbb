/* A frame buffer in RAM, told by fw_cfg; see ramfb.h. */
#include "hw/display/ramfb.h"

#include <stdlib.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/display/display.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/firmware.h"
#include "core/util/range.h"
#include "hw/display/lines.h"
#include "hw/display/shown.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/boot/image.h"

enum { FILE_SIZE = 28, SIZE_MIN = 16, ROM_MAX = 1 << 20 };

/* DRM's names, first letter lowest. */
#define FOURCC(a, b, c, d)                                                                         \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

struct format {
    uint32_t fourcc;
    unsigned bits;
    bool swapped; /* red lowest */
};
static const struct format formats[] = {
    {FOURCC('X', 'R', '2', '4'), 32, false}, {FOURCC('A', 'R', '2', '4'), 32, false},
    {FOURCC('X', 'B', '2', '4'), 32, true},  {FOURCC('A', 'B', '2', '4'), 32, true},
    {FOURCC('R', 'G', '2', '4'), 24, false}, {FOURCC('B', 'G', '2', '4'), 24, true},
    {FOURCC('R', 'G', '1', '6'), 16, false}, {FOURCC('X', 'R', '1', '5'), 15, false},
};

/* What is shown; width 0: nothing. */
struct mode {
    uint64_t address;
    const struct format *format;
    uint32_t width, height, stride, line; /* bytes from line to line, and of one */
};

struct ramfb {
    struct device dev;
    bool legacy_rom;          /* property */
    uint8_t file[FILE_SIZE];  /* as the guest wrote it */
    uint8_t taken[FILE_SIZE]; /* what of that is the mode; zeros: none */
    struct mode mode;
    struct display *display;
    struct shown shown;
    uint64_t first_byte; /* of the mode in the block, as it was drawn */
    bool drawn;
    uint32_t pixels[LINES_WIDTH + 64]; /* a line while drawing */
};

/* ---- what the guest says --------------------------------------------------------------------- */

static uint64_t mode_bytes(const struct mode *m)
{
    return (uint64_t)m->stride * (m->height - 1) + m->line;
}

/* The frame buffer as host memory: one piece of the machine's RAM. Other blocks have screens of
 * their own, which keep their dirty logs. */
static bool find_pixels(struct ramfb *s, const struct mode *m, struct dma_piece *piece)
{
    uint64_t len = mode_bytes(m);
    return range_fits(m->address, len, UINT64_MAX) &&
           dma_map(device_memory(&s->dev), m->address, len, true, piece) && piece->len == len &&
           piece->ram == ram_block_find(&s->dev.machine->rams, "ram");
}

static bool parse(struct ramfb *s, const uint8_t *f, struct mode *m)
{
    uint32_t fourcc = load_be32(f + 8);
    struct dma_piece piece;

    *m = (struct mode){.address = load_be64(f),
                       .width = load_be32(f + 16),
                       .height = load_be32(f + 20),
                       .stride = load_be32(f + 24)};
    for (size_t n = 0; n < ARRAY_SIZE(formats); n++)
        if (formats[n].fourcc == fourcc)
            m->format = &formats[n];
    if (!m->format || m->width < SIZE_MIN || m->width > DISPLAY_SIZE_MAX || m->height < SIZE_MIN ||
        m->height > DISPLAY_SIZE_MAX)
        return false;
    m->line = m->width * ((m->format->bits + 7) / 8);
    m->stride = m->stride ? m->stride : m->line;
    return m->stride >= m->line && find_pixels(s, m, &piece);
}

static void take_mode(struct ramfb *s, const struct mode *m)
{
    s->mode = *m;
    s->drawn = false;
}

static void file_written(void *opaque)
{
    struct ramfb *s = opaque;
    struct mode m;

    if (parse(s, s->file, &m)) {
        memcpy(s->taken, s->file, sizeof s->taken);
        take_mode(s, &m);
        display_hurry(s->display);
        return;
    }
    guest_error(s,
                "ramfb: %u x %u pixels of format 0x%x, %u bytes a line, at 0x%llx are refused: "
                "%d to %d pixels, a known format and RAM would be right",
                load_be32(s->file + 16), load_be32(s->file + 20), load_be32(s->file + 8),
                load_be32(s->file + 24), (unsigned long long)load_be64(s->file), SIZE_MIN,
                DISPLAY_SIZE_MAX);
}

/* ---- what is shown --------------------------------------------------------------------------- */

static void damage(void *opaque, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    display_damage(opaque, x, y, width, height);
}

static void convert(const struct format *f, const uint8_t *in, uint32_t width, uint32_t *out)
{
    lines_convert(f->bits, NULL, in, width, out);
    for (uint32_t x = 0; f->swapped && x < width; x++)
        out[x] = (out[x] & 0xff) << 16 | (out[x] & 0xff00) | out[x] >> 16;
}

/* Lines of dirty pages, or all of them; pages of those that changed are noted. */
static void draw(struct ramfb *s, const struct dma_piece *piece, bool all)
{
    const struct mode *m = &s->mode;
    display_lock(s->display);
    struct lines_target target = {.pixels = display_pixels(s->display),
                                  .stride = display_stride(s->display) / 4,
                                  .damage = damage,
                                  .opaque = s->display};
    struct lines lines = {.target = &target, .width = m->width};
    for (uint32_t y = 0; y < m->height; y++) {
        const uint8_t *in = (const uint8_t *)piece->host + (uint64_t)y * m->stride;
        uint64_t at = (uint64_t)(in - piece->ram->host), first = at >> MEM_PAGE_BITS;
        uint64_t end = ((at + m->line - 1) >> MEM_PAGE_BITS) + 1;
        if (!all && bitmap_find_next(s->shown.dirty, end, first) == end)
            continue;
        convert(m->format, in, m->width, s->pixels);
        if (lines_put(&lines, y, s->pixels))
            bitmap_set_range(s->shown.changed, first, end - first);
    }
    lines_end(&lines);
    display_unlock(s->display);
}

static void refresh(void *opaque, bool all)
{
    struct ramfb *s = opaque;
    const struct mode *m = &s->mode;
    struct dma_piece piece;

    if (!display_set_size(s->display, m->width, m->height) || !m->width ||
        !find_pixels(s, m, &piece) || !shown_begin(&s->shown, &s->dev.machine->rams, piece.ram))
        return;
    uint64_t at = (uint64_t)((uint8_t *)piece.host - piece.ram->host);
    uint64_t first = at >> MEM_PAGE_BITS;
    uint64_t count = ((at + piece.len - 1) >> MEM_PAGE_BITS) - first + 1;
    all |= !s->drawn || at != s->first_byte;
    bool dirty = shown_look(&s->shown, first, count);
    s->drawn = true;
    s->first_byte = at;
    if (!all && !dirty)
        return;
    draw(s, &piece, all);
    shown_clean(&s->shown, first, count);
}

static const struct display_ops display_ops = {.refresh = refresh};

/* ---- life ------------------------------------------------------------------------------------ */

/* What a BIOS shows text by. */
static bool add_rom(struct ramfb *s, struct device *fw_cfg, struct vemu_error **errp)
{
    static const char name[] = "vgabios-ramfb.bin";
    struct vemu_machine *m = s->dev.machine;
    uint8_t *data;
    size_t len;

    if (!s->legacy_rom || !m->starts_firmware)
        return true;
    char *path = firmware_find("ramfb", name, (const char *const *)m->firmware_dirs, errp);
    bool ok = path && boot_file_read("ramfb", path, ROM_MAX, &data, &len, errp);
    free(path);
    if (!ok)
        return false;
    ok = fw_cfg_add_file(fw_cfg, "vgaroms/vgabios-ramfb.bin", data, len, errp);
    free(data);
    return ok;
}

static void unrealize(struct device *dev)
{
    struct ramfb *s = (struct ramfb *)dev;
    display_free(s->display);
    s->display = NULL;
    shown_end(&s->shown);
}

static bool realize(struct device *dev, struct vemu_error **errp)
{
    struct ramfb *s = (struct ramfb *)dev;
    struct device *fw_cfg = fw_cfg_find(dev->machine);

    if (!fw_cfg)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "ramfb: this machine has no fw_cfg, by which guests set it up");
    if (fw_cfg_has_file(fw_cfg, "etc/ramfb"))
        return error_set(errp, VEMU_ERROR_INVALID, "ramfb: a machine has at most one");
    s->display = display_new(dev->machine, dev, 0, &display_ops, s, errp);
    if (s->display && add_rom(s, fw_cfg, errp) &&
        fw_cfg_add_writable_file(fw_cfg, "etc/ramfb", s->file, sizeof s->file, file_written, s,
                                 errp))
        return true;
    unrealize(dev);
    return false;
}

static void reset(struct device *dev)
{
    struct ramfb *s = (struct ramfb *)dev;
    memset(s->file, 0, sizeof s->file);
    memset(s->taken, 0, sizeof s->taken);
    take_mode(s, &(struct mode){0});
    shown_end(&s->shown);
}

static bool post_load(struct device *dev, struct vemu_error **errp)
{
    struct ramfb *s = (struct ramfb *)dev;
    struct mode m;
    static const uint8_t none[FILE_SIZE];
    if (!memcmp(s->taken, none, sizeof none))
        m = (struct mode){0};
    else if (!parse(s, s->taken, &m))
        return error_set(errp, VEMU_ERROR_FORMAT, "ramfb: a mode that no guest can set");
    take_mode(s, &m);
    return true;
}

static const struct prop_desc props[] = {
    PROP(PROP_BOOL, struct ramfb, legacy_rom, "use-legacy-x86-rom", "on",
         "a BIOS gets a VGA BIOS for it"),
    {0},
};

static const struct state_field state[] = {
    STATE_BUFFER(struct ramfb, file),
    STATE_BUFFER(struct ramfb, taken),
    STATE_FIELDS_END,
};

const struct device_class ramfb_class = {
    .name = "ramfb",
    .help = "a frame buffer in the guest's RAM, for firmware and early boot",
    .size = sizeof(struct ramfb),
    .user_creatable = true,
    .props = props,
    .state = state,
    .state_version = 1,
    .realize = realize,
    .unrealize = unrealize,
    .reset = reset,
    .post_load = post_load,
};
