#!/bin/sh
# What the other end of a network may be (links.py): everything that libslirp does for a guest, an
# interface of the host, another machine. Prints TAP. Arguments: the tests.
set -u
here=$(cd "$(dirname "$0")" && pwd)
grep -q '^#define CONFIG_SLIRP 1' "${VEMU_BUILD:-.}/config.h" || { echo "1..0 # SKIP a build without libslirp"; exit 0; }
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3"; exit 0; }
exec python3 "$here/links.py" "$@"
