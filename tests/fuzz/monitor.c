/*
 * Hostile people at a terminal that a serial port and the monitor share (-serial mon:...): keys
 * that edit, hand the focus on, and lines with the commands behind them. A zero byte ends a write,
 * and whatever the machine has to say is read between two of them. Nothing may crash or hang, and
 * whoever comes next must be asked for a line.
 */
#include <config.h>
#if CONFIG_JANSSON
#include "tests/fuzz/control.h"

enum { ROUNDS = 4, PATIENCE = 200 };

/* The end of what was said. */
static char heard[4096];
static size_t heard_len;

static void hear(int fd)
{
    static char buf[1 << 16];
    ssize_t n;

    while ((n = recv(fd, buf, sizeof buf, 0)) > 0) {
        size_t keep = (size_t)n < sizeof heard / 2 ? (size_t)n : sizeof heard / 2;
        if (heard_len > sizeof heard / 2) {
            memmove(heard, heard + heard_len - sizeof heard / 2, sizeof heard / 2);
            heard_len = sizeof heard / 2;
        }
        memcpy(heard + heard_len, buf + n - keep, keep);
        heard_len += keep;
    }
}

static bool rounds(struct vemu_machine *m, int fd)
{
    bool alive = true;

    for (int i = 0; i < ROUNDS && alive; i++) {
        alive = vemu_machine_iterate(m, 0);
        hear(fd);
    }
    return alive;
}

/* The focus is where the last one left it. */
static void next_one(struct vemu_machine *m, const char *path)
{
    int fd = join(path);
    bool alive = true;

    heard_len = 0;
    for (int i = 0; i < PATIENCE && alive; i++) {
        if (i % 32 == 16 && send(fd, "\1c", 2, MSG_NOSIGNAL) < 0)
            break;
        alive = rounds(m, fd);
        if (memmem(heard, heard_len, "(vemu) ", 7)) {
            close(fd);
            return;
        }
    }
    if (alive)
        fuzz_fail("the next one is not asked for a line");
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[96], serial[160], from[4096];
    struct vemu_machine *m;
    bool alive = true;
    int fd;

    snprintf(path, sizeof path, "%s/sock", scratch());
    snprintf(serial, sizeof serial, "mon:unix:%s,server=on,wait=off", path);
    if (!getcwd(from, sizeof from) || chdir(scratch()) != 0)
        fuzz_fail("no directory to work in");
    const bool root = drop_rights();
    m = make("serial", serial, true);
    fd = join(path);
    for (size_t at = 0; at < size && alive;) {
        const uint8_t *zero = memchr(data + at, 0, size - at);
        size_t n = zero ? (size_t)(zero - data) - at : size - at;

        if (n && send(fd, data + at, n, MSG_NOSIGNAL) < 0)
            break;
        at += n + 1;
        alive = rounds(m, fd);
    }
    for (int i = 0; i < 8 && alive; i++)
        alive = rounds(m, fd);
    close(fd);
    if (alive)
        next_one(m, path);
    vemu_machine_destroy(m);
    take_rights(root);
    if (chdir(from) != 0)
        fuzz_fail("there is no way back");
    return 0;
}
#else
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data, (void)size;
    return 0;
}
#endif
