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
#include "tests/boot/guest.h"

static int count, failed;

static bool tap(bool ok, const char *cpus, const char *what)
{
    printf("%sok %d - saved state, %s: %s\n", ok ? "" : "not ", ++count, cpus, what);
    failed += !ok;
    fflush(stdout);
    return ok;
}

static struct vemu_machine *machine(const char *guests, const char *options)
{
    return guest_machine(guests, "initrd",
                         guest_is_arm(options) ? "console=ttyAMA0 quiet" : "console=ttyS0 quiet",
                         options);
}

/* Boots, saves, and ends the machine: the state is all that is left of it. */
static bool save(const char *guests, const char *options, int fd)
{
    struct vemu_machine *m = machine(guests, options);
    struct vemu_error *err = NULL;
    bool ok = m && vemu_machine_start(m, NULL) && guest_until(m, "# ", 120) &&
              guest_type(m, "secret=$((6 * 7)); read before rest </proc/uptime; echo re''ady\n") &&
              guest_until(m, "ready", 30) && guest_until(m, "# ", 30);

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
    tap(m && vemu_machine_start(m, NULL) && guest_type(m, "echo it is $secret.\n") &&
            guest_until(m, "it is 42.", 30),
        options, "the shell answers, and knows what it knew");
    if (m && guest_type(m, "read after rest </proc/uptime; echo up $before $after do''ne\n"))
        guest_until(m, "done", 30);
    at = guest_console.text;
    while ((at = strstr(at, "up ")) && sscanf(at, "up %lf %lf", &before, &after) != 2)
        at++;
    printf("# uptime %.2f before, %.2f after\n", before, after);
    tap(before > 0 && after >= before && after < before + 2.5, options,
        "its clock went on from where it stood");
    guest_type(m, "sleep 1; for i in 1 2 3 4; do (: $((i * i))) & done; wait; echo all''done\n");
    tap(guest_until(m, "alldone", 30), options, "timers tick and processes start");
    guest_type(m, "exit\n");
    tap(vemu_machine_wait(m, 30000, NULL) == VEMU_EXIT_SHUTDOWN, options, "it powers off");
    vemu_machine_destroy(m);
}

int main(void)
{
    static const char *const options[] = {"-smp 1", "-smp 2 -M q35", "--arch aarch64 -smp 1",
                                          "--arch aarch64 -M virt,gic-version=3 -smp 2",
                                          "--arch arm -smp 2"};
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
