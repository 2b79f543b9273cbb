/* General, segment, control and debug registers, XCR0 (sections 4.11
 * to 4.14, 4.33, 4.34, 4.44, 4.45). */
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/cpu/x86.h"

/* Ours by the processor's numbers, against the names in struct kvm_regs. */
#define FOR_EACH_GPR(X)                                                                            \
    X(X86_RAX, rax)                                                                                \
    X(X86_RCX, rcx)                                                                                \
    X(X86_RDX, rdx)                                                                                \
    X(X86_RBX, rbx)                                                                                \
    X(X86_RSP, rsp)                                                                                \
    X(X86_RBP, rbp)                                                                                \
    X(X86_RSI, rsi)                                                                                \
    X(X86_RDI, rdi)                                                                                \
    X(X86_R8, r8)                                                                                  \
    X(X86_R9, r9)                                                                                  \
    X(X86_R10, r10)                                                                                \
    X(X86_R11, r11)                                                                                \
    X(X86_R12, r12)                                                                                \
    X(X86_R13, r13)                                                                                \
    X(X86_R14, r14)                                                                                \
    X(X86_R15, r15)

static void get_segment(struct x86_segment *s, const struct kvm_segment *k)
{
    s->base = k->base;
    s->limit = k->limit;
    s->selector = k->selector;
    s->attr = 0;
    if (!k->unusable)
        s->attr = (uint16_t)(k->type | k->s << 4 | k->dpl << X86_SEG_DPL_SHIFT | k->present << 7 |
                             k->avl << 12 | k->l << 13 | k->db << 14 | k->g << 15);
}

static void put_segment(struct kvm_segment *k, const struct x86_segment *s)
{
    *k = (struct kvm_segment){
        .base = s->base,
        .limit = s->limit,
        .selector = s->selector,
        .type = s->attr & X86_SEG_TYPE,
        .s = !!(s->attr & X86_SEG_S),
        .dpl = (s->attr & X86_SEG_DPL) >> X86_SEG_DPL_SHIFT,
        .present = !!(s->attr & X86_SEG_P),
        .avl = !!(s->attr & X86_SEG_AVL),
        .l = !!(s->attr & X86_SEG_L),
        .db = !!(s->attr & X86_SEG_DB),
        .g = !!(s->attr & X86_SEG_G),
        .unusable = !(s->attr & X86_SEG_P),
    };
}

static void get_table(struct x86_table *t, const struct kvm_dtable *k)
{
    t->base = k->base;
    t->limit = k->limit;
}

static struct kvm_dtable put_table(const struct x86_table *t)
{
    return (struct kvm_dtable){.base = t->base, .limit = t->limit};
}

static struct kvm_segment *segment_of(struct kvm_sregs *s, unsigned n)
{
    struct kvm_segment *const list[X86_SEG_COUNT] = {
        [X86_ES] = &s->es, [X86_CS] = &s->cs, [X86_SS] = &s->ss,
        [X86_DS] = &s->ds, [X86_FS] = &s->fs, [X86_GS] = &s->gs};
    return list[n];
}

static bool get_system(struct kvm_cpu *k, struct x86_regs *r)
{
    struct kvm_sregs s;

    if (kvm_vcpu_ioctl(k, KVM_GET_SREGS, &s) < 0)
        return false;
    for (unsigned n = 0; n < X86_SEG_COUNT; n++)
        get_segment(&r->seg[n], segment_of(&s, n));
    get_segment(&r->ldtr, &s.ldt);
    get_segment(&r->tr, &s.tr);
    get_table(&r->gdtr, &s.gdt);
    get_table(&r->idtr, &s.idt);
    r->cr0 = s.cr0;
    r->cr2 = s.cr2;
    r->cr3 = s.cr3;
    r->cr4 = s.cr4;
    r->efer = s.efer;
    return true;
}

