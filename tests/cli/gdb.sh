#!/bin/sh
# A stock gdb attached to a machine that runs a few instructions from its ROM: registers, memory,
# breakpoints, watchpoints, steps, threads, Ctrl-C, detach and kill.
set -u
vemu=${VEMU_BUILD:-.}/vemu
command -v gdb >/dev/null || { echo '1..0 # SKIP gdb is not installed'; exit 77; }
dir=$(mktemp -d) || exit 1
machine=
trap 'kill $machine 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT PIPE TERM
n=0

# 16-bit code at 0 of the ROM's last 64 KiB:
#   0: mov ebx, 0x1000   6: mov eax, [bx]   a: inc eax   c: mov [bx], eax   10: jmp 6
head -c 65536 /dev/zero >"$dir/rom"
put() { printf '%b' "$2" | dd of="$dir/rom" bs=1 seek=$(($1)) conv=notrunc 2>/dev/null; }
put 0 '\0146\0273\0000\0020\0000\0000\0146\0213\0007\0220\0146\0100\0146\0211\0007\0220\0353\0364'
put 0xfff0 '\0351\0015\0000'
head -c 18 "$dir/rom" >"$dir/code"

start() { # further options
    "$vemu" run --bios "$dir/rom" --memory 4M --serial null --gdb "unix:$dir/gdb" "$@" &
    machine=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ -S "$dir/gdb" ] && return
        sleep 0.2
    done
}

# debug COMMAND...: what gdb prints
debug() {
    set -- "$@"
    args=
    for c; do args="$args
$c"; done
    printf 'set confirm off\nset pagination off\nset height 0\ntarget remote %s\n%s\n' "$dir/gdb" "$args" \
        >"$dir/commands"
    timeout 60 gdb -nx -batch -x "$dir/commands" 2>&1
}

check() { # WHAT PATTERN TEXT
    n=$((n + 1))
    case $3 in
    *$2*) echo "ok $n - $1" ;;
    *)
        echo "not ok $n - $1"
        echo "# wanted: $2"
        printf '%s\n' "$3" | sed 's/^/# /' ;;
    esac
}

start --wait-gdb --cpus 2
out=$(debug 'printf "pc=%lx cs=%x\n", $pc, $cs' 'info threads' 'printf "cr0=%lx\n", $cr0' \
    'x/1xb 0xfffffff0' 'stepi' 'printf "step=%lx\n", $pc' 'stepi' 'printf "rbx=%lx\n", $rbx' \
    'set var $rcx = 0x1122334455667788' 'printf "rcx=%lx\n", $rcx' \
    "restore $dir/code binary 0x7c00" 'set var $cs = 0' 'set var $pc = 0x7c06' \
    'set {int}0x1000 = 41' 'break *0x7c10' 'continue' 'output *(int*)0x1000' 'echo \n' \
    'continue' 'output *(int*)0x1000' 'echo \n' 'delete' 'hbreak *0x7c0a' 'continue' \
    'printf "eax=%d\n", $eax' 'delete' 'watch *(int*)0x1000' 'continue' 'printf "at=%lx\n", $pc' \
    'delete' 'rwatch *(int*)0x1000' 'continue' 'printf "read at=%lx\n", $pc' 'monitor help' 'detach')
check 'a machine that waits stands at the reset vector' 'pc=fff0 cs=f000' "$out"
check 'each vCPU is a thread' 'CPU#1' "$out"
check 'control registers are shown' 'cr0=60000010' "$out"
check 'memory is read' '0xe9' "$out"
check 'a step is one instruction' 'step=0' "$out"
check 'registers follow' 'rbx=1000' "$out"
check 'registers are written' 'rcx=1122334455667788' "$out"
check 'memory is written, and a breakpoint stops after one round' 'hit Breakpoint 1, 0x0000000000007c10 in ?? ()
42' "$out"
check 'the breakpoint stops again after the next' 'hit Breakpoint 1, 0x0000000000007c10 in ?? ()
43' "$out"
check 'a hardware breakpoint stops as well' 'eax=43' "$out"
check 'a watchpoint shows old and new value' 'Old value = 43

New value = 44' "$(printf '%s' "$out" | sed 's/^New value/\n&/')"
check 'it stops after the write' 'at=7c0f' "$out"
check 'a watchpoint for reads stops after the read' 'read at=7c09' "$out"
check 'monitor commands are answered' 'commands: reset' "$out"
check 'detach lets it go' 'detached]' "$out"
sleep 0.3
n=$((n + 1))
kill -0 $machine 2>/dev/null && echo "ok $n - it runs on after that" || echo "not ok $n - it runs on after that"
out=$(debug 'printf "again=%lx\n", $cs' 'kill')
check 'the next debugger attaches to a running machine' 'again=0' "$out"
n=$((n + 1))
wait $machine && echo "ok $n - kill ends it" || echo "not ok $n - kill ends it"
machine=

