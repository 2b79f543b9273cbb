/* core/util: errors, log, sizes, options, bitmap, hash map. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/bitmap.h"
#include "core/util/cpus.h"
#include "core/util/error.h"
#include "core/util/hashmap.h"
#include "core/util/log.h"
#include "core/util/opts.h"
#include "core/util/size.h"

/* ---- errors ---------------------------------------------------------------------------------- */

static bool fail_with(struct vemu_error **errp, const char *text)
{
    return error_set(errp, VEMU_ERROR_INVALID, "value '%s' is bad", text);
}

Test(error, sentence_is_one_line_and_may_be_prefixed)
{
    struct vemu_error *err = NULL;

    cr_assert(!fail_with(&err, "a\nb"));
    error_prefix(&err, "device %s: ", "x");
    cr_assert_str_eq(vemu_error_message(err), "device x: value 'a b' is bad");
    cr_assert_eq(vemu_error_code(err), VEMU_ERROR_INVALID);
    vemu_error_free(err);
    vemu_error_free(NULL);
    cr_assert(!fail_with(NULL, "nobody listens"));
}

Test(error, first_error_stays)
{
    struct vemu_error *err = NULL;

    error_set(&err, VEMU_ERROR_FORMAT, "cause");
    error_set(&err, VEMU_ERROR_INVALID, "consequence");
    cr_assert_str_eq(vemu_error_message(err), "cause");
    vemu_error_free(err);
}

Test(error, errno_appends_reason_and_picks_code)
{
    struct vemu_error *err = NULL;

    cr_assert(!error_set_errno(&err, 2, "cannot open '%s'", "disk"));
    cr_assert_str_eq(vemu_error_message(err), "cannot open 'disk': No such file or directory");
    cr_assert_eq(vemu_error_code(err), VEMU_ERROR_NOT_FOUND);
    vemu_error_free(err);
}

/* ---- log ------------------------------------------------------------------------------------- */

struct sink {
    unsigned lines, dropped_lines;
    char last[256];
};

static void sink_line(void *opaque, enum log_category category, const char *line)
{
    struct sink *s = opaque;

    (void)category;
    s->lines++;
    snprintf(s->last, sizeof s->last, "%s", line);
    if (strstr(line, "lines dropped"))
        s->dropped_lines++;
}

Test(log, only_enabled_categories_are_written)
{
    struct sink s = {0};
    struct log log;

    cr_assert(log_init(&log, sink_line, &s));
    log_msg(&log, LOG_INT, "no");
    log_msg(&log, LOG_WARN, "warned %d\n", 1);
    cr_assert_eq(s.lines, 1u);
    cr_assert_str_eq(s.last, "warned 1");
    log.mask |= LOG_INT;
    log_msg(&log, LOG_INT, "yes");
    cr_assert_eq(s.lines, 2u);
    log_destroy(&log);
}

Test(log, guest_errors_are_limited_and_the_loss_is_told)
{
    struct sink s = {0};
    struct log log;

    cr_assert(log_init(&log, sink_line, &s));
    log.mask |= LOG_GUEST_ERROR | LOG_EXEC;
    for (int i = 0; i < 1000; i++)
        log_msg(&log, LOG_GUEST_ERROR, "bad %d", i);
    /* A second may have begun meanwhile. */
    cr_assert(s.lines >= 64 && s.lines <= 3 * 64, "%u", s.lines);
    for (int i = 0; i < 1000; i++)
        log_msg(&log, LOG_EXEC, "block");
    cr_assert(s.lines >= 1064);
    log_destroy(&log);
    cr_assert(s.dropped_lines >= 1);
    cr_assert(strstr(s.last, "lines dropped"));
}

Test(log, mask_names)
{
    struct vemu_error *err = NULL;
    uint32_t mask = 0;

    cr_assert(log_parse_mask("in_asm,int,guest_error", &mask, &err));
    cr_assert_eq(mask, (uint32_t)(LOG_IN_ASM | LOG_INT | LOG_GUEST_ERROR));
    cr_assert(!log_parse_mask("in_asm,cpus", &mask, &err));
    cr_assert(strstr(vemu_error_message(err), "'cpus'"));
    cr_assert(strstr(vemu_error_message(err), "out_asm"));
    vemu_error_free(err);
    cr_assert(!log_parse_mask("", &mask, NULL));
    cr_assert(!log_parse_mask("int,", &mask, NULL));
}

