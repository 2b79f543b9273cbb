/*
 * x86 CPU models: the table of features, the named models, and CPUID as the guest sees it. Leaves
 * and bits: Intel SDM vol. 2 (CPUID), for 0x8000xxxx also the AMD APM vol. 3.
 *
 * Every model presents itself as an in-order Intel processor of family 6 (model 28): the translator
 * does not speculate, and an operating system that knows this needs none of its mitigations.
 */
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu/x86.h"
#include "core/util/error.h"
#include "core/util/range.h"

/* ---- features ---------------------------------------------------------------------------------
 */

/* What the translator does with a feature. */
enum support {
    NO,
    YES,
    WHEN_ASKED, /* implemented, but costs the guest more than it gives: only with "+name" */
};
enum in_model {
    BASE = 1 << 0,   /* x86-64 */
    V2 = 1 << 1,     /* x86-64-v2 */
    ALWAYS = 1 << 2, /* any model but the historical ones: time-keeping and the like */
    OLD = 1 << 3,    /* 486 */
    V3 = 1 << 4,     /* x86-64-v3 */
    V4 = 1 << 5,     /* x86-64-v4 */
};

struct feature {
    uint8_t word, bit;
    uint8_t tcg;   /* enum support */
    uint8_t model; /* enum in_model */
    const char *name, *alias;
};

#define A(word_, bit_, tcg_, model_, name_, alias_)                                                \
    {                                                                                              \
        X86_FEAT_##word_, bit_, tcg_, model_, name_, alias_                                        \
    }
