/* What the translator tells of itself: counters as text, the distance between two polls, and the
 * decode tables' own disassembly where the library for it does not help. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/util/log.h"
#include "core/util/range.h"
#include "tcg/disas.h"
#include "tests/unit/x86_machine.h"

enum { CODE = 0x10000, PAGE = 4096 };

static struct x86_machine t;
static char text[8192];

static void setup(void)
{
    x86_machine_init(&t, "max");
    cr_assert(tcg_set_option(&t.m, "count", "on", NULL));
}

static void teardown(void)
{
    tcg_set_option(&t.m, "count", "off", NULL);
    x86_machine_free(&t);
}

/* Flat 32-bit protected mode at CODE; runs to the first HLT. */
static void run_code(void)
{
    t.r->cr0 |= X86_CR0_PE;
    for (unsigned n = 0; n < 6; n++) {
        t.r->seg[n].base = 0;
        t.r->seg[n].limit = 0xffffffff;
        t.r->seg[n].selector = n == X86_CS ? 8 : 16;
        t.r->seg[n].attr =
            (uint16_t)(X86_SEG_P | X86_SEG_S | X86_SEG_DB | X86_SEG_G | (n == X86_CS ? 0xb : 0x3));
    }
    t.r->rip = CODE;
    x86_machine_changed(&t);
    t.cpu->stop_request = false; /* nobody starts it by a thread */
    enum vcpu_exit why = t.m.accel->vcpu_run(t.cpu);
    cr_assert_eq(why, VCPU_EXIT_HALT, "%d %s at 0x%" PRIx64, why, t.cpu->error, t.r->rip);
}

static const char *info(void)
{
    cr_assert_lt(t.m.accel->info_text(&t.m, text, sizeof text), sizeof text);
    return text;
}

/* The first number after a line's name. */
static uint64_t counter(const char *name)
{
    const char *p = strstr(info(), name);
    uint64_t v = 0;
    cr_assert(p, "no line \"%s\" in:\n%s", name, text);
    p += strlen(name);
    while (*p && !(*p >= '0' && *p <= '9'))
        p++;
    cr_assert_eq(sscanf(p, "%" SCNu64, &v), 1);
    return v;
}

/* `pages` pages of NOP, run `rounds` times over. */
static void nops(unsigned pages, unsigned rounds)
{
    uint8_t *p = x86_at(&t, CODE);
    uint32_t end = CODE + pages * PAGE;
    memset(p, 0x90, (size_t)pages * PAGE);
    p[0] = 0xb9; /* mov ecx, rounds */
    store_le32(p + 1, rounds);
    p = x86_at(&t, end);
    *p++ = 0x49; /* dec ecx */
    *p++ = 0x0f; /* jnz CODE + 5 */
    *p++ = 0x85;
    store_le32(p, CODE + 5 - (end + 7));
    p[4] = 0xf4; /* hlt */
}

TestSuite(tcg_debug, .init = setup, .fini = teardown);

Test(tcg_debug, the_counters_tell_what_ran)
{
    nops(2, 10);
    run_code();
    cr_expect_eq(counter("executed (count=on)"), 1 + 10 * (2 * PAGE - 5) + 2 * 10 + 1);
    cr_expect_geq(counter("blocks translated"), 2 * PAGE / 64);
    cr_expect_geq(counter("links"), 2 * PAGE / 64);
    cr_expect_gt(counter("exits to the run loop"), 0);
    cr_expect_geq(counter("lookups"), counter("exits to the run loop"));
    cr_expect_gt(counter("helper calls"), 0, "HLT is one");
    cr_expect_eq(counter("exceptions"), 0);
    cr_expect_eq(counter("cache flushes"), 0);
    cr_expect_eq(counter("device accesses"), 0);
    cr_expect(strstr(text, "back end                 interp\n"), "%s", text);
}

