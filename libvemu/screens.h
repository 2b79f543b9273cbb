/* How a machine's screen is shown: -display, -vnc, -k. Windows are windows.h's. */
#ifndef LIBVEMU_SCREENS_H
#define LIBVEMU_SCREENS_H

#include <stdbool.h>

struct lib_machine;
struct opts;
struct vemu_config;
struct vemu_error;
struct vnc_server;

enum { SCREENS_MAX = 8 };

/* Checks of keys. */
bool screens_check_display(const char *origin, const char *text, struct opts *props,
                           struct vemu_error **errp);
bool screens_check_vnc(const char *origin, const char *text, struct opts *props,
                       struct vemu_error **errp);
/* Is there to be anything that shows a screen? */
bool screens_wanted(const struct vemu_config *cfg);
/* Starts them; the devices are there. */
bool screens_build(struct lib_machine *lm, struct vemu_error **errp);
void screens_free(struct lib_machine *lm);
/* Does a server have the TLS credentials of this id? */
bool screens_use_credentials(struct lib_machine *lm, const char *id);
/* Reads the files of all credentials that servers have. False: one failed, the error is set, and
 * it is as before; also when there are none. `control` held. */
bool screens_reload_credentials(struct lib_machine *lm, struct vemu_error **errp);
/* The server of this id, NULL: the first. NULL: there is none. */
struct vnc_server *screens_find_vnc(struct lib_machine *lm, const char *id);

/* What people ask for at a screen: they close it, press reset or the power button. From any thread;
 * the loop's takes it up between two rounds, with `control` held. */
enum { SCREENS_QUIT = 1, SCREENS_RESET = 2, SCREENS_POWER_BUTTON = 4 };
void screens_ask(struct lib_machine *lm, unsigned what);
bool screens_pending(struct lib_machine *lm);
void screens_process(struct lib_machine *lm);

#endif