#define F(word_, bit_, tcg_, model_, name_) A(word_, bit_, tcg_, model_, name_, NULL)
static const struct feature features[] = {
    F(1_EDX, 0, YES, BASE | OLD, "fpu"),
    F(1_EDX, 1, YES, BASE | OLD, "vme"),
    F(1_EDX, 2, YES, BASE, "de"),
    F(1_EDX, 3, YES, BASE | OLD, "pse"),
    F(1_EDX, 4, YES, BASE, "tsc"),
    F(1_EDX, 5, YES, BASE, "msr"),
    F(1_EDX, 6, YES, BASE, "pae"),
    F(1_EDX, 7, YES, BASE, "mce"),
    F(1_EDX, 8, YES, BASE, "cx8"),
    F(1_EDX, 9, YES, BASE, "apic"),
    F(1_EDX, 11, YES, BASE, "sep"),
    F(1_EDX, 12, YES, BASE, "mtrr"),
    F(1_EDX, 13, YES, BASE, "pge"),
    F(1_EDX, 14, YES, BASE, "mca"),
    F(1_EDX, 15, YES, BASE, "cmov"),
    F(1_EDX, 16, YES, BASE, "pat"),
    F(1_EDX, 17, YES, BASE, "pse36"),
    F(1_EDX, 18, NO, 0, "pn"),
    A(1_EDX, 19, YES, BASE, "clflush", "clfsh"),
    F(1_EDX, 21, NO, 0, "ds"),
    F(1_EDX, 22, NO, 0, "acpi"),
    F(1_EDX, 23, YES, BASE, "mmx"),
    F(1_EDX, 24, YES, BASE, "fxsr"),
    F(1_EDX, 25, YES, BASE, "sse"),
    F(1_EDX, 26, YES, BASE, "sse2"),
    F(1_EDX, 27, NO, 0, "ss"),
    F(1_EDX, 28, YES, 0, "ht"), /* shown with more than one vCPU */
    F(1_EDX, 29, NO, 0, "tm"),
    F(1_EDX, 31, NO, 0, "pbe"),
    A(1_ECX, 0, YES, BASE, "sse3", "pni"),
    A(1_ECX, 1, YES, 0, "pclmulqdq", "pclmuldq"),
    F(1_ECX, 2, NO, 0, "dtes64"),
    F(1_ECX, 3, NO, 0, "monitor"),
    F(1_ECX, 4, NO, 0, "ds-cpl"),
    F(1_ECX, 5, NO, 0, "vmx"),
    F(1_ECX, 6, NO, 0, "smx"),
    F(1_ECX, 7, NO, 0, "est"),
    F(1_ECX, 8, NO, 0, "tm2"),
    F(1_ECX, 9, YES, V2, "ssse3"),
    F(1_ECX, 12, YES, V3, "fma"),
    F(1_ECX, 13, YES, BASE, "cx16"),
    F(1_ECX, 14, NO, 0, "xtpr"),
    F(1_ECX, 15, NO, 0, "pdcm"),
    F(1_ECX, 17, YES, 0, "pcid"),
    F(1_ECX, 18, NO, 0, "dca"),
    F(1_ECX, 19, YES, V2, "sse4.1"),
    F(1_ECX, 20, YES, V2, "sse4.2"),
    F(1_ECX, 21, YES, ALWAYS, "x2apic"),
    F(1_ECX, 22, YES, V3, "movbe"),
    F(1_ECX, 23, YES, V2, "popcnt"),
    F(1_ECX, 24, YES, ALWAYS, "tsc-deadline"),
    F(1_ECX, 25, YES, 0, "aes"),
    F(1_ECX, 26, YES, V3, "xsave"),
    F(1_ECX, 28, YES, V3, "avx"),
    F(1_ECX, 29, YES, V3, "f16c"),
    F(1_ECX, 30, YES, 0, "rdrand"),
    F(1_ECX, 31, YES, ALWAYS, "hypervisor"),
    F(7_EBX, 0, YES, 0, "fsgsbase"),
    F(7_EBX, 1, YES, ALWAYS, "tsc-adjust"),
    F(7_EBX, 2, NO, 0, "sgx"),
    F(7_EBX, 3, YES, V3, "bmi1"),
    F(7_EBX, 4, NO, 0, "hle"),
    F(7_EBX, 5, YES, V3, "avx2"),
    F(7_EBX, 6, YES, 0, "fdp-excptn-only"),
    F(7_EBX, 7, YES, 0, "smep"),
    F(7_EBX, 8, YES, V3, "bmi2"),
    F(7_EBX, 9, YES, ALWAYS, "erms"),
    F(7_EBX, 10, YES, 0, "invpcid"),
    F(7_EBX, 11, NO, 0, "rtm"),
    F(7_EBX, 13, YES, 0, "zero-fcs-fds"),
    F(7_EBX, 14, NO, 0, "mpx"),
    F(7_EBX, 16, NO, V4, "avx512f"),
    F(7_EBX, 17, NO, V4, "avx512dq"),
    F(7_EBX, 18, YES, 0, "rdseed"),
    F(7_EBX, 19, YES, 0, "adx"),
    F(7_EBX, 20, YES, 0, "smap"),
    F(7_EBX, 21, NO, 0, "avx512ifma"),
    F(7_EBX, 23, NO, 0, "clflushopt"),
    F(7_EBX, 24, NO, 0, "clwb"),
    F(7_EBX, 28, NO, V4, "avx512cd"),
    F(7_EBX, 29, YES, 0, "sha-ni"),
    F(7_EBX, 30, NO, V4, "avx512bw"),
    F(7_EBX, 31, NO, V4, "avx512vl"),
    F(7_ECX, 1, NO, 0, "avx512vbmi"),
    F(7_ECX, 2, YES, 0, "umip"),
    F(7_ECX, 3, YES, 0, "pku"),
    F(7_ECX, 6, NO, 0, "avx512-vbmi2"),
    F(7_ECX, 8, YES, 0, "gfni"),
    F(7_ECX, 9, YES, 0, "vaes"),
    F(7_ECX, 10, YES, 0, "vpclmulqdq"),
    F(7_ECX, 11, NO, 0, "avx512vnni"),
    F(7_ECX, 12, NO, 0, "avx512bitalg"),
    F(7_ECX, 14, NO, 0, "avx512-vpopcntdq"),
    F(7_ECX, 16, WHEN_ASKED, 0, "la57"),
    F(7_ECX, 22, YES, 0, "rdpid"),
    F(7_EDX, 4, YES, 0, "fsrm"),
    F(7_EDX, 8, NO, 0, "avx512-vp2intersect"),
    F(7_EDX, 23, NO, 0, "avx512-fp16"),
    F(7_EDX, 26, NO, 0, "spec-ctrl"),
    F(7_EDX, 27, NO, 0, "stibp"),
    F(7_EDX, 29, YES, 0, "arch-capabilities"),
    F(7_EDX, 31, NO, 0, "ssbd"),
    F(7_1_EAX, 5, NO, 0, "avx512-bf16"),
    F(D_1_EAX, 0, YES, 0, "xsaveopt"),
    F(D_1_EAX, 1, YES, 0, "xsavec"),
    F(D_1_EAX, 2, YES, 0, "xgetbv1"),
    F(D_1_EAX, 3, NO, 0, "xsaves"),
    F(8000_0001_EDX, 11, YES, BASE, "syscall"),
    A(8000_0001_EDX, 20, YES, BASE, "nx", "xd"),
    F(8000_0001_EDX, 22, NO, 0, "mmxext"),
    F(8000_0001_EDX, 25, NO, 0, "fxsr-opt"),
    F(8000_0001_EDX, 26, YES, 0, "pdpe1gb"),
    F(8000_0001_EDX, 27, YES, 0, "rdtscp"),
    F(8000_0001_EDX, 29, YES, BASE, "lm"),
    F(8000_0001_EDX, 30, NO, 0, "3dnowext"),
    F(8000_0001_EDX, 31, NO, 0, "3dnow"),
    F(8000_0001_ECX, 0, YES, BASE, "lahf-lm"),
    F(8000_0001_ECX, 2, NO, 0, "svm"),
    A(8000_0001_ECX, 5, YES, V3, "abm", "lzcnt"),
    F(8000_0001_ECX, 6, NO, 0, "sse4a"),
    F(8000_0001_ECX, 8, YES, 0, "3dnowprefetch"),
    F(8000_0007_EDX, 8, YES, ALWAYS, "invtsc"),
    F(6_EAX, 2, YES, ALWAYS, "arat"),
};
#undef F
#undef A

