/* tcg/x86/fpu.c against the host's x87 with the whole state loaded: every opcode, random operands
 * and control words, masked and unmasked, full and empty stacks. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tcg/x86/fpu.h"
#include "tests/unit/x86_machine.h"

static struct x86_machine t;
static uint64_t seed = 0x9e3779b97f4a7c15;

static void setup(void)
{
    x86_machine_init(&t, "max");
    t.r->cr0 |= X86_CR0_NE;
    x86_machine_changed(&t);
}
static void teardown(void)
{
    x86_machine_free(&t);
}
TestSuite(x86_fpu, .init = setup, .fini = teardown);

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Half of the values are boundaries: zero, infinity, NaNs, denormals, unnormals, small integers. */
static void random_f80(uint8_t *out)
{
    static const uint16_t exponents[] = {0,      0x7fff,      0x3fff,      1,
                                         0x7ffe, 0x3fff + 63, 0x3fff + 31, 0x4000};
    uint64_t mantissa = rnd();
    uint16_t exponent = (uint16_t)rnd();
    if (rnd() & 1) {
        exponent = (uint16_t)(exponents[rnd() & 7] | (rnd() & 0x8000));
        switch (rnd() & 3) {
        case 0:
            mantissa = UINT64_C(1) << 63;
            break;
        case 1:
            mantissa = exponent & 0x7fff ? UINT64_C(3) << 62 : 0;
            break;
        default:
            break;
        }
    } else {
        exponent = (uint16_t)(0x3fff - 40 + rnd() % 80) | (uint16_t)(rnd() & 0x8000);
    }
    if (exponent & 0x7fff && rnd() % 16)
        mantissa |= UINT64_C(1) << 63;
    memcpy(out, &mantissa, 8);
    memcpy(out + 8, &exponent, 2);
}

static void random_state(bool masked, bool in_order)
{
    struct x86_regs *r = t.r;
    for (unsigned n = 0; n < 8; n++)
        random_f80((uint8_t *)&r->fpr[n]);
    r->fcw = (uint16_t)(0x40 | (rnd() & 0xf00) | 0x3f);
    if ((r->fcw & 0x300) == 0x100)
        r->fcw |= 0x300; /* reserved precision */
    if (!masked)
        r->fcw &= (uint16_t) ~(rnd() & 0x3f);
    r->fsw = (uint16_t)(rnd() & 0x7f00);
    r->fsw |= (uint16_t)(rnd() & r->fcw & 0x3f);
    r->ftw = (uint8_t)(in_order ? 0xff & ~(1u << fpu_phys(r, 7)) : rnd());
    if (in_order && rnd() % 4 == 0)
        r->ftw = 0xff;
}

static uint64_t expected_full(struct x86_regs *e, const void *stub, void *mem, uint64_t flags)
{
    struct x87_image image = {.cw = e->fcw, .sw = e->fsw};
    for (unsigned n = 0; n < 8; n++) {
        image.tw |= e->ftw >> n & 1 ? 0 : 3u << (2 * n);
        memcpy(image.st[n], &e->fpr[fpu_phys(e, n)], 10);
    }
    flags = x87_host_full(&image, stub, mem, flags | 2);
    e->fsw = (uint16_t)image.sw;
    e->ftw = 0;
    for (unsigned n = 0; n < 8; n++)
        e->ftw |= (uint8_t)((image.tw >> (2 * n) & 3) != 3 ? 1u << n : 0);
    for (unsigned n = 0; n < 8; n++)
        memcpy(&e->fpr[fpu_phys(e, n)], image.st[n], 10);
    return flags & X86_FLAGS_ARITH;
}

/* C0, C2 and C3 are undefined after most instructions: compared only where cc says. */
static void compare(const struct x86_regs *e, unsigned cc, const char *what, unsigned op,
                    unsigned modrm)
{
    const struct x86_regs *r = t.r;
    const unsigned mask = 0xb8ff | cc;
    cr_assert_eq(r->fsw & mask, e->fsw & mask, "%s %02x %02x: status %04x, expected %04x, fcw %04x",
                 what, op, modrm, r->fsw, e->fsw, e->fcw);
    cr_assert_eq(r->ftw, e->ftw, "%s %02x %02x: tags %02x, expected %02x", what, op, modrm, r->ftw,
                 e->ftw);
    for (unsigned n = 0; n < 8; n++) {
        if (!(e->ftw >> n & 1))
            continue;
        cr_assert(!memcmp(&r->fpr[n], &e->fpr[n], 10), "%s %02x %02x: R%u differs, fcw %04x", what,
                  op, modrm, n, e->fcw);
    }
}

