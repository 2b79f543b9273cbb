/*
 * Shared code: entering and leaving compiled code, calls into C, dynamic lookup. Emitted once per
 * machine at the start of the code memory.
 *
 * ENTER(env, code)   loads homes, flags, the context and the guest's FP control, jumps to code
 * LEAVE              stores homes and flags, restores the host's FP control and registers, returns
 * C + n              saves every register that values live in (of vector registers: none, the low
 *                    halves, or whole), calls thunk_fn[n](env); status set:
 * leaves with TCG_EXIT_STATUS and the return address, from which C finds the snapshot
 * ATOMIC + n         an atomic operation by the host's own instruction, or else C + C_ATOMIC
 */
#include "tcg/host/x86_64/access.h"

#include "core/util/error.h"

#define ENV_MEM(field) mem_at(ENV, TCG_ENV_OFFSET(field))

static const int8_t callee_saved[] = {RBX, RBP, R12, R13, R14, R15};

static void push(struct emit *e, int reg)
{
    emit_opcode(e, 0x50 | (unsigned)(reg & 7), 0, NO_REG, reg, false);
}
static void pop(struct emit *e, int reg)
{
    emit_opcode(e, 0x58 | (unsigned)(reg & 7), 0, NO_REG, reg, false);
}

/* op: X_MOV_LOAD or X_MOV_STORE; every home and the flags. */
static void move_homes(struct emit *e, const struct tcg_arch *arch, bool load)
{
    for (unsigned s = 0; s < arch->slot_count; s++) {
        int home = arch->slots[s].name ? target_home(arch, s) : NO_REG;
        if (home == NO_REG)
            continue;
        bool wide = arch->slots[s].type == IR_I64;
        struct host_mem m = mem_at(ENV, arch->slots[s].offset);
        if (load)
            emit_load(e, wide, home, m);
        else
            emit_store(e, wide ? 8 : 4, home, m);
    }
}

static void mxcsr(struct emit *e, bool store, struct host_mem m)
{
    emit_vex_rm(e, V_MXCSR, store ? 3 : 2, NO_REG, m);
}

static void enter(struct emit *e, const struct tcg_arch *arch)
{
    for (unsigned k = 0; k < sizeof callee_saved; k++)
        push(e, callee_saved[k]);
    emit_alu_imm(e, 8, G_SUB, RSP, 8); /* aligned to 16 here, as compiled code keeps it */
    emit_mov(e, true, ENV, RDI);
    emit_mov(e, true, RAX, RSI);
    mxcsr(e, false, ENV_MEM(guest_mxcsr));
    emit_load(e, true, CTX, ENV_MEM(ctx));
    move_homes(e, arch, true);
    emit_rr(e, 0xff, 4, RAX); /* jmp rax */
}

/* Registers of the host again, return to C. */
static void return_to_c(struct emit *e)
{
    emit_vzeroupper(e); /* C's SSE code would be slowed down by upper halves in use */
    mxcsr(e, true, ENV_MEM(guest_mxcsr));
    mxcsr(e, false, ENV_MEM(host_mxcsr));
    emit_alu_imm(e, 8, G_ADD, RSP, 8);
    for (unsigned k = sizeof callee_saved; k-- > 0;)
        pop(e, callee_saved[k]);
    emit_ret(e);
}

static void leave(struct emit *e, const struct tcg_arch *arch)
{
    move_homes(e, arch, false);
    return_to_c(e);
}

/* A call from a block that does not return: its address tells who. */
static void leave_from_call(struct emit *e, const uint8_t *leave_code, enum tcg_exit_kind kind)
{
    pop(e, RAX);
    emit_store(e, 8, RAX, ENV_MEM(ret_addr));
    emit_store_imm(e, false, ENV_MEM(leave_kind), (int32_t)kind);
    emit_jmp_to(e, leave_code);
}

static const int8_t saved[] = {RAX, RCX, RDX, RBX, RSI, RDI, R8, R9, R10, R11, R12, R13, R14};

static bool caller_saved(int reg)
{
    return reg == RAX || reg == RCX || reg == RDX || reg == RSI || reg == RDI ||
           (reg >= R8 && reg <= R11);
}

static struct host_mem gpr_mem(int reg)
{
    return mem_at(ENV, TCG_ENV_OFFSET(host_gpr) + 8 * reg);
}
static struct host_mem vec_mem(int reg)
{
    return mem_at(ENV, TCG_ENV_OFFSET(host_vec) + 32 * reg);
}

