/*
 * The commands of the control protocol: one function each, named as the command, and the table that
 * lists them. All run on the loop's thread with `control` held and the machine lock not; args was
 * checked against the table.
 */
#ifndef LIBVEMU_QMP_COMMANDS_H
#define LIBVEMU_QMP_COMMANDS_H

#include "core/monitor/schema.h"
#include "libvemu/control.h"

struct lib_machine;

/* schema.c: the one description of the protocol */
extern const struct qmp_schema qmp_schema;
extern const char *const qmp_run_states[];      /* by enum run_state, then "prelaunch" */
extern const char *const qmp_shutdown_causes[]; /* by enum control_cause */

#define QMP_COMMAND(name) json_t *name(void *opaque, json_t *args, struct qmp_error *err)

/* run.c */
QMP_COMMAND(qmp_query_status);
QMP_COMMAND(qmp_stop);
QMP_COMMAND(qmp_cont);
QMP_COMMAND(qmp_system_reset);
QMP_COMMAND(qmp_system_powerdown);
QMP_COMMAND(qmp_inject_nmi);
QMP_COMMAND(qmp_quit);
QMP_COMMAND(qmp_query_migrate_capabilities);
QMP_COMMAND(qmp_migrate_set_capabilities);

/* about.c */
QMP_COMMAND(qmp_query_version);
QMP_COMMAND(qmp_query_commands);
QMP_COMMAND(qmp_query_qmp_schema);
QMP_COMMAND(qmp_query_name);
QMP_COMMAND(qmp_query_uuid);
QMP_COMMAND(qmp_query_kvm);
QMP_COMMAND(qmp_query_accelerators);
QMP_COMMAND(qmp_query_target);
QMP_COMMAND(qmp_query_machines);
QMP_COMMAND(qmp_query_gic_capabilities);
QMP_COMMAND(qmp_query_cpu_definitions);
QMP_COMMAND(qmp_query_cpus_fast);
QMP_COMMAND(qmp_query_memory_size_summary);
QMP_COMMAND(qmp_query_chardev);
QMP_COMMAND(qmp_query_command_line_options);

/* qom.c */
QMP_COMMAND(qmp_qom_list_types);
QMP_COMMAND(qmp_qom_list_properties);
QMP_COMMAND(qmp_device_list_properties);
QMP_COMMAND(qmp_qom_list);
QMP_COMMAND(qmp_qom_get);
QMP_COMMAND(qmp_qom_set);

/* For the other files: a device by its id, and where it is. Machine lock held. */
struct device;
struct device *qom_device(struct lib_machine *lm, const char *id);
/* The same, also by its path. */
struct device *qom_find_device(struct lib_machine *lm, const char *id_or_path);
void qom_path(struct lib_machine *lm, const struct device *dev, char *path, size_t len);

/* screen.c */
QMP_COMMAND(qmp_screendump);
QMP_COMMAND(qmp_x_screen_text);

/* balloon.c */
QMP_COMMAND(qmp_balloon);
QMP_COMMAND(qmp_query_balloon);
/* The property guest-stats; NULL: the device has none. Machine lock held. */
json_t *balloon_guest_stats(struct device *dev);

/* block.c */
QMP_COMMAND(qmp_blockdev_add);
QMP_COMMAND(qmp_blockdev_del);
QMP_COMMAND(qmp_block_resize);
QMP_COMMAND(qmp_query_block);
QMP_COMMAND(qmp_query_named_block_nodes);
QMP_COMMAND(qmp_query_blockstats);

/* medium.c */
QMP_COMMAND(qmp_blockdev_open_tray);
QMP_COMMAND(qmp_blockdev_close_tray);
QMP_COMMAND(qmp_blockdev_remove_medium);
QMP_COMMAND(qmp_blockdev_insert_medium);
QMP_COMMAND(qmp_blockdev_change_medium);
QMP_COMMAND(qmp_eject);

/* device.c */
QMP_COMMAND(qmp_device_add);
QMP_COMMAND(qmp_device_del);

/* net.c */
QMP_COMMAND(qmp_getfd);
QMP_COMMAND(qmp_closefd);
QMP_COMMAND(qmp_netdev_add);
QMP_COMMAND(qmp_netdev_del);
QMP_COMMAND(qmp_set_link);

/* vnc.c */
QMP_COMMAND(qmp_query_vnc);
QMP_COMMAND(qmp_query_vnc_servers);
QMP_COMMAND(qmp_set_password);
QMP_COMMAND(qmp_change_vnc_password);
QMP_COMMAND(qmp_expire_password);
QMP_COMMAND(qmp_add_client);
QMP_COMMAND(qmp_display_reload);
QMP_COMMAND(qmp_display_update);

/* object.c */
QMP_COMMAND(qmp_object_add);
QMP_COMMAND(qmp_object_del);

/* input.c */
extern const char *const qmp_input_buttons[]; /* by InputButton */
QMP_COMMAND(qmp_send_key);
QMP_COMMAND(qmp_input_send_event);

/* memory.c */
QMP_COMMAND(qmp_memsave);
QMP_COMMAND(qmp_pmemsave);
/* False: errno is set. */
bool qmp_write_all(int fd, const char *data, size_t len);

/* text.c */
QMP_COMMAND(qmp_x_query_jit);
QMP_COMMAND(qmp_human_monitor_command);

/* For events. */
const char *commands_event_name(enum control_event what);
json_t *commands_event_data(enum control_event what, enum control_cause cause);

#endif
