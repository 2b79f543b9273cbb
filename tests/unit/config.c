/* libvemu's configuration tree: option vectors, strings and keys, and what they refuse. */
#include <criterion/criterion.h>
#include <string.h>
#include <vemu/vemu.h>

#include "libvemu/config.h"
#include "libvemu/text.h"

static struct vemu_config *parsed(const char *text)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;

    cr_assert(vemu_config_parse(cfg, text, &err), "%s: %s", text,
              err ? vemu_error_message(err) : "");
    return cfg;
}

static void refused(const char *text, const char *sentence)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;

    cr_assert(!vemu_config_parse(cfg, text, &err), "%s is accepted", text);
    cr_assert_str_eq(vemu_error_message(err), sentence);
    vemu_error_free(err);
    /* A caller that does not want the sentence gets the same answer. */
    cr_assert(!vemu_config_parse(cfg, text, NULL));
    vemu_config_free(cfg);
}

static void value_is(const char *text, const char *key, const char *value)
{
    struct vemu_config *cfg = parsed(text);
    const char *seen = vemu_config_get(cfg, key);

    if (value)
        cr_assert_str_eq(seen ? seen : "(unset)", value);
    else
        cr_assert_null(seen);
    vemu_config_free(cfg);
}

/* ---- spellings ------------------------------------------------------------------------------- */

Test(config, both_styles_and_both_dashes_write_the_same_keys)
{
    value_is("-M q35", "machine", "q35");
    value_is("--machine q35", "machine.type", "q35");
    value_is("--machine=q35,hpet=off", "machine.hpet", "off");
    value_is("-m 1G", "memory", "1G");
    value_is("--memory=1G", "memory.size", "1G");
    value_is("-smp 4", "smp", "4");
    value_is("--cpus 4", "smp.cpus", "4");
    value_is("-no-reboot", "reboot", "off");
    value_is("--no-reboot", "reboot", "off");
    value_is("-S", "start", "off");
    value_is("--wait-gdb", "start", "off");
    value_is("-s", "gdb", "tcp::1234");
    value_is("-nographic -nodefaults", "defaults", "off");
    value_is("-display none -vga none -monitor none", "vga", "none");
    value_is("-boot order=c -k de", "boot.order", "c");
    value_is("-boot dc,once=n,menu=on", "boot", "dc");
}

Test(config, net_makes_a_virtio_card_unless_it_names_a_model)
{
    value_is("--net user", "nic.model", "virtio");
    value_is("--net user,hostfwd=tcp::2222-:22", "nic.model", "virtio");
    value_is("--net user,model=e1000", "nic.model", "e1000");
    value_is("-nic user,model=virtio-net-pci", "nic.model", "virtio-net-pci");
    value_is("-nic user", "nic.model", NULL);
}

Test(config, later_settings_win_and_properties_merge)
{
    value_is("-m 1G -m 2G", "memory", "2G");
    value_is("-M q35,hpet=off -M acpi=off", "machine.hpet", "off");
    value_is("-M hpet=off -M q35", "machine", "q35");
}

Test(config, lists_grow_in_order_and_set_empties_them)
{
    struct vemu_config *cfg = parsed("-device a,x=1 -device b -serial stdio");
    const struct config_node *first = config_find(cfg, "device");

    cr_assert_eq(vemu_config_count(cfg, "device"), 2);
    cr_assert_str_eq(config_child_value(first, "driver"), "a");
    cr_assert_str_eq(config_child_value(first, "x"), "1");
    cr_assert_null(vemu_config_get(cfg, "device"));
    cr_assert(vemu_config_set(cfg, "device", "c", NULL));
    cr_assert_eq(vemu_config_count(cfg, "device"), 1);
    cr_assert(vemu_config_add(cfg, "serial", "null", NULL));
    cr_assert_eq(vemu_config_count(cfg, "serial"), 2);
    vemu_config_free(cfg);
}

