#!/bin/sh
# Boots the Arm guest test images and passes their TAP on, as one numbered run; each on the machines
# that its source names, under the compiled code and under the interpreter.
# usage: run-guests-arm.sh [NAME...]   in the build directory; all of them without a name
# EMULATOR: the emulator command (default: the one just built, once with each back end)
set -u
build=${VEMU_BUILD:-.}
logs=${GUEST_LOGS:-$build/tests/logs}
mkdir -p "$logs" || exit 1
[ $# -gt 0 ] || set -- $(cd "$VEMU_SRC/tests/guest/arm" && ls *.c | sed 's/\.c$//')
own=$build/vemu-system-aarch64
number=0

run() { # NAME EMULATOR LABEL LINE
    image=$build/tests/guest/arm/$1.img
    log=$logs/guest-arm-$1.tap
    how=${4%% *} options=${4#* }
    # A machine whose firmware is the test cannot be powered off: the plan is its last word.
    # shellcheck disable=SC2086
    timeout -k 5 "${GUEST_TIMEOUT:-60}" $2 $options -m 256 -display none -nodefaults \
        -serial stdio "-$how" "$image" </dev/null 2>"$log.err" >"$log" &
    pid=$!
    while kill -0 $pid 2>/dev/null && ! grep -q '^1\.\.' "$log"; do
        sleep 0.05
    done
    [ "$how" = bios ] && kill $pid 2>/dev/null
    wait $pid 2>/dev/null
    tr -d '\r' <"$log" | awk -v n="$number" -v name="$3" '
        /^ok [0-9]+ - |^not ok [0-9]+ - / {
            head = $1 == "ok" ? "ok" : "not ok"
            sub(/^(not )?ok [0-9]+ - /, ""); sub(/[ \t]+$/, "")
            print head, ++n, "-", name ": " $0
            count++; next
        }
        /^1\.\./ { plan = substr($0, 4) + 0; next }
        /^Bail out!/ { print "# " $0; next }
        /^#/ { print }
        END {
            if (!plan || plan != count)
                print "not ok " ++n " - " name ": runs to its end (" count + 0 " tests seen)"
        }' >"$log.out"
    cat "$log.out"
    grep -q 'runs to its end' "$log.out" && sed 's/^/# /' "$log.err" | tail -5
    number=$((number + $(grep -c '^ok \|^not ok ' "$log.out")))
    rm -f "$log.out"
}

for name in "$@"; do
    sed -n 's/^.*guest-run: *//p' "$VEMU_SRC/tests/guest/arm/$name.c" >"$logs/guest-arm-$name.runs"
    while read -r line; do
        if [ "${EMULATOR:-}" ]; then
            run "$name" "$EMULATOR" "arm $name" "$line"
            continue
        fi
        run "$name" "$own" "arm $name" "$line"
        run "$name" "$own -accel tcg,backend=interp" "arm $name, interpreter" "$line"
    done <"$logs/guest-arm-$name.runs"
done
echo "1..$number"
