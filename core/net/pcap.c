/* Captures in libpcap's savefile format, version 2.4 (pcap-savefile(5)), as every network tool
 * reads it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/net/backend.h"
#include "core/util/range.h"

enum { PCAP_VERSION_MAJOR = 2, PCAP_VERSION_MINOR = 4, LINKTYPE_ETHERNET = 1 };
/* Times are in nanoseconds; numbers in the writer's byte order. */
static const uint32_t pcap_magic = 0xa1b23c4d;

struct pcap {
    FILE *file;
    uint32_t snap_len;
};

struct file_header {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy, snap_len, link_type;
};
struct record_header {
    uint32_t seconds, nanoseconds, captured, len;
};

struct pcap *pcap_open(const char *path, uint32_t snap_len, struct vemu_error **errp)
{
    struct file_header h = {.magic = pcap_magic,
                            .major = PCAP_VERSION_MAJOR,
                            .minor = PCAP_VERSION_MINOR,
                            .snap_len = snap_len,
                            .link_type = LINKTYPE_ETHERNET};
    struct pcap *p = calloc(1, sizeof *p);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (p && fd >= 0)
        p->file = fdopen(fd, "wb");
    if (!p || !p->file || fwrite(&h, sizeof h, 1, p->file) != 1) {
        error_set(errp, VEMU_ERROR_IO, "capture file %s: %s", path, strerror(errno));
        if (p && p->file)
            fclose(p->file);
        else if (fd >= 0)
            close(fd);
        free(p);
        return NULL;
    }
    p->snap_len = snap_len;
    return p;
}

bool pcap_write(struct pcap *p, const uint8_t *frame, uint32_t len, int64_t ns)
{
    struct record_header h = {.seconds = (uint32_t)(ns / 1000000000),
                              .nanoseconds = (uint32_t)(ns % 1000000000),
                              .captured = MIN(len, p->snap_len),
                              .len = len};

    return fwrite(&h, sizeof h, 1, p->file) == 1 &&
           fwrite(frame, 1, h.captured, p->file) == h.captured;
}

bool pcap_close(struct pcap *p)
{
    bool ok = fclose(p->file) == 0;

    free(p);
    return ok;
}
