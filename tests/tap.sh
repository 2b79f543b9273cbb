# TAP for shell tests, sourced: ok WHAT STATUS prints a line for one thing that was tried, and if it
# failed the end of what "$dir/log" holds. n counts.
n=0
ok() { # WHAT STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        tail -n 40 "$dir/log" 2>/dev/null | sed 's/^/# /'
    fi
}
