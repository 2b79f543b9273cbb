/* Floating point of Arm in the code generator: what arm_fp.c and arm_fp_convert.c share. */
#ifndef TCG_HOST_X86_64_ARM_FP_H
#define TCG_HOST_X86_64_ARM_FP_H

#include "tcg/host/x86_64/cg.h"
#include "tcg/ir/arm_fp.h"

/* tcg_cpu.host_const */
enum host_constant {
    HOST_ABS32,
    HOST_LEAST32,
    HOST_ABS64,
    HOST_LEAST64,
    HOST_SIGN32,
    /* arm_fp_flush.c: where the ordinary numbers start, and how far they go */
    HOST_LOW32,
    HOST_SPAN32,
    HOST_LOW64,
    HOST_SPAN64,
    /* the least numbers that have no fraction */
    HOST_WHOLE32,
    HOST_WHOLE64,
    HOST_ABS16,
    HOST_LEAST16,
};

enum { ARM_FP_FLUSH_XMM = 4 }; /* temporaries of arm_fp_check_operands() */

/* stub.fp_again */
enum { AGAIN_NEVER, AGAIN_COMPARED, AGAIN_32, AGAIN_64, AGAIN_RANGE };

enum {
    V_PTEST = 0x17 | MAP_0F38 | PP_66,
    V_MOVDDUP = 0x12 | MAP_0F | PP_F2,
};

/* What is looked for in a result. */
enum arm_fp_checks {
    CHECK_NONE,
    CHECK_NAN,
    CHECK_TINY, /* and NaNs */
};

/* An operation while it is emitted. */
struct arm_fp {
    struct cg *g;
    const struct ir_insn *i;
    bool scalar, half;
    int in[3];   /* operands */
    int slow[3]; /* where the exact way finds them */
    int dst;
    struct stub *ways[3]; /* to the exact way */
    unsigned way_count;
    int8_t xmm[8], gpr[3]; /* temporaries: see arm_fp_reserve() */
    unsigned xmm_count, gpr_count;
};

struct host_mem arm_fp_constant(enum host_constant which);
uint64_t arm_fp_what(const struct ir_insn *i);
void arm_fp_exact(struct cg *g, const struct ir_insn *i);
struct arm_fp arm_fp_begin(struct cg *g, const struct ir_insn *i);
void arm_fp_operand(struct arm_fp *f, unsigned k, ir_ref v);
void arm_fp_result(struct arm_fp *f);
/* Temporaries, and those of arm_fp_check_operands(). The exact way comes back behind the operation:
 * from its jump on no register may be made free, for what that stores would be left out. */
void arm_fp_reserve(struct arm_fp *f, unsigned xmm, unsigned gpr);
int arm_fp_xmm(struct arm_fp *f);
int arm_fp_gpr(struct arm_fp *f);
bool arm_fp_is_clean(const struct arm_fp *f, ir_ref v);
void arm_fp_clear_above(struct arm_fp *f, unsigned w);
int arm_fp_zero(struct arm_fp *f);
void arm_fp_end(struct arm_fp *f, ir_ref above);
/* The exact way joins here. */
void arm_fp_join(struct arm_fp *f);
/* The stub of a jump to the exact way. */
struct stub *arm_fp_slow(struct arm_fp *f, uint8_t *jump);
/* Of the result, whose lanes have width w. */
void arm_fp_check(struct arm_fp *f, unsigned w, enum arm_fp_checks what);
/* Numbers that may have a fraction, or else it is the exact way. */
void arm_fp_check_fraction(struct arm_fp *f, int v);
uint32_t arm_fp_prefix(const struct arm_fp *f);

/* arm_fp_flush.c: with FZ, the operands are numbers of which nothing tiny can come, or zeros, or
 * else it is the exact way; before the operation, behind arm_fp_result(). */
void arm_fp_check_operands(struct arm_fp *f);
void arm_fp_check_operands_again(struct cg *g, const struct stub *s);

/* arm_fp_convert.c; false: the exact way it is. */
bool arm_fp_convert(struct cg *g, const struct ir_insn *i);
bool arm_fp_to_int(struct cg *g, const struct ir_insn *i);
bool arm_fp_from_int(struct cg *g, const struct ir_insn *i);

#endif
