# Sourced, after tests/tap.sh: machines that are watched by their serial console until it shows
# something. $dir is the script's temporary directory.
build=$VEMU_BUILD
system=${system:-vemu-system-x86_64}

# until_shown PATTERN SECONDS OPTION...: 0 once the console showed it; the machine is ended. What it
# showed, and what vemu said after that, is in $dir/log.
until_shown() {
    pattern=$1 seconds=$2
    shift 2
    : >"$dir/log"
    "$build/$system" -nographic -serial "file:$dir/log" "$@" \
        </dev/null >"$dir/out" 2>&1 &
    pid=$!
    status=1
    for _ in $(seq $((seconds * 10))); do
        if grep -qa "$pattern" "$dir/log"; then
            status=0
            break
        fi
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
    cat "$dir/out" >>"$dir/log"
    return $status
}
