/* tcg/x86 decoder: lengths, names, legality, and the shape of the tables. */
#include "tests/unit/x86_decode.h"

#include "core/util/range.h"
#include "tests/unit/x86_decode_data.h"

Test(x86_decode, lengths_and_names_are_those_of_binutils)
{
    for (size_t k = 0; k < ARRAY_SIZE(known_encodings); k++) {
        const struct known_encoding *e = &known_encodings[k];
        struct x86_insn i;
        char name[32] = "";
        enum x86_decode_status status = decode(&i, mode_of(e->bits), e->hex);
        if (status == X86_DECODE_OK)
            x86_insn_name(&i, name, sizeof name);
        cr_expect(status == X86_DECODE_OK && i.len == e->len && !strcmp(name, e->name),
                  "%u-bit %s: status %d, length %u, '%s' is not '%s'", e->bits, e->hex, status,
                  i.len, name, e->name);
    }
}

Test(x86_decode, every_shorter_prefix_of_an_instruction_wants_more_bytes)
{
    for (size_t k = 0; k < ARRAY_SIZE(known_encodings); k++) {
        const struct known_encoding *e = &known_encodings[k];
        uint8_t buf[32];
        size_t n = from_hex(e->hex, buf);
        struct x86_insn i;
        for (size_t len = 0; len < n; len++)
            cr_expect_eq(x86_decode(&i, buf, len, mode_of(e->bits), NULL), X86_DECODE_MORE,
                         "%s cut to %zu", e->hex, len);
    }
}

Test(x86_decode, operands_are_found)
{
    expect_text(CODE64, "4801c8", "add rax,rcx");
    expect_text(CODE64, "40b6ff", "mov sil,0xff");
    expect_text(CODE64, "b6ff", "mov dh,0xff");
    expect_text(CODE64, "488b0510000000", "mov rax,[0x1017]");
    expect_text(CODE64, "678b0510000000", "mov eax,[0x1017]");
    expect_text(CODE64, "6542030c9500000080", "add ecx,gs:[r10*4-0x80000000]");
    expect_text(CODE64, "438b44a5f8", "mov eax,[r13+r12*4-0x8]");
    expect_text(CODE64, "8b0424", "mov eax,[rsp]");
    expect_text(CODE64, "8b0425f0ffffff", "mov eax,[0xfffffffffffffff0]");
    expect_text(CODE64, "48b8efcdab8967452301", "mov rax,0x123456789abcdef");
    expect_text(CODE64, "48c7c0ffffffff", "mov rax,0xffffffffffffffff");
    expect_text(CODE64, "4883c0ff", "add rax,0xffffffffffffffff");
    expect_text(CODE64, "0f84faffffff", "je 0x1000");
    expect_text(CODE64, "f0480fb10f", "lock cmpxchg [rdi],rcx");
    expect_text(CODE64, "f348a5", "rep movs es:[rdi],ds:[rsi]");
    expect_text(CODE64, "440f20c0", "mov rax,cr8");
    expect_text(CODE32, "a178563412", "mov eax,ds:[0x12345678]");
    expect_text(CODE32, "ea785634120800", "ljmp 0x8:0x12345678");
    expect_text(CODE32, "c8100002", "enter 0x10,0x2");
    expect_text(CODE32, "678b4702", "mov eax,[bx+0x2]");
    expect_text(CODE16, "268b4702", "mov ax,es:[bx+0x2]");
    expect_text(CODE16, "66678b4702", "mov eax,[edi+0x2]");
    expect_text(CODE16, "8b02", "mov ax,[bp+si]");
    expect_text(CODE16, "e8fdff", "call 0x1000");
}

Test(x86_decode, memory_operands_know_their_segment)
{
    static const struct {
        uint64_t mode;
        const char *hex;
        uint8_t seg;
    } cases[] = {
        {CODE64, "8b00", X86_DS},     {CODE64, "8b0424", X86_SS}, {CODE64, "8b4500", X86_SS},
        {CODE64, "418b4500", X86_DS}, {CODE64, "368b00", X86_DS}, {CODE64, "648b00", X86_FS},
        {CODE32, "8b00", X86_DS},     {CODE32, "368b00", X86_SS}, {CODE32, "8b0525000000", X86_DS},
        {CODE16, "8b4600", X86_SS},   {CODE16, "8b02", X86_SS},   {CODE16, "8b060010", X86_DS},
        {CODE16, "2ea4", X86_CS},
    };
    for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
        struct x86_insn i;
        cr_expect_eq(decode(&i, cases[k].mode, cases[k].hex), X86_DECODE_OK);
        cr_expect_eq(i.seg, cases[k].seg, "%s", cases[k].hex);
    }
}

