/* core/state: the stream, the table walk, and streams made by somebody hostile. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock/clock.h"
#include "core/cpu/x86.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/error.h"

struct inner {
    uint32_t word;
    bool flag;
    uint8_t small;
};
struct sample {
    uint8_t u8;
    uint16_t u16[3];
    uint32_t u32;
    uint64_t u64;
    bool on;
    uint8_t bytes[5];
    struct inner inner[2];
    struct timer timer;
    int not_saved;
};
static const struct state_field inner_fields[] = {
    STATE_INT(struct inner, word),
    STATE_FLAG(struct inner, flag),
    STATE_INT(struct inner, small, .max = 9),
    STATE_FIELDS_END,
};
static const struct state_field sample_fields[] = {
    STATE_INT(struct sample, u8, .max = 200),
    STATE_INT_ARRAY(struct sample, u16, .max = 0x7fff),
    STATE_INT(struct sample, u32),
    STATE_INT(struct sample, u64),
    STATE_FLAG(struct sample, on),
    STATE_BUFFER(struct sample, bytes),
    STATE_ARRAY_OF(struct sample, inner, inner_fields),
    STATE_DEADLINE(struct sample, timer),
    STATE_FIELDS_END,
};
enum { SAMPLE_SIZE = 1 + 6 + 4 + 8 + 1 + 5 + 2 * 6 + 8 };

static struct clock_set *clocks;

static void fire(void *opaque)
{
    (void)opaque;
}

static void make_sample(struct sample *s)
{
    memset(s, 0, sizeof *s);
    timer_init(&s->timer, clocks, VCLOCK_VIRTUAL, fire, s);
}

static void fill_sample(struct sample *s)
{
    make_sample(s);
    s->u8 = 100;
    s->u16[2] = 0x1234;
    s->u32 = 0xdeadbeef;
    s->u64 = UINT64_C(0x123456789abcdef0);
    s->on = true;
    memcpy(s->bytes, "hello", 5);
    s->inner[1] = (struct inner){.word = 7, .flag = true, .small = 9};
    s->not_saved = 42;
    timer_set(&s->timer, 5000);
}

static bool in_range(const struct sample *s)
{
    const uint8_t *on = (const uint8_t *)&s->on;

    return s->u8 <= 200 && s->u16[0] <= 0x7fff && s->u16[1] <= 0x7fff && s->u16[2] <= 0x7fff &&
           *on <= 1 && s->inner[0].small <= 9 && s->inner[1].small <= 9 && s->timer.deadline >= -1;
}

static void set_up(void)
{
    clocks = clock_set_new();
}
static void tear_down(void)
{
    clock_set_free(clocks);
}
TestSuite(state, .init = set_up, .fini = tear_down);

/* A stream with one section of the sample, to be freed. */
static uint8_t *make_stream(const struct sample *s, size_t *len)
{
    struct state_writer *w = state_writer_new();
    const void *data;
    uint8_t *copy;

    cr_assert(state_save_section(w, "sample", 3, 2, sample_fields, s));
    cr_assert(state_writer_finish(w, &data, len));
    copy = malloc(*len);
    memcpy(copy, data, *len);
    state_writer_free(w);
    return copy;
}

static bool load_stream(const uint8_t *data, size_t len, struct sample *s, struct vemu_error **errp)
{
    struct state_reader *r = state_reader_new(data, len, errp);
    struct state_section section;
    bool ok = r && state_reader_next(r, &section, errp) &&
              state_load_section(&section, 2, sample_fields, s, errp);

    state_reader_free(r);
    return ok;
}

