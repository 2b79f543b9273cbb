/*
 * A virtio device on PCI with its doorbell and its messages: each request is answered once,
 * messages come where the table says now, and masked ones wait. An accelerator that rings doorbells
 * itself, or sends messages, shows nothing of it.
 *
 * guest-options: -object rng-builtin,id=r -device virtio-rng-pci,rng=r,disable-legacy=on
 */
#include "lib/virtio.h"

enum { VECTOR = 0x60, OTHER_VECTOR = 0x61, BYTES = 32, MANY = 500 };

static struct virtio rng;
static u8 buffer[VIRTIO_RING][BYTES];

/* Generous: the host may be busy. */
static bool wait_for(bool (*condition)(u32 arg), u32 arg)
{
    for (unsigned n = 0; n < 20000; n++) {
        if (condition(arg))
            return true;
        sti();
        delay_us(100);
        cli();
    }
    return condition(arg);
}

static bool all_answered(u32 unused)
{
    (void)unused;
    return virtio_answered(&rng) == rng.sent;
}

static bool interrupts_are(u32 n)
{
    return irq_count[VECTOR] + irq_count[OTHER_VECTOR] >= n;
}

static void send(unsigned n)
{
    memset(buffer[n], 0, BYTES);
    virtio_send(&rng, buffer[n], BYTES);
}

/* One request and the interrupt that tells of its answer, at that vector. */
static bool request(u8 vector)
{
    u32 before = irq_count[vector], all = irq_count[VECTOR] + irq_count[OTHER_VECTOR];
    send(0);
    virtio_ring_doorbell(&rng);
    return equal("interrupt", wait_for(interrupts_are, all + 1), true) &
           equal("answered", all_answered(0), true) &
           equal("interrupts at its vector", irq_count[vector] - before, 1);
}

static void polled(void)
{
    u32 bits = 0;
    for (unsigned n = 0; n < VIRTIO_RING; n++)
        send(n);
    virtio_ring_doorbell(&rng);
    equal("answered", wait_for(all_answered, 0), true);
    for (unsigned n = 0; n < VIRTIO_RING; n++) {
        equal("bytes", virtio_answer_size(&rng, (u16)n), BYTES);
        for (unsigned i = 0; i < BYTES; i++)
            bits |= buffer[n][i];
    }
    equal("bits that were ever set", bits, 0xff);
    check("one doorbell for a full ring");

    for (unsigned n = 0; n < MANY; n++) {
        send(0);
        virtio_ring_doorbell(&rng);
        if (!equal("answered", wait_for(all_answered, 0), true))
            break;
    }
    check("%u doorbells, one after the other", MANY);
}

static void messages(void)
{
    for (unsigned n = 0; n < MANY && request(VECTOR); n++)
        ;
    check("%u requests, an interrupt each", MANY);

    for (unsigned n = 0; n < 50; n++)
        virtio_ring_doorbell(&rng);
    request(VECTOR);
    equal("answers", virtio_answered(&rng), rng.sent);
    check("doorbells of an empty ring do nothing");

    virtio_message_mask(&rng, true);
    virtio_message_set(&rng, OTHER_VECTOR);
    virtio_message_mask(&rng, false);
    request(OTHER_VECTOR);
    request(OTHER_VECTOR);
    check("a message goes where the table says now");

    virtio_message_mask(&rng, true);
    u32 before = irq_count[OTHER_VECTOR];
    send(0);
    virtio_ring_doorbell(&rng);
    equal("answered", wait_for(all_answered, 0), true);
    sti();
    delay_us(20000);
    cli();
    equal("interrupts while masked", irq_count[OTHER_VECTOR] - before, 0);
    equal("pending", virtio_message_pending(&rng), true);
    virtio_message_mask(&rng, false);
    equal("interrupt when unmasked", wait_for(interrupts_are, irq_count[VECTOR] + before + 1),
          true);
    sti();
    delay_us(20000);
    cli();
    equal("interrupts", irq_count[OTHER_VECTOR] - before, 1);
    equal("pending", virtio_message_pending(&rng), false);
    check("a masked message waits and comes once");
}

/* Reset with a request under way, which then is answered or is not, and never later. */
static void resets(void)
{
    for (unsigned n = 0; n < 20; n++) {
        send(0);
        virtio_ring_doorbell(&rng);
        virtio_stop(&rng);
        u16 answered = virtio_answered(&rng);
        u32 before = irq_count[VECTOR];
        sti();
        delay_us(1000);
        cli();
        equal("answers after the reset", virtio_answered(&rng) - answered, 0);
        /* One that was sent before may have waited for STI. */
        equal("no more than one interrupt", irq_count[VECTOR] - before <= 1, true);
        if (!equal("starts", virtio_start(&rng, VECTOR), true) || !request(VECTOR))
            break;
    }
    check("a reset ends what is under way");
}

void test_main(void)
{
    if (!virtio_find(&rng, VIRTIO_RNG_PCI))
        bail("no virtio-rng-pci");
    if (!ok(virtio_start(&rng, 0), "the device starts"))
        return;
    polled();
    apic_enable();
    set_handler(VECTOR, count_irq);
    set_handler(OTHER_VECTOR, count_irq);
    if (!ok(virtio_start(&rng, VECTOR), "the device starts with messages"))
        return;
    messages();
    virtio_start(&rng, VECTOR);
    resets();
}
