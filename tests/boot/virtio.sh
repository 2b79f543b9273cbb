#!/bin/sh
# A stock kernel uses virtio-rng, a console and a named port. Prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/boot.sh"
. "$here/../tap.sh"
dir=$(mktemp -d) || exit 1
host=
trap '[ -z "$host" ] || kill $host 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3"; exit 0; }

head -c 1048576 /dev/urandom >"$dir/data"
head -c 1048576 /dev/urandom >"$dir/random"
od -An -v -tx1 "$dir/random" | tr -d ' \n' >"$dir/random.hex"
sum=$(sha256sum <"$dir/data" | cut -c1-64)

# try WHAT SUFFIX OPTION...: SUFFIX ends the devices' names
try() {
    what=$1 suffix=$2
    shift 2
    rm -f "$dir/data.back" "$dir/console" "$dir/port"
    python3 "$here/virtio.py" "$dir/port" "$dir/data" >"$dir/host" 2>&1 &
    host=$!
    boot "virtio-$what" amd64 demo=virtio -initrd "$guests/amd64/initrd-virtio" -m 256M "$@" \
        -object "rng-random,id=r,filename=$dir/random" -device "virtio-rng-$suffix,rng=r,max-bytes=4096,period=10" \
        -chardev "file,id=c,path=$dir/console" -chardev "socket,id=p,path=$dir/port,server=on,wait=off" \
        -device "virtio-serial-$suffix" -device virtconsole,chardev=c \
        -device virtserialport,chardev=p,name=org.vemu.echo
    wait $host
    host=
    tr -d '\r' <"$log" | grep '^VIRTIO' >"$dir/said"
    { cat "$log" "$log.err" "$dir/host"; echo "$why"; } >"$dir/log"
    said=$(complaints "$log")
    [ -z "$said" ] || why="the kernel says: $said"
    [ -z "$why" ]
    ok "$what: boots and powers off ($seconds s)" $?
    hex=$(sed -n 's/^VIRTIO rng //p' "$dir/said")
    [ ${#hex} = 64 ] && grep -q "$hex" "$dir/random.hex"
    ok "$what: random numbers are those of the file" $?
    grep -q '^by the console' "$dir/console"
    ok "$what: the console's back end has what was written" $?
    grep -q '^VIRTIO port hello guest$' "$dir/said" && grep -q '^the guest has: hello guest$' "$dir/host"
    ok "$what: a line goes through the named port and back" $?
    grep -q "^VIRTIO sum $sum\$" "$dir/said" && cmp -s "$dir/data" "$dir/data.back"
    ok "$what: so does a MiB" $?
}
try pc pci -M pc -smp 2
try q35 pci-non-transitional -M q35
echo "1..$n"
