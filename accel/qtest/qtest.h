/*
 * Device tests without a vCPU: an accelerator whose vCPUs never execute anything and whose virtual
 * clock only moves when it is stepped, and a text protocol over a character back end by which a
 * test makes the accesses that a driver would make. The protocol is the one that device tests of
 * other emulators speak; a command is a line, and so is its answer:
 *
 *   outb|outw|outl ADDR VALUE           OK
 *   inb|inw|inl ADDR                    OK VALUE
 *   writeb|writew|writel|writeq ADDR VALUE, readb|readw|readl|readq ADDR
 *   read ADDR SIZE                      OK 0xBYTES
 *   write ADDR SIZE 0xBYTES             OK
 *   b64read ADDR SIZE, b64write ADDR SIZE BASE64
 *   memset ADDR SIZE VALUE              OK
 *   clock_step [NS], clock_set NS       OK NOW; without NS: to the next deadline
 *   irq_intercept_in DEVICE             OK; then "IRQ raise N" and "IRQ lower N" as its inputs move
 *   set_irq_in DEVICE NAME N LEVEL      OK
 *   endianness                          OK little
 *
 * What cannot be done is answered by "FAIL" and a sentence. A peer is bounded: lines by
 * QTEST_LINE_MAX, one command between two rounds of the main loop, none while it does not read.
 *
 * Thread contract: the accelerator's functions as struct accel says; new and free before and after
 * the loop runs, pending and process on its thread, without the machine lock.
 */
#ifndef ACCEL_QTEST_QTEST_H
#define ACCEL_QTEST_QTEST_H

#include <stdbool.h>

struct accel;
struct vemu_machine;
struct vemu_error;
struct chardev;
struct qtest_server;

enum { QTEST_SIZE_MAX = 1 << 20, QTEST_LINE_MAX = 2 * QTEST_SIZE_MAX + 256 };

const struct accel *qtest_accel(void);

/* Serve tests on a back end that nothing else uses. */
struct qtest_server *qtest_server_new(struct vemu_machine *m, struct chardev *chr,
                                      struct vemu_error **errp);
void qtest_server_free(struct qtest_server *s); /* NULL is allowed */
bool qtest_server_pending(const struct qtest_server *s);
void qtest_server_process(struct qtest_server *s);

#endif
