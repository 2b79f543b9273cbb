/*
 * PCI: a bus, the functions on it, and what every function shares: configuration space with write
 * masks, base address registers, capabilities, INTx and the command register.
 *
 * A PCI device model's struct starts with struct pci_device (which starts with struct device). Its
 * class sets .bus = "pci", lists PCI_PROPS in its properties and STATE_PCI in its state table. The
 * board sets pci->bus and pci->devfn (or leaves devfn PCI_DEVFN_ANY) before device_realize; the
 * model's realize calls pci_device_init, then pci_bar_add and pci_add_capability; its unrealize
 * calls pci_device_exit, its reset pci_device_reset and its post_load pci_device_post_load.
 *
 * Registers: PCI Local Bus Specification 3.0, chapter 6. All of it runs with the machine lock held.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"
#include "core/memory/memory.h"
#include "core/state/state.h"

enum {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION_ID = 0x08,
    PCI_CLASS_PROG = 0x09,
    PCI_CLASS_DEVICE = 0x0a,
    PCI_CACHE_LINE_SIZE = 0x0c,
    PCI_LATENCY_TIMER = 0x0d,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BASE_ADDRESS_0 = 0x10,
    PCI_PRIMARY_BUS = 0x18, /* of a bridge */
    PCI_SECONDARY_BUS = 0x19,
    PCI_SUBORDINATE_BUS = 0x1a,
    PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
    PCI_SUBSYSTEM_ID = 0x2e,
    PCI_ROM_ADDRESS = 0x30,
    PCI_CAPABILITY_LIST = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
};
enum {
    PCI_COMMAND_IO = 1 << 0,
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_PARITY = 1 << 6,
    PCI_COMMAND_SERR = 1 << 8,
    PCI_COMMAND_INTX_DISABLE = 1 << 10,
    PCI_STATUS_INTERRUPT = 1 << 3,
    PCI_STATUS_CAP_LIST = 1 << 4,
};
enum { PCI_CAP_ID_PM = 0x01, PCI_CAP_ID_MSI = 0x05, PCI_CAP_ID_EXP = 0x10, PCI_CAP_ID_MSIX = 0x11 };
enum {
    PCI_VENDOR_INTEL = 0x8086,
    PCI_VENDOR_REDHAT = 0x1b36,
    PCI_VENDOR_VIRTIO = 0x1af4,
};

enum {
    PCI_CONFIG_SIZE = 256,      /* conventional */
    PCI_EXP_CONFIG_SIZE = 4096, /* through ECAM */
    PCI_BARS = 6,
    PCI_ROM_BAR = 6, /* index of the expansion ROM in pci_device.bars */
    PCI_SLOTS = 32,
    PCI_DEVFN_ANY = 0x100, /* the bus picks the first free slot */
};
#define PCI_DEVFN(slot, function) (((slot) << 3) | (function))

/* Flags of a BAR. */
enum pci_bar_flags {
    PCI_BAR_MEM32 = 0,
    PCI_BAR_IO = 1,
    PCI_BAR_MEM64 = 4, /* takes the next BAR register too */
    PCI_BAR_PREFETCH = 8,
};

struct pci_device;
struct pci_msix;

/* requester: bus number, device and function of who sends it. */
typedef bool (*pci_msi_fn)(void *opaque, uint16_t requester, uint64_t addr, uint32_t data);

struct pci_bar {
    struct mem_region *region; /* NULL: this BAR is not there; owned by the device model */
    uint64_t size;             /* power of two */
    uint8_t flags;
    bool mapped; /* region is in the bus' container at region->addr */
};

/* What is behind a bus: the host bridge of a board. */
struct pci_bus_ops {
    /* Which interrupt line (0 to 7) pin 0-3 (INTA-INTD) of the function drives. */
    unsigned (*map_irq)(void *opaque, const struct pci_device *pci, unsigned pin);
    void (*set_irq)(void *opaque, unsigned line, int level);
};
enum { PCI_IRQ_LINES = 8 };

struct pci_bus {
    struct vemu_machine *machine;
    struct mem_region *mem, *io; /* containers that BARs are placed in */
    const struct pci_bus_ops *ops;
    void *opaque;
    /* Takes interrupt messages, 32-bit writes of data to addr; false: not one of its addresses, and
     * the write goes to memory. NULL: there is nobody. */
    pci_msi_fn send_msi;
    void *msi_opaque;
    const char *name;                  /* as bus= has it; NULL: it cannot be named */
    struct pci_device *bridge;         /* what it is behind; NULL: the root bus */
    unsigned slots;                    /* that there are */
    bool ports_from_0;                 /* functions may have port 0, which is nothing else's */
    bool express;                      /* functions have 4096 bytes of configuration space */
    uint8_t line_level[PCI_IRQ_LINES]; /* what set_irq was told last */
    struct pci_device *functions[256]; /* by devfn */
};

void pci_bus_init(struct pci_bus *bus, struct vemu_machine *m, struct mem_region *mem,
                  struct mem_region *io, const struct pci_bus_ops *ops, void *opaque);
/* The bus behind a bridge: it has a slot, and all that it does not answer is the bus' above. */
void pci_bus_init_behind(struct pci_bus *bus, struct pci_device *bridge, const char *name,
                         struct mem_region *mem, struct mem_region *io);
