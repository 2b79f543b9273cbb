/* One instruction as the guest's decoder (tcg/x86/decode.h) sees it, without that header, whose
 * names are also the back end's. */
#ifndef TESTS_GOLDEN_INSN_H
#define TESTS_GOLDEN_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct insn {
    unsigned len;
    char text[128];
    bool relative; /* a jump or call by `imm` from its end */
    bool jump, ret;
    bool accesses; /* memory, by ModRM */
    bool mem;
    int base, index; /* registers of the memory operand; -1: none */
    int64_t disp, imm;
    unsigned width; /* bits of an operation on memory that no register tells; 0: one does */
};

/* false: not known */
bool insn_decode(struct insn *out, const uint8_t *code, size_t len, uint64_t mode, uint64_t pc);
bool insn_decode_host(struct insn *out, const uint8_t *code, size_t len, uint64_t pc);

#endif
