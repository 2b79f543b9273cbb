/*
 * Many viewers at once on threads of their own, while the screen changes in content and size, text
 * is copied, and the server ends in the middle of it. A program of its own for ThreadSanitizer and
 * LeakSanitizer.
 */
#include "core/display/clipboard.h"
#include "tests/vnc_machine.h"

enum { VIEWERS = 12, ROUNDS = 3, CHANGES = 150 };

struct watching {
    struct viewer v;
    pthread_t thread;
    unsigned number, updates;
};

static const int32_t understood[] = {0, 1, -223, -239, -257, -261, -314};

static void *watch(void *opaque)
{
    struct watching *w = opaque;
    struct viewer *v = &w->v;

    if (!v_init(v, w->number % 3 == 0 ? 3 : 8, true) ||
        !v_encodings(v, understood, sizeof understood / sizeof understood[0]))
        return NULL;
    while (v_request(v, w->updates % 4 != 0) && v_update(v)) {
        w->updates++;
        v_key(v, 'a' + w->number, w->updates & 1);
        v_pointer(v, w->updates & 1, (uint16_t)w->updates, 5);
        if (w->number % 4 == 0)
            usleep(10000);
    }
    return NULL;
}

static void ignore(struct clipboard_peer *p)
{
    (void)p;
}
static void answer(struct clipboard_peer *p)
{
    clipboard_answer(p, "text", 4);
}
static void data(struct clipboard_peer *p, const char *text, size_t len)
{
    (void)p, (void)text, (void)len;
}
static const struct clipboard_ops ops = {ignore, ignore, answer, data};

static unsigned one_round(unsigned n)
{
    static const uint32_t pixels[16];
    const struct display_cursor cursor = {4, 4, 0, 0, pixels};
    struct vnc_machine *vm = vm_new(NULL);
    struct clipboard_peer guest = {.ops = &ops};
    struct watching w[VIEWERS];
    unsigned least = ~0u;

    machine_lock(&vm->m);
    clipboard_join(&vm->m, &guest);
    machine_unlock(&vm->m);
    for (unsigned i = 0; i < VIEWERS; i++) {
        w[i] = (struct watching){.number = i};
        v_connect(&w[i].v, vm);
        pthread_create(&w[i].thread, NULL, watch, &w[i]);
    }
    for (unsigned i = 0; i < CHANGES; i++) {
        struct vnc_info info;
        vm_draw(vm, i, i % 100, i % 50, 100, 50);
        machine_lock(&vm->m);
        if (i % 40 == 39)
            display_set_size(vm->d, VM_WIDTH + i % 3, VM_HEIGHT);
        if (i % 20 == 7)
            clipboard_grab(&guest);
        if (i % 10 == 3)
            input_sink_leds(&vm->sink, i / 10 % 8);
        machine_unlock(&vm->m);
        if (i % 8 == 5)
            display_set_cursor(vm->d, i % 16 < 8 ? &cursor : NULL);
        display_move_cursor(vm->d, (int32_t)i, (int32_t)i, true);
        vnc_server_info(vm->server, &info);
        free(info.clients);
        usleep(2000);
    }
    if (n == 0) { /* all of them are served, however slow some are */
        for (unsigned i = 0; i < VIEWERS; i++)
            shutdown(w[i].v.fd, SHUT_RDWR);
        for (unsigned i = 0; i < VIEWERS; i++)
            pthread_join(w[i].thread, NULL);
    }
    machine_lock(&vm->m);
    clipboard_leave(&guest);
    machine_unlock(&vm->m);
    vm_free(vm);
    for (unsigned i = 0; i < VIEWERS; i++) {
        if (n)
            pthread_join(w[i].thread, NULL);
        if (w[i].updates < least)
            least = w[i].updates;
        v_close(&w[i].v);
    }
    return least;
}

int main(void)
{
    printf("1..%d\n", ROUNDS);
    for (unsigned n = 0; n < ROUNDS; n++) {
        unsigned least = one_round(n);
        printf("%sok %u - vnc: each of %d viewers had its updates (%u or more)\n",
               least > 2 ? "" : "not ", n + 1, VIEWERS, least);
    }
    fflush(stdout);
    return 0;
}
