#!/bin/sh
# Gets what a guest is made of from the Debian archive: a stock kernel and a static busybox.
#
#   fetch-guest.sh [--refresh] DIR ARCH       ARCH: amd64, i386, arm64 or armhf
#
# Result:  DIR/ARCH/vmlinuz  DIR/ARCH/config  DIR/ARCH/busybox
#          DIR/ARCH/modules/  (the few drivers that tests of disks and the I/O benches need)
#          DIR/ARCH/version   (the packages)
# When they are there already nothing is done and no network is used; --refresh looks for newer ones.
set -eu

refresh=no
if [ "${1:-}" = --refresh ]; then
    refresh=yes
    shift
fi
[ $# = 2 ] || { echo "usage: fetch-guest.sh [--refresh] DIR ARCH" >&2; exit 1; }
arch=$2
case $arch in
amd64) meta=linux-image-amd64 ;;
i386) meta=linux-image-686-pae ;;
arm64) meta=linux-image-arm64 ;;
armhf) meta=linux-image-armmp ;;
*) echo "fetch-guest.sh: no guest \"$arch\"; there are amd64, i386, arm64 and armhf" >&2; exit 1 ;;
esac

out=$1/$arch
# make asks once for each file that is missing, side by side: the first one fetches, for all.
mkdir -p "$1"
exec 9>"$1/.$arch.lock"
flock 9
if [ $refresh = no ] && [ -s "$out/vmlinuz" ] && [ -s "$out/busybox" ] &&
    [ -s "$out/modules/ext4.ko" ] && [ -s "$out/modules/e1000.ko" ] && [ -s "$out/modules/nvme.ko" ] &&
    [ -s "$out/modules/sr_mod.ko" ] && [ -s "$out/modules/virtio-gpu.ko" ] &&
    [ -s "$out/modules/usbhid.ko" ] && [ -s "$out/modules/evdev.ko" ] &&
    { [ "$arch" != arm64 ] || [ -s "$out/modules/gpio_keys.ko" ]; }; then
    exit 0
fi
dir=$(cd "$1" && pwd)
out=$dir/$arch
state=$dir/.apt/$arch
. "$(dirname "$0")/debian.sh"
debian_start || {
    echo "fetch-guest.sh: put a kernel and a static busybox for $arch into $out/vmlinuz and" \
        "$out/busybox yourself" >&2
    exit 1
}

# The meta package names the image package of the current ABI.
image() {
    kernel=$(apt apt-cache depends "$meta" 2>>"$state/log" |
        sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
    [ -n "$kernel" ]
}

echo "Fetching a Debian kernel and busybox for $arch guests"
if ! debian_with_lists image || ! (cd "$state/debs" && apt apt-get download "$kernel" \
    busybox-static) >>"$state/log" 2>&1; then
    tail -n 5 "$state/log" >&2
    echo "fetch-guest.sh: cannot fetch $meta and busybox-static for $arch from the Debian archive;" \
        "is there a network?" >&2
    exit 1
fi

for deb in "$state"/debs/*.deb; do
    dpkg-deb -x "$deb" "$state/root"
done
new=$state/new
mkdir -p "$new/modules"
cp "$state"/root/boot/vmlinuz-* "$new/vmlinuz"
cp "$state"/root/boot/config-* "$new/config"
for busybox in "$state/root/bin/busybox" "$state/root/usr/bin/busybox"; do
    if [ -f "$busybox" ]; then cp "$busybox" "$new/busybox"; fi
done
# virtio, file systems and their dependencies are modules in Debian kernels.
for m in virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev virtio_mmio \
    virtio_blk failover net_failover virtio_net e1000 crc16 mbcache jbd2 crc32c_generic ext4 \
    crc64 crc64-rocksoft crct10dif_common crc-t10dif t10-pi nvme-core nvme rng-core virtio-rng virtio_console virtio_balloon \
    scsi_common scsi_mod libata libahci ahci ata_piix crct10dif_generic crc64_rocksoft_generic sd_mod \
    cdrom sr_mod isofs drm drm_kms_helper drm_shmem_helper virtio_dma_buf virtio-gpu \
    usb-common usbcore xhci-hcd xhci-pci hid usbhid hid-generic evdev psmouse virtio_input gpio_keys; do
    f=$(find "$state/root" -name "$m.ko" | head -n 1)
    if [ -n "$f" ]; then cp "$f" "$new/modules/"; fi
done
(cd "$state/debs" && ls) >"$new/version"
# What was built of the files before stays until make replaces it.
mkdir -p "$out"
rm -rf "$out/modules"
mv "$new"/* "$out"
rm -rf "$state"
tr '\n' ' ' <"$out/version" | sed 's/ $//; s/^/  /'
echo
