/* core/monitor: where JSON texts end, argument checks, and conversations over a socket with peers
 * that are slow, silent, large, or gone. The tables of the real protocol are looked over, too. */
#include <config.h>
#if CONFIG_JANSSON
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/device/machine.h"
#include "core/monitor/internal.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "libvemu/qmp/commands.h"

/* ---- frames ---------------------------------------------------------------------------------- */

static enum json_frame_result scan(const char *text, size_t *end)
{
    struct json_frame f = {0};
    return json_frame_scan(&f, text, strlen(text), end);
}

Test(json_frame, a_text_ends_where_its_brackets_close_however_it_is_cut)
{
    static const char text[] = " \r\n{\"a\": [1, {\"b\": \"}]\\\"{\\\\\"}], \"c\": {}} {";
    const size_t want = strlen(text) - 2;

    for (size_t cut = 0; cut < sizeof text; cut++) {
        struct json_frame f = {0};
        size_t end = 0;
        enum json_frame_result first = json_frame_scan(&f, text, cut, &end);
        cr_assert_eq(first, cut < want ? JSON_FRAME_MORE : JSON_FRAME_TEXT, "cut %zu", cut);
        if (first == JSON_FRAME_MORE)
            cr_assert_eq(json_frame_scan(&f, text, sizeof text - 1, &end), JSON_FRAME_TEXT);
        cr_assert_eq(end, want);
        cr_assert_eq(f.start, 3);
    }
}

Test(json_frame, depth_has_a_limit)
{
    char text[3 * JSON_DEPTH_MAX] = "";
    size_t end;

    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    cr_assert_eq(scan(text, &end), JSON_FRAME_TEXT);
    cr_assert_eq(end, 2 * JSON_DEPTH_MAX);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    strcpy(text + JSON_DEPTH_MAX + 1, "\n{}");
    cr_assert_eq(scan(text, &end), JSON_FRAME_BAD);
    cr_assert_str_eq(text + end, "{}");
}

Test(json_frame, what_does_not_match_costs_its_line)
{
    size_t end;

    cr_assert_eq(scan("{]} junk\n{}", &end), JSON_FRAME_BAD);
    cr_assert_eq(end, 9);
    cr_assert_eq(scan("{\"half\xff{}", &end), JSON_FRAME_BAD);
    cr_assert_eq(end, 7);
    cr_assert_eq(scan("nonsense\n{}", &end), JSON_FRAME_TEXT);
    cr_assert_eq(end, 8);
    cr_assert_eq(scan("nonsense", &end), JSON_FRAME_MORE);
    cr_assert_eq(scan("   ", &end), JSON_FRAME_MORE);
}

/* ---- a small protocol ------------------------------------------------------------------------ */

static const char *const colours[] = {"red", "green", NULL};
static const struct qmp_type colour = {.name = "Colour", .kind = QMP_KIND_ENUM, .values = colours};
static const struct qmp_member inner_members[] = {{.name = "n", .type = &qmp_int}, {.name = NULL}};
static const struct qmp_type inner = {
    .name = "Inner", .kind = QMP_KIND_OBJECT, .members = inner_members};
static const struct qmp_type inner_list = {
    .name = "[Inner]", .kind = QMP_KIND_ARRAY, .element = &inner};
static const struct qmp_member outer_members[] = {
    {.name = "s", .type = &qmp_str},
    {.name = "c", .type = &colour, .optional = true},
    {.name = "list", .type = &inner_list, .optional = true},
    {.name = "b", .type = &qmp_bool, .optional = true},
    {.name = "any", .type = &qmp_any, .optional = true},
    {.name = "x", .type = &qmp_number, .optional = true},
    {.name = NULL}};
static const struct qmp_type outer = {
    .name = "Outer", .kind = QMP_KIND_OBJECT, .members = outer_members};
static const struct qmp_member enable_members[] = {
    {.name = "enable", .type = &qmp_str_list, .optional = true}, {.name = NULL}};
