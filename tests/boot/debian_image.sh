#!/bin/sh
# An installed Debian 12 on a disk image that firmware starts, made without loop devices.
#
#   debian_image.sh DIR [system|desktop [amd64|arm64]]     as root (debootstrap); DIR/debian.qcow2 is left alone
#                                                          when it is there
#
# desktop: with Xfce, which a user "user" with the password "vemu" finds logged in, and the spice agent.
#
# GPT: a BIOS boot partition with GRUB's core (amd64), an EFI system partition, ext4. Everything a user would
# change by hand is as Debian leaves it but for a serial console, DHCP on every Ethernet card, patience
# and the password of root, "vemu". The tree DIR/root is kept, so that making the image again is quick.
#
# This host unpacks the packages and runs what is in those of its own architecture. Those of another are
# installed inside a machine of vemu's, by its kernel and initramfs in VEMU_GUESTS.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${VEMU_BUILD:-.}" && pwd)
kind=${2:-system} arch=${3:-amd64}
case $kind:$arch in
*:amd64) efi=x86_64-efi removable=BOOTX64.EFI console=ttyS0 grub=grub-pc-bin,grub-efi-amd64-bin foreign= ;;
system:arm64) efi=arm64-efi removable=BOOTAA64.EFI console=ttyAMA0 grub=grub-efi-arm64-bin foreign=--foreign ;;
*) echo "debian_image.sh: no image \"$kind $arch\"; there are system and desktop for amd64, system for arm64" >&2
    exit 1 ;;
esac
mkdir -p "$1"
dir=$(cd "$1" && pwd)
PATH=$PATH:/usr/sbin:/sbin
[ ! -s "$dir/debian.qcow2" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "debian_image.sh: only root can install a system" >&2; exit 1; }
for tool in debootstrap:debootstrap mke2fs:e2fsprogs sfdisk:fdisk mkfs.vfat:dosfstools mcopy:mtools; do
    command -v ${tool%:*} >/dev/null || {
        echo "debian_image.sh: ${tool%:*} is not installed; it is in the package ${tool#*:}" >&2
        exit 1
    }
done
. "$here/debian.sh"
root=$dir/root work=$dir/work
rm -rf "$work"
mkdir -p "$work"

# ---- the system ----------------------------------------------------------------------------------
if [ ! -e "$dir/installed" ]; then
    rm -rf --one-file-system "$root"
    packages=linux-image-$arch,initramfs-tools,systemd-sysv,udev,dbus,ifupdown,isc-dhcp-client
    packages=$packages,$grub,grub2-common,iproute2,ca-certificates
    echo "Installing Debian into $root"
    debootstrap $foreign --arch="$arch" --variant=minbase --include=$packages bookworm "$root" "$(debian_mirror)" \
        >"$dir/debootstrap.log" 2>&1 || { tail -n 5 "$dir/debootstrap.log" >&2; exit 1; }
    debian_as_host "$root"
    if [ $kind = desktop ]; then
        echo "Installing Xfce"
        packages="xserver-xorg-core xserver-xorg-input-libinput x11-xserver-utils x11-utils xclip lightdm
            lightdm-gtk-greeter xfce4-session xfwm4 xfdesktop4 xfce4-panel xfce4-settings xfce4-terminal thunar
            mousepad adwaita-icon-theme fonts-dejavu-core dbus-x11 spice-vdagent libpam-systemd"
        # shellcheck disable=SC2086
        chroot "$root" sh -c 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
            -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"' sh $packages \
            >"$dir/desktop.log" 2>&1 </dev/null || { tail -n 5 "$dir/desktop.log" >&2; exit 1; }
    fi
    [ -n "$foreign" ] || rm -f "$root"/var/cache/apt/archives/*.deb
    touch "$dir/installed"
fi
cp "$here/debian_setup.sh" "$root/"
if [ -z "$foreign" ]; then
    chroot "$root" sh /debian_setup.sh $arch $console $kind
    rm "$root/debian_setup.sh"
fi

# ---- the disk ------------------------------------------------------------------------------------
# In sectors. The core fits the first partition by far.
bios=2048 esp=4096 system=135168 end=5242880
[ $kind = system ] || end=10485760
disk=$work/disk.raw
truncate -s $((end * 512 + 1048576)) "$disk"
{
    echo "label: gpt"
    [ $arch != amd64 ] || echo "start=$bios, size=$((esp - bios)), type=21686148-6449-6E6F-744E-656564454649"
    echo "start=$esp, size=$((system - esp)), type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
    echo "start=$system, size=$((end - system)), type=0FC63DAF-8483-4772-8E79-3D69D8477DE4"
} | sfdisk -q "$disk"
mke2fs -q -t ext4 -L system -d "$root" -E offset=$((system * 512)) "$disk" $(((end - system) / 2))k

if [ -n "$foreign" ]; then
    echo "Installing the packages in a machine"
    "$build/tools/mkinitramfs" "$work/second" "f:second=$here/debian_second"
    cat "$VEMU_GUESTS/$arch/initrd-disk" "$work/second" >"$work/initrd"
    "$build/vemu" run --arch $arch --memory 2G --cpus 2 --kernel "$VEMU_GUESTS/$arch/vmlinuz" \
        --initrd "$work/initrd" --append "console=$console rdinit=/second second=$arch,$console,$kind" \
        --disk "file=$disk,format=raw,cache=unsafe" --display none --serial "file:$dir/second.log" --no-reboot
    grep -qa '^SECOND: done' "$dir/second.log" || { tail -n 5 "$dir/second.log" >&2; exit 1; }
fi

for target in $efi $([ $arch != amd64 ] || echo i386-pc); do
    debugfs -R "dump /boot/grub/$target/core $work/$target" "$disk?offset=$((system * 512))" 2>/dev/null
    [ -s "$work/$target" ] || { echo "debian_image.sh: there is no core of GRUB for $target" >&2; exit 1; }
done
truncate -s $(((system - esp) * 512)) "$work/esp"
mkfs.vfat -n ESP "$work/esp" >/dev/null
mmd -i "$work/esp" ::EFI ::EFI/BOOT
mcopy -i "$work/esp" "$work/$efi" ::EFI/BOOT/$removable
dd if="$work/esp" of="$disk" bs=512 seek=$esp conv=notrunc,sparse status=none

# le VALUE BYTES: a number, little-endian
le() {
    value=$1 count=$2
    while [ "$count" != 0 ]; do
        printf "\\$(printf %03o $((value & 255)))"
        value=$((value >> 8)) count=$((count - 1))
    done
}
put() { # FILE OFFSET, from standard input
    dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
if [ $arch = amd64 ]; then
    cp "$root/usr/lib/grub/i386-pc/boot.img" "$work/"
    # The boot sector has the sector of the core at 5CH; the core's own first sector a list of one
    # extent at 1F4H: start, sectors, segment.
    le $bios 8 | put "$work/boot.img" 92
    sectors=$((($(wc -c <"$work/i386-pc") + 511) / 512))
    [ $sectors -le $((esp - bios)) ]
    le $((bios + 1)) 8 | put "$work/i386-pc" 500
    le $((sectors - 1)) 2 | put "$work/i386-pc" 508
    dd if="$work/boot.img" of="$disk" bs=440 count=1 conv=notrunc status=none
    dd if="$work/i386-pc" of="$disk" bs=512 seek=$bios conv=notrunc status=none
fi
"$build/vemu-img" convert -f raw -O qcow2 "$disk" "$work/debian.qcow2"
mv "$work/debian.qcow2" "$dir/debian.qcow2"
rm -rf "$work"