/* depth: calls between the block and here, less one; the stack is aligned at even ones. */
static void call_c(struct emit *e, unsigned fn, enum cg_live live, unsigned depth)
{
    uint32_t wide = live == LIVE_256 ? OPC_L : 0;
    bool align = !(depth & 1);
    for (unsigned k = 0; k < sizeof saved; k++)
        emit_store(e, 8, saved[k], gpr_mem(saved[k]));
    for (int k = 0; live && k < 16; k++)
        emit_vex_rm(e, V_MOVDQU_STORE | wide, k, NO_REG, vec_mem(k));
    emit_vzeroupper(e);
    emit_load(e, true, RAX, mem_at(RSP, 8 * (int)depth));
    emit_store(e, 8, RAX, ENV_MEM(ret_addr));
    if (align)
        emit_alu_imm(e, 8, G_SUB, RSP, 8);
    emit_mov(e, true, RDI, ENV);
    emit_rm(e, 0xff, 2, mem_at(ENV, TCG_ENV_OFFSET(thunk_fn) + 8 * (int)fn));
    if (align)
        emit_alu_imm(e, 8, G_ADD, RSP, 8);
    emit_rm(e, 0x83, 7, ENV_MEM(status));
    emit_u8(e, 0);
    uint8_t *fault = emit_jcc(e, CC_NE);
    emit_store(e, 8, RAX, mem_at(ENV, TCG_ENV_OFFSET(call_arg)));
    for (int k = 0; live && k < 16; k++)
        emit_vex_rm(e, V_MOVDQU_LOAD | wide, k, NO_REG, vec_mem(k));
    for (unsigned k = 0; k < sizeof saved; k++)
        if (caller_saved(saved[k]))
            emit_load(e, true, saved[k], gpr_mem(saved[k]));
    emit_ret(e);
    emit_patch(fault, e->p);
    emit_store_imm(e, false, ENV_MEM(leave_kind), TCG_EXIT_STATUS);
    emit_alu_imm(e, 8, G_ADD, RSP, 8 * ((int)depth + 1));
    return_to_c(e);
}

uint8_t *thunk_jump_probe(struct emit *e)
{
    emit_mov(e, true, RCX, RAX);
    emit_shift_imm(e, 8, G_SHR, RCX, 8);
    emit_alu(e, 4, X_XOR, RCX, RAX);
    emit_alu_imm(e, 4, G_AND, RCX, JUMP_CACHE_SIZE - 1);
    emit_shift_imm(e, 4, G_SHL, RCX, 4);
    emit_rm(e, X_CMP | OPC_W, RAX, mem_index(CTX, RCX, 0, offsetof(struct tcg_ctx, jumps)));
    uint8_t *missed = emit_jcc(e, CC_NE);
    emit_alu_imm(e, 8, G_AND, RAX, -(int32_t)MEM_PAGE_SIZE);
    emit_store(e, 8, RAX, ENV_MEM(pcb));
    emit_rm(e, 0xff, 4,
            mem_index(CTX, RCX, 0,
                      offsetof(struct tcg_ctx, jumps) + offsetof(struct jump_entry, code)));
    return missed;
}

/* Ways out of a look-up that failed. */
struct ways_out {
    uint8_t *jump[8];
    unsigned count;
};

static void out_if(struct emit *e, struct ways_out *o, unsigned cc)
{
    o->jump[o->count++] = emit_jcc(e, cc);
}

/* Nothing is pending that the run loop would have to look at. RCX: the mode word. */
static void test_events(struct emit *e, const struct tcg_arch *arch, struct ways_out *o)
{
    emit_load(e, true, RDX, ENV_MEM(vcpu));
    emit_rm(e, 0x83, 7, mem_at(RDX, offsetof(struct vcpu, interrupt)));
    emit_u8(e, 0);
    out_if(e, o, CC_NE);
    emit_rr(e, 0xf7, 0, RCX);
    emit_u32(e, (uint32_t)arch->event_modes);
    out_if(e, o, CC_NE);
}

/* To the block of the PC in the register file, else out of compiled code. */
static void jump_or_leave(struct emit *e, const struct tcg_arch *arch, const uint8_t *leave_code,
                          struct ways_out *o, enum tcg_exit_kind kind)
{
    emit_load(e, true, RAX, mem_at(ENV, arch->slots[arch->slot_pc].offset));
    o->jump[o->count++] = thunk_jump_probe(e);
    for (unsigned k = 0; k < o->count; k++)
        emit_patch(o->jump[k], e->p);
    emit_store_imm(e, true, ENV_MEM(ret_addr), 0);
    emit_store_imm(e, false, ENV_MEM(leave_kind), (int32_t)kind);
    emit_jmp_to(e, leave_code);
}

