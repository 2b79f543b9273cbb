# The criterion programs come from Makefile.in; the project's checks on itself run with this layer.
TESTS_unit += $(addprefix $(srcdir)/,$(call find,tests/checks/check-*.sh))
check-unit check-programs: libvemu.so.0 tools/coverage-x86
