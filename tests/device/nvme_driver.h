/*
 * An NVMe driver by hand, for device tests: on the machine of virtio_driver.h, with the admin queue
 * and two pairs of I/O queues in guest memory at fixed places that a test may also spoil.
 */
#ifndef TESTS_DEVICE_NVME_DRIVER_H
#define TESTS_DEVICE_NVME_DRIVER_H

#include "tests/device/virtio_driver.h"

#define NT_BAR UINT64_C(0xe0010000)
enum {
    NT_CC = 0x14,
    NT_CSTS = 0x1c,
    NT_MSIX = 0x2000,
    NT_QUEUES = 3,
    NT_LISTS = 0x60000, /* for PRP lists and SGL segments */
    NT_PAGE = 0x70000,  /* for what admin commands give and take */
    NT_ENABLED = 0x00460001,
};
/* Queue n: submission, completion. */
#define NT_SQ(n) (0x10000u + 0x10000u * (n))
#define NT_CQ(n) (0x40000u + 0x8000u * (n))

/* What a command is made of, besides its opcode. */
struct nt_cmd {
    uint8_t flags;
    uint16_t cid; /* 0: the driver counts */
    uint32_t nsid;
    uint64_t prp1, prp2;
    uint32_t cdw10, cdw11, cdw12, cdw13;
};

struct nt {
    struct vt t;
    uint32_t size[NT_QUEUES];
    uint16_t tail[NT_QUEUES], head[NT_QUEUES]; /* of SQ and CQ */
    bool phase[NT_QUEUES];
    uint16_t cid;
    uint32_t result; /* dword 0 of the last completion */
    uint16_t last_cid, sq_head;
};

/* The machine with an image of `size` bytes, and the controller with BARs placed, not enabled. */
void nt_plug(struct nt *n, const char *format, uint64_t size, const char *props);
void nt_place(struct nt *n);
void nt_free(struct nt *n);
uint32_t nt_read(struct nt *n, uint32_t reg);
void nt_write(struct nt *n, uint32_t reg, uint32_t value);
/* Enables the controller with an admin queue of `entries`. */
void nt_enable(struct nt *n, uint32_t entries);
/* I/O queue pair q of `entries`, interrupting by that vector. */
void nt_create(struct nt *n, unsigned q, uint32_t entries, unsigned vector);
/* nt_enable and one pair of 16 entries. */
void nt_start(struct nt *n);
/* Puts a command into a queue without telling, tells, and looks whether something has completed:
 * the status (code and type, without More and Do Not Retry), or NT_NONE. */
uint16_t nt_put(struct nt *n, unsigned q, uint8_t opcode, struct nt_cmd cmd);
void nt_ring(struct nt *n, unsigned q);
enum { NT_NONE = -1 };
int nt_poll(struct nt *n, unsigned q);
/* All of that. */
int nt_do(struct nt *n, unsigned q, uint8_t opcode, struct nt_cmd cmd);

#endif
