/* Host code as stable text. See listing.h. */
#include "tests/golden/listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu/x86.h"
#include "core/util/range.h"
#include "tcg/host/x86_64/target.h"
#include "tcg/machine.h"
#include "tcg/mmu/tlb.h"
#include "tests/golden/insn.h"

enum { TARGETS_MAX = 512, LINE = 200 };

/* ---- names ---------------------------------------------------------------------------------- */

struct field {
    const char *name;
    size_t offset, size, each; /* each: elements of an array, 0: none */
};
#define FIELD(type, f)                                                                             \
    {                                                                                              \
#f, offsetof(struct type, f), sizeof(((struct type *)0)->f), 0                             \
    }
#define ARRAY(type, f)                                                                             \
    {                                                                                              \
#f, offsetof(struct type, f), sizeof(((struct type *)0)->f),                               \
            sizeof(((struct type *)0)->f[0])                                                       \
    }

static const struct field cpu_fields[] = {
    FIELD(tcg_cpu, counters),     FIELD(tcg_cpu, exc_vector),  ARRAY(tcg_cpu, host_gpr),
    ARRAY(tcg_cpu, host_vec),     ARRAY(tcg_cpu, spills),      ARRAY(tcg_cpu, page_limit),
    ARRAY(tcg_cpu, page_address), ARRAY(tcg_cpu, page_addend), FIELD(tcg_cpu, page_owner),
    ARRAY(tcg_cpu, label_flags),  ARRAY(tcg_cpu, call_arg),    FIELD(tcg_cpu, call_attr),
    FIELD(tcg_cpu, leave_kind),   ARRAY(tcg_cpu, thunk_fn),    ARRAY(tcg_cpu, scratch),
    FIELD(tcg_cpu, mode),         FIELD(tcg_cpu, ctx),         FIELD(tcg_cpu, pcb),
    FIELD(tcg_cpu, fl),           FIELD(tcg_cpu, status),      FIELD(tcg_cpu, exit_request),
    FIELD(tcg_cpu, host_mxcsr),   FIELD(tcg_cpu, guest_mxcsr), FIELD(tcg_cpu, x87_cw),
    FIELD(tcg_cpu, ret_addr),     ARRAY(tcg_cpu, temp),        FIELD(tcg_cpu, x87_live),
};
static const struct field reg_fields[] = {
    ARRAY(x86_regs, gpr),           FIELD(x86_regs, rip),
    FIELD(x86_regs, rflags),        ARRAY(x86_regs, seg),
    FIELD(x86_regs, ldtr),          FIELD(x86_regs, tr),
    FIELD(x86_regs, gdtr),          FIELD(x86_regs, idtr),
    FIELD(x86_regs, cr0),           FIELD(x86_regs, cr2),
    FIELD(x86_regs, cr3),           FIELD(x86_regs, cr4),
    FIELD(x86_regs, xcr0),          ARRAY(x86_regs, dr),
    FIELD(x86_regs, efer),          FIELD(x86_regs, star),
    FIELD(x86_regs, lstar),         FIELD(x86_regs, cstar),
    FIELD(x86_regs, sfmask),        FIELD(x86_regs, kernel_gs_base),
    FIELD(x86_regs, sysenter_cs),   FIELD(x86_regs, sysenter_esp),
    FIELD(x86_regs, sysenter_eip),  FIELD(x86_regs, tsc_aux),
    FIELD(x86_regs, tsc_offset),    FIELD(x86_regs, pkru),
    FIELD(x86_regs, fcw),           FIELD(x86_regs, fsw),
    FIELD(x86_regs, ftw),           FIELD(x86_regs, fop),
    FIELD(x86_regs, fip),           FIELD(x86_regs, fdp),
    FIELD(x86_regs, fcs),           FIELD(x86_regs, fds),
    FIELD(x86_regs, mxcsr),         ARRAY(x86_regs, fpr),
    ARRAY(x86_regs, vec),           FIELD(x86_regs, sti_shadow),
    FIELD(x86_regs, pending_valid),
};
static const struct field ctx_fields[] = {
    {"rd", offsetof(struct tcg_ctx, rd), sizeof(struct tlb_fast), 0},
    {"wr", offsetof(struct tcg_ctx, wr), sizeof(struct tlb_fast), 0},
    {"jumps", offsetof(struct tcg_ctx, jumps), sizeof(struct jump_entry), 0},
    ARRAY(tcg_ctx, links),
    FIELD(tcg_ctx, jump_mode),
};

