/*
 * The viewer page: files that the build embeds into the library (embed.sh), constant and open to
 * any thread.
 *
 * Of the page around it the sources are here; the RFB engine, below /viewer/, is noVNC's, fetched
 * by the build. Without it the page says how to get it.
 */
#ifndef UI_VNC_PAGE_PAGE_H
#define UI_VNC_PAGE_PAGE_H

#include <stdbool.h>
#include <stdint.h>

struct vnc_page_file {
    const char *path; /* of the URL */
    const char *type; /* its media type */
    const char *etag; /* in quotes; of the content */
    const uint8_t *data, *end;
    bool gzip; /* data is compressed */
};

/* NULL: there is no such file. */
const struct vnc_page_file *vnc_page_find(const char *path);

/* What the build made: sorted by path. */
extern const struct vnc_page_file vnc_page_files[];
extern const unsigned vnc_page_file_count;

#endif
