#!/bin/sh
# record.sh EMULATOR EMULATOR32 [SEQUENCES [SEED]]: makes a64.bin, a32.bin, t32.bin and words.bin anew.
# EMULATOR runs a program for Linux on arm64 (qemu-aarch64 -cpu max, or "" where that is the machine
# itself), EMULATOR32 one for armhf; VEMU_BUILD is the build directory. Cross compilers are wanted,
# aarch64-linux-gnu-gcc and arm-linux-gnueabihf-gcc or what CROSS_CC and CROSS_CC32 say.
set -eu
here=$(dirname "$0")
oracle=${VEMU_BUILD:-.}/tests/oracle/arm_oracle
words=${VEMU_BUILD:-.}/tests/oracle/arm_words
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
flags="-O1 -static -nostdlib -ffreestanding -fno-stack-protector -fno-builtin"
# shellcheck disable=SC2086
"${CROSS_CC:-aarch64-linux-gnu-gcc}" $flags -mgeneral-regs-only \
    -Wl,-Ttext-segment=0x11000000,--defsym=code_at=0x10000000 -o "$dir/runner" "$here/runner.c"
# shellcheck disable=SC2086
"${CROSS_CC32:-arm-linux-gnueabihf-gcc}" $flags -marm -march=armv7-a+neon -mfloat-abi=hard \
    -Wl,-Ttext-segment=0x11000000,-N -o "$dir/runner32" "$here/runner32.c" -lgcc

record() { # SET COMMAND...: a corpus of what came to its end
    set_=$1
    shift
    "$oracle" --make "$set_" "$n" "$seed" >"$dir/jobs"
    python3 "$here/feed.py" "$dir/jobs" "$dir/taken" "$dir/results" "$@"
    "$oracle" --pack "$set_" "$dir/taken" "$dir/results" >"$dir/corpus"
    mv "$dir/corpus" "$here/$set_.bin"
}
n=${3:-1500} seed=${4:-1}
# shellcheck disable=SC2086
{
    record a64 ${1-} "$dir/runner"
    record a32 ${2-} "$dir/runner32"
    record t32 ${2-} "$dir/runner32" t32
    "$words" --make >"$dir/jobs"
    ${1-} "$dir/runner" <"$dir/jobs" >"$dir/results"
}
"$words" --pack "$dir/jobs" "$dir/results" >"$dir/words"
mv "$dir/words" "$here/words.bin"
ls -l "$here"/*.bin
