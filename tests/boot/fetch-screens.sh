#!/bin/sh
# Gets programs that show text without an operating system from the Debian archive: GRUB on a rescue
# disc, with its font, and memtest86+.
#
#   fetch-screens.sh DIR ARCH        ARCH: amd64
#
# Result: DIR/ARCH/screens/grub.iso  memtest.bin  version (the packages). When it is there already nothing
# is done.
set -eu
[ $# = 2 ] || { echo "usage: fetch-screens.sh DIR ARCH" >&2; exit 1; }
. "$(dirname "$0")/debian.sh"
fetch() {
    (cd "$state/debs" && apt apt-get download grub-rescue-pc memtest86+) >>"$state/log" 2>&1
}
debian_fetch fetch-screens.sh "$1" "$2" screens "GRUB rescue disc and memtest86+"
for deb in "$state"/debs/*.deb; do
    dpkg-deb --show "$deb" >>"$state/new/version"
done
cp "$state/root/usr/lib/grub-rescue/grub-rescue-cdrom.iso" "$state/new/grub.iso"
cp "$state/root/boot/memtest86+x64.bin" "$state/new/memtest.bin"
debian_fetched screens
