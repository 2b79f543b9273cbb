/*
 * x87 pointers to the last instruction and its operand, on a processor that keeps all of them.
 * guest-options: -cpu qemu32
 */
#include "lib/guest.h"

struct env {
    u32 cw, sw, tags, ip;
    u16 cs, opcode;
    u32 dp;
    u16 ds, pad;
} __attribute__((packed));

static struct env *env; /* where the code below stores it */
static double *value;

LABEL(last_insn);
CODE(load, "fninit\n fld1\n.globl last_insn\nlast_insn: fldl (%ebx)\n nop\n fnstenv (%esi)");
LABEL(last_add);
CODE(register_form, "fninit\n fldl (%ebx)\n fld1\n.globl last_add\nlast_add: faddp\n fwait\n"
                    "fnstsw %ax\n fnstenv (%esi)");
LABEL(last_es);
CODE(other_segment, "fninit\n fld1\n.globl last_es\nlast_es: fstps %es:(%ebx)\n fnstenv (%esi)");
LABEL(last_done);
CODE(store_faults, "fninit\n fldl (%ebx)\n.globl last_done\nlast_done: fmul %st(0),%st\n"
                   "fstps %es:(%ebx)");
LABEL(last_branch);
CODE(branch,
     "fninit\n mov $3,%ecx\n 1: fldl (%ebx)\n.globl last_branch\nlast_branch: fstpl (%ebx)\n"
     "dec %ecx\n jnz 1b\n fnstenv (%esi)");

static void start(struct regs *r, const char *code)
{
    memset(env, 0xcc, sizeof *env);
    *value = 1.5;
    regs_init(r, code, 3);
    r->ebx = USER(value);
    r->esi = USER(env);
}

/* What FNSTENV said. dp 0: not looked at. */
static void expect(const char *at, u16 opcode, ul dp, u16 ds, const struct regs *r)
{
    equal("FIP", env->ip, USER(at));
    equal("FCS", env->cs, r->cs);
    equal("FOP", env->opcode & 0x7ff, opcode);
    if (dp) {
        equal("FDP", env->dp, dp);
        equal("FDS", env->ds, ds);
    }
}

void test_main(void)
{
    struct regs r;
    env = page_alloc();
    value = (double *)((u8 *)env + 128);

    start(&r, load);
    run_expect(&r, VEC_DONE);
    expect(last_insn, 0x503, USER(value), r.ds, &r);
    check("a load");

    start(&r, register_form);
    run_expect(&r, VEC_DONE);
    expect(last_add, 0x6c1, USER(value), r.ds, &r);
    check("a register form keeps the data pointer, control instructions keep all");

    start(&r, other_segment);
    gdt_set(SEL_TEST, 0, 0xfffff, SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW | SEG_G | SEG_DB);
    r.es = SEL_TEST | 3;
    run_expect(&r, VEC_DONE);
    expect(last_es, 0x11b, USER(value), SEL_TEST | 3, &r);
    check("a segment override");

    start(&r, store_faults);
    gdt_set(SEL_TEST, 0, 0, SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW | SEG_DB);
    r.es = SEL_TEST | 3;
    run_expect(&r, VEC_GP);
    asm volatile("fnstenv %0" : "=m"(*env));
    expect(last_done, 0x0c8, USER(value), r.ds, &r);
    equal("top", env->sw >> 11 & 7, 7);
    check("an instruction that faults leaves them");

    start(&r, branch);
    run_expect(&r, VEC_DONE);
    expect(last_branch, 0x51b, USER(value), r.ds, &r);
    check("across branches");
}
