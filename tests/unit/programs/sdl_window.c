/*
 * The window under an X server of its own (Xvfb), used as a person would, by xdotool: its picture
 * by ImageMagick's import, keys, pointer, sizes, full screen, the grab, its end. Prints TAP.
 */
#define _GNU_SOURCE
#include <config.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/device/machine.h"
#include "core/display/clipboard.h"
#include "core/display/display.h"
#include "core/input/input.h"
#include "core/util/error.h"
#include "tests/unit/programs/tap.h"
#include "ui/sdl/sdl.h"

enum { WIDTH = 320, HEIGHT = 240, SCREEN_WIDTH = 1024, SCREEN_HEIGHT = 768, GOT_MOST = 256 };
enum { PATIENCE_MS = 5000, TICK_US = 20000 };

static struct vemu_machine m;
static struct display *display;
static atomic_uint asked_width, asked_height, closed, resets;

/* ---- the machine's side ---------------------------------------------------------------------- */

static const uint32_t colours[4] = {0xff0000, 0x00ff00, 0x0000ff, 0xffff00};

static void draw(uint32_t width, uint32_t height)
{
    display_lock(display);
    uint32_t *p = display_pixels(display);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            p[y * (display_stride(display) / 4) + x] =
                colours[(y >= height / 2) * 2 + (x >= width / 2)];
    display_damage(display, 0, 0, width, height);
    display_unlock(display);
}

static void resize(void *opaque, uint32_t width, uint32_t height)
{
    (void)opaque;
    asked_width = width;
    asked_height = height;
}

struct probe {
    struct input_sink sink;
    pthread_mutex_t lock;
    struct input_event got[GOT_MOST];
    unsigned count;
};
static struct probe keyboard = {.lock = PTHREAD_MUTEX_INITIALIZER},
                    pointer = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void event(void *opaque, const struct input_event *e)
{
    struct probe *p = opaque;
    pthread_mutex_lock(&p->lock);
    if (p->count < GOT_MOST)
        p->got[p->count++] = *e;
    pthread_mutex_unlock(&p->lock);
}
static void sync_events(void *opaque)
{
    (void)opaque;
}
static void add(struct probe *p, unsigned takes)
{
    static const struct input_sink_ops ops = {.event = event, .sync = sync_events};
    p->sink = (struct input_sink){.ops = &ops, .opaque = p, .takes = takes};
    machine_lock(&m);
    input_sink_add(&m, &p->sink, NULL);
    machine_unlock(&m);
}
static void forget(struct probe *p)
{
    pthread_mutex_lock(&p->lock);
    p->count = 0;
    pthread_mutex_unlock(&p->lock);
}
static bool has(struct probe *p, uint16_t type, uint16_t code, int32_t least, int32_t most)
{
    bool found = false;
    pthread_mutex_lock(&p->lock);
    for (unsigned n = 0; n < p->count; n++)
        found |= p->got[n].type == type && p->got[n].code == code && p->got[n].value >= least &&
                 p->got[n].value <= most;
    pthread_mutex_unlock(&p->lock);
    return found;
}

static void on_closed(void *opaque)
{
    (void)opaque;
    closed++;
}
static void on_reset(void *opaque)
{
    (void)opaque;
    resets++;
}

static void *run_loop(void *opaque)
{
    (void)opaque;
    loop_run(m.loop);
    return NULL;
}

/* ---- the person's side ----------------------------------------------------------------------- */

static char window[32];

static void run(const char *fmt, const char *what)
{
    char command[400];
    snprintf(command, sizeof command, fmt, window, what);
    if (system(command))
        fprintf(stderr, "failed: %s\n", command);
}
static bool find_window(void)
{
    FILE *f = popen("xdotool search --sync --name 'test machine' | tail -1", "r");
    const bool ok = f && fgets(window, sizeof window, f);
    if (f)
        pclose(f);
    window[strcspn(window, "\n")] = 0;
    return ok && window[0];
}
static bool title_has(const char *text)
{
    char command[100], title[300] = "";
    snprintf(command, sizeof command, "xdotool getwindowname %s", window);
    FILE *f = popen(command, "r");
    const bool ok = f && fgets(title, sizeof title, f);
    if (f)
        pclose(f);
    return ok && strstr(title, text);
}

