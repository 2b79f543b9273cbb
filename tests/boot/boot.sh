# For scripts to include: one boot of a test guest, and what has to be true of it afterwards.
#
#   boot NAME ARCH APPEND OPTION...    sets status, log, seconds and, if it failed, why
#
# The guest's /init says that it came up, does what APPEND asks for (tests/boot/init) and powers off.
emulator=${EMULATOR:-${VEMU_BUILD:-.}/vemu-system-x86_64}
arm_emulator=${ARM_EMULATOR:-${VEMU_BUILD:-.}/vemu-system-arm}
arm64_emulator=${ARM64_EMULATOR:-${VEMU_BUILD:-.}/vemu-system-aarch64}
guests=${VEMU_GUESTS:-${VEMU_BUILD:-.}/guest}
logs=${BOOT_LOGS:-${VEMU_BUILD:-.}/tests/logs/boot}
mkdir -p "$logs" || exit 1

boot() {
    log=$logs/$1.log arch=$2 append=$3
    shift 3
    command=$emulator console=ttyS0
    if [ "$arch" = arm64 ]; then command=$arm64_emulator console=ttyAMA0; fi
    if [ "$arch" = armhf ]; then command=$arm_emulator console=ttyAMA0; fi
    start=$(date +%s%N)
    # shellcheck disable=SC2086
    timeout -k 5 "${BOOT_TIMEOUT:-120}" $command -nographic -no-reboot \
        -kernel "$guests/$arch/vmlinuz" -initrd "$guests/$arch/initrd" \
        -append "console=$console panic=-1 $append" "$@" </dev/null >"$log" 2>"$log.err"
    status=$?
    seconds=$((($(date +%s%N) - start) / 100000000))
    seconds=$((seconds / 10)).$((seconds % 10))
    why=
    if [ $status = 124 ]; then
        why="did not end within ${BOOT_TIMEOUT:-120} s"
    elif [ $status != 0 ]; then
        why="ended with status $status"
    elif ! grep -q 'vemu-init: up' "$log"; then
        why="did not reach its first program"
    elif ! grep -q 'vemu-init: done' "$log"; then
        why="did not finish its first program"
    elif [ -s "$log.err" ]; then
        why="wrote to standard error"
    fi
    [ -z "$why" ]
}

# complaints LOG: what a kernel should not have to say about the machine it runs on
complaints() {
    grep -aE 'BUG:|WARNING:|Oops|soft lockup|rcu.*stall|Call Trace|unchecked MSR|[Ff]irmware [Bb]ug' "$1"
}
