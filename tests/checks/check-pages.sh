#!/bin/sh
# docs/coverage-x86.md says what the decode tables say. Prints TAP.
set -u
tool=${VEMU_BUILD:-.}/tools/coverage-x86
page=${VEMU_SRC:-.}/docs/coverage-x86.md
if [ ! -x "$tool" ]; then
    echo "1..0 # SKIP tools/coverage-x86 is not built"
    exit 0
fi
echo 1..1
if difference=$("$tool" | diff "$page" - 2>&1); then
    echo "ok 1 - docs/coverage-x86.md is what the decode tables give"
else
    echo "not ok 1 - docs/coverage-x86.md is what the decode tables give; make docs-coverage writes it"
    printf '%s\n' "$difference" | head -20 | sed 's/^/#   /'
    exit 1
fi
