#!/bin/sh
# Boots the stock kernels again and again and prints how often each configuration got to its end.
# usage: loop.sh [COUNT [FEW]]: COUNT boots (50) with 1, 2 and 4 processors at 512M on pc, FEW (5)
# with other memory sizes and machines. One after the other; ends with status 1 after any failure.
set -u
here=$(cd "$(dirname "$0")" && pwd)
BOOT_LOGS=${BOOT_LOGS:-${VEMU_BUILD:-.}/tests/logs/boot-loop}
. "$here/boot.sh"
count=${1:-50} few=${2:-5} failures=0
trap 'exit 1' HUP INT TERM

row() { # COUNT OPTION...
    times=$1
    shift
    good=0 times_seen=
    i=0
    while [ $i -lt "$times" ]; do
        i=$((i + 1))
        name=$arch$(printf %s "$*" | tr ' ' _)
        if boot "$name" "$arch" demo=once "$@" && said=$(complaints "$log") && [ -n "$said" ]; then
            why="the kernel says: $said"
        fi
        if [ -z "$why" ]; then
            good=$((good + 1))
        else
            failures=$((failures + 1))
            cp "$log" "$logs/$name.failed-$i.log"
            cat "$log.err" >>"$logs/$name.failed-$i.log"
            echo "$arch $*: boot $i $why ($logs/$name.failed-$i.log)" >&2
        fi
        times_seen="$times_seen $seconds"
    done
    # shellcheck disable=SC2086
    middle=$(printf '%s\n' $times_seen | sort -n | sed -n "$(((times + 1) / 2))p")
    printf '| %-5s | %-24s | %3d of %3d | %6s |\n' "$arch" "$*" "$good" "$times" "$middle"
}

echo "| guest | options                  | succeeded  | median s |"
echo "|-------|--------------------------|------------|--------|"
for arch in ${BOOT_ARCHS:-amd64 i386 arm64 armhf}; do
    if [ "$arch" = armhf ]; then
        for smp in 1 2 4; do row "$count" -M virt -m 512M -smp $smp; done
        row "$few" -M virt,gic-version=3 -m 512M -smp 4
        row "$few" -M virt -m 128M
        row "$few" -M virt -m 3G -smp 2
        row "$few" -M virt -cpu cortex-a7 -m 512M
        continue
    fi
    if [ "$arch" = arm64 ]; then
        for smp in 1 2 4; do row "$count" -M virt,gic-version=3 -m 512M -smp $smp; done
        row "$few" -M virt,gic-version=3 -m 512M -smp 8
        row "$few" -M virt,gic-version=2 -m 512M -smp 4
        row "$few" -M virt -m 128M
        row "$few" -M virt -m 8G
        row "$few" -M virt,virtualization=on -m 512M -smp 2
        continue
    fi
    for smp in 1 2 4; do row "$count" -M pc -m 512M -smp $smp; done
    row "$few" -M pc -m 128M
    row "$few" -M pc -m 8G
    row "$few" -M q35 -m 512M
    row "$few" -M microvm -m 512M
done
[ $failures = 0 ]
