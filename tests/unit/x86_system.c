/* tcg/x86: delivery of events, far transfers and tasks, by calling helpers on tables built in RAM.
 * What runs well under an operating system is tested by booting one; here are the corners that none
 * uses. */
#include <criterion/criterion.h>

#include "tests/unit/x86_machine.h"

static struct x86_machine t;
static struct x86_regs *r;

enum {
    GDT = 0x1000,
    IDT = 0x2000,
    TSS_A = 0x3000,
    TSS_B = 0x3100,
    LDT = 0x3400,
    STACK0 = 0x8000,
    STACK3 = 0x9000
};
/* GDT: flat code and data of levels 0 and 3, the two tasks, gates */
enum {
    CODE0 = 0x08,
    DATA0 = 0x10,
    CODE3 = 0x18 | 3,
    DATA3 = 0x20 | 3,
    TASK_A = 0x28,
    TASK_B = 0x30,
    CALL_GATE = 0x38,
    TASK_GATE = 0x40,
    CODE16 = 0x48,
    LDT_DESC = 0x50,
    NOT_PRESENT = 0x58,
    CODE64 = 0x60,
    GDT_SIZE = 0x80,
};

static void put_desc(unsigned selector, uint32_t base, uint32_t limit, unsigned type_dpl,
                     unsigned flags)
{
    uint64_t v = (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)type_dpl << 40 |
                 (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)flags << 52 |
                 (uint64_t)(base >> 24) << 56;
    store_le64(x86_at(&t, GDT + (selector & ~7u)), v);
}
static void put_gate(uint64_t at, uint16_t selector, uint32_t offset, unsigned type_dpl,
                     unsigned params)
{
    store_le64(x86_at(&t, at), (offset & 0xffff) | (uint64_t)selector << 16 |
                                   (uint64_t)params << 32 | (uint64_t)type_dpl << 40 |
                                   (uint64_t)(offset >> 16) << 48);
}
static void idt_gate(unsigned vector, unsigned type_dpl, uint32_t offset)
{
    put_gate(IDT + 8 * vector, CODE0, offset, type_dpl, 0);
}

static struct x86_segment segment(unsigned selector)
{
    struct x86_desc d = {.lo = load_le32(x86_at(&t, GDT + (selector & ~7u))),
                         .hi = load_le32(x86_at(&t, GDT + (selector & ~7u) + 4))};
    struct x86_segment s;
    x86_desc_to_segment(&d, (uint16_t)selector, &s);
    return s;
}

static void go(unsigned cs, unsigned ss, uint32_t eip, uint32_t esp)
{
    r->seg[X86_CS] = segment(cs);
    r->seg[X86_SS] = segment(ss);
    r->seg[X86_DS] = r->seg[X86_ES] = r->seg[X86_FS] = r->seg[X86_GS] = segment(ss);
    r->rip = eip;
    r->gpr[X86_RSP] = esp;
    x86_machine_changed(&t);
}

static void setup(void)
{
    x86_machine_init(&t, "max");
    r = t.r;
    put_desc(CODE0, 0, 0xfffff, 0x9b, 0xc);
    put_desc(DATA0, 0, 0xfffff, 0x93, 0xc);
    put_desc(CODE3, 0, 0xfffff, 0xfb, 0xc);
    put_desc(DATA3, 0, 0xfffff, 0xf3, 0xc);
    put_desc(TASK_A, TSS_A, 0x67, 0x8b, 0);
    put_desc(TASK_B, TSS_B, 0x67, 0x89, 0);
    put_gate(GDT + CALL_GATE, CODE0, 0x5000, 0xec, 2);
    put_gate(GDT + TASK_GATE, TASK_B, 0, 0xe5, 0);
    put_desc(CODE16, 0x10000, 0xffff, 0x9b, 0);
    put_desc(LDT_DESC, LDT, 0x3f, 0x82, 0);
    put_desc(NOT_PRESENT, 0, 0xfffff, 0x1b, 0xc);
    put_desc(CODE64, 0, 0xfffff, 0x9b, 0xa);
    store_le32(x86_at(&t, TSS_A + 4), STACK0);
    store_le32(x86_at(&t, TSS_A + 8), DATA0);
    store_le16(x86_at(&t, TSS_A + 102), 0x68);
    r->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
    r->gdtr = (struct x86_table){.base = GDT, .limit = GDT_SIZE - 1};
    r->idtr = (struct x86_table){.base = IDT, .limit = 0x7ff};
    r->tr = segment(TASK_A);
    r->rflags = 2;
    go(CODE0, DATA0, 0x4000, 0x7000);
}
static void teardown(void)
{
    x86_machine_free(&t);
}
TestSuite(x86_system, .init = setup, .fini = teardown);

