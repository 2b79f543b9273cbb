/* Compression by libraries that are opened when first used: see codec.h. */
#include "core/block/codec.h"

#include "config.h"
#include "core/util/library.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if CONFIG_ZLIB
#include <zlib.h>
#endif
#if CONFIG_ZSTD
#include <zstd.h>
#endif

/* A window of 4 KiB is what the format's readers are made for. */
enum { DEFLATE_WINDOW_BITS = -12, INFLATE_WINDOW_BITS = -15, DEFLATE_MEMORY_LEVEL = 9 };

struct codec {
    pthread_mutex_t lock; /* guards opening; a leaf */
    bool tried[2];
    const char *why[2]; /* NULL: there */
    void *zlib, *zstd;
#if CONFIG_ZLIB
    int (*inflateInit2_)(z_streamp, int, const char *, int);
    int (*inflate)(z_streamp, int);
    int (*inflateEnd)(z_streamp);
    int (*deflateInit2_)(z_streamp, int, int, int, int, int, const char *, int);
    int (*deflate)(z_streamp, int);
    int (*deflateEnd)(z_streamp);
#endif
#if CONFIG_ZSTD
    ZSTD_DStream *(*createDStream)(void);
    size_t (*freeDStream)(ZSTD_DStream *);
    size_t (*decompressStream)(ZSTD_DStream *, ZSTD_outBuffer *, ZSTD_inBuffer *);
    size_t (*compress)(void *, size_t, const void *, size_t, int);
    unsigned (*isError)(size_t);
#endif
};

struct codec *codec_new(void)
{
    struct codec *c = calloc(1, sizeof *c);

    if (c)
        pthread_mutex_init(&c->lock, NULL);
    return c;
}

