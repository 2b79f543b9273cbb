#!/bin/sh
# What libvemu.so shows and keeps:
#   1 it exports vemu_* and nothing else
#   2 it has no writable variable outside the explained list writable-symbols.txt
#   3 it calls nothing that ends the process, prints, or takes over signals
# usage: check-symbols.sh [LIBRARY [LIST]]; prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
lib=${1:-${VEMU_BUILD:-.}/libvemu.so.0}
list=${2:-$here/writable-symbols.txt}

[ -r "$lib" ] || { echo "Bail out! no library $lib to look at"; exit 1; }
if [ $# = 0 ] && grep -Eq '^(SANITIZER := .|COVERAGE := yes)' "${VEMU_BUILD:-.}/config.mk"; then
    echo "1..0 # SKIP sanitizers and coverage put variables of their own into the library"
    exit 0
fi

status=0
report() { # NUMBER NAME COMPLAINTS
    if [ -z "$3" ]; then
        echo "ok $1 - $2"
    else
        echo "not ok $1 - $2"
        printf '%s\n' "$3" | sed 's/^/#   /'
        status=1
    fi
}
echo 1..3

report 1 "the library exports vemu_* only" "$(nm -D --defined-only "$lib" |
    awk '$NF !~ /^vemu_/ { print $NF " is exported" }')"

# Sections that the loader makes read-only again after relocation do not count: constant tables with
# pointers live there. Thread-local variables do count.
report 2 "the library has no unexplained writable variable" "$( (
    sed 's/^/L /' "$list"
    readelf -SW "$lib" | sed -n 's/^ *\[ *\([0-9]*\)\] /S \1 /p'
    readelf -sW "$lib" | sed 's/^/Y /'
) | awk '
    $1 == "L" {
        if ($2 == "" || $2 == "#") next
        if ($3 != "#" || NF < 4) print "the list gives no reason for " $2
        listed[$2] = 1
        next
    }
    $1 == "S" {
        # number name type address offset size entsize flags
        if ($9 ~ /W/ && $3 !~ /^\.(data\.rel\.ro|init_array|fini_array|dynamic|got|tm_clone_table)/)
            writable[$2] = $3
        next
    }
    $1 == "Y" && $2 ~ /^[0-9]+:$/ && NF >= 9 {
        name = $9; section = $8
        if ($5 == "SECTION" || $5 == "FILE" || !(section in writable)) next
        base = name; sub(/\.[0-9]+$/, "", base)
        if (name in listed || base in listed || done[name]++) next
        print name " lies in the writable section " writable[section]
    }')"

forbidden='exit|_exit|_Exit|quick_exit|abort|__assert_fail|__assert|raise'
forbidden="$forbidden|printf|__printf_chk|vprintf|__vprintf_chk|puts|putchar|perror|stdout|stderr|psignal|err|errx|warn|warnx"
forbidden="$forbidden|signal|sigaction|bsd_signal|sigset|atexit|__longjmp_chk|longjmp|siglongjmp|alarm|setitimer"
report 3 "the library never exits, aborts, prints or installs signal handlers" "$(
    nm -D --undefined-only "$lib" | awk -v pattern="^($forbidden)$" '
        { name = $NF; sub(/@.*/, "", name) }
        name ~ pattern { print "it calls or uses " name }')"
exit $status
