/*
 * The ISA bus' DMA: two 8237A controllers and their page registers, as the PC/AT wires them:
 * channels 0 to 3 move bytes, 5 to 7 words, channel 4 carries the first controller's requests.
 * Intel 8237A data sheet; IBM PC AT technical reference for ports and page registers. Machine lock
 * held.
 *
 * A device that has data to move calls i8237_transfer() while it would hold its request line.
 */
#ifndef HW_MISC_I8237_H
#define HW_MISC_I8237_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"

extern const struct device_class i8237_class;

struct device *i8237_create(struct vemu_machine *m, struct vemu_error **errp);

/*
 * Moves at most len bytes (words: an even number) between buf and memory, as far as the channel is
 * set up for that direction and has count left; *terminal: the count ran out, which is the TC
 * signal. Returns how many. to_memory: the channel must be programmed to write memory; else to read
 * it. A channel programmed to verify moves nothing, but counts.
 */
uint32_t i8237_transfer(struct device *dev, unsigned channel, bool to_memory, void *buf,
                        uint32_t len, bool *terminal);
/* The device's request line, which the status register shows. */
void i8237_set_request(struct device *dev, unsigned channel, bool on);

#endif
