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
