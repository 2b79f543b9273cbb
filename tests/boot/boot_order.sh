#!/bin/sh
# Firmware starts what the user chose: -boot and bootindex= as SeaBIOS and OVMF take them.
. "$VEMU_SRC/tests/tap.sh"
. "$VEMU_SRC/tests/boot/until.sh"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# boot_sector FILE TEXT END: prints TEXT on the first serial port; END is code that follows.
#   xor ax,ax; mov ds,ax; mov si,7c12h; mov dx,3f8h; 1: lodsb; test al,al; jz END; out dx,al; jmp 1b
boot_sector() {
    printf '\061\300\216\330\276\060\174\272\370\003\254\204\300\164\003\356\353\370'"$3" >"$1"
    truncate -s 48 "$1"
    printf '%s\n' "$2" >>"$1"
    truncate -s 510 "$1"
    printf '\125\252' >>"$1"
    truncate -s 1M "$1"
}
halt='\364\353\375'         # 1: hlt; jmp 1b
reset='\260\376\346\144'$halt # mov al,0feh; out 64h,al
boot_sector "$dir/a" 'this is disk A' "$halt"
boot_sector "$dir/b" 'this is disk B' "$halt"
boot_sector "$dir/r" 'loaded, now reset' "$reset"
disks="-drive file=$dir/a,format=raw,if=none,id=a -drive file=$dir/b,format=raw,if=none,id=b"

# What was shown, in its order, of the lines that match.
shown() {
    tr -d '\r\000' <"$dir/log" | grep -ao "$1" | tr '\n' ' '
}

until_shown 'this is disk' 30 -M pc -m 64M $disks -device virtio-blk-pci,drive=a,bootindex=9 \
    -device virtio-blk-pci,drive=b,bootindex=1
[ "$(shown 'this is disk .')" = 'this is disk B ' ]
ok 'SeaBIOS on pc starts the disk with the lower index' $?
until_shown 'this is disk' 30 -M q35 -m 64M $disks -device virtio-blk-pci,drive=a \
    -device virtio-blk-pci,drive=b,addr=1e,bootindex=0
[ "$(shown 'this is disk .')" = 'this is disk B ' ]
ok 'SeaBIOS on q35 starts the only one with an index, which is in a later slot' $?
until_shown 'this is disk' 30 -M pc -m 64M $disks -device virtio-blk-pci,drive=a,bootindex=9 \
    -device nvme,drive=b,serial=1,bootindex=1
[ "$(shown 'this is disk .')" = 'this is disk B ' ]
ok 'SeaBIOS on pc starts an NVMe disk that comes first' $?
until_shown 'this is disk' 30 -M q35 -m 64M $disks -device nvme,drive=a,serial=1,bootindex=1 \
    -device nvme,drive=b,serial=2,bootindex=0
[ "$(shown 'this is disk .')" = 'this is disk B ' ]
ok 'SeaBIOS on q35 starts the first of two' $?
until_shown 'No bootable device' 30 -M pc -m 64M $disks -device virtio-blk-pci,drive=a \
    -boot order=d,strict=on -nic user,romfile=,bootindex=3
[ -z "$(shown 'this is disk .')" ]
ok 'strict=on: SeaBIOS starts nothing else' $?
until_shown 'this is disk A' 30 -M pc -m 64M $disks -device virtio-blk-pci,drive=a \
    -boot menu=on,splash-time=100 && grep -qa 'Press ESC for boot menu' "$dir/log"
ok 'menu=on: SeaBIOS asks for it and goes on' $?

# iPXE, the card's boot ROM, loads a file from the user network's TFTP server.
mkdir "$dir/tftp" && cp "$dir/r" "$dir/tftp/program" && truncate -s 512 "$dir/tftp/program"
until_shown 'this is disk A' 60 -M pc -m 64M $disks -device virtio-blk-pci,drive=a \
    -nic "user,tftp=$dir/tftp,bootfile=program" -boot order=c,once=n
[ "$(shown 'loaded, now reset\|this is disk .')" = 'loaded, now reset this is disk A ' ]
ok 'once=n: SeaBIOS starts the network program by iPXE, and after its reset the disk' $?
until_shown 'loaded, now reset' 60 -M q35 -m 64M -netdev "user,id=n,tftp=$dir/tftp,bootfile=program" \
    -device virtio-net-pci,netdev=n,bootindex=0
ok 'SeaBIOS starts the network program by virtio-net' $?

# OVMF says what it tries. Neither disk has a file system.
until_shown 'Shell>' 60 -M q35 -m 256M -bios OVMF.fd $disks -device virtio-blk-pci,drive=a,addr=4 \
    -device virtio-blk-pci,drive=b,addr=5,bootindex=1 -nic user,addr=6,bootindex=0,romfile= \
    -boot order=c
[ "$(shown 'load Boot.*Pci(0x[45],0x0)' | grep -o 'Pci(0x[0-9a-f]*,' | tr -d '\n')" = 'Pci(0x5,Pci(0x4,' ]
ok 'OVMF tries the disk with an index first, then the other' $?
echo "1..$n"
