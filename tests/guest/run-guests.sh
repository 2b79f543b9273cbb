#!/bin/sh
# Boots guest test images and passes their TAP on, as one numbered run.
# usage: run-guests.sh [IMAGE-NAME...]   in the build directory; all of them without a name
# EMULATOR: the emulator command and its accelerator options (default: the one just built)
# GUEST_EDIT: a sed command for what an image asks for
# GUEST_LOGS: directory for what each image printed (default tests/logs)
set -u
build=${VEMU_BUILD:-.}
logs=${GUEST_LOGS:-$build/tests/logs}
emulator=${EMULATOR:-$build/vemu-system-x86_64}
mkdir -p "$logs" || exit 1
[ $# -gt 0 ] || set -- $(cd "$VEMU_SRC/tests/guest" && ls *.c | sed 's/\.c$//')

number=0
for name in "$@"; do
    image=$build/tests/guest/$name.img
    log=$logs/guest-$name.tap
    # What an image needs beyond the usual stands in its source: "guest: -smp 4".
    options=$(sed -n 's/^.*guest-options: *\(-.*\)$/\1/p' "$VEMU_SRC/tests/guest/$name.c")
    [ -z "${GUEST_EDIT:-}" ] || options=$(echo "$options" | sed "$GUEST_EDIT")
    # A triple fault ends the run, but where the test is about what comes after it.
    grep -q 'guest-reboots' "$VEMU_SRC/tests/guest/$name.c" || options="$options -no-reboot"
    # shellcheck disable=SC2086
    timeout -k 5 "${GUEST_TIMEOUT:-60}" $emulator -M pc -cpu max -m 128 -display none -nodefaults \
        -serial stdio -device isa-debug-exit,iobase=0x501,iosize=2 $options -kernel "$image" \
        </dev/null 2>"$log.err" | tr -d '\r' >"$log"
    # Renumbered; the plan of each image is checked here, the whole one comes last.
    awk -v n="$number" -v name="$name" '
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
        }' "$log" >"$log.out"
    cat "$log.out"
    grep -q 'runs to its end' "$log.out" && sed 's/^/# /' "$log.err" | tail -5
    number=$((number + $(grep -c '^ok \|^not ok ' "$log.out")))
    rm -f "$log.out"
done
echo "1..$number"
