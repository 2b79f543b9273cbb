/*
 * The kernel's GICv2, GICv3 and ITS as devices (section 4.79 KVM_CREATE_DEVICE, 4.80 attributes;
 * Documentation/virt/kvm/devices/arm-vgic.rst, arm-vgic-v3.rst and arm-vgic-its.rst), as
 * core/cpu/irqchip.h has them. Their state is their registers, one by one.
 */
#include <string.h>

#include "accel/kvm/arm64/arm.h"
#include "accel/kvm/internal.h"
#include "accel/kvm/routes.h"
#include "core/util/log.h"
#include "core/util/range.h"

enum { SPI_FIRST = 32, PPI_FIRST = 16 };

static int attribute(const struct kvm_vm *vm, int fd, unsigned long request, uint32_t group,
                     uint64_t attr, void *value)
{
    struct kvm_device_attr a = {.group = group, .attr = attr, .addr = (uintptr_t)value};

    return kvm_ioctl(vm, fd, request, (uintptr_t)&a);
}

static int make_device(const struct kvm_vm *vm, uint32_t type, int *fd)
{
    struct kvm_create_device d = {.type = type};
    int r = kvm_ioctl(vm, vm->fd, KVM_CREATE_DEVICE, (uintptr_t)&d);

    if (r >= 0)
        *fd = (int)d.fd;
    return r;
}

void kvm_arm_gic_close(struct kvm_vm *vm)
{
    struct kvm_arm *a = kvm_arm_of(vm);

    if (a->its >= 0)
        vm->host->close(vm->host->opaque, a->its);
    if (a->gic >= 0)
        vm->host->close(vm->host->opaque, a->gic);
    a->its = a->gic = -1;
    kvm_routes_free(vm);
}

/* ---- making them -------------------------------------------------------------------------------
 */

static int place(const struct kvm_vm *vm, int fd, uint64_t what, uint64_t where)
{
    return attribute(vm, fd, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR, what, &where);
}

static int set_up(const struct kvm_vm *vm, int fd, const struct irqchip_gic_config *cfg)
{
    bool v3 = cfg->version == 3;
    uint32_t interrupts = SPI_FIRST + (cfg->spis + 31) / 32 * 32;
    int r = place(vm, fd, v3 ? KVM_VGIC_V3_ADDR_TYPE_DIST : KVM_VGIC_V2_ADDR_TYPE_DIST, cfg->dist);

    if (r >= 0)
        r = place(vm, fd, v3 ? KVM_VGIC_V3_ADDR_TYPE_REDIST : KVM_VGIC_V2_ADDR_TYPE_CPU, cfg->cpu);
    if (r >= 0)
        r = attribute(vm, fd, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &interrupts);
    return r < 0 ? r
                 : attribute(vm, fd, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL,
                             KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
}

static int make_its(const struct kvm_vm *vm, uint64_t base)
{
    struct kvm_arm *a = kvm_arm_of(vm);
    int r = make_device(vm, KVM_DEV_TYPE_ARM_VGIC_ITS, &a->its);

    if (r >= 0)
        r = place(vm, a->its, KVM_VGIC_ITS_ADDR_TYPE, base);
    return r < 0 ? r
                 : attribute(vm, a->its, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL,
                             KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
}

/* All vCPUs are there: redistributors belong to them. */
static bool make(struct vemu_machine *m, const struct irqchip_gic_config *cfg)
{
    struct kvm_vm *vm = kvm_vm_of(m);
    struct kvm_arm *a = kvm_arm_of(vm);

    if (vm->irqchip == IRQCHIP_OFF || a->gic >= 0 || (cfg->version != 2 && cfg->version != 3))
        return false;
    int r = make_device(vm, cfg->version == 3 ? KVM_DEV_TYPE_ARM_VGIC_V3 : KVM_DEV_TYPE_ARM_VGIC_V2,
                        &a->gic);
    if (r >= 0)
        r = set_up(vm, a->gic, cfg);
    if (r >= 0 && cfg->its)
        r = make_its(vm, cfg->its);
    if (r < 0) {
        log_msg(&m->log, LOG_WARN, "kvm: the kernel does not make a GICv%u%s: %s", cfg->version,
                cfg->its ? " with an ITS" : "", strerrordesc_np(-r));
        kvm_arm_gic_close(vm);
        return false;
    }
    a->is_gicv3 = cfg->version == 3;
    m->irqchip = IRQCHIP_ON;
    /* An ITS takes messages as they are; a table of them alone leaves lines to KVM_IRQ_LINE. */
    if (cfg->its && kvm_extension(vm, KVM_CAP_IRQ_ROUTING) && kvm_routes_init(vm))
        kvm_wires_init(vm);
    return true;
}

/* What a GIC needs is asked for when the board makes one; split is nothing of this architecture. */
bool kvm_arch_make_irqchip(struct kvm_vm *vm, enum irqchip_mode mode, bool asked,
                           struct vemu_error **errp)
{
    bool has = kvm_extension(vm, KVM_CAP_IRQCHIP) && kvm_extension(vm, KVM_CAP_DEVICE_CTRL);

    if (mode == IRQCHIP_SPLIT)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "kvm: kernel-irqchip=split is for x86: use on or off");
    if (mode == IRQCHIP_OFF || has)
        return true;
    if (asked)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "kvm: kernel-irqchip=on needs KVM_CAP_DEVICE_CTRL, which this kernel "
                         "lacks; use kernel-irqchip=off");
    log_msg(
        &vm->m->log, LOG_WARN,
        "kvm: this kernel lacks KVM_CAP_DEVICE_CTRL: interrupt controllers are in this process, "
        "and slower");
    vm->irqchip = IRQCHIP_OFF;
    return true;
}

