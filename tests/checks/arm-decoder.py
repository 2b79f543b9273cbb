"""arm-decoder.py SET OBJDUMP WORDS

Compares words of the decode tables (tools/coverage-arm --words SET) with binutils: the mnemonic is
the row's name up to its first underscore or one of those below, with the word's condition behind it
in A32. Words of A32's VFP and Advanced SIMD are T32's as well. Prints TAP, two tests.
"""
import struct
import subprocess
import sys
import tempfile

CONDITIONS = "EQ NE CS CC MI PL VS VC HI LS GE LT GT LE".split() + ["", ""]

# Encodings, by the row's whole name or up to its first underscore, that have several mnemonics, and
# names that binutils prefers.
NAMES = {
    "a64": {},
    "a32": {
        "MOV": "LSL LSR ASR ROR RRX NOP",
        "SMLA_xy": "SMLABB SMLABT SMLATB SMLATT", "SMUL_xy": "SMULBB SMULBT SMULTB SMULTT",
        "SMLAL_xy": "SMLALBB SMLALBT SMLALTB SMLALTT", "SMLAW_y": "SMLAWB SMLAWT",
        "SMULW_y": "SMULWB SMULWT", "SMLAD": "SMLADX SMUAD SMUADX", "SMLSD": "SMLSDX SMUSD SMUSDX",
        "SMLALD": "SMLALDX", "SMLSLD": "SMLSLDX", "SMMLA": "SMMLAR SMMUL SMMULR", "SMMLS": "SMMLSR",
        "USADA8": "USAD8", "CRC32": "CRC32B CRC32H CRC32W", "CRC32C": "CRC32CB CRC32CH CRC32CW",
        "PKH": "PKHBT PKHTB", "BFI": "BFC",
        "PARALLEL": " ".join(p + o for p in "S Q SH U UQ UH".split()
                             for o in "ADD16 ASX SAX SUB16 ADD8 SUB8".split()),
        "SXTAB16": "SXTB16", "SXTAB": "SXTB", "SXTAH": "SXTH",
        "UXTAB16": "UXTB16", "UXTAB": "UXTB", "UXTAH": "UXTH",
        "LDST": "LDR LDRB LDRT LDRBT STR STRB STRT STRBT POP PUSH",
        "LDSTH": "LDRH LDRHT STRH STRHT",
        "LDSTD": "LDRD LDRSB LDRSBT", "LDSTSD": "STRD LDRSH LDRSHT",
        "STREX": "STREXB STREXH STREXD STLEX STLEXB STLEXH STLEXD",
        "LDREX": "LDREXB LDREXH LDREXD LDAEX LDAEXB LDAEXH LDAEXD",
        "STL": "STLB STLH", "LDA": "LDAB LDAH",
        "LDM": "LDMIA LDMIB LDMDA LDMDB POP", "STM": "STMIA STMIB STMDA STMDB PUSH",
        "HINT": "NOP YIELD WFE WFI SEV SEVL ESB PSB TSB CSDB DBG",
        "CPS": "CPSIE CPSID", "DSB": "SSBB PSSBB DFB", "PLD": "PLDW",
        "RFE": "RFEIA RFEIB RFEDA RFEDB", "SRS": "SRSIA SRSIB SRSDA SRSDB",
        "MCR14": "MCR", "MRC14": "MRC", "MCRR14": "MCRR", "MRRC14": "MRRC", "LDC14": "LDC LDCL",
        "MCR15": "MCR", "MRC15": "MRC", "MCRR15": "MCRR", "MRRC15": "MRRC", "STC14": "STC STCL",
        "VLOGIC": "VAND VBIC VORR VORN VEOR VBSL VBIT VBIF VMOV",
        "VADD_i": "VSUB", "VTST": "VTST VCEQ", "VMLA_i": "VMLS", "VQDMULH": "VQRDMULH",
        "VFMA_v": "VFMS", "VADD_f": "VSUB", "VCGE_f": "VCGT", "VACGE": "VACGT", "VMAX_f": "VMIN",
        "VPMAX_f": "VPMIN", "VMLA_f": "VMLS", "VRECPS": "VRSQRTS", "VMAXNM_v": "VMINNM",
        "VADDHN": "VRADDHN", "VSUBHN": "VRSUBHN", "VSHL_i": "VSLI", "VSHL_i_64": "VSLI",
        "VSHRN": "VRSHRN VQSHRUN VQRSHRUN", "VQSHRN": "VQRSHRN", "VSHLL": "VMOVL",
        "VABSf": "VABS", "VNEGf": "VNEG", "VMOVN": "VQMOVUN", "VTBL": "VTBX",
        "VDOT": "VSDOT VUDOT", 
        "VLDST1": "VLD1 VST1", "VLDST2": "VLD2 VST2", "VLDST3": "VLD3 VST3", "VLDST4": "VLD4 VST4",
        "VLDST": "VLD1 VLD2 VLD3 VLD4 VST1 VST2 VST3 VST4", "VLD": "VLD1 VLD2 VLD3 VLD4",
        "VCVT": "VCVTB VCVTT VCVTR VCVTA VCVTN VCVTP VCVTM", "VCMP": "VCMPE",
        "VSEL": "VSELEQ VSELVS VSELGE VSELGT", "VRINT": "VRINTA VRINTN VRINTP VRINTM",
        "VLDR": "VSTR", "VLDM": "VSTM VSTMIA VLDMIA VSTMDB VLDMDB VPUSH VPOP FLDMIAX FLDMDBX FSTMIAX "
                                "FSTMDBX",
    },
    "t32": {
        "LSL_imm": "MOV", "RSB_16": "NEG", "ADR_16": "ADD", "CBZ": "CBNZ",
        "STM": "STMIA", "LDM": "LDMIA", "STMDB": "PUSH", "LDMIA": "POP", "LDM_16": "LDMIA",
        "IT": " ".join("IT" + t for t in "T E TT ET TE EE TTT ETT TET EET TTE ETE TEE EEE".split()),
        "B": " ".join("B" + c for c in CONDITIONS), "SUBS": "ERET",
        "AND": "TST", "ORR": "MOV", "ORN": "MVN", "EOR": "TEQ", "ADD": "CMN", "SUB": "CMP",
        "SHIFT": "LSL LSR ASR ROR", "SMMLA": "SMMLAR SMMUL SMMULR BXAUT AUTG", "LDRD": "LDRD STRD",
        "LDRB": "PLD LDRBT", "LDRH": "PLDW LDRHT", "LDRSB": "PLI LDRSBT", "LDR": "LDRT POP",
        "STRB": "STRBT", "STRH": "STRHT", "STR": "STRT PUSH", "LDRSH": "LDRSHT NOP",
    },
}
NAMES["t32"] = {**NAMES["a32"], **NAMES["t32"]}

