#!/bin/sh
# libFuzzer over many targets, one after the other at the lowest priority, each for so much of a
# processor's time that other work on the machine does not shorten it.
#
#   campaign.sh CPU_SECONDS TARGET...    in the build directory, where `make fuzz/TARGET` left them
#
# Prints a line for each: runs, new inputs, edges reached, and what it ended with. What it finds is
# in fuzz/found-TARGET. Ends with 1 when there was a finding.
set -u
src=$(cd "$(dirname "$0")" && pwd)
seconds=${1:?usage: campaign.sh CPU_SECONDS TARGET...}
shift
status=0
printf '%-14s %9s %7s %7s  %s\n' target runs new edges end
for target; do
    mkdir -p "fuzz/found-$target"
    log=fuzz/$target.log
    (
        cd "fuzz/found-$target" || exit 1
        # The soft limit's signal ends libFuzzer in order; the clock's limits are for a machine at rest.
        exec prlimit --cpu="$seconds:" nice -n 19 ../"$target" -max_total_time=$((seconds * 30)) \
            -timeout=3000 -rss_limit_mb=1536 -max_len=131072 -artifact_prefix=finding- \
            . "$src/corpus/$target"
    ) >"$log" 2>&1
    code=$?
    case $code in
    0 | 72 | 152) end=clean ;; # in time; its own end at SIGXCPU; the signal's
    *) end="FINDING, see $log" status=1 ;;
    esac
    if grep -qE 'ERROR: |runtime error:' "$log"; then end="FINDING, see $log" status=1; fi
    printf '%-14s %9s %7s %7s  %s\n' "$target" \
        "$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -n 1)" \
        "$(find "fuzz/found-$target" -type f ! -name 'finding-*' | wc -l)" \
        "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)" "$end"
done
exit $status
