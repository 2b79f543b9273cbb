#!/bin/sh
# Fetches noVNC's RFB engine, which the viewer page is built around, into DIR: core/, vendor/ and the licence texts.
# usage: fetch-viewer.sh DIR [TARBALL]
#
# It is the npm package @novnc/novnc, of a pinned version and checksum, from the registry that npm is set up for, or the
# public one. Neither npm nor node is needed. TARBALL: a copy of the package's tarball, to use instead.
# When it cannot be had, DIR is left without it, status 0: the page then says how to get it.
set -u

version=1.7.0
sha512=b9c1093b1e13d9abc844295ea1d93b6286d98f93b619ad8078b7d0ebd03fca31bd1c76dadbe3c38304a437716db6b986fbbd191b1db5b0494d168b8ad77473c8

dir=$1 tarball=${2:-}
new=$dir.new.$$
rm -rf "$dir" "$new"
mkdir -p "$new" || exit 1
trap 'rm -rf "$new"' EXIT

missing() {
    echo "  viewer page: $*; \"make viewer\" tries again, \"make viewer NOVNC=FILE\" takes a copy" >&2
    mkdir -p "$dir"
    exit 0
}

if [ -z "$tarball" ]; then
    registry=
    command -v npm >/dev/null 2>&1 && registry=$(npm config get registry 2>/dev/null)
    case $registry in
    http://* | https://*) registry=${registry%/} ;;
    *) registry=https://registry.npmjs.org ;;
    esac
    url=$registry/@novnc/novnc/-/novnc-$version.tgz tarball=$new/novnc.tgz
    if command -v curl >/dev/null 2>&1; then
        curl -fsSL --connect-timeout 10 --max-time 120 -o "$tarball" "$url" 2>/dev/null
    elif command -v wget >/dev/null 2>&1; then
        wget -q --tries=1 --timeout=30 -O "$tarball" "$url" 2>/dev/null
    elif command -v python3 >/dev/null 2>&1; then
        python3 -c 'import shutil, sys, urllib.request
shutil.copyfileobj(urllib.request.urlopen(sys.argv[1], timeout=30), open(sys.argv[2], "wb"))' \
            "$url" "$tarball" 2>/dev/null
    else
        missing "none of curl, wget and python3 is there to fetch noVNC $version"
    fi || missing "noVNC $version cannot be fetched from the npm registry"
elif [ ! -r "$tarball" ]; then
    missing "cannot read $tarball"
fi

[ "$(sha512sum <"$tarball" | cut -d' ' -f1)" = $sha512 ] ||
    missing "what was fetched is not noVNC $version (its checksum is another one)"
tar -xzf "$tarball" -C "$new" --strip-components=1 \
    package/core package/vendor package/AUTHORS package/LICENSE.txt package/docs/LICENSE.MPL-2.0 ||
    missing "noVNC's package cannot be unpacked"
mv "$new/docs/LICENSE.MPL-2.0" "$new/LICENSE.MPL-2.0" && rm -rf "$new/docs" "$new/novnc.tgz" "$new/vendor/pako/README.md"
mv "$new" "$dir"
