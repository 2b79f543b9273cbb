#!/bin/sh
# From a fresh Debian 12 machine to a running guest, or to a tested build:
#
#   sh quickstart.sh          install what is missing, build, boot a Linux guest in this terminal
#   sh quickstart.sh test     the same set-up and whatever the tests need, then the whole suite
#   sh quickstart.sh peers    install what benches and campaigns compare with
#
# The second time everything is in place, and nothing is installed, fetched or built again.
set -eu

cd "$(dirname "$0")"
build=build
jobs=$(nproc 2>/dev/null || echo 1)

say() {
    echo "==> $*"
}

die() {
    echo "quickstart.sh: $*" >&2
    exit 1
}

# What each command needs. The first is kept small: a compiler, make, headers of libraries, and nothing for the guest,
# whose kernel and busybox are downloaded without being installed.
need_build="gcc libc6-dev make pkg-config zlib1g-dev libzstd-dev liburing-dev libjansson-dev libslirp-dev libfdt-dev
    libpixman-1-dev libpng-dev libturbojpeg0-dev libgnutls28-dev nettle-dev libxkbcommon-dev"
need_test="libsdl2-dev libcriterion-dev libcapstone-dev clang-format gdb python3 acpica-tools
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf
    qemu-utils seabios ovmf ipxe-qemu qemu-efi-aarch64 u-boot-qemu xorriso iproute2
    libvncserver-dev openssl xvfb openbox xdotool imagemagick xclip"
need_peers="qemu-system-x86 qemu-user python3 gcc-i686-linux-gnu libc6-dev-i386-cross
    tigervnc-viewer chromium"

# install PACKAGE...: those that are missing; sets "installed" when there were any.
installed=no
install() {
    missing=
    command -v dpkg-query >/dev/null || {
        say "This is not a Debian system: building with the tools that are here"
        return 0
    }
    for package; do
        case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true) in
        *' installed') ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0

    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || {
            echo "These packages are missing and need root to be installed. Run this, then try again:" >&2
            echo "    apt-get update && apt-get install --no-install-recommends$missing" >&2
            exit 1
        }
        # Without a terminal there is nobody to type a password.
        if [ -t 0 ]; then as_root=sudo; else as_root="sudo -n"; fi
    fi
    say "Installing$missing"
    $as_root apt-get -qq update || say "Some package lists could not be renewed; going on"
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 \
        install --no-install-recommends $missing >"$build/apt.log" 2>&1 </dev/null || {
        tail -n 15 "$build/apt.log" >&2
        die "the packages could not be installed; $build/apt.log has all that apt-get said"
    }
    installed=yes
}

# configure OPTION...: only when something may have changed since the last time.
configure() {
    if [ $installed = yes ] || [ ! -f $build/Makefile ] || [ ! -f $build/config.stamp ] ||
        [ configure -nt $build/config.stamp ] || [ "$*" != "$(cat $build/quickstart.args 2>/dev/null)" ]; then
        say "Configuring in $build/"
        (cd $build && sh ../configure "$@" >configure.out) || die "configure did not succeed"
        echo "$*" >$build/quickstart.args
    fi
}

build() { # TARGET...: what make prints is shown; it prints nothing when there is nothing to do
    make --no-print-directory -q -C $build "$@" >/dev/null 2>&1 || say "Building with $jobs job(s)"
    make --no-print-directory -s -C $build -j "$jobs" "$@" || die "the build failed"
}

demo() {
    # shellcheck disable=SC2086
    install $need_build
    if [ -f $build/quickstart.args ]; then
        # shellcheck disable=SC2046
        configure $(cat $build/quickstart.args)
    else
        configure
    fi
    build all guest-amd64

    set -- run --kernel $build/guest/amd64/vmlinuz --initrd $build/guest/amd64/initrd --memory 512M
    if [ -t 0 ] && [ -t 1 ]; then
        say "Booting $(sed -n 's/\(linux-image.*\)_.*/\1/p' $build/guest/amd64/version | tr _ ' ')"
        say "Leave the guest with \"exit\", or end it at once with Ctrl-A x"
        exec $build/vemu "$@" --append "console=ttyS0"
    fi
    say "No terminal here: booting, and powering off again"
    exec $build/vemu "$@" --append "console=ttyS0 demo=once" </dev/null
}

suite() {
    # shellcheck disable=SC2086
    install $need_build $need_test
    configure --enable-tests
    build guests check-programs
    say "Running the tests"
    # As `make check` does it, but with the runner's summary as the last line in any case.
    VEMU_SRC=$PWD VEMU_BUILD=$PWD/$build VEMU_GUESTS=$PWD/$build/guest
    export VEMU_SRC VEMU_BUILD VEMU_GUESTS
    cd $build
    exec sh ../tests/run.sh tests/plan
}

mkdir -p $build
case ${1:-demo}$# in
demo0) demo ;;
test1) suite ;;
peers1)
    # shellcheck disable=SC2086
    install $need_build $need_test $need_peers
    say "Everything to compare with is installed; \"make -C $build bench\" uses it"
    ;;
-h1 | --help1 | help1) sed -n '2,8s/^# \{0,1\}//p' "$(basename "$0")" ;;
*) die "unknown command \"$*\"; there are none (boot a guest), \"test\" and \"peers\"" ;;
esac
