#!/bin/sh
# Gets dropbear, an ssh server, with the libraries it needs from the Debian archive.
#
#   fetch-ssh.sh DIR ARCH        ARCH: amd64
#
# Result: DIR/ARCH/ssh/, the files side by side. When it is there already nothing is done.
set -eu
[ $# = 2 ] || { echo "usage: fetch-ssh.sh DIR ARCH" >&2; exit 1; }
arch=$2
[ ! -d "$1/$arch/ssh" ] || exit 0
mkdir -p "$1/$arch"
dir=$(cd "$1" && pwd)
state=$dir/.apt/ssh-$arch
. "$(dirname "$0")/debian.sh"
debian_start || { echo "fetch-ssh.sh: Debian's tools are needed" >&2; exit 1; }
# With an empty status apt takes all dependencies for missing, and downloads them.
fetch() {
    apt apt-get install --download-only --yes --no-install-recommends \
        -o Dir::Cache::archives="$state/debs" -o Debug::NoLocking=1 dropbear-bin >>"$state/log" 2>&1
}
echo "Fetching Debian's dropbear for $arch guests"
mkdir -p "$state/debs/partial" "$state/new"
if ! debian_with_lists fetch; then
    tail -n 5 "$state/log" >&2
    echo "fetch-ssh.sh: cannot fetch dropbear-bin from the Debian archive; is there a network?" >&2
    exit 1
fi
for deb in "$state"/debs/*.deb; do
    dpkg-deb -x "$deb" "$state/root"
done
find "$state/root" \( -name dropbear -path '*/sbin/*' -o -name 'ld-linux-*.so.*' -o -name 'libc.so.*' \
    -o -name 'libcrypt.so.*' -o -name 'libz.so.*' -o -name 'libtomcrypt.so.*' \
    -o -name 'libtommath.so.*' -o -name 'libgmp.so.*' -o -name 'libnss_files.so.*' \) \
    ! -type d -exec cp -L {} "$state/new/" \;
[ -s "$state/new/dropbear" ] || { echo "fetch-ssh.sh: the package has no dropbear" >&2; exit 1; }
mv "$state/new" "$dir/$arch/ssh"
rm -rf "$state"