static void test_exit_request(struct emit *e, struct ways_out *o)
{
    emit_rm(e, 0x83, 7, ENV_MEM(exit_request));
    emit_u8(e, 0);
    out_if(e, o, CC_NE);
}

/* The jump cache, for the PC in the register file and whatever mode a helper left behind. */
static void dyn(struct emit *e, const struct tcg_arch *arch, const uint8_t *leave_code, bool events)
{
    struct ways_out o = {.count = 0};
    emit_load(e, true, CTX, ENV_MEM(ctx));
    test_exit_request(e, &o);
    emit_load(e, true, RCX, ENV_MEM(mode));
    if (events)
        test_events(e, arch, &o);
    emit_rm(e, X_CMP | OPC_W, RCX, mem_at(CTX, offsetof(struct tcg_ctx, jump_mode)));
    out_if(e, &o, CC_NE);
    emit_mov_imm(e, RDX, arch->flat_pc_mode);
    emit_alu(e, 8, X_AND, RCX, RDX);
    emit_alu(e, 8, X_CMP, RCX, RDX);
    out_if(e, &o, CC_NE);
    jump_or_leave(e, arch, leave_code, &o, events ? TCG_EXIT_EVENTS : TCG_EXIT_DYN);
}

/*
 * The same in the mode word RCX, one with flat_pc_mode: into the context of the space for that MMU
 * index which is of this mode, most likely the one that ran last. Else the run loop finds out what
 * the mode is.
 */
static void dyn_mode(struct emit *e, const struct tcg_arch *arch, const uint8_t *leave_code,
                     unsigned index, bool events)
{
    struct ways_out o = {.count = 0}, other = {.count = 0};
    uint8_t *found[TLB_MODES];
    const size_t space = offsetof(struct tcg_root, space) + index * sizeof(struct tcg_space);
    const struct host_mem last = mem_at(RAX, (int32_t)(space + offsetof(struct tcg_space, last))),
                          mode = mem_at(RDX, (int32_t)offsetof(struct tcg_ctx, jump_mode));
    emit_load(e, true, RAX, ENV_MEM(mmu));
    emit_load(e, true, RAX, mem_at(RAX, offsetof(struct tcg_mmu, root)));
    emit_load(e, true, RDX, last);
    for (unsigned k = 0; k < TLB_MODES; k++) {
        emit_alu(e, 8, X_TEST, RDX, RDX);
        out_if(e, &other, CC_E);
        emit_rm(e, X_CMP | OPC_W, RCX, mode);
        found[k] = emit_jcc(e, CC_E);
        emit_load(e, true, RDX,
                  mem_at(RAX, (int32_t)(space + offsetof(struct tcg_space, ctx) + 8 * k)));
    }
    emit_alu(e, 8, X_TEST, RDX, RDX);
    out_if(e, &other, CC_E);
    emit_rm(e, X_CMP | OPC_W, RCX, mode);
    out_if(e, &other, CC_NE);
    for (unsigned k = 0; k < TLB_MODES; k++)
        emit_patch(found[k], e->p);
    emit_rm(e, 0x80 | OPC_BYTE, 7,
            mem_at(RDX, (int32_t)offsetof(struct tcg_ctx, exec) +
                            (int32_t)offsetof(struct exec_pages, unproved)));
    emit_u8(e, 0);
    out_if(e, &other, CC_NE);
    emit_store(e, 8, RDX, last);
    emit_store(e, 8, RCX, ENV_MEM(mode));
    emit_store(e, 8, RDX, ENV_MEM(ctx));
    emit_mov(e, true, CTX, RDX);
    test_exit_request(e, &o);
    if (events)
        test_events(e, arch, &o);
    jump_or_leave(e, arch, leave_code, &o, events ? TCG_EXIT_EVENTS : TCG_EXIT_DYN);
    for (unsigned k = 0; k < other.count; k++)
        emit_patch(other.jump[k], e->p);
    emit_store_imm(e, true, ENV_MEM(ret_addr), 0);
    emit_store_imm(e, false, ENV_MEM(leave_kind), TCG_EXIT_MODE);
    emit_jmp_to(e, leave_code);
}

