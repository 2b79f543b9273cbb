/*
 * Control registers, the modes they switch, TLB instructions and extended control registers. SDM
 * vol. 3, chapters "System Architecture Overview" and "Paging"; vol. 2 (MOV to CR, LMSW, INVPCID,
 * XSETBV).
 */
#include <string.h>

#include "core/util/range.h"
#include "tcg/host_fp.h"
#include "tcg/mmu/tlb.h"
#include "tcg/x86/sys.h"

static bool gp0(struct tcg_cpu *tc)
{
    x86_raise_error(tc, X86_GP, 0);
    return false;
}

/* What else was changed may be in the mode word. */
static void new_root(struct tcg_cpu *tc, bool flush)
{
    tcg_mmu_set_root(tc, tc->arch->mmu_root(tc), flush);
    tcg_mode_changed(tc);
}

static uint64_t pdpte_on_bus(struct tcg_cpu *tc, uint64_t at)
{
    uint64_t entry = 0;
    host_fp_leave_code(tc);
    mem_read(tc->memory, at, 8, &entry);
    host_fp_enter_code(tc);
    return entry;
}

/* PAE paging outside long mode: the four entries at CR3 must have no reserved bit set. */
static bool check_pdptes(struct tcg_cpu *tc, uint64_t cr3)
{
    enum { COUNT = 4, SIZE = 8 * COUNT };
    const uint64_t reserved = ~mask_bits(x86_model_of(tc)->phys_bits) | 0x1e6;
    const uint64_t at = cr3 & 0xffffffe0;
    const struct tlb_ram *range = tlb_ram_at(tc, at);
    const uint64_t offset = range ? at - range->start : 0;
    uint64_t entries[COUNT];
    if (range && range->size >= SIZE && offset <= range->size - SIZE)
        memcpy(entries, range->ram->host + range->offset + offset, SIZE);
    else
        for (unsigned i = 0; i < COUNT; i++)
            entries[i] = pdpte_on_bus(tc, at + 8 * i);
    for (unsigned i = 0; i < COUNT; i++)
        if ((entries[i] & 1) && (entries[i] & reserved))
            return false;
    return true;
}

static bool pae_legacy(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & X86_EFER_LMA);
}

/* ---- CR0
 * ------------------------------------------------------------------------------------------------------
 */

#define CR0_BITS                                                                                   \
    ((uint64_t)(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE |      \
                X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD) |                               \
     X86_CR0_PG)

/* Switching paging on with EFER.LME enters long mode. */
static bool check_paging_on(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (!(r->efer & X86_EFER_LME))
        return true;
    return (r->cr4 & X86_CR4_PAE) && !(r->seg[X86_CS].attr & X86_SEG_L) && (r->tr.attr & 0xf) != 3;
}

bool x86_set_cr0(struct tcg_cpu *tc, uint64_t value)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (value >> 32)
        return gp0(tc);
    value = (value & CR0_BITS) | X86_CR0_ET;
    const uint64_t changed = value ^ r->cr0;
    uint64_t efer = r->efer;
    if (((value & X86_CR0_PG) && !(value & X86_CR0_PE)) ||
        ((value & X86_CR0_NW) && !(value & X86_CR0_CD)))
        return gp0(tc);
    if (changed & X86_CR0_PG) {
        if (value & X86_CR0_PG) {
            if (!check_paging_on(tc))
                return gp0(tc);
            efer |= efer & X86_EFER_LME ? X86_EFER_LMA : 0;
        } else {
            if (x86_is_code64(r) || (r->cr4 & X86_CR4_PCIDE))
                return gp0(tc);
            efer &= ~(uint64_t)X86_EFER_LMA;
        }
    }
    if ((changed & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)) && pae_legacy(value, r->cr4, efer) &&
        !check_pdptes(tc, r->cr3))
        return gp0(tc);
    r->cr0 = value;
    r->efer = efer;
    if (!(value & X86_CR0_PE)) /* real mode has level 0 */
        r->seg[X86_SS].attr &= (uint16_t)~X86_SEG_DPL;
    if (changed & (X86_CR0_PG | X86_CR0_PE | X86_CR0_WP)) {
        if (changed & X86_CR0_PG)
            tcg_mmu_flush(tc, false);
        new_root(tc, true);
    } else {
        tcg_mode_changed(tc);
    }
    return true;
}

/* ---- CR3 and CR4
 * ------------------------------------------------------------------------------------------------
 */

#define CR3_KEEP (UINT64_C(1) << 63) /* with CR4.PCIDE: keep the translations of this PCID */

static void set_cr3(struct tcg_cpu *tc, uint64_t value)
{
    struct x86_regs *r = x86_regs_of(tc);
    bool keep = false;
    if (x86_is_long(r)) {
        if (r->cr4 & X86_CR4_PCIDE) {
            keep = value & CR3_KEEP;
            value &= ~CR3_KEEP;
        }
        if (value & ~mask_bits(x86_model_of(tc)->phys_bits)) {
            gp0(tc);
            return;
        }
    } else {
        value &= 0xffffffff;
        if (pae_legacy(r->cr0, r->cr4, r->efer) && !check_pdptes(tc, value)) {
            gp0(tc);
            return;
        }
    }
    r->cr3 = value;
    if (r->cr0 & X86_CR0_PG) /* CR3 is in no mode word */
        tcg_mmu_set_root(tc, tc->arch->mmu_root(tc), !keep);
}