const char *x86_feature_bit_name(enum x86_feature_word word, unsigned bit)
{
    for (size_t i = 0; i < ARRAY_SIZE(features); i++)
        if (features[i].word == word && features[i].bit == bit)
            return features[i].name;
    return NULL;
}

void x86_features_translator(uint32_t *words)
{
    memset(words, 0, X86_FEAT_WORDS * sizeof *words);
    for (size_t i = 0; i < ARRAY_SIZE(features); i++)
        if (features[i].tcg != NO)
            words[features[i].word] |= 1u << features[i].bit;
}

/* '.', '_' and '-' are the same in feature names. */
static bool name_equal(const char *a, const char *b, size_t blen)
{
    if (!a || strlen(a) != blen)
        return false;
    for (size_t i = 0; i < blen; i++) {
        char x = a[i] == '.' || a[i] == '_' ? '-' : a[i];
        char y = b[i] == '.' || b[i] == '_' ? '-' : b[i];
        if (x != y)
            return false;
    }
    return true;
}

static const struct feature *find_feature(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(features); i++)
        if (name_equal(features[i].name, name, len) || name_equal(features[i].alias, name, len))
            return &features[i];
    return NULL;
}

/* ---- models ------------------------------------------------------------------------------------
 */

enum { INTEL_FAMILY = 6, INTEL_MODEL = 28, INTEL_STEPPING = 10 };
#define DEFAULT_TSC_HZ UINT64_C(1000000000)

struct named_model {
    const char *name;
    uint8_t family, model, stepping;
    uint8_t sets; /* enum in_model; 0: all that is implemented */
    bool no_long_mode;
    uint8_t phys_bits;
    uint8_t level;
};
static const struct named_model models[] = {
    {"qemu64", INTEL_FAMILY, INTEL_MODEL, INTEL_STEPPING, BASE | ALWAYS, false, 40, 0x16},
    {"x86-64-v1", INTEL_FAMILY, INTEL_MODEL, INTEL_STEPPING, BASE | ALWAYS, false, 40, 0x16},
    {"x86-64-v2", INTEL_FAMILY, INTEL_MODEL, INTEL_STEPPING, BASE | V2 | ALWAYS, false, 40, 0x16},
    {"x86-64-v3", INTEL_FAMILY, INTEL_MODEL, INTEL_STEPPING, BASE | V2 | V3 | ALWAYS, false, 40,
     0x16},
    {"x86-64-v4", INTEL_FAMILY, INTEL_MODEL, INTEL_STEPPING, BASE | V2 | V3 | V4 | ALWAYS, false,
     40, 0x16},
    {"max", INTEL_FAMILY, INTEL_MODEL, INTEL_STEPPING, 0, false, 40, 0x16},
    {"host", INTEL_FAMILY, INTEL_MODEL, INTEL_STEPPING, 0, false, 40, 0x16},
    {"qemu32", INTEL_FAMILY, INTEL_MODEL, INTEL_STEPPING, BASE | ALWAYS, true, 36, 0x16},
    {"486", 4, 8, 0, OLD, true, 32, 1},
};