static bool is_compare(unsigned op, unsigned modrm)
{
    unsigned reg = modrm >> 3 & 7;
    if (modrm < 0xc0)
        return (op == 0xd8 || op == 0xda || op == 0xdc || op == 0xde) && (reg == 2 || reg == 3);
    switch (op) {
    case 0xd8:
    case 0xdc:
        return reg == 2 || reg == 3;
    case 0xd9:
        return modrm == 0xe4 || modrm == 0xe5 || modrm == 0xf5 ||
               modrm == 0xf8; /* FTST FXAM FPREM1 FPREM */
    case 0xda:
        return modrm == 0xe9;
    case 0xdd:
        return reg == 4 || reg == 5;
    case 0xde:
        return reg == 2 || modrm == 0xd9;
    default:
        return false;
    }
}

/* Register forms that x87_reg gets. */
static bool is_plain_reg(unsigned op, unsigned modrm)
{
    unsigned reg = modrm >> 3 & 7;
    switch (op) {
    case 0xd8:
    case 0xdc:
        return true;
    case 0xd9:
        return reg != 2 && !(modrm >= 0xe2 && modrm <= 0xe3) && modrm != 0xe6 && modrm != 0xe7 &&
               modrm != 0xef;
    case 0xda:
        return modrm == 0xe9;
    case 0xdd:
        return reg < 6;
    case 0xde:
        return reg != 3 || modrm == 0xd9;
    case 0xdf:
        return reg < 4;
    default:
        return false;
    }
}

static void run_reg_forms(bool masked, bool in_order, unsigned rounds)
{
    for (unsigned op = 0xd8; op <= 0xdf; op++) {
        for (unsigned modrm = 0xc0; modrm <= 0xff; modrm++) {
            if (!is_plain_reg(op, modrm))
                continue;
            for (unsigned k = 0; k < rounds; k++) {
                random_state(masked, in_order);
                struct x86_regs e = *t.r;
                t.tc->status = TCG_OK;
                expected_full(&e, x87_stub_reg[(op & 7) << 6 | (modrm & 63)], NULL, 0);
                x86_helper_x87_reg(t.r, (op & 7) << 8 | modrm, 0x1234, 0, 0);
                cr_assert_eq(t.tc->status, TCG_OK);
                compare(&e, FSW_C1 | (is_compare(op, modrm) ? 0x4500 : 0), "reg", op, modrm);
                cr_assert_eq(t.r->fip, 0x1234);
            }
        }
    }
}

Test(x86_fpu, register_forms_masked)
{
    run_reg_forms(true, true, 300);
}
Test(x86_fpu, register_forms_with_stack_faults)
{
    run_reg_forms(true, false, 100);
}
Test(x86_fpu, register_forms_with_unmasked_exceptions)
{
    run_reg_forms(false, true, 100);
    run_reg_forms(false, false, 100);
}

static void run_mem_forms(bool masked, bool in_order, unsigned rounds)
{
    for (unsigned op = 0xd8; op <= 0xdf; op++) {
        for (unsigned n = 0; n < 8; n++) {
            bool arith = !(op & 1);
            bool load = (op & 1) && (n == 0 || (n == 5 && (op == 0xdb || op == 0xdf)) ||
                                     (n == 4 && op == 0xdf));
            if (!arith && !load)
                continue;
            for (unsigned k = 0; k < rounds; k++) {
                uint8_t mem[16] = {0};
                random_state(masked, in_order);
                if (rnd() & 1)
                    random_f80(mem);
                else
                    memcpy(mem, &(uint64_t){rnd()}, 8);
                if (op == 0xdf && n == 4) /* FBLD: digits */
                    for (unsigned b = 0; b < 9; b++)
                        mem[b] = (uint8_t)(rnd() % 10 | rnd() % 10 << 4);
                struct x86_regs e = *t.r;
                uint64_t low = load_le64(mem), high = load_le16(mem + 8);
                t.tc->status = TCG_OK;
                expected_full(&e, x87_stub_mem[(op & 7) << 3 | n], mem, 0);
                uint64_t desc = (op & 7) << 8 | n << 3 | X87_DESC_MEM | high << X87_DESC_HIGH_SHIFT;
                (arith ? x86_helper_x87_arith : x86_helper_x87_load)(t.r, desc, low, 0x77, 0x1234);
                cr_assert_eq(t.tc->status, TCG_OK);
                compare(&e, FSW_C1 | (is_compare(op, n << 3) ? 0x4500 : 0), "mem", op, n);
                if (t.r->fsw & FSW_ES)
                    cr_assert_eq(t.r->fdp, 0x77);
            }
        }
    }
}

