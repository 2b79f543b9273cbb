/* core/chardev: option text and every back end, both directions, with slow and vanishing peers. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "core/chardev/chardev.h"
#include "core/device/machine.h"
#include "core/util/error.h"

static struct vemu_machine m;
static char dir[] = "/tmp/vemu-chardev-XXXXXX";

/* A front end that takes `room` bytes. */
struct front {
    struct chardev *chr;
    char got[8192];
    size_t len, room;
    int writable, opened, closed, breaks;
};

static size_t front_can_receive(void *opaque)
{
    return ((struct front *)opaque)->room;
}

static void front_receive(void *opaque, const uint8_t *data, size_t len)
{
    struct front *f = opaque;
    cr_assert_leq(len, f->room);
    cr_assert_leq(f->len + len, sizeof f->got);
    memcpy(f->got + f->len, data, len);
    f->len += len;
    f->room -= len;
}

static void front_writable(void *opaque)
{
    ((struct front *)opaque)->writable++;
}

static void front_event(void *opaque, enum chardev_event event)
{
    struct front *f = opaque;
    f->opened += event == CHARDEV_OPENED;
    f->closed += event == CHARDEV_CLOSED;
    f->breaks += event == CHARDEV_BREAK;
}

static const struct chardev_frontend front_ops = {
    .can_receive = front_can_receive,
    .receive = front_receive,
    .writable = front_writable,
    .event = front_event,
};

static void set_up(void)
{
    pthread_mutex_init(&m.lock, NULL);
    list_init(&m.chardevs);
    log_init(&m.log, NULL, NULL);
    m.clocks = clock_set_new();
    m.loop = loop_new(m.clocks, &m.lock, NULL);
    cr_assert_not_null(m.loop);
    cr_assert_not_null(mkdtemp(dir));
}

