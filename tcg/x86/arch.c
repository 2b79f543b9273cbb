/*
 * x86 as a guest architecture of the translator: slots, the helper table, and the functions by
 * which the core asks about processor state (mode word, MMU index, translation root, addresses of
 * code).
 */
#include "tcg/machine.h"
#include "tcg/x86/sys.h"

#include <stdio.h>
#include <string.h>

#include "core/cpu/x86_tsc.h"
#include "core/util/range.h"
#include "tcg/x86/translate.h"

/* ---- tables
 * ------------------------------------------------------------------------------------------ */

#define REGS_OFFSET(member) ((int32_t)offsetof(struct x86_regs, member))
#define GPR(text, n) [SLOT_GPR + (n)] = {text, REGS_OFFSET(gpr) + 8 * (n), IR_I64, GROUP_GPR + (n)}
#define SEG_BASE(n, text)                                                                          \
    [SLOT_SEG_BASE + (n)] = {text,                                                                 \
                             REGS_OFFSET(seg) + (int32_t)sizeof(struct x86_segment) * (n) +        \
                                 (int32_t)offsetof(struct x86_segment, base),                      \
                             IR_I64, GROUP_SEG}
#define XMM(n)                                                                                     \
    [SLOT_XMM + (n)] = {"xmm" #n, REGS_OFFSET(vec) + 32 * (n), IR_V128, GROUP_XMM + (n),           \
                        SLOT_YMMH + (n)},                                                          \
                [SLOT_YMMH + (n)] = {"ymmh" #n, REGS_OFFSET(vec) + 32 * (n) + 16, IR_V128,         \
                                     GROUP_XMM + (n), 0}

static const struct ir_slot x86_slots[X86_SLOT_COUNT] = {
    X86_GPRS(GPR),
    [SLOT_FLAGS] = {"flags", TCG_ENV_OFFSET(fl), IR_FL, GROUP_FLAGS},
    [SLOT_PCB] = {"pcb", TCG_ENV_OFFSET(pcb), IR_I64, GROUP_PC},
    [SLOT_RIP] = {"rip", REGS_OFFSET(rip), IR_I64, GROUP_PC},
    [SLOT_RFLAGS] = {"rflags", REGS_OFFSET(rflags), IR_I64, GROUP_RFLAGS},
    SEG_BASE(X86_ES, "es.base"),
    SEG_BASE(X86_CS, "cs.base"),
    SEG_BASE(X86_SS, "ss.base"),
    SEG_BASE(X86_DS, "ds.base"),
    SEG_BASE(X86_FS, "fs.base"),
    SEG_BASE(X86_GS, "gs.base"),
    X86_VECTORS(XMM),
};