static const struct qmp_type enable_arg = {
    .name = "enable-arg", .kind = QMP_KIND_OBJECT, .members = enable_members};

static unsigned runs;

static json_t *echo(void *opaque, json_t *args, struct qmp_error *err)
{
    (void)opaque;
    runs++;
    if (strcmp(json_string_value(json_object_get(args, "s")), "fail") == 0)
        return qmp_fail(err, QMP_DEVICE_NOT_FOUND, "as asked for");
    return json_incref(args);
}

/* 32 KiB, so that a few of them fill any socket. */
static json_t *big(void *opaque, json_t *args, struct qmp_error *err)
{
    static char text[32769];

    (void)opaque, (void)args, (void)err;
    memset(text, 'x', sizeof text - 1);
    runs++;
    return json_string(text);
}

static const struct qmp_command small_commands[] = {
    {.name = "qmp_capabilities", .arguments = &enable_arg},
    {.name = "echo", .run = echo, .arguments = &outer, .returns = &outer},
    {.name = "big", .run = big, .returns = &qmp_str},
    {.name = NULL}};
static const struct qmp_event small_events[] = {{.name = "PING", .data = &inner}, {.name = NULL}};
static const struct qmp_schema small = {
    .major = 8, .minor = 2, .package = "test", .commands = small_commands, .events = small_events};

Test(qmp_schema, arguments_are_checked_to_the_last_member)
{
    static const struct {
        const char *json, *sentence; /* NULL: it is right */
    } rows[] = {
        {"{\"s\": \"\"}", NULL},
        {"{\"s\": \"x\", \"c\": \"green\", \"b\": false, \"any\": [null], \"x\": 1.5}", NULL},
        {"{\"s\": \"x\", \"list\": [{\"n\": 1}, {\"n\": -2}], \"x\": 1}", NULL},
        {"{}", "argument 's' is missing: it must be a string"},
        {"{\"s\": 1}", "argument 's' must be a string"},
        {"{\"s\": \"x\", \"t\": 1}", "argument 't' is not known here"},
        {"{\"s\": \"x\", \"c\": \"blue\"}",
         "argument 'c' is 'blue', but must be one of red, green"},
        {"{\"s\": \"x\", \"b\": 0}", "argument 'b' must be true or false"},
        {"{\"s\": \"x\", \"list\": {}}", "argument 'list' must be an array"},
        {"{\"s\": \"x\", \"list\": [{\"n\": 1}, {}]}",
         "argument 'list[1].n' is missing: it must be a whole number"},
        {"{\"s\": \"x\", \"list\": [{\"n\": 1.0}]}", "argument 'list[0].n' must be a whole number"},
        {"{\"s\": \"x\", \"list\": [{\"n\": 1, \"m\": 1}]}",
         "argument 'list[0].m' is not known here"},
        {"[]", "argument must be an object"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        json_t *value = json_loads(rows[i].json, 0, NULL);
        struct qmp_error err = {.text = ""};
        cr_assert(value, "%s", rows[i].json);
        cr_assert_eq(qmp_check(&outer, value, "argument", &err), !rows[i].sentence, "%s: %s",
                     rows[i].json, err.text);
        if (rows[i].sentence)
            cr_assert_str_eq(err.text, rows[i].sentence);
        json_decref(value);
    }
}

Test(qmp_schema, text_that_is_no_unicode_becomes_a_string)
{
    json_t *value = qmp_string("na\xefve");

    cr_assert_str_eq(json_string_value(value), "na?ve");
    json_decref(value);
}

/* ---- the tables of the protocol -------------------------------------------------------------- */

static const struct qmp_type *all_types[256];
static unsigned type_count;

static void walk(const struct qmp_type *type)
{
    if (!type)
        return;
    for (unsigned i = 0; i < type_count; i++) {
        if (all_types[i] == type)
            return;
        cr_assert_str_neq(all_types[i]->name, type->name, "two types of one name");
    }
    cr_assert_lt(type_count, ARRAY_SIZE(all_types));
    all_types[type_count++] = type;
    walk(type->element);
    for (const struct qmp_member *m = type->members; m && m->name; m++)
        walk(m->type);
}

Test(qmp_schema, names_of_the_protocol_are_unique_and_commands_do_something)
{
    for (const struct qmp_command *c = qmp_schema.commands; c->name; c++) {
        cr_assert_eq(qmp_command_find(&qmp_schema, c->name), c, "%s twice", c->name);
        cr_assert(c->run || strcmp(c->name, "qmp_capabilities") == 0, "%s", c->name);
        cr_assert(!c->arguments || c->arguments->kind == QMP_KIND_OBJECT, "%s", c->name);
        walk(c->arguments);
        walk(c->returns);
    }
    for (const struct qmp_event *e = qmp_schema.events; e->name; e++)
        walk(e->data);
    for (int e = CONTROL_STOP; e <= CONTROL_GUEST_PANICKED; e++) {
        const struct qmp_event *event = qmp_event_find(&qmp_schema, commands_event_name(e));
        struct qmp_error err;
        cr_assert(event);
        for (int cause = CAUSE_NONE; cause <= CAUSE_GUEST_PANIC; cause++) {
            json_t *data = commands_event_data(e, cause);
            cr_assert_eq(!data, !event->data);
            cr_assert(!data || qmp_check(event->data, data, "event", &err), "%s", err.text);
            json_decref(data);
        }
    }
}

Test(qmp_schema, introspection_names_every_type_that_it_uses)
{
    json_t *list = qmp_introspect(&qmp_schema), *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        static const char *const refs[] = {"arg-type", "ret-type", "element-type"};
        cr_assert(json_object_get(item, "meta-type"));
        for (size_t r = 0; r < ARRAY_SIZE(refs); r++) {
            const char *name = json_string_value(json_object_get(item, refs[r]));
            bool found = !name;
            size_t j;
            json_t *other;
            json_array_foreach(list, j, other)
            {
                const char *meta = json_string_value(json_object_get(other, "meta-type"));
                found |= name && strcmp(meta, "command") != 0 && strcmp(meta, "event") != 0 &&
                         strcmp(json_string_value(json_object_get(other, "name")), name) == 0;
            }
            cr_assert(found, "%s", name);
        }
    }
    json_decref(list);
}

