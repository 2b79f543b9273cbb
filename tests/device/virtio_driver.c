#include "tests/device/virtio_driver.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/device/prop.h"
#include "core/util/opts.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/msi.h"
#include "hw/pci/piix.h"

uint8_t read8(struct vemu_machine *m, uint64_t addr)
{
    uint64_t v = 0;
    mem_read(m->memory, addr, 1, &v);
    return (uint8_t)v;
}
uint16_t read16(struct vemu_machine *m, uint64_t addr)
{
    uint64_t v = 0;
    mem_read(m->memory, addr, 2, &v);
    return (uint16_t)v;
}
void write8(struct vemu_machine *m, uint64_t addr, uint8_t value)
{
    mem_write(m->memory, addr, 1, value);
}
void write16(struct vemu_machine *m, uint64_t addr, uint16_t value)
{
    mem_write(m->memory, addr, 2, value);
}

static bool catch_message(void *opaque, uint16_t requester, uint64_t addr, uint32_t data)
{
    struct vt *t = opaque;
    (void)requester;
    if (addr >> 20 != 0xfee)
        return false;
    t->messages++;
    t->last_data = data;
    return true;
}

uint32_t vt_config_read(struct vt *t, unsigned reg)
{
    out32(&t->m, 0xcf8, 0x80000000u | (unsigned)VT_DEVFN << 8 | (reg & 0xfc));
    return in32(&t->m, 0xcfc);
}
void vt_config_write(struct vt *t, unsigned reg, uint32_t value)
{
    out32(&t->m, 0xcf8, 0x80000000u | (unsigned)VT_DEVFN << 8 | (reg & 0xfc));
    out32(&t->m, 0xcfc, value);
}

static void make_drive(struct vt *t, const char *format, uint64_t size)
{
    struct vemu_error *err = NULL;
    struct vemu_block_context *ctx = vemu_block_context_new(NULL, &err);
    struct vemu_block_create_options create = {
        .size = sizeof create, .format = format, .virtual_size = size};
    struct drive_config cfg = {.id = "disk",
                               .filename = t->path,
                               .format = format,
                               .discard = true,
                               .werror = DRIVE_ENOSPC};
    strcpy(t->path, "/tmp/vemu-test-XXXXXX");
    close(mkstemp(t->path));
    cr_assert(vemu_block_create(ctx, t->path, &create, &err), "%s",
              err ? vemu_error_message(err) : "");
    vemu_block_context_free(ctx);
    machine_lock(&t->m);
    cr_assert(drive_new(&t->m, &cfg, &err), "%s", err ? vemu_error_message(err) : "");
    machine_unlock(&t->m);
}

void vt_machine(struct vt *t, const char *format, uint64_t size)
{
    struct vemu_error *err = NULL;
    memset(t, 0, sizeof *t);
    test_machine_init(&t->m);
    struct ram_block *ram = ram_block_new(&t->m.rams, "ram", VT_RAM, false, &err);
    cr_assert(ram);
    mem_region_init_ram(&t->ram, "ram", ram, 0, VT_RAM);
    machine_lock(&t->m);
    mem_region_add(mem_space_root(t->m.memory), 0, &t->ram, 0);
    machine_unlock(&t->m);
    struct pci_host_config host = {0};
    t->host = made(pci_host_create(&t->m, &host, &err), err);
    struct piix3_config piix = {.host = t->host, .routed = true};
    for (unsigned i = 0; i < 16; i++)
        piix.isa[i] = line_probe(&t->isa[i]);
    made(piix3_create(&t->m, &piix, &err), err);
    pci_bus_set_msi(pci_host_bus(t->host), catch_message, t);
    if (size)
        make_drive(t, format, size);
}

