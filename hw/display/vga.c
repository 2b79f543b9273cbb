/* VGA registers; see vga.h. */
#include "hw/display/vga.h"

#include <string.h>

#include "core/util/range.h"
#include "hw/display/vga_draw.h"

/* Ports, from 3B0H. */
enum {
    PORT_CRTC_MONO = 0x04,
    PORT_STATUS1_MONO = 0x0a,
    PORT_ATTR = 0x10, /* index and data */
    PORT_ATTR_READ = 0x11,
    PORT_MISC = 0x12, /* read: input status 0 */
    PORT_ENABLE = 0x13,
    PORT_SEQ = 0x14,
    PORT_DAC_MASK = 0x16,
    PORT_DAC_READ = 0x17,
    PORT_DAC_WRITE = 0x18,
    PORT_DAC_DATA = 0x19,
    PORT_FEATURE_READ = 0x1a,
    PORT_MISC_READ = 0x1c,
    PORT_GFX = 0x1e,
    PORT_CRTC_COLOR = 0x24,
    PORT_STATUS1_COLOR = 0x2a,
};
enum { MISC_COLOR = 1 << 0, ATTR_INDEX = 0x1f, ATTR_PAS = 1 << 5, CRTC_PROTECT = 1 << 7 };
enum { STATUS1_DISABLED = 1 << 0, STATUS1_RETRACE = 1 << 3, STATUS0_SENSE = 1 << 4 };
/* 640x480 at 59.94 Hz: 525 lines of 31.778 us, of which 480 are shown and two are retrace. */
#define LINE_NS INT64_C(31778)
enum { LINES = 525, LINES_SHOWN = 480, RETRACE_FIRST = 490, RETRACE_LINES = 2, SHOWN_PERCENT = 80 };

/* Display interface. */
enum {
    VBE_ID,
    VBE_XRES,
    VBE_YRES,
    VBE_BPP,
    VBE_ENABLE,
    VBE_BANK,
    VBE_VIRT_WIDTH,
    VBE_VIRT_HEIGHT,
    VBE_X_OFFSET,
    VBE_Y_OFFSET,
    VBE_MEMORY_64K,
};
enum {
    VBE_ID_FIRST = 0xb0c0,
    VBE_ID_LAST = 0xb0c5,
    VBE_ENABLED = 1 << 0,
    VBE_GETCAPS = 1 << 1,
    VBE_8BIT_DAC = 1 << 5,
    VBE_LFB = 1 << 6,
    VBE_NOCLEARMEM = 1 << 7,
    VBE_ENABLE_BITS = VBE_ENABLED | VBE_GETCAPS | VBE_8BIT_DAC | VBE_LFB | VBE_NOCLEARMEM,
    VBE_MAX_XRES = LINES_WIDTH,
    VBE_MAX_YRES = LINES_HEIGHT,
    VBE_MAX_BPP = 32,
};

const struct state_field vga_state[] = {
    STATE_INT(struct vga, misc),
    STATE_INT(struct vga, feature),
    STATE_INT(struct vga, seq_index),
    STATE_BUFFER(struct vga, seq),
    STATE_INT(struct vga, gfx_index),
    STATE_BUFFER(struct vga, gfx),
    STATE_INT(struct vga, crtc_index),
    STATE_BUFFER(struct vga, crtc),
    STATE_INT(struct vga, attr_index),
    STATE_BUFFER(struct vga, attr),
    STATE_FLAG(struct vga, attr_data),
    STATE_INT(struct vga, dac_mask),
    STATE_INT(struct vga, dac_read),
    STATE_INT(struct vga, dac_write),
    STATE_INT(struct vga, dac_sub, .max = 2),
    STATE_FLAG(struct vga, dac_reading),
    STATE_BUFFER(struct vga, dac_latch),
    STATE_BUFFER(struct vga, dac),
    STATE_INT(struct vga, latch),
    STATE_INT(struct vga, vbe_index),
    STATE_INT_ARRAY(struct vga, vbe),
    STATE_FIELDS_END,
};

/* ---- status, attribute controller, DAC ------------------------------------------------------- */

static uint8_t status1(struct vga *v)
{
    int64_t in_frame = v->now(v->opaque) % (LINES * LINE_NS);
    int64_t line = in_frame / LINE_NS, part = in_frame % LINE_NS * 100 / LINE_NS;
    uint8_t status = 0;
    v->attr_data = false;
    if (line >= LINES_SHOWN || part >= SHOWN_PERCENT)
        status |= STATUS1_DISABLED;
    if (line >= RETRACE_FIRST && line < RETRACE_FIRST + RETRACE_LINES)
        status |= STATUS1_RETRACE;
    return status;
}