/* ---- conversations --------------------------------------------------------------------------- */

static struct vemu_machine m;
static struct qmp *q;
static char dir[] = "/tmp/vemu-qmp-XXXXXX", path[64];

static void set_up(void)
{
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/sock", dir);
    cr_assert(machine_init(&m, NULL));
    q = qmp_new(&m, &small, NULL);
    cr_assert(q && qmp_listen(q, path, "-control", NULL));
    runs = 0;
}

static void tear_down(void)
{
    struct stat st;

    qmp_free(q);
    machine_destroy(&m);
    cr_assert(lstat(path, &st) < 0, "the socket is left behind");
    rmdir(dir);
}

TestSuite(qmp, .init = set_up, .fini = tear_down, .timeout = 60);

/* Rounds of the main loop until nothing more happens. */
static void settle(void)
{
    for (unsigned still = 0; still < 3; still++) {
        loop_iterate(m.loop, 0);
        if (qmp_pending(q)) {
            qmp_process(q);
            still = 0;
        }
    }
}

static int join(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    strcpy(addr.sun_path, path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    settle();
    return fd;
}

static void say(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    settle();
}

/* The next line that came; "" when there is none, NULL at the end. */
static const char *hear(int fd)
{
    static char line[65536];
    size_t len = 0;

    while (len < sizeof line - 1) {
        ssize_t n = recv(fd, line + len, sizeof line - 1 - len, MSG_PEEK);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return NULL;
        if (n < 0)
            break;
        /* What is behind the line's end stays for the next one. */
        const char *end = memchr(line + len, '\n', (size_t)n);
        size_t take = end ? (size_t)(end + 1 - line) - len : (size_t)n;
        cr_assert_eq(recv(fd, line + len, take, 0), (ssize_t)take);
        len += take;
        if (end)
            break;
    }
    line[len] = 0;
    if (len) {
        cr_assert(len >= 2 && strcmp(line + len - 2, "\r\n") == 0, "no line end: %s", line);
        line[len - 2] = 0;
    }
    return line;
}

static int negotiated(void)
{
    int fd = join();

    cr_assert(strstr(hear(fd), "\"QMP\""));
    say(fd, "{\"execute\": \"qmp_capabilities\"}\r\n");
    cr_assert_str_eq(hear(fd), "{\"return\": {}}");
    return fd;
}

Test(qmp, greets_and_negotiates_before_anything_else)
{
    int fd = join();

    cr_assert_str_eq(hear(fd), "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, "
                               "\"major\": 8}, \"package\": \"test\"}, \"capabilities\": []}}");
    say(fd, "{\"execute\": \"echo\", \"arguments\": {\"s\": \"x\"}}");
    cr_assert(strstr(hear(fd), "\"class\": \"CommandNotFound\""));
    say(fd, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": [\"oob\"]}}");
    cr_assert(strstr(hear(fd), "\"class\": \"GenericError\""));
    say(fd, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": []}, \"id\": 1}");
    cr_assert_str_eq(hear(fd), "{\"return\": {}, \"id\": 1}");
    say(fd, "{\"execute\": \"qmp_capabilities\"}");
    cr_assert(strstr(hear(fd), "\"class\": \"CommandNotFound\""));
    cr_assert_eq(runs, 0);
    close(fd);
    settle();
    cr_assert(list_empty(&q->sessions));
}

Test(qmp, replies_carry_the_id_whatever_it_is)
{
    static const char *const ids[] = {"7", "\"libvirt-1\"", "null", "[1, {\"a\": true}]", "-0.5"};
    char text[256], want[256];
    int fd = negotiated();

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        snprintf(text, sizeof text,
                 "{\"execute\":\"echo\",\"id\":%s,\"arguments\":{\"s\":\"x\"}}\n", ids[i]);
        snprintf(want, sizeof want, "{\"return\": {\"s\": \"x\"}, \"id\": %s}", ids[i]);
        say(fd, text);
        cr_assert_str_eq(hear(fd), want);
    }
    say(fd, "{\"execute\":\"echo\",\"id\":3,\"arguments\":{\"s\":\"fail\"}}");
    cr_assert_str_eq(hear(fd), "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"as asked "
                               "for\"}, \"id\": 3}");
    close(fd);
}