void codec_free(struct codec *c)
{
    if (!c)
        return;
    if (c->zlib)
        dlclose(c->zlib);
    if (c->zstd)
        dlclose(c->zstd);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static const char *open_zlib(struct codec *c)
{
#if CONFIG_ZLIB
    c->zlib = dlopen(CONFIG_ZLIB_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!c->zlib || !library_symbol(c->zlib, "inflateInit2_", &c->inflateInit2_) ||
        !library_symbol(c->zlib, "inflate", &c->inflate) ||
        !library_symbol(c->zlib, "inflateEnd", &c->inflateEnd) ||
        !library_symbol(c->zlib, "deflateInit2_", &c->deflateInit2_) ||
        !library_symbol(c->zlib, "deflate", &c->deflate) ||
        !library_symbol(c->zlib, "deflateEnd", &c->deflateEnd))
        return "zlib compression needs the library " CONFIG_ZLIB_SONAME " (package zlib1g)";
    return NULL;
#else
    (void)c;
    return "zlib compression is not part of this build (configure found no zlib1g-dev)";
#endif
}

static const char *open_zstd(struct codec *c)
{
#if CONFIG_ZSTD
    c->zstd = dlopen(CONFIG_ZSTD_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!c->zstd || !library_symbol(c->zstd, "ZSTD_createDStream", &c->createDStream) ||
        !library_symbol(c->zstd, "ZSTD_freeDStream", &c->freeDStream) ||
        !library_symbol(c->zstd, "ZSTD_decompressStream", &c->decompressStream) ||
        !library_symbol(c->zstd, "ZSTD_compress", &c->compress) ||
        !library_symbol(c->zstd, "ZSTD_isError", &c->isError))
        return "zstd compression needs the library " CONFIG_ZSTD_SONAME " (package libzstd1)";
    return NULL;
#else
    (void)c;
    return "zstd compression is not part of this build (configure found no libzstd-dev)";
#endif
}

int codec_available(struct codec *c, enum codec_type type, const char **why)
{
    const char *missing;

    pthread_mutex_lock(&c->lock);
    if (!c->tried[type]) {
        c->tried[type] = true;
        c->why[type] = type == CODEC_DEFLATE ? open_zlib(c) : open_zstd(c);
    }
    missing = c->why[type];
    pthread_mutex_unlock(&c->lock);
    if (why)
        *why = missing;
    return missing ? ENOTSUP : 0;
}

#if CONFIG_ZLIB
static int zlib_decompress(struct codec *c, const void *in, size_t in_len, void *out,
                           size_t out_len)
{
    z_stream s = {.next_in = (Bytef *)in,
                  .avail_in = (uInt)in_len,
                  .next_out = out,
                  .avail_out = (uInt)out_len};
    int status;

    if (c->inflateInit2_(&s, INFLATE_WINDOW_BITS, ZLIB_VERSION, (int)sizeof s) != Z_OK)
        return ENOMEM;
    status = c->inflate(&s, Z_FINISH);
    c->inflateEnd(&s);
    /* Z_BUF_ERROR with a full cluster: what follows is not this stream's, or its end mark is. */
    return (status == Z_STREAM_END || status == Z_BUF_ERROR) && s.avail_out == 0 ? 0 : EIO;
}

static int zlib_compress(struct codec *c, const void *in, size_t in_len, void *out, size_t *out_len)
{
    z_stream s = {.next_in = (Bytef *)in,
                  .avail_in = (uInt)in_len,
                  .next_out = out,
                  .avail_out = (uInt)*out_len};
    int status;

    if (c->deflateInit2_(&s, Z_DEFAULT_COMPRESSION, Z_DEFLATED, DEFLATE_WINDOW_BITS,
                         DEFLATE_MEMORY_LEVEL, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                         (int)sizeof s) != Z_OK)
        return ENOMEM;
    status = c->deflate(&s, Z_FINISH);
    *out_len -= s.avail_out;
    c->deflateEnd(&s);
    return status == Z_STREAM_END ? 0 : ENOSPC;
}
#endif

#if CONFIG_ZSTD
static int zstd_decompress(struct codec *c, const void *in, size_t in_len, void *out,
                           size_t out_len)
{
    ZSTD_DStream *d = c->createDStream();
    ZSTD_inBuffer src = {in, in_len, 0};
    ZSTD_outBuffer dst = {out, out_len, 0};
    int err = d ? 0 : ENOMEM;

    while (!err && dst.pos < dst.size) {
        size_t in_before = src.pos, out_before = dst.pos;
        size_t n = c->decompressStream(d, &dst, &src);
        if (c->isError(n) || (src.pos == in_before && dst.pos == out_before) ||
            (n == 0 && dst.pos < dst.size))
            err = EIO;
    }
    c->freeDStream(d);
    return err;
}

static int zstd_compress(struct codec *c, const void *in, size_t in_len, void *out, size_t *out_len)
{
    size_t n = c->compress(out, *out_len, in, in_len, ZSTD_CLEVEL_DEFAULT);

    if (c->isError(n))
        return ENOSPC;
    *out_len = n;
    return 0;
}
#endif

int codec_decompress(struct codec *c, enum codec_type type, const void *in, size_t in_len,
                     void *out, size_t out_len)
{
    int err = codec_available(c, type, NULL);

    if (err)
        return err;
#if CONFIG_ZLIB
    if (type == CODEC_DEFLATE)
        return zlib_decompress(c, in, in_len, out, out_len);
#endif
#if CONFIG_ZSTD
    if (type == CODEC_ZSTD)
        return zstd_decompress(c, in, in_len, out, out_len);
#endif
    (void)in, (void)in_len, (void)out, (void)out_len;
    return ENOTSUP;
}

int codec_compress(struct codec *c, enum codec_type type, const void *in, size_t in_len, void *out,
                   size_t *out_len)
{
    int err = codec_available(c, type, NULL);

    if (err)
        return err;
#if CONFIG_ZLIB
    if (type == CODEC_DEFLATE)
        return zlib_compress(c, in, in_len, out, out_len);
#endif
#if CONFIG_ZSTD
    if (type == CODEC_ZSTD)
        return zstd_compress(c, in, in_len, out, out_len);
#endif
    (void)in, (void)in_len, (void)out, (void)out_len;
    return ENOTSUP;
}