static bool field_name(const struct field *fields, size_t count, uint64_t offset, char *buf,
                       size_t size)
{
    for (size_t k = 0; k < count; k++) {
        const struct field *f = &fields[k];
        uint64_t in = offset - f->offset;
        if (in >= f->size)
            continue;
        int n = snprintf(buf, size, "%s", f->name);
        if (f->each) {
            n += snprintf(buf + n, size - (size_t)n, "[%u]", (unsigned)(in / f->each));
            in %= f->each;
        }
        if (in)
            snprintf(buf + n, size - (size_t)n, "+%u", (unsigned)in);
        return true;
    }
    return false;
}

/* What lies at that distance from the pinned registers; false: nothing that has a name here. */
static bool memory_name(const struct tcg_arch *arch, unsigned base, int64_t disp, char *buf,
                        size_t size)
{
    if (base == CTX)
        return field_name(ctx_fields, ARRAY_SIZE(ctx_fields), (uint64_t)disp, buf, size);
    if (base != ENV)
        return false;
    if (disp < 0)
        return field_name(cpu_fields, ARRAY_SIZE(cpu_fields),
                          (uint64_t)(disp + (int64_t)sizeof(struct tcg_cpu)), buf, size);
    for (unsigned k = 0; k < arch->slot_count; k++)
        if (arch->slots[k].name && arch->slots[k].offset == disp) {
            snprintf(buf, size, "%s", arch->slots[k].name);
            return true;
        }
    return field_name(reg_fields, ARRAY_SIZE(reg_fields), (uint64_t)disp, buf, size);
}

