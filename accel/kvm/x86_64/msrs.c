/*
 * Model-specific registers (sections 4.3, 4.18, 4.19). Those of the list below that this kernel
 * saves. Numbers: SDM vol. 4.
 */
#include <stdlib.h>
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/cpu/x86.h"
#include "core/cpu/x86_tsc.h"
#include "core/util/log.h"
#include "core/util/range.h"

#define MSR_TSC 0x10u
#define MSR_SMBASE 0x9eu /* the kernel's with system management mode, for us alone */

struct msr {
    uint32_t number;
    uint16_t offset; /* in struct x86_regs, of 8 bytes */
    uint8_t bytes;   /* if not of 8 */
};
#define M(number_, member)                                                                         \
    {                                                                                              \
        .number = (number_), .offset = offsetof(struct x86_regs, member)                           \
    }
#define VARIABLE(n) M(0x200 + 2 * (n), mtrr_base[n]), M(0x201 + 2 * (n), mtrr_mask[n])
static const struct msr msrs[] = {
    M(0x48, spec_ctrl),
    {.number = MSR_SMBASE, .offset = offsetof(struct x86_regs, smbase), .bytes = 4},
    M(0x174, sysenter_cs),
    M(0x175, sysenter_esp),
    M(0x176, sysenter_eip),
    M(0x17a, mcg_status),
    M(0x1a0, misc_enable),
    M(0x250, mtrr_fixed[0]),
    M(0x258, mtrr_fixed[1]),
    M(0x259, mtrr_fixed[2]),
    M(0x268, mtrr_fixed[3]),
    M(0x269, mtrr_fixed[4]),
    M(0x26a, mtrr_fixed[5]),
    M(0x26b, mtrr_fixed[6]),
    M(0x26c, mtrr_fixed[7]),
    M(0x26d, mtrr_fixed[8]),
    M(0x26e, mtrr_fixed[9]),
    M(0x26f, mtrr_fixed[10]),
    VARIABLE(0),
    VARIABLE(1),
    VARIABLE(2),
    VARIABLE(3),
    VARIABLE(4),
    VARIABLE(5),
    VARIABLE(6),
    VARIABLE(7),
    M(0x277, pat),
    M(0x2ff, mtrr_def_type),
    M(0xda0, xss),
    M(0x4b564d01, kvm_system_time),
    M(0x4b564d02, kvm_async_pf_en),
    M(0x4b564d06, kvm_async_pf_int),
    M(0x4b564d03, kvm_steal_time),
    M(0x4b564d04, kvm_pv_eoi),
    M(0x4b564d05, kvm_poll_control),
    M(0xc0000081, star),
    M(0xc0000082, lstar),
    M(0xc0000083, cstar),
    M(0xc0000084, sfmask),
    M(0xc0000102, kernel_gs_base),
    M(0xc0000103, tsc_aux),
};
_Static_assert(ARRAY_SIZE(msrs) + X86_HV_MSRS + 1 <= KVM_X86_MSRS_MAX,
               "room for all of them, Hyper-V's and the TSC");

/* Where in struct x86_regs it is. */
static bool find(uint32_t number, size_t *offset, size_t *bytes)
{
    for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
        *offset = msrs[i].offset;
        *bytes = msrs[i].bytes ? msrs[i].bytes : 8;
        if (msrs[i].number == number)
            return true;
    }
    *bytes = 8;
    for (unsigned i = 0; i < X86_HV_MSRS; i++) {
        *offset = offsetof(struct x86_regs, hv_msr) + 8 * i;
        if (x86_hv_msrs[i] == number)
            return true;
    }
    return false;
}

/* MTRRs are saved by every KVM but not listed by all. */
static bool always_there(uint32_t number)
{
    return number >= 0x200 && number <= 0x2ff;
}

static void list_if_there(struct kvm_x86 *x, const struct kvm_msr_list *list, uint32_t number)
{
    bool listed = always_there(number);

    for (uint32_t j = 0; j < list->nmsrs && !listed; j++)
        listed = list->indices[j] == number;
    if (listed)
        x->msrs[x->msr_count++] = number;
}

