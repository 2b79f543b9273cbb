#!/bin/sh
# vemu-img as a program: what each command does, its exit status, what it says of mistakes; and, where
# qemu-img is installed, that both read each other's images and see the same in them. Prints TAP.
set -u
. "${VEMU_SRC:-.}/tests/tap.sh"
build=$(cd "${VEMU_BUILD:-.}" && pwd)
img=$build/vemu-img
dir=$(mktemp -d) || exit 1
holder=
loop=
trap '[ -z "$holder" ] || kill "$holder" 2>/dev/null; [ -z "$loop" ] || losetup -d "$loop"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT PIPE TERM
cd "$dir" || exit 1
skip() { # WHAT WHY
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}
try() { # COMMAND...: all of a test's commands have to succeed
    echo "+ $*" >>log
    "$@" >>log 2>&1 || why=1
}
status() { # STATUS COMMAND...
    want=$1
    shift
    "$@" >>log 2>&1
    got=$?
    [ $got = "$want" ] || { echo "status $got, not $want: $*" >>log; why=1; }
}
says() { # TEXT
    grep -qF -- "$1" log || { echo "it does not say: $1" >>log; why=1; }
}
begin() {
    why=0
    : >log
}

# 3 MiB of data that compresses, 2 MiB that does not, and holes: 40 MiB.
truncate -s 40M raw
seq 1 450000 | head -c 3145728 | dd of=raw bs=1M seek=1 conv=notrunc status=none
head -c 2097152 /dev/urandom | dd of=raw bs=1M seek=33 conv=notrunc status=none

begin
for options in '' '-o compat=0.10' '-o cluster_size=4K' '-o cluster_size=2M' '-c' \
    '-c -o compression_type=zstd' '-o preallocation=falloc' '-S 0' '-m 1' '-t none' '-o lazy_refcounts=on'; do
    # shellcheck disable=SC2086
    try "$img" convert -O qcow2 $options raw a
    try "$img" check a
    try "$img" compare raw a
done
ok 'convert, check, compare with all kinds of options' $why

begin
try "$img" convert -c -O qcow2 raw a
[ "$(stat -c %s a)" -lt 3500000 ] || { echo "it is $(stat -c %s a) bytes long" >>log; why=1; }
try "$img" convert -p -O raw a b
says '(100.00/100%)'
try cmp raw b
[ "$(stat -c %b b)" -le "$(($(stat -c %b raw) + 64))" ] || { echo 'holes were filled' >>log; why=1; }
ok 'compressed images are small, and holes stay holes' $why

begin
try "$img" create -q -f qcow2 -b raw a
"$img" info --output json a >info
cat info >>log
says '"backing-filename-format": "raw"'
says '"virtual-size": 41943040'
try "$img" compare raw a
try "$img" resize -q a +1M
try "$img" snapshot -c one a
try "$img" snapshot -l a
says 'one'
try "$img" convert -l one -O raw a b
try "$img" resize -q --shrink a 20M
try "$img" snapshot -a one a
try "$img" compare a b
try "$img" snapshot -d one a
try "$img" check a
ok 'backing file, resize, snapshots' $why

begin
cp raw other
printf 'changed' | dd of=other bs=1 seek=5000000 conv=notrunc status=none
try "$img" create -q -f qcow2 -b raw -F raw a
try "$img" rebase -q -b other -F raw a
try "$img" compare raw a
"$img" map --output json a | tr -d ' \n' >>log
says '"start":4980736,"length":65536,"depth":0'
try "$img" rebase -b '' a
try "$img" compare raw a
"$img" info a >info
if grep -q backing info; then why=1; fi
ok 'rebase keeps the content' $why

begin
cp raw base
try "$img" create -q -f qcow2 -b base -F raw middle
try "$img" create -q -f qcow2 -b middle -F qcow2 top
try "$img" convert -n -O qcow2 -S 0 other top
try "$img" commit -q top
try "$img" compare other middle
try "$img" compare other top
status 1 "$img" compare -q base top
try "$img" commit -q middle
try "$img" compare other base
try "$img" check middle
status 1 "$img" commit base
says 'no backing file to commit to'
ok 'commit writes into the backing file' $why

begin
status 1 "$img" compare raw other
says 'Content mismatch at offset 5000000!'
status 2 "$img" compare raw absent
truncate -s 41M longer
dd if=raw of=longer conv=notrunc,sparse bs=1M status=none
status 0 "$img" compare raw longer
says 'Image size mismatch!'
status 1 "$img" compare -s raw longer
status 63 "$img" check -f raw raw
try "$img" convert -O qcow2 raw a
# Cluster 12 is data; its refcount is 16 bits in the block at 128K.
printf '\002' | dd of=a bs=1 seek=$((131072 + 12 * 2 + 1)) conv=notrunc status=none
status 3 "$img" check a
says 'leaked'
printf '\000' | dd of=a bs=1 seek=$((131072 + 12 * 2 + 1)) conv=notrunc status=none
status 2 "$img" check a
status 0 "$img" check -r all a
status 0 "$img" check a
status 0 "$img" compare raw a
ok 'exit statuses of compare and check' $why

