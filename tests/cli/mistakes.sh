#!/bin/sh
# Every mistake gets one sentence on standard error that names the option, the value and what would
# be right, exit status 1, nothing on standard output, and leaves no file or socket behind.
set -u
vemu=${VEMU_BUILD:-.}/vemu
system=${VEMU_BUILD:-.}/vemu-system-x86_64
case $vemu in /*) ;; *) vemu=$PWD/$vemu system=$PWD/$system ;; esac
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0

echo 'This is no kernel.' >text
truncate -s 200M large
# A boot sector's signature and header magic, and then nothing.
dd if=/dev/zero of=short bs=1 count=1024 2>/dev/null
printf '\125\252' | dd of=short bs=1 seek=510 conv=notrunc 2>/dev/null
printf 'HdrS\014\002' | dd of=short bs=1 seek=514 conv=notrunc 2>/dev/null
# The same of an arm64 Image; and flash that was never written to.
dd if=/dev/zero of=image bs=1 count=1024 2>/dev/null
printf 'ARM\144' | dd of=image bs=1 seek=56 conv=notrunc 2>/dev/null
truncate -s 64K zeros
tr '\0' '\377' <zeros >erased
ls >before

# refuses WHAT SENTENCE COMMAND...: SENTENCE is a shell pattern, with "vemu: " in front.
refuses() {
    what=$1 want=$2
    shift 2
    n=$((n + 1))
    timeout 20 "$@" >out 2>err </dev/null
    status=$?
    said=$(cat err) lines=$(wc -l <err) printed=$(wc -c <out)
    rm -f out err
    ls >../"$$.after"
    left=$(grep -vxFf before ../"$$.after" | grep -v '^before$')
    rm -f ../"$$.after"
    why=
    # shellcheck disable=SC2254
    case $said in "vemu: "$want) ;; *) why="said: $said" ;; esac
    [ "$status" = 1 ] || why="$why; exit status $status"
    [ "$lines" = 1 ] || why="$why; $lines lines"
    [ "$printed" = 0 ] || why="$why; $printed bytes on standard output"
    [ -z "$left" ] || why="$why; left behind: $left"
    if [ -z "$why" ]; then
        echo "ok $n - $what"
    else
        echo "not ok $n - $what"
        echo "# wanted: vemu: $want"
        echo "# $why"
    fi
}

refuses 'nothing to start' "there is nothing to start: machine type 'microvm' has no firmware *" "$system" -M microvm
refuses 'firmware that is nowhere' "-bios: the firmware file 'nowhere.fd' is neither here nor *" "$system" \
    -bios nowhere.fd
refuses 'firmware that is not installed' \
    "-bios: the firmware file 'OVMF-not.fd' is not installed; it is in the package ovmf" "$system" -bios OVMF-not.fd
refuses 'boot letters that are none' "-boot: order 'cx' does not name devices; use letters of *" "$system" -boot cx
refuses 'a boot letter twice' "-boot: once 'dcd' has d twice" "$system" -boot order=c,once=dcd
refuses 'a menu that waits too long' \
    "-boot: splash-time is '70000', but must be a number of milliseconds up to 65535" "$system" \
    -boot menu=on,splash-time=70000
refuses 'a picture for firmware' '-boot: splash= is not available yet: *' "$system" -boot splash=x.bmp
refuses 'a place in the boot order twice' \
    '-device: device e1000: bootindex=1 is e1000 n1'"'s already; give each device one of its own" \
    "$system" -device e1000,id=n1,bootindex=1 -device e1000,bootindex=1
refuses 'a boot ROM that is not installed' \
    "-nic: device e1000: romfile: the firmware file 'efi-not.rom' is not installed; it is in the package ipxe-qemu" \
    "$system" -nic user,romfile=efi-not.rom
refuses 'a count that follows the host' "-icount: shift=auto follows the host's speed *" "$system" \
    -icount shift=auto
refuses 'an instruction that takes too long' "-icount: shift is '11', but must be a number from 0 to 10*" \
    "$system" -icount 11
refuses 'a count without a shift' "-icount: shift is '', but must be *" "$system" -icount sleep=off
refuses 'counting and aligning' '-icount: align=on is not available; *' "$system" -icount 3,align=on
refuses 'record and replay' '-icount: recording and replaying (rr=record) is not available' "$system" \
    -icount shift=3,rr=record
refuses "counted time and the host's date" '-rtc: base=utc is *; give a date, *' "$system" -icount 3 \
    -rtc base=utc -kernel text
refuses 'a hash without counting' '*icount-hash=x: only with -icount*' "$system" -kernel short \
    -accel tcg,icount-hash=x
refuses 'a kernel that is not there' "-kernel: cannot read 'nothing': No such file or directory" \
    "$system" -kernel nothing
refuses 'a directory as kernel' "-kernel: '.' is a directory, but must be a file" "$system" -kernel .
refuses 'a text file as kernel' "*text*" "$system" -kernel text
refuses 'a truncated bzImage' "*short*" "$system" -kernel short
refuses 'an initrd larger than memory' \
    "-initrd: 'large' has 209715200 bytes and does not fit the guest's memory of 128M; *" \
    "$system" -kernel text -initrd large -m 128M
refuses 'an initrd without kernel' '-initrd is for a kernel that is started directly; *' \
    "$system" -initrd large
refuses 'more memory than the machine can have' '-m: 1T is more memory than *, which is *' \
    "$system" -kernel text -m 1T
refuses 'memory that is no size' "-m: 'much' is not a memory size; *512M*" "$system" -kernel text -m much
refuses 'no memory' "-m: a machine needs more memory than '0', such as 512M" "$system" -kernel text -m 0
refuses 'no vCPUs' "-smp: cpus is '0', but must be a number from 1 to 64" "$system" -kernel text -smp 0
refuses 'too many vCPUs' "--cpus: cpus is '65', but must be a number from 1 to 64" \
    "$vemu" run --kernel text --cpus 65
refuses 'an unknown option' '-kernl is not an option; did you mean -kernel?' "$system" -kernl text
refuses 'an unknown option (run)' '--memmory is not an option; did you mean --memory?' \
    "$vemu" run --memmory=1G
refuses 'an option that comes later' '-fda is not available yet: there is no floppy drive so far' \
    "$system" -fda text
refuses 'an option without its value' '-kernel needs a value: FILE, such as *' "$system" -kernel
refuses 'an unknown device' "-device: 'isa-debug-exi' is not a device; did you mean 'isa-debug-exit'?" \
    "$system" -kernel text -device isa-debug-exi
refuses 'an unknown property' \
    "-device: device 'isa-debug-exit' has no property 'iobas'; did you mean 'iobase'?" \
    "$system" -kernel text -device isa-debug-exit,iobas=1
refuses 'an unknown machine' "-M: 'q53' is not a machine type; did you mean 'q35'?" \
    "$system" -kernel text -M q53
refuses 'an unknown machine property' "-M: machine type 'pc' has no property 'hpett'; did you mean 'hpet'?" \
    "$system" -kernel text -M pc,hpett=off
refuses 'a machine type of another architecture' "-M: 'pc' is a machine type for x86_64 guests, *" \
    "$vemu" run --arch aarch64 --kernel text -M pc
refuses 'an Arm machine type for an x86 guest' "-M: 'virt' is a machine type for aarch64 guests, *" \
    "$system" -kernel text -M virt
refuses 'an unknown architecture' "--arch: 'z80' is not an architecture of guests; there are *" \
    "$vemu" run --arch z80 --kernel text
refuses 'a text file for an Arm kernel' "-kernel text is not an Arm kernel: neither *" \
    "$vemu" system-aarch64 -kernel text
refuses 'an x86 kernel for an Arm machine' \
    "-kernel short is a kernel for x86_64, and this machine is for aarch64; use --arch x86_64 *" \
    "$vemu" system-aarch64 -kernel short
refuses 'an Arm kernel for an x86 machine' \
    "-kernel image is a kernel for aarch64, and this machine is for x86_64; use --arch aarch64 *" "$system" -kernel image
refuses 'firmware without a start for an Arm machine' \
    "-bios zeros is not firmware for Arm processors: *QEMU_EFI.fd* of the package qemu-efi-aarch64, are" \
    "$vemu" system-aarch64 -bios zeros
refuses 'firmware without a start for an x86 machine' \
    "-bios erased is not firmware for x86 processors: *package seabios*" "$system" -bios erased
refuses 'flash without a start for an x86 machine' "-pflash (unit 0) is not firmware for x86 processors: *" \
    "$system" -pflash erased
refuses 'Arm firmware that is not installed' \
    "-bios: the firmware file 'QEMU_EFI-not.fd' is not installed; it is in the package qemu-efi-aarch64" \
    "$vemu" system-aarch64 -bios QEMU_EFI-not.fd
refuses 'an Arm machine of 32 bits with nothing to start' "there is nothing to start: machine type 'virt' *" \
    "$vemu" system-arm
refuses 'a 64-bit processor in a 32-bit machine' "-cpu cortex-a57: this machine is for 32-bit guests; *" \
    "$vemu" system-arm -kernel text -cpu cortex-a57
refuses 'kvm for an Arm guest' "-accel: kvm runs guests of the host's own architecture, *" \
    "$vemu" system-aarch64 -kernel text -accel kvm
refuses 'an unknown CPU' '*586*' "$system" -kernel text -cpu 586
refuses 'an unknown accelerator' "-accel: 'tgc' is not an accelerator; use tcg, *" \
    "$system" -kernel text -accel tgc
refuses 'an unknown accelerator option' '-accel tcg: unknown option *' \
    "$system" -kernel text -accel tcg,speed=11
refuses 'an unknown option of kvm' "-accel kvm: no option 'speed'; there are kernel-irqchip, *" \
    "$system" -kernel text -accel kvm,speed=11
refuses 'a signal that kvm cannot use' "-accel kvm: kick-signal='9' should be a real-time signal, *" \
    "$system" -kernel text -accel kvm,kick-signal=9
refuses 'a place for interrupt controllers that kvm does not know' \
    "-accel kvm: kernel-irqchip='maybe' should be on, split or off" \
    "$system" -kernel text -accel kvm,kernel-irqchip=maybe
refuses 'the same of -machine, whatever runs it' "-machine: kernel-irqchip='maybe' should be on, split or off" \
    "$system" -kernel text -machine pc,kernel-irqchip=maybe
refuses 'an unknown log item' "-d: log item 'foo' is not known: *" "$system" -kernel text -d foo
refuses 'a log file that cannot be' "-D: cannot write 'no/file': No such file or directory" \
    "$system" -kernel text -d int -D no/file
refuses 'an unknown back end' "-serial: *" "$system" -kernel text -serial stdoi
refuses 'a back end that is not there' "-serial: there is no -chardev with id=x for 'chardev:x'" \
    "$system" -kernel text -serial chardev:x
refuses 'a socket, when something later fails' "*text*" \
    "$system" -kernel text -serial unix:sock,server=on,wait=off
refuses 'a log file and a socket for gdb, when something later fails' "*text*" \
    "$system" -kernel text -d int -D log -gdb unix:gdbsock
refuses 'a place for gdb that is none' "-gdb: 'here' is not a place to wait for gdb; *" \
    "$system" -kernel text -gdb here
refuses 'a command that is none' "'rnu' is not a command; *" "$vemu" rnu
refuses 'options before the command' "'--kernel' comes after a command: *" "$vemu" --kernel text
echo "1..$n"
