/* Direct boot: what is in memory and registers for generated kernels, and what bad files say. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/x86/boards.h"
#include "hw/x86/boot/boot.h"
#include "tests/device/board_machine.h"
#include "tests/device/device_test.h"

#define MIB (UINT64_C(1) << 20)

/* ---- images ---------------------------------------------------------------------------------- */

enum { BZ_SETUP = 3 * 512, BZ_CODE = 4096, BZ_SIZE = BZ_SETUP + BZ_CODE };

static void make_bzimage(uint8_t *k, bool kernel64)
{
    memset(k, 0, BZ_SIZE);
    k[0x1f1] = 2;
    store_le32(k + 0x1f4, BZ_CODE / 16);
    store_le16(k + 0x1fe, 0xaa55);
    k[0x200] = 0xeb;
    k[0x201] = 0x66;
    memcpy(k + 0x202, "HdrS", 4);
    store_le16(k + 0x206, 0x20f);
    k[0x211] = 1;
    store_le32(k + 0x22c, 0x7fffffff);
    k[0x234] = 1;
    store_le16(k + 0x236, kernel64 ? 1 : 0);
    store_le32(k + 0x238, 2047);
    store_le64(k + 0x258, 0x1000000);
    store_le32(k + 0x260, 0x100000);
    for (unsigned i = 0; i < BZ_CODE; i++)
        k[BZ_SETUP + i] = (uint8_t)(i * 7);
}

struct elf_segment {
    uint64_t paddr, memsz, filesz, offset;
    uint32_t type;
};

static void elf64(uint8_t *f, size_t size, const struct elf_segment *s, unsigned count,
                  uint64_t entry)
{
    memset(f, 0, size);
    memcpy(f, "\177ELF\2\1\1", 7);
    store_le16(f + 16, 2);
    store_le16(f + 18, 62);
    store_le32(f + 20, 1);
    store_le64(f + 24, entry);
    store_le64(f + 32, 64);
    store_le16(f + 52, 64);
    store_le16(f + 54, 56);
    store_le16(f + 56, (uint16_t)count);
    for (unsigned i = 0; i < count; i++) {
        uint8_t *p = f + 64 + 56 * i;
        store_le32(p, s[i].type);
        store_le64(p + 8, s[i].offset);
        store_le64(p + 24, s[i].paddr);
        store_le64(p + 32, s[i].filesz);
        store_le64(p + 40, s[i].memsz);
        store_le64(p + 48, 4);
    }
}

enum { ELF_NOTE = 0x300, ELF_CODE = 0x400, ELF_SIZE = 0x800 };

static void make_pvh(uint8_t *f)
{
    const struct elf_segment s[] = {
        {.type = 1, .paddr = 0x200000, .memsz = 0x1000, .filesz = 0x100, .offset = ELF_CODE},
        {.type = 4, .filesz = 20, .offset = ELF_NOTE},
    };
    elf64(f, ELF_SIZE, s, 2, 0xdead);
    store_le32(f + ELF_NOTE, 4);
    store_le32(f + ELF_NOTE + 4, 4);
    store_le32(f + ELF_NOTE + 8, 18);
    memcpy(f + ELF_NOTE + 12, "Xen", 4);
    store_le32(f + ELF_NOTE + 16, 0x200040);
    memset(f + ELF_CODE, 0xc3, 0x100);
}

static void make_multiboot(uint8_t *f, size_t size)
{
    memset(f, 0, size);
    uint8_t *h = f + 16;
    store_le32(h, 0x1badb002);
    store_le32(h + 4, 0x10003);
    store_le32(h + 8, (uint32_t) - (0x1badb002 + 0x10003));
    store_le32(h + 12, 0x100010);
    store_le32(h + 16, 0x100000);
    store_le32(h + 20, 0x100000 + (uint32_t)size);
    store_le32(h + 24, 0x110000);
    store_le32(h + 28, 0x100040);
}

