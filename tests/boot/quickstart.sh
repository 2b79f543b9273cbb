#!/bin/sh
# The first of the README's two commands, in a tree where everything is built: quick, quiet, and with
# and without a terminal. Prints TAP.
set -u
src=${VEMU_SRC:-.} build=${VEMU_BUILD:-.}
if [ "$(cd "$src/build" 2>/dev/null && pwd -P)" != "$(cd "$build" && pwd -P)" ]; then
    echo "1..0 # SKIP quickstart.sh builds in build/ of the source, and this is another build"
    exit 0
fi
cd "$src" || exit 1
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
echo 1..4
start=$(date +%s)
timeout 100 sh quickstart.sh </dev/null >"$out" 2>&1
status=$?
took=$(($(date +%s) - start))
if [ $status = 0 ] && grep -q 'vemu-init: done' "$out"; then
    echo "ok 1 - without a terminal it boots and powers off ($took s)"
else
    echo "not ok 1 - without a terminal it boots and powers off"
    tail -n 8 "$out" | sed "s/^/# status $status | /"
fi
if [ "$(head -n 1 "$out")" = '==> No terminal here: booting, and powering off again' ]; then
    echo "ok 2 - nothing is built or fetched a second time"
else
    echo "not ok 2 - nothing is built or fetched a second time"
    head -n 5 "$out" | sed 's/^/# | /'
fi
if ! command -v python3 >/dev/null; then
    echo "ok 3 - with a terminal it ends in a shell # SKIP python3 is not installed"
    echo "ok 4 - the terminal is as before # SKIP python3 is not installed"
    exit 0
fi
exec timeout 100 python3 tests/boot/quickstart.py
