# The command as a program: what it says of mistakes and leaves behind, its terminal, and a stock gdb
# attached to it. Runs with unit.
TESTS_unit += $(addprefix $(srcdir)/,$(call find,tests/cli/*.sh))
