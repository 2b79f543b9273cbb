#!/bin/sh
# A stock kernel writes file systems on virtio-blk and NVMe disks and reads them back, in this boot and the
# next one; the host's tools find the same in the images. Prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/boot.sh"
. "$here/../tap.sh"
PATH=$PATH:/usr/sbin:/sbin
img=${VEMU_BUILD:-.}/vemu-img
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
for tool in mkfs.ext4 debugfs e2fsck; do
    command -v $tool >/dev/null || {
        echo "1..0 # SKIP no $tool here"
        exit 0
    }
done

# An ext4 with something in it, in each kind of image.
mkdir "$dir/seed"
dd if=/dev/urandom of="$dir/seed/seed" bs=1M count=3 2>/dev/null
(cd "$dir/seed" && sha256sum seed >seed.sum)
truncate -s 96M "$dir/new"
mkfs.ext4 -q -F -d "$dir/seed" "$dir/new" && cp --sparse=always "$dir/new" "$dir/a.raw" &&
    cp --sparse=always "$dir/new" "$dir/c.raw" && cp --sparse=always "$dir/new" "$dir/e.raw" &&
    "$img" convert -O qcow2 "$dir/a.raw" "$dir/b.qcow2" &&
    "$img" convert -O qcow2 "$dir/a.raw" "$dir/f.qcow2" &&
    "$img" convert -c -O qcow2 "$dir/a.raw" "$dir/base.qcow2" &&
    "$img" create -q -f qcow2 -b base.qcow2 -F qcow2 "$dir/d.qcow2" || exit 1
before=$(sha256sum <"$dir/base.qcow2")

# Boots with the six disks. The modern interface with MSI-X and two queues; the legacy one;
# interrupts by INTx; block nodes as libvirt writes them; NVMe with MSI-X and with MSI.
boot_disks() { # NAME OPTION...
    name=$1
    shift
    boot "$name" amd64 demo=disk -initrd "$guests/amd64/initrd-disk" "$@" -m 256M -smp 2 \
        -drive "file=$dir/a.raw,if=none,id=a,format=raw,discard=unmap" \
        -device virtio-blk-pci,drive=a,serial=first \
        -drive "file=$dir/b.qcow2,if=none,id=b,cache=none" \
        -device virtio-blk-pci,drive=b,disable-modern=on \
        -drive "file=$dir/c.raw,if=none,id=c,format=raw,cache=writethrough" \
        -device virtio-blk-pci-non-transitional,drive=c,vectors=0,num-queues=1 \
        -blockdev "{\"driver\":\"file\",\"filename\":\"$dir/base.qcow2\",\"node-name\":\"base-file\",\"auto-read-only\":true}" \
        -blockdev '{"driver":"qcow2","node-name":"base","read-only":true,"file":"base-file","backing":null}' \
        -blockdev "{\"driver\":\"file\",\"filename\":\"$dir/d.qcow2\",\"node-name\":\"top-file\",\"discard\":\"unmap\"}" \
        -blockdev '{"driver":"qcow2","node-name":"top","discard":"unmap","file":"top-file","backing":"base"}' \
        -device '{"driver":"virtio-blk-pci","drive":"top","id":"virtio-disk3","write-cache":"on"}' \
        -drive "file=$dir/e.raw,if=none,id=e,format=raw,discard=unmap" -device nvme,drive=e,serial=fifth \
        -drive "file=$dir/f.qcow2,if=none,id=f" -device nvme,drive=f,serial=sixth,msix_qsize=0
    for d in vda vdb vdc vdd nvme0n1 nvme1n1; do
        line=$(tr -d '\r' <"$log" | grep "^DISK $d ")
        case $line in
        "DISK $d ok "*) ;;
        *) why="${why:+$why; }${line:-nothing was said of $d}" ;;
        esac
    done
    said=$(complaints "$log")
    [ -z "$said" ] || why="the kernel says: $said"
    { cat "$log" "$log.err"; echo "$why"; } >"$dir/log"
    [ -z "$why" ]
}
boot_disks disks-pc -M pc
ok "pc: six disks are written and read ($seconds s)" $?
sums=$(tr -d '\r' <"$log" | grep '^DISK')
boot_disks disks-q35 -M q35
ok "q35: the next boot finds what was written ($seconds s)" $?
[ -n "$sums" ] && [ "$(tr -d '\r' <"$log" | grep '^DISK')" = "$sums" ]
ok 'with the same sums' $?

