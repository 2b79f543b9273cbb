#!/bin/sh
# The guest tests that any KVM can run to their end, with the interrupt controllers in the kernel, half in it, and here:
# doorbells that the kernel rings, and a device's messages, by calls and by descriptors. Prints TAP.
set -u
[ -r /dev/kvm ] && [ -w /dev/kvm ] || {
    echo "1..0 # SKIP no usable /dev/kvm"
    exit 0
}
build=${VEMU_BUILD:-.}
n=0
run() { # kernel-irqchip= irqfd=
    out=$(GUEST_LOGS=$build/tests/logs/kvm-$1-$2 EMULATOR="$build/vemu-system-x86_64 -accel kvm,kernel-irqchip=$1" \
        GUEST_EDIT="s/virtio-rng-pci,/&irqfd=$2,/" sh "$VEMU_SRC/tests/guest/run-guests.sh" virtio)
    echo "$out" | sed '/^1\.\./d' | awk -v n="$n" -v mode="$1, irqfd=$2" '
        /^(not )?ok / { sub(/ok [0-9]+ - /, "ok " ++n " - kernel-irqchip=" mode ": ") }
        { print }'
    n=$((n + $(echo "$out" | grep -c '^ok \|^not ok ')))
}
for mode in on split off; do
    run $mode off
done
run on on
run split on
echo "1..$n"
