# Each .c file here but driver.c is a fuzz target, NAME.c with its corpus in corpus/NAME. In CI the
# driver runs the corpus and mutations by fixed seeds; `make fuzz-NAME` runs libFuzzer (clang) with
# ASan and UBSan, FUZZ_SECONDS long, and puts what it finds new into the build directory.
fuzz_targets := $(filter-out driver,$(patsubst tests/fuzz/%.c,%,$(call find,tests/fuzz/*.c)))
fuzz_programs := $(addprefix tests/fuzz/,$(fuzz_targets))
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 600
TESTS_fuzz += $(fuzz_programs)

$(fuzz_programs): %: obj/%.o obj/tests/fuzz/driver.o $(archives)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -o $@ $(LDFLAGS_ALL) $< obj/tests/fuzz/driver.o \
	    -Wl,--start-group $(archives) -Wl,--end-group $(LIBS)
test_obj += $(addprefix obj/,$(addsuffix .o,$(fuzz_programs) tests/fuzz/driver))

# Built anew as a whole, with clang's instrumentation: core is all that the targets need so far.
fuzz/%: $(srcdir)/tests/fuzz/%.c $(addprefix $(srcdir)/,$(core_src))
	@mkdir -p fuzz
	$(call say,FUZZ,$@)$(FUZZ_CC) -g -O1 -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=undefined -std=gnu11 $(CPPFLAGS_ALL) -pthread -o $@ $^ -ldl -lm

.PHONY: $(addprefix fuzz-,$(fuzz_targets))
$(addprefix fuzz-,$(fuzz_targets)): fuzz-%: fuzz/%
	@mkdir -p fuzz/found-$*
	cd fuzz && ./$* -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=20 -max_len=131072 \
	    found-$* $(abspath $(srcdir))/tests/fuzz/corpus/$*
