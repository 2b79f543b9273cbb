#!/bin/sh
# make icount-boots: counted boots of both kernels, several of each kind; the hashes of one guest and
# one number of processors must be the same in every tier, with another log of every instruction's
# way (interp), on an idle and on a loaded host. Prints a line for each boot and a last one.
# usage: icount.sh [BOOTS-OF-EACH-KIND]
set -u
VEMU_BUILD=${VEMU_BUILD:-.}
BOOT_TIMEOUT=${BOOT_TIMEOUT:-900}
. "$VEMU_SRC/tests/boot/boot.sh"
count=${1:-3}
failed=0
load=
trap 'for p in $load; do kill "$p" 2>/dev/null; done' EXIT
trap 'exit 1' HUP INT TERM

# counted WHAT ARCH CPUS ACCEL-OPTIONS: a boot; its hash against the first of that guest
counted() {
    what=$1 hash=$logs/icount-$2-$3.$$
    boot "icount-$2-$3" "$2" "quiet demo=once" -smp "$3" -m 512M -icount shift=3,sleep=off \
        -accel "tcg,$4,icount-hash=$hash"
    end=$(tail -n 1 "$hash")
    eval "first=\${first_$2_$3:-}"
    [ -n "$first" ] || { first=$end && eval "first_$2_$3=\$end"; }
    [ -n "$why" ] || case $end in
        end\ *) [ "$end" = "$first" ] || why="the hash differs from $first" ;;
        *) why="no hash" ;;
    esac
    [ -z "$why" ] || failed=$((failed + 1))
    echo "$2, $3 CPU(s), $what: $end ($seconds s) ${why:+FAILED: $why}"
    rm -f "$hash"
}

for arch in ${ICOUNT_ARCHS:-amd64 i386}; do
    for cpus in ${ICOUNT_CPUS:-1 2}; do
        for k in $(seq "$count"); do
            for accel in ${ICOUNT_ACCELS:-tier2=off tier2=on tier2=sync backend=interp}; do
                counted "$accel, boot $k" "$arch" "$cpus" "$accel"
            done
        done
        # Translations of an earlier run, which wrote them.
        cache=$logs/icount-cache.$$
        mkdir "$cache"
        for mode in rw ro; do
            counted "tier2=on, jit-cache $mode" "$arch" "$cpus" \
                "tier2=on,jit-cache=$mode,jit-cache-dir=$cache"
        done
        rm -rf "$cache"
        # Work for every processor, twice.
        for k in $(seq $((2 * $(nproc)))); do
            sh -c 'while :; do :; done' &
            load="$load $!"
        done
        counted "tier2=on, loaded host" "$arch" "$cpus" tier2=on
        for p in $load; do kill "$p"; done
        load=
    done
done
echo "counted boots: $failed failed"
[ $failed = 0 ]
