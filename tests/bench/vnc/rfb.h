/*
 * A viewer for measuring: speaks RFB 3.8, finds out where messages end, and looks at no pixel, so
 * that it takes next to no time of the host that it measures on. Every wait has an end. One thread
 * for a connection.
 */
#ifndef TESTS_BENCH_VNC_RFB_H
#define TESTS_BENCH_VNC_RFB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rfb {
    int fd;
    uint64_t bytes; /* received so far, whole messages */
    unsigned width, height;
    bool continuous_offered;
    /* of the last update */
    unsigned rects;
    uint64_t pixels;
    double first_ms; /* when its first bytes were there */
    /* what was read and not looked at yet */
    uint8_t buf[64 << 10];
    size_t at, len;
};

enum rfb_result { RFB_UPDATE, RFB_OTHER, RFB_TIMEOUT, RFB_GONE };

/* Of one clock. */
double rfb_now_ms(void);

/* A connected socket; -1: there is nobody. host is an address. */
int rfb_dial(const char *host, unsigned port);
/* The handshake without a password, x8r8g8b8, and encodings as a viewer lists them: name is raw,
 * hextile, zlib, tight or zrle, level 0 to 9, quality 0 to 9 or -1 for lossless. */
bool rfb_open(struct rfb *r, int fd, const char *encoding, int level, int quality);
void rfb_close(struct rfb *r);
bool rfb_request(struct rfb *r, bool incremental);
bool rfb_continuous(struct rfb *r, bool on);
bool rfb_key(struct rfb *r, uint32_t keysym); /* down and up */
/* The next message; it may take that long to begin. */
enum rfb_result rfb_message(struct rfb *r, double timeout_ms);

#endif
