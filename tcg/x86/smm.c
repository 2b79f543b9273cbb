/*
 * System management mode: entry by SMI and return by RSM. AMD64 Architecture Programmer's Manual
 * vol. 2, chapter "System-Management Mode" (state-save area of processors with long mode); Intel
 * SDM vol. 3, chapter "System Management Mode" (state-save map of those without).
 *
 * The state-save area is at SMBASE + FE00H, in the memory that the processor sees in system
 * management mode: where the chipset hides some of it from everything else, vcpu_memory() names it.
 * Software finds out by the revision identifier which of the two maps is used.
 */
#include <string.h>

#include "core/util/endian.h"
#include "core/util/range.h"
#include "tcg/x86/sys.h"

enum { SAVE_SIZE = 0x200, ENTRY_POINT = 0x8000 };
#define SAVE_AREA UINT64_C(0xfe00) /* from SMBASE */
enum { SMBASE_RELOCATION = 1 << 17 };

/* Offsets in the area; both maps end at the same address. */
enum {
    REVISION = 0xfc,

    /* with long mode */
    L_SEGMENT = 0x00, /* ES, CS, SS, DS, FS, GS: 16 bytes each, like the four below */
    L_GDTR = 0x60,
    L_LDTR = 0x70,
    L_IDTR = 0x80,
    L_TR = 0x90,
    L_AUTO_HALT = 0xc9,
    L_NMI_MASK = 0xca, /* bit 3 */
    L_EFER = 0xd0,
    L_SMBASE = 0x100,
    L_CR4 = 0x148,
    L_CR3 = 0x150,
    L_CR0 = 0x158,
    L_DR7 = 0x160,
    L_DR6 = 0x168,
    L_RFLAGS = 0x170,
    L_RIP = 0x178,
    L_GPR = 0x1f8, /* RAX, the others downwards by number... of R8 to R15; see gpr_offset() */

    /* without: from SMBASE + FE00H, too */
    S_SMBASE = 0xf8,
    S_IO_RESTART = 0x100,
    S_AUTO_HALT = 0x102,
    S_CR4 = 0x114,
    S_HIGH = 0x12c, /* DS, FS, GS: attributes, limit, base, 12 bytes each */
    S_IDTR = 0x154, /* limit, base */
    S_TR = 0x15c,   /* attributes, limit, base */
    S_GDTR = 0x170,
    S_LDTR = 0x178,
    S_LOW = 0x184,       /* ES, CS, SS */
    S_SELECTORS = 0x1a8, /* ES to GS, LDTR, TR: a dword each */
    S_DR7 = 0x1c8,
    S_DR6 = 0x1cc,
    S_EAX = 0x1d0, /* by number, up to EDI */
    S_EIP = 0x1f0,
    S_EFLAGS = 0x1f4,
    S_CR3 = 0x1f8,
    S_CR0 = 0x1fc,
};
enum { NMI_MASKED = 1 << 3, RFLAGS_BITS = 0x3f7fd5 };

static bool has_long(const struct tcg_cpu *tc)
{
    return x86_has(x86_model_of(tc), X86_FEAT_8000_0001_EDX, 1u << 29);
}

/* ---- the area in memory ---------------------------------------------------------------------- */

static void area_read(struct tcg_cpu *tc, uint8_t area[SAVE_SIZE])
{
    const uint64_t at = x86_regs_of(tc)->smbase + SAVE_AREA;
    for (unsigned n = 0; n < SAVE_SIZE; n += 8) {
        uint64_t v;
        mem_read(tc->memory, at + n, 8, &v);
        store_le64(area + n, v);
    }
}

static void area_write(struct tcg_cpu *tc, const uint8_t area[SAVE_SIZE])
{
    const uint64_t at = x86_regs_of(tc)->smbase + SAVE_AREA;
    for (unsigned n = 0; n < SAVE_SIZE; n += 8)
        mem_write(tc->memory, at + n, 8, load_le64(area + n));
}

/* ---- the map with long mode ------------------------------------------------------------------ */

static unsigned gpr_offset(unsigned n)
{
    /* From the end: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 ... R15. */
    return L_GPR - 8 * n;
}

static void put_segment(uint8_t *at, const struct x86_segment *s)
{
    store_le16(at, s->selector);
    store_le16(at + 2, s->attr);
    store_le32(at + 4, s->limit);
    store_le64(at + 8, s->base);
}

static void get_segment(const uint8_t *at, struct x86_segment *s)
{
    s->selector = load_le16(at);
    s->attr = load_le16(at + 2) & 0xf0ff;
    s->limit = load_le32(at + 4);
    s->base = load_le64(at + 8);
}

