/*
 * Objects that somebody's proof of who he is comes from: -object secret, tls-creds-anon and
 * tls-creds-x509. They may come and go while the machine runs. Owned by the machine; `control`
 * held, or while it is being built.
 */
#ifndef LIBVEMU_CREDENTIALS_H
#define LIBVEMU_CREDENTIALS_H

#include <stdbool.h>

struct config_node;
struct lib_machine;
struct secret_bytes;
struct vemu_error;
struct vnc_tls_creds;

/* Checks of the text. */
bool credentials_check_secret(const struct config_node *node, struct vemu_error **errp);
bool credentials_check_tls(const struct config_node *node, struct vemu_error **errp);

/* From -object or object-add, which other objects were made before. The node outlives it. */
bool credentials_add_secret(struct lib_machine *lm, const struct config_node *node,
                            struct vemu_error **errp);
bool credentials_add_tls(struct lib_machine *lm, const struct config_node *node,
                         struct vemu_error **errp);
/* TLS credentials that a server has are not removed. */
bool credentials_remove(struct lib_machine *lm, const struct config_node *node,
                        struct vemu_error **errp);
void credentials_free(struct lib_machine *lm);

/* By id; NULL and the error, which begins with `what`: there is none. */
const struct secret_bytes *credentials_secret(struct lib_machine *lm, const char *id,
                                              const char *what, struct vemu_error **errp);
const struct vnc_tls_creds *credentials_tls(struct lib_machine *lm, const char *id,
                                            const char *what, struct vemu_error **errp);
/* Reads the files of these anew. On failure it has what it had. */
bool credentials_reload(struct lib_machine *lm, const char *id, struct vemu_error **errp);

#endif
