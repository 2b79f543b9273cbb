#!/bin/sh
# Words of every A64 encoding that the tables know, operands' extremes among them, mean the same to
# binutils: the mnemonic is the row's name up to its first underscore. Prints TAP.
set -u
build=${VEMU_BUILD:-.}
objdump=${OBJDUMP_AARCH64:-aarch64-linux-gnu-objdump}
if ! command -v "$objdump" >/dev/null || ! command -v python3 >/dev/null; then
    echo "1..0 # SKIP no aarch64-linux-gnu-objdump, or no python3"
    exit 77
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
"$build/tools/coverage-arm" --words >"$dir/words" || exit 1
python3 - "$dir" "$objdump" <<'PYTHON'
import struct, subprocess, sys

directory, objdump = sys.argv[1:]
rows = [line.split() for line in open(directory + "/words")]
unreachable = [name for word, name in rows if word == "none"]
rows = [(int(word, 16), name) for word, name in rows if word != "none"]
binary = directory + "/words.bin"
with open(binary, "wb") as out:
    for word, _ in rows:
        out.write(struct.pack("<I", word))

def mnemonics(*options):
    text = subprocess.run([objdump, "-D", "-z", "-b", "binary", "-m", "aarch64", *options, binary],
                          capture_output=True, text=True, check=True).stdout
    found = {}
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) >= 3:
            found[int(parts[0].strip(" :"), 16)] = parts[2].split()[0]
    return [found.get(4 * k, "?").split(".")[0].upper() for k in range(len(rows))]

# What binutils cannot print although the table has it: reserved immediates and odd pairs, which the
# translation refuses, one register twice, which is unpredictable.
refused = ("AND_imm", "ORR_imm", "EOR_imm", "ANDS_imm", "CASP", "LDP", "LDXP", "LDAXP")
wrong = []
for (word, name), plain, alias in zip(rows, mnemonics("-M", "no-aliases"), mnemonics()):
    want = name.split("_")[0]
    undefined = plain in ("", "UDF") and alias in ("", "UDF") and want != "UDF"
    if undefined and name.startswith(refused):
        continue
    if want not in (plain, alias):
        wrong.append(f"{word:08x} {name}: binutils says {plain or 'undefined'}")
print("1..2")
print(f"{'not ' if unreachable else ''}ok 1 - arm_decoder: every encoding is reached")
for name in unreachable:
    print("#", name)
print(f"{'not ' if wrong else ''}ok 2 - arm_decoder: {len(set(n for _, n in rows))} encodings as binutils has them")
for line in wrong[:60]:
    print("#", line)
sys.exit(bool(unreachable or wrong))
PYTHON
