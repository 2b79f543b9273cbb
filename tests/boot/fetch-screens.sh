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
arch=$2
[ ! -d "$1/$arch/screens" ] || exit 0
mkdir -p "$1/$arch"
dir=$(cd "$1" && pwd)
state=$dir/.apt/screens-$arch
. "$(dirname "$0")/debian.sh"
debian_start || { echo "fetch-screens.sh: Debian's tools are needed" >&2; exit 1; }
fetch() {
    (cd "$state/debs" && apt apt-get download grub-rescue-pc memtest86+) >>"$state/log" 2>&1
}
echo "Fetching Debian's GRUB rescue disc and memtest86+"
mkdir -p "$state/new"
if ! debian_with_lists fetch; then
    tail -n 5 "$state/log" >&2
    echo "fetch-screens.sh: cannot fetch grub-rescue-pc and memtest86+ from the Debian archive; is there" \
        "a network?" >&2
    exit 1
fi
for deb in "$state"/debs/*.deb; do
    dpkg-deb -x "$deb" "$state/root"
    dpkg-deb --show "$deb" >>"$state/new/version"
done
cp "$state/root/usr/lib/grub-rescue/grub-rescue-cdrom.iso" "$state/new/grub.iso"
cp "$state/root/boot/memtest86+x64.bin" "$state/new/memtest.bin"
mv "$state/new" "$dir/$arch/screens"
rm -rf "$state"
