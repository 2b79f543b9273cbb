/*
 * The kernel's PIT with the speaker's port (sections 4.71 KVM_CREATE_PIT2, 4.72 KVM_GET_PIT2, 4.73
 * KVM_SET_PIT2), as core/cpu/irqchip.h has it. It counts by the host's monotonic clock and goes on
 * while the machine stands still, so it is fetched and stopped whenever vCPUs are paused, and put
 * when they go on; what is asked in between is answered from what was fetched.
 */
#include <string.h>

#include "accel/kvm/internal.h"
#include "accel/kvm/x86_64/x86.h"
#include "core/clock/clock.h"
#include "core/clock/monotonic.h"
#include "core/util/log.h"
#include "core/util/range.h"

#ifndef KVM_PIT_FLAGS_SPEAKER_DATA_ON /* headers before Linux 6.0 */
#define KVM_PIT_FLAGS_SPEAKER_DATA_ON 0x00000002
#endif

#define SECOND UINT64_C(1000000000)
#define PIT_HZ 1193182u
enum { NO_MODE = 0xff /* the kernel's for a counter without a control word */ };
/* The kernel's names for what byte comes next, and what of a latch is left. */
enum { STATE_LSB = 1, STATE_MSB = 2, STATE_WORD0 = 3, STATE_WORD1 = 4 };

static bool transfer(const struct kvm_vm *vm, unsigned long request, struct kvm_pit_state2 *state)
{
    int r = kvm_ioctl(vm, vm->fd, request, (uintptr_t)state);

    if (r < 0)
        log_msg(&vm->m->log, LOG_WARN, "kvm: the state of the PIT: %s", strerrordesc_np(-r));
    return r >= 0;
}

bool kvm_x86_make_pit(struct vemu_machine *m)
{
    struct kvm_vm *vm = kvm_vm_of(m);
    struct kvm_x86_pit *pit = &kvm_x86_of(vm)->pit;
    struct kvm_pit_config config = {.flags = KVM_PIT_SPEAKER_DUMMY};

    if (m->irqchip != IRQCHIP_ON || !vm->pit_wanted || pit->made)
        return false;
    if (!kvm_extension(vm, KVM_CAP_PIT2) || !kvm_extension(vm, KVM_CAP_PIT_STATE2)) {
        log_msg(&m->log, LOG_WARN,
                "kvm: this kernel lacks KVM_CAP_PIT2 or KVM_CAP_PIT_STATE2: the PIT is in this "
                "process, and slower");
        return false;
    }
    int r = kvm_ioctl(vm, vm->fd, KVM_CREATE_PIT2, (uintptr_t)&config);
    if (r < 0 || !kvm_x86_route_pit(vm)) {
        log_msg(&m->log, LOG_WARN, "kvm: the kernel makes no PIT, which is in this process: %s",
                strerrordesc_np(r < 0 ? -r : 0));
        return false;
    }
    pit->made = true;
    return true;
}

/* ---- the struct, both ways ------------------------------------------------------------------- */

static void get_counter(struct irqchip_pit_counter *c, const struct kvm_pit_channel_state *k,
                        int64_t now)
{
    *c = (struct irqchip_pit_counter){
        .programmed = k->mode != NO_MODE,
        .mode = k->mode != NO_MODE ? k->mode : 0,
        .rw = k->rw_mode,
        .bcd = k->bcd,
        .gate = k->gate,
        .count = k->count ? k->count : 0x10000,
        .elapsed = MAX(now - k->count_load_time, (int64_t)0),
        .write_msb_next = k->write_state == STATE_WORD1,
        .read_msb_next = k->read_state == STATE_WORD1,
        .write_lsb = k->write_latch,
        .latch = k->latched_count,
        .latch_bytes = k->count_latched == STATE_WORD0 ? 2
                       : k->count_latched              ? 1
                                                       : 0,
        .status = k->status,
        .status_latched = k->status_latched,
    };
    /* Of a latch it is known by itself which byte is left. */
    if (k->count_latched && k->rw_mode == STATE_WORD0)
        c->read_msb_next = k->count_latched == STATE_MSB;
}

static void put_counter(struct kvm_pit_channel_state *k, const struct irqchip_pit_counter *c,
                        int64_t now)
{
    bool words = c->rw == STATE_WORD0, msb = words && c->read_msb_next;

    *k = (struct kvm_pit_channel_state){
        .count = c->count,
        .latched_count = c->latch,
        .count_latched = c->latch_bytes == 0   ? 0
                         : c->latch_bytes == 2 ? STATE_WORD0
                         : !words              ? c->rw
                         : msb                 ? STATE_MSB
                                               : STATE_LSB,
        .status_latched = c->status_latched,
        .status = c->status,
        .read_state = msb && !c->latch_bytes ? STATE_WORD1 : c->rw,
        .write_state = words && c->write_msb_next ? STATE_WORD1 : c->rw,
        .write_latch = c->write_lsb,
        .rw_mode = c->rw,
        .mode = c->programmed ? c->mode : NO_MODE,
        .bcd = c->bcd,
        .gate = c->gate,
        .count_load_time = now - c->elapsed,
    };
}