static bool thunk_name(const struct x86_backend *be, const uint8_t *target, char *buf, size_t size)
{
    static const char *const plain[THUNK_C] = {
        [THUNK_ENTER] = "enter",
        [THUNK_LEAVE] = "leave",
        [THUNK_LINK] = "link",
        [THUNK_DEAD] = "dead",
        [THUNK_DYN] = "dyn",
        [THUNK_EVENTS] = "events",
        [THUNK_RETURN] = "return",
        [THUNK_INDIRECT_MISS] = "indirect miss",
        [THUNK_MODE] = "mode, index 0",
        [THUNK_MODE + 1] = "mode, index 0, events",
        [THUNK_MODE + 2] = "mode, index 1",
        [THUNK_MODE + 3] = "mode, index 1, events",
        [THUNK_MODE + 4] = "mode, index 2",
        [THUNK_MODE + 5] = "mode, index 2, events",
        [THUNK_MODE + 6] = "mode, index 3",
        [THUNK_MODE + 7] = "mode, index 3, events",
        [THUNK_CLOCK + LIVE_NONE] = "clock",
        [THUNK_CLOCK + LIVE_128] = "clock, xmm saved",
        [THUNK_CLOCK + LIVE_256] = "clock, ymm saved",
    };
    static const char *const entries[C_ENTRIES] = {
        [C_LOAD] = "load",
        [C_STORE] = "store",
        [C_LOAD_VEC] = "load vector",
        [C_STORE_VEC] = "store vector",
        [C_ATOMIC] = "atomic",
        [C_CALL] = "call",
        [C_TRAP] = "trap",
        [C_X87] = "x87",
        [C_VECTOR] = "vector",
        [C_CLOCK] = "clock",
    };
    static const char *const atomics[ATOMIC_OPS] = {
        [IR_XCHG - IR_XCHG] = "exchange", [IR_FETCH_ADD - IR_XCHG] = "add",
        [IR_FETCH_AND - IR_XCHG] = "and", [IR_FETCH_OR - IR_XCHG] = "or",
        [IR_FETCH_XOR - IR_XCHG] = "xor", [IR_CMPXCHG - IR_XCHG] = "compare and exchange",
    };
    static const char *const saved[] = {"", ", xmm saved", ", ymm saved"};
    static const struct {
        unsigned first, count;
        const char *how;
    } groups[] = {
        {THUNK_C, C_ENTRIES, ""},
        {THUNK_C_XMM, C_ENTRIES, ", xmm saved"},
        {THUNK_C_YMM, C_ENTRIES, ", ymm saved"},
        {THUNK_ROUTINE, THUNK_ROUTINE_XMM - THUNK_ROUTINE, ", for a routine"},
        {THUNK_ROUTINE_XMM, THUNK_ROUTINE_YMM - THUNK_ROUTINE_XMM, ", for a routine, xmm saved"},
        {THUNK_ROUTINE_YMM, THUNK_ATOMIC - THUNK_ROUTINE_YMM, ", for a routine, ymm saved"},
    };
    for (unsigned t = 0; t < THUNK_COUNT; t++) {
        if (be->thunk[t] != target)
            continue;
        if (t < THUNK_C) {
            snprintf(buf, size, "(%s)", plain[t] ? plain[t] : "?");
            return true;
        }
        if (t >= THUNK_ATOMIC) {
            const unsigned k = (t - THUNK_ATOMIC) % ATOMICS;
            snprintf(buf, size, "(atomic %s, %u bits%s)", atomics[k / ATOMIC_WIDTHS],
                     8u << k % ATOMIC_WIDTHS, saved[(t - THUNK_ATOMIC) / ATOMICS]);
            return true;
        }
        for (unsigned k = 0; k < ARRAY_SIZE(groups); k++)
            if (t - groups[k].first < groups[k].count) {
                const char *entry = entries[t - groups[k].first];
                snprintf(buf, size, "(C: %s%s)", entry ? entry : "?", groups[k].how);
                return true;
            }
    }
    return false;
}

/* ---- a piece of code ------------------------------------------------------------------------ */

struct piece {
    struct listing *l;
    const struct tcg_cpu *tc;
    const struct tcg_block *block; /* NULL: a routine */
    const uint8_t *code;
    uint32_t len;
    uint32_t targets[TARGETS_MAX]; /* offsets that jumps lead to, rising */
    unsigned target_count;
    FILE *out;
};

static bool decode(const struct piece *p, uint32_t at, struct insn *d)
{
    return insn_decode_host(d, p->code + at, p->len - at, at);
}