static void *log_many(void *opaque)
{
    for (int i = 0; i < 500; i++)
        log_msg((struct log *)opaque, LOG_EXEC, "%d", i);
    return NULL;
}

Test(log, sink_is_serialised)
{
    struct sink s = {0};
    pthread_t threads[4];
    struct log log;

    cr_assert(log_init(&log, sink_line, &s));
    log.mask |= LOG_EXEC;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, log_many, &log);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(s.lines, 2000u);
    log_destroy(&log);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static uint64_t size_of(const char *text, uint64_t unit)
{
    uint64_t v = 0xdead;

    return size_parse(text, unit, &v) ? v : UINT64_MAX;
}

Test(size, suffixes_fractions_and_units)
{
    cr_assert_eq(size_of("512M", 1), UINT64_C(512) << 20);
    cr_assert_eq(size_of("8g", 1), UINT64_C(8) << 30);
    cr_assert_eq(size_of("8GiB", 1), UINT64_C(8) << 30);
    cr_assert_eq(size_of("64KB", 1), UINT64_C(65536));
    cr_assert_eq(size_of("7B", 1 << 20), UINT64_C(7));
    cr_assert_eq(size_of("0x1000", 1), UINT64_C(4096));
    cr_assert_eq(size_of("128", 1 << 20), UINT64_C(128) << 20);
    cr_assert_eq(size_of("1.5G", 1), UINT64_C(3) << 29);
    cr_assert_eq(size_of("15E", 1), UINT64_C(15) << 60);
}

Test(size, what_is_no_size_or_does_not_fit_is_refused)
{
    static const char *const bad[] = {"",
                                      "M",
                                      "12Q",
                                      "-1",
                                      " 1",
                                      "1 ",
                                      "1MM",
                                      "16E",
                                      "0x",
                                      "1.",
                                      ".5G",
                                      "1.3B",
                                      "0x1.5",
                                      "1Mi",
                                      "1BiB",
                                      "1.0001",
                                      "18446744073709551616",
                                      "1e3"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(size_of(bad[i], 1), UINT64_MAX, "'%s'", bad[i]);
}

Test(size, format_is_exact)
{
    static const uint64_t values[] = {0,
                                      1,
                                      1000,
                                      1024,
                                      1536,
                                      UINT64_C(512) << 20,
                                      UINT64_MAX,
                                      UINT64_C(1) << 63,
                                      UINT64_C(3) << 29};
    char text[SIZE_TEXT];

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint64_t back = 0;
        size_format(values[i], text);
        cr_assert(size_parse(text, 1, &back));
        cr_assert_eq(back, values[i], "%s", text);
    }
    size_format(UINT64_C(512) << 20, text);
    cr_assert_str_eq(text, "512M");
}

/* ---- options --------------------------------------------------------------------------------- */

Test(opts, order_flags_and_doubled_commas)
{
    struct vemu_error *err = NULL;
    struct opts o;

    cr_assert(opts_parse(&o, "-device", "driver", "nic,,x,id=n0,verbose,path=a,,b,,,empty=", &err));
    cr_assert_eq(o.count, 5u);
    cr_assert_str_eq(o.items[0].key, "driver");
    cr_assert_str_eq(o.items[0].value, "nic,x");
    cr_assert_str_eq(opts_get(&o, "id"), "n0");
    cr_assert_str_eq(opts_get(&o, "verbose"), "on");
    cr_assert(o.items[2].flag);
    cr_assert_str_eq(opts_get(&o, "path"), "a,b,");
    cr_assert_str_eq(opts_get(&o, "empty"), "");
    cr_assert_null(opts_get(&o, "absent"));
    cr_assert(!opts_check_used(&o, "-device", "id, path", &err));
    cr_assert_str_eq(vemu_error_message(err), "-device: 'driver' is not known here: use id, path");
    vemu_error_free(err);
    opts_free(&o);
}

Test(opts, last_of_a_key_wins_and_driver_may_be_spelled_out)
{
    struct opts o;

    cr_assert(opts_parse(&o, "-device", "driver", "driver=a,x=1,x=2", NULL));
    cr_assert_str_eq(opts_get(&o, "driver"), "a");
    cr_assert_str_eq(opts_get(&o, "x"), "2");
    cr_assert(opts_check_used(&o, "-device", "", NULL));
    opts_free(&o);
    cr_assert(opts_parse(&o, "-device", "driver", "", NULL));
    cr_assert_eq(o.count, 0u);
}

