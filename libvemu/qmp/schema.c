/*
 * The control protocol, described once: argument checks, introspection (query-qmp-schema,
 * query-commands) and docs/qmp.md come from these tables. Names, arguments and shapes are those
 * that clients of QMP know; a command is here when it does what it says, and not before.
 *
 * The types of commands about block nodes are long, since clients expect every member.
 */
#include "libvemu/qmp/commands.h"

#include <stddef.h>
#include <vemu/version.h>

#define MEMBER(name_, type_, doc_)                                                                 \
    {                                                                                              \
        .name = (name_), .type = &(type_), .doc = (doc_)                                           \
    }
#define OPTIONAL(name_, type_, doc_)                                                               \
    {                                                                                              \
        .name = (name_), .type = &(type_), .optional = true, .doc = (doc_)                         \
    }
/* A structure called NAME with the members that follow, and its name in this file. */
#define OBJECT(var, name_, doc_, ...)                                                              \
    static const struct qmp_member var##_members[] = {__VA_ARGS__, {.name = NULL}};                \
    static const struct qmp_type var = {                                                           \
        .name = (name_), .kind = QMP_KIND_OBJECT, .members = var##_members, .doc = (doc_)}
#define LIST(var, name_, element_)                                                                 \
    static const struct qmp_type var = {                                                           \
        .name = (name_), .kind = QMP_KIND_ARRAY, .element = &(element_)}

/* ---- the protocol ---------------------------------------------------------------------------- */

OBJECT(capabilities_arg, "q_obj_qmp_capabilities-arg", NULL,
       OPTIONAL("enable", qmp_str_list, "those to enable, of the ones that the greeting offers"));

OBJECT(version_triple, "VersionTriple", "Three numbers, most significant first.",
       MEMBER("major", qmp_int, NULL), MEMBER("minor", qmp_int, NULL),
       MEMBER("micro", qmp_int, NULL));
OBJECT(version_info, "VersionInfo", NULL,
       MEMBER("qemu", version_triple,
              "the version of the protocol that is followed, for clients that compare it"),
       MEMBER("package", qmp_str, "the program and its own version"));

OBJECT(command_info, "CommandInfo", NULL, MEMBER("name", qmp_str, NULL));
LIST(command_info_list, "[CommandInfo]", command_info);
LIST(any_list, "[any]", qmp_any);

/* ---- running --------------------------------------------------------------------------------- */

/* By enum run_state; a machine that was made and never ran is "prelaunch". */
const char *const qmp_run_states[] = {"prelaunch", "running",        "paused",
                                      "shutdown",  "internal-error", "guest-panicked",
                                      "debug",     "io-error",       NULL};
static const struct qmp_type run_state_enum = {
    .name = "RunState", .kind = QMP_KIND_ENUM, .values = qmp_run_states};

OBJECT(status_info, "StatusInfo", NULL, MEMBER("running", qmp_bool, "the guest is executing"),
       MEMBER("status", run_state_enum, "the state, and why it does not run"));

const char *const qmp_shutdown_causes[] = {
    "none",    "host-error",     "host-qmp-quit", "host-qmp-system-reset", "host-signal",
    "host-ui", "guest-shutdown", "guest-reset",   "guest-panic",           NULL};
static const struct qmp_type shutdown_cause = {
    .name = "ShutdownCause", .kind = QMP_KIND_ENUM, .values = qmp_shutdown_causes};
OBJECT(cause_data, "q_obj_shutdown-arg", NULL,
       MEMBER("guest", qmp_bool, "the guest asked for it, and not somebody outside"),
       MEMBER("reason", shutdown_cause, "what asked for it"));

static const char *const panic_actions[] = {"pause", "poweroff", NULL};
static const struct qmp_type panic_action = {
    .name = "GuestPanicAction", .kind = QMP_KIND_ENUM, .values = panic_actions};
OBJECT(panic_data, "q_obj_GUEST_PANICKED-arg", NULL,
       MEMBER("action", panic_action, "what was done about it"));

static const char *const migration_capabilities[] = {"events", NULL};
static const struct qmp_type migration_capability = {
    .name = "MigrationCapability", .kind = QMP_KIND_ENUM, .values = migration_capabilities};
OBJECT(migration_status, "MigrationCapabilityStatus", NULL,
       MEMBER("capability", migration_capability, NULL), MEMBER("state", qmp_bool, NULL));
LIST(migration_status_list, "[MigrationCapabilityStatus]", migration_status);
OBJECT(migrate_set_arg, "q_obj_migrate-set-capabilities-arg", NULL,
       MEMBER("capabilities", migration_status_list, NULL));

/* ---- about the machine ----------------------------------------------------------------------- */

OBJECT(name_info, "NameInfo", NULL, OPTIONAL("name", qmp_str, "as given by -name"));
OBJECT(uuid_info, "UuidInfo", NULL, MEMBER("UUID", qmp_str, "as given by -uuid, else zeros"));
OBJECT(kvm_info, "KvmInfo", NULL, MEMBER("enabled", qmp_bool, "it runs this machine"),
       MEMBER("present", qmp_bool, "this build has it"));

static const char *const accelerators[] = {"tcg", "qtest", NULL};
static const struct qmp_type accelerator = {
    .name = "Accelerator", .kind = QMP_KIND_ENUM, .values = accelerators};
LIST(accelerator_list, "[Accelerator]", accelerator);
OBJECT(accelerator_info, "AcceleratorInfo", NULL,
       MEMBER("enabled", accelerator, "the one that runs this machine"),
       MEMBER("present", accelerator_list, "those that this build has"));

static const char *const targets[] = {"x86_64", "i386", "aarch64", "arm", NULL};
static const struct qmp_type target = {
    .name = "SysEmuTarget", .kind = QMP_KIND_ENUM, .values = targets};
OBJECT(target_info, "TargetInfo", NULL, MEMBER("arch", target, NULL));

OBJECT(machine_info, "MachineInfo", NULL, MEMBER("name", qmp_str, "for -machine; it stays"),
       OPTIONAL("alias", qmp_str, "a shorter name, of the newest of its kind"),
       OPTIONAL("is-default", qmp_bool, "it is the one without -machine"),
       MEMBER("cpu-max", qmp_int, "the most vCPUs"), MEMBER("hotpluggable-cpus", qmp_bool, NULL),
       MEMBER("numa-mem-supported", qmp_bool, NULL), MEMBER("deprecated", qmp_bool, NULL),
       OPTIONAL("default-cpu-type", qmp_str, "the typename in query-cpu-definitions"));
LIST(machine_info_list, "[MachineInfo]", machine_info);

OBJECT(gic_capability, "GICCapability", NULL, MEMBER("version", qmp_int, "for gic-version="),
       MEMBER("emulated", qmp_bool, NULL), MEMBER("kernel", qmp_bool, "by KVM"));
LIST(gic_capability_list, "[GICCapability]", gic_capability);

OBJECT(cpu_definition, "CpuDefinitionInfo", NULL, MEMBER("name", qmp_str, "for -cpu"),
       MEMBER("typename", qmp_str, NULL),
       MEMBER("unavailable-features", qmp_str_list, "what keeps it from being used here"),
       MEMBER("static", qmp_bool, NULL), MEMBER("migration-safe", qmp_bool, NULL),
       MEMBER("deprecated", qmp_bool, NULL));
LIST(cpu_definition_list, "[CpuDefinitionInfo]", cpu_definition);

OBJECT(cpu_info, "CpuInfoFast", NULL, MEMBER("cpu-index", qmp_int, "from 0, the boot processor"),
       MEMBER("qom-path", qmp_str, NULL),
       MEMBER("thread-id", qmp_int, "the host's number of its thread; 0 before it is started"),
       MEMBER("target", target, NULL));
LIST(cpu_info_list, "[CpuInfoFast]", cpu_info);

OBJECT(memory_info, "MemoryInfo", NULL, MEMBER("base-memory", qmp_int, "bytes, as given by -m"),
       OPTIONAL("plugged-memory", qmp_int, "bytes added since"));

OBJECT(chardev_info, "ChardevInfo", NULL, MEMBER("label", qmp_str, "the id"),
       MEMBER("filename", qmp_str, "what and where it is: \"pty:/dev/pts/3\""),
       MEMBER("frontend-open", qmp_bool, "something in the machine uses it"));
LIST(chardev_info_list, "[ChardevInfo]", chardev_info);

static const char *const parameter_types[] = {"string", "boolean", "number", "size", NULL};
static const struct qmp_type parameter_type = {
    .name = "CommandLineParameterType", .kind = QMP_KIND_ENUM, .values = parameter_types};
OBJECT(parameter_info, "CommandLineParameterInfo", NULL, MEMBER("name", qmp_str, NULL),
       MEMBER("type", parameter_type, NULL), OPTIONAL("help", qmp_str, NULL),
       OPTIONAL("default", qmp_str, NULL));
LIST(parameter_info_list, "[CommandLineParameterInfo]", parameter_info);
OBJECT(option_info, "CommandLineOptionInfo", NULL, MEMBER("option", qmp_str, "without the dash"),
       MEMBER("parameters", parameter_info_list, NULL));
LIST(option_info_list, "[CommandLineOptionInfo]", option_info);
OBJECT(option_arg, "q_obj_query-command-line-options-arg", NULL,
       OPTIONAL("option", qmp_str, "only this one"));

/* ---- objects --------------------------------------------------------------------------------- */

OBJECT(type_info, "ObjectTypeInfo", NULL, MEMBER("name", qmp_str, NULL),
       OPTIONAL("abstract", qmp_bool, NULL), OPTIONAL("parent", qmp_str, NULL));
LIST(type_info_list, "[ObjectTypeInfo]", type_info);
OBJECT(types_arg, "q_obj_qom-list-types-arg", NULL,
       OPTIONAL("implements", qmp_str, "only what derives from this type"),
       OPTIONAL("abstract", qmp_bool, "also those that cannot be made; there are none"));
OBJECT(typename_arg, "q_obj_device-list-properties-arg", NULL,
       MEMBER("typename", qmp_str, "the type, of qom-list-types"));
OBJECT(property_info, "ObjectPropertyInfo", NULL, MEMBER("name", qmp_str, NULL),
       MEMBER("type", qmp_str, "bool, uint32, size, str, child<TYPE>, ..."),
       OPTIONAL("description", qmp_str, NULL), OPTIONAL("default-value", qmp_any, NULL));
LIST(property_info_list, "[ObjectPropertyInfo]", property_info);
OBJECT(path_arg, "q_obj_qom-list-arg", NULL,
       MEMBER("path", qmp_str, "/machine/peripheral/ID, /machine/unattached/device[N], ..."));
OBJECT(get_arg, "q_obj_qom-get-arg", NULL, MEMBER("path", qmp_str, "of the object"),
       MEMBER("property", qmp_str, "one that qom-list gives"));
OBJECT(set_arg, "q_obj_qom-set-arg", NULL, MEMBER("path", qmp_str, "of the object"),
       MEMBER("property", qmp_str, "one that may change while the device is in use"),
       MEMBER("value", qmp_any, "a string, a number or a boolean, by its type"));

/* ---- the memory balloon ---------------------------------------------------------------------- */

OBJECT(balloon_arg, "q_obj_balloon-arg", NULL,
       MEMBER("value", qmp_int, "bytes of memory that the guest is to have"));
OBJECT(balloon_info, "BalloonInfo", NULL, MEMBER("actual", qmp_int, "bytes that it has"));
OBJECT(balloon_data, "q_obj_BALLOON_CHANGE-arg", NULL,
       MEMBER("actual", qmp_int, "bytes of memory that the guest has"));

/* ---- disk images ----------------------------------------------------------------------------- */

static const char *const block_drivers[] = {"file", "host_device", "raw", "qcow2", NULL};
static const struct qmp_type block_driver = {
    .name = "BlockdevDriver", .kind = QMP_KIND_ENUM, .values = block_drivers};
static const struct qmp_member blockdev_members[] = {
    MEMBER("driver", block_driver, "what the node does"),
    MEMBER("node-name", qmp_str, "how others refer to it"),
    {.name = NULL}};
static const struct qmp_type blockdev_options = {
    .name = "BlockdevOptions",
    .kind = QMP_KIND_OBJECT,
    .members = blockdev_members,
    .open = true,
    .doc = "And what -blockdev takes for the driver: filename, file (a node's name, or the options "
           "of an inner node), backing (the same, or null), read-only, auto-read-only, discard, "
           "cache.direct, cache.no-flush, aio."};
OBJECT(node_name_arg, "q_obj_blockdev-del-arg", NULL, MEMBER("node-name", qmp_str, NULL));
OBJECT(block_resize_arg, "q_obj_block_resize-arg", NULL,
       OPTIONAL("device", qmp_str, "the drive, by its id"),
       OPTIONAL("node-name", qmp_str, "or the node"), MEMBER("size", qmp_int, "bytes"));

OBJECT(block_cache, "BlockdevCacheInfo", NULL,
       MEMBER("writeback", qmp_bool, "writes are durable after a flush only"),
       MEMBER("direct", qmp_bool, "the host's page cache is left out"),
       MEMBER("no-flush", qmp_bool, "flushes are ignored"));
static const struct qmp_type image_info;
OBJECT(image_info, "ImageInfo", NULL, MEMBER("filename", qmp_str, NULL),
       MEMBER("format", qmp_str, NULL), MEMBER("dirty-flag", qmp_bool, "it was not closed"),
       MEMBER("actual-size", qmp_int, "bytes that it takes on the host"),
       MEMBER("virtual-size", qmp_int, "bytes that the guest sees"),
       OPTIONAL("cluster-size", qmp_int, NULL),
       OPTIONAL("backing-filename", qmp_str, "as the image has it"),
       OPTIONAL("full-backing-filename", qmp_str, "as it was opened"),
       OPTIONAL("backing-filename-format", qmp_str, NULL),
       OPTIONAL("backing-image", image_info, "the next one of the chain"),
       OPTIONAL("format-specific", qmp_any, "of qcow2: compat, compression-type, ..."));
OBJECT(block_info, "BlockDeviceInfo", NULL, MEMBER("file", qmp_str, "the image's file"),
       MEMBER("node-name", qmp_str, "#ID for a drive that is not a node of the client's"),
       MEMBER("ro", qmp_bool, "it cannot be written"), MEMBER("drv", qmp_str, NULL),
       OPTIONAL("backing_file", qmp_str, NULL),
       MEMBER("backing_file_depth", qmp_int, "images below it"),
       MEMBER("encrypted", qmp_bool, NULL), MEMBER("detect_zeroes", qmp_str, NULL),
       MEMBER("bps", qmp_int, "no limits are set"), MEMBER("bps_rd", qmp_int, NULL),
       MEMBER("bps_wr", qmp_int, NULL), MEMBER("iops", qmp_int, NULL),
       MEMBER("iops_rd", qmp_int, NULL), MEMBER("iops_wr", qmp_int, NULL),
       MEMBER("write_threshold", qmp_int, NULL), MEMBER("cache", block_cache, NULL),
       MEMBER("image", image_info, NULL));
LIST(block_info_list, "[BlockDeviceInfo]", block_info);

static const char *const io_statuses[] = {"ok", "failed", "nospace", NULL};
static const struct qmp_type io_status = {
    .name = "BlockDeviceIoStatus", .kind = QMP_KIND_ENUM, .values = io_statuses};
OBJECT(block_entry, "BlockInfo", NULL, MEMBER("device", qmp_str, "the drive's id; empty: a node"),
       OPTIONAL("qdev", qmp_str, "the device that shows it"), MEMBER("type", qmp_str, NULL),
       MEMBER("removable", qmp_bool, NULL), MEMBER("locked", qmp_bool, NULL),
       OPTIONAL("io-status", io_status, "other than ok: the machine was stopped by an error"),
       OPTIONAL("tray_open", qmp_bool, "of a medium that can be changed"),
       OPTIONAL("inserted", block_info, NULL));
LIST(block_entry_list, "[BlockInfo]", block_entry);

OBJECT(named_nodes_arg, "q_obj_query-named-block-nodes-arg", NULL,
       OPTIONAL("flat", qmp_bool, "leave the images below out"));
OBJECT(blockstats_arg, "q_obj_query-blockstats-arg", NULL,
       OPTIONAL("query-nodes", qmp_bool, "of all nodes, and not of the devices'"));
OBJECT(device_stats, "BlockDeviceStats", "Of requests that succeeded, since the image was opened.",
       MEMBER("rd_bytes", qmp_int, NULL), MEMBER("wr_bytes", qmp_int, NULL),
       MEMBER("unmap_bytes", qmp_int, NULL), MEMBER("rd_operations", qmp_int, NULL),
       MEMBER("wr_operations", qmp_int, NULL), MEMBER("flush_operations", qmp_int, NULL),
       MEMBER("unmap_operations", qmp_int, NULL), MEMBER("failed_rd_operations", qmp_int, NULL),
       MEMBER("failed_wr_operations", qmp_int, NULL),
       MEMBER("failed_flush_operations", qmp_int, NULL),
       MEMBER("failed_unmap_operations", qmp_int, NULL),
       MEMBER("wr_highest_offset", qmp_int, "the end of what was written furthest behind"));
OBJECT(block_stats, "BlockStats", NULL, OPTIONAL("device", qmp_str, NULL),
       OPTIONAL("qdev", qmp_str, NULL), OPTIONAL("node-name", qmp_str, NULL),
       MEMBER("stats", device_stats, NULL));
LIST(block_stats_list, "[BlockStats]", block_stats);

OBJECT(tray_arg, "q_obj_blockdev-close-tray-arg", NULL,
       OPTIONAL("device", qmp_str, "the -drive that the device was made with"),
       OPTIONAL("id", qmp_str, "or the device: its id, or its path"));
OBJECT(open_tray_arg, "q_obj_blockdev-open-tray-arg", NULL,
       OPTIONAL("device", qmp_str, "the -drive that the device was made with"),
       OPTIONAL("id", qmp_str, "or the device: its id, or its path"),
       OPTIONAL("force", qmp_bool, "also when the guest has locked it"));
OBJECT(remove_medium_arg, "q_obj_blockdev-remove-medium-arg", NULL,
       MEMBER("id", qmp_str, "of the device, or its path"));
OBJECT(insert_medium_arg, "q_obj_blockdev-insert-medium-arg", NULL,
       MEMBER("id", qmp_str, "of the device, or its path"),
       MEMBER("node-name", qmp_str, "a block node that nothing uses"));
static const char *const read_only_modes[] = {"retain", "read-only", "read-write", NULL};
static const struct qmp_type read_only_mode = {
    .name = "BlockdevChangeReadOnlyMode", .kind = QMP_KIND_ENUM, .values = read_only_modes};
OBJECT(change_medium_arg, "q_obj_blockdev-change-medium-arg", NULL,
       OPTIONAL("device", qmp_str, "the -drive that the device was made with"),
       OPTIONAL("id", qmp_str, "or the device: its id, or its path"),
       MEMBER("filename", qmp_str, "the image to put in"),
       OPTIONAL("format", qmp_str, "of the image; else it is found out"),
       OPTIONAL("force", qmp_bool, "also when the guest has locked the tray"),
       OPTIONAL("read-only-mode", read_only_mode, "there is no drive that writes"));
OBJECT(tray_moved_data, "q_obj_DEVICE_TRAY_MOVED-arg", NULL,
       MEMBER("device", qmp_str, "the -drive that the device was made with; else empty"),
       MEMBER("id", qmp_str, "of the device, or its path"),
       MEMBER("tray-open", qmp_bool, "and not closed"));

static const char *const io_operations[] = {"read", "write", NULL};
static const struct qmp_type io_operation = {
    .name = "IoOperationType", .kind = QMP_KIND_ENUM, .values = io_operations};
static const char *const error_actions[] = {"ignore", "report", "stop", NULL};
static const struct qmp_type error_action = {
    .name = "BlockErrorAction", .kind = QMP_KIND_ENUM, .values = error_actions};
OBJECT(io_error_data, "q_obj_BLOCK_IO_ERROR-arg", NULL, MEMBER("device", qmp_str, NULL),
       OPTIONAL("node-name", qmp_str, NULL), MEMBER("operation", io_operation, NULL),
       MEMBER("action", error_action, "stop: the machine was stopped; cont repeats the request"),
       OPTIONAL("nospace", qmp_bool, "the host is out of space"),
       MEMBER("reason", qmp_str, "for people"));

/* ---- networks -------------------------------------------------------------------------------- */

OBJECT(fdname_arg, "q_obj_getfd-arg", NULL,
       MEMBER("fdname", qmp_str, "a name for it, which begins with a letter"));
static const char *const net_drivers[] = {"user", "tap", "stream", "socket", NULL};
static const struct qmp_type net_driver = {
    .name = "NetClientDriver", .kind = QMP_KIND_ENUM, .values = net_drivers};
static const struct qmp_member netdev_members[] = {MEMBER("type", net_driver, "the back end"),
                                                   MEMBER("id", qmp_str, "how devices refer to it"),
                                                   {.name = NULL}};
static const struct qmp_type netdev_options = {
    .name = "Netdev",
    .kind = QMP_KIND_OBJECT,
    .members = netdev_members,
    .open = true,
    .doc = "And what -netdev takes for the type. Of a tap, fd may name a descriptor that getfd "
           "got, and uses it up."};
OBJECT(id_arg, "q_obj_netdev_del-arg", NULL, MEMBER("id", qmp_str, NULL));
OBJECT(set_link_arg, "q_obj_set_link-arg", NULL,
       MEMBER("name", qmp_str, "of the device, or of the back end"),
       MEMBER("up", qmp_bool, "whether the cable is in"));

/* ---- objects --------------------------------------------------------------------------------- */

static const char *const object_types[] = {
    "secret",      "tls-creds-anon",       "tls-creds-x509", "memory-backend-ram",
    "rng-builtin", "memory-backend-memfd", "rng-random",     NULL};
static const struct qmp_type object_type = {
    .name = "ObjectType", .kind = QMP_KIND_ENUM, .values = object_types};
static const struct qmp_member object_members[] = {MEMBER("qom-type", object_type, NULL),
                                                   MEMBER("id", qmp_str, "how others refer to it"),
                                                   {.name = NULL}};
static const struct qmp_type object_options = {.name = "ObjectOptions",
                                               .kind = QMP_KIND_OBJECT,
                                               .members = object_members,
                                               .open = true,
                                               .doc = "And what -object takes for the type."};

/* ---- the screen ------------------------------------------------------------------------------ */

static const char *const address_families[] = {"ipv4", "ipv6", "unix", "vsock", "unknown", NULL};
static const struct qmp_type address_family = {
    .name = "NetworkAddressFamily", .kind = QMP_KIND_ENUM, .values = address_families};
OBJECT(vnc_client, "VncClientInfo", NULL, MEMBER("host", qmp_str, "of a unix socket its path"),
       MEMBER("service", qmp_str, "the port"), MEMBER("family", address_family, NULL),
       MEMBER("websocket", qmp_bool, "it is a browser"),
       OPTIONAL("x509_dname", qmp_str, "the subject of its certificate"));
LIST(vnc_client_list, "[VncClientInfo]", vnc_client);
OBJECT(vnc_info, "VncInfo", NULL, MEMBER("enabled", qmp_bool, "is there a VNC server?"),
       OPTIONAL("host", qmp_str, NULL), OPTIONAL("service", qmp_str, "the port"),
       OPTIONAL("family", address_family, NULL),
       OPTIONAL("auth", qmp_str, "none, vnc, vencrypt+tls+vnc, ..."),
       OPTIONAL("clients", vnc_client_list, NULL));
OBJECT(vnc_listener, "VncServerInfo2", NULL, MEMBER("host", qmp_str, NULL),
       MEMBER("service", qmp_str, NULL), MEMBER("family", address_family, NULL),
       MEMBER("websocket", qmp_bool, NULL), MEMBER("auth", qmp_str, NULL),
       OPTIONAL("vencrypt", qmp_str, NULL));
LIST(vnc_listener_list, "[VncServerInfo2]", vnc_listener);
OBJECT(vnc_info2, "VncInfo2", NULL, MEMBER("id", qmp_str, NULL),
       MEMBER("server", vnc_listener_list, "where it listens"),
       MEMBER("clients", vnc_client_list, NULL), MEMBER("auth", qmp_str, NULL),
       OPTIONAL("vencrypt", qmp_str, NULL),
       OPTIONAL("display", qmp_str, "the device whose screen it shows"));
LIST(vnc_info2_list, "[VncInfo2]", vnc_info2);
static const char *const password_protocols[] = {"vnc", NULL};
static const struct qmp_type password_protocol = {
    .name = "DisplayProtocol", .kind = QMP_KIND_ENUM, .values = password_protocols};
static const char *const connected_actions[] = {"keep", "fail", "disconnect", NULL};
static const struct qmp_type connected_action = {
    .name = "SetPasswordAction", .kind = QMP_KIND_ENUM, .values = connected_actions};
OBJECT(set_password_arg, "SetPasswordOptions", NULL, MEMBER("protocol", password_protocol, NULL),
       MEMBER("password", qmp_str, NULL),
       OPTIONAL("connected", connected_action, "what becomes of viewers that are there (keep)"),
       OPTIONAL("display", qmp_str, "id of the VNC server; without: the first"));
OBJECT(expire_password_arg, "ExpirePasswordOptions", NULL,
       MEMBER("protocol", password_protocol, NULL),
       MEMBER("time", qmp_str, "now, never, +SECONDS, or seconds since 1970"),
       OPTIONAL("display", qmp_str, "id of the VNC server; without: the first"));
OBJECT(change_password_arg, "q_obj_change-vnc-password-arg", NULL,
       MEMBER("password", qmp_str, NULL));
static const char *const display_types[] = {"vnc", NULL};
static const struct qmp_type display_type = {
    .name = "DisplayReloadType", .kind = QMP_KIND_ENUM, .values = display_types};
OBJECT(display_reload_arg, "DisplayReloadOptions", NULL, MEMBER("type", display_type, NULL),
       OPTIONAL("tls-certs", qmp_bool, "read the files of its TLS credentials again (off)"));
static const char *const socket_address_types[] = {"inet", "unix", "fd", NULL};
static const struct qmp_type socket_address_type = {
    .name = "SocketAddressType", .kind = QMP_KIND_ENUM, .values = socket_address_types};
OBJECT(socket_address, "SocketAddress", "What there is depends on the type.",
       MEMBER("type", socket_address_type, NULL), OPTIONAL("host", qmp_str, "inet; empty: all"),
       OPTIONAL("port", qmp_str, "inet"), OPTIONAL("path", qmp_str, "unix"),
       OPTIONAL("str", qmp_str, "fd: the number of one that this process was started with"));
LIST(socket_address_list, "[SocketAddress]", socket_address);
OBJECT(display_update_arg, "DisplayUpdateOptions", NULL, MEMBER("type", display_type, NULL),
       OPTIONAL("addresses", socket_address_list, "where it listens from now on"));
OBJECT(add_client_arg, "q_obj_add_client-arg", NULL,
       MEMBER("protocol", qmp_str, "vnc, or the id of a VNC server"),
       MEMBER("fdname", qmp_str, "a connected socket, by the name that getfd gave it"),
       OPTIONAL("skipauth", qmp_bool, "the viewer need not show who it is (off)"),
       OPTIONAL("tls", qmp_bool, "taken, of no effect"));
OBJECT(vnc_event_server, "VncServerInfo", NULL, MEMBER("auth", qmp_str, NULL),
       MEMBER("family", address_family, NULL), MEMBER("service", qmp_str, NULL),
       MEMBER("host", qmp_str, NULL), MEMBER("websocket", qmp_bool, NULL));
OBJECT(vnc_event_data, "q_obj_VNC_CONNECTED-arg", NULL, MEMBER("server", vnc_event_server, NULL),
       MEMBER("client", vnc_client, NULL));

/* ---- keys and pointers ----------------------------------------------------------------------- */

static const char *const key_value_kinds[] = {"number", "qcode", NULL};
static const struct qmp_type key_value_kind = {
    .name = "KeyValueKind", .kind = QMP_KIND_ENUM, .values = key_value_kinds};
OBJECT(key_value, "KeyValue", "A key by its name or its number.",
       MEMBER("type", key_value_kind, NULL),
       MEMBER("data", qmp_any,
              "of a qcode the name (a, ret, ctrl, f1), of a number the scan code of set 1, with "
              "0x80 for the prefix"));
LIST(key_value_list, "[KeyValue]", key_value);
OBJECT(send_key_arg, "q_obj_send-key-arg", NULL,
       MEMBER("keys", key_value_list, "those that go down, in this order"),
       OPTIONAL("hold-time", qmp_int, "ms of the guest's time until they go up; 100"));

static const struct qmp_type input_button = {
    .name = "InputButton", .kind = QMP_KIND_ENUM, .values = qmp_input_buttons};
static const char *const input_axes[] = {"x", "y", NULL};
static const struct qmp_type input_axis = {
    .name = "InputAxis", .kind = QMP_KIND_ENUM, .values = input_axes};
static const char *const input_event_kinds[] = {"key", "btn", "rel", "abs", NULL};
static const struct qmp_type input_event_kind = {
    .name = "InputEventKind", .kind = QMP_KIND_ENUM, .values = input_event_kinds};
OBJECT(input_event_data, "InputEventData", "What there is depends on the type of the event.",
       OPTIONAL("key", key_value, "key"), OPTIONAL("button", input_button, "btn"),
       OPTIONAL("down", qmp_bool, "key, btn"), OPTIONAL("axis", input_axis, "rel, abs"),
       OPTIONAL("value", qmp_int, "rel: counts; abs: 0 to 32767 over the display"));
OBJECT(input_event, "InputEvent", NULL, MEMBER("type", input_event_kind, NULL),
       MEMBER("data", input_event_data, NULL));
LIST(input_event_list, "[InputEvent]", input_event);
OBJECT(input_send_event_arg, "q_obj_input-send-event-arg", NULL,
       OPTIONAL("device", qmp_str, "id of the graphics device whose pointer it is"),
       OPTIONAL("head", qmp_int, "its output, from 0"), MEMBER("events", input_event_list, NULL));

/* ---- devices that come and go ---------------------------------------------------------------- */

static const struct qmp_member device_members[] = {
    MEMBER("driver", qmp_str, "one of qom-list-types"),
    OPTIONAL("bus", qmp_str, "the bus it is plugged into; without: one with a free slot"),
    OPTIONAL("id", qmp_str, "a name for it, which removing it needs"),
    {.name = NULL}};
static const struct qmp_type device_options = {.name = "q_obj_device_add-arg",
                                               .kind = QMP_KIND_OBJECT,
                                               .members = device_members,
                                               .open = true,
                                               .doc = "And the properties of the device."};
static const char *const device_add_features[] = {"json-cli", "json-cli-hotplug", NULL};
OBJECT(device_id_arg, "q_obj_device_del-arg", NULL, MEMBER("id", qmp_str, "or the device's path"));
OBJECT(device_deleted_data, "q_obj_DEVICE_DELETED-arg", NULL,
       OPTIONAL("device", qmp_str, "its id, if it had one"), MEMBER("path", qmp_str, NULL));
OBJECT(vserport_data, "q_obj_VSERPORT_CHANGE-arg", NULL, MEMBER("id", qmp_str, "of the port"),
       MEMBER("open", qmp_bool, "a program has it open"));

/* ---- what is shown --------------------------------------------------------------------------- */

static const char *const image_formats[] = {"ppm", "png", NULL};
static const struct qmp_type image_format = {
    .name = "ImageFormat", .kind = QMP_KIND_ENUM, .values = image_formats};
OBJECT(screendump_arg, "q_obj_screendump-arg", NULL,
       MEMBER("filename", qmp_str, "the file to make, on the host"),
       OPTIONAL("device", qmp_str, "id of the device whose display it is (the first one)"),
       OPTIONAL("head", qmp_int, "the output of that device (0)"),
       OPTIONAL("format", image_format, "what the file is to be (ppm)"));

/* ---- memory, texts --------------------------------------------------------------------------- */

OBJECT(memsave_arg, "q_obj_memsave-arg", NULL, MEMBER("val", qmp_int, "address of the first byte"),
       MEMBER("size", qmp_int, "how many bytes"),
       MEMBER("filename", qmp_str, "the file to make, on the host"),
       OPTIONAL("cpu-index", qmp_int, "whose page tables count (0)"));
OBJECT(pmemsave_arg, "q_obj_pmemsave-arg", NULL,
       MEMBER("val", qmp_int, "address of the first byte"),
       MEMBER("size", qmp_int, "how many bytes"),
       MEMBER("filename", qmp_str, "the file to make, on the host"));
OBJECT(human_text, "HumanReadableText", NULL, MEMBER("human-readable-text", qmp_str, NULL));
OBJECT(hmp_arg, "q_obj_human-monitor-command-arg", NULL,
       MEMBER("command-line", qmp_str, "of the monitor for people; help lists them"),
       OPTIONAL("cpu-index", qmp_int, "the vCPU that registers and addresses are of"));

/* ---- commands and events --------------------------------------------------------------------- */

static const struct qmp_command commands[] = {
    {.name = "qmp_capabilities",
     .arguments = &capabilities_arg,
     .doc = "Ends the negotiation: the first command of a client, and needed before any other."},
    {.name = "query-version", .run = qmp_query_version, .returns = &version_info},
    {.name = "query-commands", .run = qmp_query_commands, .returns = &command_info_list},
    {.name = "query-qmp-schema",
     .run = qmp_query_qmp_schema,
     .returns = &any_list,
     .doc = "All commands, events and types in the form that clients of QMP know."},

    {.name = "query-status", .run = qmp_query_status, .returns = &status_info},
    {.name = "stop", .run = qmp_stop, .doc = "Stop the vCPUs and the virtual clock. Event: STOP."},
    {.name = "cont",
     .run = qmp_cont,
     .doc = "Start, or go on. Event: RESUME. A guest that is done needs system_reset first."},
    {.name = "system_reset",
     .run = qmp_system_reset,
     .doc = "Power-on reset. Event: RESET; with -no-reboot the machine ends instead."},
    {.name = "system_powerdown",
     .run = qmp_system_powerdown,
     .doc = "Press the power button; the guest decides. Event: POWERDOWN, then perhaps SHUTDOWN."},
    {.name = "inject-nmi", .run = qmp_inject_nmi, .doc = "An NMI on every vCPU."},
    {.name = "quit", .run = qmp_quit, .doc = "End the machine at once. Event: SHUTDOWN."},
    {.name = "query-migrate-capabilities",
     .run = qmp_query_migrate_capabilities,
     .returns = &migration_status_list,
     .doc = "Machines cannot be migrated yet, so the list is empty."},
    {.name = "migrate-set-capabilities",
     .run = qmp_migrate_set_capabilities,
     .arguments = &migrate_set_arg,
     .doc = "\"events\" may be set, since management programs insist: it says what a migration "
            "would report, and there is none yet."},

    {.name = "query-name", .run = qmp_query_name, .returns = &name_info},
    {.name = "query-uuid", .run = qmp_query_uuid, .returns = &uuid_info},
    {.name = "query-kvm", .run = qmp_query_kvm, .returns = &kvm_info},
    {.name = "query-accelerators", .run = qmp_query_accelerators, .returns = &accelerator_info},
    {.name = "query-target", .run = qmp_query_target, .returns = &target_info},
    {.name = "query-machines", .run = qmp_query_machines, .returns = &machine_info_list},
    {.name = "query-gic-capabilities",
     .run = qmp_query_gic_capabilities,
     .returns = &gic_capability_list},
    {.name = "query-cpu-definitions",
     .run = qmp_query_cpu_definitions,
     .returns = &cpu_definition_list},
    {.name = "query-cpus-fast", .run = qmp_query_cpus_fast, .returns = &cpu_info_list},
    {.name = "query-memory-size-summary",
     .run = qmp_query_memory_size_summary,
     .returns = &memory_info},
    {.name = "query-chardev", .run = qmp_query_chardev, .returns = &chardev_info_list},
    {.name = "query-command-line-options",
     .run = qmp_query_command_line_options,
     .arguments = &option_arg,
     .returns = &option_info_list,
     .doc = "Options that have properties, and these."},

    {.name = "qom-list-types",
     .run = qmp_qom_list_types,
     .arguments = &types_arg,
     .returns = &type_info_list,
     .doc = "Devices, machines, CPU models and accelerators."},
    {.name = "qom-list-properties",
     .run = qmp_qom_list_properties,
     .arguments = &typename_arg,
     .returns = &property_info_list,
     .doc = "A type that is not known has no properties: clients rely on a list."},
    {.name = "device-list-properties",
     .run = qmp_device_list_properties,
     .arguments = &typename_arg,
     .returns = &property_info_list,
     .doc = "For a type that is not known the error is DeviceNotFound."},
    {.name = "qom-list",
     .run = qmp_qom_list,
     .arguments = &path_arg,
     .returns = &property_info_list},
    {.name = "qom-get", .run = qmp_qom_get, .arguments = &get_arg, .returns = &qmp_any},
    {.name = "qom-set", .run = qmp_qom_set, .arguments = &set_arg},

    {.name = "balloon",
     .run = qmp_balloon,
     .arguments = &balloon_arg,
     .doc = "Ask the guest to give memory back, or to take it again. Event: BALLOON_CHANGE, as the "
            "guest does so, once a second at most. The device's property guest-stats, of qom-get, "
            "has what the guest tells of its memory."},
    {.name = "query-balloon", .run = qmp_query_balloon, .returns = &balloon_info},

    {.name = "blockdev-add",
     .run = qmp_blockdev_add,
     .arguments = &blockdev_options,
     .doc = "Open an image, for a device or another node to refer to."},
    {.name = "blockdev-del",
     .run = qmp_blockdev_del,
     .arguments = &node_name_arg,
     .doc = "Close it. It must not be in use, by a device or another node."},
    {.name = "block_resize",
     .run = qmp_block_resize,
     .arguments = &block_resize_arg,
     .doc = "Give an image another size. A guest that uses it is told."},
    {.name = "blockdev-open-tray",
     .run = qmp_blockdev_open_tray,
     .arguments = &open_tray_arg,
     .doc = "Open a drive's tray, if it is closed. A guest that has locked it is asked to open it, "
            "and may do so later. Event: DEVICE_TRAY_MOVED."},
    {.name = "blockdev-close-tray",
     .run = qmp_blockdev_close_tray,
     .arguments = &tray_arg,
     .doc = "Close it, if it is open. Event: DEVICE_TRAY_MOVED."},
    {.name = "blockdev-remove-medium",
     .run = qmp_blockdev_remove_medium,
     .arguments = &remove_medium_arg,
     .doc = "Take the medium out of an open tray, if there is one. Its node is free then."},
    {.name = "blockdev-insert-medium",
     .run = qmp_blockdev_insert_medium,
     .arguments = &insert_medium_arg,
     .doc = "Put a block node into an open tray that is empty."},
    {.name = "blockdev-change-medium",
     .run = qmp_blockdev_change_medium,
     .arguments = &change_medium_arg,
     .doc = "Open the tray, put the image of a file in place of what is there, and close it."},
    {.name = "eject",
     .run = qmp_eject,
     .arguments = &open_tray_arg,
     .doc = "Open the tray and take the medium out. Event: DEVICE_TRAY_MOVED."},
    {.name = "query-block",
     .run = qmp_query_block,
     .returns = &block_entry_list,
     .doc = "What devices show to the guest, and drives that wait for one."},
    {.name = "query-named-block-nodes",
     .run = qmp_query_named_block_nodes,
     .arguments = &named_nodes_arg,
     .returns = &block_info_list},
    {.name = "query-blockstats",
     .run = qmp_query_blockstats,
     .arguments = &blockstats_arg,
     .returns = &block_stats_list},

    {.name = "device_add",
     .run = qmp_device_add,
     .arguments = &device_options,
     .features = device_add_features,
     .doc =
         "Plug a device in. On pc it may be any PCI slot, on q35 and virt one of a root port's."},
    {.name = "device_del",
     .run = qmp_device_del,
     .arguments = &device_id_arg,
     .doc = "Ask the guest to let a device go. It may take its time, or not; with the event "
            "DEVICE_DELETED the device is gone."},

    {.name = "getfd",
     .run = qmp_getfd,
     .arguments = &fdname_arg,
     .doc = "Keep the descriptor that came with this message by SCM_RIGHTS under a name, in place "
            "of the one that had it."},
    {.name = "closefd", .run = qmp_closefd, .arguments = &fdname_arg, .doc = "Close it."},
    {.name = "netdev_add",
     .run = qmp_netdev_add,
     .arguments = &netdev_options,
     .doc = "Make a network back end, for a device to refer to."},
    {.name = "netdev_del",
     .run = qmp_netdev_del,
     .arguments = &id_arg,
     .doc = "Take it away. It must not be in use by a device."},
    {.name = "set_link",
     .run = qmp_set_link,
     .arguments = &set_link_arg,
     .doc = "Pull the cable out of a network device, or plug it in."},

    {.name = "object-add",
     .run = qmp_object_add,
     .arguments = &object_options,
     .doc = "Make an object, for others to refer to."},
    {.name = "object-del",
     .run = qmp_object_del,
     .arguments = &id_arg,
     .doc = "Take it away. It must not be in use."},

    {.name = "screendump",
     .run = qmp_screendump,
     .arguments = &screendump_arg,
     .doc = "Write a picture of what a display shows; the file is whole when the reply comes."},
    {.name = "x-screen-text",
     .run = qmp_x_screen_text,
     .returns = &human_text,
     .doc = "What the first display shows, as text; empty: it shows graphics, or there is none."},
    {.name = "query-vnc",
     .run = qmp_query_vnc,
     .returns = &vnc_info,
     .doc = "Where the first VNC server listens, and who watches."},
    {.name = "query-vnc-servers",
     .run = qmp_query_vnc_servers,
     .returns = &vnc_info2_list,
     .doc = "All VNC servers."},
    {.name = "set_password",
     .run = qmp_set_password,
     .arguments = &set_password_arg,
     .doc = "The password that VNC viewers have to know, of a server with password=on; empty: "
            "nobody gets in."},
    {.name = "expire_password",
     .run = qmp_expire_password,
     .arguments = &expire_password_arg,
     .doc = "From when on it is of no use."},
    {.name = "change-vnc-password",
     .run = qmp_change_vnc_password,
     .arguments = &change_password_arg,
     .doc = "The same as set_password for the first VNC server."},
    {.name = "display-reload",
     .run = qmp_display_reload,
     .arguments = &display_reload_arg,
     .doc = "Read anew what VNC servers have from files; viewers that are there stay."},
    {.name = "display-update",
     .run = qmp_display_update,
     .arguments = &display_update_arg,
     .doc = "The first VNC server listens at these addresses instead; viewers that are there, and "
            "ports for browsers alone, stay."},
    {.name = "add_client",
     .run = qmp_add_client,
     .arguments = &add_client_arg,
     .doc = "Hand a connected socket to a VNC server."},
    {.name = "send-key",
     .run = qmp_send_key,
     .arguments = &send_key_arg,
     .doc = "Press keys together and let them go. Presses follow each other."},
    {.name = "input-send-event",
     .run = qmp_input_send_event,
     .arguments = &input_send_event_arg,
     .doc = "Keys, buttons and motion as they happen, all that belongs together in one command."},

    {.name = "memsave",
     .run = qmp_memsave,
     .arguments = &memsave_arg,
     .doc = "Write a range of a vCPU's linear addresses into a file."},
    {.name = "pmemsave",
     .run = qmp_pmemsave,
     .arguments = &pmemsave_arg,
     .doc = "Write a range of physical addresses into a file."},
    {.name = "x-query-jit",
     .run = qmp_x_query_jit,
     .returns = &human_text,
     .doc = "The accelerator's counters, for people."},
    {.name = "human-monitor-command",
     .run = qmp_human_monitor_command,
     .arguments = &hmp_arg,
     .returns = &qmp_str,
     .doc = "A line of the monitor for people. A mistake is told in the text, not as an error."},
    {.name = NULL},
};

static const struct qmp_event events[] = {
    {.name = "STOP", .doc = "The machine was stopped."},
    {.name = "RESUME", .doc = "It was started, or goes on."},
    {.name = "RESET", .data = &cause_data, .doc = "It was reset."},
    {.name = "SHUTDOWN",
     .data = &cause_data,
     .doc =
         "The guest is done, or was ended. With -no-shutdown the machine stays, stopped, after a "
         "guest's power-off; else the connection ends."},
    {.name = "POWERDOWN", .doc = "The power button was pressed."},
    {.name = "GUEST_PANICKED",
     .data = &panic_data,
     .doc = "The guest reported that it cannot go on."},
    {.name = "BALLOON_CHANGE",
     .data = &balloon_data,
     .doc = "The guest gave memory back, or took it again."},
    {.name = "VNC_CONNECTED", .data = &vnc_event_data, .doc = "A VNC viewer connected."},
    {.name = "VNC_INITIALIZED",
     .data = &vnc_event_data,
     .doc = "It showed who it is, and watches."},
    {.name = "VNC_DISCONNECTED", .data = &vnc_event_data, .doc = "It is gone."},
    {.name = "DEVICE_DELETED",
     .data = &device_deleted_data,
     .doc = "The guest let a device go: what it used is free, and so is its id."},
    {.name = "VSERPORT_CHANGE",
     .data = &vserport_data,
     .doc = "A program in the guest opened a virtserialport that has an id, or closed it."},
    {.name = "DEVICE_TRAY_MOVED",
     .data = &tray_moved_data,
     .doc = "The tray of a drive was opened or closed, by the guest or from outside."},
    {.name = "BLOCK_IO_ERROR",
     .data = &io_error_data,
     .doc = "A disk's request failed. STOP follows where the action is to stop."},
    {.name = NULL},
};

const struct qmp_schema qmp_schema = {
    /* Management programs ask for at least 7.2, and otherwise for what is offered. */
    .major = 8,           .minor = 2,       .micro = 0, .package = "vemu " VEMU_VERSION_STRING,
    .commands = commands, .events = events,
};