Test(qmp, mistakes_are_answered_and_the_conversation_goes_on)
{
    static const char *const bad[] = {
        "nonsense\n",
        "[1, 2]\n",
        "{\"execute\": 1}",
        "{\"arguments\": {}}",
        "{\"execute\": \"echo\", \"arguments\": []}",
        "{\"execute\": \"echo\", \"arguments\": {\"s\": 1}}",
        "{\"execute\": \"echo\", \"execute\": \"big\"}",
        "{\"execute\": \"nothing\"}",
        "{\"exec-oob\": \"echo\"}",
        "{\"execute\": \"echo\", \"arguments\": {\"s\": \"\xc3\x28\"}}",
        "{\"execute\": }",
        "}\n",
        "{\"execute\": \"echo\", \"argum\xff",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
    };
    int fd = negotiated();

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        say(fd, bad[i]);
        cr_assert(strstr(hear(fd), "{\"error\": {\"class\": "), "%s", bad[i]);
        cr_assert_str_eq(hear(fd), "", "%s", bad[i]);
        say(fd, "{\"execute\": \"echo\", \"arguments\": {\"s\": \"on\"}}");
        cr_assert_str_eq(hear(fd), "{\"return\": {\"s\": \"on\"}}", "after %s", bad[i]);
    }
    close(fd);
}