/* The screen's pixel at x, y: 0xrrggbb. */
struct picture {
    int width, height;
    uint8_t *rgb;
};
static bool take_picture(struct picture *p, const char *of)
{
    char command[200];
    snprintf(command, sizeof command, "import -silent -window %s -depth 8 ppm:-", of);
    FILE *f = popen(command, "r");
    free(p->rgb);
    p->rgb = NULL;
    bool ok = f && fscanf(f, "P6 %d %d 255", &p->width, &p->height) == 2 && fgetc(f) != EOF;
    if (ok) {
        const size_t size = (size_t)p->width * (size_t)p->height * 3;
        p->rgb = malloc(size);
        ok = p->rgb && fread(p->rgb, 1, size, f) == size;
    }
    if (f)
        pclose(f);
    return ok;
}
static uint32_t pixel(const struct picture *p, int x, int y)
{
    const uint8_t *at = p->rgb + 3 * ((size_t)y * (size_t)p->width + (size_t)x);
    return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}
/* The four colours fill this part, and outside it is black. */
static bool shows(const struct picture *p, int x, int y, int width, int height)
{
    for (int n = 0; n < 4; n++)
        if (pixel(p, x + (n & 1 ? width - 6 : 5), y + (n & 2 ? height - 6 : 5)) != colours[n] ||
            pixel(p, x + width / 2 + (n & 1 ? 5 : -6), y + height / 2 + (n & 2 ? 5 : -6)) !=
                colours[n])
            return false;
    return (!x || !pixel(p, x - 3, y + height / 2)) && (!y || !pixel(p, x + width / 2, y - 3));
}
static bool comes_to_show(const char *of, int width, int height, int x, int y, int w, int h)
{
    struct picture p = {0};
    bool ok = false;
    for (unsigned n = 0; !ok && n < 20; n++) {
        ok =
            take_picture(&p, of) && p.width == width && p.height == height && shows(&p, x, y, w, h);
        if (!ok)
            usleep(200000);
    }
    if (!ok)
        fprintf(stderr, "%s is %dx%d\n", of, p.width, p.height);
    free(p.rgb);
    return ok;
}

#define COMES(condition_)                                                                          \
    ({                                                                                             \
        bool ok_ = false;                                                                          \
        for (unsigned ms_ = 0; !(ok_ = (condition_)) && ms_ < PATIENCE_MS; ms_ += TICK_US / 1000)  \
            usleep(TICK_US);                                                                       \
        ok_;                                                                                       \
    })

