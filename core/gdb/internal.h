/* Between the server (connection, stop and go) and the commands of the gdb stub. */
#ifndef CORE_GDB_INTERNAL_H
#define CORE_GDB_INTERNAL_H

#include "core/cpu/cpu.h"
#include "core/gdb/gdb.h"
#include "core/gdb/rsp.h"
#include "core/gdb/target.h"

struct chardev;

enum { GDB_INPUT_MAX = 2 * RSP_PACKET_MAX };

struct gdb_breakpoint {
    struct cpu_breakpoint bp;
    bool hardware; /* asked for with Z1: only the stop reply differs */
};

struct gdb_server {
    struct vemu_machine *m;
    const struct gdb_host *host;
    void *opaque;
    struct chardev *chr;

    /* filled in callbacks, machine lock held */
    uint8_t input[GDB_INPUT_MAX];
    size_t input_len;
    char *output; /* what the peer does not take yet */
    size_t output_len, output_room;
    bool connected, connection_changed;

    struct rsp rsp;
    char last_frame[RSP_PACKET_MAX + 5]; /* for '-' */
    size_t last_len;
    bool no_ack;
    bool reports_swbreak; /* the peer understands "swbreak" and "hwbreak" */

    bool attached; /* a debugger is served: it was connected when we last looked */
    bool waiting;  /* the peer waits for a stop reply */
    bool exited;
    int exit_status;
    unsigned cpu_g, cpu_c; /* vCPUs of register and memory packets, and of step */
    const struct gdb_target *target;
    char *xml; /* of target; NULL until asked for */

    struct gdb_breakpoint *breakpoints;
    unsigned breakpoint_count;
};

/* server.c */
void gdb_send(struct gdb_server *g, const struct rsp_reply *reply);
struct vcpu *gdb_vcpu(struct gdb_server *g, unsigned index);
/* Lets the vCPUs go: actions holds one of 'c', 's' and 0 (stay) for each. */
void gdb_go(struct gdb_server *g, const char *actions);
void gdb_detach(struct gdb_server *g);
void gdb_stop_reply(struct gdb_server *g, struct rsp_reply *reply, int signal);

/* commands.c: one packet; sends what there is to answer. */
void gdb_command(struct gdb_server *g, const char *packet, size_t len);

#endif
