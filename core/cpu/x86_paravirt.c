/* See x86_paravirt.h. */
#include "core/cpu/x86_paravirt.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/error.h"
#include "core/util/range.h"

enum { QUOTE_MAX = 64, VENDOR_MAX = 12 };
#define RETRIES_MIN 4095u /* fewer make no sense to the specification's guests */

static const struct {
    const char *name;
    uint32_t bits;
} kvm_features[] = {
    {"kvmclock", X86_KVM_CLOCK | X86_KVM_CLOCK2},
    {"kvm-nopiodelay", X86_KVM_NOP_IO_DELAY},
    {"kvm-asyncpf", X86_KVM_ASYNC_PF},
    {"kvm-steal-time", X86_KVM_STEAL_TIME},
    {"kvm-pv-eoi", X86_KVM_PV_EOI},
    {"kvm-pv-unhalt", X86_KVM_PV_UNHALT},
    {"kvm-pv-tlb-flush", X86_KVM_PV_TLB_FLUSH},
    {"kvm-asyncpf-vmexit", X86_KVM_ASYNC_PF_VMEXIT},
    {"kvm-pv-ipi", X86_KVM_PV_IPI},
    {"kvm-poll-control", X86_KVM_POLL_CONTROL},
    {"kvm-pv-sched-yield", X86_KVM_PV_SCHED_YIELD},
    {"kvm-asyncpf-int", X86_KVM_ASYNC_PF_INT},
    {"kvmclock-stable-bit", X86_KVM_CLOCK_STABLE},
};

static const char *const hv_names[X86_HV_COUNT] = {
    [X86_HV_RELAXED] = "hv-relaxed",
    [X86_HV_VAPIC] = "hv-vapic",
    [X86_HV_SPINLOCKS] = "hv-spinlocks",
    [X86_HV_VPINDEX] = "hv-vpindex",
    [X86_HV_RUNTIME] = "hv-runtime",
    [X86_HV_CRASH] = "hv-crash",
    [X86_HV_RESET] = "hv-reset",
    [X86_HV_TIME] = "hv-time",
    [X86_HV_SYNIC] = "hv-synic",
    [X86_HV_STIMER] = "hv-stimer",
    [X86_HV_STIMER_DIRECT] = "hv-stimer-direct",
    [X86_HV_FREQUENCIES] = "hv-frequencies",
    [X86_HV_REENLIGHTENMENT] = "hv-reenlightenment",
    [X86_HV_TLBFLUSH] = "hv-tlbflush",
    [X86_HV_TLBFLUSH_EXT] = "hv-tlbflush-ext",
    [X86_HV_IPI] = "hv-ipi",
    [X86_HV_AVIC] = "hv-avic",
    [X86_HV_XMM_INPUT] = "hv-xmm-input",
};

const uint32_t x86_hv_msrs[X86_HV_MSRS] =
    {
        0x40000000, 0x40000001,             /* guest OS ID, hypercall page */
        0x40000010, 0x40000021,             /* run time, reference TSC page */
        0x40000073,                         /* virtual APIC page */
        0x40000080, 0x40000082, 0x40000083, /* SynIC: control, event flags, messages */
        0x40000090, 0x40000091, 0x40000092, 0x40000093, 0x40000094, 0x40000095, /* SINTs */
        0x40000096, 0x40000097, 0x40000098, 0x40000099, 0x4000009a, 0x4000009b,
        0x4000009c, 0x4000009d, 0x4000009e, 0x4000009f, 0x400000b0, 0x400000b1,
        0x400000b2, 0x400000b3, /* timers: configuration, count */
        0x400000b4, 0x400000b5, 0x400000b6, 0x400000b7, 0x40000100, 0x40000101,
        0x40000102, 0x40000103, 0x40000104, 0x40000105, /* crash */
        0x40000106, 0x40000107, 0x40000108,             /* reenlightenment */
};

const char *x86_hv_name(enum x86_hv which)
{
    return which < X86_HV_COUNT ? hv_names[which] : NULL;
}

const char *x86_kvm_feature_name(uint32_t bit)
{
    for (unsigned i = 0; i < ARRAY_SIZE(kvm_features); i++)
        if (kvm_features[i].bits & bit)
            return kvm_features[i].name;
    return NULL;
}