static uint32_t stack(unsigned n)
{
    return load_le32(x86_at(&t, r->seg[X86_SS].base + r->gpr[X86_RSP] + 4 * n));
}
static void expect_exception(unsigned vector, uint32_t error)
{
    cr_assert_eq(t.tc->status, TCG_EXCEPTION, "nothing was raised");
    cr_assert_eq(t.tc->exc_vector, vector, "vector %u", t.tc->exc_vector);
    cr_assert_eq(t.tc->exc_error, error, "error %x", t.tc->exc_error);
    t.tc->status = TCG_OK;
}
static void raise_and_deliver(unsigned vector, uint32_t error)
{
    if (error)
        x86_raise_error(t.tc, (enum x86_vector)vector, error);
    else
        x86_raise(t.tc, (enum x86_vector)vector);
    cr_assert(x86_deliver_exception(t.tc));
    cr_assert_eq(t.tc->status, TCG_OK);
}

Test(x86_system, rflags_split_and_join)
{
    for (unsigned v = 0; v < 0x1000; v++) {
        uint64_t want =
            (v & (X86_FLAGS_ARITH | X86_FLAG_IF | X86_FLAG_DF | X86_FLAG_TF)) | X86_FLAG_1;
        x86_set_rflags(t.tc, want);
        cr_assert_eq(x86_get_rflags(t.tc), want);
        cr_assert_eq((t.tc->fl & IR_FL_OF) != 0, (want & X86_FLAG_OF) != 0);
        cr_assert_eq((t.tc->fl & IR_FL_ZF) != 0, (want & X86_FLAG_ZF) != 0);
    }
}

Test(x86_system, fault_to_the_same_level_pushes_rf_and_error)
{
    idt_gate(X86_GP, 0x8e, 0x6000);
    x86_set_rflags(t.tc, X86_FLAG_IF | X86_FLAG_TF | X86_FLAG_ZF | 2);
    raise_and_deliver(X86_GP, 0x18);
    cr_expect_eq(r->rip, 0x6000);
    cr_expect_eq(stack(0), 0x18);
    cr_expect_eq(stack(1), 0x4000);
    cr_expect_eq(stack(2), CODE0);
    cr_expect_eq(stack(3), X86_FLAG_RF | X86_FLAG_IF | X86_FLAG_TF | X86_FLAG_ZF | 2);
    cr_expect_eq(r->rflags & (X86_FLAG_IF | X86_FLAG_TF | X86_FLAG_RF), 0);
}

