/*
 * The debugger's breakpoints, watchpoints and steps by the processor's own debug registers (section
 * 4.87, KVM_SET_GUEST_DEBUG; SDM vol. 3, chapter "Debug, Branch Profile, TSC ...": DR7 and the
 * addresses that a length asks for). A watchpoint may need several registers; one for reads alone
 * is none of the processor's. Breakpoints that find no register are in memory (softbreak.c).
 */
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/util/log.h"
#include "core/util/range.h"

enum { DEBUG_REGISTERS = 4, DR7_FIXED = 0x600 /* bit 10 is one, and GE as it is advised */ };

/* What one debug register watches. */
struct piece {
    uint64_t addr;
    uint8_t len;       /* 1, 2, 4, 8; execution: 1 */
    uint8_t condition; /* R/Wn */
    unsigned breakpoint;
};

static bool cut(const struct cpu_breakpoint *b, unsigned number,
                struct piece pieces[DEBUG_REGISTERS], int *n)
{
    static const uint8_t conditions[] = {
        [CPU_BP_EXEC] = 0, [CPU_BP_WRITE] = 1, [CPU_BP_READ] = 3, [CPU_BP_ACCESS] = 3};
    uint64_t addr = b->addr, left = b->kind == CPU_BP_EXEC ? 1 : b->len;

    while (left) {
        uint8_t len = 8;
        while (len > left || addr & (len - 1u))
            len /= 2;
        if (*n == DEBUG_REGISTERS)
            return false;
        pieces[(*n)++] = (struct piece){
            .addr = addr, .len = len, .condition = conditions[b->kind], .breakpoint = number};
        addr += len;
        left -= len;
    }
    return true;
}

/* The registers in use, in order: watchpoints can be nowhere else, and breakpoints have what these
 * leave. More than there are: -1. */
static int pieces_of(const struct cpu_breakpoint *list, unsigned count,
                     struct piece pieces[DEBUG_REGISTERS])
{
    int n = 0;

    for (unsigned i = 0; i < count; i++)
        if (list[i].kind != CPU_BP_EXEC && !cut(&list[i], i, pieces, &n))
            return -1;
    for (unsigned i = 0; i < count; i++)
        if (list[i].kind == CPU_BP_EXEC)
            cut(&list[i], i, pieces, &n);
    return n;
}

static bool has_piece(const struct piece *pieces, int n, unsigned number)
{
    for (int i = 0; i < n; i++)
        if (pieces[i].breakpoint == number)
            return true;
    return false;
}

bool kvm_x86_is_soft(const struct vcpu *cpu, unsigned number)
{
    struct piece pieces[DEBUG_REGISTERS];
    int n = pieces_of(cpu->breakpoints, cpu->breakpoint_count, pieces);

    return cpu->breakpoints[number].kind == CPU_BP_EXEC && !has_piece(pieces, n, number);
}

enum cpu_debug_room kvm_arch_debug_room(const struct kvm_vm *vm, const struct cpu_breakpoint *list,
                                        unsigned count)
{
    struct piece pieces[DEBUG_REGISTERS];

    if (!vm->has_guest_debug)
        return CPU_DEBUG_NO_ROOM;
    for (unsigned i = 0; i < count; i++)
        if (list[i].kind == CPU_BP_READ)
            return CPU_DEBUG_NO_KIND;
    int n = pieces_of(list, count, pieces);
    for (unsigned i = 0; n >= 0 && i < count; i++)
        if (!has_piece(pieces, n, i) && !kvm_x86_soft_possible(vm, list[i].addr))
            n = -1;
    return n < 0 ? CPU_DEBUG_NO_ROOM : CPU_DEBUG_FITS;
}

static bool any_soft(const struct vcpu *cpu)
{
    for (unsigned i = 0; i < cpu->breakpoint_count; i++)
        if (kvm_x86_is_soft(cpu, i))
            return true;
    return false;
}

/* inject: KVM_GUESTDBG_INJECT_*, once. */
static void set_debug(struct kvm_cpu *k, uint32_t inject)
{
    static const uint64_t lengths[9] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2};
    const struct vcpu *cpu = k->cpu;
    struct kvm_guest_debug d = {.control = inject};
    struct piece pieces[DEBUG_REGISTERS];
    int n = pieces_of(cpu->breakpoints, cpu->breakpoint_count, pieces);

    if (!k->vm->has_guest_debug)
        return;
    if (cpu->single_step)
        d.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
    if (any_soft(cpu))
        d.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
    if (n > 0) {
        d.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
        d.arch.debugreg[7] = DR7_FIXED;
    }
    for (int i = 0; i < n; i++) {
        d.arch.debugreg[i] = pieces[i].addr;
        d.arch.debugreg[7] |= UINT64_C(2) << 2 * i |
                              (pieces[i].condition | lengths[pieces[i].len] << 2) << (16 + 4 * i);
    }
    int r = kvm_vcpu_ioctl(k, KVM_SET_GUEST_DEBUG, &d);
    if (r < 0)
        log_msg(&k->vm->m->log, LOG_WARN, "kvm: vCPU %u takes no breakpoints: %s", cpu->index,
                strerrordesc_np(-r));
}

void kvm_arch_debug(struct kvm_cpu *k)
{
    set_debug(k, 0);
}

/* An INT3: one of ours, or the guest's, which is given its exception. */
static bool soft_exit(struct kvm_cpu *k)
{
    struct vcpu *cpu = k->cpu;

    for (unsigned i = 0; i < cpu->breakpoint_count; i++) {
        if (cpu->breakpoints[i].kind != CPU_BP_EXEC ||
            cpu->breakpoints[i].addr != k->run->debug.arch.pc)
            continue;
        cpu->debug_addr = cpu->breakpoints[i].addr;
        cpu->debug_hit = &cpu->breakpoints[i];
        return true;
    }
    set_debug(k, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_BP);
    return false;
}

bool kvm_arch_debug_exit(struct kvm_cpu *k)
{
    enum { BREAKPOINT = 3 };
    const struct kvm_debug_exit_arch *d = &k->run->debug.arch;
    struct vcpu *cpu = k->cpu;
    struct piece pieces[DEBUG_REGISTERS];
    int n = pieces_of(cpu->breakpoints, cpu->breakpoint_count, pieces);

    if (d->exception == BREAKPOINT)
        return soft_exit(k);
    cpu->debug_addr = d->pc;
    cpu->debug_hit = NULL;
    for (int i = 0; i < n && !cpu->debug_hit; i++) {
        if (!(d->dr6 >> i & 1))
            continue;
        cpu->debug_hit = &cpu->breakpoints[pieces[i].breakpoint];
        cpu->debug_addr = pieces[i].addr;
    }
    return true;
}
