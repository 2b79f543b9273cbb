/*
 * A stock kernel saved at its shell's prompt and loaded into a fresh machine: the shell answers
 * there, its variables are what they were, and time goes on from where it stood. Prints TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vemu/vemu.h>

static int count, failed;

static bool tap(bool ok, const char *cpus, const char *what)
{
    printf("%sok %d - saved state, %s: %s\n", ok ? "" : "not ", ++count, cpus, what);
    failed += !ok;
    fflush(stdout);
    return ok;
}

/* What the guest wrote since the last look, and how much of it was looked at. */
static char text[1 << 16];
static size_t have, seen;

/* Reads the console until `wanted` was seen; false: not within so many seconds. What comes with it
 * is kept for the next look. */
static bool until(struct vemu_machine *m, const char *wanted, int seconds)
{
    memmove(text, text + seen, have - seen + 1);
    have -= seen;
    seen = 0;
    for (int tries = 0; tries < seconds * 10; tries++) {
        const char *at = strstr(text, wanted);

        if (at) {
            seen = (size_t)(at - text) + strlen(wanted);
            return true;
        }
        if (have == sizeof text - 1)
            have = 0;
        have += vemu_console_read(m, NULL, text + have, sizeof text - 1 - have, 100);
        text[have] = 0;
    }
    printf("# no \"%s\" within %d s after: %s\n", wanted, seconds,
           have > 60 ? text + have - 60 : text);
    return false;
}

static bool type(struct vemu_machine *m, const char *line)
{
    size_t len = strlen(line), done = 0;

    for (int tries = 0; done < len && tries < 100; tries++) {
        done += vemu_console_write(m, NULL, line + done, len - done);
        if (done < len)
            usleep(10000);
    }
    return done == len;
}

static struct vemu_machine *machine(const char *guests, const char *options)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;
    struct vemu_machine *m = NULL;
    char kernel[4096], initrd[4096];

    have = seen = text[0] = 0;
    snprintf(kernel, sizeof kernel, "%s/amd64/vmlinuz", guests);
    snprintf(initrd, sizeof initrd, "%s/amd64/initrd", guests);
    if (vemu_config_parse(cfg, "-m 256M -append 'console=ttyS0 quiet'", &err) &&
        vemu_config_parse(cfg, options, &err) && vemu_config_set(cfg, "kernel", kernel, &err) &&
        vemu_config_set(cfg, "initrd", initrd, &err))
        m = vemu_machine_create(cfg, NULL, &err);
    if (m && !vemu_machine_realize(m, &err)) {
        vemu_machine_destroy(m);
        m = NULL;
    }
    if (!m)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    vemu_config_free(cfg);
    return m;
}

/* Boots, saves, and ends the machine: the state is all that is left of it. */
static bool save(const char *guests, const char *options, int fd)
{
    struct vemu_machine *m = machine(guests, options);
    struct vemu_error *err = NULL;
    bool ok = m && vemu_machine_start(m, NULL) && until(m, "# ", 120) &&
              type(m, "secret=$((6 * 7)); read before rest </proc/uptime; echo re''ady\n") &&
              until(m, "ready", 30) && until(m, "# ", 30);

    tap(ok, options, "the guest comes to its prompt");
    ok = ok && vemu_machine_pause(m, NULL);
    ok = tap(ok && vemu_machine_save(m, fd, &err), options, "it is saved there");
    if (err)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    vemu_machine_destroy(m);
    return ok;
}

static void load(const char *guests, const char *options, int fd)
{
    struct vemu_machine *m = machine(guests, options);
    struct vemu_error *err = NULL;
    double before = 0, after = 0;
    const char *at;

    lseek(fd, 0, SEEK_SET);
    if (!tap(m && vemu_machine_load(m, fd, &err), options, "a fresh machine loads it"))
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    sleep(3); /* which the guest is not to see */
    tap(m && vemu_machine_start(m, NULL) && type(m, "echo it is $secret.\n") &&
            until(m, "it is 42.", 30),
        options, "the shell answers, and knows what it knew");
    if (m && type(m, "read after rest </proc/uptime; echo up $before $after do''ne\n"))
        until(m, "done", 30);
    at = text;
    while ((at = strstr(at, "up ")) && sscanf(at, "up %lf %lf", &before, &after) != 2)
        at++;
    printf("# uptime %.2f before, %.2f after\n", before, after);
    tap(before > 0 && after >= before && after < before + 2.5, options,
        "its clock went on from where it stood");
    type(m, "sleep 1; for i in 1 2 3 4; do (: $((i * i))) & done; wait; echo all''done\n");
    tap(until(m, "alldone", 30), options, "timers tick and processes start");
    type(m, "exit\n");
    tap(vemu_machine_wait(m, 30000, NULL) == VEMU_EXIT_SHUTDOWN, options, "it powers off");
    vemu_machine_destroy(m);
}

int main(void)
{
    static const char *const options[] = {"-smp 1", "-smp 2 -M q35"};
    const char *guests = getenv("VEMU_GUESTS");
    char kernel[4096];

    snprintf(kernel, sizeof kernel, "%s/amd64/vmlinuz", guests ? guests : "guest");
    if (access(kernel, R_OK) < 0) {
        printf("1..0 # SKIP there is no %s\n", kernel);
        return 77;
    }
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        int fd = memfd_create("state", MFD_CLOEXEC);
        if (save(guests ? guests : "guest", options[i], fd))
            load(guests ? guests : "guest", options[i], fd);
        close(fd);
    }
    printf("1..%d\n", count);
    fflush(stdout);
    return failed != 0;
}