const char *const *x86_cpu_model_names(void)
{
    static const char *const names[] = {"qemu64",    "x86-64-v1", "x86-64-v2", "x86-64-v3",
                                        "x86-64-v4", "max",       "host",      "qemu32",
                                        "486",       NULL};
    return names;
}

static bool in_named_model(const struct named_model *m, const struct feature *f)
{
    if (m->no_long_mode && (f->word == X86_FEAT_8000_0001_EDX || f->word == X86_FEAT_8000_0001_ECX))
        return f->word == X86_FEAT_8000_0001_EDX && f->bit == 20; /* NX */
    return m->sets ? (f->model & m->sets) != 0 : f->tcg != WHEN_ASKED;
}

/* The host's own name; its features are what the accelerator offers of them. */
static void name_as_host(struct x86_cpu_model *model)
{
#if defined(__x86_64__)
    enum { BRAND_FIRST = 0x80000002, BRAND_LAST = 0x80000004, SIZES = 0x80000008 };
    uint32_t r[4], highest = __get_cpuid_max(0x80000000, NULL);
    const uint32_t *const vendor[3] = {&r[1], &r[3], &r[2]};

    __cpuid(0, r[0], r[1], r[2], r[3]);
    for (unsigned n = 0; n < 3; n++)
        memcpy(model->vendor + 4 * n, vendor[n], 4);
    __cpuid(1, r[0], r[1], r[2], r[3]);
    unsigned family = r[0] >> 8 & 15;
    model->family = (uint8_t)(family == 15 ? family + (r[0] >> 20 & 0xff) : family);
    model->model = (uint8_t)((r[0] >> 4 & 15) | (r[0] >> 12 & 0xf0));
    model->stepping = r[0] & 15;
    for (uint32_t leaf = BRAND_FIRST; highest >= BRAND_LAST && leaf <= BRAND_LAST; leaf++) {
        __cpuid(leaf, r[0], r[1], r[2], r[3]);
        memcpy(model->brand + 16 * (leaf - BRAND_FIRST), r, sizeof r);
    }
    if (highest < SIZES)
        return;
    __cpuid(SIZES, r[0], r[1], r[2], r[3]);
    model->phys_bits = (uint8_t)MIN(MAX(r[0] & 0xff, 32u), 52u);
#else
    (void)model;
#endif
}

/* Intel's places of XSAVE components, and their sizes; SDM vol. 1, chapter "Managing State Using
 * the XSAVE Feature Set". */
static const uint16_t xsave_offsets[X86_XSAVE_COMPONENTS] = {
    [2] = X86_XSAVE_AVX, [5] = 1088, [6] = 1152, [7] = 1664, [9] = X86_XSAVE_PKRU};

unsigned x86_xsave_size(unsigned component)
{
    static const uint16_t sizes[X86_XSAVE_COMPONENTS] = {
        [2] = X86_XSAVE_AVX_SIZE,      [5] = X86_XSAVE_OPMASK_SIZE, [6] = X86_XSAVE_ZMM_HI_SIZE,
        [7] = X86_XSAVE_ZMM_HI16_SIZE, [9] = X86_XSAVE_PKRU_SIZE,
    };
    return component < X86_XSAVE_COMPONENTS ? sizes[component] : 0;
}

const char *x86_model_level_lacks(const struct x86_cpu_model *model)
{
    uint8_t sets = 0;
    for (size_t i = 0; i < ARRAY_SIZE(models); i++)
        if (strcmp(models[i].name, model->name) == 0)
            sets = models[i].sets & (V2 | V3 | V4);
    for (size_t i = 0; i < ARRAY_SIZE(features); i++)
        if (features[i].model & sets && !(model->features[features[i].word] >> features[i].bit & 1))
            return features[i].name;
    return NULL;
}

