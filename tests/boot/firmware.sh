#!/bin/sh
# Firmware of the distribution, unmodified, to its prompt on both machines.
. "$VEMU_SRC/tests/tap.sh"
. "$VEMU_SRC/tests/boot/until.sh"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

echo 1..7
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
