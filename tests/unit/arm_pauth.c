/* Pointer authentication codes. */
#include <criterion/criterion.h>

#include "tcg/arm/pauth.h"

/* The test vector for five rounds and the S-box that Arm took, from the paper that defines QARMA.
 */
Test(arm_pauth, qarma5_is_as_its_paper_has_it)
{
    const uint64_t key[2] = {UINT64_C(0xec2802d4e0a488e9), UINT64_C(0x84be85ce9804e94b)};
    uint64_t code = arm_qarma5(UINT64_C(0xfb623599da6e8127), UINT64_C(0x477d469dec0b8762), key);
    cr_assert_eq(code, UINT64_C(0xc003b93999b33765), "0x%016llx", (unsigned long long)code);
}

Test(arm_pauth, every_bit_of_pointer_modifier_and_key_counts)
{
    const uint64_t key[2] = {1, 2}, data = UINT64_C(0xffff800012345678), modifier = 16;
    const uint64_t code = arm_pac_hash(data, modifier, key) >> 48;
    unsigned same = 0;
    for (unsigned n = 0; n < 64; n++) {
        const uint64_t bit = UINT64_C(1) << n;
        const uint64_t low[2] = {key[0] ^ bit, key[1]}, high[2] = {key[0], key[1] ^ bit};
        same += arm_pac_hash(data ^ bit, modifier, key) >> 48 == code;
        same += arm_pac_hash(data, modifier ^ bit, key) >> 48 == code;
        same += arm_pac_hash(data, modifier, low) >> 48 == code;
        same += arm_pac_hash(data, modifier, high) >> 48 == code;
    }
    cr_assert_leq(same, 1, "%u of 256 changes of one bit leave the top 16 as they are", same);
}