Test(state, fields_come_back_and_others_stay)
{
    struct sample a, b;
    struct vemu_error *err = NULL;
    uint8_t *data;
    size_t len;

    fill_sample(&a);
    data = make_stream(&a, &len);
    make_sample(&b);
    b.not_saved = 1;
    cr_assert(load_stream(data, len, &b, &err), "%s", vemu_error_message(err));
    cr_assert_eq(b.u8, 100);
    cr_assert_eq(b.u16[2], 0x1234);
    cr_assert_eq(b.u32, 0xdeadbeef);
    cr_assert_eq(b.u64, a.u64);
    cr_assert(b.on);
    cr_assert_arr_eq(b.bytes, "hello", 5);
    cr_assert_eq(b.inner[1].word, 7u);
    cr_assert(b.inner[1].flag);
    cr_assert_eq(timer_deadline(&b.timer), 5000);
    cr_assert_eq(b.not_saved, 1);
    /* An unarmed timer disarms. */
    free(data);
    timer_cancel(&a.timer);
    data = make_stream(&a, &len);
    cr_assert(load_stream(data, len, &b, NULL));
    cr_assert(!timer_pending(&b.timer));
    free(data);
}

Test(state, layout_has_no_padding_and_sections_follow_in_order)
{
    struct state_writer *w = state_writer_new();
    struct state_section s;
    struct state_reader *r;
    struct sample a;
    const void *data;
    size_t len;

    fill_sample(&a);
    cr_assert(state_save_section(w, "one", 0, 1, sample_fields, &a));
    cr_assert(state_save_blob(w, "two", 7, 9, "xyz", 3));
    cr_assert(state_save_blob(w, "empty", 0, 1, NULL, 0));
    cr_assert(state_writer_finish(w, &data, &len));
    r = state_reader_new(data, len, NULL);
    cr_assert(state_reader_next(r, &s, NULL));
    cr_assert_str_eq(s.name, "one");
    cr_assert_eq(s.len, (uint64_t)SAMPLE_SIZE);
    cr_assert_eq(s.data[0], 100);
    cr_assert_eq(load_le16(s.data + 5), 0x1234);
    cr_assert(state_reader_next(r, &s, NULL));
    cr_assert_str_eq(s.name, "two");
    cr_assert_eq(s.instance, 7u);
    cr_assert_eq(s.version, 9u);
    cr_assert_arr_eq(s.data, "xyz", 3);
    cr_assert(state_reader_next(r, &s, NULL));
    cr_assert_eq(s.len, UINT64_C(0));
    cr_assert(!state_reader_next(r, &s, NULL));
    cr_assert(!state_reader_next(r, &s, NULL));
    state_reader_free(r);
    state_writer_free(w);
}

Test(state, misuse_of_the_writer_fails_at_the_end)
{
    struct state_writer *w = state_writer_new();
    char name[80];
    const void *data;
    size_t len;

    memset(name, 'n', 79);
    name[79] = 0;
    cr_assert(!state_save_blob(w, name, 0, 1, "", 0));
    cr_assert(!state_writer_finish(w, &data, &len));
    state_writer_free(w);
}

#define REFUSED(data, len, says)                                                                   \
    do {                                                                                           \
        struct vemu_error *err_ = NULL;                                                            \
        struct sample s_;                                                                          \
        make_sample(&s_);                                                                          \
        cr_assert(!load_stream((data), (len), &s_, &err_));                                        \
        cr_assert(strstr(vemu_error_message(err_), (says)), "%s", vemu_error_message(err_));       \
        cr_assert_eq(vemu_error_code(err_), VEMU_ERROR_FORMAT);                                    \
        cr_assert_eq(s_.u64, UINT64_C(0));                                                         \
        vemu_error_free(err_);                                                                     \
    } while (0)

static void fix_checksum(uint8_t *data, size_t len)
{
    store_le64(data + len - 8, state_checksum(data, len - 8));
}

/* Offsets in the sample's stream: header, then 1 + 6 + 16 bytes of section header. */
enum { SECTION_AT = 16, FIELDS_AT = SECTION_AT + 1 + 6 + 16 };

