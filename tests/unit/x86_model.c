/* core/cpu/x86_model.c: what names and features give, and CPUID. */
#include <stdio.h>
#include <criterion/criterion.h>
#include <string.h>

#include "core/cpu/x86.h"
#include "core/util/error.h"
#include "core/util/range.h"

static bool parse(struct x86_cpu_model *m, const char *spec, char *why, size_t len)
{
    uint32_t words[X86_FEAT_WORDS];
    struct vemu_error *err = NULL;
    x86_features_translator(words);
    bool ok = x86_cpu_model_parse(m, spec, words, &err);
    cr_assert_eq(ok, err == NULL);
    if (err) {
        snprintf(why, len, "%s", vemu_error_message(err));
        vemu_error_free(err);
    }
    return ok;
}

static void expect_error(const char *spec, const char *part)
{
    struct x86_cpu_model m;
    char why[300] = "";
    cr_expect_not(parse(&m, spec, why, sizeof why), "%s", spec);
    cr_expect(strstr(why, part) != NULL, "%s: %s", spec, why);
}

Test(x86_model, every_named_model_parses)
{
    struct x86_cpu_model m;
    char why[300];
    for (const char *const *n = x86_cpu_model_names(); *n; n++)
        cr_expect(parse(&m, *n, why, sizeof why), "%s", *n);
}

Test(x86_model, features_are_added_and_removed_by_every_spelling)
{
    struct x86_cpu_model m;
    char why[300];
    cr_assert(parse(&m, "qemu64,+popcnt,-sse3,sse4_2=on,x2apic=off,tsc-frequency=2500000000", why,
                    sizeof why));
    cr_expect(x86_has(&m, X86_FEAT_1_ECX, 1u << 23));
    cr_expect(x86_has(&m, X86_FEAT_1_ECX, 1u << 20));
    cr_expect_not(x86_has(&m, X86_FEAT_1_ECX, 1u << 0));
    cr_expect_not(x86_has(&m, X86_FEAT_1_ECX, 1u << 21));
    cr_expect_eq(m.tsc_hz, UINT64_C(2500000000));
}

Test(x86_model, host_has_the_hosts_name)
{
    struct x86_cpu_model m;
    char why[300];
    cr_assert(parse(&m, "host,-sse3,kvm=off", why, sizeof why), "%s", why);
    cr_expect(m.hide_accel);
    cr_expect_not(x86_has(&m, X86_FEAT_1_ECX, 1u << 0));
    cr_expect_eq(strlen(m.vendor), 12);
#if defined(__x86_64__)
    /* CPUID leaf 1, as this process sees it. */
    uint32_t a = 1, b, c = 0, d, out[4];
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    x86_cpuid(&m, NULL, 0, 1, 0, out);
    cr_expect_eq(out[0], a & 0x0fff0fff);
#endif
    cr_assert(parse(&m, "host,vendor=AuthenticAMD", why, sizeof why));
    cr_expect_str_eq(m.vendor, "AuthenticAMD");
    expect_error("host,kvm=perhaps", "kvm=on or kvm=off");
}

Test(x86_model, mistakes_get_a_sentence)
{
    expect_error("pentium9", "'pentium9'");
    expect_error("max,+flux", "'flux'");
    expect_error("max,+avx512f", "does not implement");
    expect_error("max,sse2=maybe", "=on or =off");
    expect_error("max,vendor=me", "12 characters");
    expect_error("max,family=9999", "number");
    expect_error("", "CPU model");
    expect_error("max,", "feature");
}

Test(x86_model, max_shows_what_is_implemented_and_no_bit_more)
{
    struct x86_cpu_model m;
    uint32_t words[X86_FEAT_WORDS];
    char why[300];
    x86_features_translator(words);
    cr_assert(parse(&m, "max", why, sizeof why));
    for (unsigned w = 0; w < X86_FEAT_WORDS; w++)
        cr_expect_eq(m.features[w] & ~words[w], 0);
    cr_expect_not(x86_has(&m, X86_FEAT_7_EBX, 1u << 16), "no AVX-512 yet");
}