Test(x86_fpu, memory_operands)
{
    run_mem_forms(true, true, 500);
    run_mem_forms(true, false, 200);
    run_mem_forms(false, false, 200);
}

static const struct {
    uint8_t op, n, size;
} stores[] = {{0xd9, 2, 4},  {0xd9, 3, 4}, {0xdb, 1, 4},  {0xdb, 2, 4}, {0xdb, 3, 4},
              {0xdb, 7, 10}, {0xdd, 1, 8}, {0xdd, 2, 8},  {0xdd, 3, 8}, {0xdf, 1, 2},
              {0xdf, 2, 2},  {0xdf, 3, 2}, {0xdf, 6, 10}, {0xdf, 7, 8}};

static void run_stores(bool masked, bool in_order, unsigned rounds)
{
    for (unsigned s = 0; s < sizeof stores / sizeof *stores; s++) {
        for (unsigned k = 0; k < rounds; k++) {
            uint8_t mem[16];
            const unsigned op = stores[s].op, n = stores[s].n;
            random_state(masked, in_order);
            struct x86_regs e = *t.r;
            memset(mem, 0xa5, sizeof mem);
            memset(x86_at(&t, 0x3ff8), 0xa5, sizeof mem); /* crosses a page */
            t.tc->status = TCG_OK;
            expected_full(&e, x87_stub_mem[(op & 7) << 3 | n], mem, 0);
            x86_helper_x87_store(t.r, (op & 7) << 8 | n << 3 | X87_DESC_MEM, 0x3ff8, 0x77, 0x1234);
            cr_assert_eq(t.tc->status, TCG_OK);
            compare(&e, FSW_C1, "store", op, n);
            cr_assert(!memcmp(mem, x86_at(&t, 0x3ff8), sizeof mem), "%02x /%u: memory differs", op,
                      n);
        }
    }
}

Test(x86_fpu, stores)
{
    run_stores(true, true, 500);
    run_stores(true, false, 200);
    run_stores(false, false, 300);
}

Test(x86_fpu, comi_and_cmov)
{
    for (unsigned k = 0; k < 20000; k++) {
        static const uint8_t comi[][2] = {{0xdb, 0xe8}, {0xdb, 0xf0}, {0xdf, 0xe8}, {0xdf, 0xf0}};
        unsigned pick = rnd() & 3, i = rnd() & 7;
        unsigned op = comi[pick][0], modrm = comi[pick][1] + i;
        random_state(rnd() & 1, rnd() & 1);
        t.tc->fl = (uint32_t)rnd();
        uint64_t flags = x86_get_rflags(t.tc) & X86_FLAGS_ARITH;
        struct x86_regs e = *t.r;
        t.tc->status = TCG_OK;
        uint64_t want = expected_full(&e, x87_stub_reg[(op & 7) << 6 | (modrm & 63)], NULL, flags);
        uint64_t got = x86_helper_x87_comi(t.r, (op & 7) << 8 | modrm, 0, t.tc->fl, 0);
        compare(&e, FSW_C1, "comi", op, modrm);
        cr_assert_eq(x86_flags_of_packed((uint32_t)got), want, "%02x %02x", op, modrm);

        op = rnd() & 1 ? 0xda : 0xdb;
        modrm = 0xc0 + (unsigned)(rnd() & 31);
        random_state(rnd() & 1, rnd() & 1);
        t.tc->fl = (uint32_t)rnd();
        flags = x86_get_rflags(t.tc) & X86_FLAGS_ARITH;
        e = *t.r;
        expected_full(&e, x87_stub_reg[(op & 7) << 6 | (modrm & 63)], NULL, flags);
        x86_helper_x87_cmov(t.r, (op & 7) << 8 | modrm, 0, t.tc->fl, 0);
        compare(&e, FSW_C1, "cmov", op, modrm);
    }
}

