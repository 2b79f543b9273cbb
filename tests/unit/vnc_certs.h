/*
 * Certificates made at test time: an authority, a server and a viewer that it vouches for, and a
 * viewer that nobody does, as PEM files in a directory of their own.
 */
#ifndef TESTS_UNIT_VNC_CERTS_H
#define TESTS_UNIT_VNC_CERTS_H

/* Writes ca-cert.pem, server-cert.pem, server-key.pem, viewer-cert.pem, viewer-key.pem,
 * stranger-cert.pem and stranger-key.pem into dir. */
void vnc_certs_make(const char *dir);
/* The same server-key.pem, encrypted with that password. */
void vnc_certs_encrypt_key(const char *dir, const char *password);

#endif
