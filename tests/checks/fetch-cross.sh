#!/bin/sh
# Gets the libraries that a cross build cannot do without from the Debian archive, unpacked and not installed:
#   fetch-cross.sh DIR ARCH      ARCH as Debian calls it (arm64); result: DIR/usr/include, DIR/usr/lib
# When they are there already nothing is done and no network is used.
set -eu

[ $# = 2 ] || { echo "usage: fetch-cross.sh DIR ARCH" >&2; exit 1; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
arch=$2
[ ! -f "$dir/done" ] || exit 0
state=$dir/.apt
. "$(dirname "$0")/../boot/debian.sh"
debian_start

fetch() {
    (cd "$state/debs" && apt apt-get download libpixman-1-0 libpixman-1-dev) >>"$state/log" 2>&1
}

debian_with_lists fetch || {
    tail -n 5 "$state/log" >&2
    echo "fetch-cross.sh: cannot fetch pixman for $arch from the Debian archive; is there a network?" >&2
    exit 1
}
for deb in "$state"/debs/*.deb; do
    dpkg-deb -x "$deb" "$dir"
done
rm -rf "$state"
: >"$dir/done"
