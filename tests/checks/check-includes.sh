#!/bin/sh
# Includes follow the arrows  cli -> libvemu -> ui, hw, tcg, accel -> core  (docs/ARCHITECTURE.md).
# usage: check-includes.sh [TREE]; prints TAP, one test for each layer.
set -u
cd "${1:-${VEMU_SRC:-.}}" || exit 1

files=$(find core tcg accel hw libvemu ui cli examples -name '*.[chS]' 2>/dev/null | sort)
# shellcheck disable=SC2086
awk '
    BEGIN {
        # What each layer may include, as prefixes of paths in the tree. vemu/error.h is for all, and
        # vemu/block.h is what core/block implements.
        may["core"] = "core/"
        may["tcg"] = "tcg/ core/"
        may["accel"] = "accel/ tcg/ core/"
        may["hw"] = "hw/ core/"
        may["libvemu"] = "libvemu/ ui/ hw/ tcg/ accel/ core/"
        may["public"] = "libvemu/include/vemu/"
        may["ui"] = "ui/ core/"
        may["cli"] = "cli/ libvemu/include/vemu/"
        may["examples"] = "libvemu/include/vemu/"
        n_layers = split("core tcg accel hw libvemu public ui cli examples", layers)
    }
    function exists(path,   line, r) {
        if (!(path in known)) { r = getline line < path; close(path); known[path] = r >= 0 }
        return known[path]
    }
    function normal(path) {
        sub(/^\.\//, "", path)
        while (path ~ /\/\.\//) sub(/\/\.\//, "/", path)
        while (path ~ /[^\/]+\/\.\.\//) sub(/[^\/]+\/\.\.\//, "", path)
        return path
    }
    FNR == 1 {
        layer = FILENAME; sub(/\/.*/, "", layer)
        if (FILENAME ~ /^libvemu\/include\//) layer = "public"
        dir = FILENAME; sub(/[^\/]*$/, "", dir)
    }
    /^[ \t]*#[ \t]*include[ \t]*["<]/ {
        quoted = /^[ \t]*#[ \t]*include[ \t]*"/
        inc = $0
        sub(/^[^"<]*["<]/, "", inc); sub(/[">].*$/, "", inc)
        # As the compiler searches: next to the file, then the tree, then the public headers.
        target = ""
        if (quoted && exists(dir inc)) target = normal(dir inc)
        else if (exists(inc)) target = normal(inc)
        else if (exists("libvemu/include/" inc)) target = normal("libvemu/include/" inc)
        else if (inc ~ /^(core|tcg|accel|hw|libvemu|ui|cli)\//) target = normal(inc)
        else if (inc ~ /^vemu\//) target = normal("libvemu/include/" inc)
        if (target == "" || target == "libvemu/include/vemu/error.h") next
        if (target == "libvemu/include/vemu/block.h" && (dir == "core/block/" || layer != "core")) next
        seen[layer]++
        n = split(may[layer], allowed)
        for (i = 1; i <= n; i++) if (index(target, allowed[i]) == 1) next
        bad[layer] = bad[layer] "\n#   " FILENAME ":" FNR " includes " target \
            ", but this layer may only include " may[layer]
    }
    END {
        print "1.." n_layers
        for (i = 1; i <= n_layers; i++) {
            l = layers[i]
            if (l in bad) status = 1
            print (l in bad ? "not ok " : "ok ") i " - includes of " l " follow the layers" bad[l]
        }
        exit status + 0
    }' $files /dev/null
