/* x86 as an architecture of the core: see arch.h. */
#include <stdatomic.h>

#include "core/cpu/arch.h"
#include "core/cpu/debug.h"
#include "core/cpu/x86.h"
#include "core/cpu/x86_tsc.h"
#include "core/device/machine.h"

static void reset(struct vcpu *cpu)
{
    struct x86_regs *regs = cpu->regs;

    cpu->sipi_vector = 0;
    /* The others wait for the bootstrap processor's INIT and start-up messages (SDM vol. 3, chapter
     * "Multiple-Processor Management"). */
    cpu->wait_for_sipi = cpu->halted = cpu->index != 0;
    if (!regs)
        return;
    x86_regs_reset(regs, false);
    if (cpu->model) {
        /* EDX holds the processor's signature after reset. */
        uint32_t out[4];
        x86_cpuid(cpu->model, regs, cpu->apic_id, 1, 0, out);
        regs->gpr[X86_RDX] = out[0];
    }
}

static struct mem_space *memory(const struct vcpu *cpu)
{
    const struct x86_regs *regs = cpu->regs;
    const struct vemu_machine *m = cpu->machine;

    return regs && regs->smm && m->smm_memory ? m->smm_memory : m->memory;
}

static uint64_t pc(struct vcpu *cpu)
{
    const struct x86_regs *r = cpu->regs;
    bool code64 = (r->efer & X86_EFER_LMA) && (r->seg[X86_CS].attr & X86_SEG_L);

    return code64 ? r->rip : (uint32_t)(r->seg[X86_CS].base + r->rip);
}

static bool check(const struct vcpu *cpu, const void *regs, struct vemu_error **errp)
{
    (void)cpu;
    return x86_regs_check(regs, errp);
}

static void before_save(struct vcpu *cpu)
{
    struct x86_regs *regs = cpu->regs;

    regs->saved_tsc = x86_tsc_now(cpu);
    regs->saved_tsc_hz = x86_tsc_hz(cpu);
}

/* A TSC of another speed goes on from the value that it had. */
static void after_load(struct vcpu *cpu)
{
    struct x86_regs *regs = cpu->regs;

    if (regs->saved_tsc_hz == x86_tsc_hz(cpu))
        return;
    const struct accel *accel = cpu->machine->accel;
    bool scaled = accel && accel->x86_scale_tsc && regs->saved_tsc_hz &&
                  accel->x86_scale_tsc(cpu, regs->saved_tsc_hz);
    if (scaled)
        cpu->tsc_hz = regs->saved_tsc_hz;
    else
        log_msg(&cpu->machine->log, LOG_WARN,
                "vCPU %u: the saved machine's TSC has %llu Hz and this one's %llu: what the guest "
                "measures by it is wrong from here on",
                cpu->index, (unsigned long long)regs->saved_tsc_hz,
                (unsigned long long)x86_tsc_hz(cpu));
    regs->tsc_offset = 0;
    regs->tsc_offset = (int64_t)(regs->saved_tsc - x86_tsc_now(cpu));
}

const struct cpu_arch_ops x86_arch_ops = {
    .regs_size = sizeof(struct x86_regs),
    .regs_align = _Alignof(struct x86_regs),
    .reset = reset,
    .memory = memory,
    .registers = x86_registers,
    .pc_name = "rip",
    .register_read = x86_register_read,
    .register_write = x86_register_write,
    .translate = x86_debug_translate,
    .pc = pc,
    .state_name = "x86-regs",
    .state_version = 5,
    .state = x86_regs_state,
    .check = check,
    .before_save = before_save,
    .after_load = after_load,
};
