/*
 * Property tables of anything, not only of devices: boards use them for -M options. obj is the
 * struct the table's offsets refer to; `who` names it in error sentences. The machine (for
 * PROP_CHARDEV) may be NULL. Machine lock held, or before the machine runs.
 */
#ifndef CORE_DEVICE_PROP_H
#define CORE_DEVICE_PROP_H

#include "core/device/device.h"

bool prop_set(const struct prop_desc *desc, struct vemu_machine *m, const char *who, void *obj,
              const char *value, struct vemu_error **errp);
void prop_get(const struct prop_desc *desc, const void *obj, char *buf, size_t len);
/* The entry called name, or NULL; props may be NULL. */
const struct prop_desc *prop_find(const struct prop_desc *props, const char *name);
/* Sets the error for a property that is not in the table; returns false. */
bool prop_unknown(const struct prop_desc *props, const char *who, const char *name,
                  struct vemu_error **errp);
bool prop_set_defaults(const struct prop_desc *props, struct vemu_machine *m, const char *who,
                       void *obj, struct vemu_error **errp);
/* Frees what the values own (strings). */
void prop_free_values(const struct prop_desc *props, void *obj);

#endif