static bool put_system(struct kvm_cpu *k, const struct x86_regs *r)
{
    const struct vcpu *cpu = k->cpu;
    struct kvm_sregs s;
    uint64_t base;

    /* What is not ours (the interrupt that is being delivered) stays. */
    if (kvm_vcpu_ioctl(k, KVM_GET_SREGS, &s) < 0)
        return false;
    for (unsigned n = 0; n < X86_SEG_COUNT; n++)
        put_segment(segment_of(&s, n), &r->seg[n]);
    put_segment(&s.ldt, &r->ldtr);
    put_segment(&s.tr, &r->tr);
    s.gdt = put_table(&r->gdtr);
    s.idt = put_table(&r->idtr);
    s.cr0 = r->cr0;
    s.cr2 = r->cr2;
    s.cr3 = r->cr3;
    s.cr4 = r->cr4;
    s.efer = r->efer;
    if (cpu->intc_ops && !kvm_lapic_in_kernel(k)) {
        s.cr8 = cpu->intc_ops->get_tpr(cpu->intc) >> 4;
        if (cpu->intc_ops->read_msr(cpu->intc, MSR_APIC_BASE, &base))
            s.apic_base = base;
    }
    return kvm_vcpu_ioctl(k, KVM_SET_SREGS, &s) >= 0;
}

static bool get_debug(struct kvm_cpu *k, struct x86_regs *r)
{
    struct kvm_debugregs d;

    if (!k->vm->has_debugregs)
        return true;
    if (kvm_vcpu_ioctl(k, KVM_GET_DEBUGREGS, &d) < 0)
        return false;
    memcpy(r->dr, d.db, sizeof d.db);
    r->dr[6] = d.dr6;
    r->dr[7] = d.dr7;
    return true;
}

static bool put_debug(struct kvm_cpu *k, const struct x86_regs *r)
{
    struct kvm_debugregs d = {.dr6 = r->dr[6], .dr7 = r->dr[7]};

    if (!k->vm->has_debugregs)
        return true;
    memcpy(d.db, r->dr, sizeof d.db);
    return kvm_vcpu_ioctl(k, KVM_SET_DEBUGREGS, &d) >= 0;
}

static bool get_xcr0(struct kvm_cpu *k, struct x86_regs *r)
{
    struct kvm_xcrs x;

    if (!k->vm->has_xcrs)
        return true;
    if (kvm_vcpu_ioctl(k, KVM_GET_XCRS, &x) < 0)
        return false;
    for (unsigned n = 0; n < x.nr_xcrs && n < KVM_MAX_XCRS; n++)
        if (x.xcrs[n].xcr == 0)
            r->xcr0 = x.xcrs[n].value;
    return true;
}

static bool put_xcr0(struct kvm_cpu *k, const struct x86_regs *r)
{
    struct kvm_xcrs x = {.nr_xcrs = 1, .xcrs[0].value = r->xcr0};

    return !k->vm->has_xcrs || kvm_vcpu_ioctl(k, KVM_SET_XCRS, &x) >= 0;
}

bool kvm_x86_get_general(struct kvm_cpu *k, struct x86_regs *r)
{
    struct kvm_regs g;

    if (kvm_vcpu_ioctl(k, KVM_GET_REGS, &g) < 0)
        return false;
#define GET(n, name) r->gpr[n] = g.name;
    FOR_EACH_GPR(GET)
    r->rip = g.rip;
    r->rflags = g.rflags;
    return get_system(k, r) && get_debug(k, r) && get_xcr0(k, r);
}

bool kvm_x86_put_general(struct kvm_cpu *k, const struct x86_regs *r)
{
    struct kvm_regs g = {.rip = r->rip, .rflags = r->rflags};

#define PUT(n, name) g.name = r->gpr[n];
    FOR_EACH_GPR(PUT)
    return put_system(k, r) && kvm_vcpu_ioctl(k, KVM_SET_REGS, &g) >= 0 && put_debug(k, r) &&
           put_xcr0(k, r);
}
