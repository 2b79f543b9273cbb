/* Looking into memory, ports and registers. */
#include "libvemu/hmp/hmp.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu/cpu.h"
#include "core/cpu/debug.h"
#include "core/memory/memory.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "libvemu/machine.h"

enum { COUNT_MAX = 65536, LINE_BYTES = 16 };

/* What stands behind a slash: how many, as what, of which size. */
struct format {
    unsigned count, size;
    char as;
};

/* ---- formats --------------------------------------------------------------------------------- */

static bool parse_format(struct hmp *h, char **args, struct format *f)
{
    static const char sizes[] = "bhwg";
    char *p = *args;

    if (*p != '/')
        return true;
    p++;
    if (isdigit((unsigned char)*p)) {
        const unsigned long n = strtoul(p, &p, 10);
        f->count = (unsigned)MIN(n, COUNT_MAX + 1ul);
    }
    for (; *p && *p != ' ' && *p != '\t'; p++) {
        const char *size = strchr(sizes, *p);
        if (size)
            f->size = 1u << (size - sizes);
        else if (strchr("xduoc", *p))
            f->as = *p;
        else
            break;
    }
    *args = p;
    if (*p && *p != ' ' && *p != '\t')
        hmp_error(h, "'%c' is no format: want a count, x, d, u, o or c, and b, h, w or g", *p);
    else if (!f->count || f->count > COUNT_MAX)
        hmp_error(h, "a count is from 1 to %d", COUNT_MAX);
    else
        return true;
    return false;
}

static int64_t signed_of(uint64_t v, unsigned size)
{
    const unsigned shift = 64 - 8 * size;

    return (int64_t)(v << shift) >> shift;
}