/* Where it leads to, from the start of the piece. */
static int64_t target_of(uint32_t at, const struct insn *d)
{
    return (int64_t)at + d->len + d->imm;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void find_targets(struct piece *p)
{
    struct insn d;
    unsigned kept = 0;
    p->target_count = 0;
    for (uint32_t at = 0; at < p->len; at += d.len) {
        if (decode(p, at, &d) && d.relative && (uint64_t)target_of(at, &d) < p->len &&
            p->target_count < TARGETS_MAX)
            p->targets[p->target_count++] = (uint32_t)target_of(at, &d);
    }
    qsort(p->targets, p->target_count, sizeof *p->targets, by_value);
    for (unsigned k = 0; k < p->target_count; k++)
        if (!kept || p->targets[kept - 1] != p->targets[k])
            p->targets[kept++] = p->targets[k];
    p->target_count = kept;
}

static int label_at(const struct piece *p, uint64_t offset)
{
    for (unsigned k = 0; k < p->target_count; k++)
        if (p->targets[k] == offset)
            return (int)k + 1;
    return 0;
}

static void print_piece(struct piece *p, struct host_size *size);

/* The end of a routine: its return that no jump leads past. */
static uint32_t routine_length(const uint8_t *code, uint32_t room)
{
    struct piece p = {.code = code, .len = room};
    struct insn d;
    uint32_t furthest = 0;
    for (uint32_t at = 0; at < room && decode(&p, at, &d); at += d.len) {
        if (d.jump)
            furthest = MAX(furthest, (uint32_t)target_of(at, &d));
        if (d.ret && at >= furthest)
            return at + d.len;
    }
    return room;
}

/* The access a routine is for: the first instruction that uses memory but for the pinned registers
 * and the stack. */
static void routine_access(const struct piece *p, char buf[128])
{
    struct insn d;
    strcpy(buf, "slow");
    for (uint32_t at = 0; at < p->len && decode(p, at, &d); at += d.len)
        if (d.accesses && d.base != ENV && d.base != CTX && d.base != RSP) {
            memcpy(buf, d.text, sizeof d.text);
            return;
        }
}

/* The name of the routine there, listed once for all; "" when there is none. */
static void routine_name(struct listing *l, const struct tcg_cpu *tc, const uint8_t *target,
                         char *buf, size_t size)
{
    const struct x86_backend *be = tc->tm->backend_data;
    const struct routine *r = be->routines;
    char access[128], *text = NULL;
    size_t len;
    *buf = 0;
    while (r < be->routines + ROUTINE_SLOTS && !(r->key && be->exec + r->offset == target))
        r++;
    if (r == be->routines + ROUTINE_SLOTS)
        return;
    struct piece p = {.l = l, .tc = tc, .code = target};
    struct host_size ignored = {0};
    p.len = routine_length(target, (uint32_t)(be->area[1].start - r->offset));
    routine_access(&p, access);
    snprintf(buf, size, "(routine %08x: %s)", r->key, access);
    for (unsigned k = 0; k < l->routine_count; k++)
        if (!strcmp(l->routines[k].name, buf))
            return;
    p.out = open_memstream(&text, &len);
    print_piece(&p, &ignored);
    fclose(p.out);
    l->routines = realloc(l->routines, (l->routine_count + 1) * sizeof *l->routines);
    l->routines[l->routine_count++] = (struct listed_routine){strdup(buf), text};
}

/* The block whose entry is there: what an exit is linked to. */
static bool block_name(const struct piece *p, const uint8_t *target, char *buf, size_t size)
{
    const struct x86_backend *be = p->tc->tm->backend_data;
    for (unsigned a = 0; a < ARRAY_SIZE(be->area); a++)
        for (uint32_t k = 0; k < be->area[a].index_count; k++) {
            const struct tcg_block *b =
                cache_block_at(&p->tc->tm->cache, be->area[a].index[k].block);
            if (p->block && b->code == target) {
                snprintf(buf, size, "(block %+d)", (int)b->offset - (int)p->block->offset);
                return true;
            }
        }
    return false;
}

/* Is the next call, in straight line, one of a helper? Then call_attr is its number. */
static bool helper_follows(const struct piece *p, uint32_t at)
{
    const struct x86_backend *be = p->tc->tm->backend_data;
    struct insn d;
    for (; at < p->len && decode(p, at, &d); at += d.len) {
        if (!d.relative)
            continue;
        const uint8_t *target = p->code + target_of(at, &d);
        return target == be->thunk[THUNK_C + C_CALL] || target == be->thunk[THUNK_C_XMM + C_CALL] ||
               target == be->thunk[THUNK_C_YMM + C_CALL];
    }
    return false;
}

static void replace_tail(char *text, const char *from, const char *with, size_t size)
{
    char *at = strstr(text, from);
    if (at)
        snprintf(at, size - (size_t)(at - text), "%s", with);
}

/* A memory operand with a name for its displacement. */
static void name_memory(const struct piece *p, const struct insn *d, char *text, size_t size)
{
    char name[64], rest[LINE], shown[32];
    if (!d->mem || !memory_name(p->tc->arch, d->base, d->disp, name, sizeof name))
        return;
    char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    if (!close)
        return;
    snprintf(rest, sizeof rest, "%s", close);
    if (d->disp < 0)
        snprintf(shown, sizeof shown, "-0x%" PRIx64, (uint64_t)-d->disp);
    else
        snprintf(shown, sizeof shown, "+0x%" PRIx64, (uint64_t)d->disp);
    char *disp = strstr(open, shown);
    if (d->disp && !disp)
        return;
    if (!disp)
        disp = close;
    snprintf(disp, size - (size_t)(disp - text), "+%s.%s%s", d->base == ENV ? "env" : "ctx", name,
             rest);
}

static void name_immediate(const struct piece *p, uint32_t at, const struct insn *d, char *text,
                           size_t size)
{
    const struct tcg_arch *arch = p->tc->arch;
    char with[64] = "";
    if (!d->mem || d->base != ENV || d->index >= 0)
        return;
    if (d->disp == TCG_ENV_OFFSET(page_owner))
        snprintf(with, sizeof with, ",this region");
    else if (d->disp == TCG_ENV_OFFSET(call_attr) && (uint64_t)d->imm < arch->helper_count &&
             helper_follows(p, at + d->len))
        snprintf(with, sizeof with, ",helper %s", arch->helpers[d->imm].name);
    if (*with)
        replace_tail(text, ",0x", with, size);
}

static void print_insn(struct piece *p, uint32_t at, const struct insn *d)
{
    const struct x86_backend *be = p->tc->tm->backend_data;
    char text[LINE], name[LINE];
    snprintf(text, sizeof text, "%s", d->text);
    if (d->relative) {
        int64_t offset = target_of(at, d);
        const uint8_t *target = p->code + offset;
        int label = offset >= 0 ? label_at(p, (uint64_t)offset) : 0;
        if (label)
            snprintf(name, sizeof name, "L%d", label);
        else if (offset == -5)
            snprintf(name, sizeof name, "(dead)"); /* the call before the entry */
        else if (!thunk_name(be, target, name, sizeof name) &&
                 !block_name(p, target, name, sizeof name))
            routine_name(p->l, p->tc, target, name, sizeof name);
        if (!*name)
            snprintf(name, sizeof name, "(?)");
        replace_tail(text, " 0x", "", sizeof text);
        fprintf(p->out, "        %s %s\n", text, name);
        return;
    }
    name_memory(p, d, text, sizeof text);
    name_immediate(p, at, d, text, sizeof text);
    if (d->width)
        fprintf(p->out, "        %s  ; %u bits\n", text, d->width);
    else
        fprintf(p->out, "        %s\n", text);
}

static void print_piece(struct piece *p, struct host_size *size)
{
    find_targets(p);
    for (uint32_t at = 0; at < p->len;) {
        struct insn d;
        if (label_at(p, at))
            fprintf(p->out, "    L%d:\n", label_at(p, at));
        if (decode(p, at, &d)) {
            print_insn(p, at, &d);
            size->insns++;
        } else {
            fprintf(p->out, "        .byte 0x%02x\n", p->code[at]);
        }
        at += d.len;
    }
    size->bytes += p->len;
}

char *listing_text(struct listing *l, const struct tcg_cpu *tc, const struct tcg_block *b,
                   struct host_size *size)
{
    char *text = NULL;
    size_t len;
    struct piece p = {.l = l, .tc = tc, .block = b, .code = b->code, .len = b->code_size};
    p.out = open_memstream(&text, &len);
    print_piece(&p, size);
    fclose(p.out);
    return text;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct listed_routine *)a)->name,
                  ((const struct listed_routine *)b)->name);
}

void listing_print_routines(struct listing *l)
{
    qsort(l->routines, l->routine_count, sizeof *l->routines, by_name);
    for (unsigned k = 0; k < l->routine_count; k++)
        printf("\n== %s\n%s", l->routines[k].name, l->routines[k].text);
}

void listing_free(struct listing *l)
{
    for (unsigned k = 0; k < l->routine_count; k++) {
        free(l->routines[k].name);
        free(l->routines[k].text);
    }
    free(l->routines);
}
