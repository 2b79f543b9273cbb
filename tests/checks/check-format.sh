#!/bin/sh
# Every C file is as "make format" leaves it. One test for each file that is not, or one in all.
set -u
cd "${VEMU_SRC:-.}" || exit 1
if ! command -v clang-format >/dev/null; then
    echo "1..0 # SKIP clang-format is not installed"
    exit 0
fi
# Another release formats differently; the tree follows the one of Debian 12.
case $(clang-format --version) in
*'version 14.'*) ;;
*) echo "1..0 # SKIP clang-format is not release 14"; exit 0 ;;
esac
bad=$(find core tcg accel hw libvemu ui cli tools examples tests -name '*.[ch]' 2>/dev/null |
    sort | xargs clang-format --dry-run -Werror 2>&1 | sed -n 's/^\([^:]*\):[0-9].*/\1/p' | sort -u)
echo 1..1
if [ -z "$bad" ]; then
    echo "ok 1 - sources are formatted"
else
    echo "not ok 1 - sources are formatted; make format would change"
    printf '%s\n' "$bad" | sed 's/^/#   /'
    exit 1
fi