/* RAX := the virtual clock, by struct clock_reading; slow: C, when that is not valid now. */
static void clock_read(struct emit *e, const uint8_t *slow)
{
#define READING(field) mem_at(RCX, offsetof(struct clock_reading, field))
    push(e, RBX);
    emit_load(e, true, RCX, ENV_MEM(clock));
    const uint8_t *again = e->p;
    emit_load(e, false, RBX, READING(seq));
    emit_u8(e, 0x0f); /* rdtsc */
    emit_u8(e, 0x31);
    emit_shift_imm(e, 8, G_SHL, RDX, 32);
    emit_alu(e, 8, X_OR, RAX, RDX);
    emit_rm(e, X_SUB | OPC_W, RAX, READING(base));
    emit_rm(e, X_CMP | OPC_W, RAX, READING(span));
    uint8_t *beyond = emit_jcc(e, CC_AE);
    emit_rm(e, 0xf7 | OPC_W, 4, READING(mult));  /* mul */
    emit_rr(e, 0xac | MAP_0F | OPC_W, RDX, RAX); /* shrd rax, rdx, 32 */
    emit_u8(e, 32);
    emit_rm(e, X_ADD | OPC_W, RAX, READING(ns));
    emit_rm(e, X_CMP, RBX, READING(seq));
    emit_patch(emit_jcc(e, CC_NE), again);
    emit_rr(e, 0xf6 | OPC_BYTE, 0, RBX); /* test bl, 1: being changed */
    emit_u8(e, 1);
    emit_patch(emit_jcc(e, CC_NE), again);
    pop(e, RBX);
    emit_ret(e);
    emit_patch(beyond, e->p);
    pop(e, RBX);
    emit_call_to(e, slow);
    emit_load(e, true, RAX, mem_at(ENV, TCG_ENV_OFFSET(call_arg)));
    emit_ret(e);
#undef READING
}

/* ---- atomic operations
 * -------------------------------------------------------------------------------------- */

/* lock op [m], reg */
static void locked(struct emit *e, uint32_t op, unsigned width, int reg, struct host_mem m)
{
    static const uint32_t size[] = {OPC_BYTE, PP_66, 0, OPC_W};
    emit_u8(e, 0xf0);
    emit_rm(e, (op + (width != IR_W8)) | size[width], reg, m);
}

/* RAX := what was at RCX, which the operation is done to. RDX is used. */
static void host_atomic(struct emit *e, unsigned op, unsigned width)
{
    enum { CMPXCHG = 0xb0 | MAP_0F, XADD = 0xc0 | MAP_0F, XCHG = 0x86 };
    static const uint32_t alu[ATOMIC_OPS] = {[IR_FETCH_AND - IR_XCHG] = X_AND,
                                             [IR_FETCH_OR - IR_XCHG] = X_OR,
                                             [IR_FETCH_XOR - IR_XCHG] = X_XOR};
    const struct access load = {.attr = (uint16_t)width, .wide = true, .data = RAX};
    const struct host_mem m = mem_at(RCX, 0), value = cg_arg_mem(1);
    const bool wide = width == IR_W64;
    switch ((enum ir_op)(op + IR_XCHG)) {
    case IR_XCHG:
    case IR_FETCH_ADD:
        emit_load(e, wide, RAX, value);
        locked(e, op + IR_XCHG == IR_XCHG ? XCHG : XADD, width, RAX, m);
        break;
    case IR_CMPXCHG:
        emit_load(e, wide, RAX, cg_arg_mem(2));
        emit_load(e, wide, RDX, value);
        locked(e, CMPXCHG, width, RDX, m);
        break;
    default:
        access_move(e, &load, m);
        const uint8_t *again = e->p;
        emit_mov(e, wide, RDX, RAX);
        emit_rm(e, alu[op] | (wide ? OPC_W : 0), RDX, value);
        locked(e, CMPXCHG, width, RDX, m);
        emit_patch(emit_jcc(e, CC_NE), again);
        break;
    }
    if (width < IR_W32)
        emit_rr(e, width == IR_W8 ? X_MOVZX8 : X_MOVZX16, RAX, RAX);
}

/* Every register is kept. Only what is aligned is done here: a line that is split would stop the
 * host's bus. */
