/* The local APIC's registers to the accelerator that runs them, and back: lapic_internal.h. */
#include "core/cpu/irqchip.h"
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/intc/lapic_internal.h"

void lapic_put_to_kernel(struct lapic *l)
{
    const struct irqchip_ops *ops = l->dev.machine->accel->irqchip;
    struct irqchip_lapic k = {.tsc_deadline = l->tsc_deadline};

    pthread_mutex_lock(&l->bus->lock);
    k.base = l->base;
    for (unsigned n = 0; n < IRQCHIP_LAPIC_REGS; n++)
        if (!lapic_read_register(l, n, &k.reg[n]))
            k.reg[n] = 0;
    k.reg[LAPIC_REG_ID] = l->cpu->apic_id << 24;
    k.reg[LAPIC_REG_DFR] = l->dfr;
    k.reg[LAPIC_REG_ICR_HIGH] = l->icr_high;
    /* A count that has run out would run out once more. */
    if ((l->lvt[LVT_TIMER] & LVT_TIMER_MODE) != LVT_TIMER_PERIODIC &&
        !k.reg[LAPIC_REG_CURRENT_COUNT])
        k.reg[LAPIC_REG_INITIAL_COUNT] = 0;
    pthread_mutex_unlock(&l->bus->lock);
    ops->put_lapic(l->cpu, &k);
}

void lapic_get_from_kernel(struct lapic *l)
{
    const struct irqchip_ops *ops = l->dev.machine->accel->irqchip;
    struct irqchip_lapic k;

    if (!ops->get_lapic(l->cpu, &k))
        return;
    pthread_mutex_lock(&l->bus->lock);
    l->base = k.base;
    l->tpr = (uint8_t)k.reg[LAPIC_REG_TPR];
    if (!lapic_x2apic(l)) {
        l->ldr = k.reg[LAPIC_REG_LDR] & 0xff000000;
        l->dfr = k.reg[LAPIC_REG_DFR] | 0x0fffffff;
    }
    l->svr = k.reg[LAPIC_REG_SVR] & SVR_WRITABLE;
    l->esr = k.reg[LAPIC_REG_ESR] & 0xff;
    l->icr_low = k.reg[LAPIC_REG_ICR_LOW];
    l->icr_high = k.reg[LAPIC_REG_ICR_HIGH];
    l->divide = k.reg[LAPIC_REG_DIVIDE] & 0x0b;
    for (unsigned n = 0; n < LVTS; n++)
        l->lvt[n] = k.reg[LAPIC_REG_LVT + n] & 0x7ffff;
    for (unsigned n = 0; n < VECTOR_WORDS; n++) {
        l->isr[n] = k.reg[LAPIC_REG_ISR + n];
        l->tmr[n] = k.reg[LAPIC_REG_TMR + n];
        l->irr[n] = k.reg[LAPIC_REG_IRR + n];
    }
    lapic_timer_restore(l, k.reg[LAPIC_REG_INITIAL_COUNT], k.reg[LAPIC_REG_CURRENT_COUNT],
                        k.tsc_deadline);
    pthread_mutex_unlock(&l->bus->lock);
}