/* An X server on a number that it finds free. */
static pid_t start_x(void)
{
    int fds[2];
    char number[16] = "", name[20];

    if (pipe(fds))
        return -1;
    const pid_t pid = fork();
    if (!pid) {
        char fd[8];
        snprintf(fd, sizeof fd, "%d", fds[1]);
        close(fds[0]);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        execlp("Xvfb", "Xvfb", "-displayfd", fd, "-screen", "0", "1024x768x24", "-nolisten", "tcp",
               (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    /* It ends when nobody reads its line to the end, which may come in pieces. */
    for (size_t len = 0; len + 1 < sizeof number && read(fds[0], number + len, 1) == 1; len++) {
        if (number[len] == '\n')
            break;
    }
    close(fds[0]);
    number[strcspn(number, "\n")] = 0;
    snprintf(name, sizeof name, ":%s", number);
    setenv("DISPLAY", name, 1);
    return number[0] ? pid : -1;
}

/* A window manager, for what X leaves to it: full screen, focus, closing. */
static pid_t start_manager(void)
{
    const pid_t pid = fork();

    if (!pid) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        execlp("openbox", "openbox", "--sm-disable", (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void test_picture_and_keys(void)
{
    tap(comes_to_show(window, WIDTH, HEIGHT, 0, 0, WIDTH, HEIGHT), "sdl: the picture is right");
    run("xdotool windowfocus --sync %s", "");
    run("xdotool key --clearmodifiers a #%s", "");
    tap(COMES(has(&keyboard, EV_KEY, KEY_A, 0, 0)) && has(&keyboard, EV_KEY, KEY_A, 1, 1),
        "sdl: a key arrives");
    run("xdotool mousemove --window %s 319 0", "");
    tap(COMES(has(&pointer, EV_ABS, ABS_X, INPUT_ABS_MAX, INPUT_ABS_MAX)) &&
            has(&pointer, EV_ABS, ABS_Y, 0, 0),
        "sdl: positions arrive");
    run("xdotool click 1 click 3 click 4 #%s", "");
    tap(COMES(has(&pointer, EV_REL, REL_WHEEL, 1, 1)) && has(&pointer, EV_KEY, BTN_LEFT, 1, 1) &&
            has(&pointer, EV_KEY, BTN_RIGHT, 0, 0),
        "sdl: buttons and the wheel arrive");
    display_lock(display);
    for (unsigned n = 0; n < 10; n++)
        display_pixels(display)[n] = 0xffffff;
    display_damage(display, 0, 0, 10, 1);
    display_unlock(display);
    struct picture p = {0};
    tap(COMES(take_picture(&p, window) && pixel(&p, 9, 0) == 0xffffff &&
              pixel(&p, 10, 0) == colours[0]),
        "sdl: what changes is drawn");
    free(p.rgb);
    draw(WIDTH, HEIGHT);
}

static void test_sizes(void)
{
    run("xdotool windowmove %s 0 0", ""); /* all of it is on the screen */
    run("xdotool windowsize --sync %s 640 600", "");
    tap(COMES(asked_width == 640 && asked_height == 600), "sdl: the guest is asked for a new size");
    tap(comes_to_show(window, 640, 600, 0, 60, 640, 480), "sdl: until then the picture is scaled");
    forget(&pointer);
    run("xdotool mousemove --window %s 320 60", "");
    tap(COMES(has(&pointer, EV_ABS, ABS_Y, 0, 0)) &&
            has(&pointer, EV_ABS, ABS_X, INPUT_ABS_MAX / 2 - 60, INPUT_ABS_MAX / 2 + 60),
        "sdl: positions are those in the picture");
    machine_lock(&m);
    display_set_size(display, 640, 600);
    machine_unlock(&m);
    draw(640, 600);
    tap(comes_to_show(window, 640, 600, 0, 0, 640, 600), "sdl: the guest took the size");
    machine_lock(&m);
    display_set_size(display, WIDTH, HEIGHT);
    machine_unlock(&m);
    draw(WIDTH, HEIGHT);
    tap(comes_to_show(window, WIDTH, HEIGHT, 0, 0, WIDTH, HEIGHT),
        "sdl: the window follows the guest");
    run("xdotool key ctrl+alt+f #%s", "");
    tap(comes_to_show("root", SCREEN_WIDTH, SCREEN_HEIGHT, 0, 0, SCREEN_WIDTH, SCREEN_HEIGHT),
        "sdl: full screen");
    const char *file = getenv("VEMU_TEST_PICTURE");
    if (file)
        run("import -window root png:- >%2$s #%1$s", file);
    tap(!has(&keyboard, EV_KEY, KEY_F, 1, 1) && COMES(has(&keyboard, EV_KEY, KEY_LEFTALT, 0, 0)),
        "sdl: a hotkey is not the guest's, and nothing hangs");
    run("xdotool key ctrl+alt+f #%s", "");
    tap(comes_to_show(window, WIDTH, HEIGHT, 0, 0, WIDTH, HEIGHT), "sdl: and back");
}

static void test_grab(void)
{
    machine_lock(&m);
    input_sink_remove(&pointer.sink);
    machine_unlock(&m);
    forget(&pointer);
    add(&pointer, INPUT_TAKES_REL | INPUT_TAKES_BUTTONS);
    run("xdotool mousemove --window %s 100 100 click 1", "");
    tap(COMES(title_has("Ctrl-Alt-G")), "sdl: a click grabs, and the title says how to get out");
    tap(!has(&pointer, EV_KEY, BTN_LEFT, 1, 1), "sdl: that click is not the guest's");
    usleep(300000);
    forget(&pointer);
    run("xdotool mousemove_relative -- -7 5 #%s", "");
    tap(COMES(has(&pointer, EV_REL, REL_X, -7, -7)) && has(&pointer, EV_REL, REL_Y, 5, 5),
        "sdl: motion arrives");
    run("xdotool key ctrl+alt+g #%s", "");
    tap(COMES(!title_has("Ctrl-Alt-G")), "sdl: out of the grab");
    forget(&keyboard);
    run("xdotool key ctrl+alt+End #%s", "");
    tap(COMES(has(&keyboard, EV_KEY, KEY_DELETE, 1, 1)), "sdl: Ctrl-Alt-Delete");
    run("xdotool key ctrl+alt+shift+r #%s", "");
    tap(COMES(resets == 1), "sdl: reset");
}

static struct clipboard_peer peer;
static char pasted[64]; /* machine lock */
static void peer_wanted(struct clipboard_peer *p)
{
    clipboard_answer(p, "from the guest", 14);
}
static void peer_grabbed(struct clipboard_peer *p)
{
    clipboard_request(p);
}
static void peer_data(struct clipboard_peer *p, const char *text, size_t len)
{
    (void)p;
    snprintf(pasted, sizeof pasted, "%.*s", (int)len, text);
}
static void peer_released(struct clipboard_peer *p)
{
    (void)p;
}

static bool pasted_is(const char *text)
{
    machine_lock(&m);
    const bool same = !strcmp(pasted, text);
    machine_unlock(&m);
    return same;
}

static bool selection_is(const char *text)
{
    char got[64] = "";
    FILE *f = popen("timeout 2 xclip -selection clipboard -o 2>/dev/null", "r");
    const bool ok = f && fgets(got, sizeof got, f);
    if (f)
        pclose(f);
    return ok && !strcmp(got, text);
}

static void test_clipboard(void)
{
    static const struct clipboard_ops ops = {.grabbed = peer_grabbed,
                                             .released = peer_released,
                                             .wanted = peer_wanted,
                                             .data = peer_data};
    if (system("command -v xclip >/dev/null")) {
        tap(true, "sdl: clipboard # SKIP no xclip");
        return;
    }
    peer.ops = &ops;
    machine_lock(&m);
    clipboard_join(&m, &peer);
    clipboard_grab(&peer);
    machine_unlock(&m);
    tap(COMES(selection_is("from the guest")), "sdl: what the guest copied is on the desktop");
    run("printf 'from the desktop' | xclip -selection clipboard >/dev/null 2>&1 #%s", "");
    tap(COMES(pasted_is("from the desktop")), "sdl: and the other way");
    machine_lock(&m);
    clipboard_leave(&peer);
    machine_unlock(&m);
}

static void test_idle(void)
{
    struct rusage before, after;
    usleep(500000);
    getrusage(RUSAGE_SELF, &before);
    usleep(1000000);
    getrusage(RUSAGE_SELF, &after);
    const long used = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
                      after.ru_utime.tv_usec - before.ru_utime.tv_usec +
                      (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
                      after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    fprintf(stderr, "idle: %ld us of a second\n", used);
    tap(used < 50000, "sdl: an idle window costs nothing");
}

int main(void)
{
    static const struct display_ops ops = {.resize = resize};
    struct sdl_config cfg = {.name = "test machine", .closed = on_closed, .reset = on_reset};
    struct vemu_error *err = NULL;
    pthread_t loop;

    if (!CONFIG_SDL2 ||
        system(
            "for p in Xvfb openbox xdotool import; do command -v $p >/dev/null || exit 1; done")) {
        printf("1..0 # SKIP needs SDL2, Xvfb, openbox, xdotool and import\n");
        return 77;
    }
    setenv("SDL_RENDER_DRIVER", "software", 1);
    setenv("DISPLAY", ":none", 1);
    if (!machine_init(&m, &err))
        return 1;
    machine_lock(&m);
    display = display_new(&m, NULL, 0, &ops, NULL, &err);
    display_set_size(display, WIDTH, HEIGHT);
    machine_unlock(&m);
    tap(!sdl_start(&m, &cfg, &err) && strstr(vemu_error_message(err), "desktop"),
        "sdl: without a desktop there is a sentence");
    vemu_error_free(err);
    err = NULL;
    const pid_t x = start_x();
    if (x < 0)
        return 1;
    const pid_t manager = start_manager();
    usleep(500000);
    draw(WIDTH, HEIGHT);
    add(&keyboard, INPUT_TAKES_KEYS);
    add(&pointer, INPUT_TAKES_ABS | INPUT_TAKES_BUTTONS);
    pthread_create(&loop, NULL, run_loop, NULL);
    struct sdl *s = sdl_start(&m, &cfg, &err);
    if (tap(s && find_window(), "sdl: there is a window")) {
        test_picture_and_keys();
        test_sizes();
        test_grab();
        test_clipboard();
        test_idle();
        run("xdotool key alt+F4 #%s", "");
        tap(COMES(closed == 1), "sdl: closing it is told");
    } else if (err) {
        fprintf(stderr, "%s\n", vemu_error_message(err));
    }
    sdl_stop(s);
    s = sdl_start(&m, &cfg, NULL);
    tap(s != NULL, "sdl: windows come back");
    sdl_stop(s);
    loop_stop(m.loop);
    pthread_join(loop, NULL);
    machine_lock(&m);
    input_sink_remove(&keyboard.sink);
    input_sink_remove(&pointer.sink);
    display_free(display);
    machine_unlock(&m);
    machine_destroy(&m);
    kill(manager, SIGTERM);
    waitpid(manager, NULL, 0);
    kill(x, SIGTERM);
    waitpid(x, NULL, 0);
    return tap_end();
}
