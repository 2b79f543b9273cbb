# Programs that compare with the host CPU: tests/oracle/NAME.c, linked like the unit tests' programs.
oracle_programs := $(patsubst %.c,%,$(call find,tests/oracle/*.c))
TESTS_oracle += $(oracle_programs) $(srcdir)/tests/oracle/oracle-inject.sh
$(oracle_programs): %: obj/%.o $(archives)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -o $@ $(LDFLAGS_ALL) $< \
	    -Wl,--start-group $(archives) -Wl,--end-group $(LIBS)
-include $(addprefix obj/,$(addsuffix .d,$(oracle_programs)))

# 2 million sequences; SEED=N for others than the last time's.
SEED ?= 1
.PHONY: oracle-long oracle-mutants
oracle-long: tests/oracle/oracle
	tests/oracle/oracle -n 2000000 -s $(SEED) -l

# Faults planted one at a time: how many does a run of CI's length notice?
oracle-mutants: tests/oracle/oracle tests/oracle/arm_oracle tests/oracle/arm_fp
	@VEMU_SRC='$(srcdir)' MUTANTS='$(MUTANTS)' CC='$(CC)' CFLAGS='$(CPPFLAGS_ALL) $(CFLAGS_ALL)' \
	    LDFLAGS='$(LDFLAGS_ALL)' ARCHIVES='$(archives)' LIBS='$(LIBS)' \
	    sh $(srcdir)/tests/oracle/mutate.sh