Test(x86_system, inner_level_switches_stacks_and_iret_returns)
{
    idt_gate(0x80, 0xef, 0x6000);
    go(CODE3, DATA3, 0x4000, STACK3);
    x86_set_rflags(t.tc, X86_FLAG_IF | 2);
    x86_helper_int_sw(r, 0x80, 2, X86_INT_N, 0);
    cr_assert(x86_deliver_exception(t.tc));
    cr_expect_eq(x86_cpl(r), 0);
    cr_expect_eq(r->gpr[X86_RSP], STACK0 - 20);
    cr_expect_eq(stack(0), 0x4002);
    cr_expect_eq(stack(1), CODE3);
    cr_expect_eq(stack(3), STACK3);
    cr_expect_eq(stack(4), DATA3);
    cr_expect(r->rflags & X86_FLAG_IF, "a trap gate keeps IF");
    r->seg[X86_ES] = segment(DATA0);
    x86_helper_iret(r, 4, 0, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect_eq(x86_cpl(r), 3);
    cr_expect_eq(r->rip, 0x4002);
    cr_expect_eq(r->gpr[X86_RSP], STACK3);
    cr_expect_not(r->seg[X86_ES].attr & X86_SEG_P, "data of level 0 is not left to level 3");
    cr_expect(r->seg[X86_DS].attr & X86_SEG_P);
}

Test(x86_system, software_interrupt_checks_the_gate)
{
    idt_gate(0x21, 0x8e, 0x6000);
    idt_gate(X86_GP, 0x8e, 0x6100);
    go(CODE3, DATA3, 0x4000, STACK3);
    x86_helper_int_sw(r, 0x21, 2, X86_INT_N, 0);
    cr_assert(x86_deliver_exception(t.tc));
    cr_expect_eq(r->rip, 0x6100);
    cr_expect_eq(stack(0), 0x21 * 8 + 2, "no external bit");
    cr_expect_eq(stack(1), 0x4000, "the INT itself");
}

Test(x86_system, double_and_triple_fault)
{
    idt_gate(X86_DF, 0x8e, 0x6200);
    raise_and_deliver(X86_NP, 8); /* no gate for #NP: #GP while delivering it */
    cr_expect_eq(r->rip, 0x6200);
    cr_expect_eq(stack(0), 0);
    store_le64(x86_at(&t, IDT + 8 * X86_DF), 0);
    x86_raise(t.tc, X86_DE);
    cr_expect_not(x86_deliver_exception(t.tc), "shutdown");
}

Test(x86_system, benign_then_contributory_is_delivered_in_turn)
{
    idt_gate(X86_GP, 0x8e, 0x6100);
    raise_and_deliver(X86_UD, 0); /* not present gate type 0 */
    cr_expect_eq(r->rip, 0x6100);
    cr_expect_eq(stack(0), X86_UD * 8 + 2 + 1);
}

Test(x86_system, call_gate_copies_parameters_to_the_inner_stack)
{
    go(CODE3, DATA3, 0x4000, STACK3);
    store_le32(x86_at(&t, STACK3), 0x11111111);
    store_le32(x86_at(&t, STACK3 + 4), 0x22222222);
    x86_helper_far_call(r, CALL_GATE | 3, 0xdead, 4, 0x4007);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect_eq(x86_cpl(r), 0);
    cr_expect_eq(r->rip, 0x5000);
    cr_expect_eq(stack(0), 0x4007);
    cr_expect_eq(stack(1), CODE3);
    cr_expect_eq(stack(2), 0x11111111);
    cr_expect_eq(stack(3), 0x22222222);
    cr_expect_eq(stack(4), STACK3);
    cr_expect_eq(stack(5), DATA3);
    x86_helper_far_ret(r, 4, 8, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect_eq(r->rip, 0x4007);
    cr_expect_eq(x86_cpl(r), 3);
    cr_expect_eq(r->gpr[X86_RSP], STACK3 + 8, "both stacks are released");
}

Test(x86_system, far_jump_checks)
{
    x86_helper_far_jmp(r, 0, 0x5000, 4, 0);
    expect_exception(X86_GP, 0);
    x86_helper_far_jmp(r, DATA0, 0x5000, 4, 0);
    expect_exception(X86_GP, DATA0);
    x86_helper_far_jmp(r, NOT_PRESENT, 0x5000, 4, 0);
    expect_exception(X86_NP, NOT_PRESENT);
    x86_helper_far_jmp(r, GDT_SIZE, 0x5000, 4, 0);
    expect_exception(X86_GP, GDT_SIZE);
    x86_helper_far_jmp(r, CODE3, 0x5000, 4, 0);
    expect_exception(X86_GP, CODE3 & ~3);
    x86_helper_far_jmp(r, CODE16, 0x10000, 4, 0);
    expect_exception(X86_GP, 0);
    cr_expect_eq(r->rip, 0x4000);
    x86_helper_far_jmp(r, CODE16, 0x1234, 2, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect_eq(r->rip, 0x1234);
    cr_expect_eq(r->seg[X86_CS].base, 0x10000);
    cr_expect_not(t.tc->mode & (MODE_CODE32 | MODE_FLAT_CS));
}

static void fill_task_b(void)
{
    uint8_t *b = x86_at(&t, TSS_B);
    store_le32(b + 32, 0x5555);
    store_le32(b + 36, X86_FLAG_ZF | 2);
    for (unsigned i = 0; i < 8; i++)
        store_le32(b + 40 + 4 * i, 0x100 + i);
    store_le32(b + 40 + 4 * X86_RSP, 0xa000);
    store_le16(b + 72 + 4 * X86_ES, DATA0);
    store_le16(b + 72 + 4 * X86_CS, CODE0);
    store_le16(b + 72 + 4 * X86_SS, DATA0);
    store_le16(b + 72 + 4 * X86_DS, DATA0);
}

Test(x86_system, task_switch_by_call_and_iret)
{
    fill_task_b();
    r->gpr[X86_RBX] = 0xbbbb;
    x86_helper_far_call(r, TASK_B, 0, 4, 0x4007);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect_eq(r->rip, 0x5555);
    cr_expect_eq(r->gpr[X86_RBX], 0x103);
    cr_expect_eq(r->gpr[X86_RSP], 0xa000);
    cr_expect_eq(r->tr.selector, TASK_B);
    cr_expect(r->rflags & X86_FLAG_NT);
    cr_expect(x86_get_rflags(t.tc) & X86_FLAG_ZF);
    cr_expect(r->cr0 & X86_CR0_TS);
    cr_expect_eq(load_le16(x86_at(&t, TSS_B)), TASK_A, "the back link");
    cr_expect_eq(load_le32(x86_at(&t, TSS_A + 32)), 0x4007);
    cr_expect_eq(load_le32(x86_at(&t, TSS_A + 40 + 4 * X86_RBX)), 0xbbbb);
    cr_expect_eq(x86_at(&t, GDT + TASK_A)[5], 0x8b, "the caller stays busy");
    cr_expect_eq(x86_at(&t, GDT + TASK_B)[5], 0x8b);
    cr_expect_not(r->seg[X86_FS].attr & X86_SEG_P);
    x86_helper_iret(r, 4, 0x5600, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect_eq(r->rip, 0x4007);
    cr_expect_eq(r->gpr[X86_RBX], 0xbbbb);
    cr_expect_eq(x86_at(&t, GDT + TASK_B)[5], 0x89, "no longer busy");
    cr_expect_not(r->rflags & X86_FLAG_NT);
    cr_expect_not(load_le32(x86_at(&t, TSS_B + 36)) & X86_FLAG_NT);
}

Test(x86_system, task_gate_in_the_idt_pushes_the_error_code)
{
    fill_task_b();
    put_gate(IDT + 8 * X86_GP, TASK_B, 0, 0x85, 0);
    raise_and_deliver(X86_GP, 0x1230);
    cr_expect_eq(r->rip, 0x5555);
    cr_expect_eq(r->gpr[X86_RSP], 0xa000 - 4);
    cr_expect_eq(stack(0), 0x1230);
    cr_expect(load_le32(x86_at(&t, TSS_A + 36)) & X86_FLAG_RF);
}

Test(x86_system, fault_in_the_new_task_belongs_to_it)
{
    fill_task_b();
    idt_gate(X86_TS, 0x8e, 0x6300);
    store_le16(x86_at(&t, TSS_B + 72 + 4 * X86_DS), 0x7000);
    x86_helper_far_jmp(r, TASK_GATE, 0, 4, 0x4007);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect_eq(r->rip, 0x6300, "delivered already");
    cr_expect_eq(stack(0), 0x7000);
    cr_expect_eq(stack(1), 0x5555);
    cr_expect_eq(r->tr.selector, TASK_B);
    cr_expect_eq(x86_at(&t, GDT + TASK_A)[5], 0x89);
}

Test(x86_system, busy_task_is_refused)
{
    fill_task_b();
    x86_at(&t, GDT + TASK_B)[5] = 0x8b;
    x86_helper_far_jmp(r, TASK_B, 0, 4, 0x4007);
    expect_exception(X86_GP, TASK_B);
    put_desc(TASK_B, TSS_B, 0x60, 0x89, 0);
    x86_helper_far_jmp(r, TASK_B, 0, 4, 0x4007);
    expect_exception(X86_TS, TASK_B);
}

static void enter_v86(unsigned iopl)
{
    static const uint32_t frame[] = {0x0123, 0x2000, 0,      0xfff0, 0x3000,
                                     0x1111, 0x2222, 0x3333, 0x4444};
    go(CODE0, DATA0, 0x4000, 0x7000);
    for (unsigned i = 0; i < 9; i++)
        store_le32(x86_at(&t, 0x7000 + 4 * i), frame[i]);
    store_le32(x86_at(&t, 0x7008), X86_FLAG_VM | iopl << 12 | X86_FLAG_IF | 2);
    x86_helper_iret(r, 4, 0, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
}

Test(x86_system, v86_by_iret_and_back_by_a_fault)
{
    enter_v86(0);
    cr_expect(t.tc->mode & MODE_V86);
    cr_expect_eq(x86_cpl(r), 3);
    cr_expect_eq(r->seg[X86_CS].base, 0x20000);
    cr_expect_eq(r->rip, 0x123);
    cr_expect_eq(r->seg[X86_ES].selector, 0x1111);
    cr_expect_eq(r->seg[X86_GS].base, 0x44440);
    idt_gate(X86_GP, 0x8e, 0x6100);
    x86_helper_int_sw(r, 0x21, 2, X86_INT_N, 0); /* IOPL 0: to the monitor */
    cr_assert(x86_deliver_exception(t.tc));
    cr_expect_eq(x86_cpl(r), 0);
    cr_expect_eq(stack(0), 0);
    cr_expect_eq(stack(1), 0x123);
    cr_expect_eq(stack(2), 0x2000);
    cr_expect(stack(3) & X86_FLAG_VM);
    cr_expect_eq(stack(4), 0xfff0);
    cr_expect_eq(stack(5), 0x3000);
    cr_expect_eq(stack(6), 0x1111);
    cr_expect_eq(stack(9), 0x4444);
    cr_expect_not(r->rflags & X86_FLAG_VM);
    cr_expect_eq(r->seg[X86_DS].attr, 0);
}

Test(x86_system, vme_sends_interrupts_to_the_8086_program)
{
    enter_v86(0);
    r->cr4 |= X86_CR4_VME;
    put_desc(TASK_A, TSS_A, 0x2067, 0x8b, 0);
    r->tr = segment(TASK_A);
    store_le16(x86_at(&t, TSS_A + 102), 0x88); /* redirection bitmap at 68, all clear */
    store_le16(x86_at(&t, 0x21 * 4), 0x0042);
    store_le16(x86_at(&t, 0x21 * 4 + 2), 0x0500);
    x86_machine_changed(&t);
    x86_helper_sti(r, 0, 0, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect(r->rflags & X86_FLAG_VIF);
    x86_helper_int_sw(r, 0x21, 2, X86_INT_N, 0);
    cr_assert(x86_deliver_exception(t.tc));
    cr_expect(x86_is_v86(r));
    cr_expect_eq(r->seg[X86_CS].selector, 0x500);
    cr_expect_eq(r->rip, 0x42);
    cr_expect_not(r->rflags & X86_FLAG_VIF);
    uint16_t pushed = load_le16(x86_at(&t, 0x30000 + 0xfff0 - 2));
    cr_expect_eq(pushed & (X86_FLAG_IF | X86_FLAG_IOPL), X86_FLAG_IF | X86_FLAG_IOPL);
    x86_helper_iret(r, 2, 0, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect_eq(r->rip, 0x125);
    cr_expect(r->rflags & X86_FLAG_VIF);
    cr_expect_eq(x86_iopl(r), 0);
}

Test(x86_system, real_mode_interrupt_and_iret)
{
    r->cr0 = X86_CR0_ET;
    r->idtr = (struct x86_table){.limit = 0x3ff};
    r->seg[X86_SS] =
        (struct x86_segment){.base = 0x10000, .selector = 0x1000, .limit = 0xffff, .attr = 0x93};
    r->seg[X86_CS] =
        (struct x86_segment){.base = 0x20000, .selector = 0x2000, .limit = 0xffff, .attr = 0x9b};
    r->rip = 0x77;
    r->gpr[X86_RSP] = 0x12340002; /* wraps within the segment */
    x86_set_rflags(t.tc, X86_FLAG_IF | X86_FLAG_CF | 2);
    x86_machine_changed(&t);
    x86_set_rflags(t.tc, X86_FLAG_IF | X86_FLAG_CF | 2);
    store_le32(x86_at(&t, 0x21 * 4), 0x05000042);
    x86_helper_int_sw(r, 0x21, 2, X86_INT_N, 0);
    cr_assert(x86_deliver_exception(t.tc));
    cr_expect_eq(r->rip, 0x42);
    cr_expect_eq(r->seg[X86_CS].base, 0x5000);
    cr_expect_eq(r->gpr[X86_RSP], 0x1234fffc);
    cr_expect_eq(load_le16(x86_at(&t, 0x10000)), X86_FLAG_IF | X86_FLAG_CF | 2);
    cr_expect_eq(load_le16(x86_at(&t, 0x1fffc)), 0x79);
    cr_expect_not(r->rflags & X86_FLAG_IF);
    x86_helper_iret(r, 2, 0, 0, 0);
    cr_expect_eq(r->rip, 0x79);
    cr_expect_eq(r->gpr[X86_RSP], 0x12340002);
    cr_expect(r->rflags & X86_FLAG_IF);
    cr_expect(t.tc->fl & IR_FL_CF);
}

Test(x86_system, segment_loads_check_and_set_accessed)
{
    put_desc(DATA0, 0, 0xfffff, 0x92, 0xc);
    x86_helper_load_seg(r, X86_ES, DATA0, 1, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect_eq(x86_at(&t, GDT + DATA0)[5], 0x93);
    x86_helper_load_seg(r, X86_SS, 0, 1, 0);
    expect_exception(X86_GP, 0);
    x86_helper_load_seg(r, X86_SS, DATA3, 1, 0);
    expect_exception(X86_GP, DATA3 & ~3);
    x86_helper_load_seg(r, X86_ES, TASK_A, 1, 0);
    expect_exception(X86_GP, TASK_A);
    x86_helper_load_seg(r, X86_SS, DATA0, 1, 0);
    cr_expect_eq(r->sti_shadow, 2);
    x86_helper_load_seg(r, X86_ES, 0, 1, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    x86_helper_seg_check(r, X86_ES, 0, 1, 0);
    expect_exception(X86_GP, 0);
}

Test(x86_system, expand_down_segments)
{
    put_desc(DATA0, 0x1000, 0xfff, 0x96, 0x4); /* valid from 1000h up */
    x86_helper_load_seg(r, X86_DS, DATA0, 1, 0);
    x86_helper_seg_check(r, X86_DS, 0xfff, 1, 0);
    expect_exception(X86_GP, 0);
    cr_expect_eq(x86_helper_seg_check(r, X86_DS, 0x1000, 4, 1), 0x2000);
    cr_assert_eq(t.tc->status, TCG_OK);
}

Test(x86_system, lar_lsl_verr_verw)
{
    cr_expect_eq(x86_helper_lar(r, DATA0, 0, 0, 0), 0xcf9300 & 0xf0ff00);
    cr_expect(t.tc->fl & IR_FL_ZF);
    cr_expect_eq(x86_helper_lsl(r, DATA0, 0, 0, 0), 0xffffffff);
    x86_helper_lsl(r, CALL_GATE, 0, 0, 0);
    cr_expect_not(t.tc->fl & IR_FL_ZF);
    x86_helper_lar(r, CALL_GATE, 0, 0, 0);
    cr_expect(t.tc->fl & IR_FL_ZF);
    x86_helper_verw(r, CODE0, 0, 0, 0);
    cr_expect_not(t.tc->fl & IR_FL_ZF);
    x86_helper_verr(r, CODE0, 0, 0, 0);
    cr_expect(t.tc->fl & IR_FL_ZF);
    x86_helper_verr(r, 0xfff8, 0, 0, 0);
    cr_expect_not(t.tc->fl & IR_FL_ZF);
    cr_assert_eq(t.tc->status, TCG_OK);
}

Test(x86_system, io_bitmap)
{
    go(CODE3, DATA3, 0x4000, STACK3);
    put_desc(TASK_A, TSS_A, 0x68 + 0x20, 0x8b, 0);
    r->tr = segment(TASK_A);
    memset(x86_at(&t, TSS_A + 0x68), 0, 0x20);
    x86_at(&t, TSS_A + 0x68)[0x60 / 8] = 1 << 4; /* port 64h */
    cr_expect(x86_check_io(t.tc, 0x60, 4));
    cr_expect_not(x86_check_io(t.tc, 0x64, 1));
    expect_exception(X86_GP, 0);
    cr_expect_not(x86_check_io(t.tc, 0x61, 4));
    expect_exception(X86_GP, 0);
    cr_expect_not(x86_check_io(t.tc, 0x100, 1), "beyond the limit");
    expect_exception(X86_GP, 0);
    r->rflags |= X86_FLAG_IOPL;
    cr_expect(x86_check_io(t.tc, 0x64, 1));
}

Test(x86_system, long_mode_is_entered_and_left_by_the_rules)
{
    x86_write_msr(t.tc, 0xc0000080, X86_EFER_LME | X86_EFER_NXE);
    cr_expect_not(x86_set_cr0(t.tc, r->cr0 | X86_CR0_PG), "PAE is needed");
    expect_exception(X86_GP, 0);
    x86_helper_mov_to_cr(r, 4, X86_CR4_PAE, 0, 0);
    store_le64(x86_at(&t, 0x10000), 0x11000 | 3);
    store_le64(x86_at(&t, 0x11000), 0x83); /* 1 GiB page */
    x86_helper_mov_to_cr(r, 3, 0x10000, 0, 0);
    cr_assert(x86_set_cr0(t.tc, r->cr0 | X86_CR0_PG));
    cr_expect(r->efer & X86_EFER_LMA);
    cr_expect(t.tc->mode & MODE_LONG);
    cr_expect_not(t.tc->mode & MODE_CODE64);
    x86_helper_mov_to_cr(r, 4, 0, 0, 0);
    expect_exception(X86_GP, 0);
    x86_helper_far_jmp(r, CODE64, 0x4000, 4, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect(t.tc->mode & MODE_CODE64);
    cr_expect_not(x86_write_msr(t.tc, 0xc0000080, 0), "LME cannot change under paging");
    x86_helper_mov_to_cr(r, 4, X86_CR4_PAE | X86_CR4_PCIDE, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    x86_helper_mov_to_cr(r, 3, UINT64_C(1) << 63 | 0x10005, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    cr_expect_eq(r->cr3, 0x10005);
    cr_expect_not(x86_set_cr0(t.tc, r->cr0 & ~(uint64_t)X86_CR0_PG), "not from 64-bit code");
    expect_exception(X86_GP, 0);
    x86_helper_mov_to_cr(r, 4, X86_CR4_PAE | 1u << 14, 0, 0);
    expect_exception(X86_GP, 0);
}

Test(x86_system, msrs_refuse_what_hardware_refuses)
{
    uint64_t v;
    cr_expect_not(x86_read_msr(t.tc, 0x12345, &v));
    cr_expect_not(x86_write_msr(t.tc, 0x277, 2), "PAT type 2");
    cr_expect(x86_write_msr(t.tc, 0x277, UINT64_C(0x0706050401000607)));
    cr_expect_not(x86_write_msr(t.tc, 0x200, 2), "MTRR type 2");
    cr_expect_not(x86_write_msr(t.tc, 0xc0000100, UINT64_C(1) << 60), "FS base");
    cr_expect_not(x86_write_msr(t.tc, 0xc0000080, 1 << 5));
    cr_expect(x86_write_msr(t.tc, 0x10, 1000000));
    cr_expect(x86_read_msr(t.tc, 0x10, &v));
    cr_expect_geq(v, 1000000);
    cr_expect(x86_read_msr(t.tc, 0x3b, &v));
    cr_expect_eq((int64_t)v, r->tsc_offset);
}

Test(x86_system, debug_registers)
{
    r->dr[7] = 0x400;
    x86_helper_mov_to_dr(r, 7, 1 << 13 | 3, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
    x86_helper_mov_from_dr(r, 0, 0, 0, 0);
    cr_assert_eq(t.tc->exc_vector, X86_DB);
    cr_expect_eq(t.tc->exc_addr, 1 << 13);
    idt_gate(X86_DB, 0x8e, 0x6000);
    cr_assert(x86_deliver_exception(t.tc));
    cr_expect(r->dr[6] & 1 << 13);
    cr_expect_not(r->dr[7] & 1 << 13, "GD is cleared");
    x86_helper_mov_to_dr(r, 5, 0x400, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK, "an alias of DR7");
    r->cr4 |= X86_CR4_DE;
    x86_helper_mov_to_dr(r, 5, 0x400, 0, 0);
    cr_expect_eq(t.tc->exc_vector, X86_UD);
    t.tc->status = TCG_OK;
}

Test(x86_system, popf_changes_what_the_level_may_change)
{
    x86_set_rflags(t.tc, 2);
    x86_helper_popf(r, 0xffffffff, 4, 0, 0);
    cr_expect_eq(r->rflags &
                     (X86_FLAG_IF | X86_FLAG_IOPL | X86_FLAG_VM | X86_FLAG_RF | X86_FLAG_VIP),
                 X86_FLAG_IF | X86_FLAG_IOPL);
    go(CODE3, DATA3, 0x4000, STACK3);
    x86_set_rflags(t.tc, 2);
    x86_helper_popf(r, 0xffffffff, 4, 0, 0);
    cr_expect_eq(r->rflags & (X86_FLAG_IF | X86_FLAG_IOPL), 0);
    cr_expect(r->rflags & X86_FLAG_AC);
    x86_helper_cli(r, 0, 0, 0, 0);
    expect_exception(X86_GP, 0);
}

static int next_vector;
static int acknowledge(void *opaque)
{
    (void)opaque;
    int v = next_vector;
    next_vector = -1;
    return v;
}

Test(x86_system, events_are_taken_in_order_and_not_in_shadows)
{
    static const struct cpu_intc_ops ops = {.acknowledge = acknowledge};
    t.cpu->intc_ops = &ops;
    next_vector = 0x30;
    idt_gate(0x30, 0x8e, 0x6030);
    idt_gate(X86_NMI, 0x8e, 0x6002);
    cpu_interrupt(t.cpu, CPU_INT_HARD);
    cr_expect_eq(x86_take_events(t.tc), TCG_EVENT_NONE, "IF is clear");
    x86_helper_sti(r, 0, 0, 0, 0);
    cr_expect(t.tc->mode & MODE_STI_SHADOW);
    cr_expect_eq(x86_take_events(t.tc), TCG_EVENT_NONE, "in the shadow");
    r->sti_shadow = 0; /* as the block that runs in it does */
    cpu_interrupt(t.cpu, CPU_INT_NMI);
    cr_expect_eq(x86_take_events(t.tc), TCG_EVENT_DELIVERED);
    cr_expect_eq(r->rip, 0x6002);
    cr_expect(r->nmi_masked);
    cpu_interrupt(t.cpu, CPU_INT_NMI);
    cr_expect_eq(x86_take_events(t.tc), TCG_EVENT_NONE, "masked until IRET");
    x86_helper_iret(r, 4, 0, 0, 0);
    cpu_clear_interrupt(t.cpu, CPU_INT_NMI);
    cr_expect_eq(x86_take_events(t.tc), TCG_EVENT_DELIVERED);
    cr_expect_eq(r->rip, 0x6030);
    cpu_clear_interrupt(t.cpu, CPU_INT_HARD);
    x86_helper_hlt(r, 0x6031, 0, 0, 0);
    cr_expect_eq(x86_take_events(t.tc), TCG_EVENT_HALT);
    cr_expect(t.cpu->halted);
    cpu_interrupt(t.cpu, CPU_INT_NMI);
    cr_expect_eq(x86_take_events(t.tc), TCG_EVENT_DELIVERED);
    cr_expect_not(t.cpu->halted);
    cr_expect_eq(stack(0), 0x6031);
}