static void atomic(struct emit *e, unsigned op, unsigned width, const uint8_t *slow)
{
    static const int8_t used[] = {RAX, RCX, RDX};
    const struct span span = {.hi = 1 << width, .write = true};
    const struct access a = {.attr = (uint16_t)width, .addr = RCX};
    for (unsigned k = 0; k < sizeof used; k++)
        push(e, used[k]);
    emit_load(e, true, RCX, cg_arg_mem(0));
    uint8_t *missed = access_tlb_check_span(e, RCX, &span, RDX, RAX);
    uint8_t *odd = width ? access_alignment_check(e, &a) : NULL;
    emit_alu(e, 8, X_ADD, RCX, RDX);
    host_atomic(e, op, width);
    emit_store(e, 8, RAX, cg_arg_mem(0));
    for (unsigned k = sizeof used; k-- > 0;)
        pop(e, used[k]);
    emit_ret(e);
    emit_patch(missed, e->p);
    if (odd)
        emit_patch(odd, e->p);
    for (unsigned k = sizeof used; k-- > 0;)
        pop(e, used[k]);
    emit_jmp_to(e, slow);
}

bool thunks_emit(struct tcg_machine *tm, struct x86_backend *be)
{
    const struct tcg_arch *arch = tm->arch;
    struct emit e = {.p = be->write, .start = be->write, .end = be->write + 32768};
    const uint8_t *at[THUNK_COUNT];
    struct host_mem pc = mem_at(ENV, arch->slots[arch->slot_pc].offset);

    at[THUNK_ENTER] = e.p;
    enter(&e, arch);
    at[THUNK_LEAVE] = e.p;
    leave(&e, arch);
    at[THUNK_LINK] = e.p;
    leave_from_call(&e, at[THUNK_LEAVE], TCG_EXIT_LINK);
    at[THUNK_DEAD] = e.p;
    leave_from_call(&e, at[THUNK_LEAVE], TCG_EXIT_DYN);
    at[THUNK_DYN] = e.p;
    dyn(&e, arch, at[THUNK_LEAVE], false);
    at[THUNK_EVENTS] = e.p;
    dyn(&e, arch, at[THUNK_LEAVE], true);
    for (unsigned n = 0; n < 2 * TLB_MAX_INDEX; n++) {
        at[THUNK_MODE + n] = e.p;
        dyn_mode(&e, arch, at[THUNK_LEAVE], n / 2, n & 1);
    }
    at[THUNK_RETURN] = e.p;
    emit_store_imm(&e, true, ENV_MEM(ret_addr), 0);
    emit_store_imm(&e, false, ENV_MEM(leave_kind), TCG_EXIT_EVENTS);
    emit_jmp_to(&e, at[THUNK_LEAVE]);
    at[THUNK_INDIRECT_MISS] = e.p;
    emit_store(&e, 8, RAX, pc);
    emit_store_imm(&e, true, ENV_MEM(ret_addr), 0);
    emit_store_imm(&e, false, ENV_MEM(leave_kind), TCG_EXIT_DYN);
    emit_jmp_to(&e, at[THUNK_LEAVE]);
    for (unsigned k = 0; k < C_ENTRIES; k++) {
        at[THUNK_C + k] = e.p;
        call_c(&e, k, LIVE_NONE, 0);
        at[THUNK_C_XMM + k] = e.p;
        call_c(&e, k, LIVE_128, 0);
        at[THUNK_C_YMM + k] = e.p;
        call_c(&e, k, LIVE_256, 0);
    }
    for (unsigned k = C_LOAD; k <= C_STORE_VEC; k++) {
        at[THUNK_ROUTINE + k] = e.p;
        call_c(&e, k, LIVE_NONE, 1);
        at[THUNK_ROUTINE_XMM + k] = e.p;
        call_c(&e, k, LIVE_128, 1);
        at[THUNK_ROUTINE_YMM + k] = e.p;
        call_c(&e, k, LIVE_256, 1);
    }
    for (unsigned live = LIVE_NONE; live <= LIVE_256; live++) {
        const uint8_t *slow = e.p;
        call_c(&e, C_CLOCK, (enum cg_live)live, 1);
        at[THUNK_CLOCK + live] = e.p;
        clock_read(&e, slow);
    }
    for (unsigned k = 0; k < (LIVE_256 + 1) * ATOMICS; k++) {
        at[THUNK_ATOMIC + k] = e.p;
        atomic(&e, k % ATOMICS / ATOMIC_WIDTHS, k % ATOMIC_WIDTHS,
               at[cg_call_thunk((enum cg_live)(k / ATOMICS), C_ATOMIC)]);
    }
    for (unsigned k = 0; k < THUNK_COUNT; k++)
        be->thunk[k] = at[k] - be->write + be->exec;
    be->thunks_end = (uint64_t)(e.p - be->write + 63) & ~UINT64_C(63);
    return true;
}
