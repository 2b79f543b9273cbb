#!/bin/sh
# Counted execution (-icount): each guest test passes, and the hash over instruction index, PC and
# registers is the same whatever executes it. Prints TAP.
# usage: icount.sh [IMAGE-NAME...]   in the build directory; some without a name
set -u
build=${VEMU_BUILD:-.}
dir=$build/tests/logs/icount
mkdir -p "$dir" || exit 1
[ $# -gt 0 ] || set -- string crossing exceptions fpu level32 paging reload shadow smc smp syscall timers \
    tasks32 v86_32

# run NAME HOW ACCEL-OPTIONS SMP-OPTION...: $dir/NAME.HOW.tap and .hash
run() {
    name=$1 how=$2 accel=$3
    shift 3
    options=$(sed -n 's/^.*guest-options: *\(-.*\)$/\1/p' "$VEMU_SRC/tests/guest/$name.c")
    grep -q 'guest-reboots' "$VEMU_SRC/tests/guest/$name.c" || options="$options -no-reboot"
    # shellcheck disable=SC2086
    timeout -k 5 "${GUEST_TIMEOUT:-60}" "$build/vemu-system-x86_64" -M pc -cpu max -m 128 -display none \
        -nodefaults -serial stdio -device isa-debug-exit,iobase=0x501,iosize=2 $options \
        -icount shift=6,sleep=off "$@" \
        -accel "tcg,$accel,icount-hash=$dir/$name.$how.hash,icount-hash-lines=10" \
        -kernel "$build/tests/guest/$name.img" </dev/null 2>"$dir/$name.$how.err" |
        tr -d '\r' >"$dir/$name.$how.tap"
}

cache=$dir/cache
rm -rf "$cache"
mkdir "$cache" || exit 1
n=0
for name in "$@"; do
    run "$name" off tier2=off
    run "$name" sync tier2=sync,tier2-threshold=2
    run "$name" on tier2=on,inject=1
    run "$name" interp backend=interp
    run "$name" one tier2=off,one-insn=on # every difference of where blocks end shows
    run "$name" save "tier2=sync,tier2-threshold=2,jit-cache=rw,jit-cache-dir=$cache"
    run "$name" saved "tier2=sync,tier2-threshold=2,jit-cache=ro,jit-cache-dir=$cache"
    n=$((n + 1)) why=
    plan=$(sed -n 's/^1\.\.//p' "$dir/$name.off.tap") passed=$(grep -c '^ok ' "$dir/$name.off.tap")
    [ -n "$plan" ] && [ "$plan" = "$passed" ] || why="passed ${passed:-0} of ${plan:-?}"
    grep -q '^end [1-9]' "$dir/$name.off.hash" || why="$why, no hash"
    for how in sync on interp one save saved; do
        cmp -s "$dir/$name.off.hash" "$dir/$name.$how.hash" || why="$why, $how differs"
    done
    [ -z "$why" ] || printf 'not '
    echo "ok $n - counted execution: $name is the same in each tier"
    [ -z "$why" ] || { echo "# $why"; grep '^not ok' "$dir/$name.off.tap" | sed 's/^/# /'; }
done
echo "1..$n"