begin
status 1 "$img" frob
says "'frob' is not a command"
status 1 "$img" create -f qcow2
says 'has to be given'
status 1 "$img" create -f vhd x 1G
says "format 'vhd' is not known: use qcow2 or raw"
status 1 "$img" create -f qcow2 x 12Q
says "size '12Q'"
status 1 "$img" create -f qcow2 -o cluster_size=3K x 1G
says 'cluster_size=3K'
status 1 "$img" create -f qcow2 -o clustersize=64K x 1G
says "'clustersize' is not known here"
status 1 "$img" create -f qcow2 x
says 'needs a size'
status 1 "$img" create -f qcow2 -o cluster_size=512 x 1T
says 'use a larger cluster_size'
status 1 "$img" create -f qcow2 -b absent x
says 'absent'
status 1 "$img" info nbd://host/x
says "no protocol 'nbd'"
status 1 "$img" info /
says 'a directory'
status 1 "$img" resize a 1M
says '--shrink'
status 1 "$img" snapshot -a none a
says "no snapshot 'none'"
status 1 "$img" convert -c -O raw raw b
says '-c is for qcow2'
status 1 "$img" check -r some a
says 'use leaks or all'
[ ! -e x ] || { echo 'a mistake left a file' >>log; why=1; }
ok 'mistakes: one sentence, status 1, no file left' $why

truncate -s 64M device
loop=$(losetup -f --show device 2>/dev/null) || loop=
if [ -n "$loop" ] && [ -w "$loop" ]; then
    begin
    try "$img" convert -n -t none -O raw raw "$loop"
    try "$img" compare raw "$loop"
    try "$img" create -q -f qcow2 "$loop" 40M
    try "$img" convert -n -f raw -O qcow2 -t directsync raw "$loop"
    try "$img" check -f qcow2 "$loop"
    try "$img" compare -F qcow2 raw "$loop"
    ok 'a block device, raw and as qcow2' $why
    losetup -d "$loop"
    loop=
else
    skip 'a block device, raw and as qcow2' 'no loop devices here'
fi

if ! command -v qemu-img >/dev/null || ! command -v qemu-io >/dev/null; then
    for what in 'images of either program' 'info and map' 'locks'; do
        skip "$what, beside qemu-img" 'no qemu-img and qemu-io (qemu-utils)'
    done
    echo "1..$n"
    exit 0
fi

begin
for options in '' '-o compat=0.10' '-o cluster_size=512' '-o refcount_bits=1' '-c' \
    '-c -o compression_type=zstd' '-c -o cluster_size=4K' '-o preallocation=metadata'; do
    # shellcheck disable=SC2086
    try "$img" convert -O qcow2 $options raw a
    # shellcheck disable=SC2086
    try qemu-img convert -O qcow2 $options raw b
    try qemu-img check a
    try "$img" check b
    try qemu-img compare -f raw -F qcow2 raw a
    try "$img" compare raw b
done
try qemu-img snapshot -c two b
try "$img" snapshot -c three b
try qemu-io -f qcow2 -c 'write -P 7 100k 300k' b
try "$img" check b
try "$img" snapshot -a two b
try qemu-img check b
try qemu-img snapshot -a three b
try qemu-img snapshot -d two b
try "$img" snapshot -d three b
try qemu-img check b
try "$img" compare raw b
ok 'images of either program, read, checked and changed by the other' $why

begin
try "$img" create -q -f qcow2 -b raw -F raw a
try qemu-io -f qcow2 -c 'write 100k 300k' -c 'write -z 1M 1M' a
try "$img" snapshot -c s a
for command in 'info' 'map' 'snapshot -l'; do
    # shellcheck disable=SC2086
    "$img" $command a >ours 2>>log
    # shellcheck disable=SC2086
    qemu-img $command a >theirs 2>>log
    try diff ours theirs
done
ok 'info, map and snapshot -l print what qemu-img prints' $why

begin
# Each holds the image while the other tries.
mkfifo fifo
qemu-io -f qcow2 a <fifo >>log 2>&1 &
holder=$!
exec 3>fifo
echo 'write 0 64k' >&3
for i in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.2
    "$img" resize a +64K >out 2>&1 || break
done
cat out >>log
says "process $holder"
status 0 "$img" info -U a
exec 3>&-
wait "$holder"
holder=
status 0 "$img" resize a +64K
"$build/tests/unit/programs/block_hold" a <fifo >>log 2>&1 &
holder=$!
exec 3>fifo
sleep 0.5
status 1 qemu-io -f qcow2 -c 'write 0 64k' a
says 'lock'
exec 3>&-
wait "$holder"
holder=
status 0 qemu-io -f qcow2 -c 'write 0 64k' a
ok 'locks: neither writes to what the other has open' $why
echo "1..$n"
