/*
 * Two machines at once in one process, their consoles side by side:
 *     two_machines KERNEL INITRD [ARM-KERNEL ARM-INITRD]
 * one of either kind, or two x86 ones.
 */
#include <stdio.h>
#include <string.h>
#include <vemu/vemu.h>

struct kind {
    const char *name, *options;
};

static struct vemu_machine *start(const struct kind *kind, const char *kernel, const char *initrd)
{
    struct vemu_error *err = NULL;
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_machine *m = NULL;

    if (vemu_config_parse(cfg, kind->options, &err) &&
        vemu_config_set(cfg, "kernel", kernel, &err) &&
        vemu_config_set(cfg, "initrd", initrd, &err))
        m = vemu_machine_create(cfg, NULL, &err);
    vemu_config_free(cfg);
    if (m && vemu_machine_realize(m, &err) && vemu_machine_start(m, &err))
        return m;
    fprintf(stderr, "%s: %s\n", kind->name, vemu_error_message(err));
    vemu_error_free(err);
    vemu_machine_destroy(m);
    return NULL;
}

/* Prints what the guest wrote, each line with the machine's name in front. */
static void print(const char *name, struct vemu_machine *m, char *line, size_t room)
{
    char text[1024];
    size_t n = vemu_console_read(m, NULL, text, sizeof text, 50);

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(line);
        if (text[i] != '\n' && len + 1 < room) {
            line[len] = text[i];
            line[len + 1] = 0;
        } else {
            printf("%s| %s\n", name, line);
            line[0] = 0;
        }
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct kind pc = {"pc",
                                   "-m 256M -no-reboot -append 'console=ttyS0 panic=-1 demo=once'"};
    static const struct kind q35 = {
        "q35", "-M q35 -m 256M -no-reboot -append 'console=ttyS0 panic=-1 demo=once'"};
    static const struct kind arm = {
        "arm", "--arch aarch64 -m 256M -no-reboot -append 'console=ttyAMA0 panic=-1 demo=once'"};
    const struct kind *kinds[] = {&pc, argc > 4 ? &arm : &q35};
    struct vemu_machine *machines[2];
    char lines[2][512] = {"", ""};
    int running = 2;

    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: two_machines KERNEL INITRD [ARM-KERNEL ARM-INITRD]\n");
        return 1;
    }
    for (int i = 0; i < 2; i++) {
        char **files = argv + (i && argc > 4 ? 3 : 1);
        machines[i] = start(kinds[i], files[0], files[1]);
        if (!machines[i])
            return 1;
    }
    while (running) {
        running = 0;
        for (int i = 0; i < 2; i++) {
            print(kinds[i]->name, machines[i], lines[i], sizeof lines[i]);
            running += vemu_machine_wait(machines[i], 0, NULL) == VEMU_EXIT_TIMEOUT;
        }
    }
    for (int i = 0; i < 2; i++) {
        print(kinds[i]->name, machines[i], lines[i], sizeof lines[i]);
        vemu_machine_destroy(machines[i]);
    }
    return 0;
}
