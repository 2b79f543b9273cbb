/* Virtio devices as devices of the machine: see virtio_device.h. */
#include "hw/virtio/virtio_device.h"

#include "core/util/range.h"

static const struct virtio_device_class *class_of(const struct device *dev)
{
    return container_of(dev->cls, const struct virtio_device_class, device);
}

static struct virtio *virtio_of(struct device *dev)
{
    return (struct virtio *)(void *)((char *)dev + class_of(dev)->offset);
}

struct virtio *virtio_device_of(struct device *dev)
{
    bool ours = dev->cls->realize == virtio_pci_device_realize ||
                dev->cls->realize == virtio_mmio_device_realize;

    return ours ? virtio_of(dev) : NULL;
}

static bool post_load(struct device *dev, struct vemu_error **errp)
{
    const struct virtio_kind *kind = class_of(dev)->kind;

    return !kind->post_load || kind->post_load(virtio_of(dev), errp);
}

void virtio_device_prop_changed(struct device *dev)
{
    const struct virtio_kind *kind = class_of(dev)->kind;

    if (kind->prop_changed)
        kind->prop_changed(virtio_of(dev));
}

/* ---- over PCI -------------------------------------------------------------------------------- */

static struct virtio_pci *pci_of(struct device *dev)
{
    return container_of(dev, struct virtio_pci, pci.dev);
}

bool virtio_pci_device_realize(struct device *dev, struct vemu_error **errp)
{
    const struct virtio_device_class *cls = class_of(dev);
    struct virtio_pci *pci = pci_of(dev);

    if (cls->legacy != VIRTIO_PCI_AUTO)
        pci->disable_legacy = cls->legacy;
    if (!cls->kind->init(virtio_of(dev), dev, errp))
        return false;
    if (!virtio_pci_init(pci, virtio_of(dev), &cls->kind->pci, errp)) {
        cls->kind->exit(virtio_of(dev));
        return false;
    }
    if (!cls->kind->pci_added || cls->kind->pci_added(virtio_of(dev), &pci->pci, errp))
        return true;
    virtio_pci_device_unrealize(dev);
    return false;
}

void virtio_pci_device_unrealize(struct device *dev)
{
    const struct virtio_kind *kind = class_of(dev)->kind;

    kind->exit(virtio_of(dev));
    virtio_pci_exit(pci_of(dev));
    if (kind->pci_removed)
        kind->pci_removed(virtio_of(dev), &pci_of(dev)->pci);
}

void virtio_pci_device_reset(struct device *dev)
{
    virtio_pci_reset(pci_of(dev));
}

bool virtio_pci_device_post_load(struct device *dev, struct vemu_error **errp)
{
    return post_load(dev, errp) && virtio_pci_post_load(pci_of(dev), errp);
}

/* ---- over MMIO ------------------------------------------------------------------------------- */

static struct virtio_mmio *mmio_of(struct device *dev)
{
    return container_of(dev, struct virtio_mmio, dev);
}

bool virtio_mmio_device_realize(struct device *dev, struct vemu_error **errp)
{
    const struct virtio_kind *kind = class_of(dev)->kind;

    if (!kind->init(virtio_of(dev), dev, errp))
        return false;
    if (virtio_mmio_init(mmio_of(dev), virtio_of(dev), errp))
        return true;
    kind->exit(virtio_of(dev));
    return false;
}

void virtio_mmio_device_unrealize(struct device *dev)
{
    class_of(dev)->kind->exit(virtio_of(dev));
    virtio_mmio_exit(mmio_of(dev));
}

void virtio_mmio_device_reset(struct device *dev)
{
    virtio_mmio_reset(mmio_of(dev));
}

bool virtio_mmio_device_post_load(struct device *dev, struct vemu_error **errp)
{
    return post_load(dev, errp) && virtio_mmio_post_load(mmio_of(dev), errp);
}
