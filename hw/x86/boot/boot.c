/* Placement and entry state of direct boots; see boot.h. */
#include "hw/x86/boot/boot.h"

#include <stdlib.h>
#include <string.h>
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"

/* Selectors of the boot GDT: the Linux boot protocol names 0x10 and 0x18. */
enum { BOOT_CS = 0x10, BOOT_DS = 0x18, BOOT_TSS = 0x20, GDT_ENTRIES = 6 };
enum {
    ATTR_CODE64 = X86_SEG_G | X86_SEG_L | X86_SEG_P | X86_SEG_S | 0xb,
    ATTR_CODE32 = X86_SEG_G | X86_SEG_DB | X86_SEG_P | X86_SEG_S | 0xb,
    ATTR_DATA = X86_SEG_G | X86_SEG_DB | X86_SEG_P | X86_SEG_S | 0x3,
    ATTR_TSS = X86_SEG_P | 0xb,
    TSS_LIMIT = 0x67,
};

void x86_boot_init(struct x86_boot *boot)
{
    *boot = (struct x86_boot){0};
    boot_image_init(&boot->image);
}

void x86_boot_free(struct x86_boot *boot)
{
    boot_image_free(&boot->image);
    *boot = (struct x86_boot){.image = boot->image};
}

bool x86_boot_add_e820(struct x86_boot *boot, uint64_t addr, uint64_t size, uint32_t type)
{
    if (!size)
        return true;
    if (boot->e820_count == E820_MAX)
        return false;
    boot->e820[boot->e820_count++] = (struct e820_entry){addr, size, type};
    return true;
}

/* ---- placement ------------------------------------------------------------------------------- */

uint64_t boot_place_low(const struct x86_boot *boot, uint64_t size, uint64_t align)
{
    return boot_place_up(&boot->image, BOOT_LOW_START, BOOT_LOW_END, size, align);
}

uint64_t boot_place_after(const struct x86_boot *boot, uint64_t size, uint64_t align,
                          uint64_t start)
{
    return boot_place_up(&boot->image, MAX(start, BOOT_HIGH_START), boot->low_top, size, align);
}

uint64_t boot_place_high(const struct x86_boot *boot, uint64_t size, uint64_t align, uint64_t end)
{
    return boot_place_down(&boot->image, BOOT_HIGH_START, MIN(end, boot->low_top), size, align);
}

uint64_t boot_add_low(struct x86_boot *boot, const char *name, const void *data, size_t len,
                      uint64_t align, struct vemu_error **errp)
{
    uint64_t addr = boot_place_low(boot, len, align);
    if (!addr) {
        error_set(errp, VEMU_ERROR_FORMAT,
                  "-kernel %s: no room below 640 KiB for the %s of %zu bytes",
                  boot->image.kernel_path, name, len);
        return 0;
    }
    uint8_t *copy = malloc(len);
    if (!copy) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the %s", name);
        return 0;
    }
    memcpy(copy, data, len);
    return boot_add(&boot->image, "-kernel", name, addr, len, copy, len, copy, errp) ? addr : 0;
}

/* ---- entry state ----------------------------------------------------------------------------- */

static uint64_t descriptor(uint32_t base, uint32_t limit, uint16_t attr)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(attr & 0xff) << 40 |
           (uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)(attr >> 12 & 0xf) << 52 |
           (uint64_t)(base >> 24) << 56;
}

/* Four levels that map the first 4 GiB onto themselves with 2 MiB pages (every long-mode processor
 * has those). */
