/* Text between viewers and the machine's clipboard: plain, and as the extended clipboard has it. */
#include <criterion/criterion.h>

#include "core/display/clipboard.h"
#include "tests/unit/vnc_watched.h"

struct guest {
    struct clipboard_peer p;
    const char *text;
    atomic_uint grabs, answers;
    char got[64];
};

static void guest_grabbed(struct clipboard_peer *p)
{
    atomic_fetch_add(&((struct guest *)p)->grabs, 1);
}
static void guest_released(struct clipboard_peer *p)
{
    (void)p;
}
static void guest_wanted(struct clipboard_peer *p)
{
    clipboard_answer(p, ((struct guest *)p)->text, strlen(((struct guest *)p)->text));
}
static void guest_data(struct clipboard_peer *p, const char *text, size_t len)
{
    struct guest *g = (struct guest *)p;

    snprintf(g->got, sizeof g->got, "%.*s", (int)len, len ? text : "");
    atomic_fetch_add(&g->answers, 1);
}
static const struct clipboard_ops guest_ops = {guest_grabbed, guest_released, guest_wanted,
                                               guest_data};

static void wait_for(atomic_uint *count, unsigned n)
{
    for (int ms = 0; atomic_load(count) < n && ms < VM_WAIT_MS; ms++)
        usleep(1000);
    cr_assert_geq(atomic_load(count), n);
}

Test(vnc, plain_text_goes_both_ways)
{
    static const uint8_t cut[] = {6, 0, 0, 0, 0, 0, 0, 5, 'a', '\r', '\n', 0xe4, 'z'};
    struct guest g = {.p = {.ops = &guest_ops}, .text = "gr\xc3\xbc\xc3\x9f \xe2\x82\xac"};
    struct vnc_machine *vm = vm_new(NULL);
    struct viewer v;
    uint8_t answer[8 + 6];

    join(&v, vm);
    cr_assert(v_request(&v, false) && v_update(&v));
    machine_lock(&vm->m);
    clipboard_join(&vm->m, &g.p);
    machine_unlock(&vm->m);
    cr_assert(v_send(&v, cut, sizeof cut));
    wait_for(&g.grabs, 1);
    machine_lock(&vm->m);
    clipboard_request(&g.p);
    machine_unlock(&vm->m);
    wait_for(&g.answers, 1);
    cr_assert_str_eq(g.got, "a\n\xc3\xa4z");
    machine_lock(&vm->m);
    clipboard_grab(&g.p);
    machine_unlock(&vm->m);
    cr_assert(v_read(&v, answer, sizeof answer));
    cr_assert(answer[0] == 3 && load_be32(answer + 4) == 6);
    cr_assert(memcmp(answer + 8, "gr\xfc\xdf ?", 6) == 0);
    v_close(&v);
    machine_lock(&vm->m);
    clipboard_leave(&g.p);
    machine_unlock(&vm->m);
    vm_free(vm);
}

static bool read_extended(struct viewer *v, uint32_t *flags, uint8_t *body, size_t *len)
{
    uint8_t head[12];
    int32_t size;

    if (!v_read(v, head, sizeof head) || head[0] != 3)
        return false;
    size = -(int32_t)load_be32(head + 4);
    *flags = load_be32(head + 8);
    *len = (size_t)size - 4;
    return size >= 4 && *len < 128 && v_read(v, body, *len);
}

static bool send_extended(struct viewer *v, uint32_t flags, const void *body, size_t len)
{
    uint8_t head[12] = {6};

    store_be32(head + 4, (uint32_t) - (int32_t)(len + 4));
    store_be32(head + 8, flags);
    return v_send(v, head, sizeof head) && v_send(v, body, len);
}

Test(vnc, extended_clipboard_asks_before_it_sends)
{
    /* "text\r\n", its NUL and its length in front, stored without compression */
    static const uint8_t provide[] = {0x78, 0x01, 1,   11,  0,    0xf4, 0xff, 0, 0, 0, 7,
                                      't',  'e',  'x', 't', '\r', '\n', 0,    0, 0, 0, 0};
    struct guest g = {.p = {.ops = &guest_ops}, .text = "line\nline\n"};
    struct vnc_machine *vm = vm_new(NULL);
    struct viewer v;
    uint32_t flags;
    uint8_t body[128];
    size_t len;

    join(&v, vm);
    cr_assert(v_request(&v, false) && v_update(&v));
    cr_assert(V_ENCODINGS(&v, 0, (int32_t)0xc0a1e5ce));
    cr_assert(read_extended(&v, &flags, body, &len));
    cr_assert_eq(flags, 0x1b000001, "%x", flags);
    cr_assert_eq(len, 4);
    machine_lock(&vm->m);
    clipboard_join(&vm->m, &g.p);
    clipboard_grab(&g.p);
    machine_unlock(&vm->m);
    cr_assert(read_extended(&v, &flags, body, &len));
    cr_assert_eq(flags, 1u << 27 | 1);
    cr_assert(send_extended(&v, 1u << 25 | 1, NULL, 0));
    cr_assert(read_extended(&v, &flags, body, &len));
    cr_assert_eq(flags, 1u << 28 | 1);
    cr_assert(len > 6 && body[0] == 0x78 && load_be16(body) % 31 == 0, "a zlib stream");

    cr_assert(send_extended(&v, 1u << 27 | 1, NULL, 0)); /* the viewer has some */
    wait_for(&g.grabs, 1);
    machine_lock(&vm->m);
    clipboard_request(&g.p);
    machine_unlock(&vm->m);
    cr_assert(read_extended(&v, &flags, body, &len));
    cr_assert_eq(flags, 1u << 25 | 1);
    cr_assert(send_extended(&v, 1u << 28 | 1, provide, sizeof provide));
    wait_for(&g.answers, 1);
    cr_assert_str_eq(g.got, "text\n");
    v_close(&v);
    machine_lock(&vm->m);
    clipboard_leave(&g.p);
    machine_unlock(&vm->m);
    vm_free(vm);
}

WATCHED(text_that_unpacks_to_too_much_ends_the_connection)
{
    /* Stored, with a length of 2 GiB in front. */
    static const uint8_t bomb[] = {0x78, 0x01, 1, 4, 0, 0xfb, 0xff, 0x7f, 0xff, 0xff, 0xff};

    cr_assert(V_ENCODINGS(v, 0, (int32_t)0xc0a1e5ce));
    cr_assert(send_extended(v, 1u << 28 | 1, bomb, sizeof bomb));
    cr_assert(v_closed(v));
}