/* Sends without a limit of its own; returns what the socket took. */
static size_t push(int fd, const char *data, size_t len)
{
    size_t sent = 0;

    for (unsigned idle = 0; sent < len && idle < 8; idle++) {
        ssize_t n = send(fd, data + sent, len - sent, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            idle = 0;
        }
        settle();
    }
    return sent;
}

Test(qmp, a_message_that_is_too_large_is_dropped_whole)
{
    size_t len = 3 * QMP_MESSAGE_MAX;
    char *text = malloc(len);
    int fd = negotiated();

    memset(text, ' ', len);
    memcpy(text, "{\"execute\": \"", 13);
    text[len - 1] = '\n';
    cr_assert_eq(push(fd, text, len), len);
    cr_assert(strstr(hear(fd), "more than a mebibyte"));
    cr_assert_str_eq(hear(fd), "");
    cr_assert_leq(list_entry(q->sessions.next, struct qmp_session, node)->in_room,
                  (size_t)QMP_MESSAGE_MAX);
    say(fd, "{\"execute\": \"echo\", \"arguments\": {\"s\": \"on\"}}");
    cr_assert_str_eq(hear(fd), "{\"return\": {\"s\": \"on\"}}");
    free(text);
    close(fd);
}

Test(qmp, commands_sent_ahead_are_answered_in_order)
{
    enum { MANY = 2000 };
    char *all = malloc(MANY * 80), want[80];
    size_t len = 0;
    int fd = negotiated();

    for (int i = 0; i < MANY; i++)
        len += (size_t)sprintf(all + len,
                               "{\"execute\":\"echo\",\"id\":%d,\"arguments\":{\"s\":\"\"}}", i);
    cr_assert_eq(push(fd, all, len), len);
    for (int i = 0; i < MANY; i++) {
        snprintf(want, sizeof want, "{\"return\": {\"s\": \"\"}, \"id\": %d}", i);
        settle();
        cr_assert_str_eq(hear(fd), want);
    }
    free(all);
    close(fd);
}

Test(qmp, only_so_many_commands_run_between_two_rounds)
{
    static const char one[] = "{\"execute\":\"echo\",\"arguments\":{\"s\":\"\"}}";
    int fd = negotiated();

    runs = 0;
    for (int i = 0; i < 100; i++)
        cr_assert_eq(send(fd, one, sizeof one - 1, 0), (ssize_t)sizeof one - 1);
    loop_iterate(m.loop, 0);
    qmp_process(q);
    cr_assert(runs > 0 && runs < 50, "%u", runs);
    settle();
    cr_assert_eq(runs, 100);
    close(fd);
}

Test(qmp, who_does_not_read_replies_gets_no_more_commands_run)
{
    static const char one[] = "{\"execute\": \"big\"}\n";
    size_t len = (sizeof one - 1) * 1000;
    char *all = malloc(len + 1);
    struct qmp_session *s;
    unsigned replies = 0, before;
    int fd = negotiated();

    for (int i = 0; i < 1000; i++)
        strcpy(all + i * (int)(sizeof one - 1), one);
    cr_assert_eq(push(fd, all, len), len);
    s = list_entry(q->sessions.next, struct qmp_session, node);
    before = runs;
    cr_assert(runs < 100, "%u", runs);
    cr_assert(s->out_len < QMP_OUTPUT_PAUSE + 40000, "%zu", s->out_len);
    settle();
    cr_assert_eq(runs, before);
    /* Another one is served meanwhile. */
    int other = negotiated();
    close(other);
    while (replies < 1000) {
        settle();
        const char *line = hear(fd);
        cr_assert(line && *line, "after %u replies", replies);
        replies++;
    }
    cr_assert_eq(runs, 1000);
    free(all);
    close(fd);
}

