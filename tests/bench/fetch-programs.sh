#!/bin/sh
# Gets programs that nobody wrote for this comparison from the Debian archive: openssl, gzip,
# python3, sqlite3 and gcc with what they need to run.
#
#   fetch-programs.sh [--refresh] DIR ARCH        ARCH: amd64
#
# Result: DIR/ARCH/programs/, a root file system without devices, and programs.version beside it.
# When it is there already nothing is done and no network is used; --refresh looks for newer ones.
set -eu

refresh=no
if [ "${1:-}" = --refresh ]; then
    refresh=yes
    shift
fi
[ $# = 2 ] || { echo "usage: fetch-programs.sh [--refresh] DIR ARCH" >&2; exit 1; }
arch=$2
if [ $refresh = no ] && [ -s "$1/$arch/programs.version" ]; then
    exit 0
fi
mkdir -p "$1/$arch"
dir=$(cd "$1" && pwd)
out=$dir/$arch
state=$dir/.apt/programs-$arch
. "$(dirname "$0")/../boot/debian.sh"
debian_start || { echo "fetch-programs.sh: Debian's tools are needed" >&2; exit 1; }

# With an empty status apt takes all dependencies for missing, and downloads them.
fetch() {
    apt apt-get install --download-only --yes --no-install-recommends \
        -o Dir::Cache::archives="$state/debs" -o Debug::NoLocking=1 \
        openssl gzip python3 sqlite3 gcc >>"$state/log" 2>&1
}
echo "Fetching Debian programs for $arch guests"
mkdir -p "$state/debs/partial"
if ! debian_with_lists fetch; then
    tail -n 5 "$state/log" >&2
    echo "fetch-programs.sh: cannot fetch the programs from the Debian archive; is there a network?" >&2
    exit 1
fi
for deb in "$state"/debs/*.deb; do
    dpkg-deb -x "$deb" "$state/root"
done

# What the workloads use. The archive's packages have / and /usr as they like: both go to /usr.
root=$state/root new=$state/new
mkdir -p "$new/usr/bin"
for d in bin lib lib64; do
    [ -L "$root/$d" ] || [ ! -d "$root/$d" ] || { mkdir -p "$root/usr/$d" && cp -a "$root/$d/." "$root/usr/$d/"; }
    ln -s "usr/$d" "$new/$d"
done
for p in openssl gzip python3 sqlite3 gcc as; do
    for f in "$root/usr/bin/$p" "$root/usr/bin/$p"[0-9.-]* "$root/usr/bin/"*-linux-gnu-"$p"*; do
        [ ! -e "$f" ] && [ ! -L "$f" ] || cp -a "$f" "$new/usr/bin/"
    done
done
(cd "$root/usr" && find lib lib64 \( -name '*.so' -o -name '*.so.*' \
    -o -path 'lib/gcc/*/cc1' -o -path 'lib/gcc/*/liblto_plugin*' \
    -o -path 'lib/python3*' ! -name '*.pyc' \) ! -type d ! -path '*/python3*/test/*' \
    ! -name 'lib*san.so*' ! -name 'libgprofng*' -print | tar -cf - -T -) | tar -xf - -C "$new/usr"
(cd "$state/debs" && ls -- *.deb) >"$state/version"
rm -rf "$out/programs"
mv "$new" "$out/programs"
mv "$state/version" "$out/programs.version"
rm -rf "$state"
du -sh "$out/programs" | sed 's/^/  /'
