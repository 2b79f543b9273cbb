#!/bin/sh
# Runs inside the new system, as root: debian_image.sh in a chroot, debian_second in a machine.
#
#   debian_setup.sh ARCH CONSOLE system|desktop     leaves GRUB's cores in /boot/grub
set -eu
arch=$1 console=$2 kind=$3
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
echo debian >/etc/hostname
echo 'root:vemu' | chpasswd
printf 'LABEL=system / ext4 errors=remount-ro 0 1\nLABEL=ESP /boot/efi vfat umask=0077 0 1\n' >/etc/fstab
mkdir -p /boot/efi /boot/grub
printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' >/etc/systemd/network/80-dhcp.network
systemctl -q enable systemd-networkd
# A host that is busy with other things makes a slow machine, not a broken one.
mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nDefaultTimeoutStartSec=infinity\nDefaultDeviceTimeoutSec=infinity\n' \
    >/etc/systemd/system.conf.d/patience.conf
if [ "$kind" = desktop ]; then
    id user >/dev/null 2>&1 || useradd -m -s /bin/bash user
    echo 'user:vemu' | chpasswd
    mkdir -p /etc/lightdm/lightdm.conf.d
    printf '[Seat:*]\nautologin-user=user\nautologin-session=xfce\n' >/etc/lightdm/lightdm.conf.d/autologin.conf
fi

# ---- GRUB ----------------------------------------------------------------------------------------
# The cores find their files on the ext4 by its label. Modules are of this system's own GRUB.
kernel=$(cd /boot && ls vmlinuz-* | tail -n 1)
case $arch in
amd64)
    cores="i386-pc x86_64-efi"
    # UEFI firmware shows its console at the serial port, too; a BIOS does not.
    serial='insmod serial
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial'
    ;;
arm64) cores=arm64-efi serial= ;;
esac
cat >/boot/grub/grub.cfg <<CFG
$serial
set timeout=2
menuentry 'Debian GNU/Linux' {
    search --no-floppy --label --set=root system
    linux /boot/$kernel root=LABEL=system ro console=tty0 console=$console systemd.service_watchdogs=0
    initrd /boot/initrd.img-${kernel#vmlinuz-}
}
menuentry 'GRUB resets the machine' {
    reboot
}
CFG
cat >/tmp/core.cfg <<'CFG'
search --no-floppy --label --set=root system
set prefix=($root)/boot/grub
CFG
for target in $cores; do
    rm -rf "/boot/grub/$target"
    mkdir -p "/boot/grub/$target"
    cp /usr/lib/grub/"$target"/*.mod /usr/lib/grub/"$target"/*.lst "/boot/grub/$target/"
    case $target in *-pc) disk=biosdisk ;; *) disk=fat ;; esac
    grub-mkimage -O "$target" -o "/boot/grub/$target/core" -c /tmp/core.cfg -p /boot/grub $disk part_gpt \
        part_msdos ext2 search search_label normal
done
rm /tmp/core.cfg