static void tear_down(void)
{
    char command[64];
    chardev_free_all(&m);
    loop_free(m.loop);
    clock_set_free(m.clocks);
    log_destroy(&m.log);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(chardev, .init = set_up, .fini = tear_down, .timeout = 30);

static struct chardev *make(const char *spec)
{
    struct vemu_error *err = NULL;
    struct chardev *chr = chardev_new(&m, NULL, spec, &err);
    cr_assert_not_null(chr, "%s: %s", spec, err ? vemu_error_message(err) : "");
    return chr;
}

static void attach(struct front *f, struct chardev *chr, size_t room)
{
    *f = (struct front){.chr = chr, .room = room};
    cr_assert(chardev_attach(chr, &front_ops, f, NULL));
}

static void rounds(int n)
{
    for (int i = 0; i < n; i++)
        loop_iterate(m.loop, 1000000);
}

/* Runs the loop until cond holds, at most 5 s. */
#define wait_until(cond)                                                                           \
    do {                                                                                           \
        for (int i_ = 0; i_ < 1000 && !(cond); i_++)                                               \
            loop_iterate(m.loop, 5000000);                                                         \
        cr_assert(cond);                                                                           \
    } while (0)

static size_t put(struct chardev *chr, const char *text)
{
    return chardev_write(chr, (const uint8_t *)text, strlen(text));
}

static void assert_got(const struct front *f, const char *text)
{
    cr_assert_eq(f->len, strlen(text));
    cr_assert(!memcmp(f->got, text, f->len), "%.*s", (int)f->len, f->got);
}

static void assert_reads(int fd, const char *text)
{
    char buf[256];
    size_t len = 0;
    while (len < strlen(text)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        cr_assert_eq(poll(&p, 1, 2000), 1, "nothing to read");
        ssize_t n = read(fd, buf + len, sizeof buf - len);
        cr_assert_gt(n, 0);
        len += (size_t)n;
    }
    cr_assert_eq(len, strlen(text));
    cr_assert(!memcmp(buf, text, len));
}

static void send_text(int fd, const char *text)
{
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* ---- option text ----------------------------------------------------------------------------- */

Test(chardev, mistakes_are_one_sentence_that_names_the_item)
{
    static const struct {
        const char *spec, *names;
    } bad[] = {
        {"", "no such back end"},
        {"bogus", "bogus"},
        {"stdio:x", "stdio:x"},
        {"nullx", "nullx"},
        {"null,speed=9", "speed"},
        {"stdio,signal=maybe", "signal"},
        {"file", "path"},
        {"file:", "path"},
        {"file:/nonexistent/dir/x", "/nonexistent/dir/x"},
        {"file:/tmp,append=on", "/tmp"},
        {"ringbuf,size=100", "size"},
        {"ringbuf,size=1T", "size"},
        {"fd:x", "fd"},
        {"fd:999", "999"},
        {"fd", "fd:N"},
        {"unix:/nonexistent/s", "/nonexistent/s"},
        {"unix:/tmp/x,wait=on", "wait"},
        {"unix:", "path"},
        {"socket,id=a", "path"},
        {"socket,path=/tmp/x,port=1", "path"},
        {"tcp:localhost", "localhost"},
        {"tcp:localhost:", "HOST:PORT"},
        {"tcp:127.0.0.1:1", "port=1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vemu_error *err = NULL;
        cr_assert_null(chardev_new(&m, NULL, bad[i].spec, &err), "%s", bad[i].spec);
        const char *text = vemu_error_message(err);
        cr_assert_not_null(strstr(text, bad[i].names), "%s: %s", bad[i].spec, text);
        cr_assert_null(strchr(text, '\n'));
        vemu_error_free(err);
        cr_assert(list_empty(&m.chardevs));
    }
}

Test(chardev, a_path_longer_than_a_socket_name_is_refused)
{
    char spec[300] = "unix:/tmp/";
    struct vemu_error *err = NULL;
    memset(spec + 10, 'x', 200);
    strcpy(spec + 210, ",server=on,wait=off");
    cr_assert_null(chardev_new(&m, NULL, spec, &err));
    cr_assert_not_null(strstr(vemu_error_message(err), "107"));
    vemu_error_free(err);
}

Test(chardev, an_unknown_item_leaves_no_file_behind)
{
    char spec[100], path[80];
    snprintf(path, sizeof path, "%s/new", dir);
    snprintf(spec, sizeof spec, "file:%s,bogus=1", path);
    cr_assert_null(chardev_new(&m, NULL, spec, NULL));
    cr_assert_neq(access(path, F_OK), 0);
}

Test(chardev, ids_are_given_made_and_unique)
{
    struct chardev *a = chardev_new(&m, "con", "null", NULL);
    cr_assert_eq(chardev_find(&m, "con"), a);
    cr_assert_null(chardev_new(&m, "con", "null", NULL));
    struct chardev *b = make("null,id=two");
    cr_assert_str_eq(chardev_id(b), "two");
    struct chardev *c = make("null"), *d = make("null");
    cr_assert_str_neq(chardev_id(c), chardev_id(d));
    chardev_free(a);
    cr_assert_null(chardev_find(&m, "con"));
}

Test(chardev, one_front_end_at_a_time)
{
    struct vemu_error *err = NULL;
    struct chardev *chr = chardev_new(&m, "con", "null", NULL);
    struct front f, g;
    attach(&f, chr, 1);
    cr_assert(!chardev_attach(chr, &front_ops, &g, &err));
    cr_assert_not_null(strstr(vemu_error_message(err), "con"));
    vemu_error_free(err);
    cr_assert(chardev_attach(chr, NULL, NULL, NULL));
    attach(&g, chr, 1);
    rounds(2);
    cr_assert_eq(f.opened, 0);
    cr_assert_eq(g.opened, 1);
}

/* ---- null, file, ring buffer ----------------------------------------------------------------- */

Test(chardev, null_takes_everything)
{
    cr_assert_eq(put(make("null"), "hello"), 5);
}

Test(chardev, file_is_truncated_or_appended_to)
{
    char spec[100], path[80], text[32] = "";
    snprintf(path, sizeof path, "%s/a=b", dir);
    snprintf(spec, sizeof spec, "file:%s", path);
    struct chardev *chr = make(spec);
    cr_assert_str_eq(chardev_path(chr), path);
    cr_assert_eq(put(chr, "one"), 3);
    chardev_free(chr);
    snprintf(spec, sizeof spec, "file,path=%s,append=on", path);
    chr = make(spec);
    put(chr, "two");
    chardev_free(chr);
    FILE *f = fopen(path, "r");
    cr_assert_eq(fread(text, 1, sizeof text - 1, f), 6);
    fclose(f);
    cr_assert_str_eq(text, "onetwo");
}

Test(chardev, a_full_disk_does_not_hold_up_the_guest)
{
    struct chardev *chr = make("file:/dev/full");
    cr_assert_eq(put(chr, "hello"), 5);
    cr_assert_eq(put(chr, "hello"), 5);
}

static void count_up(void *opaque)
{
    ++*(int *)opaque;
}

Test(chardev, ringbuf_keeps_the_newest_output)
{
    uint8_t buf[64];
    int notified = 0;
    struct chardev *chr = make("ringbuf,size=16");
    chardev_ring_notify(chr, count_up, &notified);
    put(chr, "0123456789");
    cr_assert_eq(chardev_ring_read(chr, buf, 4), 4);
    cr_assert(!memcmp(buf, "0123", 4));
    put(chr, "abcdefghijkl");
    cr_assert_eq(chardev_ring_read(chr, buf, sizeof buf), 16);
    cr_assert(!memcmp(buf, "6789abcdefghijkl", 16));
    cr_assert_eq(put(chr, "the quick brown fox jumps"), 25);
    cr_assert_eq(chardev_ring_read(chr, buf, sizeof buf), 16);
    cr_assert(!memcmp(buf, " brown fox jumps", 16));
    cr_assert_eq(chardev_ring_read(chr, buf, sizeof buf), 0);
    cr_assert_eq(notified, 3);
    cr_assert_eq(chardev_ring_read(make("null"), buf, sizeof buf), 0);
}

Test(chardev, injected_input_waits_until_the_front_end_takes_it)
{
    struct front f;
    struct chardev *chr = make("ringbuf");
    attach(&f, chr, 3);
    cr_assert_eq(chardev_inject(chr, (const uint8_t *)"abcdef", 6), 6);
    cr_assert_eq(f.len, 0, "only the loop's thread calls the front end");
    rounds(2);
    assert_got(&f, "abc");
    f.room = 10;
    chardev_accept_input(chr);
    cr_assert_eq(f.len, 3);
    rounds(2);
    assert_got(&f, "abcdef");
    static uint8_t much[10000];
    f.room = 0;
    size_t taken = chardev_inject(chr, much, sizeof much);
    cr_assert(taken > 0 && taken < sizeof much);
    cr_assert_eq(chardev_inject(chr, much, 1), 0);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

Test(chardev, fd_goes_both_ways_over_a_socket_and_leaves_its_flags)
{
    int s[2];
    char spec[32];
    struct front f;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    snprintf(spec, sizeof spec, "fd:%d", s[0]);
    struct chardev *chr = make(spec);
    close(s[0]);
    attach(&f, chr, 100);
    put(chr, "out");
    assert_reads(s[1], "out");
    send_text(s[1], "in");
    wait_until(f.len == 2);
    assert_got(&f, "in");
    close(s[1]);
    wait_until(f.closed == 1);
    cr_assert_eq(put(chr, "gone"), 4);
}

static void *drain(void *opaque)
{
    int fd = *(int *)opaque;
    static uint8_t buf[1 << 16];
    uint8_t expected = 0;
    for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;)
        for (ssize_t i = 0; i < n; i++)
            cr_assert_eq(buf[i], expected++, "a byte was lost or doubled");
    return NULL;
}

/* Writes 1 MiB as a UART does that honours the short count, while another thread reads slowly. */
static void flood(struct front *f, int read_fd)
{
    enum { TOTAL = 1 << 20 };
    pthread_t thread;
    uint8_t piece[1000];
    size_t done = 0, shorts = 0;
    int fd = read_fd;
    for (int started = 0; done < TOTAL;) {
        size_t want = TOTAL - done < sizeof piece ? TOTAL - done : sizeof piece;
        for (size_t i = 0; i < want; i++)
            piece[i] = (uint8_t)(done + i);
        int before = f->writable;
        size_t n = chardev_write(f->chr, piece, want);
        cr_assert_leq(n, want);
        done += n;
        if (n == want)
            continue;
        shorts++;
        if (!started++)
            pthread_create(&thread, NULL, drain, &fd);
        wait_until(f->writable > before);
    }
    cr_assert_gt(shorts, 0);
    rounds(20);
    chardev_free(f->chr);
    pthread_join(thread, NULL);
}

Test(chardev, output_to_a_slow_pipe_is_held_back_and_never_lost)
{
    int p[2];
    char spec[32];
    struct front f;
    cr_assert_eq(pipe(p), 0);
    snprintf(spec, sizeof spec, "fd:%d", p[1]);
    struct chardev *chr = make(spec);
    attach(&f, chr, 0);
    cr_assert(!(fcntl(p[1], F_GETFL) & O_NONBLOCK), "the caller's descriptor is as it was");
    close(p[1]);
    flood(&f, p[0]);
}

Test(chardev, output_to_a_slow_socket_is_held_back_and_never_lost)
{
    int s[2];
    char spec[32];
    struct front f;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    snprintf(spec, sizeof spec, "fd:%d", s[0]);
    attach(&f, make(spec), 0);
    cr_assert(!(fcntl(s[0], F_GETFL) & O_NONBLOCK));
    close(s[0]);
    flood(&f, s[1]);
}

Test(chardev, a_broken_pipe_raises_no_signal)
{
    int p[2];
    char spec[32];
    struct front f;
    cr_assert_eq(pipe(p), 0);
    snprintf(spec, sizeof spec, "fd:%d", p[1]);
    struct chardev *chr = make(spec);
    attach(&f, chr, 0);
    wait_until(f.opened == 1);
    close(p[0]);
    cr_assert_eq(put(chr, "hello"), 5);
    cr_assert_eq(put(chr, "hello"), 5);
    wait_until(f.closed == 1);
}

Test(chardev, input_is_not_read_faster_than_the_front_end_takes_it)
{
    int p[2];
    char spec[32], text[9000];
    struct front f;
    memset(text, 'x', sizeof text);
    cr_assert_eq(pipe(p), 0);
    snprintf(spec, sizeof spec, "fd:%d", p[0]);
    struct chardev *chr = make(spec);
    attach(&f, chr, 1);
    cr_assert_eq(write(p[1], text, sizeof text), sizeof text);
    close(p[1]);
    rounds(20);
    cr_assert_eq(f.len, 1);
    size_t total = f.len;
    while (total < sizeof text) {
        f.len = 0;
        f.room = 16;
        chardev_accept_input(chr);
        wait_until(f.len > 0);
        total += f.len;
    }
    cr_assert_eq(total, sizeof text);
    wait_until(f.closed == 1);
}

/* ---- stdio ----------------------------------------------------------------------------------- */

static char keys[16];
static size_t key_count;

static void note_key(void *opaque, int key)
{
    (void)opaque;
    keys[key_count++] = (char)key;
}

Test(chardev, stdio_finds_the_escape_key_in_a_pipe)
{
    int in[2], out[2];
    char spec[64];
    struct front f;
    cr_assert_eq(pipe(in) | pipe(out), 0);
    snprintf(spec, sizeof spec, "stdio,in=%d,out=%d", in[0], out[1]);
    struct chardev *chr = make(spec);
    chardev_set_escape(chr, note_key, NULL);
    attach(&f, chr, 100);
    cr_assert_null(chardev_new(&m, NULL, spec, NULL), "standard input serves one back end");
    send_text(in[1], "a\001xb\001\001c\001");
    wait_until(f.len == 4);
    assert_got(&f, "ab\001c");
    send_text(in[1], "hd\001b");
    wait_until(f.len == 5 && f.breaks == 1);
    assert_got(&f, "ab\001cd");
    cr_assert_eq(key_count, 2);
    cr_assert(!memcmp(keys, "xh", 2));
    put(chr, "out");
    assert_reads(out[0], "out");
    close(in[1]);
    rounds(5);
    cr_assert_eq(f.closed, 0, "the end of the input just stops it");
    put(chr, "still");
    assert_reads(out[0], "still");
    cr_assert(!(fcntl(in[0], F_GETFL) & O_NONBLOCK));
    cr_assert(!(fcntl(out[1], F_GETFL) & O_NONBLOCK));
}

Test(chardev, without_an_escape_function_ctrl_a_is_the_guests)
{
    int in[2];
    char spec[64];
    struct front f;
    cr_assert_eq(pipe(in), 0);
    snprintf(spec, sizeof spec, "stdio,in=%d,out=1", in[0]);
    attach(&f, make(spec), 100);
    send_text(in[1], "a\001x");
    wait_until(f.len == 3);
    assert_got(&f, "a\001x");
}

Test(chardev, stdio_reads_a_regular_file_to_its_end)
{
    char spec[64], path[80];
    struct front f;
    snprintf(path, sizeof path, "%s/in", dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    send_text(fd, "script");
    lseek(fd, 0, SEEK_SET);
    snprintf(spec, sizeof spec, "stdio,in=%d,out=1", fd);
    attach(&f, make(spec), 100);
    wait_until(f.len == 6);
    rounds(10);
    assert_got(&f, "script");
}

/* A terminal pair with this process as its session's leader, so that it is in the foreground. */
static int open_terminal(int *slave)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    setsid();
    *slave = open(ptsname(master), O_RDWR);
    cr_assert_geq(*slave, 0);
    tcsetpgrp(*slave, getpgrp());
    return master;
}

static bool is_raw(int fd)
{
    struct termios t;
    cr_assert_eq(tcgetattr(fd, &t), 0);
    return !(t.c_lflag & (ICANON | ECHO));
}

Test(chardev, a_terminal_is_raw_only_while_a_front_end_is_attached)
{
    int slave, master = open_terminal(&slave);
    char spec[64];
    struct front f;
    struct termios before, after;
    tcgetattr(slave, &before);
    snprintf(spec, sizeof spec, "stdio,signal=off,in=%d,out=%d", slave, slave);
    struct chardev *chr = make(spec);
    cr_assert(!is_raw(slave));
    attach(&f, chr, 2);
    if (tcgetpgrp(slave) != getpgrp())
        cr_skip_test("no controlling terminal here");
    cr_assert(is_raw(slave));
    struct termios raw;
    tcgetattr(slave, &raw);
    cr_assert(!(raw.c_lflag & ISIG));

    /* The escape key is found while the guest takes nothing. */
    chardev_set_escape(chr, note_key, NULL);
    char much[600];
    memset(much, 'y', sizeof much);
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(write(master, much, sizeof much), sizeof much);
        rounds(3);
    }
    send_text(master, "\001x");
    wait_until(key_count == 1);

    put(chr, "hi");
    assert_reads(master, "hi");

    chardev_termios_restore(chr);
    chardev_termios_restore(chr);
    cr_assert(!is_raw(slave));
    send_text(master, "more");
    rounds(5);
    cr_assert(!is_raw(slave), "a handler's restore stays");
    chardev_attach(chr, NULL, NULL, NULL);
    attach(&f, chr, 0);
    cr_assert(is_raw(slave));
    chardev_free(chr);
    tcgetattr(slave, &after);
    cr_assert_eq(before.c_lflag, after.c_lflag);
    cr_assert_eq(before.c_iflag, after.c_iflag);
}

/* ---- pty ------------------------------------------------------------------------------------- */

Test(chardev, a_pty_can_be_opened_closed_and_opened_again)
{
    struct front f;
    struct chardev *chr = make("pty");
    cr_assert_not_null(chardev_path(chr));
    attach(&f, chr, 4000);
    cr_assert_eq(put(chr, "nobody is there"), 15);
    rounds(3);
    cr_assert_eq(f.opened, 0);
    for (int i = 1; i <= 2; i++) {
        int fd = open(chardev_path(chr), O_RDWR | O_NOCTTY);
        cr_assert_geq(fd, 0);
        put(chr, "login:");
        assert_reads(fd, "login:");
        wait_until(f.opened == i);
        f.len = 0;
        send_text(fd, "root\r");
        wait_until(f.len == 5);
        assert_got(&f, "root\r");
        close(fd);
        wait_until(f.closed == i);
    }
}

Test(chardev, opening_a_pty_is_noticed_without_output)
{
    struct front f;
    struct chardev *chr = make("pty");
    attach(&f, chr, 100);
    rounds(3);
    int fd = open(chardev_path(chr), O_RDWR | O_NOCTTY);
    wait_until(f.opened == 1);
    send_text(fd, "x");
    wait_until(f.len == 1);
    close(fd);
}

/* ---- sockets --------------------------------------------------------------------------------- */

static int connect_unix(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(addr.sun_path, path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

static void check_server(struct chardev *chr, int (*connector)(const char *), const char *where)
{
    struct front f;
    attach(&f, chr, 4000);
    cr_assert_eq(put(chr, "nobody"), 6);
    int a = connector(where);
    wait_until(f.opened == 1);
    int b = connector(where); /* waits in the queue */
    put(chr, "to a");
    assert_reads(a, "to a");
    send_text(b, "from b");
    send_text(a, "from a");
    wait_until(f.len == 6);
    rounds(5);
    assert_got(&f, "from a");
    close(a);
    wait_until(f.closed == 1 && f.opened == 2 && f.len == 12);
    assert_got(&f, "from afrom b");
    put(chr, "to b");
    assert_reads(b, "to b");
    close(b);
    wait_until(f.closed == 2);
}

Test(chardev, a_unix_server_serves_one_client_after_the_other)
{
    char spec[120], path[80];
    struct stat st;
    snprintf(path, sizeof path, "%s/sock", dir);
    snprintf(spec, sizeof spec, "unix:%s,server=on,wait=off", path);
    struct chardev *chr = make(spec);
    cr_assert_null(chardev_new(&m, NULL, spec, NULL), "a name in use is not taken over");
    check_server(chr, connect_unix, path);
    chardev_free(chr);
    cr_assert_neq(stat(path, &st), 0, "the name goes with the server");
}

Test(chardev, a_stale_socket_name_is_taken_over_and_a_file_is_not)
{
    char spec[120], path[80];
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(path, sizeof path, "%s/stale", dir);
    strcpy(addr.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    close(fd);
    snprintf(spec, sizeof spec, "socket,path=%s,server,nowait", path);
    chardev_free(make(spec));
    close(open(path, O_CREAT | O_WRONLY, 0600));
    cr_assert_null(chardev_new(&m, NULL, spec, NULL));
    cr_assert_eq(access(path, F_OK), 0);
}

static int connect_tcp(const char *where)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr.sin_port = htons((uint16_t)atoi(strrchr(where, ':') + 1));
    cr_assert_eq(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

Test(chardev, a_tcp_server_tells_its_port_and_serves_clients)
{
    struct chardev *chr = make("tcp:127.0.0.1:0,server=on,wait=off");
    cr_assert(!strncmp(chardev_path(chr), "tcp:127.0.0.1:", 14));
    check_server(chr, connect_tcp, chardev_path(chr));
}

Test(chardev, two_back_ends_talk_over_tcp)
{
    char spec[120];
    struct front s, c;
    struct chardev *server = make("socket,host=127.0.0.1,port=0,server=on,wait=off");
    attach(&s, server, 100);
    snprintf(spec, sizeof spec, "%s", chardev_path(server));
    struct chardev *client = make(spec);
    attach(&c, client, 100);
    wait_until(s.opened == 1 && c.opened == 1);
    put(client, "ping");
    wait_until(s.len == 4);
    put(server, "pong");
    wait_until(c.len == 4);
    chardev_free(server);
    wait_until(c.closed == 1);
    cr_assert_eq(put(client, "gone"), 4);
}

static void *connect_later(void *opaque)
{
    const char *path = opaque;
    while (access(path, F_OK) != 0)
        usleep(1000);
    usleep(20000);
    int fd = connect_unix(path);
    send_text(fd, "hello");
    return (void *)(intptr_t)fd;
}

Test(chardev, a_server_with_wait_is_made_when_its_client_is_there)
{
    char spec[120], path[80];
    struct front f;
    pthread_t thread;
    void *fd;
    snprintf(path, sizeof path, "%s/wait", dir);
    snprintf(spec, sizeof spec, "unix:%s,server=on", path);
    pthread_create(&thread, NULL, connect_later, path);
    struct chardev *chr = make(spec);
    attach(&f, chr, 100);
    wait_until(f.opened == 1 && f.len == 5);
    assert_got(&f, "hello");
    pthread_join(thread, &fd);
    close((int)(intptr_t)fd);
    wait_until(f.closed == 1);
    int again = connect_unix(path);
    wait_until(f.opened == 2);
    close(again);
}

Test(chardev, input_sent_before_a_close_still_arrives)
{
    char spec[120], path[80];
    struct front f;
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(spec, sizeof spec, "unix:%s,server=on,wait=off", path);
    struct chardev *chr = make(spec);
    attach(&f, chr, 2);
    int fd = connect_unix(path);
    send_text(fd, "abcdef");
    close(fd);
    wait_until(f.closed == 1);
    assert_got(&f, "ab");
    f.room = 10;
    chardev_accept_input(chr);
    wait_until(f.len == 6);
    assert_got(&f, "abcdef");
}

Test(chardev, a_front_end_that_waits_goes_on_when_the_peer_leaves)
{
    static uint8_t much[1 << 20];
    int s[2];
    char spec[32];
    struct front f;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    snprintf(spec, sizeof spec, "fd:%d", s[0]);
    struct chardev *chr = make(spec);
    close(s[0]);
    attach(&f, chr, 100);
    cr_assert_lt(chardev_write(chr, much, sizeof much), sizeof much);
    rounds(5);
    cr_assert_eq(f.writable, 0);
    close(s[1]);
    wait_until(f.writable == 1 && f.closed == 1);
    cr_assert_eq(chardev_write(chr, much, sizeof much), sizeof much);
}

/* ---- a front end whose answers change -------------------------------------------------------- */

struct growing {
    size_t room, most;
};

/* As with buffers that a guest adds at any time. */
static size_t growing_can_receive(void *opaque)
{
    struct growing *g = opaque;

    g->room = g->room == 1 ? 4096 : 1;
    return g->room;
}

static void growing_receive(void *opaque, const uint8_t *data, size_t len)
{
    struct growing *g = opaque;

    (void)data;
    cr_assert_leq(len, g->room);
    cr_assert_leq(len, 256);
    g->most = len > g->most ? len : g->most;
}

Test(chardev, room_that_grows_while_it_is_asked_for_does_no_harm)
{
    static const struct chardev_frontend ops = {.can_receive = growing_can_receive,
                                                .receive = growing_receive};
    static const uint8_t data[4000];
    struct chardev *chr = make("ringbuf");
    struct growing g = {0, 0};

    cr_assert(chardev_attach(chr, &ops, &g, NULL));
    cr_assert_eq(chardev_inject(chr, data, sizeof data), sizeof data);
    rounds(2);
    cr_expect_eq(g.most, 256, "bytes that are handed on at once");
}
