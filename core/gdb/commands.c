/*
 * The packets of the remote serial protocol (gdb manual, appendix "gdb Remote Serial Protocol").
 * The text is the peer's: every number is read with a limit, every length is checked against the
 * packet. The vCPUs stand still while a packet that looks at them is handled.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu/debug.h"
#include "core/device/machine.h"
#include "core/gdb/internal.h"
#include "core/util/range.h"

/* Error numbers in replies; gdb shows them and draws no conclusions. */
enum { ERROR_SYNTAX = 0x01, ERROR_MEMORY = 0x0e, ERROR_VALUE = 0x16, ERROR_ROOM = 0x0c };
enum { THREAD_ALL = -1, CPUS_MAX = 256, WATCH_MAX = 4096 };

static void reply_error(struct rsp_reply *r, unsigned number)
{
    reply_text(r, "E%02x", number);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* A thread id: -1 all, 0 any; otherwise a vCPU's number from 1. False: malformed or no such. */
static bool take_thread(struct gdb_server *g, const char **p, int *index)
{
    uint64_t n;

    if ((*p)[0] == '-' && (*p)[1] == '1') {
        *p += 2;
        *index = THREAD_ALL;
        return true;
    }
    if (!hex_number(p, &n) || n > g->m->vcpu_count)
        return false;
    *index = n ? (int)n - 1 : (int)g->cpu_g;
    return true;
}

static void cmd_set_thread(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    char kind = *p;
    int index;

    if (!kind || (kind != 'g' && kind != 'c')) {
        reply_error(r, ERROR_SYNTAX);
        return;
    }
    p++;
    if (!take_thread(g, &p, &index) || *p) {
        reply_error(r, ERROR_VALUE);
        return;
    }
    if (index != THREAD_ALL && kind == 'g')
        g->cpu_g = (unsigned)index;
    if (index != THREAD_ALL && kind == 'c')
        g->cpu_c = (unsigned)index;
    reply_text(r, "OK");
}

static void cmd_thread_alive(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    int index;

    if (take_thread(g, &p, &index) && !*p)
        reply_text(r, "OK");
    else
        reply_error(r, ERROR_VALUE);
}

static void query_thread_info(struct gdb_server *g, struct rsp_reply *r)
{
    reply_text(r, "m");
    for (unsigned i = 0; i < g->m->vcpu_count; i++)
        reply_text(r, "%s%x", i ? "," : "", i + 1);
}

static void query_extra_info(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    char text[64];
    int index;

    if (!take_thread(g, &p, &index) || index < 0) {
        reply_error(r, ERROR_VALUE);
        return;
    }
    snprintf(text, sizeof text, "CPU#%d [%s]", index,
             g->m->vcpus[index]->halted ? "halted" : "running");
    reply_hex(r, text, strlen(text));
}

/* ---- registers ------------------------------------------------------------------------------- */

static void cmd_read_registers(struct gdb_server *g, struct rsp_reply *r)
{
    const struct gdb_register *reg;
    uint8_t wire[CPU_REGISTER_MAX];

    machine_lock(g->m);
    for (unsigned n = 0; (reg = gdb_target_register(g->target, n)); n++) {
        gdb_register_read(gdb_vcpu(g, g->cpu_g), reg, wire);
        reply_hex(r, wire, reg->size);
    }
    machine_unlock(g->m);
}

static void cmd_write_registers(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    const struct gdb_register *reg;
    uint8_t wire[CPU_REGISTER_MAX], now[CPU_REGISTER_MAX];
    bool ok = true;

    machine_lock(g->m);
    for (unsigned n = 0; ok && *p && (reg = gdb_target_register(g->target, n)); n++) {
        ok = hex_bytes(&p, wire, reg->size);
        if (!ok)
            break;
        /* Only what differs: a write has effects even when the value is the same. */
        gdb_register_read(gdb_vcpu(g, g->cpu_g), reg, now);
        if (memcmp(now, wire, reg->size) != 0)
            ok = gdb_register_write(gdb_vcpu(g, g->cpu_g), reg, wire);
    }
    machine_unlock(g->m);
    if (ok)
        reply_text(r, "OK");
    else
        reply_error(r, ERROR_VALUE);
}

static const struct gdb_register *take_register(struct gdb_server *g, const char **p)
{
    uint64_t n;

    return hex_number(p, &n) && n < 1024 ? gdb_target_register(g->target, (unsigned)n) : NULL;
}

static void cmd_read_register(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    const struct gdb_register *reg = take_register(g, &p);
    uint8_t wire[CPU_REGISTER_MAX];

    if (!reg || *p) {
        reply_error(r, ERROR_VALUE);
        return;
    }
    machine_lock(g->m);
    gdb_register_read(gdb_vcpu(g, g->cpu_g), reg, wire);
    machine_unlock(g->m);
    reply_hex(r, wire, reg->size);
}

static void cmd_write_register(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    const struct gdb_register *reg = take_register(g, &p);
    uint8_t wire[CPU_REGISTER_MAX];
    bool ok = reg && take_char(&p, '=') && hex_bytes(&p, wire, reg->size) && !*p;

    if (ok) {
        machine_lock(g->m);
        ok = gdb_register_write(gdb_vcpu(g, g->cpu_g), reg, wire);
        machine_unlock(g->m);
    }
    if (ok)
        reply_text(r, "OK");
    else
        reply_error(r, ERROR_VALUE);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool take_range(const char **p, uint64_t *addr, uint64_t *len)
{
    return hex_number(p, addr) && take_char(p, ',') && hex_number(p, len);
}

/* As much as is mapped, which the protocol allows to be less than was asked for. */
static size_t read_memory(struct gdb_server *g, uint64_t addr, uint8_t *bytes, size_t len)
{
    struct vcpu *cpu = gdb_vcpu(g, g->cpu_g);
    size_t done = 0;

    machine_lock(g->m);
    while (done < len) {
        size_t n = MIN(len - done, MEM_PAGE_SIZE - ((addr + done) & (MEM_PAGE_SIZE - 1)));
        if (!cpu_debug_read(cpu, addr + done, bytes + done, n))
            break;
        done += n;
    }
    machine_unlock(g->m);
    return done;
}

static void cmd_read_memory(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    static const size_t most = (RSP_PACKET_MAX - 8) / 2;
    uint64_t addr, len;
    uint8_t *bytes;
    size_t n;

    if (!take_range(&p, &addr, &len) || *p) {
        reply_error(r, ERROR_SYNTAX);
        return;
    }
    len = MIN(len, most);
    bytes = malloc(len + 1);
    n = bytes ? read_memory(g, addr, bytes, len) : 0;
    if (!n && len)
        reply_error(r, bytes ? ERROR_MEMORY : ERROR_ROOM);
    else
        reply_hex(r, bytes, n);
    free(bytes);
}

static void write_memory(struct gdb_server *g, uint64_t addr, const void *bytes, size_t len,
                         struct rsp_reply *r)
{
    bool ok;

    machine_lock(g->m);
    ok = cpu_debug_write(gdb_vcpu(g, g->cpu_g), addr, bytes, len);
    machine_unlock(g->m);
    if (ok)
        reply_text(r, "OK");
    else
        reply_error(r, ERROR_MEMORY);
}

static void cmd_write_memory(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    uint64_t addr, len;
    uint8_t *bytes;

    if (!take_range(&p, &addr, &len) || !take_char(&p, ':') || len > RSP_PACKET_MAX / 2) {
        reply_error(r, ERROR_SYNTAX);
        return;
    }
    bytes = malloc(len + 1);
    if (!bytes || !hex_bytes(&p, bytes, len) || *p)
        reply_error(r, bytes ? ERROR_SYNTAX : ERROR_ROOM);
    else
        write_memory(g, addr, bytes, len, r);
    free(bytes);
}

static void cmd_write_binary(struct gdb_server *g, const char *p, const char *end,
                             struct rsp_reply *r)
{
    uint64_t addr, len;

    if (!take_range(&p, &addr, &len) || !take_char(&p, ':') || len != (uint64_t)(end - p))
        reply_error(r, ERROR_SYNTAX);
    else
        write_memory(g, addr, p, len, r);
}

/* ---- breakpoints ----------------------------------------------------------------------------- */

static int find_breakpoint(const struct gdb_server *g, const struct gdb_breakpoint *want)
{
    for (unsigned i = 0; i < g->breakpoint_count; i++) {
        const struct gdb_breakpoint *b = &g->breakpoints[i];
        if (b->bp.addr == want->bp.addr && b->bp.len == want->bp.len &&
            b->bp.kind == want->bp.kind && b->hardware == want->hardware)
            return (int)i;
    }
    return -1;
}

static bool add_breakpoint(struct gdb_server *g, const struct gdb_breakpoint *b)
{
    struct gdb_breakpoint *list;

    if (find_breakpoint(g, b) >= 0)
        return true;
    if (g->breakpoint_count >= GDB_BREAKPOINTS_MAX)
        return false;
    list = realloc(g->breakpoints, (g->breakpoint_count + 1) * sizeof *list);
    if (!list)
        return false;
    g->breakpoints = list;
    list[g->breakpoint_count++] = *b;
    return true;
}

static void remove_breakpoint(struct gdb_server *g, const struct gdb_breakpoint *b)
{
    int i = find_breakpoint(g, b);

    if (i < 0)
        return;
    memmove(&g->breakpoints[i], &g->breakpoints[i + 1],
            (g->breakpoint_count - (unsigned)i - 1) * sizeof *g->breakpoints);
    g->breakpoint_count--;
}

/* With the newest at the end of the list. An accelerator by a processor's debug registers has few.
 */
static enum cpu_debug_room room_for(const struct gdb_server *g)
{
    const struct accel *accel = g->m->accel;
    enum cpu_debug_room room = CPU_DEBUG_NO_ROOM;

    if (!accel->debug_room)
        return CPU_DEBUG_FITS;
    struct cpu_breakpoint *list = calloc(g->breakpoint_count, sizeof *list);
    for (unsigned i = 0; list && i < g->breakpoint_count; i++)
        list[i] = g->breakpoints[i].bp;
    if (list)
        room = accel->debug_room(g->m, list, g->breakpoint_count);
    free(list);
    return room;
}

/* NO_KIND makes gdb try another kind: it watches accesses where there is nothing for reads. */
static void insert_breakpoint(struct gdb_server *g, const struct gdb_breakpoint *b,
                              struct rsp_reply *r)
{
    bool known = find_breakpoint(g, b) >= 0;
    enum cpu_debug_room room = CPU_DEBUG_NO_ROOM;

    if (add_breakpoint(g, b))
        room = known ? CPU_DEBUG_FITS : room_for(g);
    if (room == CPU_DEBUG_FITS) {
        reply_text(r, "OK");
        return;
    }
    if (!known)
        remove_breakpoint(g, b);
    if (room == CPU_DEBUG_NO_ROOM)
        reply_error(r, ERROR_ROOM);
}

/* "Ztype,addr,kind", "ztype,addr,kind". Conditions and commands behind it are gdb's own business:
 * they were not offered. */
static void cmd_breakpoint(struct gdb_server *g, const char *p, bool insert, struct rsp_reply *r)
{
    static const int kinds[] = {CPU_BP_EXEC, CPU_BP_EXEC, CPU_BP_WRITE, CPU_BP_READ, CPU_BP_ACCESS};
    struct gdb_breakpoint b = {0};
    uint64_t type, addr, len;

    if (!hex_number(&p, &type) || !take_char(&p, ',') || !take_range(&p, &addr, &len)) {
        reply_error(r, ERROR_SYNTAX);
        return;
    }
    if (type >= ARRAY_SIZE(kinds))
        return; /* not supported: the empty reply */
    b.bp.addr = addr;
    b.bp.len = type < 2 ? 1 : len;
    b.bp.kind = kinds[type];
    b.hardware = type == 1;
    if (!b.bp.len || b.bp.len > WATCH_MAX) {
        reply_error(r, ERROR_VALUE);
        return;
    }
    if (insert) {
        insert_breakpoint(g, &b, r);
        return;
    }
    remove_breakpoint(g, &b);
    reply_text(r, "OK");
}

/* ---- go -------------------------------------------------------------------------------------- */

/* "vCont;c", "vCont;s:2;c": for each vCPU the first action that names it. */
static void cmd_vcont(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    char actions[CPUS_MAX] = {0};
    bool any = false;

    while (take_char(&p, ';')) {
        char action = *p;
        int index = THREAD_ALL;
        uint64_t signal;

        if (!action || !strchr("cCsS", action)) {
            reply_error(r, ERROR_SYNTAX);
            return;
        }
        p++;
        /* A signal means nothing to a machine: the action is done without it. */
        if ((action == 'C' || action == 'S') && !hex_number(&p, &signal)) {
            reply_error(r, ERROR_SYNTAX);
            return;
        }
        if (take_char(&p, ':') && !take_thread(g, &p, &index)) {
            reply_error(r, ERROR_VALUE);
            return;
        }
        for (unsigned i = 0; i < g->m->vcpu_count && i < CPUS_MAX; i++) {
            if (!actions[i] && (index == THREAD_ALL || (unsigned)index == i)) {
                actions[i] = action == 's' || action == 'S' ? 's' : 'c';
                any = true;
            }
        }
    }
    if (*p || !any)
        reply_error(r, ERROR_SYNTAX);
    else
        gdb_go(g, actions);
}

/* "c", "s", "cADDR", and with a signal "C05;ADDR". */
static void cmd_go(struct gdb_server *g, char command, const char *p, struct rsp_reply *r)
{
    bool step = command == 's' || command == 'S';
    char actions[CPUS_MAX] = {0};
    uint64_t value;

    if (command == 'C' || command == 'S') {
        if (!hex_number(&p, &value)) {
            reply_error(r, ERROR_SYNTAX);
            return;
        }
        take_char(&p, ';');
    }
    if (*p) {
        const struct cpu_register *pc = cpu_register_find(ARCH_X86, "rip");
        bool ok = hex_number(&p, &value) && !*p;
        if (ok && pc) {
            machine_lock(g->m);
            ok = cpu_register_write(gdb_vcpu(g, g->cpu_c), pc, &value, NULL);
            machine_unlock(g->m);
        }
        if (!ok) {
            reply_error(r, ERROR_VALUE);
            return;
        }
    }
    if (step)
        actions[g->cpu_c] = 's';
    else
        memset(actions, 'c', sizeof actions);
    gdb_go(g, actions);
}

/* ---- queries --------------------------------------------------------------------------------- */

static void query_supported(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    g->reports_swbreak = strstr(p, "swbreak+") != NULL;
    reply_text(r,
               "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+;swbreak+;"
               "hwbreak+",
               RSP_PACKET_MAX);
}

/* "target.xml:OFFSET,LENGTH" */
static void query_features(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    static const char annex[] = "target.xml:";
    uint64_t offset, len;
    size_t total;

    if (strncmp(p, annex, sizeof annex - 1) != 0) {
        reply_text(r, "E00");
        return;
    }
    p += sizeof annex - 1;
    if (!take_range(&p, &offset, &len) || *p) {
        reply_error(r, ERROR_SYNTAX);
        return;
    }
    if (!g->xml)
        g->xml = gdb_target_xml(g->target);
    if (!g->xml) {
        reply_error(r, ERROR_ROOM);
        return;
    }
    total = strlen(g->xml);
    offset = MIN(offset, total);
    /* Half of the packet: every byte may need an escape. */
    len = MIN(MIN(len, total - offset), RSP_PACKET_MAX / 2 - 8);
    reply_text(r, offset + len < total ? "m" : "l");
    reply_binary(r, g->xml + offset, len);
}

/* "monitor TEXT" */
static void query_command(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    char text[64];
    const char *answer = "commands: reset, quit, help\n";
    size_t len = strlen(p) / 2;

    if (len >= sizeof text || !hex_bytes(&p, text, len) || *p) {
        reply_error(r, ERROR_SYNTAX);
        return;
    }
    text[len] = 0;
    if (strcmp(text, "reset") == 0 || strcmp(text, "system_reset") == 0) {
        g->host->reset(g->opaque);
        answer = "the machine was reset\n";
    } else if (strcmp(text, "quit") == 0) {
        g->host->kill(g->opaque);
        answer = "the machine ends\n";
    } else if (strcmp(text, "help") != 0) {
        answer = "unknown command; there are: reset, quit, help\n";
    }
    reply_hex(r, answer, strlen(answer));
}

static const char *after(const char *p, const char *word)
{
    size_t len = strlen(word);

    return strncmp(p, word, len) == 0 ? p + len : NULL;
}

static void cmd_query(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    const char *rest;

    if ((rest = after(p, "Supported")))
        query_supported(g, rest, r);
    else if ((rest = after(p, "Xfer:features:read:")))
        query_features(g, rest, r);
    else if (strcmp(p, "fThreadInfo") == 0)
        query_thread_info(g, r);
    else if (strcmp(p, "sThreadInfo") == 0)
        reply_text(r, "l");
    else if ((rest = after(p, "ThreadExtraInfo,")))
        query_extra_info(g, rest, r);
    else if (strcmp(p, "C") == 0)
        reply_text(r, "QC%x", g->cpu_g + 1);
    else if (strcmp(p, "Attached") == 0 || after(p, "Attached:"))
        reply_text(r, "1");
    else if ((rest = after(p, "Rcmd,")))
        query_command(g, rest, r);
}

static void cmd_multi(struct gdb_server *g, const char *p, struct rsp_reply *r)
{
    const char *rest;

    if (strcmp(p, "Cont?") == 0)
        reply_text(r, "vCont;c;C;s;S");
    else if ((rest = after(p, "Cont")))
        cmd_vcont(g, rest, r);
    else if (strcmp(p, "Kill") == 0 || after(p, "Kill;")) {
        reply_text(r, "OK");
        g->host->kill(g->opaque);
    }
}

/* ---- one packet ------------------------------------------------------------------------------ */

/* Commands that have their reply later (a stop), or never (kill). */
static bool has_late_reply(const struct gdb_server *g, const struct rsp_reply *r, char command)
{
    return r->len == 0 && !r->overflow && (g->waiting || command == 'k');
}

static void dispatch(struct gdb_server *g, const char *p, size_t len, struct rsp_reply *r)
{
    switch (*p) {
    case '?':
        gdb_stop_reply(g, r, 5);
        break;
    case 'g':
        cmd_read_registers(g, r);
        break;
    case 'G':
        cmd_write_registers(g, p + 1, r);
        break;
    case 'p':
        cmd_read_register(g, p + 1, r);
        break;
    case 'P':
        cmd_write_register(g, p + 1, r);
        break;
    case 'm':
        cmd_read_memory(g, p + 1, r);
        break;
    case 'M':
        cmd_write_memory(g, p + 1, r);
        break;
    case 'X':
        cmd_write_binary(g, p + 1, p + len, r);
        break;
    case 'c':
    case 'C':
    case 's':
    case 'S':
        cmd_go(g, *p, p + 1, r);
        break;
    case 'Z':
    case 'z':
        cmd_breakpoint(g, p + 1, *p == 'Z', r);
        break;
    case 'H':
        cmd_set_thread(g, p + 1, r);
        break;
    case 'T':
        cmd_thread_alive(g, p + 1, r);
        break;
    case 'q':
        cmd_query(g, p + 1, r);
        break;
    case 'v':
        cmd_multi(g, p + 1, r);
        break;
    case 'k':
        g->host->kill(g->opaque);
        break;
    default:
        break;
    }
}

void gdb_command(struct gdb_server *g, const char *packet, size_t len)
{
    struct rsp_reply *r = calloc(1, sizeof *r);

    if (!r)
        return;
    /* All-stop: while the machine runs for the debugger, only Ctrl-C is for us. */
    if (g->waiting && *packet != 'k' && strncmp(packet, "vKill", 5) != 0) {
        free(r);
        return;
    }
    if (strcmp(packet, "QStartNoAckMode") == 0) {
        reply_text(r, "OK");
        gdb_send(g, r);
        g->no_ack = true;
    } else if (*packet == 'D') {
        reply_text(r, "OK");
        gdb_send(g, r);
        gdb_detach(g);
    } else {
        dispatch(g, packet, len, r);
        if (!has_late_reply(g, r, *packet))
            gdb_send(g, r);
    }
    free(r);
}
