/*
 * Disassembly for the logs, by capstone, opened when first used. Where capstone is missing or does
 * not know an instruction the raw bytes are printed. Thread contract: calls for one machine are
 * serialised by its code_lock.
 */
#ifndef TCG_DISAS_H
#define TCG_DISAS_H

#include <stddef.h>
#include <stdint.h>
#include "core/cpu/cpu.h"
#include "core/util/log.h"

struct disas; /* an open library */

/* NULL when capstone is not there: disas_code prints bytes then. */
struct disas *disas_open(void);
void disas_close(struct disas *d);
/* Code of arch; bits: 16, 32 or 64 (Arm: T32, A32, A64). A line an instruction. mnemonic (may be
 * NULL): asked for a text for bytes that capstone does not know; returns the instruction's length,
 * 0 when unknown too. */
typedef unsigned (*disas_fallback)(const uint8_t *code, size_t len, unsigned bits, uint64_t address,
                                   char *buf, size_t size);
void disas_code(struct disas *d, struct log *log, enum log_category category, enum cpu_arch arch,
                unsigned bits, uint64_t address, const void *code, size_t len,
                disas_fallback mnemonic);

#endif
