/*
 * What fuzz targets of disks share, on top of device.h: images that can be cut, the machine going
 * on after errors, and a device's state that is saved, damaged and loaded.
 */
#ifndef TESTS_FUZZ_DISK_H
#define TESTS_FUZZ_DISK_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/block/drive.h"
#include "core/state/state.h"
#include "tests/fuzz/device.h"

enum { FUZZ_IMAGE = 256 << 10 };

/* kind: 1 read only, 2 discards, 4 written through, 24 the policy for errors. Returns the image's
 * descriptor. Machine lock held. */
static inline int fuzz_disk(struct fuzz_machine *f, const char *id, unsigned kind)
{
    static const enum drive_on_error policies[] = {DRIVE_REPORT, DRIVE_IGNORE, DRIVE_STOP,
                                                   DRIVE_ENOSPC};
    struct drive_config cfg = {.id = id, .format = "raw"};
    int fd = memfd_create(id, MFD_CLOEXEC);
    char path[64];

    if (fd < 0 || ftruncate(fd, FUZZ_IMAGE) != 0)
        fuzz_fail("no image");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    cfg.filename = path;
    cfg.read_only = kind & 1;
    cfg.discard = kind & 2;
    cfg.cache = kind & 4 ? VEMU_BLOCK_WRITETHROUGH : VEMU_BLOCK_WRITEBACK;
    cfg.rerror = cfg.werror = policies[kind >> 3 & 3];
    if (!drive_new(&f->m, &cfg, NULL))
        fuzz_fail("no drive");
    return fd;
}

static inline void fuzz_disk_cut(int fd, bool cut)
{
    int ignored = ftruncate(fd, cut ? 4096 : FUZZ_IMAGE);
    (void)ignored;
}

static inline void fuzz_disk_settle(struct fuzz_machine *f, bool resume)
{
    machine_lock(&f->m);
    drive_drain_all(&f->m);
    if (resume) {
        drive_resume_all(&f->m);
        drive_drain_all(&f->m);
    }
    machine_unlock(&f->m);
}

/* What is refused leaves a machine that is reset. */
static inline void fuzz_reload(struct fuzz_machine *f, struct device *dev, struct fuzz_input *in)
{
    const struct device_class *cls = dev->cls;
    struct state_writer *w = state_writer_new();
    struct state_section section;
    struct state_reader *reader;
    const void *data;
    size_t len;

    fuzz_disk_settle(f, false);
    machine_lock(&f->m);
    if (w && state_save_section(w, cls->name, 0, cls->state_version, cls->state, dev) &&
        state_writer_finish(w, &data, &len)) {
        reader = state_reader_new(data, len, NULL);
        if (reader && state_reader_next(reader, &section, NULL)) {
            uint8_t *copy = malloc(section.len);
            if (!copy)
                fuzz_fail("no memory");
            memcpy(copy, section.data, section.len);
            for (unsigned n = (unsigned)fuzz_take(in, 1) % 4; n; n--) {
                size_t at = fuzz_take(in, 2) % section.len;
                copy[at] = (uint8_t)fuzz_take(in, 1);
            }
            section.data = copy;
            if (!state_load_section(&section, cls->state_version, cls->state, dev, NULL) ||
                !cls->post_load(dev, NULL))
                machine_reset(&f->m, NULL);
            free(copy);
        }
        state_reader_free(reader);
    }
    state_writer_free(w);
    machine_unlock(&f->m);
}

#endif
