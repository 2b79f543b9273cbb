#!/bin/sh
# Device tests without a vCPU, as they are written for other emulators: -qtest and -accel qtest.
command -v python3 >/dev/null || { echo '1..0 # SKIP python3 is not installed'; exit 77; }
exec python3 "${VEMU_SRC:-.}/tests/cli/qtest.py" "${VEMU_BUILD:-.}/vemu-system-x86_64" qtest
