/* libturbojpeg, opened when a client first wants JPEG, and what can be offered: see encode.h. */
#include "ui/vnc/encode/internal.h"

#include <pthread.h>
#include <stdlib.h>
#include "config.h"
#include "core/util/library.h"
#include "core/util/range.h"

struct vnc_libraries {
    pthread_mutex_t lock; /* guards opening; a leaf */
    bool tried;
    const char *why; /* there is no JPEG; NULL: there is */
    struct vnc_jpeg_library jpeg;
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
    if (libs->jpeg.handle)
        dlclose(libs->jpeg.handle);
    pthread_mutex_destroy(&libs->lock);
    free(libs);
}

#if CONFIG_TURBOJPEG
static const char *open_jpeg(struct vnc_jpeg_library *lib)
{
    lib->handle = dlopen(CONFIG_TURBOJPEG_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!lib->handle || !library_symbol(lib->handle, "tjInitCompress", &lib->init_compress) ||
        !library_symbol(lib->handle, "tjCompress2", &lib->compress) ||
        !library_symbol(lib->handle, "tjBufSize", &lib->buf_size) ||
        !library_symbol(lib->handle, "tjDestroy", &lib->destroy))
        return "JPEG needs the library " CONFIG_TURBOJPEG_SONAME " (package libturbojpeg0)";
    return NULL;
}
#else
static const char *open_jpeg(struct vnc_jpeg_library *lib)
{
    (void)lib;
    return "JPEG is not part of this build (configure found no libturbojpeg0-dev)";
}
#endif

bool vnc_libraries_offer_jpeg(struct vnc_libraries *libs, const char **why)
{
    const char *missing;

    pthread_mutex_lock(&libs->lock);
    if (!libs->tried) {
        libs->tried = true;
        libs->why = open_jpeg(&libs->jpeg);
    }
    missing = libs->why;
    pthread_mutex_unlock(&libs->lock);
    if (why)
        *why = missing;
    return !missing;
}

const struct vnc_jpeg_library *vnc_libraries_jpeg(struct vnc_libraries *libs)
{
    return vnc_libraries_offer_jpeg(libs, NULL) ? &libs->jpeg : NULL;
}