bool x86_paravirt_asked(const struct x86_paravirt *pv)
{
    return pv->kvm_on || pv->kvm_dedicated || pv->kvm_enforce || pv->hv || pv->hv_passthrough ||
           pv->hv_enforce || pv->hv_vendor[0];
}

/* Older spellings have underscores. */
static bool is(const char *name, const char *text, size_t len)
{
    if (!name || strlen(name) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (name[i] != (text[i] == '_' ? '-' : text[i]))
            return false;
    return true;
}

static bool bad(struct vemu_error **errp, const char *name, size_t len, const char *right)
{
    return error_set(errp, VEMU_ERROR_INVALID, "-cpu: %.*s should be %s",
                     (int)MIN(len, (size_t)QUOTE_MAX), name, right);
}

static bool take_retries(struct x86_paravirt *pv, const char *name, size_t len, const char *value,
                         size_t value_len, struct vemu_error **errp)
{
    char text[16] = "", *end;

    memcpy(text, value, MIN(value_len, sizeof text - 1));
    unsigned long n = strtoul(text, &end, 0);
    if (!value_len || value_len >= sizeof text || *end || text[0] == '-' || n < RETRIES_MIN ||
        n > X86_HV_SPINLOCKS_NEVER)
        return bad(errp, name, len, "the number of times that a guest tries a lock, from 4095 on");
    pv->hv |= 1u << X86_HV_SPINLOCKS;
    pv->hv_retries = (uint32_t)n;
    return true;
}

static bool take_vendor(struct x86_paravirt *pv, const char *name, size_t len, const char *value,
                        size_t value_len, struct vemu_error **errp)
{
    if (!value_len || value_len > VENDOR_MAX)
        return bad(errp, name, len, "1 to 12 characters");
    memset(pv->hv_vendor, 0, sizeof pv->hv_vendor);
    memcpy(pv->hv_vendor, value, value_len);
    return true;
}

static bool *flag_of(struct x86_paravirt *pv, const char *name, size_t len)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"kvm-hint-dedicated", &pv->kvm_dedicated},
        {"kvm-pv-enforce-cpuid", &pv->kvm_enforce},
        {"hv-passthrough", &pv->hv_passthrough},
        {"hv-enforce-cpuid", &pv->hv_enforce},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
        if (is(flags[i].name, name, len))
            return flags[i].flag;
    return NULL;
}

static bool set_by_name(struct x86_paravirt *pv, const char *name, size_t len, bool on)
{
    bool *flag = flag_of(pv, name, len);

    if (flag) {
        *flag = on;
        return true;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(kvm_features); i++) {
        if (!is(kvm_features[i].name, name, len))
            continue;
        uint32_t bits = kvm_features[i].bits;
        pv->kvm_on = on ? pv->kvm_on | bits : pv->kvm_on & ~bits;
        pv->kvm_off = on ? pv->kvm_off & ~bits : pv->kvm_off | bits;
        return true;
    }
    for (unsigned i = 0; i < X86_HV_COUNT; i++) {
        if (!is(hv_names[i], name, len))
            continue;
        pv->hv = on ? pv->hv | 1u << i : pv->hv & ~(1u << i);
        if (i == X86_HV_SPINLOCKS)
            pv->hv_retries = X86_HV_SPINLOCKS_NEVER;
        return true;
    }
    return false;
}

bool x86_paravirt_item(struct x86_paravirt *pv, const char *name, size_t len, const char *value,
                       size_t value_len, bool on, bool *known, struct vemu_error **errp)
{
    *known = true;
    if (value && is("hv-vendor-id", name, len))
        return take_vendor(pv, name, len, value, value_len, errp);
    if (value && value_len && value[0] >= '0' && value[0] <= '9' && is("hv-spinlocks", name, len))
        return take_retries(pv, name, len, value, value_len, errp);
    if (value) {
        on = is("on", value, value_len);
        bool off = is("off", value, value_len);
        struct x86_paravirt none = {0};
        if (!on && !off && set_by_name(&none, name, len, true))
            return bad(errp, name, len, "on or off");
    }
    *known = set_by_name(pv, name, len, on);
    return true;
}
