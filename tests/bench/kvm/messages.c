/*
 * What an interrupt message costs the thread that sends it: KVM_SIGNAL_MSI, or a write to the
 * eventfd of a KVM_IRQFD; and what the latter costs each time that a driver moves or masks a
 * vector. On a virtual machine of its own, with one vCPU that does not run. Prints ns: the fastest
 * of some units.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { GSI = 40, ADDRESS = 0xfee00000, DATA = 0x4041, APIC_SVR = 0xf0, SVR_ENABLED = 0x1ff };

static int vm, bell;
static struct {
    struct kvm_irq_routing head;
    struct kvm_irq_routing_entry entry;
} routing = {.head.nr = 1,
             .entry = {.gsi = GSI,
                       .type = KVM_IRQ_ROUTING_MSI,
                       .u.msi = {.address_lo = ADDRESS, .data = DATA}}};

static int signal_msi(void)
{
    struct kvm_msi msi = {.address_lo = ADDRESS, .data = DATA};
    return ioctl(vm, KVM_SIGNAL_MSI, &msi);
}

static int write_irqfd(void)
{
    return eventfd_write(bell, 1);
}

static int set_routing(void)
{
    routing.entry.u.msi.data ^= 1; /* to another vector */
    return ioctl(vm, KVM_SET_GSI_ROUTING, &routing);
}

static int assign(uint32_t flags)
{
    struct kvm_irqfd irqfd = {.fd = (uint32_t)bell, .gsi = GSI, .flags = flags};
    return ioctl(vm, KVM_IRQFD, &irqfd);
}

static int take_and_give(void)
{
    return assign(KVM_IRQFD_FLAG_DEASSIGN) < 0 ? -1 : assign(0);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int measure(const char *name, int (*fn)(void), unsigned units, unsigned count)
{
    uint64_t best = UINT64_MAX;

    for (unsigned unit = 0; unit < units; unit++) {
        uint64_t begun = now();
        for (unsigned n = 0; n < count; n++)
            if (fn() < 0)
                return perror(name), 1;
        uint64_t took = (now() - begun) / count;
        best = took < best ? took : best;
    }
    printf("| %s | %llu |\n", name, (unsigned long long)best);
    return 0;
}

static int make_vm(void)
{
    struct kvm_lapic_state lapic;
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), cpu;

    if (kvm < 0 || (vm = ioctl(kvm, KVM_CREATE_VM, 0)) < 0 ||
        ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0 || (cpu = ioctl(vm, KVM_CREATE_VCPU, 0)) < 0 ||
        ioctl(cpu, KVM_GET_LAPIC, &lapic) < 0)
        return -1;
    const uint32_t enabled = SVR_ENABLED;
    memcpy(lapic.regs + APIC_SVR, &enabled, sizeof enabled);
    bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return ioctl(cpu, KVM_SET_LAPIC, &lapic) < 0 || set_routing() < 0 ? -1 : assign(0);
}

int main(void)
{
    if (make_vm() < 0)
        return perror("messages: /dev/kvm"), 1;
    printf("| call | ns |\n|---|---:|\n");
    return measure("KVM_SIGNAL_MSI", signal_msi, 200, 500) ||
           measure("write to an irqfd", write_irqfd, 200, 500) ||
           measure("KVM_SET_GSI_ROUTING", set_routing, 20, 5) ||
           measure("KVM_IRQFD, taken away and given again", take_and_give, 20, 5);
}
