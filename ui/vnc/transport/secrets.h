/*
 * The password of a VNC server, and who may be told apart by it: set by options and by the control
 * socket, asked by the threads that serve viewers. Owned by the server; safe to use from any thread
 * (a leaf lock inside).
 *
 * There is no password until one is set: then every attempt fails, which is how a server starts
 * that is to get its password later.
 */
#ifndef UI_VNC_TRANSPORT_SECRETS_H
#define UI_VNC_TRANSPORT_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vemu_error;
struct vnc_secrets;

enum {
    VNC_CHALLENGE_SIZE = 16,
    VNC_PASSWORD_USED = 8, /* characters of a password that the challenge's answer depends on */
    VNC_SECRET_MAX = 255   /* bytes of a user's name or a password */
};
#define VNC_EXPIRES_NEVER INT64_MAX

/* user: who the password belongs to, for viewers that say a name; NULL: any name will do. NULL and
 * the error: libnettle is not there, or user is too long. what: the option, for sentences. */
struct vnc_secrets *vnc_secrets_new(const char *what, const char *user, struct vemu_error **errp);
void vnc_secrets_free(struct vnc_secrets *s);
/* Has it a user's name? Then viewers should be asked for one. */
bool vnc_secrets_has_user(const struct vnc_secrets *s);

/* NULL or of no length: none any more. False: longer than VNC_SECRET_MAX; nothing is changed then.
 */
bool vnc_secrets_set_password(struct vnc_secrets *s, const char *password, size_t len);
/* Attempts fail from that second on, in Unix time; setting a password does not change it. */
void vnc_secrets_set_expiry(struct vnc_secrets *s, int64_t when);

/* Random bytes that nobody can guess. False: the host has none. */
bool vnc_secrets_challenge(uint8_t challenge[VNC_CHALLENGE_SIZE]);
/* Is it the answer that who knows the password gives (RFC 6143, section 7.2.2)? */
bool vnc_secrets_check_answer(struct vnc_secrets *s, const uint8_t challenge[VNC_CHALLENGE_SIZE],
                              const uint8_t answer[VNC_CHALLENGE_SIZE]);
/* Are they the user's name, if there is one, and the whole password? Lengths up to VNC_SECRET_MAX.
 */
bool vnc_secrets_check_plain(struct vnc_secrets *s, const uint8_t *user, size_t user_len,
                             const uint8_t *password, size_t password_len);

#endif
