/* `vemu ctl NAME disk ...`, `net ...`, `eject`, `change`: parts of a running machine;
 * `type` and `send-key`: what its keyboard does. */
#ifndef CLI_CTL_PARTS_H
#define CLI_CTL_PARTS_H

struct control;

#define CTL_DISK_USAGE "disk add FILE[,KEY=VALUE...] | remove ID | list"
#define CTL_NET_USAGE "net add TYPE[,KEY=VALUE...] | remove ID | on ID | off ID"
#define CTL_EJECT_USAGE "eject [DRIVE] [force]"
#define CTL_CHANGE_USAGE "change [DRIVE] FILE [force]"

int ctl_eject(struct control *c, const char *name, int argc, const char *const *argv);
int ctl_change(struct control *c, const char *name, int argc, const char *const *argv);
int ctl_disk(struct control *c, const char *name, int argc, const char *const *argv);
int ctl_type(struct control *c, const char *name, int argc, const char *const *argv);
int ctl_send_key(struct control *c, const char *name, int argc, const char *const *argv);
int ctl_net(struct control *c, const char *name, int argc, const char *const *argv);

#endif
