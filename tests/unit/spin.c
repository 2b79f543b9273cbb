/* When a vCPU that spins gives its host processor away: tcg/spin.h. */
#include <criterion/criterion.h>
#include "tcg/spin.h"

enum { US = 1000 };

/* Hints every so many ns for so long: how often did they yield? */
static unsigned spin(struct tcg_spin *s, int64_t *now, int64_t step, int64_t ns)
{
    unsigned yields = 0;

    for (int64_t end = *now + ns; *now < end; *now += step)
        yields += tcg_spin_yields(s, *now);
    return yields;
}

Test(spin, delays_of_a_driver_never_yield)
{
    struct tcg_spin s = {0};
    int64_t now = INT64_C(1) << 40;

    for (unsigned n = 0; n < 1000; n++) {
        cr_assert_eq(spin(&s, &now, 100, 50 * US), 0);
        tcg_spin_ends(&s); /* a bit of the EEPROM */
        now += US;
    }
}

Test(spin, a_loop_that_goes_on_yields_again_and_again)
{
    struct tcg_spin s = {0};
    int64_t now = INT64_C(1) << 40;

    cr_expect_eq(spin(&s, &now, 100, 80 * US), 0);
    cr_expect_eq(spin(&s, &now, 100, 40 * US), 1);
    cr_expect_eq(spin(&s, &now, 100, 2000 * US), 20, "every tenth of a millisecond");
}

Test(spin, a_thread_that_did_not_run_meanwhile_has_not_spun)
{
    struct tcg_spin s = {0};
    int64_t now = INT64_C(1) << 40;

    for (unsigned n = 0; n < 100; n++) {
        cr_assert_eq(spin(&s, &now, 100, 60 * US), 0);
        now += 3000 * US; /* others' turns */
    }
}