static void start_model(struct x86_cpu_model *model, const struct named_model *m,
                        const uint32_t *supported)
{
    memset(model, 0, sizeof *model);
    snprintf(model->name, sizeof model->name, "%s", m->name);
    snprintf(model->vendor, sizeof model->vendor, "GenuineIntel");
    snprintf(model->brand, sizeof model->brand, "vemu %s virtual CPU", m->name);
    model->family = m->family;
    model->model = m->model;
    model->stepping = m->stepping;
    model->level = m->level;
    model->xlevel = m->sets == OLD ? 0 : 0x80000008;
    model->phys_bits = m->phys_bits;
    model->virt_bits = m->no_long_mode ? 32 : 48;
    model->tsc_hz = DEFAULT_TSC_HZ;
    model->smp_total = 1;
    memcpy(model->xsave_offset, xsave_offsets, sizeof model->xsave_offset);
    if (strcmp(m->name, "host") == 0)
        name_as_host(model);
    for (size_t i = 0; i < ARRAY_SIZE(features); i++)
        if (in_named_model(m, &features[i]))
            model->features[features[i].word] |= 1u << features[i].bit;
    for (unsigned w = 0; w < X86_FEAT_WORDS; w++)
        model->features[w] &= supported[w];
}

static bool bad_spec(struct vemu_error **errp, const char *item, size_t len, const char *right)
{
    return error_set(errp, VEMU_ERROR_INVALID, "-cpu: '%.*s' %s", (int)MIN(len, (size_t)64), item,
                     right);
}

static bool parse_number(const char *text, size_t len, uint64_t max, uint64_t *value)
{
    char buf[24], *end;
    if (!len || len >= sizeof buf || text[0] < '0' || text[0] > '9')
        return false;
    memcpy(buf, text, len);
    buf[len] = 0;
    *value = strtoull(buf, &end, 0);
    return !*end && *value <= max;
}

/* A key that is no feature. *known: it was one. */
static bool apply_key(struct x86_cpu_model *model, const char *item, size_t key_len,
                      const char *value, size_t value_len, bool *known, struct vemu_error **errp)
{
    static const struct {
        const char *name;
        uint64_t max;
    } keys[] = {
        {"family", 0xff},  {"model", 0xff},        {"stepping", 0xf},
        {"level", 0x16},   {"xlevel", 0x80000008}, {"tsc-frequency", UINT64_C(1) << 40},
        {"phys-bits", 52},
    };
    uint64_t n;
    *known = true;
    if (name_equal("vendor", item, key_len)) {
        if (value_len != 12)
            return bad_spec(errp, item, key_len + 1 + value_len,
                            "is not a vendor of 12 characters");
        memcpy(model->vendor, value, 12);
        return true;
    }
    if (name_equal("kvm", item, key_len)) {
        model->hide_accel = name_equal("off", value, value_len);
        return model->hide_accel || name_equal("on", value, value_len) ||
               bad_spec(errp, item, key_len + 1 + value_len, "should be kvm=on or kvm=off");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        if (!name_equal(keys[i].name, item, key_len))
            continue;
        if (!parse_number(value, value_len, keys[i].max, &n))
            return error_set(errp, VEMU_ERROR_INVALID,
                             "-cpu: '%.*s' should be a number up to %llu for %s",
                             (int)MIN(value_len, (size_t)32), value,
                             (unsigned long long)keys[i].max, keys[i].name);
        switch (i) {
        case 0:
            model->family = (uint8_t)n;
            return true;
        case 1:
            model->model = (uint8_t)n;
            return true;
        case 2:
            model->stepping = (uint8_t)n;
            return true;
        case 3:
            model->level = (uint32_t)n;
            return true;
        case 4:
            model->xlevel = (uint32_t)n;
            return true;
        case 5:
            if (n < 1000000)
                return bad_spec(errp, item, key_len + 1 + value_len,
                                "is too slow: at least 1000000 (Hz)");
            model->tsc_hz = n;
            model->tsc_asked = true;
            return true;
        default:
            if (n < 32)
                return bad_spec(errp, item, key_len + 1 + value_len, "is out of range: 32 to 52");
            model->phys_bits = (uint8_t)n;
            return true;
        }
    }
    *known = false;
    return true;
}

