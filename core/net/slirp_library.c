/* Opens libslirp: see slirp_library.h. */
#include "core/net/slirp_library.h"

#if CONFIG_SLIRP
#include "core/util/error.h"
#include "core/util/library.h"
#include "core/util/range.h"

bool slirp_library_open(struct slirp_library *lib, const char *what, struct vemu_error **errp)
{
    const struct {
        const char *name;
        void *function;
    } symbols[] = {
        {"slirp_new", &lib->new},
        {"slirp_cleanup", &lib->cleanup},
        {"slirp_pollfds_fill", &lib->pollfds_fill},
        {"slirp_pollfds_poll", &lib->pollfds_poll},
        {"slirp_input", &lib->input},
        {"slirp_handle_timer", &lib->handle_timer},
        {"slirp_add_hostxfwd", &lib->add_hostxfwd},
        {"slirp_add_exec", &lib->add_exec},
        {"slirp_add_guestfwd", &lib->add_guestfwd},
        {"slirp_socket_can_recv", &lib->socket_can_recv},
        {"slirp_socket_recv", &lib->socket_recv},
    };

    lib->handle = dlopen(CONFIG_SLIRP_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!lib->handle)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s needs the library " CONFIG_SLIRP_SONAME " (package libslirp0)", what);
    for (unsigned i = 0; i < ARRAY_SIZE(symbols); i++) {
        if (!library_symbol(lib->handle, symbols[i].name, symbols[i].function)) {
            slirp_library_close(lib);
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             "%s: " CONFIG_SLIRP_SONAME " has no function %s; version 4.7 has it",
                             what, symbols[i].name);
        }
    }
    return true;
}

void slirp_library_close(struct slirp_library *lib)
{
    dlclose(lib->handle);
    lib->handle = NULL;
}
#endif