Test(config, enable_kvm_is_another_spelling_of_accel)
{
    struct vemu_config *cfg = parsed("-enable-kvm -M q35");
    const struct config_node *node = config_find(cfg, "accel");

    cr_assert_eq(vemu_config_count(cfg, "accel"), 1);
    cr_assert_str_eq(config_child_value(node, "accel"), "kvm");
    vemu_config_free(cfg);
}

Test(config, machine_accel_is_another_spelling_of_accel)
{
    struct vemu_config *cfg = parsed("-M pc,accel=kvm:tcg");
    const struct config_node *node = config_find(cfg, "accel");

    cr_assert_eq(vemu_config_count(cfg, "accel"), 2);
    cr_assert_str_eq(config_child_value(node, "accel"), "kvm");
    cr_assert_null(vemu_config_get(cfg, "machine.accel"));
    vemu_config_free(cfg);
}

Test(config, a_clone_is_equal_and_its_own)
{
    struct vemu_config *cfg = parsed("-M q35,hpet=off -device d,id=x -append 'a b'");
    struct vemu_config *copy = vemu_config_clone(cfg);

    vemu_config_free(cfg);
    cr_assert_str_eq(vemu_config_get(copy, "machine.hpet"), "off");
    cr_assert_str_eq(vemu_config_get(copy, "append"), "a b");
    cr_assert_eq(vemu_config_count(copy, "device"), 1);
    vemu_config_free(copy);
}

Test(config, node_text_gives_back_what_was_parsed)
{
    struct vemu_config *cfg = parsed("-chardev socket,id=c,path=/a,,b,server=on");
    char *text =
        config_node_text(config_find(cfg, "chardev"), "backend", (const char *const[]){"id", NULL});

    cr_assert_str_eq(text, "socket,path=/a,,b,server=on");
    vemu_string_free(text);
    vemu_config_free(cfg);
}

/* ---- strings --------------------------------------------------------------------------------- */

Test(config, strings_are_split_like_words_of_a_shell)
{
    value_is("-append 'a b'", "append", "a b");
    value_is("-append \"a 'b\" ", "append", "a 'b");
    value_is("-append a\\ b", "append", "a b");
    value_is("-append ''", "append", "");
    value_is("# all of it\n-m 1G # and more\n\t-kernel k", "kernel", "k");
    value_is("-append 'x#y' -m 64", "memory", "64");
    value_is("", "memory", NULL);
    refused("-append 'a", "a quote is not closed in '-append 'a'");
}

/* ---- memory and processors ------------------------------------------------------------------- */

Test(config, memory_counts_mebibytes_by_default)
{
    unsigned long long bytes;

    cr_assert(config_memory_parse("512", &bytes));
    cr_assert_eq(bytes, 512ull << 20);
    cr_assert(config_memory_parse("8G", &bytes));
    cr_assert_eq(bytes, 8ull << 30);
    cr_assert(!config_memory_parse("-1", &bytes));
    cr_assert(!config_memory_parse("99999999999999999999", &bytes));
}

