/*
 * nvme: an NVM Express controller with one namespace. NVM Express Base Specification 1.4: admin
 * queue, any number of I/O queues, each command asynchronous: the doorbell hands it to the block
 * layer and returns.
 */
#ifndef HW_BLOCK_NVME_H
#define HW_BLOCK_NVME_H

#include "core/device/device.h"

extern const struct device_class nvme_class;

#endif
