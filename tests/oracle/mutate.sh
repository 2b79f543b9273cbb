#!/bin/sh
# How many planted faults do 20,000 sequences of the oracle notice, or a run of Arm's oracles?
#
#   make oracle-mutants            all of tests/oracle/mutants.txt
#   make oracle-mutants MUTANTS=FILE
#
# Runs in the build directory with VEMU_SRC, CC, CFLAGS, LDFLAGS, LIBS and ARCHIVES from the Makefile. A
# fault is planted in a copy of one file, whose object is linked before the archives. The sources stay
# as they are. Ends with 1 when fewer than 95 of 100 are noticed.
set -u
list=${MUTANTS:-$VEMU_SRC/tests/oracle/mutants.txt}
count=${COUNT:-20000}
work=tests/oracle-mutants
tab=$(printf '\t')
tried=0 caught=0 line=0
rm -rf "$work"
mkdir -p "$work"

# Which program a fault in that file is for.
oracle_of()
{
    case $1 in
    tcg/arm/*) echo arm_oracle ;;
    tcg/host/x86_64/arm_fp*) echo arm_fp ;;
    *) echo oracle ;;
    esac
}

run_oracle()
{
    if [ "$oracle" = oracle ]; then
        timeout 120 "$work/oracle" -x -n "$count"
    else
        timeout "${ARM_TIMEOUT:-120}" "$work/oracle"
    fi
}

while IFS= read -r text; do
    line=$((line + 1))
    case $text in '#'*|'') continue ;; esac
    file=${text%%"$tab"*}
    change=${text#*"$tab"}
    copy=$work/$(basename "$file")
    sed "$change" "$VEMU_SRC/$file" >"$copy"
    if cmp -s "$copy" "$VEMU_SRC/$file"; then
        echo "mutants.txt:$line: changes nothing in $file" >&2
        continue
    fi
    oracle=$(oracle_of "$file") found='^not ok'
    [ "$oracle" != oracle ] || found='^not ok [13]'
    if ! $CC $CFLAGS -w -c "$copy" -o "$work/mutant.o" 2>"$work/cc.log" ||
        ! $CC -o "$work/oracle" $LDFLAGS "obj/tests/oracle/$oracle.o" "$work/mutant.o" \
            -Wl,--start-group $ARCHIVES -Wl,--end-group $LIBS 2>>"$work/cc.log"; then
        echo "mutants.txt:$line: does not build; see $work/cc.log" >&2
        continue
    fi
    tried=$((tried + 1))
    if run_oracle >"$work/log" 2>&1 && ! grep -q "$found" "$work/log"; then
        echo "not noticed: $file: $change"
    else
        caught=$((caught + 1))
    fi
done <"$list"
echo "$caught of $tried planted faults noticed by $count sequences"
[ "$tried" -gt 0 ] && [ $((caught * 100)) -ge $((tried * 95)) ]
