/* The boot order; see boot_order.h. */
#include "hw/x86/boot_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/device/boot_target.h"
#include "core/device/machine.h"
#include "core/util/firmware.h"
#include "core/util/range.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/timer/mc146818.h"
#include "hw/x86/x86_common.h"

#define BOOT_ORDER_FILE "bootorder"
enum { CMOS_BOOT_ORDER_3 = 0x38 };
static const char default_order[] = "cadn";

/* Letters of -boot, what they stand for, and what the BIOS boot specification counts in CMOS. */
static const struct {
    char letter;
    enum boot_medium kind;
    uint8_t cmos;
} letters[] = {
    {'a', BOOT_FLOPPY, 1}, {'b', BOOT_FLOPPY, 1},  {'c', BOOT_DISK, 2},
    {'d', BOOT_CDROM, 3},  {'n', BOOT_NETWORK, 4},
};

void x86_boot_order_init(struct x86_board *b, const struct board_config *cfg)
{
    struct x86_boot_order *o = &b->boot_order;

    snprintf(o->order, sizeof o->order, "%s", cfg->boot_order ? cfg->boot_order : "");
    snprintf(o->once, sizeof o->once, "%s", cfg->boot_once ? cfg->boot_once : "");
    o->strict = cfg->boot_strict;
}

static const char *chosen(const struct x86_board *b)
{
    const struct x86_boot_order *o = &b->boot_order;

    return b->m->run_state == RUN_STATE_PRELAUNCH && *o->once ? o->once : o->order;
}

/* ---- CMOS RAM -------------------------------------------------------------------------------- */

static void write_cmos(struct x86_board *b)
{
    const char *order = *chosen(b) ? chosen(b) : default_order;
    uint8_t device[3] = {0};
    unsigned n = 0;

    for (; *order && n < ARRAY_SIZE(device); order++) {
        for (unsigned i = 0; i < ARRAY_SIZE(letters); i++) {
            if (letters[i].letter == *order && (!n || device[n - 1] != letters[i].cmos))
                device[n++] = letters[i].cmos;
        }
    }
    mc146818_set_cmos(b->rtc, CMOS_BOOT_ORDER, (uint8_t)(device[1] << 4 | device[0]));
    /* Bit 0 would have a floppy started whose sector has no signature. */
    mc146818_set_cmos(b->rtc, CMOS_BOOT_ORDER_3, (uint8_t)(device[2] << 4));
}

/* ---- the file -------------------------------------------------------------------------------- */

struct lines {
    char *text;
    size_t len, room;
};

static void add_line(struct lines *l, const char *line)
{
    l->len +=
        (size_t)snprintf(l->text + l->len, l->room - l->len, "%s%s", l->len ? "\n" : "", line);
}

/* The one with the lowest index from `from` on. */
static const struct boot_target *next_index(const struct vemu_machine *m, uint32_t from)
{
    const struct boot_target *best = NULL;

    list_for_each(t, &m->boot_targets, struct boot_target, node)
    {
        if (t->index != BOOT_INDEX_NONE && t->index >= from && (!best || t->index < best->index))
            best = t;
    }
    return best;
}

static void add_kind(const struct vemu_machine *m, enum boot_medium kind, struct lines *l)
{
    list_for_each(t, &m->boot_targets, struct boot_target, node)
    {
        if (t->index == BOOT_INDEX_NONE && t->kind == kind)
            add_line(l, t->path);
    }
}

/* Devices of letters that were not among `done` yet. */
static void add_letters(const struct vemu_machine *m, const char *order, uint32_t *done,
                        struct lines *l)
{
    for (; *order; order++) {
        for (unsigned i = 0; i < ARRAY_SIZE(letters); i++) {
            if (letters[i].letter != *order || *done >> letters[i].kind & 1)
                continue;
            *done |= UINT32_C(1) << letters[i].kind;
            add_kind(m, letters[i].kind, l);
        }
    }
}

/* A BIOS would follow CMOS RAM for what is not listed, UEFI firmware knows the list only. So when
 * an order was chosen all devices are in it. */
static void write_lines(const struct x86_board *b, struct lines *l)
{
    const struct boot_target *t;
    const char *order = chosen(b);
    uint32_t done = 0;

    if (b->boot_order.first)
        add_line(l, b->boot_order.first);
    for (uint32_t from = 0; (t = next_index(b->m, from)); from = t->index + 1)
        add_line(l, t->path);
    add_letters(b->m, order, &done, l);
    if (*order && !b->boot_order.strict)
        add_letters(b->m, default_order, &done, l);
    if (l->len && b->boot_order.strict)
        add_line(l, "HALT");
}

/* Once, when the machine is made: what was asked for and cannot be. */
static void warn_of_missing(const struct x86_board *b)
{
    list_for_each(t, &b->m->boot_targets, struct boot_target, node)
    {
        if (t->missing && (t->index != BOOT_INDEX_NONE || strchr(chosen(b), 'n')))
            log_msg(&b->m->log, LOG_WARN,
                    "device %s cannot be booted from: the firmware file '%s' is not installed%s%s",
                    t->dev->cls->name, t->missing,
                    firmware_package(t->missing) ? "; it is in the package " : "",
                    firmware_package(t->missing) ? firmware_package(t->missing) : "");
    }
}

bool x86_boot_order_write(struct x86_board *b, struct vemu_error **errp)
{
    struct lines l = {.room = 16 + BOOT_PATH_SIZE};

    if (b->rtc)
        write_cmos(b);
    if (b->m->run_state == RUN_STATE_PRELAUNCH)
        warn_of_missing(b);
    list_for_each(t, &b->m->boot_targets, struct boot_target, node) l.room += BOOT_PATH_SIZE;
    l.text = calloc(1, l.room);
    if (!l.text)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the boot order");
    write_lines(b, &l);
    /* Its end is a zero byte. Without an order there is no file: firmware decides. */
    bool ok = (!l.len && !fw_cfg_has_file(b->fw_cfg, BOOT_ORDER_FILE)) ||
              fw_cfg_put_file(b->fw_cfg, BOOT_ORDER_FILE, l.text, l.len ? l.len + 1 : 0, errp);
    free(l.text);
    return ok;
}
