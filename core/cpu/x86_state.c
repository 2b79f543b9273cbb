/*
 * The x86 register file: its migratable fields, its reset values (SDM vol. 3, chapter "Processor
 * Management and Initialization", table of processor states following power-up, reset or INIT), and
 * the checks on register files that come from outside.
 */
#include "core/cpu/x86.h"

#include <string.h>

#include "core/util/error.h"

static const struct state_field segment_state[] = {
    STATE_INT(struct x86_segment, base),
    STATE_INT(struct x86_segment, limit),
    STATE_INT(struct x86_segment, selector),
    STATE_INT(struct x86_segment, attr),
    STATE_FIELDS_END,
};

static const struct state_field table_state[] = {
    STATE_INT(struct x86_table, base),
    STATE_INT(struct x86_table, limit),
    STATE_FIELDS_END,
};

static const struct state_field vec_state[] = {
    STATE_INT_ARRAY(struct x86_vec, u64),
    STATE_FIELDS_END,
};

#define REG(member, ...) STATE_INT(struct x86_regs, member, __VA_ARGS__)
#define REGS(member, ...) STATE_INT_ARRAY(struct x86_regs, member, __VA_ARGS__)
#define STRUCT(member, table)                                                                      \
    {                                                                                              \
        .name = #member, .kind = STATE_STRUCT, .offset = offsetof(struct x86_regs, member),        \
        .count = 1, .elem_size = sizeof(((struct x86_regs *)0)->member), .fields = (table)         \
    }

const struct state_field x86_regs_state[] = {
    REGS(gpr),
    REG(rip),
    REG(rflags, .max = 0x3fffff),
    STATE_ARRAY_OF(struct x86_regs, seg, segment_state),
    STRUCT(ldtr, segment_state),
    STRUCT(tr, segment_state),
    STRUCT(gdtr, table_state),
    STRUCT(idtr, table_state),
    REG(cr0, .max = UINT32_MAX),
    REG(cr2),
    REG(cr3),
    REG(cr4, .max = UINT32_MAX),
    REG(xcr0),
    REGS(dr),
    REG(efer, .max = 0xffff),
    REG(star),
    REG(lstar),
    REG(cstar),
    REG(sfmask),
    REG(kernel_gs_base),
    REG(sysenter_cs),
    REG(sysenter_esp),
    REG(sysenter_eip),
    REG(pat),
    REG(tsc_aux, .max = UINT32_MAX),
    REG(misc_enable),
    REG(mcg_status),
    REG(mcg_ctl),
    REG(xss),
    REG(spec_ctrl),
    REG(tsc_offset),
    REG(mtrr_def_type),
    REGS(mtrr_fixed),
    REGS(mtrr_base),
    REGS(mtrr_mask),
    REG(pkru),
    REG(fcw),
    REG(fsw),
    REG(ftw),
    REG(fop, .max = 0x7ff),
    REG(fip),
    REG(fdp),
    REG(fcs),
    REG(fds),
    REG(mxcsr, .max = 0xffff),
    STATE_ARRAY_OF(struct x86_regs, fpr, vec_state),
    {.name = "vec",
     .kind = STATE_STRUCT,
     .offset = offsetof(struct x86_regs, vec),
     .count = sizeof(((struct x86_regs *)0)->vec) / (sizeof(struct x86_vec)),
     .elem_size = sizeof(struct x86_vec),
     .fields = vec_state},
    {.name = "zmm_hi",
     .kind = STATE_STRUCT,
     .offset = offsetof(struct x86_regs, zmm_hi),
     .count = sizeof(((struct x86_regs *)0)->zmm_hi) / sizeof(struct x86_vec),
     .elem_size = sizeof(struct x86_vec),
     .fields = vec_state},
    REGS(kmask),
    REG(sti_shadow, .max = 2),
    REG(nmi_masked, .max = 1),
    REG(smm, .max = 1),
    REG(halted, .max = 1),
    REG(a20_off, .max = 1),
    REG(pending_valid, .max = 1),
    REG(pending_vector),
    REG(pending_has_error, .max = 1),
    REG(pending_error),
    REG(smbase),
    REG(smm_inside_nmi, .max = 1),
    REG(kvm_clock_offset),
    REG(kvm_system_time),
    REG(kvm_steal_time),
    REG(kvm_pv_eoi),
    REG(kvm_poll_control),
    REG(kvm_async_pf_en),
    REG(kvm_async_pf_int),
    STATE_INT_ARRAY(struct x86_regs, hv_msr),
    REG(saved_tsc),
    REG(saved_tsc_hz),
    STATE_FIELDS_END,
};

enum {
    ATTR_DATA = X86_SEG_P | X86_SEG_S | 3, /* read/write, accessed */
    ATTR_LDT = X86_SEG_P | 2,
    ATTR_TSS = X86_SEG_P | 11, /* busy 32-bit TSS */
};

/* What INIT leaves alone. */
static void reset_power_up(struct x86_regs *r)
{
    memset(r, 0, sizeof *r);
    r->cr0 = X86_CR0_CD | X86_CR0_NW;
    r->xcr0 = 1;
    r->pat = UINT64_C(0x0007040600070406);
    r->misc_enable = 1; /* fast strings */
    r->fcw = 0x40;
    r->ftw = 0xff; /* tag word 5555H: every register holds zero, none is empty */
    r->mxcsr = X86_MXCSR_MASKS;
    r->smbase = 0x30000;
}

