#!/bin/sh
# IDE, SATA and ATAPI: SeaBIOS starts the first sector of each kind of disk, and a stock kernel
# writes and reads file systems on them; the host's tools find the same in the images. Prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/boot.sh"
. "$here/../tap.sh"
. "$here/until.sh"
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
for tool in mkfs.ext4 debugfs e2fsck xorriso; do
    command -v $tool >/dev/null || {
        echo "1..0 # SKIP no $tool here"
        exit 0
    }
done

# A sector that prints a line on the first serial port:
#   xor ax,ax; mov ds,ax; mov si,7c12h; mov dx,3f8h; 1: lodsb; test al,al; jz 2; out dx,al; jmp 1b
#   2: hlt; jmp 2b
printf '\061\300\216\330\276\060\174\272\370\003\254\204\300\164\003\356\353\370\364\353\375' >"$dir/sector"
truncate -s 48 "$dir/sector"
echo 'the sector runs' >>"$dir/sector"
truncate -s 510 "$dir/sector"
printf '\125\252' >>"$dir/sector"
cp "$dir/sector" "$dir/boot.raw"
truncate -s 16M "$dir/boot.raw"

# An ISO 9660 that El Torito starts without emulation, and an ext4, with something in them.
mkdir "$dir/seed"
dd if=/dev/urandom of="$dir/seed/seed" bs=1M count=3 2>/dev/null
(cd "$dir/seed" && sha256sum seed >seed.sum)
cp -r "$dir/seed" "$dir/iso"
cp "$dir/sector" "$dir/iso/boot.bin"
truncate -s 2048 "$dir/iso/boot.bin"
xorriso -as mkisofs -quiet -R -b boot.bin -no-emul-boot -boot-load-size 4 -o "$dir/cd.iso" "$dir/iso" \
    2>"$dir/log" || exit 1
truncate -s 96M "$dir/new"
mkfs.ext4 -q -F -d "$dir/seed" "$dir/new" || exit 1

starts() { # NAME OPTION...
    what=$1
    shift
    until_shown 'the sector runs' 60 -m 64M "$@"
    ok "SeaBIOS starts $what" $?
}
raw="format=raw,file=$dir/boot.raw"
starts 'an IDE disk' -M pc -drive "$raw"
starts 'a SATA disk' -M q35 -drive "$raw"
starts 'an IDE CD' -M pc -cdrom "$dir/cd.iso"
starts 'a SATA CD' -M q35 -cdrom "$dir/cd.iso"
starts 'a disk of a second controller' -M pc -device ahci,id=sata -drive "$raw,if=none,id=d" \
    -device ide-hd,drive=d,bus=sata.3
starts 'a disk of the old kind on q35' -M q35 -device piix4-ide,id=old -drive "$raw,if=none,id=d" \
    -device ide-hd,drive=d,bus=old.1,unit=1
starts 'the CD that bootindex names' -M q35 -drive "$raw" \
    -drive "file=$dir/cd.iso,format=raw,if=none,id=c,readonly=on" -device ide-cd,drive=c,bootindex=0

# Two disks and a CD; what was written is there in the next boot.
boot_ide() { # NAME OPTION...
    name=$1
    shift
    boot "$name" amd64 'demo=disk ata' -initrd "$guests/amd64/initrd-disk" -m 256M -smp 2 "$@" \
        -cdrom "$dir/cd.iso"
    for d in 'DISK sda' 'DISK sdb' 'CD sr0'; do
        line=$(tr -d '\r' <"$log" | grep "^$d ")
        case $line in
        "$d ok "*) ;;
        *) why="${why:+$why; }${line:-nothing was said of $d}" ;;
        esac
    done
    said=$(complaints "$log"; tr -d '\r' <"$log" | grep -aE 'exception Emask|failed command|hard resetting')
    [ -z "$said" ] || why="the kernel says: $said"
    { cat "$log" "$log.err"; echo "$why"; } >"$dir/log"
    [ -z "$why" ]
}
# Which disk becomes sda is a matter of luck: the sums of both are compared.
hosts_sum() { # IMAGE
    e2fsck -fn "$1" >>"$dir/log" 2>&1 &&
        debugfs -R "dump /random $dir/random" "$1" >>"$dir/log" 2>&1 && sha256sum <"$dir/random" | cut -d' ' -f1
}
for machine in pc q35; do
    cp --sparse=always "$dir/new" "$dir/a" && cp --sparse=always "$dir/new" "$dir/b" || exit 1
    for round in 'are written and read' 'have what was written before'; do
        # A disk with a write cache, and one whose every write is durable.
        boot_ide ide-$machine -M $machine -drive "file=$dir/a,format=raw,discard=unmap,cache=unsafe" \
            -drive "file=$dir/b,format=raw,cache=writethrough"
        ok "$machine: the disks $round ($seconds s)" $?
    done
    : >"$dir/log"
    want=$(tr -d '\r' <"$log" | sed -n "s/^DISK sd. ok //p" | sort)
    [ -n "$want" ] && [ "$({ hosts_sum "$dir/a"; hosts_sum "$dir/b"; } | sort)" = "$want" ]
    ok "$machine: the host's tools find clean file systems with the same content" $?
    kb=$(du -k "$dir/a" | cut -f1) more=$(du -k "$dir/b" | cut -f1)
    [ $((kb + 2500)) -lt "$more" ]
    ok "$machine: what the guest discards takes no space ($kb KB, else $more KB)" $?
done
echo "1..$n"
