#!/bin/sh
# The monitor for people: on back ends of its own, beside a serial port, and by the control protocol.
command -v python3 >/dev/null || { echo '1..0 # SKIP python3 is not installed'; exit 77; }
grep -q '#define CONFIG_JANSSON 1' "${VEMU_BUILD:-.}/config.h" ||
    { echo '1..0 # SKIP built without libjansson-dev'; exit 77; }
exec python3 "${VEMU_SRC:-.}/tests/cli/monitor.py" "${VEMU_BUILD:-.}/vemu-system-x86_64"