Test(x86_model, cpuid_identifies_the_processor)
{
    struct x86_cpu_model m;
    uint32_t out[4];
    char why[300], text[49] = "";
    cr_assert(parse(&m, "max", why, sizeof why));
    m.smp_total = 3;
    x86_cpuid(&m, NULL, 2, 0, 0, out);
    cr_expect_eq(out[0], 0x16);
    memcpy(text, &out[1], 4);
    memcpy(text + 4, &out[3], 4);
    memcpy(text + 8, &out[2], 4);
    cr_expect_str_eq(text, "GenuineIntel");
    x86_cpuid(&m, NULL, 2, 1, 0, out);
    cr_expect_eq(out[0] >> 8 & 15, 6);
    cr_expect_eq(out[1] >> 24, 2, "APIC ID");
    cr_expect_eq(out[1] >> 16 & 255, 4);
    cr_expect(out[3] & 1u << 28);
    cr_expect_not(out[2] & 1u << 27, "OSXSAVE follows CR4");
    struct x86_regs regs = {.cr4 = X86_CR4_OSXSAVE};
    x86_cpuid(&m, &regs, 2, 1, 0, out);
    cr_expect(out[2] & 1u << 27);
    memset(text, 0, sizeof text);
    for (unsigned i = 0; i < 3; i++) {
        x86_cpuid(&m, NULL, 2, 0x80000002 + i, 0, out);
        memcpy(text + 16 * i, out, 16);
    }
    cr_expect_str_eq(text, "vemu max virtual CPU");
    x86_cpuid(&m, NULL, 2, 0x40000000, 0, out);
    memset(text, 0, sizeof text);
    memcpy(text, &out[1], 12);
    cr_expect_str_eq(text, "vemuvemuvemu");
}

Test(x86_model, topology_leaves_agree)
{
    struct x86_cpu_model m;
    uint32_t out[4];
    char why[300];
    cr_assert(parse(&m, "max", why, sizeof why));
    for (m.smp_total = 1; m.smp_total <= 64; m.smp_total++) {
        x86_cpuid(&m, NULL, 5, 0xb, 1, out);
        cr_expect_geq(1u << out[0], m.smp_total);
        cr_expect_eq(out[1], m.smp_total);
        cr_expect_eq(out[3], 5);
        x86_cpuid(&m, NULL, 5, 4, 0, out);
        cr_expect_geq((out[0] >> 26) + 1, m.smp_total);
    }
    x86_cpuid(&m, NULL, 5, 0xb, 2, out);
    cr_expect_eq(out[0] | out[1], 0);
}

Test(x86_model, tsc_leaf_gives_the_frequency_in_32_bit_arithmetic)
{
    static const uint64_t hz[] = {1000000000, 2500000000, 2999000000, 3600000000, 800000000};
    struct x86_cpu_model m;
    uint32_t out[4];
    char why[300];
    cr_assert(parse(&m, "max", why, sizeof why));
    for (unsigned i = 0; i < ARRAY_SIZE(hz); i++) {
        m.tsc_hz = hz[i];
        x86_cpuid(&m, NULL, 0, 0x15, 0, out);
        uint32_t khz = out[2] / 1000 * out[1] / out[0];
        cr_expect_eq(khz, hz[i] / 1000);
    }
}

Test(x86_model, unknown_leaves_are_zero_or_the_last_basic_one)
{
    struct x86_cpu_model m;
    uint32_t out[4], last[4];
    char why[300];
    cr_assert(parse(&m, "max", why, sizeof why));
    x86_cpuid(&m, NULL, 0, 9, 0, out);
    cr_expect_eq(out[0] | out[1] | out[2] | out[3], 0);
    x86_cpuid(&m, NULL, 0, 0x16, 0, last);
    x86_cpuid(&m, NULL, 0, 0x12345, 0, out);
    cr_expect_arr_eq(out, last, sizeof out);
    x86_cpuid(&m, NULL, 0, 0x8000ffff, 0, out);
    cr_expect_arr_eq(out, last, sizeof out);
}
