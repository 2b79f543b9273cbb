#!/bin/sh
# What -d logs, item by item, of a small guest (debug.S): guest code, intermediate and host code,
# blocks entered, interrupts, TLB, errors. Also -D, -d help, the counters, and the map for perf.
set -u
. "${VEMU_SRC:-.}/tests/tap.sh"
src=$(cd "${VEMU_SRC:-.}" && pwd)/tests/cli/debug.S
build=$(cd "${VEMU_BUILD:-.}" && pwd)
dir=$(mktemp -d) || exit 1
map=
trap 'rm -rf "$dir" $map' EXIT
trap 'exit 1' HUP INT PIPE TERM
cd "$dir" || exit 1
${CC:-cc} -m32 -nostdlib -static -no-pie -Wl,-N,-Ttext=0x100000,--build-id=none,-z,noexecstack \
    -x assembler "$src" -o guest 2>err || {
    case $(uname -m) in x86_64) cat err >&2; exit 1 ;; esac
    echo '1..0 # SKIP no assembler for x86'
    exit 77
}
run() { # OPTION...: standard error in err
    timeout 60 "$build/vemu-system-x86_64" -M pc -m 8 -nodefaults -display none -serial null \
        -no-reboot -kernel guest "$@" </dev/null >out 2>err
}
logs() { # WHAT PATTERN [COUNT]: lines of the log that match; at least one without COUNT
    found=$(grep -cE -- "$2" log)
    if [ -n "${3:-}" ]; then [ "$found" = "$3" ]; else [ "$found" -gt 0 ]; fi
    ok "$1" $?
}

run -d in_asm -D log
ok 'the guest ends by itself' $?
[ ! -s err ]
ok '-D: nothing on standard error' $?
logs 'in_asm: a block has its PC and mode' '^IN: cpu 0 pc 0x10000c mode 0x[0-9a-f]+ \(32-bit\): [0-9]+ instructions'
logs 'in_asm: 32-bit code, address and bytes' '^0x0000000000100076  0f 32 +rdmsr'
logs 'in_asm: 16-bit code' '^0x[0-9a-f]+  b8 34 12 +mov ax, 0x1234'
logs 'in_asm: 64-bit code' '^0x[0-9a-f]+  48 b8 f0 de bc 9a 78 56 34 12 +mov(abs)? rax, 0x123456789abcdef0'
logs 'in_asm: the target of a jump' '^0x[0-9a-f]+  75 fc +jn[ez] 0x10010b'

run -d ir -D log
logs 'ir: a region' '^IR 0x10000c: [0-9]+ instructions'
logs 'ir: an instruction starts' '^---- pcb\+12 len'
logs 'ir: operations' '= CONST'

: >log
run -d out_asm -D log
if grep -q 'bytes)$' log; then
    echo "ok $((n += 1)) - out_asm: host code # SKIP without capstone"
elif [ -s log ]; then
    logs 'out_asm: a block' '^OUT: [0-9]+ bytes for [0-9]+ of guest code'
    # What is logged is whole: jumps lead to instructions of the same block or before the first
    # one's start (the block's way out when it is dead, the thunks).
    awk '
        function check(  t) {
            for (t in target)
                if (t >= first && t <= last && !(t in start)) { print "# to " t; bad = 1 }
            delete target; delete start; first = ""
        }
        /^OUT:/ { check(); next }
        /^0x/ {
            last = substr($1, 3); start[last] = 1
            if (first == "") first = last
            if ($0 ~ / (j[a-z]+|call) 0x[0-9a-f]+$/) {
                t = substr($NF, 3)
                while (length(t) < 16) t = "0" t
                target[t] = 1; jumps++
            }
        }
        END { check(); exit bad || jumps < 10 }' log
    ok 'out_asm: jumps lead to instructions' $?
    # The far end of a block: the call by which an exit that is not linked leaves.
    logs 'out_asm: the stubs of exits' ' call 0x[0-9a-f]+$'
fi

run -d exec -D log
logs 'exec: PC, mode and block' '^cpu 0: pc 0x000000000010000c mode 0x[0-9a-f]+ \(32-bit\) block 0x[0-9a-f]+$'
logs 'exec: every round of a loop' '^cpu 0: pc 0x000000000010010b .*\(64-bit\)' 9
logs 'exec: every call of a function' '^cpu 0: pc 0x000000000010011e ' 4
run -d exec -D log -accel tcg,backend=interp
logs 'exec: likewise in the interpreter' '^cpu 0: pc 0x000000000010010b .*\(64-bit\)' 9

