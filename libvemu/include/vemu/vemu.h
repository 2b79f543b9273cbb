/*
 * libvemu: full-system emulation as a library.
 *
 *     struct vemu_error *err = NULL;
 *     struct vemu_config *cfg = vemu_config_new();
 *     vemu_config_parse(cfg, "-M pc -m 512M -kernel bzImage -append console=ttyS0", &err);
 *     struct vemu_machine *m = vemu_machine_create(cfg, NULL, &err);
 *     enum vemu_exit_reason why = vemu_machine_run(m, &err);
 *     vemu_machine_destroy(m);
 *
 * The library has no global state, never prints, never exits and installs no signal handlers.
 * A function that can fail takes `struct vemu_error **errp` last: pass NULL or the address of a
 * pointer that is NULL; on failure the caller owns the error (vemu_error_free). Structs that the
 * caller fills begin with their size, so that members can be added without breaking programs.
 * docs/api.md is the guide; each header states its thread contract.
 */
#ifndef VEMU_VEMU_H
#define VEMU_VEMU_H

#include "version.h"
#include "error.h"
#include "config.h"
#include "machine.h"
#include "guest.h"
#include "screen.h"
#include "console.h"
#include "input.h"
#include "block.h"

#endif