const struct ir_helper x86_helpers[X86_HELPER_COUNT] = {
#define X(name, result, flags, reads, writes)                                                      \
    [X86_HELPER_##name] = {#name, x86_helper_##name, result, flags, reads, writes},
    X86_HELPERS(X)
#undef X
};

/* ---- the mode word
 * ------------------------------------------------------------------------------------- */

/* Base 0 and the whole 4 GiB, as the mode bits MODE_FLAT_* promise. */
static bool wide(const struct x86_segment *s)
{
    return s->limit == 0xffffffff && (s->attr & X86_SEG_P);
}
/* Present data segment, expand up, writable: type bits code 8, expand-down 4, writable 2. */
static bool plain_data(const struct x86_segment *s)
{
    return (s->attr & X86_SEG_S) && (s->attr & 0xe) == 2;
}
static bool flat_data(const struct x86_segment *s)
{
    return s->base == 0 && wide(s) && plain_data(s);
}

static uint64_t segment_mode(const struct x86_regs *r)
{
    const struct x86_segment *cs = &r->seg[X86_CS];
    uint64_t mode = 0;
    if (x86_is_code64(r)) /* one form, so that stale caches make no second set of blocks */
        return MODE_FLAT64;
    if (cs->attr & X86_SEG_DB)
        mode |= MODE_CODE32;
    if (r->seg[X86_SS].attr & X86_SEG_DB)
        mode |= MODE_STACK32;
    if (cs->base == 0 && wide(cs))
        mode |= MODE_FLAT_CS;
    if (flat_data(&r->seg[X86_DS]) && flat_data(&r->seg[X86_ES]) && flat_data(&r->seg[X86_SS]))
        mode |= MODE_FLAT_DATA;
    if (wide(&r->seg[X86_FS]) && plain_data(&r->seg[X86_FS]))
        mode |= MODE_WIDE_FS;
    if (wide(&r->seg[X86_GS]) && plain_data(&r->seg[X86_GS]))
        mode |= MODE_WIDE_GS;
    return mode;
}

static bool exec_breakpoints(const struct tcg_cpu *tc, const struct x86_regs *r)
{
    for (unsigned i = 0; i < tc->vcpu->breakpoint_count; i++)
        if (tc->vcpu->breakpoints[i].kind == CPU_BP_EXEC)
            return true;
    return x86_exec_breakpoints(r);
}

#define MODE_IF(condition, bit) mode |= (condition) ? (uint64_t)(bit) : 0

/* What control registers, the board and the debugger decide. */
static uint64_t control_mode(const struct tcg_cpu *tc, const struct x86_regs *r)
{
    uint64_t mode = 0;
    MODE_IF(r->efer & X86_EFER_LMA, MODE_LONG);
    MODE_IF(r->cr0 & X86_CR0_PE, MODE_PROTECTED);
    MODE_IF(r->a20_off, MODE_A20_OFF);
    MODE_IF(r->smm, MODE_SMM);
    MODE_IF(tc->vcpu->single_step, MODE_STEP);
    MODE_IF(exec_breakpoints(tc, r), MODE_BREAKPOINTS);
    MODE_IF(r->cr0 & X86_CR0_TS, MODE_CR0_TS);
    MODE_IF(r->cr0 & X86_CR0_EM, MODE_CR0_EM);
    MODE_IF(r->cr0 & X86_CR0_MP, MODE_CR0_MP);
    MODE_IF(r->cr0 & X86_CR0_NE, MODE_CR0_NE);
    MODE_IF(r->cr4 & X86_CR4_OSFXSR, MODE_CR4_OSFXSR);
    MODE_IF(r->cr4 & X86_CR4_OSXSAVE, MODE_CR4_OSXSAVE);
    MODE_IF((r->cr4 & X86_CR4_OSXSAVE) && (r->xcr0 & 4), MODE_XCR0_AVX);
    MODE_IF(r->cr4 & X86_CR4_TSD, MODE_CR4_TSD);
    MODE_IF(r->cr4 & X86_CR4_FSGSBASE, MODE_CR4_FSGSBASE);
    MODE_IF(r->cr4 & X86_CR4_UMIP, MODE_CR4_UMIP);
    MODE_IF(~r->mxcsr & X86_MXCSR_MASKS, MODE_XM_UNMASKED);
    MODE_IF(~r->fcw & 0x3f, MODE_X87_UNMASKED);
    MODE_IF(tc->vcpu->machine->vcpu_count > 1, MODE_PARALLEL);
    MODE_IF(tc->tm && tc->tm->icount, MODE_ICOUNT);
    return mode;
}

/* What segments, the privilege level and RFLAGS decide: all that a far transfer changes. */
static uint64_t level_mode(const struct x86_regs *r)
{
    const unsigned cpl = x86_cpl(r);
    uint64_t mode = cpl | segment_mode(r);
    mode |= (uint64_t)x86_iopl(r) << 23;
    MODE_IF(r->rflags & X86_FLAG_VM, MODE_V86);
    MODE_IF(r->rflags & X86_FLAG_TF, MODE_TF);
    MODE_IF(r->sti_shadow, MODE_STI_SHADOW);
    MODE_IF(x86_is_v86(r) ? r->cr4 & X86_CR4_VME
                          : (r->cr4 & X86_CR4_PVI) && cpl == 3 && (r->cr0 & X86_CR0_PE),
            MODE_CR4_PVI_VME);
    MODE_IF((r->rflags & X86_FLAG_AC) && (r->cr0 & X86_CR0_AM) && cpl == 3, MODE_AC);
    MODE_IF((r->rflags & X86_FLAG_AC) && (r->cr4 & X86_CR4_SMAP) && cpl != 3, MODE_SMAP_OFF);
    return mode;
}
#undef MODE_IF

static uint64_t x86_mode_word(struct tcg_cpu *tc)
{
    const struct x86_regs *r = x86_regs_of(tc);
    tc->mode_control = control_mode(tc, r);
    return tc->mode_control | level_mode(r);
}

/* ---- what the core asks
 * ------------------------------------------------------------------------------------ */

static unsigned x86_mmu_index(struct tcg_cpu *tc)
{
    const struct x86_regs *r = x86_regs_of(tc);
    if (x86_cpl(r) == 3)
        return X86_MMU_USER;
    return (r->cr4 & X86_CR4_SMAP) && (r->rflags & X86_FLAG_AC) ? X86_MMU_KERNEL_NOSMAP
                                                                : X86_MMU_KERNEL;
}

void x86_level_changed(struct tcg_cpu *tc)
{
    tcg_mode_set(tc, tc->mode_control | level_mode(x86_regs_of(tc)), x86_mmu_index(tc));
}

unsigned x86_mem_attr(struct tcg_cpu *tc, unsigned cpl)
{
    const struct x86_regs *r = x86_regs_of(tc);
    unsigned idx = X86_MMU_USER;
    if (cpl != 3)
        idx = (r->cr4 & X86_CR4_SMAP) && (r->rflags & X86_FLAG_AC) ? X86_MMU_KERNEL_NOSMAP
                                                                   : X86_MMU_KERNEL;
    return (1 + idx) << IR_MEM_IDX_SHIFT;
}

/*
 * The key names one set of mappings: CR3 (bits 0-51; its low 12 bits are the PCID under CR4.PCIDE)
 * and everything that changes how the tables are read, and of which memory. PKRU and CR4.PKE are
 * not in it: writing them flushes. CR4.PSE counts outside long mode only, CR4.LA57 inside.
 */
static uint64_t x86_mmu_root(struct tcg_cpu *tc)
{
    const struct x86_regs *r = x86_regs_of(tc);
    uint64_t key = (r->a20_off ? UINT64_C(1) << 62 : 0) | (r->smm ? UINT64_C(1) << 58 : 0);
    if (!(r->cr0 & X86_CR0_PG))
        return key;
    key |= (r->cr3 & mask_bits(52)) | UINT64_C(1) << 52;
#define KEY_IF(condition, bit) key |= (condition) ? UINT64_C(1) << (bit) : 0
    KEY_IF(r->cr0 & X86_CR0_WP, 53);
    KEY_IF(r->cr4 & X86_CR4_PAE, 54);
    KEY_IF(r->cr4 & (r->efer & X86_EFER_LMA ? X86_CR4_LA57 : X86_CR4_PSE), 55);
    KEY_IF(r->cr4 & X86_CR4_SMEP, 56);
    KEY_IF(r->cr4 & X86_CR4_SMAP, 57);
    KEY_IF(r->efer & X86_EFER_NXE, 59);
    KEY_IF(r->efer & X86_EFER_LMA, 60);
    KEY_IF(r->cr4 & X86_CR4_PCIDE, 61);
    KEY_IF(r->cr4 & X86_CR4_PGE, 63);
#undef KEY_IF
    return key;
}

#define ROOT_PCIDE (UINT64_C(1) << 61)

static uint64_t x86_mmu_root_tag(uint64_t key)
{
    return key & ROOT_PCIDE ? ROOT_PCIDE | (key & 0xfff) : 0;
}

uint64_t x86_pcid_tag(const struct x86_regs *r, uint64_t pcid)
{
    return r->cr4 & X86_CR4_PCIDE ? ROOT_PCIDE | pcid : 0;
}

static uint64_t x86_code_address(struct tcg_cpu *tc, uint64_t pc)
{
    const struct x86_regs *r = x86_regs_of(tc);
    return x86_is_code64(r) ? pc : (r->seg[X86_CS].base + pc) & 0xffffffff;
}

static uint64_t x86_code_mask(struct tcg_cpu *tc)
{
    return x86_is_code64(x86_regs_of(tc)) ? ~UINT64_C(0) : 0xffffffff;
}

enum {
    ARITHMETIC_FLAGS =
        X86_FLAG_CF | X86_FLAG_PF | X86_FLAG_AF | X86_FLAG_ZF | X86_FLAG_SF | X86_FLAG_OF
};

static unsigned x86_hash_words(struct tcg_cpu *tc, uint64_t words[TCG_HASH_WORDS])
{
    const struct x86_regs *r = x86_regs_of(tc);
    unsigned n = 0;
    words[n++] = r->rip;
    /* Not the arithmetic flags: back ends differ in undefined ones, as processors do. Nor what
     * empty x87 registers hold. */
    words[n++] = x86_get_rflags(tc) & ~(uint64_t)ARITHMETIC_FLAGS;
    for (unsigned k = 0; k < 16; k++)
        words[n++] = r->gpr[k];
    for (unsigned k = 0; k < X86_SEG_COUNT; k++)
        words[n++] = r->seg[k].base ^ (uint64_t)r->seg[k].selector << 48;
    words[n++] = r->cr0;
    words[n++] = r->cr2;
    words[n++] = r->cr3;
    words[n++] = r->cr4;
    words[n++] = r->efer;
    for (unsigned k = 0; k < 8; k++)
        for (unsigned h = 0; h < 2; h++)
            words[n++] = !(r->ftw >> k & 1) ? 0 : h ? (uint16_t)r->fpr[k].u64[1] : r->fpr[k].u64[0];
    for (unsigned k = 0; k < 16; k++)
        for (unsigned h = 0; h < 4; h++)
            words[n++] = r->vec[k].half[h / 2].u64[h & 1];
    return n;
}

static uint64_t x86_get_pc(struct tcg_cpu *tc)
{
    return x86_regs_of(tc)->rip;
}
static void x86_set_pc(struct tcg_cpu *tc, uint64_t pc)
{
    x86_regs_of(tc)->rip = pc;
}

static bool x86_init(struct tcg_cpu *tc, struct vemu_error **errp)
{
    (void)errp;
    tc->guest_mxcsr = X86_MXCSR_MASKS;
    tc->x87_cw = X87_CW_HOST;
    return true;
}

/* A bit of mode_control, which is seldom another one than before. */
static void control_bit(struct tcg_cpu *tc, uint64_t bit, bool on)
{
    if (on != !!(tc->mode_control & bit))
        tcg_mode_changed(tc);
}

/* Guest code runs with all host exceptions masked; the flags it sets collect in guest_mxcsr. */
void x86_mxcsr_changed(struct tcg_cpu *tc)
{
    tc->guest_mxcsr = (x86_regs_of(tc)->mxcsr & X86_MXCSR_VALID) | X86_MXCSR_MASKS;
    control_bit(tc, MODE_XM_UNMASKED, ~x86_regs_of(tc)->mxcsr & X86_MXCSR_MASKS);
}

/* Likewise for the x87, but its flags are in the guest's status word at the end of each block. */
void x86_fcw_changed(struct tcg_cpu *tc)
{
    tc->x87_cw = (uint16_t)((x86_regs_of(tc)->fcw & 0xf00) | 0x7f);
    control_bit(tc, MODE_X87_UNMASKED, ~x86_regs_of(tc)->fcw & 0x3f);
}

static void x86_reset(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    x86_set_rflags(tc, r->rflags);
    tc->step_pending = 0;
    tc->status = TCG_OK;
    tc->guest_mxcsr = (r->mxcsr & X86_MXCSR_VALID) | X86_MXCSR_MASKS;
    tcg_mmu_set_memory(tc, vcpu_memory(tc->vcpu));
    tcg_mmu_set_root(tc, x86_mmu_root(tc), true);
    x86_fcw_changed(tc);
    tcg_mode_changed(tc);
}

static void x86_sync(struct tcg_cpu *tc)
{
    struct x86_regs *r = x86_regs_of(tc);
    r->rflags = x86_get_rflags(tc);
    r->mxcsr = (r->mxcsr & ~(uint32_t)X86_MXCSR_FLAGS) | (tc->guest_mxcsr & X86_MXCSR_FLAGS);
}

static void x86_raise_alignment(struct tcg_cpu *tc, uint64_t addr, bool write)
{
    (void)addr, (void)write;
    x86_raise_error(tc, X86_GP, 0);
}

static void x86_raise_trap(struct tcg_cpu *tc, uint64_t imm)
{
    enum x86_vector vector = (enum x86_vector)(imm & 0xff);
    if (imm == X86_TRAP_ALONE)
        tc->status = TCG_REEXECUTE;
    else if (imm >> 8)
        x86_raise_error(tc, vector, (uint32_t)((imm >> 8) - 1));
    else
        x86_raise(tc, vector);
}

static unsigned x86_code_bits(uint64_t mode)
{
    return mode & MODE_CODE64 ? 64 : mode & MODE_CODE32 ? 32 : 16;
}

static unsigned x86_format(const uint8_t *code, size_t len, unsigned bits, uint64_t address,
                           char *buf, size_t size)
{
    struct x86_insn i;
    uint64_t mode = MODE_PROTECTED;
    if (bits == 64)
        mode |= MODE_LONG | MODE_CODE64;
    else if (bits == 32)
        mode |= MODE_CODE32;
    switch (x86_decode(&i, code, len, mode, NULL)) {
    case X86_DECODE_OK:
        x86_insn_format(&i, address, buf, size);
        return i.len;
    case X86_DECODE_UD:
    case X86_DECODE_TOO_LONG:
        snprintf(buf, size, "(undefined)");
        return i.len;
    default:
        return 0;
    }
}

static const uint8_t home_slots[] = {
    SLOT_GPR + X86_RAX, SLOT_GPR + X86_RCX, SLOT_GPR + X86_RDX,
    SLOT_GPR + X86_RBX, SLOT_GPR + X86_RSP, SLOT_GPR + X86_RBP,
    SLOT_GPR + X86_RSI, SLOT_GPR + X86_RDI, SLOT_GPR + X86_R8,
};

#define SELECTOR(n) offsetof(struct x86_regs, seg[n].selector)
static const struct tcg_x87_layout x87_layout = {
    .registers = offsetof(struct x86_regs, fpr),
    .sw = offsetof(struct x86_regs, fsw),
    .tags = offsetof(struct x86_regs, ftw),
    .ip = offsetof(struct x86_regs, fip),
    .cs = offsetof(struct x86_regs, fcs),
    .op = offsetof(struct x86_regs, fop),
    .dp = offsetof(struct x86_regs, fdp),
    .ds = offsetof(struct x86_regs, fds),
    .selector = {SELECTOR(0), SELECTOR(1), SELECTOR(2), SELECTOR(3), SELECTOR(4), SELECTOR(5)},
    .code_segment = X86_CS,
};
#undef SELECTOR

/* Instructions are there or not by the model's features, which also say what x87 pointers hold; the
 * TSC's frequency is a constant in the code. */
static size_t describe(const struct tcg_cpu *tc, uint8_t *out, size_t room)
{
    const struct x86_cpu_model *model = tc->vcpu->model;
    const uint64_t hz = x86_tsc_hz(tc->vcpu);
    const size_t features = model ? sizeof model->features : 0;
    if (room < features + sizeof hz)
        return 0;
    if (features)
        memcpy(out, model->features, features);
    memcpy(out + features, &hz, sizeof hz);
    return features + sizeof hz;
}

const struct tcg_arch tcg_arch_x86 = {
    .name = "x86",
    .cpu = ARCH_X86,
    .regs_size = sizeof(struct x86_regs),
    .slots = x86_slots,
    .slot_count = X86_SLOT_COUNT,
    .helpers = x86_helpers,
    .helper_count = X86_HELPER_COUNT,
    .mmu_index_count = X86_MMU_COUNT,
    .transient_modes = MODE_STI_SHADOW | MODE_TF,
    .event_modes = MODE_STI_SHADOW | MODE_TF | MODE_STEP | MODE_BREAKPOINTS,
    .watch_hit = x86_watch_hit,
    .slot_pcb = SLOT_PCB,
    .slot_pc = SLOT_RIP,
    .slot_flags = SLOT_FLAGS,
    .flat_pc_mode = MODE_FLAT_CS,
    .x87 = &x87_layout,
    .home_slots = home_slots,
    .home_count = sizeof home_slots,
    .init = x86_init,
    .features = x86_features_translator,
    .describe = describe,
    .reset = x86_reset,
    .sync = x86_sync,
    .hash_words = x86_hash_words,
    .get_pc = x86_get_pc,
    .set_pc = x86_set_pc,
    .code_address = x86_code_address,
    .code_mask = x86_code_mask,
    .mode_word = x86_mode_word,
    .mmu_index = x86_mmu_index,
    .mmu_root = x86_mmu_root,
    .mmu_root_base = UINT64_C(0x000fffffffffffff),
    .mmu_root_tag = x86_mmu_root_tag,
    .walk = x86_walk,
    .raise_alignment = x86_raise_alignment,
    .raise_trap = x86_raise_trap,
    .translate = x86_translate,
    .code_bits = x86_code_bits,
    .format_insn = x86_format,
    .deliver_exception = x86_deliver_exception,
    .take_events = x86_take_events,
};
