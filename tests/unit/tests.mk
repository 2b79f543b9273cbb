# The criterion programs come from Makefile.in; the project's checks on itself run with this layer.
TESTS_unit += $(addprefix $(srcdir)/,$(call find,tests/checks/check-*.sh))
# The viewer's side of TLS and of passwords is the libraries' own.
tests/vemu-unit-tests: LIBS += $(if $(filter yes,$(GNUTLS)),-lgnutls) $(if $(filter yes,$(NETTLE)),-lnettle)
check-unit check-programs: libvemu.so.0 tools/coverage-x86 tools/coverage-arm

# 1,000 machines, x86 and Arm ones, created, run and destroyed in one process; in a build with --enable-sanitizer=address
# nothing may be left when it ends.
.PHONY: machine-cycles
machine-cycles: tests/unit/programs/machine_api
	VEMU_TEST_CYCLES=1000 LSAN_OPTIONS=print_suppressions=0:suppressions=$(srcdir)/tests/checks/lsan.txt \
	    tests/unit/programs/machine_api

# The same under KVM, with the counts of what is left in the process.
.PHONY: kvm-cycles
kvm-cycles: tests/unit/programs/kvm_machines
	VEMU_TEST_CYCLES=1000 tests/unit/programs/kvm_machines

# Longer runs of what CI does briefly: 5,000 random operations on each kind of qcow2 image, and 100
# kills of a process that writes to one.
.PHONY: block-random block-kill
block-random: tests/unit/programs/block_random
	VEMU_TEST_OPS=5000 tests/unit/programs/block_random
block-kill: tests/unit/programs/block_kill
	VEMU_TEST_KILLS=100 tests/unit/programs/block_kill

# What the encoder makes and what a live server sends, shown by an independent client.
ifeq ($(shell pkg-config --exists libvncclient 2>/dev/null && echo yes),yes)
vncclient_tests := $(addprefix tests/unit/libvncclient/,vnc_client vnc_live vnc_refine)
# For tests/cli/vnc_auth.py.
vncclient_programs := $(vncclient_tests) tests/unit/libvncclient/vnc_connect
TESTS_unit += $(vncclient_tests)
check-unit check-programs: tests/unit/libvncclient/vnc_connect
$(vncclient_programs): %: obj/%.o $(archives)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -o $@ $(LDFLAGS_ALL) $< \
	    -Wl,--start-group $(archives) -Wl,--end-group $(LIBS) -lvncclient
-include $(vncclient_programs:%=obj/%.d)
else
TESTS_unit += skip:built_without_libvncserver-dev
endif
