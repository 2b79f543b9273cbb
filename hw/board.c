/* What boards share; see board.h. */
#include "hw/board.h"

#include "core/device/prop.h"

bool board_set_options(const struct board_class *cls, struct vemu_machine *m, void *options,
                       const struct board_config *cfg, struct vemu_error **errp)
{
    if (!prop_set_defaults(cls->props, m, cls->name, options, errp))
        return false;
    for (const struct board_option *o = cfg->options; o && o->key; o++) {
        const struct prop_desc *desc = prop_find(cls->props, o->key);
        if (!desc)
            return prop_unknown(cls->props, cls->name, o->key, errp);
        if (!prop_set(desc, m, cls->name, options, o->value, errp))
            return false;
    }
    return true;
}
