/* Version of the library. Link-time version: vemu_version(); compile-time: the macros. */
#ifndef VEMU_VERSION_H
#define VEMU_VERSION_H

#define VEMU_VERSION_MAJOR 0
#define VEMU_VERSION_MINOR 1
#define VEMU_VERSION_PATCH 0
#define VEMU_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0" of the library in use; static. Any thread. */
const char *vemu_version(void);

#ifdef __cplusplus
}
#endif
#endif