Test(qmp, events_reach_all_who_have_negotiated)
{
    int a = negotiated(), b = negotiated(), silent = join();
    const char *line;

    hear(silent);
    qmp_event(q, "PING", json_pack("{s:i}", "n", 5));
    settle();
    for (int i = 0; i < 2; i++) {
        line = hear(i ? b : a);
        cr_assert(strstr(line, "{\"timestamp\": {\"seconds\": "));
        cr_assert(strstr(line, "\"event\": \"PING\", \"data\": {\"n\": 5}}"));
    }
    cr_assert_str_eq(hear(silent), "");
    close(a), close(b), close(silent);
}

Test(qmp, who_never_reads_events_is_let_go)
{
    char text[4097] = "";
    int fd = negotiated(), other = negotiated();

    memset(text, 'e', sizeof text - 1);
    for (int i = 0; i < 4000; i++) {
        qmp_event(q, "PING", json_pack("{s:s}", "n", text));
        while (*hear(other))
            ;
    }
    settle();
    cr_assert_eq(q->clients, 1);
    say(other, "{\"execute\": \"echo\", \"arguments\": {\"s\": \"on\"}}");
    cr_assert_str_eq(hear(other), "{\"return\": {\"s\": \"on\"}}");
    close(fd), close(other);
}

Test(qmp, silent_clients_make_room_and_served_ones_do_not)
{
    int fds[QMP_CLIENTS_MAX], late;

    for (int i = 0; i < QMP_CLIENTS_MAX; i++)
        fds[i] = i == 3 ? join() : negotiated();
    hear(fds[3]);
    late = negotiated();
    cr_assert_null(hear(fds[3]));
    cr_assert_eq(q->clients, QMP_CLIENTS_MAX);
    close(fds[3]);
    fds[3] = join();
    cr_assert_null(hear(fds[3]));
    for (int i = 0; i < QMP_CLIENTS_MAX; i++)
        close(fds[i]);
    close(late);
    settle();
    cr_assert_eq(q->clients, 0);
}

Test(qmp, a_peer_that_only_closed_its_sending_end_is_answered)
{
    int fd = join();

    hear(fd);
    cr_assert(send(fd, "{\"execute\":\"qmp_capabilities\"}{\"execute\":\"big\"}{\"half", 54, 0) >
              0);
    shutdown(fd, SHUT_WR);
    settle();
    cr_assert_str_eq(hear(fd), "{\"return\": {}}");
    cr_assert(strstr(hear(fd), "xxx"));
    settle();
    cr_assert_null(hear(fd));
    cr_assert_eq(q->clients, 0);
    close(fd);
}

Test(qmp, the_socket_is_for_its_owner_alone)
{
    struct stat st;

    cr_assert_eq(lstat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
}

/* ---- names of sockets ------------------------------------------------------------------------ */

Test(unix_listen, a_dead_name_is_replaced_and_a_living_one_is_not)
{
    struct unix_listener a, b;
    struct vemu_error *err = NULL;
    char name[64];
    int fd;

    cr_assert(mkdtemp(dir));
    snprintf(name, sizeof name, "%s/sock", dir);
    cr_assert(unix_listen(&a, name, 0, 1, "-x", NULL));
    cr_assert_not(unix_listen(&b, name, 0, 1, "-x", &err));
    cr_assert(strstr(vemu_error_message(err), "cannot listen there"));
    vemu_error_free(err);
    close(a.fd);   /* as if its process had died */
    usleep(50000); /* the two are told apart by when they were made, among other things */
    cr_assert(unix_listen(&b, name, 0, 1, "-x", NULL));
    a.fd = -1;
    unix_unlisten(&a); /* the name is another's by now */
    cr_assert_eq(access(name, F_OK), 0);
    unix_unlisten(&b);
    cr_assert_neq(access(name, F_OK), 0);
    fd = open(name, O_CREAT | O_WRONLY, 0600);
    cr_assert_not(unix_listen(&b, name, 0, 1, "-x", NULL));
    cr_assert_eq(access(name, F_OK), 0, "a file that is no socket stays");
    close(fd);
    unlink(name);
    rmdir(dir);
}
#endif
