#!/bin/sh
# `vemu run` makes a machine that `vemu list` and `vemu ctl` find; names, directories and sockets that
# are in the way; -daemonize and -pidfile. The run-time directory is the test's own.
set -u
vemu=${VEMU_BUILD:-.}/vemu
case $vemu in /*) ;; *) vemu=$PWD/$vemu ;; esac
if ! grep -q '#define CONFIG_JANSSON 1' "${VEMU_BUILD:-.}/config.h"; then
    echo '1..0 # SKIP built without libjansson-dev'
    exit 77
fi
here=${VEMU_SRC:-.}/tests
case $here in /*) ;; *) here=$PWD/$here ;; esac
dir=$(mktemp -d) || exit 1
trap '"$vemu" list --output json 2>/dev/null | sed -n "s/.*\"pid\": \([0-9]*\).*/\1/p" |
    while read -r p; do kill -9 "$p"; done; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT PIPE TERM
cd "$dir" || exit 1
XDG_RUNTIME_DIR=$dir/run
export XDG_RUNTIME_DIR
mkdir -m 0700 run
# shellcheck source=tests/tap.sh
. "$here/tap.sh"

# A guest that spins: a jump to itself at the reset vector.
head -c 65536 /dev/zero >rom
printf '\353\376' | dd of=rom bs=1 seek=65520 conv=notrunc 2>/dev/null

start() { # NAME OPTION...: returns when it is made
    name=$1
    shift
    "$vemu" run --bios rom --memory 4M --name "$name" --daemonize "$@" >log 2>&1
}
says() { # WHAT PATTERN COMMAND...: what a command prints, and that it succeeds
    what=$1 want=$2
    shift 2
    out=$(timeout 60 "$@" 2>&1)
    status=$?
    printf '%s\nstatus %s\n' "$out" "$status" >log
    # shellcheck disable=SC2254
    case $status$out in 0$want) ok "$what" 0 ;; *) ok "$what" 1 ;; esac
}
fails() { # WHAT PATTERN COMMAND...: one sentence, status 1
    what=$1 want=$2
    shift 2
    out=$(timeout 60 "$@" 2>&1)
    status=$?
    printf '%s\nstatus %s\n' "$out" "$status" >log
    # shellcheck disable=SC2254
    case $status$out in 1"vemu: "$want) ok "$what" 0 ;; *) ok "$what" 1 ;; esac
}

says 'list: nothing runs' 'NAME *UPTIME' "$vemu" list
says 'list --output json: nothing runs' '\[\]' "$vemu" list --output json
start a --pidfile a.pid
ok '-daemonize returns once the machine is made' $?
kill -0 "$(cat a.pid)" 2>>log
ok '-pidfile has the number of the process that stays' $?
[ "$(stat -c %a run/vemu run/vemu/a.sock | tr '\n' ' ')" = '700 600 ' ]
ok 'the directory and the socket are for the user alone' $?
# Without a kernel there is room for an installed system.
"$vemu" run --bios rom --name big --daemonize >log 2>&1
says 'a machine that starts firmware has 1G unless told otherwise' '*"base-memory": 1073741824*' \
    "$vemu" ctl big qmp query-memory-size-summary
"$vemu" ctl big quit >log 2>&1
start b
says 'list: names, states' "NAME*a *running *tcg *:*
b *running *tcg *:*" "$vemu" list
says 'list --output json: the process and its socket' "*\"pid\": $(cat a.pid),*\"socket\": \"$dir/run/vemu/a.sock\"*" \
    "$vemu" list --output json
