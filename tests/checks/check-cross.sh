#!/bin/sh
# A cross build for a host without a back end of its own: the library, the command and the tests'
# programs, with the interpreter and the software x87. Where qemu-aarch64 is installed too, guest tests
# run under what was built. Prints TAP.
set -u
triplet=aarch64-linux-gnu
build=${VEMU_BUILD:-.}/cross-$triplet
command -v $triplet-gcc >/dev/null || { echo "1..0 # SKIP no $triplet-gcc"; exit 0; }
mkdir -p "$build" && cd "$build" || exit 1
unset MAKEFLAGS MFLAGS CC CFLAGS LDFLAGS

failed() {
    echo "not ok $1"
    tail -n 15 "$2" | sed 's/^/#   /'
}

echo "1..3"
libs=$PWD/libraries
if sh "$VEMU_SRC/tests/checks/fetch-cross.sh" "$libs" arm64 >configure.out 2>&1 &&
    CFLAGS=-I$libs/usr/include/pixman-1 LDFLAGS=-L$libs/usr/lib/$triplet PKG_CONFIG=false \
        sh "$VEMU_SRC/configure" --host=$triplet --disable-capstone --enable-debug >>configure.out 2>&1 &&
    make -s -j "$(nproc)" all test-programs >make.out 2>&1; then
    echo "ok 1 - cross build for $triplet"
else
    cat configure.out >>make.out 2>/dev/null
    failed "1 - cross build for $triplet" make.out
fi
# What was built is for that host: no object of another's back end got in.
if readelf -h vemu 2>/dev/null | grep -q AArch64; then
    echo "ok 2 - the command is for $triplet"
else
    echo "not ok 2 - the command is for $triplet"
fi
image=${VEMU_BUILD:-.}/tests/guest/fpu.img
if ! command -v qemu-aarch64 >/dev/null || [ ! -f "$image" ]; then
    echo "ok 3 - its interpreter runs the guest test fpu # SKIP no qemu-aarch64, or the image is not built"
elif timeout -k 5 120 qemu-aarch64 -L /usr/$triplet -E LD_LIBRARY_PATH="$libs/usr/lib/$triplet" ./vemu-system-x86_64 -M pc -cpu max -m 128 \
    -display none -nodefaults -serial stdio -device isa-debug-exit,iobase=0x501,iosize=2 -no-reboot \
    -kernel "$image" </dev/null >guest.out 2>&1
    ! grep -q '^ok' guest.out || grep -q '^not ok' guest.out; then
    failed "3 - its interpreter runs the guest test fpu" guest.out
else
    echo "ok 3 - its interpreter runs the guest test fpu"
fi
