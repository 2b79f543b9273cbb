#!/bin/sh
# Writes the C file that embeds the viewer page into the library.
# usage: embed.sh OUT.c WORKDIR PAGEDIR VIEWERDIR
#
# Files are compressed into WORKDIR, but for the small ones that somebody may ask for by hand. Nothing in the output depends on
# when or where it was made, but for the paths that the assembler reads.
set -eu
out=$1 work=$2 page=$3 viewer=$4
rm -rf "$work"
mkdir -p "$work"
LC_ALL=C
export LC_ALL

list() { # URL and file
    for f in "$page"/*.html "$page"/*.css "$page"/*.js "$page"/*.svg; do
        echo "/${f##*/} $f"
    done
    (cd "$viewer" && find . -type f | sed 's|^\./||') | while read -r f; do
        echo "/viewer/$f $viewer/$f"
    done
}

{
    echo '/* Written by embed.sh. */'
    echo '#include "ui/vnc/page/page.h"'
    n=0
    list | sort >"$work/list"
    while read -r url file; do
        n=$((n + 1))
        case $url in
        *.html | *.svg) cp "$file" "$work/$n" ;;
        *) gzip -9nc "$file" >"$work/$n" ;;
        esac
        cat <<END
__asm__(".section .rodata\n.balign 8\npage_file_$n: .incbin \"$work/$n\"\npage_end_$n:\n.previous\n");
extern const uint8_t page_file_$n[] __attribute__((visibility("hidden")));
extern const uint8_t page_end_$n[] __attribute__((visibility("hidden")));
END
    done <"$work/list"
    echo 'const struct vnc_page_file vnc_page_files[] = {'
    n=0
    while read -r url file; do
        n=$((n + 1)) gzip=true
        case $url in
        *.html) type='text/html; charset=utf-8' gzip=false ;;
        *.css) type='text/css; charset=utf-8' ;;
        *.js) type='text/javascript; charset=utf-8' ;;
        *.svg) type=image/svg+xml gzip=false ;;
        *) type='text/plain; charset=utf-8' ;;
        esac
        etag=$(sha256sum <"$file" | cut -c1-32)
        echo "    {\"$url\", \"$type\", \"\\\"$etag\\\"\", page_file_$n, page_end_$n, $gzip},"
    done <"$work/list"
    echo '};'
    echo 'const unsigned vnc_page_file_count = sizeof vnc_page_files / sizeof vnc_page_files[0];'
} >"$out.new"
mv "$out.new" "$out"
