/*
 * The gdb stub's connection, and stopping and starting vCPUs for it. The socket is a character back
 * end like any other: its callbacks only collect bytes; everything else happens in
 * gdb_server_process().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chardev/chardev.h"
#include "core/cpu/debug.h"
#include "core/device/machine.h"
#include "core/gdb/internal.h"
#include "core/util/error.h"
#include "core/util/range.h"

enum { SIGNAL_INT = 2, SIGNAL_TRAP = 5, OUTPUT_LIMIT = 1 << 20 };

/* ---- the socket's side; machine lock held ---------------------------------------------------- */

static size_t can_receive(void *opaque)
{
    struct gdb_server *g = opaque;

    return sizeof g->input - g->input_len;
}

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    struct gdb_server *g = opaque;
    size_t n = MIN(len, sizeof g->input - g->input_len);

    memcpy(g->input + g->input_len, data, n);
    g->input_len += n;
}

static void flush_output(struct gdb_server *g)
{
    size_t n = chardev_write(g->chr, (const uint8_t *)g->output, g->output_len);

    g->output_len -= n;
    memmove(g->output, g->output + n, g->output_len);
}

static void writable(void *opaque)
{
    flush_output(opaque);
}

static void event(void *opaque, enum chardev_event what)
{
    struct gdb_server *g = opaque;

    if (what == CHARDEV_BREAK)
        return;
    g->connected = what == CHARDEV_OPENED;
    g->connection_changed = true;
    g->input_len = 0;
    g->output_len = 0;
}

static const struct chardev_frontend frontend = {
    .can_receive = can_receive,
    .receive = receive,
    .writable = writable,
    .event = event,
};

/* ---- sending --------------------------------------------------------------------------------- */

/* A peer that never reads is cut off from more: what does not fit is dropped. */
static void send_bytes(struct gdb_server *g, const char *data, size_t len)
{
    machine_lock(g->m);
    if (g->connected && len <= OUTPUT_LIMIT - g->output_len) {
        if (g->output_len + len > g->output_room) {
            char *output = realloc(g->output, g->output_len + len);
            if (output) {
                g->output = output;
                g->output_room = g->output_len + len;
            }
        }
        if (g->output_len + len <= g->output_room) {
            memcpy(g->output + g->output_len, data, len);
            g->output_len += len;
        }
        flush_output(g);
    }
    machine_unlock(g->m);
}

void gdb_send(struct gdb_server *g, const struct rsp_reply *reply)
{
    if (reply->overflow)
        g->last_len = rsp_frame("E7f", 3, g->last_frame);
    else
        g->last_len = rsp_frame(reply->data, reply->len, g->last_frame);
    send_bytes(g, g->last_frame, g->last_len);
}

/* ---- stop and go ----------------------------------------------------------------------------- */

struct vcpu *gdb_vcpu(struct gdb_server *g, unsigned index)
{
    return index < g->m->vcpu_count ? g->m->vcpus[index] : NULL;
}

static bool same_breakpoints(const struct vcpu *cpu, const struct gdb_server *g)
{
    if (cpu->breakpoint_count != g->breakpoint_count)
        return false;
    for (unsigned i = 0; i < g->breakpoint_count; i++) {
        const struct cpu_breakpoint *a = &cpu->breakpoints[i], *b = &g->breakpoints[i].bp;
        if (a->addr != b->addr || a->len != b->len || a->kind != b->kind)
            return false;
    }
    return true;
}

/* The vCPU's own copy. gdb removes and inserts everything around each stop, so a list that is the
 * same again must not cost the vCPU its translations. */
static bool install_breakpoints(struct vcpu *cpu, const struct gdb_server *g)
{
    struct cpu_breakpoint *list = NULL;

    if (same_breakpoints(cpu, g))
        return false;
    if (g->breakpoint_count) {
        list = calloc(g->breakpoint_count, sizeof *list);
        if (!list)
            return false;
    }
    for (unsigned i = 0; i < g->breakpoint_count; i++)
        list[i] = g->breakpoints[i].bp;
    free(cpu->breakpoints);
    cpu->breakpoints = list;
    cpu->breakpoint_count = g->breakpoint_count;
    cpu->debug_hit = NULL;
    return true;
}

static void tell_stop(struct gdb_server *g, int signal);

