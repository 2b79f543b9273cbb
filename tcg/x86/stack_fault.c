/*
 * A non-canonical address raises #SS(0) when the access was made through the stack segment and
 * #GP(0) otherwise (SDM vol. 3, chapter "Interrupt and Exception Handling"). The page walk does not
 * know which it was, and telling it would cost every access: when it happens, the instruction is
 * looked at again.
 */
#include "core/util/range.h"
#include "tcg/x86/decode.h"
#include "tcg/x86/sys.h"

/* The bytes at RIP, as far as they can be read. */
static unsigned fetch(struct tcg_cpu *tc, uint8_t *bytes, unsigned max)
{
    const uint64_t pc = x86_regs_of(tc)->rip;
    struct tcg_walk w;
    unsigned n;
    for (n = 0; n < max; n++) {
        uint64_t addr = tc->arch->code_address(tc, pc + n), v = 0;
        if (!x86_walk(tc, addr, TCG_FETCH, tc->arch->mmu_index(tc), true, &w))
            break;
        if (mem_read(tc->memory, w.paddr | (addr & (MEM_PAGE_SIZE - 1)), 1, &v) != MEM_OK)
            break;
        bytes[n] = (uint8_t)v;
    }
    return n;
}

/* Does it access the stack by RSP, or (LEAVE) RBP, besides a memory operand? */
static bool uses_stack(const struct x86_insn *i)
{
    static const uint8_t ranges[][2] = {{0x50, 0x5f}, {0x68, 0x68}, {0x6a, 0x6a},
                                        {0x8f, 0x8f}, {0x9c, 0x9d}, {0xc2, 0xc3},
                                        {0xc8, 0xcb}, {0xcf, 0xcf}, {0xe8, 0xe8}};
    if (i->map == MAP_0F)
        return i->op == 0xa0 || i->op == 0xa1 || i->op == 0xa8 || i->op == 0xa9;
    if (i->map != MAP_1)
        return false;
    for (unsigned k = 0; k < ARRAY_SIZE(ranges); k++)
        if (i->op >= ranges[k][0] && i->op <= ranges[k][1])
            return true;
    const unsigned reg = i->modrm >> 3 & 7;
    return i->op == 0xff && (reg == 2 || reg == 3 || reg == 6);
}

bool x86_is_stack_access(struct tcg_cpu *tc, uint64_t addr)
{
    const struct x86_regs *r = x86_regs_of(tc);
    uint8_t bytes[X86_INSN_MAX];
    struct x86_insn i;
    if (x86_decode(&i, bytes, fetch(tc, bytes, sizeof bytes), tc->mode,
                   x86_model_of(tc)->features) != X86_DECODE_OK)
        return false;
    if (i.mem && i.seg == X86_SS)
        return true;
    if (!uses_stack(&i))
        return false;
    /* PUSH [mem] and the like have both: the stack's address is near RSP */
    const uint64_t sp = i.map == MAP_1 && i.op == 0xc9 ? r->gpr[X86_RBP] : r->gpr[X86_RSP];
    return addr - (sp - 64) < 128;
}
