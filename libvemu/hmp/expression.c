/* Numbers as people write them for a monitor, registers among them; and the vCPU they are of. */
#include "libvemu/hmp/hmp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu/cpu.h"
#include "core/cpu/debug.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "libvemu/machine.h"

enum { DEPTH_MAX = 32, QUOTE_MAX = 80 };

struct parser {
    struct hmp *h;
    const char *at;
    unsigned depth;
    bool bad;
};

/* ---- the vCPU -------------------------------------------------------------------------------- */

struct vcpu *hmp_hold(struct hmp *h, bool *ran)
{
    struct lib_machine *lm = h->lm;
    enum run_state state = run_state(lm);

    *ran = false;
    if (lm->hmp_cpu >= lm->m.vcpu_count) {
        hmp_error(h, "the machine has no vCPU %u", lm->hmp_cpu);
        return NULL;
    }
    *ran = run_halt(lm, state == RUN_STATE_RUNNING ? RUN_STATE_PAUSED : state);
    return lm->m.vcpus[lm->hmp_cpu];
}

void hmp_let_go(struct hmp *h, bool ran)
{
    if (ran)
        run_go(h->lm);
}

static bool read_register(struct hmp *h, const char *name, uint64_t *value)
{
    uint8_t bytes[CPU_REGISTER_MAX] = {0};
    bool ran;
    struct vcpu *cpu = hmp_hold(h, &ran);
    const struct cpu_register *reg = NULL;

    if (cpu) {
        reg = strcmp(name, "pc") == 0 ? cpu_register_find(cpu->arch, cpu_pc_name(cpu->arch))
                                      : cpu_register_find(cpu->arch, name);
        if (reg && reg->size <= 8) {
            machine_lock(&h->lm->m);
            cpu_register_read(cpu, reg, bytes);
            machine_unlock(&h->lm->m);
        }
    }
    hmp_let_go(h, ran);
    *value = load_le64(bytes);
    return reg && reg->size <= 8;
}

/* ---- expressions ----------------------------------------------------------------------------- */

static uint64_t fail(struct parser *p, const char *why)
{
    if (!p->bad)
        hmp_error(p->h, "%s at '%.*s'", why, QUOTE_MAX, p->at);
    p->bad = true;
    return 0;
}

static char next(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t')
        p->at++;
    return *p->at;
}

static uint64_t parse_sum(struct parser *p);

static uint64_t parse_register(struct parser *p)
{
    char name[32];
    size_t len = 0;
    uint64_t value = 0;

    p->at++;
    while (len + 1 < sizeof name && (isalnum((unsigned char)p->at[len]) || p->at[len] == '_'))
        len++;
    snprintf(name, sizeof name, "%.*s", (int)len, p->at);
    if (!read_register(p->h, name, &value))
        return fail(p, "no register of a number's size");
    p->at += len;
    return value;
}

static uint64_t parse_one(struct parser *p)
{
    uint64_t value;
    char *end, c = next(p);

    if (p->bad || ++p->depth > DEPTH_MAX)
        return fail(p, "too deep");
    switch (c) {
    case '(':
        p->at++;
        value = parse_sum(p);
        if (next(p) != ')')
            return fail(p, "')' is missing");
        p->at++;
        break;
    case '-':
        p->at++;
        value = 0 - parse_one(p);
        break;
    case '+':
        p->at++;
        value = parse_one(p);
        break;
    case '~':
        p->at++;
        value = ~parse_one(p);
        break;
    case '$':
        value = parse_register(p);
        break;
    default:
        if (!isdigit((unsigned char)c))
            return fail(p, "a number is missing");
        value = strtoull(p->at, &end, 0);
        p->at = end;
        break;
    }
    p->depth--;
    return value;
}

static uint64_t parse_product(struct parser *p)
{
    uint64_t value = parse_one(p);

    for (char c = next(p); !p->bad && (c == '*' || c == '/' || c == '%'); c = next(p)) {
        p->at++;
        const uint64_t by = parse_one(p);
        if (c != '*' && !by)
            return fail(p, "division by zero");
        value = c == '*' ? value * by : c == '/' ? value / by : value % by;
    }
    return value;
}

static uint64_t parse_bits(struct parser *p)
{
    uint64_t value = parse_product(p);

    for (char c = next(p); !p->bad && (c == '&' || c == '|' || c == '^'); c = next(p)) {
        p->at++;
        const uint64_t with = parse_product(p);
        value = c == '&' ? value & with : c == '|' ? value | with : value ^ with;
    }
    return value;
}

static uint64_t parse_sum(struct parser *p)
{
    uint64_t value = parse_bits(p);

    for (char c = next(p); !p->bad && (c == '+' || c == '-'); c = next(p)) {
        p->at++;
        const uint64_t with = parse_bits(p);
        value = c == '+' ? value + with : value - with;
    }
    return value;
}

bool hmp_number_of(struct hmp *h, const char *text, uint64_t *value)
{
    struct parser p = {.h = h, .at = text};

    *value = parse_sum(&p);
    if (!p.bad && next(&p))
        fail(&p, "an operator is missing");
    return !p.bad;
}
