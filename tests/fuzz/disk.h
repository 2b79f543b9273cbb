/*
 * What fuzz targets of disks share, on top of device.h: images that can be cut, and the machine
 * going on after errors.
 */
#ifndef TESTS_FUZZ_DISK_H
#define TESTS_FUZZ_DISK_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/block/drive.h"
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

/* The device at rest; see fuzz_reload. */
static inline void fuzz_disk_reload(struct fuzz_machine *f, struct device *dev,
                                    struct fuzz_input *in)
{
    fuzz_disk_settle(f, false);
    fuzz_reload(f, dev, in);
}

#endif