/* ---- lines and messages ------------------------------------------------------------------------
 */

static void set_line(const struct vemu_machine *m, uint32_t irq, int level)
{
    const struct kvm_vm *vm = kvm_vm_of(m);
    struct kvm_irq_level line = {.irq = irq, .level = (uint32_t)level};

    kvm_ioctl(vm, vm->fd, KVM_IRQ_LINE, (uintptr_t)&line);
}

static void set_spi(struct vemu_machine *m, unsigned spi, int level)
{
    set_line(m, KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | (SPI_FIRST + spi), level);
}

static void set_ppi(struct vcpu *cpu, unsigned ppi, int level)
{
    set_line(cpu->machine,
             KVM_ARM_IRQ_TYPE_PPI << KVM_ARM_IRQ_TYPE_SHIFT |
                 (cpu->index & KVM_ARM_IRQ_VCPU_MASK) << KVM_ARM_IRQ_VCPU_SHIFT |
                 (cpu->index >> 8 & KVM_ARM_IRQ_VCPU2_MASK) << KVM_ARM_IRQ_VCPU2_SHIFT |
                 (PPI_FIRST + ppi),
             level);
}

/* An ITS is told which device it was. */
static struct kvm_msi message(const struct kvm_vm *vm, uint32_t device, uint64_t addr,
                              uint32_t data)
{
    bool its = kvm_arm_of(vm)->its >= 0;

    return (struct kvm_msi){.address_lo = (uint32_t)addr,
                            .address_hi = (uint32_t)(addr >> 32),
                            .data = data,
                            .flags = its ? KVM_MSI_VALID_DEVID : 0,
                            .devid = its ? device : 0};
}

struct kvm_msi kvm_arch_message(const struct kvm_vm *vm, const struct irqchip_wire *w)
{
    return message(vm, w->requester, w->addr, w->data);
}

/* Lines are no GSIs of a table here. */
bool kvm_arch_route_level(struct kvm_vm *vm, uint32_t gsi, unsigned pin)
{
    (void)vm, (void)gsi, (void)pin;
    return false;
}

/* Section 4.71 KVM_SIGNAL_MSI */
static bool send_msi(struct vemu_machine *m, uint32_t device, uint64_t addr, uint32_t data)
{
    const struct kvm_vm *vm = kvm_vm_of(m);
    struct kvm_msi msi = message(vm, device, addr, data);

    return kvm_ioctl(vm, vm->fd, KVM_SIGNAL_MSI, (uintptr_t)&msi) > 0;
}

