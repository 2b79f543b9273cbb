/*
 * x87 state as the files of the FPU share it, and the host's x87 as an executor of single
 * instructions. Private to tcg/x86. On the vCPU's thread.
 */
#ifndef TCG_X86_FPU_H
#define TCG_X86_FPU_H

#include "config.h"
#include "tcg/x86/sys.h"

enum {
    FSW_IE = 1 << 0,
    FSW_DE = 1 << 1,
    FSW_ZE = 1 << 2,
    FSW_OE = 1 << 3,
    FSW_UE = 1 << 4,
    FSW_PE = 1 << 5,
    FSW_EXCEPTIONS = 0x3f,
    FSW_SF = 1 << 6,
    FSW_ES = 1 << 7,
    FSW_C0 = 1 << 8,
    FSW_C1 = 1 << 9,
    FSW_C2 = 1 << 10,
    FSW_C3 = 1 << 14,
    FSW_TOP_SHIFT = 11,
    FSW_B = 1 << 15,
    FCW_MASKS = 0x3f,
    FCW_DEFAULT = 0x37f, /* of the host's C code, and after FNINIT */
};

static inline unsigned fpu_top(const struct x86_regs *r)
{
    return r->fsw >> FSW_TOP_SHIFT & 7;
}
static inline void fpu_set_top(struct x86_regs *r, unsigned top)
{
    r->fsw = (uint16_t)((r->fsw & ~(7u << FSW_TOP_SHIFT)) | (top & 7) << FSW_TOP_SHIFT);
}
/* Physical number of ST(i). */
static inline unsigned fpu_phys(const struct x86_regs *r, unsigned i)
{
    return (fpu_top(r) + i) & 7;
}
/* ES and B follow from the flags and masks. */
static inline void fpu_update_es(struct x86_regs *r)
{
    r->fsw &= (uint16_t) ~(FSW_ES | FSW_B);
    if (r->fsw & ~r->fcw & FSW_EXCEPTIONS)
        r->fsw |= FSW_ES | FSW_B;
}
/* CPUID.7.EBX: FCS and FDS are 0; FDP is written by instructions with an unmasked exception only,
 * and so is FOP on such processors. */
static inline bool fpu_zero_selectors(const struct x86_cpu_model *m)
{
    return m && x86_has(m, X86_FEAT_7_EBX, 1u << 13);
}
static inline bool fpu_data_on_exceptions(const struct x86_cpu_model *m)
{
    return m && x86_has(m, X86_FEAT_7_EBX, 1u << 6);
}
/* Before a waiting instruction; false: #MF was raised. */
bool fpu_check_pending(struct tcg_cpu *tc);
/* Before a pending exception is cleared. */
void fpu_end_pending(struct tcg_cpu *tc);
/* 2-bit tag of physical register n, as FNSTENV stores it: 0 valid, 1 zero, 2 special, 3 empty. */
unsigned fpu_full_tag(const struct x86_regs *r, unsigned n);
void fpu_init(struct x86_regs *r);

/* ---- the host's x87 (tcg/host/x86_64/x87.S)
 * ----------------------------------------------------------------------- */

/* FRSTOR/FNSAVE image, 32-bit protected format. */
struct x87_image {
    uint32_t cw, sw, tw, fip, fcs_fop, fdp, fds;
    uint8_t st[8][10];
} __attribute__((packed));
_Static_assert(sizeof(struct x87_image) == 108, "as FNSAVE stores it");

/* One stub an instruction, 4 bytes each: register forms by (byte & 7) << 6 | (ModRM & 63), memory
 * forms, whose operand is at the stub's argument, by (byte & 7) << 3 | /n. */
extern const uint8_t x87_stub_reg[512][4], x87_stub_mem[64][4];

/* Load the image, run the stub with arithmetic flags `flags` and memory operand mem, store the
 * image. Returns flags. */
uint64_t x87_host_full(struct x87_image *image, const void *stub, void *mem, uint64_t flags);

#if CONFIG_HOST_X87
/* st0 in, result in st0; returns the status word. The stub neither pushes nor pops. */
uint16_t x87_host_unary(void *st0, const void *stub, const void *mem);
/* st0 and another in ST(1); both are stored back. */
uint16_t x87_host_binary(void *st0, void *st1, const void *stub);
/* FCOMI and the like: the status word, and EFLAGS in bits 32 and up. */
uint64_t x87_host_comi(const void *st0, const void *st1, const void *stub);
/* A load: the pushed value goes to st0. */
uint16_t x87_host_push(void *st0, const void *stub, const void *mem);
/* A store that pops. */
uint16_t x87_host_pop(const void *st0, const void *stub, void *mem);

static inline uint16_t x87_host_status(void)
{
    uint16_t sw;
    __asm__ volatile("fnstsw %0" : "=a"(sw));
    return sw;
}
static inline void x87_host_clear(void)
{
    __asm__ volatile("fnclex");
}
static inline void x87_host_control(uint16_t cw)
{
    __asm__ volatile("fldcw %0" : : "m"(cw));
}
#else
/* Nobody comes to these: without an x87 there is no fast way (all_masked in fpu.c). */
static inline uint16_t x87_host_absent(void)
{
    __builtin_unreachable();
}
#define x87_host_unary(st0, stub, mem) ((void)(st0), (void)(stub), (void)(mem), x87_host_absent())
#define x87_host_binary(st0, st1, stub) ((void)(st0), (void)(st1), (void)(stub), x87_host_absent())
#define x87_host_comi(st0, st1, stub) ((void)(st0), (void)(st1), (void)(stub), x87_host_absent())
#define x87_host_push(st0, stub, mem) ((void)(st0), (void)(stub), (void)(mem), x87_host_absent())
#define x87_host_pop(st0, stub, mem) ((void)(st0), (void)(stub), (void)(mem), x87_host_absent())
#define x87_host_status() x87_host_absent()
#define x87_host_clear() ((void)x87_host_absent())
#define x87_host_control(cw) ((void)(cw), (void)x87_host_absent())
#endif

/* x87_host_full in software (tcg/x86/x87_soft.c); the stub is read, not run. It is x87_host_full on
 * hosts without an x87. */
uint64_t x87_soft_full(struct x87_image *image, const uint8_t *insn, void *mem, uint64_t flags);

#endif