Test(state, what_is_wrong_is_named)
{
    struct sample a;
    uint8_t *data;
    size_t len;

    fill_sample(&a);
    data = make_stream(&a, &len);
    REFUSED((const uint8_t *)"not a state file....", 20, "VEMUSTAT");
    REFUSED(data, 10, "VEMUSTAT");
    REFUSED(data, len - 1, "damaged");
    data[FIELDS_AT + 20]++;
    REFUSED(data, len, "checksum");
    data[FIELDS_AT + 20]--;
    data[FIELDS_AT] = 201;
    fix_checksum(data, len);
    REFUSED(data, len, "u8[0] is 0xc9, but it may be at most 0xc8");
    data[FIELDS_AT] = 100;
    data[FIELDS_AT + 19] = 2;
    fix_checksum(data, len);
    REFUSED(data, len, "on[0] is 0x2, but a flag is 0 or 1");
    data[FIELDS_AT + 19] = 1;
    store_le64(data + FIELDS_AT + SAMPLE_SIZE - 8, (uint64_t)-2);
    fix_checksum(data, len);
    REFUSED(data, len, "timer[0]");
    store_le64(data + FIELDS_AT + SAMPLE_SIZE - 8, 5);
    store_le32(data + SECTION_AT + 7 + 4, 3);
    fix_checksum(data, len);
    REFUSED(data, len, "version 3: this build reads version 2");
    store_le32(data + SECTION_AT + 7 + 4, 2);
    store_le64(data + SECTION_AT + 7 + 8, UINT64_MAX - 4);
    fix_checksum(data, len);
    REFUSED(data, len, "longer than the rest");
    store_le64(data + SECTION_AT + 7 + 8, SAMPLE_SIZE);
    store_le32(data + 8, 77);
    REFUSED(data, len, "stream version 77");
    free(data);
}

static uint64_t random_next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

Test(state, random_damage_is_refused_or_loads_values_in_range)
{
    uint64_t seed = 20;
    struct sample a, b;
    uint8_t *data, *copy;
    size_t len;
    unsigned loaded = 0;

    fill_sample(&a);
    data = make_stream(&a, &len);
    make_sample(&b);
    for (unsigned i = 0; i < 100000; i++) {
        size_t cut = len;
        struct vemu_error *err = NULL;

        copy = malloc(len);
        memcpy(copy, data, len);
        for (uint64_t n = random_next(&seed) % 4 + 1; n; n--)
            copy[random_next(&seed) % len] = (uint8_t)random_next(&seed);
        if (random_next(&seed) % 8 == 0)
            cut = random_next(&seed) % len;
        /* Half of them get past the checksum to what lies behind it. */
        if (i & 1 && cut >= 8)
            fix_checksum(copy, cut);
        /* A buffer of exactly this size, for the address sanitizer. */
        copy = realloc(copy, cut ? cut : 1);
        if (load_stream(copy, cut, &b, &err)) {
            loaded++;
            cr_assert(in_range(&b));
        } else {
            cr_assert_not_null(err);
        }
        vemu_error_free(err);
        free(copy);
    }
    cr_assert(loaded > 100, "the damage never got past the framing");
    free(data);
}

Test(state, checksum_sees_every_single_bit)
{
    uint8_t data[37];
    uint64_t sum;

    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 11);
    sum = state_checksum(data, sizeof data);
    for (unsigned bit = 0; bit < sizeof data * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_neq(state_checksum(data, sizeof data), sum);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert_neq(state_checksum(data, sizeof data - 1), sum);
}

/* ---- the x86 register file ------------------------------------------------------------------- */

