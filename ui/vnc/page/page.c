/* The viewer page's files by their paths: see page.h. */
#include "ui/vnc/page/page.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *path, const void *file)
{
    return strcmp(path, ((const struct vnc_page_file *)file)->path);
}

const struct vnc_page_file *vnc_page_find(const char *path)
{
    return bsearch(path, vnc_page_files, vnc_page_file_count, sizeof *vnc_page_files, compare);
}
