/*
 * virtio-balloon: the driver gives pages to the host when it is asked to, tells how much memory it
 * uses for what, and, if wanted, which of its pages are free. VIRTIO 1.2, section "Traditional
 * Memory Balloon Device". A machine has one at most. Machine lock held throughout.
 */
#ifndef HW_VIRTIO_VIRTIO_BALLOON_H
#define HW_VIRTIO_VIRTIO_BALLOON_H

#include "hw/virtio/virtio_device.h"

extern const struct virtio_device_class virtio_balloon_pci_class,
    virtio_balloon_pci_transitional_class, virtio_balloon_pci_non_transitional_class,
    virtio_balloon_device_class;

struct virtio_balloon;

/* The machine's; NULL: it has none. */
struct virtio_balloon *virtio_balloon_find(struct vemu_machine *m);
/* The part of a device that is one; NULL: it is another one. */
struct virtio_balloon *virtio_balloon_of(struct device *dev);

/* How much memory the guest is asked to be content with, and how much it has, in bytes. The guest
 * takes its time, and may not do it at all. */
void virtio_balloon_set_target(struct virtio_balloon *s, uint64_t bytes);
uint64_t virtio_balloon_actual(const struct virtio_balloon *s);

/* What drivers tell, by the specification's tags. */
enum { BALLOON_STATS = 10 };
extern const char *const virtio_balloon_stat_names[BALLOON_STATS]; /* "stat-swap-in", ... */
#define BALLOON_STAT_UNKNOWN UINT64_MAX
/* By tag. Returns when the guest told them, in seconds of the Unix epoch; 0: never. */
int64_t virtio_balloon_stats(const struct virtio_balloon *s, uint64_t stats[BALLOON_STATS]);

#endif