Test(x86_state, every_field_survives_a_round_trip)
{
    struct x86_regs *a = aligned_alloc(16, sizeof *a), *b = aligned_alloc(16, sizeof *b);
    struct state_writer *w = state_writer_new();
    struct state_section s;
    struct state_reader *r;
    struct vemu_error *err = NULL;
    const void *data;
    size_t len;

    /* A pattern that fits every limit: flags 1, the rest 1 too. */
    memset(a, 1, sizeof *a);
    memset(b, 0, sizeof *b);
    a->rflags = 0x202;
    a->cr0 = X86_CR0_ET;
    a->cr4 = X86_CR4_PAE;
    a->efer = 1;
    a->tsc_aux = 5;
    a->mxcsr = 0x1f80;
    a->fop = 0x101;
    cr_assert(state_save_section(w, "x86-regs", 0, 1, x86_regs_state, a));
    cr_assert(state_writer_finish(w, &data, &len));
    r = state_reader_new(data, len, NULL);
    cr_assert(state_reader_next(r, &s, NULL));
    cr_assert(state_load_section(&s, 1, x86_regs_state, b, &err), "%s", vemu_error_message(err));
    /* What differs is padding: give both the same there. */
    b->pad0 = a->pad0;
    memcpy(b->gdtr.pad, a->gdtr.pad, sizeof a->gdtr.pad);
    memcpy(b->idtr.pad, a->idtr.pad, sizeof a->idtr.pad);
    for (size_t i = 0; i < sizeof *a; i++) {
        if (((uint8_t *)a)[i] != ((uint8_t *)b)[i])
            cr_assert(((uint8_t *)b)[i] == 0 && i > offsetof(struct x86_regs, pkru), "byte %zu", i);
    }
    cr_assert_eq(memcmp(a->zmm_hi, b->zmm_hi, sizeof a->zmm_hi), 0);
    cr_assert_eq(a->smbase, b->smbase);
    state_reader_free(r);
    state_writer_free(w);
    free(a);
    free(b);
}

Test(x86_state, power_up_state_is_the_manuals)
{
    struct x86_regs *r = aligned_alloc(16, sizeof *r);

    memset(r, 0xff, sizeof *r);
    x86_regs_reset(r, false);
    cr_assert_eq(r->rip, UINT64_C(0xfff0));
    cr_assert_eq(r->rflags, UINT64_C(2));
    cr_assert_eq(r->cr0, UINT64_C(0x60000010));
    cr_assert_eq(r->seg[X86_CS].selector, 0xf000);
    cr_assert_eq(r->seg[X86_CS].base, UINT64_C(0xffff0000));
    cr_assert_eq(r->seg[X86_DS].base | r->seg[X86_DS].selector, UINT64_C(0));
    cr_assert_eq(r->seg[X86_SS].limit, 0xffffu);
    cr_assert_eq(r->gdtr.limit, 0xffff);
    cr_assert_eq(r->dr[6], UINT64_C(0xffff0ff0));
    cr_assert_eq(r->dr[7], UINT64_C(0x400));
    cr_assert_eq(r->fcw, 0x40);
    cr_assert_eq(r->mxcsr, 0x1f80u);
    cr_assert_eq(r->xcr0, UINT64_C(1));
    cr_assert_eq(r->pat, UINT64_C(0x0007040600070406));
    cr_assert_eq(r->efer, UINT64_C(0));
    cr_assert_eq(r->smbase, 0x30000u);
    cr_assert(x86_regs_check(r, NULL));
    free(r);
}

Test(x86_state, init_keeps_x87_sse_msrs_and_the_cache_bits)
{
    struct x86_regs *r = aligned_alloc(16, sizeof *r);

    x86_regs_reset(r, false);
    r->cr0 = X86_CR0_PE | X86_CR0_CD | X86_CR0_ET;
    r->fcw = 0x37f;
    r->vec[3].half[0].u64[0] = 5;
    r->star = 6;
    r->gpr[X86_RAX] = 7;
    r->cr3 = 0x1000;
    x86_regs_reset(r, true);
    cr_assert_eq(r->cr0, (uint64_t)(X86_CR0_CD | X86_CR0_ET));
    cr_assert_eq(r->fcw, 0x37f);
    cr_assert_eq(r->vec[3].half[0].u64[0], UINT64_C(5));
    cr_assert_eq(r->star, UINT64_C(6));
    cr_assert_eq(r->gpr[X86_RAX] | r->cr3, UINT64_C(0));
    free(r);
}

