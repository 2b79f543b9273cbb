#!/bin/sh
# A stock kernel's CD-ROM drive gets another disc, on pc and on q35. Prints TAP.
command -v python3 >/dev/null || { echo '1..0 # SKIP no python3'; exit 0; }
command -v xorriso >/dev/null || { echo '1..0 # SKIP no xorriso'; exit 0; }
grep -q '#define CONFIG_JANSSON 1' "${VEMU_BUILD:-.}/config.h" ||
    { echo '1..0 # SKIP built without libjansson-dev'; exit 0; }
VEMU_GUESTS=$(cd "${VEMU_GUESTS:-${VEMU_BUILD:-.}/guest}" && pwd) || exit 1
export VEMU_GUESTS
exec python3 "${VEMU_SRC:-.}/tests/boot/media.py" "${VEMU_BUILD:-.}/vemu-system-x86_64"