static void make_multiboot2(uint8_t *f, size_t size)
{
    memset(f, 0, size);
    uint8_t *h = f + 8;
    store_le32(h, 0xe85250d6);
    store_le32(h + 8, 16 + 24 + 16 + 8);
    store_le32(h + 12, -(0xe85250d6 + 64));
    store_le16(h + 16, 2);
    store_le32(h + 20, 24);
    store_le32(h + 24, 0x100008);
    store_le32(h + 28, 0x100000);
    store_le16(h + 40, 3);
    store_le32(h + 44, 12);
    store_le32(h + 48, 0x100080);
    store_le32(h + 60, 8); /* end tag */
}

/* ---- running --------------------------------------------------------------------------------- */

struct boot_case {
    const void *kernel, *initrd;
    size_t kernel_len, initrd_len;
    const char *append;
    uint64_t ram;
    const struct board_class *board;
    const char *cpu;
};

/* NULL: it booted (m is alive); else the sentence, to be freed. */
static char *try_boot(struct vemu_machine *m, const struct boot_case *c)
{
    char *kernel = temp_file(c->kernel, c->kernel_len);
    char *initrd = c->initrd ? temp_file(c->initrd, c->initrd_len) : NULL;
    struct board_config cfg = {.ram_size = c->ram ? c->ram : 64 * MIB,
                               .cpus = 1,
                               .cpu_model = c->cpu,
                               .kernel = kernel,
                               .initrd = initrd,
                               .append = c->append};
    struct vemu_error *err = NULL;
    char *message = NULL;
    if (!board_machine_try(m, c->board ? c->board : &pc_board_class, &cfg, &err)) {
        cr_assert(err);
        message = strdup(vemu_error_message(err));
        cr_expect(strstr(message, c->initrd && strstr(message, "-initrd") ? initrd : kernel) ||
                      strstr(message, "-append"),
                  "names no file: %s", message);
        cr_expect_not(strchr(message, '\n'));
        vemu_error_free(err);
    }
    unlink(kernel);
    free(kernel);
    if (initrd)
        unlink(initrd);
    free(initrd);
    return message;
}

static void boots(struct vemu_machine *m, const struct boot_case *c)
{
    char *message = try_boot(m, c);
    cr_assert_null(message, "%s", message);
}

static void refused(const struct boot_case *c, const char *expected)
{
    struct vemu_machine m;
    char *message = try_boot(&m, c);
    cr_assert(message, "booted, expected: %s", expected);
    cr_expect(strstr(message, expected), "\"%s\" lacks \"%s\"", message, expected);
    free(message);
}

static void peek(struct vemu_machine *m, uint64_t addr, void *buf, size_t len)
{
    machine_lock(m);
    cr_assert_eq(dma_read(m->memory, NULL, addr, buf, len), MEM_OK);
    machine_unlock(m);
}
static uint64_t peek_le(struct vemu_machine *m, uint64_t addr, unsigned size)
{
    uint8_t b[8] = {0};
    peek(m, addr, b, size);
    return load_le64(b);
}
static const struct x86_regs *regs(struct vemu_machine *m)
{
    return m->vcpus[0]->regs;
}

/* ---- bzImage --------------------------------------------------------------------------------- */

/* memtest86+ ends within the last paragraph that its header counts. */
Test(x86_boot, bzimage_may_lack_the_end_of_its_last_paragraph)
{
    struct vemu_machine m;
    uint8_t k[BZ_SIZE];
    make_bzimage(k, true);
    boots(&m, &(struct boot_case){.kernel = k, .kernel_len = sizeof k - 15});
    machine_destroy(&m);
    refused(&(struct boot_case){.kernel = k, .kernel_len = sizeof k - 16}, "is truncated");
}

