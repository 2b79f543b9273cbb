/* Boots a kernel and prints its console:  boot [ARCH] KERNEL [INITRD [COMMAND-LINE]] */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <vemu/vemu.h>

static int fail(struct vemu_error *err)
{
    fprintf(stderr, "boot: %s\n", vemu_error_message(err));
    vemu_error_free(err);
    return 1;
}

int main(int argc, char **argv)
{
    struct vemu_error *err = NULL;
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_machine *m = NULL;
    bool arm = false;
    char text[4096];
    size_t n;

    if (argc > 2 && (strcmp(argv[1], "x86_64") == 0 || strcmp(argv[1], "aarch64") == 0)) {
        arm = strcmp(argv[1], "aarch64") == 0;
        argc--, argv++;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: boot [x86_64|aarch64] KERNEL [INITRD [COMMAND-LINE]]\n");
        return 1;
    }
    if (!vemu_config_parse(cfg,
                           arm ? "--arch aarch64 -m 512M -no-reboot "
                                 "-append 'console=ttyAMA0 panic=-1'"
                               : "-m 512M -no-reboot -append 'console=ttyS0 panic=-1'",
                           &err) ||
        !vemu_config_set(cfg, "kernel", argv[1], &err) ||
        (argc > 2 && !vemu_config_set(cfg, "initrd", argv[2], &err)) ||
        (argc > 3 && !vemu_config_set(cfg, "append", argv[3], &err)))
        return fail(err);
    m = vemu_machine_create(cfg, NULL, &err);
    if (!m || !vemu_machine_realize(m, &err) || !vemu_machine_start(m, &err))
        return fail(err);
    /* The first serial port is a ring buffer; reading ends when the guest is done. */
    while ((n = vemu_console_read(m, NULL, text, sizeof text, -1)) > 0) {
        fwrite(text, 1, n, stdout);
        fflush(stdout);
    }
    if (vemu_machine_wait(m, -1, &err) == VEMU_EXIT_FAILED)
        return fail(err);
    vemu_machine_destroy(m);
    vemu_config_free(cfg);
    return 0;
}