static void say_value(struct hmp *h, const struct format *f, uint64_t v)
{
    if (f->size < 8)
        v &= (UINT64_C(1) << 8 * f->size) - 1;
    switch (f->as) {
    case 'd':
        hmp_say(h, "%" PRId64, signed_of(v, f->size));
        break;
    case 'u':
        hmp_say(h, "%" PRIu64, v);
        break;
    case 'o':
        hmp_say(h, "0%" PRIo64, v);
        break;
    case 'c':
        hmp_say(h, v >= ' ' && v < 127 ? "'%c'" : "'\\x%02x'", (int)(v & 0xff));
        break;
    default:
        hmp_say(h, "0x%0*" PRIx64, (int)(2 * f->size), v);
        break;
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool read_memory(struct hmp *h, struct vcpu *cpu, uint64_t addr, void *buf, size_t len)
{
    bool ok;

    machine_lock(&h->lm->m);
    ok = cpu ? cpu_debug_read(cpu, addr, buf, len)
             : dma_read(h->lm->m.memory, NULL, addr, buf, len) == MEM_OK;
    machine_unlock(&h->lm->m);
    return ok;
}

static void dump(struct hmp *h, struct vcpu *cpu, const struct format *f, uint64_t addr)
{
    const unsigned a_line = LINE_BYTES / f->size;

    for (unsigned n = 0; n < f->count; n++, addr += f->size) {
        uint8_t bytes[8] = {0};
        if (n % a_line == 0)
            hmp_say(h, "%s%016" PRIx64 ":", n ? "\n" : "", addr);
        if (!read_memory(h, cpu, addr, bytes, f->size)) {
            hmp_say(h, "\n");
            hmp_error(h, "there is no memory at 0x%" PRIx64, addr);
            return;
        }
        hmp_say(h, " ");
        say_value(h, f, load_le64(bytes));
    }
    hmp_say(h, "\n");
}

static void examine(struct hmp *h, char *args, bool physical)
{
    struct format f = {.count = 1, .size = 4, .as = 'x'};
    struct vcpu *cpu = NULL;
    uint64_t addr;
    bool ran = false;

    if (!parse_format(h, &args, &f))
        return;
    args += strspn(args, " \t");
    if (!*args) {
        hmp_usage(h);
        return;
    }
    if (hmp_number_of(h, args, &addr) && (physical || (cpu = hmp_hold(h, &ran)))) {
        dump(h, cpu, &f, addr);
        hmp_let_go(h, ran);
    }
}

static void run_x(struct hmp *h, char *args)
{
    examine(h, args, false);
}

static void run_xp(struct hmp *h, char *args)
{
    examine(h, args, true);
}

static void run_print(struct hmp *h, char *args)
{
    struct format f = {.count = 1, .size = 8, .as = 'x'};
    uint64_t value;

    if (!parse_format(h, &args, &f))
        return;
    args += strspn(args, " \t");
    if (!*args) {
        hmp_usage(h);
    } else if (hmp_number_of(h, args, &value)) {
        if (f.as == 'x')
            hmp_say(h, "0x%" PRIx64, value);
        else
            say_value(h, &f, value);
        hmp_say(h, "\n");
    }
}

static void run_gva2gpa(struct hmp *h, char *args)
{
    uint64_t addr, phys = 0;
    struct vcpu *cpu;
    bool ran, ok;

    args += strspn(args, " \t");
    if (!*args) {
        hmp_usage(h);
    } else if (hmp_number_of(h, args, &addr) && (cpu = hmp_hold(h, &ran))) {
        machine_lock(&h->lm->m);
        ok = cpu_debug_translate(cpu, addr, &phys);
        machine_unlock(&h->lm->m);
        hmp_let_go(h, ran);
        if (ok)
            hmp_say(h, "gpa: 0x%" PRIx64 "\n", phys);
        else
            hmp_say(h, "Unmapped\n");
    }
}

/* memsave and pmemsave: ADDR SIZE FILE. */
static void save(struct hmp *h, char *args, const char *command)
{
    const char *addr = hmp_word(&args), *size = hmp_word(&args), *file = hmp_word(&args);
    uint64_t a, n;

    if (!file)
        hmp_usage(h);
    else if (hmp_number_of(h, addr, &a) && hmp_number_of(h, size, &n))
        hmp_do(h, command,
               json_pack("{s:I,s:I,s:s}", "val", (json_int_t)a, "size", (json_int_t)n, "filename",
                         file));
}

static void run_memsave(struct hmp *h, char *args)
{
    save(h, args, "memsave");
}

static void run_pmemsave(struct hmp *h, char *args)
{
    save(h, args, "pmemsave");
}

/* ---- ports ----------------------------------------------------------------------------------- */

static bool parse_port(struct hmp *h, char **args, struct format *f, uint64_t *port)
{
    const char *word;

    if (!parse_format(h, args, f))
        return false;
    word = hmp_word(args);
    if (!word)
        hmp_usage(h);
    else if (!h->lm->m.io)
        hmp_error(h, "this machine has no ports");
    else if (f->size > 4 || f->count != 1)
        hmp_error(h, "a port is read and written as one of b, h or w");
    else if (hmp_number_of(h, word, port))
        return *port <= 0xffff || (hmp_error(h, "ports are from 0 to 0xffff"), false);
    return false;
}

static void run_i(struct hmp *h, char *args)
{
    struct format f = {.count = 1, .size = 1, .as = 'x'};
    uint64_t port, value = 0;

    if (!parse_port(h, &args, &f, &port))
        return;
    mem_read(h->lm->m.io, port, f.size, &value);
    hmp_say(h, "port%s[0x%04x] = ", f.size == 1 ? "b" : f.size == 2 ? "w" : "l", (unsigned)port);
    say_value(h, &f, value);
    hmp_say(h, "\n");
}

static void run_o(struct hmp *h, char *args)
{
    struct format f = {.count = 1, .size = 1, .as = 'x'};
    uint64_t port, value;
    const char *word;

    if (!parse_port(h, &args, &f, &port))
        return;
    if (!(word = hmp_word(&args)))
        hmp_usage(h);
    else if (hmp_number_of(h, word, &value))
        mem_write(h->lm->m.io, port, f.size, value);
}

static void run_cpu(struct hmp *h, char *args)
{
    const char *word = hmp_word(&args);
    uint64_t n;

    if (!word)
        hmp_usage(h);
    else if (!hmp_number_of(h, word, &n))
        return;
    else if (n >= h->lm->m.vcpu_count)
        hmp_error(h, "there is no vCPU %" PRIu64 "; the machine has %u", n, h->lm->m.vcpu_count);
    else
        h->lm->hmp_cpu = (unsigned)n;
}

const struct hmp_command hmp_looking[] = {
    {"x", NULL, "/FORMAT ADDRESS", "memory at a linear address; FORMAT: COUNT, xduoc, bhwg", run_x},
    {"xp", NULL, "/FORMAT ADDRESS", "memory at a physical address", run_xp},
    {"print", "p", "/FORMAT EXPRESSION", "a value; $rip is a register's", run_print},
    {"gva2gpa", NULL, "ADDRESS", "the physical address of a linear one", run_gva2gpa},
    {"memsave", NULL, "ADDRESS SIZE FILE", "linear addresses into a file", run_memsave},
    {"pmemsave", NULL, "ADDRESS SIZE FILE", "physical addresses into a file", run_pmemsave},
    {"i", NULL, "/FORMAT PORT", "read a port", run_i},
    {"o", NULL, "/FORMAT PORT VALUE", "write a port", run_o},
    {"cpu", NULL, "N", "whose registers and page tables are meant from now on", run_cpu},
    {.name = NULL},
};
