#!/bin/sh
# make inject-long: for each seed of INJECT_SEEDS the guest tests, 20,000 sequences of the oracle and
# both kernels on two processors, with injected invalidations. Prints what failed and a last line.
set -u
failed=0
report() { # WHAT STATUS
    if [ "$2" = 0 ]; then
        echo "passed: $1"
    else
        echo "FAILED: $1"
        failed=$((failed + 1))
    fi
}
. "$VEMU_SRC/tests/boot/boot.sh"
for seed in $INJECT_SEEDS; do
    out=$(INJECT_SEEDS=$seed sh "$VEMU_SRC/tests/guest/run-guests-inject.sh")
    bad=$(echo "$out" | grep '^not ok')
    [ -z "$bad" ] || echo "$bad"
    [ -z "$bad" ]
    report "guest tests, seed $seed" $?
    "$VEMU_BUILD/tests/oracle/oracle" -n 20000 -s "$seed" -i "$seed" | grep '^not ok'
    [ $? = 1 ]
    report "oracle, seed $seed" $?
    for arch in amd64 i386; do
        for tier2 in off on sync; do
            boot "inject-$arch-$seed" $arch demo=once -smp 2 -m 512M \
                -accel "tcg,tier2=$tier2,inject=$seed"
            report "$arch boots on two processors, tier2=$tier2, seed $seed" $?
        done
    done
done
echo "injected invalidations: $failed failed"
[ $failed = 0 ]
