#!/bin/sh
# Stock kernels from start to power-off, once in each way that matters. `make boot-loop` does it often.
# Prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/boot.sh"
n=0

ok() { # WHAT [WHY NOT [LOG]]
    n=$((n + 1))
    if [ -z "${2:-}" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        echo "# $2"
        if [ -f "${3:-}" ]; then tail -n 8 "$3" | tr -d '\r' | sed 's/^/# | /'; fi
    fi
}

# boots WHAT NAME ARCH CPUS OPTION...: to the end of /init, quietly, with so many processors
boots() {
    what=$1 name=$2 arch=$3 cpus=$4
    shift 4
    if boot "$name" "$arch" demo=once -smp "$cpus" "$@"; then
        seen=$(tr -d '\r' <"$log" | sed -n 's/.* \([0-9]*\) CPU(s).*/\1/p')
        [ "$seen" = "$cpus" ] || why="the guest counts '$seen' processors"
        said=$(complaints "$log")
        [ -z "$said" ] || why="the kernel says: $said"
    fi
    ok "$what ($seconds s)" "$why" "$log"
}
boots 'amd64 reaches its first program and powers off' amd64 amd64 1 -m 512M
boots 'i386 reaches its first program and powers off' i386 i386 1 -m 512M
boots 'amd64 on two processors' amd64-smp2 amd64 2 -m 512M
boots 'i386 on two processors' i386-smp2 i386 2 -m 512M
for arch in amd64 i386; do # every block that is looked up twice is part of a region of the second tier
    boots "$arch in the second tier, on two processors" $arch-tier2 $arch 2 -m 512M \
        -accel tcg,tier2=sync
done
boots 'amd64 on q35' amd64-q35 amd64 1 -m 512M -M q35
boots 'amd64 on microvm' amd64-microvm amd64 1 -m 512M -M microvm
boots 'arm64 reaches its first program and powers off' arm64 arm64 1 -m 512M
boots 'arm64 on two processors, with a GICv3' arm64-smp2 arm64 2 -m 512M -M virt,gic-version=3
boots 'armhf reaches its first program and powers off' armhf-smp1 armhf 1 -m 512M
boots 'armhf on two processors, with a GICv3' armhf-smp2 armhf 2 -m 512M -M virt,gic-version=3

# Programs of 32 bits, T32 with VFP and Advanced SIMD, are all there is on top of the arm64 kernel.
if boot armhf arm64 demo=numbers -m 512M -initrd "$guests/armhf/initrd"; then
    digest=$(sha256sum <"$guests/armhf/busybox")
    grep -q 'sum: 135000.000000' "$log" || why="a sum of floating point is wrong"
    grep -q "digest: $digest" "$log" || why="a digest is wrong"
    said=$(complaints "$log")
    [ -z "$said" ] || why="the kernel says: $said"
fi
ok "armhf programs under the arm64 kernel ($seconds s)" "$why" "$log"

# A shell that is typed at: the fifo stands for the keyboard.
kernel=$guests/amd64/vmlinuz initrd=$guests/amd64/initrd
dir=$(mktemp -d) || exit 1
child=
trap 'kill $child 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
mkfifo "$dir/keys"
"$emulator" -nographic -m 512M -kernel "$kernel" -initrd "$initrd" -append 'console=ttyS0' \
    <"$dir/keys" >"$dir/shell.log" 2>&1 &
child=$!
exec 3>"$dir/keys"
# until COMMAND...: as long as the machine runs, and not longer than a minute
until_true() {
    tries=0
    until "$@" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] && kill -0 $child 2>/dev/null || return 1
        sleep 0.1
    done
}
shows() {
    grep -q "$1" "$2"
}
why='no prompt appeared'
if until_true shows 'vemu:.*# ' "$dir/shell.log"; then
    why='the shell did not answer'
    echo 'echo sum=$((6 * 7)); cat /proc/uptime >/dev/null && echo "still  here"' >&3
    if until_true shows '^sum=42' "$dir/shell.log" && until_true shows '^still  here' "$dir/shell.log"; then
        why=
    fi
fi
ok 'the shell answers' "$why" "$dir/shell.log"
echo exit >&3
until_true eval '! kill -0 $child 2>/dev/null'
kill $child 2>/dev/null
wait $child
status=$?
child=
why=
[ $status = 0 ] || why="status $status"
ok 'exit powers the machine off, with status 0' "$why" "$dir/shell.log"
exec 3>&-

# Reset: leaves with -no-reboot, starts again without.
boot reboot amd64 demo=reboot -m 256M
ok 'a reset with -no-reboot ends the machine with status 0' "$why" "$log"
"$emulator" -nographic -m 256M -kernel "$kernel" -initrd "$initrd" \
    -append 'console=ttyS0 demo=reboot' </dev/null >"$dir/again.log" 2>&1 &
child=$!
twice() {
    [ "$(grep -c 'vemu-init: done' "$dir/again.log")" -ge 2 ]
}
why=
until_true twice || why='the guest did not come up a second time'
kill $child 2>/dev/null
wait $child
status=$?
child=
ok 'a reset starts the guest again' "$why" "$dir/again.log"
why=
[ $status = 143 ] || why="status $status"
ok 'SIGTERM ends the machine by that signal' "$why" "$dir/again.log"

# What cannot work is said before anything starts.
refuses() { # WHAT PATTERN OPTION...
    what=$1 want=$2 why=
    shift 2
    timeout 20 "$emulator" -nographic "$@" </dev/null >"$dir/out" 2>"$dir/err"
    status=$?
    # shellcheck disable=SC2254
    case $(cat "$dir/err") in "vemu: "$want) ;; *) why="said: $(cat "$dir/err")" ;; esac
    [ $status = 1 ] || why="$why; status $status"
    [ ! -s "$dir/out" ] || why="$why; wrote to standard output"
    [ "$(wc -l <"$dir/err")" = 1 ] || why="$why; not one line"
    ok "$what is refused" "$why"
}
head -c 1000000 "$kernel" >"$dir/short"
truncate -s 600M "$dir/large"
refuses 'a stock kernel that is cut off' '*short*' -kernel "$dir/short" -m 512M
refuses 'an initrd larger than memory' '*large*' -kernel "$kernel" -initrd "$dir/large" -m 512M
refuses 'a kernel larger than memory' '*vmlinuz*' -kernel "$kernel" -m 4M
echo "1..$n"
