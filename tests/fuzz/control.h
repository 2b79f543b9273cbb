/* What fuzz targets of the machine's remote controls share: a machine that does not run, a place to
 * work in, and no rights there but nobody's. */
#ifndef TESTS_FUZZ_CONTROL_H
#define TESTS_FUZZ_CONTROL_H

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vemu/vemu.h>

#include "tests/fuzz/fuzz.h"

enum { CONTROL_NOBODY = 65534 };

/* Some commands write files where they are told to. That is here, and as nobody. */
static inline const char *scratch(void)
{
    static char dir[] = "/tmp/vemu-fuzz-control-XXXXXX";
    static bool made;

    if (made)
        return dir;
    if (!mkdtemp(dir) || (geteuid() == 0 && chown(dir, CONTROL_NOBODY, CONTROL_NOBODY) != 0))
        fuzz_fail("no directory to work in");
    made = true;
    return dir;
}

/* Whether there were any to be dropped. */
static inline bool drop_rights(void)
{
    const bool root = geteuid() == 0;

    if (root && seteuid(CONTROL_NOBODY) != 0)
        fuzz_fail("rights cannot be dropped");
    return root;
}

static inline void take_rights(bool root)
{
    if (root && seteuid(0) != 0)
        fuzz_fail("rights cannot be taken back");
}

/* add: the key is a list. */
static inline struct vemu_machine *make(const char *key, const char *value, bool add)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;
    struct vemu_machine_options options = VEMU_MACHINE_OPTIONS_INIT;
    struct vemu_machine *m;

    options.loop = VEMU_LOOP_EMBEDDER;
    if (!vemu_config_set(cfg, "memory", "2M", &err) ||
        !vemu_config_set(cfg, "machine", "microvm", &err) ||
        !vemu_config_set(cfg, "bios", "none", &err) ||
        !vemu_config_set(cfg, "start", "off", &err) ||
        !vemu_config_set(cfg, "name", "fuzz", &err) ||
        !vemu_config_add(cfg, "device", "isa-debug-exit,id=dbg", &err) ||
        !(add ? vemu_config_add : vemu_config_set)(cfg, key, value, &err) ||
        !(m = vemu_machine_create(cfg, &options, &err)) || !vemu_machine_realize(m, &err) ||
        !vemu_machine_start(m, &err))
        fuzz_fail(vemu_error_message(err));
    vemu_config_free(cfg);
    return m;
}

static inline int join(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    strcpy(addr.sun_path, path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) != 0)
        fuzz_fail("nobody listens");
    return fd;
}

#endif
