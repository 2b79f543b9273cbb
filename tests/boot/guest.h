/*
 * A stock kernel as a test program drives it through libvemu: how its machine is made, what it
 * writes to its console, what is typed. One guest at a time.
 */
#ifndef TESTS_BOOT_GUEST_H
#define TESTS_BOOT_GUEST_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vemu/vemu.h>

/* What the guest wrote since the last look, and how much of it was looked at. */
static struct {
    char text[1 << 16];
    size_t have, seen;
} guest_console;

static inline void guest_forget(void)
{
    guest_console.have = guest_console.seen = guest_console.text[0] = 0;
}

static inline bool guest_is_arm(const char *options)
{
    return strstr(options, "--arch a") != NULL;
}

/* The kernel of GUESTS/amd64, arm64 or armhf, and the initramfs of that name; options as on the
 * command line. NULL: it was said why. */
static inline struct vemu_machine *guest_machine(const char *guests, const char *initrd_name,
                                                 const char *append, const char *options)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;
    struct vemu_machine *m = NULL;
    const char *arch = strstr(options, "--arch aarch64") ? "arm64"
                       : guest_is_arm(options)           ? "armhf"
                                                         : "amd64";
    char kernel[4096], initrd[4096];

    guest_forget();
    snprintf(kernel, sizeof kernel, "%s/%s/vmlinuz", guests, arch);
    snprintf(initrd, sizeof initrd, "%s/%s/%s", guests, arch, initrd_name);
    if (vemu_config_parse(cfg, "-m 256M", &err) && vemu_config_parse(cfg, options, &err) &&
        vemu_config_set(cfg, "append", append, &err) &&
        vemu_config_set(cfg, "kernel", kernel, &err) &&
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

/* Reads the console until `wanted` was seen, with the rest of its line when whole_line; what comes
 * after that is kept for the next look. Where it stands; NULL: not within so many seconds. */
static inline const char *guest_find(struct vemu_machine *m, const char *wanted, bool whole_line,
                                     int seconds)
{
    char *text = guest_console.text;
    size_t have = guest_console.have - guest_console.seen;

    memmove(text, text + guest_console.seen, have + 1);
    guest_console.seen = 0;
    for (int tries = 0; m && tries < seconds * 10; tries++) {
        const char *at = strstr(text, wanted), *end = at ? at + strlen(wanted) : NULL;

        if (end && whole_line) {
            end = strchr(at, '\n');
            end = end ? end + 1 : NULL;
        }
        if (end) {
            guest_console.have = have;
            guest_console.seen = (size_t)(end - text);
            return at;
        }
        if (have == sizeof guest_console.text - 1)
            have = 0;
        have += vemu_console_read(m, NULL, text + have, sizeof guest_console.text - 1 - have, 100);
        text[have] = 0;
    }
    guest_console.have = have;
    printf("# no \"%s\" within %d s after: %s\n", wanted, seconds,
           have > 200 ? text + have - 200 : text);
    return NULL;
}

static inline bool guest_until(struct vemu_machine *m, const char *wanted, int seconds)
{
    return guest_find(m, wanted, false, seconds) != NULL;
}

static inline bool guest_type(struct vemu_machine *m, const char *what)
{
    size_t len = strlen(what), done = 0;

    for (int tries = 0; done < len && tries < 100; tries++) {
        done += vemu_console_write(m, NULL, what + done, len - done);
        if (done < len)
            usleep(10000);
    }
    return done == len;
}

#endif