Test(config, cpu_counts_come_from_any_of_the_topology)
{
    static const struct {
        const char *text;
        unsigned cpus;
    } cases[] = {
        {"-smp 4", 4},
        {"-smp cpus=2,maxcpus=2", 2},
        {"-smp sockets=2,cores=2,threads=2", 8},
        {"-smp 8,sockets=2,cores=2,threads=2", 8},
        {"-smp 8,cores=4", 8},
        {"-smp 64", 64},
        {"-smp maxcpus=3", 3},
        {"-smp 2,dies=1,clusters=1", 2},
        {"-m 64", 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vemu_config *cfg = parsed(cases[i].text);
        cr_assert_eq(config_smp_cpus(config_find(cfg, "smp")), cases[i].cpus, "%s", cases[i].text);
        vemu_config_free(cfg);
    }
}

/* ---- mistakes -------------------------------------------------------------------------------- */

Test(config, mistakes_name_option_value_and_what_would_be_right)
{
    static const char *const cases[][2] = {
        {"-m abc", "-m: 'abc' is not a memory size; use a number with K, M, G or T, such as 512M "
                   "(a number alone counts MiB)"},
        {"--memory=0", "--memory: a machine needs more memory than '0', such as 512M"},
        {"-m", "-m needs a value: SIZE, such as -m 512M"},
        {"-m ''", "-m needs a value: SIZE, such as 512M"},
        {"-m 128M,maxmem=4G", "-m: adding memory to a running machine is not available yet; give "
                              "the size alone, such as 512M"},
        {"-m 128M,sice=1", "-m: 'sice' is not one of its properties; did you mean 'size'?"},
        {"-smp 0", "-smp: cpus is '0', but must be a number from 1 to 64"},
        {"-smp 65", "-smp: cpus is '65', but must be a number from 1 to 64"},
        {"-smp x", "-smp: cpus is 'x', but must be a number from 1 to 64"},
        {"-smp 4,cores=3",
         "-smp: sockets, cores and threads make 3 vCPUs, which does not fit cpus=4"},
        {"-smp 2,maxcpus=4", "-smp: maxcpus=4 above cpus=2: adding vCPUs to a running machine is "
                             "not available yet; use maxcpus=2"},
        {"-smp 4,maxcpus=2", "-smp: maxcpus=2 is below cpus=4; it must not be smaller"},
        {"-smp sockets=64,cores=2",
         "-smp: sockets, cores and threads make 128 vCPUs, but 64 is the most"},
        {"-kernl x", "-kernl is not an option; did you mean -kernel?"},
        {"--intrd x", "--intrd is not an option; did you mean --initrd?"},
        {"-zzzzzz", "-zzzzzz is not an option; -help lists what there is"},
        {"-", "'-' is neither an option nor a disk image: options begin with a dash and have a "
              "name"},
        {"-fda x", "-fda is not available yet: there is no floppy drive so far"},
        {"-drive if=none", "-drive needs file=, as in file=disk.qcow2,if=virtio"},
        {"-drive file=x,if=scsi",
         "-drive: if=scsi is not available yet; use ide, virtio, none, pflash"},
        {"-drive file=x,format=vmdk", "-drive: format is 'vmdk', but must be one of raw, qcow2"},
        {"-drive file=x,cache=yes", "-drive: cache is 'yes', but must be one of writeback, "
                                    "writethrough, none, directsync, unsafe"},
        {"-drive file=x,fromat=raw",
         "-drive: 'fromat' is not one of its properties; did you mean 'format'?"},
        {"--disk x,size=big", "--disk: size 'big' is not a size; use a number with K, M, G or T, "
                              "such as 20G"},
        {"-blockdev qcow2", "-blockdev needs node-name=, as in driver=qcow2,node-name=disk0,"
                            "file.driver=file,file.filename=disk.qcow2"},
        {"-blockdev nbd,node-name=a",
         "-blockdev: driver is 'nbd', but must be one of file, host_device, raw, qcow2"},
        {"-blockdev '{\"driver\":}'", "-blockdev: in '{\"driver\":}' a value is expected at '}'"},
        {"-device '{\"driver\":\"x\",\"a\":[1,2}'",
         "-device: in '{\"driver\":\"x\",\"a\":[1,2}' ',' or ']' is expected at '}'"},
        {"-display gtk", "-display 'gtk' is not available; use none, vnc or sdl"},
        {"-display sdl,gl=on",
         "-display: gl=on is not available yet: guests draw in 2D; use gl=off"},
        {"-display sdl,grab-mod=alt",
         "-display: grab-mod 'alt': want lctrl-lalt, lshift-lctrl-lalt or rctrl"},
        {"-display sdl,to=5", "-display: 'to' is not known here: use full-screen, window-close, "
                              "show-cursor, grab-mod and gl=off"},
        {"-mon chardev=a,mode=graphics",
         "-mon: mode 'graphics': want control (QMP) or readline (for people)"},
        {"-vnc 127.0.0.1:0,share=all",
         "-vnc: share 'all': want allow-exclusive, force-shared or ignore"},
        {"-vnc to=5", "-vnc needs an address first: HOST:N, unix:PATH, fd:N or none"},
        {"-gdb tcp:1", "-gdb: 'tcp:1' is not a place to wait for gdb; use tcp:HOST:PORT, such as "
                       "tcp::1234, or unix:PATH"},
        {"-gdb tcp::65536", "-gdb: 'tcp::65536' is not a place to wait for gdb; use "
                            "tcp:HOST:PORT, such as tcp::1234, or unix:PATH"},
        {"-rtc base=soon",
         "-rtc: base 'soon' is not a time; use utc, localtime or YYYY-MM-DDTHH:MM:SS from 1970 on"},
        {"-uuid 1-2", "-uuid: '1-2' is not a UUID; use 32 hexadecimal digits grouped as "
                      "12345678-1234-1234-1234-123456789abc"},
        {"--no-reboot=1", "--no-reboot takes no value, but got '1'"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i][0], cases[i][1]);
}

Test(config, keys_are_checked_like_options)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;

    cr_assert(!vemu_config_set(cfg, "memmory", "1G", &err));
    cr_assert_str_eq(vemu_error_message(err),
                     "'memmory' is not a configuration key; did you mean 'memory'?");
    vemu_error_free(err);
    err = NULL;
    cr_assert(!vemu_config_set(cfg, "reboot", "perhaps", &err));
    cr_assert_str_eq(vemu_error_message(err), "reboot: 'perhaps' is neither on nor off");
    vemu_error_free(err);
    err = NULL;
    cr_assert(!vemu_config_add(cfg, "memory", "1G", &err));
    vemu_error_free(err);
    cr_assert(!vemu_config_set(cfg, "kernel", NULL, NULL));
    cr_assert(!vemu_config_set(cfg, "memory.size", "x", NULL));
    cr_assert(vemu_config_set(cfg, "memory.size", "1G", NULL));
    cr_assert_str_eq(vemu_config_get(cfg, "memory"), "1G");
    vemu_config_free(cfg);
}

