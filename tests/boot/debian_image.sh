#!/bin/sh
# An installed Debian 12 on a disk image that SeaBIOS and OVMF both start, made without a virtual
# machine and without loop devices.
#
#   debian_image.sh DIR [desktop]     as root (debootstrap); DIR/debian.qcow2 is left alone when it is there
#
# desktop: with Xfce, which a user "user" with the password "vemu" finds logged in, and the spice agent.
#
# GPT: a BIOS boot partition with GRUB's core, an EFI system partition, ext4. Everything a user would
# change by hand is as Debian leaves it but for a serial console, DHCP on every Ethernet card, patience
# and the password of root, "vemu". The tree DIR/root is kept, so that making the image again is quick.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
img=${VEMU_BUILD:-.}/vemu-img
kind=${2:-system}
case $kind in system | desktop) ;; *) echo "debian_image.sh: no kind \"$kind\"; there is \"desktop\"" >&2; exit 1 ;; esac
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
    packages=linux-image-amd64,initramfs-tools,systemd-sysv,udev,dbus,ifupdown,isc-dhcp-client
    packages=$packages,grub-pc-bin,grub-efi-amd64-bin,grub2-common,iproute2,ca-certificates
    echo "Installing Debian into $root"
    debootstrap --variant=minbase --include=$packages bookworm "$root" "$(debian_mirror)" \
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
    rm -f "$root"/var/cache/apt/archives/*.deb
    touch "$dir/installed"
fi
echo debian >"$root/etc/hostname"
echo 'root:vemu' | chroot "$root" chpasswd
printf 'LABEL=system / ext4 errors=remount-ro 0 1\nLABEL=ESP /boot/efi vfat umask=0077 0 1\n' \
    >"$root/etc/fstab"
mkdir -p "$root/boot/efi" "$root/boot/grub"
printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/80-dhcp.network"
chroot "$root" systemctl -q enable systemd-networkd
# A host that is busy with other things makes a slow machine, not a broken one.
mkdir -p "$root/etc/systemd/system.conf.d"
printf '[Manager]\nDefaultTimeoutStartSec=infinity\nDefaultDeviceTimeoutSec=infinity\n' \
    >"$root/etc/systemd/system.conf.d/patience.conf"
if [ $kind = desktop ]; then
    chroot "$root" id user >/dev/null 2>&1 || chroot "$root" useradd -m -s /bin/bash user
    echo 'user:vemu' | chroot "$root" chpasswd
    mkdir -p "$root/etc/lightdm/lightdm.conf.d"
    printf '[Seat:*]\nautologin-user=user\nautologin-session=xfce\n' >"$root/etc/lightdm/lightdm.conf.d/autologin.conf"
fi

# ---- GRUB ----------------------------------------------------------------------------------------
# Both cores find their files on the ext4 by its label. Modules are of this system's own GRUB.
kernel=$(cd "$root/boot" && ls vmlinuz-* | tail -n 1)
cat >"$root/boot/grub/grub.cfg" <<CFG
insmod serial
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=2
menuentry 'Debian GNU/Linux' {
    search --no-floppy --label --set=root system
    linux /boot/$kernel root=LABEL=system ro console=ttyS0 systemd.service_watchdogs=0
    initrd /boot/initrd.img-${kernel#vmlinuz-}
}
menuentry 'GRUB resets the machine' {
    reboot
}
CFG
for target in i386-pc x86_64-efi; do
    rm -rf "$root/boot/grub/$target"
    mkdir -p "$root/boot/grub/$target"
    cp "$root/usr/lib/grub/$target"/*.mod "$root/usr/lib/grub/$target"/*.lst "$root/boot/grub/$target/"
done
cat >"$root/tmp/core.cfg" <<'CFG'
search --no-floppy --label --set=root system
set prefix=($root)/boot/grub
CFG
common="part_gpt part_msdos ext2 search search_label normal"
chroot "$root" grub-mkimage -O i386-pc -o /tmp/core.img -c /tmp/core.cfg -p /boot/grub biosdisk $common
chroot "$root" grub-mkimage -O x86_64-efi -o /tmp/core.efi -c /tmp/core.cfg -p /boot/grub fat $common
cp "$root/usr/lib/grub/i386-pc/boot.img" "$work/"
mv "$root/tmp/core.img" "$root/tmp/core.efi" "$work/"
rm "$root/tmp/core.cfg"

# ---- the disk ------------------------------------------------------------------------------------
# In sectors. The core fits the first partition by far.
bios=2048 esp=4096 system=135168 end=5242880
[ $kind = system ] || end=10485760
disk=$work/disk.raw
truncate -s $((end * 512 + 1048576)) "$disk"
sfdisk -q "$disk" <<TABLE
label: gpt
start=$bios, size=$((esp - bios)), type=21686148-6449-6E6F-744E-656564454649
start=$esp, size=$((system - esp)), type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
start=$system, size=$((end - system)), type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
TABLE
truncate -s $(((system - esp) * 512)) "$work/esp"
mkfs.vfat -n ESP "$work/esp" >/dev/null
mmd -i "$work/esp" ::EFI ::EFI/BOOT
mcopy -i "$work/esp" "$work/core.efi" ::EFI/BOOT/BOOTX64.EFI
dd if="$work/esp" of="$disk" bs=512 seek=$esp conv=notrunc,sparse status=none
mke2fs -q -t ext4 -L system -d "$root" -E offset=$((system * 512)) "$disk" $(((end - system) / 2))k

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
# The boot sector has the sector of the core at 5CH; the core's own first sector a list of one
# extent at 1F4H: start, sectors, segment.
le $bios 8 | put "$work/boot.img" 92
sectors=$((($(wc -c <"$work/core.img") + 511) / 512))
[ $sectors -le $((esp - bios)) ]
le $((bios + 1)) 8 | put "$work/core.img" 500
le $((sectors - 1)) 2 | put "$work/core.img" 508
dd if="$work/boot.img" of="$disk" bs=440 count=1 conv=notrunc status=none
dd if="$work/core.img" of="$disk" bs=512 seek=$bios conv=notrunc status=none
"$img" convert -f raw -O qcow2 "$disk" "$work/debian.qcow2"
mv "$work/debian.qcow2" "$dir/debian.qcow2"
rm -rf "$work"
