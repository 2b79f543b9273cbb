/* Compression libraries, opened when an encoding first needs them: see encode.h. */
#include "ui/vnc/encode/encode.h"

#include <pthread.h>
#include <stdlib.h>

struct vnc_libraries {
    pthread_mutex_t lock; /* guards opening; a leaf */
};

struct vnc_libraries *vnc_libraries_new(void)
{
    struct vnc_libraries *libs = calloc(1, sizeof *libs);

    if (libs)
        pthread_mutex_init(&libs->lock, NULL);
    return libs;
}

void vnc_libraries_free(struct vnc_libraries *libs)
{
    if (!libs)
        return;
    pthread_mutex_destroy(&libs->lock);
    free(libs);
}

bool vnc_libraries_offer(struct vnc_libraries *libs, int32_t encoding, const char **why)
{
    (void)libs;
    if (why)
        *why = NULL;
    return encoding == VNC_RAW || encoding == VNC_COPYRECT;
}

bool vnc_libraries_offer_jpeg(struct vnc_libraries *libs, const char **why)
{
    (void)libs;
    if (why)
        *why = NULL;
    return false;
}
