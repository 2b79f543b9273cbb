/* MSI and MSI-X: see msi.h. */
#include "hw/pci/msi.h"

#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/pci/pci.h"

/* MSI capability, with a 64-bit address. */
enum {
    MSI_CONTROL = 2,
    MSI_ADDRESS = 4,
    MSI_DATA = 12,
    MSI_MASK = 16,
    MSI_PENDING = 20,
    MSI_SIZE = 14,
    MSI_SIZE_MASKABLE = 24,
    MSI_ENABLE = 1 << 0,
    MSI_MULTIPLE_CAPABLE_SHIFT = 1,
    MSI_MULTIPLE_ENABLE_SHIFT = 4,
    MSI_64BIT = 1 << 7,
    MSI_MASKABLE = 1 << 8,
};
/* MSI-X capability. */
enum {
    MSIX_CONTROL = 2,
    MSIX_TABLE = 4,
    MSIX_PBA = 8,
    MSIX_SIZE = 12,
    MSIX_FUNCTION_MASK = 1 << 14,
    MSIX_ENABLE = 1 << 15,
};
static void send(struct pci_device *pci, uint64_t addr, uint32_t data)
{
    struct pci_bus *bus = pci->bus;
    uint8_t word[4];

    if (!pci_may_dma(pci)) {
        guest_error(pci, "%s: interrupt message while bus mastering is off", pci->dev.cls->name);
        return;
    }
    if (bus->send_msi && bus->send_msi(bus->msi_opaque, pci_requester(pci), addr, data))
        return;
    store_le32(word, data);
    dma_write(device_memory(&pci->dev), &pci->dev, addr, word, sizeof word);
}

/* ---- MSI ------------------------------------------------------------------------------------- */

static uint16_t msi_control(const struct pci_device *pci)
{
    return load_le16(pci->config + pci->msi_cap + MSI_CONTROL);
}

bool pci_msi_add(struct pci_device *pci, unsigned vectors, bool maskable)
{
    uint8_t cap = pci_add_capability(pci, PCI_CAP_ID_MSI, maskable ? MSI_SIZE_MASKABLE : MSI_SIZE);
    unsigned log2 = (unsigned)__builtin_ctz(vectors);

    if (!cap)
        return false;
    pci->msi_cap = cap;
    store_le16(
        pci->config + cap + MSI_CONTROL,
        (uint16_t)(MSI_64BIT | log2 << MSI_MULTIPLE_CAPABLE_SHIFT | (maskable ? MSI_MASKABLE : 0)));
    store_le16(pci->wmask + cap + MSI_CONTROL, MSI_ENABLE | 7 << MSI_MULTIPLE_ENABLE_SHIFT);
    store_le64(pci->wmask + cap + MSI_ADDRESS, ~UINT64_C(3));
    store_le16(pci->wmask + cap + MSI_DATA, 0xffff);
    if (maskable)
        store_le32(pci->wmask + cap + MSI_MASK, (uint32_t)mask_bits(vectors));
    return true;
}

bool pci_msi_enabled(const struct pci_device *pci)
{
    return pci->msi_cap && (msi_control(pci) & MSI_ENABLE);
}

/* How many vectors software enabled; never more than there are. */
static unsigned msi_vectors(const struct pci_device *pci)
{
    unsigned control = msi_control(pci), capable = control >> MSI_MULTIPLE_CAPABLE_SHIFT & 7;

    /* 5: PCI_MSI_VECTORS_MAX, also when a saved state says more */
    return 1u << MIN(control >> MSI_MULTIPLE_ENABLE_SHIFT & 7, MIN(capable, 5u));
}

static void msi_send(struct pci_device *pci, unsigned vector)
{
    const uint8_t *cap = pci->config + pci->msi_cap;
    uint32_t data = load_le16(cap + MSI_DATA);

    send(pci, load_le64(cap + MSI_ADDRESS), (data & ~(msi_vectors(pci) - 1)) | vector);
}

