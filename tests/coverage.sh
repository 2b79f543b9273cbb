#!/bin/sh
# Lines executed per source file, from the counters that a build with --enable-coverage left.
# usage: coverage.sh BUILD_DIRECTORY; prints a table, the least covered file first.
set -eu
cd "${1:?usage: coverage.sh BUILD_DIRECTORY}"
find obj/core obj/tcg obj/accel obj/hw obj/libvemu obj/ui obj/cli -name '*.gcno' 2>/dev/null |
    xargs -r -n 50 gcov -n -r -s "$PWD" 2>/dev/null |
    awk '
        /^File / { file = substr($0, 7, length($0) - 7) }
        /^Lines executed:/ && file ~ /^(core|tcg|accel|hw|libvemu|ui|cli)\/.*\.c$/ {
            split($0, part, /[:%]| of /)
            percent = part[2]; n = $NF; sub(/.*of /, "", n)
            printf "%6.1f%%  %6d  %s\n", percent, n, file | "sort -n"
            hit += percent * n / 100; all += n
            file = ""
        }
        END { close("sort -n"); if (all) printf "%6.1f%%  %6d  in all\n", 100 * hit / all, all }'
