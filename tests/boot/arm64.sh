#!/bin/sh
# Arm machines with more than a kernel: firmware of the distribution, unmodified; disks and their
# interrupts with each interrupt controller; resets.
. "$VEMU_SRC/tests/tap.sh"
system=vemu-system-aarch64
. "$VEMU_SRC/tests/boot/until.sh"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
guest=$VEMU_GUESTS/arm64
. "$VEMU_SRC/tests/boot/arm_guest.sh"

until_shown '^=> *$' 120 -M virt -m 256M -no-reboot -bios /usr/lib/u-boot/qemu_arm64/u-boot.bin \
    -device virtio-blk-pci,drive=none0 -drive file="$guest/initrd",format=raw,if=none,id=none0,readonly=on
ok "U-Boot reaches its prompt" $?
grep -qa 'Flash: 64 MiB' "$dir/log"
ok "and finds the flash by its queries" $?

# UEFI firmware takes the kernel and the tables from fw_cfg. The guest finds no device tree.
vars=/usr/share/AAVMF/AAVMF_VARS.fd
cp $vars "$dir/vars" && until_shown 'reboot: Power down' 120 -M virt,gic-version=3 -smp 2 -m 512M -no-reboot \
    -pflash file=AAVMF_CODE.fd,readonly=on -pflash "$dir/vars" \
    -kernel "$guest/vmlinuz" -initrd "$guest/initrd" -append 'console=ttyAMA0 demo=once' &&
    grep -qa 'vemu-init: done' "$dir/log"
ok "UEFI firmware in flash starts a kernel, which powers off" $?
grep -qa 'ACPI: RSDP .* VEMU' "$dir/log" && grep -qa 'GICv3: .*redistributor' "$dir/log" &&
    grep -qa 'ITS@0x0*8080000' "$dir/log" && grep -qa 'smp: Brought up 1 node, 2 CPUs' "$dir/log" &&
    ! grep -qaiE 'ACPI (BIOS )?(Error|Warning|Bug)|ACPI Exception' "$dir/log"
ok "and hands on the ACPI tables, of which nothing is complained" $?
! cmp -s "$dir/vars" $vars && grep -qa 'B.o.o.t.O.r.d.e.r' "$dir/vars"
ok "and its variables are in the image" $?
# By its timer's interrupt, and a port at 0.
until_shown 'BLK0' 120 -M virt,gic-version=3 -m 256M -no-reboot -bios QEMU_EFI.fd \
    -device virtio-blk-pci,drive=d -drive file="$guest/initrd",format=raw,if=none,id=d,readonly=on
ok "UEFI firmware finds a disk, with a GICv3" $?

disk 'virtio-blk interrupts by the ITS' 'INTERRUPTS.* ITS-MSI ' -M virt,gic-version=3 -device virtio-blk-pci,drive=d
disk 'NVMe interrupts by the frame of a GICv2' 'INTERRUPTS.* MSI ' -M virt,gic-version=2 -device nvme,serial=1,drive=d
disk 'NVMe interrupts by a line where there are no messages' 'DISK nvme0n1' -M virt,gic-version=3,its=off \
    -device nvme,serial=1,drive=d
disk 'virtio-blk in a virtio-mmio slot' 'DISK vda' -M virt -device virtio-blk-device,drive=d

restarts "$build/$system" -nographic -m 256M -smp 2
ok "a reset starts the guest again, on both processors" $?

# power WHAT DEVICE OPTION...: the button is pressed; the guest's input device sees it go down and up.
power() {
    what=$1 device=$2
    shift 2
    : >"$dir/log"
    XDG_RUNTIME_DIR=$dir "$build/vemu" run --arch aarch64 --name power --memory 512M --display none \
        --serial "file:$dir/log" --kernel "$guest/vmlinuz" --initrd "$guest/initrd-input" \
        --append 'console=ttyAMA0 demo=input' --device virtio-keyboard-pci "$@" </dev/null >"$dir/out" 2>&1 &
    pid=$!
    pressed=
    for _ in $(seq 900); do
        if [ -z "$pressed" ] && grep -qa 'INPUT ready' "$dir/log"; then
            pressed=y
            XDG_RUNTIME_DIR=$dir "$build/vemu" ctl power powerdown
            sleep 0.5
            XDG_RUNTIME_DIR=$dir "$build/vemu" ctl power send-key f12
        fi
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
    cat "$dir/out" >>"$dir/log"
    grep -qa "INPUT $device: 0001 0074 00000001" "$dir/log" && grep -qa "INPUT $device: 0001 0074 00000000" "$dir/log"
    ok "$what" $?
}
power 'the power button is an event of ACPI' 'Power Button' --bios QEMU_EFI.fd
if [ -f "$guest/modules/gpio_keys.ko" ]; then
    power 'the power button is a key by the device tree' gpio-keys
else
    echo "ok $((n += 1)) - the power button is a key by the device tree # SKIP the guest was fetched without gpio_keys"
fi

# Counted time: two processors that wait for each other take turns, and twice the same happens.
for run in 1 2; do
    until_shown 'reboot: Power down' 120 -M virt,dtb-randomness=off -icount shift=3,sleep=off -smp 2 -m 256M \
        -no-reboot -kernel "$guest/vmlinuz" -initrd "$guest/initrd" -append 'console=ttyAMA0 demo=once' &&
        cp "$dir/log" "$dir/counted$run"
done
cmp -s "$dir/counted1" "$dir/counted2"
ok "counted boots on two processors are alike, to the last digit" $?

timeout 120 "$build/examples/two_machines" "$VEMU_GUESTS/amd64/vmlinuz" "$VEMU_GUESTS/amd64/initrd" \
    "$guest/vmlinuz" "$guest/initrd" >"$dir/log" 2>&1 </dev/null &&
    grep -qa '^pc| Linux .* on x86_64' "$dir/log" && grep -qa '^arm| Linux .* on aarch64' "$dir/log" &&
    [ "$(grep -ca 'vemu-init: done' "$dir/log")" = 2 ]
ok "an x86 and an Arm machine live side by side in one process" $?
echo "1..$n"
