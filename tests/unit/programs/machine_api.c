/*
 * The public API with a guest of a few instructions: life, exit reasons, consoles, registers and
 * memory, pause and resume, saved state, machines of both architectures at once, and many one after
 * another. A program of its own because leaks and races are part of what it holds.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <vemu/vemu.h>

#include "tap.h"

enum { ROM_SIZE = 65536, RESET_VECTOR = 0xfff0 };

/* 16-bit code that runs where the processor starts, in the ROM below 4 GiB. */
static const uint8_t hello[] = {
    0xba, 0xf8, 0x03,                   /* mov dx, 0x3f8 */
    0xb0, 'H',  0xee,                   /* mov al, 'H'; out dx, al */
    0xb0, 'i',  0xee,                   /* mov al, 'i'; out dx, al */
    0x66, 0xbb, 0x78, 0x56, 0x34, 0x12, /* mov ebx, 0x12345678 */
    0xba, 0xf4, 0x00,                   /* mov dx, 0xf4 */
    0xb0, 0x21, 0xee,                   /* mov al, 0x21; out dx, al: ends with (0x21 << 1) | 1 */
    0xf4, 0xeb, 0xfd,                   /* hlt; jmp back to it */
};
static const uint8_t spin[] = {
    0x66, 0x43, /* inc ebx */
    0xeb, 0xfc, /* jmp back */
};
static const uint8_t reset[] = {
    0xb0, 0xfe, 0xe6, 0x64, /* mov al, 0xfe; out 0x64, al: pulse the reset line */
    0xf4, 0xeb, 0xfd,
};
static const uint8_t triple_fault[] = {
    0x0f, 0x01, 0x1e, 0x00, 0x00, /* lidt [0]: zero memory, so a limit of 0 */
    0xcd, 0x03,                   /* int 3 */
};
/* Bytes 0x11 at 0x100 and 0x22 at 0x100100, the latter read with the A20 gate shut, then open. */
static const uint8_t a20_gate[] = {
    0xea, 0x05, 0x00, 0x00, 0xf0,       /* jmp 0xf000:5, where the gate does not matter */
    0xb8, 0xff, 0xff, 0x8e, 0xd8,       /* mov ax, 0xffff; mov ds, ax */
    0x31, 0xc0, 0x8e, 0xc0,             /* xor ax, ax; mov es, ax */
    0x26, 0xc6, 0x06, 0x00, 0x01, 0x11, /* mov byte es:[0x100], 0x11 */
    0xc6, 0x06, 0x10, 0x01, 0x22,       /* mov byte [0x110], 0x22 */
    0xb0, 0x00, 0xe6, 0x92,             /* mov al, 0; out 0x92, al */
    0x8a, 0x1e, 0x10, 0x01,             /* mov bl, [0x110] */
    0xb0, 0x02, 0xe6, 0x92,             /* mov al, 2; out 0x92, al */
    0x8a, 0x3e, 0x10, 0x01,             /* mov bh, [0x110] */
    0xba, 0xf4, 0x00, 0xee,             /* mov dx, 0xf4; out dx, al */
    0xf4, 0xeb, 0xfd,
};

/* A64 code that starts with the flash. */
static const uint32_t arm_hello[] = {
    0x52a12001, /* mov w1, #0x09000000 */
    0x52800902, /* mov w2, #'H' */
    0xb9000022, /* str w2, [x1] */
    0x52800d22, /* mov w2, #'i' */
    0xb9000022, /* str w2, [x1] */
    0x52800100, /* mov w0, #8 */
    0x72b08000, /* movk w0, #0x8400, lsl #16: PSCI's SYSTEM_OFF */
    0xd4000002, /* hvc #0 */
    0x14000000, /* b . */
};
static const uint32_t arm_spin[] = {
    0x91000673, /* add x19, x19, #1 */
    0x17ffffff, /* b back */
};

