#!/bin/sh
# What the includes promise, the symbols keep: no layer calls into one above or beside it, not even
# through a prototype of its own. Looks at the archives that the library is made of.
# usage: check-links.sh [DIRECTORY]; prints TAP.
set -u
cd "${1:-${VEMU_BUILD:-.}/lib}" || { echo "Bail out! no archives"; exit 1; }

for layer in core tcg accel hw ui libvemu; do
    [ -f $layer.a ] || continue
    nm -A $layer.a 2>/dev/null | sed "s/^/$layer /"
done | awk '
    BEGIN {
        may["core"] = " core "
        may["tcg"] = " core tcg "
        may["accel"] = " core tcg accel "
        may["hw"] = " core hw "
        may["ui"] = " core ui "
        may["libvemu"] = " core tcg accel hw ui libvemu "
        n = split("core tcg accel hw ui libvemu", layers)
    }
    {
        layer = $1; object = $2; sub(/^[^:]*:/, "", object); sub(/:.*/, "", object)
        type = $(NF - 1); name = $NF
    }
    type ~ /^[TDRBVWC]$/ { owner[name] = layer }
    type == "U" { use[++uses] = layer " " object " " name }
    END {
        for (i = 1; i <= uses; i++) {
            split(use[i], u)
            if (u[3] in owner && !index(may[u[1]], " " owner[u[3]] " "))
                bad[u[1]] = bad[u[1]] "\n#   " u[1] "/" u[2] " uses " u[3] " of " owner[u[3]]
        }
        print "1.." n
        for (i = 1; i <= n; i++) {
            l = layers[i]
            if (l in bad) status = 1
            print (l in bad ? "not ok " : "ok ") i " - symbols that " l " uses follow the layers" \
                (l in bad ? bad[l] : "")
        }
        exit status + 0
    }'
