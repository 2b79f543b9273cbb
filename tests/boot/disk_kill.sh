#!/bin/sh
# disk_kill.sh [KILLS [SEED]]: the emulator is killed at random moments while its guest writes to a
# qcow2 image. The image must open again without corruption, and hold every number that the guest
# had flushed and logged. `make disk-kill` runs it. Prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/boot.sh"
. "$here/../tap.sh"
kills=${1:-3} seed=${2:-1}
img=${VEMU_BUILD:-.}/vemu-img
dir=$(mktemp -d) || exit 1
child=
trap 'kill -9 $child 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

# Milliseconds to wait after the first number, 0 to 2999, by a generator of its own so that a run
# can be repeated.
delay() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    ms=$((seed / 65536 % 3000))
}

# Every number that was logged is in its slot, or a later one is. Each boot begins with larger numbers
# than the one before, so that nothing old is taken for them.
numbers_are_there() {
    "$img" convert -f qcow2 -O raw "$dir/disk.qcow2" "$dir/flat" >>"$dir/log" 2>&1 || return 1
    head -c 4194304 "$dir/flat" | tr '\0' '\n' | sed -n 's/^SLOT //p' |
        awk '{ slot[$1 % 1024] = $1 } END { for (s in slot) print s, slot[s] }' >"$dir/slots"
    # A line without its end is one that the kill cut: its number is not whole.
    sed -n "s/^FLUSHED \([0-9]*\)$(printf '\r')\$/\1/p" "$dir/out" | awk -v slots="$dir/slots" '
        BEGIN { while ((getline line <slots) > 0) { split(line, f, " "); has[f[1]] = f[2] } }
        { n++; if (has[$1 % 1024] + 0 < $1) { print "lost " $1; bad = 1 } }
        END { print n " numbers"; exit bad || n == 0 }' >>"$dir/log"
}

k=0
while [ $k -lt "$kills" ]; do
    k=$((k + 1))
    delay
    # Fresh images and those that were killed before, in turn.
    [ $((k % 2)) = 0 ] || { rm -f "$dir/disk.qcow2"; "$img" create -q -f qcow2 "$dir/disk.qcow2" 48M || exit 1; }
    # What the emulator before wrote must not be taken for this one's.
    : >"$dir/out"
    "$emulator" -nographic -no-reboot -m 256M -kernel "$guests/amd64/vmlinuz" \
        -initrd "$guests/amd64/initrd-disk" -append "console=ttyS0 quiet demo=disklog first=$((k * 100000))" \
        -drive "file=$dir/disk.qcow2,if=virtio,format=qcow2" </dev/null >"$dir/out" 2>"$dir/log" &
    child=$!
    tries=0
    until grep -q "^FLUSHED [0-9]*$(printf '\r')" "$dir/out" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 1200 ] && kill -0 $child 2>/dev/null || break
        sleep 0.1
    done
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
    kill -9 $child 2>/dev/null
    wait $child 2>/dev/null
    ended=$?
    child=
    [ $ended = 137 ] || { echo "the emulator ended by itself with status $ended"; } >>"$dir/log"
    "$img" check "$dir/disk.qcow2" >>"$dir/log" 2>&1
    status=$?
    # 3: leaked clusters, which are allowed; the next one to use it repairs nothing by itself.
    [ $status = 0 ] || [ $status = 3 ]
    ok "kill $k, $ms ms after the first number: no corruption" $?
    numbers_are_there
    ok "kill $k: $(tail -n 1 "$dir/log"), all there" $?
done
echo "1..$n"