Test(opts, mistakes_get_one_sentence)
{
    static const struct {
        const char *text, *says;
    } bad[] = {{"a,", "ends with a comma"},
               {"a,,,", "ends with a comma"},
               {"a,=5", "has no name before"},
               {"a,b,", "ends with a comma"},
               {",a=1", "no driver name"}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vemu_error *err = NULL;
        struct opts o;
        cr_assert(!opts_parse(&o, "-device", "driver", bad[i].text, &err), "%s", bad[i].text);
        cr_assert(strstr(vemu_error_message(err), bad[i].says), "%s: %s", bad[i].text,
                  vemu_error_message(err));
        vemu_error_free(err);
        cr_assert_eq(o.count, 0u);
    }
}

Test(opts, typed_values_name_key_value_and_limits)
{
    struct vemu_error *err = NULL;
    uint64_t n = 7, size = 0;
    struct opts o;
    bool on = false;

    cr_assert(opts_parse(&o, "-smp", "cpus", "99,flag=on,mem=1M,odd=maybe", NULL));
    cr_assert(opts_get_number(&o, "-smp", "absent", 1, 64, &n, &err));
    cr_assert_eq(n, UINT64_C(7));
    cr_assert(opts_get_bool(&o, "-smp", "flag", &on, &err) && on);
    cr_assert(opts_get_size(&o, "-smp", "mem", 1, &size, &err) && size == 1 << 20);
    cr_assert(!opts_get_number(&o, "-smp", "cpus", 1, 64, &n, &err));
    cr_assert_str_eq(vemu_error_message(err), "-smp: cpus='99' must be a number from 1 to 64");
    vemu_error_free(err);
    err = NULL;
    cr_assert(!opts_get_bool(&o, "-smp", "odd", &on, &err));
    cr_assert_str_eq(vemu_error_message(err), "-smp: odd='maybe' is neither on nor off");
    vemu_error_free(err);
    opts_free(&o);
}

/* ---- bitmap and hash map --------------------------------------------------------------------- */

Test(bitmap, ranges_agree_with_single_bits)
{
    for (unsigned start = 0; start < 192; start += 7) {
        for (unsigned count = 0; start + count <= 192; count += 5) {
            uint64_t map[3] = {0};
            bitmap_atomic_set_range(map, start, count);
            for (unsigned i = 0; i < 192; i++)
                cr_assert_eq(bitmap_test(map, i), i >= start && i < start + count);
            cr_assert_eq(bitmap_find_next(map, 192, 0), count ? start : 192u);
            cr_assert_eq(bitmap_find_next_clear(map, 192, start), start + count);
            cr_assert_eq(bitmap_atomic_test_and_clear_range(map, start, count), count != 0);
            cr_assert_eq(map[0] | map[1] | map[2], UINT64_C(0));
        }
    }
}

Test(hashmap, agrees_with_an_array_under_random_changes)
{
    enum { KEYS = 512 };
    void *model[KEYS] = {0};
    struct hashmap map = {0};
    uint64_t seed = 1, key;
    size_t cursor = 0, count = 0;
    void *value;

    cr_assert_null(hashmap_get(&map, 0));
    cr_assert_null(hashmap_remove(&map, 0));
    for (int i = 0; i < 200000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        key = seed >> 40 & (KEYS - 1);
        if (seed >> 60 & 1) {
            cr_assert(hashmap_put(&map, key << 40, &model[seed >> 50 & (KEYS - 1)]));
            model[key] = &model[seed >> 50 & (KEYS - 1)];
        } else {
            cr_assert_eq(hashmap_remove(&map, key << 40), model[key]);
            model[key] = NULL;
        }
    }
    for (key = 0; key < KEYS; key++) {
        cr_assert_eq(hashmap_get(&map, key << 40), model[key]);
        count += model[key] != NULL;
    }
    cr_assert_eq(map.count, count);
    while (hashmap_next(&map, &cursor, &key, &value)) {
        cr_assert_eq(value, model[key >> 40]);
        count--;
    }
    cr_assert_eq(count, 0u);
    hashmap_destroy(&map);
}

/* ---- CPUs ------------------------------------------------------------------------------------ */

Test(cpus, wanted_are_the_threads_that_run_or_could)
{
    cr_assert_eq(cpus_wanted("0.20 0.18 0.12 3/481 11206\n"), 3);
    cr_assert_eq(cpus_wanted("0.20 0.18"), 0);
    cr_assert_eq(cpus_wanted(""), 0);
}
