#!/bin/sh
# What is typed and moved arrives in a stock kernel, by PS/2 and by virtio. Prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/boot.sh"
. "$here/../tap.sh"
dir=$(mktemp -d) || exit 1
host=
trap '[ -z "$host" ] || kill $host 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3"; exit 0; }
vemu=${VEMU_BUILD:-.}/vemu

# got KEYBOARD|POINTER: its events without their ends, and without what repeats the key's scan code
got() { sed -n "s/^INPUT $1: //p" "$dir/said" | grep -v '^000[04] ' | tr '\n' ','; }

# try WHAT KIND KEYBOARD POINTER OPTION...: names as the kernel has them
try() {
    what=$1 kind=$2 keyboard=$3 pointer=$4
    shift 4
    rm -f "$dir/qmp" "$logs/input-$what.log"
    python3 "$here/input.py" "$dir/qmp" "$logs/input-$what.log" "$vemu" "$kind" >"$dir/host" 2>&1 &
    host=$!
    boot "input-$what" amd64 demo=input -initrd "$guests/amd64/initrd-input" -m 256M \
        -qmp "unix:$dir/qmp,server=on,wait=off" "$@"
    wait $host
    sent=$?
    host=
    tr -d '\r' <"$log" | grep '^INPUT' >"$dir/said"
    { cat "$log" "$log.err" "$dir/host"; echo "$why"; } >"$dir/log"
    said=$(complaints "$log")
    [ -z "$said" ] || why="the kernel says: $said"
    [ -z "$why" ] && [ $sent = 0 ]
    ok "$what: boots and powers off ($seconds s)" $?
    # a, Ctrl-Delete, Shift-q, -, Shift-Enter of the keypad, F12
    keys='0001 001e 00000001,0001 001e 00000000,0001 001d 00000001,0001 006f 00000001,0001 006f 00000000,0001 001d 00000000,'
    keys=$keys'0001 002a 00000001,0001 0010 00000001,0001 0010 00000000,0001 002a 00000000,0001 000c 00000001,0001 000c 00000000,'
    keys=$keys'0001 0036 00000001,0001 0060 00000001,0001 0060 00000000,0001 0036 00000000,0001 0058 00000001,0001 0058 00000000,'
    [ "$(got "$keyboard")" = "$keys" ]
    ok "$what: keys arrive" $?
    if [ "$kind" = abs ]; then
        moves='0003 0000 00000064,0003 0001 00000007,0003 0000 00000032,0003 0001 00004e20,'
    else
        moves='0002 0000 00000064,0002 0001 00000007,0002 0000 00000032,0002 0001 fffffff9,'
    fi
    # left, a notch of the wheel, the side button
    moves=$moves'0001 0110 00000001,0001 0110 00000000,0002 0008 00000001,0001 0113 00000001,0001 0113 00000000,'
    [ "$(got "$pointer" | sed 's/0002 000b [^,]*,//g')" = "$moves" ]
    ok "$what: motion, buttons and the wheel arrive" $?
}
try ps2 rel 'AT Translated Set 2 keyboard' 'ImExPS\/2 Generic Explorer Mouse' -M pc -smp 2
try virtio abs 'vemu virtio keyboard' 'vemu virtio tablet' -M q35 -device virtio-keyboard-pci \
    -device virtio-tablet-pci
try mmio rel 'vemu virtio keyboard' 'vemu virtio mouse' -M microvm -device virtio-keyboard-device \
    -device virtio-mouse-device
echo "1..$n"
