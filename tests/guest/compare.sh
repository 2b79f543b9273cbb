#!/bin/sh
# Runs every guest test under vemu (both back ends) and under the distribution's QEMU, with KVM too
# where there is one, and writes the table docs/guest-tests.md. What the manuals say about each
# difference stands in tests/guest/differences.txt: "regular expression over IMAGE: NAME = decision".
# A KVM that emulates instructions itself may know few of them: where it gives up, each image's last
# instruction is listed.
set -u
build=${VEMU_BUILD:-.}
out=$VEMU_SRC/docs/guest-tests.md
run() { # NAME COMMAND
    GUEST_LOGS=$build/tests/logs/$1 EMULATOR=$2 sh "$VEMU_SRC/tests/guest/run-guests.sh" >"$build/tests/guest-$1.tap"
    echo "$1: $(grep -c '^ok' "$build/tests/guest-$1.tap") ok, $(grep -c '^not ok' "$build/tests/guest-$1.tap") not ok" >&2
}
run jit "$build/vemu-system-x86_64 -accel tcg"
run interp "$build/vemu-system-x86_64 -accel tcg,backend=interp"
run qemu "qemu-system-x86_64 -accel tcg"
kvm=
kvm_command="qemu-system-x86_64 -accel kvm -cpu host"
if [ -w /dev/kvm ]; then
    # QEMU waits after an instruction that KVM cannot emulate.
    GUEST_TIMEOUT=${KVM_TIMEOUT:-8}
    export GUEST_TIMEOUT
    run kvm "$kvm_command"
    kvm=kvm note="KVM: the same QEMU with \`-accel kvm -cpu host\` on the host of this run."
    for err in "$build"/tests/logs/kvm/*.err; do
        code=$(sed -n 's/^Code=.*<\(..\)>\(.\{0,15\}\).*/\1\2/p' "$err" | tail -n 1)
        name=$(basename "$err" .tap.err)
        if grep -q '^1\.\.' "${err%.err}"; then
            stop="at its end"
        elif [ -n "$code" ]; then
            stop="\`$code\`"
        else
            stop="a loop or a reset"
        fi
        echo "${name#guest-}|$(grep -c '^ok' "${err%.err}")|$stop"
    done >"$build/tests/guest-kvm.stops"
else
    note="KVM: there was no /dev/kvm to run them on."
fi
qemu=$(qemu-system-x86_64 --version | sed -n '1s/.*version \([^ ]*\).*/\1/p')
awk -v qemu="$qemu" -v kvm="$kvm" -v note="$note" -v dir="$build/tests/guest-" -v decisions="$VEMU_SRC/tests/guest/differences.txt" '
    function title(who) {
        return who == "qemu" ? "QEMU " qemu : who == "kvm" ? "KVM" : "vemu " who
    }
    function result(line) {
        return line ~ /^not/ ? "**no**" : line ~ /# SKIP/ ? "skip" : "ok"
    }
    function decided(k, a, c,    i) {
        for (i = 1; i <= patterns; i++)
            if (k ~ pattern[i])
                return why[i]
        return c == "not reached" ? "QEMU ended before it" : c == "skip" || a == "skip" ? "the CPU models differ" : "open"
    }
    function name(line) {
        sub(/^(not )?ok [0-9]+ - /, "", line); sub(/ *# SKIP.*/, "", line)
        return line
    }
    BEGIN {
        n = split("jit interp qemu " kvm, who)
        for (i = 1; i <= n; i++)
            while ((getline line < (dir who[i] ".tap")) > 0)
                if (line ~ /^(not )?ok /) {
                    k = name(line)
                    if (!(k in seen)) { seen[k] = 1; order[++total] = k }
                    r[who[i], k] = result(line)
                    if (result(line) == "ok") good[who[i]]++
                    else if (result(line) == "**no**") bad[who[i]]++
                    else skipped[who[i]]++
                }
        while ((getline line < decisions) > 0)
            if (line !~ /^#/ && (p = index(line, " = ")))
                { pattern[++patterns] = substr(line, 1, p - 1); why[patterns] = substr(line, p + 3) }
        print "# Guest tests"
        print ""
        print "Written by `make docs-guest-tests`. Small bare-metal programs (`tests/guest`) run under vemu with"
        print "its two back ends and under QEMU " qemu " (Debian) as a black box. What they expect is what the"
        print "manuals say; the second table says so for each difference. " note
        print ""
        print "| emulator | ok | not ok | skipped |"
        print "|---|---|---|---|"
        for (i = 1; i <= n; i++)
            print "| " title(who[i]) " | " good[who[i]] + 0 " | " bad[who[i]] + 0 " | " skipped[who[i]] + 0 " |"
        print ""
        print "## Differences"
        print ""
        print "| test | vemu jit | vemu interp | QEMU |" (kvm ? " KVM |" : "") " decided |"
        print "|---|---|---|---|---|" (kvm ? "---|" : "")
        for (t = 1; t <= total; t++) {
            k = order[t]
            a = r["jit", k]; b = r["interp", k]; c = r["qemu", k]
            if (a == "") a = "not reached"
            if (b == "") b = "not reached"
            if (c == "") c = "not reached"
            d = r["kvm", k] == "" ? "not reached" : r["kvm", k]
            if (a != b || b != c)
                print "| " k " | " a " | " b " | " c " | " (kvm ? d " | " : "") decided(k, a, c) " |"
        }
        if (kvm) {
            print ""
            print "## Where KVM stops"
            print ""
            print "Tests that passed of each image, and how it stopped: the bytes of the instruction that KVM refused to"
            print "emulate, or in another way."
            print ""
            print "| image | ok | stopped at |"
            print "|---|---|---|"
            while ((getline line < (dir "kvm.stops")) > 0) {
                split(line, f, "|")
                print "| " f[1] " | " f[2] " | " f[3] " |"
            }
        }
        print ""
        print "## All tests"
        print ""
        print "| test | vemu jit | vemu interp | QEMU |" (kvm ? " KVM |" : "")
        print "|---|---|---|---|" (kvm ? "---|" : "")
        for (t = 1; t <= total; t++) {
            k = order[t]
            print "| " k " | " r["jit", k] " | " r["interp", k] " | " r["qemu", k] " |" (kvm ? " " (r["kvm", k] == "" ? "not reached" : r["kvm", k]) " |" : "")
        }
    }' >"$out.new" && mv "$out.new" "$out"
