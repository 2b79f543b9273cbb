#!/bin/sh
# The newcomer's commands in a clean Debian 12 root, as a new user would type them.
#
#   clean-root.sh [--keep] [DIR [COMMAND...]]    as root, with debootstrap
#
# DIR (default: a fresh one under /tmp) becomes a minimal bookworm from the mirror that this host's
# apt is set up with; the committed state of this tree is cloned to /root/vemu in it, and each
# COMMAND runs there without a terminal: by default "sh quickstart.sh", the same again (which has to
# be quick), and "sh quickstart.sh test". Ends with status 0 when all of them did. The directory is
# removed at the end unless --keep is given; one that exists already is used as it is.
set -eu

if [ "${CLEAN_ROOT_INSIDE:-}" != yes ]; then
    [ "$(id -u)" = 0 ] || { echo "clean-root.sh: only root can make a root directory" >&2; exit 1; }
    for tool in debootstrap unshare git chroot; do
        command -v $tool >/dev/null || { echo "clean-root.sh: $tool is not installed" >&2; exit 1; }
    done
    # What is mounted below goes away with the mount name space, whatever happens.
    CLEAN_ROOT_INSIDE=yes exec unshare --mount --pid --fork --mount-proc sh "$0" "$@"
fi

keep=no
if [ "${1:-}" = --keep ]; then
    keep=yes
    shift
fi
src=$(cd "$(dirname "$0")/../.." && pwd)
. "$src/tests/boot/debian.sh"
dir=${1:-$(mktemp -d /tmp/clean-root.XXXXXX)}
[ $# = 0 ] || shift
chmod 755 "$dir" 2>/dev/null || true # it is a root directory: programs that give up root look into it
[ $# != 0 ] || set -- "sh quickstart.sh" "sh quickstart.sh" "sh quickstart.sh test"

if [ ! -x "$dir/bin/sh" ]; then
    mirror=$(debian_mirror)
    echo "== debootstrap from $mirror"
    debootstrap --variant=minbase bookworm "$dir" "$mirror" >"$dir.log" 2>&1 ||
        { tail -n 5 "$dir.log" >&2; exit 1; }
    rm -f "$dir.log"
    debian_as_host "$dir"
fi
rm -rf --one-file-system "$dir/root/vemu"
git -c safe.directory='*' clone -q "$src" "$dir/root/vemu"
mount -t proc proc "$dir/proc"
mount --rbind /dev "$dir/dev"

status=0
for command; do
    echo "== $command"
    start=$(date +%s)
    chroot "$dir" /usr/bin/env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        sh -c "cd /root/vemu && $command" </dev/null || status=$?
    echo "== status $status after $(($(date +%s) - start)) s"
    [ $status = 0 ] || break
done

umount -lR "$dir/dev" "$dir/proc"
[ $keep = yes ] || rm -rf --one-file-system "$dir"
exit $status
