/*
 * x87, SSE and what XSAVE has beyond (sections 4.42 KVM_GET_XSAVE, 4.22 KVM_GET_FPU). The area has
 * the standard form, with components where the host's CPUID leaf 0DH says. SDM vol. 1, sections
 * 10.5.1 (FXSAVE) and 13.4 (XSAVE area).
 */
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/cpu/x86.h"
#include "core/util/endian.h"

enum {
    FX_FCW = 0,
    FX_FSW = 2,
    FX_FTW = 4,
    FX_FOP = 6,
    FX_FIP = 8,
    FX_FDP = 16,
    FX_MXCSR = 24,
    FX_ST = 32,
    FX_XMM = 160,
    FX_SIZE = 512,
    XSTATE_BV = 512,
    VECTORS = 16,
};

static unsigned top(const struct x86_regs *r)
{
    return r->fsw >> 11 & 7;
}

static void get_legacy(struct x86_regs *r, const uint8_t *fx)
{
    r->fcw = load_le16(fx + FX_FCW);
    r->fsw = load_le16(fx + FX_FSW);
    r->ftw = fx[FX_FTW];
    r->fop = load_le16(fx + FX_FOP);
    r->fip = load_le64(fx + FX_FIP);
    r->fdp = load_le64(fx + FX_FDP);
    r->mxcsr = load_le32(fx + FX_MXCSR);
    for (unsigned i = 0; i < 8; i++)
        memcpy(&r->fpr[(top(r) + i) & 7], fx + FX_ST + 16 * i, 10);
    for (unsigned n = 0; n < VECTORS; n++)
        memcpy(&r->vec[n].half[0], fx + FX_XMM + 16 * n, 16);
}

static void put_legacy(uint8_t *fx, const struct x86_regs *r)
{
    store_le16(fx + FX_FCW, r->fcw);
    store_le16(fx + FX_FSW, r->fsw);
    fx[FX_FTW] = r->ftw;
    store_le16(fx + FX_FOP, r->fop);
    store_le64(fx + FX_FIP, r->fip);
    store_le64(fx + FX_FDP, r->fdp);
    store_le32(fx + FX_MXCSR, r->mxcsr);
    for (unsigned i = 0; i < 8; i++)
        memcpy(fx + FX_ST + 16 * i, &r->fpr[(top(r) + i) & 7], 10);
    for (unsigned n = 0; n < VECTORS; n++)
        memcpy(fx + FX_XMM + 16 * n, &r->vec[n].half[0], 16);
}

/* AVX-512's, each where the area has it. */
enum { OPMASK = 5, ZMM_HI = 6, ZMM_HI16 = 7, PKRU = 9, HIGH_VECTORS = 16 };

static void get_avx512(struct x86_regs *r, const uint8_t *area, const uint16_t *offset,
                       uint64_t present)
{
    const uint8_t *masks = area + offset[OPMASK], *hi = area + offset[ZMM_HI],
                  *hi16 = area + offset[ZMM_HI16];

    for (unsigned n = 0; n < 8 && offset[OPMASK]; n++)
        r->kmask[n] = present & X86_XCR0_OPMASK ? load_le64(masks + 8 * n) : 0;
    memset(r->zmm_hi, 0, sizeof r->zmm_hi);
    memset(&r->vec[VECTORS], 0, HIGH_VECTORS * sizeof r->vec[0]);
    if (offset[ZMM_HI] && present & X86_XCR0_ZMM_HI)
        memcpy(r->zmm_hi, hi, VECTORS * sizeof r->zmm_hi[0]);
    if (!offset[ZMM_HI16] || !(present & X86_XCR0_ZMM_HI16))
        return;
    for (unsigned n = 0; n < HIGH_VECTORS; n++) {
        memcpy(&r->vec[VECTORS + n], hi16 + 64 * n, 32);
        memcpy(&r->zmm_hi[VECTORS + n], hi16 + 64 * n + 32, 32);
    }
}

/* What of it was put. */
static uint64_t put_avx512(uint8_t *area, const struct x86_regs *r, const uint16_t *offset)
{
    if ((r->xcr0 & X86_XCR0_AVX512) != X86_XCR0_AVX512 || !offset[OPMASK] || !offset[ZMM_HI] ||
        !offset[ZMM_HI16])
        return 0;
    for (unsigned n = 0; n < 8; n++)
        store_le64(area + offset[OPMASK] + 8 * n, r->kmask[n]);
    memcpy(area + offset[ZMM_HI], r->zmm_hi, VECTORS * sizeof r->zmm_hi[0]);
    for (unsigned n = 0; n < HIGH_VECTORS; n++) {
        uint8_t *at = area + offset[ZMM_HI16] + 64 * n;
        memcpy(at, &r->vec[VECTORS + n], 32);
        memcpy(at + 32, &r->zmm_hi[VECTORS + n], 32);
    }
    return X86_XCR0_AVX512;
}

