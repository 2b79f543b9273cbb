# Programs that compare with the host CPU: tests/oracle/NAME.c, linked like the unit tests' programs.
oracle_programs := $(patsubst %.c,%,$(call find,tests/oracle/*.c))
TESTS_oracle += $(oracle_programs)
$(oracle_programs): %: obj/%.o $(archives)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -o $@ $(LDFLAGS_ALL) $< \
	    -Wl,--start-group $(archives) -Wl,--end-group $(LIBS)
-include $(addprefix obj/,$(addsuffix .d,$(oracle_programs)))

# The long run; ORACLE_ARGS="-s SEED" for another one.
ORACLE_COUNT ?= 2000000
.PHONY: oracle-long
oracle-long: tests/oracle/oracle
	tests/oracle/oracle -n $(ORACLE_COUNT) $(ORACLE_ARGS)