/* ---- questions ------------------------------------------------------------------------------- */

static void answer_has(const char *text, const char *part)
{
    struct vemu_config *cfg = parsed(text);
    const char *answer = vemu_config_answer(cfg, VEMU_CONFIG_SYSTEM);

    cr_assert_not_null(answer, "%s", text);
    cr_assert(strstr(answer, part), "%s answers: %s", text, answer);
    vemu_config_free(cfg);
}

Test(config, help_lists_come_from_the_tables)
{
    answer_has("-help", "-kernel FILE");
    answer_has("-machine help", "q35");
    answer_has("-M pc,help", "Properties of machine type pc");
    answer_has("-cpu help", "max");
    answer_has("-accel help", "tcg");
    answer_has("-device help", "isa-debug-exit");
    answer_has("-device isa-debug-exit,help", "iobase=N");
    answer_has("-device ?", "isa-debug-exit");
    answer_has("-d help", "guest_error");
    answer_has("-serial help", "ringbuf");
    answer_has("-version", VEMU_VERSION_STRING);
    value_is("-m 1G", "memory", "1G");
}

Test(config, every_option_has_a_help_line)
{
    char *run = vemu_config_option_help(VEMU_CONFIG_RUN);
    char *system_style = vemu_config_option_help(VEMU_CONFIG_SYSTEM);
    char *keys = vemu_config_key_help();

    cr_assert(strstr(run, "--memory SIZE"));
    cr_assert(strstr(system_style, "-m SIZE"));
    cr_assert(strstr(keys, "kernel=FILE"));
    vemu_string_free(run);
    vemu_string_free(system_style);
    vemu_string_free(keys);
}

/* ---- spelling distance ----------------------------------------------------------------------- */

Test(text, distance_counts_letters_and_swaps)
{
    cr_assert_eq(text_distance("", ""), 0);
    cr_assert_eq(text_distance("kernel", "kernl"), 1);
    cr_assert_eq(text_distance("q35", "q53"), 1);
    cr_assert_eq(text_distance("abc", "xyz"), 3);
    cr_assert_eq(text_distance("a", "0123456789012345678901234567890123456789012"), 99);
}
