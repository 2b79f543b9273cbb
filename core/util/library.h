/* Functions of a library that was opened when first used. */
#ifndef CORE_UTIL_LIBRARY_H
#define CORE_UTIL_LIBRARY_H

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

/* Puts the function's address into *function, a pointer to one of its type. False: the library, as
 * dlopen gave it, has none of that name. */
static inline bool library_symbol(void *library, const char *name, void *function)
{
    void *p = dlsym(library, name);

    memcpy(function, &p, sizeof p);
    return p != NULL;
}

#endif
