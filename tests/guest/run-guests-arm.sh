#!/bin/sh
# Boots the Arm guest test images and passes their TAP on, as one numbered run; each on the machines
# that its source names, under the compiled code, its second tier and the interpreter.
# usage: run-guests-arm.sh [NAME...]   in the build directory; all of them without a name, which is
#        arm/NAME for processors of 64 bits, arm32/NAME for those of 32
# EMULATOR: the emulator command (default: the one just built, once with each back end)
set -u
build=${VEMU_BUILD:-.}
logs=${GUEST_LOGS:-$build/tests/logs}
mkdir -p "$logs" || exit 1
[ $# -gt 0 ] || set -- $(cd "$VEMU_SRC/tests/guest" && ls arm/*.c arm32/*.c | sed 's/\.c$//')
number=0

run() { # NAME EMULATOR LABEL LINE
    image=$build/tests/guest/$1.img
    log=$logs/guest-$(echo "$1" | tr / -).tap
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
    runs=$logs/guest-$(echo "$name" | tr / -).runs
    sed -n 's/^.*guest-run: *//p' "$VEMU_SRC/tests/guest/$name.c" >"$runs"
    case $name in
    arm32/*) own=$build/vemu-system-arm ;;
    *) own=$build/vemu-system-aarch64 ;;
    esac
    label=$(echo "$name" | tr / ' ')
    while read -r line; do
        if [ "${EMULATOR:-}" ]; then
            run "$name" "$EMULATOR" "$label" "$line"
            continue
        fi
        run "$name" "$own" "$label" "$line"
        run "$name" "$own -accel tcg,tier2=sync,tier2-threshold=2" "$label, second tier" "$line"
        run "$name" "$own -accel tcg,backend=interp" "$label, interpreter" "$line"
    done <"$runs"
done
echo "1..$number"