void x86_set_cr3_task(struct tcg_cpu *tc, uint64_t value)
{
    x86_regs_of(tc)->cr3 = value & 0xffffffff;
    new_root(tc, true);
}

static uint64_t cr4_bits(const struct x86_cpu_model *m)
{
    uint64_t bits = X86_CR4_PCE; /* RDPMC exists, though no counter does */
    static const struct {
        uint8_t word, bit;
        uint32_t cr4;
    } needs[] = {
        {X86_FEAT_1_EDX, 1, X86_CR4_VME | X86_CR4_PVI},
        {X86_FEAT_1_EDX, 4, X86_CR4_TSD},
        {X86_FEAT_1_EDX, 2, X86_CR4_DE},
        {X86_FEAT_1_EDX, 3, X86_CR4_PSE},
        {X86_FEAT_1_EDX, 6, X86_CR4_PAE},
        {X86_FEAT_1_EDX, 7, X86_CR4_MCE},
        {X86_FEAT_1_EDX, 13, X86_CR4_PGE},
        {X86_FEAT_1_EDX, 24, X86_CR4_OSFXSR},
        {X86_FEAT_1_EDX, 25, X86_CR4_OSXMMEXCPT},
        {X86_FEAT_7_ECX, 2, X86_CR4_UMIP},
        {X86_FEAT_7_ECX, 16, X86_CR4_LA57},
        {X86_FEAT_7_ECX, 3, X86_CR4_PKE},
        {X86_FEAT_7_EBX, 0, X86_CR4_FSGSBASE},
        {X86_FEAT_1_ECX, 17, X86_CR4_PCIDE},
        {X86_FEAT_1_ECX, 26, X86_CR4_OSXSAVE},
        {X86_FEAT_7_EBX, 7, X86_CR4_SMEP},
        {X86_FEAT_7_EBX, 20, X86_CR4_SMAP},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(needs); i++)
        if (x86_has(m, needs[i].word, 1u << needs[i].bit))
            bits |= needs[i].cr4;
    return bits;
}

static void set_cr4(struct tcg_cpu *tc, uint64_t value)
{
    struct x86_regs *r = x86_regs_of(tc);
    const uint64_t changed = value ^ r->cr4, set = value & ~r->cr4;
    bool bad = value & ~cr4_bits(x86_model_of(tc));
    if (x86_is_long(r))
        bad = bad || (changed & X86_CR4_LA57) || !(value & X86_CR4_PAE);
    if (set & X86_CR4_PCIDE)
        bad = bad || !x86_is_long(r) || (r->cr3 & 0xfff);
    if (!bad && (changed & (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)) &&
        pae_legacy(r->cr0, value, r->efer))
        bad = !check_pdptes(tc, r->cr3);
    if (bad) {
        gp0(tc);
        return;
    }
    r->cr4 = value;
    const uint64_t mapping = X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_LA57 |
                             X86_CR4_PCIDE | X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE;
    if (changed & mapping) {
        tcg_mmu_flush(tc, false);
        new_root(tc, true);
    } else {
        tcg_mode_changed(tc);
    }
}

/* ---- instructions
 * -------------------------------------------------------------------------------------------------
 */

uint64_t x86_helper_mov_to_cr(void *env, uint64_t n, uint64_t value, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct vcpu *cpu = tc->vcpu;
    UNUSED(c, d);
    if (!x86_need_cpl0(tc))
        return 0;
    switch (n) {
    case 0:
        x86_set_cr0(tc, value);
        break;
    case 2:
        ((struct x86_regs *)env)->cr2 = value;
        break;
    case 3:
        set_cr3(tc, value);
        break;
    case 4:
        set_cr4(tc, value);
        break;
    case 8:
        if (value > 15) {
            gp0(tc);
        } else if (cpu->intc_ops) {
            host_fp_leave_code(tc);
            cpu->intc_ops->set_tpr(cpu->intc, (uint8_t)(value << 4));
            host_fp_enter_code(tc);
        }
        break;
    default:
        x86_raise(tc, X86_UD);
        break;
    }
    return 0;
}

static uint64_t task_priority(struct tcg_cpu *tc)
{
    host_fp_leave_code(tc);
    const uint64_t tpr = tc->vcpu->intc_ops->get_tpr(tc->vcpu->intc);
    host_fp_enter_code(tc);
    return tpr >> 4;
}