/* One item of the list after the model's name. */
static bool apply_item(struct x86_cpu_model *model, const char *item, size_t len,
                       const uint32_t *supported, struct vemu_error **errp)
{
    bool on = true, known;
    const char *name = item, *equal = memchr(item, '=', len);
    size_t name_len = len;
    if (len && (item[0] == '+' || item[0] == '-')) {
        on = item[0] == '+';
        name++;
        name_len--;
    } else if (equal) {
        const char *value = equal + 1;
        size_t value_len = len - (size_t)(value - item);
        name_len = (size_t)(equal - item);
        if (!apply_key(model, item, name_len, value, value_len, &known, errp))
            return false;
        if (!known && !x86_paravirt_item(&model->paravirt, item, name_len, value, value_len, on,
                                         &known, errp))
            return false;
        if (known)
            return true;
        on = name_equal("on", value, value_len) || name_equal("yes", value, value_len);
        if (!on && !name_equal("off", value, value_len) && !name_equal("no", value, value_len))
            return bad_spec(errp, item, len, "should be a feature with =on or =off");
    }
    x86_paravirt_item(&model->paravirt, name, name_len, NULL, 0, on, &known, errp);
    if (known)
        return true;
    const struct feature *f = find_feature(name, name_len);
    if (!f)
        return bad_spec(
            errp, name, name_len,
            "is not a CPU feature that vemu knows (write +feature, -feature or feature=on|off)");
    if (on && !(supported[f->word] >> f->bit & 1))
        return bad_spec(errp, name, name_len,
                        "is a CPU feature that this accelerator does not implement");
    if (on)
        model->features[f->word] |= 1u << f->bit;
    else
        model->features[f->word] &= ~(1u << f->bit);
    return true;
}

bool x86_cpu_model_parse(struct x86_cpu_model *model, const char *spec, const uint32_t *supported,
                         struct vemu_error **errp)
{
    size_t len = strcspn(spec, ",");
    const struct named_model *named = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(models); i++)
        if (strlen(models[i].name) == len && !memcmp(models[i].name, spec, len))
            named = &models[i];
    if (!named)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-cpu: '%.*s' is not a CPU model; there are qemu64, x86-64-v1 to "
                         "x86-64-v4, max, host, qemu32 and 486",
                         (int)MIN(len, (size_t)64), spec);
    start_model(model, named, supported);
    while (spec[len] == ',') {
        spec += len + 1;
        len = strcspn(spec, ",");
        if (!apply_item(model, spec, len, supported, errp))
            return false;
    }
    return true;
}

/* ---- CPUID --------------------------------------------------------------------------------------
 */

enum { EAX, EBX, ECX, EDX };
#define HYPERVISOR_BASE 0x40000000u
/* The local APIC's timer counts nanoseconds; operating systems take its frequency for the crystal's
 * of leaf 0x15. */
#define CRYSTAL_HZ 1000000000u

static unsigned log2_up(uint32_t n)
{
    return n <= 1 ? 0 : 32 - (unsigned)__builtin_clz(n - 1);
}

static void put_text(uint32_t *out, const char *text, unsigned words)
{
    char buf[48] = {0};
    size_t n = strlen(text);
    memcpy(buf, text, MIN(n, sizeof buf));
    memcpy(out, buf, words * 4);
}

static void leaf_1(const struct x86_cpu_model *m, const struct x86_regs *r, uint32_t apic_id,
                   uint32_t out[4])
{
    unsigned family = m->family, model = m->model, ext = family > 15 ? family - 15 : 0;
    if (family > 15)
        family = 15;
    out[EAX] = (model >> 4) << 16 | ext << 20 | family << 8 | (model & 15) << 4 | m->stepping;
    out[EBX] = (apic_id & 0xff) << 24 | 8 << 8; /* CLFLUSH line: 8 quadwords */
    out[ECX] = m->features[X86_FEAT_1_ECX] & ~(1u << 27);
    out[EDX] = m->features[X86_FEAT_1_EDX] & ~(1u << 28);
    if (r && (r->cr4 & X86_CR4_OSXSAVE))
        out[ECX] |= 1u << 27;
    if (m->smp_total > 1) {
        out[EBX] |= MIN(1u << log2_up(m->smp_total), 255u) << 16;
        out[EDX] |= m->features[X86_FEAT_1_EDX] & (1u << 28);
    }
}

