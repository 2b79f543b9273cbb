#!/bin/sh
# SeaBIOS under KVM to its last words: on both machines, with two processors, and with the interrupt controllers in the
# kernel, half in it, and here. Side by side, since most of it is waiting. Then its boot menu's picture. Prints TAP.
set -u
vemu=$VEMU_BUILD/vemu-system-x86_64
[ -r /dev/kvm ] && [ -w /dev/kvm ] || {
    echo "1..0 # SKIP no usable /dev/kvm"
    exit 0
}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

machines="pc,kernel-irqchip=on q35,kernel-irqchip=split pc,kernel-irqchip=off"
boot() { # MACHINE
    log=$dir/$1
    : >"$log"
    timeout 90 "$vemu" -accel kvm -machine "$1" -m 128 -smp 2 -nodefaults -display none \
        -chardev file,id=debug,path="$(echo "$log" | sed 's/,/,,/g')" -device isa-debugcon,iobase=0x402,chardev=debug \
        </dev/null >"$log.err" 2>&1 &
    pid=$!
    seconds=0
    while [ $seconds -lt 80 ] && kill -0 $pid 2>/dev/null && ! grep -q '^No bootable device' "$log"; do
        sleep 1
        seconds=$((seconds + 1))
    done
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
}

for machine in $machines; do
    boot "$machine" &
done
wait
n=0
for machine in $machines; do
    n=$((n + 1))
    log=$dir/$machine
    if grep -q '^No bootable device' "$log" && grep -q 'Found 2 cpu' "$log"; then
        echo "ok $n - SeaBIOS on $machine finds two processors and nothing to start"
    else
        echo "not ok $n - SeaBIOS on $machine finds two processors and nothing to start"
        tail -n 5 "$log" "$log.err" | sed 's/^/# /'
    fi
done
n=$((n + 1))
python3 "$VEMU_SRC/tests/boot/kvm_menu.py" $n "$dir" || echo "not ok $n - SeaBIOS' boot menu by VNC is the same picture as under tcg"
echo "1..$n"
