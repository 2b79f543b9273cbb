#!/bin/sh
# 32-bit Arm machines with more than a kernel: firmware of the distribution, unmodified; disks by PCI and
# by a virtio-mmio slot; resets; the short command.
. "$VEMU_SRC/tests/tap.sh"
system=vemu-system-arm
. "$VEMU_SRC/tests/boot/until.sh"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
guest=$VEMU_GUESTS/armhf
. "$VEMU_SRC/tests/boot/arm_guest.sh"

until_shown '^=> *$' 120 -M virt -m 256M -no-reboot -bios /usr/lib/u-boot/qemu_arm/u-boot.bin
ok "U-Boot reaches its prompt" $?
grep -qa 'Flash: 64 MiB' "$dir/log"
ok "and finds the flash by its queries" $?

disk 'virtio-blk on PCI interrupts by the frame of a GICv2' 'INTERRUPTS.* MSI ' -M virt -smp 2 \
    -device virtio-blk-pci,drive=d
disk 'virtio-blk in a virtio-mmio slot' 'DISK vda' -M virt -device virtio-blk-device,drive=d

restarts "$build/vemu" run --arch arm -smp 2
ok "vemu run --arch arm, and a reset starts the guest again on both processors" $?
echo "1..$n"