Test(x86_decode, a_rex_prefix_counts_only_right_before_the_opcode)
{
    expect_text(CODE64, "486689c8", "mov ax,cx");
    expect_text(CODE64, "664889c8", "mov rax,rcx");
    expect_text(CODE64, "404889c8", "mov rax,rcx");
}

Test(x86_decode, nop_pause_and_xchg_share_an_opcode)
{
    expect_text(CODE64, "90", "nop");
    expect_text(CODE64, "4890", "nop");
    expect_text(CODE64, "f390", "pause");
    expect_text(CODE64, "4190", "xchg r8d,eax");
    expect_text(CODE64, "f30f1efa", "nop edx");
}

Test(x86_decode, instructions_gone_in_64_bit_mode_are_undefined_there)
{
    static const char *const gone[] = {"06",
                                       "07",
                                       "0e",
                                       "16",
                                       "17",
                                       "1e",
                                       "1f",
                                       "27",
                                       "2f",
                                       "37",
                                       "3f",
                                       "60",
                                       "61",
                                       "6200",
                                       "820000",
                                       "9a00000000000000",
                                       "ce",
                                       "d40a",
                                       "d50a",
                                       "d6",
                                       "ea00000000000000"};
    for (size_t k = 0; k < ARRAY_SIZE(gone); k++)
        expect(CODE64, gone[k], X86_DECODE_UD);
    expect(CODE32, "0f01f8", X86_DECODE_UD); /* SWAPGS exists only there */
    expect(CODE32, "f30faec0", X86_DECODE_UD);
    expect_text(CODE32, "4863c8", "dec eax");
    expect_text(CODE64, "4863c8", "movsxd rcx,eax");
    expect_text(CODE32, "63c8", "arpl ax,cx");
}

Test(x86_decode, lock_needs_a_lockable_instruction_with_a_memory_destination)
{
    expect(CODE64, "f00100", X86_DECODE_OK);
    expect(CODE64, "f001c0", X86_DECODE_UD);
    expect(CODE64, "f00300", X86_DECODE_UD);
    expect(CODE64, "f03900", X86_DECODE_UD);
    expect(CODE64, "f08b00", X86_DECODE_UD);
    expect(CODE64, "f08700", X86_DECODE_OK);
    expect(CODE64, "f00fba2801", X86_DECODE_OK);
    expect(CODE64, "f00fba2001", X86_DECODE_UD);
    expect(CODE64, "f0480fc708", X86_DECODE_OK);
    expect(CODE64, "f090", X86_DECODE_UD);
}

Test(x86_decode, forms_that_need_memory_or_a_register_reject_the_other)
{
    expect(CODE64, "8dc0", X86_DECODE_UD);   /* LEA with a register */
    expect(CODE64, "0fc7c8", X86_DECODE_UD); /* CMPXCHG8B with a register */
    expect(CODE64, "ffd8", X86_DECODE_UD);   /* far CALL with a register */
    expect(CODE64, "fff8", X86_DECODE_UD);   /* FF /7 */
    expect(CODE64, "8fc8", X86_DECODE_UD);   /* 8F /1 */
    expect(CODE64, "0f01d8", X86_DECODE_UD); /* VMRUN */
    expect(CODE64, "0f2000", X86_DECODE_OK); /* MOV from CR0 ignores mod */
}

Test(x86_decode, protected_mode_instructions_are_undefined_in_real_and_v86_mode)
{
    uint64_t real = 0, v86 = MODE_PROTECTED | MODE_V86;
    static const char *const only_protected[] = {"0f00c0", "0f00d8", "0f02c0", "63c0"};
    for (size_t k = 0; k < ARRAY_SIZE(only_protected); k++) {
        expect(real, only_protected[k], X86_DECODE_UD);
        expect(v86, only_protected[k], X86_DECODE_UD);
        expect(CODE16, only_protected[k], X86_DECODE_OK);
    }
}

