/* Opens gnutls: see tls_library.h. */
#include "ui/vnc/transport/tls_library.h"

#if CONFIG_GNUTLS
#include "core/util/error.h"
#include "core/util/library.h"
#include "core/util/range.h"

bool tls_library_open(struct tls_library *lib, const char *what, struct vemu_error **errp)
{
    const struct {
        const char *name;
        void *function;
    } symbols[] = {
#define TLS_SYMBOL(name) {"gnutls_" #name, &lib->name},
        TLS_FUNCTIONS(TLS_SYMBOL)
#undef TLS_SYMBOL
    };

    lib->handle = dlopen(CONFIG_GNUTLS_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!lib->handle)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s needs the library " CONFIG_GNUTLS_SONAME " (package libgnutls30)",
                         what);
    for (unsigned i = 0; i < ARRAY_SIZE(symbols); i++) {
        if (!library_symbol(lib->handle, symbols[i].name, symbols[i].function)) {
            tls_library_close(lib);
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             "%s: " CONFIG_GNUTLS_SONAME " has no function %s; version 3.6 has it",
                             what, symbols[i].name);
        }
    }
    return true;
}

void tls_library_close(struct tls_library *lib)
{
    dlclose(lib->handle);
    lib->handle = NULL;
}
#endif
