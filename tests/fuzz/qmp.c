/*
 * Hostile clients of the control protocol: bytes to a machine's control socket, with the commands
 * of the real protocol behind it. The input is what one client sends; a zero byte ends a write, and
 * whatever the machine has to say is read between two of them. Nothing may crash or hang, every
 * reply must be one line of JSON, and memory stays bounded.
 */
#include <config.h>
#if CONFIG_JANSSON
#include <jansson.h>

#include "tests/fuzz/control.h"

enum { LINE_MOST = 1 << 20 };

static char line[LINE_MOST];
static size_t line_len;

static void hear(int fd)
{
    for (;;) {
        ssize_t n = recv(fd, line + line_len, sizeof line - 1 - line_len, 0);
        char *end;

        if (n <= 0)
            return;
        line_len += (size_t)n;
        while ((end = memchr(line, '\n', line_len))) {
            json_t *value = json_loadb(line, (size_t)(end - line), 0, NULL);
            if (!json_is_object(value))
                fuzz_fail("what was said is not one object a line");
            json_decref(value);
            line_len -= (size_t)(end + 1 - line);
            memmove(line, end + 1, line_len);
        }
        if (line_len == sizeof line - 1)
            fuzz_fail("a line without an end");
    }
}

static bool rounds(struct vemu_machine *m, int fd)
{
    bool alive = true;

    for (int i = 0; i < 4 && alive; i++) {
        alive = vemu_machine_iterate(m, 0);
        hear(fd);
    }
    return alive;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[96];
    struct vemu_machine *m;
    bool alive = true;
    int fd;

    char from[4096];

    snprintf(path, sizeof path, "%s/sock", scratch());
    if (!getcwd(from, sizeof from) || chdir(scratch()) != 0)
        fuzz_fail("no directory to work in");
    const bool root = drop_rights();
    m = make("control", path, false);
    fd = join(path);
    line_len = 0;
    for (size_t at = 0; at < size && alive;) {
        const uint8_t *zero = memchr(data + at, 0, size - at);
        size_t n = zero ? (size_t)(zero - data) - at : size - at;

        /* What does not fit is lost, as with a peer that gives up. */
        if (n && send(fd, data + at, n, MSG_NOSIGNAL) < 0)
            break;
        at += n + 1;
        alive = rounds(m, fd);
    }
    for (int i = 0; i < 8 && alive; i++)
        alive = rounds(m, fd);
    vemu_machine_destroy(m);
    hear(fd);
    close(fd);
    if (access(path, F_OK) == 0)
        fuzz_fail("the socket was left behind");
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