# What the guest wrote, by the host's tools.
host_finds() { # DISK IMAGE FORMAT
    want=$(echo "$sums" | sed -n "s/^DISK $1 ok //p")
    {
        "$img" check "$2" || [ "$3" = raw ]
        "$img" convert -f "$3" -O raw "$2" "$dir/flat"
        e2fsck -fn "$dir/flat"
        debugfs -R "dump /random $dir/random" "$dir/flat"
    } >"$dir/log" 2>&1 && [ -n "$want" ] && [ "$(sha256sum <"$dir/random" | cut -d' ' -f1)" = "$want" ]
}
host_finds vda "$dir/a.raw" raw
ok 'the raw image has a clean file system and the same content' $?
host_finds vdb "$dir/b.qcow2" qcow2
ok 'so has the qcow2 image' $?
host_finds vdc "$dir/c.raw" raw
ok 'so has the one that was written through' $?
host_finds nvme0n1 "$dir/e.raw" raw
ok 'so has the one behind NVMe' $?
host_finds nvme1n1 "$dir/f.qcow2" qcow2
ok 'so has the qcow2 image behind NVMe' $?
host_finds vdd "$dir/d.qcow2" qcow2
ok 'so has the image with a backing file' $?
[ "$(sha256sum <"$dir/base.qcow2")" = "$before" ]
ok 'the backing file is as it was' $?
if command -v qemu-img >/dev/null; then
    qemu-img check "$dir/d.qcow2" >"$dir/log" 2>&1 &&
        qemu-img compare "$dir/d.qcow2" "$dir/flat" >>"$dir/log" 2>&1
    ok 'qemu-img finds the same in it' $?
fi
# fstrim gave back the 3 MB of a file that was removed; c's drive does not pass that on.
more=$(du -k "$dir/c.raw" | cut -f1)
for disk in a e; do
    kb=$(du -k "$dir/$disk.raw" | cut -f1)
    [ $((kb + 2500)) -lt "$more" ]
    ok "what the guest discards on $disk takes no space ($kb KB, else $more KB)" $?
done

# One writer at a time.
"$emulator" -nographic -m 256M -kernel "$guests/amd64/vmlinuz" -S \
    -drive "file=$dir/b.qcow2,if=virtio" </dev/null >"$dir/hold.log" 2>&1 &
holder=$!
sleep 1
timeout 20 "$emulator" -nographic -m 256M -kernel "$guests/amd64/vmlinuz" \
    -drive "file=$dir/b.qcow2,if=virtio" </dev/null >"$dir/log" 2>&1
[ $? = 1 ] && grep -q "^vemu: -drive: '$dir/b.qcow2' is in use by somebody else (process $holder, " "$dir/log"
ok 'a second writer is told who has the image' $?
kill $holder
wait $holder 2>/dev/null

# Without PCI; and snapshot=on leaves nothing behind.
before=$(sha256sum <"$dir/new")
boot disks-microvm amd64 demo=disk -initrd "$guests/amd64/initrd-disk" -m 256M -M microvm \
    -drive "file=$dir/new,format=raw,if=virtio,snapshot=on"
cp "$log" "$dir/log"
tr -d '\r' <"$log" | grep -q '^DISK vda ok'
ok "microvm: a disk by MMIO is written and read ($seconds s)" $?
[ "$(sha256sum <"$dir/new")" = "$before" ]
ok 'what went to a snapshot is gone in the end' $?
echo "1..$n"