static void place_bars(struct vt *t)
{
    vt_config_write(t, 0x10, VT_LEGACY);
    vt_config_write(t, 0x14, (uint32_t)VT_MSIX);
    vt_config_write(t, 0x20, (uint32_t)VT_MODERN);
    vt_config_write(t, 0x24, 0);
    vt_config_write(t, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    for (unsigned n = 0; n < 8; n++) {
        write64(&t->m, VT_MSIX + 16 * n, 0xfee00000);
        write32(&t->m, VT_MSIX + 16 * n + 8, 0x40 + n);
        write32(&t->m, VT_MSIX + 16 * n + 12, 0);
    }
}

void vt_plug(struct vt *t, const struct device_class *cls, const char *props)
{
    struct vemu_error *err = NULL;
    struct opts opts;
    machine_lock(&t->m);
    t->dev = made(device_new(&t->m, cls, NULL, &err), err);
    t->pci = (struct pci_device *)t->dev;
    t->pci->bus = pci_host_bus(t->host);
    t->pci->devfn = VT_DEVFN;
    cr_assert(opts_parse(&opts, "test", NULL, props, &err));
    for (unsigned i = 0; i < opts.count; i++)
        cr_assert(device_set_prop(t->dev, opts.items[i].key, opts.items[i].value, &err), "%s",
                  err ? vemu_error_message(err) : "");
    opts_free(&opts);
    cr_assert(device_realize(t->dev, &err), "%s", err ? vemu_error_message(err) : "");
    machine_reset(&t->m, NULL);
    machine_unlock(&t->m);
    place_bars(t);
}

void vt_free(struct vt *t)
{
    machine_lock(&t->m);
    mem_region_remove(&t->ram);
    machine_unlock(&t->m);
    machine_destroy(&t->m);
    if (t->path[0])
        unlink(t->path);
}

uint64_t vt_features(struct vt *t)
{
    write32(&t->m, VT_COMMON, 0);
    uint64_t low = read32(&t->m, VT_COMMON + 4);
    write32(&t->m, VT_COMMON, 1);
    return low | (uint64_t)read32(&t->m, VT_COMMON + 4) << 32;
}

static void set_up_queue(struct vt *t, unsigned n, bool msix)
{
    struct vemu_machine *m = &t->m;
    write16(m, VT_COMMON + 0x16, (uint16_t)n);
    write16(m, VT_COMMON + 0x18, VT_QUEUE_SIZE);
    if (msix)
        write16(m, VT_COMMON + 0x1a, (uint16_t)(n + 1));
    write32(m, VT_COMMON + 0x20, VT_DESC(n));
    write32(m, VT_COMMON + 0x24, 0);
    write32(m, VT_COMMON + 0x28, VT_AVAIL(n));
    write32(m, VT_COMMON + 0x2c, 0);
    write32(m, VT_COMMON + 0x30, VT_USED(n));
    write32(m, VT_COMMON + 0x34, 0);
    for (unsigned at = 0; at < 0x3000; at += 8)
        write64(m, VT_DESC(n) + at, 0);
    write16(m, VT_COMMON + 0x1c, 1);
    t->avail[n] = 0;
}

bool vt_start(struct vt *t, uint64_t features, unsigned queues, bool msix)
{
    struct vemu_machine *m = &t->m;
    write8(m, VT_COMMON + 0x14, 0);
    write8(m, VT_COMMON + 0x14, 1);
    write8(m, VT_COMMON + 0x14, 3);
    for (unsigned half = 0; half < 2; half++) {
        write32(m, VT_COMMON + 8, half);
        write32(m, VT_COMMON + 0xc, (uint32_t)(features >> 32 * half));
    }
    write8(m, VT_COMMON + 0x14, 11);
    if (!(read8(m, VT_COMMON + 0x14) & 8))
        return false;
    if (msix && t->pci->msix_cap)
        vt_config_write(t, t->pci->msix_cap,
                        (vt_config_read(t, t->pci->msix_cap) & 0x7fffffff) | 1u << 31);
    if (msix)
        write16(m, VT_COMMON + 0x10, 0);
    for (unsigned n = 0; n < queues; n++)
        set_up_queue(t, n, msix);
    write8(m, VT_COMMON + 0x14, 15);
    t->messages = 0;
    return true;
}

void vt_desc(struct vt *t, unsigned queue, unsigned n, uint64_t addr, uint32_t len, uint16_t flags,
             uint16_t next)
{
    uint64_t at = VT_DESC(queue) + 16 * n;
    write64(&t->m, at, addr);
    write32(&t->m, at + 8, len);
    write16(&t->m, at + 12, flags);
    write16(&t->m, at + 14, next);
}

void vt_avail(struct vt *t, unsigned queue, uint16_t head)
{
    write16(&t->m, VT_AVAIL(queue) + 4 + 2 * (t->avail[queue] % VT_QUEUE_SIZE), head);
    write16(&t->m, VT_AVAIL(queue) + 2, ++t->avail[queue]);
}

void vt_kick(struct vt *t, unsigned queue)
{
    write16(&t->m, VT_NOTIFY + 4 * queue, (uint16_t)queue);
}

void vt_wait(struct vt *t)
{
    machine_lock(&t->m);
    drive_drain_all(&t->m);
    machine_unlock(&t->m);
}

void vt_resume(struct vt *t)
{
    machine_lock(&t->m);
    drive_resume_all(&t->m);
    machine_unlock(&t->m);
    vt_wait(t);
}

void vt_limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN);
}

uint16_t vt_used_index(struct vt *t, unsigned queue)
{
    return read16(&t->m, VT_USED(queue) + 2);
}