Test(x86_decode, more_than_15_bytes_are_too_long)
{
    expect(CODE64, "66666666666666666666666666668b00", X86_DECODE_TOO_LONG);
    expect(CODE64, "6666666666666666666666666689c0", X86_DECODE_OK);
    expect(CODE64, "6666666666666666666666666666666666666690", X86_DECODE_TOO_LONG);
    expect(CODE64, "666666666666666666666648b80000000000000000", X86_DECODE_TOO_LONG);
    expect(CODE64, "66666666666666", X86_DECODE_MORE);
}

Test(x86_decode, a_feature_the_model_lacks_is_undefined_or_falls_back)
{
    uint32_t none[X86_FEAT_WORDS] = {0}, abm[X86_FEAT_WORDS] = {0};
    static const uint8_t cmov[] = {0x0f, 0x44, 0xc1}, popcnt[] = {0xf3, 0x0f, 0xb8, 0xc1};
    static const uint8_t lzcnt[] = {0xf3, 0x0f, 0xbd, 0xc1};
    struct x86_insn i;
    char name[32];

    cr_expect_eq(x86_decode(&i, cmov, sizeof cmov, CODE64, none), X86_DECODE_UD);
    cr_expect_eq(x86_decode(&i, popcnt, sizeof popcnt, CODE64, none), X86_DECODE_UD);
    cr_expect_eq(x86_decode(&i, lzcnt, sizeof lzcnt, CODE64, none), X86_DECODE_OK);
    x86_insn_name(&i, name, sizeof name);
    cr_expect_str_eq(name, "bsr");
    abm[X86_FEAT_8000_0001_ECX] = 1 << 5;
    cr_expect_eq(x86_decode(&i, lzcnt, sizeof lzcnt, CODE64, abm), X86_DECODE_OK);
    x86_insn_name(&i, name, sizeof name);
    cr_expect_str_eq(name, "lzcnt");
}

/* ---- the tables ------------------------------------------------------------------------------ */

Test(x86_tables, every_row_is_reached_from_the_index)
{
    for (const struct x86_row_table *const *t = x86_tables; *t; t++)
        for (unsigned n = 0; n < (*t)->count; n++) {
            const struct x86_row *row = &(*t)->rows[n];
            char text[96];
            x86_row_format(row, text, sizeof text);
            cr_assert(row->op <= row->last, "%s", text);
            cr_expect(row->name && row->fn, "%s", text);
            for (unsigned op = row->op; op <= row->last; op++) {
                unsigned at = (*t)->index[row->map << 8 | op];
                bool found = false;
                for (; at && !found; at--) {
                    const struct x86_row *r = &(*t)->rows[at - 1];
                    if (r->map != row->map || op < r->op || op > r->last)
                        break;
                    found = r == row;
                }
                cr_expect(found, "%s: opcode %02x does not lead to the row", text, op);
            }
        }
}

Test(x86_tables, flags_columns_do_not_contradict)
{
    for (const struct x86_row_table *const *t = x86_tables; *t; t++)
        for (unsigned n = 0; n < (*t)->count; n++) {
            const struct x86_row *row = &(*t)->rows[n];
            char text[96];
            x86_row_format(row, text, sizeof text);
            cr_expect(!(row->fl_write & row->fl_undef), "%s", text);
            cr_expect(!((row->fl_read | row->fl_write | row->fl_undef) & ~X86_FLAGS_ARITH), "%s",
                      text);
        }
}

Test(x86_decode, random_bytes_never_run_over_the_buffer)
{
    uint64_t seed = 1;
    for (unsigned n = 0; n < 200000; n++) {
        uint8_t buf[16];
        struct x86_insn i;
        static const uint64_t modes[] = {MODE_CODE64 | MODE_LONG | MODE_PROTECTED,
                                         MODE_CODE32 | MODE_PROTECTED, MODE_PROTECTED, 0};
        for (unsigned k = 0; k < sizeof buf; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            buf[k] = (uint8_t)(seed >> 56);
        }
        size_t len = (seed >> 40) % 17;
        enum x86_decode_status status = x86_decode(&i, buf, len, modes[n & 3], NULL);
        cr_assert(i.len <= len && i.len <= X86_INSN_MAX);
        cr_assert(status == X86_DECODE_OK || i.len <= X86_INSN_MAX);
        if (status == X86_DECODE_OK) {
            char text[160];
            x86_insn_format(&i, 0, text, sizeof text);
            cr_assert(text[0]);
        }
    }
}