Test(x86_fpu, pointers_are_what_the_cpu_model_keeps)
{
    static const struct {
        const char *model;
        bool old;
    } models[] = {{"max", false}, {"qemu32", true}};
    for (unsigned k = 0; k < 2; k++) {
        struct x86_machine m;
        x86_machine_init(&m, models[k].model);
        m.r->seg[X86_CS].selector = 0x1b;
        m.r->seg[X86_DS].selector = 0x23;
        m.r->seg[X86_CS].attr &= (uint16_t)~0x2000;
        x86_machine_changed(&m);
        fpu_init(m.r);
        const uint64_t mem = X87_DESC_MEM | X86_DS << X87_DESC_SEG_SHIFT;
        x86_helper_x87_load(m.r, 0x100 | mem, 0x3f800000, 0x77, 0x1234); /* FLD m32 */
        cr_assert_eq(m.r->fip, 0x1234);
        cr_assert_eq(m.r->fdp, models[k].old ? 0x77 : 0, "%s", models[k].model);
        cr_assert_eq(m.r->fcs, models[k].old ? 0x1b : 0, "%s", models[k].model);
        cr_assert_eq(m.r->fds, models[k].old ? 0x23 : 0, "%s", models[k].model);
        x86_helper_fldcw(m.r, 0x37b, 0, 0, 0);                  /* divide by zero unmasked */
        x86_helper_x87_arith(m.r, 0x30 | mem, 0, 0x99, 0x1236); /* FDIV m32 */
        cr_assert(m.r->fsw & FSW_ES);
        cr_assert_eq(m.r->fdp, 0x99, "%s", models[k].model);
        x86_machine_free(&m);
    }
}

