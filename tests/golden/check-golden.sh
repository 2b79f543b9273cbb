#!/bin/sh
# The host code of the guest instructions and idioms in code.S is what x86_64.txt says. Prints TAP.
set -u
src=${VEMU_SRC:-.}/tests/golden/x86_64.txt
new=${VEMU_BUILD:-.}/tests/golden/found.txt
"${VEMU_BUILD:-.}/tests/golden/golden" >"$new"
case $? in
0) ;;
77)
    echo "1..0 # SKIP the host has no AVX2 or BMI2"
    exit 77
    ;;
*)
    printf '1..1\nnot ok 1 - golden: the program ends well\n'
    exit 1
    ;;
esac
echo 1..2

# What each entry costs: "name<TAB>instructions", from the lines "== name: N instructions, M bytes".
costs() { sed -n 's/^== \(.*\): \([0-9]*\) instructions, .*/\1\t\2/p' "$1"; }

wanted="300 guest instructions and 30 idioms at least"
insns=$(grep -c '^== .*: [0-9]* instructions' "$new")
idioms=$(grep -c '^== "' "$new")
if [ $((insns - idioms)) -ge 300 ] && [ "$idioms" -ge 30 ]; then
    echo "ok 1 - golden: $wanted"
else
    echo "not ok 1 - golden: $wanted"
fi

if cmp -s "$src" "$new"; then
    echo "ok 2 - golden: host code as tests/golden/x86_64.txt has it"
    exit 0
fi
echo "not ok 2 - golden: host code as tests/golden/x86_64.txt has it"
{
    echo "The translator makes other code. If that is meant, \`make golden\` writes the file anew;"
    echo "commit it with the change, so that review sees what became faster or slower:"
    costs "$src" >"$new.old-costs"
    costs "$new" | awk -F '\t' -v old="$new.old-costs" '
        BEGIN { while ((getline line <old) > 0) { split(line, f, "\t"); was[f[1]] = f[2]; a += f[2] } }
        {
            b += $2
            if (!($1 in was)) print "  new     " $1 ": " $2
            else if ($2 > was[$1]) { more++; print "  longer  " $1 ": " was[$1] " -> " $2 }
            else if ($2 < was[$1]) { less++; print "  shorter " $1 ": " was[$1] " -> " $2 }
        }
        END { printf "  %d longer, %d shorter, all together %d -> %d instructions\n", more, less, a, b }
    ' | sort | awk 'NR <= 40 || /all together/'
    diff -U2 "$src" "$new" | sed -n 3,120p
} | sed 's/^/# /'
exit 1
