/*
 * SeaBIOS without a serial console: what it writes on the VGA's text screen is read as text, and a
 * machine saved there and loaded into a fresh one shows the same. Prints TAP.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vemu/vemu.h>

static int count, failed;
static char text[16384];

static bool tap(bool ok, const char *machine, const char *what)
{
    printf("%sok %d - screen, %s: %s\n", ok ? "" : "not ", ++count, machine, what);
    failed += !ok;
    fflush(stdout);
    return ok;
}

static struct vemu_machine *make(const char *name)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;
    struct vemu_machine *m = NULL;

    if (vemu_config_parse(cfg, "-m 64M -display none", &err) &&
        vemu_config_set(cfg, "machine", name, &err))
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

static bool until(struct vemu_machine *m, const char *wanted, int seconds)
{
    for (int tries = 0; tries < seconds * 20; tries++) {
        vemu_screen_text(m, text, sizeof text);
        if (strstr(text, wanted))
            return true;
        usleep(50000);
    }
    printf("# no \"%s\" within %d s on the screen\n", wanted, seconds);
    return false;
}

static void try(const char *name)
{
    static char before[sizeof text];
    struct vemu_machine *m = make(name), *fresh = make(name);
    struct vemu_error *err = NULL;
    int fd = memfd_create("state", 0);
    bool ok = m && fresh && vemu_machine_start(m, NULL);

    tap(ok && until(m, "No bootable device", 60), name, "SeaBIOS' last line is there");
    tap(strstr(text, "SeaBIOS (version") == text, name, "and its first one");
    strcpy(before, text);
    ok = ok && vemu_machine_pause(m, NULL) && vemu_machine_save(m, fd, &err) &&
         lseek(fd, 0, SEEK_SET) == 0 && vemu_machine_load(fresh, fd, &err);
    if (err)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    if (ok)
        vemu_screen_text(fresh, text, sizeof text);
    tap(ok && strcmp(text, before) == 0, name, "a machine loaded from its state shows the same");
    vemu_machine_destroy(m);
    vemu_machine_destroy(fresh);
    close(fd);
}

int main(void)
{
    printf("1..6\n");
    try("pc");
    try("q35");
    return failed != 0;
}
