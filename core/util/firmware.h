/*
 * Firmware files of the distribution: where they are, and which package has them. No state.
 */
#ifndef CORE_UTIL_FIRMWARE_H
#define CORE_UTIL_FIRMWARE_H

struct vemu_error;

/*
 * The path of firmware file `name`: as it is when it has a slash or is a file here, else in one of
 * `dirs` (ended by NULL; may be NULL), else where distributions put firmware. origin is the option
 * for the sentence, which names the package that has the file. malloc()ed; NULL and the error when
 * it is nowhere.
 */
char *firmware_find(const char *origin, const char *name, const char *const *dirs,
                    struct vemu_error **errp);

/* The package that has it, by its name; NULL: not known. */
const char *firmware_package(const char *name);

#endif