run -d int -D log
logs 'int: a software interrupt' 'vector 30 software interrupt.* at 0008:000000000010006d'
logs 'int: an exception' 'vector 06 exception.* at 0008:000000000010006f'
logs 'int: an exception with its address' 'vector 0e exception.* cr2 40000000 '
logs 'int: the exception that follows' 'vector 08 exception'
logs 'int: a hardware interrupt' 'vector 20 hardware interrupt'

run -d mmu -D log
logs 'mmu: a fill' '^cpu 0: fill 0x00000000001000f5 fetch index 0: 0x100000 r.x, page of 2048 KiB'
logs 'mmu: a fault' '^cpu 0: fill 0x0000000040000000 read index 0: fault, vector 0e error 0'
logs 'mmu: a page is flushed' '^cpu 0: flush, page 0x0000000000005000'
logs 'mmu: a new root' '^cpu 0: root 0x[0-9a-f]*80000, flushed'

run -d guest_error,unimp -D log
logs 'guest_error: a triple fault' 'triple fault at 0020:100117'
logs 'unimp: a register of a model' 'read of unknown MSR 0x12345678'
logs 'the items that were not asked for stay quiet' . 2

run -d int
grep -q 'hardware interrupt' err
ok 'without -D the log is on standard error' $?
run -d help
status=$?
for item in in_asm ir out_asm exec int mmu guest_error unimp; do
    grep -q "^  $item  *[a-zA-Z]" out || status=1
done
ok '-d help lists the items' $status
run -d in_asm,nothing
[ $? = 1 ] && grep -q "'nothing' is not known: use in_asm, ir, out_asm, exec, int, mmu, guest_error" err
ok 'an unknown item is refused with the known ones' $?

run -accel tcg,count=on
cp err log
logs 'count=on: executed instructions at the end' 'executed \(count=on\) +[1-9][0-9]* instructions'
run -accel tcg,backend=interp,count=on
cp err log
logs 'count=on: the distance between polls' 'poll distance \(count=on\) [1-9][0-9]* instructions'

# The map: of a machine that waits, so that its process number is known.
perfmap() { # COMMAND...
    "$@" </dev/null >out 2>err &
    pid=$!
    wait $pid
    map=/tmp/perf-$pid.map
    cp "$map" log 2>/dev/null
}
perfmap "$build/vemu-system-x86_64" -M pc -m 8 -nodefaults -display none -no-reboot -kernel guest -d guest_error
[ ! -e "$map" ]
ok 'no map for perf unasked' $?
if run -accel tcg,backend=jit; then
    perfmap "$build/vemu-system-x86_64" -M pc -m 8 -nodefaults -display none -no-reboot -kernel guest -perfmap
    logs '-perfmap: blocks by guest PC' '^[0-9a-f]+ [0-9a-f]+ guest_0x10000c$' 1
    [ -z "$(grep -vE '^[0-9a-f]+ [0-9a-f]+ [a-z_0-9]+$' log)" ] &&
        awk '{ if (a[$1]++) exit 1 }' log
    ok '-perfmap: every line has a start of its own, size and name' $?
    rm -f "$map"
    perfmap "$build/vemu" run --memory 8M --no-defaults --no-reboot --kernel guest --perfmap
    [ -s "$map" ]
    ok '--perfmap of vemu run' $?
    rm -f "$map"
    perfmap "$build/vemu-system-x86_64" -kernel guest -perfmap -serial chardev:nothing
    [ "$(wc -l <err)" = 1 ] && [ ! -e "$map" ]
    ok 'a machine that never ran leaves no map' $?
fi
perfmap "$build/vemu-system-x86_64" -kernel guest -perfmap -accel tcg,backend=interp
grep -q 'perfmap=on names host code, and backend=interp makes none: use backend=jit' err && [ ! -e "$map" ]
ok 'the interpreter has no code to name' $?
run -accel tcg,count=on -serial chardev:nothing
[ "$(wc -l <err)" = 1 ]
ok 'a machine that never ran has no counters' $?
echo "1..$n"
