#!/bin/sh
# Who gets into a VNC server, and over what: passwords, names, TLS, browsers, by a viewer of the
# tests' own and against the command itself.
for program in python3 openssl; do
    command -v $program >/dev/null || { echo "1..0 # SKIP $program is not installed"; exit 77; }
done
for library in JANSSON GNUTLS NETTLE; do
    grep -q "#define CONFIG_$library 1" "${VEMU_BUILD:-.}/config.h" ||
        { echo "1..0 # SKIP built without $library"; exit 77; }
done
exec python3 "${VEMU_SRC:-.}/tests/cli/vnc_auth.py" "${VEMU_BUILD:-.}/vemu-system-x86_64"