/* ---- held while vCPUs are paused --------------------------------------------------------------
 */

/*
 * Whatever is put, the kernel has channel 0 begin with its whole count: a periodic one is late
 * once, but an interrupt that came already must not come again. So a one-shot count is put as what
 * is left of it, and one that ran out with a count that runs out in an hour, 16 bits of which a
 * guest reads.
 */
enum { COUNT_MAX = 0x10000 };
#define HOUR UINT32_C(0xfffe0000)

static void begin_anew(struct kvm_x86_pit *pit, struct kvm_pit_channel_state *c, int64_t now)
{
    if (c->mode != 0 && c->mode != 4)
        return;
    uint32_t count = c->count ? c->count : COUNT_MAX;
    uint64_t gone = muldiv64((uint64_t)MAX(now - c->count_load_time, (int64_t)0), PIT_HZ, SECOND);
    if (gone < count) {
        c->count = count - (uint32_t)gone;
        return;
    }
    pit->expired = *c;
    c->count = HOUR | (uint16_t)(count - gone);
}

static void end_anew(const struct kvm_x86_pit *pit, struct kvm_pit_channel_state *c)
{
    if (c->count <= COUNT_MAX)
        return;
    c->count = pit->expired.count;
    c->count_load_time = pit->expired.count_load_time;
}

void kvm_x86_pause_pit(struct kvm_vm *vm)
{
    struct kvm_x86_pit *pit = &kvm_x86_of(vm)->pit;

    if (!pit->made || pit->held || !transfer(vm, KVM_GET_PIT2, &pit->state))
        return;
    pit->held = true;
    pit->held_at = monotonic_ns();
    end_anew(pit, &pit->state.channels[0]);
    struct kvm_pit_state2 stopped = pit->state;
    stopped.channels[0].mode = NO_MODE;
    transfer(vm, KVM_SET_PIT2, &stopped);
}

void kvm_x86_resume_pit(struct kvm_vm *vm)
{
    struct kvm_x86_pit *pit = &kvm_x86_of(vm)->pit;

    if (!pit->held)
        return;
    int64_t now = monotonic_ns();
    for (unsigned n = 0; n < ARRAY_SIZE(pit->state.channels); n++)
        pit->state.channels[n].count_load_time += now - pit->held_at;
    begin_anew(pit, &pit->state.channels[0], now);
    transfer(vm, KVM_SET_PIT2, &pit->state);
    pit->held = false;
}

bool kvm_x86_get_pit(struct vemu_machine *m, struct irqchip_pit *pit)
{
    struct kvm_vm *vm = kvm_vm_of(m);
    struct kvm_x86_pit *here = &kvm_x86_of(vm)->pit;

    kvm_x86_pause_pit(vm);
    if (!here->held)
        return false;
    for (unsigned n = 0; n < ARRAY_SIZE(pit->counter); n++)
        get_counter(&pit->counter[n], &here->state.channels[n], here->held_at);
    pit->speaker = here->state.flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON;
    return true;
}

bool kvm_x86_put_pit(struct vemu_machine *m, const struct irqchip_pit *pit)
{
    struct kvm_vm *vm = kvm_vm_of(m);
    struct kvm_x86_pit *here = &kvm_x86_of(vm)->pit;

    kvm_x86_pause_pit(vm);
    if (!here->held)
        return false;
    here->held_at = monotonic_ns();
    for (unsigned n = 0; n < ARRAY_SIZE(pit->counter); n++)
        put_counter(&here->state.channels[n], &pit->counter[n], here->held_at);
    here->state.flags &= ~(uint32_t)KVM_PIT_FLAGS_SPEAKER_DATA_ON;
    if (pit->speaker)
        here->state.flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
    return true;
}

/* The kernel's channel 0 starts its period anew, as it does when the HPET gives the line back. */
void kvm_x86_block_pit(struct vemu_machine *m, bool block)
{
    struct kvm_vm *vm = kvm_vm_of(m);
    struct kvm_x86_pit *pit = &kvm_x86_of(vm)->pit;
    struct kvm_pit_state2 now, *state = pit->held ? &pit->state : &now;

    if (!pit->made || (!pit->held && !transfer(vm, KVM_GET_PIT2, state)))
        return;
    state->flags &= ~(uint32_t)KVM_PIT_FLAGS_HPET_LEGACY;
    if (block)
        state->flags |= KVM_PIT_FLAGS_HPET_LEGACY;
    if (pit->held)
        return;
    end_anew(pit, &state->channels[0]);
    begin_anew(pit, &state->channels[0], monotonic_ns());
    transfer(vm, KVM_SET_PIT2, state);
}
