/* tcg/x86 decoder: VEX prefixes, and every opcode behind them. */
#include "tests/unit/x86_decode.h"

#include "core/util/range.h"
#include "tests/unit/x86_vex_data.h"

static const struct vex_encoding *find(unsigned map, unsigned op, unsigned modrm, unsigned form)
{
    for (size_t k = 0; k < ARRAY_SIZE(vex_encodings); k++) {
        const struct vex_encoding *e = &vex_encodings[k];
        if (e->map == map && e->op == op && e->modrm == modrm && e->forms >> form & 1)
            return e;
    }
    return NULL;
}

static void check_form(unsigned map, unsigned op, unsigned modrm, unsigned form)
{
    const struct vex_encoding *e = find(map, op, modrm, form);
    uint8_t code[16] = {
        0xc4, (uint8_t)(0xe0 | map),
        (uint8_t)((form & 4) << 5 | (form & 16 ? 5u : 15u) << 3 | (form & 8) >> 1 | (form & 3)),
        (uint8_t)op};
    unsigned len = 4;
    struct x86_insn i;
    char name[32] = "";
    if (modrm != 0x100)
        code[len++] = (uint8_t)modrm;
    if (modrm == 0x44)
        code[len++] = 0x35; /* SIB with an index */
    if (modrm >> 6 == 1)
        code[len++] = 0x11;
    enum x86_decode_status status = x86_decode(&i, code, sizeof code, CODE64, NULL);
    if (status == X86_DECODE_OK)
        x86_insn_name(&i, name, sizeof name);
    cr_expect((status == X86_DECODE_OK) == (e != NULL) &&
                  (!e || (!strcmp(name, e->name) && i.len == e->len)),
              "map %u opcode %02x modrm %02x form %02x: '%s' is not '%s'", map, op, modrm, form,
              name, e ? e->name : "");
}

Test(x86_vex, opcodes_names_and_lengths_are_those_of_binutils)
{
    for (unsigned map = 1; map <= 3; map++)
        for (unsigned op = 0; op < 256; op++) {
            bool group = (map == 1 && ((op >= 0x71 && op <= 0x73) || op == 0xae)) ||
                         (map == 2 && op == 0xf3);
            for (unsigned form = 0; form < 32; form++) {
                if (map == 1 && op == 0x77) {
                    check_form(map, op, 0x100, form);
                    continue;
                }
                check_form(map, op, 0x45, form);
                check_form(map, op, group ? 0xc3 : 0xcb, form);
                for (unsigned n = 1; group && n < 8; n++) {
                    check_form(map, op, 0x45 | n << 3, form);
                    check_form(map, op, 0xc3 | n << 3, form);
                }
                if (map == 2 && op >= 0x90 && op <= 0x93)
                    check_form(map, op, 0x44, form);
            }
        }
}

Test(x86_vex, no_prefix_but_segment_and_address_size_may_come_first)
{
    expect(CODE64, "c5f858c1", X86_DECODE_OK);
    expect(CODE64, "6467c5f85800", X86_DECODE_OK);
    expect(CODE64, "66c5f858c1", X86_DECODE_UD);
    expect(CODE64, "f2c5f858c1", X86_DECODE_UD);
    expect(CODE64, "f3c5f858c1", X86_DECODE_UD);
    expect(CODE64, "f0c5f85800", X86_DECODE_UD);
    expect(CODE64, "40c5f858c1", X86_DECODE_UD);
    expect(CODE64, "4867c5f858c1", X86_DECODE_OK); /* a REX that does not count */
}

Test(x86_vex, outside_64_bit_code_only_what_lds_and_les_cannot_be)
{
    uint64_t real = 0, v86 = MODE_PROTECTED | MODE_V86;
    expect_text(CODE32, "c5f858c1", "vaddps xmm0,xmm0,xmm1");
    expect_text(CODE32, "c500", "lds eax,[eax]");
    expect_text(CODE32, "c44511", "les eax,[ebp+0x11]");
    expect(CODE32, "c4", X86_DECODE_MORE);
    expect(CODE32, "c4c0", X86_DECODE_MORE);
    expect(real, "c5f858c1", X86_DECODE_UD);
    expect(v86, "c5f858c1", X86_DECODE_UD);
    /* eight registers: the high bits do not count, W does not widen */
    expect_text(CODE32, "c4e2f0f2c2", "andn eax,ecx,edx");
    expect_text(CODE32, "c4e13058c1", "vaddps xmm0,xmm1,xmm1");
    expect(CODE64, "c500", X86_DECODE_MORE);
}

Test(x86_vex, operands_are_found)
{
    expect_text(CODE64, "c4413458c1", "vaddps ymm8,ymm9,ymm9");
    expect_text(CODE64, "c4e2f0f2c2", "andn rax,rcx,rdx");
    expect_text(CODE64, "c4c171d4c0", "vpaddq xmm0,xmm1,xmm8");
    expect_text(CODE64, "c4e36d4b4d1170", "vblendvpd ymm1,ymm2,[rbp+0x11],ymm7");
    expect_text(CODE64, "c4a2699044b511", "vpgatherdd xmm0,[rbp+xmm14*4+0x11],xmm2");
    expect_text(CODE64, "c5f173d305", "vpsrlq xmm1,xmm3,0x5");
    expect_text(CODE64, "c4e37d39c801", "vextracti128 xmm0,ymm1,0x1");
}

Test(x86_vex, a_gather_needs_an_index_and_three_registers)
{
    expect(CODE64, "c4e2699044b511", X86_DECODE_OK);
    expect(CODE64, "c4e269904511", X86_DECODE_UD);   /* no SIB */
    expect(CODE64, "c4e2699054b511", X86_DECODE_UD); /* destination is the mask */
    expect(CODE64, "c4e2699074b511", X86_DECODE_UD); /* destination is the index */
    expect(CODE64, "c4e2499044b511", X86_DECODE_UD); /* index is the mask */
}

Test(x86_vex, every_shorter_part_of_an_instruction_wants_more_bytes)
{
    static const uint8_t code[] = {0xc4, 0xe3, 0x6d, 0x4b, 0x4d, 0x11, 0x70};
    struct x86_insn i;
    for (size_t len = 0; len < sizeof code; len++)
        cr_expect_eq(x86_decode(&i, code, len, CODE64, NULL), X86_DECODE_MORE);
}