static void put_long(const struct x86_regs *r, uint8_t *area)
{
    for (unsigned n = 0; n < X86_SEG_COUNT; n++)
        put_segment(area + L_SEGMENT + 16 * n, &r->seg[n]);
    put_segment(area + L_LDTR, &r->ldtr);
    put_segment(area + L_TR, &r->tr);
    store_le32(area + L_GDTR + 4, r->gdtr.limit);
    store_le64(area + L_GDTR + 8, r->gdtr.base);
    store_le32(area + L_IDTR + 4, r->idtr.limit);
    store_le64(area + L_IDTR + 8, r->idtr.base);
    area[L_AUTO_HALT] = r->halted;
    area[L_NMI_MASK] = r->nmi_masked ? NMI_MASKED : 0;
    store_le64(area + L_EFER, r->efer);
    store_le32(area + REVISION, SMBASE_RELOCATION | 0x64);
    store_le32(area + L_SMBASE, r->smbase);
    store_le64(area + L_CR4, r->cr4);
    store_le64(area + L_CR3, r->cr3);
    store_le64(area + L_CR0, r->cr0);
    store_le64(area + L_DR7, r->dr[7]);
    store_le64(area + L_DR6, r->dr[6]);
    store_le64(area + L_RFLAGS, r->rflags);
    store_le64(area + L_RIP, r->rip);
    for (unsigned n = 0; n < 16; n++)
        store_le64(area + gpr_offset(n), r->gpr[n]);
}

static void get_long(struct x86_regs *r, const uint8_t *area)
{
    for (unsigned n = 0; n < X86_SEG_COUNT; n++)
        get_segment(area + L_SEGMENT + 16 * n, &r->seg[n]);
    get_segment(area + L_LDTR, &r->ldtr);
    get_segment(area + L_TR, &r->tr);
    r->gdtr.limit = (uint16_t)load_le32(area + L_GDTR + 4);
    r->gdtr.base = load_le64(area + L_GDTR + 8);
    r->idtr.limit = (uint16_t)load_le32(area + L_IDTR + 4);
    r->idtr.base = load_le64(area + L_IDTR + 8);
    r->halted = area[L_AUTO_HALT] & 1;
    r->nmi_masked = area[L_NMI_MASK] & NMI_MASKED ? 1 : 0;
    r->efer = load_le64(area + L_EFER);
    r->smbase = load_le32(area + L_SMBASE);
    r->cr4 = load_le64(area + L_CR4);
    r->cr3 = load_le64(area + L_CR3);
    r->cr0 = load_le64(area + L_CR0);
    r->dr[7] = load_le64(area + L_DR7);
    r->dr[6] = load_le64(area + L_DR6);
    r->rflags = load_le64(area + L_RFLAGS);
    r->rip = load_le64(area + L_RIP);
    for (unsigned n = 0; n < 16; n++)
        r->gpr[n] = load_le64(area + gpr_offset(n));
}

/* ---- the map without ------------------------------------------------------------------------- */

static unsigned short_segment(unsigned n)
{
    return n < 3 ? S_LOW + 12 * n : S_HIGH + 12 * (n - 3);
}

static void put_hidden(uint8_t *at, const struct x86_segment *s)
{
    store_le32(at, s->attr);
    store_le32(at + 4, s->limit);
    store_le32(at + 8, (uint32_t)s->base);
}

static void get_hidden(const uint8_t *at, struct x86_segment *s)
{
    s->attr = load_le32(at) & 0xf0ff;
    s->limit = load_le32(at + 4);
    s->base = load_le32(at + 8);
}

static void put_short(const struct x86_regs *r, uint8_t *area)
{
    for (unsigned n = 0; n < X86_SEG_COUNT; n++) {
        store_le32(area + S_SELECTORS + 4 * n, r->seg[n].selector);
        put_hidden(area + short_segment(n), &r->seg[n]);
    }
    store_le32(area + S_SELECTORS + 24, r->ldtr.selector);
    store_le32(area + S_SELECTORS + 28, r->tr.selector);
    put_hidden(area + S_LDTR, &r->ldtr);
    put_hidden(area + S_TR, &r->tr);
    store_le32(area + S_GDTR, r->gdtr.limit);
    store_le32(area + S_GDTR + 4, (uint32_t)r->gdtr.base);
    store_le32(area + S_IDTR, r->idtr.limit);
    store_le32(area + S_IDTR + 4, (uint32_t)r->idtr.base);
    store_le16(area + S_AUTO_HALT, r->halted);
    store_le32(area + REVISION, SMBASE_RELOCATION);
    store_le32(area + S_SMBASE, r->smbase);
    store_le32(area + S_CR4, (uint32_t)r->cr4);
    store_le32(area + S_CR3, (uint32_t)r->cr3);
    store_le32(area + S_CR0, (uint32_t)r->cr0);
    store_le32(area + S_DR7, (uint32_t)r->dr[7]);
    store_le32(area + S_DR6, (uint32_t)r->dr[6]);
    store_le32(area + S_EFLAGS, (uint32_t)r->rflags);
    store_le32(area + S_EIP, (uint32_t)r->rip);
    for (unsigned n = 0; n < 8; n++)
        store_le32(area + S_EAX + 4 * n, (uint32_t)r->gpr[n]);
}

