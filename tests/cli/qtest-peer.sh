#!/bin/sh
# The distribution's emulator answers the conversations of qtest.sh alike, as far as it can be asked.
command -v python3 >/dev/null || { echo '1..0 # SKIP python3 is not installed'; exit 77; }
peer=$(command -v qemu-system-x86_64) || { echo '1..0 # SKIP no qemu-system-x86_64 to compare with'; exit 77; }
exec python3 "${VEMU_SRC:-.}/tests/cli/qtest.py" "$peer" 'qtest of the peer' --peer