/* The bus that configuration cycles for that number reach; NULL: none does. */
struct pci_bus *pci_bus_find(struct pci_bus *root, unsigned number);
/* Who takes interrupt messages; before the machine runs. */
void pci_bus_set_msi(struct pci_bus *bus, pci_msi_fn send, void *opaque);
/* As who a function's transactions reach the host. */
uint16_t pci_requester(const struct pci_device *pci);
/* Re-evaluates every interrupt line: after the routing changed, or after a state load. */
void pci_bus_update_irqs(struct pci_bus *bus, bool force);

/* Identity of a function, written into its configuration space by pci_device_init. */
struct pci_ident {
    uint16_t vendor, device;
    uint16_t subsystem_vendor, subsystem;
    uint32_t class_code; /* 24 bits: base class, sub-class, programming interface */
    uint8_t revision;
    uint8_t interrupt_pin; /* 0: none, 1: INTA ... 4: INTD */
};

struct pci_device {
    struct device dev;
    struct pci_bus *bus;       /* wiring: set before realize */
    struct pci_bus *secondary; /* of a bridge: the bus behind it */
    uint16_t devfn;            /* wiring: or PCI_DEVFN_ANY */
    char *addr;                /* property: "5" or "5.1", overrides devfn */
    char *bus_name;            /* property, for the board, which sets `bus` */
    bool multifunction;        /* property */
    bool attached;
    bool has_reset_config;
    uint8_t intx_level;        /* what the function asserts, before INTX_DISABLE */
    uint8_t cap_end;           /* first free byte after the capabilities */
    uint8_t msi_cap, msix_cap; /* hw/pci/msi.h; 0: none */
    struct pci_msix *msix;

    uint8_t config[PCI_EXP_CONFIG_SIZE];
    uint8_t reset_config[PCI_EXP_CONFIG_SIZE]; /* the values after realize */
    uint8_t wmask[PCI_EXP_CONFIG_SIZE];        /* bits that software may write */
    uint8_t w1c[PCI_EXP_CONFIG_SIZE];          /* bits that a written 1 clears */
    struct pci_bar bars[PCI_BARS + 1];

    /* Optional hooks. config_written runs after the generic part of a write, also for reset and
     * load (with offset 0 and size PCI_EXP_CONFIG_SIZE). config_read may refresh config[] before a
     * read. */
    void (*config_written)(struct pci_device *pci, uint32_t offset, uint32_t size);
    void (*config_read)(struct pci_device *pci, uint32_t offset, uint32_t size);
};

#define PCI_PROPS(type_, member_)                                                                  \
    PROP(PROP_STRING, type_, member_.addr, "addr", NULL,                                           \
         "slot and function on the bus, as 5 or "                                                  \
         "5.1 (hexadecimal)"),                                                                     \
        PROP(PROP_STRING, type_, member_.bus_name, "bus", NULL,                                    \
             "bus it is plugged into: pci.0, pcie.0, or the id of a root port"),                   \
        PROP(PROP_BOOL, type_, member_.multifunction, "multifunction", "off",                      \
             "other functions of its slot come later")
extern const struct state_field pci_device_state[];
#define STATE_PCI(type_, member_)                                                                  \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(type_, member_), .count = 1,    \
        .elem_size = sizeof(struct pci_device), .fields = pci_device_state                         \
    }

bool pci_is_device(const struct device *dev);
/* Takes the slot and fills in the header. Fails when the slot is taken or the bus is full. */
bool pci_device_init(struct pci_device *pci, const struct pci_ident *ident,
                     struct vemu_error **errp);
/* Unmaps the BARs, lowers the interrupt, frees the slot. */
void pci_device_exit(struct pci_device *pci);
/* The guest lets it go: it is reset, so that nothing of it is under way any more, and off its bus.
 * Its owner frees it when no vCPU can be inside (device_unplug). */
void pci_device_unplug(struct pci_device *pci);
void pci_device_reset(struct pci_device *pci);
bool pci_device_post_load(struct pci_device *pci, struct vemu_error **errp);

/* Only in realize. region->size must be a power of two: at least 16 for memory, 4 for I/O; it is
 * placed in the bus' container whenever the guest enables it. PCI_ROM_BAR takes PCI_BAR_MEM32. */
void pci_bar_add(struct pci_device *pci, unsigned index, uint8_t flags, struct mem_region *region);
/* Only in realize. Returns the offset of the zeroed capability (its id and link filled in), or 0
 * when there is no room. */
uint8_t pci_add_capability(struct pci_device *pci, uint8_t id, uint8_t size);

/* Drive the function's INTx pin. */
void pci_set_intx(struct pci_device *pci, int level);

/* Configuration accesses as software makes them: size is 1, 2 or 4 and does not cross a dword. */
uint32_t pci_config_read(struct pci_device *pci, uint32_t offset, unsigned size);
void pci_config_write(struct pci_device *pci, uint32_t offset, uint32_t value, unsigned size);
/* The same by address, for host bridges: absent functions read all ones. */
uint32_t pci_bus_config_read(struct pci_bus *bus, uint16_t devfn, uint32_t offset, unsigned size);
void pci_bus_config_write(struct pci_bus *bus, uint16_t devfn, uint32_t offset, uint32_t value,
                          unsigned size);

/* May it master the bus? It, and every bridge above. */
bool pci_may_dma(const struct pci_device *pci);
/* Bus-master DMA: refused (MEM_ERROR) while the command register's bus-master bit is clear. */
enum mem_result pci_dma_read(struct pci_device *pci, uint64_t addr, void *buf, uint64_t len);
enum mem_result pci_dma_write(struct pci_device *pci, uint64_t addr, const void *buf, uint64_t len);

#endif