static void attr_write(struct vga *v, uint8_t value)
{
    static const uint8_t mask[] = {
        [0x10] = 0xef, [0x11] = 0xff, [0x12] = 0x3f, [0x13] = 0x0f, [0x14] = 0x0f};
    if (!v->attr_data) {
        v->attr_index = value & (ATTR_INDEX | ATTR_PAS);
    } else {
        unsigned n = v->attr_index & ATTR_INDEX;
        /* The palette can be written only while it is not in use. */
        if (n < 0x10 && !(v->attr_index & ATTR_PAS))
            v->attr[n] = value & 0x3f;
        else if (n >= 0x10 && n < VGA_ATTR_REGS)
            v->attr[n] = value & mask[n];
    }
    v->attr_data = !v->attr_data;
}

static uint8_t dac_mask_bits(const struct vga *v)
{
    return v->vbe[VBE_ENABLE] & VBE_8BIT_DAC ? 0xff : 0x3f;
}

static uint8_t dac_read(struct vga *v)
{
    uint8_t value = v->dac[3 * v->dac_read + v->dac_sub];
    if (++v->dac_sub == 3) {
        v->dac_sub = 0;
        v->dac_read++;
    }
    return value;
}

static void dac_write(struct vga *v, uint8_t value)
{
    v->dac_latch[v->dac_sub] = value & dac_mask_bits(v);
    if (++v->dac_sub == 3) {
        memcpy(v->dac + 3 * v->dac_write, v->dac_latch, 3);
        v->dac_sub = 0;
        v->dac_write++;
    }
}

/* ---- indexed registers ----------------------------------------------------------------------- */

static void seq_write(struct vga *v, uint8_t value)
{
    static const uint8_t mask[VGA_SEQ_REGS] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
    if (v->seq_index < VGA_SEQ_REGS)
        v->seq[v->seq_index] = value & mask[v->seq_index];
}

static void gfx_write(struct vga *v, uint8_t value)
{
    static const uint8_t mask[VGA_GFX_REGS] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03,
                                               0x7b, 0x0f, 0x0f, 0xff};
    if (v->gfx_index < VGA_GFX_REGS)
        v->gfx[v->gfx_index] = value & mask[v->gfx_index];
}

static void crtc_write(struct vga *v, uint8_t value)
{
    if (v->crtc_index >= VGA_CRTC_REGS)
        return;
    /* Registers 0 to 7 are protected, but for line compare bit 8. */
    if ((v->crtc[0x11] & CRTC_PROTECT) && v->crtc_index <= 7) {
        if (v->crtc_index == 7)
            v->crtc[7] = (uint8_t)((v->crtc[7] & ~0x10) | (value & 0x10));
        return;
    }
    v->crtc[v->crtc_index] = value;
}

static bool is_other_emulation(const struct vga *v, unsigned n)
{
    bool color = v->misc & MISC_COLOR;
    return color ? n < PORT_ATTR : n >= PORT_CRTC_COLOR - 4;
}

/* ---- ports ----------------------------------------------------------------------------------- */

uint8_t vga_port_read(struct vga *v, unsigned n)
{
    if (is_other_emulation(v, n))
        return 0xff;
    switch (n) {
    case PORT_CRTC_MONO:
    case PORT_CRTC_COLOR:
        return v->crtc_index;
    case PORT_CRTC_MONO + 1:
    case PORT_CRTC_COLOR + 1:
        return v->crtc_index < VGA_CRTC_REGS ? v->crtc[v->crtc_index] : 0;
    case PORT_STATUS1_MONO:
    case PORT_STATUS1_COLOR:
        return status1(v);
    case PORT_ATTR:
        return v->attr_data ? 0 : v->attr_index;
    case PORT_ATTR_READ:
        return (v->attr_index & ATTR_INDEX) < VGA_ATTR_REGS ? v->attr[v->attr_index & ATTR_INDEX]
                                                            : 0;
    case PORT_MISC:
        return STATUS0_SENSE; /* a colour monitor is there */
    case PORT_ENABLE:
        return 1;
    case PORT_SEQ:
        return v->seq_index;
    case PORT_SEQ + 1:
        return v->seq_index < VGA_SEQ_REGS ? v->seq[v->seq_index] : 0;
    case PORT_DAC_MASK:
        return v->dac_mask;
    case PORT_DAC_READ:
        return v->dac_reading ? 3 : 0;
    case PORT_DAC_WRITE:
        return v->dac_write;
    case PORT_DAC_DATA:
        return dac_read(v);
    case PORT_FEATURE_READ:
        return v->feature;
    case PORT_MISC_READ:
        return v->misc;
    case PORT_GFX:
        return v->gfx_index;
    case PORT_GFX + 1:
        return v->gfx_index < VGA_GFX_REGS ? v->gfx[v->gfx_index] : 0;
    default:
        return 0xff;
    }
}

