#!/bin/sh
# A stock kernel on the user network: DHCP, a file fetched, sent and served, with equal sums; and what
# the capture holds of it. Prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/boot.sh"
. "$here/../tap.sh"
dir=$(mktemp -d) || exit 1
host=
trap 'exec 3>&-; [ -z "$host" ] || kill $host 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
grep -q '^#define CONFIG_SLIRP 1' "${VEMU_BUILD:-.}/config.h" || { echo "1..0 # SKIP a build without libslirp"; exit 0; }
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3"; exit 0; }

# A file that no frame size divides; a large one is only fetched.
bytes=${NETWORK_BYTES:-8388611}
head -c "$bytes" /dev/urandom >"$dir/data"
[ "$bytes" -le 67108864 ] && large= || large=large
sum=$(sha256sum <"$dir/data" | cut -c1-64)

# try WHAT OPTION...: one boot of the guest for $arch with the host's side beside it
arch=amd64
try() {
    what=$1
    shift
    rm -f "$dir/port" "$dir/received" "$dir/fetched"
    mkfifo "$dir/in" && { python3 "$here/network.py" "$dir" <"$dir/in" & } && host=$!
    exec 3>"$dir/in"
    rm -f "$dir/in"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ -s "$dir/port" ] && break
        sleep 0.5
    done
    boot "network-$what" "$arch" "demo=network port=$(cat "$dir/port") $large" \
        -initrd "$guests/$arch/initrd-network" -m 256M \
        -netdev "user,id=n,hostfwd=tcp:127.0.0.1:$(cat "$dir/forward")-:80" "$@"
    exec 3>&-
    wait $host
    host=
    tr -d '\r' <"$log" | grep '^NET' >"$dir/said"
    { cat "$log" "$log.err"; echo "$why"; } >"$dir/log"
    said=$(complaints "$log")
    [ -z "$said" ] || why="the kernel says: $said"
    [ -z "$why" ]
    ok "$what: boots and powers off ($seconds s)" $?
    grep -q '^NET lease 10.0.2.15 10.0.2.2 10.0.2.3$' "$dir/said"
    ok "$what: has a lease" $?
    grep -q "^NET got $sum\$" "$dir/said"
    ok "$what: what it fetches is right" $?
    [ -z "$large" ] || return
    grep -q '^NET sent$' "$dir/said" && cmp -s "$dir/data" "$dir/received"
    ok "$what: what it sends arrives" $?
    grep -q '^NET served$' "$dir/said" && cmp -s "$dir/data" "$dir/fetched"
    ok "$what: what it serves through a forwarded port is right" $?
}

if [ -n "$large" ]; then
    try e1000 -device e1000,netdev=n
    try virtio-net -device virtio-net-pci,netdev=n
    echo "1..$n"
    exit
fi
try e1000 -device e1000,netdev=n -object "filter-dump,id=f,netdev=n,file=$dir/pcap,maxlen=96"
# Both ways through the device, 8 MB in frames of at most 1514 bytes, and 16 MB more in those or whole segments: at least so many
# records of 16 bytes and what is kept of each.
[ "$(od -An -tx4 -N4 "$dir/pcap" | tr -d ' ')" = a1b23c4d ] && [ "$(wc -c <"$dir/pcap")" -gt 500000 ]
ok 'the capture has the frames' $?
try e1000-q35 -M q35 -device e1000,netdev=n,mac=52:54:00:aa:bb:cc
try virtio-net -device virtio-net-pci,netdev=n
# A pair of queues for each processor, drivers of VIRTIO 1.0 only.
try virtio-net-q35 -M q35 -smp 2 -device virtio-net-pci-non-transitional,netdev=n,mq=on
try virtio-net-legacy -device virtio-net-pci,netdev=n,disable-modern=on,vectors=0
try virtio-net-microvm -M microvm -device virtio-net-device,netdev=n
# Messages by an ITS, and a line.
arch=arm64
try arm64-virtio-net -M virt,gic-version=3 -device virtio-net-pci,netdev=n
try arm64-e1000 -M virt,gic-version=2 -device e1000,netdev=n
echo "1..$n"