void pci_msi_notify(struct pci_device *pci, unsigned vector)
{
    uint8_t *cap = pci->config + pci->msi_cap;

    if (!pci_msi_enabled(pci))
        return;
    vector = MIN(vector, msi_vectors(pci) - 1);
    if ((msi_control(pci) & MSI_MASKABLE) && (load_le32(cap + MSI_MASK) >> vector & 1))
        store_le32(cap + MSI_PENDING, load_le32(cap + MSI_PENDING) | 1u << vector);
    else
        msi_send(pci, vector);
}

static void msi_send_pending(struct pci_device *pci)
{
    uint8_t *cap = pci->config + pci->msi_cap;
    uint32_t ready;

    if (!pci_msi_enabled(pci) || !(msi_control(pci) & MSI_MASKABLE))
        return;
    ready = load_le32(cap + MSI_PENDING) & ~load_le32(cap + MSI_MASK) &
            (uint32_t)mask_bits(msi_vectors(pci));
    store_le32(cap + MSI_PENDING, load_le32(cap + MSI_PENDING) & ~ready);
    for (unsigned n = 0; n < PCI_MSI_VECTORS_MAX; n++) {
        if (ready >> n & 1)
            msi_send(pci, n);
    }
}

/* ---- MSI-X ----------------------------------------------------------------------------------- */

static uint16_t msix_control(const struct pci_device *pci)
{
    return load_le16(pci->config + pci->msix_cap + MSIX_CONTROL);
}

bool pci_msix_enabled(const struct pci_device *pci)
{
    return pci->msix && (msix_control(pci) & MSIX_ENABLE);
}

bool pci_msix_can_send(const struct pci_msix *s, unsigned vector)
{
    const uint8_t *entry = s->table + PCI_MSIX_ENTRY_SIZE * vector;
    uint16_t control = msix_control(s->pci);

    return (control & MSIX_ENABLE) && !(control & MSIX_FUNCTION_MASK) &&
           !(entry[PCI_MSIX_ENTRY_CONTROL] & PCI_MSIX_ENTRY_MASKED);
}

static void msix_send_if_unmasked(struct pci_msix *s, unsigned vector)
{
    const uint8_t *entry = s->table + PCI_MSIX_ENTRY_SIZE * vector;

    if (!(s->pending[vector / 8] >> vector % 8 & 1) || !pci_msix_can_send(s, vector))
        return;
    s->pending[vector / 8] &= (uint8_t) ~(1u << vector % 8);
    if (!pci_msix_wire_raise(s, vector))
        send(s->pci, load_le64(entry + PCI_MSIX_ENTRY_ADDRESS),
             load_le32(entry + PCI_MSIX_ENTRY_DATA));
}

/* These vectors, or what decides of them, were changed. */
static void msix_changed(struct pci_msix *s, unsigned first, unsigned count)
{
    pci_msix_wires_update(s, first, count);
    for (unsigned n = first; n < first + count; n++)
        msix_send_if_unmasked(s, n);
}

/* What waits in descriptors is pending. */
static void msix_collect(struct pci_msix *s)
{
    for (unsigned n = 0; n < s->vectors; n++)
        if (pci_msix_wire_take(s, n))
            s->pending[n / 8] |= (uint8_t)(1u << n % 8);
}

void pci_msix_notify(struct pci_device *pci, unsigned vector)
{
    struct pci_msix *s = pci->msix;

    if (!pci_msix_enabled(pci) || vector >= s->vectors)
        return;
    s->pending[vector / 8] |= (uint8_t)(1u << vector % 8);
    msix_send_if_unmasked(s, vector);
}

static uint64_t msix_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_msix *s = opaque;

    if (range_fits(offset, size, PCI_MSIX_ENTRY_SIZE * (uint64_t)s->vectors))
        return load_le(s->table + offset, size);
    msix_collect(s);
    if (offset >= PCI_MSIX_PBA && range_fits(offset - PCI_MSIX_PBA, size, sizeof s->pending))
        return load_le(s->pending + (offset - PCI_MSIX_PBA), size);
    return 0;
}

