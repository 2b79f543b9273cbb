# The command as a program: what it says of mistakes, and what it leaves behind. Runs with unit.
TESTS_unit += $(srcdir)/tests/cli/mistakes.sh
