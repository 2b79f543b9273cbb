/*
 * The x86 register file by name, and a page walk without side effects, for debuggers. Paging: Intel
 * SDM vol. 3, chapter "Paging"; x87 tag word: vol. 1, chapter "Programming with the x87 FPU".
 */
#include <string.h>

#include "core/cpu/debug.h"
#include "core/cpu/x86.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"

/* ---- page walk ------------------------------------------------------------------------------- */

enum { PTE_P = 1 << 0, PTE_PS = 1 << 7 };
#define PTE_ADDR UINT64_C(0x000ffffffffff000)

static bool read_entry(struct vcpu *cpu, uint64_t addr, unsigned size, uint64_t *entry)
{
    uint8_t bytes[8] = {0};

    if (dma_read(vcpu_memory(cpu), NULL, addr, bytes, size) != MEM_OK)
        return false;
    *entry = load_le64(bytes);
    return *entry & PTE_P;
}

/* 10-10-12 bits, 4 MiB pages with PSE. */
static bool walk_32(struct vcpu *cpu, uint32_t vaddr, uint64_t *paddr)
{
    const struct x86_regs *r = cpu->regs;
    uint64_t e;

    if (!read_entry(cpu, (r->cr3 & 0xfffff000) + (vaddr >> 22) * 4, 4, &e))
        return false;
    if ((e & PTE_PS) && (r->cr4 & X86_CR4_PSE)) {
        *paddr = (e & 0xffc00000) | (e & 0x1fe000) << 19 | (vaddr & 0x3fffff);
        return true;
    }
    if (!read_entry(cpu, (e & 0xfffff000) + (vaddr >> 12 & 0x3ff) * 4, 4, &e))
        return false;
    *paddr = (e & 0xfffff000) | (vaddr & 0xfff);
    return true;
}

/* 9 bits a level; levels: 3 (PAE), 4 or 5. */
static bool walk_64(struct vcpu *cpu, uint64_t vaddr, unsigned levels, uint64_t *paddr)
{
    const struct x86_regs *r = cpu->regs;
    uint64_t table = levels == 3 ? r->cr3 & 0xffffffe0 : r->cr3 & PTE_ADDR, e;

    for (unsigned level = levels; level > 0; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t index = vaddr >> shift & (levels == 3 && level == 3 ? 3 : 0x1ff);

        if (!read_entry(cpu, table + index * 8, 8, &e))
            return false;
        if (level == 1 || ((e & PTE_PS) && level <= (levels == 3 ? 2u : 3u))) {
            *paddr = (e & PTE_ADDR & ~mask_bits(shift)) | (vaddr & mask_bits(shift));
            return true;
        }
        table = e & PTE_ADDR;
    }
    return false;
}

bool x86_debug_translate(struct vcpu *cpu, uint64_t vaddr, uint64_t *paddr)
{
    const struct x86_regs *r = cpu->regs;
    bool ok = true;

    if (!(r->cr0 & X86_CR0_PG))
        *paddr = (uint32_t)vaddr;
    else if (r->efer & X86_EFER_LMA)
        ok = walk_64(cpu, vaddr, r->cr4 & X86_CR4_LA57 ? 5 : 4, paddr);
    else if (r->cr4 & X86_CR4_PAE)
        ok = walk_64(cpu, (uint32_t)vaddr, 3, paddr);
    else
        ok = walk_32(cpu, (uint32_t)vaddr, paddr);
    if (ok && r->a20_off)
        *paddr &= ~(UINT64_C(1) << 20);
    return ok;
}

/* ---- registers ------------------------------------------------------------------------------- */

enum register_kind {
    KIND_PLAIN, /* bytes at an offset of struct x86_regs */
    KIND_SELECTOR,
    KIND_FLAGS,
    KIND_ST,   /* x87 register by its place in the stack */
    KIND_FTAG, /* the tag word of FSTENV */
    KIND_CONTROL,
    KIND_CR8,
    KIND_EFER,
};

#define PLAIN(name_, member)                                                                       \
    {                                                                                              \
        name_, sizeof(((struct x86_regs *)0)->member), KIND_PLAIN,                                 \
            offsetof(struct x86_regs, member)                                                      \
    }
