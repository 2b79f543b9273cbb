/*
 * The debugger's breakpoints, watchpoints and steps by the processor's own debug registers (section
 * 4.87, KVM_SET_GUEST_DEBUG; Arm ARM, chapter D19, DBGBCR<n>_EL1 and DBGWCR<n>_EL1). A watchpoint
 * that is not within 8 bytes takes several registers.
 */
#include <string.h>

#include "accel/kvm/arm64/arm.h"
#include "accel/kvm/arm64/regs.h"
#include "accel/kvm/internal.h"
#include "core/util/log.h"
#include "core/util/range.h"

enum {
    ENABLE = 1,
    EL1_AND_EL0 = 3 << 1,
    BREAK_BAS = 0xf << 5, /* a whole instruction of A64 */
    WATCH_BAS_SHIFT = 5,
    WATCH_LOAD = 1 << 3,
    WATCH_STORE = 2 << 3,
    WATCH_BYTES = 8,
};

/* The bytes that one watchpoint register watches. */
struct piece {
    uint64_t addr; /* a multiple of 8 */
    uint8_t bytes; /* a bit for each from there */
    uint8_t access;
    unsigned breakpoint;
};

/* The pieces of the list's watchpoints; more than fit: -1. */
static int pieces_of(const struct cpu_breakpoint *list, unsigned count, int room,
                     struct piece pieces[KVM_ARM_MAX_DBG_REGS])
{
    static const uint8_t accesses[] = {[CPU_BP_WRITE] = WATCH_STORE,
                                       [CPU_BP_READ] = WATCH_LOAD,
                                       [CPU_BP_ACCESS] = WATCH_LOAD | WATCH_STORE};
    int n = 0;

    for (unsigned i = 0; i < count; i++) {
        if (list[i].kind == CPU_BP_EXEC)
            continue;
        uint64_t addr = list[i].addr, left = list[i].len;
        while (left) {
            uint64_t first = addr % WATCH_BYTES, part = MIN(left, WATCH_BYTES - first);
            if (n >= MIN(room, KVM_ARM_MAX_DBG_REGS))
                return -1;
            pieces[n++] = (struct piece){.addr = addr - first,
                                         .bytes = (uint8_t)(((1u << part) - 1) << first),
                                         .access = accesses[list[i].kind],
                                         .breakpoint = i};
            addr += part;
            left -= part;
        }
    }
    return n;
}

static unsigned exec_count(const struct cpu_breakpoint *list, unsigned count)
{
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++)
        n += list[i].kind == CPU_BP_EXEC;
    return n;
}

enum cpu_debug_room kvm_arch_debug_room(const struct kvm_vm *vm, const struct cpu_breakpoint *list,
                                        unsigned count)
{
    const struct kvm_arm *a = kvm_arm_of(vm);
    struct piece pieces[KVM_ARM_MAX_DBG_REGS];

    if (!vm->has_guest_debug ||
        (int)exec_count(list, count) > MIN(a->breakpoints, KVM_ARM_MAX_DBG_REGS) ||
        pieces_of(list, count, a->watchpoints, pieces) < 0)
        return CPU_DEBUG_NO_ROOM;
    return CPU_DEBUG_FITS;
}

void kvm_arch_debug(struct kvm_cpu *k)
{
    const struct kvm_arm *a = kvm_arm_of(k->vm);
    const struct vcpu *cpu = k->cpu;
    struct kvm_guest_debug d = {0};
    struct piece pieces[KVM_ARM_MAX_DBG_REGS];
    int watches = pieces_of(cpu->breakpoints, cpu->breakpoint_count, a->watchpoints, pieces), n = 0;

    if (!k->vm->has_guest_debug)
        return;
    if (cpu->single_step)
        d.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
    for (unsigned i = 0; i < cpu->breakpoint_count && n < a->breakpoints; i++) {
        if (cpu->breakpoints[i].kind != CPU_BP_EXEC || n == KVM_ARM_MAX_DBG_REGS)
            continue;
        d.arch.dbg_bvr[n] = cpu->breakpoints[i].addr & ~UINT64_C(3);
        d.arch.dbg_bcr[n++] = ENABLE | EL1_AND_EL0 | BREAK_BAS;
    }
    for (int i = 0; i < watches; i++) {
        d.arch.dbg_wvr[i] = pieces[i].addr;
        d.arch.dbg_wcr[i] =
            ENABLE | EL1_AND_EL0 | pieces[i].access | (uint64_t)pieces[i].bytes << WATCH_BAS_SHIFT;
    }
    if (n || watches > 0)
        d.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW;
    int r = kvm_vcpu_ioctl(k, KVM_SET_GUEST_DEBUG, &d);
    if (r < 0)
        log_msg(&k->vm->m->log, LOG_WARN, "kvm: vCPU %u takes no breakpoints: %s", cpu->index,
                strerrordesc_np(-r));
}

/* The syndrome says what it was (Arm ARM, ESR_EL2.EC). */
bool kvm_arch_debug_exit(struct kvm_cpu *k)
{
    enum { EC_SHIFT = 26, EC_WATCHPOINT = 0x34, EC_BREAKPOINT = 0x30 };
    const struct kvm_debug_exit_arch *d = &k->run->debug.arch;
    struct vcpu *cpu = k->cpu;
    uint64_t pc = 0;

    kvm_arm_get_one(k, KVM_ARM_PC, &pc);
    cpu->debug_addr = pc;
    cpu->debug_hit = NULL;
    for (unsigned i = 0; i < cpu->breakpoint_count && !cpu->debug_hit; i++) {
        const struct cpu_breakpoint *b = &cpu->breakpoints[i];
        bool exec = b->kind == CPU_BP_EXEC;
        if (d->hsr >> EC_SHIFT == EC_BREAKPOINT && exec && b->addr == pc)
            cpu->debug_hit = b;
        /* A wide access is told by its first byte, which may lie before what is watched. */
        if (d->hsr >> EC_SHIFT == EC_WATCHPOINT && !exec &&
            range_overlaps(b->addr, b->len, d->far, 64)) {
            cpu->debug_hit = b;
            cpu->debug_addr = b->addr;
        }
    }
    return true;
}
