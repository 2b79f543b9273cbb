/*
 * Packets of gdb's remote serial protocol: framing, checksums, hexadecimal text. No I/O and no
 * knowledge of commands, so that it is tested and fuzzed by itself. See the gdb manual, appendix
 * "gdb Remote Serial Protocol". Thread contract: an object belongs to one thread at a time.
 */
#ifndef CORE_GDB_RSP_H
#define CORE_GDB_RSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RSP_PACKET_MAX = 16384 /* bytes between $ and # */ };

enum rsp_event {
    RSP_NOTHING,   /* more bytes are needed */
    RSP_PACKET,    /* rsp.packet, rsp.len: escapes undone, ended by a zero byte */
    RSP_INTERRUPT, /* Ctrl-C */
    RSP_NAK,       /* the peer wants the last packet again */
    RSP_BAD,       /* a packet with a wrong checksum, or one too long: to be refused with '-' */
};

struct rsp {
    enum { RSP_IDLE, RSP_BODY, RSP_ESCAPE, RSP_SUM1, RSP_SUM2 } state;
    char packet[RSP_PACKET_MAX + 1];
    size_t len;
    bool overflow;
    uint8_t sum, want;
};

void rsp_init(struct rsp *rsp);
/* Takes bytes until an event is complete; *used says how many. */
enum rsp_event rsp_feed(struct rsp *rsp, const uint8_t *data, size_t len, size_t *used);

/* A reply being written; what does not fit sets `overflow` and the reply becomes an error. */
struct rsp_reply {
    char data[RSP_PACKET_MAX + 1];
    size_t len;
    bool overflow;
};
void reply_text(struct rsp_reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_hex(struct rsp_reply *r, const void *bytes, size_t len);
/* Binary data as the protocol escapes it. */
void reply_binary(struct rsp_reply *r, const char *bytes, size_t len);
/* "$...#xx" into out, room for RSP_PACKET_MAX + 5 bytes; returns its length. */
size_t rsp_frame(const char *data, size_t len, char *out);

/* Hexadecimal number at *p, at least one digit, at most 64 bits; *p is moved past it. */
bool hex_number(const char **p, uint64_t *value);
/* len bytes from 2*len digits; false when there are other characters. *p is moved past them. */
bool hex_bytes(const char **p, void *bytes, size_t len);
/* The character c at *p, moved past it. */
bool take_char(const char **p, char c);

#endif