/* Hyper-V's interrupt sources are masked. */
enum { SINT_MASKED = 1 << 16 };
static bool is_sint(uint32_t msr)
{
    return msr >= 0x40000090 && msr <= 0x4000009f;
}

void x86_regs_reset(struct x86_regs *r, bool init)
{
    if (!init)
        reset_power_up(r);
    for (unsigned n = 0; n < X86_HV_MSRS && !init; n++)
        r->hv_msr[n] = is_sint(x86_hv_msrs[n]) ? SINT_MASKED : 0;

    memset(r->gpr, 0, sizeof r->gpr);
    r->rip = 0xfff0;
    r->rflags = X86_FLAG_1;
    for (unsigned i = 0; i < X86_SEG_COUNT; i++)
        r->seg[i] = (struct x86_segment){.limit = 0xffff, .attr = ATTR_DATA};
    r->seg[X86_CS].selector = 0xf000;
    r->seg[X86_CS].base = 0xffff0000;
    r->ldtr = (struct x86_segment){.limit = 0xffff, .attr = ATTR_LDT};
    r->tr = (struct x86_segment){.limit = 0xffff, .attr = ATTR_TSS};
    r->gdtr = r->idtr = (struct x86_table){.limit = 0xffff};
    r->cr0 = (r->cr0 & (X86_CR0_CD | X86_CR0_NW)) | X86_CR0_ET;
    r->cr2 = r->cr3 = r->cr4 = 0;
    r->efer = 0;
    memset(r->dr, 0, sizeof r->dr);
    r->dr[6] = 0xffff0ff0;
    r->dr[7] = 0x400;

    r->sti_shadow = 0;
    r->nmi_masked = 0;
    r->smm = r->smm_inside_nmi = 0;
    r->halted = 0;
    r->pending_valid = r->pending_vector = r->pending_has_error = 0;
    r->pending_error = 0;
}

static bool canonical(uint64_t address, bool la57)
{
    unsigned shift = la57 ? 7 : 16;

    return (uint64_t)((int64_t)(address << shift) >> shift) == address;
}

static bool inconsistent(struct vemu_error **errp, const char *what, uint64_t value,
                         const char *right)
{
    return error_set(errp, VEMU_ERROR_FORMAT, "%s is 0x%llx, which cannot be: %s", what,
                     (unsigned long long)value, right);
}

bool x86_regs_check(const struct x86_regs *r, struct vemu_error **errp)
{
    bool paging = r->cr0 & X86_CR0_PG, long_mode = r->efer & X86_EFER_LMA;
    bool la57 = r->cr4 & X86_CR4_LA57;

    if (!(r->rflags & X86_FLAG_1) || (r->rflags & 0x8028))
        return inconsistent(errp, "RFLAGS", r->rflags, "bit 1 is one, bits 3, 5 and 15 are zero");
    if (paging && !(r->cr0 & X86_CR0_PE))
        return inconsistent(errp, "CR0", r->cr0, "PG needs PE");
    if ((r->cr0 & X86_CR0_NW) && !(r->cr0 & X86_CR0_CD))
        return inconsistent(errp, "CR0", r->cr0, "NW needs CD");
    if (long_mode != (paging && (r->efer & X86_EFER_LME)))
        return inconsistent(errp, "EFER", r->efer, "LMA is LME with paging on");
    if (long_mode && !(r->cr4 & X86_CR4_PAE))
        return inconsistent(errp, "CR4", r->cr4, "long mode needs PAE");
    if (r->cr3 >> 52)
        return inconsistent(errp, "CR3", r->cr3, "bits 63:52 are zero");
    if (!(r->xcr0 & 1) || ((r->xcr0 & 4) && !(r->xcr0 & 2)))
        return inconsistent(errp, "XCR0", r->xcr0, "bit 0 is one, and bit 2 needs bit 1");
    if (r->xcr0 & X86_XCR0_AVX512 &&
        ((r->xcr0 & X86_XCR0_AVX512) != X86_XCR0_AVX512 || !(r->xcr0 & X86_XCR0_AVX)))
        return inconsistent(errp, "XCR0", r->xcr0, "bits 7:5 are one together, with bit 2");
    if (r->rflags & X86_FLAG_VM) {
        if (!(r->cr0 & X86_CR0_PE) || ((r->seg[X86_CS].attr & X86_SEG_L) && long_mode))
            return inconsistent(errp, "RFLAGS", r->rflags, "VM needs protected mode");
    }
    if (long_mode && (r->seg[X86_CS].attr & X86_SEG_L) && !canonical(r->rip, la57))
        return inconsistent(errp, "RIP", r->rip, "it must be canonical");
    for (unsigned i = 0; i < X86_SEG_COUNT; i++) {
        if (!canonical(r->seg[i].base, la57) && r->seg[i].base > UINT32_MAX)
            return inconsistent(errp, "a segment base", r->seg[i].base, "it must be canonical");
    }
    if (!canonical(r->gdtr.base, la57) || !canonical(r->idtr.base, la57) ||
        !canonical(r->ldtr.base, la57) || !canonical(r->tr.base, la57))
        return inconsistent(errp, "a descriptor table base", r->gdtr.base, "it must be canonical");
    if ((r->dr[6] | r->dr[7]) >> 32)
        return inconsistent(errp, "DR6 or DR7", r->dr[6] | r->dr[7], "bits 63:32 are zero");
    return true;
}