Test(x86_state, register_files_that_no_processor_has_are_refused)
{
    struct x86_regs *r = aligned_alloc(16, sizeof *r);
    struct vemu_error *err = NULL;

#define BAD(change, says)                                                                          \
    x86_regs_reset(r, false);                                                                      \
    change;                                                                                        \
    cr_assert(!x86_regs_check(r, &err));                                                           \
    cr_assert(strstr(vemu_error_message(err), says), "%s", vemu_error_message(err));               \
    vemu_error_free(err);                                                                          \
    err = NULL

    BAD(r->cr0 |= X86_CR0_PG, "PG needs PE");
    BAD(r->efer = X86_EFER_LMA, "LMA");
    BAD(r->rflags = 0, "RFLAGS");
    BAD(r->xcr0 = 4, "XCR0");
    BAD(r->cr3 = UINT64_C(1) << 60, "CR3");
    BAD(r->gdtr.base = UINT64_C(1) << 60, "canonical");
    free(r);
}

/* ---- tails ----------------------------------------------------------------------------------- */

struct tailed {
    uint16_t before;
    struct numbers {
        unsigned count;
        uint8_t of[8];
    } rest;
};

static uint64_t numbers_size(const void *obj)
{
    return ((const struct numbers *)obj)->count;
}
static void numbers_save(const void *obj, uint8_t *out)
{
    const struct numbers *n = obj;

    memcpy(out, n->of, n->count);
}
static bool numbers_load(void *obj, const uint8_t *in, uint64_t len, struct vemu_error **errp)
{
    struct numbers *n = obj;

    if (len > sizeof n->of)
        return error_set(errp, VEMU_ERROR_FORMAT, "too many numbers");
    if (n) {
        n->count = (unsigned)len;
        memcpy(n->of, in, len);
    }
    return true;
}
static const struct state_tail numbers_tail = {numbers_size, numbers_save, numbers_load};
static const struct state_field tailed_fields[] = {STATE_INT(struct tailed, before, .max = 10),
                                                   STATE_REST(struct tailed, rest, numbers_tail),
                                                   STATE_FIELDS_END};

Test(state, a_tail_has_the_rest_of_its_section)
{
    struct tailed a = {.before = 7, .rest = {.count = 3, .of = {1, 2, 3}}}, b = {0};
    struct vemu_error *err = NULL;
    struct state_writer *w = state_writer_new();
    struct state_section s;
    const void *data;
    size_t len;

    cr_assert(state_save_section(w, "tailed", 0, 1, tailed_fields, &a));
    cr_assert(state_save_section(w, "sample", 0, 2, tailed_fields, &b), "an empty one");
    cr_assert(state_writer_finish(w, &data, &len));
    struct state_reader *r = state_reader_new(data, len, NULL);
    cr_assert(r && state_reader_next(r, &s, NULL));
    cr_expect_eq(s.len, 5);
    cr_expect(state_load_section(&s, 1, tailed_fields, &b, &err));
    cr_expect(b.before == 7 && b.rest.count == 3 && b.rest.of[2] == 3);
    s.len = 1;
    cr_expect_not(state_load_section(&s, 1, tailed_fields, &b, &err));
    cr_expect(strstr(vemu_error_message(err), "1 bytes instead of 2 or more"));
    vemu_error_free(err);
    cr_assert(state_reader_next(r, &s, NULL));
    cr_expect_eq(s.len, 2);
    cr_expect(state_load_section(&s, 2, tailed_fields, &b, NULL));
    cr_expect_eq(b.rest.count, 0);
    state_reader_free(r);
    state_writer_free(w);
}

Test(state, a_tail_is_checked_before_anything_is_taken_over)
{
    struct tailed a = {.before = 1};
    struct vemu_error *err = NULL;
    uint8_t bytes[16] = {5};
    struct state_section s = {.name = "t", .version = 1, .data = bytes, .len = 2 + 9};

    cr_expect_not(state_load_section(&s, 1, tailed_fields, &a, &err));
    cr_expect_eq(a.before, 1);
    cr_expect(strstr(vemu_error_message(err), "section 't' instance 0: rest: too many numbers"),
              "%s", vemu_error_message(err));
    vemu_error_free(err);
}