/* Caches as a plain core has them: enough for an operating system's own tables. */
static void leaf_4(const struct x86_cpu_model *m, uint32_t subleaf, uint32_t out[4])
{
    static const struct {
        uint8_t type, level, ways;
        uint16_t sets;
        bool shared;
    } caches[] = {{1, 1, 8, 64, false},
                  {2, 1, 8, 64, false},
                  {3, 2, 16, 1024, false},
                  {3, 3, 16, 16384, true}};
    if (subleaf >= ARRAY_SIZE(caches))
        return;
    uint32_t ids = (1u << log2_up(m->smp_total)) - 1;
    uint32_t cores = MIN(ids, 63u), sharing = caches[subleaf].shared ? MIN(ids, 0xfffu) : 0;
    out[EAX] =
        caches[subleaf].type | caches[subleaf].level << 5 | 1 << 8 | sharing << 14 | cores << 26;
    out[EBX] = 63 | (caches[subleaf].ways - 1u) << 22;
    out[ECX] = caches[subleaf].sets - 1u;
}

static void leaf_7(const struct x86_cpu_model *m, const struct x86_regs *r, uint32_t subleaf,
                   uint32_t out[4])
{
    if (subleaf == 0) {
        out[EAX] = m->features[X86_FEAT_7_1_EAX] ? 1 : 0;
        out[EBX] = m->features[X86_FEAT_7_EBX];
        out[ECX] = m->features[X86_FEAT_7_ECX];
        if (r && (r->cr4 & X86_CR4_PKE))
            out[ECX] |= 1u << 4; /* OSPKE */
        out[EDX] = m->features[X86_FEAT_7_EDX];
    } else if (subleaf == 1) {
        out[EAX] = m->features[X86_FEAT_7_1_EAX];
    }
}

static void leaf_b(const struct x86_cpu_model *m, uint32_t apic_id, uint32_t subleaf,
                   uint32_t out[4])
{
    if (subleaf == 0) {
        out[EBX] = 1;
        out[ECX] = 1 << 8; /* threads: one a core */
    } else if (subleaf == 1) {
        out[EAX] = log2_up(m->smp_total);
        out[EBX] = m->smp_total;
        out[ECX] = 2 << 8;
    }
    out[ECX] |= subleaf & 0xff;
    out[EDX] = apic_id;
}

uint64_t x86_model_xcr0(const struct x86_cpu_model *m)
{
    const bool avx = x86_has(m, X86_FEAT_1_ECX, 1u << 28);

    return (avx ? 7u : 3u) |
           (avx && x86_has(m, X86_FEAT_7_EBX, 1u << 16) ? (unsigned)X86_XCR0_AVX512 : 0u) |
           (x86_has(m, X86_FEAT_7_ECX, 1u << 3) ? X86_XCR0_PKRU : 0u);
}

static uint32_t xsave_size(const struct x86_cpu_model *m, uint64_t components, bool compact)
{
    uint32_t end = X86_XSAVE_HEADER_END;
    for (unsigned n = 2; n < X86_XSAVE_COMPONENTS; n++) {
        if (!(components >> n & 1))
            continue;
        uint32_t start = compact ? end : m->xsave_offset[n];
        end = MAX(end, start + x86_xsave_size(n));
    }
    return end;
}

static void leaf_d(const struct x86_cpu_model *m, const struct x86_regs *r, uint32_t subleaf,
                   uint32_t out[4])
{
    if (!x86_has(m, X86_FEAT_1_ECX, 1u << 26))
        return;
    const uint64_t all = x86_model_xcr0(m), enabled = r ? r->xcr0 : 1;
    if (subleaf == 0) {
        out[EAX] = (uint32_t)all;
        out[EBX] = xsave_size(m, enabled, false);
        out[ECX] = xsave_size(m, all, false);
    } else if (subleaf == 1) {
        out[EAX] = m->features[X86_FEAT_D_1_EAX];
        out[EBX] = out[EAX] & 0xa ? xsave_size(m, enabled, true) : 0;
    }
    if (subleaf >= 2 && subleaf < X86_XSAVE_COMPONENTS && (all >> subleaf & 1)) {
        out[EAX] = x86_xsave_size(subleaf);
        out[EBX] = m->xsave_offset[subleaf];
    }
}