Test(x86_boot, bzimage_64_enters_long_mode_with_an_identity_map)
{
    struct vemu_machine m;
    uint8_t k[BZ_SIZE], code[BZ_CODE];
    make_bzimage(k, true);
    boots(&m, &(struct boot_case){.kernel = k, .kernel_len = sizeof k, .append = "console=ttyS0"});
    const struct x86_regs *r = regs(&m);
    cr_expect_eq(r->rip, 0x100200);
    cr_expect_eq(r->efer, X86_EFER_LME | X86_EFER_LMA);
    cr_expect(r->cr0 & X86_CR0_PG && r->cr0 & X86_CR0_PE && r->cr4 & X86_CR4_PAE);
    cr_expect_eq(r->rflags, X86_FLAG_1);
    cr_expect_eq(r->seg[X86_CS].selector, 0x10);
    cr_expect(r->seg[X86_CS].attr & X86_SEG_L);
    cr_expect_eq(r->seg[X86_DS].selector, 0x18);
    cr_expect_eq(peek_le(&m, r->gdtr.base + 0x10, 8), 0x00af9b000000ffff);
    cr_expect_eq(peek_le(&m, r->gdtr.base + 0x18, 8), 0x00cf93000000ffff);
    /* Walk for 3 GiB + 2 MiB. */
    uint64_t pdpt = peek_le(&m, r->cr3, 8) & ~0xfffull;
    uint64_t pd = peek_le(&m, pdpt + 8 * 3, 8) & ~0xfffull;
    cr_expect_eq(peek_le(&m, pd + 8, 8), 0xc0200083);
    peek(&m, 0x100000, code, sizeof code);
    cr_expect(!memcmp(code, k + BZ_SETUP, sizeof code));

    uint64_t zp = r->gpr[X86_RSI];
    char cmdline[32];
    peek(&m, peek_le(&m, zp + 0x228, 4), cmdline, 14);
    cr_expect_str_eq(cmdline, "console=ttyS0");
    cr_expect_eq(peek_le(&m, zp + 0x210, 1), 0xff);
    cr_expect_eq(peek_le(&m, zp + 0x202, 4), 0x53726448);
    uint64_t rsdp = peek_le(&m, zp + 0x70, 8);
    char signature[9] = {0};
    peek(&m, rsdp, signature, 8);
    cr_expect_str_eq(signature, "RSD PTR ");
    cr_expect_geq(rsdp, 0xe0000);
    cr_expect_lt(rsdp, 0x100000);
    machine_destroy(&m);
}

Test(x86_boot, bzimage_without_64_bit_entry_or_on_a_32_bit_cpu_starts_flat)
{
    for (int i = 0; i < 2; i++) {
        struct vemu_machine m;
        uint8_t k[BZ_SIZE];
        make_bzimage(k, i);
        boots(&m, &(struct boot_case){
                      .kernel = k, .kernel_len = sizeof k, .cpu = i ? "qemu64,-lm" : NULL});
        const struct x86_regs *r = regs(&m);
        cr_expect_eq(r->rip, 0x100000);
        cr_expect_eq(r->efer, 0);
        cr_expect_not(r->cr0 & X86_CR0_PG);
        cr_expect(r->seg[X86_CS].attr & X86_SEG_DB);
        cr_expect_eq(peek_le(&m, r->gpr[X86_RSI] + 0x214, 4), 0x100000);
        machine_destroy(&m);
    }
}

Test(x86_boot, e820_covers_ram_and_keeps_acpi_and_holes_out)
{
    static const struct {
        uint64_t ram;
        const struct board_class *board;
    } cases[] = {{64 * MIB, &pc_board_class},
                 {128 * MIB, &q35_board_class},
                 {8192 * MIB, &pc_board_class},
                 {8192 * MIB, &q35_board_class},
                 {4096 * MIB, &microvm_board_class}};
    for (unsigned n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct vemu_machine m;
        uint8_t k[BZ_SIZE];
        make_bzimage(k, true);
        boots(&m, &(struct boot_case){.kernel = k,
                                      .kernel_len = sizeof k,
                                      .ram = cases[n].ram,
                                      .board = cases[n].board});
        uint64_t zp = regs(&m)->gpr[X86_RSI], end = 0, usable = 0;
        unsigned count = (unsigned)peek_le(&m, zp + 0x1e8, 1);
        cr_assert(count);
        for (unsigned i = 0; i < count; i++) {
            uint64_t addr = peek_le(&m, zp + 0x2d0 + 20 * i, 8),
                     size = peek_le(&m, zp + 0x2d8 + 20 * i, 8);
            cr_expect_geq(addr, end);
            cr_expect(size);
            end = addr + size;
            if (peek_le(&m, zp + 0x2e0 + 20 * i, 4) != 1)
                continue;
            usable += size;
            cr_expect(addr >= 0x100000 || end <= 0xa0000);
            /* Every usable page is there. */
            write32(&m, addr, 0x12345678);
            cr_expect_eq(read32(&m, addr), 0x12345678);
            write32(&m, end - 4, 0x9abcdef0);
            cr_expect_eq(read32(&m, end - 4), 0x9abcdef0);
        }
        cr_expect_geq(usable, cases[n].ram - MIB);
        cr_expect_lt(usable, cases[n].ram);
        machine_destroy(&m);
    }
}