/* The ROM as a file; *path names it while the descriptor is open. */
static int rom_file(const void *code, size_t len, bool arm, char path[64])
{
    static const uint8_t jump[] = {0xe9, 0x0d, 0x00}; /* at 0xfff0: to 0 of the same segment */
    uint8_t *rom = calloc(1, ROM_SIZE);
    int fd = memfd_create("rom", MFD_CLOEXEC);

    if (!rom || fd < 0)
        abort();
    memcpy(rom, code, len);
    if (!arm)
        memcpy(rom + RESET_VECTOR, jump, sizeof jump);
    if (write(fd, rom, ROM_SIZE) != ROM_SIZE)
        abort();
    free(rom);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static struct vemu_machine *machine_of(const void *code, size_t len, const char *first,
                                       const char *options, bool realize)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;
    struct vemu_machine *m = NULL;
    char path[64];
    int fd = rom_file(code, len, strstr(first, "aarch64"), path);

    if (vemu_config_parse(cfg, first, &err) && vemu_config_parse(cfg, options, &err) &&
        vemu_config_set(cfg, "bios", path, &err))
        m = vemu_machine_create(cfg, NULL, &err);
    if (m && realize && !vemu_machine_realize(m, &err)) {
        vemu_machine_destroy(m);
        m = NULL;
    }
    if (!m)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    vemu_config_free(cfg);
    if (realize)
        close(fd); /* else the caller's until it is realized: left to the process */
    return m;
}

static struct vemu_machine *machine(const uint8_t *code, size_t len, const char *options,
                                    bool realize)
{
    return machine_of(code, len, "-m 4M -device isa-debug-exit,iobase=0xf4,iosize=4", options,
                      realize);
}

static struct vemu_machine *arm_machine(const uint32_t *code, size_t len, const char *options)
{
    return machine_of(code, len, "--arch aarch64 -m 4M", options, true);
}

static void nap(long ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000};

    nanosleep(&t, NULL);
}

