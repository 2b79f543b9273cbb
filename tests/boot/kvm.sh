#!/bin/sh
# SeaBIOS under KVM, on both machines and with two processors, to its last words. Prints TAP.
set -u
vemu=$VEMU_BUILD/vemu-system-x86_64
n=0
[ -r /dev/kvm ] && [ -w /dev/kvm ] || {
    echo "1..0 # SKIP no usable /dev/kvm"
    exit 0
}
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
for machine in pc q35; do
    timeout 90 "$vemu" -accel kvm -M $machine -m 128 -smp 2 -nodefaults -display none \
        -chardev file,id=debug,path="$log" -device isa-debugcon,iobase=0x402,chardev=debug </dev/null >"$log.err" 2>&1 &
    pid=$!
    seconds=0
    while [ $seconds -lt 80 ] && kill -0 $pid 2>/dev/null && ! grep -q '^No bootable device' "$log"; do
        sleep 1
        seconds=$((seconds + 1))
    done
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
    n=$((n + 1))
    if grep -q '^No bootable device' "$log" && grep -q 'Found 2 cpu' "$log"; then
        echo "ok $n - SeaBIOS on $machine finds two processors and nothing to start"
    else
        echo "not ok $n - SeaBIOS on $machine finds two processors and nothing to start"
        tail -n 5 "$log" "$log.err" | sed 's/^/# /'
    fi
    rm -f "$log.err"
    : >"$log"
done
echo "1..$n"