static void msix_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pci_msix *s = opaque;
    unsigned vector = (unsigned)(offset / PCI_MSIX_ENTRY_SIZE);
    uint8_t *entry;

    if (vector >= s->vectors) /* the pending bits are read-only */
        return;
    entry = s->table + PCI_MSIX_ENTRY_SIZE * vector;
    store_le(s->table + offset, value, size);
    entry[PCI_MSIX_ENTRY_ADDRESS] &= (uint8_t)~3;
    store_le32(entry + PCI_MSIX_ENTRY_CONTROL,
               entry[PCI_MSIX_ENTRY_CONTROL] & PCI_MSIX_ENTRY_MASKED);
    msix_changed(s, vector, 1);
}

static const struct mem_ops msix_ops = {
    .read = msix_read, .write = msix_write, .min_size = 4, .max_size = 8};

bool pci_msix_add(struct pci_device *pci, struct pci_msix *msix, unsigned vectors, unsigned bar,
                  uint32_t offset)
{
    uint8_t cap = pci_add_capability(pci, PCI_CAP_ID_MSIX, MSIX_SIZE);

    if (!cap)
        return false;
    msix->pci = pci;
    msix->vectors = (uint16_t)MIN(vectors, PCI_MSIX_VECTORS_MAX);
    pci->msix = msix;
    pci->msix_cap = cap;
    store_le16(pci->config + cap + MSIX_CONTROL, (uint16_t)(msix->vectors - 1));
    store_le16(pci->wmask + cap + MSIX_CONTROL, MSIX_ENABLE | MSIX_FUNCTION_MASK);
    store_le32(pci->config + cap + MSIX_TABLE, offset | bar);
    store_le32(pci->config + cap + MSIX_PBA, (offset + PCI_MSIX_PBA) | bar);
    mem_region_init_io(&msix->region, "msix", PCI_MSIX_REGION_SIZE, &msix_ops, msix, &pci->dev);
    return true;
}

/* ---- both ------------------------------------------------------------------------------------ */

void pci_msi_config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    bool msi = pci->msi_cap && range_overlaps(offset, size, pci->msi_cap, MSI_SIZE_MASKABLE);
    bool msix = pci->msix && range_overlaps(offset, size, pci->msix_cap, MSIX_TABLE);

    if (pci->msix && range_overlaps(offset, size, PCI_COMMAND, 2))
        pci_msix_wires_update(pci->msix, 0, pci->msix->vectors);
    if (!msi && !msix)
        return;
    pci_bus_update_irqs(pci->bus, false);
    if (msi)
        msi_send_pending(pci);
    if (msix)
        msix_changed(pci->msix, 0, pci->msix->vectors);
}

void pci_msi_reset(struct pci_device *pci)
{
    struct pci_msix *s = pci->msix;

    if (!s)
        return;
    memset(s->table, 0, sizeof s->table);
    memset(s->pending, 0, sizeof s->pending);
    for (unsigned n = 0; n < s->vectors; n++)
        s->table[PCI_MSIX_ENTRY_SIZE * n + PCI_MSIX_ENTRY_CONTROL] = PCI_MSIX_ENTRY_MASKED;
    pci_msix_wires_update(s, 0, s->vectors);
    for (unsigned n = 0; n < s->vectors; n++)
        pci_msix_wire_take(s, n);
}

void pci_msi_exit(struct pci_device *pci)
{
    if (pci->msix)
        pci_msix_wires_free(pci->msix);
}

void pci_msi_post_load(struct pci_device *pci)
{
    struct pci_msix *s = pci->msix;

    for (unsigned n = 0; s && n < PCI_MSIX_VECTORS_MAX; n++) {
        uint8_t *entry = s->table + PCI_MSIX_ENTRY_SIZE * n;
        entry[PCI_MSIX_ENTRY_ADDRESS] &= (uint8_t)~3;
        store_le32(entry + PCI_MSIX_ENTRY_CONTROL,
                   entry[PCI_MSIX_ENTRY_CONTROL] & PCI_MSIX_ENTRY_MASKED);
        if (n >= s->vectors)
            s->pending[n / 8] &= (uint8_t) ~(1u << n % 8);
    }
    if (s)
        pci_msix_wires_update(s, 0, s->vectors);
}

const struct state_field pci_msix_state[] = {
    STATE_BUFFER(struct pci_msix, table),
    STATE_BUFFER(struct pci_msix, pending),
    STATE_FIELDS_END,
};
