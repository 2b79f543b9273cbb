#!/bin/sh
# Kernels are started with what another start left: at other addresses (their own randomisation is on)
# and with another initramfs; then with the file damaged, and two machines at once. Prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/boot.sh"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
n=0

ok() { # WHAT
    n=$((n + 1))
    if [ -z "$why" ]; then
        echo "ok $n - saved translations: $1"
    else
        echo "not ok $n - saved translations: $1"
        echo "# $why"
        tail -n 8 "$log" "$log.err" | tr -d '\r' | sed 's/^/# | /'
    fi
}

# start NAME ARCH OPTION...: a boot that counts; sets taken, regions, missed, damaged
start() {
    name=$1 arch=$2
    shift 2
    boot "$name" "$arch" demo=once -m 512M -accel tcg,count=on "$@"
    [ "$why" != 'wrote to standard error' ] || why= # the counters
    counts=$(awk '/saved translations +[0-9]+ blocks/ { t = $4; r = $7 }
        /not taken/ { m = $4; for (i = 1; i <= NF; i++) if ($i ~ /^damaged/) d = $(i - 1) }
        END { print t + 0, r + 0, m + 0, d + 0 }' "$log.err")
    read -r taken regions missed damaged <<END
$counts
END
    said=$(complaints "$log")
    [ -n "$why" ] || [ -z "$said" ] || why="the kernel says: $said"
}

# warm: it went as it should with what was there
warm() {
    [ -n "$why" ] || [ "$taken" -gt "$missed" ] || why="only $taken blocks taken, $missed translated"
    [ -n "$why" ] || [ "$regions" -gt 20 ] || why="only $regions regions taken"
}

head -c 3000000 /dev/zero >"$dir/zeros"
tools/mkinitramfs "$dir/more" "f:zeros=$dir/zeros" || exit 1
for arch in amd64 i386; do
    cpus=1
    [ $arch = amd64 ] || cpus=2
    start $arch-cold $arch -smp $cpus -jit-cache rw -jit-cache-dir "$dir/$arch"
    [ -n "$why" ] || [ "$taken" = 0 ] || why="$taken blocks taken from nowhere"
    [ -n "$why" ] || [ -s "$(ls "$dir/$arch"/translations-*)" ] || why='nothing was saved'
    ok "$arch on $cpus saves them"

    mkdir -p "$dir/guests/$arch"
    cp "$guests/$arch/vmlinuz" "$dir/guests/$arch"
    cat "$guests/$arch/initrd" "$dir/more" >"$dir/guests/$arch/initrd"
    stock=$guests guests=$dir/guests
    start $arch-warm $arch -smp $cpus -jit-cache rw -jit-cache-dir "$dir/$arch"
    guests=$stock
    warm
    [ -n "$why" ] || [ "$damaged" = 0 ] || why="$damaged damaged"
    ok "$arch with another initramfs at other addresses ($taken blocks, $regions regions, $missed missed)"
done

# Bytes of entries overwritten, the index left as it is: those are not taken, everything else is.
file=$(ls "$dir"/amd64/translations-*)
half=$(($(stat -c %s "$file") / 2))
k=1
while [ $k -le 100 ]; do
    printf '\252' | dd of="$file" bs=1 seek=$((half / 100 * k)) conv=notrunc 2>/dev/null
    k=$((k + 1))
done
start amd64-damaged amd64 -jit-cache ro -jit-cache-dir "$dir/amd64"
warm
[ -n "$why" ] || [ "$damaged" -gt 10 ] || why="$damaged damaged"
ok "amd64 with 100 bytes damaged ($damaged entries noticed)"

(
    start amd64-at-once amd64 -jit-cache rw -jit-cache-dir "$dir/at-once"
    echo "$why" >"$dir/other"
) &
start amd64-also amd64 -jit-cache rw -jit-cache-dir "$dir/at-once"
wait
[ -n "$why" ] || why=$(cat "$dir/other")
[ -n "$why" ] || [ "$(cd "$dir/at-once" && ls | sed 's/-[0-9a-f]*$//' | tr '\n' ' ')" = 'lock translations ' ] ||
    why="left behind: $(ls "$dir/at-once")"
ok 'two machines save into one directory at once'
echo "1..$n"
