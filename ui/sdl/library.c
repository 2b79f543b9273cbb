/* Opens libSDL2: see library.h. */
#include <config.h>
#if CONFIG_SDL2
#include "ui/sdl/library.h"

#include "core/util/error.h"
#include "core/util/library.h"
#include "core/util/range.h"

bool sdl_library_open(struct sdl_library *lib, struct vemu_error **errp)
{
    const struct {
        const char *name;
        void *function;
    } symbols[] = {
#define SYMBOL(name_) {"SDL_" #name_, &lib->name_},
        SDL_FUNCTIONS(SYMBOL)
#undef SYMBOL
    };

    lib->handle = dlopen(CONFIG_SDL2_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!lib->handle)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "a window needs the library " CONFIG_SDL2_SONAME
                         " (package libsdl2-2.0-0)");
    for (unsigned n = 0; n < ARRAY_SIZE(symbols); n++) {
        if (!library_symbol(lib->handle, symbols[n].name, symbols[n].function)) {
            sdl_library_close(lib);
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             CONFIG_SDL2_SONAME " has no function %s; version 2.0.16 has it",
                             symbols[n].name);
        }
    }
    return true;
}

void sdl_library_close(struct sdl_library *lib)
{
    dlclose(lib->handle);
    lib->handle = NULL;
}
#endif
