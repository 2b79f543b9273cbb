#!/bin/sh
# make install into a directory, a program built against it by pkg-config alone, shared and static, and
# make uninstall. Prints TAP.
set -u
src=$(cd "${VEMU_SRC:-.}" && pwd)
build=$(cd "${VEMU_BUILD:-.}" && pwd)
. "$src/tests/tap.sh"
command -v pkg-config >/dev/null || { echo "1..0 # SKIP no pkg-config"; exit 0; }
# The library of such a build wants its run-time library first in every program.
grep -q '^SANITIZER := .' "$build/config.mk" && { echo "1..0 # SKIP a build with sanitizers"; exit 0; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT PIPE TERM
unset MAKEFLAGS MFLAGS MAKELEVEL
try() { # COMMAND...
    "$@" >"$dir/log" 2>&1
}

try make -s -C "$build" install DESTDIR="$dir/root"
ok 'make install' $?
PKG_CONFIG_SYSROOT_DIR=$dir/root
PKG_CONFIG_LIBDIR=$(dirname "$(find "$dir/root" -name libvemu.pc)")
export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
try sh -c "[ \"\$(pkg-config --modversion libvemu)\" = '$(sed -n 's/^version := //p' "$build/config.mk")' ]"
ok 'pkg-config knows its version' $?

# shellcheck disable=SC2046
try ${CC:-cc} -o "$dir/shared" "$src/examples/boot.c" $(pkg-config --cflags --libs libvemu) -pthread
ok 'examples/boot.c builds against the installed library' $?
libdir=$(dirname "$PKG_CONFIG_LIBDIR")
why=0
if LD_LIBRARY_PATH=$libdir "$dir/shared" "$dir/absent" >"$dir/log" 2>&1; then why=1; fi
grep -q absent "$dir/log" || why=1
ok 'and runs with it: its mistake names the file' $why
try ${CC:-cc} -o "$dir/static" "$src/examples/boot.c" \
    $(pkg-config --cflags libvemu) "$libdir/libvemu.a" \
    $(pkg-config --static --libs-only-other --libs-only-l libvemu | sed 's/-lvemu //')
ok 'also with the static one' $?
vemu=$(find "$dir/root" -name vemu -type f)
try "$vemu" --version
ok 'the installed command runs' $?

try make -s -C "$build" uninstall DESTDIR="$dir/root"
left=$(find "$dir/root" \( -type f -o -type l \) | tee "$dir/log" | wc -l)
ok 'make uninstall leaves no file' "$left"
echo "1..$n"