Test(tcg_debug, an_exception_counts_once)
{
    uint8_t *p = x86_at(&t, CODE);
    uint8_t *idt = x86_at(&t, 0x8000), *gdt = x86_at(&t, 0x9000);
    p[0] = 0x0f; /* ud2 */
    p[1] = 0x0b;
    p[2] = 0xf4;
    store_le64(gdt + 8, UINT64_C(0x00cf9b000000ffff));
    store_le64(idt + 8 * 6,
               UINT64_C(0x8e00) << 32 | 8 << 16 | (CODE & 0xffff) | (uint64_t)(CODE >> 16) << 48);
    idt[8 * 6] = 2; /* the HLT at CODE + 2 */
    t.r->idtr.base = 0x8000;
    t.r->idtr.limit = 0xff;
    t.r->gdtr.base = 0x9000;
    t.r->gdtr.limit = 0xf;
    t.r->gpr[X86_RSP] = 0x7000;
    run_code();
    cr_expect_eq(counter("exceptions"), 1);
}

/* Between two polls the PC only rises within one page, so that a page of one-byte instructions is
 * the worst there is. Without polls at the ends of pages this code would show all its pages. */
Test(tcg_debug, no_more_than_a_page_of_instructions_lies_between_two_polls)
{
    nops(6, 20);
    run_code();
    uint64_t distance = counter("poll distance (count=on)");
    cr_expect_leq(distance, PAGE, "%" PRIu64, distance);
    cr_expect_geq(distance, PAGE - 64, "blocks are linked within a page: %" PRIu64, distance);
}

Test(tcg_debug, jumps_to_higher_addresses_of_other_pages_poll)
{
    /* Each page: 64 NOPs, then a jump to the next; at the end the way back, by an indirect jump. */
    enum { PAGES = 20 };
    for (unsigned n = 0; n < PAGES; n++) {
        uint8_t *p = x86_at(&t, CODE + n * PAGE);
        memset(p, 0x90, 64);
        p[64] = 0xe9;
        store_le32(p + 65, PAGE - 69);
    }
    uint8_t *p = x86_at(&t, CODE + PAGES * PAGE);
    static const uint8_t tail[] = {0x41, 0x83, 0xf9, 20, 0x74, 7,    0xb8,
                                   0,    0,    1,    0,  0xff, 0xe0, 0xf4};
    memcpy(p, tail, sizeof tail); /* inc ecx; cmp ecx, 20; je hlt; mov eax, CODE; jmp eax; hlt */
    t.r->gpr[X86_RCX] = 0;
    run_code();
    cr_expect_eq(t.r->gpr[X86_RCX], 20);
    cr_expect_gt(counter("executed (count=on)"), 20 * PAGES * 65);
    cr_expect_leq(counter("poll distance (count=on)"), 2 * 65);
}

static void add_line(void *opaque, enum log_category category, const char *line)
{
    (void)category;
    size_t used = strlen(opaque);
    snprintf((char *)opaque + used, sizeof text - used, "%s\n", line);
}

/* Without the library (NULL) everything comes from the tables. */
Test(tcg_debug, the_decode_table_names_instructions_of_each_mode)
{
    static const uint8_t code16[] = {0xb8, 0x34, 0x12}, code32[] = {0x0f, 0x32},
                         code64[] = {0x48, 0x89, 0xd8, 0x0f, 0x04, 0x66, 0x0f, 0x3a, 0x63};
    struct log log;
    text[0] = 0;
    cr_assert(log_init(&log, add_line, text));
    disas_code(NULL, &log, LOG_IN_ASM, ARCH_X86, 16, 0x7c00, code16, sizeof code16,
               tcg_arch_x86.format_insn);
    disas_code(NULL, &log, LOG_IN_ASM, ARCH_X86, 32, 0x1000, code32, sizeof code32,
               tcg_arch_x86.format_insn);
    disas_code(NULL, &log, LOG_IN_ASM, ARCH_X86, 64, UINT64_C(0xffffffff81000000), code64,
               sizeof code64, tcg_arch_x86.format_insn);
    log_destroy(&log);
    cr_expect(strstr(text, "0x0000000000007c00  b8 34 12 "), "%s", text);
    cr_expect(strstr(text, "mov ax"), "%s", text);
    cr_expect(strstr(text, "rdmsr"), "%s", text);
    cr_expect(strstr(text, "0xffffffff81000000  48 89 d8 "), "%s", text);
    cr_expect(strstr(text, "mov rax"), "%s", text);
    cr_expect(strstr(text, "(undefined)"), "%s", text);
    cr_expect(strstr(text, "(bytes)"), "what is cut off is shown as it is: %s", text);
}