Test(x86_boot, vga_in_the_command_line_is_the_mode_that_setup_code_asks_for)
{
    static const struct {
        const char *cmdline;
        unsigned mode;
    } cases[] = {
        {"console=tty0", 0x1234},     {"vga=0x317 quiet", 0x317}, {"quiet vga=791", 791},
        {"vga=ask vga=0x342", 0x342}, {"vga=normal", 0xffff},     {"vga=ext", 0xfffe},
        {"a=1 vga=ask b", 0xfffd},    {"novga=0x317", 0x1234},    {"vga=", 0x1234},
        {"vga=0x10000", 0x1234},      {"vga=-1", 0x1234},         {"vga=normally", 0x1234},
        {"vga=0x317,8", 0x1234},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        uint8_t setup[512] = {0};
        store_le16(setup + 0x1fa, 0x1234);
        bzimage_set_video_mode(setup, sizeof setup, cases[i].cmdline);
        cr_expect_eq(load_le16(setup + 0x1fa), cases[i].mode, "%s", cases[i].cmdline);
    }
}

Test(x86_boot, reset_restores_kernel_and_zero_page)
{
    struct vemu_machine m;
    uint8_t k[BZ_SIZE];
    make_bzimage(k, true);
    boots(&m, &(struct boot_case){.kernel = k, .kernel_len = sizeof k});
    uint64_t zp = regs(&m)->gpr[X86_RSI];
    uint32_t code = read32(&m, 0x100000);
    write32(&m, 0x100000, ~code);
    write32(&m, zp + 0x228, 0);
    ((struct x86_regs *)m.vcpus[0]->regs)->a20_off = 1;
    machine_lock(&m);
    machine_reset(&m, NULL);
    machine_unlock(&m);
    cr_expect_eq(read32(&m, 0x100000), code);
    cr_expect(read32(&m, zp + 0x228));
    cr_expect_eq(regs(&m)->rip, 0x100200);
    cr_expect_eq(regs(&m)->a20_off, 0);
    machine_destroy(&m);
}

