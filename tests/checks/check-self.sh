#!/bin/sh
# The checks are worth something: each one finds the violation planted for it here, and the runner
# counts what it is shown. Prints TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
n=0 status=0
expect() { # NAME PATTERN OUTPUT
    n=$((n + 1))
    if printf '%s\n' "$3" | grep -Eq -- "$2"; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        printf '%s\n' "$3" | sed 's/^/#   /'
        status=1
    fi
}

# --- includes
tree=$tmp/tree
fresh() {
    rm -rf "$tree"
    mkdir -p "$tree/core/cpu" "$tree/tcg/ir" "$tree/hw/char" "$tree/accel/kvm" "$tree/cli" \
        "$tree/libvemu/include/vemu" "$tree/libvemu/config"
    touch "$tree/core/cpu/cpu.h" "$tree/tcg/ir/ir.h" "$tree/hw/char/uart.h" "$tree/cli/cli.h" \
        "$tree/accel/kvm/kvm.h" "$tree/libvemu/include/vemu/error.h" \
        "$tree/libvemu/include/vemu/vemu.h" "$tree/libvemu/config/tree.h"
}
planted() { # FILE INCLUDE: what the check says of a tree with that one line
    fresh
    echo "#include \"$2\"" >"$tree/$1"
    sh "$here/check-includes.sh" "$tree"
}
expect "a core file that includes hw is found" '^#   core/cpu/a.c:1 includes hw/char/uart.h' \
    "$(planted core/cpu/a.c hw/char/uart.h)"
expect "a relative way to the same header is found" '^#   core/cpu/a.c:1 includes tcg/ir/ir.h' \
    "$(planted core/cpu/a.c ../../tcg/ir/ir.h)"
expect "a device that includes tcg is found" '^not ok . - includes of hw' \
    "$(planted hw/char/a.c tcg/ir/ir.h)"
expect "a device that includes libvemu's internals is found" '^not ok . - includes of hw' \
    "$(planted hw/char/a.c libvemu/config/tree.h)"
expect "a translator file that includes hw is found" '^not ok . - includes of tcg' \
    "$(planted tcg/ir/a.c hw/char/uart.h)"
expect "an accelerator that includes hw is found" '^not ok . - includes of accel' \
    "$(planted accel/kvm/a.c hw/char/uart.h)"
expect "a public header that includes core is found" '^not ok . - includes of public' \
    "$(planted libvemu/include/vemu/a.h core/cpu/cpu.h)"
expect "a command that goes past the public API is found" '^not ok . - includes of cli' \
    "$(planted cli/a.c core/cpu/cpu.h)"
expect "a tree without violation passes" '^status 0$' "$(fresh
    sh "$here/check-includes.sh" "$tree" >/dev/null
    echo "status $?")"
expect "a tree with one does not" '^status 1$' "$(planted core/cpu/a.c tcg/ir/ir.h >/dev/null
    echo "status $?")"
expect "error.h is open to every layer" '^ok . - includes of core' \
    "$(planted core/cpu/a.c vemu/error.h)"
expect "the allowed direction stays allowed" '^ok . - includes of libvemu' \
    "$(planted libvemu/a.c hw/char/uart.h)"

# --- symbols
cc=$(sed -n 's/^CC := //p' "${VEMU_BUILD:-.}/config.mk" 2>/dev/null)
library() { # C source, further flags: what the check says of it
    src=$1
    shift
    printf '%s\n' "$src" >"$tmp/t.c"
    ${cc:-cc} -O1 -fPIC -shared -Wl,-z,relro,-z,now -o "$tmp/t.so" "$tmp/t.c" "$@" 2>&1 &&
        sh "$here/check-symbols.sh" "$tmp/t.so"
}
expect "a clean library passes" '^ok 2' "$(library 'int vemu_f(int a) { return a; }')"
expect "a clean library's check ends with status 0" '^status 0$' \
    "$(library 'int vemu_f(int a) { return a; }' >/dev/null; echo "status $?")"
expect "a constant table with pointers is not called writable" '^ok 2' \
    "$(library 'extern int vemu_g; int *const vemu_t[] = {&vemu_g}; int vemu_f(void) { return 0; }')"
expect "a writable variable is found" '^#   vemu_count lies' \
    "$(library 'int vemu_count = 3; int vemu_f(void) { return vemu_count++; }')"
expect "a zeroed static inside a function is found" '^#   calls(\.[0-9]+)? lies' \
    "$(library 'int vemu_f(void) { static int calls; return calls++; }')"