uint64_t x86_helper_mov_from_cr(void *env, uint64_t n, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    struct vcpu *cpu = tc->vcpu;
    UNUSED(b, c, d);
    if (!x86_need_cpl0(tc))
        return 0;
    switch (n) {
    case 0:
        return r->cr0;
    case 2:
        return r->cr2;
    case 3:
        return r->cr3;
    case 4:
        return r->cr4;
    case 8:
        return cpu->intc_ops ? task_priority(tc) : 0;
    default:
        x86_raise(tc, X86_UD);
        return 0;
    }
}

uint64_t x86_helper_lmsw(void *env, uint64_t value, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(b, c, d);
    if (!x86_need_cpl0(tc))
        return 0;
    uint64_t low = value & 0xf;
    low |= r->cr0 & X86_CR0_PE; /* can be set, not cleared */
    x86_set_cr0(tc, (r->cr0 & ~UINT64_C(0xf)) | low);
    return 0;
}

uint64_t x86_helper_clts(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    UNUSED(a, b, c, d);
    if (!x86_need_cpl0(tc))
        return 0;
    ((struct x86_regs *)env)->cr0 &= ~(uint64_t)X86_CR0_TS;
    tcg_mode_changed(tc);
    return 0;
}

uint64_t x86_helper_invlpg(void *env, uint64_t addr, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    UNUSED(b, c, d);
    if (!x86_need_cpl0(tc))
        return 0;
    if (!x86_is_long(env) || x86_canonical(env, addr))
        tcg_mmu_flush_page(tc, addr);
    return 0;
}

uint64_t x86_helper_invpcid(void *env, uint64_t type, uint64_t lo, uint64_t addr, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(d);
    if (!x86_need_cpl0(tc))
        return 0;
    const uint64_t pcid = lo & 0xfff;
    bool bad =
        type > 3 || (type < 2 && (lo >> 12)) || (type < 2 && pcid && !(r->cr4 & X86_CR4_PCIDE));
    if (bad || (type == 0 && x86_is_long(r) && !x86_canonical(r, addr))) {
        gp0(tc);
        return 0;
    }
    if (type == 0)
        tcg_mmu_flush_page_tag(tc, addr, x86_pcid_tag(r, pcid));
    else if (type == 1)
        tcg_mmu_flush_tag(tc, x86_pcid_tag(r, pcid));
    else
        tcg_mmu_flush(tc, type == 3);
    return 0;
}

uint64_t x86_helper_cache_control(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    x86_need_cpl0(tcg_cpu_of(env));
    return 0;
}

/* ---- extended control registers
 * --------------------------------------------------------------------------------------- */

uint64_t x86_helper_xgetbv(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    uint64_t value;
    UNUSED(a, b, c, d);
    switch ((uint32_t)r->gpr[X86_RCX]) {
    case 0:
        value = r->xcr0;
        break;
    case 1: /* which components are not in their initial state */
        if (x86_has(x86_model_of(tc), X86_FEAT_D_1_EAX, 1u << 2)) {
            value = r->xcr0 & x86_xinuse(r);
            break;
        }
        /* fall through */
    default:
        gp0(tc);
        return 0;
    }
    r->gpr[X86_RAX] = (uint32_t)value;
    r->gpr[X86_RDX] = value >> 32;
    return 0;
}

uint64_t x86_helper_xsetbv(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(a, b, c, d);
    if (!x86_need_cpl0(tc))
        return 0;
    const uint64_t value = (uint32_t)r->gpr[X86_RAX] | r->gpr[X86_RDX] << 32;
    bool bad = (uint32_t)r->gpr[X86_RCX] != 0 || !(value & 1);
    bad = bad || (value & ~x86_model_xcr0(x86_model_of(tc))) || (value & 6) == 4;
    if (bad) {
        gp0(tc);
        return 0;
    }
    r->xcr0 = value;
    tcg_mode_changed(tc);
    return 0;
}

/* ---- protection keys ---- */

void x86_set_pkru(struct tcg_cpu *tc, uint32_t value)
{
    struct x86_regs *r = x86_regs_of(tc);
    const uint32_t taken = value & ~r->pkru; /* rights that are given are looked up when missed */
    r->pkru = value;
    if (!taken || !(r->cr4 & X86_CR4_PKE))
        return;
    if (taken & 3) /* of key 0, which nearly all pages have */
        tcg_mmu_flush(tc, false);
    else
        tcg_mmu_keys_changed(tc);
}

uint64_t x86_helper_rdpkru(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(a, b, c, d);
    if (!(r->cr4 & X86_CR4_PKE)) {
        x86_raise(tc, X86_UD);
    } else if ((uint32_t)r->gpr[X86_RCX]) {
        gp0(tc);
    } else {
        r->gpr[X86_RAX] = r->pkru;
        r->gpr[X86_RDX] = 0;
    }
    return 0;
}

uint64_t x86_helper_wrpkru(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    UNUSED(a, b, c, d);
    if (!(r->cr4 & X86_CR4_PKE))
        x86_raise(tc, X86_UD);
    else if ((uint32_t)r->gpr[X86_RCX] || (uint32_t)r->gpr[X86_RDX])
        gp0(tc);
    else
        x86_set_pkru(tc, (uint32_t)r->gpr[X86_RAX]);
    return 0;
}
