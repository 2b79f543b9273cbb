/* Pointer authentication codes. Arm ARM, chapter D8 ("Pointer authentication"); QARMA5 as Avanzi
 * defined it (IACR Transactions on Symmetric Cryptology 2017(1)). No state: any thread. */
#ifndef TCG_ARM_PAUTH_H
#define TCG_ARM_PAUTH_H

#include <stdbool.h>
#include <stdint.h>

/* Which bits of a pointer hold the code. */
struct arm_pac_layout {
    unsigned bottom; /* the lowest bit above the address */
    bool tbi;        /* bits 63:56 are not the code's */
};

/* key: low, high. */
uint64_t arm_qarma5(uint64_t data, uint64_t modifier, const uint64_t key[2]);
/* An algorithm of this implementation's own, a few multiplications. */
uint64_t arm_pac_hash(uint64_t data, uint64_t modifier, const uint64_t key[2]);

#endif
