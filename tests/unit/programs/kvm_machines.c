/*
 * Machines under KVM in one process: made, run and destroyed over and over, with nothing left of
 * them (descriptors, threads, mappings); two of them and one of the translator at once. A program
 * of its own because what is left in the process is what it holds. VEMU_TEST_CYCLES: how often.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vemu/vemu.h>

#include "tap.h"

enum { ROM_SIZE = 65536, RESET_VECTOR = 0xfff0, USUAL_CYCLES = 40, WARM_UP = 6 };

/* 16-bit code at the start of the ROM: says so on the first serial port, and ends with status 0x43.
 */
static const uint8_t hello[] = {
    0xba, 0xf8, 0x03, 0xb0, 'H',  0xee, /* mov dx, 0x3f8; mov al, 'H'; out dx, al */
    0xba, 0xf4, 0x00, 0xb0, 0x21, 0xee, /* mov dx, 0xf4; mov al, 0x21; out dx, al */
    0xf4, 0xeb, 0xfd,                   /* hlt; jmp back to it */
};
static const uint8_t jump[] = {0xe9, 0x0d, 0x00}; /* at the reset vector: to the ROM's start */

static const char *const variants[] = {
    "-accel kvm,kernel-irqchip=on", "-accel kvm,kernel-irqchip=split -smp 2",
    "-accel kvm,kernel-irqchip=off", "-accel kvm -M q35 -smp 2 -device virtio-rng-pci",
    "-accel kvm,kernel-pit=off,dirty-ring-size=1024 -smp 2 -vga std"};

static struct vemu_machine *make(const char *rom, const char *options)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;
    struct vemu_machine *m = NULL;

    if (vemu_config_parse(cfg, "-m 4M -device isa-debug-exit,iobase=0xf4,iosize=4", &err) &&
        vemu_config_parse(cfg, options, &err) && vemu_config_set(cfg, "bios", rom, &err))
        m = vemu_machine_create(cfg, NULL, &err);
    if (m && !vemu_machine_realize(m, &err)) {
        vemu_machine_destroy(m);
        m = NULL;
    }
    if (!m)
        printf("# %s: %s\n", options, vemu_error_message(err));
    vemu_error_free(err);
    vemu_config_free(cfg);
    return m;
}

static bool says_hello(struct vemu_machine *m, enum vemu_exit_reason why)
{
    char text[4] = "";

    return why == VEMU_EXIT_STATUS && vemu_machine_exit_status(m) == 0x43 &&
           vemu_console_read(m, NULL, text, sizeof text, -1) == 1 && text[0] == 'H';
}

/* ---- what is left ---------------------------------------------------------------------------- */

static unsigned entries(const char *path)
{
    DIR *dir = opendir(path);
    unsigned n = 0;

    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

/* Private memory of the process in KiB; shared pages of libraries come and go. */
static long private_kib(void)
{
    char line[128];
    long sum = 0, n;
    FILE *f = fopen("/proc/self/smaps_rollup", "re");

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Private_Dirty: %ld", &n) == 1)
            sum += n;
    if (f)
        fclose(f);
    return sum;
}

static bool cycle(const char *rom, int n)
{
    struct vemu_machine *m =
        make(rom, variants[(unsigned)n % (sizeof variants / sizeof *variants)]);
    bool good = m && says_hello(m, vemu_machine_run(m, NULL));

    vemu_machine_destroy(m);
    return good;
}

static void nothing_is_left(const char *rom)
{
    const char *text = getenv("VEMU_TEST_CYCLES");
    int cycles = text ? atoi(text) : USUAL_CYCLES, good = 0, warm = 0;

    for (int n = 0; n < WARM_UP; n++)
        warm += cycle(rom, n);
    tap(warm == WARM_UP, "machines are made, run and destroyed");
    unsigned fds = entries("/proc/self/fd"), threads = entries("/proc/self/task");
    long kib = private_kib();
    for (int n = 0; n < cycles; n++)
        good += cycle(rom, n);
    tap(good == cycles, "over and over");
    tap(entries("/proc/self/fd") == fds, "no descriptor is left");
    tap(entries("/proc/self/task") == threads, "no thread is left");
    /* A page for each would be a leak; what the allocator keeps is less than one machine. */
    long more = private_kib() - kib, bound = 2048 + 2L * cycles;
    if (!tap(more < bound, "no memory is left"))
        printf("# %ld KiB more after %d machines\n", more, cycles);
}

static void three_at_once(const char *rom)
{
    const char *const options[] = {variants[0], variants[1], "-accel tcg"};
    struct vemu_machine *m[3];
    unsigned good = 0;

    for (unsigned n = 0; n < 3; n++)
        m[n] = make(rom, options[n]);
    for (unsigned n = 0; n < 3; n++)
        good += m[n] && vemu_machine_start(m[n], NULL);
    tap(good == 3, "two machines of KVM and one of the translator start");
    for (unsigned n = 0; n < 3; n++)
        good += m[n] && says_hello(m[n], vemu_machine_wait(m[n], -1, NULL));
    tap(good == 6, "and each does what it would do alone");
    for (unsigned n = 0; n < 3; n++)
        vemu_machine_destroy(m[n]);
}

int main(void)
{
    char rom[64];
    uint8_t *bytes = calloc(1, ROM_SIZE);
    int fd = memfd_create("rom", MFD_CLOEXEC);

    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        printf("1..0 # SKIP no usable /dev/kvm\n");
        return 0;
    }
    if (!bytes || fd < 0)
        return 1;
    memcpy(bytes, hello, sizeof hello);
    memcpy(bytes + RESET_VECTOR, jump, sizeof jump);
    if (write(fd, bytes, ROM_SIZE) != ROM_SIZE)
        return 1;
    free(bytes);
    snprintf(rom, sizeof rom, "/proc/self/fd/%d", fd);
    nothing_is_left(rom);
    three_at_once(rom);
    close(fd);
    return tap_end();
}