expect "a thread-local variable is found" '^#   slot lies' \
    "$(library 'static __thread int slot; int *vemu_f(void) { return &slot; }')"
expect "an exported internal name is found" '^#   helper is exported' \
    "$(library 'int helper(void) { return 1; }')"
expect "a library that aborts is found" '^#   it calls or uses abort' \
    "$(library '#include <stdlib.h>
void vemu_f(void) { abort(); }')"
expect "a library that prints is found" '^#   it calls or uses puts' \
    "$(library '#include <stdio.h>
void vemu_f(void) { puts("x"); }')"
echo "spare" >"$tmp/list"
library 'int vemu_f(void) { return 0; }' >/dev/null
expect "an entry of the list without a reason is found" 'no reason for spare' \
    "$(sh "$here/check-symbols.sh" "$tmp/t.so" "$tmp/list")"

# --- links
echo 'int device_f(void); int device_f(void) { return 0; }' >"$tmp/d.c"
echo 'int device_f(void); int core_f(void); int core_f(void) { return device_f(); }' >"$tmp/c.c"
(cd "$tmp" && ${cc:-cc} -c d.c c.c && ar rc hw.a d.o && ar rc core.a c.o)
expect "a call from core into hw is found" '^#   core/c.o uses device_f of hw' \
    "$(sh "$here/check-links.sh" "$tmp")"

# --- generated pages
mkdir -p "$tmp/page/docs"
sed 's/`00 add Eb,Gb`/`00 sub Eb,Gb`/' "${VEMU_SRC:-.}/docs/coverage-x86.md" >"$tmp/page/docs/coverage-x86.md"
expect "a page that differs from the decode tables is found" '^#   > . `00 add Eb,Gb`' \
    "$(VEMU_SRC=$tmp/page sh "$here/check-pages.sh")"

# --- the runner
run() { # TAP text, exit status: the runner's last line
    printf 'cat <<"X"\n%s\nX\nexit %s\n' "$1" "$2" >"$tmp/p.sh"
    echo "unit 20 $tmp/p.sh" >"$tmp/plan"
    VEMU_BUILD=$tmp sh "$here/../run.sh" "$tmp/plan" | tail -n 1
}
expect "passed, failed and skipped tests are counted" '^1 passed, 1 failed, 1 skipped$' \
    "$(run "1..3
ok 1 - a
not ok 2 - b
ok 3 - c # SKIP no kvm" 1)"
expect "what a failed test says of itself is shown" '^ *# because$' \
    "$(printf 'echo 1..1\necho "not ok 1 - a"\necho "# because"\nexit 1\n' >"$tmp/p.sh"
    VEMU_BUILD=$tmp sh "$here/../run.sh" "$tmp/plan")"
expect "a program that dies after its tests counts as failed" '^1 passed, 1 failed, 0 skipped$' \
    "$(run "1..1
ok 1 - a" 3)"
expect "tests that never ran count as a failure" '^1 passed, 1 failed, 0 skipped$' \
    "$(run "1..2
ok 1 - a" 0)"
expect "a program without tests fails" '^0 passed, 1 failed, 0 skipped$' "$(run "" 0)"
expect "a program that cannot run here is skipped" '^0 passed, 0 failed, 1 skipped$' \
    "$(run "1..0 # SKIP no qemu" 0)"

# --- leaks and races are seen in programs that are not criterion's
sanitized() { # SANITIZER, C source: the runner's last line for it
    printf '%s\n' "$2" >"$tmp/s.c"
    ${cc:-cc} -g -fsanitize="$1" -pthread -o "$tmp/s" "$tmp/s.c" 2>&1 || return
    echo "unit 20 $tmp/s" >"$tmp/plan"
    VEMU_BUILD=$tmp sh "$here/../run.sh" "$tmp/plan" | tail -n 1
}
expect "a planted leak fails" '^1 passed, 1 failed, 0 skipped$' "$(sanitized address '
#include <stdio.h>
#include <stdlib.h>
char *volatile p;
int main(void) { p = malloc(9); p = 0; puts("1..1\nok 1 - a"); fflush(stdout); return 0; }')"
expect "a planted race fails" '^1 passed, 1 failed, 0 skipped$' "$(sanitized thread '
#include <pthread.h>
#include <stdio.h>
static int n;
static void *f(void *p) { for (int i = 0; i < 10000; i++) n++; return p; }
int main(void)
{
    pthread_t t;
    pthread_create(&t, 0, f, 0);
    f(0);
    pthread_join(t, 0);
    puts("1..1"); puts("ok 1 - a");
    return 0;
}')"

echo "1..$n"
exit $status
