#!/bin/sh
# run-guests.sh with every block that is looked up a second time made a region at once.
EMULATOR="${VEMU_BUILD:-.}/vemu-system-x86_64 -accel tcg,tier2=sync,tier2-threshold=${TIER2_THRESHOLD:-2}"
GUEST_LOGS=${VEMU_BUILD:-.}/tests/logs/tier2
export EMULATOR GUEST_LOGS
exec sh "$VEMU_SRC/tests/guest/run-guests.sh" "$@"
