/* Opens libnettle: see nettle_library.h. */
#include "core/crypto/nettle_library.h"

#include "core/util/error.h"
#include "core/util/library.h"
#include "core/util/range.h"

#if CONFIG_NETTLE
/* The headers give most functions other names; these are what the library calls them. */
bool nettle_library_open(struct nettle_library *lib, const char *what, struct vemu_error **errp)
{
    const struct {
        const char *name;
        void *function;
    } symbols[] = {
        {"nettle_des_set_key", &lib->des_set_key},
        {"nettle_des_encrypt", &lib->des_encrypt},
        {"nettle_sha1_init", &lib->sha1_init},
        {"nettle_sha1_update", &lib->sha1_update},
        {"nettle_sha1_digest", &lib->sha1_digest},
        {"nettle_base64_encode_raw", &lib->base64_encode_raw},
        {"nettle_aes256_set_decrypt_key", &lib->aes256_set_decrypt_key},
        {"nettle_aes256_decrypt", &lib->aes256_decrypt},
        {"nettle_cbc_decrypt", &lib->cbc_decrypt},
    };

    lib->handle = dlopen(CONFIG_NETTLE_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!lib->handle)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s needs the library " CONFIG_NETTLE_SONAME " (package libnettle8)",
                         what);
    for (unsigned i = 0; i < ARRAY_SIZE(symbols); i++) {
        if (!library_symbol(lib->handle, symbols[i].name, symbols[i].function)) {
            nettle_library_close(lib);
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             "%s: " CONFIG_NETTLE_SONAME " has no function %s", what,
                             symbols[i].name);
        }
    }
    return true;
}
#else
bool nettle_library_open(struct nettle_library *lib, const char *what, struct vemu_error **errp)
{
    (void)lib;
    return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "%s: this build is without libnettle; install nettle-dev and configure again",
                     what);
}
#endif

void nettle_library_close(struct nettle_library *lib)
{
    if (lib->handle)
        dlclose(lib->handle);
    lib->handle = NULL;
}