# What a hostile peer may send must not end the machine.
start
python3 - "$dir/gdb" <<'PY' 2>/dev/null
import random, socket, sys
def frame(b):
    return b'$' + b + b'#%02x' % (sum(b) & 255)
random.seed(1)
commands = [b'g', b'G' + b'0' * 10, b'm', b'm0,', b'mffffffffffffffff,ffffffffffffffff', b'M0,4:', b'M0,4:zz',
            b'X0,10:a', b'p', b'pffffffff', b'P0=', b'P0=1', b'Z0,', b'Z9,0,0', b'Z2,0,ffffffff', b'z0,0,1',
            b'vCont', b'vCont;', b'vCont;x', b'vCont;s:9', b'H', b'Hg', b'Hgffff', b'T', b'T9', b'qXfer:features:read:',
            b'qXfer:features:read:target.xml:ffffffff,ffffffff', b'qXfer:features:read:nothing:0,10', b'qRcmd,',
            b'qRcmd,0', b'qRcmd,' + b'41' * 500, b'qThreadExtraInfo,', b'C', b'S', b'cz', b'', b'\x80\xff', b'?']
for round in range(30):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(2)
    s.connect(sys.argv[1])
    for _ in range(100):
        c = random.choice(commands)
        if random.random() < .3:
            c = bytes(random.randrange(256) for _ in range(random.randrange(200)))
            s.sendall(c)
        else:
            s.sendall(frame(c))
        if random.random() < .2:
            s.sendall(b'\x03')
    s.sendall(b'$' + b'a' * 40000)
    s.close()
PY
n=$((n + 1))
kill -0 $machine 2>/dev/null && echo "ok $n - a hostile peer does not end the machine" ||
    echo "not ok $n - a hostile peer does not end the machine"
out=$(debug 'printf "cs=%x\n", $cs' 'ptype $ymm3' 'kill')
check 'and the next debugger is served' 'cs=f000' "$out"
check 'there are no YMM registers without AVX' 'type = void' "$out"
wait $machine

start --cpu max
out=$(debug 'set var $ymm3.v8_int32[6] = 66' 'set var $xmm3.v4_int32[1] = 11' 'output $ymm3.v8_int32')
check 'both halves of the YMM registers are shown and written' '{0, 11, 0, 0, 0, 0, 66, 0}' "$out"
kill $machine
wait $machine
machine=

# By the processor's debug registers: four of them. (What watches memory is of the processor's own execution, which a
# software KVM may not have for code of ring 0.)
if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
    start --wait-gdb --accel kvm --cpus 2
    # shellcheck disable=SC2016
    out=$(debug 'printf "pc=%lx cs=%x\n", $pc, $cs' 'stepi' 'printf "step=%lx\n", $pc' 'stepi' \
        'printf "rbx=%lx\n", $rbx' "restore $dir/code binary 0x7c00" 'set var $cs = 0' 'set var $pc = 0x7c06' \
        'set {int}0x1000 = 41' 'stepi' 'printf "from=%lx eax=%d\n", $pc, $eax' 'break *0x7c10' 'continue' \
        'output *(int*)0x1000' 'echo \n' 'continue' 'output *(int*)0x1000' 'echo \n' 'delete' 'hbreak *0x7c0a' \
        'continue' 'printf "eax=%d\n", $eax' 'break *0x7c0c' 'break *0x7c0f' 'break *0x7c11' 'continue' \
        'printf "third=%lx\n", $pc' 'delete' 'watch *(int*)0x1000' 'watch *(int*)0x1010' \
        'watch *(int*)0x1020' 'watch *(int*)0x1030' 'watch *(int*)0x1040' 'continue' 'detach')
    check 'kvm: a machine that waits stands at the reset vector' 'pc=fff0 cs=f000' "$out"
    check 'kvm: a step is one instruction' 'step=0' "$out"
    check 'kvm: registers follow' 'rbx=1000' "$out"
    check 'kvm: a step goes from registers that were written' 'from=7c09 eax=41' "$out"
    check 'kvm: a breakpoint stops after one round' 'hit Breakpoint 1, 0x0000000000007c10 in ?? ()
42' "$out"
    check 'kvm: and again after the next' 'hit Breakpoint 1, 0x0000000000007c10 in ?? ()
43' "$out"
    check 'kvm: a hardware breakpoint stops as well' 'eax=43' "$out"
    check 'kvm: four at once' 'third=7c0c' "$out"
    check 'kvm: a fifth watchpoint is refused' 'Could not insert hardware watchpoint 10' "$out"
    out=$(debug 'printf "again=%lx\n", $cs' 'kill')
    check 'kvm: the next debugger attaches to a running machine' 'again=0' "$out"
    wait $machine
    machine=
else
    n=$((n + 1))
    echo "ok $n - kvm # SKIP no usable /dev/kvm"
fi
n=$((n + 1))
[ ! -e "$dir/gdb" ] && echo "ok $n - the socket is gone" || echo "not ok $n - the socket is gone"
echo "1..$n"