void gdb_go(struct gdb_server *g, const char *actions)
{
    const struct accel *accel = g->m->accel;

    for (unsigned i = 0; i < g->m->vcpu_count; i++) {
        struct vcpu *cpu = g->m->vcpus[i];
        bool step = actions[i] == 's', changed = install_breakpoints(cpu, g);

        changed |= cpu->single_step != step;
        cpu->single_step = step;
        cpu->debug_hold = actions[i] == 0;
        cpu->debug_stopped = false;
        if (changed && accel->debug_changed)
            accel->debug_changed(cpu);
    }
    g->waiting = true;
    if (g->exited)
        tell_stop(g, 0);
    else
        g->host->resume(g->opaque);
}

void gdb_detach(struct gdb_server *g)
{
    char actions[256];

    if (!g->attached)
        return;
    g->attached = false;
    g->breakpoint_count = 0;
    memset(actions, 'c', sizeof actions);
    if (g->m->vcpu_count <= sizeof actions)
        gdb_go(g, actions);
    g->waiting = false;
}

static void attach(struct gdb_server *g)
{
    g->attached = true;
    g->waiting = g->no_ack = g->reports_swbreak = false;
    g->cpu_g = g->cpu_c = 0;
    g->last_len = 0;
    rsp_init(&g->rsp);
    g->host->pause(g->opaque);
    g->target = gdb_target_of(g->m->vcpus[0]);
    free(g->xml);
    g->xml = NULL;
}

static const struct gdb_breakpoint *find_hit(const struct gdb_server *g, struct vcpu *cpu)
{
    const struct cpu_register *reg = cpu_register_find(cpu->arch, cpu_pc_name(cpu->arch));
    uint64_t pc = cpu_debug_pc(cpu), seen = 0;

    /* gdb looks for its breakpoint where its $pc is, which is an offset: with a segment base the
     * two differ, and a stop that gdb does not recognise as its own is better than one it thinks
     * long removed and goes on from. */
    if (reg)
        cpu_register_read(cpu, reg, &seen);
    if (seen != pc)
        return NULL;

    for (unsigned i = 0; i < g->breakpoint_count; i++) {
        if (g->breakpoints[i].bp.kind == CPU_BP_EXEC && g->breakpoints[i].bp.addr == pc)
            return &g->breakpoints[i];
    }
    return NULL;
}

/* "watch:ADDR;" and the like, for the vCPU that stopped. */
static void add_reason(struct gdb_server *g, struct rsp_reply *reply, struct vcpu *cpu)
{
    static const char *const watch[] = {
        [CPU_BP_WRITE] = "watch", [CPU_BP_READ] = "rwatch", [CPU_BP_ACCESS] = "awatch"};
    const struct cpu_breakpoint *hit = cpu->debug_hit;
    const struct gdb_breakpoint *exec;

    if (hit && hit->kind != CPU_BP_EXEC) {
        reply_text(reply, "%s:%llx;", watch[hit->kind], (unsigned long long)cpu->debug_addr);
        return;
    }
    exec = g->reports_swbreak && !cpu->single_step ? find_hit(g, cpu) : NULL;
    if (exec)
        reply_text(reply, "%s:;", exec->hardware ? "hwbreak" : "swbreak");
}

void gdb_stop_reply(struct gdb_server *g, struct rsp_reply *reply, int signal)
{
    struct vcpu *cpu = gdb_vcpu(g, g->cpu_g);

    if (g->exited) {
        reply_text(reply, "W%02x", g->exit_status & 0xff);
        return;
    }
    reply_text(reply, "T%02xthread:%x;", signal, g->cpu_g + 1);
    if (cpu && cpu->debug_stopped)
        add_reason(g, reply, cpu);
}

static void tell_stop(struct gdb_server *g, int signal)
{
    struct rsp_reply *reply;

    if (!g->waiting)
        return;
    reply = calloc(1, sizeof *reply);
    if (!reply)
        return;
    g->waiting = false;
    gdb_stop_reply(g, reply, signal);
    gdb_send(g, reply);
    free(reply);
}

/* Holds and steps are for one go. */
static void end_step(struct gdb_server *g)
{
    for (unsigned i = 0; i < g->m->vcpu_count; i++)
        g->m->vcpus[i]->debug_hold = false;
}

