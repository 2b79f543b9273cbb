#!/bin/sh
# Runs the test programs that a plan lists, prints a line for each and closes with
#   N passed, N failed, N skipped
# usage: run.sh PLAN, from the build directory. Each line of PLAN is "LAYER TIMEOUT PROGRAM" or
# "LAYER 0 skip:REASON" (underscores for blanks). tests/README.md says what a program has to print.
set -u

here=$(cd "$(dirname "$0")" && pwd)
plan=${1:?usage: run.sh PLAN}
# Relative names: criterion splits the one it is given at commas.
cd "${VEMU_BUILD:-.}" || exit 1
logs=tests/logs
mkdir -p "$logs" || exit 1
# Leaks of the tests' own tools are none of ours.
LSAN_OPTIONS=${LSAN_OPTIONS:+$LSAN_OPTIONS:}print_suppressions=0:suppressions=$here/checks/lsan.txt
TSAN_OPTIONS=${TSAN_OPTIONS:+$TSAN_OPTIONS:}suppressions=$here/checks/tsan.txt
# Machines of the tests are not among the user's.
XDG_RUNTIME_DIR=$(mktemp -d) || exit 1
export LSAN_OPTIONS TSAN_OPTIONS XDG_RUNTIME_DIR
trap 'rm -rf "$XDG_RUNTIME_DIR"' EXIT
passed=0 failed=0 skipped=0
child=
trap 'kill $child 2>/dev/null; exit 1' HUP INT TERM

# count LOG STATUS: reads TAP, prints "PASSED FAILED SKIPPED", then the lines worth showing.
count() {
    awk -v status="$2" '
        /^1\.\.[0-9]+/ { plan = substr($0, 4) + 0; planned = 1
                         if (plan == 0) { skip++; ran = 1; show[++n] = "skipped: " $0 }
                         next }
        /^ok([ \t]|$)/ {
            total++; said = 0
            if (tolower($0) ~ /# *skip/) skip++; else pass++
            next
        }
        /^not ok([ \t]|$)/ { total++; fail++; show[++n] = $0; said = 12; next }
        # A comment right after a failure explains it.
        /^#/ { if (said > 0) { show[++n] = $0; said-- } next }
        /^Bail out!/ { fail++; show[++n] = $0; next }
        END {
            if (status == 77 && total == 0) {
                skip++; show[++n] = "skipped: the program says it cannot run here"
            } else if (status == 124) {
                fail++; show[++n] = "did not end in time"
            } else if (status != 0 && fail == 0) {
                fail++; show[++n] = "ended with status " status " without a failed test"
            } else if (total == 0 && skip == 0) {
                fail++; show[++n] = "reported no test"
            } else if (planned && plan != total && plan != 0) {
                fail++; show[++n] = "reported " total " tests, planned " plan
            }
            print pass + 0, fail + 0, skip + 0
            for (i = 1; i <= n; i++) print "    " show[i]
        }' "$1"
}

line() { # LAYER NAME PASSED FAILED SKIPPED SECONDS
    printf '%-7s %-32s %s %5d%s%s  %5s s\n' "$1" "$2" "$([ "$4" = 0 ] && echo 'ok    ' || echo FAILED)" \
        "$3" "$([ "$4" = 0 ] || echo ", failed $4")" "$([ "$5" = 0 ] || echo ", skipped $5")" "$6"
}

while read -r layer timeout program; do
    case $program in
    '') continue ;;
    skip:*)
        line "$layer" "$(printf %s "${program#skip:}" | tr _ ' ')" 0 0 1 0.0
        skipped=$((skipped + 1))
        continue ;;
    */*) ;;
    *) program=./$program ;;
    esac
    name=$(basename "$program")
    log=$logs/$layer-$name
    rm -f "$log".*
    set -- "$program"
    case $program in *.sh) set -- sh "$program" ;; esac
    start=$(date +%s%N)
    # Criterion writes its TAP into a file of its own, since tests may print.
    CRITERION_OUTPUTS=tap:$log.criterion timeout -k 10 "$timeout" "$@" \
        >"$log.tap" 2>"$log.err" </dev/null &
    child=$!
    wait $child
    status=$?
    child=
    ms=$((($(date +%s%N) - start) / 1000000))
    [ -f "$log.criterion" ] && mv "$log.criterion" "$log.tap"
    result=$(count "$log.tap" $status)
    # shellcheck disable=SC2046
    set -- $(printf '%s\n' "$result" | head -n 1)
    line "$layer" "$name" "$1" "$2" "$3" "$((ms / 1000)).$((ms % 1000 / 100))"
    printf '%s\n' "$result" | tail -n +2
    if [ "$2" != 0 ]; then
        tail -n 25 "$log.err" | sed 's/^/    | /'
        echo "    all of it: $PWD/$log.tap and .err"
    fi
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
done <"$plan"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ $((passed + skipped)) != 0 ]
