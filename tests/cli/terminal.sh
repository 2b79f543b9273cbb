#!/bin/sh
# The terminal's mode is put back however the command ends, and Ctrl-A is the way out.
command -v python3 >/dev/null || { echo '1..0 # SKIP python3 is not installed'; exit 77; }
exec python3 "${VEMU_SRC:-.}/tests/cli/terminal.py" "${VEMU_BUILD:-.}/vemu"
