/* AVX-512 under KVM: where its state is, on a kernel made for the test (kvm_fake.h). */
#include <criterion/criterion.h>
#include <string.h>

#include "accel/kvm/kvm.h"
#include "core/cpu/x86.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "tests/unit/kvm_fake.h"

static struct x86_cpu_model model;

/* As AMD's processors have it: components next to each other, PKRU before none of them. */
static const uint16_t amd[X86_XSAVE_COMPONENTS] = {
    [2] = 576, [5] = 832, [6] = 896, [7] = 1408, [9] = 2432};

static void start(void)
{
    fake_start();
    memcpy(kernel.xsave_offset, amd, sizeof amd);
}
TestSuite(kvm_avx512, .init = start, .fini = fake_stop);

static struct vcpu *make(const char *cpu)
{
    struct vemu_error *err = NULL;
    uint32_t all[X86_FEAT_WORDS];
    memset(all, 0xff, sizeof all);
    fake_make_vm();
    cr_assert(x86_cpu_model_parse(&model, cpu, all, &err), "%s", vemu_error_message(err));
    cr_assert(kvm_accel()->x86_model(&m, &model, &err));
    return fake_make_vcpu_of(&model);
}

static const struct kvm_cpuid_entry2 *leaf(uint32_t function, uint32_t index)
{
    for (uint32_t i = 0; i < kernel.cpuid.nent; i++)
        if (kernel.cpuid_entries[i].function == function && kernel.cpuid_entries[i].index == index)
            return &kernel.cpuid_entries[i];
    return NULL;
}

Test(kvm_avx512, the_guest_is_told_the_hosts_places)
{
    make("x86-64-v4,pku=on");
    cr_expect_eq(leaf(7, 0)->ebx & 0xd0030000, 0xd0030000, "F, DQ, CD, BW, VL");
    cr_expect_eq(leaf(0xd, 0)->eax, 0x2e7);
    cr_expect_eq(leaf(0xd, 0)->ecx, 2432 + 8, "the end of the last");
    for (unsigned n = 2; n < X86_XSAVE_COMPONENTS; n++) {
        if (!amd[n])
            continue;
        cr_assert(leaf(0xd, n), "component %u", n);
        cr_expect_eq(leaf(0xd, n)->ebx, amd[n]);
        cr_expect_eq(leaf(0xd, n)->eax, x86_xsave_size(n));
    }
}

Test(kvm_avx512, intels_places_are_the_default)
{
    uint32_t all[X86_FEAT_WORDS], out[4];
    struct vemu_error *err = NULL;
    memset(all, 0xff, sizeof all);
    cr_assert(x86_cpu_model_parse(&model, "x86-64-v4,pku=on", all, &err));
    x86_cpuid(&model, NULL, 0, 0xd, 0, out);
    cr_expect_eq(out[0], 0x2e7);
    cr_expect_eq(out[2], 2696);
    x86_cpuid(&model, NULL, 0, 0xd, 6, out);
    cr_expect_eq(out[0], 512);
    cr_expect_eq(out[1], 1152);
}

Test(kvm_avx512, what_has_no_place_is_not_offered)
{
    kernel.xsave_offset[6] = 4000; /* beyond the area's end */
    kernel.xsave_offset[9] = 0;
    make("x86-64-v4,pku=on,avx512vbmi=on,avx512-fp16=on");
    cr_expect_eq(leaf(7, 0)->ebx & 0xd0230000, 0);
    cr_expect_eq(leaf(7, 0)->ecx & (1 << 1 | 1 << 3), 0);
    cr_expect_eq(leaf(7, 0)->edx & 1 << 23, 0);
    cr_expect_eq(leaf(0xd, 0)->eax, 7);
    cr_expect(leaf(7, 0)->ebx & 1 << 5, "AVX2 stays");
}