static uint64_t reg(struct vemu_machine *m, const char *name)
{
    uint64_t value = 0;
    size_t size = sizeof value;

    return vemu_cpu_read_register(m, 0, name, &value, &size, NULL) ? value : UINT64_MAX;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void run_returns_the_exit_reason(void)
{
    struct vemu_machine *m = machine(hello, sizeof hello, "", false);
    char text[16] = "";
    size_t n;

    if (!tap(m != NULL, "a machine is created"))
        return;
    tap(vemu_machine_get_state(m) == VEMU_STATE_CREATED, "it is not realized yet");
    tap(vemu_machine_run(m, NULL) == VEMU_EXIT_STATUS, "run ends with the device's status");
    tap(vemu_machine_exit_status(m) == 0x43, "the status is the device's");
    n = vemu_console_read(m, NULL, text, sizeof text - 1, -1);
    tap(n == 2 && strcmp(text, "Hi") == 0, "the serial port's bytes are in the ring");
    tap(vemu_console_read(m, NULL, text, sizeof text, -1) == 0, "reading ends with the guest");
    tap(reg(m, "rbx") == 0x12345678, "registers are readable by name");
    tap(vemu_machine_run(m, NULL) == VEMU_EXIT_FAILED, "a guest that is done does not run on");
    tap(vemu_machine_reset(m, NULL) && vemu_machine_get_state(m) == VEMU_STATE_PREPARED,
        "a reset prepares it again");
    tap(vemu_machine_run(m, NULL) == VEMU_EXIT_STATUS, "and it runs again");
    vemu_machine_destroy(m);
}

static void start_pause_resume(void)
{
    struct vemu_machine *m = machine(spin, sizeof spin, "", true);
    uint64_t first, second;
    uint8_t bytes[4] = {0};

    if (!tap(m && vemu_machine_start(m, NULL), "a machine starts on a thread"))
        return;
    nap(30);
    tap(reg(m, "rbx") == UINT64_MAX, "registers of a running machine are refused");
    tap(vemu_machine_pause(m, NULL) && vemu_machine_get_state(m) == VEMU_STATE_PAUSED, "it pauses");
    first = reg(m, "rbx");
    nap(10);
    second = reg(m, "rbx");
    tap(first > 0 && first == second, "a paused guest stands still");
    tap(vemu_machine_resume(m, NULL), "it resumes");
    nap(30);
    tap(vemu_machine_wait(m, 0, NULL) == VEMU_EXIT_TIMEOUT, "it is not done");
    vemu_machine_pause(m, NULL);
    tap(reg(m, "rbx") != first, "the guest went on");
    tap(vemu_memory_write(m, 0x1000, "abc", 4, NULL) &&
            vemu_memory_read(m, 0x1000, bytes, 4, NULL) && memcmp(bytes, "abc", 4) == 0,
        "memory is written and read");
    tap(vemu_cpu_read_memory(m, 0, 0xfffffff0, bytes, 1, NULL) && bytes[0] == 0xe9,
        "linear memory goes through the page tables, or none");
    tap(!vemu_memory_read(m, 1ull << 45, bytes, 4, NULL), "an empty address is refused");
    tap(!vemu_cpu_read_memory(m, 7, 0, bytes, 1, NULL), "a vCPU that is not there is refused");
    vemu_machine_quit(m);
    tap(vemu_machine_wait(m, -1, NULL) == VEMU_EXIT_QUIT, "quit ends it");
    vemu_machine_destroy(m);
}

static void resets_end_or_restart(void)
{
    struct vemu_machine *m = machine(reset, sizeof reset, "-no-reboot", true);

    tap(m && vemu_machine_run(m, NULL) == VEMU_EXIT_RESET, "without reboot a reset is the end");
    vemu_machine_destroy(m);
    m = machine(triple_fault, sizeof triple_fault, "-no-reboot", true);
    tap(m && vemu_machine_run(m, NULL) == VEMU_EXIT_RESET, "a triple fault resets");
    vemu_machine_destroy(m);
    m = machine(reset, sizeof reset, "", true);
    tap(m && vemu_machine_start(m, NULL) && vemu_machine_wait(m, 100, NULL) == VEMU_EXIT_TIMEOUT,
        "with reboot it starts over, and over");
    vemu_machine_destroy(m);
}

static void state_is_saved_and_loaded(void)
{
    struct vemu_machine *m = machine(spin, sizeof spin, "", true);
    int fd = memfd_create("state", MFD_CLOEXEC);
    uint64_t value;

    if (!m || fd < 0)
        return;
    vemu_machine_start(m, NULL);
    tap(!vemu_machine_save(m, fd, NULL), "a running machine is not saved");
    nap(20);
    vemu_machine_pause(m, NULL);
    vemu_memory_write(m, 0x2000, "state", 6, NULL);
    value = reg(m, "rbx");
    tap(vemu_machine_save(m, fd, NULL), "a paused machine is saved");
    vemu_machine_destroy(m);

    m = machine(spin, sizeof spin, "", true);
    lseek(fd, 0, SEEK_SET);
    tap(m && vemu_machine_load(m, fd, NULL), "another one loads it");
    tap(m && reg(m, "rbx") == value, "its registers are the saved ones");
    tap(m && vemu_machine_start(m, NULL), "and it runs on");
    for (unsigned n = 0; n < 500; n++) { /* a busy host may let it wait */
        nap(20);
        vemu_machine_pause(m, NULL);
        if (reg(m, "rbx") != value)
            break;
        vemu_machine_resume(m, NULL);
    }
    tap(reg(m, "rbx") != value, "from there");
    if (ftruncate(fd, 1000) == 0) {
        lseek(fd, 0, SEEK_SET);
        tap(!vemu_machine_load(m, fd, NULL), "a stream that is cut off is refused");
    }
    close(fd);
    vemu_machine_destroy(m);
}

static void a20_gate_masks_at_once(void)
{
    struct vemu_machine *m = machine(a20_gate, sizeof a20_gate, "", true);

    tap(m && vemu_machine_run(m, NULL) == VEMU_EXIT_STATUS && (reg(m, "rbx") & 0xff) == 0x11,
        "with the A20 gate shut an address above 1 MiB wraps");
    tap((reg(m, "rbx") >> 8 & 0xff) == 0x22, "with the gate open again it does not");
    vemu_machine_destroy(m);
}

static void embedder_drives_the_loop(void)
{
    struct vemu_machine_options options = VEMU_MACHINE_OPTIONS_INIT;
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_machine *m;
    char path[64];
    int fd = rom_file(hello, sizeof hello, false, path), rounds = 0;

    options.loop = VEMU_LOOP_EMBEDDER;
    vemu_config_parse(cfg, "-m 4M -device isa-debug-exit,iobase=0xf4", NULL);
    vemu_config_set(cfg, "bios", path, NULL);
    m = vemu_machine_create(cfg, &options, NULL);
    tap(m && vemu_machine_realize(m, NULL) && vemu_machine_start(m, NULL) &&
            vemu_machine_fd(m) >= 0,
        "the embedder gets a descriptor");
    while (vemu_machine_iterate(m, 1000) && rounds < 1000)
        rounds++;
    tap(vemu_machine_wait(m, 0, NULL) == VEMU_EXIT_STATUS, "its rounds bring the guest to its end");
    vemu_machine_destroy(m);
    vemu_config_free(cfg);
    close(fd);
}

static void *run_one(void *opaque)
{
    enum vemu_exit_reason why = vemu_machine_run(opaque, NULL);

    return why == VEMU_EXIT_STATUS || why == VEMU_EXIT_SHUTDOWN ? opaque : NULL;
}

static void arm_guest_says_something_and_powers_off(void)
{
    struct vemu_machine *m = arm_machine(arm_hello, sizeof arm_hello, "");
    char text[8] = "";

    tap(m && vemu_machine_run(m, NULL) == VEMU_EXIT_SHUTDOWN, "an Arm guest powers off");
    tap(m && vemu_console_read(m, NULL, text, sizeof text, 0) == 2 && !strcmp(text, "Hi"),
        "after it wrote to its serial port");
    vemu_machine_destroy(m);
}

static void machines_run_at_once(struct vemu_machine *a, struct vemu_machine *b, const char *what)
{
    pthread_t thread;
    void *result = NULL;

    if (a && b && pthread_create(&thread, NULL, run_one, a) == 0) {
        void *mine = run_one(b);
        pthread_join(thread, &result);
        tap(result == a && mine == b, what);
    } else {
        tap(false, what);
    }
    vemu_machine_destroy(a);
    vemu_machine_destroy(b);
}

static void two_machines_run_at_once(void)
{
    machines_run_at_once(machine(hello, sizeof hello, "-M pc", true),
                         machine(hello, sizeof hello, "-M q35", true),
                         "two machines run to their ends at once");
    machines_run_at_once(machine(hello, sizeof hello, "-smp 2", true),
                         arm_machine(arm_hello, sizeof arm_hello, "-smp 2"),
                         "so do an x86 and an Arm machine");
}

/* One that has work until it is told otherwise, of each kind in turn. */
static struct vemu_machine *some_spinning(int n)
{
    switch (n % 4) {
    case 0:
        return machine(spin, sizeof spin, "-smp 2", true);
    case 1:
        return machine(spin, sizeof spin, "-M q35", true);
    case 2:
        return arm_machine(arm_spin, sizeof arm_spin, "-smp 2");
    default:
        return arm_machine(arm_spin, sizeof arm_spin, "-M gic-version=3");
    }
}

static void one_goes_while_the_other_runs(struct vemu_machine *stays, const char *counter)
{
    uint64_t before = 0;
    bool ok = stays && vemu_machine_start(stays, NULL);

    for (int i = 0; ok && i < 20; i++) {
        struct vemu_machine *goes = some_spinning(i);
        ok = goes && vemu_machine_start(goes, NULL);
        if (i % 3)
            nap(2);
        vemu_machine_destroy(goes); /* in the middle of its work */
    }
    tap(ok, "machines come and go while another runs");
    ok = ok && vemu_machine_pause(stays, NULL);
    before = reg(stays, counter);
    ok = ok && vemu_machine_resume(stays, NULL);
    nap(20);
    vemu_machine_pause(stays, NULL);
    tap(ok && reg(stays, counter) != before, "which goes on");
    vemu_machine_destroy(stays);
}

static void many_machines_one_after_another(void)
{
    const char *text = getenv("VEMU_TEST_CYCLES");
    int cycles = text ? atoi(text) : 100, good = 0;

    for (int i = 0; i < cycles; i++) {
        struct vemu_machine *m =
            i % 4 == 2   ? arm_machine(arm_hello, sizeof arm_hello, "")
            : i % 4 == 3 ? arm_machine(arm_hello, sizeof arm_hello, "-M gic-version=3 -smp 2")
                         : machine(hello, sizeof hello, i % 2 ? "-smp 2" : "", true);
        good += m && run_one(m);
        vemu_machine_destroy(m);
    }
    tap(good == cycles, "machines are made, run and destroyed over and over");
}

int main(void)
{
    run_returns_the_exit_reason();
    start_pause_resume();
    resets_end_or_restart();
    state_is_saved_and_loaded();
    a20_gate_masks_at_once();
    embedder_drives_the_loop();
    arm_guest_says_something_and_powers_off();
    two_machines_run_at_once();
    one_goes_while_the_other_runs(machine(spin, sizeof spin, "-smp 2", true), "rbx");
    one_goes_while_the_other_runs(arm_machine(arm_spin, sizeof arm_spin, "-smp 2"), "x19");
    many_machines_one_after_another();
    return tap_end();
}
