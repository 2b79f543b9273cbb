#!/bin/sh
# record.sh EMULATOR [SEQUENCES [SEED]]: makes corpus.bin and words.bin anew. EMULATOR runs a program for Linux on
# Arm (qemu-aarch64 -cpu max, or nothing where that is the machine itself); VEMU_BUILD is the build
# directory. A cross compiler is wanted, aarch64-linux-gnu-gcc or what CROSS_CC says.
set -eu
here=$(dirname "$0")
oracle=${VEMU_BUILD:-.}/tests/oracle/arm_oracle
words=${VEMU_BUILD:-.}/tests/oracle/arm_words
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${CROSS_CC:-aarch64-linux-gnu-gcc}" -O1 -static -nostdlib -ffreestanding -fno-stack-protector \
    -fno-builtin -mgeneral-regs-only -Wl,-Ttext-segment=0x11000000,--defsym=code_at=0x10000000 \
    -o "$dir/runner" "$here/runner.c"
"$oracle" --make "${2:-1500}" "${3:-1}" >"$dir/jobs"
# shellcheck disable=SC2086
${1-} "$dir/runner" <"$dir/jobs" >"$dir/results"
"$oracle" --pack "$dir/jobs" "$dir/results" >"$dir/corpus"
mv "$dir/corpus" "$here/corpus.bin"
"$words" --make >"$dir/jobs"
# shellcheck disable=SC2086
${1-} "$dir/runner" <"$dir/jobs" >"$dir/results"
"$words" --pack "$dir/jobs" "$dir/results" >"$dir/words"
mv "$dir/words" "$here/words.bin"
ls -l "$here/corpus.bin" "$here/words.bin"
