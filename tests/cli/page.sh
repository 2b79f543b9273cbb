#!/bin/sh
# What a browser does at the port of a VNC server, done by hand: the page, its files, RFB over WebSocket.
command -v python3 >/dev/null || { echo '1..0 # SKIP python3 is not installed'; exit 77; }
for c in JANSSON NETTLE; do
    grep -q "#define CONFIG_$c 1" "${VEMU_BUILD:-.}/config.h" || { echo "1..0 # SKIP built without $c"; exit 77; }
done
exec python3 "${VEMU_SRC:-.}/tests/cli/page.py" "${VEMU_BUILD:-.}/vemu-system-x86_64"