static void leaf_15(const struct x86_cpu_model *m, uint32_t out[4])
{
    /* kernels multiply in 32 bits: crystal in kHz times the numerator has to fit */
    uint32_t mhz = (uint32_t)MIN(m->tsc_hz / 1000000, UINT64_C(4294)), divisor = 1000;
    if (m->tsc_hz % 1000000 || m->tsc_hz / 1000000 > 4294)
        return; /* not expressible: to be measured */
    while (divisor % 2 == 0 && mhz % 2 == 0)
        divisor /= 2, mhz /= 2;
    while (divisor % 5 == 0 && mhz % 5 == 0)
        divisor /= 5, mhz /= 5;
    out[EAX] = divisor;
    out[EBX] = mhz;
    out[ECX] = CRYSTAL_HZ;
}

static void basic_leaf(const struct x86_cpu_model *m, const struct x86_regs *r, uint32_t apic_id,
                       uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    switch (leaf) {
    case 0:
        out[EAX] = m->level;
        memcpy(&out[EBX], m->vendor, 4);
        memcpy(&out[EDX], m->vendor + 4, 4);
        memcpy(&out[ECX], m->vendor + 8, 4);
        break;
    case 1:
        leaf_1(m, r, apic_id, out);
        break;
    case 2:
        out[EAX] = 0x00feff01; /* see leaf 4; 64-byte prefetch (0xf0) */
        out[EBX] = 0xf0;
        break;
    case 4:
        leaf_4(m, subleaf, out);
        break;
    case 6:
        out[EAX] = m->features[X86_FEAT_6_EAX];
        break;
    case 7:
        leaf_7(m, r, subleaf, out);
        break;
    case 0xb:
        if (x86_has(m, X86_FEAT_1_ECX, 1u << 21))
            leaf_b(m, apic_id, subleaf, out);
        break;
    case 0xd:
        leaf_d(m, r, subleaf, out);
        break;
    case 0x15:
        leaf_15(m, out);
        break;
    case 0x16:
        out[EAX] = out[EBX] = (uint32_t)MIN(m->tsc_hz / 1000000, UINT64_C(0xffff));
        out[ECX] = 100;
        break;
    default:
        break;
    }
}

static void extended_leaf(const struct x86_cpu_model *m, const struct x86_regs *r, uint32_t leaf,
                          uint32_t out[4])
{
    switch (leaf & 0xffff) {
    case 0:
        out[EAX] = m->xlevel;
        break;
    case 1:
        out[ECX] = m->features[X86_FEAT_8000_0001_ECX];
        out[EDX] = m->features[X86_FEAT_8000_0001_EDX];
        /* Intel shows SYSCALL only to 64-bit code */
        if (r && !((r->efer & X86_EFER_LMA) && (r->seg[X86_CS].attr & X86_SEG_L)))
            out[EDX] &= ~(1u << 11);
        break;
    case 2:
    case 3:
    case 4: {
        uint32_t text[12];
        put_text(text, m->brand, 12);
        memcpy(out, text + ((leaf & 0xf) - 2) * 4, 16);
        break;
    }
    case 6:
        out[ECX] = 1024 << 16 | 6 << 12 | 1 << 8 | 64; /* L2: 1 MiB, 8-way, 64-byte lines */
        break;
    case 7:
        out[EDX] = m->features[X86_FEAT_8000_0007_EDX];
        break;
    case 8:
        out[EAX] = m->phys_bits |
                   (uint32_t)(x86_has(m, X86_FEAT_7_ECX, 1u << 16) ? 57 : m->virt_bits) << 8;
        out[EBX] = m->features[X86_FEAT_8000_0008_EBX];
        break;
    default:
        break;
    }
}

void x86_cpuid(const struct x86_cpu_model *model, const struct x86_regs *regs, uint32_t apic_id,
               uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    memset(out, 0, 4 * sizeof *out);
    if (leaf >= HYPERVISOR_BASE && leaf <= HYPERVISOR_BASE + 0xff &&
        x86_has(model, X86_FEAT_1_ECX, 1u << 31)) {
        if (leaf == HYPERVISOR_BASE) {
            out[EAX] = HYPERVISOR_BASE;
            put_text(&out[EBX], "vemuvemuvemu", 3);
        }
        return;
    }
    if (leaf >= 0x80000000u && leaf <= model->xlevel) {
        extended_leaf(model, regs, leaf, out);
        return;
    }
    /* beyond the highest leaf Intel answers as for the highest basic one */
    if (leaf > model->level)
        leaf = model->level;
    basic_leaf(model, regs, apic_id, leaf, subleaf, out);
}
