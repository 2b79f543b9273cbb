/* tcg/saved: what a machine takes of what another saved, and what not. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/range.h"
#include "tests/unit/x86_machine.h"

#if defined(__x86_64__)

enum { PAGE = 4096, CODE = 0x10000 };

static char dir[] = "/tmp/vemu-saved-XXXXXX";
static struct x86_machine t;
static const char *model = "max";
static uint32_t code_bits = X86_SEG_DB;

struct taken {
    unsigned blocks, regions, missed;
};

static void start(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

static void end(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(saved_translations, .init = start, .fini = end);

static void make_machine(const char *mode)
{
    const char *const options[] = {"backend",         "jit", "tier2",     "sync",
                                   "tier2-threshold", "2",   "jit-cache", mode,
                                   "jit-cache-dir",   dir,   NULL};
    x86_machine_init_with(&t, model, options);
}

/* Flat protected mode from pc to the first HLT; EAX there. */
static uint32_t run_at(uint32_t pc)
{
    vcpu_reset(t.cpu);
    t.r->cr0 |= X86_CR0_PE;
    for (unsigned n = 0; n < 6; n++)
        t.r->seg[n] =
            (struct x86_segment){.limit = 0xffffffff,
                                 .selector = n == X86_CS ? 8 : 16,
                                 .attr = (uint16_t)(X86_SEG_P | X86_SEG_S | code_bits | X86_SEG_G |
                                                    (n == X86_CS ? 0xb : 0x3))};
    t.r->rip = pc;
    t.r->gpr[0] = 0;
    x86_machine_changed(&t);
    t.cpu->stop_request = false; /* nobody starts it by a thread */
    enum vcpu_exit why = t.m.accel->vcpu_run(t.cpu);
    cr_assert_eq(why, VCPU_EXIT_HALT, "%d %s at 0x%" PRIx64, why, t.cpu->error, t.r->rip);
    t.m.accel->get_state(t.cpu);
    return (uint32_t)t.r->gpr[0];
}

static struct taken counts(void)
{
    static char text[8192];
    struct taken n = {0};
    const char *p;
    t.m.accel->info_text(&t.m, text, sizeof text);
    if ((p = strstr(text, "saved translations")))
        sscanf(p, "saved translations %u blocks and %u regions", &n.blocks, &n.regions);
    if ((p = strstr(text, "not taken")))
        sscanf(p, "not taken %u", &n.missed);
    return n;
}

/* A machine of its own for the code: EAX at its end, and what was taken. */
static uint32_t run(const char *mode, uint32_t at, const uint8_t *code, size_t len, struct taken *n)
{
    make_machine(mode);
    memcpy(x86_at(&t, at), code, len);
    uint32_t eax = run_at(at);
    *n = counts();
    x86_machine_free(&t);
    return eax;
}

/* mov eax, 0x12345678; add eax, 0x01010101; xor eax, 0x00ff00ff; hlt */
static const uint8_t straight[] = {0xb8, 0x78, 0x56, 0x34, 0x12, 0x05, 0x01, 0x01,
                                   0x01, 0x01, 0x35, 0xff, 0x00, 0xff, 0x00, 0xf4};
enum { STRAIGHT = (0x12345678 + 0x01010101) ^ 0x00ff00ff };

/* mov ecx, 100; 1: add eax, ecx; dec ecx; jnz 1b; hlt */
static const uint8_t loop[] = {0xb9, 100, 0, 0, 0, 0x01, 0xc8, 0x49, 0x75, 0xfb, 0xf4};

Test(saved_translations, a_second_machine_translates_nothing)
{
    struct taken n;
    cr_assert_eq(run("rw", CODE, straight, sizeof straight, &n), (uint32_t)STRAIGHT);
    cr_assert_eq(n.blocks, 0);
    cr_assert_eq(n.missed, 1);
    cr_assert_eq(run("ro", CODE, straight, sizeof straight, &n), (uint32_t)STRAIGHT);
    cr_assert_eq(n.blocks, 1);
    cr_assert_eq(n.missed, 0);
}

Test(saved_translations, at_another_address_with_the_same_offset_it_is_taken)
{
    struct taken n;
    run("rw", CODE + 0x123, straight, sizeof straight, &n);
    cr_assert_eq(run("ro", 5 * CODE + 0x123, straight, sizeof straight, &n), (uint32_t)STRAIGHT);
    cr_assert_eq(n.blocks, 1);
    cr_assert_eq(run("ro", CODE + 0x124, straight, sizeof straight, &n), (uint32_t)STRAIGHT);
    cr_assert_eq(n.blocks, 0, "another offset is another block");
}

Test(saved_translations, a_loop_is_a_region_from_the_start)
{
    struct taken n;
    cr_assert_eq(run("rw", CODE, loop, sizeof loop, &n), 5050);
    cr_assert_eq(run("ro", 3 * CODE, loop, sizeof loop, &n), 5050);
    cr_assert_eq(n.regions, 1);
    cr_assert_eq(n.missed, 0);
}

Test(saved_translations, one_other_bit_anywhere_and_it_is_not_taken)
{
    struct taken n;
    run("rw", CODE, straight, sizeof straight, &n);
    for (unsigned bit = 8 * 1; bit < 8 * 15; bit++) { /* not those that make it another opcode */
        uint8_t code[sizeof straight];
        if (bit / 8 == 5 || bit / 8 == 10)
            continue;
        memcpy(code, straight, sizeof code);
        code[bit / 8] ^= (uint8_t)(1u << bit % 8);
        uint32_t a = load_le32(code + 1), b = load_le32(code + 6), c = load_le32(code + 11);
        cr_assert_eq(run("ro", CODE, code, sizeof code, &n), (a + b) ^ c, "bit %u", bit);
        cr_assert_eq(n.blocks, 0, "bit %u", bit);
        cr_assert_eq(n.missed, 1, "bit %u", bit);
    }
}

