#!/bin/sh
# Words of every encoding that the tables of A64, A32 and T32 know, operands' extremes among them,
# mean the same to binutils (arm-decoder.py). Prints TAP.
set -u
here=$(dirname "$0")
build=${VEMU_BUILD:-.}
a64=${OBJDUMP_AARCH64:-aarch64-linux-gnu-objdump}
arm=${OBJDUMP_ARM:-arm-linux-gnueabihf-objdump}
for command in "$a64" "$arm" python3; do
    if ! command -v "$command" >/dev/null; then
        echo "1..0 # SKIP no $command"
        exit 77
    fi
done
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
status=0
for set in a64 a32 t32; do
    "$build/tools/coverage-arm" --words $set >"$dir/$set" || exit 1
    objdump=$arm
    [ $set = a64 ] && objdump=$a64
    python3 "$here/arm-decoder.py" $set "$objdump" "$dir/$set" >"$dir/$set.tap" || status=1
done
echo "1..6"
number=0
cat "$dir"/a64.tap "$dir"/a32.tap "$dir"/t32.tap | while IFS= read -r line; do
    case $line in
    ok*|not*) number=$((number + 1)); printf '%s\n' "$line" | sed "s/ok - /ok $number - /" ;;
    *) printf '%s\n' "$line" ;;
    esac
done
exit $status
