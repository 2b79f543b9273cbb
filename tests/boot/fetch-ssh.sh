#!/bin/sh
# Gets dropbear, an ssh server, with the libraries it needs from the Debian archive.
#
#   fetch-ssh.sh DIR ARCH        ARCH: amd64
#
# Result: DIR/ARCH/ssh/, the files side by side. When it is there already nothing is done.
set -eu
[ $# = 2 ] || { echo "usage: fetch-ssh.sh DIR ARCH" >&2; exit 1; }
. "$(dirname "$0")/debian.sh"
# With an empty status apt takes all dependencies for missing, and downloads them.
fetch() {
    apt apt-get install --download-only --yes --no-install-recommends \
        -o Dir::Cache::archives="$state/debs" -o Debug::NoLocking=1 dropbear-bin >>"$state/log" 2>&1
}
debian_fetch fetch-ssh.sh "$1" "$2" ssh dropbear
find "$state/root" \( -name dropbear -path '*/sbin/*' -o -name 'ld-linux-*.so.*' -o -name 'libc.so.*' \
    -o -name 'libcrypt.so.*' -o -name 'libz.so.*' -o -name 'libtomcrypt.so.*' \
    -o -name 'libtommath.so.*' -o -name 'libgmp.so.*' -o -name 'libnss_files.so.*' \) \
    ! -type d -exec cp -L {} "$state/new/" \;
[ -s "$state/new/dropbear" ] || { echo "fetch-ssh.sh: the package has no dropbear" >&2; exit 1; }
debian_fetched ssh
