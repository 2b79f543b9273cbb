#!/bin/sh
# run-guests.sh with all code from the saved translations that a run before it left: blocks and, as in
# run-guests-tier2.sh, regions. A last test counts them.
build=${VEMU_BUILD:-.}
logs=$build/tests/logs/saved
cache=$logs/cache
rm -rf "$logs" && mkdir -p "$logs" || exit 1
run() { # off|ro|rw DIR
    EMULATOR="$build/vemu-system-x86_64 -accel tcg,count=on,tier2=sync,tier2-threshold=2"
    EMULATOR="$EMULATOR,jit-cache=$1,jit-cache-dir=$cache" GUEST_LOGS=$2 \
        sh "$VEMU_SRC/tests/guest/run-guests.sh"
}
run rw "$logs/cold" >"$logs/cold.tap"
run ro "$logs" >"$logs/warm.tap"
grep -v '^1\.\.' "$logs/warm.tap"
number=$(grep -c '^ok \|^not ok ' "$logs/warm.tap")
# What is rewritten all the time is not saved: the guest smc may translate.
awk -v n=$((number + 1)) '
    /saved translations +[0-9]+ blocks and [0-9]+ regions/ { taken += $4; regions += $7 }
    /^vemu: not taken +[0-9]+ not there/ && FILENAME !~ /smc/ { missed += $4 }
    /^vemu: not taken .* [1-9][0-9]* damaged/ { damaged = 1 }
    END {
        good = taken > 5000 && regions > 1000 && missed * 50 < taken && !damaged
        printf "%sok %d - saved: blocks and regions are taken\n", good ? "" : "not ", n
        printf "# %d blocks and %d regions taken, %d translated%s\n", taken, regions, missed,
            damaged ? ", some damaged" : ""
    }' "$logs"/guest-*.tap.err
rm -rf "$cache"
echo "1..$((number + 1))"