says 'ctl status' running "$vemu" ctl a status
says 'ctl stop' '' "$vemu" ctl a stop
says 'ctl status after stop' paused "$vemu" ctl a status
says 'the other one runs on' running "$vemu" ctl b status
says 'ctl cont' '' "$vemu" ctl a cont
says 'ctl reset' '' "$vemu" ctl a reset
says 'ctl powerdown' '' "$vemu" ctl a powerdown
says 'ctl qmp with a name' '*"name": "a"*' "$vemu" ctl a qmp query-name
says 'ctl qmp with arguments' '*"type": "child<container>"*' "$vemu" ctl a qmp qom-list '{"path": "/machine"}'
says 'ctl qmp with a whole message' '*"status": "running"*' "$vemu" ctl a qmp '{"execute": "query-status"}'
says 'ctl screenshot' '' "$vemu" ctl a screenshot shot.png
[ "$(head -c 8 shot.png | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ]
ok 'ctl screenshot made a PNG, in the directory of who asked' $?
says 'ctl screenshot as PPM' '' "$vemu" ctl a screenshot shot.ppm
[ "$(head -n 1 shot.ppm)" = P6 ]
ok 'ctl screenshot made a PPM' $?
fails 'ctl screenshot: nowhere' "machine 'a': cannot make '/no/where.png': *" "$vemu" ctl a screenshot /no/where.png
fails 'ctl screen-text: none' "machine 'a': its screen shows no text" "$vemu" ctl a screen-text
says 'ctl by the path of a socket' running "$vemu" ctl run/vemu/b.sock status
truncate -s 1M one.img two.img
says 'ctl disk add prints the id' 'disk0' "$vemu" ctl a disk add one.img,serial=s1
says 'ctl disk add with an id' 'extra' "$vemu" ctl a disk add two.img,id=extra,read-only=on
says 'ctl disk list' "disk0 *raw *1048576 $dir/one.img
extra *raw *1048576 $dir/two.img" "$vemu" ctl a disk list
fails 'ctl disk add: no such file' "'nowhere' is not there*" "$vemu" ctl a disk add nowhere
truncate -s 1M three.img
fails 'ctl disk add: no such bus' "machine 'a': device_add: *pci.7*" "$vemu" ctl a disk add three.img,id=x,bus=pci.7
fails 'ctl disk add: nothing of that stayed' "machine 'a': there is no block node 'x'" \
    "$vemu" ctl a qmp blockdev-del '{"node-name": "x"}'
fails 'ctl disk remove: no such disk' "machine 'a': there is no device 'disk9'" "$vemu" ctl a disk remove disk9
fails 'ctl eject: nothing to eject' "machine 'a': there is no drive with a medium to be changed" "$vemu" ctl a eject
truncate -s 1M disc1.img disc2.img disc3.img
start cd --cdrom disc1.img
says 'ctl eject' '' "$vemu" ctl cd eject
says 'ctl change' '' "$vemu" ctl cd change disc2.img
says 'ctl change by the name of the drive' '' "$vemu" ctl cd change cdrom disc3.img
says 'ctl change has put it in' "*raw *1048576 $dir/disc3.img" "$vemu" ctl cd disk list
fails 'ctl change: no such file' "machine 'cd': *nowhere*" "$vemu" ctl cd change nowhere
fails 'ctl change: no such drive' "machine 'cd': *called tape" "$vemu" ctl cd change tape disc1.img force
"$vemu" ctl cd quit >log 2>&1
says 'ctl net add prints the id' 'net0' "$vemu" ctl a net add socket,listen=127.0.0.1:0,mac=52:54:00:00:00:99
says 'ctl net off' '' "$vemu" ctl a net off net0
says 'ctl net on' '' "$vemu" ctl a net on net0
fails 'ctl net add: no such back end' "machine 'a': *pigeon*" "$vemu" ctl a net add pigeon
fails 'ctl net: no such command' 'use it as: vemu ctl a net add *' "$vemu" ctl a net frob x
fails 'ctl qmp: what the machine says of a mistake' "machine 'a': there is no command 'nothing'" "$vemu" ctl a qmp nothing
fails 'ctl qmp: no JSON' 'the second word is not a JSON object: *' "$vemu" ctl a qmp qom-list '{path'
fails 'ctl: no such machine' "there is no machine 'c'; these run: a, b" "$vemu" ctl c status
says 'ctl type' '' "$vemu" ctl a type 'Hello, (world)'
says 'ctl send-key' '' "$vemu" ctl a send-key ctrl-alt-delete
fails 'ctl send-key: no such key' "'contrl' is not the name of a key; *" "$vemu" ctl a send-key contrl-a
fails 'ctl type: no such character' 'there is no key for character 3 *' "$vemu" ctl a type "ab$(printf '\001')"
fails 'ctl: no such command' "'halt' is not a command of ctl; there are *" "$vemu" ctl a halt
fails 'ctl: too many words' 'use it as: vemu ctl a status' "$vemu" ctl a status now
fails 'ctl: no command' 'ctl needs a machine and a command: *' "$vemu" ctl a
fails 'a name that is taken' "--name: a machine 'a' is running already; *" "$vemu" run --bios rom --name a
says 'ctl quit' '' "$vemu" ctl a quit
{ [ ! -e run/vemu/a.sock ] && [ ! -e a.pid ]; } 2>>log
ok 'quit leaves neither socket nor pidfile when it returns' $?
fails 'ctl: the machine has gone' "there is no machine 'a'; these run: b" "$vemu" ctl a status

pid=$("$vemu" list --output json | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
kill -STOP "$pid"
says 'list: one that does not respond' '*b *not responding *' "$vemu" list
kill -CONT "$pid"
kill -9 "$pid"
while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
[ -S run/vemu/b.sock ]
ok 'a killed machine leaves its socket' $?
says 'list: it is not shown' 'NAME *UPTIME' "$vemu" list
start c
{ [ ! -e run/vemu/b.sock ] && [ -S run/vemu/c.sock ]; } 2>>log
ok 'the next machine removes it' $?
start b
ok 'and its name is free' $?

# A machine without a name is called after its disk.
truncate -s 1M 'first disk.raw'
"$vemu" run --bios rom --memory 4M --disk 'first disk.raw' --daemonize >log 2>&1
says 'a name that comes from the disk' running "$vemu" ctl first-disk.raw status
"$vemu" ctl first-disk.raw quit

# Names by what is started: a kernel that is none is told of before a place is taken.
cp rom 'my kernel.bin'
"$vemu" run --kernel 'my kernel.bin' >log 2>&1
ls run/vemu >>log
[ "$(ls run/vemu)" = 'b.sock
c.sock' ]
ok 'a machine that could not be made leaves nothing' $?
start d --control none --pidfile d.pid
[ ! -e run/vemu/d.sock ]
ok '--control none: no socket' $?
kill -9 "$(cat d.pid)"
"$vemu" ctl b quit
"$vemu" ctl c quit

chmod 0755 run/vemu
timeout 60 "$vemu" run --bios rom --memory 4M --name e --daemonize --pidfile e.pid >log 2>&1
grep -q 'will not find this machine: .*others may enter it; its mode must be 0700' log
ok 'a directory that others may enter is not used, and that is said' $?
kill -9 "$(cat e.pid)"
chmod 0700 run/vemu

timeout 60 "$vemu" run --kernel none --daemonize >log 2>&1
[ $? = 1 ] && grep -q "cannot read 'none'" log
ok '-daemonize: a mistake is told, with status 1' $?
timeout 60 "$vemu" run --bios rom --memory 4M --daemonize --pidfile /no/where/pid --name f >log 2>&1
[ $? = 1 ] && grep -q "cannot write '/no/where/pid'" log
ok '-pidfile: one that cannot be written' $?
echo "1..$n"
