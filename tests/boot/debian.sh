# Sourced: packages of the Debian archive for guests, by apt on a state directory of its own. Nothing
# is installed and the host's package lists and architectures are left alone; root is not needed.
# The sourcing script has set $arch and $state (an absolute path, emptied here).

debian_start() {
    for tool in apt-get dpkg-deb; do
        command -v "$tool" >/dev/null || {
            echo "no $tool here" >&2
            return 1
        }
    done
    rm -rf "$state"
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/debs"
    : >"$state/status"
    sources=
}

apt() { # COMMAND ARG...
    command=$1
    shift
    "$command" -q -o APT::Architecture="$arch" -o APT::Architectures::="$arch" \
        -o Dir::State="$state" -o Dir::State::lists="$state/lists" \
        -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o Acquire::Languages=none -o APT::Sandbox::User= -o DPkg::Use-Pty=0 $sources "$@"
}

# Run the command, which fails when a package is not known, after reading the lists: first of the
# archives this host uses itself (with its mirrors and keys), then of Debian's own.
debian_with_lists() { # COMMAND ARG...
    apt apt-get update >"$state/log" 2>&1 && "$@" && return 0
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -f $keyring ] && signed="[signed-by=$keyring] " || signed=
    echo "deb ${signed}http://deb.debian.org/debian bookworm main" >"$state/sources.list"
    sources="-o Dir::Etc::sourcelist=$state/sources.list -o Dir::Etc::sourceparts=-"
    apt apt-get update >"$state/log" 2>&1 && "$@"
}

# The mirror this host's apt is set up with.
debian_mirror() {
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources \
        2>/dev/null | sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' \
        -e 's/^deb  *\(\[[^]]*\]  *\)\{0,1\}\([^ ]*\)  *bookworm .*/\2/p' | grep '/debian/*$' | head -n 1)
    echo "${mirror:-http://deb.debian.org/debian}"
}

# A fresh root's way to the mirror is made this host's; everything else stays as Debian ships it.
debian_as_host() { # ROOT
    for f in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
        if grep -Eqi 'proxy|verify' "$f" 2>/dev/null; then cp "$f" "$1$f"; fi
    done
    if [ -f /etc/apt/sources.list.d/debian.sources ]; then
        cp /etc/apt/sources.list.d/debian.sources "$1/etc/apt/sources.list.d/"
        : >"$1/etc/apt/sources.list"
    fi
    cp /etc/resolv.conf /etc/hosts "$1/etc/" 2>/dev/null || true
}

# Packages from the archive, unpacked into $state/root; fetch says which and how. Nothing is done when the result is
# there, and the caller puts it into $state/new before debian_fetched.
debian_fetch() { # PROGRAM DIR ARCH RESULT WHAT
    arch=$3
    if [ -d "$2/$arch/$4" ]; then exit 0; fi
    mkdir -p "$2/$arch"
    dir=$(cd "$2" && pwd)
    state=$dir/.apt/$4-$arch
    debian_start || { echo "$1: Debian's tools are needed" >&2; exit 1; }
    echo "Fetching Debian's $5"
    mkdir -p "$state/debs/partial" "$state/new"
    if ! debian_with_lists fetch; then
        tail -n 5 "$state/log" >&2
        echo "$1: cannot fetch $5 from the Debian archive; is there a network?" >&2
        exit 1
    fi
    for deb in "$state"/debs/*.deb; do
        dpkg-deb -x "$deb" "$state/root"
    done
}

debian_fetched() { # RESULT
    mv "$state/new" "$dir/$arch/$1"
    rm -rf "$state"
}
