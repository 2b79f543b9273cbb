/*
 * Compression of image clusters: raw deflate (zlib) and zstd. Either library is opened when first
 * used. Thread contract: any thread.
 */
#ifndef CORE_BLOCK_CODEC_H
#define CORE_BLOCK_CODEC_H

#include <stdbool.h>
#include <stddef.h>

struct codec;

enum codec_type { CODEC_DEFLATE, CODEC_ZSTD };

struct codec *codec_new(void);
void codec_free(struct codec *codec);
/* 0: the library is there; else ENOTSUP, and *why is a constant text that says what is missing. */
int codec_available(struct codec *codec, enum codec_type type, const char **why);
/* Fills `out` from a stream that may be followed by other bytes. */
int codec_decompress(struct codec *codec, enum codec_type type, const void *in, size_t in_len,
                     void *out, size_t out_len);
/* *out_len: room, then length. ENOSPC: it does not fit. */
int codec_compress(struct codec *codec, enum codec_type type, const void *in, size_t in_len,
                   void *out, size_t *out_len);

#endif
