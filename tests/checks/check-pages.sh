#!/bin/sh
# Pages that are written by a program are what it writes now. Prints TAP.
set -u
n=0 status=0
page() { # TOOL PAGE TARGET WHERE
    n=$((n + 1))
    tool=${VEMU_BUILD:-.}/tools/$1
    what="docs/$2 is what comes of $4"
    if [ ! -x "$tool" ]; then
        echo "ok $n - $what # SKIP tools/$1 is not built"
    elif difference=$("$tool" | diff "${VEMU_SRC:-.}/docs/$2" - 2>&1); then
        echo "ok $n - $what"
    else
        status=1
        echo "not ok $n - $what; make $3 writes it"
        printf '%s\n' "$difference" | head -20 | sed 's/^/#   /'
    fi
}
echo 1..3
page coverage-x86 coverage-x86.md docs-coverage 'the decode tables'
page coverage-arm coverage-arm.md docs-coverage 'the decode tables'
page qmp-docs qmp.md docs-qmp libvemu/qmp/schema.c
exit $status
