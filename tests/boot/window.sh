#!/bin/sh
# The window of -display sdl, used as a person would, with a stock kernel in it. Prints TAP.
command -v python3 >/dev/null || { echo '1..0 # SKIP python3 is not installed'; exit 77; }
grep -q '#define CONFIG_SDL2 1' "${VEMU_BUILD:-.}/config.h" ||
    { echo '1..0 # SKIP built without libsdl2-dev'; exit 77; }
grep -q '#define CONFIG_JANSSON 1' "${VEMU_BUILD:-.}/config.h" ||
    { echo '1..0 # SKIP built without libjansson-dev'; exit 77; }
for p in Xvfb openbox xdotool import; do
    command -v $p >/dev/null || { echo "1..0 # SKIP $p is not installed"; exit 77; }
done
exec python3 "${VEMU_SRC:-.}/tests/boot/window.py" "${VEMU_BUILD:-.}/vemu-system-x86_64"
