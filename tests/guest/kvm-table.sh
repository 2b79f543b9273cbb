#!/bin/sh
# Runs every guest test under vemu with tcg and with kvm, and writes docs/kvm-guests.md: a row for each image, and
# where KVM gave up in it. usage: kvm-table.sh   in the build directory (make docs-kvm-guests)
set -u
build=${VEMU_BUILD:-.}
out=$VEMU_SRC/docs/kvm-guests.md
[ -r /dev/kvm ] && [ -w /dev/kvm ] || {
    echo "kvm-table.sh: there is no usable /dev/kvm here" >&2
    exit 1
}
run() { # NAME COMMAND
    GUEST_LOGS=$build/tests/logs/$1 EMULATOR=$2 sh "$VEMU_SRC/tests/guest/run-guests.sh" >/dev/null
}
count() { # DIRECTORY NAME: passed/failed
    tap=$build/tests/logs/$1/guest-$2.tap
    echo "$(grep -c '^ok' "$tap") / $(grep -c '^not ok' "$tap")"
}
run table-tcg "$build/vemu-system-x86_64 -accel tcg"
GUEST_TIMEOUT=${KVM_TIMEOUT:-20}
export GUEST_TIMEOUT
run table-kvm "$build/vemu-system-x86_64 -accel kvm"

{
    echo "# Guest tests under KVM"
    echo
    echo "Written by \`make docs-kvm-guests\` on $(date -u +%Y-%m-%d), Linux $(uname -r), processor:"
    echo "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)$(grep -qw 'vmx\|svm' /proc/cpuinfo ||
        echo '; without VMX and SVM, so that KVM emulates instructions itself and knows few of them')."
    echo "Passed and failed tests of each image; where KVM gave up, the instruction that it could not emulate."
    echo
    echo "| image | tcg | kvm | KVM ended |"
    echo "|---|---|---|---|"
    for source in "$VEMU_SRC"/tests/guest/*.c; do
        name=$(basename "$source" .c)
        err=$build/tests/logs/table-kvm/guest-$name.tap.err
        code=$(sed -n 's/^.*code at rip:\(.*\)$/\1/p' "$err" | head -n 1)
        if grep -q '^1\.\.' "$build/tests/logs/table-kvm/guest-$name.tap"; then
            end="at its end"
        elif [ -n "$code" ]; then
            end="\`$(echo "$code" | cut -c 2-24)\`"
        else
            end="a loop or a reset"
        fi
        echo "| $name | $(count table-tcg "$name") | $(count table-kvm "$name") | $end |"
    done
} >"$out"
