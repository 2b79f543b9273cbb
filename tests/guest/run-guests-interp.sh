#!/bin/sh
# run-guests.sh under the interpreter.
EMULATOR="${VEMU_BUILD:-.}/vemu-system-x86_64 -accel tcg,backend=interp"
GUEST_LOGS=${VEMU_BUILD:-.}/tests/logs/interp
export EMULATOR GUEST_LOGS
exec sh "$VEMU_SRC/tests/guest/run-guests.sh" "$@"
