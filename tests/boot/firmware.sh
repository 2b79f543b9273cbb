#!/bin/sh
# Firmware of the distribution, unmodified, to its prompt on both machines.
. "$VEMU_SRC/tests/tap.sh"
. "$VEMU_SRC/tests/boot/until.sh"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

for machine in pc q35; do
    until_shown 'No bootable device' 60 -M $machine -m 128M -no-reboot \
        -chardev "file,id=debug,path=$dir/debug" -device isa-debugcon,iobase=0x402,chardev=debug
    ok "SeaBIOS on $machine looks for something to boot" $?
    grep -q '^Running on QEMU' "$dir/debug" && grep -q '^enter handle_19' "$dir/debug"
    ok "SeaBIOS on $machine prints to its debug port" $?
done

until_shown 'Shell>' 120 -M pc -m 256M -no-reboot -bios OVMF.fd
ok "OVMF as a ROM on pc reaches the UEFI shell" $?
vars=/usr/share/OVMF/OVMF_VARS_4M.fd
cp $vars "$dir/vars" &&
    until_shown 'Shell>' 120 -M q35 -m 256M -no-reboot -pflash file=OVMF_CODE_4M.fd,readonly=on -pflash "$dir/vars"
ok "OVMF in flash on q35 reaches the UEFI shell" $?
! cmp -s "$dir/vars" $vars && grep -qa 'B.o.o.t.O.r.d.e.r' "$dir/vars"
ok "and its variables are in the image" $?
cp $vars "$dir/vars" && until_shown 'Shell>' 120 -M q35 -m 256M -no-reboot -smp 2 \
    -pflash file=OVMF_CODE_4M.secboot.fd,readonly=on -pflash "$dir/vars"
ok "OVMF that keeps its variables in system management mode reaches the UEFI shell" $?

# -kernel and firmware: a BIOS takes it by an option ROM, UEFI firmware by itself; the guest finds the
# tables that firmware placed, and switches off by them.
starts_kernel() { # OPTION...
    until_shown 'reboot: Power down' 120 -m 512M -no-reboot -kernel "$VEMU_GUESTS/amd64/vmlinuz" \
        -initrd "$VEMU_GUESTS/amd64/initrd" -append 'console=ttyS0 demo=once' "$@" &&
        grep -qa 'vemu-init: done' "$dir/log"
}
starts_kernel -M pc -bios bios-256k.bin -drive "file=$dir/vars,format=raw,if=none,id=d,readonly=on" \
    -device virtio-blk-pci,drive=d,bootindex=0 && grep -qa 'Booting from ROM' "$dir/log"
ok "SeaBIOS on pc starts the kernel of -kernel before any disk" $?
starts_kernel -M q35 -smp 2 -bios OVMF.fd && grep -qa 'ACPI: RSDP .* VEMU' "$dir/log" &&
    grep -qa 'smp: Brought up 1 node, 2 CPUs' "$dir/log"
ok "OVMF on q35 starts it, and hands on the ACPI tables" $?
echo "1..$n"
