# Sourced, after tests/boot/until.sh: what boots of either Arm guest try. $guest is its directory.
mkdir "$dir/root" && echo seed >"$dir/root/seed" && (cd "$dir/root" && sha256sum seed >seed.sum)

# disk WHAT PATTERN OPTION...: a disk is written and read; PATTERN is in the line of its interrupts.
disk() {
    what=$1 pattern=$2
    shift 2
    rm -f "$dir/disk" && truncate -s 64M "$dir/disk" && mkfs.ext4 -q -d "$dir/root" "$dir/disk" &&
        until_shown 'reboot: Power down' 120 -m 512M -no-reboot -kernel "$guest/vmlinuz" \
            -initrd "$guest/initrd-disk" -append 'console=ttyAMA0 demo=disk' \
            -drive "file=$dir/disk,format=raw,if=none,id=d" "$@" &&
        grep -qaE 'DISK [a-z0-9]* ok' "$dir/log" && grep -qa "$pattern" "$dir/log"
    ok "$what" $?
}

# restarts COMMAND OPTION...: 0 when the guest, which resets its machine, came up a second time.
restarts() {
    "$@" -kernel "$guest/vmlinuz" -initrd "$guest/initrd" -append 'console=ttyAMA0 demo=reboot' \
        </dev/null >"$dir/log" 2>&1 &
    pid=$!
    for _ in $(seq 1200); do
        [ "$(grep -ca 'vemu-init: done' "$dir/log")" -ge 2 ] && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ "$(grep -ca 'vemu-init: done' "$dir/log")" -ge 2 ]
}