# Rows, by the start of their names, of whose words binutils cannot print all: fields the translation
# refuses (reserved immediates and sizes, odd pairs), one register twice, which is unpredictable.
REFUSED = {
    "a64": ("AND_imm", "ORR_imm", "EOR_imm", "ANDS_imm", "CASP", "LDP", "LDXP", "LDAXP"),
    "a32": ("PARALLEL", "VLDST_lane", "VMOV_from_lane", "VDUP_core"),
    "t32": ("PARALLEL", "VLDST_lane", "VMOV_from_lane", "VDUP_core", "CPS"),
}
# ... and those that binutils takes for others when an operand is what it must not be: a condition of
# an instruction without one, a position outside the register.
OTHERWISE = {"a64": (), "a32": ("CRC32", "VEXT"), "t32": ("VEXT",)}


def to_t32(word, part):
    """A word as T32 has it: those of Advanced SIMD have other top bits there."""
    if part != "base" and word >> 25 == 0x79:
        return word & 0xffffff | 0xef000000 | (word >> 24 & 1) << 28
    if part != "base" and word >> 24 == 0xf4:
        return word & 0xffffff | 0xf9000000
    return word


def encode(which, word, name):
    """The bytes of an instruction and of what ends its reach over the next one."""
    if which != "t32":
        return struct.pack("<I", word)
    if word >> 27 > 0x1c:
        return struct.pack("<HH", word >> 16, word & 0xffff)
    return struct.pack("<H", word >> 16) + (struct.pack("<H", 0xbf00) * 4 if name == "IT" else b"")


def disassemble(objdump, data, *options):
    """Of each address the instruction's text."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        text = subprocess.run([objdump, "-D", "-z", "-b", "binary", *options, f.name],
                              capture_output=True, text=True, check=True).stdout
    found = {}
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) >= 3:
            found[int(parts[0].strip(" :"), 16)] = " ".join(parts[2:]).strip()
    return found


def mnemonic(text):
    first = text.split()[0].upper() if text else ""
    return "" if first in ("UNDEFINED", "@") or "<UNDEFINED>" in text else first.split(".")[0]


def is_named(which, word, part, name, got):
    base = name.split("_")[0]
    names = NAMES[which].get(name, NAMES[which].get(base, "")).split() + [base]
    if which == "a64":
        return got in names
    cond = "" if which == "t32" and part == "base" else CONDITIONS[word >> 28]
    return any(got in (n + cond, n + "S" + cond) for n in names)


def main():
    which, objdump, path = sys.argv[1:]
    options = {"a64": [("-m", "aarch64", "-M", "no-aliases"), ("-m", "aarch64")],
               "a32": [("-m", "armv8-a")], "t32": [("-m", "armv8-a", "-M", "force-thumb")]}[which]
    rows = [line.split() for line in open(path)]
    unreachable = [name for word, _, name in rows if word == "none"]
    rows = [(int(word, 16), part, name) for word, part, name in rows if word != "none"]
    if which == "t32":
        rows = [(to_t32(word, part), part, name) for word, part, name in rows
                if part == "base" or word >> 28 >= 14]
    data, addresses = b"", []
    for word, _, name in rows:
        addresses.append(len(data))
        data += encode(which, word, name)
    texts = [disassemble(objdump, data, *o) for o in options]
    wrong, named = [], set()
    for (word, part, name), at in zip(rows, addresses):
        got = [mnemonic(t.get(at, "")) for t in texts]
        if any(is_named(which, word, part, name, g) for g in got):
            named.add(name)
        elif not name.startswith(OTHERWISE[which] + (REFUSED[which] if not any(got) else ())):
            wrong.append(f"{word:08x} {name}: binutils says {texts[0].get(at) or 'nothing'}")
    wrong += [f"no word of {name} is what it says" for name in sorted({n for *_, n in rows} - named)]
    print(f"{'not ' if unreachable else ''}ok - {which}_decoder: every encoding is reached")
    for name in unreachable:
        print("#", name)
    print(f"{'not ' if wrong else ''}ok - {which}_decoder: {len({n for _, _, n in rows})} encodings "
          "as binutils has them")
    for line in wrong[:60]:
        print("#", line)
    sys.exit(bool(unreachable or wrong))


main()