/* Hyper-V's are last, and saved with the guests that have them. */
void kvm_x86_list_msrs(struct kvm_vm *vm)
{
    struct kvm_x86 *x = kvm_x86_of(vm);
    struct kvm_msr_list head = {0}, *list;

    /* The first call says how many there are, and fails for that (section 4.3). */
    kvm_ioctl(vm, vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, (uintptr_t)&head);
    uint32_t n = MIN(head.nmsrs, (uint32_t)4096);
    list = calloc(1, sizeof *list + n * sizeof list->indices[0]);
    if (!list)
        return;
    list->nmsrs = n;
    if (kvm_ioctl(vm, vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, (uintptr_t)list) < 0)
        list->nmsrs = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++)
        list_if_there(x, list, msrs[i].number);
    x->msrs_usual = x->msr_count;
    for (unsigned i = 0; i < X86_HV_MSRS; i++)
        list_if_there(x, list, x86_hv_msrs[i]);
    free(list);
}

struct msr_buffer {
    struct kvm_msrs head;
    struct kvm_msr_entry entries[KVM_X86_MSRS_MAX];
};

/* The kernel stops at the first that it refuses, which this guest's processor then does not have:
 * the list goes on without it. */
static bool transfer(struct kvm_cpu *k, unsigned long request, struct msr_buffer *b)
{
    struct msr_buffer part;
    unsigned done = 0;

    while (done < b->head.nmsrs) {
        part.head = (struct kvm_msrs){.nmsrs = b->head.nmsrs - done};
        memcpy(part.entries, b->entries + done, part.head.nmsrs * sizeof part.entries[0]);
        int n = kvm_vcpu_ioctl(k, request, &part);
        if (n < 0)
            return false;
        n = MIN(n, (int)part.head.nmsrs);
        memcpy(b->entries + done, part.entries, (unsigned)n * sizeof part.entries[0]);
        done += (unsigned)n;
        if (done < b->head.nmsrs)
            b->entries[done++].index = 0;
    }
    return true;
}

bool kvm_x86_one_msr(const struct kvm_cpu *k, unsigned long request, uint32_t msr, uint64_t *value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } b = {.head.nmsrs = 1, .entry = {.index = msr, .data = *value}};

    if (kvm_vcpu_ioctl(k, request, &b) != 1)
        return false;
    *value = b.entry.data;
    return true;
}

static unsigned count_of(const struct kvm_cpu *k)
{
    const struct x86_cpu_model *model = k->cpu->model;
    const struct kvm_x86 *x = kvm_x86_of(k->vm);

    return model && model->paravirt.hv ? x->msr_count : x->msrs_usual;
}

bool kvm_x86_get_msrs(struct kvm_cpu *k, struct x86_regs *r)
{
    const struct kvm_x86 *x = kvm_x86_of(k->vm);
    unsigned count = count_of(k);
    struct msr_buffer b = {.head.nmsrs = count + 1, .entries[0].index = MSR_TSC};

    for (unsigned i = 0; i < count; i++)
        b.entries[i + 1].index = x->msrs[i];
    if (!transfer(k, KVM_GET_MSRS, &b))
        return false;
    if (b.entries[0].index == MSR_TSC) {
        r->tsc_offset = 0;
        r->tsc_offset = (int64_t)(b.entries[0].data - x86_tsc_now(k->cpu));
    }
    for (unsigned i = 1; i < b.head.nmsrs; i++) {
        size_t offset, bytes;
        if (find(b.entries[i].index, &offset, &bytes))
            memcpy((uint8_t *)r + offset, &b.entries[i].data, bytes);
    }
    return true;
}

bool kvm_x86_put_msrs(struct kvm_cpu *k, const struct x86_regs *r)
{
    const struct kvm_x86 *x = kvm_x86_of(k->vm);
    unsigned count = count_of(k);
    struct msr_buffer b = {.head.nmsrs = count + 1};

    for (unsigned i = 0; i < count; i++) {
        struct kvm_msr_entry *e = &b.entries[i];
        size_t offset, bytes;
        e->index = x->msrs[i];
        if (find(e->index, &offset, &bytes))
            memcpy(&e->data, (const uint8_t *)r + offset, bytes);
    }
    /* Last, so that it is as fresh as can be. */
    b.entries[count] = (struct kvm_msr_entry){.index = MSR_TSC, .data = x86_tsc_now(k->cpu)};
    return transfer(k, KVM_SET_MSRS, &b);
}