static void get_short(struct x86_regs *r, const uint8_t *area)
{
    for (unsigned n = 0; n < X86_SEG_COUNT; n++) {
        r->seg[n].selector = (uint16_t)load_le32(area + S_SELECTORS + 4 * n);
        get_hidden(area + short_segment(n), &r->seg[n]);
    }
    r->ldtr.selector = (uint16_t)load_le32(area + S_SELECTORS + 24);
    r->tr.selector = (uint16_t)load_le32(area + S_SELECTORS + 28);
    get_hidden(area + S_LDTR, &r->ldtr);
    get_hidden(area + S_TR, &r->tr);
    r->gdtr.limit = (uint16_t)load_le32(area + S_GDTR);
    r->gdtr.base = load_le32(area + S_GDTR + 4);
    r->idtr.limit = (uint16_t)load_le32(area + S_IDTR);
    r->idtr.base = load_le32(area + S_IDTR + 4);
    r->halted = area[S_AUTO_HALT] & 1;
    r->nmi_masked = 0; /* the map has no place for it */
    r->efer = 0;
    r->smbase = load_le32(area + S_SMBASE);
    r->cr4 = load_le32(area + S_CR4);
    r->cr3 = load_le32(area + S_CR3);
    r->cr0 = load_le32(area + S_CR0);
    r->dr[7] = load_le32(area + S_DR7);
    r->dr[6] = load_le32(area + S_DR6);
    r->rflags = load_le32(area + S_EFLAGS);
    r->rip = load_le32(area + S_EIP);
    for (unsigned n = 0; n < 8; n++)
        r->gpr[n] = load_le32(area + S_EAX + 4 * n);
}

/* ---- entry and return ------------------------------------------------------------------------ */

/* The registers changed as a whole, and with them which memory there is. */
static void mode_switched(struct tcg_cpu *tc)
{
    x86_update_watches(tc);
    tcg_mmu_set_memory(tc, vcpu_memory(tc->vcpu));
    tcg_mmu_set_root(tc, tc->arch->mmu_root(tc), true);
    tcg_mmu_flush(tc, false);
    tcg_mode_changed(tc);
}

static void enter_registers(struct x86_regs *r)
{
    enum { DATA = X86_SEG_P | X86_SEG_S | 3, FLAT = DATA | X86_SEG_G };
    r->rip = ENTRY_POINT;
    for (unsigned n = 0; n < X86_SEG_COUNT; n++)
        r->seg[n] = (struct x86_segment){.limit = 0xffffffff, .attr = FLAT};
    r->seg[X86_CS].selector = (uint16_t)(r->smbase >> 4);
    r->seg[X86_CS].base = r->smbase;
    r->cr0 &= ~(uint64_t)(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
    r->cr4 = 0;
    r->efer = 0;
    r->dr[7] = 0x400;
    r->nmi_masked = 1;
    r->halted = 0;
}

void x86_enter_smm(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    uint8_t area[SAVE_SIZE];

    log_msg(&tc->vcpu->machine->log, LOG_INT, "cpu %u: SMI at %04x:%016llx", tc->vcpu->index,
            r->seg[X86_CS].selector, (unsigned long long)r->rip);
    r->smm = 1;
    tcg_mmu_set_memory(tc, vcpu_memory(tc->vcpu));
    r->rflags = x86_get_rflags(tc);
    memset(area, 0, sizeof area);
    if (has_long(tc))
        put_long(r, area);
    else
        put_short(r, area);
    area_write(tc, area);
    enter_registers(r);
    tc->vcpu->halted = false;
    x86_set_rflags(tc, X86_FLAG_1);
    mode_switched(tc);
}

static void leave_registers(struct tcg_cpu *tc, struct x86_regs *r, const uint8_t *area)
{
    if (has_long(tc))
        get_long(r, area);
    else
        get_short(r, area);
    r->rflags = (r->rflags & RFLAGS_BITS) | X86_FLAG_1;
    r->smm = 0;
}

uint64_t x86_helper_rsm(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = x86_regs_of(tc), next = *r;
    uint8_t area[SAVE_SIZE];
    UNUSED(a, b, c, d);

    if (!r->smm) {
        x86_raise(tc, X86_UD);
        return 0;
    }
    area_read(tc, area);
    leave_registers(tc, &next, area);
    if (!x86_regs_check(&next, NULL)) {
        /* The processor shuts down, and the chipset answers that by a reset. */
        log_msg(&tc->vcpu->machine->log, LOG_GUEST_ERROR,
                "cpu %u: RSM to a state that cannot be: shutdown", tc->vcpu->index);
        r->halted = 1;
        machine_request(tc->vcpu->machine, MACHINE_REQUEST_RESET, 0);
        return 0;
    }
    leave_registers(tc, r, area); /* not *r = next: other threads write to it (A20) */
    log_msg(&tc->vcpu->machine->log, LOG_INT, "cpu %u: RSM to %04x:%016llx", tc->vcpu->index,
            r->seg[X86_CS].selector, (unsigned long long)r->rip);
    x86_set_rflags(tc, r->rflags);
    mode_switched(tc);
    return 0;
}