#define PLAIN_AS(name_, size_, member)                                                             \
    {                                                                                              \
        name_, size_, KIND_PLAIN, offsetof(struct x86_regs, member)                                \
    }
#define SEG(name_, n)                                                                              \
    {name_, 2, KIND_SELECTOR, n}, PLAIN(name_ "_base", seg[n].base),                               \
        PLAIN(name_ "_limit", seg[n].limit), PLAIN(name_ "_attr", seg[n].attr)
#define GPR(name_, n) PLAIN(name_, gpr[n])
#define XMM(n) PLAIN("xmm" #n, vec[n].half[0])
#define YMMH(n) PLAIN("ymm" #n "h", vec[n].half[1])
#define ST(n)                                                                                      \
    {                                                                                              \
        "st" #n, 10, KIND_ST, n                                                                    \
    }

const struct cpu_register x86_registers[] = {
    X86_GPRS(GPR),
    PLAIN("rip", rip),
    {"rflags", 8, KIND_FLAGS, 0},
    {"eflags", 4, KIND_FLAGS, 0},
    SEG("cs", X86_CS),
    SEG("ss", X86_SS),
    SEG("ds", X86_DS),
    SEG("es", X86_ES),
    SEG("fs", X86_FS),
    SEG("gs", X86_GS),
    PLAIN("k_gs_base", kernel_gs_base),
    PLAIN("ldtr", ldtr.selector),
    PLAIN("ldtr_base", ldtr.base),
    PLAIN("ldtr_limit", ldtr.limit),
    PLAIN("tr", tr.selector),
    PLAIN("tr_base", tr.base),
    PLAIN("tr_limit", tr.limit),
    PLAIN("gdtr_base", gdtr.base),
    PLAIN("gdtr_limit", gdtr.limit),
    PLAIN("idtr_base", idtr.base),
    PLAIN("idtr_limit", idtr.limit),
    {"cr0", 8, KIND_CONTROL, offsetof(struct x86_regs, cr0)},
    PLAIN("cr2", cr2),
    PLAIN("cr3", cr3),
    {"cr4", 8, KIND_CONTROL, offsetof(struct x86_regs, cr4)},
    {"cr8", 8, KIND_CR8, 0},
    {"efer", 8, KIND_EFER, 0},
    PLAIN("xcr0", xcr0),
    PLAIN("dr0", dr[0]),
    PLAIN("dr1", dr[1]),
    PLAIN("dr2", dr[2]),
    PLAIN("dr3", dr[3]),
    PLAIN("dr6", dr[6]),
    PLAIN("dr7", dr[7]),
    ST(0),
    ST(1),
    ST(2),
    ST(3),
    ST(4),
    ST(5),
    ST(6),
    ST(7),
    PLAIN_AS("fctrl", 2, fcw),
    PLAIN_AS("fstat", 2, fsw),
    {"ftag", 2, KIND_FTAG, 0},
    PLAIN("fop", fop),
    PLAIN("fioff", fip),
    PLAIN("fiseg", fcs),
    PLAIN("fooff", fdp),
    PLAIN("foseg", fds),
    X86_VECTORS(XMM),
    PLAIN("mxcsr", mxcsr),
    X86_VECTORS(YMMH),
    {NULL, 0, 0, 0},
};

static uint16_t tag_word(const struct x86_regs *r)
{
    uint16_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        uint64_t significand = r->fpr[i].u64[0];
        unsigned exponent = r->fpr[i].u64[1] & 0x7fff, tag;

        if (!(r->ftw >> i & 1))
            tag = 3; /* empty */
        else if (!exponent && !significand)
            tag = 1; /* zero */
        else if (!exponent || exponent == 0x7fff || !(significand >> 63))
            tag = 2; /* special */
        else
            tag = 0; /* valid */
        tags |= (uint16_t)(tag << 2 * i);
    }
    return tags;
}

static struct x86_vec *stack_register(struct x86_regs *r, unsigned n)
{
    return &r->fpr[(n + (r->fsw >> 11)) & 7];
}