static void get_extended(struct x86_regs *r, const uint8_t *area, const uint16_t *offset)
{
    uint64_t present = load_le64(area + XSTATE_BV);

    for (unsigned n = 0; n < VECTORS; n++) {
        if (present & X86_XCR0_AVX)
            memcpy(&r->vec[n].half[1], area + X86_XSAVE_AVX + 16 * n, 16);
        else
            memset(&r->vec[n].half[1], 0, 16);
        if (!(present & (X86_XCR0_SSE)))
            memset(&r->vec[n].half[0], 0, 16);
    }
    get_avx512(r, area, offset, present);
    if (offset[PKRU])
        r->pkru = present & X86_XCR0_PKRU ? load_le32(area + offset[PKRU]) : 0;
    if (!(present & X86_XCR0_X87)) {
        r->fcw = 0x37f;
        r->fsw = r->ftw = 0;
        r->fop = 0;
        r->fip = r->fdp = 0;
        memset(r->fpr, 0, sizeof r->fpr);
    }
}

static void put_extended(uint8_t *area, const struct x86_regs *r, const uint16_t *offset)
{
    uint64_t present = X86_XCR0_X87 | X86_XCR0_SSE;

    if (r->xcr0 & X86_XCR0_AVX) {
        present |= X86_XCR0_AVX;
        for (unsigned n = 0; n < VECTORS; n++)
            memcpy(area + X86_XSAVE_AVX + 16 * n, &r->vec[n].half[1], 16);
    }
    present |= put_avx512(area, r, offset);
    if (offset[PKRU] && r->xcr0 & X86_XCR0_PKRU) {
        present |= X86_XCR0_PKRU;
        store_le32(area + offset[PKRU], r->pkru);
    }
    store_le64(area + XSTATE_BV, present);
}

/* The older call has its own layout. */
static bool get_fpu(struct kvm_cpu *k, struct x86_regs *r)
{
    struct kvm_fpu f;

    if (kvm_vcpu_ioctl(k, KVM_GET_FPU, &f) < 0)
        return false;
    r->fcw = f.fcw;
    r->fsw = f.fsw;
    r->ftw = f.ftwx;
    r->fop = f.last_opcode;
    r->fip = f.last_ip;
    r->fdp = f.last_dp;
    r->mxcsr = f.mxcsr;
    for (unsigned i = 0; i < 8; i++)
        memcpy(&r->fpr[(top(r) + i) & 7], f.fpr[i], 10);
    for (unsigned n = 0; n < VECTORS; n++)
        memcpy(&r->vec[n].half[0], f.xmm[n], 16);
    return true;
}

static bool put_fpu(struct kvm_cpu *k, const struct x86_regs *r)
{
    struct kvm_fpu f = {.fcw = r->fcw,
                        .fsw = r->fsw,
                        .ftwx = r->ftw,
                        .last_opcode = r->fop,
                        .last_ip = r->fip,
                        .last_dp = r->fdp,
                        .mxcsr = r->mxcsr};

    for (unsigned i = 0; i < 8; i++)
        memcpy(f.fpr[i], &r->fpr[(top(r) + i) & 7], 10);
    for (unsigned n = 0; n < VECTORS; n++)
        memcpy(f.xmm[n], &r->vec[n].half[0], 16);
    return kvm_vcpu_ioctl(k, KVM_SET_FPU, &f) >= 0;
}

bool kvm_x86_get_fpu(struct kvm_cpu *k, struct x86_regs *r)
{
    struct kvm_xsave area;

    if (!k->vm->has_xsave)
        return get_fpu(k, r);
    if (kvm_vcpu_ioctl(k, KVM_GET_XSAVE, &area) < 0)
        return false;
    get_legacy(r, (const uint8_t *)area.region);
    get_extended(r, (const uint8_t *)area.region, kvm_x86_of(k->vm)->xsave_offset);
    return true;
}

bool kvm_x86_put_fpu(struct kvm_cpu *k, const struct x86_regs *r)
{
    struct kvm_xsave area;

    if (!k->vm->has_xsave)
        return put_fpu(k, r);
    /* What the guest's processor has and our state has not stays as it is. */
    if (kvm_vcpu_ioctl(k, KVM_GET_XSAVE, &area) < 0)
        return false;
    put_legacy((uint8_t *)area.region, r);
    put_extended((uint8_t *)area.region, r, kvm_x86_of(k->vm)->xsave_offset);
    return kvm_vcpu_ioctl(k, KVM_SET_XSAVE, &area) >= 0;
}