static void fill(struct x86_regs *r)
{
    uint8_t *vec = (uint8_t *)r->vec, *hi = (uint8_t *)r->zmm_hi, *mask = (uint8_t *)r->kmask;
    for (size_t n = 0; n < sizeof r->vec; n++)
        vec[n] = (uint8_t)(n * 5 + n / 256);
    for (size_t n = 0; n < sizeof r->zmm_hi; n++)
        hi[n] = (uint8_t)(n * 3 + n / 256 + 1);
    for (size_t n = 0; n < sizeof r->kmask; n++)
        mask[n] = (uint8_t)(n + 0x80);
    r->pkru = 0x12345678;
}

Test(kvm_avx512, every_bit_goes_both_ways)
{
    static struct x86_regs before;
    struct vcpu *cpu = make("x86-64-v4,pku=on");
    struct x86_regs *r = cpu->regs;
    const uint8_t *area = (const uint8_t *)kernel.xsave.region;
    r->xcr0 = 0x2e7;
    fill(r);
    before = *r;
    kvm_accel()->put_state(cpu);
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(load_le64(area + 512), 0x2e7);
    cr_expect_eq(load_le64(area + 832 + 8 * 3), r->kmask[3]);
    cr_expect(!memcmp(area + 896 + 32 * 5, r->zmm_hi[5], 32), "ZMM5, bits 511:256");
    cr_expect(!memcmp(area + 1408 + 64 * 2, &r->vec[18], 32), "ZMM18, bits 255:0");
    cr_expect(!memcmp(area + 1408 + 64 * 2 + 32, r->zmm_hi[18], 32), "ZMM18, bits 511:256");
    memset(r->vec, 0xee, sizeof r->vec);
    memset(r->zmm_hi, 0xee, sizeof r->zmm_hi);
    memset(r->kmask, 0xee, sizeof r->kmask);
    kvm_accel()->get_state(cpu);
    cr_expect(!memcmp(r->vec, before.vec, sizeof r->vec));
    cr_expect(!memcmp(r->zmm_hi, before.zmm_hi, sizeof r->zmm_hi));
    cr_expect(!memcmp(r->kmask, before.kmask, sizeof r->kmask));
    cr_expect_eq(r->pkru, before.pkru);
}

/* SDM vol. 1, "XSAVE-managed features": a component whose bit is clear is in its initial state. */
Test(kvm_avx512, components_in_their_initial_state_are_zeroes)
{
    struct vcpu *cpu = make("x86-64-v4,pku=on");
    struct x86_regs *r = cpu->regs;
    cr_assert_eq(fake_run_once(cpu), VCPU_EXIT_SHUTDOWN);
    memset(kernel.xsave.region, 0xff, sizeof kernel.xsave.region);
    store_le64((uint8_t *)kernel.xsave.region + 512, 7 | 1 << 6);
    fill(r);
    kvm_accel()->get_state(cpu);
    cr_expect_eq(r->kmask[0] | r->kmask[7], 0);
    cr_expect_eq(r->zmm_hi[15][1].u64[1], UINT64_MAX, "this one is there");
    cr_expect_eq(r->zmm_hi[16][0].u64[0] | r->vec[16].half[0].u64[0], 0);
    cr_expect_eq(r->pkru, 0);
}

Test(kvm_avx512, a_level_that_is_not_all_there_is_told)
{
    struct vemu_error *err = NULL;
    uint32_t words[X86_FEAT_WORDS];
    memset(words, 0xff, sizeof words);
    cr_assert(x86_cpu_model_parse(&model, "x86-64-v4", words, &err));
    cr_expect_null(x86_model_level_lacks(&model));
    words[X86_FEAT_7_EBX] &= ~(1u << 30);
    cr_assert(x86_cpu_model_parse(&model, "x86-64-v4", words, &err));
    cr_expect_str_eq(x86_model_level_lacks(&model), "avx512bw");
    cr_assert(x86_cpu_model_parse(&model, "x86-64-v3", words, &err));
    cr_expect_null(x86_model_level_lacks(&model));
}
