/* Accesses that the kernel leaves to us (section 5, KVM_EXIT_IO and KVM_EXIT_MMIO), and failures.
 */
#include "accel/kvm/internal.h"

#include <stdio.h>
#include <string.h>

#include "core/memory/memory.h"
#include "core/util/endian.h"
#include "core/util/range.h"

void kvm_exit_io(struct kvm_cpu *k)
{
    struct kvm_run *run = k->run;
    struct mem_space *io = k->vm->m->io;
    unsigned size = run->io.size;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;

    for (uint32_t n = 0; n < run->io.count; n++, data += size) {
        uint64_t value = 0;
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            memcpy(&value, data, size);
            mem_write(io, run->io.port, size, value);
        } else {
            mem_read(io, run->io.port, size, &value);
            memcpy(data, &value, size);
        }
    }
}

void kvm_exit_mmio(struct kvm_cpu *k)
{
    struct kvm_run *run = k->run;
    struct mem_space *memory = vcpu_memory(k->cpu);
    unsigned len = MIN(run->mmio.len, (uint32_t)sizeof run->mmio.data);

    for (unsigned at = 0, size; at < len; at += size) {
        uint64_t value = 0, addr = run->mmio.phys_addr + at;
        size = 8;
        while (size > len - at)
            size /= 2;
        if (run->mmio.is_write) {
            memcpy(&value, run->mmio.data + at, size);
            mem_write(memory, addr, size, value);
        } else {
            mem_read(memory, addr, size, &value);
            memcpy(run->mmio.data + at, &value, size);
        }
    }
}

static const char *internal_error(uint32_t suberror)
{
    switch (suberror) {
    case KVM_INTERNAL_ERROR_EMULATION:
        return "an instruction could not be emulated";
    case KVM_INTERNAL_ERROR_SIMUL_EX:
        return "an exception came while another was delivered";
    case KVM_INTERNAL_ERROR_DELIVERY_EV:
        return "an event could not be delivered";
    default:
        return "unknown";
    }
}

enum vcpu_exit kvm_exit_error(struct kvm_cpu *k)
{
    const struct kvm_run *run = k->run;
    char *out = k->cpu->error;
    const size_t len = sizeof k->cpu->error;

    switch (run->exit_reason) {
    case KVM_EXIT_INTERNAL_ERROR:
        snprintf(out, len, "kvm: internal error %u: %s", run->internal.suberror,
                 internal_error(run->internal.suberror));
        break;
    case KVM_EXIT_FAIL_ENTRY:
        snprintf(out, len, "kvm: the processor does not enter the guest: hardware's reason 0x%llx",
                 (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
        break;
    case KVM_EXIT_UNKNOWN:
        snprintf(out, len, "kvm: the processor left the guest for an unknown reason 0x%llx",
                 (unsigned long long)run->hw.hardware_exit_reason);
        break;
    default:
        snprintf(out, len, "kvm: exit reason %u is not known", run->exit_reason);
        break;
    }
    kvm_arch_describe(k);
    return VCPU_EXIT_ERROR;
}
