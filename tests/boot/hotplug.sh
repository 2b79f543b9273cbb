#!/bin/sh
# A stock kernel while disks and network devices are plugged in and taken away, at rest and at work,
# on pc, q35 and virt. Prints TAP.
command -v python3 >/dev/null || { echo '1..0 # SKIP no python3'; exit 0; }
grep -q '#define CONFIG_JANSSON 1' "${VEMU_BUILD:-.}/config.h" ||
    { echo '1..0 # SKIP built without libjansson-dev'; exit 0; }
VEMU_GUESTS=$(cd "${VEMU_GUESTS:-${VEMU_BUILD:-.}/guest}" && pwd) || exit 1
export VEMU_GUESTS
exec python3 "${VEMU_SRC:-.}/tests/boot/hotplug.py" "${VEMU_BUILD:-.}/vemu-system-x86_64"