Test(saved_translations, both_pages_of_an_instruction_count)
{
    enum { AT = CODE + PAGE - 3 }; /* the first immediate lies across the page's end */
    uint8_t code[sizeof straight];
    struct taken n;
    run("rw", AT, straight, sizeof straight, &n);
    cr_assert_eq(run("ro", 2 * PAGE + AT, straight, sizeof straight, &n), (uint32_t)STRAIGHT);
    cr_assert_eq(n.blocks, 2);
    memcpy(code, straight, sizeof code);
    code[4] = 0x13; /* on the second page */
    cr_assert_eq(run("ro", AT, code, sizeof code, &n),
                 (uint32_t)((STRAIGHT ^ 0xff00ff) + 0x1000000) ^ 0xff00ff);
    cr_assert_eq(n.blocks, 1, "only what follows on the second page");
}

Test(saved_translations, other_modes_do_not_take_it)
{
    static const uint8_t code[] = {0x90, 0x90, 0x90, 0xb0, 1, 0xf4};
    struct taken n;
    run("rw", CODE, code, sizeof code, &n);
    code_bits = 0; /* 16-bit code */
    cr_assert_eq(run("ro", CODE, code, sizeof code, &n), 1);
    cr_assert_eq(n.blocks, 0);
}

Test(saved_translations, other_processors_do_not_take_it)
{
    struct taken n;
    run("rw", CODE, straight, sizeof straight, &n);
    model = "qemu64";
    run("ro", CODE, straight, sizeof straight, &n);
    cr_assert_eq(n.blocks, 0);
    model = "max";
    run("ro", CODE, straight, sizeof straight, &n);
    cr_assert_eq(n.blocks, 1);
}

/* mov al, 7; jmp 128 KiB back: from where it was saved to a HLT, from the first page of the address
 * space around its beginning. */
Test(saved_translations, a_branch_that_would_wrap_is_translated_anew)
{
    uint8_t code[] = {0xb0, 7, 0xe9, 0, 0, 0, 0};
    store_le32(code + 3, (uint32_t)-0x20000);
    make_machine("rw");
    memcpy(x86_at(&t, 3 * CODE), code, sizeof code);
    *x86_at(&t, CODE + 7) = 0xf4;
    cr_assert_eq(run_at(3 * CODE), 7);
    x86_machine_free(&t);
    make_machine("ro");
    memcpy(x86_at(&t, 4 * CODE), code, sizeof code);
    *x86_at(&t, 2 * CODE + 7) = 0xf4;
    cr_assert_eq(run_at(4 * CODE), 7);
    cr_assert_eq(counts().blocks, 2);
    x86_machine_free(&t);
    make_machine("ro");
    /* Nothing but a reset vector could stand at 0xfffe0007: it is mapped there for this. */
    struct mem_region high;
    mem_region_init_ram(&high, "high", t.ram, CODE, CODE);
    machine_lock(&t.m);
    mem_region_add(mem_space_root(t.m.memory), 0xfffe0000, &high, 0);
    machine_unlock(&t.m);
    memcpy(x86_at(&t, 0), code, sizeof code);
    *x86_at(&t, CODE + 7) = 0xf4;
    cr_assert_eq(run_at(0), 7);
    cr_assert_eq(counts().blocks, 1, "the HLT alone");
    x86_machine_free(&t);
}

Test(saved_translations, a_taken_block_goes_when_its_bytes_are_written)
{
    struct taken n;
    const uint8_t other = 0x55;
    run("rw", CODE, straight, sizeof straight, &n);
    run("rw", CODE, loop, sizeof loop, &n);
    make_machine("ro");
    memcpy(x86_at(&t, CODE), straight, sizeof straight);
    memcpy(x86_at(&t, 2 * CODE), loop, sizeof loop);
    cr_assert_eq(run_at(CODE), (uint32_t)STRAIGHT);
    cr_assert_eq(run_at(2 * CODE), 5050);
    cr_assert_eq(counts().missed, 0);
    machine_lock(&t.m);
    dma_write(t.m.memory, NULL, CODE + 1, &other, 1);
    dma_write(t.m.memory, NULL, 2 * CODE + 1, &other, 1); /* 0x55 rounds */
    machine_unlock(&t.m);
    cr_assert_eq(run_at(CODE), ((0x12345655u + 0x01010101u) ^ 0x00ff00ffu));
    cr_assert_eq(run_at(2 * CODE), 0x55 * 0x56 / 2);
    x86_machine_free(&t);
}

Test(saved_translations, read_only_leaves_the_directory_as_it_is)
{
    struct taken n;
    struct stat st;
    cr_assert_eq(rmdir(dir), 0);
    run("ro", CODE, straight, sizeof straight, &n);
    cr_assert_eq(stat(dir, &st), -1);
    run("off", CODE, straight, sizeof straight, &n);
    cr_assert_eq(stat(dir, &st), -1);
    run("rw", CODE, straight, sizeof straight, &n);
    cr_assert(!stat(dir, &st) && (st.st_mode & 0777) == 0700);
}

#endif
