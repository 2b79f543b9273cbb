/* The identification registers at the end of a PrimeCell's page, by which systems find its driver:
 * PeriphID0-3 from 0xfe0 and PCellID0-3 from 0xff0, a byte in each word. */
#ifndef HW_MISC_PRIMECELL_H
#define HW_MISC_PRIMECELL_H

#include <stdint.h>

/* periphid: its four bytes, the first in bits 7-0. 0 outside of the registers. */
static inline uint32_t primecell_id(uint64_t offset, uint32_t periphid)
{
    enum { PERIPHID = 0xfe0, PCELLID = 0xff0, END = 0x1000 };
    const uint32_t pcellid = UINT32_C(0xb105f00d);
    unsigned n = (unsigned)(offset >> 2 & 3);

    if (offset & 3 || offset < PERIPHID || offset >= END)
        return 0;
    return (offset < PCELLID ? periphid : pcellid) >> 8 * n & 0xff;
}

#endif
