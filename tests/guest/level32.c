/*
 * What a 32-bit kernel does at each entry and exit: loads of data segments at level 0, SYSENTER and
 * SYSEXIT, POPF, the instruction behind STI. The usual forms of these are translated, the others
 * are left to C: so each is run with what is usual, with what is not, and in loops that change
 * between.
 */
#include "lib/guest.h"

#define SEL(n) (SEL_TEST + 8 * (n))
static u32 *data; /* 64 KiB, each word its own offset */

/* ---- loads ---- */

/* EAX and the word at ESI: the selector; what is read through it at EBX goes to ECX. */
#define LOADS(seg)                                                                                 \
    CODE(mem_##seg, "mov (%esi),%" #seg "\n.globl mem_" #seg "_use\nmem_" #seg "_use:"             \
                    " mov %" #seg ":(%ebx),%ecx");                                                 \
    CODE(pop_##seg, "push %eax\n.globl pop_" #seg "_at\npop_" #seg "_at: pop %" #seg "\n"          \
                    " mov %" #seg ":(%ebx),%ecx");                                                 \
    CODE(reg_##seg, "mov %eax,%" #seg "\n mov %" #seg ":(%ebx),%ecx");                             \
    CODE(known_##seg, "mov $0x60,%edx\n mov %edx,%" #seg "\n mov %" #seg ":(%ebx),%ecx");          \
    CODE(write_##seg, "mov (%esi),%" #seg "\n mov %ecx,%" #seg ":(%ebx)");                         \
    LABEL(pop_##seg##_at);                                                                         \
    LABEL(mem_##seg##_use)
LOADS(ds);
LOADS(es);
LOADS(fs);
LOADS(gs);

struct form {
    const char *name, *code, *fault; /* where a load that faults is; NULL: at the start */
};
enum { FORMS = 4 };
static const struct {
    const char *name;
    struct form form[FORMS]; /* the last with SEL(0) known */
    const char *write;
} segs[] = {
#define FORMS_OF(seg)                                                                              \
    {                                                                                              \
#seg, {{"memory", mem_##seg, NULL },                                                       \
                {"POP", pop_##seg, pop_##seg##_at },                                               \
                 {"register", reg_##seg, NULL },                                                   \
                  {"known register", known_##seg, known_##seg + 5 } }, write_##seg                 \
    }
    FORMS_OF(ds),
    FORMS_OF(es),
    FORMS_OF(fs),
    FORMS_OF(gs),
};

/* A descriptor and what comes of it at level 0 with RPL rpl. */
static const struct kind {
    const char *name;
    u16 access;
    u8 rpl;
    int vec;    /* of the load; -1: none */
    u32 limit;  /* in pages or bytes as SEG_G says */
    bool moved; /* not at 0 */
} kinds[] = {
    {"flat", SEG_PRESENT | SEG_DATA_RW | SEG_G | SEG_DB, 0, -1, 0xfffff, false},
    {"flat, of level 3", SEG_PRESENT | SEG_DPL(3) | SEG_DATA_RW | SEG_G | SEG_DB, 3, -1, 0xfffff,
     false},
    {"flat, of level 0 with RPL 3", SEG_PRESENT | SEG_DATA_RW | SEG_G | SEG_DB, 3, VEC_GP, 0xfffff,
     false},
    {"flat, of level 1 with RPL 2", SEG_PRESENT | SEG_DPL(1) | SEG_DATA_RW | SEG_G | SEG_DB, 2,
     VEC_GP, 0xfffff, false},
    {"flat, of level 2 with RPL 1", SEG_PRESENT | SEG_DPL(2) | SEG_DATA_RW | SEG_G | SEG_DB, 1, -1,
     0xfffff, false},
    {"16-bit", SEG_PRESENT | SEG_DATA_RW | SEG_G, 0, -1, 0xfffff, false},
    {"of 4 GiB elsewhere", SEG_PRESENT | SEG_DATA_RW | SEG_G | SEG_DB, 0, -1, 0xfffff, true},
    {"of a page less", SEG_PRESENT | SEG_DATA_RW | SEG_G | SEG_DB, 0, -1, 0xffffe, true},
    {"of 1 MiB", SEG_PRESENT | SEG_DATA_RW | SEG_DB, 0, -1, 0xfffff, true},
    {"of a page", SEG_PRESENT | SEG_DATA_RW | SEG_DB, 0, -1, 0xfff, true},
    {"expand-down", SEG_PRESENT | SEG_DATA_DOWN | SEG_G | SEG_DB, 0, -1, 0xfffff, true},
    {"read-only", SEG_PRESENT | SEG_DATA_RO | SEG_G | SEG_DB, 0, -1, 0xfffff, true},
    {"code", SEG_PRESENT | SEG_CODE_RX | SEG_G | SEG_DB, 0, -1, 0xfffff, true},
    {"conforming code of level 0 with RPL 3", SEG_PRESENT | SEG_CODE_CONFORM | SEG_G | SEG_DB, 3,
     -1, 0xfffff, true},
    {"execute-only code", SEG_PRESENT | SEG_CODE_X | SEG_G | SEG_DB, 0, VEC_GP, 0xfffff, false},
    {"absent", SEG_DATA_RW | SEG_G | SEG_DB, 0, VEC_NP, 0xfffff, false},
    {"a TSS", SEG_PRESENT | SEG_TSS | SEG_G, 0, VEC_GP, 0xfffff, false},
    {"a call gate", SEG_PRESENT | SEG_CALL, 0, VEC_GP, 0xfffff, false},
};

static void load_one(unsigned s, unsigned f, const struct kind *k, unsigned sel, bool accessed)
{
    const struct form *form = &segs[s].form[f];
    u32 word = sel | k->rpl;
    struct regs r;
    /* the data lies at offset 4096 of a moved segment, in a segment at 0 where it is */
    gdt_set(sel, k->moved ? (u32)data - 4096 : 0, k->limit, k->access | (accessed ? 1 : 0));
    regs_init(&r, form->code, 0);
    r.eax = word | 0xabcd0000, r.esi = (ul)&word;
    r.ebx = k->moved ? 4096 + 0x40 : (ul)data + 0x40;
    run(&r);
    const bool outside = k->vec < 0 && ((k->access & 0x1c) == (SEG_DATA_DOWN & 0x1c) ||
                                        (k->limit == 0xfff && !(k->access & SEG_G)));
    const int want = k->vec >= 0 ? k->vec : outside ? VEC_GP : VEC_DONE;
    if ((int)r.vec != want)
        complain("%s, %s: vector %lu, expected %d", segs[s].name, form->name, r.vec, want);
    if (k->vec >= 0) {
        equal("error", r.err, sel);
        equal("ip", r.rip, (ul)(form->fault ? form->fault : form->code));
        equal("selector", (&r.ds)[s], s < 2 ? SEL_DATA : 0);
        equal("accessed", *gdt_entry(sel) >> 40 & 1, accessed | (k->access & 1));
        return;
    }
    equal("selector", (&r.ds)[s], word & 0xffff);
    equal("accessed", *gdt_entry(sel) >> 40 & 1, 1);
    if (outside)
        equal("error", r.err, 0);
    else
        equal("value", r.ecx, 0x40);
    if (!outside && want == VEC_DONE) {
        const bool ro = (k->access & 0x1a) != SEG_DATA_RW;
        regs_init(&r, segs[s].write, 0);
        r.esi = (ul)&word, r.ebx = k->moved ? 4096 + 0x40 : (ul)data + 0x40;
        r.ecx = 0x40;
        run_expect(&r, ro ? VEC_GP : VEC_DONE);
    }
}

static void loads(void)
{
    for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (unsigned s = 0; s < sizeof segs / sizeof *segs; s++)
            for (unsigned f = 0; f < FORMS; f++)
                for (unsigned accessed = 0; accessed < 2; accessed++) {
                    if (f == FORMS - 1 && kinds[k].rpl)
                        continue;
                    /* what is usual, so that it is translated for that; then this; and once more */
                    load_one(s, f, &kinds[0], SEL(0), true);
                    load_one(s, f, &kinds[k], SEL(0), accessed);
                    load_one(s, f, &kinds[k], SEL(0), true);
                }
        check("level 0 loads DS, ES, FS and GS with a segment that is %s", kinds[k].name);
    }
    for (unsigned s = 0; s < sizeof segs / sizeof *segs; s++)
        for (unsigned f = 0; f + 1 < FORMS; f++)
            for (unsigned n = 0; n < 12; n++) {
                u32 word = n % 3 ? n & 3 : SEL_DATA;
                struct regs r;
                regs_init(&r, segs[s].form[f].code, 0);
                r.eax = word, r.esi = (ul)&word, r.ebx = (ul)data + 0x40;
                run_expect(&r, n % 3 ? VEC_GP : VEC_DONE);
                equal("selector", (&r.ds)[s], word);
                if (n % 3) {
                    equal("error", r.err, 0);
                    if (f == 0)
                        equal("ip", r.rip,
                              (ul)(s == 0   ? mem_ds_use
                                   : s == 1 ? mem_es_use
                                   : s == 2 ? mem_fs_use
                                            : mem_gs_use));
                }
            }
    check("null selectors and others in turn");
    for (unsigned s = 0; s < sizeof segs / sizeof *segs; s++)
        for (unsigned f = 0; f + 1 < FORMS; f++)
            for (unsigned n = 0; n < 3; n++) {
                u32 word = n == 0 ? 0x1000 : n == 1 ? SEL(0) | 4 : 0xfff8;
                struct regs r;
                regs_init(&r, segs[s].form[f].code, 0);
                r.eax = word, r.esi = (ul)&word, r.ebx = (ul)data;
                run_expect(&r, VEC_GP);
                equal("error", r.err, word);
                equal("selector", (&r.ds)[s], s < 2 ? SEL_DATA : 0);
            }
    check("selectors beyond the GDT and of an LDT that is not there");
    struct {
        u16 limit;
        u32 base;
    } __attribute__((packed)) whole, part;
    asm volatile("sgdt %0" : "=m"(whole));
    part = whole;
    for (unsigned n = 0; n < 12; n++) {
        part.limit = (u16)(SEL(0) + 4 + n); /* the descriptor ends at 7 */
        u32 word = SEL(0);
        struct regs r;
        gdt_set(SEL(0), 0, 0xfffff, SEG_PRESENT | SEG_DATA_RW | SEG_G | SEG_DB | 1);
        asm volatile("lgdt %0" ::"m"(part));
        for (unsigned s = 0; s < sizeof segs / sizeof *segs; s++) {
            regs_init(&r, segs[s].form[n % 2].code, 0);
            r.eax = word, r.esi = (ul)&word, r.ebx = (ul)data + 0x40;
            run_expect(&r, n < 3 ? VEC_GP : VEC_DONE);
        }
    }
    asm volatile("lgdt %0" ::"m"(whole));
    check("a limit of the GDT that cuts the descriptor off");
}

/* FS changes between null and two segments of the same selector: base and mode follow. */
CODE(turns, "xor %edi,%edi\n 1: mov (%esi),%fs\n mov %fs:(%ebx),%eax\n add %eax,%edi\n push %fs\n"
            " pop %gs\n mov %gs:(%ebx),%eax\n add %eax,%edi\n movl $0,%es:0(%ebp)\n"
            " mov 0(%ebp),%fs\n mov %fs,%edx\n test %edx,%edx\n jnz 2f\n dec %ecx\n jnz 1b\n 2:");

static void bases(void)
{
    struct regs r;
    for (u32 n = 0; n < 20; n++) {
        u32 word = SEL(1), zero = 0;
        gdt_set(SEL(1), (u32)data + 0x100 * n, 0xfffff,
                SEG_PRESENT | SEG_DATA_RW | SEG_G | SEG_DB | 1);
        regs_init(&r, turns, 0);
        r.ecx = 500, r.esi = (ul)&word, r.ebx = 8, r.ebp = (ul)&zero;
        run_expect(&r, VEC_DONE);
        equal("sum", r.edi, 1000 * (0x100 * n + 8));
        equal("fs", r.fs, 0);
        equal("gs", r.gs, SEL(1));
    }
    check("a segment that is elsewhere each time, and null in between");
}

/* ---- SYSENTER, SYSEXIT ---- */

CODE(enter_stop, "nop");
CODE(enter_exit, "incl count\n mov %ebp,%ecx\n mov %esi,%edx\n sysexit");
CODE(enter_sti_exit, "mov %ebp,%ecx\n mov %esi,%edx\n sti\n sysexit");
CODE(user_enter, "sysenter\n.globl user_entered\nuser_entered: mov $0x1234,%eax");
CODE(user_again, "1: sysenter\n.globl user_again_at\nuser_again_at: dec %edi\n jnz 1b\n"
                 " .globl user_push\nuser_push: push %eax\n mov 1(%esp),%eax\n pushf\n pop %eax");
CODE(user_cli, "sysenter\n.globl user_cli_at\nuser_cli_at: cli\n nop");
CODE(kernel_exit, "sysexit");
CODE(enter_popf_exit, "push %edi\n popf\n mov %ebp,%ecx\n mov %esi,%edx\n sysexit");
LABEL(user_entered);
LABEL(user_again_at);
LABEL(user_push);
LABEL(user_cli_at);
u32 count;
static u8 *kernel_stack;

static void enter_init(struct regs *r, const char *code, const char *kernel, const char *back)
{
    wrmsr(MSR_SYSENTER_CS, SEL_CODE);
    wrmsr(MSR_SYSENTER_ESP, (ul)kernel_stack + 4096);
    wrmsr(MSR_SYSENTER_EIP, (ul)kernel);
    regs_init(r, code, 3);
    r->ebp = r->esp, r->esi = (ul)back;
}

static ul irq_at, irq_cs, irq_flags;
static bool note_irq(struct frame *f)
{
    irq_at = f->rip, irq_cs = f->cs & 0xffff, irq_flags = f->rflags;
    return count_irq(f);
}

static void sysenter(void)
{
    static const ul with[] = {0,
                              FLAG_IF,
                              FLAG_IOPL,
                              0x1000,
                              FLAG_AC,
                              FLAG_AC | FLAG_IF,
                              FLAG_NT | FLAG_ID,
                              FLAG_DF | FLAG_ARITH,
                              FLAG_IF | FLAG_IOPL};
    struct regs r;
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < sizeof with / sizeof *with; i++) {
            enter_init(&r, user_enter, enter_stop, user_entered);
            r.eflags |= with[i];
            run_expect(&r, VEC_DONE);
            equal("flags", r.eflags, FLAG_FIXED | (with[i] & ~(ul)FLAG_IF));
            equal("cs", r.cs, SEL_CODE);
            equal("ss", r.ss, SEL_DATA);
            equal("eip", r.eip, (ul)enter_stop + 3);

            enter_init(&r, user_enter, enter_exit, user_entered);
            const ul esp = r.esp;
            count = 0;
            r.eflags |= with[i] & ~(ul)FLAG_ARITH;
            run_expect(&r, VEC_DONE);
            equal("entries", count, 1);
            equal("flags", r.eflags & ~(ul)FLAG_ARITH,
                  FLAG_FIXED | (with[i] & ~(ul)(FLAG_IF | FLAG_ARITH)));
            equal("cs", r.cs, SEL_UCODE);
            equal("ss", r.ss, SEL_UDATA);
            equal("esp", r.esp, esp);
            equal("eax", r.eax, 0x1234);

            enter_init(&r, user_again, enter_exit, user_again_at);
            count = 0, r.edi = 300;
            r.eflags |= with[i] & ~(ul)FLAG_DF;
            run_expect(&r, VEC_DONE);
            equal("entries in a loop", count, 300);
        }
    check("SYSENTER and SYSEXIT with flags of all kinds");

    write_cr0(read_cr0() | CR0_AM);
    for (unsigned i = 0; i < 6; i++) {
        enter_init(&r, user_again, enter_exit, user_again_at);
        r.edi = 3;
        r.eflags |= i & 1 ? FLAG_AC : 0;
        run_expect(&r, i & 1 ? VEC_AC : VEC_DONE);
        if (i & 1)
            equal("eip", r.eip, (ul)user_push + 1);
    }
    write_cr0(read_cr0() & ~(ul)CR0_AM);
    check("alignment checks are on again behind SYSEXIT");

    const ul cr4 = read_cr4();
    for (unsigned i = 0; i < 6; i++) {
        write_cr4(i & 1 ? cr4 | 2 : cr4); /* PVI */
        enter_init(&r, user_cli, enter_exit, user_cli_at);
        r.eflags |= FLAG_VIF;
        run_expect(&r, i & 1 ? VEC_DONE : VEC_GP);
        equal("VIF", r.eflags & FLAG_VIF, i & 1 ? 0 : FLAG_VIF);
    }
    write_cr4(cr4);
    check("protected-mode virtual interrupts are there behind SYSEXIT");

    for (unsigned i = 0; i < 12; i++) {
        const ul iopl = i % 4;
        enter_init(&r, user_cli, enter_popf_exit, user_cli_at);
        r.edi = FLAG_FIXED | iopl << 12;
        run_expect(&r, iopl == 3 ? VEC_DONE : VEC_GP);
    }
    check("the IOPL that POPF sets counts behind SYSEXIT");

    for (unsigned i = 0; i < 2; i++) {
        enter_init(&r, user_enter, enter_exit, user_entered);
        wrmsr(MSR_SYSENTER_CS, i ? 3 : 0);
        run_expect(&r, VEC_GP);
        equal("error", r.err, 0);
        equal("eip", r.eip, (ul)user_enter);
        equal("cs", r.cs, SEL_UCODE);
        regs_init(&r, kernel_exit, 0);
        run_expect(&r, VEC_GP);
        equal("error", r.err, 0);
        equal("eip", r.eip, (ul)kernel_exit);
    }
    wrmsr(MSR_SYSENTER_CS, SEL_CODE);
    regs_init(&r, kernel_exit, 3);
    run_expect(&r, VEC_GP);
    check("SYSENTER and SYSEXIT with a null selector, SYSEXIT at level 3");

    /* The steps of a user that is stepped through go on in the kernel: SYSENTER leaves TF. */
    enter_init(&r, user_enter, enter_stop, user_entered);
    r.eflags |= FLAG_TF;
    run_expect(&r, VEC_DB);
    equal("eip", r.eip, (ul)enter_stop);
    equal("cs", r.cs, SEL_CODE);
    check("SYSENTER under single steps");

    set_handler(VEC_IPI, note_irq);
    for (unsigned i = 0; i < 4; i++) {
        enter_init(&r, user_enter, enter_sti_exit, user_entered);
        apic_self_ipi(VEC_IPI);
        irq_at = 0;
        run_expect(&r, VEC_DONE);
        equal("interrupted at", irq_at, (ul)user_entered);
        equal("cs", irq_cs, SEL_UCODE);
    }
    set_handler(VEC_IPI, NULL);
    check("SYSEXIT behind STI: an interrupt comes at level 3");
}

/* ---- POPF ---- */

CODE(popf_code, "push %eax\n popf\n.globl popf_next\npopf_next: nop\n pushf\n pop %ecx");
CODE(popf_loop, "1: pushf\n pop %eax\n xor %ebx,%eax\n push %eax\n popf\n dec %ecx\n jnz 1b\n"
                " pushf\n pop %edx");
LABEL(popf_next);

static void popf(void)
{
    static const ul values[] = {0,
                                FLAG_ARITH,
                                FLAG_DF,
                                FLAG_NT,
                                FLAG_IOPL,
                                0x2000,
                                FLAG_AC,
                                FLAG_ID,
                                FLAG_AC | FLAG_IOPL | FLAG_ID | FLAG_ARITH,
                                FLAG_RF | FLAG_VM | FLAG_VIF | FLAG_VIP | 0xffc08028};
    struct regs r;
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
            for (unsigned before = 0; before < sizeof values / sizeof *values - 1; before++) {
                const ul taken = FLAG_ARITH | FLAG_DF | FLAG_NT | FLAG_IOPL | FLAG_AC | FLAG_ID;
                regs_init(&r, popf_code, 0);
                r.eax = values[i];
                r.eflags |= values[before] & ~(ul)FLAG_DF;
                run_expect(&r, VEC_DONE);
                equal("flags", r.ecx, FLAG_FIXED | (values[i] & taken));
            }
    check("POPF at level 0 takes all flags but RF, VM, VIF and VIP");
    regs_init(&r, popf_loop, 0);
    r.ecx = 999, r.ebx = FLAG_CF | FLAG_AC | FLAG_IOPL;
    run_expect(&r, VEC_DONE);
    equal("flags", r.edx & (FLAG_AC | FLAG_IOPL), FLAG_AC | FLAG_IOPL);
    check("POPF in a loop that changes AC and IOPL each time");
    for (unsigned i = 0; i < 3; i++) {
        regs_init(&r, popf_code, 0);
        r.eax = FLAG_TF;
        run_expect(&r, VEC_DB);
        equal("eip", r.eip, (ul)popf_next + 1);
        equal("TF", r.eflags & FLAG_TF, FLAG_TF);
    }
    check("POPF that sets TF: a trap behind the next instruction");
    set_handler(VEC_IPI, note_irq);
    for (unsigned i = 0; i < 4; i++) {
        regs_init(&r, popf_code, 0);
        r.eax = FLAG_IF | FLAG_CF;
        apic_self_ipi(VEC_IPI);
        irq_at = 0;
        run_expect(&r, VEC_DONE);
        equal("interrupted at", irq_at, (ul)popf_next);
        equal("flags", irq_flags & 0xfff, FLAG_FIXED | FLAG_IF | FLAG_CF);
    }
    set_handler(VEC_IPI, NULL);
    check("POPF that sets IF: an interrupt comes at once");
}

void test_main(void)
{
    data = pages_alloc(16);
    kernel_stack = page_alloc();
    for (u32 i = 0; i < 16384; i++)
        data[i] = 4 * i;
    apic_enable();
    loads();
    bases();
    sysenter();
    popf();
}
