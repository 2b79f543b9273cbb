#!/bin/sh
# run-guests.sh in ways that take translations away or never let the second tier have them, as one
# numbered run:
# usage: run-guests-inject.sh [IMAGE-NAME...]
# INJECT_SEEDS: seeds of the injected invalidations (default 1); a run of each, on both back ends
set -u
build=${VEMU_BUILD:-.}
number=0

# variant WHAT ACCEL-OPTIONS IMAGE-NAME...
variant() {
    what=$1 accel=$2
    shift 2
    logs=$build/tests/logs/inject/$what
    mkdir -p "$logs" || exit 1
    EMULATOR="$build/vemu-system-x86_64 -accel tcg,$accel" GUEST_LOGS=$logs \
        sh "$VEMU_SRC/tests/guest/run-guests.sh" "$@" >"$logs/all.tap"
    awk -v n="$number" -v what="$what" '
        /^1\.\./ { next }
        /^(not )?ok / {
            head = $1 == "ok" ? "ok" : "not ok"
            sub(/^(not )?ok [0-9]+ - /, "")
            print head, ++n, "-", what ": " $0
            next
        }
        { print }' "$logs/all.tap"
    number=$((number + $(grep -c '^ok \|^not ok ' "$logs/all.tap")))
}

# injected SEED ACCEL-OPTIONS IMAGE-NAME...: and something was injected in every image
injected() {
    seed=$1 accel=$2
    shift 2
    variant "$(echo "$accel" | tr -c 'a-z0-9\n' -)-inject-$seed" "$accel,count=on,inject=$seed" "$@"
    idle=$(grep -L "injected, seed $seed: [1-9]" "$logs"/*.err)
    number=$((number + 1))
    [ -z "$idle" ] || printf 'not '
    echo "ok $number - $what: every image met injected invalidations"
    [ -z "$idle" ] || echo "# not: $idle"
}

variant tier2-never tier2=off "$@"
variant tier2-at-once tier2=sync,tier2-threshold=1 "$@"
variant tiny-cache tier2=sync,tb-size=1 "$@"
for seed in ${INJECT_SEEDS:-1}; do
    injected "$seed" tier2=sync,tier2-threshold=2 "$@"
    injected "$seed" backend=interp "$@"
done
echo "1..$number"