void x86_register_read(struct vcpu *cpu, const struct cpu_register *reg, void *buf)
{
    struct x86_regs *r = cpu->regs;
    uint8_t bytes[CPU_REGISTER_MAX] = {0};

    switch ((enum register_kind)reg->kind) {
    case KIND_PLAIN:
    case KIND_CONTROL:
        memcpy(bytes, (uint8_t *)r + reg->where, reg->size);
        break;
    case KIND_SELECTOR:
        store_le16(bytes, r->seg[reg->where].selector);
        break;
    case KIND_FLAGS:
        store_le64(bytes, r->rflags);
        break;
    case KIND_ST:
        memcpy(bytes, stack_register(r, reg->where), 10);
        break;
    case KIND_FTAG:
        store_le16(bytes, tag_word(r));
        break;
    case KIND_CR8:
        bytes[0] =
            cpu->intc_ops && cpu->intc_ops->get_tpr ? cpu->intc_ops->get_tpr(cpu->intc) >> 4 : 0;
        break;
    case KIND_EFER:
        store_le64(bytes, r->efer);
        break;
    }
    memcpy(buf, bytes, reg->size);
}

static void write_flags(struct x86_regs *r, uint64_t value)
{
    const uint64_t settable = X86_FLAGS_ARITH | X86_FLAG_TF | X86_FLAG_IF | X86_FLAG_DF |
                              X86_FLAG_IOPL | X86_FLAG_NT | X86_FLAG_RF | X86_FLAG_VM |
                              X86_FLAG_AC | X86_FLAG_VIF | X86_FLAG_VIP | X86_FLAG_ID;

    r->rflags = (value & settable) | X86_FLAG_1;
}

/* A selector alone: where the descriptor is not consulted, the base follows it. */
static void write_selector(struct x86_regs *r, unsigned n, uint16_t selector)
{
    r->seg[n].selector = selector;
    if (!(r->cr0 & X86_CR0_PE) || (r->rflags & X86_FLAG_VM))
        r->seg[n].base = (uint32_t)selector << 4;
}

static void write_tags(struct x86_regs *r, uint16_t tags)
{
    r->ftw = 0;
    for (unsigned i = 0; i < 8; i++) {
        if ((tags >> 2 * i & 3) != 3)
            r->ftw |= (uint8_t)(1 << i);
    }
}

bool x86_register_write(struct vcpu *cpu, const struct cpu_register *reg, const void *buf,
                        struct vemu_error **errp)
{
    struct x86_regs *r = cpu->regs, old = *r;
    uint8_t bytes[CPU_REGISTER_MAX] = {0};

    memcpy(bytes, buf, reg->size);
    switch ((enum register_kind)reg->kind) {
    case KIND_PLAIN:
    case KIND_CONTROL:
        memcpy((uint8_t *)r + reg->where, bytes, reg->size);
        break;
    case KIND_SELECTOR:
        write_selector(r, reg->where, load_le16(bytes));
        break;
    case KIND_FLAGS:
        write_flags(r, load_le64(bytes));
        break;
    case KIND_ST:
        memcpy(stack_register(r, reg->where), bytes, 10);
        break;
    case KIND_FTAG:
        write_tags(r, load_le16(bytes));
        break;
    case KIND_CR8:
        if (cpu->intc_ops && cpu->intc_ops->set_tpr)
            cpu->intc_ops->set_tpr(cpu->intc, (uint8_t)((bytes[0] & 15) << 4));
        break;
    case KIND_EFER:
        r->efer = load_le64(bytes);
        break;
    }
    if (reg->kind == KIND_CONTROL || reg->kind == KIND_EFER) {
        /* LMA is no setting of its own: it says that LME and paging are both on. */
        r->efer &= ~(uint64_t)X86_EFER_LMA;
        if ((r->efer & X86_EFER_LME) && (r->cr0 & X86_CR0_PG))
            r->efer |= X86_EFER_LMA;
    }
    r->mxcsr &= 0xffff;
    r->fop &= 0x7ff;
    if (x86_regs_check(r, errp))
        return true;
    *r = old;
    return false;
}