void gdb_server_stopped(struct gdb_server *g)
{
    for (unsigned i = 0; i < g->m->vcpu_count; i++) {
        if (g->m->vcpus[i]->debug_stopped) {
            g->cpu_g = g->cpu_c = i;
            break;
        }
    }
    end_step(g);
    if (!g->attached)
        g->host->resume(g->opaque); /* the debugger went while a vCPU ran into its breakpoint */
    else
        tell_stop(g, SIGNAL_TRAP);
}

void gdb_server_exited(struct gdb_server *g, int status)
{
    g->exited = true;
    g->exit_status = status;
    tell_stop(g, 0);
}

/* ---- input ----------------------------------------------------------------------------------- */

bool gdb_server_pending(const struct gdb_server *g)
{
    return __atomic_load_n(&g->input_len, __ATOMIC_RELAXED) ||
           __atomic_load_n(&g->connection_changed, __ATOMIC_RELAXED);
}

/* All the bytes that came, into data (room for GDB_INPUT_MAX). */
static size_t take_input(struct gdb_server *g, uint8_t *data, bool *changed)
{
    size_t len;

    machine_lock(g->m);
    len = g->input_len;
    memcpy(data, g->input, len);
    g->input_len = 0;
    *changed = g->connection_changed;
    g->connection_changed = false;
    chardev_accept_input(g->chr);
    machine_unlock(g->m);
    return len;
}

static void interrupt(struct gdb_server *g)
{
    if (!g->waiting)
        return;
    g->host->pause(g->opaque);
    end_step(g);
    tell_stop(g, SIGNAL_INT);
}

static void handle(struct gdb_server *g, enum rsp_event what)
{
    switch (what) {
    case RSP_PACKET:
        if (!g->no_ack)
            send_bytes(g, "+", 1);
        gdb_command(g, g->rsp.packet, g->rsp.len);
        break;
    case RSP_INTERRUPT:
        interrupt(g);
        break;
    case RSP_BAD:
        if (!g->no_ack)
            send_bytes(g, "-", 1);
        break;
    case RSP_NAK:
        if (!g->no_ack && g->last_len)
            send_bytes(g, g->last_frame, g->last_len);
        break;
    case RSP_NOTHING:
        break;
    }
}

void gdb_server_process(struct gdb_server *g)
{
    uint8_t *data;
    size_t len, used;
    bool changed;

    if (!gdb_server_pending(g))
        return;
    data = malloc(GDB_INPUT_MAX);
    if (!data)
        return;
    len = take_input(g, data, &changed);
    if (changed) {
        /* A new peer may come in the same round in which the old one went. */
        gdb_detach(g);
        if (g->connected)
            attach(g);
    }
    for (size_t at = 0; at < len && g->attached; at += used)
        handle(g, rsp_feed(&g->rsp, data + at, len - at, &used));
    free(data);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct gdb_server *gdb_server_new(struct vemu_machine *m, const char *where,
                                  const struct gdb_host *host, void *opaque,
                                  struct vemu_error **errp)
{
    struct gdb_server *g = calloc(1, sizeof *g);
    size_t plain = strcspn(where, ",");
    char spec[400];

    if (!g) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    g->m = m;
    g->host = host;
    g->opaque = opaque;
    rsp_init(&g->rsp);
    /* Without a host only this machine's debuggers: the stub gives away the whole guest. */
    if (strncmp(where, "tcp::", 5) == 0)
        snprintf(spec, sizeof spec, "tcp:127.0.0.1:%.*s,server=on,wait=off", (int)plain - 5,
                 where + 5);
    else
        snprintf(spec, sizeof spec, "%.*s,server=on,wait=off", (int)MIN(plain, 300), where);
    g->chr = chardev_new(m, NULL, spec, errp);
    if (!g->chr || !chardev_attach(g->chr, &frontend, g, errp)) {
        gdb_server_free(g);
        return NULL;
    }
    return g;
}

void gdb_server_free(struct gdb_server *g)
{
    if (!g)
        return;
    if (g->chr) {
        machine_lock(g->m);
        chardev_free(g->chr);
        machine_unlock(g->m);
    }
    free(g->output);
    free(g->breakpoints);
    free(g->xml);
    free(g);
}