void vga_port_write(struct vga *v, unsigned n, uint8_t value)
{
    if (is_other_emulation(v, n))
        return;
    switch (n) {
    case PORT_CRTC_MONO:
    case PORT_CRTC_COLOR:
        v->crtc_index = value;
        break;
    case PORT_CRTC_MONO + 1:
    case PORT_CRTC_COLOR + 1:
        crtc_write(v, value);
        break;
    case PORT_STATUS1_MONO:
    case PORT_STATUS1_COLOR:
        v->feature = value & 0x10;
        break;
    case PORT_ATTR:
        attr_write(v, value);
        break;
    case PORT_MISC:
        v->misc = value & 0xef;
        break;
    case PORT_SEQ:
        v->seq_index = value & 7;
        break;
    case PORT_SEQ + 1:
        seq_write(v, value);
        break;
    case PORT_DAC_MASK:
        v->dac_mask = value;
        break;
    case PORT_DAC_READ:
        v->dac_read = value;
        v->dac_sub = 0;
        v->dac_reading = true;
        break;
    case PORT_DAC_WRITE:
        v->dac_write = value;
        v->dac_sub = 0;
        v->dac_reading = false;
        break;
    case PORT_DAC_DATA:
        dac_write(v, value);
        break;
    case PORT_GFX:
        v->gfx_index = value & 15;
        break;
    case PORT_GFX + 1:
        gfx_write(v, value);
        break;
    default:
        break;
    }
}

/* ---- display interface ----------------------------------------------------------------------- */

/* Bytes a line takes in the present mode. */
static uint32_t line_bytes(const struct vga *v, uint32_t pixels)
{
    return v->vbe[VBE_BPP] == 4 ? pixels / 8 * 4 : pixels * ((v->vbe[VBE_BPP] + 7u) / 8);
}

/* The virtual screen is as high as memory has room for, and offsets stay inside it. What is shown
 * may go on from the end of a line to the beginning of the next: so drivers show a picture that
 * begins anywhere in memory. */
static void fit_screen(struct vga *v)
{
    uint32_t width = MAX(v->vbe[VBE_VIRT_WIDTH], v->vbe[VBE_XRES]);
    uint32_t bytes = MAX(line_bytes(v, width), 1u);
    if ((uint64_t)bytes * MAX(v->vbe[VBE_YRES], 1u) > v->memory_size) {
        width = v->vbe[VBE_XRES];
        bytes = MAX(line_bytes(v, width), 1u);
    }
    v->vbe[VBE_VIRT_WIDTH] = (uint16_t)width;
    v->vbe[VBE_VIRT_HEIGHT] = (uint16_t)MIN(v->memory_size / bytes, (uint32_t)UINT16_MAX);
    if (v->vbe[VBE_X_OFFSET] >= width)
        v->vbe[VBE_X_OFFSET] = 0;
    uint32_t height = v->vbe[VBE_VIRT_HEIGHT], shown = MIN(height, (uint32_t)v->vbe[VBE_YRES]);
    v->vbe[VBE_Y_OFFSET] = (uint16_t)MIN((uint32_t)v->vbe[VBE_Y_OFFSET], height - shown);
}

static bool mode_fits(const struct vga *v)
{
    return v->vbe[VBE_XRES] && v->vbe[VBE_YRES] &&
           (uint64_t)line_bytes(v, v->vbe[VBE_XRES]) * v->vbe[VBE_YRES] <= v->memory_size;
}

/* A linear mode also sets the VGA registers that make the window a plain bank of it. */
static void enable(struct vga *v, uint16_t value)
{
    bool was = v->vbe[VBE_ENABLE] & VBE_ENABLED;
    value &= VBE_ENABLE_BITS;
    if ((value & VBE_ENABLED) && !was) {
        if (!mode_fits(v))
            value &= (uint16_t)~VBE_ENABLED;
        v->vbe[VBE_VIRT_WIDTH] = v->vbe[VBE_XRES];
        v->vbe[VBE_X_OFFSET] = v->vbe[VBE_Y_OFFSET] = 0;
        fit_screen(v);
    }
    v->vbe[VBE_ENABLE] = value;
    if (!(value & VBE_ENABLED)) {
        v->vbe[VBE_BANK] = 0;
        return;
    }
    if (!was && !(value & VBE_NOCLEARMEM)) {
        uint32_t len = line_bytes(v, v->vbe[VBE_XRES]) * v->vbe[VBE_YRES];
        memset(v->memory, 0, len);
        v->written(v->opaque, 0, len);
    }
    v->gfx[6] = (uint8_t)((v->gfx[6] & ~0x0f) | 0x05); /* graphics, 64 KiB at A0000H */
    v->gfx[5] &= (uint8_t)~0x10;
    v->crtc[0x17] |= 3;
    if (v->vbe[VBE_BPP] == 4)
        v->seq[4] &= (uint8_t)~8;
    else
        v->seq[4] |= 8; /* chain 4 */
    v->seq[2] |= 0x0f;
}