/* ---- registers ---------------------------------------------------------------------------------
 */

/* The affinity as the attributes have it: Aff3 next to the others. */
static uint64_t packed(uint64_t mpidr)
{
    return (mpidr >> 8 & 0xff000000) | (mpidr & 0xffffff);
}

static const struct {
    uint32_t group;
    bool wide; /* 64 bits */
} groups[] = {
    [IRQCHIP_GIC_DIST] = {KVM_DEV_ARM_VGIC_GRP_DIST_REGS, false},
    [IRQCHIP_GIC_CPU] = {KVM_DEV_ARM_VGIC_GRP_CPU_REGS, false},
    [IRQCHIP_GIC_REDIST] = {KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, false},
    [IRQCHIP_GIC_ICC] = {KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, true},
    [IRQCHIP_GIC_LEVELS] = {KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, false},
    [IRQCHIP_GIC_ITS] = {KVM_DEV_ARM_VGIC_GRP_ITS_REGS, true},
};

/* A GICv2's registers are of a vCPU by its number, a GICv3's by its affinity. */
static bool access_reg(const struct vemu_machine *m, unsigned long request,
                       enum irqchip_gic_group g, const struct vcpu *cpu, uint64_t mpidr,
                       uint32_t where, uint64_t *value)
{
    const struct kvm_vm *vm = kvm_vm_of(m);
    const struct kvm_arm *a = kvm_arm_of(vm);
    int fd = g == IRQCHIP_GIC_ITS ? a->its : a->gic;
    uint64_t who = !cpu ? 0 : a->is_gicv3 ? packed(mpidr) : cpu->index;
    uint32_t narrow = (uint32_t)*value;

    if (fd < 0)
        return false;
    int r = attribute(vm, fd, request, groups[g].group, who << KVM_DEV_ARM_VGIC_CPUID_SHIFT | where,
                      groups[g].wide ? (void *)value : &narrow);
    if (r < 0) {
        log_msg(&vm->m->log, LOG_WARN, "kvm: the GIC's register %x of group %u: %s", where,
                groups[g].group, strerrordesc_np(-r));
        return false;
    }
    if (!groups[g].wide)
        *value = narrow;
    return true;
}

static bool get_reg(struct vemu_machine *m, enum irqchip_gic_group group, const struct vcpu *cpu,
                    uint64_t mpidr, uint32_t where, uint64_t *value)
{
    *value = 0;
    return access_reg(m, KVM_GET_DEVICE_ATTR, group, cpu, mpidr, where, value);
}

static bool put_reg(struct vemu_machine *m, enum irqchip_gic_group group, const struct vcpu *cpu,
                    uint64_t mpidr, uint32_t where, uint64_t value)
{
    return access_reg(m, KVM_SET_DEVICE_ATTR, group, cpu, mpidr, where, &value);
}

/* What is not in registers: tables in the guest's memory. */
static bool tables(struct vemu_machine *m, bool save)
{
    const struct kvm_vm *vm = kvm_vm_of(m);
    const struct kvm_arm *a = kvm_arm_of(vm);
    int r = 0;

    if (save && a->is_gicv3)
        r = attribute(vm, a->gic, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL,
                      KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, NULL);
    if (r >= 0 && a->its >= 0)
        r = attribute(vm, a->its, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL,
                      save ? KVM_DEV_ARM_ITS_SAVE_TABLES : KVM_DEV_ARM_ITS_RESTORE_TABLES, NULL);
    if (r < 0)
        log_msg(&m->log, LOG_WARN, "kvm: the GIC's tables: %s", strerrordesc_np(-r));
    return r >= 0;
}

static bool save_tables(struct vemu_machine *m)
{
    return tables(m, true);
}
static bool restore_tables(struct vemu_machine *m)
{
    return tables(m, false);
}

const struct irqchip_gic_ops kvm_arch_gic = {
    .make = make,
    .set_spi = set_spi,
    .set_ppi = set_ppi,
    .send_msi = send_msi,
    .get_reg = get_reg,
    .put_reg = put_reg,
    .save_tables = save_tables,
    .restore_tables = restore_tables,
};
