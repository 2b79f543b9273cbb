/*
 * One load or store as the back end compiles it, in line or as a shared routine. Private to
 * tcg/host/x86_64.
 */
#ifndef TCG_HOST_X86_64_ACCESS_H
#define TCG_HOST_X86_64_ACCESS_H

#include "tcg/host/x86_64/cg.h"

/* Always the slow way: other privilege than the mode's. */
bool access_slow_only(const struct access *a);
/* The TLB, with scratch registers t and u: t := addend (host address = addr + t). Returns the jump
 * of a miss. */
uint8_t *access_tlb_check(struct emit *e, const struct access *a, int t, int u);
uint8_t *access_tlb_check_span(struct emit *e, int addr, const struct span *s, int t, int u);
/* The same in the entries that lost their places (tlb.h); t and u are as the check before left them
 * when it missed. */
uint8_t *access_victim_check(struct emit *e, const struct access *a, int t, int u);
/* In the stub of a check in line that missed: goes on where it would have if the page is there.
 * Returns the jump of a miss. */
uint8_t *access_look_for_victim(struct cg *g, const struct stub *s);
/* Returns the jump of a misaligned address. */
uint8_t *access_alignment_check(struct emit *e, const struct access *a);
/* The access itself, at m. */
void access_move(struct emit *e, const struct access *a, struct host_mem m);
/* mov [m], imm of 1, 2, 4 or 8 bytes */
void access_store_const(struct emit *e, unsigned size, int32_t imm, struct host_mem m);
/* The opcode that stores a vector register, or its low part. */
uint32_t access_vec_store(unsigned width);
/* What the C function is told, which one it is, and where its result goes. */
void access_slow_arguments(struct emit *e, const struct access *a);
enum c_entry access_c_entry(const struct access *a);
void access_slow_result(struct emit *e, const struct access *a);

/* What a routine does. */
enum routine_kind {
    ROUTINE_ACCESS,   /* check, and access */
    ROUTINE_SLOW_WAY, /* call C */
    ROUTINE_VICTIMS,  /* check, among the victims too, and access; ZF says that C was not called */
};
/* A call of the routine for this access, made when it is the first of its kind. false: there is no
 * room for it. */
bool routine_call(struct cg *g, const struct access *a, enum routine_kind kind);
/* Where the routine with this key is, made when there is none, while code is written up to `used`;
 * NULL: no such key, or no room. code_lock held. */
const struct routine *routine_with_key(struct tcg_machine *tm, uint32_t key, const uint8_t *used);
/* The address v of an access with a shared check: register plus *disp. */
int share_address(struct cg *g, ir_ref v, int32_t *disp);
/* Where what shared checks found is, as far as it is needed further on. */
void share_known(const struct cg *g, uint16_t *registers, uint64_t *spills);
/* The code memory was flushed. */
void routine_flush(struct x86_backend *be);

#endif