/* The files are read again at each reset, by their descriptors. */
Test(x86_boot, a_file_that_was_written_to_fails_the_reset_with_a_sentence)
{
    struct vemu_machine m;
    struct vemu_error *err = NULL;
    uint8_t k[BZ_SIZE];
    uint8_t rd[5000] = {1, 2, 3};
    make_bzimage(k, true);
    char *kernel = temp_file(k, sizeof k), *initrd = temp_file(rd, sizeof rd);
    struct board_config cfg = {.ram_size = 64 * MIB, .cpus = 1, .kernel = kernel, .initrd = initrd};
    cr_assert(board_machine_try(&m, &pc_board_class, &cfg, NULL));
    const uint32_t code = read32(&m, 0x100000);

    /* One that took its name is another file. */
    char *other = temp_file(rd, 7);
    cr_assert_eq(rename(other, kernel), 0);
    write32(&m, 0x100000, ~code);
    machine_lock(&m);
    cr_expect(machine_reset(&m, NULL));
    machine_unlock(&m);
    cr_expect_eq(read32(&m, 0x100000), code);

    const struct timespec then[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    int fd = open(initrd, O_WRONLY);
    cr_assert(fd >= 0 && pwrite(fd, "x", 1, 1) == 1 && !futimens(fd, then));
    close(fd);
    write32(&m, 0x100000, ~code);
    machine_lock(&m);
    cr_expect_not(machine_reset(&m, &err));
    machine_unlock(&m);
    cr_assert(err);
    cr_expect(strstr(vemu_error_message(err), "was written to") &&
                  strstr(vemu_error_message(err), initrd),
              "%s", vemu_error_message(err));
    vemu_error_free(err);
    cr_expect_eq(read32(&m, 0x100000), ~code, "nothing is written of a start that fails");
    machine_destroy(&m);
    unlink(kernel);
    unlink(initrd);
    free(kernel);
    free(initrd);
    free(other);
}

Test(x86_boot, initrd_lies_high_below_its_limit_and_off_the_kernel)
{
    struct vemu_machine m;
    uint8_t k[BZ_SIZE], initrd[10000], copy[10000];
    make_bzimage(k, true);
    memset(initrd, 0x5a, sizeof initrd);
    struct boot_case c = {
        .kernel = k, .kernel_len = sizeof k, .initrd = initrd, .initrd_len = sizeof initrd};
    boots(&m, &c);
    uint64_t zp = regs(&m)->gpr[X86_RSI], at = peek_le(&m, zp + 0x218, 4);
    cr_expect_eq(peek_le(&m, zp + 0x21c, 4), sizeof initrd);
    cr_expect_eq(at % 4096, 0);
    cr_expect_geq(at, 0x1100000);
    peek(&m, at, copy, sizeof copy);
    cr_expect(!memcmp(copy, initrd, sizeof copy));
    machine_destroy(&m);

    store_le32(k + 0x22c, 0x1ffffff);
    boots(&m, &c);
    at = peek_le(&m, regs(&m)->gpr[X86_RSI] + 0x218, 4);
    cr_expect_leq(at + sizeof initrd, 0x2000000);
    machine_destroy(&m);
}

Test(x86_boot, bad_kernels_are_one_sentence)
{
    uint8_t k[BZ_SIZE];
    static const char text[] = "#!/bin/sh\necho this is not a kernel\n";
    refused(&(struct boot_case){.kernel = text, .kernel_len = sizeof text}, "is not a kernel");
    refused(&(struct boot_case){.kernel = text, .kernel_len = 0}, "is empty");
    refused(&(struct boot_case){.kernel = text, .kernel_len = 1}, "is not a kernel");
    for (size_t len = 1; len <= BZ_SIZE - 16; len += 97) {
        make_bzimage(k, true);
        refused(&(struct boot_case){.kernel = k, .kernel_len = len},
                len > 0x208 ? "is truncated" : "is not a kernel");
    }
    make_bzimage(k, true);
    store_le32(k + 0x1f4, 0xffffffff);
    refused(&(struct boot_case){.kernel = k, .kernel_len = sizeof k}, "is truncated");
    make_bzimage(k, true);
    k[0x211] = 0;
    refused(&(struct boot_case){.kernel = k, .kernel_len = sizeof k}, "zImage");
    make_bzimage(k, true);
    store_le32(k + 0x260, 0xfffff000);
    refused(&(struct boot_case){.kernel = k, .kernel_len = sizeof k}, "usable memory");
    make_bzimage(k, true);
    char *append = malloc(5000);
    memset(append, 'a', 4999);
    append[4999] = 0;
    refused(&(struct boot_case){.kernel = k, .kernel_len = sizeof k, .append = append}, "-append");
    free(append);
}

Test(x86_boot, an_initrd_that_does_not_fit_is_one_sentence)
{
    uint8_t k[BZ_SIZE];
    size_t len = 40 * MIB;
    uint8_t *initrd = calloc(1, len);
    make_bzimage(k, true);
    struct boot_case c = {.kernel = k, .kernel_len = sizeof k, .initrd = initrd, .ram = 32 * MIB};
    c.initrd_len = len;
    refused(&c, "does not fit");
    c.initrd_len = 31 * MIB;
    refused(&c, "does not fit");
    c.initrd_len = 0;
    refused(&c, "is empty");
    free(initrd);
}

/* Random damage to headers: a sentence or a boot, never a crash. */
Test(x86_boot, damaged_images_never_crash)
{
    unsigned seed = 1;
    for (unsigned round = 0; round < 400; round++) {
        uint8_t image[(int)BZ_SIZE > (int)ELF_SIZE ? BZ_SIZE : ELF_SIZE];
        size_t len = ELF_SIZE;
        struct vemu_machine m;
        switch (round % 4) {
        case 0:
            make_bzimage(image, true);
            len = BZ_SIZE;
            break;
        case 1:
            make_pvh(image);
            break;
        case 2:
            make_multiboot(image, len);
            break;
        default:
            make_multiboot2(image, len);
        }
        for (unsigned i = 0; i < 3; i++) {
            size_t area = round % 4 ? 0x180 : 0x80, base = round % 4 ? 4 : 0x1f1;
            image[base + (size_t)rand_r(&seed) % area] = (uint8_t)rand_r(&seed);
        }
        char *message = try_boot(&m, &(struct boot_case){.kernel = image, .kernel_len = len});
        if (!message)
            machine_destroy(&m);
        free(message);
    }
}

/* ---- PVH ------------------------------------------------------------------------------------- */

Test(x86_boot, pvh_starts_at_the_note_with_start_info_in_ebx)
{
    struct vemu_machine m;
    uint8_t f[ELF_SIZE], initrd[100];
    make_pvh(f);
    memset(initrd, 0x77, sizeof initrd);
    boots(&m, &(struct boot_case){.kernel = f,
                                  .kernel_len = sizeof f,
                                  .initrd = initrd,
                                  .initrd_len = sizeof initrd,
                                  .append = "hello"});
    const struct x86_regs *r = regs(&m);
    uint64_t info = r->gpr[X86_RBX];
    cr_expect_eq(r->rip, 0x200040);
    cr_expect_not(r->cr0 & X86_CR0_PG);
    cr_expect_eq(r->cr4, 0);
    cr_expect_eq(r->tr.limit, 0x67);
    cr_expect_eq(peek_le(&m, info, 4), 0x336ec578);
    cr_expect_eq(peek_le(&m, info + 12, 4), 1);
    uint64_t mod = peek_le(&m, info + 16, 8);
    cr_expect_eq(peek_le(&m, mod + 8, 8), sizeof initrd);
    cr_expect_eq(peek_le(&m, peek_le(&m, mod, 8), 1), 0x77);
    cr_expect_eq(peek_le(&m, peek_le(&m, info + 24, 8), 6), 0x6f6c6c6568);
    cr_expect_geq(peek_le(&m, info + 48, 4), 4);
    cr_expect_eq(read32(&m, 0x200000), 0xc3c3c3c3);
    cr_expect_eq(read32(&m, 0x200100), 0);
    machine_destroy(&m);
}

Test(x86_boot, bad_elf_kernels_are_one_sentence)
{
    uint8_t f[ELF_SIZE];
    const struct boot_case c = {.kernel = f, .kernel_len = sizeof f};
    make_pvh(f);
    f[56] = 1; /* only the segment, not the note */
    refused(&c, "without a PVH entry note");
    make_pvh(f);
    store_le16(f + 18, 183);
    refused(&c, "is a kernel for aarch64, and this machine is for x86_64");
    store_le16(f + 18, 243);
    refused(&c, "machine type 243");
    make_pvh(f);
    store_le64(f + 64 + 8, ELF_SIZE - 8);
    refused(&c, "is cut off");
    make_pvh(f);
    store_le64(f + 64 + 8, UINT64_MAX);
    refused(&c, "is cut off");
    make_pvh(f);
    store_le64(f + 64 + 24, 0xf0000);
    refused(&c, "usable memory");
    make_pvh(f);
    store_le64(f + 64 + 24, UINT64_MAX - 10);
    refused(&c, "usable memory");
    make_pvh(f);
    store_le64(f + 64 + 40, 0x10);
    refused(&c, "only 0x10 in memory");
    const struct elf_segment overlapping[] = {
        {.type = 1, .paddr = 0x200000, .memsz = 0x1000, .filesz = 0x10, .offset = ELF_CODE},
        {.type = 1, .paddr = 0x200800, .memsz = 0x1000, .filesz = 0x10, .offset = ELF_CODE},
        {.type = 4, .filesz = 20, .offset = ELF_NOTE}};
    uint8_t note[20];
    make_pvh(f);
    memcpy(note, f + ELF_NOTE, sizeof note);
    elf64(f, sizeof f, overlapping, 3, 0);
    memcpy(f + ELF_NOTE, note, sizeof note);
    refused(&c, "overlaps");
}

/* ---- multiboot ------------------------------------------------------------------------------- */

Test(x86_boot, multiboot_gets_its_magic_map_and_modules)
{
    struct vemu_machine m;
    uint8_t f[4096], mod[100];
    make_multiboot(f, sizeof f);
    memset(mod, 0x66, sizeof mod);
    boots(&m, &(struct boot_case){.kernel = f,
                                  .kernel_len = sizeof f,
                                  .initrd = mod,
                                  .initrd_len = sizeof mod,
                                  .append = "x=1"});
    const struct x86_regs *r = regs(&m);
    uint64_t info = r->gpr[X86_RBX];
    cr_expect_eq(r->gpr[X86_RAX], 0x2badb002);
    cr_expect_eq(r->rip, 0x100040);
    cr_expect_eq(peek_le(&m, info + 8, 4), (64 * MIB - 128 * 1024 - MIB) >> 10);
    cr_expect_eq(peek_le(&m, info + 20, 4), 1);
    uint64_t list = peek_le(&m, info + 24, 4), start = peek_le(&m, list, 4);
    cr_expect_eq(peek_le(&m, list + 4, 4) - start, sizeof mod);
    cr_expect_geq(start, 0x110000);
    cr_expect_eq(peek_le(&m, start, 1), 0x66);
    char cmdline[64];
    peek(&m, peek_le(&m, info + 16, 4), cmdline, sizeof cmdline);
    cmdline[63] = 0;
    cr_expect(strstr(cmdline, " x=1"));
    cr_expect_eq(peek_le(&m, peek_le(&m, info + 48, 4), 4), 20);
    machine_destroy(&m);
}

Test(x86_boot, multiboot2_gets_tags_in_order)
{
    struct vemu_machine m;
    uint8_t f[4096];
    bool seen[32] = {false};
    make_multiboot2(f, sizeof f);
    boots(&m, &(struct boot_case){.kernel = f, .kernel_len = sizeof f, .append = "y"});
    const struct x86_regs *r = regs(&m);
    uint64_t info = r->gpr[X86_RBX], len = peek_le(&m, info, 4);
    cr_expect_eq(r->gpr[X86_RAX], 0x36d76289);
    cr_expect_eq(r->rip, 0x100080);
    cr_expect_eq(info % 8, 0);
    for (uint64_t at = 8; at < len; at += (peek_le(&m, info + at + 4, 4) + 7) & ~7ull)
        seen[peek_le(&m, info + at, 4) & 31] = true;
    cr_expect(seen[0] && seen[1] && seen[4] && seen[6] && seen[14] && seen[15]);
    machine_destroy(&m);
}

Test(x86_boot, bad_multiboot_images_are_one_sentence)
{
    uint8_t f[4096];
    const struct boot_case c = {.kernel = f, .kernel_len = sizeof f};
    make_multiboot(f, sizeof f);
    store_le32(f + 16 + 4, 0x10013);
    store_le32(f + 16 + 8, (uint32_t) - (0x1badb002 + 0x10013));
    refused(&c, "flags 0x10013");
    make_multiboot(f, sizeof f);
    store_le32(f + 16 + 16, 0x200000); /* load above header address */
    refused(&c, "does not agree");
    make_multiboot(f, sizeof f);
    store_le32(f + 16 + 20, 0x200000);
    refused(&c, "is truncated");
    make_multiboot(f, sizeof f);
    store_le32(f + 16 + 24, 0xfffffff0);
    refused(&c, "usable memory");
    make_multiboot(f, sizeof f);
    refused(&(struct boot_case){.kernel = f, .kernel_len = 32}, "is truncated");
    make_multiboot2(f, sizeof f);
    store_le16(f + 8 + 16, 77);
    refused(&c, "header tag 77");
    make_multiboot2(f, sizeof f);
    store_le32(f + 8 + 20, 0);
    refused(&c, "multiboot2 header");
}