uint16_t vbe_read(const struct vga *v, unsigned index)
{
    if (index == VBE_MEMORY_64K)
        return (uint16_t)(v->memory_size >> 16);
    if (index >= VBE_REGS)
        return 0;
    if (v->vbe[VBE_ENABLE] & VBE_GETCAPS) {
        switch (index) {
        case VBE_XRES:
            return VBE_MAX_XRES;
        case VBE_YRES:
            return VBE_MAX_YRES;
        case VBE_BPP:
            return VBE_MAX_BPP;
        default:
            break;
        }
    }
    return v->vbe[index];
}

void vbe_write(struct vga *v, unsigned index, uint16_t value)
{
    bool enabled = v->vbe[VBE_ENABLE] & VBE_ENABLED;
    switch (index) {
    case VBE_ID:
        if (value >= VBE_ID_FIRST && value <= VBE_ID_LAST)
            v->vbe[VBE_ID] = value;
        break;
    case VBE_XRES: /* the mode can be changed only while it is off */
        if (!enabled && value <= VBE_MAX_XRES && !(value & 7))
            v->vbe[VBE_XRES] = value;
        break;
    case VBE_YRES:
        if (!enabled && value <= VBE_MAX_YRES)
            v->vbe[VBE_YRES] = value;
        break;
    case VBE_BPP:
        if (!enabled && (!value || value == 4 || value == 8 || value == 15 || value == 16 ||
                         value == 24 || value == 32))
            v->vbe[VBE_BPP] = value ? value : 8;
        break;
    case VBE_ENABLE:
        enable(v, value);
        break;
    case VBE_BANK:
        if (value < v->memory_size >> 16)
            v->vbe[VBE_BANK] = value;
        break;
    case VBE_VIRT_WIDTH:
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET:
        v->vbe[index] = value;
        if (enabled)
            fit_screen(v);
        break;
    default:
        break; /* the virtual height follows from the width */
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

void vga_reset(struct vga *v)
{
    v->misc = v->feature = 0;
    v->seq_index = v->gfx_index = v->crtc_index = v->attr_index = 0;
    memset(v->seq, 0, sizeof v->seq);
    memset(v->gfx, 0, sizeof v->gfx);
    memset(v->crtc, 0, sizeof v->crtc);
    memset(v->attr, 0, sizeof v->attr);
    memset(v->dac, 0, sizeof v->dac);
    memset(v->dac_latch, 0, sizeof v->dac_latch);
    v->attr_data = v->dac_reading = false;
    v->dac_mask = 0xff;
    v->dac_read = v->dac_write = v->dac_sub = 0;
    v->latch = 0;
    v->vbe_index = 0;
    memset(v->vbe, 0, sizeof v->vbe);
    v->vbe[VBE_ID] = VBE_ID_LAST;
    v->vbe[VBE_BPP] = 8;
}

void vga_post_load(struct vga *v)
{
    v->seq_index &= 7;
    v->gfx_index &= 15;
    v->attr_index &= ATTR_INDEX | ATTR_PAS;
    v->vbe[VBE_XRES] = MIN(v->vbe[VBE_XRES], (uint16_t)VBE_MAX_XRES);
    v->vbe[VBE_YRES] = MIN(v->vbe[VBE_YRES], (uint16_t)VBE_MAX_YRES);
    if (v->vbe[VBE_BPP] > VBE_MAX_BPP || !v->vbe[VBE_BPP])
        v->vbe[VBE_BPP] = 8;
    if (v->vbe[VBE_BANK] >= v->memory_size >> 16)
        v->vbe[VBE_BANK] = 0;
    if (!mode_fits(v))
        v->vbe[VBE_ENABLE] &= (uint16_t)~VBE_ENABLED;
    if (v->vbe[VBE_ENABLE] & VBE_ENABLED)
        fit_screen(v);
}
