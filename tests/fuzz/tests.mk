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

# Built anew as a whole, with clang's instrumentation: of core, or of the library for the targets
# that make machines.
fuzz_machines := qmp
fuzz_sources = $(addprefix $(srcdir)/,tests/fuzz/$(1).c \
    $(if $(filter $(1),$(fuzz_machines)),$(foreach l,$(layers),$($(l)_src)),$(core_src)))
define fuzz_target
fuzz/$(1): $$(call fuzz_sources,$(1))
	@mkdir -p fuzz
	$$(call say,FUZZ,$$@)$$(FUZZ_CC) -g -O1 -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=undefined -std=gnu11 $$(CPPFLAGS_ALL) -pthread -o $$@ $$^ $$(LIBS)
endef
$(foreach t,$(fuzz_targets),$(eval $(call fuzz_target,$(t))))

.PHONY: $(addprefix fuzz-,$(fuzz_targets))
$(addprefix fuzz-,$(fuzz_targets)): fuzz-%: fuzz/%
	@mkdir -p fuzz/found-$*
	cd fuzz && ./$* -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=20 -max_len=131072 \
	    found-$* $(abspath $(srcdir))/tests/fuzz/corpus/$*