static uint64_t make_page_tables(struct x86_boot *boot, struct vemu_error **errp)
{
    enum { PAGES = 6, PRESENT_WRITE = 3, PAGE_SIZE_BIT = 0x80 };
    size_t len = PAGES * 4096;
    uint8_t *tables = calloc(1, len);
    uint64_t at = boot_place_low(boot, len, 4096);
    if (!tables || !at) {
        free(tables);
        error_set(errp, VEMU_ERROR_FORMAT, "-kernel %s: no room below 640 KiB for page tables",
                  boot->image.kernel_path);
        return 0;
    }
    store_le64(tables, (at + 4096) | PRESENT_WRITE);
    for (unsigned i = 0; i < 4; i++)
        store_le64(tables + 4096 + 8 * i, (at + 8192 + 4096 * i) | PRESENT_WRITE);
    for (uint64_t i = 0; i < 2048; i++)
        store_le64(tables + 8192 + 8 * i, i << 21 | PAGE_SIZE_BIT | PRESENT_WRITE);
    return boot_add(&boot->image, "-kernel", "page tables", at, len, tables, len, tables, errp) ? at
                                                                                                : 0;
}

bool boot_make_tables(struct x86_boot *boot, struct vemu_error **errp)
{
    uint8_t gdt[GDT_ENTRIES * 8] = {0};
    bool long64 = boot->entry.kind == BOOT_LONG64;
    store_le64(gdt + BOOT_CS, descriptor(0, 0xfffff, long64 ? ATTR_CODE64 : ATTR_CODE32));
    store_le64(gdt + BOOT_DS, descriptor(0, 0xfffff, ATTR_DATA));
    store_le64(gdt + BOOT_TSS, descriptor(0, TSS_LIMIT, ATTR_TSS)); /* in long mode 16 bytes */
    boot->entry.gdt = boot_add_low(boot, "segment table", gdt, sizeof gdt, 16, errp);
    if (!boot->entry.gdt)
        return false;
    if (long64) {
        boot->entry.cr3 = make_page_tables(boot, errp);
        if (!boot->entry.cr3)
            return false;
    }
    /* No entry protocol promises a stack, but one costs nothing. */
    uint64_t stack = boot_place_low(boot, 4096, 16);
    if (stack && !boot_reserve(&boot->image, "-kernel", "stack", stack, 4096, errp))
        return false;
    boot->entry.rsp = stack ? stack + 4096 : 0;
    return true;
}

static struct x86_segment segment(uint16_t selector, uint32_t limit, unsigned attr)
{
    return (struct x86_segment){.limit = limit, .selector = selector, .attr = (uint16_t)attr};
}

static void set_registers(const struct boot_entry *e, struct x86_regs *r)
{
    bool long64 = e->kind == BOOT_LONG64;
    memset(r->gpr, 0, sizeof r->gpr);
    r->gpr[X86_RAX] = e->rax;
    r->gpr[X86_RBX] = e->rbx;
    r->gpr[X86_RSI] = e->rsi;
    r->gpr[X86_RSP] = e->rsp;
    r->rip = e->rip;
    r->rflags = X86_FLAG_1;
    for (unsigned i = 0; i < X86_SEG_COUNT; i++)
        r->seg[i] = segment(BOOT_DS, UINT32_MAX, ATTR_DATA);
    r->seg[X86_CS] = segment(BOOT_CS, UINT32_MAX, long64 ? ATTR_CODE64 : ATTR_CODE32);
    r->tr = segment(BOOT_TSS, TSS_LIMIT, ATTR_TSS);
    r->gdtr = (struct x86_table){.base = e->gdt, .limit = GDT_ENTRIES * 8 - 1};
    r->idtr = (struct x86_table){.base = 0, .limit = 0};
    r->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
    if (long64) {
        r->cr0 |= X86_CR0_PG;
        r->cr3 = e->cr3;
        r->cr4 = X86_CR4_PAE;
        r->efer = X86_EFER_LME | X86_EFER_LMA;
    }
}

bool x86_boot_apply(struct x86_boot *boot, struct vemu_machine *m, struct vemu_error **errp)
{
    if (!boot_image_write(&boot->image, m, errp))
        return false;
    if (boot->entry.kind != BOOT_NONE && m->vcpu_count)
        set_registers(&boot->entry, m->vcpus[0]->regs);
    return true;
}