Test(x86_fpu, pending_exception_raises_mf_before_the_next_waiting_instruction)
{
    struct x86_regs *r = t.r;
    fpu_init(r);
    x86_helper_fldcw(r, 0x37b, 0, 0, 0);   /* divide by zero unmasked */
    x86_helper_x87_reg(r, 0x1e8, 0, 0, 0); /* FLD1 */
    x86_helper_x87_reg(r, 0x1ee, 0, 0, 0); /* FLDZ */
    x86_helper_x87_reg(r, 0x6f9, 0, 0, 0); /* FDIVP ST1, ST0: 1 / 0 */
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_assert(r->fsw & FSW_ES);
    cr_assert_eq(fpu_top(r), 6, "the operands are still there");
    x86_helper_fwait(r, 0, 0, 0, 0);
    cr_assert_eq(t.tc->status, TCG_EXCEPTION);
    cr_assert_eq(t.tc->exc_vector, X86_MF);
    t.tc->status = TCG_OK;
    x86_helper_fnclex(r, 0, 0, 0, 0);
    x86_helper_fwait(r, 0, 0, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
}

static unsigned ferr_count, ferr_ended;
static void count_ferr(void *opaque, bool active)
{
    (void)opaque;
    if (active)
        ferr_count++;
    else
        ferr_ended++;
}

Test(x86_fpu, ferr_is_driven_when_numeric_errors_are_external)
{
    struct x86_regs *r = t.r;
    t.cpu->ferr = count_ferr;
    r->cr0 &= ~(uint64_t)X86_CR0_NE;
    fpu_init(r);
    x86_helper_fldcw(r, 0x37e, 0, 0, 0);
    x86_helper_x87_reg(r, 0x1fa, 0, 0, 0); /* FSQRT of an empty register: invalid */
    cr_assert(r->fsw & FSW_ES);
    x86_helper_x87_reg(r, 0x1e8, 0, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_assert_eq(ferr_count, 1);
    cr_assert(r->fsw & FSW_ES, "stays pending");
    cr_assert_eq(ferr_ended, 0);
    x86_helper_fnclex(r, 0, 0, 0, 0);
    x86_helper_fnclex(r, 0, 0, 0, 0);
    cr_assert_eq(ferr_ended, 1);
}

Test(x86_fpu, environment_round_trips_in_every_format)
{
    for (unsigned format = 0; format < 4; format++) {
        random_state(true, false);
        struct x86_regs *r = t.r;
        r->fip = 0x5678;
        r->fdp = 0x9abc;
        r->fcs = r->fds = 0;
        struct x86_regs e = *r;
        x86_helper_fstenv(r, 0x5000, format, X87_STATE, 0);
        cr_assert_eq(t.tc->status, TCG_OK);
        cr_assert_eq(r->fcw, 0x37f);
        cr_assert_eq(r->ftw, 0);
        x86_helper_fldenv(r, 0x5000, format, X87_STATE, 0);
        cr_assert_eq(t.tc->status, TCG_OK);
        cr_assert_eq(r->fcw, e.fcw);
        cr_assert_eq(r->fsw, e.fsw & 0x7fff, "format %u: %x %x", format, r->fsw, e.fsw);
        cr_assert_eq(r->ftw, e.ftw);
        cr_assert_eq(r->fip, 0x5678);
        cr_assert_eq(r->fdp, 0x9abc);
        for (unsigned n = 0; n < 8; n++)
            cr_assert(!memcmp(&r->fpr[n], &e.fpr[n], 10));
    }
}

Test(x86_fpu, tags_of_an_environment_are_those_of_the_host)
{
    for (unsigned k = 0; k < 5000; k++) {
        struct x87_image image = {.cw = 0x37f};
        random_state(true, false);
        image.sw = t.r->fsw & 0x3800;
        for (unsigned n = 0; n < 8; n++) {
            image.tw |= t.r->ftw >> n & 1 ? 0 : 3u << (2 * n);
            memcpy(image.st[n], &t.r->fpr[fpu_phys(t.r, n)], 10);
        }
        x87_host_full(&image, x87_stub_reg[1 << 6 | 0x10], NULL, 2); /* FNOP */
        for (unsigned n = 0; n < 8; n++)
            cr_assert_eq(fpu_full_tag(t.r, n), image.tw >> (2 * n) & 3);
    }
}

Test(x86_fpu, fxsave_and_xsave_round_trip)
{
    struct x86_regs *r = t.r;
    for (unsigned kind = 0; kind < 4; kind++) {
        random_state(true, false);
        for (unsigned n = 0; n < 8; n++)
            memcpy(&r->vec[n].half[0], (uint64_t[]){rnd(), rnd()}, 16);
        r->mxcsr = 0x1fa5;
        t.tc->guest_mxcsr = 0x1fa5;
        r->xcr0 = 3;
        r->gpr[X86_RAX] = 7;
        r->gpr[X86_RDX] = 0;
        r->fcs = r->fds = 0;
        r->fip = 0x1234;
        struct x86_regs e = *r;
        memset(x86_at(&t, 0x6fc0), 0, 1024);
        if (kind == 3)
            x86_helper_fxsave(r, 0x6fc0, 0, 0, 0);
        else
            x86_helper_xsave(r, 0x6fc0, 0, kind, 0);
        cr_assert_eq(t.tc->status, TCG_OK);
        memset(r->fpr, 0x11, sizeof r->fpr);
        memset(r->vec, 0x22, sizeof r->vec);
        r->fsw = r->ftw = 0;
        r->mxcsr = 0x1f80;
        t.tc->guest_mxcsr = 0x1f80;
        if (kind == 3)
            x86_helper_fxrstor(r, 0x6fc0, 0, 0, 0);
        else
            x86_helper_xrstor(r, 0x6fc0, 0, 0, 0);
        cr_assert_eq(t.tc->status, TCG_OK, "kind %u", kind);
        cr_assert_eq(r->fsw, e.fsw & 0x7fff);
        cr_assert_eq(r->ftw, e.ftw);
        cr_assert_eq(r->mxcsr, e.mxcsr);
        cr_assert_eq(t.tc->guest_mxcsr, 0x1fa5);
        cr_assert_eq(r->fip, 0x1234);
        for (unsigned n = 0; n < 8; n++) {
            cr_assert(!memcmp(&r->fpr[n], &e.fpr[n], 10));
            cr_assert(!memcmp(&r->vec[n].half[0], &e.vec[n].half[0], 16));
        }
    }
}

Test(x86_fpu, xrstor_checks_its_header)
{
    struct x86_regs *r = t.r;
    r->xcr0 = 3;
    r->gpr[X86_RAX] = 3;
    store_le64(x86_at(&t, 0x7000 + 512), 4); /* AVX is not in XCR0 */
    x86_helper_xrstor(r, 0x7000, 0, 0, 0);
    cr_assert_eq(t.tc->exc_vector, X86_GP);
    cr_assert_eq(t.tc->status, TCG_EXCEPTION);
    t.tc->status = TCG_OK;
    store_le64(x86_at(&t, 0x7000 + 512), 0);
    store_le32(x86_at(&t, 0x7000 + 24), 0x10000); /* reserved MXCSR bit */
    x86_helper_xrstor(r, 0x7000, 0, 0, 0);
    cr_assert_eq(t.tc->status, TCG_EXCEPTION);
    t.tc->status = TCG_OK;
    x86_helper_xsave(r, 0x7010, 0, 0, 0); /* not aligned */
    cr_assert_eq(t.tc->status, TCG_EXCEPTION);
}
